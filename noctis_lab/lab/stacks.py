"""The arrays that a series' frames make: each small, told apart in words, loaded when asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Literal, Unpack

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr
    from numpy.typing import NDArray

    from noctis_lab.lab.load_options import LoadOptions, OpenOptions
    from noctis_lab.volumes import stack as planned

__all__ = ["Stack"]


class Stack:
    """One of the arrays that a series' frames make.

    Attributes
    ----------
    number
        Its place in `Series.stacks`, and what `Series.load(stack=…)` takes.
    dims, shape
        Of the array that `load` returns.
    parted_by
        In words, what tells it from the series' other stacks.
    """

    def __init__(
        self,
        number: int,
        found: planned.Stack,
        *,
        load: Callable[..., xr.DataArray],
        open_: Callable[..., xr.DataArray],
    ) -> None:
        self._found = found
        self._load = load
        self._open = open_
        self.number = number
        self.dims = found.dims
        self.shape = found.shape
        self.parted_by = found.parted_by

    @property
    def affine(self) -> NDArray[np.float64]:
        """Index (z, y, x, 1) to patient LPS mm: float64, shape (4, 4).

        Raises
        ------
        ValueError
            There is none: without a place in the patient, or with planes at unequal distances.
        """
        return self._found.affine

    @property
    def is_regular(self) -> bool:
        """Whether its planes lie at one distance, so that there is an affine."""
        placement = self._found.placement
        return placement is not None and placement.is_regular

    @property
    def spacing_mm(self) -> tuple[float, float, float] | None:
        """Distance between voxel centres along z, y, x; None without a place in the patient."""
        placement = self._found.placement
        return None if placement is None else placement.steps_mm

    def load(self, **options: Unpack[LoadOptions]) -> xr.DataArray:
        """Load it: as `Series.load`."""
        return self._load(**{**options, "stack": self.number})

    def open(
        self,
        *,
        chunks: Mapping[str, int] | Literal["auto"] | None = None,
        **options: Unpack[OpenOptions],
    ) -> xr.DataArray:
        """Open it lazily: as `Series.open`."""
        return self._open(chunks=chunks, **{**options, "stack": self.number})

    def __repr__(self) -> str:
        sizes = ", ".join(f"{dim}: {size}" for dim, size in zip(self.dims, self.shape, strict=True))
        parted = f" {', '.join(self.parted_by)}" if self.parted_by else ""
        uneven = "" if self._found.placement is None or self.is_regular else ", uneven spacing"
        return f"<Stack {self.number} ({sizes}){parted}{uneven}>"
