"""Series become arrays of the right numbers, of the right type, at the right place."""

from __future__ import annotations

import csv
import hashlib
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import xarray as xr
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from noctis_lab.errors import (
    CompressedPixels,
    DecodeError,
    PixelWarning,
    SeriesNotFound,
    UnsupportedSeries,
)
from noctis_lab.synthetic import ct_series
from noctis_lab.volumes.cache import Handle
from noctis_lab.volumes.load import load
from noctis_lab.volumes.pixels import describe_stack
from tests.volumes.archive import admit, admit_file
from tests.volumes.by_pydicom import by_pydicom


@pytest.mark.parametrize(
    "transfer_syntax_uid",
    [
        ImplicitVRLittleEndian,
        ExplicitVRLittleEndian,
        ExplicitVRBigEndian,
        DeflatedExplicitVRLittleEndian,
        RLELossless,
    ],
)
def test_values_are_pydicoms_in_every_syntax(
    handle: Handle, tmp_path: Path, transfer_syntax_uid: str
) -> None:
    planes = ct_series(planes=5, rescale_intercept=-1024, transfer_syntax_uid=transfer_syntax_uid)
    admit(handle, reversed(planes), tmp_path / "in")
    loaded = load(handle, planes[0].SeriesInstanceUID)
    np.testing.assert_array_equal(loaded.values, by_pydicom(planes))


@pytest.mark.parametrize(
    ("options", "dtype"),
    [
        ({"signed": True, "bits_stored": 12, "rescale_intercept": 0}, "int16"),
        ({"signed": False, "bits_stored": 12, "rescale_intercept": -1024}, "int16"),
        ({"signed": False, "bits_stored": 16, "rescale_intercept": -1000}, "int32"),
        ({"signed": True, "bits_stored": 16, "rescale_intercept": -1024}, "int32"),
        ({"signed": False, "bits_stored": 16, "rescale_intercept": 0}, "uint16"),
        ({"signed": False, "bits_allocated": 8, "bits_stored": 8}, "uint8"),
        ({"rescale_slope": 0.5, "rescale_intercept": -1024}, "float32"),
        ({"rescale_intercept": -1024.5}, "float32"),
        ({"rescale_slope": (1, 2, 1), "rescale_intercept": (0, 0.25, 3)}, "float32"),
        ({"rescale_intercept": (0, 10, -20), "bits_stored": 12}, "int16"),
    ],
)
def test_values_have_the_smallest_exact_type(
    handle: Handle, tmp_path: Path, options: dict[str, Any], dtype: str
) -> None:
    planes = ct_series(planes=3, **options)
    admit(handle, planes, tmp_path / "in")
    loaded = load(handle, planes[0].SeriesInstanceUID)
    assert loaded.dtype == dtype
    np.testing.assert_array_equal(loaded.values, by_pydicom(planes).astype(dtype))


@pytest.mark.parametrize(("bits_allocated", "bits_stored"), [(8, 7), (16, 15)])
def test_planes_of_either_sign_have_a_type_that_holds_both(
    handle: Handle, tmp_path: Path, bits_allocated: int, bits_stored: int
) -> None:
    depth: Any = {
        "planes": 1, "rows": 2, "columns": 2, "rescale_intercept": 1.0,
        "bits_allocated": bits_allocated, "bits_stored": bits_stored,
    }  # fmt: skip
    high = (1 << bits_stored) - 1
    low = -(1 << bits_stored - 1)
    planes = [
        *ct_series(**depth, signed=True, stored=np.full((1, 2, 2), low)),
        *ct_series(
            **depth,
            signed=False,
            stored=np.full((1, 2, 2), high),
            origin_mm=(-16.0, -16.0, 102.0),
            SOPInstanceUIDs=("1.2.3.4",),
            instance_numbers=(2,),
        ),
    ]
    admit(handle, planes, tmp_path / "in")
    loaded = load(handle, str(planes[0].SeriesInstanceUID))
    assert loaded.values[:, 0, 0].tolist() == [low + 1, high + 1]


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64"])
@pytest.mark.parametrize("signed", [True, False])
def test_the_type_that_is_asked_for_comes(
    handle: Handle, tmp_path: Path, dtype: str, signed: bool
) -> None:
    planes = ct_series(planes=3, signed=signed, bits_stored=12, rescale_intercept=-1024)
    admit(handle, planes, tmp_path / "in")
    loaded = load(handle, planes[0].SeriesInstanceUID, dtype=dtype)
    assert loaded.dtype == dtype
    np.testing.assert_array_equal(loaded.values, by_pydicom(planes))


