"""What a sender is told, and what then stands in the archive: ours and pynetdicom's classes."""

from __future__ import annotations

import hashlib
import json
import socket
import sqlite3
import subprocess
import threading
import time
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path

import pydicom
import pytest
from pydicom import Dataset
from pynetdicom import AE, build_context

from noctis_lab.catalog.senders import list_unknown_senders
from noctis_lab.config import Settings
from noctis_lab.errors import SendFailed
from noctis_lab.ingest import scu
from noctis_lab.ingest.archive import open_archive
from noctis_lab.ingest.scp.senders import RefusalList
from noctis_lab.synthetic import ct_series, write_series
from tests.ingest.receiving import (
    CT,
    EXPLICIT_LE,
    Receiver,
    StartReceiver,
    associate_request,
    data_set_of,
    encode,
    run_receiver,
)

FindProgram = Callable[[str], str]


def push(program: str, receiver: Receiver, folder: Path, *, aet: str = "NOCTIS_SCP") -> None:
    command = {
        "storescu": ["storescu", "-aec", aet, "+sd", "+r", "-R", "-aet", "MODALITY"],
        "dcmsend": ["dcmsend", "-aec", aet, "+sd", "+r", "-aet", "MODALITY"],
    }[program]
    subprocess.run(
        [*command, "127.0.0.1", str(receiver.port), str(folder)],
        check=True,
        timeout=100,
        capture_output=True,
    )


def test_an_echo_is_answered(either: Receiver, require_program: FindProgram) -> None:
    echoscu = require_program("echoscu")
    subprocess.run(
        [echoscu, "-aec", "NOCTIS_SCP", "127.0.0.1", str(either.port)], check=True, timeout=30
    )
    scu.echo("127.0.0.1", either.port, called_aet="NOCTIS_SCP")


@pytest.mark.parametrize("program", ["storescu", "dcmsend"])
def test_stock_senders_are_received(
    either: Receiver, tmp_path: Path, program: str, require_program: FindProgram
) -> None:
    require_program(program)
    datasets = ct_series(planes=5, rows=16, columns=16)
    write_series(datasets, tmp_path / "series")
    push(program, either, tmp_path / "series")
    assert len(either.instances) == 5
    stored = {pydicom.dcmread(path).SOPInstanceUID: path for path in either.instances}
    for dataset in datasets:
        path = stored[dataset.SOPInstanceUID]
        assert pydicom.dcmread(path).PixelData == dataset.PixelData
        assert path.stem == hashlib.sha256(data_set_of(path)).hexdigest()
    assert either.rows("SELECT count(*) FROM instance") == [(5,)]
    assert either.incoming == []


def test_the_data_set_equals_storescps(
    either: Receiver, tmp_path: Path, unused_tcp_port: int, require_program: FindProgram
) -> None:
    storescp = require_program("storescp")
    require_program("storescu")
    write_series(ct_series(planes=3, rows=16, columns=16), tmp_path / "series")
    push("storescu", either, tmp_path / "series")
    theirs = tmp_path / "storescp"
    theirs.mkdir()
    peer = subprocess.Popen(
        [storescp, "-pdu", "131072", "+B", "-od", str(theirs), str(unused_tcp_port)]
    )
    try:
        for _ in range(100):
            sent = subprocess.run(
                ["storescu", "+sd", "127.0.0.1", str(unused_tcp_port), str(tmp_path / "series")],
                capture_output=True,
                check=False,
                timeout=60,
            )
            if sent.returncode == 0:
                break
            time.sleep(0.05)
    finally:
        peer.terminate()
        peer.wait(10)
    ours = sorted(data_set_of(path) for path in either.instances)
    assert ours == sorted(data_set_of(path) for path in theirs.iterdir())
    assert len(ours) == 3


