"""The shared real series: one CatPhan 504, and everything else, which is no phantom."""

from __future__ import annotations

import csv
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
import xarray as xr

import noctis_lab as nl
from noctis_lab.analysis.calibration.analyse import HuAnalysis, analyse
from noctis_lab.analysis.calibration.sensitometry import RoiFigures
from noctis_lab.errors import CannotCalibrate, NoctisError
from noctis_lab.lab import Lab

pytestmark = [pytest.mark.real_data, pytest.mark.slow, pytest.mark.timeout(300)]
CATPHAN = "ct_catphan504_varian_obi"
#: The table's names → ours.
MATERIALS = {
    "Air": "air",
    "PMP": "PMP",
    "LDPE": "LDPE",
    "Poly": "polystyrene",
    "Acrylic": "acrylic",
    "Delrin": "Delrin",
    "Teflon": "Teflon",
}


def test_a_real_catphan_measures_what_it_should(real_data: Path, tmp_path: Path) -> None:
    with nl.open_lab(tmp_path) as lab:
        lab.index(real_data / "real" / CATPHAN, in_place=True)
        volume = lab.series(Modality="CT").one().load()
    found = analyse(volume, kvp=100)
    assert found.status == "trend only"
    assert (found.found.model, found.found.direction) == ("CatPhan 504", 1)
    with (real_data / "expected_catphan_hu.tsv").open() as table:
        row = next(csv.DictReader(table, delimiter="\t"))
    for name, material in MATERIALS.items():
        expected = float(row[name].split("±")[0])
        # The table's air is the upper one, at -90 degrees, as ours is.
        assert figures_of(found, material).value == pytest.approx(expected, abs=6.5), name
        assert figures_of(found, material).se < 3, name
        # The table is of one plane, 5 mm off the module's middle, and the scanner's planes differ.
        there = analyse(volume, kvp=100, z_mm=float(row["slice_z_mm"]))
        assert there.overrides == ("z_mm",)
        assert figures_of(there, material).value == pytest.approx(expected, abs=3.0), name
    assert found.z_mm == pytest.approx(float(row["slice_z_mm"]), abs=6.0)
    assert found.lie is not None
    assert abs(found.lie.roll_deg) < 0.5
    assert found.mtf is not None
    assert 0.3 < found.mtf.f50 < 0.8
    assert found.noise_spectrum is not None
    assert found.noise_spectrum.variance_hu2 == pytest.approx(16.4**2, rel=0.2)
    # Of this air some is below what can be stored: its intercept is -1000.
    clipped = [roi.figures.clipped_fraction for roi in found.rois if roi.figures.material == "air"]
    assert min(clipped) > 0.2


def figures_of(found: HuAnalysis, material: str) -> RoiFigures:
    return next(roi.figures for roi in found.rois if roi.figures.material == material)


def iter_volumes(lab: Lab) -> Iterator[tuple[str, xr.DataArray]]:
    for series in lab.series():
        try:
            loads = [stack.load for stack in series.stacks] or [series.load]
        except NoctisError:
            loads = [series.load]
        for load in loads:
            try:
                yield series.SeriesInstanceUID, load()
            except NoctisError:
                continue


def test_nothing_else_is_taken_for_a_phantom(real_data: Path, tmp_path: Path) -> None:
    phantoms, refusals = [], []
    with warnings.catch_warnings(), nl.open_lab(tmp_path) as lab:
        warnings.simplefilter("ignore")
        lab.index(real_data / "real", in_place=True)
        for uid, volume in iter_volumes(lab):
            try:
                phantoms.append((uid, analyse(volume, kvp=None).found.model))
            except CannotCalibrate as refusal:
                refusals.append((uid, refusal.refusal))
    assert [model for _, model in phantoms] == ["CatPhan 504"]
    assert len(refusals) > 50
    assert {name for _, name in refusals} <= {
        *("not_hu", "not_a_stack", "not_axial", "too_few_planes", "no_phantom", "unrecognised"),
    }
