"""The few system calls by which a file is surely on the disk, and errors in our own words."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from noctis_lab.errors import NoSpace, StorageError

__all__ = ["make_folder", "storage_errors", "sync_folder", "write_all", "write_file"]

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


@contextmanager
def storage_errors(doing: str) -> Iterator[None]:
    """Turn an `OSError` into `NoSpace` or `StorageError`; `doing` says what was tried.

    Raises
    ------
    NoSpace
        The disk, or a quota, is full.
    StorageError
        Anything else that the operating system refused.
    """
    try:
        yield
    except (NoSpace, StorageError):
        raise
    except OSError as error:
        cls = NoSpace if error.errno in _FULL else StorageError
        raise cls(error.errno, f"{doing}: {os.strerror(error.errno or 0)}") from error


def write_all(fd: int, data: bytes | bytearray | memoryview) -> None:
    """Write all of `data`; a short write is continued."""
    written = os.write(fd, data)
    if written < len(data):
        rest = memoryview(data)
        while written < len(rest):
            written += os.write(fd, rest[written:])


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` durable."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def make_folder(folder: Path, *, below: Path) -> None:
    """Make `folder` and its parents up to `below`, each of them durable."""
    missing = [folder, *folder.parents]
    missing = missing[: missing.index(below)]
    for part in reversed(missing):
        part.mkdir(exist_ok=True)
        sync_folder(part.parent)


def write_file(path: Path, data: bytes, *, mode: int = 0o640) -> None:
    """Write a whole file so that it is either there with all its bytes, or not at all.

    Parameters
    ----------
    path
        In an existing folder; an existing file is replaced.
    mode
        The file's permissions.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}.tmp")
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        try:
            write_all(fd, data)
            os.fdatasync(fd)
        finally:
            os.close(fd)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)
