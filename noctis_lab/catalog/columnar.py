"""The columnar tier: whole quiet series from wide rows into few, large Parquet files.

One *file* of the register is three Parquet files of one stem in `catalog/columnar/`:
``<stem>.instances.parquet`` (a row an instance), ``<stem>.elements.parquet`` (every element; those
constant over their series once) and ``<stem>.series.parquet`` (a row a series: the keywords that
are constant over it). Files are written whole, synced, and only then registered, in the
transaction that drops the wide rows: a crash before it leaves files that nobody reads, and
`compaction.sweep` collects. A file never changes; a series that changes is written anew elsewhere,
and its old rows are stale: `columnar_series` names the one file whose rows count.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import timedelta
from itertools import batched
from pathlib import Path

import duckdb
from sqlalchemy import Connection, delete, exists, insert, select, update

from noctis_lab.catalog import schema
from noctis_lab.catalog.columnar_files import (
    MEMORY_BYTES,
    Written,
    new_stem,
    register_file,
    retire_unused,
    write_files,
    writing,
)
from noctis_lab.catalog.events import add_events
from noctis_lab.catalog.instants import to_instant
from noctis_lab.catalog.snapshot import in_pieces, read_wide
from noctis_lab.catalog.store import Catalog
from noctis_lab.catalog.workspace import (
    add_stored,
    add_wide,
    create_workspace,
    fold_series,
    forget_raw,
    open_duckdb,
    spill_folder,
)
from noctis_lab.dicom.uids import uid_key
from noctis_lab.events import SeriesFlushed

__all__ = ["BATCH_INSTANCES", "flush_series", "quiet_series"]

#: Wide rows decoded at a time. A flush takes whole series together up to so many instances, and a
#: larger series alone: its memory is bounded by this, the largest series and one row group.
BATCH_INSTANCES = 2_000

#: Another worker may flush a series while this one does; then it is read anew.
_ATTEMPTS = 3


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
    with writing(catalog.root) as folder:
        for _ in range(_ATTEMPTS):
            done = _flush(catalog, folder, keys)
            if done is not None:
                return done
    return 0  # others keep flushing it, so it is being flushed


# ---------------------------------------------------------------- flushing


def _flush(catalog: Catalog, folder: Path, keys: Sequence[int]) -> int | None:
    """Return the instances written, or None where the series changed hands meanwhile."""
    with catalog.connections.read() as connection:
        shares = _shares(connection, keys)
    if not shares:
        return 0
    wide_keys: list[int] = []
    held: dict[int, str | None] = {}  # of the series written
    con = open_duckdb(threads=1, memory_bytes=MEMORY_BYTES, temp_folder=spill_folder(catalog.root))
    try:
        create_workspace(con)
        for share in shares:
            wide_keys += _take_share(catalog, con, folder, share, held)
        if not wide_keys:
            return None  # another worker was faster
        written = write_files(con, folder, new_stem(catalog), _FROM_WORKSPACE)
    finally:
        con.close()
    keys = sorted(held)
    with catalog.connections.write() as connection:
        if _held(connection, keys) != held:
            return None  # the files just written are swept
        register_file(connection, catalog, written)
        _register_series(connection, catalog, written)
        for piece in in_pieces(wide_keys):
            connection.execute(delete(schema.wide).where(schema.wide.c.wide_key.in_(piece)))
        _note_clean(connection, catalog, keys)
        retire_unused(connection, catalog)
    return sum(written.counts.values())


def _shares(connection: Connection, keys: Sequence[int]) -> list[list[int]]:
    """Return the dirty ones of some series, in lists that are taken at a time."""
    table = schema.series
    shares: list[list[int]] = []
    taken = 0
    for piece in in_pieces(keys):
        for key, count in connection.execute(
            select(table.c.series_key, table.c.instance_count)
            .where(table.c.series_key.in_(piece))
            .where(exists().where(schema.wide.c.series_key == table.c.series_key))
            .order_by(table.c.series_key)
        ):
            if not shares or taken + count > BATCH_INSTANCES:
                shares.append([])
                taken = 0
            shares[-1].append(key)
            taken += count
    return shares


def _take_share(
    catalog: Catalog,
    con: duckdb.DuckDBPyConnection,
    folder: Path,
    share: Sequence[int],
    held: dict[int, str | None],
) -> list[int]:
    """Fold some series into the workspace, note in `held` where they lie; return the wide keys."""
    with catalog.connections.read() as connection:
        wide = list(read_wide(connection, series_keys=share))
        keys = sorted({entry.facts["series_key"] for entry in wide})
        found = _held(connection, keys)
    for some in batched(wide, BATCH_INSTANCES):
        add_wide(con, some)
    for stem, of_stem in _by_file(found).items():
        add_stored(con, folder / stem, of_stem)
    fold_series(con, keys)
    forget_raw(con, keys)
    held |= found
    return [entry.wide_key for entry in wide]


def _held(connection: Connection, keys: Sequence[int]) -> dict[int, str | None]:
    """Return the file that holds each of some series, None where none does."""
    table = schema.columnar_series
    return dict.fromkeys(keys) | {
        key: name
        for piece in in_pieces(keys)
        for key, name in connection.execute(
            select(table.c.series_key, table.c.file_name).where(table.c.series_key.in_(piece))
        )
    }


def _by_file(held: Mapping[int, str | None]) -> dict[str, list[int]]:
    files: dict[str, list[int]] = defaultdict(list)
    for key, name in held.items():
        if name is not None:
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
        add_events(connection, [SeriesFlushed(SeriesInstanceUID=uid) for uid in uids], at)


def _register_series(connection: Connection, catalog: Catalog, written: Written) -> None:
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
