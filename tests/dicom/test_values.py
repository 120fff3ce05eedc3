"""Values in DICOM's text form and as numbers, whatever the bytes are."""

from __future__ import annotations

import struct

import pydicom.charset
import pytest
from hypothesis import given
from hypothesis import strategies as st

from noctis_lab.dicom.charsets import DEFAULT_CHARSET, parse_charset
from noctis_lab.dicom.values import (
    NUMERIC_VRS,
    TEXT_VRS,
    parse_number,
    parse_numbers,
    parse_value,
)

ALL_VRS = sorted(TEXT_VRS | NUMERIC_VRS | {"AT", "OB", "OW", "OF", "SQ", "UN", "??"})


def read(VR: str, raw: bytes, charset: str = "", *, big: bool = False) -> object:
    return parse_value(VR, raw, big_endian=big, charset=parse_charset(charset))


@pytest.mark.parametrize(
    ("VR", "raw", "expected"),
    [
        ("DS", b"1.50\\-2e1 ", ("1.50\\-2e1", 1.5)),
        ("DS", b" 7 ", ("7", 7.0)),
        ("IS", b"-12", ("-12", -12.0)),
        ("IS", b"", (None, None)),
        ("DS", b"nan ", ("nan", None)),
        ("DS", b"-inf", ("-inf", None)),
        ("DS", b"1_0 ", ("1_0", None)),
        ("DS", b"1,5 ", ("1,5", None)),
        ("DS", b"1e999", ("1e999", None)),
        ("US", b"\x01\x02", ("513", 513.0)),
        ("SS", b"\xff\xff\x02\x00", ("-1\\2", -1.0)),
        ("UL", struct.pack("<L", 2**32 - 1), ("4294967295", 4294967295.0)),
        ("SV", struct.pack("<q", -(2**63)), ("-9223372036854775808", -(2.0**63))),
        ("UV", struct.pack("<Q", 2**64 - 1), ("18446744073709551615", 2.0**64)),
        ("FD", struct.pack("<d", 0.1), ("0.1", 0.1)),
        ("FD", struct.pack("<d", float("nan")), ("nan", None)),
        ("FL", struct.pack("<f", 0.1), ("0.1", struct.unpack("<f", struct.pack("<f", 0.1))[0])),
        ("US", b"\x01", (None, None)),
        ("AT", b"\x28\x00\x10\x00\xe0\x7f\x10\x00", ("0028,0010\\7FE0,0010", None)),
        ("UI", b"1.2.3\0", ("1.2.3", None)),
        ("UI", b"1.2.3 ", ("1.2.3", None)),
        ("DA", b"20240230", ("20240230", None)),
        ("TM", b"070907.0705 ", ("070907.0705", None)),
        ("DT", b"20240101120000.5+0100 ", ("20240101120000.5+0100", None)),
        ("CS", b"ORIGINAL\\ PRIMARY \\", ("ORIGINAL\\PRIMARY\\", None)),
        ("LT", b"a\\b  ", ("a\\b", None)),
        ("LO", b"a\0b ", ("a\ufffdb", None)),
        ("OB", b"ab", (None, None)),
        ("UN", b"ab", (None, None)),
    ],
)
def test_values_have_their_text_and_number(
    VR: str, raw: bytes, expected: tuple[str | None, float | None]
) -> None:
    assert read(VR, raw) == expected


def test_big_endian_numbers_are_read_in_their_order() -> None:
    assert read("US", b"\x01\x02\x00\x03", big=True) == ("258\\3", 258.0)
    assert read("AT", b"\x00\x28\x00\x10", big=True) == ("0028,0010", None)
    assert read("FD", struct.pack(">d", -2.5), big=True) == ("-2.5", -2.5)


@given(
    VR=st.sampled_from(ALL_VRS),
    raw=st.binary(max_size=64),
    declared=st.binary(max_size=24),
    big=st.booleans(),
)
def test_no_bytes_raise(VR: str, raw: bytes, declared: bytes, big: bool) -> None:
    charset = parse_charset(declared.decode("latin-1"))

    text, number = parse_value(VR, raw, big_endian=big, charset=charset)

    assert text is None or "\0" not in text
    assert number is None or abs(number) < float("inf")
    assert number is None or VR in NUMERIC_VRS


