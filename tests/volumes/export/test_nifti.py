"""NIfTI: read by nibabel, SimpleITK and dcm2niix' own files, every voxel lies where it lay."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import dask.array as da
import dcm2niix
import nibabel
import numpy as np
import pytest
import SimpleITK
import xarray as xr

from noctis_lab.errors import CannotExport, ExtraNotInstalled, NoGeometry
from noctis_lab.synthetic import ct_series, write_series
from noctis_lab.volumes.cache import Handle
from noctis_lab.volumes.export import write_nifti
from noctis_lab.volumes.load import load
from tests.volumes.archive import admit_file
from tests.volumes.export.volumes import TILT_DEG, TILTED, volume

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0])
TYPES = ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float32",
         "float64"]  # fmt: skip


def places_of(made: xr.DataArray) -> np.ndarray[Any, Any]:
    """Return the patient positions of all voxels, shape (z, y, x, 3), from the coordinates."""
    direction = np.array(made.patient_lps.attrs["direction"]).reshape(3, 3)
    axes = [np.atleast_1d(made.coords[axis].values) for axis in ("z", "y", "x")]
    along = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    return along @ direction.T


def assert_lies_as(image: Any, made: xr.DataArray, *, within_mm: float = 1e-4) -> None:
    """Assert that an image has each value of a volume at its place, however its voxels run."""
    places = places_of(made) @ LPS_TO_RAS
    index = nibabel.affines.apply_affine(np.linalg.inv(image.affine), places)
    nearest = np.rint(index).astype(int)
    moved = nibabel.affines.apply_affine(image.affine, nearest) - places
    assert np.abs(moved).max() <= within_mm
    x, y, z = np.moveaxis(nearest, -1, 0)
    np.testing.assert_array_equal(np.asanyarray(image.dataobj)[x, y, z], made.values)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
@pytest.mark.parametrize("dtype", TYPES)
def test_values_types_and_places_are_kept(dtype: str, suffix: str, tmp_path: Path) -> None:
    made = volume(dtype=dtype)
    write_nifti(made, tmp_path / f"v{suffix}")
    image = nibabel.load(tmp_path / f"v{suffix}")
    assert image.get_data_dtype() == np.dtype(dtype)
    assert image.header.get_xyzt_units() == ("mm", "unknown")
    assert (image.header["sform_code"], image.header["qform_code"]) == (1, 1)
    np.testing.assert_allclose(image.get_qform(), image.get_sform(), atol=1e-5)
    assert_lies_as(image, made)


def test_equal_volumes_are_equal_files_and_stand_alone(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_nifti(volume(), tmp_path / f"{name}.nii.gz")
    assert (tmp_path / "a.nii.gz").read_bytes() == (tmp_path / "b.nii.gz").read_bytes()
    assert sorted(each.name for each in tmp_path.iterdir()) == [
        "a.json", "a.nii.gz", "b.json", "b.nii.gz",
    ]  # fmt: skip


def test_a_sheared_stack_is_exact_in_the_sform_and_has_no_qform(tmp_path: Path) -> None:
    made = volume(directions=TILTED)
    assert made.dicom.tilt_deg == pytest.approx(TILT_DEG)
    write_nifti(made, tmp_path / "v.nii")
    image = nibabel.load(tmp_path / "v.nii")
    assert (image.header["sform_code"], image.header["qform_code"]) == (1, 0)
    assert_lies_as(image, made)
    with pytest.raises(RuntimeError, match="orthonormal"):
        SimpleITK.ReadImage(tmp_path / "v.nii")


@pytest.mark.parametrize(
    "cut",
    [
        {"z": slice(None, None, -1)},
        {"z": slice(1, None), "y": slice(None, None, -2), "x": slice(3, 0, -1)},
        {"z": 1},
        {"z": [1], "y": 2},
    ],
)
def test_cut_and_turned_volumes_lie_where_they_lay(cut: dict[str, Any], tmp_path: Path) -> None:
    made = volume().isel(cut)
    write_nifti(made, tmp_path / "v.nii")
    full = made
    for axis in ("x", "y", "z"):
        full = full if axis in full.dims else full.expand_dims(axis)
    assert_lies_as(nibabel.load(tmp_path / "v.nii"), full.transpose("z", "y", "x"))


@pytest.mark.parametrize(
    ("extra", "step_s", "units"),
    [
        (("time", [0.0, 1.5, 3.0], "s"), 1.5, "sec"),
        (("time", [100.0, 350.0], "ms"), 0.25, "sec"),
        (("time", [0.0, 1.0, 5.0], "s"), 0.0, "unknown"),
        (("echo", [4.0, 8.0], "ms"), 0.0, "unknown"),
    ],
)
def test_the_extra_dim_is_the_fourth_and_time_has_its_step(
    extra: tuple[str, list[float], str], step_s: float, units: str, tmp_path: Path
) -> None:
    made = volume(extra=extra)
    write_nifti(made, tmp_path / "v.nii.gz")
    image = nibabel.load(tmp_path / "v.nii.gz")
    assert image.shape == (5, 4, 3, len(extra[1]))
    assert image.header.get_zooms()[3] == pytest.approx(step_s)
    assert image.header.get_xyzt_units() == ("mm", units)
    for at in range(len(extra[1])):
        assert_lies_as(image.slicer[..., at], made.isel({extra[0]: at}))
    beside = json.loads((tmp_path / "v.json").read_text())
    assert (beside["dim"], beside[extra[0]]["values"]) == (extra[0], extra[1])
    assert beside["units"] == "HU"


def test_colours_are_rgb24(tmp_path: Path) -> None:
    made = volume(channels=3, dtype="uint8")
    write_nifti(made, tmp_path / "v.nii")
    stored = np.asanyarray(nibabel.load(tmp_path / "v.nii").dataobj)
    for at, name in enumerate("RGB"):
        np.testing.assert_array_equal(stored[name].T, made.isel(channel=at).values)


def test_a_lazy_volume_is_read_piece_by_piece(tmp_path: Path) -> None:
    made = volume((50, 4, 5), extra=("time", [0.0, 1.0], "s"))
    lazy = made.copy(data=da.from_array(made.values, chunks=(1, 20, 4, 5)))
    write_nifti(lazy, tmp_path / "lazy.nii")
    write_nifti(made, tmp_path / "eager.nii")
    assert (tmp_path / "lazy.nii").read_bytes() == (tmp_path / "eager.nii").read_bytes()


def test_dims_beyond_16_bits_are_nifti_2(tmp_path: Path) -> None:
    made = volume((1, 1, 40_000), dtype="int32")
    write_nifti(made, tmp_path / "v.nii")
    image = nibabel.load(tmp_path / "v.nii")
    assert isinstance(image, nibabel.Nifti2Image)
    assert_lies_as(image, made)


@pytest.mark.parametrize(
    ("made", "error", "words"),
    [
        (volume(z_mm=[0.0, 1.0, 3.0]), CannotExport, r"regularize\(\)"),
        (volume(channels=3, dtype="uint16"), CannotExport, "3 × uint16"),
        (volume(dtype="complex64"), CannotExport, "astype"),
        (volume().rename(z="frame"), CannotExport, "no axis z in the patient; write it as PNG"),
        (volume().drop_vars("patient_lps"), NoGeometry, "no geometry"),
        (volume().expand_dims(("time", "echo")), CannotExport, r"not time, echo"),
    ],
)
def test_what_nifti_cannot_hold_is_refused_with_the_remedy(
    made: xr.DataArray, error: type[Exception], words: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=words) as caught:
        write_nifti(made, tmp_path / "v.nii")
    assert "1.2.3.4" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "nibabel", None)
    with pytest.raises(ExtraNotInstalled, match=r"nibabel .* 'noctis-lab\[nifti\]'"):
        write_nifti(volume(), tmp_path / "v.nii")
    with pytest.raises(CannotExport, match=r"\.nii\.gz"):
        write_nifti(volume(), tmp_path / "v.img")


def dcm2niix_images(folder: Path, out: Path) -> list[Any]:
    """Return what dcm2niix makes of a folder of DICOM files."""
    out.mkdir()
    subprocess.run(
        [dcm2niix.bin, "-f", "%s_%d", "-o", str(out), str(folder)],
        check=True, capture_output=True, timeout=240,
    )  # fmt: skip
    return [nibabel.load(path) for path in sorted(out.glob("*.nii"))]


def admitted_series(handle: Handle, folder: Path) -> str:
    """Catalogue the series of a folder where they lie; return the UID of the largest."""
    for path in sorted(each for each in folder.rglob("*") if each.is_file()):
        admit_file(handle, path, in_place=True)
    found = handle.query.sql("SELECT SeriesInstanceUID FROM series ORDER BY instance_count DESC")
    uid = found.fetchall()[0][0]
    return str(uid)


def assert_dcm2niix_agrees(made: xr.DataArray, folder: Path, out: Path, within_mm: float) -> None:
    """Assert that dcm2niix has each voxel at its place; of a tilted series, each plane's."""
    theirs = [image for image in dcm2niix_images(folder, out) if image.shape == made.shape[::-1]]
    image = theirs[0]
    if made.dicom.tilt_deg > 0.1:
        # It gives the z column the distance of the planes along their normal, where the step from
        # plane to plane is longer; "_Tilt" files are resampled, and of another shape.
        affine = image.affine.copy()
        affine[:3, 2] /= np.cos(np.radians(made.dicom.tilt_deg))
        image = nibabel.Nifti1Image(np.asanyarray(image.dataobj), affine)
    assert_lies_as(image, made, within_mm=within_mm)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"gantry_tilt_deg": 12.0},
        {"orientation": (0.0, 1.0, 0.0, 0.0, 0.0, -1.0)},
        {"orientation": (0.8, 0.6, 0.0, 0.0, 0.0, -1.0), "slice_spacing_mm": 3.0},
        {"rescale_slope": 1.0, "rescale_intercept": -1024.0, "pixel_spacing_mm": (0.7, 0.4)},
    ],
    ids=["axial", "tilted", "sagittal", "oblique", "rescaled"],
)
def test_each_voxel_lies_where_dcm2niix_puts_it(
    options: dict[str, Any], handle: Handle, tmp_path: Path
) -> None:
    write_series(ct_series(planes=6, rows=10, columns=8, **options), tmp_path / "dicom")
    made = load(handle, admitted_series(handle, tmp_path / "dicom"))
    write_nifti(made, tmp_path / "v.nii")
    assert_lies_as(nibabel.load(tmp_path / "v.nii"), made)
    assert_dcm2niix_agrees(made, tmp_path / "dicom", tmp_path / "theirs", 1e-3)


