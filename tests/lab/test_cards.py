"""What a lab's objects show of themselves: true, safe, within 80 columns, never an exception."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from pydicom import Dataset
from rich.cells import cell_len

import noctis_lab as nl
from noctis_lab.dicom.render import shrink, shrink_png
from noctis_lab.errors import CannotStack, DecodeError, QueryError
from noctis_lab.lab import Lab, open_lab, shown
from noctis_lab.lab.cards.deadline import Deadline
from noctis_lab.lab.cards.series import series_card
from noctis_lab.synthetic import PlaneStack, ct_series, pet_series, weighted_mr, write_series
from tests.lab.filling import fill

# Hostile values are longer than their VR allows: pydicom, which writes them, says so.
pytestmark = pytest.mark.filterwarnings("ignore:The value length:UserWarning")

EVIL = "<img src=x onerror=alert(1)>"
#: Enough for any machine; what is late is left out, and this must not be.
AMPLE_S = 60.0
DUPLICATE = [(0.0, 0.0, z) for z in (0.0, 2.0, 2.0, 4.0)]
VOID = {"br", "circle", "img", "path"}


class Page(HTMLParser):
    """A parser that notes what a browser would make elements and attributes of."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text: list[str] = []
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == [], "an element is not closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open[-1:] != ["style"]:
            self.text.append(data)

    @property
    def words(self) -> str:
        return " ".join(" ".join(self.text).split())


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Open an archive of a plain, a tilted, a duplicated and a hostile CT series."""
    folder = tmp_path_factory.mktemp("cards")
    stored = np.random.default_rng(1).integers(-200, 300, (7, 96, 80)).astype(np.int32)
    hostile = {
        "SeriesDescription": f"{EVIL}{'x' * 10_000}",
        "ReferringPhysicianName": "医" * 60,
        "StudyDescription": "a\u202eb\u0007c" + '"><script>alert(1)</script>',
        "ImageComments": EVIL * 400,
    }
    with nl.open_lab(folder / "archive", create=True) as opened:
        series = [
            ct_series(
                planes=7, rows=96, columns=80, stored=stored, seed="plain", PatientID="PLAIN",
                slice_spacing_mm=2.5,
            ),
            ct_series(planes=4, seed="tilted", gantry_tilt_deg=16.5, PatientID="TILTED"),
            ct_series(planes=4, seed="twice", positions_mm=DUPLICATE, PatientID="TWICE"),
            ct_series(
                planes=2, seed="evil", PatientID="EVIL", PatientName=f"{EVIL}^שלום",
                elements=hostile,
            ),
        ]  # fmt: skip
        fill(opened, [dataset for each in series for dataset in each], folder / "in")
        yield opened


def html_of(lab: Lab, series: nl.Series) -> str:
    return shown.series_html(lab, series.row, limit_s=AMPLE_S)


def text_of(lab: Lab, series: nl.Series) -> str:
    return shown.series_text(lab, series.row, limit_s=AMPLE_S)


def all_html(lab: Lab) -> list[str]:
    """Return the HTML of everything there is."""
    selections: list[Any] = [lab.studies(), lab.series(), lab.instances(), lab]
    found = [each._repr_html_() for each in selections]
    found += [shown.study_html(lab, study.row, limit_s=AMPLE_S) for study in lab.studies()]
    return found + [html_of(lab, series) for series in lab.series()]


def pictures_in(html: str) -> list[np.ndarray]:
    uris = re.findall(r'src="data:image/png;base64,([^"]*)"', html)
    return [imagecodecs.png_decode(base64.b64decode(uri)) for uri in uris]


def test_a_series_says_what_load_gives(lab: Lab) -> None:
    series = lab.series(PatientID="PLAIN").one()
    volume = series.load()
    for shown_as in (text_of(lab, series), Page(html_of(lab, series)).words):
        assert "7 × 96 × 80" in shown_as
        assert volume.shape == (7, 96, 80)
        assert "2.5 × 0.5 × 0.5 mm" in shown_as
        assert volume.dicom.spacing == (2.5, 0.5, 0.5)
        assert "17.5 × 48 × 40 mm" in shown_as
        assert volume.attrs["units"] in shown_as
        assert "PHANTOM, FORMULA" in shown_as
        assert "2026-01-02" in shown_as
        assert series.SeriesInstanceUID in shown_as


def test_a_pet_is_shown_in_the_units_that_load_gives(tmp_path: Path) -> None:
    write_series(pet_series(planes=2, rows=24, columns=24), tmp_path / "files")
    with nl.open_lab(tmp_path / "root", create=True) as lab:
        lab.index(tmp_path / "files")
        series = lab.series().one()
        assert series.load().attrs["units"] == "Bq/ml"
        assert "Bq/ml" in text_of(lab, series)


def test_a_series_over_echoes_has_the_extent_of_one_volume(tmp_path: Path) -> None:
    stack = PlaneStack(planes=4)
    with nl.open_lab(tmp_path / "archive", create=True) as lab:
        fill(lab, weighted_mr("echo", stack=stack), tmp_path / "in")
        series = lab.series().one()
        volume, text = series.load(), repr(series)
    assert volume.dims == ("echo", "z", "y", "x")
    assert " × ".join(map(str, volume.shape)) in text
    step_mm = [float(volume[axis][1] - volume[axis][0]) for axis in "zyx"]
    extent = [volume.sizes[axis] * step for axis, step in zip("zyx", step_mm, strict=True)]
    assert " × ".join(f"{side:g}" for side in extent) + " mm" in text


def test_a_plain_series_whispers_and_an_exception_speaks(lab: Lab) -> None:
    plain = html_of(lab, lab.series(PatientID="PLAIN").one())
    tilted = html_of(lab, lab.series(PatientID="TILTED").one())
    assert "noctis-badge noctis-pass" in plain
    assert 'class="noctis-note' not in plain
    assert "noctis-badge noctis-warn" in tilted
    assert "Tilt 16.5°. 4 planes lean 16.5° from their normal" in Page(tilted).words


def test_a_series_that_load_refuses_says_so_in_its_words(lab: Lab) -> None:
    series = lab.series(PatientID="TWICE").one()
    with pytest.raises(CannotStack) as refused:
        series.load()
    words = Page(html_of(lab, series)).words
    assert f"{type(refused.value).__name__}. s.load() refuses: {refused.value.reason}" in words
    assert "DuplicatePositions" in text_of(lab, series)


def test_a_longer_stack_shows_none_of_its_ends(tmp_path: Path) -> None:
    with nl.open_lab(tmp_path / "archive", create=True) as lab:
        fill(lab, ct_series(planes=20, rows=16, columns=16), tmp_path / "in")
        html = html_of(lab, lab.series().one())
    assert re.findall(r"<figcaption>(\d+)", html) == ["4", "7", "11", "14", "17"]


def test_pictures_are_the_middle_plane_and_five_of_the_stack(lab: Lab) -> None:
    series = lab.series(PatientID="PLAIN").one()
    html = html_of(lab, series)
    main, *strip = pictures_in(html)
    values = series.load().values.astype(float)

    def windowed(plane: int, shape: tuple[int, int]) -> np.ndarray:
        # PS3.3 C.11.2.1.2.1 by hand, for the series' own window 40 / 400
        small = shrink(values[plane], shape)
        return np.clip((small - 39.5) / 399 + 0.5, 0, 1) * 255

    assert max(main.shape) == 128
    assert np.abs(main - windowed(3, main.shape)).max() <= 1
    assert [max(each.shape) for each in strip] == [64] * 5
    for each, plane in zip(strip, [1, 2, 3, 4, 5], strict=True):
        assert np.abs(each - windowed(plane, each.shape)).max() <= 1
    assert re.findall(r"<figcaption>(\d+)", html) == ["2", "3", "4", "5", "6"]


def test_a_card_asks_nobody_runs_nothing_and_is_small(lab: Lab) -> None:
    for html in all_html(lab):
        page = Page(html)
        assert len(html) < 100_000
        assert {"script", "iframe", "link", "object", "form", "input"}.isdisjoint(page.tags)
        assert not [name for name, _ in page.attributes if name.startswith("on")]
        for name, value in page.attributes:
            if name in {"src", "href"}:
                assert value.startswith("data:image/png;base64,")
        assert "url(" not in html
        assert "@import" not in html


def test_hostile_values_are_text_and_cut(lab: Lab) -> None:
    series = lab.series(PatientID="EVIL").one()
    html = html_of(lab, series)
    assert EVIL in Page(html).words
    assert EVIL not in html
    assert "שלום" in html
    assert "xxxx…" in html
    for html in all_html(lab):
        assert "onerror" not in {name for name, _ in Page(html).attributes}
        assert "\u202e" not in html
        assert "\u0007" not in html
        assert "x" * 200 not in html


def test_tags_of_the_middle_instance_fold_away(lab: Lab) -> None:
    page = Page(html_of(lab, lab.series(PatientID="PLAIN").one()))
    assert page.tags.count("details") == page.tags.count("summary") == 1
    assert ("open", "") not in page.attributes
    assert "InstanceNumber 4" in page.words
    assert "of the middle one of 7 instances" in page.words


def test_a_study_shows_its_series_with_pictures(lab: Lab) -> None:
    study = lab.studies(PatientID="TILTED").one()
    html = shown.study_html(lab, study.row, limit_s=AMPLE_S)
    assert [max(picture.shape) for picture in pictures_in(html)] == [48]
    words = Page(html).words
    for said in ("PHANTOM, FORMULA", "2026-01-02", "TILTED", "1 series", "Tilt 16.5°"):
        assert said in words
    assert "Tilt 16.5°" in repr(study)


def test_a_selection_names_its_conditions_and_how_to_go_on(lab: Lab) -> None:
    several = lab.series(Modality="CT", KVP=120)
    page = Page(several._repr_html_() or "")
    assert "4 series Modality 'CT' KVP 120" in page.words
    assert ".df()" in page.words
    assert repr(several).startswith("4 series where Modality='CT', KVP=120\n")
    assert "Nothing fits" in repr(lab.series(Modality="MR"))


def test_of_very_many_only_the_first_are_asked_for(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("noctis_lab.lab.selection._ASKED_AT_ONCE", 5)
    selection = lab.instances()
    text = repr(selection)
    assert text.startswith("17 instances\n")
    assert "_uids" not in vars(selection)
    assert repr(lab.instances(PatientID="TWICE")).startswith("4 instances where")


def test_text_keeps_within_eighty_columns(lab: Lab) -> None:
    objects = [lab.studies(), lab.series(), lab.instances(), *lab.studies(), *lab.series()]
    for each in [*objects, lab.instances()[0]]:
        for line in repr(each).splitlines():
            assert cell_len(line) <= 80, line
            assert line == line.rstrip()
            assert "\u202e" not in line


def test_a_lab_says_what_it_holds_and_what_is_next(lab: Lab) -> None:
    for words in (repr(lab), Page(lab._repr_html_() or "").words):
        assert "4 studies" in words
        assert "17 instances" in words
        assert "NOCTIS_SCP at 127.0.0.1:11112" in words
        assert 'lab.series(Modality="CT")[0]' in words


def test_an_empty_lab_says_how_to_fill_it(tmp_path: Path) -> None:
    with open_lab(tmp_path) as empty:
        for words in (repr(empty), Page(empty._repr_html_() or "").words):
            assert "empty" in words
            # Typed as they stand they mean this archive, not the usual one.
            for command in ("index FOLDER", "demo", "serve"):
                assert f"noctis {command} --root {tmp_path}" in words


def test_reprs_of_what_is_gone_or_closed_say_so(tmp_path: Path) -> None:
    with open_lab(tmp_path) as opened:
        gone: list[Any] = [
            nl.Series(opened, "1.2.3", "1.2"), nl.Study(opened, "1.2"), nl.Instance(opened, "1.4"),
        ]  # fmt: skip
        for each in gone:
            assert "not in this archive" in repr(each)
        selection = opened.series()
    for each in [*gone, selection]:
        assert "closed" in repr(each)
        if hasattr(each, "_repr_html_"):
            assert each._repr_html_() is None
    assert opened._repr_html_() is None
    assert "closed" in repr(opened)


def test_a_series_without_readable_files_still_shows(tmp_path: Path) -> None:
    with open_lab(tmp_path / "archive", create=True) as opened:
        fill(opened, ct_series(planes=3, rows=8, columns=8), tmp_path / "in")
        series = opened.series().one()
        for instance in series.instances:
            instance.path.unlink()
        html = html_of(opened, series)
        assert "3 × 8 × 8" in html
        assert "No picture yet" in html
        assert "<details>" not in html


def test_what_is_late_is_left_out_and_there_the_next_time(lab: Lab) -> None:
    series = lab.series(PatientID="PLAIN").one()
    lab.handle.frames.clear()
    study = lab.studies(PatientID="PLAIN").one().row
    late = series_card(lab, series.row, study, pictures=True, limit_s=0.0)
    assert late.main is None
    assert late.is_late
    assert late.patient == "PHANTOM, FORMULA"
    whole = series_card(lab, series.row, study, pictures=True, limit_s=AMPLE_S)
    assert whole.main is not None
    assert not whole.is_late


def test_a_deadline_ends_waiting_and_drops_what_failed(lab: Lab) -> None:
    def fail() -> int:
        raise DecodeError("no")

    found = Deadline(AMPLE_S).collect(lab.handle.executor, {"a": lambda: 1, "b": fail})
    assert found == {"a": 1}
    assert Deadline(0.0).rest_s == 0.0


@pytest.mark.timeout(90)
def test_one_thread_is_enough_where_geometry_needs_tasks_of_its_own(tmp_path: Path) -> None:
    table = Dataset()
    table.LUTDescriptor, table.ModalityLUTType = [3, 0, 16], "OD"
    table.add_new("LUTData", "OW", np.array([3000, 70, 60000], "<u2").tobytes())
    elements = {"ModalityLUTSequence": [table], "RescaleSlope": None, "RescaleIntercept": None}
    with open_lab(tmp_path / "archive", create=True, threads=1) as opened:
        planes = ct_series(planes=3, rows=8, columns=8, signed=False, elements=elements)
        fill(opened, planes, tmp_path / "in")
        words = text_of(opened, opened.series().one())
    assert "3 × 8 × 8" in words
    assert "OD" in words


def test_a_smaller_thumbnail_averages() -> None:
    big = np.repeat(np.repeat(np.array([[0, 200], [100, 40]], np.uint8), 8, 0), 8, 1)
    png = bytes(imagecodecs.png_encode(big))
    assert imagecodecs.png_decode(shrink_png(png, 2)).tolist() == [[0, 200], [100, 40]]
    assert shrink_png(png, 16) == png
    with pytest.raises(DecodeError):
        shrink_png(b"GIF89a", 8)


def test_the_dark_and_light_colours_are_the_tokens() -> None:
    folder = Path(shown.__file__).parent
    css = (folder / "cards" / "templates" / "card.css").read_text()
    tokens = folder.parent / "views" / "client" / "src" / "ground" / "tokens.css"
    stated = set(re.findall(r"(--[\w-]+):\s*(#\w{6}|rgba\([^)]*\))", tokens.read_text()))
    used = set(re.findall(r"(--[\w-]+):\s*(#\w{6}|rgba\([^)]*\))", css))
    assert used
    assert used <= stated


def test_a_data_frame_has_the_usual_columns_with_uids_last(lab: Lab) -> None:
    for selection, keys in (
        (lab.studies(), ["StudyInstanceUID"]),
        (lab.series(), ["SeriesInstanceUID", "StudyInstanceUID"]),
        (lab.instances(), ["SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID"]),
    ):
        frame = selection.df()
        assert frame.columns[0] == "PatientID"
        assert list(frame.columns[-len(keys) :]) == keys
        assert len(frame.columns) < 30
        assert set(frame.columns) < set(selection.df(columns="all").columns)
        assert frame["StudyDate"].dtype.kind == "M"


def test_a_data_frame_has_the_conditions_columns_and_those_asked_for(lab: Lab) -> None:
    frame = lab.series(KVP=120).df()
    assert frame["KVP"].tolist() == [120.0] * 4
    assert list(lab.series().df(columns=["KVP", "is_volume"]).columns) == ["KVP", "is_volume"]
    assert lab.series(PatientID="PLAIN").df(columns=["is_volume"])["is_volume"].tolist() == [True]
    names = ["SeriesNumber", "slice_spacing_mm"]
    spacings = lab.series(PatientID="PLAIN").df(columns=names)["slice_spacing_mm"]
    assert spacings.tolist() == [2.5]
    with pytest.raises(QueryError, match="did you mean KVP"):
        lab.series().df(columns=["kvp"])
    with pytest.raises(QueryError, match="'all'"):
        lab.series().df(columns="KVP")


def test_whole_numbers_stay_whole_where_some_are_missing(lab: Lab) -> None:
    frame = lab.sql("SELECT unnest([9007199254740993, NULL]) AS n, unnest([true, NULL]) AS b").df()
    assert (str(frame["n"].dtype), str(frame["b"].dtype)) == ("Int64", "boolean")
    assert frame["n"][0] == 2**53 + 1
    assert frame["n"].isna().tolist() == frame["b"].isna().tolist() == [False, True]
    frame = lab.series().df()
    assert str(frame["SeriesNumber"].dtype) == "int64"
    assert "object" not in {
        str(frame[name].dtype) for name in ("is_volume", "is_regular", "gap_count", "tilt_deg")
    }


def test_coordinates_say_where_they_lead(lab: Lab) -> None:
    volume = lab.series(PatientID="PLAIN").one().load()
    assert [(volume[axis].attrs["units"], volume[axis].attrs["long_name"]) for axis in "zyx"] == [
        ("mm", "superior"), ("mm", "posterior"), ("mm", "left"),
    ]  # fmt: skip
    tilted = lab.series(PatientID="TILTED").one().load()
    assert tilted["y"].attrs["long_name"] == "posterior, oblique"
    assert all(isinstance(value, str | int | float) for value in volume.attrs.values())
