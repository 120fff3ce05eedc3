"""Three planes through a volume in a real browser: pixels against numpy, handles, keys, state."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import xarray as xr
from numpy.typing import NDArray
from playwright.sync_api import Locator, expect

from noctis_lab.lab import Lab
from noctis_lab.synthetic import ct_series
from noctis_lab.volumes.projection import slab
from noctis_lab.volumes.reslice import reslice
from tests.browser.drawn import read_canvas, read_rgb, windowed
from tests.browser.test_viewer import python_view, soon
from tests.browser.watched import Watched, painted
from tests.served import Seen, Site

pytestmark = pytest.mark.browser

PLANES, ROWS, COLUMNS = 21, 60, 72
WINDOW = (300.0, 1600.0)  # centre, width
TILT = "ct_philips_headphantom_tilt"

#: Of a pane: where its pixels lie, and the crosshair. Of the app: the state.
_GRID = """(stage, name) => {
  const app = stage.closest(".viewer").getRootNode().host.noctis;
  const pane = app.grid.panes.find((item) => item.name === name);
  const { origin_mm, right, down, spacing_mm } = pane.wanted;
  return { origin_mm, right, down, spacing_mm, crosshair: pane.model.crosshair };
}"""


@pytest.fixture
def lab(site: Site) -> Iterator[Lab]:
    with Lab(site.settings) as opened:
        yield opened


def smooth(planes: int = PLANES, rows: int = ROWS, columns: int = COLUMNS) -> NDArray[np.int16]:
    """Return values with steep slopes and corners, so that half a voxel shows."""
    k, r, c = np.ogrid[:planes, :rows, :columns]
    waves = 700 * np.sin(k / 2.1) * np.cos(r / 4.3) * np.sin(c / 5.7)
    box = 600 * ((abs(k - 10) < 4) & (abs(r - 25) < 9) & (abs(c - 40) < 12))
    stored: NDArray[np.int16] = np.rint(waves + box).astype(np.int16)
    return stored


def open_mpr(watched: Watched, site: Site, seen: Seen, planes: int) -> Locator:
    """Open a series, and its planes; return the page's viewer once all slices are in memory."""
    page = watched.page
    page.goto(f"{site.base}/viewer/{seen.study}?series={seen.series}")
    expect(page.locator(".stage")).to_have_attribute("data-shown", str(planes // 2))
    page.keyboard.press("Shift+M")
    expect(page.locator(".stage.plane")).to_have_count(3)
    expect(page.get_by_text(f"{planes} of {planes} in memory")).to_be_visible(timeout=30_000)
    set_planes(
        watched,
        f"app.viewer.setWindow({{center: {WINDOW[0]}, width: {WINDOW[1]}, function: 'LINEAR'}})",
    )
    return page.locator(".noctis-viewer")


def set_planes(watched: Watched, script: str) -> None:
    """Run a line with `app` and `model` at hand, and wait until it is painted."""
    names = "const app = element.noctis; const model = app.grid.panes[0].model;"
    watched.page.locator(".noctis-viewer").evaluate(f"(element) => {{ {names} {script}; }}")
    painted(watched.page)


def expected_of(
    volume: xr.DataArray, grid: dict[str, Any], shape: tuple[int, int]
) -> NDArray[np.float64]:
    """Return numpy's values at a canvas's pixels; NaN beside the volume."""
    right, down = np.array(grid["right"]), np.array(grid["down"])
    step = grid["spacing_mm"][0]
    centre = (
        np.array(grid["origin_mm"])
        + right * step * (shape[1] - 1) / 2
        + down * step * (shape[0] - 1) / 2
    )
    found = reslice(
        volume, centre_mm=centre, normal=np.cross(right, down), up=-down, spacing_mm=step,
        shape=shape, dtype=np.float64, jit=False,
    )  # fmt: skip
    values: NDArray[np.float64] = found.values
    return values


def difference(watched: Watched, volume: xr.DataArray, name: str) -> tuple[int, float]:
    """Return a canvas's largest difference to numpy, and the share of it that is image."""
    stage = watched.page.locator(f".stage.{name}")
    canvas = read_canvas(stage)
    expected = expected_of(volume, stage.evaluate(_GRID, name), canvas.shape)
    inside = ~np.isnan(expected)
    edge = _near_edge(inside)
    wrong = np.abs(canvas - windowed(np.nan_to_num(expected), *WINDOW))
    assert canvas[~inside & ~edge].max(initial=0) == 0
    return int(wrong[inside & ~edge].max()), float(inside.mean())


def _near_edge(inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether a neighbour is on the other side: rounding may decide such a pixel either way."""
    edge = np.zeros_like(inside)
    edge[1:] |= inside[1:] != inside[:-1]
    edge[:-1] |= inside[1:] != inside[:-1]
    edge[:, 1:] |= inside[:, 1:] != inside[:, :-1]
    edge[:, :-1] |= inside[:, 1:] != inside[:, :-1]
    return edge


#: Red, green, blue of the lines over what has no image.
HATCH = (0x38, 0x40, 0x4A)
OBLIQUE = "model.turn('axial', [0, 0.6, 0.8], 0.35); model.turn('coronal', [1, 0, 0], 0.3)"


@pytest.mark.parametrize("tilt_deg", [0.0, 16.5])
def test_planes_are_numpys_within_one_grey_level_at_every_zoom(
    watched: Watched, site: Site, lab: Lab, tilt_deg: float
) -> None:
    series = ct_series(
        planes=PLANES, rows=ROWS, columns=COLUMNS, stored=smooth(), gantry_tilt_deg=tilt_deg,
        pixel_spacing_mm=(0.8, 0.8), slice_spacing_mm=2.0, rescale_slope=1, rescale_intercept=0,
        seed=f"mpr {tilt_deg}",
    )  # fmt: skip
    seen = site.admit(series, "local")
    open_mpr(watched, site, seen, PLANES)
    volume = lab.series(SeriesInstanceUID=seen.series).one().load()
    for script in ("0", "app.viewer.setScale(1)", "app.viewer.setScale(7.3)", OBLIQUE):
        set_planes(watched, script)
        for name in ("axial", "coronal", "sagittal"):
            worst, share = difference(watched, volume, name)
            assert worst <= 1, (script, name, worst)
            assert share > 0.001, (script, name)
    assert watched.complaints == []
    assert watched.foreign == []


def test_at_one_pixel_a_voxel_the_axial_plane_is_the_slice_itself(
    watched: Watched, site: Site
) -> None:
    series = ct_series(
        planes=PLANES, rows=ROWS, columns=COLUMNS, stored=smooth(), pixel_spacing_mm=(0.8, 0.8),
        seed="mpr slice",
    )  # fmt: skip
    seen = site.admit(series, "local")
    open_mpr(watched, site, seen, PLANES)
    set_planes(watched, "app.viewer.setScale(1)")
    canvas = read_canvas(watched.page.locator(".stage.axial"))
    rows, columns = np.nonzero(canvas)
    top, left = int(rows.min()), int(columns.min())
    shown = canvas[top : top + ROWS, left : left + COLUMNS]
    assert np.array_equal(shown, windowed(smooth()[PLANES // 2], *WINDOW))
    assert np.count_nonzero(canvas) == np.count_nonzero(shown)
    assert abs(top - (canvas.shape[0] - ROWS) / 2) <= 1
    assert abs(left - (canvas.shape[1] - COLUMNS) / 2) <= 1


@pytest.mark.parametrize("how", ["max", "min", "mean"])
def test_slabs_are_numpys_within_one_grey_level(
    watched: Watched, site: Site, lab: Lab, how: str
) -> None:
    series = ct_series(
        planes=PLANES, rows=ROWS, columns=COLUMNS, stored=smooth(), pixel_spacing_mm=(0.8, 0.8),
        slice_spacing_mm=2.0, seed="mpr slab",
    )  # fmt: skip
    seen = site.admit(series, "local")
    open_mpr(watched, site, seen, PLANES)
    volume = lab.series(SeriesInstanceUID=seen.series).one().load()
    set_planes(watched, f"model.setPlane('axial', {{slab_mm: 10, projection: '{how}'}})")
    for script, pixels in (("app.viewer.setScale(1)", 1), ("app.viewer.setScale(4)", 4)):
        set_planes(watched, script)
        stage = watched.page.locator(".stage.axial")
        canvas, grid = read_canvas(stage), stage.evaluate(_GRID, "axial")
        # The projection is of whole voxels; the canvas interpolates between its values.
        projected = slab(
            volume, thickness_mm=10, how=how, sampling_mm=2, centre_mm=grid["crosshair"],  # type: ignore[arg-type]
            spacing_mm=0.8, shape=(ROWS, COLUMNS), dtype=np.float64, jit=False, fill=0,
        ).values  # fmt: skip
        first = np.array([-16.0, -16.0])
        at = (np.array(grid["origin_mm"][:2]) - first) / 0.8
        columns = at[0] + np.arange(canvas.shape[1]) / pixels
        rows = at[1] + np.arange(canvas.shape[0]) / pixels
        expected = _bilinear(projected, rows, columns)
        inside = ~np.isnan(expected)
        wrong = np.abs(canvas - windowed(np.nan_to_num(expected), *WINDOW))
        assert inside.sum() >= ROWS * COLUMNS * 0.9
        assert wrong[inside].max() <= 1
        assert canvas[~inside].max() == 0
    assert watched.complaints == []


def _bilinear(
    values: NDArray[np.float64], rows: NDArray[np.float64], columns: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return values between pixels; NaN beside them."""
    rows, columns = (
        np.where(abs(at - np.rint(at)) < 1e-6, np.rint(at), at) for at in (rows, columns)
    )
    along = np.array([np.interp(columns, np.arange(values.shape[1]), row) for row in values])
    found = np.array([np.interp(rows, np.arange(values.shape[0]), column) for column in along.T]).T
    outside_rows = (rows < 0) | (rows > values.shape[0] - 1)
    outside_columns = (columns < 0) | (columns > values.shape[1] - 1)
    result: NDArray[np.float64] = np.where(
        outside_rows[:, None] | outside_columns[None, :], np.nan, found
    )
    return result


def test_a_handle_turns_a_plane_and_python_hears_of_it_at_the_end(
    watched: Watched, site: Site
) -> None:
    series = ct_series(planes=PLANES, rows=ROWS, columns=COLUMNS, stored=smooth(), seed="mpr drag")
    seen = site.admit(series, "local")
    open_mpr(watched, site, seen, PLANES)
    page, state = watched.page, python_view(seen.series).state
    assert soon(lambda: state.layout == "mpr" and state.mpr is not None)
    watched.rest()
    before = len(watched.wire)
    stage = page.locator(".stage.sagittal")
    box = stage.bounding_box()
    handle = stage.locator('.hit.turn[data-plane="axial"]').first.bounding_box()
    assert box is not None
    assert handle is not None
    centre = np.array([box["x"] + box["width"] / 2, box["y"] + box["height"] / 2])
    start = np.array([handle["x"] + handle["width"] / 2, handle["y"] + handle["height"] / 2])
    arm = start - centre
    turned = np.radians(20)
    cos, sin = np.cos(turned), np.sin(turned)
    end = centre + np.array([[cos, -sin], [sin, cos]]) @ arm
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(*end, steps=8)
    watched.rest()
    # The page asks by itself how the archive is; a drag asks for nothing.
    asked = [item for item in watched.wire[before:] if "/api/" in item]
    assert not [item for item in asked if not item.endswith("/status")]
    assert state.mpr.axial.down == (0, 1, 0)
    page.mouse.up()
    assert soon(lambda: state.mpr.axial.down != (0, 1, 0))
    down = np.array(state.mpr.axial.down)
    assert np.degrees(np.arccos(down[1])) == pytest.approx(20, abs=1.5)
    assert state.mpr.coronal.down == (0, 0, -1)
    expect(page.locator(".stage.axial .plane-head")).to_contain_text("oblique")
    page.keyboard.press("x")
    assert soon(lambda: state.mpr.axial.down == (0, 1, 0))
    assert watched.complaints == []


def test_planes_begin_on_the_slice_in_view_and_leave_no_lines_behind(
    watched: Watched, site: Site
) -> None:
    series = ct_series(
        planes=PLANES, rows=ROWS, columns=COLUMNS, stored=smooth(), slice_spacing_mm=2.0,
        seed="mpr there and back",
    )  # fmt: skip
    seen = site.admit(series, "local")
    page = watched.page
    page.goto(f"{site.base}/viewer/{seen.study}?series={seen.series}")
    stack = page.locator(".stage:not(.plane)")
    expect(stack).to_have_attribute("data-shown", "10")
    for _ in range(6):
        page.keyboard.press("ArrowDown")
    expect(stack).to_have_attribute("data-shown", "16")
    page.keyboard.press("Shift+M")
    expect(page.get_by_text("21 of 21 in memory")).to_be_visible(timeout=30_000)
    place = "(stage) => stage.closest('.viewer').getRootNode().host.noctis.grid.panes[0]"
    first = float(series[0].ImagePositionPatient[2])
    x, y, z = page.locator(".stage.axial").evaluate(f"{place}.model.crosshair")
    assert z == pytest.approx(first + 16 * 2.0)
    assert (x, y) == pytest.approx((-16 + (COLUMNS - 1) / 4, -16 + (ROWS - 1) / 4))
    expect(stack).to_have_attribute("data-shown", "16")
    expect(stack.locator(".lines text")).to_have_count(2)
    page.locator(".stage.axial").focus()
    page.keyboard.press("ArrowUp")
    expect(stack).to_have_attribute("data-shown", "15")
    page.get_by_role("button", name="Layout").click()
    page.get_by_text("1 × 1", exact=True).click()
    expect(page.locator(".stage.plane")).to_have_count(0)
    expect(stack.locator(".lines *")).to_have_count(0)
    expect(stack).to_have_attribute("data-shown", "15")
    stack.focus()
    for _ in range(3):
        page.keyboard.press("ArrowUp")
    expect(stack).to_have_attribute("data-shown", "12")
    page.keyboard.press("Shift+M")
    expect(stack.locator(".lines text")).to_have_count(2)
    z = page.locator(".stage.axial").evaluate(f"{place}.model.crosshair")[2]
    assert z == pytest.approx(first + 12 * 2.0)
    page.keyboard.press("Shift+M")
    expect(page.locator(".stage.plane")).to_have_count(0)
    expect(stack.locator(".lines *")).to_have_count(0)
    assert watched.complaints == []


def test_square_handles_set_the_slab_and_keys_do_too(watched: Watched, site: Site) -> None:
    series = ct_series(planes=PLANES, rows=ROWS, columns=COLUMNS, stored=smooth(), seed="mpr keys")
    seen = site.admit(series, "local")
    open_mpr(watched, site, seen, PLANES)
    page, state = watched.page, python_view(seen.series).state
    stage = page.locator(".stage.coronal")
    handle = stage.locator('.hit.slab[data-plane="axial"]').first.bounding_box()
    assert handle is not None
    x, y = handle["x"] + handle["width"] / 2, handle["y"] + handle["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x, y + 40, steps=4)
    page.mouse.up()
    assert soon(lambda: state.mpr is not None and state.mpr.axial.slab_mm > 0)
    expect(page.locator(".stage.axial .plane-head")).to_contain_text("MIP")
    page.locator(".stage.axial").focus()
    page.keyboard.press("m")
    assert soon(lambda: state.mpr.axial.projection == "mean")
    page.keyboard.press("m")
    page.keyboard.press("m")
    assert soon(lambda: state.mpr.axial.slab_mm == 0)
    before = state.mpr.crosshair_mm
    page.keyboard.press("Shift+ArrowRight")
    assert soon(lambda: state.mpr.crosshair_mm[0] == pytest.approx(before[0] + 0.5))
    page.keyboard.press("ArrowDown")
    assert soon(lambda: state.mpr.crosshair_mm[2] == pytest.approx(before[2] + 2))
    page.keyboard.press("ArrowRight")
    page.keyboard.press(">")
    assert soon(lambda: state.mpr.axial.right != (1, 0, 0))
    page.keyboard.press("Shift+M")
    expect(page.locator(".stage.plane")).to_have_count(0)
    assert soon(lambda: state.layout == "1x1")
    assert watched.complaints == []


def test_shift_and_the_mouse_move_the_crosshair_and_the_value_is_told(
    watched: Watched, site: Site
) -> None:
    series = ct_series(planes=PLANES, rows=ROWS, columns=COLUMNS, stored=smooth(), seed="mpr move")
    seen = site.admit(series, "local")
    open_mpr(watched, site, seen, PLANES)
    page, state = watched.page, python_view(seen.series).state
    box = page.locator(".stage.axial").bounding_box()
    assert box is not None
    page.keyboard.down("Shift")
    page.mouse.move(box["x"] + box["width"] / 2 + 30, box["y"] + box["height"] / 2 - 20, steps=4)
    page.keyboard.up("Shift")
    assert soon(lambda: state.mpr is not None and state.mpr.crosshair_mm[0] > 2)
    expect(page.locator(".status")).to_contain_text("interpolated")
    expect(page.locator(".status")).to_contain_text("HU")


def test_the_address_brings_the_planes_back_and_another_series_has_its_own(
    watched: Watched, site: Site
) -> None:
    series = ct_series(planes=PLANES, rows=ROWS, columns=COLUMNS, stored=smooth(), seed="mpr back")
    seen = site.admit(series, "local")
    other = site.admit(
        ct_series(planes=9, seed="mpr other", StudyInstanceUID=seen.study, SeriesNumber=2), "local"
    )
    open_mpr(watched, site, seen, PLANES)
    page = watched.page
    page.locator(".stage.coronal").focus()
    watched.rest()
    before = page.url
    page.keyboard.press(">")
    expect(page.locator(".stage.axial .plane-head")).to_contain_text("oblique 1°")
    page.wait_for_url(lambda url: url != before)
    page.reload()
    expect(page.locator(".stage.axial .plane-head")).to_contain_text("oblique 1°", timeout=20_000)
    page.locator(f'.th[data-uid="{other.series}"]').click()
    expect(page.get_by_text("9 of 9 in memory")).to_be_visible(timeout=20_000)
    expect(page.locator(".stage.axial .plane-head")).not_to_contain_text("oblique")
    assert watched.complaints == []


def test_what_cannot_be_reformatted_says_why(watched: Watched, site: Site) -> None:
    series = ct_series(planes=1, rows=ROWS, columns=COLUMNS, seed="mpr one")
    seen = site.admit(series, "local")
    page = watched.page
    page.goto(f"{site.base}/viewer/{seen.study}?series={seen.series}")
    expect(page.locator(".stage")).to_have_attribute("data-shown", "0")
    page.keyboard.press("Shift+M")
    expect(page.locator(".stage.axial .notice")).to_contain_text("at least two slices")


def test_gaps_are_hatched_and_a_badge_says_so(watched: Watched, site: Site) -> None:
    places = [(-16.0, -16.0, 100.0 + 2 * k + (8 if k > 5 else 0)) for k in range(12)]
    series = ct_series(planes=12, rows=ROWS, columns=COLUMNS, positions_mm=places, seed="mpr gap")
    seen = site.admit(series, "local")
    open_mpr(watched, site, seen, 12)
    stage = watched.page.locator(".stage.coronal")
    painted(watched.page)
    colours, grid = read_rgb(stage), stage.evaluate(_GRID, "coronal")
    y, x = np.mgrid[: colours.shape[0], : colours.shape[1]]
    x_mm = grid["origin_mm"][0] + x * grid["spacing_mm"][1]
    z_mm = grid["origin_mm"][2] - y * grid["spacing_mm"][0]
    inside = (x_mm > -16) & (x_mm < -16 + (COLUMNS - 1) * 0.5)
    gap = inside & (z_mm > 110 + 1e-3) & (z_mm < 120 - 1e-3)
    lines = (x + y) % 8 == 0
    assert gap.sum() > 1000
    assert (colours[gap & lines] == HATCH).all()
    assert (colours[gap & ~lines] == 0).all()
    beside = inside & (z_mm > 101) & (z_mm < 132) & ((z_mm < 109) | (z_mm > 121))
    assert not (colours[beside] == HATCH).all(axis=-1).any()
    badge = watched.page.locator(".stage.axial .badge", has_text="gap")
    badge.click()
    expect(watched.page.locator(".stage.axial .sentence")).to_contain_text(
        "nothing is interpolated"
    )


@pytest.fixture
def tilted(site: Site, real_data: Path) -> Seen:
    """Admit a real head phantom, scanned with a tilted gantry."""
    paths = sorted(path for path in (real_data / "real" / TILT).rglob("*") if path.is_file())
    return site.admit([pydicom.dcmread(path) for path in paths], "local")


def test_a_real_tilted_series_is_numpys_in_all_planes(
    watched: Watched, site: Site, lab: Lab, tilted: Seen
) -> None:
    open_mpr(watched, site, tilted, len(tilted.instances))
    volume = lab.series(SeriesInstanceUID=tilted.series).one().load()
    for script in ("0", OBLIQUE):
        set_planes(watched, script)
        for name in ("axial", "coronal", "sagittal"):
            worst, share = difference(watched, volume, name)
            assert worst <= 1, (script, name, worst)
            assert share > 0.2
    assert watched.complaints == []
