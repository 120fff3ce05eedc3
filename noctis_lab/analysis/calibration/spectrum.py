"""The noise power spectrum of a plain module."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from noctis_lab.analysis.calibration.body import Body
from noctis_lab.analysis.calibration.scene import Scene
from noctis_lab.errors import CannotCalibrate

__all__ = ["NoiseSpectrum", "measure_spectrum"]

_ROI_MM = 30.0
_LEAST_PIXELS = 16
_RING_SHARE = 0.5  # where the regions' ring lies, of the body's radius
_LEAST_RING = 8
_REACH_SHARE = 0.9  # no region's corner is farther out
_LEAST_PLANES = 3
_LEAST_NOISE_HU = 0.5
_FOREIGN_SD = 7.0  # a pixel so far off is a bead, not noise
_LEAST_KEPT = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseSpectrum:
    """A noise power spectrum in the plane, averaged over directions.

    Attributes
    ----------
    frequency_mm
        ndarray of float64, shape (n,): the bins' mean frequencies, mm⁻¹, ascending to Nyquist's.
    nps, nps_se
        ndarray of float64, shape (n,): HU² mm², and standard errors from how planes differ. The
        lowest bin is short of what the removed shading takes with it.
    variance_hu2, variance_se
        The spectrum's integral over the plane of frequencies, which is the pixels' variance.
    peak_mm, peak_se
        Where it is highest, mm⁻¹, by a parabola through the three bins there.
    mean_mm, mean_se
        Its mean frequency, mm⁻¹.
    source
        Where it was measured.
    roi_mm, regions, planes
        Side of a region (rows, columns), how many a plane, and how many planes.
    """

    frequency_mm: NDArray[np.float64]
    nps: NDArray[np.float64]
    nps_se: NDArray[np.float64]
    variance_hu2: float
    variance_se: float
    peak_mm: float
    peak_se: float
    mean_mm: float
    mean_se: float
    source: str
    roi_mm: tuple[float, float]
    regions: int
    planes: int


def measure_spectrum(
    scene: Scene, body: Body, planes: NDArray[np.intp], *, source: str
) -> NoiseSpectrum:
    """Measure the noise power spectrum in some planes of a plain module.

    Raises
    ------
    CannotCalibrate
        ``too_few_planes``; ``partial``: no region is wholly in the image; ``coarse``: a region has
        too few pixels; ``no_noise``: the values do not vary by half a unit; ``not_plain``: things
        are in most regions.

    Notes
    -----
    Squares of 30 mm in the middle and on a ring, a surface of second degree taken out of each; the
    spectrum is the mean square of their transforms, times the area of a pixel, by their number.

    References
    ----------
    AAPM TG-233 (2019); IEC 61223-3-5:2019; Boedeker et al., Phys. Med. Biol. 52 (2007) 4027.
    """
    if len(planes) < _LEAST_PLANES:
        raise CannotCalibrate(
            "too_few_planes",
            f"the spectrum's error needs {_LEAST_PLANES} plain planes, came {len(planes)}",
        )
    count = _pixels_of(scene)
    offsets = _places(body, count, scene)
    shading = _shading(count)
    noise = [
        _without_shading(_regions(scene, body, int(plane), offsets, count), shading)
        for plane in planes
    ]
    _refuse_strange(noise)
    row_mm, column_mm = scene.pixel_spacing_mm
    spectra = np.stack([_power(of_plane) for of_plane in noise]) * (row_mm * column_mm)
    frequency = np.hypot(
        np.fft.fftfreq(count[0], row_mm)[:, None], np.fft.fftfreq(count[1], column_mm)[None]
    )
    mids, radial = _radial(frequency, spectra, count, scene)
    area = 1 / (count[0] * row_mm * count[1] * column_mm)
    variances = spectra.sum(axis=(1, 2)) * area
    means = (spectra * frequency).sum(axis=(1, 2)) / spectra.sum(axis=(1, 2))
    whole = radial.mean(axis=0)
    # A plane's own peak is a matter of luck: leaving planes out in turn tells the error.
    peaks = np.array(
        [_peak(mids, np.delete(radial, n, 0).mean(axis=0)) for n in range(len(radial))]
    )
    return NoiseSpectrum(
        frequency_mm=mids,
        nps=whole,
        nps_se=_error_of(radial),
        variance_hu2=float(variances.mean()),
        variance_se=float(_error_of(variances)),
        peak_mm=_peak(mids, whole),
        peak_se=float((len(peaks) - 1) / np.sqrt(len(peaks)) * peaks.std()),
        mean_mm=float(means.mean()),
        mean_se=float(_error_of(means)),
        source=source,
        roi_mm=(count[0] * row_mm, count[1] * column_mm),
        regions=len(offsets),
        planes=len(planes),
    )


def _pixels_of(scene: Scene) -> tuple[int, int]:
    rows, columns = (max(1, 2 * round(_ROI_MM / step / 2)) for step in scene.pixel_spacing_mm)
    if min(rows, columns) < _LEAST_PIXELS:
        raise CannotCalibrate(
            "coarse", f"a region of {_ROI_MM:.0f} mm needs {_LEAST_PIXELS} pixels a side"
        )
    return rows, columns


def _places(body: Body, count: tuple[int, int], scene: Scene) -> NDArray[np.float64]:
    """Return regions' middles from the axis, (x, y) mm: one in the middle, others about it."""
    row_mm, column_mm = scene.pixel_spacing_mm
    half = np.hypot(count[0] * row_mm, count[1] * column_mm) / 2
    distance = min(_RING_SHARE * body.radius_mm, _REACH_SHARE * body.radius_mm - half)
    if distance < half:
        return np.zeros((1, 2))
    angles = np.arange(_LEAST_RING) * (2 * np.pi / _LEAST_RING)
    ring = distance * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return np.concatenate([np.zeros((1, 2)), ring])


