"""Phantom analyses beside what was drawn, and beside pylinac.

`uv run python benchmarks/calibration.py --write` draws phantoms, measures them with both, and
writes `docs/calibration-report.md`; with NOCTIS_TEST_DATA a real CatPhan 504 as well. It fails
where a target is missed. pylinac runs in an environment of its own: it needs an older pydicom.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from harness import describe_machine

from noctis_lab import open_lab
from noctis_lab.analysis.calibration.analyse import HuAnalysis, analyse
from noctis_lab.synthetic import PHANTOM_MODELS, ct_phantom, write_series
from noctis_lab.synthetic.shapes import ct_noise_power

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "calibration-report.md"
PYLINAC = "pylinac==3.49"
_ORACLE = Path(__file__).with_name("pylinac_oracle.py")
_TIMEOUT_S = 840
_SYNTHETIC_HU, _REAL_HU, _ROLL_DEG, _CPU_S = 1.0, 6.0, 0.2, 0.5
_KINDS = {
    "CatPhan 503": "CatPhan503",
    "CatPhan 504": "CatPhan504",
    "CatPhan 600": "CatPhan600",
    "CatPhan 604": "CatPhan604",
    "ACR 464": "ACRCT",
}
#: pylinac's names of inserts → ours; air holes are told apart by neither number.
_MATERIALS = {
    "Air": "air",
    "PMP": "PMP",
    "LDPE": "LDPE",
    "Poly": "polystyrene",
    "Acrylic": "acrylic",
    "Delrin": "Delrin",
    "Teflon": "Teflon",
    "Bone": "bone",
    "Water": "water",
    "20% Bone": "20 % bone",
    "50% Bone": "50 % bone",
}
_NOISE_HU = 3.0
_WAYS: dict[str, tuple[str, dict[str, Any]]] = {
    "CatPhan 503": ("CatPhan 503", {"roll_deg": 1.0, "table": False}),
    "CatPhan 504": ("CatPhan 504", {"roll_deg": -1.0, "table": False}),
    "CatPhan 504, noise 5 HU": ("CatPhan 504", {"noise_hu": 5.0, "table": False}),
    "CatPhan 504, table": ("CatPhan 504", {"center_mm": (4.0, -6.0), "roll_deg": 2.0}),
    "CatPhan 504, leans": ("CatPhan 504", {"tilt_deg": (0.8, -0.5), "table": False}),
    "CatPhan 504, 5 mm": ("CatPhan 504", {"slice_spacing_mm": 5.0, "table": False}),
    "CatPhan 504, no noise": ("CatPhan 504", {"noise_hu": 0.0, "table": False}),
    "CatPhan 504, errs": ("CatPhan 504", {"hu_scale": 1.02, "hu_offset": 6.0, "table": False}),
    "CatPhan 600": ("CatPhan 600", {"roll_deg": 1.5, "table": False}),
    "CatPhan 604": ("CatPhan 604", {"roll_deg": -1.5, "table": False}),
    "ACR 464": ("ACR 464", {"roll_deg": 1.0, "table": False}),
}
_COLUMNS = (
    *("series", "model, score", "max from truth, HU (ours · pylinac)", "max from pylinac, HU"),
    "roll, ° (drawn · ours · pylinac)",
    "thickness, mm (drawn · ours · pylinac)",
    "s (ours · pylinac)",
    "verdict",
)


@dataclass(slots=True, kw_only=True)
class Case:
    """A series: what was drawn, what we measure, what pylinac does."""

    name: str
    model: str
    folder: Path
    drawn: Mapping[str, Any] | None
    truth: Mapping[str, float]
    at_truth: HuAnalysis  # where the truth is of one plane, measured there
    ours: HuAnalysis
    seconds: float
    planes: int
    oracle: dict[str, Any] = field(default_factory=dict)

    @property
    def is_real(self) -> bool:
        """Whether a scanner made it."""
        return self.drawn is None

    @property
    def values(self) -> dict[str, tuple[float, float]]:
        """Material → value and standard error; the first of two air holes."""
        return _values(self.ours)

    @property
    def theirs(self) -> dict[str, float]:
        """Material → pylinac's value."""
        inserts = self.oracle.get("inserts", {})
        named = {
            # The ACR's "Poly" is polyethylene.
            ("polyethylene" if self.model == "ACR 464" and name == "Poly" else material): value
            for name, value in inserts.items()
            if (material := _MATERIALS.get(name)) is not None
        }
        return {material: value for material, value in named.items() if material in self.values}

    def off_truth(self) -> float:
        """Return the largest difference of an insert from the truth, HU."""
        values = _values(self.at_truth)
        return max(abs(values[name][0] - hu) for name, hu in self.truth.items())

    def off_oracle(self) -> float | None:
        """Return the largest difference of an insert from pylinac, HU."""
        off = [abs(self.values[name][0] - hu) for name, hu in self.theirs.items()]
        return max(off) if off else None

    def oracle_off_truth(self) -> float | None:
        """Return pylinac's largest difference from what was drawn, HU; None on a real scan."""
        if self.is_real or not self.theirs:
            return None
        return max(abs(hu - self.truth[name]) for name, hu in self.theirs.items())

    def missed(self) -> Iterator[str]:
        """Yield the targets that are missed, in words."""
        limit = _REAL_HU if self.is_real else _SYNTHETIC_HU
        apart = self.off_oracle()
        if self.ours.found.model != self.model:
            yield f"taken for {self.ours.found.model}"
        if self.off_truth() > limit:
            yield f"{self.off_truth():.2f} HU from the truth"
        # Where pylinac itself is farther from what was drawn, it is no measure.
        if (
            apart is not None
            and apart > limit
            and (self.oracle_off_truth() or 0) < self.off_truth()
        ):
            yield f"{apart:.2f} HU from pylinac"
        if self.drawn is not None and self.ours.lie is not None:
            roll = self.ours.lie.roll_deg - self.drawn.get("roll_deg", 0.0)
            if abs(roll) > _ROLL_DEG:
                yield f"roll off by {roll:.2f}°"
        if self.seconds * 100 / max(self.planes, 100) > _CPU_S:
            yield f"{self.seconds:.2f} s"


