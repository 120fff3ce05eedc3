"""Loading a series as a volume, beside pydicom, SimpleITK and highdicom.

`uv run python benchmarks/load.py`. One CT series of 400 × 512² int16, uncompressed, lies in an
archive in a temporary folder and in the page cache. Everybody reads the same files. Takes about two
minutes; `--planes 40 --rounds 1` is a smoke test. The loaded volumes are compared once before
anything is timed.
"""

from __future__ import annotations

import argparse
import functools
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import highdicom
import numpy as np
import pydicom
import SimpleITK
from harness import (
    DOCUMENT,
    Candidate,
    Result,
    add_arguments,
    compare,
    describe_machine,
    ratio,
    to_table,
    write_section,
)
from numpy.typing import NDArray
from pydicom.pixels import apply_rescale

import noctis_lab.volumes.load  # noqa: F401  (imported before the clock starts, as the peers are)
from noctis_lab import open_lab
from noctis_lab.catalog.records import Receipt, ReceiptSource
from noctis_lab.ingest.pipeline import Pipeline
from noctis_lab.synthetic import ct_series, write_series

TITLE = "Loading a series"
COPY, STORED, FLOAT = "memcpy", "noctis, stored", "noctis, float32"
PYDICOM, PYDICOM_FLOAT, ITK = "pydicom", "pydicom + apply_rescale", "SimpleITK"
HIGHDICOM = "highdicom, float32"


def fill(root: Path, planes: int) -> None:
    """Archive one series, and list its files in the order of the stack for the others."""
    first = np.random.default_rng(0).integers(-1000, 3000, (512, 512), np.int16)
    series = ct_series(
        planes=planes,
        rows=512,
        columns=512,
        stored=lambda index: first + np.int16(index),
        rescale_intercept=-24.0,
    )
    receipt = Receipt(
        source=ReceiptSource.FOLDER,
        facility="benchmark",
        calling_aet="",
        called_aet="",
        received_at=datetime.now(UTC),
    )
    with open_lab(root, create=True) as lab, tempfile.TemporaryDirectory(dir=root.parent) as folder:
        pipeline = Pipeline(storage=lab.storage, catalog=lab.catalog, ledger=lab.ledger)
        for path in write_series(series, Path(folder)):
            pipeline.admit_file(path, receipt)
    positions = {}
    for path in (root / "instances").rglob("*.dcm"):
        header = pydicom.dcmread(path, specific_tags=["ImagePositionPatient"])
        positions[float(header.ImagePositionPatient[2])] = path
    ordered = [str(positions[z]) for z in sorted(positions)]
    (root.parent / "files").write_text("\n".join(ordered))


def files_of(root: Path) -> list[str]:
    """Return the files of the series, in the order of the stack."""
    return (root.parent / "files").read_text().split("\n")


def copy(root: Path) -> Callable[[], object]:
    source = _stack(files_of(root))
    return source.copy


def load(root: Path, **options: Any) -> Callable[[], object]:
    lab = open_lab(root)
    uid = lab.series().one().SeriesInstanceUID
    return lambda: lab.series(SeriesInstanceUID=uid).one().load(**options)


load_stored = functools.partial(load, stored=True)
load_float = functools.partial(load, dtype="float32")


def _stack(files: list[str]) -> NDArray[np.int16]:
    return np.stack([pydicom.dcmread(path).pixel_array for path in files])


def stack(root: Path) -> Callable[[], object]:
    files = files_of(root)
    return lambda: _stack(files)


def stack_float(root: Path) -> Callable[[], object]:
    files = files_of(root)

    def call() -> object:
        datasets = [pydicom.dcmread(path) for path in files]
        values = [apply_rescale(dataset.pixel_array, dataset) for dataset in datasets]
        return np.stack(values).astype(np.float32)

    return call


def read_itk(root: Path) -> Callable[[], tuple[Any, SimpleITK.Image]]:
    files = files_of(root)

    def call() -> tuple[Any, SimpleITK.Image]:
        reader = SimpleITK.ImageSeriesReader()
        reader.SetFileNames(files)
        image = reader.Execute()
        return SimpleITK.GetArrayViewFromImage(image), image  # the view does not hold its image

    return call


def read_highdicom(root: Path) -> Callable[[], Any]:
    files = files_of(root)

    def call() -> Any:
        datasets = [pydicom.dcmread(path) for path in files]
        return highdicom.get_volume_from_series(datasets, dtype=np.float32).array

    return call


CANDIDATES = (
    Candidate(name=COPY, prepare=copy),
    Candidate(name=STORED, prepare=load_stored),
    Candidate(name=FLOAT, prepare=load_float),
    Candidate(name=PYDICOM, prepare=stack),
    Candidate(name=PYDICOM_FLOAT, prepare=stack_float),
    Candidate(name=ITK, prepare=read_itk),
    Candidate(name=HIGHDICOM, prepare=read_highdicom),
)


def check(root: Path) -> None:
    """Refuse to time what does not give the same volume."""
    stored = np.asarray(stack(root)())
    np.testing.assert_array_equal(np.asarray(load_stored(root)()), stored)
    np.testing.assert_array_equal(np.asarray(load_float(root)()), stored - np.float32(24))
    view, _image = read_itk(root)()
    np.testing.assert_array_equal(np.asarray(view), stored - np.int32(24))
    np.testing.assert_array_equal(read_highdicom(root)()[::-1], stored - np.float32(24))


def report(results: tuple[Result, ...], planes: int) -> str:
    peak = next(result.peak_bytes for result in results if result.name == STORED)
    targets = (
        ("stored ≤ 2 × memcpy", ratio(results, STORED, COPY), 2.0, "≤"),
        ("pydicom ≥ 6 × stored", ratio(results, PYDICOM, STORED), 6.0, "≥"),
        ("SimpleITK ≥ 10 × stored", ratio(results, ITK, STORED), 10.0, "≥"),
        ("peak ≤ 1.05 × the array", peak / (planes * 512 * 512 * 2), 1.05, "≤"),
        ("pydicom + apply_rescale ≥ 10 × float32", ratio(results, PYDICOM_FLOAT, FLOAT), 10.0, "≥"),
    )
    lines = [
        f"- {name}: **{found:.2f}**, {_verdict(found, limit, sense)}"
        for name, found, limit, sense in targets
    ]
    return "\n\n".join(
        (
            f"{planes} × 512² int16, uncompressed, warm: `uv run python benchmarks/load.py`.",
            to_table(results, reference=COPY),
            "\n".join(lines),
            f"{describe_machine('pydicom', 'SimpleITK', 'highdicom', 'numpy')}.",
        )
    )


def _verdict(found: float, limit: float, sense: str) -> str:
    return "held" if (found <= limit if sense == "≤" else found >= limit) else "missed"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--planes", type=int, default=400)
    add_arguments(parser, rounds=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "archive"
        fill(root, arguments.planes)
        check(root)
        results = compare(CANDIDATES, root, rounds=arguments.rounds, calls=arguments.calls)
    text = report(results, arguments.planes)
    print(text)
    if arguments.write:
        write_section(DOCUMENT, TITLE, text)


if __name__ == "__main__":
    main()
