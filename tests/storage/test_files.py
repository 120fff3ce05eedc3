"""Files come in whole or not at all, and a crash at any step leaves what it should."""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from noctis_lab.errors import NoSpace, StorageError
from noctis_lab.storage.files import Storage
from noctis_lab.storage.layout import derived_path, instance_path

META = b"\0" * 128 + b"DICM" + b"meta"
HOSTILE = ["../../../evil", "CON", "1" * 128, "", "a/b\0c", "\udcff", "1.2.840"]


def place_and_keep(storage: Storage, data: bytes, study: str = "1.2", series: str = "1.3") -> Path:
    with storage.open_incoming(META) as incoming:
        incoming.write(data)
        incoming.seal()
        with storage.place(incoming, StudyInstanceUID=study, SeriesInstanceUID=series) as placement:
            placement.keep()
    return placement.path


@pytest.mark.parametrize("uid", HOSTILE)
def test_no_uid_becomes_a_path(tmp_path: Path, uid: str) -> None:
    path = instance_path(tmp_path, uid, uid, b"\xab" * 32)
    below = path.relative_to(tmp_path).as_posix()
    assert re.fullmatch(r"instances/([0-9a-f]{2})/\1[0-9a-f]{14}/[0-9a-f]{16}/(ab){32}\.dcm", below)


def test_paths_are_the_hashes_that_sha256sum_gives(tmp_path: Path) -> None:
    study = hashlib.sha256(b"1.2.3").hexdigest()[:16]
    series = hashlib.sha256(b"1.2.3.4").hexdigest()[:16]
    path = instance_path(tmp_path, "1.2.3", "1.2.3.4", bytes(32))
    assert path == tmp_path / "instances" / study[:2] / study / series / ("00" * 32 + ".dcm")
    thumbnail = derived_path(tmp_path, "thumbnails", "1.2.3.4", ".png")
    assert thumbnail == tmp_path / "derived" / "thumbnails" / series[:2] / f"{series}.png"


def test_a_placed_file_holds_meta_and_data_set_and_nothing_is_left_incoming(
    tmp_path: Path,
) -> None:
    storage = Storage(tmp_path)
    path = place_and_keep(storage, b"data set")
    assert path.read_bytes() == META + b"data set"
    assert path.stem == hashlib.sha256(b"data set").hexdigest()
    assert list((tmp_path / "incoming").iterdir()) == []
    assert list(storage.iter_instances()) == [path]


def fail_to_commit(storage: Storage) -> None:
    with storage.open_incoming(META) as incoming:
        incoming.write(b"data set")
        incoming.seal()
        with storage.place(incoming, StudyInstanceUID="1", SeriesInstanceUID="2") as placement:
            assert placement.path.exists()
            raise RuntimeError("commit failed")


def test_a_placement_that_is_not_kept_leaves_nothing(tmp_path: Path) -> None:
    storage = Storage(tmp_path)
    with pytest.raises(RuntimeError, match="commit"):
        fail_to_commit(storage)
    assert list(storage.iter_instances()) == []
    assert list((tmp_path / "incoming").iterdir()) == []


def test_a_taken_name_is_contested_and_left_alone(tmp_path: Path) -> None:
    storage = Storage(tmp_path)
    path = place_and_keep(storage, b"same")
    inode = path.stat().st_ino
    with storage.open_incoming(META) as incoming:
        incoming.write(b"same")
        incoming.seal()
        with storage.place(incoming, StudyInstanceUID="1.2", SeriesInstanceUID="1.3") as placement:
            assert placement.contested
    assert path.stat().st_ino == inode


