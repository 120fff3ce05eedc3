"""Frames decode to what pydicom, the encoder's input or arithmetic by hand says."""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames

from noctis_lab.dicom.codecs import CODECS, can_decode, decode_frame, native_dtype, read_frame
from noctis_lab.dicom.color import from_rgb, to_rgb
from noctis_lab.dicom.frames import PixelLayout
from noctis_lab.dicom.header import read_header
from noctis_lab.errors import DecodeError, InvalidDicom, UnsupportedTransferSyntax
from noctis_lab.synthetic import ct_series, formula_stored, write_series

IMPLICIT, EXPLICIT = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"
DEFLATED, BIG_ENDIAN = "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2"
BASELINE, EXTENDED = "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51"
LOSSLESS_JPEG, JPEG_LS = "1.2.840.10008.1.2.4.70", "1.2.840.10008.1.2.4.80"
JPEG_2000, HTJ2K = "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.201"
RLE, DEFLATED_FRAMES = "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.8.1"
LOSSLESS = [LOSSLESS_JPEG, JPEG_LS, JPEG_2000, HTJ2K, RLE]
#: The inverse DCT may differ by a grey level or two between libraries.
INEXACT = {BASELINE, EXTENDED}


def make_layout(**changes: Any) -> PixelLayout:
    fields: dict[str, Any] = {
        "keyword": "PixelData",
        "rows": 2,
        "columns": 4,
        "frames": 1,
        "samples_per_pixel": 1,
        "photometric_interpretation": "MONOCHROME2",
        "bits_allocated": 16,
        "bits_stored": 16,
        "high_bit": 15,
        "pixel_representation": 0,
        "planar_configuration": 0,
        "big_endian": False,
        "encapsulated": False,
        "deflated": False,
        "offset": 0,
        "length": 0,
        "frame_table": None,
    }
    return PixelLayout(**(fields | changes))


def layout_of(dataset: Dataset) -> PixelLayout:
    """Independent of our own header reader."""
    syntax = str(dataset.file_meta.TransferSyntaxUID)
    keywords = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
    allocated = int(dataset.BitsAllocated)
    stored = int(dataset.get("BitsStored", allocated))
    return make_layout(
        keyword=next(keyword for keyword in keywords if keyword in dataset),
        rows=int(dataset.Rows),
        columns=int(dataset.Columns),
        frames=int(dataset.get("NumberOfFrames") or 1),
        samples_per_pixel=int(dataset.SamplesPerPixel),
        photometric_interpretation=str(dataset.PhotometricInterpretation),
        bits_allocated=allocated,
        bits_stored=stored,
        high_bit=int(dataset.get("HighBit", stored - 1)),
        pixel_representation=int(dataset.get("PixelRepresentation", 0)),
        planar_configuration=int(dataset.get("PlanarConfiguration") or 0),
        big_endian=syntax == BIG_ENDIAN,
        encapsulated=syntax not in (IMPLICIT, EXPLICIT, DEFLATED, BIG_ENDIAN),
    )


def first_frame(dataset: Dataset) -> bytes:
    frames = int(dataset.get("NumberOfFrames") or 1)
    return next(generate_frames(dataset.PixelData, number_of_frames=frames))


# --- native ---------------------------------------------------------------------------------


def test_bits_above_high_bit_are_cut_and_the_sign_is_extended() -> None:
    words = np.array([[0x0FFF, 0xF7FF, 0x0800, 0xF801], [0, 1, 0x8000, 0x7000]], "<u2")
    unsigned = make_layout(bits_stored=12, high_bit=11)
    expected = [[0xFFF, 0x7FF, 0x800, 0x801], [0, 1, 0, 0]]
    stored = decode_frame(unsigned, EXPLICIT, words.tobytes())
    assert stored.dtype == np.uint16
    assert stored.tolist() == expected
    signed = replace(unsigned, pixel_representation=1)
    stored = decode_frame(signed, EXPLICIT, words.tobytes())
    assert stored.dtype == np.int16
    assert stored.tolist() == [[-1, 2047, -2048, -2047], [0, 1, 0, 0]]


