"""Which facility a calling AE title belongs to, or that it belongs to none."""

from __future__ import annotations

import ipaddress
from typing import Final

from noctis_lab.catalog.senders import check_sender
from noctis_lab.catalog.store import Catalog
from noctis_lab.errors import SenderRefused
from noctis_lab.ingest.ledger import Ledger

__all__ = ["LOCAL_FACILITY", "SenderCheck", "is_loopback"]

LOCAL_FACILITY: Final = "local"


class SenderCheck:
    """Knows the archive's senders; who is refused is listed for approval.

    Parameters
    ----------
    accept_loopback
        Take unknown senders on the loopback into the facility ``local``.
    """

    def __init__(self, catalog: Catalog, ledger: Ledger, *, accept_loopback: bool) -> None:
        self._catalog = catalog
        self._ledger = ledger
        self._accept_loopback = accept_loopback

    def __call__(self, aet: str, address: str) -> str:
        """Return the sender's facility.

        Raises
        ------
        SenderRefused
            Unknown (and not on an accepted loopback), or blocked.
        """
        found = check_sender(self._catalog, aet, address)
        if found is not None:
            return found
        if self._accept_loopback and is_loopback(address):
            return LOCAL_FACILITY
        self._ledger.refuse(aet, address)
        raise SenderRefused(
            f"{aet} at {address} is no known sender: approve or add it",
            calling_aet=aet,
            address=address,
        )


def is_loopback(address: str) -> bool:
    """Return whether an IP address is this machine's own, mapped into IPv6 or not."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
    return (mapped or ip).is_loopback
