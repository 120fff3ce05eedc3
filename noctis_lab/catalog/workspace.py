"""Rows of some series in an in-memory DuckDB: wide rows and Parquet rows merged, elements folded.

Both the flush to Parquet and the live half of a query are made here, by the same statements, so
that a query answers the same before and after a flush. Folding is a pure function of a series'
instances: an element that each of them holds exactly once, alike in all its columns, becomes one
row whose SOPInstanceUID is NULL; every other element keeps one row an instance.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Collection, Iterable
from itertools import repeat
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from noctis_lab.catalog.columns import (
    ELEMENTS,
    INSTANCES,
    KEYWORDS,
    SERIES,
    tag_text,
    typed_value,
    typed_values,
)
from noctis_lab.catalog.snapshot import WideInstance
from noctis_lab.catalog.wide import ElementColumns
from noctis_lab.dicom.uids import uid_key
from noctis_lab.errors import CatalogError

__all__ = [
    "add_stored",
    "add_wide",
    "append",
    "create_table",
    "create_workspace",
    "drop_series",
    "fold_series",
    "forget_raw",
    "open_duckdb",
    "quote",
    "spill_folder",
]

_KEYS = pa.schema(
    [
        ("instance_key", pa.int64()),
        ("series_key", pa.int64()),
        ("StudyInstanceUID", pa.string()),
        ("SeriesInstanceUID", pa.string()),
        ("SOPInstanceUID", pa.string()),
    ]
)
_RAW = pa.schema(
    [
        ("instance_key", pa.int64()),
        ("series_key", pa.int64()),
        ("path", pa.string()),
        ("tag", pa.string()),
        ("VR", pa.string()),
        ("private_creator", pa.string()),
        ("value", pa.string()),
        ("number", pa.float64()),
    ]
)
_TABLES = {
    "live_keys": _KEYS,
    "live_raw": _RAW,
    "live_instances": INSTANCES,
    "live_series": SERIES,
    "live_elements": ELEMENTS,
}


def quote(text: str) -> str:
    """Return `text` as a string literal of SQL."""
    return "'" + text.replace("'", "''") + "'"


def open_duckdb(*, threads: int, memory_bytes: int, temp_folder: Path) -> duckdb.DuckDBPyConnection:
    """Open an in-memory database that downloads nothing and keeps within its memory.

    Parameters
    ----------
    threads
        Of this database.
    memory_bytes
        What does not fit goes to `temp_folder`; bytes.
    temp_folder
        Made when it is needed, and empty again afterwards.
    """
    con = duckdb.connect(
        config={
            "threads": threads,
            "memory_limit": f"{memory_bytes // 1024}KiB",
            "temp_directory": str(temp_folder),
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        }
    )
    # DuckDB 2.0.0 ends joins of compressed short strings on several threads with "dict-surviving
    # cache: global dictionary column changed identity", and the whole database with it.
    con.execute("SET GLOBAL disabled_optimizers = 'compressed_materialization'")
    con.execute("SET GLOBAL TimeZone = 'UTC'")
    con.execute("SET GLOBAL parquet_metadata_cache = true")
    return con


def spill_folder(root: Path) -> Path:
    """Return a folder of this database's own for what does not fit into memory."""
    return root / "catalog" / "spill" / f"{os.getpid()}-{secrets.token_hex(4)}"


def create_workspace(con: duckdb.DuckDBPyConnection) -> None:
    """Create the empty tables, in the schema `base`."""
    con.execute("CREATE SCHEMA IF NOT EXISTS base")
    for name, schema in _TABLES.items():
        create_table(con, name, schema)


def create_table(con: duckdb.DuckDBPyConnection, name: str, schema: pa.Schema) -> None:
    """Create an empty table in the schema `base`, in place of one of that name."""
    con.register("fresh", schema.empty_table())
    described = con.execute("DESCRIBE SELECT * FROM fresh").fetchall()
    con.unregister("fresh")
    columns = ", ".join(f'"{row[0]}" {row[1]}' for row in described)
    # Not `AS FROM` the empty table: see `append`.
    con.execute(f"CREATE OR REPLACE TABLE base.{name} ({columns})")


