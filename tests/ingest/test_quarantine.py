"""What is kept aside can be accepted and discarded, and a rebuild knows of it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread

from noctis_lab.catalog.columnar import flush_series
from noctis_lab.catalog.query import Query
from noctis_lab.config import Settings
from noctis_lab.errors import CannotAccept, QuarantinedNotFound
from noctis_lab.events import QuarantineSettled
from noctis_lab.ingest import quarantine
from noctis_lab.ingest.archive import OpenArchive, open_archive
from noctis_lab.ingest.folder import index_paths
from noctis_lab.ingest.fsck import fsck
from noctis_lab.ingest.pipeline import Outcome
from noctis_lab.ingest.quarantine import accept, discard, inspect, read_values
from noctis_lab.ingest.rebuild import rebuild
from noctis_lab.synthetic import ct_series, write_series
from tests.ingest.test_upkeep import receipts, tables


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(root=tmp_path / "root", min_free_bytes=0)


@pytest.fixture
def archive(settings: Settings) -> Iterator[OpenArchive]:
    with open_archive(settings) as opened:
        yield opened


def series(folder: Path, name: str, **elements: object) -> list[Path]:
    """Write three planes of one series; `elements` are what a later version says otherwise."""
    planes = ct_series(planes=3, rows=16, columns=16, seed="a")
    for plane in planes:
        for keyword, value in elements.items():
            setattr(plane, keyword, value)
    return write_series(planes, folder / name)


def conflict(archive: OpenArchive, folder: Path, *, at: int = 0, **elements: object) -> str:
    """Push a series, then one of its planes with other elements; return the quarantined id."""
    ward, lab = receipts("ward"), receipts("lab")
    for path in series(folder, "first"):
        archive.pipeline.admit_file(path, next(ward))
    later = [next(lab) for _ in range(10)][-1]
    admission = archive.pipeline.admit_file(series(folder, "second", **elements)[at], later)
    assert admission.outcome is Outcome.CONFLICT
    assert admission.quarantine_id is not None
    return admission.quarantine_id


def standing(archive: OpenArchive, SOPInstanceUID: str) -> Dataset:
    row = archive.catalog.find_instance(SOPInstanceUID)
    assert row is not None
    return dcmread(archive.pipeline.path_of(row))


def ids(archive: OpenArchive) -> list[str]:
    return [row.quarantine_id for row in archive.catalog.list_quarantine()[1]]


def test_a_conflict_tells_in_what_it_differs(archive: OpenArchive, tmp_path: Path) -> None:
    held = conflict(archive, tmp_path, StudyDescription="CORRECTED", KVP="80")
    found = inspect(archive, held)
    assert found.differences == ("KVP", "StudyDescription")
    assert found.can_accept
    assert ("StudyDescription", "CORRECTED") in {
        (name, coming) for name, _, coming in read_values(archive, found)
    }


@pytest.mark.parametrize("act", [accept, discard])
@pytest.mark.parametrize("wrong", ["../../x", "", "\0", "x" * 5000, "\ud800", "' or 1=1"])
def test_what_is_no_id_is_not_found(
    archive: OpenArchive, tmp_path: Path, wrong: str, act: Callable[..., object]
) -> None:
    held = conflict(archive, tmp_path, SeriesDescription="other")
    with pytest.raises(QuarantinedNotFound) as refused:
        act(archive, wrong, principal="somebody")
    assert len(str(refused.value)) < 300
    assert str(refused.value).isascii()
    assert ids(archive) == [held]


def test_other_pixels_are_told_as_such(archive: OpenArchive, tmp_path: Path) -> None:
    pixels = bytes(16 * 16 * 2)
    assert inspect(archive, conflict(archive, tmp_path, PixelData=pixels)).differences == (
        "PixelData",
    )


@pytest.mark.parametrize("at", [0, 1])
@pytest.mark.parametrize("is_flushed", [False, True])
def test_an_accepted_conflict_stands_and_what_stood_is_kept(
    archive: OpenArchive, settings: Settings, tmp_path: Path, at: int, is_flushed: bool
) -> None:
    held = conflict(archive, tmp_path, at=at, StudyDescription="CORRECTED", KVP="80")
    uid = inspect(archive, held).row.SOPInstanceUID
    assert uid is not None
    (first,) = [row.SeriesInstanceUID for row in [archive.catalog.find_instance(uid)] if row]
    before = tables(settings.root)
    with Query(archive.catalog) as query:
        if is_flushed:
            flush_series(archive.catalog, first)
        question = "SELECT KVP FROM instances WHERE SOPInstanceUID = ?"
        assert query.sql(question, [uid]).fetchall() == [(120.0,)]
        assert query.sql("SELECT quarantine_id FROM quarantine").fetchall() == [(held,)]
        accepted = accept(archive, held, principal="admin")
        assert query.sql(question, [uid]).fetchall() == [(80.0,)]
        assert query.sql("SELECT quarantine_id FROM quarantine").fetchall() == [
            (accepted.quarantine_id,)
        ]
        flush_series(archive.catalog, first)
        assert query.sql(question, [uid]).fetchall() == [(80.0,)]
        assert query.sql("SELECT count(*) FROM instances").fetchall() == [(3,)]
    assert standing(archive, uid).StudyDescription == "CORRECTED"
    assert ids(archive) == [accepted.quarantine_id]
    assert fsck(archive, full=True).is_clean
    assert archive.catalog.facilities_of(str(standing(archive, uid).StudyInstanceUID)) == {
        "ward",
        "lab",
    }
    facts = [event for _, event in archive.catalog.poll_events(0)]
    assert QuarantineSettled(quarantine_id=held, outcome="accepted") in facts

    # Accepting the other one takes it back: all is as it was, but for who may see it.
    assert accepted.quarantine_id is not None
    again = accept(archive, accepted.quarantine_id, principal="admin")
    assert standing(archive, uid).get("StudyDescription") != "CORRECTED"
    after = tables(settings.root)
    for name in ("instance", "study", "receipt", "collision"):
        assert after[name] == before[name], name
    assert ids(archive) == [again.quarantine_id]
    assert fsck(archive, full=True).is_clean


def test_a_format_that_a_correction_took_away_comes_back_with_the_next_instance(
    archive: OpenArchive, tmp_path: Path
) -> None:
    planes, who = series(tmp_path, "first", KVP="80"), receipts("ward")
    archive.pipeline.admit_file(planes[0], next(who))
    corrected = series(tmp_path, "second", KVP="120")[0]
    held = archive.pipeline.admit_file(corrected, next(who)).quarantine_id
    assert held is not None
    accept(archive, held, principal="admin")
    uid = dcmread(planes[1]).SOPInstanceUID
    assert archive.pipeline.admit_file(planes[1], next(who)).outcome is Outcome.STORED
    row = archive.catalog.find_instance(uid)
    assert row is not None
    assert row.pixels is not None
    with Query(archive.catalog) as query:
        found = query.sql("SELECT KVP FROM instances ORDER BY KVP").fetchall()
    assert found == [(80.0,), (120.0,)]


@pytest.mark.parametrize("at", [0, 1])
@pytest.mark.parametrize("times", [1, 2, 3])
def test_a_rebuild_after_corrections_gives_the_same_rows(
    settings: Settings, tmp_path: Path, at: int, times: int
) -> None:
    with open_archive(settings) as archive:
        held = conflict(archive, tmp_path, at=at, StudyDescription="CORRECTED", KVP="80")
        for _ in range(times):
            accepted = accept(archive, held, principal="admin")
            assert accepted.quarantine_id is not None
            held = accepted.quarantine_id
    before = tables(settings.root)
    report = rebuild(settings.root)
    assert report.skipped == ()
    assert tables(settings.root) == before
    (settings.root / "catalog" / "journal-position.json").unlink()
    with open_archive(settings) as archive:  # the whole journal once more
        assert fsck(archive, full=True).is_clean
    assert tables(settings.root) == before


def test_what_is_discarded_is_gone_and_a_rebuild_agrees(settings: Settings, tmp_path: Path) -> None:
    with open_archive(settings) as archive:
        held = conflict(archive, tmp_path, KVP="80")
        broken = tmp_path / "broken"
        broken.write_bytes(b"no DICOM at all" * 100)
        other = archive.pipeline.admit_file(broken, next(receipts("annex"))).quarantine_id
        assert other is not None
        accepted = accept(archive, held, principal="admin")
        assert accepted.quarantine_id is not None
        for each in (accepted.quarantine_id, other):
            discard(archive, each, principal="admin")
        assert ids(archive) == []
        assert list((settings.root / "quarantine").iterdir()) == []
        with pytest.raises(QuarantinedNotFound):
            discard(archive, other, principal="admin")
    before = tables(settings.root)
    assert sum("discard-quarantined" in row for row in before["audit"]) == 2
    assert any("annex" in row for row in before["facility"])
    assert rebuild(settings.root).skipped == ()
    assert tables(settings.root) == before


@pytest.mark.parametrize(
    ("elements", "why"),
    [
        ({"PatientID": "SOMEBODY ELSE"}, "PatientID"),
        ({"SeriesInstanceUID": "1.2.3.4"}, "SeriesInstanceUID"),
        ({"StudyInstanceUID": "1.2.3.5"}, "StudyInstanceUID"),
        ({"Modality": "MR"}, "Modality"),
    ],
)
def test_a_content_that_would_move_the_instance_is_refused(
    archive: OpenArchive, settings: Settings, tmp_path: Path, elements: dict[str, str], why: str
) -> None:
    held = conflict(archive, tmp_path, **elements)
    before = tables(settings.root)
    found = inspect(archive, held)
    assert not found.can_accept
    assert why in found.accept_means
    assert why in found.differences
    with pytest.raises(CannotAccept, match=why):
        accept(archive, held, principal="admin")
    assert tables(settings.root) == before
    assert fsck(archive, full=True).is_clean


def test_in_a_study_of_two_patients_nothing_is_exchanged(
    archive: OpenArchive, tmp_path: Path
) -> None:
    held = conflict(archive, tmp_path, KVP="80")
    first = series(tmp_path, "again")[0]
    other = ct_series(planes=1, rows=16, columns=16, seed="z", PatientID="SOMEBODY ELSE")
    other[0].StudyInstanceUID = dcmread(first).StudyInstanceUID
    archive.pipeline.admit_file(write_series(other, tmp_path / "o")[0], next(receipts("annex")))
    with pytest.raises(CannotAccept, match="several patients"):
        accept(archive, held, principal="admin")


def test_a_file_in_place_is_its_owners(archive: OpenArchive, tmp_path: Path) -> None:
    index_paths(archive.pipeline, series(tmp_path, "own"), facility="own", in_place=True)
    changed = series(tmp_path, "later", KVP="80")
    held = archive.pipeline.admit_file(changed[0], next(receipts("lab"))).quarantine_id
    assert held is not None
    found = inspect(archive, held)
    assert (found.can_accept, found.differences) == (False, ("KVP",))
    assert "in place" in found.accept_means


def test_a_file_that_rotted_in_quarantine_is_not_accepted(
    archive: OpenArchive, settings: Settings, tmp_path: Path
) -> None:
    held = conflict(archive, tmp_path, KVP="80")
    path = settings.root / "quarantine" / f"{held}.dcm"
    flipped = bytearray(path.read_bytes())
    flipped[-1] ^= 1
    path.write_bytes(flipped)
    with pytest.raises(CannotAccept, match="not those that came"):
        accept(archive, held, principal="admin")


def test_a_second_copy_of_what_was_accepted_is_the_same(
    archive: OpenArchive, tmp_path: Path
) -> None:
    held = conflict(archive, tmp_path, KVP="80")
    path = series(tmp_path, "second", KVP="80")[0]
    twin = archive.pipeline.admit_file(path, next(receipts("annex"))).quarantine_id
    assert twin is not None
    accept(archive, held, principal="admin")
    assert inspect(archive, twin).differences == ()
    assert accept(archive, twin, principal="admin").outcome is Outcome.SAME
    assert twin not in ids(archive)
    assert fsck(archive, full=True).is_clean


def mismatched(archive: OpenArchive, path: Path) -> str:
    """Push an instance under a command that names another one; return its id in quarantine."""
    data = dcmread(path)
    arrival = archive.pipeline.begin(
        next(receipts("ward")),
        sop_class_uid=str(data.SOPClassUID),
        sop_instance_uid="1.2.3.4.5",
        transfer_syntax_uid=str(data.file_meta.TransferSyntaxUID),
    )
    whole = path.read_bytes()
    start = whole.index(b"DICM") + 4 + 12 + data.file_meta.FileMetaInformationGroupLength
    arrival.write(whole[start:])
    admission = arrival.finish()
    assert admission.outcome is Outcome.REJECTED
    assert admission.quarantine_id is not None
    return admission.quarantine_id


def test_what_only_was_announced_wrongly_can_be_admitted(
    settings: Settings, tmp_path: Path
) -> None:
    path = series(tmp_path, "one")[0]
    with open_archive(settings) as archive:
        held = mismatched(archive, path)
        assert inspect(archive, held).can_accept
        accepted = accept(archive, held, principal="admin")
        assert accepted.outcome is Outcome.STORED
        assert accepted.SOPInstanceUID == dcmread(path).SOPInstanceUID
        assert ids(archive) == []
        assert fsck(archive, full=True).is_clean
    before = tables(settings.root)
    assert rebuild(settings.root).skipped == ()
    assert tables(settings.root) == before


def test_what_is_no_dicom_stays_with_the_reason(
    archive: OpenArchive, settings: Settings, tmp_path: Path
) -> None:
    broken = tmp_path / "broken"
    broken.write_bytes(b"no DICOM at all" * 100)
    scp = replace(next(receipts("ward")), received_at=datetime.now().astimezone())
    held = archive.pipeline.admit_file(broken, scp).quarantine_id
    assert held is not None
    assert not inspect(archive, held).can_accept
    with pytest.raises(CannotAccept, match="still"):
        accept(archive, held, principal="admin")
    assert len(list((settings.root / "quarantine").iterdir())) == 2


# Dies in the named function, before or after it did its work.
PROGRAM = """
import importlib, os, sys
from pathlib import Path
from noctis_lab.config import Settings
from noctis_lab.ingest.archive import open_archive
from noctis_lab.ingest.quarantine import accept, discard
root, held, module, name, function, when, act = sys.argv[1:]
with open_archive(Settings(root=Path(root), min_free_bytes=0)) as archive:
    owner = importlib.import_module(module)
    owner = getattr(owner, name) if name else owner
    work = getattr(owner, function)
    def dying(*args, **kwargs):
        if when == "after":
            work(*args, **kwargs)
        os._exit(9)
    setattr(owner, function, dying)
    {"accept": accept, "discard": discard}[act](archive, held, principal="admin")
