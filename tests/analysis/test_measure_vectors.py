"""The shared vectors of measuring: as committed, and right by other code than ours."""

from __future__ import annotations

import json
import math
from collections import Counter
from typing import Any

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.ndimage import map_coordinates
from skimage.draw import polygon2mask

from noctis_lab.analysis.measure.figures import MeasuredPlane, figures_of
from noctis_lab.analysis.measure.kinds import KINDS
from noctis_lab.analysis.measure.placed import PlanePlace
from noctis_lab.errors import CannotMeasure
from tests.vectors.measure.vectors import FOLDER, Image, render

CLOSE = {"rel": 1e-9, "abs": 1e-9}


def read(name: str) -> Any:
    return json.loads((FOLDER / name).read_text(encoding="utf-8"))


def cases() -> list[Any]:
    return [
        pytest.param(
            Image.from_dict(entry["image"]), case, id=f"{entry['image']['name']}-{case['name']}"
        )
        for entry in read("figures.json")
        for case in entry["cases"]
    ]


def of_kinds(*kinds: str) -> list[Any]:
    return [found for found in cases() if found.values[1]["kind"] in kinds]


AREAS = of_kinds("ellipse", "rectangle", "polygon", "freehand")


def rounded(found: Any) -> Any:
    """Return JSON with numbers of 11 digits: the last ones are the processor's."""
    if isinstance(found, dict):
        return {name: rounded(value) for name, value in found.items()}
    if isinstance(found, list):
        return [rounded(value) for value in found]
    if isinstance(found, float):
        return "0" if abs(found) < 1e-12 else f"{found:.11g}"
    return found


@pytest.mark.parametrize("name", ["figures.json", "kinds.json", "planes.json", "refused.json"])
def test_the_vectors_are_those_that_the_command_makes(name: str) -> None:
    assert rounded(read(name)) == rounded(json.loads(render()[name]))


def test_every_kind_is_among_them() -> None:
    assert {found.values[1]["kind"] for found in cases()} == set(KINDS)


def is_inside(kind: str, points: list[list[float]], x: int, y: int) -> bool:
    """Decide by loops over plain numbers, from the rules as they are written down."""
    if kind in ("rectangle", "ellipse"):
        (x0, y0), (x1, y1) = points
        if kind == "rectangle":
            return min(x0, x1) <= x <= max(x0, x1) and min(y0, y1) <= y <= max(y0, y1)
        a, b = abs(x1 - x0) / 2, abs(y1 - y0) / 2
        return a > 0 and b > 0 and math.hypot((x - (x0 + x1) / 2) / a, (y - (y0 + y1) / 2) / b) <= 1
    odd = False
    for (x0, y0), (x1, y1) in zip(points, [*points[1:], points[0]], strict=True):
        # Left of the side, by the sign of the cross product: no division.
        if (y0 <= y) != (y1 <= y):
            cross = (x1 - x0) * (y - y0) - (x - x0) * (y1 - y0)
            odd ^= cross > 0 if y1 > y0 else cross < 0
    return odd


@pytest.mark.parametrize(("image", "case"), AREAS)
def test_voxels_are_those_a_loop_finds(image: Image, case: dict[str, Any]) -> None:
    rows, columns = image.shape
    expected = [
        [x, y]
        for y in range(rows)
        for x in range(columns)
        if is_inside(case["kind"], case["points_px"], x, y)
    ]
    assert case["voxels"] == expected


@pytest.mark.parametrize(("image", "case"), of_kinds("polygon", "freehand"))
def test_voxels_are_scikit_images_but_on_edges(image: Image, case: dict[str, Any]) -> None:
    points = np.array(case["points_px"])[:, ::-1]
    mask = np.zeros(image.shape, bool)
    for column, row in case["voxels"]:
        mask[row, column] = True
    for row, column in np.argwhere(mask != polygon2mask(image.shape, points)):
        ends = np.roll(points, -1, axis=0)
        along, apart = ends - points, np.array([row, column]) - points
        squared = np.maximum((along * along).sum(axis=1), 1e-30)
        part = np.clip((along * apart).sum(axis=1) / squared, 0, 1)
        nearest = points + part[:, np.newaxis] * along
        assert np.min(np.hypot(*(nearest - [row, column]).T)) < 1e-9


