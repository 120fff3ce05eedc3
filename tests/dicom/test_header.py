"""Headers say what pydicom says, and refuse by name what is none."""

from __future__ import annotations

import csv
import io
import os
import struct
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from noctis_lab.dicom.dictionary import element_name
from noctis_lab.dicom.header import read_header
from noctis_lab.errors import (
    DicomTooLarge,
    InvalidDicom,
    NestingTooDeep,
    NoctisError,
    TruncatedDicom,
)
from tests.dicom.handmade import (
    BIG_ENDIAN,
    DEFLATED,
    EXPLICIT,
    IMPLICIT,
    NATIVE,
    UIDS,
    explicit,
    part10,
)

Make = Callable[..., Dataset]
Put = Callable[..., Path]
Encode = Callable[..., bytes]


# What pydicom makes of a data set, flattened the way `Element` says.


def flatten(ds: Dataset, prefix: str = "") -> Iterator[tuple[str, str, str | None]]:
    for element in ds:
        path = prefix + element_name(int(element.tag))
        if element.VR == "SQ" and len(element.value):
            for index, item in enumerate(element.value):
                yield from flatten(item, f"{path}[{index}].")
        else:
            yield path, str(element.VR), to_text(element)


def to_text(element: Any) -> str | None:
    if element.VR in ("OB", "OW", "OF", "OD", "OL", "OV", "UN", "SQ") or element.is_empty:
        return None
    values = element.value if element.VM > 1 else [element.value]
    if element.VR == "AT":
        return "\\".join(f"{int(v) >> 16:04X},{int(v) & 0xFFFF:04X}" for v in values)
    if element.VR == "FL":
        return "\\".join(str(np.float32(v)) for v in values)
    if element.VR in ("DS", "IS"):
        values = [getattr(v, "original_string", v) for v in values]
    return "\\".join(str(v).strip(" \0") for v in values) or None


TEXT = st.text("ABC xyz019._-", min_size=1, max_size=14).map(str.strip).filter(bool)
LATIN = st.text("Aß éÜ^", min_size=1, max_size=14).map(str.strip).filter(bool)
LEAVES: dict[str, st.SearchStrategy[Any]] = {
    "AcquisitionNumber": st.integers(-(2**31), 2**31 - 1),
    "KVP": st.integers(-9999, 9999).map(lambda v: f"{v / 7:.6f}"[:16]),
    "ImageComments": TEXT,
    "ImageType": st.lists(st.text("ABCXYZ019_", min_size=1, max_size=16), min_size=1, max_size=4),
    "PatientName": LATIN,
    "SeriesDescription": LATIN,
    "ContentDate": st.dates().map(lambda day: day.strftime("%Y%m%d").zfill(8)),
    "FrameIncrementPointer": st.integers(0, 2**32 - 1),
    "TagAngleFirstAxis": st.floats(allow_nan=False, allow_infinity=False),
    "DiffusionGradientOrientation": st.lists(
        st.floats(allow_nan=False, allow_infinity=False), min_size=3, max_size=3
    ),
    "SimpleFrameList": st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=5),
    "ReferencePixelX0": st.integers(-(2**31), 2**31 - 1),
    "RecommendedDisplayFrameRateInFloat": st.floats(
        width=32, allow_nan=False, allow_infinity=False
    ),
    "TIDOffset": st.integers(-(2**15), 2**15 - 1),
    "SmallestImagePixelValue": st.integers(0, 2**15 - 1),
    "ICCProfile": st.binary(min_size=2, max_size=8).filter(lambda b: len(b) % 2 == 0),
}


