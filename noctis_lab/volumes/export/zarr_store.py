"""Zarr 3: out, and in again identical."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import xarray as xr

from noctis_lab.volumes.export.appearing import new_folder
from noctis_lab.volumes.export.labelled import from_dataset, naming_what_is_not_held, to_parts
from noctis_lab.volumes.export.regions import iter_regions
from noctis_lab.volumes.extras import import_extra

__all__ = ["read_zarr", "write_zarr"]


def write_zarr(
    volume: xr.DataArray, path: Path, *, progress: Callable[[int, int], None] | None = None
) -> None:
    """Write a volume as a folder of Zarr 3, which `read_zarr` gives back identical.

    Parameters
    ----------
    volume
        Of any dims; one that is opened lazily is read region by region, a dask array computed
        chunk by chunk.
    path
        In an existing folder; what is there is replaced.
    progress
        Called as ``progress(planes done, planes in all)`` where it is read region by region.

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
    parts = to_parts(volume)
    dataset, encoding = parts.dataset, dict[str, Any]()
    if parts.on_demand is None and volume.ndim:
        encoding = {parts.name: {"chunks": parts.chunks}}
    if volume.chunks is not None:  # pieces of one size, so that no two writers meet in one
        sizes = dict(zip(volume.dims, parts.chunks, strict=True))
        dataset[parts.name] = dataset[parts.name].chunk(sizes)
    with new_folder(path) as temporary, naming_what_is_not_held("Zarr"):
        dataset.to_zarr(temporary, mode="w", zarr_format=3, consolidated=False, encoding=encoding)
        if parts.on_demand is not None:
            _write_regions(parts.on_demand, temporary, parts.chunks, progress)


def _write_regions(
    values: xr.DataArray,
    folder: Path,
    sizes: tuple[int, ...],
    progress: Callable[[int, int], None] | None,
) -> None:
    group = import_extra("zarr", "zarr").open_group(folder, mode="r+")
    array = group.create_array(
        str(values.name),
        shape=values.shape,
        dtype=values.dtype,
        chunks=sizes,
        dimension_names=[str(dim) for dim in values.dims],
        attributes=values.attrs,
    )
    for region, part in iter_regions(values, sizes, progress):
        array[region] = part


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
