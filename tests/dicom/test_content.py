"""Sameness is content: what senders re-encode is the same, what a person changed is not."""

from __future__ import annotations

import csv
import itertools
import struct
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import RLELossless

from noctis_lab.dicom.content import content_difference, differing_elements
from noctis_lab.dicom.header import read_header
from noctis_lab.errors import InvalidDicom
from noctis_lab.synthetic import ct_series

IMPLICIT, EXPLICIT = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"
BIG_ENDIAN, DEFLATED = "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99"
VIDEO = "1.2.840.10008.1.2.4.102.1"  # MPEG-4 AVC/H.264, fragmentable
NATIVE = [IMPLICIT, EXPLICIT, BIG_ENDIAN, DEFLATED]

Make = Callable[..., Dataset]
Put = Callable[..., Path]
Encode = Callable[..., bytes]


@pytest.fixture
def rich(make_dataset: Make) -> Callable[..., Dataset]:
    """Return a function: a data set with every kind of element that is encoded in its own way."""

    def make(**changes: Any) -> Dataset:
        inner = Dataset()
        inner.ReferencedSOPInstanceUID = "1.2.9"
        inner.add_new(0x00280106, "US", 3)
        item = Dataset()
        item.ReferencedSOPClassUID = "1.2.8"
        item.PurposeOfReferenceCodeSequence = [inner, Dataset()]
        ds = make_dataset(
            SpecificCharacterSet="ISO_IR 100",
            PatientName="Müller^J",
            ImageType=["ORIGINAL", "PRIMARY"],
            PixelSpacing=["0.5", "0.25"],
            FrameIncrementPointer=0x00181063,
            ReferencedImageSequence=[item],
            SourceImageSequence=[],
            RedPaletteColorLookupTableDescriptor=[4, 0, 16],
            DiffusionBValue=1.5,
            **changes,
        )
        ds.add_new(0x00281201, "OW", struct.pack("<4H", 1, 2, 3, 4))
        block = ds.private_block(0x0019, "NOCTIS TEST", create=True)
        block.add_new(0x08, "FL", 0.25)
        block.add_new(0x09, "OB", bytes(range(70)) * 1000)
        ds["ReferencedImageSequence"].is_undefined_length = changes.get("Rows") is None
        return ds

    return make


# pydicom does not swap OW apart from pixel data, so big endian is encoded by DCMTK below.


@pytest.mark.parametrize(
    ("a", "b"), list(itertools.combinations([IMPLICIT, EXPLICIT, DEFLATED], 2))
)
def test_native_encodings_of_one_instance_are_the_same(
    a: str, b: str, rich: Make, put: Put
) -> None:
    assert content_difference(put(rich(), "a", a), put(rich(), "b", b)) is None


@pytest.mark.parametrize(
    "options",
    [
        ["+te"],
        ["+ti"],
        ["+tb"],
        ["+td"],
        ["+te", "+e", "-g"],
        ["+ti", "-e", "+g"],
        ["+te", "+p", "512", "64"],
        ["+te", "--enable-new-vr"],
    ],
    ids=" ".join,
)
def test_what_dcmtk_re_encodes_is_the_same(
    options: list[str], rich: Make, put: Put, require_program: Callable[[str], str]
) -> None:
    path = put(rich())
    converted = path.with_name("converted")
    subprocess.run([require_program("dcmconv"), *options, path, converted], check=True)

    assert content_difference(path, converted) is None
    assert content_difference(converted, path) is None


@pytest.mark.parametrize(
    "command", [["dcmcrle"], ["dcmcjpeg", "+e1"], ["dcmcjpls", "+el"]], ids=str
)
def test_what_dcmtk_compresses_without_loss_is_the_same(
    command: list[str], put: Put, require_program: Callable[[str], str]
) -> None:
    path = put(ct_series()[0])
    compressed = path.with_name("compressed")
    program, *options = command
    subprocess.run([require_program(program), *options, "+un", path, compressed], check=True)
    ds = pydicom.dcmread(compressed)
    assert ds.file_meta.TransferSyntaxUID.is_encapsulated
    if "DerivationDescription" in ds:  # what dcmcjpeg adds is content
        assert content_difference(path, compressed) == "elements differ: DerivationDescription"
        del ds.DerivationDescription
        ds.save_as(compressed)

    assert content_difference(path, compressed) is None


