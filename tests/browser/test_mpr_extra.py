"""Planes through a series over time, echoes or b-values: one of its volumes, and which."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pydicom
import pytest
from playwright.sync_api import Locator, expect

from noctis_lab.jobs.worker import run_worker
from noctis_lab.lab import Lab
from noctis_lab.lab.surfaces import list_asked
from noctis_lab.synthetic import PlaneStack, weighted_mr
from noctis_lab.views.state import ViewerState
from noctis_lab.volumes.surface_parts import area_mm2
from tests.browser import test_mpr
from tests.browser.test_measuring import all_saved
from tests.browser.test_mpr import OBLIQUE, difference, set_planes
from tests.browser.test_viewer import python_view, soon
from tests.browser.watched import Watched, painted
from tests.served import Seen, Site

pytestmark = pytest.mark.browser

PLANES, POINTS, SHAPE = 5, 3, (12, 16)


@pytest.fixture
def lab(site: Site) -> Iterator[Lab]:
    with Lab(site.settings) as opened:
        yield opened


@pytest.fixture
def seen(site: Site) -> Seen:
    series = weighted_mr("echo", stack=PlaneStack(planes=PLANES), points=POINTS, shape=SHAPE)
    return site.admit(series, "local")


def open_planes(watched: Watched, site: Site, seen: Seen, keys: str = "Shift+M") -> Locator:
    """Open the first image of the first echo, and the planes; return the axial one."""
    page = watched.page
    page.goto(f"{site.base}/viewer/{seen.study}?series={seen.series}")
    stage = page.locator(".stage")
    middle = POINTS * PLANES // 2
    expect(stage).to_have_attribute("data-shown", str(middle))
    page.keyboard.press("[")
    expect(stage).to_have_attribute("data-shown", str(middle - PLANES))
    page.keyboard.press(keys)
    axial = page.locator(".stage.axial")
    expect(axial).to_contain_text("echo 1/3")
    in_memory(watched)
    return axial


def extra(state: ViewerState) -> int | None:
    return None if state.mpr is None else state.mpr.extra_index


def in_memory(watched: Watched) -> None:
    expect(watched.page.get_by_text(f"{PLANES} of {PLANES} in memory")).to_be_visible(
        timeout=30_000
    )
    painted(watched.page)


def test_planes_of_the_second_echo_are_numpys(
    watched: Watched, site: Site, lab: Lab, seen: Seen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(test_mpr, "WINDOW", (3_000.0, 6_400.0))  # of `difference`
    axial = open_planes(watched, site, seen)
    page = watched.page
    values = lab.series(SeriesInstanceUID=seen.series).one().load()
    assert values.sizes["echo"] == POINTS
    window = "{center: 3000, width: 6400, function: 'LINEAR'}"
    set_planes(watched, f"app.viewer.setWindow({window})")
    for echo in range(POINTS):
        expect(axial).to_contain_text(f"echo {echo + 1}/3")
        in_memory(watched)
        for script in ("0", "app.viewer.setScale(9.3)", OBLIQUE, "model.resetPlanes()"):
            set_planes(watched, script)
            for name in ("axial", "coronal", "sagittal"):
                worst, share = difference(watched, values.isel(echo=echo), name)
                assert worst <= 1, (echo, script, name, worst)
                assert share > 0.001, (echo, script, name)
        axial.focus()
        page.keyboard.press("}")
    # The last one is the end; what differs between echoes differs on the screen.
    expect(axial).to_contain_text("echo 3/3")
    grey = difference(watched, values.isel(echo=0), "axial")[0]
    assert grey > 100
    assert watched.complaints == []
    assert watched.foreign == []


def test_planes_of_a_real_series_second_time_are_numpys(
    watched: Watched,
    site: Site,
    lab: Lab,
    real_data: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Four times six planes of an enhanced MR, a time an instance."""
    paths = sorted((real_data / "real" / "emr_siemens_xa10").glob("*.dcm"))
    seen = site.admit([pydicom.dcmread(path) for path in paths], "local")
    values = lab.series(SeriesInstanceUID=seen.series).one().load()
    assert (values.dims[0], values.sizes["time"], values.sizes["z"]) == ("time", 4, 6)
    monkeypatch.setattr(test_mpr, "WINDOW", (400.0, 1_000.0))  # of `difference`
    page = watched.page
    page.goto(f"{site.base}/viewer/{seen.study}?series={seen.series}")
    expect(page.locator(".stage")).to_have_attribute("data-shown", "12")  # the third time
    page.keyboard.press("[")
    page.keyboard.press("Shift+M")
    expect(page.locator(".stage.axial")).to_contain_text("time 2/4")
    expect(page.get_by_text("6 of 6 in memory")).to_be_visible(timeout=30_000)
    set_planes(watched, "app.viewer.setWindow({center: 400, width: 1000, function: 'LINEAR'})")
    for script in ("0", OBLIQUE):
        set_planes(watched, script)
        for name in ("axial", "coronal", "sagittal"):
            worst, share = difference(watched, values.isel(time=1), name)
            assert worst <= 1, (script, name, worst)
            assert share > 0.001, (script, name)
    assert watched.complaints == []


