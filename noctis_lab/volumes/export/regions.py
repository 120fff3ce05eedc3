"""A volume that is not in memory, region by region, as its stored chunks lie."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from noctis_lab.volumes.axes import AXES
from noctis_lab.volumes.tasks import Progress

__all__ = ["LARGEST_REGION_BYTES", "is_read_on_demand", "iter_regions"]

#: Of the values that are held at once, where a single chunk is not larger.
LARGEST_REGION_BYTES = 64 << 20

type Region = tuple[slice, ...]


def is_read_on_demand(volume: xr.DataArray) -> bool:
    """Return whether a volume's values are neither in memory nor dask's to compute."""
    data = volume.variable._data
    return volume.chunks is None and bool(volume.size) and not isinstance(data, np.ndarray)


def iter_regions(
    volume: xr.DataArray, chunks: Sequence[int], progress: Progress | None = None
) -> Iterator[tuple[Region, NDArray[Any]]]:
    """Yield each region of a volume and its values.

    Parameters
    ----------
    volume
        Of any dims; its values are read region by region.
    chunks
        Sizes of the stored chunks: no chunk is of two regions.
    progress
        Called before each region and at the end as ``progress(planes done, planes in all)``; what
        it raises ends it.
    """
    sizes = _region_sizes(volume, chunks)
    steps = [
        [slice(first, min(first + step, size)) for first in range(0, size, step)]
        for size, step in zip(volume.shape, sizes, strict=True)
    ]
    plane = math.prod(size for dim, size in volume.sizes.items() if dim in (*AXES[1:], "channel"))
    done, total = 0, volume.size // plane
    for region in product(*steps):
        if progress is not None:
            progress(done // plane, total)
        values = volume.variable[region].to_numpy()
        done += values.size
        yield region, values
    if progress is not None:
        progress(total, total)


def _region_sizes(volume: xr.DataArray, chunks: Sequence[int]) -> list[int]:
    """Return how many of each dim are read at once: chunks, and more of the last dims as fit."""
    sizes = list(chunks)
    count = LARGEST_REGION_BYTES // volume.dtype.itemsize
    for axis in reversed(range(volume.ndim)):
        # Whole rows and planes lie together in a file.
        fits = count * sizes[axis] // max(1, math.prod(sizes))
        sizes[axis] = min(volume.shape[axis], max(1, fits // chunks[axis]) * chunks[axis])
    return sizes
