"""Uploads in a real browser: chosen, dropped, refused, broken off; each file's end is told."""

from __future__ import annotations

import base64
import csv
import threading
import time
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from noctis_lab.access import Role
from noctis_lab.catalog import people
from noctis_lab.catalog.worklist import find_studies
from noctis_lab.jobs.worker import run_worker
from noctis_lab.synthetic import write_series
from tests.browser.watched import Watched
from tests.served import Site, named_series

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("worklist_shown")]

HOSTILE_FILE = "<img src=x onerror=alert(1)>.txt"

DROP = """files => {
  const transfer = new DataTransfer();
  for (const [name, body] of files) {
    transfer.items.add(new File([Uint8Array.from(atob(body), c => c.charCodeAt(0))], name));
  }
  for (const kind of ["dragenter", "dragover", "drop"]) {
    document.body.dispatchEvent(new DragEvent(kind, {
      bubbles: true, composed: true, cancelable: true, dataTransfer: transfer,
    }));
    if (kind === "dragover") window.wasOver = true;
  }
}"""


def series_files(folder: Path, name: str, *, planes: int = 3) -> list[Path]:
    return list(write_series(named_series(name, planes=planes), folder / name))


def choose(page: Page, files: list[Path]) -> None:
    page.get_by_label("Files to upload").set_input_files([str(path) for path in files])


def line(page: Page, words: str) -> str:
    """Return the summary of a group of the report."""
    return page.locator(".upgroup summary", has_text=words).inner_text().replace("\n", " ")


def test_chosen_files_are_stored_and_what_is_not_dicom_is_listed(
    watched: Watched, site: Site, tmp_path: Path
) -> None:
    page = watched.page
    files = series_files(tmp_path, "UPLOADED^ONE")
    other = tmp_path / HOSTILE_FILE
    other.write_text("A diary, which is no DICOM at all.\n" * 10)
    expect(page.get_by_role("button", name="Choose files")).to_be_visible()
    choose(page, [*files, other])
    expect(page.locator(".tb .tr .pn")).to_have_text(["UPLOADED, ONE"], timeout=5000)
    expect(page.locator(".upgoing .f14")).to_have_text("4 / 4 files")
    expect(page.get_by_role("button", name="Report (CSV)")).to_be_visible()
    assert line(page, "stored").startswith("3 stored")
    expect(page.locator(".uprows li").first).to_contain_text(HOSTILE_FILE)
    with page.expect_download() as download:
        page.get_by_role("button", name="Report (CSV)").click()
    with Path(download.value.path()).open(newline="") as text:
        rows = {row["file"]: row["outcome"] for row in csv.DictReader(text)}
    assert rows == {path.name: "stored" for path in files} | {HOSTILE_FILE: "not taken"}
    assert page.locator("img[src='x']").count() == 0
    assert [url for url in watched.wire if "onerror" in url or "IM" in url.split("?")[-1]] == []
    assert watched.complaints == []
    assert watched.foreign == []


def test_the_whole_page_takes_a_drop(watched: Watched, site: Site, tmp_path: Path) -> None:
    page = watched.page
    site.admit(named_series("HERE^ALREADY"), "local")
    expect(page.locator(".tb .tr .pn")).to_have_count(1, timeout=5000)
    files = series_files(tmp_path, "DROPPED^IN")
    dropped = [[path.name, base64.b64encode(path.read_bytes()).decode()] for path in files]
    page.evaluate(DROP, dropped)
    expect(page.locator(".tb .tr .pn")).to_have_text(["DROPPED, IN", "HERE, ALREADY"], timeout=5000)
    expect(page.locator(".dropping")).to_be_hidden()
    page.evaluate(DROP, dropped)
    expect(page.locator(".upgroup summary", has_text="already here")).to_contain_text(
        "3", timeout=5000
    )
    assert watched.complaints == []


def test_a_folder_goes_as_a_whole_into_the_facility_that_is_chosen(
    watched: Watched, site: Site, tmp_path: Path
) -> None:
    page = watched.page
    site.admit(named_series("EAST^ONE"), "east")
    site.admit(named_series("WEST^TWO"), "west")
    expect(page.locator(".tb .tr .pn")).to_have_count(2, timeout=5000)
    series_files(tmp_path / "media" / "deep", "FOLDER^ONE")
    page.get_by_label("Folder to upload").set_input_files(str(tmp_path / "media"))
    expect(page.get_by_text("Into which facility?")).to_be_visible()
    page.get_by_role("combobox", name="Facility").fill("west")
    page.locator(".upask").get_by_role("button", name="Upload").click()
    row = page.locator(".tb .tr", has_text="FOLDER, ONE")
    expect(row).to_contain_text("3", timeout=5000)
    found = find_studies(site.catalog, text="FOLDER", facilities=frozenset({"west"}))
    assert [study.instance_count for study in found.rows] == [3]
    assert watched.complaints == []


