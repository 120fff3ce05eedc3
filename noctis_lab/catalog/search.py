"""Text search over studies: fold what is stored and what is typed in the same way."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

__all__ = ["date_prefix", "fold_text", "search_text", "search_words"]

_LONGEST_QUERY = 200
_MOST_WORDS = 8
#: Component and group delimiters of a person's name (PS3.5 6.2.1), and of multiple values.
_DELIMITERS = str.maketrans("^=\\", "   ")
#: A date as the worklist shows it, or its beginning while it is being typed.
_ISO_DATE = re.compile(r"[0-9]{4}-(?:[0-9]{0,2}|[0-9]{2}-[0-9]{0,2})")
_DOTTED_DATE = re.compile(r"([0-9]{1,2})\.([0-9]{1,2})\.([0-9]{4})")


def fold_text(text: str) -> str:
    """Return text without case, accents and delimiters: ``MÜLLER^Eva`` is ``muller eva``."""
    spaced = text.translate(_DELIMITERS)
    if not spaced.isascii():
        decomposed = unicodedata.normalize("NFKD", spaced)
        spaced = "".join(mark for mark in decomposed if not unicodedata.combining(mark))
    return " ".join(spaced.casefold().split())


def search_text(values: Iterable[str | None]) -> str:
    """Return what the search of one study looks in; values are kept apart by a bar."""
    return " | ".join(fold_text(value) for value in values if value)


def search_words(text: str) -> tuple[str, ...]:
    """Return the folded words of what somebody typed, each of which a study must hold.

    At most eight words of the first 200 characters count. A comma at a word's end is none of it:
    names are shown with one ("PHANTOM, TORSO") and stored without.
    """
    words = (word.rstrip(",") for word in fold_text(text[:_LONGEST_QUERY]).split())
    return tuple(dict.fromkeys(word for word in words if word))[:_MOST_WORDS]


def date_prefix(word: str) -> str | None:
    """Return what a DA value begins with if a word is a date or its beginning, else None.

    Examples
    --------
    >>> date_prefix("2026-02"), date_prefix("2026-02-08"), date_prefix("8.2.2026")
    ('202602', '20260208', '20260208')
    >>> date_prefix("20260208") is None  # found as any other word
    True

    References
    ----------
    :dcm:`PS3.5 6.2 <part05/sect_6.2.html>`: DA is ``YYYYMMDD``.
    """
    if _ISO_DATE.fullmatch(word):
        return word.replace("-", "")
    dotted = _DOTTED_DATE.fullmatch(word)
    if dotted is None:
        return None
    day, month, year = dotted.groups()
    return f"{year}{month:0>2}{day:0>2}"
