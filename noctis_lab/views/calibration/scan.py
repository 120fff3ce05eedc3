"""One scan's page: regions on the images, scale, modules, trend, and a verdict."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from noctis_lab.analysis.calibration.edge import Mtf
from noctis_lab.analysis.calibration.result import HuAnalysis
from noctis_lab.jobs.calibration.charts import ScannerChart
from noctis_lab.views.calibration.address import (
    CALIBRATION_PATH,
    Asked,
    scan_address,
    viewer_address,
)
from noctis_lab.views.calibration.forms import placed_of
from noctis_lab.views.calibration.marks import Module
from noctis_lab.views.calibration.module_plots import (
    mtf_plot,
    noise_plot,
    profile_plot,
    uniformity_plot,
)
from noctis_lab.views.calibration.numbers import (
    between,
    counted,
    number,
    number_of,
    rows_of,
    signed,
    text_of,
)
from noctis_lab.views.calibration.python import certificate_python, scan_python
from noctis_lab.views.calibration.quantities import quantity_of
from noctis_lab.views.calibration.scale_plot import (
    Insert,
    insert_names,
    inserts_of,
    residual_plot,
    scale_plot,
)
from noctis_lab.views.calibration.standings import day_of
from noctis_lab.views.calibration.told import action, badge, column, head, page, panel, table
from noctis_lab.views.calibration.trend_plot import trend_plot
from noctis_lab.views.calibration.verdicts import verdict_of

if TYPE_CHECKING:
    from noctis_lab.lab.calibrating.records import CalibrationRecords

__all__ = [
    "SLOTS",
    "SPECTRA",
    "UNIFORMITY",
    "Visitor",
    "late_panels",
    "newest_analysis",
    "no_analysis_page",
    "scan_page",
    "trended",
]

_MOST_TREND: Final = 200
_WATER_SHARE: Final = 0.6  # of a water phantom's radius, at which its outer regions lie
SLOTS: Final = 2  #: places for figures that come later
UNIFORMITY, SPECTRA = "1", "3"  #: their panels' places
_NO_LINE: Final = "No nominal values hold at this kVp: there is no line to be drawn."
_REGION_WORDS: Final = "regions shrunk to stay clear of the edges"
_MEASURING: Final = "Measuring the images again\N{HORIZONTAL ELLIPSIS}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """For whom a page is.

    Attributes
    ----------
    can_calibrate
        Whether they may analyse, name events and set baselines.
    root
        The archive's folder, where copied code has to name it.
    api_base
        Path of the API; empty: it is not served.
    """

    can_calibrate: bool
    root: str | None
    api_base: str


def newest_analysis(
    records: CalibrationRecords, SeriesInstanceUID: str, StudyInstanceUID: str = ""
) -> dict[str, Any] | None:
    """Return a series' newest analysis, a row of `hu_analysis`; None where it has none."""
    where = {"SeriesInstanceUID": SeriesInstanceUID}
    if StudyInstanceUID:
        where["StudyInstanceUID"] = StudyInstanceUID
    found = rows_of(records.analyses(**where))
    return found[-1] if found else None


def trended(records: CalibrationRecords, row: Mapping[str, Any]) -> ScannerChart | None:
    """Return the chart that says most of a scan: of the check that failed, else of the offset."""
    charts = {
        chart.quantity: chart
        for chart in records.charts(
            scanner=text_of(row["scanner"]), protocol=text_of(row["protocol"])
        )
    }
    failed = [one["figure"] for one in _checks(row) if one.get("verdict") == "fail"]
    for figure in (*failed, "intercept_hu", "water_hu", "noise_hu"):
        if figure in charts and charts[figure].points:
            return charts[figure]
    return None


