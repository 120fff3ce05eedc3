"""The main job's tables: patients' studies, receipts, people, queue and events."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import sqlite

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

INT64 = sa.BigInteger().with_variant(sqlite.INTEGER(), "sqlite")


def upgrade() -> None:
    """Go one step up."""
    _patients()
    _people()
    _work()


def _patients() -> None:
    """Make the tables of studies, series, instances and their files."""
    op.create_table(
        "study",
        sa.Column("study_key", INT64, autoincrement=False, nullable=False),
        sa.Column("StudyInstanceUID", sa.Text(), nullable=False),
        sa.Column("PatientID", sa.Text(), nullable=True),
        sa.Column("IssuerOfPatientID", sa.Text(), nullable=True),
        sa.Column("PatientName", sa.Text(), nullable=True),
        sa.Column("PatientBirthDate", sa.Text(), nullable=True),
        sa.Column("PatientSex", sa.Text(), nullable=True),
        sa.Column("StudyDate", sa.Text(), nullable=True),
        sa.Column("StudyTime", sa.Text(), nullable=True),
        sa.Column("StudyDescription", sa.Text(), nullable=True),
        sa.Column("StudyID", sa.Text(), nullable=True),
        sa.Column("AccessionNumber", sa.Text(), nullable=True),
        sa.Column("ReferringPhysicianName", sa.Text(), nullable=True),
        sa.Column("modalities", sa.Text(), nullable=False),
        sa.Column("search_text", sa.Text(), nullable=False),
        sa.Column("series_count", INT64, nullable=False),
        sa.Column("instance_count", INT64, nullable=False),
        sa.Column("stored_bytes", INT64, nullable=False),
        sa.Column("first_received_at", INT64, nullable=False),
        sa.Column("last_received_at", INT64, nullable=False),
        sa.PrimaryKeyConstraint("study_key", name="pk_study"),
    )
    op.create_index("ix_study_AccessionNumber", "study", ["AccessionNumber"], unique=False)
    op.create_index("ix_study_PatientBirthDate", "study", ["PatientBirthDate"], unique=False)
    op.create_index("ix_study_PatientID", "study", ["PatientID"], unique=False)
    op.create_index("ix_study_PatientName", "study", ["PatientName"], unique=False)
    op.create_index(
        "ix_study_ReferringPhysicianName", "study", ["ReferringPhysicianName"], unique=False
    )
    op.create_index(
        "ix_study_StudyDate_StudyTime", "study", ["StudyDate", "StudyTime"], unique=False
    )
    op.create_index("ix_study_StudyDescription", "study", ["StudyDescription"], unique=False)
    op.create_index("ix_study_first_received_at", "study", ["first_received_at"], unique=False)
    op.create_index("ix_study_last_received_at", "study", ["last_received_at"], unique=False)
    op.create_index("ix_study_modalities", "study", ["modalities"], unique=False)
    op.create_table(
        "series",
        sa.Column("series_key", INT64, autoincrement=False, nullable=False),
        sa.Column("study_key", INT64, autoincrement=False, nullable=False),
        sa.Column("SeriesInstanceUID", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("is_withheld", sa.Boolean(), nullable=False),
        sa.Column("Modality", sa.Text(), nullable=True),
        sa.Column("SeriesNumber", INT64, nullable=True),
        sa.Column("SeriesDescription", sa.Text(), nullable=True),
        sa.Column("SeriesDate", sa.Text(), nullable=True),
        sa.Column("BodyPartExamined", sa.Text(), nullable=True),
        sa.Column("Manufacturer", sa.Text(), nullable=True),
        sa.Column("ManufacturerModelName", sa.Text(), nullable=True),
        sa.Column("StationName", sa.Text(), nullable=True),
        sa.Column("ProtocolName", sa.Text(), nullable=True),
        sa.Column("FrameOfReferenceUID", sa.Text(), nullable=True),
        sa.Column("instance_count", INT64, nullable=False),
        sa.Column("frame_count", INT64, nullable=False),
        sa.Column("image_count", INT64, nullable=False),
        sa.Column("stored_bytes", INT64, nullable=False),
        sa.Column("first_received_at", INT64, nullable=False),
        sa.Column("last_received_at", INT64, nullable=False),
        sa.Column("is_dirty", sa.Boolean(), nullable=False),
        sa.Column("summarised_at", INT64, nullable=True),
        sa.Column("is_volume", sa.Boolean(), nullable=True),
        sa.Column("is_regular", sa.Boolean(), nullable=True),
        sa.Column("slice_spacing_mm", sa.Double(), nullable=True),
        sa.Column("tilt_deg", sa.Double(), nullable=True),
        sa.Column("gap_count", INT64, nullable=True),
        sa.Column("duplicate_count", INT64, nullable=True),
        sa.Column("geometry_note", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("series_key", name="pk_series"),
    )
    op.create_index("ix_series_SeriesInstanceUID", "series", ["SeriesInstanceUID"], unique=False)
    op.create_index("ix_series_study_key", "series", ["study_key"], unique=False)
    op.create_table(
        "instance_format",
        sa.Column("format_key", INT64, autoincrement=False, nullable=False),
        sa.Column("SOPClassUID", sa.Text(), nullable=False),
        sa.Column("transfer_syntax_uid", sa.Text(), nullable=False),
        sa.Column("pixel_keyword", sa.Text(), nullable=True),
        sa.Column("Rows", sa.Integer(), nullable=True),
        sa.Column("Columns", sa.Integer(), nullable=True),
        sa.Column("NumberOfFrames", INT64, nullable=True),
        sa.Column("SamplesPerPixel", sa.Integer(), nullable=True),
        sa.Column("PhotometricInterpretation", sa.Text(), nullable=True),
        sa.Column("BitsAllocated", sa.Integer(), nullable=True),
        sa.Column("BitsStored", sa.Integer(), nullable=True),
        sa.Column("HighBit", sa.Integer(), nullable=True),
        sa.Column("PixelRepresentation", sa.Integer(), nullable=True),
        sa.Column("PlanarConfiguration", sa.Integer(), nullable=True),
        sa.Column("is_big_endian", sa.Boolean(), nullable=True),
        sa.Column("is_encapsulated", sa.Boolean(), nullable=True),
        sa.Column("is_deflated", sa.Boolean(), nullable=True),
        sa.Column("is_word_swapped", sa.Boolean(), nullable=True),
        sa.Column("is_mosaic", sa.Boolean(), nullable=False),
        sa.Column("has_unread_modality_lut", sa.Boolean(), nullable=False),
        sa.Column("RescaleType", sa.Text(), nullable=True),
        sa.Column("orientation", sa.LargeBinary(), nullable=True),
        sa.Column("pixel_spacing_mm", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("format_key", name="pk_instance_format"),
    )
    op.create_table(
        "origin",
        sa.Column("origin_key", INT64, autoincrement=False, nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("facility", sa.Text(), nullable=False),
        sa.Column("calling_aet", sa.Text(), nullable=False),
        sa.Column("called_aet", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("origin_key", name="pk_origin"),
    )
    op.create_table(
        "instance",
        sa.Column("series_key", INT64, autoincrement=False, nullable=False),
        sa.Column("instance_key", INT64, autoincrement=False, nullable=False),
        sa.Column("SOPInstanceUID", sa.Text(), nullable=False),
        sa.Column("format_key", INT64, autoincrement=False, nullable=False),
        sa.Column("origin_key", INT64, autoincrement=False, nullable=False),
        sa.Column("received_at", INT64, nullable=False),
        sa.Column("is_other_patient", sa.Boolean(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(length=32), nullable=False),
        sa.Column("InstanceNumber", INT64, nullable=True),
        sa.Column("data_set_offset", INT64, nullable=False),
        sa.Column("data_set_length", INT64, nullable=False),
        sa.Column("pixel_offset", INT64, nullable=True),
        sa.Column("pixel_length", INT64, nullable=True),
        sa.Column("position_x_mm", sa.Double(), nullable=True),
        sa.Column("position_y_mm", sa.Double(), nullable=True),
        sa.Column("position_z_mm", sa.Double(), nullable=True),
        sa.Column("RescaleSlope", sa.Double(), nullable=True),
        sa.Column("RescaleIntercept", sa.Double(), nullable=True),
        sa.Column("frame_table", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("series_key", "instance_key", name="pk_instance"),
        sqlite_with_rowid=False,
    )
    op.create_index("uq_instance_instance_key", "instance", ["instance_key"], unique=True)
    op.create_table(
        "wide",
        sa.Column("wide_key", INT64, autoincrement=False, nullable=False),
        sa.Column("series_key", INT64, autoincrement=False, nullable=False),
        sa.Column("instance_key", INT64, autoincrement=False, nullable=False),
        sa.Column("elements", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("wide_key", name="pk_wide"),
    )
    op.create_index("ix_wide_series_key", "wide", ["series_key"], unique=False)
    op.create_table(
        "in_place",
        sa.Column("instance_key", INT64, autoincrement=False, nullable=False),
        sa.Column("path", sa.LargeBinary(), nullable=False),
        sa.Column("size_bytes", INT64, nullable=False),
        sa.Column("mtime_ns", INT64, nullable=False),
        sa.PrimaryKeyConstraint("instance_key", name="pk_in_place"),
    )
    op.create_table(
        "receipt",
        sa.Column("instance_key", INT64, autoincrement=False, nullable=False),
        sa.Column("received_at", INT64, autoincrement=False, nullable=False),
        sa.Column("origin_key", INT64, autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("instance_key", "received_at", "origin_key", name="pk_receipt"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "quarantine",
        sa.Column("quarantine_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("SOPInstanceUID", sa.Text(), nullable=True),
        sa.Column("StudyInstanceUID", sa.Text(), nullable=True),
        sa.Column("sha256", sa.LargeBinary(length=32), nullable=False),
        sa.Column("size_bytes", INT64, nullable=False),
        sa.Column("origin_key", INT64, autoincrement=False, nullable=False),
        sa.Column("received_at", INT64, nullable=False),
        sa.PrimaryKeyConstraint("quarantine_id", name="pk_quarantine"),
    )
    op.create_index("ix_quarantine_received_at", "quarantine", ["received_at"], unique=False)
    op.create_table(
        "columnar_file",
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("row_count", INT64, nullable=False),
        sa.Column("size_bytes", INT64, nullable=False),
        sa.Column("registered_at", INT64, nullable=False),
        sa.Column("replaced_at", INT64, nullable=True),
        sa.PrimaryKeyConstraint("file_name", name="pk_columnar_file"),
    )
    op.create_table(
        "columnar_series",
        sa.Column("series_key", INT64, autoincrement=False, nullable=False),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("instance_count", INT64, nullable=False),
        sa.Column("flushed_at", INT64, nullable=False),
        sa.PrimaryKeyConstraint("series_key", name="pk_columnar_series"),
    )
    op.create_index("ix_columnar_series_file_name", "columnar_series", ["file_name"], unique=False)


def _people() -> None:
    """Make the tables of who sends, who may see and who did what."""
    op.create_table(
        "facility",
        sa.Column("facility", sa.Text(), nullable=False),
        sa.Column("added_at", INT64, nullable=False),
        sa.PrimaryKeyConstraint("facility", name="pk_facility"),
    )
    op.create_table(
        "study_access",
        sa.Column("study_key", INT64, autoincrement=False, nullable=False),
        sa.Column("facility", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("study_key", "facility", name="pk_study_access"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_study_access_facility_study_key",
        "study_access",
        ["facility", "study_key"],
        unique=False,
    )
    op.create_table(
        "collision",
        sa.Column("study_key", INT64, autoincrement=False, nullable=False),
        sa.Column("facility", sa.Text(), nullable=False),
        sa.Column("first_at", INT64, nullable=False),
        sa.Column("last_at", INT64, nullable=False),
        sa.Column("instance_count", INT64, nullable=False),
        sa.PrimaryKeyConstraint("study_key", "facility", name="pk_collision"),
    )
    op.create_table(
        "sender",
        sa.Column("aet", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("facility", sa.Text(), nullable=False),
        sa.Column("is_blocked", sa.Boolean(), nullable=False),
        sa.Column("added_at", INT64, nullable=False),
        sa.PrimaryKeyConstraint("aet", "address", name="pk_sender"),
    )
    op.create_table(
        "unknown_sender",
        sa.Column("aet", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("attempts", INT64, nullable=False),
        sa.Column("first_at", INT64, nullable=False),
        sa.Column("last_at", INT64, nullable=False),
        sa.PrimaryKeyConstraint("aet", "address", name="pk_unknown_sender"),
    )
    op.create_index("ix_unknown_sender_last_at", "unknown_sender", ["last_at"], unique=False)
    principal = op.create_table(
        "principal",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("has_all_facilities", sa.Boolean(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("added_at", INT64, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_principal"),
    )
    op.create_table(
        "principal_facility",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("facility", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", "facility", name="pk_principal_facility"),
    )
    op.create_table(
        "login_token",
        sa.Column("secret_sha256", sa.LargeBinary(length=32), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("expires_at", INT64, nullable=False),
        sa.PrimaryKeyConstraint("secret_sha256", name="pk_login_token"),
    )
    op.create_table(
        "login_session",
        sa.Column("secret_sha256", sa.LargeBinary(length=32), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", INT64, nullable=False),
        sa.Column("expires_at", INT64, nullable=False),
        sa.PrimaryKeyConstraint("secret_sha256", name="pk_login_session"),
    )
    op.create_index("ix_login_session_name", "login_session", ["name"], unique=False)
    op.create_table(
        "audit",
        sa.Column("record_id", sa.Text(), nullable=False),
        sa.Column("at", INT64, nullable=False),
        sa.Column("principal", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("record_id", name="pk_audit"),
    )
    op.create_index("ix_audit_at", "audit", ["at"], unique=False)
    # The archive's own administrator, there from the beginning; 0 makes it alike in a rebuilt one.
    op.bulk_insert(
        principal, [{"name": "admin", "role": "admin", "has_all_facilities": True, "added_at": 0}]
    )


def _work() -> None:
    """Make the queue, the events and what the catalogue notes of itself."""
    op.create_table(
        "meta",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_meta"),
    )
    op.create_table(
        "job",
        sa.Column("job_id", INT64, autoincrement=True, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("run_after", INT64, nullable=False),
        sa.Column("lease_until", INT64, nullable=True),
        sa.Column("lease_owner", sa.Text(), nullable=True),
        sa.Column("attempts", INT64, nullable=False),
        sa.Column("revision", INT64, nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("job_id", name="pk_job"),
        sa.UniqueConstraint("kind", "key", name="uq_job_kind_key"),
    )
    op.create_index("ix_job_run_after", "job", ["run_after"], unique=False)
    op.create_table(
        "event",
        sa.Column("event_id", INT64, autoincrement=True, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("fields", sa.Text(), nullable=False),
        sa.Column("at", INT64, nullable=False),
        sa.PrimaryKeyConstraint("event_id", name="pk_event"),
    )
