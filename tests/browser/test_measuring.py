"""Measuring in a real browser: figures against numpy, saved and back, by mouse and by keyboard."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Locator, expect

from noctis_lab.synthetic import ct_series
from tests.browser.test_viewer import COLUMNS, INTERCEPT, MIDDLE, PLANES, ROWS, SLOPE, values
from tests.browser.watched import Watched, painted
from tests.served import Seen, Site

pytestmark = pytest.mark.browser

STORE = "(element) => element.noctis.measured.measuring.store"


@pytest.fixture
def seen(site: Site) -> Seen:
    series = ct_series(
        planes=PLANES,
        rows=ROWS,
        columns=COLUMNS,
        signed=False,
        rescale_slope=SLOPE,
        rescale_intercept=INTERCEPT,
        windows=((300.0, 1200.0),),
        seed="measuring",
    )
    return site.admit(series, "local")


@pytest.fixture
def stage(watched: Watched, site: Site, seen: Seen) -> Iterator[Locator]:
    """Open the series; at the end nothing was complained of, and no other host was asked."""
    watched.page.goto(f"{site.base}/viewer/{seen.study}?series={seen.series}")
    found = watched.page.locator(".stage")
    expect(found).to_have_attribute("data-shown", str(MIDDLE))
    yield found
    assert watched.complaints == []
    assert watched.foreign == []


def on_screen(watched: Watched, column: float, row: float) -> tuple[float, float]:
    """Return where a voxel's centre lies on the page."""
    x, y = watched.page.locator(".noctis-viewer").evaluate(
        """(element, at) => {
          const pane = element.noctis.viewer;
          const box = pane.element.getBoundingClientRect();
          const [x, y] = pane.plane().fromVoxel(...at);
          return [box.left + x, box.top + y];
        }""",
        [column, row],
    )
    return x, y


