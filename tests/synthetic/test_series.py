"""`ct_series` is what it says, as pydicom and DCMTK read it."""

from __future__ import annotations

import dataclasses
import subprocess
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    RLELossless,
)

from noctis_lab.synthetic import (
    CtOptions,
    CtSeriesOptions,
    ct_series,
    formula_stored,
    seeded_uid,
    write_series,
)

SYNTAXES = [
    ImplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
    RLELossless,
    JPEG2000Lossless,
]


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize(("signed", "bits_stored"), [(True, 16), (False, 16), (True, 12)])
def test_pydicom_reads_the_formula_back(
    tmp_path: Path, syntax: str, signed: bool, bits_stored: int
) -> None:
    series = ct_series(
        planes=2,
        rows=5,
        columns=7,
        signed=signed,
        bits_stored=bits_stored,
        transfer_syntax_uid=syntax,
    )
    paths = write_series(series, tmp_path)
    first = -1024 if signed else 0
    for plane, path in enumerate(paths):
        read = pydicom.dcmread(path)
        assert read.file_meta.TransferSyntaxUID == syntax
        pixels = read.pixel_array
        assert pixels.shape == (5, 7)
        assert pixels[3, 4] == first + 100 * plane + 30 + 4
    assert paths[0].name == "00000.dcm"


def test_the_formula_wraps_within_its_bits() -> None:
    stored = formula_stored(60, 64, 64, bits_stored=12, signed=True)
    assert stored.min() >= -2048
    assert stored.max() <= 2047
    assert stored[50, 0, 0] == (-1024 + 5000 + 2048) % 4096 - 2048


def test_a_tilted_gantry_shears_the_stack() -> None:
    series = ct_series(planes=3, gantry_tilt_deg=16.5, slice_spacing_mm=2.5)
    x, y = np.split(np.array(series[0].ImageOrientationPatient, dtype=float), 2)
    np.testing.assert_allclose(x, (1, 0, 0))
    np.testing.assert_allclose(y, (0, 0.958819735, 0.284015345), atol=1e-9)
    positions = np.array([plane.ImagePositionPatient for plane in series], dtype=float)
    np.testing.assert_allclose(np.diff(positions, axis=0), [[0, 0, 2.5]] * 2)


def test_an_oblique_stack_advances_along_its_normal() -> None:
    series = ct_series(planes=2, orientation=(0, 1, 0, 0, 0, -1), slice_spacing_mm=3)
    step = np.subtract(series[1].ImagePositionPatient, series[0].ImagePositionPatient)
    np.testing.assert_allclose(step, (-3, 0, 0))  # (0,1,0) x (0,0,-1), by hand


def test_every_plane_takes_its_own_rescale_position_and_number() -> None:
    series = ct_series(
        planes=2,
        rescale_slope=[1.5, 2.0],
        rescale_intercept=[-10.0, 4.0],
        positions_mm=[(0, 0, 5), (0, 0, 5)],
        instance_numbers=[9, 2],
        SOPInstanceUIDs=["1.2.3", "1.2.4"],
    )
    assert [(p.RescaleSlope, p.RescaleIntercept) for p in series] == [(1.5, -10.0), (2.0, 4.0)]
    assert [list(p.ImagePositionPatient) for p in series] == [[0, 0, 5]] * 2
    assert [p.InstanceNumber for p in series] == [9, 2]
    assert [p.file_meta.MediaStorageSOPInstanceUID for p in series] == ["1.2.3", "1.2.4"]


def test_equal_calls_give_equal_bytes_and_seeds_give_other_instances(tmp_path: Path) -> None:
    first = write_series(ct_series(planes=1), tmp_path / "a")[0].read_bytes()
    again = write_series(ct_series(planes=1), tmp_path / "b")[0].read_bytes()
    assert first == again
    uids = {
        plane.SOPInstanceUID
        for seed in ("a", "b")
        for number in (1, 2)
        for plane in ct_series(planes=3, seed=seed, SeriesNumber=number)
    }
    assert len(uids) == 12
    assert len({str(p.StudyInstanceUID) for n in (1, 2) for p in ct_series(SeriesNumber=n)}) == 1


def test_elements_are_set_last_and_none_deletes() -> None:
    plane = ct_series(planes=1, elements={"KVP": 80, "ImagePositionPatient": None})[0]
    assert plane.KVP == 80
    assert "ImagePositionPatient" not in plane


def test_values_outside_their_bits_are_refused() -> None:
    with pytest.raises(ValueError, match="range of its 12 bits"):
        ct_series(planes=1, bits_stored=12, stored=lambda _k: np.full((64, 64), 2048))
    with pytest.raises(ValueError, match="rows, columns"):
        ct_series(planes=1, stored=np.zeros((1, 3, 4), dtype=int))


def test_uids_are_well_formed() -> None:
    uid = seeded_uid("x", "y", 1)
    assert uid.is_valid
    assert len(uid) <= 44
    assert uid != seeded_uid("x", "y", 11)


def test_the_keyword_arguments_are_the_fields() -> None:
    assert set(CtOptions.__annotations__) == {f.name for f in dataclasses.fields(CtSeriesOptions)}


def test_types_one_and_two_of_the_ct_iod_are_there() -> None:
    plane = ct_series(planes=1)[0]
    type_one = """SOPClassUID SOPInstanceUID StudyInstanceUID SeriesInstanceUID Modality
        FrameOfReferenceUID PixelSpacing ImageOrientationPatient ImagePositionPatient
        SamplesPerPixel PhotometricInterpretation Rows Columns BitsAllocated BitsStored HighBit
        PixelRepresentation PixelData ImageType RescaleIntercept RescaleSlope RescaleType
        SpecificCharacterSet PatientPosition"""
    type_two = """PatientName PatientID PatientBirthDate PatientSex StudyDate StudyTime
        ReferringPhysicianName StudyID AccessionNumber SeriesNumber PositionReferenceIndicator
        Manufacturer InstanceNumber ContentDate ContentTime SliceThickness KVP
        AcquisitionNumber"""
    for keyword in type_one.split():
        assert plane[keyword].value not in (None, "", b""), keyword
    for keyword in type_two.split():
        assert keyword in plane, keyword


def test_dcmtk_reads_every_syntax(tmp_path: Path, require_program) -> None:  # type: ignore[no-untyped-def]
    dcmdump = require_program("dcmdump")
    for syntax in SYNTAXES:
        path = write_series(ct_series(planes=1, transfer_syntax_uid=syntax), tmp_path / syntax)[0]
        done = subprocess.run([dcmdump, "-q", str(path)], capture_output=True, check=False)
        assert done.returncode == 0, done.stderr
        assert b"CTImageStorage" in done.stdout
