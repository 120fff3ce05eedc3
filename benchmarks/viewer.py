"""Script milliseconds of the viewer's gestures in a browser: `uv run python benchmarks/viewer.py`.

A CT of 300 × 512² int16 is served and opened in Chromium on software rendering, without a GPU. Each
gesture is repeated at the screen's pace; what is counted is the main thread's own time in scripts,
painting into the canvas included, as the browser's tracer tells it. Then a CT and radiographs of
3000 × 2000 are opened in the open page, each for the first time: until an image is seen (of a
radiograph a reduced one), until it is there whole, until all slices are in memory.
`--planes 60 --steps 10 --radiographs 1` is a smoke test.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from harness import DOCUMENT, describe_machine, write_section
from numpy.typing import NDArray
from playwright.sync_api import CDPSession, Page, ViewportSize, sync_playwright

from noctis_lab import open_lab
from noctis_lab.access import ADMIN
from noctis_lab.catalog import people
from noctis_lab.config import Settings, open_settings
from noctis_lab.ingest.archive import open_archive
from noctis_lab.synthetic import ct_series, hand_radiograph, write_series
from noctis_lab.web.app import serve_web

TITLE = "The viewer's gestures"
SIZES = ((1280, 800), (1920, 1080))
BATCHES = 5
RADIOGRAPH = (3000, 2000)
FIRST_IMAGE_MS = 100
FIRST_SLICE_MS = 50
ALL_SLICES_MS = 3000
_NAMES = "const app = element.noctis; const model = app.grid.panes[0].model;"
_WINDOW = "{center: 40 + i, width: 400 + i, function: 'LINEAR'}"
_MOVED = "[0.31, 0.62, 0].map((by, axis) => model.crosshair[axis] + by * (i % 2 ? 1 : -1))"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gesture:
    """One step is a line of JavaScript that knows `app`, `model` and the number `i` of the step."""

    name: str
    layout: str
    step: str
    target_ms: float | None
    prepare: str = "0"


GESTURES = (
    Gesture(
        name="window and level, 1:1",
        layout="1x1",
        prepare="app.viewer.setScale(1)",
        step=f"app.viewer.setWindow({_WINDOW}, 'not yet')",
        target_ms=2,
    ),
    Gesture(
        name="slice, 1:1",
        layout="1x1",
        prepare="app.viewer.setScale(1)",
        step="app.viewer.set({index: 20 + i % 30}, 'not yet')",
        target_ms=2,
    ),
    Gesture(
        name="crosshair moved in the axial plane",
        layout="mpr",
        step=f"model.moveTo({_MOVED})",
        target_ms=12,
    ),
    Gesture(
        name="axial slab of 20 mm, MIP",
        layout="mpr",
        prepare="model.setPlane('axial', {slab_mm: 20, projection: 'max'})",
        step="model.step('axial', i % 2 ? 1 : -1)",
        target_ms=20,
    ),
    Gesture(
        name="oblique plane, turned",
        layout="mpr",
        prepare="model.resetPlanes(); model.turn('axial', [1, 0, 0], 0.3); model.setDragging(true)",
        step="model.turn('axial', [0, 1, 0], 0.01 * (i % 2 ? 1 : -1))",
        target_ms=None,
    ),
    Gesture(
        name="volume turned, CT bone, a coarse picture",
        layout="3d",
        step="app.grid.panes[0].dragBy('window', 4, 1, false)",
        target_ms=None,
    ),
)


RADIOGRAPH_WINDOW = Gesture(
    name="window and level, CR {} × {}, fitted".format(*RADIOGRAPH),
    layout="1x1",
    step="app.viewer.setWindow({center: 2400 + i, width: 2400 + i, function: 'LINEAR'}, 'not yet')",
    target_ms=10,
)


def values(planes: int) -> NDArray[np.int16]:
    """Return waves with noise, as a CT is."""
    rng = np.random.default_rng(0)
    z, y, x = np.ogrid[:planes, :512, :512]
    waves = 600 * np.sin(z / 17) * np.cos(y / 23) * np.sin(x / 29)
    noise = rng.normal(0, 30, (512, 512))
    return (waves + noise).astype(np.int16)


type Place = tuple[str, str]  # of a study, and a series


def fill(root: Path, planes: int, radiographs: int) -> tuple[list[Place], list[Place]]:
    """Index CTs, one more than pages, and some radiographs; return where they are."""
    for number in range(len(SIZES) + 1):
        series = ct_series(
            planes=planes, rows=512, columns=512, stored=values(planes),
            pixel_spacing_mm=(0.7, 0.7), slice_spacing_mm=1.0, seed=f"viewer benchmark CT {number}",
        )  # fmt: skip
        write_series(series, root / "sent" / "ct" / str(number))
    rows, columns = RADIOGRAPH
    for number in range(radiographs):
        large = hand_radiograph(rows=rows, columns=columns, seed=f"viewer benchmark {number}")
        write_series(large, root / "sent" / str(number))
    with open_lab(root / "archive", create=True) as lab:
        lab.index(root / "sent")
        found = [
            [(one.row.StudyInstanceUID, one.SeriesInstanceUID) for one in lab.series(Modality=name)]
            for name in ("CT", "CR")
        ]
    return found[0], found[1]


@contextmanager
def served(settings: Settings) -> Iterator[str]:
    """Serve the archive in a thread; give its address."""
    stop, ready = threading.Event(), threading.Event()
    base: list[str] = []

    def on_ready(host: str, port: int) -> None:
        base.append(f"http://{host}:{port}")
        ready.set()

    thread = threading.Thread(
        target=serve_web, args=(settings,), kwargs={"stop": stop, "ready": on_ready}
    )
    thread.start()
    try:
        if not ready.wait(60):
            raise SystemExit("the web process did not start within a minute")
        yield base[0]
    finally:
        stop.set()
        thread.join(60)


def script_ms(session: CDPSession) -> float:
    """Return the main thread's time in scripts since the page began."""
    metrics = session.send("Performance.getMetrics")["metrics"]
    return 1e3 * next(item["value"] for item in metrics if item["name"] == "ScriptDuration")


