"""What a notebook or a script holds: selections, objects, and one open archive."""

from __future__ import annotations

import datetime
import os
import pickle
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import noctis_lab as nl
from noctis_lab.config import open_settings
from noctis_lab.errors import (
    ArchiveNotFound,
    CannotExport,
    FrameNotFound,
    LabClosed,
    NotUnique,
    QueryError,
    SeriesNotFound,
    SettingsError,
)
from noctis_lab.lab import Lab, Series, open_lab
from noctis_lab.synthetic import ct_series
from noctis_lab.volumes.export import read_netcdf
from noctis_lab.volumes.load import load
from tests.lab.filling import fill

EVIL = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Open an archive of two patients with three CT series."""
    folder = tmp_path_factory.mktemp("lab")
    with nl.open_lab(folder / "archive", create=True) as opened:
        one = ct_series(planes=3, rows=8, columns=8, seed="one", PatientID="20260102")
        two = ct_series(
            planes=2, rows=8, columns=8, seed="one", PatientID="20260102", SeriesNumber=2
        )
        three = ct_series(
            planes=4,
            rows=8,
            columns=8,
            seed="three",
            PatientID="B",
            StudyDate="20260201",
            elements={"SeriesDescription": EVIL},
        )
        fill(opened, [*one, *two, *three], folder / "in")
        yield opened


def test_selections_count_iterate_and_index(lab: Lab) -> None:
    assert len(lab.series()) == 3
    assert len(lab.studies()) == 2
    assert len(lab.instances()) == 9
    assert [series.row.SeriesNumber for series in lab.series(PatientID="20260102")] == [1, 2]
    assert lab.series()[0].row.Modality == "CT"
    assert len(lab.series()[1:]) == 2


def test_studies_come_newest_first(lab: Lab) -> None:
    assert [study.row.StudyDate for study in lab.studies()] == ["20260201", "20260102"]


@pytest.mark.parametrize(
    ("where", "count"),
    [
        ({"Modality": "CT"}, 3),
        ({"Modality": "MR"}, 0),
        ({"Modality": ["MR", "CT"], "SeriesNumber": 2}, 1),
        ({"SeriesNumber": np.int64(1)}, 2),
        ({"ProtocolName": None}, 3),
        ({"Modality": []}, 0),
        ({"StudyDate": "20260201"}, 1),
        ({"StudyDate": datetime.date(2026, 2, 1)}, 1),
        ({"KVP": 120}, 3),
        ({"SeriesDescription": "'; DROP TABLE series; --"}, 0),
    ],
)
def test_conditions_are_columns_and_their_values(
    lab: Lab, where: dict[str, Any], count: int
) -> None:
    assert len(lab.series(**where)) == count


@pytest.mark.parametrize(
    ("name", "hint"),
    [("modality", "did you mean Modality"), ("PatientId", "PatientID"), ("xyzzy", "df()")],
)
def test_an_unknown_column_is_refused_with_a_hint(lab: Lab, name: str, hint: str) -> None:
    with pytest.raises(QueryError) as refused:
        len(lab.series(**{name: "CT"}))
    assert hint in str(refused.value)


def test_one_says_how_many_there_are(lab: Lab) -> None:
    with pytest.raises(NotUnique, match="3 series") as several:
        lab.series(Modality="CT").one()
    assert several.value.count == 3
    with pytest.raises(NotUnique, match="no series") as none:
        lab.series(Modality="MR").one()
    assert none.value.count == 0
    with pytest.raises(NotUnique, match="no series"):
        lab.series(SeriesInstanceUID="1.2.3").one()


def test_errors_name_columns_not_patients(lab: Lab) -> None:
    with pytest.raises(NotUnique, match="no series with that PatientName") as refused:
        lab.series(PatientName="DOE^JOHN", Modality="CT").one()
    assert "DOE" not in str(refused.value)
    with pytest.raises(NotUnique, match=r"SeriesInstanceUID='1\.2\.3'"):
        lab.series(SeriesInstanceUID="1.2.3").one()
    with pytest.raises(QueryError, match="convert") as refused:
        lab.instances(Rows="DOE^JOHN").one()
    assert "DOE" not in str(refused.value)


def test_a_uid_finds_its_object(lab: Lab) -> None:
    uid = lab.series()[0].SeriesInstanceUID
    assert lab.series(SeriesInstanceUID=uid).one().SeriesInstanceUID == uid


def test_a_series_loads(lab: Lab) -> None:
    series = lab.series(PatientID="B").one()
    planes = ct_series(planes=4, rows=8, columns=8, seed="three")
    np.testing.assert_array_equal(
        series.load().values, np.stack([plane.pixel_array for plane in planes])
    )


def test_studies_hold_series_and_series_instances(lab: Lab) -> None:
    study = lab.studies(PatientID="20260102").one()
    assert len(study.series) == 2
    first = study.series[0]
    assert [instance.row.InstanceNumber for instance in first.instances] == [1, 2, 3]
    assert first.instances[0].stored().shape == (8, 8)
    assert first.instances[0].path.is_file()


def test_facts_are_there_without_a_worker(lab: Lab) -> None:
    series = lab.series(PatientID="B").one()
    assert series.row.facts.is_volume is None
    assert series.facts.is_volume is True
    frame = lab.series().df()
    assert frame["is_volume"].tolist() == [True, True, True]
    assert frame["slice_spacing_mm"].tolist() == [2.0, 2.0, 2.0]


def test_a_data_frame_has_the_order_of_its_selection(lab: Lab) -> None:
    selection = lab.instances(PatientID="B")
    frame = selection.df("all")
    assert frame["SOPInstanceUID"].tolist() == [i.SOPInstanceUID for i in selection]
    assert {"InstanceNumber", "KVP", "transfer_syntax_uid"} <= set(frame.columns)


def test_map_gives_results_in_order_and_names_what_failed(lab: Lab) -> None:
    assert lab.series().map(lambda series: series.row.instance_count) == [
        series.row.instance_count for series in lab.series()
    ]

    def fail(series: nl.Series) -> None:
        raise ArithmeticError(series.SeriesInstanceUID)

    with pytest.raises(ArithmeticError) as failed:
        lab.series().map(fail)
    assert failed.value.__notes__ == [f"SeriesInstanceUID {lab.series()[0].SeriesInstanceUID}"]


def test_tags_are_all_elements(lab: Lab) -> None:
    series = lab.series(PatientID="B").one()
    tags = series.tags()
    constant = tags[tags["SOPInstanceUID"].isna()].set_index("path")["value"]
    assert constant["Modality"] == "CT"
    assert len(tags[tags["path"] == "InstanceNumber"]) == 4
    own = series.instances[0].tags().set_index("path")
    assert own.loc["InstanceNumber", "value"] == "1"
    assert own.loc["Rows", "tag"] == "0028,0010"


def test_html_of_a_selection_is_escaped(lab: Lab) -> None:
    html = lab.series()._repr_html_()
    assert "3 series" in html
    assert EVIL not in html
    assert "&lt;img" in html
    assert EVIL not in lab.series(SeriesDescription=EVIL)._repr_html_()


def test_text_of_a_selection_says_how_many(lab: Lab) -> None:
    assert repr(lab.series(Modality="CT")).startswith("3 series where Modality='CT'\n")
    assert repr(lab.series(Modality="MR")).startswith("0 series where Modality='MR'\n")


def test_sql_takes_parameters(lab: Lab) -> None:
    result = lab.sql("SELECT count(*) FROM instances WHERE PatientID = ?", ["B"])
    assert result.fetchone() == (4,)


def test_an_object_that_is_not_there_says_so(lab: Lab) -> None:
    with pytest.raises(SeriesNotFound):
        _ = nl.Series(lab, "1.2.3", "1.2").row


def test_labs_of_one_root_share_the_archive(tmp_path: Path) -> None:
    with open_lab(tmp_path) as one, open_lab(tmp_path) as other:
        assert one.handle is other.handle
        one.close()
        assert len(other.series()) == 0


def test_a_closed_lab_says_so(tmp_path: Path) -> None:
    opened = open_lab(tmp_path)
    opened.close()
    opened.close()
    assert "closed" in repr(opened)
    with pytest.raises(LabClosed, match="closed") as refused:
        opened.sql("SELECT 1")
    assert refused.value.root == str(tmp_path)


def test_a_pickled_lab_is_a_lab_again(lab: Lab) -> None:
    with pickle.loads(pickle.dumps(lab)) as back:
        assert len(back.series()) == 3


def test_settings_come_whole_or_one_by_one(tmp_path: Path) -> None:
    with open_lab(tmp_path, threads=3) as opened:
        assert opened.settings.threads == 3
    settings = open_settings({"root": tmp_path})
    with open_lab(settings=settings) as opened:
        assert opened.settings is settings
    with pytest.raises(SettingsError, match="not both"):
        open_lab(tmp_path, settings=settings, threads=3)
    with pytest.raises(SettingsError, match="thread"):
        open_lab(tmp_path, thread=3)  # type: ignore[call-arg]


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_lab_opens_its_own_archive(lab: Lab) -> None:
    lab.sql("SELECT 1")
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:  # no assertion, no pytest in here: only an answer
        answer = b"failed"
        try:
            same = lab.handle.pid == os.getpid() and len(lab.series()) == 3
            answer = b"own" if same else b"shared"
        finally:
            os.write(writing, answer)
            os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reading, 10) == b"own"
    os.close(reading)
    os.close(writing)
    assert len(lab.series()) == 3


def test_columns_of_a_row_are_attributes(lab: Lab) -> None:
    series = lab.series(PatientID="B").one()
    study = lab.studies(PatientID="B").one()
    instance = series.instances[0]
    assert (series.Modality, series.SeriesDescription) == ("CT", EVIL)
    assert series.instance_count == series.row.instance_count == 4
    assert (study.PatientID, study.StudyDate) == ("B", "20260201")
    assert instance.InstanceNumber == instance.row.InstanceNumber
    assert {"Modality", "load"} <= set(dir(series))
    assert "PatientID" in dir(study)


def test_what_is_no_column_is_told_what_there_is(lab: Lab) -> None:
    series = lab.series(PatientID="B").one()
    with pytest.raises(AttributeError, match=r"no attribute 'KVP': .*Modality.* series\.tags\(\)"):
        series.KVP  # noqa: B018
    assert not hasattr(series, "_repr_latex_")
    gone = Series(lab, "1.2.3", "1.2")
    with pytest.raises(SeriesNotFound):
        gone.Modality  # noqa: B018


def test_view_asks_the_viewer_by_name(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("noctis_lab.views.viewer")
    import noctis_lab.views.viewer as viewer

    assert isinstance(viewer, types.ModuleType)
    shown = lab.series(PatientID="B").one().view()
    assert type(shown).__module__.startswith("noctis_lab.views")
    assert "noctis_lab.views.viewer" in sys.modules


@pytest.mark.parametrize("index", [4, 12, -1])
def test_a_view_refuses_at_once_a_frame_that_there_is_not(lab: Lab, index: int) -> None:
    view = lab.series(PatientID="B").one().view().at(index=3)
    with pytest.raises(FrameNotFound, match=rf"expected an index of 0 to 3, came {index};"):
        view.at(index=index, inverted=True)
    assert (view.state.index, view.state.inverted) == (3, False)


def test_a_mistyped_root_is_refused_and_not_made(tmp_path: Path) -> None:
    typo = tmp_path / "typo"

    for door in (nl.open_lab, lambda root: xr.open_dataset("1.2", engine="noctis", root=root)):
        with pytest.raises(ArchiveNotFound, match=f"no archive at {typo}: name its folder") as told:
            door(typo)
        assert told.value.root == str(typo)
    with pytest.raises(ArchiveNotFound, match=r"typo', create=True\) begins one there"):
        nl.open_lab(typo)
    assert list(tmp_path.iterdir()) == []


def test_an_archive_is_begun_where_it_is_asked_for_or_nothing_lies(tmp_path: Path) -> None:
    full, empty, usual = tmp_path / "full", tmp_path / "empty", tmp_path / "usual"
    for folder in (full, empty):
        folder.mkdir()
        (folder / "noctis.toml").write_text("threads = 1")
    (full / "thesis.txt").write_text("somebody's")

    with pytest.raises(ArchiveNotFound):
        nl.open_lab(full)
    assert len(list(full.iterdir())) == 2
    for begun in (
        nl.open_lab(empty),
        nl.open_lab(full, create=True),
        nl.open_lab(full),
        nl.open_lab(tmp_path / "new", create=True),
    ):
        with begun:
            assert len(begun.studies()) == 0
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("NOCTIS_ROOT", str(usual))
        with nl.open_lab() as lab:  # what is set up once is no slip of today's fingers
            assert lab.settings.root == usual


def test_one_series_uid_in_two_studies_is_two_series_with_pixels_of_their_own(
    tmp_path: Path,
) -> None:
    first = ct_series(planes=3, rows=8, columns=8, seed="a", PatientID="A")
    second = ct_series(
        planes=2, rows=8, columns=8, seed="b", PatientID="B", stored=lambda _: np.full((8, 8), 7)
    )
    for dataset in second:
        dataset.SeriesInstanceUID = first[0].SeriesInstanceUID
    uid, study = str(first[0].SeriesInstanceUID), str(second[0].StudyInstanceUID)
    with nl.open_lab(tmp_path / "archive", create=True) as lab:
        fill(lab, [*first, *second], tmp_path / "in")
        with pytest.raises(NotUnique):
            lab.series(SeriesInstanceUID=uid).one()
        root = tmp_path / "archive"
        doors: list[Callable[[], object]] = [
            lambda: xr.open_dataset(uid, engine="noctis", root=root),
            lambda: load(lab.handle, uid),
        ]
        for door in doors:  # neither of them is taken in silence
            with pytest.raises(NotUnique, match=rf"in 2 studies \(.*{study}.*StudyInstanceUID=…"):
                door()
        for series in (first, second):
            named = str(series[0].StudyInstanceUID)
            opened = xr.open_dataset(uid, engine="noctis", root=root, StudyInstanceUID=named)
            one = lab.series(StudyInstanceUID=named).one()
            for found in (opened["CT"], one.load(), one.open()):
                assert found.SOPInstanceUID.values.tolist() == [
                    str(plane.SOPInstanceUID) for plane in series
                ]
        with pytest.raises(SeriesNotFound, match=r"is not in study 1\.2\.3 of this archive"):
            xr.open_dataset(uid, engine="noctis", root=root, StudyInstanceUID="1.2.3")
        for series in (lab.series(StudyInstanceUID=study).one(), lab.series(PatientID="B").one()):
            assert series.load(stored=True).shape == (2, 8, 8)
            assert (series.load(stored=True) == 7).all()
            assert len(series.instances) == 2
            assert set(series.tags()["SOPInstanceUID"].dropna()) == {
                str(dataset.SOPInstanceUID) for dataset in second
            }
        assert lab.series().df()["instance_count"].sum() == 5
        assert len(repr(lab.series()).splitlines()) == 5  # title, heading, rule, rows


def test_a_series_is_exported_whole_or_says_why_not(lab: Lab, tmp_path: Path) -> None:
    series = next(iter(lab.series(Modality="CT")))
    path = series.export(to="netcdf", out=tmp_path / "out", pseudonymise=True, dates="keep")
    made = read_netcdf(path)
    np.testing.assert_array_equal(made.values, series.load().values)
    assert series.export(to="netcdf", out=tmp_path / "out", pseudonymise=True, dates="keep") == path
    pictures = series.export(to="png", out=tmp_path / "out", window=(0, 100), bits=16)
    assert '"width": 100' in (pictures / "stack.json").read_text()
    with pytest.raises(CannotExport, match="a surface has a level"):
        series.export(to="stl", out=tmp_path / "out")
    with pytest.raises(ValueError, match="tiff"):
        series.export(to="tiff", out=tmp_path / "out")