def scan_page(
    row: Mapping[str, Any],
    rois: Sequence[Mapping[str, Any]],
    chart: ScannerChart | None,
    modules: Sequence[tuple[Module, int]],
    planes: Mapping[str, int],
    *,
    visitor: Visitor,
) -> tuple[dict[str, Any], list[Any]]:
    """Return a scan's page and its figures.

    Parameters
    ----------
    row, rois
        Of `hu_analysis` and `hu_roi`.
    chart
        As `trended`.
    modules
        Each with the index of the image at its middle.
    planes
        SOPInstanceUID → index of the image.
    visitor
        For whom.
    """
    inserts = inserts_of(rois)
    figures = [one for one in _of_scale(inserts, planes) if one is not None]
    scale = panel(
        "HU scale", range(len(figures)), subtitle=_scale_words(row), is_stacked=True,
        none="" if figures else _NO_LINE,
    )  # fmt: skip
    trend = panel("Trend", [], none="No figure of this scan has a chart.")
    if chart is not None:
        figures.append(trend_plot(chart))
        quantity = quantity_of(chart.quantity)
        trend = panel(
            f"{quantity.name} over time", [len(figures) - 1],
            subtitle=f"{counted(len(chart.points), 'scan')} of this protocol",
        )  # fmt: skip
    before, after = _neighbours(row, chart)
    told = page(
        "scan",
        _head(row, rois, chart, visitor),
        status=["\N{LEFTWARDS ARROW} \N{RIGHTWARDS ARROW} previous, next scan"],
        hint="click a point to open its scan or its slice",
        verdict=_verdict(
            row, inserts, chart, can_calibrate=visitor.can_calibrate, root=visitor.root
        ),
        modules=[
            {"name": module.name, "index": index, "words": module.words}
            for module, index in modules
        ],
        panels=[scale, panel("Uniformity", [len(figures)], none=_MEASURING), trend,
                panel("Resolution and noise", [len(figures) + 1], none=_MEASURING)],
        inserts=_insert_table(inserts),
        notes=_notes(row, inserts),
        foot=_foot(row, chart),
        previous=before,
        next=after,
        placed=placed_of(row) if visitor.can_calibrate else {},
        regionWords=_REGION_WORDS + ("; drag one to move it" if visitor.can_calibrate else ""),
        choices={"event_kinds": _event_kinds(), **_analysis_choices(has_images=bool(planes))},
    )  # fmt: skip
    return told, figures


def late_panels(analysis: HuAnalysis) -> tuple[tuple[list[Any], list[Any]], dict[str, Any]]:
    """Return what the images had to be measured again for.

    Returns
    -------
    slots
        Figures of the uniformity panel, and of that of resolution and noise.
    late
        Place of a panel → what it says: ``subtitle``, and why it is empty, ``none``.
    """
    found, phantom = analysis.uniformity, analysis.found.phantom
    uniformity: list[Any] = []
    said = {"subtitle": "", "none": analysis.uniformity_refusal or "Not measured."}
    if found is not None:
        share = _WATER_SHARE * analysis.body.radius_mm
        distance = share if phantom is None else phantom.uniformity_distance_mm
        uniformity = [uniformity_plot(found, distance), profile_plot(found)]
        edge = signed(found.periphery_minus_center)
        said = {"subtitle": f"edge minus centre {edge} HU, means of 10 mm squares", "none": ""}
    spectra = []
    if analysis.mtf is not None:
        spectra.append(mtf_plot(analysis.mtf))
    if analysis.noise_spectrum is not None:
        spectra.append(noise_plot(analysis.noise_spectrum))
    refusals = filter(None, (analysis.mtf_refusal, analysis.noise_spectrum_refusal))
    words = "" if analysis.mtf is None else _resolution_words(analysis.mtf)
    return (uniformity, spectra), {
        UNIFORMITY: said,
        SPECTRA: {"subtitle": words, "none": "" if spectra else " ".join(refusals)},
    }


