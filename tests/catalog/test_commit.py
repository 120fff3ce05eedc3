"""One admission is one transaction: rows come back as they went in, rollups are never wrong."""

from __future__ import annotations

import dataclasses
import os
import sqlite3
import tracemalloc
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from noctis_lab.catalog.queue import list_jobs
from noctis_lab.catalog.records import (
    CommitOutcome,
    InPlace,
    InstanceEntry,
    InstanceRow,
    SeriesFacts,
)
from noctis_lab.catalog.rows import pack_frame_table, series_reference, unpack_frame_table
from noctis_lab.catalog.store import Catalog, open_catalog
from noctis_lab.catalog.wide import decode_elements, encode_elements
from noctis_lab.dicom.geometry import PlaneGeometry
from noctis_lab.dicom.header import Element
from noctis_lab.dicom.rescale import Rescale
from noctis_lab.errors import CatalogError, InstanceNotFound, SeriesNotFound
from noctis_lab.events import InstanceStored
from tests.catalog.catalog_entries import START, entry, pixel_layout, receipt

QUIET_S = 10.0


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    with open_catalog(tmp_path, quiet_s=QUIET_S, clock=lambda: START) as opened:
        yield opened


def sql(catalog: Catalog, statement: str, *values: object) -> list[tuple[object, ...]]:
    """Ask the file itself, with a connection that is none of ours."""
    with sqlite3.connect(catalog.root / "catalog" / "catalog.sqlite") as connection:
        rows = connection.execute(statement, values).fetchall()
    connection.close()
    return rows


def same(row: InstanceRow | None, given: InstanceEntry) -> bool:
    assert row is not None
    shared = [f.name for f in dataclasses.fields(InstanceRow) if hasattr(given, f.name)]
    assert len(shared) == 16
    return all(getattr(row, name) == getattr(given, name) for name in shared) and (
        row.received_at == given.receipt.received_at
    )


def test_a_thin_row_comes_back_as_it_went_in(catalog: Catalog) -> None:
    given = entry(7)

    commit = catalog.commit_instance(given)

    assert commit.outcome is CommitOutcome.STORED
    row = catalog.find_instance(given.SOPInstanceUID)
    assert row is not None
    assert same(row, given)
    assert row.InstanceNumber == 7
    assert catalog.instances_of(given.SeriesInstanceUID) == [row]


def test_an_instance_without_pixels_and_geometry_comes_back_so(catalog: Catalog) -> None:
    nothing = PlaneGeometry(position_mm=None, orientation=None, pixel_spacing_mm=None)
    given = dataclasses.replace(entry(pixels=None), plane=nothing, rescale=None)

    catalog.commit_instance(given)

    assert same(catalog.find_instance(given.SOPInstanceUID), given)
    series = catalog.find_series(given.SeriesInstanceUID)
    assert series is not None
    assert (series.instance_count, series.image_count, series.frame_count) == (1, 0, 0)


def test_a_position_that_is_no_number_is_no_position(catalog: Catalog) -> None:
    plane = dataclasses.replace(entry().plane, position_mm=(0.0, float("nan"), 1.0))
    rescale = Rescale(slope=float("nan"), intercept=0.0, units=None)

    catalog.commit_instance(dataclasses.replace(entry(), plane=plane, rescale=rescale))

    row = catalog.find_instance(entry().SOPInstanceUID)
    assert row is not None
    assert row.plane.position_mm is None
    assert row.plane.orientation == entry().plane.orientation
    assert row.rescale is None


def test_an_in_place_source_comes_back_with_any_path(catalog: Catalog) -> None:
    place = InPlace(path=Path(os.fsdecode(b"/data/\xff\xfe.dcm")), size_bytes=5, mtime_ns=2**62)
    given = entry(in_place=place)

    catalog.commit_instance(given)

    row = catalog.find_instance(given.SOPInstanceUID)
    assert row is not None
    assert row.in_place == place


