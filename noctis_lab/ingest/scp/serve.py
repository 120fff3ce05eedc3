"""Run the receiver over an archive until it is told to stop."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import logging
import threading
from collections.abc import Callable

from noctis_lab.catalog.serving import Service, serving
from noctis_lab.config import Settings
from noctis_lab.ingest.archive import open_archive
from noctis_lab.ingest.scp.base import BaseServer
from noctis_lab.ingest.scp.senders import SenderCheck
from noctis_lab.ingest.scp.server import Server

__all__ = ["serve_scp"]

logger = logging.getLogger(__name__)


def serve_scp(
    settings: Settings,
    *,
    stop: threading.Event,
    ready: Callable[[str, int], object] = lambda _host, _port: None,
) -> None:
    """Receive until `stop` is set.

    Parameters
    ----------
    ready
        Called once with the address and port listened on; port 0 in the settings takes any.

    Raises
    ------
    OSError
        The address is taken, or is not ours.
    StorageError, CatalogError
        The archive cannot be opened.
    """
    with open_archive(settings, may_migrate=True) as archive:
        identify = SenderCheck(
            archive.catalog, archive.ledger, accept_loopback=settings.accept_loopback
        )
        server_class = BaseServer if settings.base_receiver else Server
        with server_class(settings, pipeline=archive.pipeline, identify=identify) as server:
            host, port = server.address
            logger.info(
                "receiver listening",
                extra={"address": host, "port": port, "aet": settings.dicom_aet},
            )
            _settle()
            with serving(settings.root, Service.RECEIVER, port):
                ready(host, port)
                stop.wait()
    logger.info("receiver ended")


def _settle() -> None:
    """Give back what starting took, and keep what stays out of the garbage collector's rounds.

    Measured: 3 MB of 98, and no full collection walks the 90,000 objects of imported modules while
    a sender waits.
    """
    gc.collect()
    gc.freeze()
    with contextlib.suppress(AttributeError):  # a C library that is not glibc
        ctypes.CDLL(None).malloc_trim(0)
