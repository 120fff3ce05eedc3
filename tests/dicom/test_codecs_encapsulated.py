"""Compressed frames decode to the encoder's input, whatever the header says of colour and sign."""

from __future__ import annotations

import base64
import struct
import zlib
from dataclasses import replace

import imagecodecs
import numpy as np
import pytest
from numpy.typing import NDArray

from noctis_lab.dicom.codecs import CODECS, decode_frame, native_dtype
from noctis_lab.dicom.color import from_rgb, to_rgb
from noctis_lab.errors import DecodeError
from noctis_lab.synthetic import ct_series, formula_stored
from tests.dicom.pixels import (
    BASELINE,
    DEFLATED_FRAMES,
    ENCAPSULATED_UNCOMPRESSED,
    EXPLICIT,
    HTJ2K,
    JPEG_2000,
    JPEG_LS,
    JPEG_XL,
    JPEG_XL_LOSSLESS,
    JPEG_XL_OF_JPEG,
    LOSSLESS,
    LOSSLESS_JPEG,
    RLE,
    colour_layout,
    first_frame,
    layout_of,
    make_layout,
)


@pytest.mark.parametrize("syntax", LOSSLESS)
@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("bits_stored", [16, 12])
def test_lossless_codecs_return_what_was_encoded(
    syntax: str, signed: bool, bits_stored: int
) -> None:
    dataset = ct_series(
        planes=1,
        rows=33,
        columns=20,
        signed=signed,
        bits_stored=bits_stored,
        transfer_syntax_uid=syntax,
    )[0]
    layout = layout_of(dataset)
    expected = formula_stored(1, 33, 20, bits_stored=bits_stored, signed=signed)[0]
    for codec in CODECS[syntax]:
        if codec.available:
            stored = codec.decode(layout, first_frame(dataset))
            np.testing.assert_array_equal(stored, expected, err_msg=codec.library)
            assert stored.dtype == native_dtype(layout)
    np.testing.assert_array_equal(decode_frame(layout, syntax, first_frame(dataset)), expected)


def test_colour_stays_in_the_space_that_is_stated(rgb: NDArray[np.uint8]) -> None:
    as_ybr = imagecodecs.jpeg8_encode(
        rgb, level=100, colorspace="RGB", outcolorspace="YCBCR", subsampling="444"
    )
    stored = decode_frame(colour_layout("YBR_FULL"), BASELINE, as_ybr)
    assert np.abs(to_rgb(stored, "YBR_FULL", bits_stored=8).astype(int) - rgb).max() <= 3
    # JFIF says YCbCr, the header says RGB: the result must be RGB all the same.
    stored = decode_frame(colour_layout("RGB"), BASELINE, as_ybr)
    assert np.abs(stored.astype(int) - rgb).max() <= 3


def test_colour_kept_as_rgb_stays_untouched(rgb: NDArray[np.uint8]) -> None:
    as_rgb = imagecodecs.jpeg8_encode(
        rgb, level=100, colorspace="RGB", outcolorspace="RGB", subsampling="444"
    )
    stored = decode_frame(colour_layout("RGB"), BASELINE, as_rgb)
    assert np.abs(stored.astype(int) - rgb).max() <= 2
    stored = decode_frame(colour_layout("YBR_FULL"), BASELINE, as_rgb)
    assert np.abs(to_rgb(stored, "YBR_FULL", bits_stored=8).astype(int) - rgb).max() <= 4


def test_jpeg2000_undoes_its_own_colour_transform(rgb: NDArray[np.uint8]) -> None:
    payload = imagecodecs.jpeg2k_encode(rgb, level=0, codecformat="j2k", reversible=True, mct=True)
    stored = decode_frame(colour_layout("YBR_RCT"), JPEG_2000, payload)
    np.testing.assert_array_equal(stored, rgb)
    np.testing.assert_array_equal(to_rgb(stored, "YBR_RCT", bits_stored=8), rgb)


def test_lossy_high_throughput_values_are_clipped_not_wrapped() -> None:
    edges = (np.random.default_rng(1).integers(0, 2, (64, 64)) * 255).astype(np.uint8)
    payload = bytes(imagecodecs.htj2k_encode(edges, level=0.1, reversible=False))
    layout = make_layout(
        rows=64, columns=64, bits_allocated=8, bits_stored=8, high_bit=7, encapsulated=True
    )
    for syntax in (HTJ2K, "1.2.840.10008.1.2.4.203"):
        stored = decode_frame(layout, syntax, payload)
        assert np.abs(stored.astype(int) - edges).max() < 64


