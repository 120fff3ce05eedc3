"""`noctis serve`, its three processes, `token` and `migrate`."""

from __future__ import annotations

import errno
import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from noctis_lab.catalog import notes
from noctis_lab.cli.options import (
    AET,
    Debug,
    Host,
    LogLevel,
    Port,
    Root,
    opened_settings,
    outer_door,
)
from noctis_lab.cli.supervisor import Address, Supervisor, end_on_signals, run_supervised
from noctis_lab.config import EVERYWHERE, Settings, command, is_usual_root, local_address
from noctis_lab.errors import AddressTaken
from noctis_lab.lab.addresses import reached_at

if TYPE_CHECKING:
    from noctis_lab.catalog.store import Catalog

__all__ = ["DicomPort", "register", "serve_archive", "token_command"]

logger = logging.getLogger(__name__)

_BESIDE_S = 10.0

Supervised = Annotated[bool, typer.Option("--supervised", hidden=True)]
DicomHost = Annotated[
    str | None, typer.Option("--dicom-host", help="Address the receiver listens on.  [127.0.0.1]")
]
DicomPort = Annotated[
    int | None, typer.Option("--dicom-port", help="TCP port of the receiver.  [DICOM_PORT, 11112]")
]


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    for each in (serve, receive, web, worker, token, migrate):
        app.command()(each)


def serve(
    root: Root = None,
    host: Host = None,
    port: Port = None,
    dicom_host: DicomHost = None,
    dicom_port: DicomPort = None,
    aet: AET = None,
    debug: Debug = False,
) -> None:
    """Run the archive: receiver, pages and worker; one Ctrl-C stops all."""
    settings = opened_settings(root=root, debug=debug, host=host, port=port, dicom_host=dicom_host,
                         dicom_port=dicom_port, dicom_aet=aet)  # fmt: skip
    with outer_door():
        serve_archive(settings)


def receive(
    root: Root = None,
    host: Host = None,
    port: Port = None,
    aet: AET = None,
    debug: Debug = False,
    log_level: LogLevel = None,
    supervised: Supervised = False,
) -> None:
    """Run the DICOM receiver (C-ECHO, C-STORE) alone."""
    settings = opened_settings(
        root=root, debug=debug, log_level=log_level,
        dicom_host=host, dicom_port=port, dicom_aet=aet,
    )  # fmt: skip
    with outer_door():
        from noctis_lab.ingest.scp import serve_scp

        def run(stop: threading.Event, ready: Callable[[Address | None], None]) -> None:
            option = "--dicom-port" if supervised else "--port"
            with _taken_told(settings.dicom_host, settings.dicom_port, f"{option} 11113"):
                serve_scp(settings, stop=stop, ready=lambda h, p: ready(Address(h, p)))

        run_supervised(run, supervised=supervised)


def web(
    root: Root = None,
    host: Host = None,
    port: Port = None,
    dicom_host: Annotated[str | None, typer.Option("--dicom-host", hidden=True)] = None,
    dicom_port: Annotated[int | None, typer.Option("--dicom-port", hidden=True)] = None,
    aet: AET = None,
    debug: Debug = False,
    log_level: LogLevel = None,
    supervised: Supervised = False,
) -> None:
    """Run the pages and the API alone."""
    settings = opened_settings(root=root, debug=debug, log_level=log_level, host=host, port=port,
                         dicom_host=dicom_host, dicom_port=dicom_port, dicom_aet=aet)  # fmt: skip
    with outer_door():
        from noctis_lab.catalog.store import open_catalog
        from noctis_lab.web.app import serve_web

        def run(stop: threading.Event, ready: Callable[[Address | None], None]) -> None:
            def announce(host: str, port: int) -> None:
                ready(Address(host, port))
                if not supervised:
                    with open_catalog(settings.root) as catalog:
                        _, words = _sign_in_address(settings, catalog, Address(host, port))
                    print(f"page  {words}", flush=True)

            with _taken_told(settings.host, settings.port, "--port 5007"):
                serve_web(settings, stop=stop, ready=announce)

        run_supervised(run, supervised=supervised)


def worker(
    root: Root = None,
    debug: Debug = False,
    log_level: LogLevel = None,
    supervised: Supervised = False,
) -> None:
    """Run the worker alone: series facts, thumbnails, Parquet."""
    settings = opened_settings(root=root, debug=debug, log_level=log_level)
    with outer_door():
        from noctis_lab.jobs.worker import run_worker

        def run(stop: threading.Event, ready: Callable[[Address | None], None]) -> None:
            ready(None)
            run_worker(settings, stop)

        run_supervised(run, supervised=supervised)


def token(root: Root = None) -> None:
    """Print a new sign-in address of the running archive; the last one is void."""
    settings = opened_settings(root=root)
    with outer_door():
        from noctis_lab.catalog.people import create_login_token
        from noctis_lab.catalog.store import open_catalog, require_catalog

        require_catalog(settings.root)
        with open_catalog(settings.root) as catalog:
            page = catalog.find_note(notes.PAGE) or _origin(
                settings, Address(settings.host, settings.port)
            )
            print(f"{page}/login?token={create_login_token(catalog)}")


