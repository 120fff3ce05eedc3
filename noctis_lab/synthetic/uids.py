"""UIDs that are made from a seed, so that the same call gives the same instances."""

from __future__ import annotations

import hashlib
import uuid

from pydicom.uid import UID

__all__ = ["seeded_uid"]


def seeded_uid(seed: str, *parts: str | int) -> UID:
    """Return a UID under 2.25 that depends on its arguments only.

    Parameters
    ----------
    seed
        What tells one family of UIDs from another.
    *parts
        What tells the UIDs of a family apart: ``"study"``, ``"instance", 7`` …

    Returns
    -------
    pydicom.uid.UID
        ``2.25.`` and a 128-bit number that is a well-formed UUID.

    References
    ----------
    :dcm:`PS3.5 B.2 <part05/sect_B.2.html>`

    Examples
    --------
    >>> seeded_uid("demo", "study") == seeded_uid("demo", "study")
    True
    >>> seeded_uid("demo", "instance", 1) == seeded_uid("demo", "instance", 2)
    False
    """
    text = "\0".join((seed, *map(str, parts)))
    digest = hashlib.sha256(text.encode()).digest()[:16]
    return UID(f"2.25.{uuid.UUID(bytes=digest, version=5).int}")
