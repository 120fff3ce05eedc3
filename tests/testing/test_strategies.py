"""What the strategies promise, by properties that the code under them must keep."""

from __future__ import annotations

import io

import numpy as np
import pydicom
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.filewriter import write_dataset
from pydicom.uid import UID

from noctis_lab.dicom.codecs import decode_frame
from noctis_lab.dicom.frames import PixelLayout
from noctis_lab.dicom.geometry import PlaneGeometry
from noctis_lab.synthetic import CtOptions, ct_series, formula_stored
from noctis_lab.testing import strategies as dicom


@given(dicom.uids())
def test_uids_are_well_formed(uid: str) -> None:
    assert UID(uid).is_valid


@given(dicom.plane_geometries())
def test_orientations_are_orthonormal(plane: PlaneGeometry) -> None:
    assert plane.orientation is not None
    x, y = np.split(np.array(plane.orientation), 2)
    np.testing.assert_allclose([x @ x, y @ y, x @ y], [1, 1, 0], atol=1e-12)


@given(st.data())
def test_native_frames_decode_to_what_they_stand_for(data: st.DataObject) -> None:
    layout: PixelLayout = data.draw(dicom.pixel_layouts())
    payload, stored = data.draw(dicom.native_frames(layout))
    np.testing.assert_array_equal(decode_frame(layout, "1.2.840.10008.1.2.1", payload), stored)


@settings(deadline=None, max_examples=30)
@given(dicom.ct_options())
def test_series_of_any_options_hold_their_formula(options: CtOptions) -> None:
    series = ct_series(**options)
    shape = (options["planes"], options["rows"], options["columns"])
    bits, signed = options["bits_stored"], options["signed"]
    expected = formula_stored(*shape, bits_stored=bits, signed=signed)
    stored = np.stack([plane.pixel_array for plane in series])
    np.testing.assert_array_equal(stored, expected)
    positions = np.array([plane.ImagePositionPatient for plane in series], dtype=float)
    steps = np.linalg.norm(np.diff(positions, axis=0), axis=1)
    np.testing.assert_allclose(steps, options["slice_spacing_mm"], atol=1e-6)


@settings(deadline=None, max_examples=50)
@given(dicom.data_sets(), st.booleans())
def test_data_sets_survive_pydicom(dataset: Dataset, implicit: bool) -> None:
    buffer = pydicom.filebase.DicomBytesIO()
    buffer.is_little_endian, buffer.is_implicit_VR = True, implicit
    write_dataset(buffer, dataset)
    again = pydicom.filereader.read_dataset(
        io.BytesIO(buffer.getvalue()), is_implicit_VR=implicit, is_little_endian=True
    )
    assert set(again.keys()) == set(dataset.keys())
