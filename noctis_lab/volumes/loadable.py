"""What stands against reading images' pixels, known before a byte of them is read."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from noctis_lab.catalog.records import InstanceRow
from noctis_lab.dicom.codecs import can_decode
from noctis_lab.dicom.fragment_doubts import find_unstated_frame, is_order_contradicted
from noctis_lab.dicom.layout_doubts import layout_doubts
from noctis_lab.dicom.stored import frame_shape
from noctis_lab.dicom.surplus import is_padding, stated_bytes, surplus_bytes
from noctis_lab.dicom.transfer_syntaxes import explain_refusal
from noctis_lab.errors import CompressedPixels, PixelWarning, UnsupportedSeries
from noctis_lab.volumes.planes import instance_file, open_plane
from noctis_lab.volumes.stack import Stack

if TYPE_CHECKING:
    from noctis_lab.volumes.cache import Handle

__all__ = [
    "DISORDER",
    "FLAT",
    "MORE_CODESTREAMS",
    "find_doubts",
    "has_surplus",
    "require_readable",
    "require_shown",
    "require_stated_length",
    "warn_of_surplus",
]

FLAT = (
    "RescaleSlope is 0: every value of such an image is its RescaleIntercept; stored=True gives "
    "what is stored"
)
_KNOWN_BYTES = 256  # what a remembered answer takes in memory, generously

MORE_CODESTREAMS = (
    "among the fragments of frame {} another codestream begins: there are more frames than "
    "NumberOfFrames says"
)
DISORDER = (
    "an offset table names the frames in another order than their fragments have, or one of them "
    "twice: frames are taken in the order of the fragments"
)


def require_readable(handle: Handle, stack: Stack) -> PixelWarning | None:
    """Refuse a stack whose pixels no decoder here can decode, or are not what is stated of them.

    Returns
    -------
    PixelWarning or None
        To be given where native pixels are followed by more than a byte that is none of them, or an
        offset table contradicts the order of compressed frames.

    Raises
    ------
    CompressedPixels
        The transfer syntax has no decoder here.
    UnsupportedSeries
        Native pixels fill twice as many bytes as they are stated to, or more, or are followed by
        other bytes than padding: there are more rows or frames, or larger samples, than the data
        set says. Or there are more codestreams than NumberOfFrames.
    DecodeError
        Compressed frames are stated to be beyond 1 GiB, or to be no images.
    FileChanged
        As `planes.open_plane`, where bytes have to be looked at.
    """
    rows = list({frame.row.sha256: frame.row for frame in stack.frames}.values())
    for uid in sorted({row.transfer_syntax_uid for row in rows}):
        if not can_decode(uid):
            raise CompressedPixels(
                stack.SeriesInstanceUID,
                f"transfer syntax {uid} cannot be decoded: {explain_refusal(uid)}",
            )
    for row in rows:
        if row.pixels is not None and row.pixels.encapsulated:
            frame_shape(row.pixels)
    return require_stated_length(handle, rows)


def require_stated_length(handle: Handle, rows: list[InstanceRow]) -> PixelWarning | None:
    """Refuse images of one series whose pixels are followed by others; see above."""
    disorder = _require_stated_frames(handle, rows)
    surplus = [row for row in rows if has_surplus(row)]
    if not surplus:
        return disorder
    unstated = [row for row in surplus if not _is_padded(handle, row)]
    if unstated:
        raise _refusal(unstated)
    layout = surplus[0].pixels
    assert layout is not None
    return PixelWarning(
        f"the native pixel data of {len(surplus)} instance(s) are followed by padding, "
        f"{surplus_bytes(layout)} bytes in the first, where one byte is allowed at most: it is not "
        "read; if images look cut, Rows or NumberOfFrames may be wrong",
        surplus[0].SeriesInstanceUID,
    )


def require_shown(handle: Handle, row: InstanceRow) -> None:
    """Refuse an image of which frames are shown or measured, as `require_stated_length`, but once.

    It may be called from the handle's threads.

    Raises
    ------
    UnsupportedSeries, FileChanged
        As `require_readable`, of pixels that others follow.
    """
    _refuse_unstated([row], [find_doubts(handle, row)])
    if has_surplus(row):
        key = ("is padding", row.sha256)
        if handle.frames.find(key) is None:  # a cine's frames would each look at the bytes
            require_stated_length(handle, [row])
            handle.frames.put(key, True, _KNOWN_BYTES)


def has_surplus(row: InstanceRow) -> bool:
    """Return whether its native pixels are followed by others, which no file is read for."""
    return row.pixels is not None and surplus_bytes(row.pixels) > 0


def warn_of_surplus(handle: Handle, row: InstanceRow) -> None:
    """Warn of pixels that are more than is stated, or in doubt, where one image of them is read."""
    layout = row.pixels
    assert layout is not None
    unstated, is_disordered = find_doubts(handle, row)
    if unstated is not None:
        warnings.warn(PixelWarning(MORE_CODESTREAMS.format(unstated + 1)), stacklevel=3)
    if is_disordered:
        warnings.warn(PixelWarning(DISORDER), stacklevel=3)
    for doubt in layout_doubts([layout]):
        warnings.warn(PixelWarning(doubt.reason, row.SeriesInstanceUID), stacklevel=3)
    if surplus_bytes(layout) > 0:
        warnings.warn(
            PixelWarning(
                f"the native pixel data hold {layout.length} bytes where Rows, Columns, "
                f"NumberOfFrames and the bits of a sample make {stated_bytes(layout)}: the rest is "
                "not read",
                row.SeriesInstanceUID,
            ),
            stacklevel=3,
        )


def _require_stated_frames(handle: Handle, rows: list[InstanceRow]) -> PixelWarning | None:
    """Refuse images with more codestreams than frames; return a warning of an order in doubt."""
    compressed = [row for row in rows if row.pixels is not None and row.pixels.encapsulated]
    found = list(handle.executor.map(lambda row: find_doubts(handle, row), compressed))
    _refuse_unstated(compressed, found)
    doubtful = [
        row for row, (_, is_disordered) in zip(compressed, found, strict=True) if is_disordered
    ]
    if not doubtful:
        return None
    return PixelWarning(f"{DISORDER} ({len(doubtful)} instance(s))", doubtful[0].SeriesInstanceUID)


def _refuse_unstated(rows: list[InstanceRow], found: list[tuple[int | None, bool]]) -> None:
    unstated = [
        (row, frame) for row, (frame, _) in zip(rows, found, strict=True) if frame is not None
    ]
    if unstated:
        row, frame = unstated[0]
        raise UnsupportedSeries(
            row.SeriesInstanceUID,
            f"{MORE_CODESTREAMS.format(frame + 1)} ({len(unstated)} instance(s)); correct the "
            "data set, or read single images by Instance.stored()",
            SOPInstanceUIDs=tuple(row.SOPInstanceUID for row, _ in unstated),
        )


def find_doubts(handle: Handle, row: InstanceRow) -> tuple[int | None, bool]:
    """Return what `find_unstated_frame` and `is_order_contradicted` do of an instance.

    Raises
    ------
    FileChanged
        As `planes.open_plane`, of compressed frames that do not each lie in one fragment.
    """
    table = None if row.pixels is None else row.pixels.frame_table
    if not table or (len(table) == 1 and len(table[0]) == 1):
        return None, False
    key = ("fragment doubts", row.sha256)
    known: tuple[int | None, bool] | None = handle.frames.find(key)
    if known is None:
        path = instance_file(handle.storage, row)
        with open_plane(path, row) as (descriptor, layout):
            known = (
                find_unstated_frame(descriptor, layout),
                is_order_contradicted(path, descriptor, layout),
            )
        handle.frames.put(key, known, _KNOWN_BYTES)
    return known


def _is_padded(handle: Handle, row: InstanceRow) -> bool:
    with open_plane(instance_file(handle.storage, row), row) as (descriptor, layout):
        return is_padding(descriptor, layout)


def _refusal(unstated: list[InstanceRow]) -> UnsupportedSeries:
    layout = unstated[0].pixels
    assert layout is not None
    return UnsupportedSeries(
        unstated[0].SeriesInstanceUID,
        f"the pixel data of {len(unstated)} instance(s) hold {layout.length} bytes where Rows, "
        f"Columns, NumberOfFrames and the bits of a sample make {stated_bytes(layout)}: what the "
        "rest is is not said, and it is no padding; correct the data set, or read single images by "
        "Instance.stored()",
        SOPInstanceUIDs=tuple(row.SOPInstanceUID for row in unstated),
    )
