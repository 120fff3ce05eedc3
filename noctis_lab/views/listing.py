"""What the worklist shows, for whoever asks: the API's routes and the component's own channel."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from itertools import chain
from typing import TYPE_CHECKING

from noctis_lab.access import Action, Principal, may
from noctis_lab.catalog.hu_records import HuRecord, find_checks
from noctis_lab.catalog.records import SeriesRow, StudyRow
from noctis_lab.catalog.worklist import Facets, StudyFilters, count_facets, find_studies
from noctis_lab.dicom.lossy import Lossy
from noctis_lab.volumes.badges import Badge, badges_of_series, badges_of_study
from noctis_lab.volumes.lossy import find_lossy_series

if TYPE_CHECKING:
    from noctis_lab.lab import Lab

__all__ = [
    "ListedSeries",
    "ListedStudy",
    "StudyPage",
    "StudyQuery",
    "count_studies",
    "find_page",
    "list_series",
    "list_study",
    "may_see_study",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyQuery:
    """A search over studies; empty filters narrow nothing."""

    text: str = ""
    modalities: tuple[str, ...] = ()
    facilities: tuple[str, ...] = ()
    received_days: int | None = None
    sort: str = "-last_received_at"
    offset: int = 0
    limit: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedStudy(StudyRow):
    """A study as the worklist shows it.

    `thumbnail_series` is the SeriesInstanceUID of a series with pixels, None where there is none.
    """

    is_dirty: bool
    badges: tuple[Badge, ...]
    thumbnail_series: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedSeries(SeriesRow):
    """A series as the worklist and the viewer show it."""

    badges: tuple[Badge, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyPage:
    """A window of the studies that a search finds.

    `now` is this machine's clock, against which a page tells how long ago something arrived.
    """

    total: int
    offset: int
    elapsed_ms: float
    sql: str
    now: datetime
    quiet_s: float
    studies: tuple[ListedStudy, ...]


def find_page(lab: Lab, principal: Principal, query: StudyQuery) -> StudyPage:
    """Find the studies that a principal may see.

    Raises
    ------
    ValueError
        The sort is by no column of the worklist.
    """
    started_s = time.perf_counter()
    page = find_studies(
        lab.catalog,
        text=query.text,
        filters=_filters(query),
        sort=query.sort,
        offset=query.offset,
        limit=query.limit,
        facilities=principal.facilities,
    )
    series = [lab.catalog.series_of(row.StudyInstanceUID) for row in page.rows]
    said = _said_of(lab, list(chain.from_iterable(series)))
    studies = tuple(_listed(row, of, said) for row, of in zip(page.rows, series, strict=True))
    return StudyPage(
        total=page.total,
        offset=query.offset,
        elapsed_ms=round((time.perf_counter() - started_s) * 1000, 1),
        sql=page.sql,
        now=datetime.now(UTC),
        quiet_s=lab.settings.quiet_s,
        studies=studies,
    )


def count_studies(lab: Lab, principal: Principal, query: StudyQuery) -> Facets:
    """Count a search's studies by modality and by facility."""
    return count_facets(
        lab.catalog, text=query.text, filters=_filters(query), facilities=principal.facilities
    )


def may_see_study(lab: Lab, principal: Principal, StudyInstanceUID: str) -> bool:
    """Return whether a study exists and is the principal's to see."""
    study = lab.catalog.find_study(StudyInstanceUID)
    return study is not None and may(principal, Action.SEE, facilities=frozenset(study.facilities))


def list_study(lab: Lab, row: StudyRow) -> ListedStudy:
    """Return a study with what its series say."""
    series = lab.catalog.series_of(row.StudyInstanceUID)
    return _listed(row, series, _said_of(lab, series))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    """What is known of series beside their rows, by `SeriesRow.reference`."""

    lossy: Mapping[str, Lossy]
    checks: Mapping[str, HuRecord]


def _said_of(lab: Lab, rows: Sequence[SeriesRow]) -> _Said:
    return _Said(lossy=find_lossy_series(lab.handle, rows), checks=find_checks(lab.catalog, rows))


def _listed(row: StudyRow, series: Sequence[SeriesRow], said: _Said) -> ListedStudy:
    return ListedStudy(
        **{each.name: getattr(row, each.name) for each in fields(StudyRow)},
        is_dirty=any(each.is_dirty for each in series),
        badges=badges_of_study(series, said.lossy, said.checks),
        thumbnail_series=next((s.SeriesInstanceUID for s in series if s.image_count), None),
    )


def list_series(lab: Lab, rows: Sequence[SeriesRow]) -> list[ListedSeries]:
    """Return series with their badges."""
    said = _said_of(lab, rows)
    return [_listed_series(row, said) for row in rows]


def _listed_series(row: SeriesRow, said: _Said) -> ListedSeries:
    key = row.reference
    return ListedSeries(
        **{each.name: getattr(row, each.name) for each in fields(SeriesRow)},
        badges=badges_of_series(row, said.lossy.get(key), said.checks.get(key)),
    )


def _filters(query: StudyQuery) -> StudyFilters:
    return StudyFilters(
        modalities=query.modalities,
        facilities=query.facilities,
        received_days=query.received_days,
    )