def test_keys_wheel_and_slider_go_along_and_the_state_and_address_keep_where(
    watched: Watched, site: Site, seen: Seen
) -> None:
    axial, page = open_planes(watched, site, seen), watched.page
    state = python_view(seen.series).state
    axial.focus()
    page.keyboard.press("}")
    expect(axial).to_contain_text("echo 2/3")
    assert soon(lambda: extra(state) == 1)
    axial.hover()
    page.keyboard.down("Alt")
    page.mouse.wheel(0, 100)
    page.keyboard.up("Alt")
    expect(axial).to_contain_text("echo 3/3")
    assert soon(lambda: extra(state) == 2)
    slider = page.get_by_label("Time, echo or b-value")
    expect(slider).to_have_value("2")
    slider.focus()
    page.keyboard.press("ArrowLeft")
    expect(axial).to_contain_text("echo 2/3")
    assert soon(lambda: extra(state) == 1)
    # Every plane says which, and the images beside them are of it; so it is the other way round.
    for name in ("coronal", "sagittal"):
        expect(page.locator(f".stage.{name}")).to_contain_text("echo 2/3")
    images = page.locator(".stage[data-shown]")
    expect(images).to_have_attribute("data-shown", re.compile(f"^[{PLANES}-{2 * PLANES - 1}]$"))
    images.focus()
    page.keyboard.press("[")
    expect(axial).to_contain_text("echo 1/3")
    assert soon(lambda: extra(state) == 0)
    page.keyboard.press("]")
    expect(axial).to_contain_text("echo 2/3")
    axial.focus()
    assert soon(lambda: extra(state) == 1 and state.active == 0)
    # Python says it too, and a reload keeps it.
    assert state.mpr is not None
    state.mpr = replace(state.mpr, extra_index=2)
    expect(axial).to_contain_text("echo 3/3")
    page.wait_for_url(re.compile(",e2"))
    page.reload()
    expect(axial).to_contain_text("echo 3/3")
    in_memory(watched)
    expect(slider).to_have_value("2")
    assert watched.complaints == []


def test_the_volume_from_outside_goes_along_too(watched: Watched, site: Site, seen: Seen) -> None:
    page = watched.page
    open_planes(watched, site, seen, "Shift+B")
    volume = page.locator(".stage.volume3d")
    volume.focus()
    page.keyboard.press("}")
    expect(volume).to_contain_text("echo 2/3", timeout=30_000)
    expect(page.locator(".stage.axial")).to_contain_text("echo 2/3")
    page.keyboard.press("Shift+D")
    expect(page.locator(".stage")).to_have_count(1)
    expect(volume).to_contain_text("echo 2/3", timeout=30_000)
    assert watched.complaints == []


def test_the_state_and_the_address_keep_which_volume_is_seen_from_outside(
    watched: Watched, site: Site, seen: Seen
) -> None:
    page = watched.page
    open_planes(watched, site, seen)
    state = python_view(seen.series).state
    page.keyboard.press("Shift+D")
    volume = page.locator(".stage.volume3d")
    expect(volume).to_contain_text("echo 1/3", timeout=30_000)
    volume.focus()
    page.keyboard.press("}")
    expect(volume).to_contain_text("echo 2/3", timeout=30_000)
    assert soon(lambda: state.layout == "3d" and extra(state) == 1)
    page.wait_for_url(re.compile(",e1"))
    assert state.mpr is not None
    state.mpr = replace(state.mpr, extra_index=2)
    expect(volume).to_contain_text("echo 3/3", timeout=30_000)
    page.wait_for_url(re.compile(",e2"))
    page.reload()
    expect(volume).to_contain_text("echo 3/3", timeout=30_000)
    assert watched.complaints == []


def test_a_surface_is_of_the_echo_in_view(
    watched: Watched, site: Site, lab: Lab, seen: Seen
) -> None:
    page = watched.page
    open_planes(watched, site, seen, "Shift+B")
    page.locator(".stage.volume3d").focus()
    page.keyboard.press("}")
    expect(page.locator(".stage.axial")).to_contain_text("echo 2/3")
    in_memory(watched)
    page.get_by_role("button", name="Surface", exact=True).click()
    threshold = page.get_by_label("Threshold, as a number")
    threshold.fill("2500")  # the first and the last echo have no such value
    threshold.press("Tab")
    page.get_by_role("button", name="From threshold").click()
    stop = threading.Event()
    worker = threading.Thread(target=run_worker, args=(site.settings, stop))
    worker.start()
    try:
        row = page.locator(".surfaces .surface")
        expect(row).to_have_class("surface on", timeout=60_000)
        expect(row).to_contain_text("echo 2/3")
    finally:
        stop.set()
        worker.join(30)
    series = lab.series(SeriesInstanceUID=seen.series).one()
    (kept,) = list_asked(lab, series.row)
    assert kept.extra_index == 1
    volume = series.load().isel(echo=1)
    assert kept.area_mm2 == pytest.approx(area_mm2(volume.dicom.surface(level=2_500)), rel=1e-6)
    assert watched.complaints == []


def test_what_is_measured_on_a_plane_is_of_its_echo(
    watched: Watched, site: Site, lab: Lab, seen: Seen
) -> None:
    axial, page = open_planes(watched, site, seen), watched.page
    axial.focus()
    page.keyboard.press("}")
    expect(axial).to_contain_text("echo 2/3")
    in_memory(watched)
    page.keyboard.press("p")
    page.keyboard.press("Enter")
    expect(page.locator(".mrow")).to_have_count(1)
    all_saved(watched)
    shape = page.locator(".stage.axial .ink .shape")
    expect(shape).to_have_count(1)
    page.keyboard.press("Escape")
    page.keyboard.press("{")
    expect(axial).to_contain_text("echo 1/3")
    expect(shape).to_have_count(0)
    page.locator(".mrow .ms").click()
    expect(axial).to_contain_text("echo 2/3")
    expect(shape).to_have_count(1)
    (row,) = lab.series(SeriesInstanceUID=seen.series).one().measurements().to_dict("records")
    assert row["extra_index"] == 1
    # Whatever voxel it is, its values are 2,000 apart from echo to echo.
    assert 2_000 <= row["value"] < 4_000
    assert watched.complaints == []
