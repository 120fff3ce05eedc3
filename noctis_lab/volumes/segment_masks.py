"""Segments as an array of masks, read frame by frame where a part is asked for."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from noctis_lab.catalog.records import InstanceRow, SeriesRow
from noctis_lab.dicom.segmentation import Segment, Segmentation
from noctis_lab.errors import UnsupportedSeries
from noctis_lab.volumes.instance_frames import each_frame, require_size
from noctis_lab.volumes.reading import Window, as_slice
from noctis_lab.volumes.segment_grid import SegmentGrid
from noctis_lab.volumes.tasks import Progress

if TYPE_CHECKING:
    from noctis_lab.volumes.cache import Handle

__all__ = ["SegmentMasks", "refuse_strange_pixels"]

type Indices = NDArray[np.intp]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SegmentMasks:
    """Masks of some segments, as `voxels.Voxels` are: dims (segment, z, y, x)."""

    handle: Handle
    series: SeriesRow
    row: InstanceRow
    stated: Segmentation
    grid: SegmentGrid
    segments: tuple[Segment, ...]
    dtype: np.dtype[Any]
    divisor: int | None  # MaximumFractionalValue, where fractions are asked for
    attributes: Mapping[str, Any]

    @property
    def dims(self) -> tuple[str, ...]:
        """Names of its dims."""
        return ("segment", *self.grid.dims)

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of its dims."""
        return (len(self.segments), *self.grid.shape)

    @property
    def coordinates(self) -> Mapping[Hashable, Any]:
        """Coordinates, as (dims, values[, attrs]): the grid's, and what each segment is."""
        segments = self.segments
        texts: dict[str, list[str]] = {
            "label": [segment.label for segment in segments],
            "algorithm": [segment.algorithm_type or "" for segment in segments],
            "category": [str(segment.category or "") for segment in segments],
            "type": [str(segment.type or "") for segment in segments],
            "color": [segment.color or "" for segment in segments],
        }
        coordinates: dict[Hashable, Any] = dict(self.grid.coordinates)
        coordinates["segment"] = ("segment", np.array([segment.number for segment in segments]))
        for name, words in texts.items():
            coordinates[f"segment_{name}"] = ("segment", np.array(words, dtype=np.str_))
        return coordinates

    @property
    def digest(self) -> bytes:
        """What is another one where the instance or the grid is."""
        grid = self.grid
        told = repr((self.row.sha256, self.shape, grid.places, grid.corner))
        return hashlib.sha256(told.encode()).digest()[:16]

    def read(self, kept: Sequence[Indices], progress: Progress | None = None) -> NDArray[Any]:
        """Read a part: of the frames only those that lie in it, each once.

        Raises
        ------
        UnsupportedSeries
            The part is beyond 4 GiB; a pixel is of no segment, or beyond MaximumFractionalValue.
        CompressedPixels, DecodeError, FileChanged
            As `instance_frames.each_frame`.
        """
        shape = tuple(len(indices) for indices in kept)
        require_size(self.row, shape, self.dtype)
        masks = np.zeros(shape, self.dtype)
        if not masks.size:
            return masks
        picked: dict[int, list[int]] = {}
        for at, index in enumerate(kept[0].tolist()):
            picked.setdefault(self.segments[index].number, []).append(at)
        planes: dict[int | None, list[tuple[int, ...]]] = {None: [()]}
        if self.grid.places:
            planes = {}
            for at, plane in enumerate(kept[1].tolist()):
                planes.setdefault(plane, []).append((at,))
        window, target = self._window(kept[-2], kept[-1])

        def place(frame: int, pixels: NDArray[Any]) -> None:
            refuse_strange_pixels(self.row, self.stated, pixels)
            part = window.cut(pixels, 0)
            number = self.stated.frames[frame].number
            numbers = picked if number is None else (number,)
            for each in numbers:
                values = self._values(part, each if number is None else None)
                for at in picked[each]:
                    for plane in planes[self._plane(frame)]:
                        masks[(at, *plane)][target] = values

        frames = [
            index
            for index, frame in enumerate(self.stated.frames)
            if (frame.number is None or frame.number in picked) and self._plane(index) in planes
        ]
        if len(window.rows) and len(window.columns):
            each_frame(self.handle, self.row, frames, place, progress)
        return masks

    def warn(self, *, stacklevel: int, of_gaps: bool = True) -> None:
        """Warn where its own planes lie at unequal distances."""
        if of_gaps and self.grid.own is not None:
            self.grid.own.warn_if_uneven(self.row.SeriesInstanceUID, stacklevel=stacklevel + 1)

    def _plane(self, frame: int) -> int | None:
        return self.grid.places[frame] if self.grid.places else None

    def _values(self, part: NDArray[Any], number: int | None) -> NDArray[Any]:
        values: NDArray[Any] = part
        if number is not None:  # of a label map
            values = part == number
        elif self.divisor is not None:
            values = part / np.float64(self.divisor)
        return values

    def _window(self, rows: Indices, columns: Indices) -> tuple[Window, tuple[Any, ...]]:
        """Return which pixels of a frame are asked for, and where they go."""
        assert self.row.pixels is not None
        corner, matrix = self.grid.corner, (self.row.pixels.rows, self.row.pixels.columns)
        inside = [
            np.flatnonzero((indices >= first) & (indices < first + size))
            for indices, first, size in zip((rows, columns), corner, matrix, strict=True)
        ]
        window = Window(rows=rows[inside[0]] - corner[0], columns=columns[inside[1]] - corner[1])
        if not (len(inside[0]) and len(inside[1])):
            return window, ()
        down, along = as_slice(inside[0]), as_slice(inside[1])
        if isinstance(down, slice) and isinstance(along, slice):
            return window, (down, along)
        return window, np.ix_(*inside)


def refuse_strange_pixels(row: InstanceRow, stated: Segmentation, pixels: NDArray[Any]) -> None:
    """Refuse a pixel that means nothing.

    Raises
    ------
    UnsupportedSeries
        It is of a segment that is not described, or beyond 1 or MaximumFractionalValue.
    """
    if stated.kind == "LABELMAP":
        known = {stated.background, *(segment.number for segment in stated.segments)}
        strange = sorted(set(np.flatnonzero(np.bincount(pixels.ravel())).tolist()) - known)
        if strange:
            raise UnsupportedSeries(
                row.SeriesInstanceUID,
                f"pixels are of segment {strange[0]}, which is not described",
                SOPInstanceUIDs=(row.SOPInstanceUID,),
            )
        return
    largest = 1 if stated.kind == "BINARY" else stated.MaximumFractionalValue or 0
    if int(pixels.max(initial=0)) > largest:
        raise UnsupportedSeries(
            row.SeriesInstanceUID,
            f"a pixel of a {stated.kind} segmentation is beyond {largest}",
            SOPInstanceUIDs=(row.SOPInstanceUID,),
        )
