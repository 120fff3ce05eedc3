"""The windows that a viewer offers for a series: stated ones, tables, or one from the pixels."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from noctis_lab.dicom.header import Header, read_header
from noctis_lab.dicom.raw_values import read_header_bytes
from noctis_lab.dicom.voi import Window, find_windows, window_of_values
from noctis_lab.dicom.voi_lut import VoiLut, find_voi_luts
from noctis_lab.errors import (
    DecodeError,
    FileChanged,
    InvalidDicom,
    UnsupportedSeries,
    UnsupportedTransferSyntax,
)

__all__ = ["NamedWindow", "WindowTable", "find_shown_header", "shown_windows"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowTable:
    """A VOI LUT that is a table: the grey levels of modality values one by one."""

    first_mapped: int  # the value that the first level is for
    greys: str  # one byte a level, 0..255, in Base64


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedWindow:
    """A window that the data set proposes, or one computed for it, in modality values."""

    center: float
    width: float
    name: str
    function: str  # VOILUTFunction; of a table: of the window that spans it
    is_stated: bool  # by the data set; else computed
    table: WindowTable | None = None


def find_shown_header(path: Path) -> Header | None:
    """Read a header for texts and windows; None where the file cannot be read now."""
    try:
        return read_header(path)
    except (InvalidDicom, OSError):
        return None  # its pixels will say so; the rest of the series can still be shown


def shown_windows(
    path: Path, header: Header | None, values: Callable[[], NDArray[Any]] | None
) -> tuple[NamedWindow, ...]:
    """Return the windows of an image: its own, then its tables, or else one from its pixels.

    Parameters
    ----------
    path
        Its file.
    header
        Its header; None where the file cannot be read.
    values
        Gives its modality values; None for colours.

    References
    ----------
    :dcm:`PS3.3 C.11.2 <part03/sect_C.11.2.html>`: windows and tables are alternative views.
    """
    windows = () if header is None else find_windows(header)
    stated = [
        _named(window, window.explanation or f"Window {number}", is_stated=True)
        for number, window in enumerate(windows, start=1)
    ]
    tables = () if header is None else _read_tables(path, header)
    stated += [_of_table(lut, number) for number, lut in enumerate(tables, start=1)]
    if stated or values is None:
        return tuple(stated)
    try:
        shown = values()
    except (FileChanged, DecodeError, UnsupportedSeries, UnsupportedTransferSyntax):
        return ()  # asking for the frame itself says why
    return (_named(window_of_values(shown), "Computed", is_stated=False),)


def _read_tables(path: Path, header: Header) -> tuple[VoiLut, ...]:
    if header.length("VOILUTSequence[0].LUTDescriptor") is None:
        return ()
    try:
        return find_voi_luts(read_header_bytes(path))
    except (InvalidDicom, OSError):
        return ()


def _named(window: Window, name: str, *, is_stated: bool) -> NamedWindow:
    return NamedWindow(
        center=window.center,
        width=window.width,
        name=name,
        function=window.function.value,
        is_stated=is_stated,
    )


def _of_table(lut: VoiLut, number: int) -> NamedWindow:
    count = len(lut.greys)
    return NamedWindow(
        # LINEAR over exactly the values that have an entry: where a drag of the window begins.
        center=lut.first_mapped + count / 2,
        width=float(max(count, 2)),
        name=lut.explanation or f"Table {number}",
        function="LINEAR",
        is_stated=True,
        table=WindowTable(
            first_mapped=lut.first_mapped,
            greys=base64.b64encode(lut.greys.tobytes()).decode("ascii"),
        ),
    )
