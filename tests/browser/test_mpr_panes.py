"""Planes beside other panes: what follows the crosshair, whose study they are of."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from noctis_lab.synthetic import ct_series
from tests.browser.test_mpr import COLUMNS, PLANES, ROWS, open_mpr, set_planes, smooth
from tests.browser.test_viewer import python_view, soon
from tests.browser.watched import Watched
from tests.served import Seen, Site

pytestmark = pytest.mark.browser


def volume(site: Site, seed: str, **attributes: Any) -> Seen:
    series = ct_series(
        planes=PLANES, rows=ROWS, columns=COLUMNS, stored=smooth(), slice_spacing_mm=2.0,
        windows=((40, 400),), seed=seed, **attributes,
    )  # fmt: skip
    return site.admit(series, "local")


def of_app(watched: Watched, script: str) -> Any:
    """Run lines with `app`, its `panes` and their `model` at hand; return what they return."""
    names = "const app = element.noctis, { panes } = app.grid, { model } = panes[0];"
    return watched.page.locator(".noctis-viewer").evaluate(f"(element) => {{ {names} {script} }}")


def test_the_images_follow_the_crosshair_at_once(watched: Watched, site: Site) -> None:
    seen = volume(site, "follow")
    open_mpr(watched, site, seen, PLANES)
    # With no painting between: what is wanted does not wait for the canvas.
    script = """
      const indices = [];
      for (const [active, slice] of [[0, 4], [0, 17], [1, 9], [1, 2], [2, 12]]) {
        app.grid.activate(active);
        const [x, y] = model.crosshair;
        model.moveTo([x, y, 100 + 2 * slice]);
        indices.push(panes[3].state.index);
      }
      return indices;
    """
    # In the coronal and the sagittal plane the canvas's middle stays where it is.
    assert of_app(watched, script) == [4, 17, 9, 2, 12]
    wanted, shown = of_app(
        watched,
        "model.moveTo([0, 0, 120]); model.setZoom(2.5);"
        "return [panes[0].wanted, panes[0].plane().geometry].map((plane) => plane.origin_mm[2])",
    )
    assert (wanted, shown) == (120, 124)
    assert watched.complaints == []


def test_planes_beside_a_study_that_is_compared_with_are_of_their_own_study(
    watched: Watched, site: Site
) -> None:
    one = volume(site, "one study", StudyDate="20240305")
    other = volume(site, "other study", StudyDate="20230301")
    page = watched.page
    page.goto(f"{site.base}/viewer/{one.study}?compare={other.study}")
    expect(page.locator(".stage")).to_have_count(2)
    page.locator(".stage").nth(1).click()
    page.keyboard.press("Shift+M")
    expect(page.get_by_text(f"{PLANES} of {PLANES} in memory")).to_be_visible(timeout=30_000)
    studies = (
        "return app.state.panes.map((pane) => [pane.StudyInstanceUID, pane.SeriesInstanceUID])"
    )
    assert of_app(watched, studies) == [[other.study, other.series]] * 4
    page.locator(f'.th[data-uid="{one.series}"]').click()
    expect(page.get_by_text(f"{PLANES} of {PLANES} in memory")).to_be_visible(timeout=30_000)
    assert of_app(watched, studies) == [["", one.series]] * 4
    assert of_app(watched, "return model.stack.SeriesInstanceUID") == one.series
    assert watched.complaints == []


def test_another_series_begins_with_planes_of_its_own(watched: Watched, site: Site) -> None:
    seen = volume(site, "own planes")
    other = volume(site, "others", StudyInstanceUID=seen.study, SeriesNumber=2)
    open_mpr(watched, site, seen, PLANES)
    page = watched.page
    head = page.locator(".stage.axial .plane-head")
    page.locator(".stage.coronal").focus()
    page.keyboard.press(">")
    expect(head).to_contain_text("oblique 1°")
    watched.rest()
    page.reload()
    expect(head).to_contain_text("oblique 1°", timeout=20_000)
    page.keyboard.press("Shift+M")
    expect(page.locator(".stage.plane")).to_have_count(0)
    page.locator(f'.th[data-uid="{other.series}"]').click()
    expect(page.locator(".stage")).to_have_attribute("data-shown", str(PLANES // 2))
    page.keyboard.press("Shift+M")
    expect(page.get_by_text(f"{PLANES} of {PLANES} in memory")).to_be_visible(timeout=30_000)
    expect(head).not_to_contain_text("oblique")
    assert of_app(watched, "return model.SeriesInstanceUID") == other.series
    assert watched.complaints == []


def test_leaving_the_planes_in_mid_drag_leaves_nothing_held(watched: Watched, site: Site) -> None:
    seen = volume(site, "mid-drag")
    open_mpr(watched, site, seen, PLANES)
    page, state = watched.page, python_view(seen.series).state
    handle = page.locator('.stage.sagittal .hit.turn[data-plane="axial"]').first.bounding_box()
    assert handle is not None
    page.mouse.move(handle["x"] + handle["width"] / 2, handle["y"] + handle["height"] / 2)
    page.mouse.down()
    page.mouse.move(handle["x"] + 20, handle["y"] + 30, steps=3)
    page.keyboard.press("Shift+M")
    expect(page.locator(".stage.plane")).to_have_count(0)
    page.mouse.up()
    page.keyboard.press("2")
    assert soon(lambda: state.window is not None and state.window.width == 1500)
    assert state.layout == "1x1"
    page.keyboard.press("Shift+M")
    page.keyboard.press("3")
    assert soon(lambda: state.layout == "mpr" and state.window.width == 150)
    assert watched.complaints == []


def test_the_ends_of_a_plane_are_those_of_its_stack_and_a_window_is_given_back(
    watched: Watched, site: Site
) -> None:
    seen = volume(site, "ends")
    open_mpr(watched, site, seen, PLANES)
    page = watched.page
    page.locator(".stage.axial").focus()
    page.keyboard.press("End")
    expect(page.locator(".stage.axial .plane-head")).to_contain_text("H 140.0 mm")
    page.keyboard.press("Home")
    expect(page.locator(".stage.axial .plane-head")).to_contain_text("H 100.0 mm")
    page.keyboard.press("ArrowDown")
    # A state's index is a stack's: it moves no plane.
    set_planes(watched, "app.viewer.apply({ index: 0 })")
    expect(page.locator(".stage.axial .plane-head")).to_contain_text("H 102.0 mm")
    set_planes(watched, "app.viewer.set({ window: null })")
    expect(page.locator(".stage.axial .ct.bl")).to_contain_text("Window 400 Level 40")
    assert watched.complaints == []


def test_what_fails_while_python_is_heard_leaves_the_view_able_to_report(
    watched: Watched, site: Site
) -> None:
    seen = volume(site, "heard")
    open_mpr(watched, site, seen, PLANES)
    failed = of_app(
        watched,
        "try { app.apply({ ...app.state, mpr: { crosshair_mm: [0, 0, 100] } }); } "
        "catch { return true; } return false;",
    )
    assert failed
    state = python_view(seen.series).state
    watched.page.keyboard.press("2")
    assert soon(lambda: state.window is not None and state.window.width == 1500)