def append(con: duckdb.DuckDBPyConnection, name: str, table: pa.Table) -> None:
    """Append rows to a table of the schema `base`."""
    # DuckDB 2.0.0: where a transaction appends no rows to a table and then more than a row group's
    # 122,880, scans of the table on several threads find nothing, in silence and for good.
    if len(table):
        con.register("fresh", table)
        con.execute(f"INSERT INTO base.{name} FROM fresh")
        con.unregister("fresh")


def add_wide(con: duckdb.DuckDBPyConnection, wide: Iterable[WideInstance]) -> set[int]:
    """Put wide rows in, in place of what was known of the same instances.

    Parameters
    ----------
    wide
        In the order they were written: of two rows of one instance the later holds.

    Returns
    -------
    set of int
        The keys of the series concerned; they are to be folded.
    """
    latest = {entry.facts["SOPInstanceUID"]: entry for entry in wide}
    if not latest:
        return set()
    keys, raw, instances = _wide_tables(latest.values())
    con.register("fresh_keys", keys)
    con.execute(
        "DELETE FROM base.live_instances WHERE SOPInstanceUID IN (SELECT k.SOPInstanceUID "
        "FROM base.live_keys k SEMI JOIN fresh_keys f ON k.instance_key = f.instance_key)"
    )
    for name in ("live_raw", "live_keys"):
        con.execute(
            f"DELETE FROM base.{name} WHERE instance_key IN (SELECT instance_key FROM fresh_keys)"  # noqa: S608
        )
    con.unregister("fresh_keys")
    append(con, "live_keys", keys)
    append(con, "live_raw", raw)
    append(con, "live_instances", instances)
    return set(keys.column("series_key").to_pylist())


def add_stored(con: duckdb.DuckDBPyConnection, stem: Path, series_keys: Collection[int]) -> None:
    """Put the Parquet rows of some series in, but for instances that are there already.

    Parameters
    ----------
    stem
        The files are ``<stem>.instances.parquet`` and ``<stem>.elements.parquet``.
    series_keys
        The series wanted, of those that the files hold.
    """
    among = _among(series_keys)
    con.execute(
        "CREATE OR REPLACE TEMP TABLE stored AS "  # noqa: S608
        f"SELECT i.* FROM read_parquet({quote(f'{stem}.instances.parquet')}) i "
        "ANTI JOIN base.live_keys k ON i.SOPInstanceUID = k.SOPInstanceUID "
        f"WHERE i.series_key IN ({among})"
    )
    rows = con.execute(
        "SELECT series_key, StudyInstanceUID, SeriesInstanceUID, SOPInstanceUID FROM stored"
    ).fetchall()
    if not rows:  # nothing is appended: see `append`
        con.execute("DROP TABLE stored")
        return
    columns = [[uid_key(row[3]) for row in rows], *(list(column) for column in zip(*rows))]  # noqa: B905
    con.register("stored_keys", _table(dict(zip(_KEYS.names, columns, strict=True)), _KEYS))
    con.execute(
        "CREATE OR REPLACE TEMP TABLE stored_elements AS "  # noqa: S608
        f"SELECT * FROM read_parquet({quote(f'{stem}.elements.parquet')}) "
        f"WHERE series_key IN ({among})"
    )
    wanted = "k.instance_key, k.series_key, path, tag, VR, private_creator, value, number"
    con.execute(
        f"INSERT INTO base.live_raw SELECT {wanted} FROM stored_elements e "  # noqa: S608
        "JOIN stored_keys k ON e.SOPInstanceUID = k.SOPInstanceUID "
        f"UNION ALL SELECT {wanted} FROM stored_elements e "
        "JOIN stored_keys k ON e.series_key = k.series_key WHERE e.SOPInstanceUID IS NULL"
    )
    con.execute("INSERT INTO base.live_keys FROM stored_keys")
    con.execute("INSERT INTO base.live_instances FROM stored")
    con.execute("DROP TABLE stored")
    con.execute("DROP TABLE stored_elements")
    con.unregister("stored_keys")


