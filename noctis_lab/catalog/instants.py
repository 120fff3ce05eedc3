"""Instants as the tables keep them: whole microseconds since 1970-01-01 UTC."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

__all__ = ["Clock", "from_instant", "now", "to_instant"]


type Clock = Callable[[], datetime]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def now() -> datetime:
    """Return the present, aware, UTC."""
    return datetime.now(UTC)


def to_instant(at: datetime) -> int:
    """Return microseconds since 1970-01-01 UTC of an aware time; exact."""
    return (at - _EPOCH) // _MICROSECOND


def from_instant(instant: int) -> datetime:
    """Return the aware UTC time of an instant."""
    return _EPOCH + timedelta(microseconds=instant)
