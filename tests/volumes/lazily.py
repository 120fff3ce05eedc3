"""Series opened lazily for a test, and indices that pick a part of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from hypothesis import strategies as st

from noctis_lab.volumes.cache import Handle

__all__ = ["one_index", "opened"]


def opened(handle: Handle, uid: str, **options: Any) -> xr.DataArray:
    dataset = xr.open_dataset(uid, engine="noctis", root=handle.settings.root, **options)
    (name,) = dataset.data_vars
    found: xr.DataArray = dataset[name]
    return found


def one_index(size: int) -> st.SearchStrategy[Any]:
    steps = st.integers(1, 3) | st.integers(-3, -1)
    bounds = st.none() | st.integers(0, size)  # xarray itself miscounts some that lie outside
    return (
        st.builds(slice, bounds, bounds, steps)
        | st.integers(-size, size - 1)
        | st.lists(st.integers(0, size - 1), max_size=4).map(lambda picked: np.array(picked, int))
    )