def test_a_high_bit_above_bits_stored_shifts() -> None:
    words = np.full((2, 4), 0xABCD, "<u2")
    layout = make_layout(bits_stored=12, high_bit=15)
    assert decode_frame(layout, EXPLICIT, words.tobytes()).tolist() == [[0xABC] * 4] * 2


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2", "u4", "i4", "u8"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_native_words_of_every_width_and_order(dtype: str, order: str) -> None:
    kind = np.dtype(dtype)
    bits = 8 * kind.itemsize
    numbers = np.array([np.iinfo(kind).min, np.iinfo(kind).max, 3, 77], kind)
    pixels = np.tile(numbers, (2, 1))
    layout = make_layout(
        bits_allocated=bits,
        bits_stored=bits,
        high_bit=bits - 1,
        pixel_representation=int(kind.kind == "i"),
        big_endian=order == ">",
    )
    stored = decode_frame(layout, EXPLICIT, pixels.astype(kind.newbyteorder(order)).tobytes())
    assert stored.dtype == kind == native_dtype(layout)
    np.testing.assert_array_equal(stored, pixels)


@pytest.mark.parametrize(
    ("keyword", "dtype"), [("FloatPixelData", "f4"), ("DoubleFloatPixelData", "f8")]
)
def test_float_pixels(keyword: str, dtype: str) -> None:
    pixels = np.array([[0.5, -1e30, np.inf, 3.0], [1, 2, 3, 4]], dtype)
    bits = 8 * pixels.itemsize
    layout = make_layout(keyword=keyword, bits_allocated=bits, bits_stored=bits, high_bit=bits - 1)
    stored = decode_frame(layout, EXPLICIT, pixels.tobytes())
    np.testing.assert_array_equal(stored, pixels)
    assert stored.dtype == pixels.dtype


def test_planar_colours_become_interleaved() -> None:
    rgb = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    fields = {"samples_per_pixel": 3, "photometric_interpretation": "RGB"}
    depth = {"bits_allocated": 8, "bits_stored": 8, "high_bit": 7}
    by_pixel = make_layout(**fields, **depth)
    by_plane = replace(by_pixel, planar_configuration=1)
    planes = np.ascontiguousarray(np.moveaxis(rgb, 2, 0)).tobytes()
    np.testing.assert_array_equal(decode_frame(by_pixel, EXPLICIT, rgb.tobytes()), rgb)
    stored = decode_frame(by_plane, EXPLICIT, planes)
    np.testing.assert_array_equal(stored, rgb)
    assert stored.flags.c_contiguous


def test_subsampled_chrominance_is_widened() -> None:
    payload = bytes([10, 11, 200, 100, 12, 13, 201, 101])  # Y1 Y2 CB CR
    layout = make_layout(
        rows=1,
        samples_per_pixel=3,
        photometric_interpretation="YBR_FULL_422",
        bits_allocated=8,
        bits_stored=8,
        high_bit=7,
    )
    assert decode_frame(layout, EXPLICIT, payload).tolist() == [
        [[10, 200, 100], [11, 200, 100], [12, 201, 101], [13, 201, 101]]
    ]


def test_packed_bits_start_with_the_lowest() -> None:
    layout = make_layout(rows=3, columns=3, bits_allocated=1, bits_stored=1, high_bit=0)
    stored = decode_frame(layout, EXPLICIT, bytes([0b10000001, 0b1]))
    assert stored.tolist() == [[1, 0, 0], [0, 0, 0], [0, 1, 1]]


def test_frames_of_bits_that_start_within_a_byte(tmp_path: Path) -> None:
    frames = np.random.default_rng(7).integers(0, 2, (3, 3, 5), np.uint8)
    path = tmp_path / "bits"
    path.write_bytes(b"head" + np.packbits(frames.ravel(), bitorder="little").tobytes())
    layout = make_layout(
        rows=3, columns=5, frames=3, bits_allocated=1, bits_stored=1, high_bit=0, offset=4
    )
    for number in range(3):
        np.testing.assert_array_equal(read_frame(path, layout, EXPLICIT, number), frames[number])


def test_bytes_in_big_endian_words_are_swapped_back(tmp_path: Path) -> None:
    frames = np.arange(30, dtype=np.uint8).reshape(2, 3, 5)  # odd: frame 1 starts within a word
    swapped = np.frombuffer(frames.tobytes(), ">u2").astype("<u2").tobytes()
    layout = make_layout(
        rows=3,
        columns=5,
        frames=2,
        bits_allocated=8,
        bits_stored=8,
        high_bit=7,
        big_endian=True,
        offset=12,
    )
    for vr, payload in ((b"OW", swapped), (b"OB", frames.tobytes())):
        path = tmp_path / vr.decode()
        path.write_bytes(b"\x7f\xe0\x00\x10" + vr + b"\0\0\0\0\0\x1e" + payload)
        for number in range(2):
            stored = read_frame(path, layout, BIG_ENDIAN, number)
            np.testing.assert_array_equal(stored, frames[number])


