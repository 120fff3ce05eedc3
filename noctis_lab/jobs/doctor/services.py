"""Whether the receiver and the pages answer where they should be."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from noctis_lab.catalog import notes
from noctis_lab.catalog.serving import Service, is_serving
from noctis_lab.config import Settings, command, is_loopback, local_address
from noctis_lab.errors import SendFailed
from noctis_lab.ingest import scu
from noctis_lab.jobs.doctor.findings import Finding, State

__all__ = ["check_page", "check_receiver"]

_TIMEOUT_S: Final = 2.0
_MOST_BYTES: Final = 4096
_CALLING_AET: Final = "NOCTIS_DOCTOR"


def check_receiver(settings: Settings, noted: str | None) -> Iterator[Finding]:
    """Ask the receiver by C-ECHO, and whether it is this archive's.

    Parameters
    ----------
    noted
        Where it was last started, as a service noted it; else the settings' address is asked.
    """
    aet, host, port = settings.dicom_aet, local_address(settings.dicom_host), settings.dicom_port
    started = notes.parse_receiver(noted)
    if started is not None and is_serving(settings.root, Service.RECEIVER, started[2]):
        aet, host, port = started[0], local_address(started[1]), started[2]
    where = f"{aet} at {host}:{port}"
    if port == 0 or not _accepts(host, port):
        yield _not_running("receiver", settings, f"as {where}" if port else f"as {aet}")
    elif not is_serving(settings.root, Service.RECEIVER, port):
        # Off the loopback nobody is asked: one who does not know us would list us for approval.
        is_program = _echoes(aet, host, port) if is_loopback(host) else None
        yield _others("receiver", settings, f"{host}:{port}", is_program=is_program)
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
            text=f"this archive's receiver holds {host}:{port}, but gives no C-ECHO as {aet}",
            remedy="ask it by the AE title that it was started with (--aet), or start it again",
        )


def _echoes(aet: str, host: str, port: int) -> bool:
    try:
        scu.echo(host, port, called_aet=aet, calling_aet=_CALLING_AET, timeout_s=_TIMEOUT_S)
    except (SendFailed, OSError):
        return False
    return True


def check_page(settings: Settings, noted: str | None) -> Iterator[Finding]:
    """Ask the pages whether they are served, and whether they are this archive's.

    Parameters
    ----------
    noted
        The address they were last served at; else the settings' is asked.
    """
    host, port = local_address(settings.host), settings.port
    started = _noted_page(noted)
    if started is not None and is_serving(settings.root, Service.PAGE, started[1]):
        host, port = started
    where = _origin(host, port)
    if port == 0 or not _accepts(host, port):
        yield _not_running("page", settings, f"at {where}" if port else "")
    elif not is_serving(settings.root, Service.PAGE, port):
        yield _others("page", settings, where, is_program=_is_page(host, port))
    elif _is_page(host, port):
        public = f", for browsers {settings.public_origin}" if settings.public_origin else ""
        yield Finding(name="page", state=State.PASS, text=f"{where} answers{public}")
    else:
        yield Finding(
            name="page",
            state=State.FAIL,
            text=f"this archive's page process holds {where}, but gives no answer",
            remedy="see its log; end it and start it again",
        )


def _noted_page(noted: str | None) -> tuple[str, int] | None:
    """Return the address if it is this machine's own, and no proxy's before it."""
    try:
        found = urlsplit(noted or "")
        _ = found.port
    except ValueError:
        return None
    if found.scheme != "http" or not found.hostname or not found.port:
        return None
    return (found.hostname, found.port) if is_loopback(found.hostname) else None


def _origin(host: str, port: int) -> str:
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def _is_page(host: str, port: int) -> bool:
    head, _, body = _answer(host, port).partition(b"\r\n\r\n")
    try:
        return head.split(b" ", 2)[1:2] == [b"200"] and json.loads(body) == {"status": "ok"}
    except (ValueError, RecursionError):
        return False


def _answer(host: str, port: int) -> bytes:
    """Return what is answered to a request for ``/health``; empty where nothing is in time.

    By hand: a client's timeout is of each read, and a stranger who drips holds it for ever.
    """
    asked = f"GET /health HTTP/1.0\r\nHost: {_origin(host, port).removeprefix('http://')}\r\n\r\n"
    end_s = time.monotonic() + _TIMEOUT_S
    answer = b""
    try:
        with socket.create_connection((host, port), timeout=_TIMEOUT_S) as connection:
            connection.sendall(asked.encode("ascii", "replace"))
            while len(answer) < _MOST_BYTES and (left_s := end_s - time.monotonic()) > 0:
                connection.settimeout(left_s)
                piece = connection.recv(_MOST_BYTES)
                if not piece:
                    break
                answer += piece
    except OSError:
        return b""
    return answer


def _not_running(name: str, settings: Settings, where: str) -> Finding:
    return Finding(
        name=name,
        state=State.UNKNOWN,
        text=f"not running: nobody listens {where}".rstrip(),
        remedy=command("serve", settings.root) + " starts it",
    )


def _others(name: str, settings: Settings, where: str, *, is_program: bool | None) -> Finding:
    """Return the line for a port that this archive's services do not hold, while somebody does.

    Parameters
    ----------
    is_program
        Whether it answers as this program does; None where it was not asked.
    """
    options = "--dicom-port 11113" if name == "receiver" else "--port 5007"
    if is_program is None:
        return Finding(
            name=name,
            state=State.UNKNOWN,
            text=f"not running: somebody else listens at {where}; who, was not asked",
            remedy=f"see who has the port (ss -ltnp), or {command('serve', settings.root)} "
            f"{options}",
        )
    if is_program:
        # C-ECHO is answered by any DICOM service.
        who = (
            "another archive or DICOM service answers"
            if name == "receiver"
            else ("another archive is served")
        )
        return Finding(
            name=name,
            state=State.UNKNOWN,
            text=f"not running: {who} at {where}",
            remedy=f"stop that one, or {command('serve', settings.root)} {options}",
        )
    return Finding(
        name=name,
        state=State.FAIL,
        text=f"something else listens at {where}, and gives no answer "
        + ("to C-ECHO" if name == "receiver" else "as this program's pages do"),
        remedy=f"see who has the port (ss -ltnp), or {command('serve', settings.root)} {options}",
    )


def _accepts(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=_TIMEOUT_S).close()
    except OSError:
        return False
    return True
