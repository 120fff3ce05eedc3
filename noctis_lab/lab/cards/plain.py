"""Cards as text: aligned, of at most 80 columns, as wide characters are counted by a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

from rich.cells import cell_len, set_cell_size

from noctis_lab.lab.cards.parts import (
    ArchiveCard,
    Column,
    Field,
    SelectionCard,
    SeriesCard,
    StudyCard,
    Table,
)
from noctis_lab.volumes.badges import Badge

__all__ = ["archive_text", "selection_text", "series_text", "study_text"]

_WIDTH = 80
_LABEL = 12
_HINT = 30
_NARROWEST = 4
_GAP = "  "


def series_text(card: SeriesCard) -> str:
    """Return a series' card as text."""
    modality = f" {card.modality}" if card.modality else ""
    told = [badge for badge in card.badges if badge.kind == "pass"]
    return "\n".join(
        [
            _fitted(f"<noctis_lab.Series{modality}: {card.patient}>"),
            _fitted(f"{_GAP}{card.line}"),
            *_field_lines(card.fields),
            *_wrapped("Geometry", [badge.sentence for badge in told]),
            *_wrapped("Note", [f"{note.title}. {note.sentence}" for note in card.notes]),
            *_wrapped("UID", [card.SeriesInstanceUID]),
            *_wrapped("Go on", [".view()   .load()   .tags()   .instances"]),
        ]
    )


def study_text(card: StudyCard) -> str:
    """Return a study's card as text."""
    modalities = f" {'/'.join(card.modalities)}" if card.modalities else ""
    return "\n".join(
        [
            _fitted(f"<noctis_lab.Study{modalities}: {card.patient}>"),
            _fitted(f"{_GAP}{card.line}"),
            *_field_lines(card.fields),
            *_wrapped("UID", [card.StudyInstanceUID]),
            *_table_lines(card.series, ".series.df()"),
            *_wrapped("Go on", [".series[0]   .series.df()"]),
        ]
    )


def selection_text(card: SelectionCard) -> str:
    """Return a selection's card as text."""
    said = ", ".join(
        field.text if field.label == "…" else f"{field.label}={field.text}" for field in card.where
    )
    title = f"{card.title} where {said}" if said else card.title
    if not card.table.rows:
        return f"{_fitted(title)}\n{_GAP}{card.empty}"
    return "\n".join([_fitted(title), *_table_lines(card.table, ".df()")])


def archive_text(card: ArchiveCard) -> str:
    """Return an archive's card as text."""
    return "\n".join(
        [
            f"<noctis_lab.Lab {card.root} (open)>",
            *_field_lines(card.fields),
            *_table_lines(card.recent, "lab.studies()"),
            *(["  The archive is empty. To fill it, in a terminal:"] if card.is_empty else []),
            *(line for code, what in card.hints for line in _hint_lines(code, what)),
        ]
    )


def _hint_lines(code: str, what: str) -> list[str]:
    if len(code) <= _HINT:
        return [_fitted(f"{_GAP}{code:<{_HINT}}  {what}")]
    return [f"{_GAP}{code}", _fitted(f"{_GAP * 2}{what}")]  # what is to be copied stays whole


def _field_lines(fields: Iterable[Field]) -> list[str]:
    return [line for field in fields for line in _wrapped(field.label, [field.text])]


def _wrapped(label: str, texts: Sequence[str]) -> list[str]:
    lines = [
        line
        for text in texts
        for line in textwrap.wrap(text, _WIDTH - _LABEL - len(_GAP), break_on_hyphens=False)
    ]
    return [
        _fitted(f"{_GAP}{label if number == 0 else '':<{_LABEL}}{line}")
        for number, line in enumerate(lines)
    ]


def _table_lines(table: Table, all_of_them: str) -> list[str]:
    if not table.rows:
        return []
    columns, rows = table.columns, [[*row.cells] for row in table.rows]
    if any(row.badges for row in table.rows):
        columns = (*columns, Column(heading="Checks", name="badges", keeps=True))
        rows = [
            [*cells, _badge_words(row.badges)] for cells, row in zip(rows, table.rows, strict=True)
        ]
    widths = _widths(columns, rows)
    lines = [[column.heading for column in columns], ["─" * width for width in widths], *rows]
    found = [
        (
            _GAP
            + _GAP.join(
                _cell(text, width, is_number=column.is_number)
                for text, width, column in zip(line, widths, columns, strict=True)
            )
        ).rstrip()
        for line in lines
    ]
    return [*found, f"{_GAP}… {table.more:,} more: {all_of_them}"] if table.more > 0 else found


def _badge_words(badges: Sequence[Badge]) -> str:
    speaking = [badge.text for badge in badges if badge.kind != "pass"]
    return ", ".join(speaking or ["ok"] * bool(badges))


def _widths(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> list[int]:
    """Return the columns' widths: as wide as they are, until the widest have to give way."""
    widths = [
        max(cell_len(column.heading), *(cell_len(row[index]) for row in rows))
        for index, column in enumerate(columns)
    ]
    excess = sum(widths) - (_WIDTH - len(_GAP) * len(columns))
    elastic = [
        index for index, column in enumerate(columns) if not (column.is_number or column.keeps)
    ]
    while excess > 0 and elastic:
        widest = max(elastic, key=lambda index: widths[index])
        if widths[widest] <= _NARROWEST:
            break
        widths[widest] -= 1
        excess -= 1
    return widths


def _cell(text: str, width: int, *, is_number: bool) -> str:
    if cell_len(text) > width:
        return set_cell_size(text, width - 1) + "…"
    pad = " " * (width - cell_len(text))
    return pad + text if is_number else text + pad


def _fitted(text: str) -> str:
    return text if cell_len(text) <= _WIDTH else set_cell_size(text, _WIDTH - 1).rstrip() + "…"
