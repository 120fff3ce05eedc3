"""Sending: C-ECHO and C-STORE to a peer, data sets going out as they lie in their files."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pynetdicom import build_context
from pynetdicom import pdu as pdus
from pynetdicom.pdu_primitives import (
    A_ASSOCIATE,
    ImplementationClassUIDNotification,
    MaximumLengthNotification,
)

from noctis_lab.dicom.file_meta import IMPLEMENTATION_CLASS_UID
from noctis_lab.dicom.header import read_header
from noctis_lab.errors import InvalidDicom, SendFailed
from noctis_lab.ingest.wire.command import (
    C_ECHO_RQ,
    C_STORE_RQ,
    Answer,
    CommandError,
    encode_request,
    parse_answer,
)
from noctis_lab.ingest.wire.stream import (
    A_ASSOCIATE_AC,
    A_ASSOCIATE_RJ,
    P_DATA_TF,
    PDV_HEADER,
    PeerClosed,
    PeerSilent,
    Stream,
    p_data,
)

__all__ = ["Outgoing", "Peer", "SendReport", "Sent", "echo", "send"]

type Context = tuple[str, str]
"""(SOP class, transfer syntax)"""

VERIFICATION: Final = ("1.2.840.10008.1.1", "1.2.840.10008.1.2")
APPLICATION_CONTEXT: Final = "1.2.840.10008.3.1.1.1"
_MOST_CONTEXTS: Final = 128  # PS3.8 9.3.2.2: odd ids from 1 to 255
_PDU_BYTES: Final = 131_072
_ANSWER_BYTES: Final = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What became of one file; `reason` says why it was not stored."""

    path: Path
    SOPInstanceUID: str = ""
    status: int | None = None  # of the peer's answer; None where there was none
    reason: str | None = None

    @property
    def is_stored(self) -> bool:
        """Return whether the peer answered success, or a warning."""
        return self.reason is None


@dataclass(frozen=True, slots=True, kw_only=True)
class SendReport:
    """All files of one `send`, in their order."""

    results: tuple[Sent, ...]

    @property
    def sent(self) -> int:
        """Return how many the peer has stored."""
        return sum(result.is_stored for result in self.results)

    @property
    def failed(self) -> tuple[Sent, ...]:
        """Return those that it has not."""
        return tuple(result for result in self.results if not result.is_stored)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """One file's data set, and as what it is announced."""

    path: Path
    SOPInstanceUID: str
    context: Context
    data_set_offset: int


def echo(
    host: str, port: int, *, called_aet: str, calling_aet: str = "NOCTIS", timeout_s: float = 10.0
) -> None:
    """Ask a peer whether it is there.

    Raises
    ------
    SendFailed
        No connection, no association, or no success; the message says which.
    """
    peer = Peer(host=host, port=port, called_aet=called_aet, calling_aet=calling_aet)
    with peer.associate({VERIFICATION}, timeout_s=timeout_s) as association:
        try:
            answer = association.echo()
        except (OSError, CommandError) as error:
            raise SendFailed(f"{peer} does not answer an echo: {error}") from error
        if answer.status != 0:
            raise SendFailed(f"{peer} answers an echo with {answer.status:#06x}")


def send(
    paths: Sequence[Path],
    *,
    host: str,
    port: int,
    called_aet: str,
    calling_aet: str = "NOCTIS",
    progress: Callable[[Sent], object] | None = None,
    timeout_s: float = 60.0,
) -> SendReport:
    """Send files to a receiver by C-STORE, over one association (more where contexts need it).

    Parameters
    ----------
    paths
        DICOM files; those that are none are reported as failed.
    progress
        Called with the result of each file as soon as it stands.
    timeout_s
        How long the peer may take for an answer, in seconds.

    Raises
    ------
    SendFailed
        No connection, or no association.
    """
    results: dict[Path, Sent] = {}
    peer = Peer(host=host, port=port, called_aet=called_aet, calling_aet=calling_aet)

    def note(result: Sent) -> None:
        results[result.path] = result
        if progress is not None:
            progress(result)

    for batch in _batches(paths, note):
        contexts = {ready.context for ready in batch}
        with peer.associate(contexts, timeout_s=timeout_s) as association:
            for ready in batch:
                note(_send_one(association, ready))
    return SendReport(results=tuple(results[path] for path in paths))