# PS3.5 annexes H, I, J and K: names as they are printed there.
NAMES = {
    "H.3.1": (
        r"\ISO 2022 IR 87",
        b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B",
        "Yamada^Tarou=山田^太郎=やまだ^たろう",
    ),
    "H.3.2": (
        r"ISO 2022 IR 13\ISO 2022 IR 87",
        (
            b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3=\x1b$B;3ED\x1b(J^\x1b$BB@O:\x1b(J"
            b"=\x1b$B$d$^$@\x1b(J^\x1b$B$?$m$&\x1b(J"
        ),
        "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう",
    ),
    "I.2": (
        r"\ISO 2022 IR 149",
        b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7=\x1b$)C\xc8\xab^\x1b$)C\xb1\xe6\xb5\xbf",
        "Hong^Gildong=洪^吉洞=홍^길동",
    ),
    "J.1": (
        "ISO_IR 192",
        b"Wang^XiaoDong=\xe7\x8e\x8b^\xe5\xb0\x8f\xe6\x9d\xb1=",
        "Wang^XiaoDong=王^小東=",
    ),
    "J.3": ("GB18030", b"Wang^XiaoDong=\xcd\xf5^\xd0\xa1\xb6\xab=", "Wang^XiaoDong=王^小东="),
    "K.2": (
        r"\ISO 2022 IR 58",
        b"Zhang^XiaoDong=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab=",
        "Zhang^XiaoDong=张^小东=",
    ),
    "Latin": ("ISO_IR 100", b"Buc^J\xe9r\xf4me", "Buc^Jérôme"),
    "Cyrillic": ("ISO_IR 144", b"\xbb\xee\xda\xe1\xd5\xdd\xd1\xe3\xe0\xd3", "Люксенбург"),
    "Thai": ("ISO_IR 166", b"\xb9\xd2\xc1", "นาม"),
}


@pytest.mark.parametrize("name", NAMES)
def test_the_standards_own_names_are_decoded(name: str) -> None:
    charset, raw, expected = NAMES[name]

    assert read("PN", raw, charset) == (expected, None)


@pytest.mark.parametrize("name", ["H.3.1", "H.3.2", "I.2", "J.1", "J.3", "Latin", "Cyrillic"])
def test_names_are_decoded_as_pydicom_does(name: str) -> None:
    charset, raw, _ = NAMES[name]
    encodings = pydicom.charset.convert_encodings(charset.split("\\"))
    expected = pydicom.charset.decode_bytes(raw, encodings, {0x5C, 0x5E, 0x3D})

    assert read("PN", raw, charset) == (expected, None)


def test_a_backslash_within_a_two_byte_character_divides_no_values() -> None:
    text, _ = read("LO", "表示".encode("shift_jis"), "ISO_IR 13")  # type: ignore[misc]

    assert text == "表示"


@pytest.mark.parametrize("declared", ["ISO IR 100", "ISO-IR 100", "iso_ir 100", "ISO_IR_100"])
def test_misspelt_character_sets_are_understood(declared: str) -> None:
    assert read("PN", b"M\xfcller", declared) == ("Müller", None)


def test_undeclared_bytes_are_utf8_where_they_are_that_else_latin1() -> None:
    assert DEFAULT_CHARSET.decode("Müller".encode()) == "Müller"
    assert DEFAULT_CHARSET.decode(b"M\xfcller") == "Müller"


def test_undecodable_bytes_are_replaced() -> None:
    assert read("PN", b"Bad^\xff\xfe", "ISO_IR 192") == ("Bad^\ufffd\ufffd", None)
    assert read("PN", b"\x1b$B\x80\x81\x1b(B=x", r"\ISO 2022 IR 87")[0].endswith("=x")  # type: ignore[index]


def test_numbers_need_all_values_to_be_finite() -> None:
    assert parse_number("2\\x") == 2.0
    assert parse_numbers("1\\-2.5\\3e2") == (1.0, -2.5, 300.0)
    assert parse_numbers("1\\\\2") is None
    assert parse_numbers("1\\nan") is None
