"""Windows of a view: modality values into grey levels for display (VOI LUT, linear forms)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from noctis_lab.dicom.header import Header

__all__ = [
    "VoiFunction",
    "Window",
    "apply_window",
    "find_windows",
    "window_of_values",
]

_HIGHEST = 255
_OF_16_BITS = 65_535 // _HIGHEST
_WIDE_SPAN = 16
#: Values per piece: a piece in float64 stays within the processor's cache.
_PIECE = 1 << 16


class VoiFunction(StrEnum):
    """VOILUTFunction (0028,1056)."""

    LINEAR = "LINEAR"
    LINEAR_EXACT = "LINEAR_EXACT"
    SIGMOID = "SIGMOID"


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A window as a data set states it, or as it was computed, in modality values."""

    center: float
    width: float
    function: VoiFunction = VoiFunction.LINEAR
    explanation: str = ""  # WindowCenterWidthExplanation


def apply_window(
    values: NDArray[Any],
    *,
    center: float,
    width: float,
    function: str = "LINEAR",
    bits: Literal[8, 16] = 8,
) -> NDArray[Any]:
    """Map modality values to grey levels through one window.

    Parameters
    ----------
    values
        Any real type and shape; NaN becomes 0.
    center, width
        WindowCenter and WindowWidth, in the values' unit.
    function
        LINEAR, LINEAR_EXACT or SIGMOID (VOILUTFunction).
    bits
        Of a grey level.

    Returns
    -------
    ndarray of uint8 or uint16, the same shape
        0..255 or 0..65535, computed in float64 and rounded by ``floor(y + 0.5)``, as the browser's
        client does: halves go up.

    Raises
    ------
    ValueError
        The width is below 1 for LINEAR or not above 0 for the others, a number is not finite,
        or the function is none of the three.

    References
    ----------
    :dcm:`PS3.3 C.11.2.1.2 and C.11.2.1.3 <part03/sect_C.11.2.html>`

    Examples
    --------
    >>> apply_window(np.array([-160, 39.5, 240]), center=40, width=400).tolist()
    [0, 128, 255]
    """
    kind = _checked(center, width, function)
    flat = np.ascontiguousarray(values).reshape(-1)
    display = np.empty(flat.shape, np.uint8 if bits == 8 else np.uint16)
    for start in range(0, flat.size, _PIECE):
        piece = flat[start : start + _PIECE].astype(np.float64)
        levels = _levels(piece, center, width, kind)
        if bits == 16:
            levels *= _OF_16_BITS
        display[start : start + _PIECE] = np.floor(levels + 0.5)
    return display.reshape(values.shape)


def _checked(center: float, width: float, function: str) -> VoiFunction:
    try:
        kind = VoiFunction(function)
    except ValueError:
        raise ValueError(f"{function!r} is no VOILUTFunction of {[*VoiFunction]}") from None
    if not (math.isfinite(center) and math.isfinite(width)):
        raise ValueError(f"center {center} and width {width} must be finite")
    if kind is VoiFunction.LINEAR and width < 1:  # PS3.3 C.11.2.1.2.1
        raise ValueError(f"LINEAR needs a width of at least 1, not {width}")
    if width <= 0:  # PS3.3 C.11.2.1.3
        raise ValueError(f"{kind} needs a width above 0, not {width}")
    return kind


def _levels(
    piece: NDArray[np.float64], center: float, width: float, kind: VoiFunction
) -> NDArray[np.float64]:
    """Return unrounded levels within 0..255; `piece` is overwritten."""
    np.nan_to_num(piece, copy=False, nan=-np.inf, posinf=np.inf, neginf=-np.inf)
    if kind is VoiFunction.SIGMOID:
        # PS3.3 C.11.2.1.3.1; beyond 709 exp is infinite, and 1 / (1 + inf) is the 0 it tends to.
        exponent = np.clip(-4 * (piece - center) / width, -700, 700)
        return _HIGHEST / (1 + np.exp(exponent))
    if kind is VoiFunction.LINEAR_EXACT:  # PS3.3 C.11.2.1.3.2
        low, high = center - width / 2, center + width / 2
        levels = ((piece - center) / width + 0.5) * _HIGHEST
    elif width == 1:  # PS3.3 C.11.2.1.2.1: a threshold, where the general formula has no slope
        return np.where(piece <= center - 0.5, 0.0, float(_HIGHEST))
    else:
        low, high = center - 0.5 - (width - 1) / 2, center - 0.5 + (width - 1) / 2
        levels = ((piece - (center - 0.5)) / (width - 1) + 0.5) * _HIGHEST
    levels[piece <= low] = 0
    levels[piece > high] = _HIGHEST
    return levels


def find_windows(header: Header) -> tuple[Window, ...]:
    """Return every window that a data set states, in its order.

    Parameters
    ----------
    header
        Its top level is asked; enhanced images' functional groups are not.

    Returns
    -------
    tuple of Window
        Pairs that no formula accepts (a width that is not above 0) are left out; a LINEAR
        width between 0 and 1, which the standard forbids and which is met, is kept as
        LINEAR_EXACT.

    References
    ----------
    :dcm:`PS3.3 C.11.2.1.2 <part03/sect_C.11.2.html>`
    """
    centers = header.numbers("WindowCenter") or ()
    widths = header.numbers("WindowWidth") or ()
    explanations = (header.text("WindowCenterWidthExplanation") or "").split("\\")
    stated = (header.text("VOILUTFunction") or "LINEAR").strip()
    function = VoiFunction(stated) if stated in [*VoiFunction] else VoiFunction.LINEAR
    windows = []
    for number, (center, width) in enumerate(zip(centers, widths, strict=False)):
        if not (math.isfinite(center) and math.isfinite(width)) or width <= 0:
            continue
        too_narrow = function is VoiFunction.LINEAR and width < 1
        windows.append(
            Window(
                center=center,
                width=width,
                function=VoiFunction.LINEAR_EXACT if too_narrow else function,
                explanation=explanations[number].strip() if number < len(explanations) else "",
            )
        )
    return tuple(windows)


def window_of_values(
    values: NDArray[Any], *, lowest_percent: float = 1.0, highest_percent: float = 99.0
) -> Window:
    """Return a window that shows the bulk of some values, for images that state none.

    Parameters
    ----------
    values
        Any real type and shape; non-finite values are ignored. Of more than 65 536 values an
        even sample is taken.
    lowest_percent, highest_percent
        Percentiles that become black and white. The least value does not count, unless nearly
        all are it: air or padding around the object would decide the contrast.

    Returns
    -------
    Window
        LINEAR where the span is wide, LINEAR_EXACT where LINEAR's half steps would matter
        (fractions, labels, SUV).
    """
    flat = values.reshape(-1)
    sample = flat[:: max(1, flat.size >> 16)].astype(np.float64)
    sample = sample[np.isfinite(sample)]
    if sample.size == 0:
        return Window(center=0.5, width=1.0)
    above_least = sample[sample > sample.min()]
    if above_least.size >= sample.size / 20:
        sample = above_least
    low, high = (float(edge) for edge in np.percentile(sample, [lowest_percent, highest_percent]))
    span = high - low
    if span >= _WIDE_SPAN:
        # The inverse of LINEAR's edges: low is the last black value, high the first white one.
        return Window(center=(low + high) / 2 + 0.5, width=span + 1)
    width = span if span > 0 else 1.0
    return Window(center=(low + high) / 2, width=width, function=VoiFunction.LINEAR_EXACT)
