"""What a process mirrors of the commit tier in its DuckDB, and how that is brought up to date.

Each refresh reads one snapshot of the commit tier and closes it, then changes DuckDB in one
transaction. It costs one PRAGMA where nothing was committed, and else goes with what changed:
events name the studies, `wide_key` the new wide rows, `record_number` the new records of
calibration, the register the new files, and counts say whether grants, collisions and the
quarantine, which are read as a whole, have grown.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import batched
from typing import Any

import duckdb
import pyarrow as pa
from sqlalchemy import Connection, func, select

from noctis_lab.catalog import schema
from noctis_lab.catalog.columnar import BATCH_INSTANCES
from noctis_lab.catalog.columnar_files import columnar_folder
from noctis_lab.catalog.hu_rows import read_new
from noctis_lab.catalog.relations import ROLLUPS, columnar_views, rollup_views
from noctis_lab.catalog.rollup_rows import (
    WholeTable,
    read_receipts,
    read_series,
    read_studies,
    read_whole_tables,
)
from noctis_lab.catalog.snapshot import WideInstance, read_wide
from noctis_lab.catalog.store import Catalog
from noctis_lab.catalog.workspace import (
    add_stored,
    add_wide,
    append,
    create_table,
    create_workspace,
    drop_series,
    fold_series,
    forget_raw,
)
from noctis_lab.dicom.uids import uid_key
from noctis_lab.events import QuarantineSettled

__all__ = ["Mirror"]

#: More news than this, and all rollups are read anew.
_MOST_EVENTS = 5_000
#: Unfolded elements kept for series that may grow; beyond it those at rest are let go.
_MOST_RAW_ROWS = 2_000_000
_HELD = pa.schema([("stem", pa.string()), ("series_key", pa.int64())])

type Rows = list[tuple[Any, ...]]


@dataclass(slots=True)
class _State:
    """How far DuckDB's tables are; replaced as a whole once a refresh is committed."""

    event_id: int = 0
    wide_key: int = 0
    receipt_count: int = 0
    receipt_at: int = 0
    hu_record: int = 0
    whole: dict[str, WholeTable] = field(default_factory=dict)
    files: dict[str, int] = field(default_factory=dict)  # stem → rows, those not replaced
    held: dict[int, tuple[str, int]] = field(default_factory=dict)  # series → stem, instances
    live: dict[int, str | None] = field(default_factory=dict)  # series with wide rows → its stem
    without_raw: set[int] = field(default_factory=set)
    views: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class _News:
    """One snapshot's difference from a state."""

    study_keys: set[int] | None  # None: all
    studies: Rows
    series: Rows
    receipts: Rows
    receipts_are_all: bool
    hu: dict[str, Rows]
    wide: list[WideInstance]
    gone: set[int]  # series to take out: at rest in Parquet, or to be put in anew
    arrived: set[int]  # series to be put in with their Parquet rows


