"""The columns of the columnar tier: which DICOM keywords are typed columns, and how they are typed.

A stored DICOM value keeps its keyword, verbatim; what is computed here is snake_case, and none of
those equals a keyword in lower case, since SQL folds case. Types follow the value representation:

================================ ===========================================================
VR                               column
================================ ===========================================================
IS, US, SS, UL, SL (VM 1)        BIGINT; NULL where the text is no integer
DS, FD, FL (VM 1)                DOUBLE
any of these with more values    DOUBLE[]
DA                               DATE; NULL where the text is no date
all others, TM and DT included   VARCHAR, as stored; several values joined by a backslash
================================ ===========================================================

The text as stored is always in `elements.value`.
"""

from __future__ import annotations

import math
from datetime import date
from enum import StrEnum
from typing import Any

import pyarrow as pa

from noctis_lab.catalog.wide import ElementColumns
from noctis_lab.dicom.values import parse_numbers

__all__ = [
    "COMPUTED",
    "ELEMENTS",
    "INSTANCES",
    "KEYWORDS",
    "SERIES",
    "Kind",
    "tag_text",
    "typed_value",
    "typed_values",
]


class Kind(StrEnum):
    """How a keyword's values are typed; the value is DuckDB's name of the type."""

    TEXT = "VARCHAR"
    INTEGER = "BIGINT"
    NUMBER = "DOUBLE"
    NUMBERS = "DOUBLE[]"
    DATE = "DATE"


_TEXT, _INTEGER, _NUMBER, _NUMBERS, _DATE = (
    Kind.TEXT,
    Kind.INTEGER,
    Kind.NUMBER,
    Kind.NUMBERS,
    Kind.DATE,
)

