"""Voxels of a series, each kind of object by its own reader: the one place that tells which."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Unpack

from noctis_lab.catalog.records import InstanceRow, SeriesRow
from noctis_lab.dicom.object_kinds import DOSE, SEGMENTATIONS
from noctis_lab.errors import OtherObject, SeriesNotFound, SeveralStacks, UnsupportedSeries
from noctis_lab.volumes.conversion import ValueOptions
from noctis_lab.volumes.dose import open_dose
from noctis_lab.volumes.frames import number_key_of_row
from noctis_lab.volumes.other_objects import VOXEL_OBJECTS
from noctis_lab.volumes.plan import Duplicates
from noctis_lab.volumes.real_world import parse_real_world
from noctis_lab.volumes.segments import Segments, open_segments
from noctis_lab.volumes.series_plan import find_stack, reference_of
from noctis_lab.volumes.stack_voxels import open_stack
from noctis_lab.volumes.voxels import Voxels

if TYPE_CHECKING:
    from noctis_lab.volumes.cache import Handle

__all__ = ["open_segmentation", "open_voxels"]

_NAMED = 5


def open_voxels(
    handle: Handle,
    reference: str,
    *,
    stack: int | None = None,
    duplicates: Duplicates | None = None,
    **options: Unpack[ValueOptions],
) -> Voxels:
    """Open a stack of images, a dose grid, or all segments of a segmentation.

    Parameters
    ----------
    handle
        The open archive.
    reference
        Of the series: its SeriesInstanceUID, or `SeriesRow.reference`.
    stack, duplicates, **options
        As `load.load`; of doses and segmentations `stack` counts instances, by InstanceNumber.

    Raises
    ------
    SeriesNotFound
        No such series here.
    SeveralStacks
        There are several arrays and `stack` names none.
    UnsupportedSeries
        `mask_padding` or `real_world` is asked of doses or segments; or as the readers say.
    CannotStack, CompressedPixels, DecodeError, FileChanged
        As the readers say.
    """
    try:
        series, chosen = find_stack(handle, reference, stack, duplicates=duplicates)
    except OtherObject:
        return _open_object(handle, reference, stack, **options)
    return open_stack(handle, series, chosen, **options)


def _open_object(
    handle: Handle, reference: str, stack: int | None, **options: Unpack[ValueOptions]
) -> Voxels:
    series, rows = _find(handle, reference, VOXEL_OBJECTS)
    uid = series.SeriesInstanceUID
    if options.get("mask_padding"):
        raise UnsupportedSeries(uid, "doses and segments have no padding: leave mask_padding out")
    if parse_real_world(options.get("real_world"), uid) is not None:
        raise UnsupportedSeries(
            uid, "doses and segments have no real world value mappings: leave real_world out"
        )
    index = 0 if stack is None and len(rows) == 1 else stack
    if index is None or not 0 <= index < len(rows):
        raise SeveralStacks(
            uid,
            f"it holds {len(rows)} dose grid(s) or segmentation(s), each an array of its own; name "
            f"one by stack=: {_listed(rows)}",
            SOPInstanceUIDs=tuple(row.SOPInstanceUID for row in rows),
        )
    row = rows[index]
    dtype, stored = options.get("dtype"), options.get("stored", False)
    if row.SOPClassUID == DOSE:
        return open_dose(handle, series, row, dtype=dtype, stored=stored)
    return open_segments(handle, series, row).open(dtype=dtype, stored=stored)


def open_segmentation(
    handle: Handle, series: str | SeriesRow, *, SOPInstanceUID: str | None = None
) -> Segments:
    """Open a segmentation of a series.

    Parameters
    ----------
    series
        Its row, or its SeriesInstanceUID.
    SOPInstanceUID
        Which one, where the series holds several.

    Raises
    ------
    SeriesNotFound, NotUnique
        As `series_plan.reference_of`.
    UnsupportedSeries
        It holds none, not that one, or several and none is named; or as
        `segmentation.parse_segmentation` says.
    NoPixels, FileChanged
        As `segments.open_segments`.
    """
    row, rows = _find(handle, reference_of(handle, series), SEGMENTATIONS)
    wanted = [one for one in rows if SOPInstanceUID in (None, one.SOPInstanceUID)]
    if len(wanted) != 1:
        several = f"{len(wanted)} segmentations; name one by SOPInstanceUID: {_listed(rows)}"
        raise UnsupportedSeries(
            row.SeriesInstanceUID,
            f"it holds {several if wanted else 'no such segmentation (SEG)'}",
            SOPInstanceUIDs=tuple(one.SOPInstanceUID for one in rows),
        )
    return open_segments(handle, row, wanted[0])


def _find(
    handle: Handle, reference: str, classes: frozenset[str] | set[str]
) -> tuple[SeriesRow, list[InstanceRow]]:
    """Return a series and its instances of some classes, by InstanceNumber."""
    series = handle.catalog.find_series(reference)
    if series is None:
        raise SeriesNotFound(
            f"series {reference} is not in this archive", SeriesInstanceUID=reference
        )
    rows = [row for row in handle.catalog.instances_of(reference) if row.SOPClassUID in classes]
    return series, sorted(rows, key=number_key_of_row)


def _listed(rows: Sequence[InstanceRow]) -> str:
    listed = [f"{index}: {row.SOPInstanceUID}" for index, row in enumerate(rows[:_NAMED])]
    return "; ".join(listed) + ("; …" if len(rows) > _NAMED else "")
