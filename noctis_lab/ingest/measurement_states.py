"""Which state a measurement gets next, and whether it may: asked while the journal is held."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from noctis_lab.access import Principal, may_edit
from noctis_lab.catalog.measurements import (
    MOST_BYTES_OF_A_SERIES,
    MOST_OF_A_SERIES,
    MeasurementRow,
    find_measurement,
    tally_of_series,
)
from noctis_lab.catalog.store import Catalog
from noctis_lab.errors import AccessDenied, CannotMeasure

__all__ = ["deleted_state", "next_state"]


def next_state(
    catalog: Catalog, row: MeasurementRow, principal: Principal
) -> MeasurementRow | None:
    """Return the state to be written of a measurement; None where it stands so already.

    Raises
    ------
    AccessDenied
        It is another's, and the principal no administrator.
    CannotMeasure
        It belongs to another series, or the series has too many, or too much of them.
    """
    known = find_measurement(catalog, row.MeasurementUID)
    if known is not None:
        _require_author(known, principal)
        _require_series(known, row)
    standing = None if known is None or known.deleted_at is not None else known
    _require_room(catalog, row, standing)
    if known is None:
        return row
    row = replace(row, author=known.author, created_at=known.created_at)
    if replace(row, updated_at=known.updated_at) == known:
        return None
    return replace(row, updated_at=_after(known, row.updated_at))


def deleted_state(
    catalog: Catalog, MeasurementUID: str, principal: Principal, at: datetime
) -> MeasurementRow | None:
    """Return the state of a measurement that is deleted; None where it is, or never was.

    Raises
    ------
    AccessDenied
        It is another's, and the principal no administrator.
    """
    known = find_measurement(catalog, MeasurementUID)
    if known is None:
        return None
    _require_author(known, principal)
    if known.deleted_at is not None:
        return None
    at = _after(known, at)
    return replace(known, updated_at=at, deleted_at=at)


def _require_room(catalog: Catalog, row: MeasurementRow, standing: MeasurementRow | None) -> None:
    """Refuse what makes a series' measurements too many, or too large; one may always shrink."""
    size_bytes = len(row.to_text())
    if standing is not None and size_bytes <= len(standing.to_text()):
        return
    others = tally_of_series(
        catalog, row.StudyInstanceUID, row.SeriesInstanceUID, without=row.MeasurementUID
    )
    if standing is None and others.count >= MOST_OF_A_SERIES:
        raise CannotMeasure(
            f"series {row.SeriesInstanceUID} has {others.count} measurements, and "
            f"{MOST_OF_A_SERIES} are the most; delete some"
        )
    if others.size_bytes + size_bytes > MOST_BYTES_OF_A_SERIES:
        raise CannotMeasure(
            f"the measurements of series {row.SeriesInstanceUID} take {others.size_bytes} bytes, "
            f"and {MOST_BYTES_OF_A_SERIES} are the most: this one of {size_bytes} does not fit; "
            "delete some, or draw it with fewer points"
        )


def _require_series(known: MeasurementRow, row: MeasurementRow) -> None:
    if (known.StudyInstanceUID, known.SeriesInstanceUID) != (
        row.StudyInstanceUID,
        row.SeriesInstanceUID,
    ):
        raise CannotMeasure(
            f"measurement {row.MeasurementUID} belongs to another series; give the new one a "
            "MeasurementUID of its own"
        )


def _require_author(known: MeasurementRow, principal: Principal) -> None:
    if not may_edit(principal, known.author):
        raise AccessDenied(
            f"measurement {known.MeasurementUID} is another's; its author or an administrator may "
            "change it",
            principal=principal.name,
            action="annotate",
        )


def _after(known: MeasurementRow, at: datetime) -> datetime:
    # A clock that was set back must not put a new state before the one that it follows.
    return max(at, known.updated_at + timedelta(microseconds=1))
