"""The presentation contexts that the receiver accepts: every storage SOP class, as received."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from pydicom._uid_dict import UID_dictionary
from pynetdicom import build_context
from pynetdicom.presentation import AllStoragePresentationContexts, PresentationContext

from noctis_lab.dicom.transfer_syntaxes import NAMES

__all__ = [
    "TRANSFER_SYNTAXES",
    "VERIFICATION",
    "private_contexts",
    "storage_sop_classes",
    "supported_contexts",
]

VERIFICATION: Final = "1.2.840.10008.1.1"

_STANDARD_ROOT = "1.2.840.10008."
#: Uncompressed first, and those in DCMTK's order (explicit little, explicit big, implicit), so that
#: the same sender leaves the same bytes here as with storescp.
_PREFERRED: Final = (
    "1.2.840.10008.1.2.1",  # Explicit VR Little Endian
    "1.2.840.10008.1.2.2",  # Explicit VR Big Endian
    "1.2.840.10008.1.2",  # Implicit VR Little Endian
    "1.2.840.10008.1.2.1.99",  # Deflated Explicit VR Little Endian
    "1.2.840.10008.1.2.5",  # RLE Lossless
    "1.2.840.10008.1.2.4.70",  # JPEG Lossless, Selection Value 1
    "1.2.840.10008.1.2.4.57",  # JPEG Lossless
    "1.2.840.10008.1.2.4.80",  # JPEG-LS Lossless
    "1.2.840.10008.1.2.4.90",  # JPEG 2000 Lossless
    "1.2.840.10008.1.2.4.201",  # HTJ2K Lossless
    "1.2.840.10008.1.2.4.202",  # HTJ2K Lossless RPCL
    "1.2.840.10008.1.2.4.50",  # JPEG Baseline
    "1.2.840.10008.1.2.4.51",  # JPEG Extended
    "1.2.840.10008.1.2.4.81",  # JPEG-LS Near-Lossless
    "1.2.840.10008.1.2.4.91",  # JPEG 2000
    "1.2.840.10008.1.2.4.203",  # HTJ2K
    "1.2.840.10008.1.2.4.92",  # JPEG 2000 Part 2 Lossless
    "1.2.840.10008.1.2.4.93",  # JPEG 2000 Part 2
    "1.2.840.10008.1.2.4.100",  # MPEG-2 Main Profile / Main Level
    "1.2.840.10008.1.2.4.100.1",
    "1.2.840.10008.1.2.4.101",  # MPEG-2 Main Profile / High Level
    "1.2.840.10008.1.2.4.101.1",
    "1.2.840.10008.1.2.4.102",  # MPEG-4 AVC/H.264
    "1.2.840.10008.1.2.4.102.1",
    "1.2.840.10008.1.2.4.103",
    "1.2.840.10008.1.2.4.103.1",
    "1.2.840.10008.1.2.4.104",
    "1.2.840.10008.1.2.4.104.1",
    "1.2.840.10008.1.2.4.105",
    "1.2.840.10008.1.2.4.105.1",
    "1.2.840.10008.1.2.4.106",
    "1.2.840.10008.1.2.4.106.1",
    "1.2.840.10008.1.2.4.107",  # HEVC/H.265
    "1.2.840.10008.1.2.4.108",
)
# No data sets as PS3.10 files hold them: MIME and XML, SMPTE's streams, Papyrus.
_OTHER_FORMS = ("1.2.840.10008.1.2.6.", "1.2.840.10008.1.2.7.", "1.2.840.10008.1.20")

#: In the order of preference where a peer offers several in one context; after the usual ones all
#: that PS3.6 Annex A lists, retired ones included.
TRANSFER_SYNTAXES: Final = (
    *_PREFERRED,
    *(uid for uid in NAMES if uid not in _PREFERRED and not uid.startswith(_OTHER_FORMS)),
)

_STORAGE_ROOT = "1.2.840.10008.5.1.4.1.1."


def storage_sop_classes() -> tuple[str, ...]:
    """Return the UIDs of all storage SOP classes, retired ones included, sorted.

    References
    ----------
    :dcm:`PS3.4 B.5 <part04/sect_B.5.html>`, PS3.6 Annex A (for the retired ones).
    """
    standing = {str(context.abstract_syntax) for context in AllStoragePresentationContexts}
    listed = {
        uid
        for uid, (name, kind, *_) in UID_dictionary.items()
        if kind == "SOP Class" and "Storage" in name and uid.startswith(_STORAGE_ROOT)
    }
    return tuple(sorted(standing | listed))


def supported_contexts() -> list[PresentationContext]:
    """Return what an association may be accepted for: Verification and all storage classes."""
    contexts = [build_context(VERIFICATION, list(TRANSFER_SYNTAXES[:3]))]
    contexts += [build_context(uid, list(TRANSFER_SYNTAXES)) for uid in storage_sop_classes()]
    return contexts


def private_contexts(proposed: Iterable[PresentationContext]) -> list[PresentationContext]:
    """Return what is accepted of private SOP classes, of whatever a peer proposes."""
    uids = {str(context.abstract_syntax) for context in proposed}
    return [
        build_context(uid, list(TRANSFER_SYNTAXES))
        for uid in sorted(uids)
        if not uid.startswith(_STANDARD_ROOT)
    ]
