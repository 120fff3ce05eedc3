"""The compiled kernel of linear sampling; importing it needs numba (extra `[jit]`)."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from noctis_lab.volumes.grid import SNAP

__all__ = ["project_linear"]


def _compile(function: Any) -> Any:
    try:
        return numba.njit(function, cache=True, nogil=True)
    except RuntimeError:  # no folder to keep the compiled code in: compile once a process
        return numba.njit(function, nogil=True)


def _split(index: float, count: int) -> tuple[int, int, float]:
    """Return the voxels before and after an index and the part of the way; -1, -1: outside."""
    if not -1.0 <= index <= count:
        return -1, -1, 0.0
    before = int(index + 1.0) - 1
    part = index - before
    if part < SNAP:
        part = 0.0
    elif part > 1.0 - SNAP:
        before += 1
        part = 0.0
    after = before if part == 0.0 else before + 1
    return (-1, -1, 0.0) if before < 0 or after >= count else (before, after, part)


_split_fast = _compile(_split)


def _between(one: float, other: float, part: float) -> float:
    return one if part == 0.0 else one * (1.0 - part) + other * part


_between_fast = _compile(_between)


def _sample(source: NDArray[Any], at_z: float, at_y: float, at_x: float) -> tuple[bool, float]:
    """Return whether an index is inside, and the value there.

    At the borders, and where a voxel without weight is no finite number, this says what is so; in
    between it is `_project_linear`'s arithmetic, three times as slow.
    """
    z, next_z, part_z = _split_fast(at_z, source.shape[0])
    y, next_y, part_y = _split_fast(at_y, source.shape[1])
    x, next_x, part_x = _split_fast(at_x, source.shape[2])
    if z < 0 or y < 0 or x < 0:
        return False, 0.0
    front = _between_fast(
        _between_fast(float(source[z, y, x]), float(source[z, y, next_x]), part_x),
        _between_fast(float(source[z, next_y, x]), float(source[z, next_y, next_x]), part_x),
        part_y,
    )
    back = _between_fast(
        _between_fast(float(source[next_z, y, x]), float(source[next_z, y, next_x]), part_x),
        _between_fast(
            float(source[next_z, next_y, x]), float(source[next_z, next_y, next_x]), part_x
        ),
        part_y,
    )
    return True, _between_fast(front, back, part_z)


_sample_fast = _compile(_sample)


def _sample_between(source: NDArray[Any], at_z: float, at_y: float, at_x: float) -> float:
    """Return the value at an index that has eight voxels around it."""
    one = np.uintp(1)  # a signed index would be looked at for Python's negative ones
    z, y, x = np.uintp(at_z), np.uintp(at_y), np.uintp(at_x)
    past_z, past_y, past_x = at_z - z, at_y - y, at_x - x
    left_z, left_y, left_x = 1.0 - past_z, 1.0 - past_y, 1.0 - past_x
    front = left_y * (left_x * source[z, y, x] + past_x * source[z, y, x + one]) + past_y * (
        left_x * source[z, y + one, x] + past_x * source[z, y + one, x + one]
    )
    z += one
    back = left_y * (left_x * source[z, y, x] + past_x * source[z, y, x + one]) + past_y * (
        left_x * source[z, y + one, x] + past_x * source[z, y + one, x + one]
    )
    value: float = left_z * front + past_z * back
    return value


_sample_between_fast = _compile(_sample_between)


def _add(best: float, value: float, how: int) -> float:
    if how == 2:
        return best + value
    return max(best, value) if how == 0 else min(best, value)


_add_fast = _compile(_add)


def _add_row(
    source: NDArray[Any],
    start: tuple[float, float, float],
    along: NDArray[np.float64],
    how: int,
    best: NDArray[np.float64],
    numbers: NDArray[np.int64],
    inside: NDArray[np.bool_],
) -> None:
    """Add one sample of each place of a row to what the others gave."""
    last_z, last_y, last_x = source.shape[0] - 1.0, source.shape[1] - 1.0, source.shape[2] - 1.0
    for column in range(len(best)):
        at_z = start[0] + along[column, 0]
        at_y = start[1] + along[column, 1]
        at_x = start[2] + along[column, 2]
        value = np.nan
        if 0.0 <= at_z < last_z and 0.0 <= at_y < last_y and 0.0 <= at_x < last_x:
            value = _sample_between_fast(source, at_z, at_y, at_x)
        elif (
            not -SNAP <= at_z <= last_z + SNAP
            or not -SNAP <= at_y <= last_y + SNAP
            or not -SNAP <= at_x <= last_x + SNAP
        ):
            continue
        if not np.isfinite(value):
            is_inside, value = _sample_fast(source, at_z, at_y, at_x)
            if not is_inside:
                continue
        inside[column] = True
        if not np.isnan(value):
            numbers[column] += 1
            best[column] = _add_fast(best[column], value, how)


_add_row_fast = _compile(_add_row)


def _project_linear(
    source: NDArray[Any],
    samples: NDArray[np.float64],
    down: NDArray[np.float64],
    along: NDArray[np.float64],
    how: int,
    values: NDArray[Any],
    inside: NDArray[np.bool_],
) -> None:
    """Fill one plane: max (0), min (1) or mean (2) of the linear samples that are numbers.

    `source` has shape (z, y, x), `values` and `inside` (rows, columns); the index of a sample is
    ``samples[s] + down[row] + along[column]``, float64 of shape (…, 3). `inside`, false at first,
    tells where any sample is; where none of these is a number, the value is NaN.
    """
    columns = values.shape[1]
    best = np.empty(columns, np.float64)
    numbers = np.empty(columns, np.int64)
    for row in range(values.shape[0]):
        best[:] = 0.0 if how == 2 else (-np.inf if how == 0 else np.inf)
        numbers[:] = 0
        for sample in range(samples.shape[0]):
            start = (
                samples[sample, 0] + down[row, 0],
                samples[sample, 1] + down[row, 1],
                samples[sample, 2] + down[row, 2],
            )
            _add_row_fast(source, start, along, how, best, numbers, inside[row])
        for column in range(columns):
            count = numbers[column]
            values[row, column] = best[column] / (count if how == 2 else 1) if count else np.nan


#: Compiled at the first call for a dtype and memory order of the source, then kept on disk.
project_linear = _compile(_project_linear)
