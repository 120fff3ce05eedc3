"""Named candidates measured side by side: interleaved, in child processes, with their memory.

Every round runs each candidate once, in an order that turns by one, in a process of its own; the
ratio is the median of the rounds' ratios, so that a machine that slows down slows both sides.
A benchmark module defines functions that prepare a call and names them in `Candidate`s::

    def copy(root: Path) -> Callable[[], object]:
        source = np.load(root / "source.npy")
        return source.copy

    results = compare([Candidate(name="copy", prepare=copy), ...], root)
    write_section(DOCUMENT, "Copying", to_table(results, reference="copy"))
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import platform
import re
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

__all__ = [
    "DOCUMENT",
    "Candidate",
    "Result",
    "add_arguments",
    "compare",
    "describe_machine",
    "ratio",
    "to_table",
    "write_section",
]

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "benchmarks.md"
_HEAD = """# Benchmarks

Each section is written by the command that it names; times are medians over rounds that take turns,
one process a candidate and round, and hold for the machine they name. Ratios are medians of the
rounds' ratios.
"""

type Call = Callable[[], object]
type Prepare = Callable[[Path], Call]


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """What is measured: a module-level function that prepares, untimed, the call to time."""

    name: str
    prepare: Prepare


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Seconds of the fastest call of each round, and the memory that the first one took."""

    name: str
    seconds: tuple[float, ...]
    peak_bytes: int  # beyond what the process held before the call, median over rounds

    @property
    def median_s(self) -> float:
        """Return the median over rounds."""
        return statistics.median(self.seconds)


def compare(
    candidates: Sequence[Candidate], root: Path, *, rounds: int = 5, calls: int = 3
) -> tuple[Result, ...]:
    """Measure candidates in turns.

    Parameters
    ----------
    candidates
        Their `prepare` is given `root` in every child process.
    root
        What was made for all of them.
    rounds
        Processes a candidate; the order turns by one from round to round.
    calls
        Timed calls in a process, after one untimed that also tells the memory.

    Returns
    -------
    tuple of Result
        In the candidates' order.
    """
    context = multiprocessing.get_context("spawn")
    seconds: dict[str, list[float]] = {each.name: [] for each in candidates}
    peaks: dict[str, list[int]] = {each.name: [] for each in candidates}
    for number in range(rounds):
        turn = number % len(candidates)
        for candidate in (*candidates[turn:], *candidates[:turn]):
            with context.Pool(1) as pool:
                fastest, peak = pool.apply(_measure, (candidate.prepare, root, calls))
            seconds[candidate.name].append(fastest)
            peaks[candidate.name].append(peak)
    return tuple(
        Result(
            name=each.name,
            seconds=tuple(seconds[each.name]),
            peak_bytes=int(statistics.median(peaks[each.name])),
        )
        for each in candidates
    )


def _measure(prepare: Prepare, root: Path, calls: int) -> tuple[float, int]:
    call = prepare(root)
    before = _memory("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
    call()
    peak = _memory("VmHWM") - before
    times = []
    for _ in range(calls):
        begin = time.perf_counter()
        result = call()
        times.append(time.perf_counter() - begin)
        del result  # else the next call would hold two
    return min(times), peak


def _memory(field: str) -> int:
    status = Path("/proc/self/status").read_text()
    found = re.search(rf"^{field}:\s+(\d+) kB$", status, re.MULTILINE)
    return 0 if found is None else 1024 * int(found[1])


def ratio(results: Sequence[Result], name: str, reference: str) -> float:
    """Return how many times longer one takes than another: the median of the rounds' ratios."""
    by_name = {result.name: result for result in results}
    pairs = zip(by_name[name].seconds, by_name[reference].seconds, strict=True)
    return statistics.median(one / other for one, other in pairs)


def to_table(results: Sequence[Result], *, reference: str) -> str:
    """Return a Markdown table: median and range in ms, ratio to the reference, peak in MB."""
    lines = [
        f"| candidate | median ms | range | ÷ {reference} | peak MB |",
        "|---|---:|---:|---:|---:|",
    ]
    for result in results:
        low, high = min(result.seconds) * 1e3, max(result.seconds) * 1e3
        lines.append(
            f"| {result.name} | {result.median_s * 1e3:.1f} | {low:.1f}–{high:.1f} "
            f"| {ratio(results, result.name, reference):.2f} | {result.peak_bytes / 1e6:.0f} |"
        )
    return "\n".join(lines)


def describe_machine(*packages: str) -> str:
    """Return one line: processor, cores, memory, kernel, Python, versions of packages."""
    model = re.search(r"^model name\s*:\s*(.+)$", _read("/proc/cpuinfo"), re.MULTILINE)
    memory = re.search(r"^MemTotal:\s+(\d+) kB$", _read("/proc/meminfo"), re.MULTILINE)
    parts = [
        platform.machine() if model is None else model[1].strip(),
        f"{len(os.sched_getaffinity(0))} cores",
        *([] if memory is None else [f"{int(memory[1]) / 2**20:.0f} GiB"]),
        f"Linux {platform.release().split('-')[0]}",
        f"Python {platform.python_version()}",
        *(f"{package} {version(package)}" for package in packages),
    ]
    return ", ".join(parts)


def _read(path: str) -> str:
    return Path(path).read_text() if Path(path).exists() else ""


def write_section(document: Path, title: str, body: str) -> None:
    """Put a section into a Markdown document, in place of the one of the same title.

    Parameters
    ----------
    document
        Made where it is missing.
    title
        Of the section, without ``##``; what follows it up to the next ``##`` is replaced.
    body
        Markdown without second-level headings.
    """
    text = document.read_text(encoding="utf-8") if document.exists() else _HEAD
    section = f"## {title}\n\n{body.strip()}\n"
    old = re.compile(rf"^## {re.escape(title)}\n.*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)
    if old.search(text):
        text = old.sub(lambda _: f"{section}\n", text).rstrip() + "\n"
    else:
        text = f"{text.rstrip()}\n\n{section}"
    document.parent.mkdir(parents=True, exist_ok=True)
    document.write_text(text, encoding="utf-8")


def add_arguments(parser: argparse.ArgumentParser, *, rounds: int = 5) -> None:
    """Add what all benchmarks take: --rounds, --calls, --write."""
    parser.add_argument("--rounds", type=int, default=rounds, help="processes a candidate")
    parser.add_argument("--calls", type=int, default=3, help="timed calls in a process")
    parser.add_argument("--write", action="store_true", help=f"write into docs/{DOCUMENT.name}")