def test_run_length_encoded_pixels_are_compared_decoded(make_dataset: Make, put: Put) -> None:
    path = put(make_dataset())
    encoded, other = pydicom.dcmread(path), pydicom.dcmread(path)
    encoded.compress(RLELossless, generate_instance_uid=False)
    other.PixelData = bytes([1]) + other.PixelData[1:]
    other.compress(RLELossless, generate_instance_uid=False)

    assert content_difference(path, put(encoded, "rle", RLELossless)) is None
    assert content_difference(path, put(other, "other", RLELossless)) == "pixels differ"


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"PatientName": "Muller^J"}, "PatientName"),
        ({"PatientID": "1"}, "PatientID"),
        ({"PixelSpacing": ["0.5", "0.250"]}, "PixelSpacing"),
        ({"ImageType": ["PRIMARY", "ORIGINAL"]}, "ImageType"),
        ({"DiffusionBValue": 1.25}, "DiffusionBValue"),
        ({"ReferencedImageSequence": []}, "ReferencedImageSequence"),
        ({"SourceImageSequence": [Dataset()]}, "SourceImageSequence"),
        ({"PhotometricInterpretation": "MONOCHROME1"}, "PhotometricInterpretation"),
    ],
)
@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT])
def test_a_changed_element_is_other_content(
    change: dict[str, Any], named: str, syntax: str, rich: Make, put: Put
) -> None:
    changed = rich()
    for keyword, value in change.items():
        setattr(changed, keyword, value)

    difference = content_difference(put(rich(), "a"), put(changed, "b", syntax))

    assert difference is not None
    assert difference.startswith("elements differ: ")
    assert named in difference
    assert "Muller" not in difference


def test_pixels_are_told_beside_elements(make_dataset: Make, put: Put) -> None:
    changed = make_dataset(PatientID="1")
    changed.PixelData = bytes(len(changed.PixelData))
    path, other = put(make_dataset(), "a"), put(changed, "b")

    assert content_difference(path, other) == "elements differ: PatientID; pixels differ"
    assert differing_elements(path, other) == ["PixelData", "PatientID"]


def test_a_nested_change_is_named_by_its_path(rich: Make, put: Put) -> None:
    changed = rich()
    changed.ReferencedImageSequence[0].PurposeOfReferenceCodeSequence[
        0
    ].ReferencedSOPInstanceUID = "1.2.10"

    assert content_difference(put(rich(), "a"), put(changed, "b")) == (
        "elements differ: ReferencedImageSequence[0].PurposeOfReferenceCodeSequence[0]"
        ".ReferencedSOPInstanceUID"
    )


def test_an_empty_item_more_is_other_content(rich: Make, put: Put) -> None:
    changed = rich()
    changed.ReferencedImageSequence[0].PurposeOfReferenceCodeSequence.append(Dataset())

    assert content_difference(put(rich(), "a"), put(changed, "b")) == (
        "elements differ: ReferencedImageSequence[0].PurposeOfReferenceCodeSequence"
    )


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT, DEFLATED])
@pytest.mark.parametrize("at", [0, 65_536, 69_999])
def test_long_values_are_compared_to_their_end(at: int, syntax: str, rich: Make, put: Put) -> None:
    changed = rich()
    value = bytearray(changed[0x00191009].value)
    value[at] ^= 1
    changed[0x00191009].value = bytes(value)

    assert content_difference(put(rich(), "a"), put(changed, "b", syntax)) == (
        "elements differ: 0019,1009"
    )


