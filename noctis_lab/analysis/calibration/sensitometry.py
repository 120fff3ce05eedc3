"""What each insert measures, with its spread: over some planes of the sensitometry module."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from noctis_lab.analysis.calibration.align import Alignment
from noctis_lab.analysis.calibration.body import Body
from noctis_lab.analysis.calibration.recognise import Recognition
from noctis_lab.analysis.calibration.scene import Scene
from noctis_lab.errors import CannotCalibrate

__all__ = ["Placement", "RoiFigures", "measure_disc", "measure_inserts", "module_planes"]

_PLANES = 9
_LEAST_RADIUS_MM = 2.0
#: An insert with more of its pixels at the scale's end is measured by its median.
_MOST_CLIPPED, _HALF = 0.02, 0.5
_ROUNDING_HU = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Where a region was measured: its middle plane.

    Attributes
    ----------
    center_mm, z_mm
        (x, y) and z, patient LPS.
    SOPInstanceUID
        Of that plane's image; None where the volume does not say.
    """

    center_mm: tuple[float, float]
    z_mm: float
    radius_mm: float
    SOPInstanceUID: str | None


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
        Of pixels at the lowest value that can be stored, the intercept of unsigned pixels.
    value
        What counts: the mean, or the median where more than 2 % are clipped.
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

    @property
    def is_bound(self) -> bool:
        """Whether half of the pixels are clipped: the true value may be anything lower."""
        return self.clipped_fraction >= _HALF


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
    half = scene.slice_thickness_mm / 2
    # No plane is taken that may hold something of a neighbouring module.
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
    measured = []
    for insert in phantom.inserts:
        angle = np.radians(found.direction * insert.angle_deg + lie.roll_deg)
        outward = np.array([np.cos(angle), np.sin(angle)])
        offset = np.array(lie.shift_mm) + outward * insert.distance_mm * lie.scale
        radius = max(_LEAST_RADIUS_MM, insert.radius_mm - 2.5 * body.edge_sigma_mm)
        centers = [(float(x), float(y)) for x, y in body.center_mm[planes] + offset]
        measured.append(
            _measure(
                scene,
                planes,
                centers,
                min(radius, insert.radius_mm - 1.0),
                material=insert.material,
            )
        )
    spread = [means.std(ddof=1) for _, means in measured if means.size > 1]
    # The noise is about alike in all of them: together they tell it better than three means can.
    pooled = float(np.sqrt(np.mean(np.square(spread)))) if spread else float("nan")
    return tuple(
        replace(figures, se=pooled / float(np.sqrt(means.size))) for figures, means in measured
    )


def _placement(
    scene: Scene, plane: int, center_mm: tuple[float, float], radius_mm: float
) -> Placement:
    x, y, z = scene.to_lps(*center_mm, float(scene.z_mm[plane]))
    return Placement(
        center_mm=(x, y),
        z_mm=z,
        radius_mm=radius_mm,
        SOPInstanceUID=None if scene.SOPInstanceUIDs is None else scene.SOPInstanceUIDs[plane],
    )


def measure_disc(
    scene: Scene,
    planes: NDArray[np.intp],
    centers_mm: Sequence[tuple[float, float]],
    radius_mm: float,
    *,
    material: str,
) -> RoiFigures:
    """Measure a disc, whose centre (x, y) is given for each plane.

    Raises
    ------
    CannotCalibrate
        ``partial``: it is not wholly in the image.
    """
    return _measure(scene, planes, centers_mm, radius_mm, material=material)[0]


def _measure(
    scene: Scene,
    planes: NDArray[np.intp],
    centers_mm: Sequence[tuple[float, float]],
    radius_mm: float,
    *,
    material: str,
) -> tuple[RoiFigures, NDArray[np.float64]]:
    """Return the figures, and the planes' means."""
    parts = [
        scene.disc(int(plane), center, radius_mm)
        for plane, center in zip(planes, centers_mm, strict=True)
    ]
    row_mm, column_mm = scene.pixel_spacing_mm
    expected = np.pi * radius_mm**2 / (row_mm * column_mm)
    if min(part.size for part in parts) < 0.8 * expected:
        raise CannotCalibrate("partial", f"the insert of {material} is not in the image")
    values = np.concatenate(parts).astype(np.float64)
    floors = np.repeat(scene.floor_hu[planes], [part.size for part in parts])
    clipped = float(np.mean(values <= floors + _ROUNDING_HU))
    middle = len(planes) // 2
    mean, median = float(values.mean()), float(np.median(values))
    means: NDArray[np.float64] = np.array([part.mean(dtype=np.float64) for part in parts])
    figures = RoiFigures(
        material=material,
        placement=_placement(scene, int(planes[middle]), centers_mm[middle], radius_mm),
        n=values.size,
        plane_count=len(planes),
        mean=mean,
        median=median,
        sd=float(values.std()),
        se=float(means.std(ddof=1) / np.sqrt(means.size)) if means.size > 1 else float("nan"),
        clipped_fraction=clipped,
        value=median if clipped > _MOST_CLIPPED else mean,
    )
    return figures, means
