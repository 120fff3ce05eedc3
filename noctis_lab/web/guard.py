"""The one guard around everything that is served: pages, websockets, API, pixels, static files."""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from starlette.requests import cookie_parser

from noctis_lab.access import Principal, may
from noctis_lab.config import is_loopback
from noctis_lab.errors import NoctisError
from noctis_lab.views.pages import render_notice
from noctis_lab.web.auth import Gate, cookie_name, entering
from noctis_lab.web.limits import BODY_SECONDS, Limits
from noctis_lab.web.problems import Problem
from noctis_lab.web.targets import Kind, Target, find_target

__all__ = ["CSRF_HEADER", "Guard"]

type Scope = MutableMapping[str, Any]
type Message = MutableMapping[str, Any]
type Receive = Callable[[], Awaitable[Message]]
type Send = Callable[[Message], Awaitable[None]]
type App = Callable[[Scope, Receive, Send], Awaitable[None]]

logger = logging.getLogger(__name__)

CSRF_HEADER = "x-noctis"  #: another origin cannot send it without a preflight, which we refuse
_SAFE = frozenset({"GET", "HEAD"})
_ALLOWED_METHODS = _SAFE | {"POST", "PUT", "DELETE"}


@dataclass(slots=True)
class _Call:
    """One request on its way in: what it says of itself."""

    scope: Scope
    headers: dict[str, str]
    target: Target
    nonce: str
    principal: Principal | None = None
    status: int = 0
    started_s: float = 0.0

    @property
    def is_websocket(self) -> bool:
        return bool(self.scope["type"] == "websocket")

    @property
    def method(self) -> str:
        return "WS" if self.is_websocket else str(self.scope["method"])

    @property
    def is_page(self) -> bool:
        return not self.is_websocket and "text/html" in self.headers.get("accept", "")


