"""Keyed pseudonyms: the same patient, UID and offset each time, and no way back without the key."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass, field
from datetime import date, timedelta

from pydicom._uid_dict import UID_dictionary

__all__ = ["Pseudonyms", "shift_date", "shift_datetime"]

_LARGEST_SHIFT_DAYS = 3650
_DATE = re.compile(r"(\d{4})\.?(\d{2})\.?(\d{2})")  # PS3.5 6.2: the dots are ACR-NEMA's
_TIME_OF_DATETIME = re.compile(r"(\d{2}){0,3}(\.\d{1,6})?([+-]\d{4})?")


@dataclass(frozen=True, slots=True)
class Pseudonyms:
    """What stands in place of identities, computed from one archive's key.

    Parameters
    ----------
    secret_key
        32 random bytes of the archive; whoever has them can test guesses of an identity.

    Examples
    --------
    >>> one, other = Pseudonyms(b"k" * 32), Pseudonyms(b"l" * 32)
    >>> one.patient("4711", None, "1.2") == one.patient("4711", None, "1.3")
    True
    >>> one.patient("4711", None, "1.2") == other.patient("4711", None, "1.2")
    False
    """

    secret_key: bytes = field(repr=False)

    def patient(
        self, PatientID: str | None, IssuerOfPatientID: str | None, StudyInstanceUID: str
    ) -> str:
        """Return a patient's pseudonym: ``P-`` and 12 of the letters A-Z and digits 2-7.

        Where no PatientID is stated the study stands for the patient: two patients are never
        made one.
        """
        digest = self._digest(*self._whose(PatientID, IssuerOfPatientID, StudyInstanceUID))
        return "P-" + base64.b32encode(digest)[:12].decode()

    def offset_days(
        self, PatientID: str | None, IssuerOfPatientID: str | None, StudyInstanceUID: str
    ) -> int:
        """Return by how many days a patient's dates are moved: -3650 to -1, one for all of them."""
        whose = self._whose(PatientID, IssuerOfPatientID, StudyInstanceUID)
        digest = self._digest("dates", *whose)
        return -1 - int.from_bytes(digest[:8]) % _LARGEST_SHIFT_DAYS

    def uid(self, uid: str) -> str:
        """Return what stands for a UID: one below 2.25, or itself where the standard registers it.

        References
        ----------
        :dcm:`PS3.5 B.2 <part05/sect_B.2.html>`, RFC 9562 5.8 (version 8).
        """
        if uid in UID_dictionary:  # PS3.6's: a class, a syntax or the like, nobody's data
            return uid
        digest = bytearray(self._digest("uid", uid)[:16])
        digest[6] = digest[6] & 0x0F | 0x80
        digest[8] = digest[8] & 0x3F | 0x80
        return f"2.25.{int.from_bytes(digest)}"

    def fingerprint(self, text: str) -> str:
        """Return 64 hexadecimal digits by which equal texts are known, without telling them."""
        return self._digest("fingerprint", text).hex()

    @staticmethod
    def _whose(
        PatientID: str | None, IssuerOfPatientID: str | None, StudyInstanceUID: str
    ) -> tuple[str, ...]:
        identity = (PatientID or "").strip()
        if identity:
            return ("patient", identity, (IssuerOfPatientID or "").strip())
        return ("study", StudyInstanceUID)

    def _digest(self, *words: str) -> bytes:
        # Each word with its length, so that no two lists of words are one message.
        parts = [word.encode("utf-8", "surrogateescape") for word in words]
        message = b"".join(len(part).to_bytes(4) + part for part in parts)
        return hmac.digest(self.secret_key, b"noctis_lab pseudonyms 1" + message, hashlib.sha256)


def shift_date(value: str, days: int) -> str | None:
    """Return a DA value moved by days; None where it is no date.

    Examples
    --------
    >>> shift_date("20240301", -1), shift_date("2024-03-01", -1)
    ('20240229', None)
    """
    parts = _DATE.fullmatch(value.strip())
    if parts is None:
        return None
    try:
        moved = date(*map(int, parts.groups())) + timedelta(days)
    except (ValueError, OverflowError):
        return None
    return f"{moved.year:04}{moved.month:02}{moved.day:02}"


def shift_datetime(value: str, days: int) -> str | None:
    """Return a DT value moved by days; None where it is none, or not precise to the day."""
    value = value.strip()
    moved = shift_date(value[:8], days)
    if moved is None or not _TIME_OF_DATETIME.fullmatch(value[8:]):
        return None
    return moved + value[8:]
