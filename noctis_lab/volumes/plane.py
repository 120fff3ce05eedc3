"""The grid of one plane: from a centre, a normal and what is up."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from noctis_lab.errors import CannotResample
from noctis_lab.volumes.grid import SNAP, Grid, require_size

__all__ = ["plane_grid"]

# PS3.17 A.3: of a patient who is looked at from the front, from the feet, from the left.
_NORMALS: Final = {
    "axial": (0.0, 0.0, 1.0),
    "coronal": (0.0, 1.0, 0.0),
    "sagittal": (-1.0, 0.0, 0.0),
}
_TO_HEAD, _TO_FRONT = (0.0, 0.0, 1.0), (0.0, -1.0, 0.0)
#: The sine below which a vector is as good as parallel to another.
_PARALLEL = 1e-6


def plane_grid(
    source: Grid,
    *,
    centre_mm: ArrayLike | None = None,
    normal: ArrayLike | str = "axial",
    up: ArrayLike | None = None,
    spacing_mm: float | Sequence[float] | None = None,
    shape: tuple[int, int] | None = None,
) -> Grid:
    """Return the grid of a plane through a volume; the parameters are those of `reslice`.

    Raises
    ------
    CannotResample
        A vector is no direction, or what is up is the normal; the plane is too large.
    """
    directions = _directions(source, normal, up)
    centre = _centre(source, centre_mm)
    steps = _steps(source, spacing_mm)
    center_along = np.linalg.solve(directions, centre)
    if shape is None:
        corners = np.linalg.solve(directions, source.corners_mm().T) - center_along[:, np.newaxis]
        ends = [(corners[axis].min(), corners[axis].max()) for axis in (1, 2)]
        counts = [
            (math.floor(max(0.0, -low) / step + SNAP), math.floor(max(0.0, high) / step + SNAP))
            for (low, high), step in zip(ends, steps, strict=True)
        ]
    else:
        if len(shape) != 2 or not all(int(count) == count >= 1 for count in shape):
            raise _refused(source, f"shape is (rows, columns), each at least 1, not {shape!r}")
        counts = [((int(count) - 1) / 2, (int(count) - 1) / 2) for count in shape]
    require_size(tuple(before + after + 1.0 for before, after in counts), source.SeriesInstanceUID)
    y, x = (
        center_along[axis] + (np.arange(round(before + after) + 1) - before) * step
        for axis, (before, after), step in zip((1, 2), counts, steps, strict=True)
    )
    return replace(
        source,
        directions=directions,
        along_mm=(center_along[:1], y, x),
        spacing_mm=(math.nan, *steps),
        dims=("y", "x"),
    )


def _directions(source: Grid, normal: ArrayLike | str, up: ArrayLike | None) -> NDArray[np.float64]:
    if isinstance(normal, str):
        if normal not in _NORMALS:
            raise _refused(
                source, f"normal is one of {', '.join(_NORMALS)}, or a vector, not {normal!r}"
            )
        normal = _NORMALS[normal]
    towards = _unit(source, normal, "normal")
    if up is None:
        up = _TO_FRONT if np.argmax(np.abs(towards)) == 2 else _TO_HEAD
    upwards = _unit(source, up, "up")
    down = towards * np.dot(towards, upwards) - upwards
    length = float(np.linalg.norm(down))
    if length < _PARALLEL:
        raise _refused(source, "up and normal are parallel; what is up must lie in the plane")
    down /= length
    # A whole cosine stays one: an axial plane of an axial volume shares its coordinates.
    return np.stack([towards, down, np.cross(down, towards)], axis=1) + 0.0


def _unit(source: Grid, vector: ArrayLike, name: str) -> NDArray[np.float64]:
    found = _triple(source, vector, name)
    length = float(np.linalg.norm(found))
    if not 0 < length < math.inf:
        raise _refused(source, f"{name} has no direction: {found.tolist()}")
    return found / length


def _centre(source: Grid, centre_mm: ArrayLike | None) -> NDArray[np.float64]:
    if centre_mm is not None:
        return _triple(source, centre_mm, "centre_mm")
    return source.places_of(np.array([size // 2 for size in source.shape], dtype=np.float64))


def _triple(source: Grid, vector: ArrayLike, name: str) -> NDArray[np.float64]:
    try:
        found = np.asarray(vector, dtype=np.float64)
    except (TypeError, ValueError):
        found = np.full(0, math.nan)
    if found.shape != (3,) or not np.all(np.isfinite(found)):
        raise _refused(source, f"{name} is three finite numbers (x, y, z), not {vector!r}")
    return found


def _steps(source: Grid, spacing_mm: float | Sequence[float] | None) -> tuple[float, float]:
    if spacing_mm is None:
        spacing_mm = float(np.nanmin(np.abs(source.steps_mm)))
    steps = np.atleast_1d(np.asarray(spacing_mm, dtype=np.float64))
    if steps.shape not in ((1,), (2,)) or not np.all((steps > 0) & np.isfinite(steps)):
        raise _refused(source, f"spacing_mm is positive, one or (row, column), not {spacing_mm!r}")
    return (float(steps[0]), float(steps[-1]))


def _refused(source: Grid, reason: str) -> CannotResample:
    return CannotResample(reason, SeriesInstanceUID=source.SeriesInstanceUID)
