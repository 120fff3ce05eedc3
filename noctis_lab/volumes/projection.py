"""Slabs: the largest, the least or the mean of a volume's values across a thickness."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Unpack

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from noctis_lab.errors import CannotResample
from noctis_lab.volumes.grid import grid_of
from noctis_lab.volumes.plane import plane_grid
from noctis_lab.volumes.reslice import Sampling, SamplingOptions, project_onto
from noctis_lab.volumes.sampling import How

__all__ = ["MOST_SAMPLES", "PlaneOptions", "slab"]

#: A metre by a quarter of a millimetre.
MOST_SAMPLES = 4096


class PlaneOptions(SamplingOptions, total=False):
    """Where a plane lies, and how it is sampled; see `reslice`."""

    centre_mm: ArrayLike | None
    normal: ArrayLike | str
    up: ArrayLike | None
    spacing_mm: float | Sequence[float] | None
    shape: tuple[int, int] | None


def slab(
    volume: xr.DataArray,
    *,
    thickness_mm: float,
    how: How = "max",
    sampling_mm: float | None = None,
    **options: Unpack[PlaneOptions],
) -> xr.DataArray:
    """Return a thick plane: a maximum, minimum or mean intensity projection.

    Parameters
    ----------
    volume
        Regular.
    thickness_mm
        Of the slab, half on each side of the plane; 0 gives the plane.
    how
        ``"max"`` (MIP), ``"min"`` (MinIP) or ``"mean"``.
    sampling_mm
        Largest distance of the samples across the slab; by default the volume's least spacing.
    **options
        `centre_mm`, `normal`, `up`, `spacing_mm`, `shape` of the plane, as of `reslice`; `method`,
        `fill`, `dtype`, `jit`, `threads`, see `Sampling`.

    Returns
    -------
    DataArray, dims ([extra], y, x[, channel])
        z is that of the middle; the attributes `projection` and `slab_thickness_mm` say what was
        done.

    Raises
    ------
    CannotResample
        As `reslice`; more than 4096 samples.

    Notes
    -----
    Each of n samples stands for an n-th of the thickness and lies in its middle, as slices do: a
    slab of three slices' thickness around a slice is made of three slices. Samples outside the
    volume, and NaN, do not count.
    """
    if how not in ("max", "min", "mean"):
        raise CannotResample(f"how is 'max', 'min' or 'mean', not {how!r}")
    source = grid_of(volume)
    uid = source.SeriesInstanceUID
    if sampling_mm is None:
        sampling_mm = float(np.nanmin(np.abs(source.steps_mm)))
    if not (0 <= thickness_mm < math.inf and 0 < sampling_mm < math.inf):
        raise CannotResample(
            f"thickness_mm is at least 0 and sampling_mm positive, not {thickness_mm!r} and "
            f"{sampling_mm!r}",
            SeriesInstanceUID=uid,
        )
    if thickness_mm / sampling_mm > MOST_SAMPLES:
        raise CannotResample(
            f"{thickness_mm:g} mm every {sampling_mm:g} mm are more than {MOST_SAMPLES} samples; "
            "take a thinner slab or a larger sampling_mm",
            SeriesInstanceUID=uid,
        )
    count = max(1, math.ceil(thickness_mm / sampling_mm - 1e-6))
    offsets_mm = ((np.arange(count) + 0.5) / count - 0.5) * thickness_mm
    of_sampling: dict[str, Any] = {
        name: option for name, option in options.items() if name in SamplingOptions.__annotations__
    }
    of_plane: dict[str, Any] = {
        name: option for name, option in options.items() if name not in of_sampling
    }
    target = plane_grid(source, **of_plane)
    if thickness_mm > 0:
        target = replace(target, spacing_mm=(float(thickness_mm), *target.spacing_mm[1:]))
    result = project_onto(volume, target, offsets_mm, how, Sampling(**of_sampling))
    return result.assign_attrs(projection=how, slab_thickness_mm=float(thickness_mm))
