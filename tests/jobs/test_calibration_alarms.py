"""Alarms of scanners: raised once by what is recorded, kept, told, acknowledged by a person."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import noctis_lab as nl
from noctis_lab.access import Principal, Role
from noctis_lab.catalog.hu_records import HuKind, HuRecord, write_records
from noctis_lab.errors import AccessDenied, CannotCalibrate
from noctis_lab.events import HuAlarm
from noctis_lab.ingest.rebuild import rebuild
from noctis_lab.jobs.calibration.alarms import REARMED_AFTER, alarms_of, raise_alarms
from noctis_lab.jobs.calibration.charts import charts_of
from noctis_lab.lab import Lab
from noctis_lab.synthetic import FLEET_CHANGES, FleetScan, simulated_fleet
from tests.catalog.catalog_entries import entry
from tests.lab.fleet_records import analysis_of, grant, scanner_record
from tests.receipts import RECEIPT

STEADY, DRIFTING, STEPPING = "ACME CT 1 4711", "ACME CT 1 4712", "ACME CT 2 0815"
DRIFT, STEP, SERVICE, TUBE = FLEET_CHANGES
AT = datetime(2026, 1, 2, tzinfo=UTC)
FLEET = simulated_fleet()
WEEK = timedelta(weeks=1)


def scans_of(scanner: str) -> list[FleetScan]:
    return [scan for scan in FLEET.scans if scan.scanner == scanner]


def raised(scanner: str) -> list[tuple[datetime, HuRecord]]:
    """Go through two years scan by scan, events noted when they happen; acrylic's alarms alone."""
    records: list[HuRecord] = []
    known: set[str] = set()
    found = []
    changes = [c for c in FLEET_CHANGES if c.is_known and c.scanner == scanner]
    for scan in scans_of(scanner):
        while changes and changes[0].at <= scan.at:
            change = changes.pop(0)
            at = change.at.replace(tzinfo=UTC).isoformat()
            told = {"event_kind": change.kind, "scanner_time": at}
            records.append(scanner_record(scanner, HuKind.SCANNER_EVENT, **told))
        record = analysis_of(scan)
        records.append(record)
        charts = charts_of(records, quantity="roi:acrylic")
        for alarm in alarms_of(charts, str(record.reference), known, recorded_at=AT):
            known.add(alarm.record_id)
            found.append((scan.at, alarm))
    return found


def test_a_fleet_of_two_years_raises_the_alarms_that_it_should() -> None:
    steady, drifting, stepping = map(raised, (STEADY, DRIFTING, STEPPING))
    assert len(steady) <= 4  # 98 scans: one false alarm in 180, and limits of twenty scans
    drifted = [at for at, alarm in drifting if alarm.document["rule"] == "ewma" and at >= DRIFT.at]
    assert DRIFT.at < drifted[0] < DRIFT.at + 45 * WEEK
    stepped = [at for at, _ in stepping if STEP.at <= at < SERVICE.at]
    assert stepped[0] < STEP.at + 6 * WEEK
    # The tube's change is known of: its new state is its baseline's, and no alarm.
    after = [alarm for at, alarm in stepping if at >= TUBE.at]
    assert len(after) <= 2
    assert all(alarm.document["is_provisional"] for alarm in after[:1])


def test_a_change_of_tube_that_nobody_noted_is_told_at_its_first_scan() -> None:
    scans = scans_of(STEPPING)
    before = [s for s in scans if SERVICE.at <= s.at < TUBE.at]
    first = next(s for s in scans if s.at >= TUBE.at)
    records = [analysis_of(scan) for scan in (*before, first)]
    charts = charts_of(records, quantity="roi:Teflon")
    found = list(alarms_of(charts, str(records[-1].reference), (), recorded_at=AT))
    told = {alarm.document["rule"] for alarm in found if alarm.reference == records[-1].reference}
    assert told == {"shewhart", "ewma"}
    known = {each.record_id for each in found}
    assert list(alarms_of(charts, str(records[-1].reference), known, recorded_at=AT)) == []


