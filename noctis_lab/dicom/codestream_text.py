"""Compressed frames without what belongs to no image: comments, application data, what is behind.

All is overwritten by zeros where it stands: no length changes, so that tables of offsets and
codestreams split into fragments hold as they were.
"""

from __future__ import annotations

import re
import struct
import zlib
from itertools import pairwise

from noctis_lab.dicom.transfer_syntaxes import JPEG_2000, NAMES, NATIVE
from noctis_lab.errors import DecodeError

__all__ = ["blank_text"]

_MARKER = re.compile(rb"\xff[^\x00]")  # a literal first byte: twenty times as fast as \xff+
#: In coded data of JPEG-LS a zero bit follows each FF, in JPEG's a zero byte (T.87 A.1).
_MARKER_LS, _FRAME_LS = re.compile(rb"\xff[\x80-\xff]"), 0xF7
_EOI, _SOS = 0xD9, 0xDA
_RESTARTS = range(0xD0, 0xD8)
_APPLICATION, _COMMENT = range(0xE0, 0xF0), 0xFE
_APP0, _APP8, _APP14 = 0xE0, 0xE8, 0xEE
#: Frames, tables, scans, restarts: what an image is decoded by (T.81 B.1.1.3, T.87 C.1.1).
_DECIDING = frozenset({*range(0xC0, 0xD0), *range(0xDA, 0xE0), 0xF7, 0xF8}) - {0xC8}
_JFIF = b"JFIF\0\1\2\0\0\1\0\1\0\0"  # version 1.2, square pixels, no thumbnail
_ADOBE = b"Adobe\0\x64\0\0\0\0"
_JPEG_SYNTAXES = frozenset(f"1.2.840.10008.1.2.4.{number}" for number in (*range(50, 71), 80, 81))

_SOC, _SOT, _SOD, _EOC, _COM = 0xFF4F, 0xFF90, 0xFF93, 0xFFD9, 0xFF64
#: Of JPEG 2000's headers (T.800 A.2, T.814): CAP, SIZ, COD, COC, TLM, PRF, PLM, PLT, CPF, QCD, QCC,
#: RGN, POC, PPM, PPT, CRG.
_J2K_DECIDING = frozenset(
    (
        *(0xFF50, 0xFF51, 0xFF52, 0xFF53, 0xFF55, 0xFF56, 0xFF57, 0xFF58, 0xFF59),
        *(0xFF5C, 0xFF5D, 0xFF5E, 0xFF5F, 0xFF60, 0xFF61, 0xFF63),
    )
)
_RLE, _DEFLATED = "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.8.1"
_UNCOMPRESSED = "1.2.840.10008.1.2.1.98"
_RLE_HEADER, _MOST_SEGMENTS = 64, 15
_PIECE = 1 << 20


def blank_text(
    payload: bytes, transfer_syntax_uid: str, *, frame_bytes: int, sample_bytes: int
) -> bytes:
    """Overwrite what belongs to no image in a compressed frame.

    Parameters
    ----------
    payload
        One frame, its fragments joined.
    transfer_syntax_uid
        An encapsulated one.
    frame_bytes
        Of the decoded frame.
    sample_bytes
        Of one sample of all its pixels: what an RLE segment holds, of each of its bytes.

    Returns
    -------
    bytes
        As many, which decode to the same samples.

    Raises
    ------
    DecodeError
        It is no whole codestream of the syntax, holds what is not known, or its syntax is none of
        those that are taken apart.

    Notes
    -----
    Of JPEG's application segments JFIF's, Adobe's and HP's (APP8 of JPEG-LS) say how colours are
    kept: those bytes stay. Within coded data nothing is looked for.

    References
    ----------
    ITU-T T.81 B, T.87 C, T.800 A, :dcm:`PS3.5 A.4 and G <part05/sect_A.4.html>`
    """
    if transfer_syntax_uid in _JPEG_SYNTAXES:
        return _blank_jpeg(payload)
    if transfer_syntax_uid in JPEG_2000:
        return _blank_jpeg2000(payload)
    if transfer_syntax_uid == _RLE:
        return _blank_rle(payload, sample_bytes)
    if transfer_syntax_uid == _DEFLATED:
        return _blank_deflated(payload, frame_bytes)
    if transfer_syntax_uid == _UNCOMPRESSED:
        return _blank_behind(payload, frame_bytes)
    assert transfer_syntax_uid not in NATIVE
    name = NAMES.get(transfer_syntax_uid, "an unknown transfer syntax")
    raise DecodeError(f"frames of {name} are not taken apart here, and text may stand in them")


def _blank_behind(payload: bytes, end: int) -> bytes:
    if end > len(payload):
        raise DecodeError("the frame is cut short")
    return payload[:end] + bytes(len(payload) - end)


def _blank_jpeg(payload: bytes) -> bytes:
    if payload[:2] != b"\xff\xd8":
        raise DecodeError("expected a JPEG codestream (FF D8), got other bytes")
    blanked, at, in_scan, pattern = bytearray(payload), 2, False, _MARKER
    while True:
        found = pattern.search(payload, at)
        if found is None:
            raise DecodeError("the codestream is cut short: its end marker (FF D9) is missing")
        start, end = found.span()
        while payload[end - 1] == 0xFF and end < len(payload):
            end += 1
        if not in_scan:  # between segments nothing stands but fill bytes
            blanked[at:start] = bytes(start - at)
        marker = payload[end - 1]
        if marker == _EOI:
            return _blank_behind(bytes(blanked), end)
        at = end
        if marker in _RESTARTS:
            continue
        at = end + _segment_length(payload, end)
        content = payload[end + 2 : at]
        if marker in _APPLICATION or marker == _COMMENT:
            blanked[end + 2 : at] = _deciding_part(marker, content).ljust(len(content), b"\0")
        elif marker not in _DECIDING:
            raise DecodeError(f"the JPEG codestream has a marker FF {marker:02X}, not known here")
        pattern = _MARKER_LS if marker == _FRAME_LS else pattern
        in_scan = marker == _SOS  # behind any other segment there are no coded data


