"""The worklist: search, filter, sort and page over the studies' rollups; nothing is aggregated."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, Select, exists, func, literal, or_, select

from noctis_lab.catalog import schema
from noctis_lab.catalog.connection import mapped
from noctis_lab.catalog.grants import facilities_by_study
from noctis_lab.catalog.instants import to_instant
from noctis_lab.catalog.records import StudyRow
from noctis_lab.catalog.rows import to_study_row
from noctis_lab.catalog.search import date_prefix, search_words
from noctis_lab.catalog.store import Catalog

__all__ = ["SORTS", "Facets", "Page", "StudyFilters", "count_facets", "find_studies"]

_MOST_ROWS = 1_000

#: What a worklist may be sorted by; a minus before it turns the order.
SORTS: dict[str, tuple[str, ...]] = {
    "PatientName": ("PatientName",),
    "PatientID": ("PatientID",),
    "PatientBirthDate": ("PatientBirthDate",),
    "StudyDate": ("StudyDate", "StudyTime"),
    "StudyDescription": ("StudyDescription",),
    "AccessionNumber": ("AccessionNumber",),
    "ReferringPhysicianName": ("ReferringPhysicianName",),
    "modalities": ("modalities",),
    "series_count": ("series_count",),
    "instance_count": ("instance_count",),
    "stored_bytes": ("stored_bytes",),
    "first_received_at": ("first_received_at",),
    "last_received_at": ("last_received_at",),
}
_SEARCHED_SQL = (
    "concat_ws(' ', PatientName, PatientID, AccessionNumber, StudyDescription, "
    "ReferringPhysicianName, StudyID, strftime(StudyDate, '%Y%m%d'))"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyFilters:
    """What a worklist is narrowed to; what is empty or None narrows nothing.

    `modalities` and `facilities`: a study has one of them. `study_date_from` and
    `study_date_to`: StudyDate lies between, both included, ``YYYYMMDD``. `received_days`: it
    received something in the last so many times 24 hours; `received_from`, since then.
    """

    modalities: tuple[str, ...] = ()
    facilities: tuple[str, ...] = ()
    study_date_from: str | None = None
    study_date_to: str | None = None
    received_days: int | None = None
    received_from: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A window of the studies found, how many there are in all, and the same as SQL.

    `sql` can be given to `lab.sql`, which has the operating system's rights: the principal's
    facilities are no part of it.
    """

    total: int
    rows: list[StudyRow]
    sql: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Facets:
    """How many studies there are of each modality and of each facility."""

    modalities: dict[str, int]
    facilities: dict[str, int]


@dataclass(frozen=True, slots=True)
class _Condition:
    """A condition, for this tier and, as people read it, for `lab.sql`."""

    clause: ColumnElement[bool]
    sql: str


def find_studies(
    catalog: Catalog,
    *,
    text: str = "",
    filters: StudyFilters | None = None,
    sort: str = "-last_received_at",
    offset: int = 0,
    limit: int = 50,
    facilities: Collection[str] | None = None,
) -> Page:
    """Find studies.

    Parameters
    ----------
    text
        Words, in any case and without regard to accents, each of which is part of the patient's
        name or ID, the accession number, the description, the referring physician, the study's
        ID or its date, as ``YYYYMMDD``, as ``YYYY-MM-DD`` or its beginning, or as ``DD.MM.YYYY``.
    sort
        One of `SORTS`, with a minus before it for descending; empty values come last.
    offset, limit
        The window; at most 1,000 rows.
    facilities
        Only studies that one of these may see; None for all.

    Raises
    ------
    ValueError
        `sort` is by no column of the worklist, the window is none, or a date is none.
    """
    if sort.removeprefix("-") not in SORTS:
        raise ValueError(f"the worklist sorts by one of {', '.join(SORTS)}, not by {sort!r}")
    if offset < 0 or not 0 <= limit <= _MOST_ROWS:
        raise ValueError(f"a window begins at 0 or later and has at most {_MOST_ROWS} rows")
    table = schema.study
    conditions = _conditions(text, filters or StudyFilters(), catalog.clock())
    clauses = [condition.clause for condition in conditions]
    if facilities is not None:
        clauses.append(_is_seen_by(facilities))
    window = _sorted(select(table).where(*clauses), sort).offset(offset).limit(limit)
    count = select(func.count()).select_from(table).where(*clauses)
    with catalog.connections.read() as connection:
        total = connection.execute(count).scalar_one()
        found = mapped(connection.execute(window))
        seen_by = facilities_by_study(connection, [row["study_key"] for row in found])
    return Page(
        total=total,
        rows=[to_study_row(row, seen_by[row["study_key"]]) for row in found],
        sql=_to_sql(conditions, sort, offset, limit),
    )


