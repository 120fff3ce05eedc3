"""What an array carries through resampling: extra dims, channels, coordinates, attributes."""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from noctis_lab.volumes.axes import AXES, CHANNEL, GEOMETRY, PER_PLANE
from noctis_lab.volumes.grid import SNAP, Grid

__all__ = ["Unread", "kept_coordinates", "to_dataarray"]

#: A part of the source that is this many times smaller than the whole is cut out of it first.
_WORTH_CUTTING = 4


@dataclass(frozen=True, slots=True)
class Unread:
    """What is to be read of a volume."""

    variable: xr.Variable  # dims ([extra], those of z, y, x that are there[, channel])
    extras: tuple[str, ...]

    @classmethod
    def of(cls, volume: xr.DataArray) -> Unread:
        """Return the array's values, in the layout's order, whatever its own is; a view."""
        extras = tuple(str(dim) for dim in volume.dims if dim not in (*AXES, CHANNEL))
        order = [*extras, *(dim for dim in (*AXES, CHANNEL) if dim in volume.dims)]
        return cls(volume.variable.transpose(*order), extras)

    @property
    def extra_shape(self) -> tuple[int, ...]:
        """Lengths of the extra dims."""
        return self.variable.shape[: len(self.extras)]

    @property
    def channels(self) -> int:
        """Number of colour channels; 1 where there is no such dim."""
        return int(self.variable.sizes.get(CHANNEL, 1))

    def read(self, span: NDArray[np.float64]) -> tuple[NDArray[Any], NDArray[np.float64]]:
        """Return the values around a span of indices, and the index (z, y, x) of their first.

        The array's shape is (extra, z, y, x, channel). Planes are cut to the span, and within
        planes where it is worth a copy; so a volume that is not loaded yet is read no farther.
        """
        sizes = [int(self.variable.sizes.get(axis, 1)) for axis in AXES]
        low = np.clip(np.floor(span[0] - 0.5 - SNAP), 0, np.array(sizes) - 1).astype(int)
        high = np.clip(np.ceil(span[1] + 0.5 + SNAP), low, np.array(sizes) - 1).astype(int)
        is_small = np.prod(high - low + 1) * _WORTH_CUTTING <= math.prod(sizes)
        if not is_small:
            low[1:], high[1:] = 0, np.array(sizes[1:]) - 1
        slices = {
            axis: slice(int(first), int(last) + 1)
            for axis, first, last in zip(AXES, low, high, strict=True)
            if axis in self.variable.dims
        }
        values = self.variable.isel(slices).values
        shape = tuple(int(last - first) + 1 for first, last in zip(low, high, strict=True))
        values = values.reshape((math.prod(self.extra_shape), *shape, self.channels))
        return (np.ascontiguousarray(values) if is_small else values), low.astype(np.float64)

    def plane(self, z: int) -> NDArray[Any]:
        """Return the values at one index of z: ndarray, shape (extra, y, x, channel)."""
        values = self.variable.isel(z=z).values
        shape = [int(self.variable.sizes.get(axis, 1)) for axis in AXES[1:]]
        return values.reshape((math.prod(self.extra_shape), *shape, self.channels))


def to_dataarray(
    volume: xr.DataArray,
    source: Grid,
    target: Grid,
    extras: tuple[str, ...],
    result: NDArray[Any],
) -> xr.DataArray:
    """Return values on a grid as an array of the layout.

    Parameters
    ----------
    volume
        Where they come from: gives name, attributes and the coordinates that still hold.
    source, target
        The volume's grid and the values'.
    extras
        Names of the extra dims, in the order of the values.
    result
        ndarray, shape (extra, z, y, x, channel): extra dims in one, axes of length 1 for what is
        no dim.
    """
    extra_shape = tuple(int(volume.sizes[extra]) for extra in extras)
    dims, shape = list(extras), list(extra_shape)
    for axis, size in zip(AXES, target.shape, strict=True):
        if axis in target.dims:
            dims.append(axis)
            shape.append(size)
    if CHANNEL in volume.dims:
        dims.append(CHANNEL)
        shape.append(result.shape[-1])
    coordinates: dict[Hashable, Any] = dict(target.coordinates())
    coordinates |= kept_coordinates(volume, source, target)
    return xr.DataArray(
        result.reshape(shape), dims=dims, coords=coordinates, name=volume.name, attrs=volume.attrs
    )


def kept_coordinates(
    volume: xr.DataArray, source: Grid, target: Grid
) -> dict[Hashable, xr.DataArray]:
    """Return a volume's coordinates, beside the spatial ones, that hold on another grid too.

    Those along an axis hold where both grids have that axis alike; those of single planes where
    both have the planes.
    """
    turned = not np.array_equal(source.directions, target.directions)
    changed = {
        axis
        for axis, one, other in zip(AXES, source.along_mm, target.along_mm, strict=True)
        if turned
        or (axis in target.dims) != (axis in source.dims)
        or not np.array_equal(one, other)
    }
    return {
        name: coordinate.drop_vars(list(coordinate.coords))
        for name, coordinate in volume.coords.items()
        if name not in (*AXES, GEOMETRY)
        and changed.isdisjoint(map(str, coordinate.dims))
        and not (name in PER_PLANE and "z" in changed)
    }
