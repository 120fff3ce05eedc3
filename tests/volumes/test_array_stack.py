"""Arrays in memory as a viewer is given them: described, sent, and refused by name."""

from __future__ import annotations

from typing import Any

import dask.array as da
import numpy as np
import pytest
import xarray as xr

from noctis_lab.errors import CannotView, InstanceNotFound, SeriesChanged
from noctis_lab.volumes.array_stack import ArrayStack, open_array
from noctis_lab.volumes.reduction import area_mean
from tests.volumes.spaces import AXIAL, TILTED, volume

UID = "2.25.1"


def opened(array: Any) -> ArrayStack:
    return open_array(array, uid=UID)


def plain(shape: tuple[int, ...] = (3, 4, 5), dtype: Any = np.float32) -> xr.DataArray:
    dims = ("time", "z", "y", "x")[-len(shape) :]
    return xr.DataArray(np.arange(np.prod(shape)).reshape(shape).astype(dtype), dims=dims)


def received(stack: ArrayStack, first: int, count: int) -> np.ndarray:
    frame = stack.describe().frames[first]
    sent = np.frombuffer(stack.encode(first, count), np.dtype(frame.dtype).newbyteorder("<"))
    return sent.reshape(count, frame.rows, frame.columns)


@pytest.mark.parametrize(
    ("dtype", "sent"),
    [
        ("bool", "uint8"), ("uint8", "uint8"), ("int16", "int16"), (">i2", "int16"),
        ("int32", "int32"), ("uint32", "uint32"), ("float16", "float32"), ("float32", "float32"),
        ("float64", "float64"), (">f8", "float64"), ("int64", "float64"),
    ],
)  # fmt: skip
def test_every_value_comes_over_the_wire_as_it_is(dtype: str, sent: str) -> None:
    array = plain(dtype=dtype) if dtype == "bool" else (plain(dtype="float64") * 0.5).astype(dtype)
    stack = opened(array)
    assert stack.describe().frames[0].dtype == sent
    assert np.array_equal(received(stack, 1, 2), array.values[1:])


def test_doubles_keep_all_their_digits() -> None:
    array = xr.DataArray(np.array([[1e9 + 1e-6, np.pi]]), dims=("y", "x"))
    assert received(opened(array), 0, 1).tolist() == [array.values.tolist()]


@pytest.mark.parametrize(("affine", "badges"), [(AXIAL, []), (TILTED, ["Tilt 20.0°"])])
def test_planes_lie_where_the_affine_says(affine: np.ndarray, badges: list[str]) -> None:
    array = volume(affine, (4, 6, 5)).astype(np.float32) * 2 - 1
    stack = opened(array).describe()
    dicom = array.dicom
    assert stack.orientation is not None
    assert np.allclose(stack.orientation[:3], dicom.direction[:, 2])
    assert np.allclose(stack.orientation[3:], dicom.direction[:, 1])
    assert stack.pixel_spacing_mm == pytest.approx(dicom.spacing[1:])
    for index, frame in enumerate(stack.frames):
        assert frame.position_mm == pytest.approx(dicom.index_to_world((index, 0, 0)))
        assert frame.z == float(array.z[index])
    assert stack.kind == "volume"
    assert [badge.text for badge in stack.badges] == badges
    assert not stack.is_archived


def test_uneven_planes_keep_their_own_places_and_a_badge_says_so() -> None:
    array = volume(AXIAL, (6, 3, 4)).isel(z=[0, 1, 3, 5])
    stack = opened(array).describe()
    assert [badge.text for badge in stack.badges] == ["Uneven steps"]
    assert [frame.z_mm for frame in stack.frames] == [30, 32.5, 37.5, 42.5]
    assert stack.kind == "slices"


def test_mirrored_and_thinned_arrays_stay_in_their_place() -> None:
    array = volume(AXIAL, (4, 6, 5)).isel(z=slice(None, None, -1), y=slice(None, None, -2))
    stack = opened(array).describe()
    assert stack.orientation == pytest.approx((1, 0, 0, 0, -1, 0))
    assert stack.pixel_spacing_mm == pytest.approx((1.0, 0.5))
    assert stack.frames[1].position_mm == pytest.approx(array.dicom.index_to_world((1, 0, 0)))


def test_one_plane_of_a_volume_keeps_its_place() -> None:
    array = volume(AXIAL, (4, 6, 5))
    frame = opened(array.isel(z=2)).describe().frames[0]
    assert frame.position_mm == pytest.approx(array.dicom.index_to_world((2, 0, 0)))


