"""One plane of pixels and what is known of it: the unit that stacks are planned from. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from noctis_lab.catalog.records import InstanceRow
from noctis_lab.dicom.frame_facts import FrameFacts
from noctis_lab.dicom.frames import PixelLayout
from noctis_lab.dicom.geometry import FARTHEST_MM, PlaneGeometry, is_orthonormal

__all__ = [
    "Frame",
    "Orientation",
    "Vector",
    "describe_unplaced",
    "frames_of_rows",
    "has_place",
    "is_position",
    "number_key",
    "number_key_of_row",
    "rows_say_all",
]

type Vector = tuple[float, float, float]
type Orientation = tuple[float, float, float, float, float, float]


@dataclass(frozen=True, slots=True)
class Frame:
    """The image of a classic instance, a frame of a multi-frame one, or a mosaic's slice."""

    row: InstanceRow
    index: int  # within its instance, from 0; a mosaic's slices share one
    facts: FrameFacts

    @property
    def layout(self) -> PixelLayout:
        """How its instance's pixels are stored."""
        assert self.row.pixels is not None
        return self.row.pixels

    @property
    def matrix(self) -> tuple[int, int]:
        """Its rows and columns: a mosaic's slice has fewer than the image."""
        if self.facts.tile is not None:
            return self.facts.tile[2], self.facts.tile[3]
        return self.layout.rows, self.layout.columns

    @property
    def is_color(self) -> bool:
        """Whether it is shown in colours, by samples of its own or by a palette."""
        layout = self.layout
        return layout.samples_per_pixel > 1 or layout.photometric_interpretation == "PALETTE COLOR"


def frames_of_rows(rows: Iterable[InstanceRow]) -> list[Frame]:
    """Return the frames of classic single-frame instances, by what the thin rows say of them."""
    return [
        Frame(
            row,
            0,
            FrameFacts(
                plane=row.plane,
                rescale=row.rescale,
                has_unread_modality_lut=row.has_unread_modality_lut,
                frame_of_reference_uid=row.FrameOfReferenceUID,
            ),
        )
        for row in rows
    ]


def rows_say_all(rows: Sequence[InstanceRow], *, FrameOfReferenceUID: str | None) -> bool:
    """Return whether thin rows tell all that a plan needs; then no header is read.

    They do for classic images with a place in the patient and at most a linear Modality LUT.

    Parameters
    ----------
    rows
        Those with pixels.
    FrameOfReferenceUID
        The series': where it has one, a row without one is an older program's.
    """
    if not all(_is_classic(row) for row in rows):
        return False
    if all(row.FrameOfReferenceUID is not None for row in rows):
        return True
    return FrameOfReferenceUID is None and all(row.FrameOfReferenceUID is None for row in rows)


def _is_classic(row: InstanceRow) -> bool:
    # One frame's functional groups may hold what its row lacks.
    return (
        row.pixels is not None
        and row.pixels.frames == 1
        and not row.is_mosaic
        and not row.has_unread_modality_lut
        and has_place(row.plane)
    )


def has_place(plane: PlaneGeometry) -> bool:
    """Return whether a plane states all that a place in the patient needs, and can be one."""
    position_mm, spacing_mm, orientation = (
        plane.position_mm,
        plane.pixel_spacing_mm,
        plane.orientation,
    )
    return (
        is_position(position_mm)
        and spacing_mm is not None
        and orientation is not None
        and all(0 < value < FARTHEST_MM for value in spacing_mm)
        and is_orthonormal(orientation)
    )


def describe_unplaced(frames: Iterable[Frame]) -> str | None:
    """Return why a place in the patient that frames state cannot be one; None where none does so.

    References
    ----------
    :dcm:`PS3.3 C.7.6.2.1.1 <part03/sect_C.7.6.2.html>`: cosines are of unit vectors at right
    angles; :dcm:`PS3.3 10.7.1.3 <part03/sect_10.7.html>`: distances are positive.
    """
    planes = {frame.facts.plane for frame in frames}
    why = dict.fromkeys(reason for plane in planes for reason in _place_doubts(plane))
    return f"{'; '.join(sorted(why))}: there are no millimetres" if why else None


def _place_doubts(plane: PlaneGeometry) -> Iterator[str]:
    if plane.orientation is not None and not is_orthonormal(plane.orientation):
        yield "ImageOrientationPatient is no pair of unit vectors at right angles"
    if plane.position_mm is not None and not is_position(plane.position_mm):
        yield "ImagePositionPatient is beyond a kilometre"
    spacing_mm = plane.pixel_spacing_mm
    if spacing_mm is not None and not all(0 < value < FARTHEST_MM for value in spacing_mm):
        yield "PixelSpacing is not positive, or beyond a kilometre"
    is_begun = plane.position_mm is not None and plane.orientation is not None
    if is_begun and spacing_mm is None:
        yield "PixelSpacing is missing"
    if plane.position_mm is not None and plane.orientation is None and spacing_mm is not None:
        yield "ImageOrientationPatient is missing"


def is_position(position_mm: Vector | None) -> bool:
    """Return whether a position is one in a patient's room."""
    return position_mm is not None and all(abs(value) < FARTHEST_MM for value in position_mm)


def number_key_of_row(row: InstanceRow) -> tuple[bool, int, str]:
    """Return what orders instances that nothing else does: InstanceNumber, then UID."""
    number = row.InstanceNumber
    return (number is None, 0 if number is None else number, row.SOPInstanceUID)


def number_key(frame: Frame) -> tuple[tuple[bool, int, str], int, tuple[int, ...]]:
    """Return what orders frames that nothing else does: as instances, then within them."""
    return (number_key_of_row(frame.row), frame.index, frame.facts.tile or ())
