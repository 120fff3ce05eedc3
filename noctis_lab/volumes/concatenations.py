"""Multi-frame images that were cut into parts of which some are not here. Pure; no I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from noctis_lab.dicom.concatenation import Concatenation
from noctis_lab.volumes.frames import Frame

__all__ = ["find_incomplete"]

_MOST_LISTED = 8


def find_incomplete(frames: Sequence[Frame]) -> Mapping[str, str]:
    """Return the concatenations that lack a part, or frames between their parts.

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
    parts: dict[str, dict[int, tuple[Concatenation, int]]] = {}
    for frame in frames:
        part = frame.facts.concatenation
        if part is not None:
            parts.setdefault(part.uid, {})[part.number] = (part, frame.layout.frames)
    told = {uid: _missing_parts(here) or _missing_frames(here) for uid, here in parts.items()}
    return {
        uid: f"{missing}; its frames are no whole volume until they are here; read single images "
        "by Instance.stored()"
        for uid, missing in told.items()
        if missing is not None
    }


def _missing_parts(here: Mapping[int, tuple[Concatenation, int]]) -> str | None:
    total = max(max(part.number, part.total or 0) for part, _ in here.values())
    missing = sorted(set(range(1, total + 1)) - set(here))
    if not missing:
        return None
    listed = ", ".join(map(str, missing[:_MOST_LISTED])) + (
        ", …" if len(missing) > _MOST_LISTED else ""
    )
    return (
        f"of the {total} parts of a concatenation (InConcatenationNumber) {len(missing)} are "
        f"missing: {listed}"
    )


def _missing_frames(here: Mapping[int, tuple[Concatenation, int]]) -> str | None:
    """Tell of frames between two parts; parts that state less than came before are let be."""
    before = 0
    for number, (part, count) in sorted(here.items()):
        if part.offset is not None and part.offset > before:
            return (
                f"{part.offset - before} frame(s) before part {number} of a concatenation are "
                f"missing (ConcatenationFrameOffsetNumber is {part.offset}, {before} are here)"
            )
        before += count
    return None
