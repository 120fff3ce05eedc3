"""`noctis calibrate`: phantoms found in CT series, measured, and kept as records."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from noctis_lab.cli.options import PARTLY_DONE, Root, opened_settings, outer_door

if TYPE_CHECKING:
    from noctis_lab.catalog.records import SeriesRow
    from noctis_lab.config import Settings
    from noctis_lab.jobs.calibration.report import CalibrationReport
    from noctis_lab.lab import Lab

__all__ = ["register"]

_LARGEST_CERTIFICATE: Final = 1_000_000


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(calibrate)


def calibrate(
    series_uids: Annotated[
        list[str] | None, typer.Argument(metavar="SERIES_UID", help="SeriesInstanceUIDs.")
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Every CT series that was not looked at yet.")
    ] = False,
    again: Annotated[
        bool, typer.Option("--again", help="With --all: those too that were looked at.")
    ] = False,
    model: Annotated[
        str | None,
        typer.Option("--model", help="The phantom is this one; recorded as said by a person."),
    ] = None,
    serial: Annotated[
        str | None, typer.Option("--serial", help="The phantom's serial number.")
    ] = None,
    tolerances: Annotated[
        str | None, typer.Option("--tolerances", help="Name of a set of tolerances.")
    ] = None,
    certificate: Annotated[
        Path | None,
        typer.Option(
            "--certificate",
            help="Keep a phantom's own values, a CSV with its serial number: with no series, that "
            "is all.",
        ),
    ] = None,
    scanner: Annotated[
        str | None,
        typer.Option(
            "--scanner",
            help="With --certificate: this scanner, as hu_analysis names it, has that phantom.",
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the whole report as JSON on stdout.")
    ] = False,
    report_file: Annotated[
        Path | None,
        typer.Option("--report", help="With one series: write its analysis as an HTML page."),
    ] = None,
    root: Root = None,
) -> None:
    """Analyse CT series as phantoms of known materials; each analysis is added to the records.

    Interrupt it at any time: with --all the same command again goes on. Exit codes: 0 done (with
    --all it is usual that most series are no phantoms); 3 partly done: some of the series named
    were refused, some could not be read, or it was interrupted; 1 none of the series named has an
    analysis; 2 usage.
    """
    is_only_kept = certificate is not None and not series_uids and not every
    if bool(series_uids) == every and not is_only_kept:
        raise typer.BadParameter("name series, or give --all", param_hint="SERIES_UID")
    if report_file is not None and len(series_uids or ()) != 1:
        raise typer.BadParameter("is of one series: name it", param_hint="--report")
    if scanner is not None and certificate is None:
        raise typer.BadParameter("is of a certificate: give --certificate", param_hint="--scanner")
    settings = opened_settings(root=root)
    if certificate is not None:
        _keep_certificate(settings, certificate, scanner)
    if is_only_kept:
        return
    with outer_door():
        from noctis_lab.catalog.store import require_catalog
        from noctis_lab.ingest.interrupt import stopping_on_signals
        from noctis_lab.jobs.calibration.documents import Asked
        from noctis_lab.jobs.calibration.report import CalibrationReport
        from noctis_lab.jobs.calibration.run import calibrate_many
        from noctis_lab.lab import open_lab
        from noctis_lab.lab.measuring.keeping import own_principal
        from noctis_lab.volumes.export.bar import series_bar

        require_catalog(settings.root)
        asked = Asked(
            author=own_principal().name,
            again=again or not every,
            model=model,
            serial=serial,
            tolerances=tolerances,
        )
        report = CalibrationReport()
        try:
            with (
                open_lab(settings=settings) as lab,
                stopping_on_signals() as stop,
                series_bar("analysing", disable=None) as show,
            ):
                series: list[SeriesRow | str] = [*(series_uids or _ct_series(lab))]
                calibrate_many(
                    lab.handle, lab.ledger, series, asked, progress=show, stop=stop, report=report
                )
                if report_file is not None and report.analyses:
                    lab.calibration.report(report.outcomes[0].SeriesInstanceUID, report_file)
        finally:
            print(report.to_json() if as_json else report.to_text(listed=not every))
        code = _exit_code(report, every=every)
        if code:
            raise typer.Exit(code)


def _keep_certificate(settings: Settings, path: Path, scanner: str | None) -> None:
    with outer_door():
        from noctis_lab.catalog.store import require_catalog
        from noctis_lab.errors import CannotCalibrate
        from noctis_lab.lab import open_lab

        try:
            with path.open(encoding="utf-8-sig") as file:
                text = file.read(_LARGEST_CERTIFICATE + 1)
        except (OSError, UnicodeDecodeError) as error:
            words = getattr(error, "strerror", None) or "it is no UTF-8"
            raise CannotCalibrate("bad_certificate", f"{path} cannot be read: {words}") from None
        require_catalog(settings.root)
        with open_lab(settings=settings) as lab:
            kept = lab.calibration.add_certificates(text, scanner=scanner)
    print(f"{len(kept)} certificate{'s' if len(kept) > 1 else ''} kept", file=sys.stderr)


def _ct_series(lab: Lab) -> list[SeriesRow]:
    return [series.row for series in lab.series(Modality="CT")]


def _exit_code(report: CalibrationReport, *, every: bool) -> int:
    if every:
        return 0 if report.is_whole else PARTLY_DONE
    if report.analyses == len(report.outcomes):
        return 0
    return PARTLY_DONE if report.analyses or not report.is_finished else 1
