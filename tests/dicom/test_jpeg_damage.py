"""JPEGs that lack coded data, or have too much of them, are refused; sound ones never are."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from noctis_lab.dicom.codecs import decode_frame, read_frame
from noctis_lab.dicom.header import read_header
from noctis_lab.errors import DecodeError
from tests.dicom.pixels import BASELINE, EXTENDED, LOSSLESS_JPEG, make_layout

ANY_PREDICTOR = "1.2.840.10008.1.2.4.57"
PROGRESSIVE = "1.2.840.10008.1.2.4.55"
ROWS, COLUMNS = 64, 80


def _image(bits: int = 8) -> NDArray[Any]:
    y, x = np.mgrid[:ROWS, :COLUMNS]
    smooth = (1 + np.sin(x / 9) * np.cos(y / 7)) / 2 * ((1 << bits) - 1)
    noise = np.random.default_rng(3).normal(0, 1 << max(bits - 6, 0), smooth.shape)
    dtype = np.uint8 if bits == 8 else np.uint16
    return np.clip(smooth + noise, 0, (1 << bits) - 1).astype(dtype)


def _decode(payload: bytes, syntax: str, *, bits: int, samples: int = 1) -> NDArray[Any]:
    allocated = 8 if bits == 8 else 16
    layout = make_layout(
        rows=ROWS,
        columns=COLUMNS,
        samples_per_pixel=samples,
        photometric_interpretation="MONOCHROME2" if samples == 1 else "YBR_FULL_422",
        bits_allocated=allocated,
        bits_stored=bits,
        high_bit=bits - 1,
        encapsulated=True,
    )
    return decode_frame(layout, syntax, payload)


def _pillow(image: NDArray[Any], **options: Any) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "JPEG", quality=90, **options)
    return stream.getvalue()


def _sound() -> dict[str, tuple[bytes, str, int, int]]:
    grey, deep = _image(), _image(12)
    colour = np.stack([grey, grey[::-1], 255 - grey], 2)
    encode = imagecodecs.jpeg8_encode
    made = {
        "baseline": (bytes(encode(grey, level=90)), BASELINE, 8, 1),
        "colour": (_pillow(colour, subsampling=1), BASELINE, 8, 3),
        "restarts": (_pillow(grey, restart_marker_blocks=7), BASELINE, 8, 1),
        "progressive": (_pillow(grey, progressive=True), PROGRESSIVE, 8, 1),
        "twelve bits": (bytes(encode(deep, level=90, bitspersample=12)), EXTENDED, 12, 1),
        "lossless": (bytes(encode(deep, lossless=True, bitspersample=12)), LOSSLESS_JPEG, 12, 1),
        "sixteen bits": (bytes(encode(_image(16), lossless=True)), LOSSLESS_JPEG, 16, 1),
    }
    for predictor in range(2, 8):
        payload = encode(deep, lossless=True, bitspersample=12, predictor=predictor)
        made[f"predictor {predictor}"] = (bytes(payload), ANY_PREDICTOR, 12, 1)
    return made


SOUND = _sound()


def _coded(payload: bytes) -> tuple[int, int]:
    """Return where the last scan's coded data begin and end."""
    header = payload.rindex(b"\xff\xda")
    return header + 2 + int.from_bytes(payload[header + 2 : header + 4]), payload.rindex(
        b"\xff\xd9"
    )


@pytest.mark.parametrize("name", SOUND)
def test_sound_streams_decode(name: str) -> None:
    payload, syntax, bits, samples = SOUND[name]
    stored = _decode(payload, syntax, bits=bits, samples=samples)
    assert stored.shape[:2] == (ROWS, COLUMNS)
    if syntax in (LOSSLESS_JPEG, ANY_PREDICTOR):
        np.testing.assert_array_equal(stored, _image(bits))
    _decode(payload + b"\0", syntax, bits=bits, samples=samples)  # padded to an even length


