"""What can lie over a series' images, and its labels as bytes: what a viewer asks for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from noctis_lab.catalog.records import InstanceRow, SeriesRow
from noctis_lab.dicom.object_kinds import SEGMENTATIONS
from noctis_lab.errors import InstanceNotFound, NoctisError, SeriesChanged
from noctis_lab.volumes.coloured.bits import PLANES, BitColouring, find_groups
from noctis_lab.volumes.coloured.description import Colouring, ColouringDescription
from noctis_lab.volumes.coloured.layers import encode_layers
from noctis_lab.volumes.coloured.seg import (
    find_segmentation,
    refers_to,
    refused,
    seg_colouring,
    words_of,
)
from noctis_lab.volumes.frames import number_key_of_row
from noctis_lab.volumes.pixels import find_revision, find_shown_frames

if TYPE_CHECKING:
    from noctis_lab.volumes.cache import Handle

__all__ = ["MOST_LISTED", "encode_colouring", "find_colouring", "list_colourings"]

#: Segmentations of a study that are looked into.
MOST_LISTED = 64

type Own = Mapping[str, Colouring]


def list_colourings(
    handle: Handle, series: SeriesRow, own: Own | None = None
) -> tuple[ColouringDescription, ...]:
    """Return what can lie over a series' images.

    Parameters
    ----------
    handle
        The open archive.
    series
        The series in view.
    own
        What Python holds in memory for this view, by name: listed first.

    Returns
    -------
    tuple of ColouringDescription
        Then the segmentations of its study that refer to it, or that can lie over it in the frame
        of reference that they share, by series and number; then the images' own overlay planes.
        What refers to it and cannot be shown says why.

    Raises
    ------
    SeriesNotFound, NoPixels
        As `pixels.find_shown_frames`.
    """
    _, images, _ = find_shown_frames(handle, series.reference)
    revision = find_revision(handle, series.reference)
    found = [] if own is None else [colouring.description for colouring in own.values()]
    listed = {described.overlay for described in found}
    for other, row in _segmentations(handle, series):
        if row.SOPInstanceUID in listed:
            continue
        name = other.SeriesDescription or "Segmentation"
        is_ours = True  # what cannot be read may be about any series of the study
        try:
            stated = find_segmentation(handle, row)
            is_ours = refers_to(stated, series, images)
            space = series.FrameOfReferenceUID
            if not is_ours and (space is None or space != stated.FrameOfReferenceUID):
                continue
            found.append(seg_colouring(handle, row, name, series, images, revision).description)
        except NoctisError as error:
            if is_ours:
                found.append(refused(row.SOPInstanceUID, name, "SEG", words_of(error)))
    groups = find_groups(handle, images, revision)
    if groups:
        found.append(BitColouring(handle, images, groups, revision).description)
    return tuple(found)


def find_colouring(
    handle: Handle, series: SeriesRow, overlay: str, own: Own | None = None
) -> Colouring:
    """Return what is called `overlay`, laid over a series' images.

    Raises
    ------
    InstanceNotFound
        Nothing of that name lies over the series: no segmentation of its study, say.
    CannotOverlay, UnsupportedSeries
        It cannot, and why.
    """
    if own is not None and overlay in own:
        return own[overlay]
    _, images, _ = find_shown_frames(handle, series.reference)
    revision = find_revision(handle, series.reference)
    if overlay == PLANES:
        groups = find_groups(handle, images, revision)
        if groups:
            return BitColouring(handle, images, groups, revision)
    else:
        row = handle.catalog.find_instance(overlay)
        is_ours = row is not None and row.StudyInstanceUID == series.StudyInstanceUID
        if row is not None and is_ours and row.SOPClassUID in SEGMENTATIONS:
            return seg_colouring(handle, row, "", series, images, revision)
    raise InstanceNotFound(
        f"nothing called {overlay[:64]} lies over series {series.SeriesInstanceUID}"
    )


def encode_colouring(
    handle: Handle,
    series: SeriesRow,
    overlay: str,
    first: int,
    count: int,
    *,
    revision: str | None = None,
    own: Own | None = None,
) -> bytes:
    """Return the labels over some images, through the process-wide cache.

    Parameters
    ----------
    overlay
        As `ColouringDescription.overlay`.
    first, count
        Which images, by their place in `StackDescription.frames`; the caller bounds `count`.
    revision
        The description's: where it is another one by now, places or labels are not the same.

    Returns
    -------
    bytes
        Image after image, each as `layers.encode_layers` gives it.

    Raises
    ------
    SeriesChanged
        `revision` is not the present one: list again.
    InstanceNotFound
        There is no such overlay, or no such images.
    CannotOverlay, UnsupportedSeries, CannotInterpret
        It cannot lie over them, and why.
    CompressedPixels, DecodeError, FileChanged, UnsupportedTransferSyntax
        Its pixels cannot be read.
    """
    found = find_colouring(handle, series, overlay, own)
    described = found.description
    if revision is not None and revision != described.revision:
        raise SeriesChanged(
            f"what lies over series {series.SeriesInstanceUID} is not what it was; list it again",
            SeriesInstanceUID=series.SeriesInstanceUID,
        )
    total = len(find_shown_frames(handle, series.reference)[1])
    if first < 0 or count < 1 or first + count > total:
        raise InstanceNotFound(
            f"series {series.SeriesInstanceUID} shows frames 0 to {total - 1}; {count} from "
            f"{first} on were asked for"
        )
    parts: list[bytes] = []
    for index in range(first, first + count):
        key = ("labels", series.reference, described.revision, index)
        known: bytes | None = handle.frames.find(key) if described.kind != "MASK" else None
        if known is None:
            known = encode_layers(found.layers(index))
            if described.kind != "MASK":  # two views may call theirs the same
                handle.frames.put(key, known, len(known) + 128)
        parts.append(known)
    return b"".join(parts)


def _segmentations(handle: Handle, series: SeriesRow) -> Iterator[tuple[SeriesRow, InstanceRow]]:
    """Give the study's segmentations, the first `MOST_LISTED` of them."""
    if series.Modality == "SEG":
        return  # it is one, and lies over nothing
    left = MOST_LISTED
    for other in handle.catalog.series_of(series.StudyInstanceUID):
        if other.Modality != "SEG":
            continue
        rows = handle.catalog.instances_of(other.reference)
        for row in sorted(rows, key=number_key_of_row):
            if row.SOPClassUID not in SEGMENTATIONS or row.pixels is None:
                continue
            if left == 0:
                return
            left -= 1
            yield other, row
