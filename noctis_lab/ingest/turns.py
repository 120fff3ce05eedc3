"""Files in their turns: several threads prepare them, groups of them are admitted in order."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from noctis_lab.catalog.records import InstanceEntry, Receipt
from noctis_lab.ingest.findings import Candidate, Passed
from noctis_lab.ingest.outcomes import Admission, Prepared

__all__ = ["GROUP", "Ready", "take_turns"]

GROUP: Final = 32  #: instances of one transaction: the others wait for some 20 ms
_THREADS: Final = 4  # their syncs overlap; the interpreter is one at a time all the same

type Ready = Prepared | InstanceEntry | Admission | Passed
type Admit = Callable[[Sequence[Prepared | InstanceEntry | Admission]], list[Admission]]
type Ends = list[tuple[str, Admission | Passed]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Turn:
    """A file that waits for its turn."""

    name: str
    ready: Future[Ready] | Passed
    closes: Candidate | None = None


def take_turns(
    findings: Iterable[Candidate | Passed],
    *,
    receive: Callable[[], Receipt],
    prepare: Callable[[Candidate, Receipt], Ready],
    admit: Admit,
    require_space: Callable[[], object],
    stop: threading.Event,
    group: int = GROUP,
) -> Generator[Ends]:
    """Yield what became of each group of files, in the order of the findings.

    Parameters
    ----------
    findings
        What to take in; asked for from this thread, at most two groups ahead.
    receive
        Gives each file's receipt; asked in their order, which a rebuild takes from the receipts.
    prepare
        Does what needs no turn, in a thread; closes the candidate.
    admit
        Ends a group of what was prepared, in its order.
    require_space
        Asked before each entry of an archive, whose bytes lie unpacked on the archive's disk.
    stop
        Once it is set, no new file is begun, and what waits is forgotten.
    group
        How many are admitted together; twice as many files are open at a time.

    Raises
    ------
    Exception
        What `findings`, `prepare` and `admit` raise. Of the groups that were not yielded nothing
        is known: what is in is known when it comes again.
    """
    waiting: deque[_Turn] = deque()
    pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="ingest")
    try:
        for finding in findings:
            if isinstance(finding, Passed):
                waiting.append(_Turn(name=finding.name, ready=finding))
            else:
                _require_space(finding, require_space)
                ready = pool.submit(prepare, finding, receive())
                waiting.append(_Turn(name=finding.name, ready=ready, closes=finding))
            if len(waiting) >= 2 * group:
                yield _admit_group(waiting, group, admit)
            if stop.is_set():
                return
        while waiting and not stop.is_set():
            yield _admit_group(waiting, group, admit)
    finally:
        _forget(waiting)
        pool.shutdown()


def _require_space(candidate: Candidate, require_space: Callable[[], object]) -> None:
    if not candidate.is_entry:
        return
    try:
        require_space()
    except BaseException:
        candidate.close()
        raise


def _admit_group(waiting: deque[_Turn], group: int, admit: Admit) -> Ends:
    """Admit the next group; what of it is not in at an error stays waiting."""
    turns = [waiting[position] for position in range(min(group, len(waiting)))]
    ready = [
        turn.ready if isinstance(turn.ready, Passed) else turn.ready.result() for turn in turns
    ]
    admissions = iter(admit([one for one in ready if not isinstance(one, Passed)]))
    ends: Ends = []
    for turn, one in zip(turns, ready, strict=True):
        waiting.popleft()
        ends.append((turn.name, one if isinstance(one, Passed) else next(admissions)))
    return ends


def _forget(waiting: deque[_Turn]) -> None:
    """Let go of what was begun and has no turn any more."""
    for turn in waiting:
        if isinstance(turn.ready, Passed):
            continue
        turn.ready.cancel()
        turn.ready.add_done_callback(_close)
        if turn.closes is not None and turn.ready.cancelled():
            turn.closes.close()


def _close(ready: Future[Ready]) -> None:
    if ready.cancelled() or ready.exception() is not None:
        return
    prepared = ready.result()
    if isinstance(prepared, Prepared):
        prepared.close()
