"""Dates and times of DICOM (DA, TM, DT) to seconds that can be compared."""

from __future__ import annotations

import re
from datetime import date

__all__ = ["parse_date_time_s", "parse_time_s"]

# PS3.5 6.2: HH[MM[SS[.F{1,6}]]]; ACR-NEMA's colons are still met.
_TIME = re.compile(r"(\d\d)(?::?(\d\d)(?::?(\d\d)(\.\d{1,9})?)?)?")
_OFFSET = re.compile(r"([+-])(\d\d)(\d\d)")
_DAY_S = 86_400
_EPOCH = date(1970, 1, 1).toordinal()
_LONGEST = 64


def parse_time_s(text: str | None) -> float | None:
    """Return a TM value in seconds after midnight, None where it is no time.

    Parameters
    ----------
    text
        One value; what is left out counts as zero.

    References
    ----------
    :dcm:`PS3.5 6.2 <part05/sect_6.2.html>`: TM. A leap second, 60, is one.

    Examples
    --------
    >>> parse_time_s("101530.25"), parse_time_s("1015"), parse_time_s("25"), parse_time_s("")
    (36930.25, 36900.0, None, None)
    """
    if not text or len(text) > _LONGEST:
        return None
    match = _TIME.fullmatch(text.strip(" "))
    if match is None or not match[0].isascii():
        return None
    hours, minutes, seconds = int(match[1]), int(match[2] or 0), int(match[3] or 0)
    if hours > 23 or minutes > 59 or seconds > 60:
        return None
    return hours * 3600 + minutes * 60 + seconds + float(match[4] or 0)


def parse_date_time_s(date_text: str | None, time_text: str | None = None) -> float | None:
    """Return a DT value, or a DA and a TM value, in seconds since 1970-01-01.

    Parameters
    ----------
    date_text
        DT where it stands alone, else DA.
    time_text
        TM.

    Returns
    -------
    float or None
        None where day and hour are not both stated: only then do two moments compare. An offset
        from UTC, as DT may bear, is taken off; without one the time is the place's own.

    References
    ----------
    :dcm:`PS3.5 6.2 <part05/sect_6.2.html>`: DA, DT

    Examples
    --------
    >>> parse_date_time_s("19700102", "0001"), parse_date_time_s("19700101010000.5+0100")
    (86460.0, 0.5)
    >>> parse_date_time_s("1970"), parse_date_time_s("19700101")
    (None, None)
    """
    if not date_text or len(date_text) > _LONGEST:
        return None
    offset_s = 0
    digits = date_text.strip(" ")
    if time_text is None:
        digits, time_text, offset_s = _split_date_time(digits)
    day = _parse_day(digits)
    time_s = parse_time_s(time_text)
    return None if day is None or time_s is None else day * _DAY_S + time_s - offset_s


def _split_date_time(text: str) -> tuple[str, str, int]:
    offset = _OFFSET.fullmatch(text[-5:])
    if offset is None:
        return text[:8], text[8:], 0
    sign = -1 if offset[1] == "-" else 1
    return text[:8], text[8:-5], sign * (int(offset[2]) * 3600 + int(offset[3]) * 60)


def _parse_day(text: str) -> int | None:
    digits = text.replace(".", "") if len(text) == 10 else text  # ACR-NEMA: 1997.07.04
    if len(digits) != 8 or not (digits.isascii() and digits.isdigit()):
        return None
    try:
        day = date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return None
    return day.toordinal() - _EPOCH
