"""Pages that are tables alone: the baselines and events that were recorded, phantoms, curves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from noctis_lab.views.calibration.address import CALIBRATION_PATH, Asked
from noctis_lab.views.calibration.numbers import between, counted, number, number_of, rows_of
from noctis_lab.views.calibration.quantities import quantity_of
from noctis_lab.views.calibration.told import choice, column, head, page, table

if TYPE_CHECKING:
    from noctis_lab.lab.calibrating.records import CalibrationRecords

__all__ = ["register_page", "view_choices"]

_MOST_ROWS: Final = 200
_WORDS: Final = {
    "": "Fleet", "baselines": "Baselines", "phantoms": "Phantoms", "curves": "Curves",
}  # fmt: skip

type Rows = list[tuple[Sequence[Any], str]]


def view_choices(asked: Asked) -> list[dict[str, Any]]:
    """Return the pages beside one another: the fleet's, and those that are tables."""
    return [
        choice(words, asked.address(view=view), view == asked.view)
        for view, words in _WORDS.items()
    ]


def register_page(records: CalibrationRecords, asked: Asked) -> tuple[dict[str, Any], list[Any]]:
    """Return the page of `asked.view`: what its client is told, and no figures.

    Parameters
    ----------
    records
        As who looks may read them.
    """
    tables = {"baselines": _said_of, "phantoms": _phantoms, "curves": _curves}[asked.view](records)
    return page(
        "tables",
        head(_WORDS[asked.view], back=CALIBRATION_PATH, choices=(view_choices(asked),)),
        status=[counted(len(tables[0]["rows"]), _WORDS[asked.view].lower().removesuffix("s"))],
        hint="",
        tables=tables,
    ), []


def _said_of(records: CalibrationRecords) -> list[dict[str, Any]]:
    baselines: Rows = []
    for row in reversed(rows_of(records.baselines())):
        quantity = quantity_of(str(row["quantity"]))
        cells = (
            _day(row["scanner_time"]), row["scanner"], row["protocol"], quantity.name,
            quantity.write(float(row["center"])), number(float(row["sigma"]), quantity.digits),
            str(row["scan_count"]), str(row["reason"]), str(row["author"]),
        )  # fmt: skip
        baselines.append((cells, _of_scanner(row)))
    events: Rows = [
        (
            (_day(row["scanner_time"]), row["scanner"], row["event_kind"],
             row["note"] or "", row["author"]),
            _of_scanner(row),
        )
        for row in reversed(rows_of(records.events()))
    ]  # fmt: skip
    return [
        _bounded(
            (column("Valid from"), column("Scanner"), column("Protocol", is_narrow=True),
             column("Of"), column("Centre", is_number=True),
             column("\N{GREEK SMALL LETTER SIGMA}", is_number=True),
             column("Scans", is_number=True), column("Reason"), column("Set by")),
            baselines, "Baselines that people have set",
            "None: every chart is held against its first scans, and anew from each event on. A "
            "scanner's page sets one.",
        ),
        _bounded(
            (column("When"), column("Scanner"), column("What"), column("Note"),
             column("Noted by")),
            events, "Events of scanners", "Nothing was noted yet. A scanner's page notes one.",
        ),
    ]  # fmt: skip


def _phantoms(records: CalibrationRecords) -> list[dict[str, Any]]:
    from noctis_lab.analysis.calibration.nominals import load_nominals
    from noctis_lab.analysis.calibration.phantoms import load_phantoms

    phantoms: Rows = [
        (
            (one.model, f"{one.radius_mm:g} mm", str(len(one.inserts)),
             ", ".join(one.modules).replace("_", " "), one.source),
            "",
        )
        for one in load_phantoms()
    ]  # fmt: skip
    nominals: Rows = [
        (
            (one.phantom, one.material, between(one.low_hu, one.high_hu),
             f"{one.kvp[0]:g} to {one.kvp[1]:g}",
             "" if one.relative_electron_density is None
             else f"{one.relative_electron_density:g}",
             "yes" if one.is_verified else "no", one.source),
            "",
        )
        for one in load_nominals()
    ]  # fmt: skip
    certificates: Rows = [
        (
            (row["phantom_model"], row["phantom_serial"], row["scanner"] or "",
             f"{row['recorded_at']:%Y-%m-%d}", row["note"] or "", row["author"]),
            _of_scanner(row) if row["scanner"] else "",
        )
        for row in reversed(rows_of(records.certificates()))
    ]  # fmt: skip
    return [
        _bounded(
            (column("Phantom"), column("Radius", is_number=True),
             column("Inserts", is_number=True), column("Modules", is_narrow=True),
             column("Source")),
            phantoms, "Phantoms that are recognised", "",
        ),
        _bounded(
            (column("Phantom"), column("Material"), column("Accepted, HU", is_number=True),
             column("kVp", is_number=True), column("Electron density", is_number=True),
             column("Verified"), column("Source")),
            nominals, "Accepted ranges", "",
        ),
        _bounded(
            (column("Phantom"), column("Serial number"), column("Scanned by"),
             column("Entered"), column("Note"), column("Entered by")),
            certificates, "Certificates of single phantoms, which go before these",
            "None yet: noctis calibrate --certificate FILE enters one, and so does a notebook's "
            "lab.calibration.add_certificates.",
        ),
    ]  # fmt: skip


def _curves(records: CalibrationRecords) -> list[dict[str, Any]]:
    curves: Rows = []
    for row in reversed(rows_of(records.curves())):
        kvp, hu = number_of(row["KVP"]), [float(one) for one in row["hu"]]
        cells = (
            _day(row["valid_from"]), row["scanner"], "" if kvp is None else f"{kvp:g}",
            str(row["quantity"]), str(len(hu)), between(min(hu), max(hu)), str(row["author"]),
            str(row["curve_id"]),
        )  # fmt: skip
        curves.append((cells, _of_scanner(row)))
    return [
        _bounded(
            (column("Valid from"), column("Scanner"), column("kVp", is_number=True),
             column("From HU to"), column("Points", is_number=True),
             column("HU", is_number=True), column("Author"), column("Id", is_narrow=True)),
            curves, "Density curves, for research only",
            "None yet: lab.calibration.add_curve keeps one.",
        )
    ]  # fmt: skip


def _bounded(columns: Sequence[dict[str, Any]], rows: Rows, title: str, none: str) -> Any:
    more = len(rows) - _MOST_ROWS
    return table(
        columns, rows[:_MOST_ROWS], title=title, none=none,
        more=f"{more} older" if more > 0 else "",
    )  # fmt: skip


def _of_scanner(row: dict[str, Any]) -> str:
    return Asked(scanner=str(row["scanner"]), protocol=str(row.get("protocol") or "")).address()


def _day(at: Any) -> str:
    try:
        return f"{at:%Y-%m-%d}"
    except (TypeError, ValueError):  # of a frame's NaT: an old record has no scanner's clock
        return ""
