"""Every drawn phantom holds what its data say, and lies as it was asked to."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from noctis_lab.synthetic import PHANTOM_MODELS, ct_phantom

SMALL: dict[str, Any] = {
    "rows": 256,
    "columns": 256,
    "pixel_spacing_mm": (250 / 256, 250 / 256),
    "noise_hu": 0.0,
}


def plane_at(model: str, z_mm: float, **options: Any) -> Dataset:
    return ct_phantom(model, **SMALL | {"coverage_mm": (z_mm, z_mm)} | options)[0]


def disc(plane: Dataset, x_mm: float, y_mm: float, radius_mm: float) -> NDArray[np.float64]:
    """The values within a circle, HU, found through the plane's own geometry."""
    x0, y0, _ = map(float, plane.ImagePositionPatient)
    row_mm, column_mm = map(float, plane.PixelSpacing)
    y = y0 + row_mm * np.arange(plane.Rows)[:, None]
    x = x0 + column_mm * np.arange(plane.Columns)[None, :]
    hounsfield = plane.pixel_array * float(plane.RescaleSlope) + float(plane.RescaleIntercept)
    inside: NDArray[np.float64] = hounsfield[np.hypot(x - x_mm, y - y_mm) <= radius_mm]
    return inside


@pytest.mark.parametrize("model", [name for name, m in PHANTOM_MODELS.items() if m.inserts])
@pytest.mark.parametrize("kvp", [80, 120])
def test_inserts_have_their_values(model: str, kvp: int) -> None:
    plane = plane_at(model, 0.0, kvp=kvp)
    assert (plane.KVP, plane.SeriesDescription) == (kvp, model)
    for insert in PHANTOM_MODELS[model].inserts:
        angle = math.radians(insert.angle_deg)
        x, y = insert.distance_mm * math.cos(angle), insert.distance_mm * math.sin(angle)
        values = disc(plane, x, y, insert.radius_mm - 2.5)
        np.testing.assert_allclose(values, insert.hu_by_kvp[kvp], atol=0.51)


@pytest.mark.parametrize("model", PHANTOM_MODELS)
def test_modules_lie_where_the_model_has_them(model: str) -> None:
    for module in PHANTOM_MODELS[model].modules:
        plane = plane_at(model, sum(module.reach_mm) / 2)
        np.testing.assert_allclose(disc(plane, 0.0, 0.0, 10.0), module.background_hu, atol=0.51)
    low, high = PHANTOM_MODELS[model].reach_mm
    for beyond in (low - 5, high + 5):
        assert disc(plane_at(model, beyond, table=False), 0.0, 0.0, 90.0).max() == -1000


def test_a_slice_across_two_modules_is_their_mean() -> None:
    # 504: 95 HU above z = -15, 50 HU below; 4 mm about -14 have a quarter of the lower one.
    plane = plane_at("CatPhan 504", -14.0, slice_spacing_mm=4.0)
    np.testing.assert_allclose(disc(plane, 0.0, 0.0, 10.0), 0.75 * 95 + 0.25 * 50, atol=0.51)


def test_a_leaning_phantom_has_its_centre_elsewhere_in_each_plane() -> None:
    planes = ct_phantom(
        "water phantom", **SMALL, tilt_deg=(2.0, -1.0), slice_spacing_mm=40.0, planes=3, table=False
    )
    for plane, z_mm in zip(planes, (-40.0, 0.0, 40.0), strict=True):
        assert float(plane.ImagePositionPatient[2]) == z_mm
        rows, columns = np.nonzero(plane.pixel_array > 524)  # halfway from air to water
        centre = np.array([columns.mean(), rows.mean()]) * (250 / 256) - 127.5 * 250 / 256
        expected = z_mm * np.tan(np.radians([-1.0, 2.0]))
        np.testing.assert_allclose(centre, expected, atol=0.05)


def test_padding_is_written_beyond_the_circle_of_reconstruction() -> None:
    plane = plane_at("ACR 464", 0.0, padding_hu=-2000.0, signed=True, bits_stored=16)
    values = plane.pixel_array - 1024
    assert values[0, 0] == values[-1, -1] == -2000
    assert values[128, 1] == -1000
    assert float((values == -2000).mean()) == pytest.approx(1 - math.pi / 4, abs=0.01)


def test_the_intercept_cuts_off_what_is_lower() -> None:
    plane = plane_at("CatPhan 504", 0.0, rescale_intercept=-1000.0, hu_offset=-30.0)
    assert disc(plane, 0.0, -58.7, 3.0).max() == -1000
    assert disc(plane, 58.7, 0.0, 3.0).mean() == pytest.approx(315.0, abs=0.51)


def test_noise_has_the_spectrum_that_was_asked_for() -> None:
    def low_pass(frequency: NDArray[Any]) -> NDArray[Any]:
        return (frequency < 0.2).astype(float)

    options = SMALL | {"noise_hu": 10.0, "noise_power": low_pass, "planes": 4}
    planes = ct_phantom("water phantom", **options)
    values = np.stack([plane.pixel_array[80:176, 80:176] for plane in planes]) - 1024.0
    assert values.std() == pytest.approx(10.0, rel=0.1)
    window = np.hanning(96)[:, None] * np.hanning(96)
    power = np.mean(np.abs(np.fft.fft2(values * window)) ** 2, axis=0)
    frequency = np.hypot(*np.meshgrid(*[np.fft.fftfreq(96, 250 / 256)] * 2))
    assert power[frequency > 0.25].mean() < 0.01 * power[frequency < 0.15].mean()


def test_an_unknown_model_is_refused() -> None:
    with pytest.raises(ValueError, match="expected one of CatPhan 503"):
        ct_phantom("CatPhan 700")
