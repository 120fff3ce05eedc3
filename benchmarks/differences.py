"""Where and by how much a peer's volume differs from ours, and rules that say why."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from peers import PeerVolume

__all__ = ["Case", "Match", "explain", "match"]

SAMPLES = 4000
#: A place is the same within this part of a voxel.
PLACE = 0.02
_SEED = 20_260_101


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """How the peer's best volume for ours meets it, at random voxels."""

    peer: PeerVolume | None = field(repr=False)
    placed: float  # part of our voxels that are the centres of voxels of the peer
    equal: float  # part of our voxels with the same number there
    slope: float  # peer = slope · ours + intercept, where placed
    intercept: float
    misfit: float  # of that line, largest, relative to the range of ours
    modulus: int  # what all differences are multiples of, where placed; 0 where there is none
    planes_found: float  # part of our planes whose numbers are a plane of the peer, wherever
    filled_found: float  # the same of our planes that hold more than zeros
    plane_count: int  # of the peer, over all its volumes

    @property
    def is_equal(self) -> bool:
        """Whether the peer agrees everywhere."""
        return self.equal >= 1.0


def match(ours: xr.DataArray, peers: Sequence[PeerVolume]) -> Match:
    """Hold our volume against all of a peer's, plane set by plane set."""
    volumes = _volumes(ours)
    points = [_sample(ours, volume) for volume in volumes]
    best = [_best(indices, world, values, peers) for indices, world, values in points]
    weakest = min(best, key=lambda found: (found.equal, found.placed))
    planes = {_fingerprint(plane) for peer in peers for volume in peer.volumes for plane in volume}
    own = [_fingerprint(plane) for volume in volumes for plane in volume]
    filled = [print_ for print_ in own if any(print_)] or own
    return Match(
        peer=weakest.peer,
        placed=weakest.placed,
        equal=weakest.equal,
        slope=weakest.slope,
        intercept=weakest.intercept,
        misfit=weakest.misfit,
        modulus=weakest.modulus,
        planes_found=sum(print_ in planes for print_ in own) / len(own),
        filled_found=sum(print_ in planes for print_ in filled) / len(filled),
        plane_count=sum(volume.shape[0] for peer in peers for volume in peer.volumes),
    )


def _volumes(ours: xr.DataArray) -> list[NDArray[Any]]:
    values = ours.values
    if "channel" in ours.dims:
        values = values[..., 0]
    if "z" not in ours.dims:
        values = values[..., np.newaxis, :, :] if values.ndim > 2 else values[np.newaxis]
    return list(values.reshape(-1, *values.shape[-3:]))


def _sample(
    ours: xr.DataArray, volume: NDArray[Any]
) -> tuple[NDArray[np.int64], NDArray[np.float64] | None, NDArray[np.float64]]:
    random = np.random.default_rng(_SEED)
    indices = np.stack([random.integers(0, size, SAMPLES) for size in volume.shape], axis=1)
    values = volume[tuple(indices.T)].astype(np.float64)
    if "patient_lps" not in ours.coords:
        return indices, None, values
    axes = np.array(ours.coords["patient_lps"].attrs["direction"], dtype=np.float64).reshape(3, 3)
    along = np.stack(
        [
            np.atleast_1d(ours.coords[name].values)[indices[:, axis]]
            for axis, name in enumerate("zyx")
        ],
        axis=1,
    )
    return indices, along @ axes.T, values


def _best(
    indices: NDArray[np.int64],
    world: NDArray[np.float64] | None,
    values: NDArray[np.float64],
    peers: Sequence[PeerVolume],
) -> Match:
    # Without a place there is nothing that says which way up a plane is.
    ways = (slice(None), slice(None, None, -1))[: 2 if world is None else 1]
    found = [
        _hold(indices, world, values, peer, volume[:, way])
        for peer in peers
        for volume in peer.volumes
        for way in ways
    ]
    return max(found, key=lambda one: (one.equal, one.placed, -one.misfit))


