"""Success is answered only where the bytes are there: for what is known, adopted, interrupted."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread

from noctis_lab.catalog.columnar import flush_series
from noctis_lab.catalog.query import Query
from noctis_lab.catalog.records import Commit, InstanceEntry, InstanceRow, ReceiptSource
from noctis_lab.catalog.store import Catalog, open_catalog
from noctis_lab.config import Settings
from noctis_lab.ingest.archive import OpenArchive, open_archive
from noctis_lab.ingest.fsck import FsckReport, fsck
from noctis_lab.ingest.pipeline import Admission, Outcome
from noctis_lab.ingest.rebuild import rebuild
from noctis_lab.synthetic import ct_series, write_series
from tests.receipts import RECEIPT


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[OpenArchive]:
    with open_archive(Settings(root=tmp_path / "root", min_free_bytes=0)) as opened:
        yield opened


@pytest.fixture
def path(plane: Dataset, tmp_path: Path) -> Path:
    return write_series([plane], tmp_path / "sent")[0]


def files(archive: OpenArchive, folder: str = "instances") -> list[Path]:
    return sorted((archive.storage.root / folder).rglob("*.dcm"))


@contextmanager
def stopping(
    archive: OpenArchive,
    *,
    before: Callable[[InstanceEntry], object] = lambda _entry: None,
    after: Callable[[], object] = lambda: None,
) -> Iterator[None]:
    """Do something around the real transaction of each instance."""
    commit = archive.catalog.commit_instance

    def stopped(entry: InstanceEntry) -> Commit:
        before(entry)
        done = commit(entry)
        after()
        return done

    archive.catalog.commit_instance = stopped  # type: ignore[method-assign]
    try:
        yield
    finally:
        archive.catalog.commit_instance = commit  # type: ignore[method-assign]


def register(archive: OpenArchive, path: Path) -> Admission:
    """Register one file where it lies."""
    registrar = archive.pipeline.registrar
    return registrar.register_together([registrar.prepare(path, RECEIPT)])[0]


def test_fsck_beside_a_placement_takes_no_file_away(archive: OpenArchive, path: Path) -> None:
    settings = Settings(root=archive.storage.root, min_free_bytes=0)
    placed, checked = threading.Event(), threading.Event()

    def check() -> FsckReport:
        with open_archive(settings) as beside:
            assert placed.wait(30)
            try:
                return fsck(beside)
            finally:
                checked.set()

    def wait(_entry: InstanceEntry) -> None:
        placed.set()
        checked.wait(1)  # fsck waits for the placement, so this runs out

    with ThreadPoolExecutor(1) as pool, stopping(archive, before=wait):
        report = pool.submit(check)
        assert archive.pipeline.admit_file(path, RECEIPT).outcome is Outcome.STORED
        assert report.result(30).adopted == []
    assert len(files(archive)) == 1
    assert fsck(archive, full=True).is_clean


def test_a_row_that_another_wrote_for_the_placed_file_keeps_it(
    archive: OpenArchive, path: Path
) -> None:
    with stopping(archive, before=archive.catalog.commit_instance):
        assert archive.pipeline.admit_file(path, RECEIPT).outcome is Outcome.SAME
    assert len(files(archive)) == 1


def test_a_known_instance_without_its_file_gets_it_back(archive: OpenArchive, path: Path) -> None:
    archive.pipeline.admit_file(path, RECEIPT)
    (own,) = files(archive)
    own.unlink()
    assert archive.pipeline.admit_file(path, RECEIPT).outcome is Outcome.SAME
    assert files(archive) == [own]
    assert fsck(archive, full=True).is_clean


def test_a_copy_takes_the_place_of_a_source_that_is_gone(
    archive: OpenArchive, path: Path, tmp_path: Path
) -> None:
    source = tmp_path / "source.dcm"
    source.write_bytes(path.read_bytes())
    assert register(archive, source).outcome is Outcome.STORED
    assert archive.pipeline.admit_file(path, RECEIPT).outcome is Outcome.SAME
    assert files(archive) == []
    source.unlink()
    assert archive.pipeline.admit_file(path, RECEIPT).outcome is Outcome.SAME
    (own,) = files(archive)
    row = archive.catalog.find_instance(str(dcmread(path).SOPInstanceUID))
    assert row is not None
    assert row.in_place is None
    assert archive.pipeline.path_of(row) == own
    assert row.pixels is not None
    pixels = own.read_bytes()[row.pixels.offset : row.pixels.offset + row.pixels.length]
    assert pixels == dcmread(path).PixelData
    assert fsck(archive, full=True).is_clean
    rebuilt = rebuild(close(archive))
    assert (rebuilt.instances, rebuilt.skipped) == (1, ())


@pytest.mark.parametrize("is_back", [False, True])
def test_a_rebuild_after_a_lost_source_came_as_a_copy_gives_the_same_rows(
    archive: OpenArchive, path: Path, tmp_path: Path, is_back: bool
) -> None:
    source = tmp_path / "source.dcm"
    source.write_bytes(path.read_bytes())
    register(archive, source)
    away = source.rename(tmp_path / "unplugged")
    later = replace(RECEIPT, facility="west", received_at=datetime.now(UTC) + timedelta(minutes=5))
    assert archive.pipeline.admit_file(path, later).outcome is Outcome.SAME
    before = rows_of(archive.storage.root, archive.catalog)
    assert before.facilities == {RECEIPT.facility, "west"}
    assert before.instance.received_at == RECEIPT.received_at
    if is_back:
        away.rename(source)
    root = close(archive)
    rebuilt = rebuild(root)
    assert (rebuilt.instances, rebuilt.skipped) == (1, ())
    with open_catalog(root) as catalog:
        assert rows_of(root, catalog) == before


@pytest.mark.parametrize("is_in_parquet", [False, True])
def test_sql_says_where_an_instance_lies_after_its_source_was_lost(
    archive: OpenArchive, path: Path, tmp_path: Path, is_in_parquet: bool
) -> None:
    source = tmp_path / "source.dcm"
    source.write_bytes(path.read_bytes())
    register(archive, source)
    asked = "select is_in_place from instances"
    with Query(archive.catalog) as query:
        assert query.sql(asked).fetchall() == [(True,)]
        if is_in_parquet:
            flush_series(archive.catalog, str(dcmread(path).SeriesInstanceUID))
        source.unlink()
        assert archive.pipeline.admit_file(path, RECEIPT).outcome is Outcome.SAME
        assert query.sql(asked).fetchall() == [(False,)]


@dataclass(frozen=True)
class Rows:
    """What the catalogue has of the one instance that is there."""

    instance: InstanceRow
    facilities: frozenset[str]
    described: list[tuple[object, ...]]


def rows_of(root: Path, catalog: Catalog) -> Rows:
    (own,) = (root / "instances").rglob("*.dcm")
    row = catalog.find_instance(str(dcmread(own).SOPInstanceUID))
    assert row is not None
    with Query(catalog) as query:
        described = query.sql(
            "select facility, receipt_source, is_in_place, i.received_at, s.first_received_at, "
            "s.last_received_at from instances i join series s using (SeriesInstanceUID)"
        ).fetchall()
    return Rows(row, catalog.facilities_of(row.StudyInstanceUID), described)


def close(archive: OpenArchive) -> Path:
    archive.catalog.close()
    return archive.storage.root


def test_another_copy_of_other_bytes_is_kept_aside_where_the_source_is_gone(
    archive: OpenArchive, path: Path
) -> None:
    assert register(archive, path).outcome is Outcome.STORED
    other = ct_series(planes=1, rows=16, columns=16, rescale_intercept=-7.0)
    (changed,) = write_series(other, path.parent / "changed")
    path.unlink()
    again = archive.pipeline.admit_file(changed, RECEIPT)
    assert again.outcome is Outcome.CONFLICT
    assert [kept.stem for kept in files(archive, "quarantine")] == [again.quarantine_id]


@pytest.mark.parametrize("is_moved", [False, True])
def test_a_source_that_was_touched_or_moved_is_registered_anew(
    archive: OpenArchive, path: Path, is_moved: bool
) -> None:
    assert register(archive, path).outcome is Outcome.STORED
    if is_moved:
        path = path.rename(path.with_name("moved"))
    else:
        os.utime(path, ns=(1, 1))
    assert register(archive, path).outcome is Outcome.SAME
    assert fsck(archive, full=True).changed == []
    row = archive.catalog.find_instance(str(dcmread(path).SOPInstanceUID))
    assert row is not None
    root = close(archive)
    rebuilt = rebuild(root)
    assert (rebuilt.records, rebuilt.skipped) == (2, ())
    with open_catalog(root) as catalog:
        assert catalog.find_instance(row.SOPInstanceUID) == row


def test_a_group_that_came_again_is_one_act(archive: OpenArchive, tmp_path: Path) -> None:
    paths = write_series(ct_series(planes=5, rows=8, columns=8), tmp_path / "five")
    uploaded = replace(RECEIPT, source=ReceiptSource.UPLOAD, facility="west")
    for path in paths:
        archive.pipeline.admit_file(path, RECEIPT)
    before = version_of(archive.catalog)
    prepared = []
    for path in (*paths, *paths):
        fd = os.open(path, os.O_RDONLY)
        prepared.append(archive.pipeline.prepare(fd, uploaded))
        os.close(fd)
    ends = archive.pipeline.admit_together(prepared)
    assert {each.outcome for each in ends} == {Outcome.SAME}
    assert version_of(archive.catalog) - before == 1
    uid = str(dcmread(paths[0]).StudyInstanceUID)
    assert archive.catalog.facilities_of(uid) == {RECEIPT.facility, "west"}
    root = close(archive)
    assert rebuild(root).records == 10
    with open_catalog(root) as catalog:
        assert catalog.facilities_of(uid) == {RECEIPT.facility, "west"}


def version_of(catalog: Catalog) -> int:
    """Return a number that grows by one with each transaction that any connection commits."""
    database = catalog.root / "catalog" / "catalog.sqlite"
    wal = database.with_name("catalog.sqlite-wal").read_bytes()
    size = 24 + int.from_bytes(wal[8:12], "big")
    # SQLite's file format 4.1: a frame that ends a transaction tells the database's size.
    frames = range(32, len(wal) - size + 1, size)
    return sum(int.from_bytes(wal[at + 4 : at + 8], "big") > 0 for at in frames)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize(("when", "left"), [("before", 0), ("after", 1)])
def test_an_interrupt_leaves_the_file_only_where_the_transaction_stands(
    when: str, left: int, archive: OpenArchive, path: Path
) -> None:
    with stopping(archive, **{when: _interrupt}), pytest.raises(KeyboardInterrupt):
        archive.pipeline.admit_file(path, RECEIPT)
    assert archive.catalog.counts().instances == len(files(archive)) == left


def test_a_registered_file_with_other_content_is_a_conflict(
    archive: OpenArchive, path: Path, tmp_path: Path
) -> None:
    assert register(archive, path).outcome is Outcome.STORED
    assert register(archive, path).outcome is Outcome.SAME
    other = ct_series(planes=1, rows=16, columns=16, rescale_intercept=-7.0)
    (changed,) = write_series(other, tmp_path / "changed")
    path.write_bytes(changed.read_bytes())
    assert register(archive, path).outcome is Outcome.CONFLICT
