"""A plain C-STORE and C-ECHO user for tests: pynetdicom's, so independent of our own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pydicom
from pydicom.dataset import Dataset
from pynetdicom import AE
from pynetdicom.association import Association
from pynetdicom.presentation import build_context

from noctis_lab.errors import SendFailed

__all__ = ["LoopbackSender", "StoreStatus"]

_VERIFICATION = "1.2.840.10008.1.1"
_MOST_CONTEXTS = 128  # PS3.8 9.3.2.2: odd identifiers of one byte


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreStatus:
    """What the receiver answered for one instance.

    `status` is C-STORE's (0x0000 success, 0xB… warning), None where the association ended before
    an answer or where the receiver takes no such instance at all.
    """

    SOPInstanceUID: str
    status: int | None
    comment: str

    @property
    def is_success(self) -> bool:
        """Whether the receiver took responsibility for the instance."""
        return self.status == 0


class LoopbackSender:
    """Sends data sets to one receiver.

    Parameters
    ----------
    port
        TCP port of the receiver.
    host
        Its address; the loopback unless asked otherwise.
    called_aet, calling_aet
        AE titles.
    timeout_s
        For every answer.

    Examples
    --------
    Sending a synthetic series::

        with LoopbackSender(port=11112) as sender:
            statuses = sender.send(ct_series(planes=3))
        assert all(status.is_success for status in statuses)

    Notes
    -----
    Every call of `send` and `echo` is an association of its own; leaving the block releases what
    is left of it.

    References
    ----------
    :dcm:`PS3.4 annex B <part04/chapter_B.html>`
    """

    def __init__(
        self,
        *,
        port: int,
        host: str = "127.0.0.1",
        called_aet: str = "NOCTIS_SCP",
        calling_aet: str = "LOOPBACK",
        timeout_s: float = 30.0,
    ) -> None:
        self._address = (host, port)
        self._called_aet = called_aet
        self._entity = AE(ae_title=calling_aet)
        self._entity.acse_timeout = timeout_s
        self._entity.dimse_timeout = timeout_s
        self._entity.network_timeout = timeout_s
        self._entity.connection_timeout = timeout_s

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._entity.shutdown()

    def echo(self) -> int | None:
        """Return the status of a C-ECHO; None where no answer came.

        Raises
        ------
        SendFailed
            No association was to be had.
        """
        association = self._associate([build_context(_VERIFICATION)])
        try:
            return _find_status(association.send_c_echo())
        finally:
            association.release()

    def send(self, instances: Iterable[Dataset | Path]) -> list[StoreStatus]:
        """Send instances, one after the other, over one association.

        Parameters
        ----------
        instances
            Data sets with file meta, or Part 10 files, which are read whole. Each is proposed
            in its own transfer syntax only.

        Returns
        -------
        list of StoreStatus
            One per instance, in order.

        Raises
        ------
        SendFailed
            No association was to be had, or there are more than 128 different combinations of
            SOP class and transfer syntax.
        """
        datasets = [pydicom.dcmread(i) if isinstance(i, Path) else i for i in instances]
        pairs = dict.fromkeys(
            (str(each.SOPClassUID), str(each.file_meta.TransferSyntaxUID)) for each in datasets
        )
        if len(pairs) > _MOST_CONTEXTS:
            raise SendFailed(f"{len(pairs)} presentation contexts, an association has 128")
        if not datasets:
            return []
        association = self._associate([build_context(*pair) for pair in pairs])
        try:
            return [_store(association, dataset) for dataset in datasets]
        finally:
            association.release()

    def _associate(self, contexts: list[Any]) -> Association:
        host, port = self._address
        association = self._entity.associate(
            host, port, contexts=contexts, ae_title=self._called_aet
        )
        if not association.is_established:
            outcome = "rejected" if association.is_rejected else "not answered"
            raise SendFailed(f"the association with {self._called_aet} was {outcome}")
        return association


def _store(association: Association, dataset: Dataset) -> StoreStatus:
    uid = str(dataset.SOPInstanceUID)
    if not association.is_established:
        return StoreStatus(SOPInstanceUID=uid, status=None, comment="the association has ended")
    accepted = {(str(c.abstract_syntax), str(c.transfer_syntax[0])) for c in _accepted(association)}
    if (str(dataset.SOPClassUID), str(dataset.file_meta.TransferSyntaxUID)) not in accepted:
        return StoreStatus(SOPInstanceUID=uid, status=None, comment="the context was not accepted")
    answer = association.send_c_store(dataset)
    comment = str(answer.get("ErrorComment", ""))
    return StoreStatus(SOPInstanceUID=uid, status=_find_status(answer), comment=comment)


def _accepted(association: Association) -> list[Any]:
    return list(association.accepted_contexts)


def _find_status(answer: Dataset) -> int | None:
    return int(answer.Status) if "Status" in answer else None
