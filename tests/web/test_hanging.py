"""Hanging over HTTP: what applies to a study, and one's own protocols, nobody else's."""

from __future__ import annotations

from typing import Any

import pytest

from noctis_lab.access import Role
from noctis_lab.catalog import people
from noctis_lab.synthetic import ct_series
from noctis_lab.views.state import ViewerState
from tests.served import Seen, Site

OWN = "/api/v1/hanging-protocols"
RULE = "name: {name}\nmatch: {{series: {{Modality: CT}}}}\nlayout: {layout}\n"


@pytest.fixture
def seen(site: Site) -> Seen:
    return site.admit(ct_series(planes=2, rows=8, columns=8, seed="east"), "east")


@pytest.fixture
def west(site: Site) -> Seen:
    return site.admit(ct_series(planes=2, rows=8, columns=8, seed="west"), "west")


def path_of(seen: Seen) -> str:
    return f"/api/v1/dicom/studies/{seen.study}/hanging"


def layout(seen: Seen, **changes: Any) -> dict[str, Any]:
    state = ViewerState(SeriesInstanceUID=seen.series, layout="mpr").to_dict()
    asked = {"name": "Planes", "state": state, "applies_to": {"Modality": "CT"}}
    return asked | changes


def test_a_layout_is_saved_and_hangs_the_next_study_is_renamed_and_deleted(
    site: Site, seen: Seen
) -> None:
    following = site.admit(ct_series(planes=2, rows=8, columns=8, seed="next"), "east")
    with site.client("eve") as eve:
        before = eve.get(path_of(following)).json()
        assert [each["source"] for each in before] == ["built-in"]
        saved = eve.post(path_of(seen), json=layout(seen))
        assert saved.status_code == 200, saved.text
        protocol = saved.json()
        assert "layout: mpr" in protocol["yaml"]
        hung = eve.get(path_of(following)).json()
        assert [each["id"] for each in hung] == [f"own:{protocol['item_id']}", before[0]["id"]]
        assert hung[0]["state"]["layout"] == "mpr"
        assert {pane["SeriesInstanceUID"] for pane in hung[0]["state"]["panes"]} == {
            following.series
        }
        assert eve.get(OWN).json() == [protocol]
        assert eve.get(f"{OWN}/{protocol['item_id']}").json() == protocol
        renamed = eve.put(f"{OWN}/{protocol['item_id']}", json={"name": "Three planes"}).json()
        assert [each["name"] for each in eve.get(OWN).json()] == ["Three planes"]
        assert eve.delete(f"{OWN}/{renamed['item_id']}").status_code == 204
        assert eve.delete(f"{OWN}/{renamed['item_id']}").status_code == 404
        assert eve.get(path_of(following)).json() == before


def test_a_protocol_is_taken_in_as_yaml_and_given_as_it_says(site: Site, seen: Seen) -> None:
    with site.client("eve") as eve:
        first = eve.post(OWN, json={"yaml": RULE.format(name="Mine", layout="1x2")}).json()
        again = eve.post(OWN, json={"yaml": first["yaml"].replace("1x2", "2x2")}).json()
        assert again["item_id"] == first["item_id"]
        assert eve.get(path_of(seen)).json()[0]["state"]["layout"] == "2x2"
        other = eve.post(OWN, json={"yaml": RULE.format(name="Other", layout="1x1")}).json()
        taken = eve.put(f"{OWN}/{other['item_id']}", json={"name": "Mine"})
        assert taken.status_code == 422
        assert "no other" in taken.json()["detail"]
        wrong = eve.post(OWN, json={"yaml": RULE.format(name="Mine", layout="8x8")})
        assert wrong.status_code == 422
        assert "line 3" in wrong.json()["detail"]


def test_nobody_reaches_anothers_protocol(site: Site, seen: Seen) -> None:
    people.add_principal(site.catalog, "mallory", Role.RESEARCHER, ["east"])
    with site.client("eve") as eve, site.client("mallory") as mallory, site.client() as admin:
        item = eve.post(path_of(seen), json=layout(seen)).json()["item_id"]
        for other in (mallory, admin):
            assert other.get(OWN).json() == []
            assert other.get(f"{OWN}/{item}").status_code == 404
            assert other.put(f"{OWN}/{item}", json={"name": "Theirs"}).status_code == 404
            assert other.delete(f"{OWN}/{item}").status_code == 404
            assert [each["source"] for each in other.get(path_of(seen)).json()] == ["built-in"]
        assert [each["item_id"] for each in eve.get(OWN).json()] == [item]
    with site.client(None) as nobody:
        assert nobody.get(OWN).status_code == 401
        assert nobody.get(path_of(seen)).status_code == 401


def test_a_study_that_one_may_not_see_is_hung_for_nobody(
    site: Site, seen: Seen, west: Seen
) -> None:
    with site.client("eve") as eve:
        absent = eve.get("/api/v1/dicom/studies/2.25.404/hanging")
        answers = [eve.get(path_of(west)), eve.post(path_of(west), json=layout(west)), absent]
        assert {answer.status_code for answer in answers} == {404}
        assert len({answer.json()["detail"] for answer in answers}) == 1
        # A series of another study in the state is none of this one's.
        assert eve.post(path_of(seen), json=layout(west)).status_code == 422
        assert eve.get(OWN).json() == []


@pytest.mark.parametrize(
    "changes",
    [
        {"name": ""},
        {"name": "  "},
        {"name": "x" * 101},
        {"name": "a\nb"},
        {"state": []},
        {"state": {"SeriesInstanceUID": "1.2", "zoom": 1e9}},
        {"state": {"layout": "9x9"}},
        {"applies_to": {}},
        {"applies_to": {"Modality": "x" * 17}},
        {"applies_to": {"PatientName": "X"}},
        {"applies_to": {"SeriesDescription": "a\nb"}},
        {"more": 1},
    ],
)
def test_what_is_unsound_is_refused(site: Site, seen: Seen, changes: dict[str, Any]) -> None:
    with site.client("eve") as eve:
        answer = eve.post(path_of(seen), json=layout(seen) | changes)
        assert answer.status_code == 422, answer.text
        assert eve.get(OWN).json() == []


def test_a_program_of_another_origin_changes_nothing(site: Site, seen: Seen) -> None:
    with site.client("eve") as eve:
        del eve.headers["X-Noctis"]
        assert eve.post(path_of(seen), json=layout(seen)).status_code == 403
        assert eve.post(OWN, json={"yaml": "name: x"}).status_code == 403
        assert eve.get(f"{OWN}/xyz").status_code == 404
