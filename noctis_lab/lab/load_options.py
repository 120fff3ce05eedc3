"""What loading and opening a series may be told."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, TypedDict

from numpy.typing import DTypeLike

if TYPE_CHECKING:
    from noctis_lab.volumes.real_world import RealWorld
    from noctis_lab.volumes.regularize import RegularizeOptions

__all__ = ["LoadOptions", "OpenOptions"]


class OpenOptions(TypedDict, total=False):
    """What `Series.open` is told; `noctis_lab.volumes.load.load` explains each."""

    stack: int | None
    duplicates: Literal["first", "last"] | None
    dtype: DTypeLike | None
    stored: bool
    mask_padding: bool
    real_world: RealWorld


class LoadOptions(OpenOptions, total=False):
    """What `Series.load` is told."""

    regularize: bool | RegularizeOptions
    progress: Callable[[int, int], None] | None
