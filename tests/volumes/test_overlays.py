"""Overlays of a series as boolean arrays on the coordinates of its volume."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from noctis_lab.errors import CannotInterpret
from noctis_lab.synthetic import ct_series
from noctis_lab.volumes.cache import Handle
from noctis_lab.volumes.load import load
from noctis_lab.volumes.overlays import load_overlays
from tests.volumes.archive import admit, admit_file


def put_overlay(dataset: Dataset, group: int, bits: np.ndarray, label: str = "") -> None:
    packed = np.packbits(bits.ravel(), bitorder="little").tobytes()
    dataset.add_new(group << 16 | 0x0010, "US", bits.shape[0])
    dataset.add_new(group << 16 | 0x0011, "US", bits.shape[1])
    dataset.add_new(group << 16 | 0x0040, "CS", "G")
    dataset.add_new(group << 16 | 0x0050, "SS", [1, 1])
    dataset.add_new(group << 16 | 0x0100, "US", 1)
    dataset.add_new(group << 16 | 0x0102, "US", 0)
    if label:
        dataset.add_new(group << 16 | 0x1500, "LO", label)
    dataset.add_new(group << 16 | 0x3000, "OW", packed + b"\0" * (len(packed) % 2))


def test_overlays_lie_on_their_planes_and_nowhere_else(handle: Handle, tmp_path: Path) -> None:
    planes = ct_series(planes=4, rows=6, columns=8)
    drawn = np.random.default_rng(0).random((2, 6, 8)) < 0.4
    put_overlay(planes[2], 0x6000, drawn[0], "lesion")
    put_overlay(planes[0], 0x6002, drawn[1])
    admit(handle, planes[::-1], tmp_path / "in")
    uid = planes[0].SeriesInstanceUID
    found, volume = load_overlays(handle, uid), load(handle, uid)
    assert list(found) == ["overlay_6000", "overlay_6002"]
    expected = np.zeros((2, 4, 6, 8), dtype=bool)
    expected[0, 2], expected[1, 0] = drawn
    np.testing.assert_array_equal(found.overlay_6000, expected[0])
    np.testing.assert_array_equal(found.overlay_6002, expected[1])
    assert found.overlay_6000.attrs == {"OverlayType": "G", "OverlayLabel": "lesion"}
    np.testing.assert_array_equal(found.overlay_6000.dicom.affine, volume.dicom.affine)
    # Masks a volume as it stands.
    assert float(volume.where(found.overlay_6000).count()) == drawn[0].sum()


def test_a_series_without_overlays_has_none(handle: Handle, tmp_path: Path) -> None:
    planes = ct_series(planes=2)
    admit(handle, planes, tmp_path / "in")
    found = load_overlays(handle, planes[0].SeriesInstanceUID)
    assert not found.data_vars
    assert "z" in found.coords


def test_an_overlay_with_too_few_bits_is_refused_by_name(handle: Handle, tmp_path: Path) -> None:
    planes = ct_series(planes=2, rows=6, columns=8)
    put_overlay(planes[0], 0x6000, np.ones((6, 8), dtype=bool))
    planes[0][0x60003000].value = b"\xff\xff"
    admit(handle, planes, tmp_path / "in")
    with pytest.raises(CannotInterpret):
        load_overlays(handle, planes[0].SeriesInstanceUID)


@pytest.mark.real_data
def test_a_real_overlay_is_what_pydicom_reads(
    real_data: Path, handle: Handle, tmp_path: Path
) -> None:
    (path,) = real_data.rglob("examples_overlay.dcm")
    admit_file(handle, path)
    dataset = pydicom.dcmread(path)
    found = load_overlays(handle, dataset.SeriesInstanceUID)
    assert list(found)
    for name, overlay in found.items():
        group = int(str(name).removeprefix("overlay_"), 16)
        np.testing.assert_array_equal(np.squeeze(overlay), dataset.overlay_array(group))
