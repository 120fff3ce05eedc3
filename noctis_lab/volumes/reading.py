"""A stack's frames, or parts of them, into an array: by preadv where bytes are values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from noctis_lab.dicom.codecs import iter_frames, native_dtype, read_frame
from noctis_lab.dicom.frames import PixelLayout
from noctis_lab.errors import UnsupportedSeries
from noctis_lab.volumes.bands import PlainStack
from noctis_lab.volumes.conversion import Conversion
from noctis_lab.volumes.frames import Frame
from noctis_lab.volumes.instance_frames import find_inflated, is_one_stream
from noctis_lab.volumes.planes import (
    InstancePaths,
    is_plain,
    open_plane,
    read_plane_into,
)
from noctis_lab.volumes.stack import Stack
from noctis_lab.volumes.tasks import Progress, finish

if TYPE_CHECKING:
    from noctis_lab.volumes.cache import Handle

__all__ = ["Window", "as_slice", "empty_array", "read_all", "read_windows"]

#: Planes per task: a task's overhead is paid once for some 10 MB of a CT. A plane that is decoded
#: takes a hundred times the overhead, and short series too must keep all threads busy.
_PLANES_PER_TASK = 16
#: Of planes that are read and computed together: what a core's own cache holds.
_BYTES_AT_ONCE = 1 << 19
#: Below this many bytes of result threads cost more than they bring.
_LEAST_FOR_THREADS = 1 << 21


@dataclass(frozen=True, slots=True)
class Window:
    """Which pixels of each plane: rows and columns in the order that is wanted."""

    rows: NDArray[np.intp]
    columns: NDArray[np.intp]

    @property
    def span(self) -> tuple[int, int]:
        """First and last of the rows."""
        return int(self.rows.min()), int(self.rows.max())

    def bytes_of(self, layout: PixelLayout) -> int:
        """Return how many bytes of a plain plane are read."""
        first, last = self.span
        return (last - first + 1) * layout.columns * layout.bits_allocated // 8

    def is_band(self, columns: int) -> bool:
        """Return whether it is rows that follow each other, as wide as the planes are."""
        return _is_run(self.rows) and len(self.columns) == columns and _is_run(self.columns)

    def cut(self, planes: NDArray[Any], first_row: int, *, before: int = 0) -> NDArray[Any]:
        """Return its pixels of a plane that begins with some row, or, of so many dims, of several.

        Parameters
        ----------
        planes
            Shape (…, rows, columns[, 3]), with `before` dims in front.
        """
        outer = (slice(None),) * before
        rows, columns = as_slice(self.rows - first_row), as_slice(self.columns)
        return np.ascontiguousarray(planes[(*outer, rows)][(*outer, slice(None), columns)])


def empty_array(
    SeriesInstanceUID: str, shape: tuple[int, ...], dtype: np.dtype[Any]
) -> NDArray[Any]:
    """Return an array to be read into.

    Raises
    ------
    UnsupportedSeries
        There is no memory for it: a few compressed bytes may state any size.
    """
    try:
        return np.empty(shape, dtype)
    except (MemoryError, ValueError) as error:  # numpy counts bytes in 63 bits
        words = " × ".join(map(str, shape))
        size = math.prod(shape) * dtype.itemsize / 1024**3
        raise UnsupportedSeries(
            SeriesInstanceUID,
            f"there is no memory for an array of {words} ({size:.1f} GiB): read parts of it, by "
            "open() in place of load()",
        ) from error


def read_all(
    handle: Handle,
    stack: Stack,
    conversion: Conversion,
    result: NDArray[Any],
    progress: Progress | None = None,
) -> None:
    """Read all frames of a stack.

    Parameters
    ----------
    result
        Of the conversion's type and the stack's shape, C-contiguous.
    progress
        Called in this thread as ``progress(planes done, planes in all)``.

    Raises
    ------
    FileChanged, UnsupportedTransferSyntax, DecodeError
        A frame cannot be read; threads have ended by then.
    """
    planes = result.reshape(len(stack.frames), *stack.shape[len(stack.outer_shape) :])
    paths = InstancePaths(handle.storage)

    def read(numbers: Sequence[int]) -> int:
        _read_whole(paths, stack, conversion, numbers, planes)
        return len(numbers)

    tasks = [handle.executor.submit(read, numbers) for numbers in _tasks(stack)]
    finish(tasks, len(stack.frames), progress)


def read_windows(
    handle: Handle,
    stack: Stack,
    conversion: Conversion,
    numbers: Sequence[int],
    window: Window,
    *,
    plain: PlainStack | None = None,
) -> NDArray[Any]:
    """Read a part of some frames.

    Parameters
    ----------
    numbers
        Of the stack's frames, in the order that is wanted.
    window
        Of each of them.
    plain
        The stack's, for who reads more than once.

    Returns
    -------
    ndarray of the conversion's type, shape (frames, rows, columns[, 3])
        Uncompressed frames are read only from the first to the last row that is asked for; others
        are decoded whole, through the handle's cache.

    Raises
    ------
    FileChanged, UnsupportedTransferSyntax, DecodeError
        As `read_all`.
    """
    channels = (3,) if stack.is_color else ()
    shape = (len(numbers), len(window.rows), len(window.columns), *channels)
    result = empty_array(stack.SeriesInstanceUID, shape, conversion.dtype)
    if not result.size:
        return result

    alike = PlainStack(handle.storage, stack) if plain is None else plain
    paths = InstancePaths(handle.storage)

    def read(first: int, last: int) -> int:
        part = slice(first, last)
        if alike.words is not None:
            _read_alike(alike, stack, numbers[part], conversion, window, result[part])
            return last - first
        for number, out in zip(numbers[part], result[part], strict=True):
            frame = stack.frames[number]
            if _is_plain(frame):
                stored = _read_rows(paths, frame, window)
            else:
                stored = window.cut(_cached_plane(handle, frame), 0)
            conversion.write(frame, number, stored, out)
        return last - first

    whole_planes = not _is_plain(stack.frames[numbers[0]])
    read_bytes = window.bytes_of(stack.frames[numbers[0]].layout) * len(numbers)
    is_little = max(result.nbytes, read_bytes) < _LEAST_FOR_THREADS
    if len(numbers) == 1 or (is_little and not whole_planes):
        read(0, len(numbers))
        return result
    at_once = 1 if whole_planes else _PLANES_PER_TASK
    if is_one_stream(stack.frames[numbers[0]].layout):
        at_once = len(numbers)  # threads would inflate the same side by side
    tasks = [
        handle.executor.submit(read, first, min(first + at_once, len(numbers)))
        for first in range(0, len(numbers), at_once)
    ]
    finish(tasks, len(numbers), None)
    return result


def _tasks(stack: Stack) -> list[list[int]]:
    """Return which frames are read together: a mosaic's, a stream's, plain ones by the number."""
    tasks: list[list[int]] = []
    by_image: dict[bytes, list[int]] = {}
    plain: list[int] = []
    for number, frame in enumerate(stack.frames):
        if frame.facts.tile is not None or is_one_stream(frame.layout):
            by_image.setdefault(frame.row.sha256, []).append(number)
        elif is_plain(frame.layout):
            plain.append(number)
        else:
            tasks.append([number])
    tasks += by_image.values()
    tasks += [
        plain[first : first + _PLANES_PER_TASK] for first in range(0, len(plain), _PLANES_PER_TASK)
    ]
    return tasks


def _read_whole(
    paths: InstancePaths,
    stack: Stack,
    conversion: Conversion,
    numbers: Sequence[int],
    planes: NDArray[Any],
) -> None:
    """Read frames into their places; those of a mosaic are cut from one image."""
    scratch: dict[np.dtype[Any], NDArray[Any]] = {}
    image: NDArray[Any] | None = None
    first = stack.frames[numbers[0]]
    if is_one_stream(first.layout) and first.facts.tile is None:
        _read_stream(paths, stack, conversion, numbers, planes)
        return
    for number in numbers:
        frame, out = stack.frames[number], planes[number]
        tile = frame.facts.tile
        if tile is None:
            _read_plane(paths, frame, number, conversion, out, scratch)
            continue
        image = _read_image(paths, frame) if image is None else image
        row, column, rows, columns = tile
        stored = np.ascontiguousarray(image[row : row + rows, column : column + columns])
        conversion.write(frame, number, stored, out)


def _read_stream(
    paths: InstancePaths,
    stack: Stack,
    conversion: Conversion,
    numbers: Sequence[int],
    planes: NDArray[Any],
) -> None:
    """Read frames of one instance whose data set is deflated, inflating it once."""
    row, path = stack.frames[numbers[0]].row, paths.of(stack.frames[numbers[0]].row)
    places = {stack.frames[number].index: number for number in numbers}
    with open_plane(path, row) as (_, layout):
        for index, stored in iter_frames(Path(path), layout, row.transfer_syntax_uid, places):
            number = places[index]
            conversion.write(stack.frames[number], number, stored, planes[number])


def _read_plane(
    paths: InstancePaths,
    frame: Frame,
    number: int,
    conversion: Conversion,
    out: NDArray[Any],
    scratch: dict[np.dtype[Any], NDArray[Any]],
) -> None:
    """Read one plane's values into its place in the result."""
    row = frame.row
    path = paths.of(row)
    with open_plane(path, row) as (descriptor, layout):
        if not is_plain(layout) or frame.is_color:
            stored = read_frame(Path(path), layout, row.transfer_syntax_uid, frame.index)
        else:
            stored = _place_to_read(native_dtype(layout), out, scratch)
            read_plane_into(descriptor, layout, stored, frame=frame.index)
    conversion.write(frame, number, stored, out)


