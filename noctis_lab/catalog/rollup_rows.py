"""Rows of the commit tier's rollups and small tables, as `relations.ROLLUPS` types them."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any, NamedTuple

import pyarrow as pa
from sqlalchemy import Connection, RowMapping, Select, func, select

from noctis_lab.catalog import schema
from noctis_lab.catalog.columns import Kind, typed_value
from noctis_lab.catalog.instants import to_instant
from noctis_lab.catalog.measurements import MeasurementRow, figures_by_column
from noctis_lab.catalog.relations import ROLLUPS
from noctis_lab.catalog.snapshot import as_timestamp, in_pieces

__all__ = [
    "WholeTable",
    "read_receipts",
    "read_series",
    "read_studies",
    "read_whole_tables",
    "tabulate_measurements",
]

type Rows = list[tuple[Any, ...]]

_TIMES = {name for table in ROLLUPS.values() for name in table.names if name.endswith("_at")}
_DAYS = {"StudyDate", "PatientBirthDate"}


def read_studies(connection: Connection, study_keys: Collection[int] | None) -> Rows:
    """Return rows of `study`; None for all of them."""
    return _read(connection, "study", select(schema.study), schema.study.c.study_key, study_keys)


def read_series(connection: Connection, study_keys: Collection[int] | None) -> Rows:
    """Return the rows of `series` of some studies; None for all of them."""
    study, series = schema.study, schema.series
    statement = select(series, study.c.StudyInstanceUID).join(
        study, study.c.study_key == series.c.study_key
    )
    return _read(connection, "series", statement, series.c.study_key, study_keys)


def read_receipts(connection: Connection, known: int, after: int) -> tuple[Rows, int, int]:
    """Return receipts after the first of each instance, how many there are, and the latest's time.

    Parameters
    ----------
    known, after
        The count and the latest time of the last call. Where the difference explains the count
        only new rows are returned, else all.
    """
    table = schema.receipt
    count = connection.execute(select(func.count()).select_from(table)).scalar_one()
    if count == known:
        return [], count, after
    instance, series, study = schema.instance, schema.series, schema.study
    statement = (
        select(
            study.c.StudyInstanceUID,
            series.c.SeriesInstanceUID,
            instance.c.SOPInstanceUID,
            schema.origin.c.facility,
            schema.origin.c.calling_aet,
            schema.origin.c.called_aet,
            schema.origin.c.source.label("receipt_source"),
            table.c.received_at,
        )
        .join(instance, instance.c.instance_key == table.c.instance_key)
        .join(series, series.c.series_key == instance.c.series_key)
        .join(study, study.c.study_key == series.c.study_key)
        .join(schema.origin, schema.origin.c.origin_key == table.c.origin_key)
    )
    newest = connection.execute(select(func.max(table.c.received_at))).scalar_one() or 0
    rows = _rows(connection, "receipt", statement.where(table.c.received_at > after))
    if known + len(rows) != count:
        rows = _rows(connection, "receipt", statement)
    return rows, count, newest


class WholeTable(NamedTuple):
    """A table that is read as a whole, with what tells that it is still the same."""

    mark: tuple[int, ...] | None  # None: read at each refresh
    rows: Rows


def read_whole_tables(
    connection: Connection, known: Mapping[str, WholeTable]
) -> dict[str, WholeTable]:
    """Return the tables of who sends, who may see and what was kept aside.

    Parameters
    ----------
    known
        What the last call returned; a table whose mark stands is not read again.

    Notes
    -----
    Grants and the quarantine grow with the archive, and no row of theirs changes: their count is
    the mark. A collision only counts up. A grant never goes; where something has left the
    quarantine, which an event tells, the caller leaves that table out of `known`.
    """
    study, origin, quarantine = schema.study, schema.origin, schema.quarantine
    access, collision = schema.study_access, schema.collision
    statements: dict[str, Select[Any]] = {
        "facilities": select(schema.facility),
        "senders": select(schema.sender),
        "unknown_senders": select(schema.unknown_sender),
        "study_access": select(study.c.StudyInstanceUID, access.c.facility).join(
            study, study.c.study_key == access.c.study_key
        ),
        "collisions": select(study.c.StudyInstanceUID, collision).join(
            study, study.c.study_key == collision.c.study_key
        ),
        "quarantine": select(quarantine, origin.c.facility, origin.c.calling_aet).join(
            origin, origin.c.origin_key == quarantine.c.origin_key
        ),
    }
    counted = {"study_access": access, "quarantine": quarantine}
    marks: dict[str, Select[Any]] = {
        name: select(func.count()).select_from(table) for name, table in counted.items()
    }
    total = func.coalesce(func.sum(collision.c.instance_count), 0)
    marks["collisions"] = select(func.count(), total).select_from(collision)
    return {
        "measurements": _read_measurements(connection, known.get("measurements")),
        **{
            name: _read_whole(connection, name, statement, marks.get(name), known.get(name))
            for name, statement in statements.items()
        },
    }


def _read_measurements(connection: Connection, known: WholeTable | None) -> WholeTable:
    """Return the measurements that are not deleted; each state of one is a version more."""
    table, versions = schema.measurement, schema.measurement_version
    mark = (int(connection.execute(select(func.count()).select_from(versions)).scalar_one()),)
    if known is not None and known.mark == mark:
        return known
    places = {name: at for at, name in enumerate(ROLLUPS["measurements"].names)}
    uid_at, updated_at = places["MeasurementUID"], places["updated_at"]
    rows = {(row[uid_at], row[updated_at]): row for row in (known.rows if known else ())}
    standing = [
        (uid, as_timestamp(instant))
        for uid, instant in connection.execute(
            select(table.c.MeasurementUID, table.c.updated_at)
            .where(table.c.deleted_at.is_(None))
            .order_by(table.c.created_at, table.c.MeasurementUID)
        )
    ]
    # Of thousands one or two have changed; to parse them all takes a second.
    for piece in in_pieces([uid for uid, at in standing if (uid, at) not in rows]):
        statement = select(table.c.document).where(table.c.MeasurementUID.in_(piece))
        for text in connection.execute(statement).scalars():
            row = _measured(MeasurementRow.from_json(json.loads(text)))
            rows[row[uid_at], row[updated_at]] = row
    return WholeTable(mark, [rows[key] for key in standing])


def tabulate_measurements(rows: Sequence[MeasurementRow]) -> pa.Table:
    """Return measurements, kept or not, as the view `measurements` has them, in their order."""
    schema_ = ROLLUPS["measurements"]
    columns = zip(*map(_measured, rows), strict=True) if rows else ([] for _ in schema_)
    arrays = [
        pa.array(list(values), kind) for values, kind in zip(columns, schema_.types, strict=True)
    ]
    return pa.Table.from_arrays(arrays, schema=schema_)


def _measured(row: MeasurementRow) -> tuple[Any, ...]:
    own = {each.name: getattr(row, each.name) for each in fields(row)}
    found = figures_by_column(row) | own
    for name in ("created_at", "updated_at"):
        found[name] = as_timestamp(to_instant(found[name]))
    return tuple(found.get(name) for name in ROLLUPS["measurements"].names)


def _read_whole(
    connection: Connection,
    name: str,
    statement: Select[Any],
    marking: Select[Any] | None,
    known: WholeTable | None,
) -> WholeTable:
    mark = None if marking is None else tuple(map(int, connection.execute(marking).one()))
    if known is not None and mark is not None and known.mark == mark:
        return known
    return WholeTable(mark, _rows(connection, name, statement))


def _read(
    connection: Connection,
    name: str,
    statement: Select[Any],
    key: Any,
    keys: Collection[int] | None,
) -> Rows:
    if keys is None:
        return _rows(connection, name, statement)
    return [
        row
        for piece in in_pieces(sorted(keys))
        for row in _rows(connection, name, statement.where(key.in_(piece)))
    ]


def _rows(connection: Connection, name: str, statement: Select[Any]) -> Rows:
    return list(_typed(connection.execute(statement).mappings(), ROLLUPS[name].names))


def _typed(rows: Any, names: list[str]) -> Iterator[tuple[Any, ...]]:
    for row in rows:
        yield tuple([_value(row, name) for name in names])


def _value(row: RowMapping, name: str) -> Any:
    value = row[name]
    if name in _TIMES:
        return as_timestamp(value)
    if name in _DAYS:
        return typed_value(Kind.DATE, value, None)
    if name == "modalities":
        return [part for part in value.split("\\") if part]
    return value
