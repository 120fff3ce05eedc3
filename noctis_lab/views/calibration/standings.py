"""How charts stand, in words: badges, notes beside a value, and what needs a look."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from noctis_lab.analysis.calibration.charts.baselines import LEAST_ESTABLISHED
from noctis_lab.analysis.calibration.charts.standing import STANDINGS
from noctis_lab.jobs.calibration.charts import ScannerChart
from noctis_lab.views.calibration.address import Asked, scan_address
from noctis_lab.views.calibration.numbers import between, counted
from noctis_lab.views.calibration.quantities import Quantity, quantity_of
from noctis_lab.views.calibration.told import STANDING_BADGES, action, badge

__all__ = [
    "Group",
    "day_of",
    "group_badge",
    "group_charts",
    "needs_of",
    "note_of",
    "open_alarms",
    "sentences_of",
    "shown_chart",
]

_TROUBLED: Final = frozenset({"out of tolerance", "step", "drifting"})
_ROI: Final = "roi:"
#: Where a phantom has no line through its inserts, its water tells the offset.
_FALLBACK: Final = {"intercept_hu": "water_hu"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The charts of one scanner and protocol.

    Attributes
    ----------
    label
        What people call the scanner; with its serial number, or all that the records say of it,
        where another one is called the same.
    """

    charts: tuple[ScannerChart, ...]
    label: str

    @property
    def first(self) -> ScannerChart:
        """Any of them: all are of one scanner and protocol."""
        return self.charts[0]

    @property
    def worst(self) -> ScannerChart:
        """The one that stands worst.

        Control limits of single inserts have no say: there are many of them, so that some are
        always passed by chance, and what moves them moves the scale too.
        """
        return min(self.judged, key=lambda chart: STANDINGS.index(chart.status))

    @property
    def judged(self) -> tuple[ScannerChart, ...]:
        """All but inserts within tolerance."""
        judged = tuple(
            chart
            for chart in self.charts
            if not chart.quantity.startswith(_ROI) or chart.status == "out of tolerance"
        )
        return judged or self.charts

    @property
    def subtitle(self) -> str:
        """The scanner's model and the protocol."""
        model = self.first.name.ManufacturerModelName
        return " · ".join(filter(None, (model, self.first.protocol)))

    @property
    def last_at(self) -> datetime:
        """When it was scanned last."""
        return max(chart.points[-1].at for chart in self.charts if chart.points)


def group_charts(charts: Iterable[ScannerChart]) -> tuple[Group, ...]:
    """Return charts with scans, by scanner and protocol; those that stand worst come first."""
    found: dict[tuple[str, str], list[ScannerChart]] = {}
    for chart in charts:
        if chart.points:
            found.setdefault((chart.scanner, chart.protocol), []).append(chart)
    labels = _labels(mine[0] for mine in found.values())
    groups = [Group(charts=tuple(mine), label=labels[mine[0].scanner]) for mine in found.values()]
    return tuple(
        sorted(
            groups,
            key=lambda one: (
                one.worst.status not in _TROUBLED,
                one.label.casefold(),
                one.first.protocol,
            ),
        )
    )


def _labels(charts: Iterable[ScannerChart]) -> dict[str, str]:
    names = {chart.scanner: chart.name for chart in charts}
    found = {scanner: name.display for scanner, name in names.items()}
    serials = {
        scanner: f"{label} {names[scanner].DeviceSerialNumber or ''}".strip()
        for scanner, label in found.items()
    }
    for better in (serials, {scanner: scanner for scanner in names}):
        alike = Counter(found.values())
        found = {s: better[s] if alike[label] > 1 else label for s, label in found.items()}
    return found


def shown_chart(group: Group, quantity: Quantity) -> ScannerChart | None:
    """Return a group's chart of a quantity, None where no scan has the figure."""
    of = {chart.quantity: chart for chart in group.charts}
    return of.get(quantity.figure) or of.get(_FALLBACK.get(quantity.figure, ""))


def group_badge(group: Group, shown: ScannerChart | None) -> dict[str, Any]:
    """Return how a scanner stands; where another figure than the shown one is off, its name."""
    worst = group.worst
    if worst.status in _TROUBLED and (shown is None or worst.status != shown.status):
        kind, icon, _ = STANDING_BADGES[worst.status]
        return badge(kind, icon, quantity_of(worst.quantity).name)
    return badge(*STANDING_BADGES[(shown or worst).status])


def note_of(chart: ScannerChart) -> str:
    """Return what stands beside a chart's newest value.

    One of: for how many scans it has been outside of its limits, how many scans its provisional
    limits are short of firm ones, how many scans there are since something happened, or in all.
    """
    if chart.status in ("drifting", "step"):
        return f"{_rule_words(chart)} for {counted(len(_run(chart)), 'scan')}"
    baseline = chart.baselines[-1] if chart.baselines else None
    if chart.status == "provisional" and baseline is not None:
        mine = sum(p.baseline_number == len(chart.baselines) - 1 for p in chart.points)
        return f"{min(mine, LEAST_ESTABLISHED)} of {LEAST_ESTABLISHED} scans for firm limits"
    begun = next((event for event in reversed(chart.events) if event.begins_baseline), None)
    if begun is not None:
        since = sum(point.at >= begun.at for point in chart.points)
        return f"{since} since {begun.event_kind}"
    return counted(len(chart.points), "scan")


