"""Volumes whose every value is known by formula: a function of the place in the patient."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from tests.volumes.test_accessor import affines, volume

__all__ = ["AXIAL", "TILTED", "affines", "fill_by_place", "linear_field", "places", "volume"]

#: Index (z, y, x) to LPS mm: 2.5 mm planes of half-millimetre pixels, head up.
AXIAL = np.array([[0, 0, 0.5, -10], [0, 0.5, 0, 20], [2.5, 0, 0, 30], [0, 0, 0, 1.0]])
_TILT = math.radians(20)
#: The same, of a gantry that leans 20°.
TILTED = np.array(
    [
        [0, 0, 0.5, -10],
        [0, 0.5 * math.cos(_TILT), 0, 20],
        [2.5, 0.5 * math.sin(_TILT), 0, 30],
        [0, 0, 0, 1.0],
    ]
)


def places(array: xr.DataArray) -> NDArray[np.float64]:
    """Return the places of all voxels by the layout's contract: shape (z, y, x, 3), LPS mm."""
    directions = np.reshape(array.patient_lps.attrs["direction"], (3, 3))
    along = [np.atleast_1d(array.coords[axis].values) for axis in ("z", "y", "x")]
    return np.stack(np.meshgrid(*along, indexing="ij"), axis=-1) @ directions.T


def linear_field(gradient: Any, offset: float = 0.0) -> Callable[[Any], Any]:
    """Return a function of places that linear interpolation gives exactly."""
    return lambda where: where @ np.asarray(gradient, dtype=float) + offset


def fill_by_place(array: xr.DataArray, field: Callable[[Any], Any]) -> xr.DataArray:
    """Return the volume with the field's values (z, y, x) at its places, float64."""
    return array.copy(data=field(places(array)).reshape(array.shape))
