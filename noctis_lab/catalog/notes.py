"""Names of the catalogue's notes: what one process leaves for the others to find."""

from __future__ import annotations

from typing import Final

__all__ = ["LAST_CORRECTION", "PAGE", "RECEIVER", "parse_receiver"]

#: Where the running server's pages are: ``http://host:port``, or what browsers call them.
PAGE: Final = "page"
#: Where its receiver is: ``AET@host:port``.
RECEIVER: Final = "receiver"
#: Changes with each correction, and where an instance's bytes lie elsewhere now: what is remembered
#: of a series by its count and times alone is void then.
LAST_CORRECTION: Final = "last-correction"


def parse_receiver(noted: str | None) -> tuple[str, str, int] | None:
    """Return AE title, host and port of a note of `RECEIVER`; None where it tells of no address."""
    aet, _, address = (noted or "").rpartition("@")
    host, _, port = address.rpartition(":")
    if not (aet and host and port.isdecimal() and len(port) <= 5 and int(port) < 65536):
        return None
    return aet, host, int(port)
