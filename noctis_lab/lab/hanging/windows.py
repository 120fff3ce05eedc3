"""The window presets that a rule may name: those of the viewer's keys, in Hounsfield units."""

from __future__ import annotations

from typing import Final

__all__ = ["CT_PRESETS"]

#: Name, in lower case → (center, width), HU; of CT alone.
CT_PRESETS: Final[dict[str, tuple[float, float]]] = {
    "soft tissue": (40, 400),
    "lung": (-600, 1500),
    "liver": (90, 150),
    "bone": (480, 2500),
    "brain": (40, 80),
    "mediastinum": (80, 400),
    "air": (-426, 1000),
    "angio": (120, 380),
    "water qa": (0, 100),
}
