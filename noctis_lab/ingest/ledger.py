"""Every act that is not in the files: the journal first, then the catalogue's row of it."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from noctis_lab.access import ADMIN, Principal, Role
from noctis_lab.catalog import people, senders, user_items
from noctis_lab.catalog.connection import database_path
from noctis_lab.catalog.hu_records import HuRecord
from noctis_lab.catalog.measurements import MeasurementRow, find_measurement
from noctis_lab.catalog.records import InstanceEntry, QuarantineRow, Receipt
from noctis_lab.catalog.store import Catalog
from noctis_lab.catalog.user_items import MOST_ITEMS, UserItem
from noctis_lab.errors import (
    FileChanged,
    InstanceNotFound,
    InvalidDicom,
    StorageError,
    UserItemRefused,
)
from noctis_lab.ingest.applier import Applier
from noctis_lab.ingest.measurement_states import deleted_state, next_state
from noctis_lab.ingest.settlement import Correction
from noctis_lab.ingest.sidecar import parse_quarantine, receipt_fields
from noctis_lab.storage.durable import write_all, write_file
from noctis_lab.storage.files import Quarantined
from noctis_lab.storage.journal import Append, Journal, JournalPosition, JournalRecord, JsonValue
from noctis_lab.storage.layout import CATALOG

__all__ = ["Ledger"]

logger = logging.getLogger(__name__)

_POSITION: Final = "journal-position.json"
_POSITION_BYTES: Final = 256

type Fields = dict[str, JsonValue]


class Ledger:
    """Writes acts to the journal and the catalogue, and rolls the catalogue forward from it.

    An act is acknowledged once both have it. After a crash in between, `replay` applies it: to
    apply a record twice does no harm in the end, since each row holds the record's own instant.
    The journal is held while a record is applied, so that no process applies an older act after a
    newer one, and how far the catalogue has come is noted with each, so that only what a crash or
    a refusal left is ever applied again.
    """

    def __init__(self, journal: Journal, catalog: Catalog) -> None:
        self._journal = journal
        self._catalog = catalog
        root = journal.folder.parent  # not the catalogue's, which a rebuild makes elsewhere
        self._kinds = Applier(root, catalog).kinds

    def _act(self, kind: str, fields: Fields) -> None:
        record = JournalRecord(kind=kind, fields=fields)
        with self._writing() as append:
            append(record)
            self._kinds[kind](record)

    @contextmanager
    def _writing(self) -> Iterator[Append]:
        """Hold the journal while records are written and applied; note that they were."""
        with self._journal.writing() as append:
            # A record that was left unapplied, by whomever, must stay ahead of what is noted.
            has_all = self._read_position() == self._journal.find_end()
            ends: list[JournalPosition] = []

            def write(*records: JournalRecord) -> JournalPosition:
                ends.append(append(*records))
                return ends[-1]

            yield write
            if has_all and ends:
                self._overwrite_position(ends[-1])

    # What comes in

    def receive_again(self, came: Sequence[tuple[str, Receipt]]) -> None:
        """Record that known instances came again with the same content.

        Parameters
        ----------
        came
            SOPInstanceUIDs, each with the receipt by which it came.
        """
        records = [
            JournalRecord(kind="receipt", fields={"SOPInstanceUID": uid, **receipt_fields(receipt)})
            for uid, receipt in came
        ]
        with self._writing() as append:
            append(*records)
            self._catalog.commit_receipts(came)

    def register_in_place(self, entries: Sequence[InstanceEntry]) -> list[bool]:
        """Catalogue files that stay where they are; nothing in the archive's folder tells of them.

        Returns
        -------
        list of bool
            For each whether it was written; False where its SOPInstanceUID is catalogued.
        """
        records = [JournalRecord(kind="in-place", fields=_in_place(entry)) for entry in entries]
        with self._writing() as append:
            append(*records)
            return self._catalog.commit_instances(entries)

    def relocate_in_place(self, entry: InstanceEntry) -> None:
        """Say that a registered source lies elsewhere, or has another time, with the same bytes.

        The journal keeps the receipt by which it is catalogued, so that a rebuild gives its row.
        """
        first = self._catalog.find_first_receipt(entry.SOPInstanceUID) or entry.receipt
        record = JournalRecord(kind="in-place", fields=_in_place(replace(entry, receipt=first)))
        with self._writing() as append:
            append(record)
            self._catalog.relocate_instance(entry)

    def quarantine(self, kept: Quarantined) -> None:
        """Catalogue a file in quarantine; its facts lie beside it, so the journal needs none.

        Raises
        ------
        ValueError
            The facts are not ours; nothing was written.
        """
        self._catalog.record_quarantine(parse_quarantine(kept.facts))

    def adopt_quarantined(self, kept: Quarantined) -> bool:
        """Catalogue a file in quarantine whose row is missing; False where it is gone by now.

        Raises
        ------
        ValueError
            The facts are not ours; nothing was written.
        """
        row = parse_quarantine(kept.facts)
        with self._journal.writing():  # nobody is settling it meanwhile
            if not kept.path.is_file():
                return False
            self._catalog.record_quarantine(row)
        return True

    def accept_correction(self, correction: Correction, *, principal: str) -> None:
        """Let a content that is kept aside take the place of the one that stands.

        Raises
        ------
        StorageError, CatalogError, InvalidDicom
            It is not done yet: the journal has it, and the next start does it.
        """
        self._act("correction", {**correction.to_fields(), "principal": principal})

    def settle_quarantined(self, row: QuarantineRow, *, outcome: str, principal: str) -> None:
        """Remove a file from quarantine for good: `outcome` says it was accepted or discarded."""
        fields: Fields = {
            "quarantine_id": row.quarantine_id,
            "outcome": outcome,
            "SOPInstanceUID": row.SOPInstanceUID,
            "principal": principal,
            "receipt": receipt_fields(row.receipt),
        }
        self._act("quarantine-settled", fields)

    # Who sends

    def refuse(self, aet: str, address: str, *, attempts: int = 1) -> None:
        """List a sender that was refused, for approval, or count its attempts."""
        self._act("refusal", {"aet": aet, "address": address, "attempts": attempts})

    def add_facility(self, facility: str) -> None:
        """Make a facility; a known one stays.

        Raises
        ------
        ValueError
            Its name is empty or too long; then nothing was written.
        """
        _require_facility(facility)
        self._act("facility-added", {"facility": facility})

    def add_sender(self, aet: str, address: str | None, facility: str) -> None:
        """Accept a calling AE title into a facility, from one address or, None, from anywhere.

        Raises
        ------
        ValueError
            The title or the facility's name is empty or too long, or the address none; then
            nothing was written.
        """
        self._act_on_sender("sender-added", aet, address, facility)

    def approve_sender(self, aet: str, address: str | None, facility: str) -> None:
        """Accept a sender that was refused or blocked; as `add_sender`."""
        self._act_on_sender("sender-approved", aet, address, facility)

    def block_sender(self, aet: str, address: str | None) -> None:
        """Refuse a calling AE title from now on, at one address or, None, at every one.

        Raises
        ------
        ValueError
            The title is empty or too long, or the address none; then nothing was written.
        """
        _require_aet(aet)
        self._act("sender-blocked", {"aet": aet, "address": _canonical(address)})

    def remove_sender(self, aet: str, address: str | None) -> None:
        """Forget a sender, at one address or, None, at all; it is unknown again.

        Raises
        ------
        ValueError
            The address is none; then nothing was written.
        """
        self._act("sender-removed", {"aet": aet, "address": _canonical(address)})

    def _act_on_sender(self, kind: str, aet: str, address: str | None, facility: str) -> None:
        _require_aet(aet)
        _require_facility(facility)
        fields: Fields = {"aet": aet, "address": _canonical(address), "facility": facility}
        self._act(kind, fields)

    # Who may come in

    def add_principal(self, name: str, role: Role, facilities: Collection[str] | None) -> None:
        """Make a principal, or set role and facilities of a known one; None is every facility.

        Raises
        ------
        ValueError
            The name is empty, too long, or holds what cannot be printed; nothing was written.
        """
        _require_name(name)
        listed: JsonValue = None if facilities is None else [*sorted(set(facilities))]
        self._act("principal-added", {"name": name, "role": role.value, "facilities": listed})

    def remove_principal(self, name: str) -> None:
        """Forget a principal with all sessions; one that is not known changes nothing.

        Raises
        ------
        ValueError
            It is the archive's own administrator.
        """
        if name == ADMIN:
            raise ValueError(f"'{ADMIN}' came with the archive and stays")
        self._act("principal-removed", {"name": name})

    def set_role(self, name: str, role: Role) -> None:
        """Give a principal another role; one that is not known changes nothing."""
        self._act("role-set", {"name": name, "role": role.value})

    def grant_facility(self, name: str, facility: str) -> None:
        """Let a principal see a facility's studies."""
        _require_name(name)
        _require_facility(facility)
        self._act("facility-granted", {"name": name, "facility": facility})

    def revoke_facility(self, name: str, facility: str) -> None:
        """Let a principal no longer see a facility's studies; open sessions feel it at once."""
        self._act("facility-revoked", {"name": name, "facility": facility})

    def set_password(self, name: str, password: str | None) -> None:
        """Set a password, or None: no password; every session of theirs ends.

        Raises
        ------
        ValueError
            It is too short or too long; nothing was written.

        Notes
        -----
        The journal holds its argon2id hash, as the catalogue does.
        """
        hashed = None if password is None else people.hash_password(password)
        self._act("password-set", {"name": name, "password_hash": hashed})

    # What people measure

    def save_measurement(self, row: MeasurementRow, *, principal: Principal) -> MeasurementRow:
        """Make a measurement, give it another state, or bring it back after it was deleted.

        Parameters
        ----------
        row
            As it shall be; who made it first and when stays, and nothing is written where all
            but its times is as it stands.

        Returns
        -------
        MeasurementRow
            As it stands now.

        Raises
        ------
        AccessDenied
            It is another's, and the principal no administrator.
        CannotMeasure
            It belongs to another series, or the series has too many, or too much of them.
        """
        with self._writing() as append:
            next_row = next_state(self._catalog, row, principal)
            if next_row is not None:
                self._write_measurement(append, next_row, principal)
        standing = find_measurement(self._catalog, row.MeasurementUID)
        assert standing is not None
        return standing

    def remove_measurement(
        self, MeasurementUID: str, *, principal: Principal, at: datetime
    ) -> MeasurementRow | None:
        """Mark a measurement as deleted; its states stay. None where there is none.

        Raises
        ------
        AccessDenied
            It is another's, and the principal no administrator.
        """
        with self._writing() as append:
            row = deleted_state(self._catalog, MeasurementUID, principal, at)
            if row is not None:
                self._write_measurement(append, row, principal)
        return find_measurement(self._catalog, MeasurementUID)

    def _write_measurement(self, append: Append, row: MeasurementRow, principal: Principal) -> None:
        fields: Fields = {"principal": principal.name, "measurement": row.to_json()}
        record = JournalRecord(kind="measurement", fields=fields)
        append(record)
        self._kinds[record.kind](record)

    # What is recorded of calibration

    def record_hu(self, record: HuRecord) -> None:
        """Append a record of calibration; what a person set or noted is audited with it."""
        self._act("hu-record", record.to_json())

    # What people keep for themselves

    def save_user_item(self, item: UserItem) -> UserItem:
        """Keep an item under its name; one of that name, kind and principal gives way, not its id.

        Raises
        ------
        UserItemRefused
            The principal has too many of the kind; then nothing was written.
        """
        with self._writing() as append:
            known = user_items.find_named(self._catalog, item.kind, item.principal, item.name)
            if known is not None:
                # A clock that was set back must not put it before the one that it follows.
                at = max(item.updated_at, known.updated_at + timedelta(microseconds=1))
                item = replace(
                    item, item_id=known.item_id, created_at=known.created_at, updated_at=at
                )
            elif user_items.count_items(self._catalog, item.kind, item.principal) >= MOST_ITEMS:
                raise UserItemRefused(f"expected at most {MOST_ITEMS} of a kind; delete some first")
            fields: Fields = {
                "item_id": item.item_id,
                "kind": item.kind,
                "principal": item.principal,
                "name": item.name,
                "document": item.document,
                "created_at": item.created_at.isoformat(timespec="microseconds"),
            }
            record = JournalRecord(kind="user-item-saved", fields=fields, at=item.updated_at)
            append(record)
            self._kinds[record.kind](record)
        return item

    def remove_user_item(self, item_id: str) -> None:
        """Forget an item; one that is not known changes nothing."""
        self._act("user-item-removed", {"item_id": item_id})

    # Who did what

    def audit(self, *, principal: str, action: str, subject: str) -> None:
        """Record what somebody did to a UID or a title; never a patient's name or identifier."""
        self._act("audit", {"principal": principal, "action": action, "subject": subject})

    def replay(self) -> int:
        """Apply the records that this catalogue may lack; return how many.

        A record whose instance or file is no more is passed over with a warning; `rebuild` lists
        them.

        Raises
        ------
        StorageError
            The journal is damaged, or holds a kind that this program does not know.
        """
        replayed = 0
        with self._journal.writing():
            position = self._read_position()
            for end, record in self._journal.iter_records(after=position):
                self.replay_record(record)
                position = end
                replayed += 1
            if replayed:
                self.note_position(position)
        return replayed

    def replay_record(self, record: JournalRecord) -> str | None:
        """Apply one record of the journal; return why it could not be, as a class of errors."""
        apply = self._kinds.get(record.kind)
        if apply is None:
            raise StorageError(
                f"the journal's record {record.record_id} is of the unknown kind '{record.kind}': "
                "it was written by a newer noctis_lab; use that one"
            )
        try:
            apply(record)
        except (InstanceNotFound, FileChanged, InvalidDicom) as error:
            # Never the error's words: a source's folder may bear a patient's name.
            why = type(error.__cause__ or error).__name__
            logger.warning(
                "a record of the journal could not be applied",
                extra={"record_id": record.record_id, "kind": record.kind, "error": why},
            )
            return why
        return None

    # How far this catalogue has come. A file, since it is no row of the archive's: without it,
    # all is replayed.

    def _read_position(self) -> JournalPosition:
        folder = self._catalog.root / CATALOG
        try:
            noted = json.loads((folder / _POSITION).read_bytes())
            if noted["catalog_inode"] != _inode(folder):
                return JournalPosition()
            return JournalPosition(file=noted["file"], offset=noted["offset"])
        except (OSError, ValueError, KeyError):
            return JournalPosition()

    def note_position(self, position: JournalPosition) -> None:
        """Note that this catalogue has all records up to `position`."""
        folder = self._catalog.root / CATALOG
        write_file(folder / _POSITION, _noted(folder, position))

    def _overwrite_position(self, position: JournalPosition) -> None:
        """Note a position without a sync: after a power cut an older one, or none, may stand.

        That costs a replay then; a sync would cost as much as the act, each time.
        """
        folder = self._catalog.root / CATALOG
        try:
            fd = os.open(folder / _POSITION, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o640)
            try:
                write_all(fd, _noted(folder, position))
            finally:
                os.close(fd)
        except OSError as error:  # the act itself stands
            logger.warning(
                "how far the catalogue has come could not be noted",
                extra={"error": type(error).__name__},
            )


