"""The one way in: bytes to a file, checks, final name, one transaction, and only then success."""

from __future__ import annotations

import logging
import os
import threading
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from noctis_lab.catalog.records import (
    CommitOutcome,
    InstanceEntry,
    InstanceRow,
    Receipt,
    ReceiptSource,
)
from noctis_lab.catalog.store import Catalog
from noctis_lab.dicom.content import content_difference
from noctis_lab.dicom.file_meta import build_file_meta
from noctis_lab.dicom.header import Limits, parse_header
from noctis_lab.errors import DicomTooLarge, InvalidDicom
from noctis_lab.ingest.admission import (
    build_entry,
    find_mismatch,
    is_unchanged,
    iter_file,
    read_entry_in_place,
    read_open_header,
    require_identity,
)
from noctis_lab.ingest.ledger import Ledger
from noctis_lab.ingest.sidecar import QuarantineKind, quarantine_facts
from noctis_lab.storage.files import Storage
from noctis_lab.storage.incoming import IncomingFile

__all__ = ["Admission", "Arrival", "Outcome", "Pipeline", "Refusal"]

logger = logging.getLogger(__name__)

_UNKNOWN: Final = ""
_MOST_DECODERS: Final = 2  # processes that decode pixels to compare them, at once; 2 GiB each


class Outcome(StrEnum):
    """What became of an arrival."""

    STORED = "stored"
    SAME = "same"  # known, and the same content: the first is kept, the receipt recorded
    CONFLICT = "conflict"  # known with other content: the first is kept, this one quarantined
    REJECTED = "rejected"


class Refusal(StrEnum):
    """Why an arrival was rejected."""

    MISMATCH = "mismatch"  # command and data set name different instances
    INVALID = "invalid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """The end of one arrival. UIDs are empty where the data set does not tell them."""

    outcome: Outcome
    SOPInstanceUID: str = _UNKNOWN
    SeriesInstanceUID: str = _UNKNOWN
    StudyInstanceUID: str = _UNKNOWN
    reason: str | None = None  # of a conflict or a rejection; no patient data
    refusal: Refusal | None = None
    quarantine_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Announced:
    """What was said of a data set before its bytes came."""

    receipt: Receipt
    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str


class Arrival:
    """One data set on its way in: `write` its bytes, then `finish` or `abort`, once."""

    def __init__(self, pipeline: Pipeline, incoming: IncomingFile, announced: _Announced) -> None:
        self._pipeline = pipeline
        self._incoming = incoming
        self._announced = announced

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Append bytes of the data set as they came over the wire.

        Raises
        ------
        NoSpace, StorageError
            They could not be written; `abort` is left to do.
        """
        self._incoming.write(data)
        self._pipeline.require_space_for(self._incoming)

    def finish(self) -> Admission:
        """Admit what was written.

        Returns
        -------
        Admission
            STORED, SAME: the instance is durable and catalogued. CONFLICT, REJECTED: its bytes
            are in quarantine.

        Raises
        ------
        NoSpace, StorageError, CatalogError
            Nothing was acknowledged. What was placed or kept aside already may stay: the next
            start, or `fsck`, catalogues it.
        """
        with self._incoming as incoming:
            return self._pipeline.admit(incoming, self._announced)

    def abort(self) -> None:
        """Forget what was written."""
        self._incoming.close()


