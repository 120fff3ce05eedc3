"""`nl.view`: series and arrays side by side, their state, measurements, stills and files."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import zlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import imagecodecs
import numpy as np
import pytest
import xarray as xr

import noctis_lab as nl
from noctis_lab.catalog.hu_records import HuKind, HuRecord, write_record
from noctis_lab.errors import CannotView, FrameNotFound, UserItemRefused
from noctis_lab.synthetic import ct_series
from noctis_lab.views.overlay_state import OverlayState
from noctis_lab.views.viewer import SeriesView
from tests.browser.drawn import fitted, one_to_one, windowed
from tests.lab.filling import fill

PLANES, ROWS, COLUMNS = 5, 16, 24
NAME = "Phantom^Never"


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[nl.Lab]:
    with nl.open_lab(tmp_path / "archive", create=True) as opened:
        series = ct_series(planes=PLANES, rows=ROWS, columns=COLUMNS)
        for dataset in series:
            dataset.PatientName, dataset.PatientID = NAME, "ID-4711"
        fill(opened, series, tmp_path / "in")
        yield opened


def plain(shape: tuple[int, ...] = (4, 6, 8)) -> xr.DataArray:
    values = np.random.default_rng(7).normal(0, 100, shape)
    return xr.DataArray(values, dims=("z", "y", "x")[-len(shape) :])


def asked(view: SeriesView, pane: int, **question: Any) -> dict[str, Any]:
    """Ask one question about what a pane shows; return the answer."""
    said: list[dict[str, Any]] = []
    channel = view._channel
    assert channel is not None
    channel._send = said.append
    shown = view.state.panes[pane] if view.state.panes else view.state
    named = {"kind": "ask", "id": "q", "SeriesInstanceUID": shown.SeriesInstanceUID}
    asyncio.run(channel.answer(named | question))
    return said.pop()


def draft(view: SeriesView, pane: int, kind: str, points: Any, frame: int = 0) -> dict[str, Any]:
    shown = view.state.panes[pane] if view.state.panes else view.state
    return {
        "MeasurementUID": uuid4().hex, "kind": kind, "StudyInstanceUID": "",
        "SeriesInstanceUID": shown.SeriesInstanceUID, "SOPInstanceUID": shown.SeriesInstanceUID,
        "frame": frame, "points_px": points, "label": "=mine",
    }  # fmt: skip


def test_a_series_and_its_computation_stand_side_by_side_in_one_space(lab: nl.Lab) -> None:
    series = lab.series().one()
    smooth = series.load().astype(np.float32) * 0.5
    view = nl.view([series, smooth], link={"position", "zoom"})
    assert (view.state.layout, view.state.link) == (
        "1x2", {"position": True, "window": False, "zoom": True},
    )  # fmt: skip
    one, other = (asked(view, pane, what="stack")["body"] for pane in (0, 1))
    assert one["FrameOfReferenceUID"] == other["FrameOfReferenceUID"] is not None
    for ours, theirs in zip(one["frames"], other["frames"], strict=True):
        assert ours["position_mm"] == pytest.approx(theirs["position_mm"])
    assert (one["is_archived"], other["is_archived"]) == (True, False)
    pixels = asked(view, 1, what="pixels", first=2, count=1, revision=other["revision"])["body"]
    assert np.array_equal(np.frombuffer(pixels, "<f4"), smooth.values[2].ravel())


def test_each_pane_is_moved_and_read_from_the_next_cell() -> None:
    array = plain()
    view = nl.view([array, array > 0])
    assert view.at(pane=1, index=3, inverted=True).state.active == 1
    assert [pane.index for pane in view.state.panes] == [None, 3]
    view.at(pane=0, index=1, window=(0, 50))
    assert [pane.index for pane in view.state.panes] == [1, 3]
    assert (view.state.index, view.state.window.width) == (1, 50)
    with pytest.raises(FrameNotFound, match="0 to 3, came 4"):
        view.at(pane=1, index=4)
    with pytest.raises(ValueError, match="a pane of 0 to 1, came 2"):
        view.at(pane=2)
    assert view.state.active == 0


@pytest.mark.parametrize(("count", "layout"), [(1, "1x1"), (3, "1x3"), (4, "2x2"), (9, "3x3")])
def test_so_many_arrays_take_the_least_layout(count: int, layout: str) -> None:
    assert nl.view([plain()] * count).state.layout == layout


def test_links_are_all_none_or_those_that_are_named() -> None:
    def linked(link: Any) -> set[str]:
        state = nl.view([plain(), plain()], link=link).state
        return {name for name, on in state.link.items() if on}

    assert linked(True) == {"position", "window", "zoom"}
    assert linked(False) == linked([]) == set()
    assert linked("window") == linked(["window"]) == {"window"}
    for unknown in ("windows", {"zoom", "slice"}, 3):
        with pytest.raises(CannotView, match="some of position, window, zoom"):
            linked(unknown)


def test_what_cannot_be_viewed_is_refused_with_what_to_do(lab: nl.Lab) -> None:
    array = plain()
    refused: list[tuple[Any, str]] = [
        (array.values, r"ndarray; name its axes"),
        (xr.Dataset({"adc": array}), "Dataset; choose one of its variables: adc"),
        (lab.series(), r"Selection; take one of it by .one\(\)"),
        (lab.studies().one(), "Study; take one of its series"),
        ("1.2.3", r"str; give lab.series"),
        ([], "1 to 9 things to view, came 0"),
        ([array] * 10, "came 10"),
        ([array, None], "came NoneType"),
        (array.astype(complex), "complex128"),
    ]
    for what, words in refused:
        with pytest.raises(CannotView, match=words):
            nl.view(what)


def test_series_of_two_archives_do_not_share_a_view(lab: nl.Lab, tmp_path: Path) -> None:
    with nl.open_lab(tmp_path / "other", create=True) as other:
        fill(other, ct_series(planes=2, seed="other"), tmp_path / "there")
        with pytest.raises(CannotView, match="one archive"):
            nl.view([lab.series().one(), other.series().one()])


def test_what_is_measured_on_an_array_is_a_row_and_in_no_archive(lab: nl.Lab) -> None:
    series = lab.series().one()
    array = series.load().astype(np.float64) * 2
    series.measure("probe", [[1, 1]], index=0).save("kept")
    view = nl.view([series, array])
    kept = asked(
        view, 1, what="save-measurement",
        measurement=draft(view, 1, "rectangle", [[2, 3], [6, 8]], frame=2),
    )["body"]  # fmt: skip
    json.dumps(kept, allow_nan=False)
    inside = array.values[2, 3:9, 2:7]
    table = view.measurements()
    assert table.columns.tolist() == ["pane", *lab.measurements().columns]
    assert table["pane"].tolist() == [0, 1]
    assert table["label"].tolist() == ["kept", "=mine"]
    row = table.iloc[1]
    assert (row["count"], row["value_units"]) == (inside.size, "HU")
    assert row["mean"] == pytest.approx(inside.mean(), rel=1e-12)
    assert row["sd"] == pytest.approx(inside.std(), rel=1e-12)
    dy, dx = array.dicom.spacing[1:]
    assert row["area_mm2"] == pytest.approx(4 * dx * 5 * dy)
    middle = array.dicom.index_to_world((2, 5.5, 4))
    assert [row["x_mm"], row["y_mm"], row["z_mm"]] == pytest.approx(middle)
    assert len(lab.measurements()) == 1
    assert [item["MeasurementUID"] for item in asked(view, 1, what="measurements")["body"]] == [
        kept["MeasurementUID"]
    ]
    uid = kept["MeasurementUID"]
    gone = asked(view, 1, what="delete-measurement", MeasurementUID=uid)["body"]
    assert gone["deleted_at"] is not None
    assert view.measurements()["pane"].tolist() == [0]
    again = asked(view, 1, what="delete-measurement", MeasurementUID=uid)
    assert "no measurement" in again["error"]


def test_without_millimetres_lengths_are_in_pixels() -> None:
    view = nl.view(plain())
    asked(view, 0, what="save-measurement", measurement=draft(view, 0, "length", [[0, 0], [3, 4]]))
    (row,) = view.measurements().to_dict("records")
    assert row["length_px"] == 5
    assert np.isnan(row["length_mm"])
    assert row["points_mm"] is None


def test_a_plane_through_an_array_is_measured_as_reslice_gives_it(lab: nl.Lab) -> None:
    array = lab.series().one().load() > 0
    view = nl.view(array)
    centre = array.dicom.index_to_world((2, 8, 12))
    plane = {
        "origin_mm": centre.tolist(), "right": [1, 0, 0], "down": [0, 0, -1],
        "spacing_mm": [1.0, 1.0], "slab_mm": 0, "projection": None,
    }  # fmt: skip
    measurement = draft(view, 0, "probe", None) | {
        "SOPInstanceUID": None, "frame": None, "points_px": None, "plane": plane,
        "points_mm": [centre.tolist()],
    }  # fmt: skip
    kept = asked(view, 0, what="save-measurement", measurement=measurement)["body"]
    assert kept["values"]["value"] == float(array.values[2, 8, 12])


def test_a_view_with_an_array_is_not_saved_as_a_session(lab: nl.Lab) -> None:
    series = lab.series().one()
    with pytest.raises(UserItemRefused, match="array in memory"):
        nl.view([series, series.load()]).save_session("mine")
    with pytest.raises(UserItemRefused):
        nl.view(plain()).save_session("mine")


def test_an_array_has_no_elements() -> None:
    answer = asked(nl.view(plain()), 0, what="elements", SOPInstanceUID="1.2.3")
    assert "no elements" in answer["error"]


# -- stills ----------------------------------------------------------------------------------------


def png(path: Path) -> np.ndarray:
    decoded: np.ndarray = imagecodecs.png_decode(path.read_bytes())
    return decoded


@pytest.mark.parametrize("size_px", [(6, 8), (100, 160), (37, 201)])
def test_a_png_is_what_numpy_says(tmp_path: Path, size_px: tuple[int, int]) -> None:
    array = plain()
    view = nl.view(array).at(index=2, window=(10, 220))
    shown = png(view.to_png(tmp_path / "a.png", size_px=size_px)).astype(int)
    expected = fitted(array.values[2], size_px)
    inside = ~np.isnan(expected)
    assert np.abs(shown - windowed(np.nan_to_num(expected), 10, 220))[inside].max() <= 1
    assert not shown[~inside].any()


def test_a_png_one_to_one_has_each_voxel_whatever_is_beside_it(tmp_path: Path) -> None:
    array = plain((6, 8))
    array[2, 3], array[0, 7], array[5, 0] = np.nan, np.inf, -np.inf
    view = nl.view(array).at(window=(10, 220))
    view.state.zoom = 0.5
    shown = png(view.to_png(tmp_path / "a.png", size_px=(12, 16))).astype(int)
    grey = windowed(np.nan_to_num(array.values, nan=-1e9, posinf=1e9, neginf=-1e9), 10, 220)
    assert np.array_equal(shown, one_to_one(grey, (12, 16)))


def test_turned_mirrored_and_inverted_pngs_are_numpys(tmp_path: Path) -> None:
    array = plain((6, 8))
    view = nl.view(array).at(window=(10, 220), inverted=True)
    view.state.param.update(rotation_deg=90, flipped=True)
    shown = png(view.to_png(tmp_path / "a.png", size_px=(8, 6))).astype(int)
    turned = np.fliplr(np.rot90(array.values, -1))
    assert np.array_equal(shown, 255 - windowed(turned, 10, 220))


def test_a_png_of_several_panes_has_them_as_they_stand(tmp_path: Path) -> None:
    array = plain((6, 8))
    view = nl.view([array, array > 0, array, array]).at(pane=0, colormap="hot_iron")
    whole = png(view.to_png(tmp_path / "a.png", size_px=(6, 8)))
    assert whole.shape == (12, 16, 3)
    mask = png(view.to_png(tmp_path / "b.png", pane=1, size_px=(6, 8)))
    assert np.array_equal(mask, np.where(array > 0, 255, 0))
    assert np.array_equal(whole[:6, 8:], np.repeat(mask[..., np.newaxis], 3, axis=2))
    with pytest.raises(CannotView, match="pane of 0 to 3, came 4"):
        view.to_png(tmp_path / "c.png", pane=4)
    with pytest.raises(CannotView, match="size_px"):
        view.to_png(tmp_path / "c.png", size_px=(0, 9))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "b.png"]


def test_a_script_without_a_browser_has_linked_panes_at_one_place(
    lab: nl.Lab, tmp_path: Path
) -> None:
    array = lab.series().one().load().astype(np.float32)
    coarse = array.isel(z=slice(3, None, -2))  # planes 3 and 1
    window = (float(array.mean()), 200)
    view = nl.view([array, coarse], link=True).at(index=3, window=window)
    other = png(view.to_png(tmp_path / "a.png", pane=1, size_px=(ROWS, COLUMNS)))
    assert np.array_equal(other, windowed(array.values[3], *window))
    state = held(view.to_html(tmp_path / "a.html"))["state"]
    assert [pane["index"] for pane in state["panes"]] == [3, 0]
    apart = nl.view([array, coarse]).at(index=3, window=window)
    state = held(apart.to_html(tmp_path / "a.html"))["state"]
    assert [pane["index"] for pane in state["panes"]] == [3, 1]
    bare = nl.view([plain(), plain() > 0], link=["position"]).at(index=3)
    state = held(bare.to_html(tmp_path / "a.html"))["state"]
    assert [pane["index"] for pane in state["panes"]] == [3, 3]


def test_planes_are_refused_with_what_to_do(tmp_path: Path) -> None:
    view = nl.view(plain())
    view.state.layout = "mpr"
    for write in (view.to_png, view.to_html):
        with pytest.raises(CannotView, match=r"'mpr'.*\.dicom\.axial"):
            write(tmp_path / "a")


def test_a_cell_without_a_kernel_shows_a_still(lab: nl.Lab) -> None:
    series = lab.series().one()
    middle = float(series.load().isel(z=1).mean())
    view = nl.view(series).at(index=1, window=(middle, 100))
    data, _ = view._with_still(({"text/html": "<div></div><script>x</script>"}, {}), view.still)
    still = imagecodecs.png_decode(base64.b64decode(data["image/png"]))
    assert max(still.shape[:2]) == 512
    assert still.any()
    assert data["text/html"].index("<img") < data["text/html"].index("<script")
    assert data["image/png"] in data["text/html"]


def test_a_view_that_cannot_be_painted_is_shown_without_a_still() -> None:
    view = nl.view(plain())
    view.state.layout = "mpr"
    bundle = ({"text/html": "<script>x</script>"}, {})
    assert view._with_still(bundle, view.still) is bundle
    assert view._with_still(None, view.still) is None


# -- files -----------------------------------------------------------------------------------------


def held(path: Path) -> dict[str, Any]:
    found = re.search(r'id="noctis-exported">(.*?)</script>', path.read_text(), re.DOTALL)
    assert found is not None
    document: dict[str, Any] = json.loads(found[1])
    return document


def failed_check(series: Any) -> HuRecord:
    """Return a check that found a series' rescale lost."""
    told = {
        "status": "fail",
        "offset_hu": 1024.2,
        "for_information": False,
        "reasons": "It is so.",
    }
    return HuRecord(
        record_id="1" * 32,
        kind=HuKind.SERIES_CHECK,
        author="worker",
        recorded_at=datetime.now(UTC),
        document=told,
        reference=series.row.reference,
        StudyInstanceUID=series.StudyInstanceUID,
        SeriesInstanceUID=series.SeriesInstanceUID,
    )


