"""Several frames at each place: a dim where they agree, else several stacks, or refused."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from noctis_lab.errors import DuplicatePositions
from noctis_lab.volumes.frames import Frame
from noctis_lab.volumes.plan import Plan, plan_frames
from noctis_lab.volumes.stack import Stack
from tests.volumes.rows import frame, only_stack, row


def series(points: list[dict[str, Any]], places: int = 3) -> list[Frame]:
    """Return frames of which each place has one for each point."""
    return [
        frame(row((0, 0, 2.0 * place), 100 * place + number), **point)
        for place in range(places)
        for number, point in enumerate(points)
    ]


def along(stack: Stack) -> list[Any]:
    assert stack.extra is not None
    return stack.extra.coords[stack.extra.dim][0].tolist()


def numbers(stack: Stack) -> np.ndarray[Any, Any]:
    return np.array([one.row.InstanceNumber for one in stack.frames]).reshape(stack.outer_shape)


@pytest.mark.parametrize(
    ("points", "dim", "values"),
    [
        ([{"temporal_index": t} for t in (2, 1, 3)], "time", [1, 2, 3]),
        ([{"acquired_s": t} for t in (40.0, 10.0)], "time", [0.0, 30.0]),
        ([{"echo_ms": t} for t in (9.2, 4.6)], "echo", [4.6, 9.2]),
        ([{"echo_number": t} for t in (1, 2)], "echo", [1, 2]),
        ([{"b_value": b} for b in (1000.0, 0.0)], "b_value", [0.0, 1000.0]),
        ([{"trigger_ms": t} for t in (50.0, 0.0)], "phase", [0.0, 50.0]),
        ([{"trigger_ms": t} for t in (0.0, 2500.0, 5000.0)], "time", [0.0, 2.5, 5.0]),
        ([{"phase_percent": p} for p in (0.0, 40.0, 75.0)], "phase", [0.0, 40.0, 75.0]),
        ([{"reference_ms": t} for t in (0.0, 60_000.0)], "time", [0.0, 60.0]),
        ([{"asl_context": c} for c in ("LABEL", "CONTROL")], "asl_context", ["CONTROL", "LABEL"]),
    ],
)
def test_what_is_the_same_at_every_place_is_a_dim(
    points: list[dict[str, Any]], dim: str, values: list[Any]
) -> None:
    stack = only_stack(plan_frames(series(points)))
    assert stack.dims == (dim, "z", "y", "x")
    assert stack.shape == (len(points), 3, 4, 5)
    assert along(stack) == values


_DAY_S = 86_400.0


@pytest.mark.parametrize(
    "clock",
    [(40_000.0, 1.7e9), (1.7e9, 40_000.0)],
    ids=["the second with a date", "the first with a date"],
)
def test_moments_of_two_clocks_order_nothing(clock: tuple[float, float]) -> None:
    with pytest.raises(DuplicatePositions):
        only_stack(plan_frames(series([{"acquired_s": time} for time in clock])))
    points = [{"acquired_s": time, "temporal_index": n + 1} for n, time in enumerate(clock)]
    assert along(only_stack(plan_frames(series(points)))) == [1, 2]


@pytest.mark.parametrize("day_s", [0, 20_000 * _DAY_S], ids=["no date", "the first day's date"])
@pytest.mark.parametrize("numbered", ["InstanceNumber", "AcquisitionNumber"])
def test_numbers_carry_a_series_over_midnight(day_s: float, numbered: str) -> None:
    clock = (86_398.0, 0.0, 2.0)
    points: list[dict[str, Any]] = [{"acquired_s": day_s + time} for time in clock]
    frames = series(points)
    if numbered == "AcquisitionNumber":
        points = [point | {"acquisition_number": n} for n, point in enumerate(points)]
        frames = [
            frame(row((0, 0, 2.0 * place), 100 * place - n), **point)
            for place in range(3)
            for n, point in enumerate(points)
        ]
    stack = only_stack(plan_frames(frames))
    assert along(stack) == [0.0, 2.0, 4.0]
    assert [one.facts.acquired_s for one in stack.frames[::3]] == [
        time + (day_s + _DAY_S if day_s else 0) for time in (-2.0, 0.0, 2.0)
    ]


@pytest.mark.parametrize("day_s", [0, 20_000 * _DAY_S])
def test_half_a_day_between_moments_that_numbers_do_not_follow_orders_nothing(
    day_s: float,
) -> None:
    frames = [
        frame(row((0, 0, 2.0 * place), number), acquired_s=day_s + time)
        for place in range(3)
        for number, time in ((1, 86_398.0), (3, 86_399.0), (2, 1.0))
    ]
    with pytest.raises(DuplicatePositions):
        only_stack(plan_frames(frames))


def test_two_scans_of_one_day_keep_their_order() -> None:
    clock = (20_000 * _DAY_S + 20_000, 20_000 * _DAY_S + 80_000)
    stack = only_stack(plan_frames(series([{"acquired_s": time} for time in clock])))
    assert along(stack) == [0.0, 60_000.0]


def test_dates_carry_a_series_over_midnight() -> None:
    clock = (20_000 * _DAY_S - 10, 20_000 * _DAY_S + 3)
    stack = only_stack(plan_frames(series([{"acquired_s": time} for time in clock])))
    assert along(stack) == [0.0, 13.0]


def test_directions_of_one_b_value_are_told_apart_and_b0_repeats_in_time() -> None:
    points = [
        {"b_value": 0.0, "acquired_s": 5.0},
        {"b_value": 0.0, "acquired_s": 1.0},
        {"b_value": 700.0, "b_vector": (0.0, 0.0, 1.0), "acquired_s": 2.0},
        {"b_value": 700.0, "b_vector": (1.0, 0.0, 0.0), "acquired_s": 3.0},
    ]
    stack = only_stack(plan_frames(series(points)))
    assert along(stack) == [0.0, 0.0, 700.0, 700.0]
    assert numbers(stack)[:, 0].tolist() == [1, 0, 2, 3]
    assert stack.extra is not None
    assert stack.extra.coords["b_vector_z"][0].tolist()[2:] == [1.0, 0.0]
    assert math.isnan(stack.extra.coords["b_vector_z"][0][0])


def test_beats_of_unequal_length_are_phases_in_order() -> None:
    frames = [
        frame(row((0, 0, 2.0 * z), 10 * z + n), trigger_ms=n * (20.0 + z))
        for z in range(3)
        for n in range(4)
    ]
    stack = only_stack(plan_frames(frames))
    assert stack.dims[0] == "phase"
    assert along(stack) == [1, 2, 3, 4]
    assert numbers(stack).tolist() == [[n, 10 + n, 20 + n] for n in range(4)]


def test_of_two_things_that_vary_the_lesser_parts_the_stacks() -> None:
    points = [{"echo_ms": e, "temporal_index": t} for t in range(1, 6) for e in (5.0, 10.0)]
    found = plan_frames(series(points))
    assert [stack.shape for stack in found.stacks] == [(5, 3, 4, 5)] * 2
    assert [stack.parted_by for stack in found.stacks] == [("echo 5.0 ms",), ("echo 10.0 ms",)]
    assert found.stacks[0].dims[0] == "time"


def test_dimension_indices_part_what_nothing_else_tells_apart() -> None:
    dimensions = ("2005,1063", "InStackPositionNumber")
    frames = [
        frame(
            row((0, 0, 2.0 * place), 10 * place + index),
            dimensions=dimensions,
            dimension_index=(index, place + 1),
        )
        for place in range(3)
        for index in (2, 1)
    ]
    stacks = plan_frames(frames).stacks
    assert {stack.parted_by for stack in stacks} == {
        ("dimension 2005,1063 1",),
        ("dimension 2005,1063 2",),
    }
    for stack in stacks:
        assert stack.shape == (3, 4, 5)
        assert len({one.facts.dimension_index[0] for one in stack.frames}) == 1
    without_one = plan_frames(frames[1:])
    assert not without_one.stacks
    assert isinstance(without_one.refused[0].error, DuplicatePositions)


def test_what_merely_goes_along_with_a_dim_is_a_coordinate() -> None:
    points = [
        {"asl_context": c, "temporal_index": t}
        for t, c in enumerate(("LABEL", "CONTROL", "LABEL", "CONTROL"), start=1)
    ]
    found = plan_frames(series(points))
    assert [stack.parted_by for stack in found.stacks] == [
        ("ASL context LABEL",),
        ("ASL context CONTROL",),
    ]
    points = [{"echo_ms": 5.0 * t, "temporal_index": t} for t in (1, 2)]
    stack = only_stack(plan_frames(series(points)))
    assert stack.dims[0] == "echo"


@pytest.mark.parametrize(
    ("one", "other", "word"),
    [
        ({"component": "MAGNITUDE"}, {"component": "PHASE"}, "PHASE"),
        ({"image_type": ("A", "B")}, {"image_type": ("A", "C")}, "A\\C"),
        ({"inversion_ms": 10.0}, {"inversion_ms": 20.0}, "inversion 20.0 ms"),
        ({"flip_deg": 5.0}, {"flip_deg": 15.0}, "flip angle 15.0°"),
        ({"acquisition_number": 1}, {"acquisition_number": 2}, "acquisition 2"),
    ],
)
def test_what_is_no_dim_parts_stacks(one: Any, other: Any, word: str) -> None:
    found = plan_frames(series([one, other]))
    assert [stack.dims for stack in found.stacks] == [("z", "y", "x")] * 2
    assert found.stacks[1].parted_by == (word,)


@pytest.mark.parametrize(
    "frames",
    [
        series([{}, {}]),  # nothing is stated
        series([{"temporal_index": 1}, {"temporal_index": 1}]),
        # Volumes that overlap in time are none: which frames are of one, nobody says.
        [
            frame(row((0, 0, z), 10 * z + n), acquired_s=1.0 * n + 3 * z)
            for z in range(3)
            for n in range(2)
        ],
        # Side by side at one distance along the normal.
        [frame(row((10 * n, 0, z), 10 * z + n)) for z in range(3) for n in range(2)],
    ],
)
def test_what_nothing_explains_is_refused(frames: list[Frame]) -> None:
    found = plan_frames(frames)
    assert not found.stacks
    with pytest.raises(DuplicatePositions):
        only_stack(found)


def test_a_series_over_time_that_was_broken_off_keeps_what_is_whole() -> None:
    frames = series([{"temporal_index": t} for t in range(1, 6)])[:-2]
    found = plan_frames(frames)
    assert [stack.dims for stack in found.stacks] == [("time", "z", "y", "x")] * 2
    assert [stack.shape[:2] for stack in found.stacks] == [(3, 3), (2, 2)]
    assert found.stacks[1].parted_by == ("at 2 of 3 positions",)


def test_stacks_of_as_many_places_are_told_apart_by_the_first() -> None:
    frames = [
        frame(row((0, 0, 2.0 * place), 10 * place + n), echo_ms=10.0 + 5 * n + 0.1 * place)
        for place in range(3)
        for n in range(2)
    ]
    stacks = plan_frames(frames).stacks
    assert [stack.parted_by for stack in stacks] == [
        (f"at 1 of 3 positions, from {z:.2f} mm along the normal",) for z in (0, 2, 4)
    ]


def test_numbered_volumes_are_time_points_where_as_many_are_stated() -> None:
    frames = [
        frame(row((0, 0, 2.0 * z), 1 + 3 * t + z), temporal_count=4)
        for t in range(4)
        for z in range(3)
    ]
    stack = only_stack(plan_frames(frames))
    assert stack.dims[0] == "time"
    assert numbers(stack).tolist() == [[1 + 3 * t + z for z in range(3)] for t in range(4)]
    short = [one for one in frames if one.row.InstanceNumber != 12]
    with pytest.raises(DuplicatePositions):
        only_stack(plan_frames(short))


def _seen(found: Plan) -> list[Any]:
    return [
        (stack.dims, stack.parted_by, [(f.row.InstanceNumber, f.index) for f in stack.frames])
        for stack in found.stacks
    ] + [str(refused.error) for refused in found.refused]


@given(data=st.data())
def test_a_plan_does_not_depend_on_the_order_of_frames(data: st.DataObject) -> None:
    points = data.draw(
        st.lists(
            st.fixed_dictionaries(
                {},
                optional={
                    "echo_ms": st.sampled_from([5.0, 10.0]),
                    "temporal_index": st.integers(1, 3),
                    "component": st.sampled_from(["MAGNITUDE", "PHASE"]),
                    "acquired_s": st.sampled_from([1.0, 2.0, 3.0]),
                },
            ),
            min_size=1,
            max_size=4,
        )
    )
    frames = series(points)
    shuffled = data.draw(st.permutations(frames))
    assert _seen(plan_frames(shuffled)) == _seen(plan_frames(frames))
    planned = [one for stack in plan_frames(frames).stacks for one in stack.frames]
    assert len({id(one) for one in planned}) == len(planned)  # none twice
