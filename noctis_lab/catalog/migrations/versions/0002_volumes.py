"""What the volumes add: stacks and extra dims of a series, and each instance's frame of reference.

Facts of series that were summarised before are forgotten, and a job finds them out anew.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import sqlite

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

INT64 = sa.BigInteger().with_variant(sqlite.INTEGER(), "sqlite")

_FACTS = (
    "summarised_at",
    "is_volume",
    "is_regular",
    "slice_spacing_mm",
    "tilt_deg",
    "gap_count",
    "duplicate_count",
    "geometry_note",
)


def upgrade() -> None:
    """Go one step up."""
    op.add_column("series", sa.Column("stack_count", INT64, nullable=True))
    op.add_column("series", sa.Column("extra_dim", sa.Text(), nullable=True))
    op.add_column("series", sa.Column("extra_size", INT64, nullable=True))
    op.add_column("series", sa.Column("residual_mm", sa.Double(), nullable=True))
    op.add_column("instance_format", sa.Column("FrameOfReferenceUID", sa.Text(), nullable=True))
    _summarise_again()


def _summarise_again() -> None:
    series = sa.table("series", *(sa.column(name) for name in ("reference", *_FACTS)))
    job = sa.table(
        "job",
        *(
            sa.column(name)
            for name in ("kind", "key", "payload", "run_after", "attempts", "revision")
        ),
    )
    kind = sa.literal("summarise-series")
    waits = sa.select(job.c.key).where(job.c.kind == kind)
    known = sa.select(
        kind, series.c.reference, sa.literal("{}"), sa.literal(0), sa.literal(0), sa.literal(1)
    ).where(series.c.summarised_at.is_not(None), series.c.reference.not_in(waits))
    op.execute(
        job.insert().from_select(
            ["kind", "key", "payload", "run_after", "attempts", "revision"], known
        )
    )
    op.execute(series.update().values(dict.fromkeys(_FACTS)))
