"""Fill a catalogue for a test: with hand-made entries, or with the headers of real data sets."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydicom.dataset import Dataset
from sqlalchemy import insert, update

from noctis_lab.catalog import schema
from noctis_lab.catalog.records import CommitOutcome, InstanceEntry, Receipt, ReceiptSource
from noctis_lab.catalog.store import Catalog
from noctis_lab.catalog.wide import encode_elements
from noctis_lab.dicom.geometry import PlaneGeometry
from noctis_lab.dicom.header import Element, read_header
from noctis_lab.dicom.uids import uid_key
from noctis_lab.events import SeriesFlushed
from noctis_lab.ingest.admission import build_entry
from noctis_lab.synthetic import write_series

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
SOP_CLASS = "1.2.840.10008.5.1.4.1.1.2"


def receipt(seconds: float = 0.0, facility: str = "local") -> Receipt:
    return Receipt(
        source=ReceiptSource.SCP,
        facility=facility,
        calling_aet="CT1",
        called_aet="NOCTIS_SCP",
        received_at=BEGIN + timedelta(seconds=seconds),
    )


def text(path: str, value: str | None, *, tag: int = 0x00100010, VR: str = "LO") -> Element:
    return Element(path, tag, VR, None, value, None, len(value or ""))


def number(path: str, value: str, *, tag: int = 0x00180060, VR: str = "DS") -> Element:
    return Element(path, tag, VR, None, value, float(value), len(value))


def identified(study: str, series: str, instance: str, *more: Element) -> tuple[Element, ...]:
    return (
        text("SOPClassUID", SOP_CLASS, tag=0x00080016, VR="UI"),
        text("SOPInstanceUID", instance, tag=0x00080018, VR="UI"),
        text("StudyInstanceUID", study, tag=0x0020000D, VR="UI"),
        text("SeriesInstanceUID", series, tag=0x0020000E, VR="UI"),
        *more,
    )


def entry(study: str, series: str, instance: str, *more: Element) -> InstanceEntry:
    return InstanceEntry(
        SOPInstanceUID=instance,
        SOPClassUID=SOP_CLASS,
        SeriesInstanceUID=series,
        StudyInstanceUID=study,
        transfer_syntax_uid="1.2.840.10008.1.2.1",
        sha256=hashlib.sha256(instance.encode()).digest(),
        data_set_offset=300,
        data_set_length=1000,
        pixels=None,
        plane=PlaneGeometry(position_mm=None, orientation=None, pixel_spacing_mm=None),
        rescale=None,
        elements=identified(study, series, instance, *more),
        in_place=None,
        receipt=receipt(),
    )


def commit(catalog: Catalog, *entries: InstanceEntry) -> None:
    for one in entries:
        assert catalog.commit_instance(one).outcome is CommitOutcome.STORED


def commit_data_sets(
    catalog: Catalog, data_sets: Iterable[Dataset], folder: Path
) -> list[InstanceEntry]:
    entries = [
        build_entry(
            read_header(path),
            sha256=hashlib.sha256(path.read_bytes()).digest(),
            receipt=receipt(),
        )
        for path in write_series(data_sets, folder)
    ]
    commit(catalog, *entries)
    return entries


def correct(catalog: Catalog, series: str, instance: str, elements: Sequence[Element]) -> None:
    """Write a later wide row of a known instance, as a correction does."""
    fact = SeriesFlushed(SeriesInstanceUID=series)
    with catalog.connections.write() as connection:
        event_id = connection.execute(
            insert(schema.event)
            .values(kind=fact.kind, fields=fact.to_json(), at=0)
            .returning(schema.event.c.event_id)
        ).scalar_one()
        connection.execute(
            insert(schema.wide).values(
                wide_key=event_id,
                series_key=uid_key(series),
                instance_key=uid_key(instance),
                elements=encode_elements(elements),
            )
        )
        connection.execute(
            update(schema.series)
            .where(schema.series.c.series_key == uid_key(series))
            .values(is_dirty=True)
        )
