"""What an RTSTRUCT data set states: its regions of interest, and each one's contours in mm."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from noctis_lab.dicom.geometry import FARTHEST_MM
from noctis_lab.dicom.header import Header, Limits
from noctis_lab.dicom.items import Item, to_tree
from noctis_lab.errors import InvalidDicom

__all__ = ["CLOSED", "CONTOUR_LIMITS", "Contour", "Roi", "StructureSet", "parse_structure_set"]

#: Contours that bound an area (PS3.3 C.8.8.6.3).
CLOSED = frozenset(("CLOSED_PLANAR", "CLOSEDPLANAR_XOR"))
#: A contour's data is one value: of a hundred thousand points, some 6 MB.
CONTOUR_LIMITS = Limits(max_value_bytes=16 * 1024 * 1024)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Contour:
    """One contour: points in patient LPS mm."""

    geometric_type: str  # CLOSED_PLANAR, CLOSEDPLANAR_XOR, OPEN_PLANAR, OPEN_NONPLANAR, POINT
    points_mm: NDArray[np.float64]  # (points, 3): x, y, z
    slab_thickness_mm: float | None  # ContourSlabThickness, where stated
    SOPInstanceUIDs: tuple[str, ...]  # of the images that it was drawn on, where stated


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Roi:
    """One region of interest; its contours are parsed when they are asked for."""

    number: int
    name: str
    color: tuple[int, int, int] | None  # ROIDisplayColor: RGB, 0 to 255
    FrameOfReferenceUID: str | None
    generation_algorithm: str | None
    interpreted_type: str | None  # RTROIInterpretedType: ORGAN, PTV, EXTERNAL …
    _items: tuple[Item, ...] = field(repr=False, default=())

    @property
    def contour_count(self) -> int:
        """How many contours are stated."""
        return len(self._items)

    @property
    def contours(self) -> tuple[Contour, ...]:
        """Its contours, in the data set's order.

        Raises
        ------
        InvalidDicom
            A contour's data is no list of points: not a multiple of three numbers, not all finite,
            beyond a kilometre, not as many as are stated, or of no known type.
        """
        return tuple(
            _parse_contour(self.number, index, item) for index, item in enumerate(self._items)
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StructureSet:
    """One RTSTRUCT instance."""

    SOPInstanceUID: str
    label: str | None
    rois: tuple[Roi, ...]
    FrameOfReferenceUIDs: tuple[str, ...]
    SourceSeriesUIDs: tuple[str, ...]  # of the images that the contours were drawn on


def parse_structure_set(header: Header) -> StructureSet:
    """Return what an RTSTRUCT data set states.

    Parameters
    ----------
    header
        Read within `CONTOUR_LIMITS`, which take contours along.

    Returns
    -------
    StructureSet
        Regions in the order of Structure Set ROI Sequence; those without contours too.

    Raises
    ------
    InvalidDicom
        A region has no number, or a number is given twice, or contours are of no region.

    References
    ----------
    :dcm:`PS3.3 C.8.8.5 <part03/sect_C.8.8.5.html>`, :dcm:`PS3.3 C.8.8.6 <part03/sect_C.8.8.6.html>`
    """
    tree = to_tree(
        header,
        "StructureSetROISequence",
        "ROIContourSequence",
        "RTROIObservationsSequence",
        "ReferencedFrameOfReferenceSequence",
    )
    drawn = _by_number(tree, "ROIContourSequence", "ReferencedROINumber")
    observed = _observations(tree)
    stated = _by_number(tree, "StructureSetROISequence", "ROINumber")
    if unknown := sorted(drawn.keys() - stated.keys()):
        raise InvalidDicom(f"contours are of ROI number {unknown[0]}, which is not in the set")
    rois = tuple(
        _to_roi(number, item, drawn.get(number, Item()), observed.get(number, Item()))
        for number, item in stated.items()
    )
    frames = tree.items("ReferencedFrameOfReferenceSequence")
    series = dict.fromkeys(uid for frame in frames for uid in _series_of(frame))
    frame_uids = (frame.text("FrameOfReferenceUID") for frame in frames)
    return StructureSet(
        SOPInstanceUID=header.SOPInstanceUID,
        label=header.text("StructureSetLabel"),
        rois=rois,
        FrameOfReferenceUIDs=tuple(uid for uid in frame_uids if uid is not None),
        SourceSeriesUIDs=tuple(series),
    )


def _by_number(tree: Item, sequence: str, keyword: str) -> dict[int, Item]:
    found: dict[int, Item] = {}
    for item in tree.items(sequence):
        number = item.integer(keyword)
        if number is None:
            raise InvalidDicom(f"an item of {sequence} states no {keyword}")
        if number in found:
            raise InvalidDicom(f"ROI number {number} is given twice in {sequence}")
        found[number] = item
    return found


def _observations(tree: Item) -> dict[int, Item]:
    """Return each region's first observation; there may be several of one."""
    found: dict[int, Item] = {}
    for item in tree.items("RTROIObservationsSequence"):
        number = item.integer("ReferencedROINumber")
        if number is not None:
            found.setdefault(number, item)
    return found


