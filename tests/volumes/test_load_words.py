"""Volumes of the less usual words: of 32 bits, of floating point, of colours, lazily too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.pixels import convert_color_space

from noctis_lab.synthetic import ct_series
from noctis_lab.volumes.cache import Handle
from noctis_lab.volumes.load import load
from tests.volumes.archive import admit, admit_file
from tests.volumes.lazily import opened

SHAPE = (3, 5, 4)


def planes_of(values: Any, keyword: str = "PixelData") -> list[Dataset]:
    """Make planes of 16 bits, and put other words into them."""
    planes = ct_series(planes=SHAPE[0], rows=SHAPE[1], columns=SHAPE[2], rescale_slope=1)
    for plane, words in zip(planes, values, strict=True):
        del plane.RescaleSlope, plane.RescaleIntercept, plane.RescaleType, plane.PixelData
        plane.BitsAllocated = plane.BitsStored = 8 * words.itemsize
        plane.HighBit = plane.BitsStored - 1
        plane.PixelRepresentation = int(words.dtype.kind == "i")
        setattr(plane, keyword, words.tobytes())
        if keyword == "PixelData":
            plane[keyword].VR = "OB" if words.itemsize == 1 else "OW"
        else:
            del plane.BitsStored, plane.HighBit, plane.PixelRepresentation
    return planes


@pytest.mark.parametrize("dtype", ["int32", "uint32"])
def test_words_of_32_bits_are_whole(handle: Handle, tmp_path: Path, dtype: str) -> None:
    limits = np.iinfo(dtype)
    values = np.random.default_rng(1).integers(limits.min, limits.max, SHAPE, dtype)
    values[0, 0, :2] = limits.min, limits.max
    planes = planes_of(values)
    admit(handle, planes, tmp_path / "in")
    uid = planes[0].SeriesInstanceUID
    for loaded in (load(handle, uid), opened(handle, uid)):
        assert loaded.dtype == dtype
        np.testing.assert_array_equal(loaded.values, values)


@pytest.mark.parametrize(
    ("dtype", "keyword"), [("float32", "FloatPixelData"), ("float64", "DoubleFloatPixelData")]
)
def test_words_of_floating_point_are_the_values(
    handle: Handle, tmp_path: Path, dtype: str, keyword: str
) -> None:
    values = np.random.default_rng(1).normal(size=SHAPE).astype(dtype)
    values[0, 0, 0] = np.finfo(dtype).max
    planes = planes_of(values, keyword)
    admit(handle, planes, tmp_path / "in")
    uid = planes[0].SeriesInstanceUID
    for loaded in (load(handle, uid), opened(handle, uid)):
        assert loaded.dtype == dtype
        np.testing.assert_array_equal(loaded.values, values)


@pytest.mark.parametrize("photometric", ["RGB", "YBR_FULL", "YBR_FULL_422"])
def test_colours_become_rgb(handle: Handle, tmp_path: Path, photometric: str) -> None:
    values = np.random.default_rng(1).integers(0, 255, (*SHAPE, 3), np.uint8)
    if photometric == "YBR_FULL_422":  # PS3.3 C.7.6.3.1.2: every two pixels share their chrominance
        values[:, :, 1::2, 1:] = values[:, :, ::2, 1:]
    planes = planes_of(values)
    for plane, samples in zip(planes, values, strict=True):
        plane.SamplesPerPixel, plane.PlanarConfiguration = 3, 0
        plane.PhotometricInterpretation = photometric
        if photometric == "YBR_FULL_422":
            pairs = samples.reshape(-1, 2, 3)
            words = np.concatenate([pairs[:, :, 0], pairs[:, 0, 1:]], axis=1)
            plane.PixelData = words.tobytes()
    admit(handle, planes, tmp_path / "in")
    uid = planes[0].SeriesInstanceUID
    expected = values if photometric == "RGB" else convert_color_space(values, photometric, "RGB")
    for loaded in (load(handle, uid), opened(handle, uid)):
        assert loaded.dims == ("z", "y", "x", "channel")
        # pydicom's matrix has three digits less.
        assert np.abs(loaded.values.astype(int) - expected).max() <= 1


def test_a_palettes_indices_become_rgb(handle: Handle, tmp_path: Path) -> None:
    indices = np.random.default_rng(1).integers(0, 4, SHAPE, np.uint8)
    colours = np.array([[255, 0, 1], [0, 128, 2], [9, 0, 64], [7, 7, 7]], np.uint8)
    planes = planes_of(indices)
    for plane in planes:
        plane.PhotometricInterpretation = "PALETTE COLOR"
        for number, colour in enumerate(("Red", "Green", "Blue")):
            setattr(plane, f"{colour}PaletteColorLookupTableDescriptor", [4, 0, 16])
            entries = (colours[:, number].astype("<u2") << 8).tobytes()
            setattr(plane, f"{colour}PaletteColorLookupTableData", entries)
    admit(handle, planes, tmp_path / "in")
    uid = planes[0].SeriesInstanceUID
    for loaded in (load(handle, uid), opened(handle, uid)):
        np.testing.assert_array_equal(loaded.values, colours[indices])


@pytest.mark.real_data
@pytest.mark.parametrize("kind", ["float", "double_float"])
def test_real_parametric_maps_have_their_unit(real_data: Path, handle: Handle, kind: str) -> None:
    path = real_data / f"real/pydicom_data/parametric_map_{kind}.dcm"
    admit_file(handle, path)
    dataset = pydicom.dcmread(path)
    uid = dataset.SeriesInstanceUID
    mapped = load(handle, uid, real_world=True)
    item = dataset.SharedFunctionalGroupsSequence[0].RealWorldValueMappingSequence[0]
    assert (item.RealWorldValueSlope, item.RealWorldValueIntercept) == (1, 0)
    images = mapped.values.reshape(dataset.pixel_array.shape)
    values = {image.tobytes() for image in images}
    assert values == {image.tobytes() for image in dataset.pixel_array}
    assert mapped.attrs["units"] == item.MeasurementUnitsCodeSequence[0].CodeValue
    assert mapped.attrs["LUTExplanation"] == item.LUTExplanation
