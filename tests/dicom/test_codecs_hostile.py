"""Bytes and headers that lie end in an error of ours, before much is asked of the machine."""

from __future__ import annotations

import struct
import subprocess
import sys
import time
import zlib
from contextlib import suppress
from pathlib import Path

import imagecodecs
import numpy as np
import pytest

from noctis_lab.dicom.codecs import CODECS, can_decode, decode_frame, read_frame
from noctis_lab.errors import DecodeError, UnsupportedTransferSyntax
from noctis_lab.synthetic import ct_series
from tests.dicom.pixels import (
    BASELINE,
    BIG_ENDIAN,
    DEFLATED,
    DEFLATED_FRAMES,
    EXPLICIT,
    IMPLICIT,
    JPEG_2000,
    JPEG_LS,
    JPEG_XL,
    LOSSLESS,
    RLE,
    first_frame,
    layout_of,
    make_layout,
)


def test_a_frame_of_another_shape_is_refused_before_it_is_decoded() -> None:
    huge = imagecodecs.jpegls_encode(np.zeros((64, 64), np.uint16))
    with pytest.raises(DecodeError, match="64 rows, 64 columns"):
        decode_frame(make_layout(encapsulated=True), JPEG_LS, huge)
    deep = imagecodecs.jpeg2k_encode(np.zeros((2, 4), np.uint16), level=0, codecformat="j2k")
    shallow = make_layout(bits_allocated=8, bits_stored=8, high_bit=7, encapsulated=True)
    with pytest.raises(DecodeError, match="16 bits a sample"):
        decode_frame(shallow, JPEG_2000, deep)
    bomb = zlib.compressobj(wbits=-15)
    payload = bomb.compress(bytes(1 << 22)) + bomb.flush()
    assert decode_frame(make_layout(encapsulated=True), DEFLATED_FRAMES, payload).shape == (2, 4)


