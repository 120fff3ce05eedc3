"""The fleet's page: a card per scanner and protocol, the last scans, and what needs a look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from noctis_lab.jobs.calibration.charts import ScannerChart
from noctis_lab.views.calibration.address import PERIODS, Asked, scan_address
from noctis_lab.views.calibration.numbers import (
    counted,
    number,
    number_of,
    rows_of,
    signed,
    text_of,
)
from noctis_lab.views.calibration.python import fleet_python
from noctis_lab.views.calibration.quantities import CARD_QUANTITIES, quantity_of
from noctis_lab.views.calibration.registers import view_choices
from noctis_lab.views.calibration.standings import (
    Group,
    group_badge,
    group_charts,
    needs_of,
    note_of,
    open_alarms,
    shown_chart,
)
from noctis_lab.views.calibration.told import action, badge, choice, column, head, page, table
from noctis_lab.views.calibration.trend_plot import empty_plot, shared_range, trend_plot
from noctis_lab.views.calibration.verdicts import scan_badge

if TYPE_CHECKING:
    from noctis_lab.lab.calibrating.records import CalibrationRecords

__all__ = [
    "MOST_CARDS",
    "MOST_ROWS",
    "event_kinds",
    "fleet_page",
    "period_choices",
    "period_of",
    "scan_table",
    "tolerance_words",
]

MOST_CARDS: Final = 12
MOST_ROWS: Final = 50
_MOST_NEEDS: Final = 20
_PERIOD_WORDS: Final = {"30d": "30 d", "120d": "120 d", "1y": "1 y", "all": "All"}
_EMPTY: Final = {
    "title": "No phantom has been analysed yet",
    "text": "Send a CT scan of a CatPhan, an ACR phantom or plain water to this archive: it is "
    "recognised and analysed by itself. A series that is here already is analysed by",
    "code": "noctis calibrate --all",
    "actions": [action("Open the worklist", "table", href="/")],
}


def fleet_page(
    records: CalibrationRecords,
    asked: Asked,
    *,
    now: datetime,
    can_calibrate: bool,
    api_base: str = "",
    root: str | None = None,
) -> tuple[dict[str, Any], list[Any]]:
    """Return the fleet's page: what its client is told, and its figures.

    Parameters
    ----------
    records
        As who looks may read them.
    asked
        Which quantity, period and cards.
    now
        The end of the period, by the scanners' clocks.
    can_calibrate
        Whether who looks may name events.
    api_base
        Path of the API, from which the charts are to be had as files; empty: it is not served.
    root
        The archive's folder, where copied code has to name it.
    """
    groups = group_charts(records.charts())
    first = asked.first if asked.first < len(groups) else 0
    cards = groups[first : first + MOST_CARDS]
    shown = [shown_chart(group, asked.quantity) for group in cards]
    charts = [chart for chart in shown if chart is not None]
    begins, ends = period_of(charts or [group.first for group in cards], asked, now)
    y = shared_range([chart.chart for chart in charts], is_signed=asked.quantity.is_signed)
    alarms = open_alarms(rows_of(records.alarms())) if groups else {}
    needs = [
        need
        for group in groups
        for need in needs_of(group, alarms, can_calibrate=can_calibrate, most=2)
    ]
    counted_scans = {
        (point.StudyInstanceUID, point.SeriesInstanceUID)
        for group in groups
        for chart in group.charts
        for point in chart.points
        if begins <= point.at <= ends
    }
    told = page(
        "fleet",
        head(
            "HU calibration",
            choices=_choices(asked),
            actions=[
                *_exports(api_base),
                action("Copy as Python", "code", copied=fleet_python(root)),
            ],
        ),
        status=[
            counted(len({group.first.scanner for group in groups}), "scanner"),
            f"{counted(len(counted_scans), 'phantom scan')} {_within(asked)}",
        ],
        empty=None if groups else _EMPTY,
        cards=[
            _card(group, chart, asked, begins) for group, chart in zip(cards, shown, strict=True)
        ],
        tolerance=tolerance_words(charts),
        more=_more(asked, first, len(groups)),
        table=scan_table(records, groups),
        needs=needs[:_MOST_NEEDS],
        choices={"event_kinds": event_kinds()},
    )
    figures = [
        empty_plot() if chart is None else trend_plot(chart, x=(begins, ends), y=y, is_card=True)
        for chart in shown
    ]
    return told, figures


def period_of(
    charts: Sequence[ScannerChart], asked: Asked, now: datetime
) -> tuple[datetime, datetime]:
    """Return from when to when charts are shown: the asked period up to now.

    Of scanners that were not scanned in it, that of their newest scan.
    """
    times = [point.at for chart in charts for point in (chart.points[0], chart.points[-1])]
    length = PERIODS[asked.period]
    if length is None and times:
        room = max((max(times) - min(times)) * 0.03, timedelta(days=1))
        return min(times) - room, max(times) + room
    length = length or PERIODS["1y"]
    assert length is not None
    newest = max(times, default=now)
    ends = newest if newest < now - length else max(now, newest)
    return ends - length, ends + length * 0.03


def tolerance_words(charts: Sequence[ScannerChart]) -> str:
    """Return the tolerance that charts share, in words; empty without any, "each its own" else."""
    bands = {(c.tolerance.low, c.tolerance.high) for c in charts if c.tolerance is not None}
    if len(bands) != 1:
        return "each its own" if bands else ""
    ((low, high),) = bands
    unit, digits = charts[0].unit, quantity_of(charts[0].quantity).digits
    if low == -high:
        return f"{high:g} {unit}".strip()
    return f"{number(low, digits)} to {number(high, digits)} {unit}".strip()


def scan_table(records: CalibrationRecords, groups: Sequence[Group]) -> dict[str, Any]:
    """Return the newest scans of some charts as a table."""
    newest = sorted(
        {
            (point.at, point.analysis_id)
            for group in groups
            for chart in group.charts
            for point in chart.points[-MOST_ROWS:]
        },
        reverse=True,
    )
    ids = [analysis_id for _, analysis_id in newest[:MOST_ROWS]]
    names = {group.first.scanner: group.label for group in groups}
    standing = _standing_of(groups)
    rows = {}
    if ids:
        found = rows_of(records.analyses(analysis_id=tuple(ids)))
        rows = {row["analysis_id"]: row for row in found}
    at = {analysis_id: when for when, analysis_id in newest}
    told = [
        (_cells(rows[one], names, at[one], standing.get(one)), _address(rows[one]))
        for one in ids
        if one in rows
    ]
    more = len(newest) - len(ids)
    return table(
        _COLUMNS,
        told,
        more=f"{counted(more, 'older scan')} on the scanners' charts" if more else "",
    )


_COLUMNS: Final = (
    column("Acquired"),
    column("Scanner"),
    column("Phantom"),
    column("Match", is_number=True, is_narrow=True),
    column("Protocol", is_narrow=True),
    column("kVp", is_number=True),
    column("Slope", is_number=True),
    column("Offset, HU", is_number=True),
    column("Max residual", is_number=True, is_narrow=True),
    column("Noise", is_number=True),
    column("Verdict"),
)


def _cells(
    row: Mapping[str, Any], names: Mapping[str, str], at: datetime, standing: Any
) -> tuple[Any, ...]:
    slope = number_of(row["slope"])
    offset = number_of(row["intercept_hu"])
    thickness = number_of(row["SliceThickness"])
    kernel = text_of(row["ConvolutionKernel"])
    verdict = badge(*scan_badge(row))
    return (
        f"{at:%Y-%m-%d %H:%M}",
        names.get(text_of(row["scanner"]), text_of(row["scanner"])),
        text_of(row["phantom_model"]),
        _cell(row["score"], 3),
        " ".join(filter(None, (kernel, "" if thickness is None else f"{thickness:g} mm"))),
        _cell(row["KVP"], 0),
        "trend only" if slope is None and row["status"] == "trend only" else _cell(slope, 4),
        "" if offset is None else signed(offset),
        _cell(row["max_residual_hu"], 1),
        _cell(row["noise_hu"], 1),
        standing if standing is not None and row["status"] == "pass" else verdict,
    )


def _standing_of(groups: Sequence[Group]) -> dict[str, dict[str, Any]]:
    """Return the badge of scans that are outside of a chart's limits, by analysis."""
    found: dict[str, dict[str, Any]] = {}
    for group in groups:
        for chart in group.charts:
            if chart.quantity.startswith("roi:"):
                continue
            name = quantity_of(chart.quantity).name
            for point in chart.points:
                if point.alarms:
                    found[point.analysis_id] = badge("warn", "trend-up", f"{name} alarm")
    return found


