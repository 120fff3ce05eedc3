"""Exports of series that are no images: doses and segments as volumes, contours by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from PIL import Image

from noctis_lab.errors import CannotResample, NoPixels
from noctis_lab.synthetic import ct_series
from noctis_lab.synthetic.dose import DoseOptions, dose_stored, rt_dose
from noctis_lab.synthetic.seg import SegOptions, segmentation
from noctis_lab.synthetic.structures import Outline, circle_mm, structure_set
from noctis_lab.volumes.cache import Handle
from noctis_lab.volumes.export import read_netcdf, read_zarr
from noctis_lab.volumes.export.options import ExportOptions
from noctis_lab.volumes.export.report import ExportOutcome, ExportStatus
from noctis_lab.volumes.export.run import export_series
from noctis_lab.volumes.export_format import ExportFormat
from noctis_lab.volumes.load import load
from tests.volumes.archive import admit

ROUND_TRIPS = [(ExportFormat.NETCDF, read_netcdf), (ExportFormat.ZARR, read_zarr)]


def export(handle: Handle, uid: str, to: ExportFormat, out: Path, **options: Any) -> ExportOutcome:
    (outcome,) = export_series(handle, [uid], ExportOptions(to=to, out=out, **options)).outcomes
    return outcome


def written(handle: Handle, uid: str, to: ExportFormat, out: Path, **options: Any) -> Path:
    outcome = export(handle, uid, to, out, **options)
    assert outcome.error is None
    assert outcome.path is not None
    return outcome.path


@pytest.fixture
def dose(handle: Handle, tmp_path: Path) -> str:
    dataset = rt_dose()
    admit(handle, [dataset], tmp_path / "dose")
    return str(dataset.SeriesInstanceUID)


@pytest.fixture
def segments(handle: Handle, tmp_path: Path) -> str:
    images = ct_series(planes=5, rows=9, columns=7)
    owner = np.random.default_rng(1).integers(0, 3, (5, 9, 7))
    masks = np.stack([owner == 1, owner == 2]).astype(np.uint8)
    dataset = segmentation(masks, images, SegOptions())
    admit(handle, images, tmp_path / "images")
    admit(handle, [dataset], tmp_path / "seg")
    return str(dataset.SeriesInstanceUID)


@pytest.mark.parametrize(("to", "read"), ROUND_TRIPS)
@pytest.mark.parametrize("kind", ["dose", "segments"])
def test_it_comes_in_again_as_it_was_loaded(
    to: ExportFormat,
    read: Any,
    kind: str,
    handle: Handle,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    uid: str = request.getfixturevalue(kind)
    again = read(written(handle, uid, to, tmp_path / "out"))
    xr.testing.assert_identical(again, load(handle, uid))
    assert export(handle, uid, to, tmp_path / "out").status is ExportStatus.KEPT


def test_a_dose_in_nifti_lies_where_its_data_set_puts_it(
    dose: str, handle: Handle, tmp_path: Path
) -> None:
    nibabel = pytest.importorskip("nibabel")
    image = nibabel.load(written(handle, dose, ExportFormat.NIFTI, tmp_path / "out"))
    options = DoseOptions()
    doses = dose_stored(options) * options.dose_grid_scaling
    np.testing.assert_allclose(image.get_fdata(), doses.transpose(2, 1, 0), rtol=1e-6)
    # Column 4, row 2, frame 3: by hand from origin, spacing (row, column) and offset; LPS to RAS.
    lps = np.array([-20 + 4 * 2.0, -15 + 2 * 2.5, 100 + 9.0])
    np.testing.assert_allclose(image.affine @ [4, 2, 3, 1], [-lps[0], -lps[1], lps[2], 1])


def test_segments_are_the_volumes_of_a_nifti(segments: str, handle: Handle, tmp_path: Path) -> None:
    nibabel = pytest.importorskip("nibabel")
    image = nibabel.load(written(handle, segments, ExportFormat.NIFTI, tmp_path / "out"))
    loaded = load(handle, segments)
    assert image.shape == (7, 9, 5, 2)
    np.testing.assert_array_equal(np.asarray(image.dataobj), loaded.values.transpose(3, 2, 1, 0))


def test_a_mask_is_drawn_black_and_white(segments: str, handle: Handle, tmp_path: Path) -> None:
    folder = written(handle, segments, ExportFormat.PNG, tmp_path / "out")
    drawn = np.asarray(Image.open(folder / "segment0001-z0002.png"))
    np.testing.assert_array_equal(drawn, load(handle, segments).values[1, 2] * np.uint8(255))


def test_several_doses_of_one_series_are_a_folder(handle: Handle, tmp_path: Path) -> None:
    one, other = rt_dose(), rt_dose(DoseOptions(offsets_mm=(0.0, 1.0)))
    other.SeriesInstanceUID, other.InstanceNumber = one.SeriesInstanceUID, 2
    other.SOPInstanceUID = other.file_meta.MediaStorageSOPInstanceUID = "1.2.77"
    admit(handle, [one, other], tmp_path / "in")
    folder = written(handle, one.SeriesInstanceUID, ExportFormat.NETCDF, tmp_path / "out")
    assert sorted(each.name for each in folder.iterdir()) == ["stack-0.nc", "stack-1.nc"]
    assert read_netcdf(folder / "stack-1.nc").sizes["z"] == 2


def test_a_dose_is_pseudonymised_as_an_image_is(dose: str, handle: Handle, tmp_path: Path) -> None:
    made = read_netcdf(
        written(handle, dose, ExportFormat.NETCDF, tmp_path / "out", pseudonymise=True)
    )
    loaded = load(handle, dose)
    np.testing.assert_array_equal(made.values, loaded.values)
    assert made.attrs["SeriesInstanceUID"].startswith("2.25.")
    told = repr(made.attrs) + repr(made.coords)
    assert not any(uid in told for uid in loaded.attrs.get("ReferencedPlanUIDs", [dose]))


def test_a_surface_is_of_a_dose_not_of_several_masks(
    dose: str, segments: str, handle: Handle, tmp_path: Path
) -> None:
    path = written(handle, dose, ExportFormat.STL, tmp_path / "out", level=0.6)
    assert path.stat().st_size > 84
    outcome = export(handle, segments, ExportFormat.STL, tmp_path / "out", level=0.5)
    assert isinstance(outcome.error, CannotResample)


def test_contours_are_refused_with_what_to_do(handle: Handle, tmp_path: Path) -> None:
    outline = Outline(name="Heart", contours=[circle_mm((0, 0, 0), 9)])
    dataset = structure_set([outline], ct_series(planes=2, rows=4, columns=4))
    admit(handle, [dataset], tmp_path / "in")
    uid = str(dataset.SeriesInstanceUID)
    outcome = export(handle, uid, ExportFormat.NIFTI, tmp_path / "out")
    assert isinstance(outcome.error, NoPixels)
    assert "series.structures()" in str(outcome.error)
    assert len(list(written(handle, uid, ExportFormat.DICOM, tmp_path / "out").iterdir())) == 1
