"""Which voxels belong to an area: those whose centres lie inside it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["AREA_MASKS", "ellipse_mask", "leaves_image", "polygon_mask", "rectangle_mask"]

type Points = NDArray[np.float64]
type Mask = NDArray[np.bool_]


def rectangle_mask(points_px: Points, shape: tuple[int, int]) -> Mask:
    """Return the voxels of a rectangle, those on its edges too.

    Parameters
    ----------
    points_px
        ndarray of float64, shape (2, 2): two opposite corners (column, row).
    shape
        Rows and columns of the image.

    Returns
    -------
    ndarray of bool, shape (rows, columns)
    """
    rows, columns = _axes(shape)
    low, high = points_px.min(axis=0), points_px.max(axis=0)
    across = (columns >= low[0]) & (columns <= high[0])
    down = (rows >= low[1]) & (rows <= high[1])
    mask: Mask = down[:, np.newaxis] & across
    return mask


def ellipse_mask(points_px: Points, shape: tuple[int, int]) -> Mask:
    """Return the voxels of an ellipse with axes along rows and columns, its edge included.

    Parameters
    ----------
    points_px
        ndarray of float64, shape (2, 2): two opposite corners (column, row) of its box.
    shape
        Rows and columns of the image.

    Returns
    -------
    ndarray of bool, shape (rows, columns)
        Where ``(u/a)(u/a) + (v/b)(v/b) <= 1``; no voxel where an axis has no length.
    """
    rows, columns = _axes(shape)
    centre = (points_px[0] + points_px[1]) / 2.0
    half = np.abs(points_px[1] - points_px[0]) / 2.0
    if not half.all():
        return np.zeros(shape, dtype=np.bool_)
    across = (columns - centre[0]) / half[0]
    down = (rows - centre[1]) / half[1]
    mask: Mask = (across * across)[np.newaxis, :] + (down * down)[:, np.newaxis] <= 1.0
    return mask


def polygon_mask(points_px: Points, shape: tuple[int, int]) -> Mask:
    """Return the voxels of a closed polygon, by the even-odd rule.

    Parameters
    ----------
    points_px
        ndarray of float64, shape (points, 2), (column, row); the last one is joined to the first.
    shape
        Rows and columns of the image.

    Returns
    -------
    ndarray of bool, shape (rows, columns)
        A centre on a left or an upper edge is inside, one on a right or a lower edge is not, so
        that polygons which share an edge share no voxel and leave none out.

    Notes
    -----
    In the row of height ``y`` a side from its upper end ``(x0, y0)`` to its lower ``(x1, y1)``
    with ``y0 <= y < y1`` is passed at ``x0 + (x1 - x0) * (y - y0) / (y1 - y0)``. A voxel is inside
    if an odd number of sides is passed to the right of its centre.
    """
    number_of_rows, number_of_columns = shape
    mask: Mask = np.zeros(shape, dtype=np.bool_)
    ends = np.roll(points_px, -1, axis=0)
    is_downward = (points_px[:, 1] < ends[:, 1])[:, np.newaxis]
    upper = np.where(is_downward, points_px, ends)
    lower = np.where(is_downward, ends, points_px)
    first = max(0, math.ceil(upper[:, 1].min()))
    past = min(number_of_rows, math.ceil(lower[:, 1].max()))
    for row in range(first, past):
        is_passed = (upper[:, 1] <= row) & (row < lower[:, 1])
        (x0, y0), (x1, y1) = upper[is_passed].T, lower[is_passed].T
        places = np.ceil(x0 + (x1 - x0) * (row - y0) / (y1 - y0))
        columns = np.clip(places, 0, number_of_columns).astype(np.intp)
        turns = np.bincount(columns, minlength=number_of_columns + 1)
        mask[row] = np.cumsum(turns[:0:-1])[::-1] % 2 == 1
    return mask


def leaves_image(points_px: Points, shape: tuple[int, int]) -> bool:
    """Return whether what lies within the points' box reaches beyond the image's outer edge.

    Parameters
    ----------
    points_px
        ndarray of float64, shape (points, 2), (column, row).
    shape
        Rows and columns of the image; its edge is half a voxel beyond the outermost centres.

    Returns
    -------
    bool
    """
    rows, columns = shape
    edge = np.array([columns - 0.5, rows - 0.5])
    return bool(np.any(points_px < -0.5) or np.any(points_px > edge))


def _axes(shape: tuple[int, int]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    rows, columns = shape
    return np.arange(rows, dtype=np.float64), np.arange(columns, dtype=np.float64)


AREA_MASKS: Final[dict[str, Callable[[Points, tuple[int, int]], Mask]]] = {
    "ellipse": ellipse_mask,
    "rectangle": rectangle_mask,
    "polygon": polygon_mask,
    "freehand": polygon_mask,
}
