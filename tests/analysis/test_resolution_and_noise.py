"""Resolution and noise spectra against what the phantoms were drawn with; clipped air."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from noctis_lab.analysis.calibration.analyse import analyse
from noctis_lab.synthetic.shapes import ct_noise_power
from tests.analysis.phantom_volumes import drawn

FINE: dict[str, Any] = {"rows": 400, "columns": 400, "pixel_spacing_mm": (0.6, 0.6)}


def gaussian(frequency: NDArray[np.float64], sigma_mm: float) -> NDArray[np.float64]:
    """The transform of a Gaussian blur."""
    return np.exp(-2 * (np.pi * sigma_mm * frequency) ** 2)


@pytest.mark.parametrize(
    ("model", "source"),
    [
        ("CatPhan 504", "air insert"),
        ("ACR 464", "air insert"),
        ("water phantom", "edge of the phantom"),
    ],
)
def test_resolution_is_that_of_the_blur(tmp_path: Path, model: str, source: str) -> None:
    volume = drawn(tmp_path, model, **FINE, noise_hu=0.0, roll_deg=1.0, center_mm=(1.3, -2.1))
    mtf = analyse(volume, kvp=120).mtf
    assert mtf is not None
    assert mtf.source == source
    assert mtf.frequency_mm[-1] == pytest.approx(0.5 / 0.6)
    np.testing.assert_allclose(mtf.mtf, gaussian(mtf.frequency_mm, 0.5), atol=0.02)
    # Half and a tenth of exp(-2 (π σ f)²).
    assert mtf.f50 == pytest.approx(np.sqrt(np.log(2) / 2) / (np.pi * 0.5), rel=0.02)
    assert mtf.f10 == pytest.approx(np.sqrt(np.log(10) / 2) / (np.pi * 0.5), rel=0.02)


@pytest.mark.parametrize("sigma", [0.5, 0.8])
def test_resolution_under_noise_is_within_its_error(tmp_path: Path, sigma: float) -> None:
    mtf = analyse(
        drawn(tmp_path, "ACR 464", **FINE, noise_hu=6.0, blur_sigma_mm=sigma), kvp=120
    ).mtf
    assert mtf is not None
    assert mtf.mtf[0] == 1
    off = np.abs(mtf.mtf - gaussian(mtf.frequency_mm, sigma))[1:40]
    assert bool((off < 0.01 + 4 * mtf.mtf_se[1:40]).all())
    true = np.sqrt(np.log(2) / 2) / (np.pi * sigma)
    assert mtf.f50 == pytest.approx(true, abs=4 * mtf.f50_se)
    assert 0 < mtf.f50_se < 0.03 * true


def test_where_resolution_cannot_be_had_the_refusal_says_why(tmp_path: Path) -> None:
    wide = {"signed": True, "bits_stored": 16, "rescale_intercept": 0.0}
    three = {"coverage_mm": (-8.0, 8.0), "slice_spacing_mm": 8.0, "hu_offset": 50.0}
    noisy = analyse(
        drawn(tmp_path / "a", "water phantom", noise_hu=125.0, **wide, **three), kvp=120
    )
    assert noisy.mtf is None
    assert noisy.mtf_refusal is not None
    assert noisy.mtf_refusal.startswith("low_contrast")
    clipped = analyse(drawn(tmp_path / "b", "water phantom", rescale_intercept=-1000.0), kvp=120)
    assert clipped.mtf is None
    assert clipped.mtf_refusal is not None
    assert clipped.mtf_refusal.startswith("clipped")


@pytest.mark.parametrize("power", [ct_noise_power, np.ones_like], ids=["like a CT's", "white"])
@pytest.mark.parametrize("model", ["CatPhan 504", "water phantom"])
def test_the_noise_spectrum_is_the_drawn_one(tmp_path: Path, model: str, power: Any) -> None:
    volume = drawn(tmp_path, model, **FINE, noise_hu=8.0, noise_power=power, slice_spacing_mm=2.5)
    spectrum = analyse(volume, kvp=120).noise_spectrum
    assert spectrum is not None
    # The integral over the square of frequencies that pixels of 0.6 mm can say is the variance.
    edge = 0.5 / 0.6
    axis = (np.arange(400) + 0.5) / 400 * 2 * edge - edge
    square = power(np.hypot(axis[:, None], axis[None]))
    drawn_at = 64 * power(spectrum.frequency_mm) / (square.mean() * (2 * edge) ** 2)
    rounding = 0.6**2 / 12
    off = np.abs(spectrum.nps - drawn_at - rounding)
    # The lowest bins lose what goes with the shading.
    inner = spectrum.frequency_mm > 0.06
    assert bool((off < 5 * spectrum.nps_se + 0.03 * drawn_at)[inner].all())
    assert bool((spectrum.nps_se[inner] < 0.12 * drawn_at.max()).all())
    assert spectrum.variance_hu2 == pytest.approx(64 + 1 / 12, rel=0.03)
    radial = power(np.hypot(axis[:, None], axis[None])) * np.hypot(axis[:, None], axis[None])
    assert spectrum.mean_mm == pytest.approx(radial.sum() / square.sum(), rel=0.02)


def test_the_spectrums_integral_is_the_variance_of_its_regions(tmp_path: Path) -> None:
    found = analyse(drawn(tmp_path, "ACR 464", noise_hu=5.0), kvp=120)
    assert found.noise_spectrum is not None
    assert found.uniformity is not None
    noise = np.sqrt(found.noise_spectrum.variance_hu2)
    assert noise == pytest.approx(found.uniformity.noise, rel=0.03)
    assert noise == pytest.approx(5.0, rel=0.03)


def test_where_there_is_no_noise_there_is_no_spectrum(tmp_path: Path) -> None:
    found = analyse(drawn(tmp_path, "CatPhan 600", noise_hu=0.0), kvp=120)
    assert found.noise_spectrum is None
    assert found.noise_spectrum_refusal is not None
    assert found.noise_spectrum_refusal.startswith("no_noise")


def test_clipped_air_is_measured_by_its_median_and_says_how_much(tmp_path: Path) -> None:
    volume = drawn(tmp_path, "CatPhan 504", noise_hu=8.0, hu_offset=5.0, rescale_intercept=-1000.0)
    found = analyse(volume, kvp=120)
    for roi in found.rois:
        figures = roi.figures
        if figures.material != "air":
            assert figures.clipped_fraction == 0
            continue
        # A normal value of mean -995 and deviation 8 is below -999.5 in 29 % of all cases.
        assert figures.clipped_fraction == pytest.approx(0.287, abs=0.1)
        assert figures.value == figures.median == pytest.approx(-995.0, abs=1.5)
        assert figures.mean > figures.median + 0.5
        assert not figures.is_bound
    # The edge that is not clipped stands in.
    assert found.mtf is not None
    assert found.mtf.source == "Teflon insert"


def test_air_that_is_clipped_by_half_is_a_bound_and_bends_no_line(tmp_path: Path) -> None:
    volume = drawn(tmp_path, "CatPhan 504", noise_hu=2.0, hu_offset=-6.0, rescale_intercept=-1000.0)
    found = analyse(volume, kvp=120)
    air = [roi.figures for roi in found.rois if roi.figures.material == "air"]
    assert all(figures.is_bound for figures in air)
    assert [figures.value for figures in air] == [-1000.0, -1000.0]
    assert found.fit is not None
    assert found.fit.weights.size == 6


def test_signed_air_below_the_intercept_is_not_clipped(tmp_path: Path) -> None:
    volume = drawn(
        tmp_path,
        "CatPhan 504",
        signed=True,
        bits_stored=16,
        rescale_intercept=-1000.0,
        noise_hu=4.0,
        padding_hu=-3000.0,
    )
    found = analyse(volume, kvp=120)
    assert {roi.figures.clipped_fraction for roi in found.rois} == {0.0}
    assert found.rois[0].figures.value == pytest.approx(-1000.0, abs=1.0)
