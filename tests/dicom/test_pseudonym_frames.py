"""Compressed frames of what is pseudonymised: no text in them, and the same samples."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from pydicom.encaps import encapsulate, encapsulate_extended, generate_frames
from pydicom.uid import UID

from noctis_lab.dicom.codecs import decode_frame
from noctis_lab.dicom.pseudonym import pseudonymise, silenced_pydicom
from noctis_lab.errors import CannotPseudonymise, DecodeError
from tests.dicom.pixels import layout_of
from tests.dicom.test_pseudonym import PSEUDONYMS, cleaned, plane, written

TEXT = b"NACHTIGALL^PHILOMELA"
BASELINE, LOSSLESS, JPEG_LS = (f"1.2.840.10008.1.2.4.{number}" for number in (50, 70, 80))
J2K, JPEG_XL, RLE = "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.110", "1.2.840.10008.1.2.5"
DEFLATED, UNCOMPRESSED = "1.2.840.10008.1.2.8.1", "1.2.840.10008.1.2.1.98"
IMAGES = np.random.default_rng(7).integers(0, 256, (3, 16, 16)).astype(np.uint8)


def segment(marker: int, content: bytes) -> bytes:
    return bytes([0xFF, marker]) + (len(content) + 2).to_bytes(2) + content


def jpeg(image: NDArray[Any], *inserted: bytes, behind: bytes = b"", **options: Any) -> bytes:
    coded = imagecodecs.jpeg8_encode(image, **options)
    return coded[:2] + b"".join(inserted) + coded[2:] + behind


def jpeg_ls(image: NDArray[Any], *inserted: bytes, behind: bytes = b"") -> bytes:
    coded = imagecodecs.jpegls_encode(image)
    return bytes(coded[:2] + b"".join(inserted) + coded[2:] + behind)


def jpeg2000(image: NDArray[Any], behind: bytes = b"") -> bytes:
    coded = imagecodecs.jpeg2k_encode(image, codecformat="j2k", reversible=True, level=0)
    at = 4 + int.from_bytes(coded[4:6])
    comment = b"\xff\x64" + (4 + len(TEXT)).to_bytes(2) + b"\0\1" + TEXT
    coded = coded[:at] + comment + coded[at:]
    # The tile's header may hold one too; its length then counts it.
    tile = coded.find(b"\xff\x90\0\x0a")
    (part,) = struct.unpack_from(">L", coded, tile + 6)
    length = struct.pack(">L", part + len(comment) if part else 0)
    return (
        bytes(coded[: tile + 6] + length + coded[tile + 10 : tile + 12])
        + comment
        + bytes(coded[tile + 12 :] + behind)
    )


def rle(image: NDArray[Any], behind: bytes = b"") -> bytes:
    coded = b"".join(bytes([len(row) - 1]) + row.tobytes() for row in image)
    coded = struct.pack("<16I", 1, 64, *(14 * [0])) + coded
    return coded[:8] + TEXT + coded[8 + len(TEXT) :] + behind


def deflated(image: NDArray[Any], behind: bytes = b"") -> bytes:
    stream = zlib.compressobj(wbits=-15)
    return stream.compress(image.tobytes()) + stream.flush() + behind


BOXED = bytes(imagecodecs.jpeg2k_encode(IMAGES[0], codecformat="jp2"))
COMMENT, EXIF = segment(0xFE, TEXT), segment(0xE1, b"Exif\0\0" + TEXT)
JFIF = segment(0xE0, b"JFIF\0\1\1" + b"NACHTI" + b"\2" + TEXT)
FRAMES = {
    "comment": (BASELINE, lambda image: jpeg(image, COMMENT)),
    "exif": (BASELINE, lambda image: jpeg(image, EXIF)),
    "jfif": (BASELINE, lambda image: jpeg(image, JFIF)),
    "adobe": (BASELINE, lambda image: jpeg(image, segment(0xEE, b"Adobe\0\x64\0\0\0\0\0" + TEXT))),
    "behind": (BASELINE, lambda image: jpeg(image, behind=TEXT)),
    "lossless": (
        LOSSLESS,
        lambda image: jpeg(image, COMMENT, EXIF, behind=TEXT, lossless=True, predictor=1),
    ),
    "jpeg-ls": (JPEG_LS, lambda image: jpeg_ls(image, COMMENT, EXIF, behind=TEXT)),
    "jpeg 2000": (J2K, lambda image: jpeg2000(image, behind=TEXT)),
    "rle": (RLE, lambda image: rle(image, behind=TEXT)),
    "deflated": (DEFLATED, lambda image: deflated(image, behind=TEXT)),
    "uncompressed": (UNCOMPRESSED, lambda image: image.tobytes() + TEXT),
}


def compressed(uid: str, value: bytes, *, frames: int, **elements: Any) -> pydicom.Dataset:
    dataset = plane(Rows=16, Columns=16, BitsAllocated=8, BitsStored=8, HighBit=7, **elements)
    dataset.PixelRepresentation, dataset.NumberOfFrames = 0, frames
    dataset.PixelData = value
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    dataset.file_meta.TransferSyntaxUID = UID(uid)
    return dataset


def decoded(dataset: pydicom.Dataset) -> NDArray[Any]:
    layout, uid = layout_of(dataset), str(dataset.file_meta.TransferSyntaxUID)
    frames = generate_frames(dataset.PixelData, number_of_frames=layout.frames)
    return np.stack([decode_frame(layout, uid, payload) for payload in frames])


@pytest.mark.parametrize("fragments", [1, 2])
@pytest.mark.parametrize("kind", FRAMES)
def test_no_text_stays_in_compressed_frames_and_samples_do(kind: str, fragments: int) -> None:
    uid, encode = FRAMES[kind]
    frames = [encode(image) for image in IMAGES]
    value = encapsulate(frames, fragments_per_frame=fragments)
    dataset = compressed(uid, value, frames=len(frames))
    assert b"NACHTI" in written(dataset)
    result = cleaned(dataset)
    assert b"NACHTI" not in written(result).upper().replace(b"\0", b"")
    assert len(result.PixelData) == len(value)  # tables of offsets hold as they were
    # Of RLE our decoder refuses text behind the runs.
    before, after = IMAGES if uid == RLE else decoded(dataset), decoded(result)
    np.testing.assert_array_equal(after, before)
    if "lossless" in kind or uid != BASELINE:
        np.testing.assert_array_equal(after, IMAGES)


def test_an_adobe_marker_keeps_what_colours_go_by() -> None:
    image = np.random.default_rng(1).integers(0, 256, (16, 16, 3)).astype(np.uint8)
    coded = jpeg(image, segment(0xEE, b"Adobe\0\x64\0\0\0\0\0" + TEXT), colorspace="RGB",
                 outcolorspace="RGB")  # fmt: skip
    dataset = compressed(BASELINE, encapsulate([coded]), frames=1, SamplesPerPixel=3)
    dataset.PhotometricInterpretation, dataset.PlanarConfiguration = "RGB", 0
    result = cleaned(dataset)
    assert TEXT not in result.PixelData
    np.testing.assert_array_equal(decoded(result), decoded(dataset))


def test_an_extended_offset_table_stays_where_it_is_true() -> None:
    frames = [jpeg(image, COMMENT) for image in IMAGES]
    value, offsets, lengths = encapsulate_extended(frames)
    both = {"ExtendedOffsetTable": offsets, "ExtendedOffsetTableLengths": lengths}
    result = cleaned(compressed(BASELINE, value, frames=3, **both))
    assert (result.ExtendedOffsetTable, result.ExtendedOffsetTableLengths) == (offsets, lengths)
    both["ExtendedOffsetTable"] = (b"philomel" * 3)[: len(offsets)]
    assert "ExtendedOffsetTable" not in cleaned(compressed(BASELINE, value, frames=3, **both))


@pytest.mark.parametrize(
    ("uid", "value", "words"),
    [
        (JPEG_XL, encapsulate([bytes(imagecodecs.jpegxl_encode(IMAGES[0]))]), "JPEG XL"),
        ("1.2.840.10008.1.2.4.102", encapsulate([b"\0\0\0\1" + TEXT]), "H.264"),
        (J2K, encapsulate([BOXED]), "bare"),
        (BASELINE, encapsulate([jpeg(IMAGES[0])[:-2]]), "cut short"),
        (BASELINE, encapsulate([TEXT + jpeg(IMAGES[0])]), "expected a JPEG"),
        (BASELINE, encapsulate([jpeg(IMAGES[0], segment(0xF3, TEXT))]), "FF F3"),
        (BASELINE, encapsulate([jpeg(each) for each in IMAGES], has_bot=False), "more codestreams"),
        (BASELINE, encapsulate([jpeg(each) for each in IMAGES]), "table"),
    ],
)  # fmt: skip
def test_frames_that_cannot_be_taken_apart_are_refused(uid: str, value: bytes, words: str) -> None:
    with pytest.raises(CannotPseudonymise, match=words) as caught:
        pseudonymise(compressed(uid, value, frames=1), PSEUDONYMS, allow_burned_in=True)
    assert "NACHTIGALL" not in str(caught.value)


@pytest.mark.real_data
def test_real_compressed_frames_decode_as_before(real_data: Path) -> None:
    seen = set[str]()
    for path in sorted(each for each in (real_data / "real").rglob("*") if each.is_file()):
        try:
            with silenced_pydicom():
                read = pydicom.dcmread(path)
                uid = str(read.file_meta.TransferSyntaxUID)
                if uid in seen or not UID(uid).is_encapsulated or "PixelData" not in read:
                    continue
                result = pseudonymise(read, PSEUDONYMS, allow_burned_in=True)
        except (pydicom.errors.InvalidDicomError, KeyError, AttributeError, CannotPseudonymise):
            continue
        with silenced_pydicom():
            try:
                before = decoded(read)
            except DecodeError:
                continue
            after = decoded(result)
        np.testing.assert_array_equal(after, before, err_msg=path.name)
        seen.add(uid)
    assert len(seen) >= 5
