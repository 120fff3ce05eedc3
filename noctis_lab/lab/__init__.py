"""An archive, opened: what notebooks, scripts, views and web hold in their hands."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypedDict, Unpack

from noctis_lab.config import CONFIG_FILE, Settings, open_settings
from noctis_lab.errors import ArchiveNotFound, LabClosed, SettingsError
from noctis_lab.lab.objects import Instance, Series, Study
from noctis_lab.lab.selection import Condition, Selection
from noctis_lab.lab.shown import archive_html, archive_text, html_or_none, text_or_reason

if TYPE_CHECKING:
    import pandas as pd

    from noctis_lab.catalog.query import Query, Result
    from noctis_lab.catalog.store import Catalog
    from noctis_lab.ingest.archive import OpenArchive
    from noctis_lab.ingest.index_report import IndexReport
    from noctis_lab.ingest.ledger import Ledger
    from noctis_lab.lab.calibrating.records import CalibrationRecords
    from noctis_lab.lab.hanging import HangingProtocol, Shelf
    from noctis_lab.lab.sessions import ViewerSession
    from noctis_lab.lab.window_presets import WindowPreset
    from noctis_lab.storage.files import Storage
    from noctis_lab.volumes.cache import Handle

__all__ = ["Instance", "Lab", "LabSettings", "Selection", "Series", "Study", "open_lab"]


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
    create: bool = False,
    settings: Settings | None = None,
    **arguments: Unpack[LabSettings],
) -> Lab:
    """Open an archive.

    Parameters
    ----------
    root
        The archive's folder, or an empty one that becomes it. None takes NOCTIS_ROOT, or
        ``~/noctis``, and begins an archive there where it has none.
    create
        Begin an archive in `root` where there is none; without it a folder that is mistyped is
        refused instead of made.
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
    ArchiveNotFound
        No archive is in `root`; the message says how to begin one.
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
        settings = open_settings({"root": root, **arguments})
        if root is not None and not create:
            _require_archive(settings.root)
        return Lab(settings)
    if arguments or (root is not None and Path(root) != settings.root):
        raise SettingsError("give either settings as a whole, or single ones; not both")
    return Lab(settings)


def _require_archive(root: Path) -> None:
    """Refuse a folder that no archive is in, unless it is empty apart from its settings."""
    from noctis_lab.catalog.store import require_catalog

    try:
        require_catalog(root)
    except ArchiveNotFound as error:
        if root.is_dir() and all(path.name == CONFIG_FILE for path in root.iterdir()):
            return
        raise ArchiveNotFound(
            f"{error}; nl.open_lab({str(root)!r}, create=True) begins one there", root=error.root
        ) from None


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
        title = f"Lab {self.settings.root}"
        if self._handle is None:
            return f"<noctis_lab.{title} (closed): open it again with nl.open_lab(root)>"
        return text_or_reason(title, lambda: archive_text(self))

    def _repr_html_(self) -> str | None:
        return html_or_none(lambda: archive_html(self))

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
    def archive(self) -> OpenArchive:
        """What takes things in: journal, ledger and pipeline over this lab's files and rows."""
        from noctis_lab.ingest.archive import build_archive

        return build_archive(self.settings, self.storage, self.catalog)

    @property
    def ledger(self) -> Ledger:
        """Acts that are not in the files: senders, people, grants, audit."""
        return self.archive.ledger

    def index(
        self,
        *paths: str | os.PathLike[str],
        facility: str = "local",
        in_place: bool = False,
        progress: bool = True,
    ) -> IndexReport:
        """Take in every DICOM file among and below `paths`, those in zip archives too.

        Parameters
        ----------
        *paths
            Files and folders; what a file holds decides, not its name.
        facility
            To which the instances belong; made where it is not known yet.
        in_place
            Register the files where they are, read-only, instead of copying them.
        progress
            Show a bar; in a notebook as a widget.

        Returns
        -------
        IndexReport
            ``indexed``, ``same``, ``conflicts``, ``rejected`` with why; prints as a summary.

        Raises
        ------
        FileNotFoundError
            One of `paths` does not exist; then nothing was done.
        ValueError
            The facility's name is empty, too long, or cannot be printed.
        NoSpace, StorageError, CatalogError
            The archive cannot take more; what was taken in so far stays.

        Notes
        -----
        An interrupt ends it cleanly with the report so far; the same call again goes on.
        """
        from noctis_lab.ingest.archive import open_archive
        from noctis_lab.ingest.folder import index_paths, require_facility
        from noctis_lab.ingest.index_bar import index_bar
        from noctis_lab.ingest.interrupt import stopping_on_signals

        given = [Path(path) for path in paths]
        for path in given:
            path.stat()
        with (
            open_archive(self.settings) as archive,
            stopping_on_signals() as stop,
            index_bar(disable=not progress) as show,
        ):
            require_facility(archive, facility)
            return index_paths(
                archive.pipeline,
                given,
                facility=facility,
                in_place=in_place,
                progress=show,
                stop=stop,
            )

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

    def viewer_sessions(self) -> list[ViewerSession]:
        """Return the views that were saved, everybody's, newest first; ``.view()`` opens one."""
        from noctis_lab.lab.sessions import list_viewer_sessions

        return list_viewer_sessions(self)

    @cached_property
    def hanging_shelf(self) -> Shelf:
        """The hanging protocols that lie in files: the lab's own and those of the program."""
        from noctis_lab.lab.hanging import Shelf

        return Shelf(self.settings.root / self.settings.hanging_folder)

    def hanging_protocols(self) -> list[HangingProtocol]:
        """Return the hanging protocols: everybody's own, the lab's, the program's, in that order.

        ``.yaml`` is one as a file, ``.state(StudyInstanceUID)`` what it makes of a study,
        ``.view(StudyInstanceUID)`` opens that.
        """
        from noctis_lab.lab.hanging import list_hanging_protocols

        return list_hanging_protocols(self)

    def window_presets(self) -> list[WindowPreset]:
        """Return the window presets that were saved, everybody's, newest first."""
        from noctis_lab.lab.window_presets import list_window_presets

        return list_window_presets(self)

    @property
    def calibration(self) -> CalibrationRecords:
        """What is recorded of calibration: analyses, checks, baselines, curves, events."""
        from noctis_lab.lab.calibrating.records import CalibrationRecords

        return CalibrationRecords(self)

    def measurements(self, **where: Condition) -> pd.DataFrame:
        """Return the measurements whose columns have these values, oldest first; as `studies`.

        Parameters
        ----------
        **where
            Columns of the view `measurements`: ``SeriesInstanceUID=…``, ``kind="ellipse"``,
            ``author=…``.

        Returns
        -------
        DataFrame
            A row each: kind, label, figures with their unit in the name, place, author, times
            (UTC), UIDs.

        Raises
        ------
        QueryError
            The view has no such column.
        """
        from noctis_lab.lab.measuring.table import measurements_frame

        return measurements_frame(self, **where)
