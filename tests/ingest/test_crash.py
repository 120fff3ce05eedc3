"""Kill -9 of the receiver in mid-stream: what was acknowledged is there, once, and nothing else."""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from pydicom import Dataset

from noctis_lab.errors import SendFailed
from noctis_lab.ingest.scu import Outgoing, Peer
from noctis_lab.ingest.wire.command import CommandError
from noctis_lab.storage.layout import instance_path
from tests.ingest.receiving import CT, EXPLICIT_LE, encode

KILLS = 50
SENDERS = 2

# Imports once, then a fresh process per line that it reads: each is killed, none is missed.
FORKER = """
import os, signal, sys, threading
from pathlib import Path
from noctis_lab.cli.supervisor import end_on_signals
from noctis_lab.config import Settings
from noctis_lab.ingest.scp import serve_scp
settings = Settings(root=Path(sys.argv[1]), dicom_port=0, min_free_bytes=0)
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
for _ in sys.stdin:
    if os.fork() == 0:
        stop = threading.Event()
        end_on_signals(stop.set)
        tell = lambda _, port: print(os.getpid(), port, flush=True)
        serve_scp(settings, stop=stop, ready=tell)
        os._exit(0)
"""


@dataclass
class Forker:
    process: subprocess.Popen[str]

    def start(self) -> tuple[int, int]:
        """Return the process id and the port of a new receiver."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        pid, port = self.process.stdout.readline().split()
        return int(pid), int(port)


@pytest.fixture
def forker(tmp_path: Path) -> Iterator[Forker]:
    command = [sys.executable, "-c", FORKER, str(tmp_path / "root")]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield Forker(process)


def end(pid: int, how: signal.Signals) -> None:
    os.kill(pid, how)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.001)
    pytest.fail("the receiver did not end")


@dataclass
class Sender:
    """Pushes instance after instance; one that was not acknowledged is pushed again."""

    template: bytes
    uid: str
    number: int
    folder: Path
    sent: int = 0
    acknowledged: dict[str, bytes] = field(default_factory=dict)

    def instance(self) -> tuple[str, bytes]:
        uid = f"1.2.826.0.1.3680043.10.1.{self.number + 1}.{1_000_000_000 + self.sent}"
        return uid, self.template.replace(self.uid.encode(), uid.encode())

    def push(self, port: int) -> None:
        """Push until the peer is gone."""
        peer = Peer(host="127.0.0.1", port=port, called_aet="NOCTIS_SCP", calling_aet="MODALITY")
        path = self.folder / f"to-send-{self.number}"
        with (
            contextlib.suppress(SendFailed, OSError, CommandError),
            peer.associate({(CT, EXPLICIT_LE)}, timeout_s=10) as association,
        ):
            association.is_lost = True  # no release: the peer is killed
            while True:
                uid, data = self.instance()
                path.write_bytes(data)
                outgoing = Outgoing(
                    path=path, SOPInstanceUID=uid, context=(CT, EXPLICIT_LE), data_set_offset=0
                )
                assert association.store(outgoing).status == 0
                self.acknowledged[uid] = data
                self.sent += 1


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_nothing_acknowledged_is_lost_and_nothing_is_there_twice(
    forker: Forker, plane: Dataset, tmp_path: Path
) -> None:
    uid = "1.2.826.0.1.3680043.10.1.1.1000000000"
    plane.SOPInstanceUID = uid
    plane.PixelData = bytes(512) * 64
    plane.Rows = plane.Columns = 128
    template = encode(plane)
    senders = [
        Sender(template=template, uid=uid, number=number, folder=tmp_path)
        for number in range(SENDERS)
    ]
    chance = random.Random(20)
    for _ in range(KILLS):
        pid, port = forker.start()
        threads = [threading.Thread(target=sender.push, args=(port,)) for sender in senders]
        for thread in threads:
            thread.start()
        time.sleep(chance.uniform(0.01, 0.25))
        end(pid, signal.SIGKILL)
        for thread in threads:
            thread.join(20)

    pid, _ = forker.start()
    end(pid, signal.SIGTERM)
    root = tmp_path / "root"
    acknowledged = {uid: data for sender in senders for uid, data in sender.acknowledged.items()}
    assert len(acknowledged) > KILLS

    with closing(sqlite3.connect(root / "catalog" / "catalog.sqlite")) as database:
        rows = database.execute("SELECT SOPInstanceUID, sha256 FROM instance").fetchall()
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        rolled_up = database.execute("SELECT sum(instance_count) FROM series").fetchone()
    catalogued = dict(rows)
    assert len(catalogued) == len(rows) == rolled_up[0]
    for acknowledged_uid, data in acknowledged.items():
        assert catalogued[acknowledged_uid] == hashlib.sha256(data).digest()
    # What is catalogued beyond that was committed and not answered any more: at most one per
    # sender and kill, and none is left now, since each was pushed again.
    assert len(catalogued) - len(acknowledged) <= SENDERS

    study, series = str(plane.StudyInstanceUID), str(plane.SeriesInstanceUID)
    expected = {instance_path(root, study, series, sha256) for sha256 in catalogued.values()}
    there = {path for path in (root / "instances").rglob("*") if path.is_file()}
    assert there == expected
    assert list((root / "incoming").iterdir()) == []
    assert list((root / "quarantine").iterdir()) == []
