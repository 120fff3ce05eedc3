"""One frame, or a plane through a series, as values in float64: what measurements are made of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from noctis_lab.catalog.records import SeriesRow
from noctis_lab.dicom.geometry import PlaneGeometry
from noctis_lab.dicom.padding import padding_mask
from noctis_lab.dicom.rescale import IDENTITY
from noctis_lab.errors import CannotResample
from noctis_lab.volumes.backend import open_lazily
from noctis_lab.volumes.frames import Frame, Vector
from noctis_lab.volumes.grid import Grid, grid_of
from noctis_lab.volumes.loadable import require_shown
from noctis_lab.volumes.lookups import (
    find_instance_padding,
    find_luts,
    find_modality_lut,
    find_pet_units,
    find_units,
)
from noctis_lab.volumes.pixels import find_shown_frames
from noctis_lab.volumes.projection import PlaneOptions, slab
from noctis_lab.volumes.reslice import reslice
from noctis_lab.volumes.sampling import How
from noctis_lab.volumes.stored_frame import read_stored

if TYPE_CHECKING:
    from noctis_lab.volumes.cache import Handle

__all__ = [
    "LARGEST_PLANE",
    "SeriesFrame",
    "WantedPlane",
    "find_frame",
    "find_frame_units",
    "iter_series_frames",
    "plane_values_of",
    "read_plane_values",
    "read_values",
]

#: Samples of one plane: a side of 2,048.
LARGEST_PLANE = 2**22
#: Samples of a slab, all of its depth: some seconds.
LARGEST_SLAB = 2**27


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesFrame:
    """A frame of a series as it is stored, and its place in the viewing order."""

    series: SeriesRow
    frame: Frame
    index: int
    extra_index: int | None  # along the dim that is none of space, where there is one

    @property
    def plane(self) -> PlaneGeometry:
        """Where it lies in the patient, as far as it says."""
        return self.frame.facts.plane


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedPlane:
    """Where the samples of a plane lie.

    Parameters
    ----------
    origin_mm
        Centre of the first sample, patient LPS.
    right, down
        Unit vectors at a right angle: of increasing column and of increasing row.
    spacing_mm, shape
        (row, column).
    slab_mm, how
        Thickness, half of it on each side, and what of it is taken; 0 is the plane itself.
    extra_index
        Along the dim before z; None is the first.
    """

    origin_mm: Vector
    right: Vector
    down: Vector
    spacing_mm: tuple[float, float]
    shape: tuple[int, int]
    slab_mm: float = 0.0
    how: How = "mean"
    extra_index: int | None = None


def find_frame(
    handle: Handle,
    reference: str,
    *,
    index: int | None = None,
    SOPInstanceUID: str | None = None,
    frame: int = 0,
) -> SeriesFrame | None:
    """Return one frame of a series, None where it has no such.

    Parameters
    ----------
    handle, reference
        As `pixels.describe_stack`.
    index
        Its place in the viewing order.
    SOPInstanceUID, frame
        Where `index` is None: its instance, and its number in that, from 0.

    Raises
    ------
    SeriesNotFound, NoPixels
        As `describe_stack`.
    """
    for found in iter_series_frames(handle, reference):
        is_it = (
            found.frame.row.SOPInstanceUID == SOPInstanceUID and found.frame.index == frame
            if index is None
            else found.index == index
        )
        if is_it:
            return found
    return None


def iter_series_frames(handle: Handle, reference: str) -> Iterator[SeriesFrame]:
    """Yield the frames of a series in the viewing order.

    Raises
    ------
    SeriesNotFound, NoPixels
        As `pixels.describe_stack`.
    """
    series, frames, extra = find_shown_frames(handle, reference)
    for index, frame in enumerate(frames):
        along = None if extra is None else extra.index_of(index)
        yield SeriesFrame(series=series, frame=frame, index=index, extra_index=along)


def read_values(handle: Handle, found: SeriesFrame) -> NDArray[np.float64] | None:
    """Read a frame's modality values.

    Returns
    -------
    ndarray of float64, shape (rows, columns), or None
        ``stored * slope + intercept``, or what the Modality LUT says; NaN where a pixel is
        padding. None of colours. Stored values where the Modality LUT cannot be followed, as a
        viewer shows them.

    Raises
    ------
    FileChanged, NoPixels, UnsupportedTransferSyntax, DecodeError
        As `stored_frame.read_stored`.
    UnsupportedSeries
        As `loadable.require_shown`.
    """
    frame, row = found.frame, found.frame.row
    if frame.is_color:
        return None
    require_shown(handle, row)
    stored = read_stored(handle, row, frame.index)
    lut = find_modality_lut(handle, row)
    if lut is not None:
        values = lut.apply(stored).astype(np.float64)
    else:
        rescale = frame.facts.rescale or IDENTITY
        values = stored.astype(np.float64) * rescale.slope + rescale.intercept
    values[padding_mask(stored, find_instance_padding(handle, row))] = np.nan
    return values


def find_frame_units(handle: Handle, found: SeriesFrame) -> str | None:
    """Return the unit of a frame's values, None where nothing states one."""
    row = found.frame.row
    units = find_units(
        found.series, [found.frame], find_luts(handle, [row]), find_pet_units(handle, [row])
    )
    return None if units == "unspecified" else units


