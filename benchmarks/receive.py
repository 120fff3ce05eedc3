"""Receiving, beside Orthanc and storescp: `uv run python benchmarks/receive.py`.

Stock DCMTK senders push synthetic CT (530 KB) and MR (21 KB) images over the loopback into a fresh
receiver each time; receivers take turns within a round, ratios are medians of the rounds' ratios.
First as everything is shipped, then with TCP_NODELAY=1 in the environment of the peers and of the
senders, which takes Nagle's stalls away from the peers too. The *floor* is our own wire code with a
file, fdatasync and rename behind it, and nothing else: no hash, no parse, no catalogue.
Takes about fifteen minutes; `--smoke` is one round of a few images.

Peers: `Orthanc` (SQLite, SyncStorageArea) and `storescp -pdu 131072 +B` (no sync, no index) must be
installed, and are left out by name where they are not.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import secrets
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from harness import DOCUMENT, describe_machine, write_section

from noctis_lab.config import Settings
from noctis_lab.ingest.pipeline import Admission, Outcome
from noctis_lab.ingest.scp.server import Server
from noctis_lab.synthetic import ct_series, write_series

TITLE = "Receiving"
OURS, ORTHANC, STORESCP, FLOOR = "noctis", "Orthanc", "storescp", "floor"
AET = "NOCTIS_SCP"
MR = "1.2.840.10008.5.1.4.1.1.4"


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """What one sender does: `parts` folders, one association each, at the same time."""

    name: str
    program: str
    parts: tuple[Path, ...]
    count: int
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One push into one receiver."""

    seconds: float
    peak_bytes: int  # of the receiver's resident memory


def use_dcmtk() -> None:
    """Take this environment's programs off the path: pynetdicom names some as DCMTK does."""
    own = Path(sys.executable).parent
    folders = os.environ["PATH"].split(os.pathsep)
    os.environ["PATH"] = os.pathsep.join(each for each in folders if Path(each) != own)


# ---------------------------------------------------------------- receivers


@contextmanager
def running(command: Sequence[str], port: int, environment: dict[str, str]) -> Iterator[int]:
    """Hold a receiver's process, from when it answers; yields its id."""
    process = subprocess.Popen(
        command,
        env=os.environ | environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(port, process)
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args} ended with {process.returncode}")
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.02)
    raise RuntimeError(f"{process.args} does not listen")


def noctis(folder: Path, port: int) -> list[str]:
    root = str(folder / "root")
    return [sys.executable, "-m", "noctis_lab", "receive", "--root", root, "--port", str(port)]


def orthanc(folder: Path, port: int, **others: object) -> list[str]:
    configuration: dict[str, object] = {
        "StorageDirectory": str(folder / "storage"),
        "IndexDirectory": str(folder / "storage"),
        "DicomPort": port,
        "DicomAet": AET,
        "DicomCheckCalledAet": False,
        "DicomAlwaysAllowStore": True,
        "DicomThreadsCount": 4,
        "HttpServerEnabled": False,
        "Plugins": [],
        "SyncStorageArea": True,
        **others,
    }
    path = folder / "orthanc.json"
    path.write_text(json.dumps(configuration))
    return [shutil.which("Orthanc") or "/usr/sbin/Orthanc", str(path)]


def storescp(folder: Path, port: int) -> list[str]:
    (folder / "files").mkdir()
    return ["storescp", "--fork", "-pdu", "131072", "+B", "-od", str(folder / "files"), str(port)]


def floor(folder: Path, port: int) -> list[str]:
    return [sys.executable, __file__, "--serve-floor", str(folder), str(port)]


type MakeCommand = Callable[[Path, int], list[str]]
RECEIVERS: dict[str, MakeCommand] = {
    OURS: noctis,
    ORTHANC: orthanc,
    STORESCP: storescp,
    FLOOR: floor,
}
PROGRAMS = {ORTHANC: "Orthanc", STORESCP: "storescp"}


class FloorArrival:
    """Bytes to a file, durable under a final name; nothing is looked at."""

    def __init__(self, folder: Path) -> None:
        self._temporary = folder / f"{secrets.token_hex(8)}.tmp"
        self._file = self._temporary.open("wb", buffering=0)

    def write(self, data: memoryview) -> None:
        """Append."""
        self._file.write(data)

    def finish(self) -> Admission:
        """Sync, rename, sync the folder."""
        os.fdatasync(self._file.fileno())
        self._file.close()
        self._temporary.rename(self._temporary.with_suffix(".dcm"))
        folder = os.open(self._temporary.parent, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)
        return Admission(outcome=Outcome.STORED)

    def abort(self) -> None:
        """Forget."""
        self._file.close()
        self._temporary.unlink()


