"""What a look through folders, media and archives finds: candidates, and what is passed over."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO

__all__ = ["Candidate", "MediaLimits", "Passed", "PassedKind"]


class PassedKind(StrEnum):
    """Why something gave no instance."""

    NOT_DICOM = "not DICOM"
    MEDIA_DIRECTORY = "media directory"  # a DICOMDIR: an index of files, no instance
    LINK = "link"  # never followed
    SPECIAL = "special"  # a pipe, a socket, a device; the archive's own folder
    DAMAGED = "damaged"  # DICOM that cannot be filed
    UNREADABLE = "unreadable"
    ARCHIVE = "archive"  # that was not opened, or not to its end
    MISSING = "missing"  # a DICOMDIR names a file that is not there
    NOT_IN_PLACE = "not in place"  # lies in an archive, which no file can be registered in

    @property
    def needs_a_look(self) -> bool:
        """Whether an instance may have been lost here; what is merely something else is usual."""
        return self not in _USUAL


_USUAL = frozenset(
    {
        PassedKind.NOT_DICOM,
        PassedKind.MEDIA_DIRECTORY,
        PassedKind.LINK,
        PassedKind.SPECIAL,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """Something that is no candidate. `name` is its path, an entry's after its archive's."""

    name: str
    kind: PassedKind
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A file that begins as a DICOM file does, or as a bare data set; close it after use.

    Attributes
    ----------
    name : str
        Its path; an entry's stands after its archive's: ``/media/all.zip/one/IM1``.
    path : Path
        The file on disk: of an entry, the outermost archive's.
    is_marked : bool
        ``DICM`` stands at byte 128: if it is damaged, then it is damaged DICOM.
    """

    name: str
    path: Path
    is_marked: bool
    spooled: BinaryIO | None = None  # an entry's bytes, in a file without a name

    @property
    def is_entry(self) -> bool:
        """Whether it lies in an archive."""
        return self.spooled is not None

    @contextmanager
    def opened(self) -> Iterator[int]:
        """Hold its bytes open as a file descriptor, for `os.pread`.

        Raises
        ------
        OSError
            The file cannot be opened (any more).
        """
        if self.spooled is not None:
            yield self.spooled.fileno()
            return
        # Not to wait for a pipe that came in its place since it was looked at.
        fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            yield fd
        finally:
            os.close(fd)

    def close(self) -> None:
        """Let an entry's bytes go; twice does no harm."""
        if self.spooled is not None:
            self.spooled.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaLimits:
    """The bounds within which archives are unpacked; what passes one is refused by name.

    A deflated stream cannot grow more than 1,032 times, and empty planes come near that: so the
    ratio counts only beyond `free_ratio_bytes`.
    """

    max_depth: int = 3  # archives within archives
    max_entries: int = 500_000  # of one archive
    max_directory_bytes: int = 48 * 1024**2  # an archive's own list of its entries
    max_entry_bytes: int = 8 * 1024**3
    max_total_bytes: int = 256 * 1024**3  # unpacked from one file on disk, archives within included
    max_ratio: int = 200
    free_ratio_bytes: int = 256 * 1024**2
