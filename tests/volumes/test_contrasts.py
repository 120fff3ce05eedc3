"""Contrasts that change from place to place: stacks of their own, or one volume that says so."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset

from noctis_lab.dicom.rescale import Rescale
from noctis_lab.errors import ContrastWarning, SeveralStacks
from noctis_lab.synthetic import PlaneStack, ct_series, weighted_mr
from noctis_lab.volumes.backend import open_lazily
from noctis_lab.volumes.cache import Handle
from noctis_lab.volumes.frames import Frame, frames_of_rows
from noctis_lab.volumes.load import load
from noctis_lab.volumes.plan import plan_frames, plan_rows
from noctis_lab.volumes.series_plan import find_facts, find_plan
from tests.volumes.archive import admit
from tests.volumes.rows import frame, only_stack, row

PLAIN = Rescale(slope=1.0, intercept=-1024.0, units=None)
UNITS = list(enumerate(("HU", "HU", "US", "HU")))
SIX = PlaneStack(planes=6)


def planes_of(facts: Sequence[dict[str, Any]], per_place: int = 1) -> list[Frame]:
    """Return frames with some facts, so many at each place."""
    return [
        frame(row((0, 0, 2.0 * (n // per_place)), n + 1), **each) for n, each in enumerate(facts)
    ]


@pytest.mark.parametrize(
    ("one", "other", "word"),
    [
        ({"component": "MAGNITUDE"}, {"component": "PHASE"}, "PHASE"),
        ({"component": "REAL"}, {"component": "IMAGINARY"}, "IMAGINARY"),
        ({"image_type": ("A", "B", "M")}, {"image_type": ("A", "B", "P")}, "P"),
        (
            {"image_type": ("A", "B", "DIXON", "IN_PHASE")},
            {"image_type": ("A", "B", "DIXON", "OUT_PHASE")},
            "DIXON\\OUT_PHASE",
        ),
        ({"kernel": "B30f"}, {"kernel": "B70f"}, "kernel B70f"),
        ({"tube_kv": 80.0}, {"tube_kv": 140.0}, "tube voltage 140.0 kV"),
        ({"echo_ms": 5.0}, {"echo_ms": 10.0}, "echo 10.0 ms"),
        ({"b_value": 0.0}, {"b_value": 1000.0}, "b 1000 s/mm²"),
        ({"asl_context": "LABEL"}, {"asl_context": "CONTROL"}, "ASL context CONTROL"),
        ({"inversion_ms": 10.0}, {"inversion_ms": 20.0}, "inversion 20.0 ms"),
        ({"flip_deg": 5.0}, {"flip_deg": 15.0}, "flip angle 15.0°"),
    ],
)
def test_contrasts_that_alternate_from_place_to_place_are_stacks(
    one: dict[str, Any], other: dict[str, Any], word: str
) -> None:
    found = plan_frames(planes_of([one, other] * 3))
    assert [stack.shape for stack in found.stacks] == [(3, 4, 5)] * 2
    assert [[f.row.InstanceNumber for f in s.frames] for s in found.stacks] == [
        [1, 3, 5],
        [2, 4, 6],
    ]
    assert found.stacks[1].parted_by == (word,)
    assert all(stack.placement and stack.placement.is_regular for stack in found.stacks)


def test_one_plane_of_another_kind_is_a_stack_of_its_own() -> None:
    axial, scout = ({"image_type": ("O", "P", word)} for word in ("AXIAL", "LOCALIZER"))
    found = plan_frames(planes_of([scout] + [axial] * 5))
    assert [stack.shape for stack in found.stacks] == [(1, 4, 5), (5, 4, 5)]


def test_two_contrasts_that_change_together_part_once() -> None:
    one = {"component": "MAGNITUDE", "image_type": ("O", "P", "M"), "echo_ms": 5.0}
    other = {"component": "PHASE", "image_type": ("O", "P", "P"), "echo_ms": 7.0}
    found = plan_frames(planes_of([one, other] * 2))
    assert [stack.parted_by for stack in found.stacks] == [
        ("MAGNITUDE", "M", "echo 5.0 ms"),
        ("PHASE", "P", "echo 7.0 ms"),
    ]


def test_a_contrast_that_changes_between_places_parts_the_dim_too() -> None:
    facts = [
        {"component": component, "echo_ms": echo}
        for component in ("MAGNITUDE", "MAGNITUDE", "PHASE", "PHASE")
        for echo in (5.0, 10.0)
    ]
    found = plan_frames(planes_of(facts, per_place=2))
    assert [(s.dims[0], s.shape, s.parted_by) for s in found.stacks] == [
        ("echo", (2, 2, 4, 5), ("MAGNITUDE",)),
        ("echo", (2, 2, 4, 5), ("PHASE",)),
    ]


@pytest.mark.parametrize(
    ("facts", "name"),
    [
        ([{"flip_deg": 10.0 + n} for n in range(4)], "flip angle"),
        ([{"image_type": (word, "PRIMARY")} for word in ("ORIGINAL", "DERIVED") * 2], None),
        ([{"temporal_index": n + 1} for n in range(4)], "time point"),
        ([{"phase_index": n % 2 + 1} for n in range(4)], "phase"),
        ([{"rescale": each} for each in (PLAIN, None, PLAIN)], "whether a Modality LUT is stated"),
        (
            [{"rescale": Rescale(slope=n + 1, intercept=0, units=u)} for n, u in UNITS],
            "RescaleType",
        ),
    ],
)
def test_what_is_no_other_contrast_stays_one_volume_that_says_so(
    facts: list[dict[str, Any]], name: str | None
) -> None:
    stack = only_stack(plan_frames(planes_of(facts)))
    assert stack.shape == (len(facts), 4, 5)
    assert stack.varying == (name or "ImageType values 1 and 2",)


def test_what_is_alike_says_nothing() -> None:
    facts = {"echo_ms": 5.0, "component": "MAGNITUDE", "image_type": ("O", "P", "M")}
    times = [facts | {"acquired_s": n, "trigger_ms": 10.0 * n} for n in range(4)]
    assert only_stack(plan_frames(planes_of(times))).varying == ()


def test_a_place_taken_by_duplicates_first_is_told_where_it_differs() -> None:
    facts: list[dict[str, Any]] = [{}, {}, {}, {"temporal_index": 2}, {}, {}]
    stack = only_stack(plan_frames(planes_of(facts, per_place=2), duplicates="last"))
    assert stack.varying == ("time point",)


def test_headers_are_read_where_rows_differ_in_contrast_or_do_not_say() -> None:
    def asked(*digests: bytes | None) -> bool:
        read = []
        rows = [row((0, 0, z), z, contrast_digest=d) for z, d in enumerate(digests)]
        plan_rows(
            rows, lambda rows: read.extend(rows) or frames_of_rows(rows), FrameOfReferenceUID="1"
        )
        return bool(read)

    assert not asked(b"1", b"1", b"1")
    assert asked(b"1", b"2", b"1")
    assert asked(None, None)
    assert not asked(None)


def _alternate(planes: list[Dataset], keyword: str, values: Sequence[Any]) -> list[Dataset]:
    for number, plane in enumerate(planes):
        setattr(plane, keyword, values[number % len(values)])
    return planes


def _alternating(convention: str) -> list[Dataset]:
    """Return six planes, each of another of two points than its neighbours."""
    series = weighted_mr(convention, stack=SIX, points=2)
    return [series[2 * plane + plane % 2] for plane in range(6)]


_CASES = {
    "kernel": (lambda: _alternate(ct_series(planes=6), "ConvolutionKernel", ["B30f", "B70f"]), 2),
    "tube voltage": (lambda: _alternate(ct_series(planes=6), "KVP", [80, 140]), 2),
    "Dixon": (
        lambda: _alternate(
            weighted_mr("time", stack=SIX, points=1),
            "ImageType",
            [["DERIVED", "PRIMARY", "DIXON", word] for word in ("WATER", "FAT", "IN_PHASE")],
        ),
        3,
    ),
    **{
        convention: (lambda convention=convention: _alternating(convention), 2)
        for convention in (
            *("echo", "b_value", "b_value siemens", "b_value csa", "b_value ge", "b_value philips"),
            *("component siemens", "component ge", "component philips"),
            *("asl_context", "asl_context philips", "asl_technique ge"),
        )
    },
}


@pytest.mark.parametrize("case", _CASES)
def test_no_series_mixes_contrasts_in_silence(handle: Handle, tmp_path: Path, case: str) -> None:
    make, count = _CASES[case]
    planes = make()
    admit(handle, planes, tmp_path / "in")
    uid = str(planes[0].SeriesInstanceUID)
    with pytest.raises(SeveralStacks):
        load(handle, uid)
    for number in range(count):
        loaded = load(handle, uid, stack=number)
        expected = [plane.pixel_array for plane in planes[number::count]]
        stored = load(handle, uid, stack=number, stored=True)
        np.testing.assert_array_equal(stored.values, expected)
        assert loaded.dicom.is_regular
    assert find_facts(handle, uid).stack_count == count


def test_a_volume_of_unlike_planes_warns_and_notes_it(handle: Handle, tmp_path: Path) -> None:
    planes = ct_series(planes=4)
    for plane in planes[:1]:
        plane.ImageType = ["DERIVED", *plane.ImageType[1:]]
    admit(handle, planes, tmp_path / "in")
    uid = str(planes[0].SeriesInstanceUID)
    for read in (load, lambda handle, uid: open_lazily(handle.settings, uid)):
        with pytest.warns(ContrastWarning, match="ImageType values 1 and 2") as caught:
            loaded = read(handle, uid)
        assert caught[0].message.varying == ("ImageType values 1 and 2",)  # type: ignore[union-attr]
        assert "ImageType values 1 and 2" in loaded.attrs["contrast_note"]
        assert loaded.sizes["z"] == 4
    facts = find_facts(handle, uid)
    assert facts.varies_along_z == "ImageType values 1 and 2"
    assert "ImageType values 1 and 2" in str(facts.geometry_note)


def test_an_ordinary_series_is_planned_without_reading_a_header(
    handle: Handle, tmp_path: Path
) -> None:
    planes = ct_series(planes=4)
    paths = admit(handle, planes, tmp_path / "in")
    for path in paths:
        path.unlink()
    _, plan = find_plan(handle, str(planes[0].SeriesInstanceUID))
    assert only_stack(plan).shape[0] == 4
