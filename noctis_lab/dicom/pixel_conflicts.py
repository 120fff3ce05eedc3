"""Pixels that contradict what is stated of them: how they are taken, and a warning that says so."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np
from numpy.typing import NDArray

from noctis_lab.dicom.codestream import CodestreamInfo
from noctis_lab.dicom.color import from_rgb
from noctis_lab.dicom.frames import PixelLayout
from noctis_lab.dicom.transfer_syntaxes import JPEG_2000, JPEG_XL
from noctis_lab.errors import DecodeError, PixelWarning

__all__ = [
    "as_ybr",
    "heard_warnings",
    "settle_component_transform",
    "settle_sign",
    "warn_of_colour_space",
    "warnings_of",
]

#: Of the series whose pixels this thread decodes: decoders know pixels, not whose they are.
_SERIES: ContextVar[str | None] = ContextVar("_SERIES", default=None)

#: Where reasons are gathered for who shows them: a screen hears no Python warning.
_HEARD: ContextVar[list[str] | None] = ContextVar("_HEARD", default=None)

_FULL = ("YBR_FULL", "YBR_FULL_422")
#: PhotometricInterpretations that only these transfer syntaxes can have (PS3.5 8.2.4, 8.2.16).
_OF_SYNTAXES = {"YBR_RCT": JPEG_2000 | JPEG_XL, "YBR_ICT": JPEG_2000, "XYB": JPEG_XL}


@contextmanager
def warnings_of(SeriesInstanceUID: str) -> Iterator[None]:
    """Name the series in the warnings of what is decoded in this thread meanwhile."""
    before = _SERIES.get()
    _SERIES.set(SeriesInstanceUID)
    try:
        yield
    finally:
        _SERIES.set(before)


@contextmanager
def heard_warnings() -> Iterator[list[str]]:
    """Gather the reasons to warn of what is decoded in this thread meanwhile, and do not warn."""
    heard: list[str] = []
    before = _HEARD.get()
    _HEARD.set(heard)
    try:
        yield heard
    finally:
        _HEARD.set(before)


def settle_component_transform(
    layout: PixelLayout, info: CodestreamInfo, words: NDArray[Any]
) -> NDArray[Any]:
    """Give a JPEG 2000 frame's colours in the space that is stated.

    Parameters
    ----------
    info
        Of the codestream.
    words
        As a decoder gives them: it undoes the codestream's own component transform.

    Returns
    -------
    ndarray, same shape
        `words`; as YBR_FULL where that is stated of what the codestream keeps as RGB.

    Raises
    ------
    DecodeError
        YBR_PARTIAL is stated of such.

    Warns
    -----
    PixelWarning
        The codestream has a component transform, and YBR_FULL is stated; or it has none, and
        YBR_RCT or YBR_ICT is. Both are RGB, by the codestream's word, as JPEG's is in this case.

    References
    ----------
    :dcm:`PS3.5 8.2.4 <part05/sect_8.2.4.html>`: with a component transform the interpretation is
    YBR_RCT or YBR_ICT; ITU-T T.800 annex G: it is of RGB.
    """
    photometric = layout.photometric_interpretation
    if info.samples != 3 or photometric in ("RGB", "PALETTE COLOR"):
        return words
    if photometric in ("YBR_RCT", "YBR_ICT"):
        if info.component_transform is False:
            _warn(
                f"PhotometricInterpretation is {photometric}, the JPEG 2000 codestream has no "
                "component transform: its samples are taken as RGB"
            )
        return words
    if info.component_transform is not True:
        return words
    if photometric not in _FULL:
        raise DecodeError(
            f"the JPEG 2000 codestream has a component transform of its own, which is of RGB, and "
            f"PhotometricInterpretation is {photometric}: correct it to YBR_RCT or YBR_ICT"
        )
    _warn(
        f"PhotometricInterpretation is {photometric}, the JPEG 2000 codestream has a component "
        "transform of its own, which is of RGB: what it decodes to is taken as RGB"
    )
    return as_ybr(layout, words)


def as_ybr(layout: PixelLayout, words: NDArray[Any]) -> NDArray[Any]:
    """Return RGB as the YBR_FULL that is stated: as deep as `to_rgb` will take it to be.

    A codestream may be less deep than BitsStored, and its grey lie elsewhere.
    """
    deep = np.result_type(words.dtype, np.dtype(f"u{max(layout.bits_allocated // 8, 1)}"))
    return from_rgb(words.astype(deep, copy=False), bits_stored=layout.bits_stored)


def warn_of_colour_space(layout: PixelLayout, transfer_syntax_uid: str) -> None:
    """Warn where a colour space is stated that pixels of the transfer syntax cannot be in.

    They are taken as RGB: decompressors write that and leave the word as it was.

    Warns
    -----
    PixelWarning
        YBR_RCT, YBR_ICT or XYB are stated of pixels whose codec has no such transform.

    References
    ----------
    :dcm:`PS3.3 C.7.6.3.1.2 <part03/sect_C.7.6.3.html>`
    """
    photometric = layout.photometric_interpretation
    allowed = _OF_SYNTAXES.get(photometric)
    if layout.samples_per_pixel == 3 and allowed is not None and transfer_syntax_uid not in allowed:
        _warn(
            f"PhotometricInterpretation is {photometric}, which pixels of transfer syntax "
            f"{transfer_syntax_uid} cannot be in: they are taken as RGB"
        )


def settle_sign(
    layout: PixelLayout, info: CodestreamInfo, words: NDArray[Any], *, tells_sign: bool
) -> int | None:
    """Return the depth of a codestream's samples, None for BitsStored.

    PixelRepresentation is followed, whatever the codestream says of the sign.

    Parameters
    ----------
    info
        Of the codestream.
    words
        As a decoder gives them.
    tells_sign
        Whether the codestream says if its samples are signed: JPEG 2000 does, others do not.

    Returns
    -------
    int or None
        Bits, with which two's complement ends: the codestream's own where it has fewer than
        BitsStored, or where it has more and a sample needs them: it is a number, not a word with
        spare bits.

    Warns
    -----
    PixelWarning
        It matters to a sample: a JPEG 2000 codestream has a sign where PixelRepresentation has
        none, or the other way round; or another is less deep than BitsStored, and
        PixelRepresentation is 1; or a sample is beyond BitsStored.

    References
    ----------
    :dcm:`PS3.5 8.2.4 <part05/sect_8.2.4.html>`
    """
    is_signed = layout.pixel_representation == 1
    if layout.bits_allocated == 1:
        return None
    if _is_beyond_stored(layout, info, words, tells_sign=tells_sign):
        _warn(
            f"BitsStored is {layout.bits_stored}, and samples of the codestream, which has "
            f"{info.precision} bits, are beyond: they are kept, as "
            f"{'signed' if is_signed else 'unsigned'} numbers of that depth"
        )
        return info.precision
    if info.signed == is_signed:
        return None
    is_usual = not tells_sign and info.precision >= layout.bits_stored
    if not is_usual and _has_bit(words, info.precision - 1):
        kept = "signed" if info.signed else "unsigned" if tells_sign else "without a sign"
        _warn(
            f"PixelRepresentation is {int(is_signed)} and BitsStored "
            f"{layout.bits_stored}, the codestream's samples of {info.precision} bits are {kept}: "
            f"they are taken as {'signed' if is_signed else 'unsigned'} numbers of that depth"
        )
    return min(info.precision, layout.bits_stored)


def _is_beyond_stored(
    layout: PixelLayout, info: CodestreamInfo, words: NDArray[Any], *, tells_sign: bool
) -> bool:
    """Return whether a sample is a number that BitsStored bits do not hold."""
    bits = layout.bits_stored
    if info.precision <= bits or layout.high_bit != bits - 1:
        return False
    low, high = int(words.min()), int(words.max())
    if layout.pixel_representation != 1:
        return high >= 1 << bits
    half = 1 << (info.precision - 1)
    if high >= half:  # without a sign: the upper half are the negative ones
        is_negative = words >= words.dtype.type(half)
        low = int(words.min(where=is_negative, initial=high)) - 2 * half
        high = int(words.max(where=~is_negative, initial=0))
    if -(1 << (bits - 1)) <= low and high < 1 << (bits - 1):
        return False
    # Words of BitsStored whose sign was not carried on, as native ones are.
    is_uncarried = low >= 0 and high < 1 << bits
    if is_uncarried and tells_sign:
        _warn(
            f"PixelRepresentation is 1 and BitsStored {bits}, the codestream's samples of "
            f"{info.precision} bits have no sign beyond them: they are taken as signed numbers of "
            f"{bits} bits"
        )
    return not is_uncarried


def _has_bit(words: NDArray[Any], bit: int) -> bool:
    unsigned = words.view(np.dtype(f"u{words.dtype.itemsize}"))
    return bool(np.any(unsigned & unsigned.dtype.type(1 << bit)))


def _warn(reason: str) -> None:
    heard = _HEARD.get()
    if heard is not None:
        heard.append(reason)
        return
    warnings.warn(PixelWarning(reason, _SERIES.get()), stacklevel=3)