# --- encapsulated ---------------------------------------------------------------------------


@pytest.mark.parametrize("syntax", LOSSLESS)
@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("bits_stored", [16, 12])
def test_lossless_codecs_return_what_was_encoded(
    syntax: str, signed: bool, bits_stored: int
) -> None:
    dataset = ct_series(
        planes=1,
        rows=33,
        columns=20,
        signed=signed,
        bits_stored=bits_stored,
        transfer_syntax_uid=syntax,
    )[0]
    layout = layout_of(dataset)
    expected = formula_stored(1, 33, 20, bits_stored=bits_stored, signed=signed)[0]
    for codec in CODECS[syntax]:
        if codec.available:
            stored = codec.decode(layout, first_frame(dataset))
            np.testing.assert_array_equal(stored, expected, err_msg=codec.library)
            assert stored.dtype == native_dtype(layout)
    np.testing.assert_array_equal(decode_frame(layout, syntax, first_frame(dataset)), expected)


@pytest.fixture
def rgb() -> NDArray[np.uint8]:
    x, y = np.meshgrid(np.arange(24), np.arange(16))
    return np.stack([10 * x, 15 * y, 5 * (x + y)], axis=2).astype(np.uint8)


def colour_layout(photometric: str, **changes: Any) -> PixelLayout:
    return make_layout(
        rows=16,
        columns=24,
        samples_per_pixel=3,
        photometric_interpretation=photometric,
        bits_allocated=8,
        bits_stored=8,
        high_bit=7,
        encapsulated=True,
        **changes,
    )


def test_colour_stays_in_the_space_that_is_stated(rgb: NDArray[np.uint8]) -> None:
    as_ybr = imagecodecs.jpeg8_encode(
        rgb, level=100, colorspace="RGB", outcolorspace="YCBCR", subsampling="444"
    )
    stored = decode_frame(colour_layout("YBR_FULL"), BASELINE, as_ybr)
    assert np.abs(to_rgb(stored, "YBR_FULL").astype(int) - rgb).max() <= 3
    # JFIF says YCbCr, the header says RGB: the result must be RGB all the same.
    stored = decode_frame(colour_layout("RGB"), BASELINE, as_ybr)
    assert np.abs(stored.astype(int) - rgb).max() <= 3


def test_colour_kept_as_rgb_stays_untouched(rgb: NDArray[np.uint8]) -> None:
    as_rgb = imagecodecs.jpeg8_encode(
        rgb, level=100, colorspace="RGB", outcolorspace="RGB", subsampling="444"
    )
    stored = decode_frame(colour_layout("RGB"), BASELINE, as_rgb)
    assert np.abs(stored.astype(int) - rgb).max() <= 2
    stored = decode_frame(colour_layout("YBR_FULL"), BASELINE, as_rgb)
    assert np.abs(to_rgb(stored, "YBR_FULL").astype(int) - rgb).max() <= 4


def test_jpeg2000_undoes_its_own_colour_transform(rgb: NDArray[np.uint8]) -> None:
    payload = imagecodecs.jpeg2k_encode(rgb, level=0, codecformat="j2k", reversible=True, mct=True)
    stored = decode_frame(colour_layout("YBR_RCT"), JPEG_2000, payload)
    np.testing.assert_array_equal(stored, rgb)
    np.testing.assert_array_equal(to_rgb(stored, "YBR_RCT"), rgb)


def test_codestreams_sign_bit_yields_to_pixel_representation() -> None:
    numbers = np.array([[0, 1, 0x1000, 0x1FFF]] * 2, np.uint16)  # 13 bits, no sign bit
    payload = imagecodecs.jpeg2k_encode(
        numbers, level=0, codecformat="j2k", reversible=True, bitspersample=13
    )
    signed = make_layout(bits_stored=13, high_bit=12, pixel_representation=1, encapsulated=True)
    assert decode_frame(signed, JPEG_2000, payload)[0].tolist() == [0, 1, -4096, -1]
    wider = replace(signed, bits_stored=16, high_bit=15)
    assert decode_frame(wider, JPEG_2000, payload)[0].tolist() == [0, 1, -4096, -1]


