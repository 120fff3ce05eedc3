"""Planes and grids through a volume: values by formula, by SimpleITK, and places that hold."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import SimpleITK
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from noctis_lab.errors import CannotResample, NoGeometry, UnsupportedSeries
from noctis_lab.volumes.regrid import resample_to
from noctis_lab.volumes.reslice import reslice
from noctis_lab.volumes.sampling import Lattice, in_threads, project_plane
from tests.volumes.spaces import (
    AXIAL,
    TILTED,
    affines,
    fill_by_place,
    linear_field,
    places,
    volume,
)

SHAPE = (6, 7, 8)
with_and_without_jit = pytest.mark.parametrize("jit", [True, False])
vectors = st.tuples(*(st.floats(-1, 1) for _ in range(3)))
directions = vectors.filter(lambda vector: math.hypot(*vector) > 0.1)


def noise(affine: Any = AXIAL, shape: tuple[int, int, int] = SHAPE) -> xr.DataArray:
    values = np.random.default_rng(1).integers(-1000, 3000, shape)
    return volume(affine, shape).copy(data=values.astype(np.int16))


def run(script: str, environment: dict[str, str] | None = None) -> list[str]:
    """Return the lines that a script of its own process prints."""
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@settings(max_examples=40)
@given(affine=affines(), gradient=vectors, normal=directions, jit=st.booleans())
def test_a_linear_field_is_given_exactly_by_any_plane_through_any_volume(
    affine: Any, gradient: Any, normal: Any, jit: bool
) -> None:
    field = linear_field(gradient, 50.0)
    made = fill_by_place(volume(affine, SHAPE), field)
    up = np.roll(normal, 1) + np.array((0.3, 0, 0))
    plane = reslice(made, normal=normal, up=up, jit=jit)
    is_inside = np.isfinite(plane.values)
    index = made.dicom.world_to_index(places(plane)[0])
    well_inside = np.all((index > 0.001) & (index < np.array(SHAPE) - 1.001), axis=-1)
    well_outside = np.any((index < -0.001) | (index > np.array(SHAPE) - 0.999), axis=-1)
    assert is_inside[well_inside].all()
    assert not is_inside[well_outside].any()
    expected = field(places(plane)[0])
    assert plane.dtype == np.float64
    np.testing.assert_allclose(plane.values[is_inside], expected[is_inside], rtol=0, atol=1e-5)


@given(affine=affines(), target=affines(), gradient=vectors)
@settings(max_examples=30)
def test_a_linear_field_is_given_exactly_on_any_grid(
    affine: Any, target: Any, gradient: Any
) -> None:
    field = linear_field(gradient)
    made = fill_by_place(volume(affine, SHAPE), field)
    centre = affine[:3, :3] @ (np.array(SHAPE) / 2) + affine[:3, 3]
    target = target.copy()
    target[:3, :3] /= 4
    target[:3, 3] = centre - target[:3, :3] @ (2, 2, 2)
    other = volume(target, (4, 4, 4))
    found = resample_to(made, other)
    assert found.dims == ("z", "y", "x")
    for axis in found.dims:
        np.testing.assert_array_equal(found[axis], other[axis])
    assert found.patient_lps.attrs["direction"] == other.patient_lps.attrs["direction"]
    expected, is_inside = field(places(other)), np.isfinite(found.values)
    assert is_inside[2, 2, 2]
    np.testing.assert_allclose(found.values[is_inside], expected[is_inside], rtol=0, atol=1e-5)


@with_and_without_jit
@given(affine=affines(), mirrored=st.sets(st.sampled_from(("z", "y", "x"))))
@settings(max_examples=30)
def test_a_grid_that_is_the_volumes_gives_its_values_bit_for_bit(
    jit: bool, affine: Any, mirrored: set[str]
) -> None:
    made = noise(affine)
    floats = made.astype(np.float32) * np.float32(0.1)
    floats.values[2, 3, 4], floats.values[3, 3, 3] = np.nan, np.inf
    other = made.isel({axis: slice(None, None, -1) for axis in mirrored})
    for source in (made, floats):
        for method in ("linear", "nearest"):
            found = resample_to(source, other, method=method, dtype=source.dtype, jit=jit)
            expected = source.isel({axis: slice(None, None, -1) for axis in mirrored})
            assert found.dtype == source.dtype
            np.testing.assert_array_equal(found.values, expected.values)
            for axis in ("z", "y", "x"):
                np.testing.assert_array_equal(found[axis], other[axis])


@settings(max_examples=30)
@given(affine=affines(), target=affines(), seed=st.integers(0, 100))
def test_numba_and_scipy_give_the_same(affine: Any, target: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)
    made = volume(affine, SHAPE).copy(data=rng.normal(100, 50, SHAPE).astype(np.float32))
    made.values[rng.random(SHAPE) < 0.05] = np.nan
    centre = affine[:3, :3] @ (np.array(SHAPE) / 2) + affine[:3, 3]
    target = target.copy()
    target[:3, :3] /= 2
    target[:3, 3] = centre - target[:3, :3] @ (4, 4, 4)
    other = volume(target, (8, 8, 8))
    one, two = (resample_to(made, other, jit=jit).values for jit in (True, False))
    np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-4)


@with_and_without_jit
@pytest.mark.parametrize("dtype", ["int16", ">i2", "uint8", "float32", "float64", "bool"])
def test_any_memory_order_gives_what_a_sum_over_eight_voxels_gives(jit: bool, dtype: str) -> None:
    shape = (9, 11, 300)  # rows of several blocks, and of a part of one
    rng = np.random.default_rng(4)
    values = rng.integers(0, 2 if dtype == "bool" else 200, shape).astype(dtype)
    if dtype.startswith("float"):
        values[rng.random(shape) < 0.01] = np.nan
    padded = np.zeros((9, 11, 300, 2), dtype)
    padded[..., 1] = values
    orders = {
        "rows": values,
        "columns": np.asfortranarray(values),
        "turned": values[::-1, ::-1, ::-1].copy()[::-1, ::-1, ::-1],
        "a channel": padded[..., 1],
        "one plane again and again": np.broadcast_to(values[:1], shape),
    }
    samples, down = np.array([[3.3, 2.6, -4.2]]), np.zeros((5, 3))
    down[:, 0], down[:, 1] = np.linspace(0, 3, 5), np.linspace(0, 6, 5)
    along = np.linspace(0, 1, 290)[:, np.newaxis] * (1.7, -1.1, 306)
    index = samples[0] + down[:, np.newaxis] + along
    is_inside = np.all((index >= 0) & (index <= np.array(shape) - 1), axis=-1)
    assert 0.8 < is_inside.mean() < 1
    whole = np.floor(index[is_inside]).astype(int)
    for turn in (slice(None), rng.permutation(290)):  # a row need not be one
        lattice = Lattice(samples, down, along[turn])
        for name, source in orders.items():
            expected = np.zeros(len(whole))
            for corner in np.ndindex(2, 2, 2):
                weights = np.abs(1 - np.array(corner) - (index[is_inside] - whole)).prod(axis=1)
                expected += weights * source[tuple((whole + corner).T)].astype(float)
            found = np.zeros((5, 290))
            inside = project_plane(source, lattice, found, jit=jit)
            np.testing.assert_array_equal(inside, is_inside[:, turn], name)
            back = np.empty_like(found)
            back[:, turn] = found
            np.testing.assert_allclose(back[is_inside], expected, rtol=1e-9, atol=1e-9)


@with_and_without_jit
@pytest.mark.parametrize("method", ["linear", "nearest"])
def test_threads_give_what_one_gives(jit: bool, method: Any) -> None:
    made = noise(TILTED, (20, 30, 40)).astype(np.float32)
    made.values[4, 5, 6] = np.nan
    options: Any = {"normal": (1, 2, 3), "spacing_mm": 0.05, "method": method, "jit": jit}
    one = reslice(made, threads=1, **options)
    assert one.size > 2**16  # fewer are not shared out
    for threads in (2, 5, None):
        np.testing.assert_array_equal(reslice(made, threads=threads, **options), one)
    with pytest.raises(CannotResample, match="fill"):
        reslice(noise(TILTED, (20, 30, 40)), dtype="int16", **options)


def test_what_goes_wrong_in_a_thread_is_told() -> None:
    def fail(part: slice) -> None:
        if part.start:
            raise MemoryError(f"at row {part.start}")

    with (
        pytest.raises(MemoryError, match="at row 5"),
        in_threads(2, 2**20) as rows,
    ):
        rows(fail, 10)


@with_and_without_jit
@pytest.mark.parametrize(
    ("method", "interpolator"),
    [("linear", SimpleITK.sitkLinear), ("nearest", SimpleITK.sitkNearestNeighbor)],
)
def test_an_oblique_grid_gives_what_simpleitk_gives(
    jit: bool, method: Any, interpolator: int
) -> None:
    shape = (12, 20, 24)
    made = noise(AXIAL, shape)
    image = SimpleITK.GetImageFromArray(made.values.astype(np.float32))
    image.SetSpacing((0.5, 0.5, 2.5))
    image.SetOrigin((-10, 20, 30))
    turn = np.linalg.qr(np.random.default_rng(5).normal(size=(3, 3)))[0]
    affine = np.eye(4)
    affine[:3, :3] = turn * (0.7, 0.4, 0.6)
    affine[:3, 3] = AXIAL[:3] @ (6, 10, 12, 1) - affine[:3, :3] @ (10, 10, 10)
    grid = SimpleITK.Image(20, 20, 20, SimpleITK.sitkFloat32)
    grid.SetSpacing((0.6, 0.4, 0.7))
    grid.SetOrigin(affine[:3, 3].tolist())
    grid.SetDirection(turn[:, ::-1].ravel().tolist())  # columns x, y, z
    theirs = SimpleITK.GetArrayFromImage(
        SimpleITK.Resample(image, grid, SimpleITK.Transform(), interpolator, -9999.0)
    )
    other = volume(affine, (20, 20, 20))
    ours = resample_to(made, other, method=method, fill=-9999, dtype="float32", jit=jit).values
    index = made.dicom.world_to_index(places(other))
    is_inside = np.all((index >= 0) & (index <= np.array(shape) - 1), axis=-1)
    assert 0.2 < is_inside.mean() < 0.95
    np.testing.assert_allclose(ours[is_inside], theirs[is_inside], rtol=1e-4, atol=1e-2)


def test_planes_are_seen_as_dicom_shows_them() -> None:
    made = fill_by_place(volume(AXIAL, SHAPE), lambda where: where[..., 2])
    coronal = reslice(made, normal="coronal", spacing_mm=0.5)
    assert coronal.dims == ("y", "x")
    assert coronal.values[0, 0] == 42.5  # the head is up
    assert [coronal.x.long_name, coronal.y.long_name] == ["left", "inferior"]
    sagittal = reslice(made, normal="sagittal").dicom.direction
    np.testing.assert_array_equal(sagittal.T, [[-1, 0, 0], [0, 0, -1], [0, 1, 0]])
    axial = reslice(made)
    np.testing.assert_array_equal(axial.values, made.values[3])
    for axis in ("z", "y", "x"):
        np.testing.assert_array_equal(axial[axis], made.isel(z=3)[axis])
    assert math.isnan(axial.dicom.spacing[0])
    assert axial.dicom.spacing[1:] == (0.5, 0.5)


@given(affine=affines(), normal=directions, up=directions)
def test_a_plane_lies_where_it_was_asked_for(affine: Any, normal: Any, up: Any) -> None:
    normal, up = np.array(normal), np.array(up)
    if np.linalg.norm(np.cross(normal, up)) < 0.05:
        up = np.roll(normal, 1) * (1, -1, 0.5)
    if np.linalg.norm(np.cross(normal, up)) < 0.05:
        return
    plane = reslice(
        volume(affine, SHAPE).astype(float),
        centre_mm=(1, 2, 3), normal=normal, up=up, shape=(3, 5), spacing_mm=(2, 0.5),
    )  # fmt: skip
    assert plane.shape == (3, 5)
    where = places(plane)[0]
    np.testing.assert_allclose(where[1, 2], (1, 2, 3), atol=1e-9)
    np.testing.assert_allclose(plane.dicom.index_to_world((0, 1, 2)), (1, 2, 3), atol=1e-9)
    down, along = where[1, 0] - where[0, 0], where[0, 1] - where[0, 0]
    assert np.linalg.norm(down) == pytest.approx(2)
    assert np.linalg.norm(along) == pytest.approx(0.5)
    unit = normal / np.linalg.norm(normal)
    np.testing.assert_allclose(np.cross(along, down), unit, atol=1e-9)  # 0.5 × 2, right-handed
    assert np.dot(down, up) < 0


def test_extra_dims_and_colours_are_carried_along() -> None:
    one = volume(TILTED, SHAPE).astype(np.uint8)
    echoes = xr.concat([one, one // 2, one // 3], "echo").assign_coords(
        echo=("echo", [10.0, 20.0, 30.0]),
        SOPInstanceUID=(("echo", "z"), np.full((3, 6), "1.2")),
        slope=("z", np.ones(6)),
    )
    colours = xr.concat([echoes, echoes + 1], "channel").transpose(..., "channel")
    plane = reslice(colours, normal=(0.2, 0.1, 1), jit=True)
    assert plane.dims == ("echo", "y", "x", "channel")
    assert plane.echo.values.tolist() == [10, 20, 30]
    assert set(plane.coords) == {"echo", "z", "y", "x", "patient_lps"}
    for echo in range(3):
        for channel in range(2):
            alone = reslice(colours.isel(echo=echo, channel=channel), normal=(0.2, 0.1, 1))
            np.testing.assert_array_equal(plane.values[echo, ..., channel], alone.values)
    same = resample_to(colours, colours, method="nearest")
    xr.testing.assert_identical(same.drop_vars("patient_lps"), colours.drop_vars("patient_lps"))


def test_the_order_of_dims_and_axes_that_were_indexed_away_do_not_matter() -> None:
    made = noise(TILTED)
    turned = made.transpose("x", "z", "y")
    np.testing.assert_array_equal(
        reslice(turned, normal=(1, 1, 1)), reslice(made, normal=(1, 1, 1))
    )
    plane = made.isel(z=2)
    found = resample_to(made, plane, dtype="int16")
    assert found.dims == ("y", "x")
    np.testing.assert_array_equal(found.values, plane.values)
    back = resample_to(plane, made)
    assert back.dims == ("z", "y", "x")
    np.testing.assert_array_equal(back.values[2], plane.values)
    assert np.isnan(back.values[[0, 1, 3, 4, 5]]).all()  # a plane has no values beside it
    thick = resample_to(plane, made, method="nearest", fill=0)
    np.testing.assert_array_equal(thick.values[2], plane.values)
    assert not thick.values[[0, 1, 3, 4, 5]].any()


def test_a_plane_of_unknown_thickness_is_nowhere_but_in_itself() -> None:
    plane = noise().isel(z=[2])
    plane.patient_lps.attrs["spacing_mm"] = [math.nan, 0.5, 0.5]
    finer = noise().isel(z=slice(1, 4))
    finer = finer.assign_coords(z=[34.9, 35.0, 35.1])
    found = resample_to(plane, finer, method="nearest", fill=-5).values
    np.testing.assert_array_equal(found[1], plane.values[0])
    assert (found[[0, 2]] == -5).all()


@with_and_without_jit
def test_integers_are_rounded_half_to_even_and_only_when_asked(jit: bool) -> None:
    made = volume(np.diag([1.0, 1, 1, 1]), (1, 1, 4)).copy(data=[[[0, 1, 2, 5]]]).astype("int16")
    between = made.isel(x=slice(3)).assign_coords(x=made.x.values[:3] + 0.5)
    as_floats = resample_to(made, between, jit=jit)
    assert as_floats.dtype == np.float32
    assert as_floats.values.ravel().tolist() == [0.5, 1.5, 3.5]
    rounded = resample_to(made, between, dtype="int16", jit=jit)
    assert rounded.values.ravel().tolist() == [0, 2, 4]
    nearest = resample_to(made, between, method="nearest")
    assert nearest.values.ravel().tolist() == [1, 2, 5]  # a tie goes to the higher index
    assert resample_to(made.astype("int32"), between, jit=jit).dtype == np.float64


def test_outside_is_nan_or_what_is_stated_or_refused() -> None:
    made = noise()
    beyond = made.assign_coords(x=made.x.values + 1.0)
    assert np.isnan(resample_to(made, beyond).values[..., -2:]).all()
    assert np.isfinite(resample_to(made, beyond).values[..., :-2]).all()
    filled = resample_to(made, beyond, dtype="int16", fill=-1024).values
    assert (filled[..., -2:] == -1024).all()
    with pytest.raises(CannotResample, match=r"int16 has no value for outside; state fill="):
        resample_to(made, beyond, dtype="int16")
    for fill in (math.nan, 0.5, 40000):
        with pytest.raises(CannotResample, match="is no value of int16"):
            resample_to(made, beyond, dtype="int16", fill=fill)


def test_labels_are_sampled_nearest_only() -> None:
    mask = noise() > 1000
    with pytest.raises(CannotResample, match="nothing in between; ask for method='nearest'"):
        reslice(mask)
    plane = reslice(mask, method="nearest", fill=False)
    assert plane.dtype == np.bool_
    np.testing.assert_array_equal(plane.values, mask.values[3])


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "complex64", "float16", "U4"])
def test_dtypes_that_do_not_hold_the_values_are_refused(dtype: str) -> None:
    with pytest.raises(CannotResample, match="does not hold every value that int16 does"):
        reslice(noise(), dtype=dtype)


def test_stored_values_of_several_scales_are_not_mixed() -> None:
    stored = noise().assign_coords(slope=("z", [1.0, 1, 1, 1, 2, 1])).assign_attrs(units="stored")
    with pytest.raises(CannotResample, match="the planes differ in slope"):
        reslice(stored, normal="coronal")
    alike = stored.assign_coords(slope=("z", np.full(6, 2.0)))
    assert reslice(alike, normal="coronal").attrs["units"] == "stored"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"normal": (0, 0, 0)}, "normal has no direction"),
        ({"normal": (0, math.nan, 0)}, "normal is three finite numbers"),
        ({"normal": "frontal"}, "normal is one of axial, coronal, sagittal"),
        ({"normal": (0, 0, 2), "up": (0, 0, -1)}, "up and normal are parallel"),
        ({"centre_mm": (1, 2)}, "centre_mm is three finite numbers"),
        ({"spacing_mm": 0}, "spacing_mm is positive"),
        ({"spacing_mm": (1, math.inf)}, "spacing_mm is positive"),
        ({"shape": (0, 5)}, "shape is"),
        ({"shape": (100_000, 100_000)}, "would hold 1e.10 values, and 2147483648 are the most"),
        ({"spacing_mm": 1e-7}, "values, and 2147483648 are the most"),
        ({"spacing_mm": 1e-300}, "values, and 2147483648 are the most"),
        ({"method": "cubic"}, "method is 'linear' or 'nearest'"),
        ({"threads": 0}, "threads is at least 1"),
    ],
)
def test_what_cannot_be_is_refused_by_name(options: Any, said: str) -> None:
    with pytest.raises(CannotResample, match=said):
        reslice(noise(), **options)


def test_a_volume_without_places_or_steps_is_refused() -> None:
    with pytest.raises(NoGeometry):
        reslice(xr.DataArray(np.zeros((2, 2)), dims=("y", "x")))
    for broken in (math.nan, math.inf):
        with pytest.raises(NoGeometry, match="axis 'y' has coordinates that are no finite numbers"):
            resample_to(noise(), noise().assign_coords(y=np.append(np.arange(6.0), broken)))
    flat = noise()
    flat.patient_lps.attrs["direction"] = [1.0, 0, 0, 0, 1, 0, 0, 0, 0]
    with pytest.raises(NoGeometry, match="its directions span no space"):
        reslice(flat)
    with pytest.raises(UnsupportedSeries, match=r"no single step; make it regular by"):
        reslice(noise().isel(z=[0, 1, 3]))


def test_a_volume_that_is_not_loaded_is_read_no_farther_than_the_plane() -> None:
    made = noise(AXIAL, (64, 16, 16))
    read: list[tuple[int, ...]] = []

    class Counted(np.lib.mixins.NDArrayOperatorsMixin, xr.backends.BackendArray):
        shape, dtype = made.shape, made.dtype

        def __getitem__(self, key: Any) -> Any:
            found = made.values[key.tuple]
            read.append(found.shape)
            return found

    lazy = xr.DataArray(
        xr.Variable(made.dims, xr.core.indexing.LazilyIndexedArray(Counted())),
        coords=made.coords,
    )
    plane = reslice(lazy, normal="axial")
    np.testing.assert_array_equal(plane.values, made.values[32])
    assert sum(math.prod(shape) for shape in read) <= 3 * 16 * 16


def test_planes_need_no_memory_beyond_their_own() -> None:
    script = """
