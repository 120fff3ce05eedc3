"""Loading a series that is not in memory, beside reading its files.

`uv run python benchmarks/cold.py`.

The series of `load.py`: 400 × 512² int16, uncompressed. Before each call every file is put out of
the page cache, and `fincore` (util-linux) asked whether it is; without root, and so without what
lies beneath: a virtual machine's host keeps a cache of its own, for all candidates alike. The
catalogue is warm. Candidates take turns in one process. Takes about a minute; `--planes 40
--rounds 1` is a smoke test.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from harness import DOCUMENT, describe_machine, write_section
from load import files_of, fill, load_float, load_stored

TITLE = "Loading a series from disk"
NULL, STORED, FLOAT = "cat > /dev/null", "noctis, stored", "noctis, float32"
LIMIT = 1.3


def read_to_null(root: Path) -> Callable[[], object]:
    """Give what only reads the files, in the order of the stack."""
    command = ["cat", *files_of(root)]
    return lambda: subprocess.run(command, stdout=subprocess.DEVNULL, check=True)


CANDIDATES = {NULL: read_to_null, STORED: load_stored, FLOAT: load_float}


def forget(files: Sequence[str]) -> None:
    """Put files out of the page cache.

    Raises
    ------
    SystemExit
        They are still in it: what would be measured is memory.
    """
    for path in files:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)  # what is not on the disk cannot be forgotten
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(descriptor)
    held = resident_bytes(files)
    if held:
        raise SystemExit(f"{held} bytes of the files stay in the page cache: nothing is cold here")


def resident_bytes(files: Sequence[str]) -> int:
    """Return how many bytes of files are in the page cache."""
    command = ["fincore", "--bytes", "--noheadings", "--output", "RES", *files]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return sum(map(int, told.split()))


def measure(root: Path, rounds: int) -> dict[str, list[float]]:
    """Return the seconds of each candidate's calls, round by round."""
    files = files_of(root)
    size = sum(Path(path).stat().st_size for path in files)
    calls = {name: prepare(root) for name, prepare in CANDIDATES.items()}
    for call in calls.values():
        call()  # imports, plans and the like are not what is measured
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(rounds):
        names = list(calls)
        turn = number % len(names)
        for name in (*names[turn:], *names[:turn]):
            forget(files)
            begin = time.perf_counter()
            result = calls[name]()
            seconds[name].append(time.perf_counter() - begin)
            del result
            if resident_bytes(files) < 0.99 * size:
                raise SystemExit(f"{name} did not read the files")
    return seconds


def report(seconds: dict[str, list[float]], planes: int) -> str:
    """Return the section's text."""
    lines = ["| candidate | median ms | range | ÷ cat |", "|---|---:|---:|---:|"]
    ratios = {
        name: statistics.median(
            one / other for one, other in zip(found, seconds[NULL], strict=True)
        )
        for name, found in seconds.items()
    }
    lines += [
        f"| {name} | {statistics.median(found) * 1e3:.0f} "
        f"| {min(found) * 1e3:.0f}–{max(found) * 1e3:.0f} | {ratios[name]:.2f} |"
        for name, found in seconds.items()
    ]
    verdict = "held" if ratios[STORED] <= LIMIT else "missed"
    return "\n\n".join(
        (
            (
                f"{planes} × 512² int16, uncompressed, none of it in the page cache: "
                "`uv run python benchmarks/cold.py`."
            ),
            "\n".join(lines),
            f"- stored ≤ {LIMIT:g} × reading to null: **{ratios[STORED]:.2f}**, {verdict}",
            f"{describe_machine('numpy')}.",
        )
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--planes", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=15, help="calls of each candidate")
    parser.add_argument("--folder", type=Path, help="on the disk to measure; a temporary one")
    parser.add_argument("--write", action="store_true", help=f"write into docs/{DOCUMENT.name}")
    arguments = parser.parse_args()
    if shutil.which("fincore") is None:
        raise SystemExit("fincore (util-linux) is needed to know that the files are cold")
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        root = Path(folder) / "archive"
        fill(root, arguments.planes)
        text = report(measure(root, arguments.rounds), arguments.planes)
    print(text)
    if arguments.write:
        write_section(DOCUMENT, TITLE, text)


if __name__ == "__main__":
    main()
