"""Doses, segmentations and structure sets made from numbers are valid DICOM."""

from __future__ import annotations

import io
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from noctis_lab.synthetic import (
    DoseOptions,
    Outline,
    SegOptions,
    circle_mm,
    ct_series,
    dose_stored,
    rt_dose,
    segmentation,
    structure_set,
)

MASKS = np.indices((2, 3, 9, 7)).sum(axis=0) % 3 == 0


def outlined() -> Dataset:
    disc = Outline(name="disc", contours=[circle_mm((0, 0, 102), 8)])
    return structure_set([disc, Outline(name="none", contours=[])], planes())


def planes() -> list[Dataset]:
    return ct_series(planes=3, rows=9, columns=7)


#: dciodvfy stops at 32-bit pixels, and knows no label maps.
KINDS: dict[str, tuple[str, Callable[[], Dataset]]] = {
    "dose": ("RTDose", lambda: rt_dose(DoseOptions(bits=16))),
    "dose, absolute, with structures": (
        "RTDose",
        lambda: rt_dose(DoseOptions(bits=16, absolute=True, ReferencedStructureSetUID="1.2.3")),
    ),
    "binary": ("Segmentation", lambda: segmentation(MASKS, planes())),
    "fractional": (
        "Segmentation",
        lambda: segmentation(MASKS, planes(), SegOptions(kind="FRACTIONAL")),
    ),
    "structures": ("RTStructureSet", outlined),
}


@pytest.mark.parametrize("kind", KINDS)
def test_dciodvfy_finds_no_error(
    kind: str, tmp_path: Path, require_program: Callable[[str], str]
) -> None:
    path = tmp_path / "instance.dcm"
    iod, make = KINDS[kind]
    make().save_as(path, enforce_file_format=True)
    done = subprocess.run(
        [require_program("dciodvfy"), str(path)], capture_output=True, text=True, check=False
    )
    said = (done.stdout + done.stderr).splitlines()
    assert iod in said, "it recognises the IOD"
    assert [line for line in said if line.startswith(("Error", "Warning"))] == []


@pytest.mark.parametrize("kind", KINDS)
def test_equal_calls_give_equal_bytes(kind: str) -> None:
    def written() -> bytes:
        stream = io.BytesIO()
        pydicom.dcmwrite(stream, KINDS[kind][1](), enforce_file_format=True)
        return stream.getvalue()

    assert written() == written()


@pytest.mark.parametrize("bits", [16, 32])
def test_doses_are_the_formulas(bits: int) -> None:
    options = DoseOptions(bits=16 if bits == 16 else 32)

    np.testing.assert_array_equal(rt_dose(options).pixel_array, dose_stored(options))


def test_packed_masks_are_those_that_were_given() -> None:
    """63 pixels a frame: each begins within a byte, and pydicom finds each."""
    dataset = segmentation(MASKS, planes(), SegOptions(sparse=False))

    np.testing.assert_array_equal(dataset.pixel_array, MASKS.reshape(6, 9, 7))
