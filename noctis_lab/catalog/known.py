"""What is known of an instance that comes again: whence it came, what was kept aside of it."""

from __future__ import annotations

import hashlib
from collections.abc import Collection

from sqlalchemy import Connection, delete, insert, select, update

from noctis_lab.catalog import schema
from noctis_lab.catalog.connection import Connections, mapped, upsert
from noctis_lab.catalog.notes import LAST_CORRECTION
from noctis_lab.catalog.records import InstanceEntry, Receipt
from noctis_lab.catalog.rows import (
    clean_text,
    instance_values,
    origin_values,
    to_receipt,
)
from noctis_lab.catalog.superseding import write_superseding
from noctis_lab.dicom.uids import uid_key

__all__ = [
    "find_first_receipt",
    "find_kept_aside",
    "find_known",
    "has_come_from",
    "relocate_instance",
]

_MOST_ASKED = 500  # variables of one statement
_OF_THE_PLACE = ("data_set_offset", "pixel_offset", "frame_table")


def find_known(connections: Connections, SOPInstanceUIDs: Collection[str]) -> set[str]:
    """Return those of the UIDs that are catalogued, withheld ones too."""
    table = schema.instance
    by_key = {uid_key(clean_text(uid)): uid for uid in SOPInstanceUIDs}
    keys = list(by_key)
    found: set[str] = set()
    with connections.read() as connection:
        for start in range(0, len(keys), _MOST_ASKED):
            asked = table.c.instance_key.in_(keys[start : start + _MOST_ASKED])
            for (key,) in connection.execute(select(table.c.instance_key).where(asked)):
                found.add(by_key[key])
    return found


def has_come_from(connections: Connections, SOPInstanceUID: str, receipt: Receipt) -> bool:
    """Return whether an instance came by that door into that facility before."""
    key = uid_key(clean_text(SOPInstanceUID))
    origin_key = origin_values(receipt)["origin_key"]
    with connections.read() as connection:
        return any(
            connection.execute(
                select(table.c.instance_key)
                .where(table.c.instance_key == key, table.c.origin_key == origin_key)
                .limit(1)
            ).first()
            is not None
            for table in (schema.instance, schema.receipt)
        )


def find_first_receipt(connections: Connections, SOPInstanceUID: str) -> Receipt | None:
    """Return by which receipt an instance is catalogued, None where it is not."""
    instance, origin = schema.instance, schema.origin
    statement = (
        select(instance.c.received_at, origin)
        .join(origin, origin.c.origin_key == instance.c.origin_key)
        .where(instance.c.instance_key == uid_key(clean_text(SOPInstanceUID)))
    )
    with connections.read() as connection:
        found = mapped(connection.execute(statement))
    return to_receipt(found[0]) if found else None


def find_kept_aside(
    connections: Connections, SOPInstanceUID: str, sha256: bytes, receipt: Receipt
) -> str | None:
    """Return the id under which these very bytes, by that door, are kept aside already."""
    table = schema.quarantine
    statement = select(table.c.quarantine_id).where(
        table.c.sha256 == sha256,
        table.c.SOPInstanceUID == clean_text(SOPInstanceUID),
        table.c.origin_key == origin_values(receipt)["origin_key"],
    )
    with connections.read() as connection:
        return connection.execute(statement.limit(1)).scalar()


def _note_change(
    connection: Connection, connections: Connections, instance_key: int, place: str
) -> None:
    """Make what other holders remember of places void, by a value that was not there before."""
    table = schema.meta
    is_it = table.c.name == LAST_CORRECTION
    before = connection.execute(select(table.c.value).where(is_it)).scalar()
    changed = f"{before}\n{instance_key}\n{place}".encode()
    note = {"name": LAST_CORRECTION, "value": hashlib.sha256(changed).hexdigest()[:16]}
    connection.execute(
        upsert(table, connections.engine)
        .values(note)
        .on_conflict_do_update(index_elements=["name"], set_={"value": note["value"]})
    )


def relocate_instance(connections: Connections, entry: InstanceEntry, at: int) -> bool:
    """Say that an instance's bytes lie elsewhere now: in the archive, or in another source.

    Parameters
    ----------
    at
        The present, as `to_instant` gives it.

    Returns
    -------
    bool
        False where the instance that is catalogued has other bytes; then nothing was written.
    """
    table, place = schema.instance, entry.in_place
    uid = clean_text(entry.SOPInstanceUID)
    key = uid_key(uid)
    values = instance_values(entry, None)
    format_ = schema.instance_format
    same_syntax = select(format_.c.format_key).where(
        format_.c.transfer_syntax_uid == clean_text(entry.transfer_syntax_uid)
    )
    with connections.write() as connection:
        changed = connection.execute(
            update(table)
            .where(
                table.c.instance_key == key,
                table.c.SOPInstanceUID == uid,
                table.c.sha256 == entry.sha256,
                # Equal bytes in one syntax have one layout, whatever an older program kept of it.
                table.c.format_key.in_(same_syntax),
            )
            .values({name: values[name] for name in _OF_THE_PLACE})
        )
        if not changed.rowcount:
            return False
        _note_change(connection, connections, key, "" if place is None else str(place.mtime_ns))
        connection.execute(delete(schema.in_place).where(schema.in_place.c.instance_key == key))
        if place is None:
            # Parquet, too, says whether it lies in place.
            _write_wide(connection, connections, entry, key, at)
        else:
            connection.execute(
                insert(schema.in_place).values(
                    instance_key=key,
                    path=bytes(place.path),
                    size_bytes=place.size_bytes,
                    mtime_ns=place.mtime_ns,
                )
            )
    return True


def _write_wide(
    connection: Connection, connections: Connections, entry: InstanceEntry, key: int, at: int
) -> None:
    instance, series = schema.instance, schema.series
    series_key, reference = connection.execute(
        select(series.c.series_key, series.c.reference)
        .join(instance, instance.c.series_key == series.c.series_key)
        .where(instance.c.instance_key == key)
    ).one()
    connection.execute(
        update(series).where(series.c.series_key == series_key).values(is_dirty=True)
    )
    write_superseding(
        connection, connections.engine, entry, series_key=series_key, reference=reference, at=at
    )
