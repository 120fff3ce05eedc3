"""Hostile instances: facts or a named error, in bounded time and memory."""

from __future__ import annotations

import random
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from noctis_lab.dicom.frame_facts import MOST_FRAMES, dimension_pointers, frame_facts
from noctis_lab.dicom.header import read_header
from noctis_lab.errors import DicomTooLarge, InvalidDicom
from noctis_lab.synthetic import PlaneStack, enhanced_image, mosaic_series, weighted_mr
from tests.dicom.handmade import UIDS, explicit, part10
from tests.dicom.mutations import mutate

type Put = Callable[..., Path]

SEEDS: list[Dataset] = [
    enhanced_image(along="b_value", points=2, stacks=[PlaneStack(planes=2)], shape=(2, 3)),
    mosaic_series(times=1, shape=(2, 3), b_values=(500,))[0],
    *(
        weighted_mr(f"b_value {maker}", stack=PlaneStack(planes=1), points=2, shape=(2, 3))[1]
        for maker in ("siemens", "ge", "philips")
    ),
]


def test_more_frames_than_any_image_has_are_refused(put: Put, make_dataset: Any) -> None:
    # Without rows there is no byte that a frame would need.
    dataset = make_dataset(Rows=0, Columns=0, NumberOfFrames=2**31 - 1)
    with pytest.raises(DicomTooLarge, match="2147483647 frames"):
        frame_facts(read_header(put(dataset)))


def test_as_many_frames_as_are_taken_cost_no_more_than_their_list(
    put: Put, make_dataset: Any
) -> None:
    header = read_header(put(make_dataset(Rows=0, Columns=0, NumberOfFrames=MOST_FRAMES)))
    began = time.process_time()
    tracemalloc.start()
    facts = frame_facts(header)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(facts) == MOST_FRAMES
    assert peak < 64 * 2**20
    assert time.process_time() - began < 10


def test_timed_frames_are_bounded_by_what_is_stated(put: Put, make_dataset: Any) -> None:
    dataset = make_dataset(Rows=0, Columns=0, NumberOfFrames=100_000, FrameTime=40)
    began = time.process_time()
    facts = frame_facts(read_header(put(dataset)))
    assert facts[-1].frame_time_ms == pytest.approx(40 * 99_999)
    assert time.process_time() - began < 10


def test_a_functional_group_far_beyond_the_frames_places_none(put: Put) -> None:
    # 200 000 empty items but for the last one's element: the scanner counts them all.
    item = b"\xfe\xff\x00\xe0\0\0\0\0"
    content = explicit(0x00209056, b"SH", b"1 ")
    last = b"\xfe\xff\x00\xe0" + len(content).to_bytes(4, "little") + content
    groups = explicit(0x52009230, b"SQ", item * 200_000 + last)
    pixels = b"".join(
        explicit(tag, b"US", value.to_bytes(2, "little"))
        for tag, value in ((0x00280010, 1), (0x00280011, 1), (0x00280100, 8))
    )
    body = UIDS + pixels + groups + explicit(0x7FE00010, b"OB", b"\0\0")
    began = time.process_time()
    (fact,) = frame_facts(read_header(put(part10(body))))
    assert fact.refusal == "functional groups of 200001 frames are stated, there are 1"
    assert time.process_time() - began < 10


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(dataset=st.sampled_from(SEEDS), seed=st.integers(0, 2**32))
def test_mutated_instances_give_facts_or_a_named_error(
    dataset: Dataset, seed: int, put: Put, encode: Callable[..., bytes]
) -> None:
    mutated = mutate(encode(dataset), random.Random(seed))
    try:
        header = read_header(put(mutated))
        facts = frame_facts(header)
    except InvalidDicom:
        return
    dimension_pointers(header)
    assert isinstance(facts, tuple)
    if header.pixels is not None and not header.is_mosaic():
        assert len(facts) == header.pixels.frames
