"""Optional dependencies, imported where a format needs them, or missed by the extra's name."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from noctis_lab.errors import ExtraNotInstalled

__all__ = ["import_extra"]


def import_extra(module: str, extra: str) -> Any:
    """Return a module that an extra brings.

    Parameters
    ----------
    module
        Its name.
    extra
        The extra of this package that has it.

    Raises
    ------
    ExtraNotInstalled
        It is not there; the message says how to get it.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise ExtraNotInstalled(module, extra) from error
