"""One handle per root and process: catalogue, storage and a byte-bounded cache, opened together."""

from __future__ import annotations

import os
import threading
import weakref
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from noctis_lab.catalog.store import Catalog, open_catalog
from noctis_lab.config import Settings
from noctis_lab.errors import SettingsError
from noctis_lab.storage.files import Storage
from noctis_lab.volumes.byte_cache import ByteCache
from noctis_lab.volumes.questions import Questions

if TYPE_CHECKING:
    from noctis_lab.catalog.query import Query

__all__ = ["Handle", "open_handle"]

#: What a handle is made of; two openings of one root cannot differ in these.
_OWN_SETTINGS = ("cache_bytes", "query_memory_bytes", "threads")

_THREADS = "noctis-"  # how names of a handle's threads begin


class Handle:
    """An archive that is open in this process; made by `open_handle`, shared by all who ask.

    A context manager: each opening is closed once, and the last one closes the archive.

    Attributes
    ----------
    settings, storage, catalog
        The archive's parts.
    frames
        The process-wide cache of decoded frames, bounded by `Settings.cache_bytes`.
    executor
        `Settings.threads` threads that read and decode pixels. A task of theirs never waits for
        another one.
    background
        As many threads for work that is made of such tasks, and may wait for them.
    measuring
        One thread for work that takes a volume's memory for somebody's page: one at a time.
    questions
        What is asked of DuckDB beside what somebody waits for.
    pid
        The process it belongs to: a forked child opens its own.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.pid = os.getpid()
        self.storage = Storage(settings.root, min_free_bytes=settings.min_free_bytes)
        self.catalog: Catalog = open_catalog(settings.root, quiet_s=settings.quiet_s)
        self.frames = ByteCache(settings.cache_bytes)
        self.executor = ThreadPoolExecutor(settings.threads, thread_name_prefix=f"{_THREADS}pixels")
        self.background = ThreadPoolExecutor(
            settings.threads, thread_name_prefix=f"{_THREADS}background"
        )
        self.measuring = ThreadPoolExecutor(1, thread_name_prefix=f"{_THREADS}measuring")
        self.questions = Questions(self.frames)
        self.holders = 0
        self._query: list[Query] = []  # at most one: shared with the finalizer
        self._query_lock = threading.Lock()
        self._finalizer = weakref.finalize(
            self,
            _close_parts,
            self.pid,
            self._query,
            self.catalog,
            (self.measuring, self.background, self.executor),
            self.questions,
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return open_handle, (self.settings,)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def query(self) -> Query:
        """SQL over the archive; DuckDB is started by the first who asks."""
        with self._query_lock:
            if not self._query:
                from noctis_lab.catalog.query import Query

                self._query.append(
                    Query(
                        self.catalog,
                        threads=self.settings.threads,
                        memory_bytes=self.settings.query_memory_bytes,
                    )
                )
            return self._query[0]

    @property
    def is_query_open(self) -> bool:
        """Whether somebody asked DuckDB already: its beginning takes a while."""
        return bool(self._query)

    @property
    def is_closed(self) -> bool:
        """Whether the last opening was closed, or this is a forked child's copy."""
        return not self._finalizer.alive or self.pid != os.getpid()

    def close(self) -> None:
        """Close one opening; the last one closes the archive. Each opening is closed once."""
        with _lock:
            is_last = self._let_go()
        if is_last:
            self._shut()
        _close_released()

    def release(self) -> None:
        """Close one opening as `close` does, from a finalizer, which must not wait for a lock.

        Garbage is collected at any allocation, of a thread too that holds the lock itself: then
        the opening is closed as soon as that one lets go of it.
        """
        _released.append(self)
        _close_released()

    def _let_go(self) -> bool:
        """Count one opening less, under the lock; return whether it was the last."""
        self.holders -= 1
        if self.holders > 0:
            return False
        key = (self.pid, self.settings.root)
        if _handles.get(key) is self:
            del _handles[key]
        return True

    def _shut(self) -> None:
        self.frames.clear()
        self._finalizer()


#: Held weakly: an archive that nobody holds any more is closed.
_handles: weakref.WeakValueDictionary[tuple[int, Path], Handle] = weakref.WeakValueDictionary()
_lock = threading.Lock()
#: Openings whose finalizer ran while the lock was held.
_released: deque[Handle] = deque()


def _close_released() -> None:
    # Whoever holds the lock comes here after it, so that nothing is left lying.
    while _released and _lock.acquire(blocking=False):
        last = []
        try:
            while _released:
                handle = _released.popleft()
                if handle._let_go():
                    last.append(handle)
        finally:
            _lock.release()
        for handle in last:
            handle._shut()


def open_handle(settings: Settings) -> Handle:
    """Return this process' handle of an archive, opening it where there is none yet.

    Raises
    ------
    SettingsError
        The archive is open in this process with other settings for cache, memory or threads.
    SchemaMismatch, UnsupportedFilesystem
        As `catalog.store.open_catalog`.
    """
    try:
        with _lock:
            return _held(settings)
    finally:
        _close_released()


def _held(settings: Settings) -> Handle:
    key = (os.getpid(), settings.root)
    handle = _handles.get(key)
    if handle is None:
        handle = _handles[key] = Handle(settings)
    other = [
        name for name in _OWN_SETTINGS if getattr(handle.settings, name) != getattr(settings, name)
    ]
    if other:
        raise SettingsError(
            f"{settings.root} is open in this process with another {', '.join(other)}; close "
            "that lab first, or open it with the same settings"
        )
    handle.holders += 1
    return handle


def _close_parts(
    pid: int,
    query: list[Query],
    catalog: Catalog,
    executors: Sequence[ThreadPoolExecutor],
    questions: Questions,
) -> None:
    if pid != os.getpid():
        return  # closing a parent's SQLite files in a forked child would drop the parent's locks

    def close() -> None:
        for executor in executors:  # first those whose tasks wait for the next ones'
            executor.shutdown(wait=True, cancel_futures=True)
        questions.close()
        for opened in query:
            opened.close()
        catalog.close()

    if threading.current_thread().name.startswith(_THREADS):
        # A task was the last to hold the archive, and cannot wait for its own thread.
        threading.Thread(target=close, name=f"{_THREADS}close").start()
    else:
        close()


def _reinit_lock() -> None:
    global _lock  # noqa: PLW0603  (a forked child may inherit it held)
    _lock = threading.Lock()


os.register_at_fork(after_in_child=_reinit_lock)
