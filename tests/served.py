"""A served archive, on a port of its own, asked over real HTTP."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
from pydicom.dataset import Dataset

from noctis_lab.access import ADMIN
from noctis_lab.catalog import people
from noctis_lab.catalog.records import Receipt, ReceiptSource
from noctis_lab.catalog.store import Catalog
from noctis_lab.config import Settings
from noctis_lab.ingest.archive import OpenArchive
from noctis_lab.synthetic import ct_series, write_series
from noctis_lab.web.app import serve_web

STARTUP_S = 30
PASSWORD = "correct horse battery"
HOSTILE_NAME = "<img src=x onerror=alert(1)>^EVIL"


@dataclass(frozen=True, slots=True)
class Seen:
    """What was admitted, by facility."""

    study: str
    series: str
    instances: tuple[str, ...]


@dataclass(slots=True)
class Site:
    """A running web process of an archive that the test may also write to."""

    settings: Settings
    archive: OpenArchive
    base: str
    folder: Path

    @property
    def catalog(self) -> Catalog:
        """The catalogue, as another process holds it."""
        return self.archive.catalog

    def admit(self, data_sets: list[Dataset], facility: str) -> Seen:
        """Take data sets in, as if a sender of a facility had pushed them."""
        number = len(list(self.folder.iterdir()))
        receipt = Receipt(
            source=ReceiptSource.SCP,
            facility=facility,
            calling_aet="TEST",
            called_aet="NOCTIS_SCP",
            received_at=datetime.now(UTC),
        )
        for path in write_series(data_sets, self.folder / str(number)):
            admission = self.archive.pipeline.admit_file(path, receipt)
            assert admission.outcome == "stored", admission
        first = data_sets[0]
        uids = tuple(str(data_set.SOPInstanceUID) for data_set in data_sets)
        return Seen(str(first.StudyInstanceUID), str(first.SeriesInstanceUID), uids)

    @contextmanager
    def client(self, principal: str | None = ADMIN) -> Iterator[httpx.Client]:
        """Give a client with a principal's session, or with none."""
        with httpx.Client(
            base_url=self.base, headers={"X-Noctis": "1"}, trust_env=False, timeout=30
        ) as client:
            if principal is not None:
                token = people.create_login_token(self.catalog, principal)
                answer = client.get("/login", params={"token": token})
                assert answer.status_code == 303, answer.text
            yield client


def named_series(name: str, *, planes: int = 3, seed: str = "") -> list[Dataset]:
    """Return a small CT series of a patient; a name has a study of its own."""
    return ct_series(
        planes=planes, rows=32, columns=32, PatientName=name, PatientID="ID-1", seed=name + seed
    )


class running:
    """Serve in a thread, for the length of a block; gives the address."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stop = threading.Event()
        self._ready = threading.Event()
        self._base = ""
        self._failed: list[BaseException] = []
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        try:
            serve_web(self._settings, stop=self._stop, ready=self._on_ready)
        except BaseException as error:
            self._failed.append(error)
            raise
        finally:
            self._ready.set()

    def _on_ready(self, host: str, port: int) -> None:
        self._base = f"http://{host}:{port}"
        self._ready.set()

    def __enter__(self) -> str:
        self._thread.start()
        assert self._ready.wait(STARTUP_S)
        assert not self._failed, self._failed
        return self._base

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(STARTUP_S)
        assert not self._thread.is_alive(), "the web process did not stop"
