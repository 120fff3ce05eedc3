"""A mask or a map of labels in memory, laid over the images of the volume that it was made on."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from noctis_lab.catalog.records import SeriesRow
from noctis_lab.errors import CannotOverlay
from noctis_lab.volumes.assemble import coordinates_of
from noctis_lab.volumes.axes import AXES, GEOMETRY
from noctis_lab.volumes.coloured.description import (
    MOST_SEGMENTS,
    ColouringDescription,
    ShownSegment,
    color_of,
)
from noctis_lab.volumes.coloured.layers import LARGEST_LABEL, Layer, Layers
from noctis_lab.volumes.frames import Frame
from noctis_lab.volumes.series_plan import find_plan
from noctis_lab.volumes.stack import Stack

if TYPE_CHECKING:
    from noctis_lab.volumes.cache import Handle

__all__ = ["MaskColouring", "mask_colouring"]

#: Of a step: coordinates that differ by no more are the same.
_OFF = 1e-3
_SAME_DIRECTION = 1e-6
_SEGMENT = "segment"
_ADVICE = "keep the volume's coordinates, as `volume > 300` and `volume.copy(data=mask)` do"

type Indices = NDArray[np.intp]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MaskColouring:
    """A mask over a series' images; a `description.Colouring`.

    Attributes
    ----------
    values
        Dims ([segment,] [extra dim,] [z,] y, x): bool or whole numbers.
    places
        Of each image that the mask reaches: where it lies along the mask's dims before y.
    rows, columns
        Of an image, under the mask's.
    label_of
        By number; of a mask by segments, by its place along `segment`.
    """

    images: Sequence[Frame]
    values: xr.DataArray
    places: Mapping[int, tuple[int, ...]]
    rows: Indices
    columns: Indices
    label_of: Mapping[int, int]
    description: ColouringDescription

    def layers(self, index: int) -> Sequence[Layer]:
        """Return the labels over one image."""
        layout = self.images[index].layout
        layers = Layers(layout.rows, layout.columns)
        place = self.places.get(index)
        if place is None:
            return []
        if _SEGMENT in self.values.dims:
            for at in range(self.values.sizes[_SEGMENT]):
                whole = self._whole(self.values.data[(at, *place)], layout.rows, layout.columns)
                layers.put(at + 1, (whole != 0).astype(np.uint8))
            return layers.layers
        whole = self._whole(self.values.data[place], layout.rows, layout.columns)
        to_label = np.zeros(LARGEST_LABEL + 1, np.uint16)
        for number, label in self.label_of.items():
            to_label[number] = label
        layers.put_labels(to_label[whole.astype(np.uint16)])
        return layers.layers

    def _whole(self, part: Any, rows: int, columns: int) -> NDArray[Any]:
        plane = np.asarray(part)
        whole = np.zeros((rows, columns), plane.dtype)
        whole[np.ix_(self.rows, self.columns)] = plane
        return whole


def mask_colouring(
    handle: Handle,
    series: SeriesRow,
    images: Sequence[Frame],
    mask: xr.DataArray,
    *,
    overlay: str,
    revision: str = "",
) -> MaskColouring:
    """Lay a mask over a series' images, by its coordinates.

    Parameters
    ----------
    series, images
        The series in view, and its frames as they are shown.
    mask
        Bool or whole numbers from 0, dims ([segment,] [time, echo …,] [z,] y, x) with the
        coordinates of the volume that `load` gives, or of a part of it. 0 is no segment; without
        the volume's extra dim it lies over each of its values. Names are taken from coordinates
        `segment_label` and `segment_color`, or the attributes `segment_numbers` and
        `segment_labels` (`Segments.labels`).
    overlay
        What it is called in the view's state.
    revision
        The text of the images' state.

    Raises
    ------
    CannotOverlay
        It is of another type, or lies on another grid; says what was expected and what came.
    """
    _require_whole(mask)
    _, plan = find_plan(handle, series.reference)
    shown = {(image.row.sha256, image.index): index for index, image in enumerate(images)}
    reasons: list[str] = []
    for stack in plan.stacks:
        if stack.frames[0].facts.tile is not None:
            reasons.append("a mosaic is shown as it is stored, and no mask lies on that")
            continue
        try:
            aligned, indices = _align(mask, stack)
        except CannotOverlay as error:
            reasons.append(str(error))
            continue
        segments, label_of = _segments(aligned)
        return MaskColouring(
            images=images,
            values=aligned,
            places=_places(stack, indices, shown),
            rows=indices["y"],
            columns=indices["x"],
            label_of=label_of,
            description=ColouringDescription(
                overlay=overlay,
                kind="MASK",
                name=str(mask.name or "Mask"),
                segments=segments,
                revision=f"{overlay}-{revision}",
            ),
        )
    raise CannotOverlay(reasons[0] if reasons else "the series makes no array of its own")


def _require_whole(mask: xr.DataArray) -> None:
    if not isinstance(mask, xr.DataArray):
        raise CannotOverlay(f"expected a DataArray, {type(mask).__name__} came: {_ADVICE}")
    if mask.dtype.kind not in "biu":
        raise CannotOverlay(
            f"expected bool or whole numbers, {mask.dtype} came: choose a threshold, "
            "as in `volume > 300`"
        )


def _align(mask: xr.DataArray, stack: Stack) -> tuple[xr.DataArray, dict[str, Indices]]:
    """Return the mask in the order of the stack's dims, and where it lies along each."""
    known = coordinates_of(stack)
    dims = [dim for dim in stack.dims if dim != "channel"]
    sizes = dict(zip(stack.dims, stack.shape, strict=True))
    optional = {_SEGMENT} | ({stack.extra.dim} if stack.extra is not None else set())
    scalar = [axis for axis in AXES if axis in mask.coords and mask[axis].ndim == 0]
    mask = mask.expand_dims([axis for axis in scalar if axis not in mask.dims])
    needed = [dim for dim in dims if dim not in optional]
    if not set(needed) <= set(mask.dims) or not set(mask.dims) <= {*dims, _SEGMENT}:
        came = ", ".join(map(str, mask.dims))
        raise CannotOverlay(f"expected dims ({', '.join(dims)}), ({came}) came: {_ADVICE}")
    _require_space(mask, known)
    indices: dict[str, Indices] = {}
    for dim in dims:
        if dim in mask.dims:
            indices[dim] = _along(mask, dim, known, sizes[dim])
    return mask.transpose(_SEGMENT, *dims, missing_dims="ignore"), indices


