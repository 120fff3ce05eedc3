"""A volume as a data set of NetCDF or Zarr, and back again, nothing changed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from noctis_lab.errors import CannotExport, NoctisError
from noctis_lab.volumes.arranged import CHANNEL, series_name
from noctis_lab.volumes.axes import AXES
from noctis_lab.volumes.export.attributes import decode_attributes, encode_attributes
from noctis_lab.volumes.export.regions import is_read_on_demand

__all__ = ["Parts", "chunk_sizes", "from_dataset", "naming_what_is_not_held", "to_parts"]

_HINTS = "noctis_volume"
_UNNAMED = "values"
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
#: Small enough for a coronal plane to be had without the whole, large enough to be few.
_CHUNK = {"z": 64, "y": 128, "x": 128}
#: numpy's kinds that both formats hold, in files that others read as well.
_KINDS = "biufU"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """A volume as it is written: a data set, and the values apart where they are read on demand."""

    dataset: xr.Dataset
    name: str  # of the variable that holds the values
    chunks: tuple[int, ...]
    #: What `regions.iter_regions` reads; then the data set holds the coordinates alone.
    on_demand: xr.DataArray | None


def to_parts(volume: xr.DataArray) -> Parts:
    """Return what a writer of either format writes.

    Raises
    ------
    CannotExport
        A type or an attribute cannot be written.
    """
    dataset = _to_dataset(volume)
    (name,) = map(str, dataset.data_vars)
    values = dataset[name] if is_read_on_demand(volume) else None
    return Parts(
        dataset=dataset if values is None else dataset.drop_vars(name),
        name=name,
        chunks=chunk_sizes(volume),
        on_demand=values,
    )


@contextmanager
def naming_what_is_not_held(format_: str) -> Iterator[None]:
    """Turn what a library raises of values that a format cannot hold into `CannotExport`."""
    try:
        yield
    except NoctisError:
        raise  # what cannot be read says so itself
    except (ValueError, TypeError) as error:
        raise CannotExport(f"{format_} cannot hold it: {type(error).__name__}") from error


def _to_dataset(volume: xr.DataArray) -> xr.Dataset:
    """Return a data set of one variable that both formats can hold.

    Parameters
    ----------
    volume
        Any dims; lazy ones stay so.

    Returns
    -------
    Dataset
        The variable bears the volume's name where that is a plain one, else ``values``. Times
        (numpy's datetime64 and timedelta64) are whole numbers in it.

    Raises
    ------
    CannotExport
        A type or an attribute cannot be written.
    """
    kinds: dict[str, str] = {}
    coordinates: dict[str, Any] = {}
    for name, coordinate in volume.coords.items():
        kinds[str(name)] = _kind(volume, str(name), coordinate.dtype)
        values = coordinate.to_numpy()
        if values.dtype.kind in "mM":
            values = values.view(np.int64)
        attributes = encode_attributes(coordinate.attrs)
        coordinates[str(name)] = xr.Variable(coordinate.dims, values, attributes)
    name = str(volume.name) if volume.name is not None else _UNNAMED
    if not _NAME.fullmatch(name) or name in coordinates or name in volume.dims:
        name = _UNNAMED
    kinds[name] = _kind(volume, name, volume.dtype)
    hints = {"version": 1, "variable": name, "name": volume.name, "types": kinds}
    values = xr.Variable(volume.dims, volume.variable._data, encode_attributes(volume.attrs))
    return xr.Dataset({name: values}, coordinates, {_HINTS: json.dumps(hints)})


def from_dataset(dataset: xr.Dataset) -> xr.DataArray:
    """Return the volume of a data set that was written, read without decoding times.

    Raises
    ------
    CannotExport
        It is none of ours.
    """
    try:
        hints = json.loads(str(dataset.attrs[_HINTS]))
        name, kinds = str(hints["variable"]), dict(hints["types"])
        stored = dataset[name]
    except (KeyError, TypeError, ValueError) as error:
        raise CannotExport(
            "the file was not written by noctis_lab; open it with xarray.open_dataset"
        ) from error
    coordinates = {
        str(each): xr.Variable(
            coordinate.dims,
            _as_kind(coordinate.to_numpy(), kinds.get(str(each))),
            decode_attributes(coordinate.attrs),
        )
        for each, coordinate in dataset.coords.items()
    }
    return xr.DataArray(
        stored.variable._data,
        dims=stored.dims,
        coords=coordinates,
        name=hints.get("name"),
        attrs=decode_attributes(stored.attrs),
    )


def chunk_sizes(volume: xr.DataArray) -> tuple[int, ...]:
    """Return the sizes of the pieces in which a volume is stored: a dask array's own, or ours."""
    chunks: Mapping[Any, tuple[int, ...]] = volume.chunksizes
    sizes = []
    for dim, size in volume.sizes.items():
        if dim in chunks:
            wanted = max(chunks[dim])
        elif dim in AXES or dim == CHANNEL:
            wanted = _CHUNK.get(str(dim), size)
        else:
            wanted = 1
        sizes.append(max(1, min(size, wanted)))
    return tuple(sizes)


def _kind(volume: xr.DataArray, name: str, dtype: np.dtype[Any]) -> str:
    is_value = dtype.kind in _KINDS and dtype != np.float16 and dtype.itemsize <= 8
    if is_value or dtype.kind in "mMU":
        return dtype.newbyteorder("=").str if dtype.kind != "U" else dtype.str
    raise CannotExport(
        f"{series_name(volume)}: {name} is of type {dtype}, which neither NetCDF nor Zarr hold for "
        "all readers; convert it first, for instance by .astype('float32')"
    )


def _as_kind(values: np.ndarray[Any, Any], kind: str | None) -> np.ndarray[Any, Any]:
    if kind is None or values.dtype == np.dtype(kind):
        return values
    wanted = np.dtype(kind)
    return values.view(wanted) if wanted.kind in "mM" else values.astype(wanted)
