"""What is kept aside, for those who decide about it: what it is, accept it, discard it."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final

from noctis_lab.catalog.correction import is_plain_study
from noctis_lab.catalog.records import InstanceEntry, InstanceRow, QuarantineRow
from noctis_lab.catalog.rollups import text_of, top_level
from noctis_lab.dicom.content import content_difference, differing_elements
from noctis_lab.dicom.header import Header, Limits, read_header
from noctis_lab.errors import CannotAccept, FileChanged, InvalidDicom, QuarantinedNotFound
from noctis_lab.ingest.admission import hash_file, read_open_header
from noctis_lab.ingest.archive import OpenArchive
from noctis_lab.ingest.pipeline import Outcome
from noctis_lab.ingest.settlement import Correction, read_describing, read_kept
from noctis_lab.ingest.sidecar import QuarantineKind
from noctis_lab.storage.files import Quarantined

__all__ = ["Accepted", "Inspection", "accept", "discard", "inspect", "read_values"]

_MOST_DIFFERENCES: Final = 1_000
_PIXELS: Final = "PixelData"
_LONGEST_ID: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What lies in quarantine, and what accepting it would do.

    `differences` are the paths of elements (keywords, or tags) in which it is not the instance
    that stands; no values. `accept_means` is one sentence: what accepting does, or why it cannot.
    """

    row: QuarantineRow
    differences: tuple[str, ...]
    can_accept: bool
    accept_means: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """What came of accepting: the pipeline's outcome, and the id that is in quarantine now."""

    outcome: Outcome
    SOPInstanceUID: str
    quarantine_id: str | None  # of the content that stood before, or of a new conflict


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    row: QuarantineRow
    kept: Quarantined


def inspect(archive: OpenArchive, quarantine_id: str) -> Inspection:
    """Tell what a file in quarantine is and whether it can be accepted.

    Raises
    ------
    QuarantinedNotFound
        There is none of that id.
    """
    held = _find(archive, quarantine_id)
    differences: tuple[str, ...] = ()
    try:
        if held.row.kind == QuarantineKind.CONFLICT:
            known = _find_known(archive, held.row)
            differences = _differences(archive, held, known)
            _plan_correction(archive, held)
            means = _MEANS_SWAP if known.sha256 != held.row.sha256 else _MEANS_SAME
        else:
            _read_rejected(held)
            means = _MEANS_ADMIT
    except CannotAccept as error:
        return Inspection(
            row=held.row, differences=differences, can_accept=False, accept_means=error.reason
        )
    return Inspection(row=held.row, differences=differences, can_accept=True, accept_means=means)


_MEANS_SWAP: Final = (
    "This content becomes the instance that is shown; the one that stands now is kept in "
    "quarantine instead, and accepting that one puts it back."
)
_MEANS_SAME: Final = (
    "This very content stands by now: its receipt is recorded, and the copy here is removed."
)
_MEANS_ADMIT: Final = (
    "It can be read by now, or only its announcement was wrong: it is admitted as if it came "
    "again now from the same sender, under the UIDs that it states itself."
)


def accept(archive: OpenArchive, quarantine_id: str, *, principal: str) -> Accepted:
    """Admit a file that is kept aside.

    One that was rejected goes through the pipeline once more. The other content of a known
    instance takes the place of the one that stands, which is kept aside from then on, so that
    accepting that one takes it back (`docs/decisions/0004`).

    Parameters
    ----------
    principal
        Who decided it, for the audit.

    Raises
    ------
    QuarantinedNotFound
        There is none of that id.
    CannotAccept
        It cannot be; nothing was changed.
    """
    held = _find(archive, quarantine_id)
    if held.row.kind != QuarantineKind.CONFLICT:
        return _admit_again(archive, held, principal)
    known = _find_known(archive, held.row)
    if known.sha256 == held.row.sha256:
        archive.ledger.receive_again([(known.SOPInstanceUID, held.row.receipt)])
        archive.ledger.settle_quarantined(held.row, outcome="accepted", principal=principal)
        return Accepted(
            outcome=Outcome.SAME, SOPInstanceUID=known.SOPInstanceUID, quarantine_id=None
        )
    correction = _plan_correction(archive, held)
    archive.ledger.accept_correction(correction, principal=principal)
    if _find_known(archive, held.row).sha256 != held.row.sha256:
        raise _refused(held, "another decision came between: look at what is in quarantine now")
    return Accepted(
        outcome=Outcome.STORED,
        SOPInstanceUID=known.SOPInstanceUID,
        quarantine_id=correction.superseded_id,
    )


