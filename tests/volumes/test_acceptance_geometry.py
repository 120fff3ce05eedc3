"""What each row of the geometry table comes to: right, split, kept with a warning, or refused."""

from __future__ import annotations

import math
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset

from noctis_lab.errors import (
    CannotResample,
    DuplicatePositions,
    GeometryWarning,
    SeveralStacks,
    UnsupportedSeries,
)
from noctis_lab.synthetic import (
    PlaneStack,
    ct_series,
    enhanced_frames,
    enhanced_image,
    hand_radiograph,
    mosaic_series,
    mosaic_stored,
    ultrasound_cine,
    ultrasound_frames,
    weighted_mr,
    weighted_stored,
)
from noctis_lab.volumes.cache import Handle
from noctis_lab.volumes.load import load
from noctis_lab.volumes.pixels import describe_stack
from noctis_lab.volumes.series_plan import find_facts
from tests.volumes.archive import admit

SMALL: dict[str, Any] = {"planes": 6, "rows": 5, "columns": 4}


def archived(handle: Handle, planes: list[Dataset], folder: Path) -> str:
    """Admit a series in some order, and return its UID."""
    shuffled = random.Random(3).sample(planes, len(planes))
    admit(handle, shuffled, folder / "in")
    return str(planes[0].SeriesInstanceUID)


def affine_of(plane: Dataset, step_mm: Any) -> np.ndarray[Any, Any]:
    """Return the matrix of a stack by the standard's equation, from pydicom's values."""
    cosines = np.array(plane.ImageOrientationPatient, dtype=float)
    row_mm, column_mm = (float(value) for value in plane.PixelSpacing)
    columns = [np.array(step_mm), cosines[3:] * row_mm, cosines[:3] * column_mm]
    affine = np.eye(4)
    affine[:3, :3] = np.array(columns).T
    affine[:3, 3] = plane.ImagePositionPatient
    return affine


def test_numbers_do_not_order_planes(handle: Handle, tmp_path: Path) -> None:
    planes = ct_series(**SMALL, instance_numbers=(3, 6, 1, 5, 2, 4))
    loaded = load(handle, archived(handle, planes, tmp_path))
    np.testing.assert_array_equal(loaded.values, [plane.pixel_array for plane in planes])
    assert loaded.dicom.is_regular


def test_missing_planes_leave_the_others_where_they_are(handle: Handle, tmp_path: Path) -> None:
    planes = [plane for z, plane in enumerate(ct_series(**SMALL)) if z not in (2, 3)]
    uid = archived(handle, planes, tmp_path)
    with pytest.warns(GeometryWarning, match="2 plane") as warned:
        loaded = load(handle, uid)
    assert loaded.z.values.tolist() == [100, 102, 108, 110]
    assert not loaded.dicom.is_regular
    (warning,) = (one.message for one in warned)
    assert isinstance(warning, GeometryWarning)
    assert warning.gaps == ((102.0, 2),)
    assert (loaded.attrs["gaps_after_mm"], loaded.attrs["gap_planes"]) == ([102.0], [2])
    facts = find_facts(handle, uid)
    assert (facts.is_volume, facts.is_regular, facts.gap_count) == (True, False, 2)


def test_missing_planes_are_filled_where_that_is_asked(handle: Handle, tmp_path: Path) -> None:
    planes = ct_series(**SMALL)
    uid = archived(handle, planes[:2] + planes[3:], tmp_path)
    with pytest.warns(GeometryWarning):
        kept = load(handle, uid)
    # Without a warning: what was asked says by itself which planes are made up.
    found = load(handle, uid, dtype="float32", regularize=True)
    assert found.dicom.is_regular
    assert found.plane_origin.values.tolist() == ["acquired"] * 2 + ["missing"] + ["acquired"] * 3
    np.testing.assert_array_equal(found.values[[0, 1, 3, 4, 5]], kept.values)
    assert np.isnan(found.values[2]).all()
    assert not {"spacing_note", "gaps_after_mm", "gap_planes"} & set(found.attrs)
    filled = load(handle, uid, regularize={"fill": -1024, "dtype": "int16"})
    assert (filled.values[2] == -1024).all()
    with pytest.raises(CannotResample, match="no value for outside"):
        load(handle, uid, regularize={"dtype": "int16"})


