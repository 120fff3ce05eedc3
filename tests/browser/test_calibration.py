"""The calibration pages in a browser: from the fleet to a scan, its images, forms and alarms."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.request import urlopen

import pytest
from playwright.sync_api import Browser, Page, expect

import noctis_lab as nl
from noctis_lab.access import ADMIN, Role
from noctis_lab.catalog import people
from noctis_lab.catalog.hu_records import HuKind, HuRecord, write_record, write_records
from noctis_lab.jobs.calibration.alarms import raise_alarms
from noctis_lab.synthetic import ct_phantom, simulated_fleet
from tests.analysis.phantom_volumes import SMALL
from tests.browser.watched import Watched
from tests.lab.fleet_records import analysis_of, grant
from tests.served import Seen, Site

pytestmark = pytest.mark.browser

SCANNER = "ACME CT 1 4711"
HOSTILE = '<img src=x onerror=alert(1)>, ="1" \N{HEBREW LETTER ALEF}'


def doubt(seen: Seen) -> HuRecord:
    """Return the check of a series whose rescale was lost."""
    told = {
        "status": "fail", "offset_hu": 1024.2, "for_information": False, "reasons": "It is so.",
    }  # fmt: skip
    return HuRecord(
        record_id="1" * 32, kind=HuKind.SERIES_CHECK, author="worker",
        recorded_at=datetime.now(UTC), document=told, reference=seen.series,
        StudyInstanceUID=seen.study, SeriesInstanceUID=seen.series,
    )  # fmt: skip


def alarm(site: Site) -> None:
    """Let a scanner's newest scan be far off; its station has a name that is markup."""
    scans = [scan for scan in simulated_fleet().scans if scan.scanner == SCANNER][:22]
    records = [analysis_of(scan, StationName="<b>CT 1</b>") for scan in scans]
    last = replace(records[-1], document={**records[-1].document, "slope": 1.3})
    write_records(site.catalog, [*records[:-1], last])
    grant(site.catalog, scans, "local")  # nobody is told of a study that is not there
    assert raise_alarms(site.catalog, site.archive.ledger, last)


def fill(page: Page, button: str, **said: str) -> None:
    """Open a form, fill it in and send it."""
    page.get_by_role("button", name=button).first.click()
    form = page.locator("dialog.form")
    for name, value in said.items():
        field = form.locator(f"[name={name}]")
        if field.evaluate("field => field.tagName") == "SELECT":
            field.select_option(value)
        else:
            field.fill(value)
    form.locator("button[type=submit]").click()


def put_aside(page: Page, material: str) -> None:
    """Take a region by its ring and put it some pixels aside."""
    ring = page.locator(".ink .shape", has_text=material).locator("path.line")
    box = ring.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"], box["y"] + box["height"] / 2
    page.mouse.move(x - 1, y)
    page.mouse.down()
    page.mouse.move(x + 9, y, steps=4)
    page.mouse.up()


