"""Plots below a page's images: they set its window, follow what is drawn, and move it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

from noctis_lab.lab.measuring import plotted
from noctis_lab.synthetic import PlaneStack, ct_series, weighted_mr, weighted_stored
from noctis_lab.volumes.cache import open_handle
from tests.browser.test_viewer import python_view, soon
from tests.browser.watched import Watched
from tests.served import HOSTILE_NAME, Seen, Site

pytestmark = pytest.mark.browser

PLANES, POINTS, SHAPE = 3, 5, (10, 12)


def handle(page: Page, name: str) -> Locator:
    return page.get_by_role("slider", name=name, exact=True)


def number_of(found: Locator) -> float:
    return float(found.get_attribute("aria-valuenow") or "nan")


def centre_of(found: Locator) -> tuple[float, float]:
    box = found.bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def open_ct(watched: Watched, site: Site, more: str = "") -> Seen:
    rng = np.random.default_rng(3)
    stored = rng.integers(0, 2000, (PLANES, 64, 64), dtype=np.int16)
    seen = site.admit(
        ct_series(planes=PLANES, rows=64, columns=64, stored=stored, PatientName=HOSTILE_NAME),
        "local",
    )
    watched.page.goto(f"{site.base}/viewer/{seen.study}?series={seen.series}{more}")
    expect(watched.page.locator(".stage")).to_have_attribute("data-shown", "1")
    return seen


def open_times(watched: Watched, site: Site) -> Seen:
    stack = PlaneStack(planes=PLANES)
    seen = site.admit(weighted_mr("time", stack=stack, points=POINTS, shape=SHAPE), "local")
    watched.page.goto(f"{site.base}/viewer/{seen.study}?series={seen.series}")
    expect(watched.page.locator(".stage")).to_have_attribute("data-shown", "7")
    return seen


def plot_of(seen: Seen) -> Any:
    return python_view(seen.series).plots


def draw(page: Page, key: str, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Draw from one part of the stage to another (0 to 1 across and down)."""
    box = page.locator(".stage").bounding_box()
    assert box is not None
    x, y = box["x"], box["y"]
    page.keyboard.press(key)
    page.mouse.move(x + start[0] * box["width"], y + start[1] * box["height"])
    page.mouse.down()
    page.mouse.move(x + 0.5 * box["width"], y + 0.5 * box["height"], steps=3)
    page.mouse.move(x + end[0] * box["width"], y + end[1] * box["height"], steps=3)
    page.mouse.up()


def test_the_histogram_is_numpys_and_its_handle_drags_the_window(
    watched: Watched, site: Site
) -> None:
    seen = open_ct(watched, site)
    page = watched.page
    page.keyboard.press("Shift+G")
    upper, lower = (
        handle(page, "Upper limit of the window"),
        handle(page, "Lower limit of the window"),
    )
    expect(upper).to_be_visible()
    state = python_view(seen.series).state
    assert soon(lambda: state.plot == "slice-histogram" and state.window is not None)
    figures = plot_of(seen).drawn["figures"]
    found = plotted.slice_histogram(open_handle(site.settings), seen.series, 1)
    assert list(figures["counts"]) == list(found.counts)
    page.wait_for_timeout(600)  # the tags have come
    window = state.window
    assert number_of(upper) == window.center + window.width / 2
    x, y = centre_of(upper)
    start = number_of(upper), number_of(lower)
    before = len(watched.wire)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 60, y, steps=12)
    page.wait_for_timeout(400)
    assert watched.wire[before:] == []  # nothing goes over the wire while it is dragged
    during = number_of(upper)
    assert during < start[0]
    assert number_of(lower) == start[1]  # the other limit stays
    width = during - number_of(lower)
    expect(page.locator(".ct.bl")).to_contain_text(
        f"Window {width:.0f} "
    )  # the image follows at once
    assert state.window == window
    page.mouse.up()
    assert soon(lambda: state.window != window)  # Python hears of the end
    assert state.window.center + state.window.width / 2 == during
    # And the other way: what the window does, the handle does.
    python_view(seen.series).at(window=(500, 200))
    expect(upper).to_have_attribute("aria-valuenow", "600")
    expect(lower).to_have_attribute("aria-valuenow", "400")
    assert watched.complaints == []
    assert watched.foreign == []


