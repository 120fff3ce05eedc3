"""The viewer's page in a real browser: pixels against numpy, mouse, wire, Python's state."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import panel as pn
import pytest
from numpy.typing import NDArray
from panel.viewable import Viewable
from playwright.sync_api import Locator, Route, expect

from noctis_lab.dicom.voi import Window
from noctis_lab.lab import Lab
from noctis_lab.synthetic import ct_series, formula_stored
from noctis_lab.views.viewer import SeriesView
from tests.browser.drawn import fitted, one_to_one, read_canvas, windowed
from tests.browser.watched import Watched, painted
from tests.served import Seen, Site

pytestmark = pytest.mark.browser

PLANES, ROWS, COLUMNS = 7, 96, 128
SLOPE, INTERCEPT = 2.0, -1024.0
MIDDLE = PLANES // 2


def values(plane: int) -> NDArray[np.float64]:
    stored: NDArray[np.int32] = formula_stored(PLANES, ROWS, COLUMNS, signed=False)
    return stored[plane] * SLOPE + INTERCEPT


@pytest.fixture
def seen(site: Site) -> Seen:
    series = ct_series(
        planes=PLANES,
        rows=ROWS,
        columns=COLUMNS,
        signed=False,
        rescale_slope=SLOPE,
        rescale_intercept=INTERCEPT,
        windows=((300.0, 1200.0), (0.0, 500.0)),
        seed="viewer",
    )
    return site.admit(series, "local")


@pytest.fixture
def stage(watched: Watched, site: Site, seen: Seen) -> Iterator[Locator]:
    """Open the series; at the end nothing was complained of, and no other host was asked."""
    watched.page.goto(f"{site.base}/viewer/{seen.study}?series={seen.series}")
    found = watched.page.locator(".stage")
    expect(found).to_have_attribute("data-shown", str(MIDDLE))
    yield found
    assert watched.foreign == []


def python_views(series: str) -> list[SeriesView]:
    """Return the views of a series that this process's sessions hold; one per page load."""
    held = list(pn.state._views.values())
    roots = [root for root, *_ in held if isinstance(root, Viewable)]
    found = {id(each): each for root in roots for each in root.select()}
    views = [each for each in found.values() if isinstance(each, SeriesView)]
    return [view for view in views if view.state.SeriesInstanceUID == series]


def python_view(series: str) -> SeriesView:
    """Return the one view of a series; Python hears of another series once the page rests."""
    assert soon(lambda: len(python_views(series)) == 1, timeout_s=20)
    return python_views(series)[0]


def soon(fact: Callable[[], bool], timeout_s: float = 20) -> bool:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if fact():
            return True
        time.sleep(0.05)
    return fact()


def set_scale(watched: Watched, pixels: int) -> None:
    watched.page.locator(".noctis-viewer").evaluate(
        "(element, pixels) => element.noctis.viewer.setScale(pixels)", pixels
    )
    painted(watched.page)


def test_the_canvas_is_the_windowed_slice_within_one_grey_level(
    watched: Watched, stage: Locator
) -> None:
    canvas = read_canvas(stage)
    expected = fitted(values(MIDDLE), canvas.shape)
    inside = ~np.isnan(expected)
    difference = np.abs(canvas - windowed(np.nan_to_num(expected), 300, 1200))
    assert inside.mean() > 0.6
    assert difference[inside].max() <= 1
    assert canvas[~inside].max() == 0
    set_scale(watched, 1)
    canvas = read_canvas(stage)
    assert np.array_equal(canvas, one_to_one(windowed(values(MIDDLE), 300, 1200), canvas.shape))
    assert watched.complaints == []


