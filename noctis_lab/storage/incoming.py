"""One file while it comes in, and the step by which it takes its final name."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from noctis_lab.errors import StorageError
from noctis_lab.storage.durable import storage_errors, write_all

__all__ = ["GroupPlacement", "IncomingFile", "Placement"]

_FLAGS = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


class IncomingFile:
    """A file in ``incoming/``: file meta first, then the data set's bytes as they arrive.

    It is locked (``flock``) as long as it is open, so that a sweep by another process leaves it
    alone. Leaving the context removes its name from ``incoming/``; by then its bytes either have
    their final name (`Placement`), lie in quarantine, or are gone.

    Parameters
    ----------
    path
        A name in ``incoming/`` that does not exist.
    file_meta
        Preamble, prefix and group 2, as they are to stand in the file.

    Raises
    ------
    NoSpace, StorageError
        The file cannot be made or written.
    """

    def __init__(self, path: Path, file_meta: bytes) -> None:
        self.path = path
        self.data_set_offset = len(file_meta)
        self.data_set_length = 0
        self.checked_step = 0
        self._sha256 = hashlib.sha256()
        with storage_errors("writing to incoming/"):
            self._fd = self._open_locked(path)
            self._named = True
            try:
                write_all(self._fd, file_meta)
            except BaseException:
                self.close()
                raise

    @staticmethod
    def _open_locked(path: Path) -> int:
        while True:
            fd = os.open(path, _FLAGS, 0o640)
            fcntl.flock(fd, fcntl.LOCK_EX)
            if os.fstat(fd).st_nlink:
                return fd
            os.close(fd)  # a sweep took it between open and lock

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def fd(self) -> int:
        """Return the descriptor, for `os.pread`; the file's own position belongs to `write`."""
        return self._fd

    @property
    def file_size(self) -> int:
        """Return the bytes written so far, file meta included."""
        return self.data_set_offset + self.data_set_length

    @property
    def sha256(self) -> bytes:
        """Return the hash of the data set's bytes so far, 32 bytes."""
        return self._sha256.digest()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Append bytes of the data set.

        Raises
        ------
        NoSpace, StorageError
            They could not be written.
        """
        self._sha256.update(data)
        with storage_errors("writing to incoming/"):
            write_all(self._fd, data)
        self.data_set_length += len(data)

    def seal(self) -> None:
        """Make the bytes durable."""
        with storage_errors("syncing a file in incoming/"):
            os.fdatasync(self._fd)

    def move(self, path: Path) -> None:
        """Give the file another name in place of the one in ``incoming/``."""
        with storage_errors("moving a file out of incoming/"):
            os.rename(self.path, path)
        self._named = False

    def close(self) -> None:
        """Remove the name in ``incoming/`` and give up the file; a second call does nothing."""
        if self._fd < 0:
            return
        if self._named:
            self._named = False
            self.path.unlink(missing_ok=True)
        os.close(self._fd)
        self._fd = -1


class Placement:
    """The step in which a sealed file has its final name and the catalogue does not know yet.

    Within the context the file has both names, the final one is durable, and the series' folder
    is locked shared: whoever finds the final name taken waits until every placement in that
    folder is over (`contested`). A placement that is left without `keep` takes its final name
    away again. The name left in ``incoming/`` is the record of the intent: after a crash,
    recovery finds it there and asks the catalogue.

    Attributes
    ----------
    contested : bool
        The final name was taken: by an earlier placement that is catalogued by now, or by an
        orphan. Then nothing was linked yet, and the folder is locked for this placement alone:
        ask the catalogue, then leave, or `replace`.
    """

    def __init__(self, incoming: IncomingFile, path: Path) -> None:
        self._incoming = incoming
        self.path = path
        self.contested = False
        self._linked = False
        self._kept = False
        self._folder_fd = -1

    def __enter__(self) -> Self:
        with storage_errors("placing an instance"):
            self._folder_fd = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                self._link()
            except BaseException:
                self._leave()
                raise
        return self

    def _link(self) -> None:
        fcntl.flock(self._folder_fd, fcntl.LOCK_SH)
        try:
            os.link(self._incoming.path, self.path.name, dst_dir_fd=self._folder_fd)
        except FileExistsError:
            fcntl.flock(self._folder_fd, fcntl.LOCK_EX)
            self.contested = True
            return
        self._linked = True
        os.fsync(self._folder_fd)

    def replace(self) -> None:
        """Take the name of an orphan; only where `contested`, and the catalogue lacks it.

        Raises
        ------
        NoSpace, StorageError
            The name could not be taken.
        """
        if not self.contested:
            raise StorageError("only a contested placement replaces a file")
        aside = f".{self._incoming.path.name}.tmp"
        with storage_errors("replacing an orphan"):
            os.link(self._incoming.path, aside, dst_dir_fd=self._folder_fd)
            os.rename(
                aside,
                self.path.name,
                src_dir_fd=self._folder_fd,
                dst_dir_fd=self._folder_fd,
            )
            self._linked = True
            os.fsync(self._folder_fd)

    def keep(self) -> None:
        """Say that the catalogue has the instance: the final name stays."""
        self._kept = True

    def _leave(self) -> None:
        try:
            if self._linked and not self._kept:
                os.unlink(self.path.name, dir_fd=self._folder_fd)
                os.fsync(self._folder_fd)
        finally:
            os.close(self._folder_fd)
            self._folder_fd = -1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with storage_errors("leaving a placement"):
            self._leave()


class GroupPlacement:
    """`Placement` of several sealed files at once: one sync for each folder, not for each file.

    A file whose final name is taken is left out (`linked` lacks it): place it alone, afterwards.
    The folders' locks are taken shared, one after the other: whoever holds one alone, or waits to,
    holds no other, so nobody waits in a circle.

    Attributes
    ----------
    linked : set of int
        The positions of the files that have their final name.
    """

    def __init__(self, files: Sequence[tuple[IncomingFile, Path]]) -> None:
        self._files = files
        self._folders: dict[Path, int] = {}
        self._kept: set[int] = set()
        self.linked: set[int] = set()

    def __enter__(self) -> Self:
        with storage_errors("placing instances"):
            try:
                for position, (incoming, path) in enumerate(self._files):
                    self._link(position, incoming, path)
                for fd in self._folders.values():
                    os.fsync(fd)
            except BaseException:
                self._leave()
                raise
        return self

    def _link(self, position: int, incoming: IncomingFile, path: Path) -> None:
        fd = self._folders.get(path.parent)
        if fd is None:
            fd = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            self._folders[path.parent] = fd
            fcntl.flock(fd, fcntl.LOCK_SH)
        try:
            os.link(incoming.path, path.name, dst_dir_fd=fd)
        except FileExistsError:
            return
        self.linked.add(position)

    def keep(self, position: int) -> None:
        """Say that the catalogue has that instance: its final name stays."""
        self._kept.add(position)

    def _leave(self) -> None:
        try:
            left = self.linked - self._kept
            folders = {self._files[position][1].parent for position in left}
            for position in left:
                path = self._files[position][1]
                os.unlink(path.name, dir_fd=self._folders[path.parent])
            for folder in folders:
                os.fsync(self._folders[folder])
        finally:
            for fd in self._folders.values():
                os.close(fd)
            self._folders = {}

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with storage_errors("leaving a placement"):
            self._leave()