def told_at(
    offsets_hu: Sequence[float], *, looked_at_after: int = -1, begins_at: int | None = None
) -> list[int]:
    """Return at which scans after 20 in control Shewhart's rule raises an alarm.

    `looked_at_after`: the scan after which somebody acknowledges what there is; `begins_at`: the
    scan with which a baseline begins that says the same.
    """
    usual = [100 + (-1) ** number / 2 for number in range(20)]
    values = [*usual, *(100 + offset for offset in offsets_hu)]
    records: list[HuRecord] = []
    known: list[str] = []
    looked_at: list[str] = []
    found = []
    for number, (scan, value) in enumerate(zip(scans_of(STEADY), values, strict=False), start=-20):
        if number == begins_at:
            key = {"protocol": "CatPhan 504, 120 kVp, Br40, 2 mm", "quantity": "noise_hu"}
            at = scan.at.replace(tzinfo=UTC).isoformat()
            told = {"center": 100, "sigma": 0.9, "scan_count": 20, "scanner_time": at}
            records.append(scanner_record(STEADY, HuKind.BASELINE, **key, **told))
        records.append(analysis_of(scan, noise_hu=value))
        raised = [
            alarm.record_id
            for alarm in alarms_of(
                charts_of(records, quantity="noise_hu"),
                *(str(records[-1].reference), known),
                looked_at=looked_at,
                recorded_at=AT,
            )
            if alarm.document["rule"] == "shewhart"
        ]
        known += raised
        found += [number] * len(raised)
        looked_at += known if number == looked_at_after else []
    return found


OFF, WITHIN = 10.0, 0.0


def test_an_alarm_speaks_for_all_scans_until_enough_in_a_row_are_within() -> None:
    assert told_at([OFF, OFF, WITHIN, OFF, WITHIN, WITHIN, OFF]) == [0]
    few, enough = [WITHIN] * (REARMED_AFTER - 1), [WITHIN] * REARMED_AFTER
    assert told_at([OFF, *few, OFF, *few, OFF]) == [0]
    assert told_at([OFF, *enough, OFF, OFF]) == [0, 1 + REARMED_AFTER]
    assert told_at([OFF, -OFF, OFF, -OFF]) == [0, 1]  # one for each side
    assert told_at([OFF, OFF, OFF], begins_at=1) == [0, 1]


def test_what_leaves_its_limits_anew_after_somebody_looked_is_told_at_once() -> None:
    assert told_at([OFF, OFF, OFF], looked_at_after=0) == [0]  # it has not been within since
    assert told_at([OFF, OFF, WITHIN, OFF, OFF, WITHIN, OFF], looked_at_after=1) == [0, 3]


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with nl.open_lab(tmp_path / "root", create=True, min_free_bytes=0) as lab:
        yield lab


SCANS = scans_of(STEADY)[:24]


@pytest.fixture
def alarmed(lab: Lab) -> Lab:
    """24 scans, the last 20 HU off in Teflon, and out of tolerance in slope."""
    grant(lab.catalog, SCANS, "north")
    records = [analysis_of(scan) for scan in SCANS]
    last = records[-1].document
    rois = [
        {**roi, "value_hu": roi["value_hu"] + 20 * (roi["material"] == "Teflon")}
        for roi in last["rois"]
    ]
    checks = '[{"figure": "slope", "low": 1.2, "high": 1.3, "value": 1, "verdict": "fail"}]'
    told = {**last, "rois": rois, "checks": checks, "tolerance_set": "own"}
    records[-1] = replace(records[-1], document=told)
    write_records(lab.catalog, records)
    assert len(raise_alarms(lab.catalog, lab.ledger, records[-1])) == 3
    assert raise_alarms(lab.catalog, lab.ledger, records[-1]) == []
    return lab


def person(facility: str, role: Role = Role.RESEARCHER) -> Principal:
    return Principal(name=f"eve of {facility}", role=role, facilities=frozenset({facility}))


def test_an_alarm_is_a_row_an_event_and_survives_a_rebuild(alarmed: Lab) -> None:
    rows = alarmed.sql(
        "SELECT quantity, rule, side, value, center, limit_value, scan_number, SOPInstanceUID, "
        "scanner, is_withheld, alarm_id FROM hu_alarm ORDER BY quantity, rule"
    ).fetchall()
    assert [row[:3] for row in rows] == [
        *(("roi:Teflon", "ewma", "high"), ("roi:Teflon", "shewhart", "high")),
        ("slope", "tolerance", "low"),
    ]
    _, shewhart, slope = rows
    assert shewhart[3] == pytest.approx(shewhart[4] + 20, abs=2)
    assert shewhart[4] < shewhart[5] < shewhart[3]
    assert (shewhart[6], shewhart[7]) == (24, f"{analysis_of(SCANS[-1]).StudyInstanceUID}.1.4")
    assert (slope[5], slope[8], slope[9]) == (1.2, STEADY, False)
    events = [event for _, event in alarmed.catalog.poll_events(0) if isinstance(event, HuAlarm)]
    assert sorted(event.alarm_id for event in events) == sorted(row[-1] for row in rows)
    assert {(e.scanner_display, e.SeriesInstanceUID) for e in events} == {
        ("CT 1", analysis_of(SCANS[-1]).SeriesInstanceUID)
    }
    alarmed.calibration.acknowledge(rows[0][-1], note="the phantom was warm")
    before = alarmed.calibration.alarms().sort_values("alarm_id").astype(str)
    root = alarmed.settings.root
    alarmed.close()
    assert rebuild(root).skipped == ()
    with nl.open_lab(root) as again:
        after = again.calibration.alarms().sort_values("alarm_id").astype(str)
        assert after.to_dict("records") == before.to_dict("records")


