"""What Python lays over a view, what its channel says of it, and how its state keeps it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import noctis_lab as nl
from noctis_lab.errors import CannotOverlay, InstanceNotFound
from noctis_lab.lab import Lab
from noctis_lab.lab.objects import Series
from noctis_lab.synthetic import ct_series, write_series
from noctis_lab.synthetic.seg import segmentation
from noctis_lab.views.overlay_state import OverlayState
from noctis_lab.views.state import ViewerState
from noctis_lab.views.viewer import SeriesView
from tests.volumes.coloured import decode

PLANES, ROWS, COLUMNS = 5, 16, 24


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    images = ct_series(planes=PLANES, rows=ROWS, columns=COLUMNS)
    masks = np.zeros((1, PLANES, ROWS, COLUMNS), np.uint8)
    masks[0, 1:3, 4:9, 5:12] = 1
    write_series([*images, segmentation(masks, images)], tmp_path / "sent")
    with nl.open_lab(tmp_path / "archive", create=True) as opened:
        opened.index(tmp_path / "sent")
        yield opened


@pytest.fixture
def series(lab: Lab) -> Series:
    return lab.series(Modality="CT").one()


def ask(view: SeriesView, **question: Any) -> Any:
    said: list[dict[str, Any]] = []
    channel = view._channel
    assert channel is not None
    channel._send = said.append
    uid = view.state.SeriesInstanceUID
    asyncio.run(channel.answer({"kind": "ask", "id": "q", "SeriesInstanceUID": uid} | question))
    (answer,) = said
    return answer


def labels(view: SeriesView, listed: dict[str, Any]) -> np.ndarray:
    asked = {name: listed[name] for name in ("overlay", "revision")}
    answer = ask(view, what="labels", first=0, count=PLANES, **asked)
    images = decode(answer["body"], [(ROWS, COLUMNS)] * PLANES)
    nothing = np.zeros((ROWS, COLUMNS), np.uint16)
    return np.stack([image[0][0] if image else nothing for image in images])


def test_a_mask_over_a_view_is_listed_first_and_its_labels_are_the_masks(
    lab: Lab, series: Series
) -> None:
    volume = series.load()
    view = series.view(overlay=volume > 200)
    assert view.state.overlay is not None
    listed = ask(view, what="overlays")["body"]
    assert [one["kind"] for one in listed] == ["MASK", "BINARY"]
    assert listed[0]["overlay"] == view.state.overlay.overlay
    np.testing.assert_array_equal(labels(view, listed[0]), (volume.values > 200).astype(np.uint16))
    first = view.state.overlay.overlay
    view.overlay = volume < 0
    assert view.state.overlay.overlay != first
    listed = ask(view, what="overlays")["body"]
    np.testing.assert_array_equal(labels(view, listed[0]), (volume.values < 0).astype(np.uint16))
    view.overlay = None
    assert view.state.overlay is None
    assert [one["kind"] for one in ask(view, what="overlays")["body"]] == ["BINARY"]


def test_a_segmentation_is_laid_by_itself_or_by_its_uid(lab: Lab, series: Series) -> None:
    segments = lab.series(Modality="SEG").one().segments()
    uid = segments.SOPInstanceUID
    for given in (segments, uid):
        view = series.view(overlay=given)
        assert view.overlay is given
        assert view.state.overlay == OverlayState(overlay=uid)
        (listed,) = ask(view, what="overlays")["body"]
        expected = segments.labels().values
        np.testing.assert_array_equal(labels(view, listed), expected)


def test_a_mask_on_another_grid_is_refused_and_the_view_stays(lab: Lab, series: Series) -> None:
    view = series.view()
    other = series.load().assign_coords(x=series.load().x + 3.3) > 0
    with pytest.raises(CannotOverlay, match="expected x of 24 from"):
        view.overlay = other
    with pytest.raises(InstanceNotFound):
        view.overlay = "1.2.3"
    assert view.state.overlay is None
    assert view.overlay is None
    with pytest.raises(CannotOverlay, match="this one shows none"):
        SeriesView().overlay = other


def test_a_mask_is_laid_anew_when_images_come(tmp_path: Path, lab: Lab, series: Series) -> None:
    volume = series.load()
    view = series.view(overlay=volume > 200)
    images = ct_series(planes=PLANES + 1, rows=ROWS, columns=COLUMNS)
    known = set(lab.instances(SeriesInstanceUID=series.SeriesInstanceUID).df().SOPInstanceUID)
    (added,) = [image for image in images if image.SOPInstanceUID not in known]
    write_series([added], tmp_path / "later")
    lab.index(tmp_path / "later")
    stack = ask(view, what="stack")["body"]
    listed = ask(view, what="overlays")["body"][0]
    asked = {name: listed[name] for name in ("overlay", "revision")}
    body = ask(view, what="labels", first=0, count=PLANES + 1, **asked)["body"]
    found = decode(body, [(ROWS, COLUMNS)] * (PLANES + 1))
    by_uid = dict(zip(volume.SOPInstanceUID.values.tolist(), volume.values > 200, strict=True))
    for frame, layers in zip(stack["frames"], found, strict=True):
        expected = by_uid.get(frame["SOPInstanceUID"], np.zeros((ROWS, COLUMNS), bool))
        got = layers[0][0] if layers else np.zeros((ROWS, COLUMNS))
        np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize(
    "question",
    [
        {"what": "labels"},
        {"what": "labels", "overlay": "1.2.3", "first": 0, "count": 1},
        {"what": "labels", "overlay": 7, "first": 0, "count": 1},
        {"what": "labels", "overlay": "planes", "first": -4, "count": 1},
    ],
)
def test_questions_that_make_no_sense_are_answered_in_words(
    lab: Lab, series: Series, question: dict[str, Any]
) -> None:
    assert ask(series.view(), **question)["error"]


def test_the_state_comes_back_as_it_was() -> None:
    state = ViewerState(
        overlay=OverlayState(
            overlay="1.2.3", shown=False, opacity=0.7, style="outline", hidden=(3, 1)
        )
    )
    said = state.to_dict()["overlay"]
    assert said == {
        "overlay": "1.2.3",
        "shown": False,
        "opacity": 0.7,
        "style": "outline",
        "hidden": [1, 3],
    }
    other = ViewerState()
    other.update_from({"overlay": said})
    assert other.overlay == state.overlay
    other.update_from({"overlay": None})
    assert other.overlay is None


@pytest.mark.parametrize(
    "change",
    [
        {"overlay": "<script>"},
        {"overlay": 3},
        {"overlay": "9" * 65},
        {"shown": 1},
        {"opacity": 1.1},
        {"opacity": float("nan")},
        {"opacity": True},
        {"style": "dots"},
        {"hidden": [0.5]},
        {"hidden": [-1]},
        {"hidden": [70_000]},
        {"hidden": [True]},
        {"hidden": list(range(1001))},
        {"hidden": 3},
    ],
)
def test_an_unsound_state_is_refused_whole(change: dict[str, Any]) -> None:
    state = ViewerState()
    with pytest.raises((TypeError, ValueError)):
        state.update_from({"inverted": True, "overlay": change})
    assert state.overlay is None
    assert state.inverted is False


def test_dataarrays_alone_are_masks(series: Series) -> None:
    with pytest.raises(CannotOverlay, match="expected a DataArray, Dataset came"):
        series.view(overlay=xr.Dataset())
