"""What is recorded of calibration: checks, phantom analyses, baselines, curves, scanners' events.

CT series that came before are looked at anew, for the check of their scale.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import sqlite

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

INT64 = sa.BigInteger().with_variant(sqlite.INTEGER(), "sqlite")


def upgrade() -> None:
    """Go one step up."""
    op.create_table(
        "hu_record",
        sa.Column("record_number", INT64, autoincrement=True, nullable=False),
        sa.Column("record_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=True),
        sa.Column("StudyInstanceUID", sa.Text(), nullable=True),
        sa.Column("scanner", sa.Text(), nullable=True),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("recorded_at", INT64, nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("record_number", name="pk_hu_record"),
        sa.UniqueConstraint("record_id", name="uq_hu_record_record_id"),
    )
    op.create_index("ix_hu_record_reference_kind", "hu_record", ["reference", "kind"])
    op.create_index("ix_hu_record_scanner_kind", "hu_record", ["scanner", "kind"])
    _check_again()


def _check_again() -> None:
    columns = ("kind", "key", "payload", "run_after", "attempts", "revision")
    series = sa.table("series", sa.column("reference"), sa.column("Modality"))
    job = sa.table("job", *(sa.column(name) for name in columns))
    kind = sa.literal("summarise-series")
    waits = sa.select(job.c.key).where(job.c.kind == kind)
    # Due at 0, `queue.BACKLOG`: a series at a time, each when nothing that was received waits.
    unchecked = sa.select(
        kind, series.c.reference, sa.literal("{}"), sa.literal(0), sa.literal(0), sa.literal(1)
    ).where(series.c.Modality == "CT", series.c.reference.not_in(waits))
    op.execute(job.insert().from_select(list(columns), unchecked))
