"""Indexing a folder, beside Orthanc and a plain script: `uv run python benchmarks/index.py`.

A folder of synthetic CT images of 224² int16 (100 KB), 50 a series, goes into an empty archive each
time. It lies in the page cache; what is written goes to the disk that `--scratch` names. Candidates
take turns within a round, ratios are medians of the rounds' ratios. Takes about four minutes;
`--smoke` is one round of a hundred images.

* *noctis*, *noctis, in place*: the command `noctis index`, as long as its report says; each
  instance is synced before it is catalogued, in SQLite with `synchronous=FULL`, with all of its
  elements. What the command takes besides (start, making the archive) is told beside the table;
  nobody else's start counts either.
* *Orthanc × 4*: its REST import, four connections at a time, by SQLite with SyncStorageArea. Its
  main tags are indexed. Left out, by name, where `Orthanc` is not installed.
* *script*: what one writes in its place: pydicom reads each header up to the pixels, the file is
  copied, a few elements go into SQLite, with one commit at the end. Nothing is synced, nothing
  hashed, no content compared; a crash loses the whole run.
* *script, synced*: the same with a sync of each file, and a commit for every 32.
* *copy*: `shutil.copyfile`, unsynced, and nothing else.
"""

from __future__ import annotations

import argparse
import http.client
import json
import shutil
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from os import fdatasync
from pathlib import Path

from harness import DOCUMENT, describe_machine, write_section
from pydicom import dcmread
from receive import make_images, orthanc, running

TITLE = "Indexing a folder"
OURS, IN_PLACE, ORTHANC = "noctis", "noctis, in place", "Orthanc × 4"
SCRIPT, SYNCED, COPY = "script", "script, synced", "copy"
CONNECTIONS = 4
IMAGES_A_SERIES = 50
SIDE = 224
GROUP = 32
TARGET_PER_S = 300
KEYWORDS = (
    *("SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID", "PatientID", "StudyDate"),
    *("Modality", "InstanceNumber", "Rows", "Columns"),
)

type Index = Callable[[Path, Path], float]
"""(images, an empty folder) → seconds"""

starts_s: list[float] = []  # what each run of the command took beside its work


def noctis(images: Path, folder: Path, *options: str) -> float:
    root = str(folder / "root")
    command = ("index", str(images), "--root", root, "--json", *options)
    began_s = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "noctis_lab", *command], check=True, capture_output=True
    )
    seconds = time.perf_counter() - began_s
    told = json.loads(done.stdout)
    require(told["indexed"], images)
    starts_s.append(seconds - told["seconds"])
    return float(told["seconds"])


def noctis_in_place(images: Path, folder: Path) -> float:
    return noctis(images, folder, "--in-place")


def rest_import(images: Path, folder: Path) -> float:
    port = free_port()
    command = orthanc(
        folder,
        port,
        HttpServerEnabled=True,
        HttpPort=port,
        RemoteAccessAllowed=False,
        AuthenticationEnabled=False,
        DicomServerEnabled=False,
    )
    with running(command, port, {}):
        began_s = time.perf_counter()
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            parts = [files_of(images)[number::CONNECTIONS] for number in range(CONNECTIONS)]
            for _ in pool.map(post_all, parts, [port] * CONNECTIONS):
                pass
        seconds = time.perf_counter() - began_s
        with closing(http.client.HTTPConnection("127.0.0.1", port)) as asking:
            asking.request("GET", "/statistics")
            require(json.loads(asking.getresponse().read())["CountInstances"], images)
    return seconds


def post_all(files: Sequence[Path], port: int) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", port)) as sending:
        for path in files:
            sending.request("POST", "/instances", path.read_bytes())
            answer = sending.getresponse()
            answer.read()
            if answer.status != http.client.OK:
                raise RuntimeError(f"Orthanc answered {answer.status}")


def script(images: Path, folder: Path, *, synced: bool = False) -> float:
    began_s = time.perf_counter()
    with closing(sqlite3.connect(folder / "index.sqlite")) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=FULL")
        database.execute(f"CREATE TABLE instances ({', '.join(KEYWORDS)}, path)")
        insert = f"INSERT INTO instances VALUES ({', '.join('?' * (len(KEYWORDS) + 1))})"
        for number, path in enumerate(files_of(images), start=1):
            header = dcmread(path, stop_before_pixels=True)
            copied = folder / f"{header.SOPInstanceUID}.dcm"
            copy_file(path, copied, synced=synced)
            row = [str(header.get(keyword)) for keyword in KEYWORDS]
            database.execute(insert, [*row, str(copied)])
            if synced and number % GROUP == 0:
                database.commit()
        database.commit()
        seconds = time.perf_counter() - began_s
        require(database.execute("SELECT count(*) FROM instances").fetchone()[0], images)
    return seconds


