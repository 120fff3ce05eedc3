"""The catalogue can be thrown away; and whatever does not agree is found."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydicom import Dataset

from noctis_lab.access import Principal, Role
from noctis_lab.catalog.hu_records import HuKind, HuRecord
from noctis_lab.catalog.measurements import MeasurementRow
from noctis_lab.catalog.records import Receipt, ReceiptSource
from noctis_lab.catalog.store import open_catalog
from noctis_lab.catalog.user_items import UserItem
from noctis_lab.config import Settings
from noctis_lab.errors import CatalogLocked
from noctis_lab.ingest.archive import OpenArchive, open_archive
from noctis_lab.ingest.folder import index_paths
from noctis_lab.ingest.fsck import fsck
from noctis_lab.ingest.ledger import Ledger
from noctis_lab.ingest.pipeline import Outcome
from noctis_lab.ingest.rebuild import rebuild
from noctis_lab.synthetic import ct_series, write_series

NOT_REBUILT = {"job", "event", "login_session", "login_token", "meta", "sqlite_sequence"}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(root=tmp_path / "root", min_free_bytes=0)


def receipts(facility: str) -> Iterator[Receipt]:
    """Yield receipts a second apart, from one facility."""
    at = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
    while True:
        yield Receipt(
            source=ReceiptSource.SCP,
            facility=facility,
            calling_aet=f"AE_{facility}"[:16],
            called_aet="NOCTIS_SCP",
            received_at=at,
        )
        at += timedelta(seconds=1)


def tables(root: Path) -> dict[str, list[str]]:
    """Return every row of every table that comes back, read by SQLite itself."""
    with closing(sqlite3.connect(root / "catalog" / "catalog.sqlite")) as database:
        names = [
            row[0]
            for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            if row[0] not in NOT_REBUILT
        ]
        found = {}
        for name in names:
            columns = [row[1] for row in database.execute(f'PRAGMA table_info("{name}")')]
            # A number that only says in which order rows were written.
            kept = ", ".join(f'"{column}"' for column in columns if column != "wide_key")
            found[name] = sorted(map(repr, database.execute(f'SELECT {kept} FROM "{name}"')))
    return found


def measure(ledger: Ledger, plane: Dataset) -> None:
    """Save a measurement twice, and another that is deleted; another's is refused."""
    ann = Principal(name="ann", role=Role.VIEWER, facilities=None)
    at = datetime(2026, 3, 2, tzinfo=UTC)
    row = MeasurementRow(
        MeasurementUID="0" * 32,
        kind="length",
        StudyInstanceUID=str(plane.StudyInstanceUID),
        SeriesInstanceUID=str(plane.SeriesInstanceUID),
        SOPInstanceUID=str(plane.SOPInstanceUID),
        frame=0,
        FrameOfReferenceUID=None,
        points_mm=[[0.0, 0.0, 0.0], [3.0, 4.0, 0.0]],
        points_px=[[0.0, 0.0], [3.0, 4.0]],
        plane=None,
        label="a",
        extra_index=None,
        values={"length_mm": 5.0},
        differs=[],
        author="ann",
        created_at=at,
        updated_at=at,
        deleted_at=None,
    )
    ledger.save_measurement(row, principal=ann)
    ledger.save_measurement(replace(row, label="b", updated_at=at), principal=ann)
    ledger.save_measurement(replace(row, MeasurementUID="1" * 32), principal=ann)
    ledger.remove_measurement("1" * 32, principal=ann, at=at)


def keep(ledger: Ledger) -> None:
    """Save something under a name twice, and something that is removed."""
    at = datetime(2026, 3, 3, tzinfo=UTC)
    item = UserItem(
        item_id="2" * 32, kind="viewer-session", principal="ann", name="mine", document={"a": 1},
        created_at=at, updated_at=at,
    )  # fmt: skip
    ledger.save_user_item(item)
    ledger.save_user_item(replace(item, item_id="3" * 32, document={"a": 2}))
    ledger.save_user_item(replace(item, item_id="4" * 32, name="gone"))
    ledger.remove_user_item("4" * 32)


