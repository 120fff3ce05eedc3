"""The jobs: enqueued in an act's own transaction, claimed by lease, run at least once.

A handler is idempotent. A job that is enqueued again while it runs is run again; one whose worker
dies is claimed by another when its lease is over.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, delete, literal, or_, select, update

from noctis_lab.catalog import schema
from noctis_lab.catalog.connection import upsert
from noctis_lab.catalog.instants import from_instant, to_instant
from noctis_lab.catalog.rows import clean_text
from noctis_lab.catalog.store import Catalog

__all__ = [
    "BACKLOG",
    "Job",
    "cancel",
    "claim",
    "complete",
    "enqueue",
    "enqueue_for_modality",
    "extend",
    "fail",
    "find_job",
    "list_jobs",
]

#: `run_after` of what waits until nothing else is due: a migration's jobs, one for each series that
#: there is, would else stand before all that is received for as long as they take.
BACKLOG = datetime.fromtimestamp(0, UTC)

_FIRST_BACKOFF = timedelta(seconds=5)
_LONGEST_BACKOFF = timedelta(hours=1)
_MOST_DOUBLINGS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A piece of work; `kind` and `key` name it.

    `attempts` counts the runs that began, this one included.
    """

    job_id: int
    kind: str
    key: str
    payload: dict[str, Any]
    run_after: datetime
    lease_until: datetime | None
    lease_owner: str | None
    attempts: int
    revision: int
    last_error: str | None


def enqueue(
    catalog: Catalog,
    kind: str,
    key: str,
    *,
    payload: Mapping[str, Any] | None = None,
    run_after: datetime | None = None,
) -> None:
    """Ask for a job; one of that kind and key that waits takes the new time and payload."""
    table = schema.job
    statement = upsert(table, catalog.connections.engine).values(
        kind=kind,
        key=key,
        payload=json.dumps(dict(payload or {}), separators=(",", ":")),
        run_after=to_instant(run_after or catalog.clock()),
        attempts=0,
        revision=1,
    )
    new = statement.excluded
    with catalog.connections.write() as connection:
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=["kind", "key"],
                set_={
                    "run_after": new.run_after,
                    "payload": new.payload,
                    "revision": table.c.revision + 1,
                    "attempts": 0,
                },
            )
        )


def enqueue_for_modality(catalog: Catalog, kind: str, Modality: str) -> None:
    """Ask for a job at every series of a modality, when nothing else is due; what waits, waits on.

    Those that are withheld because of a collision are left out.
    """
    table, series = schema.job, schema.series
    columns = ("kind", "key", "payload", "run_after", "attempts", "revision")
    due = literal(to_instant(BACKLOG))
    wanted = select(
        literal(kind), series.c.reference, literal("{}"), due, literal(0), literal(1)
    ).where(series.c.Modality == Modality, series.c.is_withheld.is_(False))
    statement = upsert(table, catalog.connections.engine).from_select(list(columns), wanted)
    with catalog.connections.write() as connection:
        connection.execute(statement.on_conflict_do_nothing(index_elements=["kind", "key"]))


def claim(
    catalog: Catalog,
    *,
    owner: str,
    lease_s: float,
    kind: str | None = None,
    key: str | None = None,
) -> Job | None:
    """Take the job that is due the longest, None where none is; `BACKLOG` where no other is due.

    Parameters
    ----------
    owner
        Names the worker.
    lease_s
        Nobody else may claim it this long; seconds. `extend` makes it longer.
    kind, key
        Only such a job.
    """
    now = catalog.clock()
    table = schema.job
    backlog = to_instant(BACKLOG)
    wanted = [
        column == value
        for column, value in ((table.c.kind, kind), (table.c.key, key))
        if value is not None
    ]
    # Two questions, each a look at the index: one that sorted would read a long backlog every time.
    choices = (
        _first_due(now, table.c.run_after > backlog, *wanted),
        _first_due(now, table.c.run_after <= backlog, *wanted),
    )
    with catalog.connections.read() as connection:  # an idle worker takes no lock
        found = (each for each in choices if connection.execute(each).first() is not None)
        due = next(found, None)
    if due is None:
        return None
    taken = (
        update(table)
        .where(table.c.job_id == due.scalar_subquery())
        .values(
            lease_until=to_instant(now + timedelta(seconds=lease_s)),
            lease_owner=owner,
            attempts=table.c.attempts + 1,
        )
        .returning(table)
    )
    with catalog.connections.write() as connection:
        row = connection.execute(taken).one_or_none()
    return None if row is None else _to_job(row)


