"""Surfaces of series as somebody asks for them: made by a job, watched, kept, taken off."""

from __future__ import annotations

import logging
import os
import secrets
import socket
import threading
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from noctis_lab.access import Action, Principal, require
from noctis_lab.catalog.queue import (
    cancel,
    claim,
    complete,
    enqueue,
    fail,
    find_job,
    list_jobs,
)
from noctis_lab.errors import (
    CannotResample,
    CannotStack,
    FileChanged,
    NoctisError,
    SurfaceNotFound,
)
from noctis_lab.jobs.surfaces import MAKE_SURFACE, make_surface_of_job, surface_job_key
from noctis_lab.volumes.kept_surfaces import (
    KEY,
    KeptSurface,
    find_surface,
    list_surfaces,
    read_progress,
    remove_surface,
)
from noctis_lab.volumes.kinds import open_segmentation
from noctis_lab.volumes.pixels import find_revision
from noctis_lab.volumes.series_plan import find_stack
from noctis_lab.volumes.surface_spec import SurfaceSpec

if TYPE_CHECKING:
    from noctis_lab.catalog.queue import Job
    from noctis_lab.catalog.records import SeriesRow
    from noctis_lab.lab import Lab

__all__ = [
    "MOST_SURFACES",
    "SegmentChoice",
    "SurfaceState",
    "ask_surface",
    "find_asked",
    "list_asked",
    "list_segments",
    "make_here",
    "take_off",
]

logger = logging.getLogger(__name__)

MOST_SURFACES = 32  #: kept of one series
_MOST_SEGMENTATIONS = 16  # looked into for one list
_LEASE_S = 3600.0  # of a job that is done here: nobody renews it
_MOST_ATTEMPTS = 3  # then it is said to have failed


@dataclass(frozen=True, slots=True, kw_only=True)
class SurfaceState:
    """A surface that waits, is being made, was made, or could not be.

    `state` is "waiting", "running", "done" or "failed"; `progress` the part that is done, 0 to 1;
    all else as `kept_surfaces.KeptSurface` says it.
    """

    key: str
    kind: str
    level: float
    state: str
    progress: float
    units: str | None = None
    label: str = ""
    volume_mm3: float | None = None
    area_mm2: float | None = None
    faces: int | None = None
    shown_step: int = 1
    error: str | None = None
    extra_index: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Return it as routes and channels give it."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentChoice:
    """A segment that there can be a surface of."""

    SOPInstanceUID: str
    SeriesInstanceUID: str
    segment: int
    label: str


def ask_surface(
    lab: Lab, series: SeriesRow, spec: SurfaceSpec, *, principal: Principal
) -> SurfaceState:
    """Ask for a surface; one that is kept is not made again.

    Raises
    ------
    CannotResample
        As many as may be are kept of the series.
    AccessDenied
        The principal may not keep anything.
    NoPixels, SeriesNotFound
        As `pixels.find_revision`.
    """
    require(principal, Action.ANNOTATE)
    revision = find_revision(lab.handle, series.reference)
    spec = _settled(lab, series, spec)
    key = spec.key(revision)
    kept = find_surface(lab.storage, series, key)
    if kept is not None and kept.error is None:
        return _of_kept(kept)
    known = list_asked(lab, series)  # those that wait count too
    if len(known) >= MOST_SURFACES and key not in {surface.key for surface in known}:
        raise CannotResample(
            f"{MOST_SURFACES} surfaces of this series are kept or asked for, and no more may be; "
            "delete one",
            SeriesInstanceUID=series.SeriesInstanceUID,
        )
    payload = {"reference": series.reference, "revision": revision, "spec": spec.to_dict()}
    job_key = surface_job_key(series.reference, key)
    if find_job(lab.catalog, MAKE_SURFACE, job_key) is None:
        remove_surface(lab.storage, series, key)  # not while one is made: its mesh would go
        enqueue(lab.catalog, MAKE_SURFACE, job_key, payload=payload)
    return find_asked(lab, series, key)


def _settled(lab: Lab, series: SeriesRow, spec: SurfaceSpec) -> SurfaceSpec:
    """Return what is asked without the number of the only volume: one surface has one name."""
    if spec.extra_index != 0:
        return spec
    try:
        _, stack = find_stack(lab.handle, series.reference)
    except (CannotStack, FileChanged):
        return spec  # making it says what stands against it
    return spec if stack.extra is not None else replace(spec, extra_index=None)


