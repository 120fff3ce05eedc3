"""One scanner's page: every figure of a protocol as a chart, its baselines, its events."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from noctis_lab.jobs.calibration.charts import ScannerChart
from noctis_lab.views.calibration.address import CALIBRATION_PATH, Asked
from noctis_lab.views.calibration.fleet import (
    event_kinds,
    period_choices,
    period_of,
    scan_table,
)
from noctis_lab.views.calibration.numbers import counted, rows_of
from noctis_lab.views.calibration.quantities import quantity_of
from noctis_lab.views.calibration.standings import (
    Group,
    group_charts,
    needs_of,
    note_of,
    open_alarms,
)
from noctis_lab.views.calibration.told import (
    STANDING_BADGES,
    action,
    badge,
    choice,
    column,
    head,
    page,
    table,
)
from noctis_lab.views.calibration.trend_plot import trend_plot

if TYPE_CHECKING:
    from noctis_lab.lab.calibrating.records import CalibrationRecords

__all__ = ["scanner_page"]

_MOST_CHARTS: Final = 24
_MOST_PROTOCOLS: Final = 5
_MOST_ROWS: Final = 30
_NO_SUCH: Final = {
    "title": "No phantom scan of this scanner",
    "text": "Nothing that you may see was analysed under this name. The fleet's page lists every "
    "scanner and protocol with scans.",
    "code": "",
    "actions": [action("Open the fleet", "left", href=CALIBRATION_PATH)],
}


def scanner_page(
    records: CalibrationRecords, asked: Asked, *, now: datetime, can_calibrate: bool
) -> tuple[dict[str, Any], list[Any]]:
    """Return a scanner's page and its figures; parameters as `fleet.fleet_page`."""
    groups = group_charts(records.charts(scanner=asked.scanner))
    group = next((one for one in groups if one.first.protocol == asked.protocol), None)
    group = group or (groups[0] if groups else None)
    if group is None:
        return page(
            "scanner",
            head(asked.scanner, back=CALIBRATION_PATH),
            cards=[], tolerance="", tables=[], needs=[], empty=_NO_SUCH,
        ), []  # fmt: skip
    charts = group.charts[:_MOST_CHARTS]
    x = period_of(charts, asked, now)
    name = group.first.name
    told = page(
        "scanner",
        head(
            group.label,
            subtitle=" ".join(filter(None, (name.Manufacturer, name.ManufacturerModelName))),
            back=CALIBRATION_PATH,
            choices=(_protocols(groups, group, asked), period_choices(asked)),
            actions=_actions(group, can_calibrate=can_calibrate),
        ),
        status=[
            group.first.protocol,
            counted(len(charts), "chart"),
            counted(max(len(chart.points) for chart in charts), "phantom scan"),
        ],
        cards=[_card(chart) for chart in charts],
        tolerance="each its own" if any(c.tolerance for c in charts) else "",
        tables=[_baselines(charts), _events(group.first), scan_table(records, [group])],
        needs=needs_of(
            group,
            open_alarms(rows_of(records.alarms(scanner=asked.scanner))),
            can_calibrate=can_calibrate,
        ),
        choices={
            "event_kinds": event_kinds(),
            "quantities": [(one.quantity, quantity_of(one.quantity).name) for one in charts],
        },
    )
    return told, [trend_plot(chart, x=x) for chart in charts]


def _card(chart: ScannerChart) -> dict[str, Any]:
    quantity = quantity_of(chart.quantity)
    last = chart.points[-1]
    return {
        "title": quantity.name,
        "subtitle": quantity.meaning or quantity.unit or "a ratio",
        "value": quantity.write(last.value),
        "note": note_of(chart),
        "badge": badge(*STANDING_BADGES[chart.status]),
        "href": Asked(series=last.SeriesInstanceUID, study=last.StudyInstanceUID).address(),
        "isMarked": False,
    }


def _protocols(groups: Sequence[Group], group: Group, asked: Asked) -> list[dict[str, Any]]:
    ordered = sorted(groups, key=lambda one: one.first.protocol)
    if len(ordered) < 2:
        return []
    return [
        choice(one.first.protocol, asked.address(protocol=one.first.protocol), one is group)
        for one in ordered[:_MOST_PROTOCOLS]
    ]


def _actions(group: Group, *, can_calibrate: bool) -> list[dict[str, Any]]:
    about = {"scanner": group.first.scanner, "protocol": group.first.protocol}
    told = []
    if can_calibrate:
        told += [
            action("Name an event\N{HORIZONTAL ELLIPSIS}", "flag", form="event", about=about),
            action("New baseline\N{HORIZONTAL ELLIPSIS}", "plus", form="baseline", about=about),
        ]
    told.append(action("Compare", "swap", href=Asked(compare=(group.first.scanner,)).address()))
    return told


def _baselines(charts: Sequence[ScannerChart]) -> dict[str, Any]:
    rows = []
    for chart in charts:
        quantity = quantity_of(chart.quantity)
        for baseline in reversed(chart.baselines):
            center = "" if baseline.center is None else quantity.write(baseline.center)
            spread = "" if baseline.sigma is None else f"{baseline.sigma:.{quantity.digits}f}"
            rows.append(
                (
                    baseline.valid_from,
                    (
                        f"{baseline.valid_from:%Y-%m-%d}", quantity.name, center, spread,
                        str(baseline.scan_count), baseline.status, baseline.reason,
                        baseline.author or "estimated",
                    ),
                )
            )  # fmt: skip
    rows.sort(key=lambda row: row[0], reverse=True)
    columns = (
        column("Valid from"), column("Of"), column("Centre", is_number=True),
        column("\N{GREEK SMALL LETTER SIGMA}", is_number=True), column("Scans", is_number=True),
        column("Limits", is_narrow=True), column("Reason"), column("Set by"),
    )  # fmt: skip
    more = len(rows) - _MOST_ROWS
    return table(
        columns, [(cells, "") for _, cells in rows[:_MOST_ROWS]], title="Baselines",
        none="None yet: two scans make a first, provisional one.",
        more=f"{more} older" if more > 0 else "",
    )  # fmt: skip


def _events(chart: ScannerChart) -> dict[str, Any]:
    rows = [
        (
            (
                f"{event.at:%Y-%m-%d}", event.event_kind, event.note or "",
                "new baseline" if event.begins_baseline else "", event.author,
            ),
            "",
        )
        for event in reversed(chart.events)
    ]  # fmt: skip
    columns = (
        column("When"), column("What"), column("Note"), column("Limits"), column("Noted by"),
    )  # fmt: skip
    return table(
        columns, rows[:_MOST_ROWS], title="Events", none="Nothing was noted of this scanner yet."
    )
