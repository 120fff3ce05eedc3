"""Rows of what is kept aside: written, listed, and forgotten once somebody has settled it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Select, delete, func, select

from noctis_lab.catalog import schema
from noctis_lab.catalog.connection import Connections, mapped, upsert
from noctis_lab.catalog.events import add_events
from noctis_lab.catalog.instants import to_instant
from noctis_lab.catalog.receipts import write_origin
from noctis_lab.catalog.records import QuarantineRow, Receipt
from noctis_lab.catalog.rows import clean_text, origin_values, to_receipt
from noctis_lab.events import InstanceConflict, InstanceRejected, QuarantineSettled

__all__ = [
    "add_quarantined",
    "find_quarantined",
    "forget_quarantined",
    "list_quarantine",
    "settle_row",
    "write_quarantine",
]

_CONFLICT = "conflict"


def write_quarantine(connections: Connections, row: QuarantineRow, at: int) -> None:
    """Record bytes that are kept aside; a known `quarantine_id` changes nothing."""
    with connections.write() as connection:
        if not add_quarantined(connection, connections, row):
            return
        fact: InstanceConflict | InstanceRejected = InstanceRejected(
            quarantine_id=row.quarantine_id, reason=clean_text(row.reason)
        )
        if row.kind == _CONFLICT:
            fact = InstanceConflict(
                StudyInstanceUID=clean_text(row.StudyInstanceUID or ""),
                SOPInstanceUID=clean_text(row.SOPInstanceUID or ""),
                quarantine_id=row.quarantine_id,
            )
        add_events(connection, [fact], at)


def add_quarantined(connection: Connection, connections: Connections, row: QuarantineRow) -> bool:
    """Insert the row within a transaction; return False where its id is known already."""
    origin = origin_values(row.receipt)
    received_at = to_instant(row.receipt.received_at)
    write_origin(connection, connections, origin, received_at)
    study_uid, sop_uid = row.StudyInstanceUID, row.SOPInstanceUID
    added = connection.execute(
        upsert(schema.quarantine, connections.engine)
        .values(
            quarantine_id=row.quarantine_id,
            kind=row.kind,
            reason=clean_text(row.reason),
            SOPInstanceUID=None if sop_uid is None else clean_text(sop_uid),
            StudyInstanceUID=None if study_uid is None else clean_text(study_uid),
            sha256=row.sha256,
            size_bytes=row.size_bytes,
            origin_key=origin["origin_key"],
            received_at=received_at,
        )
        .on_conflict_do_nothing()
    )
    return bool(added.rowcount)


def settle_row(connection: Connection, quarantine_id: str, *, outcome: str, at: int) -> bool:
    """Delete the row within a transaction and tell of it; return False where there is none."""
    table = schema.quarantine
    gone = connection.execute(delete(table).where(table.c.quarantine_id == quarantine_id))
    if not gone.rowcount:
        return False
    fact = QuarantineSettled(quarantine_id=quarantine_id, outcome=outcome)
    add_events(connection, [fact], at)
    return True


def forget_quarantined(
    connections: Connections, quarantine_id: str, receipt: Receipt, *, outcome: str, at: int
) -> None:
    """Forget bytes that are kept aside no more.

    Parameters
    ----------
    receipt
        Theirs. By whom and into which facility they came stays known, as it does in a catalogue
        that is rebuilt after they are gone.
    outcome
        ``accepted`` or ``discarded``.
    """
    with connections.write() as connection:
        origin = origin_values(receipt)
        write_origin(connection, connections, origin, to_instant(receipt.received_at))
        settle_row(connection, quarantine_id, outcome=outcome, at=at)


def find_quarantined(connections: Connections, quarantine_id: str) -> QuarantineRow | None:
    """Return one row, None where there is none."""
    statement = _rows().where(schema.quarantine.c.quarantine_id == quarantine_id)
    with connections.read() as connection:
        found = mapped(connection.execute(statement))
    return _to_row(found[0]) if found else None


def list_quarantine(
    connections: Connections, *, offset: int = 0, limit: int = 100
) -> tuple[int, list[QuarantineRow]]:
    """Return how many there are, and a window of them, newest first."""
    table = schema.quarantine
    statement = (
        _rows()
        .order_by(table.c.received_at.desc(), table.c.quarantine_id)
        .offset(offset)
        .limit(limit)
    )
    with connections.read() as connection:
        total = connection.execute(select(func.count()).select_from(table)).scalar_one()
        rows = mapped(connection.execute(statement))
    return total, [_to_row(row) for row in rows]


def _rows() -> Select[Any]:
    table, origin = schema.quarantine, schema.origin
    return select(
        table,
        origin.c.source,
        origin.c.facility,
        origin.c.calling_aet,
        origin.c.called_aet,
    ).join(origin, origin.c.origin_key == table.c.origin_key)


def _to_row(row: Mapping[str, Any]) -> QuarantineRow:
    return QuarantineRow(
        quarantine_id=row["quarantine_id"],
        reason=row["reason"],
        kind=row["kind"],
        SOPInstanceUID=row["SOPInstanceUID"],
        StudyInstanceUID=row["StudyInstanceUID"],
        sha256=bytes(row["sha256"]),
        size_bytes=row["size_bytes"],
        receipt=to_receipt(row),
    )
