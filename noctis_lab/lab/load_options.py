"""What loading and opening a series may be told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypedDict

from numpy.typing import DTypeLike

__all__ = ["LoadOptions", "OpenOptions"]


class OpenOptions(TypedDict, total=False):
    """What `Series.open` is told; `noctis_lab.volumes.load.load` explains each."""

    stack: int | None
    duplicates: Literal["first", "last"] | None
    dtype: DTypeLike | None
    stored: bool
    mask_padding: bool


class LoadOptions(OpenOptions, total=False):
    """What `Series.load` is told."""

    progress: Callable[[int, int], None] | None