def test_many_small_files_go_together_and_each_has_its_end(
    watched: Watched, site: Site, tmp_path: Path
) -> None:
    page = watched.page
    files = series_files(tmp_path, "MANY^SMALL", planes=130)
    other = tmp_path / "notes.txt"
    other.write_text("A diary, which is no DICOM at all.\n" * 10)
    archive = tmp_path / "more.zip"
    with zipfile.ZipFile(archive, "w") as zipped:
        for path in series_files(tmp_path, "MORE^ZIPPED"):
            zipped.write(path, path.name)
    expect(page.get_by_role("button", name="Choose files")).to_be_visible()
    choose(page, [*files, other, archive])
    expect(page.locator(".upgoing .f14")).to_have_text("132 / 132 files", timeout=10_000)
    expect(page.locator(".upgoing")).to_contain_text("what was in a zip counts one by one")
    expect(page.get_by_role("button", name="Report (CSV)")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="Report (CSV)").click()
    with Path(download.value.path()).open(newline="") as text:
        rows = {row["file"]: (row["outcome"], row["files"]) for row in csv.DictReader(text)}
    each = {path.name: ("stored", "1") for path in files}
    assert rows == each | {"notes.txt": ("not taken", "1"), "more.zip": ("stored", "3")}
    assert site.catalog.counts().instances == 133
    assert sum("/upload?" in url for url in watched.wire) <= 5
    assert watched.complaints == []


def test_a_zip_tells_how_far_it_is(watched: Watched, site: Site, tmp_path: Path) -> None:
    page = watched.page
    archive = tmp_path / "long.zip"
    with zipfile.ZipFile(archive, "w") as zipped:
        for path in series_files(tmp_path, "LONG^ZIP", planes=700):
            zipped.write(path, path.name)
    expect(page.get_by_role("button", name="Choose files")).to_be_visible()
    choose(page, [archive])
    expect(page.locator(".upgoing")).to_contain_text("taking in long.zip · ", timeout=10_000)
    expect(page.locator(".upgoing")).to_contain_text("/ 700 files")
    expect(page.locator(".upgroup summary", has_text="stored")).to_contain_text(
        "700", timeout=20_000
    )
    assert watched.complaints == []


def test_cancelled_in_midway_nothing_of_the_file_is_left(
    watched: Watched, site: Site, tmp_path: Path
) -> None:
    page = watched.page
    large = tmp_path / "large.dcm"
    large.write_bytes(bytes(128) + b"DICM" + bytes(4_000_000))
    network = page.context.new_cdp_session(page)
    network.send("Network.enable")
    network.send(
        "Network.emulateNetworkConditions",
        {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 400_000},
    )
    expect(page.get_by_role("button", name="Choose files")).to_be_visible()
    choose(page, [large])
    incoming = site.settings.root / "incoming"
    for _ in range(100):
        if any(path.stat().st_size for path in incoming.iterdir()):
            break
        time.sleep(0.05)
    assert list(incoming.iterdir()) != []
    page.locator(".upgoing").get_by_role("button", name="Cancel").click()
    expect(page.locator(".upgroup summary", has_text="not sent")).to_contain_text("1")
    for _ in range(100):
        if not list(incoming.iterdir()):
            break
        time.sleep(0.05)
    assert list(incoming.iterdir()) == []
    assert site.catalog.list_quarantine()[0] == 0
    assert site.catalog.counts().instances == 0
    expect(page.get_by_role("button", name="Retry 1")).to_be_visible()


def test_who_may_not_upload_is_offered_none(browser: Browser, site: Site) -> None:
    people.add_principal(site.catalog, "eve", Role.VIEWER, ["local"])
    site.admit(named_series("SEEN^ONE"), "local")
    with browser.new_context() as context:
        page = context.new_page()
        token = people.create_login_token(site.catalog, "eve")
        page.goto(f"{site.base}/login?token={token}")
        expect(page.locator(".tb .tr .pn")).to_have_text(["SEEN, ONE"])
        assert page.get_by_text("Upload").count() == 0
        assert page.get_by_text("Drop files anywhere").count() == 0
        page.goto(f"{site.base}/upload")
        expect(page.get_by_text("Not yours to do")).to_be_visible()


def test_the_upload_page_is_the_same_alone(watched: Watched, site: Site, tmp_path: Path) -> None:
    page = watched.page
    page.goto(f"{site.base}/upload")
    expect(page.get_by_role("heading", name="Upload")).to_be_visible()
    choose(page, series_files(tmp_path, "ALONE^ONE"))
    expect(page.locator(".upgroup summary", has_text="stored")).to_contain_text("3", timeout=5000)
    assert site.catalog.counts().instances == 3
    assert watched.complaints == []
    assert watched.foreign == []


def test_the_keyboard_opens_and_closes_the_panel(watched: Watched, site: Site) -> None:
    page = watched.page
    site.admit(named_series("KEY^BOARD"), "local")
    expect(page.locator(".tb .tr .pn")).to_have_count(1, timeout=5000)
    page.keyboard.press("u")
    panel = page.get_by_role("region", name="Upload")
    expect(panel.get_by_role("button", name="Choose files")).to_be_focused()
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()


def test_the_demo_comes_in_on_a_second_word(watched: Watched, site: Site) -> None:
    page = watched.page
    stop = threading.Event()
    worker = threading.Thread(target=run_worker, args=(site.settings, stop))
    worker.start()
    try:
        page.get_by_role("button", name="Load the demo").click()
        expect(page.get_by_text("It stays in this archive")).to_be_visible()
        page.get_by_role("button", name="Load it here").click()
        expect(page.locator(".tb .tr .pn").first).to_be_visible(timeout=30_000)
        expect(page.locator(".tb .tr").first).to_contain_text("CT")
    finally:
        stop.set()
        worker.join(30)
    assert watched.complaints == []
