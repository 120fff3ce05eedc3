"""The transfer syntaxes by name, and why the pixels of some are not decoded here."""

from __future__ import annotations

from types import MappingProxyType

__all__ = ["JPEG_2000", "JPEG_XL", "NAMES", "NATIVE", "STREAMS", "explain_refusal"]

_VIDEO = (
    "it is a video stream, which is kept but not decoded; play the instance's file in a player "
    "that takes DICOM video, or have the source send single frames (such as JPEG or RLE)"
)
_JPIP = (
    "its pixels are kept by a JPIP server and are not in the file; have the source send the "
    "instance in another transfer syntax"
)
_HIERARCHICAL = (
    "no maintained library decodes hierarchical JPEG, a retired process; have the source send "
    "another transfer syntax, such as JPEG Lossless (1.2.840.10008.1.2.4.70)"
)
_LOSSLESS_ARITHMETIC = (
    "no maintained library decodes arithmetic-coded lossless JPEG, a retired process; have the "
    "source send another transfer syntax, such as JPEG Lossless (1.2.840.10008.1.2.4.70)"
)
_MULTI_COMPONENT = (
    "no library here takes apart codestreams whose components are frames; have the source send "
    "another transfer syntax, such as JPEG 2000 (1.2.840.10008.1.2.4.90)"
)
_NO_DATA_SET = "it is not a way to store images in files"
_UNKNOWN = (
    "it is not a transfer syntax of DICOM that is known here; have the source send a standard one, "
    "such as explicit VR little endian (1.2.840.10008.1.2.1)"
)

