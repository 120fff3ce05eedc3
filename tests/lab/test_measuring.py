"""Measurements in an archive: figures from its own pixels, kept in every state, back after all."""

from __future__ import annotations

import csv
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from scipy.interpolate import RegularGridInterpolator

import noctis_lab as nl
from noctis_lab.access import Principal, Role
from noctis_lab.catalog.measurements import (
    MOST_BYTES_OF_A_SERIES,
    find_measurement,
    versions_of,
    write_measurement,
)
from noctis_lab.errors import AccessDenied, CannotMeasure, InstanceNotFound, MeasurementNotFound
from noctis_lab.ingest.rebuild import rebuild
from noctis_lab.lab import Lab, Series
from noctis_lab.lab.measuring.draft import MeasurementDraft, parse_draft
from noctis_lab.lab.measuring.keeping import (
    delete_measurement,
    list_measurements,
    save_measurement,
)
from noctis_lab.lab.measuring.table import to_csv
from noctis_lab.storage.journal import JournalRecord
from noctis_lab.synthetic import PlaneStack, ct_series, weighted_mr
from tests.lab.filling import fill

PLANES, ROWS, COLUMNS = 5, 16, 12
SPACING = (0.5, 1.25)
STORED = np.random.default_rng(5).integers(0, 2000, (PLANES, ROWS, COLUMNS), dtype=np.int16)
#: The edge of the first plane is padding.
STORED[0, 0] = -2000
VALUES = np.where(STORED == -2000, np.nan, STORED * 0.3 - 100.7)
ANN = Principal(name="ann", role=Role.VIEWER, facilities=frozenset({"local"}))
BOB = Principal(name="bob", role=Role.RESEARCHER, facilities=frozenset({"local"}))
EVE = Principal(name="eve", role=Role.RESEARCHER, facilities=frozenset({"east"}))
ADMIN = Principal(name="admin", role=Role.ADMIN, facilities=None)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with nl.open_lab(tmp_path / "archive", create=True) as opened:
        planes = ct_series(
            planes=PLANES,
            rows=ROWS,
            columns=COLUMNS,
            stored=STORED,
            rescale_slope=0.3,
            rescale_intercept=-100.7,
            pixel_spacing_mm=SPACING,
            slice_spacing_mm=2.0,
            seed="measured",
            elements={"PixelPaddingValue": -2000},
        )
        fill(opened, planes, tmp_path / "in")
        yield opened


@pytest.fixture
def series(lab: Lab) -> Series:
    return lab.series().one()


def drawn(series: Series, *, index: int = 2, **changes: Any) -> MeasurementDraft:
    uids = [instance.SOPInstanceUID for instance in series.instances]
    document: dict[str, Any] = {
        "MeasurementUID": uuid4().hex,
        "kind": "rectangle",
        "StudyInstanceUID": series.StudyInstanceUID,
        "SeriesInstanceUID": series.SeriesInstanceUID,
        "SOPInstanceUID": uids[index],
        "frame": 0,
        "points_px": [[2, 3], [6, 9]],
    }
    return parse_draft(document | changes)


def save(lab: Lab, series: Series, draft: MeasurementDraft, principal: Principal = ANN) -> Any:
    return save_measurement(lab, series.row, draft, principal=principal)


def test_figures_are_those_of_the_files_values(lab: Lab, series: Series) -> None:
    row = save(lab, series, drawn(series))
    inside = VALUES[2, 3:10, 2:7]
    assert row.values["count"] == inside.size
    assert row.values["mean"] == pytest.approx(inside.mean(), rel=1e-12)
    assert row.values["sd"] == pytest.approx(inside.std(), rel=1e-12)
    assert row.values["area_mm2"] == pytest.approx(4 * 1.25 * 6 * 0.5)
    assert row.values["units"] == "HU"
    dataset = series.instances[2].dataset()
    x, y, z = (float(part) for part in dataset.ImagePositionPatient)
    assert row.points_mm == [[x + 2 * 1.25, y + 3 * 0.5, z], [x + 6 * 1.25, y + 9 * 0.5, z]]
    assert row.FrameOfReferenceUID == dataset.FrameOfReferenceUID
    assert (row.author, row.deleted_at) == ("ann", None)


