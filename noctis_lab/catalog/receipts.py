"""What comes in beside new instances: the same again, and who was refused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Select, case, delete, func, select

from noctis_lab.catalog import schema
from noctis_lab.catalog.connection import Connections, mapped, upsert
from noctis_lab.catalog.events import add_events
from noctis_lab.catalog.instants import from_instant, to_instant
from noctis_lab.catalog.records import Collision, Receipt
from noctis_lab.catalog.rows import clean_text, origin_values
from noctis_lab.dicom.uids import uid_key
from noctis_lab.errors import InstanceNotFound
from noctis_lab.events import SenderRefused

__all__ = [
    "MOST_UNKNOWN_SENDERS",
    "list_collisions",
    "write_facility",
    "write_origin",
    "write_receipts",
    "write_refusal",
]

#: Any stranger can cause a row of these; beyond this many the longest silent give way.
MOST_UNKNOWN_SENDERS = 1_000
_LONGEST_NAME = 64


def write_receipts(connections: Connections, came: Sequence[tuple[str, Receipt]]) -> None:
    """Record that catalogued instances came again, and grant their facilities the studies.

    Twice the same receipt is one row. A facility that brings an instance of a patient who is not
    its study's is granted nothing: it is listed as a collision.

    Parameters
    ----------
    came
        SOPInstanceUIDs, each with the receipt by which it came; one transaction for all.

    Raises
    ------
    InstanceNotFound
        One of them is no instance; then nothing was written.
    """
    with connections.write() as connection:
        for SOPInstanceUID, receipt in came:
            _write_receipt(connection, connections, clean_text(SOPInstanceUID), receipt)


def _write_receipt(
    connection: Connection, connections: Connections, uid: str, receipt: Receipt
) -> None:
    origin = origin_values(receipt)
    received_at = to_instant(receipt.received_at)
    row = connection.execute(_instance(uid)).one_or_none()
    if row is None or row.SOPInstanceUID != uid:
        raise InstanceNotFound(f"no instance {uid} in this archive", SOPInstanceUID=uid)
    write_origin(connection, connections, origin, received_at)
    again = {
        "instance_key": uid_key(uid),
        "received_at": received_at,
        "origin_key": origin["origin_key"],
    }
    table = schema.receipt
    added = connection.execute(
        upsert(table, connections.engine).values(again).on_conflict_do_nothing()
    )
    if added.rowcount:
        _grant(connection, connections, row, origin["facility"], received_at)


def _instance(uid: str) -> Select[Any]:
    instance, series = schema.instance, schema.series
    return (
        select(
            instance.c.SOPInstanceUID,
            instance.c.is_other_patient,
            series.c.is_withheld,
            series.c.study_key,
        )
        .join(series, series.c.series_key == instance.c.series_key)
        .where(instance.c.instance_key == uid_key(uid))
    )


def _grant(
    connection: Connection, connections: Connections, row: Any, facility: str, received_at: int
) -> None:
    table = schema.study_access
    access = {"study_key": row.study_key, "facility": facility}
    if not (row.is_other_patient or row.is_withheld):
        connection.execute(
            upsert(table, connections.engine).values(access).on_conflict_do_nothing()
        )
        return
    has_access = connection.execute(select(table).filter_by(**access)).first() is not None
    if not has_access:
        _write_collision(connection, connections, {**access, "at": received_at, "count": 0})


def _write_collision(
    connection: Connection, connections: Connections, values: dict[str, Any]
) -> None:
    """List a collision, or widen its row: `study_key`, `facility`, `at`, instances `count`."""
    table = schema.collision
    statement = upsert(table, connections.engine).values(
        study_key=values["study_key"],
        facility=values["facility"],
        first_at=values["at"],
        last_at=values["at"],
        instance_count=values["count"],
    )
    new = statement.excluded
    first = case((new.first_at < table.c.first_at, new.first_at), else_=table.c.first_at)
    last = case((new.last_at > table.c.last_at, new.last_at), else_=table.c.last_at)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["study_key", "facility"],
            set_={
                "first_at": first,
                "last_at": last,
                "instance_count": table.c.instance_count + new.instance_count,
            },
        )
    )


def list_collisions(connections: Connections, *, limit: int) -> list[Collision]:
    """Return the studies that came under another PatientID from another facility, last first."""
    table = schema.collision
    statement = (
        select(table, schema.study.c.StudyInstanceUID)
        .join(schema.study, schema.study.c.study_key == table.c.study_key)
        .order_by(table.c.last_at.desc())
        .limit(limit)
    )
    with connections.read() as connection:
        rows = mapped(connection.execute(statement))
    return [
        Collision(
            StudyInstanceUID=row["StudyInstanceUID"],
            facility=row["facility"],
            first_at=from_instant(row["first_at"]),
            last_at=from_instant(row["last_at"]),
            instance_count=row["instance_count"],
        )
        for row in rows
    ]


def write_origin(
    connection: Connection, connections: Connections, origin: dict[str, Any], at: int
) -> None:
    """Make the rows of an origin and its facility where they are not there yet."""
    engine = connections.engine
    connection.execute(upsert(schema.origin, engine).values(origin).on_conflict_do_nothing())
    write_facility(connection, connections, origin["facility"], at)


def write_facility(
    connection: Connection, connections: Connections, facility: str, at: int
) -> None:
    """Make a facility's row where it is not there yet; the earliest mention is its beginning."""
    table = schema.facility
    statement = upsert(table, connections.engine).values(facility=facility, added_at=at)
    earlier = statement.excluded.added_at < table.c.added_at
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["facility"],
            set_={"added_at": statement.excluded.added_at},
            where=earlier,
        )
    )


# ---------------------------------------------------------------- who was refused


def write_refusal(
    connections: Connections, aet: str, address: str, at: int, *, attempts: int
) -> None:
    """List a sender that was refused, or count its attempts."""
    table = schema.unknown_sender
    statement = upsert(table, connections.engine).values(
        aet=clean_text(aet)[:_LONGEST_NAME],
        address=clean_text(address)[:_LONGEST_NAME],
        attempts=attempts,
        first_at=at,
        last_at=at,
    )
    fact = SenderRefused(
        calling_aet=clean_text(aet)[:_LONGEST_NAME], address=clean_text(address)[:_LONGEST_NAME]
    )
    with connections.write() as connection:
        counted = connection.execute(
            statement.on_conflict_do_update(
                index_elements=["aet", "address"],
                set_={"attempts": table.c.attempts + attempts, "last_at": at},
                where=statement.excluded.last_at > table.c.last_at,
            )
        )
        if not counted.rowcount:
            return  # the journal's record was applied before
        add_events(connection, [fact], at)
        count = connection.execute(select(func.count()).select_from(table)).scalar_one()
        if count > MOST_UNKNOWN_SENDERS:
            silent = select(table.c.aet, table.c.address).order_by(table.c.last_at)
            for row in connection.execute(silent.limit(count - MOST_UNKNOWN_SENDERS)).all():
                connection.execute(
                    delete(table).where(table.c.aet == row.aet, table.c.address == row.address)
                )