def calibrate(ledger: Ledger) -> None:
    """Note a scanner's service, and a curve."""
    noted = {"event": "service", "occurred_at": "2026-01-02T03:04:05+00:00", "reason": "yearly"}
    curve = {"quantity": "RED", "hu": [-1000.0, 0.0, 1000.0], "density": [0.0, 1.0, 1.6]}
    kinds = {HuKind.SCANNER_EVENT: noted, HuKind.CURVE: curve}
    for number, (kind, document) in enumerate(kinds.items()):
        record = HuRecord(
            record_id=f"{number:032x}",
            kind=kind,
            author="reader",
            recorded_at=datetime(2026, 1, 2, tzinfo=UTC),
            document=document,
            scanner="CT-A",
        )
        ledger.record_hu(record)


def fill(archive: OpenArchive, folder: Path) -> None:
    """Make something of everything that an archive can hold."""
    first = ct_series(planes=3, rows=16, columns=16, seed="a")
    second = ct_series(
        planes=2, rows=16, columns=16, seed="b", transfer_syntax_uid="1.2.840.10008.1.2.5"
    )
    same_study = ct_series(
        planes=2,
        rows=16,
        columns=16,
        seed="c",
        StudyInstanceUID=str(first[0].StudyInstanceUID),
        PatientID="SOMEBODY ELSE",
    )
    paths = {
        name: write_series(series, folder / name)
        for name, series in (("a", first), ("b", second), ("c", same_study))
    }
    ward, lab = receipts("ward"), receipts("lab")
    admit = archive.pipeline.admit_file
    for path in (*paths["a"], *paths["b"]):
        assert admit(path, next(ward)).outcome is Outcome.STORED
    for path in (*paths["c"], *paths["a"][:2]):  # a collision, and receipts that grant nothing
        admit(path, next(lab))
    assert admit(paths["b"][0], next(ward)).outcome is Outcome.SAME
    changed = write_series(
        ct_series(planes=1, rows=16, columns=16, seed="a", rescale_intercept=-7.0), folder / "x"
    )
    assert admit(changed[0], next(lab)).outcome is Outcome.CONFLICT
    index_paths(
        archive.pipeline,
        write_series(ct_series(planes=2, rows=16, columns=16, seed="d"), folder / "own"),
        facility="own",
        in_place=True,
    )
    ledger = archive.ledger
    ledger.add_sender("CT_1", None, "ward")
    ledger.add_sender("CT_2", "10.0.0.2", "ward")
    ledger.refuse("STRANGER", "10.0.0.3")
    ledger.refuse("STRANGER", "10.0.0.3")
    ledger.refuse("FRIEND", "10.0.0.4")
    ledger.approve_sender("FRIEND", "10.0.0.4", "annex")
    ledger.block_sender("CT_2", "10.0.0.2")
    ledger.remove_sender("CT_1", None)
    ledger.add_facility("empty")
    ledger.add_principal("reader", Role.VIEWER, ["ward"])
    ledger.add_principal("gone", Role.VIEWER, None)
    ledger.remove_principal("gone")
    ledger.grant_facility("reader", "lab")
    ledger.set_role("reader", Role.RESEARCHER)
    ledger.set_password("reader", "correct horse")
    measure(ledger, first[1])
    keep(ledger)
    calibrate(ledger)
    ledger.audit(principal="reader", action="see", subject=str(first[0].StudyInstanceUID))


def test_a_rebuilt_catalogue_has_the_same_rows_in_every_table(
    settings: Settings, tmp_path: Path
) -> None:
    with open_archive(settings) as archive:
        fill(archive, tmp_path)
    before = tables(settings.root)
    filled = {name for name, rows in before.items() if rows}
    # The test is worth what it fills; Parquet's register and the notes are not the archive's.
    assert before.keys() - filled <= {"columnar_file", "columnar_series"}
    report = rebuild(settings.root)
    assert report.skipped == ()
    assert report.instances == 7
    assert tables(settings.root) == before
    with open_archive(settings):  # replays nothing that would change it
        pass
    assert tables(settings.root) == before
    assert not (settings.root / "catalog-rebuilding").exists()


