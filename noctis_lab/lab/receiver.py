"""Whether somebody listens where modalities send to."""

from __future__ import annotations

import socket

from noctis_lab.config import Settings, local_address

__all__ = ["is_listening"]


def is_listening(settings: Settings, *, timeout_s: float = 1.0) -> bool:
    """Return whether a connection to the receiver's port opens within a time, in seconds."""
    address = (local_address(settings.dicom_host), settings.dicom_port)
    try:
        socket.create_connection(address, timeout=timeout_s).close()
    except OSError:
        return False
    return True
