"""What people have measured, and every state that it has had."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import sqlite

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

INT64 = sa.BigInteger().with_variant(sqlite.INTEGER(), "sqlite")


def upgrade() -> None:
    """Go one step up."""
    op.create_table(
        "measurement",
        sa.Column("MeasurementUID", sa.Text(), nullable=False),
        sa.Column("StudyInstanceUID", sa.Text(), nullable=False),
        sa.Column("SeriesInstanceUID", sa.Text(), nullable=False),
        sa.Column("SOPInstanceUID", sa.Text(), nullable=True),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("created_at", INT64, nullable=False),
        sa.Column("updated_at", INT64, nullable=False),
        sa.Column("deleted_at", INT64, nullable=True),
        sa.PrimaryKeyConstraint("MeasurementUID", name="pk_measurement"),
    )
    op.create_index(
        "ix_measurement_StudyInstanceUID_SeriesInstanceUID",
        "measurement",
        ["StudyInstanceUID", "SeriesInstanceUID"],
    )
    op.create_table(
        "measurement_version",
        sa.Column("MeasurementUID", sa.Text(), nullable=False),
        sa.Column("updated_at", INT64, autoincrement=False, nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("principal", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("MeasurementUID", "updated_at", name="pk_measurement_version"),
    )
