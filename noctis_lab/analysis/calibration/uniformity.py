"""How alike a plain module is from its middle to its edge, and how noisy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from noctis_lab.analysis.calibration.body import Body
from noctis_lab.analysis.calibration.scene import Scene
from noctis_lab.errors import CannotCalibrate

__all__ = ["Uniformity", "measure_uniformity"]

_PLACES = ("center", "right", "bottom", "left", "top")
_MAP_MM = 10.0
_MAP_SHARE = 0.85  # of the radius that the map covers
_NOISE_SHARE = 0.2  # radius of the noise's region, of the body's (40 % of its diameter)


@dataclass(frozen=True, slots=True, kw_only=True)
class Uniformity:
    """Figures of a plain module, HU.

    Attributes
    ----------
    means, means_se
        Place ("center", "right", …, as images are shown) → mean, and its standard error, from
        how planes differ.
    periphery_minus_center, periphery_minus_center_se
        The outer places' mean less the middle's; its standard error is from how planes differ.
    largest_difference, largest_difference_se
        Of an outer place from the middle, in size.
    noise, noise_se
        Standard deviation in the middle, a plane's tilt taken out, and its standard error.
    map_hu
        ndarray of float32, shape (n, n): means of 10 mm squares less the middle's, NaN outside.
    map_mm
        ndarray of float64, shape (n,): the squares' middles from the axis, along x and y alike.
    """

    means: dict[str, float]
    means_se: dict[str, float]
    periphery_minus_center: float
    periphery_minus_center_se: float
    largest_difference: float
    largest_difference_se: float
    noise: float
    noise_se: float
    map_hu: NDArray[np.float32]
    map_mm: NDArray[np.float64]


def measure_uniformity(
    scene: Scene,
    body: Body,
    planes: NDArray[np.intp],
    *,
    distance_mm: float,
    radius_mm: float,
) -> Uniformity:
    """Measure a plain module in some planes.

    Raises
    ------
    CannotCalibrate
        ``partial``: a region is not wholly in the image.
    """
    steps = ((0, 0), (1, 0), (0, 1), (-1, 0), (0, -1))
    means = np.empty((len(planes), len(steps)))
    for row, plane in enumerate(planes):
        for column, step in enumerate(steps):
            place = body.center_mm[plane] + np.array(step) * distance_mm
            part = scene.disc(int(plane), tuple(place), radius_mm)
            if part.size == 0:
                raise CannotCalibrate("partial", "the uniformity module is not wholly in the image")
            means[row, column] = part.mean(dtype=np.float64)
    differences = means[:, 1:].mean(axis=1) - means[:, 0]
    of_place = means.mean(axis=0)
    worst = 1 + int(np.abs(of_place[1:] - of_place[0]).argmax())
    noises = np.array([_noise(scene, body, int(plane)) for plane in planes])
    values, edges = _map(scene, body, planes)
    return Uniformity(
        means=dict(zip(_PLACES, of_place.tolist(), strict=True)),
        means_se={place: _error_of(column) for place, column in zip(_PLACES, means.T, strict=True)},
        periphery_minus_center=float(differences.mean()),
        periphery_minus_center_se=_error_of(differences),
        largest_difference=float(np.abs(of_place[1:] - of_place[0]).max()),
        largest_difference_se=_error_of(means[:, worst] - means[:, 0]),
        noise=float(np.sqrt(np.mean(noises**2))),
        noise_se=_error_of(noises),
        map_hu=(values - np.float32(of_place[0])).astype(np.float32),
        map_mm=edges,
    )


def _error_of(figures: NDArray[np.float64]) -> float:
    if figures.size < 2:
        return float("nan")
    return float(figures.std(ddof=1) / np.sqrt(figures.size))


def _noise(scene: Scene, body: Body, plane: int) -> float:
    radius = _NOISE_SHARE * body.radius_mm
    x0, y0 = body.center_mm[plane]
    rows = np.flatnonzero(np.abs(scene.y_mm - y0) <= radius)
    columns = np.flatnonzero(np.abs(scene.x_mm - x0) <= radius)
    part = scene.part(plane, slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    y, x = np.meshgrid(scene.y_mm[rows] - y0, scene.x_mm[columns] - x0, indexing="ij")
    inside = np.hypot(x, y) <= radius
    values = part[inside].astype(np.float64)
    system = np.stack([x[inside], y[inside], np.ones(values.size)], axis=1)
    surface = np.linalg.lstsq(system, values, rcond=None)[0]
    return float(np.sqrt(np.mean((values - system @ surface) ** 2)))


def _map(
    scene: Scene, body: Body, planes: NDArray[np.intp]
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    reach = _MAP_SHARE * body.radius_mm
    count = 2 * int(reach // _MAP_MM) + 1
    middles: NDArray[np.float64] = (np.arange(count) - count // 2).astype(np.float64) * _MAP_MM
    inner = (np.arange(5) - 2) * (_MAP_MM / 5)
    fine = (middles[:, None] + inner).ravel()
    total = np.zeros((fine.size, fine.size))
    for plane in planes:
        x0, y0 = body.center_mm[plane]
        x, y = np.meshgrid(x0 + fine, y0 + fine)
        total += scene.sample(int(plane), x, y)
    squares = (total / len(planes)).reshape(count, 5, count, 5).mean(axis=(1, 3))
    outside = np.hypot(middles[:, None], middles[None]) > reach - _MAP_MM / 2
    squares[outside] = np.nan
    return squares.astype(np.float32), middles
