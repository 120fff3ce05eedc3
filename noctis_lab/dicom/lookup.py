"""Look-up tables: what their descriptor states, held against the bytes that are there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from noctis_lab.dicom.raw_values import HeaderBytes
from noctis_lab.errors import CannotInterpret

__all__ = ["Descriptor", "LookupTable", "read_descriptor", "read_table"]

_MOST_ENTRIES = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Descriptor:
    """The three numbers that describe a table (PS3.3 C.11.1.1.1 and C.7.6.3.1.5)."""

    count: int  # 1..65536
    first_mapped: int  # the input that the first entry is for
    bits: int  # of an entry: 1..16


@dataclass(frozen=True, slots=True, kw_only=True)
class LookupTable:
    """Entries for the integers from `first_mapped` on."""

    first_mapped: int
    entries: NDArray[Any]  # uint8 or uint16, shape (count,)
    bits: int  # of an entry

    def apply(self, stored: NDArray[Any]) -> NDArray[Any]:
        """Look up stored values.

        Parameters
        ----------
        stored
            Integers, any shape.

        Returns
        -------
        ndarray of the entries' type, same shape
            Inputs below the first mapped one get the first entry, those beyond the last the last.

        References
        ----------
        :dcm:`PS3.3 C.11.1.1.1 <part03/sect_C.11.html>`
        """
        if stored.dtype.kind not in "iu":
            raise CannotInterpret("LUTData", f"a table maps integers, not {stored.dtype}")
        last = self.first_mapped + len(self.entries) - 1
        # Bounds first, in the input's own type: no difference of theirs can overflow then.
        limits = np.iinfo(stored.dtype)
        low, high = max(self.first_mapped, limits.min), min(last, limits.max)
        if low > high:  # no input is mapped: all lie below, or all beyond
            index = 0 if self.first_mapped > limits.max else len(self.entries) - 1
            return np.full(stored.shape, self.entries[index])
        index = np.clip(stored, low, high).astype(np.int64)
        index -= self.first_mapped
        found: NDArray[Any] = self.entries[index]
        return found


def read_descriptor(
    values: HeaderBytes, tag: int, prefix: str = "", *, signed: bool | None = None
) -> Descriptor:
    """Read a table's descriptor.

    Parameters
    ----------
    values
        Of the data set.
    tag, prefix
        Of the descriptor's element.
    signed
        Whether the first input may be negative; None where it is as the pixels are.

    Raises
    ------
    CannotInterpret
        It is not three numbers, or its entries have no bits between 1 and 16.
    """
    keyword = values.name(tag, prefix)
    unsigned = values.words(tag, prefix)
    if unsigned is None or len(unsigned) != 3:
        raise CannotInterpret(keyword, "expected three numbers")
    first = int(unsigned[1])
    # The first input is read as the pixels are; "US or SS" is not to be trusted on it.
    if signed is None:
        signed = values.header.integer("PixelRepresentation") == 1
    if first >= 1 << 15 and signed:
        first -= 1 << 16
    bits = int(unsigned[2])
    if not 1 <= bits <= 16:
        raise CannotInterpret(keyword, f"entries have 1 to 16 bits, not {bits}")
    return Descriptor(count=int(unsigned[0]) or _MOST_ENTRIES, first_mapped=first, bits=bits)


def read_table(
    values: HeaderBytes, descriptor: Descriptor, tag: int, prefix: str = ""
) -> LookupTable:
    """Read a table's entries.

    Parameters
    ----------
    descriptor
        The table's.
    tag, prefix
        Of the entries' element.

    Returns
    -------
    LookupTable
        Of uint8 for entries of up to 8 bits, packed or one in a word; of uint16 for others.

    Raises
    ------
    CannotInterpret
        There are not as many entries as stated.
    """
    count, found = descriptor.count, values.find(tag, prefix)
    length = 0 if found is None else len(found)
    if length == 2 * count:
        words = values.words(tag, prefix)
        assert words is not None
        entries = words.astype(np.uint8) if descriptor.bits <= 8 else words
    elif descriptor.bits <= 8 and length in (count, count + 1):  # an odd count is padded
        packed = values.words(tag, prefix, bits=8)
        assert packed is not None
        entries = packed[:count]
    else:
        raise CannotInterpret(
            values.name(tag, prefix),
            f"{count} entries of {descriptor.bits} bits are stated, {length} bytes are there",
        )
    return LookupTable(first_mapped=descriptor.first_mapped, entries=entries, bits=descriptor.bits)
