"""An analysis' arrays, which no record keeps: measured again from the images, as it was asked."""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from noctis_lab.analysis.calibration.regions import PlacedRegion
from noctis_lab.analysis.calibration.result import HuAnalysis
from noctis_lab.errors import CannotCalibrate
from noctis_lab.jobs.calibration.documents import Asked
from noctis_lab.jobs.calibration.run import analyse_asked
from noctis_lab.views.calibration.numbers import number_of, text_of
from noctis_lab.volumes.load import load

if TYPE_CHECKING:
    from noctis_lab.catalog.records import SeriesRow
    from noctis_lab.lab import Lab

__all__ = ["analyse_again"]

#: 400 planes of 512 × 512, some 400 MB while it is measured; of more a page shows the records.
_MOST_VOXELS: Final = 400 * 512 * 512
_MOST_KEPT: Final = 16  # analyses, of some 200 kB each
_kept: OrderedDict[str, HuAnalysis] = OrderedDict()
_one_at_a_time = threading.Lock()


def analyse_again(lab: Lab, series: SeriesRow, row: Mapping[str, Any]) -> HuAnalysis:
    """Return the analysis that a row of `hu_analysis` is of, with its arrays; nothing is recorded.

    The newest of a process are kept. One is measured at a time, so that many visitors take no more
    memory than one.

    Raises
    ------
    CannotCalibrate
        ``too_large``: it is too large to be measured for a page; or as `analyse`, where the series
        or the engine is another than it was.
    NoctisError
        Its pixels cannot be read.
    """
    analysis_id = str(row["analysis_id"])
    with _one_at_a_time:
        found = _kept.get(analysis_id)
        if found is None:
            found = _kept[analysis_id] = _analyse(lab, series, row)
        _kept.move_to_end(analysis_id)
        while len(_kept) > _MOST_KEPT:
            _kept.popitem(last=False)
    return found


def _analyse(lab: Lab, series: SeriesRow, row: Mapping[str, Any]) -> HuAnalysis:
    voxels = sum(
        image.pixels.frames * image.pixels.rows * image.pixels.columns
        for image in lab.catalog.instances_of(series.reference)
        if image.pixels is not None
    )
    if voxels > _MOST_VOXELS:
        raise CannotCalibrate(
            "too_large",
            f"it has {voxels} voxels, and {_MOST_VOXELS} are the most that a page measures: "
            "use series.calibrate().plot() in a notebook",
        )
    told = json.loads(text_of(row["overrides"]) or "{}")
    regions = {name: PlacedRegion(**place) for name, place in told.get("regions", {}).items()}
    asked = Asked(
        model=told.get("model"),
        z_mm=told.get("z_mm"),
        regions=regions,
        serial=text_of(row["phantom_serial"]) or None,
        tolerances=text_of(row["tolerance_set"]) or None,
    )
    thickness_mm = number_of(row["SliceThickness"])
    volume = load(lab.handle, series)
    return analyse_asked(volume, kvp=number_of(row["KVP"]), thickness_mm=thickness_mm, asked=asked)
