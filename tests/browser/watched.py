"""A page, and what it did that it should not: errors, dialogs, requests to other hosts."""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import urlsplit

from playwright.sync_api import ConsoleMessage, Page, Request, WebSocket

from noctis_lab.access import ADMIN
from noctis_lab.catalog import people
from tests.served import Site

_RESTS_MS = 400  # longer than what the client puts off until things rest


def painted(page: Page) -> None:
    """Wait until what was asked for is on the screen: two frames of it."""
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


class Watched:
    """Every complaint of a page, every request that leaves its server, every byte on the wire."""

    def __init__(self, page: Page, base: str) -> None:
        self.page = page
        self.complaints: list[str] = []
        self.foreign: list[str] = []
        #: What went over the wire, in order: addresses of requests, and websocket frames by size.
        self.wire: list[str] = []
        self._host = urlsplit(base).netloc
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("dialog", lambda dialog: self.complaints.append("dialog " + dialog.message))
        page.on("console", self._on_console)
        page.on("request", self._on_request)
        page.on("websocket", self._on_websocket)

    def sign_in(self, site: Site) -> None:
        """Sign the administrator in; no page is shown yet."""
        token = people.create_login_token(site.catalog, ADMIN)
        address = f"{site.base}/login?token={token}"
        answer = self.page.context.request.get(address, max_redirects=0)
        assert answer.status == HTTPStatus.SEE_OTHER, answer.text()

    def rest(self) -> None:
        """Wait until the wire is still."""
        known = -1
        while known != len(self.wire):
            known = len(self.wire)
            self.page.wait_for_timeout(_RESTS_MS)

    @property
    def names(self) -> list[str]:
        """The patients that the worklist shows."""
        return self.page.locator(".tb .tr .pn").all_inner_texts()

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.complaints.append(message.text)

    def _on_request(self, request: Request) -> None:
        if urlsplit(request.url).scheme in ("http", "https"):
            self.wire.append(request.url)
        if urlsplit(request.url).netloc not in ("", self._host):
            self.foreign.append(request.url)

    def _on_websocket(self, socket: WebSocket) -> None:
        if urlsplit(socket.url).netloc != self._host:
            self.foreign.append(socket.url)
        socket.on("framesent", lambda frame: self.wire.append(f"sent {len(frame)}"))
        socket.on("framereceived", lambda frame: self.wire.append(f"received {len(frame)}"))
