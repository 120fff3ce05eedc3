"""What one array is made of: its frames in order, its dims, and where it lies. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from noctis_lab.volumes.frames import Frame
from noctis_lab.volumes.placement import Placement

__all__ = ["Extra", "Stack"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Extra:
    """A dim that is none of space: time, echo, b_value, phase, asl_context; or frame.

    `coords` holds its coordinate, where it has one, and others along it: (values, attributes).
    """

    dim: str
    size: int
    coords: Mapping[str, tuple[NDArray[Any], dict[str, str]]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """The plan of one array. `words` say, by aspect, what its frames are."""

    SeriesInstanceUID: str
    frames: tuple[Frame, ...]  # in the order of the array: the extra dim is the outermost
    matrix: tuple[int, int]  # (rows, columns)
    is_color: bool
    placement: Placement | None  # None: without a place in the patient
    extra: Extra | None
    words: Mapping[str, str] = field(default_factory=dict)
    parted_by: tuple[str, ...] = ()  # the words that tell it from the series' other stacks
    varying: tuple[str, ...] = ()  # names of what is stated otherwise of other planes of it

    @property
    def dims(self) -> tuple[str, ...]:
        """Names of the array's dims."""
        outer = () if self.extra is None else (self.extra.dim,)
        space = ("y", "x") if self.placement is None else ("z", "y", "x")
        return (*outer, *space, *(("channel",) if self.is_color else ()))

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of the array's dims."""
        return (*self.outer_shape, *self.matrix, *((3,) if self.is_color else ()))

    @property
    def outer_shape(self) -> tuple[int, ...]:
        """Sizes of the dims that frames are counted along, before y."""
        extra = () if self.extra is None else (self.extra.size,)
        return extra if self.placement is None else (*extra, self.plane_count)

    @property
    def outer_dims(self) -> tuple[str, ...]:
        """Names of the dims that frames are counted along."""
        return self.dims[: len(self.outer_shape)]

    @property
    def plane_count(self) -> int:
        """How many places its frames have; 0 without a place in the patient."""
        if self.placement is None:
            return 0
        return len(self.frames) // (1 if self.extra is None else self.extra.size)

    @property
    def affine(self) -> NDArray[np.float64]:
        """Index (z, y, x, 1) to patient LPS mm: float64, shape (4, 4).

        Raises
        ------
        ValueError
            There is none: without a place in the patient, or with planes at unequal distances.
        """
        if self.placement is None:
            raise ValueError("frames without a place in the patient have no affine")
        return self.placement.affine
