"""NetCDF and Zarr: what comes in again is what went out, to the types of its attributes."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from xarray.backends import BackendArray
from xarray.core import indexing

from noctis_lab.errors import CannotExport
from noctis_lab.volumes.export import (
    read_netcdf,
    read_zarr,
    regions,
    write_netcdf,
    write_zarr,
)
from tests.volumes.export.volumes import volume, volumes

type Writer = Callable[[xr.DataArray, Path], None]
type Reader = Callable[..., xr.DataArray]
FORMATS = pytest.mark.parametrize(
    ("write", "read", "suffix"),
    [(write_netcdf, read_netcdf, ".nc"), (write_zarr, read_zarr, ".zarr")],
    ids=["netcdf", "zarr"],
)


def same(one: object, other: object) -> bool:
    """Return whether two attribute values are of one type and equal, NaN to NaN."""
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    is_nan = isinstance(one, float) and isinstance(other, float) and one != one and other != other
    return type(one) is type(other) and (is_nan or one == other)


def assert_same(one: xr.DataArray, other: xr.DataArray) -> None:
    """Assert that nothing differs: stricter than `identical`, which knows no types."""
    assert (one.name, one.dims, one.dtype) == (other.name, other.dims, other.dtype)
    np.testing.assert_array_equal(one.values, other.values)
    assert set(one.coords) == set(other.coords)
    for left, right in [(one, other), *((one[name], other[name]) for name in one.coords)]:
        assert (left.dims, left.dtype) == (right.dims, right.dtype)
        np.testing.assert_array_equal(left.values, right.values)
        assert set(left.attrs) == set(right.attrs)
        for name in left.attrs:
            assert same(left.attrs[name], right.attrs[name]), (name, left.attrs, right.attrs)


@FORMATS
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(made=volumes())
def test_what_comes_in_again_is_what_went_out(
    write: Writer, read: Reader, suffix: str, made: xr.DataArray
) -> None:
    folder = Path(tempfile.mkdtemp())
    try:
        write(made, folder / f"volume{suffix}")
        assert_same(read(folder / f"volume{suffix}"), made)
        assert [each.name for each in folder.iterdir()] == [f"volume{suffix}"]
    finally:
        shutil.rmtree(folder)


@FORMATS
def test_geometry_and_numbers_are_there_for_any_reader(
    write: Writer, read: Reader, suffix: str, tmp_path: Path
) -> None:
    made = volume(extra=("time", [0.0, 1.5], "s"))
    path = tmp_path / f"volume{suffix}"
    write(made, path)
    opened = (
        xr.open_dataset(path, engine="h5netcdf", decode_timedelta=False)
        if suffix == ".nc"
        else xr.open_zarr(path, chunks=None, consolidated=False, decode_timedelta=False)
    )
    with opened:
        plain = opened["CT"].load()
    np.testing.assert_array_equal(plain.dicom.affine, made.dicom.affine)
    np.testing.assert_array_equal(plain.values, made.values)
    assert plain.attrs == made.attrs
    assert list(plain.SOPInstanceUID.values) == list(made.SOPInstanceUID.values)
    assert_same(read(path), made)


@FORMATS
@pytest.mark.parametrize("chunks", [{"z": 3}, {"time": 1, "z": 4, "y": 3}])
def test_a_lazy_array_is_written_and_read_chunk_by_chunk(
    write: Writer, read: Reader, suffix: str, chunks: dict[str, int], tmp_path: Path
) -> None:
    made = volume((10, 6, 5), extra=("time", [0.0, 1.0, 2.0], "s"))
    largest: list[int] = []

    def seen(block: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        largest.append(block.size)
        return block

    lazy = made.chunk(chunks)
    lazy = lazy.copy(data=lazy.data.map_blocks(seen, dtype=lazy.dtype, meta=lazy.data._meta))
    path = tmp_path / f"volume{suffix}"
    write(lazy, path)
    assert sum(largest) == made.size
    assert max(largest) < made.size
    assert_same(read(path), made)
    read_lazily = read(path, chunks={})
    assert read_lazily.chunks is not None
    assert_same(read_lazily.compute(), made)


class Counted(BackendArray):
    """Values that are read on demand, and how many bytes each reading takes."""

    def __init__(self, values: np.ndarray[Any, Any]) -> None:
        self.values, self.shape, self.dtype = values, values.shape, values.dtype
        self.taken: list[int] = []

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        def read(key: tuple[Any, ...]) -> np.ndarray[Any, Any]:
            part = self.values[key]
            self.taken.append(part.nbytes)
            return part

        support = indexing.IndexingSupport.BASIC
        return indexing.explicit_indexing_adapter(key, self.shape, support, read)


def on_demand(made: xr.DataArray) -> tuple[xr.DataArray, Counted]:
    counted = Counted(made.values)
    variable = xr.Variable(made.dims, indexing.LazilyIndexedArray(counted), made.attrs)
    return xr.DataArray(variable, coords=made.coords, name=made.name), counted


@FORMATS
@pytest.mark.parametrize("dtype", ["int16", "bool", "float32"])
def test_a_volume_that_is_opened_lazily_is_written_region_by_region(
    write: Writer,
    read: Reader,
    suffix: str,
    dtype: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(regions, "LARGEST_REGION_BYTES", 1 << 20)
    made = volume((130, 150, 140), extra=("time", [0.0, 1.0], "s"), dtype=dtype)
    lazy, counted = on_demand(made)
    path = tmp_path / f"volume{suffix}"
    calls: list[tuple[int, int]] = []
    write(lazy, path, progress=lambda *done: calls.append(done))  # type: ignore[call-arg]
    assert sum(counted.taken) == made.nbytes
    # A region is one chunk (64 × 128 × 128) where that is more than the bound.
    assert max(counted.taken) <= max(1 << 20, 64 * 128 * 128 * made.dtype.itemsize)
    assert calls[-1] == (260, 260)
    assert calls == sorted(calls)
    assert_same(read(path), made)
    write(made, tmp_path / f"eager{suffix}")
    opened = [
        xr.open_dataset(each, engine="h5netcdf", decode_timedelta=False)
        if suffix == ".nc"
        else xr.open_zarr(each, chunks=None, consolidated=False, decode_timedelta=False)
        for each in (path, tmp_path / f"eager{suffix}")
    ]
    for each in opened:
        each.load().close()
    xr.testing.assert_identical(*opened)


@FORMATS
def test_what_a_progress_raises_ends_the_writing_and_leaves_nothing(
    write: Writer, read: Reader, suffix: str, tmp_path: Path
) -> None:
    def stop(done: int, of: int) -> None:
        raise KeyboardInterrupt

    lazy, _ = on_demand(volume((4, 5, 6)))
    with pytest.raises(KeyboardInterrupt):
        write(lazy, tmp_path / f"volume{suffix}", progress=stop)  # type: ignore[call-arg]
    assert list(tmp_path.iterdir()) == []


@FORMATS
def test_what_others_could_not_read_is_refused_and_nothing_is_left(
    write: Writer, read: Reader, suffix: str, tmp_path: Path
) -> None:
    path = tmp_path / f"volume{suffix}"
    for made, words in (
        (volume(dtype="complex64"), "complex64"),
        (volume(dtype="float16"), "float16"),
        (volume(protocol={"a": 1}), "'protocol' is a dict"),
    ):
        with pytest.raises(CannotExport, match=words):
            write(made, path)
    assert list(tmp_path.iterdir()) == []


@FORMATS
def test_an_export_takes_the_place_of_an_older_one(
    write: Writer, read: Reader, suffix: str, tmp_path: Path
) -> None:
    path = tmp_path / f"volume{suffix}"
    write(volume((5, 4, 3)), path)
    write(volume((2, 2, 2)), path)
    assert read(path).shape == (2, 2, 2)
    assert list(tmp_path.iterdir()) == [path]


def test_files_of_others_are_told_apart(tmp_path: Path) -> None:
    xr.Dataset({"a": ("x", [1, 2])}).to_netcdf(tmp_path / "other.nc", engine="h5netcdf")
    with pytest.raises(CannotExport, match="not written by noctis_lab"):
        read_netcdf(tmp_path / "other.nc")


def test_times_of_numpy_come_back_to_the_nanosecond(tmp_path: Path) -> None:
    acquired = np.array(["2026-01-31T10:11:12.123456789", "NaT", "1900-01-01"], "datetime64[ns]")
    made = volume().assign_coords(acquired=("z", acquired), since=("z", acquired - acquired[0]))
    for write, read, name in (
        (write_netcdf, read_netcdf, "a.nc"), (write_zarr, read_zarr, "a.zarr"),
    ):  # fmt: skip
        write(made, tmp_path / name)
        assert_same(read(tmp_path / name), made)
