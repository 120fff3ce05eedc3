"""The worker's part in calibration: what comes in and looks like a phantom is analysed, once."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Final

from noctis_lab.analysis.calibration.arrival import ArrivalCheck
from noctis_lab.catalog.hu_records import WORKER
from noctis_lab.catalog.queue import BACKLOG, Job, enqueue
from noctis_lab.catalog.rows import is_withheld_reference
from noctis_lab.errors import CannotCalibrate, CatalogError, StorageError
from noctis_lab.jobs.calibration.alarms import raise_alarms
from noctis_lab.jobs.calibration.documents import Asked
from noctis_lab.jobs.calibration.report import Became
from noctis_lab.jobs.calibration.run import calibrate_many, find_kept, look_for_phantom
from noctis_lab.volumes.cache import open_handle

if TYPE_CHECKING:
    from noctis_lab.catalog.store import Catalog
    from noctis_lab.config import Settings
    from noctis_lab.ingest.ledger import Ledger

__all__ = ["ANALYSE_PHANTOM", "analyse_phantom_of_job", "ask_for_analysis"]

logger = logging.getLogger(__name__)

ANALYSE_PHANTOM: Final = "analyse-phantom"
#: A look that ends so has seen nothing like a phantom: a patient, a localizer, a slanted stack.
_NOTHING_LIKE_IT: Final = frozenset(
    {"no_phantom", "too_few_planes", "not_axial", "not_a_stack", "not_hu", "too_large"}
)


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
        try:
            look_for_phantom(handle, series)
        except CannotCalibrate as refusal:
            if refusal.refusal in _NOTHING_LIKE_IT:
                return
        except (CatalogError, StorageError):
            raise  # it passes, and the job is done later
        except Exception as error:  # noqa: BLE001 - an outer door: the next series waits
            extra = {"SeriesInstanceUID": series.SeriesInstanceUID, "error": type(error).__name__}
            logger.warning("a CT series could not be looked at for a phantom", extra=extra)
            return
        report = calibrate_many(handle, ledger, [series], Asked(author=WORKER), stop=stop)
        if report.count(Became.NOT_DONE):
            enqueue(catalog, job.kind, job.key, run_after=BACKLOG)  # the next worker goes on
    finally:
        handle.close()
