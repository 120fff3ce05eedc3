"""Documents, numbers and words of data files, each within stated bounds."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from typing import Any

__all__ = ["number_of", "toml_of", "word_of"]

_LONGEST = 500


def toml_of(text: str, largest_bytes: int) -> dict[str, Any]:
    """Return a TOML document.

    Raises
    ------
    ValueError
        It is longer, no TOML, or nested too deep.
    """
    if len(text.encode()) > largest_bytes:
        raise ValueError(f"expected a file of at most {largest_bytes} bytes")
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ValueError("expected TOML of a few levels, came many") from None


def number_of(document: Mapping[str, Any], key: str, low: float, high: float) -> float:
    """Return a number of a document.

    Raises
    ------
    ValueError
        It is missing, no number, not finite, or not from `low` to `high`.
    """
    given = document.get(key)
    if given is None or isinstance(given, bool):
        raise ValueError(f"expected a number for {key}, came {given!r:.40}")
    try:
        number = float(given)
    except (TypeError, ValueError):
        raise ValueError(f"expected a number for {key}, came {given!r:.40}") from None
    if not math.isfinite(number) or not low <= number <= high:
        raise ValueError(f"expected {key} from {low:g} to {high:g}, came {number:g}")
    return number


def word_of(document: Mapping[str, Any], key: str) -> str:
    """Return a text of a document, 1 to 500 characters.

    Raises
    ------
    ValueError
        It is missing, no text, empty or longer.
    """
    given = document.get(key)
    if not isinstance(given, str) or not 1 <= len(given) <= _LONGEST:
        raise ValueError(f"expected {key} as a text of 1 to {_LONGEST} characters")
    return given
