"""Whether the receiver and the pages answer where they should be."""

from __future__ import annotations

import json
import socket
import urllib.request
from collections.abc import Iterator
from http.client import HTTPException
from typing import Final
from urllib.parse import urlsplit

from noctis_lab.config import Settings, is_loopback, local_address
from noctis_lab.errors import SendFailed
from noctis_lab.ingest import scu
from noctis_lab.jobs.doctor.findings import Finding, State, command

__all__ = ["check_page", "check_receiver"]

_TIMEOUT_S: Final = 2.0
_MOST_BYTES: Final = 4096
_CALLING_AET: Final = "NOCTIS_DOCTOR"


def check_receiver(settings: Settings, noted: str | None) -> Iterator[Finding]:
    """Ask the receiver by C-ECHO.

    Parameters
    ----------
    noted
        Where it was last started, as a service noted it; else the settings' address is asked.
    """
    aet, host, port = settings.dicom_aet, local_address(settings.dicom_host), settings.dicom_port
    started = _noted_receiver(noted)
    if started is not None and (_echoes(*started) or (_accepts(*started[1:]) and not port)):
        aet, host, port = started
    where = f"{aet} at {host}:{port}"
    if port == 0 or not _accepts(host, port):
        yield _not_running("receiver", settings, f"as {where}" if port else f"as {aet}")
    elif not (settings.accept_loopback and is_loopback(host)):
        # An unknown sender would be refused, and listed for approval: a check leaves no trace.
        yield Finding(
            name="receiver",
            state=State.PASS,
            text=f"a connection to {where} opens; no C-ECHO, since unknown senders are refused",
        )
    elif _echoes(aet, host, port):
        yield Finding(name="receiver", state=State.PASS, text=f"{where} answers C-ECHO")
    else:
        yield Finding(
            name="receiver",
            state=State.FAIL,
            text=f"something listens at {host}:{port}, but gives no C-ECHO as {aet}",
            remedy="see who has the port (ss -ltnp), or choose another with --dicom-port or --aet",
        )


def _noted_receiver(noted: str | None) -> tuple[str, str, int] | None:
    aet, _, address = (noted or "").rpartition("@")
    host, _, port = address.rpartition(":")
    if not (aet and host and port.isdecimal()):
        return None
    return aet, local_address(host), int(port)


def _echoes(aet: str, host: str, port: int) -> bool:
    if not is_loopback(host):
        return False
    try:
        scu.echo(host, port, called_aet=aet, calling_aet=_CALLING_AET, timeout_s=_TIMEOUT_S)
    except (SendFailed, OSError):
        return False
    return True


def check_page(settings: Settings, noted: str | None) -> Iterator[Finding]:
    """Ask the pages whether they are served.

    Parameters
    ----------
    noted
        The address they were last served at; else the settings' is asked.
    """
    host, port = local_address(settings.host), settings.port
    started = _noted_page(noted)
    if started is not None and _is_ours(*started):
        host, port = started
    where = _origin(host, port)
    if port == 0 or not _accepts(host, port):
        yield _not_running("page", settings, f"at {where}" if port else "")
    elif _is_ours(host, port):
        public = f", for browsers {settings.public_origin}" if settings.public_origin else ""
        yield Finding(name="page", state=State.PASS, text=f"{where} answers{public}")
    else:
        yield Finding(
            name="page",
            state=State.FAIL,
            text=f"something listens at {where}, but it is none of this program's pages",
            remedy="see who has the port (ss -ltnp), or choose another with --port",
        )


def _noted_page(noted: str | None) -> tuple[str, int] | None:
    """Return the address if it is this machine's own, and no proxy's before it."""
    found = urlsplit(noted or "")
    if found.scheme != "http" or not found.hostname or not found.port:
        return None
    return (found.hostname, found.port) if is_loopback(found.hostname) else None


def _origin(host: str, port: int) -> str:
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def _is_ours(host: str, port: int) -> bool:
    # Without proxies of the environment: the address is this machine's.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{_origin(host, port)}/health", timeout=_TIMEOUT_S) as answer:
            return bool(json.loads(answer.read(_MOST_BYTES)) == {"status": "ok"})
    except (OSError, ValueError, HTTPException):
        return False


def _not_running(name: str, settings: Settings, where: str) -> Finding:
    return Finding(
        name=name,
        state=State.UNKNOWN,
        text=f"not running: nobody listens {where}".rstrip(),
        remedy=command("serve", settings.root) + " starts it",
    )


def _accepts(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=_TIMEOUT_S).close()
    except OSError:
        return False
    return True
