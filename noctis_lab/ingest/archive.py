"""An archive opened for taking things in: storage, journal, catalogue, ledger and pipeline."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from noctis_lab.catalog.store import Catalog, open_catalog
from noctis_lab.config import Settings
from noctis_lab.ingest.ledger import Ledger
from noctis_lab.ingest.pipeline import Pipeline
from noctis_lab.ingest.recovery import recover
from noctis_lab.storage.files import Storage
from noctis_lab.storage.journal import Journal
from noctis_lab.storage.layout import JOURNAL

__all__ = ["OpenArchive", "build_archive", "open_archive"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenArchive:
    """What the doors share."""

    storage: Storage
    journal: Journal
    catalog: Catalog
    ledger: Ledger
    pipeline: Pipeline


def build_archive(settings: Settings, storage: Storage, catalog: Catalog) -> OpenArchive:
    """Return what takes things in over a storage and a catalogue that are open already."""
    journal = Journal(settings.root / JOURNAL)
    ledger = Ledger(journal, catalog)
    pipeline = Pipeline(
        storage=storage,
        catalog=catalog,
        ledger=ledger,
        max_instance_bytes=settings.max_instance_bytes,
    )
    return OpenArchive(
        storage=storage, journal=journal, catalog=catalog, ledger=ledger, pipeline=pipeline
    )


@contextmanager
def open_archive(settings: Settings, *, may_migrate: bool = False) -> Iterator[OpenArchive]:
    """Hold an archive open for writing, recovered from whatever happened before.

    Parameters
    ----------
    may_migrate
        Bring an older catalogue up to this program's schema.

    Raises
    ------
    StorageError, CatalogError
        It cannot be opened.
    """
    storage = Storage(settings.root, min_free_bytes=settings.min_free_bytes)
    with open_catalog(settings.root, may_migrate=may_migrate, quiet_s=settings.quiet_s) as catalog:
        archive = build_archive(settings, storage, catalog)
        recover(storage, catalog, archive.ledger)
        yield archive
