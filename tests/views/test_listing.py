"""The worklist over the component's own messages: the same rows, the same policy as the API."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from noctis_lab.access import ADMIN, Principal, Role
from noctis_lab.catalog.records import Receipt, ReceiptSource
from noctis_lab.catalog.serving import Service, serving
from noctis_lab.config import open_settings
from noctis_lab.ingest.archive import open_archive
from noctis_lab.lab import Lab, open_lab
from noctis_lab.synthetic import ct_series, write_series
from noctis_lab.views.listing_channel import ListingChannel
from noctis_lab.views.status import describe_status

EVERYTHING = Principal(name=ADMIN, role=Role.ADMIN, facilities=None)
EAST_ONLY = Principal(name="eve", role=Role.VIEWER, facilities=frozenset({"east"}))


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = open_settings({"root": tmp_path / "root", "min_free_bytes": 0, "dicom_port": port})
    with open_archive(settings, may_migrate=True) as archive:
        for facility in ("east", "west"):
            receipt = Receipt(
                source=ReceiptSource.FOLDER,
                facility=facility,
                calling_aet="",
                called_aet="",
                received_at=datetime(2026, 1, 1, tzinfo=UTC),
            )
            planes = ct_series(planes=3, PatientName=f"{facility.upper()}^A", seed=facility)
            for path in write_series(planes, tmp_path / facility):
                assert archive.pipeline.admit_file(path, receipt).outcome == "stored"
    with open_lab(settings=settings) as opened:
        yield opened


def ask(lab: Lab, principal: Principal, **question: Any) -> dict[str, Any]:
    sent: list[dict[str, Any]] = []
    channel = ListingChannel(lab, principal, sent.append)
    asyncio.run(channel.answer({"kind": "ask", "id": "1", **question}))
    (answer,) = sent
    return answer


def names(answer: dict[str, Any]) -> list[str]:
    return [study["PatientName"] for study in answer["body"]["studies"]]


def test_rows_are_what_json_takes_and_only_what_the_principal_may_see(lab: Lab) -> None:
    everything = ask(lab, EVERYTHING, what="search", sort="PatientName")
    assert names(everything) == ["EAST^A", "WEST^A"]
    assert json.loads(json.dumps(everything)) == everything
    assert names(ask(lab, EAST_ONLY, what="search")) == ["EAST^A"]
    assert ask(lab, EAST_ONLY, what="facets")["body"] == {
        "modalities": {"CT": 1},
        "facilities": {"east": 1},
    }


def test_the_folder_is_told_to_who_sees_all_and_where_it_must_be_named(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = lab.settings.root
    assert ask(lab, EVERYTHING, what="status")["body"]["root"] == str(root)
    assert ask(lab, EAST_ONLY, what="status")["body"]["root"] is None
    (root.parent / "noctis").symlink_to(root)
    monkeypatch.setenv("HOME", str(root.parent))
    usual = open_settings({"dicom_port": lab.settings.dicom_port})
    with open_lab(settings=usual) as the_usual:
        assert ask(the_usual, EVERYTHING, what="status")["body"]["root"] is None


def test_another_facilitys_study_is_not_there(lab: Lab) -> None:
    east, west = ask(lab, EVERYTHING, what="search", sort="PatientName")["body"]["studies"]
    own = ask(lab, EAST_ONLY, what="series", StudyInstanceUID=east["StudyInstanceUID"])
    assert [series["image_count"] for series in own["body"]] == [3]
    foreign = ask(lab, EAST_ONLY, what="series", StudyInstanceUID=west["StudyInstanceUID"])
    assert "body" not in foreign
    picture = {
        "what": "thumbnail",
        "StudyInstanceUID": west["StudyInstanceUID"],
        "SeriesInstanceUID": west["thumbnail_series"],
    }
    assert "body" not in ask(lab, EAST_ONLY, **picture)
    assert ask(lab, EVERYTHING, **picture)["body"].startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "question",
    [
        {"what": "search", "limit": 100_000},
        {"what": "search", "offset": -1},
        {"what": "search", "text": 7},
        {"what": "everything"},
        {},
    ],
)
def test_what_a_browser_may_not_ask_is_answered_in_words(
    lab: Lab, question: dict[str, Any]
) -> None:
    answer = ask(lab, EVERYTHING, **question)
    assert "body" not in answer
    assert answer["error"]


def test_events_tell_what_changed_since(lab: Lab) -> None:
    last = ask(lab, EVERYTHING, what="events")["body"]["last"]
    again = ask(lab, EVERYTHING, what="events", after=last)["body"]
    assert again == {"last": last, "happened": []}
    happened = ask(lab, EVERYTHING, what="events", after=last - 3)["body"]["happened"]
    assert [event["kind"] for event in happened] == ["instance-stored"] * 3
    assert ask(lab, EVERYTHING, what="events", after=True)["body"] == again


def test_events_of_another_facility_are_not_told(lab: Lab) -> None:
    (east,) = ask(lab, EAST_ONLY, what="search")["body"]["studies"]
    told = ask(lab, EAST_ONLY, what="events", after=0)["body"]
    assert {event["StudyInstanceUID"] for event in told["happened"]} == {east["StudyInstanceUID"]}
    assert told["last"] == ask(lab, EVERYTHING, what="events", after=0)["body"]["last"]


def test_the_status_is_what_is_known_and_theirs(lab: Lab) -> None:
    whole = ask(lab, EVERYTHING, what="status")["body"]
    assert (whole["studies"], whole["series"], whole["instances"]) == (2, 2, 6)
    assert whole["receiver"]["listening"] is False
    own = ask(lab, EAST_ONLY, what="status")["body"]
    assert (own["studies"], own["series"], own["instances"]) == (1, None, None)


def test_the_status_starts_no_thread_and_asks_no_columns(lab: Lab) -> None:
    before = threading.enumerate()
    describe_status(lab, EAST_ONLY, listening=False)
    assert threading.enumerate() == before


def test_a_receiver_that_listens_is_said_to(lab: Lab) -> None:
    port = lab.settings.dicom_port
    with socket.create_server((lab.settings.dicom_host, port)):
        anothers = ask(lab, EVERYTHING, what="status")["body"]
        with serving(lab.settings.root, Service.RECEIVER, port):
            own = ask(lab, EVERYTHING, what="status")["body"]
    assert anothers["receiver"]["listening"] is False
    assert own["receiver"]["listening"] is True
