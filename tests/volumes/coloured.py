"""What the client does with labels, by numpy: bytes back to layers."""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

__all__ = ["Decoded", "decode"]

type Decoded = list[tuple[NDArray[np.uint16], NDArray[np.uint8] | None]]


def decode(body: bytes, shapes: list[tuple[int, int]]) -> list[Decoded]:
    """Return, image by image, (labels, shares) of each layer."""
    images: list[Decoded] = []
    at = 0
    for rows, columns in shapes:
        (size,) = struct.unpack_from("<I", body, at)
        images.append(_image(body[at + 4 : at + 4 + size], rows, columns))
        at += 4 + size
    assert at == len(body)
    return images


def _image(body: bytes, rows: int, columns: int) -> Decoded:
    count, has_shares = struct.unpack_from("<HH", body)
    at, layers = 4, []
    for _ in range(count):
        top, left, high, wide, runs = struct.unpack_from("<IIIII", body, at)
        at += 20
        arrays = [
            np.frombuffer(body, "<u2", runs, at + 2 * runs * number)
            for number in range(3 if has_shares else 2)
        ]
        at += 2 * runs * len(arrays)
        assert top + high <= rows
        assert left + wide <= columns
        parts = [np.repeat(array, arrays[0]).reshape(high, wide) for array in arrays[1:]]
        whole = [np.zeros((rows, columns), np.uint16) for _ in parts]
        for array, part in zip(whole, parts, strict=True):
            array[top : top + high, left : left + wide] = part
        layers.append((whole[0], whole[1].astype(np.uint8) if has_shares else None))
    assert at == len(body)
    return layers
