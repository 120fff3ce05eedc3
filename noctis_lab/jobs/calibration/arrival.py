"""The check of a CT series' scale from its files, kept as a record; it never refuses anything."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from noctis_lab.analysis.calibration.arrival import (
    CHECK_VERSION,
    ArrivalCheck,
    StatedSeries,
    check_values,
    find_reason_not_to,
    pick_planes,
    pixel_step,
)
from noctis_lab.catalog.hu_records import WORKER, HuKind, HuRecord, find_latest
from noctis_lab.catalog.records import InstanceRow, SeriesRow
from noctis_lab.catalog.store import Catalog
from noctis_lab.dicom.header import Header
from noctis_lab.dicom.rescale import to_float32
from noctis_lab.errors import (
    DecodeError,
    FileChanged,
    FrameNotFound,
    InvalidDicom,
    NoPixels,
    UnsupportedTransferSyntax,
)
from noctis_lab.ingest.ledger import Ledger
from noctis_lab.storage.files import Storage
from noctis_lab.volumes.frames import Frame, frames_of_rows
from noctis_lab.volumes.order import view_order
from noctis_lab.volumes.planes import instance_file, read_instance_header, read_plane
from noctis_lab.volumes.series_plan import read_frames

__all__ = ["check_arrival", "keep_check"]

logger = logging.getLogger(__name__)

_UNREADABLE: Final = (
    *(DecodeError, FileChanged, FrameNotFound, InvalidDicom, NoPixels),
    *(OSError, UnsupportedTransferSyntax),
)


def check_arrival(
    storage: Storage, catalog: Catalog, series: SeriesRow, rows: Sequence[InstanceRow]
) -> tuple[ArrivalCheck, int]:
    """Judge the scale of a CT series by some of its planes.

    Parameters
    ----------
    rows
        Its instances.

    Returns
    -------
    (ArrivalCheck, int)
        What was found, and in how many planes; "unknown" where they cannot be read.
    """
    images = _alike(view_order(rows))
    if not images:
        words = "It holds no images."
        return ArrivalCheck(status="not_applicable", reasons=(words,)), 0
    if not all(_kind_of(images[0])[1:3]):
        return ArrivalCheck(status="unknown", reasons=("Its images have no pixels.",)), 0
    try:
        frames = _frames_of(storage, images)
        picked = [frames[index] for index in pick_planes(len(frames))]
        stated = _stated(storage, catalog, series, picked)
        if find_reason_not_to(stated) is not None or stated.has_unread_modality_lut:
            return check_values(np.empty(0, np.float32), stated), 0
        values = np.concatenate([_values_of(storage, frame) for frame in picked])
        check = check_values(values, stated)
    except _UNREADABLE as error:
        # Never the error's own words: a source's path may hold a name.
        words = f"Its pixels cannot be read ({type(error).__name__})."
        return ArrivalCheck(status="unknown", reasons=(words,)), 0
    except Exception as error:  # noqa: BLE001 - an outer door: what is advisory holds nothing up
        name = type(error).__name__
        extra = {"SeriesInstanceUID": series.SeriesInstanceUID, "error": name}
        logger.error("the scale of a CT series could not be checked", extra=extra)
        return ArrivalCheck(status="unknown", reasons=(f"It could not be checked ({name}).",)), 0
    return check, len(picked)


def keep_check(
    storage: Storage,
    catalog: Catalog,
    ledger: Ledger,
    series: SeriesRow,
    rows: Sequence[InstanceRow],
) -> ArrivalCheck | None:
    """Check a CT series and record what was found, unless its newest record says so already.

    Returns
    -------
    ArrivalCheck or None
        None where it is no CT.
    """
    if series.Modality != "CT":
        return None
    check, plane_count = check_arrival(storage, catalog, series, rows)
    document = {
        "instance_count": len(rows),
        "check_version": CHECK_VERSION,
        "status": check.status,
        "reasons": " ".join(check.reasons),
        "offset_hu": _rounded(check.offset_hu),
        "air_hu": _rounded(check.air_hu),
        "tissue_hu": _rounded(check.tissue_hu),
        "plane_count": plane_count,
        "for_information": check.for_information,
    }
    known = find_latest(catalog, HuKind.SERIES_CHECK, [series.reference]).get(series.reference)
    if known is not None and document.items() <= known.document.items():
        return check
    ledger.record_hu(
        HuRecord(
            record_id=uuid4().hex,
            kind=HuKind.SERIES_CHECK,
            author=WORKER,
            recorded_at=catalog.clock(),
            document=document,
            reference=series.reference,
            StudyInstanceUID=series.StudyInstanceUID,
            SeriesInstanceUID=series.SeriesInstanceUID,
        )
    )
    if check.status in ("warn", "fail"):
        logger.warning(
            "the scale of a CT series is doubtful",
            extra={
                "SeriesInstanceUID": series.SeriesInstanceUID,
                "status": check.status,
                "offset_hu": document["offset_hu"],
            },
        )
    return check


def _alike(images: Sequence[InstanceRow]) -> list[InstanceRow]:
    """Return the images of the commonest kind: a localizer may stand in the same series."""
    kinds = Counter(map(_kind_of, images))
    if not kinds:
        return []
    ((commonest, _),) = kinds.most_common(1)
    return [image for image in images if _kind_of(image) == commonest]


def _kind_of(image: InstanceRow) -> tuple[Any, ...]:
    assert image.pixels is not None
    layout = image.pixels
    return image.SOPClassUID, layout.rows, layout.columns, image.contrast_digest


def _frames_of(storage: Storage, images: Sequence[InstanceRow]) -> list[Frame]:
    if all(image.pixels is not None and image.pixels.frames == 1 for image in images):
        return list(frames_of_rows(images))
    middle = images[len(images) // 2]  # one instance has frames enough
    return read_frames(storage, [middle])


def _stated(
    storage: Storage, catalog: Catalog, series: SeriesRow, frames: Sequence[Frame]
) -> StatedSeries:
    middle = frames[len(frames) // 2]
    header = read_instance_header(instance_file(storage, middle.row), middle.row)
    study = catalog.find_study(series.StudyInstanceUID)
    rescales = [frame.facts.rescale for frame in frames]
    words = (series.Manufacturer, series.ManufacturerModelName, series.SeriesDescription)
    return StatedSeries(
        Modality=series.Modality,
        SOPClassUID=middle.row.SOPClassUID,
        ImageType=_image_type(header),
        rescale_types=frozenset(None if one is None else one.units for one in rescales),
        is_grey=middle.layout.samples_per_pixel == 1
        and middle.layout.photometric_interpretation.startswith("MONOCHROME"),
        has_unread_modality_lut=any(frame.facts.has_unread_modality_lut for frame in frames),
        model=" ".join(word for word in words if word),
        study_modalities=() if study is None else study.modalities,
    )


def _image_type(header: Header) -> tuple[str, ...]:
    stated = header.text("ImageType") or header.text("FrameType") or ""
    return tuple(part.strip() for part in stated.split("\\"))


def _values_of(storage: Storage, frame: Frame) -> NDArray[np.float32]:
    stored = read_plane(instance_file(storage, frame.row), frame.row, frame.index)
    step = pixel_step(*stored.shape[:2])
    return to_float32(np.ascontiguousarray(stored[::step, ::step]), frame.facts.rescale).ravel()


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
