"""The worker's loop: claims jobs by lease, runs them one by one, survives whatever they do."""

from __future__ import annotations

import logging
import os
import secrets
import socket
import threading
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from noctis_lab.catalog.queue import Job, claim, complete, enqueue, extend, fail
from noctis_lab.catalog.store import Catalog, open_catalog
from noctis_lab.config import Settings
from noctis_lab.errors import CatalogError, NoctisError, StorageError
from noctis_lab.jobs.handlers import HANDLERS, HOUSEKEEPING, Handler, Workshop
from noctis_lab.storage.files import Storage

__all__ = ["run_worker"]

logger = logging.getLogger(__name__)

_POLL_S = 0.2
_LEASE_S = 30.0
#: After the catalogue refused (disk full, lock not to be had) there is no use in haste.
_REST_S = 2.0


def run_worker(
    settings: Settings,
    stop: threading.Event,
    *,
    handlers: Mapping[str, Handler] = HANDLERS,
    lease_s: float = _LEASE_S,
) -> None:
    """Do jobs until `stop` is set.

    Parameters
    ----------
    settings
        The archive's.
    stop
        Looked at between jobs, and while there is none.
    handlers
        Kind of job → what does it.
    lease_s
        How long a job is this worker's without being renewed; one that died blocks it no longer.

    Raises
    ------
    SchemaMismatch, UnsupportedFilesystem
        The catalogue cannot be opened.
    """
    storage = Storage(settings.root, min_free_bytes=settings.min_free_bytes)
    owner = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
    with open_catalog(settings.root, quiet_s=settings.quiet_s) as catalog:
        workshop = Workshop(settings=settings, storage=storage, catalog=catalog, stop=stop)
        enqueue(catalog, HOUSEKEEPING, HOUSEKEEPING)
        while not stop.is_set():
            try:
                job = claim(catalog, owner=owner, lease_s=lease_s)
                if job is None:
                    stop.wait(_POLL_S)
                else:
                    _run_job(workshop, job, handlers, lease_s=lease_s)
            except (CatalogError, StorageError) as error:
                logger.error("the catalogue refused", extra={"error": str(error)})
                stop.wait(_REST_S)


def _run_job(
    workshop: Workshop, job: Job, handlers: Mapping[str, Handler], *, lease_s: float
) -> None:
    began = time.monotonic()
    try:
        with _lease_renewed(workshop.catalog, job, lease_s=lease_s):
            handlers[job.kind](workshop, job)
    except (KeyboardInterrupt, SystemExit):
        fail(workshop.catalog, job, "the worker was interrupted")
        raise
    except BaseException as error:  # noqa: BLE001 - an outer door; a decoder's panic is no Exception
        words = _describe(error)
        logger.error(
            "job failed",
            extra={"kind": job.kind, "key": job.key, "attempt": job.attempts, "error": words},
        )
        fail(workshop.catalog, job, words)
    else:
        complete(workshop.catalog, job)
        logger.info(
            "job done",
            extra={"kind": job.kind, "key": job.key, "seconds": time.monotonic() - began},
        )


def _describe(error: BaseException) -> str:
    """Say what went wrong; only our own errors' messages are known to hold no patient's data."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "?"
    words = f": {error}" if isinstance(error, NoctisError) else ""
    return f"{type(error).__name__} at {where}{words}"


@contextmanager
def _lease_renewed(catalog: Catalog, job: Job, *, lease_s: float) -> Iterator[None]:
    """Keep the job ours for as long as the block runs."""
    done = threading.Event()

    def renew() -> None:
        while not done.wait(lease_s / 3):
            try:
                if not extend(catalog, job, lease_s=lease_s):
                    return
            except CatalogError as error:
                logger.warning("lease not renewed", extra={"error": str(error)})

    thread = threading.Thread(target=renew, name="lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