def test_a_drag_sets_the_window_with_no_byte_on_the_wire_until_its_end(
    watched: Watched, stage: Locator, seen: Seen
) -> None:
    page = watched.page
    expect(page.get_by_text(f"{PLANES} of {PLANES} in memory")).to_be_visible()
    state = python_view(seen.series).state
    assert soon(lambda: state.window is not None)
    expect(page.locator(".tags .tag").first).to_be_visible()
    watched.rest()
    box = stage.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    before = len(watched.wire)
    page.mouse.down()
    page.mouse.move(x + 75, y - 30, steps=15)
    watched.rest()
    assert watched.wire[before:] == []
    # 300 px are one width: 1200 + 75·4 wide, centred at 300 − 30·4.
    expect(page.locator(".ct.bl")).to_contain_text("Window 1500 Level 180")
    page.mouse.up()
    assert soon(lambda: state.window == Window(center=180, width=1500))
    assert not [item for item in watched.wire[before:] if item.startswith("http")]
    set_scale(watched, 1)
    canvas = read_canvas(stage)
    assert np.array_equal(canvas, one_to_one(windowed(values(MIDDLE), 180, 1500), canvas.shape))
    assert watched.complaints == []


def test_python_moves_the_view(watched: Watched, stage: Locator, seen: Seen) -> None:
    python_view(seen.series).at(index=1, window=(0, 500))
    expect(stage).to_have_attribute("data-shown", "1")
    expect(watched.page.locator(".ct.bl")).to_contain_text("Window 500 Level 0")


def test_the_wheel_scrolls_and_with_control_zooms(
    watched: Watched, stage: Locator, seen: Seen
) -> None:
    page = watched.page
    stage.hover()
    page.mouse.wheel(0, 100)
    expect(stage).to_have_attribute("data-shown", str(MIDDLE + 1))
    page.mouse.wheel(0, -100)
    page.mouse.wheel(0, -100)
    expect(stage).to_have_attribute("data-shown", str(MIDDLE - 1))
    state = python_view(seen.series).state
    assert soon(lambda: state.index == MIDDLE - 1)
    page.keyboard.down("Control")
    page.mouse.wheel(0, -100)
    page.keyboard.up("Control")
    assert soon(lambda: state.zoom > 1.2)
    assert read_canvas(stage).shape[1] == round(stage.bounding_box()["width"])  # type: ignore[index]


def test_the_keys_do_what_the_sheet_says(watched: Watched, stage: Locator, seen: Seen) -> None:
    page = watched.page
    corner = page.locator(".ct.bl")
    page.keyboard.press("2")
    expect(corner).to_contain_text("Window 1500 Level −600")
    page.keyboard.press("d")
    expect(corner).to_contain_text("Window 1200 Level 300")
    page.keyboard.press("d")
    expect(corner).to_contain_text("Window 500 Level 0")
    page.keyboard.press("End")
    expect(stage).to_have_attribute("data-shown", str(PLANES - 1))
    page.keyboard.press("Home")
    expect(stage).to_have_attribute("data-shown", "0")
    page.keyboard.press("ArrowDown")
    expect(stage).to_have_attribute("data-shown", "1")
    before = read_canvas(stage)
    page.keyboard.press("i")
    painted(page)
    inverted = read_canvas(stage)
    covered = ~np.isnan(fitted(values(1), before.shape))
    assert np.array_equal(inverted[covered], 255 - before[covered])
    page.keyboard.press("r")
    expect(page.locator(".ol.right")).to_have_text("A")
    page.keyboard.press("h")
    expect(page.locator(".ol.right")).to_have_text("P")
    page.keyboard.press("Space")
    expect(page.locator(".ol.right")).to_have_text("L")
    expect(corner).to_contain_text("Window 1200 Level 300")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Keys")).to_be_hidden()
    state = python_view(seen.series).state
    assert soon(lambda: (state.inverted, state.rotation_deg, state.index) == (False, 0, 1))
    assert watched.complaints == []


