"""What a check says: one line, green, amber or red, with what to do about it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Finding", "State", "count_text", "size_text", "some_of", "worst"]

_SHOWN = 3


class State(StrEnum):
    """How it is; UNKNOWN is for what could not be asked, and counts for nothing."""

    PASS = "pass"  # noqa: S105 - no password
    WARN = "warn"
    FAIL = "fail"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line. `text` and `remedy` hold no patient data; a remedy is empty where none is due."""

    name: str
    state: State
    text: str
    remedy: str = ""


def worst(findings: Iterable[Finding]) -> State:
    """Return FAIL where one fails, else WARN where one warns, else PASS."""
    states = {finding.state for finding in findings}
    return next((state for state in (State.FAIL, State.WARN) if state in states), State.PASS)


def count_text(count: int, noun: str, plural: str = "") -> str:
    """Return a count with its noun: ``1 facility``, ``2 facilities``; a plural is by "s" else."""
    return f"{count} {noun if count == 1 else plural or noun + 's'}"


def size_text(size_bytes: int) -> str:
    """Return a size for people, with the decimal prefixes of the pages: ``3.2 GB``."""
    size = float(size_bytes)
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if size < 1000 or unit == "TB":
            break
        size /= 1000
    return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"


def some_of(names: Sequence[str]) -> str:
    """Return the first few names, and how many more there are."""
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
