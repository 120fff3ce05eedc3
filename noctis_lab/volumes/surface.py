"""Surfaces of equal value, by marching cubes, in patient millimetres."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from noctis_lab.dicom.geometry import to_affine
from noctis_lab.errors import CannotResample, NoSurface
from noctis_lab.volumes.axes import AXES
from noctis_lab.volumes.carried import Unread
from noctis_lab.volumes.grid import grid_of

__all__ = ["LARGEST_SURFACE_VERTICES", "LARGEST_SURFACE_VOXELS", "Surface", "surface"]

#: Voxels after cropping; they are held as float32: 1 GiB.
LARGEST_SURFACE_VOXELS = 2**28
#: Some 2 GiB of vertices and faces.
LARGEST_SURFACE_VERTICES = 2**25


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Surface:
    """A triangle mesh in the patient.

    Seen from outside, where values are lower than `level`, the corners of a face go round
    counter-clockwise, so that its normal by the right hand points outward.
    """

    vertices_mm: NDArray[np.float64]  # shape (vertices, 3): (x, y, z), patient LPS
    faces: NDArray[np.int32]  # shape (faces, 3): numbers of vertices
    level: float
    units: str | None  # of the level
    FrameOfReferenceUID: str | None


def surface(volume: xr.DataArray, *, level: float, step: int = 1) -> Surface:
    """Return the surface around what is higher than a level.

    Parameters
    ----------
    volume
        Regular, with dims z, y and x alone; sheared, oblique and mirrored ones are taken as they
        lie. Booleans are 0 and 1.
    level
        In the volume's units: 300 HU is bone, -300 HU skin.
    step
        Voxels per cell: 2 takes every other one, some six times as fast.

    Returns
    -------
    Surface
        Open where what it encloses leaves the volume, and beside NaN.

    Raises
    ------
    NoSurface
        The values do not pass the level.
    CannotResample
        Other dims are left; the surface, or what it encloses, is too large.
    NoGeometry, UnsupportedSeries
        The volume has no place in the patient; it is not regular.

    References
    ----------
    Lewiner et al., Efficient Implementation of Marching Cubes' Cases with Topological Guarantees,
    Journal of Graphics Tools 8(2), 2003: scikit-image's `marching_cubes`.
    """
    from skimage.measure import marching_cubes

    grid = grid_of(volume)
    uid = grid.SeriesInstanceUID
    if sorted(map(str, volume.dims)) != sorted(AXES):
        raise CannotResample(
            f"a surface is of dims z, y and x, not {', '.join(map(str, volume.dims))}; choose one "
            "of the others by .isel(…)",
            SeriesInstanceUID=uid,
        )
    if step < 1 or not np.isfinite(level):
        raise CannotResample(
            f"step is at least 1 and level finite, not {step!r} and {level!r}",
            SeriesInstanceUID=uid,
        )
    values = Unread.of(volume).variable.values
    if values.dtype.kind not in "iufb":
        raise CannotResample(f"{values.dtype} values are no real numbers", SeriesInstanceUID=uid)
    low, heights = _crop(values, level, step, uid)
    is_number = np.isfinite(heights)
    mask = None if is_number.all() else _whole_cells(is_number, step)
    if mask is not None:
        heights[~is_number] = 0
    try:
        index, faces, _, _ = marching_cubes(  # type: ignore[no-untyped-call]
            heights,
            0.0,
            step_size=step,
            gradient_direction="descent",
            allow_degenerate=False,  # a voxel at the level itself makes faces of no area
            mask=mask,
        )
    except (RuntimeError, ValueError) as error:  # nothing is above, or in cells without NaN
        raise _nothing(level, uid) from error
    affine = to_affine(grid.directions, grid.steps_mm, _origin(grid.places_of(np.zeros(3))))
    vertices_mm = (index + low) @ affine[:3, :3].T + affine[:3, 3]
    # Outward as they come if the axes z, y, x are left-handed, which those of a usual stack are.
    if np.linalg.det(affine[:3, :3]) > 0:
        faces = faces[:, ::-1]
    return Surface(
        vertices_mm=vertices_mm,
        faces=np.ascontiguousarray(faces, dtype=np.int32),
        level=float(level),
        units=volume.attrs.get("units"),
        FrameOfReferenceUID=grid.FrameOfReferenceUID,
    )


def _origin(place: NDArray[np.float64]) -> tuple[float, float, float]:
    return (float(place[0]), float(place[1]), float(place[2]))


def _crop(
    values: NDArray[Any], level: float, step: int, uid: str | None
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return the box around what is above the level, with one cell around, as heights above it.

    Heights are float32: the values themselves need not fit, what is near the level does.
    """
    if min(values.shape) <= step:
        raise CannotResample(
            f"a surface needs more than {step} voxels along each axis, not {values.shape}",
            SeriesInstanceUID=uid,
        )
    occupied = [np.zeros(size, dtype=np.bool_) for size in values.shape]
    vertices = 0
    previous: NDArray[np.bool_] | None = None
    for z, plane in enumerate(values):
        above = plane > level
        occupied[0][z] = above.any()
        occupied[1] |= above.any(axis=1)
        occupied[2] |= above.any(axis=0)
        if z % step == 0:
            seen = above[::step, ::step]
            vertices += _crossings(seen, previous)
            previous = seen
    if not occupied[0].any() or not vertices:
        raise _nothing(level, uid)
    if vertices > LARGEST_SURFACE_VERTICES:
        raise CannotResample(
            f"the surface would have {vertices} vertices, and {LARGEST_SURFACE_VERTICES} are the "
            "most; take a larger step, another level, or smooth the volume first",
            SeriesInstanceUID=uid,
        )
    # From a multiple of the step on, so that the cells are those that were counted.
    ends = [(np.argmax(axis), len(axis) - 1 - np.argmax(axis[::-1])) for axis in occupied]
    low = np.array([max(0, (int(first) - 1) // step * step) for first, _ in ends])
    high = [int(last) + step + 1 for _, last in ends]
    box = values[tuple(slice(first, last) for first, last in zip(low, high, strict=True))]
    if box.size > LARGEST_SURFACE_VOXELS:
        raise CannotResample(
            f"what is above the level fills a box of {box.shape} voxels, and "
            f"{LARGEST_SURFACE_VOXELS} are the most; take a part by .sel(…), or fewer voxels by "
            ".dicom.resample(spacing_mm=…)",
            SeriesInstanceUID=uid,
        )
    if np.can_cast(box.dtype, np.float32):
        return low, box.astype(np.float32) - np.float32(level)
    heights = np.empty(box.shape, np.float32)
    for plane, above in zip(box, heights, strict=True):
        above[...] = plane - np.float64(level)
    return low, heights


def _crossings(above: NDArray[np.bool_], previous: NDArray[np.bool_] | None) -> int:
    """Return how many edges of the lattice pass the level: one vertex each."""
    count = np.count_nonzero(above[1:] != above[:-1])
    count += np.count_nonzero(above[:, 1:] != above[:, :-1])
    return int(count + (0 if previous is None else np.count_nonzero(above != previous)))


def _whole_cells(is_number: NDArray[np.bool_], step: int) -> NDArray[np.bool_]:
    """Return where the last corner of a cell is whose corners are all numbers."""
    whole = is_number
    for axis in range(3):
        before = np.roll(whole, step, axis)
        whole = whole & before
    return whole


def _nothing(level: float, uid: str | None) -> NoSurface:
    return NoSurface(
        f"no surface: the values do not pass the level {level:g}", SeriesInstanceUID=uid
    )
