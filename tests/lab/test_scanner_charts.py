"""Charts of scanners from what is recorded, and who is shown which of them."""

from __future__ import annotations

import csv
import math
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

import noctis_lab as nl
from noctis_lab.access import Principal, Role
from noctis_lab.analysis.calibration.charts.standing import STANDINGS, has_stepped
from noctis_lab.catalog.hu_records import HuKind, write_record, write_records
from noctis_lab.errors import CannotCalibrate
from noctis_lab.lab import Lab
from noctis_lab.synthetic import FLEET_CHANGES, simulated_fleet
from tests.lab.fleet_records import (
    analysis_of,
    grant,
    note_known_changes,
    record_fleet,
    scanner_record,
    uid_of,
)

STEADY, DRIFTING, STEPPING = "ACME CT 1 4711", "ACME CT 1 4712", "ACME CT 2 0815"
PROTOCOL = "CatPhan 504, 120 kVp, Br40, 2 mm"
TUBE = FLEET_CHANGES[-1]
FLEET = simulated_fleet()
#: Of two scanners of one facility each; the third's name is both facilities'.
NORTH = [scan for scan in FLEET.scans if scan.scanner == STEADY][:3]
SOUTH = [scan for scan in FLEET.scans if scan.scanner == DRIFTING][:3]
SHARED = [replace(scan, scanner="ACME CT 9 0") for scan in (NORTH[0], SOUTH[0])]


@pytest.fixture(scope="module")
def fleet_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("fleet") / "root"
    with nl.open_lab(root, create=True, min_free_bytes=0) as lab:
        note_known_changes(lab.catalog, record_fleet(lab.catalog))
    return root


@pytest.fixture
def fleet(fleet_root: Path, tmp_path: Path) -> Iterator[Lab]:
    shutil.copytree(fleet_root, tmp_path / "root")
    with nl.open_lab(tmp_path / "root", create=True, min_free_bytes=0) as lab:
        yield lab


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with nl.open_lab(tmp_path / "root", create=True, min_free_bytes=0) as lab:
        yield lab


def person(facility: str, role: Role = Role.RESEARCHER) -> Principal:
    return Principal(name=f"eve of {facility}", role=role, facilities=frozenset({facility}))


def test_a_fleets_charts_tell_what_became_of_each_scanner(fleet: Lab) -> None:
    charts = fleet.calibration.charts()
    assert len(charts) == 3 * 10  # slope, intercept, noise, six inserts and both airs as one
    by_key = {(chart.scanner, chart.quantity): chart for chart in charts}
    steady, drifting = by_key[STEADY, "roi:Teflon"], by_key[DRIFTING, "roi:Teflon"]
    stepping = by_key[STEPPING, "roi:Teflon"]
    assert steady.status in ("in control", "drifting", "step")  # one scan in 180 alarms falsely
    assert drifting.status == "drifting"
    assert [b.reason for b in stepping.baselines] == ["first scans", "service", "tube change"]
    assert [(e.event_kind, e.begins_baseline) for e in stepping.events] == [
        ("service", True),
        ("tube change", True),
    ]
    assert (steady.protocol, steady.unit) == (PROTOCOL, "HU")
    assert (steady.name.display, steady.name.DeviceSerialNumber) == ("CT 1", "4711")
    assert (steady.tolerance.low, steady.tolerance.high) == (941, 1060)  # type: ignore[union-attr]
    scans = [scan for scan in FLEET.scans if scan.scanner == STEADY]
    assert [point.at for point in steady.points] == [scan.at for scan in scans]
    np.testing.assert_allclose(
        [point.value for point in steady.points], [scan.figures["roi:Teflon"] for scan in scans]
    )
    first, last = steady.points[0], steady.points[-1]
    assert first.SOPInstanceUID == f"{uid_of(scans[0])}.1.4"
    assert last.low is not None
    assert last.high is not None
    assert last.high - last.low == pytest.approx(6 * steady.baselines[-1].sigma)  # type: ignore[operator]
    told = {name for chart in charts for point in chart.points for name in point.alarms}
    assert told == {"ewma", "shewhart"}
    assert {chart.status for chart in charts} <= set(STANDINGS)


def test_one_chart_is_asked_for_by_its_key(fleet: Lab) -> None:
    (chart,) = fleet.calibration.charts(STEADY, PROTOCOL, "slope")
    assert (chart.scanner, chart.quantity, chart.unit) == (STEADY, "slope", "")
    assert fleet.calibration.charts(STEADY, "none") == ()
    assert fleet.calibration.charts(quantity="f50_per_mm") == ()
    with pytest.raises(CannotCalibrate) as refused:
        fleet.calibration.charts(quantity="x")
    assert refused.value.refusal == "no_such_quantity"


