"""Colour spaces convert as the standard says."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from noctis_lab.dicom.color import from_rgb, to_rgb
from noctis_lab.errors import DecodeError


def test_colours_convert_as_the_standard_says(rgb: NDArray[np.uint8]) -> None:
    pixels = rgb.reshape(-1, 3).astype(float)
    # PS3.3 C.7.6.3.1.2, written out.
    y = pixels @ [0.2990, 0.5870, 0.1140]
    cb = pixels @ [-0.1687, -0.3313, 0.5000] + 128
    cr = pixels @ [0.5000, -0.4187, -0.0813] + 128
    ybr = np.clip(np.rint(np.stack([y, cb, cr], axis=1)), 0, 255).astype(np.uint8)
    assert np.abs(from_rgb(rgb).reshape(-1, 3).astype(int) - ybr).max() <= 1
    back = to_rgb(ybr, "YBR_FULL").astype(int)
    assert np.abs(back - pixels).max() <= 2
    np.testing.assert_array_equal(to_rgb(rgb.astype(np.uint16) << 8, "RGB"), rgb)
    with pytest.raises(DecodeError, match="PALETTE COLOR"):
        to_rgb(rgb, "PALETTE COLOR")
    with pytest.raises(DecodeError, match="colour samples"):
        to_rgb(rgb[..., 0], "RGB")
