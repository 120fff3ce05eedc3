"""The plan of a series: which arrays its frames make, and what stands against one. Pure; no I/O."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from noctis_lab.catalog.records import InstanceRow
from noctis_lab.errors import CannotStack, DuplicatePositions, UnsupportedSeries
from noctis_lab.volumes.concatenations import find_incomplete
from noctis_lab.volumes.contrasts import varying_along
from noctis_lab.volumes.extra import Explained, explain_spread
from noctis_lab.volumes.extra_coords import extra_of, extra_of_unplaced
from noctis_lab.volumes.frames import Frame, frames_of_rows, number_key, rows_say_all
from noctis_lab.volumes.other_objects import require_images
from noctis_lab.volumes.placement import find_placement
from noctis_lab.volumes.split import Group, split_frames
from noctis_lab.volumes.spread import Spread, spread_frames
from noctis_lab.volumes.stack import Stack

__all__ = ["MOST_FRAMES", "Duplicates", "Plan", "ReadFrames", "Refused", "plan_frames", "plan_rows"]

#: Twice what the longest series of functional MR have; half a minute of planning.
MOST_FRAMES = 1 << 18

#: Which of several frames at one place is taken, where nothing tells them apart.
type Duplicates = Literal["first", "last"]
#: Gives the frames of instances with all that their headers say.
type ReadFrames = Callable[[Sequence[InstanceRow]], Sequence[Frame]]


@dataclass(frozen=True, slots=True)
class Refused:
    """Frames that make no array, and why; `spread` where they have places in the patient."""

    error: CannotStack
    spread: Spread | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a series' frames make: arrays, in order of number, and what could not be made one."""

    SeriesInstanceUID: str
    stacks: tuple[Stack, ...]
    refused: tuple[Refused, ...] = ()


def plan_rows(
    rows: Sequence[InstanceRow],
    read: ReadFrames,
    *,
    FrameOfReferenceUID: str | None,
    duplicates: Duplicates | None = None,
) -> Plan:
    """Plan a series from its thin rows; headers are read only where these do not tell.

    Parameters
    ----------
    rows
        All instances of one series, in any order; those without pixels are left out.
    read
        Reads headers: of multi-frame instances and mosaics, and where frames share a place or
        differ in what makes a contrast.
    FrameOfReferenceUID
        Of the series, where its first instance states one.
    duplicates
        As `plan_frames`.

    Raises
    ------
    NoPixels, UnsupportedSeries
        No instance is an image; as `other_objects.require_images`.
    """
    images = require_images(rows)
    if rows_say_all(images, FrameOfReferenceUID=FrameOfReferenceUID):
        groups = split_frames(frames_of_rows(images))
        spreads = [_spread(group) for group in groups]
        is_told = all(spread is None or spread.is_single for spread in spreads)
        if is_told and all(_is_one_contrast(group) for group in groups):
            return _plan(images[0].SeriesInstanceUID, groups, spreads, duplicates)
    return plan_frames(read(images), duplicates=duplicates)


def plan_frames(frames: Sequence[Frame], *, duplicates: Duplicates | None = None) -> Plan:
    """Plan a series from frames with all their facts.

    Parameters
    ----------
    frames
        At least one, in any order, and at most `MOST_FRAMES`.
    duplicates
        Of frames at one place that nothing tells apart take the first or the last, by
        InstanceNumber; None refuses them.

    Returns
    -------
    Plan
        Stacks are right-handed and ascend along the normal of their planes.

    Raises
    ------
    UnsupportedSeries
        There are more frames.

    References
    ----------
    :dcm:`PS3.3 C.7.6.2.1.1 <part03/sect_C.7.6.2.html>`: Image Position and Image Orientation.
    """
    frames = _with_incomplete_refused(frames)
    sound = [frame for frame in frames if frame.facts.refusal is None]
    if len(frames) > MOST_FRAMES:
        raise UnsupportedSeries(
            frames[0].row.SeriesInstanceUID,
            f"{len(frames)} frames, and no more than {MOST_FRAMES} are planned together",
        )
    groups = split_frames(sound)
    spreads = [_spread(group) for group in groups]
    plan = _plan(frames[0].row.SeriesInstanceUID, groups, spreads, duplicates)
    return replace(plan, refused=(*plan.refused, *_refused_by_facts(frames)))


def _with_incomplete_refused(frames: Sequence[Frame]) -> Sequence[Frame]:
    """Say of the frames of a concatenation that lacks a part why they make no array."""
    incomplete = find_incomplete(frames)
    if not incomplete:
        return frames
    told = []
    for frame in frames:
        part, facts = frame.facts.concatenation, frame.facts
        why = None if part is None else incomplete.get(part.uid)
        refusal = facts.refusal or why
        told.append(replace(frame, facts=replace(facts, refusal=refusal)))
    return told