def discard(archive: OpenArchive, quarantine_id: str, *, principal: str) -> None:
    """Remove a file that is kept aside, for good.

    Raises
    ------
    QuarantinedNotFound
        There is none of that id.
    """
    row = _find_row(archive, quarantine_id)
    archive.ledger.settle_quarantined(row, outcome="discarded", principal=principal)


def read_values(archive: OpenArchive, inspection: Inspection) -> list[tuple[str, str, str]]:
    """Return the differing elements with their values: (path, of what stands, of this one).

    They may be a patient's: only for an administrator who asks.

    Raises
    ------
    QuarantinedNotFound, CannotAccept
        One of the two files cannot be read.
    """
    held = _find(archive, inspection.row.quarantine_id)
    known = _find_known(archive, inspection.row)
    standing = _values_of(held, archive.pipeline.path_of(known))
    coming = _values_of(held, held.kept.path)
    return [
        (name, standing.get(name, "(none)"), coming.get(name, "(none)"))
        for name in inspection.differences
    ]


def _values_of(held: _Held, path: Path) -> dict[str, str]:
    try:
        elements = read_header(path).elements
    except (InvalidDicom, OSError) as error:
        raise _refused(held, f"it cannot be read ({type(error).__name__})") from None
    return {each.path: _shown(each.value, each.length) for each in elements}


def _shown(value: str | None, length: int) -> str:
    return f"({length} bytes)" if value is None else value


# ---------------------------------------------------------------- found and read


def _find(archive: OpenArchive, quarantine_id: str) -> _Held:
    row = _find_row(archive, quarantine_id)
    kept = archive.storage.find_quarantined(quarantine_id)
    if kept is None:
        raise _not_found(quarantine_id)
    return _Held(row=row, kept=kept)


def _find_row(archive: OpenArchive, quarantine_id: str) -> QuarantineRow:
    # Neither the database nor the disk is asked for what cannot be an id.
    is_one = quarantine_id.isascii() and len(quarantine_id) <= _LONGEST_ID
    row = archive.catalog.find_quarantined(quarantine_id) if is_one else None
    if row is None:
        raise _not_found(quarantine_id)
    return row


def _not_found(quarantine_id: str) -> QuarantinedNotFound:
    return QuarantinedNotFound(
        f"nothing is kept aside under {quarantine_id[:_LONGEST_ID]!a}: "
        "`noctis quarantine list` shows what is, and `noctis fsck` what has lost its file",
        quarantine_id=quarantine_id,
    )


def _refused(held: _Held, reason: str) -> CannotAccept:
    return CannotAccept(held.row.quarantine_id, reason)


def _find_known(archive: OpenArchive, row: QuarantineRow) -> InstanceRow:
    known = archive.catalog.find_instance(row.SOPInstanceUID or "", withheld=True)
    if known is None:
        raise CannotAccept(
            row.quarantine_id,
            "the instance that it is in conflict with is no longer in this archive; discard it "
            "and send it again",
        )
    return known


def _differences(archive: OpenArchive, held: _Held, known: InstanceRow) -> tuple[str, ...]:
    path = archive.pipeline.path_of(known)
    try:
        found = differing_elements(path, held.kept.path)
        if not found and content_difference(path, held.kept.path) is not None:
            found = [_PIXELS]
    except (InvalidDicom, OSError) as error:
        raise _refused(
            held, f"it cannot be compared with the one that stands ({type(error).__name__})"
        ) from None
    return tuple(found[:_MOST_DIFFERENCES])


# ---------------------------------------------------------------- a conflict


