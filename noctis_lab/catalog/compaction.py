"""Upkeep of the columnar tier: small files merged, replaced and forgotten ones deleted."""

from __future__ import annotations

import fcntl
import shutil
from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
from sqlalchemy import Connection, delete, select, update

from noctis_lab.catalog import schema
from noctis_lab.catalog.columnar_files import (
    KINDS,
    MEMORY_BYTES,
    columnar_folder,
    locked,
    new_stem,
    register_file,
    retire_unused,
    write_files,
    writing,
)
from noctis_lab.catalog.instants import to_instant
from noctis_lab.catalog.snapshot import in_pieces
from noctis_lab.catalog.store import Catalog
from noctis_lab.catalog.workspace import open_duckdb, quote, spill_folder

__all__ = ["compact", "sweep"]

_FAN = 8
_SMALLEST_TIER_BYTES = 64 * 1024
_LARGEST_BYTES = 256 * 1024 * 1024
#: A file is rewritten once more than this part of its rows is stale.
_STALE_PART = 0.5


def compact(catalog: Catalog, *, fan: int = _FAN, memory_bytes: int = MEMORY_BYTES) -> int:
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
    with writing(catalog.root) as folder:
        with catalog.connections.read() as connection:
            sources = _choose_sources(connection, fan)
        if not sources:
            return 0
        stem = new_stem(catalog)
        con = open_duckdb(
            threads=1, memory_bytes=memory_bytes, temp_folder=spill_folder(catalog.root)
        )
        try:
            con.register("held", _held_table(sources))
            queries = {kind: _merge(kind, folder, sources) for kind in KINDS}
            written = write_files(con, folder, stem, queries)
        finally:
            con.close()
        with catalog.connections.write() as connection:
            register_file(connection, catalog, written)
            for piece in in_pieces(sorted(written.counts)):
                connection.execute(
                    update(schema.columnar_series)
                    .where(
                        schema.columnar_series.c.series_key.in_(piece),
                        schema.columnar_series.c.file_name.in_(list(sources)),
                    )
                    .values(file_name=stem)
                )
            retire_unused(connection, catalog)
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
    with locked(folder, fcntl.LOCK_EX | fcntl.LOCK_NB) as is_locked:
        if not is_locked:
            return 0
        with catalog.connections.read() as connection:
            rows = connection.execute(select(table.c.file_name, table.c.replaced_at)).all()
            replaced_at = {row.file_name: row.replaced_at for row in rows}
        gone = [name for name, at in replaced_at.items() if at is not None and at <= before]
        deleted = 0
        for path in folder.iterdir():
            stem = path.name.partition(".")[0]
            if stem in gone or stem not in replaced_at:
                path.unlink(missing_ok=True)
                deleted += path.name.endswith(".parquet")
        _sweep_spill(catalog.root)
        if gone:
            with catalog.connections.write() as connection:
                connection.execute(delete(table).where(table.c.file_name.in_(gone)))
    return deleted


def _sweep_spill(root: Path) -> None:
    """Delete what processes that died had spilled; a folder's name begins with its process'."""
    for folder in spill_folder(root).parent.glob("*-*"):
        pid = folder.name.partition("-")[0]
        if pid.isdecimal() and not Path("/proc", pid).exists():
            shutil.rmtree(folder, ignore_errors=True)


def _choose_sources(connection: Connection, fan: int) -> dict[str, list[int]]:
    """Return the files to merge into one, each with the keys of the series it holds now."""
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
    return {name: sorted(held[name]) for name in sources}


def _tier(size_bytes: int, fan: int) -> int:
    tier, bound = 0, _SMALLEST_TIER_BYTES
    while size_bytes >= bound:
        tier, bound = tier + 1, bound * fan
    return tier


def _held_table(sources: Mapping[str, Collection[int]]) -> pa.Table:
    pairs = [(name, key) for name, keys in sources.items() for key in keys]
    return pa.table(
        {
            "file_name": pa.array([name for name, _ in pairs], pa.string()),
            "series_key": pa.array([key for _, key in pairs], pa.int64()),
        }
    )


def _merge(kind: str, folder: Path, sources: Collection[str]) -> str:
    """Select the rows that count; those of a series lie in one file, in order, and stay so.

    A source may hold old rows of a series that another source holds anew: each is asked only for
    the series that are registered as its own.
    """
    parts = " UNION ALL ".join(
        f"SELECT * FROM read_parquet({quote(str(folder / f'{stem}.{kind}.parquet'))}, "  # noqa: S608
        "file_row_number = true) WHERE series_key IN "
        f"(SELECT series_key FROM held WHERE file_name = {quote(stem)})"
        for stem in sources
    )
    return (
        f"SELECT * EXCLUDE (file_row_number) FROM ({parts}) "  # noqa: S608
        "ORDER BY StudyInstanceUID, SeriesInstanceUID, series_key, file_row_number"
    )
