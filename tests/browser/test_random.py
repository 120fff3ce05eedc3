"""Thousands of random interactions and many openings: no complaint, no growth."""

from __future__ import annotations

import random

import pytest
from playwright.sync_api import expect

from noctis_lab.synthetic import PlaneStack, ct_series, weighted_mr
from tests.browser.watched import Watched
from tests.served import Site

pytestmark = [pytest.mark.browser, pytest.mark.slow]

INTERACTIONS, SEED = 4_000, 5
KEYS = [
    *"0123456789drlhvicz+-=,.[]{}? ",
    *("ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight"),
    *("Home", "End", "PageUp", "PageDown", "Escape"),
]
CYCLES = 20

#: Runs seeded steps inside the page: a step over the browser's protocol would take ten times as
#: long. What a browser makes of a real drag is tested elsewhere.
_PLAY = """async (element, steps) => {
  const root = element.shadowRoot.querySelector(".nl");
  const wait = () => new Promise((done) => requestAnimationFrame(done));
  const stages = () => [...root.querySelectorAll(".stage")].filter((one) => one.offsetParent);
  const pointer = (type, stage, x, y, button, buttons, pointerId) => {
    const box = stage.getBoundingClientRect();
    stage.dispatchEvent(new PointerEvent(type, {
      bubbles: true, composed: true, cancelable: true, pointerId, button, buttons,
      clientX: box.left + x * box.width, clientY: box.top + y * box.height,
    }));
  };
  for (const [count, step] of steps.entries()) {
    const all = stages();
    const stage = all[step.pane % Math.max(all.length, 1)];
    if (!stage) continue;
    if (step.kind === "key") {
      stage.dispatchEvent(new KeyboardEvent("keydown", {
        key: step.key, bubbles: true, composed: true, cancelable: true,
      }));
    } else if (step.kind === "wheel") {
      stage.dispatchEvent(new WheelEvent("wheel", {
        deltaY: step.delta, ctrlKey: step.ctrl, altKey: step.alt,
        bubbles: true, composed: true, cancelable: true,
      }));
    } else if (step.kind === "drag") {
      const buttons = [1, 4, 2][step.button];
      pointer("pointerdown", stage, step.x, step.y, step.button, buttons, 1);
      for (let i = 1; i <= 3; i += 1) {
        pointer("pointermove", stage, step.x + step.dx * i, step.y + step.dy * i, -1, buttons, 1);
      }
      pointer("pointerup", stage, step.x, step.y, step.button, 0, 1);
    } else {
      const buttons = [...root.querySelectorAll(".toolbar button, .side button, .menu button")]
        .filter((one) => one.offsetParent && !/Copy|Full/.test(one.textContent + one.ariaLabel));
      buttons[step.pick % Math.max(buttons.length, 1)]?.click();
    }
    if (count % 12 === 0) await wait();
  }
  await wait();
  return stages().length;
}"""


def _steps(rng: random.Random, count: int) -> list[dict[str, object]]:
    steps: list[dict[str, object]] = []
    for _ in range(count):
        kind = rng.choices(("key", "wheel", "drag", "button"), (5, 3, 3, 1))[0]
        steps.append(
            {
                "kind": kind,
                "pane": rng.randrange(9),
                "key": rng.choice(KEYS),
                "delta": rng.choice((-240, -100, -7, 7, 100, 240)),
                "ctrl": rng.random() < 0.2,
                "alt": rng.random() < 0.2,
                "button": rng.randrange(3),
                "x": rng.random(),
                "y": rng.random(),
                "dx": rng.uniform(-0.2, 0.2),
                "dy": rng.uniform(-0.2, 0.2),
                "pick": rng.randrange(1000),
            }
        )
    return steps


def test_thousands_of_random_interactions_leave_no_complaint(watched: Watched, site: Site) -> None:
    seen = site.admit(ct_series(planes=9, rows=64, columns=48, seed="random"), "local")
    other = weighted_mr("echo", stack=PlaneStack(planes=4))
    for plane in other:
        plane.StudyInstanceUID = seen.study
    site.admit(other, "local")
    page = watched.page
    page.goto(f"{site.base}/viewer/{seen.study}?series={seen.series}")
    expect(page.locator(".stage")).to_have_attribute("data-shown", "4")
    viewer = page.locator(".noctis-viewer")
    rng, done = random.Random(SEED), 0
    while done < INTERACTIONS:
        assert viewer.evaluate(_PLAY, _steps(rng, 200)) >= 1
        done += 200
        assert watched.complaints == [], f"within {done} interactions of seed {SEED}"
    # It still does as it is told.
    page.keyboard.press("Escape")
    viewer.evaluate("(e) => e.noctis.grid.arrange('1x1')")
    viewer.evaluate("(e, uid) => e.noctis.viewer.open(uid, { index: 2 })", seen.series)
    expect(page.locator(".stage")).to_have_attribute("data-shown", "2")
    assert watched.foreign == []


@pytest.mark.parametrize("layout", ["2x2", "mpr3d", "3d"])
def test_opening_again_and_again_leaves_the_heap_flat(
    watched: Watched, site: Site, layout: str
) -> None:
    seen = site.admit(ct_series(planes=20, rows=128, columns=128, seed="heap"), "local")
    page = watched.page
    page.goto(f"{site.base}/")
    page.evaluate(
        """async () => {
          window.noctisLab = await import("/assets/viewer.js");
          document.body.replaceChildren();
        }"""
    )
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")
    session.send("HeapProfiler.enable")

    def heap_bytes() -> float:
        for _ in range(3):
            session.send("HeapProfiler.collectGarbage")
        metrics = session.send("Performance.getMetrics")["metrics"]
        return float(next(m["value"] for m in metrics if m["name"] == "JSHeapUsedSize"))

    def cycle() -> None:
        page.evaluate(
            """async ({ study, series, layout }) => {
              const { mountViewer, HttpTransport } = window.noctisLab;
              const host = document.createElement("div");
              host.style.width = "480px";
              host.style.height = "360px";
              document.body.append(host);
              const transport = new HttpTransport(study);
              const view = mountViewer(host, {
                transport, mode: "page", StudyInstanceUID: study, series: transport,
                state: { SeriesInstanceUID: series, layout },
              });
              const { panes } = view.grid;
              // Some of them in mid-flight, others with all that they load.
              const isSeen = (pane) => pane.plane() || pane.element.dataset.quality === "fine";
              while (!panes.some(isSeen)) await new Promise(requestAnimationFrame);
              view.close();
              host.remove();
            }""",
            {"study": seen.study, "series": seen.series, "layout": layout},
        )

    for _ in range(3):
        cycle()
    before = heap_bytes()
    for _ in range(CYCLES):
        cycle()
    grown = heap_bytes() - before
    # One opening holds 650 kB of pixels alone.
    assert grown < 1_000_000
    assert watched.complaints == []
