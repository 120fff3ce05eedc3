"""The kinds of measurement, and which points each is drawn with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from noctis_lab.errors import CannotMeasure

__all__ = ["KINDS", "LARGEST_COORDINATE", "MOST_POINTS", "Kind", "check_points"]

MOST_POINTS: Final = 10_000
#: Voxels from the first one; no frame has more than 65,535 rows or columns.
LARGEST_COORDINATE: Final = 100_000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """How a kind of measurement is drawn, and what is computed of it."""

    points: tuple[int, int]  # fewest and most
    drawn: str  # what the points are, in order
    is_area: bool = False
    has_values: bool = False  # figures of what lies there, beside those of the shape


_AREA: Final = {"is_area": True, "has_values": True}

KINDS: Final[dict[str, Kind]] = {
    "length": Kind(points=(2, 2), drawn="the two ends"),
    "angle": Kind(points=(3, 3), drawn="the end of one arm, the vertex, the end of the other"),
    "cobb": Kind(points=(4, 4), drawn="the two ends of one line, then of the other"),
    "bidirectional": Kind(points=(4, 4), drawn="the two ends of one diameter, then of the other"),
    "ellipse": Kind(points=(2, 2), drawn="two opposite corners of its box", **_AREA),
    "rectangle": Kind(points=(2, 2), drawn="two opposite corners", **_AREA),
    "polygon": Kind(points=(3, MOST_POINTS), drawn="its corners", **_AREA),
    "freehand": Kind(points=(3, MOST_POINTS), drawn="its outline", **_AREA),
    "probe": Kind(points=(1, 1), drawn="the point", has_values=True),
    "arrow": Kind(points=(2, 2), drawn="the tip, then the tail"),
    "text": Kind(points=(1, 1), drawn="where the text stands"),
    "profile": Kind(points=(2, 2), drawn="where the line begins and ends", has_values=True),
}


def check_points(
    kind: str, points_px: Sequence[Sequence[float]] | ArrayLike
) -> NDArray[np.float64]:
    """Return the points of a measurement, having checked them.

    Parameters
    ----------
    kind
        One of `KINDS`.
    points_px
        Array-like of shape (points, 2): (column, row), 0 at the centre of the first voxel.

    Returns
    -------
    ndarray of float64, shape (points, 2)

    Raises
    ------
    CannotMeasure
        No such kind; too few or too many points; a coordinate that is not finite or lies farther
        than 100,000 voxels away.
    """
    if kind not in KINDS:
        raise CannotMeasure(f"kind is one of {', '.join(KINDS)}, not {kind!r}")
    try:
        points = np.array(points_px, dtype=np.float64)
    except (TypeError, ValueError):
        points = np.empty(0)
    fewest, most = KINDS[kind].points
    if points.ndim != 2 or points.shape[1] != 2 or not fewest <= len(points) <= most:
        count = str(fewest) if fewest == most else f"{fewest} to {most}"
        raise CannotMeasure(
            f"a measurement of kind {kind!r} is drawn with {count} points (column, row): "
            f"{KINDS[kind].drawn}; an array of shape {points.shape} came"
        )
    if not np.all(np.abs(points) <= LARGEST_COORDINATE):  # NaN is refused too
        raise CannotMeasure(
            f"coordinates are finite and within {LARGEST_COORDINATE:.0f} voxels of the first one"
        )
    return points
