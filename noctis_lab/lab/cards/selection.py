"""The card of a selection: how many, by which conditions, the first of them, and how to go on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from noctis_lab.catalog.records import InstanceRow, SeriesRow, StudyRow
from noctis_lab.lab.cards.deadline import Deadline
from noctis_lab.lab.cards.parts import Field, SelectionCard, Table
from noctis_lab.lab.cards.tables import instances_table, series_table, studies_table
from noctis_lab.lab.cards.words import count_words, cut

if TYPE_CHECKING:
    from noctis_lab.lab import Lab

__all__ = ["SHOWN", "selection_card"]

#: A selection's card shows this many of its objects.
SHOWN = 20
_MOST_CONDITIONS = 8
_SINGULAR = {"studies": "study", "series": "series", "instances": "instance"}


def selection_card(
    lab: Lab,
    view: str,
    *,
    count: int,
    uids: Sequence[tuple[str, ...]],
    where: Mapping[str, object],
    limit_s: float,
    pictures: bool = False,
) -> SelectionCard:
    """Gather a selection's card; as `series_card`.

    Parameters
    ----------
    view
        What it is of: studies, series or instances.
    count
        How many objects there are in all.
    uids
        The keys of the first ones, at most `SHOWN`.
    where
        The conditions.
    """
    deadline = Deadline(limit_s)
    hints = [(".df()", "all of them as a DataFrame; columns='all' for every column")]
    if count > 0:
        hints.insert(0, ("[0]", f"the first {_SINGULAR[view]}"))
    if count == 1:
        hints[0] = (".one()", f"the only {_SINGULAR[view]}")
    conditions = [
        Field(label=cut(name, 64), text=cut(repr(value), 64), is_code=True)
        for name, value in list(where.items())[:_MOST_CONDITIONS]
    ]
    if len(where) > _MOST_CONDITIONS:
        more = f"{len(where) - _MOST_CONDITIONS} more conditions"
        conditions.append(Field(label="…", text=more))
    empty = f"Nothing fits. lab.{view}().df() shows what there is."
    if not where:
        empty = "The archive holds none yet: lab says how to fill it."
    return SelectionCard(
        title=count_words(count, _SINGULAR[view]),
        where=tuple(conditions),
        table=_table(lab, view, uids, deadline, more=count - len(uids), pictures=pictures),
        hints=tuple(hints) if count else (),
        empty=empty,
    )


def _table(
    lab: Lab,
    view: str,
    uids: Sequence[tuple[str, ...]],
    deadline: Deadline,
    *,
    more: int,
    pictures: bool,
) -> Table:
    catalog = lab.catalog
    if view == "studies":
        studies = [catalog.find_study(uid) for (uid,) in uids]
        return studies_table(lab, _known(studies), deadline, more=more)
    if view == "instances":
        found = _known([catalog.find_instance(uid) for (uid,) in uids])
        return instances_table(_with_series(lab, found), more=more)
    series = _known([catalog.find_series_of(study, uid) for uid, study in uids])
    whose = _studies_of(lab, [row.StudyInstanceUID for row in series])
    rows = [(row, whose.get(row.StudyInstanceUID)) for row in series]
    return series_table(lab, rows, deadline, pictures=pictures, more=more)


def _known[T](rows: Sequence[T | None]) -> list[T]:
    """Leave out what was deleted since the selection was asked for."""
    return [row for row in rows if row is not None]


def _studies_of(lab: Lab, uids: Sequence[str]) -> dict[str, StudyRow]:
    rows = {uid: lab.catalog.find_study(uid) for uid in dict.fromkeys(uids)}
    return {uid: row for uid, row in rows.items() if row is not None}


def _with_series(
    lab: Lab, instances: Sequence[InstanceRow]
) -> list[tuple[InstanceRow, SeriesRow | None]]:
    keys = {(row.StudyInstanceUID, row.SeriesInstanceUID) for row in instances}
    series = {key: lab.catalog.find_series_of(*key) for key in keys}
    return [(row, series[row.StudyInstanceUID, row.SeriesInstanceUID]) for row in instances]
