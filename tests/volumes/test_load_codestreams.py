"""Compressed pixels that contradict what is stated of them, in volumes: never wrong in silence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import JPEG2000Lossless

from noctis_lab.errors import PixelWarning, UnsupportedSeries
from noctis_lab.synthetic import ct_series
from noctis_lab.volumes.cache import Handle
from noctis_lab.volumes.load import load
from tests.volumes.archive import admit


def jpeg2000(numbers: NDArray[Any]) -> bytes:
    return bytes(imagecodecs.jpeg2k_encode(numbers, codecformat="j2k", reversible=True, level=0))


def shallow_ct(greatest: int) -> tuple[list[Dataset], NDArray[np.uint16]]:
    """Return planes of BitsStored 12, one with a sample of 16 bits, and their samples."""
    planes = ct_series(planes=3, rows=6, columns=8, signed=False, bits_stored=12)
    samples = np.stack([plane.pixel_array for plane in planes]).astype(np.uint16)
    samples[1, 2, 3] = greatest
    for plane, words in zip(planes, samples, strict=True):
        plane.RescaleIntercept = -1024
        plane.PixelData = encapsulate([jpeg2000(words)])
        plane["PixelData"].VR = "OB"
        plane.file_meta.TransferSyntaxUID = JPEG2000Lossless
    return planes, samples


def test_samples_beyond_bits_stored_are_values(handle: Handle, tmp_path: Path) -> None:
    planes, samples = shallow_ct(4265)
    admit(handle, planes, tmp_path / "in")

    with pytest.warns(PixelWarning, match="BitsStored is 12.*beyond"):
        volume = load(handle, str(planes[0].SeriesInstanceUID))

    assert volume.dtype == np.int16
    np.testing.assert_array_equal(volume, samples + float(planes[0].RescaleIntercept))


def test_values_that_the_planned_type_does_not_hold_are_refused(
    handle: Handle, tmp_path: Path
) -> None:
    planes, samples = shallow_ct(65000)
    uid = str(planes[0].SeriesInstanceUID)
    admit(handle, planes, tmp_path / "in")

    with (
        pytest.warns(PixelWarning),
        pytest.raises(UnsupportedSeries, match="int16 does not hold them; load with dtype='float"),
    ):
        load(handle, uid)
    with pytest.warns(PixelWarning):
        volume = load(handle, uid, dtype="float32")
    np.testing.assert_array_equal(volume, samples + float(planes[0].RescaleIntercept))


def test_padding_beyond_bits_stored_is_masked(handle: Handle, tmp_path: Path) -> None:
    planes, _ = shallow_ct(4265)
    for plane in planes:
        plane.add_new("PixelPaddingValue", "US", 4265)
    admit(handle, planes, tmp_path / "in")

    with pytest.warns(PixelWarning):
        volume = load(handle, str(planes[0].SeriesInstanceUID), mask_padding=True)

    assert np.argwhere(np.isnan(volume.values)).tolist() == [[1, 2, 3]]