def test_the_file_meta_says_where_it_came_from(either: Receiver, plane: Dataset) -> None:
    before = time.time()
    assert either.store_dataset(plane, calling="CT_ROOM_2").status == 0
    (path,) = either.instances
    meta = pydicom.dcmread(path).file_meta
    assert meta.SourceApplicationEntityTitle == "CT_ROOM_2"
    assert meta.SendingApplicationEntityTitle == "CT_ROOM_2"
    assert meta.ReceivingApplicationEntityTitle == "NOCTIS_SCP"
    assert meta.MediaStorageSOPInstanceUID == plane.SOPInstanceUID
    private = json.loads(meta.PrivateInformation)
    assert private["facility"] == "local"
    received = pydicom.valuerep.DT(
        private["received_at"].translate({ord(c): None for c in "-:T"}).replace("+0000", "")
    )
    assert abs(received.timestamp() - before) < 24 * 3600


@pytest.mark.parametrize(
    "syntax",
    [
        "1.2.840.10008.1.2",
        "1.2.840.10008.1.2.2",
        "1.2.840.10008.1.2.5",
        "1.2.840.10008.1.2.4.70",
        "1.2.840.10008.1.2.4.80",
        "1.2.840.10008.1.2.4.90",
    ],
)
def test_every_transfer_syntax_is_stored_as_received(
    either: Receiver, tmp_path: Path, syntax: str
) -> None:
    datasets = ct_series(planes=2, rows=16, columns=16, transfer_syntax_uid=syntax)
    paths = write_series(datasets, tmp_path / "series")
    report = scu.send(paths, host="127.0.0.1", port=either.port, called_aet="NOCTIS_SCP")
    assert [result.reason for result in report.results] == [None, None]
    sent = sorted(data_set_of(path) for path in paths)
    assert sorted(data_set_of(path) for path in either.instances) == sent
    assert {pydicom.dcmread(p).file_meta.TransferSyntaxUID for p in either.instances} == {syntax}


def test_pushing_again_with_the_other_tool_changes_nothing_but_receipts(
    either: Receiver, tmp_path: Path, require_program: FindProgram
) -> None:
    require_program("storescu"), require_program("dcmsend")
    write_series(ct_series(planes=3, rows=16, columns=16), tmp_path / "series")
    push("storescu", either, tmp_path / "series")
    files = {path: path.read_bytes() for path in either.instances}
    tables = [
        row[0]
        for row in either.rows("SELECT name FROM sqlite_master WHERE type = 'table'")
        if not row[0].startswith("sqlite_") and row[0] != "receipt"
    ]
    before = {table: sorted(map(repr, either.rows(f'SELECT * FROM "{table}"'))) for table in tables}
    push("dcmsend", either, tmp_path / "series")
    after = {table: sorted(map(repr, either.rows(f'SELECT * FROM "{table}"'))) for table in tables}
    assert {path: path.read_bytes() for path in either.instances} == files
    assert after == before
    assert either.rows("SELECT count(*) FROM receipt") == [(3,)]
    assert either.quarantine == []


def test_another_content_under_a_known_uid_is_kept_aside_with_a_warning(
    either: Receiver, plane: Dataset
) -> None:
    assert either.store_dataset(plane).status == 0
    (first,) = either.instances
    kept = first.read_bytes()
    plane.PixelData = bytes(len(plane.PixelData))
    answer = either.store_dataset(plane)
    assert answer.status == 0xB000
    assert "quarantined" in answer.comment
    assert either.instances == [first]
    assert first.read_bytes() == kept
    (aside,) = either.quarantine
    assert data_set_of(aside) == encode(plane)
    beside = json.loads(aside.with_suffix(".json").read_bytes())
    assert beside["kind"] == "conflict"
    assert beside["SOPInstanceUID"] == plane.SOPInstanceUID
    assert either.rows("SELECT kind, quarantine_id FROM quarantine") == [("conflict", aside.stem)]


def test_a_command_that_names_another_instance_is_refused(either: Receiver, plane: Dataset) -> None:
    assert either.store_dataset(plane, sop_instance="1.2.3").status == 0xA900
    mr = "1.2.840.10008.5.1.4.1.1.4"
    assert either.store_dataset(plane, sop_class=mr).status == 0xA900
    assert either.instances == []
    assert len(either.quarantine) == 2


