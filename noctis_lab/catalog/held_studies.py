"""Which of many named studies are held, whose they are, and what is in them: asked at once."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from sqlalchemy import select

from noctis_lab.catalog import schema
from noctis_lab.catalog.grants import facilities_by_study
from noctis_lab.catalog.rows import clean_text
from noctis_lab.catalog.snapshot import in_pieces
from noctis_lab.catalog.store import Catalog
from noctis_lab.dicom.uids import uid_key

__all__ = ["HeldStudy", "find_held_studies"]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldStudy:
    """A study that the archive holds."""

    facilities: frozenset[str]  # that may see it
    SeriesInstanceUIDs: set[str] = field(default_factory=set)  # but those that are withheld


def find_held_studies(catalog: Catalog, StudyInstanceUIDs: Collection[str]) -> dict[str, HeldStudy]:
    """Return those of some studies that are held, by UID, with as many questions as for one."""
    study, series = schema.study, schema.series
    by_key = {uid_key(clean_text(uid)): uid for uid in StudyInstanceUIDs}
    found: dict[str, HeldStudy] = {}
    with catalog.connections.read() as connection:
        for piece in in_pieces(list(by_key)):
            facilities = facilities_by_study(connection, piece)
            held = select(study.c.study_key).where(study.c.study_key.in_(piece))
            for key in connection.execute(held).scalars():
                found[by_key[key]] = HeldStudy(facilities=frozenset(facilities[key]))
            seen = select(series.c.study_key, series.c.SeriesInstanceUID).where(
                series.c.study_key.in_(piece), series.c.is_withheld.is_(False)
            )
            for key, uid in connection.execute(seen):
                found[by_key[key]].SeriesInstanceUIDs.add(uid)
    return found
