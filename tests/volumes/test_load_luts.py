"""Modality LUTs of volumes: tables, slopes, and what cannot be followed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.pixels import apply_modality_lut as lut_by_pydicom

from noctis_lab.errors import (
    ContrastWarning,
    UnsupportedSeries,
)
from noctis_lab.lab.cards.geometry import find_geometry
from noctis_lab.synthetic import ct_series, pet_series
from noctis_lab.volumes.backend import open_lazily
from noctis_lab.volumes.cache import Handle
from noctis_lab.volumes.load import load
from noctis_lab.volumes.pixels import describe_stack
from tests.volumes.archive import admit


def _lut_table() -> pydicom.Sequence:
    table = pydicom.Dataset()
    table.LUTDescriptor = [2, 0, 16]
    table["LUTDescriptor"].VR = "US"
    table.add_new("LUTData", "US", [5, 7])
    table.ModalityLUTType = "OD"
    return pydicom.Sequence([table])


def test_a_modality_lut_that_is_a_table_is_looked_up(handle: Handle, tmp_path: Path) -> None:
    none = {"RescaleSlope": None, "RescaleIntercept": None}
    planes = ct_series(planes=2, elements={"ModalityLUTSequence": _lut_table(), **none})
    admit(handle, planes, tmp_path / "in")
    loaded = load(handle, planes[0].SeriesInstanceUID)
    stored = np.stack([plane.pixel_array for plane in planes])
    # PS3.3 C.11.1: below the first value mapped the first entry holds, above the last the last.
    np.testing.assert_array_equal(loaded.values, np.where(stored <= 0, 5, 7))
    assert (loaded.dtype, loaded.attrs["units"]) == (np.uint16, "OD")
    assert np.isnan(loaded.slope.values).all()


@pytest.mark.parametrize(
    "elements",
    [
        {"ModalityLUTSequence": _lut_table()},  # beside a slope: which one holds is not said
        {"RescaleIntercept": None},
        {"RescaleSlope": None},
    ],
)
def test_values_of_a_modality_lut_that_cannot_be_followed_are_refused(
    handle: Handle, tmp_path: Path, elements: dict[str, Any]
) -> None:
    planes = ct_series(planes=2, rescale_slope=2, elements=elements)
    admit(handle, planes, tmp_path / "in")
    with pytest.raises(UnsupportedSeries, match="Modality LUT of 2 instance") as refused:
        load(handle, planes[0].SeriesInstanceUID)
    assert len(refused.value.SOPInstanceUIDs) == 2
    stored = load(handle, planes[0].SeriesInstanceUID, stored=True)
    np.testing.assert_array_equal(stored.values, [plane.pixel_array for plane in planes])
    assert np.isnan(stored.slope.values).all()


@pytest.mark.parametrize("dtype", [None, np.float32])
@pytest.mark.parametrize("signed", [True, False])
def test_values_of_a_modality_lut_are_its_tables(
    handle: Handle, tmp_path: Path, signed: bool, dtype: type[np.float32] | None
) -> None:
    linear = {"RescaleSlope": None, "RescaleIntercept": None, "RescaleType": None}
    entries = np.random.default_rng(1).permutation(1 << 16).astype("<u2")
    first = -(1 << 15) if signed else 0
    table = _lut_table()
    del table[0].LUTDescriptor, table[0].LUTData
    table[0].add_new(0x00283002, "SS" if signed else "US", [0, first, 16])
    table[0].add_new(0x00283006, "OW", entries.tobytes())
    planes = ct_series(planes=3, signed=signed, elements={"ModalityLUTSequence": table, **linear})
    admit(handle, planes, tmp_path / "in")
    loaded = load(handle, planes[0].SeriesInstanceUID, dtype=dtype)
    expected = [lut_by_pydicom(plane.pixel_array, plane) for plane in planes]
    np.testing.assert_array_equal(loaded.values, expected)
    assert loaded.dtype == (dtype or np.uint16)
    assert loaded.attrs["units"] == "OD"


def test_tables_and_slopes_of_one_series_are_each_applied(handle: Handle, tmp_path: Path) -> None:
    planes = ct_series(planes=2, signed=False, rescale_slope=1, rescale_intercept=-1000)
    del planes[0].RescaleSlope, planes[0].RescaleIntercept, planes[0].RescaleType
    planes[0].ModalityLUTSequence = _lut_table()
    admit(handle, planes, tmp_path / "in")
    with pytest.warns(ContrastWarning, match="RescaleType"):
        loaded = load(handle, planes[0].SeriesInstanceUID)
    assert loaded.dtype == np.int32
    first = np.where(planes[0].pixel_array > 0, 7, 5)
    np.testing.assert_array_equal(loaded.values[0], first)
    np.testing.assert_array_equal(loaded.values[1], planes[1].pixel_array.astype(int) - 1000)


def test_a_pet_is_in_the_units_it_states(handle: Handle, tmp_path: Path) -> None:
    planes = pet_series(planes=2, rows=8, columns=8)
    admit(handle, planes, tmp_path / "in")
    assert load(handle, planes[0].SeriesInstanceUID).attrs["units"] == "Bq/ml"


def test_a_series_without_any_modality_lut_is_its_stored_values(
    handle: Handle, tmp_path: Path
) -> None:
    planes = ct_series(planes=2, elements={"RescaleSlope": None, "RescaleIntercept": None})
    admit(handle, planes, tmp_path / "in")
    loaded = load(handle, planes[0].SeriesInstanceUID)
    np.testing.assert_array_equal(loaded.values, [plane.pixel_array for plane in planes])


def test_a_mosaic_is_refused_by_name(handle: Handle, tmp_path: Path) -> None:
    kinds = ["ORIGINAL", "PRIMARY", "M", "ND", "MOSAIC"]
    planes = ct_series(planes=2, elements={"ImageType": kinds})
    admit(handle, planes, tmp_path / "in")
    with pytest.raises(UnsupportedSeries, match="mosaic"):
        load(handle, planes[0].SeriesInstanceUID, stored=True)


@pytest.mark.parametrize("other", ["CNTS", None])
def test_a_pet_whose_images_state_several_units_has_no_values(
    handle: Handle, tmp_path: Path, other: str | None
) -> None:
    planes = pet_series(planes=4, rows=16, columns=16)
    planes[2].Units = other  # neither the first image nor, in the viewer, one that others follow
    admit(handle, planes, tmp_path / "in")
    uid = planes[0].SeriesInstanceUID
    stated = "BQML, CNTS" if other else "BQML, none"
    for read in (load, lambda handle, uid: open_lazily(handle.settings, uid)):
        with pytest.raises(UnsupportedSeries, match=rf"more than one Units \({stated}\)"):
            read(handle, uid)
    assert load(handle, uid, stored=True).attrs["units"] == "stored"
    assert describe_stack(handle, uid).units is None
    series = handle.catalog.find_series(uid)
    assert series is not None
    assert find_geometry(handle, series).refusal is not None


def test_a_pet_of_one_unit_is_in_that_unit(handle: Handle, tmp_path: Path) -> None:
    planes = pet_series(planes=4, rows=16, columns=16)
    admit(handle, planes, tmp_path / "in")
    uid = planes[0].SeriesInstanceUID
    assert load(handle, uid).attrs["units"] == "Bq/ml"
    assert describe_stack(handle, uid).units == "Bq/ml"
