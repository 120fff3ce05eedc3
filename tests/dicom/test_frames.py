"""Frames are found by tables that tell the truth, and by the fragments where they do not."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, encapsulate_extended

from noctis_lab.dicom.frames import PixelLayout
from noctis_lab.dicom.header import Limits, read_header
from noctis_lab.errors import DicomTooLarge, InvalidDicom, TruncatedDicom

JPEG = "1.2.840.10008.1.2.4.70"
Make = Callable[..., Dataset]
Put = Callable[..., Path]


def item(value: bytes) -> bytes:
    return struct.pack("<HHL", 0xFFFE, 0xE000, len(value)) + value


def chain(table: bytes, *fragments: bytes) -> bytes:
    return item(table) + b"".join(item(fragment) for fragment in fragments)


@pytest.fixture
def layout_of(make_dataset: Make, put: Put) -> Callable[..., tuple[PixelLayout, list[list[bytes]]]]:
    """Return a function: encapsulated pixels to their layout and the bytes of its table."""

    def read(
        pixels: bytes, frames: int, extended: tuple[bytes, bytes] | None = None
    ) -> tuple[PixelLayout, list[list[bytes]]]:
        ds = make_dataset(NumberOfFrames=frames, PixelData=pixels)
        if extended is not None:
            ds.ExtendedOffsetTable, ds.ExtendedOffsetTableLengths = extended
        ds["PixelData"].VR = "OB"
        ds["PixelData"].is_undefined_length = True
        path = put(ds, syntax=JPEG)
        layout = read_header(path).pixels
        assert layout is not None
        assert layout.frame_table is not None
        stored = path.read_bytes()
        return layout, [
            [stored[offset : offset + length] for offset, length in frame]
            for frame in layout.frame_table
        ]

    return read


Read = Callable[..., tuple[PixelLayout, list[list[bytes]]]]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    frames=st.lists(st.binary(min_size=9, max_size=40), min_size=1, max_size=6),
    pieces=st.integers(1, 3),
    has_table=st.booleans(),
)
def test_frames_are_those_pydicom_encapsulated(
    frames: list[bytes], pieces: int, has_table: bool, layout_of: Read
) -> None:
    frames = [b"\xff\xd8\xff" + frame.replace(b"\xff", b"\0") for frame in frames]
    pixels = encapsulate(frames, fragments_per_frame=pieces, has_bot=has_table)

    layout, found = layout_of(pixels, len(frames))

    padded = [frame + b"\0" * (len(frame) % 2) for frame in frames]
    assert [b"".join(fragments) for fragments in found] == padded
    assert layout.encapsulated


def test_the_extended_offset_table_is_followed(layout_of: Read) -> None:
    pixels, offsets, lengths = encapsulate_extended([b"ab", b"cdef", b"gh"])

    _, found = layout_of(pixels, 3, extended=(offsets, lengths))

    assert found == [[b"ab"], [b"cdef"], [b"gh"]]


@pytest.mark.parametrize(
    "table",
    [(0, 9), (0, 0), (10, 0), (0, 2**32 - 1), (0, 10, 20), (0,), (10, 20)],
)
def test_wrong_offset_tables_are_not_trusted(table: tuple[int, ...], layout_of: Read) -> None:
    _, found = layout_of(chain(struct.pack(f"<{len(table)}L", *table), b"ab", b"cd"), 2)

    assert found == [[b"ab"], [b"cd"]]


def test_a_single_frame_takes_all_fragments(layout_of: Read) -> None:
    _, found = layout_of(chain(struct.pack("<L", 5), b"ab", b"cd", b"ef"), 1)

    assert found == [[b"ab", b"cd", b"ef"]]


@pytest.mark.parametrize("start", [b"\xff\xd8\xff\xe0", b"\xff\x4f\xff\x51"])
def test_frames_in_several_fragments_begin_at_their_code_stream(
    start: bytes, layout_of: Read
) -> None:
    _, found = layout_of(chain(b"", start, b"more", start, start, b"rest", b"on"), 3)

    assert found == [[start, b"more"], [start], [start, b"rest", b"on"]]


@pytest.mark.parametrize("fragments", [[b"ab", b"cd", b"ef"], [b"ab"], []])
def test_fragments_that_no_frame_can_claim_are_refused(
    fragments: list[bytes], layout_of: Read
) -> None:
    with pytest.raises(InvalidDicom, match="fragment"):
        layout_of(chain(b"", *fragments), 2)


def test_an_undelimited_chain_is_refused(
    make_dataset: Make, put: Put, encode: Callable[..., bytes]
) -> None:
    ds = make_dataset(PixelData=chain(b"", b"abcd"))
    ds["PixelData"].is_undefined_length = True
    whole = encode(ds, JPEG)

    with pytest.raises(TruncatedDicom, match="no delimiter"):
        read_header(put(whole[:-8]))
    with pytest.raises(TruncatedDicom, match="beyond"):
        read_header(put(whole[:-10]))


def test_native_bytes_in_a_compressed_syntax_are_refused(make_dataset: Make, put: Put) -> None:
    path = put(make_dataset())
    with pytest.raises(InvalidDicom, match="encapsulated"):
        read_header(path, transfer_syntax_uid=JPEG)


def test_the_count_of_fragments_is_bounded(make_dataset: Make, put: Put) -> None:
    ds = make_dataset(PixelData=chain(b"", *[b""] * 200))
    ds["PixelData"].is_undefined_length = True

    with pytest.raises(DicomTooLarge, match="100 fragments"):
        read_header(put(ds, syntax=JPEG), limits=Limits(max_elements=100))