def _values(found: HuAnalysis) -> dict[str, tuple[float, float]]:
    values: dict[str, tuple[float, float]] = {}
    for roi in found.rois:
        values.setdefault(roi.figures.material, (roi.figures.value, roi.figures.se))
    return values


def draw_case(name: str, folder: Path) -> Case:
    """Draw a phantom and measure it."""
    model, options = _WAYS[name]
    options = {"noise_hu": _NOISE_HU} | options
    files = write_series(ct_phantom(model, **options), folder / "files")
    volume = load(folder)
    scale, offset = options.get("hu_scale", 1.0), options.get("hu_offset", 0.0)
    truth = {
        insert.material: insert.hu_by_kvp[120] * scale + offset
        for insert in PHANTOM_MODELS[model].inserts
    }
    ours, seconds = measured(volume, kvp=120)
    return Case(
        name=name,
        model=model,
        folder=files[0].parent,
        drawn=options,
        truth=truth,
        at_truth=ours,
        ours=ours,
        seconds=seconds,
        planes=volume.sizes["z"],
    )


def real_case(data: Path, folder: Path) -> Case:
    """Measure the shared CatPhan 504."""
    own = folder / "files"
    own.mkdir(parents=True)
    for path in sorted((data / "real" / "ct_catphan504_varian_obi").iterdir()):
        shutil.copyfile(path, own / path.name)  # links are not indexed
    volume = load(folder)
    with (data / "expected_catphan_hu.tsv").open() as table:
        row = next(csv.DictReader(table, delimiter="\t"))
    truth = {
        material: float(row[name].split("±")[0])
        for name, material in _MATERIALS.items()
        if name in row
    }
    ours, seconds = measured(volume, kvp=100)
    return Case(
        name="CatPhan 504, real (Varian OBI)",
        model="CatPhan 504",
        folder=own,
        drawn=None,
        truth=truth,
        at_truth=analyse(volume, kvp=100, z_mm=float(row["slice_z_mm"])),
        ours=ours,
        seconds=seconds,
        planes=volume.sizes["z"],
    )


