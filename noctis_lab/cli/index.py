"""`noctis index`: folders, media and zip archives into the archive, by copy or in place."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from noctis_lab.cli.options import PARTLY_DONE, Root, opened_settings, outer_door
from noctis_lab.config import command

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(index)


def index(
    paths: Annotated[
        list[Path],
        typer.Argument(help="Folders, files, zip archives, media with a DICOMDIR.", exists=True),
    ],
    in_place: Annotated[
        bool,
        typer.Option("--in-place", help="Register the files where they are; copy nothing."),
    ] = False,
    facility: Annotated[
        str, typer.Option("--facility", help="To which the instances belong; made if new.")
    ] = "local",
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the whole report as JSON on stdout.")
    ] = False,
    root: Root = None,
) -> None:
    """Take in every DICOM file among and below PATHS, whatever it is called, zipped ones too.

    Interrupt it at any time: the same command again goes on. Exit codes: 0 done (files that are
    not DICOM beside DICOM are usual); 3 partly done: conflicts, damaged or unreadable files, or
    interrupted; 1 failed, or no file held DICOM; 2 usage.
    """
    settings = opened_settings(root=root)
    with outer_door():
        from noctis_lab.ingest.archive import open_archive
        from noctis_lab.ingest.folder import index_paths, require_facility
        from noctis_lab.ingest.index_bar import index_bar
        from noctis_lab.ingest.index_report import IndexReport
        from noctis_lab.ingest.interrupt import stopping_on_signals

        report = IndexReport()
        with open_archive(settings) as archive:
            try:
                require_facility(archive, facility)
            except ValueError as error:
                raise typer.BadParameter(str(error), param_hint="--facility") from None
            try:
                with stopping_on_signals() as stop, index_bar(disable=None) as show:
                    index_paths(
                        archive.pipeline,
                        paths,
                        facility=facility,
                        in_place=in_place,
                        progress=show,
                        stop=stop,
                        report=report,
                    )
            finally:
                print(report.to_json() if as_json else report.to_text())
                if not as_json and any(each.quarantine_id for each in report.conflicts):
                    print(f"what is kept aside: {command('quarantine list', settings.root)}")
        if report.needs_a_look:
            raise typer.Exit(PARTLY_DONE)
        if report.done and not report.has_instances:
            raise typer.Exit(1)
