"""Colour spaces convert as the standard says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from noctis_lab.dicom.color import from_rgb, to_rgb, to_rgb_samples
from noctis_lab.errors import DecodeError


def test_colours_convert_as_the_standard_says(rgb: NDArray[np.uint8]) -> None:
    pixels = rgb.reshape(-1, 3).astype(float)
    # PS3.3 C.7.6.3.1.2, written out.
    y = pixels @ [0.2990, 0.5870, 0.1140]
    cb = pixels @ [-0.1687, -0.3313, 0.5000] + 128
    cr = pixels @ [0.5000, -0.4187, -0.0813] + 128
    ybr = np.clip(np.rint(np.stack([y, cb, cr], axis=1)), 0, 255).astype(np.uint8)
    assert np.abs(from_rgb(rgb, bits_stored=8).reshape(-1, 3).astype(int) - ybr).max() <= 1
    back = to_rgb(ybr, "YBR_FULL", bits_stored=8).astype(int)
    assert np.abs(back - pixels).max() <= 2
    np.testing.assert_array_equal(to_rgb(rgb.astype(np.uint16) << 8, "RGB", bits_stored=16), rgb)
    with pytest.raises(DecodeError, match="PALETTE COLOR"):
        to_rgb(rgb, "PALETTE COLOR", bits_stored=8)
    with pytest.raises(DecodeError, match="colour samples"):
        to_rgb(rgb[..., 0], "RGB", bits_stored=8)


@pytest.mark.parametrize(("bits", "dtype"), [(8, np.uint8), (12, np.uint16), (16, np.uint16)])
@pytest.mark.parametrize("is_partial", [False, True])
def test_deep_and_partial_colours_come_back(
    bits: int, dtype: type[np.unsignedinteger[Any]], is_partial: bool
) -> None:
    highest = (1 << bits) - 1
    rng = np.random.default_rng(2)
    pixels = rng.integers(0, highest + 1, (9, 7, 3)).astype(dtype)
    normal = pixels / highest
    # ITU-R BT.601 by its two weights, for normalised R, G, B.
    y = normal @ [0.299, 0.587, 0.114]
    cb, cr = (normal[..., 2] - y) / 1.772, (normal[..., 0] - y) / 1.402
    scale = 1 << (bits - 8)
    if is_partial:  # 16 to 235 and 16 to 240 of 8 bits
        ybr = np.stack([16 + 219 * y, 128 + 224 * cb, 128 + 224 * cr], -1) * scale
    else:
        ybr = np.stack([y * highest, cb * highest + 128 * scale, cr * highest + 128 * scale], -1)
    stored = np.clip(np.rint(ybr), 0, highest).astype(dtype)
    kind = "YBR_PARTIAL_422" if is_partial else "YBR_FULL"
    back = to_rgb_samples(stored, kind, bits_stored=bits)
    assert back.dtype == dtype
    # Rounding of chrominance is multiplied by up to 1.8; partial chrominance has fewer levels,
    # whose highest is a little below 255 of 256ths at depths beyond 8.
    allowed = 3 if bits == 8 else highest // 200
    assert np.abs(back.astype(int) - pixels.astype(int)).max() <= allowed
    shown = to_rgb(stored, kind, bits_stored=bits)
    np.testing.assert_array_equal(shown, (back >> (bits - 8)).astype(np.uint8))


def test_samples_of_twelve_bits_are_shown_by_their_highest_eight() -> None:
    deep = np.array([[0, 2048, 4095]], np.uint16)
    assert to_rgb(deep, "RGB", bits_stored=12).tolist() == [[0, 128, 255]]
    assert to_rgb_samples(deep, "RGB", bits_stored=12) is deep
    few = np.array([[0, 8, 15]], np.uint8)
    assert to_rgb(few, "RGB", bits_stored=4).tolist() == [[0, 136, 255]]


def test_a_transform_of_jpeg_2000_was_undone_by_its_decoder(rgb: NDArray[np.uint8]) -> None:
    for interpretation in ("YBR_RCT", "YBR_ICT"):
        assert to_rgb_samples(rgb, interpretation, bits_stored=8) is rgb


def test_deep_luminance_is_the_standards(rgb: NDArray[np.uint8]) -> None:
    deep = rgb.astype(np.uint16) << 4
    back = to_rgb_samples(from_rgb(deep, bits_stored=12), "YBR_FULL", bits_stored=12)
    assert np.abs(back.astype(int) - deep.astype(int)).max() <= 2


def test_samples_beyond_their_depth_are_the_brightest() -> None:
    deep = np.array([[4095, 4265, 65535]], np.uint16)
    assert to_rgb(deep, "RGB", bits_stored=12).tolist() == [[255, 255, 255]]
    assert to_rgb(np.array([[15, 200, 0]], np.uint8), "RGB", bits_stored=4).tolist() == [
        [255, 255, 0]
    ]
