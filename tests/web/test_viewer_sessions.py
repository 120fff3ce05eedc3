"""Viewer sessions over HTTP: one's own, of series that one may see, and nobody else's."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from sqlalchemy import Engine, event

from noctis_lab.access import Principal, Role
from noctis_lab.catalog import people
from noctis_lab.lab import open_lab
from noctis_lab.synthetic import ct_series
from noctis_lab.views.sessions import list_sessions, save_session
from noctis_lab.views.state import PaneState, ViewerState
from tests.served import Seen, Site

PATH = "/api/v1/viewer-sessions"


@pytest.fixture
def seen(site: Site) -> Seen:
    return site.admit(ct_series(planes=2, rows=8, columns=8, seed="east"), "east")


@pytest.fixture
def west(site: Site) -> Seen:
    return site.admit(ct_series(planes=2, rows=8, columns=8, seed="west"), "west")


def asked(seen: Seen, *panes: PaneState, **changes: Any) -> dict[str, Any]:
    own = PaneState(SeriesInstanceUID=seen.series, index=1)
    state = ViewerState(layout="1x2" if panes else "1x1", panes=[own, *panes] if panes else [])
    state.update_from(own.to_dict())
    session = {"name": "Tumour board", "StudyInstanceUID": seen.study, "state": state.to_dict()}
    return session | changes


def test_a_session_is_saved_listed_opened_replaced_and_deleted(site: Site, seen: Seen) -> None:
    with site.client("eve") as eve:
        saved = eve.post(PATH, json=asked(seen))
        assert saved.status_code == 200, saved.text
        session = saved.json()
        assert session["state"] == asked(seen)["state"]
        assert eve.get(PATH).json() == [session]
        assert eve.get(f"{PATH}/{session['item_id']}").json() == session
        moved = asked(seen, state=asked(seen)["state"] | {"index": 0})
        again = eve.post(PATH, json=moved).json()
        assert (again["item_id"], again["state"]["index"]) == (session["item_id"], 0)
        other = eve.post(PATH, json=asked(seen, name="Second")).json()
        assert [each["name"] for each in eve.get(PATH).json()] == ["Second", "Tumour board"]
        assert eve.delete(f"{PATH}/{other['item_id']}").status_code == 204
        assert eve.delete(f"{PATH}/{other['item_id']}").status_code == 404
        assert len(eve.get(PATH).json()) == 1


def test_nobody_sees_anothers_session(site: Site, seen: Seen) -> None:
    people.add_principal(site.catalog, "mallory", Role.RESEARCHER, ["east"])
    with site.client("eve") as eve, site.client("mallory") as mallory, site.client() as admin:
        item = eve.post(PATH, json=asked(seen)).json()["item_id"]
        for other in (mallory, admin):
            assert other.get(PATH).json() == []
            assert other.get(f"{PATH}/{item}").status_code == 404
            assert other.delete(f"{PATH}/{item}").status_code == 404
        # Of the same name, it is another one.
        assert mallory.post(PATH, json=asked(seen)).json()["item_id"] != item
        assert len(eve.get(PATH).json()) == 1
    with site.client(None) as nobody:
        assert nobody.get(PATH).status_code == 401


def test_a_series_that_one_may_not_see_is_as_one_that_is_not_there(
    site: Site, seen: Seen, west: Seen
) -> None:
    hidden = PaneState(StudyInstanceUID=west.study, SeriesInstanceUID=west.series)
    absent = PaneState(StudyInstanceUID=west.study, SeriesInstanceUID="2.25.404")
    with site.client("eve") as eve:
        answers = [eve.post(PATH, json=asked(seen, pane)) for pane in (hidden, absent)]
        answers.append(eve.post(PATH, json=asked(seen, StudyInstanceUID=west.study)))
        assert {answer.status_code for answer in answers} == {404}
        assert len({answer.json()["detail"] for answer in answers}) == 1
        assert eve.get(PATH).json() == []


def test_a_session_goes_with_the_right_to_see_its_series(
    site: Site, seen: Seen, west: Seen
) -> None:
    people.add_principal(site.catalog, "both", Role.VIEWER, ["east", "west"])
    beside = PaneState(StudyInstanceUID=west.study, SeriesInstanceUID=west.series)
    with site.client("both") as both:
        item = both.post(PATH, json=asked(seen, beside)).json()["item_id"]
        people.revoke_facility(site.catalog, "both", "west")
        assert both.get(PATH).json() == []
        assert both.get(f"{PATH}/{item}").status_code == 404
        people.grant_facility(site.catalog, "both", "west")
        assert [each["item_id"] for each in both.get(PATH).json()] == [item]


def test_a_list_of_sessions_asks_no_more_for_many_than_for_one(
    site: Site, seen: Seen, west: Seen
) -> None:
    principal = Principal(name="eve", role=Role.RESEARCHER, facilities=frozenset({"east", "west"}))
    beside = PaneState(StudyInstanceUID=west.study, SeriesInstanceUID=west.series)
    counts: list[int] = []
    mine = threading.get_ident()

    def count(*_: Any) -> None:
        if threading.get_ident() == mine:  # the pages ask in threads of their own
            counts[-1] += 1

    with open_lab(site.settings.root) as lab:
        for number in range(9):
            save_session(lab, principal, **asked(seen, beside, name=f"n {number}"))
            if number in (0, 8):
                counts.append(0)
                event.listen(Engine, "before_cursor_execute", count)
                assert len(list_sessions(lab, principal)) == number + 1
                event.remove(Engine, "before_cursor_execute", count)
    assert counts[0] == counts[1] > 0


@pytest.mark.parametrize(
    "changes",
    [
        {"name": ""},
        {"name": "  "},
        {"name": "x" * 101},
        {"name": "a\nb"},
        {"StudyInstanceUID": "../x"},
        {"state": []},
        {"state": {"SeriesInstanceUID": "1.2", "zoom": 1e9}},
        {"state": {"panes": [{"index": -1}]}},
        {"more": 1},
    ],
)
def test_what_is_unsound_is_refused(site: Site, seen: Seen, changes: dict[str, Any]) -> None:
    with site.client("eve") as eve:
        answer = eve.post(PATH, json=asked(seen) | changes)
        assert answer.status_code == 422, answer.text
        assert eve.get(PATH).json() == []


def test_ids_that_are_none_are_no_address(site: Site) -> None:
    with site.client() as admin:
        assert admin.get(f"{PATH}/xyz").status_code == 404
        assert admin.get(f"{PATH}/{'0' * 32}").status_code == 404