def test_frames_deflated_one_by_one() -> None:
    pixels = np.arange(8, dtype="<u2").reshape(2, 4)
    deflater = zlib.compressobj(wbits=-15)
    payload = deflater.compress(pixels.tobytes()) + deflater.flush()
    layout = make_layout(encapsulated=True)
    np.testing.assert_array_equal(decode_frame(layout, DEFLATED_FRAMES, payload), pixels)
    with pytest.raises(DecodeError, match="deflate"):
        decode_frame(layout, DEFLATED_FRAMES, b"\xff" * 20)


def test_uncompressed_frames_in_fragments() -> None:
    pixels = np.arange(8, dtype="<u2").reshape(2, 4)
    layout = make_layout(encapsulated=True)
    stored = decode_frame(layout, ENCAPSULATED_UNCOMPRESSED, pixels.tobytes())
    np.testing.assert_array_equal(stored, pixels)
    odd = make_layout(rows=3, columns=3, bits_allocated=8, bits_stored=8, high_bit=7)
    stored = decode_frame(
        replace(odd, encapsulated=True), ENCAPSULATED_UNCOMPRESSED, bytes(range(9)) + b"\0"
    )
    assert stored.ravel().tolist() == list(range(9))


@pytest.mark.parametrize("bits", [8, 10, 12, 13, 16])
@pytest.mark.parametrize("shape", [(16, 24), (33, 20), (7, 700), (64, 64), (30, 40), (90, 160)])
@pytest.mark.parametrize("container", [True, False])
def test_jpeg_xl_returns_what_was_encoded(
    bits: int, shape: tuple[int, int], container: bool
) -> None:
    dtype = np.uint8 if bits == 8 else np.uint16
    pixels = np.random.default_rng(bits).integers(0, 1 << bits, shape).astype(dtype)
    payload = imagecodecs.jpegxl_encode(
        pixels, lossless=True, bitspersample=bits, usecontainer=container, effort=1
    )
    allocated = 8 * pixels.itemsize
    layout = make_layout(
        rows=shape[0],
        columns=shape[1],
        bits_allocated=allocated,
        bits_stored=bits,
        high_bit=bits - 1,
        encapsulated=True,
    )
    for syntax in (JPEG_XL_LOSSLESS, JPEG_XL):
        stored = decode_frame(layout, syntax, bytes(payload))
        np.testing.assert_array_equal(stored, pixels)
        assert stored.dtype == pixels.dtype


def test_jpeg_xl_of_colours_and_of_a_jpeg(rgb: NDArray[np.uint8]) -> None:
    lossless = bytes(imagecodecs.jpegxl_encode(rgb, lossless=True))
    stored = decode_frame(colour_layout("RGB"), JPEG_XL_LOSSLESS, lossless)
    np.testing.assert_array_equal(stored, rgb)
    perceptual = bytes(imagecodecs.jpegxl_encode(rgb, distance=0.5))
    stored = decode_frame(colour_layout("XYB"), JPEG_XL, perceptual)
    assert np.abs(to_rgb(stored, "XYB", bits_stored=8).astype(int) - rgb).mean() < 3
    jpeg = imagecodecs.jpeg8_encode(rgb, level=90)
    packed = bytes(imagecodecs.jpegxl_encode_jpeg(jpeg))
    stored = decode_frame(colour_layout("YBR_FULL_422"), JPEG_XL_OF_JPEG, packed)
    expected = decode_frame(colour_layout("YBR_FULL_422"), BASELINE, bytes(jpeg))
    np.testing.assert_array_equal(stored, expected)


