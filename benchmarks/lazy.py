"""Reading parts of a series that is open lazily: `uv run python benchmarks/lazy.py`.

The series of `load.py`: 400 × 512² int16, uncompressed, in the page cache. Zarr holds the same
numbers in chunks of 64 × 128², zstd, as one who converts everything beforehand would have them.
Every part is compared once before anything is timed. Takes about two minutes; `--planes 40
--rounds 1` is a smoke test.
"""

from __future__ import annotations

import argparse
import functools
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from harness import (
    DOCUMENT,
    Candidate,
    Result,
    add_arguments,
    compare,
    describe_machine,
    write_section,
)
from load import fill

from noctis_lab import open_lab

TITLE = "Reading parts of a series"
OURS, DASK, ZARR = "noctis", "noctis, dask z=32", "Zarr"
type Key = tuple[slice | int, slice | int, slice | int]

WHOLE = slice(None)
#: Part, its index, and the most milliseconds that we want of our own backend.
PARTS: tuple[tuple[str, Callable[[int], Key], float | None], ...] = (
    ("axial plane", lambda planes: (planes // 2, WHOLE, WHOLE), 1.0),
    ("coronal plane", lambda _: (WHOLE, 256, WHOLE), 5.0),
    ("sagittal plane", lambda _: (WHOLE, WHOLE, 256), None),
    ("box of 64³", lambda _: (slice(0, 64), slice(200, 264), slice(200, 264)), None),
    ("all", lambda _: (WHOLE, WHOLE, WHOLE), None),
)


def _part(array: Any, number: int, planes: int) -> np.ndarray[Any, Any]:
    return np.asarray(array[PARTS[number][1](planes)])


def lazy(root: Path, number: int, chunks: dict[str, int] | None) -> Callable[[], object]:
    opened = open_lab(root).series().one().open(stored=True, chunks=chunks)
    return lambda: _part(opened, number, opened.sizes["z"])


def zarred(root: Path, number: int) -> Callable[[], object]:
    array = zarr.open_array(root.parent / "volume.zarr", mode="r")
    return lambda: _part(array, number, array.shape[0])


def opening(root: Path) -> Callable[[], object]:
    lab = open_lab(root)
    uid = lab.series().one().SeriesInstanceUID
    return lambda: lab.series(SeriesInstanceUID=uid).one().open(stored=True)


def candidates(number: int) -> tuple[Candidate, ...]:
    return (
        Candidate(name=OURS, prepare=functools.partial(lazy, number=number, chunks=None)),
        Candidate(name=DASK, prepare=functools.partial(lazy, number=number, chunks={"z": 32})),
        Candidate(name=ZARR, prepare=functools.partial(zarred, number=number)),
    )


def convert(root: Path) -> None:
    """Write the volume as Zarr, and hold every part against it."""
    volume = open_lab(root).series().one().load(stored=True).values
    zarr.create_array(root.parent / "volume.zarr", data=volume, chunks=(64, 128, 128))
    for number in range(len(PARTS)):
        expected = _part(volume, number, len(volume))
        for candidate in candidates(number):
            np.testing.assert_array_equal(candidate.prepare(root)(), expected)


def line(name: str, target: float | None, results: tuple[Result, ...]) -> str:
    cells = [f"{result.median_s * 1e3:.2f}" for result in results]
    if target is not None:
        cells[0] += f", {'held' if results[0].median_s * 1e3 <= target else 'missed'}"
    return f"| {name} | " + " | ".join(cells) + f" | {'' if target is None else f'{target:g}'} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--planes", type=int, default=400)
    add_arguments(parser, rounds=3)
    arguments = parser.parse_args()
    lines = [f"| part | {OURS} ms | {DASK} ms | {ZARR} ms | target |", "|---|---:|---:|---:|---:|"]
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "archive"
        fill(root, arguments.planes)
        convert(root)
        measure = functools.partial(compare, rounds=arguments.rounds, calls=arguments.calls)
        (opened,) = measure([Candidate(name=OURS, prepare=opening)], root)
        lines.append(f"| open | {opened.median_s * 1e3:.2f} | | | |")
        for number, (name, _, target) in enumerate(PARTS):
            lines.append(line(name, target, measure(candidates(number), root)))
    table = "\n".join(lines)
    print(table)
    if arguments.write:
        said = f"{arguments.planes} × 512² int16, warm: `uv run python benchmarks/lazy.py`."
        machine = describe_machine("xarray", "dask", "zarr", "numpy")
        write_section(DOCUMENT, TITLE, "\n\n".join((said, table, f"{machine}.")))


if __name__ == "__main__":
    main()
