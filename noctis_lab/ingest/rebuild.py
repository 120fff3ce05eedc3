"""Make the catalogue anew from the files and the journal, and put it in the old one's place."""

from __future__ import annotations

import ctypes
import heapq
import logging
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from noctis_lab.catalog.inventory import database_held, held_alone
from noctis_lab.catalog.records import InstanceEntry
from noctis_lab.catalog.store import Catalog, open_catalog
from noctis_lab.dicom.file_meta import read_file_meta
from noctis_lab.dicom.header import Limits
from noctis_lab.errors import ArchiveNotFound, InvalidDicom
from noctis_lab.ingest.admission import build_entry, read_open_header, receipt_of
from noctis_lab.ingest.known import is_file_of
from noctis_lab.ingest.ledger import Ledger
from noctis_lab.ingest.sidecar import parse_quarantine
from noctis_lab.storage.durable import storage_errors, sync_folder
from noctis_lab.storage.files import Storage
from noctis_lab.storage.journal import Journal, JournalPosition, JournalRecord
from noctis_lab.storage.layout import CATALOG, INSTANCES, JOURNAL

__all__ = ["RebuildReport", "StandingFile", "read_standing", "rebuild"]

logger = logging.getLogger(__name__)

_SCRATCH: Final = "catalog-rebuilding"
_AT_FDCWD: Final = -100
_RENAME_EXCHANGE: Final = 2

