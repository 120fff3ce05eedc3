"""What became of each series of an export."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

__all__ = ["ExportOutcome", "ExportReport", "ExportStatus"]


class ExportStatus(StrEnum):
    """What became of a series."""

    EXPORTED = "exported"
    KEPT = "kept"  # it was there already, whole and of the same content
    FAILED = "failed"
    NOT_DONE = "not done"  # interrupted before it was whole


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportOutcome:
    """What became of one series; `path` where there is an output, `error` where it failed."""

    SeriesInstanceUID: str
    status: ExportStatus
    path: Path | None = None
    error: Exception | None = None


@dataclass(slots=True)
class ExportReport:
    """Grows while an export runs."""

    outcomes: list[ExportOutcome] = field(default_factory=list)

    def count(self, status: ExportStatus) -> int:
        """Return how many series of a status there are."""
        return sum(outcome.status is status for outcome in self.outcomes)

    @property
    def is_complete(self) -> bool:
        """Whether every series has its output."""
        return not self.count(ExportStatus.FAILED) and not self.count(ExportStatus.NOT_DONE)

    @property
    def is_partly_done(self) -> bool:
        """Whether there is something to go on from: an output, or an interruption."""
        return any(outcome.status is not ExportStatus.FAILED for outcome in self.outcomes)

    def to_text(self) -> str:
        """Return a line per series that failed, the paths of those that did not, and the sums."""
        lines = [_line(outcome) for outcome in self.outcomes]
        sums = ", ".join(
            f"{self.count(status)} {status}" for status in ExportStatus if self.count(status)
        )
        return "\n".join([*lines, sums or "nothing to export"])

    def to_json(self) -> str:
        """Return the whole as JSON."""
        series = [
            {
                "SeriesInstanceUID": outcome.SeriesInstanceUID,
                "status": outcome.status.value,
                "path": None if outcome.path is None else str(outcome.path),
                "error": None if outcome.error is None else type(outcome.error).__name__,
                "reason": None if outcome.error is None else str(outcome.error),
            }
            for outcome in self.outcomes
        ]
        counts = {status.value.replace(" ", "_"): self.count(status) for status in ExportStatus}
        return json.dumps({**counts, "series": series}, indent=1)


def _line(outcome: ExportOutcome) -> str:
    told = outcome.error if outcome.error is not None else outcome.path
    words = outcome.SeriesInstanceUID if told is None else str(told)
    return f"{outcome.status}: {words}"
