"""Colour spaces of stored samples into RGB: at their depth, or of 8 bits for display."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from noctis_lab.errors import DecodeError

__all__ = ["from_rgb", "to_rgb", "to_rgb_samples"]

#: Decoders undo the transforms of JPEG 2000 and JPEG XL themselves (PS3.5 8.2.4).
_ALREADY_RGB = frozenset({"RGB", "YBR_RCT", "YBR_ICT", "XYB"})
_FULL = frozenset({"YBR_FULL", "YBR_FULL_422"})
_PARTIAL = frozenset({"YBR_PARTIAL_422", "YBR_PARTIAL_420"})
#: PS3.3 C.7.6.3.1.2, solved for R, G, B: columns are Y, CB and CR, less their zeros.
_FROM_YBR = np.array(
    [[1.0, 0.0, 1.402], [1.0, -0.114 * 1.772 / 0.587, -0.299 * 1.402 / 0.587], [1.0, 1.772, 0.0]],
    dtype=np.float32,
)
#: Of 8 bits, luminance takes 16 to 235 and chrominance 16 to 240 there (ITU-R BT.601).
_PARTIAL_SPAN = np.array([255 / 219, 255 / 224, 255 / 224], np.float32)
#: Pixels at a time: in float32 they stay in the cache.
_BLOCK = 1 << 14


def to_rgb_samples(
    stored: NDArray[Any], photometric_interpretation: str, *, bits_stored: int
) -> NDArray[Any]:
    """Convert stored colour samples, as `decode_frame` gives them, to RGB of the same depth.

    Parameters
    ----------
    stored
        uint8, uint16 or uint32, shape (..., 3).
    photometric_interpretation
        RGB, YBR_FULL, YBR_FULL_422, YBR_PARTIAL_422, YBR_PARTIAL_420, YBR_RCT, YBR_ICT or XYB.
    bits_stored
        Of a sample.

    Returns
    -------
    ndarray of the same type and shape
        0 to 2 to the power of `bits_stored`, less 1; `stored` itself where it is RGB already.

    Raises
    ------
    DecodeError
        For any other interpretation (PALETTE COLOR is `palette.read_palette`'s).

    References
    ----------
    :dcm:`PS3.3 C.7.6.3.1.2 <part03/sect_C.7.6.3.html>`: YBR_PARTIAL has the ranges of ITU-R BT.601,
    the others the whole one.

    Examples
    --------
    >>> to_rgb_samples(np.array([76, 85, 255], np.uint8), "YBR_FULL", bits_stored=8).tolist()
    [254, 0, 0]
    """
    if stored.shape[-1:] != (3,) or stored.dtype.kind != "u":
        raise DecodeError(f"{stored.shape} of {stored.dtype} are not unsigned colour samples")
    if photometric_interpretation in _ALREADY_RGB:
        return stored
    if photometric_interpretation not in _FULL | _PARTIAL:
        raise DecodeError(f"{photometric_interpretation} cannot be shown as RGB")
    if bits_stored > 16:
        raise DecodeError(f"{photometric_interpretation} of {bits_stored} bits is not converted")
    unit = np.float32(1 << max(bits_stored - 8, 0))
    black = 16 * unit if photometric_interpretation in _PARTIAL else np.float32(0)
    zero = np.array([black, 128 * unit, 128 * unit], np.float32)
    matrix = _FROM_YBR * (_PARTIAL_SPAN if photometric_interpretation in _PARTIAL else 1)
    pixels = np.ascontiguousarray(stored).reshape(-1, 3)
    rgb = np.empty_like(pixels)
    for start in range(0, len(pixels), _BLOCK):
        centred = pixels[start : start + _BLOCK].astype(np.float32) - zero
        rgb[start : start + _BLOCK] = np.clip(
            np.rint(centred @ matrix.T), 0, (1 << bits_stored) - 1
        )
    return rgb.reshape(stored.shape)


def to_rgb(
    stored: NDArray[Any], photometric_interpretation: str, *, bits_stored: int
) -> NDArray[np.uint8]:
    """Convert stored colour samples to RGB of 8 bits, for display.

    Parameters
    ----------
    stored, photometric_interpretation, bits_stored
        As `to_rgb_samples`; of deeper samples the highest 8 stored bits are shown.

    Returns
    -------
    ndarray of uint8, shape (..., 3)

    Raises
    ------
    DecodeError
        As `to_rgb_samples`.
    """
    samples = to_rgb_samples(stored, photometric_interpretation, bits_stored=bits_stored)
    if samples.dtype == np.uint8 and bits_stored == 8:
        return samples
    highest = (1 << bits_stored) - 1
    if bits_stored < 8 * samples.dtype.itemsize:  # a codestream's samples may be beyond
        samples = np.minimum(samples, samples.dtype.type(highest))
    if bits_stored > 8:
        return (samples >> (bits_stored - 8)).astype(np.uint8)
    # Fewer than 8 bits: the greatest sample is the brightest still.
    return (samples.astype(np.uint16) * 255 // highest).astype(np.uint8)


def from_rgb(samples: NDArray[Any], *, bits_stored: int) -> NDArray[Any]:
    """Convert RGB to YBR_FULL: `to_rgb_samples` the other way, to the nearest integer.

    References
    ----------
    :dcm:`PS3.3 C.7.6.3.1.2 <part03/sect_C.7.6.3.html>`
    """
    to_ybr = np.linalg.inv(_FROM_YBR.astype(np.float64)).astype(np.float32)
    zero = np.array([0, 1, 1], np.float32) * (1 << bits_stored - 1)
    ybr = samples.astype(np.float32) @ to_ybr.T + zero
    nearest: NDArray[Any] = np.clip(np.rint(ybr), 0, (1 << bits_stored) - 1).astype(samples.dtype)
    return nearest
