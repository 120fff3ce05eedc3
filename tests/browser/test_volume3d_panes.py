"""A volume seen from outside as one pane among others: what it takes over, keeps and lets go."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Route, expect

from noctis_lab.synthetic import ct_series
from noctis_lab.views.volume3d_state import VolumeState
from tests.browser.test_mpr_loading import refuse_image, try_again
from tests.browser.test_viewer import python_view, soon
from tests.browser.test_volume3d import PLANES, SIDE, SPACING_MM, ball, open_volume
from tests.browser.watched import Watched, painted
from tests.served import Seen, Site

pytestmark = pytest.mark.browser

BOX = [[-4, 4], [-5, 5], [105, 115]]
MISSING = 15


def admit(site: Site, seed: str, **attributes: Any) -> Seen:
    series = ct_series(
        planes=PLANES, rows=SIDE, columns=SIDE, stored=ball(), slice_spacing_mm=SPACING_MM[0],
        pixel_spacing_mm=(SPACING_MM[1],) * 2, rescale_slope=1, rescale_intercept=0,
        windows=((40, 400),), seed=seed, **attributes,
    )  # fmt: skip
    return site.admit(series, "local")


@pytest.fixture
def seen(site: Site) -> Seen:
    return admit(site, "volume3d panes")


@pytest.fixture
def other(site: Site, seen: Seen) -> Seen:
    """Another series of the study."""
    return admit(site, "volume3d panes other", StudyInstanceUID=seen.study, SeriesNumber=2)


def of_app(watched: Watched, script: str) -> Any:
    """Run lines with `app` and the volume's `pane` at hand; return what they return."""
    names = (
        "const app = element.noctis;"
        "const pane = app.grid.panes.find((item) => item.kind === 'volume');"
    )
    return watched.page.locator(".noctis-viewer").evaluate(f"(element) => {{ {names} {script} }}")


def in_memory(watched: Watched, seen: Seen) -> None:
    """Wait until a series is the one in view, and whole."""
    script = "return [app.viewer.stack?.SeriesInstanceUID, app.viewer.memory?.count]"
    assert soon(lambda: of_app(watched, script) == [seen.series, PLANES])


def test_a_state_of_another_series_is_taken_over_whole(
    watched: Watched, site: Site, seen: Seen, other: Seen
) -> None:
    open_volume(watched, site, seen)
    of_app(
        watched,
        f"app.restore({{ ...app.state, SeriesInstanceUID: '{other.series}', panes: [],"
        f" volume: {{ ...app.state.volume, clip_mm: {json.dumps(BOX)}, zoom: 2 }} }})",
    )
    in_memory(watched, other)
    assert of_app(watched, "return [app.state.volume.clip_mm, app.state.volume.zoom]") == [BOX, 2]
    assert watched.complaints == []


def test_the_box_of_one_series_does_not_cut_another(
    watched: Watched, site: Site, seen: Seen, other: Seen
) -> None:
    open_volume(watched, site, seen, "Shift+B")
    page = watched.page
    of_app(watched, f"pane.model.set({{ clip_mm: {json.dumps(BOX)} }})")
    page.keyboard.press("Shift+M")
    expect(page.locator(".stage.volume3d")).to_have_count(0)
    page.locator(f'.th[data-uid="{other.series}"]').click()
    in_memory(watched, other)
    page.keyboard.press("Shift+B")
    expect(page.locator(".stage.volume3d")).to_have_count(1)
    assert of_app(watched, "return app.state.volume.clip_mm") is None
    page.locator(f'.th[data-uid="{seen.series}"]').click()
    in_memory(watched, seen)
    assert of_app(watched, "return app.state.volume.clip_mm") is None
    assert watched.complaints == []