def test_a_file_holds_the_frames_and_names_nobody(lab: nl.Lab, tmp_path: Path) -> None:
    series = lab.series().one()
    write_record(lab.catalog, failed_check(series))  # its badge leads to the series' own page
    array = series.load().rename(NAME)
    view = nl.view([series, array]).at(index=1)
    view.state.overlay = OverlayState(overlay="2.25.4712")  # as a segmentation's SOPInstanceUID
    path = view.to_html(tmp_path / "a.html")
    text = path.read_text()
    named = [
        "2.25.4712",
        NAME,
        "Phantom, Never",
        "ID-4711",
        series.SeriesInstanceUID,
        series.StudyInstanceUID,
    ]
    named += [instance.SOPInstanceUID for instance in series.instances]
    named += [array.dicom.frame_of_reference_uid, view.state.panes[1].SeriesInstanceUID]
    assert [name for name in named if name in text] == []
    document = held(path)
    assert "HU scale +1024" in text
    assert document["state"]["index"] == 1
    for name in document["stacks"]:
        assert len(document["stacks"][name]["frames"]) == PLANES
        frame = zlib.decompress(base64.b64decode(document["pixels"][name][1]))
        stack = document["stacks"][name]["frames"][1]
        stored = np.frombuffer(frame, np.dtype(stack["dtype"]).newbyteorder("<"))
        values = stored * stack["slope"] + stack["intercept"]
        assert np.array_equal(values, array.values[1].ravel())
    one, other = document["stacks"].values()
    assert one["FrameOfReferenceUID"] == other["FrameOfReferenceUID"] is not None
    text = view.to_html(tmp_path / "b.html", identity=True).read_text()
    assert "Phantom, Never" in text
    assert series.SeriesInstanceUID in text


