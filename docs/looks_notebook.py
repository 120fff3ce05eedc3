"""What `looks.py` shows of a notebook: the first one in JupyterLab, its card and its viewer."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from playwright.sync_api import Browser, ViewportSize
from playwright.sync_api import TimeoutError as PlaywrightTimeout

NOTEBOOK = Path(__file__).parents[1] / "notebooks" / "first_look.ipynb"
START_S = 120
RUN_MS = 240_000
SETTLED_MS = 1_500

#: Name of a picture, and what stands at the top of it.
PARTS = (
    ("notebook", ".noctis-viewer"),
    ("notebook-card", ".jp-CodeCell:has-text('one()')"),
)


def photograph_notebook(
    browser: Browser, scratch: Path, folder: Path, sizes: Sequence[tuple[int, int]]
) -> None:
    """Write pictures of the notebook's parts in all sizes and both themes of JupyterLab."""
    with _laboratory(scratch) as address:
        page = browser.new_page()
        page.goto(address)
        page.wait_for_selector(".jp-Notebook", timeout=RUN_MS)
        with suppress(PlaywrightTimeout):  # the dialog comes only where the kernel is not clear
            page.locator(".jp-Dialog .jp-mod-accept").click(timeout=5_000)
        page.get_by_text("Run", exact=True).first.click()
        page.get_by_text("Run All Cells", exact=True).click()
        page.locator(".stage[data-shown]").wait_for(timeout=RUN_MS)
        page.wait_for_timeout(3 * SETTLED_MS)
        for width, height in sizes:
            page.set_viewport_size(ViewportSize(width=width, height=height))
            for theme in ("dark", "light"):
                page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
                for name, selector in PARTS:
                    page.wait_for_timeout(SETTLED_MS)
                    page.locator(selector).first.evaluate("(part) => part.scrollIntoView()")
                    page.wait_for_timeout(SETTLED_MS)
                    page.screenshot(path=folder / f"{name}-{width}-{theme}.png")
        page.close()


@contextmanager
def _laboratory(scratch: Path) -> Iterator[str]:
    """Run a JupyterLab whose theme is the browser's; give the notebook's address."""
    work, home, token = scratch / "work", scratch / "home", secrets.token_hex(16)
    settings = home / "settings" / "@jupyterlab" / "apputils-extension"
    for made in (work, settings):
        made.mkdir(parents=True)
    shutil.copy(NOTEBOOK, work)
    # News and updates are JupyterLab's own questions to other hosts.
    (settings / "notification.jupyterlab-settings").write_text(
        json.dumps({"fetchNews": "false", "checkForUpdates": False})
    )
    (settings / "themes.jupyterlab-settings").write_text(json.dumps({"adaptive-theme": True}))
    folders = ("CONFIG_DIR", "DATA_DIR", "RUNTIME_DIR")
    environment = os.environ | {f"JUPYTER_{name}": str(home / name) for name in folders}
    environment |= {"JUPYTERLAB_SETTINGS_DIR": str(home / "settings"), "HOME": str(home)}
    log = scratch / "lab.log"
    with log.open("wb") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root",
             "--ServerApp.ip=127.0.0.1", "--ServerApp.port=0",
             f"--IdentityProvider.token={token}", "--LabApp.extension_manager=readonly"],
            cwd=work, env=environment, stdout=said, stderr=said,
        )  # fmt: skip
        try:
            base = _wait_for(log, token, process)
            yield f"{base}/lab/tree/{NOTEBOOK.name}?token={token}"
        finally:
            process.terminate()
            process.wait(60)


def _wait_for(log: Path, token: str, process: subprocess.Popen[bytes]) -> str:
    """Return the address of a JupyterLab once it answers there."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.3)
        found = re.search(r"http://127\.0\.0\.1:[1-9]\d*", log.read_text(errors="replace"))
        if found is None:
            continue
        try:
            opener.open(f"{found[0]}/api/status?token={token}", timeout=5).close()
        except urllib.error.URLError:
            continue
        return found[0]
    raise SystemExit(f"JupyterLab does not answer:\n{log.read_text(errors='replace')[-2000:]}")