@pytest.mark.parametrize("syntax", NATIVE)
@pytest.mark.parametrize("at", [0, 23])
def test_one_pixel_makes_other_content(at: int, syntax: str, make_dataset: Make, put: Put) -> None:
    changed = make_dataset()
    pixels = bytearray(changed.PixelData)
    pixels[at] ^= 1
    changed.PixelData = bytes(pixels)

    assert content_difference(put(make_dataset(), "a"), put(changed, "b", syntax)) == (
        "pixels differ"
    )


def test_padding_after_pixels_is_not_content_but_bytes_are(make_dataset: Make, put: Put) -> None:
    ds = make_dataset()
    path = put(ds, "a")
    padded = put(make_dataset(PixelData=ds.PixelData + bytes(8)), "b")
    longer = put(make_dataset(PixelData=ds.PixelData + b"\0\1"), "c")

    assert content_difference(path, padded) is None
    assert content_difference(path, longer) == "pixels differ"


def test_zeros_after_a_long_value_are_content(rich: Make, put: Put) -> None:
    longer = rich()
    longer[0x00191009].value += bytes(50_000)

    assert content_difference(put(rich(), "a"), put(longer, "b")) == ("elements differ: 0019,1009")


def test_pixels_on_one_side_only_are_other_content(make_dataset: Make, put: Put) -> None:
    without = make_dataset()
    del without.PixelData

    assert content_difference(put(make_dataset(), "a"), put(without, "b")) == (
        "one has pixels, the other has none"
    )


def test_elements_of_unknown_vr_equal_those_of_a_known_one(
    put: Put, encode: Encode, rich: Make
) -> None:
    known = encode(rich())
    element = struct.pack("<HH2sH", 0x0019, 0x1008, b"FL", 4)
    assert known.count(element) == 1
    unknown = known.replace(element, struct.pack("<HH2sHL", 0x0019, 0x1008, b"UN", 0, 4))

    assert content_difference(put(known, "a"), put(unknown, "b")) is None


def test_private_sequences_are_recognised_where_no_vr_is_written(
    put: Put, make_dataset: Make
) -> None:
    def with_sequence() -> Dataset:
        item = Dataset()
        item.CodeValue = "1"
        ds = make_dataset()
        ds.private_block(0x0019, "NOCTIS TEST", create=True).add_new(0x08, "SQ", [item, item])
        return ds

    assert (
        content_difference(put(with_sequence(), "a"), put(with_sequence(), "b", IMPLICIT)) is None
    )


# What cannot be decoded


@pytest.fixture
def encoded_pair(make_dataset: Make, put: Put) -> tuple[Path, Path]:
    path = put(make_dataset(), "a")
    encoded = pydicom.dcmread(path)
    encoded.compress(RLELossless, generate_instance_uid=False)
    return path, put(encoded, "rle", RLELossless)


def test_a_video_is_compared_as_a_stream(make_dataset: Make, put: Put) -> None:
    stream = bytes(range(256)) * 3

    def video(fragments: list[bytes]) -> Dataset:
        ds = make_dataset(NumberOfFrames=30)
        ds.PixelData = encapsulate(fragments, has_bot=False)
        ds["PixelData"].VR = "OB"
        ds["PixelData"].is_undefined_length = True
        return ds

    whole = put(video([stream]), "a", VIDEO)
    assert read_header(whole).pixels is not None  # 30 frames in one fragment are no contradiction
    assert content_difference(whole, put(video([stream[:100], stream[100:]]), "b", VIDEO)) is None
    other = put(video([stream[:-2] + b"no"]), "c", VIDEO)
    assert content_difference(whole, other) == "compressed pixels differ"


def test_a_decoder_that_takes_too_long_counts_as_other_content(
    encoded_pair: tuple[Path, Path],
) -> None:
    difference = content_difference(*encoded_pair, timeout_s=0.01)

    assert difference == "pixels were not decoded within 0.01 s"