def test_a_file_is_bounded_around_the_image_in_view_and_says_so(tmp_path: Path) -> None:
    view = nl.view(plain((50, 6, 8))).at(index=40)
    document = held(view.to_html(tmp_path / "a.html", limit_bytes=5 * 6 * 8 * 8))
    (stack,) = document["stacks"].values()
    assert [frame["frame"] for frame in stack["frames"]] == [38, 39, 40, 41, 42]
    assert document["state"]["index"] == 2
    assert stack["badges"][-1]["text"] == "holds 5 of 50"
    assert stack["badges"][-1]["sentence"].startswith("This file holds images 39 to 43 of 50,")
    document = held(view.to_html(tmp_path / "a.html", frames=(3, 4)))
    (stack,) = document["stacks"].values()
    assert [frame["frame"] for frame in stack["frames"]] == [3, 4]
    assert document["state"]["index"] == 1
    with pytest.raises(CannotView, match=r"within 0 to 49, came \(3, 50\)"):
        view.to_html(tmp_path / "b.html", frames=(3, 50))
    with pytest.raises(CannotView, match="at most 100 bytes"):
        view.to_html(tmp_path / "b.html", frames=(3, 4), limit_bytes=100)
    assert [path.name for path in tmp_path.iterdir()] == ["a.html"]