@pytest.mark.parametrize("syntax", LOSSLESS)
def test_a_frame_that_is_cut_short_is_a_decode_error(syntax: str) -> None:
    stored = np.random.default_rng(5).integers(0, 3000, (1, 33, 20))
    series = ct_series(
        planes=1, rows=33, columns=20, signed=False, stored=stored, transfer_syntax_uid=syntax
    )
    payload = first_frame(series[0]).rstrip(b"\0")
    layout = layout_of(series[0])
    for length in (0, 1, 10, 44, 63, 70, len(payload) // 2, len(payload) - 3):
        with pytest.raises(DecodeError):
            decode_frame(layout, syntax, payload[:length])


@pytest.mark.parametrize("syntax", LOSSLESS)
def test_a_frame_that_lacks_bytes_before_its_end_is_a_decode_error(syntax: str) -> None:
    stored = np.random.default_rng(5).integers(0, 3000, (1, 33, 20))
    series = ct_series(
        planes=1, rows=33, columns=20, signed=False, stored=stored, transfer_syntax_uid=syntax
    )
    payload, layout = first_frame(series[0]).rstrip(b"\0"), layout_of(series[0])
    for cut in (2, 9, 100, len(payload) // 2):
        with pytest.raises(DecodeError):
            decode_frame(layout, syntax, payload[: -2 - cut] + payload[-2:])


@pytest.mark.parametrize("syntax", [*LOSSLESS, BASELINE])
def test_noise_is_a_decode_error(syntax: str) -> None:
    layout = make_layout(rows=33, columns=20, encapsulated=True)
    noise = np.random.default_rng(3).integers(0, 256, 500, np.uint8).tobytes()
    for payload in (noise, b"\xff\xd8" + noise, b"\xff\x4f\xff\x51" + noise, b"\xff" * 200):
        with pytest.raises(DecodeError):
            decode_frame(layout, syntax, payload)


@pytest.mark.parametrize(
    "changes",
    [
        {"bits_allocated": 12},
        {"bits_stored": 20},
        {"bits_stored": 0},
        {"high_bit": 16},
        {"bits_stored": 12, "high_bit": 5},
        {"rows": 0},
        {"columns": 70_000},
        {"samples_per_pixel": 2},
        {"rows": 40_000, "columns": 40_000},
        {"samples_per_pixel": 3, "photometric_interpretation": "YBR_PARTIAL_420"},
    ],
)
def test_layouts_that_are_none_are_refused(changes: dict[str, int]) -> None:
    with pytest.raises(DecodeError):
        decode_frame(make_layout(**changes), EXPLICIT, bytes(100))


def test_too_few_bytes_and_frames_out_of_range_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DecodeError, match="16 bytes was expected, 15 came"):
        decode_frame(make_layout(), EXPLICIT, bytes(15))
    path = tmp_path / "short"
    path.write_bytes(bytes(15))
    with pytest.raises(DecodeError, match="file ends"):
        read_frame(path, make_layout(), EXPLICIT, 0)
    for number in (-1, 1):
        with pytest.raises(DecodeError, match="was asked of 1"):
            read_frame(path, make_layout(), EXPLICIT, number)
    with pytest.raises(DecodeError, match="fragments"):
        read_frame(path, make_layout(encapsulated=True), JPEG_LS, 0)


def test_transfer_syntaxes_without_decoder(tmp_path: Path) -> None:
    mpeg4 = "1.2.840.10008.1.2.4.102"
    assert not can_decode(mpeg4)
    assert all(map(can_decode, [IMPLICIT, EXPLICIT, DEFLATED, BIG_ENDIAN, *CODECS]))
    with pytest.raises(UnsupportedTransferSyntax) as raised:
        decode_frame(make_layout(encapsulated=True), mpeg4, b"")
    assert raised.value.transfer_syntax_uid == mpeg4
    assert "MPEG-4" in raised.value.reason
    path = tmp_path / "video"
    path.write_bytes(bytes(100))
    with pytest.raises(UnsupportedTransferSyntax):  # not: where is the frame?
        read_frame(path, make_layout(encapsulated=True), mpeg4, 0)


@pytest.mark.parametrize(
    "header",
    [
        (2, 64, 1 << 26),  # beyond the frame: imagecodecs alone reads there, and crashes
        (2, 64, 60),
        (2, 64, 64),
        (2, 68, 80),
        (1, 64, 0),
        (3, 64, 80),
        (16, 64, 80),
        (1 << 31, 64, 80),
    ],
)
def test_rle_segments_that_lie_elsewhere_are_refused(header: tuple[int, ...]) -> None:
    payload = struct.pack("<16I", *header, *[0] * (16 - len(header))) + bytes(60)
    layout = make_layout(encapsulated=True)
    with pytest.raises(DecodeError, match="RLE segments"):
        decode_frame(layout, RLE, payload)
    for codec in CODECS[RLE]:
        with pytest.raises(DecodeError, match="RLE segments"):
            codec.decode(layout, payload)


def test_rle_of_more_segments_than_its_header_holds_is_refused() -> None:
    wide = {"bits_allocated": 32, "bits_stored": 32, "high_bit": 31}
    layout = make_layout(samples_per_pixel=4, **wide, encapsulated=True)
    payload = struct.pack("<16I", 16, *range(64, 79)) + bytes(60)
    with pytest.raises(DecodeError, match="RLE segments"):
        decode_frame(layout, RLE, payload)


def test_jpeg_xl_that_is_another_image_is_refused_before_it_is_decoded() -> None:
    gray = np.zeros((2, 4), np.uint16)
    larger = imagecodecs.jpegxl_encode(np.zeros((64, 64), np.uint16), lossless=True)
    floats = imagecodecs.jpegxl_encode(gray.astype(np.float32), lossless=True)
    alpha = imagecodecs.jpegxl_encode(np.zeros((2, 4, 4), np.uint16), lossless=True)
    film = imagecodecs.jpegxl_encode(np.zeros((3, 2, 4), np.uint16), lossless=True, photometric=1)
    layout = make_layout(encapsulated=True)
    for payload, why in (
        (larger, "64 rows, 64 columns"),
        (floats, "floating point"),
        (alpha, "channels beyond"),
        (film, "animated"),
    ):
        with pytest.raises(DecodeError, match=why):
            decode_frame(layout, JPEG_XL, bytes(payload))
    sound = bytes(imagecodecs.jpegxl_encode(np.arange(8, dtype=np.uint16).reshape(2, 4)))
    for length in (0, 1, 5, 11, len(sound) - 2):
        with pytest.raises(DecodeError):
            decode_frame(layout, JPEG_XL, sound[:length])
    for payload in (b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(100), b"\xff\x0a" + b"\xff" * 100):
        with pytest.raises(DecodeError):
            decode_frame(layout, JPEG_XL, payload)


def test_a_jpeg_of_endless_scans_is_refused() -> None:
    sound = bytes(imagecodecs.jpeg8_encode(np.zeros((2, 4), np.uint8)))
    scan = sound[sound.index(b"\xff\xda") : -2]
    endless = sound[:-2] + 501 * scan + sound[-2:]
    layout = make_layout(bits_allocated=8, bits_stored=8, high_bit=7, encapsulated=True)
    with pytest.raises(DecodeError, match="502 scans"):
        decode_frame(layout, BASELINE, endless)


def test_a_jpeg_ls_of_endless_scans_is_read_to_its_own_and_no_farther() -> None:
    image = np.random.default_rng(3).integers(0, 4000, (64, 48), np.uint16)
    sound = bytes(imagecodecs.jpegls_encode(image))
    scan = sound[sound.index(b"\xff\xda") : -2]
    endless = sound[:-2] + 2000 * scan + sound[-2:]
    layout = make_layout(rows=64, columns=48, encapsulated=True)
    began_s = time.process_time()
    with suppress(DecodeError):
        assert np.array_equal(decode_frame(layout, JPEG_LS, endless), image)
    assert time.process_time() - began_s < 1  # all of them take some fifty times longer


def test_mutated_frames_never_end_the_process() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.dicom.mutations", "1000", "1"],
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0, done.stderr[-2000:]
    decoded, refused = map(int, done.stdout.split())
    assert decoded + refused == 1000
    assert decoded > 50  # mutations are small enough to reach the decoders
    assert refused > 300
