"""An axial CT volume as the engine sees it: values, millimetres, and what is no image set aside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy import ndimage

from noctis_lab.errors import CannotCalibrate

__all__ = ["LOWEST_HU", "Scene", "to_scene"]

_LEAST_PLANES = 3
LOWEST_HU = -1500.0  # nothing physical is lower; an image's corners outside of its circle may be
_ROUNDING_HU = 1e-3
_MOST_THICKNESS_MM = 50.0
_STRAIGHT = 1e-3  # how far rows and columns may be from the patient's axes, as a sine


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """An axial stack: z ascends to the head, y with the rows to the back, x to the left.

    Its axes are the stack's own, which lean from the patient's by at most a few degrees;
    `to_lps` gives the patient's.

    Attributes
    ----------
    values
        ndarray of the volume's own type, shape (planes, rows, columns), HU; not copied. Read it by
        `sample`, `part` and `disc`, which give NaN where there is no image.
    z_mm
        ndarray of float64, shape (planes,), ascending.
    y_mm, x_mm
        ndarray of float64, of the rows and columns, ascending.
    axes
        ndarray of float64, shape (3, 3): columns are the directions of z, y and x, patient LPS.
    SOPInstanceUIDs
        Of the planes; None where the volume does not say.
    slice_thickness_mm
        What was stated, or the planes' distance.
    floor_hu
        ndarray of float64, shape (planes,): what a stored 0 means, each plane's intercept, below
        which unsigned pixels cannot go; -inf where pixels do, or where it is not known.
    """

    values: NDArray[Any]
    z_mm: NDArray[np.float64]
    y_mm: NDArray[np.float64]
    x_mm: NDArray[np.float64]
    axes: NDArray[np.float64]
    SOPInstanceUIDs: tuple[str, ...] | None
    slice_thickness_mm: float
    floor_hu: NDArray[np.float64]

    @property
    def pixel_spacing_mm(self) -> tuple[float, float]:
        """(row, column) spacing."""
        return float(self.y_mm[1] - self.y_mm[0]), float(self.x_mm[1] - self.x_mm[0])

    @property
    def plane_spacing_mm(self) -> float:
        """The usual distance of neighbouring planes."""
        return float(np.median(np.diff(self.z_mm)))

    def to_lps(self, x_mm: float, y_mm: float, z_mm: float) -> tuple[float, float, float]:
        """Return a place of the stack in patient LPS, (x, y, z) mm."""
        x, y, z = (self.axes @ (z_mm, y_mm, x_mm)).tolist()
        return x, y, z

    def sample(
        self, plane: int, x_mm: NDArray[np.float64], y_mm: NDArray[np.float64]
    ) -> NDArray[np.float32]:
        """Return one plane's values at places in mm, linearly; NaN outside."""
        row_mm, column_mm = self.pixel_spacing_mm
        rows = (y_mm - self.y_mm[0]) / row_mm
        columns = (x_mm - self.x_mm[0]) / column_mm
        sampled: NDArray[np.float32] = ndimage.map_coordinates(
            self.values[plane],
            [rows, columns],
            output=np.float32,
            order=1,
            mode="constant",
            cval=np.nan,
        )
        return _without_padding(sampled)

    def part(self, plane: int, rows: slice, columns: slice) -> NDArray[np.float32]:
        """Return some rows and columns of one plane; NaN where there is no image."""
        return _without_padding(self.values[plane, rows, columns].astype(np.float32))

    def disc(
        self, plane: int, center_mm: tuple[float, float], radius_mm: float
    ) -> NDArray[np.float32]:
        """Return the values of the pixels whose centres are within a disc, shape (n,)."""
        x0, y0 = center_mm
        rows = np.flatnonzero(np.abs(self.y_mm - y0) <= radius_mm)
        columns = np.flatnonzero(np.abs(self.x_mm - x0) <= radius_mm)
        if rows.size == 0 or columns.size == 0:
            return np.empty(0, np.float32)
        part = self.part(plane, slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
        y = self.y_mm[rows, None] - y0
        x = self.x_mm[None, columns] - x0
        inside = part[np.hypot(x, y) <= radius_mm]
        return inside[np.isfinite(inside)]


def _without_padding(values: NDArray[np.float32]) -> NDArray[np.float32]:
    values[values < LOWEST_HU] = np.nan
    return values


def to_scene(volume: xr.DataArray, *, slice_thickness_mm: float | None = None) -> Scene:
    """Return a volume of `Series.load` as the engine measures it.

    Parameters
    ----------
    volume
        DataArray with dims (z, y, x), HU, of an axial series.
    slice_thickness_mm
        None, or what is not within 0 to 50 mm, is the planes' distance.

    Raises
    ------
    CannotCalibrate
        It is no CT in HU, not axial, has no patient geometry or too few planes.
    """
    if volume.attrs.get("units") != "HU":
        found = volume.attrs.get("units") or "no unit"
        raise CannotCalibrate("not_hu", f"expected values in HU, came {found}")
    if volume.dims != ("z", "y", "x"):
        raise CannotCalibrate("not_a_stack", f"expected dims (z, y, x), came {volume.dims}")
    if volume.sizes["z"] < _LEAST_PLANES:
        raise CannotCalibrate(
            "too_few_planes", f"expected at least {_LEAST_PLANES} planes, came {volume.sizes['z']}"
        )
    direction = np.asarray(volume.coords["patient_lps"].attrs["direction"], float).reshape(3, 3)
    # Columns are the directions of z, y and x; rows are the patient's x, y and z.
    straight = np.abs(direction[[2, 1, 0], [0, 1, 2]])
    if float(straight.min()) < 1 - _STRAIGHT:
        raise CannotCalibrate(
            "not_axial", "expected axial planes without a tilt of the gantry; these are turned"
        )
    for name, row, column in (("z", 2, 0), ("y", 1, 1), ("x", 0, 2)):
        sign = np.sign(direction[row, column])
        direction[:, column] *= sign
        along = volume.coords[name].to_numpy() * sign
        volume = volume.assign_coords({name: along})
        if along[0] > along[-1]:
            volume = volume.isel({name: slice(None, None, -1)})
    z_mm = volume.coords["z"].to_numpy().astype(float)
    if slice_thickness_mm is None or not 0 < slice_thickness_mm <= _MOST_THICKNESS_MM:
        slice_thickness_mm = float(np.median(np.diff(z_mm)))
    return Scene(
        values=volume.to_numpy(),
        z_mm=z_mm,
        axes=direction,
        SOPInstanceUIDs=_uids(volume),
        slice_thickness_mm=slice_thickness_mm,
        y_mm=volume.coords["y"].to_numpy().astype(float),
        x_mm=volume.coords["x"].to_numpy().astype(float),
        floor_hu=_floors(volume),
    )


def _uids(volume: xr.DataArray) -> tuple[str, ...] | None:
    uids = volume.coords.get("SOPInstanceUID")
    if uids is None or uids.dims != ("z",):
        return None
    return tuple(str(uid) for uid in uids.to_numpy())


def _floors(volume: xr.DataArray) -> NDArray[np.float64]:
    if "intercept" not in volume.coords:
        return np.full(volume.sizes["z"], -np.inf)
    intercept = volume.coords["intercept"]
    if intercept.dims not in ((), ("z",)):
        return np.full(volume.sizes["z"], -np.inf)
    floors = np.broadcast_to(intercept.to_numpy().astype(float), volume.sizes["z"])
    lowest = volume.to_numpy().reshape(volume.sizes["z"], -1)[:, ::7].min(axis=1)
    # Signed pixels do go below: the intercept ends nothing there.
    return np.where(lowest >= floors - _ROUNDING_HU, floors, -np.inf)
