"""Which real world value mapping of each frame is meant, and its values."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal, TypedDict, cast

import numpy as np
from numpy.typing import NDArray

from noctis_lab.catalog.records import InstanceRow
from noctis_lab.dicom.real_world import (
    TABLES,
    RealWorldMapping,
    Tables,
    real_world_mappings_of,
)
from noctis_lab.dicom.rescale import is_single_exact
from noctis_lab.dicom.scanner import Limits
from noctis_lab.dicom.stored import native_dtype
from noctis_lab.errors import CannotInterpret, UnsupportedSeries
from noctis_lab.volumes.frames import Frame
from noctis_lab.volumes.planes import instance_file, read_instance_bytes
from noctis_lab.volumes.stack import Stack

if TYPE_CHECKING:
    from noctis_lab.volumes.cache import Handle

__all__ = [
    "MAPPING_COLUMNS",
    "FrameMapping",
    "RealWorld",
    "RealWorldOptions",
    "find_mappings",
    "list_mappings",
    "parse_real_world",
]

#: A table for all words of 16 bits in float64.
_LIMITS = Limits(max_value_bytes=8 << 16)
#: Of all tables that a stack's images state, equal ones once: 512 of the longest.
_MOST_TABLE_BYTES = 256 << 20
#: Of `list_mappings`.
MAPPING_COLUMNS = ["label", "units", "explanation", "how", "first", "last", "frames"]
_LISTED, _LONGEST_NAME = 8, 64
#: Beyond, float32 has no number, or fewer digits.
_FLOAT32_LEAST, _FLOAT32_MOST = 1e-37, 1e38


class RealWorldOptions(TypedDict, total=False):
    """Which mapping is meant, and what becomes of stored values for which it states nothing."""

    name: str
    outside: Literal["refuse", "nan"]


type RealWorld = bool | str | RealWorldOptions | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FrameMapping:
    """What gives a frame's real world values: one mapping, or several of ranges side by side."""

    pieces: tuple[RealWorldMapping, ...]
    is_open: bool  # whether NaN stands for stored values outside of all ranges

    @property
    def line(self) -> tuple[float, float]:
        """Slope and intercept; NaN where it is no single line."""
        first = self.pieces[0]
        if len(self.pieces) > 1 or first.slope is None or first.intercept is None:
            return np.nan, np.nan
        return first.slope, first.intercept

    def write(
        self, frame: Frame, stored: NDArray[Any], mask: NDArray[np.bool_] | None, out: NDArray[Any]
    ) -> None:
        """Write a frame's real world values, or those of a part of it.

        Parameters
        ----------
        stored, out
            As `conversion.Conversion.write`.
        mask
            Which pixels are padding, and not looked at; of `stored`'s shape.

        Raises
        ------
        UnsupportedSeries
            A stored value lies outside of the range that is mapped, and `is_open` is not set.
        """
        values = self.pieces[0].apply(stored)
        covered = self.pieces[0].covers(stored)
        for piece in self.pieces[1:]:
            is_its = piece.covers(stored)
            values[is_its] = piece.apply(stored[is_its])
            covered |= is_its
        if mask is not None:
            covered |= mask
        if not self.is_open and not covered.all():
            raise _outside(frame, self.pieces, stored[~covered])
        out[...] = values


def parse_real_world(asked: object, SeriesInstanceUID: str) -> RealWorldOptions | None:
    """Return what `real_world=` asks for; None where it asks for no real world values.

    Parameters
    ----------
    asked
        False or None for none; True for the only mapping there is; LUTLabel, or the unit, of one
        of several; or a dict as `RealWorldOptions`.
    SeriesInstanceUID
        Of the series, for the error.

    Raises
    ------
    UnsupportedSeries
        It is anything else, a number or a list among them.
    """
    if asked is None or asked is False:
        return None
    if asked is True:
        return {}
    if isinstance(asked, str):
        return {"name": str(asked)}
    if (
        not isinstance(asked, dict)
        or set(asked) - {"name", "outside"}
        or not all(isinstance(part, str) for part in asked.values())
        or asked.get("outside", "refuse") not in ("refuse", "nan")
    ):
        raise UnsupportedSeries(
            SeriesInstanceUID,
            "real_world= takes True or False, a label or unit, or "
            '{"name": …, "outside": "refuse" or "nan"}',
        )
    return cast("RealWorldOptions", asked)


