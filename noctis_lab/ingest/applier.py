"""What each kind of the journal's records does to the catalogue; done twice, it does no harm."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from noctis_lab.access import Role
from noctis_lab.catalog import people, senders, user_items
from noctis_lab.catalog.hu_records import HuKind, HuRecord, write_record
from noctis_lab.catalog.measurements import MeasurementRow, write_measurement
from noctis_lab.catalog.records import InstanceEntry
from noctis_lab.catalog.store import Catalog
from noctis_lab.catalog.user_items import UserItem
from noctis_lab.dicom.header import Limits
from noctis_lab.errors import FileChanged, InvalidDicom
from noctis_lab.ingest.admission import read_entry_in_place
from noctis_lab.ingest.settlement import (
    Correction,
    apply_correction,
    apply_settlement,
    read_kept,
)
from noctis_lab.ingest.sidecar import parse_receipt
from noctis_lab.storage.files import Storage
from noctis_lab.storage.journal import JournalRecord, JsonValue

__all__ = ["Applier"]

#: Records of calibration that are acts of people, and what they are called in the audit.
_AUDITED = {
    HuKind.BASELINE: "set-baseline",
    HuKind.SCANNER_EVENT: "note-scanner-event",
    HuKind.CURVE: "add-density-curve",
    HuKind.CERTIFICATE: "add-phantom-certificate",
    HuKind.ACKNOWLEDGEMENT: "acknowledge-alarm",
}


class Applier:
    """Applies records to a catalogue. Whoever applies one holds the journal.

    Parameters
    ----------
    root
        The archive's folder; a rebuild's catalogue lies elsewhere.
    catalog
        What the records are applied to.

    Attributes
    ----------
    kinds : dict
        Of each kind of record, the function that applies one.
    """

    def __init__(self, root: Path, catalog: Catalog) -> None:
        self._catalog = catalog
        self._storage = Storage(root)
        self.kinds: dict[str, Callable[[JournalRecord], object]] = {
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
            "measurement": self._apply_measurement,
            "hu-record": self._apply_hu_record,
            "user-item-saved": self._apply_user_item,
            "user-item-removed": self._apply_user_item_removal,
        }

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
        if known is None:
            own = _find_own_copy(self._storage, fields)
            if own is not None:
                self._catalog.commit_instance(own)
                return
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

    def _apply_user_item(self, record: JournalRecord) -> None:
        fields = cast("dict[str, Any]", dict(record.fields))
        created_at = datetime.fromisoformat(fields.pop("created_at"))
        item = UserItem(**fields, created_at=created_at, updated_at=record.at)
        user_items.write_item(self._catalog, item)

    def _apply_user_item_removal(self, record: JournalRecord) -> None:
        user_items.remove_item(self._catalog, str(record.fields["item_id"]))

    def _apply_measurement(self, record: JournalRecord) -> None:
        row = MeasurementRow.from_json(cast("dict[str, Any]", record.fields["measurement"]))
        write_measurement(self._catalog, row, principal=str(record.fields["principal"]))

    def _apply_hu_record(self, record: JournalRecord) -> None:
        written = HuRecord.from_json(cast("dict[str, Any]", record.fields))
        write_record(self._catalog, written)
        action = _AUDITED.get(written.kind)
        if action is not None:
            self._catalog.record_audit(
                record.record_id,
                principal=written.author,
                action=action,
                subject=written.scanner or written.record_id,
                at=record.at,
            )

    def _audit_settled(self, record: JournalRecord, action: str, subject: str) -> None:
        self._catalog.record_audit(
            record.record_id,
            principal=str(record.fields["principal"]),
            action=f"{action}-quarantined",
            subject=subject,
            at=record.at,
        )


def _find_own_copy(storage: Storage, fields: Mapping[str, JsonValue]) -> InstanceEntry | None:
    """Return the entry of the archive's copy of a source, received when that was registered.

    A copy comes in where a source was lost: for a rebuild it was there from the beginning.
    """
    study, series, sha256 = (
        str(fields.get(name, "")) for name in ("StudyInstanceUID", "SeriesInstanceUID", "sha256")
    )
    if not sha256:  # an older record
        return None
    path = storage.instance_path(study, series, bytes.fromhex(sha256))
    if not path.is_file():
        return None
    return replace(read_kept(path, bytes.fromhex(sha256)), receipt=parse_receipt(fields))


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


def _sender(fields: Mapping[str, JsonValue]) -> tuple[str, str | None]:
    address = fields["address"]
    return str(fields["aet"]), None if address is None else str(address)
