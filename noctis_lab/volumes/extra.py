"""Several frames at each place: which dim they make, or into which stacks they part. Pure.

Nothing is guessed: a dim is one whose values are the same at every place, or follow each other in
one order there. Of two things that vary, the one with fewer values parts the stacks.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from noctis_lab.volumes.contrasts import part_by_contrast
from noctis_lab.volumes.frames import Frame, Orientation, number_key
from noctis_lab.volumes.keys import (
    B_VALUE,
    DIMS,
    LAST_RESORT,
    PARTS,
    TRIGGER,
    Key,
    acquired_s,
    dimension_key,
    is_one_clock,
)
from noctis_lab.volumes.midnight import carry_over_midnight
from noctis_lab.volumes.spread import Spread, spread_frames

__all__ = ["Explained", "explain_spread"]

#: No heart beats as slowly: what is triggered over a longer time is a series over time.
_LONGEST_BEAT_MS = 3000.0
_MOST_PARTINGS = 3
_MOST_PARTS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """Frames of which each has a place, and an index along `dim` where there is one."""

    spread: Spread  # each place's frames in the order of the dim
    dim: str | None = None
    words: dict[str, str] = field(default_factory=dict)  # what parted it from others, by key


def explain_spread(spread: Spread, orientation: Orientation) -> list[Explained] | None:
    """Tell frames at one place from each other.

    Parameters
    ----------
    spread
        Frames with all their facts.
    orientation
        Theirs.

    Returns
    -------
    list of Explained or None
        One, or several where what varies parts them; None where nothing that is stated explains
        why frames share a place.
    """
    return _explain(carry_over_midnight(spread), orientation, _MOST_PARTINGS)


def _explain(spread: Spread, orientation: Orientation, depth: int) -> list[Explained] | None:
    contrasts = part_by_contrast(spread)
    if contrasts is not None and depth > 0:
        return _explain_contrasts(contrasts, orientation, depth)
    if spread.is_single:
        return [Explained(spread=spread)]
    varying = [key for key in (*PARTS, *DIMS) if _varies(spread, key)]
    parts = [key for key in varying if key.dim is None]
    dims = [key for key in varying if key.dim is not None]
    found = _part_by(spread, orientation, parts, depth)
    if found is None:
        found = _as_dim(spread, dims, may_mix=False)
    if found is None:
        found = _part_by_extent(spread, orientation, dims, depth)
    if found is None:
        by_count = sorted(dims, key=lambda key: len(_values(spread, key)))
        found = _part_by(spread, orientation, by_count, depth)
    if found is None:
        found = _as_dim(spread, dims, may_mix=True)
    if found is None:
        last = [key for key in LAST_RESORT if _varies(spread, key)]
        found = _part_by(spread, orientation, [*last, *_dimensions(spread)], depth)
    return found


def _dimensions(spread: Spread) -> list[Key]:
    """Return the dimensions of enhanced images that have the same indices at every place.

    What a private one points to nobody can read, but which frames belong together it tells.
    """
    found = []
    for pointer in spread.places[0][0].facts.dimensions:
        key = dimension_key(pointer)
        indices = {frozenset(key.value(frame) for frame in place) for place in spread.places}
        if len(indices) == 1 and None not in (alike := indices.pop()) and len(alike) > 1:
            found.append(key)
    return found


def _explain_contrasts(
    parts: Sequence[tuple[dict[str, str], Sequence[Frame]]], orientation: Orientation, depth: int
) -> list[Explained] | None:
    """Explain parts that may not be one array; None where one of them cannot be."""
    found: list[Explained] = []
    for words, frames in parts:
        explained = _explain(spread_frames(frames, orientation), orientation, depth - 1)
        if explained is None:
            return None
        found += [replace(one, words=words | one.words) for one in explained]
    return found


def _varies(spread: Spread, key: Key) -> bool:
    """Return whether a key tells frames at one place from each other."""
    return any(
        len({key.value(frame) for frame in place}) > 1 for place in spread.places if len(place) > 1
    )


def _values(spread: Spread, key: Key) -> set[Hashable]:
    return {key.value(frame) for place in spread.places for frame in place}


def _part_by(
    spread: Spread, orientation: Orientation, keys: Sequence[Key], depth: int
) -> list[Explained] | None:
    """Part by the first of some keys that leaves parts which are all explained."""
    if depth == 0:
        return None
    for key in keys:
        parts: dict[Hashable, list[Frame]] = {}
        for place in spread.places:
            for frame in place:
                parts.setdefault(key.value(frame), []).append(frame)
        if len(parts) > _MOST_PARTS:
            continue
        named = [(key.words(value), frames) for value, frames in parts.items()]
        found = _explain_all(named, orientation, depth)
        if found is not None:
            return [_worded(one, key.name, word) for word, ones in found for one in ones]
    return None


def _part_by_extent(
    spread: Spread, orientation: Orientation, keys: Sequence[Key], depth: int
) -> list[Explained] | None:
    """Part values that are stated at some places only from those that are stated at others.

    A series over time that was broken off is its whole volumes, and what there is of the last one.
    """
    if depth == 0:
        return None
    for key in keys:
        extents: dict[Hashable, list[int]] = {}
        for index, place in enumerate(spread.places):
            for frame in place:
                extents.setdefault(key.value(frame), []).append(index)
        by_extent: dict[tuple[int, ...], list[Frame]] = {}
        for place in spread.places:
            for frame in place:
                extent = tuple(extents[key.value(frame)])
                by_extent.setdefault(extent, []).append(frame)
        if not 1 < len(by_extent) < len(extents):
            continue
        words = _extent_words(spread, list(by_extent))
        found = _explain_all(list(zip(words, by_extent.values(), strict=True)), orientation, depth)
        if found is not None:
            return [_worded(one, "extent", word) for word, ones in found for one in ones]
    return None


def _extent_words(spread: Spread, extents: Sequence[tuple[int, ...]]) -> list[str]:
    words = [f"at {len(set(extent))} of {len(spread.places)} positions" for extent in extents]
    if len(set(words)) == len(words):
        return words
    return [
        f"{word}, from {spread.along_mm[extent[0]]:.2f} mm along the normal"
        for word, extent in zip(words, extents, strict=True)
    ]


def _explain_all(
    parts: Sequence[tuple[str, Sequence[Frame]]], orientation: Orientation, depth: int
) -> list[tuple[str, list[Explained]]] | None:
    """Explain each part; None where one of them cannot be."""
    found = []
    for word, frames in parts:
        explained = _explain(spread_frames(frames, orientation), orientation, depth - 1)
        if explained is None:
            return None
        found.append((word, explained))
    return found


def _worded(one: Explained, name: str, word: str) -> Explained:
    return replace(one, words={name: word} | one.words)


def _as_dim(spread: Spread, varying: Sequence[Key], *, may_mix: bool) -> list[Explained] | None:
    """Make all of it one array with a dim, where one key tells all frames of a place apart.

    Time tells apart whatever else varies with it: then it is a dim only where it `may_mix`.
    """
    is_mixed = not may_mix and any(key.dim != "time" for key in varying)
    for key in varying:
        assert key.dim is not None
        if key.dim == "time" and is_mixed:
            continue
        ordered = _ordered(spread, key)
        others = (other for other in varying if other is not key)
        if ordered is not None and all(_follows(ordered, other) for other in others):
            return [Explained(spread=ordered, dim=_dim_of(ordered, key))]
    in_time = None if is_mixed else _in_time(spread) or _numbered_in_time(spread)
    return None if in_time is None else [in_time]


def _ordered(spread: Spread, key: Key) -> Spread | None:
    """Return each place's frames by a key's values, which are the same everywhere; or None."""
    places: list[tuple[Frame, ...]] = []
    first: list[Hashable] | None = None
    for place in spread.places:
        ordered = _sorted_place(place, key)
        if ordered is None:
            return None
        values = [key.value(frame) for frame in ordered]
        if first is None:
            first = values
        elif values != first and not (key is TRIGGER and len(values) == len(first)):
            # A heart's beats are not of one length: triggered frames follow in order.
            return None
        places.append(ordered)
    return Spread(tuple(places), spread.along_mm, spread.typical_mm)


def _sorted_place(place: tuple[Frame, ...], key: Key) -> tuple[Frame, ...] | None:
    values = [key.value(frame) for frame in place]
    if any(value is None for value in values):
        return None
    if len(set(values)) == len(values):
        return tuple(sorted(place, key=key.value))  # type: ignore[arg-type]
    if key is not B_VALUE:
        return None
    # Images at one b-value are repeated: when they were acquired orders them.
    times: list[float | None] = [acquired_s(frame) for frame in place]
    if None in times or not is_one_clock([time for time in times if time is not None]):
        times = [frame.facts.temporal_index for frame in place]
    pairs = set(zip(values, times, strict=True))
    if None in times or len(pairs) != len(values):
        return None
    order = sorted(range(len(place)), key=lambda i: (values[i], times[i]))
    return tuple(place[index] for index in order)


def _follows(ordered: Spread, other: Key) -> bool:
    """Return whether another key is the same at every place for each index of a dim."""
    if other is TRIGGER:
        return True
    return all(len({other.value(frame) for frame in frames}) == 1 for frames in _along(ordered))


def _along(ordered: Spread) -> Iterator[tuple[Frame, ...]]:
    """Yield, for each index of a dim, the frames of all places."""
    return zip(*ordered.places, strict=True)


def _dim_of(ordered: Spread, key: Key) -> str:
    assert key.dim is not None
    if key is not TRIGGER:
        return key.dim
    found = [
        frame.facts.trigger_ms
        for place in ordered.places
        for frame in place
        if frame.facts.trigger_ms is not None
    ]
    return "time" if max(found) - min(found) > _LONGEST_BEAT_MS else key.dim


def _in_time(spread: Spread) -> Explained | None:
    """Order frames by when they were acquired, where volume follows volume."""
    if len({len(place) for place in spread.places}) > 1:
        return None
    found = [acquired_s(frame) for place in spread.places for frame in place]
    known = [time for time in found if time is not None]
    if len(known) < len(found) or not is_one_clock(known):
        return None
    places = []
    for place in spread.places:
        if len({acquired_s(frame) for frame in place}) < len(place):
            return None
        places.append(tuple(sorted(place, key=lambda frame: acquired_s(frame) or 0.0)))
    ordered = Spread(tuple(places), spread.along_mm, spread.typical_mm)
    latest = None
    for frames in _along(ordered):
        times_s = [time for frame in frames if (time := acquired_s(frame)) is not None]
        if latest is not None and min(times_s) <= latest:
            return None
        latest = max(times_s)
    return Explained(spread=ordered, dim="time")


def _numbered_in_time(spread: Spread) -> Explained | None:
    """Order frames by number where as many time points are stated as each place has frames.

    GE states how many there are, and numbers volume after volume, but no frame's own.
    """
    counts = {frame.facts.temporal_count for place in spread.places for frame in place}
    numbers = [[frame.row.InstanceNumber for frame in place] for place in spread.places]
    if any(None in place for place in numbers) or counts != {len(place) for place in numbers}:
        return None
    ordered = Spread(
        tuple(tuple(sorted(place, key=number_key)) for place in spread.places),
        spread.along_mm,
        spread.typical_mm,
    )
    latest = -math.inf
    for frames in _along(ordered):
        volume = [number for frame in frames if (number := frame.row.InstanceNumber) is not None]
        if min(volume) <= latest:
            return None
        latest = max(volume)
    return Explained(spread=ordered, dim="time")
