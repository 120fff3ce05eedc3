"""A forward-moving window over a file's bytes, plain or deflated, that reads no more than asked."""

from __future__ import annotations

import os
import zlib
from typing import Protocol

from noctis_lab.errors import DicomTooLarge, InvalidDicom, TruncatedDicom

__all__ = ["ByteWindow", "FileWindow", "InflatedWindow", "inflated_length"]

_FIRST_PIECE = 16 * 1024
_LARGEST_PIECE = 1024 * 1024
_INFLATE_PIECE = 256 * 1024
#: Below this many inflated bytes no ratio is suspicious.
_SMALL_INFLATED = 32 * 1024 * 1024
#: Scans inflate 2 to 20 times; DEFLATE's own maximum is 1032 times.
_LARGEST_RATIO = 200


class ByteWindow(Protocol):
    """Bytes ``[base, base + len(buffer))`` of a source that is ``end`` bytes long.

    Positions are the source's own: bytes from the file's start, or from the start of the inflated
    data set.
    """

    buffer: bytes
    base: int
    end: int

    def fill(self, position: int, count: int) -> None:
        """Move the window so that it begins at `position` and holds `count` bytes, or all."""
        ...

    def read(self, position: int, count: int) -> bytes:
        """Return `count` bytes from `position` on, fewer at the end; the window may move."""
        ...


class FileWindow:
    """A window over an open file, read by ``pread`` in growing pieces.

    Parameters
    ----------
    fd
        File descriptor open for reading; its own position is neither used nor moved.
    end
        Bytes in the file; nothing after them is read.
    """

    def __init__(self, fd: int, end: int) -> None:
        self._fd = fd
        self._piece = _FIRST_PIECE
        self.buffer = b""
        self.base = 0
        self.end = end

    def fill(self, position: int, count: int) -> None:
        """Move the window to `position`; see `ByteWindow`."""
        wanted = min(max(count, self._piece), max(self.end - position, 0))
        self.buffer = os.pread(self._fd, wanted, position)
        self.base = position
        self._piece = min(self._piece * 2, _LARGEST_PIECE)

    def read(self, position: int, count: int) -> bytes:
        """Read without moving the window; see `ByteWindow`."""
        start = position - self.base
        if start >= 0 and start + count <= len(self.buffer):
            return self.buffer[start : start + count]
        return os.pread(self._fd, max(min(count, self.end - position), 0), position)


class InflatedWindow:
    """A window over a deflated data set; it goes forward only and keeps what it shows.

    Parameters
    ----------
    fd
        File descriptor open for reading.
    offset
        Bytes from the file's start to the first deflated byte.
    end
        Bytes of the inflated data set, from `inflated_length`.
    """

    def __init__(self, fd: int, offset: int, end: int) -> None:
        self._fd = fd
        self._at = offset
        self._inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        self._pending = b""
        self.buffer = b""
        self.base = 0
        self.end = end

    def fill(self, position: int, count: int) -> None:
        """Move the window forward to `position`; see `ByteWindow`."""
        if position < self.base:
            raise InvalidDicom("a deflated data set is read in one direction only")
        pieces, held = [], 0
        piece, at = self.buffer, self.base
        while True:
            kept = piece[max(position - at, 0) :]
            at += len(piece)
            pieces.append(kept)
            held += len(kept)
            if at >= position and held >= count:
                break
            piece = self._inflate()
            if not piece:
                break
        self.buffer = b"".join(pieces)
        self.base = at - held

    def read(self, position: int, count: int) -> bytes:
        """Move the window to `position` and return its first `count` bytes; see `ByteWindow`."""
        if position + count > self.base + len(self.buffer) or position < self.base:
            self.fill(position, count)
        start = position - self.base
        return self.buffer[start : start + count]

    def _inflate(self) -> bytes:
        while not self._inflater.eof:
            # All input may be taken and output still be held back: ask for that first.
            piece = self._inflater.decompress(self._pending, _INFLATE_PIECE)
            self._pending = self._inflater.unconsumed_tail
            if piece:
                return piece
            if not self._pending:
                self._pending = os.pread(self._fd, _INFLATE_PIECE, self._at)
                self._at += len(self._pending)
                if not self._pending:
                    return b""
        return b""


def inflated_length(fd: int, *, offset: int, file_size: int, limit_bytes: int) -> int:
    """Return how many bytes a deflated data set inflates to, within a bound.

    Parameters
    ----------
    fd
        File descriptor open for reading.
    offset, file_size
        The deflated bytes are ``[offset, file_size)`` of the file.
    limit_bytes
        The most that may come out; and no more than 200 times the deflated bytes once 32 MiB are
        exceeded, since nothing but a bomb shrinks so far.

    Raises
    ------
    TruncatedDicom
        The deflated stream does not come to its end.
    DicomTooLarge
        A bound is exceeded.
    InvalidDicom
        The bytes are not a deflated stream.

    References
    ----------
    :dcm:`PS3.5 A.5 <part05/sect_A.5.html>`
    """
    allowed = min(limit_bytes, max(_SMALL_INFLATED, _LARGEST_RATIO * (file_size - offset)))
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    total, at = 0, offset
    try:
        while not inflater.eof:
            pending = (
                os.pread(fd, min(_INFLATE_PIECE, file_size - at), at) if at < file_size else b""
            )
            if not pending:
                raise TruncatedDicom("the deflated data set ends before its end", offset=at)
            at += len(pending)
            is_drained = False
            while not (is_drained or inflater.eof):
                piece = inflater.decompress(pending, _INFLATE_PIECE)
                pending = inflater.unconsumed_tail
                # Of a full piece there may be more, also where all input is taken.
                is_drained = not pending and len(piece) < _INFLATE_PIECE
                total += len(piece)
                if total > allowed:
                    raise DicomTooLarge(
                        f"the deflated data set inflates to more than {allowed} bytes"
                    )
    except zlib.error as error:
        raise InvalidDicom(f"the data set is not a deflated stream: {error}", offset=at) from None
    return total
