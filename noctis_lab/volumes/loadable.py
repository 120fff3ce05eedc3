"""What stands against loading a planned stack, known before a byte of it is read."""

from __future__ import annotations

from collections.abc import Mapping

from noctis_lab.dicom.codecs import can_decode
from noctis_lab.dicom.modality_lut import ModalityLut
from noctis_lab.dicom.transfer_syntaxes import explain_refusal
from noctis_lab.errors import CompressedPixels, UnsupportedSeries
from noctis_lab.volumes.stack import Stack

__all__ = ["require_loadable"]


def require_loadable(
    stack: Stack, *, luts: Mapping[bytes, ModalityLut] | None = None, stored: bool = False
) -> None:
    """Refuse a stack whose values cannot be read here.

    Parameters
    ----------
    stack
        The plan.
    luts
        The planes' Modality LUTs that are tables, from `find_luts`; None where it was not asked.
    stored
        Stored values are wanted, not modality values.

    Raises
    ------
    CompressedPixels
        The transfer syntax has no decoder here.
    UnsupportedSeries
        A plane states another Modality LUT than slope and intercept, which is not in `luts`, and
        `stored` is not asked.
    """
    known = luts or {}
    unread = tuple(
        row.SOPInstanceUID
        for row in stack.rows
        if row.has_unread_modality_lut and row.sha256 not in known
    )
    if unread and not stored:
        raise UnsupportedSeries(
            stack.SeriesInstanceUID,
            f"the Modality LUT of {len(unread)} of {len(stack.rows)} planes is neither slope and "
            "intercept nor a table that can be followed: load with stored=True",
            SOPInstanceUIDs=unread,
        )
    for uid in sorted({row.transfer_syntax_uid for row in stack.rows}):
        if not can_decode(uid):
            raise CompressedPixels(
                stack.SeriesInstanceUID,
                f"transfer syntax {uid} cannot be decoded: {explain_refusal(uid)}",
            )
