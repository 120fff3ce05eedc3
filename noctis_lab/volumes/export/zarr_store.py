"""Zarr 3: out, and in again identical."""

from __future__ import annotations

from pathlib import Path

import xarray as xr

from noctis_lab.errors import CannotExport
from noctis_lab.volumes.export.appearing import new_folder
from noctis_lab.volumes.export.labelled import chunk_sizes, from_dataset, to_dataset
from noctis_lab.volumes.extras import import_extra

__all__ = ["read_zarr", "write_zarr"]


def write_zarr(volume: xr.DataArray, path: Path) -> None:
    """Write a volume as a folder of Zarr 3, which `read_zarr` gives back identical.

    Parameters
    ----------
    volume
        Of any dims; a dask array is computed chunk by chunk.
    path
        In an existing folder; what is there is replaced.

    Raises
    ------
    CannotExport
        A type or attribute cannot be written.
    ExtraNotInstalled
        zarr is missing.
    NoSpace, StorageError
        It cannot be written.

    Notes
    -----
    `xarray.open_zarr(path)` reads the values too; as for `write_netcdf`.
    """
    import_extra("zarr", "zarr")
    dataset = to_dataset(volume)
    (name,) = dataset.data_vars
    sizes = chunk_sizes(volume)
    if volume.chunks is not None:  # pieces of one size, so that no two writers meet in one
        dataset[name] = dataset[name].chunk(dict(zip(volume.dims, sizes, strict=True)))
    encoding = {str(name): {"chunks": sizes}} if volume.ndim else {}
    with new_folder(path) as temporary:
        try:
            dataset.to_zarr(
                temporary, mode="w", zarr_format=3, consolidated=False, encoding=encoding
            )
        except (ValueError, TypeError) as error:
            raise CannotExport(f"Zarr cannot hold it: {type(error).__name__}") from error


def read_zarr(path: Path, *, chunks: dict[str, int] | None = None) -> xr.DataArray:
    """Read a volume that `write_zarr` wrote.

    Parameters
    ----------
    path
        The folder.
    chunks
        Give a dask array of such chunks, ``{}`` for the stored ones; None reads all of it now.

    Returns
    -------
    DataArray
        Values, types, coordinates and attributes as they were.

    Raises
    ------
    CannotExport
        The folder is none of ours.
    ExtraNotInstalled
        zarr is missing.
    """
    import_extra("zarr", "zarr")
    opened = xr.open_zarr(
        path, chunks=chunks, consolidated=False, mask_and_scale=False, decode_times=False
    )
    return from_dataset(opened if chunks is not None else opened.load())