#: DICOM keyword → how it is typed; the order is that of `SELECT *`.
KEYWORDS: dict[str, Kind] = {
    # Patient and study (PS3.3 C.7.1, C.7.2)
    "PatientID": _TEXT,
    "IssuerOfPatientID": _TEXT,
    "PatientName": _TEXT,
    "PatientBirthDate": _DATE,
    "PatientSex": _TEXT,
    "PatientAge": _TEXT,
    "PatientSize": _NUMBER,
    "PatientWeight": _NUMBER,
    "PatientIdentityRemoved": _TEXT,
    "StudyInstanceUID": _TEXT,
    "StudyDate": _DATE,
    "StudyTime": _TEXT,
    "StudyDescription": _TEXT,
    "StudyID": _TEXT,
    "AccessionNumber": _TEXT,
    "ReferringPhysicianName": _TEXT,
    # Series, frame of reference and equipment (C.7.3 - C.7.5)
    "SeriesInstanceUID": _TEXT,
    "Modality": _TEXT,
    "SeriesNumber": _INTEGER,
    "SeriesDate": _DATE,
    "SeriesTime": _TEXT,
    "SeriesDescription": _TEXT,
    "ProtocolName": _TEXT,
    "BodyPartExamined": _TEXT,
    "Laterality": _TEXT,
    "PatientPosition": _TEXT,
    "FrameOfReferenceUID": _TEXT,
    "Manufacturer": _TEXT,
    "ManufacturerModelName": _TEXT,
    "StationName": _TEXT,
    "InstitutionName": _TEXT,
    "DeviceSerialNumber": _TEXT,
    "SoftwareVersions": _TEXT,
    # Instance and acquisition (C.7.6.1, C.12.1)
    "SOPInstanceUID": _TEXT,
    "SOPClassUID": _TEXT,
    "InstanceNumber": _INTEGER,
    "ImageType": _TEXT,
    "ContentDate": _DATE,
    "ContentTime": _TEXT,
    "AcquisitionNumber": _INTEGER,
    "AcquisitionDate": _DATE,
    "AcquisitionTime": _TEXT,
    "AcquisitionDateTime": _TEXT,
    "ImageComments": _TEXT,
    # Image, plane, Modality and VOI LUT (C.7.6.2, C.7.6.3, C.11)
    "Rows": _INTEGER,
    "Columns": _INTEGER,
    "NumberOfFrames": _INTEGER,
    "SamplesPerPixel": _INTEGER,
    "PhotometricInterpretation": _TEXT,
    "BitsAllocated": _INTEGER,
    "BitsStored": _INTEGER,
    "PixelRepresentation": _INTEGER,
    "PixelSpacing": _NUMBERS,
    "ImagerPixelSpacing": _NUMBERS,
    "ImagePositionPatient": _NUMBERS,
    "ImageOrientationPatient": _NUMBERS,
    "SliceThickness": _NUMBER,
    "SpacingBetweenSlices": _NUMBER,
    "SliceLocation": _NUMBER,
    "RescaleSlope": _NUMBER,
    "RescaleIntercept": _NUMBER,
    "RescaleType": _TEXT,
    "WindowCenter": _NUMBERS,
    "WindowWidth": _NUMBERS,
    "BurnedInAnnotation": _TEXT,
    "LossyImageCompression": _TEXT,
    "LossyImageCompressionRatio": _NUMBERS,
    "FrameTime": _NUMBER,
    # CT (C.8.2.1)
    "KVP": _NUMBER,
    "XRayTubeCurrent": _INTEGER,
    "ExposureTime": _INTEGER,
    "Exposure": _INTEGER,
    "ConvolutionKernel": _TEXT,
    "FilterType": _TEXT,
    "FocalSpots": _NUMBERS,
    "ScanOptions": _TEXT,
    "GantryDetectorTilt": _NUMBER,
    "DataCollectionDiameter": _NUMBER,
    "ReconstructionDiameter": _NUMBER,
    "DistanceSourceToDetector": _NUMBER,
    "DistanceSourceToPatient": _NUMBER,
    "TableHeight": _NUMBER,
    "RotationDirection": _TEXT,
    "RevolutionTime": _NUMBER,
    "SingleCollimationWidth": _NUMBER,
    "TotalCollimationWidth": _NUMBER,
    "SpiralPitchFactor": _NUMBER,
    "CTDIvol": _NUMBER,
    "ContrastBolusAgent": _TEXT,
    # MR (C.8.3.1)
    "MagneticFieldStrength": _NUMBER,
    "ScanningSequence": _TEXT,
    "SequenceVariant": _TEXT,
    "SequenceName": _TEXT,
    "MRAcquisitionType": _TEXT,
    "RepetitionTime": _NUMBER,
    "EchoTime": _NUMBER,
    "EchoNumbers": _NUMBERS,
    "InversionTime": _NUMBER,
    "FlipAngle": _NUMBER,
    "NumberOfAverages": _NUMBER,
    "EchoTrainLength": _INTEGER,
    "PixelBandwidth": _NUMBER,
    "PercentSampling": _NUMBER,
    "ReceiveCoilName": _TEXT,
    "DiffusionBValue": _NUMBER,
    "TemporalPositionIdentifier": _INTEGER,
    "NumberOfTemporalPositions": _INTEGER,
    "TriggerTime": _NUMBER,
    # PET (C.8.9)
    "Units": _TEXT,
    "DecayCorrection": _TEXT,
    "CorrectedImage": _TEXT,
    "AttenuationCorrectionMethod": _TEXT,
    "ReconstructionMethod": _TEXT,
    "FrameReferenceTime": _NUMBER,
    "ActualFrameDuration": _INTEGER,
    "DecayFactor": _NUMBER,
    "NumberOfSlices": _INTEGER,
    "NumberOfTimeSlices": _INTEGER,
    # US (C.8.5)
    "TransducerType": _TEXT,
    "UltrasoundColorDataPresent": _INTEGER,
    "MechanicalIndex": _NUMBER,
    # CR, DX and MG (C.8.1, C.8.11)
    "ViewPosition": _TEXT,
    "ImageLaterality": _TEXT,
    "PresentationIntentType": _TEXT,
    "Grid": _TEXT,
    "ExposureIndex": _NUMBER,
    "DeviationIndex": _NUMBER,
    "RelativeXRayExposure": _INTEGER,
    "DetectorID": _TEXT,
    "BodyPartThickness": _NUMBER,
    "CompressionForce": _NUMBER,
    # Documents, structure sets and segmentations (C.17, C.8.8, C.8.20)
    "CompletionFlag": _TEXT,
    "VerificationFlag": _TEXT,
    "StructureSetLabel": _TEXT,
    "SegmentationType": _TEXT,
    "ContentLabel": _TEXT,
}