class Guard:
    """An ASGI application that lets through only what policy allows.

    Parameters
    ----------
    app
        Everything there is.
    gate
        Knows sessions, studies' facilities and the audit.
    limits
        How often somebody may ask.
    on_close
        Called once, before the server waits for open connections to end.

    Notes
    -----
    Order: method, Host (where only the loopback is served), origin, session, rate, study or role,
    body. Behind a reverse proxy the setting `public_origin` is one more Host and origin. What one
    may not see is 404, as what does not exist; a missing role is 403.
    """

    def __init__(
        self, app: App, gate: Gate, limits: Limits, *, on_close: Callable[[], None]
    ) -> None:
        self._app = app
        self._on_close = on_close
        self._gate = gate
        self._limits = limits
        self._cookie = cookie_name(gate.lab.settings)
        self._public_origin = gate.lab.settings.public_origin

    def close(self) -> None:
        """End the streams that never end by themselves, so that the server can stop."""
        self._on_close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI scope."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        headers = {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in scope["headers"]}
        call = _Call(
            scope, headers, find_target(scope["path"]), secrets.token_urlsafe(16),
            started_s=time.perf_counter(),
        )  # fmt: skip
        try:
            problem = await self._problem_with(call)
            body = None
            if problem is None and _has_body(call):
                body, problem = await _read_body(call, receive)
            if problem is not None:
                await self._refuse(call, problem, receive, send)
            else:
                await self._let_in(call, body, receive, send)
        finally:
            self._log(call)

    async def _problem_with(self, call: _Call) -> Problem | None:
        try:
            return (
                _problem_with_method(call)
                or self._problem_with_host(call)
                or self._problem_with_origin(call)
                or await self._problem_with_principal(call)
                or await self._problem_with_target(call)
            )
        except NoctisError:
            logger.exception("the catalogue could not be asked")
            return Problem(
                status=503,
                expected="an answer of the catalogue",
                came="none",
                what_to_do="Try again in a moment; `noctis doctor` says more.",
            )

    def _problem_with_host(self, call: _Call) -> Problem | None:
        """Refuse a name that points at the loopback from outside (DNS rebinding)."""
        if not is_loopback(self._gate.lab.settings.host):
            return None
        host = _host_name(call.headers.get("host", ""))
        if is_loopback(host) or (host and host == urlsplit(self._public_origin).hostname):
            return None
        return Problem(
            status=421,
            expected="a Host of this machine's loopback",
            came="another name",
            what_to_do="Open http://127.0.0.1 with this server's port, or start it with --host; "
            "behind a reverse proxy set public_origin.",
        )

    def _problem_with_origin(self, call: _Call) -> Problem | None:
        """Refuse what another site's page makes a browser ask: state changes and websockets."""
        if not call.is_websocket and call.method in _SAFE:
            return None
        origin, site = call.headers.get("origin"), call.headers.get("sec-fetch-site")
        is_foreign = site not in (None, "same-origin", "none")
        if origin is not None:
            host = call.headers.get("host", "")
            ours = {f"http://{host}".lower(), f"https://{host}".lower(), self._public_origin}
            is_foreign = is_foreign or origin.lower() not in ours - {""}
        elif call.is_websocket:
            is_foreign = True
        has_mark = call.is_websocket or CSRF_HEADER in call.headers
        if has_mark and not is_foreign:
            return None
        return Problem(
            status=403,
            expected=f"a request of our own pages, with the header {CSRF_HEADER}",
            came="another origin" if is_foreign else "no such header",
            what_to_do="Programs set the header X-Noctis: 1 and no Origin.",
        )

    async def _problem_with_principal(self, call: _Call) -> Problem | None:
        secret = cookie_parser(call.headers.get("cookie", "")).get(self._cookie)
        if secret:
            call.principal = await asyncio.to_thread(self._gate.find_principal, secret)
        if call.target.kind is Kind.PUBLIC:
            return None
        if call.principal is None:
            return Problem(
                status=401,
                expected="a signed-in principal",
                came="no session, or one that has ended",
                what_to_do="Sign in at /login.",
            )
        if not self._limits.allows_request(call.principal.name):
            return Problem(
                status=429,
                expected="fewer requests",
                came="more than 3000 in ten seconds",
                what_to_do="Wait ten seconds and ask again.",
                headers={"Retry-After": "10"},
            )
        return None

    async def _problem_with_target(self, call: _Call) -> Problem | None:
        target, principal = call.target, call.principal
        if target.kind is Kind.PUBLIC:
            return None
        assert principal is not None
        if target.kind is Kind.NOTHING:
            return _nothing_there("address")
        if target.kind is Kind.PLACE:
            return None if may(principal, target.action) else _role_missing(principal, target)
        is_seen = await asyncio.to_thread(self._gate.admit, principal, target)
        return None if is_seen else _nothing_there(target.kind)

    async def _let_in(self, call: _Call, body: bytes | None, receive: Receive, send: Send) -> None:
        given = body is None

        async def receive_body() -> Message:
            nonlocal given
            if given:
                return await receive()
            given = True
            return {"type": "http.request", "body": body, "more_body": False}

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                call.status = message["status"]
                message["headers"] = _guarded(message.get("headers", ()), call)
            elif message["type"] == "websocket.accept":
                call.status = 101
            await send(message)

        state = call.scope.setdefault("state", {})
        state["principal"] = call.principal
        with entering(call.principal, call.nonce):
            await self._app(call.scope, receive_body, send_guarded)

    async def _refuse(self, call: _Call, problem: Problem, receive: Receive, send: Send) -> None:
        call.status = problem.status
        if call.is_websocket:
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": problem.expected})
            return
        headers = dict(problem.headers)
        body, kind, status = json.dumps(problem.as_json()).encode(), "application/json", None
        if call.is_page and problem.status == 401:
            status, body = 303, b""
            headers["Location"] = f"/login?next={quote(call.scope['path'], safe='/')}"
        elif call.is_page:
            page = render_notice(title=_TITLES.get(problem.status, "No"), text=problem.detail)
            body, kind = page.encode(), "text/html; charset=utf-8"
        headers |= {"Content-Type": kind, "Content-Length": str(len(body))}
        raw = [(k.lower().encode(), v.encode()) for k, v in headers.items()]
        await send(
            {
                "type": "http.response.start",
                "status": status or problem.status,
                "headers": _guarded(raw, call),
            }
        )
        await send({"type": "http.response.body", "body": body})

    def _log(self, call: _Call) -> None:
        target = call.target
        level = logging.DEBUG if target.is_static else logging.INFO
        is_known = call.is_websocket or call.method in _ALLOWED_METHODS
        logger.log(
            level,
            "%s %s %d",
            call.method if is_known else "(other)",
            target.template,
            call.status,
            extra={
                "principal": call.principal.name if call.principal else None,
                "milliseconds": round((time.perf_counter() - call.started_s) * 1000, 1),
                "UID": target.UID,
            },
        )


