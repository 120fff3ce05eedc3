"""The compiled kernel of linear sampling; importing it needs numba (extra `[jit]`)."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from noctis_lab.volumes.grid import SNAP

__all__ = ["project_linear", "project_rows"]

#: Samples at a time: indices, then voxels, then values of so many, each in a loop of its own that
#: uses the processor's vectors (fetching voxels does not, and would keep the rest from it).
_BLOCK = 128


def _compile(function: Any) -> Any:
    # A product that is added to is rounded once where the processor can: nearer to the truth.
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": {"contract"}}
    try:
        return numba.njit(function, cache=True, **options)
    except RuntimeError:  # no folder to keep the compiled code in: compile once a process
        return numba.njit(function, **options)


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


def _sample(
    voxels: NDArray[Any], layout: NDArray[np.int64], at_z: float, at_y: float, at_x: float
) -> tuple[bool, float]:
    """Return whether an index is inside, and the value there.

    At the borders, and where a voxel without weight is no finite number, this says what is so; in
    between it is the blocks' arithmetic, many times as slow.
    """
    z, next_z, part_z = _split_fast(at_z, layout[0])
    y, next_y, part_y = _split_fast(at_y, layout[1])
    x, next_x, part_x = _split_fast(at_x, layout[2])
    if z < 0 or y < 0 or x < 0:
        return False, 0.0
    z, next_z = z * layout[3] + layout[6], next_z * layout[3] + layout[6]
    y, next_y = y * layout[4], next_y * layout[4]
    x, next_x = x * layout[5], next_x * layout[5]
    front = _between_fast(
        _between_fast(float(voxels[z + y + x]), float(voxels[z + y + next_x]), part_x),
        _between_fast(float(voxels[z + next_y + x]), float(voxels[z + next_y + next_x]), part_x),
        part_y,
    )
    z = next_z
    back = _between_fast(
        _between_fast(float(voxels[z + y + x]), float(voxels[z + y + next_x]), part_x),
        _between_fast(float(voxels[z + next_y + x]), float(voxels[z + next_y + next_x]), part_x),
        part_y,
    )
    return True, _between_fast(front, back, part_z)


_sample_fast = _compile(_sample)


def _is_between(
    layout: NDArray[np.int64],
    start: tuple[float, float, float],
    along: NDArray[np.float64],
    column: int,
) -> bool:
    """Return whether a sample has eight voxels around it."""
    return bool(
        0.0 <= start[0] + along[0, column] < layout[0] - 1
        and 0.0 <= start[1] + along[1, column] < layout[1] - 1
        and 0.0 <= start[2] + along[2, column] < layout[2] - 1
    )


_is_between_fast = _compile(_is_between)


def _place_block(
    layout: NDArray[np.int64],
    start: tuple[float, float, float],
    along: NDArray[np.float64],
    first: int,
    count: int,
    places: NDArray[np.int64],
    parts: NDArray[np.float64],
) -> None:
    """Find the first of the eight voxels around each sample, and the parts of the way beyond it."""
    step_z, step_y, step_x, origin = layout[3], layout[4], layout[5], layout[6]
    for number in range(count):
        at_z = start[0] + along[0, first + number]
        at_y = start[1] + along[1, first + number]
        at_x = start[2] + along[2, first + number]
        z, y, x = np.int64(at_z), np.int64(at_y), np.int64(at_x)
        places[number] = origin + z * step_z + y * step_y + x * step_x
        parts[number] = at_z - z
        parts[number + _BLOCK] = at_y - y
        parts[number + 2 * _BLOCK] = at_x - x


_place_block_fast = _compile(_place_block)


def _fetch_block(
    voxels: NDArray[Any],
    layout: NDArray[np.int64],
    places: NDArray[np.int64],
    count: int,
    corners: NDArray[Any],
) -> None:
    # Unsigned: a signed index would be looked at for Python's negative ones. A step backwards is
    # one around the end of the numbers.
    step_z, step_y, step_x = np.uintp(layout[3]), np.uintp(layout[4]), np.uintp(layout[5])
    for number in range(count):
        place = np.uintp(places[number])
        corners[number] = voxels[place]
        corners[number + _BLOCK] = voxels[place + step_x]
        corners[number + 2 * _BLOCK] = voxels[place + step_y]
        corners[number + 3 * _BLOCK] = voxels[place + step_y + step_x]
        corners[number + 4 * _BLOCK] = voxels[place + step_z]
        corners[number + 5 * _BLOCK] = voxels[place + step_z + step_x]
        corners[number + 6 * _BLOCK] = voxels[place + step_z + step_y]
        corners[number + 7 * _BLOCK] = voxels[place + step_z + step_y + step_x]


_fetch_block_fast = _compile(_fetch_block)


def _blend_block(
    corners: NDArray[Any], parts: NDArray[np.float64], count: int, found: NDArray[np.float64]
) -> int:
    """Find the values between eight voxels; return how many of them are not finite."""
    odd = 0
    for number in range(count):
        part_y, part_x = parts[number + _BLOCK], parts[number + 2 * _BLOCK]
        one, other = float(corners[number]), float(corners[number + 2 * _BLOCK])
        one += part_x * (float(corners[number + _BLOCK]) - one)
        other += part_x * (float(corners[number + 3 * _BLOCK]) - other)
        front = one + part_y * (other - one)
        one, other = float(corners[number + 4 * _BLOCK]), float(corners[number + 6 * _BLOCK])
        one += part_x * (float(corners[number + 5 * _BLOCK]) - one)
        other += part_x * (float(corners[number + 7 * _BLOCK]) - other)
        back = one + part_y * (other - one)
        value = front + parts[number] * (back - front)
        found[number] = value
        odd += value - value != 0.0
    return odd


_blend_block_fast = _compile(_blend_block)


def _add_block(
    found: NDArray[np.float64], how: int, best: NDArray[np.float64], numbers: NDArray[np.int64]
) -> None:
    """Add finite samples to what the others gave."""
    count = len(best)
    if how == 0:
        for number in range(count):
            best[number] = max(found[number], best[number])
    elif how == 1:
        for number in range(count):
            best[number] = min(found[number], best[number])
    else:
        for number in range(count):
            best[number] += found[number]
    for number in range(count):
        numbers[number] += 1


_add_block_fast = _compile(_add_block)


def _add_one(
    value: float, column: int, how: int, best: NDArray[np.float64], numbers: NDArray[np.int64]
) -> None:
    """Add a sample that may be no number."""
    if np.isnan(value):
        return
    numbers[column] += 1
    if how == 2:
        best[column] += value
    else:
        best[column] = max(best[column], value) if how == 0 else min(best[column], value)


_add_one_fast = _compile(_add_one)


def _add_carefully(
    source: tuple[NDArray[Any], NDArray[np.int64]],
    start: tuple[float, float, float],
    along: NDArray[np.float64],
    columns: tuple[int, int],
    how: int,
    sums: tuple[NDArray[np.float64], NDArray[np.int64]],
    inside: NDArray[np.bool_],
) -> None:
    """Add samples that may be outside, at a border, or beside what is no finite number."""
    (voxels, layout), (best, numbers) = source, sums
    for column in range(columns[0], columns[1]):
        at_z = start[0] + along[0, column]
        at_y = start[1] + along[1, column]
        at_x = start[2] + along[2, column]
        if (
            -SNAP <= at_z <= layout[0] - 1 + SNAP
            and -SNAP <= at_y <= layout[1] - 1 + SNAP
            and -SNAP <= at_x <= layout[2] - 1 + SNAP
        ):
            is_inside, value = _sample_fast(voxels, layout, at_z, at_y, at_x)
            if is_inside:
                inside[column] = True
                _add_one_fast(value, column, how, best, numbers)


_add_carefully_fast = _compile(_add_carefully)


def _is_ordered(along: NDArray[np.float64]) -> bool:
    """Return whether a row never turns back: then what is inside is one run of its columns."""
    for axis in range(3):
        rises = falls = False
        for column in range(1, along.shape[1]):
            rises |= along[axis, column] > along[axis, column - 1]
            falls |= along[axis, column] < along[axis, column - 1]
        if rises and falls:
            return False
    return True


_is_ordered_fast = _compile(_is_ordered)


def _project_rows(
    source: tuple[NDArray[Any], NDArray[np.int64]],
    samples: NDArray[np.float64],
    down: NDArray[np.float64],
    along: NDArray[np.float64],
    how: int,
    values: NDArray[Any],
    inside: NDArray[np.bool_],
) -> None:
    """Do what `project_linear` says.

    `source` is its memory as one axis, and the `layout` in it: shape (z, y, x), the steps of those
    axes, and the place of the first voxel. `along` has shape (3, columns).
    """
    voxels, layout = source
    columns = values.shape[1]
    best, numbers = np.empty(columns, np.float64), np.empty(columns, np.int64)
    places, parts = np.empty(_BLOCK, np.int64), np.empty(3 * _BLOCK, np.float64)
    corners, found = np.empty(8 * _BLOCK, voxels.dtype), np.empty(_BLOCK, np.float64)
    is_ordered = _is_ordered_fast(along)
    for row in range(values.shape[0]):
        best[:] = 0.0 if how == 2 else (-np.inf if how == 0 else np.inf)
        numbers[:] = 0
        for sample in range(samples.shape[0]):
            start = (
                samples[sample, 0] + down[row, 0],
                samples[sample, 1] + down[row, 1],
                samples[sample, 2] + down[row, 2],
            )
            begin, end = 0, columns if is_ordered else 0
            while begin < end and not _is_between_fast(layout, start, along, begin):
                begin += 1
            while begin < end and not _is_between_fast(layout, start, along, end - 1):
                end -= 1
            for part in ((0, begin), (end, columns)):
                _add_carefully_fast(source, start, along, part, how, (best, numbers), inside[row])
            for first in range(begin, end, _BLOCK):
                last = min(first + _BLOCK, end)
                _place_block_fast(layout, start, along, first, last - first, places, parts)
                _fetch_block_fast(voxels, layout, places, last - first, corners)
                if _blend_block_fast(corners, parts, last - first, found):
                    part = (first, last)
                    _add_carefully_fast(
                        source, start, along, part, how, (best, numbers), inside[row]
                    )
                else:
                    _add_block_fast(found, how, best[first:last], numbers[first:last])
                    inside[row, first:last] = True
        for column in range(columns):
            of = numbers[column]
            values[row, column] = best[column] / (of if how == 2 else 1) if of else np.nan


#: Compiled at the first call for a dtype of the source, then kept on disk.
project_rows = _compile(_project_rows)


def project_linear(
    source: NDArray[Any],
    samples: NDArray[np.float64],
    down: NDArray[np.float64],
    along: NDArray[np.float64],
    how: int,
    values: NDArray[Any],
    inside: NDArray[np.bool_],
) -> None:
    """Fill one plane: max (0), min (1) or mean (2) of the linear samples that are numbers.

    Parameters
    ----------
    source
        ndarray, shape (z, y, x), in any memory order.
    samples, down, along
        float64 of shape (…, 3): the index of a sample is ``samples[s] + down[row] +
        along[column]``.
    how
        What is made of several samples.
    values, inside
        Shape (rows, columns): filled. `inside`, false at first, tells where any sample is; where
        none of these is a number, the value is NaN.
    """
    columns = np.ascontiguousarray(along.T)
    project_rows(_as_memory(source), samples, down, columns, how, values, inside)


def _as_memory(source: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Return an array's memory as one axis, and its `layout` in it: one kernel for all orders."""
    if any(stride % source.itemsize for stride in source.strides):
        source = source.copy()
    steps = [stride // source.itemsize for stride in source.strides]
    reaches = [(size - 1) * step for size, step in zip(source.shape, steps, strict=True)]
    first = -sum(reach for reach in reaches if reach < 0)
    lowest = source[tuple(slice(None, None, -1 if step < 0 else 1) for step in steps)]
    voxels = np.lib.stride_tricks.as_strided(
        lowest,
        (1 + sum(abs(reach) for reach in reaches),),
        (source.itemsize,),
        writeable=False,
    )
    return voxels, np.array([*source.shape, *steps, first], dtype=np.int64)