def load(folder: Path) -> xr.DataArray:
    """Return the one CT volume of a folder's files."""
    with open_lab(folder / "archive", create=True) as lab:
        lab.index(folder / "files", in_place=True)
        return lab.series(Modality="CT").one().load()


def measured(volume: xr.DataArray, **options: Any) -> tuple[HuAnalysis, float]:
    """Return the analysis and the least processor time of three."""
    seconds = []
    for _ in range(3):
        begin = time.process_time()
        found = analyse(volume, **options)
        seconds.append(time.process_time() - begin)
    return found, min(seconds)


def ask_oracle(cases: Sequence[Case]) -> None:
    """Let pylinac measure the same files.

    Raises
    ------
    RuntimeError
        There is no uv, or pylinac cannot be run.
    """
    uv = os.environ.get("UV") or shutil.which("uv")
    if uv is None:
        raise RuntimeError("expected uv on the path: run this by `uv run python …`")
    asked = [case for case in cases if case.model in _KINDS]
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    ran = subprocess.run(
        [
            *(uv, "run", "--quiet", "--isolated", "--no-project", "--python", version),
            *("--with", PYLINAC, "python", str(_ORACLE)),
            *(f"{_KINDS[case.model]}={case.folder}" for case in asked),
        ],
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_S,
        check=False,
    )
    if ran.returncode:
        raise RuntimeError(f"pylinac did not run: {ran.stderr.strip()[-300:]}")
    answers = json.loads(ran.stdout.splitlines()[-1])
    for case, answer in zip(asked, answers, strict=True):
        case.oracle = answer


