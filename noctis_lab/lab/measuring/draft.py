"""What somebody says they have measured, as it comes over a wire: parsed and bounded once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from noctis_lab.analysis.measure.kinds import KINDS, LARGEST_COORDINATE, MOST_POINTS
from noctis_lab.errors import CannotMeasure

__all__ = ["LONGEST_LABEL", "MeasurementDraft", "PlaneDraft", "parse_draft"]

LONGEST_LABEL = 200

_MM = 1e6  #: farther away is no place in a patient's room
_UID = r"^[0-9.]{1,64}$"

Millimetres = Annotated[float, Field(ge=-_MM, le=_MM)]
Coordinate = Annotated[float, Field(ge=-LARGEST_COORDINATE, le=LARGEST_COORDINATE)]
Cosine = Annotated[float, Field(ge=-1.001, le=1.001)]
Step = Annotated[float, Field(gt=0, le=_MM)]
PlacePoint = tuple[Millimetres, Millimetres, Millimetres]
Direction = tuple[Cosine, Cosine, Cosine]
VoxelPoint = tuple[Coordinate, Coordinate]


class _Draft(BaseModel):
    # What an answer of ours holds beside it (author, times) may come back, and counts for nothing.
    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)


class PlaneDraft(_Draft):
    """Where a plane through a volume lies, patient LPS; `spacing_mm` is (down, right)."""

    origin_mm: PlacePoint
    right: Direction
    down: Direction
    spacing_mm: tuple[Step, Step]
    slab_mm: Annotated[float, Field(ge=0, le=10_000)] = 0.0
    projection: Literal["max", "min", "mean"] | None = None


class MeasurementDraft(_Draft):
    """A measurement without what the archive itself adds.

    On an image it names `SOPInstanceUID` and `frame` and says `points_px` (or `points_mm`); on a
    plane through a volume it says `plane` and `points_mm`; where that has a dim before z (time,
    echo, …), `extra_index` says which step of it, else the first is measured. An image knows its
    own.
    """

    MeasurementUID: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    kind: str
    StudyInstanceUID: Annotated[str, Field(pattern=_UID)]
    SeriesInstanceUID: Annotated[str, Field(pattern=_UID)]
    SOPInstanceUID: Annotated[str, Field(pattern=_UID)] | None = None
    frame: Annotated[int, Field(ge=0, le=10_000_000)] | None = None
    points_mm: Annotated[tuple[PlacePoint, ...], Field(max_length=MOST_POINTS)] | None = None
    points_px: Annotated[tuple[VoxelPoint, ...], Field(max_length=MOST_POINTS)] | None = None
    plane: PlaneDraft | None = None
    label: Annotated[str, Field(max_length=LONGEST_LABEL)] = ""
    extra_index: (
        Annotated[
            int,
            Field(ge=0, le=1_000_000, description="On a plane: along the dim before z, from 0."),
        ]
        | None
    ) = None
    values: dict[str, Any] = Field(default_factory=dict, description="As the client computed them.")

    @field_validator("kind")
    @classmethod
    def _is_a_kind(cls, kind: str) -> str:
        if kind not in KINDS:
            raise ValueError(f"one of {', '.join(KINDS)}")
        return kind

    @field_validator("label")
    @classmethod
    def _is_a_line(cls, label: str) -> str:
        label = label.strip()
        if not label.isprintable():
            raise ValueError("one line of printable characters")
        return label

    @model_validator(mode="after")
    def _is_drawn_on_something(self) -> Self:
        if self.plane is not None and (self.points_mm is None or self.SOPInstanceUID is not None):
            raise ValueError("on a plane a measurement has points_mm and no SOPInstanceUID")
        if self.plane is None and self.SOPInstanceUID is None:
            raise ValueError("a measurement is on an image (SOPInstanceUID) or on a plane")
        if self.points_px is None and self.points_mm is None:
            raise ValueError("points_px or points_mm is needed")
        return self


def parse_draft(document: Mapping[str, Any]) -> MeasurementDraft:
    """Return a measurement as it came over a channel.

    Raises
    ------
    CannotMeasure
        It is none; says where and why, not what came.
    """
    try:
        return MeasurementDraft.model_validate(document)
    except ValidationError as error:
        places = "; ".join(
            f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']}"
            for item in error.errors()[:5]
        )
        raise CannotMeasure(f"this is no measurement: {places}") from None
