"""A volume on another grid: with other spacings, without its shear, or on another volume's grid."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Unpack

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from noctis_lab.errors import CannotResample, OtherFrameOfReference
from noctis_lab.volumes.grid import SNAP, grid_of, require_size
from noctis_lab.volumes.reslice import SamplingOptions, resample_onto

__all__ = ["resample", "resample_to", "unshear"]

#: A stack whose last plane is displaced by a smaller part of a pixel is not sheared.
_SHEAR_TOLERANCE = 0.01


def resample(
    volume: xr.DataArray,
    *,
    spacing_mm: float | Sequence[float | None],
    **sampling: Unpack[SamplingOptions],
) -> xr.DataArray:
    """Return a volume with other spacings along its own axes.

    Parameters
    ----------
    volume
        Regular.
    spacing_mm
        Between voxel centres: one for all axes, or (z, y, x), None for an axis that stays.
    **sampling
        `method`, `fill`, `dtype`, `jit`, `threads`: see `noctis_lab.volumes.reslice.Sampling`.

    Returns
    -------
    DataArray, dims as the volume's
        From the centre of the first voxel to that of the last or short of it, so that every value
        is between measured ones. A lone plane stays one.

    Raises
    ------
    CannotResample
        A spacing is not positive; the result is too large.
    NoGeometry, UnsupportedSeries
        The volume has no place in the patient; it is not regular.

    Notes
    -----
    Linear values are not smoothed before they are thinned out: for a coarser grid, smooth first,
    or average by ``volume.coarsen(...).mean()``, which keeps places right too.
    """
    source = grid_of(volume)
    uid = source.SeriesInstanceUID
    asked = [*spacing_mm] if isinstance(spacing_mm, Sequence | np.ndarray) else [spacing_mm] * 3
    if len(asked) != 3 or not all(one is None or 0 < one < math.inf for one in asked):
        raise CannotResample(
            f"spacing_mm is positive, one or (z, y, x), not {spacing_mm!r}", SeriesInstanceUID=uid
        )
    steps_mm = source.steps_mm
    wanted = [
        old if new is None else math.copysign(new, old)
        for old, new in zip(steps_mm, asked, strict=True)
    ]
    parts = [
        0.0 if size == 1 else (size - 1) * old / new
        for size, old, new in zip(source.shape, steps_mm, wanted, strict=True)
    ]
    require_size(tuple(part + 1 for part in parts), uid)
    z, y, x = (
        along
        if new == old or len(along) == 1
        else along[0] + np.arange(math.floor(part + SNAP) + 1) * new
        for along, old, new, part in zip(source.along_mm, steps_mm, wanted, parts, strict=True)
    )
    return resample_onto(volume, source.with_along((z, y, x)), **sampling)


def resample_to(
    volume: xr.DataArray,
    other: xr.DataArray,
    *,
    ignore_frame_of_reference: bool = False,
    **sampling: Unpack[SamplingOptions],
) -> xr.DataArray:
    """Return a volume on the grid of another one.

    Parameters
    ----------
    volume
        Regular: a PET, a dose, a segmentation …
    other
        Whose places are taken, irregular ones too: a planning CT, a plane …
    ignore_frame_of_reference
        Take the two to lie in one space though they do not say so.
    **sampling
        `method`, `fill`, `dtype`, `jit`, `threads`: see `noctis_lab.volumes.reslice.Sampling`.

    Returns
    -------
    DataArray
        The volume's values, extra dims and attributes; z, y, x and `patient_lps` of `other`.

    Raises
    ------
    OtherFrameOfReference
        FrameOfReferenceUID differs, or one of the two states none.
    CannotResample
        The result is too large, or `other` leaves an integer volume without `fill`.

    References
    ----------
    :dcm:`PS3.3 C.7.4.1.1.1 <part03/sect_C.7.4.html>`: what shares a Frame of Reference UID has
    one coordinate system.
    """
    source, target = grid_of(volume), grid_of(other)
    ours, theirs = source.FrameOfReferenceUID, target.FrameOfReferenceUID
    if not ignore_frame_of_reference and (ours is None or ours != theirs):
        raise OtherFrameOfReference(
            f"the volume's FrameOfReferenceUID is {ours or 'not stated'}, the other's "
            f"{theirs or 'not stated'}: their places are not known to be comparable. Register "
            "them, or pass ignore_frame_of_reference=True where you know better",
            SeriesInstanceUID=source.SeriesInstanceUID,
        )
    return resample_onto(volume, target, **sampling)


def unshear(volume: xr.DataArray, **sampling: Unpack[SamplingOptions]) -> xr.DataArray:
    """Return a volume whose z axis is the normal of its planes: without its gantry tilt.

    Parameters
    ----------
    volume
        Regular.
    **sampling
        `method`, `fill`, `dtype`, `jit`, `threads`: see `noctis_lab.volumes.reslice.Sampling`.

    Returns
    -------
    DataArray, dims as the volume's
        The same planes at the same places, each shifted in itself to a common corner, and made
        larger to hold them all: nothing is interpolated across planes. The volume itself where
        its last plane is displaced by less than a hundredth of a pixel.

    Raises
    ------
    CannotResample
        The result is too large; an integer one has no `fill`.
    NoGeometry, UnsupportedSeries
        The volume has no place in the patient; it is not regular.
    """
    source = grid_of(volume)
    _, step_y, step_x = source.steps_mm
    upright = source.directions.copy()
    upright[:, 0] = source.normal
    lean = np.linalg.solve(upright, source.directions[:, 0])  # of one mm along z
    z, y, x = source.along_mm
    shifts = lean[1:] * (z[-1] - z[0]) / (step_y, step_x)
    if np.all(np.abs(shifts) < _SHEAR_TOLERANCE):
        return volume
    require_size(
        (len(z), len(y) + abs(float(shifts[0])), len(x) + abs(float(shifts[1]))),
        source.SeriesInstanceUID,
    )
    target = source.with_along(
        (
            z * lean[0],
            _stretched(y + lean[1] * z[0], step_y, float(shifts[0])),
            _stretched(x + lean[2] * z[0], step_x, float(shifts[1])),
        ),
        directions=upright,
    )
    return resample_onto(volume, target, **sampling)


def _stretched(along_mm: NDArray[np.float64], step_mm: float, shift: float) -> NDArray[np.float64]:
    """Return a coordinate made longer, by whole steps, so that it holds itself shifted too."""
    before, after = (
        max(0, math.ceil(abs(shift) - SNAP)) if on else 0 for on in (shift < 0, shift > 0)
    )
    if not before and not after:
        return along_mm
    places: NDArray[np.float64] = (
        np.arange(len(along_mm) + before + after, dtype=np.float64) - before
    )
    places *= step_mm
    places += along_mm[0]
    return places