def no_analysis_page(reason: str, actions: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the page of a series that has no analysis: why, and the one step that makes one."""
    return page(
        "scan",
        head("No analysis", back=CALIBRATION_PATH),
        empty={
            "title": "This series has no phantom analysis",
            "text": reason,
            "code": "",
            "actions": list(actions),
        },
        panels=[], modules=[], notes=[], foot="", previous="", next="", hint="",
        verdict={}, inserts={}, placed={}, regionWords="",
        choices=_analysis_choices(has_images=False),
    )  # fmt: skip


def _of_scale(inserts: Sequence[Insert], planes: Mapping[str, int]) -> tuple[Any, Any]:
    return scale_plot(inserts, planes), residual_plot(inserts, planes)


def _head(
    row: Mapping[str, Any],
    rois: Sequence[Mapping[str, Any]],
    chart: ScannerChart | None,
    visitor: Visitor,
) -> dict[str, Any]:
    score, roll = number_of(row["score"]), number_of(row["roll_deg"])
    chips = [("phantom", text_of(row["phantom_model"]))]
    if score is not None:
        chips.append(("match", f"{score:.3f}"))
    if roll is not None:
        chips.append(("roll", f"{number(roll)}°"))
    if row["is_manual"] is True:
        chips.append(("placed", "by hand"))
    series, study = text_of(row["SeriesInstanceUID"]), text_of(row["StudyInstanceUID"])
    actions = [action("Viewer", "open", href=viewer_address(study, series))]
    if visitor.can_calibrate:
        actions.append(action("Analyse again\N{HORIZONTAL ELLIPSIS}", "refresh", form="analyse"))
    actions += [
        *_report(study, series, visitor.api_base),
        action("Copy data", "table", copied=_csv(rois)),
        action("Copy as Python", "code", copied=scan_python(series, study, visitor.root)),
    ]
    name = text_of(row["StationName"]) or text_of(row["scanner"])
    back = Asked(scanner=text_of(row["scanner"]), protocol=text_of(row["protocol"])).address()
    return head(
        chart.name.display if chart is not None else name,
        subtitle=_acquired(row), back=back, chips=chips, actions=actions,
    )  # fmt: skip


def _report(study: str, series: str, api_base: str) -> list[dict[str, Any]]:
    if not api_base:
        return []
    path = f"{api_base}/studies/{study}/series/{series}/calibration-report"
    return [action("Report", "document", href=path)]


def _verdict(
    row: Mapping[str, Any],
    inserts: Sequence[Insert],
    chart: ScannerChart | None,
    *,
    can_calibrate: bool,
    root: str | None,
) -> dict[str, Any]:
    words = verdict_of(row, inserts)
    actions = []
    if words.kind == "fail" and chart is not None and len(chart.points) > 1:
        before, _ = _neighbours(row, chart)
        if before:
            actions.append(action("Open the scan before", "left", href=before))
    kvp = number_of(row["KVP"])
    if row["status"] == "trend only" and kvp is not None:
        copied = certificate_python(row, kvp, inserts, root)
        actions.append(action("Copy as Python", "code", copied=copied))
    if can_calibrate and words.kind == "fail":
        actions.append(
            action(
                "Name an event\N{HORIZONTAL ELLIPSIS}", form="event",
                about={"scanner": text_of(row["scanner"])},
            )
        )  # fmt: skip
    return asdict(words) | {"actions": actions}


def _insert_table(inserts: Sequence[Insert]) -> dict[str, Any]:
    rows = []
    for name, one in zip(insert_names(inserts), inserts, strict=True):
        accepted = "" if one.low is None or one.high is None else between(one.low, one.high)
        verdict = {
            "pass": badge("pass", "pass", ""),
            "fail": badge("fail", "fail", "Out"),
        }.get(one.verdict, badge("none", "unknown", ""))
        spread = "" if one.sd is None else number(one.sd)
        rows.append(((name, number(one.value), accepted, spread, verdict), ""))
    columns = (
        column("Insert, HU"), column("Measured", is_number=True),
        column("Accepted", is_number=True), column("SD", is_number=True), column(""),
    )  # fmt: skip
    return table(columns, rows, none="No region was measured.")


def _notes(row: Mapping[str, Any], inserts: Sequence[Insert]) -> list[str]:
    told = []
    sources = list(dict.fromkeys(one.source for one in inserts if one.source))
    if sources:
        told.append(f"Accepted ranges: {'; '.join(sources[:2])}.")
    if row["fits_agree"] is False:
        told.append(
            "The plain and the robust line disagree: one insert pulls the plain one. The robust "
            "line is dashed."
        )
    if text_of(row["note"]):
        told.append(f"Note: {text_of(row['note'])}")
    return told


def _foot(row: Mapping[str, Any], chart: ScannerChart | None) -> str:
    parts = [f"Engine {text_of(row['engine_version'])}", f"analysed by {text_of(row['author'])}"]
    baseline = chart.baselines[-1] if chart is not None and chart.baselines else None
    if baseline is not None:
        who = f", {baseline.author}" if baseline.author else ""
        parts.append(f"baseline of {day_of(baseline.valid_from)} ({baseline.reason}{who})")
    return " · ".join(parts) + ". Research use, advisory."


def _scale_words(row: Mapping[str, Any]) -> str:
    slope, low, high = (number_of(row[name]) for name in ("slope", "slope_low", "slope_high"))
    offset, least, most = (
        number_of(row[name]) for name in ("intercept_hu", "intercept_low_hu", "intercept_high_hu")
    )
    if slope is None or offset is None:
        return "no line: fewer than four inserts have nominal values"
    told = f"slope {slope:.3f}"
    if low is not None and high is not None:
        told += f" ± {(high - low) / 2:.3f}"
    told += f", offset {signed(offset)}"
    if least is not None and most is not None:
        told += f" ± {(most - least) / 2:.1f}"
    return f"{told} HU"


def _resolution_words(found: Mtf) -> str:
    unit = quantity_of("f50_per_mm").unit
    falls = [(50, found.f50), (10, found.f10)]  # NaN where it does not fall so far
    words = ", ".join(f"{part} % at {at:.2f}" for part, at in falls if math.isfinite(at))
    return f"{words} {unit}" if words else ""


def _neighbours(row: Mapping[str, Any], chart: ScannerChart | None) -> tuple[str, str]:
    """Return the pages of the scans before and after, empty without one."""
    if chart is None:
        return "", ""
    mine = (row["StudyInstanceUID"], row["SeriesInstanceUID"])
    places = [(point.StudyInstanceUID, point.SeriesInstanceUID) for point in chart.points]
    if mine not in places:
        return "", ""
    at = places.index(mine)
    around = (places[at - 1] if at > 0 else None, places[at + 1] if at + 1 < len(places) else None)
    before, after = ("" if place is None else scan_address(place[1], place[0]) for place in around)
    return before, after


def _acquired(row: Mapping[str, Any]) -> str:
    at: Any = row.get("scanner_time")
    said_by = text_of(row.get("scanner_time_from"))
    try:
        words = f"{at.day} {at:%B %Y, %H:%M}"
    except (AttributeError, TypeError, ValueError):  # a record of before has no scanner's clock
        return _acquired_by_words(row)
    return words if said_by in ("", "AcquisitionDate") else f"{words}, by its {said_by}"


def _acquired_by_words(row: Mapping[str, Any]) -> str:
    day, clock = row["AcquisitionDate"], text_of(row["AcquisitionTime"])
    try:
        words = f"{day.day} {day:%B %Y}"
    except (AttributeError, ValueError):
        return "no date stated"
    return f"{words}, {clock[:2]}:{clock[2:4]}" if clock[:4].isdigit() and len(clock) > 3 else words


def _csv(rois: Sequence[Mapping[str, Any]]) -> str:
    names = (
        *("material", "value_hu", "se_hu", "sd_hu", "nominal_hu", "nominal_low_hu"),
        *("nominal_high_hu", "verdict", "pixel_count", "x_mm", "y_mm", "z_mm", "radius_mm"),
    )
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(names)
    for roi in rois:
        values = (roi[name] for name in names)
        writer.writerow(_blank(value) for value in values)
    return written.getvalue()


def _blank(value: Any) -> Any:
    return "" if value is None or (isinstance(value, float) and math.isnan(value)) else value


def _checks(row: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    try:
        found = json.loads(text_of(row["checks"]) or "[]")
    except ValueError:
        return []
    return [one for one in found if isinstance(one, dict) and isinstance(one.get("figure"), str)]


def _analysis_choices(*, has_images: bool) -> dict[str, Sequence[str | tuple[str, str]]]:
    """Return what the form of an analysis chooses from."""
    from noctis_lab.analysis.calibration.phantoms import load_phantoms
    from noctis_lab.analysis.calibration.tolerances import load_tolerances

    return {
        "phantoms": [phantom.model for phantom in load_phantoms()],
        "tolerances": list(load_tolerances()),
        "middles": [("view", "the image in view")] if has_images else [],
    }


def _event_kinds() -> Sequence[str]:
    from noctis_lab.views.calibration.fleet import event_kinds

    return event_kinds()
