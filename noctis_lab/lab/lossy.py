"""Which series were compressed with loss, from the catalogue's columns; asked once of each."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import TimeoutError as NotYet
from typing import TYPE_CHECKING

from noctis_lab.catalog.records import SeriesRow
from noctis_lab.dicom.lossy import LOSSY, LOSSY_SYNTAXES, Lossy, read_lossy
from noctis_lab.errors import CatalogError, QueryError

if TYPE_CHECKING:
    from noctis_lab.lab import Lab

__all__ = ["find_lossy_series"]

logger = logging.getLogger(__name__)

#: A list that is waited for does not wait longer for this: the next one has it.
WAIT_S = 1.0
_BYTES = 512
_ASKED = """
SELECT StudyInstanceUID, SeriesInstanceUID,
       max(LossyImageCompression) AS stated,
       any_value(LossyImageCompressionRatio) AS ratios,
       list(DISTINCT transfer_syntax_uid) AS syntaxes
FROM instances
WHERE list_contains($series, SeriesInstanceUID)
  AND (trim(LossyImageCompression) = $lossy OR list_contains($syntaxes, transfer_syntax_uid))
GROUP BY ALL
"""
_METHODS = """
SELECT StudyInstanceUID, SeriesInstanceUID, any_value(value) AS method
FROM elements
WHERE path = 'LossyImageCompressionMethod' AND list_contains($series, SeriesInstanceUID)
GROUP BY ALL
"""

type Found = dict[str, Lossy]


def find_lossy_series(lab: Lab, rows: Sequence[SeriesRow], *, wait_s: float = WAIT_S) -> Found:
    """Return how series were compressed with loss; those that were not are left out.

    Parameters
    ----------
    lab
        The open archive.
    rows
        The series.
    wait_s
        How long to wait for what is not known yet. It is asked on, and known the next time.

    Returns
    -------
    dict of str to Lossy
        By `SeriesRow.reference`.
    """
    keys = {_key(row): row for row in rows if row.image_count}
    known = {key: lab.handle.frames.find(key) for key in keys}
    unknown = [row for key, row in keys.items() if known[key] is None]
    if unknown:
        asking = lab.handle.executor.submit(_ask, lab, unknown)
        try:
            known |= asking.result(timeout=wait_s)
        except NotYet:
            logger.info("series not yet known to be lossy or not", extra={"series": len(unknown)})
        except (QueryError, CatalogError):
            # What a list shows beside it is not to be lost for this.
            logger.warning("whether series are lossy could not be asked", exc_info=True)
    return {row.reference: found for key, row in keys.items() if (found := known[key])}


def _key(row: SeriesRow) -> tuple[object, ...]:
    return ("lossy", row.reference, row.instance_count, row.last_received_at)


def _ask(lab: Lab, rows: Sequence[SeriesRow]) -> dict[tuple[object, ...], Lossy | bool]:
    """Ask the catalogue, and remember; False of what was not compressed with loss."""
    uids = [row.SeriesInstanceUID for row in rows]
    asked = {"series": uids, "lossy": LOSSY, "syntaxes": list(LOSSY_SYNTAXES)}
    found = {_whose(row): row for row in lab.sql(_ASKED, asked).df().to_dict("records")}
    methods: dict[tuple[str, str], str] = {}
    if found:
        named = {"series": [series for _, series in found]}
        methods = {
            _whose(row): row["method"] for row in lab.sql(_METHODS, named).df().to_dict("records")
        }
    answer: dict[tuple[object, ...], Lossy | bool] = {}
    for row in rows:
        whose = (row.StudyInstanceUID, row.SeriesInstanceUID)
        said = found.get(whose)
        lossy: Lossy | None = None
        if said is not None:
            ratios = said["ratios"]
            lossy = read_lossy(
                said["stated"] if isinstance(said["stated"], str) else None,
                [float(ratio) for ratio in ratios] if hasattr(ratios, "__len__") else [],
                methods.get(whose),
                said["syntaxes"],
            )
        answer[_key(row)] = lossy or False
        lab.handle.frames.put(_key(row), lossy or False, _BYTES)
    return answer


def _whose(row: dict[str, str]) -> tuple[str, str]:
    return row["StudyInstanceUID"], row["SeriesInstanceUID"]
