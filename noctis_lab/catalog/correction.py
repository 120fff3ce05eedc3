"""Another content takes an instance's place: its rows, and the rollups that they are part of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection, delete, exists, func, null, or_, select, update

from noctis_lab.catalog import schema
from noctis_lab.catalog.commit_statements import SERIES_FACTS, CommitStatements
from noctis_lab.catalog.connection import upsert
from noctis_lab.catalog.instants import to_instant
from noctis_lab.catalog.notes import LAST_CORRECTION
from noctis_lab.catalog.quarantine import add_quarantined, settle_row
from noctis_lab.catalog.receipts import write_facility
from noctis_lab.catalog.records import InstanceEntry, InstanceRow, QuarantineRow
from noctis_lab.catalog.rollups import instance_number, series_texts, study_texts, top_level
from noctis_lab.catalog.rows import clean_text, format_values, instance_values, origin_values
from noctis_lab.catalog.store import Catalog
from noctis_lab.catalog.superseding import write_superseding
from noctis_lab.dicom.header import Element
from noctis_lab.dicom.uids import uid_key
from noctis_lab.errors import InstanceNotFound

__all__ = [
    "Describers",
    "Replacement",
    "find_describers",
    "grant_study",
    "is_plain_study",
    "replace_instance",
]


class Describers(NamedTuple):
    """Which instance a row's texts are of once another content stands; None: as before.

    SOPInstanceUIDs; the replaced instance's own where the new content describes.
    """

    series: str | None
    study: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Replacement:
    """All that the exchange of one instance's content writes.

    `series_elements` and `study_elements` are those of the `Describers`; None: texts stay.
    """

    entry: InstanceEntry
    known: InstanceRow  # what stood before
    accepted_id: str  # in quarantine, so far
    superseded: QuarantineRow  # where what stood before is kept from now on
    series_elements: Sequence[Element] | None
    study_elements: Sequence[Element] | None


def is_plain_study(catalog: Catalog, StudyInstanceUID: str, SeriesInstanceUID: str) -> bool:
    """Return whether study and series are of one patient, and of nobody else's UIDs.

    Where one is not, which row an instance is filed in depends on what came before it; then no
    content can take the place of one that came earlier.
    """
    instance, series = schema.instance, schema.series
    study_key = uid_key(clean_text(StudyInstanceUID))
    uid = clean_text(SeriesInstanceUID)
    mixed = exists(
        select(instance.c.instance_key)
        .join(series, series.c.series_key == instance.c.series_key)
        .where(series.c.study_key == study_key)
        .where(or_(instance.c.is_other_patient, series.c.is_withheld))
    )
    namesakes = select(func.count()).where(series.c.SeriesInstanceUID == uid)
    with catalog.connections.read() as connection:
        has_others = connection.execute(select(mixed)).scalar_one()
        return not has_others and connection.execute(namesakes).scalar_one() == 1


def find_describers(catalog: Catalog, known: InstanceRow, entry: InstanceEntry) -> Describers:
    """Return whose texts the series' and the study's row have once `entry` stands for `known`.

    A row is described by the instance that came first.
    """
    instance, series = schema.instance, schema.series
    key = uid_key(clean_text(known.SOPInstanceUID))
    before, after = to_instant(known.received_at), to_instant(entry.receipt.received_at)
    others = (
        select(instance.c.SOPInstanceUID, instance.c.received_at)
        .join(series, series.c.series_key == instance.c.series_key)
        .where(instance.c.instance_key != key)
        .order_by(instance.c.received_at, instance.c.sha256)
        .limit(1)
    )
    in_series = others.where(series.c.series_key == uid_key(clean_text(known.SeriesInstanceUID)))
    in_study = others.where(series.c.study_key == uid_key(clean_text(known.StudyInstanceUID)))
    found: list[str | None] = []
    with catalog.connections.read() as connection:
        for statement in (in_series, in_study):
            other = connection.execute(statement).one_or_none()
            if other is None or after <= other.received_at:
                found.append(known.SOPInstanceUID)
            else:
                found.append(other.SOPInstanceUID if before <= other.received_at else None)
    return Describers(*found)


def replace_instance(catalog: Catalog, new: Replacement) -> bool:
    """Let another content stand for an instance, in one durable transaction.

    Returns
    -------
    bool
        False where what stands is not `Replacement.known` any more; nothing was written then.
    """
    connections, at = catalog.connections, to_instant(catalog.clock())
    sql = CommitStatements(connections.engine)
    table = schema.instance
    key = uid_key(clean_text(new.entry.SOPInstanceUID))
    with connections.write() as connection:
        row = connection.execute(
            select(table.c.sha256, table.c.series_key, table.c.format_key).where(
                table.c.instance_key == key
            )
        ).one_or_none()
        if row is None or bytes(row.sha256) != new.known.sha256:
            return False
        _write_instance(connection, catalog, sql, new, at)
        _drop_unused_format(connection, row.format_key)
        _write_series(connection, row.series_key, new)
        _write_study(connection, new)
        add_quarantined(connection, connections, new.superseded)
        settle_row(connection, new.accepted_id, outcome="accepted", at=at)
    return True


def _write_instance(
    connection: Connection,
    catalog: Catalog,
    sql: CommitStatements,
    new: Replacement,
    at: int,
) -> None:
    entry, table = new.entry, schema.instance
    layout, origin = format_values(entry), origin_values(entry.receipt)
    values = instance_values(entry, instance_number(top_level(entry.elements)))
    key = uid_key(values.pop("SOPInstanceUID"))
    series_key = uid_key(clean_text(entry.SeriesInstanceUID))
    sql.add_format.run(connection, layout)
    sql.add_origin.run(connection, origin)
    write_facility(connection, catalog.connections, origin["facility"], values["received_at"])
    connection.execute(
        update(table)
        .where(table.c.instance_key == key)
        .values(format_key=layout["format_key"], origin_key=origin["origin_key"], **values)
    )
    # Of a plain study (`is_plain_study`) the reference is the UID.
    wide_key = write_superseding(
        connection,
        catalog.connections.engine,
        entry,
        series_key=series_key,
        reference=clean_text(entry.SeriesInstanceUID),
        at=at,
    )
    note = {"name": LAST_CORRECTION, "value": str(wide_key)}
    connection.execute(
        upsert(schema.meta, catalog.connections.engine)
        .values(note)
        .on_conflict_do_update(index_elements=["name"], set_={"value": note["value"]})
    )
    access = {
        "study_key": uid_key(clean_text(entry.StudyInstanceUID)),
        "facility": origin["facility"],
    }
    sql.add_access.run(connection, access)


def _drop_unused_format(connection: Connection, format_key: int) -> None:
    """Take a format away that no instance has any more: a rebuild would not make it."""
    layout, instance = schema.instance_format, schema.instance
    is_used = select(instance.c.format_key).where(instance.c.format_key == format_key).exists()
    connection.execute(delete(layout).where(layout.c.format_key == format_key, ~is_used))


def _write_series(connection: Connection, series_key: int, new: Replacement) -> None:
    table, instance = schema.series, schema.instance
    before, after = new.known.pixels, new.entry.pixels
    first, last = connection.execute(
        select(func.min(instance.c.received_at), func.max(instance.c.received_at)).where(
            instance.c.series_key == series_key
        )
    ).one()
    values: dict[str, Any] = dict.fromkeys(SERIES_FACTS, null())
    if new.series_elements is not None:
        values |= series_texts(top_level(new.series_elements))
    connection.execute(
        update(table)
        .where(table.c.series_key == series_key)
        .values(
            frame_count=table.c.frame_count
            + (0 if after is None else after.frames)
            - (0 if before is None else before.frames),
            image_count=table.c.image_count + int(after is not None) - int(before is not None),
            stored_bytes=table.c.stored_bytes + _growth(new),
            first_received_at=first,
            last_received_at=last,
            is_dirty=True,
            **values,
        )
    )


def _write_study(connection: Connection, new: Replacement) -> None:
    table, series = schema.study, schema.series
    study_key = uid_key(clean_text(new.entry.StudyInstanceUID))
    first, last = connection.execute(
        select(func.min(series.c.first_received_at), func.max(series.c.last_received_at)).where(
            series.c.study_key == study_key
        )
    ).one()
    values: dict[str, Any] = {}
    if new.study_elements is not None:
        values = study_texts(top_level(new.study_elements))
    connection.execute(
        update(table)
        .where(table.c.study_key == study_key)
        .values(
            stored_bytes=table.c.stored_bytes + _growth(new),
            first_received_at=first,
            last_received_at=last,
            **values,
        )
    )


def _growth(new: Replacement) -> int:
    return new.entry.data_set_length - new.known.data_set_length


def grant_study(catalog: Catalog, SOPInstanceUID: str, facility: str) -> None:
    """Let a facility see the study of an instance, which it brought with another content.

    Raises
    ------
    InstanceNotFound
        No such instance.
    """
    uid = clean_text(SOPInstanceUID)
    instance, series = schema.instance, schema.series
    with catalog.connections.write() as connection:
        study_key = connection.execute(
            select(series.c.study_key)
            .join(instance, instance.c.series_key == series.c.series_key)
            .where(instance.c.instance_key == uid_key(uid))
        ).scalar()
        if study_key is None:
            raise InstanceNotFound(f"no instance {uid} in this archive", SOPInstanceUID=uid)
        access = {"study_key": study_key, "facility": clean_text(facility)}
        connection.execute(
            upsert(schema.study_access, catalog.connections.engine)
            .values(access)
            .on_conflict_do_nothing()
        )