def test_without_a_place_in_the_patient_lengths_are_pixels_unless_millimetres_are_stated() -> None:
    coordinates = {"y": np.arange(4) * 0.5, "x": np.arange(5) * 0.25, "z": np.arange(3) * 2.0}
    bare, steps = opened(plain()).describe(), plain().assign_coords(coordinates)
    unstated = opened(steps).describe()
    for axis in coordinates:
        steps[axis].attrs["units"] = "mm"
    stated = opened(steps).describe()
    assert (bare.pixel_spacing_mm, bare.pixel_aspect, bare.orientation) == (None, None, None)
    assert (unstated.pixel_spacing_mm, unstated.pixel_aspect) == (None, (0.5, 0.25))
    assert (stated.pixel_spacing_mm, stated.orientation) == ((0.5, 0.25), None)
    assert [frame.z_mm for frame in stated.frames] == [0, 2, 4]
    assert all(stack.frames[0].position_mm is None for stack in (bare, unstated, stated))
    assert [stack.badges[0].text for stack in (bare, unstated, stated)] == [
        "No mm, no place", "No mm, no place", "No place",
    ]  # fmt: skip


def test_a_dim_before_the_planes_is_the_extra_one_whatever_the_order() -> None:
    array = plain((2, 3, 4, 5)).assign_coords(time=("time", [0.0, 2.5], {"units": "s"}))
    stack = opened(array.transpose("y", "z", "x", "time"))
    extra = stack.describe().extra
    assert extra is not None
    assert (extra.dim, extra.units, extra.values, extra.planes) == ("time", "s", (0.0, 2.5), 3)
    # From the last plane of one time on to the first of the next.
    assert np.array_equal(received(stack, 2, 2), [array.values[0, 2], array.values[1, 0]])


def test_colours_are_sent_as_they_are() -> None:
    rgb = np.arange(2 * 3 * 4 * 3, dtype=np.uint8).reshape(2, 3, 4, 3)
    stack = opened(xr.DataArray(rgb, dims=("z", "y", "x", "channel")))
    described = stack.describe()
    assert (described.frames[0].dtype, described.windows) == ("rgb8", ())
    assert stack.encode(1, 1) == rgb[1].tobytes()


def test_a_mask_has_neither_the_units_nor_the_modality_of_what_it_is_of() -> None:
    volume_ = plain().assign_attrs(units="HU", Modality="CT")
    mask = (volume_ > 3).assign_attrs(volume_.attrs)
    stack, of_values = opened(mask).describe(), opened(volume_).describe()
    assert (of_values.units, of_values.modality) == ("HU", "CT")
    assert (stack.units, stack.modality) == (None, None)
    (window,) = stack.windows
    assert (window.center, window.width, window.function) == (0.5, 1.0, "LINEAR_EXACT")


def test_of_a_lazy_array_only_what_is_asked_for_is_computed() -> None:
    computed: list[int] = []

    def block(block_id: tuple[int, ...]) -> np.ndarray:
        computed.append(block_id[0])
        return np.full((1, 4, 5), block_id[0], np.float64)

    lazy = da.map_blocks(block, chunks=((1,) * 50, 4, 5), dtype=np.float64, meta=np.empty(0))
    stack = opened(xr.DataArray(lazy, dims=("z", "y", "x")))
    assert computed == []
    stack.describe()
    assert set(computed) == {25}
    computed.clear()
    assert np.unique(np.frombuffer(stack.encode(7, 2), "<f8")).tolist() == [7, 8]
    assert set(computed) == {7, 8}


def test_a_preview_is_the_mean_of_squares() -> None:
    stack = opened(plain((3000, 20)))
    preview = np.frombuffer(stack.encode_preview(0), "<f4").reshape(1000, 7)
    assert np.array_equal(preview, area_mean(stack.array.values, 3))


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (plain(dtype=np.complex64), "complex64.*abs\\(array\\)"),
        (xr.DataArray(np.array([["a"]]), dims=("y", "x")), "booleans or real numbers.*<U1"),
        (xr.DataArray(np.zeros((2, 2), "M8[ns]"), dims=("y", "x")), "datetime64"),
        (xr.DataArray(np.zeros((2, 2)), dims=("z", "x")), r"came \('z', 'x'\)"),
        (xr.DataArray(np.zeros((1, 1, 1, 1, 1)), dims=("a", "b", "z", "y", "x")), "'a', 'b'"),
        (xr.DataArray(np.zeros((0, 2)), dims=("y", "x")), "1 to 20000 planes"),
        (xr.DataArray(np.zeros((2, 2, 4), np.uint8), dims=("y", "x", "channel")), "4 of uint8"),
        (np.zeros((2, 2)), "came ndarray"),
    ],
)
def test_what_cannot_be_shown_is_refused_by_name(array: Any, words: str) -> None:
    with pytest.raises(CannotView, match=words):
        opened(array)


def test_frames_that_there_are_not_are_refused() -> None:
    stack = opened(plain())
    for first, count in ((-1, 1), (0, 0), (2, 2), (3, 1)):
        with pytest.raises(InstanceNotFound, match="frames 0 to 2"):
            stack.encode(first, count)
    with pytest.raises(SeriesChanged):
        stack.encode(0, 1, revision="another")
    with pytest.raises(SeriesChanged):
        stack.encode_preview(0, revision="another")


@pytest.mark.parametrize("hole", [np.nan, np.inf, -np.inf])
def test_values_that_are_no_numbers_are_shown_around(hole: float) -> None:
    array = plain()
    array[1, 0, 0] = hole
    (window,) = opened(array).describe().windows
    assert np.isfinite([window.center, window.width]).all()
