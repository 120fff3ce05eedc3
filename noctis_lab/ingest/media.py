"""Look through folders, media and zip archives for what may be DICOM; content alone decides."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Final

from noctis_lab.errors import ArchiveRefused, InvalidDicom, StorageError
from noctis_lab.ingest.findings import Candidate, MediaLimits, Passed, PassedKind
from noctis_lab.ingest.media_directory import is_media_directory, iter_missing
from noctis_lab.ingest.zipped import (
    Budget,
    Entry,
    iter_entries,
    open_entry,
    open_zip,
    read_head,
    spool,
)

__all__ = ["Candidate", "MediaLimits", "Passed", "PassedKind", "iter_media", "iter_paths"]

_HEAD: Final = 512
_MOST_MISSING: Final = 1_000  # files of one DICOMDIR that are listed by name
_ZIP: Final = (b"PK\3\4", b"PK\5\6")
_OTHER_ARCHIVES: Final = {
    b"\x1f\x8b": "gzip",
    b"7z\xbc\xaf\x27\x1c": "7-Zip",
    b"Rar!\x1a\x07": "RAR",
    b"BZh": "bzip2",
    b"\xfd7zXZ\0": "xz",
    b"\x28\xb5\x2f\xfd": "Zstandard",
}

_LIMITS: Final = MediaLimits()

type Finding = Candidate | Passed


def iter_paths(paths: Iterable[Path], *, leave_out: Path | None = None) -> Iterator[Path | Passed]:
    """Yield every regular file among and below `paths`, as sorted paths come; nothing is opened.

    Parameters
    ----------
    paths
        Files and folders; a link that is named here is followed, none below is.
    leave_out
        A folder that is not entered.

    Notes
    -----
    Hidden files count. A folder that cannot be read is one `Passed`.
    """
    inode = None
    if leave_out is not None:
        with suppress(OSError):
            inode = _inode(os.stat(leave_out))
    for path in paths:
        yield from _walk(path, inode)


def _walk(top: Path, left_out: tuple[int, int] | None) -> Iterator[Path | Passed]:
    try:
        found = os.stat(top)
    except OSError as error:
        yield _unreadable(top, error)
        return
    if not stat.S_ISDIR(found.st_mode):
        is_file = stat.S_ISREG(found.st_mode)
        yield top if is_file else _passed(top, PassedKind.SPECIAL, "no regular file")
        return
    first: list[Path | Passed | _Folder] = [_Folder(top)]
    waiting = [iter(first)]  # no recursion: a hostile tree is deep
    while waiting:
        step = next(waiting[-1], None)
        if step is None:
            waiting.pop()
        elif isinstance(step, _Folder):
            try:
                if left_out is not None and _inode(os.stat(step.path)) == left_out:
                    yield _passed(step.path, PassedKind.SPECIAL, "the archive's own folder")
                    continue
                waiting.append(iter(_listed(step.path)))
            except OSError as error:
                yield _unreadable(step.path, error)
        else:
            yield step


@dataclass(frozen=True, slots=True)
class _Folder:
    path: Path


def _listed(folder: Path) -> list[Path | Passed | _Folder]:
    listed: list[tuple[str, Path | Passed | _Folder]] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            path = folder / entry.name
            if entry.is_symlink():
                listed.append((entry.name, _passed(path, PassedKind.LINK, "a link, not followed")))
            elif entry.is_dir(follow_symlinks=False):
                # With its "/", so that folders and files come as whole paths are sorted.
                listed.append((f"{entry.name}/", _Folder(path)))
            elif entry.is_file(follow_symlinks=False):
                listed.append((entry.name, path))
            else:
                listed.append((entry.name, _passed(path, PassedKind.SPECIAL, "no regular file")))
    return [step for _, step in sorted(listed, key=lambda pair: pair[0])]


def iter_media(
    path: Path,
    *,
    scratch: Path,
    limits: MediaLimits = _LIMITS,
    on_archive: Callable[[int], object] | None = None,
    names_all: bool = False,
) -> Iterator[Finding]:
    """Yield what one file holds: itself, or the entries of a zip archive and of those within it.

    Parameters
    ----------
    path
        A regular file, of any name.
    scratch
        A folder on the disk that takes what is unpacked: one entry after the other, in files
        without a name that go when their candidate is closed.
    limits
        The bounds of unpacking.
    on_archive
        Called with the number of files in each archive that is opened.
    names_all
        Tell of each file in an archive that holds no DICOM at all, not only that it does not.

    Yields
    ------
    Candidate or Passed
        In the order of the entries' names. Close each candidate.

    Raises
    ------
    NoSpace, StorageError
        An entry cannot be written to `scratch`.

    Notes
    -----
    What else a file is called, or says of itself, counts for nothing: DICOM is what has ``DICM``
    at byte 128 or begins as a bare data set does; a zip archive is what begins as one.
    """
    try:
        file = open(path, "rb", opener=_open_nonblocking)  # noqa: SIM115 - closed below
    except OSError as error:
        yield _unreadable(path, error)
        return
    with file:
        try:
            head = os.pread(file.fileno(), _HEAD, 0)
        except OSError as error:
            yield _unreadable(path, error)
            return
        look = _Look(
            path=path,
            scratch=scratch,
            limits=limits,
            budget=Budget(limits.max_total_bytes),
            on_archive=on_archive or (lambda _count: None),
            names_all=names_all,
        )
        yield from look.at_file(file, head)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """A look into one file on disk, at some depth of archives within archives."""

    path: Path
    scratch: Path
    limits: MediaLimits
    budget: Budget
    on_archive: Callable[[int], object]
    names_all: bool
    prefix: str = ""  # of the archives around: "all.zip/inner.zip/"
    depth: int = 0

    def at_file(self, file: BinaryIO, head: bytes) -> Iterator[Finding]:
        name = os.fspath(self.path)
        if not _is_marked(head) and head.startswith(_ZIP):
            yield from self.in_archive(file, name)
            return
        reason = _why_not(head)
        if reason is not None:
            yield Passed(name=name, kind=_kind_of(head), reason=reason)
        elif _may_be_directory(head) and is_media_directory(file.fileno()):
            folder = self.path.parent
            yield from _directory(
                file.fileno(), name, lambda parts: folder.joinpath(*parts).is_file()
            )
        else:
            yield Candidate(name=name, path=self.path, is_marked=_is_marked(head))

    def in_archive(self, file: BinaryIO, name: str) -> Iterator[Finding]:
        """Yield the findings of an archive; of one without any DICOM that it is one, once."""
        inner = replace(self, prefix=f"{name}/", depth=self.depth + 1)
        if self.depth >= self.limits.max_depth:
            reason = f"archives lie in archives deeper than {self.limits.max_depth}: unpack it"
            yield Passed(name=name, kind=PassedKind.ARCHIVE, reason=reason)
            return
        try:
            with open_zip(file, self.limits) as archive:
                yield from inner.in_entries(list(iter_entries(archive)), name)
        except StorageError:
            raise  # the disk that takes what is unpacked: not the archive's fault
        except (ArchiveRefused, OSError) as error:
            yield Passed(name=name, kind=PassedKind.ARCHIVE, reason=_words(error))

    def in_entries(self, entries: Sequence[Entry], name: str) -> Iterator[Finding]:
        self.on_archive(len(entries))
        names = {entry.name for entry in entries}
        others: list[Passed] | None = (
            None if self.names_all else []
        )  # until there is anything else: then they are told
        for entry in entries:
            for finding in self.at_entry(entry, names):
                is_other = isinstance(finding, Passed) and finding.kind is PassedKind.NOT_DICOM
                if others is not None and is_other:
                    assert isinstance(finding, Passed)
                    others.append(finding)
                    continue
                yield from others or ()
                others = None
                yield finding
        if others is not None:
            reason = f"a zip archive of {len(entries)} files, none of them DICOM"
            yield Passed(name=name, kind=PassedKind.NOT_DICOM, reason=reason)

    def at_entry(self, entry: Entry, names: set[str]) -> Iterator[Finding]:
        name = f"{self.prefix}{entry.name}"
        try:
            with open_entry(entry, self.limits) as stream:
                head = read_head(stream, _HEAD)
                is_archive = not _is_marked(head) and head.startswith(_ZIP)
                reason = None if is_archive else _why_not(head)
                if reason is not None:
                    yield Passed(name=name, kind=_kind_of(head), reason=reason)
                    return
                spooled = spool(
                    entry,
                    stream,
                    head,
                    scratch=self.scratch,
                    limits=self.limits,
                    budget=self.budget,
                )
        except ArchiveRefused as error:
            yield Passed(name=name, kind=PassedKind.ARCHIVE, reason=str(error))
            return
        if is_archive:
            with spooled:
                yield from self.in_archive(spooled, name)
        elif _may_be_directory(head) and is_media_directory(spooled.fileno()):
            folder = PurePosixPath(entry.name).parent
            with spooled:
                yield from _directory(
                    spooled.fileno(), name, lambda parts: str(folder.joinpath(*parts)) in names
                )
        else:
            yield Candidate(name=name, path=self.path, is_marked=_is_marked(head), spooled=spooled)


def _directory(fd: int, name: str, is_there: Callable[[Sequence[str]], bool]) -> Iterator[Passed]:
    try:
        missing = list(iter_missing(fd, is_there))
    except (InvalidDicom, OSError) as error:
        reason = f"a media directory that cannot be read ({type(error).__name__})"
        yield Passed(name=name, kind=PassedKind.DAMAGED, reason=reason)
        return
    reason = "a media directory (DICOMDIR) is an index, not an instance"
    yield Passed(name=name, kind=PassedKind.MEDIA_DIRECTORY, reason=reason)
    folder, slash, _ = name.rpartition("/")
    for each in missing[:_MOST_MISSING]:
        # Its own name, and one reason for all: a report groups them by it.
        reason = "a media directory names it, and it is not there"
        yield Passed(name=f"{folder}{slash}{each}", kind=PassedKind.MISSING, reason=reason)
    if len(missing) > _MOST_MISSING:
        reason = f"the media directory names {len(missing) - _MOST_MISSING} more that are not there"
        yield Passed(name=name, kind=PassedKind.MISSING, reason=reason)


# What the first bytes tell


def _is_marked(head: bytes) -> bool:
    return head[128:132] == b"DICM"


def _may_be_directory(head: bytes) -> bool:
    return b"1.2.840.10008.1.3.10" in head


def _why_not(head: bytes) -> str | None:
    """Return why a file cannot be DICOM, None where it may be (PS3.10 7.1, or a bare data set)."""
    if _is_marked(head):
        return None
    if not head:
        return "an empty file"
    other = _other_archive(head)
    if other is not None:
        return f"a {other} archive, which is not opened here: unpack it, then index the folder"
    # A bare data set begins with a group up to 0008; see `read_file_meta`.
    little, big = int.from_bytes(head[:2], "little"), int.from_bytes(head[:2], "big")
    vr = head[4:6]
    if len(head) >= 8 and (
        0 < little <= 0x0008 or (0 < big <= 0x0008 and vr.isalpha() and vr.isupper())
    ):
        return None
    return "no DICOM file: it begins neither with DICM at byte 128 nor with an element"


def _kind_of(head: bytes) -> PassedKind:
    return PassedKind.NOT_DICOM if _other_archive(head) is None else PassedKind.ARCHIVE


def _other_archive(head: bytes) -> str | None:
    if head[257:262] == b"ustar":
        return "tar"
    return next((kind for magic, kind in _OTHER_ARCHIVES.items() if head.startswith(magic)), None)


# Words


def _passed(path: Path, kind: PassedKind, reason: str) -> Passed:
    return Passed(name=os.fspath(path), kind=kind, reason=reason)


def _unreadable(path: Path, error: OSError) -> Passed:
    return _passed(path, PassedKind.UNREADABLE, _words(error))


def _words(error: Exception) -> str:
    # Not an OSError's own words: they quote the path.
    if isinstance(error, OSError):
        return f"it cannot be read: {os.strerror(error.errno or 0)}"
    return str(error)


def _inode(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino


def _open_nonblocking(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)
