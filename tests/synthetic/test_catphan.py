"""The drawn CatPhan holds the values, places and noise that were asked of it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from noctis_lab.synthetic import CATPHAN504_INSERTS, catphan504

#: One plane through the middle of the sensitometry module.
MIDDLE = {"planes": 1, "rows": 256, "columns": 256, "pixel_spacing_mm": (250 / 256, 250 / 256)}


def hounsfield(plane: Dataset) -> NDArray[np.float64]:
    return plane.pixel_array * float(plane.RescaleSlope) + float(plane.RescaleIntercept)


def roi(plane: Dataset, x_mm: float, y_mm: float, radius_mm: float) -> NDArray[np.float64]:
    """Values within a circle, found through the plane's own geometry."""
    x0, y0, _ = map(float, plane.ImagePositionPatient)
    row_mm, column_mm = map(float, plane.PixelSpacing)
    y = y0 + row_mm * np.arange(plane.Rows)[:, None]
    x = x0 + column_mm * np.arange(plane.Columns)[None, :]
    return hounsfield(plane)[np.hypot(x - x_mm, y - y_mm) <= radius_mm]


def through(z_mm: float, **options: object) -> Dataset:
    return catphan504(**MIDDLE, origin_mm=(-124.5, -124.5, z_mm), **options)[0]  # type: ignore[arg-type]


@pytest.mark.parametrize(("kvp", "column"), [(80, 0), (120, 2), (140, 3)])
def test_inserts_have_their_values_without_noise(kvp: int, column: int) -> None:
    plane = through(0.0, noise_hu=0, kvp=kvp)
    assert kvp == plane.KVP
    expected = {  # reference values computed behind 20 cm of water, 80/100/120/140 kVp
        "LDPE": (-134, -114, -102, -94),
        "PMP": (-219, -201, -190, -183),
        "polystyrene": (-78, -59, -47, -40),
        "acrylic": (94, 108, 116, 121),
        "Delrin": (331, 340, 345, 349),
        "Teflon": (1002, 970, 951, 938),
        "air": (-1000,) * 4,
    }
    for insert in CATPHAN504_INSERTS:
        angle = math.radians(insert.angle_deg)
        values = roi(plane, 58.7 * math.cos(angle), 58.7 * math.sin(angle), 3.0)
        assert values.size > 20
        np.testing.assert_allclose(values, expected[insert.material][column], atol=0.5)


def test_edges_are_those_of_a_blurred_disc() -> None:
    plane = through(-65.0, noise_hu=0, table=False)  # uniformity: 12 HU in air
    row = hounsfield(plane)[128]
    x = -124.5 + 250 / 256 * np.arange(256)
    y = -124.5 + 250 / 256 * 128
    depth = 100 - np.hypot(x, y)
    expected = -1000 + 1012 * np.array([0.5 * math.erfc(-d / (0.5 * math.sqrt(2))) for d in depth])
    np.testing.assert_allclose(row, expected, atol=0.51)  # half a unit of rounding


def test_roll_and_shift_move_the_inserts() -> None:
    plane = through(0.0, noise_hu=0, roll_deg=30.0, center_mm=(7.0, -4.0))
    angle = math.radians(30)  # Delrin stands at 0
    values = roi(plane, 7 + 58.7 * math.cos(angle), -4 + 58.7 * math.sin(angle), 3.0)
    np.testing.assert_allclose(values, 345, atol=0.5)


def test_errors_of_the_scanner_are_what_was_asked() -> None:
    true = hounsfield(through(-65.0, noise_hu=0))[128, 128]
    wrong = through(-65.0, noise_hu=0, hu_scale=1.02, hu_offset=30, cupping_hu=20)
    assert abs(hounsfield(wrong)[128, 128] - ((true - 20) * 1.02 + 30)) <= 1


def test_noise_has_its_deviation_no_offset_and_falls_off_in_frequency() -> None:
    planes = catphan504(**MIDDLE | {"planes": 6}, origin_mm=(-124.5, -124.5, -80.0), noise_hu=12)  # type: ignore[arg-type]
    values = np.stack([hounsfield(plane)[64:192, 64:192] for plane in planes]) - 12
    assert abs(values.std() - 12) < 0.4
    assert abs(values.mean()) < 0.2
    spectrum = np.mean(np.abs(np.fft.fft2(values)) ** 2, axis=0)
    frequency = np.hypot(*np.meshgrid(*[np.fft.fftfreq(128, 250 / 256)] * 2))
    middle = spectrum[(frequency > 0.25) & (frequency < 0.3)].mean()
    low = spectrum[(frequency > 0) & (frequency < 0.02)].mean()
    high = spectrum[frequency > 0.6].mean()
    # sqrt(f) exp(-(f/0.6)²): 0.44 at 0.275, about 0.12 at 0.014, about 0.29 above 0.6
    assert low < 0.5 * middle
    assert high < 0.8 * middle
    assert abs(np.corrcoef(values[0].ravel(), values[1].ravel())[0, 1]) < 0.05


def test_ramps_tell_where_the_plane_is() -> None:
    for z in (-5.0, 0.0, 5.0):
        plane = through(z, noise_hu=0)
        x = z / math.tan(math.radians(23))  # the ramp at 90 degrees runs towards -x with z
        assert roi(plane, -x, 38.0, 1.5).max() > 250
    assert roi(through(-65.0, noise_hu=0), 0.0, 38.0, 1.5).max() < 20


def test_the_default_series_spans_the_phantom_under_an_invented_name() -> None:
    planes = catphan504(planes=20, rows=64, columns=64, slice_spacing_mm=8, noise_hu=0)
    z = [float(plane.ImagePositionPatient[2]) for plane in planes]
    assert z == sorted(z)
    assert z[0] < -85
    assert z[-1] > 50
    middle = [plane.pixel_array[20, 20] for plane in planes]
    assert middle[0] == middle[-1] == 24  # air at both ends
    assert max(middle) > 1000
    assert str(planes[0].PatientName) == "PHANTOM^CATPHAN 504"
    assert len({plane.SeriesInstanceUID for plane in planes}) == 1
    assert {plane.BitsStored for plane in planes} == {12}


def test_the_same_call_gives_the_same_pixels() -> None:
    def pixels(seed: int) -> Sequence[bytes]:
        return [p.PixelData for p in catphan504(**MIDDLE | {"planes": 2}, noise_seed=seed)]  # type: ignore[arg-type]

    assert pixels(1) == pixels(1)
    assert pixels(1) != pixels(2)
