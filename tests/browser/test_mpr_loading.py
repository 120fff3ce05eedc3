"""Planes of a series that does not come whole: what is missing is said, hatched, asked for."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from playwright.sync_api import Locator, Route, expect

from noctis_lab.lab import Lab
from noctis_lab.synthetic import ct_series
from tests.browser.drawn import read_rgb
from tests.browser.test_mpr import (
    _GRID,
    COLUMNS,
    HATCH,
    PLANES,
    ROWS,
    WINDOW,
    difference,
    expected_of,
    set_planes,
    smooth,
)
from tests.browser.watched import Watched, painted
from tests.served import Site

pytestmark = pytest.mark.browser

MISSING = 15


def refuse_image(watched: Watched, image: int) -> list[str]:
    """Let the pixels of an image be refused; returns the requests that are, as they come."""
    refused: list[str] = []

    def refuse(route: Route) -> None:
        query = parse_qs(urlsplit(route.request.url).query)
        first, count = (int(query[name][0]) for name in ("first", "count"))
        if first <= image < first + count:
            refused.append(route.request.url)
            route.fulfill(status=500, json={"detail": "the file is gone", "what_to_do": "look"})
        else:
            route.continue_()

    watched.page.route("**/pixels?*", refuse)
    return refused


def test_slices_that_cannot_be_had_are_named_hatched_and_asked_for_again(
    watched: Watched, site: Site
) -> None:
    series = ct_series(
        planes=PLANES, rows=ROWS, columns=COLUMNS, stored=smooth(), pixel_spacing_mm=(0.8, 0.8),
        slice_spacing_mm=2.0, rescale_slope=1, rescale_intercept=0, seed="mpr failing",
    )  # fmt: skip
    seen = site.admit(series, "local")
    page = watched.page
    refused = refuse_image(watched, MISSING)
    page.goto(f"{site.base}/viewer/{seen.study}?series={seen.series}")
    expect(page.locator(".stage")).to_have_attribute("data-shown", str(PLANES // 2))
    page.keyboard.press("Shift+M")
    stage = page.locator(".stage.coronal")
    missing = page.locator(".stage.axial .missing")
    expect(missing).to_contain_text(f"Image {MISSING + 1} of {PLANES} missing", timeout=30_000)
    expect(missing).to_have_attribute("title", "the file is gone")
    expect(stage.locator(".missing")).to_be_hidden()
    alone = stage.get_by_role("button", name="Show this plane alone")
    alone.click()
    expect(stage.locator(".missing")).to_be_visible()
    alone.click()
    # It is asked for again without being told to.
    before = len(refused)
    expect_more(watched, refused, before)
    set_planes(
        watched,
        f"app.viewer.setWindow({{center: {WINDOW[0]}, width: {WINDOW[1]}, function: 'LINEAR'}})",
    )
    with Lab(site.settings) as lab:
        volume = lab.series(SeriesInstanceUID=seen.series).one().load()
    colours, grid = read_rgb(stage), stage.evaluate(_GRID, "coronal")
    whole = expected_of(volume, grid, colours.shape[:2])
    holed = volume.astype(np.float64).copy()
    holed[MISSING] = np.nan
    hole = ~np.isnan(whole) & np.isnan(expected_of(holed, grid, colours.shape[:2]))
    inner = hole.copy()
    inner[1:] &= hole[:-1]
    inner[:-1] &= hole[1:]
    y, x = np.mgrid[: colours.shape[0], : colours.shape[1]]
    lines = (x + 7 * y) % 8 == 0
    assert inner.sum() > 1000
    assert (colours[inner & lines] == HATCH).all()
    assert (colours[inner & ~lines] == 0).all()
    assert not (colours[~hole] == HATCH).all(axis=-1).any()

    try_again(watched, missing, refused)
    expect(page.get_by_text(f"{PLANES} of {PLANES} in memory")).to_be_visible()
    painted(page)
    worst, _ = difference(watched, volume, "coronal")
    assert worst <= 1
    assert watched.foreign == []


def try_again(watched: Watched, missing: Locator, refused: list[str]) -> None:
    """Ask by the button for what `refuse_image` refuses, and let it come."""
    before = len(refused)
    missing.get_by_role("button", name="Try again").click()
    expect_more(watched, refused, before)
    watched.page.unroute("**/pixels?*")
    expect(missing).to_be_hidden(timeout=30_000)  # it is asked for again in a few seconds


def expect_more(watched: Watched, found: list[str], before: int) -> None:
    """Expect a list to grow while the page runs."""
    for _ in range(200):
        if len(found) > before:
            return
        watched.page.wait_for_timeout(50)
    raise AssertionError("nothing was asked for again")


def test_a_series_that_grows_is_asked_for_what_is_new_alone(watched: Watched, site: Site) -> None:
    planes = ct_series(planes=9, rows=32, columns=32, seed="mpr grows")
    seen = site.admit(planes[:8], "local")
    page = watched.page
    page.goto(f"{site.base}/viewer/{seen.study}?series={seen.series}")
    expect(page.locator(".stage")).to_have_attribute("data-shown", "4")
    page.keyboard.press("Shift+M")
    expect(page.get_by_text("8 of 8 in memory")).to_be_visible(timeout=30_000)
    watched.rest()
    site.admit(planes[8:], "local")
    before = len(watched.wire)
    set_planes(watched, "void model.reload()")
    expect(page.get_by_text("9 of 9 in memory")).to_be_visible(timeout=30_000)
    asked = [parse_qs(urlsplit(item).query) for item in watched.wire[before:] if "/pixels?" in item]
    assert [(item["first"], item["count"]) for item in asked] == [(["8"], ["1"])]
    assert watched.complaints == []
