"""`noctis export`: series out of the archive, into files that others read."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from noctis_lab.cli.options import PARTLY_DONE, Root, opened_settings, outer_door
from noctis_lab.dicom.date_policy import DatePolicy
from noctis_lab.volumes.export_format import ExportFormat

if TYPE_CHECKING:
    from noctis_lab.dicom.voi import Window

__all__ = ["register"]


class Bits(StrEnum):
    """Of a grey level."""

    EIGHT = "8"
    SIXTEEN = "16"


class Outside(StrEnum):
    """What becomes of stored values for which no real world value is stated."""

    REFUSE = "refuse"
    NAN = "nan"


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(export)


def export(
    series_uids: Annotated[
        list[str], typer.Argument(metavar="SERIES_UID", help="SeriesInstanceUIDs.")
    ],
    to: Annotated[ExportFormat, typer.Option("--to", help="The format.")],
    out: Annotated[Path, typer.Option("--out", file_okay=False, help="The folder; made if new.")],
    pseudonymise: Annotated[
        bool,
        typer.Option(
            "--pseudonymise", help="Replace and remove what tells who the patient is (PS3.15)."
        ),
    ] = False,
    dates: Annotated[
        DatePolicy,
        typer.Option(
            "--dates", help="With --pseudonymise: shift by days per patient, keep or remove."
        ),
    ] = DatePolicy.SHIFT,
    allow_burned_in: Annotated[
        bool,
        typer.Option(
            "--allow-burned-in", help="With --pseudonymise: take images that may show a name."
        ),
    ] = False,
    window: Annotated[
        str | None,
        typer.Option("--window", metavar="CENTER,WIDTH", help="Of PNG images.  [the stated one]"),
    ] = None,
    bits: Annotated[Bits, typer.Option("--bits", help="Of PNG images' grey levels.")] = Bits.EIGHT,
    level: Annotated[
        float | None, typer.Option("--level", help="Of a surface (stl, ply), in HU for a CT.")
    ] = None,
    real_world: Annotated[
        str | None,
        typer.Option(
            "--real-world",
            metavar="LABEL",
            help="Write real world values: of the mapping of this label or unit. Not for dicom.",
        ),
    ] = None,
    outside: Annotated[
        Outside, typer.Option("--outside", help="With --real-world: of stored values not mapped.")
    ] = Outside.REFUSE,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the whole report as JSON on stdout.")
    ] = False,
    root: Root = None,
) -> None:
    """Write series into OUT, each whole or not at all, called by series number and a hash.

    Interrupt it at any time: the same command again keeps what is whole and goes on. Exit codes:
    0 done; 3 partly done: series that failed are listed, or it was interrupted; 1 none could be
    exported; 2 usage.
    """
    settings = opened_settings(root=root)
    chosen = None if window is None else _parse_window(window)
    if to.is_surface and level is None:
        raise typer.BadParameter(
            "a surface needs one, for instance 300 for bone in a CT", param_hint="--level"
        )
    if to is ExportFormat.DICOM and real_world is not None:
        raise typer.BadParameter("DICOM is written as it is stored", param_hint="--real-world")
    with outer_door():
        from noctis_lab.catalog.store import require_catalog
        from noctis_lab.ingest.interrupt import stopping_on_signals
        from noctis_lab.volumes.cache import open_handle
        from noctis_lab.volumes.export.bar import series_bar
        from noctis_lab.volumes.export.options import ExportOptions
        from noctis_lab.volumes.export.report import ExportReport
        from noctis_lab.volumes.export.run import export_series

        require_catalog(settings.root)
        options = ExportOptions(
            to=to,
            out=out,
            pseudonymise=pseudonymise,
            dates=dates,
            allow_burned_in=allow_burned_in,
            window=chosen,
            bits=8 if bits is Bits.EIGHT else 16,
            level=level,
            real_world=None
            if real_world is None
            else {"name": real_world, "outside": outside.value},
        )
        report = ExportReport()
        try:
            with (
                open_handle(settings) as handle,
                stopping_on_signals() as stop,
                series_bar("exporting", disable=None) as show,
            ):
                export_series(handle, series_uids, options, progress=show, stop=stop, report=report)
        finally:
            print(report.to_json() if as_json else report.to_text())
        if not report.is_complete:
            raise typer.Exit(PARTLY_DONE if report.is_partly_done else 1)


def _parse_window(text: str) -> Window:
    import numpy as np

    from noctis_lab.dicom.voi import Window, apply_window

    try:
        center, width = map(float, text.split(","))
        apply_window(np.empty(0), center=center, width=width)  # which refuses what is no window
        return Window(center=center, width=width)
    except ValueError as error:
        raise typer.BadParameter(
            f"CENTER,WIDTH such as 40,400: {error}", param_hint="--window"
        ) from None