def test_encapsulated_frames_come_back_with_their_fragments(catalog: Catalog) -> None:
    table = tuple(((1000 + 90 * k, 60), (1068 + 90 * k, 14)) for k in range(40))
    given = entry(pixels=pixel_layout(encapsulated=True, frames=40, frame_table=table))

    catalog.commit_instance(given)

    row = catalog.find_instance(given.SOPInstanceUID)
    assert row is not None
    assert row.pixels == given.pixels


@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, 2**40), st.integers(0, 2**33)), max_size=4).map(tuple),
        max_size=30,
    ).map(tuple)
)
def test_any_frame_table_survives_packing(
    table: tuple[tuple[tuple[int, int], ...], ...],
) -> None:
    assert unpack_frame_table(pack_frame_table(table)) == table


@given(
    st.lists(
        st.builds(
            Element,
            st.text(),
            st.integers(0, 2**32 - 1),
            st.sampled_from(["PN", "DS", "OB"]),
            st.none() | st.text(),
            st.none() | st.text(st.characters()),
            st.none() | st.floats(allow_nan=False),
            st.integers(0, 2**32),
        ),
        max_size=20,
    ).map(tuple)
)
def test_any_elements_survive_packing(elements: tuple[Element, ...]) -> None:
    assert decode_elements(encode_elements(elements)) == elements


def test_layouts_of_very_many_elements_are_not_remembered() -> None:
    def encode(first: int) -> None:
        encode_elements(
            [
                Element(f"{first}.{number}", number, "SH", None, None, None, 0)
                for number in range(first, first + 10_000)
            ]
        )

    tracemalloc.start()
    try:
        for first in range(0, 60_000, 20_000):
            encode(first)
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 1_000_000


def test_a_known_instance_changes_nothing(catalog: Catalog) -> None:
    catalog.commit_instance(entry(1))
    before = sql(catalog, "select * from study"), sql(catalog, "select * from event")

    commit = catalog.commit_instance(dataclasses.replace(entry(1), sha256=b"x" * 32))

    assert commit.outcome is CommitOutcome.KNOWN
    assert commit.known == catalog.find_instance(entry(1).SOPInstanceUID)
    assert commit.known is not None
    assert commit.known.sha256 == entry(1).sha256
    assert (sql(catalog, "select * from study"), sql(catalog, "select * from event")) == before
    assert sql(catalog, "select count(*) from wide") == [(1,)]


def test_two_uids_of_one_key_are_an_error_and_never_mixed_up(catalog: Catalog) -> None:
    catalog.commit_instance(entry(1))
    with sqlite3.connect(catalog.root / "catalog" / "catalog.sqlite") as connection:
        connection.execute("update instance set \"SOPInstanceUID\" = '9.9.9'")
    connection.close()

    with pytest.raises(CatalogError, match="64-bit key"):
        catalog.commit_instance(entry(1))
    assert catalog.find_instance(entry(1).SOPInstanceUID) is None


def test_a_commit_writes_its_event_and_its_jobs(catalog: Catalog) -> None:
    given = entry(3)

    catalog.commit_instance(given)

    fact = InstanceStored(
        StudyInstanceUID=given.StudyInstanceUID,
        SeriesInstanceUID=given.SeriesInstanceUID,
        SOPInstanceUID=given.SOPInstanceUID,
    )
    assert catalog.poll_events(0) == [(1, fact)]
    assert catalog.last_event_id() == 1
    jobs = list_jobs(catalog)
    assert {job.kind for job in jobs} == {"flush-series", "summarise-series"}
    assert {job.key for job in jobs} == {given.SeriesInstanceUID}
    assert {job.run_after for job in jobs} == {START + timedelta(seconds=QUIET_S)}


def test_hostile_text_is_stored_without_what_a_database_cannot_hold(catalog: Catalog) -> None:
    texts = {"PatientName": "A\x00B\ud800^" + "x" * 5000, "StudyDescription": "\x00"}

    catalog.commit_instance(entry(texts=texts))

    study = catalog.find_study("1.2.3")
    assert study is not None
    assert study.PatientName is not None
    assert study.PatientName.startswith("AB?^xxx")
    assert len(study.PatientName) <= 1024
    assert study.StudyDescription is None


