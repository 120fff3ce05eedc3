"""Pixel values into a data set's Pixel Data, in the encoding its transfer syntax asks for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.pixels.encoders.base import RLELosslessEncoder
from pydicom.uid import (
    UID,
    HTJ2KLossless,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

__all__ = ["encode_pixels"]


def encode_pixels(dataset: Dataset, stored: NDArray[np.integer[Any]]) -> None:
    """Set a data set's PixelData from its stored values.

    Parameters
    ----------
    dataset
        With file meta and the Image Pixel module; it says the transfer syntax and the type.
    stored
        (rows, columns[, samples]), with the frames first where NumberOfFrames is stated; within
        the range of BitsStored. Colour is RGB: a YBR_FULL_422 of JPEG is made of it here.

    Raises
    ------
    ValueError
        For an encapsulated transfer syntax that has no encoder here.
    """
    syntax = UID(dataset.file_meta.TransferSyntaxUID)
    kind = "i" if dataset.PixelRepresentation else "u"
    typed = stored.astype(np.dtype(f"{kind}{dataset.BitsAllocated // 8}"), copy=False)
    wide = dataset.BitsAllocated > 8
    if not syntax.is_encapsulated:
        ordered = typed.dtype.newbyteorder("<" if syntax.is_little_endian else ">")
        payload = typed.astype(ordered).tobytes()
        dataset.add_new("PixelData", "OW" if wide else "OB", payload + b"\0" * (len(payload) % 2))
        return
    frames = typed if "NumberOfFrames" in dataset else typed[None]
    if int(dataset.SamplesPerPixel) == 1:
        frames = frames.reshape(len(frames), int(dataset.Rows), int(dataset.Columns))
    payloads = [_encode(dataset, frame, syntax) for frame in frames]
    dataset.add_new("PixelData", "OB", encapsulate(payloads))
    dataset["PixelData"].is_undefined_length = True


def _encode(dataset: Dataset, typed: NDArray[Any], syntax: UID) -> bytes:
    if syntax == RLELossless:
        return RLELosslessEncoder.encode(
            typed,
            rows=int(dataset.Rows),
            columns=int(dataset.Columns),
            samples_per_pixel=int(dataset.SamplesPerPixel),
            number_of_frames=1,
            bits_allocated=int(dataset.BitsAllocated),
            bits_stored=int(dataset.BitsStored),
            pixel_representation=int(dataset.PixelRepresentation),
            photometric_interpretation=str(dataset.PhotometricInterpretation),
            planar_configuration=0,
            encoding_plugin="pydicom",
        )
    encode = _ENCODERS.get(syntax)
    if encode is None:
        raise ValueError(f"no encoder here for transfer syntax {syntax}")
    bits = int(dataset.BitsStored)
    # Codecs without a sign bit get two's complement in BitsStored bits, as scanners write it.
    unsigned = typed.view(np.dtype(f"u{typed.dtype.itemsize}")) & ((1 << bits) - 1)
    return encode(np.ascontiguousarray(unsigned), np.ascontiguousarray(typed), bits)


def _jpeg(unsigned: NDArray[Any], _typed: NDArray[Any], _bits: int) -> bytes:
    if unsigned.ndim == 2:
        return bytes(imagecodecs.jpeg8_encode(unsigned, level=90))
    encoded = imagecodecs.jpeg8_encode(
        unsigned, level=85, colorspace="RGB", outcolorspace="YCBCR", subsampling="422"
    )
    return bytes(encoded)


def _lossless_jpeg(unsigned: NDArray[Any], _typed: NDArray[Any], bits: int) -> bytes:
    return bytes(imagecodecs.ljpeg_encode(unsigned, bitspersample=bits))


def _jpegls(unsigned: NDArray[Any], _typed: NDArray[Any], _bits: int) -> bytes:
    return bytes(imagecodecs.jpegls_encode(unsigned))


def _jpeg2000(_unsigned: NDArray[Any], typed: NDArray[Any], bits: int) -> bytes:
    encoded = imagecodecs.jpeg2k_encode(
        typed, level=0, codecformat="j2k", reversible=True, bitspersample=bits, numthreads=1
    )
    return bytes(encoded)


def _htj2k(_unsigned: NDArray[Any], typed: NDArray[Any], bits: int) -> bytes:
    return bytes(imagecodecs.htj2k_encode(typed, reversible=True, bitspersample=bits))


_ENCODERS: dict[str, Callable[[NDArray[Any], NDArray[Any], int], bytes]] = {
    JPEGBaseline8Bit: _jpeg,
    JPEGLosslessSV1: _lossless_jpeg,
    JPEGLSLossless: _jpegls,
    JPEGLSNearLossless: _jpegls,
    JPEG2000Lossless: _jpeg2000,
    HTJ2KLossless: _htj2k,
}
