"""What we rely on in pynetdicom, and that our bytes are its bytes."""

from __future__ import annotations

from io import BytesIO

import pynetdicom
import pytest
from pynetdicom import build_context
from pynetdicom.dimse_messages import C_ECHO_RSP, C_STORE_RQ, C_STORE_RSP
from pynetdicom.dimse_primitives import C_ECHO, C_STORE
from pynetdicom.pdu import A_ASSOCIATE_AC, A_ASSOCIATE_RJ, A_ASSOCIATE_RQ, P_DATA_TF
from pynetdicom.pdu_primitives import A_ASSOCIATE, MaximumLengthNotification

from noctis_lab.errors import SenderRefused
from noctis_lab.ingest.scp.association import abort_pdu
from noctis_lab.ingest.scp.contexts import TRANSFER_SYNTAXES, supported_contexts
from noctis_lab.ingest.scp.negotiation import Accepted, Rejected, negotiate
from noctis_lab.ingest.wire.command import (
    Command,
    CommandError,
    encode_response,
    parse_answer,
    parse_command,
)
from noctis_lab.ingest.wire.stream import p_data
from tests.ingest.receiving import CT, associate_request


def local(_aet: str, _address: str) -> str:
    return "local"


def request(*contexts: tuple[str, list[str]]) -> bytes:
    primitive = A_ASSOCIATE()
    primitive.application_context_name = "1.2.840.10008.3.1.1.1"
    primitive.calling_ae_title = "MODALITY"
    primitive.called_ae_title = "NOCTIS_SCP"
    for number, (abstract, syntaxes) in enumerate(contexts):
        context = build_context(abstract, syntaxes)
        context.context_id = 2 * number + 1
        primitive.presentation_context_definition_list.append(context)
    length = MaximumLengthNotification()
    length.maximum_length_received = 16384
    primitive.user_information = [length]
    return A_ASSOCIATE_RQ(primitive).encode()


def answer(
    pdu: bytes, identify: object = local, *, accept_private: bool = False
) -> Accepted | Rejected:
    return negotiate(
        pdu,
        address="127.0.0.1",
        called_aet="NOCTIS_SCP",
        max_pdu_bytes=131_072,
        supported=supported_contexts(),
        identify=identify,  # type: ignore[arg-type]
        accept_private=accept_private,
    )


def test_pynetdicom_is_the_release_that_this_was_written_against() -> None:
    assert pynetdicom.__version__.startswith("3.0.")


def test_uncompressed_is_chosen_in_dcmtks_order() -> None:
    implicit, explicit, big = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"
    jpeg = "1.2.840.10008.1.2.4.50"
    accepted = answer(
        request(
            (CT, [implicit, big, explicit]),
            (CT, [implicit, big]),
            (CT, [jpeg]),
            (CT, ["1.2.3.4"]),
            ("1.2.840.10008.5.1.4.1.2.1.1", [implicit]),
        )
    )
    assert isinstance(accepted, Accepted)
    assert accepted.contexts == {1: (CT, explicit), 3: (CT, big), 5: (CT, jpeg)}
    pdu = A_ASSOCIATE_AC()
    pdu.decode(accepted.pdu)
    results = {item.context_id: item.result for item in pdu.presentation_context}
    # PS3.8 Table 9-18: 4 transfer syntaxes not supported, 3 abstract syntax not supported
    assert results == {1: 0, 3: 0, 5: 0, 7: 4, 9: 3}
    assert pdu.user_information.maximum_length == 131_072


def test_all_storage_classes_are_accepted_retired_ones_too() -> None:
    standing = [
        "1.2.840.10008.5.1.4.1.1.66.4",  # Segmentation
        "1.2.840.10008.5.1.4.1.1.104.3",  # Encapsulated STL
        "1.2.840.10008.5.1.4.1.1.481.3",  # RT Structure Set
        "1.2.840.10008.5.1.4.1.1.88.33",  # Comprehensive SR
        "1.2.840.10008.5.1.4.1.1.3",  # Ultrasound Multi-frame, retired
        "1.2.840.10008.5.1.4.1.1.5",  # Nuclear Medicine, retired
    ]
    accepted = answer(request(*[(uid, [TRANSFER_SYNTAXES[0]]) for uid in standing]))
    assert isinstance(accepted, Accepted)
    assert [sop_class for sop_class, _ in accepted.contexts.values()] == standing


@pytest.mark.parametrize(
    "syntax",
    [
        "1.2.840.10008.1.2.1.98",  # Encapsulated Uncompressed
        "1.2.840.10008.1.2.4.55",  # JPEG Full Progression, retired
        "1.2.840.10008.1.2.4.112",  # JPEG XL
        "1.2.840.10008.1.2.4.205",  # JPIP HTJ2K Referenced Deflate
        "1.2.840.10008.1.2.8.1",  # Deflated Image Frame Compression
    ],
)
def test_unusual_transfer_syntaxes_are_accepted(syntax: str) -> None:
    accepted = answer(request((CT, [syntax])))
    assert isinstance(accepted, Accepted)
    assert accepted.contexts == {1: (CT, syntax)}