def test_a_recorded_baseline_takes_the_place_of_an_estimate(fleet: Lab) -> None:
    records = fleet.calibration
    trend = (STEPPING, PROTOCOL, "roi:Teflon")
    tube = TUBE.at.replace(tzinfo=UTC)
    records.set_baseline(trend, reason="new tube", valid_from=tube)
    records.set_baseline(
        trend, reason="told", valid_from=tube.replace(year=2026), center=1, sigma=2
    )
    (chart,) = records.charts(*trend)
    assert [b.reason for b in chart.baselines] == ["first scans", "service", "new tube", "told"]
    third = chart.baselines[2]
    assert third.valid_from == TUBE.at
    assert (third.author, third.estimator) == (records.baselines()["author"][0], "moving range")
    since = [point.value for point in chart.points if point.at >= TUBE.at]
    assert (third.scan_count, third.status) == (len(since), "established")
    assert third.center == pytest.approx(np.mean(since))
    assert third.sigma == pytest.approx(np.abs(np.diff(since)).mean() * math.sqrt(math.pi) / 2)
    assert {p.baseline_number for p in chart.points if p.at >= TUBE.at} == {2}


def test_a_figure_out_of_its_accepted_range_says_so_whatever_its_limits(lab: Lab) -> None:
    for scan in NORTH:
        write_record(lab.catalog, analysis_of(scan))
    record = analysis_of(NORTH[2])
    rois = [{**roi, "nominal_low_hu": 960.0} for roi in record.document["rois"]]
    write_record(lab.catalog, replace(record, document={**record.document, "rois": rois}))
    (chart,) = lab.calibration.charts(quantity="roi:Teflon")
    assert (chart.status, len(chart.points)) == ("out of tolerance", 3)
    (acrylic,) = lab.calibration.charts(quantity="roi:acrylic")
    assert (acrylic.status, acrylic.tolerance) == ("provisional", None)  # 960 to 137 is no range
    (slope,) = lab.calibration.charts(quantity="slope")
    assert slope.status == "provisional"


def test_inserts_of_one_material_are_one_value_of_a_scan(lab: Lab) -> None:
    airs = [
        {"material": "air", "value_hu": v, "se_hu": se} for v, se in ((-990, 0.3), (-1000, 0.4))
    ]
    write_record(lab.catalog, analysis_of(NORTH[0], rois=airs))
    trend = lab.calibration.trend(STEADY, PROTOCOL, "roi:air")
    assert trend[["value", "se"]].to_numpy().tolist() == [[-995, pytest.approx(0.25)]]
    (chart,) = lab.calibration.charts(quantity="roi:air")
    assert [(p.value, p.se) for p in chart.points] == [(-995, pytest.approx(0.25))]


def test_an_analysis_again_takes_the_place_of_the_one_before(lab: Lab) -> None:
    write_record(lab.catalog, analysis_of(NORTH[0]))
    write_record(lab.catalog, analysis_of(NORTH[0], slope=0.5))
    (chart,) = lab.calibration.charts(quantity="slope")
    assert [point.value for point in chart.points] == [0.5]


def test_scans_of_one_protocol_are_one_chart(lab: Lab) -> None:
    """Headers say 0.6 mm in more than one way; the protocol is the same."""
    for scan, thickness_mm in zip(NORTH, (0.6, 0.59999999, 0.6000000238), strict=True):
        write_record(lab.catalog, analysis_of(scan, SliceThickness=thickness_mm))
    (chart,) = lab.calibration.charts(quantity="slope")
    assert chart.protocol == "CatPhan 504, 120 kVp, Br40, 0.6 mm"
    assert (len(chart.points), chart.key.SliceThickness) == (3, 0.6)


