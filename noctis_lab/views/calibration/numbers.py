"""How figures are written: a true minus sign, and a sign where zero means something."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["between", "counted", "number", "number_of", "rows_of", "signed", "text_of", "with_unit"]

_MINUS: Final = "\N{MINUS SIGN}"


def number(value: float, digits: int = 1) -> str:
    """Write a number with so many decimals; a zero has no sign.

    Examples
    --------
    >>> number(-0.04), number(-12.34)
    ('0.0', '−12.3')
    """
    text = f"{value:.{digits}f}"
    if text.startswith("-") and float(text) == 0:
        text = text[1:]
    return text.replace("-", _MINUS)


def signed(value: float, digits: int = 1) -> str:
    """Write a difference: with its sign, a zero too."""
    text = number(value, digits)
    return text if text.startswith(_MINUS) else f"+{text}"


def with_unit(value: float, unit: str, digits: int = 1, *, is_signed: bool = False) -> str:
    """Write a number and its unit; one without a unit stands alone."""
    text = signed(value, digits) if is_signed else number(value, digits)
    return f"{text} {unit}" if unit else text


def between(low: float, high: float, digits: int = 0) -> str:
    """Write an accepted range; one that has one end says which.

    Examples
    --------
    >>> between(-7, 7), between(-math.inf, 5)
    ('−7 to 7', 'at most 5')
    """
    if math.isinf(low):
        return f"at most {number(high, digits)}"
    if math.isinf(high):
        return f"at least {number(low, digits)}"
    return f"{number(low, digits)} to {number(high, digits)}"


def counted(count: int, noun: str) -> str:
    """Write how many there are of something.

    Examples
    --------
    >>> counted(1, "scan"), counted(12, "scan")
    ('1 scan', '12 scans')
    """
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def number_of(value: Any) -> float | None:
    """Return a record's number; None where it has none, or one that is not finite."""
    if value is None or isinstance(value, str):
        return None
    found = float(value)
    return found if math.isfinite(found) else None


def text_of(value: Any) -> str:
    """Return a record's text; empty where it has none, as a frame's NaN."""
    return value if isinstance(value, str) else ""


def rows_of(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a frame's rows, by the names of their columns."""
    found = frame.to_dict("records")
    return [{str(name): value for name, value in row.items()} for row in found]
