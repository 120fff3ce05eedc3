"""Hashes of UIDs: a UID never becomes a path or a row's key itself, its hash does."""

from __future__ import annotations

import hashlib

__all__ = ["uid_hash", "uid_key"]


def uid_hash(uid: str) -> str:
    """Return the first 16 hexadecimal digits of the SHA-256 of a UID.

    Parameters
    ----------
    uid
        Any string, hostile ones included; surrogates are replaced.

    Returns
    -------
    str
        16 lower-case hexadecimal digits: safe as a folder's name.
    """
    return hashlib.sha256(uid.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def uid_key(uid: str) -> int:
    """Return the same 64 bits as `uid_hash`, as a signed integer: a row's key.

    Deterministic, so that a rebuilt catalogue has the same keys. Two UIDs with one key are as
    likely as 3e-6 among ten million; the unique index on the UID itself makes it an error, never
    a mix-up.
    """
    value = int(uid_hash(uid), 16)
    return value - (1 << 64) if value >= 1 << 63 else value