def test_a_regular_stack_is_not_touched_by_regularize(handle: Handle, tmp_path: Path) -> None:
    uid = archived(handle, ct_series(**SMALL), tmp_path)
    assert load(handle, uid, regularize=True).identical(load(handle, uid))


def test_a_duplicate_is_refused_with_its_uids(handle: Handle, tmp_path: Path) -> None:
    places = [(0.0, 0.0, z) for z in (0.0, 2.0, 2.0, 4.0)]
    planes = ct_series(planes=4, rows=5, columns=4, positions_mm=places)
    uid = archived(handle, planes, tmp_path)
    with pytest.raises(DuplicatePositions) as refused:
        load(handle, uid)
    assert set(refused.value.SOPInstanceUIDs) == {str(p.SOPInstanceUID) for p in planes[1:3]}
    for which, taken in (("first", 1), ("last", 2)):
        loaded = load(handle, uid, duplicates=which)  # type: ignore[arg-type]
        expected = [planes[index].pixel_array for index in (0, taken, 3)]
        np.testing.assert_array_equal(loaded.values, expected)
    assert find_facts(handle, uid).duplicate_count == 1


@pytest.mark.parametrize("tilt_deg", [16.5, -22.0])
def test_a_tilted_gantry_is_kept_exactly(handle: Handle, tmp_path: Path, tilt_deg: float) -> None:
    planes = ct_series(**SMALL, gantry_tilt_deg=tilt_deg)
    loaded = load(handle, archived(handle, planes, tmp_path))
    step = np.subtract(planes[1].ImagePositionPatient, planes[0].ImagePositionPatient)
    np.testing.assert_allclose(loaded.dicom.affine, affine_of(planes[0], step), atol=1e-4)
    assert loaded.dicom.tilt_deg == pytest.approx(abs(tilt_deg), abs=1e-4)
    assert find_facts(handle, str(planes[0].SeriesInstanceUID)).tilt_deg == pytest.approx(
        abs(tilt_deg), abs=1e-4
    )


_TURNED = math.sqrt(0.5)


@pytest.mark.parametrize(
    "orientation",
    [
        (0.0, 1.0, 0.0, 0.0, 0.0, -1.0),
        (1.0, 0.0, 0.0, 0.0, 0.0, -1.0),
        (_TURNED, _TURNED, 0.0, 0.0, 0.0, -1.0),
        (-1.0, 0.0, 0.0, 0.0, 1.0, 0.0),
    ],
)
@pytest.mark.parametrize("backwards", [False, True])
def test_any_orientation_has_its_right_handed_affine(
    handle: Handle, tmp_path: Path, orientation: Any, backwards: bool
) -> None:
    numbers = range(6, 0, -1) if backwards else range(1, 7)
    planes = ct_series(**SMALL, orientation=orientation, instance_numbers=tuple(numbers))
    loaded = load(handle, archived(handle, planes, tmp_path))
    normal = np.cross(orientation[:3], orientation[3:])
    np.testing.assert_allclose(loaded.dicom.affine, affine_of(planes[0], 2.0 * normal), atol=1e-4)
    z, y, x = loaded.dicom.affine[:3, :3].T
    assert np.dot(np.cross(x, y), z) > 0


def test_a_localizer_of_two_orientations_is_split(handle: Handle, tmp_path: Path) -> None:
    axial = ct_series(**SMALL)
    coronal = ct_series(
        planes=2,
        rows=5,
        columns=4,
        orientation=(1.0, 0.0, 0.0, 0.0, 0.0, -1.0),
        SeriesInstanceUID=str(axial[0].SeriesInstanceUID),
        StudyInstanceUID=str(axial[0].StudyInstanceUID),
        FrameOfReferenceUID=str(axial[0].FrameOfReferenceUID),
        SOPInstanceUIDs=("1.2.3.1", "1.2.3.2"),
        instance_numbers=(7, 8),
    )
    uid = archived(handle, [*axial, *coronal], tmp_path)
    with pytest.raises(SeveralStacks, match=r"0: 6 × 5 × 4 \(axial\); 1: 2 × 5 × 4 \(coronal\)"):
        load(handle, uid)
    for number, planes in enumerate((axial, coronal)):
        loaded = load(handle, uid, stack=number)
        np.testing.assert_array_equal(loaded.values, [plane.pixel_array for plane in planes])
    assert find_facts(handle, uid).stack_count == 2


