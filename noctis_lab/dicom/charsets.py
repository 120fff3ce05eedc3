"""Character sets: bytes of a text value to Unicode, broken ones included, never raising."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pydicom.charset import CODES_TO_ENCODINGS, python_encoding

__all__ = ["DEFAULT_CHARSET", "Charset", "parse_charset"]

_ESCAPE = b"\x1b"
_SPELLING = re.compile(r"ISO[ _-]?(2022)?[ _-]*(?:IR)?[ _-]*(\d{1,4})", re.IGNORECASE)
_ESCAPED = re.compile(rb"\x1b(?:\$[()]?.|[(-/].)", re.DOTALL)
# PS3.5 6.1.2.5.3: after these the first character set is in force again.
_RESET = re.compile(rb"[\\^=\r\n\f\t]")
#: Two bytes a character, both below 0x80: neither a delimiter nor ASCII within them.
_SEVEN_BIT = ("iso2022_jp", "iso2022_jp_2")


@dataclass(frozen=True, slots=True)
class Charset:
    """The character sets in force for one data set or item (PS3.3 C.12.1.1.2).

    `encodings` are Python's names; the first is in force until an escape sequence names another.
    Empty: nothing usable is declared.
    """

    encodings: tuple[str, ...]

    def decode(self, raw: bytes) -> str:
        """Return the text; undecodable bytes become U+FFFD.

        Notes
        -----
        Where nothing is declared, bytes above 0x7F break the standard. They are read as UTF-8
        where they are that, else as Latin-1, as pydicom does.
        """
        if _ESCAPE in raw:
            return self._decode_escaped(raw)
        if self.encodings:
            return _decode(raw, self.encodings[0])
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError:
            return raw.decode("latin-1")

    def _decode_escaped(self, raw: bytes) -> str:
        first = self.encodings[0] if self.encodings else "latin-1"
        pieces: list[str] = []
        at, escape, encoding = 0, b"", first
        for match in _ESCAPED.finditer(raw):
            pieces.append(_decode_piece(raw[at : match.start()], escape, encoding, first))
            at, escape = match.end(), match.group()
            encoding = CODES_TO_ENCODINGS.get(escape, first)
        pieces.append(_decode_piece(raw[at:], escape, encoding, first))
        return "".join(pieces)


DEFAULT_CHARSET = Charset(())


def _decode(raw: bytes, encoding: str) -> str:
    try:
        return raw.decode(encoding, "replace")
    except (LookupError, UnicodeError):
        return raw.decode("latin-1")


def _decode_piece(raw: bytes, escape: bytes, encoding: str, first: str) -> str:
    """Decode what follows one escape sequence, up to the next one."""
    if encoding in _SEVEN_BIT:
        return _decode(escape + raw, encoding)
    if encoding == "iso_ir_58":
        # G1 holds the two-byte set; what is below 0x80 is ASCII. GB2312 with the high bits set.
        encoding = "gb2312"
    if encoding == first:
        return _decode(raw, first)
    reset = _RESET.search(raw)
    if reset is None:
        return _decode(raw, encoding)
    return _decode(raw[: reset.start()], encoding) + _decode(raw[reset.start() :], first)


def parse_charset(text: str) -> Charset:
    r"""Return the character sets that a Specific Character Set (0008,0005) declares.

    Parameters
    ----------
    text
        Its values, joined by a backslash. Common misspellings (``ISO IR 100``, ``UTF-8``) are
        understood; values that name nothing are left out.

    Examples
    --------
    >>> parse_charset("ISO_IR 100").encodings
    ('latin_1',)
    >>> parse_charset(r"\ISO 2022 IR 87").encodings
    ('iso8859', 'iso2022_jp')
    """
    names = [name.strip(" \0") for name in text.split("\\")]
    found: list[str] = []
    for position, name in enumerate(names):
        encoding = _find_encoding(name) if name or (position == 0 and len(names) > 1) else None
        if encoding is not None:
            found.append(encoding)
    # ISO_IR 6 alone declares the default repertoire: bytes above 0x7F are as undeclared.
    return DEFAULT_CHARSET if found == ["iso8859"] else Charset(tuple(found))


def _find_encoding(name: str) -> str | None:
    encoding = python_encoding.get(name)
    if encoding is not None:
        return encoding
    if name.upper().replace("-", "").replace("_", "") == "UTF8":
        return "UTF8"
    spelt = _SPELLING.fullmatch(name)
    if spelt is None:
        return None
    number = int(spelt.group(2))
    return python_encoding.get(f"ISO 2022 IR {number}") or python_encoding.get(f"ISO_IR {number}")