def test_a_receipt_from_before_its_file_comes_back(settings: Settings, tmp_path: Path) -> None:
    (path,) = write_series(ct_series(planes=1, rows=16, columns=16), tmp_path / "one")
    ahead = replace(next(receipts("ward")), received_at=datetime(2100, 1, 1, tzinfo=UTC))
    with open_archive(settings) as archive:
        assert archive.pipeline.admit_file(path, ahead).outcome is Outcome.STORED
        # The clock has been set back: the journal's record is of today.
        again = archive.pipeline.admit_file(path, next(receipts("lab")))
        assert again.outcome is Outcome.SAME
    before = tables(settings.root)
    assert len(before["study_access"]) == 2
    report = rebuild(settings.root)
    assert (report.skipped, report.records) == ((), 1)
    assert tables(settings.root) == before


def test_what_a_rebuild_cannot_apply_is_listed_without_its_path(
    settings: Settings, tmp_path: Path
) -> None:
    paths = write_series(ct_series(planes=2, rows=16, columns=16), tmp_path / "DOE^JANE")
    with open_archive(settings) as archive:
        index_paths(archive.pipeline, paths, facility="own", in_place=True)
        gone, _ = [record.record_id for _, record in archive.journal.iter_records()]
    paths[0].unlink()
    report = rebuild(settings.root)
    assert report.skipped == ((f"journal: in-place {gone}", "FileNotFoundError"),)
    assert report.records == 1


def test_a_catalogue_that_was_deleted_comes_back(settings: Settings, tmp_path: Path) -> None:
    with open_archive(settings) as archive:
        fill(archive, tmp_path)
    before = tables(settings.root)
    shutil.rmtree(settings.root / "catalog")
    rebuild(settings.root)
    assert tables(settings.root) == before


def test_a_damaged_catalogue_comes_back(settings: Settings, tmp_path: Path) -> None:
    with open_archive(settings) as archive:
        fill(archive, tmp_path)
    before = tables(settings.root)
    (settings.root / "catalog" / "catalog.sqlite").write_bytes(b"not a database" * 1000)
    rebuild(settings.root)
    assert tables(settings.root) == before


def test_what_is_open_elsewhere_is_not_rebuilt(settings: Settings) -> None:
    with open_archive(settings) as archive:
        archive.catalog.counts()
        with pytest.raises(CatalogLocked, match="stop `noctis serve`, `noctis demo`"):
            rebuild(settings.root)


def test_nobody_opens_a_catalogue_that_is_being_rebuilt(settings: Settings, tmp_path: Path) -> None:
    paths = write_series(ct_series(planes=2, rows=16, columns=16), tmp_path / "series")
    ward = receipts("ward")
    with open_archive(settings) as archive:
        for path in paths:
            archive.pipeline.admit_file(path, next(ward))
    shutil.rmtree(settings.root / "catalog")
    refused = []

    def open_beside(_done: int, _total: int) -> None:
        with pytest.raises(CatalogLocked, match="being rebuilt"):
            open_catalog(settings.root, lock_timeout_s=0).close()
        refused.append(True)

    assert rebuild(settings.root, progress=open_beside).instances == 2
    assert len(refused) == 2
    with open_archive(settings) as archive:
        assert archive.catalog.counts().instances == 2


def test_replaying_the_whole_journal_again_changes_nothing(
    settings: Settings, tmp_path: Path
) -> None:
    with open_archive(settings) as archive:
        fill(archive, tmp_path)
    before = tables(settings.root)
    (settings.root / "catalog" / "journal-position.json").unlink(missing_ok=True)
    with open_archive(settings):
        pass
    assert tables(settings.root) == before