def test_an_orphan_is_replaced_where_the_catalogue_lacks_it(tmp_path: Path) -> None:
    storage = Storage(tmp_path)
    path = place_and_keep(storage, b"same")
    with storage.open_incoming(META + b"later") as incoming:
        incoming.write(b"same")
        incoming.seal()
        with storage.place(incoming, StudyInstanceUID="1.2", SeriesInstanceUID="1.3") as placement:
            placement.replace()
            placement.keep()
    assert path.read_bytes() == META + b"later" + b"same"
    assert [found.name for found in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize(("step", "names"), [("write", [1]), ("place", [2]), ("done", [])])
def test_a_killed_process_leaves_its_intent_in_incoming(
    tmp_path: Path, step: str, names: list[int]
) -> None:
    program = f"""
import os
from pathlib import Path
from noctis_lab.storage.files import Storage
storage = Storage(Path({str(tmp_path)!r}))
with storage.open_incoming(b"meta") as incoming:
    incoming.write(b"data")
    if {step!r} == "write": os._exit(0)
    incoming.seal()
    with storage.place(incoming, StudyInstanceUID="1", SeriesInstanceUID="2") as placement:
        if {step!r} == "place": os._exit(0)
        placement.keep()
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
    assert [left.names for left in Storage(tmp_path).iter_leftovers()] == names


def test_a_sweep_passes_over_what_a_living_process_holds(tmp_path: Path) -> None:
    storage = Storage(tmp_path)
    with storage.open_incoming(META):
        assert list(Storage(tmp_path).iter_leftovers()) == []


def test_the_watermark_refuses_new_files_and_leaves_nothing(tmp_path: Path) -> None:
    storage = Storage(tmp_path, min_free_bytes=1 << 60)
    with pytest.raises(NoSpace, match="watermark"):
        storage.open_incoming(META)
    assert list((tmp_path / "incoming").iterdir()) == []


def test_a_full_disk_is_no_space(tmp_path: Path) -> None:
    storage = Storage(tmp_path)
    with storage.open_incoming(META) as incoming:
        full = os.open("/dev/full", os.O_RDWR)
        os.dup2(full, incoming.fd)
        os.close(full)
        with pytest.raises(NoSpace):
            incoming.write(b"x" * 100)


def test_quarantine_keeps_the_reason_beside_the_file(tmp_path: Path) -> None:
    storage = Storage(tmp_path)
    with storage.open_incoming(META) as incoming:
        incoming.write(b"bad")
        kept = storage.quarantine(incoming, {"reason": "it is bad"})
    assert kept.path.read_bytes() == META + b"bad"
    beside = json.loads(kept.path.with_suffix(".json").read_bytes())
    assert beside == {"quarantine_id": kept.quarantine_id, "reason": "it is bad"}
    assert list(storage.iter_quarantine()) == [kept]
    assert list((tmp_path / "incoming").iterdir()) == []
    storage.discard_quarantined(kept.quarantine_id)
    assert list((tmp_path / "quarantine").iterdir()) == []


def test_a_quarantine_id_is_no_way_out_of_the_folder(tmp_path: Path) -> None:
    storage = Storage(tmp_path)
    (tmp_path / "victim.dcm").write_bytes(b"x")
    storage.discard_quarantined("../victim")
    assert (tmp_path / "victim.dcm").exists()


def test_the_secret_key_is_made_once_and_is_nobody_elses(tmp_path: Path) -> None:
    key = Storage(tmp_path).secret_key()
    assert len(key) == 32
    assert Storage(tmp_path).secret_key() == key
    assert stat.S_IMODE((tmp_path / "secret_key").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["secret_key"]


def test_derived_files_are_replaced_whole(tmp_path: Path) -> None:
    storage = Storage(tmp_path)
    assert storage.find_derived("thumbnails", "1.2", ".png") is None
    storage.write_derived("thumbnails", "1.2", ".png", b"old")
    path = storage.write_derived("thumbnails", "1.2", ".png", b"new")
    assert storage.find_derived("thumbnails", "1.2", ".png") == path
    assert path.read_bytes() == b"new"


def test_a_root_that_cannot_be_made_is_an_error_in_our_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError, match="making the archive's folders"):
        Storage(tmp_path / "file" / "root")
