"""Files that are registered where they lie: whether their owner still has them, as they were."""

from __future__ import annotations

import time
from collections.abc import Iterator

from noctis_lab.catalog import checkup
from noctis_lab.config import Settings, command
from noctis_lab.ingest.admission import is_unchanged
from noctis_lab.jobs.doctor.findings import Finding, State, count_text, some_of

__all__ = ["check_sources"]

_NAME = "sources in place"


def check_sources(
    connection: checkup.ReadOnly, settings: Settings, *, timeout_s: float | None
) -> Iterator[Finding]:
    """Look whether each source is there with the size and time that it was registered with.

    Where nothing is registered in place, there is no line. Paths are not told: they may bear names.

    Parameters
    ----------
    timeout_s
        No further one is looked at after this long; None: all are.
    """
    end = None if timeout_s is None else time.monotonic() + timeout_s
    looked = 0
    lost: list[str] = []
    is_cut = False
    for uid, source in checkup.iter_sources(connection):
        if end is not None and time.monotonic() > end:
            is_cut = True
            break
        looked += 1
        if not is_unchanged(source):
            lost.append(uid)
    if lost:
        yield Finding(
            name=_NAME,
            state=State.FAIL,
            text=f"{len(lost)} of {looked} looked at are gone or have changed: {some_of(lost)}",
            remedy="bring their disk back, or index them where they are now: "
            + command("index PATH --in-place", settings.root),
        )
    elif is_cut:
        yield Finding(
            name=_NAME,
            state=State.UNKNOWN,
            text=f"{looked} looked at in {timeout_s:g} s are as they were; there are more",
            remedy=command("doctor --all", settings.root),
        )
    elif looked:
        text = f"{count_text(looked, 'file')}, there and as registered"
        yield Finding(name=_NAME, state=State.PASS, text=text)
