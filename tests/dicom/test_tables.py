"""Modality LUTs and palettes look up what their tables hold, or are refused by name."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.pixels import apply_color_lut
from pydicom.pixels import apply_modality_lut as lut_by_pydicom
from pydicom.sequence import Sequence

from noctis_lab.dicom.codecs import read_frame
from noctis_lab.dicom.lookup import LookupTable
from noctis_lab.dicom.modality_lut import ModalityLut, read_modality_lut
from noctis_lab.dicom.palette import open_palette, read_palette
from noctis_lab.dicom.raw_values import read_header_bytes
from noctis_lab.errors import CannotInterpret, DecodeError

type Make = Callable[..., Dataset]
type Put = Callable[..., Path]

IMPLICIT, EXPLICIT = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"
BIG_ENDIAN, DEFLATED = "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99"


def _lut_item(first: int, entries: bytes, count: int, bits: int) -> Dataset:
    item = Dataset()
    item.add_new(0x00283002, "SS" if first < 0 else "US", [count, first, bits])
    item.add_new(0x00283004, "LO", "OD")
    item.add_new(0x00283006, "OW", entries)
    return item


def _read(path: Path) -> ModalityLut:
    lut = read_modality_lut(read_header_bytes(path))
    assert lut is not None
    return lut


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT, BIG_ENDIAN, DEFLATED])
@pytest.mark.parametrize("first", [0, 3, -2])
def test_a_modality_lut_gives_its_entries(
    make_dataset: Make, put: Put, syntax: str, first: int
) -> None:
    code = ">4H" if syntax == BIG_ENDIAN else "<4H"
    ds = make_dataset(PixelRepresentation=int(first < 0))
    ds.ModalityLUTSequence = Sequence(
        [_lut_item(first, struct.pack(code, 7, 900, 5, 60000), 4, 16)]
    )
    if syntax == BIG_ENDIAN:
        ds.PixelData = np.frombuffer(ds.PixelData, "<u2").astype(">u2").tobytes()
    lut = _read(put(ds, syntax=syntax))
    stored = np.array([[-3, first], [first + 1, first + 2], [first + 3, 30000]], np.int16)
    expected = [[7, 7], [900, 5], [60000, 60000]]
    np.testing.assert_array_equal(lut.apply(stored), np.array(expected, np.uint16))
    assert lut.apply(stored).dtype == lut.dtype == np.uint16
    assert lut.units == "OD"


@pytest.mark.parametrize(
    "entries",
    [bytes([7, 9, 5, 0]), struct.pack("<3H", 7, 9, 5)],  # two in a word, and one in a word
)
def test_entries_of_eight_bits_may_be_packed_or_not(
    make_dataset: Make, put: Put, entries: bytes
) -> None:
    ds = make_dataset(ModalityLUTSequence=Sequence([_lut_item(1, entries, 3, 8)]))
    values = _read(put(ds)).apply(np.arange(5, dtype=np.uint16))
    assert values.dtype == np.uint8
    assert values.tolist() == [7, 7, 9, 5, 5]


def test_packed_entries_of_big_endian_words_come_low_byte_first(
    make_dataset: Make, put: Put
) -> None:
    ds = make_dataset(ModalityLUTSequence=Sequence([_lut_item(0, bytes([9, 7, 11, 5]), 4, 8)]))
    assert _read(put(ds, syntax=BIG_ENDIAN)).table.entries.tolist() == [7, 9, 5, 11]


def test_a_count_of_zero_is_65536_entries(make_dataset: Make, put: Put) -> None:
    entries = np.arange(1 << 16, dtype="<u2")[::-1]
    ds = make_dataset(ModalityLUTSequence=Sequence([_lut_item(0, entries.tobytes(), 0, 16)]))
    lut = _read(put(ds))
    assert lut.apply(np.array([0, 1, 65535], np.uint16)).tolist() == [65535, 65534, 0]


@pytest.mark.parametrize(
    ("item", "beside", "why"),
    [
        (_lut_item(0, bytes(8), 4, 16), {"RescaleIntercept": 0}, "RescaleIntercept"),
        (_lut_item(0, bytes(8), 4, 16), {"RescaleSlope": 2}, "RescaleSlope"),
        (_lut_item(0, bytes(8), 5, 16), {}, "5 entries of 16 bits are stated, 8 bytes"),
        (_lut_item(0, b"", 4, 16), {}, "0 bytes are there"),
        (_lut_item(0, bytes(8), 4, 17), {}, "not 17"),
        (_lut_item(0, bytes(8), 4, 0), {}, "not 0"),
    ],
)
def test_tables_that_are_none_are_refused_by_name(
    make_dataset: Make, put: Put, item: Dataset, beside: dict[str, Any], why: str
) -> None:
    path = put(make_dataset(ModalityLUTSequence=Sequence([item]), **beside))
    with pytest.raises(CannotInterpret, match=why):
        read_modality_lut(read_header_bytes(path))


def test_more_than_one_table_or_a_short_descriptor_is_refused(make_dataset: Make, put: Put) -> None:
    items = [_lut_item(0, bytes(8), 4, 16) for _ in range(2)]
    path = put(make_dataset(ModalityLUTSequence=Sequence(items)))
    with pytest.raises(CannotInterpret, match="one item"):
        read_modality_lut(read_header_bytes(path))
    items[0].LUTDescriptor = [4, 0]
    path = put(make_dataset(ModalityLUTSequence=Sequence(items[:1])))
    with pytest.raises(CannotInterpret, match="three numbers"):
        read_modality_lut(read_header_bytes(path))
    assert read_modality_lut(read_header_bytes(put(make_dataset()))) is None


@given(
    first=st.integers(-(1 << 15), (1 << 16) - 1),
    stored=st.lists(st.integers(-(1 << 31), (1 << 31) - 1), min_size=1),
    dtype=st.sampled_from([np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32]),
)
def test_every_input_is_looked_up_within_the_table(
    first: int, stored: list[int], dtype: type[np.integer[Any]]
) -> None:
    table = LookupTable(first_mapped=first, entries=np.arange(300, dtype=np.uint16), bits=16)
    words = np.array(stored, np.int64).astype(dtype)
    expected = [min(max(int(word) - first, 0), 299) for word in words]
    assert table.apply(words).tolist() == expected


def _palette(
    ds: Dataset, tables: list[bytes], descriptor: list[int], *, segmented: bool
) -> Dataset:
    ds.PhotometricInterpretation = "PALETTE COLOR"
    prefix = "Segmented" if segmented else ""
    for colour, data in zip(("Red", "Green", "Blue"), tables, strict=True):
        setattr(ds, f"{colour}PaletteColorLookupTableDescriptor", descriptor)
        setattr(ds, f"{prefix}{colour}PaletteColorLookupTableData", data)
    return ds


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT])
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize(("first", "signed"), [(0, 0), (900, 0), (-5, 1)])
def test_a_palette_gives_pydicoms_colours(
    make_dataset: Make, put: Put, syntax: str, bits: int, first: int, signed: int
) -> None:
    rng = np.random.default_rng(1)
    words = rng.integers(0, 1 << bits, (3, 250), f"<u{bits // 8}" if bits == 8 else np.uint16)
    tables = [row.astype(f"<u{bits // 8}").tobytes() for row in words]
    ds = _palette(
        make_dataset(PixelRepresentation=signed), tables, [250, first, bits], segmented=False
    )
    path = put(ds, syntax=syntax)
    palette = read_palette(read_header_bytes(path))
    assert palette is not None
    # pydicom holds its clipped inputs in the entries' type: within it, they are right.
    stored = np.arange(first, first + 255, dtype=np.int16)
    expected = apply_color_lut(stored, pydicom.dcmread(path))
    np.testing.assert_array_equal(palette.apply(stored), expected)
    np.testing.assert_array_equal(palette.apply_8bit(stored), expected >> (bits - 8))


# PS3.3 C.7.9.2, by hand: two entries; a line of four more to 100; both again from the last.
SEGMENTS = [0, 2, 10, 20, 1, 4, 100, 2, 2]
WRITTEN_OUT = [10, 20, 40, 60, 80, 100, 10, 20, 40, 60, 80, 100]


def _segment_bytes(bits: int) -> bytes:
    if bits == 16:
        return struct.pack("<11H", *SEGMENTS, 0, 0)
    return bytes([*SEGMENTS, 0, 0, 0, 0])


@pytest.mark.parametrize("bits", [8, 16])
def test_segments_are_written_out(make_dataset: Make, put: Put, bits: int) -> None:
    data = _segment_bytes(bits)
    data += bytes(len(data) % 2)
    path = put(_palette(make_dataset(), [data] * 3, [12, 0, bits], segmented=True))
    palette = open_palette(path)
    assert palette.red.entries.tolist() == WRITTEN_OUT
    stored = np.arange(12, dtype=np.uint16)
    by_pydicom: NDArray[Any] = apply_color_lut(stored, pydicom.dcmread(path))
    np.testing.assert_array_equal(palette.apply(stored), by_pydicom)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ([1, 4, 100], "first segment is a linear"),
        ([0, 9, 1, 2], "cut short"),
        ([0, 2, 1, 2, 2, 1], "indirect segment is cut short"),
        ([0, 2, 1, 2, 2, 1, 8, 0], "does not come before"),  # itself
        ([0, 2, 1, 2, 2, 1, 60000, 9], "does not come before"),
        ([0, 2, 1, 2, 3, 1, 0], "kind 3"),
        ([0, 0, 0, 0, 0, 0], "no entries"),
        ([0, 2, 1, 2], "12 entries are stated, the segments give 2"),
        ([0, 1, 1, 1, 65535, 2, 2, 65535, 0, 0], "12 entries are stated"),
    ],
)
def test_segments_that_are_none_are_refused(
    make_dataset: Make, put: Put, words: list[int], why: str
) -> None:
    data = np.array(words, "<u2").tobytes()
    path = put(_palette(make_dataset(), [data] * 3, [12, 0, 16], segmented=True))
    with pytest.raises(CannotInterpret, match=why):
        read_palette(read_header_bytes(path))


def test_tables_of_eight_bits_that_say_sixteen_are_not_shown_black(
    make_dataset: Make, put: Put
) -> None:
    data = np.array([0, 100, 255], "<u2").tobytes()
    path = put(_palette(make_dataset(), [data] * 3, [3, 0, 16], segmented=False))
    shown = open_palette(path).apply_8bit(np.arange(3, dtype=np.uint8))
    assert shown[:, 0].tolist() == [0, 100, 255]


def test_palettes_that_are_not_the_images_are_refused(make_dataset: Make, put: Put) -> None:
    grey = _palette(make_dataset(), [bytes(8)] * 3, [4, 0, 16], segmented=False)
    grey.PhotometricInterpretation = "MONOCHROME2"
    with pytest.raises(CannotInterpret, match="supplemental"):
        read_palette(read_header_bytes(put(grey)))
    named = make_dataset(PhotometricInterpretation="PALETTE COLOR")
    with pytest.raises(DecodeError, match="does not hold"):
        open_palette(put(named))
    named.PaletteColorLookupTableUID = "1.2.840.10008.1.5.1"
    with pytest.raises(CannotInterpret, match="named by its UID"):
        read_palette(read_header_bytes(put(named)))
    half = _palette(make_dataset(), [bytes(8)] * 3, [4, 0, 16], segmented=False)
    del half.BluePaletteColorLookupTableData
    with pytest.raises(DecodeError, match="BluePaletteColorLookupTableData"):
        open_palette(put(half))


@pytest.mark.real_data
@pytest.mark.filterwarnings("ignore::UserWarning:pydicom")
def test_real_tables_give_what_pydicom_gives(real_data: Path) -> None:
    real = real_data / "real"
    path = real / "pydicom_data/mlut_18.dcm"
    dataset = pydicom.dcmread(path)
    expected = lut_by_pydicom(dataset.pixel_array, dataset)
    np.testing.assert_array_equal(_read(path).apply(dataset.pixel_array), expected)
    names = """dcm4che_testdata/US-PAL-8-10x-echo pattern_cornerstone/TestPattern_Palette.dcm
        pattern_cornerstone/TestPattern_Palette_16.dcm pydicom_data/OBXXXX1A.dcm
        pydicom_data/OBXXXX1A_rle_2frame.dcm pydicom_data/gdcm-US-ALOKA-16.dcm
        pydicom_data/gdcm-US-ALOKA-16_big.dcm pydicom_test_files/examples_palette.dcm
        seg_sr_highdicom/seg_image_sm_control_labelmap_palette_color.dcm"""
    for name in names.split():
        dataset, values = pydicom.dcmread(real / name), read_header_bytes(real / name)
        palette, layout = read_palette(values), values.header.pixels
        assert palette is not None
        assert layout is not None
        stored = read_frame(real / name, layout, values.header.transfer_syntax_uid, 0)
        indices = dataset.pixel_array if layout.frames == 1 else dataset.pixel_array[0]
        expected = apply_color_lut(indices, dataset)
        np.testing.assert_array_equal(palette.apply(stored), expected, err_msg=name)
    # pydicom takes this one's big-endian words for little-endian ones: its little-endian twin.
    big = open_palette(real / "pydicom_data/OBXXXX1A_expb.dcm")
    little = open_palette(real / "pydicom_data/OBXXXX1A.dcm")
    np.testing.assert_array_equal(big.red.entries, little.red.entries)
