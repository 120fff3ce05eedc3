"""The first notebook in a real JupyterLab: pixels over the kernel's own connection."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import time
import urllib.error
import urllib.request
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from nbconvert import HTMLExporter
from playwright.sync_api import Browser, Page, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from noctis_lab.synthetic import catphan504
from tests.browser.drawn import fitted, read_canvas, windowed
from tests.browser.watched import Watched, painted

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(400)]

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "first_look.ipynb"
PLANES, INDEX, CENTER, WIDTH = 24, 12, 90, 150  # as the notebook says
START_S = 90
CELL_MS = 180_000

#: Write the view's state into a file whenever it changes: how the test sees Python's side.
WITNESS = """
import json
def _tell(*events):
    state = json.dumps(view.state.to_dict())
    Path("told.tmp").write_text(state)
    Path("told.tmp").replace("told.json")
view.state.param.watch(_tell, ["window", "index"]); _tell()
"""

#: A series and what was computed of it, side by side, and a witness of what is measured there.
SIDE_BY_SIDE = (
    """
from pathlib import Path
from tempfile import TemporaryDirectory
import numpy as np, noctis_lab as nl
from noctis_lab.synthetic import catphan504, write_series
scratch = TemporaryDirectory()
write_series(catphan504(planes=24), Path(scratch.name) / "files")
lab = nl.open_lab(Path(scratch.name) / "archive", create=True)
lab.index(Path(scratch.name) / "files")
s = lab.series().one()
v = s.load()
""",
    """
half = v.astype(np.float64) / 2
half.attrs["units"] = "half HU"
view = nl.view([s, half], link=True).at(pane=1, index=12, window=(45, 75))
view
""",
    """
import json, threading, time
def _witness():
    while True:
        table = view.measurements().drop(columns=["created_at", "updated_at"])
        rows = json.loads(table.to_json(orient="records"))
        said = {"state": view.state.to_dict(), "measured": rows}
        Path("told.tmp").write_text(json.dumps(said))
        Path("told.tmp").replace("told.json")
        time.sleep(0.2)