@st.composite
def datasets(draw: st.DrawFn, depth: int = 2) -> Dataset:
    ds = Dataset()
    known = [keyword for keyword in LEAVES if pydicom.datadict.tag_for_keyword(keyword)]
    for keyword in draw(st.lists(st.sampled_from(known), unique=True, max_size=6)):
        setattr(ds, keyword, draw(LEAVES[keyword]))
    if draw(st.booleans()):
        block = ds.private_block(0x0019, "NOCTIS TEST", create=True)
        block.add_new(0x08, "LO", draw(TEXT))
        block.add_new(0x09, "FD", draw(st.floats(allow_nan=False, allow_infinity=False)))
    if depth:
        for keyword in draw(
            st.lists(
                st.sampled_from(["ReferencedImageSequence", "SourceImageSequence"]),
                unique=True,
                max_size=2,
            )
        ):
            items = draw(st.lists(datasets(depth=depth - 1), max_size=2))
            setattr(ds, keyword, Sequence(items))
            ds[keyword].is_undefined_length = draw(st.booleans())
            for item in items:
                item.is_undefined_length_sequence_item = draw(st.booleans())
    return ds


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(ds=datasets(), syntax=st.sampled_from(NATIVE))
def test_elements_are_those_pydicom_reads(
    ds: Dataset, syntax: str, make_dataset: Make, put: Put
) -> None:
    ds.SpecificCharacterSet = "ISO_IR 100"
    ds.update(make_dataset())
    path = put(ds, syntax=syntax)
    found = [(e.path, e.VR, e.value) for e in read_header(path).elements]

    assert found == list(flatten(pydicom.dcmread(path)))


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT])
def test_ambiguous_elements_follow_pixel_representation_wherever_they_lie(
    syntax: str, make_dataset: Make, put: Put
) -> None:
    item = Dataset()
    item.add_new(0x00280106, "SS", -5)
    ds = make_dataset(PixelRepresentation=1, ReferencedImageSequence=[item])
    ds.add_new(0x00280106, "SS", -7)

    header = read_header(put(ds, syntax=syntax))

    assert header.number("SmallestImagePixelValue") == -7
    assert header.number("ReferencedImageSequence[0].SmallestImagePixelValue") == -5


# Pixels


@pytest.mark.parametrize("syntax", NATIVE)
def test_pixel_payload_is_located_exactly(syntax: str, make_dataset: Make, put: Put) -> None:
    ds = make_dataset()
    ds.DataSetTrailingPadding = b"\0" * 10
    path = put(ds, syntax=syntax)

    header = read_header(path)

    layout = header.pixels
    assert layout is not None
    stored = path.read_bytes()
    if syntax == DEFLATED:
        stored = zlib.decompress(stored[header.data_set_offset :], -zlib.MAX_WBITS)
    assert stored[layout.offset : layout.offset + layout.length] == ds.PixelData
    assert (layout.rows, layout.columns, layout.frames) == (4, 3, 1)
    assert (layout.bits_allocated, layout.bits_stored, layout.high_bit) == (16, 12, 11)
    assert layout.big_endian == (syntax == BIG_ENDIAN)
    assert layout.deflated == (syntax == DEFLATED)
    assert header.data_set_length == path.stat().st_size - header.data_set_offset


def test_pixels_are_not_read(put: Put) -> None:
    content = part10(
        UIDS
        + explicit(0x00280002, b"US", b"\1\0")
        + explicit(0x00280010, b"US", struct.pack("<H", 32768))
        + explicit(0x00280011, b"US", struct.pack("<H", 32768))
        + explicit(0x00280100, b"US", b"\x10\0")
        + struct.pack("<HH2sHL", 0x7FE0, 0x10, b"OW", 0, 2 * 32768 * 32768)
    )
    path = put(content)
    os.truncate(path, len(content) + 2 * 32768 * 32768)  # 2 GiB of hole

    tracemalloc.start()
    header = read_header(path)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert header.pixels is not None
    assert header.pixels.offset == len(content)
    assert peak_bytes < 4 * 1024 * 1024


@pytest.mark.parametrize(
    "changes",
    [
        {"PixelData": bytes(12)},
        {"PixelData": b""},
        {"Rows": 65535},
        {"NumberOfFrames": 2},
        {"SamplesPerPixel": 3},
        {"BitsAllocated": 32},
    ],
)
def test_fewer_pixels_than_stated_are_refused(
    changes: dict[str, Any], make_dataset: Make, put: Put
) -> None:
    with pytest.raises(TruncatedDicom, match="attributes need"):
        read_header(put(make_dataset(**changes)))


def test_half_of_the_pixel_data_is_refused(make_dataset: Make, put: Put, encode: Encode) -> None:
    with pytest.raises(TruncatedDicom, match=r"states 24 bytes, 12 are there"):
        read_header(put(encode(make_dataset())[:-12]))


def test_subsampled_colour_needs_two_samples_per_pixel(make_dataset: Make, put: Put) -> None:
    ds = make_dataset(
        SamplesPerPixel=3, PhotometricInterpretation="YBR_FULL_422", PlanarConfiguration=0
    )
    ds.Columns, ds.BitsAllocated, ds.BitsStored, ds.HighBit = 4, 8, 8, 7
    ds.PixelData = bytes(4 * 4 * 2)

    assert read_header(put(ds)).pixels is not None


