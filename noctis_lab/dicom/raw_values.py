"""A header together with the bytes of its values, for those that are no text: tables, overlays."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from noctis_lab.dicom.dictionary import element_name
from noctis_lab.dicom.file_meta import read_file_meta
from noctis_lab.dicom.header import Header, build_header, scan_file
from noctis_lab.dicom.scanner import Limits, RawElement

__all__ = ["HeaderBytes", "read_header_bytes"]

#: The largest overlay of practice (a large detector, one frame) takes 2 MiB, a table 128 KiB.
_LIMITS = Limits(max_value_bytes=16 * 1024 * 1024)


@dataclass(frozen=True, kw_only=True)
class HeaderBytes:
    """A header, and its values as they lie in the file."""

    header: Header
    raws: tuple[RawElement, ...]

    @cached_property
    def _by_tag(self) -> Mapping[tuple[str, int], RawElement]:
        return {(raw[0], raw[1]): raw for raw in self.raws}

    @cached_property
    def _prefixes(self) -> frozenset[str]:
        return frozenset(raw[0] for raw in self.raws)

    def find(self, tag: int, prefix: str = "") -> bytes | None:
        """Return a value's bytes; None where it is absent, empty or beyond 16 MiB.

        Parameters
        ----------
        tag
            0xGGGGEEEE.
        prefix
            Of the item it lies in, such as ``"ModalityLUTSequence[0]."``.
        """
        raw = self._by_tag.get((prefix, tag))
        return None if raw is None or not raw[5] else raw[5]

    def has(self, tag: int, prefix: str = "") -> bool:
        """Return whether the element is there, with a value."""
        raw = self._by_tag.get((prefix, tag))
        return raw is not None and raw[4] > 0

    def vr(self, tag: int, prefix: str = "") -> str | None:
        """Return an element's Value Representation; None where it is absent."""
        raw = self._by_tag.get((prefix, tag))
        return None if raw is None else raw[2]

    def has_item(self, prefix: str) -> bool:
        """Return whether an item with any elements is there."""
        return prefix in self._prefixes

    def words(
        self, tag: int, prefix: str = "", *, bits: int = 16, signed: bool = False
    ) -> NDArray[Any] | None:
        """Return a value as integers of 8 or 16 bits, in this machine's byte order.

        Notes
        -----
        8-bit numbers in a value of 16-bit words (OW, US) come low byte first (PS3.3 C.7.6.3.1.6).
        """
        found = self.find(tag, prefix)
        if found is None:
            return None
        big_endian = self._by_tag[prefix, tag][7]
        if bits == 8:
            raw = np.frombuffer(found, np.uint8)
            is_words = self._by_tag[prefix, tag][2] != "OB" and len(raw) % 2 == 0
            return raw.reshape(-1, 2)[:, ::-1].reshape(-1) if big_endian and is_words else raw
        words = np.frombuffer(found[: len(found) // 2 * 2], np.int16 if signed else np.uint16)
        return words.byteswap() if big_endian == (sys.byteorder == "little") else words

    def doubles(self, tag: int, prefix: str = "") -> NDArray[np.float64] | None:
        """Return a value of VR FD, or what it is where no VR is written, as numbers."""
        found = self.find(tag, prefix)
        if found is None or self.vr(tag, prefix) != "FD":
            return None
        order = ">" if self._by_tag[prefix, tag][7] else "<"
        return np.frombuffer(found[: len(found) // 8 * 8], f"{order}f8").astype(np.float64)

    def name(self, tag: int, prefix: str = "") -> str:
        """Return an element's path, for messages."""
        return prefix + element_name(tag)


def read_header_bytes(
    path: Path, *, limits: Limits = _LIMITS, bytes_only: frozenset[int] = frozenset()
) -> HeaderBytes:
    """Read a file's header and the bytes of its values, pixel data excluded.

    Parameters
    ----------
    path
        A DICOM file.
    limits
        The bounds; by default values of up to 16 MiB are taken along, 64 MiB in all.
    bytes_only
        Tags of long values that are wanted as bytes: the header has them without a value, since
        text of a hundred thousand numbers takes longer than all the rest.

    Raises
    ------
    InvalidDicom, TruncatedDicom, NestingTooDeep, DicomTooLarge
        As `read_header`.
    OSError
        The file cannot be read.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        meta = read_file_meta(descriptor)
        place = {
            "file_size": os.fstat(descriptor).st_size,
            "data_set_offset": meta.data_set_offset,
        }
        syntax = meta.transfer_syntax_uid
        scan, window = scan_file(descriptor, **place, transfer_syntax_uid=syntax, limits=limits)
        raws = tuple(scan.elements)
        if bytes_only:
            told = [(*raw[:5], None, *raw[6:]) if raw[1] in bytes_only else raw for raw in raws]
            scan = replace(scan, elements=told)
        header = build_header(scan, window, **place, transfer_syntax_uid=syntax)
    finally:
        os.close(descriptor)
    return HeaderBytes(header=header, raws=raws)
