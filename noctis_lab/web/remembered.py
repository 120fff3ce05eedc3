"""An answer that costs something, asked for anew only after a while."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable

__all__ = ["Remembered"]


class Remembered[T]:
    """What a function last answered; it runs in a thread, never twice at once.

    Parameters
    ----------
    ask
        Gives the answer.
    every_s
        How old an answer may be, in seconds.
    """

    def __init__(self, ask: Callable[[], T], *, every_s: float) -> None:
        self._ask = ask
        self._every_s = every_s
        self._lock = asyncio.Lock()
        self._asked_s = -math.inf
        self._answer: T

    async def answer(self) -> T:
        """Return the answer, of now or of a while ago."""
        async with self._lock:
            if time.monotonic() - self._asked_s >= self._every_s:
                self._answer = await asyncio.to_thread(self._ask)
                self._asked_s = time.monotonic()
            return self._answer
