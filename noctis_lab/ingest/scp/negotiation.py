"""Association requests: who may, for which contexts; PDUs and rules are pynetdicom's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from pynetdicom.pdu import A_ASSOCIATE_AC, A_ASSOCIATE_RJ, A_ASSOCIATE_RQ
from pynetdicom.pdu_primitives import (
    A_ASSOCIATE,
    ImplementationClassUIDNotification,
    ImplementationVersionNameNotification,
    MaximumLengthNotification,
    SCP_SCU_RoleSelectionNegotiation,
)
from pynetdicom.presentation import PresentationContext, negotiate_as_acceptor

from noctis_lab.dicom.file_meta import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from noctis_lab.errors import SenderRefused
from noctis_lab.ingest.scp.contexts import private_contexts

__all__ = [
    "BUSY",
    "CALLED_UNKNOWN",
    "CALLING_UNKNOWN",
    "Accepted",
    "Identify",
    "Rejected",
    "Rejection",
    "negotiate",
    "reject_pdu",
]

APPLICATION_CONTEXT: Final = "1.2.840.10008.3.1.1.1"

type Rejection = tuple[int, int, int]

# PS3.8 Table 9-21: result, source, reason
CALLING_UNKNOWN: Final[Rejection] = (1, 1, 3)
CALLED_UNKNOWN: Final[Rejection] = (1, 1, 7)
BUSY: Final[Rejection] = (2, 3, 2)  # transient, presentation: local limit exceeded

type Identify = Callable[[str, str], str]
"""(calling AE title, address) → facility; raises `SenderRefused`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """An association that stands."""

    calling_aet: str
    called_aet: str
    facility: str
    contexts: dict[int, tuple[str, str]]  # id → (SOP class, transfer syntax)
    refused: dict[int, str]  # id → SOP class, of the contexts that were not accepted
    pdu: bytes  # A-ASSOCIATE-AC


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """An association that does not, and why."""

    calling_aet: str
    rejection: Rejection
    pdu: bytes  # A-ASSOCIATE-RJ


def negotiate(
    request: bytes,
    *,
    address: str,
    called_aet: str,
    max_pdu_bytes: int,
    supported: list[PresentationContext],
    identify: Identify,
    accept_private: bool = False,
) -> Accepted | Rejected:
    """Answer an A-ASSOCIATE-RQ.

    Parameters
    ----------
    request
        The whole PDU, its header included.
    address
        The peer's IP address.
    called_aet
        Ours.
    max_pdu_bytes
        The maximum length announced to the peer, in bytes.
    accept_private
        Accept private SOP classes, whichever are proposed.

    Raises
    ------
    Exception
        Whatever pynetdicom raises where the request is malformed; the caller aborts.

    References
    ----------
    :dcm:`PS3.8 9.3.2-9.3.4 <part08/sect_9.3.2.html>`
    """
    pdu = A_ASSOCIATE_RQ()
    pdu.decode(request)
    primitive = pdu.to_primitive()
    calling = primitive.calling_ae_title.strip()
    called = primitive.called_ae_title.strip()
    if called != called_aet:
        return _reject(calling, CALLED_UNKNOWN)
    try:
        facility = identify(calling, address)
    except SenderRefused:
        return _reject(calling, CALLING_UNKNOWN)
    if accept_private:
        proposed = primitive.presentation_context_definition_list
        supported = [*supported, *private_contexts(proposed)]
    return _accept(primitive, facility, max_pdu_bytes, supported)


def _accept(
    request: A_ASSOCIATE,
    facility: str,
    max_pdu_bytes: int,
    supported: list[PresentationContext],
) -> Accepted:
    roles = {
        item.sop_class_uid: (item.scu_role, item.scp_role)
        for item in request.user_information
        if isinstance(item, SCP_SCU_RoleSelectionNegotiation) and item.sop_class_uid is not None
    }
    results, role_items = negotiate_as_acceptor(
        request.presentation_context_definition_list, supported, roles
    )
    primitive = A_ASSOCIATE()
    primitive.application_context_name = APPLICATION_CONTEXT
    primitive.calling_ae_title = request.calling_ae_title
    primitive.called_ae_title = request.called_ae_title
    primitive.result = 0
    primitive.result_source = 1
    primitive.presentation_context_definition_results_list = results
    length = MaximumLengthNotification()
    length.maximum_length_received = max_pdu_bytes
    implementation = ImplementationClassUIDNotification()
    implementation.implementation_class_uid = IMPLEMENTATION_CLASS_UID
    version = ImplementationVersionNameNotification()
    version.implementation_version_name = IMPLEMENTATION_VERSION_NAME
    primitive.user_information = [length, implementation, version, *role_items]
    contexts = {
        int(context.context_id): (str(context.abstract_syntax), str(context.transfer_syntax[0]))
        for context in results
        if context.result == 0 and context.context_id is not None
    }
    refused = {
        int(context.context_id): str(context.abstract_syntax)
        for context in results
        if context.result != 0 and context.context_id is not None
    }
    return Accepted(
        calling_aet=request.calling_ae_title.strip(),
        called_aet=request.called_ae_title.strip(),
        facility=facility,
        contexts=contexts,
        refused=refused,
        pdu=A_ASSOCIATE_AC(primitive).encode(),
    )


def reject_pdu(rejection: Rejection) -> bytes:
    """Return the A-ASSOCIATE-RJ PDU of a rejection."""
    primitive = A_ASSOCIATE()
    primitive.result, primitive.result_source, primitive.diagnostic = rejection
    return A_ASSOCIATE_RJ(primitive).encode()


def _reject(calling_aet: str, rejection: Rejection) -> Rejected:
    return Rejected(calling_aet=calling_aet, rejection=rejection, pdu=reject_pdu(rejection))
