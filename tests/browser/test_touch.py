"""Fingers on the stage: two zoom and pan, three scroll, one does what the left button does."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Browser, CDPSession, expect

from noctis_lab.synthetic import ct_series
from tests.browser.watched import Watched
from tests.served import Site

pytestmark = pytest.mark.browser

PLANES = 9
type Finger = tuple[float, float]


def drag(session: CDPSession, start: list[Finger], end: list[Finger], steps: int = 8) -> None:
    """Put fingers down, move them in even steps, and lift them."""

    def send(kind: str, fingers: list[Finger]) -> None:
        points = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(fingers)]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    send("touchStart", start)
    for step in range(1, steps + 1):
        send(
            "touchMove",
            [
                (x + (to_x - x) * step / steps, y + (to_y - y) * step / steps)
                for (x, y), (to_x, to_y) in zip(start, end, strict=True)
            ],
        )
    send("touchEnd", [])


def test_fingers_zoom_pan_scroll_and_set_the_window(browser: Browser, site: Site) -> None:
    seen = site.admit(ct_series(planes=PLANES, rows=64, columns=64, seed="touch"), "local")
    with browser.new_context(viewport={"width": 1280, "height": 800}, has_touch=True) as context:
        watched = Watched(context.new_page(), site.base)
        watched.sign_in(site)
        page = watched.page
        page.goto(f"{site.base}/viewer/{seen.study}?series={seen.series}")
        stage = page.locator(".stage")
        expect(stage).to_have_attribute("data-shown", str(PLANES // 2))
        session = context.new_cdp_session(page)
        box = stage.bounding_box()
        assert box is not None
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

        def state() -> dict[str, Any]:
            page.wait_for_timeout(200)
            found: dict[str, Any] = page.locator(".noctis-viewer").evaluate(
                "(element) => element.noctis.viewer.told"
            )
            return found

        before = state()
        drag(session, [(x - 50, y), (x + 50, y)], [(x - 100, y), (x + 100, y)])
        zoomed = state()
        assert zoomed["zoom"] == pytest.approx(2 * before["zoom"], rel=0.02)
        assert zoomed["index"] == before["index"]
        drag(session, [(x - 50, y), (x + 50, y)], [(x - 50, y + 80), (x + 50, y + 80)])
        panned = state()
        assert panned["zoom"] == pytest.approx(zoomed["zoom"], rel=0.02)
        assert panned["pan"][0] < zoomed["pan"][0]
        drag(session, [(x + 40 * k, y) for k in range(3)], [(x + 40 * k, y + 40) for k in range(3)])
        scrolled = state()
        assert scrolled["index"] == before["index"] + 3
        assert scrolled["zoom"] == pytest.approx(zoomed["zoom"], rel=0.02)
        drag(session, [(x, y)], [(x + 90, y)])
        assert state()["window"]["width"] > before["window"]["width"]
        assert watched.complaints == []