"""
STORAGE = ("noctis_lab.storage.files", "Storage")
SETTLEMENT = ("noctis_lab.ingest.settlement", "")


def die(root: Path, held: str, step: tuple[str, str, str], when: str, act: str) -> None:
    command = [sys.executable, "-c", PROGRAM, os.fspath(root), held, *step, when, act]
    assert subprocess.run(command, check=False, timeout=60).returncode == 9


@pytest.mark.parametrize(
    ("step", "when"),
    [
        ((*STORAGE, "keep_aside"), "before"),
        ((*STORAGE, "keep_aside"), "after"),
        ((*STORAGE, "put_back"), "after"),
        ((*SETTLEMENT, "replace_instance"), "before"),
        ((*SETTLEMENT, "replace_instance"), "after"),
        ((*STORAGE, "remove_instance"), "after"),
        ((*STORAGE, "discard_quarantined"), "after"),
        ((*SETTLEMENT, "grant_study"), "after"),
    ],
)
@pytest.mark.parametrize("next_start", ["open", "rebuild"])
def test_a_correction_that_was_begun_is_ended_at_the_next_start(
    settings: Settings, tmp_path: Path, step: tuple[str, str, str], when: str, next_start: str
) -> None:
    with open_archive(settings) as archive:
        held = conflict(archive, tmp_path, StudyDescription="CORRECTED", KVP="80")
        uid = inspect(archive, held).row.SOPInstanceUID
        assert uid is not None
    die(settings.root, held, step, when, "accept")
    if next_start == "rebuild":
        rebuild(settings.root)
    with open_archive(settings) as archive:
        assert standing(archive, uid).StudyDescription == "CORRECTED"
        (aside,) = archive.storage.iter_quarantine()
        assert dcmread(aside.path).get("StudyDescription") != "CORRECTED"
        assert ids(archive) == [aside.quarantine_id]
        assert fsck(archive, full=True).is_clean
    before = tables(settings.root)
    assert len(before["instance"]) == 3
    assert sum("accept-quarantined" in row for row in before["audit"]) == 1
    assert rebuild(settings.root).skipped == ()
    assert tables(settings.root) == before


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    "step", [(*STORAGE, "discard_quarantined"), (*SETTLEMENT, "forget_quarantined")]
)
def test_a_discard_that_was_begun_is_ended_at_the_next_start(
    settings: Settings, tmp_path: Path, step: tuple[str, str, str], when: str
) -> None:
    with open_archive(settings) as archive:
        held = conflict(archive, tmp_path, KVP="80")
    die(settings.root, held, step, when, "discard")
    with open_archive(settings) as archive:
        assert ids(archive) == []
        assert list((settings.root / "quarantine").iterdir()) == []
        assert fsck(archive, full=True).is_clean
    before = tables(settings.root)
    assert rebuild(settings.root).skipped == ()
    assert tables(settings.root) == before


def test_a_correction_that_was_overtaken_stays_aside(
    archive: OpenArchive, settings: Settings, tmp_path: Path
) -> None:
    held = conflict(archive, tmp_path, KVP="80")
    third = series(tmp_path, "third", KVP="100")[0]
    other = archive.pipeline.admit_file(third, next(receipts("annex"))).quarantine_id
    assert other is not None
    late = quarantine._plan_correction(archive, quarantine._find(archive, held))
    accept(archive, other, principal="admin")
    archive.ledger.accept_correction(late, principal="admin")
    uid = late.SOPInstanceUID
    assert standing(archive, uid).KVP == 100
    assert held in ids(archive)
    assert fsck(archive, full=True).is_clean


def test_a_decision_that_came_too_late_is_told_as_such(
    archive: OpenArchive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = conflict(archive, tmp_path, KVP="80")
    plan = quarantine._plan_correction

    def plan_slowly(archive: OpenArchive, found: quarantine._Held) -> object:
        planned = plan(archive, found)
        discard(archive, held, principal="another")  # between the check and the act
        return planned

    monkeypatch.setattr(quarantine, "_plan_correction", plan_slowly)
    with pytest.raises(CannotAccept, match="came between"):
        accept(archive, held, principal="admin")
    assert fsck(archive, full=True).is_clean