def wait_for(address: str) -> None:
    """Wait until a program answers there."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            with urlopen(address, timeout=30):
                return
        except OSError:
            time.sleep(0.2)
    raise TimeoutError(address)


def test_a_point_of_the_fleet_opens_its_scan_and_that_its_slice(
    watched: Watched, site: Site
) -> None:
    seen = site.admit(ct_phantom("CatPhan 504", **SMALL), "local")
    page = watched.page
    page.goto(f"{site.base}/calibration")
    expect(page.get_by_role("heading", name="No phantom has been analysed yet")).to_be_visible()
    with nl.open_lab(Path(site.settings.root)) as lab:
        lab.series().one().calibrate()
    page.goto(f"{site.base}/calibration?period=all")
    plot = page.locator(".cd .bk-Figure").first
    plot.wait_for()
    expect(page.locator(".fleet .tt tbody tr")).to_have_count(1)
    # The one scan stands at the right end: a click near its place opens it.
    x, y = page.evaluate(
        """() => {
          for (const document of Bokeh.documents) for (const root of document.roots())
            for (const model of root.references())
              if (model.name?.startsWith("points")) {
                for (const view of Bokeh.index.query((v) => v.model?.type === "Figure")) {
                  if (![...view.model.references()].includes(model)) continue;
                  const box = view.canvas_view.el.getBoundingClientRect();
                  const { x: [x], y: [y] } = model.data_source.data;
                  return [box.left + view.frame.x_scale.compute(x),
                          box.top + view.frame.y_scale.compute(y)];
                }
              }
        }"""
    )
    page.mouse.click(x, y)
    page.wait_for_url(re.compile(r"/calibration\?series="))
    expect(page.get_by_role("heading", name=re.compile("All checks passed"))).to_be_visible()
    stage = page.locator(".stage")
    expect(stage).to_have_attribute("data-shown", re.compile("[0-9]+"))
    labels = page.locator(".ink .shape[data-kind=ellipse]")
    expect(labels.first).to_be_visible()
    shown = stage.get_attribute("data-shown")
    page.get_by_role("button", name="CTP486").click()
    expect(stage).not_to_have_attribute("data-shown", shown or "")
    expect(page.get_by_text("Measuring the images again")).to_have_count(0, timeout=30_000)
    page.get_by_role("button", name="CTP404").click()
    put_aside(page, "Delrin")
    placing = page.locator(".placing")
    expect(placing).to_contain_text("Delrin moved")
    placing.get_by_role("button", name="Put back").click()
    expect(placing).to_be_hidden()
    put_aside(page, "Delrin")
    # What rights somebody has counts when a form is sent, not when its page was opened.
    people.set_role(site.catalog, ADMIN, Role.VIEWER)
    fill(page, "Analyse again", model="CatPhan 504", note=HOSTILE)
    problem = page.locator("dialog.form .problem")
    expect(problem).to_contain_text("may not calibrate")
    people.set_role(site.catalog, ADMIN, Role.ADMIN)
    page.locator("dialog.form button[type=submit]").click()
    expect(page.locator(".words .note").last).to_have_text(f"Note: {HOSTILE}", timeout=30_000)
    expect(page.locator(".bar1 .chip").last).to_contain_text("by hand")
    expect(placing).to_contain_text("Delrin placed by hand")
    alarm(site)
    toast = page.locator(".calibration > .toast")
    expect(toast).to_contain_text(re.compile("^<b>CT 1</b>: slope passed its"))
    toast.get_by_role("button").click()
    page.wait_for_url(re.compile(r"scanner=ACME"))
    needs = page.locator(".al")
    expect(needs).to_have_count(1)
    fill(page, "Name an event", event_kind="other", happened_on="2024-03-04", note=HOSTILE)
    expect(page.get_by_role("cell", name=HOSTILE)).to_be_visible(timeout=30_000)
    fill(page, "New baseline", quantity="Noise", valid_on="2031-01-01", reason="new filter")
    expect(problem).to_contain_text("at least 2 analyses", timeout=30_000)
    assert [words for words in watched.complaints if "422" not in words] == []
    watched.complaints.clear()
    page.locator("dialog.form [name=valid_on]").fill("2024-01-01")
    page.locator("dialog.form button[type=submit]").click()
    expect(page.get_by_role("cell", name="new filter")).to_be_visible(timeout=30_000)
    fill(page, "Acknowledge", note="phantom upside down")
    expect(needs).to_have_count(0, timeout=30_000)
    with nl.open_lab(Path(site.settings.root)) as lab:
        kept = lab.calibration
        again = kept.analyses(SeriesInstanceUID=seen.series).iloc[-1]
        assert (again["author"], again["note"], again["is_manual"]) == (ADMIN, HOSTILE, True)
        rois = kept.rois(analysis_id=again["analysis_id"])
        assert rois.loc[rois["is_manual"], "material"].tolist() == ["Delrin"]
        assert kept.events(scanner=SCANNER)["note"].tolist() == [HOSTILE]
        assert kept.baselines(scanner=SCANNER)["quantity"].tolist() == ["noise_hu"]
        assert "phantom upside down" in kept.alarms()["acknowledgement_note"].tolist()
    with site.catalog.connections.read() as connection:
        audited = connection.exec_driver_sql(
            "SELECT action, principal, subject FROM audit WHERE subject = ? ORDER BY at", (SCANNER,)
        ).all()
    acts = ("note-scanner-event", "set-baseline", "acknowledge-alarm")
    assert [tuple(row) for row in audited] == [(act, ADMIN, SCANNER) for act in acts]
    assert watched.complaints == []
    assert watched.foreign == []


def test_badges_lead_to_a_scan_and_the_worklist_tells_of_alarms(
    watched: Watched, site: Site
) -> None:
    seen = site.admit(ct_phantom("CatPhan 504", **SMALL), "local")
    write_record(site.catalog, doubt(seen))
    page = watched.page
    page.goto(site.base)
    badge = page.locator(".tb .badge.fail").first
    expect(badge).to_have_text("HU scale +1024")
    alarm(site)
    expect(page.locator(".toast")).to_contain_text(re.compile("^<b>CT 1</b>: slope passed its"))
    watched.rest()  # rows that are drawn anew take what is open over them along
    badge.click()
    page.get_by_role("link", name="Open its calibration").click()
    page.wait_for_url(re.compile(r"/calibration\?series="))
    expect(page.get_by_role("heading", name="This series has no phantom analysis")).to_be_visible()
    page.get_by_role("link", name="Open in the viewer").click()
    page.locator(".stage .note .badge.fail").click()
    link = page.get_by_role("link", name="Open its calibration")
    expect(link).to_have_attribute("href", f"/calibration?series={seen.series}&study={seen.study}")
    # The fleet's studies are records alone: the server has no files to make their pictures of.
    assert [words for words in watched.complaints if "status of 410" not in words] == []


def test_ones_own_archive_is_served_by_panel_alone(
    browser: Browser, tmp_path: Path, unused_tcp_port: int
) -> None:
    root = tmp_path / "root"
    with nl.open_lab(root, create=True) as lab:
        scans = [scan for scan in simulated_fleet().scans if scan.scanner == SCANNER][:5]
        write_records(lab.catalog, [analysis_of(scan) for scan in scans])
    app = Path(__file__).parents[2] / "apps" / "calibration.py"
    command = [sys.executable, "-m", "panel", "serve", str(app), "--port", str(unused_tcp_port)]
    environment = os.environ | {"NOCTIS_ROOT": str(root)}
    with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as served:
        try:
            address = f"http://localhost:{unused_tcp_port}/calibration"
            wait_for(address)
            page = browser.new_page()
            page.goto(f"{address}?scanner={SCANNER}&period=all")
            fill(page, "Name an event", event_kind="service", happened_on="2024-02-01")
            expect(page.get_by_role("cell", name="new baseline")).to_be_visible(timeout=30_000)
            page.close()
        finally:
            served.terminate()
    with nl.open_lab(root) as lab:
        assert lab.calibration.events()["event_kind"].tolist() == ["service"]
