"""Which points lie inside an odd number of polygons: of a pixel grid by scan lines, or of any."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["inside_polygons", "points_inside"]

#: Of outlines drawn by people, some 1e8; beyond this, hours pass.
_MOST_CROSSINGS = 10**10
#: Crossings at a time: their scratch arrays take some 100 MB.
_AT_ONCE = 1 << 21


def inside_polygons(
    polygons: Sequence[NDArray[np.float64]], shape: tuple[int, int]
) -> NDArray[np.bool_]:
    """Return which pixel centres lie inside an odd number of closed polygons.

    Parameters
    ----------
    polygons
        Each (points, 2): row and column, fractional; pixel centres are at whole numbers.
    shape
        (rows, columns).

    Returns
    -------
    ndarray of bool, shape (rows, columns)
        A centre on an outline is inside where the area lies on the side of greater row or column.

    Examples
    --------
    >>> square = np.array([[0.5, 0.5], [0.5, 2.5], [2.5, 2.5], [2.5, 0.5]])
    >>> inside_polygons([square], (4, 4)).sum()
    np.int64(4)
    """
    rows, columns = shape
    # A crossing of a row with an outline turns inside and outside about for all that follows.
    turns = np.zeros(rows * (columns + 1), np.int64)
    for polygon in polygons:
        for row, column in _iter_crossings(polygon, rows):
            at = np.ceil(column).clip(0, columns).astype(np.int64)
            turns += np.bincount(row * (columns + 1) + at, minlength=len(turns))
    odd = np.cumsum(turns.reshape(rows, columns + 1), axis=1)[:, :columns] & 1
    return odd.astype(np.bool_)


def _iter_crossings(
    polygon: NDArray[np.float64], rows: int
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float64]]]:
    """Give, edge by edge, the rows that are crossed and where."""
    starts, ends = polygon, np.roll(polygon, -1, axis=0)
    # Upwards, whichever way it was drawn: both passes of a keyhole are computed alike.
    turned = starts[:, 0] > ends[:, 0]
    low = np.where(turned[:, None], ends, starts)
    high = np.where(turned[:, None], starts, ends)
    first = np.ceil(low[:, 0]).clip(0, rows).astype(np.int64)
    last = np.ceil(high[:, 0]).clip(0, rows).astype(np.int64)
    counts = last - first
    crossing = counts > 0
    low, high, first, counts = low[crossing], high[crossing], first[crossing], counts[crossing]
    slope = (high[:, 1] - low[:, 1]) / (high[:, 0] - low[:, 0])
    ends_of = np.cumsum(counts)
    begin = 0
    while begin < len(counts):
        done = ends_of[begin] - counts[begin]
        stop = max(int(np.searchsorted(ends_of, done + _AT_ONCE, side="right")), begin + 1)
        part = slice(begin, stop)
        edge = np.repeat(np.arange(begin, stop), counts[part])
        within = np.arange(len(edge)) - np.repeat(ends_of[part] - counts[part] - done, counts[part])
        row = first[edge] + within
        yield row, low[edge, 1] + (row - low[edge, 0]) * slope[edge]
        begin = stop


def points_inside(
    points: NDArray[np.float64], polygons: Sequence[NDArray[np.float64]]
) -> NDArray[np.bool_]:
    """Return which points lie inside an odd number of closed polygons.

    Parameters
    ----------
    points
        (points, 2), in any order.
    polygons
        Each (points, 2), in the same two coordinates.

    Returns
    -------
    ndarray of bool, shape (points,)
        As `inside_polygons`, of any points; by their order along the first coordinate the edges
        that reach each one are found, so that the time is that of the crossings there are.

    Raises
    ------
    ValueError
        There are more than 10¹⁰ crossings.
    """
    order = np.argsort(points[:, 0], kind="stable")
    ordered = points[order]
    inside = np.zeros(len(points), np.bool_)
    for polygon in polygons:
        starts, ends = polygon, np.roll(polygon, -1, axis=0)
        turned = starts[:, 0] > ends[:, 0]
        low = np.where(turned[:, None], ends, starts)
        high = np.where(turned[:, None], starts, ends)
        first = np.searchsorted(ordered[:, 0], low[:, 0], side="left")
        last = np.searchsorted(ordered[:, 0], high[:, 0], side="left")
        if int(np.maximum(last - first, 0).sum()) > _MOST_CROSSINGS:
            raise ValueError("an outline crosses itself beyond all bounds")
        for edge in np.flatnonzero(last > first).tolist():
            reached = slice(int(first[edge]), int(last[edge]))
            part = (ordered[reached, 0] - low[edge, 0]) / (high[edge, 0] - low[edge, 0])
            crossed_at = low[edge, 1] + part * (high[edge, 1] - low[edge, 1])
            inside[reached] ^= ordered[reached, 1] >= crossed_at
    result = np.empty_like(inside)
    result[order] = inside
    return result