def _require_space(mask: xr.DataArray, known: Mapping[Hashable, Any]) -> None:
    if GEOMETRY not in known:
        return
    ours = known[GEOMETRY][2]
    if GEOMETRY not in mask.coords:
        raise CannotOverlay(f"expected the coordinate {GEOMETRY}, none came: {_ADVICE}")
    theirs = mask[GEOMETRY].attrs
    uids = ours.get("FrameOfReferenceUID"), theirs.get("FrameOfReferenceUID")
    if None not in uids and uids[0] != uids[1]:
        raise CannotOverlay(
            f"expected frame of reference {uids[0]}, {uids[1]} came: the mask is of another space"
        )
    direction = np.asarray(theirs.get("direction", ()), np.float64)
    expected = np.asarray(ours["direction"], np.float64)
    if direction.shape != expected.shape or np.abs(direction - expected).max() > _SAME_DIRECTION:
        raise CannotOverlay(
            f"expected axes along {_words(expected)}, {_words(direction)} came: resample the mask "
            "onto the volume first"
        )


def _along(mask: xr.DataArray, dim: str, known: Mapping[Hashable, Any], size: int) -> Indices:
    """Return to which indices of the stack the mask's lie along a dim."""
    if dim not in known:
        if mask.sizes[dim] != size:
            raise CannotOverlay(f"expected {size} along {dim}, {mask.sizes[dim]} came: {_ADVICE}")
        return np.arange(size)
    if dim not in mask.coords:
        raise CannotOverlay(f"expected the coordinate {dim}, none came: {_ADVICE}")
    ours, theirs = np.asarray(known[dim][1]), mask[dim].values
    if ours.dtype.kind not in "iuf" or theirs.dtype.kind not in "iuf":
        found = {value: index for index, value in enumerate(ours.tolist())}
        if not set(theirs.tolist()) <= found.keys():
            raise CannotOverlay(f"expected {dim} of {_reach(ours)}, {_reach(theirs)} came")
        return np.array([found[value] for value in theirs.tolist()], np.intp)
    order = np.argsort(ours, kind="stable")
    after = np.searchsorted(ours[order], theirs).clip(0, size - 1)
    before = np.maximum(after - 1, 0)
    candidates = np.stack([order[before], order[after]])
    away = np.abs(ours[candidates] - theirs)
    nearest: Indices = np.where(away[0] < away[1], candidates[0], candidates[1])
    step = float(np.abs(np.diff(ours)).min()) if size > 1 else 1.0
    if not len(theirs) or away.min(axis=0).max() > _OFF * step or len(set(nearest)) < len(nearest):
        raise CannotOverlay(
            f"expected {dim} of {_reach(ours)}, {_reach(theirs)} came: the mask lies on another "
            "grid; resample it onto the volume first"
        )
    return nearest


