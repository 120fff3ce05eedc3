"""DICOM out: files as they are stored, or rewritten without the patient."""

from __future__ import annotations

import hashlib
import os
import stat
import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import pydicom
from pydicom.uid import UID

from noctis_lab.catalog.records import InstanceRow
from noctis_lab.dicom.date_policy import DatePolicy
from noctis_lab.dicom.pseudonym import pseudonymise, silenced_pydicom
from noctis_lab.dicom.pseudonym_keys import Pseudonyms
from noctis_lab.errors import CannotPseudonymise, FileChanged
from noctis_lab.storage.files import Storage
from noctis_lab.volumes.export.appearing import new_folder
from noctis_lab.volumes.planes import instance_file
from noctis_lab.volumes.tasks import Progress

__all__ = ["copy_instances", "write_pseudonymised"]

_PIECE = 1 << 20
# What pydicom raises where a data set is not as the standard has it, disks apart.
_UNWRITABLE = (
    ValueError, TypeError, LookupError, AttributeError, ArithmeticError, EOFError,
    NotImplementedError, RecursionError, struct.error,
)  # fmt: skip


def copy_instances(
    storage: Storage, rows: Sequence[InstanceRow], folder: Path, progress: Progress
) -> None:
    """Copy the files of instances into a folder, byte for byte, called by their number.

    Parameters
    ----------
    storage
        The archive's.
    rows
        In the order of the files' numbers: ``000001.dcm`` and on.
    folder
        Made, in an existing folder; what is there is replaced.
    progress
        Called as ``progress(instances done, instances in all)``; what it raises ends the copy.

    Raises
    ------
    FileChanged
        A file is missing, or its data set is not the catalogued one.
    NoSpace, StorageError
        They cannot be written.
    """
    with new_folder(folder) as temporary:
        for number, row in enumerate(rows, 1):
            _copy(instance_file(storage, row), row, temporary / f"{number:06}.dcm")
            progress(number, len(rows))


def write_pseudonymised(
    storage: Storage,
    rows: Sequence[InstanceRow],
    folder: Path,
    progress: Progress,
    *,
    pseudonyms: Pseudonyms,
    dates: DatePolicy,
    allow_burned_in: bool,
) -> None:
    """Write instances without their patient; otherwise as `copy_instances`.

    Raises
    ------
    CannotPseudonymise
        One of them is a report, a document, shows a name perhaps, or cannot be written anew.
    FileChanged
        A file is missing, or its data set is not the catalogued one.
    NoSpace, StorageError
        They cannot be written.
    """
    with new_folder(folder) as temporary:
        for number, row in enumerate(rows, 1):
            _require_writable(row)
            with _verified(instance_file(storage, row), row) as source, silenced_pydicom():
                try:
                    # A file indexed in place may have no file meta.
                    read = pydicom.dcmread(source, force=True)
                    read.file_meta.TransferSyntaxUID = UID(row.transfer_syntax_uid)
                    cleaned = pseudonymise(
                        read, pseudonyms, dates=dates, allow_burned_in=allow_burned_in
                    )
                    path = temporary / f"{number:06}.dcm"
                    pydicom.dcmwrite(path, cleaned, enforce_file_format=True)
                except CannotPseudonymise:
                    raise
                except _UNWRITABLE as error:
                    raise CannotPseudonymise(
                        row.SOPInstanceUID,
                        f"it cannot be written anew ({type(error).__name__}); leave it out",
                    ) from None  # pydicom's words quote values
            progress(number, len(rows))


def _require_writable(row: InstanceRow) -> None:
    if not UID(row.transfer_syntax_uid).is_transfer_syntax:
        raise CannotPseudonymise(
            row.SOPInstanceUID,
            f"transfer syntax {row.transfer_syntax_uid} cannot be written anew; export its series "
            "as NIfTI, Zarr or NetCDF, or leave it out",
        )


def _copy(source: Path, row: InstanceRow, target: Path) -> None:
    with _opened(source, row) as opened, target.open("xb") as out:
        _require_unchanged(_digest(opened, row, out.write), source, row)


@contextmanager
def _verified(source: Path, row: InstanceRow) -> Iterator[BinaryIO]:
    """Hold a file that was found to be what is catalogued, at its begin.

    What is to be cleaned never lies in the folder, not even under a temporary name: an export that
    is killed would leave it there.
    """
    with _opened(source, row) as opened:
        _require_unchanged(_digest(opened, row, lambda _piece: None), source, row)
        opened.seek(0)
        yield opened


def _opened(source: Path, row: InstanceRow) -> BinaryIO:
    try:
        # Where a pipe took its place, opening must not wait for a writer.
        opened = os.fdopen(os.open(source, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK), "rb")
    except OSError as error:
        raise FileChanged(
            f"the file of instance {row.SOPInstanceUID} cannot be opened ({error.strerror}); "
            "'noctis fsck' says what else is missing",
            SOPInstanceUID=row.SOPInstanceUID,
            path=str(source),
        ) from error
    if not stat.S_ISREG(os.fstat(opened.fileno()).st_mode):  # a device may have no end
        opened.close()
        _require_unchanged(b"", source, row)
    return opened


def _digest(opened: BinaryIO, row: InstanceRow, write: Callable[[bytes], object]) -> bytes:
    """Return the hash of a file's data set; each piece of the file is written on its way."""
    digest, passed = hashlib.sha256(), 0
    while piece := opened.read(_PIECE):
        digest.update(piece[max(0, row.data_set_offset - passed) :])
        passed += len(piece)
        write(piece)
    return digest.digest()


def _require_unchanged(digest: bytes, source: Path, row: InstanceRow) -> None:
    if digest != row.sha256:
        raise FileChanged(
            f"the file of instance {row.SOPInstanceUID} is not what was catalogued; 'noctis fsck' "
            "says which others are not",
            SOPInstanceUID=row.SOPInstanceUID,
            path=str(source),
        )
