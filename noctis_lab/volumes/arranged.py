"""What all writers ask of a volume: its axes in order, and its pieces one after another."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from noctis_lab.errors import CannotExport
from noctis_lab.volumes.axes import AXES

__all__ = [
    "CHANNEL",
    "PLANES_PER_PIECE",
    "arranged",
    "extra_dim",
    "iter_pieces",
    "series_name",
    "step_of",
]

CHANNEL = "channel"
#: Planes read at once from what is not in memory.
PLANES_PER_PIECE = 32
_EVEN = 1e-3  # of a step: times are decimal strings


def series_name(volume: xr.DataArray) -> str:
    """Return how an error speaks of a volume: by its SeriesInstanceUID, where it has one."""
    return f"series {volume.attrs.get('SeriesInstanceUID', '(unknown)')}"


def extra_dim(volume: xr.DataArray) -> str | None:
    """Return the dim that is neither of space nor of colour; None where there is none.

    Raises
    ------
    CannotExport
        There are several.
    """
    extra = [str(dim) for dim in volume.dims if dim not in (*AXES, CHANNEL)]
    if len(extra) > 1:
        raise CannotExport(
            f"{series_name(volume)}: at most one dim beside z, y, x and channel can be written, "
            f"not {', '.join(extra)}; select one of a dim by .isel({extra[-1]}=0)"
        )
    return extra[0] if extra else None


def arranged(volume: xr.DataArray) -> xr.DataArray:
    """Return a volume with dims ([extra,] z, y, x[, channel]), lone planes as axes of one.

    Raises
    ------
    CannotExport
        An axis has no coordinate any more, or several dims are beside those of space.
    """
    missing = [axis for axis in AXES if axis not in volume.dims]
    without = [axis for axis in missing if axis not in volume.coords]
    if without:
        raise CannotExport(
            f"{series_name(volume)}: it has no axis {', '.join(without)} in the patient; write it "
            "as PNG, Zarr or NetCDF, or keep the axis when you select: .isel(z=[0])"
        )
    extra = extra_dim(volume)
    for axis in missing:
        volume = volume.expand_dims(axis)
    order = [*([extra] if extra else []), *AXES, *([CHANNEL] if CHANNEL in volume.dims else [])]
    return volume.transpose(*order)


def iter_pieces(
    volume: xr.DataArray, progress: Callable[[int, int], None] | None = None
) -> Iterator[NDArray[Any]]:
    """Yield an arranged volume's values piece by piece, in C order; lazy ones are read so.

    Parameters
    ----------
    progress
        Called before each piece and at the end as ``progress(planes done, planes in all)``; what it
        raises ends it.
    """
    extra = extra_dim(volume)
    parts = [volume.isel({extra: at}) for at in range(volume.sizes[extra])] if extra else [volume]
    chunks = dict(volume.chunksizes).get("z")
    planes = max(chunks) if chunks else PLANES_PER_PIECE
    done, total = 0, len(parts) * volume.sizes["z"]
    for part in parts:
        for first in range(0, part.sizes["z"], planes):
            if progress is not None:
                progress(done, total)
            piece = np.ascontiguousarray(part.isel(z=slice(first, first + planes)).to_numpy())
            done += len(piece)
            yield piece
    if progress is not None:
        progress(done, total)


def step_of(values: NDArray[Any]) -> float | None:
    """Return the one step of ascending numbers; None where there is none."""
    if values.ndim != 1 or len(values) < 2 or values.dtype.kind not in "iuf":
        return None
    steps = np.diff(values.astype(np.float64))
    step = float(steps.mean())
    is_even = bool(np.all(np.abs(steps - step) <= _EVEN * abs(step)))
    return step if step > 0 and is_even else None
