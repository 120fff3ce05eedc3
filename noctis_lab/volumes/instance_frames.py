"""The frames of one multi-frame instance, each read once, within bounds."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from noctis_lab.catalog.records import InstanceRow
from noctis_lab.dicom.codecs import can_decode, iter_frames, native_dtype, read_frame
from noctis_lab.dicom.frames import PixelLayout
from noctis_lab.dicom.pixel_conflicts import warnings_of
from noctis_lab.dicom.stored import frame_shape
from noctis_lab.dicom.transfer_syntaxes import explain_refusal
from noctis_lab.errors import CompressedPixels, UnsupportedSeries
from noctis_lab.volumes.loadable import require_stated_length
from noctis_lab.volumes.planes import (
    instance_file,
    is_plain,
    open_plane,
    read_plane_into,
)
from noctis_lab.volumes.tasks import Progress, finish

if TYPE_CHECKING:
    from noctis_lab.volumes.cache import Handle

__all__ = ["LARGEST_ARRAY_BYTES", "each_frame", "find_inflated", "is_one_stream", "require_size"]

#: Of the cache: what the frames of one instance may take that are inflated together.
_SHARE = 4
#: Of an array that a few bytes of a file can ask for: segments or planes that hold no frame.
LARGEST_ARRAY_BYTES = 4 * 1024**3

type Place = Callable[[int, NDArray[Any]], None]


def require_size(row: InstanceRow, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    """Refuse an array beyond `LARGEST_ARRAY_BYTES`, before a byte of it is allocated.

    Raises
    ------
    UnsupportedSeries
        With the shape.
    """
    count = 1
    for size in shape:
        count *= size  # Python's integers do not overflow
    if count * dtype.itemsize > LARGEST_ARRAY_BYTES:
        words = " × ".join(map(str, shape))
        raise UnsupportedSeries(
            row.SeriesInstanceUID,
            f"an array of {words} ({count * dtype.itemsize / 1024**3:.1f} GiB) is beyond the bound "
            f"of {LARGEST_ARRAY_BYTES // 1024**3} GiB",
            SOPInstanceUIDs=(row.SOPInstanceUID,),
        )


def each_frame(
    handle: Handle,
    row: InstanceRow,
    frames: Collection[int],
    place: Place,
    progress: Progress | None = None,
) -> None:
    """Read frames and hand each one's stored values on.

    Parameters
    ----------
    frames
        Counted from 0.
    place
        ``place(frame, stored)``; called in several threads where frames are decoded, and `stored`
        (rows, columns) is its own only until it returns.
    progress
        Called in this thread as ``progress(frames done, frames in all)``.

    Raises
    ------
    CompressedPixels, DecodeError
        No decoder for the transfer syntax; a frame does not decode.
    FileChanged, NoPixels
        As `planes.open_plane`.
    UnsupportedSeries
        As `loadable.require_readable`, of native pixels that others follow.

    Warns
    -----
    PixelWarning
        Native pixels are followed by padding of more than a byte.
    """
    if not can_decode(row.transfer_syntax_uid):
        raise CompressedPixels(
            row.SeriesInstanceUID,
            f"transfer syntax {row.transfer_syntax_uid} cannot be decoded: "
            f"{explain_refusal(row.transfer_syntax_uid)}",
        )
    surplus = require_stated_length(handle, [row])
    if surplus is not None:
        warnings.warn(surplus, stacklevel=3)
    path = instance_file(handle.storage, row)
    with open_plane(path, row) as (descriptor, layout):
        if is_plain(layout):
            read = _iter_plain(descriptor, layout, frames)
        elif is_one_stream(layout):
            read = iter_frames(path, layout, row.transfer_syntax_uid, frames)
        else:

            def decode(frame: int) -> int:
                with warnings_of(row.SeriesInstanceUID):  # in a thread of its own
                    place(frame, read_frame(path, layout, row.transfer_syntax_uid, frame))
                return 1

            tasks = [handle.executor.submit(decode, frame) for frame in frames]
            finish(tasks, len(frames), progress)
            return
        for done, (frame, stored) in enumerate(read, start=1):
            place(frame, stored)
            if progress is not None:
                progress(done, len(frames))


def _iter_plain(
    descriptor: int, layout: PixelLayout, frames: Iterable[int]
) -> Iterator[tuple[int, NDArray[Any]]]:
    stored = np.empty((layout.rows, layout.columns), native_dtype(layout))
    for frame in frames:
        read_plane_into(descriptor, layout, stored, frame=frame)
        yield frame, stored


def is_one_stream(layout: PixelLayout) -> bool:
    """Return whether frames lie in a deflated data set: each is reached through those before it."""
    return layout.deflated and layout.frames > 1


def find_inflated(handle: Handle, row: InstanceRow, frame: int) -> NDArray[Any]:
    """Return a frame's stored values from the handle's cache, or inflate some frames into it.

    Parameters
    ----------
    row
        Of an instance for which `is_one_stream` holds.
    frame
        Counted from 0. With it come those around it: as many as a quarter of the cache holds, so
        that whoever asks for one after the other, either way, does not inflate all before each.

    Returns
    -------
    ndarray
        As `codecs.read_frame`; not to be written to.

    Raises
    ------
    FileChanged, NoPixels, DecodeError
        As `planes.read_plane`.
    """
    key = ("stored", row.sha256, frame)
    wanted: NDArray[Any] | None = handle.frames.find(key)
    if wanted is not None:
        return wanted
    path = instance_file(handle.storage, row)
    with open_plane(path, row) as (_, layout):
        size = math.prod(frame_shape(layout)) * native_dtype(layout).itemsize
        at_once = max(1, handle.frames.limit_bytes // _SHARE // max(1, size))
        first = frame // at_once * at_once
        some = {frame, *range(first, min(first + at_once, layout.frames))}
        for index, stored in iter_frames(path, layout, row.transfer_syntax_uid, some):
            stored.flags.writeable = False
            handle.frames.put(("stored", row.sha256, index), stored, stored.nbytes)
            if index == frame:
                wanted = stored
    assert wanted is not None
    return wanted