def _batches(paths: Sequence[Path], note: Callable[[Sent], None]) -> Iterator[list[Outgoing]]:
    """Yield files in their order, as many as one association's contexts are enough for."""
    batch: list[Outgoing] = []
    contexts: set[Context] = set()
    for path in paths:
        try:
            header = read_header(path)
        except (InvalidDicom, OSError) as error:
            note(Sent(path=path, reason=str(error)))
            continue
        context = (header.SOPClassUID, header.transfer_syntax_uid)
        if context not in contexts and len(contexts) == _MOST_CONTEXTS:
            yield batch
            batch, contexts = [], set()
        contexts.add(context)
        ready = Outgoing(
            path=path,
            SOPInstanceUID=header.SOPInstanceUID,
            context=context,
            data_set_offset=header.data_set_offset,
        )
        batch.append(ready)
    if batch:
        yield batch


def _send_one(association: RequestedAssociation, ready: Outgoing) -> Sent:
    status: int | None = None
    reason: str | None = None
    if association.is_lost:
        reason = "the association ended before this file"
    elif ready.context not in association.contexts:
        reason = f"the peer takes no {ready.context[0]} in {ready.context[1]}"
    else:
        try:
            answer = association.store(ready)
        except (FileNotFoundError, PermissionError) as error:
            # Of the file, before anything went out: the association is as good as before.
            reason = f"the file cannot be read any more: {type(error).__name__}"
        except (OSError, CommandError) as error:
            association.is_lost = True
            reason = f"no answer: {error}"
        else:
            status = answer.status
            if status != 0 and status & 0xF000 != 0xB000:  # PS3.7 C: 0xBxxx are warnings
                reason = f"the peer answered {status:#06x} {answer.comment}".rstrip()
    return Sent(path=ready.path, SOPInstanceUID=ready.SOPInstanceUID, status=status, reason=reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """Whom we call, and as whom."""

    host: str
    port: int
    called_aet: str
    calling_aet: str

    def __str__(self) -> str:
        return f"{self.called_aet} at {self.host}:{self.port}"

    @contextmanager
    def associate(
        self, contexts: set[Context], *, timeout_s: float
    ) -> Iterator[RequestedAssociation]:
        """Hold an association for these contexts; released at the end.

        Raises
        ------
        SendFailed
            No connection, or it was rejected or aborted.
        """
        try:
            connection = socket.create_connection((self.host, self.port), timeout=timeout_s)
        except OSError as error:
            raise SendFailed(f"{self} cannot be reached: {error}") from error
        stream = Stream(connection, timeout_s=timeout_s)
        try:
            association = self._negotiate(stream, contexts, timeout_s)
            yield association
            if not association.is_lost:
                # The peer has answered everything: a release that fails changes nothing.
                with contextlib.suppress(OSError):
                    association.release()
        finally:
            stream.close()

    def _negotiate(
        self, stream: Stream, contexts: set[Context], timeout_s: float
    ) -> RequestedAssociation:
        proposed = dict(zip(range(1, 256, 2), sorted(contexts), strict=False))
        try:
            stream.write(self._request(proposed))
            kind, answer = stream.read_pdu(
                limit_bytes=_ANSWER_BYTES, deadline=time.monotonic() + timeout_s
            )
        except OSError as error:
            raise SendFailed(f"{self} does not answer: {error}") from error
        if kind == A_ASSOCIATE_RJ and answer is not None:
            why = "/".join(str(number) for number in answer[7:10])
            raise SendFailed(
                f"{self} rejected the association ({why}): check both AE titles, and that "
                f"{self.calling_aet} is a known sender there"
            )
        if kind != A_ASSOCIATE_AC or answer is None:
            raise SendFailed(f"{self} aborted the association (PDU type {kind:#04x})")
        return _accepted(stream, answer, proposed)

    def _request(self, proposed: dict[int, Context]) -> bytes:
        primitive = A_ASSOCIATE()
        primitive.application_context_name = APPLICATION_CONTEXT
        primitive.calling_ae_title = self.calling_aet
        primitive.called_ae_title = self.called_aet
        for context_id, (sop_class, syntax) in proposed.items():
            context = build_context(sop_class, syntax)
            context.context_id = context_id
            primitive.presentation_context_definition_list.append(context)
        length = MaximumLengthNotification()
        length.maximum_length_received = _PDU_BYTES
        implementation = ImplementationClassUIDNotification()
        implementation.implementation_class_uid = IMPLEMENTATION_CLASS_UID
        primitive.user_information = [length, implementation]
        return pdus.A_ASSOCIATE_RQ(primitive).encode()


def _accepted(stream: Stream, answer: bytes, proposed: dict[int, Context]) -> RequestedAssociation:
    pdu = pdus.A_ASSOCIATE_AC()
    try:
        pdu.decode(answer)
        primitive = pdu.to_primitive()
    except Exception as error:
        # pynetdicom raises anything on a malformed PDU
        raise SendFailed(f"the answer is no A-ASSOCIATE-AC: {type(error).__name__}") from error
    contexts = {
        proposed[context.context_id]: context.context_id
        for context in primitive.presentation_context_definition_results_list
        if context.result == 0 and context.context_id in proposed
    }
    limit = 0
    for item in primitive.user_information:
        if isinstance(item, MaximumLengthNotification):
            limit = int(item.maximum_length_received)
    return RequestedAssociation(stream, contexts, pdu_bytes=limit or _PDU_BYTES)


class RequestedAssociation:
    """An association that a peer accepted.

    Parameters
    ----------
    contexts
        (SOP class, transfer syntax) → id, of those accepted.
    pdu_bytes
        The peer's maximum length.
    """

    def __init__(self, stream: Stream, contexts: dict[Context, int], *, pdu_bytes: int) -> None:
        self._stream = stream
        self.contexts = contexts
        self._fragment_bytes = max(min(pdu_bytes, 1024 * 1024) - 6, 128)
        self._message_id = 0
        self.is_lost = False

    def _next_id(self) -> int:
        self._message_id = self._message_id % 0xFFFF + 1
        return self._message_id

    def echo(self) -> Answer:
        """Send a C-ECHO-RQ and return the answer."""
        context_id = self.contexts.get(VERIFICATION)
        if context_id is None:
            raise CommandError("the peer takes no verification")
        command = encode_request(
            C_ECHO_RQ, message_id=self._next_id(), sop_class_uid=VERIFICATION[0]
        )
        self._stream.write(p_data(context_id, 0x03, command))
        return self._read_answer()

    def store(self, ready: Outgoing) -> Answer:
        """Send a C-STORE-RQ with a file's data set and return the answer."""
        context_id = self.contexts[ready.context]
        command = encode_request(
            C_STORE_RQ,
            message_id=self._next_id(),
            sop_class_uid=ready.context[0],
            sop_instance_uid=ready.SOPInstanceUID,
        )
        head = p_data(context_id, 0x03, command)
        with ready.path.open("rb") as file:
            left = os.fstat(file.fileno()).st_size - ready.data_set_offset
            file.seek(ready.data_set_offset)
            while left or head:
                fragment = file.read(min(left, self._fragment_bytes))
                if left and not fragment:
                    raise OSError("the file became shorter while it was sent")
                left -= len(fragment)
                # The command goes out with the first fragment: fewer, fuller segments.
                self._stream.write(head + p_data(context_id, 0 if left else 0x02, fragment))
                head = b""
        return self._read_answer()

    def _read_answer(self) -> Answer:
        command = bytearray()
        while True:
            kind, length = self._stream.read_pdu_header()
            if kind != P_DATA_TF or not PDV_HEADER.size <= length <= _ANSWER_BYTES:
                raise CommandError(f"a PDU of type {kind:#04x} instead of an answer")
            while length >= PDV_HEADER.size:
                item, _, control = PDV_HEADER.unpack(self._stream.read(PDV_HEADER.size))
                length -= PDV_HEADER.size + item - 2
                if length < 0 or item < 2 or not control & 1:
                    raise CommandError("an answer that is no command")
                command += self._stream.read(item - 2)
                if control & 2:
                    return parse_answer(command)

    def release(self) -> None:
        """Send an A-RELEASE-RQ and wait for its answer."""
        self._stream.write(pdus.A_RELEASE_RQ().encode())
        with contextlib.suppress(PeerClosed, PeerSilent):
            self._stream.read_pdu_header()
