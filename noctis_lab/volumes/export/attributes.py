"""Attributes that come back as they went: what a format cannot hold rides along as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from noctis_lab.errors import CannotExport

__all__ = ["decode_attributes", "encode_attributes", "plain_value"]

#: The attribute that holds, as JSON, what NetCDF's or Zarr's own attributes would change.
_AS_JSON = "noctis_attributes"
# What xarray, CF, NetCDF and HDF5 take for words of theirs.
_RESERVED = frozenset(
    (
        *("_FillValue", "missing_value", "scale_factor", "add_offset", "dtype", "_Unsigned"),
        *("coordinates", "bounds", "grid_mapping", "calendar", "_ARRAY_DIMENSIONS"),
        *("CLASS", "NAME", "DIMENSION_LIST", "REFERENCE_LIST", "_Netcdf4Dimid"),
        *("_Netcdf4Coordinates", "_NCProperties", "_nc3_strict", "_Encoding", _AS_JSON),
    )
)
_LARGEST_INT = 1 << 63


def plain_value(value: object, *, name: str) -> Any:
    """Return an attribute's value as str, int, float, bool, None or a list of such.

    Raises
    ------
    CannotExport
        It is of another kind.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, list | tuple):
        return [plain_value(each, name=name) for each in value]
    raise CannotExport(
        f"attribute {name!r} is a {type(value).__name__}; attributes that are written are text, "
        "numbers, true or false, nothing, and lists of those"
    )


def encode_attributes(attributes: Mapping[Any, object]) -> dict[str, Any]:
    """Return attributes as NetCDF and Zarr hold them both.

    Parameters
    ----------
    attributes
        Of a variable or data set.

    Returns
    -------
    dict
        Text, numbers and lists of two or more floats as they are; anything else within one JSON
        text, which `decode_attributes` unfolds.

    Raises
    ------
    CannotExport
        A name is not text, or a value is of a kind that cannot be written.

    Examples
    --------
    >>> encode_attributes({"units": "HU", "is_one": True})
    {'units': 'HU', 'noctis_attributes': '{"is_one": true}'}
    """
    told: dict[str, Any] = {}
    folded: dict[str, Any] = {}
    for name, given in attributes.items():
        if not isinstance(name, str):
            raise CannotExport(f"an attribute's name is text, not {type(name).__name__}")
        value = plain_value(given, name=name)
        is_name = name.isidentifier() and name.isascii() and name not in _RESERVED
        (told if is_name and _is_native(value) else folded)[name] = value
    return {**told, **({_AS_JSON: json.dumps(folded)} if folded else {})}


def decode_attributes(attributes: Mapping[Any, object]) -> dict[str, Any]:
    """Return attributes as they were before `encode_attributes`, arrays as lists.

    Raises
    ------
    ValueError
        The JSON text is broken.
    """
    told = {
        str(name): plain_value(value, name=str(name))
        for name, value in attributes.items()
        if name not in _RESERVED  # theirs: ours of such names are folded
    }
    folded = json.loads(str(attributes.get(_AS_JSON, "{}")))
    return {**told, **folded}


def _is_native(value: Any) -> bool:
    if isinstance(value, bool) or value is None:
        return False
    if isinstance(value, int):
        return -_LARGEST_INT <= value < _LARGEST_INT
    if isinstance(value, str):
        return value.isprintable() and value != ""
    is_list = isinstance(value, list)
    return not is_list or (len(value) > 1 and all(isinstance(each, float) for each in value))