def _hold(
    indices: NDArray[np.int64],
    world: NDArray[np.float64] | None,
    values: NDArray[np.float64],
    peer: PeerVolume,
    volume: NDArray[Any],
) -> Match:
    if world is None:
        at = indices.astype(np.float64)
    else:
        homogeneous = np.c_[world, np.ones(len(world))]
        try:
            at = np.linalg.solve(_full(peer.affine), homogeneous.T).T[:, :3]
        except np.linalg.LinAlgError:
            at = np.full((len(world), 3), np.nan)
    nearest = np.rint(at)
    inside = np.all((nearest >= 0) & (nearest < volume.shape), axis=1)
    on = inside & np.all(np.abs(at - nearest) <= PLACE, axis=1)
    theirs = volume[tuple(nearest[on].astype(np.int64).T)].astype(np.float64)
    mine = values[on]
    tolerance = 1e-3 + 1e-5 * np.abs(mine)
    slope, intercept, misfit = _line(mine, theirs)
    return Match(
        peer=peer,
        placed=float(np.mean(on)),
        equal=float(np.sum(np.abs(theirs - mine) <= tolerance)) / len(values),
        slope=slope,
        intercept=intercept,
        misfit=misfit,
        modulus=int(np.gcd.reduce(np.rint(theirs - mine).astype(np.int64))) if len(mine) else 0,
        planes_found=0.0,
        filled_found=0.0,
        plane_count=volume.shape[0],
    )