_TITLES = {
    403: "Not yours to do",
    404: "Nothing here",
    421: "Another name was called",
    429: "Too many requests",
    503: "The archive is busy",
}


def _nothing_there(what: str) -> Problem:
    article = "an" if what[0] in "aeiou" else "a"
    return Problem(
        status=404,
        expected=f"{article} {what} that is here and yours to see",
        came="none",
        what_to_do="Look for it in the worklist, or ask an administrator for its facility.",
    )


def _role_missing(principal: Principal, target: Target) -> Problem:
    return Problem(
        status=403,
        expected=f"a principal who may {target.action}",
        came=f"the role {principal.role}",
        what_to_do="Ask an administrator of this archive.",
    )


def _problem_with_method(call: _Call) -> Problem | None:
    if call.is_websocket or call.method in _ALLOWED_METHODS:
        return None
    return Problem(
        status=405,
        expected=", ".join(sorted(_ALLOWED_METHODS)),
        came="another method",
        what_to_do="See /api/v1/openapi.json for what each address answers.",
    )


def _host_name(host: str) -> str:
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""


def _has_body(call: _Call) -> bool:
    """Return whether a body comes that is to be read here, and not by the route itself."""
    is_streamed = call.target.is_streamed and call.method == "POST"
    return not (call.is_websocket or call.method in _SAFE or is_streamed)


async def _read_body(call: _Call, receive: Receive) -> tuple[bytes, Problem | None]:
    """Read the whole of a request's body, which is small on every route but those that stream."""
    most_bytes = call.target.body_bytes
    too_long = Problem(
        status=413,
        expected=f"a body of at most {most_bytes} bytes",
        came="a longer one",
        what_to_do="Send less; files go to /api/v1/dicom/upload.",
    )
    stated = call.headers.get("content-length", "")
    if stated.isdigit() and int(stated) > most_bytes:
        return b"", too_long
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    break
                body += message.get("body", b"")
                if len(body) > most_bytes:
                    return b"", too_long
                if not message.get("more_body", False):
                    break
    except TimeoutError:
        return b"", Problem(
            status=408,
            expected=f"the whole body within {BODY_SECONDS:.0f} s",
            came="a part of it",
            what_to_do="Send it again.",
        )
    return bytes(body), None


def _guarded(headers: Any, call: _Call) -> list[tuple[bytes, bytes]]:
    """Return an answer's headers with those that every answer carries.

    Notes
    -----
    `style-src 'unsafe-inline'`: Bokeh writes style elements and attributes at run time. Scripts
    need neither 'unsafe-inline' (each carries the nonce) nor 'unsafe-eval'. blob: in worker-src is
    the decoder's, made of our own bundle's text.
    """
    kept = [(k, v) for k, v in headers if k.lower() != b"server"]
    names = {k.lower() for k, _ in kept}
    policy = (
        f"default-src 'none'; script-src 'self' 'nonce-{call.nonce}'; "
        "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self'; "
        "connect-src 'self'; worker-src 'self' blob:; form-action 'self'; "
        "frame-ancestors 'none'; base-uri 'none'"
    )
    ours = {
        b"content-security-policy": policy.encode(),
        b"x-content-type-options": b"nosniff",
        b"referrer-policy": b"no-referrer",
        b"x-frame-options": b"DENY",
        b"cross-origin-opener-policy": b"same-origin",
        b"cross-origin-resource-policy": b"same-origin",
        b"permissions-policy": b"camera=(), microphone=(), geolocation=()",
    }
    if not call.target.is_static:
        kept = [(k, v) for k, v in kept if k.lower() != b"cache-control"]
        ours[b"cache-control"] = b"private, no-store"
    elif b"cache-control" not in names:
        # Scripts and styles: for ever where the address names a version, else asked again.
        is_versioned = call.scope.get("query_string", b"").startswith(b"v=")
        is_kept = is_versioned and call.status == 200
        ours[b"cache-control"] = b"private, max-age=31536000, immutable" if is_kept else b"no-cache"
    return [*kept, *((k, v) for k, v in ours.items() if k not in names or k == b"cache-control")]
