"""Enhanced multi-frame CT, MR and PET: several stacks, a further dimension, frames in any order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.tag import Tag
from pydicom.uid import EnhancedCTImageStorage, EnhancedMRImageStorage, EnhancedPETImageStorage

from noctis_lab.synthetic.modules import (
    PixelFormat,
    SeriesIdentity,
    add_pixels,
    begin_instance,
    clock,
    decimal,
)
from noctis_lab.synthetic.plane_stack import PlaneStack
from noctis_lab.synthetic.uids import seeded_uid

__all__ = ["ASL_CONTEXTS", "EnhancedFrame", "enhanced_frames", "enhanced_image"]

#: What the frames along `asl_context` are, in turn.
ASL_CONTEXTS: Final = ("LABEL", "CONTROL")
_CLASSES: Final = {
    "CT": (EnhancedCTImageStorage, "CTImageFrameTypeSequence"),
    "MR": (EnhancedMRImageStorage, "MRImageFrameTypeSequence"),
    "PT": (EnhancedPETImageStorage, "PETFrameTypeSequence"),
}
#: By further dimension: the attribute that is its index, and the functional group it lies in.
_POINTERS: Final = {
    "time": ("TemporalPositionIndex", "FrameContentSequence"),
    "echo": ("EffectiveEchoTime", "MREchoSequence"),
    "b_value": ("DiffusionBValue", "MRDiffusionSequence"),
    "phase": ("NominalCardiacTriggerDelayTime", "CardiacSynchronizationSequence"),
    "asl_context": ("ASLContext", "MRArterialSpinLabelingSequence"),
}
_BEGIN_S: Final = 9 * 3600.0
_DATE: Final = "20260303"


@dataclass(frozen=True, slots=True, kw_only=True)
class EnhancedFrame:
    """Which frame it is: indices from 0 of stack, plane, and point along the further dimension."""

    stack: int
    plane: int
    point: int

    @property
    def rescale_slope(self) -> float:
        """Of its own: no two points have the same."""
        return 1.0 + 0.5 * self.point

    def stored(self, shape: tuple[int, int]) -> NDArray[np.uint16]:
        """Return its pixels: ndarray of uint16, shape (rows, columns), in which no two agree."""
        rows, columns = shape
        first = 10_000 * self.stack + 2_000 * self.point + 200 * self.plane
        down, along = np.mgrid[:rows, :columns]
        stored: NDArray[np.uint16] = (first + columns * down + along).astype(np.uint16)
        return stored


def enhanced_frames(
    stacks: Sequence[PlaneStack], points: int, *, seed: int | None = 0
) -> list[EnhancedFrame]:
    """Return the frames of an instance in the order in which `enhanced_image` writes them.

    Parameters
    ----------
    stacks, points
        As there.
    seed
        Of the order; None: stack by stack, plane by plane, point by point.
    """
    frames = [
        EnhancedFrame(stack=stack, plane=plane, point=point)
        for stack, each in enumerate(stacks)
        for plane in range(each.planes)
        for point in range(points)
    ]
    if seed is None:
        return frames
    return [frames[index] for index in np.random.default_rng(seed).permutation(len(frames))]


def enhanced_image(
    *,
    modality: str = "MR",
    stacks: Sequence[PlaneStack] = (PlaneStack(),),
    along: str | None = None,
    points: int = 1,
    shape: tuple[int, int] = (8, 10),
    order_seed: int | None = 0,
    seed: str = "enhanced",
) -> Dataset:
    """Return one enhanced multi-frame instance, its frames out of order.

    Parameters
    ----------
    modality
        CT, MR or PT.
    stacks
        Each of its own StackID, from 1.
    along
        The further dimension: time, echo, b_value, phase or asl_context; None for none.
    points
        How many points it has; time steps are 2 s, echoes 10 ms, b-values 500 s/mm² (from 0, along
        the normal's direction), phases 100 ms apart.
    shape
        Rows and columns of each frame; at most 200 pixels in all.
    order_seed
        See `enhanced_frames`, which says the frames that are written.
    seed
        UIDs depend on it.

    Returns
    -------
    pydicom.Dataset
        Pixels are `EnhancedFrame.stored`; each frame has a slope of its own,
        `EnhancedFrame.rescale_slope`, and an intercept of -3.

    Notes
    -----
    It states what places a frame and tells it from others, not all that the IOD asks of a scanner.

    References
    ----------
    :dcm:`PS3.3 A.36 <part03/sect_A.36.html>`, :dcm:`PS3.3 C.7.6.16 <part03/sect_C.7.6.16.html>`,
    :dcm:`PS3.3 C.7.6.17 <part03/sect_C.7.6.17.html>`

    Examples
    --------
    >>> image = enhanced_image(stacks=[PlaneStack(planes=3)], along="time", points=2)
    >>> int(image.NumberOfFrames), image.pixel_array.shape
    (6, (6, 8, 10))
    """
    sop_class, _ = _CLASSES[modality]
    frames = enhanced_frames(stacks, points, seed=order_seed)
    dataset = begin_instance(_identity(sop_class, modality, seed), 0)
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    dataset.AcquisitionDateTime = f"{_DATE}{clock(_BEGIN_S)}"
    dataset.FrameOfReferenceUID = seeded_uid(seed, "frame")
    dataset.PositionReferenceIndicator = ""
    _add_dimensions(dataset, along, seed)
    dataset.SharedFunctionalGroupsSequence = [_shared(modality)]
    dataset.PerFrameFunctionalGroupsSequence = [
        _groups(frame, stacks[frame.stack], along) for frame in frames
    ]
    dataset.NumberOfFrames = len(frames)
    stored = np.stack([frame.stored(shape) for frame in frames])
    add_pixels(dataset, stored[..., np.newaxis], PixelFormat())
    return dataset


def _identity(sop_class: str, modality: str, seed: str) -> SeriesIdentity:
    return SeriesIdentity(
        SOPClassUID=sop_class,
        Modality=modality,
        PatientName="PHANTOM^ENHANCED",
        PatientID="NOCTIS-ENHANCED",
        StudyDate=_DATE,
        StudyTime="090000",
        StudyDescription="Synthetic phantom",
        SeriesDescription="Enhanced formula",
        ManufacturerModelName="Synthetic multi-frame",
        seed=seed,
    )


def _item(**attributes: Any) -> Dataset:
    item = Dataset()
    for keyword, value in attributes.items():
        setattr(item, keyword, value)
    return item


def _add_dimensions(dataset: Dataset, along: str | None, seed: str) -> None:
    uid = seeded_uid(seed, "dimensions")
    pointers = [
        (keyword, "FrameContentSequence") for keyword in ("StackID", "InStackPositionNumber")
    ]
    if along is not None:
        pointers.append(_POINTERS[along])
    dataset.DimensionOrganizationSequence = [_item(DimensionOrganizationUID=uid)]
    dataset.DimensionIndexSequence = [
        _item(
            DimensionOrganizationUID=uid,
            DimensionIndexPointer=Tag(keyword),
            FunctionalGroupPointer=Tag(group),
        )
        for keyword, group in pointers
    ]


def _shared(modality: str) -> Dataset:
    _, frame_type = _CLASSES[modality]
    kind = _item(FrameType=["ORIGINAL", "PRIMARY", "VOLUME", "NONE"])
    if modality == "MR":
        kind.ComplexImageComponent = "MAGNITUDE"
        kind.AcquisitionContrast = "UNKNOWN"
    shared = _item(**{frame_type: [kind]})
    if modality == "MR":
        timing = _item(RepetitionTime=500, FlipAngle=15)
        shared.MRTimingAndRelatedParametersSequence = [timing]
    return shared


def _groups(frame: EnhancedFrame, stack: PlaneStack, along: str | None) -> Dataset:
    content = _item(
        StackID=str(frame.stack + 1),
        InStackPositionNumber=frame.plane + 1,
        DimensionIndexValues=[frame.stack + 1, frame.plane + 1],
        FrameAcquisitionDateTime=f"{_DATE}{clock(_BEGIN_S)}",
    )
    position = [decimal(number) for number in stack.position_mm(frame.plane)]
    orientation = [decimal(number) for number in stack.orientation]
    groups = _item(
        FrameContentSequence=[content],
        PlanePositionSequence=[_item(ImagePositionPatient=position)],
        PlaneOrientationSequence=[_item(ImageOrientationPatient=orientation)],
        PixelMeasuresSequence=[
            _item(
                PixelSpacing=[decimal(number) for number in stack.pixel_spacing_mm],
                SliceThickness=abs(stack.slice_spacing_mm),
            )
        ],
        PixelValueTransformationSequence=[
            _item(RescaleSlope=frame.rescale_slope, RescaleIntercept=-3, RescaleType="US")
        ],
    )
    if along is not None:
        content.DimensionIndexValues = [*content.DimensionIndexValues, frame.point + 1]
        _ADDERS[along](groups, content, frame.point)
    return groups


def _add_time(_groups: Dataset, content: Dataset, point: int) -> None:
    content.TemporalPositionIndex = point + 1
    content.FrameAcquisitionDateTime = f"{_DATE}{clock(_BEGIN_S + 2 * point)}"


def _add_echo(groups: Dataset, _content: Dataset, point: int) -> None:
    groups.MREchoSequence = [_item(EffectiveEchoTime=10.0 * (point + 1))]


def _add_diffusion(groups: Dataset, _content: Dataset, point: int) -> None:
    weighting = _item(DiffusionBValue=500.0 * point, DiffusionDirectionality="NONE")
    if point > 0:
        weighting.DiffusionDirectionality = "DIRECTIONAL"
        direction = _item(DiffusionGradientOrientation=[0.0, 0.6, 0.8])
        weighting.DiffusionGradientDirectionSequence = [direction]
    groups.MRDiffusionSequence = [weighting]


def _add_phase(groups: Dataset, _content: Dataset, point: int) -> None:
    groups.CardiacSynchronizationSequence = [_item(NominalCardiacTriggerDelayTime=100.0 * point)]


def _add_label(groups: Dataset, _content: Dataset, point: int) -> None:
    context = ASL_CONTEXTS[point % len(ASL_CONTEXTS)]
    groups.MRArterialSpinLabelingSequence = [_item(ASLContext=context)]


_ADDERS: Final[Mapping[str, Callable[[Dataset, Dataset, int], None]]] = {
    "time": _add_time,
    "echo": _add_echo,
    "b_value": _add_diffusion,
    "phase": _add_phase,
    "asl_context": _add_label,
}