def test_of_several_times_that_do_not_fit_the_one_in_view_is_kept(tmp_path: Path) -> None:
    values = np.zeros((3, 4, 6, 8), np.uint8)
    view = nl.view(xr.DataArray(values, dims=("time", "z", "y", "x"))).at(index=6)
    document = held(view.to_html(tmp_path / "a.html", limit_bytes=values.nbytes - 1))
    (stack,) = document["stacks"].values()
    assert [frame["frame"] for frame in stack["frames"]] == [4, 5, 6, 7]
    assert stack["extra"] is None
    (stack,) = held(view.to_html(tmp_path / "a.html"))["stacks"].values()
    assert (len(stack["frames"]), stack["extra"]["planes"]) == (12, 4)


def test_a_file_names_no_other_host_and_allows_none(tmp_path: Path) -> None:
    text = nl.view(plain()).to_html(tmp_path / "a.html").read_text()
    addresses = set(re.findall(r"(?:https?:)?//[a-z0-9-]+\.[a-z]{2,}[^\"'` ]*", text))
    assert {address for address in addresses if "www.w3.org" not in address} == set()
    assert "default-src 'none'; script-src 'sha256-" in text


def test_nothing_in_view_is_not_written(tmp_path: Path) -> None:
    for write in (SeriesView().to_png, SeriesView().to_html):
        with pytest.raises(CannotView, match="came one of nothing"):
            write(tmp_path / "a")


def test_an_empty_pane_is_black(tmp_path: Path) -> None:
    array = plain((6, 8))
    view = nl.view([array, array])
    view.state.panes = [view.state.panes[0], replace(view.state.panes[1], SeriesInstanceUID="")]
    shown = png(view.to_png(tmp_path / "a.png", size_px=(6, 8)))
    assert not shown[:, 8:].any()
    assert shown[:, :8].any()