#: UID → name, as PS3.6 table A-1 has them, in its order.
NAMES: MappingProxyType[str, str] = MappingProxyType(
    {
        "1.2.840.10008.1.2": "Implicit VR Little Endian",
        "1.2.840.10008.1.2.1": "Explicit VR Little Endian",
        "1.2.840.10008.1.2.1.98": "Encapsulated Uncompressed Explicit VR Little Endian",
        "1.2.840.10008.1.2.1.99": "Deflated Explicit VR Little Endian",
        "1.2.840.10008.1.2.2": "Explicit VR Big Endian",
        "1.2.840.10008.1.2.4.50": "JPEG Baseline (Process 1)",
        "1.2.840.10008.1.2.4.51": "JPEG Extended (Process 2 and 4)",
        "1.2.840.10008.1.2.4.52": "JPEG Extended (Process 3 and 5)",
        "1.2.840.10008.1.2.4.53": "JPEG Spectral Selection, Non-Hierarchical (Process 6 and 8)",
        "1.2.840.10008.1.2.4.54": "JPEG Spectral Selection, Non-Hierarchical (Process 7 and 9)",
        "1.2.840.10008.1.2.4.55": "JPEG Full Progression, Non-Hierarchical (Process 10 and 12)",
        "1.2.840.10008.1.2.4.56": "JPEG Full Progression, Non-Hierarchical (Process 11 and 13)",
        "1.2.840.10008.1.2.4.57": "JPEG Lossless, Non-Hierarchical (Process 14)",
        "1.2.840.10008.1.2.4.58": "JPEG Lossless, Non-Hierarchical (Process 15)",
        "1.2.840.10008.1.2.4.59": "JPEG Extended, Hierarchical (Process 16 and 18)",
        "1.2.840.10008.1.2.4.60": "JPEG Extended, Hierarchical (Process 17 and 19)",
        "1.2.840.10008.1.2.4.61": "JPEG Spectral Selection, Hierarchical (Process 20 and 22)",
        "1.2.840.10008.1.2.4.62": "JPEG Spectral Selection, Hierarchical (Process 21 and 23)",
        "1.2.840.10008.1.2.4.63": "JPEG Full Progression, Hierarchical (Process 24 and 26)",
        "1.2.840.10008.1.2.4.64": "JPEG Full Progression, Hierarchical (Process 25 and 27)",
        "1.2.840.10008.1.2.4.65": "JPEG Lossless, Hierarchical (Process 28)",
        "1.2.840.10008.1.2.4.66": "JPEG Lossless, Hierarchical (Process 29)",
        "1.2.840.10008.1.2.4.70": (
            "JPEG Lossless, Non-Hierarchical, First-Order Prediction "
            "(Process 14 [Selection Value 1])"
        ),
        "1.2.840.10008.1.2.4.80": "JPEG-LS Lossless Image Compression",
        "1.2.840.10008.1.2.4.81": "JPEG-LS Lossy (Near-Lossless) Image Compression",
        "1.2.840.10008.1.2.4.90": "JPEG 2000 Image Compression (Lossless Only)",
        "1.2.840.10008.1.2.4.91": "JPEG 2000 Image Compression",
        "1.2.840.10008.1.2.4.92": (
            "JPEG 2000 Part 2 Multi-component Image Compression (Lossless Only)"
        ),
        "1.2.840.10008.1.2.4.93": "JPEG 2000 Part 2 Multi-component Image Compression",
        "1.2.840.10008.1.2.4.94": "JPIP Referenced",
        "1.2.840.10008.1.2.4.95": "JPIP Referenced Deflate",
        "1.2.840.10008.1.2.4.100": "MPEG2 Main Profile / Main Level",
        "1.2.840.10008.1.2.4.100.1": "Fragmentable MPEG2 Main Profile / Main Level",
        "1.2.840.10008.1.2.4.101": "MPEG2 Main Profile / High Level",
        "1.2.840.10008.1.2.4.101.1": "Fragmentable MPEG2 Main Profile / High Level",
        "1.2.840.10008.1.2.4.102": "MPEG-4 AVC/H.264 High Profile / Level 4.1",
        "1.2.840.10008.1.2.4.102.1": "Fragmentable MPEG-4 AVC/H.264 High Profile / Level 4.1",
        "1.2.840.10008.1.2.4.103": "MPEG-4 AVC/H.264 BD-compatible High Profile / Level 4.1",
        "1.2.840.10008.1.2.4.103.1": (
            "Fragmentable MPEG-4 AVC/H.264 BD-compatible High Profile / Level 4.1"
        ),
        "1.2.840.10008.1.2.4.104": "MPEG-4 AVC/H.264 High Profile / Level 4.2 For 2D Video",
        "1.2.840.10008.1.2.4.104.1": (
            "Fragmentable MPEG-4 AVC/H.264 High Profile / Level 4.2 For 2D Video"
        ),
        "1.2.840.10008.1.2.4.105": "MPEG-4 AVC/H.264 High Profile / Level 4.2 For 3D Video",
        "1.2.840.10008.1.2.4.105.1": (
            "Fragmentable MPEG-4 AVC/H.264 High Profile / Level 4.2 For 3D Video"
        ),
        "1.2.840.10008.1.2.4.106": "MPEG-4 AVC/H.264 Stereo High Profile / Level 4.2",
        "1.2.840.10008.1.2.4.106.1": (
            "Fragmentable MPEG-4 AVC/H.264 Stereo High Profile / Level 4.2"
        ),
        "1.2.840.10008.1.2.4.107": "HEVC/H.265 Main Profile / Level 5.1",
        "1.2.840.10008.1.2.4.108": "HEVC/H.265 Main 10 Profile / Level 5.1",
        "1.2.840.10008.1.2.4.110": "JPEG XL Lossless",
        "1.2.840.10008.1.2.4.111": "JPEG XL JPEG Recompression",
        "1.2.840.10008.1.2.4.112": "JPEG XL",
        "1.2.840.10008.1.2.4.201": ("High-Throughput JPEG 2000 Image Compression (Lossless Only)"),
        "1.2.840.10008.1.2.4.202": (
            "High-Throughput JPEG 2000 with RPCL Options Image Compression (Lossless Only)"
        ),
        "1.2.840.10008.1.2.4.203": "High-Throughput JPEG 2000 Image Compression",
        "1.2.840.10008.1.2.4.204": "JPIP HTJ2K Referenced",
        "1.2.840.10008.1.2.4.205": "JPIP HTJ2K Referenced Deflate",
        "1.2.840.10008.1.2.5": "RLE Lossless",
        "1.2.840.10008.1.2.6.1": "RFC 2557 MIME encapsulation",
        "1.2.840.10008.1.2.6.2": "XML Encoding",
        "1.2.840.10008.1.2.7.1": "SMPTE ST 2110-20 Uncompressed Progressive Active Video",
        "1.2.840.10008.1.2.7.2": "SMPTE ST 2110-20 Uncompressed Interlaced Active Video",
        "1.2.840.10008.1.2.7.3": "SMPTE ST 2110-30 PCM Digital Audio",
        "1.2.840.10008.1.2.8.1": "Deflated Image Frame Compression",
        "1.2.840.10008.1.20": "Papyrus 3 Implicit VR Little Endian",
    }
)

