"""Facts of enhanced multi-frame instances: each frame's own, whatever the order of the frames."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from noctis_lab.dicom.frame_facts import FrameFacts, dimension_pointers, frame_facts
from noctis_lab.dicom.header import read_header
from noctis_lab.dicom.rescale import Rescale
from noctis_lab.synthetic import PlaneStack, enhanced_frames, enhanced_image

STACKS = [
    PlaneStack(planes=4, pixel_spacing_mm=(2.0, 3.0)),
    PlaneStack(planes=3, orientation=(0, 1, 0, 0, 0, -1), slice_spacing_mm=-7.0),
]
type Put = Callable[..., Path]


def facts_of(dataset: Dataset, put: Put) -> tuple[FrameFacts, ...]:
    return frame_facts(read_header(put(dataset)))


@pytest.mark.parametrize("modality", ["CT", "MR", "PT"])
def test_each_frame_lies_where_its_functional_groups_say(modality: str, put: Put) -> None:
    image = enhanced_image(modality=modality, stacks=STACKS, along="time", points=2)
    facts = facts_of(image, put)
    frames = enhanced_frames(STACKS, 2)
    assert len(facts) == len(frames) == 14
    for fact, frame in zip(facts, frames, strict=True):
        stack = STACKS[frame.stack]
        assert fact.plane.position_mm == pytest.approx(stack.position_mm(frame.plane))
        assert fact.plane.orientation == stack.orientation
        assert fact.plane.pixel_spacing_mm == stack.pixel_spacing_mm
        assert fact.stack_id == str(frame.stack + 1)
        assert fact.in_stack_position == frame.plane + 1
        assert fact.temporal_index == frame.point + 1
        assert fact.dimension_index == (frame.stack + 1, frame.plane + 1, frame.point + 1)
        assert fact.rescale == Rescale(slope=frame.rescale_slope, intercept=-3, units="US")
        assert not fact.has_unread_modality_lut
        assert fact.frame_of_reference_uid == image.FrameOfReferenceUID
        assert fact.image_type == ("ORIGINAL", "PRIMARY", "VOLUME", "NONE")
        assert fact.refusal is None
    seconds = {fact.temporal_index: fact.acquired_s for fact in facts}
    assert seconds[2] - seconds[1] == 2  # type: ignore[operator]


def test_shared_groups_hold_for_every_frame(put: Put) -> None:
    facts = facts_of(enhanced_image(stacks=STACKS), put)
    assert {fact.flip_deg for fact in facts} == {15}
    assert {fact.component for fact in facts} == {"MAGNITUDE"}


ALONG = {
    "time": ("TemporalPositionIndex", "temporal_index", [1, 2, 3]),
    "echo": ("EffectiveEchoTime", "echo_ms", [10, 20, 30]),
    "b_value": ("DiffusionBValue", "b_value", [0, 500, 1000]),
    "phase": ("NominalCardiacTriggerDelayTime", "trigger_ms", [0, 100, 200]),
    "asl_context": ("ASLContext", "asl_context", ["LABEL", "CONTROL", "LABEL"]),
}


@pytest.mark.parametrize("along", ALONG)
def test_the_further_dimension_is_stated_frame_by_frame(along: str, put: Put) -> None:
    keyword, attribute, expected = ALONG[along]
    path = put(enhanced_image(along=along, points=3))
    header = read_header(path)
    assert dimension_pointers(header) == ("StackID", "InStackPositionNumber", keyword)
    for fact, frame in zip(frame_facts(header), enhanced_frames([PlaneStack()], 3), strict=True):
        assert getattr(fact, attribute) == expected[frame.point]


def test_a_point_in_time_may_be_a_dimension_index_only(put: Put) -> None:
    image = enhanced_image(along="time", points=3)
    for item in image.PerFrameFunctionalGroupsSequence:
        del item.FrameContentSequence[0].TemporalPositionIndex
    facts = facts_of(image, put)
    frames = enhanced_frames([PlaneStack()], 3)
    assert [fact.temporal_index for fact in facts] == [frame.point + 1 for frame in frames]
    assert {fact.dimensions for fact in facts} == {
        ("StackID", "InStackPositionNumber", "TemporalPositionIndex")
    }


def test_a_weighted_frame_has_a_direction_and_one_without_weighting_none(put: Put) -> None:
    facts = facts_of(enhanced_image(along="b_value", points=2), put)
    assert {(fact.b_value, fact.diffusion_directionality) for fact in facts} == {
        (0, "NONE"),
        (500, "DIRECTIONAL"),
    }
    for fact in facts:
        expected = None if fact.b_value == 0 else pytest.approx((0, 0.6, 0.8))
        assert fact.b_vector == expected


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(range(12)))
def test_the_order_of_frames_changes_no_frames_facts(order: list[int], put: Put) -> None:
    image = enhanced_image(along="time", points=3, order_seed=None)
    expected = facts_of(image, put)
    items = image.PerFrameFunctionalGroupsSequence
    image.PerFrameFunctionalGroupsSequence = [items[index] for index in order]
    assert facts_of(image, put) == tuple(expected[index] for index in order)


def test_groups_of_more_frames_than_there_are_place_none(put: Put) -> None:
    image = enhanced_image()
    items = list(image.PerFrameFunctionalGroupsSequence)
    image.PerFrameFunctionalGroupsSequence = [*items, copy.deepcopy(items[0])]
    facts = facts_of(image, put)
    assert len(facts) == 4
    assert {fact.refusal for fact in facts} == {
        "functional groups of 5 frames are stated, there are 4"
    }
    assert {fact.plane.position_mm for fact in facts} == {None}


def twice(group: str) -> Dataset:
    """Return an image that states a group of one item twice, of one frame or of all."""
    image = enhanced_image()
    holder = image if group.startswith("Shared") else image.PerFrameFunctionalGroupsSequence[2]
    holder[group].value = [*holder[group].value, copy.deepcopy(holder[group][0])]
    return image


@pytest.mark.parametrize(
    "group",
    [
        *("SharedFunctionalGroupsSequence", "PlanePositionSequence", "PixelMeasuresSequence"),
        *("PlaneOrientationSequence", "FrameContentSequence", "PixelValueTransformationSequence"),
    ],
)
def test_groups_that_are_stated_twice_place_none(group: str, put: Put) -> None:
    facts = facts_of(twice(group), put)
    assert {fact.refusal for fact in facts} == {
        f"{group} has several items, of which one is allowed"
    }
    assert {fact.plane.position_mm for fact in facts} == {None}


def test_a_group_that_may_have_several_items_may(put: Put) -> None:
    image = enhanced_image()
    shared = image.SharedFunctionalGroupsSequence[0]
    shared.ReferencedImageSequence = [Dataset(), Dataset()]
    for item in shared.ReferencedImageSequence:
        item.ReferencedSOPInstanceUID = "1.2.3"
    assert {fact.refusal for fact in facts_of(image, put)} == {None}


def test_of_a_lone_frame_its_own_groups_hold_before_the_top_level(put: Put) -> None:
    image = enhanced_image(modality="CT", stacks=[PlaneStack(planes=1)])
    expected = facts_of(image, put)
    image.ImagePositionPatient, image.ImageOrientationPatient = [1, 2, 3], [0, 1, 0, 0, 0, -1]
    image.PixelSpacing, image.RescaleSlope, image.RescaleIntercept = [7, 7], 9, 9
    header = read_header(put(image))
    assert frame_facts(header) == expected
    # A row of the catalogue says nothing then, so that the frame is asked.
    assert (header.plane().position_mm, header.rescale()) == (None, None)
    assert header.has_unread_modality_lut()


def test_frames_without_groups_of_their_own_have_only_what_is_shared(put: Put) -> None:
    image = enhanced_image(order_seed=None)
    image.PerFrameFunctionalGroupsSequence = list(image.PerFrameFunctionalGroupsSequence)[:1]
    facts = facts_of(image, put)
    assert facts[0].plane.position_mm == (-20, -16, 30)
    assert facts[1] is facts[3]
    assert facts[1].plane.position_mm is None
    assert facts[1].flip_deg == 15


def test_a_top_level_position_is_no_frames_of_an_enhanced_image(put: Put) -> None:
    image = enhanced_image()
    image.ImagePositionPatient = [1, 2, 3]
    del image.PerFrameFunctionalGroupsSequence
    assert {fact.plane.position_mm for fact in facts_of(image, put)} == {None}


def test_a_top_level_position_is_the_only_frames(put: Put) -> None:
    image = enhanced_image(stacks=[PlaneStack(planes=1)])
    image.ImagePositionPatient = [1, 2, 3]
    del image.PerFrameFunctionalGroupsSequence
    (fact,) = facts_of(image, put)
    assert fact.plane.position_mm == (1, 2, 3)


def test_a_modality_lut_table_is_said_of_every_frame(put: Put) -> None:
    image = enhanced_image()
    table = Dataset()
    table.LUTDescriptor = [2, 0, 16]
    table.ModalityLUTType = "US"
    table.add_new("LUTData", "OW", b"\0\0\1\0")
    table["LUTDescriptor"].VR = "US"
    image.ModalityLUTSequence = [table]
    assert {fact.has_unread_modality_lut for fact in facts_of(image, put)} == {True}


def test_half_a_modality_lut_of_one_frame_is_said_of_it_alone(put: Put) -> None:
    image = enhanced_image(order_seed=None)
    del (
        image.PerFrameFunctionalGroupsSequence[2]
        .PixelValueTransformationSequence[0]
        .RescaleIntercept
    )
    facts = facts_of(image, put)
    assert [fact.has_unread_modality_lut for fact in facts] == [False, False, True, False]
    assert facts[2].rescale is None


@pytest.mark.parametrize(
    ("group", "keyword", "value"),
    [
        ("PlanePositionSequence", "ImagePositionPatient", [1, 2]),
        ("PlanePositionSequence", "ImagePositionPatient", None),
        ("PlaneOrientationSequence", "ImageOrientationPatient", [1, 0, 0]),
        ("PixelMeasuresSequence", "PixelSpacing", 3),
    ],
)
def test_what_is_no_geometry_is_absent(group: str, keyword: str, value: object, put: Put) -> None:
    image = enhanced_image(order_seed=None)
    setattr(image.PerFrameFunctionalGroupsSequence[0][group][0], keyword, value)
    plane = facts_of(image, put)[0].plane
    names = {"PlanePosition": "position_mm", "PlaneOrient": "orientation"}
    assert getattr(plane, names.get(group[:13], names.get(group[:11], "pixel_spacing_mm"))) is None


def test_a_dimension_that_is_no_tag_gives_no_dimensions(put: Put) -> None:
    image = enhanced_image()
    del image.DimensionIndexSequence[0].DimensionIndexPointer
    assert dimension_pointers(read_header(put(image))) == ()


def test_segments_are_stated_by_number(put: Put) -> None:
    image = enhanced_image(order_seed=None)
    for index, item in enumerate(image.PerFrameFunctionalGroupsSequence):
        segment = Dataset()
        segment.ReferencedSegmentNumber = index % 2 + 1
        item.SegmentIdentificationSequence = [segment]
    assert [fact.segment_number for fact in facts_of(image, put)] == [1, 2, 1, 2]


def test_the_cost_grows_with_the_frames_and_no_faster(put: Put) -> None:
    def seconds(planes: int) -> float:
        header = read_header(put(many_frames(planes)))
        durations = []
        for _ in range(3):
            began = time.process_time()
            assert len(frame_facts(header)) == planes
            durations.append(time.process_time() - began)
        return min(durations)

    # Eight times the frames: a pass per frame would take 64 times as long.
    assert seconds(1600) < 24 * seconds(200)


def many_frames(count: int) -> Dataset:
    image = enhanced_image(stacks=[PlaneStack(planes=1)], shape=(1, 1))
    items = image.PerFrameFunctionalGroupsSequence
    image.PerFrameFunctionalGroupsSequence = [*items] * count
    image.NumberOfFrames = count
    image.PixelData = b"\0" * (2 * count)
    return image