def test_padding_is_excluded_and_counted(lab: Lab, series: Series) -> None:
    found = save(lab, series, drawn(series, index=0, points_px=[[0, 0], [3, 2]])).values
    assert (found["count"], found["excluded"]) == (8, 4)
    assert found["mean"] == pytest.approx(np.nanmean(VALUES[0, :3, :4]))


def test_saving_twice_is_as_once(lab: Lab, series: Series) -> None:
    draft = drawn(series)
    assert save(lab, series, draft) == save(lab, series, draft)
    assert len(versions_of(lab.catalog, draft.MeasurementUID)) == 1
    assert len(list_measurements(lab, series.row)) == 1


def test_an_edit_keeps_the_state_before_it(lab: Lab, series: Series) -> None:
    draft = drawn(series, label="lesion")
    before = save(lab, series, draft)
    after = save(lab, series, draft.model_copy(update={"label": "cyst"}), ADMIN)
    assert (after.label, after.author, after.created_at) == ("cyst", "ann", before.created_at)
    assert after.updated_at > before.updated_at
    states = versions_of(lab.catalog, draft.MeasurementUID)
    assert [(who, row.label) for who, row in states] == [("ann", "lesion"), ("admin", "cyst")]


def outline(points: int) -> list[list[float]]:
    """Return an outline whose numbers have all their digits."""
    angle = np.linspace(0, 2 * np.pi, points, endpoint=False)
    return np.stack([5 + 4 * np.cos(angle), 7 + 6 * np.sin(angle)], axis=1).tolist()


def test_a_series_measurements_are_bounded_in_bytes_and_shrinking_always_goes(
    lab: Lab, series: Series
) -> None:
    first = save(lab, series, drawn(series, kind="freehand", points_px=outline(4000)))
    copies = MOST_BYTES_OF_A_SERIES // len(first.to_text())
    for number in range(1, copies):
        copy = replace(first, MeasurementUID=f"{number:032x}")
        write_measurement(lab.catalog, copy, principal="ann")
    with pytest.raises(CannotMeasure, match=f"{MOST_BYTES_OF_A_SERIES} are the most") as refused:
        save(lab, series, drawn(series, kind="freehand", points_px=outline(4000)))
    assert "fewer points" in str(refused.value)
    assert len(list_measurements(lab, series.row)) == copies
    last = {"kind": "freehand", "MeasurementUID": first.MeasurementUID}
    with pytest.raises(CannotMeasure, match="does not fit"):
        save(lab, series, drawn(series, points_px=outline(9000), **last))
    save(lab, series, drawn(series, points_px=outline(300), **last))
    save(lab, series, drawn(series, kind="freehand", points_px=outline(3000)))
    delete_measurement(lab, series.row, f"{1:032x}", principal=ANN)
    save(lab, series, drawn(series, kind="freehand", points_px=outline(3000)))


def test_a_profile_far_beyond_the_image_is_refused_with_what_lies_outside(
    lab: Lab, series: Series
) -> None:
    with pytest.raises(CannotMeasure, match="99989 of them lie outside the image"):
        save(lab, series, drawn(series, kind="profile", points_px=[[0, 3], [100_000, 3]]))
    found = save(lab, series, drawn(series, kind="profile", points_px=[[0, 3], [30, 3]])).values
    assert (found["count"], found["excluded"], found["clipped"]) == (COLUMNS, 19, True)


