"""Where the planes of an array in memory lie, as a viewer is told: in the patient, in mm, or not.

Without a place in the patient nothing is guessed: steps count as millimetres only where the
coordinates say so, and the badge says what is missing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from noctis_lab.dicom.geometry import Orientation, Vector
from noctis_lab.errors import NoGeometry
from noctis_lab.volumes.accessor import DicomAccessor
from noctis_lab.volumes.axes import AXES, GEOMETRY
from noctis_lab.volumes.badges import Badge, badges_of_array
from noctis_lab.volumes.grid import Grid, even_step, grid_of

__all__ = ["ArrayPlace", "find_place"]

_MM = "mm"


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrayPlace:
    """What there is to say of where an array's planes lie.

    `positions_mm` and `along_mm` have one entry a plane; `is_even` says whether planes have one
    distance.
    """

    orientation: Orientation | None = None
    pixel_spacing_mm: tuple[float, float] | None = None  # (row, column)
    pixel_aspect: tuple[float, float] | None = None  # (row, column): no lengths
    positions_mm: tuple[Vector, ...] | None = None  # centre of each plane's first voxel, LPS
    along_mm: tuple[float, ...] | None = None  # of the z coordinate, where that is in mm
    FrameOfReferenceUID: str | None = None
    is_even: bool = False
    badges: tuple[Badge, ...] = ()


def find_place(array: xr.DataArray) -> ArrayPlace:
    """Return where the planes of an array lie.

    Parameters
    ----------
    array
        With dims y and x, and z where there are several planes.
    """
    try:
        return _in_patient(grid_of(array), DicomAccessor(array).tilt_deg)
    except NoGeometry as error:
        why = error.reason if GEOMETRY in array.coords else None
    except _Uneven:
        why = "rows or columns are not at one distance"
    return _without_patient(array, why)


class _Uneven(ValueError):
    """Rows or columns are at unequal distances."""


def _in_patient(grid: Grid, tilt_deg: float) -> ArrayPlace:
    along_z, along_y, along_x = grid.along_mm
    z_step, down_mm, right_mm = (even_step(along) for along in grid.along_mm)
    if down_mm is None or right_mm is None:
        raise _Uneven
    # One row or column has no step; the nominal one gives its size, and its direction is U's own.
    down_mm = grid.spacing_mm[1] if math.isnan(down_mm) else down_mm
    right_mm = grid.spacing_mm[2] if math.isnan(right_mm) else right_mm
    down = grid.directions[:, 1] * math.copysign(1.0, down_mm)
    right = grid.directions[:, 2] * math.copysign(1.0, right_mm)
    firsts = np.stack(np.broadcast_arrays(along_z, along_y[0], along_x[0]), axis=1)
    places: NDArray[np.float64] = firsts @ grid.directions.T
    return ArrayPlace(
        orientation=(*_vector(right), *_vector(down)),
        pixel_spacing_mm=(abs(down_mm), abs(right_mm)),
        positions_mm=tuple(_vector(place) for place in places),
        along_mm=tuple(float(z) for z in np.atleast_1d(along_z)),
        FrameOfReferenceUID=grid.FrameOfReferenceUID,
        is_even=z_step is not None and not math.isnan(z_step),
        # A lone plane leans against nothing.
        badges=badges_of_array(
            tilt_deg=tilt_deg if len(along_z) > 1 else 0.0, is_even=z_step is not None
        ),
    )


def _without_patient(array: xr.DataArray, why: str | None) -> ArrayPlace:
    steps = [_step(array, axis) for axis in AXES[1:]]
    spacing = None if None in steps else (abs(steps[0] or 0.0), abs(steps[1] or 0.0))
    if why is None:
        why = f"the array has no coordinate '{GEOMETRY}'"
    if spacing is None or not all(_is_in_mm(array, axis) for axis in AXES[1:]):
        return ArrayPlace(pixel_aspect=spacing, badges=(_badge("No mm, no place", why, _IN_PX),))
    return ArrayPlace(
        pixel_spacing_mm=spacing,
        along_mm=_z_mm(array),
        badges=(_badge("No place", why, _IN_MM),),
    )


def _badge(text: str, why: str, what: str) -> Badge:
    sentence = f"{why[:1].upper()}{why[1:]}: {what}"
    return Badge(kind="warn", icon="unknown", text=text, sentence=sentence)


_IN_PX = (
    "it is shown without a place in the patient, and lengths are in pixels. Where y and x are "
    "millimetres, say so: array.y.attrs['units'] = 'mm', and x likewise."
)
_IN_MM = "it is shown without a place in the patient. Lengths are in mm, as its coordinates say."


def _step(array: xr.DataArray, axis: str) -> float | None:
    if axis not in array.coords or array.coords[axis].dtype.kind not in "iuf":
        return None
    along = np.atleast_1d(np.asarray(array.coords[axis], dtype=np.float64))
    step = even_step(along) if np.all(np.isfinite(along)) else None
    return None if step is None or math.isnan(step) else step


def _is_in_mm(array: xr.DataArray, axis: str) -> bool:
    return axis in array.coords and array.coords[axis].attrs.get("units") == _MM


def _z_mm(array: xr.DataArray) -> tuple[float, ...] | None:
    if not _is_in_mm(array, "z") or array.coords["z"].dtype.kind not in "iuf":
        return None
    along = np.atleast_1d(np.asarray(array.coords["z"], dtype=np.float64))
    return tuple(float(z) for z in along) if np.all(np.isfinite(along)) else None


def _vector(values: NDArray[np.float64]) -> Vector:
    return (float(values[0]), float(values[1]), float(values[2]))
