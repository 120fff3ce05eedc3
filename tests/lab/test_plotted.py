"""What plots are drawn of: the same numbers as numpy's, of images read one at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from scipy.interpolate import RegularGridInterpolator

import noctis_lab as nl
from noctis_lab.errors import CannotMeasure, FrameNotFound
from noctis_lab.lab import Lab, Series
from noctis_lab.lab.measuring import plotted
from noctis_lab.lab.measuring.draft import MeasurementDraft, parse_draft
from noctis_lab.synthetic import PlaneStack, ct_series, weighted_mr, weighted_stored
from noctis_lab.volumes.pixels import find_shown_frames
from tests.lab.filling import fill

PLANES, ROWS, COLUMNS = 5, 24, 20
RNG = np.random.default_rng(8)
STORED = RNG.integers(-1000, 3000, (PLANES, ROWS, COLUMNS), dtype=np.int16)
STORED[:, 0] = -2000  # padding
POINTS, SHAPE = 6, (10, 12)


def values_of(slope: float, intercept: float) -> np.ndarray:
    return np.where(STORED == -2000, np.nan, STORED * slope + intercept)


def ct(lab: Lab, folder: Path, *, slope: float, intercept: float) -> Series:
    planes = ct_series(
        planes=PLANES,
        rows=ROWS,
        columns=COLUMNS,
        stored=STORED,
        rescale_slope=slope,
        rescale_intercept=intercept,
        pixel_spacing_mm=(0.5, 1.25),
        seed=f"plotted {slope}",
        elements={"PixelPaddingValue": -2000},
    )
    fill(lab, planes, folder)
    return lab.series(SeriesInstanceUID=str(planes[0].SeriesInstanceUID)).one()


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with nl.open_lab(tmp_path / "archive", create=True) as opened:
        yield opened


@pytest.fixture(params=[(1.0, -1024.0), (0.3, -100.7)], ids=["whole", "broken"])
def scaled(request: pytest.FixtureRequest, lab: Lab, tmp_path: Path) -> tuple[Series, np.ndarray]:
    slope, intercept = request.param
    return (
        ct(lab, tmp_path / "in", slope=slope, intercept=intercept),
        values_of(slope, intercept),
    )


@pytest.fixture
def echoes(lab: Lab, tmp_path: Path) -> Series:
    stack = PlaneStack(planes=4)
    fill(lab, weighted_mr("echo", stack=stack, points=POINTS, shape=SHAPE), tmp_path / "in")
    return lab.series().one()


def drawn(series: Series, kind: str, points: Any, index: int, **changes: Any) -> MeasurementDraft:
    frames = find_shown_frames(series._lab.handle, series.row.reference)[1]
    document = {
        "MeasurementUID": uuid4().hex,
        "kind": kind,
        "StudyInstanceUID": series.StudyInstanceUID,
        "SeriesInstanceUID": series.SeriesInstanceUID,
        "SOPInstanceUID": frames[index].row.SOPInstanceUID,
        "frame": frames[index].index,
        "points_px": points,
        "points_mm": None,
    }
    return parse_draft(document | changes)


def require_as_numpy(found: plotted.HistogramFigures, values: np.ndarray) -> None:
    numbers = values[np.isfinite(values)]
    bins = len(found.counts)
    counts, _ = np.histogram(numbers, bins=bins, range=(found.low, found.high))
    assert list(found.counts) == counts.tolist()
    assert (found.count, found.excluded) == (numbers.size, values.size - numbers.size)
    assert sum(found.counts) == numbers.size
    assert found.counts[-1] > 0


def test_an_images_histogram_is_numpys(lab: Lab, scaled: tuple[Series, np.ndarray]) -> None:
    series, values = scaled
    for index in range(PLANES):
        found = plotted.slice_histogram(lab.handle, series.row.reference, index)
        require_as_numpy(found, values[index])
        assert found.units == "HU"
        assert found.images == 1


def test_a_volumes_histogram_is_numpys(lab: Lab, scaled: tuple[Series, np.ndarray]) -> None:
    series, values = scaled
    told: list[tuple[int, int]] = []
    found = plotted.volume_histogram(
        lab.handle, series.row.reference, 0, lambda done, total: told.append((done, total))
    )
    require_as_numpy(found, values)
    assert found.images == PLANES
    assert told == [(done, 2 * PLANES) for done in range(2 * PLANES + 1)]


def test_bins_of_whole_numbers_are_whole(lab: Lab, tmp_path: Path) -> None:
    series = ct(lab, tmp_path / "in", slope=1.0, intercept=-1024.0)
    found = plotted.volume_histogram(lab.handle, series.row.reference, 0)
    width = (found.high - found.low) / len(found.counts)
    assert width == int(width) == 8  # 4000 values in at most 512 bins


def test_a_volume_of_several_echoes_is_that_of_the_image_in_view(lab: Lab, echoes: Series) -> None:
    for index in (0, 5, 23):
        found = plotted.volume_histogram(lab.handle, echoes.row.reference, index)
        values = np.stack([weighted_stored(plane, index // 4, SHAPE) for plane in range(4)]).astype(
            np.float64
        )
        require_as_numpy(found, values)
        assert found.images == 4


@pytest.mark.parametrize("index", [-1, PLANES, 10**9])
def test_an_image_that_there_is_not_is_refused(lab: Lab, tmp_path: Path, index: int) -> None:
    series = ct(lab, tmp_path / "in", slope=1.0, intercept=0.0)
    for histogram in (plotted.slice_histogram, plotted.volume_histogram):
        with pytest.raises(FrameNotFound):
            histogram(lab.handle, series.row.reference, index)


def test_an_image_of_padding_alone_has_no_histogram(lab: Lab, tmp_path: Path) -> None:
    planes = ct_series(
        planes=2, rows=4, columns=4, stored=np.full((2, 4, 4), -2000, np.int16),
        elements={"PixelPaddingValue": -2000},
    )  # fmt: skip
    fill(lab, planes, tmp_path / "in")
    with pytest.raises(CannotMeasure, match="no value"):
        plotted.slice_histogram(lab.handle, lab.series().one().row.reference, 0)


def test_one_value_alone_has_a_bin(lab: Lab, tmp_path: Path) -> None:
    planes = ct_series(planes=2, rows=4, columns=4, stored=np.full((2, 4, 4), 7, np.int16),
                       rescale_slope=0.1, rescale_intercept=0.0)  # fmt: skip
    fill(lab, planes, tmp_path / "in")
    found = plotted.slice_histogram(lab.handle, lab.series().one().row.reference, 0)
    assert sum(found.counts) == 16
    assert found.low < 0.7 < found.high


def test_what_progress_raises_ends_the_reading(lab: Lab, echoes: Series) -> None:
    def stop(done: int, _: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        plotted.volume_histogram(lab.handle, echoes.row.reference, 0, stop)
    region = drawn(echoes, "rectangle", [[1, 1], [4, 4]], 0)
    with pytest.raises(KeyboardInterrupt):
        plotted.curve(lab.handle, echoes.row, region, stop)


def test_a_profile_has_the_values_along_its_line(
    lab: Lab, scaled: tuple[Series, np.ndarray]
) -> None:
    series, values = scaled
    ends = np.array([[2.25, 3.5], [16.0, 20.75]])
    found = plotted.profile(lab.handle, series.row, drawn(series, "profile", ends.tolist(), 2))
    count = len(found.samples)
    assert count == np.ceil(np.hypot(*(ends[1] - ends[0]))) + 1
    places = np.linspace(ends[0], ends[1], count)[:, ::-1]
    between = RegularGridInterpolator((np.arange(ROWS), np.arange(COLUMNS)), values[2])
    np.testing.assert_allclose(found.samples, between(places), rtol=1e-9, atol=1e-9)
    length_mm = np.hypot(*((ends[1] - ends[0]) * [1.25, 0.5]))
    np.testing.assert_allclose(found.distances, np.linspace(0, length_mm, count))
    assert (found.unit, found.units) == ("mm", "HU")


def test_a_profile_beside_the_image_says_where_there_is_no_value(lab: Lab, tmp_path: Path) -> None:
    series = ct(lab, tmp_path / "in", slope=1.0, intercept=0.0)
    line = drawn(series, "profile", [[-3, 5], [5, 5]], 1)
    found = plotted.profile(lab.handle, series.row, line)
    assert found.samples == (None, None, None, *values_of(1.0, 0.0)[1, 5, :6])


@pytest.mark.parametrize("index", [0, 6, 23])
def test_a_curve_is_the_regions_mean_at_each_echo(lab: Lab, echoes: Series, index: int) -> None:
    found = plotted.curve(
        lab.handle, echoes.row, drawn(echoes, "rectangle", [[2, 1], [7, 5]], index)
    )
    plane = index % 4
    regions = [
        weighted_stored(plane, point, SHAPE)[1:6, 2:8].astype(np.float64) for point in range(POINTS)
    ]
    np.testing.assert_allclose(found.means, [region.mean() for region in regions], rtol=1e-12)
    np.testing.assert_allclose(found.sds, [region.std() for region in regions], rtol=1e-9)
    assert found.counts == (30,) * POINTS
    assert (found.dim, found.along_units, found.plane) == ("echo", "ms", plane)
    np.testing.assert_allclose(np.diff(found.along), 10.0)


def test_a_curve_of_a_probe_is_its_voxels_value(lab: Lab, echoes: Series) -> None:
    found = plotted.curve(lab.handle, echoes.row, drawn(echoes, "probe", [[3.2, 4.4]], 2))
    expected = [float(weighted_stored(2, point, SHAPE)[4, 3]) for point in range(POINTS)]
    assert found.means == tuple(expected)
    assert found.sds == (None,) * POINTS
    assert found.counts == (1,) * POINTS


def test_a_curve_of_places_in_the_patient_is_that_of_the_same_voxels(
    lab: Lab, echoes: Series
) -> None:
    by_px = drawn(echoes, "ellipse", [[1, 1], [8, 7]], 1)
    points_mm = echoes.measure("ellipse", [[1, 1], [8, 7]], index=1).points_mm
    assert points_mm is not None
    by_mm = drawn(echoes, "ellipse", None, 1, points_mm=points_mm.tolist())
    found = [plotted.curve(lab.handle, echoes.row, draft) for draft in (by_px, by_mm)]
    assert found[0] == found[1]


def test_a_curve_on_a_plane_through_the_volume_is_that_of_its_image(
    lab: Lab, echoes: Series
) -> None:
    drawn_px = drawn(echoes, "rectangle", [[2, 2], [6, 6]], 1)
    measured = echoes.measure("rectangle", [[2, 2], [6, 6]], index=1)
    frame = find_shown_frames(lab.handle, echoes.row.reference)[1][1].facts.plane
    assert frame.orientation is not None
    assert measured.points_mm is not None
    on_plane = drawn(
        echoes, "rectangle", None, 1, SOPInstanceUID=None, points_mm=measured.points_mm.tolist(),
        plane={
            "origin_mm": frame.position_mm, "right": frame.orientation[:3],
            "down": frame.orientation[3:], "spacing_mm": frame.pixel_spacing_mm,
        },
    )  # fmt: skip
    by_image = plotted.curve(lab.handle, echoes.row, drawn_px)
    by_plane = plotted.curve(lab.handle, echoes.row, on_plane)
    np.testing.assert_allclose(by_plane.means, by_image.means, rtol=1e-9)
    assert by_plane.plane is None


@pytest.mark.parametrize("kind", ["profile", "length", "text"])
def test_a_curve_of_what_is_no_region_is_refused(lab: Lab, echoes: Series, kind: str) -> None:
    points = [[1, 1]] if kind == "text" else [[1, 1], [4, 4]]
    with pytest.raises(CannotMeasure, match="a curve is plotted of"):
        plotted.curve(lab.handle, echoes.row, drawn(echoes, kind, points, 0))


def test_a_series_with_one_image_at_each_place_has_no_curve(lab: Lab, tmp_path: Path) -> None:
    series = ct(lab, tmp_path / "in", slope=1.0, intercept=0.0)
    with pytest.raises(CannotMeasure, match="one image at each place"):
        plotted.curve(lab.handle, series.row, drawn(series, "rectangle", [[1, 1], [4, 4]], 0))


def test_a_region_on_no_image_of_the_series_is_refused(lab: Lab, echoes: Series) -> None:
    stranger = drawn(echoes, "rectangle", [[1, 1], [4, 4]], 0, SOPInstanceUID="1.2.3")
    with pytest.raises(CannotMeasure, match="lies on no image"):
        plotted.curve(lab.handle, echoes.row, stranger)
    with pytest.raises(CannotMeasure, match="a profile is plotted"):
        plotted.profile(lab.handle, echoes.row, stranger)