def test_a_measurement_says_at_which_point_in_time_it_was_drawn(lab: Lab, tmp_path: Path) -> None:
    echoes = weighted_mr("echo", stack=PlaneStack(planes=3), points=3)
    fill(lab, echoes, tmp_path / "echoes")
    series = lab.series(Modality="MR").one()
    volume = series.load()
    assert volume.dims[0] == "echo"
    uid = str(volume.SOPInstanceUID.values[2, 1])
    drawn_on = {"kind": "probe", "points_px": [[1, 2]]}
    # Whatever came: an image's own step is known here.
    row = save(lab, series, drawn(series, SOPInstanceUID=uid, extra_index=None, **drawn_on))
    assert row.extra_index == 2
    assert row.values["value"] == volume.values[2, 1, 2, 1]
    affine = volume.isel(echo=0).dicom.affine
    right, down = (affine[:3, axis] / np.linalg.norm(affine[:3, axis]) for axis in (2, 1))
    plane = {
        "origin_mm": affine[:3, 3].tolist(),
        "right": right.tolist(),
        "down": down.tolist(),
        "spacing_mm": [float(np.linalg.norm(affine[:3, axis])) for axis in (1, 2)],
    }
    point = (affine @ [0, 2, 1, 1])[:3].tolist()
    on_plane = {
        "kind": "probe",
        "SOPInstanceUID": None,
        "frame": None,
        "points_px": None,
        "plane": plane,
        "points_mm": [point],
    }
    for asked, kept in ((None, 0), (1, 1)):
        row = save(lab, series, drawn(series, extra_index=asked, **on_plane))
        assert row.extra_index == kept
        assert row.values["value"] == pytest.approx(volume.values[kept, 0, 2, 1])
    with pytest.raises(CannotMeasure, match="extra_index is 0 to 2"):
        save(lab, series, drawn(series, extra_index=3, **on_plane))
    found = lab.sql("SELECT extra_index FROM measurements ORDER BY created_at").fetchall()
    assert found == [(2,), (0,), (1,)]


def test_what_was_deleted_comes_back_with_its_author(lab: Lab, series: Series) -> None:
    draft = drawn(series)
    first = save(lab, series, draft)
    gone = delete_measurement(lab, series.row, draft.MeasurementUID, principal=ANN)
    assert gone.deleted_at is not None
    assert list_measurements(lab, series.row) == []
    assert lab.sql("SELECT count(*) FROM measurements").fetchone() == (0,)
    assert delete_measurement(lab, series.row, draft.MeasurementUID, principal=ANN) == gone
    back = save(lab, series, draft, ADMIN)
    assert (back.author, back.created_at, back.deleted_at) == ("ann", first.created_at, None)
    assert list_measurements(lab, series.row) == [back]
    assert len(versions_of(lab.catalog, draft.MeasurementUID)) == 3


def test_only_its_author_or_an_administrator_changes_one(lab: Lab, series: Series) -> None:
    draft = drawn(series)
    save(lab, series, draft)
    with pytest.raises(AccessDenied, match="is another's"):
        save(lab, series, draft.model_copy(update={"label": "mine"}), BOB)
    with pytest.raises(AccessDenied, match="is another's"):
        delete_measurement(lab, series.row, draft.MeasurementUID, principal=BOB)
    assert list_measurements(lab, series.row)[0].label == ""


def test_another_facility_cannot_measure_here(lab: Lab, series: Series) -> None:
    with pytest.raises(AccessDenied, match="'eve'"):
        save(lab, series, drawn(series), EVE)
    known = save(lab, series, drawn(series))
    with pytest.raises(AccessDenied, match="'eve'"):
        delete_measurement(lab, series.row, known.MeasurementUID, principal=EVE)


def test_a_uid_of_another_series_is_refused(lab: Lab, series: Series, tmp_path: Path) -> None:
    fill(lab, ct_series(planes=1, rows=8, columns=8, seed="other"), tmp_path / "other")
    (other,) = [one for one in lab.series() if one.SeriesInstanceUID != series.SeriesInstanceUID]
    known = save(lab, series, drawn(series))
    taken = drawn(other, index=0, MeasurementUID=known.MeasurementUID)
    with pytest.raises(CannotMeasure, match="belongs to another series"):
        save(lab, other, taken)
    with pytest.raises(CannotMeasure, match="names another"):
        save(lab, series, drawn(other, index=0))
    with pytest.raises(MeasurementNotFound):
        delete_measurement(lab, other.row, known.MeasurementUID, principal=ADMIN)
    with pytest.raises(InstanceNotFound):
        save(lab, series, drawn(series, SOPInstanceUID="1.2.3"))
    with pytest.raises(InstanceNotFound):
        save(lab, series, drawn(series, frame=1))


