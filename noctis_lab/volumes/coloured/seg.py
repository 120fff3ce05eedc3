"""A segmentation (SEG) over a series' images: pixel on pixel, or the nearest voxel of its grid."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from noctis_lab.catalog.records import InstanceRow, SeriesRow
from noctis_lab.dicom.segmentation import Segment, Segmentation, parse_segmentation
from noctis_lab.errors import CannotOverlay, CannotStack, NoctisError
from noctis_lab.volumes.coloured.cuts import Cut, cut_by_place, cut_by_source
from noctis_lab.volumes.coloured.description import (
    MOST_SEGMENTS,
    ColouringDescription,
    ShownSegment,
    color_of,
)
from noctis_lab.volumes.coloured.layers import LARGEST_LABEL, Layer, Layers
from noctis_lab.volumes.coloured.nearest import LabelGrid, fill_grid
from noctis_lab.volumes.frames import Frame, has_place
from noctis_lab.volumes.instance_frames import each_frame, find_inflated, is_one_stream
from noctis_lab.volumes.planes import instance_file, read_instance_header
from noctis_lab.volumes.segment_masks import refuse_strange_pixels

if TYPE_CHECKING:
    from noctis_lab.volumes.cache import Handle

__all__ = ["SegColouring", "find_segmentation", "refers_to", "refused", "seg_colouring", "words_of"]

#: What a described frame and segment take in memory, generously.
_STATED_BYTES, _CUT_BYTES = 2048, 128
_RESAMPLED = (
    "The segmentation lies on voxels of its own: each pixel of the image shows the nearest of them."
)


def find_segmentation(handle: Handle, row: InstanceRow) -> Segmentation:
    """Return what a SEG instance states, through the process-wide cache.

    Raises
    ------
    UnsupportedSeries
        As `segmentation.parse_segmentation`.
    DicomTooLarge, FileChanged
        As `planes.read_instance_header` and `frame_facts.frame_facts`.
    """
    key = ("segmentation", row.sha256)
    known: Segmentation | None = handle.frames.find(key)
    if known is None:
        known = parse_segmentation(read_instance_header(instance_file(handle.storage, row), row))
        handle.frames.put(key, known, _STATED_BYTES * (len(known.frames) + len(known.segments)))
    return known


def refers_to(stated: Segmentation, series: SeriesRow, images: Sequence[Frame]) -> bool:
    """Return whether a segmentation names a series, or one of its images, as its source."""
    if series.SeriesInstanceUID in stated.SourceSeriesUIDs:
        return True
    uids = {image.row.SOPInstanceUID for image in images}
    return not uids.isdisjoint(stated.SourceInstanceUIDs)


def refused(overlay: str, name: str, kind: str, reason: str) -> ColouringDescription:
    """Return the description of what is not shown."""
    return ColouringDescription(overlay=overlay, kind=kind, name=name, segments=(), refusal=reason)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Lie:
    """How a segmentation lies over a series; without a handle, to be kept in its cache."""

    stated: Segmentation
    description: ColouringDescription
    label_of: Mapping[int, int]  # by segment number
    cuts: Mapping[int, list[Cut]] | None  # None: resampled


class SegColouring:
    """A segmentation over a series' images; a `description.Colouring`."""

    def __init__(
        self, handle: Handle, row: InstanceRow, images: Sequence[Frame], lie: _Lie
    ) -> None:
        self.handle, self.row, self.images = handle, row, images
        self.stated, self.description = lie.stated, lie.description
        self.label_of, self.cuts = lie.label_of, lie.cuts

    def layers(self, index: int) -> Sequence[Layer]:
        """Return the labels over one image.

        Raises
        ------
        CannotOverlay
            Too many segments overlap, or its voxels are beyond the bound of memory.
        UnsupportedSeries
            A pixel is of no segment.
        CompressedPixels, DecodeError, FileChanged
            As `instance_frames.each_frame`.
        """
        layout = self.images[index].layout
        rows, columns = layout.rows, layout.columns
        if self.cuts is None:
            grid = self._grid()
            return (
                [] if grid is None else grid.nearest(self.images[index].facts.plane, rows, columns)
            )
        layers = Layers(rows, columns, has_shares=self.stated.kind == "FRACTIONAL")
        self._fill(layers, self.cuts.get(index, []))
        return layers.layers

    def _fill(self, layers: Layers, cuts: Iterable[Cut]) -> None:
        at = {cut.frame: cut for cut in cuts}
        to_label = np.zeros(LARGEST_LABEL + 1, np.uint16)  # by a label map's number
        for number, label in self.label_of.items():
            to_label[number] = label
        read: dict[int, NDArray[Any]] = {}

        def keep(frame: int, pixels: NDArray[Any]) -> None:
            refuse_strange_pixels(self.row, self.stated, pixels)
            read[frame] = pixels.copy()

        assert self.row.pixels is not None
        is_stream = is_one_stream(self.row.pixels)
        # One after the other: thousands of frames may lie over one image.
        for frame in sorted(at, key=lambda each: self.stated.frames[each].number or 0):
            if is_stream:
                keep(frame, find_inflated(self.handle, self.row, frame))
            else:
                each_frame(self.handle, self.row, [frame], keep)
            pixels = read.pop(frame)
            cut, whose = at[frame], self.stated.frames[frame].number
            if whose is None:
                layers.put_labels(to_label[pixels], row=cut.row, column=cut.column)
            else:
                part = shares_of(pixels, self.stated)
                layers.put(self.label_of[whose], part, row=cut.row, column=cut.column)

    def _grid(self) -> LabelGrid | None:
        key = ("label grid", self.row.sha256)
        known: LabelGrid | None = self.handle.frames.find(key)
        if known is None:
            known = fill_grid(self.row, self.stated, self._read_whole)
            self.handle.frames.put(key, known, known.size_bytes)
        return known

    def _read_whole(self, frames: Sequence[int]) -> Sequence[Layer]:
        """Return the layers of one plane of its own."""
        assert self.row.pixels is not None
        rows, columns = self.row.pixels.rows, self.row.pixels.columns
        layers = Layers(rows, columns, has_shares=self.stated.kind == "FRACTIONAL")
        self._fill(layers, [Cut(frame, 0, 0) for frame in frames])
        return layers.layers