def test_lossy_high_throughput_values_are_clipped_not_wrapped() -> None:
    edges = (np.random.default_rng(1).integers(0, 2, (64, 64)) * 255).astype(np.uint8)
    payload = bytes(imagecodecs.htj2k_encode(edges, level=0.1, reversible=False))
    layout = make_layout(
        rows=64, columns=64, bits_allocated=8, bits_stored=8, high_bit=7, encapsulated=True
    )
    for syntax in (HTJ2K, "1.2.840.10008.1.2.4.203"):
        stored = decode_frame(layout, syntax, payload)
        assert np.abs(stored.astype(int) - edges).max() < 64


def test_frames_deflated_one_by_one() -> None:
    pixels = np.arange(8, dtype="<u2").reshape(2, 4)
    deflater = zlib.compressobj(wbits=-15)
    payload = deflater.compress(pixels.tobytes()) + deflater.flush()
    layout = make_layout(encapsulated=True)
    np.testing.assert_array_equal(decode_frame(layout, DEFLATED_FRAMES, payload), pixels)
    with pytest.raises(DecodeError, match="deflate"):
        decode_frame(layout, DEFLATED_FRAMES, b"\xff" * 20)


# --- hostile --------------------------------------------------------------------------------


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


def test_transfer_syntaxes_without_decoder() -> None:
    mpeg4 = "1.2.840.10008.1.2.4.102"
    assert not can_decode(mpeg4)
    assert all(map(can_decode, [IMPLICIT, EXPLICIT, DEFLATED, BIG_ENDIAN, *CODECS]))
    with pytest.raises(UnsupportedTransferSyntax) as raised:
        decode_frame(make_layout(encapsulated=True), mpeg4, b"")
    assert raised.value.transfer_syntax_uid == mpeg4


# --- colours --------------------------------------------------------------------------------


def test_colours_convert_as_the_standard_says(rgb: NDArray[np.uint8]) -> None:
    pixels = rgb.reshape(-1, 3).astype(float)
    # PS3.3 C.7.6.3.1.2, written out.
    y = pixels @ [0.2990, 0.5870, 0.1140]
    cb = pixels @ [-0.1687, -0.3313, 0.5000] + 128
    cr = pixels @ [0.5000, -0.4187, -0.0813] + 128
    ybr = np.clip(np.rint(np.stack([y, cb, cr], axis=1)), 0, 255).astype(np.uint8)
    assert np.abs(from_rgb(rgb).reshape(-1, 3).astype(int) - ybr).max() <= 1
    back = to_rgb(ybr, "YBR_FULL").astype(int)
    assert np.abs(back - pixels).max() <= 2
    np.testing.assert_array_equal(to_rgb(rgb.astype(np.uint16) << 8, "RGB"), rgb)
    with pytest.raises(DecodeError, match="PALETTE COLOR"):
        to_rgb(rgb, "PALETTE COLOR")
    with pytest.raises(DecodeError, match="colour samples"):
        to_rgb(rgb[..., 0], "RGB")


# --- real files -----------------------------------------------------------------------------


@pytest.mark.real_data
@pytest.mark.filterwarnings("ignore::UserWarning:pydicom")
def test_every_real_compressed_file_decodes_to_the_expected_pixels(real_data: Path) -> None:
    lines = (real_data / "expected_files.tsv").read_text().splitlines()
    keys = lines[0].split("\t")
    checked = 0
    for line in lines[1:]:
        row = dict(zip(keys, line.split("\t"), strict=True))
        path = real_data / row["path"]
        if row["pydicom_pixels"] != "ok" or path.stat().st_size > 8_000_000:
            continue
        dataset = pydicom.dcmread(path, force=True)
        syntax = str(dataset.file_meta.get("TransferSyntaxUID", IMPLICIT))
        if syntax not in CODECS:
            continue
        _check_real(dataset, syntax, row)
        checked += 1
    assert checked > 150


def _check_real(dataset: Dataset, syntax: str, row: dict[str, str]) -> None:
    layout = layout_of(dataset)
    payloads = generate_frames(dataset.PixelData, number_of_frames=layout.frames)
    frames = [decode_frame(layout, syntax, payload) for payload in payloads]
    stored = np.stack(frames) if layout.frames > 1 else frames[0]
    photometric = layout.photometric_interpretation
    if photometric in ("YBR_FULL", "YBR_FULL_422"):
        stored = to_rgb(stored, photometric)
    assert "x".join(map(str, stored.shape)) == row["shape"], row["path"]
    assert str(stored.dtype) == row["dtype"], row["path"]
    if syntax in INEXACT:
        assert abs(float(stored.mean()) - float(row["mean"])) < 0.05, row["path"]
        assert abs(float(stored.max()) - float(row["max"])) <= 2, row["path"]
    else:
        assert hashlib.sha256(stored.tobytes()).hexdigest()[:16] == row["pixel_sha16"], row["path"]