def count_facets(
    catalog: Catalog,
    *,
    text: str = "",
    filters: StudyFilters | None = None,
    facilities: Collection[str] | None = None,
) -> Facets:
    """Count studies by modality and by facility, each without its own filter.

    Parameters
    ----------
    facilities
        Only studies that one of these may see, and only these are counted; None for all.
    """
    filters, now = filters or StudyFilters(), catalog.clock()
    study, access = schema.study, schema.study_access
    scope = [] if facilities is None else [_is_seen_by(facilities)]
    of_modalities = _conditions(text, replace(filters, modalities=()), now)
    of_facilities = _conditions(text, replace(filters, facilities=()), now)
    by_modality = (
        select(study.c.modalities, func.count())
        .where(*[condition.clause for condition in of_modalities], *scope)
        .group_by(study.c.modalities)
    )
    by_facility = (
        select(access.c.facility, func.count())
        .join(study, study.c.study_key == access.c.study_key)
        .where(*[condition.clause for condition in of_facilities])
        .group_by(access.c.facility)
        .order_by(access.c.facility)
    )
    if facilities is not None:
        by_facility = by_facility.where(access.c.facility.in_(sorted(facilities)))
    modalities: Counter[str] = Counter()
    with catalog.connections.read() as connection:
        for joined, count in connection.execute(by_modality):
            for modality in filter(None, joined.split("\\")):
                modalities[modality] += count
        counted = {row[0]: row[1] for row in connection.execute(by_facility)}
    return Facets(modalities=dict(sorted(modalities.items())), facilities=counted)


def _sorted(statement: Select[tuple[object]], sort: str) -> Select[tuple[object]]:
    table = schema.study
    first, *others = (
        table.c[name].desc() if sort.startswith("-") else table.c[name].asc()
        for name in (*SORTS[sort.removeprefix("-")], "study_key")
    )
    # A second NULLS LAST would cost SQLite a sort of its own; none lets it follow the index.
    return statement.order_by(first.nulls_last(), *others)


def _is_seen_by(facilities: Collection[str]) -> ColumnElement[bool]:
    study, access = schema.study, schema.study_access
    return exists().where(
        access.c.study_key == study.c.study_key, access.c.facility.in_(sorted(facilities))
    )


def _conditions(text: str, filters: StudyFilters, now: datetime) -> list[_Condition]:
    table = schema.study
    found = [_holds(word) for word in search_words(text)]
    if filters.modalities:
        found.append(_has_modality(filters.modalities))
    if filters.facilities:
        names = ", ".join(_quoted(name) for name in filters.facilities)
        found.append(
            _Condition(_is_seen_by(filters.facilities), f"list_has_any(facilities, [{names}])")
        )
    if filters.study_date_from is not None:
        found.append(_compare_date(">=", filters.study_date_from))
    if filters.study_date_to is not None:
        found.append(_compare_date("<=", filters.study_date_to))
    since = [filters.received_from] if filters.received_from is not None else []
    if filters.received_days is not None:
        since.append(now - timedelta(days=filters.received_days))
    if since:
        since_at = max(since).astimezone(UTC)
        found.append(
            _Condition(
                table.c.last_received_at >= to_instant(since_at),
                f"last_received_at >= TIMESTAMP '{since_at:%Y-%m-%d %H:%M:%S}'",
            )
        )
    return found


def _holds(word: str) -> _Condition:
    clause = schema.study.c.search_text.contains(word, autoescape=True)
    sql = f"contains(lower(strip_accents({_SEARCHED_SQL})), {_quoted(word)})"
    prefix = date_prefix(word)
    if prefix is None:
        return _Condition(clause, sql)
    # Or, not instead: a patient's ID may look like a date.
    is_date = schema.study.c.StudyDate.startswith(prefix, autoescape=True)
    date_sql = f"starts_with(strftime(StudyDate, '%Y%m%d'), {_quoted(prefix)})"
    return _Condition(or_(clause, is_date), f"({sql} OR {date_sql})")


def _has_modality(modalities: tuple[str, ...]) -> _Condition:
    joined = literal("\\") + schema.study.c.modalities + literal("\\")
    clauses = [
        joined.contains(f"\\{modality}\\", autoescape=True, escape="/") for modality in modalities
    ]
    names = ", ".join(_quoted(modality) for modality in modalities)
    return _Condition(or_(*clauses), f"list_has_any(modalities, [{names}])")


def _compare_date(operator: str, date: str) -> _Condition:
    clause = schema.study.c.StudyDate.op(operator, is_comparison=True)(date)
    return _Condition(clause, f"StudyDate {operator} DATE '{_parse_date(date):%Y-%m-%d}'")


def _parse_date(date: str) -> datetime:
    try:
        parsed = datetime.strptime(date, "%Y%m%d").replace(tzinfo=UTC)
    except ValueError:
        parsed = None
    if parsed is None or len(date) != 8:
        raise ValueError(f"a date is YYYYMMDD (PS3.5 6.2, DA), not {date!r}")
    return parsed


def _to_sql(conditions: list[_Condition], sort: str, offset: int, limit: int) -> str:
    where = "\n  AND ".join(condition.sql for condition in conditions)
    direction = " DESC" if sort.startswith("-") else ""
    order = ", ".join(f"{name}{direction}" for name in SORTS[sort.removeprefix("-")])
    return "".join(
        [
            "SELECT * FROM studies",
            f"\nWHERE {where}" if where else "",
            f"\nORDER BY {order} NULLS LAST",
            f"\nLIMIT {limit}",
            f" OFFSET {offset}" if offset else "",
        ]
    )


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
