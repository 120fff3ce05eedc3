"""Who may open and who may write: across threads and processes, on a local disk only."""

from __future__ import annotations

import fcntl
import os
import random
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from noctis_lab.errors import CatalogLocked, UnsupportedFilesystem

__all__ = ["OpenLock", "WriteLock", "filesystem_of", "require_local_disk"]

#: File systems over which SQLite's shared memory does not reach every process that has the file.
_NETWORK = frozenset(
    {"9p", "afs", "beegfs", "ceph", "cifs", "coda", "davfs", "glusterfs", "gpfs", "lustre"}
    | {"ncpfs", "nfs", "nfs4", "ocfs2", "smb2", "smb3", "smbfs", "fuse.ceph", "fuse.glusterfs"}
    | {"fuse.rclone", "fuse.s3fs", "fuse.sshfs"}
)
_MOUNTINFO = Path("/proc/self/mountinfo")
_OPEN_LOCK = "catalog.lock"
_FIRST_SLEEP_S = 0.000_2
_LONGEST_SLEEP_S = 0.002


@dataclass(frozen=True, slots=True)
class _Opened:
    """The lock's file as one process opened it, with what its threads take turns by."""

    fd: int
    threads: threading.Lock = field(default_factory=threading.Lock)


class OpenLock:
    """Held shared by all who have a catalogue open, or alone by the one who puts another there.

    Its file lies in the root: ``catalog/`` itself is exchanged by a rebuild, and may be missing.
    A forked child holds it together with its parent.

    Parameters
    ----------
    root
        The archive's folder, which exists.
    alone
        Against all others.
    timeout_s
        How long to wait.

    Raises
    ------
    CatalogLocked
        It was not to be had in time.
    """

    def __init__(self, root: Path, *, alone: bool, timeout_s: float) -> None:
        path = root / _OPEN_LOCK
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        kind = fcntl.LOCK_EX if alone else fcntl.LOCK_SH
        try:
            if not _take(self._fd, kind, deadline=time.monotonic() + timeout_s):
                raise CatalogLocked(
                    f"{root} is open in another process: stop `noctis serve`, `noctis demo`, "
                    "notebooks and scripts that use this archive, then try again"
                    if alone
                    else f"the catalogue of {root} is being rebuilt: try again when that is done",
                    path=str(path),
                    timeout_s=timeout_s,
                )
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let go of it; a second time changes nothing."""
        if self._fd >= 0:
            os.close(self._fd)  # not LOCK_UN, which would let go of a forked child's too
        self._fd = -1


class WriteLock:
    """An exclusive lock on a file, between threads first, then between processes.

    SQLite's own busy timeout starves writers (of three, one came to 2 rows/s), so this is held
    before a transaction begins. The kernel lets go of it when a process dies, however it dies.

    Parameters
    ----------
    path
        The lock's file; made where it is missing, never removed.
    timeout_s
        How long to wait.
    """

    def __init__(self, path: Path, *, timeout_s: float) -> None:
        self._path = path
        self._timeout_s = timeout_s
        self._opened: dict[int, _Opened] = {}  # by process: a forked child makes its own

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Hold the lock for the block.

        Raises
        ------
        CatalogLocked
            Another thread or process held it for the whole of the timeout.
        """
        deadline = time.monotonic() + self._timeout_s
        pid = os.getpid()
        opened = self._opened.get(pid) or self._open(pid)
        if not opened.threads.acquire(timeout=self._timeout_s):
            raise self._locked()
        try:
            if not _take(opened.fd, fcntl.LOCK_EX, deadline=deadline):
                raise self._locked()
            try:
                yield
            finally:
                if os.getpid() == pid:  # a child that was forked in here leaves it to its parent
                    fcntl.flock(opened.fd, fcntl.LOCK_UN)
        finally:
            opened.threads.release()

    def close(self) -> None:
        """Close the file; a lock that is held goes with it."""
        opened = self._opened.pop(os.getpid(), None)
        if opened is not None:
            os.close(opened.fd)

    def _open(self, pid: int) -> _Opened:
        # After a fork the parent's descriptor would share the parent's lock. Threads that come
        # here at once agree on the first one's: `setdefault` is one step.
        mine = _Opened(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        opened = self._opened.setdefault(pid, mine)
        if opened is not mine:
            os.close(mine.fd)
        return opened

    def _locked(self) -> CatalogLocked:
        return CatalogLocked(
            f"the catalogue's write lock {self._path} was held by another process for "
            f"{self._timeout_s:g} s; end the process that hangs, the lock goes with it",
            path=str(self._path),
            timeout_s=self._timeout_s,
        )


def _take(fd: int, kind: int, *, deadline: float) -> bool:
    """Lock an open file; return False where others held it until `deadline`."""
    sleep_s = _FIRST_SLEEP_S
    while True:
        try:
            fcntl.flock(fd, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
        else:
            return True
        time.sleep(sleep_s * random.uniform(0.5, 1.0))  # noqa: S311
        sleep_s = min(sleep_s * 1.5, _LONGEST_SLEEP_S)


def require_local_disk(folder: Path, *, mountinfo: Path = _MOUNTINFO) -> None:
    """Refuse a folder on a network file system.

    Parameters
    ----------
    folder
        Any path; links are followed.
    mountinfo
        The kernel's list of mounts (see proc(5)); where there is none, nothing is refused.

    Raises
    ------
    UnsupportedFilesystem
        Names the file system's type.
    """
    try:
        mounts = mountinfo.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return
    kind = filesystem_of(folder, mounts)
    if kind in _NETWORK:
        raise UnsupportedFilesystem(
            f"{folder} lies on {kind}: the catalogue needs a local disk, since its write-ahead log "
            "is shared memory between processes; choose a root on one (NOCTIS_ROOT or --root)"
        )


def filesystem_of(folder: Path, mountinfo: str) -> str | None:
    """Return the type of the file system that holds `folder`.

    Parameters
    ----------
    folder
        Any path; links are followed.
    mountinfo
        The text of ``/proc/self/mountinfo`` (see proc(5)).

    Returns
    -------
    str or None
        As the kernel names it, ``ext4``, ``nfs4``; None where no mount holds the path.
    """
    path = os.path.realpath(folder)
    best, kind = -1, None
    for line in mountinfo.splitlines():
        before, separator, after = line.partition(" - ")
        fields = before.split(" ")
        if not separator or len(fields) < 5:
            continue
        point = re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), fields[4])
        inside = path == point or path.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= best:  # of two mounts on one point the later covers
            best, kind = len(point), after.split(" ")[0]
    return kind
