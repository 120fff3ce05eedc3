"""Two scanners compared on one phantom: Bland and Altman's plot, and what it says in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from bokeh.models import ColumnDataSource
from bokeh.models.annotations import BoxAnnotation, Label, Span

from noctis_lab.analysis.calibration.charts.agreement import (
    Agreement,
    bland_altman,
    pair_by_name,
)
from noctis_lab.errors import CannotCalibrate
from noctis_lab.jobs.calibration.charts import ScannerChart
from noctis_lab.jobs.calibration.comparing import WITHIN_DAYS, compare_trends
from noctis_lab.views.calibration.address import CALIBRATION_PATH, Asked
from noctis_lab.views.calibration.ink import caption, ink, plain_figure, tap_and_hover
from noctis_lab.views.calibration.numbers import counted, number, signed
from noctis_lab.views.calibration.quantities import CARD_QUANTITIES, Quantity, quantity_of
from noctis_lab.views.calibration.standings import group_charts, shown_chart
from noctis_lab.views.calibration.told import action, choice, column, head, page, panel, table
from noctis_lab.views.calibration.verdicts import Words
from noctis_lab.views.plots.figure import FONT, left_to_client

if TYPE_CHECKING:
    from noctis_lab.lab.calibrating.records import CalibrationRecords

__all__ = ["agreement_plot", "agreement_words", "comparison_page"]

_MOST_SCANNERS: Final = 8
_MOST_ROWS: Final = 50
_LEAST_HU: Final = 3.0
_ROI: Final = "roi:"


def comparison_page(records: CalibrationRecords, asked: Asked) -> tuple[dict[str, Any], list[Any]]:
    """Return the page that compares two scanners, and its figures.

    The first protocol of one phantom that both have is compared: inserts by their newest scans, and
    the asked quantity scan by scan, those within a week of one another.
    """
    groups = group_charts(records.charts())
    names = {group.first.scanner: group.label for group in groups}
    first = asked.compare[0] if asked.compare and asked.compare[0] in names else ""
    others = [scanner for scanner in names if scanner != first]
    second = asked.compare[1] if len(asked.compare) > 1 and asked.compare[1] in others else ""
    top = head(
        "Compare scanners",
        back=CALIBRATION_PATH,
        choices=(
            [choice(names[one], asked.address(compare=(one, second)), one == first)
             for one in list(names)[:_MOST_SCANNERS] if one != second],
            [choice(names[one], asked.address(compare=(first, one)), one == second)
             for one in others[:_MOST_SCANNERS] if first],
            [choice(one.name, asked.address(quantity=one), one == asked.quantity)
             for one in CARD_QUANTITIES],
        ),
    )  # fmt: skip
    try:
        if not (first and second):
            raise CannotCalibrate("two_scanners", "choose two scanners above")
        charts = [[c for group in groups if group.first.scanner == one for c in group.charts]
                  for one in (first, second)]  # fmt: skip
        return _compared(top, charts, (names[first], names[second]), asked.quantity)
    except CannotCalibrate as refusal:
        return page(
            "compare", top, panels=[], tables=[], verdict={}, hint="",
            empty={
                "title": "Nothing is compared yet" if len(names) > 1 else "One scanner alone",
                "text": f"{refusal.reason[:1].upper()}{refusal.reason[1:]}.",
                "code": "",
                "actions": [action("Open the fleet", "left", href=CALIBRATION_PATH)],
            },
        ), []  # fmt: skip


def _compared(
    top: dict[str, Any],
    charts: Sequence[Sequence[ScannerChart]],
    names: tuple[str, str],
    quantity: Quantity,
) -> tuple[dict[str, Any], list[Any]]:
    one, other = _matching(charts, quantity)
    over_time = compare_trends(one.chart.trend, other.chart.trend).agreement
    of = quantity_of(one.quantity)
    figures = [agreement_plot(over_time, of)]
    panels = [panel(f"{of.name}, scan by scan", [0], subtitle=over_time.pairs.pairing)]
    inserts = [
        {c.quantity.removeprefix(_ROI): c.points[-1].value for c in mine
         if c.quantity.startswith(_ROI) and c.protocol == chosen.protocol}
        for mine, chosen in zip(charts, (one, other), strict=True)
    ]  # fmt: skip
    rows: list[tuple[Sequence[Any], str]] = []
    words = agreement_words(over_time, names, of)
    by_name = pair_by_name(*inserts)
    if by_name.first.size >= 3:
        agreement = bland_altman(by_name)
        words = replace(words, text=f"{words.text}{_scale_words(agreement)}")
        figures.append(agreement_plot(agreement, quantity_of("roi:inserts")))
        panels.append(panel("Inserts, newest scans", [1], subtitle="HU, second minus first"))
        rows = [
            ((label, number(first), number(second), signed(second - first)), "")
            for label, first, second in zip(
                by_name.labels, by_name.first, by_name.second, strict=True
            )
        ]
    columns = (
        column("Insert"), column(names[0], is_number=True), column(names[1], is_number=True),
        column("Difference, HU", is_number=True),
    )  # fmt: skip
    told = page(
        "compare",
        top,
        status=[one.protocol, counted(int(over_time.pairs.first.size), "pair")],
        panels=panels,
        tables=[table(columns, rows[:_MOST_ROWS], title="Inserts", none="No insert is of both.")],
        verdict=asdict(words) | {"actions": []},
        hint="",
    )
    return told, figures


def _matching(
    charts: Sequence[Sequence[ScannerChart]], quantity: Quantity
) -> tuple[ScannerChart, ScannerChart]:
    found = []
    for mine in charts:
        shown = [chart for group in group_charts(mine) if (chart := shown_chart(group, quantity))]
        found.append(shown)
    for one in found[0]:
        for other in found[1]:
            if one.key.phantom_model == other.key.phantom_model and one.quantity == other.quantity:
                return one, other
    raise CannotCalibrate(
        "no_common_phantom",
        f"the two have no {quantity.name.lower()} of one phantom model: scan the same phantom on "
        "both",
    )


def agreement_words(found: Agreement, names: tuple[str, str], quantity: Quantity) -> Words:
    """Return what limits of agreement say, in sentences."""
    first, second = names
    low, high = quantity.write(found.low), quantity.write(found.high)
    is_biased = found.bias_ci[0] > 0 or found.bias_ci[1] < 0
    side = "above" if found.bias > 0 else "below"
    size = quantity.write(abs(found.bias)).removeprefix("+")
    if is_biased:
        title = f"{second} reads {size} {side} {first}"
    else:
        title = f"No mean difference between {first} and {second} is seen"
    count = int(found.pairs.first.size)
    text = (
        f"Of 100 pairs of scans, 95 are expected to differ by between {low} and {high}. The mean "
        f"difference is {quantity.write(found.bias)}, its 95 % interval "
        f"{quantity.write(found.bias_ci[0])} to {quantity.write(found.bias_ci[1])}, from "
        f"{counted(count, 'pair')}."
    )
    meaning = _slope_words(found, quantity)
    alone = sum(found.pairs.unpaired)
    advice = (
        f"{counted(alone, 'scan')} had no partner within {WITHIN_DAYS:g} days and "
        f"{'is' if alone == 1 else 'are'} left out."
        if alone
        else ""
    )
    return Words(
        kind="info",  # that none is seen does not say that there is none
        icon="info",
        title=title, text=text, meaning=meaning, advice=advice,
    )  # fmt: skip


def _slope_words(found: Agreement, quantity: Quantity) -> str:
    """Say how differences go with the pairs' means, where chance alone hardly explains it.

    Scans of one phantom have one true value, which their means vary about by each scanner's own
    spread: such a slope tells spreads apart (Pitman, Biometrika 31 (1939) 9), no scales.
    """
    low, high = found.slope_ci
    if not np.isfinite(found.slope) or low <= 0 <= high:
        return ""
    unit = quantity.unit or "1"
    wider = "second" if found.slope > 0 else "first"
    return (
        f"The differences change by {signed(found.slope, 2)} {unit} for each {unit} of the pairs' "
        f"means, 95 % interval {signed(low, 2)} to {signed(high, 2)}. As the pairs are of one "
        f"phantom, that points to a wider spread or a drift of the {wider} scanner; it does not "
        "show a difference in scale. Of 20 comparisons without any, one looks so by chance. The "
        "limits say too much at one end and too little at the other."
    )


def _scale_words(found: Agreement) -> str:
    """Say how inserts' differences go with their values, with the interval: there are few."""
    if not np.isfinite(found.slope):
        return ""
    slope, low, high = (signed(1000 * one) for one in (found.slope, *found.slope_ci))
    return (
        f" Over the {found.means.size} inserts of the newest scans the difference changes by "
        f"{slope} HU per 1000 HU, 95 % interval {low} to {high}."
    )


