"""The worklist finds, narrows, sorts and pages, and shows only what may be seen."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from noctis_lab.catalog.query import Query
from noctis_lab.catalog.records import StudyRow
from noctis_lab.catalog.search import fold_text, search_words
from noctis_lab.catalog.store import Catalog, open_catalog
from noctis_lab.catalog.worklist import SORTS, StudyFilters, count_facets, find_studies
from tests.catalog.catalog_entries import START, entry

# study, facility, instances, seconds, texts
STUDIES: list[tuple[str, str, int, float, dict[str, str | None]]] = [
    ("1.1", "north", 3, 0, {"PatientName": "MÜLLER^Eva", "PatientID": "N-001"}),
    ("1.2", "north", 1, 100, {"PatientName": "Miller^Ed", "PatientID": "N_002", "Modality": "MR"}),
    ("1.3", "south", 2, 200, {"PatientName": "山田^太郎=やまだ^たろう", "PatientID": "S%3"}),
    ("1.4", "south", 1, 300, {"PatientName": None, "PatientID": "1999-12-S4", "StudyDate": None}),
    ("1.5", "west", 1, 400, {"PatientName": "O'Neil^Pat", "StudyDate": "20240229"}),
]


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalog]:
    clock = lambda: START + timedelta(days=2)  # noqa: E731
    with open_catalog(tmp_path_factory.mktemp("worklist"), clock=clock) as opened:
        for study, facility, count, seconds, texts in STUDIES:
            for number in range(1, count + 1):
                opened.commit_instance(
                    entry(
                        number,
                        study=study,
                        facility=facility,
                        seconds=seconds + number,
                        texts={"AccessionNumber": f"A{study}", **texts},
                    )
                )
        opened.commit_instance(  # SEG beside the CT: a study of two modalities
            entry(
                9,
                study="1.3",
                series="1.3.2",
                facility="south",
                seconds=205,
                texts={**STUDIES[2][4], "Modality": "SEG"},
            )
        )
        yield opened


def uids(rows: list[StudyRow]) -> list[str]:
    return [row.StudyInstanceUID for row in rows]


def find(catalog: Catalog, text: str = "", **filters: object) -> list[str]:
    found = find_studies(
        catalog,
        text=text,
        filters=StudyFilters(**filters),  # type: ignore[arg-type]
        sort="PatientID",
    )
    return sorted(uids(found.rows))


def test_latest_arrivals_come_first(catalog: Catalog) -> None:
    page = find_studies(catalog)

    assert page.total == 5
    assert uids(page.rows) == ["1.5", "1.4", "1.3", "1.2", "1.1"]
    assert page.rows[-1] == catalog.find_study("1.1")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("müll", ["1.1"]),
        ("MULLER", ["1.1"]),
        ("eva müller", ["1.1"]),
        ("iller", ["1.2"]),
        ("ller", ["1.1", "1.2"]),
        ("ller thorax N-0", ["1.1"]),
        ("太郎", ["1.3"]),
        ("%", ["1.3"]),
        ("_", ["1.2"]),
        ("o'neil", ["1.5"]),
        ("a1.4", ["1.4"]),
        ("20240229", ["1.5"]),
        ("2024", ["1.5"]),
        ("2024-", ["1.5"]),
        ("2024-0", ["1.5"]),
        ("2024-02", ["1.5"]),
        ("2024-02-2", ["1.5"]),
        ("2024-02-29", ["1.5"]),
        ("29.02.2024", ["1.5"]),
        ("29.2.2024", ["1.5"]),
        ("2024-02-29 o'neil", ["1.5"]),
        ("2024-02-29 eva", []),
        ("2024-03", []),
        ("02.29.2024", []),
        ("2024-1", []),
        ("0229-", []),
        ("1999-12", ["1.4"]),
        ("eva^", ["1.1"]),
        ("\\", ["1.1", "1.2", "1.3", "1.4", "1.5"]),
        ("nobody", []),
        ("' OR 1=1 --", []),
    ],
)
def test_text_finds_parts_in_any_case_and_accent(
    catalog: Catalog, text: str, found: list[str]
) -> None:
    assert find(catalog, text) == found


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({"modalities": ("MR",)}, ["1.2"]),
        ({"modalities": ("SEG", "MR")}, ["1.2", "1.3"]),
        ({"modalities": ("C",)}, []),
        ({"modalities": ("%",)}, []),
        ({"facilities": ("south",)}, ["1.3", "1.4"]),
        ({"study_date_from": "20260301"}, ["1.1", "1.2", "1.3"]),
        ({"study_date_to": "20251231"}, ["1.5"]),
        ({"received_days": 2}, ["1.1", "1.2", "1.3", "1.4", "1.5"]),
        ({"received_days": 1}, []),
        ({"received_from": START + timedelta(seconds=300)}, ["1.4", "1.5"]),
        ({"modalities": ("CT",), "facilities": ("north", "west")}, ["1.1", "1.5"]),
    ],
)
def test_filters_narrow(catalog: Catalog, filters: dict[str, object], found: list[str]) -> None:
    assert find(catalog, **filters) == found


@pytest.mark.parametrize("column", SORTS)
@pytest.mark.parametrize("minus", ["", "-"])
def test_every_column_sorts_both_ways_with_what_is_empty_last(
    catalog: Catalog, column: str, minus: str
) -> None:
    rows = find_studies(catalog, sort=f"{minus}{column}").rows

    values = [getattr(row, column) for row in rows]
    stated = [value for value in values if value is not None]
    assert len(rows) == 5
    assert values[: len(stated)] == sorted(stated, reverse=minus == "-")


def test_pages_follow_each_other_without_gap_or_repetition(catalog: Catalog) -> None:
    whole = uids(find_studies(catalog, sort="StudyDescription").rows)
    pages = [
        find_studies(catalog, sort="StudyDescription", offset=offset, limit=2)
        for offset in range(0, 6, 2)
    ]

    assert [page.total for page in pages] == [5, 5, 5]
    assert [uid for page in pages for uid in uids(page.rows)] == whole
    assert len(set(whole)) == 5


def test_only_what_a_facility_may_see_is_found_and_counted(catalog: Catalog) -> None:
    page = find_studies(catalog, facilities=frozenset({"south"}), limit=1)

    assert (page.total, uids(page.rows)) == (2, ["1.4"])
    assert find_studies(catalog, facilities=frozenset()).total == 0
    facets = count_facets(catalog, facilities=frozenset({"south"}))
    assert (facets.modalities, facets.facilities) == ({"CT": 2, "SEG": 1}, {"south": 2})


def test_facets_count_without_their_own_filter(catalog: Catalog) -> None:
    facets = count_facets(
        catalog, filters=StudyFilters(modalities=("MR",), facilities=("north", "west"))
    )

    assert facets.modalities == {"CT": 2, "MR": 1}
    assert facets.facilities == {"north": 1}


@pytest.mark.parametrize(
    ("text", "filters"),
    [
        ("", {}),
        ("müller eva", {}),
        ("o'neil", {}),
        ("20240229", {}),
        ("2024-02", {}),
        ("29.02.2024", {}),
        ("1999-12", {}),
        ("", {"modalities": ("MR", "SEG")}),
        ("", {"facilities": ("south",), "study_date_from": "20260101"}),
        ("", {"received_from": START + timedelta(seconds=250)}),
    ],
)
def test_the_sql_that_is_shown_finds_the_same_studies(
    catalog: Catalog, text: str, filters: dict[str, object]
) -> None:
    page = find_studies(catalog, text=text, filters=StudyFilters(**filters))  # type: ignore[arg-type]

    with Query(catalog) as query:
        result = query.sql(page.sql)
        column = list(result.columns).index("StudyInstanceUID")
        assert [row[column] for row in result.fetchall()] == uids(page.rows)


@pytest.mark.parametrize("sort", ["PatientWeight", "study_key", "", "-", "--PatientID", "a; drop"])
def test_a_sort_by_anything_else_is_refused(catalog: Catalog, sort: str) -> None:
    with pytest.raises(ValueError, match="sorts by one of"):
        find_studies(catalog, sort=sort)


@pytest.mark.parametrize("date", ["2026-01-01", "2026101", "20260231", "", "'; drop"])
def test_a_date_that_is_none_is_refused(catalog: Catalog, date: str) -> None:
    with pytest.raises(ValueError, match="YYYYMMDD"):
        find_studies(catalog, filters=StudyFilters(study_date_from=date))


@pytest.mark.parametrize("window", [(-1, 10), (0, -1), (0, 1001)])
def test_windows_are_bounded(catalog: Catalog, window: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="window"):
        find_studies(catalog, offset=window[0], limit=window[1])


@pytest.mark.parametrize(
    "column", sorted(set(SORTS) - {"series_count", "instance_count", "stored_bytes"})
)
@pytest.mark.parametrize("direction", ["", "desc"])
def test_a_page_is_read_in_an_indexs_order(catalog: Catalog, column: str, direction: str) -> None:
    first, *others = (f'"{name}" {direction}' for name in (*SORTS[column], "study_key"))
    order = ", ".join([f"{first} nulls last", *others])
    with catalog.connections.read() as connection:
        plan = connection.exec_driver_sql(
            f"explain query plan select * from study order by {order} limit 50"
        ).all()
    assert not any("USE TEMP B-TREE" in row[-1] for row in plan), plan


def test_folding_is_the_same_for_what_is_stored_and_typed() -> None:
    assert fold_text("MÜLLER^Eva=A\\B") == "muller eva a b"
    assert fold_text("STRASSE ß") == "strasse ss"
    assert search_words("  Eva  eva ÉVA ") == ("eva",)
    assert search_words("MÜLLER, Eva ,") == search_words("MÜLLER^EVA") == ("muller", "eva")
    assert len(search_words(" ".join(str(number) for number in range(50)))) == 8