def test_the_first_received_instance_describes_the_study_in_any_order(catalog: Catalog) -> None:
    early = entry(1, texts={"StudyDescription": "first", "SeriesDescription": "one"})
    late = entry(2, texts={"StudyDescription": "second", "SeriesDescription": "two"})

    catalog.commit_instance(late)
    catalog.commit_instance(early)

    study, series = catalog.find_study("1.2.3"), catalog.find_series("1.2.3.1")
    assert study is not None
    assert series is not None
    assert (study.StudyDescription, series.SeriesDescription) == ("first", "one")
    assert study.first_received_at == series.first_received_at == early.receipt.received_at
    assert study.last_received_at == series.last_received_at == late.receipt.received_at


def test_series_facts_are_unknown_until_they_are_set(catalog: Catalog) -> None:
    catalog.commit_instance(entry(1))
    facts = SeriesFacts(
        is_volume=True,
        is_regular=False,
        slice_spacing_mm=1.25,
        tilt_deg=0.0,
        gap_count=2,
        duplicate_count=0,
        geometry_note="two gaps",
    )
    before = catalog.find_series("1.2.3.1")

    assert catalog.set_series_facts("1.2.3.1", facts, instance_count=1)

    after = catalog.find_series("1.2.3.1")
    assert before is not None
    assert after is not None
    assert before.facts == SeriesFacts()
    assert after.facts == facts
    with pytest.raises(SeriesNotFound):
        catalog.set_series_facts("1.2.3.4", facts, instance_count=1)


def test_the_facts_of_a_series_are_unknown_again_once_it_grows(catalog: Catalog) -> None:
    catalog.commit_instance(entry(1))
    catalog.set_series_facts("1.2.3.1", SeriesFacts(is_volume=True), instance_count=1)

    catalog.commit_instance(entry(2))

    series = catalog.find_series("1.2.3.1")
    assert series is not None
    assert series.facts == SeriesFacts()
    assert sql(catalog, "select summarised_at from series") == [(None,)]


def test_the_facts_of_fewer_instances_are_not_written(catalog: Catalog) -> None:
    catalog.commit_instance(entry(1))
    catalog.commit_instance(entry(2))

    written = catalog.set_series_facts("1.2.3.1", SeriesFacts(gap_count=7), instance_count=1)

    series = catalog.find_series("1.2.3.1")
    assert series is not None
    assert not written
    assert series.facts == SeriesFacts()


COMMITS = st.lists(
    st.tuples(
        st.integers(1, 6),  # InstanceNumber
        st.integers(1, 2),  # study
        st.integers(1, 2),  # series
        st.sampled_from(["CT", "SEG", None]),
        st.sampled_from(["north", "south"]),
        st.sampled_from(["P1", "P2"]),
        st.booleans(),  # pixels
        st.integers(0, 50),  # seconds
    ),
    max_size=14,
)