import resource, numpy as np, xarray as xr
from noctis_lab.volumes.regrid import resample
from noctis_lab.volumes.reslice import reslice
n = 160
geometry = {"direction": [0, 0, 1, 0, 1, 0, 1, 0, 0], "spacing_mm": [1.0, 1.0, 1.0]}
along = np.arange(float(n))
volume = xr.DataArray(np.ones((n, n, n), np.int16), dims=("z", "y", "x"), coords={
    "z": along, "y": along, "x": along, "patient_lps": ((), 0, geometry)})
reslice(volume, normal=(1, 2, 3), jit=False)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
result = resample(volume, spacing_mm=0.75, jit=False)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 - result.nbytes)
"""
    (beyond,) = run(script)
    assert int(beyond) < 24e6  # all coordinates at once were 230 MB


def test_without_numba_all_works_and_only_asking_for_it_is_refused() -> None:
    script = """
import sys
sys.modules["numba"] = None  # what the import of something not installed gives
import numpy as np, xarray as xr
from noctis_lab.errors import CannotResample
from noctis_lab.volumes.reslice import reslice
geometry = {"direction": [0, 0, 1, 0, 1, 0, 1, 0, 0], "spacing_mm": [1.0, 1.0, 1.0]}
along = np.arange(4.0)
volume = xr.DataArray(np.arange(64.0).reshape(4, 4, 4), dims=("z", "y", "x"), coords={
    "z": along, "y": along, "x": along, "patient_lps": ((), 0, geometry)})