def report(cases: Sequence[Case]) -> str:
    """Return the report as Markdown."""
    version = next((case.oracle["version"] for case in cases if "version" in case.oracle), "?")
    lines = [
        "# Phantom analyses beside the truth and pylinac",
        "",
        (
            "Written by `uv run python benchmarks/calibration.py --write`, on"
            f" {describe_machine('numpy', 'scipy')}. Targets: inserts within {_SYNTHETIC_HU:g} HU"
            f" of what was drawn and of pylinac {version}, within {_REAL_HU:g} HU on a real scan;"
            f" roll within {_ROLL_DEG:g}°; at most {_CPU_S:g} s of processor time for 100 planes."
            f" Noise of {_NOISE_HU:g} HU where nothing else is said. pylinac reads one plane of a"
            " CatPhan, so that noise moves its values more; where it is farther from what was drawn"
            " than we are, its distance from us counts for nothing."
        ),
        "",
        "| " + " | ".join(_COLUMNS) + " |",
        "|---|---|---:|---:|---|---|---|---|",
        *(_row(case) for case in cases),
        "",
        ("pylinac's slice thickness is of slices that it adds up; where it fails it says so here."),
        "",
        *_failures(cases),
        "",
        *(line for case in cases for line in _inserts(case)),
        *_resolution(cases),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _row(case: Case) -> str:
    apart, lie, ramps = case.off_oracle(), case.ours.lie, case.ours.ramps
    drawn = {} if case.drawn is None else case.drawn
    roll = (
        None if case.drawn is None else drawn.get("roll_deg", 0.0),
        None if lie is None else lie.roll_deg,
        case.oracle.get("roll_deg"),
    )
    thickness = (
        None if case.drawn is None else drawn.get("slice_spacing_mm", 2.0),
        None if ramps is None else ramps.slice_thickness_mm,
        case.oracle.get("slice_thickness_mm"),
    )
    missed = list(case.missed())
    cells = (
        case.name,
        f"{case.ours.found.model}, {case.ours.found.score:.3f}",
        f"{case.off_truth():.2f} · {_number(case.oracle_off_truth())}",
        _number(apart),
        " · ".join(_number(number) for number in roll),
        " · ".join(_number(number) for number in thickness),
        f"{case.seconds:.2f} · {_number(case.oracle.get('seconds'))}",
        "; ".join(missed) if missed else "holds",
    )
    return "| " + " | ".join(cells) + " |"


def _number(number: float | None) -> str:
    return "–" if number is None else f"{number:.2f}".replace("-", "−")


def _failures(cases: Sequence[Case]) -> list[str]:
    return [
        f"* {case.name}: pylinac fails ({case.oracle['error'].split(chr(10))[0]})"
        for case in cases
        if "error" in case.oracle
    ]


def _inserts(case: Case) -> list[str]:
    truth = "expected" if case.is_real else "drawn"
    there = _values(case.at_truth)
    rows = [
        f"| {material} | {_number(case.truth.get(material))} "
        + (f"| {_number(there[material][0])} " if case.is_real else "")
        + f"| {_number(value)} ± {se:.2f} | {_number(case.theirs.get(material))} |"
        for material, (value, se) in case.values.items()
    ]
    columns = ["insert", f"{truth}, HU", *(["ours, there"] * case.is_real), "ours", "pylinac"]
    head = [
        f"## {case.name}",
        "",
        *(
            ["What is expected is of one plane, 5 mm off the module's middle.", ""]
            if case.is_real
            else []
        ),
        "| " + " | ".join(columns) + " |",
        "|---|" + "---:|" * (len(columns) - 1),
    ]
    return [*head, *rows, ""]


def _resolution(cases: Sequence[Case]) -> list[str]:
    lines = [
        "## Resolution and noise",
        "",
        (
            "Drawn: a Gaussian blur of 0.5 mm, whose transfer function falls to a half at 0.375 and"
            " to a tenth at 0.683 mm⁻¹; noise of 9 HU² (or as said) with the power"
            " √f·exp(−(f/0.6)²), whose mean frequency is"
            f" {_mean_frequency():.3f} mm⁻¹ on these pixels."
        ),
        "",
        "| series | edge | f50, mm⁻¹ | f10, mm⁻¹ | variance, HU² | mean frequency, mm⁻¹ |",
        "|---|---|---|---|---|---|",
    ]
    for case in cases:
        mtf, noise = case.ours.mtf, case.ours.noise_spectrum
        cells = (
            case.name,
            str(case.ours.mtf_refusal) if mtf is None else mtf.source,
            "–" if mtf is None else f"{mtf.f50:.3f} ± {mtf.f50_se:.3f}",
            "–" if mtf is None else f"{mtf.f10:.3f} ± {mtf.f10_se:.3f}",
            str(case.ours.noise_spectrum_refusal)
            if noise is None
            else f"{noise.variance_hu2:.1f} ± {noise.variance_se:.1f}",
            "–" if noise is None else f"{noise.mean_mm:.3f} ± {noise.mean_se:.3f}",
        )
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def _mean_frequency() -> float:
    """Return the drawn spectrum's mean frequency on pixels of 250 / 512 mm."""
    edge = 256 / 250
    axis = (np.arange(512) + 0.5) / 512 * 2 * edge - edge
    frequency = np.hypot(axis[:, None], axis[None])
    power = ct_noise_power(frequency)
    return float((frequency * power).sum() / power.sum())


def main() -> int:
    """Measure, compare; return 1 where a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"write {DOCUMENT.name}")
    parser.add_argument("--only", nargs="*", default=list(_WAYS), help="series to draw, by name")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        cases = []
        for number, name in enumerate(asked.only):
            cases.append(draw_case(name, Path(folder, str(number))))
            print(f"{name}: {cases[-1].off_truth():.2f} HU from the truth", flush=True)
        data = os.environ.get("NOCTIS_TEST_DATA")
        if data:
            cases.append(real_case(Path(data), Path(folder, "real")))
        ask_oracle(cases)
        text = report(cases)
    if asked.write:
        DOCUMENT.write_text(text, encoding="utf-8")
    else:
        print(text)
    return 1 if any(True for case in cases for _ in case.missed()) else 0


if __name__ == "__main__":
    raise SystemExit(main())
