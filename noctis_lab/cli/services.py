"""`noctis serve`, its three processes, `migrate` and `demo`."""

from __future__ import annotations

import logging
import tempfile
import threading
import webbrowser
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from tqdm import tqdm

from noctis_lab.cli.options import AET, Debug, Host, Port, Root, opened_settings, outer_door
from noctis_lab.cli.supervisor import Address, Supervisor, end_on_signals, run_supervised
from noctis_lab.config import Settings
from noctis_lab.errors import SendFailed

__all__ = ["register"]

logger = logging.getLogger(__name__)

Supervised = Annotated[bool, typer.Option("--supervised", hidden=True)]
DicomHost = Annotated[
    str | None, typer.Option("--dicom-host", help="Address the receiver listens on.  [127.0.0.1]")
]
DicomPort = Annotated[
    int | None, typer.Option("--dicom-port", help="TCP port of the receiver.  [DICOM_PORT, 11112]")
]


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    for command in (serve, receive, web, worker, migrate, demo):
        app.command()(command)


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
        _serve(settings, debug=debug, when_ready=lambda _receiver, _url: None)


def demo(
    root: Root = None,
    port: Port = None,
    dicom_port: DicomPort = None,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Do not open the page.")] = False,
) -> None:
    """Serve a synthetic archive: a CatPhan CT is pushed over the loopback, the page opened."""
    settings = opened_settings(root=root or Path("~/noctis-demo"), port=port, dicom_port=dicom_port)

    def push(receiver: Address, url: str) -> None:
        _push_demo(settings, receiver)
        if not no_browser:
            webbrowser.open(url)

    with outer_door():
        _serve(settings, debug=False, when_ready=push)


def receive(
    root: Root = None,
    host: Host = None,
    port: Port = None,
    aet: AET = None,
    debug: Debug = False,
    supervised: Supervised = False,
) -> None:
    """Run the DICOM receiver (C-ECHO, C-STORE) alone."""
    settings = opened_settings(
        root=root, debug=debug, dicom_host=host, dicom_port=port, dicom_aet=aet
    )
    with outer_door():
        from noctis_lab.ingest.scp import serve_scp

        def run(stop: threading.Event, ready: Callable[[Address | None], None]) -> None:
            serve_scp(settings, stop=stop, ready=lambda h, p: ready(Address(h, p)))

        run_supervised(run, supervised=supervised)


def web(
    root: Root = None,
    host: Host = None,
    port: Port = None,
    dicom_port: Annotated[int | None, typer.Option("--dicom-port", hidden=True)] = None,
    aet: AET = None,
    debug: Debug = False,
    supervised: Supervised = False,
) -> None:
    """Run the pages and the API alone."""
    settings = opened_settings(
        root=root, debug=debug, host=host, port=port, dicom_port=dicom_port, dicom_aet=aet
    )
    with outer_door():
        from noctis_lab.web.app import serve_web

        def run(stop: threading.Event, ready: Callable[[Address | None], None]) -> None:
            serve_web(settings, stop=stop, ready=lambda h, p: ready(Address(h, p)))

        run_supervised(run, supervised=supervised)


def worker(root: Root = None, debug: Debug = False, supervised: Supervised = False) -> None:
    """Run the worker alone: series facts, thumbnails, Parquet."""
    settings = opened_settings(root=root, debug=debug)
    with outer_door():
        from noctis_lab.jobs.worker import run_worker

        def run(stop: threading.Event, ready: Callable[[Address | None], None]) -> None:
            ready(None)
            run_worker(settings, stop)

        run_supervised(run, supervised=supervised)


def migrate(root: Root = None) -> None:
    """Bring an existing catalogue to this version's schema."""
    settings = opened_settings(root=root)
    with outer_door():
        from noctis_lab.catalog.store import open_catalog

        with open_catalog(settings.root, may_migrate=True):
            print(f"catalogue of {settings.root} is at this version's schema")


def _serve(
    settings: Settings,
    *,
    debug: bool,
    when_ready: Callable[[Address, str], None],
) -> None:
    from noctis_lab.catalog.people import create_login_token
    from noctis_lab.catalog.store import open_catalog
    from noctis_lab.events import ChildRestarted

    settings.root.mkdir(parents=True, exist_ok=True)
    with open_catalog(settings.root, may_migrate=True) as catalog:
        token = create_login_token(catalog)

        def restarted(name: str, exit_code: int) -> None:
            catalog.append_event(ChildRestarted(process=name, exit_code=exit_code))

        supervisor = Supervisor(on_restart=restarted)

        end_on_signals(supervisor.stop)
        try:
            receiver, page = _start(supervisor, settings, debug=debug)
            if receiver is not None and page is not None:
                when_ready(receiver, _announce(settings, receiver, page, token))
            supervisor.watch()
        finally:
            supervisor.close()


def _start(
    supervisor: Supervisor, settings: Settings, *, debug: bool
) -> tuple[Address | None, Address | None]:
    common = ["--root", str(settings.root), *(["--debug"] if debug else [])]
    aet = ["--aet", settings.dicom_aet]
    receiver = supervisor.start(
        "receive",
        [*common, *aet, "--host", settings.dicom_host, "--port", str(settings.dicom_port)],
    )
    dicom_port = settings.dicom_port if receiver is None else receiver.port
    page = supervisor.start(
        "web",
        [*common, *aet, "--host", settings.host, "--port", str(settings.port),
         "--dicom-port", str(dicom_port)],
    )  # fmt: skip
    supervisor.start("worker", common)
    return receiver, page


def _announce(settings: Settings, receiver: Address, page: Address, token: str) -> str:
    url = f"http://{_in_url(page.host)}:{page.port}/login?token={token}"
    print(
        f"noctis_lab serves {settings.root}\n"
        f"  receiver  {settings.dicom_aet} at {receiver.host}:{receiver.port}\n"
        f"  page      {url}\n"
        "Ctrl-C stops all.",
        flush=True,
    )
    return url


def _in_url(host: str) -> str:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    return f"[{host}]" if ":" in host else host


def _push_demo(settings: Settings, receiver: Address) -> None:
    """Push a synthetic CatPhan 504 like a modality would; an archive that has it stays as it is."""
    from noctis_lab.ingest.scu import send
    from noctis_lab.synthetic import catphan504, write_series

    with tempfile.TemporaryDirectory(prefix="noctis-demo-") as folder:
        paths = write_series(catphan504(), Path(folder))
        with tqdm(total=len(paths), desc="pushing the demo's CT", unit=" images") as bar:
            report = send(
                paths,
                host=_in_url(receiver.host).strip("[]"),
                port=receiver.port,
                called_aet=settings.dicom_aet,
                calling_aet="NOCTIS_DEMO",
                progress=lambda _result: bar.update(),
            )
    if report.failed:
        raise SendFailed(f"{len(report.failed)} of {len(paths)} demo images were not stored")
