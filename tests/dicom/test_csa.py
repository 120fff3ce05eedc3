"""The CSA header: both forms, and any bytes."""

from __future__ import annotations

import struct
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noctis_lab.dicom.csa import parse_csa
from noctis_lab.errors import InvalidDicom
from noctis_lab.synthetic import csa_header

NAMES = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=60)
VALUES = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40)


@given(st.dictionaries(NAMES, st.lists(VALUES, min_size=1, max_size=6), min_size=1, max_size=8))
def test_what_was_written_is_read(entries: dict[str, list[str]]) -> None:
    assert parse_csa(csa_header(entries)) == {
        name: tuple(values) for name, values in entries.items()
    }


def test_the_first_form_counts_lengths_from_the_first_tags_items() -> None:
    def tag(name: bytes, values: list[bytes], items: int, base: int) -> bytes:
        head = struct.pack("<64si4siii", name, len(values), b"IS", 6, items, 77)
        for value in [*values, *[b""] * (items - len(values))]:
            head += (
                struct.pack("<4i", len(value) + base, 0, 0, 0) + value + b"\0" * (-len(value) % 4)
            )
        return head

    raw = struct.pack("<II", 2, 77)
    raw += tag(b"EchoLinePosition", [b"36\0"], 6, 6) + tag(b"B_value", [b"1000\0"], 6, 6)
    assert parse_csa(raw) == {"EchoLinePosition": ("36",), "B_value": ("1000",)}


def test_numbers_and_vectors_are_what_they_say_or_none() -> None:
    csa = parse_csa(
        csa_header(
            {"b": ["1000", "7"], "n": ["x"], "v": ["0", "0.6", "0.8"], "w": ["1", "nan", "0"]}
        )
    )
    assert (csa.number("b"), csa.number("n"), csa.number("missing")) == (1000, None, None)
    assert (csa.vector("v"), csa.vector("w"), csa.vector("b")) == ((0, 0.6, 0.8), None, None)


@given(st.data())
def test_a_header_cut_short_is_refused(data: st.DataObject) -> None:
    raw = csa_header({"NumberOfImagesInMosaic": ["36"], "SliceNormalVector": ["0", "0", "1"]})
    cut = data.draw(st.integers(0, len(raw) - 3))  # the last two bytes fill up
    with pytest.raises(InvalidDicom):
        parse_csa(raw[:cut])


@given(st.binary(max_size=2000))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    for start in (b"", b"SV10\4\3\2\1"):
        try:
            parse_csa(start + raw)
        except InvalidDicom:
            continue


@pytest.mark.parametrize("count", [0, 1 << 20, 0xFFFFFFFF])
def test_an_absurd_count_of_tags_is_refused(count: int) -> None:
    with pytest.raises(InvalidDicom):
        parse_csa(b"SV10\4\3\2\1" + struct.pack("<II", count, 77) + b"\0" * 60_000)


def test_absurd_counts_of_items_end_with_the_bytes() -> None:
    tag = struct.pack("<64si4siii", b"a", 2**31 - 1, b"IS", 6, 2**31 - 1, 77)
    raw = b"SV10\4\3\2\1" + struct.pack("<II", 1024, 77) + tag + b"\0" * 64_000
    began = time.process_time()
    with pytest.raises(InvalidDicom):
        parse_csa(raw)
    assert time.process_time() - began < 1
