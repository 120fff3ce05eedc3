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
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
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


@dataclass(frozen=True, slots=True)
class Laboratory:
    """A running JupyterLab over a folder that holds the notebook."""

    base: str
    token: str
    folder: Path

    def told(self) -> dict[str, object]:
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
    notebook["cells"].append(
        {
            "cell_type": "code",
            "execution_count": None,
            "id": "witness",
            "metadata": {},
            "outputs": [],
            "source": WITNESS,
        }
    )
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


def _run_all(page: Page, laboratory: Laboratory) -> None:
    page.goto(f"{laboratory.base}/lab/tree/first_look.ipynb?token={laboratory.token}")
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