_ROLLUP_AS_AGGREGATE = """
select s.study_key, s.series_count, s.instance_count, s.stored_bytes,
       s.first_received_at, s.last_received_at
from study s where not (
  s.series_count = (select count(*) from series r
                    where r.study_key = s.study_key and not r.is_withheld)
  and (s.instance_count, s.stored_bytes, s.first_received_at, s.last_received_at) = (
    select count(*), sum(i.data_set_length), min(i.received_at), max(i.received_at)
    from instance i join series r using (series_key)
    where r.study_key = s.study_key and not r.is_withheld))
"""
_SERIES_AS_AGGREGATE = """
select r.series_key from series r where not (
  (r.instance_count, r.stored_bytes, r.first_received_at, r.last_received_at,
   r.image_count, r.frame_count) = (
    select count(*), sum(i.data_set_length), min(i.received_at), max(i.received_at),
           count(f.pixel_keyword), coalesce(sum(f."NumberOfFrames"), 0)
    from instance i join instance_format f using (format_key)
    where i.series_key = r.series_key))
"""


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(commits=COMMITS)
def test_rollups_equal_an_aggregate_after_any_sequence(
    catalog: Catalog,
    commits: list[tuple[int, int, int, str | None, str, str, bool, int]],
) -> None:
    (run,) = sql(catalog, "select count(*) from study")[0]  # studies of its own each time
    before = sql(catalog, "select count(*) from instance")[0][0]
    stored = set()
    for number, study, series, modality, facility, patient, pixels, seconds in commits:
        given = entry(
            number,
            study=f"1.{run}.{study}",
            series=f"1.{run}.{study}.{series}",
            facility=facility,
            seconds=seconds,
            texts={"Modality": modality, "PatientID": patient},
            pixels=pixels,
            data_set_length=1000 + number,
        )
        commit = catalog.commit_instance(given)
        assert (commit.outcome is CommitOutcome.KNOWN) == (given.SOPInstanceUID in stored)
        stored.add(given.SOPInstanceUID)

    assert sql(catalog, _ROLLUP_AS_AGGREGATE) == []
    assert sql(catalog, _SERIES_AS_AGGREGATE) == []
    assert sql(catalog, "select count(*) from instance") == [(before + len(stored),)]
    assert sql(catalog, "select count(*) from wide") == [(before + len(stored),)]
    for study in (f"1.{run}.1", f"1.{run}.2"):
        modalities = {row.Modality for row in catalog.series_of(study)} - {None}
        row = catalog.find_study(study)
        assert row is None or modalities <= set(row.modalities)


def test_the_thin_row_is_at_most_400_bytes_with_its_indexes(tmp_path: Path) -> None:
    """6,000 instances, UIDs of 60 characters: the file without what goes to Parquet."""
    with open_catalog(tmp_path) as catalog:
        committer = catalog._committer
        with catalog.connections.write() as connection:
            for number in range(6_000):
                root = f"1.3.12.2.1107.5.1.4.60123.300000260301{number // 400:04d}"
                series = f"{root}.{number // 100:05d}"
                given = entry(
                    number % 100,
                    study=root,
                    series=series,
                    uid=f"{series}.{1_000_000 + number}",
                    seconds=number / 7,
                )
                committer._write(connection, committer._prepare(given, START))
        with catalog.connections.write() as connection:
            connection.exec_driver_sql("delete from wide")
            connection.exec_driver_sql("delete from event")
            connection.exec_driver_sql("delete from job")
    with sqlite3.connect(tmp_path / "catalog" / "catalog.sqlite") as connection:
        pages, unused, size = (
            connection.execute(f"pragma {name}").fetchone()[0]
            for name in ("page_count", "freelist_count", "page_size")
        )
    connection.close()
    bytes_an_instance = (pages - unused) * size / 6_000
    assert 200 <= bytes_an_instance <= 400


# ---------------------------------------------------------------- who may see


def test_every_receipt_grants_its_facility_the_study(catalog: Catalog) -> None:
    catalog.commit_instance(entry(1, facility="north"))
    catalog.commit_instance(entry(2, facility="south"))
    catalog.commit_receipt(entry(1).SOPInstanceUID, receipt("west", seconds=5))

    assert catalog.facilities_of("1.2.3") == {"north", "south", "west"}
    assert catalog.collisions() == []


def test_the_same_receipt_twice_is_one_row(catalog: Catalog) -> None:
    catalog.commit_instance(entry(1))
    for _ in range(2):
        catalog.commit_receipt(entry(1).SOPInstanceUID, receipt("north", seconds=9))
    catalog.commit_receipt(entry(1).SOPInstanceUID, receipt("north", seconds=10))

    assert sql(catalog, "select count(*) from receipt") == [(2,)]
    with pytest.raises(InstanceNotFound):
        catalog.commit_receipt("1.2.3.4.5", receipt())


