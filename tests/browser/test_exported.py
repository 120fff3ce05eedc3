"""A view in a file of its own, opened from the disk: the same client, and nobody is asked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import xarray as xr
from playwright.sync_api import Browser, Page, expect

import noctis_lab as nl
from tests.browser.drawn import fitted, read_canvas, read_rgb

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PLANES, ROWS, COLUMNS, INDEX = 12, 90, 120, 7
CENTER, WIDTH = 1.5, 4.0


class Opened:
    """A page from the disk, and what it asked for and complained of."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.asked: list[str] = []
        self.complaints: list[str] = []
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", lambda said: self.complaints.append(said.text))

    def open(self, path: Path, *panes: str) -> None:
        self.page.goto(path.as_uri())
        for number, index in enumerate(panes):
            expect(self.page.locator(".stage").nth(number)).to_have_attribute("data-shown", index)

    def assert_quiet(self, path: Path) -> None:
        assert self.complaints == []
        assert {url for url in self.asked if not url.startswith("data:")} == {path.as_uri()}


@pytest.fixture
def opened(browser: Browser) -> Iterator[Opened]:
    with browser.new_context(viewport={"width": 1280, "height": 800}) as context:
        yield Opened(context.new_page())


def field(dtype: Any = np.float64) -> xr.DataArray:
    """Return smooth values between some -6 and 6, each of them another number."""
    z, y, x = np.meshgrid(*map(np.arange, (PLANES, ROWS, COLUMNS)), indexing="ij")
    values = 6 * np.sin(x / 9 + z) * np.cos(y / 11 - z / 3) + x / 1000
    return xr.DataArray(values.astype(dtype), dims=("z", "y", "x"), name="field")


@pytest.mark.parametrize(("dtype", "offset"), [("float32", 0.0), ("float64", 1e9)])
def test_the_canvas_is_numpys_slice_and_the_png_the_canvas(
    opened: Opened, tmp_path: Path, dtype: str, offset: float
) -> None:
    array = (field() + offset).astype(dtype)
    window = (CENTER + offset, WIDTH, "LINEAR_EXACT")
    view = nl.view(array).at(index=INDEX, window=window)
    path = view.to_html(tmp_path / "view.html")
    opened.open(path, str(INDEX))
    stage = opened.page.locator(".stage")
    canvas = read_canvas(stage)
    expected = fitted(array.values[INDEX].astype(np.float64), canvas.shape)
    inside = ~np.isnan(expected)
    grey = ((np.nan_to_num(expected) - window[0]) / WIDTH + 0.5) * 255
    shown = np.floor(np.clip(grey, 0, 255) + 0.5).astype(int)
    assert inside.mean() > 0.5
    assert np.abs(canvas - shown)[inside].max() <= 1
    still = view.to_png(tmp_path / "view.png", size_px=canvas.shape)
    painted = imagecodecs.png_decode(still.read_bytes()).astype(int)
    assert np.abs(painted - canvas).max() <= 1
    opened.assert_quiet(path)


@pytest.mark.parametrize(
    "change",
    [
        {"zoom": 2.37, "pan": (11.5, -20.25)},
        {"zoom": 0.1},  # reduced by means of 2 x 2 voxels
        {"rotation_deg": 90, "flipped": True, "inverted": True},
        {"rotation_deg": 270, "zoom": 0.3},
        {"rotation_deg": 180, "flipped": True, "zoom": 3.0},
    ],
)
def test_a_png_is_the_canvas_however_the_image_is_turned(
    opened: Opened, tmp_path: Path, change: dict[str, Any]
) -> None:
    array = field()
    array[INDEX, 10:20, 30:50], array[INDEX, 40, 40] = np.nan, np.inf
    view = nl.view(array).at(index=INDEX, window=(0.5, 9))
    view.state.param.update(**change)
    opened.open(view.to_html(tmp_path / "view.html"), str(INDEX))
    canvas = read_canvas(opened.page.locator(".stage"))
    still = view.to_png(tmp_path / "view.png", size_px=canvas.shape)
    painted = imagecodecs.png_decode(still.read_bytes()).astype(int)
    assert canvas.any()
    assert np.abs(painted - canvas).max() <= 1
    assert opened.complaints == []


