"""Planes through a volume, beside scipy and SimpleITK: `uv run python benchmarks/reslice.py`.

A volume of 300 × 512² int16 lies in memory; an oblique plane of 512² is read from it linearly, and
the maximum of 20 such planes. All give float32 with the same value outside, and are compared once
before anything is timed. Takes about three minutes; `--planes 60 --rounds 1` is a smoke test.
"""

from __future__ import annotations

import argparse
import functools
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK
import xarray as xr
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
from scipy.ndimage import map_coordinates

from noctis_lab.volumes import accessor as accessor  # registers `.dicom`

TITLE = "Reslicing"
JIT, NOCTIS, SCIPY, ITK = "noctis, [jit]", "noctis", "scipy map_coordinates", "SimpleITK"
OUTSIDE = -1024.0
SIZE, SAMPLES = 512, 20
SPACING_MM = (1.0, 0.7, 0.7)  # z, y, x
NORMAL, UP = np.array([0.2, 0.4, 0.9]), np.array([0.0, -1.0, 0.3])


def fill(root: Path, planes: int) -> None:
    """Keep a volume for all of them: smooth, with noise, as a CT is."""
    rng = np.random.default_rng(0)
    z, y, x = np.ogrid[:planes, :512, :512]
    waves = 600 * np.sin(z / 17) * np.cos(y / 23) * np.sin(x / 29)
    noise = rng.normal(0, 30, (planes, 512, 512)).astype(np.float32)
    np.save(root / "volume.npy", (waves + noise).astype(np.int16))


def _stored(root: Path) -> NDArray[np.int16]:
    stored: NDArray[np.int16] = np.load(root / "volume.npy")
    return stored


