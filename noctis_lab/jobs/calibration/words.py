"""What the headers of a series say alike of its scanner and protocol, and when it was acquired."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Final

from noctis_lab.catalog.columns import KEYWORDS, Kind, typed_value
from noctis_lab.dicom.timing import parse_time_s
from noctis_lab.errors import CannotCalibrate
from noctis_lab.volumes.planes import instance_file, read_instance_header

if TYPE_CHECKING:
    from noctis_lab.catalog.records import SeriesRow
    from noctis_lab.dicom.header import Header
    from noctis_lab.volumes.cache import Handle

__all__ = ["YEARS", "SeriesWords", "began_at", "read_words"]

#: Of scans: dates of others are blanked or wrong, and an axis that holds them shows nothing else.
YEARS: Final = range(1970, 2200)
_TEXTS: Final = (
    *("Manufacturer", "ManufacturerModelName", "StationName", "DeviceSerialNumber"),
    *("SoftwareVersions", "ProtocolName", "ConvolutionKernel"),
)
_NUMBERS: Final = (
    *("KVP", "SliceThickness", "Exposure", "XRayTubeCurrent", "ReconstructionDiameter"),
)
#: What one analysis must be of one of; others may vary, and stand for nothing then.
_ALIKE: Final = ("KVP", "ConvolutionKernel", "SliceThickness", "DeviceSerialNumber")
#: A date and its time, the surest first. Series and study begin before what was acquired for them.
_CLOCKS: Final = (
    ("AcquisitionDate", "AcquisitionTime"),
    ("AcquisitionDateTime", None),
    ("SeriesDate", "SeriesTime"),
    ("StudyDate", "StudyTime"),
)
_DATE_TIME: Final = re.compile(r"(\d{8})([\d.]*)(?:[+-]\d{4})?")
_LAST_S: Final = 86_399.999999
_MOST_TEXT: Final = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesWords:
    """What the headers of a series say alike, by DICOM keyword; None where they do not.

    Attributes
    ----------
    acquired_on, AcquisitionTime
        Date (YYYY-MM-DD) and time of the image that was acquired first.
    scanner_time, scanner_time_from
        When the first image was acquired by the scanner's own clock, and the keyword of the date
        that says so: where there is no AcquisitionDate, that of the series or the study stands for
        it.
    """

    texts: Mapping[str, str | None]
    numbers: Mapping[str, float | None]
    acquired_on: str | None
    AcquisitionTime: str | None
    scanner_time: datetime | None = None
    scanner_time_from: str | None = None


def read_words(handle: Handle, series: SeriesRow) -> SeriesWords:
    """Read what an analysis is recorded with from the series' headers.

    The headers and not the catalogue's SQL: to start DuckDB takes longer than an analysis, and a
    worker that runs for months had to hold it.

    Raises
    ------
    CannotCalibrate
        ``mixed_series``: the images differ in what must be alike; says in which.
    FileChanged, InvalidDicom
        A header cannot be read.
    """
    seen: dict[str, dict[Any, None]] = {name: {} for name in (*_TEXTS, *_NUMBERS)}
    clocks: list[_Clock] = []
    for row in handle.catalog.instances_of(series.reference):
        header = read_instance_header(instance_file(handle.storage, row), row)
        for name, values in seen.items():
            value = _value(header, name)
            if value is not None:
                values[value] = None
        clocks += _clocks_of(header)
    mixed = [name for name in _ALIKE if len(seen[name]) > 1]
    if mixed:
        raise CannotCalibrate(
            "mixed_series", f"its images differ in {', '.join(mixed)}: analyse each kind by itself"
        )
    first = {name: next(iter(values), None) for name, values in seen.items()}
    acquired = min((clock for clock in clocks if clock.rank == 0), default=None)
    began = min((clock for clock in clocks if clock.at.year in YEARS), default=None)
    return SeriesWords(
        texts={name: _text(first[name]) for name in _TEXTS},
        numbers={name: _number(first[name]) for name in _NUMBERS},
        acquired_on=None if acquired is None else acquired.at.date().isoformat(),
        AcquisitionTime=None if acquired is None else _text(acquired.time_text),
        scanner_time=None if began is None else began.at,
        scanner_time_from=None if began is None else _CLOCKS[began.rank][0],
    )


def began_at(day: str | None, time_text: object) -> datetime | None:
    """Return a date (YYYY-MM-DD) and a TM value as a clock showed them; None without a date.

    Examples
    --------
    >>> began_at("2026-01-02", "0715"), began_at("2026-01-02", None), began_at("", "0715")
    (datetime.datetime(2026, 1, 2, 7, 15), datetime.datetime(2026, 1, 2, 0, 0), None)
    """
    try:
        return _joined(date.fromisoformat(day or ""), time_text)
    except ValueError:
        return None


@dataclass(frozen=True, slots=True, order=True)
class _Clock:
    """When an image was acquired by one pair of `_CLOCKS`; they order by surety, then time."""

    rank: int
    at: datetime
    time_text: str


def _clocks_of(header: Header) -> Iterator[_Clock]:
    for rank, (date_name, time_name) in enumerate(_CLOCKS):
        day = _value(header, date_name)
        time_text = "" if time_name is None else _value(header, time_name) or ""
        if time_name is None:
            found = _DATE_TIME.fullmatch((day or "").strip())
            day = None if found is None else typed_value(Kind.DATE, found[1], None)
            time_text = "" if found is None else found[2]
        if isinstance(day, date):
            yield _Clock(rank, _joined(day, time_text), time_text)


def _joined(day: date, time_text: object) -> datetime:
    first = time_text.split("\\")[0] if isinstance(time_text, str) else None
    # A leap second stays of its day, the last one of all calendars too.
    seconds = min(parse_time_s(first) or 0.0, _LAST_S)
    return datetime.combine(day, time()) + timedelta(seconds=seconds)


def _value(header: Header, name: str) -> Any:
    """Return an element of the top level as its column of the catalogue has it."""
    return typed_value(KEYWORDS[name], header.text(name), header.number(name))


def _text(value: object) -> str | None:
    if value is None:
        return None
    shown = "".join(char for char in str(value) if char.isprintable()).strip()[:_MOST_TEXT]
    return shown or None


def _number(value: float | None) -> float | None:
    return None if value is None else float(value)