def test_a_png_of_a_colour_map_is_the_canvas(opened: Opened, tmp_path: Path) -> None:
    view = nl.view(field()).at(index=INDEX, window=(0.5, 9), colormap="hot_iron", inverted=True)
    opened.open(view.to_html(tmp_path / "view.html"), str(INDEX))
    pixels = read_rgb(opened.page.locator(".stage"))
    still = view.to_png(tmp_path / "view.png", size_px=pixels.shape[:2])
    painted = imagecodecs.png_decode(still.read_bytes()).astype(int)
    # A grey level more or less is at most four levels of a colour of this map.
    assert np.abs(painted - pixels).max() <= 4
    assert (painted != pixels).mean() < 0.01


def test_the_value_under_the_cursor_is_the_arrays(opened: Opened, tmp_path: Path) -> None:
    array = field() / 5000  # some 1e-3: what a diffusion map has
    opened.open(nl.view(array).at(index=INDEX).to_html(tmp_path / "view.html"), str(INDEX))
    page = opened.page
    box = page.locator(".stage").bounding_box()
    assert box is not None
    for across, down in ((0.3, 0.4), (0.55, 0.61), (0.8, 0.2)):
        page.mouse.move(box["x"] + across * box["width"], box["y"] + down * box["height"])
        text = page.locator(".status").inner_text().replace("\u2212", "-")
        found = re.search(r"(-?[\d.]+(?:e-?\d+)?)\s*voxel x, y, z (\d+), (\d+), (\d+)", text)
        assert found is not None, text
        column, row, plane = (int(found[number]) for number in (2, 3, 4))
        assert plane == INDEX
        value = float(array.values[plane, row, column])
        assert float(found[1]) == pytest.approx(value, rel=5e-4, abs=5e-8)


def test_a_file_scrolls_windows_measures_and_links_offline(opened: Opened, tmp_path: Path) -> None:
    array = field()
    view = nl.view([array, array > 0], link=True).at(pane=0, index=3)
    path = view.to_html(tmp_path / "view.html")
    opened.page.context.set_offline(True)
    opened.open(path, "3", "3")
    page, stages = opened.page, opened.page.locator(".stage")
    before = read_canvas(stages.nth(0))
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    for pane in (0, 1):
        expect(stages.nth(pane)).to_have_attribute("data-shown", "5")
    mask = read_canvas(stages.nth(1))
    expected = fitted(np.where(array.values[5] > 0, 1.0, 0.0), mask.shape)
    shown = np.floor(np.nan_to_num(expected) * 255 + 0.5).astype(int)
    assert np.abs(mask - shown).max() <= 1  # its own window: a mask's is no other's
    box = stages.nth(0).bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 90, y + 30, steps=4)
    page.mouse.up()
    page.wait_for_timeout(100)
    assert (read_canvas(stages.nth(0)) != before).any()
    assert np.array_equal(read_canvas(stages.nth(1)), mask)
    page.keyboard.press("q")
    page.mouse.move(x - 40, y - 30)
    page.mouse.down()
    page.mouse.move(x + 40, y + 30, steps=4)
    page.mouse.up()
    expect(page.locator(".stage").nth(0).locator("svg .shape").first).to_be_attached()
    opened.assert_quiet(path)


def test_a_file_says_what_of_the_series_it_holds(opened: Opened, tmp_path: Path) -> None:
    view = nl.view(field()).at(index=INDEX)
    opened.open(view.to_html(tmp_path / "view.html", frames=(INDEX, INDEX + 1)), "0")
    badge = opened.page.locator(".stage .note .badge").get_by_text("holds 2 of 12")
    expect(badge).to_be_visible()
    badge.click()
    expect(opened.page.get_by_text("This file holds images 8 to 9 of 12,")).to_be_visible()
    expect(
        opened.page.locator(".stage .note .badge").get_by_text("No mm, no place")
    ).to_be_visible()
