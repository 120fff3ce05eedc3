"""Pixels that stand as they are: words of every width, order, sign and arrangement."""

from __future__ import annotations

import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest

from noctis_lab.dicom.codecs import decode_frame, native_dtype, read_frame
from noctis_lab.errors import DecodeError
from noctis_lab.synthetic import ct_series, formula_stored, write_series
from tests.dicom.pixels import (
    BIG_ENDIAN,
    DEFLATED,
    EXPLICIT,
    layout_of,
    make_layout,
)


def test_bits_above_high_bit_are_cut_and_the_sign_is_extended() -> None:
    words = np.array([[0x0FFF, 0xF7FF, 0x0800, 0xF801], [0, 1, 0x8000, 0x7000]], "<u2")
    unsigned = make_layout(bits_stored=12, high_bit=11)
    expected = [[0xFFF, 0x7FF, 0x800, 0x801], [0, 1, 0, 0]]
    stored = decode_frame(unsigned, EXPLICIT, words.tobytes())
    assert stored.dtype == np.uint16
    assert stored.tolist() == expected
    signed = replace(unsigned, pixel_representation=1)
    stored = decode_frame(signed, EXPLICIT, words.tobytes())
    assert stored.dtype == np.int16
    assert stored.tolist() == [[-1, 2047, -2048, -2047], [0, 1, 0, 0]]


def test_a_high_bit_above_bits_stored_shifts() -> None:
    words = np.full((2, 4), 0xABCD, "<u2")
    layout = make_layout(bits_stored=12, high_bit=15)
    assert decode_frame(layout, EXPLICIT, words.tobytes()).tolist() == [[0xABC] * 4] * 2


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2", "u4", "i4", "u8"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_native_words_of_every_width_and_order(dtype: str, order: str) -> None:
    kind = np.dtype(dtype)
    bits = 8 * kind.itemsize
    numbers = np.array([np.iinfo(kind).min, np.iinfo(kind).max, 3, 77], kind)
    pixels = np.tile(numbers, (2, 1))
    layout = make_layout(
        bits_allocated=bits,
        bits_stored=bits,
        high_bit=bits - 1,
        pixel_representation=int(kind.kind == "i"),
        big_endian=order == ">",
    )
    stored = decode_frame(layout, EXPLICIT, pixels.astype(kind.newbyteorder(order)).tobytes())
    assert stored.dtype == kind == native_dtype(layout)
    np.testing.assert_array_equal(stored, pixels)


@pytest.mark.parametrize(
    ("keyword", "dtype"), [("FloatPixelData", "f4"), ("DoubleFloatPixelData", "f8")]
)
def test_float_pixels(keyword: str, dtype: str) -> None:
    pixels = np.array([[0.5, -1e30, np.inf, 3.0], [1, 2, 3, 4]], dtype)
    bits = 8 * pixels.itemsize
    layout = make_layout(keyword=keyword, bits_allocated=bits, bits_stored=bits, high_bit=bits - 1)
    stored = decode_frame(layout, EXPLICIT, pixels.tobytes())
    np.testing.assert_array_equal(stored, pixels)
    assert stored.dtype == pixels.dtype


def test_planar_colours_become_interleaved() -> None:
    rgb = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    fields = {"samples_per_pixel": 3, "photometric_interpretation": "RGB"}
    depth = {"bits_allocated": 8, "bits_stored": 8, "high_bit": 7}
    by_pixel = make_layout(**fields, **depth)
    by_plane = replace(by_pixel, planar_configuration=1)
    planes = np.ascontiguousarray(np.moveaxis(rgb, 2, 0)).tobytes()
    np.testing.assert_array_equal(decode_frame(by_pixel, EXPLICIT, rgb.tobytes()), rgb)
    stored = decode_frame(by_plane, EXPLICIT, planes)
    np.testing.assert_array_equal(stored, rgb)
    assert stored.flags.c_contiguous


def test_subsampled_chrominance_is_widened() -> None:
    payload = bytes([10, 11, 200, 100, 12, 13, 201, 101])  # Y1 Y2 CB CR
    layout = make_layout(
        rows=1,
        samples_per_pixel=3,
        photometric_interpretation="YBR_FULL_422",
        bits_allocated=8,
        bits_stored=8,
        high_bit=7,
    )
    assert decode_frame(layout, EXPLICIT, payload).tolist() == [
        [[10, 200, 100], [11, 200, 100], [12, 201, 101], [13, 201, 101]]
    ]


def test_packed_bits_start_with_the_lowest() -> None:
    layout = make_layout(rows=3, columns=3, bits_allocated=1, bits_stored=1, high_bit=0)
    stored = decode_frame(layout, EXPLICIT, bytes([0b10000001, 0b1]))
    assert stored.tolist() == [[1, 0, 0], [0, 0, 0], [0, 1, 1]]


