"""Parquet ∪ wide rows: whatever happens between them, the same rows."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryDirectory

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from noctis_lab.catalog import columnar, schema
from noctis_lab.catalog.columnar import flush_series, quiet_series
from noctis_lab.catalog.columnar_files import columnar_folder
from noctis_lab.catalog.compaction import compact, sweep
from noctis_lab.catalog.instants import now
from noctis_lab.catalog.query import Query
from noctis_lab.catalog.store import Catalog, open_catalog
from noctis_lab.catalog.workspace import spill_folder
from noctis_lab.dicom.header import Element
from noctis_lab.events import SeriesFlushed
from tests.catalog.columnar_filling import commit, correct, entry, identified, number, text

SERIES = ("1.1", "1.2", "2.1")
VALUES = (None, "", "a", "b")

type Model = dict[str, tuple[str, tuple[Element, ...]]]  # instance → its series, its elements


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    with open_catalog(tmp_path) as opened:
        yield opened


def further(value: str | None, repeat: int) -> tuple[Element, ...]:
    """Give elements that vary, are constant, are missing, or stand twice in one data set."""
    named = () if value is None else (text("ProtocolName", value, tag=0x00181030),)
    return (
        number("KVP", "120"),
        *named,
        *([text("0019,1001", "twice", tag=0x00191001)] * repeat),
        number("ExposureSequence[0].ExposureTime", str(len(value or "") + repeat)),
    )


def folded(model: Model) -> Counter[tuple[object, ...]]:
    """Fold as the standard of the columnar tier says, element by element."""
    rows: Counter[tuple[object, ...]] = Counter()
    for series in {one for one, _ in model.values()}:
        members = {uid: elements for uid, (one, elements) in model.items() if one == series}
        counts = {
            uid: Counter((e.path, e.VR, e.private_creator, e.value, e.number) for e in elements)
            for uid, elements in members.items()
        }
        constant = {
            key
            for key in set().union(*counts.values())
            if all(own[key] == 1 for own in counts.values())
        }
        rows.update((series, None, *key) for key in constant)
        for uid, own in counts.items():
            for key, count in own.items():
                if key not in constant:
                    rows[series, uid, *key] += count
    return rows


def check(query: Query, model: Model) -> None:
    elements = query.sql(
        "SELECT SeriesInstanceUID, SOPInstanceUID, path, VR, private_creator, value, number "
        "FROM elements"
    )
    assert Counter(elements) == folded(model)
    instances = query.sql(
        "SELECT SeriesInstanceUID, SOPInstanceUID, KVP, ProtocolName FROM instances"
    )
    assert Counter(instances) == Counter(
        (series, uid, 120.0, next((e.value for e in own if e.path == "ProtocolName"), None))
        for uid, (series, own) in model.items()
    )
    counted = Counter(series for series, _ in model.values())
    assert dict(query.sql("SELECT SeriesInstanceUID, instance_count FROM series")) == counted
    protocols = {
        series: {
            tuple(e.value for e in own if e.path == "ProtocolName")
            for one, own in model.values()
            if one == series
        }
        for series in counted
    }
    assert dict(query.sql("SELECT SeriesInstanceUID, ProtocolName FROM series")) == {
        series: next(iter(found))[0] if len(found) == 1 and found != {()} else None
        for series, found in protocols.items()
    }


steps = st.one_of(
    st.tuples(
        st.just("commit"),
        st.sampled_from(SERIES),
        st.sampled_from(VALUES),
        st.integers(0, 2),
    ),
    st.tuples(st.just("correct"), st.integers(0, 30), st.sampled_from(VALUES), st.integers(0, 2)),
    st.tuples(st.just("flush"), st.sets(st.sampled_from(SERIES), min_size=1)),
    st.tuples(st.just("compact")),
    st.tuples(st.just("sweep")),
    st.tuples(st.just("ask")),
)


def take(catalog: Catalog, model: Model, step: tuple[object, ...]) -> None:
    match step:
        case ("commit", str(series), value, int(repeat)):
            study, uid = series[0], f"9.{len(model)}"
            new = entry(study, series, uid, *further(value, repeat))  # type: ignore[arg-type]
            commit(catalog, new)
            model[uid] = (series, new.elements)
        case ("correct", int(which), value, int(repeat)) if model:
            uid = sorted(model)[which % len(model)]
            series, _ = model[uid]
            elements = identified(series[0], series, uid, *further(value, repeat))  # type: ignore[arg-type]
            correct(catalog, series, uid, elements)
            model[uid] = (series, elements)
        case ("flush", set(chosen)):
            flush_series(catalog, *chosen)
        case ("compact",):
            compact(catalog, fan=2)
        case ("sweep",):
            sweep(catalog, grace_s=0)


@pytest.mark.slow
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(steps, min_size=4, max_size=16))
def test_any_order_of_commits_corrections_flushes_and_merges_keeps_every_row_once(
    taken: list[tuple[object, ...]],
) -> None:
    model: Model = {}
    with TemporaryDirectory() as folder, open_catalog(Path(folder)) as catalog:
        with Query(catalog) as long_lived:
            for step in taken:
                take(catalog, model, step)
                if step == ("ask",):
                    check(long_lived, model)
            check(long_lived, model)
        with Query(catalog) as fresh:
            check(fresh, model)


def registered(catalog: Catalog) -> dict[str, bool]:
    table = schema.columnar_file
    with catalog.connections.read() as connection:
        rows = connection.execute(select(table.c.file_name, table.c.replaced_at)).all()
    return {row.file_name: row.replaced_at is not None for row in rows}


def stems(catalog: Catalog) -> set[str]:
    return {path.name.split(".")[0] for path in columnar_folder(catalog.root).glob("*.parquet")}


def test_a_flush_moves_wide_rows_to_one_file_and_says_so(catalog: Catalog) -> None:
    for uid in ("1", "2", "3"):
        commit(catalog, entry("1", "1.1", uid), entry("1", "1.2", f"{uid}.2"))
    assert flush_series(catalog, "1.1", "1.2") == 6
    assert flush_series(catalog, "1.1", "1.2") == 0
    with catalog.connections.read() as connection:
        assert connection.execute(select(func.count()).select_from(schema.wide)).scalar() == 0
    assert len(stems(catalog)) == 1
    flushed = catalog.find_series("1.1")
    assert flushed is not None
    assert not flushed.is_dirty
    events = [event for _, event in catalog.poll_events(0) if isinstance(event, SeriesFlushed)]
    assert {event.SeriesInstanceUID for event in events} == {"1.1", "1.2"}


def test_a_flush_in_shares_writes_what_one_share_would(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for most in (100, 2):
        monkeypatch.setattr(columnar, "BATCH_INSTANCES", most)
        with open_catalog(tmp_path / str(most)) as catalog:
            for series in SERIES:
                for index in range(3):
                    commit(catalog, entry(series[0], series, f"{series}.{index}"))
            assert flush_series(catalog, *SERIES) == 9
            files = sorted(columnar_folder(catalog.root).glob("*.parquet"))
            found.append([pq.read_table(path).to_pylist() for path in files])
            assert len(files) == 3
    assert found[0] == found[1]


def test_a_flush_of_many_series_holds_few_of_their_elements_at_a_time(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(columnar, "BATCH_INSTANCES", 2)
    names = [f"1.{series}" for series in range(60)]
    for series in names:
        # Random text: the wide rows are compressed.
        commit(catalog, entry("1", series, f"{series}.1", text("ProtocolName", token_hex(25_000))))
    flush_series(catalog, names[0])  # what is imported and cached at the first flush
    tracemalloc.start()
    flush_series(catalog, *names)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 60 * 50_000  # the text of all of them


def test_parquet_is_sorted_compressed_and_cut_into_row_groups(catalog: Catalog) -> None:
    for index in (3, 1, 2):
        commit(
            catalog,
            entry("2", "2.1", f"2.1.{index}", number("InstanceNumber", str(index), VR="IS")),
            entry("1", "1.1", f"1.1.{index}", number("InstanceNumber", str(index), VR="IS")),
        )
    flush_series(catalog, "2.1", "1.1")
    [path] = columnar_folder(catalog.root).glob("*.instances.parquet")
    table = pq.read_table(path)
    assert table.column("SOPInstanceUID").to_pylist() == [
        f"{series}.{index}" for series in ("1.1", "2.1") for index in (1, 2, 3)
    ]
    group = pq.ParquetFile(path).metadata.row_group(0)
    assert {group.column(index).compression for index in range(group.num_columns)} == {"ZSTD"}


def test_many_small_files_become_one_and_the_old_go_after_the_grace(tmp_path: Path) -> None:
    clock = [now()]
    with open_catalog(tmp_path, clock=lambda: clock[0]) as catalog, Query(catalog) as query:
        for index in range(8):
            commit(catalog, entry("1", f"1.{index}", f"9.{index}"))
            flush_series(catalog, f"1.{index}")
        assert len(stems(catalog)) == 8
        before = sorted(map(repr, query.sql("FROM elements")))
        assert compact(catalog) == 8
        assert compact(catalog) == 0
        assert sum(registered(catalog).values()) == 8
        clock[0] += timedelta(seconds=59)
        assert sweep(catalog, grace_s=60) == 0
        assert len(stems(catalog)) == 9
        clock[0] += timedelta(seconds=2)
        assert sweep(catalog, grace_s=60) == 24
        assert set(registered(catalog)) == stems(catalog)
        assert len(stems(catalog)) == 1
        assert sorted(map(repr, query.sql("FROM elements"))) == before


def test_a_merge_takes_a_series_only_from_the_file_that_holds_it_now(catalog: Catalog) -> None:
    model: Model = {}
    for series, uid in (("1.1", "9.0"), ("2.1", "9.1")):
        take(catalog, model, ("commit", series, "a", 1))
        assert uid in model
    flush_series(catalog, "1.1", "2.1")
    take(catalog, model, ("commit", "2.1", "a", 1))
    flush_series(catalog, "2.1")  # the first file holds old rows of it from now on
    assert compact(catalog, fan=2) == 2
    with Query(catalog) as query:
        check(query, model)


def test_a_file_nobody_registered_is_swept_and_no_other(catalog: Catalog) -> None:
    commit(catalog, entry("1", "1.1", "1"))
    flush_series(catalog, "1.1")
    orphan = columnar_folder(catalog.root) / "0000-dead.instances.parquet"
    orphan.write_bytes(b"half a file")
    assert sweep(catalog, grace_s=3600) == 1
    assert not orphan.exists()
    assert set(registered(catalog)) == stems(catalog)


def test_what_a_dead_process_spilled_is_swept(catalog: Catalog) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    commit(catalog, entry("1", "1.1", "1"))
    flush_series(catalog, "1.1")
    left, kept = (spill_folder(catalog.root).parent / f"{pid}-x" for pid in (dead.pid, os.getpid()))
    for folder in (left, kept):
        folder.mkdir(parents=True)
    sweep(catalog, grace_s=3600)
    assert (left.exists(), kept.exists()) == (False, True)


def test_a_mostly_stale_file_is_rewritten(catalog: Catalog) -> None:
    for uid in ("1.1", "1.2", "1.3"):
        commit(catalog, entry("1", uid, f"{uid}.1"))
    flush_series(catalog, "1.1", "1.2", "1.3")
    for uid in ("1.1", "1.2"):
        commit(catalog, entry("1", uid, f"{uid}.2"))
    flush_series(catalog, "1.1", "1.2")
    assert len(stems(catalog)) == 2
    assert compact(catalog) == 1
    assert compact(catalog) == 0
    sweep(catalog, grace_s=0)
    rows = [
        pq.ParquetFile(path).metadata.num_rows
        for path in columnar_folder(catalog.root).glob("*.instances.parquet")
    ]
    assert sorted(rows) == [1, 4]


def test_only_series_without_news_are_quiet(catalog: Catalog) -> None:
    commit(catalog, entry("1", "1.1", "1"))  # received long ago
    assert quiet_series(catalog, quiet_s=10, limit_instances=100) == ["1.1"]
    assert quiet_series(catalog, quiet_s=1e9, limit_instances=100) == []
    flush_series(catalog, "1.1")
    assert quiet_series(catalog, quiet_s=10, limit_instances=100) == []


def test_two_series_of_one_uid_in_two_studies_stay_apart(catalog: Catalog) -> None:
    commit(catalog, entry("1", "7", "1.1", number("KVP", "80")))
    commit(catalog, entry("2", "7", "2.1", number("KVP", "120")))
    with Query(catalog) as query:
        for flushed in ((), ("7",), ("2\\7",)):
            flush_series(catalog, *flushed)
            assert sorted(query.sql("SELECT StudyInstanceUID, KVP FROM series")) == [
                ("1", 80.0),
                ("2", 120.0),
            ]
            assert len(query.sql("FROM instance_elements")) == 10


KILLED = """
import os, random, signal, sys, time
from pathlib import Path
from noctis_lab.catalog.columnar import flush_series
from noctis_lab.catalog.compaction import compact, sweep
from noctis_lab.catalog.store import open_catalog
import pyarrow, pyarrow.acero, pyarrow.dataset
pyarrow.array([1])  # imports what a child would else import anew before each kill

