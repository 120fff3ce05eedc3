"""Keep receiver, web and worker running: start, watch, restart, stop them as one."""

from __future__ import annotations

import json
import logging
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from noctis_lab.errors import NoctisError

__all__ = ["Address", "ChildFailed", "Supervisor", "end_on_signals", "run_supervised"]

logger = logging.getLogger(__name__)

STOP_TIMEOUT_S = 15.0
#: A child that ran this long before it died starts again at once; the wait doubles otherwise.
STABLE_S = 60.0
LONGEST_WAIT_S = 30.0


class ChildFailed(NoctisError, RuntimeError):
    """A process ended before it was ready, so that starting it again would not help."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a child listens."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class _Ready:
    child: _Child
    address: Address | None


@dataclass(frozen=True, slots=True)
class _Ended:
    child: _Child
    exit_code: int


@dataclass(frozen=True, slots=True)
class _Due:
    child: _Child
    failures: int


@dataclass(slots=True, eq=False)
class _Child:
    """One process: standard input is its life line, standard output its word that it is ready."""

    name: str
    arguments: tuple[str, ...]
    process: subprocess.Popen[str]
    started_at: float
    was_ready: bool = False
    failures: int = 0


@dataclass(slots=True)
class Supervisor:
    """Runs named children until `stop` is called or one fails before it was ever ready.

    Parameters
    ----------
    on_restart
        Told the name and exit code of a child that died and is started again; may raise
        `NoctisError`, which is logged.
    """

    on_restart: Callable[[str, int], None]
    _children: dict[str, _Child] = field(default_factory=dict)
    _facts: queue.Queue[_Ready | _Ended | _Due | None] = field(default_factory=queue.Queue)
    _stopping: threading.Event = field(default_factory=threading.Event)

    def start(self, name: str, arguments: Sequence[str]) -> Address | None:
        """Start a child and wait until it says that it is ready.

        Parameters
        ----------
        name
            The `noctis` command to run: receive, web or worker.
        arguments
            Its options.

        Returns
        -------
        Address or None
            Where it listens, for a child that does; None too where `stop` was called.

        Raises
        ------
        ChildFailed
            It ended first; it has said why on standard error.
        """
        if self._stopping.is_set():
            return None
        child = self._spawn(name, tuple(arguments))
        while (fact := self._facts.get()) is not None:
            if isinstance(fact, _Ended):
                raise ChildFailed(
                    f"{fact.child.name} ended with exit code {fact.exit_code} before it was ready; "
                    "its own message stands above"
                )
            if isinstance(fact, _Ready) and fact.child is child:
                self._note_ready(fact)
                return fact.address
        return None

    def pid(self, name: str) -> int:
        """Return the process id of a running child."""
        return self._children[name].process.pid

    def watch(self) -> None:
        """Restart children that die, until `stop` is called."""
        while not self._stopping.is_set():
            fact = self._facts.get()
            if isinstance(fact, _Ready):
                self._note_ready(fact)
            elif isinstance(fact, _Ended) and not self._stopping.is_set():
                self._restart(fact.child, fact.exit_code)
            elif isinstance(fact, _Due) and not self._stopping.is_set():
                self._spawn(fact.child.name, fact.child.arguments, fact.failures)

    def stop(self) -> None:
        """Ask `watch` to return; from another thread, never from a signal handler."""
        self._stopping.set()
        self._facts.put(None)

    def close(self) -> None:
        """End every child: politely, and after `STOP_TIMEOUT_S` by force."""
        self._stopping.set()
        for child in self._children.values():
            if child.process.poll() is None:
                child.process.terminate()
        deadline = time.monotonic() + STOP_TIMEOUT_S
        for child in self._children.values():
            try:
                child.process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                logger.warning("process killed", extra={"process_name": child.name})
                child.process.kill()
                child.process.wait()
            _close_streams(child.process)

    def _spawn(self, name: str, arguments: tuple[str, ...], failures: int = 0) -> _Child:
        command = [sys.executable, "-m", "noctis_lab", name, "--supervised", *arguments]
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            # One Ctrl-C reaches the supervisor alone, which then ends them in order.
            start_new_session=True,
        )
        child = _Child(name, arguments, process, time.monotonic(), failures=failures)
        self._children[name] = child
        threading.Thread(target=self._follow, args=(child,), daemon=True).start()
        return child

    def _follow(self, child: _Child) -> None:
        assert child.process.stdout is not None
        line = child.process.stdout.readline()
        if line:
            said = json.loads(line)["ready"]
            self._facts.put(_Ready(child, Address(**said) if said else None))
        self._facts.put(_Ended(child, child.process.wait()))

    def _note_ready(self, fact: _Ready) -> None:
        fact.child.was_ready = True
        if fact.address is not None:
            # Started on any free port, it has to come back on the port that was told to people.
            fact.child.arguments += ("--port", str(fact.address.port))

    def _restart(self, child: _Child, exit_code: int) -> None:
        was_stable = child.was_ready and time.monotonic() - child.started_at >= STABLE_S
        failures = 0 if was_stable else child.failures + 1
        wait_s = 0.0 if failures <= 1 else min(2.0 ** (failures - 2), LONGEST_WAIT_S)
        logger.error(
            "process died and is started again",
            extra={"process_name": child.name, "exit_code": exit_code, "wait_s": wait_s},
        )
        _close_streams(child.process)
        if wait_s:
            # Not waited for here: another child that dies meanwhile starts again at once.
            timer = threading.Timer(wait_s, self._facts.put, (_Due(child, failures),))
            timer.daemon = True
            timer.start()
        else:
            self._spawn(child.name, child.arguments, failures)
        try:
            self.on_restart(child.name, exit_code)
        except NoctisError:
            logger.exception("a restart could not be reported")


def _close_streams(process: subprocess.Popen[str]) -> None:
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            stream.close()


def run_supervised(
    run: Callable[[threading.Event, Callable[[Address | None], None]], None], *, supervised: bool
) -> None:
    """Run a service until it is told to stop.

    Parameters
    ----------
    run
        The service: gets the event that ends it and a function to call once it is ready.
    supervised
        True where a `Supervisor` started this process: readiness is then one JSON line on
        standard output, and the end of standard input (the supervisor died) is the end.
    """
    stop = threading.Event()
    end_on_signals(stop.set)
    if supervised:
        threading.Thread(target=_end_with_standard_input, args=(stop,), daemon=True).start()

    def ready(address: Address | None) -> None:
        if supervised:
            said = None if address is None else {"host": address.host, "port": address.port}
            print(json.dumps({"ready": said}), flush=True)
        elif address is not None:
            print(f"ready at {address.host}:{address.port}", flush=True)

    run(stop, ready)


def end_on_signals(act: Callable[[], None]) -> None:
    """Call a function once, in a thread of its own, at the first SIGINT or SIGTERM.

    Notes
    -----
    The interpreter writes the signal's number to a pipe as soon as it comes. A handler in Python
    waits until the main thread runs Python again, which it does not where it came to wait for a
    lock in that very moment, and interrupts it wherever it is: one that took a lock could wait for
    itself. Several signals at once are usual: a terminal and `timeout` signal the whole process
    group, and parents pass on what they get.
    """
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    wanted = {signal.SIGINT, signal.SIGTERM}

    def wait() -> None:
        while os.read(reading, 1)[0] not in wanted:
            pass
        act()

    threading.Thread(target=wait, name="noctis-signals", daemon=True).start()
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    for number in wanted:
        signal.signal(number, lambda _number, _frame: None)  # else there is none to write


def _end_with_standard_input(stop: threading.Event) -> None:
    while os.read(sys.stdin.fileno(), 4096):
        pass
    stop.set()
