"""Which facility a calling AE title belongs to, or that it belongs to none."""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from noctis_lab.catalog.senders import canonical_address, check_sender
from noctis_lab.catalog.store import Catalog
from noctis_lab.config import is_loopback
from noctis_lab.errors import NoctisError, SenderRefused
from noctis_lab.ingest.ledger import Ledger

__all__ = ["LOCAL_FACILITY", "RefusalList", "SenderCheck"]

logger = logging.getLogger(__name__)

LOCAL_FACILITY: Final = "local"

_LIST_AGAIN_S: Final = 60.0
_MOST_STRANGERS: Final = 1_000
_MOST_ACTS: Final = 60  # listed in `_LIST_AGAIN_S`, of all strangers together


class SenderCheck:
    """Knows the archive's senders; who is refused is listed for approval.

    Parameters
    ----------
    accept_loopback
        Take unknown senders on the loopback into the facility ``local``.
    """

    def __init__(self, catalog: Catalog, ledger: Ledger, *, accept_loopback: bool) -> None:
        self._catalog = catalog
        self._refusals = RefusalList(ledger)
        self._accept_loopback = accept_loopback

    def __call__(self, aet: str, address: str) -> str:
        """Return the sender's facility.

        Raises
        ------
        SenderRefused
            Unknown (and not on an accepted loopback), or blocked.
        """
        address = canonical_address(address)
        found = check_sender(self._catalog, aet, address)
        if found is not None:
            return found
        if self._accept_loopback and is_loopback(address):
            return LOCAL_FACILITY
        self._refusals.note(aet, address)
        raise SenderRefused(
            f"{aet} at {address} is no known sender: approve or add it",
            calling_aet=aet,
            address=address,
        )


class RefusalList:
    """Lists refused senders for approval, without letting strangers fill the journal.

    A stranger is listed at its first attempt; those that follow within a minute are counted and
    listed together with the next one after it. Of all strangers together at most 60 are listed in
    a minute, so that ever new AE titles cost no more.

    Parameters
    ----------
    clock
        Seconds that only grow.
    """

    def __init__(self, ledger: Ledger, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._ledger = ledger
        self._clock = clock
        self._lock = threading.Lock()
        # (AE title, address) → when it was listed last, attempts since; the longest silent first
        self._strangers: OrderedDict[tuple[str, str], tuple[float, int]] = OrderedDict()
        self._window_began = -_LIST_AGAIN_S
        self._window_acts = 0

    def note(self, aet: str, address: str) -> None:
        """Count an attempt, and list it where it is time to."""
        with self._lock:
            attempts = self._due(aet, address)
        if not attempts:
            return
        try:
            self._ledger.refuse(aet, address, attempts=attempts)
        except (NoctisError, OSError) as error:
            # Refused all the same: the peer is told so, whatever the list says.
            logger.error(
                "a refused sender could not be listed",
                extra={"calling_aet": aet, "address": address, "error": type(error).__name__},
            )

    def _due(self, aet: str, address: str) -> int:
        """Return how many attempts are to be listed now."""
        now, key = self._clock(), (aet, address)
        listed_at, attempts = self._strangers.pop(key, (-_LIST_AGAIN_S, 0))
        is_due = now - listed_at >= _LIST_AGAIN_S and self._has_room(now)
        self._strangers[key] = (now, 0) if is_due else (listed_at, attempts + 1)
        if len(self._strangers) > _MOST_STRANGERS:
            self._strangers.popitem(last=False)
        return attempts + 1 if is_due else 0

    def _has_room(self, now: float) -> bool:
        if now - self._window_began >= _LIST_AGAIN_S:
            self._window_began, self._window_acts = now, 0
        self._window_acts += 1
        return self._window_acts <= _MOST_ACTS
