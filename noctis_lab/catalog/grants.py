"""Which facilities may see which studies."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, select

from noctis_lab.catalog import schema

__all__ = ["facilities_by_study"]


def facilities_by_study(connection: Connection, study_keys: Sequence[int]) -> dict[int, list[str]]:
    """Return the facilities that may see each of some studies."""
    table = schema.study_access
    found: dict[int, list[str]] = {key: [] for key in study_keys}
    statement = select(table.c.study_key, table.c.facility).where(table.c.study_key.in_(study_keys))
    for study_key, facility in connection.execute(statement):
        found[study_key].append(facility)
    return found
