"""Frames parted by what may not be mixed in one array, before anyone asks for an order. Pure."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass

from noctis_lab.dicom.geometry import closest_plane, is_same_orientation, plane_normal
from noctis_lab.volumes.frames import Frame, Orientation, has_place, number_key

__all__ = ["Group", "orientation_words", "split_frames"]

_SPACING_TOLERANCE = 1e-4
#: Tolerances are looked at among so many values; of more, each stands for itself.
_MOST_COMPARED = 256
#: Within a tenth of a degree of a patient's axis.
_ALONG_AXIS = 1 - 1.5e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Frames that may lie in one array; `words` say, by aspect, what they are."""

    frames: tuple[Frame, ...]  # by number
    orientation: Orientation | None  # None: without a place in the patient
    spacing_mm: tuple[float, float] | None  # (row, column)
    words: dict[str, str]


def split_frames(frames: Sequence[Frame]) -> list[Group]:
    """Part frames by matrix, colour, polarity, place, stack, orientation and pixel spacing.

    Parameters
    ----------
    frames
        Of one series, in any order.

    Returns
    -------
    list of Group
        By their first frames' numbers. Frames without a usable place are together where their
        matrix is one; a multi-frame instance of such frames stands alone, and whole: also where
        it states one place, which is its first frame's.

    References
    ----------
    :dcm:`PS3.3 C.7.6.2 <part03/sect_C.7.6.2.html>`,
    :dcm:`PS3.3 C.7.6.16.2.2 <part03/sect_C.7.6.16.2.2.html>`: StackID
    """
    placed: list[Frame] = []
    found: dict[Hashable, list[Frame]] = {}
    cines = _with_one_place(frames)
    for frame in frames:
        if frame.row.sha256 not in cines and has_place(frame.facts.plane):
            placed.append(frame)
        else:
            alone = frame.row.SOPInstanceUID if frame.layout.frames > 1 else None
            found.setdefault((*_pixel_key(frame), alone), []).append(frame)
    groups = [_unplaced_group(members) for members in found.values()]
    groups += _split_placed(placed)
    return sorted(groups, key=lambda group: number_key(group.frames[0]))


def _with_one_place(frames: Sequence[Frame]) -> set[bytes]:
    """Return the multi-frame instances of which the first frame alone has a place, by hash."""
    placed: dict[bytes, list[int]] = {}
    for frame in frames:
        if frame.layout.frames > 1 and has_place(frame.facts.plane):
            placed.setdefault(frame.row.sha256, []).append(frame.index)
    return {sha256 for sha256, indices in placed.items() if indices == [0]}


def orientation_words(orientation: Orientation) -> str:
    """Return the patient's plane that an orientation is nearest to, in a word or two."""
    along = max(abs(part) for part in plane_normal(orientation))
    plane = closest_plane(orientation)
    return plane if along >= _ALONG_AXIS else f"{plane}, oblique"


def _split_placed(frames: Sequence[Frame]) -> list[Group]:
    planes = [frame.facts.plane for frame in frames]
    orientations = _representatives(
        [plane.orientation for plane in planes if plane.orientation is not None],
        is_same_orientation,
    )
    spacings = _representatives(
        [plane.pixel_spacing_mm for plane in planes if plane.pixel_spacing_mm is not None],
        _is_same_spacing,
    )
    found: dict[Hashable, list[Frame]] = {}
    for frame, plane in zip(frames, planes, strict=True):
        assert plane.orientation is not None
        assert plane.pixel_spacing_mm is not None
        facts = frame.facts
        key = (
            *_pixel_key(frame),
            facts.frame_of_reference_uid,
            facts.stack_id,
            orientations[plane.orientation],
            spacings[plane.pixel_spacing_mm],
        )
        found.setdefault(key, []).append(frame)
    return [_placed_group(members, orientations, spacings) for members in found.values()]


def _representatives[T](values: Iterable[T], is_same: Callable[[T, T], bool]) -> dict[T, T]:
    """Return for each value the one that stands for it: of those alike, the most frequent."""
    counts = Counter(values)
    standing: list[T] = []
    found: dict[T, T] = {}
    for value in sorted(counts, key=lambda value: (-counts[value], value)):
        near = (other for other in standing[:_MOST_COMPARED] if is_same(other, value))
        found[value] = next(near, value)
        if found[value] == value:
            standing.append(value)
    return found


def _is_same_spacing(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return all(
        math.isclose(a, b, rel_tol=_SPACING_TOLERANCE) for a, b in zip(one, other, strict=True)
    )


def _placed_group(
    members: list[Frame],
    orientations: dict[Orientation, Orientation],
    spacings: dict[tuple[float, float], tuple[float, float]],
) -> Group:
    facts = members[0].facts
    assert facts.plane.orientation is not None
    assert facts.plane.pixel_spacing_mm is not None
    orientation = orientations[facts.plane.orientation]
    row_mm, column_mm = spacings[facts.plane.pixel_spacing_mm]
    words = _pixel_words(members[0]) | {
        "frame of reference": f"frame of reference {facts.frame_of_reference_uid or 'not stated'}",
        "stack": f"StackID {facts.stack_id or 'not stated'}",
        "orientation": orientation_words(orientation),
        "direction": "direction " + "\\".join(f"{cosine:.4g}" for cosine in orientation),
        "pixel spacing": f"pixels of {row_mm:.4g} × {column_mm:.4g} mm",
    }
    return Group(
        frames=tuple(sorted(members, key=number_key)),
        orientation=orientation,
        spacing_mm=(row_mm, column_mm),
        words=words,
    )


def _unplaced_group(members: list[Frame]) -> Group:
    frames = tuple(sorted(members, key=number_key))
    return Group(
        frames=frames,
        orientation=None,
        spacing_mm=None,
        words=_pixel_words(frames[0])
        | {"orientation": "no place in the patient"}
        | (
            {"instance": f"instance {frames[0].row.SOPInstanceUID}"}
            if len(frames) > 1 and frames[0].layout.frames > 1
            else {}
        ),
    )


def _pixel_key(frame: Frame) -> tuple[Hashable, ...]:
    # PS3.3 C.7.6.3.1.2: the least value is white in MONOCHROME1, and black in MONOCHROME2.
    return frame.matrix, frame.is_color, _is_inverted(frame)


def _is_inverted(frame: Frame) -> bool:
    return frame.layout.photometric_interpretation == "MONOCHROME1"


def _pixel_words(frame: Frame) -> dict[str, str]:
    rows, columns = frame.matrix
    grey = "grey, MONOCHROME1" if _is_inverted(frame) else "grey"
    return {
        "matrix": f"{rows} × {columns} pixels",
        "pixels": "colour" if frame.is_color else grey,
    }
