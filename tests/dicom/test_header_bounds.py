"""No structure and no bytes make a header crash, hang or ask for all memory."""

from __future__ import annotations

import random
import struct
import time
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset

from noctis_lab.dicom.header import Limits, read_header
from noctis_lab.errors import (
    DicomTooLarge,
    InvalidDicom,
    NestingTooDeep,
)
from tests.dicom.handmade import (
    DEFLATED,
    NATIVE,
    UIDS,
    explicit,
    part10,
)

Make = Callable[..., Dataset]
Put = Callable[..., Path]
Encode = Callable[..., bytes]


# Structure


def nested(depth: int, *, defined: bool) -> bytes:
    if defined:
        value = b""
        for _ in range(depth):
            item = struct.pack("<HHL", 0xFFFE, 0xE000, len(value)) + value
            value = explicit(0x00081140, b"SQ", item)
        return value
    start = struct.pack("<HH2sHLHHL", 8, 0x1140, b"SQ", 0, 0xFFFFFFFF, 0xFFFE, 0xE000, 0xFFFFFFFF)
    stop = struct.pack("<HHLHHL", 0xFFFE, 0xE00D, 0, 0xFFFE, 0xE0DD, 0)
    return start * depth + stop * depth


@pytest.mark.parametrize("defined", [True, False])
def test_nesting_is_bounded(defined: bool, put: Put) -> None:
    read_header(put(part10(UIDS + nested(64, defined=defined))))
    for depth in (65, 400, 20_000):
        content = part10(UIDS + nested(depth if not defined else min(depth, 900), defined=defined))
        with pytest.raises(NestingTooDeep):
            read_header(put(content))


def test_unknown_vr_of_undefined_length_holds_implicit_items(put: Put) -> None:
    inner = struct.pack("<HHL", 0x0008, 0x1155, 6) + b"1.2.9\0"
    item = struct.pack("<HHL", 0xFFFE, 0xE000, 0xFFFFFFFF) + inner
    item += struct.pack("<HHLHHL", 0xFFFE, 0xE00D, 0, 0xFFFE, 0xE0DD, 0)
    sequence = struct.pack("<HH2sHL", 8, 0x1140, b"UN", 0, 0xFFFFFFFF) + item

    header = read_header(put(part10(UIDS + sequence)))

    assert header.text("ReferencedImageSequence[0].ReferencedSOPInstanceUID") == "1.2.9"


def test_private_elements_name_their_creator(make_dataset: Make, put: Put) -> None:
    ds = make_dataset()
    ds.private_block(0x0019, "ONE", create=True).add_new(0x08, "LO", "first")
    ds.private_block(0x0019, "TWO", create=True).add_new(0x08, "DS", "2.5")

    found = {e.path: e for e in read_header(put(ds)).elements}

    assert found["0019,1008"].private_creator == "ONE"
    assert found["0019,1108"].private_creator == "TWO"
    assert found["0019,1108"].number == 2.5


def test_long_values_are_located_and_not_taken(put: Put) -> None:
    content = part10(
        UIDS + explicit(0x00204000, b"UT", b"x" * 70_000) + explicit(0x00204001, b"LO", b"ok")
    )

    found = {e.tag: e for e in read_header(put(content)).elements}

    assert (found[0x00204000].value, found[0x00204000].length) == (None, 70_000)
    assert found[0x00204001].value == "ok"


def test_the_count_of_elements_is_bounded(put: Put) -> None:
    content = part10(UIDS + explicit(0x00204000, b"LT", b"") * 2000)

    with pytest.raises(DicomTooLarge, match="1000 elements"):
        read_header(put(content), limits=Limits(max_elements=1000))


def test_paths_do_not_multiply_a_small_file_into_memory(put: Put) -> None:
    leaves = explicit(0x00204000, b"LT", b"") * 150_000
    start = struct.pack("<HH2sHLHHL", 8, 0x1140, b"SQ", 0, 0xFFFFFFFF, 0xFFFE, 0xE000, 0xFFFFFFFF)
    stop = struct.pack("<HHLHHL", 0xFFFE, 0xE00D, 0, 0xFFFE, 0xE0DD, 0)
    content = part10(UIDS + start * 60 + leaves + stop * 60)

    with pytest.raises(DicomTooLarge):
        read_header(put(content))


