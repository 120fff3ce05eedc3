"""Measurements: rows of what people drew, with their figures; every earlier state is kept."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final, Self

from sqlalchemy import func, select

from noctis_lab.catalog import schema
from noctis_lab.catalog.connection import upsert
from noctis_lab.catalog.events import add_events
from noctis_lab.catalog.instants import to_instant
from noctis_lab.catalog.store import Catalog
from noctis_lab.events import MeasurementChanged

__all__ = [
    "MOST_BYTES_OF_A_SERIES",
    "MOST_OF_A_SERIES",
    "MeasurementRow",
    "SeriesMeasurements",
    "figures_by_column",
    "find_measurement",
    "measurements_of_series",
    "tally_of_series",
    "versions_of",
    "write_measurement",
]

#: Measurements of one series that are not deleted.
MOST_OF_A_SERIES: Final = 10_000
#: What their documents take: it is all sent to each viewer that opens the series. A rectangle takes
#: some 2 KB, an outline of 200 points 20 KB, one of the most points 1 MB.
MOST_BYTES_OF_A_SERIES: Final = 16 << 20

_TIMES = ("created_at", "updated_at", "deleted_at")


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasurementRow:
    """One measurement, in one of the states that it has had."""

    MeasurementUID: str  # a uuid4's 32 hexadecimal digits
    kind: str
    StudyInstanceUID: str
    SeriesInstanceUID: str
    SOPInstanceUID: str | None  # of the image it was drawn on; None on a plane through a volume
    frame: int | None  # of that image, from 0
    FrameOfReferenceUID: str | None
    points_mm: list[list[float]] | None  # (x, y, z), patient LPS; None without a place there
    points_px: list[list[float]] | None  # (column, row) on that frame; None on a plane
    plane: dict[str, Any] | None  # where a plane through a volume lies
    label: str
    extra_index: int | None  # along the dim before z
    values: dict[str, Any]  # its figures, each with its unit in the name
    differs: list[str]  # figures of which whoever saved it had other values
    author: str
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values; times as ISO 8601, UTC."""
        document = {field.name: getattr(self, field.name) for field in fields(self)}
        for name in _TIMES:
            if document[name] is not None:
                document[name] = document[name].isoformat(timespec="microseconds")
        return document

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """Return what `to_json` wrote."""
        known = {field.name: document[field.name] for field in fields(cls)}
        for name in _TIMES:
            if known[name] is not None:
                known[name] = datetime.fromisoformat(known[name])
        return cls(**known)

    def to_text(self) -> str:
        """Return it as JSON text, as it is kept; ASCII."""
        return json.dumps(self.to_json(), separators=(",", ":"), allow_nan=False)

    @property
    def place_mm(self) -> tuple[float, float, float] | None:
        """The mean of its points (x, y, z), patient LPS; None without a place there."""
        if not self.points_mm:
            return None
        x, y, z = (sum(parts) / len(parts) for parts in zip(*self.points_mm, strict=True))
        return x, y, z


@dataclass(frozen=True, slots=True)
class SeriesMeasurements:
    """How many measurements of a series are not deleted, and what they take."""

    count: int
    size_bytes: int


def figures_by_column(row: MeasurementRow) -> dict[str, Any]:
    """Return what a table of measurements holds of one beside its own fields, by column name."""
    x_mm, y_mm, z_mm = row.place_mm or (None, None, None)
    return {
        **row.values,
        "value_units": row.values.get("units"),
        "is_clipped": row.values.get("clipped"),
        "x_mm": x_mm,
        "y_mm": y_mm,
        "z_mm": z_mm,
    }


def find_measurement(catalog: Catalog, MeasurementUID: str) -> MeasurementRow | None:
    """Return a measurement as it stands, be it deleted; None where there is none."""
    table = schema.measurement
    statement = select(table.c.document).where(table.c.MeasurementUID == MeasurementUID)
    with catalog.connections.read() as connection:
        document = connection.execute(statement).scalar()
    return None if document is None else MeasurementRow.from_json(json.loads(document))


def measurements_of_series(
    catalog: Catalog, StudyInstanceUID: str, SeriesInstanceUID: str
) -> list[MeasurementRow]:
    """Return the measurements of a study's series that are not deleted, oldest first."""
    table = schema.measurement
    statement = (
        select(table.c.document)
        .where(
            table.c.StudyInstanceUID == StudyInstanceUID,
            table.c.SeriesInstanceUID == SeriesInstanceUID,
            table.c.deleted_at.is_(None),
        )
        .order_by(table.c.created_at, table.c.MeasurementUID)
    )
    with catalog.connections.read() as connection:
        documents = connection.execute(statement).scalars().all()
    return [MeasurementRow.from_json(json.loads(document)) for document in documents]


def tally_of_series(
    catalog: Catalog, StudyInstanceUID: str, SeriesInstanceUID: str, *, without: str
) -> SeriesMeasurements:
    """Return what a study's series has of measurements that are not deleted.

    Parameters
    ----------
    without
        A MeasurementUID that does not count.
    """
    table = schema.measurement
    statement = select(
        func.count(), func.coalesce(func.sum(func.length(table.c.document)), 0)
    ).where(
        table.c.StudyInstanceUID == StudyInstanceUID,
        table.c.SeriesInstanceUID == SeriesInstanceUID,
        table.c.deleted_at.is_(None),
        table.c.MeasurementUID != without,
    )
    with catalog.connections.read() as connection:
        count, size_bytes = connection.execute(statement).one()
    return SeriesMeasurements(int(count), int(size_bytes))


def versions_of(catalog: Catalog, MeasurementUID: str) -> list[tuple[str, MeasurementRow]]:
    """Return every state of a measurement, oldest first, each with who made it so."""
    table = schema.measurement_version
    statement = (
        select(table.c.principal, table.c.document)
        .where(table.c.MeasurementUID == MeasurementUID)
        .order_by(table.c.updated_at)
    )
    with catalog.connections.read() as connection:
        rows = connection.execute(statement).all()
    return [(row.principal, MeasurementRow.from_json(json.loads(row.document))) for row in rows]


def write_measurement(catalog: Catalog, row: MeasurementRow, *, principal: str) -> None:
    """Write a state of a measurement; it stands unless a later one does. Twice does no harm."""
    table, versions = schema.measurement, schema.measurement_version
    engine, updated_at = catalog.connections.engine, to_instant(row.updated_at)
    version = {"updated_at": updated_at, "document": row.to_text()}
    values = {
        "StudyInstanceUID": row.StudyInstanceUID,
        "SeriesInstanceUID": row.SeriesInstanceUID,
        "SOPInstanceUID": row.SOPInstanceUID,
        "author": row.author,
        "created_at": to_instant(row.created_at),
        "deleted_at": None if row.deleted_at is None else to_instant(row.deleted_at),
        **version,
    }
    event = MeasurementChanged(
        StudyInstanceUID=row.StudyInstanceUID,
        SeriesInstanceUID=row.SeriesInstanceUID,
        MeasurementUID=row.MeasurementUID,
    )
    with catalog.connections.write() as connection:
        connection.execute(
            upsert(versions, engine)
            .values(MeasurementUID=row.MeasurementUID, principal=principal, **version)
            .on_conflict_do_nothing()
        )
        connection.execute(
            upsert(table, engine)
            .values(MeasurementUID=row.MeasurementUID, **values)
            .on_conflict_do_update(
                index_elements=["MeasurementUID"],
                set_=values,
                where=table.c.updated_at <= updated_at,
            )
        )
        add_events(connection, [event], to_instant(catalog.clock()))
