"""Real files decode to what pydicom and DCMTK make of them."""

from __future__ import annotations

import csv
import hashlib
import subprocess
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames

from noctis_lab.dicom.codecs import CODECS, decode_frame, read_frame
from noctis_lab.dicom.color import to_rgb
from noctis_lab.dicom.header import read_header
from noctis_lab.errors import DecodeError, InvalidDicom, PixelWarning
from tests.dicom.pixels import (
    BASELINE,
    EXTENDED,
    IMPLICIT,
    INEXACT,
    layout_of,
)

#: Baseline, extended to 12 bits, spectral selection, full progression.
LOSSY_JPEG = {BASELINE, EXTENDED, "1.2.840.10008.1.2.4.53", "1.2.840.10008.1.2.4.55"}
#: Its pixel data has no sequence delimiter.
DCMTK_REFUSES = {"SC_rgb_jpeg.dcm"}


@pytest.mark.real_data
@pytest.mark.filterwarnings("ignore::UserWarning:pydicom")
def test_every_real_compressed_file_decodes_to_the_expected_pixels(real_data: Path) -> None:
    checked = 0
    for row in _rows(real_data):
        path = real_data / row["path"]
        if row["pydicom_pixels"] != "ok" or path.stat().st_size > 8_000_000:
            continue
        dataset = pydicom.dcmread(path, force=True)
        syntax = str(dataset.file_meta.get("TransferSyntaxUID", IMPLICIT))
        if syntax not in CODECS:
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PixelWarning)  # which do is told below
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
        stored = to_rgb(stored, photometric, bits_stored=8)
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


#: The only files whose header is read and whose pixels are not decoded, each with its word.
NOT_DECODED = {
    "real/pydicom_test_files/JPEG2000-embedded-sequence-delimiter.dcm": "columns",  # made broken
    "synth/bitflip/MR_small_RLE_2.dcm": "RLE",
    "synth/bitflip/SC_rgb_jpeg_dcmtk_0.dcm": "JPEG",
    "synth/hostile/bitsstored_gt_allocated.dcm": "bits stored",
}
#: The only files whose pixels contradict what is stated of them, each with its word.
CONTRADICTED = {
    "real/pydicom_test_files/J2K_pixelrep_mismatch.dcm": "are unsigned",
    # Eight samples of 1024, of 10 bits; 1020 to 1023 in the lossless copy (RG3_J2KR).
    "real/nema_wg04/compsamples_jpeg/IMAGES/JPLY/RG3_JPLY": "BitsStored is 10",
}


@pytest.mark.slow
@pytest.mark.real_data
def test_every_file_gives_its_documented_outcome(real_data: Path) -> None:
    refused, contradicted, equal = {}, {}, 0
    for row in _rows(real_data):
        path = real_data / row["path"]
        try:
            header = read_header(path)
        except InvalidDicom:  # no UIDs, or bytes missing: not archived; checked above by pydicom
            continue
        layout, syntax = header.pixels, header.transfer_syntax_uid
        if layout is None:
            continue
        try:
            with warnings.catch_warnings(record=True) as told:
                warnings.simplefilter("always", PixelWarning)
                frames = [
                    read_frame(path, layout, syntax, number) for number in range(layout.frames)
                ]
            if told:
                contradicted[row["path"]] = str(told[0].message)
        except DecodeError as error:
            refused[row["path"]] = str(error)
            continue
        if row["pydicom_pixels"] != "ok" or syntax in INEXACT:
            continue
        stored = np.stack(frames) if layout.frames > 1 else frames[0]
        if layout.photometric_interpretation in ("YBR_FULL", "YBR_FULL_422"):
            stored = to_rgb(stored, layout.photometric_interpretation, bits_stored=8)
        digest = hashlib.sha256(stored.tobytes()).hexdigest()[:16]
        assert digest == row["pixel_sha16"], row["path"]
        equal += 1
    assert equal > 1050
    assert contradicted.keys() == CONTRADICTED.keys()
    assert all(CONTRADICTED[path] in contradicted[path] for path in contradicted)
    assert refused.keys() == NOT_DECODED.keys()
    for name, reason in refused.items():
        assert NOT_DECODED[name] in reason, name


@pytest.mark.real_data
@pytest.mark.filterwarnings("ignore::UserWarning:pydicom")
def test_lossy_jpeg_is_what_dcmtk_makes_of_it(
    real_data: Path, require_program: Callable[[str], str], tmp_path: Path
) -> None:
    # To the last bit: both take the accurate integer DCT. A library with another one differs by
    # a grey level, and where it does not interpolate chrominance by more.
    dcmdjpeg, native, checked = require_program("dcmdjpeg"), tmp_path / "native.dcm", set()
    for row in _rows(real_data):
        path = real_data / row["path"]
        if not row["path"].startswith("real/") or path.name in DCMTK_REFUSES:
            continue
        try:
            header = read_header(path)
        except InvalidDicom:
            continue
        syntax, layout = header.transfer_syntax_uid, header.pixels
        if syntax not in LOSSY_JPEG or layout is None:
            continue
        subprocess.run([dcmdjpeg, "+cn", path, native], check=True, capture_output=True)
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always", PixelWarning)
            frames = [read_frame(path, layout, syntax, number) for number in range(layout.frames)]
        stored = np.stack(frames) if layout.frames > 1 else frames[0]
        if told:  # dcmtk cuts what is beyond BitsStored: there its whitest samples are black
            assert row["path"] in CONTRADICTED
            stored &= (1 << layout.bits_stored) - 1
        expected = pydicom.pixels.pixel_array(native, raw=True)
        np.testing.assert_array_equal(stored, expected, err_msg=row["path"])
        checked.add(syntax)
    assert checked == LOSSY_JPEG


def _rows(real_data: Path) -> list[dict[str, str]]:
    with (real_data / "expected_files.tsv").open() as table:
        return list(csv.DictReader(table, delimiter="\t"))
