"""An irregular stack on evenly spaced planes, with every plane's origin told."""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, Final, Literal, Unpack

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from noctis_lab.errors import CannotResample, UnsupportedSeries
from noctis_lab.volumes.axes import AXES, GEOMETRY
from noctis_lab.volumes.carried import Unread, kept_coordinates, to_dataarray
from noctis_lab.volumes.grid import Grid, even_step, grid_of, require_size
from noctis_lab.volumes.reslice import Sampling, SamplingOptions, put_plane, refuse_mixed_scales

__all__ = ["PLANE_ORIGIN", "Gaps", "RegularizeOptions", "regularize"]

type Gaps = Literal["fill", "interpolate"]

#: The coordinate along z that says of each plane: acquired, interpolated or missing.
PLANE_ORIGIN: Final = "plane_origin"
#: What a volume says of its uneven planes, which are even then.
_OF_GAPS = frozenset(("spacing_note", "gaps_after_mm", "gap_planes"))
#: A plane this near to a place, as a part of the step, is the plane of that place: scanners'
#: positions are rounded, and stacks are held to the same.
_JITTER = 0.01
#: Neighbours that are farther apart than this many steps have a plane missing between them.
_GAP = 1.5


class RegularizeOptions(SamplingOptions, total=False):
    """What `regularize` is told beside the volume."""

    step_mm: float | None
    gaps: Gaps


@dataclass(frozen=True, slots=True)
class _Origin:
    """What a regular plane is made of: one acquired plane, two, or none."""

    before: int
    after: int
    part: float  # of the way from the one to the other
    kind: Literal["acquired", "interpolated", "missing"]


def regularize(
    volume: xr.DataArray,
    *,
    step_mm: float | None = None,
    gaps: Gaps = "fill",
    **sampling: Unpack[SamplingOptions],
) -> xr.DataArray:
    """Return an irregular stack on evenly spaced planes.

    Parameters
    ----------
    volume
        Planes at any ascending or descending z; y and x regular.
    step_mm
        Between the new planes along z; by default the median of the old ones' (of two, the
        shorter). Planes go from the
        first to the last.
    gaps
        What becomes of a new plane between two acquired ones that are more than one and a half
        usual steps apart, where a plane is missing: ``"fill"`` (by default NaN), or
        ``"interpolate"`` across the gap.
    **sampling
        `method`: of a plane between two, linear (default) or the nearest of them, the later one
        of a tie; `fill` and `dtype`, see `noctis_lab.volumes.reslice.Sampling`.

    Returns
    -------
    DataArray, dims as the volume's
        Its coordinate `plane_origin` says of each plane whether it is ``"acquired"`` (within a
        hundredth of the step: taken over as it is), ``"interpolated"`` or ``"missing"``; the
        attributes `interpolated_z_mm` and `missing_z_mm` list those. Coordinates of single planes
        (SOPInstanceUID, slope …) are the acquired ones', elsewhere empty or NaN. Shear is kept. The
        volume itself where it is regular with that step.

    Raises
    ------
    CannotResample
        Planes lie at one place or not in order; the result is too large; a plane is missing and an
        integer result has no `fill`.
    NoGeometry, UnsupportedSeries
        The volume has no place in the patient; its y or x is not regular.
    """
    if gaps not in ("fill", "interpolate"):
        raise CannotResample(f"gaps is 'fill' or 'interpolate', not {gaps!r}")
    source = grid_of(volume)
    old_mm, uid = source.along_mm[0], source.SeriesInstanceUID
    for axis, along in zip(AXES[1:], source.along_mm[1:], strict=True):
        if even_step(along) is None:
            raise UnsupportedSeries(uid or "(unknown)", f"axis '{axis}' has no single step")
    usual_mm = _usual_step(old_mm, uid)
    if len(old_mm) == 1 or (even_step(old_mm) is not None and step_mm in (None, abs(usual_mm))):
        return volume
    if step_mm is not None and not 0 < step_mm < math.inf:
        raise CannotResample(f"step_mm is positive, not {step_mm!r}", SeriesInstanceUID=uid)
    new_mm = _new_places(old_mm, usual_mm, step_mm, uid)
    options = Sampling(**sampling)
    origins = [
        _origin(old_mm, float(place), abs(usual_mm), gaps, options.method) for place in new_mm
    ]
    target = source.with_along((new_mm, *source.along_mm[1:]))
    values, extras = _values(volume, source, target, origins, options)
    result = to_dataarray(volume, source, target, extras, values)
    told = {
        f"{kind}_z_mm": [
            float(place)
            for place, origin in zip(new_mm, origins, strict=True)
            if origin.kind == kind
        ]
        for kind in ("interpolated", "missing")
    }
    result.attrs = {name: value for name, value in result.attrs.items() if name not in _OF_GAPS}
    return result.assign_coords(_coordinates(volume, source, target, origins)).assign_attrs(
        {name: places for name, places in told.items() if places}  # NetCDF holds no empty list
    )


