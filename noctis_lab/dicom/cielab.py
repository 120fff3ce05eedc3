"""Colours as the standard recommends them for display: CIELab of the D50 white, into sRGB."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["parse_cielab"]

# ICC.1: the profile connection space's white, D50.
_WHITE = np.array([0.9642, 1.0, 0.8249])
#: XYZ of D50 to linear sRGB (of D65), adapted by Bradford's method.
_TO_RGB = np.array(
    [
        [3.1338561, -1.6168667, -0.4906146],
        [-0.9787684, 1.9161415, 0.0334540],
        [0.0719453, -0.2289914, 1.4052427],
    ]
)


def parse_cielab(stored: Sequence[float]) -> str | None:
    """Return a RecommendedDisplayCIELabValue as an sRGB colour.

    Parameters
    ----------
    stored
        L*, a* and b* in 16 bits each: 0 to 65535 are 0 to 100, -128 to 127 and -128 to 127.

    Returns
    -------
    str or None
        ``"#rrggbb"``; None where there are not three numbers of that range.

    References
    ----------
    :dcm:`PS3.3 C.10.7.1.1 <part03/sect_C.10.7.html>`; IEC 61966-2-1.

    Examples
    --------
    >>> parse_cielab([65535, 32896, 32896]), parse_cielab([0, 32896, 32896]), parse_cielab([1])
    ('#ffffff', '#000000', None)
    """
    if len(stored) != 3 or not all(0 <= number <= 0xFFFF for number in stored):
        return None
    lightness = stored[0] / 0xFFFF * 100
    a, b = (number / 0xFFFF * 255 - 128 for number in stored[1:])
    middle = (lightness + 16) / 116
    parts = np.array([middle + a / 500, middle, middle - b / 200])
    ratio = np.where(parts > 6 / 29, parts**3, 3 * (6 / 29) ** 2 * (parts - 4 / 29))
    linear = (_TO_RGB @ (_WHITE * ratio)).clip(0, 1)
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return "#" + "".join(f"{round(part * 255):02x}" for part in encoded.tolist())
