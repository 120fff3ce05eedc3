"""Whether this archive's receiver listens, and where."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

from noctis_lab.catalog import notes
from noctis_lab.catalog.serving import Service, is_serving
from noctis_lab.config import Settings, is_loopback, local_address

if TYPE_CHECKING:
    from noctis_lab.catalog.store import Catalog

__all__ = ["FoundReceiver", "find_receiver", "is_listening"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundReceiver:
    """Where modalities send to, whether somebody listens there, and whether that is ours.

    Where it is ours nobody is asked; where it is not, only this machine's loopback is.
    """

    aet: str
    host: str
    port: int
    is_listening: bool
    is_ours: bool


def is_listening(settings: Settings, *, timeout_s: float = 1.0) -> bool:
    """Return whether this archive's receiver takes connections at its settings' address.

    Parameters
    ----------
    timeout_s
        Within how many seconds.
    """
    return is_serving(settings.root, Service.RECEIVER, settings.dicom_port) and _accepts(
        local_address(settings.dicom_host), settings.dicom_port, timeout_s
    )


def find_receiver(settings: Settings, catalog: Catalog, *, timeout_s: float) -> FoundReceiver:
    """Return the receiver: where it was started last if it runs there, else as the settings say."""
    aet, host, port = settings.dicom_aet, local_address(settings.dicom_host), settings.dicom_port
    noted = notes.parse_receiver(catalog.find_note(notes.RECEIVER))
    if noted is not None and is_serving(settings.root, Service.RECEIVER, noted[2]):
        aet, host, port = noted[0], local_address(noted[1]), noted[2]
    is_ours = is_serving(settings.root, Service.RECEIVER, port)
    is_listening = is_ours or (is_loopback(host) and _accepts(host, port, timeout_s))
    return FoundReceiver(aet=aet, host=host, port=port, is_listening=is_listening, is_ours=is_ours)


def _accepts(host: str, port: int, timeout_s: float) -> bool:
    try:
        socket.create_connection((host, port), timeout=timeout_s).close()
    except OSError:
        return False
    return True