def test_figures_that_differ_are_ours_flagged_and_logged(
    lab: Lab, series: Series, caplog: pytest.LogCaptureFixture
) -> None:
    ours = save(lab, series, drawn(series)).values
    said = ours | {"mean": ours["mean"] * (1 + 1e-5), "sd": None, "count": 10**400}
    said |= {"median": ours["median"] * (1 + 1e-9), "unknown": 3, "area_mm2": ours["area_mm2"]}
    with caplog.at_level(logging.WARNING):
        row = save(lab, series, drawn(series, values=said))
    assert row.differs == ["count", "mean", "sd"]
    assert row.values == ours
    (logged,) = [one for one in caplog.records if "other figures" in one.message]
    assert logged.__dict__["MeasurementUID"] == row.MeasurementUID


def test_sql_has_a_row_with_figures_and_place(lab: Lab, series: Series) -> None:
    row = save(lab, series, drawn(series, label="lesion"))
    save(lab, series, drawn(series, kind="length", points_px=[[1, 1], [5, 4]]), BOB)
    asked = "SELECT kind, label, mean, sd, count, length_mm, area_mm2, author, SOPInstanceUID, "
    found = lab.sql(asked + "x_mm, value_units FROM measurements ORDER BY kind").fetchall()
    assert found[0][:2] == ("length", "")
    assert found[0][5] == pytest.approx(np.hypot(4 * 1.25, 3 * 0.5))
    figures = [row.values[name] for name in ("mean", "sd", "count")]
    assert list(found[1][:5]) == ["rectangle", "lesion", *figures]
    assert found[1][5:9] == (None, row.values["area_mm2"], "ann", row.SOPInstanceUID)
    assert found[1][9:] == (row.place_mm[0], "HU")
    joined = lab.sql(
        "SELECT SeriesNumber, mean FROM measurements JOIN series USING (SeriesInstanceUID) "
        "WHERE kind = 'rectangle'"
    ).fetchall()
    assert joined == [(series.row.SeriesNumber, row.values["mean"])]


def test_a_query_sees_each_change_at_once(lab: Lab, series: Series) -> None:
    draft = drawn(series)

    def labels() -> list[tuple[Any, ...]]:
        return lab.sql("SELECT label FROM measurements").fetchall()

    assert labels() == []
    for label in ("one", "two"):
        save(lab, series, draft.model_copy(update={"label": label}))
        assert labels() == [(label,)]
    delete_measurement(lab, series.row, draft.MeasurementUID, principal=ANN)
    assert labels() == []


def test_a_rebuild_brings_every_state_back(lab: Lab, series: Series) -> None:
    edited, gone = drawn(series, label="a"), drawn(series)
    save(lab, series, edited)
    save(lab, series, edited.model_copy(update={"label": "b"}))
    save(lab, series, gone)
    delete_measurement(lab, series.row, gone.MeasurementUID, principal=ANN)
    uids = [edited.MeasurementUID, gone.MeasurementUID]
    before = [versions_of(lab.catalog, uid) for uid in uids]
    root = lab.settings.root
    lab.close()
    report = rebuild(root)
    assert report.skipped == ()
    with nl.open_lab(root) as again:
        assert [versions_of(again.catalog, uid) for uid in uids] == before
        (standing,) = list_measurements(again, again.series().one().row)
        assert standing == before[0][-1][1]
        assert find_measurement(again.catalog, uids[1]) == before[1][-1][1]


def test_an_older_state_replayed_late_does_not_stand(lab: Lab, series: Series) -> None:
    draft = drawn(series, label="a")
    save(lab, series, draft)
    save(lab, series, draft.model_copy(update={"label": "b"}))
    journal = next((lab.settings.root / "journal").glob("*.jsonl"))
    first = next(
        line
        for line in journal.read_bytes().splitlines()
        if json.loads(line)["kind"] == "measurement"
    )
    assert lab.ledger.replay_record(JournalRecord.from_json(first)) is None
    assert [row.label for row in list_measurements(lab, series.row)] == ["b"]
    assert len(versions_of(lab.catalog, draft.MeasurementUID)) == 2


