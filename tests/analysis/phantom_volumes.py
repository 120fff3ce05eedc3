"""Drawn phantoms as the volumes that an archive loads."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import xarray as xr
from pydicom.dataset import Dataset

import noctis_lab as nl
from noctis_lab.synthetic import ct_phantom
from tests.lab.filling import fill

#: Coarse enough to be drawn and read in half a second.
SMALL: dict[str, Any] = {
    "rows": 300,
    "columns": 300,
    "pixel_spacing_mm": (0.8, 0.8),
    "slice_spacing_mm": 4.0,
}


def volume_of(folder: Path, data_sets: Iterable[Dataset]) -> xr.DataArray:
    """Return the one series of some data sets, through files and an archive."""
    with nl.open_lab(folder / "archive", create=True) as lab:
        fill(lab, data_sets, folder / "in")
        return lab.series().one().load()


def drawn(folder: Path, model: str, **options: Any) -> xr.DataArray:
    """Return a small phantom."""
    return volume_of(folder, ct_phantom(model, **(SMALL | options)))