def read_plane_values(
    handle: Handle, reference: str, wanted: WantedPlane
) -> tuple[NDArray[np.float64], str | None]:
    """Read a series' values on a plane: linear between its voxels, NaN outside and for padding.

    Parameters
    ----------
    handle, reference
        As `load`.
    wanted
        Where the samples lie.

    Returns
    -------
    tuple of (ndarray of float64, shape `wanted.shape`; str or None)
        The values and their unit.

    Raises
    ------
    CannotResample
        The plane is too large, there is no such step, or the series holds colours.
    CannotStack, FileChanged, DecodeError
        As `load`.
    """
    volume = open_lazily(handle.settings, reference, mask_padding=True)
    units = volume.attrs.get("units")
    values = plane_values_of(volume, wanted)
    return values, None if units in (None, "unspecified") else str(units)


def plane_values_of(volume: xr.DataArray, wanted: WantedPlane) -> NDArray[np.float64]:
    """Return a volume's values on a plane, as `read_plane_values` a series'.

    Returns
    -------
    ndarray of float64, shape `wanted.shape`

    Raises
    ------
    CannotResample, NoGeometry
        As `read_plane_values`; the volume has no place in the patient.
    """
    rows, columns = wanted.shape
    if rows * columns > LARGEST_PLANE:
        raise CannotResample(
            f"a plane of {rows} × {columns} samples is too large; {LARGEST_PLANE} are the most"
        )
    volume = _at_step(volume, wanted)
    right, down = np.array(wanted.right), np.array(wanted.down)
    step_down, step_right = wanted.spacing_mm
    centre = np.array(wanted.origin_mm) + (
        (rows - 1) / 2 * step_down * down + (columns - 1) / 2 * step_right * right
    )
    normal = np.cross(right, down)
    options: PlaneOptions = {
        "centre_mm": centre,
        "normal": normal,
        "up": -down,
        "spacing_mm": wanted.spacing_mm,
        "shape": wanted.shape,
        "dtype": np.float64,
    }
    if wanted.slab_mm > 0:
        sampling_mm = _sampling_mm(grid_of(volume), normal)
        _require_bounded(wanted, sampling_mm)
        plane = slab(
            volume,
            thickness_mm=wanted.slab_mm,
            how=wanted.how,
            sampling_mm=sampling_mm,
            **options,
        )
    else:
        plane = reslice(volume, **options)
    values: NDArray[np.float64] = plane.values
    return values


def _require_bounded(wanted: WantedPlane, sampling_mm: float) -> None:
    rows, columns = wanted.shape
    depth = wanted.slab_mm / sampling_mm
    if rows * columns * depth > LARGEST_SLAB:
        raise CannotResample(
            f"a slab of {rows} × {columns} × {depth:.0f} samples is too large; {LARGEST_SLAB} are "
            "the most: take a smaller area or a thinner slab"
        )


def _sampling_mm(source: Grid, normal: NDArray[np.float64]) -> float:
    """Return the way along a normal on which no index of a volume changes by more than one.

    A slab of three slices' thickness along them is then made of three slices, as a viewer shows it.
    """
    per_mm = np.linalg.solve(source.directions, normal) / source.steps_mm
    return float(1.0 / np.nanmax(np.abs(per_mm)))


def _at_step(volume: xr.DataArray, wanted: WantedPlane) -> xr.DataArray:
    if "channel" in volume.dims:
        raise CannotResample("colours are no values that can be measured on a plane")
    for dim in set(volume.dims) - {"z", "y", "x"}:
        index = wanted.extra_index or 0
        if index >= volume.sizes[dim]:
            raise CannotResample(f"{dim} has {volume.sizes[dim]} steps; there is no {index}")
        volume = volume.isel({dim: index})
    return volume
