"""Colour spaces of stored samples into RGB for display."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from noctis_lab.errors import DecodeError

__all__ = ["from_rgb", "to_rgb"]

#: Decoders undo the transforms of JPEG 2000 and JPEG XL themselves (PS3.5 8.2.4).
_ALREADY_RGB = frozenset({"RGB", "YBR_RCT", "YBR_ICT", "XYB"})
_FULL = frozenset({"YBR_FULL", "YBR_FULL_422"})
#: PS3.3 C.7.6.3.1.2, solved for R, G, B: columns are Y, CB - 128, CR - 128.
_FROM_YBR = np.array(
    [[1.0, 0.0, 1.402], [1.0, -0.114 * 1.772 / 0.587, -0.299 * 1.402 / 0.587], [1.0, 1.772, 0.0]],
    dtype=np.float32,
)


def to_rgb(stored: NDArray[Any], photometric_interpretation: str) -> NDArray[np.uint8]:
    """Convert stored colour samples, as `decode_frame` gives them, to RGB.

    Parameters
    ----------
    stored
        uint8 or uint16, shape (..., 3); 16-bit samples are cut to their high byte.
    photometric_interpretation
        RGB, YBR_FULL, YBR_FULL_422, YBR_RCT, YBR_ICT or XYB.

    Returns
    -------
    ndarray of uint8, shape (..., 3)

    Raises
    ------
    DecodeError
        For any other interpretation (PALETTE COLOR is looked up elsewhere).

    References
    ----------
    :dcm:`PS3.3 C.7.6.3.1.2 <part03/sect_C.7.6.3.html>`

    Examples
    --------
    >>> to_rgb(np.array([76, 85, 255], np.uint8), "YBR_FULL").tolist()
    [254, 0, 0]
    """
    if stored.shape[-1:] != (3,) or stored.dtype.kind != "u":
        raise DecodeError(f"{stored.shape} of {stored.dtype} are not unsigned colour samples")
    shift = 8 * (stored.dtype.itemsize - 1)
    samples = (stored >> shift).astype(np.uint8) if shift else stored.astype(np.uint8, copy=False)
    if photometric_interpretation in _ALREADY_RGB:
        return samples
    if photometric_interpretation not in _FULL:
        raise DecodeError(f"{photometric_interpretation} cannot be shown as RGB")
    centred = samples.astype(np.float32) - np.array([0, 128, 128], np.float32)
    rgb: NDArray[np.uint8] = np.clip(np.rint(centred @ _FROM_YBR.T), 0, 255).astype(np.uint8)
    return rgb


def from_rgb(samples: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Convert RGB to YBR_FULL: `to_rgb` the other way, to the nearest integer.

    References
    ----------
    :dcm:`PS3.3 C.7.6.3.1.2 <part03/sect_C.7.6.3.html>`
    """
    to_ybr = np.linalg.inv(_FROM_YBR.astype(np.float64)).astype(np.float32)
    ybr = samples.astype(np.float32) @ to_ybr.T + np.array([0, 128, 128], np.float32)
    nearest: NDArray[np.uint8] = np.clip(np.rint(ybr), 0, 255).astype(np.uint8)
    return nearest
