"""What a plot is of, decided from a view's state and a measurement, and computed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from noctis_lab.catalog.measurements import find_measurement
from noctis_lab.errors import CannotMeasure, SeriesNotFound
from noctis_lab.lab.measuring.draft import parse_draft
from noctis_lab.lab.measuring.keeping import list_measurements
from noctis_lab.lab.measuring.plotted import (
    CURVE_KINDS,
    curve,
    profile,
    slice_histogram,
    volume_histogram,
)
from noctis_lab.volumes.pixels import count_frames

if TYPE_CHECKING:
    from noctis_lab.catalog.records import SeriesRow
    from noctis_lab.lab import Lab
    from noctis_lab.lab.measuring.draft import MeasurementDraft
    from noctis_lab.views.state import ViewerState

__all__ = ["Asked", "Gauge", "Plotted", "Stopped", "fits"]

_KINDS: Mapping[str, tuple[str, ...]] = {"profile": ("profile",), "curve": CURVE_KINDS}
_NOTHING_DRAWN: Mapping[str, str] = {
    "profile": "No profile line is drawn in this series: press y and drag one over the image.",
    "curve": "No region is drawn in this series: press e and drag an ellipse, or p for one voxel.",
}


class Stopped(Exception):
    """Raised into a computation that nobody waits for any more."""


class Gauge:
    """How far a computation is, read by one thread and written by another; and a way to end it."""

    def __init__(self) -> None:
        self.done, self.total = 0, 0
        self._stop = threading.Event()

    def __call__(self, done: int, total: int) -> None:
        """Take note of progress.

        Raises
        ------
        Stopped
            `stop` was called.
        """
        if self._stop.is_set():
            raise Stopped
        self.done, self.total = done, total

    def stop(self) -> None:
        """End the computation at its next step."""
        self._stop.set()


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One plot to be computed; equal ones have equal figures.

    Attributes
    ----------
    what
        One of `state.PLOTS`.
    reference
        The series', as `SeriesRow.reference`, and the state in which it is.
    index
        The image in view, None is the middle one; None too where the plot is of a measurement.
    draft
        The measurement; None where the plot is of images, or nothing is drawn.
    """

    what: str
    reference: str
    received: str
    index: int | None
    draft: MeasurementDraft | None


@dataclass(frozen=True, slots=True)
class Plotted:
    """How a view's plots reach the archive.

    Parameters
    ----------
    lab
        The open archive.
    StudyInstanceUID
        The study of panes that name none.
    may_see
        Whether who looks may see a study.
    """

    lab: Lab
    StudyInstanceUID: str
    may_see: Callable[[str], bool]

    def ask(
        self,
        what: str,
        state: ViewerState,
        said: Mapping[str, Any] | None,
        MeasurementUID: str,
    ) -> Asked:
        """Return what is to be computed for a view.

        Parameters
        ----------
        what
            One of `state.PLOTS`.
        state
            The view's.
        said
            The measurement that the client would plot, as the API takes it; None: it named none.
        MeasurementUID
            The one that is to be plotted whatever is selected; empty: any.

        Raises
        ------
        SeriesNotFound, CannotMeasure
            There is nothing to plot; says what to do.
        """
        if what not in _KINDS:
            row = self._series(state.StudyInstanceUID, state.SeriesInstanceUID)
            return _asked(what, row, index=state.index)
        draft = self._draft(what, state, said, MeasurementUID)
        if draft is None:
            raise CannotMeasure(_NOTHING_DRAWN[what])
        return _asked(
            what, self._series(draft.StudyInstanceUID, draft.SeriesInstanceUID), draft=draft
        )

    def compute(self, asked: Asked, gauge: Gauge) -> dict[str, Any]:
        """Return a plot's figures as what `json.dumps` takes.

        Raises
        ------
        Stopped
            The gauge was stopped.
        NoctisError
            As `lab.measuring.plotted`.
        """
        handle = self.lab.handle
        if asked.draft is None:
            index = asked.index
            if index is None:
                index = count_frames(handle, asked.reference) // 2
            if asked.what == "slice-histogram":
                return asdict(slice_histogram(handle, asked.reference, index))
            return asdict(volume_histogram(handle, asked.reference, index, gauge))
        row = self._series(asked.draft.StudyInstanceUID, asked.draft.SeriesInstanceUID)
        if asked.what == "profile":
            return asdict(profile(handle, row, asked.draft))
        return asdict(curve(handle, row, asked.draft, gauge))

    def _series(self, StudyInstanceUID: str, SeriesInstanceUID: str) -> SeriesRow:
        if not SeriesInstanceUID:
            raise SeriesNotFound("no series is in view: choose one")
        study = StudyInstanceUID or self.StudyInstanceUID
        row = self.lab.catalog.find_series_of(study, SeriesInstanceUID)
        if row is None or not self.may_see(study):
            raise SeriesNotFound("the series in view is not here, or not yours to see")
        return row

    def _draft(
        self,
        what: str,
        state: ViewerState,
        said: Mapping[str, Any] | None,
        MeasurementUID: str,
    ) -> MeasurementDraft | None:
        if said is not None:
            return parse_draft(said)
        if MeasurementUID:
            known = find_measurement(self.lab.catalog, MeasurementUID)
            if known is None or known.deleted_at is not None:
                raise CannotMeasure("that measurement is not in this archive (any more)")
            if not fits(what, known.kind):
                raise CannotMeasure(f"a {what} is plotted of {', '.join(_KINDS[what])}")
            return parse_draft(known.to_json())
        row = self._series(state.StudyInstanceUID, state.SeriesInstanceUID)
        drawn = [each for each in list_measurements(self.lab, row) if fits(what, each.kind)]
        return parse_draft(drawn[-1].to_json()) if drawn else None


def fits(what: str, kind: object) -> bool:
    """Return whether a plot may be of a measurement of some kind."""
    return kind in _KINDS.get(what, ())


def _asked(
    what: str, row: SeriesRow, *, index: int | None = None, draft: MeasurementDraft | None = None
) -> Asked:
    return Asked(
        what=what,
        reference=row.reference,
        received=f"{row.instance_count} {row.last_received_at}",
        index=index,
        draft=draft,
    )
