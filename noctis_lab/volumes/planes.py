"""One instance's pixels at rest: where they lie, whether they still do, and how they are read."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from noctis_lab.catalog.records import InstanceRow
from noctis_lab.dicom.codecs import can_decode, native_dtype, read_frame
from noctis_lab.dicom.frames import PixelLayout
from noctis_lab.dicom.header import Header, Limits, read_header
from noctis_lab.dicom.pixel_conflicts import warnings_of
from noctis_lab.dicom.raw_values import HeaderBytes, read_header_bytes
from noctis_lab.dicom.scanner import DEFAULT_LIMITS
from noctis_lab.dicom.stored import to_stored
from noctis_lab.dicom.transfer_syntaxes import explain_refusal
from noctis_lab.errors import FileChanged, InvalidDicom, NoPixels, UnsupportedTransferSyntax
from noctis_lab.storage.files import Storage
from noctis_lab.storage.layout import instance_name

__all__ = [
    "OPEN_FLAGS",
    "InstancePaths",
    "file_lost",
    "instance_file",
    "is_as_catalogued",
    "is_plain",
    "open_plane",
    "read_instance_bytes",
    "read_instance_header",
    "read_plane",
    "read_plane_into",
    "read_words_into",
    "settle_words",
]

#: Not to wait for a pipe that stands in a file's place.
OPEN_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK
_HASH_CHUNK = 1 << 20


def instance_file(storage: Storage, row: InstanceRow) -> Path:
    """Return the file that holds an instance: ours, or the source that was indexed in place."""
    if row.in_place is not None:
        return row.in_place.path
    return storage.instance_path(row.StudyInstanceUID, row.SeriesInstanceUID, row.sha256)


class InstancePaths:
    """Paths of instances' files as text: to make a `Path` of each takes longer than to open it."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._folders: dict[tuple[str, str], str] = {}

    def of(self, row: InstanceRow) -> str:
        """Return the path of `instance_file`."""
        if row.in_place is not None:
            return os.fspath(row.in_place.path)
        key = (row.StudyInstanceUID, row.SeriesInstanceUID)
        folder = self._folders.get(key)
        if folder is None:
            folder = self._folders[key] = os.fspath(self._storage.series_folder(*key))
        return f"{folder}{os.sep}{instance_name(row.sha256)}"


def is_plain(layout: PixelLayout) -> bool:
    """Return whether the file's bytes are the stored values, byte order apart."""
    return (
        not layout.encapsulated
        and not layout.deflated
        and not layout.word_swapped
        and layout.samples_per_pixel == 1
        and layout.bits_allocated in (8, 16, 32, 64)
    )


@contextmanager
def open_plane(path: Path | str, row: InstanceRow) -> Iterator[tuple[int, PixelLayout]]:
    """Open an instance's file and say where its pixels lie.

    Yields
    ------
    (int, PixelLayout)
        A file descriptor, and the catalogue's layout (warnings of what is decoded name the series),
        once size (and time, for a source in place)
        are what was catalogued; where they are not, the file is parsed again.

    Raises
    ------
    FileChanged
        The file is missing, or its data set is another one now.
    NoPixels
        The instance has no pixel data.
    """
    if row.pixels is None:
        raise NoPixels(row.SeriesInstanceUID, f"instance {row.SOPInstanceUID} has no pixel data")
    try:
        descriptor = os.open(path, OPEN_FLAGS)
    except OSError as error:
        raise file_lost(path, row, error) from error
    try:
        found = os.fstat(descriptor)
        layout = row.pixels
        if not is_as_catalogued(row, found):
            layout = read_instance_header(Path(path), row).pixels or layout
        with warnings_of(row.SeriesInstanceUID):
            yield descriptor, layout
    finally:
        os.close(descriptor)


def read_instance_header(
    path: Path, row: InstanceRow, *, limits: Limits = DEFAULT_LIMITS
) -> Header:
    """Read an instance's header from its file, whose data set is the catalogued one.

    Raises
    ------
    FileChanged
        The file is missing, or its data set is another one now: where size or time are others
        than catalogued (a copy, a `touch`, or other content) the hash tells.
    InvalidDicom
        As `header.read_header`, of a file as it was catalogued: a bound of `limits`, say.
    """
    return _read_checked(path, row, lambda: read_header(path, limits=limits), lambda header: header)


def read_instance_bytes(
    path: Path, row: InstanceRow, *, limits: Limits, bytes_only: frozenset[int]
) -> HeaderBytes:
    """Read an instance's header as `read_instance_header`, and values as bytes.

    Raises
    ------
    FileChanged, InvalidDicom
        As `read_instance_header`.
    """
    return _read_checked(
        path,
        row,
        lambda: read_header_bytes(path, limits=limits, bytes_only=bytes_only),
        lambda found: found.header,
    )


