"""Make the documentation's pictures from the running program: `uv run python docs/screenshots.py`.

Serves the demo on ports of its own, in a folder that is thrown away, and photographs the pages in
Debian's Chromium, both themes where both are shown.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

IMAGES = Path(__file__).parent / "images"
SIZE = {"width": 1440, "height": 900}
PUSHED_MS = 180_000


def serve(root: Path, *command: str) -> tuple[subprocess.Popen[str], str]:
    """Start a service at home beside its root; returns it and the address that signs in."""
    process = subprocess.Popen(
        [sys.executable, "-m", "noctis_lab", *command, "--root", str(root), "--port", "0",
         "--dicom-port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"HOME": str(root.parent)},
        text=True,
    )  # fmt: skip
    assert process.stdout is not None
    for line in process.stdout:
        if page := re.search(r"page +(http\S+)", line):
            return process, page[1]
    raise SystemExit("it did not start")


def photograph(page: Page, name: str) -> None:
    """Write one picture."""
    page.wait_for_timeout(1500)
    page.screenshot(path=IMAGES / f"{name}.png")


def main() -> None:
    """Make all pictures."""
    IMAGES.mkdir(exist_ok=True)
    chromium = shutil.which("chromium") or "/usr/bin/chromium"
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        process, url = serve(Path(folder, "noctis"), "serve")
        page = browser.new_page(viewport=SIZE, color_scheme="dark")
        page.goto(url)
        page.get_by_text("Your archive is ready and empty").wait_for()
        photograph(page, "first-run")
        page.close()
        process.send_signal(signal.SIGINT)
        process.wait(30)

        process, url = serve(Path(folder, "noctis-demo"), "demo", "--no-browser")
        origin = url.split("/login")[0]
        page = browser.new_page(viewport=SIZE, color_scheme="dark")
        page.goto(url)
        torso = page.locator("[data-study]", has_text="PHANTOM, TORSO").first
        torso.wait_for(timeout=PUSHED_MS)
        page.wait_for_timeout(25_000)  # all is in, and the worker has its thumbnails and facts
        torso.click()
        page.keyboard.press("ArrowRight")
        photograph(page, "worklist")
        study = torso.get_attribute("data-study")
        page.goto(f"{origin}/viewer/{study}")
        page.wait_for_timeout(4000)
        photograph(page, "viewer")
        page.click("#theme")
        photograph(page, "viewer-light")
        process.send_signal(signal.SIGINT)
        process.wait(30)
        browser.close()


if __name__ == "__main__":
    main()
