"""A stack of images as an array of which any part can be read."""

from __future__ import annotations

import functools
import hashlib
import warnings
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np
from numpy.typing import NDArray

from noctis_lab.catalog.records import SeriesRow
from noctis_lab.dicom.layout_doubts import layout_doubts
from noctis_lab.errors import PixelWarning
from noctis_lab.volumes.assemble import attributes_of, coordinates_of, warn_of_stack
from noctis_lab.volumes.bands import PlainStack
from noctis_lab.volumes.conversion import Conversion, ValueOptions, plan_conversion
from noctis_lab.volumes.loadable import FLAT, require_readable
from noctis_lab.volumes.reading import Window, empty_array, read_all, read_windows
from noctis_lab.volumes.stack import Stack
from noctis_lab.volumes.tasks import Progress

if TYPE_CHECKING:
    from noctis_lab.volumes.cache import Handle

__all__ = ["StackVoxels", "open_stack"]


@dataclass(frozen=True, kw_only=True, eq=False)
class StackVoxels:
    """A planned stack and how its frames become values, as `voxels.Voxels` are."""

    handle: Handle
    series: SeriesRow
    stack: Stack
    conversion: Conversion
    stored: bool
    surplus: PixelWarning | None = None  # of bytes behind the pixels

    @functools.cached_property
    def _plain(self) -> PlainStack:
        """What reading parts of its frames needs, worked out by the first who reads."""
        return PlainStack(self.handle.storage, self.stack)

    @property
    def dims(self) -> tuple[str, ...]:
        """Names of its dims."""
        return self.stack.dims

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of its dims."""
        return self.stack.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of its values."""
        return self.conversion.dtype

    @property
    def coordinates(self) -> Mapping[Hashable, Any]:
        """Coordinates, as `assemble.coordinates_of` gives them."""
        return coordinates_of(self.stack, self.conversion.mappings)

    @property
    def attributes(self) -> Mapping[str, Any]:
        """Attributes, as `assemble.attributes_of` gives them."""
        return attributes_of(self.series, self.stack, self.conversion, stored=self.stored)

    @property
    def digest(self) -> bytes:
        """What is another one when a frame comes, goes or moves."""
        stack = self.stack
        digest = hashlib.sha256(repr((stack.dims, stack.shape)).encode())
        for frame in stack.frames:
            digest.update(frame.row.sha256)
            digest.update(repr((frame.index, frame.facts.tile)).encode())
        return digest.digest()[:16]

    def read(
        self, kept: Sequence[NDArray[np.intp]], progress: Progress | None = None
    ) -> NDArray[Any]:
        """Read a part, as `reading.read_all` (which tells of its progress) or `read_windows`.

        Raises
        ------
        UnsupportedSeries
            There is no memory for it; or as they say.
        """
        stack, outer = self.stack, len(self.stack.outer_shape)
        if all(
            len(indices) == size and np.array_equal(indices, np.arange(size))
            for indices, size in zip(kept, self.shape, strict=True)
        ):
            result = empty_array(stack.SeriesInstanceUID, self.shape, self.dtype)
            read_all(self.handle, stack, self.conversion, result, progress)
            return result
        numbers = np.ravel_multi_index(np.ix_(*kept[:outer]), stack.outer_shape).ravel()
        planes = read_windows(
            self.handle,
            stack,
            self.conversion,
            numbers.tolist(),
            Window(rows=kept[outer], columns=kept[outer + 1]),
            plain=self._plain,
        )
        if stack.is_color:
            planes = planes[..., kept[outer + 2]]
        return planes.reshape([len(indices) for indices in kept])

    def warn(self, *, stacklevel: int, of_gaps: bool = True) -> None:
        """Warn as `assemble.warn_of_stack` does, and of what is in doubt of pixels and values."""
        if self.surplus is not None:
            warnings.warn(self.surplus, stacklevel=stacklevel + 1)
        if self.conversion.is_rounded:
            rounded = PixelWarning(
                f"{self.dtype} gives one number for integers that are stored as several: their "
                "last digits are rounded; ask for float64, or for no dtype",
                self.stack.SeriesInstanceUID,
            )
            warnings.warn(rounded, stacklevel=stacklevel + 1)
        for doubt in layout_doubts(frame.layout for frame in self.stack.frames):
            told = PixelWarning(doubt.reason, self.stack.SeriesInstanceUID)
            warnings.warn(told, stacklevel=stacklevel + 1)
        if any(rescale.slope == 0 for rescale in self.conversion.rescales):
            flat = PixelWarning(FLAT, self.stack.SeriesInstanceUID)
            warnings.warn(flat, stacklevel=stacklevel + 1)
        warn_of_stack(self.stack, stacklevel=stacklevel + 1, of_gaps=of_gaps)


def open_stack(
    handle: Handle, series: SeriesRow, stack: Stack, **options: Unpack[ValueOptions]
) -> StackVoxels:
    """Open a planned stack; the options are those of `load.load`.

    Raises
    ------
    CompressedPixels
        The transfer syntax has no decoder here.
    UnsupportedSeries, FileChanged
        As `conversion.plan_conversion`, and `loadable.require_readable`.
    """
    surplus = require_readable(handle, stack)
    return StackVoxels(
        handle=handle,
        series=series,
        stack=stack,
        conversion=plan_conversion(handle, stack, **options),
        stored=options.get("stored", False),
        surplus=surplus,
    )