WRITER = """
import sys
import noctis_lab as nl
from noctis_lab.access import Principal, Role
from noctis_lab.lab.measuring.draft import MeasurementDraft
from noctis_lab.lab.measuring.keeping import save_measurement

root, name, document = sys.argv[1:]
draft = MeasurementDraft.model_validate_json(document)
with nl.open_lab(root) as lab:
    series = lab.series().one()
    for number in range(8):
        label = f"{name}{number}"
        who = Principal(name="ann", role=Role.VIEWER, facilities=None)
        now = draft.model_copy(update={"label": label})
        save_measurement(lab, series.row, now, principal=who)
"""


def test_two_processes_at_once_lose_no_state(lab: Lab, series: Series) -> None:
    draft = drawn(series)
    command = [sys.executable, "-c", WRITER, str(lab.settings.root)]
    running = [
        subprocess.Popen([*command, name, draft.model_dump_json()], stderr=subprocess.PIPE)
        for name in "ab"
    ]
    for process in running:
        _, words = process.communicate(timeout=120)
        assert process.returncode == 0, words
    states = [row for _, row in versions_of(lab.catalog, draft.MeasurementUID)]
    assert sorted(row.label for row in states) == sorted(f"{n}{i}" for n in "ab" for i in range(8))
    assert find_measurement(lab.catalog, draft.MeasurementUID) == states[-1]
    assert len({row.updated_at for row in states}) == 16


def test_a_plane_through_the_volume_is_measured_by_interpolation(lab: Lab, series: Series) -> None:
    volume = series.load()
    affine = np.array(volume.dicom.affine)
    right = affine[:3, 2] / np.linalg.norm(affine[:3, 2])
    step_z, step_y = affine[:3, 0], affine[:3, 1]
    down = (step_z + step_y) - ((step_z + step_y) @ right) * right
    down /= np.linalg.norm(down)
    origin = affine[:3, :3] @ [1.0, 2.0, 1.0] + affine[:3, 3]
    plane = {
        "origin_mm": origin.tolist(),
        "right": right.tolist(),
        "down": down.tolist(),
        "spacing_mm": [0.5, 0.8],
        "slab_mm": 0.0,
        "projection": "mean",
    }
    near = origin + right * 0.8 * 0.75 + down * 0.5 * 1.75
    corners = [near, near + right * 0.8 * 5.5 + down * 0.5 * 6.5]
    draft = drawn(
        series,
        SOPInstanceUID=None,
        frame=None,
        points_px=None,
        plane=plane,
        points_mm=[corner.tolist() for corner in corners],
    )
    row = save(lab, series, draft)
    interpolated = RegularGridInterpolator(
        [np.arange(size) for size in VALUES.shape], VALUES, bounds_error=False
    )
    places = np.array(
        [origin + right * 0.8 * x + down * 0.5 * y for y in range(2, 9) for x in range(1, 7)]
    )
    index = np.linalg.solve(affine[:3, :3], (places - affine[:3, 3]).T).T
    expected = interpolated(index)
    assert row.values["count"] == np.isfinite(expected).sum() == 42
    assert row.values["mean"] == pytest.approx(np.nanmean(expected), rel=1e-6)
    assert row.values["sd"] == pytest.approx(np.nanstd(expected), rel=1e-6)
    assert row.values["area_mm2"] == pytest.approx(5.5 * 0.8 * 6.5 * 0.5)
    assert row.values["clipped"] is False
    assert (row.points_px, row.SOPInstanceUID, row.frame) == (None, None, None)
    beyond = [corners[0].tolist(), (corners[1] + down * 400).tolist()]
    clipped = save(
        lab, series, draft.model_copy(update={"points_mm": beyond, "MeasurementUID": uuid4().hex})
    )
    assert clipped.values["clipped"] is True


