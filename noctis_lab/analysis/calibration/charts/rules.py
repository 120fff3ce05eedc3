"""The rules of a control chart: a statistic of the scans so far, and how far it may go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from noctis_lab.errors import CannotCalibrate

__all__ = ["EWMA", "RULES", "SHEWHART", "ControlRule"]

_WIDEST = 100.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlRule:
    """An exponentially weighted moving average with limits.

    With all weight on the newest scan it is Shewhart's. z₀ = 0 and zᵢ = λ·xᵢ + (1 − λ)·zᵢ₋₁, x in
    standard deviations from the centre. The limits are the exact ones,
    ±L·√(λ/(2 − λ)·(1 − (1 − λ)²ⁱ)), not those that they tend to: narrower at the first scans, so
    that a scanner which begins off its baseline is told sooner.

    Attributes
    ----------
    weight
        λ, above 0 to 1.
    width
        L, above 0.

    Raises
    ------
    CannotCalibrate
        ``bad_rule``: a weight or width that is none.

    References
    ----------
    Shewhart, Economic Control of Quality of Manufactured Product (1931). Roberts, Technometrics 1
    (1959) 239. Lucas and Saccucci, Technometrics 32 (1990) 1. NIST/SEMATECH e-Handbook of
    Statistical Methods, 6.3.2.2 (individuals) and 6.3.2.4 (EWMA). Montgomery, Introduction to
    Statistical Quality Control, on EWMA: exact limits.
    """

    name: str
    weight: float
    width: float

    def __post_init__(self) -> None:
        if not (0 < self.weight <= 1 and 0 < self.width <= _WIDEST):
            raise CannotCalibrate(
                "bad_rule",
                f"expected a weight above 0 to 1 and a width above 0 to {_WIDEST:g}, "
                f"came {self.weight:g} and {self.width:g}",
            )

    def statistic(
        self, deviations: NDArray[np.float64], before: NDArray[np.float64] | float = 0.0
    ) -> NDArray[np.float64]:
        """Return what is held against the limits.

        Parameters
        ----------
        deviations
            ndarray of float64, shape (…, n): scans in order, in standard deviations from the
            centre, finite.
        before
            The statistic before the first of them, a number or shape (…).

        Returns
        -------
        ndarray of float64
            Shape (…, n), standard deviations from the centre.
        """
        from scipy.signal import lfilter  # half a second of a process's start

        keep = 1.0 - self.weight
        state = np.broadcast_to(keep * np.asarray(before, np.float64), deviations.shape[:-1])
        found: NDArray[np.float64] = lfilter(
            [self.weight], [1.0, -keep], deviations, axis=-1, zi=state[..., None]
        )[0]
        return found

    def half_width(self, scan_numbers: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return how far the statistic may go at the first, second … scan.

        Parameters
        ----------
        scan_numbers
            ndarray of int64, 1 for the first scan of a baseline.

        Returns
        -------
        ndarray of float64
            Standard deviations of a scan; the limit itself is still within.
        """
        remaining = (1.0 - self.weight) ** (2.0 * scan_numbers)
        spread: NDArray[np.float64] = np.sqrt(self.weight / (2 - self.weight) * (1 - remaining))
        return self.width * spread


SHEWHART: Final = ControlRule(name="shewhart", weight=1.0, width=3.0)
#: Few false alarms as Shewhart's has (one in about 370 scans), and sooner at small shifts.
EWMA: Final = ControlRule(name="ewma", weight=0.2, width=2.86)
RULES: Final = (SHEWHART, EWMA)