def test_no_text_of_an_image_is_a_formula_in_a_spreadsheet(lab: Lab, tmp_path: Path) -> None:
    maker = "=HYPERLINK(1)"
    record = replace(analysis_of(NORTH[0], StationName="@SUM(1)"), scanner=maker)
    write_record(lab.catalog, record)
    counts = [lab.calibration.export(tmp_path / f"t.{suffix}") for suffix in ("csv", "parquet")]
    assert counts == [10, 10]
    with (tmp_path / "t.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["scanner"] for row in rows} == {f"'{maker}"}
    assert {row["scanner_display"] for row in rows} == {"'@SUM(1)"}
    (air,) = (row["value"] for row in rows if row["quantity"] == "roi:air")
    assert float(air) < -900  # a number is none that anybody could have written
    whole = pq.read_table(tmp_path / "t.parquet")
    assert set(whole["scanner"].to_pylist()) == {maker}


def test_documents_that_are_none_leave_the_others_chart_alone(lab: Lab) -> None:
    write_record(lab.catalog, analysis_of(NORTH[0]))
    hostile = {"rois": [3, {"material": 5}], "slope": "1", "AcquisitionDate": 7, "checks": "{"}
    write_record(lab.catalog, analysis_of(NORTH[1], **hostile))
    for told in ({"center": "x"}, {"center": 1, "sigma": -1, "valid_from": "2026-01-01"}, {}):
        key = {"protocol": PROTOCOL, "quantity": "slope"}
        write_record(lab.catalog, scanner_record(STEADY, HuKind.BASELINE, **key, **told))
    write_record(lab.catalog, scanner_record(STEADY, HuKind.SCANNER_EVENT, happened_at="soon"))
    (chart,) = lab.calibration.charts(quantity="slope")
    assert (len(chart.points), len(chart.baselines), chart.events) == (1, 1, ())


@pytest.fixture
def two_facilities(lab: Lab) -> Lab:
    """North's scanner, south's, and one name that both have; what each said of theirs."""
    grant(lab.catalog, NORTH, "north")
    grant(lab.catalog, SOUTH, "south")
    # A collision's: in a study of north's, and north's people are not to see it.
    withheld = analysis_of(NORTH[0], facility="south", slope=7.0)
    seen = [analysis_of(scan) for scan in (*NORTH, *SOUTH, *SHARED)]
    write_records(lab.catalog, [*seen, withheld])
    return lab


def test_who_sees_a_study_sees_its_records_and_no_withheld_series(two_facilities: Lab) -> None:
    everybody = two_facilities.calibration
    assert len(everybody.analyses()) == 9
    north = everybody.seen_by(person("north", Role.VIEWER))
    south = everybody.seen_by(person("south", Role.VIEWER))
    elsewhere = everybody.seen_by(person("elsewhere", Role.VIEWER))
    assert set(north.analyses()["StudyInstanceUID"]) == {uid_of(scan) for scan in NORTH}
    assert 7.0 not in north.analyses()["slope"].tolist()
    assert not north.rois()["is_withheld"].any()
    assert {chart.scanner for chart in north.charts()} == {STEADY, "ACME CT 9 0"}
    assert {chart.scanner for chart in south.charts()} == {DRIFTING, "ACME CT 9 0"}
    assert elsewhere.charts() == ()
    for records in (everybody, north):
        assert 7.0 not in [p.value for c in records.charts(quantity="slope") for p in c.points]
        assert 7.0 not in records.trend(STEADY, PROTOCOL, "slope")["value"].tolist()


def test_a_name_that_two_facilities_share_tells_neither_of_the_other(two_facilities: Lab) -> None:
    records, scanner = two_facilities.calibration, SHARED[0].scanner
    trend = (scanner, PROTOCOL, "slope")
    at = datetime(2023, 1, 1, tzinfo=UTC)
    for place in ("north", "south"):
        who = person(place)
        records.note_event(scanner, "other", note=place, principal=who)
        records.set_baseline(trend, reason=place, center=1, sigma=1, valid_from=at, principal=who)
    records.note_event(scanner, "service", note="everybody's")
    for place in ("north", "south"):
        seen = records.seen_by(person(place))
        assert seen.events()["note"].tolist() == [place, "everybody's"]
        assert seen.baselines()["reason"].tolist() == [place]
        (chart,) = seen.charts(scanner, quantity="slope")
        assert [event.note for event in chart.events] == [place, "everybody's"]
        assert place in [baseline.reason for baseline in chart.baselines]
        assert len(chart.points) == 1
    assert len(records.events()) == 3
    assert records.seen_by(person("elsewhere")).events().empty


def test_a_step_and_a_drift_are_told_apart() -> None:
    rng = np.random.default_rng(5)
    told = {True: 0, False: 0}
    for _ in range(200):
        noise = rng.standard_normal(60)
        told[True] += has_stepped(noise + np.where(np.arange(60) >= 50, 3.0, 0.0))
        told[False] += not has_stepped(noise + 0.08 * np.maximum(0, np.arange(60) - 20))
    assert told[True] > 180
    assert told[False] > 180
