"""One association from its request to its end, in one thread and without polling."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from pynetdicom.pdu import A_ABORT_RQ, A_RELEASE_RP

from noctis_lab.catalog.records import Receipt, ReceiptSource
from noctis_lab.config import Settings
from noctis_lab.ingest.pipeline import Admission, Arrival, Pipeline
from noctis_lab.ingest.scp.contexts import VERIFICATION
from noctis_lab.ingest.scp.negotiation import Accepted
from noctis_lab.ingest.scp.statuses import (
    CANNOT_UNDERSTAND,
    SUCCESS,
    UNRECOGNISED_OPERATION,
    status_of,
    status_of_error,
)
from noctis_lab.ingest.wire.command import (
    C_CANCEL_RQ,
    C_ECHO_RQ,
    C_STORE_RQ,
    MAX_COMMAND_BYTES,
    Command,
    CommandError,
    encode_response,
    parse_command,
)
from noctis_lab.ingest.wire.stream import (
    A_ABORT,
    A_RELEASE_RQ,
    P_DATA_TF,
    PDV_HEADER,
    PeerClosed,
    PeerSilent,
    Stream,
    p_data,
)

__all__ = ["Association", "ProtocolError"]

logger = logging.getLogger(__name__)

_RELEASE: Final = A_RELEASE_RP().encode()

# PS3.8 Table 9-26: reasons of an abort by the service provider
UNSPECIFIED: Final = 0
UNEXPECTED_PDU: Final = 2
INVALID_PARAMETER: Final = 6


class ProtocolError(Exception):
    """The peer broke the upper layer's protocol: it is aborted for `reason` (PS3.8 9.3.8)."""

    def __init__(self, message: str, *, reason: int) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(slots=True)
class _Message:
    """A C-STORE-RQ whose data set is on its way; `answer` is set where it will not be kept."""

    command: Command
    context_id: int
    began: float
    arrival: Arrival | None
    answer: tuple[int, str] | None
    size_bytes: int = 0


