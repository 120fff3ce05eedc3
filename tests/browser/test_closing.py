"""A view that is closed: nothing of it goes on."""

from __future__ import annotations

import pytest

from noctis_lab.synthetic import ct_series
from tests.browser.watched import Watched
from tests.served import Site

pytestmark = pytest.mark.browser

#: Mount a view, use it, close it; return what it would still have run, and what it asked for.
_USE_AND_CLOSE = """async ({ study, series, layout }) => {
  const { mountViewer, HttpTransport } = await import("/assets/viewer.js");
  document.body.replaceChildren();
  const pending = new Map();
  const real = {};
  for (const [begin, end, isOnce] of [
    ["setTimeout", "clearTimeout", true], ["setInterval", "clearInterval", false],
    ["requestAnimationFrame", "cancelAnimationFrame", true],
  ]) {
    real[begin] = window[begin].bind(window);
    real[end] = window[end].bind(window);
    window[begin] = (run, ...rest) => {
      const id = real[begin]((...given) => {
        if (isOnce) pending.delete(`${begin} ${id}`);
        run(...given);
      }, ...rest);
      pending.set(`${begin} ${id}`, new Error().stack);
      return id;
    };
    window[end] = (id) => {
      pending.delete(`${begin} ${id}`);
      real[end](id);
    };
  }
  const heard = new Set();
  for (const target of [window, document]) {
    const [add, remove] = [target.addEventListener, target.removeEventListener];
    target.addEventListener = function (name, listener, ...rest) {
      heard.add(listener);
      add.call(this, name, listener, ...rest);
    };
    target.removeEventListener = function (name, listener, ...rest) {
      heard.delete(listener);
      remove.call(this, name, listener, ...rest);
    };
  }
  const host = document.createElement("div");
  host.style.height = "600px";
  document.body.append(host);
  const transport = new HttpTransport(study);
  let reports = 0;
  const view = mountViewer(host, {
    transport, mode: "page", StudyInstanceUID: study, series: transport,
    state: { SeriesInstanceUID: series, layout }, onReport: () => { reports += 1; },
  });
  const frame = () => new Promise((done) => real.requestAnimationFrame(done));
  while (!view.viewer.plane()) await frame();
  const key = (name, more = {}) => view.viewer.element.dispatchEvent(new KeyboardEvent("keydown", {
    key: name, bubbles: true, composed: true, cancelable: true, ...more,
  }));
  for (const name of ["2", "s", "ArrowRight", "Enter", "ArrowDown", "c", "ArrowDown", "d", "End"]) {
    key(name);
  }
  host.shadowRoot.querySelector(".tools button")
    .dispatchEvent(new PointerEvent("pointerenter", { bubbles: false }));
  view.measured.measuring.say("something", false);
  await frame();
  view.viewer.setWindow({ center: 5, width: 50, function: "LINEAR" }, "rest");
  view.close();
  const before = reports;
  host.remove();
  for (let i = 0; i < 30; i += 1) await frame();
  return { pending: [...pending.values()], heard: heard.size, reported: reports - before };
}"""


@pytest.mark.parametrize("layout", ["1x1", "2x2", "mpr"])
def test_nothing_goes_on_after_closing(watched: Watched, site: Site, layout: str) -> None:
    seen = site.admit(ct_series(planes=12, rows=48, columns=48, seed="closing"), "local")
    page = watched.page
    page.goto(f"{site.base}/")
    watched.rest()
    left = page.evaluate(
        _USE_AND_CLOSE, {"study": seen.study, "series": seen.series, "layout": layout}
    )
    assert left == {"pending": [], "heard": 0, "reported": 0}
    before = len(watched.wire)
    watched.rest()
    assert [item for item in watched.wire[before:] if "/dicom/" in item] == []
    assert watched.complaints == []