def test_what_was_applied_is_not_replayed(settings: Settings, tmp_path: Path) -> None:
    with open_archive(settings) as archive, open_archive(settings) as beside:
        fill(archive, tmp_path)
        beside.ledger.approve_sender("CT_3", None, "ward")
        archive.ledger.block_sender("CT_3", None)
        assert beside.ledger.replay() == 0
    with open_archive(settings) as archive:
        archive.ledger.add_facility("later")
        assert Ledger(archive.journal, archive.catalog).replay() == 0


def test_a_source_that_is_catalogued_as_it_was_is_not_read_again(
    settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    paths = write_series(ct_series(planes=1, rows=16, columns=16), tmp_path / "own")
    with open_archive(settings) as archive:
        index_paths(archive.pipeline, paths, facility="own", in_place=True)
    (settings.root / "catalog" / "journal-position.json").unlink(missing_ok=True)
    paths[0].unlink()
    with open_archive(settings) as archive:
        assert archive.catalog.counts().instances == 1
    assert [each for each in caplog.records if each.levelname == "WARNING"] == []


def test_a_record_that_only_the_journal_has_is_applied_at_the_next_start(
    settings: Settings, plane: Dataset, tmp_path: Path
) -> None:
    def refuse(_came: object) -> None:
        raise CatalogLocked("held")

    (path,) = write_series([plane], tmp_path / "one")
    ward = receipts("ward")
    with open_archive(settings) as archive:
        archive.pipeline.admit_file(path, next(ward))
        # As if the process had died between journal and catalogue, and another one had gone on.
        archive.catalog.commit_receipts = refuse  # type: ignore[method-assign]
        with pytest.raises(CatalogLocked):
            archive.pipeline.admit_file(path, next(ward))
        archive.ledger.add_facility("later")
    assert tables(settings.root)["receipt"] == []
    with open_archive(settings):
        pass
    assert len(tables(settings.root)["receipt"]) == 1
    with open_archive(settings) as archive:
        assert archive.ledger.replay() == 0


def test_fsck_finds_nothing_in_a_whole_archive(settings: Settings, tmp_path: Path) -> None:
    with open_archive(settings) as archive:
        fill(archive, tmp_path)
        report = fsck(archive, full=True)
    assert report.is_clean
    assert (report.files, report.instances, report.hashes) == (7, 9, 7)
    assert json.loads(report.to_json())["is_clean"] is True


def test_fsck_adopts_what_is_whole_and_names_what_is_not(
    settings: Settings, tmp_path: Path
) -> None:
    paths = write_series(ct_series(planes=4, rows=16, columns=16), tmp_path / "series")
    ward = receipts("ward")
    with open_archive(settings) as archive:
        uids = [archive.pipeline.admit_file(p, next(ward)).SOPInstanceUID for p in paths]
    before = tables(settings.root)
    files = {p: p.stat().st_size for p in (settings.root / "instances").rglob("*.dcm")}
    with open_archive(settings) as archive:
        rows = {uid: archive.catalog.find_instance(uid) for uid in uids}
    path_of = {
        uid: next(p for p in files if p.stem == row.sha256.hex())
        for uid, row in rows.items()
        if row is not None
    }
    # One row is lost, one file is gone, one file is flipped in a bit, one file is no DICOM.
    with closing(sqlite3.connect(settings.root / "catalog" / "catalog.sqlite")) as database:
        database.execute("DELETE FROM instance WHERE SOPInstanceUID = ?", (uids[0],))
        database.execute("DELETE FROM wide")
        database.commit()
    path_of[uids[1]].unlink()
    flipped = bytearray(path_of[uids[2]].read_bytes())
    flipped[-1] ^= 1
    path_of[uids[2]].write_bytes(flipped)
    (path_of[uids[3]].parent / ("ab" * 32 + ".dcm")).write_bytes(b"nothing" * 100)
    (settings.root / "quarantine" / "lonely.dcm").write_bytes(b"x")
    (settings.root / "instances" / "astray.dcm").write_bytes(b"x")
    with open_archive(settings) as archive:
        (settings.root / "incoming" / "left").write_bytes(b"x")
        report = fsck(archive, full=True)
    below = settings.root
    assert report.adopted == [path_of[uids[0]].relative_to(below).as_posix()]
    assert report.missing == [uids[1]]
    assert sorted(report.damaged) == sorted(
        path.relative_to(below).as_posix()
        for path in (path_of[uids[2]], path_of[uids[3]].parent / ("ab" * 32 + ".dcm"))
    )
    assert report.leftovers == ["incoming/left"]
    assert report.foreign == ["instances/astray.dcm"]
    assert list(report.quarantine) == ["lonely"]
    assert not report.is_clean
    assert len(tables(settings.root)["instance"]) == len(before["instance"])


@pytest.mark.parametrize(
    "beside",
    [b"", b"{", b"[]", b"{}", b'{"quarantine_id": "ID", "receipt": []}', b"[" * 100_000],
)
def test_a_damaged_reason_stops_nothing_and_is_named(
    settings: Settings, tmp_path: Path, beside: bytes
) -> None:
    with open_archive(settings) as archive:
        (tmp_path / "broken").write_bytes(b"no DICOM at all" * 100)
        quarantine_id = archive.pipeline.admit_file(
            tmp_path / "broken", next(receipts("ward"))
        ).quarantine_id
    written = beside.replace(b"ID", str(quarantine_id).encode())
    (settings.root / "quarantine" / f"{quarantine_id}.json").write_bytes(written)
    shutil.rmtree(settings.root / "catalog")
    with open_archive(settings) as archive:
        assert list(fsck(archive).quarantine) == [quarantine_id]
    report = rebuild(settings.root)
    assert report.quarantined == 0
    assert [name for name, _ in report.skipped] == [f"quarantine/{quarantine_id}.dcm"]


def test_a_file_in_place_that_changed_is_named(settings: Settings, tmp_path: Path) -> None:
    paths = write_series(ct_series(planes=2, rows=16, columns=16), tmp_path / "own")
    with open_archive(settings) as archive:
        report = index_paths(archive.pipeline, [tmp_path / "own"], facility="own", in_place=True)
        assert report.indexed == 2
        again = index_paths(archive.pipeline, [tmp_path / "own"], facility="own", in_place=True)
        assert again.same == 2
        os.utime(paths[0], ns=(1, 1))
        assert len(fsck(archive).changed) == 1
    assert list((settings.root / "instances").iterdir()) == []


def test_a_file_in_place_that_cannot_be_read_stops_nothing(
    settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "DOE^JANE"
    paths = write_series(ct_series(planes=2, rows=16, columns=16), folder)
    with open_archive(settings) as archive:
        index_paths(archive.pipeline, paths, facility="own", in_place=True)
    shutil.rmtree(settings.root / "catalog")
    paths[0].unlink()
    paths[0].symlink_to(paths[0])  # an OSError that root meets too
    with open_archive(settings) as archive:
        assert archive.catalog.counts().instances == 1
    (warned,) = [each for each in caplog.records if each.levelname == "WARNING"]
    assert vars(warned)["error"] == "OSError"
    assert "DOE" not in repr(vars(warned))


def test_a_folder_of_all_sorts_is_told_apart(settings: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "trial"
    paths = write_series(ct_series(planes=2, rows=16, columns=16), folder / "b")
    write_series(ct_series(planes=1, rows=16, columns=16, rescale_intercept=-7.0), folder / "c")
    (folder / "a").mkdir()
    shutil.copy(paths[0], folder / "c" / "zz-again.dcm")
    (folder / "README.txt").write_text("no DICOM")
    cut = folder / "cut.dcm"
    cut.write_bytes(paths[1].read_bytes()[:-100])
    with open_archive(settings) as archive:
        report = index_paths(archive.pipeline, [folder], facility="trial")
    assert report.indexed == 2
    assert report.same == 1
    assert report.conflict_count == 1
    assert "RescaleIntercept" in report.conflicts[0].reason
    assert sorted(Path(each.name).name for each in report.rejected) == ["README.txt", "cut.dcm"]
    # A folder's own file stays where it is: only the conflict was copied aside.
    assert len(list((settings.root / "quarantine").glob("*.dcm"))) == 1
