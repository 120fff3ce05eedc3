"""Pixels that fill up an image and are none of it: PixelPaddingValue and its range."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from noctis_lab.dicom.frames import PixelLayout
from noctis_lab.dicom.header import Header

__all__ = ["find_padding", "padding_mask"]

_KEYWORDS = {
    "PixelData": ("PixelPaddingValue", "PixelPaddingRangeLimit"),
    "FloatPixelData": ("FloatPixelPaddingValue", "FloatPixelPaddingRangeLimit"),
    "DoubleFloatPixelData": ("DoubleFloatPixelPaddingValue", "DoubleFloatPixelPaddingRangeLimit"),
}


def find_padding(header: Header) -> tuple[float, float] | None:
    """Return the stored values that are padding, as (lowest, highest), both included.

    Parameters
    ----------
    header
        Of an image.

    Returns
    -------
    tuple of float, or None
        In stored values, before any rescaling. None where no padding is stated, or a value that no
        pixel can have.

    Notes
    -----
    Numbers are read as the pixels are (PixelRepresentation), whatever VR they were written with:
    63536 in a signed image is -2000.

    References
    ----------
    :dcm:`PS3.3 C.7.5.1.1.2 <part03/sect_C.7.5.html>`
    """
    layout = header.pixels
    if layout is None:
        return None
    value_keyword, limit_keyword = _KEYWORDS[layout.keyword]
    value = _stored(layout, header.number(value_keyword))
    if value is None:
        return None
    limit = _stored(layout, header.number(limit_keyword))
    other = value if limit is None else limit
    return min(value, other), max(value, other)


def padding_mask(stored: NDArray[Any], padding: tuple[float, float] | None) -> NDArray[np.bool_]:
    """Return which pixels are padding.

    Parameters
    ----------
    stored
        Stored values, any shape.
    padding
        From `find_padding`.

    Returns
    -------
    ndarray of bool, same shape
        True for padding; all False where `padding` is None.
    """
    if padding is None:
        return np.zeros(stored.shape, np.bool_)
    low, high = padding
    if low == high:
        return np.asarray(stored == low)
    return np.asarray((stored >= low) & (stored <= high))


def _stored(layout: PixelLayout, number: float | None) -> float | None:
    """Return a stated number as the stored value it stands for; None where it is no pixel's."""
    if number is None or layout.keyword != "PixelData":
        return number
    bits = layout.bits_stored
    if bits < 1:
        return None
    if layout.pixel_representation != 1:
        low, high = 0, (1 << bits) - 1
        number = number % (1 << 16) if number < 0 else number  # written as SS
    else:
        low, high = -(1 << bits - 1), (1 << bits - 1) - 1
        if number > high:  # written as US: two's complement of BitsStored, or of its 16 bits
            number -= 1 << (bits if number < 1 << bits else 16)
    if layout.encapsulated:  # a codestream's samples may be beyond BitsStored
        low = 0 if low == 0 else -(1 << layout.bits_allocated - 1)
        high = low + (1 << layout.bits_allocated) - 1
    return number if low <= number <= high else None
