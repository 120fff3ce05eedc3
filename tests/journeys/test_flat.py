"""A page opened and closed again and again: browser heap and server memory stay flat."""

from __future__ import annotations

import logging
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import CDPSession, Page, expect, sync_playwright

from noctis_lab.config import open_settings
from noctis_lab.ingest.archive import open_archive
from noctis_lab.ingest.folder import index_paths
from noctis_lab.synthetic import ct_series, write_series
from tests.journeys.test_reading import SWITCHES

pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.timeout(600)]

PLANES, SIDE = 20, 64
WARMING, CYCLES = 16, 20
SLOW_MS = 60_000  # on a busy machine, without a graphics processor
#: Bokeh looks every 17 s for sessions that nobody has held for 15 s.
SESSIONS_END_S = 36
#: The first 20 openings take some 12 MB, which later ones use again: 20 more took 0.6 MB. Sessions
#: that stayed would take as much anew.
MOST_KIB, MOST_HEAP_BYTES = 6 * 1024, 1_000_000

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Web:
    """A web process of its own, so that its memory is its own too."""

    pid: int
    sign_in: str

    @property
    def base(self) -> str:
        return self.sign_in.split("/login")[0]

    def resident_kib(self) -> int:
        """Return what the process holds of memory, once closed pages' sessions are gone."""
        time.sleep(SESSIONS_END_S)
        status = Path(f"/proc/{self.pid}/status").read_text("ascii")
        return int(re.findall(r"VmRSS:\s+(\d+) kB", status)[0])


@pytest.fixture
def study(tmp_path: Path) -> str:
    """Fill an archive with one series; return its study's UID."""
    data_sets = ct_series(planes=PLANES, rows=SIDE, columns=SIDE, seed="flat")
    write_series(data_sets, tmp_path / "sent")
    with open_archive(
        open_settings({"root": tmp_path / "root", "min_free_bytes": 0}), may_migrate=True
    ) as archive:
        index_paths(archive.pipeline, [tmp_path / "sent"], facility="local")
    return str(data_sets[0].StudyInstanceUID)


@pytest.fixture
def web(study: str, tmp_path: Path) -> Iterator[Web]:
    command = [sys.executable, "-m", "noctis_lab", "web", "--port", "0", "--root"]
    process = subprocess.Popen(
        [*command, str(tmp_path / "root")], stdout=subprocess.PIPE, text=True, env=os.environ
    )
    assert process.stdout is not None
    try:
        sign_in = next(
            found[1] for line in process.stdout if (found := re.search(r"page +(http\S+)", line))
        )
        yield Web(process.pid, sign_in)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)
        process.stdout.close()


@pytest.fixture
def page(chromium_path: str, web: Web) -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path, args=SWITCHES)
        # Small: a volume is drawn ray by ray, and what stays behind does not hang on how many.
        opened = browser.new_page(viewport={"width": 800, "height": 480})
        opened.goto(web.sign_in)
        yield opened
        browser.close()


def open_and_close(page: Page, web: Web, study: str) -> None:
    """Open a study's images, then its planes and its volume, and go back to the worklist."""
    page.goto(f"{web.base}/viewer/{study}")
    stage = page.locator(".stage").last
    expect(stage).to_have_attribute("data-shown", str(PLANES // 2), timeout=SLOW_MS)
    page.keyboard.press("Shift+B")
    expect(page.locator(".stage.volume3d")).to_have_attribute(
        "data-quality", "fine", timeout=SLOW_MS
    )
    page.goto(f"{web.base}/")
    expect(page.locator(".tb .tr")).to_have_count(1, timeout=SLOW_MS)


def heap_bytes(session: CDPSession) -> float:
    for _ in range(3):
        session.send("HeapProfiler.collectGarbage")
    return float(session.send("Runtime.getHeapUsage")["usedSize"])


def test_opening_and_closing_a_page_leaves_browser_and_server_flat(
    page: Page, web: Web, study: str
) -> None:
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.enable")
    for _ in range(WARMING):
        open_and_close(page, web, study)
    resident, heap = web.resident_kib(), heap_bytes(session)
    for _ in range(CYCLES):
        open_and_close(page, web, study)
    grown = heap_bytes(session) - heap
    grown_kib = web.resident_kib() - resident
    logger.info("heap %.0f %+.0f bytes, server %d %+d KiB", heap, grown, resident, grown_kib)
    assert grown < MOST_HEAP_BYTES
    assert grown_kib < MOST_KIB