def _cell(value: Any, digits: int) -> str:
    found = number_of(value)
    return "" if found is None else number(found, digits)


def _address(row: Mapping[str, Any]) -> str:
    return scan_address(row["SeriesInstanceUID"], row["StudyInstanceUID"])


def _card(
    group: Group, chart: ScannerChart | None, asked: Asked, begins: datetime
) -> dict[str, Any]:
    drawn = chart or group.first
    quantity = quantity_of(drawn.quantity)
    if chart is None:
        value, note = "\N{EN DASH}", f"no {asked.quantity.name.lower()} measured"
    else:
        value = quantity.write(chart.points[-1].value)
        note = note_of(chart)
        if drawn.quantity != asked.quantity.figure:
            note = f"{quantity.name.lower()}, {note}"
        if chart.points[-1].at < begins:
            note = f"last scan {chart.points[-1].at:%Y-%m-%d}"
    return {
        "title": group.label,
        "subtitle": group.subtitle,
        "value": value,
        "note": note,
        "badge": group_badge(group, chart),
        "href": Asked(
            scanner=group.first.scanner, protocol=group.first.protocol, period=asked.period
        ).address(),
        "isMarked": False,
    }


def _choices(asked: Asked) -> tuple[list[dict[str, Any]], ...]:
    quantities = [
        choice(one.name, asked.address(quantity=one), one == asked.quantity)
        for one in CARD_QUANTITIES
    ]
    return view_choices(asked), quantities, period_choices(asked)


def period_choices(asked: Asked) -> list[dict[str, Any]]:
    """Return the periods that may be shown."""
    return [
        choice(words, asked.address(period=period), period == asked.period)
        for period, words in _PERIOD_WORDS.items()
    ]


def _exports(api_base: str) -> list[dict[str, Any]]:
    if not api_base:
        return []
    path = f"{api_base}/calibration/export/trends"
    return [
        action("CSV", "download", href=f"{path}.csv"),
        action("Parquet", "download", href=f"{path}.parquet"),
    ]


def _more(asked: Asked, first: int, count: int) -> list[dict[str, Any]]:
    told = []
    if first:
        before = max(first - MOST_CARDS, 0)
        told.append(action(f"{first} before", "left", href=asked.address(first=before)))
    left = count - first - MOST_CARDS
    if left > 0:
        told.append(action(f"{left} more", "right", href=asked.address(first=first + MOST_CARDS)))
    return told


def _within(asked: Asked) -> str:
    return {
        "30d": "in 30 days", "120d": "in 120 days", "1y": "in a year", "all": "in all",
    }[asked.period]  # fmt: skip


def event_kinds() -> Sequence[str]:
    """Return what may happen to a scanner."""
    from noctis_lab.lab.calibrating.records import EVENT_KINDS

    return EVENT_KINDS
