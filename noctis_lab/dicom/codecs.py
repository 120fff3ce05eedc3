"""Frames of pixel data decoded into stored values, within the shape their header states."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from noctis_lab.dicom.byte_window import InflatedWindow
from noctis_lab.dicom.codec_list import CodecRow, list_codecs
from noctis_lab.dicom.decoders import CODECS, Codec
from noctis_lab.dicom.file_meta import read_file_meta
from noctis_lab.dicom.frames import PixelLayout
from noctis_lab.dicom.pixel_conflicts import warn_of_colour_space
from noctis_lab.dicom.stored import frame_bits, frame_shape, native_dtype, unpack_native
from noctis_lab.dicom.transfer_syntaxes import NATIVE, explain_refusal
from noctis_lab.errors import DecodeError, UnsupportedTransferSyntax

__all__ = [
    "CODECS",
    "Codec",
    "CodecRow",
    "can_decode",
    "decode_frame",
    "iter_frames",
    "list_codecs",
    "native_dtype",
    "read_frame",
]


def can_decode(transfer_syntax_uid: str) -> bool:
    """Return whether frames of a transfer syntax can be decoded here."""
    if transfer_syntax_uid in NATIVE:
        return True
    return any(codec.available for codec in CODECS.get(transfer_syntax_uid, ()))


def decode_frame(layout: PixelLayout, transfer_syntax_uid: str, payload: bytes) -> NDArray[Any]:
    """Decode one frame's bytes into stored values.

    Parameters
    ----------
    layout
        What the header states; the result has that shape and type, or there is none.
    transfer_syntax_uid
        Of the data set.
    payload
        The frame's bytes: its native pixels from the first bit on, or its fragments joined.

    Returns
    -------
    ndarray of `native_dtype`, shape (rows, columns) or (rows, columns, samples)
        Stored values: cut to BitsStored below HighBit, with their sign; a codestream's samples
        beyond BitsStored are kept. Colours stand as they are stored, in PhotometricInterpretation
        (`to_rgb` converts), apart from YBR_RCT, YBR_ICT and XYB, which decoders of JPEG 2000 and
        JPEG XL give as RGB, and from 422, which is widened.

    Raises
    ------
    UnsupportedTransferSyntax
        No decoder for it is installed; the message names it and says what to do.
    DecodeError
        The bytes do not decode to the stated shape.

    Warns
    -----
    PixelWarning
        They contradict what is stated of depth, sign or colours; it says how they were taken.

    Notes
    -----
    Runs in the calling thread only; codecs that release the GIL scale by calling it from
    several.

    References
    ----------
    :dcm:`PS3.5 8 and annex A <part05/chapter_8.html>`
    """
    shape = frame_shape(layout)
    native_dtype(layout)  # refuses depths that are none, before any decoder runs
    warn_of_colour_space(layout, transfer_syntax_uid)
    if not layout.encapsulated:
        return unpack_native(layout, payload)
    stored = _call(_codec_of(transfer_syntax_uid), layout, payload)
    if stored.shape != shape:
        raise DecodeError(f"a frame of shape {shape} was expected, {stored.shape} came")
    return stored


def _codec_of(transfer_syntax_uid: str) -> Codec:
    for codec in CODECS.get(transfer_syntax_uid, ()):
        if codec.available:
            return codec
    raise UnsupportedTransferSyntax(transfer_syntax_uid, explain_refusal(transfer_syntax_uid))


def _call(codec: Codec, layout: PixelLayout, payload: bytes) -> NDArray[Any]:
    try:
        return codec.decode(layout, payload)
    except DecodeError:
        raise
    except (RuntimeError, ValueError, TypeError, LookupError, ArithmeticError) as error:
        raise DecodeError(f"{codec.library} could not decode the frame: {error}") from error
    except MemoryError as error:
        raise DecodeError(f"{codec.library} had no memory for the frame") from error
    except BaseException as error:
        # A Rust decoder's panic is a BaseException that no module exports.
        if type(error).__name__ != "PanicException":
            raise
        raise DecodeError(f"{codec.library} panicked on the frame") from error


def read_frame(
    path: Path, layout: PixelLayout, transfer_syntax_uid: str, frame: int
) -> NDArray[Any]:
    """Read one frame from a file and decode it.

    Parameters
    ----------
    path
        The file that `layout` was read from, unchanged since.
    frame
        Counted from 0.

    Returns
    -------
    ndarray
        As `decode_frame` gives it.

    Raises
    ------
    UnsupportedTransferSyntax, DecodeError
        As `decode_frame`; also for a frame number outside the layout and for a file that is
        shorter than its layout says.
    OSError
        The file cannot be opened.

    See Also
    --------
    iter_frames : Of a deflated data set everything up to a frame is inflated at every call.
    """
    ((_, stored),) = iter_frames(path, layout, transfer_syntax_uid, (frame,))
    return stored


def iter_frames(
    path: Path, layout: PixelLayout, transfer_syntax_uid: str, frames: Iterable[int]
) -> Iterator[tuple[int, NDArray[Any]]]:
    """Read several frames from a file and decode them, each when it is asked for.

    Parameters
    ----------
    path, layout, transfer_syntax_uid
        As of `read_frame`.
    frames
        Counted from 0.

    Yields
    ------
    (int, ndarray)
        Each frame once, ascending: a deflated data set is inflated once, in pieces, and no more is
        kept of it than the frame.

    Raises
    ------
    UnsupportedTransferSyntax, DecodeError, OSError
        As `read_frame`.
    """
    ascending = sorted(set(frames))
    for frame in ascending:
        if not 0 <= frame < layout.frames:
            raise DecodeError(f"frame {frame} was asked of {layout.frames}")
    if layout.encapsulated:
        _codec_of(transfer_syntax_uid)  # why there is none matters more than where bytes lie
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        read = partial(_read_exactly, descriptor)
        if layout.deflated:
            read = partial(_read_inflated, _inflating(descriptor, layout))
        for frame in ascending:
            if layout.encapsulated:
                payload = _read_fragments(descriptor, layout, frame)
            else:
                swapped = _is_swapped(descriptor, layout)
                payload = _read_native(read, layout, frame, swapped=swapped)
            yield frame, decode_frame(layout, transfer_syntax_uid, payload)
    finally:
        os.close(descriptor)


def _read_fragments(descriptor: int, layout: PixelLayout, frame: int) -> bytes:
    table = layout.frame_table
    if table is None or frame >= len(table):
        raise DecodeError(f"the file's fragments do not say where frame {frame} lies")
    return b"".join(_read_exactly(descriptor, offset, length) for offset, length in table[frame])


def _read_native(
    read: Callable[[int, int], bytes], layout: PixelLayout, frame: int, *, swapped: bool
) -> bytes:
    """Return a frame's bytes, of what reads bytes from some offset on."""
    first_bit = frame * frame_bits(layout)
    begin = first_bit // 8
    end = (first_bit + frame_bits(layout) + 7) // 8
    if swapped:  # whole words only
        begin, end = begin - begin % 2, end + end % 2
    payload = read(layout.offset + begin, end - begin)
    if swapped:
        words = np.frombuffer(payload, np.uint16).byteswap().tobytes()
        payload = words[first_bit // 8 - begin :]
    if first_bit % 8 == 0:
        return payload
    # PS3.5 8.1.1 and D.2: frames of 1-bit pixels follow each other without padding.
    bits = np.unpackbits(np.frombuffer(payload, np.uint8), bitorder="little")
    return np.packbits(bits[first_bit % 8 :], bitorder="little").tobytes()


def _is_swapped(descriptor: int, layout: PixelLayout) -> bool:
    """Return whether bytes of up to 8 bits stand in big-endian words (OW, PS3.5 A.3)."""
    if not layout.big_endian or layout.bits_allocated > 8 or layout.deflated:
        return False
    return _read_exactly(descriptor, layout.offset - 8, 2) == b"OW"


def _read_exactly(descriptor: int, offset: int, length: int) -> bytes:
    pieces = []
    while length > 0:
        piece = os.pread(descriptor, length, offset)
        if not piece:
            raise DecodeError("the file ends within the frame's bytes")
        pieces.append(piece)
        offset += len(piece)
        length -= len(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _inflating(descriptor: int, layout: PixelLayout) -> InflatedWindow:
    begin = read_file_meta(descriptor).data_set_offset
    return InflatedWindow(descriptor, begin, layout.offset + layout.length)


def _read_inflated(window: InflatedWindow, offset: int, length: int) -> bytes:
    """Return bytes of the inflated data set, from where the last call began or beyond."""
    try:
        payload = window.read(offset, length)
    except zlib.error as error:
        raise DecodeError("the data set is not a deflate stream") from error
    if len(payload) < length:
        raise DecodeError("the deflated data set ends within the frame's bytes")
    return payload
