"""The doctor: each illness is told by name, with a remedy, and nothing is touched."""

from __future__ import annotations

import ctypes
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from noctis_lab.catalog.columnar import flush_series
from noctis_lab.config import Settings, find_sources, open_settings
from noctis_lab.ingest.archive import OpenArchive, open_archive
from noctis_lab.ingest.folder import index_paths
from noctis_lab.ingest.scp import serve_scp
from noctis_lab.jobs.doctor import Depth, Finding, State, examine, worst
from noctis_lab.jobs.doctor.findings import size_text
from noctis_lab.jobs.doctor.places import check_clock, check_memory
from noctis_lab.jobs.doctor.services import check_page, check_receiver
from noctis_lab.jobs.doctor.software import check_decoders
from noctis_lab.lab import open_lab
from noctis_lab.lab.cards.archive import archive_card
from noctis_lab.synthetic import ct_series, write_series
from tests.receipts import RECEIPT


def settings_of(root: Path, **changed: Any) -> Settings:
    return Settings(root=root, min_free_bytes=0, port=0, dicom_port=0, **changed)


def fill(archive: OpenArchive, folder: Path) -> None:
    """Store three planes, in Parquet, and keep a broken file aside."""
    planes = ct_series(planes=3, rows=16, columns=16)
    for path in write_series(planes, folder / "series"):
        archive.pipeline.admit_file(path, RECEIPT)
    flush_series(archive.catalog, str(planes[0].SeriesInstanceUID))
    archive.storage.secret_key()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Return the settings of an archive with three instances, which nobody has open."""
    settings = settings_of(tmp_path / "root")
    with open_archive(settings) as archive:
        fill(archive, tmp_path)
    return settings


def told(settings: Settings, **depth: Any) -> dict[str, Finding]:
    return {finding.name: finding for finding in examine(settings, depth=Depth(**depth))}


def told_without_privileges(settings: Settings) -> dict[str, Finding]:
    """Ask in a thread that has given up what lets root pass by a file's mode (capset(2))."""

    def ask() -> dict[str, Finding]:
        version_3, of_this_thread = 0x20080522, 0
        header = (ctypes.c_uint32 * 2)(version_3, of_this_thread)
        assert ctypes.CDLL(None).capset(header, (ctypes.c_uint32 * 6)()) == 0
        return told(settings)

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(ask).result()


def everything(root: Path) -> dict[str, tuple[int, int]]:
    return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in root.rglob("*")}


def test_a_database_is_as_large_as_itself_and_its_log(settings: Settings) -> None:
    with open_archive(settings) as archive:
        archive.ledger.add_facility("north")
        files = [settings.root / "catalog" / f"catalog.sqlite{end}" for end in ("", "-wal")]
        size = size_text(sum(path.stat().st_size for path in files))

        assert told(settings)["database"].text == f"whole, {size}"


def test_a_whole_archive_is_green_and_is_left_as_it_is(settings: Settings) -> None:
    before = everything(settings.root)
    found = told(settings)
    assert worst(found.values()) is State.PASS
    assert found["receiver"].state is found["page"].state is State.UNKNOWN
    assert "3 files read" in found["hashes"].text
    assert "1 file set," in found["Parquet"].text
    assert everything(settings.root) == before


def test_an_archive_that_others_have_open_is_seen_as_it_is(
    settings: Settings, tmp_path: Path
) -> None:
    with open_archive(settings) as archive:
        (path,) = write_series(ct_series(planes=1, rows=16, columns=16, seed="z"), tmp_path / "z")
        archive.pipeline.admit_file(path, RECEIPT)
        found = told(settings)
    assert worst(found.values()) is State.PASS
    assert found["orphans"].text.startswith("4 files")


