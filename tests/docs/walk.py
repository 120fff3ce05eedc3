"""Walk through a page of the documentation as a reader does, and stop where it is not so.

``python -m tests.docs.walk PAGE [DEMO]`` runs the page's fenced blocks in order, in a home of its
own; DEMO is the root of a demo that is there already, copied into the home:

* ``sh``: bash; one that begins with ``noctis serve`` or ``noctis demo`` runs on beside the others,
  as it does in a terminal of its own, until the walk ends.
* ``sh modality``: bash in another network namespace, 192.0.2.2, that reaches this one as 192.0.2.1.
* ``python``: one interpreter for the whole page.
* ``text``: what the block before it has to have printed, ``…`` standing for anything.

Run by `unshare`, it has the machine's ports for itself.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

_FENCE: Final = re.compile(r"^```(\S+)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SERVES: Final = re.compile(r"noctis (serve|demo)\b")
_BLOCK_S: Final = 120
_START_S: Final = 60
_PYTHON: Final = """
import sys
names = {}
while block := sys.stdin.read(int(sys.stdin.readline() or 0)):
    exec(compile(block, "<page>", "exec"), names)
    print("\\0", flush=True)
"""


class OffThePath(Exception):
    """The page says one thing, and another happens."""


@dataclass(slots=True)
class Walk:
    """One reader: a home, a folder, an interpreter, and what runs in other terminals."""

    home: Path
    stack: ExitStack
    modality_pid: int | None = None
    python: subprocess.Popen[str] | None = None
    environment: dict[str, str] = field(default_factory=dict)

    def run(self, kind: str, mode: str | None, block: str) -> str | None:
        """Run a block; returns what it printed, None for a kind that is not run."""
        if kind == "sh" and _SERVES.match(block):
            self._serve(block)
            return ""
        if kind == "sh":
            return self._bash(block, self._modality() if mode == "modality" else [])
        if kind == "python":
            return self._python(block)
        return None

    def _bash(self, block: str, around: list[str]) -> str:
        done = subprocess.run(
            [*around, "bash", "-e", "-o", "pipefail", "-c", block],
            cwd=self.home,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_BLOCK_S,
            check=False,
        )
        if done.returncode:
            raise OffThePath(f"exit code {done.returncode}:\n{done.stdout}")
        return done.stdout

    def _serve(self, block: str) -> None:
        log = self.home / "served.log"
        with log.open("w") as written:
            process = subprocess.Popen(
                ["bash", "-c", f"exec {block}"],
                cwd=self.home,
                env=self.environment,
                stdout=written,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.stack.callback(_end, process)
        deadline = time.monotonic() + _START_S
        while "Ctrl-C stops all" not in log.read_text():
            if process.poll() is not None or time.monotonic() > deadline:
                raise OffThePath(f"it does not serve:\n{log.read_text()}")
            time.sleep(0.1)

    def _modality(self) -> list[str]:
        if self.modality_pid is None:
            apart = subprocess.Popen(["unshare", "-n", "sleep", "infinity"])
            self.stack.callback(apart.wait)
            self.stack.callback(apart.kill)
            self.modality_pid = apart.pid
            _connect(apart.pid)
        return ["nsenter", "-t", str(self.modality_pid), "-n"]

    def _python(self, block: str) -> str:
        if self.python is None:
            self.python = subprocess.Popen(
                [sys.executable, "-c", _PYTHON],
                cwd=self.home,
                env=self.environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            self.stack.callback(_end, self.python)
        assert self.python.stdin is not None
        assert self.python.stdout is not None
        self.python.stdin.write(f"{len(block)}\n{block}")
        self.python.stdin.flush()
        printed: list[str] = []
        for line in self.python.stdout:
            if line == "\0\n":
                return "".join(printed)
            printed.append(line)
        raise OffThePath("".join(printed))


def _connect(pid: int) -> None:
    """Lay a cable between this network namespace and that of a process."""
    inside = ["nsenter", "-t", str(pid), "-n"]
    deadline = time.monotonic() + _START_S
    while os.readlink(f"/proc/{pid}/ns/net") == os.readlink("/proc/self/ns/net"):
        if time.monotonic() > deadline:
            raise OffThePath("the modality's network namespace did not begin")
        time.sleep(0.01)
    for command in (
        ["ip", "link", "add", "archive", "type", "veth", "peer", "name", "modality"],
        ["ip", "link", "set", "modality", "netns", str(pid)],
        ["ip", "address", "add", "192.0.2.1/24", "dev", "archive"],
        ["ip", "link", "set", "archive", "up"],
        [*inside, "ip", "address", "add", "192.0.2.2/24", "dev", "modality"],
        [*inside, "ip", "link", "set", "modality", "up"],
    ):
        subprocess.run(command, check=True, timeout=_BLOCK_S)


def _end(process: subprocess.Popen[str] | subprocess.Popen[bytes]) -> None:
    if process.stdin is not None:  # the interpreter: it ends with its blocks
        process.stdin.close()
    else:
        process.send_signal(signal.SIGINT if process.poll() is None else 0)
    try:
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextmanager
def _reader() -> Iterator[Walk]:
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="noctis-walk-")))
        own = Path(sys.prefix, "bin").resolve()
        programs = home / "bin"  # ours alone: pynetdicom's programs bear DCMTK's names
        programs.mkdir()
        (programs / "noctis").symlink_to(own / "noctis")
        others = [f for f in os.environ["PATH"].split(":") if Path(f).resolve() != own]
        kept = ("LANG", "PYTHONPATH", "COVERAGE_PROCESS_START")
        environment = {name: os.environ[name] for name in kept if name in os.environ}
        environment |= {"HOME": str(home), "PATH": ":".join([str(programs), *others])}
        environment |= {"NOCTIS_QUIET_S": "1", "BROWSER": "true"}
        yield Walk(home=home, stack=stack, environment=environment)


def _says(printed: str, wanted: str) -> bool:
    """Return whether it was printed, spaces and line breaks aside."""
    pieces = [re.escape(" ".join(piece.split())) for piece in wanted.split("…")]
    return re.fullmatch(r".*".join(pieces), " ".join(printed.split())) is not None


def walk(page: Path, demo: Path | None = None) -> int:
    """Walk a page, with the demo at hand or not; returns how many blocks were run.

    Raises
    ------
    OffThePath
        A block failed, or printed something else than the page says.
    """
    text, printed, count = page.read_text(encoding="utf-8"), None, 0
    with _reader() as reader:
        if demo is not None:
            shutil.copytree(demo, reader.home / demo.name, symlinks=True)
        for found in _FENCE.finditer(text):
            kind, mode, block = found.groups()
            line = text.count("\n", 0, found.start()) + 1
            if kind == "text":
                if not _says(printed or "", block):
                    raise OffThePath(f"{page.name}:{line}: printed\n{printed}\nnot\n{block}")
                continue
            try:
                printed = reader.run(kind, mode, block)
            except OffThePath as error:
                raise OffThePath(f"{page.name}:{line}: {error}") from error
            count += printed is not None
    return count


if __name__ == "__main__":
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    sys.stdout.write(f"{walk(*map(Path, sys.argv[1:]))} blocks\n")
