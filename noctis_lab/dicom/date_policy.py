"""What pseudonymisation does to dates; imports nothing, so that a command line may name it."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["DatePolicy"]


class DatePolicy(StrEnum):
    """What becomes of dates and times other than the birth date, which always goes."""

    SHIFT = "shift"  # by whole days, one number for all of a patient's data sets
    KEEP = "keep"
    REMOVE = "remove"
