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

from noctis_lab.errors import CannotExport
from noctis_lab.volumes.export import read_netcdf, read_zarr, write_netcdf, write_zarr
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
