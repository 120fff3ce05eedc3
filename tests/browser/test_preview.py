"""Large radiographs: a reduced preview first, the values only from the whole."""

from __future__ import annotations

import time

import numpy as np
import pytest
from playwright.sync_api import Route, expect

from noctis_lab.synthetic import ct_series
from tests.browser.drawn import read_canvas, windowed
from tests.browser.watched import Watched, painted
from tests.served import Site

pytestmark = pytest.mark.browser

ROWS, COLUMNS = 2050, 1500
WINDOW = (900.0, 2400.0)


def test_a_large_image_is_there_reduced_before_it_is_whole(watched: Watched, site: Site) -> None:
    series = ct_series(
        planes=1, rows=ROWS, columns=COLUMNS, signed=False, windows=(WINDOW,), seed="radiograph",
    )  # fmt: skip
    seen = site.admit(series, "local")
    held: list[Route] = []
    page = watched.page

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/pixels?*", hold)
    page.goto(f"{site.base}/viewer/{seen.study}?series={seen.series}")
    stage = page.locator(".stage")
    expect(stage).to_have_attribute("data-preview", "0")
    assert stage.get_attribute("data-shown") is None
    canvas = read_canvas(stage)
    stage.hover()
    expect(page.locator(".status")).not_to_contain_text("voxel")
    deadline = time.monotonic() + 5
    while not held and time.monotonic() < deadline:
        page.wait_for_timeout(20)
    for route in held:
        route.continue_()
    expect(stage).to_have_attribute("data-shown", "0")
    expect(page.locator(".status")).to_contain_text("1 of 1 in memory")
    box = stage.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2 + 3, box["y"] + box["height"] / 2 + 3)
    expect(page.locator(".status")).to_contain_text("voxel")
    whole = read_canvas(stage)
    # The formula's image wraps now and then; but for these edges both show the same.
    assert np.median(np.abs(canvas - whole)) <= 1
    assert watched.complaints == []


def test_a_preview_is_interpolated_where_its_squares_lie(watched: Watched, site: Site) -> None:
    series = ct_series(
        planes=1, rows=2049, columns=1536, signed=False, windows=(WINDOW,), seed="squares"
    )
    seen = site.admit(series, "local")
    page = watched.page
    page.route("**/pixels?*", lambda route: None)
    page.goto(f"{site.base}/viewer/{seen.study}?series={seen.series}")
    stage = page.locator(".stage")
    expect(stage).to_have_attribute("data-preview", "0")
    page.locator(".noctis-viewer").evaluate("(e) => e.noctis.viewer.setScale(0.5)")
    painted(page)
    canvas = read_canvas(stage)
    values = series[0].pixel_array.astype(np.float64)
    means = np.floor(values.reshape(683, 3, 512, 3).mean(axis=(1, 3)) + 0.5)
    top = canvas.shape[0] / 2 - 2049 / 4
    left = canvas.shape[1] / 2 - 1536 / 4
    rows = ((np.arange(canvas.shape[0]) + 0.5 - top) / 0.5) / 3 - 0.5
    columns = ((np.arange(canvas.shape[1]) + 0.5 - left) / 0.5) / 3 - 0.5
    inside = np.ix_((rows > 0) & (rows < 682), (columns > 0) & (columns < 511))
    y, x = rows[(rows > 0) & (rows < 682)], columns[(columns > 0) & (columns < 511)]
    y0, x0 = np.floor(y).astype(int), np.floor(x).astype(int)
    fy, fx = (y - y0)[:, None], (x - x0)[None, :]
    upper = means[np.ix_(y0, x0)] * (1 - fx) + means[np.ix_(y0, x0 + 1)] * fx
    lower = means[np.ix_(y0 + 1, x0)] * (1 - fx) + means[np.ix_(y0 + 1, x0 + 1)] * fx
    expected = windowed(upper * (1 - fy) + lower * fy, *WINDOW)
    assert np.abs(canvas[inside] - expected).max() <= 1
