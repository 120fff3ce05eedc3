"""Real files decode to what pydicom and DCMTK make of them."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames

from noctis_lab.dicom.codecs import CODECS, decode_frame, read_frame
from noctis_lab.dicom.color import to_rgb
from noctis_lab.dicom.header import read_header
from noctis_lab.errors import InvalidDicom
from tests.dicom.pixels import (
    IMPLICIT,
    INEXACT,
    layout_of,
)


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
