"""Work for a card, by the archive's own threads and up to a moment: a repr never waits long."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Mapping
from concurrent.futures import Executor, wait

__all__ = ["Deadline"]


class Deadline:
    """A moment after which a card is shown as it is.

    Parameters
    ----------
    limit_s
        From now on, seconds.
    """

    def __init__(self, limit_s: float) -> None:
        self._at_s = time.monotonic() + limit_s

    @property
    def rest_s(self) -> float:
        """Seconds that are left, 0 where none are."""
        return max(0.0, self._at_s - time.monotonic())

    def collect[K: Hashable, V](
        self, executor: Executor, tasks: Mapping[K, Callable[[], V]]
    ) -> dict[K, V]:
        """Run tasks and return what those gave that were done in time and did not fail.

        The others go on: tasks are few, and those that remember their results have them the next
        time that the card is shown.
        """
        futures = {key: executor.submit(task) for key, task in tasks.items()}
        done, _ = wait(futures.values(), timeout=self.rest_s)
        return {
            key: future.result()
            for key, future in futures.items()
            if future in done and not future.cancelled() and future.exception() is None
        }