def test_an_acknowledgement_lets_its_whole_chart_alarm_again(alarmed: Lab) -> None:
    """One of a chart's alarms is acknowledged, as a page lets one do: the newest."""
    within, off = (analysis_of(scan) for scan in scans_of(STEADY)[24:26])
    rois = [
        {**roi, "value_hu": roi["value_hu"] + 20 * (roi["material"] == "Teflon")}
        for roi in off.document["rois"]
    ]
    off = replace(off, document={**off.document, "rois": rois})
    of_chart = alarmed.calibration.alarms(quantity="roi:Teflon")
    alarmed.calibration.acknowledge(str(of_chart["alarm_id"].iloc[-1]), note="off its mark")
    raised = []
    for record in (within, off):
        write_records(alarmed.catalog, [record])
        raised += raise_alarms(alarmed.catalog, alarmed.ledger, record)
    # The moving average has not been within since, and says nothing new.
    assert [(a.document["quantity"], a.document["rule"]) for a in raised] == [
        ("roi:Teflon", "shewhart")
    ]


def test_who_may_calibrate_and_sees_it_acknowledges_an_alarm(alarmed: Lab) -> None:
    records = alarmed.calibration
    first = str(records.alarms()["alarm_id"][0])
    for who, refused in (
        (person("north", Role.VIEWER), AccessDenied),
        (person("south"), CannotCalibrate),
    ):
        with pytest.raises(refused):
            records.acknowledge(first, note="x", principal=who)
    assert records.seen_by(person("south")).alarms().empty
    north = person("north")
    assert len(records.seen_by(north).alarms()) == 3
    for note in ("looked at", "phantom was off its mark"):
        records.acknowledge(first, note=note, principal=north)
    told = records.alarms().set_index("alarm_id").loc[first]
    assert (told["acknowledged_by"], told["acknowledgement_note"]) == (
        *("eve of north", "phantom was off its mark"),
    )
    assert records.alarms()["acknowledged_by"].notna().sum() == 1
    with pytest.raises(CannotCalibrate) as refused_note:
        records.acknowledge(first, note=" ", principal=north)
    assert refused_note.value.refusal == "no_note"
    with alarmed.catalog.connections.read() as connection:
        audited = connection.exec_driver_sql("SELECT action, principal, subject FROM audit").all()
    assert [tuple(row) for row in audited] == [
        ("acknowledge-alarm", "eve of north", STEADY) for _ in range(2)
    ]


def test_a_study_that_two_facilities_hold_is_judged_by_what_both_of_them_see(
    tmp_path: Path,
) -> None:
    *before, shared = scans_of(STEADY)[:8]
    with nl.open_lab(tmp_path / "root", create=True) as lab:
        grant(lab.catalog, before, "north")
        records = [analysis_of(scan, slope=1 + n % 2 / 1000) for n, scan in enumerate(before)]
        write_records(lab.catalog, records)
        off = analysis_of(shared, slope=1.5)
        grant(lab.catalog, [shared], "north")
        image = entry(1, study=str(off.StudyInstanceUID)).SOPInstanceUID
        lab.catalog.commit_receipt(image, replace(RECEIPT, facility="south"))
        assert lab.catalog.facilities_of(str(off.StudyInstanceUID)) == {"north", "south"}
        write_records(lab.catalog, [off])
        # Seven scans that only north sees would say so: south learns nothing of them.
        assert raise_alarms(lab.catalog, lab.ledger, off) == []
        # North is told with its next scan, and at that one: south would see an alarm of the other.
        following = scans_of(STEADY)[8]
        grant(lab.catalog, [following], "north")
        write_records(lab.catalog, [own := analysis_of(following, slope=1.5)])
        raised = raise_alarms(lab.catalog, lab.ledger, own)
        assert "slope" in {each.document["quantity"] for each in raised}
        assert {each.reference for each in raised} == {own.reference}
        assert lab.calibration.seen_by(person("south")).alarms().empty


def test_limits_that_a_person_gave_for_one_analysis_judge_none_after_it() -> None:
    checks = '[{"figure": "slope", "low": 1.2, "high": 1.3, "verdict": "fail", "value": 1}]'
    first, second = scans_of(STEADY)[:2]
    held = analysis_of(first, tolerance_set="acr", checks=checks)
    (alone,) = charts_of([held], quantity="slope")
    assert alone.tolerance is not None
    assert [breach.limit for breach in alone.breaches] == [1.2]
    (both,) = charts_of([held, analysis_of(second)], quantity="slope")
    assert (both.tolerance, both.breaches) == (None, ())
