"""Overlays: planes of one bit over an image, stored apart or in unused bits of its pixels."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from noctis_lab.dicom.codecs import iter_frames
from noctis_lab.dicom.raw_values import HeaderBytes, read_header_bytes
from noctis_lab.errors import CannotInterpret

__all__ = ["OVERLAY_GROUPS", "Overlay", "find_overlay_groups", "read_overlays"]

#: Repeating groups of overlays: 6000, 6002, … 601E.
OVERLAY_GROUPS = range(0x6000, 0x6020, 2)
_ROWS, _COLUMNS, _FRAMES, _DESCRIPTION = 0x10, 0x11, 0x15, 0x22
_TYPE, _ORIGIN, _FIRST_FRAME = 0x40, 0x50, 0x51
_BITS_ALLOCATED, _BIT_POSITION, _LABEL, _DATA = 0x100, 0x102, 0x1500, 0x3000
#: Of all planes of an overlay, one byte a pixel.
_MOST_PIXELS = 1 << 28
#: `Overlay.first_frame` of one plane that lies over every frame.
_ALL_FRAMES = -1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Overlay:
    """One overlay of an image.

    Its first pixel lies over the image's pixel `origin`; it need not be as large as the image.
    """

    group: int  # 0x6000, 0x6002, … 0x601E
    kind: str  # OverlayType: "G" graphics, "R" region of interest
    label: str  # OverlayLabel or OverlayDescription; may be empty
    origin: tuple[int, int]  # (row, column) of the image, from 0; may be negative
    first_frame: int  # of the image, from 0, that the first plane is for; -1: over every frame
    planes: NDArray[np.bool_]  # shape (planes, rows, columns)
    in_pixels: bool  # read from unused bits of the pixels

    def over(self, frame: int, *, rows: int, columns: int) -> NDArray[np.bool_]:
        """Return what lies over one frame of the image.

        Parameters
        ----------
        frame
            Of the image, from 0.
        rows, columns
            The image's.

        Returns
        -------
        ndarray of bool, shape (rows, columns)
            False where the overlay does not reach; what reaches beyond the image is cut.

        References
        ----------
        :dcm:`PS3.3 C.9.2 <part03/sect_C.9.2.html>`: an overlay of one plane that names no frame
        lies over all.
        """
        whole = np.zeros((rows, columns), np.bool_)
        number = 0 if self.first_frame == _ALL_FRAMES else frame - self.first_frame
        if not 0 <= number < len(self.planes):
            return whole
        plane = self.planes[number]
        top, left = self.origin
        kept = plane[max(-top, 0) : max(rows - top, 0), max(-left, 0) : max(columns - left, 0)]
        top, left = max(top, 0), max(left, 0)
        whole[top : top + kept.shape[0], left : left + kept.shape[1]] = kept
        return whole


def read_overlays(path: Path, *, values: HeaderBytes | None = None) -> tuple[Overlay, ...]:
    """Read all overlays of an image.

    Parameters
    ----------
    path
        Its file.
    values
        The file's, where they were read already.

    Returns
    -------
    tuple of Overlay
        In the order of their groups.

    Raises
    ------
    CannotInterpret
        An overlay's size is none, or there are fewer bits than it states.
    DecodeError, UnsupportedTransferSyntax
        The pixels that hold an overlay do not decode.
    InvalidDicom, OSError
        The file cannot be read.

    References
    ----------
    :dcm:`PS3.3 C.9.2 <part03/sect_C.9.2.html>`, :dcm:`PS3.5 8.1.2 <part05/sect_8.1.2.html>`
    (bits of the pixels, retired)
    """
    found = read_header_bytes(path) if values is None else values
    return tuple(_read_one(found, path, group << 16) for group in _groups_of(found))


def find_overlay_groups(path: Path) -> tuple[int, ...]:
    """Return which groups of a file state an overlay, ascending: 0x6000 …; no plane is read.

    Raises
    ------
    InvalidDicom, OSError
        The file cannot be read.
    """
    return _groups_of(read_header_bytes(path))


def _groups_of(values: HeaderBytes) -> tuple[int, ...]:
    return tuple(
        group
        for group in OVERLAY_GROUPS
        if values.has(group << 16 | _ROWS) and values.has(group << 16 | _COLUMNS)
    )


def _read_one(values: HeaderBytes, path: Path, base: int) -> Overlay:
    rows, columns = _number(values, base | _ROWS, 0), _number(values, base | _COLUMNS, 0)
    in_pixels = not values.has(base | _DATA)
    first = _number(values, base | _FIRST_FRAME, 1) - 1
    layout = values.header.pixels
    # Bits of the pixels are there for every frame.
    default = layout.frames - max(first, 0) if in_pixels and layout is not None else 1
    count = _integer_text(values, base | _FRAMES, default)
    if min(rows, columns, count) < 1 or rows * columns * count > _MOST_PIXELS:
        raise CannotInterpret(
            values.name(base | _ROWS), f"{count} planes of {rows} × {columns} are no overlay"
        )
    shape = (count, rows, columns)
    if in_pixels:
        planes = _from_pixels(values, path, base, shape)
    else:
        planes = _from_data(values, base, shape)
    origin = values.words(base | _ORIGIN, signed=True)
    named = values.has(base | _FIRST_FRAME)
    return Overlay(
        group=base >> 16,
        kind=_text(values, base | _TYPE),
        label=_text(values, base | _LABEL) or _text(values, base | _DESCRIPTION),
        origin=(0, 0)
        if origin is None or len(origin) < 2
        else (int(origin[0]) - 1, int(origin[1]) - 1),
        first_frame=max(first, 0) if named or len(planes) > 1 else _ALL_FRAMES,
        planes=planes,
        in_pixels=in_pixels,
    )


def _from_data(values: HeaderBytes, base: int, shape: tuple[int, int, int]) -> NDArray[np.bool_]:
    packed = values.words(base | _DATA, bits=8)
    needed = shape[0] * shape[1] * shape[2]
    if packed is None or 8 * len(packed) < needed:
        length = 0 if packed is None else len(packed)
        raise CannotInterpret(
            values.name(base | _DATA), f"{needed} bits are stated, {length} bytes are there"
        )
    # PS3.5 8.1.2: the first pixel is the lowest bit; planes follow each other without padding.
    bits = np.unpackbits(packed, count=needed, bitorder="little")
    return bits.view(np.bool_).reshape(shape)


def _from_pixels(
    values: HeaderBytes, path: Path, base: int, shape: tuple[int, int, int]
) -> NDArray[np.bool_]:
    layout, position = values.header.pixels, _number(values, base | _BIT_POSITION, 0)
    keyword = values.name(base | _BIT_POSITION)
    if layout is None or layout.keyword != "PixelData" or layout.samples_per_pixel != 1:
        raise CannotInterpret(values.name(base | _DATA), "there is no overlay, nor pixels with one")
    if not values.has(base | _BIT_POSITION) or position >= layout.bits_allocated:
        raise CannotInterpret(keyword, f"{position} is no bit of {layout.bits_allocated}")
    if layout.high_bit - layout.bits_stored < position <= layout.high_bit:
        raise CannotInterpret(keyword, f"bit {position} is one of the image's own")
    first = max(_number(values, base | _FIRST_FRAME, 1) - 1, 0)
    if shape[1:] != (layout.rows, layout.columns) or first + shape[0] > layout.frames:
        raise CannotInterpret(
            values.name(base | _ROWS),
            f"bits of the pixels are not {shape[0]} planes of {shape[1:]}",
        )
    # All bits of the word, as they are.
    whole = replace(
        layout,
        bits_stored=layout.bits_allocated,
        high_bit=layout.bits_allocated - 1,
        pixel_representation=0,
    )
    planes = np.empty(shape, np.bool_)
    wanted = range(first, first + shape[0])
    for number, words in iter_frames(path, whole, values.header.transfer_syntax_uid, wanted):
        planes[number - first] = words & words.dtype.type(1 << position)
    return planes


def _number(values: HeaderBytes, tag: int, default: int) -> int:
    words = values.words(tag)
    return default if words is None or not len(words) else int(words[0])


def _integer_text(values: HeaderBytes, tag: int, default: int) -> int:
    text = _text(values, tag)
    return int(text) if text.isdecimal() and len(text) <= 9 else default


def _text(values: HeaderBytes, tag: int) -> str:
    found = values.find(tag)
    return "" if found is None else found.decode("utf-8", "replace").strip(" \0")
