"""Mean scans to an alarm, beside the reference's table and the theory of run lengths."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats

from noctis_lab.analysis.calibration.charts.rules import EWMA, SHEWHART, ControlRule
from noctis_lab.analysis.calibration.charts.run_lengths import (
    MOST_RUNS,
    MOST_SCANS,
    Scenario,
    simulate_run_lengths,
)
from noctis_lab.errors import CannotCalibrate

RUNS = 5000
SCENARIOS = (
    Scenario(),
    Scenario(shift_sigmas=1.0),
    Scenario(shift_sigmas=2.0),
    Scenario(shift_sigmas=3.0),
    Scenario(drift_sigmas=0.03),
)
#: The reference's, in whole scans.
TABLE = {SHEWHART: (356, 46, 6, 2, 44), EWMA: (389, 9, 3, 2, 29)}
CASES = [
    pytest.param(rule, scenario, expected, id=f"{rule.name}-{expected}-{place}")
    for rule, row in TABLE.items()
    for place, (scenario, expected) in enumerate(zip(SCENARIOS, row, strict=True))
]


@pytest.mark.parametrize(("rule", "scenario", "expected"), CASES)
def test_mean_scans_to_alarm_are_the_tables(
    rule: ControlRule, scenario: Scenario, expected: int
) -> None:
    found = simulate_run_lengths(rule, scenario, run_count=RUNS, rng=np.random.default_rng(17))
    assert found.scans.shape == (RUNS,)
    assert found.censored_count == 0
    # an entry of the table is a whole number of scans: 1.54 stands there as 2
    assert found.mean == pytest.approx(expected, rel=0.15) or round(found.mean) == expected


def theory(rule: ControlRule, scenario: Scenario, cells: int = 601) -> float:
    """Σ P(no alarm yet), the statistic's density carried from scan to scan on a grid."""
    if rule.weight == 1:
        alive, total = 1.0, 0.0
        for scan in itertools.count(1):
            total += alive
            mean = scenario.shift_sigmas + scenario.drift_sigmas * scan
            alive *= stats.norm.cdf(rule.width - mean) - stats.norm.cdf(-rule.width - mean)
            if alive < 1e-9:
                return total
    lam = rule.weight
    reach = rule.width * np.sqrt(lam / (2 - lam))
    edges = np.linspace(-reach, reach, cells + 1)
    middle = (edges[1:] + edges[:-1]) / 2
    state, total = (np.abs(middle) == np.abs(middle).min()).astype(float), 0.0
    for scan in itertools.count(1):
        total += float(state.sum())
        limit = reach * np.sqrt(1 - (1 - lam) ** (2 * scan))
        if scan > 60 and not scenario.drift_sigmas:
            # the limits stand still now: what remains is a geometric series of matrices
            step = kernel(edges, middle, lam, scenario.shift_sigmas, reach)
            state = step @ state
            return total + float(np.linalg.solve(np.eye(cells) - step, state).sum())
        mean = scenario.shift_sigmas + scenario.drift_sigmas * scan
        state = kernel(edges, middle, lam, mean, limit) @ state
        if state.sum() < 1e-9:
            return total
    raise AssertionError


def kernel(
    edges: np.ndarray, middle: np.ndarray, lam: float, mean: float, limit: float
) -> np.ndarray:
    cut = np.clip(edges, -limit, limit)
    turned = stats.norm.cdf((cut[:, None] - (1 - lam) * middle[None]) / lam - mean)
    return np.diff(turned, axis=0)


@pytest.mark.parametrize(("rule", "scenario", "expected"), CASES)
def test_mean_scans_to_alarm_are_those_of_theory(
    rule: ControlRule, scenario: Scenario, expected: int
) -> None:
    found = simulate_run_lengths(rule, scenario, run_count=RUNS, rng=np.random.default_rng(4))
    exact = theory(rule, scenario, cells=201)
    assert abs(found.mean - exact) < 4 * found.mean_se + 0.002 * exact
    assert exact == pytest.approx(expected, rel=0.15) or round(exact) == expected


def test_limits_of_few_scans_raise_more_false_alarms_early() -> None:
    known = simulate_run_lengths(SHEWHART, run_count=RUNS)
    shares = [float((known.scans <= 20).mean())]
    for scans in (20, 5):
        found = simulate_run_lengths(SHEWHART, Scenario(baseline_scans=scans), run_count=RUNS)
        shares.append(float((found.scans <= 20).mean()))
    assert shares[0] == pytest.approx(1 - (1 - 0.0027) ** 20, abs=0.012)
    assert shares[0] + 0.02 < shares[1] < shares[2] - 0.05


def test_the_standard_deviation_of_a_baseline_in_control_is_the_surer_one() -> None:
    early = [
        simulate_run_lengths(
            SHEWHART, Scenario(baseline_scans=20, estimator=estimator), run_count=RUNS
        ).quantile(0.1)
        for estimator in ("moving range", "standard deviation")
    ]
    assert early[0] < early[1]


def test_a_run_without_alarm_ends_and_is_counted() -> None:
    never = ControlRule(name="never", weight=0.2, width=100.0)
    found = simulate_run_lengths(never, run_count=3)
    assert found.scans.tolist() == [MOST_SCANS] * 3
    assert found.censored_count == 3


def test_the_same_generator_gives_the_same_runs() -> None:
    one, other = (
        simulate_run_lengths(EWMA, run_count=50, rng=np.random.default_rng(5)) for _ in range(2)
    )
    assert one.scans.tolist() == other.scans.tolist()
    assert simulate_run_lengths(EWMA, run_count=50).scans.tolist() != one.scans.tolist()


@pytest.mark.parametrize(
    ("scenario", "runs"),
    [
        (Scenario(), 0),
        (Scenario(), MOST_RUNS + 1),
        (Scenario(shift_sigmas=float("nan")), 1),
        (Scenario(drift_sigmas=float("inf")), 1),
        (Scenario(baseline_scans=1), 1),
        (Scenario(baseline_scans=1001), 1),
    ],
)
def test_scenarios_out_of_bounds_are_refused(scenario: Scenario, runs: int) -> None:
    with pytest.raises(CannotCalibrate) as refused:
        simulate_run_lengths(EWMA, scenario, run_count=runs)
    assert refused.value.refusal == "bad_scenario"
