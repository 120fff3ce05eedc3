"""What becomes of a file in quarantine, step by step; each is done again without harm.

The journal's record stands before the first step, so that whatever a crash leaves undone is done
when the journal is replayed. Whoever applies a record holds the journal.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from noctis_lab.catalog.correction import (
    Replacement,
    find_describers,
    grant_study,
    replace_instance,
)
from noctis_lab.catalog.instants import to_instant
from noctis_lab.catalog.quarantine import forget_quarantined
from noctis_lab.catalog.records import InstanceEntry, InstanceRow, Receipt
from noctis_lab.catalog.store import Catalog
from noctis_lab.dicom.file_meta import read_file_meta
from noctis_lab.dicom.header import Element, Limits
from noctis_lab.errors import FileChanged, InstanceNotFound, InvalidDicom
from noctis_lab.ingest.admission import build_entry, read_open_header, receipt_of
from noctis_lab.ingest.sidecar import QuarantineKind, parse_quarantine, quarantine_facts
from noctis_lab.storage.files import THUMBNAILS, Storage
from noctis_lab.storage.journal import JsonValue

__all__ = ["Correction", "apply_correction", "apply_settlement", "read_describing", "read_kept"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """The exchange of two contents of one instance; hashes are of their data sets, hexadecimal."""

    SOPInstanceUID: str
    quarantine_id: str  # where the accepted one is kept until then
    accepted_sha256: str
    superseded_id: str  # where the one that stood is kept from then on
    superseded_sha256: str
    superseded_facility: str  # it goes on seeing the study
    reason: str  # that is told of the one that stood; no patient data

    def to_fields(self) -> dict[str, JsonValue]:
        """Return the facts as JSON values."""
        return asdict(self)

    @classmethod
    def from_fields(cls, fields: Mapping[str, JsonValue]) -> Correction:
        """Return the correction that `to_fields` wrote; further fields are left out."""
        return cls(**{name: str(fields[name]) for name in cls.__dataclass_fields__})


def apply_settlement(
    storage: Storage, catalog: Catalog, quarantine_id: str, receipt: Receipt, *, outcome: str
) -> None:
    """Remove a file from quarantine, then its row."""
    storage.discard_quarantined(quarantine_id)
    forget_quarantined(
        catalog.connections,
        quarantine_id,
        receipt,
        outcome=outcome,
        at=to_instant(catalog.clock()),
    )


def apply_correction(storage: Storage, catalog: Catalog, correction: Correction) -> None:
    """Exchange two contents of one instance, or do what is left of it.

    Each file has its new name before the transaction and loses its old one after it: at no moment
    does either content lie in one place only that is about to go, nor the catalogue name a file
    that is not there.

    Raises
    ------
    InstanceNotFound
        No such instance.
    StorageError, CatalogError, InvalidDicom
        It could not be done; done again it goes on from there.
    """
    known = catalog.find_instance(correction.SOPInstanceUID, withheld=True)
    if known is None:
        raise InstanceNotFound(
            f"no instance {correction.SOPInstanceUID} in this archive",
            SOPInstanceUID=correction.SOPInstanceUID,
        )
    if known.in_place is None:
        standing, coming = (
            storage.instance_path(
                known.StudyInstanceUID, known.SeriesInstanceUID, bytes.fromhex(sha256)
            )
            for sha256 in (correction.superseded_sha256, correction.accepted_sha256)
        )
        if standing.parent.is_dir():  # no receiver places a file in it meanwhile
            with storage.locked_series(standing.parent):
                _exchange(storage, catalog, correction, standing=standing, coming=coming)
    grant_study(catalog, correction.SOPInstanceUID, correction.superseded_facility)


def _exchange(
    storage: Storage, catalog: Catalog, correction: Correction, *, standing: Path, coming: Path
) -> None:
    """Do the steps that are left; nothing where a later correction has undone this one."""
    known = catalog.find_instance(correction.SOPInstanceUID, withheld=True)
    assert known is not None
    aside = storage.find_quarantined(correction.quarantine_id)
    if known.sha256.hex() == correction.superseded_sha256 and (aside or coming.exists()):
        if standing.exists():
            storage.keep_aside(standing, correction.superseded_id, _facts(standing, correction))
        if aside is not None:
            storage.put_back(correction.quarantine_id, coming)
        _replace(storage, catalog, correction, known, coming)
    elif known.sha256.hex() != correction.accepted_sha256:
        # Overtaken by another one that was accepted: this one stays in quarantine.
        if aside is not None and coming.exists() and coming.samefile(aside.path):
            storage.remove_instance(coming)
        return
    storage.discard_derived(THUMBNAILS, known.SeriesInstanceUID, ".png")
    if storage.find_quarantined(correction.superseded_id) is not None:
        storage.remove_instance(standing)
    storage.discard_quarantined(correction.quarantine_id)


def _replace(
    storage: Storage, catalog: Catalog, correction: Correction, known: InstanceRow, coming: Path
) -> None:
    kept = storage.find_quarantined(correction.superseded_id)
    if kept is None:
        raise InvalidDicom("the content that stood is neither in its place nor in quarantine")
    try:
        superseded = parse_quarantine(kept.facts)
    except ValueError as error:
        raise InvalidDicom(str(error)) from error
    entry = read_kept(coming, bytes.fromhex(correction.accepted_sha256))
    series_elements, study_elements = read_describing(storage, catalog, known, entry)
    replace_instance(
        catalog,
        Replacement(
            entry=entry,
            known=known,
            accepted_id=correction.quarantine_id,
            superseded=superseded,
            series_elements=series_elements,
            study_elements=study_elements,
        ),
    )


def read_describing(
    storage: Storage, catalog: Catalog, known: InstanceRow, entry: InstanceEntry
) -> tuple[Sequence[Element] | None, Sequence[Element] | None]:
    """Return the elements that describe series and study once `entry` stands; None: as before.

    Raises
    ------
    FileChanged, InvalidDicom
        The file of an instance that is to describe them cannot be read.
    """
    series, study = (
        None if uid is None else _elements_of(storage, catalog, entry, uid)
        for uid in find_describers(catalog, known, entry)
    )
    return series, study


def read_kept(path: Path, sha256: bytes) -> InstanceEntry:
    """Return the entry of a file of ours, with the receipt in its file meta.

    Parameters
    ----------
    sha256
        Of its data set, 32 bytes.

    Raises
    ------
    InvalidDicom
        It cannot be parsed, or holds no receipt of ours.
    FileChanged
        It cannot be read.
    """
    fd = _open(path)
    try:
        receipt = receipt_of(read_file_meta(fd))
        header = read_open_header(fd, limits=Limits())
    finally:
        os.close(fd)
    return build_entry(header, sha256=sha256, receipt=receipt)


def _facts(standing: Path, correction: Correction) -> dict[str, JsonValue]:
    entry = read_kept(standing, bytes.fromhex(correction.superseded_sha256))
    return quarantine_facts(
        kind=QuarantineKind.CONFLICT,
        reason=correction.reason,
        SOPInstanceUID=entry.SOPInstanceUID,
        StudyInstanceUID=entry.StudyInstanceUID,
        sha256=entry.sha256,
        size_bytes=entry.data_set_length,
        receipt=entry.receipt,
    )


def _elements_of(
    storage: Storage, catalog: Catalog, entry: InstanceEntry, SOPInstanceUID: str
) -> Sequence[Element] | None:
    if SOPInstanceUID == entry.SOPInstanceUID:
        return entry.elements
    row = catalog.find_instance(SOPInstanceUID, withheld=True)
    if row is None:
        return None
    path = storage.instance_path(row.StudyInstanceUID, row.SeriesInstanceUID, row.sha256)
    fd = _open(path if row.in_place is None else row.in_place.path)
    try:
        return read_open_header(fd, limits=Limits()).elements
    finally:
        os.close(fd)


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise FileChanged(
            "a file of the archive cannot be read: `noctis fsck` names it", path=str(path)
        ) from error
