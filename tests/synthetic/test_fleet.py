"""The simulated fleet: what is true of it, and that it is the same each time."""

from __future__ import annotations

import datetime

import numpy as np
import pytest

from noctis_lab.synthetic import FLEET_CHANGES, FLEET_SIGMA_HU, simulated_fleet


def test_a_seed_gives_the_same_fleet() -> None:
    assert simulated_fleet() == simulated_fleet(504)
    assert simulated_fleet(1).scans[0].figures != simulated_fleet(2).scans[0].figures
    with pytest.raises(ValueError, match="non-negative"):
        simulated_fleet(-1)


def test_three_scanners_are_scanned_for_two_years_in_order() -> None:
    scans = simulated_fleet().scans
    assert len({scan.scan_id for scan in scans}) == len(scans)
    at = [scan.at for scan in scans]
    assert at == sorted(at)
    assert at[0].date() == datetime.date(2024, 1, 8)
    assert at[-1].date() == datetime.date(2025, 12, 29)
    assert len({scan.scanner for scan in scans}) == 3
    closed = {scan.week for scan in scans if scan.scanner == "ACME CT 1 4711"}
    assert not closed & set(range(60, 66))


def test_every_scan_comes_on_the_side_of_a_change_that_its_week_says() -> None:
    for scan in simulated_fleet().scans:
        for change in FLEET_CHANGES:
            assert (scan.at >= change.at) == (scan.week >= change.week)


def test_figures_are_the_true_ones_with_the_stated_errors() -> None:
    fleets = [simulated_fleet(seed) for seed in range(30)]

    def of(scanner: str, figure: str, weeks: range) -> np.ndarray:
        return np.array(
            [
                scan.figures[figure]
                for fleet in fleets
                for scan in fleet.scans
                if scan.scanner == scanner and scan.week in weeks
            ]
        )

    steady = of("ACME CT 1 4711", "roi:Teflon", range(104))
    assert steady.mean() == pytest.approx(951, abs=0.05)
    assert steady.std() == pytest.approx(FLEET_SIGMA_HU, rel=0.05)
    assert pytest.approx(0.5) == FLEET_SIGMA_HU
    drifted = of("ACME CT 1 4712", "roi:air", range(103, 104))
    assert drifted.mean() == pytest.approx(-1000 + 64 * 0.015, abs=0.35)
    assert of("ACME CT 2 0815", "roi:air", range(36, 48)).mean() == pytest.approx(-999, abs=0.15)
    assert of("ACME CT 2 0815", "roi:air", range(48, 72)).mean() == pytest.approx(-1000, abs=0.1)
    tube = range(72, 104)
    assert of("ACME CT 2 0815", "roi:Teflon", tube).mean() == pytest.approx(957.706, abs=0.1)
    assert of("ACME CT 2 0815", "slope", tube).mean() == pytest.approx(1.006, abs=1e-4)
    assert of("ACME CT 2 0815", "noise_hu", tube).mean() == pytest.approx(3.2, abs=0.01)


def test_the_line_is_least_squares_through_the_inserts() -> None:
    figures = simulated_fleet().scans[7].figures
    true = {
        "air": -1000,
        "PMP": -190,
        "LDPE": -102,
        "polystyrene": -47,
        "acrylic": 116,
        "Delrin": 345,
        "Teflon": 951,
    }
    measured = [figures[f"roi:{material}"] for material in true]
    slope, intercept = np.polyfit(list(true.values()), measured, 1)
    assert figures["slope"] == pytest.approx(slope, abs=1e-9)
    assert figures["intercept_hu"] == pytest.approx(intercept, abs=1e-6)
