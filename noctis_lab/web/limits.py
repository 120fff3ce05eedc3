"""How often somebody may try: windows per address and per principal, in memory."""

from __future__ import annotations

import math
import time

from limits import RateLimitItemPerMinute, RateLimitItemPerSecond
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter, SlidingWindowCounterRateLimiter

__all__ = ["BODY_BYTES", "BODY_SECONDS", "Limits"]

BODY_BYTES = 64 * 1024  #: no route reads a longer request body
BODY_SECONDS = 10.0  #: a body that takes longer to come is refused

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
