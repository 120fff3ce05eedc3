"""The grid of the images that a segmentation was made of, where its frames lie on that grid."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from noctis_lab.catalog.records import SeriesRow
from noctis_lab.dicom.geometry import PlaneGeometry
from noctis_lab.dicom.segmentation import Segmentation
from noctis_lab.errors import CannotStack
from noctis_lab.volumes.assemble import coordinates_of
from noctis_lab.volumes.axes import AXES, GEOMETRY
from noctis_lab.volumes.series_plan import find_plan

if TYPE_CHECKING:
    from noctis_lab.volumes.cache import Handle

__all__ = ["OnSource", "find_on_source"]

#: Of a step: a frame's corners may lie this far from the source's voxel centres. Positions are
#: decimal strings, which writers round.
_OFF = 0.05
#: Instances that are looked up to find a series that is not named.
_MOST_LOOKUPS = 64


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OnSource:
    """Where a segmentation's frames lie in its source's volume."""

    coordinates: Mapping[Hashable, Any]  # z, y, x and `patient_lps`, as the volume has them
    shape: tuple[int, int, int]
    places: tuple[int, ...]  # by frame: the index along z
    corner: tuple[int, int]  # row and column of each frame's first pixel


def find_on_source(
    handle: Handle, segmentation: Segmentation, series: SeriesRow, matrix: tuple[int, int]
) -> tuple[OnSource | None, str | None, str | None]:
    """Find the volume that a segmentation was made of, if its frames lie on that volume's grid.

    Parameters
    ----------
    handle
        The open archive.
    segmentation, series
        What it states, and its own series: sources are sought in the same study first.
    matrix
        (rows, columns) of its frames.

    Returns
    -------
    OnSource or None
        None where there is no such volume; the note says why.
    str or None
        SeriesInstanceUID of the source, found or only named.
    str or None
        A sentence for people; None where all is well.
    """
    source = _find_series(handle, segmentation, series)
    if source is None:
        named = segmentation.SourceSeriesUIDs
        if not named and not segmentation.SourceInstanceUIDs:
            return None, None, "It names no source; it lies on a grid of its own."
        return (
            None,
            named[0] if named else None,
            ("Its source series is not in this archive; it lies on a grid of its own."),
        )
    uid = source.SeriesInstanceUID
    ours, spaces = segmentation.FrameOfReferenceUID, set[str]()
    planes = [frame.plane for frame in segmentation.frames]
    try:
        for coordinates, shape in _volumes_of(handle, source):
            theirs = coordinates[GEOMETRY][2].get("FrameOfReferenceUID")
            if ours is not None and theirs is not None and ours != theirs:
                spaces.add(theirs)
                continue
            found = _fit(planes, matrix, coordinates, shape)
            if found is not None:
                return found, uid, None
    except CannotStack as error:
        return (
            None,
            uid,
            (f"Its source series is no one volume ({error.reason}); it lies on a grid of its own."),
        )
    where = "in another frame of reference" if spaces else "on other voxels than its source's"
    return None, uid, f"Its frames lie {where}; it lies on a grid of its own."


def _find_series(handle: Handle, segmentation: Segmentation, series: SeriesRow) -> SeriesRow | None:
    catalog = handle.catalog
    for uid in segmentation.SourceSeriesUIDs:
        found = catalog.find_series_of(series.StudyInstanceUID, uid)
        named = [found] if found is not None else catalog.series_named(uid)
        if named:
            return named[0]
    for uid in segmentation.SourceInstanceUIDs[:_MOST_LOOKUPS]:
        row = catalog.find_instance(uid)
        if row is not None:
            return catalog.find_series_of(row.StudyInstanceUID, row.SeriesInstanceUID)
    return None


def _volumes_of(
    handle: Handle, source: SeriesRow
) -> Iterator[tuple[dict[Hashable, Any], tuple[int, int, int]]]:
    """Give the coordinates and shape of each volume that a series makes."""
    _, plan = find_plan(handle, source.reference)
    if not plan.stacks:
        raise plan.refused[0].error
    for stack in plan.stacks:
        if stack.placement is None:
            continue
        known = coordinates_of(stack)
        coordinates: dict[Hashable, Any] = {name: known[name] for name in (*AXES, GEOMETRY)}
        uids = known["SOPInstanceUID"]
        if tuple(uids[0]) == ("z",):
            coordinates["SOPInstanceUID"] = uids
        yield coordinates, (stack.plane_count, *stack.matrix)


def _fit(
    planes: Sequence[PlaneGeometry],
    matrix: tuple[int, int],
    coordinates: dict[Hashable, Any],
    shape: tuple[int, int, int],
) -> OnSource | None:
    geometry = coordinates[GEOMETRY][2]
    to_axes = np.linalg.inv(np.array(geometry["direction"]).reshape(3, 3))
    along = [np.asarray(coordinates[axis][1], np.float64) for axis in AXES]
    steps = np.array(geometry["spacing_mm"], np.float64)
    corners = _corners(planes, matrix)
    if corners is None:
        return None
    places_mm = corners @ to_axes.T  # (frames, 2 corners, 3): coordinates z, y, x
    z_index, off_z = _nearest(along[0], places_mm[..., 0])
    first = np.array([along[1][0], along[2][0]])
    pixels = (places_mm[..., 1:] - first) / steps[1:]
    whole = np.rint(pixels)
    allowed_z = _OFF * (steps[0] if np.isfinite(steps[0]) else float(steps[1:].min()))
    last = np.array(shape[1:]) - 1
    fits = (
        np.all(off_z <= allowed_z)
        and np.all(np.abs(pixels - whole) <= _OFF)
        and np.all(z_index[:, 0] == z_index[:, 1])
        and np.all(whole[:, 0] == whole[0, 0])
        and np.all(whole[:, 1] - whole[:, 0] == np.array(matrix) - 1)
        and np.all(whole >= 0)
        and np.all(whole <= last)
    )
    if not fits:
        return None
    row, column = whole[0, 0].astype(int).tolist()
    return OnSource(
        coordinates=coordinates,
        shape=shape,
        places=tuple(z_index[:, 0].tolist()),
        corner=(row, column),
    )


def _corners(
    planes: Sequence[PlaneGeometry], matrix: tuple[int, int]
) -> NDArray[np.float64] | None:
    """Return each frame's first and last voxel: (frames, 2, 3), patient LPS mm."""
    made = []
    for plane in planes:
        if plane.position_mm is None or plane.orientation is None or plane.pixel_spacing_mm is None:
            return None
        first = np.array(plane.position_mm)
        along, down = np.array(plane.orientation).reshape(2, 3)
        far = (matrix[0] - 1) * plane.pixel_spacing_mm[0] * down
        far = far + (matrix[1] - 1) * plane.pixel_spacing_mm[1] * along
        made.append([first, first + far])
    return np.array(made)


def _nearest(
    along_mm: NDArray[np.float64], places_mm: NDArray[np.float64]
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return which of ascending coordinates is nearest to each place, and how far it is."""
    after = np.searchsorted(along_mm, places_mm).clip(0, len(along_mm) - 1)
    before = np.maximum(after - 1, 0)
    to_after, to_before = np.abs(along_mm[after] - places_mm), np.abs(along_mm[before] - places_mm)
    return np.where(to_before < to_after, before, after), np.minimum(to_before, to_after)
