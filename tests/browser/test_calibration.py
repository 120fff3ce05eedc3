"""The calibration pages in a browser: from the fleet to a scan, its images, and new alarms."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

import noctis_lab as nl
from noctis_lab.catalog.events import add_events
from noctis_lab.catalog.instants import to_instant
from noctis_lab.events import HuAlarm
from noctis_lab.synthetic import ct_phantom
from tests.analysis.phantom_volumes import SMALL
from tests.browser.watched import Watched
from tests.served import Site

pytestmark = pytest.mark.browser


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
    alarm = HuAlarm(
        alarm_id="a" * 32, StudyInstanceUID=seen.study, SeriesInstanceUID=seen.series,
        scanner="ACME CT 1", scanner_display="<b>CT 1</b>", protocol="CatPhan 504, 120 kVp",
        quantity="intercept_hu", rule="ewma", side="high",
    )  # fmt: skip
    with site.catalog.connections.write() as connection:
        add_events(connection, [alarm], to_instant(site.catalog.clock()))
    toast = page.locator(".calibration > .toast")
    expect(toast).to_contain_text("<b>CT 1</b>: offset passed its EWMA limit, high")
    toast.get_by_role("button").click()
    page.wait_for_url(re.compile(r"scanner=ACME"))
    assert watched.complaints == []
    assert watched.foreign == []
