"""Which part of a concatenation an instance is: a multi-frame image that was cut into several."""

from __future__ import annotations

from dataclasses import dataclass

from noctis_lab.dicom.header import Header

__all__ = ["Concatenation", "concatenation_of"]

_MOST_PARTS = 65535  # both are US


@dataclass(frozen=True, slots=True, kw_only=True)
class Concatenation:
    """A part's place in its whole."""

    uid: str  # ConcatenationUID
    number: int  # InConcatenationNumber, from 1
    total: int | None  # InConcatenationTotalNumber
    offset: int | None = None  # ConcatenationFrameOffsetNumber: frames of the parts before


def concatenation_of(header: Header) -> Concatenation | None:
    """Return which part of a concatenation an instance is, None where it is whole.

    References
    ----------
    :dcm:`PS3.3 C.7.6.16.2.2.4 <part03/sect_C.7.6.16.2.html>`
    """
    uid, number = header.text("ConcatenationUID"), header.integer("InConcatenationNumber")
    total = header.integer("InConcatenationTotalNumber")
    if not uid or number is None or not 1 <= number <= _MOST_PARTS:
        return None
    is_sound = total is not None and 1 <= total <= _MOST_PARTS
    return Concatenation(
        uid=uid,
        number=number,
        total=total if is_sound else None,
        offset=header.integer("ConcatenationFrameOffsetNumber"),
    )