threading.Thread(target=_witness, daemon=True).start()
""",
)


@dataclass(frozen=True, slots=True)
class Laboratory:
    """A running JupyterLab over a folder that holds the notebook."""

    base: str
    token: str
    folder: Path

    def told(self) -> dict[str, Any]:
        file = self.folder / "told.json"
        return json.loads(file.read_text()) if file.exists() else {}


@pytest.fixture
def laboratory(tmp_path: Path, unused_tcp_port: int) -> Iterator[Laboratory]:
    folder, home, token = tmp_path / "work", tmp_path / "home", secrets.token_hex(16)
    folder.mkdir()
    # News and updates are JupyterLab's own questions to other hosts.
    settings = home / "settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    (settings / "notification.jupyterlab-settings").write_text(
        json.dumps({"fetchNews": "false", "checkForUpdates": False})
    )
    notebook = json.loads(NOTEBOOK.read_text())
    (folder / "side_by_side.ipynb").write_text(
        json.dumps(notebook | {"cells": [_cell(source) for source in SIDE_BY_SIDE]})
    )
    notebook["cells"].append(_cell(WITNESS))
    (folder / "first_look.ipynb").write_text(json.dumps(notebook))
    folders = ("CONFIG_DIR", "DATA_DIR", "RUNTIME_DIR")
    environment = os.environ | {f"JUPYTER_{name}": str(home / name) for name in folders}
    environment |= {"JUPYTERLAB_SETTINGS_DIR": str(home / "settings"), "HOME": str(home)}
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"]
    options = [
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={unused_tcp_port}",
        "--ServerApp.port_retries=0",
        f"--IdentityProvider.token={token}",
        "--LabApp.extension_manager=readonly",
    ]
    with (tmp_path / "lab.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, *options], cwd=folder, env=environment, stdout=log, stderr=log
        )
        try:
            base = f"http://127.0.0.1:{unused_tcp_port}"
            _wait_until_it_answers(f"{base}/api/status?token={token}", process)
            yield Laboratory(base, token, folder)
        finally:
            process.terminate()
            process.wait(30)


def _cell(source: str) -> dict[str, object]:
    return {
        "cell_type": "code",
        "execution_count": None,
        "id": secrets.token_hex(4),
        "metadata": {},
        "outputs": [],
        "source": source.strip(),
    }


def _wait_until_it_answers(address: str, process: subprocess.Popen[bytes]) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        assert process.poll() is None, "JupyterLab ended"
        try:
            opener.open(address, timeout=5).close()
        except urllib.error.URLError:
            time.sleep(0.3)
        else:
            return
    raise AssertionError("JupyterLab does not answer")


def _run_all(page: Page, laboratory: Laboratory, name: str = "first_look.ipynb") -> None:
    page.goto(f"{laboratory.base}/lab/tree/{name}?token={laboratory.token}")
    page.wait_for_selector(".jp-Notebook", timeout=90_000)
    kernel = page.locator(".jp-Dialog .jp-mod-accept")
    try:
        kernel.click(timeout=5000)
    except PlaywrightTimeout:  # the dialog comes only where the kernel is not clear
        assert kernel.count() == 0
    page.get_by_text("Run", exact=True).first.click()
    page.get_by_text("Run All Cells", exact=True).click()


def test_the_first_notebook_shows_what_numpy_says_and_python_hears_the_drag(
    browser: Browser, laboratory: Laboratory
) -> None:
    with browser.new_context(viewport={"width": 1400, "height": 1000}) as context:
        watched = Watched(context.new_page(), laboratory.base)
        page = watched.page
        _run_all(page, laboratory)
        stage = page.locator(".stage")
        expect(stage).to_have_attribute("data-shown", str(INDEX), timeout=CELL_MS)
        _expect_told(laboratory, {"center": CENTER, "width": WIDTH})
        stage.scroll_into_view_if_needed()
        painted(page)
        plane = catphan504(planes=PLANES)[INDEX]
        values = plane.pixel_array * float(plane.RescaleSlope) + float(plane.RescaleIntercept)
        canvas = read_canvas(stage)
        expected = fitted(values.astype(np.float64), canvas.shape)
        inside = ~np.isnan(expected)
        shown = windowed(np.nan_to_num(expected), CENTER, WIDTH)
        assert np.abs(canvas - shown)[inside].max() <= 1
        box = stage.bounding_box()
        assert box is not None
        x, y = box["x"] + box["width"] / 2, box["y"] + 200
        page.mouse.move(x, y)
        page.mouse.wheel(0, 0)
        page.mouse.down()
        before = len(watched.wire)
        page.mouse.move(x + 60, y + 30, steps=10)
        drawn_out = [item for item in watched.wire[before:] if item.startswith("sent")]
        page.mouse.up()
        # 300 px are one width: 150 + 60/2 wide, centred at 90 + 30/2.
        _expect_told(laboratory, {"center": 105, "width": 180})
        assert drawn_out == []
        page.mouse.wheel(0, 100)  # the view has focus now
        expect(stage).to_have_attribute("data-shown", str(INDEX + 1))
        assert watched.foreign == []


def _expect_told(laboratory: Laboratory, window: dict[str, float]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        told = laboratory.told().get("window")
        if isinstance(told, dict) and window.items() <= told.items():
            return
        time.sleep(0.1)
    raise AssertionError(f"Python was told {laboratory.told().get('window')}")


def test_an_array_beside_its_series_follows_it_is_measured_and_leaves_a_still(
    browser: Browser, laboratory: Laboratory, tmp_path: Path
) -> None:
    with browser.new_context(viewport={"width": 1400, "height": 1000}) as context:
        watched = Watched(context.new_page(), laboratory.base)
        page = watched.page
        _run_all(page, laboratory, "side_by_side.ipynb")
        stages = page.locator(".stage")
        expect(stages.nth(1)).to_have_attribute("data-shown", str(INDEX), timeout=CELL_MS)
        expect(stages.nth(0)).to_have_attribute("data-shown", str(INDEX))
        expect(page.locator(".noctis-still")).to_have_count(0)
        stages.nth(1).scroll_into_view_if_needed()
        page.wait_for_timeout(500)
        plane = catphan504(planes=PLANES)[INDEX]
        values = plane.pixel_array * float(plane.RescaleSlope) + float(plane.RescaleIntercept)
        canvas = read_canvas(stages.nth(1))
        expected = fitted(values / 2, canvas.shape)
        inside = ~np.isnan(expected)
        assert np.abs(canvas - windowed(np.nan_to_num(expected), 45, 75))[inside].max() <= 1
        # One leads, the other follows; Python hears of both.
        stages.nth(0).click()
        page.keyboard.press("ArrowDown")
        page.keyboard.press("ArrowDown")
        for pane in (0, 1):
            expect(stages.nth(pane)).to_have_attribute("data-shown", str(INDEX + 2))
        _expect(
            laboratory,
            lambda told: [pane["index"] for pane in told["state"]["panes"]] == [INDEX + 2] * 2,
        )
        # What is drawn on the array is a row in Python, of the array's own values.
        stages.nth(1).click()
        page.keyboard.press("q")
        box = stages.nth(1).bounding_box()
        assert box is not None
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        page.mouse.move(x - 30, y - 20)
        page.mouse.down()
        page.mouse.move(x + 30, y + 20, steps=5)
        page.mouse.up()
        _expect(laboratory, lambda told: len(told["measured"]) == 1)
        (row,) = laboratory.told()["measured"]
        (left, top), (right, bottom) = row["points_px"]
        plane = catphan504(planes=PLANES)[INDEX + 2]
        values = plane.pixel_array * float(plane.RescaleSlope) + float(plane.RescaleIntercept)
        columns = slice(int(np.ceil(left)), int(np.floor(right)) + 1)
        rows = slice(int(np.ceil(top)), int(np.floor(bottom)) + 1)
        area = values[rows, columns] / 2
        assert (row["pane"], row["count"], row["value_units"]) == (1, area.size, "half HU")
        assert row["mean"] == pytest.approx(area.mean(), rel=1e-9)
        assert watched.foreign == []
        page.keyboard.press("Escape")
        page.get_by_text("File", exact=True).first.click()
        page.get_by_text("Save Notebook", exact=True).first.click()
        saved = laboratory.folder / "side_by_side.ipynb"
        _until(lambda: _is_whole(saved), "the notebook was not saved")
    _expect_a_still(browser, saved, tmp_path)


def _is_whole(notebook: Path) -> bool:
    """Return whether a notebook with a picture is written to its end."""
    text = notebook.read_text()
    return "image/png" in text and text.rstrip().endswith('"nbformat_minor": 5\n}')


def _expect_a_still(browser: Browser, notebook: Path, folder: Path) -> None:
    """Open a notebook as the page that nbconvert makes of it, with no kernel behind it."""
    exporter = HTMLExporter()
    # Its own scripts from other hosts are nothing of ours.
    exporter.require_js_url = exporter.mathjax_url = exporter.mermaid_js_url = ""
    exporter.jquery_url = ""
    page_file = folder / "converted.html"
    with warnings.catch_warnings():
        # Panel's first output, which loads its scripts, has a part without any type.
        warnings.filterwarnings("ignore", "Your element with mimetype", UserWarning)
        page_file.write_text(exporter.from_filename(str(notebook))[0])
    with browser.new_context(viewport={"width": 1400, "height": 1000}) as context:
        page = context.new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(page_file.as_uri())
        page.wait_for_timeout(3000)
        still = page.locator(".noctis-still img")
        expect(still).to_be_visible()
        expect(page.locator(".noctis-still")).to_contain_text("panel.extension(inline=True)")
        assert still.evaluate("image => [image.naturalWidth, image.naturalHeight]") == [512, 256]
        expect(page.locator(".stage")).to_have_count(2)  # the client runs, and has no answer
        expect(page.locator(".stage").first).not_to_be_visible()
        assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []


def _expect(laboratory: Laboratory, is_so: Callable[[Any], bool]) -> None:
    def holds() -> bool:
        told = laboratory.told()
        return bool(told) and is_so(told)

    _until(holds, "Python was not told")


def _until(holds: Callable[[], bool], words: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if holds():
            return
        time.sleep(0.1)
    raise AssertionError(words)
