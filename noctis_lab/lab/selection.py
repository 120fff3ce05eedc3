"""Objects of an archive that fulfil some conditions: asked for once, shown as a table."""

from __future__ import annotations

import datetime
import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, overload

from noctis_lab.errors import NotUnique, QueryError
from noctis_lab.lab.columns import choose_columns
from noctis_lab.lab.shown import (
    LIMIT_S,
    html_or_none,
    selection_html,
    selection_text,
    text_or_reason,
)

if TYPE_CHECKING:
    import pandas as pd

    from noctis_lab.catalog.records import SeriesFacts
    from noctis_lab.lab import Lab
    from noctis_lab.lab.cards.parts import SelectionCard

__all__ = ["Condition", "Scalar", "Selection"]

type Scalar = str | int | float | bool | datetime.date | None
#: What a column is compared with: one value, or several of which one must hold.
type Condition = Scalar | list[Scalar] | tuple[Scalar, ...] | set[Scalar] | frozenset[Scalar]

#: Up to this many objects are asked for at once; of more, a repr asks for the first ones only.
_ASKED_AT_ONCE = 10_000


#: Facts that not every series has, and pandas' dtype that has room for that.
_NULLABLE_FACTS: dict[str, Literal["boolean", "Int64"]] = {
    "is_volume": "boolean",
    "is_regular": "boolean",
    "gap_count": "Int64",
    "duplicate_count": "Int64",
    "stack_count": "Int64",
    "extra_size": "Int64",
}


