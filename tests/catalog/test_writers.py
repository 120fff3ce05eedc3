"""Several processes write one catalogue; any of them may die at any moment."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from noctis_lab.catalog.locks import WriteLock, filesystem_of, require_local_disk
from noctis_lab.catalog.records import CommitOutcome
from noctis_lab.catalog.serving import Service, is_serving, serving
from noctis_lab.catalog.store import Catalog, open_catalog
from noctis_lab.errors import CatalogError, CatalogLocked, UnsupportedFilesystem
from tests.catalog.catalog_entries import entry

SPAWN = multiprocessing.get_context("spawn")
_STUDY_AS_AGGREGATE = """
select count(*) from study s where instance_count != (
  select count(*) from instance join series r using (series_key)
  where r.study_key = s.study_key)
"""


def commit_many(root: Path, writer: int, count: int, begin: object) -> None:
    with open_catalog(root) as catalog:
        begin.wait(60)  # type: ignore[attr-defined]
        for number in range(count):
            catalog.commit_instance(entry(number, uid=f"1.9.{writer}.{number}"))


def commit_and_tell(root: Path, writer: int, acknowledged: Path) -> None:
    with open_catalog(root) as catalog, acknowledged.open("ab", buffering=0) as told:
        for number in range(1_000_000):
            uid = f"1.9.{writer}.{number}"
            catalog.commit_instance(entry(number % 1000, uid=uid))
            told.write(f"{uid}\n".encode())


def hold_the_lock(root: Path, held: object) -> None:
    with WriteLock(root / "catalog" / "write.lock", timeout_s=5).hold():
        held.set()  # type: ignore[attr-defined]
        time.sleep(60)


def count(root: Path, statement: str) -> int:
    with sqlite3.connect(root / "catalog" / "catalog.sqlite") as connection:
        (found,) = connection.execute(statement).fetchone()
    connection.close()
    return int(found)


@pytest.mark.slow
def test_three_processes_and_their_threads_write_one_study(tmp_path: Path) -> None:
    begin = SPAWN.Event()
    writers = [
        SPAWN.Process(target=commit_many, args=(tmp_path, writer, 60, begin)) for writer in range(3)
    ]
    for writer in writers:
        writer.start()
    begin.set()
    for writer in writers:
        writer.join(90)

    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    assert count(tmp_path, "select count(*) from instance") == 180
    assert count(tmp_path, "select instance_count from study") == 180
    assert count(tmp_path, "select instance_count from series") == 180
    assert count(tmp_path, "select count(distinct event_id) from event") == 180


def test_threads_share_one_catalogue(tmp_path: Path) -> None:
    with open_catalog(tmp_path) as catalog:

        def write(first: int) -> None:
            for number in range(first, first + 20):
                catalog.commit_instance(entry(number))
                assert catalog.find_instance(entry(number).SOPInstanceUID) is not None

        threads = [threading.Thread(target=write, args=(100 * k,)) for k in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)

        assert catalog.counts().instances == 80


@pytest.mark.slow
def test_a_killed_writer_loses_nothing_acknowledged_and_holds_nobody_up(tmp_path: Path) -> None:
    open_catalog(tmp_path).close()
    acknowledged = tmp_path / "acknowledged"
    for writer in range(3):
        before = acknowledged.stat().st_size if acknowledged.exists() else 0
        process = SPAWN.Process(target=commit_and_tell, args=(tmp_path, writer, acknowledged))
        process.start()
        deadline = time.monotonic() + 60
        while not acknowledged.exists() or acknowledged.stat().st_size < before + 200:
            assert time.monotonic() < deadline
            time.sleep(0.005)
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        process.join(30)

    told = acknowledged.read_text().split("\n")
    with open_catalog(tmp_path, lock_timeout_s=5) as catalog:
        for uid in filter(None, told[:-1]):
            assert catalog.find_instance(uid) is not None
        assert catalog.commit_instance(entry(1, uid="1.9.9")).outcome is CommitOutcome.STORED
    assert count(tmp_path, _STUDY_AS_AGGREGATE) == 0
    assert count(tmp_path, "select count(*) from instance") - len(told) in (0, 1, 2, 3)


def test_a_lock_that_is_not_had_in_time_is_an_error_with_a_name(tmp_path: Path) -> None:
    with open_catalog(tmp_path, lock_timeout_s=0.2) as catalog:
        held = SPAWN.Event()
        holder = SPAWN.Process(target=hold_the_lock, args=(tmp_path, held))
        holder.start()
        try:
            assert held.wait(60)
            with pytest.raises(CatalogLocked, match=r"write\.lock") as refused:
                catalog.commit_instance(entry(1))
            assert refused.value.path == str(tmp_path / "catalog" / "write.lock")
            assert refused.value.timeout_s == 0.2
            assert catalog.find_instance(entry(1).SOPInstanceUID) is None  # readers do not wait
        finally:
            holder.kill()
            holder.join(30)
        assert catalog.commit_instance(entry(1)).outcome is CommitOutcome.STORED


def test_threads_that_open_the_lock_at_once_share_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "write.lock"
    lock, open_file = WriteLock(path, timeout_s=20), os.open
    calls = iter(range(10))
    both_open, first_holds, second_holds = (threading.Event() for _ in range(3))
    first_may_leave = threading.Event()

    def open_in_step(*arguments: Any) -> int:
        if next(calls) == 0:
            assert both_open.wait(20)
        else:
            both_open.set()
            assert first_holds.wait(20)
        return open_file(*arguments)

    def hold_first() -> None:
        with lock.hold():
            first_holds.set()
            assert first_may_leave.wait(20)

    def hold_second() -> None:
        with lock.hold():
            second_holds.set()

    monkeypatch.setattr(os, "open", open_in_step)
    first, second = threading.Thread(target=hold_first), threading.Thread(target=hold_second)
    first.start()
    second.start()
    assert first_holds.wait(20)
    assert not second_holds.wait(0.2)
    monkeypatch.setattr(os, "open", open_file)
    first_may_leave.set()
    first.join(30)
    second.join(30)

    assert second_holds.is_set()
    with WriteLock(path, timeout_s=0.2).hold():  # neither has left a lock behind
        pass
    lock.close()


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_child_forked_within_a_lock_does_not_let_go_of_it(tmp_path: Path) -> None:
    path = tmp_path / "write.lock"
    lock = WriteLock(path, timeout_s=5)
    child = -1
    try:
        with lock.hold():
            child = os.fork()
            if child:
                os.waitpid(child, 0)
                with pytest.raises(CatalogLocked), WriteLock(path, timeout_s=0.1).hold():
                    pass
    finally:
        if child == 0:
            os._exit(0)
    lock.close()


def test_a_failed_transaction_leaves_nothing_and_says_no_value(tmp_path: Path) -> None:
    with open_catalog(tmp_path) as catalog:
        insert = "insert into meta values (?, ?)"

        def insert_twice() -> None:
            with catalog.connections.write() as connection:
                connection.exec_driver_sql(insert, ("MÜLLER", "1"))
                connection.exec_driver_sql(insert, ("MÜLLER", "2"))

        with pytest.raises(CatalogError) as caught:
            insert_twice()
        assert "UNIQUE" in str(caught.value)
        chain: BaseException | None = caught.value
        while chain is not None:
            assert "MÜLLER" not in str(chain)
            chain = chain.__cause__
        assert catalog.find_note("MÜLLER") is None
        catalog.write_note("a", "1")
        assert catalog.find_note("a") == "1"


def test_readers_cannot_write(tmp_path: Path) -> None:
    with (
        open_catalog(tmp_path) as catalog,
        pytest.raises(Exception, match="readonly"),
        catalog.connections.read() as connection,
    ):
        connection.exec_driver_sql("insert into meta values ('a', 'b')")


def commit_in_child(catalog: Catalog, pipe: int) -> None:
    ok = catalog.find_instance(entry(1).SOPInstanceUID) is not None
    ok = ok and catalog.commit_instance(entry(2)).outcome is CommitOutcome.STORED
    os.write(pipe, b"y" if ok else b"n")


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_makes_its_own_connections(tmp_path: Path) -> None:
    with open_catalog(tmp_path) as catalog:
        catalog.commit_instance(entry(1))
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                commit_in_child(catalog, writing)
            finally:
                os._exit(0)
        os.close(writing)
        os.waitpid(child, 0)
        with os.fdopen(reading, "rb") as answer:
            assert answer.read() == b"y"
        assert catalog.counts().instances == 2
        assert catalog.commit_instance(entry(3)).outcome is CommitOutcome.STORED


MOUNTS = """\
22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw
30 22 0:40 / /mnt/lab\\040data rw shared:2 - nfs4 server:/lab rw,vers=4.2
31 22 0:41 / /mnt/share rw - cifs //server/share rw
32 30 0:42 / /mnt/lab\\040data/local rw - xfs /dev/sdb1 rw
33 22 0:43 / /mnt/lab rw - btrfs /dev/sdc1 rw
"""


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/srv/noctis", "ext4"),
        ("/mnt/lab data/noctis", "nfs4"),
        ("/mnt/lab data", "nfs4"),
        ("/mnt/lab data/local/x", "xfs"),
        ("/mnt/lab", "btrfs"),
        ("/mnt/laboratory", "ext4"),
        ("/mnt/share/a", "cifs"),
    ],
)
def test_the_file_system_is_that_of_the_nearest_mount(folder: str, kind: str) -> None:
    assert filesystem_of(Path(folder), MOUNTS) == kind


def test_a_network_file_system_is_refused_and_this_machines_disk_is_not(tmp_path: Path) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(f"40 22 0:44 / {tmp_path} rw - nfs4 server:/lab rw\n")

    with pytest.raises(UnsupportedFilesystem, match=r"lies on nfs4.*local disk"):
        require_local_disk(tmp_path / "catalog", mountinfo=mounts)
    require_local_disk(tmp_path)


def serve_until_told(root: Path, up: object) -> None:
    with serving(root, Service.PAGE, 5006):
        up.set()  # type: ignore[attr-defined]
        time.sleep(60)


def test_who_serves_is_known_until_the_process_dies_however_it_dies(tmp_path: Path) -> None:
    assert not is_serving(tmp_path, Service.PAGE, 5006)
    up = SPAWN.Event()
    process = SPAWN.Process(target=serve_until_told, args=(tmp_path, up))
    process.start()
    try:
        assert up.wait(30)
        assert is_serving(tmp_path, Service.PAGE, 5006)
        assert not is_serving(tmp_path, Service.RECEIVER, 5006)
        assert not is_serving(tmp_path, Service.PAGE, 5007)
        assert not is_serving(tmp_path / "another", Service.PAGE, 5006)
    finally:
        process.kill()
        process.join(20)
    assert not is_serving(tmp_path, Service.PAGE, 5006)
    with serving(tmp_path, Service.PAGE, 5006):  # the mark of one that died stands in no one's way
        assert is_serving(tmp_path, Service.PAGE, 5006)
    assert not is_serving(tmp_path, Service.PAGE, 5006)
