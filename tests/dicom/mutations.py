"""Decode mutated frames of every syntax; run in a process of its own, which a decoder may end.

By hand, for longer: ``python -m tests.dicom.mutations 100000 7``.
"""

from __future__ import annotations

import random
import sys
import zlib
from collections import Counter

import imagecodecs
import numpy as np

from noctis_lab.dicom.codecs import CODECS, decode_frame
from noctis_lab.dicom.frames import PixelLayout
from noctis_lab.errors import DecodeError
from noctis_lab.synthetic import ct_series
from tests.dicom.pixels import (
    BASELINE,
    DEFLATED_FRAMES,
    JPEG_XL,
    LOSSLESS,
    first_frame,
    layout_of,
    make_layout,
)


def seeds() -> list[tuple[str, PixelLayout, bytes]]:
    """Return a sound frame of each syntax: (its UID, its layout, its bytes)."""
    rows, columns = 33, 20
    stored = np.random.default_rng(5).integers(0, 3000, (1, rows, columns))
    made = []
    for syntax in LOSSLESS:
        series = ct_series(
            planes=1,
            rows=rows,
            columns=columns,
            signed=False,
            stored=stored,
            transfer_syntax_uid=syntax,
        )
        made.append((syntax, layout_of(series[0]), first_frame(series[0])))
    words = stored[0].astype(np.uint16)
    deep = make_layout(rows=rows, columns=columns, encapsulated=True)
    deflater = zlib.compressobj(wbits=-15)
    deflated = deflater.compress(words.tobytes()) + deflater.flush()
    made.append((DEFLATED_FRAMES, deep, deflated))
    made.append((JPEG_XL, deep, bytes(imagecodecs.jpegxl_encode(words, lossless=True))))
    depth = {"bits_allocated": 8, "bits_stored": 8, "high_bit": 7}
    byte = make_layout(rows=rows, columns=columns, encapsulated=True, **depth)
    made.append((BASELINE, byte, bytes(imagecodecs.jpeg8_encode(words.astype(np.uint8)))))
    return made


def mutate(payload: bytes, rng: random.Random) -> bytes:
    """Flip, set, drop, insert or repeat some bytes, mostly of the headers."""
    mutated = bytearray(payload)
    reach = rng.choice([64, 200, len(mutated)])
    for _ in range(rng.choice([1, 1, 2, 4, 12])):
        at = rng.randrange(min(reach, len(mutated)))
        kind = rng.randrange(5)
        if kind == 0:
            mutated[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            mutated[at] = rng.choice([0x00, 0xFF, 0x7F, 0x80, rng.randrange(256)])
        elif kind == 2:
            del mutated[at : at + rng.randrange(1, 9)]
        elif kind == 3:
            mutated[at:at] = rng.randbytes(rng.randrange(1, 9))
        else:
            start = rng.randrange(len(mutated))
            mutated[at : at + 16] = mutated[start : start + 16]
        mutated = mutated or bytearray(1)
    return bytes(mutated)


def main(count: int, seed: int) -> None:
    """Decode `count` mutations; print how many decoded; anything but a `DecodeError` escapes."""
    rng = random.Random(seed)
    ended: Counter[bool] = Counter()
    sound = seeds()
    for number in range(count):
        syntax, layout, payload = sound[number % len(sound)]
        mutated = mutate(payload, rng)
        try:
            ended[decode_frame(layout, syntax, mutated).shape == (33, 20)] += 1
        except DecodeError:
            ended[False] += 1
        for codec in CODECS[syntax][1:]:  # those that would take its place
            try:
                codec.decode(layout, mutated)
            except Exception:  # noqa: BLE001  (decode_frame turns them into DecodeError)
                continue
            except BaseException as error:
                if type(error).__name__ != "PanicException":
                    raise
    print(ended[True], ended[False])  # noqa: T201


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
