"""The listening socket, and one thread per connection, each blocked until its peer speaks."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Final, Self

from noctis_lab.config import Settings
from noctis_lab.ingest.pipeline import Pipeline
from noctis_lab.ingest.scp.association import (
    INVALID_PARAMETER,
    UNEXPECTED_PDU,
    Association,
    abort_pdu,
)
from noctis_lab.ingest.scp.contexts import supported_contexts
from noctis_lab.ingest.scp.negotiation import (
    BUSY,
    Accepted,
    Identify,
    Rejected,
    negotiate,
    reject_pdu,
)
from noctis_lab.ingest.wire.stream import A_ASSOCIATE_RQ, PeerClosed, PeerSilent, Stream

__all__ = ["Server"]

logger = logging.getLogger(__name__)

_SPARE_CONNECTIONS: Final = 16  # beyond max_associations: they are told that we are busy
_BACKLOG: Final = 128
_END_S: Final = 10.0


class Server:
    """The fast receiver: listens from the moment it is made until it is closed.

    Parameters
    ----------
    settings
        Address, port, AE title and bounds.
    pipeline
        Where instances go.
    identify
        Says which facility a sender belongs to.

    Raises
    ------
    OSError
        The address is taken, or is not ours.
    """

    def __init__(self, settings: Settings, *, pipeline: Pipeline, identify: Identify) -> None:
        self._settings = settings
        self._pipeline = pipeline
        self._identify = identify
        self._supported = supported_contexts()
        self._lock = threading.Lock()
        self._connections: dict[socket.socket, bool] = {}  # socket → is an association
        self._stopping = threading.Event()
        family = socket.AF_INET6 if ":" in settings.dicom_host else socket.AF_INET
        self._listener = socket.create_server(
            (settings.dicom_host, settings.dicom_port), family=family, backlog=_BACKLOG
        )
        self._executor = ThreadPoolExecutor(
            settings.max_associations + _SPARE_CONNECTIONS, thread_name_prefix="association"
        )
        self._acceptor = threading.Thread(target=self._accept, name="acceptor", daemon=True)
        self._acceptor.start()

    @property
    def address(self) -> tuple[str, int]:
        """Return the address and port that it listens on."""
        host, port = self._listener.getsockname()[:2]
        return host, port

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End: no new connection; messages under way may still come to their end, bounded."""
        self._stopping.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._acceptor.join()
        self._listener.close()
        # Reading ends at what has arrived: an idle association wakes up at once, and a message
        # whose bytes are all there still gets its answer.
        self._shut(socket.SHUT_RD)
        deadline = time.monotonic() + _END_S
        while self._connections and time.monotonic() < deadline:
            time.sleep(0.01)
        self._shut(socket.SHUT_RDWR)
        self._executor.shutdown(wait=True, cancel_futures=True)

    def _shut(self, how: int) -> None:
        with self._lock:
            for connection in self._connections:
                with contextlib.suppress(OSError):
                    connection.shutdown(how)

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                connection, address = self._listener.accept()
            except OSError as error:
                if self._stopping.is_set():
                    return
                logger.warning("a connection was not accepted", extra={"why": str(error)})
                time.sleep(0.1)  # out of file descriptors: do not spin
                continue
            with self._lock:
                room = self._settings.max_associations + _SPARE_CONNECTIONS
                if len(self._connections) >= room:
                    connection.close()
                    continue
                self._connections[connection] = False
            self._executor.submit(self._handle, connection, str(address[0]))

    def _handle(self, connection: socket.socket, address: str) -> None:
        try:
            stream = Stream(
                connection,
                timeout_s=self._settings.network_timeout_s,
                idle_s=self._settings.idle_timeout_s,
            )
            try:
                self._converse(stream, address)
            finally:
                stream.close()
        except Exception:
            logger.exception("an association failed", extra={"address": address})
        finally:
            with self._lock:
                self._connections.pop(connection, None)
            connection.close()

    def _converse(self, stream: Stream, address: str) -> None:
        try:
            request = self._read_request(stream, address)
            if request is None:
                return
            answer = self._negotiate(stream, request, address)
            if answer is None:
                return
            stream.write(answer.pdu)
        except (PeerSilent, PeerClosed, ConnectionError) as error:
            logger.info("no association", extra={"address": address, "why": str(error)})
            return
        if isinstance(answer, Rejected):
            return
        association = Association(
            stream,
            answer,
            pipeline=self._pipeline,
            settings=self._settings,
            is_stopping=self._stopping.is_set,
        )
        association.run()

    def _read_request(self, stream: Stream, address: str) -> bytes | None:
        """Return the A-ASSOCIATE-RQ; a peer that sends anything else is aborted."""
        kind, request = stream.read_pdu(
            limit_bytes=self._settings.pdu_cap_bytes,
            deadline=time.monotonic() + self._settings.network_timeout_s,
        )
        if kind == A_ASSOCIATE_RQ and request is not None:
            return request
        stream.write(abort_pdu(INVALID_PARAMETER if request is None else UNEXPECTED_PDU))
        logger.warning(
            "no association",
            extra={"address": address, "why": f"PDU of type {kind:#04x}"},
        )
        return None

    def _negotiate(
        self, stream: Stream, request: bytes, address: str
    ) -> Accepted | Rejected | None:
        try:
            answer = negotiate(
                request,
                address=address,
                called_aet=self._settings.dicom_aet,
                max_pdu_bytes=min(self._settings.max_pdu_bytes, self._settings.pdu_cap_bytes),
                supported=self._supported,
                identify=self._identify,
                accept_private=self._settings.private_sop_classes,
            )
        except Exception as error:  # noqa: BLE001  an outer door: any malformed request
            logger.warning(
                "no association",
                extra={"address": address, "why": f"{type(error).__name__} in the request"},
            )
            stream.write(abort_pdu(INVALID_PARAMETER))
            return None
        if isinstance(answer, Accepted) and not self._take_place(stream):
            answer = Rejected(calling_aet=answer.calling_aet, rejection=BUSY, pdu=reject_pdu(BUSY))
        _log_negotiation(answer, address)
        return answer

    def _take_place(self, stream: Stream) -> bool:
        with self._lock:
            if sum(self._connections.values()) >= self._settings.max_associations:
                return False
            self._connections[stream.connection] = True
            return True


def _log_negotiation(answer: Accepted | Rejected, address: str) -> None:
    if isinstance(answer, Rejected):
        logger.warning(
            "association rejected",
            extra={
                "calling_aet": answer.calling_aet,
                "address": address,
                "rejection": "/".join(map(str, answer.rejection)),
            },
        )
        return
    logger.info(
        "association accepted",
        extra={
            "calling_aet": answer.calling_aet,
            "address": address,
            "facility": answer.facility,
            "contexts": len(answer.contexts),
            "refused_contexts": len(answer.refused),
        },
    )
    for context_id, (sop_class, syntax) in answer.contexts.items():
        context = {
            "context_id": context_id,
            "SOPClassUID": sop_class,
            "transfer_syntax_uid": syntax,
        }
        logger.debug("context accepted", extra=context)
    for context_id, sop_class in answer.refused.items():
        logger.debug("context refused", extra={"context_id": context_id, "SOPClassUID": sop_class})
