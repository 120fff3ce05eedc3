"""Planes and grids through a volume: where, and the volume's values there."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypedDict, Unpack

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, DTypeLike, NDArray

from noctis_lab.errors import CannotResample
from noctis_lab.volumes.carried import Unread, to_dataarray
from noctis_lab.volumes.grid import Grid, grid_of, require_size, series_uid
from noctis_lab.volumes.plane import plane_grid
from noctis_lab.volumes.sampling import (
    How,
    Method,
    in_threads,
    index_lattices,
    project_plane,
    require_compiled,
)

__all__ = [
    "Sampling",
    "SamplingOptions",
    "project_onto",
    "put_plane",
    "refuse_mixed_scales",
    "resample_onto",
    "reslice",
]


class SamplingOptions(TypedDict, total=False):
    """What every operation that reads between voxels takes; see `Sampling`."""

    method: Method
    fill: float | None
    dtype: DTypeLike | None
    jit: bool | None
    threads: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How values between voxels are made.

    Parameters
    ----------
    method
        ``"linear"``, inside the hull of all voxel centres; or ``"nearest"``, inside the voxels,
        half a step beyond the outermost centres, a tie going to the higher index.
    fill
        Value outside. By default NaN; an integer result has none, and is refused where the target
        leaves the volume.
    dtype
        Of the result. By default linear values and means are float32, or float64 where the
        source has more than 16 bits as integers or is float64; nearest values keep the source's
        dtype, and so do the largest and the least of them. Integers that are asked for are
        rounded, half to even.
    jit
        Whether numba is used: by default where it is installed.
    threads
        How many sample: by default as many as this process has cores, at most 8. In a worker of
        dask, which has threads of its own, take 1.
    """

    method: Method = "linear"
    fill: float | None = None
    dtype: DTypeLike | None = None
    jit: bool | None = None
    threads: int | None = None

    def __post_init__(self) -> None:
        if self.method not in ("linear", "nearest"):
            raise CannotResample(f"method is 'linear' or 'nearest', not {self.method!r}")
        if self.threads is not None and self.threads < 1:
            raise CannotResample(f"threads is at least 1, not {self.threads!r}")
        if self.jit:
            require_compiled()

    def dtype_of(self, source: np.dtype[Any], how: How, uid: str | None) -> np.dtype[Any]:
        """Return the result's dtype.

        Raises
        ------
        CannotResample
            The one that is asked for does not hold the source's values; or they are no numbers.
        """
        if source.kind not in "iufb":
            raise CannotResample(f"{source} values are no real numbers", SeriesInstanceUID=uid)
        if source.kind == "b" and self.method == "linear":
            raise CannotResample(
                "true and false have nothing in between; ask for method='nearest'",
                SeriesInstanceUID=uid,
            )
        keeps = self.method == "nearest" and how != "mean"
        exact = source if keeps else np.result_type(source, np.float32)
        if self.dtype is None:
            return exact.newbyteorder("=")
        wanted = np.dtype(self.dtype).newbyteorder("=")
        if wanted.kind == "f" and wanted.itemsize >= 4:
            return wanted
        if wanted.kind not in "iub" or source.kind == "f" or not np.can_cast(source, wanted):
            raise CannotResample(
                f"dtype {wanted} does not hold every value that {source} does; ask for {exact}",
                SeriesInstanceUID=uid,
            )
        return wanted

    def working_dtype(
        self, source: np.dtype[Any], result: np.dtype[Any], how: How
    ) -> np.dtype[Any]:
        """Return the dtype of a plane before it is rounded and filled."""
        if self.method == "nearest" and how != "mean":
            return np.dtype(np.uint8) if source.kind == "b" else source.newbyteorder("=")
        return result if result.kind == "f" else np.dtype(np.float64)

    def fill_of(self, dtype: np.dtype[Any], uid: str | None) -> float | None:
        """Return what stands outside; None where nothing can.

        Raises
        ------
        CannotResample
            `fill` is no value of that dtype.
        """
        if self.fill is None:
            return math.nan if dtype.kind == "f" else None
        with np.errstate(invalid="ignore", over="ignore"):
            is_held = dtype.kind == "f" or (
                math.isfinite(self.fill)
                and np.array(self.fill, np.float64).astype(dtype) == self.fill
            )
        if not is_held:
            raise CannotResample(
                f"fill={self.fill!r} is no value of {dtype}", SeriesInstanceUID=uid
            )
        return self.fill


