"""One handle per root and process: catalogue, storage and a byte-bounded cache, opened together."""

from __future__ import annotations

import os
import threading
import weakref
from collections import OrderedDict, deque
from collections.abc import Hashable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from noctis_lab.catalog.store import Catalog, open_catalog
from noctis_lab.config import Settings
from noctis_lab.errors import SettingsError
from noctis_lab.storage.files import Storage

if TYPE_CHECKING:
    from noctis_lab.catalog.query import Query

__all__ = ["ByteCache", "Handle", "open_handle"]

#: What a handle is made of; two openings of one root cannot differ in these.
_OWN_SETTINGS = ("cache_bytes", "query_memory_bytes", "threads")


class ByteCache:
    """The values used last, within a bound in bytes. Safe to use from several threads.

    Parameters
    ----------
    limit_bytes
        Bound of the sum of the sizes; a value larger than that is never kept.
    """

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self._held: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self._size_bytes = 0
        self._lock = threading.Lock()

    @property
    def size_bytes(self) -> int:
        """Sum of the sizes of what is held."""
        return self._size_bytes

    def __len__(self) -> int:
        return len(self._held)

    def find(self, key: Hashable) -> Any | None:
        """Return what is held under a key and mark it as used; None where nothing is."""
        with self._lock:
            held = self._held.get(key)
            if held is None:
                return None
            self._held.move_to_end(key)
            return held[0]

    def put(self, key: Hashable, value: Any, size_bytes: int) -> None:
        """Hold a value, and let go of those used longest ago until the bound is kept."""
        with self._lock:
            old = self._held.pop(key, None)
            if old is not None:
                self._size_bytes -= old[1]
            if size_bytes > self.limit_bytes:
                return
            self._held[key] = (value, size_bytes)
            self._size_bytes += size_bytes
            while self._size_bytes > self.limit_bytes:
                _, (_, freed) = self._held.popitem(last=False)
                self._size_bytes -= freed

    def clear(self) -> None:
        """Let go of everything."""
        with self._lock:
            self._held.clear()
            self._size_bytes = 0


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
    pid
        The process it belongs to: a forked child opens its own.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.pid = os.getpid()
        self.storage = Storage(settings.root, min_free_bytes=settings.min_free_bytes)
        self.catalog: Catalog = open_catalog(settings.root, quiet_s=settings.quiet_s)
        self.frames = ByteCache(settings.cache_bytes)
        self.executor = ThreadPoolExecutor(settings.threads, thread_name_prefix="noctis-pixels")
        self.holders = 0
        self._query: list[Query] = []  # at most one: shared with the finalizer
        self._query_lock = threading.Lock()
        self._finalizer = weakref.finalize(
            self, _close_parts, self.pid, self._query, self.catalog, self.executor
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
    pid: int, query: list[Query], catalog: Catalog, executor: ThreadPoolExecutor
) -> None:
    if pid != os.getpid():
        return  # closing a parent's SQLite files in a forked child would drop the parent's locks
    executor.shutdown(wait=True, cancel_futures=True)
    for opened in query:
        opened.close()
    catalog.close()


def _reinit_lock() -> None:
    global _lock  # noqa: PLW0603  (a forked child may inherit it held)
    _lock = threading.Lock()


os.register_at_fork(after_in_child=_reinit_lock)