def test_a_type_that_is_too_small_is_refused(handle: Handle, tmp_path: Path) -> None:
    planes = ct_series(planes=2)
    admit(handle, planes, tmp_path / "in")
    with pytest.raises(UnsupportedSeries, match="int8 does not hold"):
        load(handle, planes[0].SeriesInstanceUID, dtype="int8")


def test_a_float_that_is_too_small_is_refused(handle: Handle, tmp_path: Path) -> None:
    planes = ct_series(planes=2, rescale_slope=40.0)
    admit(handle, planes, tmp_path / "in")
    with pytest.raises(UnsupportedSeries, match="float16 does not hold"):
        load(handle, planes[0].SeriesInstanceUID, dtype="float16")


@pytest.mark.parametrize("dtype", [">i2", ">i4", ">f4", "<f8"])
@pytest.mark.parametrize("intercept", [0, 3])
def test_a_byte_order_that_is_asked_for_changes_no_number(
    handle: Handle, tmp_path: Path, dtype: str, intercept: int
) -> None:
    planes = ct_series(planes=2, bits_stored=12, rescale_intercept=intercept)
    admit(handle, planes, tmp_path / "in")
    loaded = load(handle, planes[0].SeriesInstanceUID, dtype=dtype)
    assert loaded.dtype == np.dtype(dtype).newbyteorder("=")
    np.testing.assert_array_equal(loaded.values, by_pydicom(planes))


def test_bytes_in_big_endian_words_come_in_their_order(handle: Handle, tmp_path: Path) -> None:
    planes = ct_series(
        planes=2,
        rows=4,
        columns=4,
        signed=False,
        bits_allocated=8,
        bits_stored=8,
        transfer_syntax_uid=ExplicitVRBigEndian,
    )
    expected = np.arange(16, dtype=np.uint8).reshape(4, 4)
    for plane in planes:
        # PS3.5 A.3: OW is a stream of 16-bit words, so the first pixel of each pair comes second.
        plane.PixelData = expected.reshape(-1, 2)[:, ::-1].tobytes()
        plane["PixelData"].VR = "OW"
    admit(handle, planes, tmp_path / "in")
    loaded = load(handle, planes[0].SeriesInstanceUID, stored=True)
    np.testing.assert_array_equal(loaded.values, [expected, expected])


@pytest.mark.parametrize("signed", [True, False])
def test_stored_values_are_given_as_they_are(handle: Handle, tmp_path: Path, signed: bool) -> None:
    planes = ct_series(planes=3, signed=signed, rescale_slope=2, rescale_intercept=-7)
    admit(handle, planes, tmp_path / "in")
    loaded = load(handle, planes[0].SeriesInstanceUID, stored=True)
    expected = np.stack([plane.pixel_array for plane in planes])
    assert loaded.dtype == expected.dtype
    np.testing.assert_array_equal(loaded.values, expected)
    assert loaded.attrs["units"] == "stored"


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("big_endian", [True, False])
def test_bits_above_the_high_bit_are_not_values(
    handle: Handle, tmp_path: Path, signed: bool, big_endian: bool
) -> None:
    # PS3.5 8.1.1: old scanners keep an overlay there, others leave the sign out.
    planes = ct_series(planes=2, signed=signed, bits_stored=12)
    expected = np.stack([plane.pixel_array for plane in planes])
    for plane in planes:
        words = np.frombuffer(plane.PixelData, "<u2")
        plane.PixelData = ((words & 0x0FFF) | 0x5000).astype("<u2").tobytes()
    if big_endian:
        for plane in planes:
            plane.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
            plane.PixelData = np.frombuffer(plane.PixelData, "<u2").astype(">u2").tobytes()
    admit(handle, planes, tmp_path / "in")
    np.testing.assert_array_equal(
        load(handle, planes[0].SeriesInstanceUID, stored=True).values, expected
    )


