"""The modules that all synthetic images have in common: who, when, by what, where, and pixels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian

from noctis_lab.synthetic.encapsulate import encode_pixels
from noctis_lab.synthetic.uids import seeded_uid

__all__ = [
    "PixelFormat",
    "SeriesIdentity",
    "add_gradient_echo",
    "add_pixels",
    "add_plane",
    "begin_instance",
    "clock",
    "decimal",
]

_IMPLEMENTATION = seeded_uid("noctis_lab", "synthetic")


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesIdentity:
    """Who was imaged, when, by what, and under which UIDs; every name in it is invented."""

    SOPClassUID: str
    Modality: str
    PatientName: str
    PatientID: str
    StudyDate: str
    StudyTime: str
    StudyDescription: str
    SeriesDescription: str
    ManufacturerModelName: str
    #: UIDs that are not given are made from it.
    seed: str
    SeriesNumber: int = 1
    StudyInstanceUID: str | None = None
    SeriesInstanceUID: str | None = None
    PatientSex: str = "O"
    PatientBirthDate: str = ""
    StationName: str = "SYNTHETIC"
    DeviceSerialNumber: str = "0"
    transfer_syntax_uid: str = ExplicitVRLittleEndian

    @property
    def study_uid(self) -> UID:
        """The StudyInstanceUID, given or made."""
        return UID(self.StudyInstanceUID or seeded_uid(self.seed, "study"))

    @property
    def series_uid(self) -> UID:
        """The SeriesInstanceUID, given or made."""
        return UID(self.SeriesInstanceUID or seeded_uid(self.seed, "series", self.SeriesNumber))

    def instance_uid(self, index: int) -> UID:
        """Return the SOPInstanceUID that the instance of an index is given."""
        return seeded_uid(self.series_uid, "instance", index)


@dataclass(frozen=True, slots=True, kw_only=True)
class PixelFormat:
    """What the Image Pixel module says of stored values."""

    bits_allocated: int = 16
    bits_stored: int = 16
    signed: bool = False
    photometric_interpretation: str = "MONOCHROME2"


def begin_instance(
    identity: SeriesIdentity, index: int, *, SOPInstanceUID: str | None = None
) -> Dataset:
    """Return a data set with file meta and the patient, study, series and equipment modules.

    Parameters
    ----------
    index
        Of the instance within its series, from 0; InstanceNumber is one more.
    SOPInstanceUID
        None is the one made from the seed.

    References
    ----------
    :dcm:`PS3.3 C.7.1 to C.7.5, C.12.1 <part03/sect_C.7.html>`
    """
    instance_uid = UID(SOPInstanceUID or identity.instance_uid(index))
    dataset = Dataset()
    dataset.file_meta = _file_meta(identity, instance_uid)
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.SOPClassUID = identity.SOPClassUID
    dataset.SOPInstanceUID = instance_uid
    dataset.InstanceNumber = index + 1
    dataset.StudyInstanceUID = identity.study_uid
    dataset.SeriesInstanceUID = identity.series_uid
    for keyword in (
        *("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime"),
        *("StudyDescription", "Modality", "SeriesNumber", "SeriesDescription"),
        *("ManufacturerModelName", "StationName", "DeviceSerialNumber"),
    ):
        setattr(dataset, keyword, getattr(identity, keyword))
    for name in ("Series", "Content"):
        setattr(dataset, f"{name}Date", identity.StudyDate)
        setattr(dataset, f"{name}Time", identity.StudyTime)
    dataset.ReferringPhysicianName = ""
    dataset.StudyID = "1"
    dataset.AccessionNumber = ""
    dataset.Manufacturer = "noctis_lab"
    dataset.SoftwareVersions = "1"
    return dataset


def _file_meta(identity: SeriesIdentity, instance_uid: UID) -> FileMetaDataset:
    meta = FileMetaDataset()
    meta.FileMetaInformationVersion = b"\x00\x01"
    meta.MediaStorageSOPClassUID = UID(identity.SOPClassUID)
    meta.MediaStorageSOPInstanceUID = instance_uid
    meta.TransferSyntaxUID = UID(identity.transfer_syntax_uid)
    meta.ImplementationClassUID = _IMPLEMENTATION
    meta.ImplementationVersionName = "NOCTIS_SYNTHETIC"
    return meta


def add_plane(
    dataset: Dataset,
    *,
    position_mm: Sequence[float],
    orientation: Sequence[float],
    pixel_spacing_mm: tuple[float, float],
    thickness_mm: float,
    FrameOfReferenceUID: str,
) -> None:
    """Add the Frame of Reference and Image Plane modules; the patient lies head first, supine.

    Parameters
    ----------
    position_mm
        Centre of the first voxel, LPS.
    orientation
        Direction of increasing column, then of increasing row.
    pixel_spacing_mm
        (row, column), as in PixelSpacing.

    References
    ----------
    :dcm:`PS3.3 C.7.6.2 <part03/sect_C.7.6.2.html>`
    """
    normal = np.cross(orientation[:3], orientation[3:])
    dataset.FrameOfReferenceUID = FrameOfReferenceUID
    dataset.PositionReferenceIndicator = ""
    dataset.PatientPosition = "HFS"
    dataset.PixelSpacing = [decimal(number) for number in pixel_spacing_mm]
    dataset.SliceThickness = thickness_mm
    dataset.ImageOrientationPatient = [decimal(number) for number in orientation]
    dataset.ImagePositionPatient = [decimal(number) for number in position_mm]
    dataset.SliceLocation = decimal(float(np.dot(normal, position_mm)))


def add_gradient_echo(dataset: Dataset) -> None:
    """Add what the MR Image Module asks of any image: a plain gradient echo of the head.

    References
    ----------
    :dcm:`PS3.3 C.8.3.1 <part03/sect_C.8.3.html>`
    """
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "OTHER"]
    dataset.BodyPartExamined = "HEAD"
    dataset.AcquisitionDate = dataset.StudyDate
    dataset.AcquisitionNumber = 1
    dataset.ScanningSequence = "GR"
    dataset.SequenceVariant = "NONE"
    dataset.ScanOptions = ""
    dataset.MRAcquisitionType = "2D"
    dataset.RepetitionTime = 2000
    dataset.EchoTime = 5
    dataset.EchoTrainLength = 1
    dataset.FlipAngle = 30


def add_pixels(dataset: Dataset, stored: NDArray[np.integer[Any]], form: PixelFormat) -> None:
    """Add the Image Pixel module.

    Parameters
    ----------
    stored
        (rows, columns), or (frames, rows, columns, samples) where the data set states
        NumberOfFrames.
    """
    samples = stored.shape[-1] if "NumberOfFrames" in dataset else 1
    rows, columns = stored.shape[1:3] if "NumberOfFrames" in dataset else stored.shape
    dataset.SamplesPerPixel = samples
    dataset.PhotometricInterpretation = form.photometric_interpretation
    if samples > 1:
        dataset.PlanarConfiguration = 0
    dataset.Rows = rows
    dataset.Columns = columns
    dataset.BitsAllocated = form.bits_allocated
    dataset.BitsStored = form.bits_stored
    dataset.HighBit = form.bits_stored - 1
    dataset.PixelRepresentation = int(form.signed)
    encode_pixels(dataset, stored)


def decimal(number: float) -> float:
    """Return the nearest number whose decimal string fits into DS's 16 characters (PS3.5 6.2)."""
    return float(f"{number:.9f}") + 0.0  # + 0.0: no "-0"


def clock(time_s: float) -> str:
    """Return a TM value of so many seconds after midnight, to the millisecond."""
    milliseconds = math.floor(time_s * 1000 + 0.5)
    minutes, milliseconds = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    seconds, milliseconds = divmod(milliseconds, 1000)
    return f"{hours:02d}{minutes:02d}{seconds:02d}.{milliseconds:03d}"
