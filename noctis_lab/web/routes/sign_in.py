"""Signing in and out: `/login` for people, `/api/v1/session` for its page."""

from __future__ import annotations

import asyncio
import logging
import socket
from urllib.parse import urlsplit

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from noctis_lab.config import is_loopback
from noctis_lab.views.pages import render_login
from noctis_lab.web.auth import Gate, cookie_name
from noctis_lab.web.limits import Limits
from noctis_lab.web.problems import Problem
from noctis_lab.web.routes.context import AskedGate
from noctis_lab.web.schemas import SignedIn, SignIn

__all__ = ["router"]

logger = logging.getLogger(__name__)
router = APIRouter(tags=["session"])


@router.get("/login", include_in_schema=False)
async def login(request: Request, gate: AskedGate, token: str = "") -> Response:
    """Show the sign-in page; with a start token, exchange it for a session and go to the pages."""
    if not token:
        if request.state.principal is not None:
            return RedirectResponse("/", status_code=303)
        return await _page(request, gate)
    given = await _principal_of(request, gate, SignIn(token=token[:512]))
    if isinstance(given, Problem):
        return await _page(request, gate, problem=given)
    answer = RedirectResponse("/", status_code=303)
    await _give_session(request, gate, given, answer)
    return answer


@router.post("/api/v1/session")
async def sign_in(request: Request, gate: AskedGate, asked: SignIn) -> Response:
    """Begin a session by a start token, or by a name and its password."""
    given = await _principal_of(request, gate, asked)
    if isinstance(given, Problem):
        return JSONResponse(given.as_json(), status_code=given.status, headers=given.headers)
    answer = JSONResponse(SignedIn(name=given).model_dump())
    await _give_session(request, gate, given, answer)
    return answer


@router.delete("/api/v1/session", status_code=204)
async def sign_out(request: Request, gate: AskedGate) -> Response:
    """End the session that asks."""
    name = cookie_name(gate.lab.settings)
    secret = request.cookies.get(name)
    if secret:
        await asyncio.to_thread(gate.close_session, secret)
    answer = Response(status_code=204)
    answer.delete_cookie(name, path="/", httponly=True, samesite="lax")
    return answer


async def _principal_of(request: Request, gate: AskedGate, asked: SignIn) -> str | Problem:
    limits: Limits = request.app.state.limits
    address = request.client.host if request.client else ""
    wait_s = limits.wait_to_sign_in_s(address, asked.name or "")
    if wait_s:
        logger.warning("sign-in refused: too many attempts", extra={"address": address})
        return Problem(
            status=429,
            expected="fewer attempts to sign in",
            came="too many",
            what_to_do=f"Wait {wait_s} s, then try again.",
            headers={"Retry-After": str(wait_s)},
        )
    if asked.token:
        # People paste the whole address that was printed.
        token = asked.token.rpartition("token=")[2].strip()
        name = await asyncio.to_thread(gate.redeem_token, token)
        what = "a token of this archive that is new, or was first used less than a minute ago"
        advice = "noctis token --root FOLDER, with the archive's folder, prints another."
    elif asked.name and asked.password:
        name = await asyncio.to_thread(gate.check_password, asked.name, asked.password)
        what, advice = "a name and its password", "An administrator can set a new password."
    else:
        name, what, advice = None, "a token, or a name and a password", "Fill the form."
    if name is not None:
        return name
    logger.warning("sign-in failed", extra={"address": address})
    return Problem(status=401, expected=what, came="another", what_to_do=advice)


async def _give_session(request: Request, gate: AskedGate, name: str, answer: Response) -> None:
    settings = gate.lab.settings
    secret = await asyncio.to_thread(gate.open_session, name)
    answer.set_cookie(
        cookie_name(settings),
        secret,
        max_age=int(settings.session_hours * 3600),
        path="/",
        secure="https" in (request.url.scheme, urlsplit(settings.public_origin).scheme),
        httponly=True,
        # Strict would leave out the cookie where the token's address is followed from elsewhere.
        samesite="lax",
    )


async def _page(request: Request, gate: Gate, *, problem: Problem | None = None) -> Response:
    settings = gate.lab.settings
    is_local = is_loopback(settings.host)
    html = render_login(
        machine="" if is_local else socket.gethostname(),
        origin=settings.public_origin or f"http://{request.headers.get('host', '')}",
        has_accounts=await asyncio.to_thread(gate.has_passwords),
        problem=problem.detail if problem else "",
    )
    status = problem.status if problem else 200
    return HTMLResponse(html, status_code=status, headers=problem.headers if problem else None)
