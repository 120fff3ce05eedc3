"""Whether pixels were compressed with loss: what is stated, and what the transfer syntax is."""

from __future__ import annotations

import pytest
from pydicom.uid import UID, AllTransferSyntaxes, JPEGTransferSyntaxes

from noctis_lab.dicom.lossy import LOSSY_SYNTAXES, Lossy, read_lossy


def test_no_syntax_that_may_be_without_loss_is_taken_for_lossy() -> None:
    names = {uid: UID(uid).name for uid in LOSSY_SYNTAXES}
    assert not [name for name in names.values() if "Lossless" in name and "Near" not in name]
    assert {"1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51"} <= names.keys()
    either = {"1.2.840.10008.1.2.4.91", "1.2.840.10008.1.2.4.93", "1.2.840.10008.1.2.4.203"}
    assert not either & names.keys()
    known = set(map(str, AllTransferSyntaxes)) | set(map(str, JPEGTransferSyntaxes))
    assert {"1.2.840.10008.1.2", "1.2.840.10008.1.2.5"} <= known - names.keys()


@pytest.mark.parametrize(
    ("stated", "ratios", "method", "syntaxes", "expected"),
    [
        ("00", (), None, ("1.2.840.10008.1.2.1",), None),
        (None, (), None, ("1.2.840.10008.1.2.4.91",), None),
        ("01", (), None, ("1.2.840.10008.1.2.1",), Lossy()),
        ("01 ", (10.0,), "ISO_15444_1", (), Lossy(ratios=(10.0,), methods=("ISO_15444_1",))),
        ("00", (), None, ("1.2.840.10008.1.2.4.50",), Lossy(methods=("ISO_10918_1",))),
        (
            "01",
            (float("nan"), -2.0, 1e9, 3.0),
            "<b>NAME</b>\\ISO_14495_1",
            (),
            Lossy(ratios=(3.0,), methods=("ISO_14495_1",)),
        ),
    ],
)
def test_what_an_image_says_of_its_loss(
    stated: str | None,
    ratios: tuple[float, ...],
    method: str | None,
    syntaxes: tuple[str, ...],
    expected: Lossy | None,
) -> None:
    assert read_lossy(stated, ratios, method, syntaxes) == expected
