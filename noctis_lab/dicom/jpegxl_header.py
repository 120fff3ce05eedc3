"""What a JPEG XL frame says of itself, read before anything is decoded."""

from __future__ import annotations

import struct

from noctis_lab.dicom.codestream import CodestreamInfo
from noctis_lab.errors import DecodeError

__all__ = ["parse_jpegxl"]

_CODESTREAM = b"\xff\x0a"
_CONTAINER = b"\0\0\0\x0cJXL \r\n\x87\n"
_WHOLE, _PART = b"jxlc", b"jxlp"
_MOST_BOXES = 64
#: Width to height, by the codestream's 3 bits; 0 states the width itself.
_RATIOS = {1: (1, 1), 2: (12, 10), 3: (4, 3), 4: (3, 2), 5: (16, 9), 6: (5, 4), 7: (2, 1)}
_RGB, _GRAY = 0, 1

#: The four forms of a number: (bits to read, what is added).
type _Forms = tuple[tuple[int, int], tuple[int, int], tuple[int, int], tuple[int, int]]

_LENGTH: _Forms = ((9, 1), (13, 1), (18, 1), (30, 1))
_DEPTH: _Forms = ((0, 8), (0, 10), (0, 12), (6, 1))
_COUNT: _Forms = ((0, 0), (0, 1), (4, 2), (12, 1))
_ENUM: _Forms = ((0, 0), (0, 1), (4, 2), (6, 18))


class _Bits:
    """Bits of a codestream, the lowest of each byte first."""

    def __init__(self, payload: bytes) -> None:
        self._number = int.from_bytes(payload, "little")
        self._left = 8 * len(payload)

    def take(self, count: int) -> int:
        if count > self._left:
            raise DecodeError("the JPEG XL header is cut short")
        taken = self._number & ((1 << count) - 1)
        self._number >>= count
        self._left -= count
        return taken

    def take_number(self, forms: _Forms) -> int:
        count, added = forms[self.take(2)]
        return self.take(count) + added


def parse_jpegxl(payload: bytes) -> CodestreamInfo:
    """Read the size and the image metadata of a JPEG XL codestream, bare or in its container.

    Raises
    ------
    DecodeError
        It is none, is cut short, or is more than one upright image of gray or RGB integers.

    References
    ----------
    ISO/IEC 18181-1 annex D (headers) and 18181-2 (boxes);
    :dcm:`PS3.5 A.4 <part05/sect_A.4.html>`.
    """
    bits = _Bits(_find_codestream(payload)[2:64])
    rows, columns = _take_size(bits)
    if bits.take(1):  # all default: RGB of 8 bits
        return _info(rows, columns, samples=3, precision=8)
    # Orientation 1, no size of its own, no preview, no animation: 6 bits that are 0.
    if bits.take(1) and bits.take(6):
        raise DecodeError("the JPEG XL frame is turned, animated, or has a preview")
    if bits.take(1):
        raise DecodeError("the JPEG XL frame holds floating point samples, not integers")
    precision = bits.take_number(_DEPTH)
    bits.take(1)  # whether 16 bits are enough to decode it
    if bits.take_number(_COUNT) != 0:
        raise DecodeError("the JPEG XL frame has channels beyond its colours")
    bits.take(1)  # whether it is kept in XYB
    space = _RGB
    if not bits.take(1):  # not the default, sRGB
        bits.take(1)  # whether there is a profile
        space = bits.take_number(_ENUM)
    if space not in (_RGB, _GRAY):
        raise DecodeError("the JPEG XL frame is neither gray nor RGB")
    return _info(rows, columns, samples=1 if space == _GRAY else 3, precision=precision)


def _info(rows: int, columns: int, *, samples: int, precision: int) -> CodestreamInfo:
    return CodestreamInfo(
        rows=rows,
        columns=columns,
        samples=samples,
        precision=precision,
        signed=False,
        lossless=False,  # not said by the header
    )


def _take_size(bits: _Bits) -> tuple[int, int]:
    is_small = bits.take(1)
    rows = 8 * (bits.take(5) + 1) if is_small else bits.take_number(_LENGTH)
    ratio = bits.take(3)
    if ratio:
        width, height = _RATIOS[ratio]
        return rows, rows * width // height
    return rows, 8 * (bits.take(5) + 1) if is_small else bits.take_number(_LENGTH)


def _find_codestream(payload: bytes) -> bytes:
    """Return the codestream, or its first part: the header lies in it."""
    if payload.startswith(_CODESTREAM):
        return payload
    position = len(_CONTAINER) if payload.startswith(_CONTAINER) else len(payload)
    for _ in range(_MOST_BOXES):
        if position + 8 > len(payload):
            break
        length, kind = struct.unpack_from(">I4s", payload, position)
        begin = position + 8
        if length == 1 and begin + 8 <= len(payload):
            (length,) = struct.unpack_from(">Q", payload, begin)
            begin += 8
        if kind == _PART:
            begin += 4  # its number
        if kind in (_WHOLE, _PART):
            found = payload[begin : begin + 64]
            if found.startswith(_CODESTREAM):
                return found
            break
        if length < 8:  # 0: to the end
            break
        position += length
    raise DecodeError("expected a JPEG XL codestream (FF 0A), got other bytes")
