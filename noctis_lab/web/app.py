"""The web process: API and pages in one application, behind one guard, on one uvicorn worker."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

import uvicorn
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from noctis_lab.catalog.serving import Service, serving
from noctis_lab.config import Settings
from noctis_lab.errors import NoctisError
from noctis_lab.jobs.doctor import Depth, examine
from noctis_lab.lab import Lab, open_lab
from noctis_lab.lab.receiver import is_listening
from noctis_lab.views.pages import API_PATH, mount_pages
from noctis_lab.views.statuses import status_of
from noctis_lab.web.auth import Gate, current_visit
from noctis_lab.web.guard import Guard
from noctis_lab.web.limits import MOST_UPLOADS, Limits
from noctis_lab.web.live import LiveFeed
from noctis_lab.web.problems import Problem
from noctis_lab.web.remembered import Remembered
from noctis_lab.web.routes import (
    calibration,
    demo,
    hanging,
    health,
    live,
    measurements,
    overlays,
    quarantine,
    senders,
    series,
    sign_in,
    status,
    studies,
    surfaces,
    upload,
    viewer_sessions,
    window_presets,
)
from noctis_lab.web.schemas import ProblemAnswer
from noctis_lab.web.underway import Underway

__all__ = ["create_app", "listening", "serve_web"]

logger = logging.getLogger(__name__)

_SHUTDOWN_S = 3
_RECEIVER_ASKED_EVERY_S = 10.0
_HEALTH_EVERY_S = 5.0
_THUMBNAILS_AT_ONCE = 2  # a strip asks for many at once; pixels come first
_MESSAGE_BYTES = 1024 * 1024  # of a websocket: pages send state, never pixels


def create_app(lab: Lab) -> Guard:
    """Return the ASGI application that serves an archive.

    Parameters
    ----------
    lab
        The open archive; the caller closes it after the application has shut down.
    """
    feed = LiveFeed(poll=lab.catalog.poll_events, last_event_id=lab.catalog.last_event_id)
    # Their own: unpacking takes minutes, and every other request needs one of the loop's few.
    upload_threads = ThreadPoolExecutor(MOST_UPLOADS, thread_name_prefix="upload")

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        polling = asyncio.create_task(feed.run())
        try:
            yield
        finally:
            feed.close()
            polling.cancel()
            with suppress(asyncio.CancelledError):
                await polling
            await asyncio.to_thread(upload_threads.shutdown, cancel_futures=True)

    app = FastAPI(
        title="noctis_lab",
        summary="A research lab's imaging archive",
        version="1",
        openapi_url="/api/v1/openapi.json",
        docs_url=None,  # its page would load scripts from another host
        redoc_url=None,
        lifespan=lifespan,
        responses={"4XX": {"model": ProblemAnswer}, "5XX": {"model": ProblemAnswer}},
    )
    gate, limits = Gate(lab), Limits()
    app.state.lab, app.state.gate, app.state.limits = lab, gate, limits
    app.state.feed, app.state.upload_threads = feed, upload_threads
    app.state.underway = Underway()
    app.state.receiver = Remembered(
        lambda: is_listening(lab.settings), every_s=_RECEIVER_ASKED_EVERY_S
    )
    app.state.health = Remembered(
        lambda: tuple(examine(lab.settings, depth=Depth(quick=True))), every_s=_HEALTH_EVERY_S
    )
    app.state.rendering = asyncio.Semaphore(_THUMBNAILS_AT_ONCE)
    app.include_router(status.health)
    app.include_router(sign_in.router)
    for routes in (
        studies,
        series,
        overlays,
        measurements,
        surfaces,
        live,
        senders,
        quarantine,
        health,
        status,
        upload,
        demo,
        calibration,
    ):
        app.include_router(routes.router, prefix=API_PATH)
    app.include_router(hanging.of_study, prefix=API_PATH)
    app.include_router(calibration.of_series, prefix=API_PATH)
    for kept in (viewer_sessions, hanging, window_presets):
        app.include_router(kept.router, prefix="/api/v1")
    app.add_exception_handler(RequestValidationError, _not_understood)
    app.add_exception_handler(NoctisError, _failed)
    app.add_exception_handler(Exception, _broke)
    mount_pages(app, lab, visit=current_visit)
    return Guard(app, gate, limits, on_close=feed.close)


def serve_web(
    settings: Settings, *, stop: threading.Event, ready: Callable[[str, int], None]
) -> None:
    """Serve pages and API until told to stop.

    Parameters
    ----------
    settings
        Where, and which archive.
    stop
        Ends the serving; open streams and websockets are closed.
    ready
        Called with host and port once connections are accepted.
    """
    lab = open_lab(settings.root, settings=settings)

    def on_ready(host: str, port: int) -> None:
        ready(host, port)
        # A file that is none is logged at the start, with its line; nobody waits for that.
        lab.handle.background.submit(lab.hanging_shelf.problems).add_done_callback(_tell_failure)

    try:
        with (
            listening(settings) as listener,
            serving(settings.root, Service.PAGE, listener.getsockname()[1]),
        ):
            asyncio.run(_serve(create_app(lab), listener, stop, on_ready))
    finally:
        lab.close()


def _tell_failure(asked: Future[Any]) -> None:
    error = None if asked.cancelled() else asked.exception()
    if error is not None:
        logger.error("hanging files could not be looked at", exc_info=error)


def listening(settings: Settings) -> socket.socket:
    """Return a socket bound to where the settings say, on which a server may listen.

    It names TCP by its number: asyncio turns Nagle's algorithm off on those connections alone whose
    listener does, and with it on small answers wait 40 ms for the client's delayed acknowledgement.

    Raises
    ------
    OSError
        The port is taken, or the host is none of this machine.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((settings.host, settings.port))
    except OSError:
        listener.close()
        raise
    return listener


