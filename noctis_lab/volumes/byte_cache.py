"""The values used last, within a bound in bytes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Any

__all__ = ["ByteCache"]


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
