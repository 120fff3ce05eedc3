"""`lab.sql`: what the views say, checked against pydicom and by hand."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pydicom
import pytest
from pydicom.datadict import DicomDictionary, dictionary_VM, dictionary_VR, tag_for_keyword

from noctis_lab.catalog.columnar import flush_series
from noctis_lab.catalog.columns import KEYWORDS, Kind
from noctis_lab.catalog.query import Query, write_result
from noctis_lab.catalog.records import SeriesFacts
from noctis_lab.catalog.rollup_rows import WholeTable, read_whole_tables
from noctis_lab.catalog.store import Catalog, open_catalog
from noctis_lab.dicom.geometry import PlaneGeometry
from noctis_lab.errors import QueryError
from noctis_lab.synthetic import ct_series
from tests.catalog.columnar_filling import commit, commit_data_sets, entry, number, receipt, text

VIEWS = (
    "patients",
    "studies",
    "series",
    "instances",
    "elements",
    "instance_elements",
    "receipts",
    "facilities",
    "senders",
    "unknown_senders",
    "study_access",
    "collisions",
    "quarantine",
)


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    with open_catalog(tmp_path) as opened:
        yield opened


@pytest.fixture
def query(catalog: Catalog) -> Iterator[Query]:
    with Query(catalog) as opened:
        yield opened


def test_a_plane_lies_along_its_unit_normal(catalog: Catalog, query: Query) -> None:
    rounded = (0.999, 0.0, 0.0, 0.0, 0.999, 0.0)  # as some scanners state their cosines
    parallel = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)
    for index, orientation in enumerate((rounded, parallel)):
        plane = PlaneGeometry(
            position_mm=(1.0, 2.0, 500.0), orientation=orientation, pixel_spacing_mm=None
        )
        commit(catalog, replace(entry("1", f"1.{index}", f"1.{index}.1"), plane=plane))
    found = query.sql("SELECT slice_position_mm FROM instances ORDER BY SOPInstanceUID").fetchall()
    assert found == [(500.0,), (None,)]


def test_all_is_there_at_once_however_much_was_not_yet_flushed(catalog: Catalog) -> None:
    many = [number(f"PrivateThing.{index}.Value", str(index % 7)) for index in range(3_500)]
    commit(
        catalog,
        *(
            entry("1", f"1.{index // 6}", f"1.1.{index}", text("Modality", "CT"), *many)
            for index in range(36)
        ),
    )
    with Query(catalog) as query:  # the first refresh reads more than DuckDB's row group
        found = query.sql("SELECT Modality, count(*) FROM series GROUP BY ALL").fetchall()
        assert found == [("CT", 6)]
        [(elements,)] = query.sql("SELECT count(*) FROM elements").fetchall()
        [(of_instances,)] = query.sql("SELECT count(*) FROM instance_elements").fetchall()
    assert of_instances == 36 * (3_500 + 5)
    assert elements == 6 * (3_500 + 4) + 36  # what is constant over a series once; UIDs each


def head_series() -> list[pydicom.Dataset]:
    data_sets = ct_series(
        planes=5,
        rows=4,
        columns=6,
        elements={
            "PatientName": "Sîrbu^Éva",
            "SpecificCharacterSet": "ISO_IR 192",
            "StudyDate": "20260229",  # no such day
            "SoftwareVersions": ["7.1", "beta"],
            "WindowCenter": [40, 400],
        },
    )
    for index, data_set in enumerate(data_sets):
        block = data_set.private_block(0x0019, "ACME 1", create=True)
        block.add_new(0x01, "LO", "same")
        block.add_new(0x02, "DS", str(index * 1.5))
        item = pydicom.Dataset()
        item.ReferencedSOPInstanceUID = f"1.2.3.{index}"
        data_set.ReferencedImageSequence = [item]
    return data_sets


def as_column(kind: Kind, value: Any) -> Any:
    """Say independently of `columns.py` what a pydicom value is in a typed column."""
    if value is None or value == "" or value == []:
        return None
    parts = list(value) if isinstance(value, pydicom.multival.MultiValue) else [value]
    if kind in (Kind.NUMBERS, Kind.NUMBER, Kind.INTEGER):
        numbers = [float(part) for part in parts]
        return numbers if kind is Kind.NUMBERS else numbers[0]
    if kind is Kind.DATE:
        try:
            return datetime.strptime(str(value), "%Y%m%d").date()  # noqa: DTZ007
        except ValueError:
            return None
    return "\\".join(str(part) for part in parts)


@pytest.mark.parametrize("flushed", [False, True], ids=["wide", "parquet"])
def test_typed_columns_hold_what_pydicom_reads(
    catalog: Catalog, query: Query, tmp_path: Path, flushed: bool
) -> None:
    data_sets = head_series()
    entries = commit_data_sets(catalog, data_sets, tmp_path / "in")
    if flushed:
        assert flush_series(catalog, entries[0].SeriesInstanceUID) == 5
    names = list(KEYWORDS)
    rows = query.sql(f"SELECT {', '.join(names)} FROM instances ORDER BY InstanceNumber").fetchall()
    expected = [
        tuple(as_column(KEYWORDS[name], data_set.get(name)) for name in names)
        for data_set in sorted(data_sets, key=lambda data_set: data_set.InstanceNumber)
    ]
    assert rows == expected
    assert expected[0][names.index("StudyDate")] is None
    assert expected[0][names.index("SoftwareVersions")] == "7.1\\beta"


@pytest.mark.parametrize("flushed", [False, True], ids=["wide", "parquet"])
def test_every_element_is_found_by_path_wherever_it_is_nested(
    catalog: Catalog, query: Query, tmp_path: Path, flushed: bool
) -> None:
    data_sets = head_series()
    entries = commit_data_sets(catalog, data_sets, tmp_path / "in")
    if flushed:
        flush_series(catalog, entries[0].SeriesInstanceUID)
    names = {data_set.SOPInstanceUID: index for index, data_set in enumerate(data_sets)}
    nested = query.sql(
        "SELECT SOPInstanceUID, keyword, tag, VR, value FROM elements "
        "WHERE path = 'ReferencedImageSequence[0].ReferencedSOPInstanceUID'"
    ).fetchall()
    assert {(names[uid], value) for uid, _, _, _, value in nested} == {
        (index, f"1.2.3.{index}") for index in range(5)
    }
    assert {row[1:4] for row in nested} == {("ReferencedSOPInstanceUID", "0008,1155", "UI")}
    private = query.sql(
        "SELECT tag, value, number, SOPInstanceUID FROM elements "
        "WHERE private_creator = 'ACME 1' ORDER BY tag, number"
    ).fetchall()
    assert [row[:3] for row in private] == [
        ("0019,1001", "same", None),
        *(("0019,1002", str(index * 1.5), index * 1.5) for index in range(5)),
    ]
    assert private[0][3] is None
    assert {names[row[3]] for row in private[1:]} == set(range(5))
    count = sum(sum(1 for _ in data_set.iterall()) for data_set in data_sets)
    sequences = 5  # a sequence is no leaf, its items' elements are
    assert len(query.sql("FROM instance_elements")) == count - sequences


def test_a_flush_changes_no_answer(catalog: Catalog, query: Query, tmp_path: Path) -> None:
    entries = commit_data_sets(catalog, head_series(), tmp_path / "in")
    before = {view: sorted(map(repr, query.sql(f"FROM {view}"))) for view in VIEWS}
    assert flush_series(catalog, entries[0].SeriesInstanceUID) == 5
    assert {view: sorted(map(repr, query.sql(f"FROM {view}"))) for view in VIEWS} == before


def test_a_row_is_seen_by_the_first_query_after_its_commit(catalog: Catalog, query: Query) -> None:
    for index in range(6):
        commit(catalog, entry("1.1", "1.1.1", f"1.1.1.{index}"))
        if index == 2:
            flush_series(catalog, "1.1.1")
        assert len(query.sql("FROM instances")) == index + 1
        assert query.sql("SELECT instance_count FROM series").fetchall() == [(index + 1,)]
        assert query.sql("SELECT instance_count FROM patients").fetchall() == [(index + 1,)]


def test_a_keyword_that_varies_is_null_in_the_series(catalog: Catalog, query: Query) -> None:
    commit(
        catalog,
        entry("1.1", "1.1.1", "1", number("KVP", "120"), text("ConvolutionKernel", "B30")),
        entry("1.1", "1.1.1", "2", number("KVP", "120"), text("ConvolutionKernel", "B60")),
        entry("1.1", "1.1.2", "3", number("KVP", "80")),
    )
    assert query.sql(
        "SELECT SeriesInstanceUID, KVP, ConvolutionKernel FROM series ORDER BY ALL"
    ).fetchall() == [("1.1.1", 120.0, None), ("1.1.2", 80.0, None)]
    assert query.sql("SELECT KVP FROM studies").fetchall() == [(None,)]


def test_dates_compare_as_dates_and_keep_their_text(catalog: Catalog, query: Query) -> None:
    dates = {"1": "20260102", "2": "1999.12.31", "3": "20260102-20260105", "4": None}
    for uid, stored in dates.items():
        commit(catalog, entry(uid, uid, uid, text("StudyDate", stored, tag=0x00080020, VR="DA")))
    assert query.sql(
        "SELECT StudyInstanceUID, StudyDate FROM studies WHERE StudyDate >= '1999-01-01' ORDER BY 1"
    ).fetchall() == [("1", date(2026, 1, 2)), ("2", date(1999, 12, 31))]
    kept = query.sql("SELECT value FROM elements WHERE keyword = 'StudyDate' ORDER BY 1").fetchall()
    assert sorted(kept, key=str) == sorted([(value,) for value in dates.values()], key=str)


def test_receipts_of_the_same_content_again_are_listed(catalog: Catalog, query: Query) -> None:
    commit(catalog, entry("1.1", "1.1.1", "1.1.1.1"))
    assert len(query.sql("FROM receipts")) == 1
    catalog.commit_receipt("1.1.1.1", receipt(5, facility="north"))
    catalog.commit_receipt("1.1.1.1", receipt(9, facility="south"))
    assert query.sql("SELECT facility, is_first FROM receipts ORDER BY received_at").fetchall() == [
        ("local", True),
        ("north", False),
        ("south", False),
    ]
    assert query.sql("SELECT facilities FROM studies").fetchall() == [
        (["local", "north", "south"],)
    ]


def test_patients_without_an_id_stay_apart(catalog: Catalog, query: Query) -> None:
    for uid in "12":
        commit(catalog, entry(uid, uid, uid))
    for uid in "34":
        commit(catalog, entry(uid, uid, uid, text("PatientID", "P", tag=0x00100020)))
    assert query.sql(
        "SELECT PatientID, study_count FROM patients ORDER BY ALL NULLS FIRST"
    ).fetchall() == [(None, 1), (None, 1), ("P", 2)]


def test_no_computed_name_is_a_keyword_in_lower_case(query: Query) -> None:
    keywords = {value[4] for value in DicomDictionary.values() if value[4]}
    lower = {keyword.lower() for keyword in keywords}
    for view in VIEWS:
        for name in query.sql(f"FROM {view} LIMIT 0").columns:
            assert name in keywords or name == "VR" or name == name.lower(), (view, name)
            assert name in keywords or name.lower() not in lower, (view, name)


def test_columns_are_typed_as_their_vr_says() -> None:
    whole, real = {"IS", "US", "SS", "UL", "SL"}, {"DS", "FD", "FL"}
    for keyword, kind in KEYWORDS.items():
        tag = tag_for_keyword(keyword)
        assert tag is not None, keyword
        vr, vm = dictionary_VR(tag).split(" ")[0], dictionary_VM(tag)
        if vr in whole | real:
            single = Kind.INTEGER if vr in whole else Kind.NUMBER
            assert kind is (single if vm == "1" else Kind.NUMBERS), keyword
        else:
            assert kind is (Kind.DATE if vr == "DA" else Kind.TEXT), keyword


def test_a_number_that_is_none_is_null_and_keeps_its_text(catalog: Catalog, query: Query) -> None:
    commit(
        catalog,
        entry(
            "1",
            "1",
            "1",
            number("InstanceNumber", "1.5", VR="IS"),
            number("SeriesNumber", "1e300", VR="IS"),
            text("PixelSpacing", "0.5\\?", VR="DS"),
            text("PatientName", "lone \ud800 surrogate"),
        ),
    )
    assert query.sql(
        "SELECT InstanceNumber, SeriesNumber, PixelSpacing FROM instances"
    ).fetchall() == [(None, None, None)]
    texts = dict(query.sql("SELECT keyword, value FROM elements").fetchall())
    assert (texts["InstanceNumber"], texts["PixelSpacing"]) == ("1.5", "0.5\\?")
    assert texts["PatientName"] == "lone ? surrogate"


def test_a_grown_series_shows_no_facts_of_before(catalog: Catalog, query: Query) -> None:
    asked = "SELECT instance_count, is_volume, gap_count FROM series"
    commit(catalog, entry("1", "1", "1"))
    catalog.set_series_facts("1", SeriesFacts(is_volume=True, gap_count=3), instance_count=1)
    assert query.sql(asked).fetchall() == [(1, True, 3)]

    commit(catalog, entry("1", "1", "2"))

    assert query.sql(asked).fetchall() == [(2, None, None)]


def test_grants_are_read_again_once_there_are_more(catalog: Catalog, query: Query) -> None:
    def read(known: dict[str, WholeTable]) -> dict[str, WholeTable]:
        with catalog.connections.read() as connection:
            return read_whole_tables(connection, known)

    asked = "SELECT facility FROM study_access ORDER BY StudyInstanceUID"
    commit(catalog, entry("1", "1", "1"))
    assert len(query.sql(asked)) == 1
    first = read({})
    commit(catalog, entry("1", "2", "2"))
    second = read(first)
    commit(catalog, entry("2", "3", "3"))
    third = read(second)

    assert second["study_access"] is first["study_access"]
    assert second["quarantine"] is first["quarantine"]
    assert len(third["study_access"].rows) == 2
    assert len(query.sql(asked)) == 2


def test_errors_carry_duckdbs_words(query: Query) -> None:
    with pytest.raises(QueryError, match="nothing"):
        query.sql("SELECT nothing FROM series")
    with pytest.raises(QueryError, match="syntax error"):
        query.sql("SELEC 1")
    assert query.sql("SELECT 1").fetchone() == (1,)


@pytest.mark.parametrize(
    ("statement", "kept"),
    [
        ("SELECT CAST(PatientName AS INT) FROM studies", "to INT32|Could not convert"),
        ("SELECT CAST(PatientName AS DATE) FROM studies", "invalid date"),
        ("SELECT strptime(PatientName, '%Y') FROM studies", "Could not parse"),
        ("SELECT CAST(PatientName AS INT[]) FROM studies", "Type VARCHAR with value"),
        ("SELECT * FROM studies WHERE series_count = 'O''Neil^Jo'", "Could not convert"),
        ('SELECT * FROM studies WHERE PatientName = "O\'Neil^Jo"', "Referenced column"),
        ("SELECT * FROM studies WHERE PatientName = 'O''Neil^Jo' ANDD 1", 'near "ANDD"'),
        ("SELECT CAST(4711004 AS TINYINT)", "out of range"),
    ],
)
def test_errors_quote_no_value(catalog: Catalog, query: Query, statement: str, kept: str) -> None:
    commit(catalog, entry("1", "1", "1", text("PatientName", "O'Neil^Jo")))

    with pytest.raises(QueryError, match=kept) as refused:
        query.sql(statement)

    chain: BaseException | None = refused.value
    while chain is not None:
        assert "Neil" not in str(chain)
        assert "4711004" not in str(chain)
        chain = chain.__cause__ or chain.__context__


def test_values_are_bound_not_pasted(catalog: Catalog, query: Query) -> None:
    commit(catalog, entry("1", "1", "1", text("PatientName", "O'Neil^' OR 1=1 --")))
    for statement, given in (
        ("SELECT count(*) FROM studies WHERE PatientName = $1", ["O'Neil^' OR 1=1 --"]),
        ("SELECT count(*) FROM studies WHERE PatientName = $name", {"name": "O'Neil^' OR 1=1 --"}),
    ):
        assert query.sql(statement, given).fetchone() == (1,)


def test_no_extension_is_fetched(query: Query) -> None:
    settings = dict(
        query.sql(
            "SELECT name, value FROM duckdb_settings() WHERE name LIKE 'auto%extensions'"
        ).fetchall()
    )
    assert set(settings.values()) == {"false"}
    assert len(settings) == 2


def test_results_are_frames_tables_text_and_files(
    catalog: Catalog, query: Query, tmp_path: Path
) -> None:
    commit(
        catalog, entry("1", "1", "1", text("PatientName", "<img onerror=x>"), number("KVP", "80"))
    )
    result = query.sql(
        "SELECT PatientName, KVP, modalities, facilities, DATE '2026-01-02' AS d, "
        "sum(instance_count) OVER () AS n FROM studies"
    )
    assert result.columns == ["PatientName", "KVP", "modalities", "facilities", "d", "n"]
    assert list(result) == [("<img onerror=x>", 80.0, [], ["local"], date(2026, 1, 2), 1)]
    assert result.df().loc[0, "d"].year == 2026
    assert "&lt;img" in result._repr_html_()
    assert "<img" not in result._repr_html_()
    assert "<img onerror=x>" in repr(result)
    assert json.loads(result.to_text("json"))[0]["facilities"] == ["local"]
    assert result.to_text("csv").splitlines()[1] == "<img onerror=x>,80.0,,local,2026-01-02,1"
    for suffix in ("parquet", "csv", "json"):
        assert write_result(result, tmp_path / f"r.{suffix}") == 1
    assert pq.read_table(tmp_path / "r.parquet").num_rows == 1
    with pytest.raises(ValueError, match=r"\.parquet, \.csv or \.json"):
        write_result(result, tmp_path / "r.xls")


def test_threads_ask_at_once_while_rows_arrive(catalog: Catalog, query: Query) -> None:
    seen: list[list[int]] = [[], [], []]
    errors: list[BaseException] = []
    done = threading.Event()

    def ask(counts: list[int]) -> None:
        try:
            while not done.is_set():
                counts.append(len(query.sql("FROM instances")))
        except BaseException as error:  # noqa: BLE001
            errors.append(error)

    threads = [threading.Thread(target=ask, args=(counts,)) for counts in seen]
    for thread in threads:
        thread.start()
    for index in range(30):
        commit(catalog, entry("1", f"1.{index % 3}", f"1.{index}"))
        if index % 10 == 9:
            flush_series(catalog, f"1.{index % 3}")
    done.set()
    for thread in threads:
        thread.join()
    assert not errors
    assert all(counts == sorted(counts) for counts in seen)  # never back in time
    assert len(query.sql("FROM instances")) == 30


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_child_asks_through_a_database_of_its_own(catalog: Catalog, query: Query) -> None:
    commit(catalog, entry("1", "1", "1"))
    assert len(query.sql("FROM instances")) == 1
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 0 if len(query.sql("FROM instances")) == 1 else 2
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
