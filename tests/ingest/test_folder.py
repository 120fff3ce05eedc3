"""Indexing folders: what comes in, in which order, again, interrupted, and from hostile places."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import threading
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread

from noctis_lab.catalog.store import open_catalog
from noctis_lab.config import Settings
from noctis_lab.errors import NoSpace
from noctis_lab.ingest.archive import OpenArchive, open_archive
from noctis_lab.ingest.findings import PassedKind
from noctis_lab.ingest.folder import IndexReport, index_paths
from noctis_lab.ingest.fsck import fsck
from noctis_lab.synthetic import ct_series, write_series


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[OpenArchive]:
    with open_archive(Settings(root=tmp_path / "root", min_free_bytes=0)) as opened:
        yield opened


@pytest.fixture
def trial(tmp_path: Path) -> Path:
    """Return a folder of all sorts: two series, the same again, a conflict, a zip, other files."""
    folder = tmp_path / "trial"
    paths = write_series(ct_series(planes=40, rows=16, columns=16, seed="a"), folder / "a")
    write_series(ct_series(planes=40, rows=16, columns=16, seed="b"), folder / "b")
    again = folder / "c"
    again.mkdir()
    for path in paths[:20]:
        shutil.copy(path, again / f"again-{path.name}")
    write_series(
        ct_series(planes=2, rows=16, columns=16, seed="a", rescale_intercept=-7.0), folder / "d"
    )
    (folder / "README.txt").write_text("no DICOM")
    (folder / "cut").write_bytes(paths[0].read_bytes()[:-100])
    with zipfile.ZipFile(folder / "more.zip", "w") as file:
        for path in write_series(
            ct_series(planes=5, rows=16, columns=16, seed="z"), tmp_path / "zipped"
        ):
            file.write(path, path.name)
    return folder


def index(archive: OpenArchive, *paths: Path, **options: Any) -> IndexReport:
    return index_paths(archive.pipeline, paths, facility="trial", **options)


def tables(root: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Return what the catalogue holds of instances, but for instants, numbers and chance."""
    queries = {
        "instance": "SELECT SOPInstanceUID, series_key, sha256, origin_key, data_set_length"
        " FROM instance ORDER BY 1",
        "series": "SELECT SeriesInstanceUID, instance_count, frame_count, stored_bytes"
        " FROM series ORDER BY 1",
        "study": "SELECT StudyInstanceUID, PatientID, series_count, instance_count, stored_bytes"
        " FROM study ORDER BY 1",
        "wide": "SELECT instance_key, elements FROM wide ORDER BY 1",
        "study_access": "SELECT * FROM study_access ORDER BY 1, 2",
        "facility": "SELECT facility FROM facility ORDER BY 1",
        "receipt": "SELECT instance_key, origin_key FROM receipt ORDER BY 1, 2",
        "quarantine": "SELECT SOPInstanceUID, sha256, reason, kind FROM quarantine ORDER BY 2",
        "in_place": "SELECT * FROM in_place ORDER BY 1",
        "collision": "SELECT study_key, facility, instance_count FROM collision ORDER BY 1, 2",
        "job": "SELECT kind, key FROM job ORDER BY 1, 2",
        "event": "SELECT kind, count(*) FROM event GROUP BY 1 ORDER BY 1",
    }
    with closing(sqlite3.connect(root / "catalog" / "catalog.sqlite")) as database:
        return {name: database.execute(query).fetchall() for name, query in queries.items()}


def test_each_file_of_a_folder_is_told_apart(archive: OpenArchive, trial: Path) -> None:
    report = index(archive, trial)
    assert (report.indexed, report.same, report.conflict_count) == (85, 20, 2)
    assert report.counts == {PassedKind.NOT_DICOM: 1, PassedKind.DAMAGED: 1}
    assert (report.done, report.found, report.has_found_all) == (109, 109, True)
    assert report.needs_a_look
    assert "RescaleIntercept" in report.conflicts[0].reason
    assert fsck(archive, full=True).is_clean
    told = json.loads(report.to_json())
    assert (told["indexed"], told["same"], len(told["conflicts"])) == (85, 20, 2)
    assert {Path(each["path"]).name for each in told["rejected"]} == {"README.txt", "cut"}
    assert list((archive.storage.root / "incoming").iterdir()) == []


def test_to_index_again_changes_no_row(archive: OpenArchive, trial: Path) -> None:
    index(archive, trial)
    before = tables(archive.storage.root)
    again = index(archive, trial)
    assert (again.indexed, again.same, again.conflict_count) == (0, 105, 2)
    assert tables(archive.storage.root) == before
    assert len(list((archive.storage.root / "quarantine").glob("*.dcm"))) == 2


def test_another_facility_is_granted_what_it_brings(archive: OpenArchive, trial: Path) -> None:
    index(archive, trial / "a")
    index_paths(archive.pipeline, [trial / "a"], facility="other")
    uid = str(dcmread(trial / "a" / "00000.dcm").StudyInstanceUID)
    assert archive.catalog.facilities_of(uid) == {"trial", "other"}


def test_the_first_in_the_order_of_paths_stands_each_time(tmp_path: Path) -> None:
    folder = tmp_path / "many"
    for number in range(12):  # one SOPInstanceUID, twelve contents
        series = ct_series(planes=1, rows=16, columns=16, rescale_intercept=-1000.0 - number)
        write_series(series, folder / f"{number:02}")
    for attempt in range(3):
        with open_archive(Settings(root=tmp_path / str(attempt), min_free_bytes=0)) as archive:
            report = index(archive, folder)
            assert (report.indexed, report.conflict_count) == (1, 11)
            (file,) = archive.storage.iter_instances()
            assert dcmread(file).RescaleIntercept == -1000


