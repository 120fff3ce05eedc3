"""Loading compressed series, beside pydicom with its own plugins.

`uv run --with python-gdcm --with pyjpegls --with pylibjpeg python benchmarks/compressed.py`: the
three are pydicom's ways to JPEG Lossless, JPEG-LS and HTJ2K, and no dependencies of ours. One
series of 100 × 512² int16 for each transfer syntax lies in an archive of its own, in the page
cache. What both decode is compared before anything is timed. Takes some five minutes;
`--planes 10 --rounds 1` is a smoke test.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from harness import (
    DOCUMENT,
    Candidate,
    Result,
    add_arguments,
    compare,
    describe_machine,
    ratio,
    write_section,
)
from numpy.typing import NDArray
from pydicom.uid import (
    HTJ2KLossless,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)
from scipy.ndimage import gaussian_filter

from noctis_lab import open_lab
from noctis_lab.synthetic import ct_series, write_series

TITLE = "Loading compressed series"
OURS, PYDICOM = "noctis, stored", "pydicom"
COMMAND = (
    "uv run --with python-gdcm --with pyjpegls --with pylibjpeg python benchmarks/compressed.py"
)
#: Transfer syntax and how many times faster than pydicom we want to be.
SYNTAXES = (
    ("JPEG Lossless SV1 (.70)", JPEGLosslessSV1, 4.0),
    ("JPEG-LS Lossless (.80)", JPEGLSLossless, 2.5),
    ("JPEG 2000 Lossless (.90)", JPEG2000Lossless, 1.0),
    ("HTJ2K Lossless (.201)", HTJ2KLossless, 4.0),
    ("RLE Lossless (.5)", RLELossless, 3.0),
)


def fill(root: Path, syntax: str, planes: int) -> None:
    """Archive one series in a transfer syntax; list its files in the stack's order."""
    random = np.random.default_rng(0)
    smooth = gaussian_filter(random.normal(0, 1, (512, 512)), 12)
    body = 1000 + 8000 * smooth + random.normal(0, 12, (512, 512))
    stored = np.clip(body, 0, 4095).astype(np.int16)
    series = ct_series(
        planes=planes,
        rows=512,
        columns=512,
        transfer_syntax_uid=syntax,
        stored=lambda index: np.clip(stored + index, 0, 4095).astype(np.int16),
    )
    with open_lab(root) as lab, tempfile.TemporaryDirectory(dir=root.parent) as folder:
        write_series(series, Path(folder))
        lab.index(folder)
        found = [instance.row for instance in lab.series().one().instances]
        paths = [instance.path for instance in lab.series().one().instances]
    along = [0.0 if row.plane.position_mm is None else row.plane.position_mm[2] for row in found]
    ordered = [str(path) for _, path in sorted(zip(along, paths, strict=True))]
    (root / "files").write_text("\n".join(ordered))


def load(root: Path) -> Callable[[], object]:
    lab = open_lab(root)
    uid = lab.series().one().SeriesInstanceUID
    return lambda: lab.series(SeriesInstanceUID=uid).one().load(stored=True)


def stack(root: Path) -> Callable[[], NDArray[Any]]:
    files = (root / "files").read_text().split("\n")
    return lambda: np.stack([pydicom.dcmread(path).pixel_array for path in files])


CANDIDATES = (Candidate(name=OURS, prepare=load), Candidate(name=PYDICOM, prepare=stack))


def measure(root: Path, syntax: str, arguments: argparse.Namespace) -> tuple[Result, ...] | str:
    """Return both results, or why pydicom has none."""
    fill(root, syntax, arguments.planes)
    try:
        theirs = stack(root)()
    except (RuntimeError, NotImplementedError, AttributeError, ValueError) as error:
        return f"pydicom does not decode it ({type(error).__name__})"
    np.testing.assert_array_equal(np.asarray(load(root)()), theirs)
    return compare(CANDIDATES, root, rounds=arguments.rounds, calls=arguments.calls)


def line(name: str, target: float, results: tuple[Result, ...] | str) -> str:
    if isinstance(results, str):
        return f"| {name} | | | {results} | {target:g} |"
    found = ratio(results, PYDICOM, OURS)
    verdict = "held" if found >= target else "missed"
    ours, theirs = (result.median_s * 1e3 for result in results)
    return f"| {name} | {ours:.0f} | {theirs:.0f} | **{found:.1f}**, {verdict} | {target:g} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--planes", type=int, default=100)
    add_arguments(parser, rounds=3)
    arguments = parser.parse_args()
    lines = ["| transfer syntax | ours ms | pydicom ms | times faster | target |"]
    lines.append("|---|---:|---:|---:|---:|")
    for name, syntax, target in SYNTAXES:
        with tempfile.TemporaryDirectory() as folder:
            lines.append(line(name, target, measure(Path(folder) / "archive", syntax, arguments)))
        print(lines[-1])
    text = "\n\n".join(
        (
            f"{arguments.planes} × 512² int16 with values of 12 bits, warm: `{COMMAND}`.",
            "\n".join(lines),
            f"{describe_machine('pydicom', 'imagecodecs', 'numpy')}.",
        )
    )
    if arguments.write:
        write_section(DOCUMENT, TITLE, text)


if __name__ == "__main__":
    main()
