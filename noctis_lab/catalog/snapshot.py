"""Wide rows out of the commit tier, with their thin rows: what is not in Parquet yet."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, RowMapping, select

from noctis_lab.catalog import schema
from noctis_lab.catalog.wide import ElementColumns, decode_columns
from noctis_lab.dicom.geometry import plane_normal, position_along_normal_mm

__all__ = ["WideInstance", "as_timestamp", "in_pieces", "read_wide"]

_ORIENTATION = struct.Struct("<6d")
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - the columns are UTC without saying so
#: SQLite binds 32,766 parameters at most; lists of keys go in pieces.
_PIECE = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class WideInstance:
    """One wide row with its thin row: all that the catalogue knows of an instance.

    `facts` holds the columns of `columns.INSTANCES` that do not come from the elements.
    """

    wide_key: int
    facts: dict[str, Any]
    blob: bytes  # wide.encode_elements

    def decode_elements(self) -> ElementColumns:
        """Decode the elements; once the snapshot is closed, for this is most of the time."""
        return decode_columns(self.blob)


def in_pieces[T](keys: Sequence[T]) -> Iterator[Sequence[T]]:
    """Yield the keys in lists that one statement may bind."""
    for start in range(0, len(keys), _PIECE):
        yield keys[start : start + _PIECE]


def as_timestamp(instant: int | None) -> datetime | None:
    """Return an instant of the tables as a naive UTC time, as DuckDB's TIMESTAMP has it."""
    return None if instant is None else _EPOCH + timedelta(microseconds=instant)


def read_wide(
    connection: Connection, *, series_keys: Sequence[int] | None = None, after: int = 0
) -> Iterator[WideInstance]:
    """Yield wide rows in the order they were written.

    Parameters
    ----------
    connection
        One snapshot of the commit tier.
    series_keys
        Only of these series; None for all.
    after
        Only those with a greater `wide_key`.
    """
    statement = _statement().where(schema.wide.c.wide_key > after)
    if series_keys is None:
        yield from _rows(connection, statement)
        return
    for piece in in_pieces(series_keys):
        yield from _rows(connection, statement.where(schema.wide.c.series_key.in_(piece)))


def _statement() -> Any:
    wide, instance, layout = schema.wide, schema.instance, schema.instance_format
    series, study, origin = schema.series, schema.study, schema.origin
    return (
        select(
            wide.c.wide_key,
            wide.c.series_key,
            wide.c.elements,
            instance.c.SOPInstanceUID,
            instance.c.sha256,
            instance.c.data_set_length,
            instance.c.received_at,
            instance.c.position_x_mm,
            instance.c.position_y_mm,
            instance.c.position_z_mm,
            layout.c.SOPClassUID,
            layout.c.transfer_syntax_uid,
            layout.c.pixel_keyword,
            layout.c.NumberOfFrames,
            layout.c.orientation,
            series.c.SeriesInstanceUID,
            study.c.StudyInstanceUID,
            origin.c.facility,
            origin.c.calling_aet,
            origin.c.called_aet,
            origin.c.source,
            schema.in_place.c.mtime_ns,
        )
        .join(
            instance,
            (instance.c.series_key == wide.c.series_key)
            & (instance.c.instance_key == wide.c.instance_key),
        )
        .join(layout, layout.c.format_key == instance.c.format_key)
        .join(series, series.c.series_key == wide.c.series_key)
        .join(study, study.c.study_key == series.c.study_key)
        .join(origin, origin.c.origin_key == instance.c.origin_key)
        .outerjoin(schema.in_place, schema.in_place.c.instance_key == instance.c.instance_key)
        .order_by(wide.c.wide_key)
    )


def _rows(connection: Connection, statement: Any) -> Iterator[WideInstance]:
    for row in connection.execute(statement).mappings():
        yield WideInstance(
            wide_key=row["wide_key"],
            facts={
                "series_key": row["series_key"],
                "SOPInstanceUID": row["SOPInstanceUID"],
                "SOPClassUID": row["SOPClassUID"],
                "SeriesInstanceUID": row["SeriesInstanceUID"],
                "StudyInstanceUID": row["StudyInstanceUID"],
                "transfer_syntax_uid": row["transfer_syntax_uid"],
                "frame_count": row["NumberOfFrames"] if row["pixel_keyword"] else 0,
                "slice_position_mm": _slice_position_mm(row),
                "data_set_bytes": row["data_set_length"],
                "data_set_sha256": bytes(row["sha256"]),
                "is_in_place": row["mtime_ns"] is not None,
                "facility": row["facility"],
                "calling_aet": row["calling_aet"],
                "called_aet": row["called_aet"],
                "receipt_source": row["source"],
                "received_at": as_timestamp(row["received_at"]),
            },
            blob=row["elements"],
        )


def _slice_position_mm(row: RowMapping) -> float | None:
    if row["orientation"] is None or row["position_x_mm"] is None:
        return None
    orientation = _ORIENTATION.unpack(row["orientation"])
    if not any(plane_normal(orientation)):  # parallel directions span no plane
        return None
    position_mm = (row["position_x_mm"], row["position_y_mm"], row["position_z_mm"])
    return position_along_normal_mm(position_mm, orientation)
