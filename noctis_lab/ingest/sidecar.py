"""Receipts and quarantine facts as plain JSON values: in journal records and beside files."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum

from noctis_lab.catalog.records import QuarantineRow, Receipt, ReceiptSource
from noctis_lab.storage.journal import JsonValue

__all__ = [
    "QuarantineKind",
    "parse_quarantine",
    "parse_receipt",
    "quarantine_facts",
    "receipt_fields",
]


class QuarantineKind(StrEnum):
    """Why bytes are kept aside."""

    CONFLICT = "conflict"
    REJECTED = "rejected"


def receipt_fields(receipt: Receipt) -> dict[str, JsonValue]:
    """Return a receipt as JSON values."""
    return {
        "source": receipt.source.value,
        "facility": receipt.facility,
        "calling_aet": receipt.calling_aet,
        "called_aet": receipt.called_aet,
        "received_at": receipt.received_at.astimezone(UTC).isoformat(timespec="microseconds"),
    }


def parse_receipt(fields: Mapping[str, object]) -> Receipt:
    """Return the receipt that `receipt_fields` wrote.

    Raises
    ------
    KeyError, ValueError
        It is not one of ours.
    """
    return Receipt(
        source=ReceiptSource(str(fields["source"])),
        facility=str(fields["facility"]),
        calling_aet=str(fields["calling_aet"]),
        called_aet=str(fields["called_aet"]),
        received_at=datetime.fromisoformat(str(fields["received_at"])),
    )


def quarantine_facts(
    *,
    kind: QuarantineKind,
    reason: str,
    SOPInstanceUID: str | None,
    StudyInstanceUID: str | None,
    sha256: bytes,
    size_bytes: int,
    receipt: Receipt,
) -> dict[str, JsonValue]:
    """Return what lies beside a file in quarantine; hash and size are its data set's."""
    return {
        "kind": kind.value,
        "reason": reason,
        "SOPInstanceUID": SOPInstanceUID,
        "StudyInstanceUID": StudyInstanceUID,
        "sha256": sha256.hex(),
        "size_bytes": size_bytes,
        "receipt": receipt_fields(receipt),
    }


def parse_quarantine(facts: Mapping[str, object]) -> QuarantineRow:
    """Return the catalogue's row of a file in quarantine.

    Raises
    ------
    ValueError
        The facts are not ours.
    """
    try:
        receipt = facts["receipt"]
        row = QuarantineRow(
            quarantine_id=str(facts["quarantine_id"]),
            reason=str(facts["reason"]),
            kind=QuarantineKind(str(facts["kind"])).value,
            SOPInstanceUID=_text(facts["SOPInstanceUID"]),
            StudyInstanceUID=_text(facts["StudyInstanceUID"]),
            sha256=bytes.fromhex(str(facts["sha256"])),
            size_bytes=int(str(facts["size_bytes"])),
            receipt=parse_receipt(receipt if isinstance(receipt, dict) else {}),
        )
    except KeyError as error:
        raise ValueError(f"a quarantined file's facts lack {error}") from error
    if len(row.sha256) != 32 or not 0 <= row.size_bytes < 2**63:
        raise ValueError("a quarantined file's facts hold no hash or no size")
    if row.receipt.received_at.tzinfo is None:
        raise ValueError("a quarantined file's facts hold no instant")
    return row


def _text(value: object) -> str | None:
    return None if value is None else str(value)