class Mirror:
    """The tables `base.*` and the views over them; one thread at a time refreshes it.

    Parameters
    ----------
    con
        An empty in-memory database; it is the caller's to close.
    catalog
        What is mirrored.
    """

    def __init__(self, con: duckdb.DuckDBPyConnection, catalog: Catalog) -> None:
        self._con = con
        self._catalog = catalog
        self._folder = columnar_folder(catalog.root)
        self._state: _State | None = None
        self._token = object()  # this mirror's mark on the driver's connections

    def refresh(self) -> None:
        """Bring every view to the present; what was acknowledged before the call is seen."""
        with self._catalog.connections.read() as connection:
            # The version of one connection only tells of others' commits, and readers never write:
            # unchanged since this connection's last refresh means nothing was committed at all.
            marks = connection.info
            version = connection.exec_driver_sql("PRAGMA data_version").scalar_one()
            if self._state is not None and marks.get(self._token) == version:
                return
            old = _State() if self._state is None else self._state
            new, news = self._read(connection, old)
        is_first = self._state is None
        self._state = None  # stays so where anything below fails: the next refresh begins anew
        self._con.execute("BEGIN")
        try:
            if is_first:
                self._create()
            self._apply(old, new, news)
            self._con.execute("COMMIT")
        except BaseException:
            with suppress(duckdb.Error):  # the database may have gone altogether
                self._con.execute("ROLLBACK")
            raise
        self._state = new
        marks[self._token] = version

    # ------------------------------------------------------------ reading

    def _read(self, connection: Connection, old: _State) -> tuple[_State, _News]:
        study_keys, event_id, was_settled = _changed_studies(connection, old.event_id)
        files, held = _read_register(connection, old)
        live = _live_series(connection)
        again = {
            key
            for key, stem in old.live.items()
            if key in live and (held.get(key, (None,))[0] != stem)
        }
        wide = list(read_wide(connection, after=old.wide_key))
        again |= {entry.facts["series_key"] for entry in wide} & old.without_raw
        if again:
            wide = [entry for entry in wide if entry.facts["series_key"] not in again]
            wide += read_wide(connection, series_keys=sorted(again))
        receipts, count, at = read_receipts(connection, old.receipt_count, old.receipt_at)
        hu, hu_record = read_new(connection, old.hu_record)
        known = {
            name: table
            for name, table in old.whole.items()
            if not (was_settled and name == "quarantine")
        }
        new = _State(
            event_id=event_id,
            wide_key=max([old.wide_key, *(entry.wide_key for entry in wide)]),
            receipt_count=count,
            receipt_at=at,
            hu_record=hu_record,
            whole=read_whole_tables(connection, known),
            files=files,
            held=held,
            live={key: held.get(key, (None,))[0] for key in live},
            without_raw=(old.without_raw - again) & live,
            views=old.views,
        )
        return new, _News(
            study_keys=study_keys,
            studies=read_studies(connection, study_keys),
            series=read_series(connection, study_keys),
            receipts=receipts,
            receipts_are_all=len(receipts) == count,
            hu=hu,
            wide=wide,
            gone=(set(old.live) - live) | again,
            arrived=(live - set(old.live)) | again,
        )

    # ------------------------------------------------------------ applying

    def _create(self) -> None:
        create_workspace(self._con)
        for name, table in ROLLUPS.items():
            create_table(self._con, name, table)
        create_table(self._con, "held", _HELD)

    def _insert(self, name: str, rows: Rows) -> None:
        if rows:
            append(self._con, name, _to_table(name, rows))

    def _apply(self, old: _State, new: _State, news: _News) -> None:
        for name, rows in (("study", news.studies), ("series", news.series)):
            self._delete_studies(name, news.study_keys)
            self._insert(name, rows)
        if news.receipts_are_all:
            self._con.execute("DELETE FROM base.receipt")
        self._insert("receipt", news.receipts)
        for name, rows in news.hu.items():
            self._insert(name, rows)
        for name, table in new.whole.items():
            before = old.whole.get(name)
            if before is None or (table is not before and table.rows != before.rows):
                self._con.execute(f"DELETE FROM base.{name}")  # noqa: S608
                self._insert(name, table.rows)
        self._apply_wide(new, news)
        self._apply_files(old, new)

    def _delete_studies(self, name: str, study_keys: Collection[int] | None) -> None:
        if study_keys is None:
            self._con.execute(f"DELETE FROM base.{name}")  # noqa: S608
        elif study_keys:
            among = ",".join(map(str, study_keys))
            self._con.execute(f"DELETE FROM base.{name} WHERE study_key IN ({among})")  # noqa: S608

    def _apply_wide(self, new: _State, news: _News) -> None:
        drop_series(self._con, news.gone)
        changed = set(news.arrived)
        for some in batched(news.wide, BATCH_INSTANCES):
            changed |= add_wide(self._con, some)
        stored: dict[str, list[int]] = defaultdict(list)
        for key in news.arrived:
            stem = new.live[key]
            if stem is not None:
                stored[stem].append(key)
        for stem, keys in stored.items():
            add_stored(self._con, self._folder / stem, keys)
        fold_series(self._con, changed)
        [(raw_rows,)] = self._con.execute("SELECT count(*) FROM base.live_raw").fetchall()
        if raw_rows > _MOST_RAW_ROWS:
            at_rest = set(new.live) - changed
            forget_raw(self._con, at_rest)
            new.without_raw |= at_rest

    def _apply_files(self, old: _State, new: _State) -> None:
        is_same = (old.files, old.held, old.live.keys()) == (new.files, new.held, new.live.keys())
        if new.views and is_same:
            return
        counting: dict[str, int] = defaultdict(int)
        for key, (stem, count) in new.held.items():
            if key not in new.live:
                counting[stem] += count
        clean = [stem for stem, rows in new.files.items() if counting[stem] == rows]
        partly = sorted(set(new.files) - set(clean) - {s for s in new.files if not counting[s]})
        named = [
            {"stem": str(self._folder / stem), "series_key": key}
            for key, (stem, _) in new.held.items()
            if stem in partly and key not in new.live
        ]
        self._con.execute("DELETE FROM base.held")
        append(self._con, "held", pa.Table.from_pylist(named, schema=_HELD))
        views = (
            columnar_views(self._folder, clean, partly, has_live=bool(new.live)) | rollup_views()
        )
        for name, statement in views.items():
            if old.views.get(name) != statement:
                self._con.execute(f"CREATE OR REPLACE VIEW {name} AS {statement}")
        new.views = views