def _usual_step(old_mm: NDArray[np.float64], uid: str | None) -> float:
    """Return the signed median step, the shorter of the two in the middle; NaN of one plane.

    Parameters
    ----------
    old_mm
        z of the planes.
    uid
        SeriesInstanceUID, for the error.
    """
    if len(old_mm) == 1:
        return math.nan
    steps = np.diff(old_mm)
    if not (np.all(steps > 0) or np.all(steps < 0)):
        raise CannotResample(
            "planes lie at one place or not in order along z; sort and drop them first "
            "(.sortby('z').drop_duplicates('z'))",
            SeriesInstanceUID=uid,
        )
    # The mean of the two is a step that no scanner took: one gap in three planes would hide.
    return float(steps[np.argsort(np.abs(steps))[(len(steps) - 1) // 2]])


def _new_places(
    old_mm: NDArray[np.float64], usual_mm: float, step_mm: float | None, uid: str | None
) -> NDArray[np.float64]:
    length_mm = abs(float(old_mm[-1] - old_mm[0]))
    step = usual_mm if step_mm is None else math.copysign(step_mm, usual_mm)
    require_size((length_mm / abs(step) + 1,), uid)
    if step_mm is None:
        # Steps are rounded in the headers: the whole length tells the step better than one does.
        count = round(length_mm / abs(step))
        if abs(length_mm / count - abs(step)) <= _JITTER * abs(step):
            step = math.copysign(length_mm / count, step)
    # The last place may lie beyond the last plane by as much as that plane may be off its place,
    # which is a part of the old step, whatever the new one is.
    count = math.floor((length_mm + _JITTER * abs(usual_mm)) / abs(step))
    places: NDArray[np.float64] = old_mm[0] + np.arange(count + 1) * step
    return places


def _origin(
    old_mm: NDArray[np.float64], place: float, usual_mm: float, gaps: str, method: str
) -> _Origin:
    nearest = int(np.argmin(np.abs(old_mm - place)))
    apart_mm = abs(old_mm[nearest] - place)
    if apart_mm <= _JITTER * usual_mm:
        return _Origin(nearest, nearest, 0.0, "acquired")
    is_past = (place - old_mm[nearest]) * (old_mm[-1] - old_mm[0]) > 0
    before = nearest if is_past else nearest - 1
    after = before + 1
    if gaps == "fill" and abs(old_mm[after] - old_mm[before]) > _GAP * usual_mm:
        return _Origin(before, after, 0.0, "missing")
    part = float((place - old_mm[before]) / (old_mm[after] - old_mm[before]))
    if method == "nearest":
        part = float(part >= 0.5)
    return _Origin(before, after, part, "interpolated")


def _values(
    volume: xr.DataArray,
    source: Grid,
    target: Grid,
    origins: list[_Origin],
    sampling: Sampling,
) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Return the values, shape (extra, z, y, x, channel), and the extra dims' names."""
    uid = source.SeriesInstanceUID
    if any(origin.kind == "interpolated" for origin in origins):
        refuse_mixed_scales(volume, uid)
    unread = Unread.of(volume)
    dtype = sampling.dtype_of(volume.dtype, "max", uid)
    fill = sampling.fill_of(dtype, uid)
    count, channels = math.prod(unread.extra_shape), unread.channels
    require_size((count, *target.shape, channels), uid)
    result = np.empty((count, *target.shape, channels), dtype)
    work = sampling.working_dtype(volume.dtype, dtype, "max")
    for number, origin in enumerate(origins):
        if origin.kind == "missing":
            values = np.zeros((count, *target.shape[1:], channels), work)
        else:
            values = _plane_between(unread, origin).astype(work)
        inside = np.full(values.shape, origin.kind != "missing")
        put_plane(result[:, number], values, inside, fill, uid)
    return result, unread.extras


def _plane_between(unread: Unread, origin: _Origin) -> NDArray[Any]:
    if origin.part in (0.0, 1.0):
        return unread.plane(origin.after if origin.part else origin.before)
    one, other = (unread.plane(z).astype(np.float64) for z in (origin.before, origin.after))
    between: NDArray[np.float64] = one * (1 - origin.part) + other * origin.part
    return between


def _coordinates(
    volume: xr.DataArray, source: Grid, target: Grid, origins: list[_Origin]
) -> dict[Hashable, Any]:
    """Return the coordinates along z: of acquired planes theirs, elsewhere empty or NaN."""
    held = kept_coordinates(volume, source, target)
    is_acquired = np.array([origin.kind == "acquired" for origin in origins])
    chosen = [origin.before for origin in origins]
    coordinates: dict[Hashable, Any] = {PLANE_ORIGIN: ("z", [origin.kind for origin in origins])}
    for name, coordinate in volume.coords.items():
        if name in held or name in (*AXES, GEOMETRY) or "z" not in coordinate.dims:
            continue
        taken = coordinate.variable.isel(z=chosen)
        shape = [-1 if dim == "z" else 1 for dim in taken.dims]
        known = is_acquired.reshape(shape)
        if taken.dtype.kind in "biuf":
            values = taken.values if known.all() else np.where(known, taken.values, np.nan)
        else:
            values = np.where(known, taken.values, "")
        coordinates[name] = (taken.dims, values, taken.attrs)
    return coordinates