def test_a_stop_ends_cleanly_and_the_same_again_goes_on(tmp_path: Path, trial: Path) -> None:
    with open_archive(Settings(root=tmp_path / "once", min_free_bytes=0)) as archive:
        index(archive, trial)
        expected = tables(archive.storage.root)
    with open_archive(Settings(root=tmp_path / "root", min_free_bytes=0)) as archive:
        stop = threading.Event()
        report = index(archive, trial, stop=stop, progress=lambda _report: stop.set())
        assert report.is_interrupted
        assert 0 < report.done < 109
        assert archive.catalog.counts().instances == report.indexed
        assert list((archive.storage.root / "incoming").iterdir()) == []
        assert fsck(archive, full=True).is_clean
        assert not index(archive, trial).is_interrupted
        assert tables(archive.storage.root) == expected


def test_two_at_once_share_the_work(tmp_path: Path, trial: Path) -> None:
    settings = Settings(root=tmp_path / "root", min_free_bytes=0)
    reports: list[IndexReport] = []

    def run() -> None:
        with open_archive(settings) as archive:
            reports.append(index(archive, trial))

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(report.indexed for report in reports) == 85
    assert sum(report.same for report in reports) == 85 + 2 * 20
    with open_archive(settings) as archive:
        assert archive.catalog.counts().instances == 85
        assert fsck(archive, full=True).is_clean


def test_a_registered_folder_is_not_copied_and_known_again(
    archive: OpenArchive, trial: Path
) -> None:
    report = index(archive, trial, in_place=True)
    assert (report.indexed, report.same, report.conflict_count) == (80, 20, 2)
    assert report.counts[PassedKind.NOT_IN_PLACE] == 5
    assert list(archive.storage.iter_instances()) == []
    before = tables(archive.storage.root)
    again = index(archive, trial, in_place=True)
    assert (again.indexed, again.same, again.conflict_count) == (0, 100, 2)
    assert tables(archive.storage.root) == before


@pytest.mark.parametrize("in_place", [False, True])
def test_a_file_of_more_bytes_than_are_taken_is_refused_unread(
    tmp_path: Path, *, in_place: bool
) -> None:
    settings = Settings(root=tmp_path / "root", max_instance_bytes=1 << 20, min_free_bytes=0)
    planes = ct_series(planes=2, rows=16, columns=16)
    large, _ = write_series(planes, tmp_path / "large")
    os.truncate(large, 1 << 40)  # sparse: to hash it would take an hour
    with open_archive(settings) as small:
        report = index_paths(
            small.pipeline, [tmp_path / "large"], facility="local", in_place=in_place
        )
    assert (report.indexed, report.counts) == (1, {PassedKind.DAMAGED: 1})
    assert "max_instance_bytes" in report.rejected[0].reason


def test_a_file_whose_meta_group_lies_is_taken_at_its_data_sets_word(
    archive: OpenArchive, tmp_path: Path
) -> None:
    paths = write_series(ct_series(planes=2, rows=16, columns=16), tmp_path / "two")
    first, second = (dcmread(path) for path in paths)
    first.file_meta.MediaStorageSOPInstanceUID = second.SOPInstanceUID
    first.save_as(paths[0], enforce_file_format=False)
    assert index(archive, tmp_path / "two").indexed == 2
    names = {str(dcmread(file).SOPInstanceUID) for file in archive.storage.iter_instances()}
    assert names == {str(first.SOPInstanceUID), str(second.SOPInstanceUID)}
    for file in archive.storage.iter_instances():
        stored = dcmread(file)
        assert stored.file_meta.MediaStorageSOPInstanceUID == stored.SOPInstanceUID


@pytest.mark.parametrize("name", ["a", "more.zip"])
def test_below_the_watermark_nothing_comes_in_and_nothing_is_left(
    name: str, trial: Path, tmp_path: Path
) -> None:
    settings = Settings(root=tmp_path / "root", min_free_bytes=2**62)
    with open_archive(settings) as archive:
        with pytest.raises(NoSpace):
            index(archive, trial / name)
        assert archive.catalog.counts().instances == 0
        assert list((settings.root / "incoming").iterdir()) == []


def test_whoever_has_the_archive_open_sees_instances_arrive(
    archive: OpenArchive, trial: Path, tmp_path: Path
) -> None:
    seen: list[int] = []
    with open_catalog(archive.storage.root) as beside:
        index(archive, trial, progress=lambda _report: seen.append(beside.last_event_id()))
    assert len(set(seen)) > 2
    assert seen == sorted(seen)


def test_the_archive_does_not_index_itself(archive: OpenArchive, trial: Path) -> None:
    index(archive, trial)
    before = tables(archive.storage.root)
    report = index(archive, archive.storage.root.parent, stop=None)
    assert PassedKind.SPECIAL in report.counts
    assert tables(archive.storage.root)["quarantine"] == before["quarantine"]


def test_names_are_shown_so_that_no_terminal_obeys_them(
    archive: OpenArchive, tmp_path: Path
) -> None:
    folder = tmp_path / "names"
    folder.mkdir()
    (folder / "\x1b[2J evil").write_text("no DICOM")
    (Path(os.fsdecode(os.fsencode(folder) + b"/\xff\xfe"))).write_text("no DICOM")
    report = index(archive, folder)
    assert report.to_text().encode("utf-8").isascii() or "\x1b" not in report.to_text()
    assert len(json.loads(report.to_json())["rejected"]) == 2
