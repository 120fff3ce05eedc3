"""The commit tier's tables, once, for SQLite today and PostgreSQL later; no query here.

Columns that hold a stored DICOM value carry its keyword verbatim; what we compute is snake_case
with its unit. Instants (``…_at``, ``…_until``, ``run_after``) are integers: microseconds since
1970-01-01 UTC. Keys of patients' things are `dicom.uids.uid_key` of their UID, so that a catalogue
rebuilt from the files has the same keys.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects.sqlite import INTEGER

__all__ = [
    "REVISION",
    "audit",
    "collision",
    "columnar_file",
    "columnar_series",
    "event",
    "facility",
    "hu_record",
    "in_place",
    "instance",
    "instance_format",
    "job",
    "login_session",
    "login_token",
    "measurement",
    "measurement_version",
    "meta",
    "metadata",
    "origin",
    "principal",
    "principal_facility",
    "quarantine",
    "receipt",
    "sender",
    "series",
    "study",
    "study_access",
    "unknown_sender",
    "user_item",
    "wide",
]

#: The newest migration; a test holds it to `migrations/versions/`.
REVISION = "0006"

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

#: 64 bits everywhere; SQLite's row id only where the type is spelled INTEGER.
Int64 = BigInteger().with_variant(INTEGER(), "sqlite")


def _key(name: str, *, primary_key: bool = False) -> Column[int]:
    return Column(name, Int64, primary_key=primary_key, nullable=False, autoincrement=False)


def _at(name: str, *, nullable: bool = False) -> Column[int]:
    return Column(name, Int64, nullable=nullable)


def _count(name: str) -> Column[int]:
    return Column(name, Int64, nullable=False)


def _text(name: str, *, primary_key: bool = False) -> Column[str]:
    return Column(name, Text, primary_key=primary_key, nullable=False)


meta = Table("meta", metadata, _text("name", primary_key=True), _text("value"))

# ---------------------------------------------------------------- studies, series, instances

study = Table(
    "study",
    metadata,
    _key("study_key", primary_key=True),
    _text("StudyInstanceUID"),
    Column("PatientID", Text),
    Column("IssuerOfPatientID", Text),
    Column("PatientName", Text),
    Column("PatientBirthDate", Text),
    Column("PatientSex", Text),
    Column("StudyDate", Text),
    Column("StudyTime", Text),
    Column("StudyDescription", Text),
    Column("StudyID", Text),
    Column("AccessionNumber", Text),
    Column("ReferringPhysicianName", Text),
    _text("modalities"),  # distinct, sorted, joined by a backslash
    _text("search_text"),  # folded (`search.fold_text`): what the worklist's text search looks in
    _count("series_count"),
    _count("instance_count"),
    _count("stored_bytes"),
    _at("first_received_at"),
    _at("last_received_at"),
    Index(None, "PatientID"),
    Index(None, "PatientName"),
    Index(None, "PatientBirthDate"),
    Index(None, "StudyDate", "StudyTime"),
    Index(None, "StudyDescription"),
    Index(None, "AccessionNumber"),
    Index(None, "ReferringPhysicianName"),
    Index(None, "modalities"),
    Index(None, "first_received_at"),
    Index(None, "last_received_at"),
)

series = Table(
    "series",
    metadata,
    _key("series_key", primary_key=True),  # uid_key of the series' reference: see rows.py
    _key("study_key"),
    _text("SeriesInstanceUID"),
    _text("reference"),  # SeriesInstanceUID, or longer where another study has taken that
    Column("is_withheld", Boolean, nullable=False),  # of a collision: shown to no facility
    Column("Modality", Text),
    Column("SeriesNumber", Int64),
    Column("SeriesDescription", Text),
    Column("SeriesDate", Text),
    Column("BodyPartExamined", Text),
    Column("Manufacturer", Text),
    Column("ManufacturerModelName", Text),
    Column("StationName", Text),
    Column("ProtocolName", Text),
    Column("FrameOfReferenceUID", Text),
    _count("instance_count"),
    _count("frame_count"),
    _count("image_count"),
    _count("stored_bytes"),
    _at("first_received_at"),
    _at("last_received_at"),
    Column("is_dirty", Boolean, nullable=False),  # has rows in `wide`
    _at("summarised_at", nullable=True),  # facts below are as of then; NULL: not known yet
    Column("is_volume", Boolean),
    Column("is_regular", Boolean),
    Column("slice_spacing_mm", Double),
    Column("tilt_deg", Double),
    Column("gap_count", Int64),
    Column("duplicate_count", Int64),
    Column("geometry_note", Text),
    Column("stack_count", Int64),
    Column("extra_dim", Text),
    Column("extra_size", Int64),
    Column("residual_mm", Double),
    Column("varies_along_z", Text),
    Index(None, "study_key"),
    Index(None, "SeriesInstanceUID"),
)

#: What is alike over most of a series, once: the key is a hash of the row's content.
instance_format = Table(
    "instance_format",
    metadata,
    _key("format_key", primary_key=True),
    _text("SOPClassUID"),
    _text("transfer_syntax_uid"),
    Column("pixel_keyword", Text),  # NULL: no pixels, and so are the columns to `is_word_swapped`
    Column("Rows", Integer),
    Column("Columns", Integer),
    Column("NumberOfFrames", Int64),
    Column("SamplesPerPixel", Integer),
    Column("PhotometricInterpretation", Text),
    Column("BitsAllocated", Integer),
    Column("BitsStored", Integer),
    Column("HighBit", Integer),
    Column("PixelRepresentation", Integer),
    Column("PlanarConfiguration", Integer),
    Column("is_big_endian", Boolean),
    Column("is_encapsulated", Boolean),
    Column("is_deflated", Boolean),
    Column("is_word_swapped", Boolean),
    Column("is_mosaic", Boolean, nullable=False),
    Column("has_unread_modality_lut", Boolean, nullable=False),
    Column("RescaleType", Text),
    Column("orientation", LargeBinary),  # 6 doubles, little-endian
    Column("pixel_spacing_mm", LargeBinary),  # 2 doubles, little-endian: row, column
    Column("FrameOfReferenceUID", Text),  # NULL too where revision 0001 wrote the row
    Column("contrast_digest", LargeBinary),  # 8 bytes; NULL where an older revision wrote the row
)

#: By which door and from whom: the part of a receipt that many share; key = hash of the content.
origin = Table(
    "origin",
    metadata,
    _key("origin_key", primary_key=True),
    _text("source"),
    _text("facility"),
    _text("calling_aet"),
    _text("called_aet"),
)

#: The thin row, for ever. Clustered by series: its rows lie together, arrivals touch few pages.
instance = Table(
    "instance",
    metadata,
    _key("series_key", primary_key=True),
    _key("instance_key", primary_key=True),
    _text("SOPInstanceUID"),
    _key("format_key"),
    _key("origin_key"),
    _at("received_at"),
    Column("is_other_patient", Boolean, nullable=False),  # PatientID is not its study's
    Column("sha256", LargeBinary(32), nullable=False),
    Column("InstanceNumber", Int64),
    Column("data_set_offset", Int64, nullable=False),
    Column("data_set_length", Int64, nullable=False),
    Column("pixel_offset", Int64),
    Column("pixel_length", Int64),
    Column("position_x_mm", Double),  # Image Position (Patient)
    Column("position_y_mm", Double),
    Column("position_z_mm", Double),
    Column("RescaleSlope", Double),
    Column("RescaleIntercept", Double),
    Column("frame_table", LargeBinary),  # rows.pack_frame_table
    Index("uq_instance_instance_key", "instance_key", unique=True),
    sqlite_with_rowid=False,
)

#: All elements of an instance, until its series is in Parquet. `wide_key` is the number of
#: the event that told of the row, so it only grows: a reader that knows the largest it has seen
#: finds what is new, and of two rows of one instance the larger holds.
wide = Table(
    "wide",
    metadata,
    _key("wide_key", primary_key=True),
    _key("series_key"),
    _key("instance_key"),
    Column("elements", LargeBinary, nullable=False),  # wide.encode_elements
    Index(None, "series_key"),
)

#: Registered files that are not ours.
in_place = Table(
    "in_place",
    metadata,
    _key("instance_key", primary_key=True),
    Column("path", LargeBinary, nullable=False),  # os.fsencode: a path need not be text
    _count("size_bytes"),
    Column("mtime_ns", Int64, nullable=False),
)

#: Receipts after the first: the same content again.
receipt = Table(
    "receipt",
    metadata,
    _key("instance_key", primary_key=True),
    Column("received_at", Int64, primary_key=True, nullable=False, autoincrement=False),
    _key("origin_key", primary_key=True),
    sqlite_with_rowid=False,
)

quarantine = Table(
    "quarantine",
    metadata,
    _text("quarantine_id", primary_key=True),
    _text("kind"),
    _text("reason"),
    Column("SOPInstanceUID", Text),
    Column("StudyInstanceUID", Text),
    Column("sha256", LargeBinary(32), nullable=False),
    _count("size_bytes"),
    _key("origin_key"),
    _at("received_at"),
    Index(None, "received_at"),
)

# ---------------------------------------------------------------- the columnar tier's register

columnar_file = Table(
    "columnar_file",
    metadata,
    _text("file_name", primary_key=True),
    _count("row_count"),
    _count("size_bytes"),
    _at("registered_at"),
    _at("replaced_at", nullable=True),  # no longer read by new queries; deleted after the grace
)

#: Which file holds a series' rows; rows of a series in any other file are stale.
columnar_series = Table(
    "columnar_series",
    metadata,
    _key("series_key", primary_key=True),
    _text("file_name"),
    _count("instance_count"),
    _at("flushed_at"),
    Index(None, "file_name"),
)

# ---------------------------------------------------------------- who sends, who may see

facility = Table("facility", metadata, _text("facility", primary_key=True), _at("added_at"))

study_access = Table(
    "study_access",
    metadata,
    _key("study_key", primary_key=True),
    _text("facility", primary_key=True),
    Index(None, "facility", "study_key"),
    sqlite_with_rowid=False,
)

collision = Table(
    "collision",
    metadata,
    _key("study_key", primary_key=True),
    _text("facility", primary_key=True),
    _at("first_at"),
    _at("last_at"),
    _count("instance_count"),
)

sender = Table(
    "sender",
    metadata,
    _text("aet", primary_key=True),
    _text("address", primary_key=True),  # "" accepts it from anywhere
    _text("facility"),
    Column("is_blocked", Boolean, nullable=False),
    _at("added_at"),
)

unknown_sender = Table(
    "unknown_sender",
    metadata,
    _text("aet", primary_key=True),
    _text("address", primary_key=True),
    _count("attempts"),
    _at("first_at"),
    _at("last_at"),
    Index(None, "last_at"),
)

principal = Table(
    "principal",
    metadata,
    _text("name", primary_key=True),
    _text("role"),
    Column("has_all_facilities", Boolean, nullable=False),
    Column("password_hash", Text),  # argon2id; NULL: signs in by token only
    _at("added_at"),
)

principal_facility = Table(
    "principal_facility",
    metadata,
    _text("name", primary_key=True),
    _text("facility", primary_key=True),
)

login_token = Table(
    "login_token",
    metadata,
    Column("secret_sha256", LargeBinary(32), primary_key=True),
    _text("name"),
    _at("expires_at"),
)

login_session = Table(
    "login_session",
    metadata,
    Column("secret_sha256", LargeBinary(32), primary_key=True),
    _text("name"),
    _at("created_at"),
    _at("expires_at"),
    Index(None, "name"),
)

audit = Table(
    "audit",
    metadata,
    _text("record_id", primary_key=True),
    _at("at"),
    _text("principal"),
    _text("action"),
    _text("subject"),  # a UID or a title; never a patient's name or identifier
    Index(None, "at"),
)

# ---------------------------------------------------------------- what people have measured

#: As they stand now, deleted ones too; a series is named, for a rebuild may meet it later.
measurement = Table(
    "measurement",
    metadata,
    _text("MeasurementUID", primary_key=True),
    _text("StudyInstanceUID"),
    _text("SeriesInstanceUID"),
    Column("SOPInstanceUID", Text),  # NULL: drawn on a plane through a volume
    _text("document"),  # JSON: measurements.MeasurementRow
    _text("author"),
    _at("created_at"),
    _at("updated_at"),
    _at("deleted_at", nullable=True),
    Index(None, "StudyInstanceUID", "SeriesInstanceUID"),
)

#: Every state that one has had, the present one too; only ever appended to.
measurement_version = Table(
    "measurement_version",
    metadata,
    _text("MeasurementUID", primary_key=True),
    Column("updated_at", Int64, primary_key=True, nullable=False, autoincrement=False),
    _text("document"),
    _text("principal"),  # who made it so
)

# ---------------------------------------------------------------- what is recorded of calibration

#: Only ever appended to, so that a reader that knows the largest number finds what is new. Series
#: and scanners are named, for a rebuild may meet them later.
hu_record = Table(
    "hu_record",
    metadata,
    Column("record_number", Int64, primary_key=True, autoincrement=True),
    _text("record_id"),
    _text("kind"),  # hu_records.HuKind
    Column("reference", Text),  # the series', of a check, an analysis or a refusal
    Column("StudyInstanceUID", Text),
    Column("scanner", Text),
    _text("author"),
    _at("recorded_at"),
    _text("document"),  # JSON: columns of the kind's view
    UniqueConstraint("record_id"),
    Index(None, "reference", "kind"),
    Index(None, "scanner", "kind"),
)

# ---------------------------------------------------------------- what people keep for themselves

#: Saved views, rules of hanging: of a kind and principal one of a name.
user_item = Table(
    "user_item",
    metadata,
    _text("item_id", primary_key=True),
    _text("kind"),
    _text("principal"),
    _text("name"),
    _text("document"),  # JSON
    _at("created_at"),
    _at("updated_at"),
    UniqueConstraint("kind", "principal", "name"),
)

# ---------------------------------------------------------------- the queue and the events

job = Table(
    "job",
    metadata,
    Column("job_id", Int64, primary_key=True, autoincrement=True),
    _text("kind"),
    _text("key"),
    _text("payload"),  # JSON
    _at("run_after"),
    _at("lease_until", nullable=True),
    Column("lease_owner", Text),
    _count("attempts"),
    _count("revision"),  # grows with each enqueue, so that one made during a run is not lost
    Column("last_error", Text),
    UniqueConstraint("kind", "key"),
    Index(None, "run_after"),
)

#: Numbers are never used again, since the newest row is never pruned.
event = Table(
    "event",
    metadata,
    Column("event_id", Int64, primary_key=True, autoincrement=True),
    _text("kind"),
    _text("fields"),  # JSON: events.Event.to_json
    _at("at"),
)
