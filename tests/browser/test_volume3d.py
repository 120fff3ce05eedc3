"""A volume seen from outside in a real browser: pixels against numpy, drags, keys, surfaces."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Locator, expect
from scipy.ndimage import map_coordinates

from noctis_lab.jobs.worker import run_worker
from noctis_lab.synthetic import ct_series
from noctis_lab.views.volume3d_state import VolumeState
from tests.browser.drawn import read_canvas, windowed
from tests.browser.test_viewer import python_view, soon
from tests.browser.watched import Watched
from tests.served import Seen, Site

pytestmark = pytest.mark.browser

PLANES, SIDE, SPACING_MM = 25, 48, (1.2, 0.8)  # planes' and pixels'
RADIUS_MM = 11.0
WINDOW = (300.0, 1600.0)  # centre, width
FINE_MS = 90_000  # without a graphics processor, on a busy machine

_GRID = """(stage) => {
  const app = stage.closest(".viewer").getRootNode().host.noctis;
  const pane = app.grid.panes.find((item) => item.kind === "volume");
  return pane.grid;
}"""


def ball() -> NDArray[np.int16]:
    """Return 100 HU a millimetre: 0 at a sphere's surface, higher inside."""
    k, r, c = np.ogrid[:PLANES, :SIDE, :SIDE]
    plane_mm, pixel_mm = SPACING_MM
    away = np.sqrt(
        ((k - (PLANES - 1) / 2) * plane_mm) ** 2
        + ((r - (SIDE - 1) / 2) * pixel_mm) ** 2
        + ((c - (SIDE - 1) / 2) * pixel_mm) ** 2
    )
    # A mark off the middle tells left from right, front from back, head from foot.
    mark = 900 * ((abs(k - 5) < 2) & (abs(r - 9) < 4) & (abs(c - 38) < 3))
    stored: NDArray[np.int16] = np.rint(100 * (RADIUS_MM - away) + mark).astype(np.int16)
    return stored


@pytest.fixture
def seen(site: Site) -> Seen:
    series = ct_series(
        planes=PLANES,
        rows=SIDE,
        columns=SIDE,
        stored=ball(),
        pixel_spacing_mm=(SPACING_MM[1],) * 2,
        slice_spacing_mm=SPACING_MM[0],
        rescale_slope=1,
        rescale_intercept=0,
        seed="volume3d",
    )
    return site.admit(series, "local")


@pytest.fixture
def worker(site: Site) -> Iterator[None]:
    stop = threading.Event()
    thread = threading.Thread(target=run_worker, args=(site.settings, stop))
    thread.start()
    yield
    stop.set()
    thread.join(30)


