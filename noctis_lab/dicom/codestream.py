"""What a compressed frame says of itself, read before anything is decoded."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from itertools import pairwise

from noctis_lab.errors import DecodeError

__all__ = ["CodestreamInfo", "check_rle", "check_tile_parts", "parse_jpeg", "parse_jpeg2000"]

_SOI = b"\xff\xd8"
_END = b"\xff\xd9"  # EOI of JPEG, EOC of JPEG 2000; stuffing keeps it out of coded data
_MOST_SCANS = 500
_RLE_HEADER, _MOST_SEGMENTS = 64, 15
_COD, _SOT, _EOC = 0xFF52, 0xFF90, 0xFFD9
_APP0, _APP14, _SOS = 0xE0, 0xEE, 0xDA
#: Frame headers of ITU-T T.81 B.1.1.3 (C4, C8 and CC are no frames) and of T.87 (F7).
_START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC} | {0xF7}
_JPEG_LS_FRAME = 0xF7
_LOSSLESS_FRAMES = frozenset({0xC3, 0xC7, 0xCB, 0xCF, 0xF7})
_STANDALONE = frozenset({0x01, *range(0xD0, 0xD9)})


@dataclass(frozen=True, slots=True, kw_only=True)
class CodestreamInfo:
    """The shape a codestream states, and how it says its colours are kept."""

    rows: int
    columns: int
    samples: int
    precision: int  # bits a sample
    signed: bool
    lossless: bool
    component_ids: bytes = b""
    jfif: bool = False
    adobe_transform: int | None = None

    @property
    def colour_transformed(self) -> bool | None:
        """Whether three components are YCbCr; None where the codestream does not say.

        As libjpeg decides: Adobe's marker first, then JFIF's, then components named "RGB".
        """
        if self.samples != 3 or self.lossless:
            return None
        if self.adobe_transform is not None:
            return self.adobe_transform == 1
        if self.jfif:
            return True
        return False if self.component_ids == b"RGB" else None


def parse_jpeg(payload: bytes) -> CodestreamInfo:
    """Read the frame header of a JPEG or JPEG-LS codestream.

    Parameters
    ----------
    payload
        From the SOI marker; bytes before it are refused.

    Returns
    -------
    CodestreamInfo
        `rows` is 0 where a DNL marker is to state it, which no decoder here supports.

    Raises
    ------
    DecodeError
        There is no frame header before the first scan, no end marker after it, or there are
        hundreds of scans.

    References
    ----------
    ITU-T T.81 B.2 (JPEG) and T.87 C.2 (JPEG-LS); APP14 as in ITU-T T.872.
    """
    if not payload.startswith(_SOI):
        raise DecodeError("expected a JPEG codestream (FF D8), got other bytes")
    jfif = False
    adobe: int | None = None
    position = 2
    while position + 4 <= len(payload):
        if payload[position] != 0xFF:
            raise DecodeError(f"expected a JPEG marker at byte {position} of the frame")
        marker = payload[position + 1]
        if marker == 0xFF:  # fill byte
            position += 1
            continue
        if marker in _STANDALONE:
            position += 2
            continue
        (length,) = struct.unpack_from(">H", payload, position + 2)
        segment = payload[position + 4 : position + 2 + max(length, 2)]
        if marker in _START_OF_FRAME:
            _refuse_cut(payload, position)
            if marker != _JPEG_LS_FRAME:  # there each component has one scan, and no more are read
                _refuse_many_scans(payload)
            return _frame_info(marker, segment, jfif=jfif, adobe=adobe)
        if marker == _SOS:
            break
        jfif = jfif or (marker == _APP0 and segment.startswith(b"JFIF\0"))
        if marker == _APP14 and segment.startswith(b"Adobe") and len(segment) >= 12:
            adobe = segment[11]
        position += 2 + max(length, 2)
    raise DecodeError("the JPEG codestream has no frame header")


def _refuse_cut(payload: bytes, start: int) -> None:
    # libjpeg and OpenJPH fill up what is missing and say nothing: a silently wrong image.
    if payload.rfind(_END, start) < 0:
        raise DecodeError("the codestream is cut short: its end marker (FF D9) is missing")


def _refuse_many_scans(payload: bytes) -> None:
    # Each scan of a progressive image goes over all of it: a few bytes a scan take hours.
    scans = payload.count(b"\xff\xda")
    if scans > _MOST_SCANS:
        raise DecodeError(f"the JPEG codestream has {scans} scans; {_MOST_SCANS} are allowed")


def _frame_info(marker: int, segment: bytes, *, jfif: bool, adobe: int | None) -> CodestreamInfo:
    if len(segment) < 6 or len(segment) < 6 + 3 * segment[5]:
        raise DecodeError("the JPEG frame header is cut short")
    precision, rows, columns, samples = struct.unpack_from(">BHHB", segment)
    return CodestreamInfo(
        rows=rows,
        columns=columns,
        samples=samples,
        precision=precision,
        signed=False,
        lossless=marker in _LOSSLESS_FRAMES,
        component_ids=segment[6 : 6 + 3 * samples : 3],
        jfif=jfif,
        adobe_transform=adobe,
    )


def parse_jpeg2000(payload: bytes) -> CodestreamInfo:
    """Read the SIZ marker of a JPEG 2000 or HTJ2K codestream, bare or within a JP2 file.

    Raises
    ------
    DecodeError
        There is no SIZ, its components differ in depth or are subsampled, or there is no end
        marker.

    References
    ----------
    ITU-T T.800 A.5.1; JP2 is not allowed by PS3.5 A.4.4, but is met.
    """
    start = 0 if payload.startswith(b"\xff\x4f\xff\x51") else payload.find(b"\xff\x4f\xff\x51")
    if start < 0 or len(payload) < start + 42:
        raise DecodeError("expected a JPEG 2000 codestream (FF 4F FF 51), got other bytes")
    x1, y1, x0, y0 = struct.unpack_from(">4I", payload, start + 8)
    (samples,) = struct.unpack_from(">H", payload, start + 40)
    components = payload[start + 42 : start + 42 + 3 * samples]
    if not 1 <= samples <= 4 or len(components) < 3 * samples or x1 <= x0 or y1 <= y0:
        raise DecodeError("the JPEG 2000 codestream's SIZ marker is not that of an image")
    if len(set(components[0::3])) > 1 or set(components[1::3] + components[2::3]) != {1}:
        raise DecodeError("the JPEG 2000 components differ in depth or are subsampled")
    _refuse_cut(payload, start + 42)
    return CodestreamInfo(
        rows=y1 - y0,
        columns=x1 - x0,
        samples=samples,
        precision=(components[0] & 0x7F) + 1,
        signed=bool(components[0] & 0x80),
        lossless=_is_reversible(payload, start + 2),
    )


def _is_reversible(payload: bytes, position: int) -> bool:
    """Return whether the main header's COD names the reversible 5-3 wavelet (T.800 A.6.1)."""
    while position + 14 <= len(payload):
        marker, length = struct.unpack_from(">HH", payload, position)
        if marker == _COD:
            return payload[position + 13] == 1
        if marker == _SOT or length < 2:
            break
        position += 2 + length
    return False


