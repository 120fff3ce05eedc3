"""The modulation transfer function of round edges: radial edge profiles, oversampled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from noctis_lab.analysis.calibration.scene import Scene
from noctis_lab.errors import CannotCalibrate

__all__ = ["Circle", "Mtf", "measure_edge"]

_BIN_MM = 0.1
_SECTORS = 12
_BLOCKS = 4  # groups of sectors a plane is left out by, for the errors
_FREQUENCIES = 64
_ROUNDS = 3
_FLAT = 0.5  # of the window about the edge that is not tapered
_LEAST_CONTRAST_TO_NOISE = 15.0
_MOST_EMPTY = 0.2
_FLOOR_HU = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class Circle:
    """A round edge in one plane: its index, the centre (x, y) in mm, patient LPS."""

    plane: int
    center_mm: tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mtf:
    """A modulation transfer function in the plane.

    Attributes
    ----------
    source
        Whose edge it is.
    frequency_mm
        ndarray of float64, shape (64,): mm⁻¹, from 0 to the pixels' Nyquist frequency.
    mtf, mtf_se
        ndarray of float64, shape (64,): 1 at frequency 0, and standard errors by the jackknife
        over quarters of the circle and planes.
    f50, f50_se, f10, f10_se
        Where it falls to a half and to a tenth, mm⁻¹; NaN where that is beyond the pixels' Nyquist
        frequency.
    contrast_hu
        Inside of the edge less outside.
    contrast_to_noise
        In size, over all planes together.
    planes
        How many were read.
    """

    source: str
    frequency_mm: NDArray[np.float64]
    mtf: NDArray[np.float64]
    mtf_se: NDArray[np.float64]
    f50: float
    f50_se: float
    f10: float
    f10_se: float
    contrast_hu: float
    contrast_to_noise: float
    planes: int


@dataclass(frozen=True, slots=True)
class _Samples:
    """Pixels about an edge: distance from the circle, angle, value, and which plane."""

    x_mm: NDArray[np.float64]
    y_mm: NDArray[np.float64]
    values: NDArray[np.float64]
    plane: NDArray[np.intp]


def measure_edge(
    scene: Scene, circles: Sequence[Circle], *, radius_mm: float, reach_mm: float, source: str
) -> Mtf:
    """Measure the modulation transfer function of an edge, one circle a plane.

    Parameters
    ----------
    radius_mm
        Of the circle; it is refined, as its centre is.
    reach_mm
        How far on either side of the edge there is nothing else.

    Raises
    ------
    CannotCalibrate
        ``clipped``: pixels are at the end of the scale. ``low_contrast``: the edge is not clear of
        the noise. ``coarse``: there are too few pixels. ``partial``: it is not in the image.

    Notes
    -----
    Pixels are sorted by their distance from the circle into bins of 0.1 mm, as ISO 12233 does
    across a slanted edge; the profile's derivative, tapered at both ends, is transformed. What the
    bins and the difference blur is divided out.

    References
    ----------
    ISO 12233; Richard et al., Med. Phys. 39 (2012) 4115 (round edges, task transfer function).
    """
    samples = _samples_of(scene, circles, radius_mm, reach_mm)
    center, radius = _refine(samples, radius_mm, reach_mm)
    sums, counts = _profiles(samples, center, radius, reach_mm)
    contrast, ratio = _contrast_of(samples, center, radius, reach_mm)
    if abs(ratio) < _LEAST_CONTRAST_TO_NOISE:
        raise CannotCalibrate(
            "low_contrast",
            f"the edge of {source} is {abs(ratio):.0f} times the noise, "
            f"{_LEAST_CONTRAST_TO_NOISE:.0f} are expected",
        )
    nyquist = 0.5 / max(scene.pixel_spacing_mm)
    frequency: NDArray[np.float64] = np.linspace(0.0, nyquist, _FREQUENCIES)
    # All but one block, for each block, and all of them: the jackknife at once.
    kept_sums = np.concatenate([sums.sum(axis=0)[None], sums.sum(axis=0) - sums])
    kept_counts = np.concatenate([counts.sum(axis=0)[None], counts.sum(axis=0) - counts])
    curves = _transform(_esf(kept_sums, kept_counts), frequency, reach_mm)
    whole, parts = curves[0], curves[1:]
    f50 = np.array([_falls_to(frequency, curve, 0.5) for curve in curves])
    f10 = np.array([_falls_to(frequency, curve, 0.1) for curve in curves])
    return Mtf(
        source=source,
        frequency_mm=frequency,
        mtf=whole,
        mtf_se=_jackknife(parts),
        f50=float(f50[0]),
        f50_se=float(_jackknife(f50[1:])),
        f10=float(f10[0]),
        f10_se=float(_jackknife(f10[1:])),
        contrast_hu=contrast,
        contrast_to_noise=abs(ratio),
        planes=len(circles),
    )


def _samples_of(
    scene: Scene, circles: Sequence[Circle], radius_mm: float, reach_mm: float
) -> _Samples:
    parts = []
    outer = radius_mm + reach_mm + 0.5
    inner = max(0.0, radius_mm - reach_mm - 0.5)
    for number, circle in enumerate(circles):
        x0, y0 = circle.center_mm
        rows = np.flatnonzero(np.abs(scene.y_mm - y0) <= outer)
        columns = np.flatnonzero(np.abs(scene.x_mm - x0) <= outer)
        if rows.size < 4 or columns.size < 4:
            raise CannotCalibrate("partial", "the edge is not wholly in the image")
        window = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
        part = scene.part(circle.plane, *window).astype(np.float64)
        y, x = np.meshgrid(scene.y_mm[rows] - y0, scene.x_mm[columns] - x0, indexing="ij")
        distance = np.hypot(x, y)
        near = (distance <= outer) & (distance >= inner)
        values = part[near]
        if not bool(np.isfinite(values).all()):
            raise CannotCalibrate("partial", "the edge is not wholly in the image")
        if float(np.mean(values <= scene.floor_hu[circle.plane] + _FLOOR_HU)) > 0:
            raise CannotCalibrate("clipped", "pixels at the edge are at the lowest stored value")
        parts.append((x[near], y[near], values, np.full(values.size, number, np.intp)))
    return _Samples(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def _refine(
    samples: _Samples, radius_mm: float, reach_mm: float
) -> tuple[NDArray[np.float64], float]:
    """Return the centre (x, y) and the radius that the edge itself has, mm.

    In each sector the edge lies where a step of the same area would: blur does not move that.
    """
    center, radius = np.zeros(2), radius_mm
    angles = (np.arange(_SECTORS) + 0.5) * (2 * np.pi / _SECTORS)
    system = np.stack([np.cos(angles), np.sin(angles), np.ones(_SECTORS)], axis=1)
    edges = np.linspace(-reach_mm, reach_mm, 2 * round(reach_mm / _BIN_MM) // 4 + 1)
    middles, width = (edges[:-1] + edges[1:]) / 2, edges[1] - edges[0]
    for _ in range(_ROUNDS):
        x, y = samples.x_mm - center[0], samples.y_mm - center[1]
        off = np.hypot(x, y) - radius
        sector = (np.arctan2(y, x) % (2 * np.pi) / (2 * np.pi) * _SECTORS).astype(int) % _SECTORS
        at = np.clip(((off + reach_mm) / width).astype(int), 0, middles.size - 1)
        inside = np.abs(off) < reach_mm
        flat = (sector * middles.size + at)[inside]
        total = np.bincount(flat, samples.values[inside], _SECTORS * middles.size)
        count = np.bincount(flat, minlength=_SECTORS * middles.size)
        with np.errstate(invalid="ignore"):
            profile = (total / count).reshape(_SECTORS, -1)
        tail = max(2, middles.size // 5)
        whole = total.reshape(_SECTORS, -1).sum(axis=0) / np.maximum(
            count.reshape(_SECTORS, -1).sum(axis=0), 1
        )
        high, low = whole[:tail].mean(), whole[-tail:].mean()
        if abs(high - low) < 1.0:
            raise CannotCalibrate("low_contrast", "there is no edge")
        # Where a sector has no pixel of its own it is taken to be as the others are.
        share = (np.where(np.isfinite(profile), profile, whole) - low) / (high - low)
        moved = share.sum(axis=1) * width - reach_mm
        step = np.linalg.lstsq(system, moved, rcond=None)[0]
        center, radius = center + step[:2], radius + float(step[2])
    if float(np.hypot(*center)) > reach_mm / 2 or abs(radius - radius_mm) > reach_mm / 2:
        raise CannotCalibrate("no_edge", "the edge is not where it should be")
    return center, radius


def _profiles(
    samples: _Samples, center: NDArray[np.float64], radius: float, reach_mm: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return sums and counts of pixels, shape (blocks, bins)."""
    x, y = samples.x_mm - center[0], samples.y_mm - center[1]
    bins = 2 * round(reach_mm / _BIN_MM)
    at = np.floor((np.hypot(x, y) - radius) / _BIN_MM).astype(int) + bins // 2
    quarter = (np.arctan2(y, x) % (2 * np.pi) / (2 * np.pi) * _BLOCKS).astype(int) % _BLOCKS
    block = samples.plane * _BLOCKS + quarter
    inside = (at >= 0) & (at < bins)
    blocks = _BLOCKS * (int(samples.plane.max()) + 1)
    flat = block[inside] * bins + at[inside]
    sums = np.bincount(flat, samples.values[inside], blocks * bins).reshape(blocks, bins)
    counts = np.bincount(flat, minlength=blocks * bins).reshape(blocks, bins)
    if float(np.mean(counts.sum(axis=0) == 0)) > _MOST_EMPTY:
        raise CannotCalibrate("coarse", "too few pixels lie about the edge")
    return sums, counts.astype(np.float64)


