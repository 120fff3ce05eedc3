"""Blurred discs, bars and noise: what a reconstructed phantom is drawn from."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import NDArray
from scipy.special import erf

__all__ = ["Canvas", "NoisePower", "ct_noise_power", "filtered_noise"]

type Plane = NDArray[np.float32]
#: Frequency in mm⁻¹ → power, in any unit.
type NoisePower = Callable[[NDArray[Any]], NDArray[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Canvas:
    """The pixel grid of a plane, in millimetres from the phantom's centre.

    x grows with the columns and y with the rows; an angle is measured from x towards y. Edges
    are error functions of the distance: those of a disc blurred by a Gaussian of
    `blur_sigma_mm`, which holds where the radius is some sigmas.
    """

    rows: int
    columns: int
    pixel_spacing_mm: tuple[float, float]  # (row, column), as in PixelSpacing
    center_mm: tuple[float, float]  # (x, y) of the phantom's centre from the first pixel's centre
    roll_deg: float
    blur_sigma_mm: float

    def place(self, radius_mm: float, angle_deg: float) -> tuple[float, float]:
        """Return (x, y) in mm of a point in the phantom, its roll included."""
        angle = math.radians(angle_deg + self.roll_deg)
        return radius_mm * math.cos(angle), radius_mm * math.sin(angle)

    def set_disc(
        self, plane: Plane, place_mm: tuple[float, float], radius_mm: float, value: float
    ) -> None:
        """Blend a disc of one value into a plane, in place."""
        window, x, y = self._around(place_mm, radius_mm)
        inside = self._edge(radius_mm - np.hypot(x, y))
        plane[window] += inside * (np.float32(value) - plane[window])

    def set_bar(
        self,
        plane: Plane,
        place_mm: tuple[float, float],
        size_mm: tuple[float, float],
        angle_deg: float,
        value: float,
    ) -> None:
        """Blend a bar of (length, width) whose length runs along an angle, in place."""
        length, width = size_mm
        window, x, y = self._around(place_mm, math.hypot(length, width) / 2)
        angle = math.radians(angle_deg + self.roll_deg)
        along = x * math.cos(angle) + y * math.sin(angle)
        across = y * math.cos(angle) - x * math.sin(angle)
        inside = self._band(along, length / 2) * self._band(across, width / 2)
        plane[window] += inside * (np.float32(value) - plane[window])

    def positions_mm(self) -> tuple[Plane, Plane]:
        """Return x and y of the pixels from the phantom's centre, to be broadcast together."""
        _, x, y = self._around((0.0, 0.0), math.inf)
        return x, y

    def _around(
        self, place_mm: tuple[float, float], reach_mm: float
    ) -> tuple[tuple[slice, slice], Plane, Plane]:
        """Return the pixels that a shape can change, and their x and y from its centre."""
        margin = reach_mm + 5 * self.blur_sigma_mm
        axes = []
        for count, spacing, center in (
            (self.rows, self.pixel_spacing_mm[0], self.center_mm[1] + place_mm[1]),
            (self.columns, self.pixel_spacing_mm[1], self.center_mm[0] + place_mm[0]),
        ):
            first = max(0, math.ceil(max(center - margin, 0.0) / spacing))
            stop = max(first, min(count, math.floor(min(center + margin, 1e6) / spacing) + 1))
            positions = (np.arange(first, stop) * spacing - center).astype(np.float32)
            axes.append((slice(first, stop), positions))
        (rows, y), (columns, x) = axes
        return (rows, columns), x[None, :], y[:, None]

    def _edge(self, depth_mm: NDArray[Any]) -> Plane:
        scaled = depth_mm / np.float32(self.blur_sigma_mm * math.sqrt(2))
        inside: Plane = np.float32(0.5) * (1 + erf(scaled))
        return inside

    def _band(self, distance_mm: NDArray[Any], half_mm: float) -> Plane:
        # Both edges summed, not multiplied: exact where the band is as thin as the blur.
        band: Plane = self._edge(half_mm - distance_mm) + self._edge(half_mm + distance_mm) - 1
        return band


def ct_noise_power(frequency: NDArray[Any]) -> NDArray[Any]:
    """Return the power of a CT's noise, sqrt(f)·exp(-(f/0.6)²), of frequencies in mm⁻¹."""
    power: NDArray[Any] = np.sqrt(frequency) * np.exp(-((frequency / 0.6) ** 2))
    return power


def filtered_noise(
    rng: np.random.Generator,
    shape: tuple[int, int],
    pixel_spacing_mm: tuple[float, float],
    *,
    power: NoisePower = ct_noise_power,
) -> Plane:
    """Return noise of unit variance with a power spectrum, by default a CT's.

    Parameters
    ----------
    shape
        (rows, columns).
    pixel_spacing_mm
        (row, column).
    power
        Of frequencies in mm⁻¹; only its shape counts.
    """
    rows, columns = shape
    vertical = scipy.fft.fftfreq(rows, pixel_spacing_mm[0])[:, None]
    horizontal = scipy.fft.rfftfreq(columns, pixel_spacing_mm[1])[None, :]
    frequency = np.hypot(vertical, horizontal)
    shares = power(frequency)
    # Columns of a half spectrum stand for two, but the first and, of an even count, the last.
    weight = np.full(frequency.shape[1], 2.0)
    weight[0] = 1
    if columns % 2 == 0:
        weight[-1] = 1
    amplitude = np.sqrt(shares * (rows * columns) / (shares * weight).sum()).astype(np.float32)
    halves = rng.standard_normal((2, *frequency.shape), np.float32)
    spectrum = np.empty(frequency.shape, np.complex64)
    spectrum.real, spectrum.imag = halves * (amplitude * np.float32(math.sqrt(0.5)))
    noise: Plane = scipy.fft.irfft2(spectrum, s=shape, norm="ortho", overwrite_x=True, workers=1)
    return noise