def test_the_windows_drag_on_the_image_moves_the_handles(watched: Watched, site: Site) -> None:
    seen = open_ct(watched, site)
    page = watched.page
    page.keyboard.press("Shift+G")
    level = handle(page, "Level")
    expect(level).to_be_visible()
    assert soon(lambda: python_view(seen.series).state.window is not None)
    page.wait_for_timeout(600)
    before, wire = number_of(level), len(watched.wire)
    x, y = centre_of(page.locator(".stage"))
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x, y - 40, steps=8)
    page.wait_for_timeout(300)
    assert number_of(level) < before
    assert watched.wire[wire:] == []
    page.mouse.up()
    assert soon(lambda: python_view(seen.series).state.window.center == number_of(level))


def test_arrow_keys_move_a_limit_and_escape_goes_back_to_the_image(
    watched: Watched, site: Site
) -> None:
    seen = open_ct(watched, site)
    page = watched.page
    page.keyboard.press("Shift+G")
    lower = handle(page, "Lower limit of the window")
    expect(lower).to_be_visible()
    assert soon(lambda: python_view(seen.series).state.window is not None)
    state = python_view(seen.series).state
    before = number_of(lower)
    lower.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowRight")
    expect(lower).not_to_have_attribute("aria-valuenow", f"{before:g}")
    assert number_of(lower) > before
    assert soon(lambda: state.window.center - state.window.width / 2 == number_of(lower))
    assert "HU" in (lower.get_attribute("aria-valuetext") or "")
    page.keyboard.press("ArrowDown")  # on a handle an arrow is the handle's
    page.keyboard.press("Escape")
    assert state.index == 1
    page.keyboard.press("ArrowDown")
    assert soon(lambda: state.index == 2)
    page.keyboard.press("Shift+G")
    expect(lower).to_be_hidden()
    assert soon(lambda: state.plot == "")


def test_a_click_on_a_value_makes_it_the_level(watched: Watched, site: Site) -> None:
    seen = open_ct(watched, site)
    page = watched.page
    page.keyboard.press("Shift+G")
    level = handle(page, "Level")
    expect(level).to_be_visible()
    state = python_view(seen.series).state
    assert soon(lambda: state.window is not None)
    before = state.window
    x, y = centre_of(level)
    page.mouse.click(x + 150, y)
    assert soon(lambda: state.window != before)
    assert state.window.width == before.width
    assert state.window.center == number_of(level) > before.center
    assert centre_of(level)[0] == pytest.approx(x + 150, abs=1.5)


def test_the_volumes_histogram_and_what_is_plotted_are_in_the_address(
    watched: Watched, site: Site
) -> None:
    seen = open_ct(watched, site)
    page = watched.page
    page.get_by_role("button", name="Plots", exact=True).click()
    page.get_by_role("button", name="Volume", exact=True).click()
    expect(page.locator(".plots .ph")).to_contain_text("of 3 images")
    assert soon(lambda: "g=volume-histogram" in page.url)
    found = plotted.volume_histogram(open_handle(site.settings), seen.series, 1)
    assert list(plot_of(seen).drawn["figures"]["counts"]) == list(found.counts)
    page.reload()
    expect(page.locator(".plots .ph")).to_contain_text("of 3 images")
    page.get_by_role("button", name="Close the plot").click()
    expect(page.locator(".plots .ph")).to_be_hidden()
    assert soon(lambda: "g=" not in page.url)
    assert watched.complaints == []


def test_an_unsound_plot_in_the_address_is_none(watched: Watched, site: Site) -> None:
    seen = open_ct(watched, site, more="#l=1x1&g=<script>&p=1.2")
    page = watched.page
    expect(page.locator(".plots .ph")).to_be_hidden()
    assert python_view(seen.series).state.plot == ""
    assert watched.complaints == []


