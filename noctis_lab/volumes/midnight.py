"""Moments of a series that went over midnight though no date says so. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise

from noctis_lab.volumes.frames import Frame
from noctis_lab.volumes.keys import acquired_s
from noctis_lab.volumes.spread import Spread

__all__ = ["carry_over_midnight"]

_DAY_S = 86_400.0

type _Number = Callable[[Frame], int | None]

_NUMBERS: tuple[_Number, ...] = (
    lambda frame: frame.facts.acquisition_number,
    lambda frame: frame.row.InstanceNumber,
)


def carry_over_midnight(spread: Spread) -> Spread:
    """Return a spread whose moments go over midnight, where numbers tell that they do.

    Parameters
    ----------
    spread
        Frames by place.

    Returns
    -------
    Spread
        The same one where moments lie within half a day, on several days, or are not all stated.
        Where more than half a day lies between two of them, and at every place the frames that are
        late by the clock bear the lower numbers (AcquisitionNumber, else InstanceNumber), midnight
        was there: the others are a day later, or without a date these a day earlier, in negative
        seconds. Where numbers follow neither this nor the clock, moments order nothing and are
        taken away.
    """
    begin_s = _after_the_gap(spread)
    late = [{_is_late(frame, begin_s) for frame in place} for place in spread.places]
    crossed = [place for place, sides in zip(spread.places, late, strict=True) if len(sides) > 1]
    if not crossed:
        return spread
    for number in _NUMBERS:
        if _follow(crossed, number, begin_s, late_first=True):
            if begin_s < _DAY_S:
                return _moved(spread, lambda time: time - (_DAY_S if time >= begin_s else 0))
            return _moved(spread, lambda time: time + (_DAY_S if time < begin_s else 0))
        if _follow(crossed, number, begin_s, late_first=False):
            return spread
    return _moved(spread, lambda _: None)


def _after_the_gap(spread: Spread) -> float:
    """Return the first moment after more than half a day without any; infinite where none is."""
    times_s = [acquired_s(frame) for place in spread.places for frame in place]
    known = sorted({time for time in times_s if time is not None})
    if None in times_s or not known or known[0] // _DAY_S != known[-1] // _DAY_S:
        return math.inf
    gap_s, begin_s = max(((b - a, b) for a, b in pairwise(known)), default=(0.0, 0.0))
    return begin_s if gap_s > _DAY_S / 2 else math.inf


def _is_late(frame: Frame, begin_s: float) -> bool:
    time_s = acquired_s(frame)
    return time_s is not None and time_s >= begin_s


def _follow(
    places: Sequence[tuple[Frame, ...]], number: _Number, begin_s: float, *, late_first: bool
) -> bool:
    """Return whether at every place all frames of one side of the gap come before the other's."""
    for place in places:
        first, second = list[int](), list[int]()
        for frame in place:
            value = number(frame)
            if value is None:
                return False
            (first if _is_late(frame, begin_s) is late_first else second).append(value)
        if max(first) >= min(second):
            return False
    return True


def _moved(spread: Spread, move: Callable[[float], float | None]) -> Spread:
    def moved(frame: Frame) -> Frame:
        time_s = acquired_s(frame)
        changed = None if time_s is None else move(time_s)
        return replace(frame, facts=replace(frame.facts, acquired_s=changed))

    return replace(spread, places=tuple(tuple(map(moved, place)) for place in spread.places))
