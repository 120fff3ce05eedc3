"""One progress bar over series: in a terminal, and in a notebook as a widget."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tqdm.auto import tqdm

__all__ = ["series_bar"]


@contextmanager
def series_bar(words: str, *, disable: bool | None) -> Iterator[Callable[[int, int], None]]:
    """Hold a bar; gives the function that shows on it how many instances are done, and in all.

    Parameters
    ----------
    words
        What is being done.
    disable
        Show nothing; None shows it only on a terminal.
    """
    with tqdm(desc=words, unit=" instances", disable=disable) as bar:

        def show(done: int, total: int) -> None:
            if bar.disable:
                return
            if bar.total is None:
                bar.reset(total)
            bar.update(done - bar.n)

        yield show
