"""Values between voxels, a plane at a time: linear or nearest, one sample or several on a line."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from noctis_lab.errors import CannotResample
from noctis_lab.volumes.grid import SNAP, Grid

__all__ = [
    "How",
    "Lattice",
    "Method",
    "Rows",
    "in_threads",
    "index_lattices",
    "project_plane",
    "require_compiled",
]

type Method = Literal["linear", "nearest"]
type How = Literal["max", "min", "mean"]

_HOW_NUMBERS: dict[How, int] = {"max": 0, "min": 1, "mean": 2}
#: Points at once where numba is not used: 6 MB of coordinates.
_BLOCK_POINTS = 2**18
#: Below so many samples of a plane threads cost more than they bring.
_LEAST_FOR_THREADS = 2**16
#: More than these wait for the memory, not for each other.
_MOST_THREADS = 8

#: Calls a function with each of the parts of so many rows, and returns when all have returned.
type Rows = Callable[[Callable[[slice], None], int], None]


@dataclass(frozen=True, slots=True)
class Lattice:
    """Where a plane's samples lie in a source: ``samples[s] + down[row] + along[column]``.

    Each is float64 of shape (count, 3): fractional indices (z, y, x) of the source, and parts of
    them.
    """

    samples: NDArray[np.float64]
    down: NDArray[np.float64]
    along: NDArray[np.float64]

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the plane."""
        return (len(self.down), len(self.along))


def index_lattices(
    source: Grid, target: Grid, *, offsets_mm: NDArray[np.float64], method: Method
) -> tuple[tuple[Lattice, ...], NDArray[np.float64]]:
    """Return where the planes of a grid lie in a source.

    Parameters
    ----------
    source
        Of the volume; regular.
    target
        Any grid.
    offsets_mm
        ndarray of float64, shape (samples,): of a plane's samples along the target's z direction.
    method
        Of a lone plane whose thickness nothing states, nearest gives the plane itself alone.

    Returns
    -------
    tuple of (tuple of Lattice, one for each z of the target; ndarray of float64, shape (2, 3))
        The second: lowest and highest index of all samples.

    Notes
    -----
    Where an index depends on one axis of the target alone (their axes are parallel), what lies
    within `SNAP` of a voxel's centre is put there, so that what two grids share is taken over bit
    for bit.
    """
    unstated_mm = 1.0 if method == "linear" else 2 * SNAP
    steps_mm = np.array(source.steps_mm)
    steps_mm[np.isnan(steps_mm)] = unstated_mm
    first_mm = np.array([along[0] for along in source.along_mm])
    per_mm = np.linalg.solve(source.directions, target.directions) / steps_mm[:, np.newaxis]
    heights_mm = (target.along_mm[0][:, np.newaxis] + offsets_mm).ravel()
    parts = [
        coordinate[:, np.newaxis] * per_mm[:, axis]
        for axis, coordinate in enumerate((heights_mm, *target.along_mm[1:]))
    ]
    parts[0] -= first_mm / steps_mm
    for axis in range(3):
        _settle([part[:, axis] for part in parts])
    lowest = np.sum([part.min(axis=0) for part in parts], axis=0)
    highest = np.sum([part.max(axis=0) for part in parts], axis=0)
    samples = parts[0].reshape(-1, len(offsets_mm), 3)
    lattices = tuple(Lattice(plane, parts[1], parts[2]) for plane in samples)
    return lattices, np.array([lowest, highest])


def _settle(parts: list[NDArray[np.float64]]) -> None:
    """Put an index that one target axis alone decides into that axis' part, snapped; in place."""
    spreads = [float(np.ptp(part)) for part in parts]
    decisive = int(np.argmax(spreads))
    others = [number for number in range(3) if number != decisive]
    if sum(spreads[number] for number in others) > SNAP / 10:
        return
    index = parts[decisive] + sum(float(parts[number][0]) for number in others)
    whole = np.rint(index)
    parts[decisive][...] = np.where(np.abs(index - whole) < SNAP, whole, index)
    for number in others:
        parts[number][...] = 0.0