def test_a_slope_of_0_is_told(handle: Handle, tmp_path: Path) -> None:
    planes = ct_series(planes=2, rescale_intercept=-1000)
    for plane in planes:
        plane.RescaleSlope = "0"
    admit(handle, planes, tmp_path / "in")
    uid = planes[0].SeriesInstanceUID
    with pytest.warns(PixelWarning, match="RescaleSlope is 0"):
        assert np.unique(load(handle, uid)).tolist() == [-1000]
    assert np.unique(load(handle, uid, stored=True)).size > 1
    shown = {badge.text: badge.sentence for badge in describe_stack(handle, uid).badges}
    assert "every value of such an image is its RescaleIntercept" in shown["Slope of 0"]


def test_monochrome1_is_not_inverted(handle: Handle, tmp_path: Path) -> None:
    planes = ct_series(planes=2, photometric_interpretation="MONOCHROME1")
    admit(handle, planes, tmp_path / "in")
    loaded = load(handle, planes[0].SeriesInstanceUID)
    np.testing.assert_array_equal(loaded.values, by_pydicom(planes))
    assert loaded.attrs["PhotometricInterpretation"] == "MONOCHROME1"


def test_a_volume_says_what_and_where_it_is(handle: Handle, tmp_path: Path) -> None:
    planes = ct_series(
        planes=3,
        instance_numbers=(30, 20, 10),
        pixel_spacing_mm=(0.7, 0.4),
        rescale_intercept=-1024,
        bits_stored=12,
    )
    admit(handle, planes, tmp_path / "in")
    loaded = load(handle, planes[0].SeriesInstanceUID)
    assert loaded.dims == ("z", "y", "x")
    assert loaded.name == "CT"
    assert loaded.attrs["units"] == "HU"
    assert loaded.InstanceNumber.values.tolist() == [30, 20, 10]
    assert loaded.SOPInstanceUID.values.tolist() == [str(p.SOPInstanceUID) for p in planes]
    assert loaded.intercept.values.tolist() == [-1024, -1024, -1024]
    assert loaded.dicom.spacing == (2.0, 0.7, 0.4)
    assert loaded.dicom.origin == (-16.0, -16.0, 100.0)
    assert loaded.dicom.frame_of_reference_uid == planes[0].FrameOfReferenceUID
    assert all(isinstance(value, str | int | float) for value in loaded.attrs.values())


def test_a_volume_survives_netcdf(handle: Handle, tmp_path: Path) -> None:
    planes = ct_series(planes=3, gantry_tilt_deg=15)
    admit(handle, planes, tmp_path / "in")
    loaded = load(handle, planes[0].SeriesInstanceUID)
    loaded.to_netcdf(tmp_path / "volume.nc", engine="scipy")
    with xr.open_dataarray(tmp_path / "volume.nc", engine="scipy") as back:
        np.testing.assert_array_equal(back.values, loaded.values)
        np.testing.assert_array_equal(back.dicom.affine, loaded.dicom.affine)
        assert back.dicom.tilt_deg == pytest.approx(15)


def test_progress_ends_with_all_planes(handle: Handle, tmp_path: Path) -> None:
    planes = ct_series(planes=40, rows=4, columns=4)
    admit(handle, planes, tmp_path / "in")
    told: list[tuple[int, int]] = []
    load(handle, planes[0].SeriesInstanceUID, progress=lambda done, of: told.append((done, of)))
    assert told[-1] == (40, 40)
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_each_compressed_plane_is_a_task_of_its_own(handle: Handle, tmp_path: Path) -> None:
    planes = ct_series(planes=5, transfer_syntax_uid=JPEGLSLossless)
    admit(handle, planes, tmp_path / "in")
    told: list[tuple[int, int]] = []
    load(handle, planes[0].SeriesInstanceUID, progress=lambda done, of: told.append((done, of)))
    assert told == [(done, 5) for done in range(1, 6)]  # so that short series use all threads


def test_an_unknown_series_is_not_found(handle: Handle) -> None:
    with pytest.raises(SeriesNotFound):
        load(handle, "1.2.3")