def test_what_a_killed_process_left_is_read(settings: Settings, tmp_path: Path) -> None:
    program = (
        "import os, sys\nfrom pathlib import Path\nfrom noctis_lab.config import Settings\n"
        "from noctis_lab.ingest.archive import open_archive\n"
        "with open_archive(Settings(root=Path(sys.argv[1]))) as archive:\n"
        "    archive.ledger.add_facility('annex')\n    os._exit(9)\n"
    )
    subprocess.run([sys.executable, "-c", program, str(settings.root)], check=False, timeout=60)
    assert (settings.root / "catalog" / "catalog.sqlite-wal").stat().st_size > 0
    assert "2 facilities" in told(settings)["senders"].text


def test_no_archive_is_told_as_such_and_none_is_made(tmp_path: Path) -> None:
    found = told(settings_of(tmp_path / "none"))
    assert found["folders"].state is State.FAIL
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    "damage", [b"", b"not a database" * 1000, b"SQLite format 3\x00" + b"x" * 5000]
)
def test_a_broken_catalogue_is_a_red_line(settings: Settings, damage: bytes) -> None:
    (settings.root / "catalog" / "catalog.sqlite").write_bytes(damage)
    found = told(settings)
    assert found["database"].state is State.FAIL
    assert found["database"].remedy
    assert found["incoming"].state is State.PASS  # the others go on


def test_a_page_that_rotted_is_found(settings: Settings) -> None:
    path = settings.root / "catalog" / "catalog.sqlite"
    rotten = bytearray(path.read_bytes())
    for at in range(8192, len(rotten) - 4096, 4096):
        rotten[at : at + 64] = bytes(64)
    path.write_bytes(rotten)
    assert told(settings)["database"].state is State.FAIL


@pytest.mark.parametrize(
    "change",
    [
        "update instance set sha256 = 'abc'",
        "update study set StudyInstanceUID = x'ff00'",
        "update study set last_received_at = 'hello'",
        "update study set last_received_at = 9000000000000000000",
    ],
)
def test_a_value_of_another_kind_is_a_red_line_and_the_others_go_on(
    settings: Settings, change: str
) -> None:
    with closing(sqlite3.connect(settings.root / "catalog" / "catalog.sqlite")) as database:
        database.execute(change)
        database.commit()
    found = told(settings)
    assert found["database"].state is State.FAIL
    assert "noctis rebuild" in found["database"].remedy
    assert found["incoming"].state is State.PASS


def test_a_pipe_in_incoming_is_not_waited_for(settings: Settings) -> None:
    os.mkfifo(settings.root / "incoming" / "pipe")
    assert told(settings, quick=True)["incoming"].state is State.PASS


def test_a_folder_that_is_missing_is_one_line(settings: Settings) -> None:
    (settings.root / "incoming").rmdir()
    found = told(settings, quick=True)
    assert found["folders"].state is State.WARN
    assert found["incoming"].state is State.UNKNOWN


@pytest.mark.parametrize("closed", ["catalog", "catalog/catalog.sqlite", "instances/*/*/*/*.dcm"])
def test_what_this_user_may_not_read_is_not_called_damaged(settings: Settings, closed: str) -> None:
    paths = list(settings.root.glob(closed))
    assert paths
    for path in paths:
        path.chmod(0)
    found = told_without_privileges(settings)
    name = "hashes" if closed.startswith("instances") else "database"
    assert found[name].state is State.FAIL
    assert "as the user" in found[name].remedy
    assert "incoming" in found  # the others go on
    for path in paths:
        path.chmod(0o700)


def test_a_catalogue_without_its_file_names_rebuild(settings: Settings) -> None:
    shutil.rmtree(settings.root / "catalog")
    found = told(settings)
    assert found["folders"].state is State.FAIL
    assert "noctis rebuild" in found["database"].remedy


@pytest.mark.parametrize(("revision", "remedy"), [("9999", "upgrade"), (None, "rebuild")])
def test_another_versions_schema_names_what_to_do(
    settings: Settings, revision: str | None, remedy: str
) -> None:
    with closing(sqlite3.connect(settings.root / "catalog" / "catalog.sqlite")) as database:
        if revision is None:
            database.execute("DELETE FROM alembic_version")
        else:
            database.execute("UPDATE alembic_version SET version_num = ?", (revision,))
        database.commit()
    for quick in (False, True):
        found = told(settings, quick=quick)
        assert found["database"].state is State.FAIL
        assert remedy in found["database"].remedy


