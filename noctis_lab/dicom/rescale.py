"""Stored values to modality values: the Modality LUT's linear form (PS3.3 C.11.1)."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Rescale"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rescale:
    """values = stored · slope + intercept."""

    slope: float
    intercept: float
    units: str | None  # RescaleType, where stated
