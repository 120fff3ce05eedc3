"""How series are exported."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from noctis_lab.dicom.date_policy import DatePolicy
from noctis_lab.dicom.voi import Window
from noctis_lab.volumes.export_format import ExportFormat
from noctis_lab.volumes.real_world import RealWorld

__all__ = ["ExportOptions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportOptions:
    """How series are exported; what a format does not use is not looked at.

    Parameters
    ----------
    to
        The format.
    out
        The folder, made where it is missing.
    pseudonymise
        Replace and remove what tells who the patient is.
    dates
        What pseudonymisation does to dates.
    allow_burned_in
        Pseudonymise images too whose pixels may show a name.
    window
        Of PNG images; None takes the one that the middle image states, else one of the values.
    bits
        Of PNG images' grey levels.
    level
        Of a surface, in the volume's units.
    real_world
        Write real world values instead, as `load.load` takes it; refused for DICOM, whose files are
        written as they are.
    """

    to: ExportFormat
    out: Path
    pseudonymise: bool = False
    dates: DatePolicy = DatePolicy.SHIFT
    allow_burned_in: bool = False
    window: Window | None = None
    bits: Literal[8, 16] = 8
    level: float | None = None
    real_world: RealWorld = None

    @property
    def has_real_world(self) -> bool:
        """Whether real world values are asked for; `{}` and an empty label ask too."""
        return self.real_world is not None and self.real_world is not False

    def parameters(self) -> dict[str, object]:
        """Return what decides an output's content, as plain JSON values."""
        chosen: dict[str, object] = {"to": self.to.value, "pseudonymise": self.pseudonymise}
        if self.pseudonymise:
            chosen["dates"] = self.dates.value
        if self.to is ExportFormat.PNG:
            window = self.window
            chosen["bits"] = self.bits
            chosen["window"] = window and [window.center, window.width, window.function.value]
        if self.to.is_surface:
            chosen["level"] = self.level
        if self.has_real_world:
            chosen["real_world"] = self.real_world
        return chosen
