"""From a modality's push to a reading: row, canvas, window, slices, and what crosses the wire."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Locator, Page, WebSocket, expect, sync_playwright

from noctis_lab.access import ADMIN
from noctis_lab.catalog import people
from noctis_lab.catalog.store import open_catalog
from noctis_lab.config import open_settings
from noctis_lab.synthetic import ct_series, write_series
from noctis_lab.views.state import ViewerState
from tests.browser.drawn import read_canvas
from tests.browser.test_viewer import python_view
from tests.ingest.receiving import run_receiver
from tests.served import running

pytestmark = [pytest.mark.slow, pytest.mark.browser]

SWITCHES = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
ROWS, COLUMNS, PLANES = 96, 128, 7


@dataclass
class Wire:
    """What a page sends and receives."""

    requests: list[str] = field(default_factory=list)
    frames: int = 0
    complaints: list[str] = field(default_factory=list)

    def watch(self, page: Page) -> None:
        """Listen to a page."""
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("websocket", self._watch_socket)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _watch_socket(self, socket: WebSocket) -> None:
        socket.on("framesent", self._count)
        socket.on("framereceived", self._count)

    def _count(self, _payload: object) -> None:
        self.frames += 1

    def foreign(self, base: str) -> list[str]:
        """Return the requests that went to another host."""
        own = ("", urlsplit(base).netloc)
        return [url for url in self.requests if urlsplit(url).netloc not in own]


@pytest.fixture
def page(chromium_path: str) -> Iterator[Page]:
    """Give a page of a browser with a new profile."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path, args=SWITCHES)
        yield browser.new_page(viewport={"width": 1280, "height": 800})
        browser.close()


def _windowed(values: NDArray[np.float64], center: float, width: float) -> NDArray[np.float64]:
    """Apply PS3.3 C.11.2.1.2.1 (LINEAR), written out by hand."""
    grey = ((values - (center - 0.5)) / (width - 1) + 0.5) * 255
    return np.clip(grey, 0, 255)


def _expected(
    values: NDArray[np.float64], width: int, height: int, window: tuple[float, float]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the canvas that shows a whole slice: raw values interpolated, then windowed.

    Also where it shows the slice's inside, half a voxel from its border.
    """
    rows, columns = values.shape
    scale = min(width / columns, height / rows)
    if abs(scale - round(scale)) < 1e-6:
        scale = round(scale)
    left, top = width / 2 - columns / 2 * scale, height / 2 - rows / 2 * scale
    if float(scale).is_integer():
        left, top = np.floor(left + 0.5), np.floor(top + 0.5)
    u = (np.arange(width) + 0.5 - left) / scale - 0.5
    v = (np.arange(height) + 0.5 - top) / scale - 0.5
    inside = ((v >= 0) & (v <= rows - 1))[:, None] & ((u >= 0) & (u <= columns - 1))[None, :]
    u0, v0 = (np.clip(np.floor(c).astype(int), 0, n - 2) for c, n in ((u, columns), (v, rows)))
    fu, fv = np.clip(u - u0, 0, 1)[None, :], np.clip(v - v0, 0, 1)[:, None]
    corner = {(i, j): values[np.ix_(v0 + i, u0 + j)] for i in (0, 1) for j in (0, 1)}
    top_row = corner[0, 0] * (1 - fu) + corner[0, 1] * fu
    bottom_row = corner[1, 0] * (1 - fu) + corner[1, 1] * fu
    return _windowed(top_row * (1 - fv) + bottom_row * fv, *window), inside


def _wait(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def test_a_push_becomes_a_reading(
    page: Page, require_program: Callable[[str], str], tmp_path: Path
) -> None:
    root, folder = tmp_path / "root", tmp_path / "sent"
    settings = open_settings({"root": root, "port": 0, "dicom_port": 1, "min_free_bytes": 0})
    data_sets = ct_series(planes=PLANES, rows=ROWS, columns=COLUMNS)
    data_sets.sort(key=lambda data_set: float(data_set.ImagePositionPatient[2]))
    uid = str(data_sets[0].SeriesInstanceUID)
    values = [
        data_set.pixel_array.astype(np.float64) * float(data_set.RescaleSlope)
        + float(data_set.RescaleIntercept)
        for data_set in data_sets
    ]
    folder.mkdir()
    write_series(data_sets, folder)
    wire = Wire()
    with run_receiver(root) as receiver, open_catalog(root) as catalog, running(settings) as base:
        wire.watch(page)
        page.goto(f"{base}/login?token={people.create_login_token(catalog, ADMIN)}")
        expect(page.get_by_text("Your archive is ready and empty")).to_be_visible()
        page.evaluate("window.isSamePage = true")

        sender = require_program("storescu")
        port = str(receiver.port)
        subprocess.run(
            [sender, "-aec", "NOCTIS_SCP", "127.0.0.1", port, "+sd", str(folder)], check=True
        )
        expect(page.locator(".tb .tr")).to_have_count(1, timeout=2000)
        assert page.evaluate("window.isSamePage") is True

        page.locator(".tb .tr").first.dblclick()
        page.wait_for_url("**/viewer/**")
        stage = page.locator("[data-shown]")
        expect(stage).to_have_attribute("data-shown", str(PLANES // 2), timeout=15_000)
        expect(page.get_by_text(f"{PLANES} of {PLANES} in memory")).to_be_visible()
        state = python_view(uid).state
        _wait(lambda: state.window is not None, "Python was not told the window in use")

        _assert_shows(stage, values[PLANES // 2], state)
        _drag_changes_the_window(page, stage, wire, state)
        _assert_shows(stage, values[PLANES // 2], state)

        page.mouse.wheel(0, 120)
        expect(stage).to_have_attribute("data-shown", str(PLANES // 2 + 1))
        _wait(lambda: state.index == PLANES // 2 + 1, "Python was not told the slice")
        _assert_shows(stage, values[PLANES // 2 + 1], state)

        assert wire.foreign(base) == []
        assert wire.complaints == []
        page.close()


def _assert_shows(stage: Locator, values: NDArray[np.float64], state: ViewerState) -> None:
    shown = read_canvas(stage)
    assert state.window is not None
    window = (state.window.center, state.window.width)
    expected, inside = _expected(values, shown.shape[1], shown.shape[0], window)
    assert inside.sum() > ROWS * COLUMNS
    assert expected[inside].std() > 5  # a picture, not a flat field
    assert np.abs(shown - expected)[inside].max() <= 1


def _rest(page: Page, wire: Wire) -> None:
    """Wait until the wire is still for longer than the client puts anything off."""
    known = None
    while known != (len(wire.requests), wire.frames):
        known = (len(wire.requests), wire.frames)
        page.wait_for_timeout(400)


def _drag_changes_the_window(page: Page, stage: Locator, wire: Wire, state: ViewerState) -> None:
    before = (state.window.center, state.window.width)
    box = stage.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    _rest(page, wire)  # what went before is told
    page.mouse.down()
    requests, frames = len(wire.requests), wire.frames
    page.mouse.move(x + 40, y + 25, steps=10)
    _rest(page, wire)
    assert len(wire.requests) == requests
    assert wire.frames == frames
    assert (state.window.center, state.window.width) == before
    page.mouse.up()
    _wait(
        lambda: (state.window.center, state.window.width) != before,
        "Python was not told the window at the end of the drag",
    )
