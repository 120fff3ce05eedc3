"""Where a round phantom lies in each plane: centre, radius, and how much of a circle it is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from noctis_lab.analysis.calibration.scene import LOWEST_HU, Scene
from noctis_lab.errors import CannotCalibrate

__all__ = ["Body", "find_body"]

_GRID_MM = 2.0  # coarse planes are told apart from tables at this step
_TABLE_MM = 8.0  # what is thinner than twice this is no phantom
_LEAST_RADIUS_MM, _MOST_RADIUS_MM = 45.0, 180.0
#: Of the mask's area, within its own circle: after opening, and to need none.
_LEAST_ROUNDNESS, _SURE_ROUNDNESS = 0.94, 0.975
_RAYS = 120
_PROBED_PLANES = 24
_BLUR_PLANES = 16
_MOST_FOREIGN = 0.2  # of planes
_MOST_AIR_APART_HU = 150.0
_LEAST_AIR_TO_BODY_HU = 400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """A cylinder along z, and how far it is from standing straight.

    Attributes
    ----------
    planes
        ndarray of int, shape (n,): indices of the planes that show a circle, ascending.
    center_mm
        ndarray of float64, shape (planes of the scene, 2): (x, y) of the axis in each plane, along
        the stack's own axes, as all places here.
    radius_mm, radius_sd_mm, radius_se_mm
        Median of the planes, how much they differ, and the median's standard error.
    tilt_deg, tilt_se_deg
        (about x, about y): how the axis leaves z towards the back, and towards the left.
    edge_sigma_mm
        Blur of the outer edge as the sigma of a Gaussian.
    """

    planes: NDArray[np.intp]
    center_mm: NDArray[np.float64]
    radius_mm: float
    radius_sd_mm: float
    radius_se_mm: float
    tilt_deg: tuple[float, float]
    tilt_se_deg: tuple[float, float]
    edge_sigma_mm: float


def find_body(scene: Scene) -> Body:
    """Find the round phantom of an axial stack.

    Raises
    ------
    CannotCalibrate
        Nothing round is there (``no_phantom``), or planes of different things or scales are
        (``mixed``).
    """
    # A patient's series is hundreds of planes long: some of them tell that nothing is round.
    few, step_mm = _coarsen(scene, every=max(1, len(scene.values) // _PROBED_PLANES))
    level = _edge_level(few)
    if all(_circle_of(plane, level, step_mm) is None for plane in few):
        raise CannotCalibrate("no_phantom", "nothing in it is round")
    coarse, step_mm = _coarsen(scene)
    circles = [_circle_of(plane, level, step_mm) for plane in coarse]
    planes = np.array(
        [index for index, circle in enumerate(circles) if circle is not None], np.intp
    )
    if planes.size < 3:
        raise CannotCalibrate("no_phantom", "no round object is in at least 3 planes")
    _refuse_scales(coarse)
    rough = np.array([circles[index] for index in planes])
    median_mm = float(np.median(rough[:, 2]))
    kept = np.abs(rough[:, 2] - median_mm) <= max(4.0, 0.06 * median_mm)
    if float(np.mean(~kept)) > _MOST_FOREIGN:
        raise CannotCalibrate(
            "mixed", f"round objects of different sizes are in it, about {median_mm:.0f} mm and not"
        )
    planes, rough = planes[kept], rough[kept]
    if planes.size < 3:
        raise CannotCalibrate("no_phantom", "what is round is not so in at least 3 planes")
    start = rough[:, :2] + [scene.x_mm[0], scene.y_mm[0]]
    fitted = np.array(
        [
            _fit_edge(scene, int(plane), center, median_mm, level)
            for plane, center in zip(planes, start, strict=True)
        ]
    )
    sound = np.isfinite(fitted[:, 2])
    if int(sound.sum()) < 3:
        raise CannotCalibrate("no_phantom", "the round object's edge is in too few planes")
    planes, fitted = planes[sound], fitted[sound]
    axis_x, error_x = _line_through(scene.z_mm[planes], fitted[:, 0])
    axis_y, error_y = _line_through(scene.z_mm[planes], fitted[:, 1])
    centers = np.stack([np.polyval(axis_x, scene.z_mm), np.polyval(axis_y, scene.z_mm)], axis=1)
    radius_sd = float(1.4826 * np.median(np.abs(fitted[:, 2] - np.median(fitted[:, 2]))))
    return Body(
        planes=planes,
        center_mm=centers,
        radius_mm=float(np.median(fitted[:, 2])),
        radius_sd_mm=radius_sd,
        radius_se_mm=float(1.2533 * radius_sd / np.sqrt(len(planes))),
        tilt_deg=(
            float(np.degrees(np.arctan(axis_y[0]))),
            float(np.degrees(np.arctan(axis_x[0]))),
        ),
        # Angles are small: the slope's error is the angle's.
        tilt_se_deg=(float(np.degrees(error_y)), float(np.degrees(error_x))),
        edge_sigma_mm=_usual_blur(scene, planes, fitted),
    )


def _refuse_scales(coarse: NDArray[np.float32]) -> None:
    """Refuse planes that differ in their scale, by the air in each of them."""
    some = coarse[:, ::3, ::3].reshape(len(coarse), -1)
    air = np.percentile(np.where(some > LOWEST_HU, some, np.inf), 5, axis=1, method="lower")
    off = np.abs(air - np.median(air)) > _MOST_AIR_APART_HU
    if float(np.mean(off)) > _MOST_FOREIGN:
        raise CannotCalibrate(
            "mixed", "planes differ in their scale: air is not the same in all of them"
        )


def _coarsen(scene: Scene, *, every: int = 1) -> tuple[NDArray[np.float32], float]:
    row_mm, column_mm = scene.pixel_spacing_mm
    by = max(1, round(_GRID_MM / row_mm)), max(1, round(_GRID_MM / column_mm))
    rows, columns = (
        size // step * step for size, step in zip(scene.values.shape[1:], by, strict=True)
    )
    values = scene.values[::every, :rows, :columns]
    # Two of a block's rows and columns: fewer would leave the edge to noise, all cost twice.
    lines = np.add(values[:, :: by[0]], values[:, by[0] // 2 :: by[0]], dtype=np.float32)
    coarse: NDArray[np.float32] = lines[..., :: by[1]] + lines[..., by[1] // 2 :: by[1]]
    coarse *= np.float32(0.25)
    # What is no number is taken to lie outside of the image.
    return np.fmax(coarse, np.float32(LOWEST_HU)), by[1] * column_mm


def _edge_level(coarse: NDArray[np.float32]) -> float:
    """Return the value halfway from air to the body, whatever the scale's offset is."""
    some = coarse[:: max(1, len(coarse) // 12)]
    some = some[some > LOWEST_HU]
    if some.size == 0:
        raise CannotCalibrate("no_phantom", "the volume holds nothing but padding")
    air, body = np.percentile(some, [2, 90])
    planes = coarse[len(coarse) // 4 : max(len(coarse) // 4 + 1, 3 * len(coarse) // 4)]
    middle = planes[:, planes.shape[1] // 3 : -(planes.shape[1] // 3) or None]
    body = max(float(body), float(np.median(middle)))
    if body - air < _LEAST_AIR_TO_BODY_HU:
        raise CannotCalibrate("no_phantom", "no border between air and an object is there")
    return float(air + 0.6 * (body - air))


def _circle_of(
    plane: NDArray[np.float32], level: float, step_mm: float
) -> tuple[float, float, float] | None:
    """Return (x, y, radius) in mm from the first pixel, of the largest thing if it is round."""
    mask = ndimage.binary_fill_holes(plane > level)
    circle = _largest_circle(mask, step_mm, _SURE_ROUNDNESS)
    if circle is not None:
        return circle
    # A table that touches is opened away, which costs more than all else.
    reach = max(1, round(_TABLE_MM / step_mm))
    y, x = np.ogrid[-reach : reach + 1, -reach : reach + 1]
    opened = ndimage.binary_opening(mask, structure=np.hypot(x, y) <= reach)
    return _largest_circle(opened, step_mm, _LEAST_ROUNDNESS)


def _largest_circle(
    mask: NDArray[np.bool_], step_mm: float, least: float
) -> tuple[float, float, float] | None:
    labels, count = ndimage.label(mask)
    if count == 0:
        return None
    sizes = np.bincount(labels.ravel())[1:]
    rows, columns = np.nonzero(labels == int(sizes.argmax()) + 1)
    radius = float(np.sqrt(rows.size / np.pi))
    center = float(columns.mean()), float(rows.mean())
    within = np.hypot(columns - center[0], rows - center[1]) <= radius
    if float(within.mean()) < least:
        return None
    if not _LEAST_RADIUS_MM <= radius * step_mm <= _MOST_RADIUS_MM:
        return None
    # A coarse pixel's centre lies half a coarse pixel in.
    half = step_mm / 2
    return center[0] * step_mm + half, center[1] * step_mm + half, radius * step_mm


def _fit_edge(
    scene: Scene, plane: int, center: NDArray[np.float64], radius_mm: float, level: float
) -> tuple[float, float, float]:
    """Return (x, y, radius) in mm by the edge along rays; NaN where there is none."""
    angles = np.arange(_RAYS) * (2 * np.pi / _RAYS)
    steps = np.arange(radius_mm - 8.0, radius_mm + 8.0, 0.25)
    x = center[0] + np.cos(angles)[:, None] * steps
    y = center[1] + np.sin(angles)[:, None] * steps
    rays = scene.sample(plane, x, y)
    inside = rays[:, : steps.size // 4]
    outside = rays[:, -steps.size // 8 :]
    with np.errstate(invalid="ignore"):
        high, low = np.median(inside, axis=1), np.median(outside, axis=1)
    half = (high + low) / 2
    clear = np.isfinite(rays).all(axis=1) & (high > level) & (low < level)
    if int(clear.sum()) < _RAYS // 3:
        return (np.nan,) * 3
    rays, half, angles = rays[clear], half[clear], angles[clear]
    below = rays < half[:, None]
    first = below.argmax(axis=1)
    good = (first > 0) & below.any(axis=1)
    rays, half, angles, first = rays[good], half[good], angles[good], first[good]
    lines = np.arange(first.size)
    before, after = rays[lines, first - 1], rays[lines, first]
    at = steps[first - 1] + 0.25 * (before - half) / np.maximum(before - after, 1e-6)
    points = np.stack([center[0] + at * np.cos(angles), center[1] + at * np.sin(angles)], axis=1)
    return _circle_through(points)


def _usual_blur(scene: Scene, planes: NDArray[np.intp], fitted: NDArray[np.float64]) -> float:
    some = slice(None, None, max(1, len(planes) // _BLUR_PLANES))
    blurs = [
        _blur_of(scene, int(plane), (float(x), float(y), float(radius)))
        for plane, (x, y, radius) in zip(planes[some], fitted[some], strict=True)
    ]
    sound = [blur for blur in blurs if np.isfinite(blur)]
    if not sound:
        raise CannotCalibrate("no_phantom", "the round object has no clear edge to the air")
    return float(np.median(sound))


def _blur_of(scene: Scene, plane: int, circle: tuple[float, float, float]) -> float:
    """Return the sigma of a Gaussian that would blur the outer edge so, mm.

    The rays are averaged about the circle first: a single ray's steepest place is noise.
    """
    x0, y0, radius = circle
    angles = np.arange(_RAYS) * (2 * np.pi / _RAYS)
    steps = np.arange(radius - 5.0, radius + 5.0, 0.125)
    rays = scene.sample(
        plane, x0 + np.cos(angles)[:, None] * steps, y0 + np.sin(angles)[:, None] * steps
    )
    edge = np.nanmedian(rays, axis=0)
    high, low = np.median(edge[:16]), np.median(edge[-16:])
    share = (edge - low) / (high - low)
    falling = np.flatnonzero((share[:-1] >= 0.5) & (share[1:] < 0.5))
    if falling.size == 0:
        return float("nan")
    middle = int(falling[0])
    # Of a Gaussian's edge 15.87 % lies beyond one sigma on either side.
    inner = np.flatnonzero(share[: middle + 1] >= 0.8413)
    outer = np.flatnonzero(share[middle:] <= 0.1587)
    if inner.size == 0 or outer.size == 0:
        return float("nan")
    return float(steps[middle + outer[0]] - steps[inner[-1]]) / 2


def _circle_through(points: NDArray[np.float64]) -> tuple[float, float, float]:
    """Return the least squares circle (x, y, radius) without what lies off it, such as a table."""
    kept = np.ones(len(points), bool)
    solution = np.zeros(3)
    for _ in range(4):
        x, y = points[kept].T
        system = np.stack([x, y, np.ones_like(x)], axis=1)
        solution = np.linalg.lstsq(system, x * x + y * y, rcond=None)[0]
        center = solution[:2] / 2
        radius = float(np.sqrt(solution[2] + center @ center))
        off = np.abs(np.hypot(*(points - center).T) - radius)
        limit = max(0.15, 3 * 1.4826 * float(np.median(off)))
        if bool((kept == (off <= limit)).all()):
            break
        kept = off <= limit
    return float(center[0]), float(center[1]), radius


def _line_through(
    z_mm: NDArray[np.float64], at_mm: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float]:
    """Return (slope, intercept) of a line, outliers left out, and the slope's standard error."""
    kept = np.ones(z_mm.size, bool)
    line = np.array([0.0, float(np.median(at_mm))])
    for _ in range(4):
        if int(kept.sum()) < 3 or np.ptp(z_mm[kept]) < 1e-6:
            break
        line = np.polyfit(z_mm[kept], at_mm[kept], 1)
        off = np.abs(at_mm - np.polyval(line, z_mm))
        kept = off <= max(0.1, 3 * 1.4826 * float(np.median(off)))
    spread = z_mm[kept] - z_mm[kept].mean()
    if int(kept.sum()) < 4 or not bool(spread.any()):
        return line, float("nan")
    residual = (at_mm - np.polyval(line, z_mm))[kept]
    variance = float(residual @ residual) / (residual.size - 2)
    return line, float(np.sqrt(variance / (spread @ spread)))