_DIMS = {
    "time": ("time", [0.0, 2.0, 4.0], "s"),
    "time siemens": ("time", [0.0, 2.0, 4.0], "s"),
    "time ge": ("time", [1, 2, 3], None),
    "echo": ("echo", None, "ms"),
    "b_value": ("b_value", [0.0, 500.0, 1000.0], "s/mm2"),
    "b_value siemens": ("b_value", [0.0, 500.0, 1000.0], "s/mm2"),
    "b_value csa": ("b_value", [0.0, 500.0, 1000.0], "s/mm2"),
    "b_value ge": ("b_value", [0.0, 500.0, 1000.0], "s/mm2"),
    "b_value philips": ("b_value", [0.0, 500.0, 1000.0], "s/mm2"),
    "phase": ("phase", None, "ms"),
    "phase philips": ("phase", None, None),
}


@pytest.mark.parametrize("convention", _DIMS)
def test_what_varies_at_each_place_is_a_dim(
    handle: Handle, tmp_path: Path, convention: str
) -> None:
    dim, values, units = _DIMS[convention]
    loaded = load(handle, archived(handle, weighted_mr(convention), tmp_path))
    assert loaded.dims == (dim, "z", "y", "x")
    for point in range(3):
        for plane in range(3):
            np.testing.assert_array_equal(
                loaded.values[point, plane], weighted_stored(plane, point, (6, 8))
            )
    assert np.all(np.diff(loaded[dim].values) > 0)
    if values is not None:
        assert loaded[dim].values.tolist() == values
    if units is not None:
        assert loaded[dim].attrs["units"] == units
    facts = find_facts(handle, loaded.attrs["SeriesInstanceUID"])
    assert (facts.extra_dim, facts.extra_size, facts.is_volume) == (dim, 3, True)


@pytest.mark.parametrize("maker", ["", " philips"])
def test_label_and_control_are_a_dim(handle: Handle, tmp_path: Path, maker: str) -> None:
    planes = weighted_mr(f"asl_context{maker}", points=2)
    loaded = load(handle, archived(handle, planes, tmp_path))
    assert loaded.dims == ("asl_context", "z", "y", "x")
    assert loaded.asl_context.values.tolist() == ["CONTROL", "LABEL"]
    for index, point in enumerate((1, 0)):
        np.testing.assert_array_equal(loaded.values[index, 2], weighted_stored(2, point, (6, 8)))


def test_ges_weighted_and_density_images_are_two_stacks(handle: Handle, tmp_path: Path) -> None:
    uid = archived(handle, weighted_mr("asl_technique ge", points=2), tmp_path)
    words = "ASL technique PSEUDOCONTINUOUS.*ASL technique CONTINUOUS"
    with pytest.raises(SeveralStacks, match=words):
        load(handle, uid)
    for number in range(2):
        loaded = load(handle, uid, stack=number)
        assert "asl_context" not in loaded.coords  # neither is label or control
        np.testing.assert_array_equal(loaded.values[1], weighted_stored(1, number, (6, 8)))


def test_siemens_label_and_control_are_points_in_time_without_a_name(
    handle: Handle, tmp_path: Path
) -> None:
    # Its older systems state neither; a free text that some sequences write is no statement.
    mosaics = mosaic_series(stack=PlaneStack(planes=4), times=4)
    for number, mosaic in enumerate(mosaics):
        mosaic.ImageComments = ("LABEL", "CONTROL")[number % 2]
    loaded = load(handle, archived(handle, mosaics, tmp_path))
    assert loaded.dims == ("time", "z", "y", "x")
    assert "asl_context" not in loaded.coords