def open_volume(watched: Watched, site: Site, seen: Seen, keys: str = "Shift+D") -> Locator:
    """Open a series, and its volume; return the pane once it is drawn finely."""
    page = watched.page
    page.goto(f"{site.base}/viewer/{seen.study}?series={seen.series}")
    expect(page.locator(".stage")).to_have_attribute("data-shown", str(PLANES // 2))
    page.keyboard.press(keys)
    stage = page.locator(".stage.volume3d")
    expect(page.get_by_text(f"{PLANES} of {PLANES} in memory")).to_be_visible(timeout=30_000)
    fine(watched)
    return stage


def fine(watched: Watched) -> None:
    """Wait until what is drawn is as fine as it gets."""
    watched.page.wait_for_timeout(300)
    stage = watched.page.locator(".stage.volume3d")
    expect(stage).to_have_attribute("data-quality", "fine", timeout=FINE_MS)


def do(watched: Watched, script: str) -> None:
    """Run a line with `pane` and `model` at hand, tell Python, and let it be drawn."""
    names = (
        "const pane = element.noctis.grid.panes.find((item) => item.kind === 'volume');"
        "const model = pane.model;"
    )
    run = f"(element) => {{ {names} {script}; pane.onDone(); }}"
    watched.page.locator(".noctis-viewer").evaluate(run)
    fine(watched)


def mip_of(grid: dict[str, Any], shape: tuple[int, int], axis: int) -> NDArray[np.float64]:
    """Return numpy's highest values along one axis of the voxels at a canvas's pixels.

    Parameters
    ----------
    axis
        Of z, y, x: that along which the eye looks.
    """
    origin, right, down = (np.array(grid[name]) for name in ("origin", "right", "down"))
    columns, rows = np.meshgrid(np.arange(shape[1]), np.arange(shape[0]))
    places = origin + columns[..., None] * right + rows[..., None] * down
    first = np.array([-16.0, -16.0, 100.0])
    x, y, z = ((places - first) / [SPACING_MM[1], SPACING_MM[1], SPACING_MM[0]]).transpose(2, 0, 1)
    index = [np.round(each, 6) for each in (z, y, x)]
    highest = np.full(shape, -np.inf)
    for place in range((PLANES, SIDE, SIDE)[axis]):
        index[axis] = np.full(shape, float(place))
        layer = map_coordinates(
            ball().astype(np.float64), index, order=1, mode="constant", cval=-np.inf
        )
        highest = np.fmax(highest, layer)
    return highest


@pytest.mark.parametrize(("side", "axis"), [("F", 0), ("H", 0), ("A", 1), ("P", 1), ("L", 2)])
def test_the_highest_values_are_numpys_within_one_grey_level(
    watched: Watched, site: Site, seen: Seen, side: str, axis: int
) -> None:
    stage = open_volume(watched, site, seen)
    window = f"{{center: {WINDOW[0]}, width: {WINDOW[1]}, function: 'LINEAR'}}"
    do(
        watched,
        f"pane.setWindow({window}); model.set({{mode: 'mip'}}); model.lookFrom('{side}')",
    )
    for pixels in (1, 6.5):
        do(watched, f"pane.setScale({pixels})")
        canvas = read_canvas(stage)
        expected = mip_of(stage.evaluate(_GRID), canvas.shape, axis)
        inside = np.isfinite(expected)
        assert inside.sum() > 500
        edge = np.zeros_like(inside)
        for shift in (-1, 1):
            edge |= inside != np.roll(inside, shift, 0)
            edge |= inside != np.roll(inside, shift, 1)
        wrong = np.abs(canvas - windowed(np.where(inside, expected, 0), *WINDOW))
        assert wrong[inside & ~edge].max() <= 1
        assert canvas[~inside & ~edge].max() == 0
    assert watched.complaints == []
    assert watched.foreign == []


def test_webgl_draws_as_the_processor_does_where_there_is_any(
    watched: Watched, site: Site, seen: Seen
) -> None:
    open_volume(watched, site, seen)
    answer = watched.page.evaluate(
        "async () => (await import('/assets/viewer.js')).gpuAnswer(document)"
    )
    assert answer in ("agrees", "none")


def test_a_drag_turns_what_is_seen_and_python_hears_of_it_at_the_end(
    watched: Watched, site: Site, seen: Seen
) -> None:
    stage = open_volume(watched, site, seen)
    state = python_view(seen.series).state
    assert soon(lambda: state.layout == "3d" and state.volume is not None)
    box = stage.bounding_box()
    assert box is not None
    before = len(watched.wire)
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    watched.page.mouse.move(x, y)
    watched.page.mouse.down()
    watched.page.mouse.move(x + 240, y, steps=5)
    watched.page.wait_for_timeout(200)
    assert not [item for item in watched.wire[before:] if "/api/" in item]
    assert state.volume.right == (1, 0, 0)
    watched.page.mouse.up()
    # Half of 480 px is a quarter of a turn: what lay at the left is in front.
    assert soon(lambda: np.allclose(state.volume.right, (0, -1, 0), atol=1e-6))
    expect(stage.locator(".ol.left")).to_have_text("P")
    assert watched.complaints == []


def test_keys_alone_turn_zoom_switch_shift_and_clip(
    watched: Watched, site: Site, seen: Seen
) -> None:
    stage = open_volume(watched, site, seen)
    page, state = watched.page, python_view(seen.series).state
    stage.focus()
    for key, fact in (
        ("Shift+ArrowRight", lambda volume: volume.right[1] < -0.1),
        ("o", lambda volume: volume.right == (1, 0, 0)),
        ("o", lambda volume: volume.right == (-1, 0, 0)),
        ("ArrowUp", lambda volume: volume.zoom > 1),
        ("2", lambda volume: volume.preset == "ct-soft-tissue"),
        ("]", lambda volume: volume.shift > 0),
        ("m", lambda volume: volume.mode == "mip"),
        ("m", lambda volume: volume.mode == "surface"),
        ("[", lambda volume: volume.level == 270),
        (">", lambda volume: abs(volume.right[2]) > 0.1),
        ("x", lambda volume: volume.right == (1, 0, 0) and volume.zoom == 1),
    ):
        page.keyboard.press(key)
        assert soon(lambda fact=fact: fact(state.volume)), (key, state.volume)
    page.keyboard.press("b")
    expect(stage.locator(".box3d .hit")).to_have_count(6)
    number = page.get_by_label("Clipping box: Head end, mm")
    number.fill("115")
    number.press("Enter")
    number.blur()
    assert soon(lambda: state.volume.clip_mm is not None and state.volume.clip_mm[2][1] == 115)
    handle = stage.locator('.box3d .hit[data-axis="2"][data-end="1"]').bounding_box()
    assert handle is not None
    x, y = handle["x"] + handle["width"] / 2, handle["y"] + handle["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x, y + 30, steps=4)
    page.mouse.up()
    assert soon(lambda: state.volume.clip_mm[2][1] < 115)
    page.keyboard.press("Shift+D")
    expect(page.locator(".stage.volume3d")).to_have_count(0)
    assert watched.complaints == []


def test_planes_and_volume_share_a_grid_and_the_address_brings_both_back(
    watched: Watched, site: Site, seen: Seen
) -> None:
    open_volume(watched, site, seen, "Shift+B")
    page = watched.page
    expect(page.locator(".stage.plane")).to_have_count(3)
    do(watched, "model.set({mode: 'surface', level: 250}); model.lookFrom('L')")
    page.wait_for_timeout(400)
    page.reload()
    expect(page.locator(".stage.volume3d .plane-head")).to_contain_text(
        "above 250 HU", timeout=30_000
    )
    expect(page.locator(".stage.plane")).to_have_count(3)
    expect(page.locator(".stage.volume3d .ol.left")).to_have_text("A")
    page.keyboard.press("Shift+M")
    expect(page.locator(".stage.volume3d")).to_have_count(0)
    expect(page.locator(".stage.plane")).to_have_count(3)
    page.keyboard.press("Shift+M")
    expect(page.locator(".stage")).to_have_count(1)
    expect(page.locator(".stage")).to_have_attribute("data-shown", str(PLANES // 2))
    assert watched.complaints == []


@pytest.mark.parametrize("part", ["v=q", "v=v,z0", "v=s,kXX", "v=v,c1:0:0:1:0:1"])
def test_an_address_with_an_unsound_volume_shows_the_usual_view(
    watched: Watched, site: Site, seen: Seen, part: str
) -> None:
    page = watched.page
    page.goto(f"{site.base}/viewer/{seen.study}?series={seen.series}#l=3d&{part}&p={seen.series}")
    expect(page.get_by_text("The address holds no view")).to_be_visible()
    expect(page.locator(".stage.volume3d")).to_have_count(0)


def test_python_sets_what_is_seen(watched: Watched, site: Site, seen: Seen) -> None:
    stage = open_volume(watched, site, seen)
    state = python_view(seen.series).state
    state.volume = VolumeState(mode="surface", level=500, right=(0, 1, 0), down=(0, 0, -1))
    expect(stage.locator(".plane-head")).to_contain_text("above 500 HU", timeout=30_000)
    expect(stage.locator(".ol.right")).to_have_text("P")
    expect(watched.page.get_by_label("Threshold, as a number")).to_have_value("500")


@pytest.mark.usefixtures("worker")
def test_a_surface_is_made_by_mouse_measured_taken_as_stl_and_kept(
    watched: Watched, site: Site, seen: Seen, tmp_path: Path
) -> None:
    stage = open_volume(watched, site, seen)
    page = watched.page
    page.get_by_role("button", name="Surface", exact=True).click()
    threshold = page.get_by_label("Threshold, as a number")
    threshold.fill("0")
    threshold.press("Tab")
    page.get_by_role("button", name="From threshold").click()
    row = page.locator(".surfaces .surface")
    expect(row).to_have_class("surface on", timeout=60_000)
    fine(watched)
    said = row.locator(".choose").inner_text()
    volume_cm3 = float(said.split("cm³")[0].split()[-1])
    expected = 4 / 3 * np.pi * RADIUS_MM**3 / 1000
    assert volume_cm3 == pytest.approx(expected, rel=0.03)  # the mark stands out of the ball
    with page.expect_download() as download:
        page.get_by_role("button", name="as STL").click()
    path = tmp_path / "ball.stl"
    download.value.save_as(path)
    content = path.read_bytes()
    assert len(content) == 84 + 50 * int.from_bytes(content[80:84], "little")
    state = python_view(seen.series).state
    assert soon(lambda: state.volume is not None and state.volume.surface is not None)
    page.wait_for_timeout(300)
    page.reload()
    expect(row).to_have_class("surface on", timeout=30_000)
    expect(row.locator(".choose")).to_contain_text(f"{volume_cm3} cm³")
    fine(watched)
    expect(stage.locator(".plane-head")).to_contain_text("above 0 HU")
    page.get_by_role("button", name="Delete Above 0 HU").click()
    expect(row).to_have_count(0)
    assert watched.complaints == []
