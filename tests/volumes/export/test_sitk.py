"""SimpleITK's image: the same values at the same places, or refused with the remedy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK
import xarray as xr

from noctis_lab.errors import CannotExport, ExtraNotInstalled
from noctis_lab.synthetic import ct_series, write_series
from noctis_lab.volumes.cache import Handle
from noctis_lab.volumes.load import load
from tests.volumes.archive import admit_file
from tests.volumes.export.volumes import TILTED, volume


def assert_lies_as(image: Any, made: xr.DataArray) -> None:
    for index in np.ndindex(made.shape):
        place = image.TransformIndexToPhysicalPoint([int(each) for each in index[::-1]])
        np.testing.assert_allclose(place, made.dicom.index_to_world(index), atol=1e-9)
        assert image[tuple(int(each) for each in index[::-1])] == made.values[index]


@pytest.mark.parametrize(
    "cut", [{}, {"z": slice(None, None, -1)}, {"y": slice(3, 0, -2), "x": [1, 2]}, {"z": [1]}]
)
def test_each_voxel_lies_where_it_lay(cut: dict[str, Any]) -> None:
    made = volume().isel(cut)
    assert_lies_as(made.dicom.to_sitk(), made)


def test_it_is_the_image_that_simpleitk_reads_itself(handle: Handle, tmp_path: Path) -> None:
    options: dict[str, Any] = {
        "orientation": (0.8, 0.6, 0.0, 0.0, 0.0, -1.0), "rescale_intercept": -1024.0,
        "pixel_spacing_mm": (0.7, 0.4), "slice_spacing_mm": 3.0,
    }  # fmt: skip
    sets = ct_series(planes=5, rows=6, columns=7, **options)
    paths = [admit_file(handle, path) for path in write_series(sets, tmp_path / "dicom")]
    ours = load(handle, str(sets[0].SeriesInstanceUID)).dicom.to_sitk()
    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames(SimpleITK.ImageSeriesReader.GetGDCMSeriesFileNames(str(tmp_path / "dicom")))
    theirs = reader.Execute()
    assert len(paths) == 5
    np.testing.assert_array_equal(
        SimpleITK.GetArrayFromImage(ours), SimpleITK.GetArrayFromImage(theirs)
    )
    for of in ("GetOrigin", "GetSpacing", "GetDirection"):
        np.testing.assert_allclose(getattr(ours, of)(), getattr(theirs, of)(), atol=1e-6)


def test_an_even_extra_dim_is_the_fourth_axis() -> None:
    image = volume(extra=("time", [1.0, 3.5, 6.0], "s")).dicom.to_sitk()
    assert image.GetSize() == (5, 4, 3, 3)
    assert (image.GetSpacing()[3], image.GetOrigin()[3]) == (2.5, 1.0)
    uneven = volume(extra=("b_value", [0.0, 50.0, 800.0], "s/mm2")).dicom.to_sitk()
    assert (uneven.GetSpacing()[3], uneven.GetOrigin()[3]) == (1.0, 0.0)


def test_colours_are_a_vector_image() -> None:
    made = volume(channels=3, dtype="uint8")
    image = made.dicom.to_sitk()
    assert (image.GetNumberOfComponentsPerPixel(), image.GetSize()) == (3, (5, 4, 3))
    np.testing.assert_array_equal(SimpleITK.GetArrayFromImage(image), made.values)


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (volume(directions=TILTED), r"lean 20\.0°.*unshear\(\)"),
        (volume(z_mm=[0.0, 1.0, 3.0]), r"regularize\(\)"),
        (volume(dtype="bool"), "astype"),
    ],
)
def test_what_itk_cannot_hold_is_refused_with_the_remedy(made: xr.DataArray, words: str) -> None:
    with pytest.raises(CannotExport, match=words):
        made.dicom.to_sitk()


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "SimpleITK", None)
    with pytest.raises(ExtraNotInstalled, match=r"'noctis-lab\[itk\]'"):
        volume().dicom.to_sitk()
