"""The hot statements of the commit tier, compiled once for one dialect."""

from __future__ import annotations

from sqlalchemy import (
    Engine,
    Table,
    and_,
    bindparam,
    case,
    insert,
    literal,
    null,
    or_,
    select,
    update,
)

from noctis_lab.catalog import schema
from noctis_lab.catalog.connection import Statement, upsert
from noctis_lab.catalog.records import SeriesFacts
from noctis_lab.catalog.rollups import SERIES_TEXTS, STUDY_TEXTS

__all__ = ["SERIES_FACTS", "SERIES_JOBS", "CommitStatements"]

#: The jobs that each instance puts off until its series is quiet.
SERIES_JOBS = ("flush-series", "summarise-series")
#: What the worker finds out about a series; not known of one that is new, or grew since.
SERIES_FACTS = ("summarised_at", *SeriesFacts.__dataclass_fields__)


class CommitStatements:
    """The hot statements, compiled for one dialect."""

    def __init__(self, engine: Engine) -> None:
        study, series, instance = schema.study, schema.series, schema.instance
        self.find_instance = Statement(
            select(instance.c.SOPInstanceUID).where(
                instance.c.instance_key == bindparam("instance_key")
            ),
            engine,
        )
        self.find_study = _find_study(engine)
        self.find_series = Statement(
            select(
                series.c.SeriesInstanceUID,
                series.c.study_key,
                series.c.first_received_at,
                series.c.last_received_at,
            ).where(series.c.series_key == bindparam("series_key")),
            engine,
        )
        self.add_study = _insert(engine, study)
        self.add_series = _insert(engine, series)
        self.add_instance = _insert(engine, instance)
        self.add_wide = _insert(engine, schema.wide)
        self.add_in_place = _insert(engine, schema.in_place)
        self.add_event = Statement(
            insert(schema.event).returning(schema.event.c.event_id), engine, "kind", "fields", "at"
        )
        self.add_access = _insert_new(engine, schema.study_access)
        self.add_format = _insert_new(engine, schema.instance_format)
        self.add_origin = _insert_new(engine, schema.origin)
        self.add_facility = _insert_new(engine, schema.facility)
        self.add_collision = _add_collision(engine)
        self.add_jobs = _add_jobs(engine)
        self.count_study = Statement(
            update(study)
            .where(study.c.study_key == bindparam("b_study_key"))
            .values(
                series_count=study.c.series_count + bindparam("b_series"),
                instance_count=study.c.instance_count + 1,
                stored_bytes=study.c.stored_bytes + bindparam("b_bytes"),
                last_received_at=bindparam("b_last"),
            ),
            engine,
        )
        self.set_modalities = Statement(
            update(study)
            .where(study.c.study_key == bindparam("b_study_key"))
            .values(modalities=bindparam("b_modalities")),
            engine,
        )
        self.describe_study = _describe(
            engine, study, "study_key", (*STUDY_TEXTS, "search_text", "first_received_at")
        )
        self.count_series = Statement(
            update(series)
            .where(series.c.series_key == bindparam("b_series_key"))
            .values(
                instance_count=series.c.instance_count + 1,
                frame_count=series.c.frame_count + bindparam("b_frames"),
                image_count=series.c.image_count + bindparam("b_images"),
                stored_bytes=series.c.stored_bytes + bindparam("b_bytes"),
                last_received_at=bindparam("b_last"),
                is_dirty=True,
                **dict.fromkeys(SERIES_FACTS, null()),  # those of fewer instances are not its own
            ),
            engine,
        )
        self.describe_series = _describe(
            engine, series, "series_key", (*SERIES_TEXTS, "SeriesNumber", "first_received_at")
        )


def _find_study(engine: Engine) -> Statement:
    """Find the study's row and whether the facility may see it."""
    study, access = schema.study, schema.study_access
    grants = and_(
        access.c.study_key == study.c.study_key, access.c.facility == bindparam("facility")
    )
    return Statement(
        select(
            study.c.StudyInstanceUID,
            study.c.PatientID,
            study.c.modalities,
            study.c.first_received_at,
            study.c.last_received_at,
            access.c.facility.is_not(None).label("has_access"),
        )
        .select_from(study)
        .outerjoin(access, grants)
        .where(study.c.study_key == bindparam("study_key")),
        engine,
    )


def _insert(engine: Engine, table: Table) -> Statement:
    return Statement(insert(table), engine, *table.columns.keys())


def _insert_new(engine: Engine, table: Table) -> Statement:
    """Insert where the key is not there yet."""
    statement = upsert(table, engine).on_conflict_do_nothing()
    return Statement(statement, engine, *table.columns.keys())


def _describe(engine: Engine, table: Table, key: str, names: tuple[str, ...]) -> Statement:
    statement = update(table).where(table.c[key] == bindparam(f"b_{key}"))
    return Statement(statement.values({name: bindparam(f"b_{name}") for name in names}), engine)


def _add_collision(engine: Engine) -> Statement:
    table = schema.collision
    statement = upsert(table, engine)
    new = statement.excluded
    count = table.c.instance_count + new.instance_count
    first = case((new.first_at < table.c.first_at, new.first_at), else_=table.c.first_at)
    last = case((new.last_at > table.c.last_at, new.last_at), else_=table.c.last_at)
    return Statement(
        statement.on_conflict_do_update(
            index_elements=["study_key", "facility"],
            set_={"first_at": first, "last_at": last, "instance_count": count},
        ),
        engine,
        *table.columns.keys(),
    )


def _add_jobs(engine: Engine) -> Statement:
    table = schema.job
    rows = [
        {
            "kind": literal(kind),
            "key": bindparam("key"),
            "payload": literal("{}"),
            "run_after": bindparam("run_after"),
            "attempts": literal(0),
            "revision": literal(1),
        }
        for kind in SERIES_JOBS
    ]
    statement = upsert(table, engine).values(rows)
    return Statement(
        statement.on_conflict_do_update(
            index_elements=["kind", "key"],
            set_={
                "run_after": statement.excluded.run_after,
                "revision": table.c.revision + 1,
                "attempts": 0,
            },
            where=or_(
                table.c.lease_until.is_not(None),
                table.c.attempts > 0,
                table.c.run_after < statement.excluded.run_after - bindparam("slack"),
            ),
        ),
        engine,
    )
