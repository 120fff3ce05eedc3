"""Volumes on other grids: spacings, shear, and another volume's places."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import SimpleITK
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from noctis_lab.errors import CannotResample, OtherFrameOfReference, UnsupportedSeries
from noctis_lab.volumes.cache import Handle
from noctis_lab.volumes.load import load
from noctis_lab.volumes.regrid import resample, resample_to, unshear
from tests.volumes.archive import admit_file
from tests.volumes.spaces import (
    AXIAL,
    TILTED,
    affines,
    fill_by_place,
    linear_field,
    places,
    volume,
)

SHAPE = (6, 7, 8)
FIELD = linear_field((0.5, -1.0, 0.25), 7.0)


def noise(affine: Any, shape: tuple[int, int, int] = SHAPE) -> xr.DataArray:
    values = np.random.default_rng(3).integers(-1000, 3000, shape).astype(np.int16)
    return volume(affine, shape).copy(data=values)


@settings(max_examples=30)
@given(affine=affines(), spacing=st.floats(0.3, 12), flip=st.booleans())
def test_resampling_keeps_a_linear_field_and_invents_no_place(
    affine: Any, spacing: float, flip: bool
) -> None:
    made = fill_by_place(volume(affine, SHAPE), FIELD)
    made = made.isel(z=slice(None, None, -1 if flip else 1))
    found = resample(made, spacing_mm=spacing)
    np.testing.assert_allclose(found.values, FIELD(places(found)), atol=1e-4, rtol=0)
    np.testing.assert_allclose(places(found)[0, 0, 0], places(made)[0, 0, 0], atol=1e-9)
    assert found.dicom.tilt_deg == pytest.approx(made.dicom.tilt_deg)
    for size, step in zip(found.shape, found.dicom.spacing, strict=True):
        assert size == 1 or step == pytest.approx(spacing)
    index = made.dicom.world_to_index(places(found))
    assert np.all((index > -1e-5) & (index < np.array(SHAPE) - 1 + 1e-5))
    last = np.array(SHAPE) - 1 - index[-1, -1, -1]
    assert np.all(last * made.dicom.spacing < spacing)


def test_the_same_spacing_gives_the_same_volume() -> None:
    made = noise(TILTED).assign_coords(SOPInstanceUID=("z", [f"1.{z}" for z in range(6)]))
    same = resample(made, spacing_mm=made.dicom.spacing, dtype="int16")
    xr.testing.assert_identical(same.drop_vars("patient_lps"), made.drop_vars("patient_lps"))
    assert same.patient_lps.attrs == {**made.patient_lps.attrs, "residual_mm": 0.0}
    assert resample(made, spacing_mm=np.array([2.5, 1, 1])).shape == (6, 4, 4)
    finer = resample(made, spacing_mm=(None, 0.25, None))
    assert finer.shape == (6, 13, 8)
    assert finer.SOPInstanceUID.values.tolist() == made.SOPInstanceUID.values.tolist()
    np.testing.assert_array_equal(finer.values[:, ::2], made.values)
    assert "SOPInstanceUID" not in resample(made, spacing_mm=(1, None, None)).coords


@pytest.mark.parametrize("spacing", [0, -1, math.nan, math.inf, np.float32(-1), (1, 1), (1, 0, 1)])
def test_spacings_that_cannot_be_are_refused(spacing: Any) -> None:
    with pytest.raises(CannotResample, match="spacing_mm is positive, one or"):
        resample(noise(AXIAL), spacing_mm=spacing)


def test_a_result_too_large_is_refused_before_it_is_made() -> None:
    with pytest.raises(CannotResample, match="2147483648 are the most"):
        resample(noise(AXIAL), spacing_mm=1e-4)
    many = xr.concat([noise(AXIAL)] * 3, "time")
    with pytest.raises(CannotResample, match="2147483648 are the most"):
        resample(many, spacing_mm=(1e-8 * 1.2, None, None))


def test_a_volume_is_taken_onto_another_ones_planes_even_or_not() -> None:
    made = fill_by_place(volume(TILTED, SHAPE), FIELD)
    other = volume(AXIAL, SHAPE).isel(z=[0, 1, 4])
    found = resample_to(made, other)
    is_inside = np.isfinite(found.values)
    assert is_inside.mean() > 0.2
    np.testing.assert_allclose(found.values[is_inside], FIELD(places(other))[is_inside], atol=1e-5)
    assert found.z.values.tolist() == other.z.values.tolist()
    with pytest.raises(UnsupportedSeries, match="regularize"):
        resample_to(other, made)


def test_frames_of_reference_must_agree() -> None:
    made, other, unstated = noise(AXIAL), noise(AXIAL), noise(AXIAL)
    other.patient_lps.attrs["FrameOfReferenceUID"] = "1.2.10"
    del unstated.patient_lps.attrs["FrameOfReferenceUID"]
    for one, two in ((made, other), (made, unstated), (unstated, made), (unstated, unstated)):
        with pytest.raises(OtherFrameOfReference, match="ignore_frame_of_reference=True"):
            resample_to(one, two)
        found = resample_to(one, two, ignore_frame_of_reference=True, dtype="int16")
        np.testing.assert_array_equal(found.values, made.values)
        assert found.dicom.frame_of_reference_uid == two.dicom.frame_of_reference_uid


@settings(max_examples=40)
@given(affine=affines(), flips=st.sets(st.sampled_from("zyx")), jit=st.booleans())
def test_unsheared_planes_are_the_planes_shifted_in_themselves(
    affine: Any, flips: set[str], jit: bool
) -> None:
    made = fill_by_place(volume(affine, SHAPE), FIELD)
    made = made.isel({axis: slice(None, None, -1) for axis in flips})
    upright = unshear(made, jit=jit)
    assert upright.dicom.tilt_deg == pytest.approx(0, abs=1e-5) or upright is made
    assert upright.sizes["z"] == made.sizes["z"]
    is_inside = np.isfinite(upright.values)
    expected = FIELD(places(upright))
    np.testing.assert_allclose(upright.values[is_inside], expected[is_inside], atol=1e-5, rtol=0)
    # Each plane holds all its voxels' places: none is lost at the borders.
    shares = is_inside.sum(axis=(1, 2)) / (SHAPE[1] * SHAPE[2])
    assert np.all(shares > (1 - 1 / SHAPE[1]) * (1 - 1 / SHAPE[2]) - 1e-9)
    np.testing.assert_array_equal(upright.values[0][is_inside[0]].size, SHAPE[1] * SHAPE[2])
    directions = np.sign(np.linalg.det(upright.dicom.direction))
    assert directions == np.sign(np.linalg.det(made.dicom.direction))


def test_unsheared_volumes_are_resampled_alike_by_simpleitk() -> None:
    """A tilted CT has no image of its own there: the transform bears the shear."""
    made = noise(TILTED, (10, 20, 12))
    upright = unshear(made, fill=-9999)
    image = SimpleITK.GetImageFromArray(made.values.astype(np.float32))  # in index space
    grid = SimpleITK.Image(upright.shape[::-1], SimpleITK.sitkFloat32)
    to_index = np.linalg.inv(made.dicom.affine) @ upright.dicom.affine
    transform = SimpleITK.AffineTransform(3)
    transform.SetMatrix(to_index[:3, :3][::-1, ::-1].ravel().tolist())
    transform.SetTranslation(to_index[:3, 3][::-1].tolist())
    theirs = SimpleITK.GetArrayFromImage(
        SimpleITK.Resample(image, grid, transform, SimpleITK.sitkLinear, -9999.0)
    )
    is_inside = upright.values != -9999
    assert 0.5 < is_inside.mean() < 0.9
    np.testing.assert_allclose(upright.values[is_inside], theirs[is_inside], atol=0.05, rtol=1e-4)


def test_what_is_not_sheared_is_left_alone() -> None:
    made = noise(AXIAL)
    assert unshear(made) is made
    hardly = AXIAL.copy()
    hardly[1, 0] = 0.0009  # the last of six planes by 0.0045 mm of half-millimetre pixels
    made = noise(hardly)
    assert unshear(made) is made
    with pytest.raises(CannotResample, match="has no value for outside"):
        unshear(noise(TILTED), dtype="int16")
    assert unshear(noise(TILTED), dtype="int16", fill=-1024).dtype == np.int16


@pytest.mark.real_data
def test_a_real_tilted_head_is_made_upright_as_dcm2niix_makes_it(
    handle: Handle, real_data: Path
) -> None:
    folder = real_data / "real/ct_philips_headphantom_tilt"
    paths = sorted(folder.iterdir())
    for path in paths:
        admit_file(handle, path)
    tilted = load(handle, pydicom.dcmread(paths[0], stop_before_pixels=True).SeriesInstanceUID)
    upright = unshear(tilted, fill=-1024)
    with (real_data / "expected_dcm2niix.tsv").open() as table:
        theirs = next(
            line
            for line in csv.DictReader(table, delimiter="\t")
            if line["nifti"] == "301_STEREOTAXIS_Tilt_1.nii"
        )
    assert "x".join(map(str, upright.shape[::-1])) == theirs["shape"]
    # They round, and put the planes elsewhere within a pixel: the mean says that much.
    assert float(upright.mean(dtype="float64")) == pytest.approx(float(theirs["mean"]), abs=0.3)
    rows = np.array(theirs["affine"].replace("-0\\", "0\\").split("\\"), dtype=float).reshape(3, 4)
    ours = np.diag([-1, -1, 1]) @ upright.dicom.affine[:3, [2, 1, 0]]  # NIfTI is RAS
    np.testing.assert_allclose(rows[:, :3] * (1, -1, 1), ours, atol=1e-4)  # and rows from below
    assert upright.dicom.tilt_deg < 1e-6
    index = np.array([[z, y, x] for z in (0, 20, 57) for y in (0, 511) for x in (0, 511)])
    inside = upright.dicom.world_to_index(tilted.dicom.index_to_world(index))
    assert np.all((inside > -1e-6) & (inside < np.array(upright.shape) - 1 + 1e-6))
