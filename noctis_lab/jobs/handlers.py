"""What the worker does for each kind of job; every handler may run twice and do no harm."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from noctis_lab.catalog.columnar import flush_series, quiet_series
from noctis_lab.catalog.compaction import compact, sweep
from noctis_lab.catalog.events import append_event, prune_events
from noctis_lab.catalog.queue import Job, enqueue
from noctis_lab.catalog.records import InstanceRow
from noctis_lab.catalog.store import Catalog
from noctis_lab.config import Settings
from noctis_lab.dicom.render import read_thumbnail
from noctis_lab.errors import DecodeError, InvalidDicom, UnsupportedTransferSyntax
from noctis_lab.events import SeriesSummarised
from noctis_lab.ingest.ledger import Ledger
from noctis_lab.jobs.calibration.arrival import keep_check
from noctis_lab.jobs.calibration.incoming import (
    ANALYSE_PHANTOM,
    analyse_phantom_of_job,
    ask_for_all,
    ask_for_analysis,
)
from noctis_lab.jobs.demo import LOAD_DEMO, load_demo
from noctis_lab.jobs.surfaces import MAKE_SURFACE, make_surface_of_job
from noctis_lab.storage.files import THUMBNAILS, Storage
from noctis_lab.storage.journal import Journal
from noctis_lab.storage.layout import JOURNAL
from noctis_lab.volumes.order import view_order
from noctis_lab.volumes.planes import instance_file
from noctis_lab.volumes.series_plan import read_frames
from noctis_lab.volumes.summary import summarise

__all__ = ["HANDLERS", "HOUSEKEEPING", "Handler", "Workshop"]

logger = logging.getLogger(__name__)

#: The kind, and the key of the one job of that kind.
HOUSEKEEPING = "housekeeping"

#: A flush takes other quiet series along until it holds this many instances: few, large files.
_FLUSHED_TOGETHER = 5_000
_HOUSEKEEPING_EVERY = timedelta(seconds=60)
_EVENTS_KEPT = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """What a handler works with; one that runs long looks at `stop` between its steps."""

    settings: Settings
    storage: Storage
    catalog: Catalog
    stop: threading.Event

    @property
    def ledger(self) -> Ledger:
        """What keeps records that are not in the files."""
        return Ledger(Journal(self.settings.root / JOURNAL), self.catalog)


type Handler = Callable[[Workshop, Job], None]


def _flush_series(workshop: Workshop, job: Job) -> None:
    """Write a quiet series to Parquet, and others that wait for the same."""
    others = quiet_series(
        workshop.catalog,
        quiet_s=workshop.settings.quiet_s,
        limit_instances=_FLUSHED_TOGETHER,
    )
    flush_series(workshop.catalog, job.key, *others)


def _summarise_series(workshop: Workshop, job: Job) -> None:
    """Write a series' geometry facts and its picture, check a CT's scale, then tell so."""
    catalog = workshop.catalog
    series = catalog.find_series(job.key)
    if series is None:
        return
    rows = catalog.instances_of(job.key)
    facts = summarise(
        rows,
        partial(read_frames, workshop.storage),
        FrameOfReferenceUID=series.FrameOfReferenceUID,
    )
    if not catalog.set_series_facts(job.key, facts, instance_count=len(rows)):
        return  # it grew meanwhile, and got a job for that
    try:
        _write_thumbnail(workshop, series.reference, rows)
        check = keep_check(workshop.storage, catalog, workshop.ledger, series, rows)
        ask_for_analysis(catalog, job.key, check)
    finally:
        append_event(
            catalog.connections,
            SeriesSummarised(
                StudyInstanceUID=series.StudyInstanceUID,
                SeriesInstanceUID=series.SeriesInstanceUID,
            ),
            catalog.clock(),
        )


def _write_thumbnail(workshop: Workshop, reference: str, rows: list[InstanceRow]) -> None:
    images = view_order(rows)
    if not images:
        return
    middle = images[len(images) // 2]
    try:
        picture = read_thumbnail(instance_file(workshop.storage, middle))
    except (DecodeError, InvalidDicom, OSError, UnsupportedTransferSyntax) as error:
        logger.warning(
            "no thumbnail",
            extra={"SOPInstanceUID": middle.SOPInstanceUID, "error": type(error).__name__},
        )
        return
    workshop.storage.write_derived(THUMBNAILS, reference, ".png", picture)


def _load_demo(workshop: Workshop, job: Job) -> None:  # noqa: ARG001 - as every handler
    """Take the demo's synthetic series in."""
    load_demo(workshop.settings, workshop.storage, workshop.catalog, stop=workshop.stop)


def _make_surface(workshop: Workshop, job: Job) -> None:
    """Make a surface that somebody asked for."""
    make_surface_of_job(workshop.settings, workshop.catalog, job, stop=workshop.stop)


def _analyse_phantom(workshop: Workshop, job: Job) -> None:
    """Look for a phantom in a CT series, and analyse it."""
    analyse_phantom_of_job(
        workshop.settings, workshop.catalog, workshop.ledger, job, stop=workshop.stop
    )


def _keep_house(workshop: Workshop, job: Job) -> None:
    """Merge small Parquet files, delete replaced ones, forget old events; then again later."""
    catalog = workshop.catalog
    ask_for_all(catalog)
    while not workshop.stop.is_set() and compact(catalog):
        pass
    sweep(catalog, grace_s=workshop.settings.parquet_grace_s)
    prune_events(catalog.connections, catalog.clock() - _EVENTS_KEPT)
    enqueue(catalog, job.kind, job.key, run_after=catalog.clock() + _HOUSEKEEPING_EVERY)


#: Kind of job → what does it.
HANDLERS: Mapping[str, Handler] = {
    "flush-series": _flush_series,
    "summarise-series": _summarise_series,
    HOUSEKEEPING: _keep_house,
    LOAD_DEMO: _load_demo,
    MAKE_SURFACE: _make_surface,
    ANALYSE_PHANTOM: _analyse_phantom,
}
