"""What stands against loading a planned stack, known before a byte of it is read."""

from __future__ import annotations

from noctis_lab.dicom.codecs import can_decode
from noctis_lab.dicom.transfer_syntaxes import explain_refusal
from noctis_lab.errors import CompressedPixels, UnsupportedSeries
from noctis_lab.volumes.stack import Stack

__all__ = ["require_loadable"]


def require_loadable(stack: Stack, *, stored: bool = False) -> None:
    """Refuse a stack whose values cannot be read here.

    Parameters
    ----------
    stack
        The plan.
    stored
        Stored values are wanted, not modality values.

    Raises
    ------
    CompressedPixels
        The transfer syntax has no decoder here.
    UnsupportedSeries
        A plane states another Modality LUT than slope and intercept, and `stored` is not asked.
    """
    unread = tuple(row.SOPInstanceUID for row in stack.rows if row.has_unread_modality_lut)
    if unread and not stored:
        raise UnsupportedSeries(
            stack.SeriesInstanceUID,
            f"the Modality LUT of {len(unread)} of {len(stack.rows)} planes is a table, or lacks "
            "slope or intercept; such values are not computed yet: load with stored=True",
            SOPInstanceUIDs=unread,
        )
    for uid in sorted({row.transfer_syntax_uid for row in stack.rows}):
        if not can_decode(uid):
            raise CompressedPixels(
                stack.SeriesInstanceUID,
                f"transfer syntax {uid} cannot be decoded: {explain_refusal(uid)}",
            )
