"""Uploads: one body as it comes, then the instances that are in it, through the one way in."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Final, Self

from noctis_lab.catalog.records import InstanceEntry, Receipt, ReceiptSource
from noctis_lab.dicom.header import Limits
from noctis_lab.errors import DicomTooLarge, InvalidDicom
from noctis_lab.ingest.admission import read_open_header
from noctis_lab.ingest.media import Candidate, MediaLimits, Passed, PassedKind, iter_media
from noctis_lab.ingest.pipeline import Admission, Outcome, Pipeline, Prepared
from noctis_lab.ingest.turns import Ready, take_turns
from noctis_lab.storage.durable import storage_errors
from noctis_lab.storage.files import Storage

__all__ = ["MOST_LISTED", "Upload", "UploadItem", "UploadReport"]

MOST_LISTED: Final = 200  #: reasons that a report of a zip lists; the others are only counted
_GROUP: Final = 16  # admitted together; of 16 uploads at a time twice as many files each are open
_MOST_ENTRIES: Final = 100_000  # of one zip
_MOST_UNPACKED_BYTES: Final = 64 * 1024**3  # of one zip, those within it included
_MOST_RATIO: Final = 20  # of the whole zip, beyond what is free; DICOM packs to a half or a third
_LONGEST_NAME: Final = 300  # that a report tells


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadItem:
    """What became of one file; `name` is its place in a zip, empty for the body itself."""

    outcome: Outcome
    name: str = ""
    reason: str | None = None
    SOPInstanceUID: str = ""
    SeriesInstanceUID: str = ""
    StudyInstanceUID: str = ""
    quarantine_id: str | None = None


@dataclass(slots=True, kw_only=True)
class UploadReport:
    """What became of one body.

    `items` has the one file, or, of a zip, what was not taken (at most `MOST_LISTED`), or of a
    bundle every file;
    `studies` the StudyInstanceUIDs of what is in the archive now. `is_stopped`: the uploader went
    away, and the rest of a zip was left out.
    """

    is_zip: bool = False
    is_bundle: bool = False
    is_stopped: bool = False
    stored: int = 0
    same: int = 0
    conflicts: int = 0
    rejected: int = 0
    found: int = 1  # files, as far as archives were opened
    items: list[UploadItem]
    studies: list[str]

    @property
    def done(self) -> int:
        """Files that have come to their end."""
        return self.stored + self.same + self.conflicts + self.rejected

    def count(self, item: UploadItem) -> None:
        """Add one file."""
        match item.outcome:
            case Outcome.STORED:
                self.stored += 1
            case Outcome.SAME:
                self.same += 1
            case Outcome.CONFLICT:
                self.conflicts += 1
            case Outcome.REJECTED:
                self.rejected += 1
        is_in = item.outcome in (Outcome.STORED, Outcome.SAME)
        if is_in and item.StudyInstanceUID not in self.studies:
            self.studies.append(item.StudyInstanceUID)
        is_listed = not self.is_zip or self.is_bundle or not is_in
        if is_listed and len(self.items) < MOST_LISTED:
            self.items.append(item)


class Upload:
    """One body on its way in: `write` its bytes, then `finish`; leaving without it forgets them.

    Parameters
    ----------
    pipeline, storage
        The archive's.
    facility
        To which the instances belong.
    most_bytes
        The longest body that is taken; bytes.
    free_unpacked_bytes
        To so much a zip may unpack, however small it is; bytes.
    is_bundle
        The body is a zip of separate files, made for the way only: each is answered for.
    clock
        Gives the instant of each receipt, aware.

    Raises
    ------
    NoSpace, StorageError
        Nothing can be written.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        storage: Storage,
        *,
        facility: str,
        most_bytes: int,
        free_unpacked_bytes: int = 1024**3,
        is_bundle: bool = False,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._pipeline = pipeline
        self._storage = storage
        self._facility = facility
        self._most_bytes = most_bytes
        self._free_unpacked_bytes = free_unpacked_bytes
        self._is_bundle = is_bundle
        self._clock = clock
        self._lock = threading.Lock()  # a closing must not take the file from under a write
        self._is_closed = False
        self._file = storage.open_incoming(b"")

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
        """Forget the bytes; a second call does nothing."""
        with self._lock:
            self._is_closed = True
            self._file.close()

    def write(self, data: bytes | bytearray) -> None:
        """Append bytes of the body.

        Raises
        ------
        DicomTooLarge
            The body is longer than it may be.
        NoSpace, StorageError
            They could not be written.
        """
        with self._lock:
            if self._is_closed:
                return
            if self._file.file_size + len(data) > self._most_bytes:
                raise DicomTooLarge(f"a body of more than {self._most_bytes} bytes")
            self._file.write(data)
            self._pipeline.require_space_for(self._file)

    def finish(
        self,
        stop: threading.Event,
        progress: Callable[[UploadReport], object] = lambda _report: None,
    ) -> UploadReport:
        """Take in what was written.

        Parameters
        ----------
        stop
            Looked at between the files of a zip: what has not had its turn is left out.
        progress
            Called with the report now and then, from this thread.

        Raises
        ------
        NoSpace, StorageError, CatalogError
            The archive cannot take it. Of a zip, what came before is in.
        """
        report = UploadReport(is_bundle=self._is_bundle, items=[], studies=[])
        limits = MediaLimits(
            max_entries=_MOST_ENTRIES,
            max_entry_bytes=self._most_bytes,
            max_total_bytes=min(
                _MOST_UNPACKED_BYTES,
                self._free_unpacked_bytes + _MOST_RATIO * self._file.file_size,
            ),
        )

        def note_zip(count: int) -> None:
            report.is_zip = True
            report.found += count - 1  # the archive itself is none of its files

        path = self._file.path
        turns = take_turns(
            iter_media(
                path,
                scratch=path.parent,
                limits=limits,
                on_archive=note_zip,
                names_all=self._is_bundle,
            ),
            receive=self._receive,
            prepare=self._prepare,
            admit=self._admit,
            require_space=self._storage.require_space,
            stop=stop,
            group=_GROUP,
        )
        with storage_errors("unpacking an upload"), closing(turns):
            for ends in turns:
                for name, end in ends:
                    self._count(report, name, end)
                progress(report)
        report.is_stopped = stop.is_set()
        return report

    def _count(self, report: UploadReport, name: str, end: Admission | Passed) -> None:
        name = self._name(name)
        if isinstance(end, Admission):
            report.count(_item(end, name))
        elif report.is_zip or end.kind is not PassedKind.MISSING:
            # What a lone DICOMDIR names has bodies of its own.
            report.count(UploadItem(outcome=Outcome.REJECTED, name=name, reason=end.reason))

    def _admit(self, ready: Sequence[Prepared | InstanceEntry | Admission]) -> list[Admission]:
        return self._pipeline.admit_together(
            [each for each in ready if not isinstance(each, InstanceEntry)]
        )

    def _prepare(self, candidate: Candidate, receipt: Receipt) -> Ready:
        """Do in a thread what needs no turn; what is kept aside for its damage needs none."""
        try:
            with candidate.opened() as fd:
                if not candidate.is_marked and not _is_instance(fd):
                    # The uploader has it still: quarantine is for what says that it is DICOM.
                    return Admission(outcome=Outcome.REJECTED, reason="not DICOM")
                return self._pipeline.prepare_or_quarantine(fd, receipt)
        finally:
            candidate.close()

    def _name(self, name: str) -> str:
        """Return a finding's place within the body; where the body lies is nobody's business."""
        name = name.removeprefix(os.fspath(self._file.path)).removeprefix("/")
        if len(name) <= _LONGEST_NAME:
            return name
        return f"{name[: _LONGEST_NAME // 2]}…{name[1 - _LONGEST_NAME // 2 :]}"

    def _receive(self) -> Receipt:
        return Receipt(
            source=ReceiptSource.UPLOAD,
            facility=self._facility,
            calling_aet="",
            called_aet="",
            received_at=self._clock(),
        )


def _is_instance(fd: int) -> bool:
    try:
        read_open_header(fd, limits=Limits())
    except InvalidDicom:
        return False
    return True


def _item(admission: Admission, name: str) -> UploadItem:
    return UploadItem(
        outcome=admission.outcome,
        name=name,
        reason=admission.reason,
        SOPInstanceUID=admission.SOPInstanceUID,
        SeriesInstanceUID=admission.SeriesInstanceUID,
        StudyInstanceUID=admission.StudyInstanceUID,
        quarantine_id=admission.quarantine_id,
    )
