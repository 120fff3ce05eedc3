"""Volumes made for a test, and the strategies that make others."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from hypothesis import strategies as st

from noctis_lab.volumes import accessor as accessor  # registers `.dicom`

#: Columns z, y, x of U: axial, and a sagittal one that leans.
AXIAL = np.array([[0, 0, 1], [0, 1, 0], [1, 0, 0]], float)
TILT_DEG = 20.0
TILTED = np.array(
    [
        [0, 0, 1],
        [np.sin(np.radians(TILT_DEG)), 1, 0],
        [np.cos(np.radians(TILT_DEG)), 0, 0],
    ],
    float,
)


def volume(
    shape: tuple[int, int, int] = (3, 4, 5),
    *,
    extra: tuple[str, list[float], str] | None = None,
    channels: int = 0,
    dtype: str = "int16",
    directions: np.ndarray = AXIAL,
    z_mm: list[float] | None = None,
    **attributes: Any,
) -> xr.DataArray:
    """Return a volume in the project's layout, whose values count up from -7."""
    dims: list[str] = ["z", "y", "x"]
    sizes = list(shape)
    coordinates: dict[Any, Any] = {
        "z": ("z", np.array(z_mm) if z_mm else 10.0 + 2.5 * np.arange(shape[0]), {"units": "mm"}),
        "y": ("y", -20.0 + 0.5 * np.arange(shape[1]), {"units": "mm", "long_name": "posterior"}),
        "x": ("x", 5.0 + 0.75 * np.arange(shape[2]), {"units": "mm"}),
        "patient_lps": ((), 0, {
            "direction": [float(each) for each in directions.ravel()],
            "spacing_mm": [2.5, 0.5, 0.75],
            "residual_mm": 0.0,
            "FrameOfReferenceUID": "1.2.3.9",
        }),
        "SOPInstanceUID": ("z", np.array([f"1.2.3.4.{at}" for at in range(shape[0])])),
        "InstanceNumber": ("z", np.arange(shape[0]) + 1),
        "slope": ("z", np.ones(shape[0])),
    }  # fmt: skip
    if extra is not None:
        name, along, units = extra
        dims.insert(0, name)
        sizes.insert(0, len(along))
        coordinates[name] = (name, np.array(along), {"units": units})
    if channels:
        dims.append("channel")
        sizes.append(channels)
    values = (np.arange(np.prod(sizes)) - 7).astype(dtype).reshape(sizes)
    attrs = {
        "units": "HU", "Modality": "CT", "SeriesDescription": "thorax", "SeriesNumber": 3,
        "SeriesInstanceUID": "1.2.3.4", "StudyInstanceUID": "1.2.3",
        "PhotometricInterpretation": "MONOCHROME2", **attributes,
    }  # fmt: skip
    return xr.DataArray(values, dims=dims, coords=coordinates, name="CT", attrs=attrs)


_NUMBERS = st.one_of(st.integers(-(1 << 63), (1 << 63) - 1), st.floats())
_TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
_PLAIN = st.one_of(st.none(), st.booleans(), _NUMBERS, _TEXTS)
_NAMES = st.one_of(
    st.sampled_from(("units", "scale_factor", "_FillValue", "coordinates", "dtype", "calendar")),
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=8),
)
ATTRIBUTES = st.dictionaries(_NAMES, st.one_of(_PLAIN, st.lists(_PLAIN, max_size=4)), max_size=5)
_TYPES = ("int8", "uint8", "int16", "uint16", "int32", "uint32", "float32", "float64", "bool")
_EXTRAS = (None, ("time", "s"), ("echo", "ms"), ("b_value", "s/mm2"), ("phase", "ms"))


@st.composite
def volumes(draw: st.DrawFn) -> xr.DataArray:
    """Draw a volume: 3-D or 4-D, grey or RGB, of any type, with any attributes."""
    shape = draw(st.tuples(*[st.integers(1, 5)] * 3))
    kind = draw(st.sampled_from(_EXTRAS))
    extra = None
    if kind is not None:
        times = draw(st.lists(st.floats(0, 1e6), min_size=1, max_size=3, unique=True))
        extra = (kind[0], sorted(times), kind[1])
    made = volume(
        shape,
        extra=extra,
        channels=draw(st.sampled_from((0, 3))),
        dtype=draw(st.sampled_from(_TYPES)),
        directions=draw(st.sampled_from((AXIAL, TILTED))),
    )
    if made.dtype.kind == "f":
        made.values.flat[0] = draw(st.sampled_from((np.nan, -np.inf, 0.1)))
    made.attrs |= draw(ATTRIBUTES)
    made.coords["z"].attrs |= draw(ATTRIBUTES)
    made.name = draw(st.sampled_from(("CT", None, "z", "MR/../x", "values")))
    return made
