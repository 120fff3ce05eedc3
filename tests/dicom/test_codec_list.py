"""Every transfer syntax has a decoder with its version, or a name and a sentence that says why."""

from __future__ import annotations

import dataclasses
from importlib.metadata import version

import pytest
from pydicom._uid_dict import UID_dictionary

from noctis_lab.dicom.codecs import CODECS, can_decode, list_codecs
from noctis_lab.dicom.transfer_syntaxes import NAMES, explain_refusal

#: Sup 244 and Sup 232: newer than pydicom's edition of the dictionary.
NEWER = {
    "1.2.840.10008.1.2.4.110",
    "1.2.840.10008.1.2.4.111",
    "1.2.840.10008.1.2.4.112",
    "1.2.840.10008.1.2.8.1",
}


def test_names_are_those_of_the_standard() -> None:
    known = {uid: row[0] for uid, row in UID_dictionary.items() if row[1] == "Transfer Syntax"}
    # pynetdicom adds to pydicom's dictionary, where it was imported before.
    older = {uid: name for uid, name in NAMES.items() if uid not in NEWER}
    assert older == {uid: name for uid, name in known.items() if uid not in NEWER}


def test_every_syntax_has_either_a_decoder_or_a_reason() -> None:
    rows = {row.transfer_syntax_uid: row for row in list_codecs()}
    assert list(rows) == list(NAMES)
    assert set(CODECS) <= set(rows)
    for uid, row in rows.items():
        assert (row.library is None) == (row.refusal is not None) == (not can_decode(uid)), uid
        assert (row.library is None) == (row.version is None), uid
    with pytest.raises(dataclasses.FrozenInstanceError):
        rows["1.2.840.10008.1.2"].name = "other"


def test_libraries_come_with_their_versions() -> None:
    rows = {row.transfer_syntax_uid: row for row in list_codecs()}
    jpeg_ls = rows["1.2.840.10008.1.2.4.80"]
    assert jpeg_ls.library == "imagecodecs.JPEGLS"
    assert jpeg_ls.version is not None
    assert jpeg_ls.version.startswith(version("imagecodecs"))
    assert "charls" in jpeg_ls.version
    assert rows["1.2.840.10008.1.2.4.90"].fallbacks == ("openjpeg",)


@pytest.mark.parametrize(
    ("uid", "word"),
    [
        ("1.2.840.10008.1.2.4.100", "player"),
        ("1.2.840.10008.1.2.4.106.1", "player"),
        ("1.2.840.10008.1.2.4.108", "player"),
        ("1.2.840.10008.1.2.4.94", "JPIP server"),
        ("1.2.840.10008.1.2.4.205", "JPIP server"),
        ("1.2.840.10008.1.2.4.58", "arithmetic"),
        ("1.2.840.10008.1.2.4.66", "hierarchical"),
        ("1.2.840.10008.1.2.6.1", "store images"),
        ("1.2.840.10008.1.2.7.2", "store images"),
        ("1.2.3.4", "not a transfer syntax"),
    ],
)
def test_a_refusal_says_what_to_do(uid: str, word: str) -> None:
    reason = explain_refusal(uid)
    assert reason.startswith(NAMES.get(uid, ""))
    assert word in reason
    assert "decoded" in reason or "have the source" in reason or "store images" in reason
