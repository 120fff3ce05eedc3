"""Codestreams and words that contradict each other: taken as the module says, never in silence."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import imagecodecs
import numpy as np
import pytest
from numpy.typing import NDArray

from noctis_lab.dicom.codecs import CODECS, decode_frame
from noctis_lab.dicom.color import from_rgb, to_rgb, to_rgb_samples
from noctis_lab.errors import DecodeError, PixelWarning
from tests.dicom.pixels import (
    EXPLICIT,
    HTJ2K,
    JPEG_2000,
    JPEG_LS,
    JPEG_XL_LOSSLESS,
    LOSSLESS_JPEG,
    RLE,
    colour_layout,
    make_layout,
)


def jpeg2000(pixels: NDArray[Any], *, mct: bool = False, **options: Any) -> bytes:
    return bytes(
        imagecodecs.jpeg2k_encode(
            pixels, level=0, codecformat="j2k", reversible=True, mct=mct, **options
        )
    )


def htj2k(pixels: NDArray[Any], *, mct: bool = False) -> bytes:
    return bytes(imagecodecs.htj2k_encode(pixels, reversible=True, rgb=mct))


@pytest.mark.parametrize("photometric", ["YBR_FULL", "YBR_FULL_422"])
@pytest.mark.parametrize(("syntax", "encode"), [(JPEG_2000, jpeg2000), (HTJ2K, htj2k)])
def test_colours_that_the_codestream_transforms_are_not_converted_twice(
    rgb: NDArray[np.uint8], photometric: str, syntax: str, encode: Any
) -> None:
    layout = colour_layout(photometric)
    payload = encode(rgb, mct=True)
    for codec in CODECS[syntax]:
        with pytest.warns(PixelWarning, match=f"{photometric}.*component transform of its own"):
            stored = codec.decode(layout, payload)
        shown = to_rgb(stored, photometric, bits_stored=8)
        # To YBR_FULL and back to the nearest integers.
        assert np.abs(shown.astype(int) - rgb).max() <= 2


@pytest.mark.parametrize("precision", [8, 12, 16])
def test_colours_less_deep_than_is_stated_keep_their_values(
    rgb: NDArray[np.uint8], precision: int
) -> None:
    layout = replace(colour_layout("YBR_FULL"), bits_allocated=16, bits_stored=16, high_bit=15)
    words = rgb.astype(np.uint16 if precision > 8 else np.uint8) << (precision - 8)
    payload = jpeg2000(words, mct=True, bitspersample=precision)
    with pytest.warns(PixelWarning, match="component transform of its own"):
        stored = decode_frame(layout, JPEG_2000, payload)
    back = to_rgb_samples(stored, "YBR_FULL", bits_stored=16)
    assert np.abs(back.astype(int) - words).max() <= 2


def test_colours_that_are_stored_as_is_stated_are_converted_once(rgb: NDArray[np.uint8]) -> None:
    ybr = from_rgb(rgb, bits_stored=8)
    stored = decode_frame(colour_layout("YBR_FULL"), JPEG_2000, jpeg2000(ybr))
    np.testing.assert_array_equal(stored, ybr)


def test_a_transform_beside_partial_ranges_is_refused(rgb: NDArray[np.uint8]) -> None:
    with pytest.raises(DecodeError, match="YBR_PARTIAL_420: correct it"):
        decode_frame(colour_layout("YBR_PARTIAL_420"), JPEG_2000, jpeg2000(rgb, mct=True))


@pytest.mark.parametrize("photometric", ["YBR_RCT", "YBR_ICT"])
def test_a_transform_that_is_stated_only_is_warned_of(
    rgb: NDArray[np.uint8], photometric: str
) -> None:
    with pytest.warns(PixelWarning, match="has no component transform"):
        stored = decode_frame(colour_layout(photometric), JPEG_2000, jpeg2000(rgb))
    np.testing.assert_array_equal(stored, rgb)


@pytest.mark.parametrize("photometric", ["YBR_RCT", "YBR_ICT", "XYB"])
@pytest.mark.parametrize("syntax", [EXPLICIT, JPEG_LS, RLE])
def test_transforms_that_a_syntax_has_not_are_warned_of(
    rgb: NDArray[np.uint8], photometric: str, syntax: str
) -> None:
    layout = replace(colour_layout(photometric), encapsulated=syntax != EXPLICIT)
    payload = {
        EXPLICIT: rgb.tobytes(),
        JPEG_LS: bytes(imagecodecs.jpegls_encode(rgb)),
        RLE: b"",
    }[syntax]
    if syntax == RLE:
        with pytest.warns(PixelWarning), pytest.raises(DecodeError):  # said before it is decoded
            decode_frame(layout, syntax, payload)
        return
    with pytest.warns(PixelWarning, match=f"{photometric}.*taken as RGB"):
        stored = decode_frame(layout, syntax, payload)
    np.testing.assert_array_equal(to_rgb(stored, photometric, bits_stored=8), rgb)


def grey(bits: int, *, signed: bool) -> Any:
    return make_layout(
        bits_stored=bits,
        high_bit=bits - 1,
        pixel_representation=int(signed),
        encapsulated=True,
    )


@pytest.mark.parametrize("bits_stored", [13, 16])
def test_unsigned_codestreams_of_signed_pixels_are_warned_of(bits_stored: int) -> None:
    numbers = np.array([[0, 1, 0x1000, 0x1FFF]] * 2, np.uint16)
    payload = jpeg2000(numbers, bitspersample=13)
    with pytest.warns(PixelWarning, match="13 bits are unsigned: they are taken as signed"):
        stored = decode_frame(grey(bits_stored, signed=True), JPEG_2000, payload)
    assert stored[0].tolist() == [0, 1, -4096, -1]


@pytest.mark.parametrize(("bits", "expected"), [(16, 65531), (12, 4091)])
def test_signed_codestreams_of_unsigned_pixels_are_warned_of(bits: int, expected: int) -> None:
    numbers = np.array([[0, 1, -5, 7]] * 2, np.int16)
    options = {} if bits == 16 else {"bitspersample": bits}
    payload = jpeg2000(numbers, **options)
    for bits_stored in {bits, 16}:
        for codec in CODECS[JPEG_2000]:
            with pytest.warns(PixelWarning, match="are signed: they are taken as unsigned"):
                stored = codec.decode(grey(bits_stored, signed=False), payload)
            assert stored[0].tolist() == [0, 1, expected, 7]


def test_signs_that_no_sample_has_are_no_contradiction() -> None:
    numbers = np.array([[0, 1, 300, 4000]] * 2)
    unsigned, signed = numbers.astype(np.uint16), numbers.astype(np.int16)
    for layout, payload in (
        (grey(16, signed=True), jpeg2000(unsigned)),
        (grey(16, signed=False), jpeg2000(signed)),
    ):
        np.testing.assert_array_equal(decode_frame(layout, JPEG_2000, payload), numbers)


@pytest.mark.parametrize("syntax", [JPEG_LS, LOSSLESS_JPEG, JPEG_XL_LOSSLESS])
def test_signed_pixels_in_shallower_codestreams_are_warned_of(syntax: str) -> None:
    numbers = np.array([[0, 1, 0x800, 0xFFF]] * 2, np.uint16)
    payload = {
        JPEG_LS: lambda: imagecodecs.jpegls_encode(numbers, bitspersample=12),
        LOSSLESS_JPEG: lambda: imagecodecs.jpeg8_encode(numbers, lossless=True, bitspersample=12),
        JPEG_XL_LOSSLESS: lambda: imagecodecs.jpegxl_encode(
            numbers, lossless=True, bitspersample=12, usecontainer=False
        ),
    }[syntax]()
    with pytest.warns(PixelWarning, match="12 bits are without a sign: they are taken as signed"):
        stored = decode_frame(grey(16, signed=True), syntax, bytes(payload))
    assert stored[0].tolist() == [0, 1, -2048, -1]
    assert decode_frame(grey(12, signed=True), syntax, bytes(payload))[0].tolist() == [
        *(0, 1, -2048, -1)
    ]
    assert decode_frame(grey(16, signed=False), syntax, bytes(payload))[0].tolist() == [
        *(0, 1, 0x800, 0xFFF)
    ]


def encode_deep(syntax: str, numbers: NDArray[Any]) -> bytes:
    encoded = {
        JPEG_2000: lambda: jpeg2000(numbers),
        HTJ2K: lambda: htj2k(numbers),
        JPEG_LS: lambda: imagecodecs.jpegls_encode(numbers.view(np.uint16)),
        LOSSLESS_JPEG: lambda: imagecodecs.jpeg8_encode(
            numbers.view(np.uint16), lossless=True, bitspersample=16
        ),
        JPEG_XL_LOSSLESS: lambda: imagecodecs.jpegxl_encode(
            numbers.view(np.uint16), lossless=True, usecontainer=False
        ),
    }[syntax]()
    return bytes(encoded)


@pytest.mark.parametrize("syntax", [JPEG_2000, HTJ2K, JPEG_LS, LOSSLESS_JPEG, JPEG_XL_LOSSLESS])
@pytest.mark.parametrize(
    "numbers",
    [
        np.array([[0, 169, 4265, 4095]] * 2, np.uint16),
        np.array([[0, 65535, 1, 2]] * 2, np.uint16),
        np.array([[0, -1, 4265, -2048]] * 2, np.int16),
        np.array([[0, 1, 2048, -5]] * 2, np.int16),
        np.array([[-5000, -1, -2, -3]] * 2, np.int16),
    ],
)
def test_samples_beyond_bits_stored_are_kept_and_warned_of(
    syntax: str, numbers: NDArray[Any]
) -> None:
    layout = grey(12, signed=numbers.dtype.kind == "i")
    payload = encode_deep(syntax, numbers)
    for codec in CODECS[syntax]:
        with pytest.warns(PixelWarning, match="BitsStored is 12.*16 bits, are beyond: they are"):
            stored = codec.decode(layout, payload)
        np.testing.assert_array_equal(stored, numbers, err_msg=codec.library)


@pytest.mark.parametrize("syntax", [JPEG_2000, HTJ2K, JPEG_LS, LOSSLESS_JPEG, JPEG_XL_LOSSLESS])
@pytest.mark.parametrize(
    "numbers",
    [np.array([[0, 169, 2048, 4095]] * 2, np.uint16), np.array([[0, -1, 2047, -2048]] * 2, "i2")],
)
def test_deep_codestreams_of_samples_within_bits_stored_are_no_contradiction(
    syntax: str, numbers: NDArray[Any]
) -> None:
    stored = decode_frame(
        grey(12, signed=numbers.dtype.kind == "i"), syntax, encode_deep(syntax, numbers)
    )
    np.testing.assert_array_equal(stored, numbers)


def test_signs_that_were_not_carried_on_end_at_bits_stored() -> None:
    words = np.array([[0, 1, 0x800, 0xFFF]] * 2, np.uint16)
    expected = [0, 1, -2048, -1]
    layout = grey(12, signed=True)
    assert decode_frame(layout, JPEG_LS, encode_deep(JPEG_LS, words))[0].tolist() == expected
    for numbers in (words, words.astype(np.int16)):
        with pytest.warns(PixelWarning, match="no sign beyond them: they are taken as signed"):
            stored = decode_frame(layout, JPEG_2000, jpeg2000(numbers))
        assert stored[0].tolist() == expected