def test_frames_of_bits_that_start_within_a_byte(tmp_path: Path) -> None:
    frames = np.random.default_rng(7).integers(0, 2, (3, 3, 5), np.uint8)
    path = tmp_path / "bits"
    path.write_bytes(b"head" + np.packbits(frames.ravel(), bitorder="little").tobytes())
    layout = make_layout(
        rows=3, columns=5, frames=3, bits_allocated=1, bits_stored=1, high_bit=0, offset=4
    )
    for number in range(3):
        np.testing.assert_array_equal(read_frame(path, layout, EXPLICIT, number), frames[number])


def test_bytes_in_big_endian_words_are_swapped_back(tmp_path: Path) -> None:
    frames = np.arange(30, dtype=np.uint8).reshape(2, 3, 5)  # odd: frame 1 starts within a word
    swapped = np.frombuffer(frames.tobytes(), ">u2").astype("<u2").tobytes()
    layout = make_layout(
        rows=3,
        columns=5,
        frames=2,
        bits_allocated=8,
        bits_stored=8,
        high_bit=7,
        big_endian=True,
        offset=12,
    )
    for vr, payload in ((b"OW", swapped), (b"OB", frames.tobytes())):
        path = tmp_path / vr.decode()
        path.write_bytes(b"\x7f\xe0\x00\x10" + vr + b"\0\0\0\0\0\x1e" + payload)
        for number in range(2):
            stored = read_frame(path, layout, BIG_ENDIAN, number)
            np.testing.assert_array_equal(stored, frames[number])


def test_frames_of_a_deflated_file_are_read(tmp_path: Path) -> None:
    dataset = ct_series(planes=2, transfer_syntax_uid=DEFLATED)[1]
    path = write_series([dataset], tmp_path)[0]
    inflated = zlib.decompressobj(-15).decompress(_after_file_meta(path))
    payload = dataset.PixelData
    offset = inflated.index(payload)
    layout = replace(layout_of(dataset), deflated=True, offset=offset, length=len(payload))
    np.testing.assert_array_equal(
        read_frame(path, layout, DEFLATED, 0), formula_stored(2, 64, 64)[1]
    )
    with pytest.raises(DecodeError, match="deflated data set ends"):
        read_frame(path, replace(layout, offset=offset + 2), DEFLATED, 0)


def _after_file_meta(path: Path) -> bytes:
    with path.open("rb") as file:
        pydicom.filereader.read_preamble(file, force=False)
        pydicom.filereader._read_file_meta_info(file)
        return file.read()


@pytest.mark.parametrize("high_bit", [11, 12, 15])
@pytest.mark.parametrize("signed", [0, 1])
def test_bits_around_the_stored_ones_never_reach_the_values(high_bit: int, signed: int) -> None:
    values = np.array([[0, 1, 2047, 2048], [4095, 2049, 7, 1000]], np.uint16)
    lowest = high_bit - 11
    below = np.uint16((1 << lowest) - 1)
    above = np.uint16(0xFFFF & ~((1 << high_bit + 1) - 1))
    words = (values << np.uint16(lowest)) | below | above
    layout = make_layout(bits_stored=12, high_bit=high_bit, pixel_representation=signed)
    stored = decode_frame(layout, EXPLICIT, words.astype("<u2").tobytes())
    expected = values.astype(int)
    if signed:
        expected -= (expected >> 11) << 12
    assert stored.tolist() == expected.tolist()


@pytest.mark.parametrize("bits", [10, 12, 14, 24])
def test_pixels_packed_across_bytes_are_refused_by_name(bits: int) -> None:
    layout = make_layout(bits_allocated=bits, bits_stored=bits, high_bit=bits - 1)
    with pytest.raises(DecodeError, match=f"{bits} bits allocated, packed across bytes"):
        decode_frame(layout, EXPLICIT, bytes(100))


def test_integers_of_thirty_two_bits_keep_their_sign() -> None:
    layout = make_layout(bits_allocated=32, bits_stored=32, high_bit=31, pixel_representation=1)
    words = np.array([[-(1 << 31), -1, 0, 1], [(1 << 31) - 1, 5, -5, 1 << 24]], "<i4")
    stored = decode_frame(layout, EXPLICIT, words.tobytes())
    assert stored.dtype == np.int32
    np.testing.assert_array_equal(stored, words)
    layout = make_layout(bits_allocated=32, bits_stored=20, high_bit=19, pixel_representation=1)
    words = np.array([[0x80000, 0x7FFFF, 0xFFF00001, 0], [1, 2, 3, 0xFFFFF]], "<u4")
    stored = decode_frame(layout, EXPLICIT, words.tobytes())
    assert stored.ravel().tolist() == [-(1 << 19), (1 << 19) - 1, 1, 0, 1, 2, 3, -1]
