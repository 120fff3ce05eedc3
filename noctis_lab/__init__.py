"""noctis_lab: a research lab's DICOM archive, from one `pip install`.

The front door: everything here is imported at first use, so that ``import noctis_lab`` costs
nothing and a receiver never pays for what a notebook needs.

Examples
--------
>>> import noctis_lab as nl
>>> "open_lab" in dir(nl)
True
"""

from __future__ import annotations

from importlib import import_module, metadata
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from noctis_lab import errors as errors
    from noctis_lab.config import Settings as Settings
    from noctis_lab.lab import Instance as Instance
    from noctis_lab.lab import Lab as Lab
    from noctis_lab.lab import Selection as Selection
    from noctis_lab.lab import Series as Series
    from noctis_lab.lab import Study as Study
    from noctis_lab.lab import open_lab as open_lab
    from noctis_lab.lab.calibrating.calibration import calibrate as calibrate
    from noctis_lab.lab.demo import demo as demo
    from noctis_lab.views.viewing import view as view

    __version__: str

__all__ = [
    "Instance",
    "Lab",
    "Selection",
    "Series",
    "Settings",
    "Study",
    "__version__",
    "calibrate",
    "demo",
    "errors",
    "open_lab",
    "view",
]

#: Public name → the module that defines it.
_HOMES = {
    "Instance": "noctis_lab.lab",
    "Lab": "noctis_lab.lab",
    "Selection": "noctis_lab.lab",
    "Series": "noctis_lab.lab",
    "Settings": "noctis_lab.config",
    "Study": "noctis_lab.lab",
    "calibrate": "noctis_lab.lab.calibrating.calibration",
    "demo": "noctis_lab.lab.demo",
    "open_lab": "noctis_lab.lab",
    "view": "noctis_lab.views.viewing",
}


def __getattr__(name: str) -> Any:
    """Import a public name at first use (PEP 562)."""
    if name == "__version__":
        value: Any = metadata.version("noctis-lab")
    elif name == "errors":
        value = import_module("noctis_lab.errors")
    elif name in _HOMES:
        value = getattr(import_module(_HOMES[name]), name)
    else:
        raise AttributeError(f"module 'noctis_lab' has no attribute '{name}'")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