async def _serve(
    app: Guard,
    listener: socket.socket,
    stop: threading.Event,
    ready: Callable[[str, int], None],
) -> None:
    config = uvicorn.Config(
        app,
        log_config=None,
        log_level="warning",  # at INFO uvicorn logs addresses of websockets, query strings included
        access_log=False,  # the guard logs, without query strings
        server_header=False,
        timeout_graceful_shutdown=_SHUTDOWN_S,
        ws="websockets-sansio",
        ws_max_size=_MESSAGE_BYTES,
        lifespan="on",
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started and not serving.done():
        await asyncio.sleep(0.02)
    if server.started:
        host, port = listener.getsockname()[:2]
        ready(host, port)
    while not stop.is_set() and not serving.done():
        await asyncio.sleep(0.1)
    server.should_exit = True
    app.close()
    await serving


class _Server(uvicorn.Server):
    """Leaves the signals to the process's own door."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


async def _not_understood(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    # Where and what, but not the input: it may hold a name.
    places = "; ".join(
        f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']}" for item in error.errors()
    )
    return _answer(
        Problem(
            status=422,
            expected="a request as /api/v1/openapi.json describes it",
            came=places,
            what_to_do="Correct what is named and ask again.",
        )
    )


async def _failed(_request: Request, error: Exception) -> JSONResponse:
    return _answer(
        Problem(
            status=status_of(error),
            expected="an answer of the archive",
            came=str(error),
            what_to_do="The message says what stands against it.",
        )
    )


async def _broke(request: Request, error: Exception) -> JSONResponse:
    route = getattr(request.scope.get("route"), "path", "(unknown)")
    logger.error("a route broke", extra={"route": route}, exc_info=error)
    return _answer(
        Problem(
            status=500,
            expected="an answer",
            came="an error of ours",
            what_to_do="It is in the log; `noctis doctor` may say more.",
        )
    )


def _answer(problem: Problem) -> JSONResponse:
    return JSONResponse(problem.as_json(), status_code=problem.status, headers=problem.headers)
