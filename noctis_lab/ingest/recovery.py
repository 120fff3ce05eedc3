"""After a crash: what was not acknowledged goes, what was acknowledged is complete."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from noctis_lab.catalog.records import QuarantineRow
from noctis_lab.catalog.store import Catalog
from noctis_lab.dicom.header import Limits
from noctis_lab.errors import InvalidDicom
from noctis_lab.ingest.admission import hash_data_set, read_open_header
from noctis_lab.ingest.ledger import Ledger
from noctis_lab.storage.files import Leftover, Storage

__all__ = ["Recovery", "iter_quarantine_rows", "recover"]

logger = logging.getLogger(__name__)

_PAGE: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """What was found and done."""

    swept: int  # files in incoming/ of processes that are no more
    undone: int  # of them, those that had their final name and no row
    replayed: int  # journal records whose rows the catalogue may have lacked


def recover(storage: Storage, catalog: Catalog, ledger: Ledger) -> Recovery:
    """Bring files and catalogue to where the last acknowledgement left them.

    A file's name in ``incoming/`` is the record that it was being placed: so only those are
    looked at, never the whole archive (which is `fsck`'s). Files that a living process is
    receiving are passed over.

    Raises
    ------
    StorageError, CatalogError
        It could not be done.
    """
    swept = undone = 0
    for leftover in storage.iter_leftovers():
        if leftover.names > 1 and _undo(storage, catalog, leftover):
            undone += 1
        leftover.path.unlink(missing_ok=True)
        swept += 1
    replayed = ledger.replay()  # first: it ends what was begun with files in quarantine
    storage.sweep_quarantine()
    known = {row.quarantine_id for row in iter_quarantine_rows(catalog)}
    for kept in storage.iter_quarantine(known=known):
        try:
            ledger.adopt_quarantined(kept)
        except ValueError:
            logger.warning(
                "no readable reason lies beside a quarantined file: `noctis fsck` names it",
                extra={"quarantine_id": kept.quarantine_id},
            )
    if swept:
        logger.warning(
            "files left by a process that ended in mid-stream were swept",
            extra={"swept": swept, "undone": undone},
        )
    return Recovery(swept=swept, undone=undone, replayed=replayed)


def iter_quarantine_rows(catalog: Catalog) -> Iterator[QuarantineRow]:
    """Yield the catalogue's rows of what is in quarantine, newest first."""
    offset = 0
    while True:
        _, rows = catalog.list_quarantine(offset=offset, limit=_PAGE)
        yield from rows
        if len(rows) < _PAGE:
            return
        offset += len(rows)


def _undo(storage: Storage, catalog: Catalog, leftover: Leftover) -> bool:
    """Take a placed file's final name away where the catalogue lacks it."""
    try:
        header = read_open_header(leftover.fd, limits=Limits())
    except InvalidDicom:
        return False  # never placed by us: the pipeline parses before it places
    sha256 = hash_data_set(leftover.fd, header.data_set_offset)
    path = storage.instance_path(header.StudyInstanceUID, header.SeriesInstanceUID, sha256)
    with storage.locked_series(path.parent):
        row = catalog.find_instance(header.SOPInstanceUID, withheld=True)
        if row is not None and row.sha256 == sha256 and row.in_place is None:
            return False
        if not _is_file(path, leftover.fd):
            return False
        storage.remove_instance(path)
    return True


def _is_file(path: Path, fd: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(fd))
    except FileNotFoundError:
        return False