def reslice(
    volume: xr.DataArray,
    *,
    centre_mm: ArrayLike | None = None,
    normal: ArrayLike | str = "axial",
    up: ArrayLike | None = None,
    spacing_mm: float | Sequence[float] | None = None,
    shape: tuple[int, int] | None = None,
    **sampling: Unpack[SamplingOptions],
) -> xr.DataArray:
    """Return a plane through a volume, orthogonal or oblique.

    Parameters
    ----------
    volume
        Regular; sheared, oblique and mirrored ones are taken as they lie.
    centre_mm
        A place (x, y, z) in the plane, patient LPS mm; by default the voxel in the middle.
    normal
        ``"axial"``, ``"coronal"``, ``"sagittal"``, or a vector, patient LPS, any length: the
        plane is seen against it, so that x, y and the normal are right-handed.
    up
        Vector, patient LPS, that leads up in the plane; by default towards the head, or towards
        the anterior side where the plane is nearest to axial.
    spacing_mm
        Between the plane's samples, both or (row, column); by default the volume's least.
    shape
        (rows, columns) around the centre; by default what covers the volume, with a sample at
        the centre.
    **sampling
        `method`, `fill`, `dtype`, `jit`, `threads`: see `Sampling`.

    Returns
    -------
    DataArray, dims ([extra], y, x[, channel])
        At its place in the patient, with z as a scalar coordinate. Extra dims are carried along.

    Raises
    ------
    CannotResample
        The plane cannot be, is too large, or leaves an integer volume without `fill`.
    NoGeometry, UnsupportedSeries
        The volume has no place in the patient; it is not regular.

    Examples
    --------
    >>> from noctis_lab.volumes.accessor import DicomAccessor
    >>> geometry = {"direction": [0, 0, 1, 0, 1, 0, 1, 0, 0], "spacing_mm": [2.0, 1.0, 1.0]}
    >>> volume = xr.DataArray(
    ...     np.arange(12.0).reshape(3, 2, 2),
    ...     dims=("z", "y", "x"),
    ...     coords={
    ...         "z": [0.0, 2.0, 4.0], "y": [0.0, 1.0], "x": [0.0, 1.0],
    ...         "patient_lps": ((), 0, geometry),
    ...     },
    ... )
    >>> reslice(volume, normal="coronal", centre_mm=(0, 0.5, 4), spacing_mm=(2, 1)).values
    array([[ 9., 10.],
           [ 5.,  6.],
           [ 1.,  2.]])
    """
    source = grid_of(volume)
    target = plane_grid(
        source, centre_mm=centre_mm, normal=normal, up=up, spacing_mm=spacing_mm, shape=shape
    )
    return resample_onto(volume, target, **sampling)


def resample_onto(
    volume: xr.DataArray, target: Grid, **sampling: Unpack[SamplingOptions]
) -> xr.DataArray:
    """Return a volume's values on a grid.

    Parameters
    ----------
    volume
        Regular.
    target
        Of the same patient space.
    **sampling
        `method`, `fill`, `dtype`, `jit`, `threads`: see `Sampling`.

    Returns
    -------
    DataArray, dims ([extra], z, y, x[, channel])
        Without the dims that the grid lacks. Coordinates of single planes (SOPInstanceUID, slope …)
        stay where the planes do.

    Raises
    ------
    CannotResample
        The grid is too large, or leaves an integer volume without `fill`.
    """
    return project_onto(volume, target, np.zeros(1), "max", Sampling(**sampling))


def project_onto(
    volume: xr.DataArray,
    target: Grid,
    offsets_mm: NDArray[np.float64],
    how: How,
    sampling: Sampling,
) -> xr.DataArray:
    """Return the largest, least or mean of samples along the z direction of a grid.

    Parameters
    ----------
    volume, target, sampling
        As of `resample_onto`.
    offsets_mm
        ndarray of float64, shape (samples,): from each place, along the target's z.
    how
        ``"max"``, ``"min"`` or ``"mean"`` of the samples inside that are no NaN.
    """
    source, uid = grid_of(volume), series_uid(volume)
    refuse_mixed_scales(volume, uid)
    lattices, span = index_lattices(source, target, offsets_mm=offsets_mm, method=sampling.method)
    unread = Unread.of(volume)
    dtype = sampling.dtype_of(volume.dtype, how, uid)
    fill = sampling.fill_of(dtype, uid)
    count, channels = math.prod(unread.extra_shape), unread.channels
    require_size((count, *target.shape, channels), uid)
    values, first = unread.read(span)
    result = np.empty((count, *target.shape, channels), dtype)
    plane = np.empty(target.shape[1:], sampling.working_dtype(values.dtype, dtype, how))
    with in_threads(sampling.threads, len(offsets_mm) * plane.size) as rows:
        for number, lattice in enumerate(lattices):
            moved = replace(lattice, samples=lattice.samples - first)
            for extra, channel in np.ndindex(count, channels):
                inside = project_plane(
                    values[extra, ..., channel],
                    moved,
                    plane,
                    method=sampling.method,
                    how=how,
                    jit=sampling.jit,
                    rows=rows,
                )
                put_plane(result[extra, number, ..., channel], plane, inside, fill, uid)
    return to_dataarray(volume, source, target, unread.extras, result)


def put_plane(
    out: NDArray[Any],
    values: NDArray[Any],
    inside: NDArray[np.bool_],
    fill: float | None,
    uid: str | None,
) -> None:
    """Write values into a part of the result, rounded where this is of integers, filled outside.

    Parameters
    ----------
    out
        Of the result's dtype; written.
    values
        Of the same shape and `Sampling.working_dtype`; overwritten.
    inside
        Of the same shape: where values are.
    fill
        What stands elsewhere; None where nothing can.
    uid
        SeriesInstanceUID of the source.

    Raises
    ------
    CannotResample
        There is an outside, and nothing to stand for it.
    """
    outside = ~inside
    if outside.any():
        if fill is None:
            raise CannotResample(
                f"the target leaves the volume, and {out.dtype} has no value for outside; state "
                "fill=…, or ask for dtype='float32' and have NaN there",
                SeriesInstanceUID=uid,
            )
        values[outside] = 0  # undefined so far; also no NaN may be cast
    if out.dtype.kind != "f" and values.dtype.kind == "f":
        np.rint(values, out=values)
    out[...] = values
    if fill is not None:
        out[outside] = fill


def refuse_mixed_scales(volume: xr.DataArray, uid: str | None) -> None:
    """Refuse stored values whose planes have scales of their own: between them is nothing."""
    if volume.attrs.get("units") != "stored":
        return
    for name in ("slope", "intercept"):
        if name in volume.coords and "z" in volume.coords[name].dims:
            scales = volume.coords[name].transpose("z", ...).values
            if not np.array_equal(scales, np.broadcast_to(scales[:1], scales.shape), True):
                raise CannotResample(
                    f"stored values, and the planes differ in {name}; load values instead "
                    "(stored=False)",
                    SeriesInstanceUID=uid,
                )
