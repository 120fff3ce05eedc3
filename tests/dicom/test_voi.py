"""Windows follow the standard's pseudo-code to the grey level."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.pixels import apply_windowing

from noctis_lab.dicom.header import read_header
from noctis_lab.dicom.voi import (
    VoiFunction,
    Window,
    apply_window,
    find_windows,
    window_of_values,
)
from noctis_lab.synthetic import ct_series, write_series


def by_hand(x: float, c: float, w: float, function: str) -> float:
    """PS3.3 C.11.2.1.2.1, C.11.2.1.3.1 and .2 in scalars, ymin 0, ymax 255."""
    if function == "LINEAR":
        low, high = c - 0.5 - (w - 1) / 2, c - 0.5 + (w - 1) / 2
        return 0 if x <= low else 255 if x > high else ((x - (c - 0.5)) / (w - 1) + 0.5) * 255
    if function == "LINEAR_EXACT":
        return 0 if x <= c - w / 2 else 255 if x > c + w / 2 else ((x - c) / w + 0.5) * 255
    return 255 / (1 + math.exp(-4 * (x - c) / w))


@given(
    x=st.integers(-2000, 4000),
    center=st.integers(-1000, 2000).map(lambda n: n / 2),
    width=st.integers(2, 8000).map(lambda n: n / 2),
    function=st.sampled_from(["LINEAR", "LINEAR_EXACT", "SIGMOID"]),
)
def test_every_function_is_the_standards(
    x: int, center: float, width: float, function: str
) -> None:
    exponent = -4 * (x - center) / width
    if function == "SIGMOID" and abs(exponent) > 700:
        expected = 0 if exponent > 0 else 255
    else:
        expected = math.floor(by_hand(x, center, width, function) + 0.5)
    got = apply_window(np.array([x], np.int16), center=center, width=width, function=function)
    assert got.tolist() == [expected]


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
def test_pydicom_agrees(function: str) -> None:
    values = np.linspace(-1500, 1500, 3001).reshape(3001, 1)
    dataset = Dataset()
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsStored = 8
    dataset.PixelRepresentation = 0
    dataset.WindowCenter, dataset.WindowWidth = 40, 400
    dataset.VOILUTFunction = function
    expected = np.floor(apply_windowing(values, dataset) + 0.5)
    got = apply_window(values, center=40, width=400, function=function)
    np.testing.assert_array_equal(got, expected)


def test_a_width_of_one_is_a_threshold() -> None:
    values = np.array([9.4, 9.5, 9.6, 10.0])
    assert apply_window(values, center=10, width=1).tolist() == [0, 0, 255, 255]


def test_halves_go_up() -> None:
    # LINEAR_EXACT, c 0, w 510: y = x / 2 + 127.5
    values = np.array([0, 2, 1])
    got = apply_window(values, center=0, width=510, function="LINEAR_EXACT")
    assert got.tolist() == [128, 129, 128]


@pytest.mark.parametrize("dtype", ["u1", "i2", "u2", "i4", "f4", "f8"])
def test_any_type_and_a_size_beyond_one_piece(dtype: str) -> None:
    values = (np.arange(300 * 301) % 250).astype(dtype).reshape(300, 301)
    got = apply_window(values, center=100, width=201)
    assert got.dtype == np.uint8
    assert got.shape == (300, 301)
    # LINEAR, c 100, w 201: black up to 99.5 - 100, white from above 199.5
    assert got[values == 200].min() == 255
    assert got[values == 99].tolist()[0] == math.floor(((99 - 99.5) / 200 + 0.5) * 255 + 0.5)


def test_what_is_no_number_is_black_and_infinities_are_the_ends() -> None:
    values = np.array([np.nan, -np.inf, np.inf], np.float32)
    for function in VoiFunction:
        got = apply_window(values, center=0, width=10, function=function)
        assert got.tolist() == [0, 0, 255]


@pytest.mark.parametrize(
    ("center", "width", "function"),
    [
        (0, 0.5, "LINEAR"),
        (0, 0, "LINEAR_EXACT"),
        (0, -3, "SIGMOID"),
        (math.nan, 10, "LINEAR"),
        (0, math.inf, "LINEAR"),
        (0, 10, "CUBIC"),
    ],
)
def test_windows_that_are_none_are_refused(center: float, width: float, function: str) -> None:
    with pytest.raises(ValueError, match=r"width|VOILUTFunction"):
        apply_window(np.zeros(1), center=center, width=width, function=function)


def test_nothing_stays_nothing() -> None:
    assert apply_window(np.zeros((0, 4)), center=0, width=10).shape == (0, 4)


def test_a_header_gives_all_its_windows(tmp_path: Path) -> None:
    series = ct_series(
        planes=1,
        windows=[(40, 400), (-600, 1500), (7, 0)],
        elements={
            "WindowCenterWidthExplanation": ["SOFT", "LUNG", "BROKEN"],
            "VOILUTFunction": "SIGMOID",
        },
    )
    windows = find_windows(read_header(write_series(series, tmp_path)[0]))
    assert windows == (
        Window(center=40, width=400, function=VoiFunction.SIGMOID, explanation="SOFT"),
        Window(center=-600, width=1500, function=VoiFunction.SIGMOID, explanation="LUNG"),
    )


def test_a_narrow_linear_window_is_read_as_exact(tmp_path: Path) -> None:
    series = ct_series(planes=1, windows=[(0.5, 0.25)])
    (window,) = find_windows(read_header(write_series(series, tmp_path)[0]))
    assert window.function is VoiFunction.LINEAR_EXACT
    series = ct_series(planes=1, windows=[])
    assert find_windows(read_header(write_series(series, tmp_path / "none")[0])) == ()


def test_the_automatic_window_leaves_the_background_out() -> None:
    values = np.full((100, 100), -3000)
    values[30:60, 30:60] = np.arange(900).reshape(30, 30)
    window = window_of_values(values)
    low, high = np.percentile(np.arange(900), [1, 99])
    assert window == Window(center=(low + high) / 2 + 0.5, width=high - low + 1)
    display = apply_window(values, center=window.center, width=window.width)
    assert display[values < low].max() == 0
    assert display[values > high].min() == 255


def test_automatic_windows_of_odd_values() -> None:
    assert window_of_values(np.full(9, np.nan)).width == 1
    assert window_of_values(np.full((3, 3), 7)) == Window(
        center=7, width=1, function=VoiFunction.LINEAR_EXACT
    )
    labels = window_of_values(np.array([0] * 50 + [1] * 50))
    assert apply_window(
        np.array([0, 2]), center=labels.center, width=labels.width, function=labels.function
    ).tolist() == [0, 255]
