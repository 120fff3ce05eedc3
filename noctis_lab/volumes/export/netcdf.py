"""NetCDF 4: out, and in again identical."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from noctis_lab.volumes.export.appearing import new_file
from noctis_lab.volumes.export.labelled import from_dataset, naming_what_is_not_held, to_parts
from noctis_lab.volumes.export.regions import iter_regions
from noctis_lab.volumes.extras import import_extra

__all__ = ["read_netcdf", "write_netcdf"]


def write_netcdf(
    volume: xr.DataArray, path: Path, *, progress: Callable[[int, int], None] | None = None
) -> None:
    """Write a volume as a NetCDF 4 file, which `read_netcdf` gives back identical.

    Parameters
    ----------
    volume
        Of any dims; one that is opened lazily is read region by region, a dask array computed
        chunk by chunk.
    path
        In an existing folder; an existing file is replaced.
    progress
        Called as ``progress(planes done, planes in all)`` where it is read region by region.

    Raises
    ------
    CannotExport
        A type, text or attribute has no form in NetCDF.
    ExtraNotInstalled
        h5netcdf is missing.
    NoSpace, StorageError
        It cannot be written.

    Notes
    -----
    `xarray.open_dataarray(path)` reads the values too; of the attributes it shows those that
    NetCDF holds by itself, and turns lists into arrays.
    """
    for module in ("h5netcdf", "h5py"):
        import_extra(module, "netcdf")
    parts = to_parts(volume)
    encoding: dict[str, dict[str, Any]] = {
        str(each): {"_FillValue": None} for each in parts.dataset.coords
    }
    if parts.on_demand is None:
        encoding[parts.name] = {"_FillValue": None}
        if volume.size and volume.ndim:
            encoding[parts.name] |= {
                "zlib": True, "complevel": 1, "shuffle": True, "chunksizes": parts.chunks,
            }  # fmt: skip
    with new_file(path) as temporary, naming_what_is_not_held("NetCDF"):
        parts.dataset.to_netcdf(temporary, engine="h5netcdf", encoding=encoding)
        if parts.on_demand is not None:
            _write_regions(parts.on_demand, temporary, parts.chunks, progress)


def _write_regions(
    values: xr.DataArray,
    path: Path,
    sizes: tuple[int, ...],
    progress: Callable[[int, int], None] | None,
) -> None:
    # NetCDF has no type for true and false: bytes that say so, as xarray writes them.
    is_flag = values.dtype == np.bool_
    with import_extra("h5netcdf", "netcdf").File(path, "a") as file:
        for dim, size in values.sizes.items():
            if dim not in file.dimensions:
                file.dimensions[str(dim)] = size
        made = file.create_variable(
            str(values.name),
            tuple(map(str, values.dims)),
            np.dtype(np.int8) if is_flag else values.dtype,
            chunks=sizes,
            compression="gzip",
            compression_opts=1,
            shuffle=True,
        )
        for name, value in values.attrs.items():
            made.attrs[name] = np.atleast_1d(value) if isinstance(value, list) else value
        if is_flag:
            made.attrs["dtype"] = "bool"
        for region, part in iter_regions(values, sizes, progress):
            made[region] = part


def read_netcdf(path: Path, *, chunks: dict[str, int] | None = None) -> xr.DataArray:
    """Read a volume that `write_netcdf` wrote.

    Parameters
    ----------
    path
        The file.
    chunks
        Give a dask array of such chunks, for instance ``{"z": 32}``; None reads all of it now.

    Returns
    -------
    DataArray
        Values, types, coordinates and attributes as they were.

    Raises
    ------
    CannotExport
        The file is none of ours.
    ExtraNotInstalled
        h5netcdf is missing.
    """
    for module in ("h5netcdf", "h5py"):
        import_extra(module, "netcdf")
    opened = xr.open_dataset(
        path, engine="h5netcdf", chunks=chunks, mask_and_scale=False, decode_times=False
    )
    if chunks is not None:
        return from_dataset(opened)
    with opened:
        return from_dataset(opened.load())
