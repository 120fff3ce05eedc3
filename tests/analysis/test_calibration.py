"""Phantom analyses against what the synthetic phantoms were drawn from, and a real CatPhan 504."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import noctis_lab as nl
from noctis_lab.analysis.calibration.analyse import HuAnalysis, analyse
from noctis_lab.analysis.calibration.fit import fit_line
from noctis_lab.analysis.calibration.nominals import find_nominals, load_nominals, parse_nominals
from noctis_lab.analysis.calibration.phantoms import load_phantoms, parse_phantom
from noctis_lab.errors import CannotCalibrate
from noctis_lab.synthetic import CATPHAN504_INSERTS, catphan504, ct_series
from tests.lab.filling import fill

SMALL: dict[str, Any] = {
    "rows": 320,
    "columns": 320,
    "pixel_spacing_mm": (0.8, 0.8),
    "planes": 40,
    "slice_spacing_mm": 4.0,
}


def volume_of(folder: Path, data_sets: list[Any]) -> xr.DataArray:
    with nl.open_lab(folder / "archive", create=True) as lab:
        fill(lab, data_sets, folder / "in")
        return lab.series().one().load()


def phantom(folder: Path, **options: Any) -> xr.DataArray:
    return volume_of(folder, catphan504(**(SMALL | options)))


def turned_about(volume: xr.DataArray) -> xr.DataArray:
    """Return the phantom turned by half a turn about y: its other end to the head."""
    return volume.copy(data=volume.to_numpy()[::-1, :, ::-1])


def check_inserts(found: HuAnalysis, *, scale: float = 1.0, offset: float = 0.0) -> None:
    assert len(found.rois) == len(CATPHAN504_INSERTS)
    for roi, insert in zip(found.rois, CATPHAN504_INSERTS, strict=True):
        assert roi.figures.material == insert.material
        expected = insert.hu_by_kvp[120] * scale + offset
        assert roi.figures.value == pytest.approx(expected, abs=1.0), insert.material


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"noise_hu": 0.0},
        {"slice_spacing_mm": 5.0, "planes": 30},
        {"table": False, "roll_deg": -4.0},
        {"roll_deg": 3.0, "center_mm": (6.0, -9.0), "module_z_mm": 13.3, "cupping_hu": 0.0},
    ],
    ids=["plain", "noise free", "5 mm", "rolled, no table", "off centre"],
)
def test_what_was_drawn_is_measured(tmp_path: Path, options: dict[str, Any]) -> None:
    found = analyse(phantom(tmp_path, **options), kvp=120)
    assert (found.found.model, found.found.direction) == ("CatPhan 504", 1)
    assert found.found.score >= 0.90
    assert found.found.margin >= 0.03
    assert found.lie is not None
    assert found.lie.roll_deg == pytest.approx(options.get("roll_deg", 0.0), abs=0.2)
    assert found.z_mm == pytest.approx(options.get("module_z_mm", 0.0), abs=0.5)
    assert found.lie.scale == pytest.approx(1.0, abs=0.002)
    check_inserts(found)


def test_a_phantom_the_other_way_round_is_measured_alike(tmp_path: Path) -> None:
    found = analyse(turned_about(phantom(tmp_path, roll_deg=2.0)), kvp=120)
    assert (found.found.model, found.found.direction) == ("CatPhan 504", -1)
    check_inserts(found)


def test_offset_and_scale_of_the_scanner_come_back(tmp_path: Path) -> None:
    true = phantom(tmp_path / "true")
    off = phantom(tmp_path / "off", hu_offset=7.0, hu_scale=1.02)
    before, after = analyse(true, kvp=120), analyse(off, kvp=120)
    check_inserts(after, scale=1.02, offset=7.0)
    nominal = np.array([roi.figures.value for roi in before.rois])
    measured = np.array([roi.figures.value for roi in after.rois])
    line = fit_line(nominal, measured)
    assert line.slope == pytest.approx(1.02, abs=0.001)
    assert line.intercept == pytest.approx(7.0, abs=0.5)
    assert line.agrees


def test_uniformity_and_noise_are_those_drawn(tmp_path: Path) -> None:
    found = analyse(phantom(tmp_path, noise_hu=4.0, cupping_hu=10.0), kvp=120).uniformity
    assert found is not None
    # The bowl is 10·(1 − (r/100)²) deep: its mean over a region's disc of radius R at distance d
    # is that of 1 − (d² + R²/2) / 100².
    middle = 12.0 - 10.0 * (1 - (10.0**2 / 2) / 100**2)
    outer = 12.0 - 10.0 * (1 - (53.0**2 + 10.0**2 / 2) / 100**2)
    assert found.means["center"] == pytest.approx(middle, abs=0.6)
    assert found.periphery_minus_center == pytest.approx(outer - middle, abs=0.6)
    assert found.noise == pytest.approx(4.0, rel=0.05)
    assert np.isnan(found.map_hu[0, 0])
    assert abs(float(found.map_hu[len(found.map_mm) // 2, len(found.map_mm) // 2])) < 1.0


def test_another_voltage_gives_a_trend_and_no_verdict(tmp_path: Path) -> None:
    found = analyse(phantom(tmp_path, kvp=80), kvp=80)
    assert found.status == "trend only"
    assert found.fit is None
    assert {roi.verdict for roi in found.rois} == {"no nominal"}


def test_a_part_without_the_inserts_is_refused_by_name(tmp_path: Path) -> None:
    volume = phantom(tmp_path)
    with pytest.raises(CannotCalibrate) as refused:
        analyse(volume.isel(z=volume.z > 20), kvp=120)
    assert refused.value.refusal in ("unrecognised", "no_phantom")


def test_inserts_alone_do_not_tell_a_503_from_a_504(tmp_path: Path) -> None:
    volume = phantom(tmp_path)
    with pytest.raises(CannotCalibrate) as refused:
        analyse(volume.isel(z=np.abs(volume.z) <= 13), kvp=120)
    assert refused.value.refusal == "ambiguous"


def test_water_is_recognised_as_itself(tmp_path: Path) -> None:
    y, x = np.mgrid[:256, :256] - 127.5
    rng = np.random.default_rng(3)
    plane = np.where(np.hypot(x, y) * 0.9 <= 100, 2.0, -1000.0)

    def stored(_: int) -> Any:
        return np.rint(plane + rng.normal(0, 5, plane.shape)).astype(np.int16)

    volume = volume_of(
        tmp_path,
        ct_series(
            planes=12,
            rows=256,
            columns=256,
            pixel_spacing_mm=(0.9, 0.9),
            slice_spacing_mm=5.0,
            stored=stored,
            rescale_intercept=0.0,
            seed="water",
        ),
    )
    found = analyse(volume, kvp=120)
    assert (found.found.model, found.status) == ("water phantom", "pass")
    assert found.water_hu == pytest.approx(2.0, abs=0.2)


def test_what_is_no_phantom_is_refused(tmp_path: Path) -> None:
    volume = volume_of(tmp_path, ct_series(planes=6, rows=64, columns=64, seed="none"))
    with pytest.raises(CannotCalibrate):
        analyse(volume, kvp=120)


def test_a_line_is_numpys_and_one_bad_insert_is_seen() -> None:
    nominal = np.array([-1000.0, -196, -104, -47, 115, 365, 1000])
    measured = 1.01 * nominal - 3
    line = fit_line(nominal, measured)
    assert (line.slope, line.intercept) == pytest.approx(np.polyfit(nominal, measured, 1))
    measured[-1] += 120
    bent = fit_line(nominal, measured)
    assert bent.robust_slope == pytest.approx(1.01, abs=1e-6)
    assert bent.weights[-1] == 0
    assert not bent.agrees
    with pytest.raises(CannotCalibrate, match="too_few_inserts"):
        fit_line(nominal[:3], measured[:3])


@pytest.mark.parametrize("bad", range(7))
@pytest.mark.parametrize("off_hu", [120.0, -120.0])
def test_one_insert_that_is_off_among_uneven_ones_is_seen(bad: int, off_hu: float) -> None:
    nominal = np.array([-1000.0, -196, -104, -47, 115, 365, 1000])
    measured = 1.002 * nominal + np.array([1.0, -3, 2, 0.5, -2, 3, -1.5])
    assert fit_line(nominal, measured).agrees
    measured[bad] += off_hu
    assert not fit_line(nominal, measured).agrees


def test_every_insert_has_a_sourced_nominal_at_120_kvp_and_none_at_80() -> None:
    for phantom_ in load_phantoms():
        accepted = find_nominals(load_nominals(), phantom_.model, 120.0)
        assert {insert.material for insert in phantom_.inserts} <= accepted.keys()
        assert all(nominal.source for nominal in accepted.values())
        assert find_nominals(load_nominals(), phantom_.model, 80.0) == {}


@pytest.mark.parametrize("text", ["", "model = 3", "model = 'x'\ninserts = 4", "= ="])
def test_a_phantoms_file_that_lacks_something_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  (tomllib's own among them)
        parse_phantom(text)


def test_nominals_upside_down_are_refused_by_line() -> None:
    head = (
        "phantom,material,kvp_from,kvp_to,low_hu,high_hu,relative_electron_density,verified,source"
    )
    with pytest.raises(ValueError, match="line 2"):
        parse_nominals(f"{head}\nP,air,110,130,5,-5,,no,x\n")
