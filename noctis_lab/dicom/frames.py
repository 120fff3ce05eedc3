"""Where an instance's frames lie in its file."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from noctis_lab.errors import InvalidDicom

if TYPE_CHECKING:  # the scanner brings pydicom's dictionary: too slow for a process that decodes
    from noctis_lab.dicom.scanner import Fragments

__all__ = ["FrameTable", "PixelLayout", "build_frame_table"]

#: Per frame its fragments as (offset in the file, length in bytes).
type FrameTable = tuple[tuple[tuple[int, int], ...], ...]

# JPEG, JPEG-LS: SOI. JPEG 2000, HTJ2K: SOC and SIZ. What no entropy-coded segment holds, since a
# 0xFF there is followed by a byte below 0x90 (J2K) or by a stuffed zero or bit.
_STARTS = (b"\xff\xd8\xff", b"\xff\x4f\xff\x51")


@dataclass(frozen=True, slots=True, kw_only=True)
class PixelLayout:
    """The shape of an instance's pixels and the bytes that hold them (PS3.3 C.7.6.3).

    `offset` and `length` are bytes from the start of the *file* to the payload of the pixel data
    element (for encapsulated pixels: to the Basic Offset Table item's tag). For deflated data
    sets both are relative to the *inflated* data set and `deflated` is set.
    """

    keyword: str  # PixelData, FloatPixelData or DoubleFloatPixelData
    rows: int
    columns: int
    frames: int
    samples_per_pixel: int
    photometric_interpretation: str
    bits_allocated: int
    bits_stored: int
    high_bit: int
    #: 0 unsigned, 1 two's complement; None where it is not stated, and taken for 0.
    pixel_representation: int | None
    #: 0 pixel by pixel, 1 plane by plane; None where it is not stated, and taken for 0.
    planar_configuration: int | None
    big_endian: bool
    encapsulated: bool
    deflated: bool
    offset: int
    length: int
    #: Encapsulated only: per frame its fragments as (offset in the file, length in bytes). None too
    #: where frames lie within one stream (`transfer_syntaxes.STREAMS`).
    frame_table: tuple[tuple[tuple[int, int], ...], ...] | None
    #: Samples of at most 8 bits in big-endian OW: bytes are swapped in pairs (PS3.5 8.1.1).
    word_swapped: bool = False
    #: Whether BitsStored is stated of words of integers; `bits_stored` is a guess where it is not.
    is_depth_stated: bool = True


def build_frame_table(
    fragments: Fragments,
    *,
    frames: int,
    extended_offsets: bytes | None,
    read: Callable[[int, int], bytes],
) -> FrameTable:
    """Return which fragments make up each frame.

    Parameters
    ----------
    fragments
        The items as they were walked: the truth that any offset table is held against.
    frames
        NumberOfFrames.
    extended_offsets
        The value of ExtendedOffsetTable (7FE0,0001), little endian, where there is one.
    read
        ``read(offset, count)`` gives bytes of the file; asked only where the tables do not tell.

    Returns
    -------
    FrameTable
        `frames` tuples of one or more (offset, length).

    Raises
    ------
    InvalidDicom
        Fragments cannot be assigned to frames.

    Notes
    -----
    A table that does not begin with 0, does not ascend or does not land on items is not trusted:
    the fragments are then counted, and else searched for starts of code streams.

    References
    ----------
    :dcm:`PS3.5 A.4 <part05/sect_A.4.html>`, :dcm:`PS3.3 C.7.6.3 <part03/sect_C.7.6.3.html>`
    """
    items = fragments.items
    if frames == 1:
        if not items:
            raise InvalidDicom("encapsulated pixel data holds no fragment")
        return (items,)
    for table in (_unpack(extended_offsets or b"", "Q"), _unpack(fragments.offset_table, "L")):
        starts = _starts_by_table(fragments, table, frames)
        if starts is not None:
            return _split(items, starts)
    if len(items) == frames:
        return tuple((item,) for item in items)
    if len(items) < frames:
        raise InvalidDicom(f"{frames} frames are stated, {len(items)} fragments are there")
    starts = [
        index for index, (offset, _) in enumerate(items) if read(offset, 4).startswith(_STARTS)
    ]
    if len(starts) != frames or starts[0] != 0:
        raise InvalidDicom(
            f"{len(items)} fragments cannot be assigned to {frames} frames without an offset table"
        )
    return _split(items, starts)


def _unpack(table: bytes, code: str) -> tuple[int, ...]:
    size = struct.calcsize(f"<{code}")
    return struct.unpack_from(f"<{len(table) // size}{code}", table)


def _starts_by_table(fragments: Fragments, table: tuple[int, ...], frames: int) -> list[int] | None:
    if len(table) != frames or table[0] != 0:
        return None
    index_at = {offset - 8 - fragments.first: i for i, (offset, _) in enumerate(fragments.items)}
    starts = [index_at.get(offset, -1) for offset in table]
    ascends = all(a < b for a, b in pairwise(starts))
    return starts if ascends and starts[0] == 0 else None


def _split(items: tuple[tuple[int, int], ...], starts: list[int]) -> FrameTable:
    stops = [*starts[1:], len(items)]
    return tuple(items[start:stop] for start, stop in zip(starts, stops, strict=True))