@pytest.mark.parametrize(("columns", "pad"), [(4, 0), (3, 1)])
def test_subsampled_colour_of_full_length_is_not_subsampled(
    make_dataset: Make, put: Put, columns: int, pad: int
) -> None:
    ds = make_dataset(
        SamplesPerPixel=3, PhotometricInterpretation="YBR_FULL_422", PlanarConfiguration=0
    )
    ds.Rows, ds.Columns, ds.BitsAllocated, ds.BitsStored, ds.HighBit = 3, columns, 8, 8, 7
    ds.PixelData = bytes(3 * columns * 3 + pad)

    layout = read_header(put(ds)).pixels

    assert layout is not None
    assert layout.photometric_interpretation == "YBR_FULL"


def test_bits_are_packed_across_frames(make_dataset: Make, put: Put) -> None:
    ds = make_dataset(BitsAllocated=1, BitsStored=1, HighBit=0, NumberOfFrames=3)
    ds.PixelData = bytes(6)  # 36 bits in 5 bytes and a pad

    assert read_header(put(ds)).pixels is not None


def test_big_endian_words_of_bytes_are_marked(make_dataset: Make, put: Put) -> None:
    ds = make_dataset(BitsAllocated=8, BitsStored=8, HighBit=7)
    ds.PixelData = bytes(12)

    layout = read_header(put(ds, syntax=BIG_ENDIAN)).pixels

    assert layout is not None
    assert layout.word_swapped


def _items(**values: Any) -> Sequence:
    item = Dataset()
    for keyword, value in values.items():
        setattr(item, keyword, value)
    return Sequence([item])


@pytest.mark.parametrize(
    ("attributes", "is_unread"),
    [
        ({}, False),
        ({"RescaleSlope": 2, "RescaleIntercept": 3}, False),
        ({"RescaleSlope": None, "RescaleIntercept": None}, False),
        ({"ModalityLUTSequence": Sequence()}, False),
        ({"RescaleSlope": 2, "RescaleIntercept": None}, True),
        ({"RescaleSlope": [2, 3], "RescaleIntercept": 3}, True),
        ({"RescaleSlope": 2, "RescaleIntercept": [3, 4]}, True),
        ({"RescaleIntercept": 3}, True),
        ({"ModalityLUTSequence": _items(LUTData=b"\0\0")}, True),
        (
            {
                "RescaleSlope": 2,
                "RescaleIntercept": 3,
                "ModalityLUTSequence": _items(LUTData=b"\0\0"),
            },
            True,
        ),
        (
            {
                "SharedFunctionalGroupsSequence": _items(
                    PixelValueTransformationSequence=_items(RescaleSlope=2)
                )
            },
            True,
        ),
        (
            {
                "PerFrameFunctionalGroupsSequence": _items(
                    PixelValueTransformationSequence=_items(RescaleSlope=2, RescaleIntercept=3)
                )
            },
            True,
        ),
    ],
)
def test_a_modality_lut_that_is_not_given_is_told(
    attributes: dict[str, Any], is_unread: bool, make_dataset: Make, put: Put
) -> None:
    ds = make_dataset(**attributes)
    for item in ds.get("ModalityLUTSequence", ()):
        item["LUTData"].VR = "OW"
    assert read_header(put(ds)).has_unread_modality_lut() is is_unread


@pytest.mark.parametrize(
    ("kinds", "is_mosaic"),
    [
        (["ORIGINAL", "PRIMARY", "M", "ND", "MOSAIC"], True),
        (["ORIGINAL", "PRIMARY", "AXIAL"], False),
        (None, False),
    ],
)
def test_a_mosaic_is_told_by_its_image_type(
    kinds: list[str] | None, is_mosaic: bool, make_dataset: Make, put: Put
) -> None:
    ds = make_dataset() if kinds is None else make_dataset(ImageType=kinds)
    assert read_header(put(ds)).is_mosaic() is is_mosaic


# Doors


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT, BIG_ENDIAN])
def test_bare_data_sets_are_read_by_guessing_their_encoding(
    syntax: str, make_dataset: Make, put: Put
) -> None:
    whole = put(make_dataset(), syntax=syntax)
    offset = read_header(whole).data_set_offset

    bare = read_header(put(whole.read_bytes()[offset:], "bare"))

    assert bare.transfer_syntax_uid == syntax
    assert bare.data_set_offset == 0
    assert bare.elements == read_header(whole).elements


def test_a_file_meta_group_without_preamble_is_read(make_dataset: Make, put: Put) -> None:
    whole = put(make_dataset(), syntax=IMPLICIT)

    header = read_header(put(whole.read_bytes()[132:], "no-preamble"))

    assert header.transfer_syntax_uid == IMPLICIT
    assert header.elements == read_header(whole).elements


