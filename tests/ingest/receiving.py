"""A receiver on loopback over a fresh archive, and what is sent to it."""

from __future__ import annotations

import sqlite3
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydicom import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset

from noctis_lab.config import Settings
from noctis_lab.ingest.scp import serve_scp
from noctis_lab.ingest.scu import Outgoing, Peer
from noctis_lab.ingest.wire.command import Answer

EXPLICIT_LE = "1.2.840.10008.1.2.1"
CT = "1.2.840.10008.5.1.4.1.1.2"


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """A receiver that runs in a thread of this process."""

    host: str
    port: int
    root: Path
    settings: Settings

    @property
    def instances(self) -> list[Path]:
        return sorted((self.root / "instances").rglob("*.dcm"))

    @property
    def quarantine(self) -> list[Path]:
        return sorted((self.root / "quarantine").glob("*.dcm"))

    @property
    def incoming(self) -> list[Path]:
        return sorted((self.root / "incoming").iterdir())

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Ask the commit tier by SQLite itself, not by our code."""
        uri = f"file:{self.root}/catalog/catalog.sqlite?mode=ro"
        with closing(sqlite3.connect(uri, uri=True)) as database:
            return database.execute(sql).fetchall()

    def store(
        self,
        data: bytes,
        *,
        sop_class: str = CT,
        sop_instance: str,
        syntax: str = EXPLICIT_LE,
        calling: str = "MODALITY",
    ) -> Answer:
        """Send bytes as a data set, whatever they are."""
        path = self.root.parent / "to-send"
        path.write_bytes(data)
        peer = Peer(host=self.host, port=self.port, called_aet="NOCTIS_SCP", calling_aet=calling)
        outgoing = Outgoing(
            path=path,
            SOPInstanceUID=sop_instance,
            context=(sop_class, syntax),
            data_set_offset=0,
        )
        with peer.associate({outgoing.context}, timeout_s=20) as association:
            return association.store(outgoing)

    def store_dataset(self, dataset: Dataset, **options: Any) -> Answer:
        """Send a data set in Explicit VR Little Endian, encoded by pydicom."""
        options.setdefault("sop_instance", str(dataset.SOPInstanceUID))
        return self.store(encode(dataset), **options)


def encode(dataset: Dataset, *, implicit: bool = False, little: bool = True) -> bytes:
    """Return a data set's bytes without file meta, by pydicom."""
    buffer = DicomBytesIO()
    buffer.is_implicit_VR, buffer.is_little_endian = implicit, little
    write_dataset(buffer, dataset)
    return bytes(buffer.getvalue())


def data_set_of(path: Path) -> bytes:
    """Return the bytes after the file meta group, by its group length (PS3.10 7.1)."""
    raw = path.read_bytes()
    assert raw[128:132] == b"DICM"
    assert raw[132:136] == b"\2\0\0\0"
    return raw[144 + int.from_bytes(raw[140:144], "little") :]


@contextmanager
def run_receiver(root: Path, **options: Any) -> Iterator[Receiver]:
    settings = Settings(**{"root": root, "dicom_port": 0, "min_free_bytes": 0, **options})
    stop, listening = threading.Event(), threading.Event()
    address: list[tuple[str, int]] = []
    failure: list[BaseException] = []

    def ready(host: str, port: int) -> None:
        address.append((host, port))
        listening.set()

    def run() -> None:
        try:
            serve_scp(settings, stop=stop, ready=ready)
        except BaseException as error:  # noqa: BLE001  handed to the test
            failure.append(error)
            listening.set()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert listening.wait(30)
        if failure:
            raise failure[0]
        host, port = address[0]
        yield Receiver(host=host, port=port, root=root, settings=settings)
    finally:
        stop.set()
        thread.join(30)
        assert not thread.is_alive()
    if failure:
        raise failure[0]


type StartReceiver = Callable[..., Receiver]


def associate_request(*, called: str = "NOCTIS_SCP", calling: str = "MODALITY") -> bytes:
    """Return an A-ASSOCIATE-RQ for CT in Explicit VR Little Endian, by PS3.8 9.3.2."""

    def item(kind: int, content: bytes) -> bytes:
        return struct.pack(">BxH", kind, len(content)) + content

    context = item(
        0x20,
        b"\x01\0\0\0" + item(0x30, CT.encode()) + item(0x40, EXPLICIT_LE.encode()),
    )
    user = item(0x50, item(0x51, struct.pack(">I", 16384)) + item(0x52, b"1.2.3"))
    body = struct.pack(">HH16s16s32x", 1, 0, called.ljust(16).encode(), calling.ljust(16).encode())
    body += item(0x10, b"1.2.840.10008.3.1.1.1") + context + user
    return struct.pack(">BxI", 1, len(body)) + body