def test_parquet_files_that_are_gone_or_damaged_are_named(settings: Settings) -> None:
    folder = settings.root / "catalog" / "columnar"
    (elements,) = folder.glob("*.elements.parquet")
    (series,) = folder.glob("*.series.parquet")
    elements.unlink()
    series.write_bytes(b"PAR1 no more")
    (folder / "0000-dead.series.parquet").write_bytes(b"x")
    found = told(settings)
    assert found["Parquet"].state is State.FAIL
    assert elements.name in found["Parquet"].text
    assert series.name in found["Parquet"].text
    assert "1 files of nobody" in found["Parquet leftovers"].text


def test_a_parquet_file_that_rotted_within_is_found_where_all_is_read(settings: Settings) -> None:
    folder = settings.root / "catalog" / "columnar"
    (elements,) = folder.glob("*.elements.parquet")
    rotten = bytearray(elements.read_bytes())
    rotten[4:200] = bytes(196)
    elements.write_bytes(rotten)
    found = told(settings, timeout_s=None, sample=None)
    assert found["Parquet"].state is State.FAIL
    assert elements.name in found["Parquet"].text


def test_sources_in_place_that_are_gone_or_touched_are_told(
    settings: Settings, tmp_path: Path
) -> None:
    assert "sources in place" not in told(settings)
    paths = write_series(ct_series(planes=3, rows=8, columns=8, seed="own"), tmp_path / "own")
    with open_archive(settings) as archive:
        index_paths(archive.pipeline, [tmp_path / "own"], facility="local", in_place=True)
    found = told(settings)["sources in place"]
    assert (found.state, found.text) == (State.PASS, "3 files, there and as registered")
    assert told(settings, timeout_s=0.0)["sources in place"].state is State.UNKNOWN
    paths[0].unlink()
    os.utime(paths[1], (1, 1))
    found = told(settings)["sources in place"]
    assert found.state is State.FAIL
    assert found.text.startswith("2 of 3 looked at are gone or have changed")
    assert str(tmp_path) not in found.text


def test_files_that_are_damaged_lost_or_not_catalogued_are_told(settings: Settings) -> None:
    first, second, _ = sorted((settings.root / "instances").rglob("*.dcm"))
    flipped = bytearray(first.read_bytes())
    flipped[-1] ^= 1
    first.write_bytes(flipped)
    orphan = second.with_name("ab" * 32 + ".dcm")
    shutil.copy(second, orphan)
    assert told(settings)["orphans"].state is State.PASS  # it may be on its way in
    os.utime(orphan, (1, 1))
    found = told(settings)
    assert (found["orphans"].state, found["hashes"].state) == (State.WARN, State.FAIL)
    second.unlink()
    found = told(settings)
    assert found["orphans"].state is State.FAIL
    assert "files lost of 1 of" in found["orphans"].text


def test_the_same_seed_reads_the_same_files(settings: Settings, tmp_path: Path) -> None:
    with open_archive(settings) as archive:
        planes = ct_series(planes=30, rows=8, columns=8, seed="many")
        for path in write_series(planes, tmp_path / "many"):
            archive.pipeline.admit_file(path, RECEIPT)
    files = sorted((settings.root / "instances").rglob("*.dcm"))
    assert len(files) == 33
    for path in files[:16]:
        path.write_bytes(path.read_bytes()[:-1])
    texts = {told(settings, sample=4, seed=7)["hashes"].text for _ in range(3)}
    assert len(texts) == 1
    done: list[tuple[int, int]] = []
    depth = Depth(sample=None, timeout_s=None)
    findings = examine(settings, depth=depth, progress=lambda n, total: done.append((n, total)))
    (hashes,) = [finding for finding in findings if finding.name == "hashes"]
    assert hashes.text.startswith("16 of 33 files")
    assert done[-1] == (33, 33)


