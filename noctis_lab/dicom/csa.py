"""The header that Siemens' older MR systems put into a private element, "CSA", item by item."""

from __future__ import annotations

import struct

from noctis_lab.dicom.values import parse_number, parse_numbers
from noctis_lab.errors import InvalidDicom

__all__ = ["CsaHeader", "parse_csa"]

_SIGNATURE = b"SV10"
_NAME, _TAG, _ITEM = struct.Struct("<64s"), struct.Struct("<i4siii"), struct.Struct("<4i")
#: Some 100 are met.
_MOST_TAGS = 1024


class CsaHeader(dict[str, tuple[str, ...]]):
    """By name the values of a CSA header, those that are empty left out."""

    def number(self, name: str) -> float | None:
        """Return the first value as a number; None where it is none, or not finite."""
        values = self.get(name)
        return parse_number(values[0]) if values else None

    def vector(self, name: str) -> tuple[float, float, float] | None:
        """Return the values of an entry of just three numbers."""
        numbers = parse_numbers("\\".join(self.get(name, ())))
        if numbers is None or len(numbers) != 3:
            return None
        return numbers[0], numbers[1], numbers[2]


def parse_csa(raw: bytes) -> CsaHeader:
    """Parse a CSA header of either form.

    Parameters
    ----------
    raw
        The value of CSA Image Header Info (0029,xx10).

    Returns
    -------
    CsaHeader
        Text, as it stands there; numbers too are text.

    Raises
    ------
    InvalidDicom
        The bytes are not such a header, or end within it.

    Notes
    -----
    The format is not published by its maker. It is: in the second form ``SV10`` and four bytes;
    the count of tags and a number; per tag a name of 64 bytes, its multiplicity, VR, data type,
    count of items and a check number; per item four numbers, one of which is its length, and the
    text, filled up to four bytes. In the first form the lengths count from the first tag's count
    of items.

    References
    ----------
    NiBabel's documentation, "Siemens format DICOM with CSA header".
    """
    is_second = raw.startswith(_SIGNATURE)
    at = 8 if is_second else 0
    try:
        count, _ = struct.unpack_from("<II", raw, at)
        if not 1 <= count <= _MOST_TAGS:
            raise InvalidDicom(f"a CSA header of {count} tags, expected at most {_MOST_TAGS}")
        at += 8
        found, base = CsaHeader(), 0
        for index in range(count):
            (name,) = _NAME.unpack_from(raw, at)
            multiplicity, _, _, items, _ = _TAG.unpack_from(raw, at + _NAME.size)
            if index == 0 and not is_second:
                base = items
            at, values = _items(
                raw, at + _NAME.size + _TAG.size, items, None if is_second else base
            )
            kept = tuple(values[:multiplicity] if multiplicity > 0 else values)
            if any(kept):
                found[_text(name)] = kept
    except struct.error:
        raise InvalidDicom("the CSA header ends within an entry") from None
    return found


def _items(raw: bytes, at: int, count: int, base: int | None) -> tuple[int, list[str]]:
    """Return where the items end, and their texts; each takes 16 bytes at least."""
    values: list[str] = []
    for _ in range(count):
        lengths = _ITEM.unpack_from(raw, at)
        length = lengths[1] if base is None else lengths[0] - base
        at += _ITEM.size
        if length < 0 or at + length > len(raw):
            if base is not None:
                break  # the first form's later items are met without a length
            raise InvalidDicom(f"the CSA header has {len(raw)} bytes, an item reaches beyond them")
        values.append(_text(raw[at : at + length]))
        at += length + -length % 4
    return at, values


def _text(raw: bytes) -> str:
    return raw.partition(b"\0")[0].decode("latin-1").strip(" ")
