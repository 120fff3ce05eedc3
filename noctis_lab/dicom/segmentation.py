"""What a SEG data set states: its segments, where each frame lies, and what was segmented."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, NamedTuple, cast

from noctis_lab.dicom.cielab import parse_cielab
from noctis_lab.dicom.frame_facts import FrameFacts, frame_facts
from noctis_lab.dicom.geometry import PlaneGeometry
from noctis_lab.dicom.header import Header
from noctis_lab.dicom.items import Item, to_tree
from noctis_lab.errors import UnsupportedSeries

__all__ = ["Code", "Segment", "SegmentFrame", "Segmentation", "parse_segmentation"]

type SegmentationType = Literal["BINARY", "FRACTIONAL", "LABELMAP"]

_BITS = {"BINARY": (1, 8), "FRACTIONAL": (8,), "LABELMAP": (8, 16)}
_LARGEST_NUMBER = 0xFFFF  # SegmentNumber is US


class Code(NamedTuple):
    """A coded term (PS3.3 8.8)."""

    value: str
    scheme: str
    meaning: str

    def __str__(self) -> str:
        return f"{self.scheme}:{self.value} {self.meaning}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """One segment of a segmentation."""

    number: int
    label: str
    algorithm_type: str | None  # AUTOMATIC, SEMIAUTOMATIC or MANUAL
    algorithm_name: str | None
    category: Code | None
    type: Code | None
    color: str | None  # "#rrggbb", of RecommendedDisplayCIELabValue


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentFrame:
    """One frame: where it lies, of which segment (None: of all), and from which image."""

    plane: PlaneGeometry
    number: int | None
    SourceInstanceUIDs: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Segmentation:
    """One SEG instance."""

    SOPInstanceUID: str
    SeriesInstanceUID: str
    kind: SegmentationType
    fractional_type: str | None  # PROBABILITY or OCCUPANCY
    MaximumFractionalValue: int | None
    #: Of a label map: the pixel value that is no segment's.
    background: int
    segments: tuple[Segment, ...]
    frames: tuple[SegmentFrame, ...]
    FrameOfReferenceUID: str | None
    SourceSeriesUIDs: tuple[str, ...]
    SourceInstanceUIDs: tuple[str, ...]
    #: SpacingBetweenSlices and SliceThickness, where all frames state one; None where not.
    slice_spacing_mm: float | None = None
    slice_thickness_mm: float | None = None


def parse_segmentation(header: Header) -> Segmentation:
    """Return what a SEG data set states.

    Parameters
    ----------
    header
        With pixels.

    Raises
    ------
    UnsupportedSeries
        It is tiled, of no known type or depth; its segments have no numbers, or one twice; a frame
        is of a segment that is not described.

    References
    ----------
    :dcm:`PS3.3 C.8.20 <part03/sect_C.8.20.html>`
    """
    kind = _kind(header)
    _refuse_tiles(header)
    tree = to_tree(
        header,
        *("SegmentSequence", "ReferencedSeriesSequence", "SourceImageSequence"),
        *("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"),
    )
    segments = _segments(header, tree, kind)
    frames = _frames(header, tree, kind, {segment.number for segment in segments})
    series = tree.items("ReferencedSeriesSequence")
    listed = [
        uid for item in series for uid in _referenced(item.items("ReferencedInstanceSequence"))
    ]
    listed += _referenced(tree.items("SourceImageSequence"))
    listed += [uid for frame in frames for uid in frame.SourceInstanceUIDs]
    named = (item.text("SeriesInstanceUID") for item in series)
    return Segmentation(
        SOPInstanceUID=header.SOPInstanceUID,
        SeriesInstanceUID=header.SeriesInstanceUID,
        kind=kind,
        fractional_type=header.text("SegmentationFractionalType"),
        MaximumFractionalValue=_greatest(header, kind),
        background=_background(header, kind),
        segments=segments,
        frames=frames,
        FrameOfReferenceUID=header.text("FrameOfReferenceUID"),
        SourceSeriesUIDs=tuple(dict.fromkeys(uid for uid in named if uid is not None)),
        SourceInstanceUIDs=tuple(dict.fromkeys(listed)),
        slice_spacing_mm=_measure(tree, "SpacingBetweenSlices"),
        slice_thickness_mm=_measure(tree, "SliceThickness"),
    )


def _measure(tree: Item, keyword: str) -> float | None:
    """Return a length of the Pixel Measures that hold of all frames (PS3.3 C.7.6.16.2.1)."""
    groups = tree.items("PerFrameFunctionalGroupsSequence")
    shared = tree.item("SharedFunctionalGroupsSequence")
    found = {item.item("PixelMeasuresSequence").number(keyword) for item in groups} - {None}
    found.add(shared.item("PixelMeasuresSequence").number(keyword) if not found else None)
    values = [value for value in found if value is not None]
    return values[0] if len(values) == 1 and values[0] > 0 else None


def _refusal(header: Header, reason: str) -> UnsupportedSeries:
    return UnsupportedSeries(
        header.SeriesInstanceUID, reason, SOPInstanceUIDs=(header.SOPInstanceUID,)
    )


def _kind(header: Header) -> SegmentationType:
    pixels = header.pixels
    assert pixels is not None
    kind = header.text("SegmentationType") or "none"
    if kind not in _BITS:
        raise _refusal(
            header, "SegmentationType should be BINARY, FRACTIONAL or LABELMAP, another came"
        )
    if pixels.bits_allocated not in _BITS[kind] or pixels.samples_per_pixel != 1:
        raise _refusal(
            header,
            f"a {kind} segmentation has one sample of {' or '.join(map(str, _BITS[kind]))} bits, "
            f"{pixels.samples_per_pixel} of {pixels.bits_allocated} came",
        )
    if pixels.pixel_representation not in (0, None):
        raise _refusal(header, "the pixels of a segmentation are unsigned, signed ones came")
    return cast("SegmentationType", kind)


def _refuse_tiles(header: Header) -> None:
    organisation = header.text("DimensionOrganizationType") or ""
    if organisation.startswith("TILED") or header.text("TotalPixelMatrixRows") is not None:
        raise _refusal(
            header,
            "it segments a whole-slide image: its frames are tiles of one large image, no planes "
            "of a volume; read single tiles with instance.stored(frame)",
        )


def _segments(header: Header, tree: Item, kind: SegmentationType) -> tuple[Segment, ...]:
    found: dict[int, Segment] = {}
    least = 0 if kind == "LABELMAP" else 1
    for item in tree.items("SegmentSequence"):
        number = item.integer("SegmentNumber")
        if number is None or not least <= number <= _LARGEST_NUMBER:
            raise _refusal(
                header, f"SegmentNumber should be {least} to {_LARGEST_NUMBER}, another value came"
            )
        if number in found:
            raise _refusal(header, f"segment {number} is described twice")
        color = item.numbers("RecommendedDisplayCIELabValue")
        found[number] = Segment(
            number=number,
            label=item.text("SegmentLabel") or "",
            algorithm_type=item.text("SegmentAlgorithmType"),
            algorithm_name=item.text("SegmentAlgorithmName"),
            category=_code(item.item("SegmentedPropertyCategoryCodeSequence")),
            type=_code(item.item("SegmentedPropertyTypeCodeSequence")),
            color=None if color is None else parse_cielab(color),
        )
    if not found:
        raise _refusal(header, "SegmentSequence is missing: what its frames mean is not known")
    return tuple(found.values())


def _code(item: Item) -> Code | None:
    for keyword in ("CodeValue", "LongCodeValue", "URNCodeValue"):
        value = item.text(keyword)
        if value is not None:
            scheme, meaning = item.text("CodingSchemeDesignator"), item.text("CodeMeaning")
            return Code(value, scheme or "", meaning or "")
    return None


def _frames(
    header: Header, tree: Item, kind: SegmentationType, known: set[int]
) -> tuple[SegmentFrame, ...]:
    facts = frame_facts(header)
    groups = tree.items("PerFrameFunctionalGroupsSequence")
    shared = _sources(tree.item("SharedFunctionalGroupsSequence"))
    found = []
    for index, fact in enumerate(facts):
        if fact.refusal is not None:
            raise _refusal(header, fact.refusal)
        own = _sources(groups[index]) if index < len(groups) else ()
        found.append(
            SegmentFrame(
                plane=fact.plane,
                number=None if kind == "LABELMAP" else _number(header, index, fact, known),
                SourceInstanceUIDs=own or shared,
            )
        )
    return tuple(found)


def _number(header: Header, index: int, fact: FrameFacts, known: set[int]) -> int:
    number = fact.segment_number
    if number is None or number not in known:
        came = "none" if number is None else f"segment {number}"
        raise _refusal(
            header,
            f"frame {index + 1} should be of a segment that SegmentSequence describes, {came} came",
        )
    return number


def _sources(groups: Item) -> tuple[str, ...]:
    derivations = groups.items("DerivationImageSequence")
    return tuple(
        uid for item in derivations for uid in _referenced(item.items("SourceImageSequence"))
    )


def _referenced(items: Iterable[Item]) -> list[str]:
    found = (item.text("ReferencedSOPInstanceUID") for item in items)
    return [uid for uid in found if uid is not None]


def _greatest(header: Header, kind: SegmentationType) -> int | None:
    if kind != "FRACTIONAL":
        return None
    greatest = header.integer("MaximumFractionalValue")
    if greatest is None or not 1 <= greatest <= 0xFF:
        raise _refusal(header, "MaximumFractionalValue should be 1 to 255, another value came")
    return greatest


def _background(header: Header, kind: SegmentationType) -> int:
    # PS3.3 C.8.20.2: Pixel Padding Value names the pixels of no segment; 0 where it is not stated.
    padding = header.integer("PixelPaddingValue") if kind == "LABELMAP" else None
    return 0 if padding is None else padding