def _in_place(entry: InstanceEntry) -> Fields:
    assert entry.in_place is not None
    return {
        "SOPInstanceUID": entry.SOPInstanceUID,
        "SeriesInstanceUID": entry.SeriesInstanceUID,
        "StudyInstanceUID": entry.StudyInstanceUID,
        "sha256": entry.sha256.hex(),
        "path": os.fspath(entry.in_place.path),
        "size_bytes": entry.in_place.size_bytes,
        "mtime_ns": entry.in_place.mtime_ns,
        **receipt_fields(entry.receipt),
    }


def _require_aet(aet: str) -> None:
    # Before the journal has it: a record that the catalogue refuses would be refused for ever.
    if not 1 <= len(aet.strip()) <= 16 or not aet.isprintable():
        raise ValueError("an AE title has 1 to 16 printable characters (PS3.5 6.2)")


def _require_facility(facility: str) -> None:
    if not 1 <= len(facility.strip()) <= 64 or not facility.isprintable():
        raise ValueError("a facility's name has 1 to 64 printable characters")


def _require_name(name: str) -> None:
    if not 1 <= len(name) <= 64 or not name.isprintable() or name != name.strip():
        raise ValueError("a principal's name has 1 to 64 printable characters")


def _inode(folder: Path) -> int:
    return database_path(folder.parent).stat().st_ino


def _noted(folder: Path, position: JournalPosition) -> bytes:
    # Always as long, and within one sector: overwriting leaves the old one whole or the new one.
    noted = {
        "catalog_inode": _inode(folder),
        "file": position.file,
        "offset": position.offset,
    }
    return json.dumps(noted).encode().ljust(_POSITION_BYTES)


def _canonical(address: str | None) -> str | None:
    return None if address is None else senders.canonical_address(address)