def _contrast_of(
    samples: _Samples, center: NDArray[np.float64], radius: float, reach_mm: float
) -> tuple[float, float]:
    """Return the contrast, HU, and how many times the noise of all planes' mean it is."""
    off = np.hypot(samples.x_mm - center[0], samples.y_mm - center[1]) - radius
    inner = samples.values[off < -reach_mm / 2]
    outer = samples.values[(off > reach_mm / 2) & (off < reach_mm)]
    if min(inner.size, outer.size) < 8:
        raise CannotCalibrate("coarse", "too few pixels lie about the edge")
    contrast = float(np.median(inner) - np.median(outer))
    noise = max(float(inner.std()), float(outer.std()), 1e-3)
    return contrast, contrast / noise * float(np.sqrt(int(samples.plane.max()) + 1))


def _esf(sums: NDArray[np.float64], counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return edge profiles, empty bins filled by a line between their neighbours."""
    at = np.arange(sums.shape[1])
    profiles = np.empty_like(sums)
    for row, (total, count) in enumerate(zip(sums, counts, strict=True)):
        full = count > 0
        profiles[row] = np.interp(at, at[full], total[full] / count[full])
    return profiles


def _transform(
    esf: NDArray[np.float64], frequency: NDArray[np.float64], reach_mm: float
) -> NDArray[np.float64]:
    line = np.diff(esf, axis=1)
    # What the tails still fall by is shading, not blur.
    quarter = max(2, line.shape[1] // 8)
    tails = np.concatenate([line[:, :quarter], line[:, -quarter:]], axis=1)
    line = line - np.median(tails, axis=1, keepdims=True)
    at: NDArray[np.float64] = (np.arange(line.shape[1]) + 1) * _BIN_MM - reach_mm
    share = np.abs(at) / reach_mm
    taper = np.where(share <= _FLAT, 1.0, 0.5 * (1 + np.cos(np.pi * (share - _FLAT) / (1 - _FLAT))))
    spread = (line * taper) @ np.exp(-2j * np.pi * at[:, None] * frequency[None])
    size = np.abs(spread) / np.abs(spread[:, :1])
    # Means over bins, and differences of neighbours, each blur by a box of a bin's width.
    curves: NDArray[np.float64] = size / np.sinc(frequency * _BIN_MM) ** 2
    return curves


def _falls_to(frequency: NDArray[np.float64], curve: NDArray[np.float64], level: float) -> float:
    below = np.flatnonzero(curve < level)
    if below.size == 0 or below[0] == 0:
        return float("nan")
    at = int(below[0])
    share = (curve[at - 1] - level) / (curve[at - 1] - curve[at])
    return float(frequency[at - 1] + share * (frequency[at] - frequency[at - 1]))


def _jackknife(parts: NDArray[np.float64]) -> NDArray[np.float64]:
    count = len(parts)
    errors: NDArray[np.float64] = np.sqrt(
        (count - 1) / count * np.sum((parts - parts.mean(axis=0)) ** 2, axis=0)
    )
    return errors
