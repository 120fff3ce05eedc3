"""Rows of many plain frames into one array: one open, one look and one read for each file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from noctis_lab.catalog.records import InstanceRow
from noctis_lab.dicom.codecs import native_dtype
from noctis_lab.dicom.frames import PixelLayout
from noctis_lab.storage.files import Storage
from noctis_lab.volumes.frames import Frame
from noctis_lab.volumes.planes import (
    OPEN_FLAGS,
    InstancePaths,
    is_as_catalogued,
    is_plain,
    open_plane,
    read_words_into,
    settle_words,
)
from noctis_lab.volumes.stack import Stack

__all__ = ["PlainStack"]


class PlainStack:
    """The frames of a stack whose files' bytes are stored values of one kind, ready to be read.

    Parameters
    ----------
    storage
        The archive's.
    stack
        Any: `words` is None where its frames are not of that kind.

    Attributes
    ----------
    words
        A layout that says of all frames how their words are to be understood.
    """

    def __init__(self, storage: Storage, stack: Stack) -> None:
        self.words = _shared_words(stack.frames)
        self._places: list[tuple[str, Frame, int]] = []
        if self.words is None:
            return
        paths = InstancePaths(storage)
        frame_length = self.words.rows * self._row_length
        # Worked out once: of a row of a plane the reading itself is only a third.
        for frame in stack.frames:
            offset = frame.layout.offset + frame.index * frame_length
            self._places.append((paths.of(frame.row), frame, offset))

    @property
    def native(self) -> np.dtype[Any]:
        """Type of the stored values."""
        assert self.words is not None
        return native_dtype(self.words)

    @property
    def _row_length(self) -> int:
        assert self.words is not None
        return self.words.columns * self.native.itemsize

    def read_rows(self, numbers: Sequence[int], first_row: int, out: NDArray[Any]) -> None:
        """Read the same rows of several frames.

        Parameters
        ----------
        numbers
            Of the stack's frames.
        first_row
            Counted from 0.
        out
            ndarray of `native`, shape (frames, any rows, columns), C-contiguous.

        Raises
        ------
        FileChanged
            A file is missing, ends within its pixels, or its data set is another one now.
        """
        assert self.words is not None
        buffer, length = memoryview(out).cast("B"), out.nbytes // len(numbers)
        before, begin = first_row * self._row_length, 0
        for place, number in enumerate(numbers):
            path, frame, offset = self._places[number]
            bytes_of = buffer[begin : begin + length]
            begin += length
            if not _read_at_once(path, frame.row, offset + before, bytes_of):
                with open_plane(path, frame.row) as (descriptor, layout):
                    read_words_into(
                        descriptor, layout, out[place], frame=frame.index, first_row=first_row
                    )
        settle_words(self.words, out)


def _read_at_once(path: str, row: InstanceRow, offset: int, out: memoryview) -> bool:
    """Read bytes of a file that is as it was catalogued; False where it is not, or fewer came.

    What `open_plane` and `read_words_into` do of any file, in a third of the time.
    """
    try:
        descriptor = os.open(path, OPEN_FLAGS)
    except OSError:
        return False
    try:
        return (
            is_as_catalogued(row, os.fstat(descriptor))
            and os.preadv(descriptor, (out,), offset) == out.nbytes
        )
    finally:
        os.close(descriptor)


def _shared_words(frames: Sequence[Frame]) -> PixelLayout | None:
    """Return the first frame's layout where all words are of its kind, and plain."""
    words = _words(frames[0].layout)
    for frame in frames:
        layout = frame.layout
        if _words(layout) != words or frame.facts.tile is not None:
            return None
        if not is_plain(layout) or frame.is_color:
            return None
    return frames[0].layout


def _words(layout: PixelLayout) -> tuple[object, ...]:
    return (
        layout.keyword,
        layout.bits_allocated,
        layout.bits_stored,
        layout.high_bit,
        layout.pixel_representation,
        layout.big_endian,
        layout.rows,
        layout.columns,
    )