def drop_series(con: duckdb.DuckDBPyConnection, series_keys: Collection[int]) -> None:
    """Take series out, as they are in Parquet now."""
    for name in _TABLES:
        _delete(con, name, series_keys)


def forget_raw(con: duckdb.DuckDBPyConnection, series_keys: Collection[int]) -> None:
    """Drop the unfolded elements of series that will not be folded again soon."""
    _delete(con, "live_raw", series_keys)


def fold_series(con: duckdb.DuckDBPyConnection, series_keys: Collection[int]) -> None:
    """Make `live_elements` and `live_series` anew for some series."""
    if not series_keys:
        return
    among = _among(series_keys)
    for name in ("live_series", "live_elements"):
        _delete(con, name, series_keys)
    series = con.execute(
        "SELECT series_key, count(*), any_value(StudyInstanceUID), any_value(SeriesInstanceUID) "  # noqa: S608
        f"FROM base.live_keys WHERE series_key IN ({among}) GROUP BY series_key"
    ).fetchall()
    append(con, "live_elements", _fold_elements(con, among, series))
    append(con, "live_series", _constant_keywords(con, among, series))


def _among(series_keys: Collection[int]) -> str:
    return ",".join(str(int(key)) for key in sorted(series_keys))


def _delete(con: duckdb.DuckDBPyConnection, name: str, series_keys: Collection[int]) -> None:
    if series_keys:
        con.execute(f"DELETE FROM base.{name} WHERE series_key IN ({_among(series_keys)})")  # noqa: S608


def _fold_elements(con: duckdb.DuckDBPyConnection, among: str, series: list[Any]) -> pa.Table:
    # Without a join: DuckDB 2.0.0 ends some joins that emit strings, see `open_duckdb`.
    grouped = con.sql(
        "SELECT series_key, path, list_extract(string_split(path, '.'), -1) AS keyword, tag, VR, "  # noqa: S608
        "private_creator, value, number, list(instance_key) AS holders "
        f"FROM base.live_raw WHERE series_key IN ({among}) "
        "GROUP BY series_key, path, tag, VR, private_creator, value, number"
    ).to_arrow_table()
    names = con.sql(
        f"SELECT instance_key, SOPInstanceUID FROM base.live_keys WHERE series_key IN ({among})"  # noqa: S608
    ).to_arrow_table()
    if len(pc.unique(grouped.column("series_key"))) != len(series):
        raise CatalogError(
            f"DuckDB found the elements of {len(pc.unique(grouped.column('series_key')))} of "
            f"{len(series)} series; open the archive again, and report this with `noctis doctor`"
        )
    holders = grouped.column("holders").combine_chunks()
    parents = pc.list_parent_indices(holders)
    flat = pc.list_flatten(holders)
    of_series = pa.array([row[0] for row in series], pa.int64())
    counts = pa.array([row[1] for row in series], pa.int64())
    place = pc.index_in(grouped.column("series_key"), of_series).combine_chunks()
    # Held by each instance, and by none of them twice.
    is_constant = pc.and_(
        pc.equal(pc.list_value_length(holders), counts.take(place)),
        pc.equal(_distinct(parents, flat, len(grouped)), counts.take(place)),
    )
    varies = pc.invert(is_constant).take(parents)
    once = pc.indices_nonzero(is_constant).cast(parents.type)
    rows = pa.concat_arrays([once, parents.filter(varies)])
    uids = names.column("SOPInstanceUID").combine_chunks()
    own = uids.take(pc.index_in(flat.filter(varies), names.column("instance_key")))
    folded = grouped.take(rows)
    study_uids = pa.array([row[2] for row in series], pa.string())
    series_uids = pa.array([row[3] for row in series], pa.string())
    columns = {name: folded.column(name) for name in ELEMENTS.names if name in grouped.schema.names}
    columns |= {
        "StudyInstanceUID": study_uids.take(place.take(rows)),
        "SeriesInstanceUID": series_uids.take(place.take(rows)),
        "SOPInstanceUID": pa.concat_arrays([pa.nulls(len(once), pa.string()), own]),
    }
    return pa.table([columns[name] for name in ELEMENTS.names], schema=ELEMENTS)


