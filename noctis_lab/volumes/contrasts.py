"""What changes from plane to plane of one stack: parted where it is a contrast, else told. Pure."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from noctis_lab.volumes.frames import Frame
from noctis_lab.volumes.keys import CONTRASTS, REMARKS, Key
from noctis_lab.volumes.spread import Spread

__all__ = ["part_by_contrast", "varying_along"]


def part_by_contrast(spread: Spread) -> list[tuple[dict[str, str], list[Frame]]] | None:
    """Part frames whose contrast changes from place to place and is one at each of them.

    Parameters
    ----------
    spread
        Frames with all their facts.

    Returns
    -------
    list of (words, frames) or None
        By the first of their frames; `words` say what each part is, by what parted it. None where
        nothing parts them.

    Notes
    -----
    What tells frames at one place apart is left to `extra.explain_spread`. A number of which every
    place has its own (a flip angle that follows the slices) is a course, not two contrasts: it
    parts nothing, and `varying_along` names it.
    """
    keys = [key for key in CONTRASTS if _changes_between(spread, key)]
    if not keys:
        return None
    parts: dict[Hashable, list[Frame]] = {}
    for place in spread.places:
        for frame in place:
            parts.setdefault(tuple(key.value(frame) for key in keys), []).append(frame)
    return [
        ({key.name: key.words(key.value(frames[0])) for key in keys}, frames)
        for frames in parts.values()
    ]


def _changes_between(spread: Spread, key: Key) -> bool:
    """Return whether places differ in a key, of which each has one value."""
    found: set[Hashable] = set()
    for place in spread.places:
        values = {key.value(frame) for frame in place}
        if len(values) > 1:
            return False
        found |= values
    is_course = key.is_number and len(found) == len(spread.places) > 2
    return len(found) > 1 and not is_course


def varying_along(planes: Sequence[Sequence[Frame]]) -> tuple[str, ...]:
    """Return the names of what is stated otherwise of other planes of one volume.

    Parameters
    ----------
    planes
        For each index of a dim (one, where there is none) its frames, one for each place.
    """
    return tuple(
        dict.fromkeys(
            key.name
            for key in (*CONTRASTS, *REMARKS)
            if any(len({key.value(frame) for frame in plane}) > 1 for plane in planes)
        )
    )
