"""An archive, opened: what notebooks, scripts, views and web hold in their hands."""

from __future__ import annotations

import datetime
import difflib
import importlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypedDict, Unpack, overload

from noctis_lab.config import Settings, open_settings
from noctis_lab.errors import (
    InstanceNotFound,
    LabClosed,
    NotUnique,
    QueryError,
    SeriesNotFound,
    SettingsError,
    StudyNotFound,
)

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr
    from numpy.typing import DTypeLike, NDArray

    from noctis_lab.catalog.query import Query, Result
    from noctis_lab.catalog.records import InstanceRow, SeriesFacts, SeriesRow, StudyRow
    from noctis_lab.catalog.store import Catalog
    from noctis_lab.ingest.ledger import Ledger
    from noctis_lab.storage.files import Storage
    from noctis_lab.volumes.cache import Handle

__all__ = ["Instance", "Lab", "LabSettings", "Selection", "Series", "Study", "open_lab"]

type Scalar = str | int | float | bool | datetime.date | None
#: What a column is compared with: one value, or several of which one must hold.
type Condition = Scalar | list[Scalar] | tuple[Scalar, ...] | set[Scalar] | frozenset[Scalar]

#: A selection's table shows this many of its objects.
_SHOWN = 20
_KEYWORDS_SHOWN: dict[str, tuple[str, ...]] = {
    "studies": ("PatientID", "StudyDate", "StudyDescription", "AccessionNumber"),
    "series": ("Modality", "SeriesNumber", "SeriesDescription", "StudyDate"),
    "instances": ("Modality", "InstanceNumber", "Rows", "Columns"),
}


class LabSettings(TypedDict, total=False):
    """The settings that a lab's own work depends on; see `Settings` for their meaning."""

    threads: int
    cache_bytes: int
    query_memory_bytes: int
    min_free_bytes: int
    quiet_s: float


def open_lab(
    root: str | os.PathLike[str] | None = None,
    *,
    settings: Settings | None = None,
    **arguments: Unpack[LabSettings],
) -> Lab:
    """Open an archive; a folder that is none yet becomes one.

    Parameters
    ----------
    root
        The archive's folder; None takes NOCTIS_ROOT, or ``~/noctis``.
    settings
        The settings of a process that has built its own.
    **arguments
        Single settings, above environment and ``noctis.toml``.

    Returns
    -------
    Lab
        A context manager; also closed when nobody holds it any more.

    Raises
    ------
    SettingsError
        A setting is unknown, malformed or out of range, or given beside `settings`.
    SchemaMismatch
        The catalogue is another version's; the message names the command.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as root, open_lab(root) as lab:
    ...     len(lab.series(Modality="CT"))
    0
    """
    if settings is None:
        return Lab(open_settings({"root": root, **arguments}))
    if arguments or (root is not None and Path(root) != settings.root):
        raise SettingsError("give either settings as a whole, or single ones; not both")
    return Lab(settings)


