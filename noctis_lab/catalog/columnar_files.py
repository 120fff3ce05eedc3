"""The files of the columnar tier: written whole and synced, registered, locked against sweeping."""

from __future__ import annotations

import fcntl
import os
import secrets
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import Connection, exists, insert, update

from noctis_lab.catalog import schema
from noctis_lab.catalog.columns import ELEMENTS, INSTANCES, SERIES
from noctis_lab.catalog.instants import to_instant
from noctis_lab.catalog.store import Catalog

__all__ = [
    "KINDS",
    "MEMORY_BYTES",
    "Written",
    "columnar_folder",
    "locked",
    "new_stem",
    "register_file",
    "retire_unused",
    "write_files",
    "writing",
]

#: What one stem's files hold.
KINDS: dict[str, pa.Schema] = {"series": SERIES, "elements": ELEMENTS, "instances": INSTANCES}
#: DuckDB's memory while files are made.
MEMORY_BYTES = 1024**3

_ROW_GROUP = 20_480
_COMPRESSION_LEVEL = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """Three files of one stem, synced, not registered yet."""

    stem: str
    size_bytes: int
    counts: Mapping[int, int]  # series_key → instances


def columnar_folder(root: Path) -> Path:
    """Return the folder of the Parquet files."""
    return root / "catalog" / "columnar"


def new_stem(catalog: Catalog) -> str:
    """Return a name that no file has yet; names sort by time."""
    return f"{to_instant(catalog.clock()):016x}-{secrets.token_hex(4)}"


def write_files(
    con: duckdb.DuckDBPyConnection, folder: Path, stem: str, queries: Mapping[str, str]
) -> Written:
    """Write the three files of one stem and sync them, the folder included.

    Parameters
    ----------
    queries
        Kind of file → the query whose rows it holds, in their order.
    """
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
    return Written(stem=stem, size_bytes=size_bytes, counts=counts)


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
def writing(root: Path) -> Iterator[Path]:
    """Keep `sweep` away while files are written that nothing names yet."""
    folder = columnar_folder(root)
    with locked(folder, fcntl.LOCK_SH):
        yield folder


@contextmanager
def locked(folder: Path, kind: int) -> Iterator[bool]:
    """Hold flock `kind` on the tier for the block; False where another holds it (LOCK_NB)."""
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


def register_file(connection: Connection, catalog: Catalog, written: Written) -> None:
    """Add the files' row to the register, in the caller's transaction."""
    connection.execute(
        insert(schema.columnar_file).values(
            file_name=written.stem,
            row_count=sum(written.counts.values()),
            size_bytes=written.size_bytes,
            registered_at=to_instant(catalog.clock()),
            replaced_at=None,
        )
    )


def retire_unused(connection: Connection, catalog: Catalog) -> None:
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