def _read_checked[T](
    path: Path, row: InstanceRow, read: Callable[[], T], header_of: Callable[[T], Header]
) -> T:
    try:
        is_same = is_as_catalogued(row, os.stat(path))
        found = read()
        if is_same or _data_set_sha256(path, header_of(found).data_set_offset) == row.sha256:
            return found
    except OSError as error:
        raise file_lost(path, row, error) from error
    except InvalidDicom as error:
        if is_same:
            raise
        raise _file_changed(path, row) from error
    raise _file_changed(path, row)


def file_lost(path: Path | str, row: InstanceRow, error: OSError) -> FileChanged:
    """Return what is raised where an instance's file cannot be opened."""
    return FileChanged(
        f"the file of instance {row.SOPInstanceUID} cannot be opened ({error.strerror}); "
        "'noctis fsck' says what else is missing",
        SOPInstanceUID=row.SOPInstanceUID,
        path=str(path),
    )


def _file_changed(path: Path, row: InstanceRow) -> FileChanged:
    return FileChanged(
        f"the file of instance {row.SOPInstanceUID} is not what was catalogued; index it again, or "
        "restore it",
        SOPInstanceUID=row.SOPInstanceUID,
        path=str(path),
    )


def _data_set_sha256(path: Path, offset: int) -> bytes:
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as stream:
        stream.seek(offset)
        while piece := stream.read(_HASH_CHUNK):
            digest.update(piece)
    return digest.digest()


def is_as_catalogued(row: InstanceRow, found: os.stat_result) -> bool:
    """Return whether a file has the size (and the time, in place) that its instance had."""
    if row.in_place is not None:
        return (
            found.st_size == row.in_place.size_bytes and found.st_mtime_ns == row.in_place.mtime_ns
        )
    return found.st_size == row.data_set_offset + row.data_set_length


def read_plane_into(
    descriptor: int, layout: PixelLayout, out: NDArray[Any], *, frame: int = 0, first_row: int = 0
) -> None:
    """Read stored values of one plain frame, all rows or some, straight into an array.

    Parameters
    ----------
    descriptor
        Of the file; not moved.
    layout
        For which `is_plain` holds.
    out
        ndarray of `native_dtype`, shape (any rows, columns), C-contiguous.
    frame, first_row
        Counted from 0.

    Raises
    ------
    FileChanged
        The file ends before the frame does.
    """
    read_words_into(descriptor, layout, out, frame=frame, first_row=first_row)
    settle_words(layout, out)


def read_words_into(
    descriptor: int, layout: PixelLayout, out: NDArray[Any], *, frame: int, first_row: int
) -> None:
    """Read as `read_plane_into`, but leave the words as they are in the file."""
    target = memoryview(out).cast("B")
    rows_before = frame * layout.rows + first_row
    offset = layout.offset + rows_before * layout.columns * out.itemsize
    done = 0
    while done < len(target):
        count = os.preadv(descriptor, [target[done:]], offset + done)
        if count == 0:
            raise FileChanged("a file ended within its pixels; 'noctis fsck' says which")
        done += count


def settle_words(layout: PixelLayout, out: NDArray[Any]) -> None:
    """Make stored values of words from a file, in place: of any number of planes of one kind."""
    if layout.big_endian:
        out.byteswap(inplace=True)
    if _is_dirty(layout, out):
        out[...] = to_stored(layout, out)


def _is_dirty(layout: PixelLayout, stored: NDArray[Any]) -> bool:
    """Return whether bits outside BitsStored are set, or a sign was not carried into them."""
    # PS3.5 8.1.1: what stands above HighBit is not pixel data (overlays, in old files).
    if stored.dtype.kind == "f" or layout.bits_stored == 8 * stored.itemsize:
        return False
    if layout.high_bit != layout.bits_stored - 1:
        return True
    if stored.dtype.kind == "u":
        return bool(stored.max() >> layout.bits_stored)
    limit = 1 << (layout.bits_stored - 1)
    return bool(stored.min() < -limit or stored.max() >= limit)


def read_plane(path: Path, row: InstanceRow, frame: int = 0) -> NDArray[Any]:
    """Read and decode one frame.

    Parameters
    ----------
    path
        The instance's file.
    frame
        Counted from 0.

    Returns
    -------
    ndarray of `native_dtype`, shape (rows, columns) or (rows, columns, samples)
        As `dicom.codecs.decode_frame` gives them; colours as they are stored.

    Raises
    ------
    FileChanged, NoPixels
        As `open_plane`.
    UnsupportedTransferSyntax, DecodeError
        As `dicom.codecs.read_frame`.
    """
    with open_plane(path, row) as (descriptor, layout):
        if not can_decode(row.transfer_syntax_uid):
            uid = row.transfer_syntax_uid
            raise UnsupportedTransferSyntax(uid, explain_refusal(uid))
        if not is_plain(layout) or not 0 <= frame < layout.frames:
            return read_frame(path, layout, row.transfer_syntax_uid, frame)
        stored = np.empty((layout.rows, layout.columns), native_dtype(layout))
        read_plane_into(descriptor, layout, stored, frame=frame)
        return stored
