"""Element values by their value representation: bytes to DICOM's text form and to numbers."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable

import numpy as np

from noctis_lab.dicom.charsets import Charset

__all__ = [
    "BINARY_SIZES",
    "MULTIPLE_VRS",
    "NUMERIC_VRS",
    "PARSERS",
    "TEXT_VRS",
    "parse_number",
    "parse_numbers",
    "parse_value",
]

type _Parsed = tuple[str | None, float | None]
type _Parser = Callable[[bytes, bool, Charset], _Parsed]

# PS3.5 6.2: multiple values, each padded by itself; or one value in which a backslash is text.
_MULTIPLE = ("AE", "AS", "CS", "DA", "DT", "LO", "PN", "SH", "TM", "UC", "UI")
_SINGLE = ("LT", "ST", "UR", "UT")
_DECIMAL = ("DS", "IS")
_BINARY = {"FD": "d", "FL": "f", "SL": "i", "SS": "h", "SV": "q", "UL": "I", "US": "H", "UV": "Q"}
BINARY_SIZES = {VR: struct.calcsize(f"<{code}") for VR, code in _BINARY.items()}
MULTIPLE_VRS = frozenset((*_MULTIPLE, *_DECIMAL))
TEXT_VRS = frozenset((*MULTIPLE_VRS, *_SINGLE))
NUMERIC_VRS = frozenset((*_DECIMAL, *_BINARY))


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
    parse = PARSERS.get(VR)
    return (None, None) if parse is None else parse(raw, big_endian, charset)


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


def _parse_texts(raw: bytes, big_endian: bool, charset: Charset) -> _Parsed:  # noqa: ARG001
    text = _decode(raw, charset)
    if "\\" in text:
        text = "\\".join([part.strip(" ") for part in text.split("\\")])
    return text or None, None


def _parse_text(raw: bytes, big_endian: bool, charset: Charset) -> _Parsed:  # noqa: ARG001
    return _decode(raw, charset) or None, None


def _parse_decimals(raw: bytes, big_endian: bool, charset: Charset) -> _Parsed:
    text, _ = _parse_texts(raw, big_endian, charset)
    return text, None if text is None else parse_number(text)


def _parse_tags(raw: bytes, big_endian: bool, charset: Charset) -> _Parsed:  # noqa: ARG001
    count = len(raw) // 4
    halves = struct.unpack_from(f"{'>' if big_endian else '<'}{2 * count}H", raw)
    pairs = zip(halves[::2], halves[1::2], strict=True)
    return "\\".join([f"{group:04X},{element:04X}" for group, element in pairs]) or None, None


def _binary_parser(code: str) -> _Parser:
    ones = {False: struct.Struct(f"<{code}").unpack, True: struct.Struct(f">{code}").unpack}
    size = struct.calcsize(f"<{code}")
    # str of a float32 is the shortest text that gives it back.
    to_text: Callable[[float], str] = (
        (lambda number: str(np.float32(number))) if code == "f" else str
    )

    def parse(raw: bytes, big_endian: bool, charset: Charset) -> _Parsed:  # noqa: ARG001
        if len(raw) == size:
            (first,) = ones[big_endian](raw)
            return to_text(first), float(first) if math.isfinite(first) else None
        count = len(raw) // size
        if not count:
            return None, None
        numbers = struct.unpack_from(f"{'>' if big_endian else '<'}{count}{code}", raw)
        first = float(numbers[0])
        return "\\".join(map(to_text, numbers)), first if math.isfinite(first) else None

    return parse


#: By VR: ``parse(raw, big_endian, charset)`` gives what `parse_value` gives.
PARSERS: dict[str, _Parser] = {
    **dict.fromkeys(_MULTIPLE, _parse_texts),
    **dict.fromkeys(_SINGLE, _parse_text),
    **dict.fromkeys(_DECIMAL, _parse_decimals),
    **{VR: _binary_parser(code) for VR, code in _BINARY.items()},
    "AT": _parse_tags,
}
