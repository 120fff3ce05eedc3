"""`noctis echo` and `noctis send`: talk to any DICOM receiver."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from tqdm import tqdm

from noctis_lab.cli.options import PARTLY_DONE, opened_settings, outer_door

__all__ = ["register"]

Peer = Annotated[str, typer.Argument(help="Address of the receiver.")]
PeerPort = Annotated[int, typer.Argument(help="TCP port of the receiver.")]
CalledAET = Annotated[str | None, typer.Option("--called", help="The receiver's AE title.")]
CallingAET = Annotated[str, typer.Option("--calling", help="The AE title to call with.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command()(echo)
    app.command()(send)


def echo(host: Peer, port: PeerPort, called: CalledAET = None, calling: CallingAET = "NOCTIS"
         ) -> None:  # fmt: skip
    """Verify a receiver by C-ECHO."""
    settings = opened_settings()
    with outer_door():
        from noctis_lab.ingest import scu

        title = called or settings.dicom_aet
        scu.echo(host=host, port=port, called_aet=title, calling_aet=calling)
        print(f"{title} at {host}:{port} answers")


def send(
    host: Peer,
    port: PeerPort,
    paths: Annotated[list[Path], typer.Argument(help="Files or folders.", exists=True)],
    called: CalledAET = None,
    calling: CallingAET = "NOCTIS",
) -> None:
    """Send DICOM files to a receiver by C-STORE."""
    settings = opened_settings()
    with outer_door():
        from noctis_lab.ingest import scu
        from noctis_lab.ingest.folder import iter_files

        files = list(iter_files(paths))
        with tqdm(total=len(files), desc="sending", unit=" files") as bar:
            report = scu.send(
                files,
                host=host,
                port=port,
                called_aet=called or settings.dicom_aet,
                calling_aet=calling,
                progress=lambda _result: bar.update(),
            )
        print(f"{report.sent} of {len(files)} stored")
        for failure in report.failed:
            print(f"  {failure.path}: {failure.reason}")
        if report.failed:
            raise typer.Exit(PARTLY_DONE if report.sent else 1)
