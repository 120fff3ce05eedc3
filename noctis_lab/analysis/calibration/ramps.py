"""Wires that rise at a known angle: where they cross a plane tells z, how long, its thickness."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from noctis_lab.analysis.calibration.body import Body
from noctis_lab.analysis.calibration.recognise import Recognition
from noctis_lab.analysis.calibration.scene import Scene

__all__ = ["Ramps", "read_ramps"]

_SIDES_DEG = (0.0, 90.0, 180.0, 270.0)
_REACH_MM, _STEP_MM, _HALF_WIDTH_MM = 26.0, 0.25, 1.75
_MOST_ALONG_MM = 18.0  # beyond it the module may end within the wire
_CLEAR_SD = 6.0
_LEAST_CROSSINGS = 4
_AGREES_MM = 1.5
_OF_MEDIAN = 1.2533  # a median's standard error over a mean's, of normal figures


@dataclass(frozen=True, slots=True, kw_only=True)
class Ramps:
    """What the wires say.

    Attributes
    ----------
    z_mm, z_se_mm
        Where they cross the middle: the sensitometry module's, LPS, with its standard error.
    slice_thickness_mm, slice_thickness_sd_mm, slice_thickness_se_mm
        Full width at half maximum of the wires times the tangent of their angle: median, how much
        the crossings differ, and the median's standard error.
    crossings
        How many were read.
    """

    z_mm: float
    z_se_mm: float
    slice_thickness_mm: float
    slice_thickness_sd_mm: float
    slice_thickness_se_mm: float
    crossings: int


def read_ramps(scene: Scene, body: Body, found: Recognition) -> Ramps | None:
    """Return what a phantom's wires say; None where it has none, or too few are seen."""
    phantom = found.phantom
    if phantom is None or phantom.ramp_deg is None or phantom.ramp_distance_mm is None:
        return None
    rise = float(np.tan(np.radians(phantom.ramp_deg)))
    at, along, widths = [], [], []
    for plane in found.planes:
        for side in _SIDES_DEG:
            crossing = _crossing(scene, body, found, int(plane), side, phantom.ramp_distance_mm)
            if crossing is not None:
                at.append(float(scene.z_mm[plane]))
                along.append(crossing[0] * found.direction * rise)
                widths.append(crossing[1] * rise)
    if len(at) < _LEAST_CROSSINGS:
        return None
    # z of the middle by each crossing: those of a bead or an edge do not agree with the others.
    middles = np.array(at) - np.array(along)
    center = float(np.median(middles))
    kept = np.abs(middles - center) <= _AGREES_MM
    if int(kept.sum()) < _LEAST_CROSSINGS:
        return None
    thick = np.array(widths)[kept]
    return Ramps(
        z_mm=float(middles[kept].mean()),
        z_se_mm=float(middles[kept].std(ddof=1) / np.sqrt(kept.sum())),
        slice_thickness_mm=float(np.median(thick)),
        slice_thickness_sd_mm=float(thick.std(ddof=1)),
        slice_thickness_se_mm=float(_OF_MEDIAN * thick.std(ddof=1) / np.sqrt(thick.size)),
        crossings=int(kept.sum()),
    )


def _crossing(
    scene: Scene, body: Body, found: Recognition, plane: int, side_deg: float, distance_mm: float
) -> tuple[float, float] | None:
    """Return where along its side a wire crosses a plane, and its full width there, mm."""
    turn = np.radians(found.direction * side_deg + found.roll_deg)
    outward = np.array([np.cos(turn), np.sin(turn)])
    tangent = np.array([-outward[1], outward[0]])
    steps = np.arange(-_REACH_MM, _REACH_MM + _STEP_MM / 2, _STEP_MM)
    across = np.arange(-_HALF_WIDTH_MM, _HALF_WIDTH_MM + 0.01, 0.5)
    places = (
        body.center_mm[plane]
        + outward * (distance_mm + across)[:, None, None]
        + tangent * steps[None, :, None]
    )
    strip = scene.sample(plane, places[..., 0], places[..., 1])
    if not bool(np.isfinite(strip).all()):
        return None
    profile = strip.mean(axis=0, dtype=float)
    base = float(np.median(profile))
    noise = 1.4826 * float(np.median(np.abs(profile - base)))
    peak = int(profile.argmax())
    height = float(profile[peak]) - base
    if height < max(_CLEAR_SD * noise, 15.0):
        return None
    half = base + height / 2
    left = _where_half(profile, peak, half, -1)
    right = _where_half(profile, peak, half, 1)
    if left is None or right is None:
        return None
    along = float(steps[0] + (left + right) / 2 * _STEP_MM)
    return (along, float(right - left) * _STEP_MM) if abs(along) <= _MOST_ALONG_MM else None


def _where_half(profile: NDArray[np.float64], peak: int, half: float, step: int) -> float | None:
    at = peak
    while 0 <= at + step < profile.size:
        following = at + step
        if profile[following] <= half:
            fall = max(float(profile[at] - profile[following]), 1e-9)
            share = (float(profile[at]) - half) / fall
            return at + step * share
        at = following
    return None