class Association:
    """An accepted association: reads messages until the peer releases, aborts or falls silent.

    Data set fragments go from the socket's buffer to the file and to the hash, nowhere else.

    Parameters
    ----------
    stream
        The connection, behind its A-ASSOCIATE-AC.
    accepted
        What was negotiated.
    is_stopping
        True once the receiver ends: then the association is aborted after the current message.
    """

    def __init__(
        self,
        stream: Stream,
        accepted: Accepted,
        *,
        pipeline: Pipeline,
        settings: Settings,
        is_stopping: Callable[[], bool],
    ) -> None:
        self._stream = stream
        self._accepted = accepted
        self._pipeline = pipeline
        self._settings = settings
        self._is_stopping = is_stopping
        self._command = bytearray()
        self._command_context = 0
        self._message: _Message | None = None

    def run(self) -> None:
        """Serve the association until it is over; nothing half received is left behind."""
        try:
            self._serve()
        except ProtocolError as error:
            self._log("association aborted", why=str(error))
            self._abort(error.reason)
        except PeerSilent as error:
            self._log("association aborted", why=str(error))
            self._abort(UNSPECIFIED)
        except (PeerClosed, ConnectionError) as error:
            self._log("association lost", why=str(error))
        finally:
            if self._message is not None and self._message.arrival is not None:
                self._message.arrival.abort()

    def _log(self, what: str, *, why: str) -> None:
        logger.warning(what, extra={"calling_aet": self._accepted.calling_aet, "why": why})

    def _abort(self, reason: int) -> None:
        with contextlib.suppress(OSError):
            self._stream.write(abort_pdu(reason))

    def _serve(self) -> None:
        while True:
            idle = self._message is None and not self._command
            if idle and self._is_stopping():
                raise ProtocolError("the receiver ends", reason=UNSPECIFIED)
            limit_s = self._settings.idle_timeout_s if idle else self._settings.network_timeout_s
            if not self._stream.wait(limit_s):
                if idle and self._is_stopping():
                    raise ProtocolError("the receiver ends", reason=UNSPECIFIED)
                raise PeerClosed("the peer closed the connection without a release")
            kind, length = self._stream.read_pdu_header()
            if length > self._settings.pdu_cap_bytes:
                raise ProtocolError(f"a PDU of {length} bytes", reason=INVALID_PARAMETER)
            if kind == P_DATA_TF:
                self._read_data(length)
            elif kind == A_RELEASE_RQ:
                self._stream.write(_RELEASE)
                logger.info(
                    "association released", extra={"calling_aet": self._accepted.calling_aet}
                )
                return
            elif kind == A_ABORT:
                self._log("association aborted by the peer", why="A-ABORT")
                return
            else:
                raise ProtocolError(f"a PDU of type {kind:#04x}", reason=UNEXPECTED_PDU)

    def _read_data(self, length: int) -> None:
        """Read the presentation data values of one P-DATA-TF PDU (PS3.8 9.3.5.1)."""
        while length:
            if length < PDV_HEADER.size:
                raise ProtocolError("a PDU ends within a PDV", reason=INVALID_PARAMETER)
            item, context_id, control = PDV_HEADER.unpack(self._stream.read(PDV_HEADER.size))
            fragment = item - 2
            length -= PDV_HEADER.size
            if not 0 <= fragment <= length:
                raise ProtocolError(f"a PDV of {item} bytes", reason=INVALID_PARAMETER)
            if context_id not in self._accepted.contexts:
                raise ProtocolError(f"context {context_id} unknown", reason=INVALID_PARAMETER)
            length -= fragment
            is_last = bool(control & 2)
            if control & 1:
                self._read_command(context_id, fragment, is_last=is_last)
            else:
                self._read_data_set(context_id, fragment, is_last=is_last)

    def _read_command(self, context_id: int, fragment: int, *, is_last: bool) -> None:
        if self._message is not None:
            raise ProtocolError("a command within a data set", reason=UNEXPECTED_PDU)
        if self._command and context_id != self._command_context:
            raise ProtocolError("a command in two contexts", reason=INVALID_PARAMETER)
        if len(self._command) + fragment > MAX_COMMAND_BYTES:
            raise ProtocolError("a command set too long", reason=INVALID_PARAMETER)
        self._command_context = context_id
        for piece in self._stream.iter_bytes(fragment):
            self._command += piece
        if is_last:
            try:
                command = parse_command(self._command)
            except CommandError as error:
                raise ProtocolError(str(error), reason=INVALID_PARAMETER) from error
            self._command.clear()
            self._obey(command, context_id)

    def _obey(self, command: Command, context_id: int) -> None:
        logger.debug(
            "command",
            extra={
                "calling_aet": self._accepted.calling_aet,
                "field": f"{command.field:#06x}",
                "message_id": command.message_id,
                "context_id": context_id,
                "SOPInstanceUID": command.sop_instance_uid,
            },
        )
        is_verification = self._accepted.contexts[context_id][0] == VERIFICATION
        if command.field == C_CANCEL_RQ:
            return
        if command.field & 0x8000:
            raise ProtocolError("a response without a request", reason=UNEXPECTED_PDU)
        if command.field == C_ECHO_RQ and is_verification and not command.has_data_set:
            self._answer(command, context_id, (SUCCESS, ""))
        elif command.field == C_STORE_RQ and not is_verification and command.has_data_set:
            self._message = self._begin(command, context_id)
        elif command.has_data_set:
            self._message = _Message(
                command, context_id, time.monotonic(), None, (UNRECOGNISED_OPERATION, "")
            )
        else:
            self._answer(command, context_id, (UNRECOGNISED_OPERATION, ""))

    def _begin(self, command: Command, context_id: int) -> _Message:
        """Begin a C-STORE; what cannot be begun is read to its end and answered then."""
        began = time.monotonic()
        receipt = Receipt(
            source=ReceiptSource.SCP,
            facility=self._accepted.facility,
            calling_aet=self._accepted.calling_aet,
            called_aet=self._accepted.called_aet,
            received_at=datetime.now(UTC),
        )
        try:
            arrival = self._pipeline.begin(
                receipt,
                sop_class_uid=command.sop_class_uid,
                sop_instance_uid=command.sop_instance_uid,
                transfer_syntax_uid=self._accepted.contexts[context_id][1],
            )
        except Exception as error:  # noqa: BLE001  an outer door: the SCP answers, and lives on
            return _Message(command, context_id, began, None, self._failed(error))
        return _Message(command, context_id, began, arrival, None)

    def _failed(self, error: Exception) -> tuple[int, str]:
        status, comment = status_of_error(error)
        logger.error(
            "an instance could not be received",
            extra={"calling_aet": self._accepted.calling_aet, "status": f"{status:#06x}"},
            exc_info=error,
        )
        return status, comment

    def _read_data_set(self, context_id: int, fragment: int, *, is_last: bool) -> None:
        message = self._message
        if message is None or message.context_id != context_id:
            raise ProtocolError("a data set without a command", reason=UNEXPECTED_PDU)
        message.size_bytes += fragment
        if message.answer is None and message.size_bytes > self._settings.max_instance_bytes:
            self._give_up(message, (CANNOT_UNDERSTAND, "data set too large"))
        for piece in self._stream.iter_bytes(fragment):
            if message.arrival is not None:
                try:
                    message.arrival.write(piece)
                except Exception as error:  # noqa: BLE001  an outer door
                    self._give_up(message, self._failed(error))
        if is_last:
            self._finish(message)

    @staticmethod
    def _give_up(message: _Message, answer: tuple[int, str]) -> None:
        if message.arrival is not None:
            message.arrival.abort()
        message.arrival = None
        message.answer = answer

    def _finish(self, message: _Message) -> None:
        if message.arrival is not None:
            try:
                admission = message.arrival.finish()
            except Exception as error:  # noqa: BLE001  an outer door
                message.answer = self._failed(error)
            else:
                message.answer = status_of(admission)
                self._log_instance(message, admission)
        self._message = None
        assert message.answer is not None
        self._answer(message.command, message.context_id, message.answer)

    def _answer(self, command: Command, context_id: int, answer: tuple[int, str]) -> None:
        status, comment = answer
        logger.debug(
            "answer",
            extra={
                "message_id": command.message_id,
                "status": f"{status:#06x}",
                "comment": comment,
            },
        )
        response = encode_response(command, status=status, comment=comment)
        self._stream.write(p_data(context_id, 0x03, response))

    def _log_instance(self, message: _Message, admission: Admission) -> None:
        logger.info(
            "instance received",
            extra={
                "outcome": admission.outcome.value,
                "SOPInstanceUID": admission.SOPInstanceUID,
                "SeriesInstanceUID": admission.SeriesInstanceUID,
                "StudyInstanceUID": admission.StudyInstanceUID,
                "size_bytes": message.size_bytes,
                "seconds": round(time.monotonic() - message.began, 4),
                "calling_aet": self._accepted.calling_aet,
            },
        )


def abort_pdu(reason: int) -> bytes:
    """Return an A-ABORT PDU by the service provider (PS3.8 9.3.8)."""
    pdu = A_ABORT_RQ()
    pdu.source = 2
    pdu.reason_diagnostic = reason
    return pdu.encode()