def _distinct(parents: pa.Array, flat: pa.Array, count: int) -> pa.Array:
    """Return how many different values each of `count` lists holds; no list is empty."""
    pairs = (
        pa.table({"list": parents, "value": flat})
        .group_by("list")
        .aggregate([("value", "count_distinct")])
    )
    order = pc.sort_indices(pairs.column("list"))
    assert len(pairs) == count
    return pairs.column("value_count_distinct").take(order).combine_chunks()


def _constant_keywords(con: duckdb.DuckDBPyConnection, among: str, series: list[Any]) -> pa.Table:
    """Type what was found constant; aggregates over 140 columns would take 50 times as long."""
    found: dict[int, dict[str, Any]] = {row[0]: {} for row in series}
    constant = con.execute(
        "SELECT series_key, path, any_value(value), any_value(number) FROM base.live_elements "  # noqa: S608
        f"WHERE series_key IN ({among}) AND SOPInstanceUID IS NULL AND path = keyword "
        "GROUP BY series_key, path HAVING count(*) = 1"
    ).fetchall()
    for key, path, value, number in constant:
        if path in KEYWORDS:
            found[key][path] = typed_value(KEYWORDS[path], value, number)
    for key, _, study_uid, series_uid in series:
        found[key] |= {
            "StudyInstanceUID": study_uid,
            "SeriesInstanceUID": series_uid,
            "series_key": key,
        }
    columns = {name: [values.get(name) for values in found.values()] for name in SERIES.names}
    return _table(columns, SERIES)


def _wide_tables(wide: Iterable[WideInstance]) -> tuple[pa.Table, pa.Table, pa.Table]:
    keys: dict[str, list[Any]] = {name: [] for name in _KEYS.names}
    raw: dict[str, list[Any]] = {name: [] for name in _RAW.names}
    instances: dict[str, list[Any]] = {name: [] for name in INSTANCES.names}
    tags: dict[int, str] = {}
    for entry in wide:
        facts = entry.facts
        instance_key = uid_key(facts["SOPInstanceUID"])
        for name, key in keys.items():
            key.append(instance_key if name == "instance_key" else facts[name])
        elements = entry.decode_elements()
        _append_elements(raw, elements, tags)
        raw["instance_key"].extend(repeat(instance_key, len(elements.path)))
        raw["series_key"].extend(repeat(facts["series_key"], len(elements.path)))
        values = typed_values(elements) | facts
        for name, column in instances.items():
            column.append(values.get(name))
    return _table(keys, _KEYS), _table(raw, _RAW), _table(instances, INSTANCES)


def _append_elements(
    raw: dict[str, list[Any]], elements: ElementColumns, tags: dict[int, str]
) -> None:
    for tag in elements.tag:
        if tag not in tags:
            tags[tag] = tag_text(tag)
    raw["path"].extend(elements.path)
    raw["tag"].extend(map(tags.__getitem__, elements.tag))
    raw["VR"].extend(elements.VR)
    raw["private_creator"].extend(elements.private_creator)
    raw["value"].extend(elements.value)
    raw["number"].extend(elements.number)


def _table(columns: dict[str, list[Any]], schema: pa.Schema) -> pa.Table:
    return pa.Table.from_arrays(
        [_array(columns.get(field.name, []), field.type) for field in schema], schema=schema
    )


def _array(values: list[Any], kind: pa.DataType) -> pa.Array:
    try:
        return pa.array(values, kind)
    except UnicodeEncodeError:  # a lone surrogate is no text in UTF-8
        clean = [
            text.encode("utf-8", "replace").decode("utf-8") if isinstance(text, str) else text
            for text in values
        ]
        return pa.array(clean, kind)
