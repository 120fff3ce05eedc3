"""Which type holds every value that a stack's frames can have."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from noctis_lab.catalog.records import InstanceRow
from noctis_lab.dicom.frames import PixelLayout
from noctis_lab.dicom.modality_lut import ModalityLut
from noctis_lab.dicom.rescale import (
    Rescale,
    is_single_exact,
    is_told_apart,
    stored_range,
    value_dtype,
)
from noctis_lab.dicom.stored import native_dtype
from noctis_lab.errors import UnsupportedSeries
from noctis_lab.volumes.stack import Stack

__all__ = ["exact_dtype", "is_rounded", "refusing_overflow", "wanted_dtype"]

type _Linear = Sequence[tuple[PixelLayout, Rescale]]


def exact_dtype(
    stack: Stack, rescales: Sequence[Rescale], luts: dict[bytes, ModalityLut]
) -> np.dtype[Any]:
    """Return the type that a stack's values have where none is asked for.

    Parameters
    ----------
    rescales
        Of each frame.
    luts
        Tables instead of these, by the hash of their instance's data set.

    Returns
    -------
    dtype
        As `rescale.value_dtype` says it of one depth and sign; of several the smallest that holds
        all. float64 beside integers of 64 bits that no integer type holds together.
    """
    natives = {native_dtype(layout) for layout in _layouts(stack)}
    tables = {lut.dtype for lut in luts.values()}
    linear = _linear(stack, rescales, luts)
    if tables and not linear:
        return np.result_type(*tables)
    if any(native.kind == "f" for native in natives):
        exact = np.result_type(*natives, np.float32)
    elif all(rescale.is_identity for _, rescale in linear):
        exact = np.result_type(*natives)
    else:
        exact = _linear_dtype(linear)
    return np.result_type(exact, *tables)


def is_rounded(
    stack: Stack,
    rescales: Sequence[Rescale],
    luts: dict[bytes, ModalityLut],
    dtype: np.dtype[Any],
) -> bool:
    """Return whether a type of floats gives one number for integers that are stored as several."""
    if dtype.kind != "f" or any(native_dtype(layout).kind == "f" for layout in _layouts(stack)):
        return False
    distinct = dict.fromkeys(
        (layout.bits_stored, layout.pixel_representation == 1, rescale.slope, rescale.intercept)
        for layout, rescale in _linear(stack, rescales, luts)
    )
    return not all(
        is_told_apart(
            dtype,
            Rescale(slope=slope, intercept=intercept, units=None),
            *stored_range(bits, is_signed=is_signed),
        )
        for bits, is_signed, slope, intercept in distinct
    )


def wanted_dtype(stack: Stack, exact: np.dtype[Any], dtype: DTypeLike | None) -> np.dtype[Any]:
    """Return the type that is asked for, None being `exact`.

    Raises
    ------
    UnsupportedSeries
        It is no type of numbers, or of integers that do not hold what `exact` does; or less than
        float32.
    """
    if dtype is None:
        return exact
    # Planes are read by byte count into the result: its numbers must be this machine's.
    wanted = np.dtype(dtype).newbyteorder("=")
    is_held = wanted.itemsize >= 4 if wanted.kind == "f" else np.can_cast(exact, wanted)
    if wanted.kind not in "iuf" or not is_held:
        raise UnsupportedSeries(
            stack.SeriesInstanceUID,
            f"dtype {wanted} does not hold every value that {exact} does; ask for {exact}, float32 "
            "or float64",
        )
    return wanted


@contextmanager
def refusing_overflow(row: InstanceRow, dtype: np.dtype[Any]) -> Iterator[None]:
    """Refuse an instance whose values become infinite in a type of floats: numpy would give inf."""
    try:
        with np.errstate(over="raise"):
            yield
    except FloatingPointError as error:
        raise UnsupportedSeries(
            row.SeriesInstanceUID,
            f"values of an image are beyond what {dtype} holds: load with "
            f"{'' if dtype == np.float64 else "dtype='float64', or "}stored=True",
            SOPInstanceUIDs=(row.SOPInstanceUID,),
        ) from error


def _layouts(stack: Stack) -> Iterator[PixelLayout]:
    return iter({id(frame.layout): frame.layout for frame in stack.frames}.values())


def _linear(stack: Stack, rescales: Sequence[Rescale], luts: dict[bytes, ModalityLut]) -> _Linear:
    return [
        (frame.layout, rescale)
        for frame, rescale in zip(stack.frames, rescales, strict=True)
        if frame.row.sha256 not in luts
    ]


def _linear_dtype(linear: _Linear) -> np.dtype[Any]:
    """Return the type that holds the rescaled values of planes of any depths and signs."""
    by_range: dict[tuple[int, bool], list[Rescale]] = {}
    for layout, rescale in linear:
        key = (layout.bits_stored, layout.pixel_representation == 1)
        by_range.setdefault(key, []).append(rescale)
    found = [
        value_dtype(rescales, bits_stored=bits, is_signed=is_signed)
        for (bits, is_signed), rescales in by_range.items()
    ]
    if all(dtype.kind != "f" for dtype in found):
        return np.result_type(*found)
    # Of integers and float32 numpy's common type would be float64, needed or not.
    is_single = all(
        is_single_exact(rescale, *stored_range(bits, is_signed=is_signed))
        for (bits, is_signed), rescales in by_range.items()
        for rescale in rescales
    )
    return np.dtype(np.float32 if is_single else np.float64)
