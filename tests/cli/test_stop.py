"""A service ends at the first signal, however many come and whatever it is doing just then."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys

import pytest

SERVICE = """
from noctis_lab.cli.supervisor import run_supervised

def run(stop, ready):
    ready(None)
    while not stop.wait(0.0001):
        pass

run_supervised(run, supervised=True)
"""
SUPERVISOR = """
import signal
from noctis_lab.cli.supervisor import Supervisor, end_on_signals

supervisor = Supervisor(on_restart=lambda name, code: None)
end_on_signals(supervisor.stop)
print("ready", flush=True)
supervisor.watch()
supervisor.close()
"""
#: A signal that the main thread does not see, as one that comes just before it waits for a lock.
UNSEEN = """
import signal, threading, time
from noctis_lab.cli.supervisor import Supervisor, end_on_signals

supervisor = Supervisor(on_restart=lambda name, code: None)
end_on_signals(supervisor.stop)

def interrupt():
    time.sleep(0.5)
    signal.pthread_kill(threading.get_ident(), signal.SIGINT)

threading.Thread(target=interrupt, daemon=True).start()
supervisor.watch()
supervisor.close()
"""


def test_a_signal_is_heard_while_the_main_thread_waits_for_a_lock() -> None:
    assert subprocess.run([sys.executable, "-c", UNSEEN], timeout=20, check=False).returncode == 0


@pytest.mark.parametrize("program", [SERVICE, SUPERVISOR], ids=["service", "supervisor"])
def test_many_signals_at_once_end_it_as_one_does(program: str) -> None:
    # A terminal, `timeout` and systemd each signal the whole group, and parents pass it on.
    for _ in range(3):
        process = subprocess.Popen(
            [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert process.stdin is not None
        assert process.stdout is not None
        with process.stdin, process.stdout:
            assert process.stdout.readline()
            for _ in range(200):
                with contextlib.suppress(ProcessLookupError):
                    process.send_signal(signal.SIGTERM)
            try:
                # A signal that comes while the interpreter itself ends finds no handler any more.
                assert process.wait(10) in (0, -signal.SIGTERM)
            finally:
                process.kill()
                process.wait()
