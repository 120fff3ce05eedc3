"""The catalogue looked at without writing: whole or not, what is registered, who is known.

For `noctis doctor`, which must work where the catalogue is damaged, older, or open in others.
"""

from __future__ import annotations

import os
import random
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from pyarrow.lib import ArrowException
from sqlalchemy import Connection, bindparam, create_engine, func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from noctis_lab.catalog import schema
from noctis_lab.catalog.columnar_files import KINDS, columnar_folder
from noctis_lab.catalog.connection import database_path
from noctis_lab.catalog.instants import from_instant
from noctis_lab.catalog.migrate import REVISIONS, find_revision
from noctis_lab.catalog.records import InPlace
from noctis_lab.errors import CatalogError

__all__ = [
    "Census",
    "ParquetState",
    "ReadOnly",
    "SampledFile",
    "check_database",
    "check_parquet",
    "database_path",
    "find_note",
    "iter_hashes",
    "iter_job_keys",
    "iter_references",
    "iter_sources",
    "opened_read_only",
    "sample_instances",
    "schema_problem",
    "take_census",
]

#: What `opened_read_only` gives.
type ReadOnly = Connection

_MOST_PROBLEMS = 10
_STEPS = 20_000  # of SQLite's machine between two looks at the clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Census:
    """How many there are of what an administrator has to do with."""

    studies: int
    instances: int
    facilities: int
    senders: int
    blocked_senders: int
    unknown_senders: int
    principals: int
    with_password: int
    administrators: int
    quarantined: int
    oldest_quarantined_at: datetime | None
    last_received_at: datetime | None
    dirty_series: int
    failed_jobs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ParquetState:
    """The columnar tier's files against their register; names are of files below ``columnar/``."""

    registered: int
    missing: tuple[str, ...]
    unreadable: tuple[str, ...]
    unregistered: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SampledFile:
    """An instance whose file is ours, and what its data set's hash should be."""

    SOPInstanceUID: str
    StudyInstanceUID: str
    SeriesInstanceUID: str
    sha256: bytes


@contextmanager
def opened_read_only(root: Path) -> Iterator[Connection]:
    """Open the commit tier so that nothing is written, not even SQLite's own side files.

    Raises
    ------
    CatalogError
        It is no database, is damaged, or cannot be read.
    """
    path = database_path(root)
    # Without a log nobody has it open, and all is in the database: then SQLite need not make one.
    mode = "mode=ro" if path.with_name(f"{path.name}-wal").exists() else "immutable=1"
    uri = f"{path.absolute().as_uri()}?{mode}"
    engine = create_engine(
        "sqlite://",
        creator=lambda: sqlite3.connect(uri, uri=True, timeout=2, check_same_thread=False),
        poolclass=NullPool,
    )
    try:
        with engine.connect() as connection:
            yield connection
    except DBAPIError as error:
        raise CatalogError(f"the catalogue cannot be read: {error.orig}") from error
    except sqlite3.Error as error:
        raise CatalogError(f"the catalogue cannot be read: {error}") from error
    finally:
        engine.dispose()


def schema_problem(connection: Connection) -> str | None:
    """Return how the schema is not this program's, None where it is."""
    found, wanted = find_revision(connection), REVISIONS[-1]
    if found == wanted:
        return None
    if found is None:
        return "it has no tables yet"
    age = "older" if found in REVISIONS else "newer"
    return f"its schema {found} is {age} than this program's {wanted}"


def check_database(connection: Connection, *, timeout_s: float | None) -> tuple[str, ...] | None:
    """Let SQLite check its own structure.

    Parameters
    ----------
    timeout_s
        Given up after this long; None: never.

    Returns
    -------
    tuple of str or None
        What is wrong, at most ten; None where the time was up.
    """
    driver: Any = connection.connection.driver_connection
    if timeout_s is not None:
        end = time.monotonic() + timeout_s
        driver.set_progress_handler(lambda: time.monotonic() > end, _STEPS)
    try:
        rows = driver.execute(f"PRAGMA quick_check({_MOST_PROBLEMS})").fetchall()
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
            return None
        raise
    finally:
        driver.set_progress_handler(None, 0)
    return tuple(str(row[0]) for row in rows if row[0] != "ok")


def iter_references(connection: Connection) -> Iterator[str]:
    """Yield what every series is called by, withheld ones too."""
    yield from connection.execute(select(schema.series.c.reference)).scalars()


def iter_job_keys(connection: Connection, kind: str) -> Iterator[str]:
    """Yield the keys of the jobs of a kind, waiting, running and failed ones."""
    job = schema.job
    yield from connection.execute(select(job.c.key).where(job.c.kind == kind)).scalars()


def check_parquet(connection: Connection, root: Path, *, reads_all: bool) -> ParquetState:
    """Compare the columnar tier's files with their register; each footer is read.

    Parameters
    ----------
    reads_all
        Decode every value, too.
    """
    folder, table = columnar_folder(root), schema.columnar_file
    rows = connection.execute(select(table.c.file_name, table.c.replaced_at)).all()
    missing, unreadable = [], []
    for row in rows:
        for kind in KINDS:
            name = f"{row.file_name}.{kind}.parquet"
            if not (folder / name).is_file():
                if row.replaced_at is None:
                    missing.append(name)
                continue
            try:
                _read_parquet(folder / name, reads_all=reads_all)
            except (ArrowException, OSError, ValueError):
                unreadable.append(name)
    known = {row.file_name for row in rows}
    others = [] if not folder.is_dir() else sorted(path.name for path in folder.iterdir())
    return ParquetState(
        registered=len(rows),
        missing=tuple(missing),
        unreadable=tuple(unreadable),
        unregistered=tuple(
            name
            for name in others
            if name.endswith(".parquet") and name.partition(".")[0] not in known
        ),
    )


