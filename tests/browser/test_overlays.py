"""Segmentations over stacks and planes in a browser: pixels against numpy, keys, list, state."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import panel as pn
import pytest
import xarray as xr
from numpy.typing import NDArray
from playwright.sync_api import Locator, expect
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items

from noctis_lab.lab import Lab
from noctis_lab.synthetic import ct_series
from noctis_lab.synthetic.seg import SegOptions, segmentation
from tests.browser.drawn import fitted, one_to_one, read_rgb, windowed
from tests.browser.test_mpr import _GRID, OBLIQUE, WINDOW, expected_of, open_mpr, set_planes
from tests.browser.test_viewer import soon
from tests.browser.watched import Watched
from tests.served import Seen, Site

pytestmark = pytest.mark.browser

PLANES, ROWS, COLUMNS = 21, 96, 104
#: Of the segments: sRGB red, and CIELab values that are blue and green.
LAB = ([35577, 53662, 50858], [20000, 48000, 12000], [52000, 20000, 48000])
NAMES = ("Liver 1", "Spleen 2", "Kidney 3")


@pytest.fixture
def lab(site: Site) -> Iterator[Lab]:
    with Lab(site.settings) as opened:
        yield opened


def smooth() -> NDArray[np.int16]:
    k, r, c = np.ogrid[:PLANES, :ROWS, :COLUMNS]
    waves = 700 * np.sin(k / 2.1) * np.cos(r / 4.3) * np.sin(c / 5.7)
    stored: NDArray[np.int16] = np.rint(waves + 300).astype(np.int16)
    return stored


def bodies() -> NDArray[np.uint8]:
    """Return three masks, of which the last lies over parts of the others."""
    k, r, c = np.ogrid[:PLANES, :ROWS, :COLUMNS]
    ball = (k - 10) ** 2 * 4 + (r - 28) ** 2 + (c - 25) ** 2 < 180
    box = (abs(k - 11) < 6) & (abs(r - 30) < 11) & (abs(c - 52) < 9)
    bar = (abs(k - 10) < 8) & (abs(r - 34) < 3) & (abs(c - 40) < 22)
    return np.stack([ball, box, bar]).astype(np.uint8)


def coloured(dataset: Dataset) -> Dataset:
    for item, lab_values in zip(dataset.SegmentSequence, LAB, strict=False):
        item.RecommendedDisplayCIELabValue = lab_values
    return dataset


def admit(
    site: Site, masks: NDArray[np.uint8], options: SegOptions | None = None, **of: Any
) -> tuple[Seen, Dataset]:
    series = ct_series(
        **{
            "planes": PLANES, "rows": ROWS, "columns": COLUMNS, "stored": smooth(),
            "pixel_spacing_mm": (0.8, 0.8), "slice_spacing_mm": 2.0, "rescale_slope": 1,
            "rescale_intercept": 0, "seed": "overlays",
        }
        | of
    )  # fmt: skip
    dataset = coloured(segmentation(masks, series, options))
    seen = site.admit(series, "local")
    site.admit([dataset], "local")
    return seen, dataset


def colours_of(lab: Lab, dataset: Dataset) -> list[NDArray[np.int32]]:
    segments = lab.series(SeriesInstanceUID=str(dataset.SeriesInstanceUID)).one().segments()
    return [
        np.array([int(str(one.color)[i : i + 2], 16) for i in (1, 3, 5)])
        for one in segments.segments
    ]


def blended(
    grey: NDArray[np.int32],
    shares: list[NDArray[np.float64]],
    colours: list[NDArray[np.int32]],
    opacity: float,
) -> NDArray[np.int32]:
    """Return grey levels with one segment after the other laid over them."""
    rgb = np.repeat(grey[..., None], 3, axis=2).astype(np.int32)
    for share, colour in zip(shares, colours, strict=True):
        part = (share * opacity)[..., None]
        rgb = np.floor(rgb * (1 - part) + colour * part + 0.5).astype(np.int32)
    return rgb


def nearest_fitted(mask: NDArray[Any], shape: tuple[int, int]) -> NDArray[np.float64]:
    """Return the mask's nearest voxel at a canvas's pixel centres; 0 beside the slice."""
    scale = min(shape[0] / mask.shape[0], shape[1] / mask.shape[1])

    def places(pixels: int, voxels: int) -> NDArray[np.intp]:
        edge = pixels / 2 - voxels * scale / 2
        at = (np.arange(pixels) + 0.5 - edge) / scale - 0.5
        inside = (at >= -0.5) & (at < voxels - 0.5)
        return np.where(inside, np.floor(at + 0.5).clip(0, voxels - 1), voxels).astype(np.intp)

    padded = np.pad(mask.astype(np.float64), ((0, 1), (0, 1)))
    rows, columns = places(shape[0], mask.shape[0]), places(shape[1], mask.shape[1])
    return padded[np.ix_(rows, columns)]


def open_series(watched: Watched, site: Site, seen: Seen) -> Locator:
    page = watched.page
    page.goto(f"{site.base}/viewer/{seen.study}?series={seen.series}")
    expect(page.locator(".stage")).to_have_attribute("data-shown", str(PLANES // 2))
    expect(page.locator(".overlays")).to_be_visible()
    viewer = page.locator(".noctis-viewer")
    run(
        watched,
        f"app.viewer.setWindow({{center: {WINDOW[0]}, width: {WINDOW[1]}, function: 'LINEAR'}})",
    )
    return viewer


def run(watched: Watched, script: str) -> None:
    """Run a line with `app` at hand, and let it be painted."""
    watched.page.locator(".noctis-viewer").evaluate(
        f"(element) => {{ const app = element.noctis; {script}; }}"
    )
    watched.page.wait_for_timeout(500)


@pytest.mark.parametrize("kind", ["BINARY", "FRACTIONAL", "LABELMAP"])
def test_a_segmentation_over_a_stack_is_numpys_within_a_grey_level(
    watched: Watched, site: Site, lab: Lab, kind: Any
) -> None:
    masks = bodies()
    if kind == "LABELMAP":
        masks[2] &= ~(masks[0] | masks[1]) & 1
    if kind == "FRACTIONAL":
        masks = masks * np.linspace(20, 200, COLUMNS).astype(np.uint8)
    seen, dataset = admit(site, masks, SegOptions(kind=kind))
    open_series(watched, site, seen)
    colours = colours_of(lab, dataset)
    stage = watched.page.locator(".stage")
    plane = PLANES // 2
    shares = masks[:, plane] / (200 if kind == "FRACTIONAL" else 1)
    for opacity in (0.4, 0.85):
        run(watched, f"app.overlays.set({{style: 'fill', opacity: {opacity}}})")
        canvas = read_rgb(stage)
        shape = canvas.shape[:2]
        values = fitted(smooth()[plane], shape)
        grey = np.where(np.isnan(values), 0, windowed(np.nan_to_num(values), *WINDOW))
        expected = blended(grey, [nearest_fitted(one, shape) for one in shares], colours, opacity)
        wrong = np.abs(canvas - expected).max(axis=2)
        assert wrong.max() <= 1, (kind, opacity, int(wrong.max()), int((wrong > 1).sum()))
        assert (np.ptp(canvas, axis=2) > 20).mean() > 0.05
    run(watched, "app.viewer.setScale(1)")
    grey = one_to_one(windowed(smooth()[plane], *WINDOW), shape)
    ones = [one_to_one(np.rint(one * 1000).astype(np.int32), shape) / 1000 for one in shares]
    assert np.abs(read_rgb(stage) - blended(grey, ones, colours, 0.85)).max() <= 1
    assert watched.complaints == []
    assert watched.foreign == []


def test_a_turned_and_mirrored_stack_takes_its_segments_along(
    watched: Watched, site: Site, lab: Lab
) -> None:
    masks = bodies()
    seen, dataset = admit(site, masks)
    open_series(watched, site, seen)
    colours = colours_of(lab, dataset)
    run(watched, "app.overlays.set({style: 'fill'}); app.viewer.setScale(1)")
    run(watched, "app.viewer.set({rotation_deg: 90, flipped: true}); app.viewer.setScale(1)")
    plane = PLANES // 2
    canvas = read_rgb(watched.page.locator(".stage"))

    def turned(image: NDArray[Any]) -> NDArray[Any]:
        return np.rot90(image, -1)[:, ::-1]

    grey = one_to_one(turned(windowed(smooth()[plane], *WINDOW)), canvas.shape[:2])
    shares = [one_to_one(turned(one[plane].astype(np.int32)), canvas.shape[:2]) for one in masks]
    assert np.abs(canvas - blended(grey, [one * 1.0 for one in shares], colours, 0.4)).max() <= 1


def nearest_on_plane(
    volume: xr.DataArray, grid: dict[str, Any], shape: tuple[int, int], masks: NDArray[np.uint8]
) -> tuple[list[NDArray[np.float64]], NDArray[np.bool_]]:
    """Return the masks' nearest voxels at a plane's pixels, and where two are not equally near."""
    right, down = (np.array(grid[name]) * grid["spacing_mm"][0] for name in ("right", "down"))
    y, x = np.mgrid[: shape[0], : shape[1]]
    places = np.array(grid["origin_mm"]) + x[..., None] * right + y[..., None] * down
    direction = np.array(volume.patient_lps.attrs["direction"]).reshape(3, 3)
    along = places @ np.linalg.inv(direction).T
    at = np.stack(
        [
            (along[..., axis] - float(volume[name][0])) / float(volume[name][1] - volume[name][0])
            for axis, name in enumerate(("z", "y", "x"))
        ],
        axis=-1,
    )
    sizes = np.array(volume.shape)
    whole = np.floor(at + 0.5).astype(int).clip(0, sizes - 1)
    sure = (np.abs(at - np.floor(at) - 0.5) > 1e-3).all(axis=-1)
    z, r, c = np.moveaxis(whole, -1, 0)
    return [mask[z, r, c].astype(np.float64) for mask in masks], sure


@pytest.mark.parametrize("tilt_deg", [0.0, 16.5])
def test_a_segmentation_over_oblique_planes_is_numpys_within_a_grey_level(
    watched: Watched, site: Site, lab: Lab, tilt_deg: float
) -> None:
    masks = bodies()
    seen, dataset = admit(site, masks, gantry_tilt_deg=tilt_deg, seed=f"oblique {tilt_deg}")
    open_mpr(watched, site, seen, PLANES)
    colours = colours_of(lab, dataset)
    volume = lab.series(SeriesInstanceUID=seen.series).one().load()
    set_planes(watched, "app.overlays.set({style: 'fill', opacity: 0.5})")
    # In the middle between two voxels, where the crosshair begins, either is the nearest.
    aside = "model.moveTo(model.crosshair.map((part) => part + 0.13))"
    for script in (aside, OBLIQUE, "app.viewer.setScale(7.3)"):
        set_planes(watched, script)
        for name in ("axial", "coronal", "sagittal"):
            stage = watched.page.locator(f".stage.{name}")
            canvas = read_rgb(stage)
            shape = canvas.shape[:2]
            grid = stage.evaluate(_GRID, name)
            values = expected_of(volume, grid, shape)
            shares, sure = nearest_on_plane(volume, grid, shape, masks)
            inside = ~np.isnan(values)
            grey = np.where(inside, windowed(np.nan_to_num(values), *WINDOW), 0)
            expected = blended(grey, [one * inside for one in shares], colours, 0.5)
            clear = inside & sure
            clear[1:] &= inside[:-1]
            clear[:-1] &= inside[1:]
            clear[:, 1:] &= inside[:, :-1]
            clear[:, :-1] &= inside[:, 1:]
            wrong = np.abs(canvas - expected).max(axis=2)
            assert wrong[clear].max() <= 1, (script, name, int(wrong[clear].max()))
            assert clear.mean() > 0.001
    assert watched.complaints == []


def test_an_outline_is_the_segments_edge_and_nothing_else(
    watched: Watched, site: Site, lab: Lab
) -> None:
    masks = bodies()[:1]
    seen, dataset = admit(site, masks)
    open_series(watched, site, seen)
    run(watched, "app.overlays.set({style: 'outline'}); app.viewer.setScale(4)")
    canvas = read_rgb(watched.page.locator(".stage"))
    (colour,) = colours_of(lab, dataset)
    mask = np.kron(masks[0, PLANES // 2], np.ones((4, 4), np.int32))
    shape = canvas.shape[:2]
    cut = [max(0, (mask.shape[i] - shape[i] + 1) // 2) for i in (0, 1)]
    inside = one_to_one(mask[cut[0] : cut[0] + shape[0], cut[1] : cut[1] + shape[1]], shape) == 1
    core = inside.copy()
    for away in (1, 2):
        core[away:] &= inside[:-away]
        core[:-away] &= inside[away:]
        core[:, away:] &= inside[:, :-away]
        core[:, :-away] &= inside[:, away:]
    line = inside & ~core
    assert line.sum() > 100
    assert (canvas[line] == colour).all()
    assert (np.ptp(canvas[~line], axis=1) == 0).all()


def test_segments_are_hidden_one_by_one_and_named_under_the_cursor(
    watched: Watched, site: Site
) -> None:
    seen, _ = admit(site, bodies())
    open_series(watched, site, seen)
    page = watched.page
    stage = page.locator(".stage")
    rows = page.locator(".oslist .oseg")
    expect(rows).to_have_count(3)
    assert [text.split("\n")[0] for text in rows.all_inner_texts()] == list(NAMES)
    x, y = page.locator(".noctis-viewer").evaluate(
        "(element) => element.noctis.viewer.plane().fromVoxel(25, 28)"
    )
    box = stage.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + x, box["y"] + y)
    expect(page.locator(".status")).to_contain_text("Liver 1")
    rows.nth(0).click()
    expect(rows.nth(0)).to_have_attribute("aria-pressed", "false")
    page.mouse.move(box["x"] + x, box["y"] + y)
    expect(page.locator(".status")).not_to_contain_text("Liver 1")
    coloured_before = int((np.ptp(read_rgb(stage), axis=2) > 20).sum())
    stage.focus()
    page.keyboard.press("Shift+O")
    expect(page.get_by_role("button", name="Overlay", exact=True)).to_have_attribute(
        "aria-pressed", "false"
    )
    page.wait_for_timeout(300)
    assert coloured_before > 0
    assert (np.ptp(read_rgb(stage), axis=2) == 0).all()
    page.keyboard.press("Shift+O")
    page.wait_for_timeout(300)
    assert int((np.ptp(read_rgb(stage), axis=2) > 20).sum()) == coloured_before
    # By keyboard alone: a row takes Space, a slider its arrows.
    rows.nth(1).focus()
    page.keyboard.press("Space")
    expect(rows.nth(1)).to_have_attribute("aria-pressed", "false")
    page.get_by_label("Opacity").focus()
    page.keyboard.press("ArrowRight")
    state = page.locator(".noctis-viewer").evaluate("(element) => element.noctis.state.overlay")
    assert state["hidden"] == [1, 2]
    assert state["opacity"] == 0.45
    # The address brings it back.
    page.wait_for_timeout(300)
    assert "o=" in page.evaluate("location.hash")
    page.reload()
    expect(rows.nth(0)).to_have_attribute("aria-pressed", "false")
    expect(rows.nth(2)).to_have_attribute("aria-pressed", "true")
    assert watched.complaints == []


def test_what_cannot_be_shown_says_so_in_a_badge(watched: Watched, site: Site) -> None:
    series = ct_series(planes=PLANES, rows=ROWS, columns=COLUMNS, seed="refused")
    wrong = segmentation(bodies(), series, SegOptions(seed="wrong"))
    wrong.FrameOfReferenceUID = "1.2.3"
    many = segmentation(bodies(), series, SegOptions(seed="many"))
    items = []
    for number in range(1, 10_001):
        item = Dataset()
        item.SegmentNumber, item.SegmentLabel = number, f"s{number}"
        item.SegmentAlgorithmType = "MANUAL"
        items.append(item)
    many.SegmentSequence = Items(items)
    seen = site.admit(series, "local")
    site.admit([wrong], "local")
    site.admit([many], "local")
    page = watched.page
    page.goto(f"{site.base}/viewer/{seen.study}?series={seen.series}")
    badge = page.locator(".stage .badge", has_text="2 SEGs not shown")
    expect(badge).to_be_visible()
    badge.click()
    expect(page.locator(".sentence")).to_contain_text("1.2.3")
    expect(page.locator(".sentence")).to_contain_text("10,000 came")
    assert (np.ptp(read_rgb(page.locator(".stage")), axis=2) == 0).all()
    assert watched.complaints == []


@contextmanager
def in_a_cell(view: Any, port: int) -> Iterator[str]:
    """Serve a view as a notebook shows it: over its own channel, without any page of ours."""
    server = pn.serve(view, port=port, threaded=True, show=False, address="127.0.0.1")
    try:
        yield f"http://127.0.0.1:{port}/"
    finally:
        server.stop()


def test_a_cell_shows_the_mask_that_python_lays_over_it(
    watched: Watched, site: Site, lab: Lab, unused_tcp_port: int
) -> None:
    seen, _ = admit(site, bodies())
    series = lab.series(SeriesInstanceUID=seen.series).one()
    volume = series.load()
    mask = (volume > 500).rename("Bright")
    view = series.view(overlay=mask)
    view.at(window=WINDOW)
    page = watched.page
    with in_a_cell(view, unused_tcp_port) as address:
        page.goto(address)
        stage = page.locator(".stage")
        expect(stage).to_have_attribute("data-shown", str(PLANES // 2))
        button = page.get_by_role("button", name="Overlay", exact=True)
        expect(button).to_have_attribute("aria-pressed", "true")
        # No side panel in a cell: its section opens from the toolbar.
        page.get_by_role("button", name="Segments", exact=True).click()
        expect(page.locator(".menu .oslist .oseg")).to_have_text("Bright1")
        page.get_by_role("button", name="Fill", exact=True).click()
        page.keyboard.press("Escape")
        shape = read_rgb(stage).shape[:2]
        plane = PLANES // 2
        values = fitted(smooth()[plane], shape)
        grey = np.where(np.isnan(values), 0, windowed(np.nan_to_num(values), *WINDOW))
        share = nearest_fitted(mask.values[plane], shape)
        colour = np.array([0xFF, 0x5C, 0x5C])
        filled = blended(grey, [share], [colour], 0.4)
        assert soon(lambda: np.abs(read_rgb(stage) - filled).max() <= 1)
        overlay = view.state.overlay
        assert overlay is not None
        assert overlay.style == "fill"
        # Another mask from the next cell.
        view.overlay = volume < -100
        share = nearest_fitted(volume.values[plane] < -100, shape)
        view.state.overlay = type(view.state.overlay)(
            overlay=view.state.overlay.overlay, style="fill", opacity=0.6
        )
        denser = blended(grey, [share], [colour], 0.6)
        assert soon(lambda: np.abs(read_rgb(stage) - denser).max() <= 1, timeout_s=10)
    assert watched.complaints == []
