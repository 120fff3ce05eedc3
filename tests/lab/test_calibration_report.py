"""The report of an analysis stands alone, says its verdict first, and names nobody."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

import noctis_lab as nl
from noctis_lab.catalog.hu_records import write_records
from noctis_lab.errors import CalibrationNotFound
from noctis_lab.lab import Lab, Series
from noctis_lab.lab.calibrating.figures import Dot, Line, place
from noctis_lab.synthetic import ct_phantom, simulated_fleet
from tests.analysis.phantom_volumes import SMALL
from tests.lab.filling import fill
from tests.lab.fleet_records import analysis_of, grant, uid_of


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """One analysed phantom of a patient with a name, and two scans of a fleet without images."""
    folder = tmp_path_factory.mktemp("reported")
    data_sets = ct_phantom("CatPhan 504", **SMALL)
    for data_set in data_sets:
        data_set.PatientName, data_set.PatientID = "Secret^Name", "SECRET-1"
    with nl.open_lab(folder / "root", create=True, min_free_bytes=0) as lab:
        fill(lab, data_sets, folder / "in")
        lab.series().one().calibrate(note="<b>bold</b>", tolerances="pylinac 3.49")
        scans = simulated_fleet().scans[:2]
        grant(lab.catalog, scans, "north")
        wrong = [
            {"material": "Teflon", "value_hu": 1080.2, "nominal_hu": 1000.5, "verdict": "fail"}
            | {"nominal_low_hu": 941.0, "nominal_high_hu": 1060.0, "deviation_hu": 79.7}
        ]
        records = [analysis_of(scans[0], status="fail", rois=wrong), analysis_of(scans[1])]
        write_records(lab.catalog, records)
        yield lab


@pytest.fixture
def series(lab: Lab) -> Series:
    return lab.series(SeriesDescription="CatPhan 504").one()


class Page(HTMLParser):
    """What a page asks for from elsewhere, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.tags: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.asked += [value or "" for name, value in attrs if name in ("src", "href", "srcset")]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_a_report_stands_alone_and_says_its_verdict_first(
    lab: Lab, series: Series, tmp_path: Path
) -> None:
    text = lab.calibration.report(series.SeriesInstanceUID, tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text("utf-8") == text
    page = Page(text)
    assert page.asked == []
    assert "script" not in page.tags
    assert "http" not in text.replace("http-equiv", "")
    assert "Secret" not in text
    assert "SECRET" not in text
    body = page.text[page.text.rindex("CatPhan 504 on") :]
    verdict, inserts = body.index("Pass"), body.index("Inserts")
    assert verdict < body.index("inserts with an accepted range lie within it") < inserts
    assert "For research only" in body[:inserts]
    assert "no control limits yet" in body[:inserts]  # one scan makes none
    assert "<b>bold</b>" in page.text  # as text, not as markup
    assert "b" not in page.tags
    for word in ("Teflon", "Slope", "MTF 50 %", "Periphery less centre", "Engine version"):
        assert word in page.text, word
    # Measured and nominal, deviations, MTF; the map; at least one trend.
    assert page.tags.count("svg") >= 5
    circles = re.findall(r'<circle class="pass"', text)
    assert len(circles) == len(lab.calibration.rois(SeriesInstanceUID=series.SeriesInstanceUID))
    # Down one side of the band and back on the other; the line is in its middle.
    (band,) = re.findall(r'class="confidence" points="([^"]*)"', text)
    (line,) = re.findall(r'class="fit" points="([^"]*)"', text)
    outline = [[float(one) for one in point.split(",")] for point in band.split()]
    over, under = outline[: len(outline) // 2], outline[: len(outline) // 2 - 1 : -1]
    for (x, y), (other_x, other_y), end in zip(
        (over[0], over[-1]), (under[0], under[-1]), line.split(), strict=True
    ):
        assert x == other_x == float(end.split(",")[0])
        assert y < other_y
        assert (y + other_y) / 2 == pytest.approx(float(end.split(",")[1]), abs=0.11)


def test_an_analysis_without_its_images_is_told_as_far_as_it_is_recorded(lab: Lab) -> None:
    failed, plain = (analysis_of(scan).SeriesInstanceUID for scan in simulated_fleet().scans[:2])
    text = Page(lab.calibration.report(str(failed))).text
    assert "1 of 1 inserts lie outside of what is accepted: Teflon at 1080.2 HU, accepted" in text
    assert "Curves and maps" in text
    assert "trends only" in Page(lab.calibration.report(str(plain))).text
    with pytest.raises(CalibrationNotFound):
        lab.calibration.report("1.2.3.4.5")
    with pytest.raises(CalibrationNotFound):
        type(lab.calibration)(lab, ["south"]).report(str(failed))


def test_curves_of_other_images_are_no_part_of_a_report(tmp_path: Path) -> None:
    data_sets = ct_phantom("CatPhan 504", **SMALL)
    uid = str(data_sets[0].SeriesInstanceUID)
    with nl.open_lab(tmp_path / "root", create=True, min_free_bytes=0) as lab:
        fill(lab, data_sets[:-1], tmp_path / "a")
        lab.series().one().calibrate()
        assert "Modulation transfer" in lab.calibration.report(uid)
        fill(lab, data_sets[-1:], tmp_path / "b")
        text = lab.calibration.report(uid)
    assert "Modulation transfer" not in text
    assert "the series has other images by now" in text


def test_a_date_of_no_century_breaks_no_report(tmp_path: Path) -> None:
    scans = simulated_fleet().scans[:2]
    dates = ("0001-01-01", "9999-12-31")
    with nl.open_lab(tmp_path / "root", create=True, min_free_bytes=0) as lab:
        for scan, date in zip(scans, dates, strict=True):
            of_one = replace(scan, scanner=scans[0].scanner)
            told = {"AcquisitionDate": date, "AcquisitionTime": "235960"}
            write_records(lab.catalog, [analysis_of(of_one, **told)])
            assert date in lab.calibration.report(f"{uid_of(scan)}.1")
        assert {(len(c.points), c.left_out_count) for c in lab.calibration.charts()} == {(0, 2)}


def test_marks_stand_where_their_axes_say() -> None:
    nan = float("nan")
    drawn = place(
        "t",
        ("x", "y"),
        lines=[Line(points=[(0, 0), (1, 1), (2, nan), (3, 3), (4, 4)])],
        dots=[Dot(x=0, y=0), Dot(x=4, y=4), Dot(x=nan, y=1)],
    )
    assert drawn is not None
    assert len(drawn.lines) == 2  # broken where there is no value
    (x0, y0, *_), (x1, y1, *_) = drawn.dots
    assert drawn.left < x0 < x1 < drawn.right
    assert drawn.top < y1 < y0 < drawn.bottom
    at = {words: x for x, words in drawn.x_ticks}
    assert (at["0"], at["4"]) == (x0, x1)
    assert place("t", ("x", "y"), dots=[Dot(x=nan, y=nan)]) is None
    assert place("t", ("x", "y"), dots=[Dot(x=5, y=5)]) is not None
