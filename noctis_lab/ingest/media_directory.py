"""A DICOMDIR: which files it names, and which of them are not on the medium."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from typing import Final

from noctis_lab.dicom.file_meta import MEDIA_DIRECTORY, read_file_meta
from noctis_lab.dicom.header import Limits, scan_file
from noctis_lab.errors import InvalidDicom

__all__ = ["is_media_directory", "iter_missing"]

_REFERENCED_FILE_ID: Final = 0x00041500
_MOST_PARTS: Final = 8  # PS3.10 8.2: components of a File ID
_LIMITS: Final = Limits(max_depth=8)


def is_media_directory(fd: int) -> bool:
    """Return whether an open file's meta group says that it is a DICOMDIR."""
    try:
        return read_file_meta(fd).sop_class_uid == MEDIA_DIRECTORY
    except InvalidDicom:
        return False


def iter_missing(fd: int, is_there: Callable[[Sequence[str]], bool]) -> Iterator[str]:
    """Yield each file that a DICOMDIR names and that is not there, once, in its own order.

    Parameters
    ----------
    fd
        Of the DICOMDIR.
    is_there
        Tells whether the components of a File ID lead to a file of the medium.

    Raises
    ------
    InvalidDicom
        It cannot be parsed.

    Notes
    -----
    Its records are not needed to find files: whatever lies on a medium is found. They tell what
    should lie there.

    References
    ----------
    :dcm:`PS3.10 8.6 <part10/sect_8.6.html>`, :dcm:`PS3.3 F.3.2.2 <part03/sect_F.3.2.2.html>`
    """
    meta = read_file_meta(fd)
    scan, _ = scan_file(
        fd,
        file_size=os.fstat(fd).st_size,
        data_set_offset=meta.data_set_offset,
        transfer_syntax_uid=meta.transfer_syntax_uid,
        limits=_LIMITS,
    )
    seen: set[bytes] = set()
    for _, tag, _, _, _, raw, _, _ in scan.elements:
        if tag != _REFERENCED_FILE_ID or not raw or raw in seen:
            continue
        seen.add(raw)
        parts = [part.strip(" \0") for part in raw.decode("ascii", "replace").split("\\")]
        is_plain = len(parts) <= _MOST_PARTS and all(map(_is_name, parts))
        if not is_plain or not _is_anywhere(parts, is_there):
            yield "/".join(parts)


def _is_name(part: str) -> bool:
    return 0 < len(part) <= 255 and part.isprintable() and "/" not in part and part.strip(".") != ""


def _is_anywhere(parts: Sequence[str], is_there: Callable[[Sequence[str]], bool]) -> bool:
    # ISO 9660 as mounted: names in lower case, a dot or a version after the last one.
    lower = [part.lower() for part in parts]
    return any(
        is_there([*case[:-1], case[-1] + end])
        for case, end in product((parts, lower), ("", ".", ";1"))
    )
