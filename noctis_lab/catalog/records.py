"""The value objects that go into the catalogue and come out of it; no database here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from noctis_lab.dicom.frames import PixelLayout
from noctis_lab.dicom.geometry import PlaneGeometry
from noctis_lab.dicom.header import Element
from noctis_lab.dicom.rescale import Rescale

__all__ = [
    "Collision",
    "Commit",
    "CommitOutcome",
    "InPlace",
    "InstanceEntry",
    "InstanceRow",
    "QuarantineRow",
    "Receipt",
    "ReceiptSource",
    "SenderRow",
    "SeriesFacts",
    "SeriesRow",
    "StudyRow",
    "UnknownSenderRow",
]


class ReceiptSource(StrEnum):
    """By which door an instance came in."""

    SCP = "scp"
    FOLDER = "folder"
    UPLOAD = "upload"
    STOW = "stow"


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """One arrival of one data set: also written into the file meta (0002,0016-0018, 0100, 0102)."""

    source: ReceiptSource
    facility: str
    calling_aet: str  # Sending AE title; empty where no association brought it
    called_aet: str  # Receiving AE title
    received_at: datetime  # aware, UTC, microseconds


@dataclass(frozen=True, slots=True, kw_only=True)
class InPlace:
    """A registered source file that is not ours: read-only, checked by size and mtime."""

    path: Path
    size_bytes: int
    mtime_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceEntry:
    """All that one admission writes into the catalogue."""

    SOPInstanceUID: str
    SOPClassUID: str
    SeriesInstanceUID: str
    StudyInstanceUID: str
    transfer_syntax_uid: str
    sha256: bytes  # 32 bytes: the data set's, file meta excluded
    data_set_offset: int
    data_set_length: int
    pixels: PixelLayout | None
    plane: PlaneGeometry
    rescale: Rescale | None
    elements: tuple[Element, ...]
    in_place: InPlace | None
    receipt: Receipt
    has_unread_modality_lut: bool = False
    is_mosaic: bool = False
    FrameOfReferenceUID: str | None = None
    contrast_digest: bytes | None = None  # `dicom.contrast_digest`: 8 bytes


class CommitOutcome(StrEnum):
    """What `Catalog.commit_instance` did."""

    STORED = "stored"
    KNOWN = "known"  # nothing was written: SOPInstanceUID is already catalogued


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """The answer of `Catalog.commit_instance`; `known` is the row that stands, where KNOWN."""

    outcome: CommitOutcome
    known: InstanceRow | None


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceRow:
    """One instance as the commit tier keeps it for ever (the thin row)."""

    SOPInstanceUID: str
    SOPClassUID: str
    SeriesInstanceUID: str
    StudyInstanceUID: str
    transfer_syntax_uid: str
    sha256: bytes
    data_set_offset: int
    data_set_length: int
    InstanceNumber: int | None
    pixels: PixelLayout | None
    plane: PlaneGeometry
    rescale: Rescale | None
    in_place: InPlace | None
    received_at: datetime
    #: A Modality LUT is stated that `rescale` does not hold: a table, or half of a linear one.
    has_unread_modality_lut: bool = False
    is_mosaic: bool = False  # many slices side by side in one image; `plane` is none of theirs
    FrameOfReferenceUID: str | None = None  # None too where an older program catalogued it
    #: Of what must be alike in one volume (`dicom.contrast_digest`), 8 bytes; None where an older
    #: program catalogued it.
    contrast_digest: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesFacts:
    """What the worker finds out about a series as a whole; None = not known yet."""

    is_volume: bool | None = None
    is_regular: bool | None = None
    slice_spacing_mm: float | None = None
    tilt_deg: float | None = None
    gap_count: int | None = None
    duplicate_count: int | None = None
    geometry_note: str | None = None  # one sentence for people; no patient data
    stack_count: int | None = None
    #: The dim before z (time, echo, b_value, phase, asl_context), or the one that stands for z
    #: where there is no place in the patient (frame, time); of the only stack.
    extra_dim: str | None = None
    extra_size: int | None = None
    residual_mm: float | None = None  # farthest plane of any stack from its place
    #: What is stated otherwise of other planes of one stack (``image type, flip angle``).
    varies_along_z: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesRow:
    """One series: a rollup kept in the instances' own transactions.

    `reference` is what the archive calls it by: the SeriesInstanceUID, unless a series of another
    study has taken that (`catalog/rows.py`).
    """

    reference: str
    SeriesInstanceUID: str
    StudyInstanceUID: str
    Modality: str | None
    SeriesNumber: int | None
    SeriesDescription: str | None
    SeriesDate: str | None
    BodyPartExamined: str | None
    Manufacturer: str | None
    ManufacturerModelName: str | None
    StationName: str | None
    ProtocolName: str | None
    FrameOfReferenceUID: str | None
    instance_count: int
    frame_count: int
    image_count: int  # instances that hold pixels
    stored_bytes: int
    first_received_at: datetime
    last_received_at: datetime
    is_dirty: bool  # has wide rows, is not (wholly) in Parquet
    facts: SeriesFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyRow:
    """One study: a rollup kept in the instances' own transactions."""

    StudyInstanceUID: str
    PatientID: str | None
    IssuerOfPatientID: str | None
    PatientName: str | None
    PatientBirthDate: str | None
    PatientSex: str | None
    StudyDate: str | None  # YYYYMMDD as stored
    StudyTime: str | None
    StudyDescription: str | None
    StudyID: str | None
    AccessionNumber: str | None
    ReferringPhysicianName: str | None
    modalities: tuple[str, ...]
    facilities: tuple[str, ...]
    series_count: int
    instance_count: int
    stored_bytes: int
    first_received_at: datetime
    last_received_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderRow:
    """A known calling AE title; `address` None accepts it from anywhere."""

    aet: str
    address: str | None
    facility: str
    is_blocked: bool
    added_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownSenderRow:
    """A calling AE title that was refused and waits for approval.

    `attempts` is at least how often: what follows within a minute is counted with the next one
    after it. `last_at` is that of the last one that was written down.
    """

    aet: str
    address: str
    attempts: int
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantineRow:
    """Bytes kept aside, and why."""

    quarantine_id: str
    reason: str
    kind: str  # conflict or rejected
    SOPInstanceUID: str | None
    StudyInstanceUID: str | None
    sha256: bytes
    size_bytes: int
    receipt: Receipt


@dataclass(frozen=True, slots=True, kw_only=True)
class Collision:
    """The same StudyInstanceUID under another PatientID from another facility: grants nothing."""

    StudyInstanceUID: str
    facility: str
    first_at: datetime
    last_at: datetime
    instance_count: int
