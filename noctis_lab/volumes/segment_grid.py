"""The grid that a segmentation's frames are put into: its source's, or one of their own."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from noctis_lab.catalog.records import InstanceRow, SeriesRow
from noctis_lab.dicom.segmentation import Segmentation
from noctis_lab.errors import DuplicatePositions, NoGeometry
from noctis_lab.volumes.axes import AXES
from noctis_lab.volumes.lattice import Lattice, fill_gaps, plan_lattice
from noctis_lab.volumes.source_grid import find_on_source
from noctis_lab.volumes.summary import describe_gaps

if TYPE_CHECKING:
    from noctis_lab.volumes.cache import Handle

__all__ = ["SegmentGrid", "find_segment_grid"]


#: Stated and true distances of planes are one where they differ by no more than this part.
_SAME_STEP = 0.05


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SegmentGrid:
    """The array that frames are put into."""

    dims: tuple[str, ...]  # (z, y, x), or (y, x) where there is no place in the patient
    shape: tuple[int, ...]
    coordinates: Mapping[Hashable, Any]
    places: tuple[int, ...]  # by frame: the index along z
    corner: tuple[int, int]  # row and column of each frame's first pixel
    attributes: Mapping[str, str | int]
    own: Lattice | None = None  # where it is the frames' own


def find_segment_grid(
    handle: Handle, series: SeriesRow, row: InstanceRow, stated: Segmentation
) -> SegmentGrid:
    """Return the grid of a segmentation: its source's where its frames lie on that one's voxels.

    Raises
    ------
    DuplicatePositions
        Two frames of a segment lie at one place.
    NoGeometry, MixedGeometry
        The frames form no one array.
    """
    assert row.pixels is not None
    matrix = (row.pixels.rows, row.pixels.columns)
    found, source_uid, note = find_on_source(handle, stated, series, matrix)
    attributes: dict[str, str | int] = {"grid": "own" if found is None else "source"}
    if source_uid is not None:
        attributes["SourceSeriesInstanceUID"] = source_uid
    if note is not None:
        attributes["geometry_note"] = note
    if found is not None:
        grid = SegmentGrid(
            dims=AXES,
            shape=found.shape,
            coordinates=found.coordinates,
            places=found.places,
            corner=found.corner,
            attributes=attributes,
        )
    else:
        grid = _own_grid(row, stated, matrix, attributes)
    _refuse_duplicates(row, stated, grid)
    return grid


def _own_grid(
    row: InstanceRow,
    stated: Segmentation,
    matrix: tuple[int, int],
    attributes: dict[str, str | int],
) -> SegmentGrid:
    planes = [frame.plane for frame in stated.frames]
    if all(plane.position_mm is None for plane in planes):
        numbers = [frame.number for frame in stated.frames]
        if len(set(numbers)) < len(numbers):
            raise NoGeometry(
                row.SeriesInstanceUID,
                "its frames state no place in the patient, and a segment has several",
                SOPInstanceUIDs=(row.SOPInstanceUID,),
            )
        return SegmentGrid(
            dims=AXES[1:],
            shape=matrix,
            coordinates={},
            places=(),
            corner=(0, 0),
            attributes=attributes | {"geometry_note": "It has no place in the patient."},
        )
    planned = plan_lattice(planes, matrix, SeriesInstanceUID=row.SeriesInstanceUID)
    lattice = fill_gaps(planned, slice_spacing_mm=stated.slice_spacing_mm)
    doubt = _doubtful_spacing(stated, lattice)
    if doubt is not None:
        attributes["geometry_note"] = " ".join(filter(None, (_note_of(attributes), doubt)))
    uneven = describe_gaps(lattice.placement)
    if uneven is not None:
        attributes["spacing_note"] = uneven
    return SegmentGrid(
        dims=AXES,
        shape=lattice.shape,
        coordinates=lattice.coordinates(stated.FrameOfReferenceUID),
        places=lattice.places,
        corner=(0, 0),
        attributes=attributes,
        own=lattice,
    )


def _note_of(attributes: Mapping[str, str | int]) -> str:
    return str(attributes.get("geometry_note", ""))


def _doubtful_spacing(stated: Segmentation, lattice: Lattice) -> str | None:
    """Return why planes that were left out as empty may be missing, or None."""
    if len(lattice.along_mm) < 2:
        return None
    step_mm = float(np.diff(lattice.along_mm).min()) * lattice.cosine
    expected_mm = stated.slice_spacing_mm or stated.slice_thickness_mm
    if expected_mm is None:
        return None
    whose = "SpacingBetweenSlices" if stated.slice_spacing_mm else "SliceThickness"
    off_mm = step_mm - expected_mm
    # A thickness says little of the spacing: only planes that lie farther apart are in doubt.
    is_doubtful = abs(off_mm) if stated.slice_spacing_mm else off_mm
    if is_doubtful <= _SAME_STEP * expected_mm:
        return None
    return (
        f"Its planes lie {step_mm:.4g} mm apart where {whose} is {expected_mm:.4g} mm: planes that "
        "were left out as empty may be missing."
    )


def _refuse_duplicates(row: InstanceRow, stated: Segmentation, grid: SegmentGrid) -> None:
    seen: set[tuple[int | None, int]] = set()
    for frame, place in zip(stated.frames, grid.places, strict=False):
        if (frame.number, place) in seen:
            whose = "" if frame.number is None else f" of segment {frame.number}"
            raise DuplicatePositions(
                row.SeriesInstanceUID,
                f"two frames{whose} lie at one place: which one holds is not stated",
                SOPInstanceUIDs=(row.SOPInstanceUID,),
            )
        seen.add((frame.number, place))
