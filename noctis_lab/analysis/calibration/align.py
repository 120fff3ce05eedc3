"""Where the inserts truly lie: centre, roll and scale from those that stand out."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from noctis_lab.analysis.calibration.body import Body
from noctis_lab.analysis.calibration.recognise import Recognition
from noctis_lab.analysis.calibration.scene import Scene

__all__ = ["Alignment", "align", "find_centroid"]

_GRID_MM, _REACH = 0.25, 1.9  # step; how far about an insert, in its radii
_LEAST_CONTRAST_HU = 120.0
_MOST_SHIFT_MM = 2.0
_LEAST_INSERTS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Alignment:
    """How the ring of inserts lies in the middle plane.

    Attributes
    ----------
    shift_mm, shift_se_mm
        (x, y) of its centre from the body's axis; the error of either.
    roll_deg, roll_se_deg
        By how much it is turned, and the standard error.
    scale, scale_se
        Measured distance of the inserts from the centre over that of the model.
    residual_mm
        Root mean square of what is left.
    inserts
        How many stand out enough to be read.
    """

    shift_mm: tuple[float, float]
    shift_se_mm: float
    roll_deg: float
    roll_se_deg: float
    scale: float
    scale_se: float
    residual_mm: float
    inserts: int


def align(scene: Scene, body: Body, found: Recognition, planes: NDArray[np.intp]) -> Alignment:
    """Fit centre, roll and scale to the inserts' centroids in some planes.

    Where fewer than three stand out, the recognition's roll and the body's axis remain.
    """
    phantom = found.phantom
    assert phantom is not None
    nominal, measured = [], []
    for insert in phantom.inserts:
        if abs(insert.typical_hu - phantom.background_hu) < _LEAST_CONTRAST_HU:
            continue
        angle = np.radians(found.direction * insert.angle_deg + found.roll_deg)
        place = insert.distance_mm * np.array([np.cos(angle), np.sin(angle)])
        offsets = [
            find_centroid(scene, int(plane), body.center_mm[plane] + place, insert.radius_mm)
            for plane in planes
        ]
        sound = np.array([offset for offset in offsets if offset is not None])
        if len(sound):
            nominal.append(place)
            measured.append(place + sound.mean(axis=0))
    rest = Alignment(
        shift_mm=(0.0, 0.0),
        shift_se_mm=float("nan"),
        roll_deg=found.roll_deg,
        roll_se_deg=float("nan"),
        scale=1.0,
        scale_se=float("nan"),
        residual_mm=float("nan"),
        inserts=len(nominal),
    )
    if len(nominal) < _LEAST_INSERTS:
        return rest
    return _fit(np.array(nominal), np.array(measured), rest)


def _fit(nominal: NDArray[np.float64], measured: NDArray[np.float64], rest: Alignment) -> Alignment:
    """Fit a similarity: measured = shift + (a, -b; b, a) nominal."""
    count = len(nominal)
    system = np.zeros((2 * count, 4))
    system[0::2] = np.stack(
        [nominal[:, 0], -nominal[:, 1], np.ones(count), np.zeros(count)], axis=1
    )
    system[1::2] = np.stack([nominal[:, 1], nominal[:, 0], np.zeros(count), np.ones(count)], axis=1)
    solution = np.linalg.lstsq(system, measured.ravel(), rcond=None)[0]
    residual = measured.ravel() - system @ solution
    a, b, x, y = solution.tolist()
    variance = float(residual @ residual) / max(2 * count - 4, 1)
    covariance = variance * np.linalg.inv(system.T @ system)
    return replace(
        rest,
        shift_mm=(x, y),
        shift_se_mm=float(np.sqrt(covariance[2, 2])),
        roll_deg=rest.roll_deg + float(np.degrees(np.arctan2(b, a))),
        roll_se_deg=float(np.degrees(np.sqrt(covariance[1, 1]))),
        scale=float(np.hypot(a, b)),
        scale_se=float(np.sqrt(covariance[0, 0])),
        residual_mm=float(np.sqrt(np.mean(residual**2))),
    )


def find_centroid(
    scene: Scene, plane: int, place_mm: NDArray[np.float64], radius_mm: float
) -> NDArray[np.float64] | None:
    """Return how far the thing about a place lies from it, (x, y) mm; None where there is none."""
    reach = _REACH * radius_mm
    steps = np.arange(-reach, reach + _GRID_MM / 2, _GRID_MM)
    x, y = np.meshgrid(steps, steps)
    window = scene.sample(plane, place_mm[0] + x, place_mm[1] + y)
    distance = np.hypot(x, y)
    if not bool(np.isfinite(window).all()):
        return None
    around = float(np.median(window[(distance > 1.4 * radius_mm) & (distance < reach)]))
    within = float(np.median(window[distance < 0.5 * radius_mm]))
    if abs(within - around) < _LEAST_CONTRAST_HU / 2:
        return None
    # Shares of the contrast, not a mask's yes and no: the edge is found between samples.
    share = np.clip((window - around) / (within - around), 0.0, 1.0)
    share[(share < 0.25) | (distance > 1.5 * radius_mm)] = 0.0
    weight = float(share.sum())
    offset = np.array([float((share * x).sum()), float((share * y).sum())]) / weight
    return offset if float(np.hypot(*offset)) <= _MOST_SHIFT_MM else None