def find_mappings(
    handle: Handle, stack: Stack, asked: RealWorldOptions
) -> tuple[tuple[FrameMapping, ...], np.dtype[Any]]:
    """Return the mapping of each frame of a stack that is meant, and the type for their values.

    Parameters
    ----------
    asked
        From `parse_real_world`: `name` is the LUTLabel, or the unit, of one of several.

    Returns
    -------
    tuple of (tuple of FrameMapping, dtype)
        One for each of the stack's frames, all of one label and unit. float32, or float64 where
        that has not the range or the digits.

    Raises
    ------
    UnsupportedSeries
        A frame states no such mapping, or several; or the frames are of several labels or units.
        The message lists what there is.
    FileChanged
        A header had to be read, and its file is missing or is not what was catalogued.

    References
    ----------
    :dcm:`PS3.3 C.7.6.16.2.11 <part03/sect_C.7.6.16.2.html>`
    """
    name, outside = asked.get("name"), asked.get("outside", "refuse")
    if stack.is_color:
        raise UnsupportedSeries(
            stack.SeriesInstanceUID, "colours have no real world values: leave real_world out"
        )
    stated = _of_frames(handle, stack)
    chosen: dict[int, FrameMapping] = {}
    for number, mappings in enumerate(stated):
        if id(mappings) not in chosen:
            pieces = _choose(stack, stated, number, name)
            chosen[id(mappings)] = FrameMapping(pieces=pieces, is_open=outside == "nan")
    _require_one_kind(stack, stated, chosen.values())
    return tuple(chosen[id(mappings)] for mappings in stated), _dtype(stack, chosen.values())


def list_mappings(handle: Handle, stack: Stack) -> list[dict[str, Any]]:
    """Return what mappings the frames of a stack state, those of one label and unit once.

    Returns
    -------
    list of dict
        label (LUTLabel), units, explanation, how (``"line"`` or ``"table"``), first and last (the
        stored values that are mapped, over all frames), and frames (how many state it).

    Raises
    ------
    UnsupportedSeries, FileChanged
        As `find_mappings`.
    """
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for mappings in _of_frames(handle, stack):
        for key in dict.fromkeys((mapping.label, mapping.unit) for mapping in mappings):
            same = [one for one in mappings if (one.label, one.unit) == key]
            row = rows.setdefault(
                key,
                {
                    "label": key[0],
                    "units": key[1],
                    "explanation": same[0].explanation,
                    "how": "line" if same[0].table is None else "table",
                    "first": same[0].first,
                    "last": same[0].last,
                    "frames": 0,
                },
            )
            row["first"] = min(row["first"], *(one.first for one in same))
            row["last"] = max(row["last"], *(one.last for one in same))
            row["frames"] += 1
    return list(rows.values())


def _of_frames(handle: Handle, stack: Stack) -> list[tuple[RealWorldMapping, ...]]:
    """Return what each frame states; frames that share mappings share the tuple."""
    by_row: dict[bytes, tuple[InstanceRow, set[int]]] = {}
    for frame in stack.frames:
        by_row.setdefault(frame.row.sha256, (frame.row, set()))[1].add(frame.index)

    tables: Tables = {}

    def read(asked: tuple[InstanceRow, set[int]]) -> dict[int, tuple[RealWorldMapping, ...]]:
        row, indices = asked
        found = read_instance_bytes(
            instance_file(handle.storage, row), row, limits=_LIMITS, bytes_only=TABLES
        )
        try:
            mappings = real_world_mappings_of(found, sorted(indices), tables)
        except CannotInterpret as error:
            raise UnsupportedSeries(
                stack.SeriesInstanceUID,
                f"a real world value mapping cannot be followed: {error}",
                SOPInstanceUIDs=(row.SOPInstanceUID,),
            ) from error
        # A copy of them: other threads add to it.
        if sum(table.nbytes for table in tuple(tables.values())) > _MOST_TABLE_BYTES:
            raise UnsupportedSeries(
                stack.SeriesInstanceUID,
                "the tables of its real world value mappings take more than "
                f"{_MOST_TABLE_BYTES / 2**20:g} MiB; load without real_world",
            )
        return mappings

    found = dict(zip(by_row, handle.executor.map(read, by_row.values()), strict=True))
    return [found[frame.row.sha256][frame.index] for frame in stack.frames]