def cut_pixels(plane: Dataset) -> bytes:
    data = encode(plane)
    return data[: len(data) - len(plane.PixelData) // 2]


def half_pixels_stated(plane: Dataset) -> bytes:
    plane.PixelData = plane.PixelData[: len(plane.PixelData) // 2]
    return encode(plane)


def without_study(plane: Dataset) -> bytes:
    del plane.StudyInstanceUID
    return encode(plane)


def nested(plane: Dataset) -> bytes:
    data = b""
    for _ in range(400):
        item = b"\xfe\xff\x00\xe0" + len(data).to_bytes(4, "little") + data
        data = b"\x40\x00\x75\x02SQ\0\0" + len(item).to_bytes(4, "little") + item
    return encode(plane) + data


@pytest.mark.parametrize(
    "spoil",
    [
        lambda _: b"\xff" * 5000,
        cut_pixels,
        half_pixels_stated,
        without_study,
        nested,
    ],
    ids=["garbage", "cut", "half the pixels", "no study", "deep nesting"],
)
def test_what_is_no_instance_is_kept_aside_with_the_reason(
    either: Receiver, plane: Dataset, spoil: Callable[[Dataset], bytes]
) -> None:
    uid = str(plane.SOPInstanceUID)
    data = spoil(plane)
    assert either.store(data, sop_instance=uid).status == 0xC000
    assert either.instances == []
    assert either.incoming == []
    (aside,) = either.quarantine
    assert data_set_of(aside) == data
    beside = json.loads(aside.with_suffix(".json").read_bytes())
    assert beside["kind"] == "rejected"
    assert beside["reason"]


def test_an_empty_data_set_is_no_instance(receiver: Receiver) -> None:
    # pynetdicom's own classes take it for none, and do not answer.
    assert receiver.store(b"", sop_instance="1.2.3").status == 0xC000
    assert len(receiver.quarantine) == 1


def test_a_deflated_bomb_is_kept_aside_and_not_inflated(either: Receiver) -> None:
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    head = compressor.compress(b"\x08\x00\x05\x00UT\0\0\0\0\0\x7f")
    head += compressor.flush(zlib.Z_FULL_FLUSH)
    zeros = compressor.compress(bytes(64 * 1024 * 1024)) + compressor.flush(zlib.Z_FULL_FLUSH)
    bomb = head + zeros * 32 + compressor.flush()  # blocks after a full flush stand alone: 2 GiB
    answer = either.store(bomb, sop_instance="1.2.3", syntax="1.2.840.10008.1.2.1.99")
    assert answer.status == 0xC000
    assert len(either.quarantine) == 1


@pytest.mark.parametrize("uid", ["../../../evil", "CON", "1" * 128])
def test_hostile_uids_are_filed_under_their_hashes(
    either: Receiver, plane: Dataset, uid: str
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom says that it is no UID
        plane.StudyInstanceUID = uid
        data = encode(plane)
    assert either.store(data, sop_instance=str(plane.SOPInstanceUID)).status == 0
    (path,) = either.instances
    study = hashlib.sha256(uid.encode()).hexdigest()[:16]
    assert path.parent.parent == either.root / "instances" / study[:2] / study
    assert either.rows("SELECT StudyInstanceUID FROM study") == [(uid,)]


def test_below_the_watermark_everything_is_refused_and_nothing_left(
    tmp_path: Path, plane: Dataset, start_either: StartReceiver
) -> None:
    receiver = start_either(min_free_bytes=1 << 60)
    assert receiver.store_dataset(plane).status == 0xA700
    assert receiver.instances == receiver.quarantine == receiver.incoming == []


def test_an_unknown_sender_is_rejected_and_listed(
    start_either: StartReceiver, plane: Dataset
) -> None:
    receiver = start_either(accept_loopback=False)
    with pytest.raises(SendFailed, match="1/1/3"):
        receiver.store_dataset(plane, calling="STRANGER")
    assert receiver.instances == []
    assert receiver.rows("SELECT aet, address FROM unknown_sender") == [("STRANGER", "127.0.0.1")]


def test_a_stranger_that_insists_is_counted_and_fills_no_journal(tmp_path: Path) -> None:
    now = [0.0]
    settings = Settings(root=tmp_path, min_free_bytes=0)
    with open_archive(settings) as archive:
        refusals = RefusalList(archive.ledger, clock=lambda: now[0])

        def journal_lines() -> int:
            return sum(
                len(path.read_bytes().splitlines()) for path in (tmp_path / "journal").iterdir()
            )

        def attempts_of(aet: str) -> list[int]:
            listed = list_unknown_senders(archive.catalog)
            return [row.attempts for row in listed if row.aet == aet]

        before = journal_lines()
        for _ in range(100):
            refusals.note("STRANGER", "10.0.0.9")
        assert attempts_of("STRANGER") == [1]
        assert journal_lines() == before + 1
        now[0] = 60.0
        refusals.note("STRANGER", "10.0.0.9")
        assert attempts_of("STRANGER") == [101]
        for number in range(200):
            refusals.note(f"NEW{number}", "10.0.0.9")
        assert journal_lines() == before + 61
        now[0] = 120.0
        refusals.note("NEW199", "10.0.0.9")
        assert attempts_of("NEW199") == [2]


def test_a_stranger_is_rejected_though_it_cannot_be_listed(
    start_either: StartReceiver, plane: Dataset
) -> None:
    receiver = start_either(accept_loopback=False)
    with sqlite3.connect(receiver.root / "catalog" / "catalog.sqlite") as database:
        database.execute("ALTER TABLE unknown_sender RENAME TO taken_away")
    database.close()
    with pytest.raises(SendFailed, match="1/1/3"):
        receiver.store_dataset(plane, calling="STRANGER")


def test_a_file_that_vanished_costs_no_other_its_association(
    receiver: Receiver, tmp_path: Path
) -> None:
    paths = write_series(ct_series(planes=3, rows=16, columns=16), tmp_path / "series")

    def take_the_second_away(_result: scu.Sent) -> None:
        paths[1].unlink(missing_ok=True)

    report = scu.send(
        paths,
        host="127.0.0.1",
        port=receiver.port,
        called_aet="NOCTIS_SCP",
        progress=take_the_second_away,
    )
    assert [result.is_stored for result in report.results] == [True, False, True]
    assert "FileNotFoundError" in (report.results[1].reason or "")


def test_debug_tells_what_was_negotiated_and_answered(
    receiver: Receiver, plane: Dataset, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("DEBUG", logger="noctis_lab.ingest.scp"):
        assert receiver.store_dataset(plane).status == 0
    told = [record.message for record in caplog.records]
    for step in ("association accepted", "context accepted", "command", "answer"):
        assert step in told
    assert str(plane.PatientName) not in caplog.text


@pytest.mark.parametrize("base_receiver", [False, True], ids=["fast", "base"])
def test_the_end_is_quiet_while_peers_are_rejected(tmp_path: Path, base_receiver: bool) -> None:
    failed: list[threading.ExceptHookArgs] = []
    before, threading.excepthook = threading.excepthook, failed.append
    try:
        with run_receiver(tmp_path / "root", base_receiver=base_receiver) as receiver:
            address = ("127.0.0.1", receiver.port)
            peers = [socket.create_connection(address, timeout=10) for _ in range(8)]
            for peer in peers:
                peer.sendall(associate_request(called="SOMEONE_ELSE"))
            assert peers[0].recv(1) == b"\x03"  # A-ASSOCIATE-RJ
        for peer in peers:
            peer.close()
    finally:
        threading.excepthook = before
    assert failed == []


def test_a_wrong_called_title_is_rejected(either: Receiver) -> None:
    with pytest.raises(SendFailed, match="1/1/7"):
        scu.echo("127.0.0.1", either.port, called_aet="SOMEONE_ELSE")


def test_an_abort_in_mid_stream_leaves_nothing(either: Receiver, plane: Dataset) -> None:
    ae = AE(ae_title="MODALITY")
    ae.requested_contexts = [build_context(CT, EXPLICIT_LE)]
    association = ae.associate("127.0.0.1", either.port, ae_title="NOCTIS_SCP")
    assert association.is_established
    assert association.send_c_store(plane).Status == 0
    association.abort()
    deadline = time.monotonic() + 60
    while either.incoming and time.monotonic() < deadline:
        time.sleep(0.02)
    assert either.incoming == []
    assert len(either.instances) == 1
