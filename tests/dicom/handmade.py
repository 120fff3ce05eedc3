"""Data sets written byte by byte, as no library would."""

from __future__ import annotations

import struct

__all__ = ["BIG_ENDIAN", "DEFLATED", "EXPLICIT", "IMPLICIT", "NATIVE", "UIDS", "explicit", "part10"]

IMPLICIT, EXPLICIT = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"
BIG_ENDIAN, DEFLATED = "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99"
NATIVE = [IMPLICIT, EXPLICIT, BIG_ENDIAN, DEFLATED]


def part10(body: bytes, syntax: str = EXPLICIT) -> bytes:
    """Put a preamble and the shortest file meta group before bytes."""
    uid = syntax.encode() + b"\0" * (len(syntax) % 2)
    meta = struct.pack("<HH2sH", 2, 0x10, b"UI", len(uid)) + uid
    return b"\0" * 128 + b"DICM" + meta + body


def explicit(tag: int, vr: bytes, value: bytes) -> bytes:
    head = struct.pack("<HH2s", tag >> 16, tag & 0xFFFF, vr)
    if vr in (b"OB", b"OW", b"SQ", b"UN", b"UT"):
        return head + struct.pack("<HL", 0, len(value)) + value
    return head + struct.pack("<H", len(value)) + value


UIDS = b"".join(
    explicit(tag, b"UI", value)
    for tag, value in (
        (0x00080016, b"1.2.840.10008.5.1.4.1.1.2\0"),
        (0x00080018, b"1.2.3.4\0"),
        (0x0020000D, b"1.2.3.1\0"),
        (0x0020000E, b"1.2.3.2\0"),
    )
)