def drag(watched: Watched, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Press, move and release the left button, from voxel to voxel."""
    mouse = watched.page.mouse
    mouse.move(*on_screen(watched, *start))
    mouse.down()
    mouse.move(*on_screen(watched, *end), steps=7)
    mouse.up()


def measured(watched: Watched) -> list[dict[str, Any]]:
    """Return the measurements that the client has."""
    found: list[dict[str, Any]] = watched.page.locator(".noctis-viewer").evaluate(
        f"(element) => ({STORE})(element).all()"
    )
    return found


def all_saved(watched: Watched) -> None:
    watched.page.locator(".noctis-viewer").evaluate(
        f"""async (element) => {{
          const store = ({STORE})(element);
          for (let i = 0; i < 1200 && store.isUnsaved; i += 1) {{
            await new Promise((resolve) => setTimeout(resolve, 25));
          }}
          if (store.isUnsaved) throw new Error(JSON.stringify(store.unsaved));
        }}"""
    )


def inside_ellipse(points: list[list[float]]) -> NDArray[np.bool_]:
    (x0, y0), (x1, y1) = points
    rows, columns = np.mgrid[:ROWS, :COLUMNS]
    u = (columns - (x0 + x1) / 2) / (abs(x1 - x0) / 2)
    v = (rows - (y0 + y1) / 2) / (abs(y1 - y0) / 2)
    return np.asarray(u * u + v * v <= 1)


def shown(number: float) -> str:
    """Write a figure as the page does."""
    text = f"{abs(number):.1f}"
    return f"−{text}" if number < 0 and float(text) != 0 else text


def expect_numpys_figures(watched: Watched, found: dict[str, Any], plane: int) -> None:
    """Expect what the page prints, and what it holds, to be what numpy says of the same voxels."""
    inside = values(plane)[inside_ellipse(found["points_px"])]
    figures = found["values"]
    assert figures["count"] == len(inside) > 100
    assert figures["mean"] == pytest.approx(np.mean(inside), rel=1e-12)
    assert figures["sd"] == pytest.approx(np.std(inside), rel=1e-12)
    assert (figures["min"], figures["max"]) == (inside.min(), inside.max())
    assert figures["median"] == np.median(inside)
    counts, _ = np.histogram(inside, bins=64)
    assert figures["histogram"]["counts"] == counts.tolist()
    spread = f"{shown(float(np.mean(inside)))} ± {shown(float(np.std(inside)))} HU"
    expect(watched.page.locator(".mrow.on .mfig")).to_contain_text(spread)
    expect(watched.page.locator(".ink .shape.on .label")).to_contain_text(spread)


def test_an_ellipse_drawn_by_mouse_has_numpys_figures_and_comes_back(
    watched: Watched, stage: Locator, site: Site, seen: Seen
) -> None:
    page = watched.page
    page.get_by_role("button", name="All measuring tools").click()
    page.get_by_role("menuitemradio", name="Ellipse").click()
    drag(watched, (30, 20), (70, 60))
    (found,) = measured(watched)
    assert found["kind"] == "ellipse"
    assert np.abs(np.array(found["points_px"]) - [[30, 20], [70, 60]]).max() < 0.5
    assert found["SOPInstanceUID"] in seen.instances
    expect_numpys_figures(watched, found, MIDDLE)
    all_saved(watched)
    (saved,) = measured(watched)
    assert saved["author"]
    assert saved["differs"] == []
    page.reload()
    expect(stage).to_have_attribute("data-shown", str(MIDDLE))
    page.locator(".mrow .ms").click()
    expect(page.locator(".ink .shape.on")).to_have_count(1)
    (back,) = measured(watched)
    assert back["points_px"] == found["points_px"]
    expect_numpys_figures(watched, back, MIDDLE)


def test_from_the_worklist_to_a_saved_and_reopened_ellipse_by_keyboard_alone(
    watched: Watched, stage: Locator, site: Site
) -> None:
    page = watched.page
    press = page.keyboard.press
    page.goto(f"{site.base}/")
    expect(page.locator(".tb .tr .pn")).to_have_count(1)
    press("ArrowDown")
    press("Enter")
    expect(stage).to_have_attribute("data-shown", str(MIDDLE))
    press("Home")
    expect(stage).to_have_attribute("data-shown", "0")
    press("e")
    expect(page.locator(".ink .cursor")).to_have_count(1)
    for _ in range(2):
        press("Shift+ArrowLeft")
        press("Shift+ArrowUp")
    press("Enter")
    for _ in range(4):
        press("Shift+ArrowRight")
    for _ in range(3):
        press("Shift+ArrowDown")
    press("ArrowDown")
    press("Enter")
    expect(page.locator(".unseen")).to_contain_text("plus or minus")
    (found,) = measured(watched)
    (x0, y0), (x1, y1) = found["points_px"]
    assert (x1 - x0, y1 - y0) == (40, 31)
    expect_numpys_figures(watched, found, 0)
    press("Escape")
    press("Enter")  # takes hold of it
    press("ArrowRight")
    press("Tab")  # its first handle: the left side
    press("ArrowLeft")
    press("Enter")
    (moved,) = measured(watched)
    assert moved["points_px"] == [[x0, y0], [x1 + 1, y1]]
    expect_numpys_figures(watched, moved, 0)
    all_saved(watched)
    address = page.url.split("#")[0]  # without the state: as from the worklist
    page.goto("about:blank")
    page.goto(address)
    expect(stage).to_have_attribute("data-shown", str(MIDDLE))
    head = page.locator(".mrow .ms")
    expect(head).to_have_count(1)
    for _ in range(60):
        press("Tab")
        if head.evaluate("(button) => button.getRootNode().activeElement === button"):
            break
    press("Enter")
    expect(stage).to_have_attribute("data-shown", "0")
    (back,) = measured(watched)
    assert back["points_px"] == moved["points_px"]
    expect_numpys_figures(watched, back, 0)


def test_shapes_are_moved_deleted_and_brought_back(watched: Watched, stage: Locator) -> None:
    page = watched.page
    stage.focus()
    page.keyboard.press("s")
    drag(watched, (20, 40), (60, 40))
    (found,) = measured(watched)
    length = found["values"]["length_mm"]
    (x0, _), (x1, _) = found["points_px"]
    page.keyboard.press("Escape")
    drag(watched, (x1, 40), (x1 + 20, 40))  # by its handle
    (longer,) = measured(watched)
    assert longer["values"]["length_mm"] == pytest.approx(length * (x1 - x0 + 20) / (x1 - x0))
    drag(watched, (x0 + 10, 40), (x0 + 10, 70))  # as a whole
    (moved,) = measured(watched)
    assert np.allclose(np.array(moved["points_px"])[:, 1], 70, atol=0.5)
    assert moved["values"]["length_mm"] == pytest.approx(longer["values"]["length_mm"])
    page.keyboard.press("Control+z")
    assert measured(watched)[0]["points_px"] == longer["points_px"]
    page.keyboard.press("Control+y")
    assert measured(watched)[0]["points_px"] == moved["points_px"]
    page.keyboard.press("Backspace")
    assert measured(watched) == []
    page.locator(".toast").get_by_role("button", name="Undo").click()
    assert measured(watched)[0]["points_px"] == moved["points_px"]
    all_saved(watched)


def test_what_is_let_go_over_another_image_keeps_the_figures_of_its_own(
    watched: Watched, stage: Locator
) -> None:
    page = watched.page
    stage.focus()
    page.keyboard.press("e")
    drag(watched, (30, 20), (70, 60))
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    page.mouse.move(*on_screen(watched, 50, 20))
    page.mouse.down()
    page.mouse.move(*on_screen(watched, 57, 26), steps=5)
    page.mouse.wheel(0, 100)
    expect(stage).to_have_attribute("data-shown", str(MIDDLE + 1))
    page.mouse.up()
    (moved,) = measured(watched)
    assert moved["points_px"] != [[30, 20], [70, 60]]
    inside = values(MIDDLE)[inside_ellipse(moved["points_px"])]
    assert moved["values"]["count"] == len(inside) > 100
    assert moved["values"]["mean"] == pytest.approx(np.mean(inside), rel=1e-12)
    page.mouse.wheel(0, -100)
    expect(page.locator(".ink .shape")).to_have_count(1)
    all_saved(watched)
    assert measured(watched)[0]["differs"] == []


def test_what_is_drawn_stays_on_its_voxels_and_its_image(watched: Watched, stage: Locator) -> None:
    page = watched.page
    stage.focus()
    page.keyboard.press("q")
    drag(watched, (30, 20), (70, 60))
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    line = page.locator(".ink .shape .line")

    def corners() -> NDArray[np.float64]:
        path = line.get_attribute("d") or ""
        parts = [part.split() for part in path.replace("L", "M").split("M")[1:]]
        return np.array(parts, dtype=float)[:4]

    def expected() -> NDArray[np.float64]:
        box = stage.bounding_box()
        assert box is not None
        (x0, y0), (x1, y1) = measured(watched)[0]["points_px"]
        places = [on_screen(watched, *at) for at in ((x0, y0), (x1, y0), (x1, y1), (x0, y1))]
        return np.array(places) - [box["x"], box["y"]]

    assert np.abs(corners() - expected()).max() < 0.01
    for key in ("+", "r", "h", "l"):
        before = corners()
        page.keyboard.press(key)
        painted(page)
        assert np.abs(corners() - before).max() > 1
        assert np.abs(corners() - expected()).max() < 0.01
    page.keyboard.press("ArrowDown")
    expect(line).to_have_count(0)
    page.keyboard.press("ArrowUp")
    expect(line).to_have_count(1)


def test_every_tool_draws_its_kind(watched: Watched, stage: Locator) -> None:
    page = watched.page
    stage.focus()
    clicks = {
        "a": [(10, 10), (20, 20), (30, 10)],
        "o": [(40, 10), (60, 12), (40, 20), (60, 26)],
        "b": [(70, 10), (90, 10), (80, 6), (80, 16)],
        "p": [(100, 10)],
    }
    for key, points in clicks.items():
        page.keyboard.press(key)
        for point in points:
            page.mouse.click(*on_screen(watched, *point))
    for key, start, end in (
        ("s", (10, 40), (30, 40)), ("e", (40, 35), (55, 48)), ("q", (60, 35), (75, 48)),
        ("y", (80, 40), (110, 44)),
    ):  # fmt: skip
        page.keyboard.press(key)
        drag(watched, start, end)
    page.keyboard.press("g")
    for point in ((10, 60), (30, 60), (30, 80)):
        page.mouse.click(*on_screen(watched, *point))
    page.mouse.dblclick(*on_screen(watched, 10, 80))
    page.keyboard.press("f")
    page.mouse.move(*on_screen(watched, 50, 60))
    page.mouse.down()
    for turn in np.linspace(0, 6, 25):
        at = on_screen(watched, 50 + 8 * float(np.sin(turn)), 70 - 10 * float(np.cos(turn)))
        page.mouse.move(*at)
    page.mouse.up()
    for key, point in (("w", (70, 60)), ("t", (100, 60))):
        page.keyboard.press(key)
        if key == "w":
            drag(watched, point, (80, 80))
        else:
            page.mouse.click(*on_screen(watched, *point))
        field = page.get_by_role("textbox", name="Label").last
        expect(field).to_be_focused()
        field.fill(f"<b>{key}</b>")
        field.press("Enter")
    found = {item["kind"]: item for item in measured(watched)}
    assert list(found) == [
        "angle", "cobb", "bidirectional", "probe", "length", "ellipse", "rectangle", "profile",
        "polygon", "freehand", "arrow", "text",
    ]  # fmt: skip
    assert found["angle"]["values"]["angle_deg"] == pytest.approx(90, abs=2)
    assert len(found["polygon"]["points_px"]) == 4
    assert len(found["freehand"]["points_px"]) > 10
    assert found["text"]["label"] == "<b>t</b>"
    at = values(MIDDLE)[10, 100]
    assert found["probe"]["values"]["value"] == at
    assert len(found["profile"]["values"]["samples"]) == 32
    expect(page.locator(".mrow")).to_have_count(12)
    all_saved(watched)
    # What the archive computed of its own files is what was computed here.
    assert [item["kind"] for item in measured(watched) if item["differs"] != []] == []


def test_what_cannot_be_saved_says_so_and_is_saved_later(watched: Watched, stage: Locator) -> None:
    page = watched.page
    stage.focus()
    page.route("**/measurements/*", lambda route: route.abort())
    page.keyboard.press("s")
    drag(watched, (20, 40), (60, 40))
    unsaved = page.get_by_role("button", name="1 not saved")
    expect(unsaved).to_be_visible()
    page.unroute("**/measurements/*")
    unsaved.click()
    all_saved(watched)
    expect(unsaved).to_be_hidden()
    refused = "Failed to load resource"
    watched.complaints[:] = [words for words in watched.complaints if refused not in words]