def _first_due(now: datetime, *conditions: ColumnElement[bool]) -> Select[int]:
    table, instant = schema.job, to_instant(now)
    return (
        select(table.c.job_id)
        .where(
            *conditions,
            table.c.run_after <= instant,
            or_(table.c.lease_until.is_(None), table.c.lease_until < instant),
        )
        .order_by(table.c.run_after, table.c.job_id)
        .limit(1)
    )


def extend(catalog: Catalog, job: Job, *, lease_s: float) -> bool:
    """Make the lease of a claimed job last from now on; False where it is no longer ours."""
    until = to_instant(catalog.clock() + timedelta(seconds=lease_s))
    return _change(catalog, job, lease_until=until)


def complete(catalog: Catalog, job: Job) -> None:
    """Take a job off the queue; one that was enqueued again meanwhile stays, to be run again."""
    table = schema.job
    with catalog.connections.write() as connection:
        gone = connection.execute(
            delete(table).where(_is_ours(job), table.c.revision == job.revision)
        )
        if not gone.rowcount:
            connection.execute(
                update(table)
                .where(_is_ours(job))
                .values(lease_until=None, lease_owner=None, attempts=0, last_error=None)
            )


def fail(catalog: Catalog, job: Job, error: str) -> None:
    """Put a job back with what went wrong, later with each attempt: 5 s, doubled, at most 1 h.

    Parameters
    ----------
    error
        For administrators: no patient's name or identifier.
    """
    doublings = min(max(job.attempts - 1, 0), _MOST_DOUBLINGS)
    later = catalog.clock() + min(_FIRST_BACKOFF * 2**doublings, _LONGEST_BACKOFF)
    _change(
        catalog,
        job,
        lease_until=None,
        lease_owner=None,
        run_after=to_instant(later),
        last_error=clean_text(error),
    )


def cancel(catalog: Catalog, kind: str, key: str) -> bool:
    """Take a job off the queue, also one that runs: its end changes nothing then."""
    table = schema.job
    with catalog.connections.write() as connection:
        gone = connection.execute(delete(table).where(table.c.kind == kind, table.c.key == key))
        return gone.rowcount > 0


def find_job(catalog: Catalog, kind: str, key: str) -> Job | None:
    """Return the job of a kind and key that waits or runs; None where there is none."""
    table = schema.job
    statement = select(table).where(table.c.kind == kind, table.c.key == key)
    with catalog.connections.read() as connection:
        row = connection.execute(statement).one_or_none()
    return None if row is None else _to_job(row)


def list_jobs(catalog: Catalog, *, kind: str | None = None, limit: int = 1_000) -> list[Job]:
    """Return the jobs that wait or run, of one kind or of all, those due first in front."""
    table = schema.job
    statement = select(table).order_by(table.c.run_after, table.c.job_id).limit(limit)
    if kind is not None:
        statement = statement.where(table.c.kind == kind)
    with catalog.connections.read() as connection:
        return [_to_job(row) for row in connection.execute(statement)]


def _change(catalog: Catalog, job: Job, **values: object) -> bool:
    statement = update(schema.job).where(_is_ours(job)).values(**values)
    with catalog.connections.write() as connection:
        return connection.execute(statement).rowcount > 0


def _is_ours(job: Job) -> Any:
    table = schema.job
    return and_(
        table.c.kind == job.kind,
        table.c.key == job.key,
        table.c.lease_owner == job.lease_owner,
    )


def _to_job(row: Any) -> Job:
    return Job(
        job_id=row.job_id,
        kind=row.kind,
        key=row.key,
        payload=json.loads(row.payload),
        run_after=from_instant(row.run_after),
        lease_until=None if row.lease_until is None else from_instant(row.lease_until),
        lease_owner=row.lease_owner,
        attempts=row.attempts,
        revision=row.revision,
        last_error=row.last_error,
    )
