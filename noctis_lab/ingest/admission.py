"""From a header to the catalogue's entry, and the check of a command against its data set."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from noctis_lab.catalog.records import InPlace, InstanceEntry, Receipt, ReceiptSource
from noctis_lab.dicom.contrast_digest import contrast_digest
from noctis_lab.dicom.file_meta import FileMeta, read_file_meta
from noctis_lab.dicom.header import Header, Limits, parse_header
from noctis_lab.errors import DicomTooLarge, FileChanged, InvalidDicom

__all__ = [
    "build_entry",
    "find_mismatch",
    "hash_data_set",
    "hash_file",
    "is_unchanged",
    "iter_file",
    "read_entry_in_place",
    "read_open_header",
    "receipt_of",
    "require_identity",
    "require_size",
]

_PIECE_BYTES: Final = 1024 * 1024


def require_identity(header: Header) -> None:
    """Check that the UIDs which the parser found can be filed under.

    They need not be valid UIDs: their hashes become paths. But they must be one value each, and
    stand in a database as they are.

    Raises
    ------
    InvalidDicom
        One of them holds several values, or a control character.
    """
    for keyword in ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"):
        uid = getattr(header, keyword)
        if "\\" in uid or not uid.isprintable():
            raise InvalidDicom(f"{keyword} holds a backslash or a control character")


def require_size(size_bytes: int, limit_bytes: int) -> None:
    """Check that so many bytes may be read to their end.

    Raises
    ------
    DicomTooLarge
        They are more than `limit_bytes`.
    """
    if size_bytes > limit_bytes:
        raise DicomTooLarge(
            f"{size_bytes} bytes, over {limit_bytes}: an administrator may raise max_instance_bytes"
        )


def find_mismatch(header: Header, *, sop_class_uid: str, sop_instance_uid: str) -> str | None:
    """Return what the command says otherwise than the data set, or None where they agree.

    Parameters
    ----------
    sop_class_uid, sop_instance_uid
        Affected SOP Class UID and Affected SOP Instance UID of the C-STORE-RQ.
    """
    if header.SOPInstanceUID != sop_instance_uid:
        return "SOPInstanceUID is not the command's Affected SOP Instance UID"
    if header.SOPClassUID != sop_class_uid:
        return "SOPClassUID is not the command's Affected SOP Class UID"
    return None


def build_entry(
    header: Header, *, sha256: bytes, receipt: Receipt, in_place: InPlace | None = None
) -> InstanceEntry:
    """Return all that one admission writes into the catalogue.

    Parameters
    ----------
    header
        Of the file as it will stand: its offsets are the catalogue's.
    sha256
        32 bytes: the hash of the data set's bytes, file meta excluded.
    in_place
        Where the file is not ours.
    """
    return InstanceEntry(
        SOPInstanceUID=header.SOPInstanceUID,
        SOPClassUID=header.SOPClassUID,
        SeriesInstanceUID=header.SeriesInstanceUID,
        StudyInstanceUID=header.StudyInstanceUID,
        transfer_syntax_uid=header.transfer_syntax_uid,
        sha256=sha256,
        data_set_offset=header.data_set_offset,
        data_set_length=header.data_set_length,
        pixels=header.pixels,
        plane=header.plane(),
        rescale=header.rescale(),
        elements=header.elements,
        in_place=in_place,
        receipt=receipt,
        has_unread_modality_lut=header.has_unread_modality_lut(),
        is_mosaic=header.is_mosaic(),
        FrameOfReferenceUID=header.text("FrameOfReferenceUID"),
        contrast_digest=contrast_digest(header),
    )


def read_open_header(fd: int, *, limits: Limits) -> Header:
    """Read the header of an open DICOM file that can be filed.

    Raises
    ------
    InvalidDicom
        It is none, or damaged, or `require_identity` refuses it.
    """
    meta = read_file_meta(fd)
    header = parse_header(
        fd,
        file_size=os.fstat(fd).st_size,
        data_set_offset=meta.data_set_offset,
        transfer_syntax_uid=meta.transfer_syntax_uid,
        limits=limits,
    )
    require_identity(header)
    return header


def receipt_of(meta: FileMeta) -> Receipt:
    """Return the receipt that the file meta of one of our files holds.

    Raises
    ------
    InvalidDicom
        It holds none.
    """
    if meta.facility is None or meta.source is None or meta.received_at is None:
        raise InvalidDicom("the file meta holds no receipt of this archive's")
    try:
        source = ReceiptSource(meta.source)
    except ValueError:
        raise InvalidDicom("the file meta names an unknown source") from None
    return Receipt(
        source=source,
        facility=meta.facility,
        calling_aet=meta.calling_aet,
        called_aet=meta.called_aet,
        received_at=meta.received_at,
    )


def read_entry_in_place(path: Path, receipt: Receipt, *, limits: Limits) -> InstanceEntry:
    """Return the entry of a file that stays where it is.

    Parameters
    ----------
    path
        Absolute.

    Raises
    ------
    InvalidDicom
        It is no DICOM file that can be filed.
    FileChanged
        It changed while it was read.
    OSError
        It cannot be read.
    """
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        before = os.fstat(fd)
        header = read_open_header(fd, limits=limits)
        sha256 = hash_data_set(fd, header.data_set_offset)
        after = os.fstat(fd)
    finally:
        os.close(fd)
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise FileChanged(f"{path} changed while it was read: index it again", path=str(path))
    in_place = InPlace(path=path, size_bytes=before.st_size, mtime_ns=before.st_mtime_ns)
    return build_entry(header, sha256=sha256, receipt=receipt, in_place=in_place)


def is_unchanged(in_place: InPlace) -> bool:
    """Return whether a registered source has the size and time that it was registered with."""
    try:
        stat = in_place.path.stat()
    except OSError:
        return False
    return (stat.st_size, stat.st_mtime_ns) == (in_place.size_bytes, in_place.mtime_ns)


def iter_file(fd: int, offset: int) -> Iterator[bytes]:
    """Yield an open file's bytes from `offset` to its end, in pieces of at most 1 MiB."""
    while piece := os.pread(fd, _PIECE_BYTES, offset):
        yield piece
        offset += len(piece)


def hash_data_set(fd: int, data_set_offset: int) -> bytes:
    """Return the SHA-256 of the bytes from `data_set_offset` to the file's end, 32 bytes."""
    digest = hashlib.sha256()
    for piece in iter_file(fd, data_set_offset):
        digest.update(piece)
    return digest.digest()


def hash_file(path: Path) -> bytes | None:
    """Return the SHA-256 of the data set of one of our files; None where it cannot be read."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return hash_data_set(fd, read_file_meta(fd).data_set_offset)
    except (InvalidDicom, OSError):
        return None
    finally:
        os.close(fd)