class Selection[T]:
    """Objects of an archive that fulfil some conditions; asked for at first use, then kept.

    A new selection sees what has come in since.
    """

    def __init__(
        self,
        lab: Lab,
        view: str,
        keys: tuple[str, ...],
        where: Mapping[str, Condition],
        make: Callable[..., T],
    ) -> None:
        self._lab, self._view, self._keys = lab, view, keys
        self._where, self._make = dict(where), make

    def __len__(self) -> int:
        return len(self._uids)

    def __iter__(self) -> Iterator[T]:
        return (self._make(self._lab, *uids) for uids in self._uids)

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> list[T]: ...
    def __getitem__(self, index: int | slice) -> T | list[T]:
        """Return one object, or a list of them for a slice."""
        if isinstance(index, slice):
            return [self._make(self._lab, *uids) for uids in self._uids[index]]
        return self._make(self._lab, *self._uids[index])

    def one(self) -> T:
        """Return the only object.

        Raises
        ------
        NotUnique
            There is none, or there are several; it says how many, and what to do.
        """
        count = len(self)
        if count == 0:
            raise NotUnique(
                f"no {self._view}{self._asked()}: look at "
                f"lab.{self._view}().df() for what there is",
                count=0,
            )
        if count > 1:
            raise NotUnique(
                f"{count} {self._view}{self._asked()}: add conditions (a "
                f"{' with a '.join(self._keys)} names exactly one), or take [0]",
                count=count,
            )
        return self[0]

    def map[R](self, function: Callable[[T], R]) -> list[R]:
        """Return what a function makes of each object, in order.

        An exception that it raises carries a note on which object it was.
        """
        results = []
        for uids in self._uids:
            try:
                results.append(function(self._make(self._lab, *uids)))
            except Exception as error:
                error.add_note(f"{self._keys[0]} {uids[0]}")
                raise
        return results

    def df(self, columns: str | Sequence[str] | None = None) -> pd.DataFrame:
        """Return a row for each object, in order.

        Parameters
        ----------
        columns
            None gives the usual ones and those of the conditions; ``"all"`` every column of the
            view; or their names.

        Returns
        -------
        DataFrame
            Dates and times (UTC) are datetime64, numbers are numbers, whole ones also where some
            are missing.

        Raises
        ------
        QueryError
            The view has no such column.
        """
        condition, values = self._compile()
        known = self._columns()
        chosen = choose_columns(self._view, columns, known=known, conditions=self._where)
        for name in chosen:
            if name not in known:
                raise QueryError(_no_such_column(name, self._view, known))
        # Keys give the order; where `is_volume` is not known yet the other facts are not either.
        has_facts = self._view == "series" and not _facts().isdisjoint(chosen)
        needed = [*self._keys, *(["is_volume"] if has_facts else [])]
        asked = ", ".join(f'"{name}"' for name in dict.fromkeys([*chosen, *needed]))
        frame = self._in_order(
            self._lab.sql(f"SELECT {asked} FROM {self._view}{condition}", values).df()  # noqa: S608
        )
        if has_facts:
            make: Callable[..., Any] = self._make  # of a `Series`
            frame = _with_facts(frame, lambda *uids: make(self._lab, *uids).facts)
        return frame[chosen]

    def __repr__(self) -> str:
        title = f"Selection of {self._view}"
        return text_or_reason(title, lambda: selection_text(self._card(pictures=False)))

    def _repr_html_(self) -> str | None:
        return html_or_none(lambda: selection_html(self._card(pictures=True)))

    def _card(self, *, pictures: bool) -> SelectionCard:
        from noctis_lab.lab.cards.selection import SHOWN, selection_card

        count, uids = self._first(SHOWN)
        return selection_card(
            self._lab,
            self._view,
            count=count,
            uids=uids,
            where=self._where,
            pictures=pictures,
            limit_s=LIMIT_S,
        )

    def _first(self, limit: int) -> tuple[int, list[tuple[str, ...]]]:
        """Return how many there are, and the keys of the first; of very many only of these."""
        if "_uids" not in self.__dict__ and not self._by_uid():
            condition, values = self._compile()
            counted = self._lab.sql(
                f"SELECT count(*) FROM {self._view}{condition}",  # noqa: S608
                values,
            ).fetchone()
            count = 0 if counted is None else int(counted[0])
            if count > _ASKED_AT_ONCE:
                return count, self._find_uids(limit)
        return len(self._uids), self._uids[:limit]

    def _in_order(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the rows that are the selection's, in its order."""
        order = {uids: place for place, uids in enumerate(self._uids)}
        columns = [frame[key] for key in self._keys]
        places = [order.get(uids, -1) for uids in zip(*columns, strict=True)]
        chosen = sorted((place, at) for at, place in enumerate(places) if place >= 0)
        in_order: pd.DataFrame = frame.iloc[[at for _, at in chosen]].reset_index(drop=True)
        return in_order

    def _asked(self) -> str:
        """Return the conditions as an error may say them: values of UIDs only."""
        said = [
            f"{key}={value!r}" if key.endswith("UID") else f"that {key}"
            for key, value in self._where.items()
        ]
        return f" with {' and '.join(said)}" if said else ""

    @cached_property
    def _uids(self) -> list[tuple[str, ...]]:
        by_uid = self._by_uid()
        return self._find_at_once(by_uid) if by_uid else self._find_uids(None)

    def _by_uid(self) -> str | None:
        """Return the UID where it is the only condition, and the commit tier answers it."""
        if self._view == "measurements":
            return None
        by_uid = self._where.get(self._keys[0])
        return by_uid if len(self._where) == 1 and isinstance(by_uid, str) else None

    def _find_uids(self, limit: int | None) -> list[tuple[str, ...]]:
        condition, values = self._compile()
        names = ", ".join(f'"{key}"' for key in self._keys)
        bound = "" if limit is None else f" LIMIT {limit:d}"
        found = self._lab.sql(
            f"SELECT {names} FROM {self._view}{condition} "  # noqa: S608
            f"ORDER BY {self._order()}{bound}",
            values,
        )
        return [tuple(str(uid) for uid in row) for row in found.fetchall()]

    def _find_at_once(self, uid: str) -> list[tuple[str, ...]]:
        """Ask the commit tier, which answers without DuckDB."""
        catalog = self._lab.catalog
        if self._view == "series":
            return [(uid, row.StudyInstanceUID) for row in catalog.series_named(uid)]
        find = catalog.find_study if self._view == "studies" else catalog.find_instance
        return [(uid,)] if find(uid) is not None else []

    def _order(self) -> str:
        return {
            "studies": '"StudyDate" DESC NULLS LAST, "StudyInstanceUID"',
            "series": '"StudyInstanceUID", "SeriesNumber", "SeriesInstanceUID"',
            "instances": '"SeriesInstanceUID", "InstanceNumber", "SOPInstanceUID"',
            "measurements": '"created_at", "MeasurementUID"',
        }[self._view]

    def _columns(self) -> list[str]:
        return list(self._lab.sql(f"SELECT * FROM {self._view} LIMIT 0").columns)  # noqa: S608

    def _compile(self) -> tuple[str, list[Scalar]]:
        """Return the WHERE clause and its values; only checked column names go into the text."""
        known = self._columns() if self._where else []
        terms: list[str] = []
        values: list[Scalar] = []
        for name, condition in self._where.items():
            if name not in known:
                raise QueryError(_no_such_column(name, self._view, known))
            several = condition if isinstance(condition, list | tuple | set | frozenset) else None
            wanted = [condition] if several is None else list(several)
            plain = [_to_parameter(name, value) for value in wanted if value is not None]
            parts = [f'"{name}" IS NULL'] if len(plain) < len(wanted) else []
            if plain:
                parts.append(f'"{name}" IN ({", ".join("?" * len(plain))})')
            terms.append(f"({' OR '.join(parts)})" if parts else "FALSE")
            values.extend(plain)
        terms += self._always()
        return (f" WHERE {' AND '.join(terms)}" if terms else ""), values

    def _always(self) -> list[str]:
        return ["NOT is_withheld"] if self._view == "series" else []


def _no_such_column(name: str, view: str, known: list[str]) -> str:
    folded = {column.lower(): column for column in known}
    near = [folded[name.lower()]] if name.lower() in folded else []
    near = near or difflib.get_close_matches(name, known, n=3)
    hint = f"did you mean {' or '.join(near)}?" if near else f"its columns: lab.{view}().df()"
    return f"the view '{view}' has no column '{name}'; {hint}"


def _to_parameter(column: str, value: Any) -> Scalar:
    from noctis_lab.catalog.columns import KEYWORDS, Kind

    if KEYWORDS.get(column) is Kind.DATE and isinstance(value, str) and len(value) == 8:
        # PS3.5 6.2: a DA value is YYYYMMDD; the column is a DATE.
        return f"{value[:4]}-{value[4:6]}-{value[6:]}"
    item = getattr(value, "item", None)  # a numpy scalar
    scalar: Scalar = item() if callable(item) else value
    return scalar


def _facts() -> frozenset[str]:
    from noctis_lab.catalog.records import SeriesFacts

    return frozenset(SeriesFacts.__dataclass_fields__)


def _with_facts(frame: pd.DataFrame, facts_of: Callable[[str, str], SeriesFacts]) -> pd.DataFrame:
    """Fill in the facts of series that no worker has summarised yet."""
    unknown = frame.index[frame["is_volume"].isna()]
    for index in unknown:
        facts = facts_of(
            str(frame.at[index, "SeriesInstanceUID"]), str(frame.at[index, "StudyInstanceUID"])
        )
        for name in _facts():
            value = getattr(facts, name)
            if name in frame.columns and value is not None:
                if frame[name].dtype != object:
                    frame[name] = frame[name].astype(object)
                frame.at[index, name] = value
    if not len(unknown):
        return frame
    frame = frame.infer_objects()
    for name, dtype in _NULLABLE_FACTS.items():
        if name in frame.columns and frame[name].dtype == object:
            frame[name] = frame[name].astype(dtype)
    return frame
