"""Tasks that read planes side by side: waited for together, and none outlives a failure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, as_completed, wait

__all__ = ["Progress", "finish"]

#: Called as ``progress(planes done, planes in all)``; what it raises ends the reading.
type Progress = Callable[[int, int], None]


def finish(tasks: Sequence[Future[int]], count: int, progress: Progress | None) -> None:
    """Wait for tasks, and raise what the first one that failed raised.

    Parameters
    ----------
    tasks
        Each gives how many planes it has read.
    count
        Of planes in all.
    progress
        Called in this thread.
    """
    try:
        _await(tasks, count, progress)
    except BaseException:
        for task in tasks:
            task.cancel()
        wait(tasks)  # none may write into an array that is given up
        raise


def _await(tasks: Sequence[Future[int]], count: int, progress: Progress | None) -> None:
    if progress is None:
        wait(tasks, return_when=FIRST_EXCEPTION)
        for task in tasks:
            if task.done():
                task.result()
        return
    done = 0
    for task in as_completed(tasks):
        done += task.result()
        progress(done, count)
