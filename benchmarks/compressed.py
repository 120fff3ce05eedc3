"""Loading compressed series, beside pydicom with the fastest of its plugins.

`uv run --with python-gdcm --with pyjpegls --with 'pylibjpeg[all]' python benchmarks/compressed.py`:
the three are all that pydicom decodes with, in an environment of uv's own that goes by; none is a
dependency of ours (pylibjpeg[all] holds one under the GPL, which is run here and nothing more).
Without them pydicom has no way to JPEG Lossless and HTJ2K: then the script ends, since a table
without its peer says nothing. One series of 100 × 512² int16 for each transfer syntax lies in an
archive of its own, in the page cache. What each decodes is compared before anything is timed. Takes
some ten minutes; `--planes 10 --rounds 1` is a smoke test.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from functools import partial
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
from pydicom.pixels import get_decoder
from pydicom.uid import (
    UID,
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
OURS = "noctis, stored"
COMMAND = (
    "uv run --with python-gdcm --with pyjpegls --with 'pylibjpeg[all]' "
    "python benchmarks/compressed.py"
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
    with open_lab(root, create=True) as lab, tempfile.TemporaryDirectory(dir=root.parent) as folder:
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


def stack(plugin: str, root: Path) -> Callable[[], NDArray[Any]]:
    files = (root / "files").read_text().split("\n")

    def decode(path: str) -> NDArray[Any]:
        data_set = pydicom.dcmread(path)
        data_set.pixel_array_options(decoding_plugin=plugin)
        return data_set.pixel_array

    return lambda: np.stack([decode(path) for path in files])


def measure(
    root: Path, name: str, syntax: UID, arguments: argparse.Namespace
) -> tuple[Result, ...]:
    """Return our result, and that of each plugin of pydicom which decodes the same numbers."""
    fill(root, syntax, arguments.planes)
    ours = np.asarray(load(root)())
    candidates = [Candidate(name=OURS, prepare=load)]
    for plugin in get_decoder(syntax).available_plugins:
        try:
            np.testing.assert_array_equal(stack(plugin, root)(), ours)
        except (RuntimeError, NotImplementedError, AttributeError, ValueError) as error:
            print(f"{name}: {plugin} does not decode it: {error}")
            continue
        candidates.append(Candidate(name=plugin, prepare=partial(stack, plugin)))
    if len(candidates) == 1:
        raise SystemExit(f"pydicom decodes no {name} with what is installed; run {COMMAND}")
    return compare(candidates, root, rounds=arguments.rounds, calls=arguments.calls)


def line(name: str, target: float, results: tuple[Result, ...]) -> str:
    ours, *theirs = results
    fastest, *others = sorted(theirs, key=lambda result: result.median_s)
    found = ratio(results, fastest.name, OURS)
    verdict = "held" if found >= target else "missed"
    beside = ", ".join(f"{other.name} {other.median_s * 1e3:.0f}" for other in others)
    return (
        f"| {name} | {ours.median_s * 1e3:.0f} | {fastest.median_s * 1e3:.0f} ({fastest.name}) "
        f"| {beside or '–'} | **{found:.1f}**, {verdict} | {target:g} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--planes", type=int, default=100)
    add_arguments(parser, rounds=3)
    arguments = parser.parse_args()
    lines = [
        "| transfer syntax | ours ms | pydicom ms, fastest | others | times faster | target |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, syntax, target in SYNTAXES:
        with tempfile.TemporaryDirectory() as folder:
            results = measure(Path(folder) / "archive", name, syntax, arguments)
            lines.append(line(name, target, results))
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
