"""Make the catalogue's tables, or bring them to this program's schema."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from sqlalchemy import Connection, create_engine, inspect, text

from noctis_lab.catalog.connection import Connections
from noctis_lab.errors import SchemaMismatch

__all__ = ["REVISIONS", "ensure_schema", "find_revision", "upgrade"]

#: Every revision there has been, oldest first.
REVISIONS = ("0001", "0002", "0003", "0004", "0005", "0006")


def find_revision(connection: Connection) -> str | None:
    """Return the schema's revision, None where the database has no tables yet."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return None if found is None else str(found)


def ensure_schema(
    connections: Connections, *, may_migrate: bool, revisions: Sequence[str] = REVISIONS
) -> None:
    """Make an empty catalogue's tables; migrate an older one's where that is allowed.

    Parameters
    ----------
    revisions
        Every revision there has been, oldest first; the last is the one wanted.

    Raises
    ------
    SchemaMismatch
        The schema is older (and `may_migrate` is False), or newer than this program's.
    """
    with connections.read() as connection:  # who finds it ready takes no lock
        if _is_ready(find_revision(connection), revisions, may_migrate=may_migrate):
            return
    with connections.write() as connection:  # somebody may have been faster
        found = find_revision(connection)
        if _is_ready(found, revisions, may_migrate=may_migrate):
            return
        if found is None:
            for statement in _statements_of_empty(revisions[-1]):
                connection.exec_driver_sql(statement)
        else:
            upgrade(connection, revisions[-1])


def _is_ready(found: str | None, revisions: Sequence[str], *, may_migrate: bool) -> bool:
    """Return whether nothing is to be done; raise where nothing may be done."""
    wanted = revisions[-1]
    if found == wanted:
        return True
    if found is not None and found not in revisions:
        raise SchemaMismatch(
            f"the catalogue's schema {found} is newer than this program's {wanted}: "
            "upgrade noctis_lab"
        )
    if found is not None and not may_migrate:
        raise SchemaMismatch(
            f"the catalogue's schema {found} is older than this program's {wanted}: "
            "run `noctis migrate`"
        )
    return False


@cache
def _statements_of_empty(revision: str) -> tuple[str, ...]:
    """Return what makes an empty catalogue, as its migrations leave it: run once in a process.

    Migrations take 45 ms, their statements 3: who makes many catalogues makes them in no time.
    """
    engine = create_engine("sqlite://")
    try:
        with engine.begin() as connection:
            upgrade(connection, revision)
            raw = connection.connection.driver_connection
            assert isinstance(raw, sqlite3.Connection)
            return tuple(raw.iterdump())[1:-1]  # without BEGIN and COMMIT
    finally:
        engine.dispose()


def upgrade(connection: Connection, revision: str) -> None:
    """Run the migrations up to `revision` within the connection's transaction."""
    # Only the few who migrate pay for this import.
    from alembic import command
    from alembic.config import Config

    config = Config()
    folder = str(Path(__file__).with_name("migrations"))
    config.set_main_option("script_location", folder.replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)