def test_who_gets_no_slot_to_decode_in_time_counts_as_other_content(
    encoded_pair: tuple[Path, Path],
) -> None:
    slots = threading.Semaphore(1)

    assert content_difference(*encoded_pair, slots=slots) is None
    with slots:
        difference = content_difference(*encoded_pair, slots=slots, timeout_s=0.01)

    assert difference == "pixels were not decoded within 0.01 s"


def test_a_decoder_that_asks_for_too_much_counts_as_other_content(
    make_dataset: Make, put: Put
) -> None:
    path = put(make_dataset(Rows=4096, Columns=4096, PixelData=bytes(2 * 4096 * 4096)), "a")
    encoded = pydicom.dcmread(path)
    encoded.compress(RLELossless, generate_instance_uid=False)
    other = put(encoded, "rle", RLELossless)

    difference = content_difference(path, other, memory_bytes=64 * 1024 * 1024)

    assert difference == "pixels could not be decoded to compare them"
    assert content_difference(path, other) is None


@pytest.mark.parametrize(
    "syntax", ["1.2.840.10008.1.2.4.70", "1.2.3.4.5", "1.2.840.10008.1.2.4.90"]
)
def test_undecodable_pixels_count_as_other_content(
    syntax: str, encoded_pair: tuple[Path, Path], encode: Encode, put: Put, make_dataset: Make
) -> None:
    whole = encoded_pair[1].read_bytes()
    old = b"UI\x14\x001.2.840.10008.1.2.5\0"
    assert whole.count(old) == 1
    uid = syntax.encode() + b"\0" * (len(syntax) % 2)
    other = put(whole.replace(old, struct.pack("<2sH", b"UI", len(uid)) + uid), "other")

    difference = content_difference(encoded_pair[0], other)

    assert difference == "pixels could not be decoded to compare them"


def test_broken_files_are_not_compared(make_dataset: Make, put: Put) -> None:
    path = put(make_dataset(), "a")
    with pytest.raises(InvalidDicom):
        content_difference(path, put(path.read_bytes()[:-4], "b"))


# Real files


#: Cut files, refused here and read by pydicom as far as they go.
CUT = {
    "real/dcm4che_testdata/3gb-bulk-data-truncated",
    "real/pydicom_data/emri_small_jpeg_2k_lossless_too_short.dcm",
    "real/pydicom_test_files/MR_truncated.dcm",
    "real/pydicom_test_files/rtplan_truncated.dcm",
}
#: Re-encoded in big endian: UN keeps its bytes and OW is swapped (PS3.5 6.2, 7.3), while pydicom
#: swaps the one and not the other.
SAME_BY_THE_STANDARD = {
    "real/ct_ctimage_16_syntaxes/CTImage.dcm_BigEndianExplicitTransferSyntax_1.2.840.10008.1.2.2.dcm",
    "real/pydicom_data/OBXXXX1A_expb.dcm",
    "real/pydicom_data/gdcm-US-ALOKA-16_big.dcm",
}


def judge(path: Path, first: dict[str, Path]) -> str:
    try:
        uid = read_header(path).SOPInstanceUID
    except InvalidDicom:
        return "reject"
    if uid not in first:
        first[uid] = path
        return "first"
    return "same" if content_difference(first[uid], path) is None else "conflict"


@pytest.mark.real_data
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_real_files_are_judged_as_expected(real_data: Path) -> None:
    with (real_data / "expected_index.tsv").open(encoding="utf-8") as table:
        rows = sorted(
            csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE),
            key=lambda row: row["path"],
        )
    first: dict[str, Path] = {}
    wrong = []
    for row in rows:
        outcome = judge(real_data / row["path"], first)
        expected = row["outcome"]
        if row["path"] in CUT:
            expected = "reject"
        elif row["path"] in SAME_BY_THE_STANDARD:
            expected = "same"
        if outcome != expected:
            wrong.append((row["path"], expected, outcome))

    assert wrong == []
