"""The same receiver on pynetdicom's own classes: slower, and the way back if they change."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

from pydicom.dataset import Dataset
from pynetdicom import AE, evt

from noctis_lab.catalog.records import Receipt, ReceiptSource
from noctis_lab.config import Settings
from noctis_lab.dicom.file_meta import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from noctis_lab.errors import SenderRefused
from noctis_lab.ingest.pipeline import Pipeline
from noctis_lab.ingest.scp.contexts import supported_contexts
from noctis_lab.ingest.scp.negotiation import BUSY, CALLED_UNKNOWN, CALLING_UNKNOWN, Identify
from noctis_lab.ingest.scp.statuses import CANNOT_UNDERSTAND, SUCCESS, status_of, status_of_error

__all__ = ["BaseServer"]

logger = logging.getLogger(__name__)

_END_S = 5.0
"""For how long the end waits for one association's state machine."""


class BaseServer:
    """The setting `base_receiver`: what `Server` does, without its speed and its PDU cap.

    It holds a whole data set in memory, and takes no private SOP classes.

    Raises
    ------
    OSError
        The address is taken, or is not ours.
    """

    def __init__(self, settings: Settings, *, pipeline: Pipeline, identify: Identify) -> None:
        self._settings = settings
        self._pipeline = pipeline
        self._identify = identify
        ae = AE(ae_title=settings.dicom_aet)
        ae.implementation_class_uid = IMPLEMENTATION_CLASS_UID
        ae.implementation_version_name = IMPLEMENTATION_VERSION_NAME
        ae.supported_contexts = supported_contexts()
        ae.maximum_associations = settings.max_associations
        ae.maximum_pdu_size = min(settings.max_pdu_bytes, settings.pdu_cap_bytes)
        ae.acse_timeout = settings.network_timeout_s
        ae.network_timeout = ae.dimse_timeout = settings.idle_timeout_s
        handlers: list[Any] = [
            (evt.EVT_REQUESTED, self._on_request),
            (evt.EVT_C_ECHO, self._on_echo),
            (evt.EVT_C_STORE, self._on_store),
        ]
        self._server = ae.start_server(
            (settings.dicom_host, settings.dicom_port), block=False, evt_handlers=handlers
        )

    @property
    def address(self) -> tuple[str, int]:
        """Return the address and port that it listens on."""
        assert self._server is not None
        host, port = self._server.server_address[:2]
        return str(host), int(port)

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
        """End: associations are aborted."""
        assert self._server is not None
        self._server.shutdown()
        for association in self._server.active_associations:
            if association.is_established:
                association.abort()
                continue
            # Amid its negotiation an abort would be an error of the state machine (PS3.8 9.2.3).
            association.dul.kill_dul()
            if association.dul.is_alive():
                association.dul.join(_END_S)
            if (connection := association.dul.socket) is not None:
                connection.close()

    def _on_request(self, event: Any) -> None:
        association = event.assoc
        request = association.requestor.primitive
        calling = str(request.calling_ae_title).strip()
        rejection = None
        if str(request.called_ae_title).strip() != self._settings.dicom_aet:
            rejection = CALLED_UNKNOWN
        else:
            try:
                facility = self._identify(calling, str(association.requestor.address))
            except SenderRefused:
                rejection = CALLING_UNKNOWN
            except Exception:
                # pynetdicom would go on as if all were well.
                logger.exception("an association failed", extra={"calling_aet": calling})
                rejection = BUSY
            else:
                association.noctis_facility = facility
        if rejection is not None:
            logger.warning(
                "association rejected",
                extra={"calling_aet": calling, "rejection": "/".join(map(str, rejection))},
            )
            association.acse.send_reject(*rejection)
            association.is_rejected = True
            association.kill()

    @staticmethod
    def _on_echo(_event: Any) -> int:
        return SUCCESS

    def _on_store(self, event: Any) -> Dataset:
        request, requestor = event.request, event.assoc.requestor
        receipt = Receipt(
            source=ReceiptSource.SCP,
            facility=event.assoc.noctis_facility,
            calling_aet=str(requestor.ae_title).strip(),
            called_aet=self._settings.dicom_aet,
            received_at=datetime.now(UTC),
        )
        size_bytes = request.DataSet.getbuffer().nbytes
        if size_bytes > self._settings.max_instance_bytes:
            return _answer(CANNOT_UNDERSTAND, "data set too large")
        try:
            arrival = self._pipeline.begin(
                receipt,
                sop_class_uid=str(request.AffectedSOPClassUID),
                sop_instance_uid=str(request.AffectedSOPInstanceUID),
                transfer_syntax_uid=str(event.context.transfer_syntax),
            )
            try:
                arrival.write(request.DataSet.getbuffer())
            except BaseException:
                arrival.abort()
                raise
            admission = arrival.finish()
        except Exception as error:
            logger.exception("an instance could not be received")
            status, comment = status_of_error(error)
        else:
            status, comment = status_of(admission)
            logger.info(
                "instance received",
                extra={
                    "outcome": admission.outcome.value,
                    "SOPInstanceUID": admission.SOPInstanceUID,
                    "SeriesInstanceUID": admission.SeriesInstanceUID,
                    "StudyInstanceUID": admission.StudyInstanceUID,
                    "size_bytes": size_bytes,
                    "seconds": (datetime.now(UTC) - receipt.received_at).total_seconds(),
                    "calling_aet": receipt.calling_aet,
                },
            )
        return _answer(status, comment)


def _answer(status: int, comment: str) -> Dataset:
    answer = Dataset()
    answer.Status = status
    if comment:
        answer.ErrorComment = comment
    return answer
