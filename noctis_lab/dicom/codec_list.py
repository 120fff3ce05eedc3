"""Which transfer syntaxes are decoded, by which library in which version."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from importlib.metadata import version

import imagecodecs
import numpy as np

from noctis_lab.dicom.decoders import CODECS
from noctis_lab.dicom.transfer_syntaxes import NAMES, NATIVE, explain_refusal

__all__ = ["CodecRow", "list_codecs"]

_DISTRIBUTIONS = {"openjpeg": "pylibjpeg-openjpeg", "rle": "pylibjpeg-rle"}


@dataclass(frozen=True, slots=True, kw_only=True)
class CodecRow:
    """What is done with one transfer syntax' pixels; either `library` or `refusal` is set."""

    transfer_syntax_uid: str
    name: str  # of PS3.6
    library: str | None  # that decodes, as "imagecodecs.JPEG8"
    version: str | None  # of the library, and of what it wraps
    fallbacks: tuple[str, ...]  # libraries that would decode if the first were missing
    refusal: str | None  # why it is not decoded, and what to do


def list_codecs() -> tuple[CodecRow, ...]:
    """List every transfer syntax of DICOM with its decoder, or with the reason for none.

    Returns
    -------
    tuple of CodecRow
        In the order of their UIDs in PS3.6 table A-1.

    References
    ----------
    :dcm:`PS3.6 A <part06/chapter_A.html>`

    Examples
    --------
    >>> [row.library for row in list_codecs() if row.name == "RLE Lossless"]
    ['imagecodecs.DICOMRLE']
    """
    return tuple(_describe(uid, name) for uid, name in NAMES.items())


def _describe(uid: str, name: str) -> CodecRow:
    libraries: tuple[str, ...] = ("numpy",) if uid in NATIVE else ()
    libraries += tuple(codec.library for codec in CODECS.get(uid, ()) if codec.available)
    first = libraries[0] if libraries else None
    return CodecRow(
        transfer_syntax_uid=uid,
        name=name,
        library=first,
        version=None if first is None else _version(first),
        fallbacks=libraries[1:],
        refusal=None if libraries else explain_refusal(uid),
    )


def _version(library: str) -> str:
    package, _, codec = library.partition(".")
    if package == "numpy":
        return np.__version__
    if package == "zlib":
        return zlib.ZLIB_RUNTIME_VERSION
    if package == "imagecodecs":
        wrapped = getattr(imagecodecs, f"{codec.lower()}_version")()
        return f"{imagecodecs.__version__} ({wrapped})"
    return version(_DISTRIBUTIONS[package])
