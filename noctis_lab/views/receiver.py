"""Where modalities send to: the addresses to tell them, and whether somebody listens there."""

from __future__ import annotations

import socket

from noctis_lab.config import Settings

__all__ = ["is_listening", "reached_at"]

_TIMEOUT_S = 1.0
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104
#: RFC 5737 and RFC 3849: addresses of nobody; a datagram socket sends nothing as it connects.
_ELSEWHERE = ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"))


def is_listening(settings: Settings) -> bool:
    """Return whether a connection to the receiver's port opens; takes up to a second."""
    host = _EVERYWHERE.get(settings.dicom_host, settings.dicom_host)
    try:
        socket.create_connection((host, settings.dicom_port), timeout=_TIMEOUT_S).close()
    except OSError:
        return False
    return True


def reached_at(settings: Settings) -> tuple[str, ...]:
    """Return the addresses a modality may be given; of a receiver on all, this machine's own."""
    if settings.dicom_host not in _EVERYWHERE:
        return (settings.dicom_host,)
    found = []
    for family, elsewhere in _ELSEWHERE:
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as asking:
                asking.connect((elsewhere, 9))
                found.append(str(asking.getsockname()[0]))
        except OSError:  # no way out in this family
            continue
    return (*found[:1], socket.gethostname())
