"""What an analysis is recorded with is read from headers: when a scan was, and what is alike."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

import noctis_lab as nl
from noctis_lab.errors import CannotCalibrate
from noctis_lab.jobs.calibration.words import SeriesWords, read_words
from noctis_lab.lab import Lab
from noctis_lab.synthetic import torso_ct
from tests.lab.filling import fill


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with nl.open_lab(tmp_path_factory.mktemp("words")) as opened:
        yield opened


def words_of(lab: Lab, folder: Path, number: int, *planes: dict[str, str | None]) -> SeriesWords:
    """Return the words of a series with these elements in its planes; None takes one away."""
    data_sets = torso_ct(planes=len(planes), rows=16, columns=16, gantry_tilt_deg=0.0)
    for plane, (data_set, changed) in enumerate(zip(data_sets, planes, strict=True)):
        data_set.SeriesInstanceUID = f"1.2.{number}"
        data_set.SOPInstanceUID = f"1.2.{number}.{plane}"
        for name, value in changed.items():
            if value is None:
                del data_set[name]
            else:
                setattr(data_set, name, value)
    fill(lab, data_sets, folder)
    row = lab.catalog.find_series(f"1.2.{number}")
    assert row is not None
    return read_words(lab.handle, row)


def test_a_scan_across_midnight_began_on_the_day_before(lab: Lab, tmp_path: Path) -> None:
    words = words_of(
        *(lab, tmp_path, 1),
        {"AcquisitionDate": "20260103", "AcquisitionTime": "000005.5"},
        {"AcquisitionDate": "20260102", "AcquisitionTime": "235958"},
    )
    assert (words.acquired_on, words.AcquisitionTime) == ("2026-01-02", "235958")
    assert words.scanner_time == datetime(2026, 1, 2, 23, 59, 58)  # noqa: DTZ001 - a scanner's clock
    assert words.scanner_time_from == "AcquisitionDate"


NO_DATE: dict[str, str | None] = {"AcquisitionDate": None, "AcquisitionTime": None}


@pytest.mark.parametrize(
    ("number", "changed", "at", "said_by"),
    [
        (2, {"AcquisitionDateTime": "20260102071500.25+0100"}, "07:15:00.250000", "DateTime"),
        (3, {"SeriesDate": "20260102", "SeriesTime": "0716"}, "07:16:00", "SeriesDate"),
        (
            4,
            {"SeriesDate": None, "StudyDate": "20260102", "StudyTime": ""},
            "00:00:00",
            "StudyDate",
        ),
        # A blanked date is none: an axis that begins in 1900 shows nothing else.
        (5, {"AcquisitionDate": "19000101", "SeriesDate": "20260102"}, None, "SeriesDate"),
    ],
)
def test_a_scan_without_a_date_is_dated_by_its_series_or_study(
    *, lab: Lab, tmp_path: Path, number: int, changed: dict[str, str | None], at: str, said_by: str
) -> None:
    words = words_of(lab, tmp_path, number, NO_DATE | changed)
    assert words.scanner_time is not None
    assert words.scanner_time.date().isoformat() == "2026-01-02"
    assert at is None or words.scanner_time.time().isoformat() == at
    assert str(words.scanner_time_from).endswith(said_by)


def test_a_scan_that_no_date_is_known_of_has_no_time(lab: Lab, tmp_path: Path) -> None:
    words = words_of(lab, tmp_path, 6, NO_DATE | {"SeriesDate": None, "StudyDate": ""})
    assert (words.scanner_time, words.scanner_time_from, words.acquired_on) == (None, None, None)


def test_images_that_differ_in_what_must_be_alike_are_refused(lab: Lab, tmp_path: Path) -> None:
    with pytest.raises(CannotCalibrate, match="differ in ConvolutionKernel, SliceThickness"):
        words_of(
            *(lab, tmp_path, 7),
            {"ConvolutionKernel": "Br40", "SliceThickness": "2"},
            {"ConvolutionKernel": "Br60", "SliceThickness": "2.5"},
        )