def test_d_goes_back_to_the_images_own_window_after_a_preset_that_equals_another_of_its_own(
    watched: Watched, site: Site
) -> None:
    torso = site.admit(
        ct_series(planes=1, windows=((50, 400), (-600, 1500)), seed="torso"), "local"
    )
    page = watched.page
    page.goto(f"{site.base}/viewer/{torso.study}")
    corner, said = page.locator(".ct.bl"), page.locator(".status [role=status]")
    expect(corner).to_contain_text("Window 400 Level 50")
    page.keyboard.press("2")
    expect(corner).to_contain_text("Window 1500 Level −600")
    page.keyboard.press("d")
    expect(corner).to_contain_text("Window 400 Level 50")
    expect(said).to_have_text("Window 1: window 1 of the image's own 2")
    page.keyboard.press("?")
    expect(page.get_by_text("the image's own window, then its others in turn")).to_be_visible()


def test_d_goes_back_to_what_was_opened_where_the_image_states_no_window(
    watched: Watched, site: Site
) -> None:
    bare = site.admit(ct_series(planes=1, windows=(), seed="bare"), "local")
    page = watched.page
    page.goto(f"{site.base}/viewer/{bare.study}")
    corner = page.locator(".ct.bl")
    expect(corner).to_contain_text("Window")
    opened = re.search(r"Window .*", corner.inner_text())
    assert opened is not None
    page.keyboard.press("5")
    expect(corner).to_contain_text("Window 80 Level 40")
    page.keyboard.press("d")
    expect(corner).to_contain_text(opened[0])
    said = page.locator(".status [role=status]")
    expect(said).to_have_text("The image states no window: as it was opened")


def test_the_python_copied_runs_as_pasted_into_an_empty_cell(
    watched: Watched, stage: Locator, site: Site, seen: Seen
) -> None:
    page = watched.page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.keyboard.press("End")
    page.keyboard.press("4")
    expect(stage).to_have_attribute("data-shown", str(PLANES - 1))
    page.get_by_role("button", name="Copy as Python").click()
    expect(page.locator(".status [role=status]")).to_have_text("Copied")
    *lines, last = page.evaluate("navigator.clipboard.readText()").splitlines()
    names: dict[str, Any] = {}
    exec(compile("\n".join(lines), "<cell>", "exec"), names)
    with names["lab"]:
        assert names["lab"].settings.root == site.settings.root
        view = eval(last, names)
        assert view.state.SeriesInstanceUID == seen.series
        assert (view.state.index, view.state.window) == (
            PLANES - 1, Window(center=480, width=2500),
        )  # fmt: skip


def test_the_value_voxel_and_place_under_the_cursor_are_told(
    watched: Watched, stage: Locator
) -> None:
    set_scale(watched, 4)
    box = stage.bounding_box()
    assert box is not None
    # Four pixels a voxel, the frame's centre in the pane's: the corner of four voxels lies there.
    left = box["x"] + np.floor(box["width"] / 2 - COLUMNS * 2 + 0.5)
    top = box["y"] + np.floor(box["height"] / 2 - ROWS * 2 + 0.5)
    column, row = 70, 20
    watched.page.mouse.move(left + 4 * column + 2, top + 4 * row + 2)
    status = watched.page.locator(".status")
    expect(status).to_contain_text(f"{values(MIDDLE)[row, column]:.0f} HU".replace("-", "−"))
    expect(status).to_contain_text(f"voxel x, y, z {column}, {row}, {MIDDLE}")
    # ct_series: origin (−16, −16, 100), 0.5 mm pixels, 2 mm planes.
    expect(status).to_contain_text("patient L 19.0 A 6.0 H 106.0 mm")
    watched.page.mouse.move(box["x"] + 2, box["y"] + 2)
    expect(status).to_contain_text(f"image {MIDDLE + 1} of {PLANES}")


def test_the_value_under_the_cursor_is_right_on_a_screen_of_another_density(
    watched: Watched, stage: Locator
) -> None:
    page = watched.page
    box = stage.bounding_box()
    assert box is not None
    page.context.new_cdp_session(page).send(
        "Emulation.setDeviceMetricsOverride",
        {"width": 1280, "height": 800, "deviceScaleFactor": 2, "mobile": False},
    )
    assert soon(lambda: page.evaluate("devicePixelRatio") == 2)
    page.mouse.move(box["x"] + box["width"] / 2 + 1, box["y"] + box["height"] / 2 + 1)
    centre = f"voxel x, y, z {COLUMNS // 2}, {ROWS // 2}, {MIDDLE}"
    expect(page.locator(".status")).to_contain_text(centre)


