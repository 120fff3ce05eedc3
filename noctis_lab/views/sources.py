"""What a view's panes show: series of an archive, and arrays in memory, asked alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from noctis_lab.errors import CannotMeasure, SeriesNotFound
from noctis_lab.lab.measuring.draft import parse_draft
from noctis_lab.lab.measuring.keeping import list_measurements
from noctis_lab.lab.measuring.on_array import ArrayMeasurements
from noctis_lab.views.measuring import answer_measuring
from noctis_lab.volumes.array_stack import ArrayStack
from noctis_lab.volumes.pixels import (
    StackDescription,
    count_frames,
    describe_stack,
    encode_frames,
    encode_preview,
)

if TYPE_CHECKING:
    from noctis_lab.catalog.measurements import MeasurementRow
    from noctis_lab.catalog.records import SeriesRow
    from noctis_lab.lab import Lab
    from noctis_lab.volumes.cache import Handle

__all__ = ["ArraySource", "PaneSource", "SeriesSource"]


class PaneSource(Protocol):
    """Where the frames and the measurements of one series, or of one array, come from."""

    def describe(self) -> StackDescription:
        """Describe it; reads at most one frame."""

    def count(self) -> int:
        """How many frames there are."""

    def encode(self, first: int, count: int, *, revision: str | None = None) -> bytes:
        """Return frames as `pixels.encode_frames` does."""

    def encode_preview(self, index: int, *, revision: str | None = None) -> bytes:
        """Return one frame as `pixels.encode_preview` does."""

    def measure(self, question: Mapping[str, Any]) -> Any:
        """Answer a question about measurements, as `measuring.answer_measuring` does."""

    def measured(self) -> list[MeasurementRow]:
        """Return what was measured on it and not deleted, oldest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesSource:
    """A series of an archive; without `lab` no measurements are kept."""

    handle: Handle
    row: SeriesRow
    lab: Lab | None = None

    def describe(self) -> StackDescription:
        """Describe the series."""
        return describe_stack(self.handle, self.row.reference)

    def count(self) -> int:
        """Count its frames."""
        return count_frames(self.handle, self.row.reference)

    def encode(self, first: int, count: int, *, revision: str | None = None) -> bytes:
        """Return frames of it."""
        return encode_frames(self.handle, self.row.reference, first, count, revision=revision)

    def encode_preview(self, index: int, *, revision: str | None = None) -> bytes:
        """Return one frame of it, reduced."""
        return encode_preview(self.handle, self.row.reference, index, revision=revision)

    def measure(self, question: Mapping[str, Any]) -> Any:
        """Answer from the archive."""
        if self.lab is None:
            raise SeriesNotFound("the view asked for something that there is not")
        return answer_measuring(self.lab, self.row, question)

    def measured(self) -> list[MeasurementRow]:
        """Return what the archive keeps of it."""
        return [] if self.lab is None else list_measurements(self.lab, self.row)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArraySource:
    """An array in memory; what is measured on it lasts as long as the view."""

    stack: ArrayStack
    measurements: ArrayMeasurements

    @classmethod
    def of(cls, stack: ArrayStack) -> ArraySource:
        """Return the source of an array, nothing measured on it."""
        return cls(stack=stack, measurements=ArrayMeasurements(stack))

    def describe(self) -> StackDescription:
        """Describe the array."""
        return self.stack.describe()

    def count(self) -> int:
        """Count its frames."""
        return self.stack.count

    def encode(self, first: int, count: int, *, revision: str | None = None) -> bytes:
        """Return frames of it."""
        return self.stack.encode(first, count, revision=revision)

    def encode_preview(self, index: int, *, revision: str | None = None) -> bytes:
        """Return one frame of it, reduced."""
        return self.stack.encode_preview(index, revision=revision)

    def measure(self, question: Mapping[str, Any]) -> Any:
        """Answer from memory."""
        what = question["what"]
        if what == "measurements":
            return [row.to_json() for row in self.measurements.rows()]
        if what == "delete-measurement":
            return self.measurements.remove(str(question.get("MeasurementUID"))).to_json()
        document = question.get("measurement")
        if not isinstance(document, Mapping):
            raise CannotMeasure("save-measurement comes with a measurement")
        # An array is of no study: what the client says there is its series' beside it, or nothing.
        draft = parse_draft({**document, "StudyInstanceUID": self.stack.uid})
        return self.measurements.save(draft).to_json()

    def measured(self) -> list[MeasurementRow]:
        """Return what was measured in this view."""
        return self.measurements.rows()
