"""One admission, one transaction: thin and wide row, rollups, access, event and jobs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection

from noctis_lab.catalog.commit_statements import SERIES_FACTS, CommitStatements
from noctis_lab.catalog.connection import Connections
from noctis_lab.catalog.instants import to_instant
from noctis_lab.catalog.records import InstanceEntry
from noctis_lab.catalog.rollups import (
    instance_number,
    join_modalities,
    series_texts,
    study_texts,
    text_of,
    top_level,
)
from noctis_lab.catalog.rows import (
    clean_text,
    format_values,
    instance_values,
    origin_values,
    series_reference,
)
from noctis_lab.catalog.wide import encode_elements
from noctis_lab.dicom.header import Element
from noctis_lab.dicom.uids import uid_key
from noctis_lab.errors import CatalogError
from noctis_lab.events import InstanceStored

__all__ = ["Committer"]

#: Keys of formats and origins remembered as being in the table; rows are never deleted there.
_MOST_REMEMBERED = 10_000
_NEW_SERIES_FACTS = dict.fromkeys(SERIES_FACTS)


@dataclass(slots=True, kw_only=True)
class _Prepared:
    """Everything of a commit that can be worked out before the lock is taken."""

    top: dict[str, Element]  # what describes a study and a series, where this instance is the first
    study: dict[str, Any]
    series: dict[str, Any]
    instance: dict[str, Any]
    format: dict[str, Any]
    origin: dict[str, Any]
    elements: bytes
    in_place: dict[str, Any] | None
    event: dict[str, Any]
    run_after: int


class _StudyNow(NamedTuple):
    """The columns of `find_study`."""

    StudyInstanceUID: str
    PatientID: str | None
    modalities: str
    first_received_at: int
    last_received_at: int
    has_access: bool


class _SeriesNow(NamedTuple):
    """The columns of `find_series`."""

    SeriesInstanceUID: str
    study_key: int
    first_received_at: int
    last_received_at: int


class Committer:
    """Writes instances; holds the statements, compiled once.

    Parameters
    ----------
    connections
        Of the catalogue.
    quiet
        After this long without another instance of its series, the series' jobs may run.
    """

    def __init__(self, connections: Connections, *, quiet: timedelta) -> None:
        self._connections = connections
        self._quiet = quiet
        # Putting a job off by less is not worth a write with each of a stream of instances.
        self._slack = quiet // timedelta(microseconds=1) // 20
        self._sql = CommitStatements(connections.engine)
        self._remembered: set[int] = set()

    def commit(self, entry: InstanceEntry, at: datetime) -> bool:
        """Write one instance with all that follows from it.

        Returns
        -------
        bool
            False where the SOPInstanceUID is known; then nothing was written.
        """
        return self.commit_all([entry], at)[0]

    def commit_all(self, entries: Sequence[InstanceEntry], at: datetime) -> list[bool]:
        """Write several instances in their order, all or none of them; as `commit` for each."""
        prepared = [self._prepare(entry, at) for entry in entries]
        with self._connections.write() as connection:
            written = [self._write_new(connection, new) for new in prepared]
        for new, is_written in zip(prepared, written, strict=True):
            if is_written:
                self._remember(new)
        return written

    def _write_new(self, connection: Connection, new: _Prepared) -> bool:
        known = self._sql.find_instance.run(connection, new.instance)
        if known:
            if known[0][0] != new.instance["SOPInstanceUID"]:
                raise _key_collision("SOPInstanceUID", new.instance["SOPInstanceUID"])
            return False
        self._write(connection, new)
        return True

    def _prepare(self, entry: InstanceEntry, at: datetime) -> _Prepared:
        top = top_level(entry.elements)
        received_at = to_instant(entry.receipt.received_at)
        study_uid = clean_text(entry.StudyInstanceUID)
        series_uid = clean_text(entry.SeriesInstanceUID)
        counts = {
            "stored_bytes": entry.data_set_length,
            "first_received_at": received_at,
            "last_received_at": received_at,
        }
        layout, origin = format_values(entry), origin_values(entry.receipt)
        instance = instance_values(entry, instance_number(top))
        instance["instance_key"] = uid_key(instance["SOPInstanceUID"])
        instance["format_key"] = layout["format_key"]
        instance["origin_key"] = origin["origin_key"]
        modality = text_of(top, "Modality")
        place = entry.in_place
        fact = InstanceStored(
            StudyInstanceUID=study_uid,
            SeriesInstanceUID=series_uid,
            SOPInstanceUID=instance["SOPInstanceUID"],
        )
        return _Prepared(
            top=top,
            study={
                "study_key": uid_key(study_uid),
                "StudyInstanceUID": study_uid,
                "PatientID": text_of(top, "PatientID"),
                "modalities": join_modalities("", modality),
                "series_count": 0,
                "instance_count": 1,
                **counts,
            },
            series={
                "SeriesInstanceUID": series_uid,
                "Modality": modality,
                "instance_count": 1,
                "frame_count": 0 if entry.pixels is None else entry.pixels.frames,
                "image_count": 0 if entry.pixels is None else 1,
                "is_dirty": True,
                **counts,
                **_NEW_SERIES_FACTS,
            },
            instance=instance,
            format=layout,
            origin=origin,
            elements=encode_elements(entry.elements),
            in_place=None
            if place is None
            else {
                "instance_key": instance["instance_key"],
                "path": bytes(place.path),
                "size_bytes": place.size_bytes,
                "mtime_ns": place.mtime_ns,
            },
            event={"kind": fact.kind, "fields": fact.to_json(), "at": to_instant(at)},
            run_after=to_instant(at + self._quiet),
        )

    def _write(self, connection: Connection, new: _Prepared) -> None:
        sql = self._sql
        access = {"study_key": new.study["study_key"], "facility": new.origin["facility"]}
        found = sql.find_study.run(connection, access)
        study = _StudyNow(*found[0]) if found else None
        if study is not None and study.StudyInstanceUID != new.study["StudyInstanceUID"]:
            raise _key_collision("StudyInstanceUID", new.study["StudyInstanceUID"])
        has_access = study is not None and study.has_access
        is_other = study is not None and study.PatientID != new.study["PatientID"]
        is_withheld = is_other and not has_access

        reference = self._write_series(connection, new, is_withheld=is_withheld)
        if is_withheld:
            sql.add_collision.run(connection, {**access, **_collision(new)})
        else:
            self._write_study(connection, new, study)
            if not has_access:
                sql.add_access.run(connection, access)

        # Not remembered as the origin is: a correction takes away a format that is out of use.
        sql.add_format.run(connection, new.format)
        if new.origin["origin_key"] not in self._remembered:
            sql.add_origin.run(connection, new.origin)
            sql.add_facility.run(
                connection,
                {"facility": access["facility"], "added_at": new.instance["received_at"]},
            )
        new.instance["series_key"] = new.series["series_key"]
        new.instance["is_other_patient"] = is_other
        sql.add_instance.run(connection, new.instance)
        ((event_id,),) = sql.add_event.run(connection, new.event)
        sql.add_wide.run(
            connection,
            {
                "wide_key": event_id,
                "series_key": new.series["series_key"],
                "instance_key": new.instance["instance_key"],
                "elements": new.elements,
            },
        )
        if new.in_place is not None:
            sql.add_in_place.run(connection, new.in_place)
        jobs = {"key": reference, "run_after": new.run_after, "slack": self._slack}
        sql.add_jobs.run(connection, jobs)

    def _write_series(self, connection: Connection, new: _Prepared, *, is_withheld: bool) -> str:
        """Insert or add to the series' row; return its reference, set its key."""
        sql, series = self._sql, new.series
        series_uid, study_uid = series["SeriesInstanceUID"], new.study["StudyInstanceUID"]
        series |= {"study_key": new.study["study_key"], "is_withheld": is_withheld}
        reference = series_reference(series_uid)
        if is_withheld:
            reference = series_reference(series_uid, study_uid, new.origin["facility"])
        row = self._find_series(connection, reference, series)
        if row is not None and row.study_key != series["study_key"]:
            reference = series_reference(series_uid, study_uid)
            row = self._find_series(connection, reference, series)
        if row is None:
            sql.add_series.run(connection, series | series_texts(new.top))
            new.study["series_count"] = 1
            return reference
        if series["first_received_at"] < row.first_received_at:
            sql.describe_series.run(connection, _as_parameters(series | series_texts(new.top)))
        sql.count_series.run(
            connection,
            {
                "b_series_key": series["series_key"],
                "b_frames": series["frame_count"],
                "b_images": series["image_count"],
                "b_bytes": series["stored_bytes"],
                "b_last": max(row.last_received_at, series["last_received_at"]),
            },
        )
        return reference

    def _find_series(
        self, connection: Connection, reference: str, series: dict[str, Any]
    ) -> _SeriesNow | None:
        series |= {"series_key": uid_key(reference), "reference": reference}
        found = self._sql.find_series.run(connection, series)
        row = _SeriesNow(*found[0]) if found else None
        if row is not None and row.SeriesInstanceUID != series["SeriesInstanceUID"]:
            raise _key_collision("SeriesInstanceUID", series["SeriesInstanceUID"])
        return row

    def _write_study(self, connection: Connection, new: _Prepared, row: _StudyNow | None) -> None:
        sql, study = self._sql, new.study
        if row is None:
            sql.add_study.run(connection, study | study_texts(new.top))
            return
        if study["first_received_at"] < row.first_received_at:
            sql.describe_study.run(connection, _as_parameters(study | study_texts(new.top)))
        modalities = join_modalities(row.modalities, new.series["Modality"])
        if modalities != row.modalities:
            sql.set_modalities.run(
                connection, {"b_study_key": study["study_key"], "b_modalities": modalities}
            )
        sql.count_study.run(
            connection,
            {
                "b_study_key": study["study_key"],
                "b_series": study["series_count"],
                "b_bytes": study["stored_bytes"],
                "b_last": max(row.last_received_at, study["last_received_at"]),
            },
        )

    def _remember(self, new: _Prepared) -> None:
        if len(self._remembered) > _MOST_REMEMBERED:
            self._remembered = set()
        self._remembered.add(new.origin["origin_key"])


def _as_parameters(values: dict[str, Any]) -> dict[str, Any]:
    # An UPDATE's parameters must not bear the names of the columns it sets.
    return {f"b_{name}": value for name, value in values.items()}


def _collision(new: _Prepared) -> dict[str, Any]:
    received_at = new.instance["received_at"]
    return {"first_at": received_at, "last_at": received_at, "instance_count": 1}


def _key_collision(keyword: str, uid: str) -> CatalogError:
    return CatalogError(
        f"{keyword} {uid} has the same 64-bit key as another UID of this archive; the instance "
        "cannot be catalogued here"
    )
