"""SQL over a generated catalogue: `uv run python benchmarks/catalogue_query.py [--instances N]`.

Prints rows a second of the flush, bytes an instance of the Parquet mirror, and the times of the
queries of `reference/catalogue.md`'s targets 5, 6 and 8. Headers come from the folder given by
`--like` (one CT series), else from `noctis_lab.synthetic` with a scanner's further elements.
"""

from __future__ import annotations

import argparse
import hashlib
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from noctis_lab.catalog.columnar import flush_series
from noctis_lab.catalog.columnar_files import columnar_folder
from noctis_lab.catalog.compaction import compact, sweep
from noctis_lab.catalog.query import Query
from noctis_lab.catalog.records import InstanceEntry, Receipt, ReceiptSource
from noctis_lab.catalog.store import Catalog, open_catalog
from noctis_lab.dicom.header import Header, read_header
from noctis_lab.ingest.admission import build_entry
from noctis_lab.synthetic import ct_series, write_series

PER_SERIES, SERIES_PER_STUDY = 100, 4


def headers(like: Path | None, folder: Path) -> list[Header]:
    if like is None:
        further = {f"0019{0x1001 + index:04x}": f"value {index % 7}" for index in range(90)}
        datasets = ct_series(planes=PER_SERIES)
        for dataset in datasets:
            block = dataset.private_block(0x0019, "BENCHMARK", create=True)
            for index, text in enumerate(further.values()):
                block.add_new(index + 1, "LO", text)
        return [read_header(path) for path in write_series(datasets, folder)]
    paths = sorted(path for path in like.rglob("*") if path.is_file())[:PER_SERIES]
    return [read_header(path) for path in paths]


def entries(templates: list[Header], count: int) -> Iterator[InstanceEntry]:
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    for index in range(count):
        series, within = divmod(index, PER_SERIES)
        study = series // SERIES_PER_STUDY
        header = templates[within % len(templates)]
        uids = {
            "StudyInstanceUID": f"1.2.826.0.1.3680043.8.498.{10**20 + study}",
            "SeriesInstanceUID": f"1.2.826.0.1.3680043.8.498.{10**20 + study}.{series}",
            "SOPInstanceUID": f"1.2.826.0.1.3680043.8.498.{_digits(index)}",
        }
        values = {
            **uids,
            "InstanceNumber": str(within + 1),
            "PatientID": f"P{study:07d}",
            "KVP": str((80, 100, 120, 140)[series % 4]),
        }
        elements = tuple(
            element._replace(
                value=values[element.path],
                number=float(values[element.path]) if element.number is not None else None,
            )
            if element.path in values
            else element
            for element in header.elements
        )
        receipt = Receipt(
            source=ReceiptSource.SCP,
            facility="benchmark",
            calling_aet="CT_BENCH",
            called_aet="NOCTIS_SCP",
            received_at=begin + timedelta(milliseconds=3 * index),
        )
        yield build_entry(
            replace(header, elements=elements, **uids),
            sha256=hashlib.sha256(str(index).encode()).digest(),
            receipt=receipt,
        )


def _digits(index: int) -> str:
    return str(int.from_bytes(hashlib.sha256(str(index).encode()).digest()[:16], "big"))


def best_ms(run: Callable[[], object], repeats: int = 5) -> float:
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        run()
        times.append(time.perf_counter() - begin)
    return sorted(times)[len(times) // 2] * 1e3


def fill(catalog: Catalog, query: Query, templates: list[Header], count: int) -> None:
    commit_s = flush_s = 0.0
    batch: set[str] = set()
    for index, entry in enumerate(entries(templates, count), 1):
        begin = time.perf_counter()
        catalog.commit_instance(entry)
        commit_s += time.perf_counter() - begin
        batch.add(entry.SeriesInstanceUID)
        if index % 5_000 == 0 or index == count:
            if index == count:
                begin = time.perf_counter()
                query.sql("SELECT 1")
                print(f"first query over 5,000 wide rows  {time.perf_counter() - begin:.2f} s")
            begin = time.perf_counter()
            flush_series(catalog, *batch)
            flush_s += time.perf_counter() - begin
            batch = set()
    print(f"commit  {count / commit_s:,.0f} instances/s, flush  {count / flush_s:,.0f} instances/s")
    begin = time.perf_counter()
    merged = 0
    while more := compact(catalog):
        merged += more
    sweep(catalog, grace_s=0)
    print(f"compact  {merged} files in {time.perf_counter() - begin:.1f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--instances", type=int, default=50_000)
    parser.add_argument("--like", type=Path, default=None)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        templates = headers(asked.like, root / "like")
        print(f"{len(templates[0].elements)} elements an instance, {asked.instances:,} instances")
        with open_catalog(root) as catalog, Query(catalog) as query:
            fill(catalog, query, templates, asked.instances)
            report(catalog, query, templates, asked.instances)


def report(catalog: Catalog, query: Query, templates: list[Header], count: int) -> None:
    sizes = {"instances": 0, "elements": 0, "series": 0}
    files = list(columnar_folder(catalog.root).glob("*.parquet"))
    for path in files:
        sizes[path.name.split(".")[1]] += path.stat().st_size
    print(
        f"mirror  {len(files)} files, "
        + ", ".join(f"{kind} {size / count:.0f} B" for kind, size in sizes.items())
        + " an instance"
    )
    [(some,)] = query.sql("SELECT SeriesInstanceUID FROM series LIMIT 1 OFFSET 7")
    statements = {
        "nothing changed": "SELECT 1",
        "constant per series, typed": "SELECT count(*) FROM series WHERE KVP = 120",
        "constant per series, any": (
            "SELECT count(DISTINCT SeriesInstanceUID) FROM elements "
            "WHERE keyword = 'KVP' AND number = 120"
        ),
        "per instance, typed": "SELECT count(*) FROM instances WHERE InstanceNumber = 17",
        "per instance, any": (
            "SELECT count(*) FROM elements WHERE keyword = 'SliceLocation' AND number > 0"
        ),
        "a series' rows": f"SELECT * FROM instances WHERE SeriesInstanceUID = '{some}'",
        "a series' rows, 8 columns": (
            "SELECT SOPInstanceUID, InstanceNumber, ImagePositionPatient, SliceLocation, KVP, "
            f"Exposure, Rows, Columns FROM instances WHERE SeriesInstanceUID = '{some}'"
        ),
        "a series' elements": f"SELECT * FROM elements WHERE SeriesInstanceUID = '{some}'",
        "all of studies": "SELECT * FROM studies",
        "all of series": "SELECT * FROM series",
    }
    for name, statement in statements.items():
        query.sql(statement)
        print(f"{name:28} {best_ms(lambda s=statement: query.sql(s)):9.1f} ms")
    times = []
    for entry in entries(templates, count + 20):
        if len(times) == 0 and catalog.find_instance(entry.SOPInstanceUID) is not None:
            continue
        catalog.commit_instance(entry)
        begin = time.perf_counter()
        rows = query.sql(
            "SELECT SOPInstanceUID FROM instances WHERE SOPInstanceUID = $1",
            [entry.SOPInstanceUID],
        )
        times.append(time.perf_counter() - begin)
        assert len(rows) == 1
    print(f"{'first sight of a new row':28} {sorted(times)[len(times) // 2] * 1e3:9.1f} ms")
    query.close()
    begin = time.perf_counter()
    query.sql("SELECT 1")
    print(f"{'a process begins':28} {(time.perf_counter() - begin) * 1e3:9.1f} ms")


if __name__ == "__main__":
    main()
