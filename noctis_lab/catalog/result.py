"""What a query answered: rows held in memory, shown and written in the forms people ask for."""

from __future__ import annotations

import csv
import html
import io
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, time
from pathlib import Path
from typing import Any, Literal, Self

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

__all__ = ["SUFFIXES", "Result", "write_result"]

#: Of files that a result is written to.
SUFFIXES = (".parquet", ".csv", ".json")

_SHOWN_ROWS = 20
_SHOWN_CHARACTERS = 60


class Result:
    """The rows of one query, all of them; nothing of the catalogue is held by it.

    Parameters
    ----------
    table
        As DuckDB gave it.
    """

    def __init__(self, table: pa.Table) -> None:
        self._table = _without_hugeints(table)

    @classmethod
    def from_rows(cls, columns: Mapping[str, pa.DataType], rows: Iterable[Sequence[Any]]) -> Self:
        """Return rows that no query gave, with the columns' names and types."""
        lists: list[list[Any]] = [[] for _ in columns]
        for row in rows:
            for values, value in zip(lists, row, strict=True):
                values.append(value)
        arrays = [pa.array(v, t) for v, t in zip(lists, columns.values(), strict=True)]
        return cls(pa.Table.from_arrays(arrays, names=list(columns)))

    @property
    def columns(self) -> list[str]:
        """The columns' names, in order."""
        return list(self._table.column_names)

    def __len__(self) -> int:
        return int(self._table.num_rows)

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return self._iter_rows(self._table)

    def fetchall(self) -> list[tuple[Any, ...]]:
        """Return every row as a tuple of Python values."""
        return list(self)

    def fetchone(self) -> tuple[Any, ...] | None:
        """Return the first row, None where there is none; the same row each time."""
        return next(self._iter_rows(self._table.slice(0, 1)), None)

    def df(self) -> Any:
        """Return a `pandas.DataFrame`; dates are datetime64.

        Whole numbers and truth values stay what they are where some are missing: such columns are
        pandas' Int64 and boolean, with NA, never floats.
        """
        frame = self._table.to_pandas(date_as_object=False)
        for index, column in enumerate(self._table.columns):
            if column.null_count and (dtype := _nullable_dtype(column.type)) is not None:
                # Not from the column that pandas has made of it: a float rounds above 2**53.
                filled = pc.fill_null(column, 0 if dtype == "Int64" else False)
                known = filled.to_pandas().astype(dtype)
                frame.isetitem(index, known.mask(pc.is_null(column).to_pandas()))
        return frame

    def to_arrow_table(self) -> pa.Table:
        """Return a pyarrow Table, without a copy."""
        return self._table

    def without_formulas(self) -> Self:
        """Return it with an apostrophe before texts that a spreadsheet would take for formulas.

        References
        ----------
        OWASP, CSV injection: texts that begin with = + - @, a tabulator or a carriage return.
        """
        table = self._table
        for index, column in enumerate(table.columns):
            if pa.types.is_string(column.type):
                escaped = pc.replace_substring_regex(column, r"^([=+\-@\t\r])", r"'\1")
                table = table.set_column(index, table.column_names[index], escaped)
        return type(self)(table)

    def to_text(self, format: Literal["table", "csv", "json"] = "table") -> str:  # noqa: A002
        """Return all rows as text.

        Parameters
        ----------
        format
            ``table`` for people; ``csv`` with several values of one field joined by a backslash,
            as DICOM does; ``json``: a list of objects, times in ISO 8601.
        """
        if format == "table":
            return self._as_table(len(self))
        if format == "csv":
            return self._as_csv()
        return json.dumps(
            [dict(zip(self.columns, map(_as_json, row), strict=True)) for row in self],
            ensure_ascii=False,
            indent=1,
        )

    def __repr__(self) -> str:
        shown = self._as_table(_SHOWN_ROWS)
        rest = len(self) - _SHOWN_ROWS
        return f"{shown}\n… {rest:,} more rows" if rest > 0 else shown

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{html.escape(name)}</th>" for name in self.columns)
        body = "".join(
            "<tr>" + "".join(f"<td>{html.escape(_as_text(value))}</td>" for value in row) + "</tr>"
            for row in self._iter_rows(self._table.slice(0, _SHOWN_ROWS))
        )
        rest = len(self) - _SHOWN_ROWS
        more = f"<p>… {rest:,} more rows</p>" if rest > 0 else ""
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}"

    @staticmethod
    def _iter_rows(table: pa.Table) -> Iterator[tuple[Any, ...]]:
        for batch in table.to_batches():
            columns = [column.to_pylist() for column in batch.columns]
            yield from zip(*columns, strict=True)

    def _as_table(self, limit: int) -> str:
        rows = [
            [_shorten(_as_text(value)) for value in row]
            for row in self._iter_rows(self._table.slice(0, limit))
        ]
        names = self.columns
        widths = [
            max([len(name), *(len(row[index]) for row in rows)]) for index, name in enumerate(names)
        ]
        lines = [names, ["─" * width for width in widths], *rows]
        return "\n".join(
            "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()
            for line in lines
        )

    def _as_csv(self) -> str:
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(self.columns)
        writer.writerows([_as_text(value) for value in row] for row in self)
        return text.getvalue()


def write_result(result: Result, path: Path) -> int:
    """Write a result as Parquet, CSV or JSON, by the file's suffix; return the rows written.

    Raises
    ------
    ValueError
        The suffix is none of ``.parquet``, ``.csv`` and ``.json``.
    """
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        pq.write_table(result.to_arrow_table(), path, compression="zstd")
    elif suffix in {".csv", ".json"}:
        format_: Literal["csv", "json"] = "csv" if suffix == ".csv" else "json"
        path.write_text(result.to_text(format_), encoding="utf-8")
    else:
        raise ValueError(
            f"{path.name}: the suffix says how to write it; .parquet, .csv or .json was expected"
        )
    return len(result)


def _without_hugeints(table: pa.Table) -> pa.Table:
    """Make int64 of DuckDB's 128-bit sums, which Arrow knows as decimals only, where they fit."""
    for index, column in enumerate(table.schema):
        if column.type == pa.decimal128(38, 0):
            try:
                whole = pc.cast(table.column(index), pa.int64())
            except pa.ArrowInvalid:
                continue
            table = table.set_column(index, column.name, whole)
    return table


def _nullable_dtype(type_: pa.DataType) -> str | None:
    """Return pandas' dtype for a type that its plain one has no room for nothing in."""
    if pa.types.is_signed_integer(type_):
        return "Int64"
    return "boolean" if pa.types.is_boolean(type_) else None


def _shorten(text: str) -> str:
    text = "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text
    )
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + "…"


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return "\\".join(map(_as_text, value))
    if isinstance(value, bytes):
        return value.hex()
    return str(value)


def _as_json(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list):
        return [_as_json(one) for one in value]
    if isinstance(value, dict):
        return {str(name): _as_json(one) for name, one in value.items()}
    if isinstance(value, date | datetime | time):
        return value.isoformat()
    if value is None or isinstance(value, bool | int | str):
        return value
    return _as_text(value)