def _place_to_read(
    native: np.dtype[Any], out: NDArray[Any], scratch: dict[np.dtype[Any], NDArray[Any]]
) -> NDArray[Any]:
    """Return where bytes go that become the values of one plane, or of some.

    Where the size is the same they are read into their place and computed there: the values fit, so
    that a sign is only another view of the same bits.
    """
    if native == out.dtype or (
        native.itemsize == out.itemsize and "f" not in (native.kind, out.dtype.kind)
    ):
        return out.view(native)
    if native not in scratch:
        scratch[native] = np.empty(out.shape, native)
    return scratch[native][: len(out)]


def _read_image(paths: InstancePaths, frame: Frame) -> NDArray[Any]:
    """Decode the image that a frame is, or is a tile of."""
    path = paths.of(frame.row)
    with open_plane(path, frame.row) as (_, layout):
        return read_frame(Path(path), layout, frame.row.transfer_syntax_uid, frame.index)


def _is_plain(frame: Frame) -> bool:
    """Return whether the file's bytes are the frame's stored values."""
    return is_plain(frame.layout) and frame.facts.tile is None and not frame.is_color


def _read_rows(paths: InstancePaths, frame: Frame, window: Window) -> NDArray[Any]:
    first, last = window.span
    rows = np.empty((last - first + 1, frame.layout.columns), native_dtype(frame.layout))
    with open_plane(paths.of(frame.row), frame.row) as (descriptor, layout):
        read_plane_into(descriptor, layout, rows, frame=frame.index, first_row=first)
    return window.cut(rows, first)


