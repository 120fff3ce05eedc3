"""Padding is found among stored values, whatever VR its numbers were written with."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset

from noctis_lab.dicom.header import read_header
from noctis_lab.dicom.padding import find_padding, padding_mask

type Make = Callable[..., Dataset]
type Put = Callable[..., Path]
PADDING, LIMIT = 0x00280120, 0x00280121


@pytest.mark.parametrize(
    ("bits", "signed", "VR", "value", "limit", "expected"),
    [
        (16, 1, "SS", -2000, None, (-2000, -2000)),
        (16, 1, "US", 63536, None, (-2000, -2000)),
        (16, 0, "US", 63536, None, (63536, 63536)),
        (16, 0, "SS", -2000, None, (63536, 63536)),
        (16, 1, "US", 63536, 63540, (-2000, -1996)),
        (12, 1, "US", 0x0FFF, None, (-1, -1)),  # two's complement of 12 bits
        (12, 1, "SS", -2048, -2040, (-2048, -2040)),
        (12, 0, "US", 4095, 4000, (4000, 4095)),  # the limit may lie on either side
        (12, 0, "US", 63536, None, None),  # beyond every pixel
        (12, 1, "SS", -32768, None, None),
        (12, 0, "US", None, 5, None),
    ],
)
def test_padding_is_read_as_the_pixels_are(
    make_dataset: Make,
    put: Put,
    bits: int,
    signed: int,
    VR: str,
    value: int | None,
    limit: int | None,
    expected: tuple[int, int] | None,
) -> None:
    ds = make_dataset(PixelRepresentation=signed, BitsStored=bits, HighBit=bits - 1)
    if value is not None:
        ds.add_new(PADDING, VR, value)
    if limit is not None:
        ds.add_new(LIMIT, VR, limit)
    assert find_padding(read_header(put(ds))) == expected


def test_padding_of_float_pixels(make_dataset: Make, put: Put) -> None:
    ds = make_dataset(BitsAllocated=32)
    for keyword in ("PixelData", "BitsStored", "HighBit", "PixelRepresentation"):
        delattr(ds, keyword)
    ds.FloatPixelData = struct.pack("<12f", *range(12))
    ds.FloatPixelPaddingValue = -1.5
    ds.FloatPixelPaddingRangeLimit = 0.5
    padding = find_padding(read_header(put(ds)))
    assert padding == (-1.5, 0.5)
    mask = padding_mask(np.array([-2, -1.5, 0, 0.5, 0.6, np.nan], np.float32), padding)
    assert mask.tolist() == [False, True, True, True, False, False]


def test_a_mask_is_of_stored_values() -> None:
    stored: Any = np.array([[-2000, 0], [5, -1999]], np.int16)
    assert padding_mask(stored, (-2000, -2000)).tolist() == [[True, False], [False, False]]
    assert padding_mask(stored, (-2000, -1999)).tolist() == [[True, False], [False, True]]
    assert not padding_mask(stored, None).any()


@pytest.mark.real_data
def test_a_real_signed_image_with_unsigned_padding(real_data: Path) -> None:
    header = read_header(real_data / "real/ct_chest_dupe_positions/CT2.dcm")
    assert header.number("PixelPaddingValue") == 63536
    assert find_padding(header) == (-2000, -2000)
