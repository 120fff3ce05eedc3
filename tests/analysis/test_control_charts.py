"""Trends, baselines, limits and alarms of control charts."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from noctis_lab.analysis.calibration.charts.baselines import (
    Baseline,
    ScannerEvent,
    baselines_from_events,
    center_and_sigma,
    estimate_baseline,
)
from noctis_lab.analysis.calibration.charts.control import control_chart
from noctis_lab.analysis.calibration.charts.rules import EWMA, RULES, SHEWHART, ControlRule
from noctis_lab.analysis.calibration.charts.tolerance import ToleranceBand
from noctis_lab.analysis.calibration.charts.trends import find_gaps, trend_of, trends_of
from noctis_lab.errors import CannotCalibrate
from tests.analysis.chart_trends import KEY, day, readings, stated, trend

NAN = float("nan")
#: NIST/SEMATECH e-Handbook, 6.3.2.2 and 6.3.2.4.
FLOW = [49.6, 47.6, 49.9, 51.3, 47.8, 51.2, 52.6, 52.4, 53.6, 52.1]
RATE = [
    *(52.0, 47.0, 53.0, 49.3, 50.1, 47.0, 51.0, 50.1, 51.2, 50.5),
    *(49.6, 47.6, 49.9, 51.3, 47.8, 51.2, 52.6, 52.4, 53.6, 52.1),
]
RATE_EWMA = [
    *(50.60, 49.52, 50.56, 50.18, 50.16, 49.21, 49.75, 49.85, 50.26, 50.33),
    *(50.11, 49.36, 49.52, 50.05, 49.38, 49.92, 50.73, 51.23, 51.94, 51.99),
]
values_of_scans = st.lists(
    st.floats(-50, 50, allow_nan=False).map(lambda v: round(v, 3)), min_size=1, max_size=40
)


# ---------------------------------------------------------------- trends


def test_readings_in_any_order_make_one_trend() -> None:
    given_order = readings([1.0, 2.0, 3.0, 4.0], [20, 3, 3, 1])
    found = trend_of(given_order)
    assert found.values.tolist() == [4.0, 2.0, 3.0, 1.0]
    assert found.scan_ids == ("scan-3", "scan-1", "scan-2", "scan-0")
    assert found.at.tolist() == sorted(found.at.tolist())


def test_what_is_no_value_is_left_out_by_name() -> None:
    given_order = readings([1.0, NAN, math.inf, -2e9, 5.0, 6.0])
    given_order[4] = replace(given_order[4], at=np.datetime64("NaT", "us"))
    found = trend_of(given_order)
    assert found.values.tolist() == [1.0, 6.0]
    assert [(left.reading.scan_id, left.reason) for left in found.left_out] == [
        ("scan-1", "no value"),
        ("scan-2", "no value"),
        ("scan-3", "out of range"),
        ("scan-4", "no time"),
    ]


def test_a_scan_that_was_analysed_again_counts_once() -> None:
    first, again, failed = (replace(readings([value])[0], value=value) for value in (1.0, 2.0, NAN))
    found = trend_of([first, again, failed])
    assert found.values.tolist() == [2.0]
    assert [left.reason for left in found.left_out] == ["superseded", "no value"]


def test_a_trend_of_nothing_but_faults_is_empty_and_has_a_chart() -> None:
    found = control_chart(trend([NAN, NAN]))
    assert (len(found.trend), found.status, found.alarms) == (0, "no scans", ())
    assert found.baselines == ()
    assert control_chart(trend([NAN]), [stated(0, 1)]).status == "no scans"


def test_readings_are_sorted_into_trends_by_key_and_figure() -> None:
    one = readings([1.0, 2.0])
    thicker = [replace(r, key=replace(KEY, SliceThickness=5.0)) for r in readings([3.0])]
    slope = [replace(r, figure="slope") for r in readings([0.99])]
    found = trends_of([*slope, *one, *thicker])
    assert [(t.figure, t.key.protocol, t.values.tolist()) for t in found] == [
        ("slope", "CatPhan 504, 120 kVp, Br40, 2 mm", [0.99]),
        ("water_hu", "CatPhan 504, 120 kVp, Br40, 2 mm", [1.0, 2.0]),
        ("water_hu", "CatPhan 504, 120 kVp, Br40, 5 mm", [3.0]),
    ]
    assert trends_of([]) == ()


def test_readings_of_several_trends_or_of_none_are_refused() -> None:
    mixed = [*readings([1.0]), *readings([1.0], scanner="CT-B")]
    for refusal, given_readings in (
        ("no_scans", []),
        ("mixed_trend", mixed),
        ("too_many_scans", readings([1.0]) * 100_001),
    ):
        with pytest.raises(CannotCalibrate) as refused:
            trend_of(given_readings)
        assert refused.value.refusal == refusal


def test_gaps_are_told_and_change_no_limit() -> None:
    days = [0, 7, 14, 20, 28, 90, 97]
    found = control_chart(trend([0.0] * 7, days), [stated(0, 1)])
    assert [(gap.begins, gap.ends, gap.days) for gap in found.gaps] == [(day(28), day(90), 62.0)]
    even = control_chart(trend([0.0] * 7), [stated(0, 1)])
    assert even.gaps == ()
    for one, other in zip(found.tracks, even.tracks, strict=True):
        assert one.high.tolist() == other.high.tolist()
    assert find_gaps(trend([0.0, 0.0, 0.0], [0, 1, 1000])) == ()


# ---------------------------------------------------------------- limits


def test_limits_of_individuals_are_nists() -> None:
    found = control_chart(trend(FLOW))
    track = found.tracks[0]
    assert track.rule.name == "shewhart"
    assert track.high.tolist() == pytest.approx([55.8041] * 10, abs=0.002)
    assert track.low.tolist() == pytest.approx([45.8159] * 10, abs=0.002)
    assert found.alarms == ()
    assert found.status == "provisional"


def test_a_moving_average_and_its_limits_are_nists() -> None:
    rule = ControlRule(name="nist", weight=0.3, width=3.0)
    found = control_chart(trend(RATE), [stated(50.0, 2.0539)], rules=[rule])
    (track,) = found.tracks
    assert track.statistic.tolist() == pytest.approx(RATE_EWMA, abs=0.006)
    assert track.high[-1] == pytest.approx(52.5884, abs=0.001)
    assert track.low[-1] == pytest.approx(47.4115, abs=0.001)
    # exact at the first scan: L·λ·σ
    assert track.high[0] == pytest.approx(50 + 3 * 0.3 * 2.0539)


def test_exact_limits_are_montgomerys() -> None:
    # Introduction to Statistical Quality Control: λ 0.1, L 2.7, centre 10, σ 1
    rule = ControlRule(name="montgomery", weight=0.1, width=2.7)
    (track,) = control_chart(trend([10.0] * 60), [stated(10.0, 1.0)], rules=[rule]).tracks
    assert track.high[:2].tolist() == pytest.approx([10.27, 10.36], abs=0.005)
    assert (track.low[-1], track.high[-1]) == pytest.approx((9.38, 10.62), abs=0.005)


@given(values=values_of_scans, sigma=st.floats(0.5, 20), center=st.floats(-20, 20))
def test_alarms_are_those_of_the_rule_scan_by_scan(
    values: list[float], sigma: float, center: float
) -> None:
    found = control_chart(trend(values), [stated(center, sigma)])
    expected, average = [], 0.0
    for number, value in enumerate(values, start=1):
        turned = (value - center) / sigma
        average = 0.2 * turned + 0.8 * average
        limit = 2.86 * math.sqrt(0.2 / 1.8 * (1 - 0.8 ** (2 * number)))
        for name, statistic, reach in (("shewhart", turned, 3.0), ("ewma", average, limit)):
            if abs(abs(statistic) - reach) < 1e-9:
                return  # on the limit itself rounding decides
            if abs(statistic) > reach:
                expected.append((number, name, "high" if statistic > 0 else "low"))
    assert [(a.scan_number, a.rule, a.side) for a in found.alarms] == expected


def test_an_alarm_says_which_rule_when_and_what() -> None:
    found = control_chart(trend([0.0, 0.5, 4.0, 0.0]), [stated(0.0, 1.0)])
    alarm = found.alarms[0]
    assert (alarm.rule, alarm.side, alarm.scan_id, alarm.at) == (
        *("shewhart", "high", "scan-2"),
        day(14),
    )
    assert (alarm.value, alarm.reading, alarm.limit) == (4.0, 4.0, 3.0)
    assert (alarm.center, alarm.sigma, alarm.sigmas, alarm.scan_number) == (0.0, 1.0, 4.0, 3)
    assert alarm.is_onset
    assert not alarm.is_provisional
    assert not alarm.is_retrospective
    assert (alarm.key, alarm.figure) == (KEY, "water_hu")
    assert found.status == "established"


def test_an_excursion_has_one_onset() -> None:
    found = control_chart(
        trend([4.0, 5.0, 0.0, -4.0, 4.0, 5.0]), [stated(0.0, 1.0)], rules=[SHEWHART]
    )
    assert [(a.scan_id, a.side, a.is_onset) for a in found.alarms] == [
        ("scan-0", "high", True),
        ("scan-1", "high", False),
        ("scan-3", "low", True),
        ("scan-4", "high", True),
        ("scan-5", "high", False),
    ]
    assert [a.scan_id for a in found.onsets] == ["scan-0", "scan-3", "scan-4"]
    assert found.status == "alarm"


def test_rules_that_are_none_are_refused() -> None:
    for weight, width in ((0.0, 3.0), (1.1, 3.0), (0.2, 0.0), (NAN, 3.0), (0.2, math.inf)):
        with pytest.raises(CannotCalibrate, match="bad_rule"):
            ControlRule(name="none", weight=weight, width=width)
    for rules in ([], [EWMA, EWMA]):
        with pytest.raises(CannotCalibrate, match="bad_rule"):
            control_chart(trend([1.0]), rules=rules)


# ---------------------------------------------------------------- baselines


def test_estimators_find_the_spread_of_values_in_control() -> None:
    values = np.random.default_rng(3).normal(7.0, 2.0, (4000, 6))
    for estimator in ("moving range", "standard deviation"):
        center, sigma = center_and_sigma(values, estimator)
        assert center.mean() == pytest.approx(7.0, abs=0.05)
        assert sigma.mean() == pytest.approx(2.0, rel=0.02)


def test_a_step_among_the_first_scans_hardly_widens_a_moving_range() -> None:
    values = np.random.default_rng(8).normal(0.0, 1.0, (2000, 20))
    values[:, 10:] += 4.0
    moving = center_and_sigma(values, "moving range")[1].mean()
    deviation = center_and_sigma(values, "standard deviation")[1].mean()
    assert moving < 1.25
    assert deviation > 2.2


def test_under_twenty_scans_limits_are_provisional_and_then_stand() -> None:
    values = np.random.default_rng(1).normal(0, 1, 40).tolist()
    assert [estimate_baseline(trend(values[:n])).status for n in (1, 2, 19, 20, 40)] == [
        "pending",
        *("provisional", "provisional"),
        *("established", "established"),
    ]
    twenty, forty = (estimate_baseline(trend(values[:n])) for n in (20, 40))
    assert (twenty.center, twenty.sigma) == (forty.center, forty.sigma)
    assert (forty.scan_count, forty.estimated_until) == (20, day(19 * 7))
    assert stated(0, 1, scans=19).status == "provisional"


def test_one_scan_has_no_limits_and_no_alarm() -> None:
    found = control_chart(trend([1e6]))
    assert (found.status, found.alarms) == ("pending", ())
    assert all(np.isnan(track.high).all() for track in found.tracks)
    assert found.scan_numbers.tolist() == [1]


@pytest.mark.parametrize("value", [0.0, 0.1, -1000.3])
def test_equal_values_have_no_limits_rather_than_none_to_spare(value: float) -> None:
    found = control_chart(trend([value] * 25 + [value + 1]))
    assert (found.status, found.alarms) == ("no spread", ())
    deviation = estimate_baseline(trend([value] * 25), estimator="standard deviation")
    assert deviation.status == "no spread"
    assert control_chart(trend([1.0, 2.0]), [stated(1.0, 0.0)]).status == "no spread"


def test_alarms_of_a_baselines_own_scans_are_in_retrospect() -> None:
    values = [0.0, 0.5, 0.0, 0.5, 0.0, 0.0, 9.0, 0.0, 0.5, 0.0, 0.5, 0.0, 9.0]
    own = estimate_baseline(trend(values), most_scans=12)
    found = control_chart(trend(values), [own], rules=[SHEWHART])
    assert [(a.scan_id, a.is_retrospective, a.is_provisional) for a in found.alarms] == [
        ("scan-6", True, True),
        ("scan-12", False, True),
    ]


def test_each_baseline_holds_until_the_next_and_begins_anew() -> None:
    values = [0.0, 0.0, 0.0, 10.0, 10.0, 10.0]
    later, first = stated(10.0, 2.0, from_day=21), stated(0.0, 1.0, from_day=7)
    found = control_chart(trend(values), [later, first])
    assert found.baseline_numbers.tolist() == [-1, 0, 0, 1, 1, 1]
    assert found.scan_numbers.tolist() == [0, 1, 2, 1, 2, 3]
    assert found.alarms == ()
    ewma = found.tracks[1]
    assert np.isnan(ewma.statistic[0])
    assert ewma.statistic[3:].tolist() == pytest.approx([10.0] * 3)
    assert ewma.high[3] == pytest.approx(10 + 2 * 2.86 * 0.2)
    assert ewma.high[1] == pytest.approx(2.86 * 0.2)


def test_of_two_baselines_of_one_moment_the_later_given_holds() -> None:
    found = control_chart(trend([5.0]), [stated(0.0, 1.0), stated(5.0, 1.0)])
    assert found.baseline_numbers.tolist() == [1]
    assert found.alarms == ()


def test_scans_before_every_baseline_are_not_judged() -> None:
    found = control_chart(trend([99.0, 99.0]), [stated(0.0, 1.0, from_day=100)])
    assert (found.status, found.alarms) == ("no baseline", ())
    assert control_chart(trend([99.0]), []).status == "no baseline"


def test_a_change_of_tube_begins_a_baseline_of_its_own_scans() -> None:
    rng = np.random.default_rng(2)
    values = [*rng.normal(0, 1, 30), *rng.normal(8, 1, 30)]
    events = [
        ScannerEvent(kind="tube change", happened_at=day(30 * 7 - 1)),
        ScannerEvent(kind="service", happened_at=day(58 * 7)),
    ]
    unaware = control_chart(trend(values))
    assert {a.scan_id for a in unaware.alarms} >= {f"scan-{n}" for n in range(30, 60)}
    found = control_chart(trend(values), baselines_from_events(trend(values), events[::-1]))
    assert [(b.reason, b.status, b.scan_count) for b in found.baselines] == [
        ("first scans", "established", 20),
        ("tube change", "established", 20),
        ("service", "provisional", 2),
    ]
    assert found.baselines[1].center == pytest.approx(np.mean(values[30:50]))
    assert [a.rule for a in found.alarms if 30 <= int(a.scan_id.removeprefix("scan-")) < 58] == []


def test_an_event_before_all_scans_takes_the_place_of_the_first() -> None:
    one = trend([0.0, 1.0, 0.0])
    event = ScannerEvent(kind="move", happened_at=day(0))
    assert [b.reason for b in baselines_from_events(one, [event])] == ["move"]
    after = ScannerEvent(kind="move", happened_at=day(99))
    assert [b.status for b in baselines_from_events(one, [after])] == ["provisional", "pending"]
    assert baselines_from_events(trend([NAN]), []) == ()


def test_baselines_and_events_that_are_none_are_refused() -> None:
    for changes in (
        {"sigma": -1.0},
        {"sigma": math.inf},
        {"center": math.inf},
        {"scan_count": -1},
        {"valid_from": np.datetime64("NaT", "us")},
    ):
        with pytest.raises(CannotCalibrate, match="bad_baseline"):
            replace(stated(0, 1), **changes)
    one = trend([1.0])
    nowhere = ScannerEvent(kind="move", happened_at=np.datetime64("NaT", "us"))
    for refusal, act in (
        ("bad_baseline", lambda: estimate_baseline(one, most_scans=1)),
        ("no_scans", lambda: estimate_baseline(trend([NAN]))),
        ("bad_event", lambda: baselines_from_events(one, [nowhere])),
        ("too_many_events", lambda: baselines_from_events(one, [nowhere] * 1001)),
        ("too_many_baselines", lambda: control_chart(one, [stated(0, 1)] * 1001)),
    ):
        with pytest.raises(CannotCalibrate) as refused:
            act()
        assert refused.value.refusal == refusal


@given(
    values=st.lists(st.floats(-1e9, 1e9) | st.just(NAN), min_size=1, max_size=30),
    days=st.lists(st.integers(0, 50), min_size=30, max_size=30),
)
def test_any_values_at_any_times_have_a_chart(values: list[float], days: list[int]) -> None:
    found = control_chart(trend(values, days[: len(values)]))
    assert len(found.trend) + len(found.trend.left_out) == len(values)
    for alarm in found.alarms:
        assert alarm.sigma > 0
        outside = alarm.value > alarm.limit if alarm.side == "high" else alarm.value < alarm.limit
        assert outside
    for track in found.tracks:
        assert track.rule in RULES
        assert (np.isnan(track.high) == np.isnan(track.statistic)).all()


# ---------------------------------------------------------------- tolerances


def test_tolerances_stand_apart_from_control_limits() -> None:
    band = ToleranceBand(low=-4.0, high=4.0, source="ACR, water")
    steady = [6.0, 6.1, 5.9, 6.0, 6.1, 4.0]
    found = control_chart(trend(steady), [stated(6.0, 1.0)], tolerance=band)
    assert found.alarms == ()
    assert [(b.scan_id, b.limit, b.side) for b in found.breaches] == [
        (f"scan-{n}", 4.0, "high") for n in range(5)
    ]
    assert found.breaches[0].source == "ACR, water"
    tight = control_chart(trend([0.0, 3.0]), [stated(0.0, 0.1)], tolerance=band)
    assert tight.breaches == ()
    assert {alarm.rule for alarm in tight.alarms} == {"shewhart", "ewma"}
    low = control_chart(trend([-5.0]), [], tolerance=band).breaches
    assert [(b.value, b.limit, b.side) for b in low] == [(-5.0, -4.0, "low")]


def test_a_tolerance_may_have_one_end_and_not_none() -> None:
    above = ToleranceBand(low=-math.inf, high=5.0, source="noise")
    assert control_chart(trend([-1e8, 5.0]), tolerance=above).breaches == ()
    for low, high in ((1.0, 0.0), (NAN, 1.0), (-math.inf, math.inf)):
        with pytest.raises(CannotCalibrate, match="bad_tolerance"):
            ToleranceBand(low=low, high=high, source="none")


def test_a_baseline_that_was_stated_says_so() -> None:
    assert Baseline.__dataclass_fields__["estimator"].default == "stated"
    assert stated(0, 1).estimated_until is None
