"""Segmentations made for a test, and the images that they are of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from noctis_lab.synthetic import ct_series
from noctis_lab.synthetic.seg import SegOptions, segmentation
from noctis_lab.volumes.cache import Handle
from noctis_lab.volumes.load import load
from tests.volumes.archive import admit

#: Rows · columns is no multiple of 8: every frame but the first begins within a byte.
ROWS, COLUMNS, PLANES = 9, 7, 5


def some_masks(segments: int = 2, *, greatest: int = 1, overlap: bool = False) -> NDArray[np.uint8]:
    """Return masks with empty planes, and voxels of their own each (unless they shall overlap)."""
    rng = np.random.default_rng(segments)
    shape = (PLANES, ROWS, COLUMNS)
    owner = rng.integers(0, segments + 1, shape)
    masks = np.stack([(owner == number + 1) for number in range(segments)]).astype(np.uint8)
    masks[0, 0] = masks[1:, 3] = 0
    if overlap:
        masks[1, 2] = masks[0, 2]
    return masks * rng.integers(1, greatest + 1, masks.shape).astype(np.uint8)


def source(**options: Any) -> list[Dataset]:
    return ct_series(**({"planes": PLANES, "rows": ROWS, "columns": COLUMNS} | options))


def with_volume(
    handle: Handle, tmp_path: Path, dataset: Dataset, images: list[Dataset]
) -> tuple[xr.DataArray, xr.DataArray]:
    admit(handle, images, tmp_path / "images")
    admit(handle, [dataset], tmp_path / "seg")
    return load(handle, dataset.SeriesInstanceUID), load(handle, images[0].SeriesInstanceUID)


def assert_same_grid(found: xr.DataArray, volume: xr.DataArray) -> None:
    for axis in ("z", "y", "x"):
        np.testing.assert_array_equal(found[axis], volume[axis])
    assert found.patient_lps.attrs == volume.patient_lps.attrs
    assert found.attrs["grid"] == "source"
    assert "geometry_note" not in found.attrs


def changed(kind: Any = "BINARY", **elements: Any) -> Dataset:
    dataset = segmentation(some_masks(2), source(), SegOptions(kind=kind))
    for keyword, value in elements.items():
        if value is None:
            delattr(dataset, keyword)
        else:
            setattr(dataset, keyword, value)
    return dataset
