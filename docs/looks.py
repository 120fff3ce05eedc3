"""Photograph every page and layout at 1280 and 1920 px: `uv run python docs/looks.py FOLDER`.

Serves the demo as `screenshots.py` does, and runs a notebook in JupyterLab. The pictures are for
looking at, beside the drafts of how pages should look; those that the documentation shows are made
by `screenshots.py`. `--only` and names take some of them: all are half an hour.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from looks_more import PATIENT, admit_more
from looks_notebook import PARTS, photograph_notebook
from playwright.sync_api import Browser, ConsoleMessage, Page, StorageState, sync_playwright
from playwright.sync_api import TimeoutError as PlaywrightTimeout
from screenshots import PUSHED_MS, serve

SIZES = ((1280, 800), (1920, 1080))
THEMES = ("dark", "light")
ARRIVED_MS = 25_000  # all is in, and the worker has its thumbnails and facts
SETTLED_MS = 4_000
SAVED_MS = 1_000
STOPPED_S = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One picture: a page, and the keys pressed on it."""

    name: str
    path: str = ""  # of a page beside the worklist and the viewer
    is_signed_in: bool = True
    is_empty: bool = False  # of an archive that holds nothing yet
    click: str = ""  # what is clicked before the keys
    patient: str = ""  # of the worklist's row whose viewer is opened; empty: the worklist itself
    beside: int = 0  # which row of that patient is compared with, from the first that is opened
    keys: Sequence[str] = ()
    clicks: Sequence[str] = ()  # what is clicked after the keys, one after the other
    keys_after: Sequence[str] = ()  # that take back what would show in later pictures
    settle_ms: int = SETTLED_MS


ELLIPSE = ("e", "Enter", *["Shift+ArrowRight"] * 4, *["Shift+ArrowDown"] * 4, "Enter", "n")

LOOKS = (
    Look(name="sign-in", path="/login", is_signed_in=False),
    Look(name="first-run", path="/", is_empty=True),
    Look(name="upload", path="/upload"),
    Look(name="worklist"),
    Look(name="worklist-open", keys=("ArrowDown", "ArrowRight")),
    Look(name="worklist-filters", click="button.filters:visible"),
    Look(name="viewer-ct", patient="PHANTOM, CATPHAN"),
    Look(name="viewer-tilt", patient="PHANTOM, TORSO"),
    Look(name="viewer-mr-4d", patient="PHANTOM, LIVER"),
    Look(name="viewer-pet", patient="PHANTOM, TRACER"),
    Look(name="viewer-us", patient="PHANTOM, HEART"),
    Look(name="viewer-cr", patient="PHANTOM, HAND"),
    Look(name="viewer-help", patient="PHANTOM, TORSO", keys=("?",)),
    Look(name="viewer-hanging", patient="PHANTOM, TORSO", keys=("Shift+H",)),
    Look(name="viewer-2x2", patient="PHANTOM, TORSO", keys=(".",) * 4),
    Look(name="viewer-3x3", patient="PHANTOM, TORSO", keys=(".",) * 7),
    Look(
        name="viewer-measured",
        patient="PHANTOM, CONSTANCY",
        keys=ELLIPSE,
        keys_after=("Control+z",),
    ),
    Look(name="mpr", patient="PHANTOM, TORSO", keys=("Shift+M",), settle_ms=8_000),
    Look(name="3d", patient="PHANTOM, TORSO", keys=("Shift+D",), settle_ms=25_000),
    Look(name="mpr-3d", patient="PHANTOM, TORSO", keys=("Shift+B",), settle_ms=25_000),
    Look(name="compare", patient=PATIENT, beside=1, settle_ms=8_000),
    Look(name="overlay", patient=PATIENT),
    Look(name="overlay-mpr", patient=PATIENT, keys=("Shift+M",), settle_ms=8_000),
    Look(
        name="mpr-oblique-slab",
        patient="PHANTOM, TORSO",
        keys=("Shift+M", *[">"] * 20, *["]"] * 3),
        settle_ms=8_000,
    ),
    Look(
        name="surfaces",
        patient=PATIENT,
        keys=("Shift+D",),
        clicks=("button:text-is('Surface')", "button:text-is('From threshold')"),
        settle_ms=25_000,
    ),
    Look(name="viewer-sessions", patient="PHANTOM, CATPHAN", keys=("Shift+S",)),
    Look(
        name="viewer-save-layout",
        patient="PHANTOM, CATPHAN",
        keys=("Shift+H",),
        clicks=("[role=menuitem]:has-text('Save this layout')",),
    ),
    Look(name="quarantine", clicks=(".kept > summary", ".keptrow > summary")),
    Look(name="calibration-fleet", path="/calibration", settle_ms=8_000),
    Look(
        name="calibration-scan",
        path="/calibration",
        click=".fleet .tt tbody a",
        settle_ms=12_000,
    ),
    Look(name="plots", patient="PHANTOM, CATPHAN", keys=("Shift+G",), settle_ms=8_000),
)