@pytest.mark.real_data
@pytest.mark.parametrize("collection", ["ct_catphan504_varian_obi", "ct_philips_headphantom_tilt"])
def test_real_series_lie_where_dcm2niix_puts_them(
    collection: str, handle: Handle, real_data: Path, tmp_path: Path
) -> None:
    folder = real_data / "real" / collection
    made = load(handle, admitted_series(handle, folder))
    write_nifti(made, tmp_path / "v.nii")
    assert_lies_as(nibabel.load(tmp_path / "v.nii"), made)
    assert_dcm2niix_agrees(made, folder, tmp_path / "theirs", 0.05)


@pytest.mark.real_data
@pytest.mark.parametrize(
    "collection",
    ["ct_slicer_head_64px", "emr_siemens_xa10", "mr_4d_ge_epi", "mr_4d_philips_dstream",
     "mr_acr_ge_artist_t1", "mr_acr_philips_achieva", "mr_asl_philips_rescale",
     "mr_mosaic_siemens_nih", "pet_nema_iq_recon1"],
)  # fmt: skip
def test_real_grids_are_those_of_dcm2niix(
    collection: str, handle: Handle, real_data: Path, tmp_path: Path
) -> None:
    # Places only: dcm2niix scales values of Philips by private factors, and orders times itself.
    folder = real_data / "real" / collection
    made = load(handle, admitted_series(handle, folder))
    write_nifti(made, tmp_path / "v.nii")
    image = nibabel.load(tmp_path / "v.nii")
    last = np.array(image.shape[:3]) - 1
    corners = np.array(list(np.ndindex(2, 2, 2))) * last
    places = nibabel.affines.apply_affine(image.affine, corners)
    distances_mm = []
    for theirs in dcm2niix_images(folder, tmp_path / "theirs"):
        if theirs.shape == image.shape:
            index = nibabel.affines.apply_affine(np.linalg.inv(theirs.affine), places)
            nearest = np.clip(np.rint(index), 0, last)
            moved = nibabel.affines.apply_affine(theirs.affine, nearest) - places
            distances_mm.append(np.abs(moved).max())
    assert min(distances_mm) < 1e-3