@pytest.mark.parametrize(
    ("convention", "groups"),
    [
        ("b_value ge", r"\(0019,xxxx\) and \(0043,xxxx\)"),
        ("b_value siemens", r"\(0019,xxxx\)"),
        ("asl_context philips", r"\(2005,xxxx\)"),
    ],
)
def test_private_elements_without_their_creators_are_named_in_the_refusal(
    handle: Handle, tmp_path: Path, convention: str, groups: str
) -> None:
    planes = weighted_mr(convention, points=2)
    for plane in planes:
        for element in list(plane):
            if element.tag.is_private_creator:
                del plane[element.tag]
    uid = archived(handle, planes, tmp_path)
    with pytest.raises(DuplicatePositions, match=f"{groups} have lost their creators"):
        load(handle, uid)


@pytest.mark.parametrize("maker", ["siemens", "ge", "philips"])
def test_magnitude_and_phase_are_never_mixed(handle: Handle, tmp_path: Path, maker: str) -> None:
    uid = archived(handle, weighted_mr(f"component {maker}", points=2), tmp_path)
    with pytest.raises(SeveralStacks, match=r"MAGNITUDE.*PHASE"):
        load(handle, uid)
    for number in range(2):
        loaded = load(handle, uid, stack=number)
        np.testing.assert_array_equal(loaded.values[1], weighted_stored(1, number, (6, 8)))


@pytest.mark.parametrize(
    "change",
    [
        {"rows": 6},
        {"pixel_spacing_mm": (0.6, 0.5)},
        {"FrameOfReferenceUID": "1.2.3.9"},
        {"photometric_interpretation": "MONOCHROME1"},
    ],
)
def test_what_may_not_be_mixed_is_split(handle: Handle, tmp_path: Path, change: Any) -> None:
    planes = ct_series(**SMALL)
    same = {"FrameOfReferenceUID": str(planes[0].FrameOfReferenceUID), **SMALL, "planes": 2}
    others = ct_series(
        **(same | change),
        origin_mm=(-16.0, -16.0, 112.0),
        SeriesInstanceUID=str(planes[0].SeriesInstanceUID),
        StudyInstanceUID=str(planes[0].StudyInstanceUID),
        SOPInstanceUIDs=("1.2.3.1", "1.2.3.2"),
        instance_numbers=(7, 8),
    )
    uid = archived(handle, [*planes, *others], tmp_path)
    with pytest.raises(SeveralStacks):
        load(handle, uid)
    assert [load(handle, uid, stack=number).sizes["z"] for number in range(2)] == [6, 2]


@pytest.mark.parametrize(("jitter_mm", "is_regular"), [(0.019, True), (0.03, False)])
@pytest.mark.filterwarnings("ignore::noctis_lab.errors.GeometryWarning")
def test_jitter_up_to_a_hundredth_is_a_residual(
    handle: Handle, tmp_path: Path, jitter_mm: float, is_regular: bool
) -> None:
    places = [(0.0, 0.0, 2.0 * z + (jitter_mm if z == 2 else 0)) for z in range(6)]
    uid = archived(handle, ct_series(**SMALL, positions_mm=places), tmp_path)
    loaded = load(handle, uid)
    assert loaded.dicom.is_regular is is_regular
    residual_mm = jitter_mm if is_regular else 0.0
    assert loaded.patient_lps.attrs["residual_mm"] == pytest.approx(residual_mm)
    assert find_facts(handle, uid).residual_mm == pytest.approx(residual_mm)
    if not is_regular:
        assert loaded.z.values[2] == pytest.approx(4 + jitter_mm)


def test_a_plane_that_is_slightly_turned_is_a_residual_of_its_corner(
    handle: Handle, tmp_path: Path
) -> None:
    planes = ct_series(**SMALL)
    planes[2].ImageOrientationPatient = [1, 0.00008, 0, -0.00008, 1, 0]
    planes[4].PixelSpacing = [0.5, 0.50004]
    loaded = load(handle, archived(handle, planes, tmp_path))
    assert loaded.sizes["z"] == 6
    turned_mm, wider_mm = 0.00008 * math.hypot(3 * 0.5, 4 * 0.5), 3 * 0.00004
    assert loaded.patient_lps.attrs["residual_mm"] == pytest.approx(max(turned_mm, wider_mm))