def test_a_script_measures_and_keeps_what_it_wants(lab: Lab, series: Series) -> None:
    found = series.measure("ellipse", [[2, 3], [6, 9]], index=2)
    assert found["units"] == "HU"
    assert series.measurements().empty
    uid = found.save("liver", author="carla")
    (kept,) = series.measurements().to_dict("records")
    assert (kept["MeasurementUID"], kept["label"], kept["author"]) == (uid, "liver", "carla")
    assert kept["mean"] == found["mean"]
    assert lab.measurements(kind="length").empty
    assert list(lab.measurements(kind=["ellipse", "length"])["area_mm2"]) == [found["area_mm2"]]
    again = series.measure("ellipse", points_mm=found.points_mm)
    assert (again.index, again.SOPInstanceUID) == (2, found.SOPInstanceUID)
    assert again["mean"] == found["mean"]
    by_uid = series.measure("probe", [[4, 5]], SOPInstanceUID=found.SOPInstanceUID)
    assert by_uid["value"] == STORED[2, 5, 4] * 0.3 - 100.7
    assert "value=" in repr(by_uid)


@pytest.mark.parametrize(
    ("kind", "points", "where", "words"),
    [
        ("ellipse", [[1, 2], [3, 4]], {}, "say on which image"),
        ("ellipse", None, {"index": 0}, "one of them"),
        ("ellipse", [[1, 2], [3, 4]], {"index": 99}, "no such frame"),
        ("ellipse", [[1, 2]], {"index": 0}, "drawn with 2 points"),
        ("circle", [[1, 2]], {"index": 0}, "kind is one of"),
        ("probe", None, {"points_mm": [[1, 2]]}, "shape"),
        ("probe", None, {"points_mm": [[1, 2, float("nan")]]}, "finite"),
    ],
)
def test_what_cannot_be_measured_is_refused(
    series: Series, kind: str, points: Any, where: dict[str, Any], words: str
) -> None:
    with pytest.raises(CannotMeasure, match=words):
        series.measure(kind, points, **where)


@pytest.mark.parametrize(
    "changes",
    [
        {"MeasurementUID": "../etc"},
        {"kind": "circle"},
        {"label": "x" * 201},
        {"label": "two\nlines"},
        {"points_px": [[1, float("nan")]]},
        {"points_px": [[1, 1e9]]},
        {"points_px": [[0, 0]] * 10_001},
        {"points_px": None},
        {"SOPInstanceUID": None},
        {"frame": -1},
        {"plane": {"origin_mm": [0, 0, 0]}},
    ],
)
def test_what_is_no_measurement_is_refused_without_quoting_it(
    series: Series, changes: dict[str, Any]
) -> None:
    with pytest.raises(CannotMeasure, match="this is no measurement") as refused:
        drawn(series, **changes)
    assert "two\nlines" not in str(refused.value)
    assert "etc" not in str(refused.value)


def test_csv_has_a_line_each_and_no_formulas(lab: Lab, series: Series) -> None:
    row = save(lab, series, drawn(series, label="=cmd|' /C calc'!A0"))
    (read,) = csv.DictReader(to_csv([row]).splitlines())
    assert read["label"] == "'=cmd|' /C calc'!A0"
    assert float(read["mean"]) == row.values["mean"]
    assert read["SOPInstanceUID"] == row.SOPInstanceUID
    assert read["value_units"] == "HU"


def test_figures_beyond_all_numbers_are_refused_and_the_archive_opens(tmp_path: Path) -> None:
    root = tmp_path / "archive"
    with nl.open_lab(root, create=True) as lab:
        fill(
            lab,
            ct_series(
                planes=1,
                rows=8,
                columns=8,
                stored=np.full((1, 8, 8), 1500, np.int16),
                rescale_slope=1e305,
                seed="huge",
            ),
            tmp_path / "in",
        )
        series = lab.series().one()
        with pytest.raises(CannotMeasure, match="not finite"):
            save(lab, series, drawn(series, index=0, points_px=[[1, 1], [5, 5]]))
    with nl.open_lab(root) as lab:
        assert list_measurements(lab, lab.series().one().row) == []
