"""What a peer is told about its instance: PS3.4 Table B.2-1's status codes, and no patient data."""

from __future__ import annotations

from typing import Final

from noctis_lab.errors import CatalogError, StorageError
from noctis_lab.ingest.pipeline import Admission, Outcome, Refusal

__all__ = [
    "CANNOT_UNDERSTAND",
    "CONFLICT",
    "MISMATCH",
    "OUT_OF_RESOURCES",
    "SUCCESS",
    "UNRECOGNISED_OPERATION",
    "status_of",
    "status_of_error",
]

SUCCESS: Final = 0x0000
OUT_OF_RESOURCES: Final = 0xA700
MISMATCH: Final = 0xA900
CANNOT_UNDERSTAND: Final = 0xC000
UNRECOGNISED_OPERATION: Final = 0x0211  # PS3.7 Annex C.5.22

#: The SOP instance is known here with other content: the first is kept, this one lies in
#: quarantine. Of the three warnings that PS3.4 Table B.2-1 has (coercion, element discarded, data
#: set does not match the SOP class) none says that; 0xB000 is the one that claims nothing about
#: this data set's form, and the Error Comment says the rest.
CONFLICT: Final = 0xB000


def status_of(admission: Admission) -> tuple[int, str]:
    """Return the status and the Error Comment (≤ 64 characters) of an admission."""
    match admission.outcome:
        case Outcome.STORED | Outcome.SAME:
            return SUCCESS, ""
        case Outcome.CONFLICT:
            return CONFLICT, "known with other content: first kept, this one quarantined"
        case Outcome.REJECTED:
            if admission.refusal is Refusal.MISMATCH:
                return MISMATCH, "UIDs of command and data set differ: quarantined"
            return CANNOT_UNDERSTAND, "data set not understood: quarantined"


def status_of_error(error: Exception) -> tuple[int, str]:
    """Return the status and the Error Comment where an instance could not be put to rest."""
    if isinstance(error, StorageError):
        return OUT_OF_RESOURCES, "no space, or the disk failed"
    if isinstance(error, CatalogError):
        return OUT_OF_RESOURCES, "the catalogue does not take it now"
    return CANNOT_UNDERSTAND, "internal error"
