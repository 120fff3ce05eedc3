"""A receipt for tests to which it is all the same who sent what."""

from __future__ import annotations

from datetime import UTC, datetime

from noctis_lab.catalog.records import Receipt, ReceiptSource

__all__ = ["RECEIPT"]

RECEIPT = Receipt(
    source=ReceiptSource.FOLDER,
    facility="local",
    calling_aet="",
    called_aet="",
    received_at=datetime(2026, 1, 1, tzinfo=UTC),
)