def test_the_profile_follows_its_line_and_a_click_shows_where_it_is(
    watched: Watched, site: Site
) -> None:
    seen = open_ct(watched, site)
    page = watched.page
    page.keyboard.press("Shift+G")
    page.get_by_role("button", name="Profile", exact=True).click()
    expect(page.get_by_text("press y and drag one over the image")).to_be_visible()
    draw(page, "y", (0.45, 0.4), (0.55, 0.6))
    place = handle(page, "Place along the line")
    expect(place).to_be_visible()
    plot = plot_of(seen)
    assert soon(lambda: plot.drawn["figures"] is not None)
    samples = list(plot.drawn["figures"]["samples"])
    row = page.locator(".noctis-viewer").evaluate("(e) => e.noctis.measured.measuring.selected")
    assert samples == row["values"]["samples"]  # the same digits as the measurement's own
    # The line is moved by keyboard: the plot is of where it is now.
    page.keyboard.press("Enter")
    page.keyboard.press("Shift+ArrowDown")
    page.keyboard.press("Enter")
    assert soon(lambda: list((plot.drawn["figures"] or {}).get("samples", samples)) != samples)
    # Elsewhere in the stack a key on the plot goes back to the line's image and marks the place.
    page.keyboard.press("Escape")
    page.keyboard.press("Home")
    expect(page.locator(".stage")).to_have_attribute("data-shown", "0")
    expect(page.locator(".plot-mark")).to_have_count(0)
    place.focus()
    page.keyboard.press("End")
    expect(page.locator(".stage")).to_have_attribute("data-shown", "1")
    expect(page.locator(".plot-mark")).to_be_visible()
    x, y = centre_of(page.locator(".plot-mark"))
    end = page.locator(".noctis-viewer").evaluate(
        """(e) => { const { pane, measuring } = e.noctis.measured;
          const box = pane.element.getBoundingClientRect();
          const [x, y] = pane.plane().fromVoxel(...measuring.store.all()[0].points_px[1]);
          return [x + box.left, y + box.top]; }"""
    )
    assert (x, y) == pytest.approx(tuple(end), abs=1)
    assert python_view(seen.series).state.index == 1
    assert watched.complaints == []


def test_a_curve_is_the_regions_mean_over_time_and_a_click_goes_to_that_time(
    watched: Watched, site: Site
) -> None:
    seen = open_times(watched, site)
    page = watched.page
    page.keyboard.press("Shift+G")
    page.get_by_role("button", name="Curve", exact=True).click()
    expect(page.get_by_text("press e and drag an ellipse")).to_be_visible()
    draw(page, "q", (0.4, 0.35), (0.6, 0.65))
    place = handle(page, "Place along time")
    expect(place).to_be_visible()
    figures = plot_of(seen).drawn["figures"]
    row = page.locator(".noctis-viewer").evaluate("(e) => e.noctis.measured.measuring.selected")
    (x0, y0), (x1, y1) = np.array(row["points_px"])
    rows = slice(int(np.ceil(min(y0, y1))), int(np.floor(max(y0, y1))) + 1)
    columns = slice(int(np.ceil(min(x0, x1))), int(np.floor(max(x0, x1))) + 1)
    means = [weighted_stored(1, point, SHAPE)[rows, columns].mean() for point in range(POINTS)]
    np.testing.assert_allclose(figures["means"], means)
    assert place.get_attribute("aria-valuenow") == "2"  # the time in view
    # A click on the last point.
    x, y = centre_of(place)
    box = page.locator(".plot-box").bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] - 60, y)
    expect(page.locator(".stage")).to_have_attribute("data-shown", str(4 * PLANES + 1))
    expect(place).to_have_attribute("aria-valuenow", "4")
    assert soon(lambda: python_view(seen.series).state.index == 4 * PLANES + 1)
    # The keyboard, and the viewer's own key the other way.
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".stage")).to_have_attribute("data-shown", str(3 * PLANES + 1))
    page.keyboard.press("Escape")
    page.keyboard.press("[")
    expect(place).to_have_attribute("aria-valuenow", "2")
    # A drag along the curve goes through the times, and tells Python at its end.
    page.wait_for_timeout(500)
    x, y = centre_of(place)
    before = len(watched.wire)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(box["x"] + 80, y, steps=10)
    expect(page.locator(".stage")).to_have_attribute("data-shown", "1")
    assert watched.wire[before:] == []
    page.mouse.up()
    assert soon(lambda: python_view(seen.series).state.index == 1)
    assert watched.complaints == []
    assert watched.foreign == []


def test_a_session_keeps_the_plot(watched: Watched, site: Site) -> None:
    seen = open_ct(watched, site)
    page = watched.page
    page.keyboard.press("Shift+G")
    assert soon(lambda: python_view(seen.series).state.plot == "slice-histogram")
    page.get_by_role("button", name="Sessions").click()
    name = page.get_by_placeholder("Save this view as")
    if name.count() == 0:
        name = page.locator(".menu.sessions input").first
    name.fill("with its plot")
    name.press("Enter")
    page.wait_for_timeout(500)
    with site.client() as client:
        (saved,) = client.get("/api/v1/viewer-sessions").json()
    assert saved["state"]["plot"] == "slice-histogram"
