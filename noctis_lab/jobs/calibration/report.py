"""What became of each series that was to be analysed as a phantom."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from noctis_lab.catalog.hu_records import HuRecord

__all__ = ["Became", "Calibrated", "CalibrationReport"]


class Became(StrEnum):
    """What became of a series."""

    ANALYSED = "analysed"
    KEPT = "kept"  # this engine has analysed, or refused, it as it is
    REFUSED = "refused"  # it is no phantom to be analysed
    FAILED = "failed"  # it cannot be read, or there is none of that UID
    NOT_DONE = "not done"  # interrupted before


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibrated:
    """One series; `record` where there is an analysis, `refusal` and `reason` where not."""

    SeriesInstanceUID: str
    StudyInstanceUID: str | None
    became: Became
    record: HuRecord | None
    refusal: str | None
    reason: str | None

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        told = {} if self.record is None else self.record.document
        names = ("status", "phantom_model", "protocol", "water_hu", "slope", "intercept_hu")
        return {
            "SeriesInstanceUID": self.SeriesInstanceUID,
            "StudyInstanceUID": self.StudyInstanceUID,
            "became": self.became.value,
            "analysis_id": None if self.record is None else self.record.record_id,
            "scanner": None if self.record is None else self.record.scanner,
            **{name: told.get(name) for name in (*names, "noise_hu")},
            "refusal": self.refusal,
            "reason": self.reason,
        }

    def to_line(self) -> str:
        """Return it as a line for people."""
        if self.record is None:
            why = "" if self.refusal is None else f": {self.refusal}: {self.reason}"
            return f"{self.became}: {self.SeriesInstanceUID}{why}"
        told = self.record.document
        water = "" if told.get("water_hu") is None else f", water {told['water_hu']:+.1f} HU"
        slope = "" if told.get("slope") is None else f", slope {told['slope']:.4f}"
        found = f"{told['status']}: {told['phantom_model']}{water}{slope}"
        return f"{self.became}: {self.SeriesInstanceUID}: {found}"


@dataclass(slots=True)
class CalibrationReport:
    """Grows while series are analysed."""

    outcomes: list[Calibrated] = field(default_factory=list)

    def count(self, became: Became) -> int:
        """Return of how many series that became."""
        return sum(outcome.became is became for outcome in self.outcomes)

    @property
    def analyses(self) -> int:
        """How many series have an analysis."""
        return sum(outcome.record is not None for outcome in self.outcomes)

    @property
    def is_whole(self) -> bool:
        """Whether every series was looked at; one that is no phantom was."""
        return not self.count(Became.FAILED) and not self.count(Became.NOT_DONE)

    @property
    def is_finished(self) -> bool:
        """Whether it was not interrupted."""
        return not self.count(Became.NOT_DONE)

    def to_text(self, *, listed: bool = True) -> str:
        """Return a line per series, without those refused where `listed` is False, and the sums."""
        shown = [
            outcome.to_line()
            for outcome in self.outcomes
            if listed or outcome.record is not None or outcome.became is Became.FAILED
        ]
        sums = ", ".join(f"{self.count(each)} {each}" for each in Became if self.count(each))
        return "\n".join([*shown, sums or "no CT series to analyse"])

    def to_json(self) -> str:
        """Return the whole as JSON."""
        counts = {each.value.replace(" ", "_"): self.count(each) for each in Became}
        series = [outcome.to_json() for outcome in self.outcomes]
        return json.dumps({**counts, "series": series}, indent=1)
