"""The supervisor outlives what goes wrong around it: reports, crash loops, an early stop."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from noctis_lab.catalog.store import open_catalog
from noctis_lab.cli.supervisor import Supervisor
from noctis_lab.errors import CatalogLocked

pytestmark = pytest.mark.slow


@contextmanager
def watched(supervisor: Supervisor) -> Iterator[threading.Thread]:
    thread = threading.Thread(target=supervisor.watch)
    thread.start()
    try:
        yield thread
    finally:
        supervisor.stop()
        thread.join(20)
        supervisor.close()


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def kill(supervisor: Supervisor, name: str) -> int:
    pid = supervisor.pid(name)
    os.kill(pid, signal.SIGKILL)
    return pid


@pytest.fixture
def root(tmp_path: Path) -> list[str]:
    with open_catalog(tmp_path, may_migrate=True):
        return ["--root", str(tmp_path)]


def test_a_report_that_fails_does_not_end_the_archive(root: list[str]) -> None:
    def refuse(_name: str, _exit_code: int) -> None:
        raise CatalogLocked("somebody else writes")

    supervisor = Supervisor(on_restart=refuse)
    supervisor.start("worker", root)
    with watched(supervisor) as thread:
        before = kill(supervisor, "worker")
        wait_until(lambda: supervisor.pid("worker") != before)
        assert thread.is_alive()


def test_a_child_that_keeps_dying_does_not_hold_up_another(root: list[str]) -> None:
    deaths: list[str] = []
    supervisor = Supervisor(on_restart=lambda name, _exit_code: deaths.append(name))
    supervisor.start("receive", [*root, "--port", "0"])
    supervisor.start("worker", root)
    with watched(supervisor):
        for _ in range(3):  # the fourth start is four seconds away
            dead = kill(supervisor, "worker")
            wait_until(lambda dead=dead: supervisor.pid("worker") != dead)  # type: ignore[misc]
        dead = kill(supervisor, "worker")
        wait_until(lambda: deaths == ["worker"] * 4)
        before = kill(supervisor, "receive")
        wait_until(lambda: supervisor.pid("receive") != before)
        assert supervisor.pid("worker") == dead


def test_nothing_starts_after_the_word_to_stop() -> None:
    supervisor = Supervisor(on_restart=lambda _name, _exit_code: None)
    supervisor.stop()
    assert supervisor.start("worker", []) is None
    with pytest.raises(KeyError):
        supervisor.pid("worker")