def check_tile_parts(payload: bytes) -> None:
    """Check that the tile-parts of a JPEG 2000 codestream fill it, as their headers state.

    Raises
    ------
    DecodeError
        They end elsewhere than at the end marker: bytes are missing, or are too many.

    Notes
    -----
    OpenJPH takes what there is and gives it as the image. The last tile-part may leave its length
    open (0); then nothing can be told.

    References
    ----------
    ITU-T T.800 A.4.2.
    """
    at = max(payload.find(b"\xff\x4f\xff\x51"), 0) + 2
    while at + 12 <= len(payload):
        marker, length = struct.unpack_from(">HH", payload, at)
        if marker != _SOT:
            if marker == _EOC or length < 2:
                break
            at += 2 + length
            continue
        (part,) = struct.unpack_from(">L", payload, at + 6)
        if part == 0:
            return
        at += max(part, 12)
    if payload[at : at + 2] != _END:
        raise DecodeError("the codestream is damaged: its tile-parts do not end at its end marker")


def check_rle(payload: bytes, segments: int) -> None:
    """Check the header of an RLE frame against its bytes.

    Parameters
    ----------
    payload
        The frame: 64 bytes of header, then the segments.
    segments
        How many there must be: one for every byte of a pixel's samples.

    Raises
    ------
    DecodeError
        Their count is another one, or they do not lie one after the other within the frame.

    Notes
    -----
    imagecodecs' decoder reads where the header points to, in the frame or not, and ends the
    process with a segmentation fault.

    References
    ----------
    :dcm:`PS3.5 G.3 to G.5 <part05/sect_G.3.html>`
    """
    if len(payload) < _RLE_HEADER:
        raise DecodeError(f"an RLE frame needs a header of 64 bytes, {len(payload)} came")
    count, *offsets = struct.unpack_from("<16I", payload)
    if count != segments or count > _MOST_SEGMENTS:
        raise DecodeError(f"{segments} RLE segments were expected, the header states {count}")
    bounds = [_RLE_HEADER, *offsets[1:count], len(payload)]
    if offsets[0] != _RLE_HEADER or any(a >= b for a, b in pairwise(bounds)):
        raise DecodeError("the RLE segments do not lie one after the other within the frame")
