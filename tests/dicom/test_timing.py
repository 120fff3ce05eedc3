"""DA, TM and DT to seconds, held against datetime."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noctis_lab.dicom.timing import parse_date_time_s, parse_time_s

EPOCH = datetime.fromisoformat("1970-01-01")
MOMENTS = st.datetimes(EPOCH.replace(year=1900), EPOCH.replace(year=2100))


@given(MOMENTS)
def test_date_and_time_are_the_seconds_that_datetime_counts(at: datetime) -> None:
    expected = (at - EPOCH) / timedelta(seconds=1)
    assert parse_date_time_s(f"{at:%Y%m%d}", f"{at:%H%M%S.%f}") == pytest.approx(expected, abs=1e-6)
    assert parse_date_time_s(f"{at:%Y%m%d%H%M%S.%f}") == pytest.approx(expected, abs=1e-6)


@given(MOMENTS, st.integers(-12 * 60, 14 * 60))
def test_an_offset_from_utc_is_taken_off(at: datetime, minutes: int) -> None:
    aware = at.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    expected = (aware - EPOCH.replace(tzinfo=UTC)) / timedelta(seconds=1)
    assert parse_date_time_s(f"{aware:%Y%m%d%H%M%S.%f%z}") == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    "text", ["", "9", "24", "1060", "10:1", "nan", "101010.", "١٠", "10" * 40, "-10", "101061"]
)
def test_what_is_no_time_is_none(text: str) -> None:
    assert parse_time_s(text) is None


@pytest.mark.parametrize("text", ["19700230", "1970013", "19700101", "1970-01-0110", "x" * 14])
def test_what_is_no_day_with_an_hour_is_none(text: str) -> None:
    assert parse_date_time_s(text) is None


def test_the_older_forms_with_points_and_colons_are_read() -> None:
    assert parse_date_time_s("1970.01.02", "10:00:01.5") == 86_400 + 36_001.5


@given(st.text(max_size=80), st.none() | st.text(max_size=80))
def test_any_text_gives_a_number_or_none(date: str, time: str | None) -> None:
    assert isinstance(parse_date_time_s(date, time), float | None)
    assert isinstance(parse_time_s(time), float | None)
