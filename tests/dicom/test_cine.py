"""Multi-frame images without functional groups: cine by time, nuclear medicine by vectors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from noctis_lab.dicom.frame_facts import FrameFacts, frame_facts
from noctis_lab.dicom.header import read_header
from noctis_lab.synthetic import ultrasound_cine

type Make = Callable[..., Dataset]
type Put = Callable[..., Path]


def facts_of(dataset: Dataset, put: Put) -> tuple[FrameFacts, ...]:
    return frame_facts(read_header(put(dataset)))


def multi(make_dataset: Make, frames: int, **attributes: Any) -> Dataset:
    dataset = make_dataset(NumberOfFrames=frames, **attributes)
    dataset.PixelData = b"\0" * (4 * 3 * 2 * frames)
    dataset["PixelData"].VR = "OW"
    return dataset


def test_frame_time_counts_from_the_first_frame(make_dataset: Make, put: Put) -> None:
    dataset = multi(
        make_dataset,
        3,
        FrameTime=40,
        FrameIncrementPointer=Tag("FrameTime"),
        AcquisitionDateTime="19700101000010",
    )
    facts = facts_of(dataset, put)
    assert [fact.frame_time_ms for fact in facts] == [0, 40, 80]
    assert [fact.acquired_s for fact in facts] == pytest.approx([10, 10.04, 10.08])


def test_a_frame_time_vector_holds_increments(make_dataset: Make, put: Put) -> None:
    dataset = multi(
        make_dataset,
        4,
        FrameTime=99,
        FrameTimeVector=[0, 10, 30, 20],
        FrameIncrementPointer=Tag("FrameTimeVector"),
    )
    assert [fact.frame_time_ms for fact in facts_of(dataset, put)] == [0, 10, 40, 60]


@pytest.mark.parametrize(
    "attributes",
    [
        {"FrameTimeVector": [0, 10]},
        {"FrameTimeVector": [0, 10, -5]},
        {"FrameTimeVector": [0, 1e308, 1e308]},
        {"FrameTime": 0},
        {"FrameTime": -1},
        {"FrameTime": 1e308},
        {"FrameTime": 40, "FrameIncrementPointer": Tag("SliceVector")},
        {},
    ],
)
def test_times_that_are_not_stated_for_all_frames_are_absent(
    attributes: dict[str, Any], make_dataset: Make, put: Put
) -> None:
    facts = facts_of(multi(make_dataset, 3, **attributes), put)
    assert [fact.frame_time_ms for fact in facts] == [None] * 3


def test_an_ultrasound_cines_frames_are_as_far_apart_as_it_says(put: Put) -> None:
    (cine,) = ultrasound_cine(frames=3)
    header = read_header(put(cine, syntax=cine.file_meta.TransferSyntaxUID))
    times = [fact.frame_time_ms for fact in frame_facts(header)]
    assert times == pytest.approx(np.arange(3) * float(cine.FrameTime))


def test_a_position_is_the_first_frames_alone(make_dataset: Make, put: Put) -> None:
    dataset = multi(
        make_dataset, 3, ImagePositionPatient=[1, 2, 3], ImageOrientationPatient=[1, 0, 0, 0, 1, 0]
    )
    facts = facts_of(dataset, put)
    assert [fact.plane.position_mm for fact in facts] == [(1, 2, 3), None, None]
    assert {fact.plane.orientation for fact in facts} == {(1, 0, 0, 0, 1, 0)}


def nuclear(make_dataset: Make, frames: int, **attributes: Any) -> Dataset:
    vectors = [keyword for keyword in attributes if keyword.endswith("Vector")]
    return multi(
        make_dataset,
        frames,
        Modality="NM",
        FrameIncrementPointer=[Tag(keyword) for keyword in vectors],
        **attributes,
    )


def test_nuclear_frames_are_told_apart_by_their_vectors(make_dataset: Make, put: Put) -> None:
    dataset = nuclear(
        make_dataset,
        4,
        EnergyWindowVector=[1, 1, 2, 2],
        DetectorVector=[1, 2, 1, 2],
        TimeSlotVector=[1, 2, 3, 4],
    )
    facts = facts_of(dataset, put)
    assert facts[2].vectors == (
        ("EnergyWindowVector", 2),
        ("DetectorVector", 1),
        ("TimeSlotVector", 3),
    )
    assert [fact.phase_index for fact in facts] == [1, 2, 3, 4]


def test_a_dynamics_time_slices_are_its_temporal_positions(make_dataset: Make, put: Put) -> None:
    facts = facts_of(nuclear(make_dataset, 2, TimeSliceVector=[1, 2]), put)
    assert [fact.temporal_index for fact in facts] == [1, 2]


def detector(**attributes: Any) -> list[Dataset]:
    item = Dataset()
    for keyword, value in attributes.items():
        setattr(item, keyword, value)
    return [item]


@pytest.mark.parametrize(("step_mm", "heights"), [(3, [9, 6, 12]), (-3, [3, 6, 0])])
def test_the_sign_of_the_spacing_says_where_the_next_slice_lies(
    step_mm: float, heights: list[float], make_dataset: Make, put: Put
) -> None:
    dataset = nuclear(
        make_dataset,
        3,
        ImageType=["ORIGINAL", "PRIMARY", "RECON TOMO", "EMISSION"],
        SliceVector=[2, 1, 3],
        SpacingBetweenSlices=step_mm,
        PixelSpacing=[4, 4],
        DetectorInformationSequence=detector(
            ImagePositionPatient=[1, 2, 6], ImageOrientationPatient=[1, 0, 0, 0, 1, 0]
        ),
    )
    facts = facts_of(dataset, put)
    assert [fact.plane.position_mm for fact in facts] == [(1, 2, height) for height in heights]
    assert {fact.plane.pixel_spacing_mm for fact in facts} == {(4, 4)}


@pytest.mark.parametrize(
    "missing", ["SpacingBetweenSlices", "DetectorInformationSequence", "ImageType"]
)
def test_a_reconstruction_that_does_not_say_all_has_no_places(
    missing: str, make_dataset: Make, put: Put
) -> None:
    dataset = nuclear(
        make_dataset,
        2,
        ImageType=["ORIGINAL", "PRIMARY", "RECON TOMO", "EMISSION"],
        SliceVector=[1, 2],
        SpacingBetweenSlices=3,
        DetectorInformationSequence=detector(
            ImagePositionPatient=[1, 2, 6], ImageOrientationPatient=[1, 0, 0, 0, 1, 0]
        ),
    )
    delattr(dataset, missing)
    assert {fact.plane.position_mm for fact in facts_of(dataset, put)} == {None}


def test_a_vector_of_another_length_is_left_out(make_dataset: Make, put: Put) -> None:
    dataset = nuclear(make_dataset, 3, DetectorVector=[1, 2], SliceVector=[1, 2, 3])
    assert facts_of(dataset, put)[1].vectors == (("SliceVector", 2),)
