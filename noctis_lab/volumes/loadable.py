"""What stands against loading a planned stack, known before a byte of it is read."""

from __future__ import annotations

from noctis_lab.catalog.records import InstanceRow
from noctis_lab.dicom.codecs import can_decode
from noctis_lab.dicom.frames import PixelLayout
from noctis_lab.dicom.stored import frame_bits
from noctis_lab.dicom.transfer_syntaxes import explain_refusal
from noctis_lab.errors import CompressedPixels, UnsupportedSeries
from noctis_lab.volumes.stack import Stack

__all__ = ["require_readable"]


def require_readable(stack: Stack) -> None:
    """Refuse a stack whose pixels no decoder here can decode, or are not what is stated of them.

    Raises
    ------
    CompressedPixels
        The transfer syntax has no decoder here.
    UnsupportedSeries
        Native pixels fill twice as many bytes as they are stated to, or more: there are more
        frames, or larger samples, than the data set says. Less than that is padding.
    """
    rows = {frame.row.sha256: frame.row for frame in stack.frames}.values()
    for uid in sorted({row.transfer_syntax_uid for row in rows}):
        if not can_decode(uid):
            raise CompressedPixels(
                stack.SeriesInstanceUID,
                f"transfer syntax {uid} cannot be decoded: {explain_refusal(uid)}",
            )
    excessive = [row for row in rows if row.pixels is not None and _is_excessive(row.pixels)]
    if excessive:
        raise _refusal(stack, excessive)


def _stated_bytes(layout: PixelLayout) -> int:
    return (frame_bits(layout) * layout.frames + 7) // 8


def _is_excessive(layout: PixelLayout) -> bool:
    # An image of a byte is padded to two.
    return not layout.encapsulated and layout.length >= max(2 * _stated_bytes(layout), 3)


def _refusal(stack: Stack, excessive: list[InstanceRow]) -> UnsupportedSeries:
    layout = excessive[0].pixels
    assert layout is not None
    return UnsupportedSeries(
        stack.SeriesInstanceUID,
        f"the pixel data of {len(excessive)} instance(s) hold {layout.length} bytes where Rows, "
        f"Columns, NumberOfFrames and the bits of a sample make {_stated_bytes(layout)}: what they "
        "are is not said; correct the data set, or read single images by Instance.stored()",
        SOPInstanceUIDs=tuple(row.SOPInstanceUID for row in excessive),
    )