class Lab:
    """One open archive.

    Parameters
    ----------
    settings
        Built once, at a door of the process.
    """

    def __init__(self, settings: Settings) -> None:
        from noctis_lab.volumes.cache import open_handle

        self.settings = settings
        self._handle: Handle | None = open_handle(settings)
        self._inherited: list[Handle] = []

    def __reduce__(self) -> tuple[Any, ...]:
        return Lab, (self.settings,)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "closed" if self._handle is None else "open"
        return f"<Lab {self.settings.root} ({state})>"

    def close(self) -> None:
        """Let go of the archive; the process' last lab of it closes it."""
        if self._handle is not None:
            self._handle.close()
            self._handle = None

    @property
    def handle(self) -> Handle:
        """The process' handle of this archive; a forked child gets its own."""
        if self._handle is None:
            root = str(self.settings.root)
            raise LabClosed(f"the lab of {root} is closed; open it again", root=root)
        if self._handle.pid != os.getpid():
            from noctis_lab.volumes.cache import open_handle

            # The parent's files are left as they are: closing them here would drop its locks.
            self._inherited.append(self._handle)
            self._handle = open_handle(self.settings)
        return self._handle

    @property
    def catalog(self) -> Catalog:
        """The commit tier."""
        return self.handle.catalog

    @property
    def storage(self) -> Storage:
        """The files."""
        return self.handle.storage

    @property
    def query(self) -> Query:
        """DuckDB over the catalogue."""
        return self.handle.query

    @cached_property
    def ledger(self) -> Ledger:
        """Acts that are not in the files: senders, people, grants, audit."""
        from noctis_lab.ingest.ledger import Ledger
        from noctis_lab.storage.journal import Journal
        from noctis_lab.storage.layout import JOURNAL

        return Ledger(Journal(self.settings.root / JOURNAL), self.catalog)

    def sql(self, query: str, params: Sequence[Any] | Mapping[str, Any] | None = None) -> Result:
        """Answer one query in DuckDB's SQL over the catalogue's views.

        Parameters
        ----------
        query
            For instance ``SELECT * FROM series WHERE Modality = ? AND KVP = ?``.
        params
            Values for the ``?``, in order, or for ``$name``, as a mapping.

        Returns
        -------
        Result
            ``.df()``, ``.fetchall()``, ``.fetchone()``, ``.to_arrow_table()``, or iterate.

        Raises
        ------
        QueryError
            With DuckDB's own words.
        """
        return self.query.sql(query, params)

    def studies(self, **where: Condition) -> Selection[Study]:
        """Return the studies whose columns have these values, newest first.

        Parameters
        ----------
        **where
            Columns of the view `studies`, that is DICOM keywords: a value, None for "not stated",
            or several values of which one must hold. Dates as `datetime.date` or ``"20260131"``.

        Raises
        ------
        QueryError
            At first use, for a column that the view does not have.
        """
        return Selection(self, "studies", ("StudyInstanceUID",), where, Study)

    def series(self, **where: Condition) -> Selection[Series]:
        """Return the series whose columns have these values; as `studies`.

        Series that are withheld because of a collision are left out; `sql` shows them.
        """
        keys = ("SeriesInstanceUID", "StudyInstanceUID")
        return Selection(self, "series", keys, where, Series)

    def instances(self, **where: Condition) -> Selection[Instance]:
        """Return the instances whose columns have these values; as `studies`."""
        return Selection(self, "instances", ("SOPInstanceUID",), where, Instance)


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

    def df(self) -> pd.DataFrame:
        """Return the columns of the view for all objects, in order."""
        condition, values = self._compile()
        frame = self._lab.sql(f"SELECT * FROM {self._view}{condition}", values).df()  # noqa: S608
        frame = self._in_order(frame)
        return _with_facts(self._lab, frame) if self._view == "series" else frame

    def __repr__(self) -> str:
        title = f"{len(self)} {self._view}" + self._suffix()
        return title if not self._uids else f"{title}\n{self._table().to_string(index=False)}"

    def _repr_html_(self) -> str:
        from html import escape

        title = escape(f"{len(self)} {self._view}" + self._suffix())
        return f"<p>{title}</p>" + (
            self._table().to_html(index=False, escape=True, border=0) if self._uids else ""
        )

    def _suffix(self) -> str:
        conditions = self._conditions()
        shown = f", the first {_SHOWN} shown" if len(self) > _SHOWN else ""
        return (f" where {conditions}" if conditions else "") + shown

    def _table(self) -> pd.DataFrame:
        columns = [self._keys[0], *_KEYWORDS_SHOWN[self._view]]
        known = self._columns()
        shown = [name for name in columns if name in known]
        uids = self._uids[:_SHOWN]
        asked = ", ".join(f'"{name}"' for name in dict.fromkeys([*shown, *self._keys]))
        one = f"({', '.join('?' * len(self._keys))})"
        names = ", ".join(f'"{key}"' for key in self._keys)
        terms = [f"({names}) IN ({', '.join([one] * len(uids))})", *self._always()]
        frame: pd.DataFrame = self._lab.sql(
            f"SELECT {asked} FROM {self._view} WHERE {' AND '.join(terms)}",  # noqa: S608
            [uid for each in uids for uid in each],
        ).df()
        return self._in_order(frame)[shown]

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

    def _conditions(self) -> str:
        return ", ".join(f"{key}={value!r}" for key, value in self._where.items())

    @cached_property
    def _uids(self) -> list[tuple[str, ...]]:
        by_uid = self._where.get(self._keys[0])
        if len(self._where) == 1 and isinstance(by_uid, str):
            return self._find_at_once(by_uid)
        condition, values = self._compile()
        names = ", ".join(f'"{key}"' for key in self._keys)
        found = self._lab.sql(
            f"SELECT {names} FROM {self._view}{condition} ORDER BY {self._order()}",  # noqa: S608
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


def _with_facts(lab: Lab, frame: pd.DataFrame) -> pd.DataFrame:
    """Fill in the facts of series that no worker has summarised yet."""
    if "is_volume" not in frame.columns:
        return frame
    unknown = frame.index[frame["is_volume"].isna()]
    for index in unknown:
        uids = (str(frame.at[index, name]) for name in ("SeriesInstanceUID", "StudyInstanceUID"))
        facts = Series(lab, *uids).facts
        for name in type(facts).__dataclass_fields__:
            value = getattr(facts, name)
            if name in frame.columns and value is not None:
                if frame[name].dtype != object:
                    frame[name] = frame[name].astype(object)
                frame.at[index, name] = value
    return frame.infer_objects() if len(unknown) else frame


class Study:
    """One study; its row is read anew at each use."""

    def __init__(self, lab: Lab, StudyInstanceUID: str) -> None:
        self._lab = lab
        self.StudyInstanceUID = StudyInstanceUID

    @property
    def row(self) -> StudyRow:
        """What the catalogue knows of it.

        Raises
        ------
        StudyNotFound
            It is not in this archive (any more).
        """
        row = self._lab.catalog.find_study(self.StudyInstanceUID)
        if row is None:
            raise StudyNotFound(f"study {self.StudyInstanceUID} is not in this archive")
        return row

    @property
    def series(self) -> Selection[Series]:
        """Its series."""
        return self._lab.series(StudyInstanceUID=self.StudyInstanceUID)

    def __repr__(self) -> str:
        row = self.row
        modalities = "/".join(row.modalities)
        return f"<Study {self.StudyInstanceUID}: {modalities}, {row.series_count} series>"


class Series:
    """One series of one study; its row is read anew at each use."""

    def __init__(self, lab: Lab, SeriesInstanceUID: str, StudyInstanceUID: str) -> None:
        self._lab = lab
        self.SeriesInstanceUID = SeriesInstanceUID
        self.StudyInstanceUID = StudyInstanceUID

    @property
    def row(self) -> SeriesRow:
        """What the catalogue knows of it.

        Raises
        ------
        SeriesNotFound
            It is not in this archive (any more).
        """
        found = self._lab.catalog.series_named(
            self.SeriesInstanceUID, StudyInstanceUID=self.StudyInstanceUID
        )
        if not found:
            raise SeriesNotFound(f"series {self.SeriesInstanceUID} is not in this archive")
        return found[0]

    @property
    def facts(self) -> SeriesFacts:
        """What holds of it as a whole; computed here where no worker has done it yet."""
        row = self.row
        if row.facts.is_volume is not None:
            return row.facts
        from noctis_lab.volumes.stack import summarise

        return summarise(self._lab.catalog.instances_of(row.reference))

    @property
    def instances(self) -> Selection[Instance]:
        """Its instances, by InstanceNumber."""
        return self._lab.instances(
            SeriesInstanceUID=self.SeriesInstanceUID, StudyInstanceUID=self.StudyInstanceUID
        )

    def load(
        self,
        *,
        dtype: DTypeLike | None = None,
        stored: bool = False,
        progress: Callable[[int, int], None] | None = None,
    ) -> xr.DataArray:
        """Load it as one volume: `noctis_lab.volumes.load.load` says how, and what it raises.

        Parameters
        ----------
        dtype
            Of the result; by default the smallest type that is exact.
        stored
            Give stored values instead of modality values (HU).
        progress
            Called as ``progress(planes done, planes in all)``.

        Returns
        -------
        DataArray, dims (z, y, x)
            Values with their place in the patient: ``.dicom.affine``, ``.dicom.spacing`` …
        """
        from noctis_lab.volumes.load import load

        return load(
            self._lab.handle,
            self.row.reference,
            dtype=dtype,
            stored=stored,
            progress=progress,
        )

    def view(self) -> Any:
        """Return the interactive viewer of it: shows itself in a notebook's cell."""
        return _open_viewer(self._lab, self.row)

    def tags(self) -> pd.DataFrame:
        """Return all elements, one row each; those that vary, one row per instance.

        Returns
        -------
        DataFrame
            path, tag, VR, value, and SOPInstanceUID where the element varies, else None.
        """
        found: pd.DataFrame = self._lab.sql(
            "SELECT path, tag, VR, value, SOPInstanceUID FROM elements "
            "WHERE SeriesInstanceUID = ? AND StudyInstanceUID = ? "
            "ORDER BY tag, path, SOPInstanceUID",
            [self.SeriesInstanceUID, self.StudyInstanceUID],
        ).df()
        return found

    def __repr__(self) -> str:
        row = self.row
        return f"<Series {self.SeriesInstanceUID}: {row.Modality}, {row.instance_count} instances>"


class Instance:
    """One instance."""

    def __init__(self, lab: Lab, SOPInstanceUID: str) -> None:
        self._lab = lab
        self.SOPInstanceUID = SOPInstanceUID

    @property
    def row(self) -> InstanceRow:
        """What the catalogue knows of it.

        Raises
        ------
        InstanceNotFound
            It is not in this archive (any more).
        """
        row = self._lab.catalog.find_instance(self.SOPInstanceUID)
        if row is None:
            raise InstanceNotFound(f"instance {self.SOPInstanceUID} is not in this archive")
        return row

    @property
    def path(self) -> Path:
        """Its file: read it, never write to it."""
        from noctis_lab.volumes.planes import instance_file

        return instance_file(self._lab.storage, self.row)

    def stored(self, frame: int = 0) -> NDArray[Any]:
        """Return the stored values of one frame, shape (rows, columns[, 3])."""
        from noctis_lab.volumes.pixels import read_stored

        return read_stored(self._lab.handle, self.row, frame)

    def tags(self) -> pd.DataFrame:
        """Return all elements of its file, one row each: path, tag, VR, value."""
        import pandas as pd

        from noctis_lab.catalog.columns import tag_text
        from noctis_lab.dicom.header import read_header

        return pd.DataFrame(
            [
                (element.path, tag_text(element.tag), element.VR, element.value)
                for element in read_header(self.path).elements
            ],
            columns=["path", "tag", "VR", "value"],
        )

    def __repr__(self) -> str:
        return f"<Instance {self.SOPInstanceUID}>"


def _open_viewer(lab: Lab, series: SeriesRow) -> Any:
    # The only import by name: views stand above this floor, and a script needs none of them.
    viewer = importlib.import_module("noctis_lab.views.viewer")
    return viewer.view_series(lab, series)