def measure(page: Page, session: CDPSession, gesture: Gesture, steps: int) -> list[float]:
    """Return the script milliseconds of a step, one figure a batch."""
    viewer = page.locator(".noctis-viewer")
    viewer.evaluate(f"(element) => {{ {_NAMES} {gesture.prepare}; }}")
    page.wait_for_timeout(500)
    run = f"""(element, steps) => new Promise((done) => {{
      {_NAMES}
      let i = 0;
      const next = () => {{
        {gesture.step};
        i += 1;
        requestAnimationFrame(i < steps ? next : () => done());
      }};
      requestAnimationFrame(next);
    }})"""
    viewer.evaluate(run, steps)  # compiled by now
    found = []
    for _ in range(BATCHES):
        before = script_ms(session)
        viewer.evaluate(run, steps)
        found.append((script_ms(session) - before) / steps)
    return found


def open_radiograph(page: Page, place: Place) -> tuple[float, float]:
    """Open a series in the active pane; return the ms to its first image, and to the whole one."""
    run = """(element, [study, series]) => new Promise((done) => {
      const pane = element.noctis.viewer;
      const start = performance.now();
      let first = null;
      const look = () => {
        const { preview, shown } = pane.element.dataset;
        if (first === null && (preview ?? shown) !== undefined) first = performance.now() - start;
        if (shown !== undefined) done([first, performance.now() - start]);
      };
      pane.open(series, { StudyInstanceUID: study });
      new MutationObserver(look).observe(pane.element, { attributes: true });
    })"""
    first_ms, whole_ms = page.locator(".noctis-viewer").evaluate(run, list(place))
    return first_ms, whole_ms


def stack_lines(page: Page, place: Place, planes: int, size: str) -> list[str]:
    """Return rows of the table: how long a CT takes that nobody has opened before."""
    run = """(element, [study, series]) => new Promise((done) => {
      const app = element.noctis;
      app.grid.arrange('1x1');
      const pane = app.viewer;
      const start = performance.now();
      let first = null;
      const look = () => {
        const elapsed = performance.now() - start;
        const { memory } = pane;
        if (pane.element.dataset.shown !== undefined) first ??= elapsed;
        if (first !== null && memory?.count === memory?.total) done([first, elapsed]);
        else setTimeout(look, 2);
      };
      pane.open(series, { StudyInstanceUID: study });
      look();
    })"""
    first_ms, all_ms = page.locator(".noctis-viewer").evaluate(run, list(place))
    first = Gesture(
        name="CT, elapsed until its first image", layout="", step="", target_ms=FIRST_SLICE_MS
    )
    whole = Gesture(
        name=f"CT, elapsed until its {planes} slices are in memory", layout="", step="",
        target_ms=ALL_SLICES_MS,
    )  # fmt: skip
    return [line(first, size, [first_ms]), line(whole, size, [all_ms])]


def draw_volume(page: Page, mode: str) -> float:
    """Turn a volume in a mode; return the ms until its fine picture is there."""
    run = """(element, mode) => new Promise((done) => {
      const pane = element.noctis.grid.panes[0];
      const look = () => {
        if (pane.element.dataset.quality === 'fine') done(performance.now() - start);
        else requestAnimationFrame(look);
      };
      const start = performance.now();
      pane.model.set({ mode });
      pane.dragBy('window', 8, 2, false);
      requestAnimationFrame(() => requestAnimationFrame(look)); // a coarse one is there by then
    })"""
    elapsed: float = page.locator(".noctis-viewer").evaluate(run, mode)
    return elapsed