def _is_one_contrast(group: Group) -> bool:
    """Return whether all rows of a group state the same of what makes a contrast."""
    digests = {frame.row.contrast_digest for frame in group.frames}
    # An older program kept none: then a lone frame alone is known to be one contrast.
    return len(digests) == 1 and (None not in digests or len(group.frames) == 1)


def _refused_by_facts(frames: Sequence[Frame]) -> list[Refused]:
    by_reason: dict[str, list[Frame]] = {}
    for frame in frames:
        if frame.facts.refusal is not None:
            by_reason.setdefault(frame.facts.refusal, []).append(frame)
    return [
        Refused(
            UnsupportedSeries(
                members[0].row.SeriesInstanceUID,
                reason,
                SOPInstanceUIDs=tuple(dict.fromkeys(one.row.SOPInstanceUID for one in members)),
            )
        )
        for reason, members in by_reason.items()
    ]


def _spread(group: Group) -> Spread | None:
    if group.orientation is None:
        return None
    return spread_frames(group.frames, group.orientation)


def _plan(
    uid: str,
    groups: Sequence[Group],
    spreads: Sequence[Spread | None],
    duplicates: Duplicates | None,
) -> Plan:
    stacks: list[Stack] = []
    refused: list[Refused] = []
    for group, spread in zip(groups, spreads, strict=True):
        if spread is None:
            stacks.append(_unplaced(uid, group))
            continue
        try:
            stacks += _placed(uid, group, spread, duplicates)
        except CannotStack as error:
            refused.append(Refused(error, spread))
    stacks.sort(key=lambda stack: min(number_key(frame) for frame in stack.frames))
    return Plan(SeriesInstanceUID=uid, stacks=_tell_apart(stacks), refused=tuple(refused))


def _unplaced(uid: str, group: Group) -> Stack:
    first = group.frames[0]
    return Stack(
        SeriesInstanceUID=uid,
        frames=group.frames,
        matrix=first.matrix,
        is_color=first.is_color,
        placement=None,
        extra=extra_of_unplaced(group.frames),
        words=group.words,
    )


def _placed(uid: str, group: Group, spread: Spread, duplicates: Duplicates | None) -> list[Stack]:
    assert group.orientation is not None
    explained = explain_spread(spread, group.orientation)
    if explained is None and duplicates is not None:
        which = 0 if duplicates == "first" else -1
        chosen = [place[which] for place in spread.places]
        explained = [Explained(spread=spread_frames(chosen, group.orientation))]
    if explained is None:
        raise _duplicates(uid, spread)
    return [_stack(uid, group, one) for one in explained]


def _stack(uid: str, group: Group, explained: Explained) -> Stack:
    assert group.orientation is not None
    assert group.spacing_mm is not None
    spread, first = explained.spread, explained.spread.places[0][0]
    planes = list(zip(*spread.places, strict=True))
    return Stack(
        SeriesInstanceUID=uid,
        frames=tuple(frame for plane in planes for frame in plane),
        matrix=first.matrix,
        is_color=first.is_color,
        placement=find_placement(spread, group.orientation, group.spacing_mm, first.matrix),
        extra=None if explained.dim is None else extra_of(explained.dim, planes),
        words=group.words | explained.words,
        varying=varying_along(planes),
    )


def _duplicates(uid: str, spread: Spread) -> DuplicatePositions:
    shared = [place for place in spread.places if len(place) > 1]
    concerned = [frame.row.SOPInstanceUID for place in shared for frame in place]
    named = tuple(dict.fromkeys(concerned))
    return DuplicatePositions(
        uid,
        f"{len(concerned)} frames share {len(shared)} position(s), and nothing that they state "
        f"tells which belong together: {', '.join(named[:4])}{' …' if len(named) > 4 else ''}"
        f"{_orphans(frame for place in shared for frame in place)}; "
        'load with duplicates="first" or "last" to take one at each position',
        SOPInstanceUIDs=named,
    )


def _orphans(frames: Iterable[Frame]) -> str:
    groups = sorted({group for frame in frames for group in frame.facts.orphaned_groups})
    if not groups:
        return ""
    elements = " and ".join(f"({group},xxxx)" for group in groups)
    return (
        f"; private elements {elements} have lost their creators, as de-identification may do, so "
        "that a maker's b-value or label in them cannot be read: take a copy that has them"
    )


def _tell_apart(stacks: Sequence[Stack]) -> tuple[Stack, ...]:
    """Say of each stack what parts it from the others."""
    if len(stacks) < 2:
        return tuple(stacks)
    names = dict.fromkeys(name for stack in stacks for name in stack.words)
    counts = {name: len({stack.words.get(name) for stack in stacks}) for name in names}
    differing = [name for name in names if counts[name] > 1]
    if counts.get("direction", 0) == counts.get("orientation"):
        differing = [name for name in differing if name != "direction"]  # said in a word
    return tuple(
        replace(
            stack,
            parted_by=tuple(stack.words[name] for name in differing if name in stack.words),
        )
        for stack in stacks
    )
