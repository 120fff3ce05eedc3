"""SEG: segments as an array of masks, or one label map, on the grid of the images they are of."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import DTypeLike, NDArray

from noctis_lab.catalog.records import InstanceRow, SeriesRow
from noctis_lab.dicom.segmentation import Segment, Segmentation, parse_segmentation
from noctis_lab.errors import DuplicatePositions, NoGeometry, NoPixels, UnsupportedSeries
from noctis_lab.volumes import accessor as accessor  # registers `.dicom`
from noctis_lab.volumes.assemble import series_attributes
from noctis_lab.volumes.axes import AXES
from noctis_lab.volumes.instance_frames import each_frame, require_size
from noctis_lab.volumes.lattice import fill_gaps, plan_lattice
from noctis_lab.volumes.planes import instance_file, read_instance_header
from noctis_lab.volumes.source_grid import find_on_source

if TYPE_CHECKING:
    import pandas as pd

    from noctis_lab.volumes.cache import Handle

__all__ = ["Segments", "open_segments"]

type Stored = NDArray[Any]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Grid:
    """The array that frames are put into."""

    dims: tuple[str, ...]  # (z, y, x), or (y, x) where there is no place in the patient
    shape: tuple[int, ...]
    coordinates: Mapping[Hashable, Any]
    places: tuple[int, ...]  # by frame: the index along z
    window: tuple[slice, slice]  # rows and columns that frames cover
    attributes: Mapping[str, str | int]


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
        wanted = self._wanted(numbers)
        index_of = {segment.number: index for index, segment in enumerate(wanted)}
        grid = self._grid()
        native, result = self._dtypes(dtype, stored=stored)
        shape = (len(wanted), *grid.shape)
        require_size(self._row, shape, np.dtype(result))
        masks = np.zeros(shape, result)
        frames = [
            index
            for index, frame in enumerate(self._stated.frames)
            if frame.number is None or frame.number in index_of
        ]
        divisor = None if stored or native != "fraction" else self._stated.MaximumFractionalValue

        def place(frame: int, pixels: Stored) -> None:
            number = self._stated.frames[frame].number
            where = self._where(grid, frame)
            if number is None:
                for known, index in index_of.items():
                    masks[index][where] = pixels == known
            elif divisor is None:
                masks[index_of[number]][where] = pixels
            else:
                masks[index_of[number]][where] = pixels / np.float64(divisor)

        self._read(frames, place)
        return self._to_dataarray(masks, grid, wanted, units="stored" if stored else "1")

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
        largest = max((segment.number for segment in stated.segments), default=0)
        result = np.dtype(np.uint8 if max(largest, stated.background) <= 0xFF else np.uint16)
        require_size(self._row, grid.shape, result)
        labels = np.full(grid.shape, stated.background, result)
        overlaps: list[int] = []

        def place(frame: int, pixels: Stored) -> None:
            number = stated.frames[frame].number
            part = labels[self._where(grid, frame)]
            if number is None:
                part[...] = pixels
                return
            inside = pixels != 0
            if np.any(part[inside] != stated.background):
                overlaps.append(number)
            part[inside] = number

        self._read(range(len(stated.frames)), place, in_order=True)
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

    def _dtypes(self, dtype: DTypeLike | None, *, stored: bool) -> tuple[str, np.dtype[Any]]:
        native = "fraction" if self._stated.kind == "FRACTIONAL" else "mask"
        if native == "mask":
            exact = np.dtype(np.uint8 if stored else np.bool_)
        else:
            exact = np.dtype(np.uint8 if stored else np.float32)
        if dtype is None:
            return native, exact
        wanted = np.dtype(dtype)
        is_held = np.can_cast(exact, wanted) and wanted.kind in "biuf"
        if not is_held:
            raise UnsupportedSeries(
                self._row.SeriesInstanceUID,
                f"dtype {wanted} does not hold every value that {exact} does",
            )
        return native, wanted

    def _grid(self) -> _Grid:
        stated, pixels = self._stated, self._row.pixels
        assert pixels is not None
        matrix = (pixels.rows, pixels.columns)
        found, source_uid, note = find_on_source(self._handle, stated, self._series, matrix)
        attributes: dict[str, str | int] = {"grid": "own" if found is None else "source"}
        if source_uid is not None:
            attributes["SourceSeriesInstanceUID"] = source_uid
        if note is not None:
            attributes["geometry_note"] = note
        if found is not None:
            row, column = found.corner
            window = slice(row, row + matrix[0]), slice(column, column + matrix[1])
            grid = _Grid(
                dims=AXES,
                shape=found.shape,
                coordinates=found.coordinates,
                places=found.places,
                window=window,
                attributes=attributes,
            )
        else:
            grid = self._own_grid(matrix, attributes)
        self._refuse_duplicates(grid)
        return grid

    def _own_grid(self, matrix: tuple[int, int], attributes: dict[str, str | int]) -> _Grid:
        planes = [frame.plane for frame in self._stated.frames]
        window = slice(0, matrix[0]), slice(0, matrix[1])
        if all(plane.position_mm is None for plane in planes):
            numbers = [frame.number for frame in self._stated.frames]
            if len(set(numbers)) < len(numbers):
                raise NoGeometry(
                    self._row.SeriesInstanceUID,
                    "its frames state no place in the patient, and a segment has several",
                    SOPInstanceUIDs=(self._row.SOPInstanceUID,),
                )
            return _Grid(
                dims=AXES[1:],
                shape=matrix,
                coordinates={},
                places=(),
                window=window,
                attributes=attributes | {"geometry_note": "It has no place in the patient."},
            )
        lattice = fill_gaps(
            plan_lattice(planes, matrix, SeriesInstanceUID=self._row.SeriesInstanceUID)
        )
        uneven = lattice.warn_if_uneven(self._row.SeriesInstanceUID, stacklevel=4)
        if uneven is not None:
            attributes["geometry_note"] = f"{attributes.get('geometry_note', '')} {uneven}".strip()
        return _Grid(
            dims=AXES,
            shape=lattice.shape,
            coordinates=lattice.coordinates(self._stated.FrameOfReferenceUID),
            places=lattice.places,
            window=window,
            attributes=attributes,
        )

    def _refuse_duplicates(self, grid: _Grid) -> None:
        seen: set[tuple[int | None, int]] = set()
        for frame, place in zip(self._stated.frames, grid.places, strict=False):
            if (frame.number, place) in seen:
                whose = "" if frame.number is None else f" of segment {frame.number}"
                raise DuplicatePositions(
                    self._row.SeriesInstanceUID,
                    f"two frames{whose} lie at one place: which one holds is not stated",
                    SOPInstanceUIDs=(self._row.SOPInstanceUID,),
                )
            seen.add((frame.number, place))

    def _where(self, grid: _Grid, frame: int) -> tuple[int | slice, ...]:
        return (grid.places[frame], *grid.window) if grid.places else grid.window

    def _read(
        self, frames: Sequence[int], place: Callable[[int, Stored], None], *, in_order: bool = False
    ) -> None:
        def checked(frame: int, pixels: Stored) -> None:
            self._check(pixels)
            place(frame, pixels)

        if not in_order:
            each_frame(self._handle, self._row, frames, checked)
            return
        for frame in frames:  # frames at one place must not be written side by side
            each_frame(self._handle, self._row, [frame], checked)

    def _check(self, pixels: Stored) -> None:
        """Refuse a pixel that means nothing."""
        stated = self._stated
        if stated.kind == "LABELMAP":
            known = {stated.background, *(segment.number for segment in stated.segments)}
            strange = sorted(set(np.flatnonzero(np.bincount(pixels.ravel())).tolist()) - known)
            if strange:
                raise UnsupportedSeries(
                    self._row.SeriesInstanceUID,
                    f"pixels are of segment {strange[0]}, which is not described",
                    SOPInstanceUIDs=(self._row.SOPInstanceUID,),
                )
            return
        largest = 1 if stated.kind == "BINARY" else stated.MaximumFractionalValue or 0
        if int(pixels.max(initial=0)) > largest:
            raise UnsupportedSeries(
                self._row.SeriesInstanceUID,
                f"a pixel of a {stated.kind} segmentation is beyond {largest}",
                SOPInstanceUIDs=(self._row.SOPInstanceUID,),
            )

    def _to_dataarray(
        self, masks: NDArray[Any], grid: _Grid, segments: Sequence[Segment], *, units: str
    ) -> xr.DataArray:
        texts: dict[str, list[str]] = {
            "label": [segment.label for segment in segments],
            "algorithm": [segment.algorithm_type or "" for segment in segments],
            "category": [str(segment.category or "") for segment in segments],
            "type": [str(segment.type or "") for segment in segments],
            "color": [segment.color or "" for segment in segments],
        }
        coordinates: dict[Hashable, Any] = dict(grid.coordinates)
        coordinates["segment"] = ("segment", np.array([segment.number for segment in segments]))
        for name, words in texts.items():
            coordinates[f"segment_{name}"] = ("segment", np.array(words, dtype=np.str_))
        return xr.DataArray(
            masks,
            dims=("segment", *grid.dims),
            coords=coordinates,
            name=self._series.Modality,
            attrs=self._attributes(grid, units=units),
        )

    def _attributes(self, grid: _Grid, *, units: str) -> dict[str, Any]:
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
