"""An RTSTRUCT whose contours are given by the caller: shapes of known area on known planes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import RTStructureSetStorage

from noctis_lab.synthetic.dose import reference
from noctis_lab.synthetic.modules import SeriesIdentity, begin_instance, decimal
from noctis_lab.synthetic.options import Vector

__all__ = ["Outline", "circle_mm", "structure_set"]

#: DICOM UID of the detached study that the standard retired and still asks for.
_DETACHED_STUDY = "1.2.840.10008.3.1.2.3.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """One region of interest: a name, and contours as points in patient LPS mm."""

    name: str
    contours: Sequence[Sequence[Vector]]
    geometric_type: str = "CLOSED_PLANAR"
    color: tuple[int, int, int] = (255, 64, 0)
    interpreted_type: str = "ORGAN"
    slab_thickness_mm: float | None = None


def circle_mm(center_mm: Vector, radius_mm: float, *, points: int = 180) -> list[Vector]:
    """Return an axial circle as a polygon.

    Parameters
    ----------
    center_mm
        LPS.
    points
        Of the polygon, whose area is ``points / 2 * radius_mm ** 2 * sin(2 pi / points)``.
    """
    x, y, z = center_mm
    turns = [2 * math.pi * index / points for index in range(points)]
    return [(x + radius_mm * math.cos(turn), y + radius_mm * math.sin(turn), z) for turn in turns]


def structure_set(
    outlines: Sequence[Outline], drawn_on: Sequence[Dataset], *, seed: str = "structures"
) -> Dataset:
    """Return one RTSTRUCT instance as a complete data set.

    Parameters
    ----------
    outlines
        Its regions; ROINumber is the index from 1 on.
    drawn_on
        The planes of the series that it refers to, of one FrameOfReferenceUID, study and patient.
    seed
        UIDs are made from it.

    References
    ----------
    :dcm:`PS3.3 A.19 <part03/sect_A.19.html>`
    """
    first = drawn_on[0]
    dataset = begin_instance(_identity(first, seed), 0)
    for keyword in ("ContentDate", "ContentTime"):
        delattr(dataset, keyword)
    dataset.FrameOfReferenceUID = first.FrameOfReferenceUID
    dataset.PositionReferenceIndicator = ""
    dataset.OperatorsName = ""
    dataset.StructureSetLabel = "Formula"
    dataset.StructureSetDate, dataset.StructureSetTime = first.StudyDate, first.StudyTime
    dataset.ReferencedFrameOfReferenceSequence = Items([_frame_item(drawn_on)])
    numbered = list(enumerate(outlines, start=1))
    dataset.StructureSetROISequence = Items(
        [_stated_item(number, outline, first) for number, outline in numbered]
    )
    dataset.ROIContourSequence = Items(
        [_contour_item(number, outline) for number, outline in numbered]
    )
    dataset.RTROIObservationsSequence = Items(
        [_observation_item(number, outline) for number, outline in numbered]
    )
    dataset.ApprovalStatus = "UNAPPROVED"
    return dataset


def _frame_item(drawn_on: Sequence[Dataset]) -> Dataset:
    first = drawn_on[0]
    series = Dataset()
    series.SeriesInstanceUID = first.SeriesInstanceUID
    series.ContourImageSequence = Items(
        [reference(plane.SOPClassUID, plane.SOPInstanceUID) for plane in drawn_on]
    )
    study = reference(_DETACHED_STUDY, first.StudyInstanceUID)
    study.RTReferencedSeriesSequence = Items([series])
    item = Dataset()
    item.FrameOfReferenceUID = first.FrameOfReferenceUID
    item.RTReferencedStudySequence = Items([study])
    return item


def _stated_item(number: int, outline: Outline, first: Dataset) -> Dataset:
    item = Dataset()
    item.ROINumber = number
    item.ReferencedFrameOfReferenceUID = first.FrameOfReferenceUID
    item.ROIName = outline.name
    item.ROIGenerationAlgorithm = "AUTOMATIC"
    return item


def _contour_item(number: int, outline: Outline) -> Dataset:
    item = Dataset()
    item.ROIDisplayColor = list(outline.color)
    contours = []
    for points in outline.contours:
        contour = Dataset()
        contour.ContourGeometricType = outline.geometric_type
        if outline.slab_thickness_mm is not None:
            contour.ContourSlabThickness = outline.slab_thickness_mm
        contour.NumberOfContourPoints = len(points)
        contour.ContourData = [decimal(number) for point in points for number in point]
        contours.append(contour)
    if contours:
        item.ContourSequence = Items(contours)
    item.ReferencedROINumber = number
    return item


def _observation_item(number: int, outline: Outline) -> Dataset:
    item = Dataset()
    item.ObservationNumber = number
    item.ReferencedROINumber = number
    item.RTROIInterpretedType = outline.interpreted_type
    item.ROIInterpreter = ""
    return item


def _identity(first: Dataset, seed: str) -> SeriesIdentity:
    return SeriesIdentity(
        SOPClassUID=RTStructureSetStorage,
        Modality="RTSTRUCT",
        PatientName=str(first.PatientName),
        PatientID=first.PatientID,
        StudyDate=first.StudyDate,
        StudyTime=first.StudyTime,
        StudyDescription=first.StudyDescription,
        SeriesDescription="Contours",
        ManufacturerModelName="Synthetic planning",
        seed=seed,
        SeriesNumber=32,
        StudyInstanceUID=first.StudyInstanceUID,
    )
