"""One progress bar of an index run: in a terminal, and in a notebook as a widget."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tqdm.auto import tqdm

from noctis_lab.ingest.index_report import IndexReport

__all__ = ["index_bar"]

_MOST_OFTEN_S = 0.1


@contextmanager
def index_bar(*, disable: bool | None) -> Iterator[Callable[[IndexReport], None]]:
    """Hold a bar; gives the function that shows a report on it, at most ten times a second.

    Until all files are found it tells how many were, and no time left.

    Parameters
    ----------
    disable
        Show nothing; None shows it only on a terminal.
    """
    with tqdm(desc="indexing", unit=" files", mininterval=_MOST_OFTEN_S, disable=disable) as bar:

        def show(report: IndexReport) -> None:
            if bar.disable:
                return
            if report.has_found_all and bar.total is None:
                # The widget takes a total only so; rate and time count from the beginning.
                done, started = bar.n, bar.start_t
                bar.reset(report.found)
                bar.n, bar.start_t = done, started
            elif report.has_found_all and report.found > (bar.total or 0):
                bar.total = report.found
            told = {"new": report.indexed, "same": report.same}
            if report.conflict_count:
                told["conflicts"] = report.conflict_count
            if report.rejected:
                told["rejected"] = report.counts.total()
            if not report.has_found_all:
                told["found"] = report.found
            bar.set_postfix(told, refresh=False)
            bar.update(report.done - bar.n)

        yield show
