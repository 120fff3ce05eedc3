"""Measurements over HTTP: whose they are, what they are, and that other pages hear of them."""

from __future__ import annotations

import csv
import json
import threading
from typing import Any
from uuid import uuid4

import httpx
import numpy as np
import pytest

from noctis_lab.access import Role
from noctis_lab.catalog import people
from noctis_lab.synthetic import ct_series, formula_stored
from tests.served import Seen, Site

PLANES, SIDE = 3, 32


@pytest.fixture
def seen(site: Site) -> Seen:
    return site.admit(ct_series(planes=PLANES, rows=SIDE, columns=SIDE, seed="api"), "east")


def base(seen: Seen) -> str:
    return f"/api/v1/dicom/studies/{seen.study}/series/{seen.series}"


def drawn(seen: Seen, **changes: Any) -> dict[str, Any]:
    document = {
        "MeasurementUID": uuid4().hex,
        "kind": "ellipse",
        "StudyInstanceUID": seen.study,
        "SeriesInstanceUID": seen.series,
        "SOPInstanceUID": seen.instances[1],
        "frame": 0,
        "FrameOfReferenceUID": None,
        "points_mm": None,
        "points_px": [[4, 6], [20, 18]],
        "plane": None,
        "label": "lesion",
        "extra_index": None,
        "values": {},
    }
    return document | changes


def put(client: httpx.Client, seen: Seen, document: dict[str, Any]) -> httpx.Response:
    return client.put(f"{base(seen)}/measurements/{document['MeasurementUID']}", json=document)


def test_a_measurement_is_kept_listed_and_deleted(site: Site, seen: Seen) -> None:
    document = drawn(seen)
    with site.client("eve") as eve:
        answer = put(eve, seen, document)
        assert answer.status_code == 200, answer.text
        kept = answer.json()
        y, x = np.mgrid[:SIDE, :SIDE]
        inside = ((x - 12) / 8) ** 2 + ((y - 12) / 6) ** 2 <= 1
        values = formula_stored(PLANES, SIDE, SIDE)[1][inside] + 0.0
        assert kept["values"]["count"] == inside.sum()
        header = eve.get(f"{base(seen)}/stack").json()["frames"][1]
        values = values * header["slope"] + header["intercept"]
        assert kept["values"]["mean"] == pytest.approx(values.mean(), rel=1e-12)
        assert kept["author"] == "eve"
        assert eve.get(f"{base(seen)}/measurements").json() == [kept]
        assert put(eve, seen, kept | {"author": "mallory"}).json() == kept
        gone = eve.delete(f"{base(seen)}/measurements/{document['MeasurementUID']}")
        assert gone.json()["deleted_at"] is not None
        assert eve.get(f"{base(seen)}/measurements").json() == []
        assert put(eve, seen, document).json()["deleted_at"] is None
        assert len(eve.get(f"{base(seen)}/measurements").json()) == 1


def test_others_of_the_facility_see_it_and_leave_it(site: Site, seen: Seen) -> None:
    people.add_principal(site.catalog, "mallory", Role.RESEARCHER, ["east"])
    document = drawn(seen)
    path = f"{base(seen)}/measurements/{document['MeasurementUID']}"
    with site.client("eve") as eve, site.client("mallory") as mallory, site.client() as admin:
        put(eve, seen, document)
        assert len(mallory.get(f"{base(seen)}/measurements").json()) == 1
        assert put(mallory, seen, document | {"label": "mine"}).status_code == 403
        assert mallory.delete(path).status_code == 403
        assert put(admin, seen, document | {"label": "checked"}).json()["author"] == "eve"
        assert admin.delete(path).status_code == 200


def test_another_facility_finds_nothing_there(site: Site, seen: Seen) -> None:
    people.add_principal(site.catalog, "west", Role.RESEARCHER, ["west"])
    document = drawn(seen)
    with site.client() as admin, site.client("west") as west, site.client(None) as nobody:
        put(admin, seen, document)
        one = f"{base(seen)}/measurements/{document['MeasurementUID']}"
        for address in (f"{base(seen)}/measurements", f"{base(seen)}/measurements.csv"):
            assert west.get(address).status_code == 404
            assert nobody.get(address).status_code == 401
        assert put(west, seen, document).status_code == 404
        assert west.delete(one).status_code == 404
        assert admin.get(f"{base(seen)}/measurements").json()[0]["label"] == "lesion"


