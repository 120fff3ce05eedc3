"""Lengths, angles, areas and outlines of shapes on a plane."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from noctis_lab.errors import CannotMeasure

__all__ = [
    "MOST_CROSSINGS",
    "angle_between_lines_deg",
    "angle_deg",
    "ellipse_perimeter",
    "even_odd_area",
    "length",
    "outline_length",
]

#: Of a polygon with itself; a hand's drawing has a few.
MOST_CROSSINGS = 10_000

type Points = NDArray[np.float64]


def length(points: Points) -> float:
    """Return the distance of two points.

    Parameters
    ----------
    points
        ndarray of float64, shape (2, 2), of any one unit.

    Returns
    -------
    float
        In that unit.
    """
    return math.hypot(points[1, 0] - points[0, 0], points[1, 1] - points[0, 1])


def outline_length(points: Points) -> float:
    """Return the length around a closed polygon; its last point is joined to its first.

    Parameters
    ----------
    points
        ndarray of float64, shape (points, 2).

    Returns
    -------
    float
        The sum of its sides, in the order in which they were drawn.
    """
    sides = np.hypot(*(np.roll(points, -1, axis=0) - points).T)
    return float(np.cumsum(sides)[-1])


def angle_deg(points: Points) -> float | None:
    """Return the angle at the middle one of three points.

    Parameters
    ----------
    points
        ndarray of float64, shape (3, 2): end of an arm, vertex, end of the other arm.

    Returns
    -------
    float or None
        0 to 180 degrees; None where an arm has no length.
    """
    return _between(points[0] - points[1], points[2] - points[1])


def angle_between_lines_deg(points: Points) -> float | None:
    """Return the angle of two lines, as Cobb's: the lesser one, however each was drawn.

    Parameters
    ----------
    points
        ndarray of float64, shape (4, 2): the ends of one line, then of the other.

    Returns
    -------
    float or None
        0 to 90 degrees; None where a line has no length.

    Notes
    -----
    Two lines make two angles that add up to 180 degrees. Which of them is meant, were it more than
    90 degrees, cannot be told from lines that may be drawn from either end.
    """
    found = _between(points[1] - points[0], points[3] - points[2])
    return None if found is None else min(found, 180.0 - found)


def _between(one: Points, other: Points) -> float | None:
    if not one.any() or not other.any():
        return None
    cross = abs(one[0] * other[1] - one[1] * other[0])
    along = one[0] * other[0] + one[1] * other[1]
    # Not by the arc cosine, which loses half of the digits near 0 and 180 degrees.
    return math.degrees(math.atan2(cross, along))


def ellipse_perimeter(half_axes: tuple[float, float]) -> float:
    """Return the length around an ellipse.

    Parameters
    ----------
    half_axes
        In any one unit; 0 gives a line, there and back.

    Returns
    -------
    float
        Exact but for rounding.

    References
    ----------
    The complete elliptic integral of the second kind by the arithmetic-geometric mean:
    Abramowitz and Stegun, Handbook of Mathematical Functions, 17.6.
    """
    large, small = max(half_axes), min(half_axes)
    if small == 0.0:
        return 4.0 * large
    mean, geometric, weight = large, small, 0.5
    rest = large * large - weight * (large * large - small * small)
    while mean - geometric > 1e-15 * mean:
        difference = (mean - geometric) / 2.0
        mean, geometric = (mean + geometric) / 2.0, math.sqrt(mean * geometric)
        weight *= 2.0
        rest -= weight * difference * difference
    return 2.0 * math.pi * rest / mean


def even_odd_area(points: Points) -> float:
    """Return the area of a closed polygon, what it encloses twice left out.

    Parameters
    ----------
    points
        ndarray of float64, shape (points, 2); its last point is joined to its first.

    Returns
    -------
    float
        In squares of the points' unit.

    Raises
    ------
    CannotMeasure
        It crosses itself more than 10,000 times.

    Notes
    -----
    Between two neighbouring heights at which there is a corner or a crossing all sides are
    straight and in one order, so that the width of what lies inside, at the middle between them,
    is its mean.
    """
    upper, lower = _sides(points)
    if not len(upper):
        return 0.0
    heights = np.unique(np.concatenate([points[:, 1], _crossings(upper, lower)]))
    middles = (heights[:-1] + heights[1:]) / 2.0
    widths = np.zeros(len(middles))
    first = np.searchsorted(middles, upper[:, 1])
    past = np.searchsorted(middles, lower[:, 1])
    starts = np.argsort(first, kind="stable")
    next_side = 0
    active = np.empty(0, dtype=np.intp)
    for row, middle in enumerate(middles):
        entering = next_side
        while next_side < len(starts) and first[starts[next_side]] <= row:
            next_side += 1
        active = np.concatenate([active[past[active] > row], starts[entering:next_side]])
        part = (middle - upper[active, 1]) / (lower[active, 1] - upper[active, 1])
        places = np.sort(upper[active, 0] + (lower[active, 0] - upper[active, 0]) * part)
        widths[row] = np.sum(places[1::2] - places[::2])
    return float(np.sum(widths * np.diff(heights)))


def _sides(points: Points) -> tuple[Points, Points]:
    """Return the upper and lower ends of the sides that are not level."""
    ends = np.roll(points, -1, axis=0)
    is_downward = points[:, 1] < ends[:, 1]
    is_slanted = points[:, 1] != ends[:, 1]
    upper = np.where(is_downward[:, np.newaxis], points, ends)[is_slanted]
    lower = np.where(is_downward[:, np.newaxis], ends, points)[is_slanted]
    return upper, lower


def _crossings(upper: Points, lower: Points) -> NDArray[np.float64]:
    """Return the heights at which two sides cross between their ends."""
    order = np.argsort(upper[:, 1], kind="stable")
    upper, lower = upper[order], lower[order]
    along = lower - upper
    found: list[NDArray[np.float64]] = []
    count = 0
    past = np.searchsorted(upper[:, 1], lower[:, 1])  # sides that begin above one's lower end
    for side in range(len(upper) - 1):
        others = slice(side + 1, past[side])
        apart = upper[others] - upper[side]
        cross = along[side, 0] * along[others, 1] - along[side, 1] * along[others, 0]
        with np.errstate(divide="ignore", invalid="ignore"):
            mine = (apart[:, 0] * along[others, 1] - apart[:, 1] * along[others, 0]) / cross
            theirs = (apart[:, 0] * along[side, 1] - apart[:, 1] * along[side, 0]) / cross
        is_crossing = (mine > 0) & (mine < 1) & (theirs > 0) & (theirs < 1)
        count += int(np.count_nonzero(is_crossing))
        if count > MOST_CROSSINGS:
            raise CannotMeasure(
                f"the outline crosses itself more than {MOST_CROSSINGS} times; draw it anew"
            )
        found.append(upper[side, 1] + mine[is_crossing] * along[side, 1])
    return np.concatenate(found) if found else np.empty(0)
