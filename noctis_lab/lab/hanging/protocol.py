"""A hanging protocol as typed values: when it applies, how panes stand, what each shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from noctis_lab.lab.hanging.conditions import Condition

__all__ = [
    "LAYOUTS",
    "LINKS",
    "PaneRule",
    "Protocol",
    "Selector",
    "SeriesRule",
    "WindowRule",
    "panes_of",
]

#: How panes may stand; of the viewer's layouts those whose panes show series.
LAYOUTS: Final = ("1x1", "1x2", "2x1", "1x3", "3x1", "2x2", "2x3", "3x2", "3x3", "mpr")
LINKS: Final = ("position", "window", "zoom")

type Conditions = Mapping[str, Condition]


def panes_of(layout: str) -> int:
    """Return how many panes a layout has."""
    if layout == "mpr":
        return 4
    rows, columns = layout.split("x")
    return int(rows) * int(columns)


@dataclass(frozen=True, slots=True, kw_only=True)
class Selector:
    """Which series, and which of its images: all conditions hold.

    Attributes
    ----------
    conditions
        Of columns of the series.
    image
        Of columns of an instance; the first image of which they hold is shown.
    """

    conditions: Conditions = field(default_factory=dict)
    image: Conditions = field(default_factory=dict)

    def to_plain(self) -> dict[str, Any]:
        """Return it as it is written."""
        said = _plain(self.conditions)
        return said | {"image": _plain(self.image)} if self.image else said


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesRule:
    """So many series of a study are so; the least is 1 where nothing is said."""

    selector: Selector
    at_least: int = 1
    at_most: int | None = None

    def to_plain(self) -> dict[str, Any]:
        """Return it as it is written."""
        said = self.selector.to_plain()
        if self.at_least == 1 and self.at_most is None:
            return said
        count: dict[str, int] = {"at_least": self.at_least}
        return said | {
            "count": count if self.at_most is None else count | {"at_most": self.at_most}
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowRule:
    """A window in modality values, or a preset's name (Hounsfield units: it is of CT alone)."""

    center: float = 0.0
    width: float = 1.0
    function: str = "LINEAR"
    preset: str | None = None

    def to_plain(self) -> Any:
        """Return it as it is written."""
        if self.preset is not None:
            return self.preset
        said: dict[str, Any] = {"center": self.center, "width": self.width}
        return said if self.function == "LINEAR" else said | {"function": self.function}


@dataclass(frozen=True, slots=True, kw_only=True)
class PaneRule:
    """What one pane shows.

    Attributes
    ----------
    series
        The first of them that finds a series says which; none: the next that no pane shows yet.
    nth
        Which of the series that a selector finds, from 1, in `order`.
    order
        A column, with a minus for descending; series without a value come last.
    is_empty
        It shows nothing.
    is_unseen
        Only a series that no pane before shows.
    is_required
        Where no series is found the protocol does not apply; else the pane stays empty.
    at
        Which image of the stack, from 1; 0 the first, -1 the last, None the middle one.
    extra
        Which place along time, echoes, b-values, counted so; None: as `at` says.
    window, colormap
        None: the series' own, and the modality's usual.
    rotation_deg
        0, 90, 180 or 270, clockwise.
    """

    series: tuple[Selector, ...] = ()
    nth: int = 1
    order: str = "SeriesNumber"
    is_empty: bool = False
    is_unseen: bool = False
    is_required: bool = False
    at: int | None = None
    extra: int | None = None
    window: WindowRule | None = None
    colormap: str | None = None
    inverted: bool = False
    rotation_deg: int = 0
    flipped: bool = False

    def to_plain(self) -> dict[str, Any]:
        """Return it as it is written; what is as usual is left out."""
        series = [each.to_plain() for each in self.series]
        usual = PaneRule()
        said: dict[str, Any] = {}
        if series:
            said["series"] = series[0] if len(series) == 1 else series
        for name, key in _KEYS.items():
            value = getattr(self, name)
            if value != getattr(usual, name):
                said[key] = _place(value) if name in ("at", "extra") else value
        return said if self.window is None else said | {"window": self.window.to_plain()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """When it applies to a study, and how that is hung.

    Attributes
    ----------
    name
        1 to 100 printable characters.
    study
        Conditions of the study's columns; all hold.
    series
        The study has such series; all hold.
    layout
        One of `LAYOUTS`.
    link
        What panes share, of `LINKS`.
    panes
        Row by row; those of the layout for which there is no rule show the next series. Of "mpr"
        the first rule says the series of all.
    """

    name: str
    description: str = ""
    study: Conditions = field(default_factory=dict)
    series: tuple[SeriesRule, ...] = ()
    layout: str = "1x1"
    link: tuple[str, ...] = ()
    panes: tuple[PaneRule, ...] = ()

    def to_plain(self) -> dict[str, Any]:
        """Return it as JSON's values, as `reading.read_protocol` takes them."""
        match: dict[str, Any] = {"study": _plain(self.study)} if self.study else {}
        if self.series:
            match["series"] = [rule.to_plain() for rule in self.series]
        said: dict[str, Any] = {"name": self.name}
        if self.description:
            said["description"] = self.description
        said |= {"match": match, "layout": self.layout}
        if self.link:
            said["link"] = list(self.link)
        return said | {"panes": [pane.to_plain() for pane in self.panes]}

    def to_yaml(self) -> str:
        """Return it as the text of a file."""
        return str(yaml.safe_dump(self.to_plain(), sort_keys=False, allow_unicode=True, width=100))


_KEYS: Final = {
    "is_empty": "empty",
    "nth": "nth",
    "order": "order",
    "is_unseen": "unseen",
    "is_required": "required",
    "at": "at",
    "extra": "extra",
    "colormap": "colormap",
    "inverted": "inverted",
    "rotation_deg": "rotation_deg",
    "flipped": "flipped",
}


def _plain(conditions: Conditions) -> dict[str, Any]:
    return {name: condition.to_plain() for name, condition in conditions.items()}


def _place(value: int) -> int | str:
    return {0: "first", -1: "last"}.get(value, value)