def _plan_correction(archive: OpenArchive, held: _Held) -> Correction:
    """Check everything that must hold before the journal is told."""
    known = _find_known(archive, held.row)
    if known.in_place is not None:
        raise _refused(
            held,
            "the one that stands is registered in place: its file is its owner's, and not moved "
            "here; replace it there and index it again, or discard this one",
        )
    if hash_file(held.kept.path) != held.row.sha256:
        raise _refused(held, "its bytes are not those that came: discard it and send it again")
    path = archive.pipeline.path_of(known)
    if not path.is_file():
        raise _refused(
            held, "the file of the one that stands is missing: restore it (`noctis fsck` names it)"
        )
    try:
        standing, coming = read_kept(path, known.sha256), read_kept(held.kept.path, held.row.sha256)
        _require_same_place(archive, held, standing, coming)
        read_describing(archive.storage, archive.catalog, known, coming)
    except (InvalidDicom, FileChanged) as error:
        raise _refused(held, str(error)) from None
    return Correction(
        SOPInstanceUID=known.SOPInstanceUID,
        quarantine_id=held.row.quarantine_id,
        accepted_sha256=held.row.sha256.hex(),
        superseded_id=secrets.token_hex(16),
        superseded_sha256=known.sha256.hex(),
        superseded_facility=standing.receipt.facility,
        reason=f"stood until another content was accepted ({_clip(held.row.reason)})",
    )


def _clip(reason: str) -> str:
    return reason.removeprefix("stood until another content was accepted (").rstrip(")")[:300]


def _require_same_place(
    archive: OpenArchive, held: _Held, standing: InstanceEntry, coming: InstanceEntry
) -> None:
    """Refuse what would move the instance: rollups and rights depend on the order of arrival."""
    for keyword in ("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"):
        if getattr(standing, keyword) != getattr(coming, keyword):
            raise _moves(held, keyword)
    texts = top_level(standing.elements), top_level(coming.elements)
    for keyword in ("PatientID", "Modality"):
        if text_of(texts[0], keyword) != text_of(texts[1], keyword):
            raise _moves(held, keyword)
    if not is_plain_study(archive.catalog, coming.StudyInstanceUID, coming.SeriesInstanceUID):
        raise _refused(
            held,
            "its study holds instances of several patients, or its SeriesInstanceUID is that of "
            "another study too; discard it, or have it sent under new UIDs",
        )


def _moves(held: _Held, keyword: str) -> CannotAccept:
    return _refused(
        held,
        f"its {keyword} is not that of the one that stands, so it would move the instance to "
        "another patient, study or series; discard it, or have it sent under a new SOPInstanceUID",
    )


# ---------------------------------------------------------------- what was rejected


def _read_rejected(held: _Held) -> Header:
    try:
        fd = os.open(held.kept.path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise _refused(held, f"its file cannot be read: {os.strerror(error.errno or 0)}") from None
    try:
        return read_open_header(fd, limits=Limits())
    except InvalidDicom as error:
        raise _refused(
            held, f"it still cannot be read as DICOM: {error.reason}; discard it, or keep it"
        ) from None
    finally:
        os.close(fd)


def _admit_again(archive: OpenArchive, held: _Held, principal: str) -> Accepted:
    _read_rejected(held)
    now: datetime = archive.catalog.clock()
    # It comes in now: a time of long ago would let a rebuild decide otherwise than we do here
    # about whose study it is. The journal's record has the receipt of then.
    receipt = replace(held.row.receipt, received_at=now)
    admission = archive.pipeline.admit_file(held.kept.path, receipt)
    if admission.outcome is Outcome.REJECTED:
        if admission.quarantine_id is not None:  # a second copy of the same bytes
            discard(archive, admission.quarantine_id, principal=principal)
        raise _refused(held, admission.reason or "the pipeline rejected it again")
    archive.ledger.settle_quarantined(held.row, outcome="accepted", principal=principal)
    return Accepted(
        outcome=admission.outcome,
        SOPInstanceUID=admission.SOPInstanceUID,
        quarantine_id=admission.quarantine_id,
    )
