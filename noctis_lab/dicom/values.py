"""Element values by their value representation: bytes to DICOM's text form and to numbers."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable

import numpy as np

from noctis_lab.dicom.charsets import Charset

__all__ = ["NUMERIC_VRS", "TEXT_VRS", "parse_number", "parse_numbers", "parse_value"]

# PS3.5 6.2: multiple values, each padded by itself; or one value in which a backslash is text.
_MULTIPLE = ("AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "PN", "SH", "TM", "UC", "UI")
_SINGLE = ("LT", "ST", "UR", "UT")
TEXT_VRS = frozenset((*_MULTIPLE, *_SINGLE))
_DECIMAL = frozenset(("DS", "IS"))
_BINARY = {"FD": "d", "FL": "f", "SL": "i", "SS": "h", "SV": "q", "UL": "I", "US": "H", "UV": "Q"}
NUMERIC_VRS = frozenset((*_DECIMAL, *_BINARY))
_SINGLE_VRS = frozenset(_SINGLE)
_MULTIPLE_VRS = frozenset(_MULTIPLE)
_UNPACK: dict[tuple[str, bool], tuple[Callable[[bytes], tuple[float, ...]], int]] = {
    (vr, big): ((one := struct.Struct((">" if big else "<") + code)).unpack, one.size)
    for vr, code in _BINARY.items()
    for big in (False, True)
}


def parse_value(
    VR: str, raw: bytes, *, big_endian: bool, charset: Charset
) -> tuple[str | None, float | None]:
    """Return an element's text form and its first value as a number.

    Parameters
    ----------
    VR
        Two letters; binary and unknown ones (OB, OW, UN, …) have no text form.
    raw
        The value's bytes as they lie in the file.
    big_endian
        The order of binary numbers' bytes.
    charset
        What is in force where the element lies.

    Returns
    -------
    str or None
        Values joined by a backslash, padding removed, NUL within a text replaced by U+FFFD; None
        where there is none.
    float or None
        The first value; None where the VR is no number's or the value is no finite number.

    References
    ----------
    :dcm:`PS3.5 6.2 <part05/sect_6.2.html>`
    """
    if VR in _MULTIPLE_VRS:
        text = _decode(raw, charset)
        if "\\" in text:
            text = "\\".join([part.strip(" ") for part in text.split("\\")])
        if VR in _DECIMAL:
            return text or None, parse_number(text)
        return text or None, None
    unpack = _UNPACK.get((VR, big_endian))
    if unpack is not None:
        return _parse_binary(VR, raw, unpack, big_endian=big_endian)
    if VR in _SINGLE_VRS:
        return _decode(raw, charset) or None, None
    if VR == "AT":
        return _parse_tags(raw, big_endian=big_endian), None
    return None, None


def parse_number(text: str) -> float | None:
    r"""Return the first of the numbers in a text value, None where it is no finite number.

    Examples
    --------
    >>> parse_number(" 1.5 \\2.5"), parse_number("1,5"), parse_number("nan")
    (1.5, None, None)
    """
    if "\\" in text:
        text = text.partition("\\")[0]
    if "_" in text:  # Python's float takes 1_000, DICOM's DS does not
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def parse_numbers(text: str) -> tuple[float, ...] | None:
    """Return all numbers of a text value, None where any is no finite number."""
    numbers: list[float] = []
    for part in text.split("\\"):
        number = parse_number(part)
        if number is None:
            return None
        numbers.append(number)
    return tuple(numbers)


def _decode(raw: bytes, charset: Charset) -> str:
    try:
        text = raw.decode("ascii")
    except UnicodeDecodeError:
        text = charset.decode(raw)
    else:
        if "\x1b" in text:
            text = charset.decode(raw)
    text = text.strip(" \0")
    return text.replace("\0", "\ufffd") if "\0" in text else text


def _parse_binary(
    VR: str,
    raw: bytes,
    unpack: tuple[Callable[[bytes], tuple[float, ...]], int],
    *,
    big_endian: bool,
) -> tuple[str | None, float | None]:
    unpack_one, size = unpack
    if len(raw) == size and VR != "FL":
        (number,) = unpack_one(raw)
        return str(number), number if math.isfinite(number) else None
    if len(raw) < size:
        return None, None
    code = ("f" if VR in ("FL", "FD") else "u" if VR[0] == "U" else "i") + str(size)
    values = np.frombuffer(raw, (">" if big_endian else "<") + code, len(raw) // size)
    # str of a float32 is the shortest text that gives it back.
    text = "\\".join([str(value) for value in values])
    first = float(values[0])
    return text, first if math.isfinite(first) else None


def _parse_tags(raw: bytes, *, big_endian: bool) -> str | None:
    count = len(raw) // 4
    halves = struct.unpack_from(f"{'>' if big_endian else '<'}{2 * count}H", raw)
    tags = [
        f"{group:04X},{element:04X}"
        for group, element in zip(halves[::2], halves[1::2], strict=True)
    ]
    return "\\".join(tags) or None
