"""Records of calibration in the views: what fits no column is None, and nothing else is lost."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from noctis_lab.catalog.hu_records import HuKind, HuRecord, write_record
from noctis_lab.catalog.query import Query
from noctis_lab.catalog.store import open_catalog

AT = datetime(2026, 1, 2, tzinfo=UTC)
CURVE = {"KVP": 120, "quantity": "mass density", "hu": [0.0, 1.0], "density": [1, 2]}


def record(
    number: int, document: Mapping[str, Any], kind: HuKind = HuKind.CURVE, scanner: str = "CT-A"
) -> HuRecord:
    return HuRecord(
        record_id=f"{number:032x}",
        kind=kind,
        author="ann",
        recorded_at=AT,
        document=document,
        scanner=scanner,
    )


@pytest.mark.parametrize(
    ("column", "value"),
    [
        *(("KVP", "120"), ("KVP", [120]), ("KVP", 2**70), ("KVP", {})),
        *(("quantity", 5), ("quantity", ["x"]), ("sha256", False)),
        *(("hu", "0 1"), ("hu", [0.0, "one"]), ("hu", 3), ("density", {"0": 1})),
        *(("valid_from", "yesterday"), ("valid_from", 7), ("valid_from", "2026-01-01T00:00:00")),
    ],
)
def test_a_value_of_another_type_is_none_in_its_column_alone(
    tmp_path: Path, column: str, value: Any
) -> None:
    with open_catalog(tmp_path) as catalog:
        write_record(catalog, record(1, {**CURVE, column: value}))
        write_record(catalog, record(2, CURVE))
        with Query(catalog) as query:
            names = "KVP, quantity, hu, density"
            rows = query.sql(f"SELECT {names}, {column} FROM hu_curve ORDER BY curve_id").fetchall()
    *others, found = rows[0]
    assert found is None
    expected = (120.0, "mass density", [0.0, 1.0], [1.0, 2.0])
    for name, told, known in zip(names.split(", "), others, expected, strict=True):
        assert told == (None if name == column else known)
    assert rows[1][:4] == expected


def test_texts_that_no_database_stores_are_replaced(tmp_path: Path) -> None:
    long = json.dumps(["x" * 2000])  # JSON in a text stays whole
    told = {**CURVE, "note": "a\udcffb\x00c", "quantity": long}
    with open_catalog(tmp_path) as catalog:
        write_record(catalog, record(1, told, scanner="CT\udcff"))
        with Query(catalog) as query:
            rows = query.sql("SELECT note, quantity, scanner FROM hu_curve").fetchall()
    assert rows == [("a?bc", long, "CT?")]


@pytest.mark.parametrize("rois", [7, [{"material": 5}], [3], {"a": 1}])
def test_regions_that_are_none_do_not_stop_what_follows(tmp_path: Path, rois: Any) -> None:
    with open_catalog(tmp_path) as catalog:
        write_record(catalog, record(1, {"rois": rois}, HuKind.ANALYSIS))
        write_record(catalog, record(2, CURVE))
        with catalog.connections.write() as connection:
            for number, (kind, text) in enumerate(
                [("no such kind", "{}"), ("curve", "[]"), ("curve", "{")]
            ):
                connection.exec_driver_sql(
                    "INSERT INTO hu_record (record_id, kind, author, recorded_at, document) "
                    "VALUES (?, ?, 'ann', 0, ?)",
                    (f"none {number}", kind, text),
                )
        write_record(catalog, record(3, CURVE))
        with Query(catalog) as query:
            assert query.sql("SELECT count(*) FROM hu_curve").fetchone() == (2,)
            assert query.sql("SELECT count(material) FROM hu_roi").fetchone() == (0,)
