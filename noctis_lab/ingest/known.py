"""What is here already: whether bytes that come are its, and what is written when they are."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from noctis_lab.catalog.records import InstanceEntry, InstanceRow, Receipt, ReceiptSource
from noctis_lab.catalog.store import Catalog
from noctis_lab.dicom.content import content_difference
from noctis_lab.dicom.file_meta import FileMeta
from noctis_lab.errors import InvalidDicom
from noctis_lab.ingest.admission import hash_data_set, is_unchanged
from noctis_lab.ingest.ledger import Ledger
from noctis_lab.storage.files import Storage

__all__ = ["Known", "has_lost", "is_file_of"]

_MOST_DECODERS: Final = 2  # processes that decode pixels to compare them, at once; 2 GiB each


class Known:
    """The instances that are catalogued, as those that come again are held against them.

    Parameters
    ----------
    storage, catalog, ledger
        The archive's.
    """

    def __init__(self, storage: Storage, catalog: Catalog, ledger: Ledger) -> None:
        self._storage = storage
        self._catalog = catalog
        self._ledger = ledger
        self._decoders = threading.Semaphore(_MOST_DECODERS)

    def path_of(self, row: InstanceRow) -> Path:
        """Return the file of a catalogued instance."""
        if row.in_place is not None:
            return row.in_place.path
        return self._storage.instance_path(row.StudyInstanceUID, row.SeriesInstanceUID, row.sha256)

    def find_same(self, fd: int, meta: FileMeta) -> InstanceRow | None:
        """Return the row that holds these very bytes, where they are there; nothing is parsed."""
        row = None
        if meta.sop_instance_uid:
            row = self._catalog.find_instance(meta.sop_instance_uid, withheld=True)
        if row is None or row.transfer_syntax_uid != meta.transfer_syntax_uid:
            return None
        if os.fstat(fd).st_size - meta.data_set_offset != row.data_set_length:
            return None
        is_same = self._is_there(row) and hash_data_set(fd, meta.data_set_offset) == row.sha256
        return row if is_same else None

    def _is_there(self, row: InstanceRow) -> bool:
        if row.in_place is not None:
            return is_unchanged(row.in_place)
        try:
            found = self.path_of(row).stat()
        except OSError:
            return False
        return found.st_size == row.data_set_offset + row.data_set_length

    def find_difference(self, known: InstanceRow, sha256: bytes, path: Path) -> str | None:
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

    def receive_again(self, came: Sequence[tuple[str, Receipt]]) -> None:
        """Record that instances came again, each by its receipt.

        From a folder, once for each facility: to index it again, or on after a stop, tells nothing
        new, and gives the rows that one run gives.
        """
        news: dict[object, tuple[str, Receipt]] = {}
        for number, (uid, receipt) in enumerate(came):
            if receipt.source is not ReceiptSource.FOLDER:
                news[number] = uid, receipt
            elif not self._catalog.has_come_from(uid, receipt):
                news.setdefault((uid, receipt.facility), (uid, receipt))
        if news:
            self._ledger.receive_again(list(news.values()))


def is_file_of(row: InstanceRow, entry: InstanceEntry) -> bool:
    """Return whether the file that a row names is the one that the entry was placed as."""
    return row.sha256 == entry.sha256 and row.in_place is None


def has_lost(row: InstanceRow, entry: InstanceEntry) -> bool:
    """Return whether a row's source in place is gone, or another, and these are its bytes."""
    is_lost = row.in_place is not None and not is_unchanged(row.in_place)
    return is_lost and row.sha256 == entry.sha256
