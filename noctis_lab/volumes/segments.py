"""SEG: segments as an array of masks, or one label map, on the grid of the images they are of."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import DTypeLike, NDArray

from noctis_lab.catalog.records import InstanceRow, SeriesRow
from noctis_lab.dicom.segmentation import Segment, Segmentation, parse_segmentation
from noctis_lab.errors import NoPixels, UnsupportedSeries
from noctis_lab.volumes import accessor as accessor  # registers `.dicom`
from noctis_lab.volumes.assemble import series_attributes
from noctis_lab.volumes.instance_frames import each_frame, require_size
from noctis_lab.volumes.planes import instance_file, read_instance_header
from noctis_lab.volumes.segment_grid import SegmentGrid, find_segment_grid
from noctis_lab.volumes.segment_masks import SegmentMasks, refuse_strange_pixels
from noctis_lab.volumes.voxels import load_voxels

if TYPE_CHECKING:
    import pandas as pd

    from noctis_lab.volumes.cache import Handle

__all__ = ["Segments", "open_segments"]


class Segments:
    """One SEG instance: what its segments are, and their voxels.

    Attributes
    ----------
    SOPInstanceUID
        Of the instance.
    kind
        BINARY, FRACTIONAL or LABELMAP.
    segments
        What is described, in the instance's order; a label map's background is not among them.
    """

    def __init__(
        self, handle: Handle, series: SeriesRow, row: InstanceRow, stated: Segmentation
    ) -> None:
        self._handle, self._series, self._row, self._stated = handle, series, row, stated
        self.SOPInstanceUID = row.SOPInstanceUID
        self.kind: str = stated.kind
        is_map = stated.kind == "LABELMAP"
        self.segments: tuple[Segment, ...] = tuple(
            segment
            for segment in stated.segments
            if not (is_map and segment.number == stated.background)
        )

    def __len__(self) -> int:
        return len(self.segments)

    @property
    def row(self) -> InstanceRow:
        """What the catalogue knows of the instance."""
        return self._row

    @property
    def SeriesDescription(self) -> str | None:
        """Of its series."""
        return self._series.SeriesDescription

    def df(self) -> pd.DataFrame:
        """Return the segments as a table: number, label, algorithm, codes, color."""
        import pandas as pd

        return pd.DataFrame(
            [
                (
                    segment.number,
                    segment.label,
                    segment.algorithm_type,
                    segment.algorithm_name,
                    None if segment.category is None else str(segment.category),
                    None if segment.type is None else str(segment.type),
                    segment.color,
                )
                for segment in self.segments
            ],
            columns=["number", "label", "algorithm", "algorithm_name", "category", "type", "color"],
        )

    def load(
        self,
        numbers: Collection[int] | None = None,
        *,
        dtype: DTypeLike | None = None,
        stored: bool = False,
    ) -> xr.DataArray:
        """Load segments as masks.

        Parameters
        ----------
        numbers
            Segment numbers; None takes all.
        dtype
            Of the result: bool by default, float32 of a fractional segmentation.
        stored
            Give stored values: of a fractional one 0 to MaximumFractionalValue, uint8.

        Returns
        -------
        DataArray, dims (segment, z, y, x)
            Whether a voxel is in the segment, or by which part (0 to 1). The coordinate `segment`
            is the segment's number; label, algorithm, category, type and color lie along it. On
            the very grid of the source volume where the frames lie on its voxels
            (``attrs["grid"] == "source"``), else on the frames' own; voxels without a frame are
            not in the segment. Without a place in the patient: dims (segment, y, x), where each
            segment has one frame.

        Warns
        -----
        GeometryWarning
            Its own planes lie at distances that are no multiples of one: they keep their true z.

        Raises
        ------
        UnsupportedSeries
            A number is no segment's, the array is beyond 4 GiB, a pixel is of no segment or beyond
            MaximumFractionalValue, or `dtype` does not hold the values.
        DuplicatePositions
            Two frames of a segment lie at one place.
        NoGeometry, MixedGeometry
            The frames form no one array.
        CompressedPixels, DecodeError, FileChanged
            As `instance_frames.each_frame`.

        References
        ----------
        :dcm:`PS3.3 C.8.20.2 <part03/sect_C.8.20.2.html>`,
        :dcm:`PS3.3 C.8.20.3 <part03/sect_C.8.20.3.html>`
        """
        return load_voxels(self.open(numbers, dtype=dtype, stored=stored))

    def open(
        self,
        numbers: Collection[int] | None = None,
        *,
        dtype: DTypeLike | None = None,
        stored: bool = False,
    ) -> SegmentMasks:
        """Open segments as masks of which any part can be read; as `load`."""
        fraction, result = self._dtypes(dtype, stored=stored)
        grid = self._grid()
        return SegmentMasks(
            handle=self._handle,
            series=self._series,
            row=self._row,
            stated=self._stated,
            grid=grid,
            segments=tuple(self._wanted(numbers)),
            dtype=result,
            divisor=self._stated.MaximumFractionalValue if fraction and not stored else None,
            attributes=self._attributes(grid, units="stored" if stored else "1"),
        )

    def _grid(self) -> SegmentGrid:
        return find_segment_grid(self._handle, self._series, self._row, self._stated)

    def labels(self) -> xr.DataArray:
        """Load all segments as one label map.

        Returns
        -------
        DataArray of uint8 or uint16, dims (z, y, x)
            The number of each voxel's segment; of no segment 0, or what the label map itself has
            for its background.

        Raises
        ------
        UnsupportedSeries
            Segments overlap, or are fractional: then one voxel has no one label.
        CannotStack, DecodeError, FileChanged
            As `load`.
        """
        stated = self._stated
        if stated.kind == "FRACTIONAL":
            raise UnsupportedSeries(
                self._row.SeriesInstanceUID,
                "a fractional segmentation has no labels: load() it, and choose a threshold",
            )
        grid = self._grid()
        if grid.own is not None:
            grid.own.warn_if_uneven(self._row.SeriesInstanceUID, stacklevel=2)
        row, column = grid.corner
        assert self._row.pixels is not None
        rows = slice(row, row + self._row.pixels.rows)
        columns = slice(column, column + self._row.pixels.columns)
        largest = max((segment.number for segment in stated.segments), default=0)
        result = np.dtype(np.uint8 if max(largest, stated.background) <= 0xFF else np.uint16)
        require_size(self._row, grid.shape, result)
        labels = np.full(grid.shape, stated.background, result)
        overlaps: list[int] = []

        def place(frame: int, pixels: NDArray[Any]) -> None:
            refuse_strange_pixels(self._row, stated, pixels)
            number = stated.frames[frame].number
            part = (labels[grid.places[frame]] if grid.places else labels)[rows, columns]
            if number is None:
                part[...] = pixels
                return
            inside = pixels != 0
            if np.any(part[inside] != stated.background):
                overlaps.append(number)
            part[inside] = number

        for index in range(len(stated.frames)):  # frames at one place must not meet there
            each_frame(self._handle, self._row, [index], place)
        if overlaps:
            raise UnsupportedSeries(
                self._row.SeriesInstanceUID,
                f"segment {overlaps[0]} overlaps another one, so that voxels have no one label: "
                "load() gives a mask of each",
                SOPInstanceUIDs=(self._row.SOPInstanceUID,),
            )
        return xr.DataArray(
            labels,
            dims=grid.dims,
            coords=dict(grid.coordinates),
            name=self._series.Modality,
            attrs={
                **self._attributes(grid, units="label"),
                "segment_numbers": [segment.number for segment in self.segments],
                "segment_labels": [segment.label for segment in self.segments],
            },
        )

    def _wanted(self, numbers: Collection[int] | None) -> list[Segment]:
        if numbers is None:
            return list(self.segments)
        unknown = sorted(set(numbers) - {segment.number for segment in self.segments})
        if unknown:
            known = ", ".join(str(segment.number) for segment in self.segments)
            raise UnsupportedSeries(
                self._row.SeriesInstanceUID,
                f"there is no segment {unknown[0]}; it has {known}",
                SOPInstanceUIDs=(self._row.SOPInstanceUID,),
            )
        return [segment for segment in self.segments if segment.number in numbers]

    def _dtypes(self, dtype: DTypeLike | None, *, stored: bool) -> tuple[bool, np.dtype[Any]]:
        """Return whether values are fractions, and the type of the result."""
        is_fraction = self._stated.kind == "FRACTIONAL"
        values = np.float32 if is_fraction else np.bool_
        exact = np.dtype(np.uint8 if stored else values)
        if dtype is None:
            return is_fraction, exact
        wanted = np.dtype(dtype)
        is_held = np.can_cast(exact, wanted) and wanted.kind in "biuf"
        if not is_held:
            raise UnsupportedSeries(
                self._row.SeriesInstanceUID,
                f"dtype {wanted} does not hold every value that {exact} does",
            )
        return is_fraction, wanted

    def _attributes(self, grid: SegmentGrid, *, units: str) -> dict[str, Any]:
        found: dict[str, Any] = {
            "units": units,
            **series_attributes(self._series),
            "SOPInstanceUID": self.SOPInstanceUID,
            "SegmentationType": self._stated.kind,
            "SegmentationFractionalType": self._stated.fractional_type,
            "MaximumFractionalValue": self._stated.MaximumFractionalValue,
            **grid.attributes,
        }
        return {keyword: value for keyword, value in found.items() if value is not None}

    def __repr__(self) -> str:
        return f"<noctis_lab.Segments: {len(self.segments)} segments, {self.kind}>"


def open_segments(handle: Handle, series: SeriesRow, row: InstanceRow) -> Segments:
    """Open one SEG instance: its header is read, its pixels are not.

    Raises
    ------
    NoPixels, UnsupportedSeries
        It has no frames; `segmentation.parse_segmentation` says what stands against it.
    DicomTooLarge, FileChanged
        As `planes.read_instance_header` and `frame_facts.frame_facts`.
    """
    if row.pixels is None:
        raise NoPixels(
            row.SeriesInstanceUID,
            "the segmentation has no frames",
            SOPInstanceUIDs=(row.SOPInstanceUID,),
        )
    return Segments(
        handle,
        series,
        row,
        parse_segmentation(read_instance_header(instance_file(handle.storage, row), row)),
    )
