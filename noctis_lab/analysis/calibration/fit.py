"""Measured HU against nominal: a plain and a robust line, with what they are worth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from noctis_lab.errors import CannotCalibrate

__all__ = ["LinearFit", "confidence_band", "fit_line", "student_reach"]

_LEAST_POINTS = 4
_TUKEY = 4.685  # 95 % as efficient as least squares on normal errors
_ROUNDS = 50
_SLOPE_TOLERANCE, _INTERCEPT_TOLERANCE_HU = 0.005, 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LinearFit:
    """measured = slope · nominal + intercept, HU.

    Attributes
    ----------
    slope, intercept
        Least squares.
    slope_se, intercept_se
        Their standard errors.
    slope_ci, intercept_ci
        95 % intervals (low, high), Student's t with n − 2 degrees of freedom.
    robust_slope, robust_intercept
        Tukey's biweight, which lets a bone insert that the beam reads otherwise count less.
    weights
        ndarray of float64, shape (n,): how much each point counts there, 0 to 1.
    residuals
        ndarray of float64, shape (n,): measured less the plain line.
    agrees
        Neither slope nor intercept of the two lines differ by more than 0.005 and 3 HU, or than the
        robust line's own 95 % interval: the plain one's is as wide as an outlier makes it.

    References
    ----------
    Beaton and Tukey, Technometrics 16 (1974) 147; Holland and Welsch, Commun. Stat. A6 (1977) 813.
    """

    slope: float
    intercept: float
    slope_se: float
    intercept_se: float
    slope_ci: tuple[float, float]
    intercept_ci: tuple[float, float]
    robust_slope: float
    robust_intercept: float
    weights: NDArray[np.float64]
    residuals: NDArray[np.float64]
    agrees: bool

    @property
    def max_residual(self) -> float:
        """The largest distance from the plain line, HU."""
        return float(np.abs(self.residuals).max())


def fit_line(nominal: NDArray[np.float64], measured: NDArray[np.float64]) -> LinearFit:
    """Fit a line through inserts.

    Parameters
    ----------
    nominal, measured
        ndarray of float64, shape (n,), HU; n ≥ 4.

    Raises
    ------
    CannotCalibrate
        ``too_few_inserts``: fewer points, or all of them of one nominal.
    """
    count = nominal.size
    if count < _LEAST_POINTS or float(np.ptp(nominal)) < 1.0:
        raise CannotCalibrate(
            "too_few_inserts", f"a line needs {_LEAST_POINTS} different inserts, came {count}"
        )
    system = np.stack([nominal, np.ones_like(nominal)], axis=1)
    line = np.linalg.lstsq(system, measured, rcond=None)[0]
    residuals = measured - system @ line
    variance = float(residuals @ residuals) / (count - 2)
    errors = np.sqrt(variance * np.diag(np.linalg.inv(system.T @ system)))
    reach = student_reach(count - 2) * errors
    robust, weights = _tukey(system, measured)
    tolerated = np.maximum(
        (_SLOPE_TOLERANCE, _INTERCEPT_TOLERANCE_HU), _reach_of(system, measured, robust, weights)
    )
    return LinearFit(
        slope=float(line[0]),
        intercept=float(line[1]),
        slope_se=float(errors[0]),
        intercept_se=float(errors[1]),
        slope_ci=(float(line[0] - reach[0]), float(line[0] + reach[0])),
        intercept_ci=(float(line[1] - reach[1]), float(line[1] + reach[1])),
        robust_slope=float(robust[0]),
        robust_intercept=float(robust[1]),
        weights=weights,
        residuals=residuals,
        agrees=bool((np.abs(robust - line) <= tolerated).all()),
    )


def confidence_band(
    fit: LinearFit, nominal: NDArray[np.float64], at: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return half the width of the line's 95 % confidence band, HU.

    Parameters
    ----------
    fit
        The line.
    nominal
        ndarray of float64, shape (n,), HU: through which points it goes.
    at
        ndarray of float64, shape (m,), HU.

    Returns
    -------
    ndarray of float64, shape (m,)
        Of the mean response: t · s · √(1/n + (x − x̄)²/Σ(xᵢ − x̄)²).

    References
    ----------
    Draper and Smith, Applied Regression Analysis, 3rd ed., 1998, section 3.1.
    """
    count = nominal.size
    spread = float(np.sqrt(fit.residuals @ fit.residuals / (count - 2)))
    middle = nominal.mean()
    leverage = 1 / count + (at - middle) ** 2 / float(((nominal - middle) ** 2).sum())
    return np.asarray(student_reach(count - 2) * spread * np.sqrt(leverage), np.float64)


def student_reach(freedom: float) -> float:
    """Return Student's t of so many degrees of freedom that 95 % lie within, both sides."""
    from scipy.special import stdtrit  # a fifth of a second of a process's start

    return float(stdtrit(freedom, 0.975))


def _reach_of(
    system: NDArray[np.float64],
    measured: NDArray[np.float64],
    line: NDArray[np.float64],
    weights: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return how far the 95 % intervals of a weighted line reach; 0 where too few points count."""
    freedom = float(weights.sum()) - 2
    weighted = system.T @ (weights[:, None] * system)
    if freedom < 1 or np.linalg.matrix_rank(weighted) < 2:
        return np.zeros(2)
    residuals = measured - system @ line
    variance = float(weights @ residuals**2) / freedom
    errors = np.sqrt(variance * np.diag(np.linalg.inv(weighted)))
    return student_reach(freedom) * errors


def _tukey(
    system: NDArray[np.float64], measured: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the line by iterated weights, begun from the median of slopes, and the weights."""
    from scipy import stats  # 0.7 s of a process's start, which few of them need

    slope, intercept = stats.theilslopes(measured, system[:, 0])[:2]
    line = np.array([slope, intercept])
    weights = np.ones(measured.size)
    for _ in range(_ROUNDS):
        residuals = measured - system @ line
        scale = 1.4826 * float(np.median(np.abs(residuals - np.median(residuals))))
        if scale < 1e-9:  # more than half of them lie on the line: the others do not count
            weights = np.where(np.abs(residuals) <= 1e-6, 1.0, 0.0)
            break
        turned = residuals / (_TUKEY * scale)
        weights = np.where(np.abs(turned) < 1, (1 - turned**2) ** 2, 0.0)
        root = np.sqrt(weights)
        following = np.linalg.lstsq(system * root[:, None], measured * root, rcond=None)[0]
        if bool(np.abs(following - line).max() < 1e-9):
            line = following
            break
        line = following
    return line, weights
