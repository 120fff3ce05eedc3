"""Hanging in a page: a study opens as its protocol says, and a saved layout opens the next one."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from noctis_lab.access import ADMIN
from noctis_lab.catalog import people
from noctis_lab.lab.hanging import parse_protocol
from noctis_lab.synthetic import ct_series
from tests.browser.test_viewer import python_view, soon
from tests.browser.watched import Watched
from tests.served import Seen, Site

pytestmark = pytest.mark.browser

PLANES = 20
LUNG, SOFT = "Window 1500 Level −600", "Window 400 Level 40"


def admit(site: Site, name: str, number: int, planes: int = PLANES, **elements: Any) -> Seen:
    data_sets = ct_series(
        planes=planes, rows=32, columns=32, seed=f"{name} {number}", SeriesNumber=number,
        StudyInstanceUID=f"2.25.{int.from_bytes(name.encode(), 'big')}",
        FrameOfReferenceUID=f"2.25.{int.from_bytes(name.encode(), 'big')}.1",
        windows=((30.0, 300.0),), elements=elements,
    )  # fmt: skip
    return site.admit(data_sets, "local")


@pytest.fixture
def chest(site: Site) -> tuple[Seen, Seen]:
    soft = admit(site, "chest", 1, BodyPartExamined="CHEST", SeriesDescription="B30f")
    lung = admit(site, "chest", 2, BodyPartExamined="CHEST", SeriesDescription="LUNG B70f")
    return soft, lung


def corner(stage: Locator) -> Locator:
    return stage.locator(".ct.bl")


def said(page: Page) -> Locator:
    return page.locator(".status [role=status]")


def hanging(page: Page) -> Locator:
    return page.get_by_role("button", name=re.compile("^Hanging protocol:"))


def test_a_study_opens_as_its_protocol_says_and_says_so(
    watched: Watched, site: Site, chest: tuple[Seen, Seen]
) -> None:
    page, (soft, lung) = watched.page, chest
    page.goto(f"{site.base}/viewer/{soft.study}")
    stages = page.locator(".stage")
    expect(stages).to_have_count(2)
    expect(said(page)).to_have_text("Hung by CT of the chest (built in)")
    expect(corner(stages.nth(0))).to_contain_text(SOFT)
    expect(corner(stages.nth(1))).to_contain_text(LUNG)
    expect(page.get_by_role("button", name="Layout")).to_have_text("1 × 2")
    expect(hanging(page)).to_have_accessible_name("Hanging protocol: CT of the chest")
    state = python_view(soft.series).state
    assert soon(
        lambda: [pane.SeriesInstanceUID for pane in state.panes] == [soft.series, lung.series]
    )
    # Position and zoom are linked, as the protocol says.
    page.keyboard.press("Home")
    expect(stages.nth(0)).to_have_attribute("data-shown", "0")
    expect(stages.nth(1)).to_have_attribute("data-shown", "0")
    assert watched.complaints == []
    assert watched.foreign == []


def test_an_address_that_says_what_is_shown_is_never_overridden(
    watched: Watched, site: Site, chest: tuple[Seen, Seen]
) -> None:
    page, (soft, lung) = watched.page, chest
    stages = page.locator(".stage")
    page.goto(f"{site.base}/viewer/{soft.study}?series={lung.series}")
    expect(stages).to_have_count(1)
    expect(corner(stages)).to_contain_text("Window 300 Level 30")
    expect(hanging(page)).to_have_accessible_name("Hanging protocol: none")
    page.goto("about:blank")
    page.goto(f"{site.base}/viewer/{soft.study}#l=1x1&p={lung.series},i3,w40:400:l")
    expect(stages).to_have_count(1)
    expect(stages).to_have_attribute("data-shown", "3")
    expect(corner(stages)).to_contain_text(SOFT)
    # What one went on to is kept over a reload.
    hanging(page).click()
    page.get_by_role("menuitemradio", name="CT of the chest").click()
    expect(stages).to_have_count(2)
    page.keyboard.press("i")
    page.wait_for_url(re.compile("l=1x2.*,n"))
    page.reload()
    expect(stages).to_have_count(2)
    expect(hanging(page)).to_have_accessible_name("Hanging protocol: none")
    assert watched.complaints == []


def test_another_protocol_is_taken_and_none_by_keyboard_alone(
    watched: Watched, site: Site, chest: tuple[Seen, Seen]
) -> None:
    page, (soft, _) = watched.page, chest
    page.goto(f"{site.base}/viewer/{soft.study}")
    stages = page.locator(".stage")
    expect(corner(stages.nth(1))).to_contain_text(LUNG)
    page.keyboard.press(">")
    expect(stages).to_have_count(1)
    expect(said(page)).to_have_text("Hung by CT (built in)")
    page.keyboard.press(">")
    expect(said(page)).to_contain_text("one series alone")
    expect(corner(stages)).to_contain_text("Window 300 Level 30")
    page.keyboard.press(">")
    expect(stages).to_have_count(2)
    expect(corner(stages.nth(1))).to_contain_text(LUNG)
    page.keyboard.press("<")
    expect(stages).to_have_count(1)
    page.keyboard.press("H")
    expect(page.get_by_role("menuitemradio", name="No protocol")).to_be_focused()
    page.keyboard.press("Home")
    expect(page.get_by_role("menuitemradio", name="CT of the chest")).to_be_focused()
    page.keyboard.press("Enter")
    expect(stages).to_have_count(2)
    expect(page.get_by_role("menuitemradio", name="CT of the chest")).to_be_hidden()
    page.keyboard.press("H")
    page.keyboard.press("Escape")
    expect(hanging(page)).to_be_focused()
    assert watched.complaints == []


def test_a_layout_is_saved_by_keyboard_and_hangs_a_similar_study_alike(
    watched: Watched, site: Site, chest: tuple[Seen, Seen]
) -> None:
    page, (soft, _) = watched.page, chest
    page.goto(f"{site.base}/viewer/{soft.study}")
    stages = page.locator(".stage")
    expect(corner(stages.nth(1))).to_contain_text(LUNG)
    page.keyboard.press("4")
    page.keyboard.press("h")
    expect(corner(stages.nth(0))).to_contain_text("Window 2500 Level 480")
    page.keyboard.press("H")
    page.keyboard.press("End")
    page.keyboard.press("ArrowUp")
    expect(page.get_by_role("menuitem", name="Save this layout")).to_be_focused()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Save this layout")
    expect(dialog.get_by_label("Name of the layout")).to_be_focused()
    expect(dialog.get_by_label("Modality")).to_have_value("CT")
    expect(dialog.get_by_label("Series description")).to_have_value("B30f")
    expect(dialog.get_by_label("Body part")).to_have_value("CHEST")
    expect(dialog.get_by_label("Windows as they are now")).to_be_checked()
    page.keyboard.press("Enter")
    expect(dialog.get_by_role("alert")).to_contain_text("name")
    page.keyboard.type("Bone 1 i")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.type("B3*")
    page.keyboard.press("Enter")
    expect(dialog).to_be_hidden()
    expect(said(page)).to_have_text("Saved: similar studies open as Bone 1 i")
    expect(hanging(page)).to_have_accessible_name("Hanging protocol: Bone 1 i")
    following = admit(site, "next", 1, BodyPartExamined="CHEST", SeriesDescription="B31f")
    admit(site, "next", 2, BodyPartExamined="CHEST", SeriesDescription="LUNG B70f")
    page.goto(f"{site.base}/viewer/{following.study}")
    expect(said(page)).to_have_text("Hung by Bone 1 i (yours)")
    expect(stages).to_have_count(2)
    expect(corner(stages.nth(0))).to_contain_text("Window 2500 Level 480")
    expect(corner(stages.nth(1))).to_contain_text(LUNG)
    expect(page.get_by_role("button", name="Mirror left to right")).to_have_attribute(
        "aria-pressed", "true"
    )
    assert watched.complaints == []
    assert "Bone" not in " ".join(watched.wire)


@pytest.mark.parametrize("layout", ["3d", "mpr3d"])
def test_a_volume_from_outside_is_saved_and_hangs_a_similar_study_alike(
    watched: Watched, site: Site, chest: tuple[Seen, Seen], layout: str
) -> None:
    page, (soft, _) = watched.page, chest
    page.goto(f"{site.base}/viewer/{soft.study}?series={soft.series}")
    expect(page.locator(".stage")).to_have_attribute("data-shown", str(PLANES // 2))
    page.keyboard.press("Shift+D" if layout == "3d" else "Shift+B")
    volume = page.locator(".stage.volume3d")
    expect(volume).to_have_count(1)
    state = python_view(soft.series).state
    assert soon(lambda: state.layout == layout and state.volume is not None)
    volume.focus()
    page.keyboard.press("m")  # the highest values
    page.get_by_role("button", name="Seen from the left").click()
    assert soon(lambda: state.volume.mode == "mip" and state.volume.right == (0, 1, 0))
    hanging(page).click()
    page.get_by_role("menuitem", name="Save this layout").click()
    dialog = page.get_by_role("dialog", name="Save this layout")
    page.keyboard.type("From the left")
    dialog.get_by_label("Series description").fill("B3*")
    page.keyboard.press("Enter")
    expect(said(page)).to_have_text("Saved: similar studies open as From the left")
    following = admit(site, "next", 1, BodyPartExamined="CHEST", SeriesDescription="B30f")
    page.goto(f"{site.base}/viewer/{following.study}")
    expect(said(page)).to_have_text("Hung by From the left (yours)")
    expect(volume).to_have_count(1)
    expect(page.locator(".stage")).to_have_count(1 if layout == "3d" else 4)
    theirs = python_view(following.series).state
    assert soon(lambda: theirs.volume is not None and theirs.volume.mode == "mip")
    assert (theirs.layout, theirs.volume.right) == (layout, (0, 1, 0))
    # What another protocol says of the panes takes its place, and it comes back whole.
    page.keyboard.press(">")
    expect(volume).to_have_count(0)
    page.keyboard.press("<")
    expect(volume).to_have_count(1)
    assert soon(lambda: theirs.layout == layout and theirs.volume.mode == "mip")
    assert watched.complaints == []


def test_own_protocols_are_renamed_exported_taken_in_and_deleted(
    watched: Watched, site: Site, chest: tuple[Seen, Seen], tmp_path: Path
) -> None:
    page, (soft, _) = watched.page, chest
    rule = "name: Mine\nmatch: {series: {Modality: CT}}\nlayout: 2x1\n"
    (tmp_path / "mine.yaml").write_text(rule, "utf-8")
    (tmp_path / "wrong.yaml").write_text(rule.replace("layout", "layuot"), "utf-8")
    page.goto(f"{site.base}/viewer/{soft.study}")
    expect(page.locator(".stage")).to_have_count(2)
    hanging(page).click()
    with page.expect_file_chooser() as chooser:
        page.get_by_role("menuitem", name="Take in a YAML file").click()
    chooser.value.set_files(tmp_path / "wrong.yaml")
    expect(said(page)).to_contain_text("line 3")
    with page.expect_file_chooser() as chooser:
        page.get_by_role("menuitem", name="Take in a YAML file").click()
    chooser.value.set_files(tmp_path / "mine.yaml")
    expect(page.get_by_role("menuitemradio", name="Mine")).to_be_visible()
    page.get_by_role("button", name="Rename Mine").click()
    page.keyboard.press("Control+A")
    page.keyboard.type("Above and below")
    page.keyboard.press("Enter")
    expect(page.get_by_role("menuitemradio", name="Above and below")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="Export Above and below").click()
    text = Path(download.value.path()).read_text("utf-8")
    protocol = parse_protocol(text, source="")
    assert (protocol.name, protocol.layout) == ("Above and below", "2x1")
    page.get_by_role("button", name="Delete Above and below").click()
    expect(page.get_by_role("menuitemradio", name="Above and below")).to_be_hidden()
    expect(page.get_by_role("menuitemradio", name="CT of the chest")).to_be_visible()
    assert [each for each in watched.complaints if "422" not in each] == []


@pytest.mark.usefixtures("worklist_shown")
def test_presets_follow_their_owner_and_those_of_the_browser_are_taken_over(
    watched: Watched, browser: Browser, site: Site
) -> None:
    seen = admit(site, "presets", 1, planes=3)
    old = [
        {
            "name": "Old stent",
            "modality": "CT",
            "window": {"center": 300, "width": 1400, "function": "LINEAR"},
        }
    ]
    page = watched.page
    page.evaluate("text => localStorage.setItem('noctis.window-presets', text)", json.dumps(old))
    page.goto(f"{site.base}/viewer/{seen.study}")
    expect(page.locator(".stage")).to_have_attribute("data-shown", "1")
    page.get_by_role("button", name="Presets").click()
    page.get_by_label("Name of a new preset").fill("Mine")
    page.get_by_label("Name of a new preset").press("Enter")
    expect(said(page)).to_have_text("Preset Mine kept")
    assert page.evaluate("localStorage.getItem('noctis.window-presets')") is None
    with browser.new_context(viewport={"width": 1280, "height": 800}) as context:
        elsewhere = context.new_page()
        token = people.create_login_token(site.catalog, ADMIN)
        elsewhere.goto(f"{site.base}/login?token={token}")
        elsewhere.goto(f"{site.base}/viewer/{seen.study}")
        elsewhere.locator(".pick").first.click()
        elsewhere.get_by_role("menuitem", name="Old stent").click()
        expect(corner(elsewhere.locator(".stage"))).to_contain_text("Window 1400 Level 300")
        elsewhere.get_by_role("button", name="Presets").click()
        elsewhere.get_by_role("button", name="Delete preset Old stent").click()
        expect(elsewhere.get_by_role("button", name="Delete preset Old stent")).to_be_hidden()
        expect(elsewhere.get_by_role("button", name="Delete preset Mine")).to_be_visible()
    page.reload()
    page.get_by_role("button", name="Presets").click()
    expect(page.get_by_role("button", name="Delete preset Mine")).to_be_visible()
    expect(page.get_by_role("button", name="Delete preset Old stent")).to_be_hidden()
    assert watched.complaints == []
