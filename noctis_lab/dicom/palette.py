"""Colour palettes: indices into red, green and blue."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from noctis_lab.dicom.lookup import Descriptor, LookupTable, read_descriptor, read_table
from noctis_lab.dicom.raw_values import HeaderBytes, read_header_bytes
from noctis_lab.errors import CannotInterpret, DecodeError

__all__ = ["Palette", "open_palette", "read_palette"]

#: Red, green, blue: descriptor, entries, segmented entries.
_TAGS = tuple((0x00281101 + n, 0x00281201 + n, 0x00281221 + n) for n in range(3))
_DISCRETE, _LINEAR, _INDIRECT = 0, 1, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Palette:
    """Three tables, for the pixels of PALETTE COLOR."""

    red: LookupTable
    green: LookupTable
    blue: LookupTable

    def apply(self, stored: NDArray[Any]) -> NDArray[Any]:
        """Return the colours of stored indices.

        Parameters
        ----------
        stored
            Integers, any shape.

        Returns
        -------
        ndarray of uint8 or uint16, shape (*stored.shape, 3)
            RGB at the depth of the tables.
        """
        return np.stack([table.apply(stored) for table in self._tables()], axis=-1)

    def apply_8bit(self, stored: NDArray[Any]) -> NDArray[np.uint8]:
        """Return the colours for display, shape (*stored.shape, 3).

        Notes
        -----
        Of 16-bit entries the high byte; where none of them exceeds 255 (tables of 8 bits that say
        16) they are taken as they are, since all would be black.
        """
        tables = self._tables()
        highest = max(int(table.entries.max()) for table in tables)
        shift = max(table.bits for table in tables) - 8 if highest > 0xFF else 0
        shown = [
            LookupTable(
                first_mapped=table.first_mapped,
                entries=np.minimum(table.entries >> max(shift, 0), 0xFF).astype(np.uint8),
                bits=8,
            )
            for table in tables
        ]
        return np.stack([table.apply(stored) for table in shown], axis=-1)

    @property
    def nbytes(self) -> int:
        """Bytes that the tables take."""
        return sum(table.entries.nbytes for table in self._tables())

    def _tables(self) -> tuple[LookupTable, LookupTable, LookupTable]:
        return self.red, self.green, self.blue


def read_palette(values: HeaderBytes) -> Palette | None:
    """Read the palette of a data set of PALETTE COLOR.

    Parameters
    ----------
    values
        From `read_header_bytes`.

    Returns
    -------
    Palette or None
        None where none is stated.

    Raises
    ------
    CannotInterpret
        A table does not hold what its descriptor states, the palette is one that is only named
        by its UID, or it is supplemental: colours for some values of a grey image, which are not
        looked up here.

    References
    ----------
    :dcm:`PS3.3 C.7.9 <part03/sect_C.7.9.html>`,
    :dcm:`PS3.3 C.7.6.3.1.5 <part03/sect_C.7.6.3.html>`,
    :dcm:`PS3.3 C.8.16.2.1.1.1 <part03/sect_C.8.16.2.html>` (supplemental)
    """
    if not any(values.has(descriptor) for descriptor, _, _ in _TAGS):
        uid = values.header.text("PaletteColorLookupTableUID")
        if uid is not None:
            raise CannotInterpret(
                "PaletteColorLookupTableUID", "the palette is named by its UID, not stated"
            )
        return None
    photometric = values.header.text("PhotometricInterpretation")
    if photometric != "PALETTE COLOR":
        raise CannotInterpret(
            values.name(_TAGS[0][0]),
            f"a supplemental palette, of an image of {photometric}, is not looked up",
        )
    red, green, blue = (_read_one(values, *tags) for tags in _TAGS)
    return Palette(red=red, green=green, blue=blue)


def open_palette(path: Path) -> Palette:
    """Read the palette of a file whose pixels cannot be shown without one.

    Raises
    ------
    DecodeError
        There is none, or it cannot be followed.
    InvalidDicom, OSError
        The file cannot be read.
    """
    try:
        palette = read_palette(read_header_bytes(path))
    except CannotInterpret as error:
        raise DecodeError(f"the palette cannot be followed: {error}") from error
    if palette is None:
        raise DecodeError("the pixels are indices of a palette, which the data set does not hold")
    return palette


def _read_one(values: HeaderBytes, descriptor_tag: int, tag: int, segmented: int) -> LookupTable:
    descriptor = read_descriptor(values, descriptor_tag)
    if values.has(tag) or not values.has(segmented):
        return read_table(values, descriptor, tag)
    bits = 8 if descriptor.bits <= 8 else 16
    words = values.words(segmented, bits=bits)
    keyword = values.name(segmented)
    if words is None:
        raise CannotInterpret(keyword, "the segments are beyond what is read")
    entries = _expand(words, descriptor, keyword)
    return LookupTable(first_mapped=descriptor.first_mapped, entries=entries, bits=bits)


def _expand(words: NDArray[Any], descriptor: Descriptor, keyword: str) -> NDArray[Any]:
    """Write out segments, never more than the descriptor states."""
    count, parts, done = descriptor.count, list[NDArray[Any]](), 0
    for part in _segments(words, keyword):
        parts.append(part)
        done += len(part)
        if done > count:
            break
    if done != count:
        raise CannotInterpret(keyword, f"{count} entries are stated, the segments give {done}")
    return np.concatenate(parts).astype(words.dtype)


def _segments(words: NDArray[Any], keyword: str) -> Iterator[NDArray[Any]]:
    """Yield the entries of one segment after the other (PS3.3 C.7.9.2)."""
    at, last = 0, None
    while at + 1 < len(words):  # an odd byte at the end is padding
        if words[at] == _INDIRECT:
            starts = _indirect(words, at, keyword)
            at += 2 + (4 if words.itemsize == 1 else 2)
        else:
            starts = None
        for start in [at] if starts is None else starts:
            part, end = _direct(words, start, last, keyword)
            if starts is None:
                at = end
            last = int(part[-1])
            yield part


def _indirect(words: NDArray[Any], at: int, keyword: str) -> list[int]:
    """Return where the segments begin that an indirect one repeats."""
    offset_words = words[at + 2 : at + 2 + 4 // words.itemsize]
    if len(offset_words) != 4 // words.itemsize:
        raise CannotInterpret(keyword, "an indirect segment is cut short")
    # The least significant 16 bits come first.
    order = offset_words.astype(f"<u{words.itemsize}").tobytes()
    start = int.from_bytes(order, "little") // words.itemsize
    starts = []
    for _ in range(int(words[at + 1])):
        if start + 1 >= at:
            raise CannotInterpret(keyword, "an indirect segment repeats what does not come before")
        starts.append(start)
        start = _end_of(words, start, keyword)
    return starts


def _end_of(words: NDArray[Any], at: int, keyword: str) -> int:
    kind = int(words[at])
    if not words[at + 1]:  # so that no number of segments makes nothing for ever
        raise CannotInterpret(keyword, "a segment has no entries")
    if kind == _DISCRETE:
        return at + 2 + int(words[at + 1])
    if kind == _LINEAR:
        return at + 3
    raise CannotInterpret(keyword, f"a segment of kind {kind} where 0 or 1 was expected")


def _direct(
    words: NDArray[Any], at: int, last: int | None, keyword: str
) -> tuple[NDArray[Any], int]:
    """Return the entries of a discrete or linear segment, and where it ends."""
    end, length = _end_of(words, at, keyword), int(words[at + 1])
    if end > len(words):
        raise CannotInterpret(keyword, "a segment is cut short")
    if words[at] == _DISCRETE:
        return words[at + 2 : end], end
    if last is None:
        raise CannotInterpret(keyword, "the first segment is a linear one, which has no beginning")
    # From the last entry, which is not repeated, to the segment's own, both sides included.
    steps = np.linspace(last, float(words[at + 2]), length + 1)[1:]
    return np.rint(steps).astype(words.dtype), end
