"""How many scans a rule takes to its alarm, by simulation: false ones and true ones."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from noctis_lab.analysis.calibration.charts.baselines import Estimator, center_and_sigma
from noctis_lab.analysis.calibration.charts.rules import ControlRule
from noctis_lab.errors import CannotCalibrate

__all__ = ["MOST_RUNS", "MOST_SCANS", "RunLengths", "Scenario", "simulate_run_lengths"]

MOST_RUNS: Final = 100_000
#: Where a run ends without an alarm. Of known limits that is 50 times the mean in control.
MOST_SCANS: Final = 20_000
_BLOCK = 64
_LEAST_BASELINE, _MOST_BASELINE = 2, 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """How a scanner errs from the first scan on.

    Attributes
    ----------
    shift_sigmas
        By how many standard deviations of a scan its mean is off.
    drift_sigmas
        By how many it moves on with each scan, the first included.
    baseline_scans
        From how many scans in control, 2 to 1,000, each run's centre and sigma are estimated
        beforehand; None for known ones.
    estimator
        How.
    """

    shift_sigmas: float = 0.0
    drift_sigmas: float = 0.0
    baseline_scans: int | None = None
    estimator: Estimator = "moving range"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLengths:
    """Scans up to and including the first alarm.

    Attributes
    ----------
    scans
        ndarray of int64, shape (runs,).
    censored_count
        How many runs were ended at 20,000 scans without an alarm: with any, `mean` is a lower
        bound.
    """

    scans: NDArray[np.int64]
    censored_count: int

    @property
    def mean(self) -> float:
        """The mean, known as average run length (ARL)."""
        return float(self.scans.mean())

    @property
    def mean_se(self) -> float:
        """The mean's standard error; NaN of one run."""
        count = self.scans.size
        return float(self.scans.std(ddof=1)) / math.sqrt(count) if count > 1 else math.nan

    def quantile(self, fraction: float) -> float:
        """Return within how many scans that fraction of the runs, 0 to 1, has its alarm."""
        return float(np.quantile(self.scans, fraction))


def simulate_run_lengths(
    rule: ControlRule,
    scenario: Scenario | None = None,
    *,
    run_count: int = 2000,
    rng: np.random.Generator | None = None,
) -> RunLengths:
    """Simulate scans, independent and normal, until the rule alarms.

    Parameters
    ----------
    scenario
        In control, with known limits, by default.
    run_count
        1 to 100,000.
    rng
        ``numpy.random.default_rng(0)`` by default.

    Raises
    ------
    CannotCalibrate
        ``bad_scenario``: a count out of bounds, or a shift or drift that is not finite.

    Notes
    -----
    In control the standard deviation of run lengths is about their mean: half of the false alarms
    come before 70 % of it. Limits estimated from few scans are sometimes too narrow, sometimes far
    too wide; `baseline_scans` shows how often.

    References
    ----------
    Lucas and Saccucci, Technometrics 32 (1990) 1: run lengths of EWMA. Quesenberry, J. Qual.
    Technol. 25 (1993) 237: of individuals with estimated limits.
    """
    case = Scenario() if scenario is None else scenario
    draws = np.random.default_rng(0) if rng is None else rng
    _check(case, run_count)
    center, sigma = _baselines(case, run_count, draws)
    scans = np.zeros(run_count, np.int64)
    statistic = np.zeros(run_count)
    running = np.arange(run_count)
    for done in range(0, MOST_SCANS, _BLOCK):
        numbers = np.arange(done + 1, min(done + _BLOCK, MOST_SCANS) + 1)
        values = draws.standard_normal((running.size, numbers.size))
        values += case.shift_sigmas + case.drift_sigmas * numbers
        deviations = (values - center[running, None]) / sigma[running, None]
        track = rule.statistic(deviations, statistic[running])
        outside = np.abs(track) > rule.half_width(numbers)
        ended = outside.any(axis=1)
        scans[running[ended]] = numbers[outside[ended].argmax(axis=1)]
        statistic[running] = track[:, -1]
        running = running[~ended]
        if not running.size:
            break
    scans[running] = MOST_SCANS
    return RunLengths(scans=scans, censored_count=int(running.size))


def _check(case: Scenario, run_count: int) -> None:
    if not 1 <= run_count <= MOST_RUNS:
        raise CannotCalibrate("bad_scenario", f"expected 1 to {MOST_RUNS} runs, came {run_count}")
    if not (math.isfinite(case.shift_sigmas) and math.isfinite(case.drift_sigmas)):
        raise CannotCalibrate("bad_scenario", "expected a finite shift and drift")
    scans = case.baseline_scans
    if scans is not None and not _LEAST_BASELINE <= scans <= _MOST_BASELINE:
        raise CannotCalibrate(
            "bad_scenario",
            f"expected a baseline of {_LEAST_BASELINE} to {_MOST_BASELINE} scans, came {scans}",
        )


def _baselines(
    case: Scenario, run_count: int, draws: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if case.baseline_scans is None:
        return np.zeros(run_count), np.ones(run_count)
    return center_and_sigma(draws.standard_normal((run_count, case.baseline_scans)), case.estimator)
