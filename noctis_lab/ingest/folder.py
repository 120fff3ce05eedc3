"""Index folders, media and archives: every DICOM file, copied in or registered in place."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from noctis_lab.catalog.records import InstanceEntry, Receipt, ReceiptSource
from noctis_lab.catalog.senders import list_facilities
from noctis_lab.errors import FileChanged, StorageError
from noctis_lab.ingest.archive import OpenArchive
from noctis_lab.ingest.findings import Candidate, Passed, PassedKind
from noctis_lab.ingest.index_report import Conflict, IndexReport
from noctis_lab.ingest.media import iter_media, iter_paths
from noctis_lab.ingest.pipeline import Admission, Outcome, Pipeline, Prepared
from noctis_lab.ingest.turns import Ready, take_turns

__all__ = ["IndexReport", "index_paths", "iter_files", "require_facility"]

_IN_PLACE = "it lies in an archive and cannot be registered in place: unpack it, or copy it in"

type Progress = Callable[[IndexReport], object]


def iter_files(paths: Iterable[Path]) -> Iterator[Path]:
    """Yield the files among and below `paths`, as sorted paths come; links are not followed.

    Parameters
    ----------
    paths
        Files and folders.
    """
    return (found for found in iter_paths(paths) if isinstance(found, Path))


def index_paths(  # noqa: PLR0913 - by keyword only
    pipeline: Pipeline,
    paths: Sequence[Path],
    *,
    facility: str,
    in_place: bool = False,
    progress: Progress | None = None,
    each: Callable[[str, Admission | Passed], object] | None = None,
    stop: threading.Event | None = None,
    report: IndexReport | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> IndexReport:
    """Take in every DICOM file among and below `paths`, those in zip archives too.

    Files are read, copied and synced by several threads, and take their turns in the order of
    their sorted paths: of two with one SOPInstanceUID the same one is first each time, and what
    was indexed when it was stopped is a beginning of that order.

    Parameters
    ----------
    facility
        To which the instances belong.
    in_place
        Register the files where they are instead of copying them.
    progress
        Called with the report now and then, from this thread.
    each
        Called with each file's name and what became of it, in the order of the turns.
    stop
        Once it is set, no new file is begun; what was done is reported as interrupted.
    report
        What to fill; of use where this raises.
    clock
        Gives the instant of each receipt, aware.

    Raises
    ------
    NoSpace, StorageError, CatalogError
        The archive cannot take more; what was reported is in.

    Notes
    -----
    A file that is no DICOM, is damaged, or cannot be read is listed as rejected and left alone.
    To index again costs little: bytes that the archive holds are hashed, not copied; sources that
    are registered as they are, are not read.
    """
    indexer = _Indexer(
        pipeline=pipeline,
        paths=paths,
        facility=facility,
        in_place=in_place,
        each=each or (lambda _name, _end: None),
        stop=stop or threading.Event(),
        report=IndexReport() if report is None else report,
        clock=clock,
    )
    indexer.run(progress or (lambda _report: None))
    return indexer.report


def require_facility(archive: OpenArchive, facility: str) -> None:
    """Make a facility where it is not known yet.

    Raises
    ------
    ValueError
        Its name is empty or too long, or cannot be printed; then nothing was written.
    """
    if facility not in list_facilities(archive.catalog):
        archive.ledger.add_facility(facility)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Indexer:
    """One run."""

    pipeline: Pipeline
    paths: Sequence[Path]
    facility: str
    in_place: bool
    each: Callable[[str, Admission | Passed], object]
    stop: threading.Event
    report: IndexReport
    clock: Callable[[], datetime]

    def run(self, progress: Progress) -> None:
        started = time.monotonic()
        ended = threading.Event()
        counting = threading.Thread(target=self._count_files, args=(ended,), daemon=True)
        counting.start()
        turns = take_turns(
            self._iter_findings(),
            receive=self._receive,
            prepare=self._prepare,
            admit=self._admit,
            require_space=self.pipeline.require_space,
            stop=self.stop,
        )
        try:
            with closing(turns):
                for ends in turns:
                    for name, end in ends:
                        self._count(name, end)
                    self.report.seconds = time.monotonic() - started
                    progress(self.report)
        finally:
            ended.set()
            self.report.is_interrupted = self.stop.is_set()
            counting.join()
            self.report.seconds = time.monotonic() - started
        if not self.report.is_interrupted:
            self.report.found = self.report.done  # an archive without DICOM is one, whatever in it
        progress(self.report)

    def _count_files(self, ended: threading.Event) -> None:
        """Count ahead what there is to do; entries of archives are added as these are opened."""
        for _ in iter_paths(self.paths, leave_out=self.pipeline.root):
            if ended.is_set():
                return
            self.report.add_found(1)
        self.report.has_found_all = True

    def _iter_findings(self) -> Iterator[Candidate | Passed]:
        for path in iter_paths(self.paths, leave_out=self.pipeline.root):
            if isinstance(path, Passed):
                yield path
                continue
            yield from iter_media(
                path,
                scratch=self.pipeline.scratch,
                on_archive=lambda count: self.report.add_found(count - 1),
            )

    def _receive(self) -> Receipt:
        return Receipt(
            source=ReceiptSource.FOLDER,
            facility=self.facility,
            calling_aet="",
            called_aet="",
            received_at=self.clock(),
        )

    def _prepare(self, candidate: Candidate, receipt: Receipt) -> Ready:
        """Do in a thread what needs no turn."""
        try:
            if not self.in_place:
                with candidate.opened() as fd:
                    ready: Ready = self.pipeline.prepare(fd, receipt)
            elif candidate.is_entry:
                kind = PassedKind.NOT_IN_PLACE
                return Passed(name=candidate.name, kind=kind, reason=_IN_PLACE)
            else:
                ready = self.pipeline.registrar.prepare(candidate.path, receipt)
        except StorageError:
            raise
        except FileChanged:
            reason = "it changed while it was read: index it again"
            return Passed(name=candidate.name, kind=PassedKind.UNREADABLE, reason=reason)
        except OSError as error:
            reason = f"it cannot be read: {os.strerror(error.errno or 0)}"
            return Passed(name=candidate.name, kind=PassedKind.UNREADABLE, reason=reason)
        finally:
            candidate.close()
        return _told_apart(candidate, ready)

    def _admit(self, ready: Sequence[Prepared | InstanceEntry | Admission]) -> list[Admission]:
        if self.in_place:
            return self.pipeline.registrar.register_together(
                [each for each in ready if not isinstance(each, Prepared)]
            )
        return self.pipeline.admit_together(
            [each for each in ready if not isinstance(each, InstanceEntry)]
        )

    def _count_passed(self, passed: Passed) -> None:
        self.report.add_rejected(passed)
        # A file that a media directory names and that is not there is none that was found.
        self.report.done += passed.kind is not PassedKind.MISSING

    def _count(self, name: str, end: Admission | Passed) -> None:
        if isinstance(end, Passed):
            self._count_passed(end)
        else:
            self._count_admission(name, end)
        self.each(name, end)

    def _count_admission(self, name: str, admission: Admission) -> None:
        self.report.done += 1
        reason = admission.reason or ""
        match admission.outcome:
            case Outcome.STORED:
                self.report.indexed += 1
            case Outcome.SAME:
                self.report.same += 1
            case Outcome.CONFLICT:
                self.report.add_conflict(
                    Conflict(name=name, reason=reason, quarantine_id=admission.quarantine_id)
                )
            case Outcome.REJECTED:
                self.report.add_rejected(Passed(name=name, kind=PassedKind.DAMAGED, reason=reason))


def _told_apart(candidate: Candidate, ready: Ready) -> Ready:
    """Return a rejection by its kind: a bare data set that is none may be anything."""
    if not isinstance(ready, Admission) or ready.outcome is not Outcome.REJECTED:
        return ready
    reason = ready.reason or ""
    kind = PassedKind.DAMAGED if candidate.is_marked else PassedKind.NOT_DICOM
    if "DICOMDIR" in reason:
        kind = PassedKind.MEDIA_DIRECTORY
    return Passed(name=candidate.name, kind=kind, reason=reason)
