"""A series with a dim that is none of space: wheel, keys, corner text, cine."""

from __future__ import annotations

import numpy as np
import pytest
from playwright.sync_api import expect

from noctis_lab.synthetic import PlaneStack, weighted_mr, weighted_stored
from tests.browser.drawn import one_to_one, read_canvas, windowed
from tests.browser.test_viewer import python_view, set_scale, soon
from tests.browser.watched import Watched
from tests.served import Site

pytestmark = pytest.mark.browser

PLANES, POINTS = 4, 3


def test_echoes_are_gone_through_beside_the_planes(watched: Watched, site: Site) -> None:
    seen = site.admit(weighted_mr("echo", stack=PlaneStack(planes=PLANES), points=POINTS), "local")
    page = watched.page
    page.goto(f"{site.base}/viewer/{seen.study}?series={seen.series}")
    stage, corner = page.locator(".stage"), page.locator(".ct.bl")
    expect(stage).to_have_attribute("data-shown", "6")  # the middle of 3 · 4: echo 2, plane 3
    expect(corner).to_contain_text("Image 3 of 4")
    expect(corner).to_contain_text("echo 2/3")
    expect(corner).to_contain_text(" ms")
    stage.hover()
    for _ in range(3):
        page.mouse.wheel(0, 100)
    expect(stage).to_have_attribute("data-shown", "7")  # it stays in its echo
    page.keyboard.down("Alt")
    page.mouse.wheel(0, 100)
    page.keyboard.up("Alt")
    expect(stage).to_have_attribute("data-shown", "11")
    page.keyboard.press("]")
    expect(stage).to_have_attribute("data-shown", "11")
    page.keyboard.press("Home")
    page.keyboard.press("[")
    page.keyboard.press("[")
    expect(stage).to_have_attribute("data-shown", "0")
    page.keyboard.press("End")
    expect(stage).to_have_attribute("data-shown", "3")
    assert soon(lambda: python_view(seen.series).state.index == 3)
    # Each place has one tick on the rail, whatever the number of echoes.
    expect(page.locator(".rail .tick")).to_have_count(PLANES)
    set_scale(watched, 1)
    canvas = read_canvas(stage)
    shape = page.locator(".noctis-viewer").evaluate(
        "(e) => { const f = e.noctis.viewer.stack.frames[0]; return [f.rows, f.columns]; }"
    )
    window = python_view(seen.series).state.window
    expected = windowed(
        weighted_stored(3, 0, tuple(shape)).astype(np.float64), window.center, window.width
    )
    assert np.array_equal(canvas, one_to_one(expected, canvas.shape))
    assert watched.complaints == []


#: Note which images a stage shows until it has shown twelve.
_TWELVE_IMAGES = """(stage) => new Promise((done) => {
  const shown = [];
  const look = () => {
    if (shown.at(-1) !== stage.dataset.shown) shown.push(stage.dataset.shown);
    if (shown.length < 12) requestAnimationFrame(look);
    else done(shown);
  };
  look();
})"""


def test_a_cine_runs_along_time_at_a_rate_that_can_be_changed(watched: Watched, site: Site) -> None:
    seen = site.admit(weighted_mr("time", stack=PlaneStack(planes=PLANES), points=POINTS), "local")
    page = watched.page
    page.goto(f"{site.base}/viewer/{seen.study}?series={seen.series}")
    expect(page.get_by_text(f"{PLANES * POINTS} of {PLANES * POINTS} in memory")).to_be_visible()
    bar = page.get_by_role("group", name="Cine")
    expect(bar).to_be_hidden()
    page.keyboard.press("c")
    expect(bar).to_contain_text("15 images/s, really")
    page.get_by_role("button", name="Faster").click()
    expect(bar).to_contain_text("20 images/s, really")
    seen_frames = page.locator(".stage").evaluate(_TWELVE_IMAGES)
    assert set(seen_frames) == {"2", "6", "10"}  # one plane, all times
    page.keyboard.press("c")
    expect(bar).to_be_hidden()
    assert watched.complaints == []
