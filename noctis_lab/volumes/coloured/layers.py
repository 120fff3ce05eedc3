"""Labels of one image in layers, and their bytes: boxes of runs. Pure.

Segments may overlap, so one label a pixel is not enough: a layer holds segments that do not meet on
this image, and there are as many layers as there are segments over the pixel that has most.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from noctis_lab.errors import CannotOverlay

__all__ = ["LARGEST_LABEL", "MOST_LAYERS", "Layer", "Layers", "encode_layers"]

#: Segments over one pixel.
MOST_LAYERS = 16
#: Labels are 16 bits, and 0 is none.
LARGEST_LABEL = 0xFFFF
#: Of the layers of one image, as they are in memory here.
_MOST_BYTES = 1 << 29
_LONGEST_RUN = 0xFFFF


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """Labels of an image's pixels.

    Attributes
    ----------
    labels
        uint16, shape (rows, columns); 0 is none.
    shares
        uint8, of the same shape: by which part, in 255ths, a pixel is its label's. None: wholly.
    """

    labels: NDArray[np.uint16]
    shares: NDArray[np.uint8] | None = None


class Layers:
    """Layers of one image, being filled segment by segment.

    Parameters
    ----------
    rows, columns
        The image's.
    has_shares
        Whether segments are fractional.
    """

    def __init__(self, rows: int, columns: int, *, has_shares: bool = False) -> None:
        self._shape, self._has_shares = (rows, columns), has_shares
        self.layers: list[Layer] = []

    def put(self, label: int, part: NDArray[np.uint8], *, row: int = 0, column: int = 0) -> None:
        """Lay a segment over the image.

        Parameters
        ----------
        label
            1 to 65,535.
        part
            Shape (rows, columns): 0 where it is not; else by which part, in 255ths, it is (any
            other number is wholly, where shares are not kept).
        row, column
            Of the image, under the part's first pixel; what reaches beyond the image is cut.

        Raises
        ------
        CannotOverlay
            More than `MOST_LAYERS` segments overlap, or the image is beyond the bound of memory.
        """
        part, at = self._cut(part, row, column)
        if not part.any():
            return
        inside = part != 0
        layer = self._free_layer(at, inside)
        layer.labels[at][inside] = label
        if layer.shares is not None:
            layer.shares[at][inside] = part[inside]

    def put_labels(self, labels: NDArray[np.uint16], *, row: int = 0, column: int = 0) -> None:
        """Lay a map of labels over the image, 0 where there is none; as `put`."""
        labels, at = self._cut(labels, row, column)
        if labels.any():
            inside = labels != 0
            self._free_layer(at, inside).labels[at][inside] = labels[inside]

    def _cut[T: np.generic](
        self, part: NDArray[T], row: int, column: int
    ) -> tuple[NDArray[T], tuple[slice, slice]]:
        """Return what of a part lies on the image, and where."""
        part = part[max(-row, 0) : max(self._shape[0] - row, 0)]
        part = part[:, max(-column, 0) : max(self._shape[1] - column, 0)]
        top, left = max(row, 0), max(column, 0)
        return part, (slice(top, top + part.shape[0]), slice(left, left + part.shape[1]))

    def _free_layer(self, at: tuple[slice, slice], inside: NDArray[np.bool_]) -> Layer:
        for layer in self.layers:
            if not layer.labels[at][inside].any():
                return layer
        return self._add()

    def _add(self) -> Layer:
        rows, columns = self._shape
        if len(self.layers) == MOST_LAYERS:
            raise CannotOverlay(
                f"expected at most {MOST_LAYERS} segments over one pixel, more came: show some of "
                "them as a mask of their own"
            )
        if 3 * rows * columns * (len(self.layers) + 1) > _MOST_BYTES:
            raise CannotOverlay(
                f"expected an image whose labels take at most {_MOST_BYTES >> 20} MiB, one of "
                f"{rows} × {columns} came"
            )
        shares = np.zeros(self._shape, np.uint8) if self._has_shares else None
        layer = Layer(np.zeros(self._shape, np.uint16), shares)
        self.layers.append(layer)
        return layer


def encode_layers(layers: Sequence[Layer]) -> bytes:
    """Return an image's layers as bytes: of each the box that holds its labels, in runs.

    Returns
    -------
    bytes
        Little endian. uint32: bytes that follow; uint16: layers; uint16: 1 where they have shares.
        Of each layer five uint32 (first row, first column, rows and columns of its box, runs), and
        then uint16 arrays, one entry a run: lengths in pixels, row by row of the box; labels; and
        shares, where there are any.
    """
    has_shares = any(layer.shares is not None for layer in layers)
    kept = [layer for layer in layers if layer.labels.any()]
    parts = [struct.pack("<HH", len(kept), int(has_shares))]
    for layer in kept:
        parts += _encode(layer, has_shares=has_shares)
    body = b"".join(parts)
    return struct.pack("<I", len(body)) + body


def _encode(layer: Layer, *, has_shares: bool) -> list[bytes]:
    rows, columns = (np.flatnonzero(layer.labels.any(axis=axis)) for axis in (1, 0))
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    labels = layer.labels[top:bottom, left:right].ravel()
    shares = None if layer.shares is None else layer.shares[top:bottom, left:right].ravel()
    changes = labels[1:] != labels[:-1]
    if shares is not None:
        changes |= shares[1:] != shares[:-1]
    first = np.concatenate(([0], np.flatnonzero(changes) + 1))
    lengths = np.diff(np.append(first, len(labels)))
    pieces = -(-lengths // _LONGEST_RUN)
    run_of = np.repeat(np.arange(len(first)), pieces)
    sizes = np.full(len(run_of), _LONGEST_RUN, np.int64)
    last = np.cumsum(pieces) - 1
    sizes[last] = lengths - (pieces - 1) * _LONGEST_RUN
    at = first[run_of]
    arrays = [sizes, labels[at]]
    if has_shares:
        arrays.append(np.full(len(at), 255) if shares is None else shares[at])
    head = struct.pack("<IIIII", top, left, bottom - top, right - left, len(at))
    return [head, *(np.ascontiguousarray(array, "<u2").tobytes() for array in arrays)]
