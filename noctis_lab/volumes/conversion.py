"""Stored pixels into an array's values: the type that holds them all, and each plane's sum."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

import numpy as np
from numpy.typing import DTypeLike, NDArray

from noctis_lab.catalog.records import InstanceRow
from noctis_lab.dicom.color import to_rgb
from noctis_lab.dicom.modality_lut import ModalityLut
from noctis_lab.dicom.padding import padding_mask
from noctis_lab.dicom.palette import Palette
from noctis_lab.dicom.rescale import IDENTITY, Rescale, apply_rescale
from noctis_lab.errors import UnsupportedSeries
from noctis_lab.volumes.frames import Frame
from noctis_lab.volumes.lookups import (
    find_instance_padding,
    find_luts,
    find_palette,
    find_pet_units,
    require_one_unit,
)
from noctis_lab.volumes.real_world import FrameMapping, RealWorld, find_mappings, parse_real_world
from noctis_lab.volumes.stack import Stack
from noctis_lab.volumes.value_types import (
    exact_dtype,
    is_rounded,
    refusing_overflow,
    wanted_dtype,
)

if TYPE_CHECKING:
    from noctis_lab.volumes.cache import Handle

__all__ = ["NO_RESCALE", "Conversion", "ValueOptions", "plan_conversion"]

#: What stands as slope and intercept of a plane whose Modality LUT is another.
NO_RESCALE = Rescale(slope=math.nan, intercept=math.nan, units=None)


class ValueOptions(TypedDict, total=False):
    """Which values are wanted; `load.load` explains each."""

    dtype: DTypeLike | None
    stored: bool
    mask_padding: bool
    real_world: RealWorld


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversion:
    """How the frames of one stack become values of one type.

    Tables and padding are by the hash of their instance's data set.
    """

    dtype: np.dtype[Any]
    rescales: Sequence[Rescale]  # of each frame
    luts: dict[bytes, ModalityLut]
    palettes: dict[bytes, Palette]
    paddings: dict[bytes, tuple[float, float]]
    pet_units: frozenset[str | None] = frozenset()  # of the rescaled values, as a PET states them
    shared: Rescale | None = None  # of all frames, where nothing else makes their values
    is_rounded: bool = False  # whether several stored integers have one value in `dtype`
    mappings: tuple[FrameMapping, ...] = ()  # of each frame, where real world values are asked

    def write(self, frame: Frame, number: int, stored: NDArray[Any], out: NDArray[Any]) -> None:
        """Write the values of a frame, or of a part of it.

        Parameters
        ----------
        frame, number
            Of the stack's frames.
        stored
            As `planes.read_plane` gives them, or a part of that.
        out
            C-contiguous, of `dtype`; may be `stored` itself seen as that type.

        Raises
        ------
        UnsupportedSeries
            Values are beyond what `dtype` holds: of a codestream's samples beyond BitsStored, or of
            floats.
        """
        with refusing_overflow(frame.row, self.dtype):
            self._write(frame, number, stored, out)

    def _write(self, frame: Frame, number: int, stored: NDArray[Any], out: NDArray[Any]) -> None:
        key = frame.row.sha256
        if frame.is_color:
            out[...] = self._to_rgb(frame, stored)
            return
        padding = self.paddings.get(key)
        mask = None if padding is None else padding_mask(stored, padding)
        if self.mappings:
            self.mappings[number].write(frame, stored, mask, out)
        elif key in self.luts:
            out[...] = self.luts[key].apply(stored)
        else:
            _require_held(frame, stored, self.rescales[number], out.dtype)
            _rescale(stored, self.rescales[number], out)
        if mask is not None:
            out[mask] = np.nan

    def write_all(
        self,
        frames: Sequence[Frame],
        numbers: Sequence[int],
        stored: NDArray[Any],
        out: NDArray[Any],
    ) -> None:
        """Write the values of several frames, or of the same part of each; as `write`.

        Parameters
        ----------
        stored, out
            Shape (frames, rows, columns), both C-contiguous.
        """
        if self.shared is None:
            for place, (frame, number) in enumerate(zip(frames, numbers, strict=True)):
                self.write(frame, number, stored[place], out[place])
        else:
            with refusing_overflow(frames[0].row, self.dtype):
                _rescale(stored, self.shared, out)

    def _to_rgb(self, frame: Frame, stored: NDArray[Any]) -> NDArray[np.uint8]:
        palette = self.palettes.get(frame.row.sha256)
        if palette is not None:
            return palette.apply_8bit(stored)
        layout = frame.layout
        return to_rgb(
            stored[..., :3], layout.photometric_interpretation, bits_stored=layout.bits_stored
        )


def _require_held(
    frame: Frame, stored: NDArray[Any], rescale: Rescale, dtype: np.dtype[Any]
) -> None:
    """Refuse values that integers planned by BitsStored do not hold: they would wrap."""
    layout = frame.layout
    if not layout.encapsulated or dtype.kind == "f" or layout.bits_stored == 8 * stored.itemsize:
        return
    limits, offset = np.iinfo(dtype), int(rescale.intercept)
    low, high = int(stored.min()) + offset, int(stored.max()) + offset
    if low < limits.min or high > limits.max:
        raise UnsupportedSeries(
            frame.row.SeriesInstanceUID,
            f"values from {low} to {high} came, of samples beyond BitsStored "
            f"({layout.bits_stored}): {dtype} does not hold them; load with dtype='float32'",
            SOPInstanceUIDs=(frame.row.SOPInstanceUID,),
        )


def _rescale(stored: NDArray[Any], rescale: Rescale, out: NDArray[Any]) -> None:
    if not rescale.is_identity:
        apply_rescale(stored, rescale, out)
    elif out.ctypes.data != stored.ctypes.data or out.dtype != stored.dtype:
        out[...] = stored


def plan_conversion(handle: Handle, stack: Stack, **options: Unpack[ValueOptions]) -> Conversion:
    """Find out how a stack's frames become values; tables and a PET's units are read here.

    Raises
    ------
    UnsupportedSeries
        `dtype` does not hold every value; a plane's Modality LUT is another than a table, a slope
        and an intercept, or the planes of a PET state more than one Units, and `stored` is not
        asked; or as `real_world.find_mappings` says, where `real_world` is.
    FileChanged
        A PET's header had to be read, and its file is not what was catalogued.
    DecodeError
        A palette is missing, or cannot be followed.
    """
    dtype = options.get("dtype")
    stored, mask_padding = options.get("stored", False), options.get("mask_padding", False)
    rows = list({frame.row.sha256: frame.row for frame in stack.frames}.values())
    paddings = _find_paddings(handle, rows) if mask_padding and not stack.is_color else {}
    asked = parse_real_world(options.get("real_world"), stack.SeriesInstanceUID)
    if asked is not None:
        _refuse_stored(stack, stored=stored)
        mappings, exact = find_mappings(handle, stack, asked)
        return Conversion(
            dtype=wanted_dtype(stack, exact, dtype),
            rescales=[IDENTITY] * len(stack.frames),
            luts={},
            palettes={},
            paddings=paddings,
            mappings=mappings,
        )
    luts = {} if stored or stack.is_color else find_luts(handle, rows)
    _require_values(stack, luts, stored=stored)
    pet_units = frozenset() if stored else find_pet_units(handle, rows)
    require_one_unit(stack, pet_units)
    palettes = {
        row.sha256: find_palette(handle, row)
        for row in rows
        if row.pixels is not None and row.pixels.photometric_interpretation == "PALETTE COLOR"
    }
    rescales = [
        IDENTITY if stored or frame.is_color else frame.facts.rescale or IDENTITY
        for frame in stack.frames
    ]
    exact = np.dtype(np.uint8) if stack.is_color else exact_dtype(stack, rescales, luts)
    if dtype is None:
        _require_exact(stack, rescales, luts, exact)
    if mask_padding and not stack.is_color and exact.kind != "f":
        # Of int32, which 16 bits and an intercept make, numpy would make float64.
        is_wide = is_rounded(stack, rescales, luts, np.dtype(np.float32))
        exact = np.dtype(np.float64 if is_wide else np.float32)
    wanted = wanted_dtype(stack, exact, dtype)
    return Conversion(
        dtype=wanted,
        is_rounded=not stack.is_color and is_rounded(stack, rescales, luts, wanted),
        rescales=rescales,
        luts=luts,
        palettes=palettes,
        paddings=paddings,
        pet_units=pet_units,
        shared=_shared(rescales) if not (luts or palettes or paddings or stack.is_color) else None,
    )


def _refuse_stored(stack: Stack, *, stored: bool) -> None:
    if stored:
        raise UnsupportedSeries(
            stack.SeriesInstanceUID,
            "stored values and real world values were asked for at once: leave out stored or "
            "real_world",
        )


def _require_exact(
    stack: Stack, rescales: Sequence[Rescale], luts: dict[bytes, ModalityLut], exact: np.dtype[Any]
) -> None:
    """Refuse integers that no type of integers holds: floats would not tell them apart."""
    if all(rescale.is_offset for rescale in rescales) and is_rounded(stack, rescales, luts, exact):
        raise UnsupportedSeries(
            stack.SeriesInstanceUID,
            "stored integers and the integers that are added to them are beyond every type of "
            "integers: load with stored=True, or dtype='float64', which rounds them",
        )


def _shared(rescales: Sequence[Rescale]) -> Rescale | None:
    first = rescales[0]
    alike = all((one.slope, one.intercept) == (first.slope, first.intercept) for one in rescales)
    return first if alike else None


def _find_paddings(handle: Handle, rows: Sequence[InstanceRow]) -> dict[bytes, tuple[float, float]]:
    """Return the stored values that are padding, of instances that state such."""
    found = handle.executor.map(lambda row: find_instance_padding(handle, row), rows)
    pairs = zip(rows, found, strict=True)
    return {row.sha256: padding for row, padding in pairs if padding is not None}


def _require_values(stack: Stack, luts: dict[bytes, ModalityLut], *, stored: bool) -> None:
    unread = tuple(
        dict.fromkeys(
            frame.row.SOPInstanceUID
            for frame in stack.frames
            if frame.facts.has_unread_modality_lut and frame.row.sha256 not in luts
        )
    )
    if unread and not stored and not stack.is_color:
        raise UnsupportedSeries(
            stack.SeriesInstanceUID,
            f"the Modality LUT of {len(unread)} instance(s) lacks slope or intercept, states "
            "several of one, or is a table that cannot be followed: there are no values; load with "
            "stored=True",
            SOPInstanceUIDs=unread,
        )
