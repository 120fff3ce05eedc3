"""What cards are made of: fields, notes, pictures, elements and tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from noctis_lab.volumes.badges import Badge

__all__ = [
    "ArchiveCard",
    "Column",
    "ElementLine",
    "Field",
    "Note",
    "Picture",
    "SelectionCard",
    "SeriesCard",
    "StudyCard",
    "Table",
    "TableRow",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A fact with its label; `is_code` where it is a UID or a path."""

    label: str
    text: str
    is_code: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A sentence that speaks up, and the word it begins with."""

    kind: Literal["warn", "info", "none"]
    title: str
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """An image of a series as a data URI; `label` says which one it is."""

    uri: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ElementLine:
    """One element of a data set, its value cut."""

    path: str
    tag: str
    VR: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of a table: a short heading, and the keyword or column it shows.

    One that `keeps` its width is not cut where a table is too wide.
    """

    heading: str
    name: str
    is_number: bool = False
    keeps: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRow:
    """A row of a table."""

    cells: tuple[str, ...]
    badges: tuple[Badge, ...] = ()
    picture: Picture | None = None
    awaits_picture: bool = False  # it took too long, or cannot be made
    uid: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows, and how many more there are that are not shown."""

    columns: tuple[Column, ...]
    rows: tuple[TableRow, ...]
    more: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesCard:
    """A series at a glance."""

    SeriesInstanceUID: str
    patient: str
    modality: str
    line: str  # description, number, images, size
    fields: tuple[Field, ...]
    badges: tuple[Badge, ...]
    notes: tuple[Note, ...]
    main: Picture | None = None
    awaits_picture: bool = False
    is_late: bool = False  # something took too long, and is there the next time
    strip: tuple[Picture, ...] = ()
    elements: tuple[ElementLine, ...] = ()
    element_count: int = 0
    elements_of: str = ""  # which instance they are of


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyCard:
    """A study at a glance."""

    StudyInstanceUID: str
    patient: str
    line: str
    modalities: tuple[str, ...]
    fields: tuple[Field, ...]
    badges: tuple[Badge, ...]
    series: Table


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectionCard:
    """A selection at a glance."""

    title: str
    where: tuple[Field, ...]
    table: Table
    hints: tuple[tuple[str, str], ...]  # code, what it does
    empty: str  # what to do where nothing was found


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveCard:
    """An archive at a glance."""

    root: str
    is_empty: bool
    fields: tuple[Field, ...]
    recent: Table
    hints: tuple[tuple[str, str], ...]
