"""Jobs are leased, run again where their worker died, and never lost while they run."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from noctis_lab.catalog import queue
from noctis_lab.catalog.events import prune_events
from noctis_lab.catalog.store import Catalog, open_catalog
from noctis_lab.events import ChildRestarted, SeriesFlushed
from tests.catalog.catalog_entries import START, entry


class Clock:
    def __init__(self) -> None:
        self.time = START

    def __call__(self) -> datetime:
        return self.time

    def pass_by(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def catalog(tmp_path: Path, clock: Clock) -> Iterator[Catalog]:
    with open_catalog(tmp_path, quiet_s=10, clock=clock) as opened:
        yield opened


def take(catalog: Catalog, owner: str = "w1", lease_s: float = 30) -> queue.Job:
    job = queue.claim(catalog, owner=owner, lease_s=lease_s)
    assert job is not None
    return job


def test_a_job_is_due_at_its_time_and_taken_by_one(catalog: Catalog, clock: Clock) -> None:
    queue.enqueue(catalog, "export", "1.2", payload={"to": "nifti"}, run_after=START)
    queue.enqueue(catalog, "export", "1.1", run_after=START + timedelta(seconds=60))

    job = take(catalog)
    assert (job.kind, job.key, job.payload, job.attempts) == ("export", "1.2", {"to": "nifti"}, 1)
    assert queue.claim(catalog, owner="w2", lease_s=30) is None
    queue.complete(catalog, job)
    clock.pass_by(60)
    assert take(catalog, "w2").key == "1.1"


def test_the_job_that_is_due_the_longest_comes_first(catalog: Catalog) -> None:
    for key, late in (("a", 1), ("b", 3), ("c", 2)):
        queue.enqueue(catalog, "k", key, run_after=START - timedelta(seconds=late))

    assert [take(catalog).key for _ in range(3)] == ["b", "c", "a"]


def test_a_migrations_backlog_waits_for_what_is_received(catalog: Catalog, clock: Clock) -> None:
    for key in ("old 1", "old 2"):
        queue.enqueue(catalog, "summarise-series", key, run_after=queue.BACKLOG)
    assert take(catalog).key == "old 1"
    queue.enqueue(catalog, "summarise-series", "new")
    assert take(catalog).key == "new"
    queue.enqueue(catalog, "summarise-series", "later", run_after=START + timedelta(seconds=60))
    assert take(catalog).key == "old 2"
    assert queue.claim(catalog, owner="w1", lease_s=30) is None
    clock.pass_by(60)
    assert {take(catalog).key for _ in range(4)} == {"old 1", "old 2", "new", "later"}


def test_a_series_is_due_when_it_was_quiet(catalog: Catalog, clock: Clock) -> None:
    for number in range(1, 5):
        catalog.commit_instance(entry(number))
        clock.pass_by(8)

    assert queue.claim(catalog, owner="w", lease_s=30) is None
    clock.pass_by(2)
    assert {take(catalog).kind, take(catalog).kind} == {"flush-series", "summarise-series"}


def test_a_stream_of_instances_keeps_its_series_from_being_due(
    catalog: Catalog, clock: Clock
) -> None:
    for number in range(1, 60):
        catalog.commit_instance(entry(number))
        clock.pass_by(0.2)

    # Putting off by less than a twentieth of the quiet time is left out: due at 9.5 s at least.
    clock.pass_by(9.2)
    assert queue.claim(catalog, owner="w", lease_s=30) is None
    clock.pass_by(0.6)
    assert take(catalog).key == entry(1).SeriesInstanceUID


def test_a_dead_workers_job_is_taken_when_its_lease_is_over(catalog: Catalog, clock: Clock) -> None:
    queue.enqueue(catalog, "k", "a")
    lost = take(catalog, "w1", lease_s=30)
    clock.pass_by(31)

    found = take(catalog, "w2")

    assert (found.key, found.attempts) == ("a", 2)
    queue.complete(catalog, lost)  # the first worker was only slow
    queue.fail(catalog, lost, "late")
    assert not queue.extend(catalog, lost, lease_s=30)
    assert [job.lease_owner for job in queue.list_jobs(catalog)] == ["w2"]


def test_a_lease_can_be_made_longer(catalog: Catalog, clock: Clock) -> None:
    queue.enqueue(catalog, "k", "a")
    job = take(catalog, "w1", lease_s=30)
    clock.pass_by(20)
    assert queue.extend(catalog, job, lease_s=30)
    clock.pass_by(20)

    assert queue.claim(catalog, owner="w2", lease_s=30) is None


def test_what_is_enqueued_while_it_runs_is_run_again(catalog: Catalog, clock: Clock) -> None:
    catalog.commit_instance(entry(1))
    clock.pass_by(11)
    job = take(catalog)
    catalog.commit_instance(entry(2))

    queue.complete(catalog, job)

    (again,) = (other for other in queue.list_jobs(catalog) if other.kind == job.kind)
    assert again.lease_owner is None
    assert again.attempts == 0
    assert again.run_after == clock.time + timedelta(seconds=10)


def test_a_failed_job_comes_again_later_and_later(catalog: Catalog, clock: Clock) -> None:
    queue.enqueue(catalog, "k", "a")
    waits = []
    for _ in range(14):
        job = take(catalog)
        queue.fail(catalog, job, "decoder gave up\x00")
        [due] = [waiting.run_after for waiting in queue.list_jobs(catalog)]
        waits.append((due - clock.time).total_seconds())
        assert queue.claim(catalog, owner="w1", lease_s=30) is None
        clock.time = due

    assert waits[:4] == [5, 10, 20, 40]
    assert waits[-1] == 3600
    assert queue.list_jobs(catalog)[0].last_error == "decoder gave up"


def test_asking_again_for_a_job_moves_it_and_forgets_its_failures(
    catalog: Catalog, clock: Clock
) -> None:
    queue.enqueue(catalog, "k", "a")
    queue.fail(catalog, take(catalog), "no")

    queue.enqueue(catalog, "k", "a", payload={"n": 2})

    (job,) = queue.list_jobs(catalog)
    assert (job.run_after, job.attempts, job.payload) == (clock.time, 0, {"n": 2})


def test_a_cancelled_job_is_gone_also_while_it_runs(catalog: Catalog) -> None:
    queue.enqueue(catalog, "k", "a")
    job = take(catalog)

    assert queue.cancel(catalog, "k", "a")
    queue.fail(catalog, job, "late")

    assert queue.list_jobs(catalog) == []
    assert not queue.cancel(catalog, "k", "a")


def test_no_job_is_taken_twice_by_workers_at_once(catalog: Catalog) -> None:
    for key in range(30):
        queue.enqueue(catalog, "k", str(key))
    taken: list[str] = []

    def work(owner: str) -> None:
        while job := queue.claim(catalog, owner=owner, lease_s=300):
            taken.append(job.key)

    threads = [threading.Thread(target=work, args=(f"w{k}",)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert sorted(taken, key=int) == [str(key) for key in range(30)]


def test_events_are_polled_in_order_and_their_numbers_never_come_again(
    catalog: Catalog, clock: Clock
) -> None:
    facts = [SeriesFlushed(SeriesInstanceUID=f"1.{k}") for k in range(5)]
    for fact in facts:
        catalog.append_event(fact)
        clock.pass_by(60)

    assert catalog.poll_events(0) == list(enumerate(facts, start=1))
    assert catalog.poll_events(3, limit=1) == [(4, facts[3])]
    assert catalog.poll_events(5) == []
    assert prune_events(catalog.connections, START + timedelta(seconds=90)) == 2
    assert [number for number, _ in catalog.poll_events(0)] == [3, 4, 5]
    assert prune_events(catalog.connections, clock.time + timedelta(days=1)) == 2
    catalog.append_event(ChildRestarted(process="web", exit_code=-9))
    assert [number for number, _ in catalog.poll_events(0)] == [5, 6]
    assert catalog.last_event_id() == 6


def test_an_event_of_a_kind_that_is_not_known_here_is_left_out(catalog: Catalog) -> None:
    with catalog.connections.write() as connection:
        connection.exec_driver_sql("insert into event (kind, fields, at) values ('new', '{}', 0)")
    catalog.append_event(SeriesFlushed(SeriesInstanceUID="1.2"))

    assert [number for number, _ in catalog.poll_events(0)] == [2]
