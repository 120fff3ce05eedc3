"""Zip archives, streamed within bounds; no name in one is ever used as a path on disk."""

from __future__ import annotations

import os
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import IO, BinaryIO, Final

from noctis_lab.errors import ArchiveRefused
from noctis_lab.ingest.findings import MediaLimits
from noctis_lab.storage.durable import storage_errors

__all__ = ["Budget", "Entry", "iter_entries", "open_entry", "open_zip", "read_head", "spool"]

_PIECE: Final = 256 * 1024
_ENCRYPTED: Final = 0x1
_HEADER_BYTES: Final = 30  # of a local header, without its name
_METHODS: Final = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_BROKEN = (
    *(zipfile.BadZipFile, zlib.error, struct.error, EOFError),
    *(NotImplementedError, ValueError, OverflowError),
)


@dataclass(slots=True)
class Budget:
    """What may still be unpacked from one file on disk, archives within it included; bytes."""

    left_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One file of an archive."""

    archive: zipfile.ZipFile
    info: zipfile.ZipInfo
    room_bytes: int  # from its local header to the next one's, or to the archive's list

    @property
    def name(self) -> str:
        """Its name, as the archive says it; for people only."""
        return self.info.filename


class _Bounded:
    """A file that refuses to give very much at once: `zipfile` reads an archive's list whole."""

    def __init__(self, file: BinaryIO, limit_bytes: int) -> None:
        self._file = file
        self._limit_bytes = limit_bytes
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, size: int = -1) -> bytes:
        if size < 0:
            at = self.tell()
            size = self.seek(0, os.SEEK_END) - at
            self.seek(at)
        if size > self._limit_bytes:
            raise ArchiveRefused(f"its list of entries takes over {self._limit_bytes} bytes")
        return self._file.read(size)


@contextmanager
def open_zip(file: BinaryIO, limits: MediaLimits) -> Iterator[zipfile.ZipFile]:
    """Open an archive.

    Raises
    ------
    ArchiveRefused
        It is broken, or lists more than `limits` allow.
    OSError
        It cannot be read.
    """
    bounded: IO[bytes] = _Bounded(file, limits.max_directory_bytes)  # type: ignore[assignment]
    with _told():
        archive = zipfile.ZipFile(bounded)
    with archive:
        count = len(archive.filelist)
        if count > limits.max_entries:
            raise ArchiveRefused(f"it lists {count} entries, over {limits.max_entries}")
        yield archive


def iter_entries(archive: zipfile.ZipFile) -> Iterator[Entry]:
    """Yield an archive's files in the order of their names, then of the archive; no folders."""
    rooms = _rooms(archive)
    infos = [info for info in archive.filelist if not info.is_dir()]
    infos.sort(key=lambda info: info.filename)  # stable: of one name the earlier first
    for info in infos:
        yield Entry(archive=archive, info=info, room_bytes=rooms[info.header_offset])


def _rooms(archive: zipfile.ZipFile) -> dict[int, int]:
    """Return by each local header's offset how far the next one is; 0 where two share one."""
    offsets = sorted([*(info.header_offset for info in archive.filelist), archive.start_dir])
    rooms = {least: most - least for least, most in pairwise(offsets)}
    rooms |= {least: 0 for least, most in pairwise(offsets) if least == most}
    return {offsets[-1]: 0} | rooms


@contextmanager
def open_entry(entry: Entry, limits: MediaLimits) -> Iterator[IO[bytes]]:
    """Open an entry for reading; its bytes are unpacked as they are asked for.

    Raises
    ------
    ArchiveRefused
        It is encrypted, packed in a way that is not read here, broken, lies within another, or
        says that it is larger than `limits` allow.
    """
    info = entry.info
    if info.flag_bits & _ENCRYPTED:
        raise ArchiveRefused("it is encrypted: unpack it with its password, then index the folder")
    if info.compress_type not in _METHODS:
        raise ArchiveRefused(
            f"its compression method {info.compress_type} is not read here: unpack it"
        )
    if _HEADER_BYTES + info.compress_size > entry.room_bytes:
        # Not left to `zipfile`: before Python 3.12.2 it unpacks the same bytes again and again.
        raise ArchiveRefused("a zip bomb: its bytes are those of other entries, too")
    if info.file_size > limits.max_entry_bytes:
        raise ArchiveRefused(f"it says {info.file_size} bytes, over {limits.max_entry_bytes}")
    with _told():
        stream = entry.archive.open(info)
    with stream:
        yield stream


def read_head(stream: IO[bytes], size: int) -> bytes:
    """Return the first bytes of an open entry, fewer where there are no more.

    Raises
    ------
    ArchiveRefused
        It is broken.
    """
    with _told():
        return stream.read(size)


def spool(
    entry: Entry,
    stream: IO[bytes],
    head: bytes,
    *,
    scratch: Path,
    limits: MediaLimits,
    budget: Budget,
) -> BinaryIO:
    """Unpack an entry into a file without a name, which goes when it is closed.

    Parameters
    ----------
    stream, head
        The open entry, and what was read of it.
    scratch
        A folder on the disk that takes the bytes.

    Raises
    ------
    ArchiveRefused
        It is broken (its checksum, too), or grows over a bound.
    NoSpace, StorageError
        The bytes could not be written.
    """
    packed = max(entry.info.compress_size, 1)
    with storage_errors("unpacking an archive"):
        spooled: BinaryIO = tempfile.TemporaryFile(dir=scratch)  # noqa: SIM115
    try:
        size, piece = 0, head
        while piece:
            size += len(piece)
            budget.left_bytes -= len(piece)
            _require_bounds(size, packed, limits, budget)
            with storage_errors("unpacking an archive"):
                spooled.write(piece)
            with _told():
                piece = stream.read(_PIECE)
        with storage_errors("unpacking an archive"):
            spooled.flush()
            spooled.seek(0)
    except BaseException:
        with suppress(OSError):  # it flushes what the disk has just refused
            spooled.close()
        raise
    return spooled


def _require_bounds(size: int, packed: int, limits: MediaLimits, budget: Budget) -> None:
    if size > limits.max_entry_bytes:
        raise ArchiveRefused(f"it unpacks to more than {limits.max_entry_bytes} bytes")
    if size > limits.free_ratio_bytes and size > limits.max_ratio * packed:
        raise ArchiveRefused(
            f"a zip bomb: it unpacks to more than {limits.max_ratio} times its size"
        )
    if budget.left_bytes < 0:
        raise ArchiveRefused(
            f"a zip bomb: in all it unpacks to more than {limits.max_total_bytes} bytes"
        )


@contextmanager
def _told() -> Iterator[None]:
    """Say what `zipfile` found as a refusal; never in its words, which quote names."""
    try:
        yield
    except ArchiveRefused:
        raise
    except _BROKEN as error:
        raise ArchiveRefused(f"a broken zip archive ({type(error).__name__})") from error