@contextmanager
def in_threads(threads: int | None, samples: int) -> Iterator[Rows]:
    """Give what shares a plane's rows out to threads, which end with the block.

    Parameters
    ----------
    threads
        How many; None takes as many as this process has cores, at most 8.
    samples
        Of a plane: few are not worth a second thread.
    """
    count = len(os.sched_getaffinity(0)) if threads is None else threads
    count = min(count, _MOST_THREADS) if threads is None else count
    if count < 2 or samples < _LEAST_FOR_THREADS:
        yield lambda work, rows: work(slice(0, rows))
        return
    with ThreadPoolExecutor(count - 1, thread_name_prefix="noctis-sampling") as executor:

        def share(work: Callable[[slice], None], rows: int) -> None:
            ends = [rows * part // count for part in range(count + 1)]
            parts = [slice(first, last) for first, last in pairwise(ends)]
            tasks = [executor.submit(work, part) for part in parts[1:]]
            try:
                work(parts[0])
            finally:
                wait(tasks)  # none may write into an array that is given up
            for task in tasks:
                task.result()

        yield share


def project_plane(
    source: NDArray[Any],
    lattice: Lattice,
    values: NDArray[Any],
    *,
    method: Method = "linear",
    how: How = "max",
    jit: bool | None = None,
    rows: Rows | None = None,
) -> NDArray[np.bool_]:
    """Fill a plane with the largest, least or mean of its samples.

    Parameters
    ----------
    source
        ndarray, shape (z, y, x).
    lattice
        Where the samples are.
    values
        Filled: ndarray of shape (rows, columns), of float32 or float64; of the source's dtype too
        where nearest samples are not averaged. What lies outside is left undefined.
    method
        Of one sample: linear between the eight voxels around it, inside the hull of all centres;
        or the nearest voxel's, up to half a step beyond the outermost, a tie going to the higher
        index.
    how
        NaN samples and those outside do not count; of no other than NaN ones NaN comes.
    jit
        Whether numba samples linearly: by default where it is installed.
    rows
        From `in_threads`: who does which rows; by default this thread does all.

    Returns
    -------
    ndarray of bool, shape (rows, columns)
        Where there is a sample inside.
    """
    inside: NDArray[np.bool_] = np.zeros(values.shape, dtype=np.bool_)
    source = _plain(source)
    compiled = None if method == "nearest" or jit is False else _find_compiled()
    block = max(1, _BLOCK_POINTS // max(1, values.shape[1]))

    def project(part: slice) -> None:
        if compiled is not None:
            compiled(
                source,
                lattice.samples,
                lattice.down[part],
                lattice.along,
                _HOW_NUMBERS[how],
                values[part],
                inside[part],
            )
            return
        for first in range(part.start, part.stop, block):
            some = slice(first, min(first + block, part.stop))
            of_block = Lattice(lattice.samples, lattice.down[some], lattice.along)
            _project_block(source, of_block, values[some], inside[some], method, how)

    if rows is None:
        project(slice(0, len(values)))
    else:
        rows(project, len(values))
    return inside


@functools.cache
def _find_compiled() -> Any | None:
    try:
        from noctis_lab.volumes.jit import project_linear
    except ImportError:
        return None
    return project_linear


def require_compiled() -> None:
    """Refuse where numba is asked for and is not installed.

    Raises
    ------
    CannotResample
    """
    if _find_compiled() is None:
        raise CannotResample(
            "jit=True needs numba, which is not installed: pip install 'noctis-lab[jit]'"
        )


def _plain(source: NDArray[Any]) -> NDArray[Any]:
    """Return the array as the kernels take it: this machine's byte order, no half floats."""
    if source.dtype == np.float16:
        return source.astype(np.float32)
    if source.dtype == np.bool_:
        return source.view(np.uint8)
    return source if source.dtype.isnative else source.astype(source.dtype.newbyteorder("="))


def _project_block(
    source: NDArray[Any],
    lattice: Lattice,
    values: NDArray[Any],
    inside: NDArray[np.bool_],
    method: Method,
    how: How,
) -> None:
    best = np.zeros(values.shape, np.float64 if method == "linear" else source.dtype)
    if how == "mean":
        best = best.astype(np.float64)
    numbers = np.zeros(values.shape, np.int64)
    for found, is_inside in _samples(source, lattice, method):
        inside |= is_inside
        is_number = is_inside & (found == found)  # NaN is no number
        if how == "mean":
            np.add(best, found, out=best, where=is_number)
        else:
            is_better = found > best if how == "max" else found < best
            np.copyto(best, found, where=is_number & (is_better | (numbers == 0)))
        numbers += is_number
    if how == "mean":
        np.divide(best, numbers, out=best, where=numbers > 0)
    np.copyto(values, best, casting="same_kind")
    if values.dtype.kind == "f":
        values[numbers == 0] = np.nan


def _samples(
    source: NDArray[Any], lattice: Lattice, method: Method
) -> Iterator[tuple[NDArray[Any], NDArray[np.bool_]]]:
    reach = 0.0 if method == "linear" else 0.5
    lowest, highest = -reach - SNAP, np.array(source.shape) - 1 + reach + SNAP
    for start in lattice.samples:
        first = (start + lattice.down)[:, np.newaxis]
        index = [first[..., axis] + lattice.along[:, axis] for axis in range(3)]
        is_inside = np.ones(lattice.shape, dtype=np.bool_)
        for axis in range(3):
            is_inside &= (index[axis] >= lowest) & (index[axis] <= highest[axis])
            np.clip(index[axis], 0, source.shape[axis] - 1, out=index[axis])
        if method == "nearest":
            z, y, x = (np.floor(part + (0.5 + SNAP)).astype(np.intp) for part in index)
            yield source[z, y, x], is_inside
        else:
            yield _linear(source, np.stack(index), is_inside), is_inside


def _linear(
    source: NDArray[Any], index: NDArray[np.float64], is_inside: NDArray[np.bool_]
) -> NDArray[np.float64]:
    from scipy.ndimage import map_coordinates

    found = np.empty(is_inside.shape, np.float64)
    map_coordinates(source, index, output=found, order=1, mode="nearest", prefilter=False)
    odd = is_inside & ~np.isfinite(found)
    if odd.any():
        found[odd] = _linear_carefully(source, index[:, odd])
    return found


def _linear_carefully(source: NDArray[Any], index: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return linear values for which a voxel without weight does not count, be it NaN."""
    whole = np.rint(index)
    index = np.where(np.abs(index - whole) < SNAP, whole, index)
    before = np.floor(index).astype(np.intp)
    parts = index - before
    after = before + (parts > 0)

    def between(corner: list[NDArray[np.intp]], axis: int) -> NDArray[np.float64]:
        if axis == 3:
            values: NDArray[np.float64] = source[tuple(corner)].astype(np.float64)
            return values
        one = between([*corner, before[axis]], axis + 1)
        other = between([*corner, after[axis]], axis + 1)
        part = parts[axis]
        with np.errstate(invalid="ignore"):
            return np.where(part == 0, one, one * (1 - part) + other * part)

    return between([], 0)