#: Computed column → its Arrow type.
COMPUTED: dict[str, pa.DataType] = {
    "transfer_syntax_uid": pa.string(),
    "frame_count": pa.int64(),  # 0 where the instance holds no pixels
    "slice_position_mm": pa.float64(),  # along the plane's normal; NULL without plane geometry
    "data_set_bytes": pa.int64(),
    "data_set_sha256": pa.binary(32),  # the views show it as hexadecimal digits
    "is_in_place": pa.bool_(),
    "facility": pa.string(),  # this and the following: of the first receipt
    "calling_aet": pa.string(),
    "called_aet": pa.string(),
    "receipt_source": pa.string(),
    "received_at": pa.timestamp("us"),  # UTC
}

_ARROW = {
    Kind.TEXT: pa.string(),
    Kind.INTEGER: pa.int64(),
    Kind.NUMBER: pa.float64(),
    Kind.NUMBERS: pa.list_(pa.float64()),
    Kind.DATE: pa.date32(),
}

#: The commit tier's key of the row's series; no view shows it.
_SERIES_KEY = ("series_key", pa.int64())

#: One row an instance.
INSTANCES: pa.Schema = pa.schema(
    [
        *((keyword, _ARROW[kind]) for keyword, kind in KEYWORDS.items()),
        *COMPUTED.items(),
        _SERIES_KEY,
    ]
)

_OWN = "SOPInstanceUID"  # never constant over a series

#: One row a series: each keyword that is constant over it, NULL where it varies.
SERIES: pa.Schema = pa.schema(
    [
        *((keyword, _ARROW[kind]) for keyword, kind in KEYWORDS.items() if keyword != _OWN),
        _SERIES_KEY,
    ]
)

#: One row an element; SOPInstanceUID is NULL where the element is constant over its series.
ELEMENTS: pa.Schema = pa.schema(
    [
        ("StudyInstanceUID", pa.string()),
        ("SeriesInstanceUID", pa.string()),
        ("SOPInstanceUID", pa.string()),
        ("path", pa.string()),
        ("keyword", pa.string()),
        ("tag", pa.string()),
        ("VR", pa.string()),
        ("private_creator", pa.string()),
        ("value", pa.string()),
        ("number", pa.float64()),
        _SERIES_KEY,
    ]
)


def tag_text(tag: int) -> str:
    """Return a tag as ``gggg,eeee``, in lower-case hexadecimal digits."""
    return f"{tag >> 16:04x},{tag & 0xFFFF:04x}"


def typed_value(
    kind: Kind, value: str | None, number: float | None
) -> str | float | list[float] | date | None:
    """Return an element's value as a column of `kind` holds it; None where it is no such value.

    Parameters
    ----------
    kind
        The column's.
    value, number
        As in `dicom.header.Element`.
    """
    if kind is Kind.TEXT:
        return value
    if kind is Kind.DATE:
        return _parse_date(value)
    if kind is Kind.NUMBERS:
        numbers = parse_numbers(value) if value else None
        return None if numbers is None else list(numbers)
    if kind is Kind.NUMBER or number is None:
        return number
    integral = math.isfinite(number) and float(number).is_integer()
    return int(number) if integral and abs(number) < 2**63 else None


def typed_values(elements: ElementColumns) -> dict[str, Any]:
    """Return the typed columns that a data set's top level fills; of a repeated one the first."""
    indices = range(len(elements.path) - 1, -1, -1)
    first = dict(zip(reversed(elements.path), indices, strict=True))
    values: dict[str, Any] = {}
    for keyword in KEYWORDS.keys() & first.keys():
        index = first[keyword]
        values[keyword] = typed_value(
            KEYWORDS[keyword], elements.value[index], elements.number[index]
        )
    return values


def _parse_date(text: str | None) -> date | None:
    """PS3.5 6.2: YYYYMMDD; YYYY.MM.DD is the form of ACR-NEMA, still to be read."""
    digits = (text or "").strip().replace(".", "")
    if len(digits) != 8 or not (digits.isascii() and digits.isdigit()):
        return None
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return None
