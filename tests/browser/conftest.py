"""A real browser, and an archive served for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from noctis_lab.config import open_settings
from noctis_lab.ingest.archive import open_archive
from tests.browser.watched import Watched
from tests.served import Site, running

_SWITCHES = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


expect.set_options(timeout=20_000)  # a busy machine takes its time; who is ready costs nothing


@pytest.fixture(scope="module")
def browser(chromium_path: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium_path, args=_SWITCHES)
        yield launched
        launched.close()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """Serve an empty archive."""
    root, folder = tmp_path / "root", tmp_path / "sent"
    folder.mkdir()
    settings = open_settings({"root": root, "port": 0, "dicom_port": 1, "min_free_bytes": 0})
    with open_archive(settings, may_migrate=True) as archive, running(settings) as base:
        yield Site(settings, archive, base, folder)


@pytest.fixture
def watched(browser: Browser, site: Site) -> Iterator[Watched]:
    """Give a page, still empty, of the signed-in administrator."""
    with browser.new_context(viewport={"width": 1280, "height": 800}) as context:
        page = Watched(context.new_page(), site.base)
        page.sign_in(site)
        yield page


@pytest.fixture
def worklist_shown(watched: Watched, site: Site) -> None:
    """Open the worklist."""
    watched.page.goto(site.base)
