"""What a data set leaves unsaid of its pixels, and how they are taken then: told, never silent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from noctis_lab.dicom.frames import PixelLayout

__all__ = ["LayoutDoubt", "layout_doubts"]


class LayoutDoubt(NamedTuple):
    """A statement that is missing or cannot be: in two words, and as a reason to warn."""

    words: str
    reason: str


_SIGN = LayoutDoubt(
    "Sign unknown",
    "PixelRepresentation is not stated, so that it is not known whether pixels have a sign: they "
    "are taken as unsigned",
)
_DEPTH = LayoutDoubt(
    "Depth unknown",
    "BitsStored is not stated: pixels are taken to have the bits up to HighBit, or all that are "
    "allocated where that is not stated either",
)
_GREY = LayoutDoubt(
    "Grey assumed",
    "PhotometricInterpretation is not stated, or none that one sample per pixel can have "
    "(MONOCHROME1, MONOCHROME2, PALETTE COLOR): pixels are taken as grey, the least value black",
)
_ORDER = LayoutDoubt(
    "Samples' order",
    "PlanarConfiguration is not stated, so that it is not known whether colour samples lie pixel "
    "by pixel: they are taken to",
)
_FOURTH = LayoutDoubt(
    "Fourth sample",
    "SamplesPerPixel is 4 where PhotometricInterpretation has three samples: the fourth of each "
    "pixel is left out",
)
_OF_ONE_SAMPLE = ("MONOCHROME1", "MONOCHROME2", "PALETTE COLOR")


def layout_doubts(layouts: Iterable[PixelLayout]) -> tuple[LayoutDoubt, ...]:
    """Return what is doubtful of images' statements on their pixels, each doubt once.

    Parameters
    ----------
    layouts
        Of images that are read together.

    Notes
    -----
    What cannot be taken in any way is refused by `stored.native_dtype` and `stored.frame_shape`.
    HighBit alone is no doubt: it is one less than BitsStored.

    References
    ----------
    :dcm:`PS3.3 C.7.6.3 <part03/sect_C.7.6.3.html>`: all of these are Type 1, or 1C.
    """
    # Planes of a series share one layout but for where it lies: each kind is looked at once.
    kinds = {
        (
            *(one.keyword, one.bits_allocated, one.is_depth_stated, one.pixel_representation),
            *(one.samples_per_pixel, one.photometric_interpretation, one.planar_configuration),
            one.encapsulated,
        ): one
        for one in layouts
    }
    return tuple(dict.fromkeys(doubt for one in kinds.values() for doubt in _doubts(one)))


def _doubts(layout: PixelLayout) -> Iterator[LayoutDoubt]:
    photometric = layout.photometric_interpretation
    is_grey = layout.samples_per_pixel == 1 and photometric != "PALETTE COLOR"
    is_integer = layout.keyword == "PixelData" and layout.bits_allocated > 1
    if is_grey and is_integer and layout.pixel_representation is None:
        yield _SIGN
    if is_integer and not layout.is_depth_stated:
        yield _DEPTH
    if layout.samples_per_pixel == 1 and photometric not in _OF_ONE_SAMPLE:
        yield _GREY
    if (
        layout.samples_per_pixel > 1
        and layout.planar_configuration is None
        and not layout.encapsulated
    ):
        yield _ORDER
    if layout.samples_per_pixel == 4:
        yield _FOURTH
