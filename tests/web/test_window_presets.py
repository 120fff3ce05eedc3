"""Window presets over HTTP: one's own, whichever the browser, and nobody else's."""

from __future__ import annotations

from typing import Any

import pytest

from noctis_lab.access import Role
from noctis_lab.catalog import people
from tests.served import Site

PATH = "/api/v1/window-presets"
STENT = {"name": "Stent", "Modality": "CT", "center": 300.0, "width": 1400.0, "function": "LINEAR"}


def test_a_preset_is_saved_listed_replaced_and_deleted(site: Site) -> None:
    with site.client("eve") as eve, site.client("eve") as elsewhere:
        saved = eve.post(PATH, json=STENT)
        assert saved.status_code == 200, saved.text
        item = saved.json()["item_id"]
        assert elsewhere.get(PATH).json() == [STENT | {"item_id": item}]
        moved = elsewhere.post(PATH, json=STENT | {"center": 320.0, "function": "SIGMOID"}).json()
        assert (moved["item_id"], moved["center"], moved["function"]) == (item, 320.0, "SIGMOID")
        other = eve.post(PATH, json=STENT | {"Modality": "MR"}).json()
        assert other["item_id"] != item
        assert [each["Modality"] for each in eve.get(PATH).json()] == ["CT", "MR"]
        assert eve.delete(f"{PATH}/{item}").status_code == 204
        assert eve.delete(f"{PATH}/{item}").status_code == 404
        assert elsewhere.get(PATH).json() == [other]


def test_nobody_reaches_anothers_presets(site: Site) -> None:
    people.add_principal(site.catalog, "mallory", Role.RESEARCHER, ["east"])
    with site.client("eve") as eve, site.client("mallory") as mallory, site.client() as admin:
        item = eve.post(PATH, json=STENT).json()["item_id"]
        for other in (mallory, admin):
            assert other.get(PATH).json() == []
            assert other.delete(f"{PATH}/{item}").status_code == 404
        assert mallory.post(PATH, json=STENT).json()["item_id"] != item
        assert [each["item_id"] for each in eve.get(PATH).json()] == [item]
    with site.client(None) as nobody:
        assert nobody.get(PATH).status_code == 401


@pytest.mark.parametrize(
    "changes",
    [
        {"name": ""},
        {"name": " "},
        {"name": "x" * 41},
        {"name": "a\nb"},
        {"Modality": ""},
        {"Modality": "C\nT"},
        {"center": "wide"},
        {"center": 1e300},
        {"width": 0},
        {"width": -5},
        {"width": 0.5},
        {"function": "CUBIC"},
        {"more": 1},
    ],
)
def test_what_is_unsound_is_refused(site: Site, changes: dict[str, Any]) -> None:
    with site.client("eve") as eve:
        answer = eve.post(PATH, json=STENT | changes)
        assert answer.status_code == 422, answer.text
        assert eve.get(PATH).json() == []