def test_a_deflated_bomb_is_refused_in_little_memory(put: Put) -> None:
    plain = UIDS + explicit(0x7FE11001, b"OB", bytes(64 * 1024 * 1024))
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    path = put(part10(packer.compress(plain) + packer.flush(), DEFLATED))
    del plain

    tracemalloc.start()
    with pytest.raises(DicomTooLarge, match="inflates"):
        read_header(path)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 4 * 1024 * 1024


@pytest.mark.parametrize("length", range(262_000, 262_600, 40))
def test_what_deflates_well_is_inflated_to_its_end(length: int, put: Put) -> None:
    plain = UIDS + explicit(0x7FE11001, b"OB", bytes(length))
    packer = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    header = read_header(put(part10(packer.compress(plain) + packer.flush(), DEFLATED)))
    assert header.elements[-1].tag == 0x7FE11001


@pytest.mark.parametrize(
    "keyword",
    [
        "Rows",
        "BitsStored",
        "HighBit",
        "SamplesPerPixel",
        "PixelRepresentation",
        "PlanarConfiguration",
    ],
)
def test_pixels_beyond_all_images_are_refused(keyword: str, put: Put) -> None:
    stated = {"SamplesPerPixel": 1, "Rows": 1, "Columns": 0, "BitsAllocated": 8, "BitsStored": 8}
    stated |= {"HighBit": 7, "PixelRepresentation": 0, "PlanarConfiguration": 0}
    elements = b"".join(
        explicit(
            pydicom.datadict.tag_for_keyword(name) or 0,
            b"DS",
            b"1e30" if name == keyword else b"%d " % value,
        )
        for name, value in stated.items()
    )
    pixels = explicit(0x7FE00010, b"OB", b"")
    with pytest.raises(InvalidDicom, match="beyond"):
        read_header(put(part10(UIDS + elements + pixels)))


def test_a_character_set_of_many_digits_is_no_character_set(put: Put) -> None:
    name = b"ISO_IR " + b"1" * 5001
    header = read_header(put(part10(explicit(0x00080005, b"CS", name) + UIDS)))
    assert header.text("StudyInstanceUID")


def test_an_item_count_without_elements_is_bounded(put: Put) -> None:
    empty = struct.pack("<HHL", 0xFFFE, 0xE000, 0)
    path = put(part10(UIDS + explicit(0x00081140, b"SQ", empty * 300_000)))

    with pytest.raises(DicomTooLarge):
        read_header(path, limits=Limits(max_elements=200_000))


# Hostile bytes


@pytest.mark.parametrize("syntax", [*NATIVE])
def test_every_cut_is_named_or_harmless(
    syntax: str, make_dataset: Make, put: Put, encode: Encode
) -> None:
    item = Dataset()
    item.ReferencedSOPInstanceUID = "1.2.9"
    whole = encode(make_dataset(ReferencedImageSequence=[item]), syntax)

    for length in range(0, len(whole), 3):
        try:
            header = read_header(put(whole[:length]))
        except InvalidDicom:
            continue
        # A cut between two elements cannot be told from a data set that ends there.
        assert header.pixels is None


@pytest.mark.parametrize("seed", range(4))
def test_mutated_bytes_are_read_or_refused_in_time(
    seed: int, make_dataset: Make, put: Put, encode: Encode
) -> None:
    draw = random.Random(seed)
    item = make_dataset()
    del item.PixelData
    syntax = NATIVE[seed]
    whole = encode(make_dataset(ReferencedImageSequence=[item, item]), syntax)
    began = time.monotonic()
    for _ in range(300):
        mutated = bytearray(whole)
        for _ in range(draw.randint(1, 8)):
            at = draw.randrange(132, len(mutated))
            kind = draw.randrange(3)
            if kind == 0:
                mutated[at] = draw.choice((0, 0xFF, 0xFE, 0x7F, draw.randrange(256)))
            elif kind == 1:
                del mutated[at : at + draw.randint(1, 9)]
            else:
                mutated[at:at] = draw.randbytes(draw.randint(1, 9))
        try:
            header = read_header(put(bytes(mutated)))
        except InvalidDicom:
            continue
        header.plane(), header.rescale()
    assert time.monotonic() - began < 30