@pytest.mark.parametrize("name", SOUND)
def test_streams_cut_anywhere_are_refused(name: str) -> None:
    payload, syntax, bits, samples = SOUND[name]
    whole = _decode(payload, syntax, bits=bits, samples=samples)
    start, end = _coded(payload)
    cuts = [*range(1, 25), *range(25, end - start, max((end - start) // 40, 1))]
    for cut in cuts:
        shorter = payload[: end - cut].rstrip(b"\xff") + payload[end:]
        try:
            stored = _decode(shorter, syntax, bits=bits, samples=samples)
        except DecodeError:
            continue
        # Bits that were all the decoder's zeros anyhow.
        np.testing.assert_array_equal(stored, whole, err_msg=f"{name}, cut by {cut}")


def test_a_restart_interval_that_is_cut_or_missing_is_refused() -> None:
    payload, syntax, bits, _ = SOUND["restarts"]
    third = payload.index(b"\xff\xd2")
    for damaged in (
        payload[: third - 9] + payload[third:],  # within the third interval
        payload[:third] + payload[payload.index(b"\xff\xd3") :],  # the fourth
        payload[:third] + b"\xff\xd5" + payload[third + 2 :],  # out of turn
    ):
        with pytest.raises(DecodeError, match="damaged"):
            _decode(damaged, syntax, bits=bits)


@pytest.mark.parametrize("name", ["baseline", "twelve bits", "lossless", "predictor 4"])
def test_coded_data_beyond_the_image_are_refused(name: str) -> None:
    payload, syntax, bits, _ = SOUND[name]
    start, end = _coded(payload)
    longer = payload[:end] + payload[start : start + 40] + payload[end:]
    with pytest.raises(DecodeError, match="damaged"):
        _decode(longer, syntax, bits=bits)


@pytest.mark.parametrize("name", ["baseline", "twelve bits", "lossless", "predictor 7"])
def test_flipped_bits_are_refused_or_damage_no_more_than_their_value(name: str) -> None:
    """A bit of a value is none that a decoder can tell; one that shifts the codes is found often.

    The count holds what was measured, so that a check which finds none fails.
    """
    payload, syntax, bits, samples = SOUND[name]
    whole = _decode(payload, syntax, bits=bits, samples=samples)
    start, end = _coded(payload)
    refused = changed = 0
    for at in range(start, end - 8, max((end - start) // 150, 1)):
        damaged = bytearray(payload)
        damaged[at] ^= 0x10
        if 0xFF in (damaged[at], payload[at], payload[at - 1]):
            continue  # a marker, or another one's stuffing: other tests'
        try:
            stored = _decode(bytes(damaged), syntax, bits=bits, samples=samples)
        except DecodeError:
            refused += 1
        else:
            changed += not np.array_equal(stored, whole)
    assert refused + changed > 100
    assert refused >= 10


def _lossless_jpeg(image: NDArray[Any], *, rows_at_once: int, point_transform: int = 0) -> bytes:
    """Encode by T.81 annex H with predictor 1, every category a code of five bits."""
    rows, columns = image.shape
    table = bytes([0] * 4 + [17] + [0] * 11) + bytes(range(17))
    out = b"\xff\xd8"
    out += struct.pack(">HHBHHB", 0xFFC3, 11, 16, rows, columns, 1) + bytes([1, 0x11, 0])
    out += struct.pack(">HHB", 0xFFC4, 3 + len(table), 0) + table
    if rows_at_once:
        out += struct.pack(">HHH", 0xFFDD, 4, rows_at_once * columns)
    out += struct.pack(">HHB", 0xFFDA, 8, 1) + bytes([1, 0, 1, 0, point_transform])
    step = rows_at_once or rows
    for number, top in enumerate(range(0, rows, step)):
        if number:
            out += bytes([0xFF, 0xD0 + (number - 1) % 8])
        out += _interval(image[top : top + step].astype(int) >> point_transform, point_transform)
    return out + b"\xff\xd9"


def _interval(samples: NDArray[Any], point_transform: int) -> bytes:
    bits = ""
    for y, row in enumerate(samples):
        for x, sample in enumerate(row):
            above = samples[y - 1, 0] if y else 1 << 15 - point_transform
            predicted = row[x - 1] if x else above
            difference = (int(sample) - int(predicted) + (1 << 15)) % (1 << 16) - (1 << 15)
            category = abs(difference).bit_length()
            bits += f"{category:05b}"
            if 0 < category < 16:
                value = difference if difference > 0 else difference + (1 << category) - 1
                bits += f"{value:0{category}b}"
    bits += "1" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8).replace(b"\xff", b"\xff\0")


@pytest.mark.parametrize(("rows_at_once", "point_transform"), [(0, 0), (1, 0), (3, 0), (7, 2)])
def test_intervals_and_point_transforms_of_lossless_streams_are_counted(
    rows_at_once: int, point_transform: int
) -> None:
    image = np.random.default_rng(1).integers(0, 1 << 16, (ROWS, COLUMNS), np.uint16)
    image[0, 1] = (int(image[0, 0]) + (1 << 15)) % (1 << 16)  # of category 16
    payload = _lossless_jpeg(image, rows_at_once=rows_at_once, point_transform=point_transform)
    stored = _decode(payload, LOSSLESS_JPEG, bits=16)
    np.testing.assert_array_equal(stored, image >> point_transform << point_transform)
    middle = payload.index(b"\xff\xd1") if rows_at_once else len(payload) - 2
    with pytest.raises(DecodeError, match="damaged"):
        _decode(payload[: middle - 3] + payload[middle:], LOSSLESS_JPEG, bits=16)


@settings(max_examples=60)
@given(
    shape=st.tuples(st.integers(1, 70), st.integers(1, 70)),
    kind=st.sampled_from(["flat", "black", "step", "noise", "sparse"]),
    quality=st.integers(1, 100),
    progressive=st.booleans(),
    optimize=st.booleans(),
    blocks=st.integers(0, 9),
)
def test_no_sound_stream_is_refused(
    shape: tuple[int, int],
    kind: str,
    quality: int,
    progressive: bool,
    optimize: bool,
    blocks: int,
) -> None:
    rng = np.random.default_rng(quality)
    image = np.full(shape, {"flat": 77}.get(kind, 0), np.uint8)
    if kind == "step":
        image[: shape[0] // 3] = 255
    elif kind in ("noise", "sparse"):
        noise = rng.integers(0, 256, shape, np.uint8)
        image = noise if kind == "noise" else np.where(noise > 250, noise, 0).astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(image).save(
        stream,
        "JPEG",
        quality=quality,
        progressive=progressive,
        optimize=optimize,
        restart_marker_blocks=blocks,
    )
    layout = make_layout(
        rows=shape[0],
        columns=shape[1],
        bits_allocated=8,
        bits_stored=8,
        high_bit=7,
        encapsulated=True,
    )
    stored = decode_frame(layout, BASELINE, stream.getvalue())
    np.testing.assert_array_equal(stored, np.asarray(Image.open(stream)))


def test_endless_intervals_are_refused_before_they_are_walked() -> None:
    payload, syntax, bits, _ = SOUND["baseline"]
    _, end = _coded(payload)
    with pytest.raises(DecodeError, match="restart intervals"):
        _decode(payload[:end] + b"\xff\xd0" * 200_000 + payload[end:], syntax, bits=bits)


@pytest.mark.real_data
def test_every_real_jpeg_is_whole_and_none_is_when_cut(real_data: Path) -> None:
    names = """pattern_cornerstone/TestPattern_JPEG-Baseline_YBR422.dcm
        pydicom_test_files/SC_rgb_dcmtk_+eb+cy+n2.dcm pydicom_data/JPGLosslessP14SV1_1s_1f_8b.dcm
        dicomparser_encapsulated/encapsulated/multi-frame/CT0012.fragmented_no_bot_jpeg_baseline.51.dcm
        dicomparser_encapsulated/encapsulated/multi-frame/CT0012.fragmented_no_bot_jpeg_lossless.57.dcm
        dicomparser_encapsulated/encapsulated/multi-frame/CT0012.fragmented_no_bot_jpeg_lossless.70.dcm
        pattern_cornerstone/TestPattern_JPEG-Lossless_RGB.dcm"""
    for name in names.split():
        path = real_data / "real" / name
        header = read_header(path)
        layout, syntax = header.pixels, header.transfer_syntax_uid
        assert layout is not None
        assert layout.frame_table is not None
        read_frame(path, layout, syntax, 0)
        content = path.read_bytes()
        payload = b"".join(content[at : at + length] for at, length in layout.frame_table[0])
        _, end = _coded(payload)
        for cut in (3, 50, 1000):
            shorter = payload[: end - cut].rstrip(b"\xff") + payload[end:]
            with pytest.raises(DecodeError, match="damaged"):
                decode_frame(layout, syntax, shorter)
