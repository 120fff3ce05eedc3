"""A SEG of given masks on given images: 1-bit, fractional or label map, empty planes left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items
from pydicom.tag import Tag
from pydicom.uid import ExplicitVRLittleEndian, SegmentationStorage

from noctis_lab.synthetic.dose import reference
from noctis_lab.synthetic.encapsulate import encode_pixels
from noctis_lab.synthetic.modules import SeriesIdentity, begin_instance, decimal
from noctis_lab.synthetic.uids import seeded_uid

__all__ = ["SegOptions", "segmentation"]

_LABEL_MAP: Final = "1.2.840.10008.5.1.4.1.1.66.7"
#: (number, row, label, Segmented Property Type).
_TYPES: Final = (("10200004", "Liver"), ("78961009", "Spleen"), ("64033007", "Kidney"))


@dataclass(frozen=True, slots=True, kw_only=True)
class SegOptions:
    """How a segmentation is written."""

    kind: Literal["BINARY", "FRACTIONAL", "LABELMAP"] = "BINARY"
    #: Number of each segment; None is 1, 2, 3 …
    numbers: Sequence[int] | None = None
    #: Of a fractional one.
    greatest: int = 200
    #: Of a label map: the pixel value of no segment, where it is stated.
    padding: int | None = None
    #: Leave out frames without a voxel of their segment.
    sparse: bool = True
    #: State which series and images it was made of.
    with_source: bool = True
    seed: str = "seg"
    transfer_syntax_uid: str = ExplicitVRLittleEndian


def segmentation(
    masks: NDArray[np.number[Any]],
    drawn_on: Sequence[Dataset],
    options: SegOptions | None = None,
) -> Dataset:
    """Return one SEG instance as a complete data set.

    Parameters
    ----------
    masks
        (segments, planes, rows, columns): 0 or 1, or of a fractional one 0 to `greatest`. Those of
        a label map must not overlap.
    drawn_on
        One image per plane: places, study, patient and references are theirs.
    options
        How it is written.

    References
    ----------
    :dcm:`PS3.3 A.51 <part03/sect_A.51.html>`, :dcm:`PS3.3 C.8.20 <part03/sect_C.8.20.html>`
    """
    spec = SegOptions() if options is None else options
    numbers = list(spec.numbers or range(1, len(masks) + 1))
    first = drawn_on[0]
    dataset = begin_instance(_identity(first, spec), 0)
    dataset.ImageType = ["DERIVED", "PRIMARY"]
    dataset.ContentLabel = "FORMULA"
    dataset.ContentDescription = "Masks by formula"
    dataset.ContentCreatorName = ""
    dataset.FrameOfReferenceUID = first.FrameOfReferenceUID
    dataset.PositionReferenceIndicator = ""
    dataset.LossyImageCompression = "00"
    dataset.SegmentationType = spec.kind
    if spec.kind == "FRACTIONAL":
        dataset.SegmentationFractionalType = "PROBABILITY"
        dataset.MaximumFractionalValue = spec.greatest
    dataset.SegmentSequence = Items([_segment(number) for number in numbers])
    if spec.with_source:
        dataset.ReferencedSeriesSequence = Items([_source_series(drawn_on)])
    frames = _frames(masks, numbers, spec)
    _add_groups(dataset, frames, drawn_on, spec)
    _add_frames(dataset, [frame.pixels for frame in frames], spec)
    return dataset


@dataclass(frozen=True, slots=True)
class _Frame:
    number: int | None
    plane: int
    pixels: NDArray[Any]


def _frames(masks: NDArray[np.number[Any]], numbers: list[int], spec: SegOptions) -> list[_Frame]:
    if spec.kind == "LABELMAP":
        background = 0 if spec.padding is None else spec.padding
        labels = np.full(masks.shape[1:], background, np.uint16)
        for number, mask in zip(numbers, masks, strict=True):
            labels[mask != 0] = number
        kept = [plane for plane in range(len(labels)) if not spec.sparse or masks[:, plane].any()]
        return [_Frame(None, plane, labels[plane]) for plane in kept]
    return [
        _Frame(number, plane, mask[plane])
        for number, mask in zip(numbers, masks, strict=True)
        for plane in range(len(mask))
        if not spec.sparse or mask[plane].any()
    ]


def _code(value: str, scheme: str, meaning: str) -> Items:
    item = Dataset()
    item.CodeValue = value
    item.CodingSchemeDesignator = scheme
    item.CodeMeaning = meaning
    return Items([item])


def _segment(number: int) -> Dataset:
    value, meaning = _TYPES[(number - 1) % len(_TYPES)]
    item = Dataset()
    item.SegmentNumber = number
    item.SegmentLabel = f"{meaning} {number}"
    item.SegmentAlgorithmType = "AUTOMATIC"
    item.SegmentAlgorithmName = "formula"
    item.SegmentedPropertyCategoryCodeSequence = _code("123037004", "SCT", "Anatomical Structure")
    item.SegmentedPropertyTypeCodeSequence = _code(value, "SCT", meaning)
    # sRGB red: L* 54.29, a* 80.80, b* 69.89 under D50, in 16 bits each.
    item.RecommendedDisplayCIELabValue = [35577, 53662, 50858]
    return item


def _source_series(drawn_on: Sequence[Dataset]) -> Dataset:
    item = Dataset()
    item.SeriesInstanceUID = drawn_on[0].SeriesInstanceUID
    item.ReferencedInstanceSequence = Items(
        [reference(plane.SOPClassUID, plane.SOPInstanceUID) for plane in drawn_on]
    )
    return item


def _add_groups(
    dataset: Dataset, frames: Sequence[_Frame], drawn_on: Sequence[Dataset], spec: SegOptions
) -> None:
    uid = seeded_uid(spec.seed, "dimensions")
    organisation = Dataset()
    organisation.DimensionOrganizationUID = uid
    dataset.DimensionOrganizationSequence = Items([organisation])
    pointers = [("ImagePositionPatient", "PlanePositionSequence")]
    if spec.kind != "LABELMAP":
        pointers.insert(0, ("ReferencedSegmentNumber", "SegmentIdentificationSequence"))
    indices = []
    for keyword, group in pointers:
        index = Dataset()
        index.DimensionOrganizationUID = uid
        index.DimensionIndexPointer = Tag(keyword)
        index.FunctionalGroupPointer = Tag(group)
        indices.append(index)
    dataset.DimensionIndexSequence = Items(indices)
    first = drawn_on[0]
    measures, orientation, shared = Dataset(), Dataset(), Dataset()
    measures.PixelSpacing = first.PixelSpacing
    measures.SliceThickness = first.SliceThickness
    orientation.ImageOrientationPatient = first.ImageOrientationPatient
    shared.PixelMeasuresSequence = Items([measures])
    shared.PlaneOrientationSequence = Items([orientation])
    dataset.SharedFunctionalGroupsSequence = Items([shared])
    dataset.PerFrameFunctionalGroupsSequence = Items(
        [_groups(frame, drawn_on[frame.plane], spec) for frame in frames]
    )


def _groups(frame: _Frame, image: Dataset, spec: SegOptions) -> Dataset:
    groups, content, position = Dataset(), Dataset(), Dataset()
    own = [] if frame.number is None else [frame.number]
    content.DimensionIndexValues = [*own, frame.plane + 1]
    position.ImagePositionPatient = [decimal(number) for number in image.ImagePositionPatient]
    if spec.with_source:
        source = reference(image.SOPClassUID, image.SOPInstanceUID)
        source.PurposeOfReferenceCodeSequence = _code(
            "121322", "DCM", "Source image for image processing operation"
        )
        derivation = Dataset()
        derivation.DerivationCodeSequence = _code("113076", "DCM", "Segmentation")
        derivation.SourceImageSequence = Items([source])
        groups.DerivationImageSequence = Items([derivation])
    groups.FrameContentSequence = Items([content])
    groups.PlanePositionSequence = Items([position])
    if frame.number is not None:
        identification = Dataset()
        identification.ReferencedSegmentNumber = frame.number
        groups.SegmentIdentificationSequence = Items([identification])
    return groups


def _add_frames(dataset: Dataset, frames: Sequence[NDArray[Any]], spec: SegOptions) -> None:
    stored = np.stack(frames)
    bits = 1 if spec.kind == "BINARY" else 8
    if spec.kind == "LABELMAP" and int(stored.max()) > 0xFF:
        bits = 16
    dataset.NumberOfFrames = len(frames)
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.Rows, dataset.Columns = stored.shape[1:]
    dataset.BitsAllocated = dataset.BitsStored = bits
    dataset.HighBit = bits - 1
    dataset.PixelRepresentation = 0
    if spec.padding is not None:
        dataset.PixelPaddingValue = spec.padding
    if bits > 1:
        encode_pixels(dataset, stored.astype(np.uint16)[..., None])
        return
    # PS3.5 8.1.1: frames follow each other bit by bit, whatever their size.
    packed = np.packbits(stored.ravel() != 0, bitorder="little").tobytes()
    dataset.add_new("PixelData", "OB", packed + b"\0" * (len(packed) % 2))


def _identity(first: Dataset, spec: SegOptions) -> SeriesIdentity:
    return SeriesIdentity(
        SOPClassUID=_LABEL_MAP if spec.kind == "LABELMAP" else SegmentationStorage,
        Modality="SEG",
        PatientName=str(first.PatientName),
        PatientID=first.PatientID,
        StudyDate=first.StudyDate,
        StudyTime=first.StudyTime,
        StudyDescription=first.StudyDescription,
        SeriesDescription="Segments",
        ManufacturerModelName="Synthetic segmentation",
        seed=spec.seed,
        SeriesNumber=33,
        StudyInstanceUID=first.StudyInstanceUID,
        transfer_syntax_uid=spec.transfer_syntax_uid,
    )
