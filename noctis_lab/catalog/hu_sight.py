"""Records of calibration that somebody may see, straight from the commit tier."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, select

from noctis_lab.catalog import schema
from noctis_lab.catalog.grants import facilities_by_study
from noctis_lab.catalog.hu_records import HuKind, HuRecord, to_record
from noctis_lab.catalog.rows import clean_text, is_withheld_reference
from noctis_lab.catalog.snapshot import in_pieces
from noctis_lab.catalog.store import Catalog
from noctis_lab.dicom.uids import uid_key

__all__ = ["find_in_sight", "is_told_to", "studies_seen_beyond"]

logger = logging.getLogger(__name__)


def find_in_sight(
    catalog: Catalog,
    kinds: Collection[HuKind],
    facilities: Collection[str] | None = None,
    *,
    scanner: str | None = None,
    SeriesInstanceUID: str | None = None,
) -> list[HuRecord]:
    """Return the records of some kinds that people of some facilities may see, oldest first.

    A record of a series is seen by who may see its study, and of a withheld series by nobody; one
    of a scanner as `is_told_to` says, whoever has an analysis of it: that the caller asks.

    Parameters
    ----------
    facilities
        None for every one.
    scanner, SeriesInstanceUID
        Only what is of it; of each of several series of one UID.
    """
    table = schema.hu_record
    statement = select(table).where(table.c.kind.in_([kind.value for kind in kinds]))
    if scanner is not None:
        statement = statement.where(table.c.scanner == clean_text(scanner))
    if SeriesInstanceUID is not None:  # a reference ends with it, but for a withheld series'
        reference = table.c.reference
        of_study = reference.endswith(f"\\{SeriesInstanceUID}", autoescape=True)
        statement = statement.where((reference == SeriesInstanceUID) | of_study)
    with catalog.connections.read() as connection:
        rows = connection.execute(statement.order_by(table.c.record_number)).all()
        rows = [each for each in rows if not is_withheld_reference(each.reference or "")]
        if facilities is not None:
            rows = _within(connection, rows, facilities)
    found = [record for row in rows if (record := _read(row)) is not None]
    return [each for each in found if is_told_to(each.document, facilities)]


def is_told_to(document: Mapping[str, Any], facilities: Collection[str] | None) -> bool:
    """Return whether people of some facilities are told what was said of a scanner.

    Its name is no secret, and two facilities may have scanners of one name: so each is told what
    was said by somebody who saw studies of theirs, and no more.
    """
    reach = document.get("facilities")
    if facilities is None or not isinstance(reach, list):
        return True
    return not set(facilities).isdisjoint(reach)


def studies_seen_beyond(
    catalog: Catalog, StudyInstanceUIDs: Collection[str], facilities: Collection[str]
) -> set[str]:
    """Return those of some studies that people of other facilities see too."""
    by_key = {uid_key(uid): uid for uid in StudyInstanceUIDs}
    found: set[str] = set()
    with catalog.connections.read() as connection:
        for piece in in_pieces(sorted(by_key)):
            for key, seen_by in facilities_by_study(connection, piece).items():
                if not set(seen_by) <= set(facilities):
                    found.add(by_key[key])
    return found


def _within(connection: Connection, rows: Sequence[Any], facilities: Collection[str]) -> list[Any]:
    keys = {uid: uid_key(uid) for row in rows if (uid := row.StudyInstanceUID) is not None}
    granted: set[int] = set()
    for piece in in_pieces(sorted(set(keys.values()))):
        for key, seen_by in facilities_by_study(connection, piece).items():
            if not set(seen_by).isdisjoint(facilities):
                granted.add(key)
    uids = {uid for uid, key in keys.items() if key in granted}
    return [row for row in rows if row.StudyInstanceUID is None or row.StudyInstanceUID in uids]


def _read(row: Any) -> HuRecord | None:
    try:
        record = to_record(row)
        record.document.items()
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        words = {"record_id": row.record_id, "error": type(error).__name__}
        logger.warning("a record of calibration is left out: it is none", extra=words)
        return None
    return record
