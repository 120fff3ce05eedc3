"""A linked plot in a cell of its own, in a real JupyterLab: the view of another cell follows it."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import Browser, expect

from noctis_lab.synthetic import catphan504
from tests.browser.test_notebook import (
    CELL_MS,
    INDEX,
    PLANES,
    Laboratory,
    _expect_told,
    _run_all,
    laboratory,  # noqa: F401
)
from tests.browser.watched import Watched

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(400)]

PLOT = """
plot = view.histogram()
Path("counted.json").write_text(json.dumps(plot.figures))
plot
"""


def test_a_histogram_drags_the_window_of_a_view_in_another_cell(
    browser: Browser,
    laboratory: Laboratory,  # noqa: F811
) -> None:
    file = laboratory.folder / "first_look.ipynb"
    notebook = json.loads(file.read_text())
    notebook["cells"].append(notebook["cells"][-1] | {"id": "plot", "source": PLOT})
    file.write_text(json.dumps(notebook))
    with browser.new_context(viewport={"width": 1400, "height": 1000}) as context:
        watched = Watched(context.new_page(), laboratory.base)
        page = watched.page
        _run_all(page, laboratory)
        expect(page.locator(".stage")).to_have_attribute("data-shown", str(INDEX), timeout=CELL_MS)
        upper = page.get_by_role("slider", name="Upper limit of the window")
        expect(upper).to_be_visible(timeout=60_000)
        figures = json.loads((laboratory.folder / "counted.json").read_text())
        plane = catphan504(planes=PLANES)[INDEX]
        assert figures["count"] + figures["excluded"] == plane.Rows * plane.Columns
        assert figures["units"] == "HU"
        upper.scroll_into_view_if_needed()
        page.wait_for_timeout(1000)
        box = upper.bounding_box()
        assert box is not None
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        before = len(watched.wire)
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x + 80, y, steps=10)
        sent = [item for item in watched.wire[before:] if item.startswith("sent")]
        limit = float(upper.get_attribute("aria-valuenow") or "nan")
        page.mouse.up()
        assert sent == []
        assert limit > 165  # 90 and half of 150
        low = 90 - 150 / 2
        _expect_told(laboratory, {"center": (low + limit) / 2, "width": limit - low})
        assert watched.foreign == []