#: Whose pixels stand as they are, in the data set or in the deflated data set (PS3.5 A.1-A.3, A.5).
NATIVE = frozenset(
    {
        "1.2.840.10008.1.2",
        "1.2.840.10008.1.2.1",
        "1.2.840.10008.1.2.1.99",
        "1.2.840.10008.1.2.2",
    }
)
#: JPEG 2000 and HTJ2K, of one image a codestream.
JPEG_2000 = frozenset(f"1.2.840.10008.1.2.4.{number}" for number in (90, 91, 201, 202, 203))
JPEG_XL = frozenset(f"1.2.840.10008.1.2.4.{number}" for number in (110, 111, 112))
_HIERARCHICAL_JPEG = frozenset(f"1.2.840.10008.1.2.4.{number}" for number in range(59, 67))
_JPIP_REFERENCED = frozenset(f"1.2.840.10008.1.2.4.{number}" for number in (94, 95, 204, 205))
_VIDEO_STREAMS = frozenset(
    f"1.2.840.10008.1.2.4.{number}{fragmentable}"
    for number in range(100, 109)
    for fragmentable in ("", ".1")
)
_MULTI_COMPONENT_2000 = frozenset({"1.2.840.10008.1.2.4.92", "1.2.840.10008.1.2.4.93"})
#: Whose frames are not fragments (PS3.5 A.4.4-A.4.9): they lie within one stream, or are components
#: of one codestream.
STREAMS = _VIDEO_STREAMS | _MULTI_COMPONENT_2000
_NO_FILES = ("1.2.840.10008.1.2.6.", "1.2.840.10008.1.2.7.", "1.2.840.10008.1.20")


def explain_refusal(transfer_syntax_uid: str) -> str:
    """Say why the pixels of a transfer syntax are not decoded, and what to do instead.

    Parameters
    ----------
    transfer_syntax_uid
        One that has no decoder here.

    Returns
    -------
    str
        A clause that begins with the syntax's name, where it has one.

    References
    ----------
    :dcm:`PS3.6 A <part06/chapter_A.html>`

    Examples
    --------
    >>> explain_refusal("1.2.840.10008.1.2.6.2")
    'XML Encoding: it is not a way to store images in files'
    """
    name = NAMES.get(transfer_syntax_uid)
    if name is None:
        return _UNKNOWN
    if transfer_syntax_uid in _VIDEO_STREAMS:
        why = _VIDEO
    elif transfer_syntax_uid in _JPIP_REFERENCED:
        why = _JPIP
    elif transfer_syntax_uid in _HIERARCHICAL_JPEG:
        why = _HIERARCHICAL
    elif transfer_syntax_uid in _MULTI_COMPONENT_2000:
        why = _MULTI_COMPONENT
    elif transfer_syntax_uid == "1.2.840.10008.1.2.4.58":
        why = _LOSSLESS_ARITHMETIC
    elif transfer_syntax_uid.startswith(_NO_FILES):
        why = _NO_DATA_SET
    else:
        why = "no decoder for it is installed; 'noctis doctor' lists those that are"
    return f"{name}: {why}"