def _changed_studies(connection: Connection, after: int) -> tuple[set[int] | None, int, bool]:
    """Return what events tell of.

    Returns
    -------
    study_keys : set of int or None
        Of the studies that they name; None for all.
    event_id : int
        The last event's number.
    was_settled : bool
        Something left the quarantine, as far as can be told.
    """
    table = schema.event
    oldest, newest = connection.execute(
        select(
            func.coalesce(func.min(table.c.event_id), 0),
            func.coalesce(func.max(table.c.event_id), 0),
        )
    ).one()
    if not after or oldest > after + 1 or newest - after > _MOST_EVENTS:
        return None, newest, True
    keys: set[int] = set()
    was_settled = False
    for kind, text in connection.execute(
        select(table.c.kind, table.c.fields).where(table.c.event_id > after)
    ):
        was_settled |= kind == QuarantineSettled.kind
        uid = json.loads(text).get("StudyInstanceUID")
        if uid is not None:
            keys.add(uid_key(uid))
    return keys, newest, was_settled


def _read_register(
    connection: Connection, old: _State
) -> tuple[dict[str, int], dict[int, tuple[str, int]]]:
    files, series = schema.columnar_file, schema.columnar_series
    rows = connection.execute(
        select(files.c.file_name, files.c.row_count).where(files.c.replaced_at.is_(None))
    ).all()
    names: Mapping[str, int] = {row.file_name: row.row_count for row in rows}
    unseen = [name for name in names if name not in old.files]
    if not unseen:
        return dict(names), old.held
    held = dict(old.held)
    for row in connection.execute(
        select(series.c.series_key, series.c.file_name, series.c.instance_count).where(
            series.c.file_name.in_(unseen)
        )
    ):
        held[row.series_key] = (row.file_name, row.instance_count)
    return dict(names), held


def _live_series(connection: Connection) -> set[int]:
    return set(connection.execute(select(schema.wide.c.series_key).distinct()).scalars())


def _to_table(name: str, rows: Iterable[tuple[Any, ...]]) -> pa.Table:
    columns = list(zip(*rows, strict=True))
    return pa.Table.from_arrays(
        [pa.array(column, kind.type) for column, kind in zip(columns, ROLLUPS[name], strict=True)],
        schema=ROLLUPS[name],
    )