def test_private_sop_classes_are_accepted_where_the_setting_says_so() -> None:
    siemens, unlisted = "1.3.12.2.1107.5.9.1", "1.2.840.10008.5.1.4.31"
    pdu = request((siemens, [TRANSFER_SYNTAXES[0]]), (unlisted, [TRANSFER_SYNTAXES[0]]))
    without, with_private = answer(pdu), answer(pdu, accept_private=True)
    assert isinstance(without, Accepted)
    assert isinstance(with_private, Accepted)
    assert without.contexts == {}
    assert with_private.contexts == {1: (siemens, TRANSFER_SYNTAXES[0])}
    assert with_private.refused == {3: unlisted}


def test_a_request_written_by_hand_is_understood() -> None:
    accepted = answer(associate_request(calling="CT ROOM 2"))
    assert isinstance(accepted, Accepted)
    assert accepted.calling_aet == "CT ROOM 2"
    assert accepted.facility == "local"


def test_rejections_say_which_title_is_not_known() -> None:
    def refuse(_aet: str, _address: str) -> str:
        raise SenderRefused("unknown")

    for pdu, identify, numbers in (
        (associate_request(), refuse, (1, 1, 3)),
        (associate_request(called="OTHER"), local, (1, 1, 7)),
    ):
        rejected = answer(pdu, identify)
        assert isinstance(rejected, Rejected)
        decoded = A_ASSOCIATE_RJ()
        decoded.decode(rejected.pdu)
        assert (decoded.result, decoded.source, decoded.reason_diagnostic) == numbers


def test_commands_are_read_as_pynetdicom_writes_them() -> None:
    primitive = C_STORE()
    primitive.MessageID = 1234
    primitive.AffectedSOPClassUID = CT
    primitive.AffectedSOPInstanceUID = "1.2.3.45"
    primitive.Priority = 2
    primitive.DataSet = BytesIO(b"\0\0")
    message = C_STORE_RQ()
    message.primitive_to_message(primitive)
    pdus = list(message.encode_msg(1, 16382))
    encoded = pdus[0].presentation_data_value_list[0][1]
    assert parse_command(encoded[1:]) == Command(
        field=1,
        message_id=1234,
        sop_class_uid=CT,
        sop_instance_uid="1.2.3.45",
        has_data_set=True,
    )


@pytest.mark.parametrize("comment", ["", "known with other content"])
def test_answers_are_what_pynetdicom_would_write(comment: str) -> None:
    command = Command(
        field=1, message_id=9, sop_class_uid=CT, sop_instance_uid="1.2.3", has_data_set=True
    )
    ours = encode_response(command, status=0xB000 if comment else 0, comment=comment)
    primitive = C_STORE()
    primitive.MessageIDBeingRespondedTo = 9
    primitive.AffectedSOPClassUID = CT
    primitive.AffectedSOPInstanceUID = "1.2.3"
    primitive.Status = 0xB000 if comment else 0
    if comment:
        primitive.ErrorComment = comment
    message = C_STORE_RSP()
    message.primitive_to_message(primitive)
    (pdu,) = message.encode_msg(5, 16382)
    assert p_data(5, 3, ours) == P_DATA_TF(pdu).encode()
    assert parse_answer(ours).status == primitive.Status
    assert parse_answer(ours).comment == comment


def test_an_echos_answer_is_what_pynetdicom_would_write() -> None:
    uid = "1.2.840.10008.1.1"
    command = Command(
        field=0x30, message_id=2, sop_class_uid=uid, sop_instance_uid="", has_data_set=False
    )
    primitive = C_ECHO()
    primitive.MessageIDBeingRespondedTo = 2
    primitive.AffectedSOPClassUID = uid
    primitive.Status = 0
    message = C_ECHO_RSP()
    message.primitive_to_message(primitive)
    (pdu,) = message.encode_msg(1, 16382)
    assert p_data(1, 3, encode_response(command, status=0)) == P_DATA_TF(pdu).encode()


def test_a_request_is_no_answer() -> None:
    request_bytes = encode_response(
        Command(field=1, message_id=1, sop_class_uid="", sop_instance_uid="", has_data_set=False),
        status=0,
    ).replace(b"\x01\x80", b"\x01\x00")
    with pytest.raises(CommandError, match="request"):
        parse_answer(request_bytes)


def test_an_abort_is_the_service_providers() -> None:
    assert abort_pdu(6) == b"\x07\0\0\0\0\x04\0\0\x02\x06"  # PS3.8 9.3.8
