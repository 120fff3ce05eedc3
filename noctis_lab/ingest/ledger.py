"""Every act that is not in the files: the journal first, then the catalogue's row of it."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from noctis_lab.access import ADMIN, Role
from noctis_lab.catalog import people, senders
from noctis_lab.catalog.records import InstanceEntry, QuarantineRow, Receipt
from noctis_lab.catalog.store import Catalog
from noctis_lab.dicom.header import Limits
from noctis_lab.errors import FileChanged, InstanceNotFound, InvalidDicom, StorageError
from noctis_lab.ingest.admission import read_entry_in_place
from noctis_lab.ingest.settlement import Correction, apply_correction, apply_settlement
from noctis_lab.ingest.sidecar import parse_quarantine, parse_receipt, receipt_fields
from noctis_lab.storage.durable import write_all, write_file
from noctis_lab.storage.files import Quarantined, Storage
from noctis_lab.storage.journal import Journal, JournalPosition, JournalRecord, JsonValue
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
        self._root = journal.folder.parent  # not the catalogue's, which a rebuild makes elsewhere
        self._kinds: dict[str, Callable[[JournalRecord], object]] = {
            "receipt": self._apply_receipt,
            "in-place": self._apply_in_place,
            "refusal": self._apply_refusal,
            "facility-added": self._apply_facility,
            "sender-added": self._apply_sender,
            "sender-approved": self._apply_approval,
            "sender-blocked": self._apply_block,
            "sender-removed": self._apply_removal,
            "principal-added": self._apply_principal,
            "principal-removed": self._apply_principal_removal,
            "role-set": self._apply_role,
            "facility-granted": self._apply_grant,
            "facility-revoked": self._apply_revocation,
            "password-set": self._apply_password,
            "audit": self._apply_audit,
            "correction": self._apply_correction,
            "quarantine-settled": self._apply_settlement,
        }

    def _act(self, kind: str, fields: Fields) -> None:
        record = JournalRecord(kind=kind, fields=fields)
        with self._writing() as append:
            append(record)
            self._kinds[kind](record)

    @property
    def _storage(self) -> Storage:
        return Storage(self._root)

    @contextmanager
    def _writing(self) -> Iterator[Callable[..., object]]:
        """Hold the journal while records are written and applied; note that they were."""
        with self._journal.writing() as append:
            # A record that was left unapplied, by whomever, must stay ahead of what is noted.
            has_all = self._read_position() == self._journal.find_end()
            ends: list[JournalPosition] = []
            yield lambda *records: ends.append(append(*records))
            if has_all and ends:
                self._overwrite_position(ends[-1])

    # What comes in

    def receive_again(self, SOPInstanceUID: str, receipt: Receipt) -> None:
        """Record that a known instance came again with the same content."""
        self._act("receipt", {"SOPInstanceUID": SOPInstanceUID, **receipt_fields(receipt)})

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

    # Who did what

    def audit(self, *, principal: str, action: str, subject: str) -> None:
        """Record what somebody did to a UID or a title; never a patient's name or identifier."""
        self._act("audit", {"principal": principal, "action": action, "subject": subject})

    # From the journal to the catalogue

    def _apply_receipt(self, record: JournalRecord) -> None:
        uid = str(record.fields["SOPInstanceUID"])
        self._catalog.commit_receipt(uid, parse_receipt(record.fields))

    def _apply_in_place(self, record: JournalRecord) -> None:
        fields = record.fields
        if self._has_in_place(fields):
            return  # without reading the source, which may be large or on a disk that is unplugged
        uid = fields.get("SOPInstanceUID")  # an older record has none
        known = None if uid is None else self._catalog.find_instance(str(uid), withheld=True)
        if known is not None and known.in_place is None:
            return  # its bytes came into the archive since
        try:
            entry = _read_stated(fields)
        except (FileChanged, InvalidDicom):
            if known is None:
                raise
            return  # a later record says where the source is now
        commit = self._catalog.commit_instance(entry)
        if commit.known is not None and commit.known.in_place is not None:
            self._catalog.relocate_instance(entry)

    def _has_in_place(self, fields: Mapping[str, JsonValue]) -> bool:
        uid = fields.get("SOPInstanceUID")  # an older record has none
        row = None if uid is None else self._catalog.find_instance(str(uid), withheld=True)
        if row is None or row.in_place is None:
            return False
        known = row.in_place
        stated = (fields["path"], fields["size_bytes"], fields["mtime_ns"])
        return (os.fspath(known.path), known.size_bytes, known.mtime_ns) == stated

    def _apply_refusal(self, record: JournalRecord) -> None:
        aet, address = str(record.fields["aet"]), str(record.fields["address"])
        attempts = int(str(record.fields.get("attempts", 1)))
        self._catalog.register_refusal(aet, address, attempts=attempts, at=record.at)

    def _apply_facility(self, record: JournalRecord) -> None:
        senders.add_facility(self._catalog, str(record.fields["facility"]), at=record.at)

    def _apply_sender(self, record: JournalRecord) -> None:
        aet, address = _sender(record.fields)
        facility = str(record.fields["facility"])
        senders.add_sender(self._catalog, aet, address, facility, at=record.at)

    def _apply_approval(self, record: JournalRecord) -> None:
        aet, address = _sender(record.fields)
        facility = str(record.fields["facility"])
        senders.approve_sender(self._catalog, aet, address, facility, at=record.at)

    def _apply_block(self, record: JournalRecord) -> None:
        senders.block_sender(self._catalog, *_sender(record.fields), at=record.at)

    def _apply_removal(self, record: JournalRecord) -> None:
        senders.remove_sender(self._catalog, *_sender(record.fields))

    def _apply_principal(self, record: JournalRecord) -> None:
        fields = record.fields
        listed = fields["facilities"]
        people.add_principal(
            self._catalog,
            str(fields["name"]),
            Role(str(fields["role"])),
            [str(facility) for facility in listed] if isinstance(listed, list) else None,
            at=record.at,
        )

    def _apply_principal_removal(self, record: JournalRecord) -> None:
        people.remove_principal(self._catalog, str(record.fields["name"]))

    def _apply_role(self, record: JournalRecord) -> None:
        people.set_role(self._catalog, str(record.fields["name"]), Role(str(record.fields["role"])))

    def _apply_grant(self, record: JournalRecord) -> None:
        people.grant_facility(
            self._catalog, str(record.fields["name"]), str(record.fields["facility"])
        )

    def _apply_revocation(self, record: JournalRecord) -> None:
        people.revoke_facility(
            self._catalog, str(record.fields["name"]), str(record.fields["facility"])
        )

    def _apply_password(self, record: JournalRecord) -> None:
        hashed = record.fields["password_hash"]
        people.set_password_hash(
            self._catalog, str(record.fields["name"]), None if hashed is None else str(hashed)
        )

    def _apply_audit(self, record: JournalRecord) -> None:
        self._catalog.record_audit(
            record.record_id,
            principal=str(record.fields["principal"]),
            action=str(record.fields["action"]),
            subject=str(record.fields["subject"]),
            at=record.at,
        )

    def _apply_correction(self, record: JournalRecord) -> None:
        correction = Correction.from_fields(record.fields)
        apply_correction(self._storage, self._catalog, correction)
        self._audit_settled(record, "accept", correction.SOPInstanceUID)

    def _apply_settlement(self, record: JournalRecord) -> None:
        quarantine_id, outcome = (str(record.fields[key]) for key in ("quarantine_id", "outcome"))
        receipt = record.fields["receipt"]
        apply_settlement(
            self._storage,
            self._catalog,
            quarantine_id,
            parse_receipt(receipt if isinstance(receipt, dict) else {}),
            outcome=outcome,
        )
        uid = record.fields["SOPInstanceUID"]
        action = "accept" if outcome == "accepted" else "discard"
        self._audit_settled(record, action, quarantine_id if uid is None else str(uid))

    def _audit_settled(self, record: JournalRecord, action: str, subject: str) -> None:
        self._catalog.record_audit(
            record.record_id,
            principal=str(record.fields["principal"]),
            action=f"{action}-quarantined",
            subject=subject,
            at=record.at,
        )

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
        "path": os.fspath(entry.in_place.path),
        "size_bytes": entry.in_place.size_bytes,
        "mtime_ns": entry.in_place.mtime_ns,
        **receipt_fields(entry.receipt),
    }


def _read_stated(fields: Mapping[str, JsonValue]) -> InstanceEntry:
    """Read the source of a record of the kind ``in-place``, as it was registered.

    Raises
    ------
    FileChanged, InvalidDicom
        It is gone, or another.
    """
    path, receipt = Path(str(fields["path"])), parse_receipt(fields)
    try:
        entry = read_entry_in_place(path, receipt, limits=Limits())
    except OSError as error:
        # Of reading only: some of the catalogue's refusals are OSErrors, and not passed over.
        raise FileChanged(
            f"{path} cannot be read: bring it back, or index it again", path=str(path)
        ) from error
    stated = (fields["size_bytes"], fields["mtime_ns"])
    assert entry.in_place is not None
    if (entry.in_place.size_bytes, entry.in_place.mtime_ns) != stated:
        raise FileChanged(f"{path} is not what was registered: index it again", path=str(path))
    return entry


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
    return (folder / "catalog.sqlite").stat().st_ino


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


def _sender(fields: Mapping[str, JsonValue]) -> tuple[str, str | None]:
    address = fields["address"]
    return str(fields["aet"]), None if address is None else str(address)
