"""Text search over studies: fold what is stored and what is typed in the same way."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

__all__ = ["fold_text", "search_text", "search_words"]

_LONGEST_QUERY = 200
_MOST_WORDS = 8
#: Component and group delimiters of a person's name (PS3.5 6.2.1), and of multiple values.
_DELIMITERS = str.maketrans("^=\\", "   ")


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

    At most eight words of the first 200 characters count.
    """
    return tuple(dict.fromkeys(fold_text(text[:_LONGEST_QUERY]).split()))[:_MOST_WORDS]