@pytest.mark.parametrize(("image", "case"), AREAS)
def test_statistics_are_numpys(image: Image, case: dict[str, Any]) -> None:
    values, found = image.to_plane().values, case["values"]
    if values is None:
        assert set(found) == {"area_mm2", "perimeter_mm", "clipped"}
        return
    inside = np.array([values[row, column] for column, row in case["voxels"]], dtype=np.float64)
    numbers = inside[~np.isnan(inside)]
    assert found["count"] == len(numbers)
    assert found["excluded"] == len(inside) - len(numbers)
    assert found["units"] == image.units
    names = ("mean", "sd", "min", "max", "median")
    if not len(numbers):
        assert [found[name] for name in names] == [None] * 5
        assert found["histogram"] is None
        return
    expected = [f(numbers) for f in (np.mean, np.std, np.min, np.max, np.median)]
    assert [found[name] for name in names] == [pytest.approx(value, **CLOSE) for value in expected]
    low, high, counts = (found["histogram"][name] for name in ("low", "high", "counts"))
    assert (low, high) == (numbers.min(), numbers.max())
    width = (high - low) / 64
    bins = Counter(
        0 if width == 0 else next(b for b in range(64) if b == 63 or v < low + (b + 1) * width)
        for v in numbers
    )
    differing = sum(abs(counts[b] - bins[b]) for b in range(64))
    on_edges = sum(
        width > 0 and abs((v - low) / width - round((v - low) / width)) < 1e-9 for v in numbers
    )
    assert differing <= 2 * on_edges
    assert sum(counts) == len(numbers)


def even_odd_width(points: np.ndarray, y: float) -> float:
    ends = np.roll(points, -1, axis=0)
    is_passed = (points[:, 1] <= y) != (ends[:, 1] <= y)
    (x0, y0), (x1, y1) = points[is_passed].T, ends[is_passed].T
    places = np.sort(x0 + (x1 - x0) * (y - y0) / (y1 - y0))
    return float(np.sum(places[1::2] - places[::2]))


@pytest.mark.parametrize(("image", "case"), AREAS)
def test_areas_and_outlines_are_the_shapes(image: Image, case: dict[str, Any]) -> None:
    row_mm, column_mm = image.spacing_mm or (1.0, 1.0)
    unit = "px" if image.spacing_mm is None else "mm"
    points = np.array(case["points_px"]) * [column_mm, row_mm]
    area, perimeter = case["values"][f"area_{unit}2"], case["values"][f"perimeter_{unit}"]
    width, height = np.ptp(points, axis=0)
    if case["kind"] == "rectangle":
        assert area == pytest.approx(width * height)
        assert perimeter == pytest.approx(2 * width + 2 * height)
    elif case["kind"] == "ellipse":
        a, b = width / 2, height / 2
        assert area == pytest.approx(np.pi * a * b)
        around = quad(lambda t: math.hypot(a * math.sin(t), b * math.cos(t)), 0, np.pi / 2)[0] * 4
        assert perimeter == pytest.approx(around, rel=1e-9)
    else:
        sides = [math.dist(p, q) for p, q in zip(points, np.roll(points, -1, axis=0), strict=True)]
        assert perimeter == pytest.approx(sum(sides), **CLOSE)
        x, y = points.T
        lacing = abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2
        if "itself" not in case["name"] and "overlapping" not in case["name"]:
            assert area == pytest.approx(lacing, **CLOSE)
            return
        steps = np.linspace(y.min(), y.max(), 501)
        middles, step = (steps[1:] + steps[:-1]) / 2, steps[1] - steps[0]
        summed = sum(even_odd_width(points, middle) for middle in middles) * step
        assert area == pytest.approx(summed, rel=2e-3)


def test_areas_of_crossing_outlines_are_those_of_their_parts() -> None:
    plane = MeasuredPlane(shape=(10, 12), values=None, spacing_mm=(1.0, 1.0))
    bow_tie = figures_of("polygon", [[1, 1], [9, 7], [9, 1], [1, 7]], plane)
    assert bow_tie["area_mm2"] == pytest.approx(2 * (6 * 4 / 2))
    # A pentagram without its inner pentagon: five tips, whose sides the golden ratio gives.
    corners = [[math.sin(a), -math.cos(a)] for a in 0.8 * math.pi * np.arange(5)]
    golden = (1 + math.sqrt(5)) / 2
    line = 2 * math.sin(2 * math.pi / 5)
    side, base = line / golden**2, line / golden**3
    tip = base * math.sqrt(side**2 - (base / 2) ** 2) / 2
    assert figures_of("polygon", corners, plane)["area_mm2"] == pytest.approx(5 * tip)


@pytest.mark.parametrize(("image", "case"), of_kinds("length", "angle", "cobb", "bidirectional"))
def test_lengths_and_angles_are_those_of_vectors(image: Image, case: dict[str, Any]) -> None:
    row_mm, column_mm = image.spacing_mm or (1.0, 1.0)
    unit = "px" if image.spacing_mm is None else "mm"
    points = np.array(case["points_px"]) * [column_mm, row_mm]
    found = case["values"]
    if case["kind"] == "length":
        assert found == {f"length_{unit}": pytest.approx(math.dist(*points))}
    elif case["kind"] == "bidirectional":
        both = sorted([math.dist(*points[:2]), math.dist(*points[2:])])
        assert [found[f"width_{unit}"], found[f"length_{unit}"]] == pytest.approx(both)
    else:
        ends = (points[0], points[2]) if case["kind"] == "angle" else (points[1], points[3])
        starts = (points[1], points[1]) if case["kind"] == "angle" else (points[0], points[2])
        one, other = (complex(*(end - start)) for end, start in zip(ends, starts, strict=True))
        if not one or not other:
            assert found == {"angle_deg": None}
            return
        turn = abs(math.degrees(np.angle(other / one)))
        expected = turn if case["kind"] == "angle" else min(turn, 180 - turn)
        assert found["angle_deg"] == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(("image", "case"), of_kinds("profile"))