def _segment_length(payload: bytes, at: int) -> int:
    length = int.from_bytes(payload[at : at + 2])
    if length < 2 or at + length > len(payload):
        raise DecodeError("a segment of the JPEG codestream is cut short")
    return length


def _deciding_part(marker: int, content: bytes) -> bytes:
    """Return what of an application segment says how samples are to be read."""
    if marker == _APP0 and content.startswith(b"JFIF\0"):
        return _JFIF[: len(content)]
    if marker == _APP14 and content.startswith(b"Adobe") and len(content) >= 12:
        return _ADOBE + content[11:12]
    if marker == _APP8 and content.startswith(b"mrfx"):  # HP's colour transforms of JPEG-LS
        return content[:5]
    return b""


def _blank_jpeg2000(payload: bytes) -> bytes:
    if payload[:2] != _SOC.to_bytes(2):
        # Boxes of a JP2 file may say how colours are kept, and hold XML.
        raise DecodeError("expected a bare JPEG 2000 codestream (FF 4F), got other bytes")
    blanked, at = bytearray(payload), 2
    tile_end: int | None = None  # 0: it goes on to the end of the codestream
    while at + 2 <= len(payload):
        marker = int.from_bytes(payload[at : at + 2])
        if marker == _EOC and tile_end is None:
            return _blank_behind(bytes(blanked), at + 2)
        if marker == _SOD and tile_end is not None:
            at = tile_end or payload.find(b"\xff\xd9", at) % (len(payload) + 1)
            tile_end = None
            continue
        end = at + 2 + int.from_bytes(payload[at + 2 : at + 4])
        if end < at + 4 or end > len(payload):
            break
        if marker == _SOT and tile_end is None:
            tile_end = _tile_end(payload, at)
        elif marker == _COM:
            blanked[at + 4 : end] = bytes(end - at - 4)
        elif marker not in _J2K_DECIDING:
            raise DecodeError(f"the JPEG 2000 codestream has a marker {marker:04X}, not known here")
        at = end
    raise DecodeError("the JPEG 2000 codestream is damaged: its parts do not end at its end marker")


def _tile_end(payload: bytes, at: int) -> int:
    """Return where the tile-part of a SOT ends: 0 where it leaves that open (T.800 A.4.2)."""
    length, _, part = struct.unpack_from(">HHL", payload.ljust(at + 10, b"\0"), at + 2)
    if length != 10 or (part and not 14 <= part <= len(payload) - at):
        raise DecodeError("a tile-part of the JPEG 2000 codestream is cut short")
    return at + part if part else 0


def _blank_rle(payload: bytes, sample_bytes: int) -> bytes:
    if len(payload) < _RLE_HEADER:
        raise DecodeError("an RLE frame is shorter than its header")
    count, *offsets = struct.unpack_from("<16I", payload)
    bounds = [*offsets[:count], len(payload)]
    if not 1 <= count <= _MOST_SEGMENTS or offsets[0] != _RLE_HEADER or bounds != sorted(bounds):
        raise DecodeError("the RLE segments do not lie one after the other within the frame")
    blanked = bytearray(payload)
    blanked[4 * (1 + count) : _RLE_HEADER] = bytes(_RLE_HEADER - 4 * (1 + count))
    for start, stop in pairwise(bounds):
        end = _end_of_runs(payload, start, stop, sample_bytes)
        # A byte that makes the length even is zero; more would be runs, but for 128, which is none.
        blanked[end:stop] = bytes(1) if stop - end == 1 else b"\x80" * (stop - end)
    return bytes(blanked)


def _end_of_runs(payload: bytes, start: int, stop: int, wanted: int) -> int:
    """Return where an RLE segment has given all its bytes (PS3.5 G.3.1)."""
    at, given = start, 0
    while given < wanted and at < stop:
        head = payload[at]
        if head < 128:
            given += head + 1
            at += head + 2
        elif head > 128:
            given += 257 - head
            at += 2
        else:
            at += 1
    if given != wanted or at > stop:
        raise DecodeError("an RLE segment holds fewer or more bytes than its image")
    return at


def _blank_deflated(payload: bytes, frame_bytes: int) -> bytes:
    stream, given, left = zlib.decompressobj(-15), 0, payload
    try:
        while not stream.eof:
            piece = stream.decompress(left, _PIECE)
            given += len(piece)
            if given > frame_bytes + frame_bytes % 2 or not (piece or stream.unconsumed_tail):
                break
            left = stream.unconsumed_tail
    except zlib.error as error:
        raise DecodeError("the frame is not a deflate stream") from error
    if not stream.eof or not frame_bytes <= given <= frame_bytes + frame_bytes % 2:
        raise DecodeError("the deflate stream holds fewer or more bytes than its image")
    return _blank_behind(payload, len(payload) - len(stream.unused_data))
