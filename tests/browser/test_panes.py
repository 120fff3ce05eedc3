"""Several panes in one page: layouts, the active one, what each shows, what Python hears."""

from __future__ import annotations

import numpy as np
import pytest
from playwright.sync_api import Locator, expect
from pydicom import Dataset

from noctis_lab.synthetic import ct_series, formula_stored
from noctis_lab.views.state import PaneState
from tests.browser.drawn import fitted, read_canvas, windowed
from tests.browser.test_viewer import python_view, soon
from tests.browser.watched import Watched
from tests.served import Seen, Site

pytestmark = pytest.mark.browser

PLANES, OTHER_PLANES, ROWS, COLUMNS = 7, 4, 48, 64
WINDOW = (300.0, 1200.0)


@pytest.fixture
def seen(site: Site) -> Seen:
    return site.admit(_series(PLANES, "panes", 1), "local")


@pytest.fixture
def other(site: Site, seen: Seen) -> Seen:
    return site.admit(_series(OTHER_PLANES, "beside", 2, seen.study), "local")


@pytest.fixture
def stages(watched: Watched, site: Site, seen: Seen, other: Seen) -> Locator:
    """Open the first series; its study has another one."""
    watched.page.goto(f"{site.base}/viewer/{seen.study}?series={seen.series}")
    found = watched.page.locator(".stage")
    expect(found).to_have_attribute("data-shown", str(PLANES // 2))
    expect(watched.page.locator(".strip").get_by_role("option")).to_have_count(2)
    return found


def _series(planes: int, seed: str, number: int, study: str | None = None) -> list[Dataset]:
    more = {"StudyInstanceUID": study} if study else {}
    return ct_series(
        planes=planes, rows=ROWS, columns=COLUMNS, signed=False, windows=(WINDOW,), seed=seed,
        SeriesNumber=number, rescale_slope=2.0, rescale_intercept=-1024.0, **more,
    )  # fmt: skip


def test_a_new_pane_shows_the_next_series_as_numpy_would(
    watched: Watched, stages: Locator, seen: Seen, other: Seen
) -> None:
    page = watched.page
    page.keyboard.press(".")
    expect(stages).to_have_count(2)
    expect(stages.nth(1)).to_have_attribute("data-shown", str(OTHER_PLANES // 2))
    expect(page.get_by_role("button", name="Layout")).to_have_text("1 × 2")
    for stage, planes in ((stages.nth(0), PLANES), (stages.nth(1), OTHER_PLANES)):
        stored = formula_stored(planes, ROWS, COLUMNS, signed=False)[planes // 2]
        canvas = read_canvas(stage)
        expected = fitted(stored * 2.0 - 1024, canvas.shape)
        inside = ~np.isnan(expected)
        assert inside.mean() > 0.2
        difference = np.abs(canvas - windowed(np.nan_to_num(expected), *WINDOW))
        assert difference[inside].max() <= 1
    state = python_view(seen.series).state
    assert soon(lambda: state.layout == "1x2" and len(state.panes) == 2)
    assert [pane.SeriesInstanceUID for pane in state.panes] == [seen.series, other.series]
    assert watched.complaints == []


def test_keys_toolbar_and_panel_follow_the_active_pane(
    watched: Watched, stages: Locator, seen: Seen, other: Seen
) -> None:
    page = watched.page
    state = python_view(seen.series).state
    page.keyboard.press(".")
    expect(stages.nth(1)).to_have_attribute("data-shown", str(OTHER_PLANES // 2))
    page.keyboard.press("ArrowRight")
    expect(stages.nth(1)).to_be_focused()
    page.keyboard.press("End")
    page.keyboard.press("2")
    expect(stages.nth(1)).to_have_attribute("data-shown", str(OTHER_PLANES - 1))
    expect(stages.nth(0)).to_have_attribute("data-shown", str(PLANES // 2))
    expect(page.get_by_label("Width", exact=True)).to_have_value("1500")
    expect(page.locator(".pick").first).to_contain_text("Lung")
    expect(page.locator(".status")).to_contain_text(f"of {OTHER_PLANES} in memory")
    assert soon(lambda: state.active == 1 and state.index == OTHER_PLANES - 1)
    assert state.SeriesInstanceUID == other.series
    page.keyboard.press("ArrowRight")
    expect(stages.nth(0)).to_be_focused()
    expect(page.get_by_label("Width", exact=True)).to_have_value("1200")
    expect(page.locator(".pick").first).not_to_contain_text("Lung")
    stages.nth(1).hover()
    page.mouse.wheel(0, -100)
    expect(stages.nth(1)).to_have_attribute("data-shown", str(OTHER_PLANES - 2))
    assert soon(lambda: state.active == 1 and state.index == OTHER_PLANES - 2)
    assert watched.complaints == []


def test_a_double_click_shows_one_pane_alone_and_all_again(
    watched: Watched, stages: Locator
) -> None:
    watched.page.keyboard.press(".")
    expect(stages.nth(1)).to_have_attribute("data-shown", str(OTHER_PLANES // 2))
    half = stages.nth(1).bounding_box()
    stages.nth(1).dblclick()
    expect(stages.nth(0)).to_be_hidden()
    whole = stages.nth(1).bounding_box()
    assert half is not None
    assert whole is not None
    assert whole["width"] > 1.9 * half["width"]
    stages.nth(1).dblclick()
    expect(stages.nth(0)).to_be_visible()
    assert stages.nth(1).bounding_box() == half


def test_a_series_is_put_into_the_active_pane_or_where_it_is_dropped(
    watched: Watched, stages: Locator, seen: Seen, other: Seen
) -> None:
    page = watched.page
    page.keyboard.press(".")
    expect(stages.nth(1)).to_have_attribute("data-shown", str(OTHER_PLANES // 2))
    strip = page.locator(".strip").get_by_role("option")
    stages.nth(1).click()
    strip.nth(0).click()
    expect(stages.nth(1).locator(".ct.bl")).to_contain_text(f"of {PLANES}")
    strip.nth(1).drag_to(stages.nth(0))
    expect(stages.nth(0).locator(".ct.bl")).to_contain_text(f"of {OTHER_PLANES}")
    state = python_view(other.series).state
    assert soon(
        lambda: [pane.SeriesInstanceUID for pane in state.panes] == [other.series, seen.series]
    )
    assert state.active == 0


def test_a_layout_with_less_room_keeps_the_active_pane_and_gives_the_others_back(
    watched: Watched, stages: Locator, seen: Seen, other: Seen
) -> None:
    page = watched.page
    page.get_by_role("button", name="Layout").click()
    page.get_by_role("menuitemradio", name="2 × 2").click()
    expect(stages).to_have_count(4)
    expect(stages.nth(2).locator(".notice")).to_contain_text("No series")
    expect(stages.nth(1)).to_have_attribute("data-shown", str(OTHER_PLANES // 2))
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Home")
    expect(stages.nth(1)).to_have_attribute("data-shown", "0")
    page.get_by_role("button", name="Layout").click()
    page.get_by_role("menuitemradio", name="1 × 1").click()
    expect(stages).to_have_count(1)
    expect(stages).to_have_attribute("data-shown", "0")
    expect(stages.locator(".ct.bl")).to_contain_text(f"of {OTHER_PLANES}")
    page.keyboard.press(".")
    expect(stages.nth(1).locator(".ct.bl")).to_contain_text(f"of {PLANES}")
    assert watched.complaints == []


def test_leaving_an_empty_pane_goes_back_to_the_image(
    watched: Watched, stages: Locator, seen: Seen, other: Seen
) -> None:
    page = watched.page
    page.get_by_role("button", name="Layout").click()
    page.get_by_role("menuitemradio", name="1 × 3").click()
    expect(stages.nth(2).locator(".notice")).to_contain_text("No series")
    expect(stages.nth(1)).to_have_attribute("data-shown", str(OTHER_PLANES // 2))
    stages.nth(2).click()
    expect(stages.nth(2)).to_be_focused()
    page.get_by_role("button", name="Layout").click()
    page.get_by_role("menuitemradio", name="1 × 1").click()
    expect(stages).to_have_count(1)
    expect(stages).to_have_attribute("data-shown", str(PLANES // 2))
    expect(stages.locator(".notice")).to_be_hidden()
    page.get_by_role("button", name="Layout").click()
    page.get_by_role("menuitemradio", name="1 × 3").click()
    stages.nth(2).click()
    page.keyboard.press("Shift+M")
    expect(page.get_by_text(f"{PLANES} of {PLANES} in memory")).to_be_visible(timeout=30_000)
    assert watched.complaints == []


def test_python_arranges_the_panes(
    watched: Watched, stages: Locator, seen: Seen, other: Seen
) -> None:
    state = python_view(seen.series).state
    assert soon(lambda: state.window is not None)
    state.param.update(
        layout="2x1",
        panes=[
            PaneState(SeriesInstanceUID=other.series, index=0),
            PaneState(SeriesInstanceUID=seen.series, index=5, inverted=True),
        ],
        active=1,
    )
    expect(stages).to_have_count(2)
    expect(stages.nth(0)).to_have_attribute("data-shown", "0")
    expect(stages.nth(1)).to_have_attribute("data-shown", "5")
    assert soon(lambda: state.panes[0].window is not None)
    assert state.SeriesInstanceUID == seen.series
    state.active = 0
    state.index = 3
    expect(stages.nth(0)).to_have_attribute("data-shown", "3")
    expect(stages.nth(1)).to_have_attribute("data-shown", "5")
    assert watched.complaints == []