print(reslice(volume).equals(volume.isel(z=2)))
try:
    reslice(volume, jit=True)
except CannotResample as error:
    print(error)
"""
    assert run(script) == [
        "True",
        "jit=True needs numba, which is not installed: pip install 'noctis-lab[jit]'",
    ]


def test_code_is_compiled_where_no_folder_can_keep_it() -> None:
    script = """
import numpy as np
from noctis_lab.volumes.jit import project_linear, project_rows
values, inside = np.empty((1, 1)), np.zeros((1, 1), bool)
zero = np.zeros((1, 3))
project_linear(np.full((1, 1, 1), 7.0), zero, zero, zero, 0, values, inside)
print(values[0, 0], inside[0, 0], project_rows.stats.cache_path)
"""
    nowhere = {"NUMBA_CACHE_LOCATOR_CLASSES": "UserWideCacheLocator", "HOME": "/proc/x"}
    environment = os.environ | nowhere | {"XDG_CACHE_HOME": "/proc/x"}
    assert run(script, environment) == ["7.0 True None"]


def test_the_accessor_is_the_door_to_all_of_it() -> None:
    made = noise(TILTED, (12, 20, 24)).astype(np.float32)
    middle = made.dicom.index_to_world((6, 10, 12))
    oblique = made.dicom.reslice(centre_mm=middle, normal=(1, 2, 3), shape=(5, 5), spacing_mm=0.3)
    again = oblique.dicom.reslice(normal=(1, 2, 3), up=-oblique.dicom.direction[:, 1])
    xr.testing.assert_allclose(again, oblique)
    assert made.dicom.slab(thickness_mm=4, how="min").attrs["projection"] == "min"
    assert made.dicom.resample(spacing_mm=1).dicom.spacing == pytest.approx((1, 1, 1))
    assert made.dicom.resample_to(oblique).equals(oblique)
    assert made.dicom.unshear().dicom.tilt_deg == pytest.approx(0, abs=1e-6)
    assert made[[0, 1, 3]].dicom.regularize(gaps="interpolate").sizes["z"] == 4
    assert made.dicom.surface(level=0).faces.shape[1] == 3
