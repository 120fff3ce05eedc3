"""One progress bar of an export: in a terminal, and in a notebook as a widget."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tqdm.auto import tqdm

__all__ = ["export_bar"]


@contextmanager
def export_bar(*, disable: bool | None) -> Iterator[Callable[[int, int], None]]:
    """Hold a bar; gives the function that shows on it how many instances are done, and in all.

    Parameters
    ----------
    disable
        Show nothing; None shows it only on a terminal.
    """
    with tqdm(desc="exporting", unit=" instances", disable=disable) as bar:

        def show(done: int, total: int) -> None:
            if bar.disable:
                return
            if bar.total is None:
                bar.reset(total)
            bar.update(done - bar.n)

        yield show
