"""Which ports this archive's own services hold: another archive may be served on the same ones."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path

__all__ = ["Service", "is_serving", "serving"]

_FOLDER = "serving"
_LOOK_S = 0.01
_LONGEST_S = 2.0


class Service(StrEnum):
    """What listens."""

    RECEIVER = "receiver"
    PAGE = "page"


@contextmanager
def serving(root: Path, service: Service, port: int) -> Iterator[None]:
    """Let others see, for the block, that the process serves this archive on a port.

    The mark is a locked file, which is never removed: the kernel lets go of the lock when the
    process dies, however it dies. The block lies within the time in which the port is bound, so
    that it has one owner.

    Parameters
    ----------
    root
        The archive's folder, which exists.
    port
        The TCP port that is bound, never 0.
    """
    path = _path(root, service, port)
    path.parent.mkdir(mode=0o700, exist_ok=True)
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        # Only one who looks can hold it now, and for a moment; a mark is not worth more waiting.
        end_s = time.monotonic() + _LONGEST_S
        while not _take(fd, fcntl.LOCK_EX) and time.monotonic() < end_s:
            time.sleep(_LOOK_S)
        yield
    finally:
        os.close(fd)


def is_serving(root: Path, service: Service, port: int) -> bool:
    """Return whether a living process serves this archive on a port of this machine.

    Nothing is written; where the mark may not be read, as another user's, the answer is no.
    """
    try:
        fd = os.open(_path(root, service, port), os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return not _take(fd, fcntl.LOCK_SH)  # shared: two who look do not take each other for it
    finally:
        os.close(fd)


def _path(root: Path, service: Service, port: int) -> Path:
    return root / _FOLDER / f"{service.value}-{port}"


def _take(fd: int, kind: int) -> bool:
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
