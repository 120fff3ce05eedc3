"""Uploads: one file, or one zip of files, as the raw body of a request; nothing of it in memory."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse
from starlette.requests import ClientDisconnect

from noctis_lab.access import Action, Principal, may, require
from noctis_lab.catalog.senders import list_facilities
from noctis_lab.errors import DicomTooLarge
from noctis_lab.ingest.pipeline import Outcome
from noctis_lab.ingest.upload import Upload, UploadItem, UploadReport
from noctis_lab.lab import Lab
from noctis_lab.web.auth import Gate
from noctis_lab.web.limits import UPLOAD_BYTES_PER_S, UPLOADS_AT_ONCE, Limits
from noctis_lab.web.problems import Problem
from noctis_lab.web.routes.context import AskedGate, AskedLab, Asking
from noctis_lab.web.schemas import (
    FacilityName,
    UploadAnswer,
    UploadItemAnswer,
    UploadProgressAnswer,
    UploadTerms,
)
from noctis_lab.web.underway import Underway

__all__ = ["router"]

router = APIRouter(tags=["upload"])

_PIECE_BYTES = 1024 * 1024  # a thread writes this much at a time
_DEFAULT_FACILITY = "local"  # where an administrator of an archive without facilities uploads to
UploadId = Annotated[
    str,
    Query(pattern=r"^[A-Za-z0-9-]{0,64}$", description="The client's own word for the upload."),
]
_ANOTHERS = "an instance of this SOPInstanceUID is here with other content"


@router.get("/upload")
async def upload_terms(lab: AskedLab, principal: Asking) -> UploadTerms:
    """Return where the principal may upload to, and the bounds of one body."""
    return UploadTerms(
        facilities=tuple(await asyncio.to_thread(_facilities_of, lab, principal)),
        may_add_facility=_may_add_facility(principal),
        most_bytes=lab.settings.max_instance_bytes,
        at_once=UPLOADS_AT_ONCE - 1,  # one is left for a second page, or a script
    )


@router.get("/upload/progress")
async def upload_progress(
    request: Request, principal: Asking, upload_id: UploadId
) -> UploadProgressAnswer:
    """Return how far one of the principal's own uploads is: of its files, those done and found.

    Both are 0 before the whole body has come, and after its answer.
    """
    underway: Underway = request.app.state.underway
    done, found = underway.how_far(principal.name, upload_id)
    return UploadProgressAnswer(done=done, found=found)


@router.post("/upload", response_model=UploadAnswer)
async def upload(
    request: Request,
    lab: AskedLab,
    gate: AskedGate,
    principal: Asking,
    facility: Annotated[FacilityName, Query(description="To which the instances belong.")],
    upload_id: UploadId = "",
    is_bundle: Annotated[
        bool, Query(description="A zip of at most 200 files: each is answered for.")
    ] = False,
) -> UploadAnswer | JSONResponse:
    """Take in the body: a DICOM file, or a zip of such, however they are called.

    A client sends several at a time, and goes on where it stopped; what is known already is
    answered `same`. Small files come quickest in bundles: each body costs several syncs. A
    request that ends early leaves nothing behind.
    """
    await asyncio.to_thread(_require_facility, lab, principal, facility)
    limits: Limits = request.app.state.limits
    underway: Underway = request.app.state.underway
    with (
        limits.uploading(principal.name) as is_allowed,
        underway.noting(principal.name, upload_id) as note,
    ):
        problem = _problem_with_length(request, lab) if is_allowed else _too_many()
        if problem is not None:
            return _answer(problem)
        taken = await _take_in(
            request, lambda: _open_upload(lab, facility, is_bundle=is_bundle), lab, note
        )
    if isinstance(taken, Problem):
        return _answer(taken)
    return await asyncio.to_thread(_report, gate, principal, taken)


async def _take_in(
    request: Request, opening: Callable[[], Upload], lab: Lab, note: Callable[[UploadReport], None]
) -> UploadReport | Problem:
    threads: Executor = request.app.state.upload_threads
    loop = asyncio.get_running_loop()
    with await loop.run_in_executor(threads, opening) as arriving:
        try:
            async with asyncio.timeout(None) as patience:
                async for piece in _iter_pieces(request, patience, lab.settings.network_timeout_s):
                    await loop.run_in_executor(threads, arriving.write, piece)
        except DicomTooLarge:
            return _too_long(lab)
        except TimeoutError:
            return _too_slow(lab)
        except ClientDisconnect:
            return _gone()
        return await _finish(request, arriving, note)


async def _iter_pieces(
    request: Request, patience: asyncio.Timeout, silence_s: float
) -> AsyncIterator[bytes]:
    """Yield the body in pieces of about 1 MiB; the patience ends with silence, or a trickle."""
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    received = 0
    piece = bytearray()
    patience.reschedule(began_s + silence_s)
    async for part in request.stream():
        received += len(part)
        piece += part
        if len(piece) >= _PIECE_BYTES:
            patience.reschedule(None)  # writing is ours, and may wait for the disk
            writing_s = loop.time()
            yield bytes(piece)
            began_s += loop.time() - writing_s
            piece.clear()
        latest_s = began_s + silence_s + received / UPLOAD_BYTES_PER_S
        patience.reschedule(min(loop.time() + silence_s, latest_s))
    patience.reschedule(None)
    if piece:
        yield bytes(piece)


async def _finish(
    request: Request, arriving: Upload, note: Callable[[UploadReport], None]
) -> UploadReport:
    """Take in what has come; a zip ends between two of its files when the uploader goes away."""
    stop = threading.Event()
    threads: Executor = request.app.state.upload_threads
    watching = asyncio.create_task(_watch(request, stop))
    try:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(threads, arriving.finish, stop, note)
    finally:
        stop.set()  # where the server ends, its thread is to end too
        watching.cancel()


async def _watch(request: Request, stop: threading.Event) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        continue
    stop.set()


def _open_upload(lab: Lab, facility: str, *, is_bundle: bool) -> Upload:
    return Upload(
        lab.archive.pipeline,
        lab.storage,
        facility=facility,
        most_bytes=lab.settings.max_instance_bytes,
        is_bundle=is_bundle,
    )


def _report(gate: Gate, principal: Principal, report: UploadReport) -> UploadAnswer:
    for study in report.studies:
        gate.note_upload(principal, study)
    return UploadAnswer(
        is_zip=report.is_zip,
        is_stopped=report.is_stopped,
        stored=report.stored,
        same=report.same,
        conflicts=report.conflicts,
        rejected=report.rejected,
        items=tuple(_item(gate, principal, item) for item in report.items),
    )


def _item(gate: Gate, principal: Principal, item: UploadItem) -> UploadItemAnswer:
    """Say what became of a file; how it differs only to those who may see what it differs from."""
    reason = item.reason
    if item.outcome is Outcome.CONFLICT and not gate.may_see(principal, item.StudyInstanceUID):
        reason = _ANOTHERS
    return UploadItemAnswer(
        outcome=item.outcome.value,
        name=item.name,
        reason=reason,
        StudyInstanceUID=item.StudyInstanceUID,
        SOPInstanceUID=item.SOPInstanceUID,
        is_quarantined=item.quarantine_id is not None,
    )


def _facilities_of(lab: Lab, principal: Principal) -> list[str]:
    if principal.facilities is not None:
        return sorted(principal.facilities)
    known = list_facilities(lab.catalog)
    return known if known or not _may_add_facility(principal) else [_DEFAULT_FACILITY]


def _may_add_facility(principal: Principal) -> bool:
    return principal.facilities is None and may(principal, Action.ADMINISTER)


def _require_facility(lab: Lab, principal: Principal, facility: str) -> None:
    require(principal, Action.UPLOAD, facilities=[facility])
    if not _may_add_facility(principal) and facility not in _facilities_of(lab, principal):
        require(principal, Action.ADMINISTER)


def _problem_with_length(request: Request, lab: Lab) -> Problem | None:
    stated = request.headers.get("content-length", "")
    is_too_long = stated.isdigit() and int(stated) > lab.settings.max_instance_bytes
    if stated.isdigit() and not is_too_long:
        lab.storage.require_space(int(stated))
    return _too_long(lab) if is_too_long else None


def _too_many() -> Problem:
    return Problem(
        status=429,
        expected=f"at most {UPLOADS_AT_ONCE} uploads of one principal at a time",
        came="one more",
        what_to_do="Send it again when another has ended.",
        headers={"Retry-After": "1"},
    )


def _too_long(lab: Lab) -> Problem:
    return Problem(
        status=413,
        expected=f"a file of at most {lab.settings.max_instance_bytes} bytes",
        came="a longer one",
        what_to_do="An administrator may raise max_instance_bytes; a large zip goes as a folder.",
    )


def _too_slow(lab: Lab) -> Problem:
    return Problem(
        status=408,
        expected=f"more bytes within {lab.settings.network_timeout_s:g} s, "
        f"and {UPLOAD_BYTES_PER_S} of them a second",
        came="fewer",
        what_to_do="Send it again; nothing of it was kept.",
    )


def _gone() -> Problem:
    return Problem(
        status=400,
        expected="the whole body",
        came="a part of it",
        what_to_do="Send it again; nothing of it was kept.",
    )


def _answer(problem: Problem) -> JSONResponse:
    return JSONResponse(problem.as_json(), status_code=problem.status, headers=problem.headers)
