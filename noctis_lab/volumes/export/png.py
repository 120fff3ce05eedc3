"""A stack of PNG images: what a window shows, one file per plane."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import imagecodecs
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from noctis_lab.dicom.voi import VoiFunction, Window, apply_window, window_of_values
from noctis_lab.errors import CannotExport
from noctis_lab.volumes.arranged import CHANNEL, PLANES_PER_PIECE, series_name
from noctis_lab.volumes.axes import AXES
from noctis_lab.volumes.export.appearing import new_folder

__all__ = ["write_png_stack"]

_PNG_LEVEL = 6
#: False black, True white.
_MASK = Window(center=0.5, width=1.0, function=VoiFunction.LINEAR_EXACT)


def write_png_stack(
    volume: xr.DataArray,
    folder: Path,
    *,
    window: Window | None = None,
    bits: Literal[8, 16] = 8,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Write each plane of a volume as a PNG, in a folder of its own.

    Parameters
    ----------
    volume
        Dims ([extra,] [z,] y, x[, channel]), with or without a place in the patient; lazy ones are
        read in pieces.
    folder
        Made, in an existing folder; what is there is replaced. The files are called by their
        indices, ``z0000.png`` or ``time0000-z0000.png``; ``stack.json`` holds window and spacing.
    window
        In the volume's values; None takes one from them. Colours have none.
    bits
        Of each grey level, 8 or 16; of colours those that they have.
    progress
        Called as ``progress(planes done, planes in all)``; what it raises ends the writing.

    Raises
    ------
    CannotExport
        The colours are neither 8- nor 16-bit RGB, or rows and columns are not there.
    NoSpace, StorageError
        It cannot be written.

    Notes
    -----
    MONOCHROME1 is shown inverted, as viewers do (PS3.3 C.7.6.3.1.2). Pixels are not resampled:
    where rows and columns are spaced differently, the picture is distorted.
    """
    rest = [str(dim) for dim in volume.dims if dim not in ("y", "x", CHANNEL)]
    if not {"y", "x"} <= set(volume.dims):
        raise CannotExport(f"{series_name(volume)}: it has no planes of y and x to draw")
    is_colour = CHANNEL in volume.dims
    if is_colour and (volume.sizes[CHANNEL] != 3 or volume.dtype.name not in ("uint8", "uint16")):
        raise CannotExport(
            f"{series_name(volume)}: PNG has RGB of 8 or 16 bits, not {volume.sizes[CHANNEL]} × "
            f"{volume.dtype}; select one colour by .isel(channel=0)"
        )
    volume = volume.transpose(*rest, "y", "x", *([CHANNEL] if is_colour else []))
    if window is None and not is_colour:
        window = _MASK if volume.dtype == np.bool_ else window_of_values(_sample(volume, rest))
    total = math.prod(volume.sizes[dim] for dim in rest)
    with new_folder(folder) as temporary:
        for done, (name, plane) in enumerate(_planes(volume, rest), 1):
            levels = plane if is_colour or window is None else _levels(volume, plane, window, bits)
            encoded = imagecodecs.png_encode(np.ascontiguousarray(levels), level=_PNG_LEVEL)
            (temporary / f"{name}.png").write_bytes(encoded)
            if progress is not None:
                progress(done, total)
        facts = json.dumps(_facts(volume, rest, window, bits), indent=1)
        (temporary / "stack.json").write_text(facts + "\n", encoding="utf-8")


def _planes(volume: xr.DataArray, rest: list[str]) -> Iterator[tuple[str, NDArray[Any]]]:
    if not rest:
        yield "plane", volume.to_numpy()
        return
    *outer, last = rest
    for index in np.ndindex(*(volume.sizes[dim] for dim in outer)):
        along = volume.isel(dict(zip(outer, index, strict=True)))
        for first in range(0, volume.sizes[last], PLANES_PER_PIECE):
            piece = along.isel({last: slice(first, first + PLANES_PER_PIECE)}).to_numpy()
            for at, plane in enumerate(piece, first):
                indices = zip(rest, (*index, at), strict=True)
                yield "-".join(f"{dim}{number:04}" for dim, number in indices), plane


def _sample(volume: xr.DataArray, rest: list[str]) -> NDArray[Any]:
    """Return the values of at most 16 planes, from all along the stack."""
    steps = {dim: slice(None, None, max(1, -(-volume.sizes[dim] // 16))) for dim in rest[-1:]}
    first = {dim: volume.sizes[dim] // 2 for dim in rest[:-1]}
    return volume.isel(first).isel(steps).to_numpy()


def _levels(
    volume: xr.DataArray, plane: NDArray[Any], window: Window, bits: Literal[8, 16]
) -> NDArray[Any]:
    levels = apply_window(
        plane, center=window.center, width=window.width, function=window.function, bits=bits
    )
    if volume.attrs.get("PhotometricInterpretation") != "MONOCHROME1":
        return levels
    inverted: NDArray[Any] = np.iinfo(levels.dtype).max - levels
    return inverted


def _facts(
    volume: xr.DataArray, rest: list[str], window: Window | None, bits: int
) -> dict[str, object]:
    facts: dict[str, object] = {"dims": rest, "bits": bits}
    notes = ("geometry_note", "place_note", "spacing_note", "contrast_note")
    facts |= {name: volume.attrs[name] for name in notes if name in volume.attrs}
    if window is not None:
        facts["window"] = {
            "center": window.center, "width": window.width, "function": window.function.value,
        }  # fmt: skip
    if all(axis in volume.coords for axis in AXES) and volume.dicom.is_regular:
        spacing_mm = zip(AXES, volume.dicom.spacing, strict=True)
        facts["spacing_mm"] = {axis: mm for axis, mm in spacing_mm if np.isfinite(mm)}
    return facts