def test_window_numbers_are_typed_as_width_and_level_or_as_limits(
    watched: Watched, stage: Locator
) -> None:
    page = watched.page
    page.get_by_label("Width", exact=True).fill("800")
    page.get_by_label("Width", exact=True).press("Enter")
    corner = stage.locator(".ct.bl")
    expect(corner).to_contain_text("Window 800 Level 300")
    page.get_by_role("button", name="Minimum and maximum").click()
    expect(page.get_by_label("Min", exact=True)).to_have_value("−100")
    page.get_by_label("Max", exact=True).fill("0")
    page.get_by_label("Max", exact=True).press("Enter")
    expect(corner).to_contain_text("Window 100 Level −50")
    page.get_by_label("Max", exact=True).fill("−500")
    page.get_by_label("Max", exact=True).press("Enter")
    expect(page.get_by_label("Max", exact=True)).to_have_attribute("aria-invalid", "true")
    expect(corner).to_contain_text("Window 100 Level −50")


def test_series_change_by_key_and_by_click_and_stay_in_the_address(
    watched: Watched, stage: Locator, site: Site, seen: Seen
) -> None:
    other = site.admit(
        ct_series(planes=2, seed="other", StudyInstanceUID=seen.study, SeriesNumber=2), "local"
    )
    page = watched.page
    page.reload()
    expect(page.locator(".strip").get_by_role("option")).to_have_count(2)
    page.keyboard.press("PageDown")
    expect(page.locator(".ct.bl")).to_contain_text("of 2")
    # Python hears of the series, with nothing else done to it.
    assert soon(lambda: any(view.state.index == 1 for view in python_views(other.series)))
    assert urlsplit(page.url).query == f"series={other.series}"
    page.reload()
    expect(page.locator(".ct.bl")).to_contain_text("of 2")
    page.locator(".strip").get_by_role("option").first.click()
    expect(page.locator(".ct.bl")).to_contain_text(f"of {PLANES}")
    page.keyboard.press("Home")
    # The session of the second load was opened for the other series.
    assert soon(lambda: any(view.state.index == 0 for view in python_views(seen.series)))


def test_a_tilted_stack_is_badged_and_the_badge_tells_why(watched: Watched, site: Site) -> None:
    tilted = site.admit(ct_series(planes=4, gantry_tilt_deg=12, seed="tilted"), "local")
    page = watched.page
    page.goto(f"{site.base}/viewer/{tilted.study}?series={tilted.series}")
    badge = page.locator(".stage .note .badge")
    expect(badge).to_have_text("Tilt 12.0°")
    told = page.locator(".stage .sentence")
    expect(told).to_be_hidden()
    badge.click()
    expect(told).to_contain_text("lean 12.0° from their normal")
    badge.click()
    expect(told).to_be_hidden()
    assert watched.complaints == []


def test_pixels_that_cannot_be_read_are_told_in_words_and_asked_for_again(
    watched: Watched, site: Site
) -> None:
    lone = site.admit(ct_series(planes=1, rows=32, columns=32, seed="lone"), "local")
    (file,) = [
        path
        for path in Path(site.settings.root, "instances").rglob("*.dcm")
        if lone.instances[0].encode() in path.read_bytes()
    ]
    away = file.with_suffix(".away")
    file.rename(away)
    page = watched.page
    page.goto(f"{site.base}/viewer/{lone.study}")
    notice = page.locator(".notice")
    expect(notice).to_contain_text("Image 1 could not be shown")
    assert re.search(r"file|missing|changed", notice.inner_text())
    away.rename(file)
    notice.get_by_role("button", name="Try again").click()
    expect(page.locator(".stage")).to_have_attribute("data-shown", "0")
    expect(notice).to_be_hidden()