def test_a_study_in_the_body_does_not_open_another_door(site: Site, seen: Seen) -> None:
    other = site.admit(ct_series(planes=2, rows=8, columns=8, seed="west"), "west")
    document = drawn(other, SOPInstanceUID=other.instances[0])
    with site.client("eve") as eve:
        assert put(eve, seen, document).status_code == 422
        mixed = drawn(seen, SOPInstanceUID=other.instances[0])
        assert put(eve, seen, mixed).status_code == 404
        assert eve.get(f"{base(seen)}/measurements").json() == []


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "circle"},
        {"label": "secret" * 40},
        {"points_px": [[1, 2]]},
        {"points_px": [[1, 2, 3], [4, 5, 6]]},
        {"points_px": [[1e9, 2], [3, 4]]},
        {"points_px": None},
        {"SOPInstanceUID": "secret"},
        {"frame": -1},
        {"kind": "freehand", "points_px": [[1, 2]] * 10_001},
        {"plane": {"origin_mm": [0, 0, 0], "right": [9, 9, 9], "down": [0, 1, 0]}},
        {"MeasurementUID": uuid4().hex},
    ],
)
def test_what_is_no_measurement_is_a_problem(
    site: Site, seen: Seen, changes: dict[str, Any]
) -> None:
    path = f"{base(seen)}/measurements/{uuid4().hex}"
    document = drawn(seen, MeasurementUID=path[-32:]) | changes
    with site.client("eve") as eve:
        answer = eve.put(path, json=document)
        assert answer.status_code == 422, answer.text
        assert {"expected", "came", "what_to_do"} <= answer.json().keys()
        assert "secret" not in answer.text


def test_numbers_that_are_none_are_refused(site: Site, seen: Seen) -> None:
    document = drawn(seen)
    path = f"{base(seen)}/measurements/{document['MeasurementUID']}"
    with site.client("eve") as eve:
        for number in ("NaN", "Infinity", "1e999"):
            text = json.dumps(document).replace("[4, 6]", f"[4, {number}]")
            answer = eve.put(path, content=text, headers={"Content-Type": "application/json"})
            assert answer.status_code == 422
        assert eve.get(f"{base(seen)}/measurements").json() == []


def test_an_outline_of_the_most_points_fits_and_a_longer_body_does_not(
    site: Site, seen: Seen
) -> None:
    turn = np.linspace(0, 2 * np.pi, 10_000, endpoint=False)
    points = np.stack([15 + 9 * np.cos(turn), 15 + 9 * np.sin(turn)], axis=-1).tolist()
    with site.client("eve") as eve:
        answer = put(eve, seen, drawn(seen, kind="freehand", points_px=points))
        assert answer.status_code == 200, answer.text
        assert answer.json()["values"]["area_mm2"] > 0
        back = put(eve, seen, answer.json())
        assert back.status_code == 200
        assert put(eve, seen, drawn(seen, values={"x": "y" * 5_000_000})).status_code == 413


def test_csv_has_the_figures(site: Site, seen: Seen) -> None:
    with site.client("eve") as eve:
        kept = put(eve, seen, drawn(seen)).json()
        answer = eve.get(f"{base(seen)}/measurements.csv")
        assert answer.headers["content-type"] == "text/csv; charset=utf-8"
        assert "measurements.csv" in answer.headers["content-disposition"]
        (row,) = csv.DictReader(answer.text.splitlines())
        assert float(row["mean"]) == kept["values"]["mean"]
        assert row["label"] == "lesion"


def test_another_page_hears_of_it_and_another_facilitys_does_not(site: Site, seen: Seen) -> None:
    people.add_principal(site.catalog, "west", Role.RESEARCHER, ["west"])
    document = drawn(seen)
    heard: dict[str, str] = {}
    listening = threading.Barrier(3)

    def listen(name: str) -> None:
        with (
            site.client(name) as client,
            client.stream("GET", "/api/v1/dicom/notifications/stream") as stream,
        ):
            lines = stream.iter_lines()
            next(lines)
            listening.wait(30)
            heard[name] = next(line for line in lines if line.startswith("data:"))

    threads = [threading.Thread(target=listen, args=(name,)) for name in ("eve", "west")]
    for thread in threads:
        thread.start()
    listening.wait(30)
    with site.client() as admin:
        put(admin, seen, document)
    last = site.admit(ct_series(planes=1, rows=8, columns=8, seed="last"), "west")
    for thread in threads:
        thread.join(60)
    said = {"StudyInstanceUID": seen.study, "SeriesInstanceUID": seen.series}
    said |= {"MeasurementUID": document["MeasurementUID"]}
    assert json.loads(heard["eve"].removeprefix("data:")) == said
    assert last.series in heard["west"]