def sentences_of(chart: ScannerChart) -> str:
    """Return what is off with a chart, in sentences."""
    quantity, last = quantity_of(chart.quantity), chart.points[-1]
    told = []
    if chart.status == "out of tolerance" and chart.tolerance is not None:
        band = chart.tolerance
        told.append(
            f"The scan of {day_of(last.at)} reads {quantity.write(last.value)}; accepted is "
            f"{between(band.low, band.high, quantity.digits)} {quantity.unit}".rstrip()
            + "."
        )
    run = _run(chart)
    if run:
        since = "only the last scan" if len(run) == 1 else f"{len(run)} scans in a row"
        verb = "is" if len(run) == 1 else "are"
        told.append(
            f"The {_rule_words(chart)} began on {day_of(run[0].at)}: {since} {verb} outside, the "
            f"last one at {quantity.write(last.value)}."
        )
        baseline = chart.baselines[last.baseline_number]
        if baseline.center is not None and baseline.sigma is not None:
            told.append(
                f"Usual for this scanner is {quantity.write(baseline.center)} with a spread (1σ) "
                f"of {baseline.sigma:.{quantity.digits}f} {quantity.unit}".rstrip()
                + "."
            )
    if chart.status != "out of tolerance" and chart.tolerance is not None:
        told.append("It is still inside its tolerance.")
    return " ".join(told)


def open_alarms(alarms: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str, str], str | None]:
    """Return of each chart (scanner, protocol, quantity) its newest alarm's id; None: acknowledged.

    Parameters
    ----------
    alarms
        Rows of `CalibrationRecords.alarms`, oldest first.
    """
    return {
        (alarm["scanner"], alarm["protocol"], alarm["quantity"]): (
            None if isinstance(alarm["acknowledged_by"], str) else str(alarm["alarm_id"])
        )
        for alarm in alarms
    }


def needs_of(
    group: Group,
    alarms: Mapping[tuple[str, str, str], str | None],
    *,
    can_calibrate: bool,
    most: int = 4,
) -> list[dict[str, Any]]:
    """Return what needs a look at one scanner and protocol: its charts that are off, worst first.

    Of inserts those that are out of tolerance. What was acknowledged is left out.

    Parameters
    ----------
    alarms
        As `open_alarms`.
    """
    troubled = [
        chart
        for chart in group.judged
        if chart.status in _TROUBLED and alarms.get(_key(chart), "") is not None
    ]
    told = sorted(
        troubled, key=lambda one: (STANDINGS.index(one.status), one.quantity.startswith(_ROI))
    )
    return [
        _need(group, chart, alarms.get(_key(chart)), can_calibrate=can_calibrate)
        for chart in told[:most]
    ]


def _key(chart: ScannerChart) -> tuple[str, str, str]:
    return chart.scanner, chart.protocol, chart.quantity


def _need(
    group: Group, chart: ScannerChart, alarm_id: str | None, *, can_calibrate: bool
) -> dict[str, Any]:
    quantity = quantity_of(chart.quantity)
    kind, icon, word = STANDING_BADGES[chart.status]
    what = {"drifting": "slow drift", "step": "a step"}.get(chart.status, word.lower())
    last = chart.points[-1]
    trend = Asked(scanner=chart.scanner, protocol=chart.protocol).address()
    is_fail = chart.status == "out of tolerance"
    scan = action(
        "Open the scan", "open", href=scan_address(last.SeriesInstanceUID, last.StudyInstanceUID)
    )
    actions = [scan] if is_fail else []
    actions.append(action("Open the trend", "plot", href=trend))
    if can_calibrate and not is_fail:
        about = {"scanner": chart.scanner}
        actions.append(
            action("Name an event\N{HORIZONTAL ELLIPSIS}", form="event", about=about, isQuiet=True)
        )
    if can_calibrate and alarm_id:
        about = {"alarm_id": alarm_id}
        label = "Acknowledge\N{HORIZONTAL ELLIPSIS}"
        actions.append(action(label, form="acknowledge", about=about, isQuiet=True))
    return {
        "badge": badge(kind, icon, word),
        "title": f"{group.label}: {quantity.in_words}, {what}",
        "text": sentences_of(chart),
        "actions": actions,
    }


def day_of(at: datetime) -> str:
    """Write a day in a sentence.

    Examples
    --------
    >>> day_of(datetime(2026, 11, 9))
    '9 Nov 2026'
    """
    return f"{at.day} {at:%b %Y}"


def _run(chart: ScannerChart) -> Sequence[Any]:
    """Return the newest scans that are all outside of control limits, oldest first."""
    run = []
    for point in reversed(chart.points):
        if not point.alarms:
            break
        run.append(point)
    return run[::-1]


def _rule_words(chart: ScannerChart) -> str:
    run = _run(chart)
    rules = {rule for point in run for rule in point.alarms}
    return "EWMA alarm" if rules == {"ewma"} else "alarm" if len(rules) > 1 else "Shewhart alarm"
