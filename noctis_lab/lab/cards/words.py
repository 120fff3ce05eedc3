"""Values as words that are safe to show: cut, without control characters, with their unit."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import UTC, datetime

from noctis_lab.dicom.person_name import write_person_name

__all__ = [
    "bytes_words",
    "count_words",
    "cut",
    "day_words",
    "mm_words",
    "moment_words",
    "name_words",
    "times_words",
]

#: Joiners of Persian and Indic scripts: format characters that are part of a word's spelling.
_JOINERS = frozenset("\u200c\u200d")


def cut(text: str | None, limit: int = 64) -> str:
    """Return a text's beginning, of at most `limit` characters, in which nothing is unprintable.

    Controls, bidirectional overrides and line ends become U+FFFD.

    Examples
    --------
    >>> cut("DOE^JOHN"), cut("a long description", 8), cut(None)
    ('DOE^JOHN', 'a long …', '')
    """
    found = text or ""
    shown = found if len(found) <= limit else f"{found[: limit - 1]}…"
    return "".join(
        letter if letter.isprintable() or letter in _JOINERS else "\N{REPLACEMENT CHARACTER}"
        for letter in shown
    )


def count_words(count: int, noun: str) -> str:
    """Return a count with its noun, a thin space between thousands.

    Examples
    --------
    >>> count_words(1, "image"), count_words(200, "image"), count_words(2, "study")
    ('1 image', '200 images', '2 studies')
    """
    if count != 1 and noun != "series":
        noun = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{count:,} {noun}".replace(",", "\N{THIN SPACE}")


def bytes_words(count: int) -> str:
    """Return a size in decimal units.

    Examples
    --------
    >>> bytes_words(999), bytes_words(6_600_000)
    ('999 B', '6.6 MB')
    """
    size, unit = float(count), "B"
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if size < 1000 or unit == "TB":
            break
        size /= 1000
    return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"


def day_words(date: str | None) -> str:
    """Return a DA value in ISO 8601; what is no such value as it is stored.

    Examples
    --------
    >>> day_words("20260102"), day_words("2026"), day_words(None)
    ('2026-01-02', '2026', '')
    """
    text = date or ""
    if len(text) == 8 and text.isascii() and text.isdigit():
        return f"{text[:4]}-{text[4:6]}-{text[6:]}"
    return cut(text, 16)


def name_words(name: str | None, limit: int = 64) -> str:
    """Return a Person Name (PN) as pages write it, cut.

    Examples
    --------
    >>> name_words("DOE^JOHN"), name_words(None)
    ('DOE, JOHN', '')
    """
    return cut(write_person_name(name or ""), limit)


def moment_words(moment: datetime) -> str:
    """Return an instant to the minute, in UTC as everywhere in the archive."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def times_words(numbers: Iterable[int]) -> str:
    """Return sizes joined by the sign for times.

    Examples
    --------
    >>> times_words((89, 192, 192))
    '89 × 192 × 192'
    """
    return " × ".join(str(number) for number in numbers)


def mm_words(lengths_mm: Iterable[float]) -> str:
    """Return lengths to four digits; one that is not known is a dash.

    Examples
    --------
    >>> mm_words((2.78, 2.0833333, float("nan")))
    '2.78 × 2.083 × – mm'
    """
    joined = " × ".join(
        f"{length_mm:.4g}" if math.isfinite(length_mm) else "–" for length_mm in lengths_mm
    )
    return f"{joined} mm"
