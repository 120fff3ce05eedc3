"""Contours onto the voxels of a volume: which voxel centres lie inside."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from noctis_lab.volumes.scanline import inside_polygons, points_inside

__all__ = ["Grid", "contour_planes_mm", "is_flat", "largest_normal", "rasterize_polygons"]

type Points = NDArray[np.float64]

#: Contours whose points leave a volume's planes by less than this part of their distance lie in
#: them: points are decimal strings, rounded each by itself.
_FLAT = 0.1
#: Contours nearer to each other than this part of a slab lie in one plane.
_SAME_PLANE = 0.1
#: Of a slab: a voxel half-way between two contours belongs to one of them, whatever the rounding.
_TIE = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Grid:
    """The voxel centres of a volume: ``directions @ (z[k], y[j], x[i])``, patient LPS mm."""

    directions: NDArray[np.float64]  # (3, 3), columns z, y, x
    z_mm: NDArray[np.float64]
    y_mm: NDArray[np.float64]
    x_mm: NDArray[np.float64]
    step_mm: tuple[float, float]  # (y, x), signed: of evenly spaced rows and columns

    @property
    def normal(self) -> NDArray[np.float64]:
        """Unit normal of the planes of constant z."""
        normal = np.cross(self.directions[:, 2], self.directions[:, 1])
        unit: NDArray[np.float64] = normal / np.linalg.norm(normal)
        return unit

    @property
    def planes_mm(self) -> NDArray[np.float64]:
        """Where the planes of constant z lie along their normal, shape (z,)."""
        along: NDArray[np.float64] = self.z_mm * (self.normal @ self.directions[:, 0])
        return along

    @property
    def spacing_mm(self) -> float:
        """Typical distance of neighbouring planes; NaN where there is one."""
        apart_mm = np.abs(np.diff(self.planes_mm))
        return float(np.median(apart_mm)) if len(apart_mm) else float("nan")


def largest_normal(polygons: Sequence[Points]) -> NDArray[np.float64]:
    """Return the unit normal of the polygon of the largest area; zeros where none has an area.

    Parameters
    ----------
    polygons
        Each (points, 3), patient LPS mm.
    """
    areas = [_area_vector(polygon) for polygon in polygons]
    largest = max(areas, key=lambda area: float(np.linalg.norm(area)))
    length = float(np.linalg.norm(largest))
    return largest / length if length > 0 else np.zeros(3)


def _area_vector(polygon: Points) -> NDArray[np.float64]:
    from_first = polygon - polygon[0]  # far from the origin, products would lose the area
    area: NDArray[np.float64] = np.cross(from_first[:-1], from_first[1:]).sum(axis=0) / 2
    return area


def is_flat(polygons: Sequence[Points], grid: Grid) -> bool:
    """Return whether every polygon lies in a plane of the grid, or between two, parallel."""
    spread_mm = max(float(np.ptp(polygon @ grid.normal)) for polygon in polygons)
    distance_mm = grid.spacing_mm
    if np.isnan(distance_mm):
        distance_mm = min(map(abs, grid.step_mm))
    return spread_mm <= _FLAT * distance_mm


def contour_planes_mm(polygons: Sequence[Points], normal: Points, near_mm: float) -> Points:
    """Return where the planes of polygons lie along a normal, ascending, each once.

    Parameters
    ----------
    near_mm
        Polygons nearer than this to each other are of one plane.
    """
    along = np.sort([float((polygon @ normal).mean()) for polygon in polygons])
    starts = np.concatenate(([True], np.diff(along) > near_mm))
    planes: Points = along[starts]
    return planes


def rasterize_polygons(
    polygons: Sequence[Points], grid: Grid, *, slab_mm: float
) -> NDArray[np.bool_]:
    """Return which voxel centres lie inside closed polygons.

    Parameters
    ----------
    polygons
        At least one, each (points, 3), patient LPS mm, closed from the last point to the first.
    grid
        Whose voxels are asked about.
    slab_mm
        A voxel belongs to the nearest plane of polygons, if that is within half of this.

    Returns
    -------
    ndarray of bool, shape (z, y, x)
        Inside is an odd number of polygons of the plane (exclusive or), so that holes are outside,
        whether drawn as polygons of their own or by a keyhole.

    Raises
    ------
    ValueError
        The polygons lie in planes of several orientations, or enclose no area.

    Notes
    -----
    A centre on an outline is inside towards greater mm only, so that regions that share an outline
    share no voxel. Polygons that are not parallel to the grid's planes are asked voxel by voxel,
    each projected onto its nearest polygon plane along the polygons' normal.
    """
    flat = is_flat(polygons, grid)
    normal = grid.normal if flat else largest_normal(polygons)
    if not np.any(normal):
        raise ValueError("the contours enclose no area")
    spread_mm = max(float(np.ptp(polygon @ normal)) for polygon in polygons)
    if spread_mm > _SAME_PLANE * slab_mm and not flat:
        raise ValueError("the contours lie in planes of several orientations, or in none")
    groups = _group(polygons, normal, _SAME_PLANE * slab_mm)
    paint = _paint_flat if flat else _paint_oblique
    mask = np.zeros((len(grid.z_mm), len(grid.y_mm), len(grid.x_mm)), np.bool_)
    paint(mask, groups, grid, normal, slab_mm)
    return mask


@dataclass(frozen=True, slots=True, eq=False)
class _Groups:
    """Polygons by plane: `along_mm` ascending, `polygons` alike."""

    along_mm: NDArray[np.float64]
    polygons: list[list[Points]]

    def nearest(self, along_mm: Points, slab_mm: float) -> NDArray[np.intp]:
        """Return the index of the nearest plane, -1 where none is within half a slab."""
        after = np.searchsorted(self.along_mm, along_mm).clip(1, max(len(self.along_mm) - 1, 1))
        after = np.minimum(after, len(self.along_mm) - 1)
        before = np.maximum(after - 1, 0)
        to_after = np.abs(self.along_mm[after] - along_mm)
        to_before = np.abs(self.along_mm[before] - along_mm)
        is_after = to_after < to_before - _TIE * slab_mm
        found = np.where(is_after, after, before)
        distance_mm = np.where(is_after, to_after, to_before)
        return np.where(distance_mm <= (0.5 + _TIE) * slab_mm, found, -1)


def _group(polygons: Sequence[Points], normal: Points, near_mm: float) -> _Groups:
    planes = contour_planes_mm(polygons, normal, near_mm)
    grouped: list[list[Points]] = [[] for _ in planes]
    for polygon in polygons:
        place = float((polygon @ normal).mean())
        grouped[int(np.searchsorted(planes, place, side="right")) - 1].append(polygon)
    return _Groups(planes, grouped)


def _paint_flat(
    mask: NDArray[np.bool_], groups: _Groups, grid: Grid, normal: Points, slab_mm: float
) -> None:
    del normal  # the grid's own
    to_index = np.linalg.inv(grid.directions)
    painted: dict[int, NDArray[np.bool_]] = {}
    for index, plane in enumerate(groups.nearest(grid.planes_mm, slab_mm).tolist()):
        if plane < 0:
            continue
        if plane not in painted:
            painted.clear()  # planes come in order: an earlier one does not come again
            outlines = [_to_pixels(polygon, to_index, grid) for polygon in groups.polygons[plane]]
            inside = inside_polygons(outlines, mask.shape[1:])
            painted[plane] = inside[:: _sign(grid.step_mm[0]), :: _sign(grid.step_mm[1])]
        mask[index] = painted[plane]


def _to_pixels(polygon: Points, to_index: Points, grid: Grid) -> Points:
    """Return (row, column), fractional, of points within a plane, counted from the lowest mm.

    So a centre on an outline is on the same side in a flipped array.
    """
    along = polygon @ to_index.T
    lowest = np.array([min(places[0], places[-1]) for places in (grid.y_mm, grid.x_mm)])
    pixels: Points = (along[:, 1:] - lowest) / np.abs(grid.step_mm)
    return pixels


def _sign(step_mm: float) -> int:
    return -1 if step_mm < 0 else 1


def _paint_oblique(
    mask: NDArray[np.bool_], groups: _Groups, grid: Grid, normal: Points, slab_mm: float
) -> None:
    across = _basis(normal)
    boxes = [_box([polygon @ across for polygon in group]) for group in groups.polygons]
    outlines = [[polygon @ across for polygon in group] for group in groups.polygons]
    for index, centres in _iter_planes(grid):
        plane = groups.nearest(centres @ normal, slab_mm).ravel()
        flat = (centres @ across).reshape(-1, 2)
        order = np.argsort(plane, kind="stable")
        numbers, starts = np.unique(plane[order], return_index=True)
        inside = mask[index].reshape(-1)
        for number, asked in zip(numbers.tolist(), np.split(order, starts[1:]), strict=True):
            if number < 0:
                continue
            low, high = boxes[number]
            near = asked[np.all((flat[asked] >= low) & (flat[asked] <= high), axis=-1)]
            inside[near] = points_inside(flat[near], outlines[number])


def _iter_planes(grid: Grid) -> Iterator[tuple[int, Points]]:
    """Give each z plane's voxel centres: (rows, columns, 3), mm."""
    within = (
        grid.y_mm[:, None, None] * grid.directions[:, 1]
        + grid.x_mm[None, :, None] * grid.directions[:, 2]
    )
    for index, z_mm in enumerate(grid.z_mm.tolist()):
        yield index, within + z_mm * grid.directions[:, 0]


def _basis(normal: Points) -> Points:
    """Return two unit vectors at right angles to a normal and each other, as columns (3, 2)."""
    least = np.eye(3)[int(np.argmin(np.abs(normal)))]
    first = np.cross(normal, least)
    first /= np.linalg.norm(first)
    return np.stack([first, np.cross(normal, first)], axis=1)


def _box(outlines: Sequence[Points]) -> tuple[Points, Points]:
    points = np.concatenate(outlines)
    return points.min(axis=0), points.max(axis=0)
