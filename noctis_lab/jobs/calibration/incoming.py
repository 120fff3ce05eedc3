"""The worker's part in calibration: what comes in and looks like a phantom is analysed, once."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Final

from noctis_lab.analysis.calibration.analyse import ENGINE_VERSION
from noctis_lab.analysis.calibration.arrival import ArrivalCheck
from noctis_lab.catalog.hu_records import WORKER
from noctis_lab.catalog.queue import BACKLOG, Job, enqueue, enqueue_for_modality
from noctis_lab.catalog.rows import is_withheld_reference
from noctis_lab.jobs.calibration.alarms import raise_alarms
from noctis_lab.jobs.calibration.documents import Asked
from noctis_lab.jobs.calibration.report import Became
from noctis_lab.jobs.calibration.run import calibrate_many, find_kept
from noctis_lab.volumes.cache import open_handle

if TYPE_CHECKING:
    from noctis_lab.catalog.store import Catalog
    from noctis_lab.config import Settings
    from noctis_lab.ingest.ledger import Ledger

__all__ = ["ANALYSE_PHANTOM", "analyse_phantom_of_job", "ask_for_all", "ask_for_analysis"]

logger = logging.getLogger(__name__)

ANALYSE_PHANTOM: Final = "analyse-phantom"
#: The note of which engine was asked to look at every series that there was.
_ASKED_FOR_ALL: Final = "phantoms-looked-for-by-engine"


def ask_for_analysis(catalog: Catalog, reference: str, check: ArrivalCheck | None) -> None:
    """Let the worker look for a phantom in a CT series, when it has nothing else to do.

    Parameters
    ----------
    check
        Of the series' scale; None where it is no CT. One whose values are no HU is not looked at,
        nor one that is withheld because of a collision.
    """
    if check is None or check.status == "not_applicable" or is_withheld_reference(reference):
        return
    enqueue(catalog, ANALYSE_PHANTOM, reference, run_after=BACKLOG)


def ask_for_all(catalog: Catalog) -> None:
    """Let the worker look at every CT series once for each version of the engine.

    An archive that is upgraded holds phantoms that came before, or that an older engine measured:
    its analyses stay, the new ones are added.
    """
    if catalog.find_note(_ASKED_FOR_ALL) == ENGINE_VERSION:
        return
    enqueue_for_modality(catalog, ANALYSE_PHANTOM, "CT")
    catalog.write_note(_ASKED_FOR_ALL, ENGINE_VERSION)


def analyse_phantom_of_job(
    settings: Settings, catalog: Catalog, ledger: Ledger, job: Job, *, stop: threading.Event
) -> None:
    """Analyse a series if it looks like a phantom, unless this engine has analysed it as it is.

    Of a patient some planes are read, and nothing is recorded. What looks like a phantom and cannot
    be analysed gets a refusal by name.
    """
    handle = open_handle(settings)
    try:
        series = handle.catalog.find_series(job.key)
        if series is None or not series.facts.is_volume:
            return
        kept = find_kept(handle, series)
        if kept is not None:
            if kept.record is not None:  # a worker may have ended between it and its alarms
                raise_alarms(catalog, ledger, kept.record)
            return
        asked = Asked(author=WORKER, again=True, unattended=True)  # what is kept was looked for
        report = calibrate_many(handle, ledger, [series], asked, stop=stop)
        if report.count(Became.NOT_DONE):
            enqueue(catalog, job.kind, job.key, run_after=BACKLOG)  # the next worker goes on
    finally:
        handle.close()
