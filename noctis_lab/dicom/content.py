"""Tell whether two files hold the same instance: equal elements and equal pixels."""

from __future__ import annotations

import math
import os
import tempfile
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from noctis_lab.dicom.byte_window import InflatedWindow
from noctis_lab.dicom.dictionary import element_name
from noctis_lab.dicom.file_meta import read_file_meta
from noctis_lab.dicom.frames import FrameTable, PixelLayout
from noctis_lab.dicom.header import build_header, scan_file
from noctis_lab.dicom.pixel_comparison import EncodedPixels, compare_decoded
from noctis_lab.dicom.scanner import DEFAULT_LIMITS, RawElement, Scan
from noctis_lab.dicom.values import BINARY_SIZES, MULTIPLE_VRS, TEXT_VRS
from noctis_lab.errors import InvalidDicom

__all__ = ["content_difference", "differing_elements"]

_PIECE = 256 * 1024
_MOST_NAMED = 5
# What an encoding adds by itself: padding (PS3.10 7.2), Length to End (retired), and the Extended
# Offset Table, which only encapsulated pixels have (PS3.3 C.7.6.3.1.8).
_OF_THE_ENCODING = frozenset((0xFFFCFFFC, 0x00080001, 0x7FE00001, 0x7FE00002))
# PS3.5 7.3: bytes that are swapped together in big endian.
_UNITS = {**BINARY_SIZES, "AT": 2, "OW": 2, "OF": 4, "OL": 4, "OD": 8, "OV": 8}

