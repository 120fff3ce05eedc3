"""The simulated fleet on control charts: alarms where something changed, and when."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache

import numpy as np
import pytest

from noctis_lab.analysis.calibration.charts.agreement import bland_altman, pair_by_time
from noctis_lab.analysis.calibration.charts.baselines import ScannerEvent, baselines_from_events
from noctis_lab.analysis.calibration.charts.control import ControlChart, control_chart
from noctis_lab.analysis.calibration.charts.rules import EWMA
from noctis_lab.analysis.calibration.charts.run_lengths import Scenario, simulate_run_lengths
from noctis_lab.analysis.calibration.charts.trends import trend_of, trends_of
from noctis_lab.synthetic import FLEET_CHANGES, FLEET_SIGMA_HU, Fleet, FleetChange, simulated_fleet
from tests.analysis.chart_trends import fleet_readings, stated

STEADY, DRIFTING, STEPPING = "ACME CT 1 4711", "ACME CT 1 4712", "ACME CT 2 0815"
DRIFT, STEP, SERVICE, TUBE = FLEET_CHANGES
TRUE = {"roi:Teflon": 951.0, "roi:air": -1000.0, "roi:Delrin": 345.0}
SEEDS = range(100)


@cache
def fleets() -> tuple[Fleet, ...]:
    return tuple(simulated_fleet(seed) for seed in SEEDS)


@cache
def charts(scanner: str, figure: str = "roi:Teflon") -> tuple[ControlChart, ...]:
    """One a fleet, against what is true of a scanner in control."""
    baseline = stated(TRUE[figure], FLEET_SIGMA_HU)
    scans = ([scan for scan in fleet.scans if scan.scanner == scanner] for fleet in fleets())
    return tuple(control_chart(trend_of(fleet_readings(s, figure)), [baseline]) for s in scans)


@pytest.fixture(scope="module", autouse=True)
def _no_fleets_stay() -> Iterator[None]:
    yield
    charts.cache_clear()
    fleets.cache_clear()


def scans_to_alarm(found: Sequence[ControlChart], change: FleetChange) -> Iterator[int]:
    """Scans from a change to the first alarm of the moving average after it."""
    at = np.datetime64(change.at, "us")
    for chart in found:
        before = int((chart.trend.at < at).sum())
        after = [a.scan_number for a in chart.alarms if a.at >= at and a.rule == "ewma"]
        assert after, "every change is to be told"
        yield after[0] - before


@pytest.mark.parametrize(
    ("scanner", "change", "scenario", "expected"),
    [
        (DRIFTING, DRIFT, Scenario(drift_sigmas=0.03), 29),
        (STEPPING, STEP, Scenario(shift_sigmas=2.0), 3),
    ],
)
def test_a_drift_and_a_step_are_told_within_the_expected_scans(
    scanner: str, change: FleetChange, scenario: Scenario, expected: int
) -> None:
    taken = list(scans_to_alarm(charts(scanner), change))
    assert len(taken) == len(SEEDS)
    assert np.mean(taken) == pytest.approx(expected, rel=0.15)
    late = simulate_run_lengths(EWMA, scenario).quantile(0.99) + 2  # it does not begin at nought
    assert np.mean(np.array(taken) <= late) >= 0.97


def test_a_change_of_tube_is_told_at_once_or_begins_a_baseline() -> None:
    assert set(scans_to_alarm(charts(STEPPING), TUBE)) == {1}
    at = np.datetime64(TUBE.at, "us")
    event = ScannerEvent(kind=TUBE.kind, happened_at=at)
    alarmed = 0
    for chart in charts(STEPPING):
        known = control_chart(chart.trend, baselines_from_events(chart.trend, [event]))
        assert known.baselines[1].reason == "tube change"
        # +1 HU and 0.6 % of 951
        assert known.baselines[1].center == pytest.approx(957.7, abs=4 * FLEET_SIGMA_HU / 20**0.5)
        alarmed += any(alarm.at >= at for alarm in known.alarms)
    assert alarmed < 30  # 30 scans in control a fleet, with limits of twenty


def test_a_service_that_puts_it_right_ends_the_alarms() -> None:
    begins = np.datetime64(SERVICE.at, "us") + np.timedelta64(8, "W")
    ends = np.datetime64(TUBE.at, "us")
    outside = sum(begins <= alarm.at < ends for chart in charts(STEPPING) for alarm in chart.alarms)
    scans = sum(
        int(((chart.trend.at >= begins) & (chart.trend.at < ends)).sum())
        for chart in charts(STEPPING)
    )
    assert outside / scans < 0.02


def test_false_alarms_of_a_steady_scanner_are_as_few_as_expected() -> None:
    found = [chart for figure in TRUE for chart in charts(STEADY, figure)]
    scans = sum(len(chart.trend) for chart in found)
    alarms = [alarm for chart in found for alarm in chart.alarms if alarm.rule == "shewhart"]
    # one in 370; about 75 of them, alike between materials
    assert len(alarms) / scans == pytest.approx(0.0027, rel=0.35)
    assert {alarm.side for alarm in alarms} == {"high", "low"}


def test_the_closed_room_is_a_gap() -> None:
    for chart in charts(STEADY)[:10]:
        assert any(gap.days > 40 for gap in chart.gaps)
    assert all(gap.days < 40 for chart in charts(STEPPING) for gap in chart.gaps)


def test_scanners_of_the_fleet_agree_until_one_has_another_tube() -> None:
    steady, _, stepping = sorted(
        trends_of(fleet_readings(simulated_fleet().scans, "roi:Teflon")),
        key=lambda found: found.key.scanner,
    )
    pairs = pair_by_time(steady, stepping, within_days=3)
    assert 80 <= pairs.first.size <= 92
    before = [place for place, label in enumerate(pairs.labels) if label < "2024-09"]
    after = [place for place, label in enumerate(pairs.labels) if label > "2025-06"]
    bias = [pairs.second[part] - pairs.first[part] for part in (before, after)]
    assert bias[0].mean() == pytest.approx(0.0, abs=0.4)
    assert bias[1].mean() == pytest.approx(6.7, abs=0.4)
    found = bland_altman(pairs)
    assert found.low < found.bias < found.high
