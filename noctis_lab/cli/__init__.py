"""The command line: one file per group of commands."""

from __future__ import annotations

import typer

from noctis_lab.cli import (
    calibrate,
    demo,
    doctor,
    export,
    hanging,
    index,
    network,
    quarantine,
    query,
    senders,
    services,
    upkeep,
)

__all__ = ["app", "main"]

app = typer.Typer(
    name="noctis",
    help="A research lab's imaging archive: receive DICOM, ask it SQL, open it as volumes.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
services.register(app)
demo.register(app)
index.register(app)
query.register(app)
network.register(app)
senders.register(app)
quarantine.register(app)
upkeep.register(app)
doctor.register(app)
export.register(app)
hanging.register(app)
calibrate.register(app)


def main() -> None:
    """Run the command line; exit codes: 0 done, 1 failed, 2 usage, 3 partly done."""
    app()
