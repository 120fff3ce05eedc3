"""Bytes and decoders' integers into stored values: depth, sign, order of samples."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from noctis_lab.dicom.frames import PixelLayout
from noctis_lab.errors import DecodeError

__all__ = [
    "frame_bits",
    "frame_shape",
    "native_dtype",
    "to_stored",
    "unpack_bits",
    "unpack_native",
]

_FLOATS: dict[str, np.dtype[Any]] = {
    "FloatPixelData": np.dtype(np.float32),
    "DoubleFloatPixelData": np.dtype(np.float64),
}
#: A compressed frame of a few bytes may state 65 535² pixels: decoders are not asked for more.
_LARGEST_FRAME_BYTES = 1 << 30
_INTEGER_BITS = (1, 8, 16, 32, 64)
#: Two luminances share a pair of chrominances (PS3.3 C.7.6.3.1.2).
_SUBSAMPLED = frozenset({"YBR_FULL_422", "YBR_PARTIAL_422"})


def native_dtype(layout: PixelLayout) -> np.dtype[Any]:
    """Return the type of a layout's stored values, in this machine's byte order.

    Raises
    ------
    DecodeError
        BitsAllocated, BitsStored and HighBit do not describe a word of 1, 8, 16, 32 or 64 bits, or
        PixelRepresentation is neither 0 nor 1, or, of native colour samples, PlanarConfiguration.

    References
    ----------
    :dcm:`PS3.5 8.1.1 <part05/chapter_8.html>`, :dcm:`PS3.3 C.7.6.3 <part03/sect_C.7.6.3.html>`
    """
    if layout.keyword in _FLOATS:
        return _FLOATS[layout.keyword]
    allocated, stored, high = layout.bits_allocated, layout.bits_stored, layout.high_bit
    if allocated not in _INTEGER_BITS:
        raise DecodeError(
            f"pixels of {allocated} bits allocated, packed across bytes, are retired and not read; "
            "1, 8, 16, 32 or 64 were expected"
        )
    if not 1 <= stored <= allocated:
        raise DecodeError(f"{stored} bits stored in {allocated} allocated are not supported")
    if not stored - 1 <= high < allocated:
        raise DecodeError(f"HighBit {high} does not fit {stored} bits in {allocated}")
    if layout.pixel_representation not in (0, 1, None):
        raise DecodeError(
            f"PixelRepresentation is {layout.pixel_representation}: 0 (unsigned) or 1 (two's "
            "complement) was expected, so that the sign of the pixels is not known"
        )
    _require_planes(layout)
    kind = "i" if layout.pixel_representation == 1 and allocated > 1 else "u"
    return np.dtype(f"{kind}{max(allocated // 8, 1)}")


def _require_planes(layout: PixelLayout) -> None:
    """Refuse native samples of which it is not known whether they lie pixel by pixel."""
    is_free = (
        layout.encapsulated or layout.samples_per_pixel == 1
    )  # codecs have orders of their own
    if not is_free and layout.planar_configuration not in (0, 1, None):
        raise DecodeError(
            f"PlanarConfiguration is {layout.planar_configuration}: 0 (pixel by pixel) or 1 (plane "
            "by plane) was expected, so that the order of the samples is not known"
        )


def frame_shape(layout: PixelLayout) -> tuple[int, ...]:
    """Return (rows, columns) of one frame, or (rows, columns, samples) for several samples.

    Raises
    ------
    DecodeError
        Rows and Columns are not 1..65535, SamplesPerPixel is not 1, 3 or 4, or a frame takes
        more than 1 GiB.
    """
    rows, columns, samples = layout.rows, layout.columns, layout.samples_per_pixel
    if not (1 <= rows <= 0xFFFF and 1 <= columns <= 0xFFFF) or samples not in (1, 3, 4):
        raise DecodeError(f"{rows} rows, {columns} columns, {samples} samples are not an image")
    if rows * columns * samples * max(layout.bits_allocated // 8, 1) > _LARGEST_FRAME_BYTES:
        raise DecodeError(f"a frame of {rows} × {columns} pixels takes more than 1 GiB")
    return (rows, columns) if samples == 1 else (rows, columns, samples)


def frame_bits(layout: PixelLayout) -> int:
    """Return how many bits one native frame takes; frames of 1-bit pixels follow unaligned.

    References
    ----------
    :dcm:`PS3.5 8.1.1 and D <part05/chapter_8.html>`
    """
    rows, columns = layout.rows, layout.columns
    if layout.photometric_interpretation in _SUBSAMPLED and layout.samples_per_pixel == 3:
        return rows * columns * 2 * layout.bits_allocated
    return rows * columns * layout.samples_per_pixel * layout.bits_allocated


def unpack_native(layout: PixelLayout, payload: bytes) -> NDArray[Any]:
    """Turn one native frame's bytes into stored values.

    Parameters
    ----------
    payload
        At least the frame's bytes, from its first bit; more is ignored (a padding byte).

    Returns
    -------
    ndarray of `native_dtype`, shape `frame_shape`

    Raises
    ------
    DecodeError
        There are fewer bytes than the layout states.
    """
    shape = frame_shape(layout)
    dtype = native_dtype(layout)
    if layout.photometric_interpretation == "YBR_PARTIAL_420":
        raise DecodeError("native YBR_PARTIAL_420 pixels are not supported")
    needed = (frame_bits(layout) + 7) // 8
    if len(payload) < needed:
        raise DecodeError(f"a frame of {needed} bytes was expected, {len(payload)} came")
    if layout.bits_allocated == 1 and layout.keyword not in _FLOATS:
        return unpack_bits(payload, shape)
    words = np.frombuffer(
        payload, dtype.newbyteorder(">" if layout.big_endian else "<"), needed // dtype.itemsize
    )
    if layout.photometric_interpretation in _SUBSAMPLED and len(shape) == 3:
        samples = _widen_422(words, shape)
    elif len(shape) == 3 and layout.planar_configuration == 1:
        samples = np.moveaxis(words.reshape(shape[2], shape[0], shape[1]), 0, 2)
    else:
        samples = words.reshape(shape)
    return to_stored(layout, samples.astype(dtype, order="C"))


def unpack_bits(payload: bytes, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Turn packed 1-bit pixels, the first in the lowest bit, into 0 and 1.

    References
    ----------
    :dcm:`PS3.5 D.2 <part05/sect_D.2.html>`
    """
    count = int(np.prod(shape))
    bits = np.unpackbits(np.frombuffer(payload, np.uint8), count=count, bitorder="little")
    return bits.reshape(shape)


