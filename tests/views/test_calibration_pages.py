"""What the calibration pages say: of a fleet, one scanner, a scan's verdict, two scanners."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bokeh.models.annotations import LabelSet

import noctis_lab as nl
from noctis_lab.access import Principal, Role
from noctis_lab.analysis.calibration.charts.agreement import bland_altman, pair_by_name
from noctis_lab.analysis.calibration.curves import DensityCurve
from noctis_lab.analysis.calibration.fit import confidence_band, fit_line
from noctis_lab.catalog import people
from noctis_lab.errors import CannotCalibrate
from noctis_lab.lab import Lab
from noctis_lab.lab.calibrating.records import CalibrationRecords
from noctis_lab.synthetic import ct_phantom
from noctis_lab.views.calibration.address import Asked, read_asked
from noctis_lab.views.calibration.comparison import agreement_words, comparison_page
from noctis_lab.views.calibration.fleet import MOST_CARDS, MOST_ROWS, fleet_page, period_of
from noctis_lab.views.calibration.ink import INK
from noctis_lab.views.calibration.opening import open_page
from noctis_lab.views.calibration.python import certificate_python, fleet_python
from noctis_lab.views.calibration.quantities import CARD_QUANTITIES, quantity_of
from noctis_lab.views.calibration.scale_plot import Insert, residual_plot, scale_plot
from noctis_lab.views.calibration.scanner import scanner_page
from noctis_lab.views.calibration.standings import group_charts, needs_of, note_of, open_alarms
from noctis_lab.views.calibration.trend_plot import shared_range, trend_plot
from noctis_lab.views.calibration.verdicts import scan_badge, verdict_of
from tests.analysis.phantom_volumes import SMALL
from tests.lab.filling import fill
from tests.lab.fleet_records import grant, note_known_changes, record_fleet

STEADY, DRIFTING, CHANGED = "ACME CT 1 4711", "ACME CT 1 4712", "ACME CT 2 0815"
NOW = datetime(2025, 12, 30)  # noqa: DTZ001 - a scanner's clock has no zone
ADMIN = Principal(name="ann", role=Role.ADMIN, facilities=None)
ROW: dict[str, Any] = {
    "status": "pass",
    "phantom_model": "CatPhan 504",
    "scanner": "Scanner 1",
    "KVP": 120.0,
    "checks": None,
    "tolerance_set": None,
    "max_deviation_hu": 9.0,
    "slope": 1.0,
}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """An archive that holds two years of three scanners as records."""
    with nl.open_lab(tmp_path_factory.mktemp("fleet") / "root", create=True) as lab:
        fleet = record_fleet(lab.catalog)
        note_known_changes(lab.catalog, fleet)
        grant(lab.catalog, [s for s in fleet.scans if s.scanner == STEADY][:30], "north")
        yield lab


@pytest.fixture
def records(lab: Lab) -> CalibrationRecords:
    return lab.calibration


def insert(material: str, value: float, nominal: float | None, reach: float = 30.0) -> Insert:
    is_known = nominal is not None
    verdict = "no nominal"
    if nominal is not None:
        verdict = "pass" if abs(value - nominal) <= reach else "fail"
    return Insert(
        material=material, value=value, se=0.2, sd=5.0, nominal=nominal,
        low=nominal - reach if is_known else None, high=nominal + reach if is_known else None,
        verdict=verdict, clipped=0.0, source="a manual", SOPInstanceUID="1.2.3",
    )  # fmt: skip


SOUND = [insert("air", -1000, -1000), insert("LDPE", -100, -100), insert("acrylic", 118, 116),
         insert("Delrin", 344, 345), insert("Teflon", 950, 951)]  # fmt: skip


def test_a_fleet_has_a_card_a_scanner_and_says_who_needs_a_look(
    records: CalibrationRecords,
) -> None:
    told, figures = fleet_page(records, Asked(), now=NOW, can_calibrate=True)
    cards = {card["title"]: card for card in told["cards"]}
    assert len(figures) == len(cards) == 3
    names = {group.first.scanner: group.label for group in group_charts(records.charts())}
    drifting, steady = cards[names[DRIFTING]], cards[names[STEADY]]
    assert drifting["badge"]["kind"] == "warn"
    assert steady["badge"]["kind"] in ("pass", "warn")
    assert told["cards"][0]["badge"]["kind"] != "pass", "what needs a look stands first"
    assert drifting["value"].endswith(" HU")
    assert drifting["value"][0] in "+\N{MINUS SIGN}"
    assert any(need["title"].startswith(names[DRIFTING]) for need in told["needs"])
    assert told["status"][0] == "3 scanners"
    assert len(told["table"]["rows"]) == MOST_ROWS
    assert "older scans" in told["table"]["more"]
    assert told["table"]["rows"][0]["href"].startswith("/calibration?series=")
    assert len({figure.y_range.end for figure in figures}) == 1, "cards share one scale"
    assert figures[0].y_range.start == -figures[0].y_range.end, "zero is amid"
    later, _ = fleet_page(records, Asked(first=MOST_CARDS), now=NOW, can_calibrate=False)
    assert len(later["cards"]) == 3, "an address beyond the last card shows the first"
    assert not any(a.get("form") for need in later["needs"] for a in need["actions"])


def test_a_period_in_which_no_scan_lies_ends_at_the_newest_scan(
    records: CalibrationRecords,
) -> None:
    charts = records.charts(scanner=STEADY)
    newest = max(chart.points[-1].at for chart in charts)
    month, asked = timedelta(days=30), Asked(period="30d")
    begins, ends = period_of(charts, asked, newest + timedelta(days=400))
    assert begins == newest - month
    assert newest < ends < newest + month
    begins, ends = period_of(charts, asked, newest + timedelta(days=20))
    assert begins == newest - timedelta(days=10), "up to now, while a scan lies in it"
    told, _ = fleet_page(records, asked, now=newest + timedelta(days=400), can_calibrate=False)
    assert not told["status"][1].startswith("0 phantom scans")
    assert told["status"][1].endswith("in 30 days")


def test_charts_are_drawn_again_once_something_is_recorded(tmp_path: Path) -> None:
    with nl.open_lab(tmp_path / "root", create=True) as own:
        record_fleet(own.catalog)
        charts = own.calibration.charts(scanner=STEADY)
        assert own.calibration.charts(scanner=STEADY) is charts
        with pytest.raises(ValueError, match="read-only"):
            charts[0].chart.baseline_numbers[0] = 1  # it is everybody's
        own.calibration.note_event(STEADY, "service", principal=ADMIN)
        (event,) = own.calibration.charts(scanner=STEADY)[0].events
        assert event.event_kind == "service"
        nobody = Principal(name="eve", role=Role.VIEWER, facilities=frozenset({"north"}))
        assert own.calibration.seen_by(nobody).charts(scanner=STEADY) == ()


def test_an_archive_without_phantoms_says_what_fills_the_page(tmp_path: Any) -> None:
    with nl.open_lab(tmp_path / "root", create=True) as empty:
        page = open_page(empty, ADMIN, Asked(), api_base="", root=None)
        assert "noctis calibrate --all" in page.told["empty"]["code"]
        scan = open_page(empty, ADMIN, Asked(series="1.2.3"), api_base="", root=None)
        assert scan.told["empty"]["text"] == "It is not in this archive, or not yours to see."


def test_a_facility_sees_its_own_scans_and_no_more(lab: Lab) -> None:
    north = Principal(name="eve", role=Role.VIEWER, facilities=frozenset({"north"}))
    seen = lab.calibration.seen_by(north)
    told, _ = fleet_page(seen, Asked(period="all"), now=NOW, can_calibrate=False)
    assert len(told["cards"]) == 1
    assert told["status"] == ["1 scanner", "30 phantom scans in all"]
    other, figures = scanner_page(seen, Asked(scanner=DRIFTING), now=NOW, can_calibrate=False)
    assert other["empty"]["title"] == "No phantom scan of this scanner"
    assert not figures


def test_a_scanner_has_all_its_charts_events_and_baselines(records: CalibrationRecords) -> None:
    told, figures = scanner_page(
        records, Asked(scanner=CHANGED, period="all"), now=NOW, can_calibrate=True
    )
    assert len(figures) == len(told["cards"]) == len(records.charts(scanner=CHANGED))
    baselines, events, scans = told["tables"]
    assert [row["cells"][1] for row in events["rows"]] == ["tube change", "service"]
    assert {row["cells"][6] for row in baselines["rows"]} >= {"tube change", "service"}
    assert scans["rows"]
    forms = {one.get("form") for one in told["head"]["actions"]}
    assert {"event", "baseline"} <= forms
    notes = {card["title"]: card["note"] for card in told["cards"]}
    assert "since tube change" in notes["Noise"]


def test_a_chart_draws_each_scan_once_with_its_page(records: CalibrationRecords) -> None:
    chart = records.charts(scanner=DRIFTING, quantity="intercept_hu")[0]
    plot = trend_plot(chart)
    points = [part for part in plot.renderers if (part.name or "").startswith("points")]
    hrefs = [href for part in points for href in part.data_source.data["href"]]
    assert sorted(hrefs) == sorted(set(hrefs))
    assert len(hrefs) == len(chart.points)
    alarmed = next(part for part in points if part.name == "points alarm")
    assert len(alarmed.data_source.data["x"]) == sum(bool(p.alarms) for p in chart.points)
    assert any(tag == f"{INK}fill_color=warn" for tag in alarmed.glyph.tags)
    colours = {"line_color", "fill_color"}
    for part in plot.renderers:  # a colour without a token would be one theme's alone
        painted = {tag.split("=")[0].removeprefix(INK) for tag in part.glyph.tags}
        assert painted & colours


def test_one_wild_chart_does_not_flatten_the_others(records: CalibrationRecords) -> None:
    charts = [one.chart for one in records.charts(quantity="intercept_hu")]
    low, high = shared_range(charts)
    trend = replace(charts[0].trend, values=charts[0].trend.values + 500)
    wild = replace(charts[0], trend=trend, baselines=(), tracks=())
    assert shared_range([*charts, wild])[1] < low + 10 * (high - low)
    assert shared_range([]) == (-1.0, 1.0)
    signed = shared_range(charts, is_signed=True)
    assert signed[0] == -signed[1]


def test_what_needs_a_look_says_since_when_and_goes_once_acknowledged(
    records: CalibrationRecords,
) -> None:
    groups = group_charts(records.charts(scanner=DRIFTING))
    need = needs_of(groups[0], {}, can_calibrate=True)[0]
    assert "began on" in need["text"]
    assert "Usual for this scanner is" in need["text"]
    chart = next(c for c in groups[0].charts if c.status in ("drifting", "step"))
    assert "alarm for" in note_of(chart)
    key = {"scanner": chart.scanner, "protocol": chart.protocol}
    rows = [
        key | {"quantity": c.quantity, "alarm_id": "a" * 32, "acknowledged_by": by}
        for by in (float("nan"), "ann")
        for c in groups[0].charts
    ]
    first = open_alarms(rows[: len(groups[0].charts)])
    told = needs_of(groups[0], first, can_calibrate=True)
    assert any(a.get("form") == "acknowledge" for one in told for a in one["actions"])
    assert needs_of(groups[0], open_alarms(rows), can_calibrate=True) == []


@pytest.mark.parametrize(
    ("inserts", "changed", "kind", "title", "meaning"),
    [
        (SOUND, {}, "pass", "All checks passed", ""),
        (
            [*SOUND[:4], insert("Teflon", 800, 951)], {"status": "fail"}, "fail",
            "One check failed: Teflon", "Some inserts are off",
        ),
        (
            [replace(one, value=one.value + 60, verdict="fail") for one in SOUND],
            {"status": "fail"}, "fail", "5 checks failed", "shifted as a whole",
        ),
        (
            [insert(one.material, 0.9 * one.value, one.nominal) for one in SOUND],
            {"status": "fail", "slope": 0.9}, "fail", "checks failed", "stretched",
        ),
        (
            SOUND,
            {"status": "fail", "tolerance_set": "ACR 2017", "checks": json.dumps([
                {"figure": "periphery_minus_center_hu", "low": -5, "high": 5, "value": -11.4,
                 "verdict": "fail"}])},
            "fail", "One check failed: uniformity", "the HU scale itself holds",
        ),
        (
            [insert("air", -1000, None)], {"status": "trend only", "KVP": 80.0}, "none",
            "No verdict at 80 kVp", "",
        ),
    ],
)  # fmt: skip
def test_a_verdict_says_what_failed_and_what_it_points_to(
    inserts: list[Insert], changed: dict[str, Any], kind: str, title: str, meaning: str
) -> None:
    words = verdict_of(ROW | changed, inserts)
    assert words.kind == kind
    assert title in words.title
    assert meaning in words.meaning
    assert words.text.endswith(".")
    assert scan_badge(ROW | changed, inserts)[0] == kind
    assert bool(words.advice) == (kind != "pass")


def test_the_band_of_a_line_is_that_of_its_mean() -> None:
    nominal = np.array([-1000.0, -100, 116, 345, 951])
    fit = fit_line(nominal, nominal * 1.01 + np.array([3.0, -2, 1, -1, 2]))
    narrow, wide = confidence_band(fit, nominal, np.array([nominal.mean(), 3000.0]))
    # at x = 0 the mean's interval is the intercept's own
    at_zero = confidence_band(fit, nominal, np.zeros(1))[0]
    assert at_zero == pytest.approx((fit.intercept_ci[1] - fit.intercept_ci[0]) / 2)
    assert 0 < narrow < wide
    assert scale_plot([insert("air", -1000, None)]) is None
    plot = scale_plot(SOUND, {"1.2.3": 7})
    points = next(part for part in plot.renderers if part.name == "points inserts")
    assert points.data_source.data["plane"] == ["7"] * 5


def test_the_line_goes_by_no_insert_that_is_clipped() -> None:
    def line(inserts: list[Insert]) -> Any:
        plot = scale_plot(inserts)
        (drawn,) = (part for part in plot.renderers if type(part.glyph).__name__ == "Line")
        return drawn.data_source.data["y"]

    clipped = replace(SOUND[0], value=-900.0, clipped=0.6)
    fit = fit_line(*np.array([(one.nominal, one.value) for one in SOUND[1:]], np.float64).T)
    at = np.linspace(-1000 - 195.1, 951 + 195.1, 64)
    assert line([clipped, *SOUND[1:]]) == pytest.approx(fit.slope * at + fit.intercept)


def test_what_inserts_are_off_stands_in_a_row_above_their_bars() -> None:
    off = [insert("air", -1020, -1000), insert("acrylic", 121, 116), insert("Teflon", 990, 951)]
    plot = residual_plot([*off, SOUND[3]])
    (labels,) = plot.select(LabelSet)
    told = labels.source.data
    assert told["label"] == ["\N{MINUS SIGN}20.0", "+5.0", "+39.0", "\N{MINUS SIGN}1.0"]
    assert set(told["y"]) == {plot.y_range.end}
    assert plot.y_range.end > 1.5 * 39, "no bar, and no point, reaches as high"
    assert plot.y_range.start < -39


def test_what_is_recorded_and_what_there_is_have_pages(tmp_path: Path) -> None:
    with nl.open_lab(tmp_path / "root", create=True) as own:
        record_fleet(own.catalog)
        protocol = own.calibration.charts(scanner=STEADY)[0].protocol
        told = open_page(own, ADMIN, Asked(view="baselines"), api_base="", root=None).told
        assert [one["rows"] for one in told["tables"]] == [[], []]
        assert "first scans" in told["tables"][0]["none"]
        trend = STEADY, protocol, "noise_hu"
        own.calibration.set_baseline(trend, reason="<b>new", principal=ADMIN)
        own.calibration.note_event(STEADY, "service", note="tube", principal=ADMIN)
        curve = DensityCurve(hu=(-1000.0, 0.0), density=(0.0, 1.0))
        own.calibration.add_curve(curve, STEADY, kvp=120, principal=ADMIN)
        told = open_page(own, ADMIN, Asked(view="baselines"), api_base="", root=None).told
        (baseline,), (event,) = (one["rows"] for one in told["tables"])
        assert baseline["cells"][1:4] == [STEADY, protocol, "Noise"]
        assert baseline["cells"][7:] == ["<b>new", "ann"]
        assert event["cells"][1:] == [STEADY, "service", "tube", "ann"]
        assert baseline["href"] == Asked(scanner=STEADY, protocol=protocol).address()
        told = open_page(own, ADMIN, Asked(view="curves"), api_base="", root=None).told
        assert told["tables"][0]["rows"][0]["cells"][4:6] == ["2", "\N{MINUS SIGN}1000 to 0"]
        nobody = Principal(name="eve", role=Role.VIEWER, facilities=frozenset({"north"}))
        hidden = open_page(own, nobody, Asked(view="curves"), api_base="", root=None).told
        assert hidden["tables"][0]["rows"] == []
        phantoms = open_page(own, nobody, Asked(view="phantoms"), api_base="", root=None).told
        models, ranges, certified = (
            {row["cells"][0] for row in one["rows"]} for one in phantoms["tables"]
        )
        assert certified == set()
        assert {"CatPhan 504", "ACR 464"} <= models
        assert {"CatPhan 504", "ACR 464"} <= ranges
        on = [one["label"] for one in phantoms["head"]["choices"][0] if one["isOn"]]
        assert on == ["Phantoms"]
    assert read_asked({"view": [b"curves"]}).view == "curves"
    assert read_asked({"view": [b"<b>"]}) == Asked()


def test_two_scanners_are_compared_in_words(records: CalibrationRecords) -> None:
    told, figures = comparison_page(records, Asked(compare=(STEADY, CHANGED)))
    assert len(figures) == 2
    assert told["empty"] is None
    assert "95 are expected to differ by between" in told["verdict"]["text"]
    # What the page says of a figure is what Python and HTTP say of it.
    found = records.compare(STEADY, CHANGED, quantity="intercept_hu")
    assert told["status"][1] == f"{found.agreement.means.size} pairs"
    bias = quantity_of("intercept_hu").write(found.agreement.bias)
    assert f"difference is {bias}, its" in told["verdict"]["text"]
    assert "HU per 1000 HU, 95 % interval" in told["verdict"]["text"]
    alone, _ = comparison_page(records, Asked(compare=(STEADY,)))
    assert alone["empty"]["text"] == "Choose two scanners above."
    first = {str(n): float(n) for n in range(8)}
    second = {name: value + 5 + 0.1 * (value % 3) for name, value in first.items()}
    agreement = bland_altman(pair_by_name(first, second))
    words = agreement_words(agreement, ("A", "B"), quantity_of("water_hu"))
    assert words.title.startswith("B reads 5.1 HU above A")
    assert words.meaning == ""


def test_a_slope_of_scans_is_told_with_its_interval_and_as_no_scale() -> None:
    days = {str(n): float(n % 5) for n in range(40)}
    wide = {name: 2 * value + 0.01 * (n % 3) for n, (name, value) in enumerate(days.items())}
    found = bland_altman(pair_by_name(days, wide))
    words = agreement_words(found, ("A", "B"), quantity_of("water_hu")).meaning
    assert f"change by +{found.slope:.2f} HU for each HU" in words
    assert f"+{found.slope_ci[0]:.2f} to +{found.slope_ci[1]:.2f}" in words
    assert "spread or a drift of the second scanner" in words
    same = {name: value + 0.1 * (-1) ** n for n, (name, value) in enumerate(days.items())}
    alike = agreement_words(bland_altman(pair_by_name(days, same)), ("A", "B"),
                            quantity_of("water_hu"))  # fmt: skip
    assert alike.title == "No mean difference between A and B is seen"
    assert alike.kind == "info", "that none is seen does not say that there is none"


def test_an_address_is_read_within_bounds_and_written_back() -> None:
    asked = Asked(scanner="ACME CT & Co 1", quantity=CARD_QUANTITIES[3], period="1y")
    from urllib.parse import parse_qs, urlsplit

    said = parse_qs(urlsplit(asked.address()).query)
    arguments = {name: [value.encode() for value in values] for name, values in said.items()}
    assert read_asked(arguments) == asked
    hostile = {
        "series": [b"1.2<script>"], "period": [b"7d"], "quantity": [b"\xff"], "first": [b"-1"],
        "scanner": [b"a\n" * 9_000], "compare": [b"A", b"B", b"C"],
    }  # fmt: skip
    read = read_asked(hostile)
    assert (read.series, read.period, read.first, read.scanner) == ("", "120d", 0, "")
    assert read.compare == ("A", "B")


def test_a_form_is_done_by_the_rights_of_when_it_is_sent(tmp_path: Path) -> None:
    with nl.open_lab(tmp_path / "root", create=True) as own:
        record_fleet(own.catalog)
        people.add_principal(own.catalog, "ray", Role.RESEARCHER, None)
        ray = people.find_principal(own.catalog, "ray")
        assert ray is not None
        page = open_page(own, ray, Asked(), api_base="/api", root=None)
        said = {"scanner": STEADY, "event_kind": "service", "happened_on": "2025-02-01"}

        def answer(number: int, **changed: Any) -> str:
            page._handle_msg({"kind": "event", "number": number, "said": said | changed})
            assert page.answer["number"] == number
            return str(page.answer["problem"])

        assert answer(1) == ""
        assert "at most 500" in answer(2, note="n" * 501)
        assert "YYYY-MM-DD" in answer(3, happened_on="<b>")
        assert "expected one of service" in answer(4, event_kind="<b>")
        for hostile in (None, [], {"kind": []}, {"kind": "event", "said": said},
                        {"kind": "event", "number": "5", "said": said},
                        {"kind": "event", "number": 5, "said": []}, {"kind": "plane", "index": 1},
                        {"kind": "__init__", "number": 5, "said": said}):  # fmt: skip
            page._handle_msg(hostile)
        assert page.answer["number"] == 4
        people.set_role(own.catalog, "ray", Role.VIEWER)
        assert "may not calibrate" in answer(6)
        people.remove_principal(own.catalog, "ray")
        assert "no principal of this archive any more" in answer(7)
        assert own.calibration.events()["author"].tolist() == ["ray"]


def test_a_region_that_was_moved_is_measured_there_and_recorded_as_by_hand(tmp_path: Path) -> None:
    with nl.open_lab(tmp_path / "root", create=True) as own:
        fill(own, ct_phantom("CatPhan 504", **SMALL), tmp_path / "in")
        series = own.series().one()
        found = series.calibrate().rois.set_index("material").loc["Delrin"]
        asked = Asked(series=series.SeriesInstanceUID)
        place = {"x_mm": found["x_mm"] + 1.5, "y_mm": found["y_mm"], "z_mm": found["z_mm"]}
        place |= {"radius_mm": 3.0}
        viewer = Principal(name="eve", role=Role.VIEWER, facilities=None)
        fixed = open_page(own, viewer, asked, api_base="", root=None).viewer.marks
        assert not any("name" in mark for mark in fixed)
        page = open_page(own, ADMIN, asked, api_base="", root=None)
        assert "Delrin" in {mark["name"] for mark in page.viewer.marks}
        assert page.told["placed"] == {}

        def analyse(number: int, **said: Any) -> str:
            page._handle_msg({"kind": "analyse", "number": number, "said": said})
            assert page.answer["number"] == number
            return str(page.answer["problem"])

        for number, hostile in enumerate(
            ("[1]", "{", '{"Delrin": 7}', '{"Delrin": {"x_mm": 1e999}}', "x" * 20_001, 7,
             json.dumps(dict.fromkeys(map(str, range(65)), place)))
        ):  # fmt: skip
            assert "expected" in analyse(number, regions=hostile)
        wide = json.dumps({"Delrin": place | {"radius_mm": float("inf")}})
        assert "radius of 1 to 100 mm" in analyse(8, regions=wide)
        assert "no insert of" in analyse(9, regions=json.dumps({"<b>": place}))
        assert len(own.calibration.analyses()) == 1
        assert analyse(10, regions=json.dumps({"Delrin": place}), serial="7", middle="view") == ""
        row = own.calibration.analyses().iloc[-1]
        assert (row["is_manual"], row["phantom_serial"], row["author"]) == (True, "7", "ann")
        rois = own.calibration.rois(analysis_id=row["analysis_id"]).set_index("material")
        assert rois.index[rois["is_manual"]].tolist() == ["Delrin"]
        kept = rois.loc["Delrin"]
        assert {name: kept[name] for name in place} == pytest.approx(place)
        again = open_page(own, ADMIN, asked, api_base="", root=None)
        assert again.told["placed"] == {"Delrin": place}
        assert "Delrin, by hand" in {mark["title"] for mark in again.viewer.marks}


def run(code: str) -> dict[str, Any]:
    """Run what a page gave to be copied; returns its names."""
    names: dict[str, Any] = {}
    exec(compile(code, "copied", "exec"), names)
    names["lab"].close()
    return names


def test_copied_code_runs_and_a_certificate_gives_a_verdict(tmp_path: Path) -> None:
    root = tmp_path / "root"
    with nl.open_lab(root, create=True) as own:
        fill(own, ct_phantom("CatPhan 504", **SMALL, kvp=80), tmp_path / "in")
        series = own.series().one()
        found = series.calibrate()
        plotted = found.plot().told["titles"]
        assert plotted == ["Uniformity", "Profiles", "Resolution", "Noise"], "no nominals, no line"
        judged = nl.calibrate(series.load(), kvp=120).plot()
        assert judged.told["titles"] == ["HU scale", "Residuals", *plotted]
        assert len(judged.figures) == len(judged.told["titles"])
        page = open_page(
            own, ADMIN, Asked(series=series.SeriesInstanceUID), api_base="", root=str(root)
        )
        verdict = page.told["verdict"]
        assert "enters the certificate for this scanner" in verdict["advice"]
        assert page.told["notes"] == [], "no range, no source of one"
        (copied,) = (one["copied"] for one in verdict["actions"] if "copied" in one)
    with pytest.raises(CannotCalibrate, match="line 2 of the nominal values"):
        run(copied)  # LOW and HIGH are to be filled in
    filled = copied.replace("LOW", "-1090").replace("HIGH", "1090").replace("SERIAL", "7")
    assert run(filled)["found"].status == "pass"
    with nl.open_lab(root) as own:
        page = open_page(own, ADMIN, Asked(view="phantoms"), api_base="", root=str(root))
    (kept,) = page.told["tables"][-1]["rows"]
    assert kept["cells"][:2] == ["CatPhan 504", "7"]
    run(fleet_python(str(root)))


@pytest.mark.parametrize("name", ['"""', "\\", 'a,b"\n', "\N{HEBREW LETTER ALEF}"])
def test_copied_code_holds_any_name(name: str) -> None:
    row = ROW | {"SeriesInstanceUID": "1.2.3", "StudyInstanceUID": "1.2", "phantom_model": name}
    compile(certificate_python(row, 80, [insert(name, 1, None)], name), "copied", "exec")


def test_charts_are_plotted_in_a_notebook_and_bounded(lab: Lab) -> None:
    page = lab.calibration.plot(quantity="slope")
    assert [pane.object.name is None for pane in page.figures] == [True] * 3
    assert page.told["page"] == "plots"
    assert len(page.told["titles"]) == 3
    with pytest.raises(CannotCalibrate, match="24") as refused:
        lab.calibration.plot()
    assert refused.value.refusal == "too_many_charts"
