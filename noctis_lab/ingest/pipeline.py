"""The one way in: bytes to a file, checks, final name, one transaction, and only then success."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from noctis_lab.catalog.records import (
    InstanceEntry,
    InstanceRow,
    Receipt,
    ReceiptSource,
)
from noctis_lab.catalog.store import Catalog
from noctis_lab.dicom.file_meta import FileMeta, build_file_meta, read_file_meta
from noctis_lab.dicom.header import Header, Limits, parse_header
from noctis_lab.errors import InvalidDicom
from noctis_lab.ingest.admission import (
    build_entry,
    find_mismatch,
    iter_file,
    read_open_header,
    require_identity,
    require_size,
)
from noctis_lab.ingest.known import Known, has_lost, is_file_of
from noctis_lab.ingest.ledger import Ledger
from noctis_lab.ingest.outcomes import (
    Admission,
    Outcome,
    Prepared,
    Refusal,
    admission,
    rejection,
)
from noctis_lab.ingest.registration import Registrar
from noctis_lab.ingest.sidecar import QuarantineKind, quarantine_facts
from noctis_lab.storage.files import Storage
from noctis_lab.storage.incoming import IncomingFile
from noctis_lab.storage.layout import INCOMING

__all__ = ["Admission", "Arrival", "Outcome", "Pipeline", "Prepared", "Refusal"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Announced:
    """What was said of a data set before its bytes came."""

    receipt: Receipt
    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _New:
    """What the catalogue lacks, of a group."""

    prepared: Prepared
    entry: InstanceEntry
    incoming: IncomingFile


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

    Attributes
    ----------
    registrar : Registrar
        The door of files that stay where they are.
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
        self._known = Known(storage, catalog, ledger)
        self.registrar = Registrar(
            catalog=catalog,
            ledger=ledger,
            limits=self._limits,
            known=self._known,
            max_instance_bytes=max_instance_bytes,
        )

    def path_of(self, row: InstanceRow) -> Path:
        """Return the file of a catalogued instance."""
        return self._known.path_of(row)

    @property
    def root(self) -> Path:
        """The archive's folder."""
        return self._storage.root

    @property
    def scratch(self) -> Path:
        """A folder on the archive's disk for files without a name."""
        return self._storage.root / INCOMING

    def require_space(self, needed_bytes: int = 0) -> None:
        """Raise `NoSpace` where `needed_bytes` more would pass the watermark."""
        self._storage.require_space(needed_bytes)

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
        announced = _Announced(
            receipt=receipt,
            sop_class_uid=sop_class_uid,
            sop_instance_uid=sop_instance_uid,
            transfer_syntax_uid=transfer_syntax_uid,
        )
        return Arrival(self, self._open_incoming(announced), announced)

    def _open_incoming(self, announced: _Announced) -> IncomingFile:
        receipt = announced.receipt
        meta = build_file_meta(
            sop_class_uid=announced.sop_class_uid,
            sop_instance_uid=announced.sop_instance_uid,
            transfer_syntax_uid=announced.transfer_syntax_uid,
            facility=receipt.facility,
            source=receipt.source.value,
            calling_aet=receipt.calling_aet,
            called_aet=receipt.called_aet,
            received_at=receipt.received_at,
        )
        return self._storage.open_incoming(meta)

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
            return self.admit_open_file(fd, receipt)
        finally:
            os.close(fd)

    def admit_open_file(self, fd: int, receipt: Receipt) -> Admission:
        """Admit the data set of an open file, which needs no name; as `admit_file`."""
        return self.admit_together([self.prepare_or_quarantine(fd, receipt)])[0]

    def prepare_or_quarantine(self, fd: int, receipt: Receipt) -> Prepared | Admission:
        """Prepare a file; one that is rejected is kept aside, unless a folder has it still.

        Takes, returns and raises what `prepare` does.
        """
        prepared = self.prepare(fd, receipt)
        if isinstance(prepared, Admission) and receipt.source is not ReceiptSource.FOLDER:
            return self._quarantine_whole(fd, receipt, prepared.reason or "")
        return prepared

    def prepare(self, fd: int, receipt: Receipt) -> Prepared | Admission:
        """Do all of a file's admission that needs no turn: copy, hash, parse, sync.

        Parameters
        ----------
        fd
            Of the file; its position is not moved.

        Returns
        -------
        Prepared or Admission
            What `admit_together` takes; an Admission is a rejection.

        Raises
        ------
        NoSpace, StorageError, CatalogError
            Nothing was kept.
        OSError
            The file cannot be read.
        """
        try:
            meta = read_file_meta(fd)
            known = self._known.find_same(fd, meta)
            if known is not None:
                return Prepared(receipt=receipt, known=known)
            return self._copy(fd, meta, receipt)
        except InvalidDicom as error:
            return rejection(Refusal.INVALID, error.reason)

    def _copy(self, fd: int, meta: FileMeta, receipt: Receipt) -> Prepared:
        length = os.fstat(fd).st_size - meta.data_set_offset
        require_size(length, self._max_instance_bytes)
        sop_class_uid, sop_instance_uid = meta.sop_class_uid, meta.sop_instance_uid
        if not (sop_class_uid and sop_instance_uid):
            header = read_open_header(fd, limits=self._limits)
            sop_class_uid, sop_instance_uid = header.SOPClassUID, header.SOPInstanceUID
        while True:
            announced = _Announced(
                receipt=receipt,
                sop_class_uid=sop_class_uid,
                sop_instance_uid=sop_instance_uid,
                transfer_syntax_uid=meta.transfer_syntax_uid,
            )
            incoming = self._open_incoming(announced)
            try:
                for piece in iter_file(fd, meta.data_set_offset):
                    incoming.write(piece)
                    self.require_space_for(incoming)
                header = self._parse(incoming, meta.transfer_syntax_uid)
                if find_mismatch(
                    header, sop_class_uid=sop_class_uid, sop_instance_uid=sop_instance_uid
                ):
                    # The file meta lies: the data set's own words go into ours.
                    incoming.close()
                    sop_class_uid, sop_instance_uid = header.SOPClassUID, header.SOPInstanceUID
                    continue
                entry = build_entry(header, sha256=incoming.sha256, receipt=receipt)
                incoming.seal()
            except BaseException:
                incoming.close()
                raise
            return Prepared(receipt=receipt, incoming=incoming, entry=entry)

    def admit_together(self, prepared: Sequence[Prepared | Admission]) -> list[Admission]:
        """Place and commit what was prepared, in its order; new instances in one transaction.

        Returns
        -------
        list of Admission
            One for each; what is one already stays.

        Raises
        ------
        NoSpace, StorageError, CatalogError
            Some may be kept: what is catalogued is known when it comes again.
        """
        waiting = [each for each in prepared if isinstance(each, Prepared)]
        try:
            self._known.receive_again(
                [
                    (each.known.SOPInstanceUID, each.receipt)
                    for each in waiting
                    if each.known is not None
                ]
            )
            stored = self._place_together(waiting)
            return [
                each if isinstance(each, Admission) else self._admit_prepared(each, stored)
                for each in prepared
            ]
        finally:
            for each in waiting:
                each.close()

    def _place_together(self, waiting: Sequence[Prepared]) -> set[int]:
        """Place and commit what the catalogue lacks; return the `id` of each that now stands."""
        news = list(self._iter_news(waiting))
        if len(news) < 2:
            return set()  # alone is as quick
        files = [
            (new.incoming, new.entry.StudyInstanceUID, new.entry.SeriesInstanceUID) for new in news
        ]
        stored: set[int] = set()
        with self._storage.place_together(files) as placement:
            linked = sorted(placement.linked)
            entries = [news[position].entry for position in linked]
            try:
                written = self._catalog.commit_instances(entries)
            except BaseException:
                for position in linked:
                    if self._may_stand(news[position].entry):
                        placement.keep(position)
                raise
            for position, is_written in zip(linked, written, strict=True):
                if is_written:
                    placement.keep(position)
                    stored.add(id(news[position].prepared))
        return stored

    def _iter_news(self, waiting: Sequence[Prepared]) -> Iterator[_New]:
        entries = [each.entry.SOPInstanceUID for each in waiting if each.entry is not None]
        seen = self._catalog.find_known(entries)
        for each in waiting:
            entry, incoming = each.entry, each.incoming
            if entry is None or incoming is None or entry.SOPInstanceUID in seen:
                continue
            seen.add(entry.SOPInstanceUID)  # of equal ones the first; the others take their turns
            yield _New(prepared=each, entry=entry, incoming=incoming)

    def _admit_prepared(self, each: Prepared, stored: set[int]) -> Admission:
        if each.known is not None:
            return admission(Outcome.SAME, each.known)
        assert each.entry is not None
        assert each.incoming is not None
        if id(each) in stored:
            return admission(Outcome.STORED, each.entry)
        return self._admit_sealed(each.incoming, each.entry)

    def _quarantine_whole(self, fd: int, receipt: Receipt, reason: str) -> Admission:
        with self._storage.open_incoming(b"") as incoming:
            for piece in iter_file(fd, 0):
                incoming.write(piece)
            return self._quarantine(incoming, receipt, rejection(Refusal.INVALID, reason))

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
            header = self._parse(incoming, announced.transfer_syntax_uid)
        except InvalidDicom as error:
            return self._quarantine(incoming, receipt, rejection(Refusal.INVALID, error.reason))
        entry = build_entry(header, sha256=incoming.sha256, receipt=receipt)
        mismatch = find_mismatch(
            header,
            sop_class_uid=announced.sop_class_uid,
            sop_instance_uid=announced.sop_instance_uid,
        )
        if mismatch is not None:
            refused = admission(Outcome.REJECTED, entry, Refusal.MISMATCH, reason=mismatch)
            return self._quarantine(incoming, receipt, refused)
        incoming.seal()
        return self._admit_sealed(incoming, entry)

    def _parse(self, incoming: IncomingFile, transfer_syntax_uid: str) -> Header:
        header = parse_header(
            incoming.fd,
            file_size=incoming.file_size,
            data_set_offset=incoming.data_set_offset,
            transfer_syntax_uid=transfer_syntax_uid,
            limits=self._limits,
        )
        require_identity(header)
        return header

    def _admit_sealed(self, incoming: IncomingFile, entry: InstanceEntry) -> Admission:
        known = self._place(incoming, entry)
        if known is None:
            return admission(Outcome.STORED, entry)
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
                if known is not None and not has_lost(known, entry):
                    return known
                placement.replace()
            try:
                commit = self._catalog.commit_instance(entry)
                known = commit.known
                # A row of these very bytes whose file was missing, or was adopted just now, has
                # this file as its own; so has one whose source in place is gone.
                if known is None or is_file_of(known, entry):
                    placement.keep()
                elif has_lost(known, entry) and self._catalog.relocate_instance(entry):
                    placement.keep()
                    return self._catalog.find_instance(entry.SOPInstanceUID, withheld=True)
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
        return row is not None and is_file_of(row, entry)

    def _receive_known(
        self, incoming: IncomingFile, entry: InstanceEntry, known: InstanceRow
    ) -> Admission:
        reason = self._known.find_difference(known, entry.sha256, incoming.path)
        if reason is None:
            self._known.receive_again([(entry.SOPInstanceUID, entry.receipt)])
            return admission(Outcome.SAME, entry)
        conflict = admission(Outcome.CONFLICT, entry, reason=reason)
        if entry.receipt.source is ReceiptSource.FOLDER:
            # Who indexes a folder again finds the same conflicts: one copy of each is enough.
            kept = self._catalog.find_kept_aside(entry.SOPInstanceUID, entry.sha256, entry.receipt)
            if kept is not None:
                return replace(conflict, quarantine_id=kept)
        return self._quarantine(incoming, entry.receipt, conflict)

    def _quarantine(
        self, incoming: IncomingFile, receipt: Receipt, refused: Admission
    ) -> Admission:
        is_conflict = refused.outcome is Outcome.CONFLICT
        facts = quarantine_facts(
            kind=QuarantineKind.CONFLICT if is_conflict else QuarantineKind.REJECTED,
            reason=refused.reason or "",
            SOPInstanceUID=refused.SOPInstanceUID or None,
            StudyInstanceUID=refused.StudyInstanceUID or None,
            sha256=incoming.sha256,
            size_bytes=incoming.data_set_length,
            receipt=receipt,
        )
        kept = self._storage.quarantine(incoming, facts)
        self._ledger.quarantine(kept)
        return replace(refused, quarantine_id=kept.quarantine_id)
