"""A new user: from the worklist to a measured, saved, reopened region in under a minute."""

from __future__ import annotations

import json
import logging
import time
from contextlib import closing
from sqlite3 import connect
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from noctis_lab.synthetic import ct_series
from tests.browser.test_measuring import all_saved
from tests.browser.watched import Watched
from tests.served import Seen, Site

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("worklist_shown")]

PLANES, MIDDLE = 15, 7
MOST_S = 60.0

logger = logging.getLogger(__name__)


class Hand:
    """Somebody at the page: what is done, and how long a person takes for it.

    The keystroke-level model (Card, Moran, Newell 1980, https://doi.org/10.1145/358886.358895):
    seconds for a key of somebody who is no typist, for pointing, for a click, for a thought before
    each step. What the page takes comes on top as it is.
    """

    KEY_S, POINT_S, CLICK_S, THOUGHT_S = 0.28, 1.1, 0.2, 1.35

    def __init__(self, page: Page) -> None:
        self.page = page
        self.spent_s = 0.0
        self.steps: list[str] = []
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        """A person's time and the page's."""
        return self.spent_s + time.monotonic() - self._began

    def expect_quick(self) -> None:
        """Expect all of it in under a minute; the log says in how many seconds."""
        page_s = time.monotonic() - self._began
        logger.info("%.1f s: %.1f of a hand, %.1f of the page", self.seconds, self.spent_s, page_s)
        assert self.seconds < MOST_S, self.steps

    def think(self, step: str) -> None:
        self.steps.append(step)
        self.spent_s += self.THOUGHT_S

    def press(self, *keys: str) -> None:
        for key in keys:
            self.spent_s += self.KEY_S * len(key.split("+"))
            self.page.keyboard.press(key)

    def type(self, text: str) -> None:
        self.spent_s += self.KEY_S * len(text)
        self.page.keyboard.type(text)

    def click(self, place: Locator) -> None:
        self.spent_s += self.POINT_S + self.CLICK_S
        self.page.mouse.click(*middle_of(place))

    def double_click(self, place: Locator) -> None:
        self.click(place)
        self.spent_s += self.CLICK_S
        self.page.mouse.dblclick(*middle_of(place))

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        self.spent_s += 2 * self.POINT_S + self.CLICK_S
        mouse = self.page.mouse
        mouse.move(*start)
        mouse.down()
        mouse.move(*end, steps=6)
        mouse.up()


def middle_of(place: Locator) -> tuple[float, float]:
    """Return where a hand goes; a row that is drawn anew has no place for a moment."""
    deadline = time.monotonic() + 5
    while (box := place.bounding_box()) is None:
        assert time.monotonic() < deadline
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


@pytest.fixture
def seen(site: Site) -> Seen:
    """Fill a worklist in which the study that is wanted is one of several."""
    others = [
        ct_series(planes=2, rows=32, columns=32, seed=name, PatientName=f"{name}^Other")
        for name in ("Alpha", "Beta", "Gamma")
    ]
    for other in others:
        site.admit(other, "local")
    wanted = ct_series(
        planes=PLANES, rows=128, columns=128, seed="new", windows=((300.0, 1200.0),),
        PatientName="Wanted^Study", elements={"SeriesDescription": "Thorax 2 mm"},
    )  # fmt: skip
    return site.admit(wanted, "local")


def kept(site: Site, table: str) -> list[dict[str, Any]]:
    """Return a table's rows, read by SQLite itself."""
    with closing(connect(site.settings.root / "catalog" / "catalog.sqlite")) as database:
        cursor = database.execute(f'SELECT * FROM "{table}"')
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor]


def expect_kept(site: Site, seen: Seen, session: str) -> None:
    (row,) = kept(site, "measurement")
    assert row["SOPInstanceUID"] == seen.instances[MIDDLE]
    assert json.loads(row["document"])["kind"] == "ellipse"
    (item,) = kept(site, "user_item")
    assert item["name"] == session
    assert seen.series in json.dumps(item)


def figures_of(page: Page) -> str:
    row = page.locator(".mrow")
    expect(row).to_have_count(1)
    return row.locator(".mfig").inner_text()


