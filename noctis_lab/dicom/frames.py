"""Where an instance's frames lie in its file."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["PixelLayout"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PixelLayout:
    """The shape of an instance's pixels and the bytes that hold them (PS3.3 C.7.6.3).

    `offset` and `length` are bytes from the start of the *file* to the payload of the pixel data
    element (for encapsulated pixels: to the Basic Offset Table item's tag). For deflated data
    sets both are relative to the *inflated* data set and `deflated` is set.
    """

    keyword: str  # PixelData, FloatPixelData or DoubleFloatPixelData
    rows: int
    columns: int
    frames: int
    samples_per_pixel: int
    photometric_interpretation: str
    bits_allocated: int
    bits_stored: int
    high_bit: int
    pixel_representation: int  # 0 unsigned, 1 two's complement
    planar_configuration: int
    big_endian: bool
    encapsulated: bool
    deflated: bool
    offset: int
    length: int
    #: Encapsulated only: per frame its fragments as (offset in the file, length in bytes).
    frame_table: tuple[tuple[tuple[int, int], ...], ...] | None