def _widen_422(words: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    # PS3.3 C.7.6.3.1.2: Y1 Y2 CB CR for every pair of pixels; the pair shares CB and CR.
    if shape[1] % 2:
        raise DecodeError(f"YBR_FULL_422 needs an even number of columns, not {shape[1]}")
    pairs = words.reshape(-1, 4)
    pixels = np.empty((len(pairs), 2, 3), words.dtype)
    pixels[:, :, 0] = pairs[:, :2]
    pixels[:, :, 1:] = pairs[:, None, 2:]
    return pixels.reshape(shape)


def to_stored(layout: PixelLayout, words: NDArray[Any], *, bits: int | None = None) -> NDArray[Any]:
    """Cut words down to BitsStored bits below HighBit and give them their sign.

    Parameters
    ----------
    words
        Integers of any width or sign that holds the word; floats are passed as they are. The
        caller's own: an array of that width that can be written to becomes the result.
    bits
        The depth that counts, where a codestream's own differs from BitsStored.

    Returns
    -------
    ndarray of `native_dtype`, of the same shape

    References
    ----------
    :dcm:`PS3.5 8.1.1 <part05/chapter_8.html>`: bits above HighBit are not pixel data.
    """
    dtype = native_dtype(layout)
    if dtype.kind == "f" or layout.bits_allocated == 1:
        return words.astype(dtype, copy=False)
    depth = layout.bits_stored if bits is None else bits
    width = 8 * dtype.itemsize
    if depth == width:
        return words.astype(dtype, copy=False)
    unsigned = _as_unsigned(words, np.dtype(f"u{dtype.itemsize}"))
    # Shifting the highest bit to the top and back cuts and extends in one; shifts of signed
    # types keep the sign.
    unsigned <<= width - depth - (layout.high_bit - layout.bits_stored + 1)
    stored = unsigned.view(dtype)
    stored >>= width - depth
    return stored


def _as_unsigned(words: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return words that may be changed; without a copy where they are the caller's to give."""
    is_alike = words.dtype.itemsize == dtype.itemsize and words.dtype.kind in "iu"
    if is_alike and words.dtype.isnative and words.flags.writeable:
        return words.view(dtype)
    return words.astype(dtype)
