"""Measuring on planes through a volume in a real browser: figures against scipy, saved and back."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import expect
from scipy.ndimage import map_coordinates

from noctis_lab.synthetic import ct_series
from tests.browser.test_measuring import all_saved, measured
from tests.browser.test_mpr import COLUMNS, PLANES, ROWS, open_mpr, set_planes, smooth
from tests.browser.watched import Watched
from tests.served import Seen, Site

pytestmark = pytest.mark.browser

SLOPE, INTERCEPT = 2.0, -1024.0
ROW_MM, SLICE_MM = 0.8, 2.0
SLAB_MM = 20.0
OBLIQUE = "model.turn('coronal', [0, 0, 1], 0.4); model.turn('coronal', [1, 0, 0], 0.3)"
#: Where shapes are drawn, in samples of the plane from the middle of the volume's part of it.
START, END = (-13, -8), (9, 11)

#: Of a pane: where a sample of its plane lies on the page, counted from the middle.
_ON_PAGE = """(stage, [name, at]) => {
  const app = stage.closest(".viewer").getRootNode().host.noctis;
  const pane = app.grid.panes.find((item) => item.name === name);
  const plane = pane.plane();
  const { columns, rows } = plane.geometry;
  const box = stage.getBoundingClientRect();
  const [x, y] = plane.fromVoxel((columns - 1) / 2 + at[0] + 0.3, (rows - 1) / 2 + at[1] + 0.3);
  return [box.left + x, box.top + y];
}"""


@pytest.fixture
def first_mm() -> NDArray[np.float64]:
    """Return where the first voxel lies."""
    return np.array(series()[0].ImagePositionPatient, dtype=np.float64)


def series(tilt_deg: float = 0.0) -> list[Any]:
    return ct_series(
        planes=PLANES, rows=ROWS, columns=COLUMNS, stored=smooth(),
        pixel_spacing_mm=(ROW_MM, ROW_MM), slice_spacing_mm=SLICE_MM, rescale_slope=SLOPE,
        rescale_intercept=INTERCEPT, gantry_tilt_deg=tilt_deg, seed=f"measuring planes {tilt_deg}",
    )  # fmt: skip


@pytest.fixture
def seen(watched: Watched, site: Site) -> Iterator[Seen]:
    """Open the planes; at the end nothing was complained of, and no other host was asked."""
    found = site.admit(series(), "local")
    open_mpr(watched, site, found, PLANES)
    yield found
    assert watched.complaints == []
    assert watched.foreign == []


def on_page(watched: Watched, name: str, at: tuple[float, float]) -> tuple[float, float]:
    x, y = watched.page.locator(f".stage.{name}").evaluate(_ON_PAGE, [name, list(at)])
    return x, y


def draw(
    watched: Watched, name: str, key: str, start: tuple[int, int], end: tuple[int, int]
) -> None:
    """Take a tool by its key, and drag on a plane."""
    page = watched.page
    page.locator(f".stage.{name}").focus()
    page.keyboard.press(key)
    page.mouse.move(*on_page(watched, name, start))
    page.mouse.down()
    page.mouse.move(*on_page(watched, name, end), steps=6)
    page.mouse.up()
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")


def model(watched: Watched, script: str) -> Any:
    """Return what an expression of the planes' `model` is."""
    names = "const model = element.noctis.grid.panes.find((pane) => pane.model).model"
    return watched.page.locator(".noctis-viewer").evaluate(
        f"(element) => {{ {names}; return {script}; }}"
    )


