"""Doses and segmentations open lazily: the eager values, of no more frames than are asked for."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.uid import RLELossless

from noctis_lab.config import open_settings
from noctis_lab.errors import GeometryWarning, SeriesChanged, SeveralStacks, UnsupportedSeries
from noctis_lab.lab import open_lab
from noctis_lab.synthetic import ct_series, write_series
from noctis_lab.synthetic.dose import DoseOptions, rt_dose
from noctis_lab.synthetic.seg import SegOptions, segmentation
from noctis_lab.volumes.cache import Handle, open_handle
from noctis_lab.volumes.load import load
from tests.volumes.archive import admit
from tests.volumes.lazily import one_index, opened
from tests.volumes.segment_sources import some_masks, source

#: A name, what is made, and options of `load`.
KINDS: dict[str, dict[str, Any]] = {
    "dose": {},
    "stored dose": {"stored": True},
    "compressed dose": {"dtype": "float64"},
    "masks": {},
    "cropped masks": {},
    "fractions": {},
    "stored fractions": {"stored": True},
    "label map": {},
    "compressed label map": {"dtype": "uint8"},
    "masks of their own": {},
    "no place": {},
}


def made(kind: str) -> list[Dataset]:
    """Return a dose grid, or a segmentation and what it is of."""
    images, masks = source(seed=kind), some_masks(3)
    if "dose" in kind:
        syntax: dict[str, Any] = {"transfer_syntax_uid": RLELossless, "bits": 16}
        syntax = syntax if kind.startswith("compressed") else {}
        return [rt_dose(DoseOptions(seed=kind, **syntax))]
    if kind == "no place":
        dataset = segmentation(masks[:1, 1:2], images[:1], SegOptions(seed=kind, with_source=False))
        del dataset.SharedFunctionalGroupsSequence[0].PlaneOrientationSequence
        del dataset.PerFrameFunctionalGroupsSequence[0].PlanePositionSequence
        return [dataset]
    options: dict[str, Any] = {"seed": kind}
    if "fractions" in kind:
        options |= {"kind": "FRACTIONAL", "greatest": 200}
        masks = some_masks(3, greatest=200)
    if "label map" in kind:
        options |= {"kind": "LABELMAP"}
    if kind.startswith("compressed"):
        options |= {"transfer_syntax_uid": RLELossless}
    if kind == "masks of their own":
        options |= {"with_source": False}
    if kind == "cropped masks":
        cropped = source(seed=kind)
        for image in cropped:
            x, y, z = image.ImagePositionPatient
            image.ImagePositionPatient = [x + 2 * 0.5, y + 3 * 0.5, z]
        return [segmentation(masks[:, :, 3:8, 2:6], cropped, SegOptions(**options)), *images]
    return [segmentation(masks, images, SegOptions(**options)), *images]


@pytest.fixture(scope="module")
def pairs(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[dict[str, tuple[xr.DataArray, xr.DataArray]]]:
    """Give of each kind the eager array and the lazy one."""
    folder = tmp_path_factory.mktemp("objects")
    with open_handle(open_settings({"root": folder / "archive"})) as handle:
        found = {}
        for kind, options in KINDS.items():
            data_sets = made(kind)
            admit(handle, data_sets, folder / kind.replace(" ", "-"))
            uid = str(data_sets[0].SeriesInstanceUID)
            found[kind] = load(handle, uid, **options), opened(handle, uid, **options)
        yield found


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_lazy_values_are_the_eager_ones(
    pairs: dict[str, tuple[xr.DataArray, xr.DataArray]], kind: str, data: st.DataObject
) -> None:
    eager, lazy = pairs[kind]
    key = {str(dim): data.draw(one_index(size)) for dim, size in eager.sizes.items()}
    xr.testing.assert_identical(lazy.isel(key).load(), eager.isel(key))
    assert lazy.dtype == eager.dtype


@pytest.mark.parametrize("kind", KINDS)
def test_a_lazy_array_says_what_the_eager_one_does(
    pairs: dict[str, tuple[xr.DataArray, xr.DataArray]], kind: str
) -> None:
    eager, lazy = pairs[kind]
    assert lazy.attrs == eager.attrs
    xr.testing.assert_identical(lazy.coords.to_dataset(), eager.coords.to_dataset())


def test_only_the_frames_that_are_asked_for_are_read(handle: Handle, tmp_path: Path) -> None:
    images, masks = source(), some_masks(2, greatest=200)
    masks[0, 1] = masks[0, 2] = 7  # one plane of the first segment holds what means nothing
    masks[0, 2, 4, 4] = 201
    dataset = segmentation(masks, images, SegOptions(kind="FRACTIONAL", greatest=200))
    admit(handle, [dataset, *images], tmp_path / "in")
    lazy = opened(handle, str(dataset.SeriesInstanceUID), stored=True)
    np.testing.assert_array_equal(lazy.isel(z=1).values, masks[:, 1])
    np.testing.assert_array_equal(lazy.isel(segment=1).values, masks[1])
    for key in ({"z": 2}, {"segment": 0}):
        with pytest.raises(UnsupportedSeries, match="beyond 200"):
            lazy.isel(key).load()


def test_only_the_planes_of_a_dose_that_are_asked_for_are_read(
    handle: Handle, tmp_path: Path
) -> None:
    dataset = rt_dose(DoseOptions(transfer_syntax_uid=RLELossless, bits=16))
    content = dataset.PixelData
    at = len(content) - 40  # within the last frame's segments
    dataset.PixelData = content[:at] + bytes(20) + content[at + 20 :]
    admit(handle, [dataset], tmp_path / "in")
    intact = rt_dose(DoseOptions(bits=16))
    lazy = opened(handle, str(dataset.SeriesInstanceUID), stored=True)
    np.testing.assert_array_equal(lazy.isel(z=0).values, intact.pixel_array[0])


def test_an_opened_object_travels_light(handle: Handle, tmp_path: Path) -> None:
    images, masks = source(planes=5), some_masks(2)
    dataset = segmentation(masks, images)
    admit(handle, [dataset, *images], tmp_path / "in")
    sent = pickle.dumps(opened(handle, str(dataset.SeriesInstanceUID)))
    assert len(sent) < 10_000
    np.testing.assert_array_equal(pickle.loads(sent).values, masks != 0)


def test_a_source_that_came_meanwhile_makes_another_array(handle: Handle, tmp_path: Path) -> None:
    images, masks = source(), some_masks(2)
    masks[:, 4] = 0
    dataset = segmentation(masks, images)
    admit(handle, [dataset], tmp_path / "in")
    sent = pickle.dumps(opened(handle, str(dataset.SeriesInstanceUID)))
    admit(handle, images, tmp_path / "images")  # its grid has five planes, the frames' own four
    with pytest.raises(SeriesChanged):
        pickle.loads(sent).load()


def test_an_uneven_dose_warns_when_it_is_opened(handle: Handle, tmp_path: Path) -> None:
    dataset = rt_dose(DoseOptions(offsets_mm=(0.0, 2.0, 7.0)))
    admit(handle, [dataset], tmp_path / "in")
    with pytest.warns(GeometryWarning, match="not uniform"):
        lazy = opened(handle, str(dataset.SeriesInstanceUID))
    assert np.diff(lazy.z.values).tolist() == [2, 5]


def test_of_several_doses_one_is_opened_by_its_number(handle: Handle, tmp_path: Path) -> None:
    one, other = rt_dose(), rt_dose(DoseOptions(offsets_mm=(0.0, 1.0)))
    other.SeriesInstanceUID, other.InstanceNumber = one.SeriesInstanceUID, 2
    other.SOPInstanceUID = other.file_meta.MediaStorageSOPInstanceUID = "1.2.77"
    admit(handle, [one, other], tmp_path / "in")
    uid = str(one.SeriesInstanceUID)
    with pytest.raises(SeveralStacks):
        opened(handle, uid)
    assert opened(handle, uid, stack=1).sizes["z"] == 2
    with pytest.raises(UnsupportedSeries, match="padding"):
        opened(handle, uid, stack=1, mask_padding=True)


def test_a_series_of_a_lab_opens_lazily_by_dask_too(tmp_path: Path) -> None:
    images, masks = ct_series(planes=5, rows=9, columns=7), some_masks(2)
    write_series([*images, segmentation(masks, images)], tmp_path / "in")
    with open_lab(tmp_path / "lab", create=True) as lab:
        lab.index(tmp_path / "in")
        lazy = lab.series(Modality="SEG").one().open(chunks={"segment": 1, "z": 2})
        assert lazy.chunks is not None
        np.testing.assert_array_equal(lazy.sum(("y", "x")).compute(), masks.sum((2, 3)))
