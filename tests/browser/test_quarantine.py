"""What is kept aside, in the administrator's corner: seen, explained, settled in place."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Route, expect
from pydicom import dcmread, dcmwrite

from noctis_lab.access import Role
from noctis_lab.catalog import people
from noctis_lab.catalog.records import Receipt, ReceiptSource
from noctis_lab.synthetic import write_series
from tests.browser.watched import Watched
from tests.served import Site, named_series

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("worklist_shown")]


def receive(site: Site, path: Path, source: ReceiptSource = ReceiptSource.SCP) -> str:
    """Take a file in by one of the doors, and return what became of it."""
    receipt = Receipt(
        source=source,
        facility="local",
        calling_aet="CT_ER_1" if source is ReceiptSource.SCP else "",
        called_aet="NOCTIS_SCP",
        received_at=datetime.now(UTC),
    )
    return site.archive.pipeline.admit_file(path, receipt).outcome.value


def conflicting(site: Site, folder: Path) -> None:
    """Put an instance into the archive and another content of it into quarantine."""
    [path] = write_series(named_series("KEPT^ONE", planes=1), folder)
    assert receive(site, path) == "stored"
    data_set = dcmread(io.BytesIO(path.read_bytes()))
    data_set.StudyDescription = "corrected"
    dcmwrite(folder / "other.dcm", data_set)
    assert receive(site, folder / "other.dcm", ReceiptSource.FOLDER) == "conflict"


def test_a_conflict_appears_is_explained_and_accepted(
    watched: Watched, site: Site, tmp_path: Path
) -> None:
    page = watched.page
    expect(page.get_by_text("Your archive is ready and empty")).to_be_visible()
    conflicting(site, tmp_path / "kept")
    corner = page.locator(".kept")
    expect(corner.locator("> summary")).to_have_text("1 in quarantine", timeout=5000)
    corner.locator("> summary").click()
    row = corner.locator(".keptrow")
    expect(row).to_contain_text("Same instance, other content")
    expect(row).to_contain_text("indexed · local")
    row.locator("time").evaluate("time => { time.dateTime = '2020-01-02T03:04:05Z' }")
    expect(row.locator("time")).to_contain_text("2020", timeout=10_000)  # "now" does not last
    row.locator("> summary").click()
    expect(row.locator(".diffs")).to_contain_text("StudyDescription")
    row.get_by_role("button", name="Accept", exact=True).click()
    expect(row.get_by_role("button", name="Accept it")).to_be_focused()
    row.get_by_role("button", name="Accept it").click()
    expect(page.locator(".tb .tr")).to_contain_text("corrected", timeout=5000)
    assert watched.complaints == []


def test_what_is_discarded_goes_for_good_on_a_second_word(
    watched: Watched, site: Site, tmp_path: Path
) -> None:
    page = watched.page
    [path] = write_series(named_series("CUT^OFF", planes=1), tmp_path / "cut")
    path.write_bytes(path.read_bytes()[:-100])
    assert receive(site, path) == "rejected"
    # In an archive that holds nothing the corner stands beside the facts.
    corner = page.locator(".health .kept")
    expect(corner.locator("> summary")).to_have_text("1 in quarantine", timeout=5000)
    corner.locator("> summary").click()
    row = corner.locator(".keptrow")
    expect(row).to_contain_text("Could not be taken in")
    expect(row).to_contain_text("CT_ER_1 · local")
    row.locator("> summary").click()
    row.get_by_role("button", name="Discard").click()
    page.keyboard.press("Escape")
    assert site.catalog.list_quarantine()[0] == 1
    row.get_by_role("button", name="Discard").click()
    row.get_by_role("button", name="Discard for good").click()
    expect(corner).to_be_hidden(timeout=5000)
    assert site.catalog.list_quarantine()[0] == 0
    assert watched.complaints == []


def test_uploads_are_reported_beside_it_and_the_rest_is_told_by_a_command(
    watched: Watched, site: Site, tmp_path: Path
) -> None:
    page = watched.page
    conflicting(site, tmp_path / "kept")

    def of_more(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, json=answer.json() | {"total": 62})

    page.route("**/api/v1/dicom/quarantine?*", of_more)
    page.reload()
    kept = page.locator(".kept")
    expect(kept.locator("> summary")).to_have_text("62 in quarantine", timeout=5000)
    kept.locator("> summary").click()
    told = f"61 more: noctis quarantine list --root {site.settings.root}"
    expect(kept.locator("> p")).to_have_text(told)
    page.locator(".tb .tr").first.focus()
    page.keyboard.press("u")
    upload = page.locator(".up.float")
    expect(upload).to_be_visible()
    for width in (1100, 1280, 1920):
        page.set_viewport_size({"width": width, "height": 720})
        aside, panel = kept.bounding_box(), upload.bounding_box()
        assert aside is not None
        assert panel is not None
        assert panel["x"] >= 0
        assert panel["x"] + panel["width"] <= aside["x"]
    assert watched.complaints == []


def test_only_administrators_have_the_corner(browser: Browser, site: Site, tmp_path: Path) -> None:
    people.add_principal(site.catalog, "rosa", Role.RESEARCHER, ["local"])
    conflicting(site, tmp_path / "kept")
    with browser.new_context() as context:
        watched = Watched(context.new_page(), site.base)
        page = watched.page
        page.goto(f"{site.base}/login?token={people.create_login_token(site.catalog, 'rosa')}")
        expect(page.locator(".tb .tr .pn")).to_have_text(["KEPT, ONE"])
        watched.rest()
        assert page.get_by_text("in quarantine").count() == 0
        expect(page.get_by_role("button", name="Drop files anywhere")).to_be_visible()
