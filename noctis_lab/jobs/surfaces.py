"""The worker's part in kept surfaces: makes the one that a job names."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from noctis_lab.catalog.queue import Job, find_job
from noctis_lab.config import Settings
from noctis_lab.volumes.cache import open_handle
from noctis_lab.volumes.surface_making import Stopped, make_surface
from noctis_lab.volumes.surface_spec import SurfaceSpec

if TYPE_CHECKING:
    from noctis_lab.catalog.store import Catalog

__all__ = ["MAKE_SURFACE", "make_surface_of_job", "surface_job_key"]

MAKE_SURFACE = "make-surface"


def surface_job_key(reference: str, key: str) -> str:
    """Return the key of the job that makes a series' surface."""
    return f"{reference} {key}"


def make_surface_of_job(
    settings: Settings, catalog: Catalog, job: Job, *, stop: threading.Event
) -> None:
    """Make the surface that a job asks for; one that was called off meanwhile is not kept."""
    handle = open_handle(settings)
    try:
        series = handle.catalog.find_series(job.payload["reference"])
        if series is None:
            return

        def is_wanted() -> bool:
            return not stop.is_set() and find_job(catalog, job.kind, job.key) is not None

        make_surface(
            handle,
            series,
            SurfaceSpec.from_dict(job.payload["spec"]),
            job.payload["revision"],
            is_wanted=is_wanted,
        )
    except Stopped:
        if stop.is_set():
            raise  # the next worker goes on with it
    finally:
        handle.close()
