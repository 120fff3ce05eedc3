"""Every phantom that is known, drawn in many ways: what is measured is what was drawn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from noctis_lab.analysis.calibration.analyse import HuAnalysis, analyse
from noctis_lab.analysis.calibration.phantoms import load_phantoms
from noctis_lab.analysis.calibration.tolerances import FIGURES
from noctis_lab.errors import CannotCalibrate
from noctis_lab.synthetic import (
    PHANTOM_MODELS,
    constancy_scan,
    ct_phantom,
    pet_series,
    torso_ct,
)
from tests.analysis.phantom_volumes import SMALL, drawn, volume_of

MODELS = tuple(PHANTOM_MODELS)
WAYS: dict[str, dict[str, Any]] = {
    "lies crooked": {
        "roll_deg": 3.1,
        "tilt_deg": (0.6, -0.4),
        "center_mm": (5.0, -7.0),
        "module_z_mm": 11.3,
    },
    "free of noise, no table": {"noise_hu": 0.0, "table": False, "roll_deg": -4.2},
    "5 mm, errs": {"slice_spacing_mm": 5.0, "hu_offset": 6.0, "hu_scale": 1.02, "roll_deg": 1.0},
    "padded, coarse, noisy": {
        "padding_hu": -2000.0,
        "signed": True,
        "bits_stored": 16,
        "rescale_intercept": 0.0,
        "noise_hu": 5.0,
        "rows": 260,
        "columns": 260,
        "pixel_spacing_mm": (0.95, 0.95),
    },
}


def truth_of(model: str, options: dict[str, Any]) -> list[tuple[str, float]]:
    scale, offset = options.get("hu_scale", 1.0), options.get("hu_offset", 0.0)
    inserts = PHANTOM_MODELS[model].inserts
    pairs = [(insert.material, insert.hu_by_kvp[120]) for insert in inserts] or [("water", 0.0)]
    return sorted((material, hu * scale + offset) for material, hu in pairs)


def measured_in(found: HuAnalysis) -> list[tuple[str, float]]:
    return sorted((roi.figures.material, roi.figures.value) for roi in found.rois)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("model", MODELS)
def test_what_was_drawn_is_measured(tmp_path: Path, model: str, way: str) -> None:
    options = {"noise_hu": 3.0} | WAYS[way]
    volume = drawn(tmp_path, model, **options)
    found = analyse(volume, kvp=120)
    assert (found.found.model, found.found.direction) == (model, 1)
    truth, measured = truth_of(model, options), measured_in(found)
    assert [material for material, _ in measured] == [material for material, _ in truth]
    np.testing.assert_allclose(
        [value for _, value in measured], [value for _, value in truth], atol=1.0
    )
    step = float(volume.z[1] - volume.z[0])
    assert found.z_mm == pytest.approx(options.get("module_z_mm", 0.0), abs=step)
    tilt = options.get("tilt_deg", (0.0, 0.0))
    assert found.body.tilt_deg == pytest.approx(tilt, abs=0.05)
    assert found.body.radius_mm == pytest.approx(PHANTOM_MODELS[model].radius_mm, abs=0.1)
    if found.lie is not None:
        assert found.lie.roll_deg == pytest.approx(options.get("roll_deg", 0.0), abs=0.2)
        assert found.lie.scale == pytest.approx(1.0, abs=0.002)
        check_scale(truth_of(model, {}), measured, options)
    if PHANTOM_MODELS[model].ramp_deg is not None:
        assert found.nodes is not None
        assert found.nodes.side_mm == pytest.approx(50.0, abs=0.1)
        assert found.ramps is not None
        assert found.ramps.slice_thickness_mm == pytest.approx(step, rel=0.1)


def check_scale(
    truth: list[tuple[str, float]], measured: list[tuple[str, float]], options: dict[str, Any]
) -> None:
    slope, intercept = np.polyfit([hu for _, hu in truth], [hu for _, hu in measured], 1)
    assert slope == pytest.approx(options.get("hu_scale", 1.0), abs=0.001)
    assert intercept == pytest.approx(options.get("hu_offset", 0.0), abs=0.5)


@pytest.mark.parametrize("model", MODELS)
def test_figures_have_errors_that_their_differences_agree_with(tmp_path: Path, model: str) -> None:
    # Turned about y: its other end to the head, the images mirrored.
    volume = drawn(tmp_path, model, noise_hu=4.0, roll_deg=2.0)
    turned = volume.copy(data=volume.to_numpy()[::-1, :, ::-1])
    found = analyse(turned, kvp=120)
    assert found.found.model == model
    if found.lie is not None:
        assert found.found.direction == -1
        assert found.lie.roll_deg % 360 == pytest.approx(178.0, abs=0.2)
    assert found.figures.keys() <= FIGURES
    for name, figure in found.figures.items():
        assert np.isfinite(figure.se), name
        assert figure.se >= 0, name
    truth = truth_of(model, {})
    off = np.array([a - b for (_, a), (_, b) in zip(measured_in(found), truth, strict=True)])
    errors = [roi.figures.se for roi in sorted(found.rois, key=lambda roi: roi.figures.material)]
    # Of ten normal figures one is beyond 4.5 standard errors once in 15,000 times.
    assert float(np.abs(off / errors).max()) < 4.5


@pytest.mark.parametrize("model", ["CatPhan 604", "ACR 464"])
def test_another_voltage_gives_a_trend_and_no_verdict(tmp_path: Path, model: str) -> None:
    found = analyse(drawn(tmp_path, model, kvp=80, slice_spacing_mm=5.0), kvp=80)
    assert found.found.model == model
    assert (found.status, found.fit) == ("trend only", None)
    assert {roi.verdict for roi in found.rois} == {"no nominal"}


def test_a_scan_of_seven_planes_is_enough(tmp_path: Path) -> None:
    volume = volume_of(tmp_path, constancy_scan(3, rows=200, columns=200))
    found = analyse(volume, kvp=120, slice_thickness_mm=2.0)
    assert (found.found.model, found.status) == ("CatPhan 504", "pass")
    assert {roi.figures.plane_count for roi in found.rois} == {2}
    assert found.uniformity is not None
    assert 0 < found.uniformity.noise_se < 1
    assert found.noise_spectrum_refusal is not None
    assert found.noise_spectrum_refusal.startswith("too_few_planes")


def refusal_of(volume: xr.DataArray) -> str:
    with pytest.raises(CannotCalibrate) as refused:
        analyse(volume, kvp=120)
    return refused.value.refusal


@pytest.mark.parametrize(
    ("model", "coverage", "expected"),
    [
        ("CatPhan 504", (-12.0, 12.0), "ambiguous"),  # a 503 has the same inserts
        ("CatPhan 604", (20.0, 60.0), "unrecognised"),
        ("CatPhan 600", (-90.0, -60.0), "unrecognised"),
        ("ACR 464", (105.0, 140.0), "unrecognised"),
        ("CatPhan 504", (70.0, 110.0), "no_phantom"),
    ],
)
def test_parts_that_do_not_tell_are_refused_by_name(
    tmp_path: Path, model: str, coverage: tuple[float, float], expected: str
) -> None:
    assert refusal_of(drawn(tmp_path, model, coverage_mm=coverage)) == expected


def test_a_part_with_the_inserts_is_measured_and_says_what_it_lacks(tmp_path: Path) -> None:
    found = analyse(drawn(tmp_path, "CatPhan 504", coverage_mm=(-14.0, 50.0)), kvp=120)
    assert found.status == "pass"
    assert found.uniformity is None
    assert found.uniformity_refusal is not None
    assert found.uniformity_refusal.startswith("partial")
    assert "water_hu" not in found.figures


def test_a_phantom_beyond_the_image_is_refused(tmp_path: Path) -> None:
    volume = drawn(tmp_path, "CatPhan 504", center_mm=(75.0, 0.0))
    assert refusal_of(volume) in ("partial", "no_phantom", "unrecognised")


def test_series_of_two_things_are_refused(tmp_path: Path) -> None:
    volume = drawn(tmp_path, "CatPhan 504", noise_hu=3.0)
    values, z = volume.to_numpy(), volume.z.to_numpy()[:, None, None]
    assert refusal_of(volume.copy(data=values + 300 * (z < 0))) == "mixed"
    assert refusal_of(volume.copy(data=values + 1024 * (z < -20))) == "mixed"
    small = volume_of(
        tmp_path / "small",
        ct_phantom("water phantom", **SMALL, center_mm=(0.0, 0.0), planes=volume.sizes["z"]),
    )
    shrunk = small.isel(x=slice(None, None, 2), y=slice(None, None, 2)).to_numpy()
    padded = np.pad(shrunk, [(0, 0), (75, 75), (75, 75)], constant_values=-1000)
    assert refusal_of(volume.copy(data=np.where(z < -15, padded, values))) == "mixed"


def test_stored_values_and_other_units_are_refused(tmp_path: Path) -> None:
    volume = drawn(tmp_path, "ACR 464", slice_spacing_mm=8.0)
    assert refusal_of(volume.assign_attrs(units="1")) == "not_hu"
    assert refusal_of(volume.isel(z=0)) == "not_a_stack"
    assert refusal_of(volume.isel(z=slice(0, 2))) == "too_few_planes"


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (lambda: torso_ct(planes=24, rows=128, columns=128, gantry_tilt_deg=0.0), "no_phantom"),
        (lambda: torso_ct(planes=8, rows=64, columns=64), "not_axial"),
        (lambda: pet_series()[:6], "not_hu"),
    ],
    ids=["torso", "tilted torso", "PET"],
)
def test_patients_and_other_modalities_are_no_phantoms(
    tmp_path: Path, made: Any, expected: str
) -> None:
    assert refusal_of(volume_of(tmp_path, made())) == expected


@pytest.mark.parametrize("hu_offset", [-120.0, 120.0])
def test_a_plain_cylinder_of_another_material_is_no_water(tmp_path: Path, hu_offset: float) -> None:
    volume = drawn(tmp_path, "water phantom", slice_spacing_mm=10.0, hu_offset=hu_offset)
    assert refusal_of(volume) == "unrecognised"


def test_water_that_is_off_is_still_water(tmp_path: Path) -> None:
    volume = drawn(tmp_path, "water phantom", slice_spacing_mm=10.0, hu_offset=30.0)
    found = analyse(volume, kvp=120)
    assert (found.found.model, found.status) == ("water phantom", "fail")


@pytest.mark.parametrize("model", ["CatPhan 503", "CatPhan 504", "CatPhan 604"])
def test_a_catphans_plain_module_alone_is_no_water(tmp_path: Path, model: str) -> None:
    low, high = {phantom.model: phantom for phantom in load_phantoms()}[model].modules["uniformity"]
    volume = drawn(tmp_path, model, slice_spacing_mm=2.0, coverage_mm=(low + 3, high - 3))
    assert refusal_of(volume) == "ambiguous"


def test_a_water_phantom_in_stored_units_without_its_intercept_is_none(tmp_path: Path) -> None:
    volume = drawn(tmp_path, "water phantom", slice_spacing_mm=10.0)
    shifted = volume.copy(data=volume.to_numpy() + 1024)
    assert refusal_of(shifted) == "unrecognised"
