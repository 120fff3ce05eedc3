"""Whether an image was ever compressed with loss, how and by how much."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from noctis_lab.dicom.header import Header

__all__ = ["LOSSY", "LOSSY_SYNTAXES", "Lossy", "find_lossy", "read_lossy"]

#: LossyImageCompression (0028,2110) of what was.
LOSSY = "01"
_JPEG = "1.2.840.10008.1.2.4."
#: Transfer syntaxes that cannot be without loss (PS3.5 10). Those that may be either way (JPEG
#: 2000, HTJ2K, JPEG XL) leave it to the attribute.
LOSSY_SYNTAXES: dict[str, str] = (
    {f"{_JPEG}{number}": "ISO_10918_1" for number in (*range(50, 57), *range(59, 65))}
    | {f"{_JPEG}81": "ISO_14495_1", f"{_JPEG}111": "ISO_10918_1"}
    | {f"{_JPEG}{part}": "ISO_13818_2" for part in ("100", "100.1", "101", "101.1")}
    | {
        f"{_JPEG}{number}{fragmentable}": "ISO_14496_10"
        for number in range(102, 107)
        for fragmentable in ("", ".1")
    }
    | {f"{_JPEG}{number}": "ISO_23008_2" for number in (107, 108)}
)
_METHODS = {
    "ISO_10918_1": "JPEG",
    "ISO_14495_1": "JPEG-LS, near-lossless",
    "ISO_15444_1": "JPEG 2000",
    "ISO_15444_15": "HTJ2K",
    "ISO_18181_1": "JPEG XL",
    "ISO_13818_2": "MPEG-2",
    "ISO_14496_10": "MPEG-4 AVC",
    "ISO_23008_2": "HEVC",
}
_MOST_SAID = 4
_LARGEST_RATIO = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Lossy:
    """That pixels were compressed with loss.

    Attributes
    ----------
    ratios
        LossyImageCompressionRatio, one for each time, where stated: 10.0 stands for 10 : 1.
    methods
        LossyImageCompressionMethod, one for each time, or what the transfer syntax is.
    """

    ratios: tuple[float, ...] = ()
    methods: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """In words for people: ``JPEG, 10 : 1``."""
        methods = [_METHODS.get(method, method) for method in self.methods[:_MOST_SAID]]
        ratios = [f"{ratio:.3g} : 1" for ratio in self.ratios[:_MOST_SAID]]
        return ", ".join([*dict.fromkeys(methods), *ratios])


def find_lossy(header: Header | None, transfer_syntaxes: Iterable[str]) -> Lossy | None:
    """Return how a series' images were compressed with loss; None where nothing says they were.

    Parameters
    ----------
    header
        Of one of its images, where it can be read.
    transfer_syntaxes
        UIDs of all of them.

    References
    ----------
    :dcm:`PS3.3 C.7.6.1.1.5 <part03/sect_C.7.6.html>`
    """
    if header is None:
        return read_lossy(None, (), None, transfer_syntaxes)
    return read_lossy(
        header.text("LossyImageCompression"),
        header.numbers("LossyImageCompressionRatio") or (),
        header.text("LossyImageCompressionMethod"),
        transfer_syntaxes,
    )


def read_lossy(
    stated: str | None,
    ratios: Sequence[float],
    method: str | None,
    transfer_syntaxes: Iterable[str],
) -> Lossy | None:
    r"""Return what values of an image say; as `find_lossy`.

    Parameters
    ----------
    stated, ratios, method
        LossyImageCompression, LossyImageCompressionRatio and LossyImageCompressionMethod, its
        values divided by ``\``.
    """
    by_syntax = tuple(
        dict.fromkeys(LOSSY_SYNTAXES[uid] for uid in transfer_syntaxes if uid in LOSSY_SYNTAXES)
    )
    if (stated or "").strip() != LOSSY and not by_syntax:
        return None
    # Anybody's words: what is no code string of the standard's shape is not repeated.
    named = [part.strip() for part in (method or "").split("\\")]
    methods = tuple(
        part for part in named if part and len(part) <= 16 and part.replace("_", "").isalnum()
    )
    return Lossy(
        ratios=tuple(
            ratio for ratio in ratios if math.isfinite(ratio) and 1 <= ratio <= _LARGEST_RATIO
        ),
        methods=methods or by_syntax,
    )
