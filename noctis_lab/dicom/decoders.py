"""Which library decodes which transfer syntax: imagecodecs first, pylibjpeg's where it is not."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from openjpeg.utils import decode as openjpeg_decode
from rle.utils import decode_pixel_data as rle_decode

from noctis_lab.dicom.codestream import (
    CodestreamInfo,
    check_rle,
    check_tile_parts,
    parse_jpeg,
    parse_jpeg2000,
)
from noctis_lab.dicom.frames import PixelLayout
from noctis_lab.dicom.jpeg_damage import require_whole
from noctis_lab.dicom.jpegxl_header import parse_jpegxl
from noctis_lab.dicom.pixel_conflicts import (
    as_ybr,
    settle_component_transform,
    settle_sign,
)
from noctis_lab.dicom.stored import (
    frame_bits,
    frame_shape,
    to_stored,
    unpack_bits,
    unpack_native,
)
from noctis_lab.errors import DecodeError

__all__ = ["CODECS", "Codec"]

_MOST_JPEG_MARKERS_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Codec:
    """One library's decoder for some transfer syntaxes; the first available one is used."""

    library: str
    available: bool
    decode: Callable[[PixelLayout, bytes], NDArray[Any]]


def _check_shape(layout: PixelLayout, info: CodestreamInfo) -> None:
    stated = (layout.rows, layout.columns, layout.samples_per_pixel)
    if (info.rows, info.columns, info.samples) != stated:
        raise DecodeError(
            f"the codestream holds {info.rows} rows, {info.columns} columns, {info.samples} "
            f"samples; the header states {stated}"
        )
    if info.precision > layout.bits_allocated > 1:
        raise DecodeError(
            f"the codestream has {info.precision} bits a sample, BitsAllocated is "
            f"{layout.bits_allocated}"
        )


def _jpeg(layout: PixelLayout, payload: bytes) -> NDArray[Any]:
    info = parse_jpeg(payload)
    _check_shape(layout, info)
    decode = _libjpeg(layout, info)
    words = decode(payload)
    require_whole(payload, words, decode)
    photometric = layout.photometric_interpretation
    if info.colour_transformed is False and photometric in ("YBR_FULL", "YBR_FULL_422"):
        words = as_ybr(layout, words)  # stated as YCbCr, kept as RGB
    return _without_sign(layout, info, words)


def _libjpeg(layout: PixelLayout, info: CodestreamInfo) -> Callable[[bytes], NDArray[Any]]:
    """Return libjpeg's decoder, told which colours to convert."""
    if info.samples == 1:
        return imagecodecs.jpeg8_decode
    if info.colour_transformed is True and layout.photometric_interpretation == "RGB":
        # Stated as RGB, yet kept as YCbCr: what an encoder that leaves the header alone makes.
        spaces = ("YCBCR", "RGB")
    else:
        # Equal spaces on both sides: libjpeg converts nothing.
        spaces = ("CMYK", "CMYK") if info.samples == 4 else ("RGB", "RGB")
    return partial(imagecodecs.jpeg8_decode, colorspace=spaces[0], outcolorspace=spaces[1])


def _jpegls(layout: PixelLayout, payload: bytes) -> NDArray[Any]:
    info = parse_jpeg(payload)
    _check_shape(layout, info)
    return _without_sign(layout, info, imagecodecs.jpegls_decode(payload))


def _jpeg2000(layout: PixelLayout, payload: bytes) -> NDArray[Any]:
    info = parse_jpeg2000(payload)
    _check_shape(layout, info)
    return _from_jpeg2000(layout, info, imagecodecs.jpeg2k_decode(payload, numthreads=1))


def _htj2k(layout: PixelLayout, payload: bytes) -> NDArray[Any]:
    info = parse_jpeg2000(payload)
    _check_shape(layout, info)
    check_tile_parts(payload)
    if not info.lossless:
        # OpenJPH wraps what an irreversible wavelet carries beyond the type's range (256 became
        # 0 in 657 samples of one file); OpenJPEG clips, at half the speed.
        return _from_jpeg2000(layout, info, imagecodecs.jpeg2k_decode(payload, numthreads=1))
    return _from_jpeg2000(layout, info, imagecodecs.htj2k_decode(payload))


def _openjpeg(layout: PixelLayout, payload: bytes) -> NDArray[Any]:
    info = parse_jpeg2000(payload)
    bare = payload.startswith(b"\xff\x4f")
    _check_shape(layout, info)
    return _from_jpeg2000(layout, info, openjpeg_decode(payload, j2k_format=0 if bare else 2))


def _jpegxl(layout: PixelLayout, payload: bytes) -> NDArray[Any]:
    info = parse_jpegxl(payload)
    _check_shape(layout, info)
    return _without_sign(layout, info, imagecodecs.jpegxl_decode(payload, numthreads=1))


def _jpegxl_jpeg(layout: PixelLayout, payload: bytes) -> NDArray[Any]:
    # The JPEG that was packed comes out as it went in: its samples are those of any JPEG decoder.
    _check_shape(layout, parse_jpegxl(payload))
    # What belongs to no image (markers) is packed too, and may be a bomb.
    limit_bytes = frame_bits(layout) // 4 + _MOST_JPEG_MARKERS_BYTES
    unpacked = imagecodecs.jpegxl_decode_jpeg(payload, numthreads=1, out=limit_bytes)
    return _jpeg(layout, bytes(unpacked))


def _from_jpeg2000(layout: PixelLayout, info: CodestreamInfo, words: NDArray[Any]) -> NDArray[Any]:
    bits = settle_sign(layout, info, words, tells_sign=True)
    return to_stored(layout, settle_component_transform(layout, info, words), bits=bits)


