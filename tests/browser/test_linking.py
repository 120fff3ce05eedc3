"""Panes that go together: place, window and zoom by what the images state; studies side by side."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, expect

from noctis_lab.dicom.voi import Window
from noctis_lab.synthetic import ct_series
from tests.browser.test_viewer import python_view, soon
from tests.browser.watched import Watched, painted
from tests.served import Seen, Site

pytestmark = pytest.mark.browser

FRAME = "2.25.77"
COARSE_SPACING_MM = 1.0
SAGITTAL_ROWS, SAGITTAL_TOP_MM, SAGITTAL_SPACING_MM = 64, 120.0, 0.5


@pytest.fixture
def fine(site: Site) -> Seen:
    """Nine axial planes, 2 mm apart from z = 100 mm."""
    series = ct_series(
        planes=9, rows=64, columns=64, slice_spacing_mm=2.0, origin_mm=(-16, -16, 100),
        windows=((40, 400),), seed="fine", FrameOfReferenceUID=FRAME, StudyDate="20240305",
    )  # fmt: skip
    return site.admit(series, "local")


@pytest.fixture
def coarse(site: Site, fine: Seen) -> Seen:
    """Five axial planes of the same space, 4 mm apart from z = 100 mm."""
    series = ct_series(
        planes=5, rows=32, columns=32, slice_spacing_mm=4.0, origin_mm=(-16, -16, 100),
        pixel_spacing_mm=(COARSE_SPACING_MM, COARSE_SPACING_MM), windows=((40, 400),),
        seed="coarse", FrameOfReferenceUID=FRAME, StudyInstanceUID=fine.study, SeriesNumber=2,
    )  # fmt: skip
    return site.admit(series, "local")


@pytest.fixture
def sagittal(site: Site, coarse: Seen) -> Seen:
    """Three sagittal planes of the same space, z from 120 mm down to 88.5 mm."""
    spacing = (SAGITTAL_SPACING_MM, SAGITTAL_SPACING_MM)
    series = ct_series(
        planes=3, rows=SAGITTAL_ROWS, columns=64, orientation=(0, 1, 0, 0, 0, -1),
        origin_mm=(4, -16, SAGITTAL_TOP_MM), pixel_spacing_mm=spacing, windows=((40, 400),),
        seed="sagittal", FrameOfReferenceUID=FRAME, StudyInstanceUID=coarse.study, SeriesNumber=2,
    )  # fmt: skip
    return site.admit(series, "local")


@pytest.fixture
def prior(site: Site, fine: Seen) -> Seen:
    """A year before, in a space of its own."""
    series = ct_series(
        planes=4, rows=64, columns=64, windows=((300, 2000),), seed="prior", StudyDate="20230301"
    )
    return site.admit(series, "local")


def open_two(page: Page, site: Site, seen: Seen, second: int) -> Locator:
    page.goto(f"{site.base}/viewer/{seen.study}?series={seen.series}")
    stages = page.locator(".stage")
    expect(stages).to_have_attribute("data-shown", "4")
    page.keyboard.press(".")
    expect(stages.nth(1)).to_have_attribute("data-shown", str(second))
    return stages


def scales(page: Page) -> list[float]:
    told: list[float] = page.locator(".noctis-viewer").evaluate(
        "(element) => element.noctis.grid.panes.map((pane) => pane.mmPerPixel)"
    )
    return told


def test_panes_of_one_space_go_to_one_place(
    watched: Watched, site: Site, fine: Seen, coarse: Seen
) -> None:
    page = watched.page
    stages = open_two(page, site, fine, 2)
    page.keyboard.press("End")
    expect(stages.nth(0)).to_have_attribute("data-shown", "8")
    expect(stages.nth(1)).to_have_attribute("data-shown", "2")
    page.keyboard.press("Shift+P")
    expect(page.get_by_role("button", name="Links between panes")).to_have_text("Position")
    expect(stages.nth(1)).to_have_attribute("data-shown", "4")
    page.keyboard.press("Home")
    expect(stages.nth(1)).to_have_attribute("data-shown", "0")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")  # z = 104 mm
    expect(stages.nth(1)).to_have_attribute("data-shown", "1")
    expect(stages.nth(0)).to_have_attribute("data-shown", "2")
    page.keyboard.press("Shift+P")
    page.keyboard.press("End")
    expect(stages.nth(1)).to_have_attribute("data-shown", "4")
    expect(stages.nth(0)).to_have_attribute("data-shown", "2")
    assert watched.complaints == []


def test_python_hears_of_the_links_and_of_what_they_moved(
    watched: Watched, site: Site, fine: Seen, coarse: Seen
) -> None:
    page = watched.page
    stages = open_two(page, site, fine, 2)
    state = python_view(fine.series).state
    page.keyboard.press("Shift+P")
    page.keyboard.press("Home")
    expect(stages.nth(1)).to_have_attribute("data-shown", "0")
    assert soon(lambda: [pane.index for pane in state.panes] == [0, 0])
    assert state.link == {"position": True, "window": False, "zoom": False}
    state.link = {"window": True}
    state.window = Window(center=90, width=150)
    expect(stages.nth(1).locator(".ct.bl")).to_contain_text("Window 150 Level 90")
    assert soon(lambda: state.panes[1].window == Window(center=90, width=150))


def test_another_image_is_a_line_where_it_crosses(
    watched: Watched, site: Site, fine: Seen, sagittal: Seen
) -> None:
    page = watched.page
    stages = open_two(page, site, fine, 2)
    page.locator(".strip").get_by_role("option").nth(2).drag_to(stages.nth(1))
    expect(stages.nth(1)).to_have_attribute("data-shown", "1")
    stages.nth(0).click()
    page.keyboard.press("Shift+P")
    page.keyboard.press("Home")
    page.keyboard.press("ArrowDown")  # z = 102 mm
    expect(stages.nth(0)).to_have_attribute("data-shown", "1")
    line = stages.nth(1).locator(".lines line.axial")
    expect(line).to_have_count(1)
    painted(page)
    box = stages.nth(1).bounding_box()
    assert box is not None
    scale = min(box["width"] / 64, box["height"] / SAGITTAL_ROWS)
    row = (SAGITTAL_TOP_MM - 102) / SAGITTAL_SPACING_MM
    expected = box["height"] / 2 + (row - (SAGITTAL_ROWS - 1) / 2) * scale
    for end in ("y1", "y2"):
        assert float(line.get_attribute(end) or "nan") == pytest.approx(expected, abs=0.6)
    expect(stages.nth(1).locator(".lines text")).to_have_text("1 axial")
    expect(stages.nth(0).locator(".lines line.sagittal")).to_have_count(1)


def test_windows_and_zoom_go_together(
    watched: Watched, site: Site, fine: Seen, coarse: Seen
) -> None:
    page = watched.page
    stages = open_two(page, site, fine, 2)
    page.get_by_role("button", name="Links between panes").click()
    page.get_by_role("menuitemcheckbox", name="Window").click()
    page.keyboard.press("Escape")
    page.keyboard.press("2")
    expect(stages.nth(1).locator(".ct.bl")).to_contain_text("Window 1500 Level −600")
    page.keyboard.press("Shift+Z")
    stages.nth(0).focus()
    page.keyboard.press("+")
    page.keyboard.press("+")
    painted(page)
    one, other = scales(page)
    assert one == pytest.approx(other, rel=1e-9)
    # Fitted, its 32 mm fill the pane; twice a quarter more is zoomed in.
    box = stages.nth(1).bounding_box()
    assert box is not None
    assert other == pytest.approx(32 / min(box["width"], box["height"]) / 1.25**2, rel=1e-3)
    assert watched.complaints == []


def test_panes_of_other_spaces_say_that_they_do_not_go_together(
    watched: Watched, site: Site, fine: Seen, prior: Seen
) -> None:
    page = watched.page
    page.goto(f"{site.base}/viewer/{fine.study}?compare={prior.study}")
    stages = page.locator(".stage")
    expect(stages).to_have_count(2)
    expect(stages.nth(1)).to_have_attribute("data-shown", "2")
    expect(stages.nth(1)).to_contain_text("Not linked: other frame of reference")
    page.keyboard.press("Home")
    expect(stages.nth(0)).to_have_attribute("data-shown", "0")
    expect(stages.nth(1)).to_have_attribute("data-shown", "2")


def test_two_studies_stand_side_by_side(
    watched: Watched, site: Site, fine: Seen, prior: Seen
) -> None:
    page = watched.page
    page.goto(f"{site.base}/viewer/{fine.study}?compare={prior.study}")
    stages = page.locator(".stage")
    expect(stages.nth(0).locator(".title")).to_have_text("2024-03-05 · this study")
    expect(stages.nth(1).locator(".title")).to_have_text("2023-03-01 · prior")
    expect(page.locator(".strip .study")).to_have_text(
        ["2024-03-05 · this study", "2023-03-01 · prior"]
    )
    expect(stages.nth(1).locator(".ct.bl")).to_contain_text("Window 2000 Level 300")
    state = python_view(fine.series).state
    assert soon(lambda: len(state.panes) == 2 and state.panes[1].window is not None)
    assert state.panes[0].StudyInstanceUID == ""
    assert state.panes[1].StudyInstanceUID == prior.study
    assert state.panes[1].SeriesInstanceUID == prior.series
    # The tags of the active pane are those of its own instance.
    stages.nth(1).click()
    expect(page.locator(".tags")).to_contain_text("20230301")
    assert watched.complaints == []


@pytest.mark.parametrize("asked", ["<script>", "1.2.3;x", "9" * 80, ""])
def test_an_address_that_compares_with_no_study_shows_its_own(
    watched: Watched, site: Site, fine: Seen, asked: str
) -> None:
    page = watched.page
    page.goto(f"{site.base}/viewer/{fine.study}?compare={asked}")
    expect(page.locator(".stage")).to_have_attribute("data-shown", "4")
    expect(page.locator(".stage")).to_have_count(1)
    assert watched.complaints == []


def test_a_study_to_compare_with_that_is_not_here_is_told_in_words(
    watched: Watched, site: Site, fine: Seen
) -> None:
    page = watched.page
    page.goto(f"{site.base}/viewer/{fine.study}?compare=2.25.404")
    expect(page.locator(".stage")).to_have_attribute("data-shown", "4")
    expect(page.locator(".strip")).to_contain_text("Expected a study that is here and yours to see")
    expect(page.locator(".strip").get_by_role("option")).to_have_count(1)
    expect(page.locator(".stage")).to_have_count(1)
