"""Multi-frame images that were cut into parts of which some are not here. Pure; no I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from noctis_lab.volumes.frames import Frame

__all__ = ["find_incomplete"]

_MOST_LISTED = 8


def find_incomplete(frames: Sequence[Frame]) -> Mapping[str, str]:
    """Return the concatenations that lack a part.

    Parameters
    ----------
    frames
        Of one series.

    Returns
    -------
    mapping of str to str
        ConcatenationUID to what is missing, in one sentence. Without InConcatenationTotalNumber
        what would follow the last part that is here is not known to be missing.

    References
    ----------
    :dcm:`PS3.3 C.7.6.16.2.2.4 <part03/sect_C.7.6.16.2.html>`
    """
    numbers: dict[str, set[int]] = {}
    totals: dict[str, int] = {}
    for frame in frames:
        part = frame.facts.concatenation
        if part is not None:
            numbers.setdefault(part.uid, set()).add(part.number)
            totals[part.uid] = max(totals.get(part.uid, 0), part.number, part.total or 0)
    incomplete = {}
    for uid, here in numbers.items():
        missing = sorted(set(range(1, totals[uid] + 1)) - here)
        if missing:
            listed = ", ".join(map(str, missing[:_MOST_LISTED]))
            more = ", …" if len(missing) > _MOST_LISTED else ""
            incomplete[uid] = (
                f"of the {totals[uid]} parts of a concatenation (InConcatenationNumber) "
                f"{len(missing)} are missing: {listed}{more}; its frames are no whole volume until "
                "they are here; read single images by Instance.stored()"
            )
    return incomplete
