"""An array in memory as a viewer is given it: described in words and numbers, its planes as bytes.

The twin of `pixels` for what is in no archive: a volume after a computation, a mask. Nothing is
read before it is asked for, so that of a lazy array only the planes in view are computed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, TypeGuard

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from noctis_lab.dicom.geometry import position_along_normal_mm
from noctis_lab.dicom.voi import VoiFunction, Window, window_of_values
from noctis_lab.errors import CannotView, InstanceNotFound, SeriesChanged
from noctis_lab.volumes.array_place import ArrayPlace, find_place
from noctis_lab.volumes.axes import AXES, CHANNEL
from noctis_lab.volumes.corner import Corner
from noctis_lab.volumes.pixels import SENT_AS_THEY_ARE, FrameDescription, StackDescription
from noctis_lab.volumes.reduction import area_mean, preview_factor
from noctis_lab.volumes.shown_extra import ShownExtra
from noctis_lab.volumes.shown_windows import NamedWindow

__all__ = ["MOST_PLANES", "ArrayStack", "open_array"]

#: Planes of one array; each is described to the browser.
MOST_PLANES = 20_000
#: Voxels of one plane: a side of 8,192.
_LARGEST_PLANE = 2**26
#: Bytes of one answer.
_LARGEST_ANSWER = 2**28
_LONGEST_WORD = 64  # of what an array says of itself
_REVISION = "0"  # an array's planes do not come and go
#: False black, True white.
_MASK = Window(center=0.5, width=1.0, function=VoiFunction.LINEAR_EXACT)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ArrayStack:
    """An array, and how a viewer's frames lie in it; `open_array` makes one.

    Frame ``i`` is plane ``i % planes`` at ``i // planes`` along the dim before z.
    """

    uid: str  # stands for a SeriesInstanceUID: what the view's state calls it
    array: xr.DataArray  # dims ([extra,] [z,] y, x[, channel]), real numbers or booleans
    place: ArrayPlace
    extra_dim: str | None

    @property
    def planes(self) -> int:
        """Planes at each index of the extra dim."""
        return int(self.array.sizes.get("z", 1))

    @property
    def count(self) -> int:
        """How many frames there are."""
        extra = 1 if self.extra_dim is None else int(self.array.sizes[self.extra_dim])
        return self.planes * extra

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of a frame."""
        return (int(self.array.sizes["y"]), int(self.array.sizes["x"]))

    @property
    def units(self) -> str | None:
        """The unit of the values; None where nothing states one, and of booleans."""
        units = self.array.attrs.get("units")
        is_stated = _is_word(units) and units not in ("", "unspecified")
        return units if is_stated and self.array.dtype.kind != "b" else None

    def describe(self) -> StackDescription:
        """Describe it for a viewer; reads the plane in the middle, for a window.

        Returns
        -------
        StackDescription
        """
        modality = self.array.attrs.get("Modality")
        is_mask = self.array.dtype.kind == "b"
        place = self.place
        is_volume = place.is_even and self.extra_dim is None
        return StackDescription(
            SeriesInstanceUID=self.uid,
            revision=_REVISION,
            kind="volume" if is_volume else "slices",
            note=place.badges[0].sentence if place.badges else None,
            badges=place.badges,
            units=self.units,
            # A mask of a CT is none: windows in HU mean nothing to it.
            modality=modality if _is_word(modality) and not is_mask else None,
            FrameOfReferenceUID=place.FrameOfReferenceUID,
            photometric_interpretation=self._photometric(),
            orientation=place.orientation,
            pixel_spacing_mm=place.pixel_spacing_mm,
            pixel_aspect=place.pixel_aspect,
            windows=self._windows(),
            frames=tuple(self._describe_frame(index) for index in range(self.count)),
            corner=self._corner(),
            extra=self._extra(),
            is_archived=False,
        )

    def read(self, first: int, count: int) -> NDArray[Any]:
        """Read frames, computing no others.

        Returns
        -------
        ndarray of the array's own dtype, shape (count, rows, columns[, 3])

        Raises
        ------
        InstanceNotFound
            There are no such frames.
        CannotView
            They are too many for one answer.
        """
        if first < 0 or count < 1 or first + count > self.count:
            raise InstanceNotFound(
                f"the array shows frames 0 to {self.count - 1}; {count} from {first} on were "
                "asked for"
            )
        frame_bytes = math.prod(self.shape) * max(self.array.dtype.itemsize, 3)
        if count > 1 and count * frame_bytes > _LARGEST_ANSWER:
            raise CannotView(
                f"{count} planes are more than {_LARGEST_ANSWER} bytes: ask for fewer at a time"
            )
        pieces = []
        while count > 0:
            extra, plane = divmod(first, self.planes)
            here = min(count, self.planes - plane)
            pieces.append(self._read_planes(extra, plane, here))
            first, count = first + here, count - here
        return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)

    def encode(self, first: int, count: int, *, revision: str | None = None) -> bytes:
        """Return frames as `pixels.encode_frames` does those of a series.

        Raises
        ------
        InstanceNotFound, CannotView
            As `read`.
        SeriesChanged
            `revision` is another array's.
        """
        if revision not in (None, _REVISION):
            raise SeriesChanged("this is another array than the one that was described")
        return _to_wire(self.read(first, count), self._sent()).tobytes()

    def encode_preview(self, index: int, *, revision: str | None = None) -> bytes:
        """Return one frame reduced to at most 1,024 a side, as `pixels.encode_preview` does."""
        if revision not in (None, _REVISION):
            raise SeriesChanged("this is another array than the one that was described")
        whole = _to_wire(self.read(index, 1)[0], self._sent())
        return area_mean(whole, preview_factor(*self.shape)).tobytes()

    def _read_planes(self, extra: int, plane: int, count: int) -> NDArray[Any]:
        part = self.array if self.extra_dim is None else self.array.isel({self.extra_dim: extra})
        if "z" not in part.dims:
            return np.asarray(part.values)[np.newaxis]
        return np.asarray(part.isel(z=slice(plane, plane + count)).values)

    def _sent(self) -> np.dtype[Any]:
        """Return the type on the wire: one that holds every value, of those a browser has.

        Whole numbers of 64 bits go as float64, exact up to 2**53.
        """
        kind, name = self.array.dtype.kind, self.array.dtype.newbyteorder("=").name
        if kind == "b":
            return np.dtype(np.uint8)
        if name in SENT_AS_THEY_ARE:
            return np.dtype(name)
        return np.dtype(np.float32 if name == "float16" else np.float64)

    def _photometric(self) -> str:
        if CHANNEL in self.array.dims:
            return "RGB"
        stated = self.array.attrs.get("PhotometricInterpretation")
        is_inverted = stated == "MONOCHROME1" and self.array.dtype.kind != "b"
        return "MONOCHROME1" if is_inverted else "MONOCHROME2"

    def _windows(self) -> tuple[NamedWindow, ...]:
        if CHANNEL in self.array.dims:
            return ()
        is_mask = self.array.dtype.kind == "b"
        window = _MASK if is_mask else window_of_values(self.read(self.count // 2, 1)[0])
        return (
            NamedWindow(
                center=window.center,
                width=window.width,
                name="Mask" if is_mask else "Computed",
                function=window.function.value,
                is_stated=False,
            ),
        )

    def _describe_frame(self, index: int) -> FrameDescription:
        extra, plane = divmod(index, self.planes)
        place = self.place
        position = None if place.positions_mm is None else place.positions_mm[plane]
        z = z_mm = None if place.along_mm is None else place.along_mm[plane]
        if position is not None and place.orientation is not None:
            z_mm = position_along_normal_mm(position, place.orientation)
        rows, columns = self.shape
        return FrameDescription(
            SOPInstanceUID=self.uid,
            frame=index,
            rows=rows,
            columns=columns,
            dtype="rgb8" if CHANNEL in self.array.dims else self._sent().name,
            slope=1.0,
            intercept=0.0,
            position_mm=position,
            z_mm=z_mm,
            z=z,
            InstanceNumber=None,
            extra_index=None if self.extra_dim is None else extra,
        )

    def _corner(self) -> Corner:
        name = self.array.name
        sizes = ", ".join(f"{dim} {size}" for dim, size in self.array.sizes.items())
        return Corner(
            top_left=("DataArray" if name is None else str(name)[:_LONGEST_WORD],),
            top_right=(str(self.array.dtype), sizes),
            bottom_right=(),
        )

    def _extra(self) -> ShownExtra | None:
        if self.extra_dim is None or self.array.sizes[self.extra_dim] < 2:
            return None
        count = int(self.array.sizes[self.extra_dim])
        values: tuple[float | str, ...] = tuple(float(number) for number in range(1, count + 1))
        units = None
        if self.extra_dim in self.array.coords:
            along = self.array.coords[self.extra_dim]
            units = along.attrs.get("units")
            values = _extra_values(along.values) or values
        return ShownExtra(
            dim=self.extra_dim,
            units=units if _is_word(units) else None,
            values=values,
            planes=self.planes,
        )


def open_array(array: Any, *, uid: str) -> ArrayStack:
    """Take an array to be viewed; none of its values is read.

    Parameters
    ----------
    array
        `xarray.DataArray` of real numbers or booleans, dims ([extra,] [z,] y, x[, channel]) in any
        order, in memory or lazy. With the coordinate `patient_lps`, as a volume of ours keeps it
        through every computation, it has its place in the patient; without it the view says so.
    uid
        What the view's state calls it.

    Raises
    ------
    CannotView
        It is no such array; says which dims, type or size it has, and what to do.

    Notes
    -----
    The array is not copied: what is changed in place afterwards may be seen or not.
    """
    if not isinstance(array, xr.DataArray):
        raise CannotView(f"expected an xarray.DataArray, came {type(array).__name__}")
    rest = [str(dim) for dim in array.dims if dim not in (*AXES, CHANNEL)]
    _require_dims(array, rest)
    _require_type(array)
    extra = rest[0] if rest else None
    order = [*rest, *(dim for dim in (*AXES, CHANNEL) if dim in array.dims)]
    array = array.transpose(*order)
    stack = ArrayStack(uid=uid, array=array, place=find_place(array), extra_dim=extra)
    if not 1 <= stack.count <= MOST_PLANES or not 1 <= math.prod(stack.shape) <= _LARGEST_PLANE:
        raise CannotView(
            f"expected 1 to {MOST_PLANES} planes of 1 to {_LARGEST_PLANE} voxels, came "
            f"{dict(array.sizes)}; select a part of it by .isel()"
        )
    return stack


def _require_dims(array: xr.DataArray, rest: list[str]) -> None:
    is_named = all(isinstance(dim, str) for dim in array.dims)
    if not is_named or not {"y", "x"} <= set(array.dims) or len(rest) > 1:
        raise CannotView(
            f"expected dims ([extra,] [z,] y, x[, channel]), came {tuple(map(str, array.dims))}; "
            "rename them by .rename(), or select one index of a dim by .isel()"
        )
    if CHANNEL in array.dims and (array.sizes[CHANNEL] != 3 or array.dtype != np.uint8):
        raise CannotView(
            f"expected colours as 3 channels of uint8, came {array.sizes[CHANNEL]} of "
            f"{array.dtype}; select one by .isel({CHANNEL}=0)"
        )


def _require_type(array: xr.DataArray) -> None:
    kind, size = array.dtype.kind, array.dtype.itemsize
    if kind == "c":
        raise CannotView(
            f"expected real numbers, came {array.dtype}: complex values have no one grey level; "
            "take abs(array), array.real or array.imag"
        )
    if kind not in "biuf" or size > 8:
        raise CannotView(
            f"expected booleans or real numbers of at most 64 bits, came {array.dtype}; convert "
            "it by .astype('float64')"
        )


def _is_word(value: Any) -> TypeGuard[str]:
    return isinstance(value, str) and len(value) <= _LONGEST_WORD


def _to_wire(values: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    return np.ascontiguousarray(values, dtype.newbyteorder("<"))


def _extra_values(values: NDArray[Any]) -> tuple[float | str, ...] | None:
    if values.dtype.kind in "iuf" and np.all(np.isfinite(values)):
        return tuple(float(value) for value in values)
    if values.dtype.kind in "UOM":
        return tuple(str(value)[:_LONGEST_WORD] for value in values)
    return None