class FloorPipeline:
    """What `Server` needs of a pipeline."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def begin(self, *_: object, **__: object) -> FloorArrival:
        """Begin a file."""
        return FloorArrival(self._folder)


def serve_floor(folder: Path, port: int) -> None:
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    (folder / "files").mkdir(exist_ok=True)
    settings = Settings(root=folder, dicom_port=port)
    pipeline = FloorPipeline(folder / "files")
    with Server(settings, pipeline=pipeline, identify=lambda *_: "local"):  # type: ignore[arg-type]
        stop.wait()


# ---------------------------------------------------------------- senders


def send(push: Push, port: int, environment: dict[str, str]) -> float:
    """Return the seconds from the first sender's start to the last one's end."""
    options = {
        "storescu": ["--max-send-pdu", "131072", "+sd", "+r", "-R"],
        "dcmsend": ["--max-send-pdu", "131072", "+sd", "+r"],
    }[push.program]
    begin = time.perf_counter()
    senders = [
        subprocess.Popen(
            [push.program, "-aec", AET, *options, "127.0.0.1", str(port), str(part)],
            env=os.environ | environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for part in push.parts
    ]
    codes = [sender.wait() for sender in senders]
    seconds = time.perf_counter() - begin
    if any(codes):
        raise RuntimeError(f"{push.program} ended with {codes}")
    return seconds


def measure(receiver: str, push: Push, scratch: Path, environment: dict[str, str]) -> Run:
    folder = Path(tempfile.mkdtemp(prefix=f"{receiver}-", dir=scratch))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    try:
        command = RECEIVERS[receiver](folder, port)
        with running(command, port, environment) as pid:
            Path(f"/proc/{pid}/clear_refs").write_text("5")  # the peak counts from here
            seconds = send(push, port, environment)
            peak = peak_of(pid)
        stored = sum(
            path.stat().st_size > push.size_bytes // 2
            for path in folder.rglob("*")
            if path.is_file() and path.name != "index" and "catalog" not in path.parts
        )
        if stored < push.count:
            raise RuntimeError(f"{receiver} holds {stored} of {push.count} instances")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return Run(seconds=seconds, peak_bytes=peak)


def peak_of(pid: int) -> int:
    found = re.search(r"^VmHWM:\s+(\d+) kB$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return 0 if found is None else 1024 * int(found[1])


def compare(
    receivers: Sequence[str], push: Push, scratch: Path, environment: dict[str, str], rounds: int
) -> dict[str, list[Run]]:
    runs: dict[str, list[Run]] = {receiver: [] for receiver in receivers}
    for number in range(rounds):
        turn = number % len(receivers)
        for receiver in (*receivers[turn:], *receivers[:turn]):
            runs[receiver].append(measure(receiver, push, scratch, environment))
            print(f"  {push.name} → {receiver}: {runs[receiver][-1].seconds:.2f} s", flush=True)
    return runs


# ---------------------------------------------------------------- what is sent


def make_images(folder: Path, count: int, size: int, parts: int, **elements: str) -> list[Path]:
    """Write `parts` folders of images of `size`² int16, each a series of one study."""
    noise = np.random.default_rng(0).integers(-1000, 3000, (size, size), np.int16)
    folders = []
    for part in range(parts):
        series = ct_series(
            planes=max(count // parts, 1),
            rows=size,
            columns=size,
            stored=lambda index: noise + np.int16(index % 100),
            seed=f"{folder.name}-{part}",
            elements=elements,
        )
        for dataset in series:
            dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
        folders.append(folder / str(part))
        write_series(series, folders[-1])
    return folders


def make_pushes(folder: Path, *, ct: int, mr: int, large: int) -> dict[str, Push]:
    pushes: dict[str, Push] = {}

    def add(name: str, program: str, parts: list[Path]) -> None:
        files = [path for part in parts for path in part.rglob("*.dcm")]
        pushes[name] = Push(
            name=name,
            program=program,
            parts=tuple(parts),
            count=len(files),
            size_bytes=files[0].stat().st_size,
        )

    one_ct = make_images(folder / "ct1", ct, 512, 1)
    one_mr = make_images(folder / "mr1", mr, 101, 1, SOPClassUID=MR, Modality="MR")
    add("storescu, CT", "storescu", one_ct)
    add("dcmsend, CT", "dcmsend", one_ct)
    add("storescu, MR", "storescu", one_mr)
    add("dcmsend, MR", "dcmsend", one_mr)
    add("storescu, CT × 4", "storescu", make_images(folder / "ct4", ct, 512, 4))
    four_mr = make_images(folder / "mr4", 4 * mr, 101, 4, SOPClassUID=MR, Modality="MR")
    add("storescu, MR × 4", "storescu", four_mr)
    add("storescu, 2 large", "storescu", make_images(folder / "large", 2, large, 1))
    return pushes


# ---------------------------------------------------------------- the report


def to_table(results: dict[str, tuple[Push, dict[str, list[Run]]]], receivers: list[str]) -> str:
    lines = [
        "| stock sender | " + " | ".join(f"{receiver} /s" for receiver in receivers) + " | ratio |",
        "|---|" + "---:|" * (len(receivers) + 1),
    ]
    for name, (push, runs) in results.items():
        cells = []
        for receiver in receivers:
            rates = [push.count / run.seconds for run in runs[receiver]]
            median = statistics.median(rates)
            cells.append(
                f"{median:.{0 if median >= 10 else 1}f} ({min(rates):.0f}–{max(rates):.0f})"
            )
        found = ratio(runs, ORTHANC)
        cells.append("–" if found is None else f"{found:.2f}")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def ratio(runs: dict[str, list[Run]], reference: str) -> float | None:
    """Return how many times as fast we are: the median of the rounds' ratios."""
    if reference not in runs:
        return None
    pairs = zip(runs[reference], runs[OURS], strict=True)
    return statistics.median(other.seconds / own.seconds for other, own in pairs)


