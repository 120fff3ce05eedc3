"""Images made smaller by whole factors: each pixel the mean of a square. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["PREVIEW_PIXELS", "area_mean", "preview_factor"]

#: The longest side of a preview.
PREVIEW_PIXELS = 1024


def preview_factor(rows: int, columns: int) -> int:
    """Return by which whole factor an image is reduced to a preview; 1 where it is small enough.

    Examples
    --------
    >>> preview_factor(512, 512), preview_factor(3000, 2000)
    (1, 3)
    """
    return max(1, -(-max(rows, columns) // PREVIEW_PIXELS))


def area_mean(stored: NDArray[Any], factor: int) -> NDArray[Any]:
    """Return an image of which each pixel is the mean of `factor` × `factor` pixels.

    Parameters
    ----------
    stored
        ndarray of any real type, shape (rows, columns) or (rows, columns, channels).
    factor
        At least 1.

    Returns
    -------
    ndarray of the same type, shape (⌈rows / factor⌉, ⌈columns / factor⌉[, channels])
        At the right and lower border means of what is there; integers by ``floor(mean + 0.5)``.
    """
    if factor == 1:
        return stored
    rows, columns = stored.shape[:2]
    is_whole = stored.dtype.kind in "iu"
    # Sums of 16-bit values over up to 181 x 181 pixels, and half as many added, fit into 32 bits.
    is_small = is_whole and stored.dtype.itemsize <= 2 and factor <= 181
    kind = np.int32 if is_small else np.float64
    sums = _sums(_sums(stored, factor, 0, kind), factor, 1, kind)
    reduced: NDArray[Any] = np.empty(sums.shape, stored.dtype)
    # All squares but those at two borders have one size: dividing by one number is fast.
    for into_rows, height in _parts(rows, factor):
        for into_columns, width in _parts(columns, factor):
            part, count = sums[into_rows, into_columns], height * width
            if is_small:
                means = (part + count // 2) // count
            else:
                means = np.floor(part / count + 0.5) if is_whole else part / count
            reduced[into_rows, into_columns] = means
    return reduced


def _sums(values: NDArray[Any], factor: int, axis: int, kind: type) -> NDArray[Any]:
    """Return the sums of each `factor` neighbours along an axis (0 or 1), the last of what is left.

    By strides: `numpy.add.reduceat` takes eight times as long.
    """
    shape = list(values.shape)
    shape[axis] = -(-shape[axis] // factor)
    sums: NDArray[Any] = np.zeros(shape, kind)
    for place in range(min(factor, values.shape[axis])):
        part = values[place::factor] if axis == 0 else values[:, place::factor]
        into = sums[: len(part)] if axis == 0 else sums[:, : part.shape[1]]
        into += part
    return sums


def _parts(length: int, factor: int) -> Iterator[tuple[slice, int]]:
    """Give the places of the sums along an axis that are of so many neighbours each."""
    yield slice(length // factor), factor
    if left := length % factor:
        yield slice(length // factor, None), left
