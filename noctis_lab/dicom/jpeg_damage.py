"""Tell whether a JPEG's coded data are whole: libjpeg fills in what is not, and says nothing.

A decoder that runs out of bits goes on with zeros, and one that ends early leaves the rest. Both
are found from outside of it:

* Lossless (SOF3): the decoded samples say which differences were coded, the Huffman tables how
  many bits those take. As many must be there.
* By DCT: bits put after the end must change nothing, or the image took some of them; other bits in
  the place of the last ones must change something, or the image did not need them.

References
----------
ITU-T T.81 B.2 (segments), F.1 and F.2 (DCT), H.1 (lossless).
"""

from __future__ import annotations

import hashlib
import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from noctis_lab.errors import DecodeError

__all__ = ["require_whole"]

type Decode = Callable[[bytes], NDArray[Any]]

_MARKER = re.compile(rb"\xff[^\x00]")  # a literal first byte: twenty times as fast as \xff+
_FILL, _EOI, _SOS, _DHT, _DRI = 0xFF, 0xD9, 0xDA, 0xC4, 0xDD
_HUFFMAN_FRAMES = frozenset({0xC0, 0xC1, 0xC2, 0xC3})
_OTHER_FRAMES = frozenset(range(0xC5, 0xD0)) - {0xC8, 0xCC}  # hierarchical, arithmetic
_SEQUENTIAL, _LOSSLESS = frozenset({0xC0, 0xC1}), 0xC3
_RESTARTS = range(0xD0, 0xD8)
_STANDALONE = frozenset({0x01, 0xD8, *_RESTARTS})
#: More intervals than the largest image has rows.
_MOST_SEGMENTS = 1 << 17
#: Bits of every kind, that no coded data are likely to go on with; the first bit is a one, where
#: the decoder fills in zeros.
_OTHER_BITS = bytes([0xD5, 0x2A, 0x93, 0x6C]) * 16
_LAST_BYTES, _OTHER_ENDS, _LEAST_CODED_BYTES = 16, 8, 64
#: The category of each 16-bit difference (T.81 table H.2): how many bits follow its code.
_CATEGORY = np.array(
    [abs(d).bit_length() for d in (*range(1 << 15), *range(-(1 << 15), 0))], np.uint8
)
_NO_CODE = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class _Component:
    identifier: int
    horizontal: int  # sampling factors
    vertical: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Frame:
    kind: int  # SOFn
    precision: int
    rows: int
    columns: int
    components: tuple[_Component, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scan:
    frame: _Frame
    components: tuple[int, ...]  # places in the frame
    code_lengths: tuple[bytes | None, ...]  # per component: bits of the code of each category
    predictor: int  # of lossless frames
    point_transform: int
    interval: int  # MCUs between restart markers; 0: none
    segments: tuple[tuple[int, int], ...]  # coded data between markers: (start, end)
    restarts: bytes  # the markers between them


def require_whole(payload: bytes, decoded: NDArray[Any], decode: Decode) -> None:
    """Refuse a JPEG whose coded data are cut short or go on beyond its image.

    Parameters
    ----------
    payload
        The JPEG, with a frame header and an end marker.
    decoded
        What `decode` gave of it, shape (rows, columns) or (rows, columns, samples).
    decode
        The decoder, for streams of the same header.

    Raises
    ------
    DecodeError
        The coded data do not hold as many bits as the image takes.

    Notes
    -----
    A flipped bit that gives another image of as many bits is one that no decoder can find.
    Arithmetic coding is not looked at: its decoder reads zeros after the end by right.
    """
    scans = list(_read_scans(payload))
    if not scans:  # another kind of coding
        return
    for scan in scans:
        _check_restarts(scan)
    if all(_is_countable(scan) for scan in scans):
        samples = decoded.reshape(*decoded.shape[:2], -1)
        for scan in scans:
            _count_bits(payload, scan, samples)
        return
    _try_other_bits(payload, scans, decoded, decode)


def _next_marker(payload: bytes, at: int) -> tuple[int, int, int]:
    """Return the next marker, where it or fill bytes before it begin, and where it ends."""
    found = _MARKER.search(payload, at)
    if found is None:
        raise DecodeError("the codestream is cut short: its end marker (FF D9) is missing")
    start, end = found.span()
    while payload[end - 1] == _FILL and end < len(payload):
        end += 1
    return payload[end - 1], start, end


def _read_scans(payload: bytes) -> Iterator[_Scan]:
    frame: _Frame | None = None
    lengths: dict[int, bytes] = {}
    interval, at = 0, 2
    while True:
        marker, _, at = _next_marker(payload, at)
        if marker == _EOI:
            return
        if marker in _STANDALONE:
            continue
        body = _segment(payload, at)
        at += 2 + len(body)
        if marker in _OTHER_FRAMES:
            return
        if marker in _HUFFMAN_FRAMES:
            frame = _read_frame(marker, body)
        elif marker == _DHT:
            lengths.update(_read_tables(body))
        elif marker == _DRI:
            interval = int.from_bytes(body[:2])
        elif marker == _SOS:
            segments, restarts, at = _read_segments(payload, at)
            if frame is None:
                raise DecodeError("the JPEG codestream has a scan before its frame header")
            yield _read_scan(frame, body, lengths, interval, segments, restarts)


def _segment(payload: bytes, at: int) -> bytes:
    length = int.from_bytes(payload[at : at + 2])
    if length < 2 or at + length > len(payload):
        raise DecodeError(f"a JPEG marker segment at byte {at} is cut short")
    return payload[at + 2 : at + length]


def _read_frame(marker: int, body: bytes) -> _Frame:
    if len(body) < 6 or len(body) < 6 + 3 * body[5]:
        raise DecodeError("the JPEG frame header is cut short")
    precision, rows, columns, count = struct.unpack_from(">BHHB", body)
    parts = [body[6 + 3 * n : 9 + 3 * n] for n in range(count)]
    components = tuple(
        _Component(identifier=part[0], horizontal=part[1] >> 4 or 1, vertical=part[1] & 15 or 1)
        for part in parts
    )
    return _Frame(
        kind=marker, precision=precision, rows=rows, columns=columns, components=components
    )


def _read_tables(body: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield each Huffman table: its class and number, and the lengths of its codes by symbol."""
    at = 0
    while at + 17 <= len(body):
        counts = body[at + 1 : at + 17]
        symbols = body[at + 17 : at + 17 + sum(counts)]
        lengths = bytearray([_NO_CODE]) * 256
        bits = [length for length, count in enumerate(counts, 1) for _ in range(count)]
        for symbol, length in zip(symbols, bits, strict=False):
            lengths[symbol] = length
        yield body[at], bytes(lengths)
        at += 17 + sum(counts)


def _read_segments(payload: bytes, at: int) -> tuple[tuple[tuple[int, int], ...], bytes, int]:
    """Return the coded data from a scan's header on, the markers between, and where they end."""
    segments, restarts = [], bytearray()
    while True:
        marker, start, end = _next_marker(payload, at)
        segments.append((at, start))
        if len(segments) > _MOST_SEGMENTS:
            raise DecodeError(f"a JPEG scan has more than {_MOST_SEGMENTS} restart intervals")
        if marker not in _RESTARTS:
            return tuple(segments), bytes(restarts), start
        restarts.append(marker)
        at = end


def _read_scan(
    frame: _Frame,
    body: bytes,
    lengths: dict[int, bytes],
    interval: int,
    segments: tuple[tuple[int, int], ...],
    restarts: bytes,
) -> _Scan:
    count = body[0] if body else 0
    if len(body) < 4 + 2 * count:
        raise DecodeError("a JPEG scan header is cut short")
    places = {part.identifier: place for place, part in enumerate(frame.components)}
    named = [body[1 + 2 * n : 3 + 2 * n] for n in range(count)]
    if not named or any(identifier not in places for identifier, _ in named):
        raise DecodeError("a JPEG scan names components that its frame does not have")
    return _Scan(
        frame=frame,
        components=tuple(places[identifier] for identifier, _ in named),
        code_lengths=tuple(lengths.get(tables >> 4) for _, tables in named),
        predictor=body[1 + 2 * count],
        point_transform=body[3 + 2 * count] & 15,
        interval=interval,
        segments=segments,
        restarts=restarts,
    )


def _check_restarts(scan: _Scan) -> None:
    expected = -(-_mcus(scan) // scan.interval) if scan.interval else 1
    in_turn = bytes(0xD0 + n % 8 for n in range(len(scan.restarts)))
    segments = len(scan.segments)
    if scan.interval and segments == expected + 1 and scan.segments[-1][0] == scan.segments[-1][1]:
        segments -= 1  # one more marker, with nothing after it
    if segments != expected or scan.restarts != in_turn:
        raise DecodeError(
            f"a JPEG scan of {expected} intervals is damaged: {segments} came, by their markers"
        )


def _mcus(scan: _Scan) -> int:
    frame, unit = scan.frame, 1 if scan.frame.kind == _LOSSLESS else 8
    widest = max(part.horizontal for part in frame.components)
    highest = max(part.vertical for part in frame.components)
    if len(scan.components) == 1:  # not interleaved: an MCU is one block of the component
        part = frame.components[scan.components[0]]
        columns = -(-frame.columns * part.horizontal // widest)
        rows = -(-frame.rows * part.vertical // highest)
        return -(-columns // unit) * -(-rows // unit)
    return -(-frame.columns // (unit * widest)) * -(-frame.rows // (unit * highest))


def _is_countable(scan: _Scan) -> bool:
    """Return whether the bits of a scan follow from its samples."""
    frame = scan.frame
    return (
        frame.kind == _LOSSLESS
        and 1 <= scan.predictor <= 7
        and all(lengths is not None for lengths in scan.code_lengths)
        and len({(part.horizontal, part.vertical) for part in frame.components}) == 1
        and scan.interval % max(frame.columns, 1) == 0  # T.81 H.1.1: whole rows
    )


def _count_bits(payload: bytes, scan: _Scan, samples: NDArray[Any]) -> None:
    """Hold the bits that are there against those that the samples take."""
    frame = scan.frame
    rows_at_once = scan.interval // frame.columns if scan.interval else frame.rows
    needed = np.zeros(-(-frame.rows // rows_at_once), np.int64)
    for place, lengths in zip(scan.components, scan.code_lengths, strict=True):
        assert lengths is not None
        costs = _costs(lengths)
        plane = samples[:, :, place].astype(np.uint16)
        plane >>= scan.point_transform
        differences = _differences(plane, scan, rows_at_once)
        bits = np.take(costs, differences).sum(axis=1, dtype=np.int64)
        needed += np.add.reduceat(bits, np.arange(0, frame.rows, rows_at_once))
    for (start, end), bits_needed in zip(scan.segments, needed, strict=False):
        # Every 0xFF of coded data is followed by a zero that is none (T.81 F.1.2.3).
        there = 8 * (end - start - payload.count(b"\xff", start, end))
        if not 0 <= there - bits_needed < 8:
            raise DecodeError(
                f"the JPEG is damaged: its image takes {bits_needed} bits, {there} are there"
            )


def _costs(lengths: bytes) -> NDArray[np.uint8]:
    """Return how many bits each difference takes: its code, and its category's bits."""
    extra = np.arange(17, dtype=np.uint8)
    extra[16] = 0  # T.81 H.1.2.2: 32768 has no further bits
    codes = np.frombuffer(lengths, np.uint8, 17)
    costs = np.where(codes == _NO_CODE, _NO_CODE, codes + extra).astype(np.uint8)
    return np.take(costs, _CATEGORY)


def _differences(plane: NDArray[np.uint16], scan: _Scan, rows_at_once: int) -> NDArray[np.uint16]:
    """Return each sample less its prediction, modulo 2^16 (T.81 H.1.2.1)."""
    left, above, corner = plane[1:, :-1], plane[:-1, 1:], plane[:-1, :-1]
    wide = np.int32
    differences = np.empty_like(plane)
    inner = differences[1:, 1:]
    current = plane[1:, 1:]
    if scan.predictor == 1:
        np.subtract(current, left, out=inner)
    elif scan.predictor == 2:
        np.subtract(current, above, out=inner)
    elif scan.predictor == 3:
        np.subtract(current, corner, out=inner)
    elif scan.predictor == 4:
        inner[...] = current - left - above + corner
    elif scan.predictor == 5:
        inner[...] = current - (left + (above.astype(wide) - corner >> 1)).astype(np.uint16)
    elif scan.predictor == 6:
        inner[...] = current - (above + (left.astype(wide) - corner >> 1)).astype(np.uint16)
    else:
        inner[...] = current - (left.astype(wide) + above >> 1).astype(np.uint16)
    differences[1:, 0] = plane[1:, 0] - plane[:-1, 0]
    first = slice(None, None, rows_at_once)  # each interval begins as an image does
    differences[first, 1:] = plane[first, 1:] - plane[first, :-1]
    middle = 1 << max(scan.frame.precision - scan.point_transform - 1, 0)
    differences[first, 0] = plane[first, 0] - np.uint16(middle)
    return differences


def _try_other_bits(
    payload: bytes, scans: list[_Scan], decoded: NDArray[Any], decode: Decode
) -> None:
    parts, at = list[bytes](), 0
    for scan in scans:
        for _, end in scan.segments:
            parts += (payload[at:end], _OTHER_BITS)
            at = end
    if not np.array_equal(decode(b"".join([*parts, payload[at:]])), decoded):
        raise DecodeError("the JPEG is damaged: its coded data end before its image does")
    last = scans[-1]
    start, end = last.segments[-1]
    is_sequential = last.frame.kind in _SEQUENTIAL and len(scans) == 1
    if (
        is_sequential
        and end - start >= _LEAST_CODED_BYTES
        and all(
            np.array_equal(decode(other), decoded) for other in _other_ends(payload, start, end)
        )
    ):
        raise DecodeError("the JPEG is damaged: its coded data go on after its image has ended")


def _other_ends(payload: bytes, start: int, end: int) -> Iterator[bytes]:
    """Yield the stream with other bits in the place of its last ones.

    The first differs from them in each bit, and nearly always gives another image. Where the end
    is flat or saturated, some bits change nothing that is seen: then all of these must.
    """
    # Zeros and fill bytes before a marker are some encoders' way to an even length.
    coded = payload[start:end].rstrip(b"\0\xff")
    cut = max(len(coded) - _LAST_BYTES, 0)
    if coded[:cut].endswith(b"\xff"):
        cut -= 1
    flipped = bytes(byte ^ 0xFF for byte in coded[cut:])
    for bits in (flipped, *(hashlib.sha256(bytes([n])).digest() for n in range(_OTHER_ENDS))):
        other = bits.replace(b"\xff", b"\xfe")
        yield b"".join((payload[:start], coded[:cut], other, _OTHER_BITS, payload[end:]))
