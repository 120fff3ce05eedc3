"""What becomes of what comes in: the words and values that every door shares."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from noctis_lab.catalog.records import InstanceEntry, InstanceRow, Receipt
from noctis_lab.storage.incoming import IncomingFile

__all__ = ["Admission", "Outcome", "Prepared", "Refusal", "admission", "rejection"]

_UNKNOWN: Final = ""


class Outcome(StrEnum):
    """What became of an arrival."""

    STORED = "stored"
    SAME = "same"  # known, and the same content: the first is kept, the receipt recorded
    CONFLICT = "conflict"  # known with other content: the first is kept, this one quarantined
    REJECTED = "rejected"


class Refusal(StrEnum):
    """Why an arrival was rejected."""

    MISMATCH = "mismatch"  # command and data set name different instances
    INVALID = "invalid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """The end of one arrival. UIDs are empty where the data set does not tell them."""

    outcome: Outcome
    SOPInstanceUID: str = _UNKNOWN
    SeriesInstanceUID: str = _UNKNOWN
    StudyInstanceUID: str = _UNKNOWN
    reason: str | None = None  # of a conflict or a rejection; no patient data
    refusal: Refusal | None = None
    quarantine_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A file on its way in that waits for its turn: copied and synced, or known by its bytes."""

    receipt: Receipt
    incoming: IncomingFile | None = None
    entry: InstanceEntry | None = None
    known: InstanceRow | None = None

    def close(self) -> None:
        """Forget the copy, where it has no other name by now; twice does no harm."""
        if self.incoming is not None:
            self.incoming.close()


def rejection(refusal: Refusal, reason: str) -> Admission:
    """Return a rejection of what tells no UIDs."""
    return Admission(outcome=Outcome.REJECTED, reason=reason, refusal=refusal)


def admission(
    outcome: Outcome,
    entry: InstanceEntry | InstanceRow,
    refusal: Refusal | None = None,
    *,
    reason: str | None = None,
) -> Admission:
    """Return what became of an instance."""
    return Admission(
        outcome=outcome,
        SOPInstanceUID=entry.SOPInstanceUID,
        SeriesInstanceUID=entry.SeriesInstanceUID,
        StudyInstanceUID=entry.StudyInstanceUID,
        reason=reason,
        refusal=refusal,
    )
