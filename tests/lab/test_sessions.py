"""Saved views in an archive: by name, back after a rebuild, opened in a notebook."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

import noctis_lab as nl
from noctis_lab.access import Role
from noctis_lab.catalog import people
from noctis_lab.catalog.user_items import MOST_ITEMS, UserItem, list_items, write_item
from noctis_lab.errors import NotUnique, SeriesNotFound, UserItemRefused
from noctis_lab.ingest.rebuild import rebuild
from noctis_lab.lab import Lab, Series
from noctis_lab.lab.opening import open_viewer
from noctis_lab.synthetic import ct_series
from noctis_lab.views.state import PaneState
from noctis_lab.views.viewer import SeriesView
from tests.lab.filling import fill


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with nl.open_lab(tmp_path / "archive", create=True) as opened:
        first = ct_series(planes=4, rows=8, columns=8, seed="first")
        study = str(first[0].StudyInstanceUID)
        second = ct_series(
            planes=3, rows=8, columns=8, seed="second", StudyInstanceUID=study, SeriesNumber=2
        )
        fill(opened, [*first, *second], tmp_path / "in")
        yield opened


@pytest.fixture
def both(lab: Lab) -> tuple[Series, Series]:
    first, second = sorted(lab.series(), key=lambda series: series.row.SeriesNumber or 0)
    return first, second


def side_by_side(both: tuple[Series, Series]) -> SeriesView:
    view: SeriesView = both[0].view()
    view.state.param.update(
        layout="1x2",
        panes=[
            PaneState(SeriesInstanceUID=both[0].SeriesInstanceUID, index=3),
            PaneState(SeriesInstanceUID=both[1].SeriesInstanceUID, zoom=2.0),
        ],
    )
    view.state.index = 3
    return view


def test_a_view_is_saved_and_opened_again(lab: Lab, both: tuple[Series, Series]) -> None:
    saved = side_by_side(both).save_session("  Before and after ")
    (found,) = lab.viewer_sessions()
    assert found == saved
    assert found.name == "Before and after"
    view = found.view()
    assert view.state.to_dict() == found.state
    assert (view.state.layout, view.state.index, view.state.panes[1].zoom) == ("1x2", 3, 2.0)
    assert view.StudyInstanceUID == both[0].row.StudyInstanceUID


def test_a_rebuild_brings_saved_views_back_but_for_those_deleted(
    lab: Lab, both: tuple[Series, Series]
) -> None:
    view = side_by_side(both)
    view.save_session("one")
    view.state.index = 1
    view.save_session("one")
    lab.ledger.remove_user_item(view.save_session("gone").item_id)
    kept = list_items(lab.catalog, "viewer-session")
    root = lab.settings.root
    lab.close()
    assert rebuild(root).skipped == ()
    with nl.open_lab(root) as again:
        assert list_items(again.catalog, "viewer-session") == kept
        assert [session.state["index"] for session in again.viewer_sessions()] == [1]


def test_a_view_of_no_archive_or_of_no_name_is_not_saved(both: tuple[Series, Series]) -> None:
    with pytest.raises(UserItemRefused, match="archive"):
        SeriesView().save_session("x")
    with pytest.raises(UserItemRefused, match="100 printable"):
        side_by_side(both).save_session("")


def test_a_session_whose_series_is_gone_says_so(lab: Lab, both: tuple[Series, Series]) -> None:
    view = side_by_side(both)
    view.state.panes = [*view.state.panes[:1], PaneState(SeriesInstanceUID="2.25.404")]
    with pytest.raises(SeriesNotFound):
        view.save_session("x")
    assert lab.viewer_sessions() == []


def test_nobody_keeps_more_than_the_bound(lab: Lab, both: tuple[Series, Series]) -> None:
    view = side_by_side(both)
    mine = view.save_session("mine")
    now = datetime.now(UTC)
    for number in range(MOST_ITEMS - 1):
        write_item(
            lab.catalog,
            UserItem(
                item_id=uuid4().hex,
                kind="viewer-session",
                principal=mine.principal,
                name=str(number),
                document={"StudyInstanceUID": mine.StudyInstanceUID, "state": mine.state},
                created_at=now,
                updated_at=now,
            ),
        )
    with pytest.raises(UserItemRefused, match=str(MOST_ITEMS)):
        view.save_session("one too many")
    assert view.save_session("mine").item_id == mine.item_id


def test_an_older_state_replayed_late_does_not_stand(lab: Lab, both: tuple[Series, Series]) -> None:
    saved = side_by_side(both).save_session("mine")
    (item,) = list_items(lab.catalog, "viewer-session")
    older = UserItem(
        item_id=item.item_id,
        kind=item.kind,
        principal=item.principal,
        name=item.name,
        document=item.document | {"state": {}},
        created_at=item.created_at,
        updated_at=item.updated_at - timedelta(seconds=1),
    )
    write_item(lab.catalog, older)
    assert lab.viewer_sessions() == [saved]


def test_what_somebody_kept_goes_with_them(lab: Lab) -> None:
    now = datetime.now(UTC)
    lab.ledger.add_principal("eve", Role.VIEWER, None)
    kept = UserItem(
        item_id=uuid4().hex, kind="viewer-session", principal="eve", name="x", document={},
        created_at=now, updated_at=now,
    )  # fmt: skip
    lab.ledger.save_user_item(kept)
    people.remove_principal(lab.catalog, "eve")
    assert list_items(lab.catalog, "viewer-session") == []


def test_an_empty_active_pane_opens_again(lab: Lab, both: tuple[Series, Series]) -> None:
    view = side_by_side(both)
    view.state.param.update(
        layout="2x2", panes=[*view.state.panes, PaneState(), PaneState()], active=3
    )
    view.state.SeriesInstanceUID = ""
    opened = view.save_session("An empty pane").view()
    assert opened.state.active == 3
    assert opened.state.SeriesInstanceUID == ""
    assert [pane.SeriesInstanceUID for pane in opened.state.panes[:2]] == [
        series.SeriesInstanceUID for series in both
    ]


def test_two_studies_with_one_series_uid_are_not_shown_for_each_other(
    lab: Lab, both: tuple[Series, Series], tmp_path: Path
) -> None:
    uid = both[0].SeriesInstanceUID
    others = ct_series(planes=2, rows=8, columns=8, seed="other")
    for plane in others:
        plane.SeriesInstanceUID = uid
    fill(lab, others, tmp_path / "other")
    one, other = lab.series(SeriesInstanceUID=uid)
    with pytest.raises(NotUnique, match="tells series apart"):
        open_viewer(lab, one.row, others=[other.row])


def test_a_clock_set_back_does_not_lose_a_save(lab: Lab, both: tuple[Series, Series]) -> None:
    view = side_by_side(both)
    saved = view.save_session("Mine")
    ahead = datetime.now(UTC) + timedelta(days=1)
    (item,) = list_items(lab.catalog, "viewer-session")
    write_item(lab.catalog, replace(item, updated_at=ahead))
    view.state.zoom = 3.0
    view.save_session("Mine")
    (found,) = lab.viewer_sessions()
    assert found.item_id == saved.item_id
    assert found.view().state.zoom == 3.0