def shares_of(pixels: NDArray[Any], stated: Segmentation) -> NDArray[np.uint8]:
    """Return by which part, in 255ths, each pixel is the segment's."""
    if stated.kind != "FRACTIONAL":
        whole: NDArray[np.uint8] = (pixels != 0).astype(np.uint8)
        return whole
    greatest = stated.MaximumFractionalValue or 255
    shares = np.floor(pixels.astype(np.float64) * 255 / greatest + 0.5)
    # What there is a little of is shown a little.
    shares[(pixels != 0) & (shares == 0)] = 1
    result: NDArray[np.uint8] = shares.clip(0, 255).astype(np.uint8)
    return result


def seg_colouring(
    handle: Handle,
    row: InstanceRow,
    name: str,
    series: SeriesRow,
    images: Sequence[Frame],
    revision: str,
) -> SegColouring:
    """Lay a segmentation over a series' images.

    Parameters
    ----------
    row, name
        The SEG instance, and what people call it.
    series, images, revision
        The series in view, its frames as they are shown, and the text of their state.

    Raises
    ------
    CannotOverlay
        It cannot lie over these images, and why.
    UnsupportedSeries, DicomTooLarge, FileChanged
        As `find_segmentation`.
    """
    revision = f"{row.sha256.hex()[:16]}-{revision}"
    key = ("coloured", series.reference, revision)
    known: _Lie | None = handle.frames.find(key)
    if known is None:
        known = _lay(handle, row, series, images)
        size = _CUT_BYTES * sum(map(len, (known.cuts or {}).values()))
        handle.frames.put(key, known, _STATED_BYTES * (len(known.label_of) + 1) + size)
    described = replace(known.description, name=name, revision=revision)
    return SegColouring(handle, row, images, replace(known, description=described))


def _lay(handle: Handle, row: InstanceRow, series: SeriesRow, images: Sequence[Frame]) -> _Lie:
    stated = find_segmentation(handle, row)
    segments = _described(stated)
    if len(segments) > MOST_SEGMENTS:
        raise CannotOverlay(
            f"expected at most {MOST_SEGMENTS:,} segments, {len(segments):,} came: show some of "
            "them as a mask"
        )
    cuts = _find_cuts(row, stated, images)
    if cuts is None:
        _require_space(stated, series, images)
    elif any(len(set(_whose(stated, on))) < len(on) for on in cuts.values()):
        raise CannotOverlay("expected one frame of a segment at a place, several came")
    shown = tuple(
        ShownSegment(
            number=segment.number,
            label=segment.label or f"Segment {segment.number}",
            color=color_of(segment.color, place),
            meaning=None if segment.type is None else segment.type.meaning or None,
        )
        for place, segment in enumerate(segments)
    )
    return _Lie(
        stated=stated,
        description=ColouringDescription(
            overlay=row.SOPInstanceUID,
            kind=stated.kind,
            name="",
            segments=shown,
            note=_RESAMPLED if cuts is None else None,
        ),
        label_of={segment.number: place for place, segment in enumerate(segments, 1)},
        cuts=cuts,
    )


def _described(stated: Segmentation) -> list[Segment]:
    is_map = stated.kind == "LABELMAP"
    return [
        segment
        for segment in stated.segments
        if not (is_map and segment.number == stated.background)
    ]


def _whose(stated: Segmentation, cuts: Sequence[Cut]) -> list[int | None]:
    return [stated.frames[cut.frame].number for cut in cuts]


def _find_cuts(
    row: InstanceRow, stated: Segmentation, images: Sequence[Frame]
) -> Mapping[int, list[Cut]] | None:
    assert row.pixels is not None
    if not any(has_place(frame.plane) for frame in stated.frames):
        cuts = cut_by_source(images, stated.frames, (row.pixels.rows, row.pixels.columns))
        if cuts is None:
            raise CannotOverlay(
                "expected frames with a place in the patient, or of images of this series and of "
                "their size; neither came"
            )
        return cuts
    theirs = {image.facts.frame_of_reference_uid for image in images} - {None}
    ours = stated.FrameOfReferenceUID
    if ours is not None and theirs and ours not in theirs:
        raise CannotOverlay(
            f"expected frame of reference {', '.join(sorted(map(str, theirs)))}, the images', the "
            f"segmentation came in {ours}: register one to the other first"
        )
    return cut_by_place(images, stated.frames)


def _require_space(stated: Segmentation, series: SeriesRow, images: Sequence[Frame]) -> None:
    """Refuse to resample where nothing says that both lie in one space."""
    theirs = {image.facts.frame_of_reference_uid or series.FrameOfReferenceUID for image in images}
    if stated.FrameOfReferenceUID is None or theirs != {stated.FrameOfReferenceUID}:
        raise CannotOverlay(
            "expected a segmentation on the images' own pixels, or one that states their "
            "FrameOfReferenceUID; it does neither"
        )
    if not any(has_place(image.facts.plane) for image in images):
        raise CannotOverlay("expected images with a place in the patient, they state none")


def words_of(error: NoctisError) -> str:
    """Return an error's words for people."""
    return error.reason if isinstance(error, CannotStack) else str(error)
