"""The pages' tutorial, walked in a real browser: what it names is there, and does what it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from noctis_lab.synthetic import write_series
from tests.browser.watched import Watched
from tests.served import Site, named_series

pytestmark = [pytest.mark.slow, pytest.mark.browser]

TUTORIAL = Path(__file__).parents[2] / "docs" / "tutorials" / "dashboard.md"


def test_the_pages_are_as_the_tutorial_says(site: Site, watched: Watched, tmp_path: Path) -> None:
    seen = site.admit(named_series("WALK^ONE", planes=4), "local")
    site.admit(named_series("OTHER^TWO"), "local")
    page = watched.page
    page.goto(site.base)
    row = page.locator(f'[data-study="{seen.study}"]')
    row.wait_for()
    named = set(re.findall(r"\*\*(.+?)\*\*", TUTORIAL.read_text(encoding="utf-8")))
    assert named == {
        "Arrivals", "Copy as Python", "Copy series UID", "Drop files anywhere", "MPR", "Sessions",
        "Upload",
    }  # fmt: skip
    expect(page.get_by_label("Arrivals")).to_be_visible()
    expect(page.get_by_role("button", name="Copy as Python").first).to_be_visible()
    expect(page.get_by_role("link", name="Upload")).to_be_visible()
    page.get_by_role("button", name="Drop files anywhere").click()
    expect(page.get_by_role("button", name="Choose files")).to_be_visible()
    page.get_by_role("button", name="Close the upload panel").click()

    page.keyboard.press("/")
    page.keyboard.type("walk")
    expect(page.locator(".tb .tr .pn")).to_have_count(1)
    row.click()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("button", name="Open").first).to_be_visible()
    expect(page.get_by_role("button", name="Copy series UID")).to_be_visible()

    files = write_series(named_series("MINE^THREE", planes=2), tmp_path / "mine")
    page.get_by_label("Files to upload").set_input_files([str(path) for path in files])
    expect(page.locator(".upgroup summary", has_text="tored")).to_contain_text("2")

    page.goto(f"{site.base}/viewer/{seen.study}")
    page.get_by_text("4 of 4 in memory").wait_for()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_contain_text("width and level")
    for button in ("Copy as Python", "MPR", "Sessions"):
        expect(page.get_by_role("button", name=button).first).to_be_visible()
    assert watched.foreign == []
    assert watched.complaints == []
