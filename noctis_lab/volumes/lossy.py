"""Which series were compressed with loss, from the catalogue's columns; asked once of each."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from noctis_lab.catalog.notes import LAST_CORRECTION
from noctis_lab.catalog.records import SeriesRow
from noctis_lab.dicom.header import Header
from noctis_lab.dicom.lossy import LOSSY, LOSSY_SYNTAXES, Lossy, find_lossy, read_lossy
from noctis_lab.errors import CatalogError, QueryError

if TYPE_CHECKING:
    from noctis_lab.volumes.cache import Handle

__all__ = ["find_lossy_now", "find_lossy_series"]

logger = logging.getLogger(__name__)

#: A list that is waited for does not wait longer for this: the next one has it.
_WAIT_S = 1.0
#: Nor a first image than this; DuckDB, once begun, answers in some 10 ms.
_AT_ONCE_S = 0.05
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

type _Key = tuple[object, ...]


def find_lossy_series(
    handle: Handle, rows: Sequence[SeriesRow], *, wait_s: float = _WAIT_S
) -> dict[str, Lossy]:
    """Return how series were compressed with loss; those that were not are left out.

    A series was where one of its instances says so.

    Parameters
    ----------
    handle
        The open archive.
    rows
        The series.
    wait_s
        How long to wait for what is not known yet, seconds. It is asked on, and known the next
        time.

    Returns
    -------
    dict of str to Lossy
        By `SeriesRow.reference`.
    """
    found = _known(handle, rows, handle.catalog.find_note(LAST_CORRECTION), wait_s=wait_s)
    return {reference: lossy for reference, lossy in found.items() if isinstance(lossy, Lossy)}


def find_lossy_now(
    handle: Handle, row: SeriesRow, header: Header | None, transfer_syntaxes: Iterable[str]
) -> Lossy | None:
    """Return how one series was compressed with loss, for its first image; None where it was not.

    Parameters
    ----------
    handle, row
        As `find_lossy_series`, whose answer this is where it is known or can be had at once.
    header, transfer_syntaxes
        Of one of its images, where it can be read, and of all: what they say stands in while
        DuckDB was not begun by whoever listed something, and where it takes longer.
    """
    corrected = handle.catalog.find_note(LAST_CORRECTION)
    known = handle.frames.find(_key(row, corrected))
    if known is None and handle.is_query_open:
        known = _known(handle, [row], corrected, wait_s=_AT_ONCE_S).get(row.reference)
    if known is None:
        return find_lossy(header, transfer_syntaxes)
    return known if isinstance(known, Lossy) else None


def _known(
    handle: Handle, rows: Sequence[SeriesRow], corrected: str | None, *, wait_s: float
) -> dict[str, Lossy | bool]:
    """Return what is known in time, by reference; False of what was not compressed with loss."""
    keys: dict[_Key, SeriesRow] = {_key(row, corrected): row for row in rows if row.image_count}
    found = handle.questions.answers(keys, partial(_ask, handle, keys), wait_s=wait_s)
    if len(found) < len(keys):
        unknown = len(keys) - len(found)
        logger.debug("series not yet known to be lossy or not", extra={"series": unknown})
    return {keys[key].reference: lossy for key, lossy in found.items()}


def _key(row: SeriesRow, corrected: str | None) -> _Key:
    # A series one of whose instances was exchanged may have the count and the time that it had.
    return ("lossy", row.reference, row.instance_count, row.last_received_at, corrected)


def _ask(
    handle: Handle, known: dict[_Key, SeriesRow], keys: list[_Key]
) -> dict[_Key, Lossy | bool]:
    """Ask the catalogue."""
    rows = [known[key] for key in keys]
    uids = [row.SeriesInstanceUID for row in rows]
    asked = {"series": uids, "lossy": LOSSY, "syntaxes": list(LOSSY_SYNTAXES)}
    methods: dict[tuple[str, str], str] = {}
    try:
        sql = handle.query.sql
        found = {_whose(row): row for row in sql(_ASKED, asked).df().to_dict("records")}
        if found:
            named = {"series": [series for _, series in found]}
            methods = {
                _whose(row): row["method"] for row in sql(_METHODS, named).df().to_dict("records")
            }
    except (QueryError, CatalogError):
        # What a list shows beside it is not to be lost for this.
        logger.warning("whether series are lossy could not be asked", exc_info=True)
        return {}
    answer: dict[_Key, Lossy | bool] = {}
    for key, row in zip(keys, rows, strict=True):
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
        answer[key] = lossy or False
    return answer


def _whose(row: dict[str, str]) -> tuple[str, str]:
    return row["StudyInstanceUID"], row["SeriesInstanceUID"]
