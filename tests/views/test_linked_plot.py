"""A plot follows its view's state, computes in Python, and takes no client at its word."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

import noctis_lab as nl
from noctis_lab.errors import CannotMeasure, FrameNotFound, SeriesNotFound
from noctis_lab.lab import Lab, Series
from noctis_lab.lab.measuring import plotted
from noctis_lab.synthetic import PlaneStack, weighted_mr, weighted_stored
from noctis_lab.views.linked_plot import LinkedPlot
from noctis_lab.views.plots.asked import Asked, Gauge, Plotted, Stopped
from noctis_lab.views.plots.figure import plot_figure
from noctis_lab.views.state import PLOTS, ViewerState
from tests.lab.filling import fill

SHAPE, PLANES, POINTS = (10, 12), 4, 5


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with nl.open_lab(tmp_path / "archive", create=True) as opened:
        stack = PlaneStack(planes=PLANES)
        fill(opened, weighted_mr("time", stack=stack, points=POINTS, shape=SHAPE), tmp_path / "in")
        yield opened


@pytest.fixture
def series(lab: Lab) -> Series:
    return lab.series().one()


def said_of(series: Series, kind: str = "rectangle", index: int = 6) -> dict[str, Any]:
    """Return a measurement as a client names it."""
    points = [[2, 1], [7, 5]]
    measured = series.measure(kind, points, index=index)
    return {
        "MeasurementUID": "0" * 32,
        "kind": kind,
        "StudyInstanceUID": series.StudyInstanceUID,
        "SeriesInstanceUID": series.SeriesInstanceUID,
        "SOPInstanceUID": measured.SOPInstanceUID,
        "frame": 0,
        "points_px": points,
    }


def docked(
    lab: Lab, series: Series, may_see: Callable[[str], bool] = lambda _: True, **state: Any
) -> LinkedPlot:
    archive = Plotted(lab, series.StudyInstanceUID, may_see)
    shown = ViewerState(SeriesInstanceUID=series.SeriesInstanceUID, **state)
    return LinkedPlot(shown, archive, is_docked=True)


async def until(fact: Callable[[], bool]) -> None:
    for _ in range(400):
        if fact():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it did not come about")


def test_figures_are_those_of_the_image_in_view(lab: Lab, series: Series) -> None:
    view = series.view()
    plot = view.histogram()
    for index in (0, 7):
        view.at(index=index)
        found = plotted.slice_histogram(lab.handle, series.row.reference, index)
        assert plot.figures["counts"] == found.counts
        values = weighted_stored(index % PLANES, index // PLANES, SHAPE)
        assert plot.figures["low"] == values.min()
    volume = view.histogram("volume")
    assert volume.figures["count"] == PLANES * np.prod(SHAPE)


def test_a_view_that_does_not_say_its_image_shows_the_middle_one(series: Series) -> None:
    figures = series.view().histogram().figures
    middle = PLANES * POINTS // 2
    assert figures["low"] == weighted_stored(middle % PLANES, middle // PLANES, SHAPE).min()


def test_a_curve_is_of_the_series_latest_region_or_of_the_one_named(series: Series) -> None:
    first = series.measure("rectangle", [[2, 1], [7, 5]], index=6).save()
    series.measure("probe", [[3, 3]], index=6).save()
    line = series.measure("profile", [[1, 1], [8, 8]], index=6).save()
    view = series.view()
    assert view.curve().figures["counts"] == (1,) * POINTS
    regions = [weighted_stored(2, point, SHAPE)[1:6, 2:8] for point in range(POINTS)]
    means = [region.mean() for region in regions]
    np.testing.assert_allclose(view.curve(first).figures["means"], means)
    assert len(view.profile().figures["samples"]) == 11
    assert view.profile(line).figures == view.profile().figures
    with pytest.raises(CannotMeasure, match="a profile is plotted of"):
        view.profile(first).figures  # noqa: B018
    with pytest.raises(CannotMeasure, match="any more"):
        view.curve("f" * 32).figures  # noqa: B018


def test_without_a_region_it_says_how_one_is_drawn(series: Series) -> None:
    plot = series.view().curve()
    with pytest.raises(CannotMeasure, match="press e"):
        plot.figures  # noqa: B018
    assert "press e" in plot.drawn["note"]
    assert plot.drawn["figures"] is None


def test_elements_have_the_figures_and_their_units(series: Series) -> None:
    series.measure("rectangle", [[2, 1], [7, 5]], index=6).save()
    series.measure("profile", [[1, 1], [8, 8]], index=6).save()
    view = series.view()
    histogram = view.histogram()
    counts = histogram.element.dimension_values("count")
    assert counts.tolist() == list(histogram.figures["counts"])
    curve = view.curve()
    assert curve.element.dimension_values("mean").tolist() == list(curve.figures["means"])
    assert [str(d) for d in curve.element.kdims] == ["time"]
    assert curve.element.kdims[0].unit == "s"
    profile = view.profile()
    assert profile.element.dimension_values("value").tolist() == list(profile.figures["samples"])
    assert profile.element.kdims[0].unit == "mm"


def test_a_pages_plot_follows_the_state(lab: Lab, series: Series) -> None:
    async def follow() -> None:
        plot = docked(lab, series, index=3)
        assert plot.drawn == {}
        plot.state.plot = "slice-histogram"
        await until(lambda: bool(plot.drawn))
        assert plot.drawn["figures"]["low"] == weighted_stored(3, 0, SHAPE).min()
        plot.state.index = 9
        lowest = weighted_stored(1, 2, SHAPE).min()
        await until(lambda: plot.drawn["figures"]["low"] == lowest)
        plot._handle_msg({"kind": "measured", "measurement": said_of(series)})
        plot.state.plot = "curve"
        await until(lambda: plot.drawn["what"] == "curve")
        assert plot.drawn["figures"]["counts"] == (30,) * POINTS
        plot.state.plot = ""
        plot.state.index = 2
        await asyncio.sleep(0.1)
        assert plot.drawn["what"] == "curve"  # nothing is computed that nobody sees

    asyncio.run(follow())


class Counted(Plotted):
    """An archive that notes where it is asked what a plot is of."""

    asked_in: ClassVar[list[int]] = []

    def ask(self, *given: Any) -> Asked:
        self.asked_in.append(threading.get_ident())
        return super().ask(*given)


def test_scrolling_asks_no_catalogue_on_the_thread_of_the_page(lab: Lab, series: Series) -> None:
    async def follow() -> None:
        seen = [True]
        archive = Counted(lab, series.StudyInstanceUID, lambda _: seen[0])
        shown = ViewerState(
            SeriesInstanceUID=series.SeriesInstanceUID, index=0, plot="slice-histogram"
        )
        plot = LinkedPlot(shown, archive, is_docked=True)
        Counted.asked_in.clear()
        for index in (3, 9):
            plot.state.index = index
            low = weighted_stored(index % PLANES, index // PLANES, SHAPE).min()
            await until(lambda low=low: (plot.drawn.get("figures") or {}).get("low") == low)
        assert Counted.asked_in == []
        seen[0] = False  # a right that was taken away is missed all the same
        plot.state.index = 5
        await until(lambda: "not yours" in plot.drawn["note"])

    asyncio.run(follow())


class Gate:
    """Holds computations up where they tell how far they are, until it is opened."""

    def __init__(self) -> None:
        self.reached, self.go_on, self.ended = (threading.Event() for _ in range(3))

    def passed(self, gauge: Gauge) -> Any:
        def at(done: int, total: int) -> None:
            gauge(done, total)
            self.reached.set()
            assert self.go_on.wait(10)
            try:
                gauge(done, total)
            except Stopped:
                self.ended.set()
                raise

        return at


class Held(Plotted):
    """An archive whose volume of the first time is held up at a gate."""

    gate = Gate()

    def compute(self, asked: Asked, gauge: Gauge) -> dict[str, Any]:
        return super().compute(asked, self.gate.passed(gauge) if asked.index == 0 else gauge)


@pytest.fixture
def held(lab: Lab, series: Series) -> Held:
    Held.gate = Gate()
    return Held(lab, series.StudyInstanceUID, lambda _: True)


def volume_of(held: Held, series: Series) -> LinkedPlot:
    shown = ViewerState(
        SeriesInstanceUID=series.SeriesInstanceUID, index=0, plot="volume-histogram"
    )
    return LinkedPlot(shown, held, is_docked=True)


def test_what_is_asked_last_is_drawn_and_what_came_before_it_is_stopped(
    held: Held, series: Series
) -> None:
    """A volume is counted while another image comes into view; both end, the last one is drawn."""

    async def follow() -> None:
        plot = volume_of(held, series)
        await until(held.gate.reached.is_set)
        await until(lambda: plot.progress == {"done": 0, "total": 2 * PLANES})
        plot.state.index = PLANES
        held.gate.go_on.set()
        await until(lambda: bool(plot.drawn))
        await until(held.gate.ended.is_set)
        assert plot.drawn["figures"]["low"] == weighted_stored(0, 1, SHAPE).min()
        assert plot.progress == {}

    asyncio.run(follow())


def test_whoever_looks_can_stop_a_computation_and_begin_it_again(
    held: Held, series: Series
) -> None:
    async def follow() -> None:
        plot = volume_of(held, series)
        await until(held.gate.reached.is_set)
        plot._handle_msg({"kind": "stop"})
        held.gate.go_on.set()
        await until(lambda: bool(plot.drawn))
        assert plot.drawn["note"] == f"Stopped after 0 of {2 * PLANES} images."
        assert plot.drawn["may_repeat"]
        plot._handle_msg({"kind": "repeat"})
        await until(lambda: plot.drawn["figures"] is not None)

    asyncio.run(follow())


def test_a_study_that_may_not_be_seen_is_not_plotted(lab: Lab, series: Series) -> None:
    plot = docked(lab, series, may_see=lambda _: False, index=0, plot="slice-histogram")
    assert "not yours" in plot.drawn["note"]
    with pytest.raises(SeriesNotFound):
        plot.figures  # noqa: B018
    plot.state.plot = "curve"
    plot._handle_msg({"kind": "measured", "measurement": said_of(series)})
    assert "not yours" in plot.drawn["note"]
    assert plot.drawn["figures"] is None


@pytest.mark.parametrize(
    "message",
    [
        None,
        [],
        "measured",
        {"kind": None},
        {"kind": ["measured"]},
        {"kind": "__init__"},
        {"kind": "measured", "measurement": 3},
        {"kind": "measured", "measurement": {"kind": "rectangle"}},
        {"kind": "measured", "measurement": {"kind": ["rectangle"]}},
        {"kind": "measured", "measurement": {"kind": "rectangle", "points_px": [[1e9, 2]] * 2}},
        {"kind": "state", "window": {"center": "x", "width": 1}},
        {"kind": "state", "window": {"center": 0, "width": -5}},
        {"kind": "state", "index": -1},
        {"kind": "state", "index": 1e300},
        {"kind": "state", "SeriesInstanceUID": "1.2", "layout": "3x3"},
        {"kind": "what", "what": "profile"},
        {"kind": "what", "what": ["curve"]},
    ],
)
def test_a_hostile_message_changes_nothing(lab: Lab, series: Series, message: Any) -> None:
    plot = docked(lab, series, index=1, plot="curve")
    before = plot.state.to_dict()
    plot._handle_msg(message)
    assert plot.state.to_dict() == before
    assert plot.drawn["figures"] is None
    assert plot.shown == "curve"


def test_a_plot_without_its_view_sets_the_window_itself(series: Series) -> None:
    view = series.view()
    plot = view.histogram()
    window = {"center": 40.0, "width": 300.0, "function": "LINEAR"}
    plot._handle_msg({"kind": "state", "window": window})
    assert view.state.to_dict()["window"] == window
    assert plot.view_window == window
    view.at(window=(10, 20))
    assert plot.view_window["width"] == 20


def test_a_client_that_comes_late_is_told_again(series: Series) -> None:
    plot = series.view().curve()
    before = plot.drawn
    plot._handle_msg({"kind": "ready"})
    assert plot.drawn != before  # said alike it would not be sent
    assert plot.drawn["note"] == before["note"]


def test_what_a_figures_client_changes_stays_with_it() -> None:
    models = list(plot_figure().references())
    assert len(models) > 20
    assert not any(model.syncable for model in models)


def test_a_plot_of_one_measurement_follows_no_other(series: Series) -> None:
    uid = series.measure("rectangle", [[2, 1], [7, 5]], index=6).save()
    plot = series.view().curve(uid)
    before = plot.figures
    another = said_of(series) | {"MeasurementUID": "1" * 32, "points_px": [[1, 1], [2, 2]]}
    plot._handle_msg({"kind": "measured", "measurement": another})
    assert plot.figures == before
    moved = said_of(series) | {"MeasurementUID": uid, "points_px": [[0, 0], [1, 1]]}
    plot._handle_msg({"kind": "measured", "measurement": moved})
    assert plot.figures["counts"] == (4,) * POINTS


def test_the_plot_is_part_of_the_state() -> None:
    for name in ("", *PLOTS):
        state = ViewerState(plot=name)
        other = ViewerState()
        other.update_from(state.to_dict())
        assert other.plot == name
    for unsound in ("pie", 3, None, ["curve"], True):
        with pytest.raises(ValueError, match="plot is none of"):
            ViewerState().update_from({"plot": unsound})


def test_views_of_one_state_share_a_key_that_no_other_state_has(series: Series) -> None:
    view, other = series.view(), series.view()
    assert view.link_key == view.histogram().link_key == view.state.link_key
    assert view.link_key != other.link_key


def test_a_frame_that_is_gone_is_said(lab: Lab, series: Series) -> None:
    plot = docked(lab, series, index=PLANES * POINTS, plot="slice-histogram")
    with pytest.raises(FrameNotFound):
        plot.figures  # noqa: B018
