"""What a script has measured: figures at once, kept only where `save` is called."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypedDict, Unpack
from uuid import uuid4

import numpy as np
from numpy.typing import ArrayLike, NDArray

from noctis_lab.errors import CannotMeasure
from noctis_lab.lab.measuring.computing import Computed, measure_frame, place_of
from noctis_lab.lab.measuring.draft import parse_draft
from noctis_lab.lab.measuring.keeping import own_principal, save_measurement
from noctis_lab.volumes.frame_values import SeriesFrame, find_frame, iter_series_frames

if TYPE_CHECKING:
    from noctis_lab.lab import Lab

__all__ = ["Measured", "WhereDrawn", "measure_on_series"]


class WhereDrawn(TypedDict, total=False):
    """Where `Series.measure` measures."""

    points_mm: ArrayLike | None
    index: int | None
    SOPInstanceUID: str | None
    frame: int


class Measured(Mapping[str, Any]):
    """The figures of one measurement, by name; a mapping that can be saved."""

    def __init__(self, lab: Lab, kind: str, found: SeriesFrame, computed: Computed) -> None:
        self._lab, self._found, self._computed = lab, found, computed
        self.kind = kind

    def __getitem__(self, name: str) -> Any:
        return self._computed.figures[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._computed.figures)

    def __len__(self) -> int:
        return len(self._computed.figures)

    def __repr__(self) -> str:
        figures = ", ".join(
            f"{name}={value:.6g}" if isinstance(value, float) else f"{name}={value}"
            for name, value in self.items()
            if not isinstance(value, list | dict)
        )
        return f"<noctis_lab.Measured {self.kind}: {figures}>"

    @property
    def index(self) -> int:
        """The frame's place in the stack's order, as a viewer counts."""
        return self._found.index

    @property
    def SOPInstanceUID(self) -> str:
        """The image that it was measured on."""
        return self._found.frame.row.SOPInstanceUID

    @property
    def points_px(self) -> NDArray[np.float64]:
        """Its points (column, row) on the frame, 0 at the centre of the first voxel."""
        return self._computed.points_px

    @property
    def points_mm(self) -> NDArray[np.float64] | None:
        """Its points (x, y, z), mm, patient LPS; None where the image has no place there."""
        return self._computed.points_mm

    def save(self, label: str = "", *, author: str | None = None) -> str:
        """Keep it in the archive, where viewers, SQL and CSV find it.

        Parameters
        ----------
        label
            One line, at most 200 characters.
        author
            Whose it is; by default the name of this process' user.

        Returns
        -------
        str
            Its MeasurementUID. Saving again makes another one.

        Raises
        ------
        CannotMeasure
            The label is too long, or not printable.
        """
        series = self._found.series
        draft = parse_draft(
            {
                "MeasurementUID": uuid4().hex,
                "kind": self.kind,
                "StudyInstanceUID": series.StudyInstanceUID,
                "SeriesInstanceUID": series.SeriesInstanceUID,
                "SOPInstanceUID": self.SOPInstanceUID,
                "frame": self._found.frame.index,
                "points_px": self.points_px.tolist(),
                "label": label,
            }
        )
        who = own_principal(author)
        return save_measurement(self._lab, series, draft, principal=who).MeasurementUID


def measure_on_series(
    lab: Lab,
    reference: str,
    kind: str,
    points_px: ArrayLike | None,
    **where: Unpack[WhereDrawn],
) -> Measured:
    """Measure on a frame of a series; `Series.measure` explains it."""
    points_mm, index = where.get("points_mm"), where.get("index")
    SOPInstanceUID, frame = where.get("SOPInstanceUID"), where.get("frame", 0)
    if (points_px is None) == (points_mm is None):
        raise CannotMeasure("give points_px, or points_mm: one of them")
    if index is None and SOPInstanceUID is None:
        if points_mm is None:
            raise CannotMeasure("say on which image: index=… or SOPInstanceUID=…")
        index = _nearest(lab, reference, _triples(points_mm))
    found = find_frame(
        lab.handle, reference, index=index, SOPInstanceUID=SOPInstanceUID, frame=frame
    )
    if found is None:
        raise CannotMeasure(
            f"series {reference} has no such frame; index counts from 0 in the stack's order"
        )
    if points_mm is not None:
        place = place_of(found)
        if place is None:
            raise CannotMeasure("this image has no place in the patient: give points_px")
        points_px = place.to_px(_triples(points_mm))
    points = np.asarray(points_px)
    return Measured(lab, kind, found, measure_frame(lab.handle, found, kind, points))


def _nearest(lab: Lab, reference: str, points_mm: NDArray[np.float64]) -> int:
    """Return the frame that is nearest to the middle of some points, along its own normal."""
    middle = points_mm.mean(axis=0)
    far_mm: dict[int, float] = {}
    for found in iter_series_frames(lab.handle, reference):
        place = place_of(found)
        if place is not None:
            normal = np.cross(place.right, place.down)
            far_mm[found.index] = abs(float((middle - np.array(place.origin_mm)) @ normal))
    if not far_mm:
        raise CannotMeasure("no image of this series has a place in the patient: give points_px")
    return min(far_mm, key=far_mm.__getitem__)


def _triples(points_mm: ArrayLike) -> NDArray[np.float64]:
    try:
        points = np.asarray(points_mm, dtype=np.float64)
    except (TypeError, ValueError):
        points = np.empty(0)
    if points.ndim != 2 or points.shape[1:] != (3,) or not np.isfinite(points).all():
        raise CannotMeasure(
            f"points_mm are finite (x, y, z), patient LPS, not an array of shape {points.shape}"
        )
    return points
