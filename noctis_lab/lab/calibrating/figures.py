"""Static figures: from numbers to where marks stand, for a template that draws them as SVG."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

__all__ = ["Band", "Dot", "Figure", "Line", "place"]

WIDTH, HEIGHT = 420, 220
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 10, 10, 36
_TICKS: Final = 5
_MOST_MARKS: Final = 5_000
_WEEK_S: Final = 7 * 86_400.0

type Points = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line through points, in the figure's units; where a value is not finite it is broken."""

    points: Points
    kind: str = "line"  # its class: line, limit, average, fit, confidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Dot:
    """A mark, and what it says where a pointer rests."""

    x: float
    y: float
    words: str = ""
    kind: str = "dot"


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """From `low` to `high` at an x, as an accepted range is drawn."""

    x: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """Where everything stands, in units of the drawing."""

    title: str
    x_label: str
    y_label: str
    width: int = WIDTH
    height: int = HEIGHT
    left: int = _LEFT
    right: int = WIDTH - _RIGHT
    top: int = _TOP
    bottom: int = HEIGHT - _BOTTOM
    x_ticks: tuple[tuple[float, str], ...] = ()
    y_ticks: tuple[tuple[float, str], ...] = ()
    lines: tuple[tuple[str, str], ...] = ()  # class, points
    dots: tuple[tuple[float, float, str, str], ...] = ()  # x, y, class, words
    bands: tuple[tuple[float, float, float], ...] = ()  # x, top, height
    marks: tuple[tuple[float, str], ...] = field(default=())  # x, words: events


def place(
    title: str,
    labels: tuple[str, str],
    *,
    lines: Iterable[Line] = (),
    dots: Iterable[Dot] = (),
    bands: Iterable[Band] = (),
    marks: Iterable[tuple[float, str]] = (),
    are_dates: bool = False,
) -> Figure | None:
    """Return a figure with axes that hold all of its marks; None where there is none to draw.

    Parameters
    ----------
    labels
        Of x and y, with their units.
    are_dates
        x is seconds since 1970, and told as dates.
    """
    # The newest stand last, and are what a figure is looked at for.
    lines, dots, bands = list(lines), list(dots)[-_MOST_MARKS:], list(bands)
    x = _Axis.over(
        [p[0] for line in lines for p in line.points] + [dot.x for dot in dots],
        least_room=_WEEK_S if are_dates else 0.0,
    )
    y = _Axis.over(
        [p[1] for line in lines for p in line.points]
        + [dot.y for dot in dots]
        + [end for band in bands for end in (band.low, band.high)]
    )
    if x is None or y is None:
        return None
    right, bottom = WIDTH - _RIGHT, HEIGHT - _BOTTOM

    def to_x(value: float) -> float:
        return round(_LEFT + (right - _LEFT) * x.share(value), 1)

    def to_y(value: float) -> float:
        return round(bottom - (bottom - _TOP) * y.share(value), 1)

    name = _day if are_dates else _number
    return Figure(
        title=title,
        x_label=labels[0],
        y_label=labels[1],
        x_ticks=tuple((to_x(at), name(at)) for at in x.ticks(dates=are_dates)),
        y_ticks=tuple((to_y(at), _number(at)) for at in y.ticks()),
        lines=tuple(
            (line.kind, " ".join(f"{to_x(a)},{to_y(b)}" for a, b in piece))
            for line in lines
            for piece in _pieces(line.points)
        ),
        dots=tuple((to_x(d.x), to_y(d.y), d.kind, d.words) for d in dots if _is_real(d.x, d.y)),
        bands=tuple(
            (to_x(band.x), to_y(band.high), round(to_y(band.low) - to_y(band.high), 1))
            for band in bands
        ),
        marks=tuple((to_x(at), words) for at, words in marks if x.low <= at <= x.high),
    )


@dataclass(frozen=True, slots=True)
class _Axis:
    low: float
    high: float

    @classmethod
    def over(cls, values: Iterable[float], *, least_room: float = 0.0) -> _Axis | None:
        real = [value for value in values if math.isfinite(value)]
        if not real:
            return None
        low, high = min(real), max(real)
        room = max((high - low) * 0.05, least_room) or max(abs(high), 1.0) * 0.05
        return cls(low - room, high + room)

    def share(self, value: float) -> float:
        return (value - self.low) / (self.high - self.low)

    def ticks(self, *, dates: bool = False) -> list[float]:
        span = (self.high - self.low) / _TICKS
        if dates:
            step = max(1.0, round(span / 86_400)) * 86_400
        else:
            unit = 10.0 ** math.floor(math.log10(span))
            step = next(unit * n for n in (1, 2, 5, 10) if unit * n >= span)
        first = math.ceil(self.low / step)
        return [n * step for n in range(first, math.floor(self.high / step) + 1)]


def _pieces(points: Points) -> Iterable[Points]:
    piece: list[tuple[float, float]] = []
    for point in points:
        if _is_real(*point):
            piece.append(point)
        elif piece:
            yield piece
            piece = []
    if piece:
        yield piece


def _is_real(*values: float) -> bool:
    return all(math.isfinite(value) for value in values)


def _number(value: float) -> str:
    return f"{value + 0.0:.6g}"


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).date().isoformat()
