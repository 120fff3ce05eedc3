"""Which planes of a segmentation lie on which images: pixel on pixel, or nowhere. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from noctis_lab.dicom.geometry import is_same_orientation, plane_normal
from noctis_lab.dicom.segmentation import SegmentFrame
from noctis_lab.volumes.frames import Frame, has_place

__all__ = ["Cut", "cut_by_place", "cut_by_source"]

#: Of a pixel, or of the distance of planes: positions are decimal strings, which writers round.
_OFF = 0.05
_SAME_SPACING = 1e-4


class Cut(NamedTuple):
    """A frame of a segmentation on an image: its first pixel lies on that row and column."""

    frame: int
    row: int
    column: int


def cut_by_place(
    images: Sequence[Frame], frames: Sequence[SegmentFrame]
) -> Mapping[int, list[Cut]] | None:
    """Find, by their places in the patient, on which images the frames of a segmentation lie.

    Parameters
    ----------
    images
        In the order in which they are shown; several may have one place (a series over time).
    frames
        Of the segmentation.

    Returns
    -------
    mapping of int to list of Cut, or None
        By the image's index; None where a frame lies on no image, or between the pixels of one.
    """
    if not frames or not all(has_place(frame.plane) for frame in frames):
        return None
    placed = [index for index, image in enumerate(images) if has_place(image.facts.plane)]
    found: dict[int, list[Cut]] = defaultdict(list)
    first = frames[0].plane
    assert first.orientation is not None
    assert first.pixel_spacing_mm is not None
    alike = [index for index in placed if _is_alike(images[index], frames[0])]
    if not alike or not all(_is_alike_plane(frame, frames[0]) for frame in frames):
        return None
    origins = np.array([images[index].facts.plane.position_mm for index in alike])
    normal = np.array(plane_normal(first.orientation))
    heights = origins @ normal
    order = np.argsort(heights, kind="stable")
    heights = heights[order]
    tolerance_mm = _OFF * _typical_step(heights, min(first.pixel_spacing_mm))
    for number, frame in enumerate(frames):
        place = np.array(frame.plane.position_mm)
        low, high = np.searchsorted(
            heights, [place @ normal - tolerance_mm, place @ normal + tolerance_mm]
        )
        cuts = [
            (alike[at], _offset(place - origins[at], first.orientation, first.pixel_spacing_mm))
            for at in order[low:high].tolist()
        ]
        on = [(index, offset) for index, offset in cuts if offset is not None]
        if not on:
            return None
        for index, offset in on:
            assert offset is not None
            found[index].append(Cut(number, *offset))
    return found


def cut_by_source(
    images: Sequence[Frame], frames: Sequence[SegmentFrame], matrix: tuple[int, int]
) -> Mapping[int, list[Cut]] | None:
    """Find on which images the frames lie by the instances that they name, without any place.

    Parameters
    ----------
    images, frames
        As `cut_by_place`.
    matrix
        (rows, columns) of the segmentation's frames.

    Returns
    -------
    mapping of int to list of Cut, or None
        None where a frame names no image of these, one of several frames, or one of another size.
    """
    index_of: dict[str, list[int]] = defaultdict(list)
    for index, image in enumerate(images):
        index_of[image.row.SOPInstanceUID].append(index)
    found: dict[int, list[Cut]] = defaultdict(list)
    for number, frame in enumerate(frames):
        on = [index for uid in frame.SourceInstanceUIDs for index in index_of.get(uid, ())]
        if not on or any(images[index].matrix != matrix for index in on):
            return None
        if any(len(index_of[images[index].row.SOPInstanceUID]) > 1 for index in on):
            return None
        for index in on:
            found[index].append(Cut(number, 0, 0))
    return found or None


def _is_alike(image: Frame, frame: SegmentFrame) -> bool:
    one, other = image.facts.plane, frame.plane
    assert one.orientation is not None
    assert other.orientation is not None
    return is_same_orientation(one.orientation, other.orientation) and _is_same_spacing(
        one.pixel_spacing_mm, other.pixel_spacing_mm
    )


def _is_alike_plane(one: SegmentFrame, other: SegmentFrame) -> bool:
    assert one.plane.orientation is not None
    assert other.plane.orientation is not None
    return is_same_orientation(one.plane.orientation, other.plane.orientation) and _is_same_spacing(
        one.plane.pixel_spacing_mm, other.plane.pixel_spacing_mm
    )


def _is_same_spacing(one: tuple[float, float] | None, other: tuple[float, float] | None) -> bool:
    assert one is not None
    assert other is not None
    return all(abs(a - b) <= _SAME_SPACING * b for a, b in zip(one, other, strict=True))


def _typical_step(heights: NDArray[np.float64], spacing_mm: float) -> float:
    steps = np.diff(heights)
    apart = steps[steps > 1e-3]
    return float(np.median(apart)) if len(apart) else spacing_mm


def _offset(
    away_mm: NDArray[np.float64],
    orientation: tuple[float, float, float, float, float, float],
    spacing_mm: tuple[float, float],
) -> tuple[int, int] | None:
    along, down = np.array(orientation).reshape(2, 3)
    pixels = np.array([away_mm @ down / spacing_mm[0], away_mm @ along / spacing_mm[1]])
    whole = np.rint(pixels)
    if np.abs(pixels - whole).max() > _OFF:
        return None
    return int(whole[0]), int(whole[1])