type _Key = tuple[str, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Side:
    """One of the two instances, opened; offsets in `scan` are of `file`."""

    path: Path
    file: BinaryIO  # a deflated data set is inflated into a nameless file first
    syntax: str
    scan: Scan
    pixels: PixelLayout | None


def content_difference(
    path_a: Path,
    path_b: Path,
    *,
    timeout_s: float = 30.0,
    memory_bytes: int = 2 << 30,
    slots: threading.Semaphore | None = None,
) -> str | None:
    """Tell in what two files differ as instances, None where their content is the same.

    Parameters
    ----------
    path_a, path_b
        Files that `read_header` accepts.
    timeout_s, memory_bytes
        What the process that decodes pixels may take, where transfer syntaxes differ. A timeout,
        a crash, and a syntax without codec count as other content.
    slots
        Held while that process runs, so that a caller bounds how many there are at once; waiting
        for one counts as `timeout_s` does.

    Returns
    -------
    str or None
        What differs, by keywords and tags; no values.

    Raises
    ------
    InvalidDicom, OSError
        A file cannot be parsed or read.

    Notes
    -----
    Equal are elements apart from group lengths, length encoding, VR encoding (UN for a known one,
    implicit for explicit), byte order and padding. What tells how the pixels look when decoded
    (PhotometricInterpretation, BitsStored, …) is content like all else. Compressed pixels of one
    and the same syntax are compared as bytes, fragments joined; only where the syntaxes differ
    are they decoded.
    """
    with ExitStack() as stack:
        side_a, side_b = _open_side(path_a, stack), _open_side(path_b, stack)
        differing = sorted(set(_differing_elements(side_a, side_b)))
        if differing:
            named = ", ".join(differing[:_MOST_NAMED])
            more = len(differing) - _MOST_NAMED
            pixels = _undecoded_difference(side_a, side_b)
            return (
                f"elements differ: {named}"
                + (f" and {more} more" if more > 0 else "")
                + (f"; {pixels}" if isinstance(pixels, str) else "")
            )
        undecoded = _undecoded_difference(side_a, side_b)
        if not isinstance(undecoded, tuple):
            return undecoded
        with _held(slots, timeout_s) as is_held:
            if not is_held:
                return f"pixels were not decoded within {timeout_s:g} s"
            return compare_decoded(*undecoded, timeout_s=timeout_s, memory_bytes=memory_bytes)


def differing_elements(path_a: Path, path_b: Path) -> list[str]:
    """Return the paths of all elements in which two files differ as instances, sorted.

    Paths are those of `header.Element`. Pixels come first, as PixelData, where they differ as
    they lie there; what only decoding tells, `content_difference` does.

    Raises
    ------
    InvalidDicom, OSError
        A file cannot be parsed or read.
    """
    with ExitStack() as stack:
        sides = _open_side(path_a, stack), _open_side(path_b, stack)
        pixels = ["PixelData"] if isinstance(_undecoded_difference(*sides), str) else []
        return pixels + sorted(set(_differing_elements(*sides)))


@contextmanager
def _held(slots: threading.Semaphore | None, timeout_s: float) -> Iterator[bool]:
    is_held = slots is None or slots.acquire(timeout=timeout_s)
    try:
        yield is_held
    finally:
        if slots is not None and is_held:
            slots.release()


def _open_side(path: Path, stack: ExitStack) -> _Side:
    file: BinaryIO = stack.enter_context(path.open("rb"))
    size = os.fstat(file.fileno()).st_size
    meta = read_file_meta(file.fileno())
    syntax, offset = meta.transfer_syntax_uid, meta.data_set_offset
    scan, window = scan_file(
        file.fileno(),
        file_size=size,
        data_set_offset=offset,
        transfer_syntax_uid=syntax,
        limits=DEFAULT_LIMITS,
    )
    header = build_header(
        scan, window, data_set_offset=offset, file_size=size, transfer_syntax_uid=syntax
    )
    if isinstance(window, InflatedWindow):
        inflated = InflatedWindow(file.fileno(), offset, window.end)
        file = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - the stack closes it
        for at in range(0, window.end, _PIECE):
            file.write(inflated.read(at, min(_PIECE, window.end - at)))
        file.flush()
    return _Side(path=path, file=file, syntax=syntax, scan=scan, pixels=header.pixels)


def _differing_elements(side_a: _Side, side_b: _Side) -> Iterator[str]:
    elements_a, elements_b = _by_key(side_a.scan), _by_key(side_b.scan)
    for key in elements_a.keys() ^ elements_b.keys():
        yield key[0] + element_name(key[1])
    for key in elements_a.keys() & elements_b.keys():
        if not _is_same_element(side_a, elements_a[key], side_b, elements_b[key]):
            yield key[0] + element_name(key[1])
    items_a, items_b = _item_counts(side_a.scan), _item_counts(side_b.scan)
    for path in items_a.keys() | items_b.keys():
        if items_a.get(path) != items_b.get(path):
            yield path


def _item_counts(scan: Scan) -> dict[str, list[int]]:
    counts = defaultdict[str, list[int]](list)
    for path, count in scan.sequences:
        if count:  # one without items is among the elements
            counts[path].append(count)
    return counts


def _by_key(scan: Scan) -> dict[_Key, RawElement]:
    """Return the elements that are content, by prefix, tag and how often that pair came before."""
    found: dict[_Key, RawElement] = {}
    occurrences = defaultdict[tuple[str, int], int](int)
    for raw_element in scan.elements:
        prefix, tag = raw_element[:2]
        if not tag & 0xFFFF or tag in _OF_THE_ENCODING or raw_element is scan.pixels:
            continue
        found[prefix, tag, occurrences[prefix, tag]] = raw_element
        occurrences[prefix, tag] += 1
    return found


def _is_same_element(side_a: _Side, a: RawElement, side_b: _Side, b: RawElement) -> bool:
    _, _, VR_a, offset_a, length_a, raw_a, creator_a, big_a = a
    _, _, VR_b, offset_b, length_b, raw_b, creator_b, big_b = b
    if creator_a != creator_b:
        return False
    VR = VR_b if VR_a == "UN" else VR_a
    if raw_a is not None and raw_b is not None:
        return raw_a == raw_b or _canonical(VR, raw_a, big_a) == _canonical(VR, raw_b, big_b)
    unit = _UNITS.get(VR[:2], 1)
    return _is_same_stream(
        _Extent(side_a.file, ((offset_a, length_a),), unit if big_a else 1),
        _Extent(side_b.file, ((offset_b, length_b),), unit if big_b else 1),
    )


def _canonical(VR: str, raw: bytes, big_endian: bool) -> bytes:
    if VR in TEXT_VRS:
        if VR not in MULTIPLE_VRS:
            return raw.rstrip(b" \0")
        return b"\\".join(part.strip(b" \0") for part in raw.split(b"\\"))
    # "US or SS" and its like swap as their first word does.
    unit = _UNITS.get(VR[:2], 1)
    if big_endian and unit > 1:
        raw = _swapped(raw, unit)
    # PS3.5 8: an odd length is padded by one zero.
    return raw[:-1] if len(raw) % 2 == 0 and raw.endswith(b"\0") else raw


def _swapped(raw: bytes, unit: int) -> bytes:
    whole = len(raw) - len(raw) % unit
    swapped = bytearray(raw)
    for position in range(unit):
        swapped[position:whole:unit] = raw[unit - 1 - position : whole : unit]
    return bytes(swapped)


@dataclass(frozen=True, slots=True)
class _Extent:
    """Bytes of a file in pieces, to be read as if they were one and little endian."""

    file: BinaryIO
    pieces: tuple[tuple[int, int], ...]  # (offset, length)
    unit: int  # bytes that are swapped together; 1: none

    def read(self) -> Iterator[bytes]:
        """Give all bytes in blocks of `_PIECE`, the last one shorter."""
        block = bytearray()
        for offset, length in self.pieces:
            at, stop = offset, offset + length
            while at < stop:
                part = os.pread(self.file.fileno(), min(_PIECE - len(block), stop - at), at)
                if not part:
                    raise InvalidDicom("the file became shorter while it was read", offset=at)
                at += len(part)
                block += part
                if len(block) == _PIECE:
                    yield self._in_order(block)
                    block = bytearray()
        if block:
            yield self._in_order(block)

    def _in_order(self, block: bytearray) -> bytes:
        return bytes(block) if self.unit == 1 else _swapped(bytes(block), self.unit)


def _is_same_stream(a: _Extent, b: _Extent, *, padding: float = 1) -> bool:
    """Tell whether two streams are equal apart from padding at the end of the longer.

    Parameters
    ----------
    padding
        The most zeros that are none of the value; one byte makes an odd length even (PS3.5 7.1.1),
        and may be a space.
    """
    blocks_a, blocks_b = a.read(), b.read()
    surplus_bytes = 0
    while True:
        block_a, block_b = next(blocks_a, b""), next(blocks_b, b"")
        if not block_a and not block_b:
            return True
        common = min(len(block_a), len(block_b))
        if block_a[:common] != block_b[:common]:
            return False
        surplus = block_a[common:] or block_b[common:]
        surplus_bytes += len(surplus)
        if surplus_bytes > padding:
            return False
        if surplus.strip(b"\0") and surplus != b" ":
            return False


def _undecoded_difference(a: _Side, b: _Side) -> str | tuple[EncodedPixels, EncodedPixels] | None:
    """Tell how pixels differ as they lie there; two sides to decode where that does not tell."""
    raw_a, raw_b = a.scan.pixels, b.scan.pixels
    if raw_a is None or raw_b is None:
        return None if raw_a is raw_b else "one has pixels, the other has none"
    pixels_a, pixels_b = a.pixels, b.pixels
    if pixels_a is None or pixels_b is None:
        # No Rows, no Columns: bytes that nobody can decode.
        is_same = a.syntax == b.syntax and _is_same_stream(
            _Extent(a.file, ((raw_a[3], raw_a[4]),), 1), _Extent(b.file, ((raw_b[3], raw_b[4]),), 1)
        )
        return None if is_same else "undecodable pixel data differs"
    if not pixels_a.encapsulated and not pixels_b.encapsulated:
        # What follows the pixels that the attributes state is no pixel: zeros there say nothing.
        is_same = _is_same_stream(_native(a, pixels_a), _native(b, pixels_b), padding=math.inf)
        return None if is_same else "pixels differ"
    if a.syntax == b.syntax:
        is_same = _is_same_encapsulated(a, pixels_a, b, pixels_b)
        return None if is_same else "compressed pixels differ"
    return (
        EncodedPixels(path=a.path, layout=pixels_a, transfer_syntax_uid=a.syntax),
        EncodedPixels(path=b.path, layout=pixels_b, transfer_syntax_uid=b.syntax),
    )


def _native(side: _Side, layout: PixelLayout) -> _Extent:
    unit = 1
    if layout.big_endian:
        unit = 2 if layout.word_swapped else max(layout.bits_allocated // 8, 1)
    return _Extent(side.file, ((layout.offset, layout.length),), unit)


def _is_same_encapsulated(a: _Side, layout_a: PixelLayout, b: _Side, layout_b: PixelLayout) -> bool:
    frames_a, frames_b = _fragments_by_frame(a, layout_a), _fragments_by_frame(b, layout_b)
    return len(frames_a) == len(frames_b) and all(
        _is_same_stream(_Extent(a.file, frame_a, 1), _Extent(b.file, frame_b, 1))
        for frame_a, frame_b in zip(frames_a, frames_b, strict=True)
    )


def _fragments_by_frame(side: _Side, layout: PixelLayout) -> FrameTable:
    if layout.frame_table is not None:
        return layout.frame_table
    # Frames within one stream: it is compared as a whole, however it was cut into fragments.
    return () if side.scan.fragments is None else (side.scan.fragments.items,)