def _without_sign(layout: PixelLayout, info: CodestreamInfo, words: NDArray[Any]) -> NDArray[Any]:
    return to_stored(layout, words, bits=settle_sign(layout, info, words, tells_sign=False))


def _rle(layout: PixelLayout, payload: bytes) -> NDArray[Any]:
    check_rle(payload, _rle_segments(layout))
    dtype = np.dtype(f"<u{max(layout.bits_allocated // 8, 1)}")
    return _from_rle(layout, bytes(imagecodecs.dicomrle_decode(payload, dtype)))


def _rle_segments(layout: PixelLayout) -> int:
    return layout.samples_per_pixel * max(layout.bits_allocated // 8, 1)


def _pylibjpeg_rle(layout: PixelLayout, payload: bytes) -> NDArray[Any]:
    check_rle(payload, _rle_segments(layout))
    width = max(layout.bits_allocated, 8)
    pixels = (frame_bits(layout) + 7) // 8 * 8 // width // layout.samples_per_pixel
    decoded = rle_decode(
        payload, version=2, rows=1, columns=pixels, bits_allocated=width, byteorder="<"
    )
    return _from_rle(layout, bytes(decoded))


def _from_rle(layout: PixelLayout, decoded: bytes) -> NDArray[Any]:
    shape = frame_shape(layout)
    needed = (frame_bits(layout) + 7) // 8
    if len(decoded) != needed:
        raise DecodeError(f"RLE gave {len(decoded)} bytes, {needed} were expected")
    if layout.bits_allocated == 1:
        return unpack_bits(decoded, shape)
    words: NDArray[Any] = np.frombuffer(decoded, f"<u{layout.bits_allocated // 8}")
    if len(shape) == 3:  # PS3.5 G.2: all segments of a sample come before the next sample's
        words = np.moveaxis(words.reshape(shape[2], shape[0], shape[1]), 0, 2)
    return to_stored(layout, np.ascontiguousarray(words.reshape(shape)))


def _deflated_frame(layout: PixelLayout, payload: bytes) -> NDArray[Any]:
    needed = (frame_bits(layout) + 7) // 8
    try:
        inflated = zlib.decompressobj(-15).decompress(payload, needed)
    except zlib.error as error:
        raise DecodeError("the frame is not a deflate stream") from error
    return unpack_native(layout, inflated)


def _codec(name: str, decode: Callable[[PixelLayout, bytes], NDArray[Any]]) -> tuple[Codec]:
    available = getattr(imagecodecs, name).available
    return (Codec(library=f"imagecodecs.{name}", available=available, decode=decode),)


_JPEG = _codec("JPEG8", _jpeg)
_JPEGLS = _codec("JPEGLS", _jpegls)
_OPENJPEG = Codec(library="openjpeg", available=True, decode=_openjpeg)
_JPEG2000 = (*_codec("JPEG2K", _jpeg2000), _OPENJPEG)
_HTJ2K = (
    Codec(
        library="imagecodecs.HTJ2K",
        available=imagecodecs.HTJ2K.available and imagecodecs.JPEG2K.available,
        decode=_htj2k,
    ),
    _OPENJPEG,
)

#: Transfer syntax UID → its decoders (PS3.5 annex A); the first available one is used.
CODECS: dict[str, tuple[Codec, ...]] = {
    "1.2.840.10008.1.2.4.50": _JPEG,  # JPEG baseline
    "1.2.840.10008.1.2.4.51": _JPEG,  # JPEG extended, 8 and 12 bits
    "1.2.840.10008.1.2.4.52": _JPEG,  # extended, arithmetic coding (retired)
    "1.2.840.10008.1.2.4.53": _JPEG,  # spectral selection (retired)
    "1.2.840.10008.1.2.4.54": _JPEG,  # spectral selection, arithmetic coding (retired)
    "1.2.840.10008.1.2.4.55": _JPEG,  # full progression (retired)
    "1.2.840.10008.1.2.4.56": _JPEG,  # full progression, arithmetic coding (retired)
    "1.2.840.10008.1.2.4.57": _JPEG,  # JPEG lossless, process 14
    "1.2.840.10008.1.2.4.70": _JPEG,  # JPEG lossless, first-order prediction
    "1.2.840.10008.1.2.4.80": _JPEGLS,
    "1.2.840.10008.1.2.4.81": _JPEGLS,  # near-lossless
    "1.2.840.10008.1.2.4.90": _JPEG2000,  # lossless only
    "1.2.840.10008.1.2.4.91": _JPEG2000,
    "1.2.840.10008.1.2.4.110": _codec("JPEGXL", _jpegxl),  # lossless
    "1.2.840.10008.1.2.4.111": _codec("JPEGXL", _jpegxl_jpeg),  # of a JPEG
    "1.2.840.10008.1.2.4.112": _codec("JPEGXL", _jpegxl),
    "1.2.840.10008.1.2.4.201": _HTJ2K,  # lossless only
    "1.2.840.10008.1.2.4.202": _HTJ2K,  # lossless, RPCL
    "1.2.840.10008.1.2.4.203": _HTJ2K,
    "1.2.840.10008.1.2.5": (
        *_codec("DICOMRLE", _rle),
        Codec(library="rle", available=True, decode=_pylibjpeg_rle),
    ),
    # Encapsulated uncompressed: each frame stands as it is, padded to an even length (PS3.5 A.4.11)
    "1.2.840.10008.1.2.1.98": (Codec(library="numpy", available=True, decode=unpack_native),),
    "1.2.840.10008.1.2.8.1": (Codec(library="zlib", available=True, decode=_deflated_frame),),
}
