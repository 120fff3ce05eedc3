"""The facts that processes tell each other: written in an act's own transaction, then polled."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, delete, func, insert, select

from noctis_lab.catalog import schema
from noctis_lab.catalog.connection import Connections
from noctis_lab.catalog.instants import to_instant
from noctis_lab.events import EVENTS, Event, parse_event

__all__ = ["add_events", "append_event", "last_event_id", "poll_events", "prune_events"]


def append_event(connections: Connections, event: Event, at: datetime) -> None:
    """Tell the other processes a fact."""
    with connections.write() as connection:
        add_events(connection, [event], to_instant(at))


def add_events(connection: Connection, events: Sequence[Event], at: int) -> None:
    """Tell the other processes facts, within the transaction of the act itself.

    Parameters
    ----------
    at
        When, as `instants.to_instant` gives it.
    """
    if events:
        connection.execute(
            insert(schema.event),
            [{"kind": each.kind, "fields": each.to_json(), "at": at} for each in events],
        )


def poll_events(
    connections: Connections, after: int, *, limit: int = 1_000
) -> list[tuple[int, Event]]:
    """Return the events after a number, oldest first, each with its own; at most `limit`.

    Kinds that this program does not know are left out.
    """
    table = schema.event
    statement = (
        select(table.c.event_id, table.c.kind, table.c.fields)
        .where(table.c.event_id > after)
        .order_by(table.c.event_id)
        .limit(limit)
    )
    with connections.read() as connection:
        rows = connection.execute(statement).all()
    return [(row.event_id, parse_event(row.kind, row.fields)) for row in rows if row.kind in EVENTS]


def last_event_id(connections: Connections) -> int:
    """Return the number of the newest event, 0 where there was none yet."""
    statement = select(func.coalesce(func.max(schema.event.c.event_id), 0))
    with connections.read() as connection:
        return int(connection.execute(statement).scalar_one())


def prune_events(connections: Connections, before: datetime) -> int:
    """Delete the events before a time and return how many; the newest always stays.

    It is what keeps numbers from being used again.
    """
    table = schema.event
    kept = select(table.c.event_id).where(table.c.at >= to_instant(before))
    with connections.write() as connection:
        first = connection.execute(kept.order_by(table.c.event_id).limit(1)).scalar()
        if first is None:
            first = connection.execute(select(func.max(table.c.event_id))).scalar()
        if first is None:
            return 0
        return connection.execute(delete(table).where(table.c.event_id < first)).rowcount