def test_a_key_that_others_can_read_is_red(settings: Settings) -> None:
    (settings.root / "secret_key").chmod(0o644)
    found = told(settings)
    assert found["permissions"].state is State.FAIL
    assert found["permissions"].remedy.startswith("chmod 600")


def test_too_little_space_is_red(settings: Settings) -> None:
    short = settings.model_copy(update={"min_free_bytes": 2**60})
    assert told(short)["free space"].state is State.FAIL


def test_who_waits_and_what_is_kept_aside_are_amber(settings: Settings, tmp_path: Path) -> None:
    with open_archive(settings) as archive:
        archive.ledger.refuse("STRANGER", "10.0.0.3")
        planes = ct_series(planes=1, rows=16, columns=16, rescale_intercept=-7.0)
        held = archive.pipeline.admit_file(write_series(planes, tmp_path / "x")[0], RECEIPT)
        assert held.quarantine_id is not None
    found = told(settings)
    assert worst(found.values()) is State.WARN
    assert found["senders"].remedy.startswith("noctis sender list --root ")
    assert found["quarantine"].text.startswith("1 file kept aside, the oldest ")


def test_an_archive_open_to_the_network_needs_senders_and_passwords(settings: Settings) -> None:
    public = settings.model_copy(update={"host": "10.0.0.1", "dicom_host": "10.0.0.1"})
    found = told(public, quick=True)
    assert found["senders"].state is found["principals"].state is State.WARN


def test_a_running_receiver_is_found_and_its_archive_told(
    settings: Settings, tmp_path: Path
) -> None:
    stop, ports = threading.Event(), []
    up = threading.Event()

    def ready(_host: str, port: int) -> None:
        ports.append(port)
        up.set()

    thread = threading.Thread(
        target=serve_scp, args=(settings,), kwargs={"stop": stop, "ready": ready}
    )
    thread.start()
    try:
        assert up.wait(20)
        running = settings.model_copy(update={"dicom_port": ports[0]})
        assert told(running, quick=True)["receiver"].text.endswith("answers C-ECHO")
        wrong = running.model_copy(update={"dicom_aet": "ANOTHER"})
        assert told(wrong, quick=True)["receiver"].state is State.FAIL
        strict = running.model_copy(update={"accept_loopback": False})
        assert "no C-ECHO" in told(strict, quick=True)["receiver"].text
        with open_archive(settings) as archive:
            archive.catalog.write_note("receiver", f"NOCTIS_SCP@127.0.0.1:{ports[0]}")
        assert told(settings, quick=True)["receiver"].text.endswith("answers C-ECHO")
        elsewhere = running.model_copy(update={"root": tmp_path / "not served"})
        with open_archive(elsewhere) as archive:
            archive.catalog.write_note("receiver", f"NOCTIS_SCP@127.0.0.1:{ports[0]}")
        found = told(elsewhere, quick=True)["receiver"]
        assert found.state is State.UNKNOWN
        where = f"127.0.0.1:{ports[0]}"
        told_of = "not running: another archive or DICOM service answers at "
        assert found.text == told_of + where
        with open_lab(elsewhere.root, settings=elsewhere) as lab:
            card = archive_card(lab, limit_s=1)
        assert card.fields[1].text.startswith("not running; another archive or program listens at ")
    finally:
        stop.set()
        thread.join(20)


