"""The catalogue, held open: what one process sees and writes of the commit tier."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sqlalchemy import Select, bindparam, func, select, update

from noctis_lab.catalog import schema
from noctis_lab.catalog.commit import Committer
from noctis_lab.catalog.connection import Connections, Statement, database_path, mapped, upsert
from noctis_lab.catalog.events import append_event, last_event_id, poll_events
from noctis_lab.catalog.grants import facilities_by_study
from noctis_lab.catalog.instants import now, to_instant
from noctis_lab.catalog.known import (
    find_first_receipt,
    find_kept_aside,
    find_known,
    has_come_from,
    relocate_instance,
)
from noctis_lab.catalog.locks import OpenLock, require_local_disk
from noctis_lab.catalog.migrate import ensure_schema
from noctis_lab.catalog.quarantine import find_quarantined, list_quarantine, write_quarantine
from noctis_lab.catalog.receipts import list_collisions, write_receipts, write_refusal
from noctis_lab.catalog.records import (
    Collision,
    Commit,
    CommitOutcome,
    InstanceEntry,
    InstanceRow,
    QuarantineRow,
    Receipt,
    SeriesFacts,
    SeriesRow,
    StudyRow,
)
from noctis_lab.catalog.rows import clean_text, to_instance_row, to_series_row, to_study_row
from noctis_lab.dicom.uids import uid_key
from noctis_lab.errors import ArchiveNotFound, SeriesNotFound
from noctis_lab.events import Event

__all__ = ["ArchiveCounts", "Catalog", "open_catalog", "require_catalog"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveCounts:
    """How much the archive holds."""

    studies: int
    series: int
    instances: int
    stored_bytes: int


def open_catalog(
    root: Path,
    *,
    may_migrate: bool = False,
    quiet_s: float = 10.0,
    lock_timeout_s: float = 30.0,
    clock: Callable[[], datetime] = now,
) -> Catalog:
    """Open the catalogue of an archive; an empty root gets its tables first, under the lock.

    No lock is taken where the tables are there: readers never wait for a writer.

    Parameters
    ----------
    root
        The archive's folder; made where it is missing.
    may_migrate
        Bring an older schema up to this program's.
    quiet_s
        A series' jobs may run after this long without another instance; seconds.
    lock_timeout_s
        How long a writer waits for the others, and whoever opens it for a rebuild; seconds.
    clock
        Gives the present, aware.

    Raises
    ------
    SchemaMismatch
        The schema is older (without `may_migrate`) or newer; the message names the command.
    CatalogLocked
        Another process held the write lock, or rebuilt it, for the whole of the timeout.
    UnsupportedFilesystem
        The root lies on a network file system.
    """
    folder = root / "catalog"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    require_local_disk(folder)
    with ExitStack() as undo:
        lock = OpenLock(root, alone=False, timeout_s=lock_timeout_s)
        undo.callback(lock.close)
        connections = Connections(folder, lock_timeout_s=lock_timeout_s)
        undo.callback(connections.close)
        ensure_schema(connections, may_migrate=may_migrate)
        undo.pop_all()
    return Catalog(root, connections, lock, quiet_s=quiet_s, clock=clock)


def require_catalog(root: Path) -> None:
    """Refuse a folder that no archive is in: for those who ask, and would make an empty one.

    Raises
    ------
    ArchiveNotFound
        Names the folder, and how to name another.
    """
    if not database_path(root).is_file():
        raise ArchiveNotFound(
            f"no archive at {root}: name its folder (--root, root= in Python, or NOCTIS_ROOT); "
            "`noctis serve` begins a new one, `noctis rebuild` makes a lost catalogue anew from "
            "the files",
            root=str(root),
        )


class Catalog:
    """The commit tier of one archive; thread-safe, and usable in a forked child.

    Parameters
    ----------
    root
        The archive's folder.
    connections
        To a database whose schema is this program's; the catalogue closes them.
    lock
        That says that it is open; the catalogue closes it.
    quiet_s
        A series' jobs may run after this long without another instance; seconds.
    clock
        Gives the present, aware.
    """

    def __init__(
        self,
        root: Path,
        connections: Connections,
        lock: OpenLock,
        *,
        quiet_s: float = 10.0,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self.root = root
        self.connections = connections
        self._lock = lock
        self.clock = clock
        self._committer = Committer(connections, quiet=timedelta(seconds=quiet_s))
        self._find_instance = Statement(
            _instances().where(schema.instance.c.instance_key == bindparam("instance_key")),
            connections.engine,
        )
        self._find_instances = Statement(
            _instances().where(schema.instance.c.series_key == bindparam("series_key")),
            connections.engine,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close this process' connections."""
        self.connections.close()
        self._lock.close()

    # ------------------------------------------------------------ writing

    def commit_instance(self, entry: InstanceEntry) -> Commit:
        """Write one instance and all that follows from it, in one durable transaction.

        Returns
        -------
        Commit
            KNOWN with the row that stands, where the SOPInstanceUID is already catalogued; then
            nothing was written.

        Raises
        ------
        CatalogLocked, NoSpace, CatalogError
            Nothing was written.
        """
        if self._committer.commit(entry, self.clock()):
            return Commit(outcome=CommitOutcome.STORED, known=None)
        known = self.find_instance(entry.SOPInstanceUID, withheld=True)
        return Commit(outcome=CommitOutcome.KNOWN, known=known)

    def commit_instances(self, entries: Sequence[InstanceEntry]) -> list[bool]:
        """Write several instances, in their order, in one durable transaction.

        Returns
        -------
        list of bool
            For each whether it was written; False where its SOPInstanceUID is catalogued.

        Raises
        ------
        CatalogLocked, NoSpace, CatalogError
            Nothing was written.
        """
        return self._committer.commit_all(entries, self.clock())

    def relocate_instance(self, entry: InstanceEntry) -> bool:
        """Say that an instance's bytes lie where the entry says; False where they are others."""
        return relocate_instance(self.connections, entry, to_instant(self.clock()))

    def commit_receipt(self, SOPInstanceUID: str, receipt: Receipt) -> None:
        """Record that a catalogued instance came again; its facility is granted the study.

        Raises
        ------
        InstanceNotFound
            No such instance.
        """
        self.commit_receipts([(SOPInstanceUID, receipt)])

    def commit_receipts(self, came: Sequence[tuple[str, Receipt]]) -> None:
        """Record that several came again, each by its receipt, in one durable transaction.

        Raises
        ------
        InstanceNotFound
            One of them is no instance; then nothing was written.
        """
        write_receipts(self.connections, came)

    def record_quarantine(self, row: QuarantineRow) -> None:
        """Record bytes that are kept aside; a known `quarantine_id` changes nothing."""
        write_quarantine(self.connections, row, to_instant(self.clock()))

    def register_refusal(
        self, aet: str, address: str, *, attempts: int = 1, at: datetime | None = None
    ) -> None:
        """List a sender that was refused, or count its attempts."""
        instant = to_instant(at or self.clock())
        write_refusal(self.connections, aet, address, instant, attempts=attempts)

    def record_audit(
        self, record_id: str, *, principal: str, action: str, subject: str, at: datetime
    ) -> None:
        """Record who did what to which UID or title; a known `record_id` changes nothing."""
        row = {
            "record_id": record_id,
            "at": to_instant(at),
            "principal": clean_text(principal),
            "action": clean_text(action),
            "subject": clean_text(subject),
        }
        with self.connections.write() as connection:
            connection.execute(
                upsert(schema.audit, self.connections.engine).values(row).on_conflict_do_nothing()
            )

    def write_note(self, name: str, value: str) -> None:
        """Note something of the catalogue itself, under a name."""
        statement = upsert(schema.meta, self.connections.engine).values(name=name, value=value)
        with self.connections.write() as connection:
            connection.execute(
                statement.on_conflict_do_update(index_elements=["name"], set_={"value": value})
            )

    def append_event(self, event: Event) -> None:
        """Tell the other processes a fact."""
        append_event(self.connections, event, self.clock())

    def set_series_facts(self, reference: str, facts: SeriesFacts, *, instance_count: int) -> bool:
        """Write what the worker found out about a series, unless it has grown meanwhile.

        Parameters
        ----------
        instance_count
            Of how many instances the facts are.

        Returns
        -------
        bool
            False where the series has another count now: nothing is written then, and the job
            that came with the new instance finds the facts out anew.

        Raises
        ------
        SeriesNotFound
            No such series.
        """
        table = schema.series
        values = {name: getattr(facts, name) for name in SeriesFacts.__dataclass_fields__}
        is_it = table.c.series_key == uid_key(reference)
        with self.connections.write() as connection:
            changed = connection.execute(
                update(table)
                .where(is_it, table.c.instance_count == instance_count)
                .values(summarised_at=to_instant(self.clock()), **values)
            )
            if changed.rowcount:
                return True
            if connection.execute(select(table.c.series_key).where(is_it)).first() is None:
                raise SeriesNotFound(
                    f"no series {reference} in this archive", SeriesInstanceUID=reference
                )
        return False

    # ------------------------------------------------------------ reading

    def poll_events(self, after: int, *, limit: int = 1_000) -> list[tuple[int, Event]]:
        """Return the events after a number, oldest first, each with its own."""
        return poll_events(self.connections, after, limit=limit)

    def last_event_id(self) -> int:
        """Return the number of the newest event, 0 where there was none yet."""
        return last_event_id(self.connections)

    def find_note(self, name: str) -> str | None:
        """Return what `write_note` wrote, None where there is nothing."""
        table = schema.meta
        with self.connections.read() as connection:
            return connection.execute(select(table.c.value).where(table.c.name == name)).scalar()

    def list_quarantine(
        self, *, offset: int = 0, limit: int = 100
    ) -> tuple[int, list[QuarantineRow]]:
        """Return how many are kept aside, and a window of them, newest first."""
        return list_quarantine(self.connections, offset=offset, limit=limit)

    def find_quarantined(self, quarantine_id: str) -> QuarantineRow | None:
        """Return the row of bytes that are kept aside, None where there is none."""
        return find_quarantined(self.connections, quarantine_id)

    def find_instance(self, SOPInstanceUID: str, *, withheld: bool = False) -> InstanceRow | None:
        """Return an instance's thin row, None where there is none.

        Parameters
        ----------
        withheld
            Return it also where it is withheld because of a collision (`rows.py`).
        """
        uid = clean_text(SOPInstanceUID)
        with self.connections.read() as connection:
            found = self._find_instance.run_mapped(connection, {"instance_key": uid_key(uid)})
        row = found[0] if found else None
        if row is None or row["SOPInstanceUID"] != uid or (row["is_withheld"] and not withheld):
            return None
        return to_instance_row(row)

    def find_known(self, SOPInstanceUIDs: Collection[str]) -> set[str]:
        """Return those of the UIDs that are catalogued, withheld ones too."""
        return find_known(self.connections, SOPInstanceUIDs)

    def has_come_from(self, SOPInstanceUID: str, receipt: Receipt) -> bool:
        """Return whether an instance came by that door into that facility before."""
        return has_come_from(self.connections, SOPInstanceUID, receipt)

    def find_first_receipt(self, SOPInstanceUID: str) -> Receipt | None:
        """Return by which receipt an instance is catalogued, None where it is not."""
        return find_first_receipt(self.connections, SOPInstanceUID)

    def find_kept_aside(self, SOPInstanceUID: str, sha256: bytes, receipt: Receipt) -> str | None:
        """Return the id under which these very bytes, by that door, are kept aside already."""
        return find_kept_aside(self.connections, SOPInstanceUID, sha256, receipt)

    def instances_of(self, reference: str) -> list[InstanceRow]:
        """Return the thin rows of a series, by InstanceNumber, then SOPInstanceUID.

        Parameters
        ----------
        reference
            The SeriesInstanceUID, or the series' reference as its jobs carry it (`rows.py`).
        """
        with self.connections.read() as connection:
            rows = self._find_instances.run_mapped(connection, {"series_key": uid_key(reference)})
        return sorted(
            [to_instance_row(row) for row in rows],
            key=lambda row: (
                row.InstanceNumber is None,
                row.InstanceNumber or 0,
                row.SOPInstanceUID,
            ),
        )

    def find_series(self, reference: str) -> SeriesRow | None:
        """Return a series' row by its SeriesInstanceUID or reference, None where there is none."""
        with self.connections.read() as connection:
            statement = _series().where(schema.series.c.series_key == uid_key(reference))
            rows = mapped(connection.execute(statement))
        return to_series_row(rows[0]) if rows else None

    def series_named(self, SeriesInstanceUID: str) -> list[SeriesRow]:
        """Return the series of that UID, by StudyInstanceUID: one, but where studies share it."""
        statement = _seen_series(SeriesInstanceUID).order_by(schema.study.c.StudyInstanceUID)
        with self.connections.read() as connection:
            return [to_series_row(row) for row in mapped(connection.execute(statement))]

    def find_series_of(self, StudyInstanceUID: str, SeriesInstanceUID: str) -> SeriesRow | None:
        """Return a study's series by its UID, None where there is none (or it is withheld)."""
        study_key = uid_key(clean_text(StudyInstanceUID))
        statement = _seen_series(SeriesInstanceUID).where(schema.series.c.study_key == study_key)
        with self.connections.read() as connection:
            rows = mapped(connection.execute(statement))
        return to_series_row(rows[0]) if rows else None

    def series_of(self, StudyInstanceUID: str, *, withheld: bool = False) -> list[SeriesRow]:
        """Return the series of a study, by SeriesNumber, then SeriesInstanceUID.

        Parameters
        ----------
        withheld
            Return also those that are withheld because of a collision; for administrators.
        """
        table = schema.series
        statement = _series().where(table.c.study_key == uid_key(clean_text(StudyInstanceUID)))
        if not withheld:
            statement = statement.where(table.c.is_withheld.is_(False))
        statement = statement.order_by(table.c.SeriesNumber, table.c.SeriesInstanceUID)
        with self.connections.read() as connection:
            return [to_series_row(row) for row in mapped(connection.execute(statement))]

    def find_study(self, StudyInstanceUID: str) -> StudyRow | None:
        """Return a study's row, None where there is none."""
        study_key = uid_key(clean_text(StudyInstanceUID))
        table = schema.study
        with self.connections.read() as connection:
            statement = select(table).where(table.c.study_key == study_key)
            rows = mapped(connection.execute(statement))
            if not rows:
                return None
            return to_study_row(rows[0], facilities_by_study(connection, [study_key])[study_key])

    def facilities_of(self, StudyInstanceUID: str) -> frozenset[str]:
        """Return the facilities that may see a study; empty where there is no such study."""
        study_key = uid_key(clean_text(StudyInstanceUID))
        with self.connections.read() as connection:
            return frozenset(facilities_by_study(connection, [study_key])[study_key])

    def counts(self) -> ArchiveCounts:
        """Return how much the archive holds, from the rollups; withheld instances do not count."""
        table = schema.study
        statement = select(
            func.count(),
            func.coalesce(func.sum(table.c.series_count), 0),
            func.coalesce(func.sum(table.c.instance_count), 0),
            func.coalesce(func.sum(table.c.stored_bytes), 0),
        ).select_from(table)
        with self.connections.read() as connection:
            studies, series, instances, stored_bytes = connection.execute(statement).one()
        return ArchiveCounts(
            studies=studies, series=series, instances=instances, stored_bytes=int(stored_bytes)
        )

    def collisions(self, *, limit: int = 1000) -> list[Collision]:
        """Return the studies that came under another PatientID from another facility."""
        return list_collisions(self.connections, limit=limit)


def _instances() -> Select[Any]:
    instance, layout, series = schema.instance, schema.instance_format, schema.series
    study, place = schema.study, schema.in_place
    return (
        select(
            *[column for column in instance.c if column.name not in {"origin_key", "format_key"}],
            *[column for column in layout.c if column.name != "format_key"],
            series.c.SeriesInstanceUID,
            series.c.is_withheld,
            study.c.StudyInstanceUID,
            place.c.path,
            place.c.size_bytes,
            place.c.mtime_ns,
        )
        .join(layout, layout.c.format_key == instance.c.format_key)
        .join(series, series.c.series_key == instance.c.series_key)
        .join(study, study.c.study_key == series.c.study_key)
        .outerjoin(place, place.c.instance_key == instance.c.instance_key)
    )


def _seen_series(SeriesInstanceUID: str) -> Select[Any]:
    table = schema.series
    uid = clean_text(SeriesInstanceUID)
    return _series().where(table.c.SeriesInstanceUID == uid, table.c.is_withheld.is_(False))


def _series() -> Select[Any]:
    study = schema.study
    return select(schema.series, study.c.StudyInstanceUID).join(
        study, study.c.study_key == schema.series.c.study_key
    )
