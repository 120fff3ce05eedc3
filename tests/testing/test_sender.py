"""The loopback sender against pynetdicom's own receiver."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, JPEG2000Lossless
from pynetdicom import AE, AllStoragePresentationContexts, evt
from pynetdicom.sop_class import Verification

from noctis_lab.errors import SendFailed
from noctis_lab.synthetic import ct_series, write_series
from noctis_lab.testing import LoopbackSender


@contextmanager
def receiver(answer: Callable[[Any], Any], *, syntaxes: list[str]) -> Iterator[int]:
    entity = AE(ae_title="PEER")
    entity.require_called_aet = True
    entity.add_supported_context(Verification)
    for context in AllStoragePresentationContexts:
        entity.add_supported_context(context.abstract_syntax, syntaxes)
    handlers = [(evt.EVT_C_STORE, answer)]
    server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()


def test_each_instance_gets_its_own_status(tmp_path: Path) -> None:
    received = []

    def answer(event: Any) -> int | Dataset:
        received.append((event.dataset.InstanceNumber, event.dataset.PixelData))
        if event.dataset.InstanceNumber == 2:
            warning = Dataset()
            warning.Status = 0xB007
            warning.ErrorComment = "kept the first"
            return warning
        return 0x0000

    series = ct_series(planes=3, rows=4, columns=4)
    path = write_series(series[2:], tmp_path)[0]
    with (
        receiver(answer, syntaxes=[ExplicitVRLittleEndian]) as port,
        LoopbackSender(port=port, called_aet="PEER") as sender,
    ):
        assert sender.echo() == 0
        statuses = sender.send([series[0], series[1], path])
        assert sender.send([]) == []
    assert [status.status for status in statuses] == [0, 0xB007, 0]
    assert [status.is_success for status in statuses] == [True, False, True]
    assert statuses[1].comment == "kept the first"
    assert [s.SOPInstanceUID for s in statuses] == [p.SOPInstanceUID for p in series]
    assert received == [(number + 1, plane.PixelData) for number, plane in enumerate(series)]


def test_a_transfer_syntax_that_is_not_taken_has_no_status() -> None:
    planes = [
        ct_series(planes=1, transfer_syntax_uid=syntax, seed=syntax)[0]
        for syntax in (JPEG2000Lossless, ExplicitVRLittleEndian)
    ]
    with (
        receiver(lambda _event: 0, syntaxes=[ExplicitVRLittleEndian]) as port,
        LoopbackSender(port=port, called_aet="PEER") as sender,
    ):
        statuses = sender.send(planes)
    assert [status.status for status in statuses] == [None, 0]
    assert "not accepted" in statuses[0].comment


def test_an_association_that_is_cut_leaves_the_rest_unanswered() -> None:
    def abort(event: Any) -> int:
        event.assoc.abort()
        return 0

    with (
        receiver(abort, syntaxes=[ExplicitVRLittleEndian]) as port,
        LoopbackSender(port=port, called_aet="PEER", timeout_s=5) as sender,
    ):
        statuses = sender.send(ct_series(planes=2))
    assert [status.status for status in statuses] == [None, None]


def test_a_refused_association_is_an_error() -> None:
    with (
        receiver(lambda _event: 0, syntaxes=[ExplicitVRLittleEndian]) as port,
        LoopbackSender(port=port, called_aet="OTHER", timeout_s=5) as sender,
        pytest.raises(SendFailed, match="rejected"),
    ):
        sender.send(ct_series(planes=1))
