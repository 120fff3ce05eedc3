"""Directions, normals and letters of planes in the patient."""

from __future__ import annotations

import numpy as np
import pytest

from noctis_lab.dicom.geometry import (
    closest_plane,
    is_orthonormal,
    is_same_orientation,
    orientation_letters,
    plane_normal,
    position_along_normal_mm,
    stack_directions,
    to_affine,
)

AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
CORONAL = (1.0, 0.0, 0.0, 0.0, 0.0, -1.0)
SAGITTAL = (0.0, 1.0, 0.0, 0.0, 0.0, -1.0)
TILTED = (1.0, 0.0, 0.0, 0.0, 0.9588197, 0.2840153)


@pytest.mark.parametrize(
    ("orientation", "normal", "plane"),
    [
        (AXIAL, (0, 0, 1), "axial"),
        (CORONAL, (0, 1, 0), "coronal"),
        (SAGITTAL, (-1, 0, 0), "sagittal"),
        (TILTED, (0, -0.2840153, 0.9588197), "axial"),
    ],
)
def test_a_normal_is_row_times_column(
    orientation: tuple[float, ...], normal: tuple[float, ...], plane: str
) -> None:
    np.testing.assert_allclose(plane_normal(orientation), normal, atol=1e-7)  # type: ignore[arg-type]
    assert closest_plane(orientation) == plane  # type: ignore[arg-type]


def test_parallel_directions_have_no_normal() -> None:
    assert plane_normal((1, 0, 0, 1, 0, 0)) == (0.0, 0.0, 0.0)


def test_position_along_the_normal_ignores_what_lies_in_the_plane() -> None:
    assert position_along_normal_mm((-104.0, 6.6, 657.98), AXIAL) == 657.98


@pytest.mark.parametrize(
    ("orientation", "holds"),
    [
        (AXIAL, True),
        (TILTED, True),
        ((1, 0, 0, 0.01, 1, 0), False),
        ((1.01, 0, 0, 0, 1, 0), False),
        ((float("nan"), 0, 0, 0, 1, 0), False),
        ((0, 0, 0, 0, 0, 0), False),
    ],
)
def test_orthonormality_is_checked(orientation: tuple[float, ...], holds: bool) -> None:
    assert is_orthonormal(orientation) is holds  # type: ignore[arg-type]


def test_orientations_are_compared_within_a_tolerance_that_may_be_zero() -> None:
    moved = (1.0, 0.0, 5e-5, 0.0, 1.0, 0.0)
    assert is_same_orientation(AXIAL, moved)
    assert not is_same_orientation(AXIAL, moved, tolerance=0)


@pytest.mark.parametrize(
    ("direction", "letters"),
    [
        ((1, 0, 0), "L"),
        ((-2, 0, 0), "R"),
        ((0, 3, 0), "P"),
        ((0, -1, 0), "A"),
        ((0, 0, 1), "H"),
        ((0, 0, -1), "F"),
        ((0, 0.9588197, 0.2840153), "PH"),
        ((-0.5, 0.1, -0.8), "FRP"),
        ((0.99998629, 0, 0.00523596), "L"),
        ((0, 0, 0), ""),
    ],
)
def test_letters_say_where_a_direction_points(
    direction: tuple[float, float, float], letters: str
) -> None:
    # PS3.3 C.7.6.1.1.1; x grows to the left, y to the back, z to the head (C.7.6.2.1.1).
    assert orientation_letters(direction) == letters


def test_an_affine_is_the_standards_equation_in_the_order_zyx() -> None:
    spacing_mm, origin = (0.7, 0.3), (-10.0, 20.0, 30.0)
    directions = stack_directions(CORONAL, (0.0, 4.0, 0.0))
    affine = to_affine(directions, (4.0, *spacing_mm), origin)
    column, down = 3, 2
    # PS3.3 Equation C.7.6.2.1-1: P = X·Δi·i + Y·Δj·j + S, Δi = PixelSpacing[1].
    by_hand = (
        np.array(CORONAL[:3]) * spacing_mm[1] * column
        + np.array(CORONAL[3:]) * spacing_mm[0] * down
        + origin
    )
    np.testing.assert_allclose((affine @ [0, down, column, 1])[:3], by_hand, atol=1e-12)