root, times, chance = Path(sys.argv[1]), int(sys.argv[2]), random.Random(7)

def work(rounds):
    with open_catalog(root) as catalog:
        for _ in range(rounds):
            for series in range(4):
                flush_series(catalog, f"1.{series}")
            compact(catalog, fan=2)
            sweep(catalog, grace_s=2)
    os._exit(0)

def start(rounds):
    child = os.fork()
    if child == 0:
        work(rounds)
    return child

began = time.monotonic()
os.waitpid(start(1), 0)
round_s = time.monotonic() - began  # so that kills meet work under way on any machine
for _ in range(times):
    child = start(1_000_000)
    time.sleep(chance.uniform(0.2, 2.0) * round_s)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    print("killed", flush=True)
"""


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_twenty_kills_lose_nothing_double_nothing_and_disturb_no_reader(catalog: Catalog) -> None:
    new = entry("1", "1.0", "9.0")
    commit(catalog, new)
    model: Model = {"9.0": ("1.0", new.elements)}
    kills: list[str] = []
    arguments = [sys.executable, "-c", KILLED, str(catalog.root), "20"]
    with (
        Query(catalog) as query,
        subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as killer,
    ):
        assert killer.stdout is not None
        listener = threading.Thread(target=kills.extend, args=(killer.stdout,))
        listener.start()
        while killer.poll() is None:
            new = entry("1", f"1.{len(model) % 4}", f"9.{len(model)}", number("KVP", "80"))
            commit(catalog, new)
            model[new.SOPInstanceUID] = (new.SeriesInstanceUID, new.elements)
            rows = query.sql("SELECT SOPInstanceUID FROM instances").fetchall()
            assert len(rows) == len(model)
            assert len({uid for (uid,) in rows}) == len(model)
            time.sleep(0.02)  # two cores, and the killed want one
        listener.join()
        assert len(kills) == 20, killer.returncode
        flushed = [
            event
            for _, event in catalog.poll_events(0, limit=100_000)
            if event.kind == SeriesFlushed.kind
        ]
        assert flushed  # the kills met work under way
        flush_series(catalog, "1.0", "1.1", "1.2", "1.3")
        while compact(catalog, fan=2):
            pass
        sweep(catalog, grace_s=0)
        assert set(registered(catalog)) == stems(catalog)
        found = query.sql(
            "SELECT SeriesInstanceUID, SOPInstanceUID, path, VR, private_creator, value, number "
            "FROM elements"
        )
        assert Counter(found) == folded(model)
