"""What no record of an analysis keeps, curves and maps: measured again, as it was asked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from noctis_lab.analysis.calibration.analyse import ENGINE_VERSION
from noctis_lab.analysis.calibration.regions import PlacedRegion
from noctis_lab.analysis.calibration.result import HuAnalysis
from noctis_lab.errors import CannotCalibrate
from noctis_lab.jobs.calibration.certificates import find_certificate
from noctis_lab.jobs.calibration.documents import Asked, content_of
from noctis_lab.jobs.calibration.run import MOST_VOXELS, analyse_asked, load_bounded
from noctis_lab.jobs.calibration.scans import number_or_none, word_or_none

if TYPE_CHECKING:
    from noctis_lab.catalog.records import SeriesRow
    from noctis_lab.volumes.cache import Handle

__all__ = ["measure_again"]


def measure_again(
    handle: Handle, series: SeriesRow, told: Mapping[str, Any], *, most_voxels: int = MOST_VOXELS
) -> HuAnalysis:
    """Return the analysis that is recorded of a series, with its arrays; nothing is recorded.

    Parameters
    ----------
    told
        The record's document, or its row of `hu_analysis`.
    most_voxels
        Of a series with more nothing is read.

    Raises
    ------
    CannotCalibrate
        ``other_engine``, ``other_images``: what was measured is to be had no more; ``too_large``;
        or as `analyse`.
    FileChanged, DecodeError, CompressedPixels
        Its pixels cannot be read.
    """
    if told.get("engine_version") != ENGINE_VERSION:
        raise CannotCalibrate(
            "other_engine", f"the engine is version {ENGINE_VERSION} by now: analyse it again"
        )
    if told.get("content_sha256") != content_of(handle, series):
        raise CannotCalibrate(
            "other_images", "the series has other images by now: analyse it again"
        )
    overrides = json.loads(word_or_none(told.get("overrides")) or "{}")
    regions = overrides.get("regions") or {}
    return analyse_asked(
        load_bounded(handle, series, most_voxels=most_voxels),
        kvp=number_or_none(told.get("KVP")),
        thickness_mm=number_or_none(told.get("SliceThickness")),
        asked=Asked(
            model=overrides.get("model"),
            z_mm=overrides.get("z_mm"),
            regions={name: PlacedRegion(**place) for name, place in regions.items()},
            serial=word_or_none(told.get("phantom_serial")),
            tolerances=word_or_none(told.get("tolerance_set")),
        ),
        own=find_certificate(handle.catalog, word_or_none(told.get("certificate_id"))),
    )
