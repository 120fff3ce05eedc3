"""A whole archive for a journey: `noctis serve` as people start it, on ports of its own."""

from __future__ import annotations

import contextlib
import os
import queue
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pytest

SENDERS_TIMEOUT_S = 60
_START_TIMEOUT_S = 180  #: three processes, each of which imports everything


@dataclass(frozen=True, slots=True)
class Served:
    """A running `noctis serve`."""

    root: Path
    process: subprocess.Popen[str]
    dicom_port: int
    url: str  # the token URL, which signs in
    printed: list[str]

    @property
    def origin(self) -> str:
        """Scheme, host and port of the pages."""
        return self.url.split("/login")[0]


def noctis(*arguments: str, root: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run one `noctis` command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "noctis_lab", *arguments],
        capture_output=True,
        text=True,
        timeout=SENDERS_TIMEOUT_S,
        env=os.environ | {"NOCTIS_ROOT": str(root)} | environment,
        check=False,
    )


def send(program: str, served: Served, folder: Path) -> None:
    """Push a folder with a stock DCMTK sender; fails where the sender says so."""
    switches = {"storescu": ["+sd", "+r", "-R"], "dcmsend": ["+sd", "+r"]}[Path(program).name]
    subprocess.run(
        [
            program,
            *switches,
            "-aec",
            "NOCTIS_SCP",
            "127.0.0.1",
            str(served.dicom_port),
            str(folder),
        ],
        check=True,
        capture_output=True,
        timeout=SENDERS_TIMEOUT_S,
    )


def start(*command: str, root: Path, stderr: IO[str] | None = None, **environment: str) -> Served:
    """Start `noctis serve` or `demo` and wait until it has announced itself."""
    process = subprocess.Popen(
        [sys.executable, "-m", "noctis_lab", *command, "--root", str(root)],
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
        env=os.environ | {"NOCTIS_QUIET_S": "1"} | environment,
        start_new_session=True,
    )
    try:
        return _announced(process, root)
    except BaseException:
        os.killpg(process.pid, signal.SIGINT)  # else it would serve on without anybody
        process.wait(timeout=30)
        raise


def _announced(process: subprocess.Popen[str], root: Path) -> Served:
    lines: queue.Queue[str] = queue.Queue()
    printed: list[str] = []
    threading.Thread(target=_follow, args=(process, lines, printed), daemon=True).start()
    dicom_port, url = None, None
    while url is None or dicom_port is None:
        line = lines.get(timeout=_START_TIMEOUT_S)
        if not line:
            pytest.fail("noctis ended before it had announced itself")
        if receiver := re.search(r"receiver .* at \S+:(\d+)", line):
            dicom_port = int(receiver[1])
        if page := re.search(r"page +(http\S+)", line):
            url = page[1]
    return Served(root, process, dicom_port, url, printed)


def _follow(process: subprocess.Popen[str], lines: queue.Queue[str], printed: list[str]) -> None:
    assert process.stdout is not None
    with contextlib.suppress(ValueError):  # closed by who ended the process
        for line in process.stdout:
            printed.append(line)
            lines.put(line)
    lines.put("")


def stop(served: Served) -> int:
    """End it as Ctrl-C does; returns its exit code."""
    served.process.send_signal(signal.SIGINT)
    code = served.process.wait(timeout=60)
    assert served.process.stdout is not None
    served.process.stdout.close()
    return code


@contextmanager
def serving(folder: Path) -> Iterator[Served]:
    """Serve an empty archive for a block, which may end it."""
    archive = start("serve", "--port", "0", "--dicom-port", "0", root=folder / "archive")
    yield archive
    if archive.process.poll() is None:
        stop(archive)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """Serve an empty archive for one test."""
    with serving(tmp_path) as archive:
        yield archive


@pytest.fixture(scope="module")
def served_for_all(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Serve an empty archive for tests that leave it serving."""
    with serving(tmp_path_factory.mktemp("served")) as archive:
        yield archive


@pytest.fixture(scope="session")
def dcmtk(require_program: Callable[[str], str]) -> dict[str, str]:
    """Return the paths of the DCMTK programs that journeys use."""
    return {name: require_program(name) for name in ("storescu", "dcmsend", "storescp", "echoscu")}
