"""Connections to the commit tier: short reads, one write at a time, nothing carried over a fork."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Result, Table, create_engine, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql import ClauseElement

from noctis_lab.catalog.locks import WriteLock
from noctis_lab.errors import CatalogError, NoSpace

__all__ = ["Connections", "Statement", "database_path", "mapped", "upsert"]

_BUSY_TIMEOUT_S = 30.0
_READER_CACHE_KB = 16 * 1024
_WRITER_CACHE_KB = 64 * 1024
#: Pages of 4 KiB after which a commit also copies the log into the database.
_CHECKPOINT_PAGES = 4_000


class Statement:
    """A statement of SQLAlchemy Core, compiled once and run by the driver's own cursor.

    Nine statements of a commit cost 500 µs of one core through `exec_driver_sql`, 265 µs so.

    Parameters
    ----------
    clause
        Any Core statement whose parameters are named.
    engine
        Of the connections that run it.
    columns
        For an insert: the columns to set.
    """

    def __init__(self, clause: ClauseElement, engine: Engine, *columns: str) -> None:
        compiled = clause.compile(dialect=engine.dialect, column_keys=list(columns) or None)
        self._sql = str(compiled)
        positions = getattr(compiled, "positiontup", None)
        self._names: tuple[str, ...] | None = None if positions is None else tuple(positions)
        fixed = dict(compiled.params) if compiled.params else {}
        self._fixed = {k: v for k, v in fixed.items() if v is not None and k not in columns}

    @property
    def text(self) -> str:
        """The SQL, with the driver's placeholders."""
        return self._sql

    def run(self, connection: Connection, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Run it and return all rows, as the driver gives them: a boolean may be 0 or 1.

        Parameters
        ----------
        values
            Every parameter that the statement does not fix itself; more does no harm.
        """
        cursor = connection.connection.cursor()
        try:
            cursor.execute(self._sql, self._bind(values))
            return list(cursor.fetchall()) if cursor.description else []
        finally:
            cursor.close()

    def run_mapped(self, connection: Connection, values: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Run it and return all rows by column name, as the driver gives them."""
        cursor = connection.connection.cursor()
        try:
            cursor.execute(self._sql, self._bind(values))
            names = [column[0] for column in cursor.description or ()]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        finally:
            cursor.close()

    def _bind(self, values: Mapping[str, Any]) -> Any:
        fixed = self._fixed
        if self._names is None:
            return {**fixed, **values}
        return tuple([fixed[name] if name in fixed else values[name] for name in self._names])


_DATABASE = "catalog.sqlite"


def database_path(root: Path) -> Path:
    """Return where an archive's commit tier lies."""
    return root / "catalog" / _DATABASE


class Connections:
    """The catalogue's database as this process sees it; any thread may use it.

    Parameters
    ----------
    folder
        ``<root>/catalog``, which exists.
    lock_timeout_s
        How long a writer waits for its turn.
    """

    def __init__(self, folder: Path, *, lock_timeout_s: float) -> None:
        self._url = f"sqlite:///{folder / _DATABASE}"
        self._lock = WriteLock(folder / "write.lock", timeout_s=lock_timeout_s)
        self._guard = threading.Lock()
        self._pid = -1
        self._readers = _create_engine(self._url, _pragmas_of_readers)
        self._writers = _create_engine(self._url, _pragmas_of_writers)
        self._writer: Connection | None = None
        driver: Any = self._writers.dialect.loaded_dbapi
        self._driver_error: type[Exception] = driver.Error
        self._note_process()

    @property
    def engine(self) -> Engine:
        """The engine whose dialect compiles statements."""
        return self._writers

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Open one snapshot; fetch and leave, since a long one holds up checkpoints.

        Raises
        ------
        CatalogError
            The database refused.
        """
        if self._pid != os.getpid():
            self._note_process()
        with self._refusals(), self._readers.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Hold the write lock and one transaction, durable when the block ends; no file I/O inside.

        Raises
        ------
        CatalogLocked
            The lock was not to be had in time.
        NoSpace
            The disk is full.
        CatalogError
            The database refused; nothing of the block was kept.
        """
        if self._pid != os.getpid():
            self._note_process()
        with self._lock.hold(), self._refusals():
            if self._writer is None:
                self._writer = self._writers.connect()
            with self._writer.begin():
                yield self._writer

    @contextmanager
    def _refusals(self) -> Iterator[None]:
        """Say a refusal of the database as an error of ours."""
        try:
            yield
        except DBAPIError as error:
            raise _refused(error.orig) from error
        except self._driver_error as error:
            raise _refused(error) from error

    def close(self) -> None:
        """Close every connection of this process."""
        if self._pid == os.getpid():
            if self._writer is not None:
                self._writer.close()
            self._readers.dispose()
            self._writers.dispose()
        self._writer = None
        self._lock.close()

    def _note_process(self) -> None:
        with self._guard:
            if self._pid == os.getpid():
                return
            if self._pid >= 0:  # a child: the parent's connections are left to the parent
                self._readers.dispose(close=False)
                self._writers.dispose(close=False)
                self._writer = None
            self._pid = os.getpid()


def mapped(result: Result[*tuple[Any, ...]]) -> list[dict[str, Any]]:
    """Return all rows by column name; a `RowMapping` costs ten times as much to look into."""
    names = list(result.keys())
    return [dict(zip(names, row, strict=True)) for row in result]


def upsert(table: Table, engine: Engine) -> sqlite.Insert | postgresql.Insert:
    """Return an insert that has ``on_conflict_…``, in the dialect of the engine.

    SQLite's and PostgreSQL's are spelled alike; this is the one place where they part.
    """
    if engine.dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)


def _create_engine(url: str, pragmas: tuple[str, ...]) -> Engine:
    engine = create_engine(
        url,
        hide_parameters=True,  # an error's text must hold no patient's name
        pool_size=4,
        max_overflow=60,
        pool_timeout=_BUSY_TIMEOUT_S,
        connect_args={
            "isolation_level": None,  # BEGIN is ours
            "check_same_thread": False,
            "timeout": _BUSY_TIMEOUT_S,
        },
    )

    @event.listens_for(engine, "connect")
    def _on_connect(driver_connection: Any, _record: Any) -> None:
        for pragma in pragmas:
            driver_connection.execute(f"PRAGMA {pragma}")

    begin = "BEGIN" if pragmas is _pragmas_of_readers else "BEGIN IMMEDIATE"

    @event.listens_for(engine, "begin")
    def _on_begin(connection: Connection) -> None:
        cursor = connection.connection.cursor()
        cursor.execute(begin)
        cursor.close()

    return engine


_pragmas_of_readers = ("query_only=ON", f"cache_size=-{_READER_CACHE_KB}", "temp_store=MEMORY")
_pragmas_of_writers = (
    "journal_mode=WAL",
    "synchronous=FULL",  # NORMAL can lose acknowledged rows on a power cut
    f"wal_autocheckpoint={_CHECKPOINT_PAGES}",
    f"cache_size=-{_WRITER_CACHE_KB}",
    "temp_store=MEMORY",
)


def _refused(error: BaseException | None) -> Exception:
    words = str(error)
    if "disk is full" in words:
        return NoSpace("the catalogue's disk is full; nothing was written, free some space")
    return CatalogError(f"the catalogue's database refused: {words}")
