"""The whole catalogue at once, for upkeep: where what lies, and whether others have it open."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import and_, or_, select

from noctis_lab.catalog import schema
from noctis_lab.catalog.connection import database_path
from noctis_lab.catalog.locks import OpenLock
from noctis_lab.catalog.records import InPlace
from noctis_lab.catalog.store import Catalog
from noctis_lab.errors import CatalogLocked

__all__ = ["Location", "database_held", "has_source_below", "held_alone", "iter_locations"]

_PAGE = 5_000
_ALONE_TIMEOUT_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """Where an instance's bytes are, and what their hash is."""

    SOPInstanceUID: str
    SeriesInstanceUID: str
    StudyInstanceUID: str
    sha256: bytes
    in_place: InPlace | None


def iter_locations(catalog: Catalog) -> Iterator[Location]:
    """Yield every instance's location, withheld ones too; in pages, so that no snapshot is long."""
    instance, series = schema.instance, schema.series
    study, place = schema.study, schema.in_place
    statement = (
        select(
            instance.c.instance_key,
            instance.c.SOPInstanceUID,
            series.c.SeriesInstanceUID,
            study.c.StudyInstanceUID,
            instance.c.sha256,
            place.c.path,
            place.c.size_bytes,
            place.c.mtime_ns,
        )
        .join(series, series.c.series_key == instance.c.series_key)
        .join(study, study.c.study_key == series.c.study_key)
        .outerjoin(place, place.c.instance_key == instance.c.instance_key)
        .order_by(instance.c.instance_key)
        .limit(_PAGE)
    )
    after: int | None = None
    while True:
        page = statement if after is None else statement.where(instance.c.instance_key > after)
        with catalog.connections.read() as connection:
            rows = connection.execute(page).all()
        for row in rows:
            yield Location(
                SOPInstanceUID=row.SOPInstanceUID,
                SeriesInstanceUID=row.SeriesInstanceUID,
                StudyInstanceUID=row.StudyInstanceUID,
                sha256=bytes(row.sha256),
                in_place=None
                if row.path is None
                else InPlace(
                    path=Path(bytes(row.path).decode("utf-8", "surrogateescape")),
                    size_bytes=row.size_bytes,
                    mtime_ns=row.mtime_ns,
                ),
            )
        if len(rows) < _PAGE:
            return
        after = rows[-1].instance_key


@contextmanager
def held_alone(root: Path) -> Iterator[None]:
    """Hold an archive so that nobody else has its catalogue open, or makes one where none is.

    Raises
    ------
    CatalogLocked
        Another process has it open.
    """
    with closing(OpenLock(root, alone=True, timeout_s=_ALONE_TIMEOUT_S)):
        yield


@contextmanager
def database_held(root: Path) -> Iterator[None]:
    """Hold the database against programs that do not ask for our lock; without one, do nothing.

    Raises
    ------
    CatalogLocked
        Another process has it open.
    """
    path = database_path(root)
    if not path.exists():
        yield
        return
    with closing(sqlite3.connect(path, timeout=_ALONE_TIMEOUT_S, isolation_level=None)) as database:
        try:
            # Every connection in WAL mode holds the file shared for as long as it is open.
            database.execute("PRAGMA locking_mode=EXCLUSIVE")
            database.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            raise CatalogLocked(
                f"{path} is open in another process: stop `noctis serve`, `noctis demo`, "
                "notebooks and scripts that use this archive, then try again",
                path=str(path),
            ) from error
        except sqlite3.DatabaseError:
            pass  # damaged: nobody works with it, and a rebuild is what it needs
        yield


def has_source_below(catalog: Catalog, folder: Path) -> bool:
    """Return whether a file below a folder is registered in place.

    Parameters
    ----------
    folder
        Any; it is sought as it is named, the way files are registered, and with links followed.
    """
    path = schema.in_place.c.path
    names = {os.path.abspath(folder), os.path.realpath(folder)}
    # What begins with "…/" sorts before "…0", the byte after it.
    below = [name.rstrip("/").encode("utf-8", "surrogateescape") for name in names]
    within = [and_(path >= name + b"/", path < name + b"0") for name in below]
    statement = select(path).where(or_(*within)).limit(1)
    with catalog.connections.read() as connection:
        return connection.execute(statement).first() is not None