def photograph(page: Page, folder: Path, look: Look, origin: str) -> None:
    """Open a page, press the keys, and write the picture."""
    page.goto(origin + look.path)
    if not look.path:
        page.locator("[data-study]").first.wait_for()
    if look.patient:
        rows = page.locator("[data-study]", has_text=look.patient)
        study, other = (rows.nth(i).get_attribute("data-study") for i in (0, look.beside))
        compare = f"?compare={other}" if look.beside else ""
        page.goto(f"{origin}/viewer/{study}{compare}")
        page.locator(".stage").first.wait_for()
        page.wait_for_timeout(SETTLED_MS)
        page.locator(".stage").first.focus()
    if look.click and look.path:
        page.wait_for_timeout(SETTLED_MS)
    if look.click and page.locator(look.click).count():
        page.locator(look.click).first.click()
    for key in look.keys:
        page.keyboard.press(key)
    for selector in look.clicks:
        page.locator(selector).first.click()
    page.wait_for_timeout(look.settle_ms)
    size = page.viewport_size
    assert size is not None
    page.screenshot(path=folder / f"{look.name}-{size['width']}-{theme_of(page)}.png")
    for key in look.keys_after:
        page.keyboard.press(key)
        page.wait_for_timeout(SAVED_MS)


def theme_of(page: Page) -> str:
    """Return the theme that a page was opened with."""
    is_dark: bool = page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    return "dark" if is_dark else "light"


def photograph_served(
    browser: Browser, root: Path, command: Sequence[str], folder: Path, looks: Sequence[Look]
) -> list[str]:
    """Serve an archive, wait until all is in, and write its pictures; returns the complaints."""
    process, url = serve(root, *command)
    try:
        context = browser.new_context()
        page = context.new_page()
        page.goto(url)
        if any(not look.is_empty for look in looks):
            torso = page.locator("[data-study]", has_text="PHANTOM, TORSO")
            torso.first.wait_for(timeout=PUSHED_MS)
            with tempfile.TemporaryDirectory() as scratch:
                admit_more(root, Path(scratch))
            page.wait_for_timeout(ARRIVED_MS)
        session = context.storage_state()
        context.close()
        return photograph_all(browser, session, url.split("/login")[0], folder, looks)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(STOPPED_S)


def photograph_all(
    browser: Browser, session: StorageState, origin: str, folder: Path, looks: Sequence[Look]
) -> list[str]:
    """Write pictures in both sizes and themes; returns what a console complained of."""
    complaints: list[str] = []
    for width, height in SIZES:
        for theme in THEMES:
            signed_in, signed_out = (
                browser.new_context(
                    storage_state=state,
                    viewport={"width": width, "height": height},
                    color_scheme="dark" if theme == "dark" else "light",
                )
                for state in (session, None)
            )
            for look in looks:
                page = (signed_in if look.is_signed_in else signed_out).new_page()

                def hear(message: ConsoleMessage, name: str = look.name) -> None:
                    if message.type in ("error", "warning"):
                        complaints.append(f"{name}: {message.text}")

                page.on("console", hear)
                try:
                    photograph(page, folder, look, origin)
                except PlaywrightTimeout as error:
                    complaints.append(f"{look.name}: {error}")
                page.close()
            signed_in.close()
            signed_out.close()
    return complaints


def main() -> None:
    """Make all pictures, or those that are named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where the pictures are written")
    parser.add_argument("--only", nargs="*", default=[], help="names of pictures; by default all")
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    looks = [look for look in LOOKS if not asked.only or look.name in asked.only]
    chromium = shutil.which("chromium") or "/usr/bin/chromium"
    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        empty = [look for look in looks if look.is_empty]
        full = [look for look in looks if not look.is_empty]
        complaints: list[str] = []
        for name, command, wanted in (
            ("noctis", ("serve",), empty),
            ("noctis-demo", ("demo", "--no-browser"), full),
        ):
            if wanted:
                complaints += photograph_served(
                    browser, Path(scratch, name), command, asked.folder, wanted
                )
        if not asked.only or {name for name, _ in PARTS} & set(asked.only):
            photograph_notebook(browser, Path(scratch, "jupyter"), asked.folder, SIZES)
    if complaints:
        raise SystemExit("the console complained:\n" + "\n".join(complaints))


if __name__ == "__main__":
    main()
