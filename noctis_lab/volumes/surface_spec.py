"""What a surface of a series is of: a threshold, or a segment of a segmentation. Pure; no I/O."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

from noctis_lab.errors import CannotResample

__all__ = ["SurfaceSpec"]

_LARGEST_VALUE = 1e12
_LONGEST_UID = 64  # PS3.5 9.1
_MOST_STEPS = 10_000_000
_LARGEST_SEGMENT = 0xFFFF  # Segment Number is US


@dataclass(frozen=True, slots=True, kw_only=True)
class SurfaceSpec:
    """What a surface is of.

    Attributes
    ----------
    kind
        "threshold": all that is higher than `level`; "segment": a segment of a segmentation.
    level
        In the series' unit; finite. Of a segment nothing is said.
    SegmentationUID, segment
        The SEG's SOPInstanceUID and the number of its segment.
    extra_index
        Of a threshold in a series over time, echoes or b-values: which one, from 0.

    Raises
    ------
    ValueError
        A part is missing, of another type, or out of its range.
    """

    kind: Literal["threshold", "segment"]
    level: float | None = None
    SegmentationUID: str | None = None
    segment: int | None = None
    extra_index: int | None = None

    def __post_init__(self) -> None:
        number, uid = self.segment, self.SegmentationUID
        is_number = _is_whole(number)
        # What a client says may be anything, whatever is annotated here.
        is_sound = {
            "threshold": _is_number(self.level)
            and uid is None
            and number is None
            and (self.extra_index is None or _is_step(self.extra_index)),
            "segment": self.level is None
            and self.extra_index is None
            and isinstance(uid, str)
            and len(uid) <= _LONGEST_UID
            and is_number
            and 0 < (number or 0) <= _LARGEST_SEGMENT,
        }.get(str(self.kind), False)
        if not is_sound:
            raise CannotResample(
                "a surface is of a threshold with its level, or of a segment with the "
                "segmentation's SOPInstanceUID and a number from 1 on; ask for one of these"
            )

    def key(self, revision: str) -> str:
        """Return the surface's name: hexadecimal digits of what it is of, and of which frames."""
        level = None if self.level is None else float(self.level)
        said = [revision, self.kind, level, self.SegmentationUID, self.segment]
        if self.extra_index is not None:  # of other series the names stay what they were
            said.append(self.extra_index)
        return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:32]

    def to_dict(self) -> dict[str, Any]:
        """Return it as what `json.dumps` takes."""
        return asdict(self)

    @classmethod
    def from_dict(cls, said: dict[str, Any]) -> Self:
        """Return what `to_dict` gave."""
        return cls(**said)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_step(value: int) -> bool:
    return _is_whole(value) and 0 <= value <= _MOST_STEPS


def _is_number(value: object) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    # NaN is not within it either, and a whole number may be too large for a float.
    return is_number and abs(value) <= _LARGEST_VALUE  # type: ignore[arg-type]