class Pipeline:
    """What every door uses: SCP, folder, upload, STOW. Safe to use from several threads.

    Parameters
    ----------
    storage, catalog
        The archive's files and its catalogue.
    ledger
        Over the same catalogue.
    limits
        The bounds within which headers are parsed.
    max_instance_bytes
        The largest data set that is taken, in bytes.
    """

    def __init__(
        self,
        *,
        storage: Storage,
        catalog: Catalog,
        ledger: Ledger,
        limits: Limits | None = None,
        max_instance_bytes: int = 8 * 1024**3,
    ) -> None:
        self._storage = storage
        self._catalog = catalog
        self._ledger = ledger
        self._limits = Limits() if limits is None else limits
        self._max_instance_bytes = max_instance_bytes
        self._decoders = threading.Semaphore(_MOST_DECODERS)

    # The doors

    def begin(
        self,
        receipt: Receipt,
        *,
        sop_class_uid: str,
        sop_instance_uid: str,
        transfer_syntax_uid: str,
    ) -> Arrival:
        """Begin an arrival whose bytes come piece by piece.

        Parameters
        ----------
        sop_class_uid, sop_instance_uid
            As announced; the data set must say the same.
        transfer_syntax_uid
            The one the bytes are in.

        Raises
        ------
        NoSpace
            Free space is below the watermark.
        """
        meta = build_file_meta(
            sop_class_uid=sop_class_uid,
            sop_instance_uid=sop_instance_uid,
            transfer_syntax_uid=transfer_syntax_uid,
            facility=receipt.facility,
            source=receipt.source.value,
            calling_aet=receipt.calling_aet,
            called_aet=receipt.called_aet,
            received_at=receipt.received_at,
        )
        announced = _Announced(
            receipt=receipt,
            sop_class_uid=sop_class_uid,
            sop_instance_uid=sop_instance_uid,
            transfer_syntax_uid=transfer_syntax_uid,
        )
        return Arrival(self, self._storage.open_incoming(meta), announced)

    def admit_file(self, path: Path, receipt: Receipt) -> Admission:
        """Admit a file's data set: a copy of its bytes with a file meta group of ours.

        A file of a folder that is not DICOM, or is damaged, is rejected and left where it is; one
        that came by another door goes to quarantine.

        Raises
        ------
        NoSpace, StorageError, CatalogError
            Nothing was kept.
        OSError
            The file cannot be read.
        """
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            return self._admit_open_file(fd, receipt)
        finally:
            os.close(fd)

    def _admit_open_file(self, fd: int, receipt: Receipt) -> Admission:
        try:
            header = read_open_header(fd, limits=self._limits)
            if header.data_set_length > self._max_instance_bytes:
                raise DicomTooLarge(f"a data set of {header.data_set_length} bytes")
        except InvalidDicom as error:
            if receipt.source is ReceiptSource.FOLDER:
                return _rejected(Refusal.INVALID, error.reason)
            return self._quarantine_whole(fd, receipt, error.reason)
        arrival = self.begin(
            receipt,
            sop_class_uid=header.SOPClassUID,
            sop_instance_uid=header.SOPInstanceUID,
            transfer_syntax_uid=header.transfer_syntax_uid,
        )
        try:
            for piece in iter_file(fd, header.data_set_offset):
                arrival.write(piece)
        except BaseException:
            arrival.abort()
            raise
        return arrival.finish()

    def _quarantine_whole(self, fd: int, receipt: Receipt, reason: str) -> Admission:
        with self._storage.open_incoming(b"") as incoming:
            for piece in iter_file(fd, 0):
                incoming.write(piece)
            return self._quarantine(incoming, receipt, _rejected(Refusal.INVALID, reason))

    def register_file(self, path: Path, receipt: Receipt) -> Admission:
        """Catalogue a file where it lies: it stays the owner's, and is only ever read.

        Returns
        -------
        Admission
            STORED, SAME, CONFLICT (nothing is copied to quarantine) or REJECTED.

        Raises
        ------
        OSError
            The file cannot be read.
        FileChanged
            It changed while it was read.
        """
        path = Path(os.path.abspath(path))
        try:
            entry = read_entry_in_place(path, receipt, limits=self._limits)
        except InvalidDicom as error:
            return _rejected(Refusal.INVALID, error.reason)
        known = self._catalog.find_instance(entry.SOPInstanceUID, withheld=True)
        if known is None:
            commit = self._ledger.register_in_place(entry)
            if commit.outcome is CommitOutcome.STORED:
                return _admission(Outcome.STORED, entry)
            known = commit.known
        assert known is not None
        if known.in_place is not None and known.in_place.path == path:
            if known.sha256 == entry.sha256:
                return _admission(Outcome.SAME, entry)
            changed = "the file has changed since it was registered"
            return _admission(Outcome.CONFLICT, entry, reason=changed)
        reason = self._find_difference(known, entry.sha256, path)
        if reason is not None:
            return _admission(Outcome.CONFLICT, entry, reason=reason)
        self._ledger.receive_again(entry.SOPInstanceUID, receipt)
        return _admission(Outcome.SAME, entry)

    # What every door ends in

    def require_space_for(self, incoming: IncomingFile) -> None:
        """Check the watermark as a file grows, once per 64 MiB.

        Raises
        ------
        NoSpace
            It is passed.
        """
        step = incoming.data_set_length >> 26
        if step != incoming.checked_step:
            incoming.checked_step = step
            self._storage.require_space()

    def admit(self, incoming: IncomingFile, announced: _Announced) -> Admission:
        """Check an arrival, place it and commit it; `Arrival.finish` is the way here."""
        receipt = announced.receipt
        try:
            header = parse_header(
                incoming.fd,
                file_size=incoming.file_size,
                data_set_offset=incoming.data_set_offset,
                transfer_syntax_uid=announced.transfer_syntax_uid,
                limits=self._limits,
            )
            require_identity(header)
        except InvalidDicom as error:
            return self._quarantine(incoming, receipt, _rejected(Refusal.INVALID, error.reason))
        entry = build_entry(header, sha256=incoming.sha256, receipt=receipt)
        mismatch = find_mismatch(
            header,
            sop_class_uid=announced.sop_class_uid,
            sop_instance_uid=announced.sop_instance_uid,
        )
        if mismatch is not None:
            refused = _admission(Outcome.REJECTED, entry, Refusal.MISMATCH, reason=mismatch)
            return self._quarantine(incoming, receipt, refused)
        incoming.seal()
        known = self._place(incoming, entry)
        if known is None:
            return _admission(Outcome.STORED, entry)
        return self._receive_known(incoming, entry, known)

    def _place(self, incoming: IncomingFile, entry: InstanceEntry) -> InstanceRow | None:
        """Place and commit; return the row that stands already, or None where ours does now."""
        with self._storage.place(
            incoming,
            StudyInstanceUID=entry.StudyInstanceUID,
            SeriesInstanceUID=entry.SeriesInstanceUID,
        ) as placement:
            if placement.contested:
                known = self._catalog.find_instance(entry.SOPInstanceUID, withheld=True)
                if known is not None:
                    return known
                placement.replace()
            try:
                commit = self._catalog.commit_instance(entry)
                # A row of these very bytes whose file was missing, or was adopted just now, has
                # this file as its own.
                if commit.known is None or _is_file_of(commit.known, entry):
                    placement.keep()
            except BaseException:  # an interrupt, too, may come after the transaction stands
                # Whether it does is not known here: rather an orphan than a loss.
                if self._may_stand(entry):
                    placement.keep()
                raise
            return commit.known

    def _may_stand(self, entry: InstanceEntry) -> bool:
        try:
            row = self._catalog.find_instance(entry.SOPInstanceUID, withheld=True)
        except Exception:
            logger.exception("the catalogue does not answer after a failed commit")
            return True
        return row is not None and _is_file_of(row, entry)

    def _receive_known(
        self, incoming: IncomingFile, entry: InstanceEntry, known: InstanceRow
    ) -> Admission:
        reason = self._find_difference(known, entry.sha256, incoming.path)
        if reason is None:
            self._ledger.receive_again(entry.SOPInstanceUID, entry.receipt)
            return _admission(Outcome.SAME, entry)
        conflict = _admission(Outcome.CONFLICT, entry, reason=reason)
        return self._quarantine(incoming, entry.receipt, conflict)

    def _find_difference(self, known: InstanceRow, sha256: bytes, path: Path) -> str | None:
        """Return how a file's content differs from the catalogued one's, if it does.

        A source in place that is gone or changed is no copy that a sender may rely on.
        """
        if known.in_place is not None and not is_unchanged(known.in_place):
            return "the file that was registered in place is gone or has changed"
        if known.sha256 == sha256:
            return None
        try:
            return content_difference(self.path_of(known), path, slots=self._decoders)
        except (InvalidDicom, OSError) as error:
            return f"cannot be compared with the one that is known: {type(error).__name__}"

    def path_of(self, row: InstanceRow) -> Path:
        """Return the file of a catalogued instance."""
        if row.in_place is not None:
            return row.in_place.path
        return self._storage.instance_path(row.StudyInstanceUID, row.SeriesInstanceUID, row.sha256)

    def _quarantine(
        self, incoming: IncomingFile, receipt: Receipt, admission: Admission
    ) -> Admission:
        is_conflict = admission.outcome is Outcome.CONFLICT
        facts = quarantine_facts(
            kind=QuarantineKind.CONFLICT if is_conflict else QuarantineKind.REJECTED,
            reason=admission.reason or "",
            SOPInstanceUID=admission.SOPInstanceUID or None,
            StudyInstanceUID=admission.StudyInstanceUID or None,
            sha256=incoming.sha256,
            size_bytes=incoming.data_set_length,
            receipt=receipt,
        )
        kept = self._storage.quarantine(incoming, facts)
        self._ledger.quarantine(kept)
        return Admission(
            outcome=admission.outcome,
            SOPInstanceUID=admission.SOPInstanceUID,
            SeriesInstanceUID=admission.SeriesInstanceUID,
            StudyInstanceUID=admission.StudyInstanceUID,
            reason=admission.reason,
            refusal=admission.refusal,
            quarantine_id=kept.quarantine_id,
        )


def _is_file_of(row: InstanceRow, entry: InstanceEntry) -> bool:
    """Return whether the file that a row names is the one that the entry was placed as."""
    return row.sha256 == entry.sha256 and row.in_place is None


def _rejected(refusal: Refusal, reason: str) -> Admission:
    return Admission(outcome=Outcome.REJECTED, reason=reason, refusal=refusal)


def _admission(
    outcome: Outcome,
    entry: InstanceEntry,
    refusal: Refusal | None = None,
    *,
    reason: str | None = None,
) -> Admission:
    return Admission(
        outcome=outcome,
        SOPInstanceUID=entry.SOPInstanceUID,
        SeriesInstanceUID=entry.SeriesInstanceUID,
        StudyInstanceUID=entry.StudyInstanceUID,
        reason=reason,
        refusal=refusal,
    )