@pytest.fixture
def stranger() -> Iterator[int]:
    """Listen on a port, and end each connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        closing_all = threading.Thread(target=_hang_up, args=(listener,), daemon=True)
        closing_all.start()
        yield listener.getsockname()[1]


def _hang_up(listener: socket.socket) -> None:
    try:
        while True:
            listener.accept()[0].close()
    except OSError:
        return


def test_a_port_that_somebody_else_has_is_red(settings: Settings, stranger: int) -> None:
    taken = settings.model_copy(update={"port": stranger, "dicom_port": stranger})
    found = told(taken, quick=True)
    assert found["receiver"].state is found["page"].state is State.FAIL


def test_who_was_not_asked_is_not_said_to_have_given_no_answer(
    settings: Settings, stranger: int
) -> None:
    # An address that is not known to be this machine's own: there a C-ECHO would leave a trace.
    beyond = settings.model_copy(update={"dicom_host": "127.1", "dicom_port": stranger})
    (found,) = check_receiver(beyond, None)
    assert found.state is State.UNKNOWN
    assert found.text == (
        f"not running: somebody else listens at 127.1:{stranger}; who, was not asked"
    )
    assert "ss -ltnp" in found.remedy


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 200 OK\r\n" + b"x" * 100,
        b"HTTP/1.1 200 OK\r\n\r\n" + b"[" * 3000,
        b"HTTP/1.1 500 No\r\n\r\n" + b'{"status": "ok"}',
        b"\xff" * 9000,
    ],
)
def test_a_stranger_who_drips_or_raves_holds_nobody_up(settings: Settings, said: bytes) -> None:
    def drip(listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                peer = listener.accept()[0]
                with peer, suppress(OSError):
                    peer.sendall(said)
                    while len(said) < 200:
                        time.sleep(0.1)
                        peer.sendall(b"x")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=drip, args=(listener,), daemon=True).start()
        taken = settings.model_copy(update={"port": listener.getsockname()[1]})
        began_s = time.monotonic()
        (found,) = check_page(taken, None)
    assert found.state is State.FAIL
    assert time.monotonic() - began_s < 5


@pytest.mark.parametrize("noted", ["A@127.0.0.1:99999", f"A@127.0.0.1:{'9' * 5000}", "@:", "A@x:"])
def test_a_note_of_no_address_is_passed_over(settings: Settings, noted: str) -> None:
    assert [each.state for each in check_receiver(settings, noted)] == [State.UNKNOWN]
    page = f"http://{noted.partition('@')[2]}/"
    assert [each.state for each in check_page(settings, page)] == [State.UNKNOWN]


def test_the_decoders_are_counted_among_those_that_there_are() -> None:
    decoders = check_decoders()
    assert decoders.state is State.PASS
    assert decoders.text.startswith("26 of 26 transfer syntaxes of still images, ")
    assert "Stored only: video, JPIP, " in decoders.text


def test_a_clock_that_was_set_back_is_told() -> None:
    now = datetime(2026, 11, 1, tzinfo=UTC)
    assert check_clock(now, now - timedelta(days=1)).state is State.PASS
    assert check_clock(now, now + timedelta(days=1)).state is State.WARN
    assert check_clock(datetime(1970, 1, 1, tzinfo=UTC), None).state is State.FAIL


def test_more_memory_than_there_is_is_told(tmp_path: Path) -> None:
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal:        2097152 kB\n")  # 2 GiB
    settings = settings_of(tmp_path)
    short = check_memory(settings, meminfo=meminfo)
    assert short.state is State.WARN
    assert "of 2.1 GB" in short.text  # as the pages count
    assert check_memory(settings, meminfo=tmp_path / "none").state is State.UNKNOWN


def test_where_a_setting_comes_from_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "noctis.toml").write_text('threads = 3\nquiet_s = 1.0\ndicom_aet = "LAB"\n')
    monkeypatch.setenv("NOCTIS_QUIET_S", "2")
    monkeypatch.setenv("DICOM_PORT", "4242")
    arguments = {"root": tmp_path, "port": 81, "host": None}
    settings = open_settings(arguments)
    sources = find_sources(arguments, settings.root)
    assert sources.keys() == Settings.model_fields.keys()
    assert {name: source for name, source in sources.items() if source != "default"} == {
        "root": "argument",
        "port": "argument",
        "quiet_s": "environment NOCTIS_QUIET_S",
        "dicom_port": "environment DICOM_PORT",
        "dicom_aet": "noctis.toml",
        "threads": "noctis.toml",
    }
    assert (settings.quiet_s, settings.dicom_aet, settings.threads) == (2.0, "LAB", 3)