def noctis(root: Path, *, samples: int, jit: bool) -> Callable[[], Any]:
    stored = _stored(root)
    along = [np.arange(size) * step for size, step in zip(stored.shape, SPACING_MM, strict=True)]
    geometry = {"direction": [0, 0, 1, 0, 1, 0, 1, 0, 0], "spacing_mm": list(SPACING_MM)}
    volume = xr.DataArray(
        stored,
        dims=("z", "y", "x"),
        coords={**dict(zip("zyx", along, strict=True)), "patient_lps": ((), 0, geometry)},
    )
    centre = [float(axis[len(axis) // 2]) for axis in reversed(along)]
    options: dict[str, Any] = {
        "centre_mm": centre, "normal": NORMAL, "up": UP, "shape": (SIZE, SIZE),
        "spacing_mm": 0.7, "fill": OUTSIDE, "jit": jit,
    }  # fmt: skip
    if samples == 1:
        return lambda: volume.dicom.reslice(**options).values
    return lambda: (
        volume.dicom.slab(thickness_mm=samples * 0.7, sampling_mm=0.7, how="max", **options).values
    )


def _grid(shape: tuple[int, ...], samples: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the directions (rows: z, y, x of the slab, LPS) and its first place, mm."""
    normal = NORMAL / np.linalg.norm(NORMAL)
    down = normal * (normal @ UP) - UP
    down /= np.linalg.norm(down)
    directions = np.array([normal, down, np.cross(down, normal)])
    centre = np.array([(size // 2) * step for size, step in zip(shape, SPACING_MM, strict=True)])
    half = (np.array([samples, SIZE, SIZE]) - 1) / 2 * 0.7
    return directions, centre[::-1] - half @ directions


def scipy(root: Path, *, samples: int) -> Callable[[], Any]:
    stored = _stored(root)
    directions, first = _grid(stored.shape, samples)
    steps = directions[:, ::-1] * 0.7 / SPACING_MM  # in index space
    start = first[::-1] / SPACING_MM

    def plane(sample: int) -> NDArray[np.float32]:
        rows, columns = np.mgrid[:SIZE, :SIZE]
        index = (
            start + sample * steps[0] + rows[..., None] * steps[1] + columns[..., None] * steps[2]
        )
        found = np.empty((SIZE, SIZE), np.float32)
        map_coordinates(
            stored, np.moveaxis(index, -1, 0), output=found, order=1, mode="constant",
            cval=np.nan, prefilter=False,
        )  # fmt: skip
        return found

    def call() -> NDArray[np.float32]:
        found = plane(0)
        for sample in range(1, samples):
            np.fmax(found, plane(sample), out=found)
        return np.nan_to_num(found, copy=False, nan=OUTSIDE)

    return call


def itk(root: Path, *, samples: int) -> Callable[[], Any]:
    stored = _stored(root)
    directions, first = _grid(stored.shape, samples)
    image = SimpleITK.GetImageFromArray(stored)
    image.SetSpacing(SPACING_MM[::-1])
    resampler = SimpleITK.ResampleImageFilter()
    resampler.SetSize((SIZE, SIZE, samples))
    resampler.SetOutputSpacing((0.7, 0.7, 0.7))
    resampler.SetOutputOrigin(first.tolist())
    resampler.SetOutputDirection(directions[::-1].T.ravel().tolist())
    resampler.SetInterpolator(SimpleITK.sitkLinear)
    resampler.SetOutputPixelType(SimpleITK.sitkFloat32)
    resampler.SetDefaultPixelValue(OUTSIDE)

    def call() -> NDArray[np.float32]:
        result = resampler.Execute(image)  # its view does not keep it alive
        found: NDArray[np.float32] = SimpleITK.GetArrayViewFromImage(result).max(axis=0)
        return found

    return call


def candidates(samples: int) -> tuple[Candidate, ...]:
    makers = {
        JIT: functools.partial(noctis, jit=True),
        NOCTIS: functools.partial(noctis, jit=False),
        SCIPY: scipy,
        ITK: itk,
    }
    return tuple(
        Candidate(name=name, prepare=functools.partial(maker, samples=samples))
        for name, maker in makers.items()
    )


def check(root: Path, samples: int) -> None:
    """Refuse to time what does not give the same plane, but for the rim.

    SimpleITK goes half a voxel beyond the outermost centres, and a slab has a rim at each sample.
    """
    found = [np.asarray(candidate.prepare(root)()) for candidate in candidates(samples)]
    is_inside = np.all([values != OUTSIDE for values in found], axis=0)
    for other in found[1:]:
        is_like = np.isclose(found[0], other, rtol=1e-4, atol=1e-2)[is_inside].mean()
        if is_inside.mean() < 0.1 or is_like < 0.9:
            raise SystemExit(f"only {is_like:.2%} of the values are alike")


def report(planes: int, one: tuple[Result, ...], many: tuple[Result, ...]) -> str:
    targets = [
        f"- {name} ≤ {limit:g} ms with [jit]: **{found:.1f} ms**, "
        f"{'held' if found <= limit else 'missed'}"
        for name, results, limit in (("oblique", one, 5.0), (f"{SAMPLES}-slab", many, 50.0))
        for found in [next(r.median_s for r in results if r.name == JIT) * 1e3]
    ]
    targets += [
        f"- {name} ÷ noctis, [jit]: plane {ratio(one, name, JIT):.1f}, slab "
        f"{ratio(many, name, JIT):.1f}"
        for name in (SCIPY, ITK)
    ]
    head = (
        f"512² float32 of {planes} × 512² int16, oblique, linear; scipy in one thread, the others "
        "in all: `uv run python benchmarks/reslice.py`."
    )
    return "\n\n".join(
        (
            head,
            "One plane:",
            to_table(one, reference=JIT),
            f"Maximum of {SAMPLES} planes:",
            to_table(many, reference=JIT),
            "\n".join(targets),
            f"{describe_machine('numba', 'scipy', 'SimpleITK', 'numpy')}.",
        )
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--planes", type=int, default=300)
    add_arguments(parser, rounds=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        fill(root, arguments.planes)
        results = []
        for samples in (1, SAMPLES):
            check(root, samples)
            results.append(
                compare(candidates(samples), root, rounds=arguments.rounds, calls=arguments.calls)
            )
    text = report(arguments.planes, *results)
    print(text)
    if arguments.write:
        write_section(DOCUMENT, TITLE, text)


if __name__ == "__main__":
    main()
