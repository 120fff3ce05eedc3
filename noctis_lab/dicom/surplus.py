"""Bytes of native pixel data of which nothing is stated: padding, or an image that is not named."""

from __future__ import annotations

import os
from pathlib import Path

from noctis_lab.dicom.byte_window import ByteWindow, FileWindow, InflatedWindow
from noctis_lab.dicom.file_meta import read_file_meta
from noctis_lab.dicom.fragment_doubts import find_unstated_frame
from noctis_lab.dicom.frames import PixelLayout
from noctis_lab.dicom.stored import frame_bits
from noctis_lab.errors import DecodeError

__all__ = ["is_padding", "require_all_stated", "stated_bytes", "surplus_bytes"]

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


def require_all_stated(path: Path, layout: PixelLayout) -> None:
    """Refuse pixels of which there are more than is stated: a picture of them would be cut.

    Parameters
    ----------
    path
        The file that `layout` was read from.

    Raises
    ------
    DecodeError
        Native pixels are followed by others, or there are more codestreams than frames.
    OSError
        The file cannot be opened.
    """
    if not (layout.encapsulated or surplus_bytes(layout)):
        return
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        if surplus_bytes(layout) and not is_padding(descriptor, layout):
            raise DecodeError(
                f"{layout.length} bytes of pixels came where {stated_bytes(layout)} are stated: "
                "the rest is no padding"
            )
        if layout.encapsulated and find_unstated_frame(descriptor, layout) is not None:
            raise DecodeError("there are more codestreams than NumberOfFrames says")
    finally:
        os.close(descriptor)


def is_padding(descriptor: int, layout: PixelLayout) -> bool:
    """Return whether the surplus bytes fill up, and hold no image: few, and all alike.

    Some writers fill up to a block of a disk or of a cipher. Bytes that differ are pixels that the
    data set does not speak of, or frames that were each padded, so that none lies where it should.

    Parameters
    ----------
    descriptor
        Of the file.
    layout
        Whose `surplus_bytes` are some; as many as `stated_bytes` or more are no padding.
    """
    if layout.length >= max(2 * stated_bytes(layout), 3):  # an image of a byte is padded to two
        return False
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