def sampled(
    plane: dict[str, Any],
    shape: tuple[int, int],
    first: NDArray[np.float64],
    first_mm: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return scipy's values of part of a plane, whose first sample is (column, row) `first`."""
    right, down = np.array(plane["right"]), np.array(plane["down"])
    normal = np.cross(right, down)
    down_mm, right_mm = plane["spacing_mm"]
    assert down_mm == right_mm == pytest.approx(ROW_MM)
    rows, columns = np.mgrid[: shape[0], : shape[1]].astype(np.float64)
    places = (
        np.array(plane["origin_mm"])
        + (columns + first[0])[..., None] * right_mm * right
        + (rows + first[1])[..., None] * down_mm * down
    )
    per_voxel = np.array([ROW_MM, ROW_MM, SLICE_MM])
    offsets = np.zeros(1)
    if plane["slab_mm"] > 0:
        assert plane["projection"] == "mean"
        count = math.ceil(plane["slab_mm"] * float(np.abs(normal / per_voxel).max()) - 1e-6)
        offsets = ((np.arange(count) + 0.5) / count - 0.5) * plane["slab_mm"]
    values = smooth().astype(np.float64) * SLOPE + INTERCEPT
    found = []
    for offset in offsets:
        index = np.round((places + offset * normal - first_mm) / per_voxel, 9)
        found.append(map_coordinates(values, np.moveaxis(index, -1, 0)[::-1], order=1, cval=np.nan))
    mean: NDArray[np.float64] = np.nanmean(found, axis=0)
    return mean


def expect_scipys_figures(item: dict[str, Any], first_mm: NDArray[np.float64]) -> None:
    plane, figures = item["plane"], item["values"]
    apart = np.array(item["points_mm"]) - np.array(plane["origin_mm"])
    axes = np.array([plane["right"], plane["down"]])
    points = apart @ axes.T / plane["spacing_mm"][0]
    assert np.abs(apart @ np.cross(*axes)).max() < 1e-9
    if item["kind"] == "length":
        assert figures["length_mm"] == pytest.approx(np.linalg.norm(apart[1] - apart[0]), rel=1e-9)
        return
    first = np.floor(points.min(axis=0)) - 1
    columns, rows = (int(size) for size in np.ceil(points.max(axis=0)) - first + 2)
    values = sampled(plane, (rows, columns), first, first_mm)
    points = points - first
    if item["kind"] == "probe":
        column, row = np.floor(points[0] + 0.5).astype(int)
        assert figures["value"] == pytest.approx(values[row, column], rel=1e-6)
        return
    (x0, y0), (x1, y1) = points
    y, x = np.mgrid[:rows, :columns]
    u, v = (x - (x0 + x1) / 2) / (abs(x1 - x0) / 2), (y - (y0 + y1) / 2) / (abs(y1 - y0) / 2)
    is_in = u * u + v * v <= 1 if item["kind"] == "ellipse" else (abs(u) <= 1) & (abs(v) <= 1)
    inside = values[is_in]
    assert figures["count"] == len(inside) > 200
    assert figures["excluded"] == 0
    for name, ours in (
        ("mean", inside.mean()), ("sd", inside.std()), ("min", inside.min()),
        ("max", inside.max()), ("median", np.median(inside)),
    ):  # fmt: skip
        assert figures[name] == pytest.approx(ours, rel=1e-6), name


CASES = {
    "coronal": ("coronal", "0"),
    "sagittal": ("sagittal", "0"),
    "oblique": ("coronal", OBLIQUE),
    "slab": ("coronal", f"model.setPlane('coronal', {{slab_mm: {SLAB_MM}, projection: 'mean'}})"),
    "oblique slab": (
        "coronal",
        f"{OBLIQUE}; model.setPlane('coronal', {{slab_mm: {SLAB_MM}, projection: 'mean'}})",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_drawn_on_a_plane_has_scipys_figures_and_pythons(
    watched: Watched, seen: Seen, first_mm: NDArray[np.float64], case: str
) -> None:
    name, script = CASES[case]
    set_planes(watched, script)
    before = model(watched, "model.crosshair")
    draw(watched, name, "e", START, END)
    draw(watched, name, "s", (-17, 10), (12, -12))
    draw(watched, name, "q", (-20, -12), (13, 14))
    set_planes(watched, "model.setZoom(1.71)")  # the figures are the plane's, not the canvas's
    draw(watched, name, "e", (-11, -7), (9, 10))
    draw(watched, name, "p", (2, -10), (2, -10))
    drawn = measured(watched)
    assert [item["kind"] for item in drawn] == [
        "ellipse",
        "length",
        "rectangle",
        "ellipse",
        "probe",
    ]
    for item in drawn:
        assert item["SOPInstanceUID"] is None
        assert item["plane"]["slab_mm"] == (SLAB_MM if "slab" in case else 0)
        expect_scipys_figures(item, first_mm)
    all_saved(watched)
    saved = measured(watched)
    assert [item["differs"] for item in saved] == [[]] * len(saved)
    for item in saved:
        expect_scipys_figures(item, first_mm)
    assert model(watched, "model.crosshair") == before


def test_on_a_sheared_stack_the_archive_has_the_same_figures(watched: Watched, site: Site) -> None:
    found = site.admit(series(16.5), "local")
    open_mpr(watched, site, found, PLANES)
    draw(watched, "coronal", "e", (-9, -6), (8, 9))
    draw(watched, "sagittal", "q", (-7, -8), (9, 7))
    set_planes(watched, CASES["oblique slab"][1])
    draw(watched, "coronal", "e", (-9, -6), (8, 9))
    all_saved(watched)
    saved = measured(watched)
    assert [item["plane"]["slab_mm"] for item in saved] == [0, 0, SLAB_MM]
    assert [item["values"]["excluded"] for item in saved] == [0] * 3
    assert [item["differs"] for item in saved] == [[]] * 3
    assert watched.complaints == []


def test_it_is_seen_on_its_plane_alone_and_the_list_leads_back_to_it(
    watched: Watched, seen: Seen
) -> None:
    page = watched.page
    ink = page.locator(".stage.coronal .ink .shape")
    set_planes(watched, OBLIQUE)
    draw(watched, "coronal", "e", START, END)
    expect(ink).to_have_count(1)
    expect(page.locator(".stage.plane .ink .shape")).to_have_count(1)
    all_saved(watched)
    (drawn,) = measured(watched)
    normal = np.cross(drawn["plane"]["right"], drawn["plane"]["down"])

    def move(mm: float) -> None:
        by = (mm * normal).tolist()
        set_planes(watched, f"model.moveTo(model.crosshair.map((part, i) => part + {by}[i]))")

    move(0.2)
    expect(ink).to_have_count(1)
    move(0.6)
    expect(ink).to_have_count(0)
    page.locator(".mrow .ms").click()
    expect(ink).to_have_count(1)
    expect(page.locator(".stage.coronal .ink .shape.on")).to_have_count(1)
    set_planes(watched, "model.resetPlanes()")
    expect(ink).to_have_count(0)
    watched.rest()
    before = page.url
    page.locator(".mrow .ms").click()
    expect(ink).to_have_count(1)
    page.wait_for_url(lambda url: url != before)
    page.reload()
    expect(page.locator(".stage.plane")).to_have_count(3)
    expect(ink).to_have_count(1)
    set_planes(watched, "model.turn('coronal', [0, 0, 1], 0.2)")
    expect(ink).to_have_count(0)
    page.goto(f"{page.url.split('?')[0]}?series={seen.series}")
    expect(page.locator(".stage")).to_have_attribute("data-shown", str(PLANES // 2))
    expect(page.locator(".stage.plane")).to_have_count(0)
    page.locator(".mrow .ms").click()
    expect(page.locator(".stage.plane")).to_have_count(3)
    expect(ink).to_have_count(1)
    (back,) = measured(watched)
    assert back["points_mm"] == drawn["points_mm"]
    assert back["values"] == drawn["values"]


def test_a_measuring_tool_has_the_left_button_and_shift_still_moves_the_crosshair(
    watched: Watched, seen: Seen
) -> None:
    page = watched.page
    stage = page.locator(".stage.coronal")
    box = stage.bounding_box()
    centre = stage.locator(".hit.move").bounding_box()
    assert box is not None
    assert centre is not None
    at = (centre["x"] + centre["width"] / 2, centre["y"] + centre["height"] / 2)
    before = model(watched, "model.crosshair")

    def drag() -> None:
        page.mouse.move(*at)
        page.mouse.down()
        page.mouse.move(at[0] + 40, at[1] + 30, steps=5)
        page.mouse.up()

    stage.focus()
    page.keyboard.press("s")
    drag()
    assert [item["kind"] for item in measured(watched)] == ["length"]
    assert model(watched, "model.crosshair") == before
    page.keyboard.down("Shift")
    page.mouse.move(at[0] - 50, at[1] - 40, steps=4)
    page.keyboard.up("Shift")
    moved = model(watched, "model.crosshair")
    assert moved[0] < before[0]
    assert moved[2] > before[2]
    page.keyboard.press("q")
    page.keyboard.down("Shift")
    page.mouse.move(box["x"] + 60, box["y"] + 80)
    here = model(watched, "model.crosshair")
    page.mouse.down()
    page.mouse.move(box["x"] + 130, box["y"] + 110, steps=4)
    page.mouse.up()
    page.keyboard.up("Shift")
    assert model(watched, "model.crosshair") == here
    square = measured(watched)[1]["values"]
    assert square["area_mm2"] == pytest.approx((square["perimeter_mm"] / 4) ** 2)
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    handle = stage.locator(".hit.move").bounding_box()
    assert handle is not None
    at = (handle["x"] + handle["width"] / 2, handle["y"] + handle["height"] / 2)
    drag()
    assert model(watched, "model.crosshair")[0] > here[0]
    assert len(measured(watched)) == 2
    all_saved(watched)