def _places(
    stack: Stack, indices: Mapping[str, Indices], shown: Mapping[tuple[bytes, int], int]
) -> dict[int, tuple[int, ...]]:
    """Return, by image, where it lies along the mask's dims before y."""
    along = [
        {int(at): place for place, at in enumerate(indices[dim])} if dim in indices else None
        for dim in stack.outer_dims
    ]
    found: dict[int, tuple[int, ...]] = {}
    for number, frame in enumerate(stack.frames):
        at = np.unravel_index(number, stack.outer_shape) if stack.outer_shape else ()
        place = [
            places.get(int(one))
            for places, one in zip(along, at, strict=True)
            if places is not None
        ]
        index = shown.get((frame.row.sha256, frame.index))
        if index is not None and None not in place:
            found[index] = tuple(one for one in place if one is not None)
    return found


def _segments(mask: xr.DataArray) -> tuple[tuple[ShownSegment, ...], dict[int, int]]:
    if _SEGMENT in mask.dims:
        _require_few(mask.sizes[_SEGMENT])
        labels, colors = _texts(mask, "segment_label"), _texts(mask, "segment_color")
        numbers = mask[_SEGMENT].values.tolist() if _SEGMENT in mask.coords else None
        numbers = numbers or list(range(1, mask.sizes[_SEGMENT] + 1))
    else:
        numbers = [1] if mask.dtype.kind == "b" else _numbers(mask)
        _require_few(len(numbers))
        stated = dict(
            zip(
                np.atleast_1d(mask.attrs.get("segment_numbers", [])).tolist(),
                np.atleast_1d(mask.attrs.get("segment_labels", [])).tolist(),
                strict=False,
            )
        )
        only = str(mask.name or "Mask") if mask.dtype.kind == "b" else None
        labels = [only or str(stated.get(number, "")) for number in numbers]
        colors = []
    segments = tuple(
        ShownSegment(
            number=int(number),
            label=(labels[place] if place < len(labels) else "") or f"Segment {number}",
            color=color_of(colors[place] if place < len(colors) else None, place),
        )
        for place, number in enumerate(numbers)
    )
    return segments, {int(number): place for place, number in enumerate(numbers, 1)}


def _texts(mask: xr.DataArray, name: str) -> list[str]:
    return [str(text) for text in mask[name].values.tolist()] if name in mask.coords else []


def _numbers(mask: xr.DataArray) -> list[int]:
    """Return the numbers that a map of labels holds, plane by plane, 0 apart."""
    seen = np.zeros(LARGEST_LABEL + 1, np.bool_)
    for at in np.ndindex(mask.shape[:-2]):
        plane = np.asarray(mask.data[at])
        if plane.size and (plane.min() < 0 or plane.max() > LARGEST_LABEL):
            raise CannotOverlay(
                f"expected labels of 0 to {LARGEST_LABEL:,}, {int(plane.min())} to "
                f"{int(plane.max())} came"
            )
        seen[plane.ravel().astype(np.uint16)] = True
    return [number for number in np.flatnonzero(seen).tolist() if number != 0]


def _require_few(count: int) -> None:
    if count > MOST_SEGMENTS:
        raise CannotOverlay(f"expected at most {MOST_SEGMENTS:,} segments, {count:,} came")


def _reach(values: NDArray[Any]) -> str:
    if not len(values):
        return "nothing"
    first, last = (
        f"{value:.6g}" if isinstance(value, float) else str(value)
        for value in (values[0].item(), values[-1].item())
    )
    return f"{len(values)} from {first} to {last}"


def _words(direction: NDArray[np.float64]) -> str:
    return "[" + ", ".join(f"{part:.4g}" for part in direction.ravel().tolist()) + "]"