def make_here(lab: Lab, series: SeriesRow, key: str) -> None:
    """Make a surface that was asked for in this process, unless a worker is at it already.

    A notebook's archive need have no worker. What goes wrong stands in the job, as a worker's does.
    """
    owner = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
    job_key = surface_job_key(series.reference, key)
    job = claim(lab.catalog, owner=owner, lease_s=_LEASE_S, kind=MAKE_SURFACE, key=job_key)
    if job is None:
        return
    try:
        make_surface_of_job(lab.settings, lab.catalog, job, stop=threading.Event())
    except (NoctisError, MemoryError) as error:
        logger.error("a surface was not made", extra={"key": key, "error": type(error).__name__})
        fail(lab.catalog, job, type(error).__name__)
    else:
        complete(lab.catalog, job)


def find_asked(lab: Lab, series: SeriesRow, key: str) -> SurfaceState:
    """Return how it stands with a surface.

    Raises
    ------
    SurfaceNotFound
        None of that key is kept, waits or is being made.
    """
    kept = find_surface(lab.storage, series, key)
    if kept is not None:
        return _of_kept(kept)
    job = None
    if KEY.fullmatch(key):
        job = find_job(lab.catalog, MAKE_SURFACE, surface_job_key(series.reference, key))
    if job is None:
        # It may have been done between the two questions.
        kept = find_surface(lab.storage, series, key)
        if kept is None:
            raise SurfaceNotFound("no such surface is kept of this series; make it again", key=key)
        return _of_kept(kept)
    return _of_job(job, key, read_progress(lab.storage, series, key))


def list_asked(lab: Lab, series: SeriesRow) -> list[SurfaceState]:
    """Return the surfaces of a series as it is now: those that are kept, those being made."""
    revision = find_revision(lab.handle, series.reference)
    made = [_of_kept(kept) for kept in list_surfaces(lab.storage, series, revision)]
    known = {surface.key for surface in made}
    for job in list_jobs(lab.catalog, kind=MAKE_SURFACE):
        reference, _, key = job.key.rpartition(" ")
        if reference == series.reference and key not in known:
            made.append(_of_job(job, key, read_progress(lab.storage, series, key)))
    return made


def take_off(lab: Lab, series: SeriesRow, key: str, *, principal: Principal) -> None:
    """Forget a surface; where it is being made, that is called off.

    Raises
    ------
    AccessDenied
        The principal may not keep anything.
    SurfaceNotFound
        None of that key is kept, waits or is being made.
    """
    require(principal, Action.ANNOTATE)
    find_asked(lab, series, key)
    cancel(lab.catalog, MAKE_SURFACE, surface_job_key(series.reference, key))
    remove_surface(lab.storage, series, key)


def list_segments(lab: Lab, series: SeriesRow) -> list[SegmentChoice]:
    """Return the segments of the study's segmentations that lie in the series' patient space.

    Notes
    -----
    A segmentation that cannot be read is left out: the viewer says of the series why.
    """
    found: list[SegmentChoice] = []
    others = [
        row
        for row in lab.catalog.series_of(series.StudyInstanceUID)
        if row.Modality == "SEG"
        and row.FrameOfReferenceUID is not None
        and row.FrameOfReferenceUID == series.FrameOfReferenceUID
    ]
    for other in others[:_MOST_SEGMENTATIONS]:
        for row in lab.catalog.instances_of(other.reference)[:_MOST_SEGMENTATIONS]:
            try:
                segments = open_segmentation(
                    lab.handle, other, SOPInstanceUID=row.SOPInstanceUID
                ).segments
            except NoctisError:
                continue
            found.extend(
                SegmentChoice(
                    SOPInstanceUID=row.SOPInstanceUID,
                    SeriesInstanceUID=other.SeriesInstanceUID,
                    segment=segment.number,
                    label=segment.label,
                )
                for segment in segments
            )
    return found


def _of_kept(kept: KeptSurface) -> SurfaceState:
    return SurfaceState(
        key=kept.key,
        kind=kept.kind,
        level=kept.level,
        state="done" if kept.error is None else "failed",
        progress=1.0,
        units=kept.units,
        label=kept.label,
        volume_mm3=kept.volume_mm3,
        area_mm2=kept.area_mm2,
        faces=kept.faces,
        shown_step=kept.shown_step,
        extra_index=kept.extra_index,
        error=kept.error,
    )


def _of_job(job: Job, key: str, progress: float | None) -> SurfaceState:
    spec = SurfaceSpec.from_dict(job.payload["spec"])
    has_failed = job.attempts >= _MOST_ATTEMPTS and job.last_error is not None
    running = "waiting" if progress is None else "running"
    return SurfaceState(
        key=key,
        kind=spec.kind,
        level=0.5 if spec.level is None else spec.level,
        state="failed" if has_failed else running,
        progress=progress or 0.0,
        extra_index=spec.extra_index,
        error="the archive's worker could not make it; its log says why" if has_failed else None,
    )
