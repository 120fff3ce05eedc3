"""The columnar tier: whole quiet series from wide rows into few, large Parquet files.

One *file* of the register is three Parquet files of one stem in `catalog/columnar/`:
``<stem>.instances.parquet`` (a row an instance), ``<stem>.elements.parquet`` (every element; those
constant over their series once) and ``<stem>.series.parquet`` (a row a series: the keywords that
are constant over it). Files are written whole, synced, and only then registered, in the
transaction that drops the wide rows: a crash before it leaves files that nobody reads, and
`sweep` collects. A file never changes; a series that changes is written anew elsewhere, and its
old rows are stale: `columnar_series` names the one file whose rows count.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import batched
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import Connection, delete, exists, insert, select, update

from noctis_lab.catalog import schema
from noctis_lab.catalog.columns import ELEMENTS, INSTANCES, SERIES
from noctis_lab.catalog.instants import to_instant
from noctis_lab.catalog.snapshot import in_pieces, read_wide
from noctis_lab.catalog.store import Catalog
from noctis_lab.catalog.workspace import (
    add_stored,
    add_wide,
    create_workspace,
    fold_series,
    open_duckdb,
    quote,
    spill_folder,
)
from noctis_lab.dicom.uids import uid_key
from noctis_lab.events import SeriesFlushed

__all__ = [
    "BATCH_INSTANCES",
    "KINDS",
    "columnar_folder",
    "compact",
    "flush_series",
    "quiet_series",
    "sweep",
]

#: What one stem's files hold.
KINDS: dict[str, pa.Schema] = {"series": SERIES, "elements": ELEMENTS, "instances": INSTANCES}

#: Wide rows decoded at a time, which bounds the memory of a flush.
BATCH_INSTANCES = 2_000

_ROW_GROUP = 20_480
_COMPRESSION_LEVEL = 6
_MEMORY_BYTES = 1024**3
_FAN = 8
_SMALLEST_TIER_BYTES = 64 * 1024
_LARGEST_BYTES = 256 * 1024 * 1024
#: A file is rewritten once more than this part of its rows is stale.
_STALE_PART = 0.5
#: Another worker may flush a series while this one does; then it is read anew.
_ATTEMPTS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class _Written:
    """Three files of one stem, synced, not registered yet."""

    stem: str
    size_bytes: int
    counts: Mapping[int, int]  # series_key → instances


def columnar_folder(root: Path) -> Path:
    """Return the folder of the Parquet files."""
    return root / "catalog" / "columnar"


def quiet_series(catalog: Catalog, *, quiet_s: float, limit_instances: int) -> list[str]:
    """Return references of dirty series without news for `quiet_s`, oldest first.

    Parameters
    ----------
    quiet_s
        Seconds.
    limit_instances
        Stop once the series hold this many instances together.

    Returns
    -------
    list of str
        SeriesInstanceUIDs, as `flush_series` takes them; a series that goes by another reference
        (`rows.py`) is left to its own job.
    """
    table = schema.series
    before = to_instant(catalog.clock() - timedelta(seconds=quiet_s))
    statement = (
        select(table.c.series_key, table.c.SeriesInstanceUID, table.c.instance_count)
        .where(table.c.is_dirty, table.c.last_received_at <= before)
        .order_by(table.c.last_received_at)
    )
    found: list[str] = []
    instances = 0
    with catalog.connections.read() as connection:
        for key, uid, count in connection.execute(statement):
            if uid_key(uid) == key:
                found.append(uid)
                instances += count
            if instances >= limit_instances:
                break
    return found


def flush_series(catalog: Catalog, *references: str) -> int:
    """Write whole series to Parquet and drop their wide rows, in one file for all of them.

    Parameters
    ----------
    references
        SeriesInstanceUIDs, or the references that their jobs carry (`rows.py`). Series without
        wide rows are left as they are, so that a second call does nothing.

    Returns
    -------
    int
        The instances written.
    """
    keys = sorted({uid_key(reference) for reference in references})
    with _writing(catalog.root) as folder:
        for _ in range(_ATTEMPTS):
            done = _flush(catalog, folder, keys)
            if done is not None:
                return done
    return 0  # others keep flushing it, so it is being flushed


def compact(catalog: Catalog, *, fan: int = _FAN, memory_bytes: int = _MEMORY_BYTES) -> int:
    """Merge files where there are many of about one size, and rewrite one that is mostly stale.

    Parameters
    ----------
    fan
        So many files of one tier of size are merged; each tier is so many times the one below,
        hence a row is rewritten only as often as there are tiers.
    memory_bytes
        What does not fit goes to the archive's own folder; bytes.

    Returns
    -------
    int
        The files merged; 0 where there was nothing to do.
    """
    with _writing(catalog.root) as folder:
        with catalog.connections.read() as connection:
            sources, keys = _choose_sources(connection, fan)
        if not sources:
            return 0
        stem = _new_stem(catalog)
        con = open_duckdb(
            threads=1, memory_bytes=memory_bytes, temp_folder=spill_folder(catalog.root)
        )
        try:
            con.register("held", pa.table({"series_key": pa.array(list(keys), pa.int64())}))
            queries = {kind: _merge(kind, folder, sources) for kind in KINDS}
            written = _write(con, folder, stem, queries)
        finally:
            con.close()
        with catalog.connections.write() as connection:
            _register_file(connection, catalog, written)
            for piece in in_pieces(sorted(written.counts)):
                connection.execute(
                    update(schema.columnar_series)
                    .where(
                        schema.columnar_series.c.series_key.in_(piece),
                        schema.columnar_series.c.file_name.in_(sources),
                    )
                    .values(file_name=stem)
                )
            _retire_unused(connection, catalog)
    return len(sources)


def sweep(catalog: Catalog, *, grace_s: float) -> int:
    """Delete replaced files after the grace, and files that a crash left without a register's row.

    Parameters
    ----------
    grace_s
        Queries that began before a file was replaced may still read it this long; seconds.

    Returns
    -------
    int
        The Parquet files deleted; 0 also where a flush is under way, which is no time to sweep.
    """
    folder = columnar_folder(catalog.root)
    table = schema.columnar_file
    before = to_instant(catalog.clock() - timedelta(seconds=grace_s))
    with _locked(folder, fcntl.LOCK_EX | fcntl.LOCK_NB) as is_locked:
        if not is_locked:
            return 0
        with catalog.connections.read() as connection:
            rows = connection.execute(select(table.c.file_name, table.c.replaced_at)).all()
            replaced_at = {row.file_name: row.replaced_at for row in rows}
        gone = [name for name, at in replaced_at.items() if at is not None and at <= before]
        deleted = 0
        for path in folder.iterdir():
            stem = path.name.partition(".")[0]
            if path.is_file() and (stem in gone or stem not in replaced_at):
                path.unlink(missing_ok=True)
                deleted += path.name.endswith(".parquet")
        if gone:
            with catalog.connections.write() as connection:
                connection.execute(delete(table).where(table.c.file_name.in_(gone)))
    return deleted


# ---------------------------------------------------------------- flushing


def _flush(catalog: Catalog, folder: Path, keys: Sequence[int]) -> int | None:
    """Return the instances written, or None where the series changed hands meanwhile."""
    with catalog.connections.read() as connection:
        wide = list(read_wide(connection, series_keys=keys))
        keys = sorted({entry.facts["series_key"] for entry in wide})
        held = _held(connection, keys)
    if not wide:
        return 0
    con = open_duckdb(threads=1, memory_bytes=_MEMORY_BYTES, temp_folder=spill_folder(catalog.root))
    try:
        create_workspace(con)
        for some in batched(wide, BATCH_INSTANCES):
            add_wide(con, some)
        for stem, of_stem in _by_file(held).items():
            add_stored(con, folder / stem, of_stem)
        fold_series(con, keys)
        written = _write(con, folder, _new_stem(catalog), _FROM_WORKSPACE)
    finally:
        con.close()
    with catalog.connections.write() as connection:
        if _held(connection, keys) != held:
            return None  # the files just written are swept
        _register_file(connection, catalog, written)
        _register_series(connection, catalog, written)
        for piece in in_pieces([entry.wide_key for entry in wide]):
            connection.execute(delete(schema.wide).where(schema.wide.c.wide_key.in_(piece)))
        _note_clean(connection, catalog, keys)
        _retire_unused(connection, catalog)
    return sum(written.counts.values())


def _held(connection: Connection, keys: Sequence[int]) -> dict[int, str]:
    table = schema.columnar_series
    return {
        key: name
        for piece in in_pieces(keys)
        for key, name in connection.execute(
            select(table.c.series_key, table.c.file_name).where(table.c.series_key.in_(piece))
        )
    }


def _by_file(held: Mapping[int, str]) -> dict[str, list[int]]:
    files: dict[str, list[int]] = defaultdict(list)
    for key, name in held.items():
        files[name].append(key)
    return files


def _note_clean(connection: Connection, catalog: Catalog, keys: Sequence[int]) -> None:
    table = schema.series
    for piece in in_pieces(keys):
        connection.execute(
            update(table)
            .where(table.c.series_key.in_(piece))
            .values(is_dirty=exists().where(schema.wide.c.series_key == table.c.series_key))
        )
        uids = connection.execute(
            select(table.c.SeriesInstanceUID).where(table.c.series_key.in_(piece))
        ).scalars()
        at = to_instant(catalog.clock())
        facts = [SeriesFlushed(SeriesInstanceUID=uid) for uid in uids]
        connection.execute(
            insert(schema.event),
            [{"kind": fact.kind, "fields": fact.to_json(), "at": at} for fact in facts],
        )


def _register_file(connection: Connection, catalog: Catalog, written: _Written) -> None:
    connection.execute(
        insert(schema.columnar_file).values(
            file_name=written.stem,
            row_count=sum(written.counts.values()),
            size_bytes=written.size_bytes,
            registered_at=to_instant(catalog.clock()),
            replaced_at=None,
        )
    )


def _register_series(connection: Connection, catalog: Catalog, written: _Written) -> None:
    table = schema.columnar_series
    for piece in in_pieces(sorted(written.counts)):
        connection.execute(delete(table).where(table.c.series_key.in_(piece)))
    at = to_instant(catalog.clock())
    connection.execute(
        insert(table),
        [
            {
                "series_key": key,
                "file_name": written.stem,
                "instance_count": count,
                "flushed_at": at,
            }
            for key, count in written.counts.items()
        ],
    )


def _retire_unused(connection: Connection, catalog: Catalog) -> None:
    """Mark files none of whose rows count any more."""
    table, series = schema.columnar_file, schema.columnar_series
    connection.execute(
        update(table)
        .where(
            table.c.replaced_at.is_(None),
            ~exists().where(series.c.file_name == table.c.file_name),
        )
        .values(replaced_at=to_instant(catalog.clock()))
    )


# ---------------------------------------------------------------- compaction


def _choose_sources(connection: Connection, fan: int) -> tuple[list[str], set[int]]:
    """Return the files to merge into one, and the keys of the series they hold."""
    files, series = schema.columnar_file, schema.columnar_series
    held: dict[str, dict[int, int]] = defaultdict(dict)
    for key, name, count in connection.execute(
        select(series.c.series_key, series.c.file_name, series.c.instance_count)
    ):
        held[name][key] = count
    tiers: dict[int, list[str]] = defaultdict(list)
    sources: list[str] = []
    for name, rows, size in connection.execute(
        select(files.c.file_name, files.c.row_count, files.c.size_bytes)
        .where(files.c.replaced_at.is_(None))
        .order_by(files.c.registered_at, files.c.file_name)
    ):
        if rows - sum(held[name].values()) > _STALE_PART * rows and not sources:
            sources = [name]
        if size < _LARGEST_BYTES:
            tiers[_tier(size, fan)].append(name)
    for tier in sorted(tiers):
        if len(tiers[tier]) >= fan:
            sources = tiers[tier]
            break
    return sources, {key for name in sources for key in held[name]}


def _tier(size_bytes: int, fan: int) -> int:
    tier, bound = 0, _SMALLEST_TIER_BYTES
    while size_bytes >= bound:
        tier, bound = tier + 1, bound * fan
    return tier


def _merge(kind: str, folder: Path, sources: Collection[str]) -> str:
    """Select the rows that count; those of a series lie in one file, in order, and stay so."""
    paths = ",".join(quote(str(folder / f"{stem}.{kind}.parquet")) for stem in sources)
    return (
        "SELECT * EXCLUDE (file_row_number) "  # noqa: S608
        f"FROM read_parquet([{paths}], file_row_number = true) SEMI JOIN held USING (series_key) "
        "ORDER BY StudyInstanceUID, SeriesInstanceUID, series_key, file_row_number"
    )


# ---------------------------------------------------------------- files

_FROM_WORKSPACE = {
    "series": "FROM base.live_series ORDER BY StudyInstanceUID, SeriesInstanceUID, series_key",
    "elements": (
        "SELECT e.* FROM base.live_elements e "
        "LEFT JOIN base.live_instances i ON e.SOPInstanceUID = i.SOPInstanceUID "
        "ORDER BY e.StudyInstanceUID, e.SeriesInstanceUID, e.series_key, "
        "e.SOPInstanceUID IS NOT NULL, path, i.InstanceNumber, e.SOPInstanceUID, tag, value"
    ),
    "instances": (
        "FROM base.live_instances ORDER BY StudyInstanceUID, SeriesInstanceUID, series_key, "
        "InstanceNumber, SOPInstanceUID"
    ),
}


def _new_stem(catalog: Catalog) -> str:
    return f"{to_instant(catalog.clock()):016x}-{secrets.token_hex(4)}"


def _write(
    con: duckdb.DuckDBPyConnection, folder: Path, stem: str, queries: Mapping[str, str]
) -> _Written:
    size_bytes = 0
    counts: dict[int, int] = defaultdict(int)
    for kind, kind_schema in KINDS.items():
        path = folder / f"{stem}.{kind}.parquet"
        with _parquet_writer(path, kind_schema) as writer:
            for batch in con.sql(queries[kind]).to_arrow_reader(_ROW_GROUP):
                table = pa.Table.from_batches([batch]).cast(kind_schema)
                writer.write_table(table, row_group_size=_ROW_GROUP)
                if kind == "instances":
                    for pair in table.column("series_key").value_counts().to_pylist():
                        counts[pair["values"]] += pair["counts"]
        size_bytes += path.stat().st_size
    _sync(folder)
    return _Written(stem=stem, size_bytes=size_bytes, counts=counts)


@contextmanager
def _parquet_writer(path: Path, kind_schema: pa.Schema) -> Iterator[pq.ParquetWriter]:
    with (
        path.open("xb") as file,
        pq.ParquetWriter(
            file,
            kind_schema,
            compression="zstd",
            compression_level=_COMPRESSION_LEVEL,
        ) as writer,
    ):
        yield writer
    _sync(path)


def _sync(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


@contextmanager
def _writing(root: Path) -> Iterator[Path]:
    """Keep `sweep` away while files are written that nothing names yet."""
    folder = columnar_folder(root)
    with _locked(folder, fcntl.LOCK_SH):
        yield folder


@contextmanager
def _locked(folder: Path, kind: int) -> Iterator[bool]:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    fd = os.open(folder.parent / "columnar.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(fd, kind)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(fd)
