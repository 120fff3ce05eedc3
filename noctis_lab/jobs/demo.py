"""The demo in an archive of one's own: synthetic series, in a facility that says so."""

from __future__ import annotations

import logging
import tempfile
import threading
from pathlib import Path
from typing import Final

from noctis_lab.catalog.queue import Job, enqueue, find_job
from noctis_lab.catalog.records import Receipt, ReceiptSource
from noctis_lab.catalog.senders import list_facilities
from noctis_lab.catalog.store import Catalog
from noctis_lab.config import Settings
from noctis_lab.storage.files import Storage

__all__ = ["DEMO_FACILITY", "LOAD_DEMO", "ask_for_demo", "find_demo_job", "has_demo", "load_demo"]

logger = logging.getLogger(__name__)

DEMO_FACILITY: Final = "demo"  #: by it, all that is synthetic is told from what is not
LOAD_DEMO: Final = "load-demo"  #: the kind of the job, and its key


def ask_for_demo(catalog: Catalog) -> None:
    """Let the worker load the demo; asked again, it is loaded again, which changes nothing."""
    enqueue(catalog, LOAD_DEMO, LOAD_DEMO)


def find_demo_job(catalog: Catalog) -> Job | None:
    """Return the job that loads the demo, where it waits or runs."""
    return find_job(catalog, LOAD_DEMO, LOAD_DEMO)


def has_demo(catalog: Catalog) -> bool:
    """Return whether something of the demo has come in."""
    return DEMO_FACILITY in list_facilities(catalog)


def load_demo(
    settings: Settings, storage: Storage, catalog: Catalog, *, stop: threading.Event
) -> None:
    """Make the synthetic series and take them in, as an upload would."""
    from noctis_lab.ingest.archive import build_archive
    from noctis_lab.synthetic.demo import iter_made, missing_series

    pipeline = build_archive(settings, storage, catalog).pipeline
    missing = missing_series(lambda uid: catalog.find_instance(uid, withheld=True) is not None)
    with tempfile.TemporaryDirectory(prefix="noctis-demo-") as folder:
        path = Path(folder, "instance.dcm")
        for _, instances in iter_made(missing):
            for instance in instances:
                if stop.is_set():
                    ask_for_demo(catalog)  # the next worker goes on; what is in stays
                    return
                instance.save_as(path, enforce_file_format=True)
                pipeline.admit_file(path, _receipt(catalog))
    logger.info("the demo is loaded")


def _receipt(catalog: Catalog) -> Receipt:
    return Receipt(
        source=ReceiptSource.UPLOAD,
        facility=DEMO_FACILITY,
        calling_aet="",
        called_aet="",
        received_at=catalog.clock(),
    )