def _read_parquet(path: Path, *, reads_all: bool) -> None:
    with pq.ParquetFile(path) as file:
        for number in range(file.num_row_groups if reads_all else 0):
            file.read_row_group(number)


def take_census(connection: Connection) -> Census:
    """Count what an administrator has to do with."""

    def count(table: Any, *where: Any) -> int:
        statement = select(func.count()).select_from(table)
        return int(connection.execute(statement.where(*where)).scalar_one())

    def at(statement: Any) -> datetime | None:
        instant = connection.execute(statement).scalar()
        try:
            return None if instant is None else from_instant(instant)
        except (TypeError, OverflowError):
            raise _foreign_value() from None

    study, sender, principal = schema.study, schema.sender, schema.principal
    instances = select(func.coalesce(func.sum(study.c.instance_count), 0))
    return Census(
        studies=count(study),
        instances=int(connection.execute(instances).scalar_one()),
        facilities=count(schema.facility),
        senders=count(sender, sender.c.is_blocked.is_(False)),
        blocked_senders=count(sender, sender.c.is_blocked.is_(True)),
        unknown_senders=count(schema.unknown_sender),
        principals=count(principal),
        with_password=count(principal, principal.c.password_hash.is_not(None)),
        administrators=count(principal, principal.c.role == "admin"),
        quarantined=count(schema.quarantine),
        oldest_quarantined_at=at(select(func.min(schema.quarantine.c.received_at))),
        last_received_at=at(select(func.max(study.c.last_received_at))),
        dirty_series=count(schema.series, schema.series.c.is_dirty.is_(True)),
        failed_jobs=count(schema.job, schema.job.c.last_error.is_not(None)),
    )


def find_note(connection: Connection, name: str) -> str | None:
    """Return what a process noted under a name, None where there is nothing."""
    table = schema.meta
    value = connection.execute(select(table.c.value).where(table.c.name == name)).scalar()
    return value if isinstance(value, str) else None


def sample_instances(connection: Connection, number: int, *, seed: int | None) -> list[SampledFile]:
    """Return some instances whose files are ours, by chance; fewer where there are fewer.

    Parameters
    ----------
    seed
        The same one gives the same instances; None: others each time.
    """
    chance = random.Random(seed)  # noqa: S311 - no secret hangs on it
    instance, place = schema.instance, schema.in_place
    # Keys are hashes of UIDs: the next one after a number by chance is one by chance.
    statement = (
        _own_files()
        .where(instance.c.instance_key >= bindparam("least"))
        .order_by(instance.c.instance_key)
    )
    found: dict[str, SampledFile] = {}
    total = connection.execute(
        select(func.count())
        .select_from(instance.outerjoin(place, place.c.instance_key == instance.c.instance_key))
        .where(place.c.instance_key.is_(None))
    ).scalar_one()
    if total <= number:
        return [_sampled(row) for row in connection.execute(_own_files())]
    for _ in range(4 * number):
        least = chance.randrange(-(2**63), 2**63)
        row = connection.execute(statement.limit(1), {"least": least}).one_or_none()
        if row is not None:
            found[row.SOPInstanceUID] = _sampled(row)
        if len(found) == number:
            break
    return list(found.values())


def _own_files() -> Any:
    instance, series, study = schema.instance, schema.series, schema.study
    place = schema.in_place
    return (
        select(
            instance.c.SOPInstanceUID,
            study.c.StudyInstanceUID,
            series.c.SeriesInstanceUID,
            instance.c.sha256,
        )
        .join(series, series.c.series_key == instance.c.series_key)
        .join(study, study.c.study_key == series.c.study_key)
        .outerjoin(place, place.c.instance_key == instance.c.instance_key)
        .where(place.c.instance_key.is_(None))
    )


def _sampled(row: Any) -> SampledFile:
    uids = (row.SOPInstanceUID, row.StudyInstanceUID, row.SeriesInstanceUID)
    if not (isinstance(row.sha256, bytes) and all(isinstance(uid, str) for uid in uids)):
        raise _foreign_value()
    return SampledFile(
        SOPInstanceUID=row.SOPInstanceUID,
        StudyInstanceUID=row.StudyInstanceUID,
        SeriesInstanceUID=row.SeriesInstanceUID,
        sha256=row.sha256,
    )


def _foreign_value() -> CatalogError:
    # SQLite keeps a value of any type in any column, and finds nothing wrong with it.
    return CatalogError("the catalogue holds a value that this program does not write")


def iter_hashes(connection: Connection) -> Iterator[SampledFile]:
    """Yield every instance whose file is ours."""
    for row in connection.execution_options(yield_per=5_000).execute(_own_files()):
        yield _sampled(row)


def iter_sources(connection: Connection) -> Iterator[tuple[str, InPlace]]:
    """Yield the SOPInstanceUID and the source of every instance that is registered in place."""
    instance, place = schema.instance, schema.in_place
    statement = select(
        instance.c.SOPInstanceUID, place.c.path, place.c.size_bytes, place.c.mtime_ns
    ).join(place, place.c.instance_key == instance.c.instance_key)
    for row in connection.execution_options(yield_per=5_000).execute(statement):
        path = Path(os.fsdecode(row.path))
        yield (
            row.SOPInstanceUID,
            InPlace(path=path, size_bytes=row.size_bytes, mtime_ns=row.mtime_ns),
        )