def _regions(
    scene: Scene,
    body: Body,
    plane: int,
    offsets: NDArray[np.float64],
    count: tuple[int, int],
) -> NDArray[np.float64]:
    """Return a plane's regions, shape (regions, rows, columns)."""
    row_mm, column_mm = scene.pixel_spacing_mm
    parts = []
    for offset in offsets:
        x, y = body.center_mm[plane] + offset
        row = round((y - float(scene.y_mm[0])) / row_mm) - count[0] // 2
        column = round((x - float(scene.x_mm[0])) / column_mm) - count[1] // 2
        part = scene.part(
            plane,
            slice(max(row, 0), max(row + count[0], 0)),
            slice(max(column, 0), max(column + count[1], 0)),
        )
        if part.shape != count or not bool(np.isfinite(part).all()):
            raise CannotCalibrate("partial", "a region of the noise is not wholly in the image")
        parts.append(part.astype(np.float64))
    return np.stack(parts)


def _shading(count: tuple[int, int]) -> NDArray[np.float64]:
    """Return an orthonormal base of surfaces of second degree, shape (pixels, 6)."""
    y, x = np.meshgrid(np.linspace(-1, 1, count[0]), np.linspace(-1, 1, count[1]), indexing="ij")
    surfaces = np.stack([np.ones_like(x), x, y, x * y, x * x, y * y]).reshape(6, -1)
    base: NDArray[np.float64] = np.linalg.qr(surfaces.T)[0]
    return base


def _without_shading(
    regions: NDArray[np.float64], shading: NDArray[np.float64]
) -> NDArray[np.float64]:
    flat = regions.reshape(len(regions), -1)
    flat = flat - (flat @ shading) @ shading.T
    return flat.reshape(regions.shape)


def _refuse_strange(noise: Sequence[NDArray[np.float64]]) -> None:
    every = np.stack(noise)
    usual = float(np.sqrt(np.median(np.mean(every**2, axis=(2, 3)))))
    if usual < _LEAST_NOISE_HU:
        raise CannotCalibrate(
            "no_noise", f"values vary by {usual:.2f} HU: that is rounding, not a scanner's noise"
        )
    plain = np.abs(every).max(axis=(2, 3)) < _FOREIGN_SD * usual
    if float(plain.mean()) < _LEAST_KEPT:
        raise CannotCalibrate("not_plain", "things are in most regions of the plain module")
    for of_plane, is_plain in zip(noise, plain, strict=True):
        # A bead's region gives way to the others' mean, so that planes stay alike.
        of_plane[~is_plain] = np.nan


def _power(noise: NDArray[np.float64]) -> NDArray[np.float64]:
    kept = noise[np.isfinite(noise).all(axis=(1, 2))]
    if len(kept) == 0:
        raise CannotCalibrate("not_plain", "things are in all regions of a plane")
    power: NDArray[np.float64] = np.mean(np.abs(np.fft.fft2(kept)) ** 2, axis=0)
    power /= noise.shape[1] * noise.shape[2]
    return power


def _radial(
    frequency: NDArray[np.float64],
    spectra: NDArray[np.float64],
    count: tuple[int, int],
    scene: Scene,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the bins' frequencies, shape (n,), and the planes' means in them, (planes, n)."""
    row_mm, column_mm = scene.pixel_spacing_mm
    step = 1 / min(count[0] * row_mm, count[1] * column_mm)
    nyquist = 0.5 / max(row_mm, column_mm)
    at = np.floor(frequency / step + 0.5).astype(int)
    bins = int(np.floor(nyquist / step)) + 1
    wanted = (at > 0) & (at < bins) & (frequency <= nyquist)  # 0 is the mean, which is removed
    number = np.bincount(at[wanted], minlength=bins)[1:]
    mids = np.bincount(at[wanted], frequency[wanted], bins)[1:] / number
    radial = np.stack(
        [np.bincount(at[wanted], of_plane[wanted], bins)[1:] / number for of_plane in spectra]
    )
    return mids, radial


def _peak(frequency: NDArray[np.float64], power: NDArray[np.float64]) -> float:
    at = int(power.argmax())
    if at in (0, power.size - 1):
        return float(frequency[at])
    a, b, _ = np.polyfit(frequency[at - 1 : at + 2] - frequency[at], power[at - 1 : at + 2], 2)
    return float(frequency[at] - b / (2 * a)) if a < 0 else float(frequency[at])


def _error_of(planes: NDArray[np.float64]) -> NDArray[np.float64]:
    errors: NDArray[np.float64] = planes.std(axis=0, ddof=1) / np.sqrt(len(planes))
    return errors