def _choose(
    stack: Stack, stated: Sequence[tuple[RealWorldMapping, ...]], number: int, name: str | None
) -> tuple[RealWorldMapping, ...]:
    """Return the mappings of one frame that are meant: of one label and unit, side by side."""
    fitting = [
        mapping
        for mapping in stated[number]
        if name is None or name in (mapping.label, mapping.units, mapping.unit)
    ]
    kinds = {(mapping.label, mapping.unit) for mapping in fitting}
    pieces = tuple(sorted(fitting, key=lambda mapping: mapping.first))
    overlap = any(one.last >= other.first for one, other in pairwise(pieces))
    if len(kinds) == 1 and not overlap:
        _require_whole(stack, number, pieces)
        return pieces
    said = "none" if name is None else f"none of label or unit {name[:_LONGEST_NAME]!r}"
    if len(kinds) > 1:
        said = f"{len(kinds)} that may be meant: name one by label or unit, real_world={{…}}"
    elif kinds:
        said = "several of one label and unit whose ranges overlap"
    raise UnsupportedSeries(
        stack.SeriesInstanceUID,
        f"a real world value mapping of each image was asked for; one states {said}. "
        f"Its images state {_listed(stated)}",
        SOPInstanceUIDs=(stack.frames[number].row.SOPInstanceUID,),
    )


def _listed(stated: Iterable[tuple[RealWorldMapping, ...]]) -> str:
    frames = list(stated)
    kinds: dict[str, int] = {}
    for mappings in frames:
        for name in {f"{one.label[:_LONGEST_NAME]!r} in {one.unit[:16]}": None for one in mappings}:
            kinds[name] = kinds.get(name, 0) + 1
    names = [f"{name} (of {count} of {len(frames)})" for name, count in kinds.items()]
    return "; ".join(names[:_LISTED]) + ("; …" if len(names) > _LISTED else "") or "no mapping"


def _require_whole(stack: Stack, number: int, pieces: Iterable[RealWorldMapping]) -> None:
    # PS3.3 C.7.6.16.2.11.1: RealWorldValueLUTData has an entry for each integer.
    has_table = any(piece.table is not None for piece in pieces)
    if has_table and native_dtype(stack.frames[number].layout).kind == "f":
        raise UnsupportedSeries(
            stack.SeriesInstanceUID,
            "its real world value mapping is a table, and its pixels are no integers",
            SOPInstanceUIDs=(stack.frames[number].row.SOPInstanceUID,),
        )


def _require_one_kind(
    stack: Stack, stated: Sequence[tuple[RealWorldMapping, ...]], chosen: Iterable[FrameMapping]
) -> None:
    """Refuse images of several quantities, though each states one only: they are no one volume."""
    kinds = {(mapping.pieces[0].label, mapping.pieces[0].unit) for mapping in chosen}
    units = sorted({unit[:16] for _, unit in kinds})
    if len(kinds) > 1:
        of = f"units ({', '.join(units)})" if len(units) > 1 else "labels"
        raise UnsupportedSeries(
            stack.SeriesInstanceUID,
            f"the real world values of its images are of several {of}: name one label that every "
            f"image states by real_world=. Its images state {_listed(stated)}",
        )


def _dtype(stack: Stack, chosen: Collection[FrameMapping]) -> np.dtype[Any]:
    natives = {native_dtype(frame.layout) for frame in stack.frames}
    ends = [
        abs(end)
        for mapping in chosen
        for piece in mapping.pieces
        for end in piece.bounds
        if end != 0
    ]
    is_narrow = all(_FLOAT32_LEAST < end < _FLOAT32_MOST for end in ends)
    is_apart = any(native.kind == "f" for native in natives) or all(
        is_single_exact(piece.line, int(piece.first), int(piece.last))
        for mapping in chosen
        for piece in mapping.pieces
        if piece.line is not None
    )
    is_single = is_narrow and is_apart and np.dtype(np.float64) not in natives
    return np.dtype(np.float32 if is_single else np.float64)


def _outside(
    frame: Frame, pieces: Sequence[RealWorldMapping], stored: NDArray[Any]
) -> UnsupportedSeries:
    ranges = ", ".join(f"{piece.first:g} to {piece.last:g}" for piece in pieces[:_LISTED])
    return UnsupportedSeries(
        frame.row.SeriesInstanceUID,
        f"{stored.size} pixel(s) of an image hold stored values from {stored.min():g} to "
        f"{stored.max():g}, and real world values are stated of {ranges} only; "
        'real_world={"outside": "nan"} gives NaN there, mask_padding=True where it is padding',
        SOPInstanceUIDs=(frame.row.SOPInstanceUID,),
    )
