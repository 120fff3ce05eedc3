"""The state of a view: what a client says is taken whole, or not at all."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from noctis_lab.dicom.voi import VoiFunction, Window
from noctis_lab.views.state import PaneState, ViewerState
from noctis_lab.views.viewer import SeriesView


def test_a_state_comes_back_from_its_json() -> None:
    state = ViewerState(
        SeriesInstanceUID="1.2.3",
        index=7,
        window=Window(center=40, width=400),
        voi_lut=2,
        colormap="hot_iron",
        inverted=True,
        zoom=2.5,
        pan=(3.0, -4.0),
        rotation_deg=270,
        flipped=True,
    )
    other = ViewerState()
    other.update_from(json.loads(json.dumps(state.to_dict())))
    assert other.to_dict() == state.to_dict()
    assert other.window == Window(center=40, width=400)
    assert other.pan == (3.0, -4.0)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("index", -1),
        ("index", 1.5),
        ("index", True),
        ("index", "3"),
        ("index", 10**9),
        ("voi_lut", -1),
        ("voi_lut", 8),
        ("colormap", "jet"),
        ("colormap", 3),
        ("zoom", 0),
        ("zoom", math.nan),
        ("zoom", 1e9),
        ("pan", [1, math.inf]),
        ("pan", [1]),
        ("pan", "ab"),
        ("rotation_deg", 45),
        ("rotation_deg", False),
        ("inverted", 1),
        ("flipped", "yes"),
        ("SeriesInstanceUID", "1" * 65),
        ("SeriesInstanceUID", None),
        ("window", [40, 400]),
        ("window", {"center": 40, "width": 0}),
        ("window", {"center": 40, "width": 0.5, "function": "LINEAR"}),
        ("window", {"center": math.nan, "width": 400}),
        ("window", {"center": 40, "width": 400, "function": "CUBIC"}),
        ("window", {"width": 400}),
        ("StudyInstanceUID", 7),
        ("layout", "4x4"),
        ("layout", ["1x1"]),
        ("layout", None),
        ("active", 9),
        ("active", True),
        ("panes", {}),
        ("panes", [{"zoom": 2}] * 10),
        ("panes", [{"zoom": 1e9}]),
        ("panes", ["1.2.3"]),
        ("link", ["position"]),
        ("link", {"position": 1}),
    ],
)
def test_an_unsound_part_refuses_the_whole(key: str, value: object) -> None:
    state = ViewerState(SeriesInstanceUID="1.2.3", index=2)
    before = state.to_dict()
    with pytest.raises((TypeError, ValueError)):
        state.update_from({"flipped": True, "inverted": True, "zoom": 2} | {key: value})
    assert state.to_dict() == before


def test_a_narrow_window_is_exact() -> None:
    state = ViewerState()
    state.update_from({"window": {"center": 0.5, "width": 0.1, "function": "LINEAR_EXACT"}})
    assert state.window == Window(center=0.5, width=0.1, function=VoiFunction.LINEAR_EXACT)


def test_a_view_and_its_state_follow_each_other() -> None:
    state = ViewerState(SeriesInstanceUID="1.2.3")
    view = SeriesView(state)
    assert view.at(index=3, window=(40, 400)) is view
    assert view.view_state["index"] == 3
    assert view.view_state["window"] == {"center": 40.0, "width": 400.0, "function": "LINEAR"}
    view.view_state = {**view.view_state, "index": 9}
    assert state.index == 9


def test_a_view_is_given_a_window_of_any_function() -> None:
    view = SeriesView(ViewerState(SeriesInstanceUID="1.2.3")).at(window=(2048, 1024, "SIGMOID"))
    assert view.view_state["window"] == {"center": 2048.0, "width": 1024.0, "function": "SIGMOID"}


def test_at_takes_a_table_with_the_window_that_spans_it_and_a_colour_map() -> None:
    view = SeriesView(ViewerState(SeriesInstanceUID="1.2.3"))
    view.at(window=(40, 400), voi_lut=1, colormap="hot_iron")
    assert (view.state.voi_lut, view.state.colormap) == (1, "hot_iron")
    view.at(window=(40, 400))
    assert (view.state.voi_lut, view.state.colormap) == (None, "hot_iron")
    with pytest.raises(ValueError, match="give window too"):
        view.at(voi_lut=0)
    with pytest.raises(ValueError, match="colormap"):
        view.at(colormap="rainbow")


def test_a_view_answers_an_unsound_client_with_its_own_state() -> None:
    state = ViewerState(SeriesInstanceUID="1.2.3", index=3)
    view = SeriesView(state)
    view.view_state = {"index": -5}
    assert state.index == 3
    assert view.view_state == state.to_dict() | {"revision": 0}


def test_what_a_client_says_before_it_heard_of_our_change_is_out_of_date() -> None:
    state = ViewerState(SeriesInstanceUID="1.2.3")
    view = SeriesView(state)
    known = view.view_state
    view.at(index=12, window=(90, 150))
    view.view_state = {**known, "index": 5, "window": {"center": 50, "width": 400}}
    assert state.index == 12
    assert state.window == Window(center=90, width=150)
    assert view.view_state == state.to_dict() | {"revision": 1}
    view.view_state = {**view.view_state, "index": 5}
    assert state.index == 5


def test_two_views_of_one_state_show_the_same() -> None:
    state = ViewerState(SeriesInstanceUID="1.2.3")
    one, other = SeriesView(state), SeriesView(state)
    one.view_state = {**one.view_state, "index": 4}
    assert other.view_state["index"] == 4
    other.view_state = {**other.view_state, "index": 6}
    assert one.view_state["index"] == 6


def test_a_view_holds_no_pixels_and_its_client_is_the_bundle() -> None:
    view = SeriesView(ViewerState(SeriesInstanceUID="1.2.3"))
    model = view.get_root()
    said = {
        name
        for name in model.data.properties()
        if name not in ("name", "tags", "subscribed_events")
    }
    assert {"view_state", "mode", "StudyInstanceUID", "api_base"} <= said
    assert "mountViewer" in model.esm
    assert model.importmap == {}


ONE, OTHER = (
    PaneState(SeriesInstanceUID="1.2.3", index=4),
    PaneState(SeriesInstanceUID="1.2.4", zoom=2, window=Window(center=40, width=400)),
)


def test_panes_come_back_from_their_json() -> None:
    state = ViewerState(layout="1x2", panes=[ONE, OTHER], active=1, link={"zoom": True})
    other = ViewerState()
    other.update_from(json.loads(json.dumps(state.to_dict())))
    assert other.to_dict() == state.to_dict()
    assert other.panes == [ONE, OTHER]
    assert other.link == {"position": False, "window": False, "zoom": True}


def test_the_active_panes_state_is_the_views() -> None:
    state = ViewerState(layout="1x2", panes=[ONE, OTHER])
    assert (state.SeriesInstanceUID, state.index) == ("1.2.3", 4)
    state.index = 7
    assert state.panes[0].index == 7
    assert state.to_dict()["panes"][0]["index"] == 7
    state.active = 1
    assert (state.SeriesInstanceUID, state.index, state.zoom) == ("1.2.4", None, 2)
    state.zoom = 3
    assert [pane.zoom for pane in state.panes] == [1, 3]


def test_a_client_that_activates_a_pane_says_its_state_itself() -> None:
    state = ViewerState(layout="1x2", panes=[ONE, OTHER])
    said = state.to_dict() | OTHER.to_dict() | {"active": 1, "index": 5}
    state.update_from(said)
    assert (state.active, state.SeriesInstanceUID, state.index) == (1, "1.2.4", 5)
    assert state.panes[1].index == 5


def test_a_view_is_told_of_a_pane_once() -> None:
    view = SeriesView(ViewerState(layout="1x2", panes=[ONE, OTHER]))
    view.state.index = 8
    assert view.view_state["revision"] == 1
    assert [pane["index"] for pane in view.view_state["panes"]] == [8, None]


@pytest.mark.parametrize("part", [{"index": -1}, {"zoom": 0}, {"rotation_deg": 45}, {"pan": 3}])
def test_a_pane_of_an_unsound_state_is_refused(part: dict[str, Any]) -> None:
    with pytest.raises((TypeError, ValueError)):
        PaneState(SeriesInstanceUID="1.2.3", **part)