def _to_roi(number: int, stated: Item, drawn: Item, observed: Item) -> Roi:
    color = drawn.numbers("ROIDisplayColor")
    is_color = (
        color is not None
        and len(color) == 3
        and all(part.is_integer() and 0 <= part <= 255 for part in color)
    )
    return Roi(
        number=number,
        name=stated.text("ROIName") or "",
        color=(int(color[0]), int(color[1]), int(color[2])) if color and is_color else None,
        FrameOfReferenceUID=stated.text("ReferencedFrameOfReferenceUID"),
        generation_algorithm=stated.text("ROIGenerationAlgorithm"),
        interpreted_type=observed.text("RTROIInterpretedType"),
        _items=tuple(drawn.items("ContourSequence")),
    )


def _series_of(frame: Item) -> Iterator[str]:
    for study in frame.items("RTReferencedStudySequence"):
        for series in study.items("RTReferencedSeriesSequence"):
            uid = series.text("SeriesInstanceUID")
            if uid is not None:
                yield uid


_TYPES = CLOSED | {"OPEN_PLANAR", "OPEN_NONPLANAR", "POINT"}


def _parse_contour(number: int, index: int, item: Item) -> Contour:
    where = f"contour {index} of ROI number {number}"
    kind = item.text("ContourGeometricType")
    if kind not in _TYPES:
        raise InvalidDicom(f"{where} should be of a known geometric type, another came")
    offset_mm = item.numbers("ContourOffsetVector")
    if offset_mm is not None and any(offset_mm):
        # Retired; to leave it out would move the contour in silence.
        raise InvalidDicom(f"{where} is moved by a ContourOffsetVector, which is not followed")
    thickness_mm = item.number("ContourSlabThickness")
    images = (
        image.text("ReferencedSOPInstanceUID") for image in item.items("ContourImageSequence")
    )
    return Contour(
        geometric_type=kind,
        points_mm=_parse_points(where, item),
        slab_thickness_mm=thickness_mm if thickness_mm is not None and thickness_mm > 0 else None,
        SOPInstanceUIDs=tuple(uid for uid in images if uid is not None),
    )


def _parse_points(where: str, item: Item) -> NDArray[np.float64]:
    text = item.text("ContourData")
    if text is None:
        stated = item.elements.get("ContourData")
        if stated is not None and stated.length > CONTOUR_LIMITS.max_value_bytes:
            raise InvalidDicom(
                f"{where} has more than {CONTOUR_LIMITS.max_value_bytes} bytes of points"
            )
        raise InvalidDicom(f"{where} has no points")
    try:
        # numpy takes what float takes: "nan" and "inf" are told apart below, "1_0" here.
        numbers = np.array(text.replace("_", "x").split("\\"), dtype=np.float64)
    except ValueError as error:
        raise InvalidDicom(f"{where} holds something else than numbers") from error
    if len(numbers) % 3:
        raise InvalidDicom(f"{where} has {len(numbers)} numbers, expected three per point")
    if not np.all(np.abs(numbers) < FARTHEST_MM):  # NaN is not below either
        raise InvalidDicom(f"{where} has a point beyond a kilometre, or one that is no number")
    count = item.integer("NumberOfContourPoints")
    if count is not None and count != len(numbers) // 3:
        raise InvalidDicom(f"{where} states {count} points, {len(numbers) // 3} came")
    return numbers.reshape(-1, 3)
