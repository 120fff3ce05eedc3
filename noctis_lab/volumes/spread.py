"""Where the frames of one orientation lie along their normal, and which share a place. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from noctis_lab.dicom.geometry import plane_normal
from noctis_lab.volumes.frames import Frame, Orientation, number_key

__all__ = ["JITTER_TOLERANCE", "SAME_POSITION_MM", "Spread", "spread_frames"]

#: A plane may lie this far from its regular place, as a part of the spacing.
JITTER_TOLERANCE = 0.01
#: Positions are decimal strings: nearer than this, two planes lie at one place.
SAME_POSITION_MM = 1e-4
#: Planes of one volume are not farther apart: what is wider is a gap, and no measure of jitter.
_WIDEST_STEP_MM = 20.0


@dataclass(frozen=True, slots=True)
class Spread:
    """Places along a normal, ascending, and the frames at each of them, by number."""

    places: tuple[tuple[Frame, ...], ...]
    along_mm: NDArray[np.float64]  # of each place: its first frame's
    typical_mm: float  # median distance of neighbouring places; NaN where there is one

    @property
    def is_single(self) -> bool:
        """Whether no two frames share a place."""
        return all(len(place) == 1 for place in self.places)


def spread_frames(frames: Sequence[Frame], orientation: Orientation) -> Spread:
    """Sort frames along the normal of their planes.

    Parameters
    ----------
    frames
        All with a position.
    orientation
        Theirs.

    References
    ----------
    :dcm:`PS3.3 C.7.6.2.1.1 <part03/sect_C.7.6.2.html>`
    """
    normal = plane_normal(orientation)
    placed = []
    for frame in frames:
        position_mm = frame.facts.plane.position_mm
        assert position_mm is not None
        along_mm = math.sumprod(position_mm, normal)
        # Planes at one place may differ in the last bit: then their numbers order them.
        placed.append((round(along_mm / SAME_POSITION_MM), number_key(frame), along_mm, frame))
    placed.sort(key=lambda one: one[:2])
    along = np.array([one[2] for one in placed])
    apart_mm = np.diff(along)
    typical_mm = _typical_mm(along)
    near_mm = SAME_POSITION_MM
    if not math.isnan(typical_mm):
        near_mm = max(near_mm, JITTER_TOLERANCE * min(typical_mm, _WIDEST_STEP_MM))
    starts = [0, *(int(index) + 1 for index in np.flatnonzero(apart_mm > near_mm))]
    ends = [*starts[1:], len(placed)]
    return Spread(
        places=tuple(
            tuple(sorted((one[3] for one in placed[start:end]), key=number_key))
            if end - start > 1
            else (placed[start][3],)
            for start, end in zip(starts, ends, strict=True)
        ),
        along_mm=along[starts],
        typical_mm=typical_mm,
    )


def _typical_mm(along_mm: NDArray[np.float64]) -> float:
    """Return the median distance of neighbouring places; NaN where there is one place.

    Parameters
    ----------
    along_mm
        ndarray of float64, ascending; planes at one place may differ by the jitter.

    Notes
    -----
    Planes are of one place if they lie within the jitter that a step of the series allows. The
    step is sought from the largest one down, for of planes in pairs half of the steps are jitter,
    and of planes over time nearly all. A step is too large (a gap) as long as whole parts of the
    series would come to lie at one place by it.
    """
    apart_mm = np.diff(along_mm)
    largest_mm = float(apart_mm.max(initial=0.0))
    near_mm = max(JITTER_TOLERANCE * min(largest_mm, _WIDEST_STEP_MM), SAME_POSITION_MM)
    while True:
        starts = np.concatenate(([0], np.flatnonzero(apart_mm > near_mm) + 1))
        ends = np.append(starts[1:], len(along_mm)) - 1
        if near_mm == SAME_POSITION_MM or np.all(along_mm[ends] - along_mm[starts] <= near_mm):
            break
        near_mm = max(near_mm / 2, SAME_POSITION_MM)
    if len(starts) < 2:
        return math.nan
    # Of two middle steps the shorter: their mean would be the distance of no planes.
    apart_mm = np.sort(np.diff(along_mm[starts]))
    return float(apart_mm[(len(apart_mm) - 1) // 2])