def test_by_mouse_alone(watched: Watched, site: Site, seen: Seen) -> None:
    page = watched.page
    row = page.locator(".tb .tr", has_text="Wanted")
    expect(row).to_be_visible()
    hand = Hand(page)
    hand.think("the study's row: a double click opens it")
    hand.double_click(row.locator(".pn"))
    stage = page.locator(".stage")
    expect(stage).to_have_attribute("data-shown", str(MIDDLE))
    hand.think("the measuring tools: the ellipse")
    hand.click(page.get_by_role("button", name="All measuring tools"))
    hand.click(page.get_by_role("menuitemradio", name="Ellipse"))
    hand.think("a drag over the place")
    box = stage.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    hand.drag((x - 60, y - 40), (x + 60, y + 50))
    figures = figures_of(page)
    assert "HU" in figures
    all_saved(watched)
    hand.think("Sessions: the name is there already")
    hand.click(page.get_by_role("button", name="Sessions"))
    hand.click(page.get_by_role("button", name="Save session"))
    expect(page.get_by_text(f"Saved as Thorax 2 mm, image {MIDDLE + 1}")).to_be_visible()
    hand.think("back to the worklist, another study")
    hand.click(page.get_by_role("link", name="Worklist"))
    hand.double_click(page.locator(".tb .tr", has_text="Alpha").locator(".pn"))
    expect(stage).to_have_attribute("data-shown", "1")
    hand.think("the session opens the image with what was measured")
    hand.click(page.get_by_role("button", name="Sessions"))
    hand.click(page.get_by_role("menuitem", name="Thorax 2 mm"))
    page.wait_for_url(f"**/viewer/{seen.study}#*")
    expect(stage).to_have_attribute("data-shown", str(MIDDLE))
    expect(page.locator(".ink .shape .label")).to_contain_text("HU")
    assert figures_of(page) == figures
    hand.expect_quick()
    expect_kept(site, seen, f"Thorax 2 mm, image {MIDDLE + 1}")
    assert watched.complaints == []
    assert watched.foreign == []


def test_by_keyboard_alone(watched: Watched, site: Site, seen: Seen) -> None:
    page = watched.page
    expect(page.locator(".tb .tr", has_text="Wanted")).to_be_visible()
    page.mouse.move(0, 0)
    hand = Hand(page)
    hand.think("search, and into the table")
    hand.press("/")
    hand.type("wanted")
    expect(page.locator(".tb .tr")).to_have_count(1)
    hand.press("ArrowDown", "Enter")
    stage = page.locator(".stage")
    expect(stage).to_have_attribute("data-shown", str(MIDDLE))
    hand.think("? tells the keys")
    hand.press("?")
    sheet = page.get_by_role("dialog", name="Keys")
    expect(sheet).to_contain_text("move the cursor; Shift ten times as far")
    expect(sheet).to_contain_text("set a point")
    expect(sheet).to_contain_text("sessions: save what is in view")
    hand.press("Escape")
    hand.think("the ellipse, and a first corner that is taken back")
    hand.press("e", "Enter", "Shift+ArrowRight", "Escape")
    expect(page.locator(".ink .shape")).to_have_count(0)
    hand.think("two corners")
    hand.press("Shift+ArrowUp", "Enter")
    hand.press("Shift+ArrowRight", "Shift+ArrowRight", "Shift+ArrowDown", "ArrowDown", "Enter")
    figures = figures_of(page)
    assert "HU" in figures
    all_saved(watched)
    hand.think("a session, under a name of one's own")
    hand.press("Shift+S")
    expect(page.get_by_label("Name of the session")).to_have_value(
        f"Thorax 2 mm, image {MIDDLE + 1}"
    )
    hand.type("Liver")
    hand.press("Enter")
    expect(page.get_by_text("Saved as Liver")).to_be_visible()
    hand.think("back in the browser's history, another study")
    hand.spent_s += 2 * hand.KEY_S  # Alt and the left arrow: headless, no window hears them
    page.go_back()
    expect(page.locator(".tb .tr").first).to_be_visible()
    hand.press("/", "Control+a")
    hand.type("alpha")
    expect(page.locator(".tb .tr", has_text="Wanted")).to_have_count(0)
    expect(page.locator(".tb .tr", has_text="Alpha")).to_have_count(1)
    hand.press("ArrowDown", "Enter")
    expect(stage).to_have_attribute("data-shown", "1")
    hand.think("the session opens the image with what was measured")
    hand.press("Shift+S")
    expect(page.get_by_role("menuitem", name="Liver")).to_be_visible()
    hand.press("ArrowDown", "ArrowDown", "Enter")
    page.wait_for_url(f"**/viewer/{seen.study}#*")
    expect(stage).to_have_attribute("data-shown", str(MIDDLE))
    expect(page.locator(".ink .shape .label")).to_contain_text("HU")
    assert figures_of(page) == figures
    hand.think("n takes it, whose figures are said")
    hand.press("n")
    expect(page.locator(".ink .shape.on")).to_have_count(1)
    hand.expect_quick()
    expect_kept(site, seen, "Liver")
    assert watched.complaints == []
    assert watched.foreign == []
