"""Curves from HU to density: what they give, what they refuse, what they say of themselves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import noctis_lab as nl
from noctis_lab.analysis.calibration.curves import (
    DensityCurve,
    Extrapolation,
    apply_curve,
    curve_through,
)
from noctis_lab.errors import CannotCalibrate
from tests.analysis.phantom_volumes import drawn

CURVE = DensityCurve(hu=(-1000.0, 0.0, 1000.0), density=(0.001, 1.0, 1.6), curve_id="c1")


def volume(values: list[float]) -> xr.DataArray:
    data = np.array(values, np.int16).reshape(1, 1, -1)
    return xr.DataArray(data, dims=("z", "y", "x"), attrs={"units": "HU", "Modality": "CT"})


@pytest.mark.parametrize(
    ("extrapolation", "ends"),
    [("hold", (0.001, 1.6)), ("nan", (np.nan, np.nan)), ("linear", (0.0, 1.9))],
)
def test_values_beyond_the_points_are_what_was_said(
    extrapolation: Extrapolation, ends: tuple[float, float]
) -> None:
    before = volume([-1100, -1000, -500, 0, 500, 1000, 1500])
    found = apply_curve(before, CURVE, extrapolation=extrapolation)
    expected = [ends[0], 0.001, 0.5005, 1.0, 1.3, 1.6, ends[1]]
    np.testing.assert_allclose(found.to_numpy().ravel(), expected, rtol=1e-6)
    assert found.dtype == np.float32
    assert found.attrs["extrapolation"] == extrapolation
    assert found.attrs["density_curve_id"] == "c1"
    assert found.attrs["density_curve_sha256"] == CURVE.sha256
    assert (found.attrs["units"], found.attrs["purpose"]) == ("1", "research only")
    assert found.attrs["share_below_curve"] == pytest.approx(1 / 7)
    assert before.attrs["units"] == "HU"
    assert int(before[0, 0, 0]) == -1100


@pytest.mark.parametrize(
    ("hu", "density", "refusal"),
    [
        ([0, 100, 50], [1, 1.1, 1.2], "not_monotone"),
        ([0, 0], [1, 2], "not_monotone"),
        ([0], [1], "too_few_points"),
        ([0, np.nan], [1, 2], "not_a_curve"),
        ([0, 1], [-1, 2], "not_a_curve"),
    ],
)
def test_what_is_no_curve_is_refused(hu: list[float], density: list[float], refusal: str) -> None:
    with pytest.raises(CannotCalibrate) as refused:
        DensityCurve.of_points(hu, density)
    assert refused.value.refusal == refusal


def test_a_volume_of_other_values_is_refused() -> None:
    with pytest.raises(CannotCalibrate, match="Bq/ml"):
        apply_curve(volume([1, 2]).assign_attrs(units="Bq/ml"), CURVE)


def test_a_curve_through_inserts_gives_their_densities(tmp_path: Path) -> None:
    phantom = drawn(tmp_path, "CatPhan 504")
    found = nl.calibrate(phantom, kvp=120)
    curve = found.density_curve()
    for roi in found.analysis.rois:
        assert roi.nominal is not None
        assert curve.to_density(np.float32([roi.figures.value]))[0] == pytest.approx(
            roi.nominal.relative_electron_density, abs=1e-3
        )


def test_two_inserts_of_air_at_the_scales_end_are_one_point(tmp_path: Path) -> None:
    volume = drawn(tmp_path, "CatPhan 504", rescale_intercept=-1000.0, hu_offset=-10.0)
    rois = nl.calibrate(volume, kvp=120).analysis.rois
    airs = [roi.figures.value for roi in rois if roi.figures.material.casefold() == "air"]
    assert airs == [-1000.0, -1000.0]
    curve = curve_through(rois)
    assert curve.hu[0] == -1000.0
    assert len(curve.hu) == len({roi.figures.material for roi in rois})