def script_synced(images: Path, folder: Path) -> float:
    return script(images, folder, synced=True)


def copy(images: Path, folder: Path) -> float:
    began_s = time.perf_counter()
    for number, path in enumerate(files_of(images)):
        copy_file(path, folder / str(number), synced=False)
    seconds = time.perf_counter() - began_s
    require(len(list(folder.iterdir())), images)
    return seconds


def copy_file(source: Path, target: Path, *, synced: bool) -> None:
    shutil.copyfile(source, target)
    if synced:
        with target.open("rb") as file:
            fdatasync(file.fileno())


CANDIDATES: dict[str, Index] = {
    OURS: noctis,
    IN_PLACE: noctis_in_place,
    ORTHANC: rest_import,
    SCRIPT: script,
    SYNCED: script_synced,
    COPY: copy,
}


def files_of(images: Path) -> list[Path]:
    return sorted(images.rglob("*.dcm"))


def require(count: object, images: Path) -> None:
    """Refuse a figure of a run that did not take all."""
    if count != len(files_of(images)):
        raise RuntimeError(f"{count} of {len(files_of(images))} images were taken")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def compare(
    names: Sequence[str], images: Path, scratch: Path, rounds: int
) -> dict[str, list[float]]:
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for number in range(rounds):
        turn = number % len(names)
        for name in (*names[turn:], *names[:turn]):
            for path in files_of(images):
                path.read_bytes()  # into the page cache, for everybody
            with tempfile.TemporaryDirectory(dir=scratch) as folder:
                seconds[name].append(CANDIDATES[name](images, Path(folder)))
            print(f"  {name}: {seconds[name][-1]:.2f} s", flush=True)
    return seconds


def ratio(seconds: dict[str, list[float]], name: str) -> float:
    """Return how many times as fast as another we are: the median of the rounds' ratios."""
    pairs = zip(seconds[name], seconds[OURS], strict=True)
    return statistics.median(other / own for other, own in pairs)


def to_report(seconds: dict[str, list[float]], images: Path, rounds: int) -> str:
    count = len(files_of(images))
    size = sum(path.stat().st_size for path in files_of(images))
    lines = ["| candidate | files/s | MB/s | noctis is |", "|---|---:|---:|---:|"]
    for name, each in seconds.items():
        rates = [count / one for one in each]
        median = statistics.median(rates)
        lines.append(
            f"| {name} | {median:.0f} ({min(rates):.0f}–{max(rates):.0f}) "
            f"| {median * size / count / 1e6:.0f} | {ratio(seconds, name):.2f} × as fast |"
        )
    rate = statistics.median(count / one for one in seconds[OURS])
    verdict = "held" if rate >= TARGET_PER_S else "missed"
    head = (
        f"{count} files of {size / count / 1e3:.0f} KB into an empty archive, {rounds} rounds: "
        "`uv run python benchmarks/index.py`."
    )
    means = (
        "*script* and *copy* sync nothing; the scripts index nine elements of a file, Orthanc its "
        "main tags, noctis all. The command's start, and making the archive, took "
        f"{statistics.median(starts_s):.1f} s more."
    )
    target = f"- noctis ≥ {TARGET_PER_S} files/s: **{rate:.0f}**, {verdict}"
    machine = f"{describe_machine('pydicom', 'duckdb')}."
    return "\n\n".join((head, "\n".join(lines), means, target, machine))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--files", type=int, default=2_000, help="images of 100 KB")
    parser.add_argument("--scratch", type=Path, help="where to write; else the temporary folder")
    parser.add_argument("--smoke", action="store_true", help="one round of a hundred images")
    parser.add_argument("--write", action="store_true", help=f"write into docs/{DOCUMENT.name}")
    arguments = parser.parse_args()
    if arguments.smoke:
        arguments.rounds, arguments.files = 1, 100
    names = [name for name in CANDIDATES if name != ORTHANC or shutil.which("Orthanc")]
    with ExitStack() as stack:
        prefix = {"prefix": "index-", "dir": arguments.scratch}
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(**prefix)))
        images = scratch / "images"
        make_images(images, arguments.files, SIDE, max(arguments.files // IMAGES_A_SERIES, 1))
        seconds = compare(names, images, scratch, arguments.rounds)
        text = to_report(seconds, images, arguments.rounds)
    print(text)
    if arguments.write:
        write_section(DOCUMENT, TITLE, text)


if __name__ == "__main__":
    main()