type Progress = Callable[[int, int], object]
"""(done, of how many files)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RebuildReport:
    """What the new catalogue holds, and which files and records it could not take."""

    instances: int
    records: int  # of the journal, applied
    quarantined: int
    skipped: tuple[tuple[str, str], ...]  # (path below the root or journal record, why)


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingFile:
    """A file of ``instances/`` that is what its name and its file meta say."""

    path: Path
    entry: InstanceEntry


def read_standing(path: Path, storage: Storage) -> StandingFile:
    """Read a file of ``instances/``; its hash is taken from its name (`fsck` compares them).

    Raises
    ------
    InvalidDicom
        It cannot be parsed, has no receipt of ours, or does not lie where its UIDs belong.
    """
    try:
        sha256 = bytes.fromhex(path.stem)
    except ValueError:
        raise InvalidDicom("the file's name is no hash") from None
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        receipt = receipt_of(read_file_meta(fd))
        header = read_open_header(fd, limits=Limits())
    finally:
        os.close(fd)
    entry = build_entry(header, sha256=sha256, receipt=receipt)
    if storage.instance_path(entry.StudyInstanceUID, entry.SeriesInstanceUID, sha256) != path:
        raise InvalidDicom("the file does not lie where its UIDs belong")
    return StandingFile(path=path, entry=entry)


def rebuild(
    root: Path, *, progress: Progress | None = None, quiet_s: float = 10.0
) -> RebuildReport:
    """Make an archive's catalogue anew; the old one is used by nobody, and goes when it is done.

    Everything comes back but jobs (made anew), events and login sessions. What was in Parquet is
    in the commit tier again until the worker writes it.

    Parameters
    ----------
    root
        The archive's folder.
    progress
        Called after each file with how many are done, of how many.
    quiet_s
        As the setting.

    Raises
    ------
    ArchiveNotFound
        The folder holds none of an archive's; nothing is made there.
    CatalogLocked
        Another process has the catalogue open.
    StorageError, CatalogError
        It could not be done; the old catalogue stands.
    """
    if not any((root / name).is_dir() for name in (INSTANCES, JOURNAL, CATALOG)):
        raise ArchiveNotFound(
            f"no archive at {root}: name its folder with --root or NOCTIS_ROOT", root=str(root)
        )
    storage = Storage(root)
    journal = Journal(root / JOURNAL)
    scratch = root / _SCRATCH
    with held_alone(root), journal.writing():
        shutil.rmtree(scratch, ignore_errors=True)  # of a rebuild that was ended early
        try:
            with database_held(root), open_catalog(scratch, quiet_s=quiet_s) as catalog:
                report = _fill(storage, journal, catalog, progress)
            # Not within: SQLite removes the old database's log by its name, which is the new
            # one's by then.
            _swap(scratch / CATALOG, root / CATALOG)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    return report


def _fill(
    storage: Storage, journal: Journal, catalog: Catalog, progress: Progress | None
) -> RebuildReport:
    ledger = Ledger(journal, catalog)
    skipped: list[tuple[str, str]] = []
    files = sorted(_received(storage, skipped))
    position = JournalPosition()
    early: list[JournalRecord] = []
    instances = records = done = 0
    # In the order in which it all happened: which patient a study belongs to, and who may see it,
    # is decided by who came first.
    for step in heapq.merge(_file_steps(files), _journal_steps(journal)):
        if step.record is not None and step.position is not None:
            if ledger.replay_record(step.record) is None:
                records += 1
            else:
                early.append(step.record)
            position = step.position
            continue
        instances += _commit(storage, catalog, step.path, skipped)
        done += 1
        if progress is not None:
            progress(done, len(files))
    records += _apply_late(ledger, early, skipped)
    quarantined = _fill_quarantine(storage, catalog, skipped)
    ledger.note_position(position)
    return RebuildReport(
        instances=instances, records=records, quarantined=quarantined, skipped=tuple(skipped)
    )


def _apply_late(
    ledger: Ledger, records: list[JournalRecord], skipped: list[tuple[str, str]]
) -> int:
    """Apply records that failed, now that all files are in; return how many could be applied.

    Where a clock was set back, a record says that it came before the file that it is about.
    """
    applied = 0
    for record in records:
        why = ledger.replay_record(record)
        if why is None:
            applied += 1
        else:
            skipped.append((f"{JOURNAL}: {record.kind} {record.record_id}", why))
    return applied


def _fill_quarantine(storage: Storage, catalog: Catalog, skipped: list[tuple[str, str]]) -> int:
    quarantined = 0
    for kept in storage.iter_quarantine():
        try:
            row = parse_quarantine(kept.facts)
        except ValueError:
            name = str(kept.path.relative_to(storage.root))
            skipped.append((name, "no readable reason lies beside it"))
            continue
        catalog.record_quarantine(row)
        quarantined += 1
    return quarantined


def _received(storage: Storage, skipped: list[tuple[str, str]]) -> Iterator[tuple[datetime, str]]:
    for path in storage.iter_instances():
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                received_at = receipt_of(read_file_meta(fd)).received_at
            finally:
                os.close(fd)
        except (InvalidDicom, OSError) as error:
            skipped.append((str(path.relative_to(storage.root)), str(error)))
            continue
        yield received_at, str(path)


def _commit(storage: Storage, catalog: Catalog, path: str, skipped: list[tuple[str, str]]) -> int:
    try:
        standing = read_standing(Path(path), storage)
    except (InvalidDicom, OSError) as error:
        skipped.append((str(Path(path).relative_to(storage.root)), str(error)))
        return 0
    commit = catalog.commit_instance(standing.entry)
    known = commit.known
    if known is None or is_file_of(known, standing.entry):  # a record may have told of it before
        return 1
    why = "its SOPInstanceUID came earlier with other content"
    skipped.append((str(Path(path).relative_to(storage.root)), why))
    return 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    """A file or a record, ordered by when it came in."""

    at: datetime
    path: str = ""
    record: JournalRecord | None = None
    position: JournalPosition | None = None

    def __lt__(self, other: _Step) -> bool:
        return self.at < other.at


def _file_steps(files: list[tuple[datetime, str]]) -> Iterator[_Step]:
    for at, path in files:
        yield _Step(at=at, path=path)


def _journal_steps(journal: Journal) -> Iterator[_Step]:
    # The journal's own order holds, whatever a clock that was set back wrote into it.
    latest: datetime | None = None
    for position, record in journal.iter_records():
        latest = record.at if latest is None else max(latest, record.at)
        yield _Step(at=latest, record=record, position=position)


def _swap(new: Path, old: Path) -> None:
    """Put a folder in another's place; the old one is at the new one's place afterwards."""
    with storage_errors("putting the new catalogue in place"):
        sync_folder(new)
        if not old.exists():
            os.rename(new, old)
        elif not _exchange(new, old):
            aside = new.with_name("old")
            os.rename(old, aside)
            os.rename(new, old)
        sync_folder(old.parent)


def _exchange(first: Path, second: Path) -> bool:
    """Exchange two names in one step; False where kernel or file system cannot."""
    try:
        function = ctypes.CDLL(None, use_errno=True).renameat2
    except AttributeError:
        return False
    result: int = function(
        _AT_FDCWD, os.fsencode(first), _AT_FDCWD, os.fsencode(second), _RENAME_EXCHANGE
    )
    return result == 0
