"""`lab.sql`: every process' own DuckDB over Parquet ∪ wide rows, as of now.

The views are listed in `relations.py`. A row is seen by the first query after its acknowledgement.
On one's own disk a query has the operating system's rights; what a facility may see is a matter of
HTTP, not of this module.
"""

from __future__ import annotations

import logging
import os
import shutil
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import duckdb
import pyarrow as pa

from noctis_lab.catalog.duckdb_words import without_values
from noctis_lab.catalog.mirror import Mirror
from noctis_lab.catalog.result import Result, write_result
from noctis_lab.catalog.store import Catalog
from noctis_lab.catalog.workspace import open_duckdb, spill_folder
from noctis_lab.errors import CatalogError, QueryError

__all__ = ["Query", "Result", "write_result"]

logger = logging.getLogger(__name__)

_MEMORY_BYTES = 2 * 1024**3
#: DuckDB has met a fault of its own, after which it refuses everything.
_BROKEN = (duckdb.InternalException, duckdb.FatalException)
#: Worth a second try: beside those, a query that outlived the grace of a replaced file.
_PASSING = (*_BROKEN, duckdb.IOException)


class Query:
    """SQL over the catalogue; any thread may ask, each query sees one snapshot.

    Parameters
    ----------
    catalog
        What is asked; it stays the caller's to close.
    threads
        DuckDB's threads.
    memory_bytes
        DuckDB's memory; what does not fit goes to the archive's own folder. Results are beyond it.

    Examples
    --------
    ::

        with Query(catalog) as query:
            query.sql("SELECT * FROM series WHERE Modality = $1 AND KVP > 100", ["CT"]).df()
    """

    def __init__(
        self, catalog: Catalog, *, threads: int = 2, memory_bytes: int = _MEMORY_BYTES
    ) -> None:
        self._catalog = catalog
        self._threads = threads
        self._memory_bytes = memory_bytes
        self._guard = threading.Lock()
        self._con: duckdb.DuckDBPyConnection | None = None
        self._mirror: Mirror | None = None
        self._spill: Path | None = None
        self._pid = os.getpid()
        self._abandoned: list[object] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of DuckDB; a later query opens it again."""
        with self._guard:
            self._close()

    def sql(self, query: str, params: Sequence[Any] | Mapping[str, Any] | None = None) -> Result:
        """Run SQL in DuckDB's dialect.

        Parameters
        ----------
        query
            One statement; of several the last one's rows are returned.
        params
            Values of ``$1``, ``$2`` … (or ``?``) as a sequence, of ``$name`` as a mapping. Never
            put a value into the text.

        Raises
        ------
        QueryError
            DuckDB refused; the message is DuckDB's own, without the values that it quotes.
        CatalogError
            A file of the columnar tier is missing or damaged.
        """
        try:
            return self._run(query, params)
        except _PASSING:
            try:
                return self._run(query, params)
            except duckdb.Error as error:
                words = without_values(error)
        except duckdb.Error as error:
            words = without_values(error)
        raise QueryError(words)  # DuckDB's own error, which quotes, is no part of a traceback

    def _run(self, query: str, params: Sequence[Any] | Mapping[str, Any] | None) -> Result:
        given = dict(params) if isinstance(params, Mapping) else params and list(params)
        with self._cursor() as cursor:
            try:
                relation = cursor.sql(query, params=given) if given else cursor.sql(query)
                return Result(pa.table({}) if relation is None else relation.to_arrow_table())
            except _BROKEN as error:
                with self._guard:
                    self._give_up(error)
                raise

    def _cursor(self) -> duckdb.DuckDBPyConnection:
        """Bring the views to the present and return a cursor of one's own."""
        with self._guard:
            try:
                return self._refreshed().cursor()
            except _BROKEN as error:
                self._give_up(error)
            except duckdb.Error as error:
                raise _unreadable(error) from None
            try:
                return self._refreshed().cursor()
            except duckdb.Error as error:
                raise _unreadable(error) from None

    def _refreshed(self) -> duckdb.DuckDBPyConnection:
        if self._pid != os.getpid():  # DuckDB's threads did not follow through the fork
            self._abandoned.append(self._con)  # nor could closing it end well
            self._con = self._mirror = self._spill = None
            self._pid = os.getpid()
        if self._con is None or self._mirror is None:
            self._spill = spill_folder(self._catalog.root)
            self._con = open_duckdb(
                threads=self._threads,
                memory_bytes=self._memory_bytes,
                temp_folder=self._spill,
            )
            self._mirror = Mirror(self._con, self._catalog)
        self._mirror.refresh()
        return self._con

    def _give_up(self, error: duckdb.Error) -> None:
        """Let go of a database that met a fault of its own; all that are known need two threads."""
        words = without_values(error).partition("\n")[0]
        logger.warning("DuckDB begins anew, with one thread", extra={"error": words})
        self._threads = 1
        self._close()

    def _close(self) -> None:
        if self._pid != os.getpid():
            self._abandoned.append(self._con)
        elif self._con is not None and self._spill is not None:
            self._con.close()
            shutil.rmtree(self._spill, ignore_errors=True)
        self._con = self._mirror = self._spill = None


def _unreadable(error: duckdb.Error) -> CatalogError:
    return CatalogError(
        f"the columnar tier cannot be read ({without_values(error)}); `noctis rebuild` makes it "
        "anew from the files"
    )
