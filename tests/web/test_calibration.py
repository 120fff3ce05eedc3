"""Calibration over HTTP: what one may see of it, and what people of which role may say."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest

from noctis_lab.access import Role
from noctis_lab.catalog import people
from noctis_lab.catalog.hu_records import write_records
from noctis_lab.jobs.calibration.alarms import raise_alarms
from noctis_lab.synthetic import simulated_fleet
from tests.lab.fleet_records import analysis_of, grant, uid_of
from tests.served import Site

API = "/api/v1/dicom/calibration"
STEADY, DRIFTING = "ACME CT 1 4711", "ACME CT 1 4712"
PROTOCOL = "CatPhan 504, 120 kVp, Br40, 2 mm"
FLEET = simulated_fleet().scans
EAST = [scan for scan in FLEET if scan.scanner == STEADY][:22]
WEST = [scan for scan in FLEET if scan.scanner == DRIFTING][:22]


@pytest.fixture
def fleet(site: Site) -> Site:
    """East's scanner, its last scan far off, and west's, which east may not see."""
    people.add_principal(site.catalog, "ray", Role.RESEARCHER, ["east"])
    people.add_principal(site.catalog, "mallory", Role.RESEARCHER, ["west"])
    grant(site.catalog, EAST, "east")
    grant(site.catalog, WEST, "west")
    records = [analysis_of(scan) for scan in (*WEST, *EAST)]
    records[-1] = replace(records[-1], document={**records[-1].document, "slope": 1.3})
    write_records(site.catalog, records)
    assert len(raise_alarms(site.catalog, site.archive.ledger, records[-1])) == 2
    return site


def test_one_reads_what_is_of_studies_that_one_may_see(fleet: Site) -> None:
    with fleet.client("eve") as eve, fleet.client("mallory") as mallory, fleet.client() as admin:
        found = eve.get(f"{API}/records/analyses", params={"limit": 5, "offset": 20}).json()
        assert (found["total"], found["offset"], len(found["rows"])) == (22, 20, 2)
        assert {row["StudyInstanceUID"] for row in found["rows"]} <= {uid_of(s) for s in EAST}
        assert found["rows"][0]["recorded_at"] == "2026-01-02T00:00:00+00:00"
        assert admin.get(f"{API}/records/analyses").json()["total"] == 44
        beyond = eve.get(f"{API}/records/analyses", params={"offset": 22}).json()
        assert (beyond["total"], beyond["rows"]) == (22, [])
        one = analysis_of(EAST[0]).SeriesInstanceUID
        rois = eve.get(f"{API}/records/rois", params={"SeriesInstanceUID": one}).json()
        assert rois["total"] == 7
        assert mallory.get(f"{API}/records/rois", params={"SeriesInstanceUID": one}).json() == {
            "total": 0,
            "offset": 0,
            "rows": [],
        }
        which = {"scanner": STEADY, "protocol": PROTOCOL, "quantity": "slope"}
        assert len(eve.get(f"{API}/trend", params=which).json()) == 22
        assert mallory.get(f"{API}/trend", params=which).json() == []
        fleet_charts = eve.get(f"{API}/charts").json()
        assert {(chart["scanner"], chart["points"]) for chart in fleet_charts} == {(STEADY, None)}
        (chart,) = eve.get(f"{API}/charts", params=which).json()
        assert (chart["status"], len(chart["points"])) == ("step", 22)
        assert chart["points"][-1]["alarms"] == ["shewhart", "ewma"]
        assert chart["baselines"][0]["status"] == "established"
        assert mallory.get(f"{API}/charts", params=which).json() == []
    with fleet.client(None) as nobody:
        assert nobody.get(f"{API}/charts").status_code == 401


def test_an_alarm_is_acknowledged_by_who_may(fleet: Site) -> None:
    with fleet.client("eve") as eve, fleet.client("mallory") as mallory, fleet.client("ray") as ray:
        found = eve.get(f"{API}/alarms", params={"state": "open"}).json()
        assert found["total"] == 2
        assert {row["quantity"] for row in found["rows"]} == {"slope"}
        windows = [
            eve.get(f"{API}/alarms", params={"offset": offset, "limit": 1}).json()
            for offset in (0, 1, 2)
        ]
        assert [window["total"] for window in windows] == [2, 2, 2]
        seen = [row["alarm_id"] for window in windows for row in window["rows"]]
        assert seen == [row["alarm_id"] for row in found["rows"]]
        assert mallory.get(f"{API}/alarms").json()["total"] == 0
        address = f"{API}/alarms/{found['rows'][0]['alarm_id']}/acknowledge"
        note = {"note": "phantom upside down"}
        assert eve.post(address, json=note).status_code == 403
        missing = mallory.post(address, json=note)
        assert (missing.status_code, "what_to_do" in missing.json()) == (404, True)
        assert ray.post(address, json={"note": ""}).status_code == 422
        assert ray.post(address, json=note).status_code == 200
        assert eve.get(f"{API}/alarms", params={"state": "open"}).json()["total"] == 1
        (row,) = eve.get(f"{API}/alarms", params={"state": "acknowledged"}).json()["rows"]
        assert (row["acknowledged_by"], row["acknowledgement_note"]) == ("ray", note["note"])


def test_events_and_baselines_are_said_by_who_may(fleet: Site) -> None:
    event = {"scanner": STEADY, "event_kind": "tube change", "happened_at": "2024-03-01T08:00:00"}
    key = {"scanner": STEADY, "protocol": PROTOCOL, "quantity": "slope"}
    baseline = {**key, "reason": "new tube", "valid_from": "2024-03-01T08:00:00+02:00"}
    with fleet.client("eve") as eve, fleet.client("mallory") as mallory, fleet.client("ray") as ray:
        for path, body in (("events", event), ("baselines", baseline)):
            assert eve.post(f"{API}/{path}", json=body).status_code == 403
            assert mallory.post(f"{API}/{path}", json=body).status_code == 403
            answer = ray.post(f"{API}/{path}", json=body)
            assert answer.status_code == 200, answer.text
            assert len(answer.json()["record_id"]) == 32
        for path, body in (
            ("events", event | {"event_kind": "coffee"}),
            ("events", event | {"note": "x" * 501}),
            ("events", event | {"happened_at": "0001-01-01T00:00:00+14:00"}),
            ("baselines", baseline | {"valid_from": "9999-12-31T23:59:59-14:00"}),
            ("baselines", baseline | {"sigma": -1, "center": 0}),
            ("baselines", baseline | {"sigma": 1}),
            ("baselines", baseline | {"quantity": "x"}),
            ("baselines", baseline | {"more": 1}),
        ):
            refused = ray.post(f"{API}/{path}", json=body)
            assert refused.status_code == 422, (path, body)
            assert refused.json()["came"]
        (chart,) = eve.get(f"{API}/charts", params=key).json()
        assert [(b["reason"], b["author"]) for b in chart["baselines"]][-1] == ("new tube", "ray")
        assert chart["baselines"][-1]["valid_from"] == "2024-03-01T08:00:00"
        assert [e["at"] for e in chart["events"]] == ["2024-03-01T08:00:00"]
        assert mallory.get(f"{API}/records/events").json()["total"] == 0
        assert eve.get(f"{API}/records/events").json()["total"] == 1


def test_scanners_are_compared_and_records_exported_within_ones_sight(fleet: Site) -> None:
    import pyarrow.parquet as pq

    which = {"first": STEADY, "second": DRIFTING, "quantity": "roi:Teflon"}
    with fleet.client("eve") as eve, fleet.client() as admin:
        found = admin.get(f"{API}/comparison", params=which).json()
        assert abs(found["bias"]) < 1
        assert found["low"] < found["bias"] < found["high"]
        assert len(found["means"]) == len(found["labels"]) >= 18
        refused = eve.get(f"{API}/comparison", params=which)
        assert (refused.status_code, "no_scans" in refused.text) == (422, True)
        text = eve.get(f"{API}/export/trends.csv").text.splitlines()
        assert text[0].startswith("scanner,scanner_display,protocol,quantity,unit,scanner_time")
        assert len(text) == 1 + 22 * 10
        assert {line.split(",")[0] for line in text[1:]} == {STEADY}
        table = pq.read_table(io.BytesIO(admin.get(f"{API}/export/rois.parquet").content))
        assert table.num_rows == 44 * 7
        assert eve.get(f"{API}/export/analyses.xls").status_code == 422
        assert eve.get(f"{API}/export/audit.csv").status_code == 422
        assert eve.get(f"{API}/anything-new").status_code == 404
        wrong = eve.get(f"{API}/records/events", params={"analysis_id": "0" * 32})
        assert wrong.status_code == 422
        assert eve.get(f"{API}/records/audit").status_code == 422
        assert eve.get(f"{API}/records/rois", params={"limit": 1001}).status_code == 422


def test_an_alarm_is_heard_by_who_may_see_its_study(fleet: Site) -> None:
    # After the alarms one more of west's, so that its stream goes past them before it ends.
    write_records(fleet.catalog, [analysis_of(WEST[0])])
    heard = {}
    for name in ("eve", "mallory"):
        with (
            fleet.client(name) as client,
            client.stream(
                "GET", "/api/v1/dicom/notifications/stream", headers={"Last-Event-ID": "0"}
            ) as stream,
        ):
            kinds = []
            for line in stream.iter_lines():
                if line.startswith("event: "):
                    kinds.append(line.removeprefix("event: "))
                    if kinds.count("hu-recorded") == {"eve": 24, "mallory": 23}[name]:
                        break
            heard[name] = kinds
    assert heard["eve"].count("hu-alarm") >= 1
    assert "hu-alarm" not in heard["mallory"]


def test_a_report_is_of_a_series_that_one_may_see(fleet: Site) -> None:
    scan = EAST[0]
    address = f"/api/v1/dicom/studies/{uid_of(scan)}/series/{uid_of(scan)}.1/calibration-report"
    with fleet.client("eve") as eve, fleet.client("mallory") as mallory:
        answer = eve.get(address)
        assert answer.status_code == 200, answer.text
        assert "CatPhan 504 on ACME CT 1 4711" in answer.text
        assert mallory.get(address).status_code == 404