def test_another_patient_from_another_facility_is_granted_nothing(catalog: Catalog) -> None:
    catalog.commit_instance(entry(1, facility="north"))
    foreign = entry(2, facility="south", texts={"PatientID": "P2", "PatientName": "OTHER"})

    commit = catalog.commit_instance(foreign)

    assert commit.outcome is CommitOutcome.STORED
    assert catalog.facilities_of("1.2.3") == {"north"}
    (collision,) = catalog.collisions()
    assert (collision.StudyInstanceUID, collision.facility) == ("1.2.3", "south")
    assert collision.instance_count == 1
    assert collision.first_at == collision.last_at == foreign.receipt.received_at


def test_a_colliding_instance_is_kept_apart_from_the_study_it_collides_with(
    catalog: Catalog,
) -> None:
    catalog.commit_instance(entry(1, facility="north"))
    foreign = entry(2, facility="south", texts={"PatientID": "P2", "Modality": "MR"})
    catalog.commit_instance(foreign)

    study = catalog.find_study("1.2.3")
    assert study is not None
    assert (study.instance_count, study.modalities, study.PatientID) == (1, ("CT",), "P1")
    assert [row.instance_count for row in catalog.series_of("1.2.3")] == [1]
    assert len(catalog.instances_of("1.2.3.1")) == 1
    assert catalog.find_instance(foreign.SOPInstanceUID) is None
    assert same(catalog.find_instance(foreign.SOPInstanceUID, withheld=True), foreign)
    assert len(catalog.series_of("1.2.3", withheld=True)) == 2
    assert len(catalog.instances_of(series_reference("1.2.3.1", "1.2.3", "south"))) == 1
    again = catalog.commit_instance(foreign)
    assert again.outcome is CommitOutcome.KNOWN
    assert again.known is not None


def test_bringing_a_withheld_instance_again_grants_nothing(catalog: Catalog) -> None:
    catalog.commit_instance(entry(1, facility="north"))
    foreign = entry(2, facility="south", texts={"PatientID": "P2"})
    catalog.commit_instance(foreign)

    catalog.commit_receipt(foreign.SOPInstanceUID, receipt("south", seconds=70))
    catalog.commit_receipt(foreign.SOPInstanceUID, receipt("west", seconds=80))

    assert catalog.facilities_of("1.2.3") == {"north"}
    assert {(row.facility, row.instance_count) for row in catalog.collisions()} == {
        ("south", 1),
        ("west", 0),
    }


def test_a_corrected_patient_of_one_facility_is_no_collision(catalog: Catalog) -> None:
    catalog.commit_instance(entry(1, facility="north"))
    corrected = entry(2, facility="north", texts={"PatientID": "P1-corrected"})
    catalog.commit_instance(corrected)

    assert catalog.collisions() == []
    assert len(catalog.instances_of("1.2.3.1")) == 2
    # Yet who brings that instance only has shown the other patient's identity.
    catalog.commit_receipt(corrected.SOPInstanceUID, receipt("west", seconds=90))
    assert catalog.facilities_of("1.2.3") == {"north"}


def test_one_series_uid_in_two_studies_is_two_series(catalog: Catalog) -> None:
    catalog.commit_instance(entry(1, study="1.1", series="1.9", facility="north"))
    catalog.commit_instance(entry(2, study="1.2", series="1.9", facility="south"))

    assert [row.StudyInstanceUID for row in catalog.instances_of("1.9")] == ["1.1"]
    other = series_reference("1.9", "1.2")
    assert [row.StudyInstanceUID for row in catalog.instances_of(other)] == ["1.2"]
    assert [row.SeriesInstanceUID for row in catalog.series_of("1.2")] == ["1.9"]
    assert {job.key for job in list_jobs(catalog)} == {"1.9", other}


def test_counts_are_the_rollups_sums(catalog: Catalog) -> None:
    for number, study in ((1, "1.1"), (2, "1.1"), (3, "1.2")):
        catalog.commit_instance(entry(number, study=study, data_set_length=100))

    counts = catalog.counts()

    assert (counts.studies, counts.series, counts.instances) == (2, 2, 3)
    assert counts.stored_bytes == 300
