"""What a viewer is told of something that lies over a series' images; no pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from noctis_lab.volumes.coloured.layers import Layer

__all__ = ["MOST_SEGMENTS", "Colouring", "ColouringDescription", "ShownSegment", "color_of"]

#: Segments that one of them may have: a list of more is no list that is read.
MOST_SEGMENTS = 1000
#: Of segments that state none, in order: far apart in hue and none of them grey, red first since
#: most have one segment.
_PALETTE = (
    "#ff5c5c",
    "#4db6ff",
    "#ffd23f",
    "#5ed37a",
    "#d48cff",
    "#ff9a3c",
    "#3fe0d0",
    "#ff8ac4",
    "#b5e34a",
    "#8fa3ff",
    "#e0b48a",
    "#8de8a8",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownSegment:
    """One segment: its number in the object, what it is called, and "#rrggbb"."""

    number: int
    label: str
    color: str
    meaning: str | None = None  # SegmentedPropertyType, or a category


@dataclass(frozen=True, slots=True, kw_only=True)
class ColouringDescription:
    """What lies over the images, and how it came to lie there.

    Attributes
    ----------
    overlay
        What it is called: a SOPInstanceUID; ``planes`` for the images' own overlay planes; what
        Python called a mask.
    kind
        ``BINARY``, ``FRACTIONAL``, ``LABELMAP`` (SegmentationType), ``OVERLAY`` or ``MASK``.
    name
        SeriesDescription of the segmentation, or another name for people.
    segments
        Label k of the pixels is the k-th of them, from 1.
    refusal
        Why it is not shown, in a sentence; None where it is.
    note
        What there is to know of how it lies there.
    revision
        Another text where its pixels, or the images, are other ones.
    """

    overlay: str
    kind: str
    name: str
    segments: tuple[ShownSegment, ...]
    refusal: str | None = None
    note: str | None = None
    revision: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return it as what `json.dumps` takes."""
        return asdict(self)


class Colouring(Protocol):
    """Something that lies over the frames of a series, in the order in which they are shown."""

    @property
    def description(self) -> ColouringDescription:
        """What there is to know of it."""

    def layers(self, index: int) -> Sequence[Layer]:
        """Return the labels over one frame."""


def color_of(stated: str | None, place: int) -> str:
    """Return a segment's colour: what it states, else the palette's of its place, from 0."""
    return stated or _PALETTE[place % len(_PALETTE)]