@pytest.mark.parametrize(
    "content", [b"", b"short", b"# A read-me\n" * 40, b"\x89PNG\r\n\x1a\n" + bytes(200)]
)
def test_what_is_not_dicom_is_refused_by_name(content: bytes, put: Put) -> None:
    with pytest.raises(InvalidDicom, match="not DICOM"):
        read_header(put(content))


def test_media_directories_are_refused_by_name(put: Put) -> None:
    with pytest.raises(InvalidDicom, match="DICOMDIR"):
        read_header(put(part10(explicit(0x00041130, b"CS", b"STUDIES "))))


@pytest.mark.parametrize(
    "keyword", ["SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"]
)
@pytest.mark.parametrize("is_empty", [True, False])
def test_missing_uids_are_named(keyword: str, is_empty: bool, make_dataset: Make, put: Put) -> None:
    content = put(make_dataset()).read_bytes()
    ds = pydicom.dcmread(io.BytesIO(content))
    if is_empty:
        ds[keyword].value = ""
    else:
        del ds[keyword]
    stream = io.BytesIO()
    ds.save_as(stream)

    with pytest.raises(InvalidDicom, match=f"the data set has no {keyword}$"):
        read_header(put(stream.getvalue(), "without"))


@pytest.mark.parametrize("uid", ["../../../evil", "CON", "9" * 128, "a b", "1.2.3\u00e9"])
def test_hostile_uids_are_kept_verbatim(uid: str, put: Put) -> None:
    raw = uid.encode()
    content = part10(UIDS + explicit(0x0020000D, b"UI", raw + b"\0" * (len(raw) % 2)))

    assert read_header(put(content)).StudyInstanceUID == uid


def test_uids_beyond_1024_characters_are_refused(put: Put) -> None:
    with pytest.raises(DicomTooLarge, match="StudyInstanceUID"):
        read_header(put(part10(UIDS + explicit(0x0020000D, b"UI", b"1" * 1026))))


# Real files


@pytest.mark.real_data
def test_hostile_files_are_read_or_refused_by_name(real_data: Path) -> None:
    refused = {}
    for path in sorted((real_data / "synth").rglob("*.dcm")):
        try:
            read_header(path)
        except NoctisError as error:
            refused[path.relative_to(real_data / "synth").as_posix()] = error

    assert all(isinstance(error, InvalidDicom) for error in refused.values())
    assert isinstance(refused["hostile/sequence_depth_400.dcm"], NestingTooDeep)
    assert isinstance(refused["hostile/sequence_depth_3000.dcm"], NestingTooDeep)
    assert isinstance(refused["hostile/deflate_bomb_64MiB.dcm"], DicomTooLarge)
    assert isinstance(refused["hostile/pixeldata_len_4GB_lie.dcm"], TruncatedDicom)
    assert isinstance(refused["hostile/pixeldata_short_one_row.dcm"], TruncatedDicom)
    assert "hostile/sequence_depth_60.dcm" not in refused
    assert "hostile/uid_path_traversal.dcm" not in refused
    cut = {f"truncated/{path.name}" for path in (real_data / "synth/truncated").iterdir()}
    assert cut <= refused.keys()


#: Cut files, which pydicom reads as far as they go: element lengths reach beyond their ends.
CUT = {
    "real/dcm4che_testdata/3gb-bulk-data-truncated",
    "real/pydicom_data/emri_small_jpeg_2k_lossless_too_short.dcm",
    "real/pydicom_test_files/MR_truncated.dcm",
    "real/pydicom_test_files/rtplan_truncated.dcm",
}


@pytest.mark.real_data
def test_real_files_are_accepted_as_expected(real_data: Path) -> None:
    with (real_data / "expected_index.tsv").open(encoding="utf-8") as table:
        rows = list(csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE))
    wrong = []
    for row in rows:
        expected = None if row["outcome"] == "reject" else row["SOPInstanceUID"]
        try:
            found = read_header(real_data / row["path"]).SOPInstanceUID
        except InvalidDicom:
            found = None
        if found != (None if row["path"] in CUT else expected):
            wrong.append((row["path"], row["outcome"], found))

    assert wrong == []


@pytest.mark.real_data
def test_real_values_are_those_pydicom_reads(real_data: Path) -> None:
    for name in (
        "pydicom_test_files/CT_small.dcm",
        "pydicom_test_files/MR_small_bigendian.dcm",
        "pydicom_test_files/image_dfl.dcm",
        "pydicom_test_files/rtplan.dcm",
        "pydicom_test_files/test-SR.dcm",
        "ct_ctimage_16_syntaxes/CTImage.dcm",
    ):
        path = real_data / "real" / name
        found = [(e.path, e.VR, e.value) for e in read_header(path).elements]
        assert found == list(flatten(pydicom.dcmread(path))), name