# The same ramp by libjpeg-turbo 2.1.5 at quality 90 with `arith_code`, which no library that is
# at hand encodes: sequential, and with `jpeg_simple_progression`.
_ARITHMETIC = {
    "1.2.840.10008.1.2.4.52": (
        "|JeWF01!$>Nk#wx0RR9200961|JwjV00RO70|EjA0|NsD0|NvF2n7WM1O*BQ2L=cX3JeSj3JVJj4iXRz4iOFu"
        "3lJ6%5fc;@6%`B*7Z?^47!ni}6#vNp3kU!Z02l!Q5di<p00saM5C#9*00;pA002J#{{ZOO&1(6iOiIRlf_HN5"
        "JiJwCfQ~;VvDMF6ZXT0qLB^rz`YvztKH|4Cq(hgW(thT^+u`62zp|0sxYP?ML%|g@Y7DCZfQM^R84pvKx`{3X"
        "hJXJ6OaIv"
    ),
    "1.2.840.10008.1.2.4.56": (
        "|JeWF01!$>Nk#wx0RR9200961|JwjV00RO70|EjA0|NsD0|NvF2n7WM1O*BQ2L=cX3JeSj3JVJj4iXRz4iOFu"
        "3lJ6%5fc;@6%`B*7Z?^47!ni}6#vQq3kU!Z02l!Q5di<p00aOK|Jncu0RaF200I91(Z|RnWQAU;|I7dc5C#9*"
        "00;pA009L879=p)G8kpi8F4lx4*?l~|I7dc5C#9*00;pA00ut-0^|8%wqXw({M>|dXFy00=k3z}%m4%s1^?Or"
        "2mt{A0Y4$B0>#fVFxm0vEb9`;4sF2y+5iXv0RR915P1L000a;P|Jncu0RaF3KM+iOu+4qi_aihCL1m?f&Hvc"
    ),
}


@pytest.mark.parametrize("syntax", list(_ARITHMETIC))
def test_arithmetic_coding_changes_no_sample(syntax: str) -> None:
    y, x = np.mgrid[:16, :24]
    ramp = ((9 * x + 4 * y) % 256).astype(np.uint8)
    # Quantised alike, coded by Huffman.
    expected = imagecodecs.jpeg8_decode(imagecodecs.jpeg8_encode(ramp, level=90))
    layout = make_layout(
        rows=16, columns=24, bits_allocated=8, bits_stored=8, high_bit=7, encapsulated=True
    )
    stored = decode_frame(layout, syntax, base64.b85decode(_ARITHMETIC[syntax]))
    np.testing.assert_array_equal(stored, expected)


@pytest.mark.parametrize(
    "name", ["native", "planar", "RLE", "JPEG-LS", "JPEG 2000", "JPEG lossless"]
)
def test_ybr_full_of_every_lossless_codec_is_the_same_rgb(
    name: str, rgb: NDArray[np.uint8]
) -> None:
    ybr = np.ascontiguousarray(from_rgb(rgb, bits_stored=8))
    planes = np.ascontiguousarray(np.moveaxis(ybr, 2, 0))
    layout = colour_layout("YBR_FULL")
    syntax, payload = {
        "native": (EXPLICIT, ybr.tobytes()),
        "planar": (EXPLICIT, planes.tobytes()),
        "RLE": (RLE, _rle_segments(planes)),
        "JPEG-LS": (JPEG_LS, bytes(imagecodecs.jpegls_encode(ybr))),
        "JPEG 2000": (
            JPEG_2000,
            bytes(imagecodecs.jpeg2k_encode(ybr, mct=False, reversible=True, codecformat="j2k")),
        ),
        "JPEG lossless": (
            LOSSLESS_JPEG,
            bytes(
                imagecodecs.jpeg8_encode(ybr, lossless=True, colorspace="RGB", outcolorspace="RGB")
            ),
        ),
    }[name]
    if syntax == EXPLICIT:
        layout = replace(layout, encapsulated=False, planar_configuration=int(name == "planar"))
    stored = decode_frame(layout, syntax, payload)
    np.testing.assert_array_equal(stored, ybr)
    back = to_rgb(stored, "YBR_FULL", bits_stored=8)
    assert np.abs(back.astype(int) - rgb).max() <= 2


def _rle_segments(planes: NDArray[np.uint8]) -> bytes:
    """Encode literal runs alone, by hand (PS3.5 G.3)."""
    segments = []
    for plane in planes:
        raw = plane.tobytes()
        runs = [raw[at : at + 128] for at in range(0, len(raw), 128)]
        segment = b"".join(bytes([len(run) - 1]) + run for run in runs)
        segments.append(segment + b"\0" * (len(segment) % 2))
    offsets = np.cumsum([64, *map(len, segments[:-1])])
    header = struct.pack("<4I", len(segments), *offsets) + bytes(48)
    return header + b"".join(segments)
