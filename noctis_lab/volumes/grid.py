"""Grids of places in the patient: where a volume's voxels lie, and where resampled ones shall."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from noctis_lab.errors import CannotResample, NoGeometry, UnsupportedSeries
from noctis_lab.volumes.axes import AXES, GEOMETRY, Coordinate, towards_words

__all__ = [
    "LARGEST_VALUES",
    "SNAP",
    "Grid",
    "along_of",
    "even_step",
    "geometry_of",
    "grid_of",
    "require_size",
    "series_uid",
]

#: Values of one result, extra dims and channels counted: 8 GiB of float32.
LARGEST_VALUES = 2**31
#: A place this near to a voxel's centre, as a part of the step, is the voxel's: what a grid shares
#: with another one stays as it is, whatever rounding there was on the way.
SNAP = 1e-6
#: The volume that three unit directions span; of a stack that leans 60° it is 0.5.
_FLAT = 1e-6
_REGULAR = 1e-6  # of a step; coordinates are computed, so only rounding parts them


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Grid:
    """Places U·(z, y, x) for all z, y, x of three coordinates: a volume's, or one to be filled.

    A lone plane has one z. Where the array has none of an axis' dim (it was indexed away) the name
    is not in `dims`; its place is still one.
    """

    directions: NDArray[np.float64]  # U, shape (3, 3): columns are unit directions of z, y, x
    along_mm: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]  # z, y, x
    spacing_mm: tuple[float, float, float]  # nominal, z y x; NaN where nothing states it
    FrameOfReferenceUID: str | None
    SeriesInstanceUID: str | None
    dims: tuple[str, ...] = AXES

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of voxels along z, y, x."""
        z, y, x = self.along_mm
        return (len(z), len(y), len(x))

    @property
    def steps_mm(self) -> tuple[float, float, float]:
        """Signed step along z, y, x in mm; the nominal one where there is one voxel.

        Raises
        ------
        UnsupportedSeries
            An axis has no single step.
        """
        steps = []
        for axis, along, nominal in zip(AXES, self.along_mm, self.spacing_mm, strict=True):
            step = even_step(along)
            if step is None:
                raise UnsupportedSeries(
                    self.SeriesInstanceUID or "(unknown)",
                    f"axis '{axis}' has no single step; make it regular by .dicom.regularize()",
                )
            steps.append(nominal if math.isnan(step) else step)
        return (steps[0], steps[1], steps[2])

    @property
    def normal(self) -> NDArray[np.float64]:
        """Unit normal of the planes, to the side where z increases: float64, shape (3,)."""
        slices, down, along = self.directions.T
        normal: NDArray[np.float64] = np.cross(along, down)
        normal /= np.linalg.norm(normal)
        return normal if np.dot(normal, slices) >= 0 else -normal

    def with_along(
        self,
        along_mm: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]],
        *,
        directions: NDArray[np.float64] | None = None,
    ) -> Grid:
        """Return a grid of the same space with other coordinates, and their steps as nominal."""
        steps = (even_step(along) for along in along_mm)
        z, y, x = (
            nominal if step is None or math.isnan(step) else abs(step)
            for step, nominal in zip(steps, self.spacing_mm, strict=True)
        )
        return replace(
            self,
            along_mm=along_mm,
            spacing_mm=(z, y, x),
            directions=self.directions if directions is None else directions,
        )

    def places_of(self, index: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the places, patient LPS mm, of (z, y, x) indices: arrays of shape (..., 3)."""
        first = np.array([along[0] for along in self.along_mm])
        steps = np.nan_to_num(np.array(self.steps_mm))  # a lone plane has no step, and needs none
        places: NDArray[np.float64] = (first + index * steps) @ self.directions.T
        return places

    def corners_mm(self) -> NDArray[np.float64]:
        """Return the places of the eight outermost voxels: float64, shape (8, 3)."""
        z, y, x = self.along_mm
        ends = np.array([(a, b, c) for a in z[[0, -1]] for b in y[[0, -1]] for c in x[[0, -1]]])
        corners: NDArray[np.float64] = ends @ self.directions.T
        return corners

    def coordinates(self) -> Mapping[Hashable, Coordinate]:
        """Return the coordinates of an array on this grid, as a stack's are."""
        coordinates: dict[Hashable, Coordinate] = {}
        for number, (axis, along) in enumerate(zip(AXES, self.along_mm, strict=True)):
            words = {"units": "mm", "long_name": towards_words(self.directions[:, number])}
            if axis in self.dims:
                coordinates[axis] = ((axis,), along.copy(), words)
            else:
                coordinates[axis] = ((), along[0], words)
        geometry: dict[str, Any] = {
            "direction": [float(cosine) for cosine in self.directions.ravel()],
            "spacing_mm": list(self.spacing_mm),
            "residual_mm": 0.0,
        }
        if self.FrameOfReferenceUID is not None:
            geometry["FrameOfReferenceUID"] = self.FrameOfReferenceUID
        coordinates[GEOMETRY] = ((), 0, geometry)
        return coordinates


def grid_of(volume: xr.DataArray) -> Grid:
    """Return where the voxels of a volume lie.

    Parameters
    ----------
    volume
        Any array of the volumes' layout; z may be irregular, axes may be indexed away.

    Returns
    -------
    Grid

    Raises
    ------
    NoGeometry
        It has no place in the patient, or its directions or coordinates make none.
    """
    geometry = geometry_of(volume)
    z, y, x = (along_of(volume, axis) for axis in AXES)
    nominal = [float(step) for step in geometry["spacing_mm"]]
    frame_of_reference = geometry.get("FrameOfReferenceUID")
    directions = np.array(geometry["direction"], dtype=np.float64).reshape(3, 3)
    if not abs(np.linalg.det(directions)) > _FLAT:  # NaN too
        raise NoGeometry(
            series_uid(volume) or "(unknown)",
            f"its directions span no space: {directions.tolist()}",
        )
    grid = Grid(
        directions=directions,
        along_mm=(z, y, x),
        spacing_mm=(nominal[0], nominal[1], nominal[2]),
        FrameOfReferenceUID=None if frame_of_reference is None else str(frame_of_reference),
        SeriesInstanceUID=series_uid(volume),
        dims=tuple(axis for axis in AXES if axis in volume.dims),
    )
    return grid.with_along(grid.along_mm)  # strides change the step


def geometry_of(volume: xr.DataArray) -> dict[str, Any]:
    """Return what the scalar coordinate `patient_lps` states.

    Raises
    ------
    NoGeometry
        The array has no place in the patient.
    """
    if GEOMETRY not in volume.coords or "direction" not in volume.coords[GEOMETRY].attrs:
        raise NoGeometry(
            series_uid(volume) or "(unknown)",
            "the array has no geometry (coordinate 'patient_lps')",
        )
    return {str(key): value for key, value in volume.coords[GEOMETRY].attrs.items()}


def along_of(volume: xr.DataArray, axis: str) -> NDArray[np.float64]:
    """Return the coordinate of z, y or x, mm; one value where the axis was indexed away.

    Raises
    ------
    NoGeometry
        It is gone, empty, or not finite.
    """
    uid = series_uid(volume) or "(unknown)"
    if axis not in volume.coords:
        raise NoGeometry(uid, f"the array has no coordinate '{axis}' any more")
    along = np.atleast_1d(np.asarray(volume.coords[axis], dtype=np.float64))
    if not along.size:
        raise NoGeometry(uid, f"axis '{axis}' is empty")
    if not np.all(np.isfinite(along)):
        raise NoGeometry(uid, f"axis '{axis}' has coordinates that are no finite numbers")
    return along


def even_step(along_mm: NDArray[np.float64]) -> float | None:
    """Return the one step of a coordinate: NaN of a single value, None where there is no one."""
    if len(along_mm) < 2:
        return math.nan
    step = float(along_mm[-1] - along_mm[0]) / (len(along_mm) - 1)
    even = step != 0 and np.all(np.abs(np.diff(along_mm) - step) <= _REGULAR * abs(step))
    return step if even else None


def series_uid(volume: xr.DataArray) -> str | None:
    """Return the SeriesInstanceUID that the array states."""
    uid = volume.attrs.get("SeriesInstanceUID")
    return None if uid is None else str(uid)


def require_size(counts: tuple[float, ...], uid: str | None) -> None:
    """Refuse, before anything is made, a result of more than `LARGEST_VALUES` values.

    Parameters
    ----------
    counts
        Length of each axis of the result; may be infinite.
    uid
        SeriesInstanceUID of the source.

    Raises
    ------
    CannotResample
    """
    values = math.prod(counts)
    if not values <= LARGEST_VALUES:
        raise CannotResample(
            f"the result would hold {values:.3g} values, and {LARGEST_VALUES} are the most; ask "
            "for a larger spacing or a smaller part",
            SeriesInstanceUID=uid,
        )
