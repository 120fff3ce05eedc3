"""Columns of a catalogue's row as attributes of what the row is of."""

from __future__ import annotations

from typing import Any

__all__ = ["RowAttributes"]


class RowAttributes:
    """Answers to the names of its row's columns, each time as the row is then.

    Subclasses have `row`: ``series.Modality`` is ``series.row.Modality``.
    """

    #: Of which class of `noctis_lab.catalog.records` `row` is.
    _row_class: str

    def __getattr__(self, name: str) -> Any:
        if hasattr(type(self), name):
            # A property of its own failed by an AttributeError: that one is to be seen.
            return object.__getattribute__(self, name)
        kind = type(self).__name__
        if name.startswith("_"):
            raise AttributeError(f"{kind} has no attribute {name!r}", name=name, obj=self)
        columns = _columns(self._row_class)
        if name in columns:
            return getattr(self.row, name)
        more = f"; every element is in {kind.lower()}.tags()" if hasattr(self, "tags") else ""
        raise AttributeError(
            f"{kind} has no attribute {name!r}: its columns are {', '.join(columns)}{more}",
            name=name,
            obj=self,
        )

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *_columns(self._row_class)})


def _columns(row_class: str) -> tuple[str, ...]:
    # Imported where it is asked for: reading a header's module takes longer than opening a lab.
    from dataclasses import fields

    from noctis_lab.catalog import records

    return tuple(field.name for field in fields(getattr(records, row_class)))
