"""Which protocol applies to which study, and what the panes show then."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

import noctis_lab as nl
from noctis_lab.access import Principal, Role
from noctis_lab.catalog.records import SeriesFacts
from noctis_lab.catalog.user_items import UserItem
from noctis_lab.errors import HangingProtocolRefused, StudyNotFound, UserItemRefused
from noctis_lab.ingest.rebuild import rebuild
from noctis_lab.lab import Lab
from noctis_lab.lab.hanging import HANGING_PROTOCOL, find_study, parse_protocol
from noctis_lab.lab.hanging.hang import hang
from noctis_lab.lab.hanging.saving import ShownLayout
from noctis_lab.synthetic import ct_series, dynamic_mr, pet_series
from noctis_lab.views.hanging import MOST_OWN, hang_study, save_protocol, save_view
from noctis_lab.views.state import PaneState, ViewerState
from noctis_lab.views.volume3d_state import VolumeState
from tests.lab.filling import fill

EVE = Principal(name="eve", role=Role.VIEWER, facilities=None)
MALLORY = Principal(name="mallory", role=Role.RESEARCHER, facilities=None)

type Add = Callable[..., str]


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with nl.open_lab(tmp_path / "archive", create=True) as opened:
        yield opened


@pytest.fixture
def add(lab: Lab, tmp_path: Path) -> Add:
    """Add a series to a study of a name; returns its SeriesInstanceUID."""

    def one(
        study: str,
        number: int,
        *,
        planes: int = 1,
        each: tuple[dict[str, Any], ...] = (),
        **elements: Any,
    ) -> str:
        data_sets = ct_series(
            planes=planes, rows=8, columns=8, seed=f"{study} {number}", SeriesNumber=number,
            StudyInstanceUID=uid_of(study), FrameOfReferenceUID="2.25.7", elements=elements,
        )  # fmt: skip
        for data_set, own in zip(data_sets, each, strict=False):
            for name, value in own.items():
                setattr(data_set, name, value)
        fill(lab, data_sets, tmp_path / uuid4().hex)
        return str(data_sets[0].SeriesInstanceUID)

    return one


def uid_of(study: str) -> str:
    return f"2.25.{int.from_bytes(study.encode(), 'big')}"


def first(lab: Lab, study: str) -> tuple[str, list[str]]:
    """Return which protocol a study opens by, and the series in its panes."""
    found = hang_study(lab, EVE, uid_of(study))
    state = found[0].state
    panes = state["panes"] or [state]
    return found[0].id, [pane["SeriesInstanceUID"] for pane in panes]


def hung(lab: Lab, study: str, text: str) -> dict[str, Any] | None:
    return hang(parse_protocol(text, source=""), find_study(lab, uid_of(study)))


def test_a_chest_opens_with_each_window_on_the_series_made_for_it(lab: Lab, add: Add) -> None:
    add("chest", 1, SeriesDescription="Scout", BodyPartExamined="CHEST")
    soft = add("chest", 2, planes=20, SeriesDescription="B30f", BodyPartExamined="CHEST")
    lung = add("chest", 3, planes=21, SeriesDescription="LUNG B70f", BodyPartExamined="CHEST")
    found = hang_study(lab, EVE, uid_of("chest"))
    assert [each.id for each in found][:1] == ["built-in:30-ct-chest"]
    assert "built-in:39-ct" in [each.id for each in found]
    state = found[0].state
    assert [pane["SeriesInstanceUID"] for pane in state["panes"]] == [soft, lung]
    assert [pane["window"]["center"] for pane in state["panes"]] == [40, -600]
    assert (state["layout"], state["active"]) == ("1x2", 0)
    assert state["link"] == {"position": True, "window": False, "zoom": True}
    sound = ViewerState()
    sound.update_from(state)
    assert sound.to_dict() == state


def test_one_series_of_a_chest_is_seen_in_both_windows(lab: Lab, add: Add) -> None:
    only = add("one", 2, planes=20, BodyPartExamined="THORAX")
    assert first(lab, "one") == ("built-in:30-ct-chest", [only, only])
    few = add("few", 2, planes=3, BodyPartExamined="THORAX")
    assert first(lab, "few") == ("built-in:39-ct", [few])


def test_four_views_of_the_breast_stand_where_they_belong_whether_in_one_series_or_four(
    lab: Lab, add: Add
) -> None:
    views = [("MLO", "L"), ("CC", "L"), ("MLO", "R"), ("CC", "R")]
    each = tuple({"ViewPosition": view, "ImageLaterality": side} for view, side in views)
    one = add("one", 1, planes=4, each=each, Modality="MG")
    found = hang_study(lab, EVE, uid_of("one"))[0]
    assert (found.id, found.state["layout"]) == ("built-in:10-mg-four-views", "2x2")
    assert [pane["SeriesInstanceUID"] for pane in found.state["panes"]] == [one] * 4
    places = [pane["index"] for pane in found.state["panes"]]
    assert [views[place] for place in places] == [
        ("CC", "R"),
        ("CC", "L"),
        ("MLO", "R"),
        ("MLO", "L"),
    ]
    four = [add("four", i, Modality="MG", **own) for i, own in enumerate(each)]
    uids = [
        four[views.index(view)] for view in (("CC", "R"), ("CC", "L"), ("MLO", "R"), ("MLO", "L"))
    ]
    assert first(lab, "four") == ("built-in:10-mg-four-views", uids)
    # A breast of one side alone: the other's panes stay empty only where its CC is missing too.
    add("left", 1, Modality="MG", ViewPosition="CC", ImageLaterality="L")
    assert first(lab, "left")[0] == "built-in:59-radiograph"


def test_views_that_are_said_in_descriptions_alone(lab: Lab, add: Add) -> None:
    names = ("L MLO", "R CC", "L CC", "R MLO")
    uids = {
        name: add("said", i, Modality="MG", SeriesDescription=name) for i, name in enumerate(names)
    }
    expected = [uids[name] for name in ("R CC", "L CC", "R MLO", "L MLO")]
    assert first(lab, "said") == ("built-in:11-mg-by-description", expected)


def test_pet_stands_beside_its_ct(lab: Lab, add: Add, tmp_path: Path) -> None:
    ct = add("both", 1, planes=3)
    pet = pet_series(planes=2, rows=8, columns=8, noise=0)
    for data_set in pet:
        data_set.StudyInstanceUID = uid_of("both")
    fill(lab, pet, tmp_path / "pet")
    found = hang_study(lab, EVE, uid_of("both"))[0]
    assert found.id == "built-in:20-pet-ct"
    panes = found.state["panes"]
    assert [pane["SeriesInstanceUID"] for pane in panes] == [ct, str(pet[0].SeriesInstanceUID)]
    assert (panes[0]["window"]["width"], panes[1]["window"]) == (400, None)


def test_radiographs_and_ultrasound(lab: Lab, add: Add) -> None:
    lateral = add("thorax", 1, Modality="DX", ViewPosition="LL")
    frontal = add("thorax", 2, Modality="DX", ViewPosition="PA")
    assert first(lab, "thorax") == ("built-in:50-radiograph-two-views", [frontal, lateral])
    hand = add("hand", 1, Modality="CR", planes=2)
    found = hang_study(lab, EVE, uid_of("hand"))[0]
    assert (found.id, found.state["index"]) == ("built-in:59-radiograph", 0)
    assert found.state["SeriesInstanceUID"] == hand
    us = [add("us", i, Modality="US") for i in range(3)]
    assert first(lab, "us") == ("built-in:60-us", [*us, ""])


def test_contrasts_of_the_head_find_their_places_and_others_fill_the_rest(
    lab: Lab, add: Add
) -> None:
    def mr(number: int, name: str) -> str:
        return add("head", number, Modality="MR", SeriesDescription=name, BodyPartExamined="HEAD")

    flair, t2, t1, other = mr(1, "t2_flair tra"), mr(2, "T2 TSE"), mr(3, "MPRAGE"), mr(4, "PD")
    assert first(lab, "head") == ("built-in:40-mr-brain", [t1, t2, flair, other])


def test_a_study_of_no_rule_opens_as_ever(lab: Lab, add: Add) -> None:
    add("ot", 1, Modality="OT")
    assert hang_study(lab, EVE, uid_of("ot")) == []
    with pytest.raises(StudyNotFound):
        hang_study(lab, EVE, "2.25.404")


RULE = """
name: Rule
match: {series: {Modality: CT, SeriesDescription: "*%s*"}}
layout: %s
panes: %s
"""


def test_the_first_alternative_that_finds_a_series_counts_then_order_and_number(
    lab: Lab, add: Add
) -> None:
    small = add("s", 7, planes=2, SeriesDescription="thin")
    large = add("s", 8, planes=5, SeriesDescription="thick")
    late = add("s", 9, planes=2, SeriesDescription="thin")

    def shown(panes: str, layout: str = "1x1") -> list[str]:
        state = hung(lab, "s", RULE % ("thi", layout, panes))
        assert state is not None
        return [pane["SeriesInstanceUID"] for pane in state["panes"] or [state]]

    assert shown("[{series: {SeriesDescription: thin}}]") == [small]
    assert shown("[{series: {SeriesDescription: thin}, nth: 2}]") == [late]
    assert shown("[{series: {SeriesDescription: THIN}, order: -SeriesNumber}]") == [late]
    assert shown("[{series: {image_count: {at_least: 3}}}]") == [large]
    assert shown("[{series: [{Modality: MR}, {SeriesDescription: thick}]}]") == [large]
    assert shown("[{order: -image_count}]") == [large]
    assert shown("[{series: {SeriesDescription: {exactly: Thin}}}, {}]", "1x2") == ["", small]
    assert shown("[{empty: true}, {}]", "1x2") == ["", small]
    unseen = "[{series: {Modality: CT}}, {series: {Modality: CT}, unseen: true}]"
    assert shown(unseen, "1x2") == [small, large]
    assert shown("[{series: {SeriesDescription: thick}}]", "1x3") == [large, small, late]
    assert shown("[{series: {SeriesDescription: thick}}]", "mpr") == [large] * 4
    assert shown("[{series: {SeriesDescription: thick}}]", "mpr3d") == [large] * 4
    assert hung(lab, "s", RULE % ("x", "1x1", "[]")) is None
    required = "[{series: {Modality: MR}, required: true}]"
    assert hung(lab, "s", RULE % ("thi", "1x1", required)) is None
    assert hung(lab, "s", RULE % ("thi", "1x1", "[{series: {Modality: MR}}]")) is None


def test_columns_of_the_columnar_tier_are_asked_too(lab: Lab, add: Add) -> None:
    sharp = add("k", 1, ConvolutionKernel="B70f", KVP="120")
    add("k", 2, ConvolutionKernel="B30f", KVP="100")
    for condition in ("ConvolutionKernel: B7*", "KVP: {at_least: 110}", "KVP: 120"):
        panes = f"[{{series: {{{condition}}}}}]"
        state = hung(
            lab, "k", f"name: K\nmatch: {{series: {{Modality: CT}}}}\nlayout: 1x1\npanes: {panes}"
        )
        assert state is not None
        assert state["SeriesInstanceUID"] == sharp


def test_windows_in_hounsfield_units_are_of_ct_alone(lab: Lab, add: Add) -> None:
    add("m", 1, Modality="MR")
    rule = "name: M\nmatch: {series: {Modality: MR}}\nlayout: 1x1\npanes: [{window: %s}]"
    named = hung(lab, "m", rule % "lung")
    stated = hung(lab, "m", rule % "{center: 5, width: 10}")
    assert named is not None
    assert stated is not None
    assert named["window"] is None
    assert stated["window"] == {"center": 5, "width": 10, "function": "LINEAR"}


@pytest.mark.parametrize(
    ("place", "index"), [("first", 0), ("middle", None), ("last", 4), ("2", 1), ("99", 4)]
)
def test_a_pane_begins_where_its_rule_says(
    lab: Lab, add: Add, place: str, index: int | None
) -> None:
    add("p", 1, planes=5)
    rule = f"name: P\nmatch: {{series: {{Modality: CT}}}}\nlayout: 1x1\npanes: [{{at: {place}}}]"
    state = hung(lab, "p", rule)
    assert state is not None
    assert state["index"] == index


def test_a_series_over_time_opens_at_its_first_and_last(lab: Lab, tmp_path: Path) -> None:
    data_sets = dynamic_mr(planes=3, rows=8, columns=8)
    fill(lab, data_sets, tmp_path / "mr")
    (row,) = lab.catalog.series_of(str(data_sets[0].StudyInstanceUID))
    times = row.image_count // 3
    assert times > 1
    facts = SeriesFacts(extra_dim="time", extra_size=times)
    assert lab.catalog.set_series_facts(row.reference, facts, instance_count=row.instance_count)
    found = hang_study(lab, EVE, row.StudyInstanceUID)[0]
    assert found.id == "built-in:41-mr-dynamic"
    # The middle plane of the first time and of the last.
    assert [pane["index"] for pane in found.state["panes"]] == [1, 3 * (times - 1) + 1]


def view_of(lab: Lab, study: str, layout: str, *panes: PaneState) -> dict[str, Any]:
    state = ViewerState(layout=layout, panes=list(panes) if len(panes) > 1 else [])
    state.update_from(panes[0].to_dict())
    return state.to_dict() | {"link": {"position": True, "window": False, "zoom": False}}


def applied(name: str, state: dict[str, Any], **patterns: str) -> ShownLayout:
    return ShownLayout(name=name, state=state, applies_to=patterns, keep_windows=True)


def test_a_layout_that_was_saved_hangs_a_similar_study_alike(lab: Lab, add: Add) -> None:
    for study in ("now", "then"):
        for number, name in enumerate(("Scout", "Arterial *", "Portal [v]"), 1):
            add(study, number, planes=2, SeriesDescription=name, BodyPartExamined="LIVER")
    rows = {
        row.SeriesDescription: row.SeriesInstanceUID for row in lab.catalog.series_of(uid_of("now"))
    }
    liver = {"center": 90.0, "width": 150.0, "function": "LINEAR"}
    panes = (
        PaneState.from_dict(
            {"SeriesInstanceUID": rows["Portal [v]"], "window": liver, "flipped": True}
        ),
        PaneState.from_dict({"SeriesInstanceUID": rows["Arterial *"], "colormap": "cividis"}),
    )
    state = view_of(lab, "now", "2x1", *panes)
    kept = save_view(
        lab, EVE, uid_of("now"), applied("Liver", state, Modality="CT", BodyPartExamined="LIV*")
    )
    assert "window: liver" in kept.yaml
    assert parse_protocol(kept.yaml, source="") == kept.protocol
    found = hang_study(lab, EVE, uid_of("then"))[0]
    assert (found.id, found.source, found.name) == (kept.id, "own", "Liver")
    theirs = {
        row.SeriesDescription: row.SeriesInstanceUID
        for row in lab.catalog.series_of(uid_of("then"))
    }
    portal, arterial = found.state["panes"]
    assert (portal["SeriesInstanceUID"], arterial["SeriesInstanceUID"]) == (
        theirs["Portal [v]"],
        theirs["Arterial *"],
    )
    assert (portal["window"], portal["flipped"], arterial["colormap"]) == (liver, True, "cividis")
    assert found.state["layout"] == "2x1"
    assert found.state["link"]["position"]
    # Nobody else's studies are hung so, and the lab sees whose it is.
    assert hang_study(lab, MALLORY, uid_of("then"))[0].source == "built-in"
    (own,) = [each for each in lab.hanging_protocols() if each.source == "own"]
    hung = own.state(uid_of("then"))
    assert own.principal == "eve"
    assert hung is not None
    assert found.state | hung == found.state  # what it does not say is a view's own beginning
    root = lab.settings.root
    lab.close()
    assert rebuild(root).skipped == ()
    with nl.open_lab(root) as again:
        assert hang_study(again, EVE, uid_of("then"))[0].id == kept.id


OUTSIDE = VolumeState(
    mode="surface", preset="ct-skin", shift=12.5, level=-200.0, zoom=2.5, pan_mm=(3.0, 4.0),
    right=(0.0, 0.6, 0.8), down=(0.0, 0.8, -0.6), clip_mm=((-9, 9), (-9, 9), (0, 9)),
    surface="a" * 32,
)  # fmt: skip


@pytest.mark.parametrize("layout", ["3d", "mpr3d"])
def test_a_saved_volume_from_outside_hangs_a_similar_study_alike(
    lab: Lab, add: Add, layout: str
) -> None:
    series = add("now", 2, planes=3, SeriesDescription="B30f")
    theirs = add("then", 5, planes=3, SeriesDescription="B30f")
    add("then", 1, planes=1, SeriesDescription="Scout")
    count = 4 if layout == "mpr3d" else 1
    state = view_of(lab, "now", layout, *[PaneState(SeriesInstanceUID=series)] * count)
    kept = save_view(
        lab,
        EVE,
        uid_of("now"),
        applied("Out", state | {"volume": OUTSIDE.to_dict()}, Modality="CT"),
    )
    assert parse_protocol(kept.yaml, source="") == kept.protocol
    found = hang_study(lab, EVE, uid_of("then"))[0]
    assert (found.name, found.state["layout"], found.state["mpr"]) == ("Out", layout, None)
    panes = found.state["panes"]
    assert len(panes) == (count if count > 1 else 0)
    assert {pane["SeriesInstanceUID"] for pane in [found.state, *panes]} == {theirs}
    # The place, the box and the surface are the other patient's own.
    own = {"pan_mm": [0.0, 0.0], "clip_mm": None, "surface": None}
    assert found.state["volume"] == OUTSIDE.to_dict() | own


def test_a_protocol_that_says_nothing_of_its_volume_shows_it_whole_from_the_front(
    lab: Lab, add: Add
) -> None:
    add("v", 1, planes=3)
    save_protocol(lab, EVE, "name: V\nmatch: {series: {Modality: CT}}\nlayout: mpr3d\n")
    state = hang_study(lab, EVE, uid_of("v"))[0].state
    assert state["volume"] == VolumeState().to_dict()


def test_series_of_one_description_keep_their_places(lab: Lab, add: Add) -> None:
    for study in ("a", "b"):
        for number in (1, 2, 3):
            add(study, number, SeriesDescription="same")
    uids = [row.SeriesInstanceUID for row in lab.catalog.series_of(uid_of("a"))]
    panes = [PaneState(SeriesInstanceUID=uids[i]) for i in (2, 0, 2, 1)]
    state = view_of(lab, "a", "2x2", *panes)
    save_view(lab, EVE, uid_of("a"), applied("Four", state, Modality="CT"))
    theirs = [row.SeriesInstanceUID for row in lab.catalog.series_of(uid_of("b"))]
    assert first(lab, "b")[1] == [theirs[i] for i in (2, 0, 2, 1)]


def test_what_cannot_be_a_protocol_is_refused(lab: Lab, add: Add) -> None:
    uid = add("a", 1)
    other = PaneState(StudyInstanceUID="2.25.9", SeriesInstanceUID="2.25.10")
    sound = view_of(lab, "a", "1x1", PaneState(SeriesInstanceUID=uid))
    study = uid_of("a")
    for layout in (
        applied("", sound, Modality="CT"),
        applied("A", sound),
        applied("A", sound, Modality="C\x07"),
        applied("A", sound, PatientName="X"),
        applied("A", view_of(lab, "a", "1x1", PaneState()), Modality="CT"),
        applied("A", view_of(lab, "a", "1x1", other), Modality="CT"),
        applied("A", {"zoom": 1e9}, Modality="CT"),
    ):
        with pytest.raises(UserItemRefused):
            save_view(lab, EVE, study, layout)
    with pytest.raises(StudyNotFound):
        save_view(lab, EVE, "2.25.404", applied("A", sound, Modality="CT"))
    assert [each for each in lab.hanging_protocols() if each.source == "own"] == []


def test_so_many_are_kept_and_one_of_a_name_is_replaced(lab: Lab) -> None:
    rule = "name: P%d\nmatch: {series: {Modality: CT}}\nlayout: %s\n"
    for number in range(MOST_OWN):
        save_protocol(lab, EVE, rule % (number, "1x1"))
    with pytest.raises(UserItemRefused, match="at most 100"):
        save_protocol(lab, EVE, rule % (MOST_OWN, "1x1"))
    assert save_protocol(lab, EVE, rule % (0, "1x2")).protocol.layout == "1x2"


def test_what_another_version_kept_is_passed_over(lab: Lab, add: Add) -> None:
    uid = add("a", 1, planes=2)
    now = datetime.now(UTC)
    item = UserItem(
        item_id=uuid4().hex, kind=HANGING_PROTOCOL, principal="eve", name="N",
        document={"protocol": {"name": "N", "hologram": True}}, created_at=now, updated_at=now,
    )  # fmt: skip
    lab.ledger.save_user_item(item)
    assert first(lab, "a") == ("built-in:39-ct", [uid])


def test_the_labs_own_come_before_the_programs_and_after_a_persons(lab: Lab, add: Add) -> None:
    add("a", 1, planes=2)
    folder = lab.settings.root / "hanging"
    folder.mkdir()
    rule = "name: %s\nmatch: {series: {Modality: CT}}\nlayout: 1x1\n"
    (folder / "ours.yaml").write_text(rule % "Ours", "utf-8")
    (folder / "broken.yaml").write_text("name", "utf-8")
    save_protocol(lab, EVE, rule % "Mine")
    found = [(each.source, each.name) for each in hang_study(lab, EVE, uid_of("a"))]
    assert found[:3] == [("own", "Mine"), ("lab", "Ours"), ("built-in", "CT")]


def test_a_protocol_opens_a_study_in_a_cell(lab: Lab, add: Add) -> None:
    add("a", 1, planes=2)
    (ct,) = [each for each in lab.hanging_protocols() if each.id == "built-in:39-ct"]
    view = ct.view(uid_of("a"))
    assert view.state.SeriesInstanceUID == ct.state(uid_of("a"))["SeriesInstanceUID"]  # type: ignore[index]
    (us,) = [each for each in lab.hanging_protocols() if each.id == "built-in:60-us"]
    with pytest.raises(HangingProtocolRefused, match="applies"):
        us.view(uid_of("a"))
