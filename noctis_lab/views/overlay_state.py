"""What lies over the images of a view, and how it is shown; typed values, no names, no pixels."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

__all__ = ["STYLES", "OverlayState"]

#: How segments are drawn: filled with an outline, filled, outline alone.
STYLES = ("both", "fill", "outline")
_NAME = re.compile(r"[A-Za-z0-9.-]{1,64}")
_MOST_HIDDEN = 1000
_LARGEST_NUMBER = 0xFFFF  # SegmentNumber is US; groups of overlay planes are 16 bits too


@dataclass(frozen=True, slots=True, kw_only=True)
class OverlayState:
    """What lies over the images, and how it is shown.

    Attributes
    ----------
    overlay
        A segmentation's SOPInstanceUID, ``planes`` for the images' own overlay planes (60xx), or
        what a mask in memory is called; empty: the first that there is.
    shown
        Whether it is.
    opacity
        Of a segment's fill, 0 to 1.
    style
        One of `STYLES`.
    hidden
        Numbers of the segments that are not shown, ascending.

    Raises
    ------
    TypeError, ValueError
        A part is of another type, or out of its range.
    """

    overlay: str = ""
    shown: bool = True
    opacity: float = 0.4
    style: str = "both"
    hidden: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.overlay, str) or not (
            self.overlay == "" or _NAME.fullmatch(self.overlay)
        ):
            raise ValueError("what lies over the images is called by a UID or a short name")
        if not isinstance(self.shown, bool):
            raise TypeError("shown is neither true nor false")
        if isinstance(self.opacity, bool) or not isinstance(self.opacity, int | float):
            raise TypeError("opacity is no number")
        if not 0 <= self.opacity <= 1:
            raise ValueError("opacity is not from 0 to 1")
        if self.style not in STYLES:
            raise ValueError(f"style is none of {', '.join(STYLES)}")
        object.__setattr__(self, "opacity", float(self.opacity))
        object.__setattr__(self, "hidden", _read_hidden(self.hidden))

    @classmethod
    def from_dict(cls, said: Any) -> Self | None:
        """Return the state of a JSON object as `to_dict` gives it; None of None.

        Raises
        ------
        TypeError, ValueError
            A part is of another type, or out of its range.
        """
        if said is None:
            return None
        if not isinstance(said, Mapping):
            raise TypeError("overlay is no mapping of overlay, shown, opacity, style and hidden")
        names = ("overlay", "shown", "opacity", "style", "hidden")
        return cls(**{name: said[name] for name in names if name in said})

    def to_dict(self) -> dict[str, Any]:
        """Return it as what `json.dumps` takes, as the client knows it."""
        return {
            "overlay": self.overlay,
            "shown": self.shown,
            "opacity": self.opacity,
            "style": self.style,
            "hidden": list(self.hidden),
        }


def _read_hidden(value: Any) -> tuple[int, ...]:
    if not isinstance(value, list | tuple) or len(value) > _MOST_HIDDEN:
        raise ValueError(f"hidden is no list of at most {_MOST_HIDDEN} segment numbers")
    for number in value:
        is_whole = isinstance(number, int) and not isinstance(number, bool)
        if not is_whole or not 0 <= number <= _LARGEST_NUMBER:
            raise ValueError(f"a segment's number is no whole one of 0 to {_LARGEST_NUMBER}")
    return tuple(sorted(set(value)))