def volume_lines(page: Page, size: str) -> list[str]:
    """Return rows of the table: how long fine pictures of a volume take."""
    page.locator(".noctis-viewer").evaluate("(element) => element.noctis.grid.arrange('3d')")
    found = []
    for mode, name in (("volume", "CT bone"), ("mip", "MIP")):
        fine = Gesture(
            name=f"volume, {name}, elapsed until the fine picture", layout="", step="",
            target_ms=None,
        )  # fmt: skip
        found.append(line(fine, size, [draw_volume(page, mode) for _ in range(3)]))
    return found


def radiograph_lines(page: Page, places: list[Place], size: str) -> list[str]:
    """Return rows of the table: how long radiographs take that nobody has opened before."""
    page.locator(".noctis-viewer").evaluate("(element) => element.noctis.grid.arrange('1x1')")
    found = [open_radiograph(page, place) for place in places]
    rows, columns = RADIOGRAPH
    name = f"CR {rows} × {columns}, elapsed until "
    first = Gesture(name=name + "its first image", layout="", step="", target_ms=FIRST_IMAGE_MS)
    whole = Gesture(name=name + "it is whole", layout="", step="", target_ms=None)
    return [
        line(gesture, size, [each[place] for each in found])
        for place, gesture in enumerate((first, whole))
    ]


def page_lines(
    page: Page,
    page_size: tuple[int, int],
    stack: Place,
    radiographs: list[Place],
    arguments: argparse.Namespace,
) -> Iterator[str]:
    """Give the rows of the table of one size, as they are found."""
    size = "{} × {}".format(*page_size)
    words = f"{arguments.planes} of {arguments.planes} in memory"
    page.get_by_text(words).wait_for(timeout=120_000)
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    for gesture in GESTURES:
        arrange = f"(element) => element.noctis.grid.arrange('{gesture.layout}')"
        page.locator(".noctis-viewer").evaluate(arrange)
        page.get_by_text(words).wait_for(timeout=120_000)
        yield line(gesture, size, measure(page, session, gesture, arguments.steps))
    yield from volume_lines(page, size)
    yield from stack_lines(page, stack, arguments.planes, size)
    yield from radiograph_lines(page, radiographs, size)
    found = measure(page, session, RADIOGRAPH_WINDOW, arguments.steps)
    yield line(RADIOGRAPH_WINDOW, size, found)


def main() -> None:
    """Measure, print a table, and write it into the document where that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--planes", type=int, default=300)
    parser.add_argument("--steps", type=int, default=30, help="of a gesture in a batch")
    parser.add_argument("--radiographs", type=int, default=5)
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    parser.add_argument("--write", action="store_true", help=f"write into docs/{DOCUMENT.name}")
    arguments = parser.parse_args()
    lines = ["| gesture | page | script ms a step | range | target |", "|---|---|---:|---:|---:|"]
    with tempfile.TemporaryDirectory() as folder:
        ((study, series), *stacks), large = fill(
            Path(folder), arguments.planes, arguments.radiographs * len(SIZES)
        )
        settings = open_settings({"root": Path(folder) / "archive", "port": 0, "dicom_port": 1})
        with open_archive(settings) as archive, served(settings) as base, sync_playwright() as play:
            browser = play.chromium.launch(
                executable_path=arguments.chromium, args=["--no-sandbox", "--disable-gpu"]
            )
            version = browser.version
            for size in SIZES:
                page = browser.new_page(viewport=ViewportSize(width=size[0], height=size[1]))
                token = people.create_login_token(archive.catalog, ADMIN)
                page.goto(f"{base}/login?token={token}")
                page.goto(f"{base}/viewer/{study}?series={series}")
                some, large = large[: arguments.radiographs], large[arguments.radiographs :]
                for row in page_lines(page, size, stacks.pop(), some, arguments):
                    lines.append(row)
                    print(row, flush=True)
                page.close()
            browser.close()
    if arguments.write:
        said = f"{arguments.planes} × 512² int16, Chromium {version} without a GPU"
        head = f"{said}: `uv run python benchmarks/viewer.py`."
        machine = f"{describe_machine('panel', 'numpy')}."
        write_section(DOCUMENT, TITLE, "\n\n".join((head, "\n".join(lines), machine)))


def line(gesture: Gesture, size: str, found: list[float]) -> str:
    """Return a row of the table."""
    middle = statistics.median(found)
    target = gesture.target_ms
    said = "" if target is None else f"{target:g}, {'held' if middle <= target else 'missed'}"
    return (
        f"| {gesture.name} | {size} | {middle:.1f} | {min(found):.1f}–{max(found):.1f} | {said} |"
    )


if __name__ == "__main__":
    main()