def test_a_series_that_still_arrives_is_described_anew_and_its_image_stays(
    watched: Watched, site: Site
) -> None:
    planes = ct_series(planes=4, rows=32, columns=32, seed="arriving")
    seen = site.admit(planes[1:], "local")
    late = planes[:1]

    def admit_the_first_plane(route: Route) -> None:
        if late:
            site.admit([late.pop()], "local")
        route.continue_()

    page = watched.page
    page.route("**/pixels?*", admit_the_first_plane)
    page.goto(f"{site.base}/viewer/{seen.study}?series={seen.series}")
    # The middle of three is the third of four: the plane that came late lies before it.
    expect(page.locator(".stage")).to_have_attribute("data-shown", "2")
    expect(page.locator(".ct.bl")).to_contain_text("of 4")
    expect(page.locator(".notice")).to_be_hidden()
    expect(page.get_by_text("4 of 4 in memory")).to_be_visible()
    state = python_view(seen.series).state
    assert soon(lambda: state.index == 2)


def test_the_viewer_runs_without_panel(watched: Watched, site: Site, seen: Seen) -> None:
    page = watched.page
    page.goto(f"{site.base}/")
    page.evaluate(
        """async ({ study, series }) => {
          const { mountViewer, HttpTransport } = await import("/assets/viewer.js");
          const alone = document.createElement("div");
          alone.id = "alone";
          alone.style.height = "600px";
          document.body.replaceChildren(alone);
          window.told = [];
          const transport = new HttpTransport(study);
          mountViewer(alone, {
            transport, mode: "cell", state: { SeriesInstanceUID: series, index: 2 },
            onReport: (state) => window.told.push(state),
          });
        }""",
        {"study": seen.study, "series": seen.series},
    )
    stage = page.locator("#alone .stage")
    expect(stage).to_have_attribute("data-shown", "2")
    canvas = read_canvas(stage)
    expected = fitted(values(2), canvas.shape)
    inside = ~np.isnan(expected)
    assert np.abs(canvas - windowed(np.nan_to_num(expected), 300, 1200))[inside].max() <= 1
    assert page.evaluate("window.told.map((state) => state.index)") == [2]
    assert watched.complaints == []


def test_a_window_and_a_slice_step_of_512_take_two_milliseconds(
    watched: Watched, site: Site
) -> None:
    large = site.admit(ct_series(planes=8, rows=512, columns=512, seed="large"), "local")
    page = watched.page
    page.goto(f"{site.base}/viewer/{large.study}")
    expect(page.get_by_text("8 of 8 in memory")).to_be_visible()
    set_scale(watched, 1)
    # The least of many: what the script takes, not what else the machine was doing.
    least = page.locator(".noctis-viewer").evaluate(
        """async (element) => {
          const { viewer } = element.noctis;
          const painted = () =>
            new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0)));
          const least = { window: Infinity, slice: Infinity };
          for (let i = 0; i < 60; i += 1) {
            viewer.setWindow({ center: i, width: 400 + i, function: "LINEAR" }, "not yet");
            await painted();
            least.window = Math.min(least.window, viewer.paintMs);
            viewer.set({ index: i % 8 }, "not yet");
            await painted();
            least.slice = Math.min(least.slice, viewer.paintMs);
          }
          return least;
        }"""
    )
    assert least["window"] <= 2
    assert least["slice"] <= 2


def test_the_corner_says_z_as_the_volume_has_it(watched: Watched, site: Site) -> None:
    seen = site.admit(ct_series(planes=9, gantry_tilt_deg=20.0, seed="leaning"), "local")
    watched.page.goto(f"{site.base}/viewer/{seen.study}?series={seen.series}")
    with Lab(site.settings) as lab:
        volume = lab.series(SeriesInstanceUID=seen.series).one().load()
    corner = watched.page.locator(".stage .ct.bl")
    expect(corner).to_contain_text("Image 5 of 9")
    expect(corner).to_contain_text(f"z {float(volume.z[4]):.1f} mm")
