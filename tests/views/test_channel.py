"""A view's own channel: one series' pixels, in words where it cannot."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest

import noctis_lab as nl
from noctis_lab.config import open_settings
from noctis_lab.lab import Lab
from noctis_lab.synthetic import ct_series, formula_stored
from noctis_lab.views.channel import Channel
from noctis_lab.volumes.cache import Handle, open_handle
from tests.lab.filling import fill
from tests.volumes.archive import admit

PLANES, ROWS, COLUMNS = 5, 16, 24


@pytest.fixture
def handle(tmp_path: Path) -> Iterator[Handle]:
    with open_handle(open_settings({"root": tmp_path / "archive"})) as opened:
        admit(opened, ct_series(planes=PLANES, rows=ROWS, columns=COLUMNS), tmp_path / "one")
        admit(opened, ct_series(planes=2, seed="other"), tmp_path / "other")
        yield opened


@pytest.fixture
def uids() -> tuple[str, str]:
    first, other = ct_series(planes=1)[0], ct_series(planes=1, seed="other")[0]
    return str(first.SeriesInstanceUID), str(other.SeriesInstanceUID)


def ask(handle: Handle, series: str, **question: Any) -> dict[str, Any]:
    """Ask one question of the channel of a series; return the answer."""
    said: list[dict[str, Any]] = []
    channel = Channel(handle, handle.catalog.find_series(series), said.append)
    asked = {"kind": "ask", "id": "q1", "SeriesInstanceUID": series} | question
    asyncio.run(channel.answer(asked))
    (answer,) = said
    assert answer["kind"] == "answer"
    assert answer["id"] == "q1"
    return answer


def test_pixels_are_the_stored_values_of_the_frames_asked_for(
    handle: Handle, uids: tuple[str, str]
) -> None:
    stack = ask(handle, uids[0], what="stack")["body"]
    assert [frame["dtype"] for frame in stack["frames"]] == ["int16"] * PLANES
    revision = stack["revision"]
    answer = ask(handle, uids[0], what="pixels", first=1, count=3, revision=revision)
    pixels = np.frombuffer(answer["body"], "<i2").reshape(3, ROWS, COLUMNS)
    assert np.array_equal(pixels, formula_stored(PLANES, ROWS, COLUMNS)[1:4])


def test_elements_are_those_of_the_instance(handle: Handle, uids: tuple[str, str]) -> None:
    stack = ask(handle, uids[0], what="stack")["body"]
    uid = stack["frames"][2]["SOPInstanceUID"]
    elements = {
        item["path"]: item
        for item in ask(handle, uids[0], what="elements", SOPInstanceUID=uid)["body"]
    }
    assert elements["SOPInstanceUID"]["value"] == uid
    assert elements["Modality"] == {
        "path": "Modality", "tag": "0008,0060", "VR": "CS", "value": "CT",
    }  # fmt: skip


@pytest.mark.parametrize(
    "question",
    [
        {"what": "pixels", "first": 4, "count": 9},
        {"what": "pixels", "first": -1, "count": 1},
        {"what": "pixels", "first": "0", "count": 1},
        {"what": "pixels", "first": 0, "count": 1, "revision": "of another day"},
        {"what": "secrets"},
        {"what": "elements", "SOPInstanceUID": "1.2.3"},
        {},
    ],
)
def test_what_there_is_not_is_answered_in_words(
    handle: Handle, uids: tuple[str, str], question: dict[str, Any]
) -> None:
    answer = ask(handle, uids[0], **question)
    assert "body" not in answer
    assert len(answer["error"]) > 10


def test_pixels_of_an_earlier_description_are_told_from_other_refusals(
    handle: Handle, uids: tuple[str, str]
) -> None:
    asked = {"what": "pixels", "first": 0, "count": 1}
    assert ask(handle, uids[0], **asked, revision="of another day")["status"] == 409
    assert ask(handle, uids[0], **asked | {"first": 99})["status"] == 404


def test_a_refusal_has_the_status_that_the_api_gives_it(
    handle: Handle, uids: tuple[str, str]
) -> None:
    with Lab(handle.settings) as lab:
        row = handle.catalog.find_series(uids[0])
        said: list[dict[str, Any]] = []
        channel = Channel(handle, row, said.append, lab=lab)
        for question, status in (
            # Of kinds that refine those of the table, which a client is not to repeat.
            ({"what": "make-surface", "surface": {"kind": "cloud"}}, 422),
            ({"what": "save-window-preset", "preset": {"name": ""}}, 422),
            ({"what": "surface-stl", "key": "0" * 32}, 404),
        ):
            asked = {"kind": "ask", "id": "q", "SeriesInstanceUID": uids[0]} | question
            asyncio.run(channel.answer(asked))
            assert said[-1]["status"] == status, question


def test_another_series_is_not_read(handle: Handle, uids: tuple[str, str]) -> None:
    for what in ("stack", "pixels"):
        answer = ask(handle, uids[0], SeriesInstanceUID=uids[1], what=what, first=0, count=1)
        assert answer["error"] == "this view is of another series"
    (row, *_) = handle.catalog.instances_of(uids[1])
    answer = ask(handle, uids[0], what="elements", SOPInstanceUID=row.SOPInstanceUID)
    assert answer["error"] == "this view is of another series"


def test_questions_are_answered_off_the_thread_and_no_more_than_are_bounded(
    handle: Handle, uids: tuple[str, str]
) -> None:
    said: list[dict[str, Any]] = []

    async def flood() -> None:
        channel = Channel(handle, handle.catalog.find_series(uids[0]), said.append)
        asked = {"kind": "ask", "SeriesInstanceUID": uids[0], "what": "pixels", "first": 0}
        for number in range(100):
            assert channel.hear(asked | {"id": str(number), "count": 1})
        for number in range(10):
            assert channel.hear({"kind": "cancel", "id": str(number)})
        assert not channel.hear({"kind": "series-step", "id": "x"})
        assert not channel.hear("nonsense")
        while len(said) < 90:
            await asyncio.sleep(0.01)

    asyncio.run(asyncio.wait_for(flood(), 30))
    answered = [item for item in said if "body" in item]
    refused = [item for item in said if "error" in item]
    assert len(refused) == 68  # 100 asked, 32 at one time
    assert {int(item["id"]) for item in answered} == set(range(10, 32))


def test_a_channel_keeps_lists_and_deletes_measurements(tmp_path: Path) -> None:
    with nl.open_lab(tmp_path / "archive", create=True) as lab:
        fill(lab, ct_series(planes=3, rows=ROWS, columns=COLUMNS), tmp_path / "in")
        series = lab.series().one().row
        said: list[dict[str, Any]] = []
        channel = Channel(lab.handle, series, said.append, lab=lab)

        def asked(**question: Any) -> dict[str, Any]:
            named = {"SeriesInstanceUID": series.SeriesInstanceUID}
            asyncio.run(channel.answer({"kind": "ask", "id": "q"} | named | question))
            return said.pop()

        uid = uuid4().hex
        document = {
            "MeasurementUID": uid,
            "kind": "probe",
            "StudyInstanceUID": series.StudyInstanceUID,
            "SeriesInstanceUID": series.SeriesInstanceUID,
            "SOPInstanceUID": lab.instances()[0].SOPInstanceUID,
            "points_px": [[3, 4]],
        }
        kept = asked(what="save-measurement", measurement=document)["body"]
        expected = lab.series().one().load().isel(z=0, y=4, x=3).item()
        assert kept["values"]["value"] == expected
        json.dumps(kept, allow_nan=False)
        assert asked(what="measurements")["body"] == [kept]
        assert (
            "kind: Value error"
            in asked(what="save-measurement", measurement=document | {"kind": "circle"})["error"]
        )
        refused = asked(what="save-measurement")
        assert "comes with a measurement" in refused["error"]
        assert refused["status"] == 422
        missing = asked(what="delete-measurement", MeasurementUID="x")
        assert "has no measurement" in missing["error"]
        assert missing["status"] == 404
        gone = asked(what="delete-measurement", MeasurementUID=uid)["body"]
        assert gone["deleted_at"] is not None
        assert asked(what="measurements")["body"] == []


def test_a_channel_without_an_archive_to_write_to_keeps_none(
    handle: Handle, uids: tuple[str, str]
) -> None:
    assert "there is not" in ask(handle, uids[0], what="measurements")["error"]