def test_a_slope_of_each_plane_is_its_own(handle: Handle, tmp_path: Path) -> None:
    slopes = (0.5, 1.0, 1.5, 2.0, 2.5, 3.0)
    planes = ct_series(**SMALL, rescale_slope=slopes)
    loaded = load(handle, archived(handle, planes, tmp_path))
    expected = [plane.pixel_array * slope for plane, slope in zip(planes, slopes, strict=True)]
    np.testing.assert_array_equal(loaded.values, np.array(expected, np.float32))
    assert loaded.slope.values.tolist() == list(slopes)


def test_padding_is_nan_when_asked(handle: Handle, tmp_path: Path) -> None:
    first = ct_series(**SMALL)[0].pixel_array.ravel()
    low, high = int(first[3]), int(first[7])
    elements = {"PixelPaddingValue": low, "PixelPaddingRangeLimit": high}
    planes = ct_series(**SMALL, rescale_intercept=-10, elements=elements)
    uid = archived(handle, planes, tmp_path)
    stored = np.array([plane.pixel_array for plane in planes])
    is_padding = (stored >= low) & (stored <= high)
    assert is_padding.any()
    masked = load(handle, uid, mask_padding=True)
    np.testing.assert_array_equal(np.isnan(masked.values), is_padding)
    np.testing.assert_array_equal(masked.values[~is_padding], stored[~is_padding] - 10.0)
    assert not np.isnan(load(handle, uid, dtype="float32").values).any()


def test_images_without_a_place_get_no_millimetres(handle: Handle, tmp_path: Path) -> None:
    loaded = load(handle, archived(handle, hand_radiograph(rows=60, columns=48), tmp_path))
    assert loaded.dims == ("frame", "y", "x")
    assert "z" not in loaded.coords
    assert "patient_lps" not in loaded.coords


@pytest.mark.parametrize(
    ("elements", "why"),
    [
        ({"ImageOrientationPatient": [0.0] * 6}, "ImageOrientationPatient is no pair of unit"),
        ({"ImageOrientationPatient": [1, 0, 0, 1, 0, 0]}, "ImageOrientationPatient is no pair"),
        ({"ImageOrientationPatient": [1.01, 0, 0, 0, 1, 0]}, "ImageOrientationPatient is no pair"),
        ({"ImagePositionPatient": [0, 0, 1e7]}, "ImagePositionPatient is beyond a kilometre"),
        ({"PixelSpacing": [-0.5, 0.5]}, "PixelSpacing is not positive"),
        ({"PixelSpacing": None}, "PixelSpacing is missing"),
        ({"ImageOrientationPatient": None}, "ImageOrientationPatient is missing"),
    ],
)
def test_a_place_that_cannot_be_one_is_told(
    handle: Handle, tmp_path: Path, elements: dict[str, Any], why: str
) -> None:
    uid = archived(handle, ct_series(**SMALL, elements=elements), tmp_path)
    with pytest.warns(GeometryWarning, match=f"{why}.*: there are no millimetres"):
        loaded = load(handle, uid)
    assert loaded.dims == ("frame", "y", "x")
    assert loaded.attrs["place_note"].startswith(why)
    note = find_facts(handle, uid).geometry_note
    assert note is not None
    assert why in note
    shown = describe_stack(handle, uid)
    badges = {badge.text: badge.sentence for badge in shown.badges}
    assert badges["No place"].startswith(why)
    if "ImageOrientationPatient" in elements:  # no letters of sides either
        assert shown.orientation is None


def test_a_plane_without_a_usable_place_is_parted_and_told(handle: Handle, tmp_path: Path) -> None:
    planes = ct_series(**SMALL)
    planes[1].ImageOrientationPatient = [0] * 6
    uid = archived(handle, planes, tmp_path)
    note = find_facts(handle, uid).geometry_note
    assert note is not None
    assert note.startswith("2 stacks")
    assert "ImageOrientationPatient is no pair of unit vectors" in note


def test_groups_stated_twice_are_refused_by_name(handle: Handle, tmp_path: Path) -> None:
    image = enhanced_image(modality="CT", stacks=[PlaneStack(planes=1)])
    image.SharedFunctionalGroupsSequence.append(image.SharedFunctionalGroupsSequence[0])
    uid = archived(handle, [image], tmp_path)
    with pytest.raises(UnsupportedSeries, match="SharedFunctionalGroupsSequence has several"):
        load(handle, uid)


