"""One analysis as a page of its own: the verdict first, then every figure it rests on."""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from noctis_lab.analysis.calibration.fit import confidence_band, fit_line
from noctis_lab.analysis.calibration.result import HuAnalysis
from noctis_lab.catalog.hu_records import HuKind, HuRecord
from noctis_lab.catalog.hu_sight import find_in_sight
from noctis_lab.errors import CalibrationNotFound, CannotCalibrate, NoctisError
from noctis_lab.jobs.calibration.again import measure_again
from noctis_lab.jobs.calibration.charts import ScannerChart, find_charts
from noctis_lab.jobs.calibration.scans import scans_of
from noctis_lab.lab.calibrating.figures import Band, Dot, Figure, Line, place
from noctis_lab.lab.templates import templates_of

if TYPE_CHECKING:
    from collections.abc import Collection

    from noctis_lab.volumes.cache import Handle

__all__ = ["report_of"]

_RESEARCH_ONLY: Final = "For research only. It is no medical device and no acceptance test."
#: Charts of a report, of those that there are.
_SHOWN_CHARTS: Final = ("water_hu", "slope", "periphery_minus_center_hu", "noise_hu")
_BAND_POINTS: Final = 32
_BOUND: Final = 0.5  # clipped by so much, an insert is no part of the line
_FIGURES: Final = (
    ("water_hu", "Water", "HU"),
    ("slope", "Slope", ""),
    ("intercept_hu", "Intercept", "HU"),
    ("max_deviation_hu", "Largest deviation", "HU"),
    ("noise_hu", "Noise", "HU"),
    ("periphery_minus_center_hu", "Periphery less centre", "HU"),
    ("largest_difference_hu", "Largest difference from the centre", "HU"),
    ("slice_thickness_mm", "Slice thickness", "mm"),
    ("node_side_mm", "Side between nodes", "mm"),
    ("scale", "Scale in the plane", ""),
    ("roll_deg", "Roll", "°"),
    ("tilt_back_deg", "Tilt to the back", "°"),
    ("tilt_left_deg", "Tilt to the left", "°"),
    ("f50_per_mm", "MTF 50 %", "1/mm"),
    ("f10_per_mm", "MTF 10 %", "1/mm"),
    ("noise_peak_per_mm", "Noise power peak", "1/mm"),
    ("noise_mean_per_mm", "Noise power mean", "1/mm"),
)
_FACTS: Final = (
    *("Manufacturer", "ManufacturerModelName", "StationName", "DeviceSerialNumber"),
    *("SoftwareVersions", "AcquisitionDate", "AcquisitionTime", "KVP", "ConvolutionKernel"),
    *("SliceThickness", "Exposure", "XRayTubeCurrent", "ReconstructionDiameter"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Page:
    """What the template shows."""

    title: str
    status: str
    sentences: tuple[str, ...]
    research_only: str
    facts: tuple[tuple[str, str], ...]
    rois: tuple[dict[str, Any], ...]
    figures: tuple[tuple[str, str, str], ...]  # name, value ± error, unit
    plots: tuple[Figure, ...]
    map_cells: tuple[tuple[int, int, str, str], ...]  # x, y, class, words
    map_side: int
    trends: tuple[tuple[Figure, str], ...]  # each with how it stands
    refusals: tuple[tuple[str, str], ...]
    made_at: str


def report_of(
    handle: Handle,
    facilities: Collection[str] | None,
    SeriesInstanceUID: str,
    *,
    StudyInstanceUID: str | None = None,
    made_at: datetime | None = None,
) -> str:
    """Return the newest analysis of a series as HTML that stands alone, and names no patient.

    Curves and maps are no part of a record: they are measured anew from the images, in the same
    way, and left out where the images are gone or others, or the engine is another by now.

    Parameters
    ----------
    facilities
        Whose records count; None for every one.
    StudyInstanceUID
        Of which study, where several hold a series of that UID; None: the newest analysis of any.
    made_at
        The present by default.

    Raises
    ------
    CalibrationNotFound
        No analysis of the series is recorded, or none that may be seen.
    """
    records = find_in_sight(
        handle.catalog, (HuKind.ANALYSIS,), facilities, SeriesInstanceUID=SeriesInstanceUID
    )
    mine = [each for each in records if StudyInstanceUID in (None, each.StudyInstanceUID)]
    if not mine:
        raise CalibrationNotFound(
            "no_analysis",
            f"no analysis of series {SeriesInstanceUID[:64]} is recorded; make one with "
            "`noctis calibrate` and its UID",
        )
    record = mine[-1]
    (scan,) = scans_of([record])
    charts = find_charts(
        handle.catalog, facilities, scanner=record.scanner, protocol=scan.key.protocol
    )
    again, why_not = _again(handle, record)
    page = _page(record, charts, again, why_not, made_at or datetime.now(UTC))
    return (
        templates_of("noctis_lab.lab.calibrating")
        .get_template("report.html.jinja")
        .render(page=page)
    )


def _page(
    record: HuRecord,
    charts: Sequence[ScannerChart],
    again: HuAnalysis | None,
    why_not: str | None,
    made_at: datetime,
) -> _Page:
    told = record.document
    rois = tuple(_roi(roi) for roi in told.get("rois") or ())
    cells, side = _map(again)
    refusals = [
        (name, str(words))
        for name, key in (
            ("Uniformity", "uniformity_refusal"),
            ("Resolution", "mtf_refusal"),
            ("Noise spectrum", "noise_spectrum_refusal"),
        )
        if (words := told.get(key))
    ]
    if why_not is not None:
        refusals.append(("Curves and maps", why_not))
    return _Page(
        title=f"{told.get('phantom_model')} on {record.scanner}",
        status=str(told.get("status")),
        sentences=tuple(_sentences(record, rois, charts)),
        research_only=_RESEARCH_ONLY,
        facts=tuple(_facts(record)),
        rois=rois,
        figures=tuple(
            (name, _with_error(told[key], told.get(f"{key}_se")), unit)
            for key, name, unit in _FIGURES
            if isinstance(told.get(key), int | float)
        ),
        plots=tuple(plot for plot in _plots(told, rois, again) if plot is not None),
        map_cells=cells,
        map_side=side,
        trends=tuple(_trends(charts, record)),
        refusals=tuple(refusals),
        made_at=made_at.isoformat(timespec="seconds"),
    )


def _sentences(
    record: HuRecord, rois: Sequence[Mapping[str, Any]], charts: Sequence[ScannerChart]
) -> Iterator[str]:
    told = record.document
    judged = [roi for roi in rois if roi["nominal_hu"] is not None]
    failed = [roi for roi in judged if roi["verdict"] == "fail"]
    if not judged:
        kvp = told.get("KVP")
        at = "an unknown kVp" if kvp is None else f"{kvp:g} kVp"
        yield f"No accepted value is known for this phantom at {at}: it counts for trends only."
    elif failed:
        names = "; ".join(
            f"{roi['material']} at {roi['value_hu']:.1f} HU, accepted "
            f"{roi['nominal_low_hu']:.0f} to {roi['nominal_high_hu']:.0f} HU"
            for roi in failed
        )
        yield f"{len(failed)} of {len(judged)} inserts lie outside of what is accepted: {names}."
    else:
        yield f"All {len(judged)} inserts with an accepted range lie within it."
    checks = json.loads(told["checks"]) if isinstance(told.get("checks"), str) else []
    wrong = [check["figure"] for check in checks if check.get("verdict") == "fail"]
    if wrong:
        yield f"Outside of the tolerances '{told.get('tolerance_set')}': {', '.join(wrong)}."
    if isinstance(told.get("slope"), int | float) and told.get("slope_low") is not None:
        agree = "" if told.get("fits_agree", True) else " A robust line differs from it."
        yield (
            f"Measured HU are {told['slope']:.4f} (95 %: {told['slope_low']:.4f} to "
            f"{told['slope_high']:.4f}) times the nominal ones, {told['intercept_hu']:+.1f} HU."
            f"{agree}"
        )
    if charts:
        yield _standing(charts)
    if told.get("is_manual"):
        yield "A person has named the phantom or placed regions; it is recorded so."


def _standing(charts: Sequence[ScannerChart]) -> str:
    off = [c for c in charts if c.status in ("out of tolerance", "step", "drifting")]
    if off:
        words = ", ".join(f"{chart.quantity} ({chart.status})" for chart in off)
        return f"By its newest scan the scanner is off in: {words}."
    limits = {chart.chart.status for chart in charts}
    if not limits & {"provisional", "established"}:
        return "The scanner has no control limits yet: its scans are too few, or all alike."
    within = "By its newest scan the scanner is within its limits"
    few = f"{within}, which are provisional: fewer than 20 scans."
    return few if "provisional" in limits else f"{within}."


def _facts(record: HuRecord) -> Iterator[tuple[str, str]]:
    told = record.document
    for name in _FACTS:
        if told.get(name) is not None:
            yield name, f"{told[name]:g}" if isinstance(told[name], float) else str(told[name])
    yield "Phantom", " ".join(filter(None, (told.get("phantom_model"), told.get("phantom_serial"))))
    if told.get("scanner_time_from") not in (None, "AcquisitionDate"):
        yield f"Dated by its {told['scanner_time_from']}", str(told.get("scanner_time"))[:19]
    yield "Protocol", str(told.get("protocol"))
    yield "Images", str(told.get("instance_count"))
    yield "Engine version", str(told.get("engine_version"))
    yield "Analysed by", record.author
    yield "Analysed at", record.recorded_at.isoformat(timespec="seconds")
    yield "SeriesInstanceUID", str(record.SeriesInstanceUID)
    yield "Analysis", record.record_id
    if told.get("note"):
        yield "Note", str(told["note"])


def _roi(roi: Mapping[str, Any]) -> dict[str, Any]:
    names = (
        *("material", "verdict", "value_hu", "se_hu", "sd_hu", "nominal_hu", "nominal_low_hu"),
        *("nominal_high_hu", "deviation_hu", "nominal_source", "nominal_is_verified", "is_manual"),
        "clipped_fraction",
    )
    return {name: roi.get(name) for name in names}


def _plots(
    told: Mapping[str, Any], rois: Sequence[Mapping[str, Any]], again: HuAnalysis | None
) -> Iterator[Figure | None]:
    judged = [roi for roi in rois if roi["nominal_hu"] is not None]
    ends = [min((roi["nominal_hu"] for roi in judged), default=0.0)]
    ends.append(max((roi["nominal_hu"] for roi in judged), default=0.0))
    slope, intercept = told.get("slope"), told.get("intercept_hu")
    lines = []
    if isinstance(slope, int | float) and isinstance(intercept, int | float):
        fit = [(x, slope * x + intercept) for x in ends]
        lines += [*_band(judged, (slope, intercept), ends), Line(points=fit, kind="fit")]
    yield place(
        "Measured and nominal; shaded: the line's 95 % band",
        ("nominal, HU", "measured, HU"),
        lines=lines,
        dots=[Dot(x=r["nominal_hu"], y=r["value_hu"], words=r["material"]) for r in judged],
    )
    yield place(
        "Deviation from nominal; bars: what is accepted",
        ("nominal, HU", "measured − nominal, HU"),
        bands=[
            Band(
                x=roi["nominal_hu"],
                low=roi["nominal_low_hu"] - roi["nominal_hu"],
                high=roi["nominal_high_hu"] - roi["nominal_hu"],
            )
            for roi in judged
        ],
        dots=[
            Dot(x=r["nominal_hu"], y=r["deviation_hu"], words=r["material"], kind=r["verdict"])
            for r in judged
        ],
    )
    if again is not None and again.mtf is not None:
        curve = list(zip(again.mtf.frequency_mm.tolist(), again.mtf.mtf.tolist(), strict=True))
        yield place("Modulation transfer", ("1/mm", "MTF"), lines=[Line(points=curve)])
    if again is not None and again.noise_spectrum is not None:
        noise = again.noise_spectrum
        curve = list(zip(noise.frequency_mm.tolist(), noise.nps.tolist(), strict=True))
        yield place("Noise power", ("1/mm", "HU² mm²"), lines=[Line(points=curve)])


def _band(
    judged: Sequence[Mapping[str, Any]], line: tuple[float, float], ends: Sequence[float]
) -> Iterator[Line]:
    """Yield the outline of a recorded line's 95 % confidence band, of the inserts it goes by."""
    on_line = [roi for roi in judged if (roi["clipped_fraction"] or 0.0) < _BOUND]
    nominal, measured = (
        np.array([roi[name] for roi in on_line], np.float64) for name in ("nominal_hu", "value_hu")
    )
    at = np.linspace(ends[0], ends[1], _BAND_POINTS)
    try:
        half = confidence_band(fit_line(nominal, measured), nominal, at)
    except CannotCalibrate:
        return
    middle = line[0] * at + line[1]
    over, under = (
        [*zip(at.tolist(), y.tolist(), strict=True)] for y in (middle + half, middle - half)
    )
    yield Line(points=[*over, *under[::-1]], kind="confidence")


def _map(again: HuAnalysis | None) -> tuple[tuple[tuple[int, int, str, str], ...], int]:
    """Return the uniformity map's squares, in steps of 2 HU to either side, at most 4."""
    if again is None or again.uniformity is None:
        return (), 0
    values = again.uniformity.map_hu
    cells = []
    for y, row in enumerate(values.tolist()):
        for x, value in enumerate(row):
            if math.isfinite(value):
                step = max(-4, min(4, round(value / 2)))
                kind = f"up{step}" if step > 0 else f"down{-step}"
                cells.append((x, y, kind, f"{value:+.1f} HU"))
    return tuple(cells), int(values.shape[0])


def _trends(charts: Sequence[ScannerChart], record: HuRecord) -> Iterator[tuple[Figure, str]]:
    wanted = [chart for chart in charts if chart.quantity in _SHOWN_CHARTS]
    inserts = [chart for chart in charts if chart not in wanted and chart.unit == "HU"]
    wanted += [chart for chart in inserts if chart.status not in ("in control", "provisional")][:4]
    for chart in wanted or inserts[:1]:
        points = [(point.at.replace(tzinfo=UTC).timestamp(), point) for point in chart.points]
        nan = math.nan

        def line(name: str, kind: str, points: Any = points, nan: float = nan) -> Line:
            values = [(at, nan if (v := getattr(p, name)) is None else v) for at, p in points]
            return Line(points=values, kind=kind)

        drawn = place(
            f"{chart.quantity}, {chart.protocol}",
            ("acquired", chart.unit or "ratio"),
            lines=[line("low", "limit"), line("high", "limit"), line("ewma", "average")],
            dots=[
                Dot(
                    x=at,
                    y=point.value,
                    words=f"{point.at:%Y-%m-%d}: {point.value:.4g}",
                    kind=_kind(point.alarms, point.analysis_id == record.record_id),
                )
                for at, point in points
            ],
            marks=[(e.at.replace(tzinfo=UTC).timestamp(), e.event_kind) for e in chart.events],
            are_dates=True,
        )
        if drawn is not None:
            yield drawn, chart.status


def _kind(alarms: tuple[str, ...], is_this: bool) -> str:
    return ("alarm" if alarms else "dot") + (" this" if is_this else "")


def _with_error(value: float, se: object) -> str:
    if not isinstance(se, int | float) or se <= 0:
        return f"{value:.4g}"
    places = max(0, min(6, 1 - math.floor(math.log10(se))))
    return f"{value:.{places}f} ± {se:.{places}f}"


def _again(handle: Handle, record: HuRecord) -> tuple[HuAnalysis | None, str | None]:
    """Measure again what no record holds; returns it, or why that cannot be."""
    series = handle.catalog.find_series(str(record.reference))
    if series is None:
        return None, "the images are not in this archive any more"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return measure_again(handle, series, record.document), None
    except CannotCalibrate as refusal:
        return None, refusal.reason
    except NoctisError as error:
        return None, f"the images cannot be read ({type(error).__name__})"
