"""Files that are catalogued where they lie: they stay the owner's, and are only ever read."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from noctis_lab.catalog.records import InstanceEntry, InstanceRow, Receipt
from noctis_lab.catalog.store import Catalog
from noctis_lab.dicom.file_meta import read_file_meta
from noctis_lab.dicom.header import Limits
from noctis_lab.errors import InvalidDicom
from noctis_lab.ingest.admission import is_unchanged, read_entry_in_place, require_size
from noctis_lab.ingest.known import Known, has_lost
from noctis_lab.ingest.ledger import Ledger
from noctis_lab.ingest.outcomes import Admission, Outcome, Refusal, admission, rejection

__all__ = ["Registrar"]


class Registrar:
    """Registers files in place. Safe to use from several threads.

    Parameters
    ----------
    catalog, ledger
        The archive's catalogue, and the ledger over it.
    limits
        The bounds within which headers are parsed.
    known
        What the archive's pipeline holds arrivals against.
    max_instance_bytes
        The largest file that is registered: it is hashed, to its end.
    """

    def __init__(
        self,
        *,
        catalog: Catalog,
        ledger: Ledger,
        limits: Limits,
        known: Known,
        max_instance_bytes: int,
    ) -> None:
        self._catalog = catalog
        self._ledger = ledger
        self._limits = limits
        self._known = known
        self._max_instance_bytes = max_instance_bytes

    def prepare(self, path: Path, receipt: Receipt) -> InstanceEntry | Admission:
        """Do all of a registration that needs no turn: read, hash and parse the file.

        Returns
        -------
        InstanceEntry or Admission
            What `register_together` takes; an Admission is a rejection, or of a file that is
            registered as it is.

        Raises
        ------
        OSError
            The file cannot be read.
        FileChanged
            It changed while it was read.
        """
        path = Path(os.path.abspath(path))
        try:
            row = self._find_registered(path)
            if row is not None and self._catalog.has_come_from(row.SOPInstanceUID, receipt):
                return admission(Outcome.SAME, row)
            require_size(os.stat(path).st_size, self._max_instance_bytes)
            return read_entry_in_place(path, receipt, limits=self._limits)
        except InvalidDicom as error:
            return rejection(Refusal.INVALID, error.reason)

    def _find_registered(self, path: Path) -> InstanceRow | None:
        """Return the row of a file that is registered with the size and time that it has."""
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            uid = read_file_meta(fd).sop_instance_uid
        finally:
            os.close(fd)
        row = self._catalog.find_instance(uid, withheld=True) if uid else None
        if row is None or row.in_place is None or row.in_place.path != path:
            return None
        return row if is_unchanged(row.in_place) else None

    def register_together(self, prepared: Sequence[InstanceEntry | Admission]) -> list[Admission]:
        """Catalogue what was prepared in place, in its order; new ones in one transaction.

        Returns
        -------
        list of Admission
            One for each; what is one already stays.

        Raises
        ------
        NoSpace, StorageError, CatalogError
            Some may be registered: they are known when they come again.
        """
        entries = [each for each in prepared if not isinstance(each, Admission)]
        seen = self._catalog.find_known([entry.SOPInstanceUID for entry in entries])
        news: list[InstanceEntry] = []
        for entry in entries:
            if entry.SOPInstanceUID not in seen:
                seen.add(entry.SOPInstanceUID)
                news.append(entry)
        written = self._ledger.register_in_place(news) if news else []
        stored = {id(entry) for entry, is_new in zip(news, written, strict=True) if is_new}
        return [
            each
            if isinstance(each, Admission)
            else admission(Outcome.STORED, each)
            if id(each) in stored
            else self._register_known(each)
            for each in prepared
        ]

    def _register_known(self, entry: InstanceEntry) -> Admission:
        known = self._catalog.find_instance(entry.SOPInstanceUID, withheld=True)
        assert known is not None
        assert entry.in_place is not None
        if has_lost(known, entry):
            self._ledger.relocate_in_place(entry)
        elif _is_changed(known, entry):
            changed = "the file has changed since it was registered"
            return admission(Outcome.CONFLICT, entry, reason=changed)
        else:
            reason = self._known.find_difference(known, entry.sha256, entry.in_place.path)
            if reason is not None:
                return admission(Outcome.CONFLICT, entry, reason=reason)
        self._known.receive_again([(entry.SOPInstanceUID, entry.receipt)])
        return admission(Outcome.SAME, entry)


def _is_changed(known: InstanceRow, entry: InstanceEntry) -> bool:
    """Return whether it is the very file that is registered, with other bytes than then."""
    if known.in_place is None or entry.in_place is None:
        return False
    return known.in_place.path == entry.in_place.path and known.sha256 != entry.sha256