def _full(affine: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return an affine whose z column, where a lone plane has none, is the planes' normal."""
    if np.linalg.norm(affine[:3, 0]) > 0:
        return affine
    full = affine.copy()
    full[:3, 0] = np.cross(affine[:3, 2], affine[:3, 1])
    return full


def _line(mine: NDArray[np.float64], theirs: NDArray[np.float64]) -> tuple[float, float, float]:
    if len(mine) < 2 or np.ptp(mine) == 0:
        return np.nan, np.nan, np.inf
    slope, intercept = np.polyfit(mine, theirs, 1)
    misfit = np.max(np.abs(slope * mine + intercept - theirs)) / np.ptp(mine)
    return float(slope), float(intercept), float(misfit)


def _fingerprint(plane: NDArray[Any]) -> tuple[float, ...]:
    """Return what is equal for equal planes, whichever way up they are."""
    numbers = np.asarray(plane, dtype=np.float64)
    sums = (numbers.sum(), (numbers**2).sum(), numbers.min(), numbers.max())
    return tuple(float(f"{value:.6g}") for value in sums)


# ---------------------------------------------------------------- rules


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One of our volumes held against one peer."""

    ours: xr.DataArray
    found: Match
    stored: Match | None  # the peer against our stored values
    stacks: int  # of the series
    private_scales: tuple[float, ...] = ()  # 1 / (2005,100E), and that over the rescale slope

    @property
    def has_place(self) -> bool:
        """Whether ours lies in the patient."""
        return "patient_lps" in self.ours.coords

    @property
    def has_all_planes(self) -> bool:
        """Whether every plane of ours is one of the peer's, wherever it put it."""
        return self.found.planes_found == 1


def explain(case: Case) -> list[str]:
    """Return the reasons that hold for a difference, each checked on the numbers."""
    return [reason for rule in _RULES if (reason := rule(case))]


def _inverted(case: Case) -> str | None:
    is_inverse = case.ours.attrs.get("PhotometricInterpretation") == "MONOCHROME1"
    return "inverts MONOCHROME1's values" if is_inverse and case.found.slope < 0 else None


def _scaled(case: Case) -> str | None:
    found = case.found
    if found.placed < 1 or found.misfit > 2e-3 or abs(found.intercept) > 1e-3 * abs(found.slope):
        return None
    if not any(np.isclose(found.slope, scale, rtol=1e-3) for scale in case.private_scales):
        return None
    return f"multiplies by Philips' private scale factor (2005,100E): {found.slope:.6g} × ours"


def _is_stored(case: Case) -> bool:
    stored = case.stored
    return stored is not None and (stored.equal == 1 or _is_wrapped(stored))


def _is_wrapped(found: Match) -> bool:
    power = found.modulus
    return found.placed == 1 and power >= 256 and power & (power - 1) == 0


def _unmapped(case: Case) -> str | None:
    return "gives stored values: the Modality LUT is not applied" if _is_stored(case) else None


def _wrapped(case: Case) -> str | None:
    if _is_wrapped(case.found):
        return f"takes the sign otherwise: differences are multiples of {case.found.modulus}"
    return None


def _rounded(case: Case) -> str | None:
    peer, found = case.found.peer, case.found
    if peer is None or peer.values.dtype.kind not in "iu" or case.ours.dtype.kind != "f":
        return None
    if found.placed == 1 and found.equal < 1 and found.misfit < 1e-2:
        return f"same places, values cut to {peer.values.dtype}"
    return None


def _leaning(case: Case) -> str | None:
    if not case.has_place or case.ours.sizes.get("z", 1) < 2 or case.found.placed == 1:
        return None
    tilt_deg = case.ours.dicom.tilt_deg
    if tilt_deg > 0.005 and case.has_all_planes:
        return f"same planes, but drops their lean of {tilt_deg:.2g}°"
    return None


def _stretched(case: Case) -> str | None:
    if case.has_place and not case.ours.dicom.is_regular and case.has_all_planes:
        return "same planes, laid out with one step over uneven ones"
    return None


def _stacked(case: Case) -> str | None:
    extra = [dim for dim in case.ours.dims if dim not in ("z", "y", "x", "channel")]
    if not extra or "z" not in case.ours.dims or case.found.peer is None:
        return None
    times, planes = case.ours.sizes[extra[0]], case.ours.sizes["z"]
    if case.has_all_planes and case.found.peer.values.shape[-3] == times * planes:
        return f"stacks the {times} volumes along {extra[0]} as {case.found.plane_count} planes"
    return None


def _merged(case: Case) -> str | None:
    if (
        case.stacks > 1
        and case.has_all_planes
        and case.found.plane_count > case.ours.sizes.get("z", 1)
    ):
        return f"puts the series' {case.stacks} stacks into one of {case.found.plane_count} planes"
    return None


def _whole_mosaic(case: Case) -> str | None:
    peer = case.found.peer
    if peer is None or "z" not in case.ours.dims:
        return None
    rows, columns = peer.values.shape[-2:]
    tiles = (rows // case.ours.sizes["y"]) * (columns // case.ours.sizes["x"])
    if tiles >= case.ours.sizes["z"] > 1 and tiles > 1 and not rows % case.ours.sizes["y"]:
        return f"takes a mosaic of {tiles} tiles for one plane"
    return None


def _segmented(case: Case) -> str | None:
    stored = case.stored
    if "segment" in case.ours.dims and stored is not None and stored.filled_found == 1:
        return f"takes the frames of {case.ours.sizes['segment']} segment(s) for planes"
    return None


def _byte_bits(case: Case) -> str | None:
    """SimpleITK unpacks bits to 0 and 255, and those beyond the last whole byte to anything."""
    peer = case.found.peer
    if "segment" not in case.ours.dims or case.ours.dtype != bool or peer is None:
        return None
    theirs = peer.values.reshape(-1, *peer.values.shape[-2:])
    tail = theirs.size % 8
    whole = theirs.ravel()[: theirs.size - tail]
    if not whole.any() or not np.isin(whole, (0, 255)).all():
        return None
    known = {(plane == 255).tobytes() for plane in theirs}
    cut = (theirs[-1] == 255).ravel()[: theirs[-1].size - tail].tobytes()
    for plane in case.ours.values.reshape(-1, *case.ours.shape[-2:]):
        is_cut = bool(tail) and plane.ravel()[: plane.size - tail].tobytes() == cut
        if plane.any() and plane.tobytes() not in known and not is_cut:
            return None
    return f"takes frames of {case.ours.sizes['segment']} segment(s) for planes, with 255 for 1"


def _unplaced(case: Case) -> str | None:
    if not case.has_place and case.has_all_planes:
        return "same planes; it makes up places where the data set states none"
    return None


def _fewer(case: Case) -> str | None:
    planes = case.ours.sizes.get("frame", case.ours.sizes.get("time", 1))
    if not case.has_place and 0 < case.found.plane_count < planes and case.found.planes_found > 0:
        return f"gives {case.found.plane_count} of the {planes} planes"
    return None


_RULES: tuple[Callable[[Case], str | None], ...] = (
    _inverted,
    _scaled,
    _unmapped,
    _wrapped,
    _rounded,
    _leaning,
    _stretched,
    _stacked,
    _merged,
    _whole_mosaic,
    _segmented,
    _byte_bits,
    _unplaced,
    _fewer,
)