def large_line(push: Push, runs: dict[str, list[Run]]) -> str:
    parts = []
    for receiver, each in runs.items():
        rate = push.count * push.size_bytes / statistics.median(run.seconds for run in each) / 1e6
        peak = statistics.median(run.peak_bytes for run in each) / 1e6
        parts.append(f"{receiver} {rate:.0f} MB/s, peak RSS {peak:.0f} MB")
    return f"{push.count} × {push.size_bytes / 1e6:.0f} MB: " + "; ".join(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--ct", type=int, default=100, help="CT images a push")
    parser.add_argument("--mr", type=int, default=200, help="MR images a push and association")
    parser.add_argument("--large", type=int, default=10_240, help="side of a large image")
    parser.add_argument("--only", default="", help="a part of the pushes' names")
    parser.add_argument("--nodelay-only", action="store_true", help="leave the first part out")
    parser.add_argument("--smoke", action="store_true", help="one round of a few images")
    parser.add_argument("--write", action="store_true", help=f"write into docs/{DOCUMENT.name}")
    parser.add_argument("--serve-floor", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    use_dcmtk()
    if arguments.serve_floor:
        serve_floor(Path(arguments.serve_floor[0]), int(arguments.serve_floor[1]))
        return
    if arguments.smoke:
        arguments.rounds, arguments.ct, arguments.mr, arguments.large = 1, 8, 8, 1024
    receivers = [name for name in RECEIVERS if shutil.which(PROGRAMS.get(name, "python3"))]
    sections = []
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="receive-")))
        pushes = make_pushes(
            scratch / "images", ct=arguments.ct, mr=arguments.mr, large=arguments.large
        )
        pushes = {name: push for name, push in pushes.items() if arguments.only in name}
        for title, environment in (
            ("As shipped", {}),
            ("With TCP_NODELAY=1 for peers and senders", {"TCP_NODELAY": "1"}),
        ):
            if arguments.nodelay_only and not environment:
                continue
            print(title)
            results = {
                name: (push, compare(receivers, push, scratch, environment, arguments.rounds))
                for name, push in pushes.items()
                # Nagle stalls once a message: of large ones and of four at once it tells nothing.
                if environment or not ("×" in name or "large" in name)
            }
            sections.append(report(title, results, receivers))
    head = (
        f"Instances per second; ratio is ours ÷ Orthanc. {arguments.rounds} rounds of "
        f"{arguments.ct} CT or {arguments.mr} MR images (× 4: four associations at once): "
        "`uv run python benchmarks/receive.py`."
    )
    body = "\n\n".join(
        [
            head,
            *sections,
            f"{describe_machine('pynetdicom', 'pydicom')}.",
        ]
    )
    print(body)
    if arguments.write:
        write_section(DOCUMENT, TITLE, body)


def report(
    title: str, results: dict[str, tuple[Push, dict[str, list[Run]]]], receivers: list[str]
) -> str:
    small = {name: result for name, result in results.items() if "large" not in name}
    parts = [f"{title}:", to_table(small, receivers)] if small else [f"{title}:"]
    parts += [f"{large_line(*result)}." for name, result in results.items() if "large" in name]
    share = [ratio(runs, FLOOR) for _, runs in small.values() if FLOOR in runs]
    if share:
        named = zip(small, share, strict=True)
        parts.append("Ours ÷ floor: " + ", ".join(f"{name} {found:.2f}" for name, found in named))
    return "\n\n".join(parts)


if __name__ == "__main__":
    main()
