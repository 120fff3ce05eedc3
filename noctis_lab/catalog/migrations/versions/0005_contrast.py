"""What tells contrasts apart: a digest of each instance's, and what varies within a volume.

Facts of series that were summarised before are found out anew; what stands stays until then.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go one step up."""
    op.add_column("series", sa.Column("varies_along_z", sa.Text(), nullable=True))
    op.add_column("instance_format", sa.Column("contrast_digest", sa.LargeBinary(), nullable=True))
    _summarise_again()


def _summarise_again() -> None:
    columns = ("kind", "key", "payload", "run_after", "attempts", "revision")
    series = sa.table("series", sa.column("reference"), sa.column("summarised_at"))
    job = sa.table("job", *(sa.column(name) for name in columns))
    kind = sa.literal("summarise-series")
    waits = sa.select(job.c.key).where(job.c.kind == kind)
    # Due at 0, `queue.BACKLOG`: a series at a time, each when nothing that was received waits.
    known = sa.select(
        kind, series.c.reference, sa.literal("{}"), sa.literal(0), sa.literal(0), sa.literal(1)
    ).where(series.c.summarised_at.is_not(None), series.c.reference.not_in(waits))
    op.execute(job.insert().from_select(list(columns), known))
