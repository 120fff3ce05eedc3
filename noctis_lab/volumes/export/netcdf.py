"""NetCDF 4: out, and in again identical."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import xarray as xr

from noctis_lab.errors import CannotExport
from noctis_lab.volumes.export.appearing import new_file
from noctis_lab.volumes.export.labelled import chunk_sizes, from_dataset, to_dataset
from noctis_lab.volumes.extras import import_extra

__all__ = ["read_netcdf", "write_netcdf"]


def write_netcdf(volume: xr.DataArray, path: Path) -> None:
    """Write a volume as a NetCDF 4 file, which `read_netcdf` gives back identical.

    Parameters
    ----------
    volume
        Of any dims; a dask array is computed chunk by chunk.
    path
        In an existing folder; an existing file is replaced.

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
    dataset = to_dataset(volume)
    (name,) = dataset.data_vars
    encoding: dict[str, dict[str, Any]] = {
        str(each): {"_FillValue": None} for each in dataset.coords
    }
    encoding[str(name)] = {"_FillValue": None}
    if volume.size and volume.ndim:
        encoding[str(name)] |= {
            "zlib": True, "complevel": 1, "shuffle": True, "chunksizes": chunk_sizes(volume),
        }  # fmt: skip
    with new_file(path) as temporary:
        try:
            dataset.to_netcdf(temporary, engine="h5netcdf", encoding=encoding)
        except (ValueError, TypeError) as error:
            raise CannotExport(f"NetCDF cannot hold it: {type(error).__name__}") from error


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