@pytest.mark.real_data
@pytest.mark.filterwarnings("ignore::UserWarning:pydicom")
def test_real_files_that_pydicom_cannot_decode(real_data: Path) -> None:
    folder = real_data / "real" / "pydicom_data"
    for packed, original in (("liver", "liver_expb"), ("liver_nonbyte_aligned",) * 2):
        native = pydicom.dcmread(folder / f"{original}.dcm").pixel_array
        for encoding in ("rle", "deflate", "j2k"):
            dataset = pydicom.dcmread(folder / f"{packed}_{encoding}.dcm")
            layout = layout_of(dataset)
            syntax = str(dataset.file_meta.TransferSyntaxUID)
            payloads = generate_frames(dataset.PixelData, number_of_frames=layout.frames)
            frames = [decode_frame(layout, syntax, payload) for payload in payloads]
            np.testing.assert_array_equal(np.stack(frames), native, err_msg=encoding)


@pytest.mark.real_data
@pytest.mark.filterwarnings("ignore::UserWarning:pydicom")
def test_real_native_files_decode_as_pydicom_does(real_data: Path) -> None:
    names = """real/pydicom_data/SC_ybr_full_uncompressed.dcm
        real/pydicom_test_files/SC_ybr_full_422_uncompressed.dcm
        real/pydicom_data/color-pl.dcm real/pydicom_data/emri_small_big_endian.dcm
        real/pydicom_data/SC_rgb_expb_32bit.dcm real/pydicom_data/mlut_18.dcm
        real/pydicom_data/parametric_map_float.dcm
        real/pydicom_data/parametric_map_double_float.dcm
        real/pydicom_test_files/rtdose_1frame.dcm real/pydicom_test_files/liver_1frame.dcm"""
    for name in names.split():
        dataset = pydicom.dcmread(real_data / name)
        layout = layout_of(dataset)
        stored = decode_frame(
            layout, str(dataset.file_meta.TransferSyntaxUID), dataset[layout.keyword].value
        )
        expected = pydicom.pixels.pixel_array(dataset, raw=True, index=0)
        np.testing.assert_array_equal(stored, expected, err_msg=name)


@pytest.mark.real_data
def test_every_real_file_reads_from_disk_to_the_expected_pixels(real_data: Path) -> None:
    lines = (real_data / "expected_files.tsv").read_text().splitlines()
    keys = lines[0].split("\t")
    checked = 0
    for line in lines[1:]:
        row = dict(zip(keys, line.split("\t"), strict=True))
        path = real_data / row["path"]
        if row["pydicom_pixels"] != "ok" or path.stat().st_size > 8_000_000:
            continue
        try:
            header = read_header(path)
        except InvalidDicom:  # no UIDs: not to be archived, and checked above by pydicom
            continue
        layout, syntax = header.pixels, header.transfer_syntax_uid
        assert layout is not None, row["path"]
        if syntax in INEXACT:
            continue
        frames = [read_frame(path, layout, syntax, number) for number in range(layout.frames)]
        stored = np.stack(frames) if layout.frames > 1 else frames[0]
        if layout.photometric_interpretation in ("YBR_FULL", "YBR_FULL_422"):
            stored = to_rgb(stored, layout.photometric_interpretation)
        digest = hashlib.sha256(stored.tobytes()).hexdigest()[:16]
        assert digest == row["pixel_sha16"], row["path"]
        checked += 1
    assert checked > 1000


def test_frames_of_a_deflated_file_are_read(tmp_path: Path) -> None:
    dataset = ct_series(planes=2, transfer_syntax_uid=DEFLATED)[1]
    path = write_series([dataset], tmp_path)[0]
    inflated = zlib.decompressobj(-15).decompress(_after_file_meta(path))
    payload = dataset.PixelData
    offset = inflated.index(payload)
    layout = replace(layout_of(dataset), deflated=True, offset=offset, length=len(payload))
    np.testing.assert_array_equal(
        read_frame(path, layout, DEFLATED, 0), formula_stored(2, 64, 64)[1]
    )
    with pytest.raises(DecodeError, match="deflated data set ends"):
        read_frame(path, replace(layout, offset=offset + 2), DEFLATED, 0)


def _after_file_meta(path: Path) -> bytes:
    with path.open("rb") as file:
        pydicom.filereader.read_preamble(file, force=False)
        pydicom.filereader._read_file_meta_info(file)
        return file.read()
