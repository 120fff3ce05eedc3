"""The schema: made once, brought up step by step, refused where it is not this program's."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_mock_engine
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateTable

from noctis_lab.catalog import migrate, schema
from noctis_lab.catalog.commit_statements import CommitStatements
from noctis_lab.catalog.connection import Connections, Statement
from noctis_lab.catalog.migrate import REVISIONS, ensure_schema, upgrade
from noctis_lab.catalog.store import open_catalog
from noctis_lab.errors import SchemaMismatch
from tests.catalog.catalog_entries import entry


def set_revision(root: Path, revision: str) -> None:
    with sqlite3.connect(root / "catalog" / "catalog.sqlite") as connection:
        connection.execute("update alembic_version set version_num = ?", (revision,))
    connection.close()


def test_an_empty_root_is_initialised_by_whoever_comes_first(tmp_path: Path) -> None:
    with open_catalog(tmp_path / "new" / "root") as catalog:
        assert catalog.counts().instances == 0
    with sqlite3.connect(tmp_path / "new" / "root" / "catalog" / "catalog.sqlite") as connection:
        assert connection.execute("pragma journal_mode").fetchone() == ("wal",)
        assert connection.execute("select * from alembic_version").fetchall() == [
            (schema.REVISION,)
        ]
    connection.close()


def test_an_empty_file_is_initialised_too(tmp_path: Path) -> None:
    (tmp_path / "catalog").mkdir()
    (tmp_path / "catalog" / "catalog.sqlite").touch()

    with open_catalog(tmp_path) as catalog:
        catalog.commit_instance(entry(1))
        assert catalog.counts().instances == 1


def test_the_migrations_make_what_the_schema_says(tmp_path: Path) -> None:
    with open_catalog(tmp_path) as catalog, catalog.connections.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, schema.metadata) == []
        made = connection.exec_driver_sql(
            "select name, sql from sqlite_master where type = 'table'"
        ).all()
    clustered = {name for name, sql in made if "WITHOUT ROWID" in sql}
    assert clustered == {"instance", "receipt", "study_access"}


def test_the_revisions_named_are_those_there_are() -> None:
    folder = Path(migrate.__file__).with_name("migrations")
    scripts = ScriptDirectory(str(folder))

    assert tuple(s.revision for s in reversed(list(scripts.walk_revisions()))) == REVISIONS
    assert scripts.get_current_head() == schema.REVISION == REVISIONS[-1]


def test_an_empty_catalogue_is_what_its_migrations_make(tmp_path: Path) -> None:
    asked = "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name"
    found = []
    for name in ("new", "migrated"):
        (tmp_path / name / "catalog").mkdir(parents=True)
        connections = Connections(tmp_path / name / "catalog", lock_timeout_s=5)
        with connections.write() as connection:
            if name == "migrated":
                upgrade(connection, REVISIONS[-1])
        ensure_schema(connections, may_migrate=False)
        with connections.read() as connection:
            tables = connection.exec_driver_sql(asked).fetchall()
            held = {
                row[2]: connection.exec_driver_sql(f"SELECT * FROM {row[2]}").fetchall()
                for row in tables
            }
        connections.close()
        found.append((tables, held))

    assert found[0] == found[1]
    assert [row[0] for row in found[0][1]["principal"]] == ["admin"]


def test_a_newer_schema_is_refused_with_what_to_do(tmp_path: Path) -> None:
    open_catalog(tmp_path).close()
    set_revision(tmp_path, "9999")

    for may_migrate in (False, True):
        with pytest.raises(SchemaMismatch, match="upgrade noctis_lab"):
            open_catalog(tmp_path, may_migrate=may_migrate)


def test_a_catalogue_that_is_ready_opens_while_somebody_writes(tmp_path: Path) -> None:
    with (
        open_catalog(tmp_path) as catalog,
        catalog.connections.write(),
        open_catalog(tmp_path, lock_timeout_s=0) as other,
    ):
        assert other.counts().instances == 0


def test_an_older_schema_is_refused_with_the_command(tmp_path: Path) -> None:
    open_catalog(tmp_path).close()
    connections = Connections(tmp_path / "catalog", lock_timeout_s=5)
    try:
        with pytest.raises(SchemaMismatch, match="noctis migrate"):
            ensure_schema(connections, may_migrate=False, revisions=(*REVISIONS, "9999"))
    finally:
        connections.close()


def test_facts_of_an_older_schema_are_found_out_anew(tmp_path: Path) -> None:
    (tmp_path / "catalog").mkdir()
    connections = Connections(tmp_path / "catalog", lock_timeout_s=5)
    with connections.write() as connection:
        upgrade(connection, "0001")
    connections.close()
    values = dict.fromkeys(("series_key", "study_key", "instance_count", "frame_count"), 1)
    values |= dict.fromkeys(("image_count", "stored_bytes", "first_received_at"), 1)
    values |= dict.fromkeys(("last_received_at", "summarised_at", "is_volume"), 1)
    texts = {"SeriesInstanceUID": "1.2.3", "reference": "1.2.3", "geometry_note": "9 planes."}
    row = {**values, **texts, "is_dirty": 0, "is_withheld": 0}
    with sqlite3.connect(tmp_path / "catalog" / "catalog.sqlite") as raw:
        places = ", ".join(f":{name}" for name in row)
        raw.execute(f"insert into series ({', '.join(row)}) values ({places})", row)
    raw.close()

    with (
        open_catalog(tmp_path, may_migrate=True) as catalog,
        catalog.connections.read() as connection,
    ):
        facts = connection.exec_driver_sql(
            "select summarised_at, is_volume, geometry_note, stack_count from series"
        ).one()
        jobs = connection.exec_driver_sql("select kind, key, revision from job").all()
    assert tuple(facts) == (None, None, None, None)
    assert [tuple(job) for job in jobs] == [("summarise-series", "1.2.3", 1)]


def test_facts_that_stand_are_kept_until_they_are_found_out_anew(tmp_path: Path) -> None:
    (tmp_path / "catalog").mkdir()
    connections = Connections(tmp_path / "catalog", lock_timeout_s=5)
    with connections.write() as connection:
        upgrade(connection, "0002")
    connections.close()
    values = dict.fromkeys(("series_key", "study_key", "instance_count", "frame_count"), 1)
    values |= dict.fromkeys(("image_count", "stored_bytes", "first_received_at"), 1)
    values |= dict.fromkeys(("last_received_at", "summarised_at", "stack_count"), 1)
    row = {
        **values,
        "SeriesInstanceUID": "1.2",
        "reference": "1.2",
        "is_dirty": 0,
        "is_withheld": 0,
    }
    with sqlite3.connect(tmp_path / "catalog" / "catalog.sqlite") as raw:
        places = ", ".join(f":{name}" for name in row)
        raw.execute(f"insert into series ({', '.join(row)}) values ({places})", row)
    raw.close()

    with (
        open_catalog(tmp_path, may_migrate=True) as catalog,
        catalog.connections.read() as connection,
    ):
        facts = connection.exec_driver_sql("select stack_count, varies_along_z from series").one()
        jobs = connection.exec_driver_sql("select kind, key from job").all()
    assert tuple(facts) == (1, None)
    assert [tuple(job) for job in jobs] == [("summarise-series", "1.2")]


def test_the_schema_and_the_hot_statements_are_postgresqls_too() -> None:
    engine = create_mock_engine("postgresql+psycopg://", lambda *_: None)
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]

    made = [
        str(CreateTable(table).compile(dialect=dialect))
        for table in schema.metadata.tables.values()
    ]
    hot = vars(CommitStatements(engine))  # type: ignore[arg-type]

    assert all("ROWID" not in text and "AUTOINCREMENT" not in text for text in made)
    assert any("BIGSERIAL" in text for text in made)
    assert all(isinstance(statement, Statement) for statement in hot.values())
    assert "ON CONFLICT (kind, key) DO UPDATE" in hot["add_jobs"].text
    assert "%(SOPInstanceUID)s" in hot["add_instance"].text


def test_ct_series_of_an_older_schema_are_checked_when_nothing_else_is_due(tmp_path: Path) -> None:
    (tmp_path / "catalog").mkdir()
    connections = Connections(tmp_path / "catalog", lock_timeout_s=5)
    with connections.write() as connection:
        upgrade(connection, "0005")
    connections.close()
    values = dict.fromkeys(("study_key", "instance_count", "frame_count"), 1)
    values |= dict.fromkeys(("image_count", "stored_bytes", "first_received_at"), 1)
    values |= {"last_received_at": 1, "is_dirty": 0, "is_withheld": 0}
    with sqlite3.connect(tmp_path / "catalog" / "catalog.sqlite") as raw:
        for key, modality in enumerate(("CT", "MR")):
            row = {**values, "series_key": key, "SeriesInstanceUID": f"1.{key}"}
            row |= {"reference": f"1.{key}", "Modality": modality}
            places = ", ".join(f":{name}" for name in row)
            raw.execute(f"insert into series ({', '.join(row)}) values ({places})", row)
    raw.close()

    with (
        open_catalog(tmp_path, may_migrate=True) as catalog,
        catalog.connections.read() as connection,
    ):
        jobs = connection.exec_driver_sql("select kind, key, run_after from job").all()
    assert [tuple(job) for job in jobs] == [("summarise-series", "1.0", 0)]
