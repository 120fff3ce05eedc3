"""The xarray accessor `.dicom`: a volume's geometry, derived from its coordinates each time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Unpack

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from noctis_lab.dicom.geometry import to_affine
from noctis_lab.volumes.axes import AXES
from noctis_lab.volumes.grid import along_of, even_step, geometry_of, grid_of
from noctis_lab.volumes.projection import PlaneOptions, slab
from noctis_lab.volumes.regrid import resample, resample_to, unshear
from noctis_lab.volumes.regularize import Gaps, regularize
from noctis_lab.volumes.reslice import SamplingOptions, reslice
from noctis_lab.volumes.sampling import How
from noctis_lab.volumes.surface import Surface, surface

__all__ = ["DicomAccessor"]


@xr.register_dataarray_accessor("dicom")  # type: ignore[no-untyped-call]
class DicomAccessor:
    """Where a volume lies in the patient, whatever was sliced, flipped or computed before.

    Holds no state: everything is derived from the coordinates z, y, x and `patient_lps`. An axis
    that was indexed away but kept its scalar coordinate counts as one plane. Indices, spacings and
    columns are in the order (z, y, x); places are patient LPS mm, voxel centres.

    Examples
    --------
    >>> from noctis_lab.volumes.accessor import DicomAccessor
    >>> volume = xr.DataArray(
    ...     np.zeros((2, 1, 1)),
    ...     dims=("z", "y", "x"),
    ...     coords={
    ...         "z": [10.0, 12.5], "y": [0.0], "x": [5.0],
    ...         "patient_lps": (
    ...             (), 0,
    ...             {"direction": [0, 0, 1, 0, 1, 0, 1, 0, 0], "spacing_mm": [2.5, 0.5, 0.5]},
    ...         ),
    ...     },
    ... )
    >>> volume.dicom.index_to_world((1, 0, 0)).tolist()
    [5.0, 0.0, 12.5]
    """

    __slots__ = ("_volume",)

    def __init__(self, volume: xr.DataArray) -> None:
        self._volume = volume

    @property
    def is_regular(self) -> bool:
        """Whether every axis has one step, so that there is an affine."""
        return all(even_step(along_of(self._volume, axis)) is not None for axis in AXES)

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Distance between voxel centres along z, y, x in mm; NaN for z of a lone plane.

        Raises
        ------
        NoGeometry, UnsupportedSeries
            There are no coordinates in the patient; an axis has no single step.
        """
        z, y, x = (abs(step) for step in self._steps())
        return (z, y, x)

    @property
    def direction(self) -> NDArray[np.float64]:
        """Unit directions of the index axes: float64, shape (3, 3), columns z, y, x."""
        signs = np.array([math.copysign(1.0, step) for step in self._steps()])
        directions: NDArray[np.float64] = self._axes() * signs
        return directions

    @property
    def origin(self) -> tuple[float, float, float]:
        """Centre of the first voxel: mm, patient LPS."""
        x, y, z = self._axes() @ self._firsts()
        return (float(x), float(y), float(z))

    @property
    def affine(self) -> NDArray[np.float64]:
        """Index (z, y, x, 1) to patient LPS mm: float64, shape (4, 4).

        The z column is NaN where there is one plane whose spacing nothing states.
        """
        return to_affine(self.direction, self.spacing, self.origin)

    @property
    def tilt_deg(self) -> float:
        """Angle between the z axis and the normal of the planes: a tilted gantry, or shear."""
        slices, down, along = self._axes().T
        normal = np.cross(along, down)
        sine = np.linalg.norm(np.cross(slices, normal))
        angle = math.degrees(math.atan2(float(sine), float(np.dot(slices, normal))))
        return min(angle, 180.0 - angle)  # a mirrored stack leans no more than the stack

    @property
    def frame_of_reference_uid(self) -> str | None:
        """FrameOfReferenceUID of the series: equal ones share one patient space."""
        uid = geometry_of(self._volume).get("FrameOfReferenceUID")
        return None if uid is None else str(uid)

    def index_to_world(self, index: ArrayLike) -> NDArray[np.float64]:
        """Return the places of voxels.

        Parameters
        ----------
        index
            Array of shape (..., 3): (z, y, x), fractions allowed.

        Returns
        -------
        ndarray of float64, shape (..., 3)
            (x, y, z) in mm, patient LPS.
        """
        index = np.asarray(index, dtype=np.float64)
        # A lone plane has no step, and its plane 0 none needed.
        moved = np.where(index == 0, 0.0, index * self._steps())
        return (self._firsts() + moved) @ self._axes().T

    def world_to_index(self, position_mm: ArrayLike) -> NDArray[np.float64]:
        """Return the indices of places.

        Parameters
        ----------
        position_mm
            Array of shape (..., 3): (x, y, z) in mm, patient LPS.

        Returns
        -------
        ndarray of float64, shape (..., 3)
            (z, y, x), fractional; z is NaN off a lone plane.
        """
        position = np.asarray(position_mm, dtype=np.float64)
        along = position @ np.linalg.inv(self._axes()).T - self._firsts()
        steps = np.array(self._steps())
        on_lone_plane = np.isnan(steps) & (np.abs(along) < 1e-6)
        return np.where(on_lone_plane, 0.0, along / steps)

    def to_sitk(self) -> Any:
        """Return it as a SimpleITK image: `noctis_lab.volumes.sitk.to_sitk` says how.

        Raises
        ------
        CannotExport
            It is irregular or sheared; the message says what to do.
        ExtraNotInstalled
            SimpleITK is missing (extra ``itk``).
        """
        from noctis_lab.volumes.sitk import to_sitk

        return to_sitk(self._volume)

    def reslice(self, **options: Unpack[PlaneOptions]) -> xr.DataArray:
        """Return a plane, orthogonal or oblique: `noctis_lab.volumes.reslice.reslice`."""
        return reslice(self._volume, **options)

    def slab(
        self,
        *,
        thickness_mm: float,
        how: How = "max",
        sampling_mm: float | None = None,
        **options: Unpack[PlaneOptions],
    ) -> xr.DataArray:
        """Return a MIP, MinIP or mean of a thick plane: `noctis_lab.volumes.projection.slab`."""
        return slab(
            self._volume, thickness_mm=thickness_mm, how=how, sampling_mm=sampling_mm, **options
        )

    def resample(
        self,
        *,
        spacing_mm: float | Sequence[float | None],
        **sampling: Unpack[SamplingOptions],
    ) -> xr.DataArray:
        """Return the volume with other spacings: `noctis_lab.volumes.regrid.resample`."""
        return resample(self._volume, spacing_mm=spacing_mm, **sampling)

    def resample_to(
        self,
        other: xr.DataArray,
        *,
        ignore_frame_of_reference: bool = False,
        **sampling: Unpack[SamplingOptions],
    ) -> xr.DataArray:
        """Return the volume on another one's grid: `noctis_lab.volumes.regrid.resample_to`."""
        return resample_to(
            self._volume, other, ignore_frame_of_reference=ignore_frame_of_reference, **sampling
        )

    def unshear(self, **sampling: Unpack[SamplingOptions]) -> xr.DataArray:
        """Return the volume without its gantry tilt: `noctis_lab.volumes.regrid.unshear`."""
        return unshear(self._volume, **sampling)

    def regularize(
        self,
        *,
        step_mm: float | None = None,
        gaps: Gaps = "fill",
        **sampling: Unpack[SamplingOptions],
    ) -> xr.DataArray:
        """Return evenly spaced planes: `noctis_lab.volumes.regularize.regularize`."""
        return regularize(self._volume, step_mm=step_mm, gaps=gaps, **sampling)

    def surface(self, *, level: float, step: int = 1) -> Surface:
        """Return the surface around a level: `noctis_lab.volumes.surface.surface`."""
        return surface(self._volume, level=level, step=step)

    def _axes(self) -> NDArray[np.float64]:
        return np.array(geometry_of(self._volume)["direction"], dtype=np.float64).reshape(3, 3)

    def _firsts(self) -> NDArray[np.float64]:
        return np.array([along_of(self._volume, axis)[0] for axis in AXES])

    def _steps(self) -> tuple[float, float, float]:
        return grid_of(self._volume).steps_mm
