"""Fragments that contradict what is stated of frames: some are of none, or of another order."""

from __future__ import annotations

import os
import struct
from itertools import pairwise
from pathlib import Path

from noctis_lab.dicom.frames import PixelLayout
from noctis_lab.dicom.raw_values import read_header_bytes
from noctis_lab.errors import InvalidDicom

__all__ = ["find_unstated_frame", "is_order_contradicted"]

_EXTENDED_OFFSET_TABLE = 0x7FE00001
_ITEM_HEADER = 8
#: JPEG and JPEG-LS; JPEG 2000 and HTJ2K, bare and as JP2; JPEG XL in its container.
_SIGNATURES = (b"\xff\xd8\xff", b"\xff\x4f\xff\x51", b"\0\0\0\x0cjP  ", b"\0\0\0\x0cJXL ")
_SIGNATURE_BYTES = 8
_RLE_HEADER, _MOST_RLE_SEGMENTS = 64, 15


def find_unstated_frame(descriptor: int, layout: PixelLayout) -> int | None:
    """Return the frame among whose fragments another codestream begins, None where none does.

    Fragments of one frame are joined, and a decoder stops at the end of the first codestream: what
    NumberOfFrames does not count would be lost in silence.

    Parameters
    ----------
    descriptor
        Of the file.
    layout
        Of encapsulated pixels.

    Returns
    -------
    int or None
        Counted from 0. Where codestreams have no signature, the Basic Offset Table's word is taken
        on how many there are.

    References
    ----------
    :dcm:`PS3.5 A.4 <part05/sect_A.4.html>`
    """
    for number, fragments in enumerate(layout.frame_table or ()):
        if len(fragments) < 2:
            continue
        kinds = [
            _kind(os.pread(descriptor, min(_SIGNATURE_BYTES, length), offset))
            for offset, length in fragments
        ]
        if kinds[0] in kinds[1:] if kinds[0] is not None else _has_more(descriptor, layout):
            return number
    return None


def is_order_contradicted(path: Path, descriptor: int, layout: PixelLayout) -> bool:
    """Return whether an offset table names the frames' fragments in another order, or some twice.

    Parameters
    ----------
    path, descriptor
        Of the file.
    layout
        Of encapsulated pixels; its table has the frames in the order of the fragments.

    References
    ----------
    :dcm:`PS3.5 A.4 <part05/sect_A.4.html>`, :dcm:`PS3.3 C.7.6.3.1.8 <part03/sect_C.7.6.3.html>`
    """
    frames = layout.frame_table
    if frames is None or len(frames) < 2:
        return False
    table = _basic_offsets(descriptor, layout)
    if not table:  # only then there is an Extended Offset Table
        try:
            raw = read_header_bytes(path).find(_EXTENDED_OFFSET_TABLE) or b""
        except InvalidDicom:  # beyond its bounds
            return False
        table = struct.unpack_from(f"<{len(raw) // 8}Q", raw)
    if len(table) != len(frames) or not any(table):
        return False
    return _lands(table, layout) and any(a >= b for a, b in pairwise(table))


def _has_more(descriptor: int, layout: PixelLayout) -> bool:
    table = _basic_offsets(descriptor, layout)
    return len(set(table)) > layout.frames and _lands(table, layout)


def _basic_offsets(descriptor: int, layout: PixelLayout) -> tuple[int, ...]:
    """Return the Basic Offset Table: it fills what lies before the first fragment's item."""
    begin = layout.offset + _ITEM_HEADER
    length = max(_first_item(layout) - begin, 0)
    raw = os.pread(descriptor, length, begin)
    return struct.unpack_from(f"<{len(raw) // 4}L", raw)


def _lands(table: tuple[int, ...], layout: PixelLayout) -> bool:
    """Return whether each entry is the place of a fragment's item."""
    first, frames = _first_item(layout), layout.frame_table or ()
    places = {offset - _ITEM_HEADER - first for fragments in frames for offset, _ in fragments}
    return places.issuperset(table)


def _first_item(layout: PixelLayout) -> int:
    assert layout.frame_table is not None
    return layout.frame_table[0][0][0] - _ITEM_HEADER


def _kind(begin: bytes) -> bytes | None:
    """Return the signature that a fragment begins with."""
    for signature in _SIGNATURES:
        if begin.startswith(signature):
            return signature
    if len(begin) == _SIGNATURE_BYTES:
        segments, first = struct.unpack("<2L", begin)
        if 1 <= segments <= _MOST_RLE_SEGMENTS and first == _RLE_HEADER:
            return b"RLE"
    return None
