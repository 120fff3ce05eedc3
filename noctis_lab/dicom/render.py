"""Small pictures of single frames, for lists: PNG, in the image's true proportions."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from noctis_lab.dicom.codecs import read_frame
from noctis_lab.dicom.color import to_rgb
from noctis_lab.dicom.header import Header, read_header
from noctis_lab.dicom.modality_lut import read_modality_lut
from noctis_lab.dicom.palette import open_palette
from noctis_lab.dicom.raw_values import read_header_bytes
from noctis_lab.dicom.rescale import Rescale
from noctis_lab.dicom.surplus import require_all_stated
from noctis_lab.dicom.voi import Window, apply_window, find_windows, window_of_values
from noctis_lab.errors import CannotInterpret, DecodeError

__all__ = [
    "find_proportions",
    "read_thumbnail",
    "shrink",
    "shrink_png",
    "thumbnail_png",
]

_LARGEST_PX = 1024


def thumbnail_png(
    stored: NDArray[Any],
    *,
    photometric_interpretation: str = "MONOCHROME2",
    bits_stored: int | None = None,
    rescale: Rescale | None = None,
    window: Window | None = None,
    pixel_spacing_mm: tuple[float, float] | None = None,
    size_px: int = 128,
) -> bytes:
    """Render one frame as a PNG.

    Parameters
    ----------
    stored
        Stored values, shape (rows, columns), or (rows, columns, 3) for colours.
    photometric_interpretation
        As stored. MONOCHROME1 is shown inverted; PALETTE COLOR as grey levels of its indices.
    bits_stored
        Of a colour's sample; None is all bits of its type.
    rescale
        Modality LUT of the frame; None is the identity.
    window
        In modality values; None takes one from the frame (`window_of_values`). Not for colours.
    pixel_spacing_mm
        (row, column), whose ratio gives the proportions; None is square pixels.
    size_px
        The longer side, 1..1024.

    Returns
    -------
    bytes
        A PNG of 8-bit grey levels or RGB; equal arguments give equal bytes.

    Raises
    ------
    DecodeError
        The colours cannot be shown as RGB.
    ValueError
        The size is out of range, or the frame is empty.

    Notes
    -----
    Values are averaged before they are windowed, never after.
    """
    if not 1 <= size_px <= _LARGEST_PX:
        raise ValueError(f"size_px is 1..{_LARGEST_PX}, not {size_px}")
    small = shrink(stored, _thumbnail_shape(stored.shape, pixel_spacing_mm, size_px))
    if stored.ndim == 3:
        rounded = np.rint(small).astype(stored.dtype)
        bits = 8 * stored.itemsize if bits_stored is None else bits_stored
        return _encode_png(to_rgb(rounded, photometric_interpretation, bits_stored=bits))
    values = small if rescale is None else small * rescale.slope + rescale.intercept
    chosen = window_of_values(values) if window is None else window
    display = apply_window(
        values, center=chosen.center, width=chosen.width, function=chosen.function
    )
    if photometric_interpretation == "MONOCHROME1":  # PS3.3 C.7.6.3.1.2: the least value is white
        display = 255 - display
    return _encode_png(display)


def read_thumbnail(
    path: Path, *, header: Header | None = None, frame: int | None = None, size_px: int = 128
) -> bytes:
    """Render one frame of a file as a PNG, in the window that its header states first.

    Parameters
    ----------
    path
        A DICOM file.
    header
        The file's, where it was read already.
    frame
        From 0; None is the middle one.
    size_px
        The longer side, 1..1024.

    Returns
    -------
    bytes
        A PNG.

    Raises
    ------
    DecodeError
        The data set holds no pixels, more than it states, or they do not decode.
    UnsupportedTransferSyntax
        No decoder is installed.
    InvalidDicom, OSError
        The file is no DICOM or cannot be read.

    Notes
    -----
    Windows and rescaling in per-frame functional groups and VOI LUT sequences are not looked at;
    a Modality LUT that cannot be followed is not applied.
    """
    header = read_header(path) if header is None else header
    layout = header.pixels
    if layout is None:
        raise DecodeError(f"instance {header.SOPInstanceUID} holds no pixels")
    require_all_stated(path, layout)
    number = layout.frames // 2 if frame is None else frame
    stored = read_frame(path, layout, header.transfer_syntax_uid, number)
    photometric, bits_stored = layout.photometric_interpretation, layout.bits_stored
    if photometric == "PALETTE COLOR":
        stored, photometric, bits_stored = open_palette(path).apply_8bit(stored), "RGB", 8
    elif header.has_unread_modality_lut():
        stored = _through_modality_lut(path, stored)
    windows = find_windows(header)
    return thumbnail_png(
        stored,
        photometric_interpretation=photometric,
        bits_stored=bits_stored,
        rescale=header.rescale(),
        window=windows[0] if windows else None,
        pixel_spacing_mm=find_proportions(header),
        size_px=size_px,
    )


def _through_modality_lut(path: Path, stored: NDArray[Any]) -> NDArray[Any]:
    try:
        lut = read_modality_lut(read_header_bytes(path))
        return stored if lut is None else lut.apply(stored)
    except CannotInterpret:
        return stored


def shrink_png(png: bytes, size_px: int) -> bytes:
    """Make a thumbnail smaller; one that is small enough is returned as it is.

    Parameters
    ----------
    png
        As `thumbnail_png` makes it.
    size_px
        The longer side, 1..1024.

    Raises
    ------
    DecodeError
        It is no such PNG.
    """
    try:
        display = imagecodecs.png_decode(png)
    except (imagecodecs.PngError, ValueError) as error:
        raise DecodeError("a thumbnail is no PNG; the worker makes it anew") from error
    if max(display.shape[:2]) <= size_px:
        return png
    small = shrink(display, _thumbnail_shape(display.shape, None, size_px))
    return _encode_png(np.rint(small).astype(np.uint8))


def find_proportions(header: Header) -> tuple[float, float] | None:
    """Return a pixel's height and width, whose ratio gives an image its proportions.

    Returns
    -------
    tuple of float, or None
        (row, column): of PixelSpacing in the patient, else of the detector or film, else of
        PixelAspectRatio, which is no length; None where the header states none of them.

    References
    ----------
    :dcm:`PS3.3 C.7.6.3.1.7 <part03/sect_C.7.6.3.html>`
    """
    spacing: tuple[float, ...] | None = header.plane().pixel_spacing_mm
    for keyword in ("ImagerPixelSpacing", "NominalScannedPixelSpacing", "PixelAspectRatio"):
        spacing = header.numbers(keyword) if spacing is None else spacing
    if spacing is None or len(spacing) != 2 or not all(map(_is_length, spacing)):
        return None
    return spacing[0], spacing[1]


def shrink(stored: NDArray[Any], shape: tuple[int, int]) -> NDArray[np.float64]:
    """Average blocks of whole pixels down to a shape; what is larger repeats pixels.

    Parameters
    ----------
    stored
        Shape (rows, columns, ...), any real type; what is not finite counts as 0.
    shape
        (rows, columns) of the result.

    Returns
    -------
    ndarray of float64, shape (*shape, ...)

    Raises
    ------
    ValueError
        Either has no pixels.

    Examples
    --------
    >>> shrink(np.array([[1, 3, 10], [5, 7, 20]]), (1, 2)).tolist()
    [[3.0, 10.0]]
    """
    if min(*stored.shape[:2], *shape) < 1:
        raise ValueError(f"{stored.shape} cannot be shrunk to {shape}")
    if stored.dtype.kind == "f":
        stored = np.nan_to_num(stored, nan=0.0, posinf=0.0, neginf=0.0)
    return _average(_average(stored, shape[0], 0), shape[1], 1)


def _average(pixels: NDArray[Any], count: int, axis: int) -> NDArray[np.float64]:
    length = pixels.shape[axis]
    starts = np.arange(count) * length // count
    if count >= length:
        repeated: NDArray[np.float64] = pixels.take(starts, axis).astype(np.float64, copy=False)
        return repeated
    sums: NDArray[np.float64] = np.add.reduceat(pixels, starts, axis, np.float64)
    sizes = np.diff(starts, append=length)
    sums /= sizes.reshape([-1 if each == axis else 1 for each in range(pixels.ndim)])
    return sums


def _thumbnail_shape(
    shape: tuple[int, ...], pixel_spacing_mm: tuple[float, float] | None, size_px: int
) -> tuple[int, int]:
    row_mm, column_mm = (1.0, 1.0) if pixel_spacing_mm is None else pixel_spacing_mm
    if not (_is_length(row_mm) and _is_length(column_mm)):
        row_mm = column_mm = 1.0
    height, width = shape[0] * row_mm, shape[1] * column_mm
    scale = size_px / max(height, width)
    return max(1, round(height * scale)), max(1, round(width * scale))


def _is_length(number: float) -> bool:
    return math.isfinite(number) and 1e-9 < number < 1e9


def _encode_png(display: NDArray[np.uint8]) -> bytes:
    return bytes(imagecodecs.png_encode(np.ascontiguousarray(display), level=6))
