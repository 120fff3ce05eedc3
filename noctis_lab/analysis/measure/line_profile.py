"""Values along a line, linear between the four voxels around each sample."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from noctis_lab.errors import CannotMeasure

__all__ = ["MOST_SAMPLES", "sample_line", "value_at"]

#: Of one profile: across an image of 23,000 voxels a side.
MOST_SAMPLES: Final = 1 << 15


def sample_line(values: NDArray[np.float64], points_px: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the values along a line, a voxel apart or closer, both of its ends included.

    Parameters
    ----------
    values
        ndarray of float64, shape (rows, columns).
    points_px
        ndarray of float64, shape (2, 2): its ends (column, row).

    Returns
    -------
    ndarray of float64, shape (samples,)
        ``ceil(length) + 1`` samples at equal distances, a voxel's own value at its centre; NaN
        outside the hull of the centres and where a voxel with weight is NaN.

    Raises
    ------
    CannotMeasure
        There would be more than `MOST_SAMPLES`; says how many of them lie outside.
    """
    (x0, y0), (x1, y1) = points_px
    steps = max(1, math.ceil(math.hypot(x1 - x0, y1 - y0) - 1e-9))
    part = np.arange(steps + 1) / steps
    x = x0 + (x1 - x0) * part
    y = y0 + (y1 - y0) * part
    rows, columns = values.shape
    is_inside = (x >= 0) & (x <= columns - 1) & (y >= 0) & (y <= rows - 1)
    if len(part) > MOST_SAMPLES:
        raise CannotMeasure(
            f"a profile of {len(part)} samples is too long, {MOST_SAMPLES} are the most; "
            f"{np.count_nonzero(~is_inside)} of them lie outside the image: draw it within"
        )
    samples = np.full(len(part), np.nan)
    samples[is_inside] = _between(values, x[is_inside], y[is_inside])
    return samples


def _between(
    values: NDArray[np.float64], x: NDArray[np.float64], y: NDArray[np.float64]
) -> NDArray[np.float64]:
    left, top = np.floor(x).astype(np.intp), np.floor(y).astype(np.intp)
    across, down = x - left, y - top
    # At a centre the next voxel has no weight, and may be NaN or outside.
    right, bottom = left + (across > 0), top + (down > 0)
    upper = (1.0 - across) * values[top, left] + across * values[top, right]
    lower = (1.0 - across) * values[bottom, left] + across * values[bottom, right]
    return (1.0 - down) * upper + down * lower


def value_at(values: NDArray[np.float64], point_px: NDArray[np.float64]) -> float | None:
    """Return the value of the voxel in which a point lies.

    Parameters
    ----------
    values
        ndarray of float64, shape (rows, columns).
    point_px
        ndarray of float64, shape (2,): (column, row); halfway between two voxels it is the latter.

    Returns
    -------
    float or None
        None outside the image and where the value is not finite.
    """
    column, row = (math.floor(coordinate + 0.5) for coordinate in point_px)
    rows, columns = values.shape
    if not (0 <= row < rows and 0 <= column < columns):
        return None
    found = float(values[row, column])
    return found if math.isfinite(found) else None
