"""How often somebody may try: windows per address and per principal, in memory."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from limits import RateLimitItemPerMinute, RateLimitItemPerSecond
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter, SlidingWindowCounterRateLimiter

__all__ = [
    "BODY_BYTES",
    "BODY_SECONDS",
    "MEASUREMENT_BYTES",
    "MOST_UPLOADS",
    "UPLOADS_AT_ONCE",
    "UPLOAD_BYTES_PER_S",
    "Limits",
]

BODY_BYTES = 64 * 1024  #: a request's body has no more, but on the routes that say so
MEASUREMENT_BYTES = 4 * 1024 * 1024  #: a body with 10,000 points, in voxels and in millimetres
BODY_SECONDS = 10.0  #: a body that takes longer to come is refused
UPLOADS_AT_ONCE = 4  #: bodies that one principal may send at a time
UPLOAD_BYTES_PER_S = 4_000  #: a body that comes slower than this on average is refused
MOST_UPLOADS = 16  #: bodies of all principals at a time: each holds a thread while it writes

_SIGN_IN_PER_ADDRESS = RateLimitItemPerMinute(20)
_SIGN_IN_PER_NAME = RateLimitItemPerMinute(5)
# A series of 300 frames in requests of one frame, ten times over.
_REQUESTS = RateLimitItemPerSecond(3000, 10)


class Limits:
    """The windows of one web process."""

    def __init__(self) -> None:
        storage = MemoryStorage()
        self._sign_in = MovingWindowRateLimiter(storage)
        self._requests = SlidingWindowCounterRateLimiter(storage)
        self._uploads: Counter[str] = Counter()

    def wait_to_sign_in_s(self, address: str, name: str) -> int:
        """Count an attempt to sign in; return the seconds to wait, 0 where it may go on.

        Parameters
        ----------
        address
            The peer's address.
        name
            The name tried; empty for a token.
        """
        ways = [(_SIGN_IN_PER_ADDRESS, "address", address)]
        if name:
            ways.append((_SIGN_IN_PER_NAME, "name", name))
        waits = [
            self._sign_in.get_window_stats(item, *keys).reset_time - time.time()
            for item, *keys in ways
            if not self._sign_in.hit(item, *keys)
        ]
        return max((math.ceil(max(wait, 1.0)) for wait in waits), default=0)

    def allows_request(self, principal: str) -> bool:
        """Count a request; return False where the principal has made too many."""
        return self._requests.hit(_REQUESTS, "principal", principal)

    @contextmanager
    def uploading(self, principal: str) -> Iterator[bool]:
        """Count an upload for the length of a block; False: there are too many, it may not be."""
        is_allowed = (
            self._uploads[principal] < UPLOADS_AT_ONCE and self._uploads.total() < MOST_UPLOADS
        )
        if not is_allowed:
            yield False
            return
        self._uploads[principal] += 1
        try:
            yield True
        finally:
            self._uploads[principal] -= 1
            if not self._uploads[principal]:
                del self._uploads[principal]
