"""Sessions in a page: saved under a name, opened again, of another study too, and deleted."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from noctis_lab.synthetic import ct_series
from tests.browser.watched import Watched
from tests.served import Seen, Site

pytestmark = pytest.mark.browser


@pytest.fixture
def seen(site: Site) -> Seen:
    return site.admit(ct_series(planes=5, rows=32, columns=32, windows=((40, 400),)), "local")


@pytest.fixture
def other(site: Site) -> Seen:
    return site.admit(ct_series(planes=3, rows=32, columns=32, seed="other"), "local")


def test_a_session_is_saved_and_opened_from_another_study(
    watched: Watched, site: Site, seen: Seen, other: Seen
) -> None:
    page = watched.page
    page.goto(f"{site.base}/viewer/{seen.study}")
    stages = page.locator(".stage")
    expect(stages).to_have_attribute("data-shown", "2")
    page.keyboard.press("2")
    page.keyboard.press("Home")
    expect(stages).to_have_attribute("data-shown", "0")
    page.get_by_role("button", name="Sessions").click()
    expect(page.get_by_text("No session is saved")).to_be_visible()
    # What is typed is no key of the viewer's: 5 would be a preset.
    page.keyboard.type("Lung 5 irc")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Saved as Lung 5 irc")).to_be_visible()
    expect(stages.locator(".ct.bl")).to_contain_text("Window 1500 Level −600")
    page.goto(f"{site.base}/viewer/{other.study}")
    expect(stages).to_have_attribute("data-shown", "1")
    page.get_by_role("button", name="Sessions").click()
    page.get_by_role("menuitem", name="Lung 5 irc").click()
    page.wait_for_url(f"**/viewer/{seen.study}#*")
    expect(stages).to_have_attribute("data-shown", "0")
    expect(stages.locator(".ct.bl")).to_contain_text("Window 1500 Level −600")
    page.keyboard.press("End")
    expect(stages).to_have_attribute("data-shown", "4")
    page.get_by_role("button", name="Sessions").click()
    page.get_by_role("menuitem", name="Lung 5 irc").click()
    expect(stages).to_have_attribute("data-shown", "0")
    page.get_by_role("button", name="Sessions").click()
    page.get_by_role("button", name="Delete session Lung 5 irc").click()
    expect(page.get_by_text("No session is saved")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_text("No session is saved")).to_be_hidden()
    assert "Lung" not in " ".join(watched.wire)
    assert watched.complaints == []


def test_a_name_that_could_not_be_saved_is_still_there(
    watched: Watched, site: Site, seen: Seen
) -> None:
    page = watched.page
    page.goto(f"{site.base}/viewer/{seen.study}")
    expect(page.locator(".stage")).to_have_attribute("data-shown", "2")
    page.route("**/viewer-sessions", lambda route: route.fulfill(status=503, body="{}"))
    page.get_by_role("button", name="Sessions").click()
    name = page.get_by_label("Name of the session")
    name.fill("Before the operation")
    name.press("Enter")
    expect(page.locator(".status [role=status]")).to_contain_text("busy")
    expect(name).to_have_value("Before the operation")
    page.unroute("**/viewer-sessions")
    name.press("Enter")
    expect(page.get_by_text("Saved as Before the operation")).to_be_visible()
    expect(name).to_be_hidden()