def agreement_plot(found: Agreement, quantity: Quantity) -> Any:
    """Return Bland and Altman's plot: differences against means, bias and limits of agreement.

    Zero is in view; bands are the 95 % intervals of the bias and of each limit.
    """
    means, differences = found.means, found.differences
    ends = [found.low_ci[0], found.high_ci[1], 0.0, *differences.tolist()]
    room = 0.08 * (max(ends) - min(ends)) or 1.0
    least = _LEAST_HU if quantity.unit == "HU" else 1e-3
    across = max(float(np.ptp(means)), least)
    middle = float((means.max() + means.min()) / 2)
    plot = plain_figure(
        (middle - 0.56 * across, middle + 0.62 * across), (min(ends) - room, max(ends) + room),
        has_tools=True, min_border_right=64,
    )  # fmt: skip
    unit = f", {quantity.unit}" if quantity.unit else ""
    caption(plot, f"Second minus first{unit}, against their mean")
    plot.add_layout(ink(Span(dimension="width", location=0), line_color="line-strong"))
    for place, interval, dash, name in (
        (found.bias, found.bias_ci, "solid", "bias"),
        (found.low, found.low_ci, "dashed", "limit"),
        (found.high, found.high_ci, "dashed", "limit"),
    ):
        band = BoxAnnotation(
            bottom=interval[0], top=interval[1], fill_alpha=0.11, line_color=None, level="underlay"
        )
        plot.add_layout(ink(band, fill_color="c1"))
        line = Span(dimension="width", location=place, line_width=1.4, line_dash=dash)
        plot.add_layout(ink(line, line_color="c1"))
        label = Label(
            x=8, y=place, x_units="screen", y_offset=3, text=f"{name} {quantity.write(place)}",
            text_font=FONT, text_font_size="11px",
        )  # fmt: skip
        plot.add_layout(ink(label, text_color="text-2"))
    words = [
        f"{label}: {quantity.write(float(difference))}"
        for label, difference in zip(found.pairs.labels, differences, strict=True)
    ]
    points = plot.scatter(
        x="x", y="y", size=6, name="points pairs",
        source=ColumnDataSource({"x": means, "y": differences, "words": words}),
    )  # fmt: skip
    ink(points.glyph, fill_color="text-2", line_color="text-2")
    tap_and_hover(plot, [points])
    return left_to_client(plot)