def migrate(root: Root = None) -> None:
    """Bring an existing catalogue to this version's schema."""
    settings = opened_settings(root=root)
    with outer_door():
        from noctis_lab.catalog.store import open_catalog, require_catalog

        require_catalog(settings.root)
        with open_catalog(settings.root, may_migrate=True):
            print(f"catalogue of {settings.root} is at this version's schema")


def serve_archive(
    settings: Settings,
    *,
    beside: Callable[[Future[tuple[Address, str]], threading.Event], None] | None = None,
) -> None:
    """Run the three processes until told to stop; `beside` runs meanwhile, and its failure ends it.

    Parameters
    ----------
    beside
        Gets the receiver's address and the page's, which come when both are ready and are
        cancelled where they never will, and the event that asks it to end.
    """

    def restarted(name: str, exit_code: int) -> None:
        catalog.append_event(ChildRestarted(process=name, exit_code=exit_code))

    supervisor = Supervisor(on_restart=restarted)
    end_on_signals(supervisor.stop)  # first: a KeyboardInterrupt amid an import may be lost
    print(f"noctis_lab starts {settings.root}: receiver, pages and worker …", flush=True)
    # Before there is another thread: two that import modules of one cycle may see half of one.
    from noctis_lab.catalog.store import open_catalog
    from noctis_lab.events import ChildRestarted

    settings.root.mkdir(parents=True, exist_ok=True)
    stopping = threading.Event()
    ready: Future[tuple[Address, str]] = Future()
    with (
        open_catalog(settings.root, may_migrate=True) as catalog,
        ThreadPoolExecutor(1, "noctis-beside") as executor,
    ):

        def stop_if_it_failed(ended: Future[None]) -> None:
            if ended.exception() is not None:
                supervisor.stop()

        running: Future[None] | None = None
        try:
            if beside is not None:
                running = executor.submit(beside, ready, stopping)
                running.add_done_callback(stop_if_it_failed)
            started = _start(supervisor, settings)
            if started is not None:
                ready.set_result((started[0], _announce(settings, catalog, *started)))
            supervisor.watch()
            if running is not None and running.done():
                running.result()
        finally:
            stopping.set()
            ready.cancel()
            if running is not None:
                wait([running], timeout=_BESIDE_S)  # it may still need the services for a moment
            supervisor.close()


def _start(supervisor: Supervisor, settings: Settings) -> tuple[Address, Address] | None:
    """Start the three in their order; None where it was told to stop meanwhile."""
    common = ["--root", str(settings.root), "--log-level", settings.log_level]
    aet = ["--aet", settings.dicom_aet]
    receiver = supervisor.start(
        "receive",
        [*common, *aet, "--host", settings.dicom_host, "--port", str(settings.dicom_port)],
    )
    if receiver is None:
        return None
    page = supervisor.start(
        "web",
        [*common, *aet, "--host", settings.host, "--port", str(settings.port),
         "--dicom-host", settings.dicom_host, "--dicom-port", str(receiver.port)],
    )  # fmt: skip
    if page is None:
        return None
    supervisor.start("worker", common)
    return receiver, page


@contextmanager
def _taken_told(host: str, port: int, other: str) -> Iterator[None]:
    """Tell of an address that is taken by its port, who has it most likely, and what to do."""
    try:
        yield
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        option = other.partition(" ")[0]
        raise AddressTaken(
            f"port {port} of {host} is in use, most likely by another `noctis serve` or "
            f"`noctis demo`: stop that one (Ctrl-C where it runs; `ss -ltnp` names it), or take "
            f"another port by {other}, or any free one by {option} 0"
        ) from error


def _announce(settings: Settings, catalog: Catalog, receiver: Address, page: Address) -> str:
    """Print where everything is, and return the address that signs in."""
    url, words = _sign_in_address(settings, catalog, page)
    catalog.write_note(notes.RECEIVER, f"{settings.dicom_aet}@{receiver.host}:{receiver.port}")
    print(
        f"noctis_lab serves {settings.root}\n"
        f"  receiver  {settings.dicom_aet} at {receiver.host}:{receiver.port}{_entered(receiver)}\n"
        f"  page      {words}\n"
        "Ctrl-C stops all.",
        flush=True,
    )
    return url


def _entered(receiver: Address) -> str:
    if receiver.host not in EVERYWHERE:
        return ""
    addresses = reached_at(receiver.host)
    which = " (the one in its network)" if len(addresses) > 1 else ""
    return f"; at the modality enter {' or '.join(addresses)}{which}"


def _sign_in_address(settings: Settings, catalog: Catalog, page: Address) -> tuple[str, str]:
    """Note where the pages are; return the address to open, and the words that tell of it."""
    from noctis_lab.catalog.people import create_login_token

    origin = _origin(settings, page)
    catalog.write_note(notes.PAGE, origin)
    if not settings.print_token:
        return origin, f"{origin} ({token_command(settings)} prints an address that signs in)"
    url = f"{origin}/login?token={create_login_token(catalog)}"
    return url, url


def token_command(settings: Settings) -> str:
    """Return the command that prints an address that signs in."""
    return "noctis token" if is_usual_root(settings) else command("token", settings.root)


def _origin(settings: Settings, page: Address) -> str:
    return settings.public_origin or f"http://{_in_url(page.host)}:{page.port}"


def _in_url(host: str) -> str:
    host = local_address(host)
    return f"[{host}]" if ":" in host else host
