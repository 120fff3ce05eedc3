"""What each insert measures, with its spread: over some planes of the sensitometry module."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from noctis_lab.analysis.calibration.align import Alignment
from noctis_lab.analysis.calibration.body import Body
from noctis_lab.analysis.calibration.phantoms import Insert
from noctis_lab.analysis.calibration.recognise import Recognition
from noctis_lab.analysis.calibration.scene import Scene
from noctis_lab.errors import CannotCalibrate

__all__ = ["Placement", "RoiFigures", "measure_inserts", "module_planes"]

_PLANES = 3
_LEAST_RADIUS_MM = 2.0
_LOWEST_STORED_HU = -1000.0
_AIR_BELOW_HU = -900.0
#: An air insert with more of its pixels at the scale's end is measured by its median.
_MOST_CLIPPED = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Where a region was measured: mm, patient LPS."""

    center_mm: tuple[float, float]  # (x, y), of the middle plane
    z_mm: float
    radius_mm: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RoiFigures:
    """What a region measures, HU.

    Attributes
    ----------
    mean, median, sd
        Over all its pixels in all planes; `sd` is the population's.
    se
        Standard error of the mean from how the planes' means differ; noise of neighbouring pixels
        is correlated, so that `sd` divided by the root of `n` would be too small.
    clipped_fraction
        Of pixels at the lowest value that the scale can say.
    value
        What counts: the mean, or the median where pixels are clipped.
    """

    material: str
    placement: Placement
    n: int
    plane_count: int
    mean: float
    median: float
    sd: float
    se: float
    clipped_fraction: float
    value: float


def module_planes(
    scene: Scene, found: Recognition, module: tuple[float, float], *, count: int = _PLANES
) -> NDArray[np.intp]:
    """Return up to `count` planes about a module's middle that lie within it.

    Raises
    ------
    CannotCalibrate
        ``partial``: the series does not reach the module.
    """
    low, high = module
    own_z = (scene.z_mm - found.z_mm) * found.direction
    half = scene.plane_spacing_mm / 2
    # A plane is as thick as its step, at least: none that may hold a neighbour is taken.
    inside = np.flatnonzero((own_z - half >= low - 1e-6) & (own_z + half <= high + 1e-6))
    if inside.size == 0:
        nearest = int(np.abs(own_z - (low + high) / 2).argmin())
        if not low <= own_z[nearest] <= high:
            raise CannotCalibrate(
                "partial", f"the series does not reach the module {low:.0f} to {high:.0f} mm"
            )
        inside = np.array([nearest], np.intp)
    order = np.argsort(np.abs(own_z[inside] - (low + high) / 2), kind="stable")
    return np.sort(inside[order[:count]])


def measure_inserts(
    scene: Scene, body: Body, found: Recognition, lie: Alignment, planes: NDArray[np.intp]
) -> tuple[RoiFigures, ...]:
    """Measure a recognised phantom's inserts in some planes of its module.

    Raises
    ------
    CannotCalibrate
        ``partial``: an insert is not wholly in the image.
    """
    phantom = found.phantom
    assert phantom is not None
    measured = [_measure(scene, body, found, lie, planes, insert) for insert in phantom.inserts]
    spread = [means.std(ddof=1) for _, means in measured if means.size > 1]
    # The noise is about alike in all of them: together they tell it better than three means can.
    pooled = float(np.sqrt(np.mean(np.square(spread)))) if spread else float("nan")
    return tuple(
        replace(figures, se=pooled / float(np.sqrt(means.size))) for figures, means in measured
    )


def _measure(
    scene: Scene,
    body: Body,
    found: Recognition,
    lie: Alignment,
    planes: NDArray[np.intp],
    insert: Insert,
) -> tuple[RoiFigures, NDArray[np.float64]]:
    angle = np.radians(found.direction * insert.angle_deg + lie.roll_deg)
    outward = np.array([np.cos(angle), np.sin(angle)])
    offset = np.array(lie.shift_mm) + outward * insert.distance_mm * lie.scale
    radius = max(_LEAST_RADIUS_MM, insert.radius_mm - 2.5 * body.edge_sigma_mm)
    radius = min(radius, insert.radius_mm - 1.0)
    parts = [
        scene.disc(int(plane), tuple(body.center_mm[plane] + offset), radius) for plane in planes
    ]
    row_mm, column_mm = scene.pixel_spacing_mm
    expected = np.pi * radius**2 / (row_mm * column_mm)
    if min(part.size for part in parts) < 0.8 * expected:
        raise CannotCalibrate("partial", f"the insert of {insert.material} is not in the image")
    values = np.concatenate(parts).astype(np.float64)
    lowest = float(values.min())
    clipped = 0.0
    if insert.typical_hu <= _AIR_BELOW_HU:
        clipped = float(np.mean(values <= lowest + 1e-3)) if values.size > 1 else 0.0
        # One value in many is a noise's tail; a pile at the end is the scale's.
        clipped = clipped if clipped > _MOST_CLIPPED and lowest >= _LOWEST_STORED_HU - 50 else 0.0
    middle = int(planes[len(planes) // 2])
    mean, median = float(values.mean()), float(np.median(values))
    figures = RoiFigures(
        material=insert.material,
        placement=Placement(
            center_mm=tuple((body.center_mm[middle] + offset).tolist()),
            z_mm=float(scene.z_mm[middle]),
            radius_mm=radius,
        ),
        n=values.size,
        plane_count=len(planes),
        mean=mean,
        median=median,
        sd=float(values.std()),
        se=float("nan"),
        clipped_fraction=clipped,
        value=median if clipped > _MOST_CLIPPED else mean,
    )
    return figures, np.array([part.mean(dtype=np.float64) for part in parts])
