"""Surfaces made part by part: bounded in memory, with progress, stopped between parts; measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from noctis_lab.errors import CannotResample, NoSurface
from noctis_lab.volumes.axes import AXES
from noctis_lab.volumes.grid import Grid, grid_of
from noctis_lab.volumes.surface import LARGEST_SURFACE_VERTICES, Surface, surface

__all__ = ["Stopped", "area_mm2", "is_closed_at", "padded", "surface_in_parts", "volume_mm3"]

_PART_VOXELS = 2**23  # of one part, held as float32: 32 MiB
_FACES_PER_PIECE = 1 << 18
#: Vertices of two parts on the plane between them are one if so near, in voxels.
_WELDED = 1e-3


class Stopped(Exception):
    """The surface is not wanted any more."""


def surface_in_parts(
    volume: xr.DataArray,
    *,
    level: float,
    step: int = 1,
    most_vertices: int = LARGEST_SURFACE_VERTICES,
    progress: Callable[[float], None] = lambda _: None,
    is_wanted: Callable[[], bool] = lambda: True,
) -> Surface:
    """Return the surface around what is higher than a level, as `surface.surface` does.

    Parameters
    ----------
    volume, level, step
        As there.
    most_vertices
        Bound of the result.
    progress
        Called with the part that is done, 0 to 1, after each slab of planes.
    is_wanted
        Asked before each slab.

    Raises
    ------
    Stopped
        It is not wanted any more.
    NoSurface, CannotResample, NoGeometry, UnsupportedSeries
        As `surface.surface`.
    """
    grid = grid_of(volume)
    if sorted(map(str, volume.dims)) != sorted(AXES):
        return surface(volume, level=level, step=step)  # says what stands against it
    ordered = volume.transpose(*AXES)
    parts = list(_parts(ordered.shape, step))
    vertices: list[NDArray[np.float64]] = []
    faces: list[NDArray[np.int32]] = []
    first: Surface | None = None
    count = 0
    for number, (low, high) in enumerate(parts):
        if not is_wanted():
            raise Stopped
        try:
            part = surface(ordered.isel(z=slice(low, high)), level=level, step=step)
        except NoSurface:
            progress((number + 1) / len(parts))
            continue
        first = first or part
        faces.append(part.faces + np.int32(count))
        vertices.append(part.vertices_mm)
        count += len(part.vertices_mm)
        if count > most_vertices:
            raise CannotResample(
                f"the surface has more than {most_vertices} vertices; take another level, or "
                "smooth the volume first",
                SeriesInstanceUID=grid.SeriesInstanceUID,
            )
        progress((number + 1) / len(parts))
    if first is None:
        raise NoSurface(
            f"no surface: the values do not pass the level {level:g}",
            SeriesInstanceUID=grid.SeriesInstanceUID,
        )
    seams = [low for low, _ in parts[1:]]
    welded = _weld(np.concatenate(vertices), np.concatenate(faces), grid, seams)
    return replace(first, vertices_mm=welded[0], faces=welded[1])


def _parts(shape: tuple[int, ...], step: int) -> Iterator[tuple[int, int]]:
    """Yield (first plane, plane after the last) of slabs that share a plane with the next."""
    planes, *rest = shape
    size = max(1, _PART_VOXELS // int(np.prod(rest)) // step) * step
    low = 0
    while True:
        # What is left over is too little for a slab of its own.
        high = planes if planes - (low + size + 1) <= step else low + size + 1
        yield low, high
        if high == planes:
            return
        low = high - 1


def _weld(
    vertices: NDArray[np.float64], faces: NDArray[np.int32], grid: Grid, seams: list[int]
) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """Make one of the vertices that two slabs have at one place of the plane between them."""
    if not seams:
        return vertices, faces
    first = np.array([along[0] for along in grid.along_mm])
    index = (vertices @ np.linalg.inv(grid.directions).T - first) / np.array(grid.steps_mm)
    is_seam = np.zeros(len(vertices), dtype=np.bool_)
    for seam in seams:
        is_seam |= np.abs(index[:, 0] - seam) < _WELDED
    on_seam = np.flatnonzero(is_seam)
    rounded = np.rint(index[on_seam] / _WELDED).astype(np.int64)
    _, kept, same = np.unique(rounded, axis=0, return_index=True, return_inverse=True)
    target = np.arange(len(vertices))
    target[on_seam] = on_seam[kept[same.ravel()]]
    is_kept = target == np.arange(len(vertices))
    number = np.cumsum(is_kept) - 1
    renamed = number[target][faces].astype(np.int32)
    # Corners that became one leave no triangle.
    a, b, c = renamed.T
    return vertices[is_kept], np.ascontiguousarray(renamed[(a != b) & (b != c) & (a != c)])


def padded(volume: xr.DataArray, fill: float = 0.0) -> xr.DataArray:
    """Return a volume with one more voxel all around: what is beyond a mask is not in it.

    Parameters
    ----------
    volume
        Regular, with dims z, y and x alone.
    fill
        What the new voxels hold.

    Raises
    ------
    NoGeometry, UnsupportedSeries
        As `grid.grid_of` and `Grid.steps_mm`.
    """
    ordered = volume.transpose(*AXES)
    grid = grid_of(ordered)
    z, y, x = (
        np.concatenate([[along[0] - step], along, [along[-1] + step]])
        for along, step in zip(grid.along_mm, grid.steps_mm, strict=True)
    )
    wider = grid.with_along((z, y, x))
    values = np.pad(ordered.values, 1, constant_values=fill)
    return xr.DataArray(
        values, dims=AXES, coords=wider.coordinates(), name=volume.name, attrs=dict(volume.attrs)
    )


def is_closed_at(volume: xr.DataArray, level: float) -> bool:
    """Return whether nothing above a level touches the volume's border or a voxel without value."""
    values = volume.transpose(*AXES).values
    if values.dtype.kind == "f" and np.isnan(values).any():
        return False
    return not any(
        bool((np.take(values, end, axis=axis) > level).any())
        for axis in range(3)
        for end in (0, -1)
    )


def area_mm2(found: Surface) -> float:
    """Return a surface's area, mm²."""
    return sum(
        float(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum()) / 2
        for a, b, c in _corners(found)
    )


def volume_mm3(found: Surface) -> float:
    """Return what a closed surface encloses, mm³: by the divergence theorem."""
    return sum(
        float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum()) / 6 for a, b, c in _corners(found)
    )


def _corners(found: Surface) -> Iterator[tuple[NDArray[np.float64], ...]]:
    """Yield the corners of faces, from the middle of the surface: small numbers lose no digits."""
    vertices = found.vertices_mm - found.vertices_mm.mean(axis=0)
    for first in range(0, len(found.faces), _FACES_PER_PIECE):
        corners = vertices[found.faces[first : first + _FACES_PER_PIECE]]
        yield corners[:, 0], corners[:, 1], corners[:, 2]