def _read_alike(
    alike: PlainStack,
    stack: Stack,
    numbers: Sequence[int],
    conversion: Conversion,
    window: Window,
    out: NDArray[Any],
) -> None:
    """Read rows of plain frames of one kind, of as many at a time as the cache holds."""
    first, last = window.span
    columns = stack.matrix[1]
    native, is_band = alike.native, window.is_band(columns)
    at_once = max(1, _BYTES_AT_ONCE // ((last - first + 1) * columns * native.itemsize))
    scratch: dict[np.dtype[Any], NDArray[Any]] = {}
    rows = np.empty(
        (0 if is_band else min(at_once, len(numbers)), last - first + 1, columns), native
    )
    for begin in range(0, len(numbers), at_once):
        some, out_of = numbers[begin : begin + at_once], out[begin : begin + at_once]
        if is_band:
            stored = _place_to_read(native, out_of, scratch)
            alike.read_rows(some, first, stored)
        else:
            alike.read_rows(some, first, rows[: len(some)])
            stored = window.cut(rows[: len(some)], first, before=1)
        conversion.write_all([stack.frames[number] for number in some], some, stored, out_of)


def _cached_plane(handle: Handle, frame: Frame) -> NDArray[Any]:
    if is_one_stream(frame.layout):
        return find_inflated(handle, frame.row, frame.index)
    key = ("stored", frame.row.sha256, frame.index)
    image: NDArray[Any] | None = handle.frames.find(key)
    if image is None:
        image = _read_image(InstancePaths(handle.storage), frame)
        image.flags.writeable = False
        handle.frames.put(key, image, image.nbytes)
    if frame.facts.tile is None:
        return image
    row, column, rows, columns = frame.facts.tile
    return image[row : row + rows, column : column + columns]


def _is_run(indices: NDArray[np.intp]) -> bool:
    return bool(np.all(np.diff(indices) == 1))


def as_slice(indices: NDArray[np.intp]) -> slice | NDArray[np.intp]:
    """Return ascending steps as a slice, which numpy cuts faster than it picks."""
    if len(indices) == 1:
        return slice(int(indices[0]), int(indices[0]) + 1)
    step = int(indices[1] - indices[0])
    if step > 0 and np.all(np.diff(indices) == step):
        return slice(int(indices[0]), int(indices[-1]) + 1, step)
    return indices