def test_profiles_are_scipys(image: Image, case: dict[str, Any]) -> None:
    values, found = image.to_plane().values, case["values"]
    (x0, y0), (x1, y1) = case["points_px"]
    if values is None:
        assert "samples" not in found
        return
    count = len(found["samples"])
    unit = "px" if image.spacing_mm is None else "mm"
    assert found[f"step_{unit}"] * (count - 1) == pytest.approx(found[f"length_{unit}"])
    assert count - 1 == max(1, math.ceil(math.hypot(x1 - x0, y1 - y0) - 1e-6))
    places = np.array([np.linspace(y0, y1, count), np.linspace(x0, x1, count)])
    filled = np.where(np.isnan(values), 0.0, values)
    expected = map_coordinates(filled, places, order=1, mode="constant", cval=np.nan)
    # A sample is none where a voxel that has weight is none: its neighbourhood says so.
    holed = map_coordinates(np.isnan(values).astype(float), places, order=1, mode="nearest") > 1e-12
    expected[holed] = np.nan
    samples = np.array([np.nan if value is None else value for value in found["samples"]])
    outside = np.isnan(expected)
    np.testing.assert_array_equal(np.isnan(samples), outside)
    np.testing.assert_allclose(samples[~outside], expected[~outside], rtol=1e-9, atol=1e-9)
    if (~outside).any():
        assert found["mean"] == pytest.approx(np.mean(samples[~outside]))
        assert found["sd"] == pytest.approx(np.std(samples[~outside]), abs=1e-9)


@pytest.mark.parametrize(("image", "case"), of_kinds("probe"))
def test_probes_read_the_nearest_voxel(image: Image, case: dict[str, Any]) -> None:
    values = image.to_plane().values
    ((x, y),) = case["points_px"]
    rows, columns = image.shape
    inside = [
        (row, column)
        for row in range(rows)
        for column in range(columns)
        if column - 0.5 <= x < column + 0.5 and row - 0.5 <= y < row + 0.5
    ]
    if values is None:
        assert set(case["values"]) == {"clipped"}
    elif not inside or np.isnan(values[inside[0]]):
        assert case["values"]["value"] is None
    else:
        assert case["values"]["value"] == values[inside[0]]


@pytest.mark.parametrize(("image", "case"), cases())
def test_clipped_says_that_a_shape_leaves_its_image(image: Image, case: dict[str, Any]) -> None:
    if "clipped" not in case["values"]:
        return
    rows, columns = image.shape
    inside = all(
        -0.5 <= x <= columns - 0.5 and -0.5 <= y <= rows - 0.5 for x, y in case["points_px"]
    )
    assert case["values"]["clipped"] is not inside


@pytest.mark.parametrize("case", read("refused.json"), ids=lambda case: case["name"])
def test_what_is_no_measurement_is_refused(case: dict[str, Any]) -> None:
    plane = MeasuredPlane(shape=(10, 12), values=np.zeros((10, 12)))
    with pytest.raises(CannotMeasure):
        figures_of(case["kind"], case["points_px"], plane)


@pytest.mark.parametrize("case", read("planes.json"))
def test_planes_place_points_as_affine_matrices_do(case: dict[str, Any]) -> None:
    found = case["plane"]
    down_mm, right_mm = found["spacing_mm"]
    normal = np.cross(found["right"], found["down"])
    affine = np.eye(4)
    affine[:3] = np.stack(
        [
            np.array(found["right"]) * right_mm,
            np.array(found["down"]) * down_mm,
            normal,
            np.array(found["origin_mm"]),
        ],
        axis=-1,
    )
    points = np.c_[np.array(case["points_mm"]), np.ones(3)]
    expected = (np.linalg.inv(affine) @ points.T).T
    np.testing.assert_allclose(case["points_px"], expected[:, :2], atol=1e-9)
    place = PlanePlace(
        origin_mm=tuple(found["origin_mm"]),
        right=tuple(found["right"]),
        down=tuple(found["down"]),
        spacing_mm=tuple(found["spacing_mm"]),
    )
    np.testing.assert_allclose(place.to_mm(expected[:, :2]), case["points_mm"], atol=1e-9)
