"""How values become colours in a real browser: VOI LUTs that are tables, colour maps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Locator, expect
from pydicom.dataset import Dataset

from noctis_lab.dicom.voi import Window
from noctis_lab.synthetic import ct_series, formula_stored, pet_series
from tests.browser.drawn import fitted, one_to_one, read_canvas, read_rgb, windowed
from tests.browser.test_viewer import python_view, set_scale, soon
from tests.browser.watched import Watched, painted
from tests.served import Seen, Site

pytestmark = pytest.mark.browser

PLANES, ROWS, COLUMNS = 3, 96, 128
FIRST, BITS = -1000, 12
CURVE = (np.linspace(0, 1, 3000) ** 2 * 4095).astype(np.uint16)
WINDOW = (300.0, 1200.0)
_PALETTES = Path(pydicom.__file__).parent / "data" / "palettes"


def values(plane: int = PLANES // 2) -> NDArray[np.float64]:
    stored: NDArray[np.int32] = formula_stored(PLANES, ROWS, COLUMNS, signed=False)
    result: NDArray[np.float64] = stored[plane] * 2.0 - 1024
    return result


def looked_up(at: NDArray[np.float64]) -> NDArray[np.int32]:
    """PS3.3 C.11.2.1.1 by hand: the nearest integer's entry, clamped at the ends."""
    index = np.clip(np.floor(at + 0.5) - FIRST, 0, len(CURVE) - 1).astype(int)
    levels: NDArray[np.int32] = np.floor(CURVE[index] * 255.0 / 4095 + 0.5).astype(np.int32)
    return levels


@pytest.fixture
def seen(site: Site) -> Seen:
    table = Dataset()
    table.add_new("LUTDescriptor", "SS", [len(CURVE), FIRST, BITS])
    table.LUTExplanation = "HARDER"
    table.add_new("LUTData", "OW", CURVE.astype("<u2").tobytes())
    series = ct_series(
        planes=PLANES, rows=ROWS, columns=COLUMNS, signed=False, rescale_slope=2.0,
        rescale_intercept=-1024.0, windows=(WINDOW,), seed="looks",
        elements={"VOILUTSequence": [table]},
    )  # fmt: skip
    return site.admit(series, "local")


def open_stage(watched: Watched, site: Site, seen: Seen, shown: int) -> Locator:
    watched.page.goto(f"{site.base}/viewer/{seen.study}?series={seen.series}")
    stage = watched.page.locator(".stage")
    expect(stage).to_have_attribute("data-shown", str(shown))
    return stage


def test_a_voi_lut_is_painted_as_its_table_says_and_left_by_a_drag(
    watched: Watched, site: Site, seen: Seen
) -> None:
    page = watched.page
    stage = open_stage(watched, site, seen, PLANES // 2)
    page.keyboard.press("d")
    expect(page.locator(".ct.bl")).to_contain_text("VOI LUT HARDER")
    expect(page.locator(".pick").first).to_contain_text("HARDER")
    state = python_view(seen.series).state
    assert soon(lambda: state.voi_lut == 0)
    zoomed = read_canvas(stage)
    at = fitted(values(), zoomed.shape)
    inside = ~np.isnan(at)
    # A value between two integers may fall to either side of a half: one entry, under a grey.
    assert np.abs(zoomed - looked_up(np.nan_to_num(at)))[inside].max() <= 1
    set_scale(watched, 1)
    exact = read_canvas(stage)
    assert np.array_equal(exact, one_to_one(looked_up(values()), exact.shape))
    page.keyboard.press("d")
    expect(page.locator(".ct.bl")).to_contain_text("Window 1200 Level 300")
    assert soon(lambda: state.voi_lut is None and state.window == Window(center=300, width=1200))
    page.get_by_role("button", name="Presets", exact=True).click()
    page.get_by_role("button", name="HARDER").click()
    expect(page.locator(".ct.bl")).to_contain_text("VOI LUT HARDER")
    stage.hover()
    page.mouse.down()
    page.mouse.move(500, 450, steps=4)
    page.mouse.up()
    expect(page.locator(".ct.bl")).to_contain_text("Level")
    assert soon(lambda: state.voi_lut is None)
    assert watched.complaints == []


@pytest.mark.parametrize(
    ("label", "name", "file"),
    [("Hot iron", "hot_iron", "hotiron"), ("PET 20 steps", "pet_20_step", "pet20step")],
)
def test_a_colour_map_is_the_standards_and_python_knows_it(
    watched: Watched, site: Site, seen: Seen, label: str, name: str, file: str
) -> None:
    page = watched.page
    stage = open_stage(watched, site, seen, PLANES // 2)
    set_scale(watched, 1)
    grey = read_canvas(stage)
    expect(page.locator(".colours")).to_be_hidden()
    page.get_by_label("Colours").select_option(label)
    expect(page.locator(".colours")).to_be_visible()
    expect(page.locator(".colours")).to_contain_text("900 HU")
    palette = pydicom.dcmread(_PALETTES / f"{file}.dcm")
    colours = np.stack(
        [
            np.frombuffer(palette[f"{channel}PaletteColorLookupTableData"].value, np.uint8)
            for channel in ("Red", "Green", "Blue")
        ],
        axis=1,
    )
    painted = read_rgb(stage)
    covered = one_to_one(np.ones((ROWS, COLUMNS), np.int32), grey.shape) > 0
    expected = windowed(values(), *WINDOW)
    assert np.array_equal(grey[covered].reshape(ROWS, COLUMNS), expected)
    assert np.array_equal(painted[covered].reshape(ROWS, COLUMNS, 3), colours[expected])
    state = python_view(seen.series).state
    assert soon(lambda: state.colormap == name)
    state.colormap = "grey"
    expect(page.locator(".colours")).to_be_hidden()
    assert watched.complaints == []


def test_pet_opens_in_inverted_grey(watched: Watched, site: Site) -> None:
    pet = site.admit(pet_series(planes=PLANES, rows=ROWS, columns=COLUMNS), "local")
    stage = open_stage(watched, site, pet, PLANES // 2)
    expect(watched.page.get_by_label("Colours")).to_have_value("grey_inverted")
    opened = read_canvas(stage)
    assert opened[5, 5] == 0  # around the image it stays black
    watched.page.get_by_label("Colours").select_option("Grey")
    painted(watched.page)
    grey = read_canvas(stage)
    inside = opened != grey
    assert inside.mean() > 0.3
    assert np.array_equal(opened[inside], 255 - grey[inside])
    assert watched.complaints == []


def test_a_preset_of_ones_own_is_there_again_and_can_be_deleted(
    watched: Watched, site: Site, seen: Seen
) -> None:
    page = watched.page
    open_stage(watched, site, seen, PLANES // 2)
    page.get_by_label("Width", exact=True).fill("777")
    page.get_by_label("Width", exact=True).press("Enter")
    page.get_by_role("button", name="Presets", exact=True).click()
    page.get_by_label("Name of a new preset").fill("<b>Stent</b>")
    page.get_by_label("Name of a new preset").press("Enter")
    expect(page.locator(".pick").first).to_contain_text("<b>Stent</b>")
    open_stage(watched, site, seen, PLANES // 2)
    page.get_by_role("button", name="Presets", exact=True).click()
    page.get_by_role("button", name="<b>Stent</b>", exact=True).click()
    expect(page.locator(".ct.bl")).to_contain_text("Window 777 Level 300")
    page.get_by_role("button", name="Delete preset <b>Stent</b>").click()
    expect(page.locator(".own")).to_have_count(0)
    assert watched.complaints == []
