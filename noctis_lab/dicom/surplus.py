"""Bytes of native pixel data of which nothing is stated: padding, or an image that is not named."""

from __future__ import annotations

from noctis_lab.dicom.byte_window import ByteWindow, FileWindow, InflatedWindow
from noctis_lab.dicom.file_meta import read_file_meta
from noctis_lab.dicom.frames import PixelLayout
from noctis_lab.dicom.stored import frame_bits

__all__ = ["is_padding", "stated_bytes", "surplus_bytes"]

_PIECE = 1 << 18


def stated_bytes(layout: PixelLayout) -> int:
    """Return how many bytes native pixels take, by what is stated of them."""
    return (frame_bits(layout) * layout.frames + 7) // 8


def surplus_bytes(layout: PixelLayout) -> int:
    """Return how many bytes of native pixel data nothing is stated of.

    0 of encapsulated pixels, and where there is only the byte that makes the length even.

    References
    ----------
    :dcm:`PS3.5 8.1.1 <part05/chapter_8.html>`
    """
    if layout.encapsulated:
        return 0
    stated = stated_bytes(layout)
    return 0 if layout.length <= stated + stated % 2 else layout.length - stated


def is_padding(descriptor: int, layout: PixelLayout) -> bool:
    """Return whether the surplus bytes fill up, and hold no image: all are one and the same.

    Some writers fill up to a block of a disk or of a cipher. Bytes that differ are pixels that the
    data set does not speak of, or frames that were each padded, so that none lies where it should.

    Parameters
    ----------
    descriptor
        Of the file.
    layout
        Whose `surplus_bytes` are some, and fewer than `stated_bytes`.
    """
    begin, end = layout.offset + stated_bytes(layout), layout.offset + layout.length
    window: ByteWindow
    if layout.deflated:
        window = InflatedWindow(descriptor, read_file_meta(descriptor).data_set_offset, end)
    else:
        window = FileWindow(descriptor, end)
    one = window.read(begin, 1)
    return all(
        not window.read(at, min(_PIECE, end - at)).strip(one) for at in range(begin, end, _PIECE)
    )