def test_the_window_goes_along_into_the_volume_and_a_reset_gives_the_images_own(
    watched: Watched, site: Site, seen: Seen
) -> None:
    page = watched.page
    page.goto(f"{site.base}/viewer/{seen.study}?series={seen.series}")
    expect(page.locator(".stage")).to_have_attribute("data-shown", str(PLANES // 2))
    page.keyboard.press("4")
    page.keyboard.press("i")
    page.keyboard.press("Shift+D")
    in_memory(watched, seen)
    look = (
        "const { window: { center, width }, inverted } = app.viewer.told;"
        "return [center, width, inverted]"
    )
    assert of_app(watched, look) == [480, 2500, True]
    of_app(watched, "app.viewer.set({ window: null })")
    assert of_app(watched, look) == [40, 400, True]
    page.keyboard.press("Space")
    assert of_app(watched, look) == [40, 400, False]
    assert watched.complaints == []


def test_escape_takes_a_turn_back(watched: Watched, site: Site, seen: Seen) -> None:
    stage = open_volume(watched, site, seen)
    page = watched.page
    box = stage.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 120, y + 40, steps=4)
    assert of_app(watched, "return pane.model.state.right[0]") < 0.9
    page.keyboard.press("Escape")
    assert of_app(watched, "return pane.model.state.right") == [1, 0, 0]
    page.mouse.move(x + 200, y, steps=2)
    page.mouse.up()
    assert of_app(watched, "return app.state.volume.right") == [1, 0, 0]
    assert watched.complaints == []


def test_slices_that_cannot_be_had_are_named(watched: Watched, site: Site, seen: Seen) -> None:
    page = watched.page
    refused = refuse_image(watched, MISSING)
    page.goto(f"{site.base}/viewer/{seen.study}?series={seen.series}")
    expect(page.locator(".stage")).to_have_attribute("data-shown", str(PLANES // 2))
    page.keyboard.press("Shift+D")
    missing = page.locator(".stage.volume3d .missing")
    expect(missing).to_contain_text(f"Image {MISSING + 1} of {PLANES} missing", timeout=30_000)
    expect(missing).to_have_attribute("title", "the file is gone")
    try_again(watched, missing, refused)
    in_memory(watched, seen)


def test_surfaces_are_asked_for_once_and_a_turn_leaves_the_side_panel_alone(
    watched: Watched, site: Site, seen: Seen
) -> None:
    stage = open_volume(watched, site, seen)
    page = watched.page
    watched.rest()
    assert sum(urlsplit(item).path.endswith("/surfaces") for item in watched.wire) == 1
    stage.focus()
    painted(page)
    of_app(
        watched,
        "element.written = 0;"
        "const side = app.grid.element.getRootNode().querySelector('aside.side');"
        "const watching = { subtree: true, childList: true, attributes: true };"
        "watching.characterData = true;"
        "new MutationObserver((all) => { element.written += all.length; }).observe(side, watching)",
    )
    for _ in range(4):
        page.keyboard.press("Shift+ArrowRight")
        painted(page)
    page.wait_for_timeout(400)
    assert of_app(watched, "return element.written") == 0
    page.keyboard.press("]")
    painted(page)
    assert of_app(watched, "return element.written") > 0
    assert watched.complaints == []


def test_the_study_to_compare_with_leaves_a_volume_that_was_opened_first(
    watched: Watched, site: Site, seen: Seen
) -> None:
    prior = admit(site, "volume3d prior", StudyDate="20200101")
    page = watched.page
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route(f"**/studies/{prior.study}/series", hold)
    page.goto(f"{site.base}/viewer/{seen.study}?series={seen.series}&compare={prior.study}")
    expect(page.locator(".stage")).to_have_attribute("data-shown", str(PLANES // 2))
    page.keyboard.press("Shift+D")
    in_memory(watched, seen)
    assert held
    for route in held:
        route.continue_()
    expect(page.locator(f'.th[data-uid="{prior.series}"]')).to_be_visible()
    assert of_app(watched, "return app.state.layout") == "3d"
    assert watched.complaints == []


def test_what_python_says_of_a_volume_before_its_layout_is_kept_for_it(
    watched: Watched, site: Site, seen: Seen
) -> None:
    page = watched.page
    page.goto(f"{site.base}/viewer/{seen.study}?series={seen.series}")
    painted(page)
    state = python_view(seen.series).state
    said = VolumeState(mode="mip", zoom=2)
    state.volume = said
    page.wait_for_url(re.compile("v=m,z2"))
    assert state.volume == said  # also after the page told what was left to it
    state.layout = "3d"
    expect(page.locator(".stage.volume3d")).to_contain_text("MIP", timeout=30_000)
    assert of_app(watched, "return app.state.volume.zoom") == 2
    page.locator(".stage.volume3d").focus()
    page.keyboard.press("}")
    expect(page.get_by_text("This series has no time, echo or b-value")).to_be_visible()
    assert soon(lambda: state.layout == "3d" and state.volume == said)
    assert watched.complaints == []
