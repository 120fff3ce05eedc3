"""Thumbnails show the windowed average in true proportions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from skimage.transform import downscale_local_mean

from noctis_lab.dicom.header import read_header
from noctis_lab.dicom.render import read_thumbnail, shrink, thumbnail_png
from noctis_lab.dicom.rescale import Rescale
from noctis_lab.dicom.voi import Window
from noctis_lab.errors import DecodeError
from noctis_lab.synthetic import ct_series, write_series

type Put = Callable[..., Path]

WINDOW = Window(center=40, width=400)


def decoded(png: bytes) -> NDArray[np.uint8]:
    picture: NDArray[np.uint8] = imagecodecs.png_decode(png)
    return picture


def test_shrinking_is_a_local_mean() -> None:
    values = np.random.default_rng(1).normal(size=(60, 80))
    np.testing.assert_allclose(shrink(values, (15, 20)), downscale_local_mean(values, (4, 4)))


@pytest.mark.parametrize("shape", [(7, 11), (1, 1), (60, 80), (90, 200), (59, 3)])
def test_shrinking_keeps_the_range_and_constants(shape: tuple[int, int]) -> None:
    values = np.random.default_rng(2).integers(-2000, 3000, (60, 80), np.int16)
    small = shrink(values, shape)
    assert small.shape == shape
    assert values.min() <= small.min() <= small.max() <= values.max()
    assert set(shrink(np.full((60, 80), 32767, np.int16), shape).ravel()) == {32767}


def test_the_window_comes_after_the_average() -> None:
    # Averages of -5000 and 5000 are in the middle of the window; their windowed average is not.
    stored = np.tile(np.array([[-5000, 5080]], np.int16), (4, 2))
    picture = decoded(thumbnail_png(stored, window=WINDOW, size_px=2))
    assert picture.tolist() == [[128, 128]] * 2


def test_rescale_and_window_are_the_standards() -> None:
    stored = np.array([[864, 1064], [1063, 1264]], np.uint16)
    rescale = Rescale(slope=1, intercept=-1024, units="HU")
    picture = decoded(thumbnail_png(stored, rescale=rescale, window=WINDOW, size_px=2))
    # LINEAR by hand: -160 -> black; 40, 39 -> ((x - 39.5) / 399 + 0.5) * 255; 240 -> white
    assert picture.tolist() == [[0, 128], [127, 255]]


def test_monochrome1_is_inverted_for_display() -> None:
    stored = np.arange(16, dtype=np.uint8).reshape(4, 4)
    window = Window(center=8, width=16)
    plain = decoded(thumbnail_png(stored, window=window, size_px=4))
    inverted = thumbnail_png(
        stored, window=window, size_px=4, photometric_interpretation="MONOCHROME1"
    )
    np.testing.assert_array_equal(decoded(inverted), 255 - plain)


@pytest.mark.parametrize(
    ("spacing", "shape"),
    [
        ((1.0, 1.0), (64, 128)),
        ((2.0, 1.0), (128, 128)),
        ((8.0, 1.0), (128, 32)),
        (None, (64, 128)),
        ((0.0, 1.0), (64, 128)),
        ((float("inf"), 1.0), (64, 128)),
        ((1e8, 1e-8), (128, 1)),
    ],
)
def test_proportions_follow_the_pixel_spacing(
    spacing: tuple[float, float] | None, shape: tuple[int, int]
) -> None:
    stored = np.zeros((100, 200), np.int16)
    assert decoded(thumbnail_png(stored, pixel_spacing_mm=spacing)).shape == shape


def test_colours_come_as_rgb() -> None:
    ybr = np.full((8, 8, 3), (76, 85, 255), np.uint8)  # red
    picture = decoded(thumbnail_png(ybr, photometric_interpretation="YBR_FULL", size_px=4))
    assert picture.shape == (4, 4, 3)
    assert set(map(tuple, picture.reshape(-1, 3).tolist())) == {(254, 0, 0)}
    with pytest.raises(DecodeError):
        thumbnail_png(np.zeros((8, 8, 4), np.uint8), photometric_interpretation="CMYK")


def test_a_file_is_shown_in_its_first_window(tmp_path: Path) -> None:
    stored = np.zeros((1, 32, 64), np.int16)
    stored[:, :, 32:] = 300
    series = ct_series(
        planes=1,
        rows=32,
        columns=64,
        stored=stored,
        windows=[(150, 301), (0, 1)],
        pixel_spacing_mm=(2, 1),
        rescale_intercept=0,
    )
    path = write_series(series, tmp_path)[0]
    picture = decoded(read_thumbnail(path, size_px=64))
    assert picture.shape == (64, 64)
    assert (picture[:, :32] == 0).all()
    assert (picture[:, 32:] == 255).all()
    assert read_thumbnail(path, header=read_header(path), size_px=64) == read_thumbnail(
        path, size_px=64
    )


def test_without_a_window_the_values_choose_one(tmp_path: Path) -> None:
    series = ct_series(planes=1, windows=[])
    picture = decoded(read_thumbnail(write_series(series, tmp_path)[0], size_px=32))
    assert picture.min() == 0
    assert picture.max() == 255
    assert len(np.unique(picture)) > 50


def test_what_has_no_pixels_or_no_size_is_refused(tmp_path: Path) -> None:
    keywords = """PixelData Rows Columns BitsAllocated BitsStored HighBit PixelRepresentation
        SamplesPerPixel PhotometricInterpretation"""
    series = ct_series(planes=1, elements=dict.fromkeys(keywords.split()))
    with pytest.raises(DecodeError, match="holds no pixels"):
        read_thumbnail(write_series(series, tmp_path)[0])
    for size in (0, 5000):
        with pytest.raises(ValueError, match="size_px"):
            thumbnail_png(np.zeros((4, 4)), size_px=size)
    with pytest.raises(ValueError, match="cannot be shrunk"):
        shrink(np.zeros((0, 4)), (1, 1))


def test_not_a_number_is_shown_as_zero() -> None:
    stored = np.array([[np.nan, np.inf], [-100.0, 100.0]], np.float32)
    window = Window(center=0, width=200, function="LINEAR_EXACT")  # type: ignore[arg-type]
    assert decoded(thumbnail_png(stored, window=window, size_px=2)).tolist() == [
        [128, 128],
        [0, 255],
    ]


def test_a_palettes_colours_are_shown(make_dataset: Callable[..., Dataset], put: Put) -> None:
    ds = make_dataset(PhotometricInterpretation="PALETTE COLOR", Rows=2, Columns=2)
    ds.PixelData = np.array([0, 1, 2, 2], "<u2").tobytes()
    colours = np.array([[255, 0, 0], [0, 128, 0], [0, 0, 64]], np.uint16)
    for number, colour in enumerate(("Red", "Green", "Blue")):
        setattr(ds, f"{colour}PaletteColorLookupTableDescriptor", [3, 0, 16])
        entries = (colours[:, number] << 8).astype("<u2").tobytes()
        setattr(ds, f"{colour}PaletteColorLookupTableData", entries)
    picture = decoded(read_thumbnail(put(ds), size_px=2))
    np.testing.assert_array_equal(picture, colours[[0, 1, 2, 2]].reshape(2, 2, 3))
    del ds.BluePaletteColorLookupTableData
    with pytest.raises(DecodeError, match="BluePaletteColorLookupTableData"):
        read_thumbnail(put(ds))


def test_colours_of_twelve_bits_are_as_bright_as_of_eight(
    make_dataset: Callable[..., Dataset], put: Put
) -> None:
    deep = np.array([[[4095, 0, 2048], [16, 4080, 0]]], np.uint16)
    ds = make_dataset(
        PhotometricInterpretation="RGB", SamplesPerPixel=3, Rows=1, Columns=2, PlanarConfiguration=0
    )
    ds.PixelData = deep.astype("<u2").tobytes()
    picture = decoded(read_thumbnail(put(ds), size_px=2))
    np.testing.assert_array_equal(picture, deep >> 4)
    ds.PlanarConfiguration = 1
    ds.PixelData = np.moveaxis(deep, 2, 0).astype("<u2").tobytes()
    np.testing.assert_array_equal(decoded(read_thumbnail(put(ds), size_px=2)), deep >> 4)


def test_values_of_a_modality_lut_are_shown(make_dataset: Callable[..., Dataset], put: Put) -> None:
    ds = make_dataset(Rows=1, Columns=2, WindowCenter=500.5, WindowWidth=1001)
    ds.PixelData = np.array([0, 1], "<u2").tobytes()
    item = Dataset()
    item.LUTDescriptor, item.ModalityLUTType = [2, 0, 16], "US"
    item.add_new(0x00283006, "OW", np.array([1000, 0], "<u2").tobytes())
    ds.ModalityLUTSequence = [item]
    assert decoded(read_thumbnail(put(ds), size_px=2)).tolist() == [[255, 0]]
    item.LUTDescriptor = [3, 0, 16]  # cannot be followed: as they are stored
    assert decoded(read_thumbnail(put(ds), size_px=2)).max() <= 1


@pytest.mark.real_data
def test_every_real_image_has_a_thumbnail(real_data: Path) -> None:
    names = """ct_philips_headphantom_tilt/I10 pydicom_data/RG3_J2KI.dcm
        pattern_cornerstone/TestPattern_JPEG-Baseline_YBR422.dcm
        pydicom_data/liver_rle.dcm pydicom_data/parametric_map_float.dcm
        pydicom_data/emri_small_big_endian.dcm pydicom_test_files/rtdose_rle.dcm
        pattern_cornerstone/TestPattern_Palette.dcm dcm4che_testdata/US-PAL-8-10x-echo
        pydicom_data/gdcm-US-ALOKA-16_big.dcm pydicom_data/mlut_18.dcm"""
    for name in names.split():
        picture = decoded(read_thumbnail(real_data / "real" / name))
        assert max(picture.shape[:2]) == 128, name
        assert picture.std() > 1, name
