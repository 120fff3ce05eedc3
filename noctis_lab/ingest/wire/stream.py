"""A connection's bytes: bounded reads, timeouts, and acknowledgements that do not wait."""

from __future__ import annotations

import contextlib
import socket
import struct
import time
from collections.abc import Iterator
from typing import Final

__all__ = [
    "A_ABORT",
    "A_ASSOCIATE_AC",
    "A_ASSOCIATE_RJ",
    "A_ASSOCIATE_RQ",
    "A_RELEASE_RP",
    "A_RELEASE_RQ",
    "PDV_HEADER",
    "P_DATA_TF",
    "PeerClosed",
    "PeerSilent",
    "Stream",
    "p_data",
]

# PDU types, PS3.8 9.3.1
A_ASSOCIATE_RQ: Final = 0x01
A_ASSOCIATE_AC: Final = 0x02
A_ASSOCIATE_RJ: Final = 0x03
P_DATA_TF: Final = 0x04
A_RELEASE_RQ: Final = 0x05
A_RELEASE_RP: Final = 0x06
A_ABORT: Final = 0x07

#: Length, context id and message control header of a presentation data value (PS3.8 9.3.5.1).
PDV_HEADER: Final = struct.Struct(">IBB")

_BUFFER_BYTES: Final = 256 * 1024
_HEADER: Final = struct.Struct(">BxI")


class PeerClosed(ConnectionError):
    """The peer closed the connection where more bytes were due."""


class PeerSilent(TimeoutError):
    """The peer sent nothing for as long as it may be silent."""


class Stream:
    """What comes and goes on one connection.

    Every read is one `recv` into one buffer that is never larger than 256 KiB, whatever lengths
    the peer announces, with TCP_QUICKACK armed anew after it: stock DCMTK senders wait for the
    acknowledgement of a message's first part before they send the rest (Nagle's algorithm), which
    costs 40 ms per instance where acknowledgements are delayed.

    Parameters
    ----------
    connection
        A connected TCP socket; closed by `close`.
    timeout_s
        How long the peer may be silent while bytes are due, in seconds; also the longest that a
        write may take.
    idle_s
        The shortest time that `wait` is asked to wait, in seconds; None is `timeout_s`.
    """

    def __init__(
        self, connection: socket.socket, *, timeout_s: float, idle_s: float | None = None
    ) -> None:
        self._connection = connection
        self._timeout_s = timeout_s
        self._buffer = bytearray(_BUFFER_BYTES)
        self._view = memoryview(self._buffer)
        self._start = 0
        self._end = 0
        connection.setblocking(True)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # The kernel's own timeouts: Python's cost a poll before every recv. Half of the shortest
        # time asked for: a silent connection wakes its thread once in some seconds.
        shortest_s = timeout_s if idle_s is None else min(timeout_s, idle_s)
        self._set_timeout(socket.SO_RCVTIMEO, shortest_s / 2)
        self._set_timeout(socket.SO_SNDTIMEO, timeout_s)

    @property
    def connection(self) -> socket.socket:
        """Return the socket."""
        return self._connection

    def _set_timeout(self, option: int, seconds: float) -> None:
        whole = int(seconds)
        value = struct.pack("ll", whole, int((seconds - whole) * 1e6))
        self._connection.setsockopt(socket.SOL_SOCKET, option, value)

    def _receive(self, deadline: float) -> None:
        """Read what is there, at least one byte, behind what the buffer holds."""
        if self._start == self._end:
            self._start = self._end = 0
        while True:
            try:
                count = self._connection.recv_into(self._view[self._end :])
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise PeerSilent("the peer fell silent") from None
                continue
            if count == 0:
                raise PeerClosed("the peer closed the connection")
            self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
            self._end += count
            return

    def wait(self, timeout_s: float) -> bool:
        """Wait for the next byte; return False where the peer closed instead.

        Raises
        ------
        PeerSilent
            Nothing came in `timeout_s` seconds.
        """
        if self._start < self._end:
            return True
        try:
            self._receive(time.monotonic() + timeout_s)
        except PeerClosed:
            return False
        return True

    def read(self, count: int, *, deadline: float | None = None) -> memoryview:
        """Return the next `count` bytes, valid until the next call.

        Parameters
        ----------
        count
            At most 256 KiB.
        deadline
            On `time.monotonic`'s scale: all of them must be there by then; None bounds only the
            silence between two arrivals.

        Raises
        ------
        PeerClosed, PeerSilent
            They did not come.
        """
        if self._start + count > _BUFFER_BYTES:
            kept = self._end - self._start
            self._buffer[:kept] = self._buffer[self._start : self._end]
            self._start, self._end = 0, kept
        while self._end - self._start < count:
            silent = time.monotonic() + self._timeout_s
            self._receive(silent if deadline is None else min(silent, deadline))
            if deadline is not None and time.monotonic() >= deadline:
                raise PeerSilent("the peer is too slow")
        begin = self._start
        self._start += count
        return self._view[begin : begin + count]

    def read_long(self, count: int, *, deadline: float) -> bytes:
        """Return the next `count` bytes as a copy, more than a buffer's worth if need be."""
        parts = bytearray()
        while len(parts) < count:
            parts += self.read(min(count - len(parts), _BUFFER_BYTES // 2), deadline=deadline)
        return bytes(parts)

    def iter_bytes(self, count: int) -> Iterator[memoryview]:
        """Yield the next `count` bytes as they arrive, in pieces valid until the next one.

        Raises
        ------
        PeerClosed, PeerSilent
            They did not all come.
        """
        while count:
            if self._start == self._end:
                self._receive(time.monotonic() + self._timeout_s)
            piece = min(count, self._end - self._start)
            begin = self._start
            self._start += piece
            count -= piece
            yield self._view[begin : begin + piece]

    def read_pdu_header(self, *, deadline: float | None = None) -> tuple[int, int]:
        """Return the type and length of the next PDU (PS3.8 9.3.1)."""
        kind, length = _HEADER.unpack(self.read(6, deadline=deadline))
        return kind, length

    def read_pdu(self, *, limit_bytes: int, deadline: float) -> tuple[int, bytes | None]:
        """Return the type and all bytes of the next PDU, header included; None where too long."""
        kind, length = self.read_pdu_header(deadline=deadline)
        if length > limit_bytes:
            return kind, None
        return kind, _HEADER.pack(kind, length) + self.read_long(length, deadline=deadline)

    def write(self, data: bytes) -> None:
        """Send all of `data`.

        Raises
        ------
        PeerSilent
            The peer does not take it.
        """
        try:
            self._connection.sendall(data)
        except BlockingIOError:
            raise PeerSilent("the peer does not read its answers") from None

    def close(self) -> None:
        """End the connection: what was written still goes out, what comes in is dropped."""
        with contextlib.suppress(OSError):  # the peer was faster
            self._connection.shutdown(socket.SHUT_WR)
        self._connection.close()


def p_data(context_id: int, control: int, fragment: bytes) -> bytes:
    """Return a P-DATA-TF PDU with one value.

    Parameters
    ----------
    control
        The message control header: 1 for a command, plus 2 for the last fragment (PS3.8 E.2).
    """
    size = len(fragment)
    return struct.pack(">BxIIBB", P_DATA_TF, size + 6, size + 2, context_id, control) + fragment