@pytest.mark.parametrize(
    "transfer_syntax_uid", [JPEGLosslessSV1, JPEGLSLossless, JPEG2000Lossless, HTJ2KLossless]
)
@pytest.mark.parametrize("signed", [True, False])
def test_compressed_series_load_as_what_was_encoded(
    handle: Handle, tmp_path: Path, transfer_syntax_uid: str, signed: bool
) -> None:
    options = {"planes": 9, "rows": 24, "columns": 20, "signed": signed, "bits_stored": 12}
    planes = ct_series(**options, rescale_intercept=-1024, transfer_syntax_uid=transfer_syntax_uid)
    admit(handle, reversed(planes), tmp_path / "in")
    loaded = load(handle, planes[0].SeriesInstanceUID)
    expected = by_pydicom(ct_series(**options, rescale_intercept=-1024))
    np.testing.assert_array_equal(loaded.values, expected)


def test_a_plane_that_does_not_decode_stops_the_load(handle: Handle, tmp_path: Path) -> None:
    planes = ct_series(planes=40, transfer_syntax_uid=JPEGLSLossless)
    broken = planes[3].PixelData
    at = broken.index(b"\xff\xda")  # the scan: everything after it is noise
    planes[3].PixelData = broken[:at] + b"\xff\xda" + bytes(len(broken) - at - 2)
    admit(handle, planes, tmp_path / "in")
    with pytest.raises(DecodeError):
        load(handle, planes[0].SeriesInstanceUID)


def test_a_syntax_without_a_decoder_is_refused_by_name(handle: Handle, tmp_path: Path) -> None:
    plane = ct_series(planes=1, transfer_syntax_uid=RLELossless)[0]
    plane.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.4.100"  # MPEG-2
    admit(handle, [plane], tmp_path / "in")
    with pytest.raises(CompressedPixels, match=r"1\.2\.840\.10008\.1\.2\.4\.100.*MPEG2.*player"):
        load(handle, plane.SeriesInstanceUID)


@pytest.mark.parametrize("options", [{"stored": True}, {}, {"dtype": "float32"}])
def test_loading_takes_hardly_more_memory_than_the_array(
    handle: Handle, tmp_path: Path, options: dict[str, Any]
) -> None:
    planes = ct_series(planes=80, rows=256, columns=256, rescale_intercept=-1024, bits_stored=12)
    admit(handle, planes, tmp_path / "in")
    uid = planes[0].SeriesInstanceUID
    load(handle, uid)  # what is imported and prepared once is not the load's
    tracemalloc.start()
    try:
        size = load(handle, uid, **options).nbytes
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak <= 1.05 * size


@pytest.mark.real_data
def test_the_catphans_float32_values_hash_to_the_reference(handle: Handle, real_data: Path) -> None:
    collection = "real/ct_catphan504_varian_obi"
    with (real_data / "expected.tsv").open() as table:
        expected = next(
            line["numpy_sha256_f32"]
            for line in csv.DictReader(table, delimiter="\t")
            if line["collection"] == collection
        )
    for path in sorted((real_data / collection).iterdir()):
        admit_file(handle, path)
    uid = pydicom.dcmread(next((real_data / collection).glob("CT*"))).SeriesInstanceUID
    values = load(handle, uid, dtype="float32").values
    assert hashlib.sha256(values.tobytes()).hexdigest() == expected


@pytest.mark.real_data
def test_a_slope_per_slice_is_applied_per_slice(handle: Handle, real_data: Path) -> None:
    folder = real_data / "synth/pet_per_slice_rescale"
    for path in sorted(folder.iterdir()):
        admit_file(handle, path)
    uid = pydicom.dcmread(folder / "p00.dcm").SeriesInstanceUID
    loaded = load(handle, uid)
    z, y, x = np.indices(loaded.shape)
    # Its README: activity = 1000(n + 1) + 10x + y; plane n lies at -3.27·n mm.
    np.testing.assert_allclose(loaded.values, 1000 * (24 - z) + 10 * x + y, rtol=1e-3)
    assert len(set(loaded.slope.values.tolist())) > 1