def test_a_cine_has_its_times_and_colours(handle: Handle, tmp_path: Path) -> None:
    loaded = load(handle, archived(handle, ultrasound_cine(frames=6), tmp_path))
    assert loaded.dims == ("time", "y", "x", "channel")
    assert loaded.channel.values.tolist() == ["R", "G", "B"]
    assert np.all(np.diff(loaded.time.values) > 0)
    assert loaded.frame_number.values.tolist() == [1, 2, 3, 4, 5, 6]
    difference = loaded.values.astype(int) - np.asarray(ultrasound_frames(frames=6)).astype(int)
    assert np.abs(difference).mean() < 12  # JPEG, lossy


@pytest.mark.parametrize(
    ("modality", "along"),
    [
        *(("MR", along) for along in ("time", "echo", "b_value", "phase", "asl_context")),
        ("PT", "time"),
        ("CT", None),
    ],
)
def test_frames_of_an_enhanced_image_are_planned_by_functional_groups(
    handle: Handle, tmp_path: Path, modality: str, along: str | None
) -> None:
    stacks = [PlaneStack(planes=3), PlaneStack(planes=2, orientation=(0, 1, 0, 0, 0, -1))]
    points = 1 if along is None else 2
    image = enhanced_image(modality=modality, stacks=stacks, points=points, along=along)
    uid = archived(handle, [image], tmp_path)
    with pytest.raises(SeveralStacks):
        load(handle, uid)
    found = [load(handle, uid, stack=number) for number in range(2)]
    made = {(f.stack, f.point, f.plane): f for f in enhanced_frames(stacks, points)}
    for number, stack in enumerate(stacks):
        loaded = next(one for one in found if one.sizes["z"] == stack.planes)
        assert loaded.dims == (*((along,) if along else ()), "z", "y", "x")
        assert loaded.frame_number.values.min() >= 1
        for plane in range(stack.planes):
            place = np.array(stack.position_mm(plane))
            z = int(
                np.argmin(
                    [
                        np.linalg.norm(loaded.dicom.index_to_world((k, 0, 0)) - place)
                        for k in range(stack.planes)
                    ]
                )
            )
            for point in range(points):
                frame = made[number, point, plane]
                order = point
                if along == "asl_context":  # words have an order of their own
                    order = loaded.asl_context.values.tolist().index(("LABEL", "CONTROL")[point])
                values = loaded.values if along is None else loaded.values[order]
                expected = frame.stored((8, 10)) * frame.rescale_slope - 3
                np.testing.assert_array_equal(values[z], expected.astype(np.float32))


def test_a_mosaic_is_cut_into_its_planes(handle: Handle, tmp_path: Path) -> None:
    stack = PlaneStack(planes=5)
    uid = archived(handle, mosaic_series(stack=stack, times=3), tmp_path)
    loaded = load(handle, uid)
    assert loaded.dims == ("time", "z", "y", "x")
    for time in range(3):
        expected = mosaic_stored(5, (6, 8), time=time)
        assert np.array_equal(loaded.values[time], expected) or np.array_equal(
            loaded.values[time], expected[::-1]
        )


def test_a_mosaic_that_cannot_be_cut_is_refused_by_name(handle: Handle, tmp_path: Path) -> None:
    uid = archived(handle, mosaic_series(omit=("SliceNormalVector",)), tmp_path)
    with pytest.raises(UnsupportedSeries, match=r"SliceNormalVector.* keep those of SIEMENS CSA"):
        load(handle, uid)


def test_a_cine_that_states_one_place_stays_whole(handle: Handle, tmp_path: Path) -> None:
    (cine,) = ct_series(planes=1, rows=2, columns=3)
    cine.NumberOfFrames, cine.FrameTime = 4, 40.0
    stored = np.arange(24, dtype=np.int16).reshape(4, 2, 3)
    cine.PixelData = stored.tobytes()
    loaded = load(handle, archived(handle, [cine], tmp_path))
    assert loaded.dims == ("time", "y", "x")
    assert loaded.time.values.tolist() == pytest.approx([0, 0.04, 0.08, 0.12])
    np.testing.assert_array_equal(loaded.values, stored)
