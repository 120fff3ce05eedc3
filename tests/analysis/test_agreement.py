"""Bland and Altman's figures, and how scans of two scanners are paired."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from noctis_lab.analysis.calibration.charts.agreement import (
    Pairs,
    bland_altman,
    pair_by_name,
    pair_by_time,
)
from noctis_lab.errors import CannotCalibrate
from tests.analysis.chart_trends import trend

#: Peak expiratory flow of 17 people, litres a minute: Bland and Altman, Lancet 327 (1986) 307.
MINI = (512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350, 451)
LARGE = (494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427)


def pairs_of(first: object, second: object) -> Pairs:
    one, other = np.asarray(first, float), np.asarray(second, float)
    labels = tuple(str(place) for place in range(one.size))
    return Pairs(first=one, second=other, labels=labels, pairing="by hand", unpaired=(0, 0))


def test_the_figures_of_bland_and_altmans_paper() -> None:
    found = bland_altman(pairs_of(MINI, LARGE))
    assert found.bias == pytest.approx(-2.1, abs=0.05)
    assert found.sd == pytest.approx(38.8, abs=0.05)
    assert found.bias_ci == pytest.approx((-22.0, 17.8), abs=0.1)
    assert (found.low, found.high) == pytest.approx(
        (-2.1 - 1.96 * 38.8, -2.1 + 1.96 * 38.8), abs=0.1
    )
    # theirs are symmetric approximations, with 2 in the place of 1.96: -114.3..-45.1, 40.9..110.9
    assert found.high_ci[0] == pytest.approx(40.9, abs=12)
    assert found.high_ci[1] == pytest.approx(110.9, abs=12)
    assert found.high_ci[1] - found.high > found.high - found.high_ci[0]
    assert found.low - found.low_ci[0] == pytest.approx(found.high_ci[1] - found.high)


def test_intervals_hold_the_truth_in_95_of_100() -> None:
    rng = np.random.default_rng(95)
    held = []
    for _ in range(800):
        found = bland_altman(pairs_of(np.arange(8.0), np.arange(8.0) + rng.normal(3.0, 2.0, 8)))
        held.append(
            (
                found.bias_ci[0] <= 3.0 <= found.bias_ci[1],
                found.low_ci[0] <= 3.0 - 1.96 * 2.0 <= found.low_ci[1],
                found.high_ci[0] <= 3.0 + 1.96 * 2.0 <= found.high_ci[1],
            )
        )
    assert np.mean(held, axis=0) == pytest.approx(0.95, abs=0.025)


def test_another_scale_shows_as_a_slope_and_another_offset_as_a_bias() -> None:
    true = {"air": -1000.0, "LDPE": -102.0, "acrylic": 116.0, "Teflon": 951.0}
    scaled = bland_altman(pair_by_name(true, {k: 1.01 * v for k, v in true.items()}))
    assert scaled.slope == pytest.approx(0.01 / 1.005, rel=1e-6)
    assert scaled.slope_ci == pytest.approx((scaled.slope, scaled.slope), abs=1e-6)
    moved = bland_altman(pair_by_name(true, {k: v + 2 for k, v in true.items()}))
    assert moved.bias == pytest.approx(2.0)
    assert moved.slope == pytest.approx(0.0, abs=1e-12)
    assert (moved.low, moved.high) == pytest.approx((2.0, 2.0))


def test_equal_means_have_no_slope() -> None:
    found = bland_altman(pairs_of([5.0, 5.0, 5.0], [5.0, 5.0, 5.0]))
    assert (found.bias, found.sd, found.low_ci) == (0.0, 0.0, (0.0, 0.0))
    assert np.isnan(found.slope)


def test_names_without_a_partner_or_value_are_counted() -> None:
    nan = float("nan")
    found = pair_by_name({"a": 1.0, "b": nan, "c": 3.0}, {"c": 4.0, "b": 1.0, "d": 2.0, "e": 0.0})
    assert found.labels == ("c",)
    assert (found.unpaired, found.pairing) == ((2, 3), "by name")


def test_scans_are_paired_nearest_first_and_once() -> None:
    first = trend([1.0, 2.0, 3.0, 4.0], [0, 10, 11, 40], scanner="A")
    second = trend([10.0, 20.0, 30.0], [11.2, 1, 60], scanner="B")
    found = pair_by_time(first, second, within_days=3)
    assert found.first.tolist() == [1.0, 3.0]  # day 10 is within 3 days too, day 11 nearer
    assert found.second.tolist() == [20.0, 10.0]
    assert found.labels == ("2024-01-01", "2024-01-12")
    assert found.unpaired == (2, 1)
    assert found.pairing == "nearest scans within 3 days, each once"


def test_what_differs_between_protocols_is_said() -> None:
    first, second = trend([1.0], scanner="A"), trend([2.0], scanner="B")
    other = replace(second, key=replace(second.key, KVP=100.0, ConvolutionKernel=None))
    found = pair_by_time(first, other, within_days=0)
    assert found.pairing.endswith("; other KVP, ConvolutionKernel")
    assert found.first.size == 1


def test_what_cannot_be_compared_is_refused_by_name() -> None:
    one = trend([1.0, 2.0])
    slope = replace(one, figure="slope")
    acr = replace(one, key=replace(one.key, phantom_model="ACR 464"))
    many = trend([0.0] * 1001, [0.0] * 1001)
    for refusal, first, second, days in (
        ("different_figures", one, slope, 1.0),
        ("different_phantoms", one, acr, 1.0),
        ("bad_pairing", one, one, -1.0),
        ("bad_pairing", one, one, float("nan")),
        ("bad_pairing", many, many, 1.0),
    ):
        with pytest.raises(CannotCalibrate) as refused:
            pair_by_time(first, second, within_days=days)
        assert refused.value.refusal == refusal
    for refusal, values in (("too_few_pairs", [1.0, 2.0]), ("not_finite", [1.0, 2.0, np.inf])):
        with pytest.raises(CannotCalibrate) as refused:
            bland_altman(pairs_of(values, values))
        assert refused.value.refusal == refusal
