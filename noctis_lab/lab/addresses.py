"""By which addresses others reach this machine."""

from __future__ import annotations

import ipaddress
import socket
import struct
import sys
import threading
from functools import lru_cache
from typing import Final

from noctis_lab.config import EVERYWHERE

__all__ = ["reached_at"]

#: RFC 5737 and RFC 3849: addresses of nobody; a datagram socket sends nothing as it connects.
_ELSEWHERE: Final = ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"))
_MOST_INTERFACES: Final = 256
_MOST_ADDRESSES: Final = 8
_RESOLVES_S: Final = 1.0

# netdevice(7) of Linux: requests, flags, and the layout of struct ifreq.
_SIOCGIFFLAGS, _SIOCGIFADDR = 0x8913, 0x8915
_IFF_UP, _IFF_LOOPBACK = 0x1, 0x8
_IFREQ_BYTES: Final = 40


def reached_at(host: str) -> tuple[str, ...]:
    """Return the addresses to give others for what listens on `host`.

    Of a service on all addresses: this machine's own, that towards its router first, at most 8;
    then its name, where that resolves to one of them.

    Notes
    -----
    IPv4 ones of all interfaces that are up, but for the loopback, where the system is Linux;
    elsewhere, or where there is none, the one towards the router.
    """
    if host not in EVERYWHERE:
        return (host,)
    routed = _routed_addresses()
    found = [each for each in routed if ":" not in each] + _interface_addresses()
    addresses = tuple(dict.fromkeys(found or routed[:1]))[:_MOST_ADDRESSES]
    name = socket.gethostname()
    is_ours = not _resolve(name).isdisjoint(addresses)
    return (*addresses, name) if is_ours or not addresses else addresses


def _routed_addresses() -> list[str]:
    found = []
    for family, elsewhere in _ELSEWHERE:
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as asking:
                asking.connect((elsewhere, 9))
                found.append(str(asking.getsockname()[0]))
        except OSError:  # no way out in this family
            continue
    return found


def _interface_addresses() -> list[str]:
    if sys.platform != "linux":  # the requests' numbers are Linux's
        return []
    found = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        for _, name in socket.if_nameindex()[:_MOST_INTERFACES]:
            try:
                address = _interface_address(asking.fileno(), name)
            except OSError:  # it has no address, or is gone
                continue
            if address is not None:
                found.append(address)
    return found


def _interface_address(descriptor: int, name: str) -> str | None:
    """Return an interface's IPv4 address, None where it is down or the loopback."""
    import fcntl

    asked = name.encode().ljust(_IFREQ_BYTES, b"\0")
    (flags,) = struct.unpack_from("H", fcntl.ioctl(descriptor, _SIOCGIFFLAGS, asked), 16)
    if not flags & _IFF_UP or flags & _IFF_LOOPBACK:
        return None
    answer = fcntl.ioctl(descriptor, _SIOCGIFADDR, asked)
    address = ipaddress.IPv4Address(answer[20:24])  # sin_addr, after family and port
    return None if address.is_loopback else str(address)


@lru_cache(maxsize=4)
def _resolve(name: str) -> frozenset[str]:
    """Return the addresses that a name resolves to, asked once; none where that takes too long."""
    found: set[str] = set()

    def ask() -> None:
        try:
            answers = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            return
        found.update(str(address[0]) for *_, address in answers)

    asking = threading.Thread(target=ask, name="resolve", daemon=True)
    asking.start()
    asking.join(_RESOLVES_S)
    return frozenset() if asking.is_alive() else frozenset(found)
