"""An array of an archived series of which any part can be read: what loading and opening share."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from noctis_lab.catalog.records import SeriesRow
from noctis_lab.volumes.tasks import Progress

__all__ = ["Voxels", "load_voxels"]


class Voxels(Protocol):
    """One array of a series: a stack of images, a dose grid, or segments' masks."""

    @property
    def series(self) -> SeriesRow:
        """The series that it is of."""

    @property
    def dims(self) -> tuple[str, ...]:
        """Names of its dims."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of its dims."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of its values."""

    @property
    def coordinates(self) -> Mapping[Hashable, Any]:
        """Coordinates, as (dims, values[, attrs])."""

    @property
    def attributes(self) -> Mapping[str, Any]:
        """Attributes: text, numbers and flat lists."""

    @property
    def digest(self) -> bytes:
        """What is another one when a frame comes, goes or moves."""

    def read(
        self, kept: Sequence[NDArray[np.intp]], progress: Progress | None = None
    ) -> NDArray[Any]:
        """Read what an outer index picks: of each dim the indices that are wanted, in order."""

    def warn(self, *, stacklevel: int, of_gaps: bool = True) -> None:
        """Warn of what one may not expect of it; of uneven planes but where that is not asked."""


def load_voxels(
    voxels: Voxels, progress: Progress | None = None, *, of_gaps: bool = True
) -> xr.DataArray:
    """Read all of an array, and warn, in the name of who called the caller, as it does."""
    values = voxels.read([np.arange(size) for size in voxels.shape], progress)
    voxels.warn(stacklevel=3, of_gaps=of_gaps)
    return xr.DataArray(
        values,
        dims=voxels.dims,
        coords=dict(voxels.coordinates),
        name=voxels.series.Modality,
        attrs=dict(voxels.attributes),
    )
