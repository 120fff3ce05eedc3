"""Every series of a folder, ours beside SimpleITK and dcm2niix, and why they differ.

`uv run python benchmarks/agreement.py PATH` indexes the folder in place into an archive that is
thrown away, loads every stack of every series, and looks whether each peer has the same numbers at
the same places of the patient. A difference is explained by a rule that is checked on the numbers,
or it stands as UNEXPLAINED and the command fails. `--write` writes `docs/agreement.md`.
"""

from __future__ import annotations

import argparse
import re
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import xarray as xr
from differences import Case, explain, match
from peers import PEERS, PeerVolume, private_scales

from noctis_lab import open_lab
from noctis_lab.errors import CannotStack, NoctisError, OtherObject
from noctis_lab.lab import Lab
from noctis_lab.lab.objects import Series

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "agreement.md"
_PASSING = re.compile(r"0x[0-9a-f]+|/\S+")
AGREES, COLOUR = "agrees", "colour, not compared"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One series: what we make of it, and what each peer does."""

    name: str
    ours: str
    peers: dict[str, str]

    @property
    def is_explained(self) -> bool:
        """Whether every difference has a checked reason."""
        return not any(text.startswith("UNEXPLAINED") for text in self.peers.values())


def load_stacks(series: Series) -> tuple[list[tuple[xr.DataArray, xr.DataArray]], str]:
    """Return what loads, as values and as stored values, and one sentence on it or on why not."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            volumes = [(load(), load(stored=True)) for load in _loads(series)]
    except NoctisError as error:
        reason = error.reason if isinstance(error, CannotStack) else str(error)
        return [], f"refused, {type(error).__name__}: {reason[:160]}"
    return volumes, "; ".join(_words(volume) for volume, _ in volumes)


def _loads(series: Series) -> list[Callable[..., xr.DataArray]]:
    """Return what loads each array of a series; of none, what says why."""
    try:
        stacks = series.stacks
    except OtherObject as error:  # dose grids, or segmentations
        return [partial(series.load, stack=n) for n in range(len(error.SOPInstanceUIDs))]
    return [stack.load for stack in stacks] or [series.load]


def _words(volume: xr.DataArray) -> str:
    shape = " × ".join(f"{dim} {size}" for dim, size in volume.sizes.items())
    facts = []
    if "patient_lps" in volume.coords:
        if not volume.dicom.is_regular:
            facts.append("uneven steps, kept")
        if volume.sizes.get("z", 1) > 1 and volume.dicom.tilt_deg > 0.1:
            facts.append(f"leans {volume.dicom.tilt_deg:.1f}°, kept")
    return ", ".join([shape, *facts])


def compare(series: Series) -> Line:
    """Hold one series against the peers."""
    row = series.row
    volumes, ours = load_stacks(series)
    files = [instance.path for instance in series.instances]
    told: dict[str, str] = {}
    for name, read in PEERS.items():
        try:
            theirs = read(files)
        except (RuntimeError, OSError, ValueError) as error:
            told[name] = f"no volume ({_first_line(error)})"
            continue
        if not volumes:
            shapes = ", ".join(str(volume.values.shape) for volume in theirs[:3])
            told[name] = f"gives {shapes} without a warning; we refuse by name"
            continue
        scales = private_scales(files[0])
        told[name] = "; ".join(_told(*volume, theirs, len(volumes), scales) for volume in volumes)
    title = " · ".join(
        part for part in (files[0].parent.name, row.Modality, row.SeriesInstanceUID[-12:]) if part
    )
    return Line(name=title, ours=ours, peers=told)


def _told(
    volume: xr.DataArray,
    stored: xr.DataArray,
    theirs: Sequence[PeerVolume],
    stacks: int,
    scales: tuple[float, ...],
) -> str:
    if "channel" in volume.dims:
        return COLOUR
    found = match(volume, theirs)
    if found.is_equal:
        return AGREES
    reasons = explain(
        Case(
            ours=volume,
            found=found,
            stored=match(stored, theirs),
            stacks=stacks,
            private_scales=scales,
        )
    )
    return "; ".join(reasons) if reasons else f"UNEXPLAINED: {found}"


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    # Addresses and temporary files are others each time.
    return _PASSING.sub("…", lines[-1])[:100] if lines else type(error).__name__


def report(lines: Sequence[Line]) -> str:
    """Return the report as Markdown."""
    text = [
        "# Agreement with SimpleITK and dcm2niix",
        "",
        (
            "Written by `uv run python benchmarks/agreement.py PATH --write`. *Agrees*: at 4,000"
            " random voxels the peer has, at the same place of the patient (within 0.02 voxels),"
            " the same number. Every difference is explained by a rule that was checked on the"
            " numbers."
        ),
        "",
    ]
    for peer in PEERS:
        counts = Counter(_kind(line.peers[peer]) for line in lines)
        text.append(f"* {peer}: " + ", ".join(f"{n} {kind}" for kind, n in counts.most_common()))
    head = ["series", "noctis_lab", *PEERS]
    text += ["", "| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    text += [
        "| "
        + " | ".join(_cell(cell) for cell in (line.name, line.ours, *line.peers.values()))
        + " |"
        for line in lines
    ]
    return "\n".join(text) + "\n"


def _kind(told: str) -> str:
    if told.startswith(("no volume", "UNEXPLAINED")):
        return told.split(" (")[0].split(":")[0]
    if "we refuse by name" in told:
        return "give a volume where we refuse"
    kinds = set(told.split("; "))
    if len(kinds) == 1 and kinds <= {AGREES, COLOUR}:
        return kinds.pop()
    return "differ, explained"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def lines_of(lab: Lab) -> list[Line]:
    """Compare every series that has pixels."""
    held = [series for series in lab.series() if series.row.image_count]
    lines = []
    for number, series in enumerate(held, start=1):
        lines.append(compare(series))
        print(f"{number}/{len(held)} {lines[-1].name}: {lines[-1].ours[:70]} | {lines[-1].peers}")
    return sorted(lines, key=lambda line: line.name)


def main() -> int:
    """Compare; return 1 where a difference has no explanation."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", type=Path, help="a folder of DICOM files")
    parser.add_argument("--write", action="store_true", help=f"write {DOCUMENT.name}")
    asked = parser.parse_args()
    np.seterr(all="ignore")  # peers divide by what they find
    with tempfile.TemporaryDirectory() as folder, open_lab(folder) as lab:
        lab.index(asked.path, in_place=True)
        lines = lines_of(lab)
    text = report(lines)
    if asked.write:
        DOCUMENT.write_text(text)
    else:
        print(text)
    return 0 if all(line.is_explained for line in lines) else 1


if __name__ == "__main__":
    raise SystemExit(main())
