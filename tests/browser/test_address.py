"""The address is the view: kept at rest, restored on open and on back and forward."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Route, expect

from noctis_lab.dicom.voi import Window
from noctis_lab.synthetic import ct_series
from tests.browser.test_viewer import python_view, python_views, soon
from tests.browser.watched import Watched
from tests.served import Seen, Site

pytestmark = pytest.mark.browser

NAME = "NOBODY^SECRET"


@pytest.fixture
def seen(site: Site) -> Seen:
    series = ct_series(planes=7, rows=32, columns=32, windows=((40, 400),), PatientName=NAME)
    return site.admit(series, "local")


@pytest.fixture
def beside(site: Site, seen: Seen) -> Seen:
    series = ct_series(
        planes=4, rows=32, columns=32, seed="beside", StudyInstanceUID=seen.study, SeriesNumber=2
    )
    return site.admit(series, "local")


@pytest.fixture
def stages(watched: Watched, site: Site, seen: Seen, beside: Seen) -> Locator:
    watched.page.goto(f"{site.base}/viewer/{seen.study}")
    found = watched.page.locator(".stage")
    expect(found).to_have_attribute("data-shown", "3")
    expect(watched.page.locator(".strip").get_by_role("option")).to_have_count(2)
    return found


def fragment(watched: Watched) -> str:
    text: str = watched.page.evaluate("location.hash")
    return text


def test_a_reload_and_another_page_open_what_was_in_view(
    watched: Watched, stages: Locator, seen: Seen, beside: Seen
) -> None:
    page = watched.page
    page.keyboard.press(".")
    expect(stages.nth(1)).to_have_attribute("data-shown", "2")
    page.keyboard.press("2")
    page.keyboard.press("i")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Home")
    page.keyboard.press("r")
    assert soon(lambda: "r90" in fragment(watched) and "w-600:1500:l" in fragment(watched))
    assert "SECRET" not in page.url
    address = page.url
    page.goto("about:blank")
    page.goto(address)
    expect(stages).to_have_count(2)
    expect(stages.nth(0)).to_have_attribute("data-shown", "3")
    expect(stages.nth(1)).to_have_attribute("data-shown", "0")
    expect(stages.nth(0).locator(".ct.bl")).to_contain_text("Window 1500 Level −600")
    expect(stages.nth(1).locator(".ol.right")).to_have_text("A")
    expect(stages.nth(1)).to_have_class("stage active")
    assert page.url == address
    # Python knows it too, with nothing touched.
    assert soon(
        lambda: any(
            view.state.layout == "1x2"
            and view.state.active == 1
            and view.state.rotation_deg == 90
            and view.state.panes[0].window == Window(center=-600, width=1500)
            and view.state.panes[0].inverted
            for view in python_views(beside.series)
        )
    )
    assert watched.complaints == []


def test_back_and_forward_show_what_the_address_says(
    watched: Watched, stages: Locator, seen: Seen
) -> None:
    page = watched.page
    page.keyboard.press("Home")
    assert soon(lambda: "i0" in fragment(watched))
    page.evaluate(f"location.hash = 'l=1x1&p={seen.series},i5,w40:80:l'")
    expect(stages).to_have_attribute("data-shown", "5")
    expect(stages.locator(".ct.bl")).to_contain_text("Window 80 Level 40")
    assert soon(lambda: python_views(seen.series)[0].state.index == 5)
    page.go_back()
    expect(stages).to_have_attribute("data-shown", "0")
    page.go_forward()
    expect(stages).to_have_attribute("data-shown", "5")
    assert watched.complaints == []


@pytest.mark.parametrize(
    "hostile",
    ["<img src=x onerror=alert(1)>", "l=9x9&p=1.2", "l=1x1&p=1.2,z1e99", "l=1x1&p=" + "1," * 3000],
)
def test_an_unsound_address_shows_the_usual_view_and_says_so(
    watched: Watched, site: Site, stages: Locator, seen: Seen, hostile: str
) -> None:
    page = watched.page
    page.goto("about:blank")
    page.goto(f"{site.base}/viewer/{seen.study}#{hostile}")
    expect(page.get_by_text("The address holds no view that can be shown")).to_be_visible()
    expect(stages).to_have_attribute("data-shown", "3")
    assert watched.complaints == []


def test_a_series_that_the_study_has_not_is_told_in_its_pane(
    watched: Watched, site: Site, stages: Locator, seen: Seen
) -> None:
    page = watched.page
    page.goto("about:blank")
    page.goto(f"{site.base}/viewer/{seen.study}#l=1x2&p={seen.series},i1&p=2.25.404")
    expect(stages.nth(0)).to_have_attribute("data-shown", "1")
    expect(stages.nth(1).locator(".notice")).to_contain_text("This series could not be opened")


def test_what_python_says_before_the_page_is_there_counts_before_the_address(
    watched: Watched, site: Site, seen: Seen
) -> None:
    page = watched.page
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/viewer.js*", hold)
    page.goto(
        f"{site.base}/viewer/{seen.study}#l=1x2&p={seen.series},i1&p={seen.series},i2",
        wait_until="commit",
    )
    while not held:
        page.wait_for_timeout(50)
    python_view(seen.series).state.layout = "mpr"
    for route in held:
        route.continue_()
    expect(page.locator(".stage")).to_have_count(4)
    assert soon(lambda: fragment(watched).startswith("#l=mpr"))
    assert python_view(seen.series).state.layout == "mpr"
    assert watched.complaints == []
