"""Stored values become modality values: the right type and the right number."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.pixels import apply_rescale as rescale_by_pydicom

from noctis_lab.dicom.rescale import Rescale, apply_rescale, to_float32, value_dtype, values_units


def _rescale(slope: float, intercept: float) -> Rescale:
    return Rescale(slope=slope, intercept=intercept, units=None)


@pytest.mark.parametrize(
    ("bits_stored", "is_signed", "slope", "intercept", "dtype"),
    [
        (12, False, 1, -1024, "int16"),
        (12, True, 1, -1024, "int16"),
        (16, False, 1, -1000, "int32"),
        (16, True, 1, -1024, "int32"),
        (16, True, 1, 0, "int16"),
        (16, False, 1, 0, "uint16"),
        (8, False, 1, 0, "uint8"),
        (8, True, 1, 0, "int8"),
        (32, False, 1, 0, "uint32"),
        (12, False, 1, -1024.5, "float32"),
        (12, False, 2, 0, "float32"),
        (64, False, 1, 0, "uint64"),
        (64, False, 1, -1, "float64"),
        (32, False, 1, 0.5, "float64"),  # float32 has 24 bits
        (32, True, 0.001, 0, "float64"),
        (24, False, 0.001, 0, "float32"),
        (16, True, 0.5, 1e10, "float64"),  # a step of float32 is 1024 there
        (16, True, 1e35, 0, "float64"),  # up to 3e39: inf in float32
        (16, True, 1e-40, 0, "float64"),
        (16, True, 0, 7.5, "float32"),
    ],
)
def test_values_have_the_smallest_exact_type(
    bits_stored: int, is_signed: bool, slope: float, intercept: float, dtype: str
) -> None:
    rescales = [_rescale(slope, intercept)]
    assert value_dtype(rescales, bits_stored=bits_stored, is_signed=is_signed) == dtype


def test_one_plane_with_a_slope_makes_all_values_float() -> None:
    rescales = [_rescale(1, 0), _rescale(1.5, 0)]
    assert value_dtype(rescales, bits_stored=12, is_signed=False) == np.float32


def test_intercepts_that_differ_are_all_held() -> None:
    rescales = [_rescale(1, -1024), _rescale(1, 32000)]
    assert value_dtype(rescales, bits_stored=12, is_signed=False) == np.int32


@given(
    stored=st.lists(st.integers(-(1 << 15), (1 << 15) - 1), min_size=1),
    intercept=st.integers(-40000, 40000),
)
def test_an_integer_intercept_is_exact(stored: list[int], intercept: int) -> None:
    rescale = _rescale(1, intercept)
    out = np.empty(len(stored), value_dtype([rescale], bits_stored=16, is_signed=True))
    apply_rescale(np.array(stored, np.int16), rescale, out)
    assert out.tolist() == [value + intercept for value in stored]


def test_an_offset_may_be_added_in_place_over_unsigned_bytes() -> None:
    stored = np.array([0, 1024, 4095], np.uint16)
    values = stored.view(np.int16)
    apply_rescale(stored, _rescale(1, -1024), values)
    assert values.tolist() == [-1024, 0, 3071]


@pytest.mark.parametrize(
    ("slope", "intercept"), [(1, -1000), (0.3333333, 7.25), (2.5e-5, -3e7), (1, 1 << 25)]
)
def test_float32_values_are_pydicoms_rounded_once(slope: float, intercept: float) -> None:
    stored = np.random.default_rng(1).integers(0, 1 << 16, (300, 200), dtype=np.uint16)
    header = Dataset()
    header.RescaleSlope, header.RescaleIntercept = slope, intercept
    expected = rescale_by_pydicom(stored, header).astype(np.float32)
    np.testing.assert_array_equal(to_float32(stored, _rescale(slope, intercept)), expected)


@pytest.mark.parametrize(
    ("modality", "types", "stated", "unit"),
    [
        ("PT", [None, None], "BQML", "Bq/ml"),
        ("PT", ["BQML"], None, "Bq/ml"),
        ("PT", [None], "GML", "g/ml"),
        ("PT", [None], "CNTS", "{counts}"),
        ("CT", [None, None], None, "HU"),
        ("CT", ["HU", "HU"], None, "HU"),
        ("CT", ["US"], None, "unspecified"),
        ("CT", ["HU", "US"], None, "unspecified"),
        ("DX", [None], "OD", "OD"),
        ("MR", ["normalized"], None, "normalized"),
        ("MR", [None], None, "unspecified"),
        ("CT", [], None, "unspecified"),
    ],
)
def test_units_are_those_stated(
    modality: str, types: list[str | None], stated: str | None, unit: str
) -> None:
    rescales = [Rescale(slope=2.0, intercept=0.0, units=units) for units in types]
    assert values_units(modality, rescales, stated=stated) == unit


def test_a_plane_without_a_rescale_is_in_no_unit() -> None:
    assert values_units("CT", [_rescale(1, -1024), None]) == "unspecified"
