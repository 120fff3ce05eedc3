"""Volumes of the less usual words: of 32 bits, of floating point, of colours, lazily too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.pixels import convert_color_space

from noctis_lab.errors import DecodeError, PixelWarning, UnsupportedSeries
from noctis_lab.synthetic import ct_series
from noctis_lab.volumes.cache import Handle
from noctis_lab.volumes.load import load
from noctis_lab.volumes.pixels import describe_stack
from noctis_lab.volumes.stored_frame import read_stored
from tests.volumes.archive import admit, admit_file
from tests.volumes.by_pydicom import by_pydicom
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


def rescaled(values: Any, slope: object, intercept: object) -> list[Dataset]:
    """Make planes of such words with a Modality LUT."""
    planes = planes_of(values)
    for plane in planes:
        plane.RescaleSlope, plane.RescaleIntercept, plane.RescaleType = slope, intercept, "US"
    return planes


@pytest.mark.parametrize(("slope", "intercept"), [("0.001", "0"), ("1", "0.5"), ("1e33", "0")])
def test_words_of_32_bits_keep_their_digits_and_their_range(
    handle: Handle, tmp_path: Path, slope: str, intercept: str
) -> None:
    values = np.arange(2**32 - 60, 2**32, dtype=np.uint32).reshape(SHAPE)
    planes = rescaled(values, slope, intercept)
    admit(handle, planes, tmp_path / "in")
    uid = planes[0].SeriesInstanceUID
    expected = by_pydicom(planes)
    for loaded in (load(handle, uid), opened(handle, uid)):
        assert loaded.dtype == np.float64
        np.testing.assert_array_equal(loaded.values, expected)
        assert np.unique(loaded.values).size == values.size


def test_rounding_that_was_asked_for_is_warned_of(handle: Handle, tmp_path: Path) -> None:
    values = np.arange(2**24 - 20, 2**24 + 40, dtype=np.int32).reshape(SHAPE)
    planes = planes_of(values)
    admit(handle, planes, tmp_path / "in")
    uid = planes[0].SeriesInstanceUID
    with pytest.warns(PixelWarning, match="float32 gives one number for integers") as warned:
        loaded = load(handle, uid, dtype="float32")
    assert warned[0].message.SeriesInstanceUID == uid  # type: ignore[union-attr]
    np.testing.assert_array_equal(loaded.values, values.astype(np.float32))
    np.testing.assert_array_equal(load(handle, uid, dtype="float64").values, values)


@pytest.mark.parametrize("ask", [load, opened])
def test_values_that_would_be_infinite_are_refused(
    handle: Handle, tmp_path: Path, ask: Any
) -> None:
    planes = rescaled(np.full(SHAPE, 2**16 - 1, np.uint16), "1e34", "0")
    floats = planes_of(np.full(SHAPE, 1e300), "DoubleFloatPixelData")
    for kind in (planes, floats):
        admit(handle, kind, tmp_path / str(kind[0].SeriesInstanceUID))
        uid = kind[0].SeriesInstanceUID
        with pytest.raises(UnsupportedSeries, match="beyond what float32 holds: load with dtype"):
            ask(handle, uid, dtype="float32").compute()
        assert np.isfinite(ask(handle, uid, dtype="float64").values).all()


def test_infinities_that_are_stored_are_values(handle: Handle, tmp_path: Path) -> None:
    values = np.full(SHAPE, np.inf, np.float64)
    planes = planes_of(values, "DoubleFloatPixelData")
    admit(handle, planes, tmp_path / "in")
    loaded = load(handle, planes[0].SeriesInstanceUID, dtype="float32")
    assert np.isposinf(loaded.values).all()


@pytest.mark.parametrize(("bits", "dtype"), [(16, "float32"), (32, "float64")])
def test_masked_integers_are_float32_where_that_has_their_digits(
    handle: Handle, tmp_path: Path, bits: int, dtype: str
) -> None:
    values = np.arange(60).astype(f"u{bits // 8}").reshape(SHAPE)
    planes = rescaled(values, "1", "-1024")
    for plane in planes:
        plane.PixelPaddingValue = 7
    admit(handle, planes, tmp_path / "in")
    loaded = load(handle, planes[0].SeriesInstanceUID, mask_padding=True)
    assert loaded.dtype == dtype
    np.testing.assert_array_equal(loaded, np.where(values == 7, np.nan, values - 1024.0))


def test_integers_beyond_every_type_of_integers_are_refused(handle: Handle, tmp_path: Path) -> None:
    planes = rescaled(np.arange(60, dtype=np.uint16).reshape(SHAPE), "1", "1e30")
    admit(handle, planes, tmp_path / "in")
    uid = planes[0].SeriesInstanceUID
    with pytest.raises(UnsupportedSeries, match="beyond every type of integers: load with stored"):
        load(handle, uid)
    with pytest.warns(PixelWarning, match="float64 gives one number"):
        assert np.unique(load(handle, uid, dtype="float64")).tolist() == [1e30]


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
def test_real_parametric_maps_are_mapped_to_their_unit(
    real_data: Path, handle: Handle, tmp_path: Path, kind: str
) -> None:
    dataset = pydicom.dcmread(real_data / f"real/pydicom_data/parametric_map_{kind}.dcm")
    item = dataset.SharedFunctionalGroupsSequence[0].RealWorldValueMappingSequence[0]
    item.RealWorldValueSlope, item.RealWorldValueIntercept = 2.5, -3.0  # it has 1 and 0
    dataset.save_as(tmp_path / "mapped.dcm")
    admit_file(handle, tmp_path / "mapped.dcm")
    uid = dataset.SeriesInstanceUID

    mapped, plain = load(handle, uid, real_world=True), load(handle, uid)

    (mapped_image,), (image,) = mapped.values, plain.values  # it has one
    expected = dataset.pixel_array.astype(np.float64) * 2.5 - 3.0
    np.testing.assert_array_equal(mapped_image, expected.astype(mapped.dtype))
    np.testing.assert_array_equal(image, dataset.pixel_array)
    assert mapped.attrs["units"] == item.MeasurementUnitsCodeSequence[0].CodeValue
    assert mapped.attrs["LUTExplanation"] == item.LUTExplanation


def test_a_slope_of_several_values_gives_no_values(handle: Handle, tmp_path: Path) -> None:
    values = np.arange(60, dtype=np.uint16).reshape(SHAPE)
    planes = rescaled(values, ["2", "3"], "0")
    admit(handle, planes, tmp_path / "in")
    uid = planes[0].SeriesInstanceUID
    with pytest.raises(UnsupportedSeries, match="states several of one"):
        load(handle, uid)
    np.testing.assert_array_equal(load(handle, uid, stored=True).values, values)
    badges = {badge.text for badge in describe_stack(handle, uid).badges}
    assert "Stored values" in badges


@pytest.mark.parametrize(
    ("elements", "why"),
    [
        ({"BitsStored": 0}, "0 bits stored in 16"),
        (
            {"BitsStored": 0, "PixelRepresentation": 1, "PixelPaddingValue": 9},
            "0 bits stored in 16",
        ),
        ({"PixelRepresentation": 7}, "PixelRepresentation is 7: 0 .unsigned. or 1"),
    ],
)
@pytest.mark.parametrize("mask_padding", [False, True])
def test_words_of_no_bits_or_of_no_known_sign_are_refused(
    handle: Handle, tmp_path: Path, elements: dict[str, int], why: str, mask_padding: bool
) -> None:
    planes = planes_of(np.arange(60, dtype=np.uint16).reshape(SHAPE))
    for plane in planes:
        for keyword, value in elements.items():
            plane.add_new(keyword, "US", value)
    admit(handle, planes, tmp_path / "in")
    uid = planes[0].SeriesInstanceUID
    with pytest.raises(DecodeError, match=why):
        load(handle, uid, mask_padding=mask_padding)
    with pytest.raises(DecodeError, match=why):
        describe_stack(handle, uid)


def unstated(values: Any, *keywords: str, **stated: object) -> list[Dataset]:
    """Make planes of 16 bits that lack statements on their pixels."""
    planes = planes_of(values)
    for plane in planes:
        for keyword in keywords:
            delattr(plane, keyword)
        for keyword, value in stated.items():
            setattr(plane, keyword, value)
    return planes


ALL_BITS = np.full(SHAPE, 2**16 - 1, np.uint16)


@pytest.mark.parametrize(
    ("planes", "badge", "why", "value"),
    [
        (
            unstated(ALL_BITS, "PixelRepresentation"),
            *("Sign unknown", "PixelRepresentation is not stated", 2**16 - 1),
        ),
        (
            unstated(ALL_BITS, "BitsStored", "HighBit"),
            *("Depth unknown", "BitsStored is not stated", 2**16 - 1),
        ),
        (
            unstated(ALL_BITS, "BitsStored", HighBit=11),
            *("Depth unknown", "BitsStored is not stated", 2**12 - 1),
        ),
        (
            unstated(ALL_BITS, "PhotometricInterpretation"),
            *("Grey assumed", "PhotometricInterpretation is not stated, or none", 2**16 - 1),
        ),
        (
            unstated(ALL_BITS, PhotometricInterpretation="RGB"),
            *("Grey assumed", "PhotometricInterpretation is not stated, or none", 2**16 - 1),
        ),
    ],
)
def test_what_is_not_stated_of_words_is_told(
    handle: Handle, tmp_path: Path, planes: list[Dataset], badge: str, why: str, value: int
) -> None:
    admit(handle, planes, tmp_path / "in")
    uid = planes[0].SeriesInstanceUID
    for ask in (load, opened):
        with pytest.warns(PixelWarning, match=why) as warned:
            loaded = ask(handle, uid)
        assert [one.message.SeriesInstanceUID for one in warned] == [uid]  # type: ignore[union-attr]
        assert np.unique(loaded).tolist() == [value]
    shown = {badge.text: badge.sentence for badge in describe_stack(handle, uid).badges}
    assert shown[badge].startswith(why)
    (row, *_) = handle.catalog.instances_of(uid)
    with pytest.warns(PixelWarning, match=why):
        read_stored(handle, row)


def test_a_high_bit_that_is_not_stated_follows_from_the_bits(
    handle: Handle, tmp_path: Path
) -> None:
    planes = unstated(ALL_BITS, "HighBit", BitsStored=12)
    admit(handle, planes, tmp_path / "in")
    assert np.unique(load(handle, planes[0].SeriesInstanceUID)).tolist() == [2**12 - 1]


def in_colour(samples: int, PlanarConfiguration: int | None) -> list[Dataset]:
    """Make planes of bytes in colour."""
    planes = planes_of(np.arange(60 * samples, dtype=np.uint8).reshape(*SHAPE, samples))
    for plane in planes:
        plane.SamplesPerPixel, plane.PhotometricInterpretation = samples, "RGB"
        if PlanarConfiguration is not None:
            plane.add_new("PlanarConfiguration", "US", PlanarConfiguration)
    return planes


@pytest.mark.parametrize(
    ("samples", "planar", "badge", "why"),
    [
        (3, None, "Samples' order", "PlanarConfiguration is not stated"),
        (4, 0, "Fourth sample", "SamplesPerPixel is 4"),
    ],
)
def test_what_is_not_stated_of_colours_is_told(
    handle: Handle, tmp_path: Path, samples: int, planar: int | None, badge: str, why: str
) -> None:
    planes = in_colour(samples, planar)
    admit(handle, planes, tmp_path / "in")
    uid = planes[0].SeriesInstanceUID
    for ask in (load, opened):
        with pytest.warns(PixelWarning, match=why):
            loaded = ask(handle, uid)
        expected = np.arange(60 * samples, dtype=np.uint8).reshape(*SHAPE, samples)[..., :3]
        np.testing.assert_array_equal(loaded, expected)
    shown = {badge.text: badge.sentence for badge in describe_stack(handle, uid).badges}
    assert shown[badge].startswith(why)


def test_colours_in_no_known_order_are_refused(handle: Handle, tmp_path: Path) -> None:
    planes = in_colour(3, 2)
    admit(handle, planes, tmp_path / "in")
    with pytest.raises(DecodeError, match="PlanarConfiguration is 2: 0"):
        load(handle, planes[0].SeriesInstanceUID)
