"""Questions that take a while: asked by one thread of their own, each once at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any

from noctis_lab.volumes.byte_cache import ByteCache

__all__ = ["Questions"]

_ANSWER_BYTES = 512  # what a remembered answer takes in memory, generously


class Questions:
    """Asks what the commit tier does not know at once, and remembers the answers.

    Parameters
    ----------
    cache
        Where answers are remembered, as long as there is room.

    Notes
    -----
    DuckDB may take seconds to begin, and works in threads of its own: threads that decode pixels do
    not wait for it, and neither do several of ours side by side.
    """

    def __init__(self, cache: ByteCache) -> None:
        self._cache = cache
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="noctis-questions")
        self._guard = threading.Lock()
        self._is_closed = False
        self._in_flight: dict[Hashable, Future[Mapping[Any, Any]]] = {}

    def answers[K: Hashable, V](
        self,
        keys: Iterable[K],
        ask: Callable[[list[K]], Mapping[K, V]],
        *,
        wait_s: float,
    ) -> dict[K, V]:
        """Return what is known, and what becomes known in time.

        Parameters
        ----------
        keys
            Of what is asked; an answer is remembered under it.
        ask
            Answers some keys, in the thread of the questions; those it leaves out are asked again
            the next time. An answer is not None.
        wait_s
            How long to wait, seconds. What takes longer is asked on, and there the next time.

        Returns
        -------
        dict
            Without those keys of which nothing is known yet; nothing is asked any more once it is
            closed, which a list that is under way need not know.
        """
        with self._guard:
            known = {key: self._cache.find(key) for key in keys}
            missing = [key for key, answer in known.items() if answer is None]
            new = [key for key in missing if key not in self._in_flight]
            if new and not self._is_closed:
                asking: Future[Mapping[Any, Any]] = self._executor.submit(self._answer, ask, new)
                self._in_flight |= dict.fromkeys(new, asking)
            asked = {self._in_flight[key] for key in missing if key in self._in_flight}
        for answered in wait(asked, timeout=wait_s).done:
            if not answered.cancelled():
                known |= {key: answered.result().get(key, known[key]) for key in missing}
        return {key: answer for key, answer in known.items() if answer is not None}

    def _answer[K: Hashable, V](
        self, ask: Callable[[list[K]], Mapping[K, V]], keys: list[K]
    ) -> Mapping[K, V]:
        try:
            answer = ask(keys)
            for key, value in answer.items():
                self._cache.put(key, value, _ANSWER_BYTES)
            return answer
        finally:
            with self._guard:
                for key in keys:
                    del self._in_flight[key]

    def close(self) -> None:
        """End the thread, once the question that it is at is answered."""
        with self._guard:
            self._is_closed = True
        self._executor.shutdown(wait=True, cancel_futures=True)
