"""Small data sets and their encodings by pydicom, for the tests of the ground."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID

CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"


@pytest.fixture
def make_dataset() -> Callable[..., Dataset]:
    """Return a function: a CT image of 4 x 3 pixels, 16 bits, with the attributes given."""

    def make(**attributes: Any) -> Dataset:
        ds = Dataset()
        ds.SOPClassUID, ds.SOPInstanceUID = CT_IMAGE, "1.2.3.4"
        ds.StudyInstanceUID, ds.SeriesInstanceUID = "1.2.3.1", "1.2.3.2"
        ds.Rows, ds.Columns = 4, 3
        ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
        ds.BitsAllocated, ds.BitsStored, ds.HighBit = 16, 12, 11
        ds.PixelRepresentation = 0
        ds.PixelData = struct.pack("<12H", *range(0, 12 * 300, 300))
        ds["PixelData"].VR = "OW"
        for keyword, value in attributes.items():
            setattr(ds, keyword, value)
        return ds

    return make


@pytest.fixture
def encode() -> Callable[..., bytes]:
    """Return a function: a data set as a Part 10 file, by pydicom."""

    def write(ds: Dataset, syntax: str = "1.2.840.10008.1.2.1") -> bytes:
        uid = UID(syntax)
        ds.file_meta = FileMetaDataset()
        ds.file_meta.TransferSyntaxUID = uid
        ds.file_meta.MediaStorageSOPClassUID = ds.get("SOPClassUID", CT_IMAGE)
        ds.file_meta.MediaStorageSOPInstanceUID = ds.get("SOPInstanceUID", "1.2.3.4")
        ds.file_meta.ImplementationClassUID = "1.2.3"
        stream = io.BytesIO()
        pydicom.dcmwrite(stream, ds, enforce_file_format=True)
        return stream.getvalue()

    return write


@pytest.fixture
def put(tmp_path: Path, encode: Callable[..., bytes]) -> Callable[..., Path]:
    """Return a function: a data set, or bytes, as a file in the test's folder."""

    def write(
        content: Dataset | bytes, name: str = "a.dcm", syntax: str = "1.2.840.10008.1.2.1"
    ) -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else encode(content, syntax))
        return path

    return write


@pytest.fixture
def rgb() -> NDArray[np.uint8]:
    """Return an image of 16 x 24 pixels, another in each colour."""
    x, y = np.meshgrid(np.arange(24), np.arange(16))
    return np.stack([10 * x, 15 * y, 5 * (x + y)], axis=2).astype(np.uint8)
