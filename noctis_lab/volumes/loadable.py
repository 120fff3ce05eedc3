"""What stands against loading a planned stack, known before a byte of it is read."""

from __future__ import annotations

from noctis_lab.dicom.codecs import can_decode
from noctis_lab.dicom.transfer_syntaxes import explain_refusal
from noctis_lab.errors import CompressedPixels
from noctis_lab.volumes.stack import Stack

__all__ = ["require_decoders"]


def require_decoders(stack: Stack) -> None:
    """Refuse a stack whose pixels no decoder here can decode.

    Raises
    ------
    CompressedPixels
        The transfer syntax has no decoder here.
    """
    for uid in sorted({frame.row.transfer_syntax_uid for frame in stack.frames}):
        if not can_decode(uid):
            raise CompressedPixels(
                stack.SeriesInstanceUID,
                f"transfer syntax {uid} cannot be decoded: {explain_refusal(uid)}",
            )
