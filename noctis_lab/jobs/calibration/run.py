"""Phantom analyses of archived series, kept as records: one, or many with what became of each."""

from __future__ import annotations

import logging
import threading
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from noctis_lab.analysis.calibration.analyse import ENGINE_VERSION, analyse
from noctis_lab.analysis.calibration.body import find_body
from noctis_lab.analysis.calibration.phantoms import Phantom, load_phantoms
from noctis_lab.analysis.calibration.regions import with_regions
from noctis_lab.analysis.calibration.result import HuAnalysis
from noctis_lab.analysis.calibration.scene import to_scene
from noctis_lab.analysis.calibration.tolerances import ToleranceSet, load_tolerances
from noctis_lab.catalog.hu_records import HuKind, HuRecord, find_latest, write_record
from noctis_lab.catalog.records import SeriesRow
from noctis_lab.errors import (
    CannotCalibrate,
    CannotStack,
    CatalogError,
    NoctisError,
    SeriesNotFound,
    StorageError,
)
from noctis_lab.jobs.calibration.alarms import raise_alarms
from noctis_lab.jobs.calibration.certificates import Certificates, certificates_of
from noctis_lab.jobs.calibration.documents import (
    Asked,
    content_of,
    document_of,
    scanner_of,
)
from noctis_lab.jobs.calibration.report import Became, Calibrated, CalibrationReport
from noctis_lab.jobs.calibration.words import read_words
from noctis_lab.volumes.backend import open_lazily
from noctis_lab.volumes.load import load

if TYPE_CHECKING:
    import xarray as xr

    from noctis_lab.ingest.ledger import Ledger
    from noctis_lab.volumes.cache import Handle

__all__ = [
    "analyse_asked",
    "calibrate_many",
    "calibrate_one",
    "find_kept",
    "load_bounded",
    "look_for_phantom",
    "named_series",
]

logger = logging.getLogger(__name__)

#: 1,140 planes of 512 × 512: 1.2 GB as the engine has them.
MOST_VOXELS: Final = 300_000_000
_LOOK_EVERY_MM: Final = 12.0  # a module of any phantom is thicker
_FEW_PLANES: Final = 64  # of which no look is worth its time
#: A refusal that has seen nothing like a phantom: a patient, a localizer, a slanted stack.
_NOTHING_LIKE_IT: Final = frozenset(
    {"no_phantom", "too_few_planes", "not_axial", "not_a_stack", "not_hu", "too_large"}
)

type Progress = Callable[[int, int], None]


class _Stopped(Exception):
    """It was asked to stop within a series."""


def analyse_asked(
    volume: xr.DataArray,
    *,
    kvp: float | None,
    thickness_mm: float | None,
    asked: Asked,
    own: Certificates | None = None,
) -> HuAnalysis:
    """Analyse a volume with what a person gave, and by the certificates of phantoms.

    Raises
    ------
    CannotCalibrate
        As `analyse` and `with_regions`. ``no_such_phantom``, ``no_such_tolerances``: there is none
        of that name; names those there are.
    """
    analysis = analyse(
        volume,
        kvp=kvp,
        serial=asked.serial,
        serials={} if own is None else own.serials,
        nominals=None if own is None else own.all_nominals,
        slice_thickness_mm=thickness_mm,
        z_mm=asked.z_mm,
        phantoms=None if asked.model is None else _phantoms_of(asked.model),
        tolerances=None if asked.tolerances is None else _tolerances_of(asked.tolerances),
    )
    return with_regions(analysis, volume, asked.regions) if asked.regions else analysis


def calibrate_one(
    handle: Handle,
    ledger: Ledger,
    series: SeriesRow,
    asked: Asked,
    *,
    progress: Progress | None = None,
) -> tuple[HuAnalysis, HuRecord]:
    """Analyse one series and keep the record, and the alarms it raises; earlier ones stay.

    Raises
    ------
    CannotCalibrate
        It is none of a phantom, or cannot be analysed; `refusal` names why. Nothing is recorded.
    FileChanged, DecodeError, CompressedPixels
        Its pixels cannot be read.
    """
    words = read_words(handle, series)
    volume = load_bounded(handle, series, progress=progress)
    scanner = scanner_of(words)
    reach = handle.catalog.facilities_of(series.StudyInstanceUID) or None
    own = certificates_of(handle.catalog, reach, scanner=scanner)
    analysis = analyse_asked(
        volume,
        kvp=words.numbers["KVP"],
        thickness_mm=words.numbers["SliceThickness"],
        asked=asked,
        own=own,
    )
    told = document_of(
        analysis, words, asked, volume, series=series, content=content_of(handle, series)
    )
    certificate_id = own.ids.get((analysis.found.model, analysis.serial))
    record = HuRecord(
        record_id=uuid4().hex,
        kind=HuKind.ANALYSIS,
        author=asked.author,
        recorded_at=handle.catalog.clock(),
        document={**told, "certificate_id": certificate_id},
        reference=series.reference,
        StudyInstanceUID=series.StudyInstanceUID,
        SeriesInstanceUID=series.SeriesInstanceUID,
        scanner=scanner,
    )
    ledger.record_hu(record)
    raise_alarms(handle.catalog, ledger, record)
    return analysis, record


def named_series(handle: Handle, SeriesInstanceUID: str) -> SeriesRow:
    """Return the series of a UID.

    Raises
    ------
    SeriesNotFound
        No such series here.
    CannotCalibrate
        ``several_studies``: each of several studies holds one of that UID.
    """
    named = handle.catalog.series_named(SeriesInstanceUID)
    if len(named) > 1:
        raise CannotCalibrate(
            "several_studies",
            f"series {SeriesInstanceUID} is in {len(named)} studies; analyse each by lab.series("
            "SeriesInstanceUID=…, StudyInstanceUID=…).one().calibrate()",
        )
    if not named:
        raise SeriesNotFound(
            f"series {SeriesInstanceUID} is not in this archive",
            SeriesInstanceUID=SeriesInstanceUID,
        )
    return named[0]


def calibrate_many(
    handle: Handle,
    ledger: Ledger,
    series: Sequence[SeriesRow | str],
    asked: Asked,
    *,
    progress: Progress | None = None,
    stop: threading.Event | None = None,
    report: CalibrationReport | None = None,
) -> CalibrationReport:
    """Analyse series one after the other.

    Parameters
    ----------
    series
        Rows, or SeriesInstanceUIDs.
    asked
        Who asked, and for what.
    progress
        Called in this thread as ``progress(instances done, instances in all)``.
    stop
        Ends it before the next series, or within the reading of one, when set.
    report
        Grows while it runs; None makes one.

    Returns
    -------
    CalibrationReport
        What became of each; one that fails does not keep the others from going on.

    Raises
    ------
    CatalogError, StorageError
        Only `Asked.unattended`: the disk is full, or the catalogue is held by another.
    """
    report = CalibrationReport() if report is None else report
    found = [each if isinstance(each, SeriesRow) else _find(handle, each) for each in series]
    total = sum(row.instance_count for row in found if isinstance(row, SeriesRow))
    done = 0
    for row in found:
        if isinstance(row, Calibrated):
            report.outcomes.append(row)
            continue
        if stop is not None and stop.is_set():
            report.outcomes.append(_outcome(row, Became.NOT_DONE))
            continue

        def show(planes: int, of: int, row: SeriesRow = row, before: int = done) -> None:
            if stop is not None and stop.is_set():
                raise _Stopped
            if progress is not None:
                progress(before + planes * row.instance_count // max(of, 1), total)

        kept = None if asked.again else find_kept(handle, row)
        outcome = kept or _run(handle, ledger, row, asked, progress=show)
        report.outcomes.append(outcome)
        done += row.instance_count
        if progress is not None:
            progress(done, total)
    return report


def _run(
    handle: Handle, ledger: Ledger, row: SeriesRow, asked: Asked, *, progress: Progress
) -> Calibrated:
    try:
        if not asked.is_manual and row.frame_count > _FEW_PLANES:
            look_for_phantom(handle, row)
        _, record = calibrate_one(handle, ledger, row, asked, progress=progress)
    except _Stopped:
        return _outcome(row, Became.NOT_DONE)
    except CannotCalibrate as refusal:
        is_nothing = asked.unattended and _is_nothing_like_it(handle, row, refusal)
        # Of what was given it may be, and say nothing of the series.
        if not asked.is_told and not is_nothing:
            _keep_refusal(handle, row, refusal, asked.author)
        return _outcome(row, Became.REFUSED, refusal=refusal.refusal, reason=refusal.reason)
    except (CatalogError, StorageError) as error:
        if asked.unattended:
            raise
        return _outcome(row, Became.FAILED, refusal=type(error).__name__, reason=str(error))
    except NoctisError as error:
        return _outcome(row, Became.FAILED, refusal=type(error).__name__, reason=str(error))
    except Exception as error:  # noqa: BLE001 - an outer door: the other series are gone on with
        name = type(error).__name__
        extra = {"SeriesInstanceUID": row.SeriesInstanceUID, "error": name}
        logger.error("a series could not be analysed", extra=extra)
        return _outcome(row, Became.FAILED, refusal=name, reason="the analysis itself went wrong")
    return _outcome(row, Became.ANALYSED, record=record)


def _is_nothing_like_it(handle: Handle, row: SeriesRow, refusal: CannotCalibrate) -> bool:
    """Say whether what was refused is no phantom; mixed headers say nothing of what is in it."""
    if refusal.refusal == "mixed_series":
        try:
            look_for_phantom(handle, row)
        except CannotCalibrate as seen:
            return seen.refusal in _NOTHING_LIKE_IT
    return refusal.refusal in _NOTHING_LIKE_IT


def _outcome(
    row: SeriesRow,
    became: Became,
    *,
    record: HuRecord | None = None,
    refusal: str | None = None,
    reason: str | None = None,
) -> Calibrated:
    return Calibrated(
        SeriesInstanceUID=row.SeriesInstanceUID,
        StudyInstanceUID=row.StudyInstanceUID,
        became=became,
        record=record,
        refusal=refusal,
        reason=reason,
    )


def _find(handle: Handle, SeriesInstanceUID: str) -> SeriesRow | Calibrated:
    try:
        return named_series(handle, SeriesInstanceUID)
    except CannotCalibrate as refusal:
        name, reason = refusal.refusal, refusal.reason
    except SeriesNotFound as error:
        name, reason = "not_found", str(error)
    return Calibrated(
        SeriesInstanceUID=SeriesInstanceUID,
        StudyInstanceUID=None,
        became=Became.FAILED,
        record=None,
        refusal=name,
        reason=reason,
    )


def find_kept(handle: Handle, row: SeriesRow) -> Calibrated | None:
    """Return what this engine made of a series as it is, None where it has not seen it so."""
    now = (ENGINE_VERSION, row.instance_count)
    content = content_of(handle, row)
    for kind in (HuKind.ANALYSIS, HuKind.REFUSAL):
        record = find_latest(handle.catalog, kind, [row.reference]).get(row.reference)
        if record is None:
            continue
        told = record.document
        same = told.get("content_sha256", content) == content  # older ones have no such word
        if same and (told["engine_version"], told["instance_count"]) == now:
            refusal, reason = told.get("refusal"), told.get("reason")
            kept = record if kind is HuKind.ANALYSIS else None
            return _outcome(row, Became.KEPT, record=kept, refusal=refusal, reason=reason)
    return None


def _keep_refusal(handle: Handle, row: SeriesRow, refusal: CannotCalibrate, author: str) -> None:
    # Not journalled: the same engine refuses the same series again.
    write_record(
        handle.catalog,
        HuRecord(
            record_id=uuid4().hex,
            kind=HuKind.REFUSAL,
            author=author,
            recorded_at=handle.catalog.clock(),
            document={
                "instance_count": row.instance_count,
                "content_sha256": content_of(handle, row),
                "engine_version": ENGINE_VERSION,
                "refusal": refusal.refusal,
                "reason": refusal.reason,
            },
            reference=row.reference,
            StudyInstanceUID=row.StudyInstanceUID,
            SeriesInstanceUID=row.SeriesInstanceUID,
        ),
    )


def look_for_phantom(handle: Handle, row: SeriesRow) -> None:
    """Look at some planes of a series, of a short one at all: whether something round is in it.

    Raises
    ------
    CannotCalibrate
        As `find_body` and `to_scene`; ``not_a_stack``, ``too_large``.
    """
    spacing_mm = row.facts.slice_spacing_mm or 0.0
    if not row.facts.is_volume or spacing_mm <= 0:
        return
    step = int(_LOOK_EVERY_MM // spacing_mm) if row.frame_count > _FEW_PLANES else 1
    if step < 2:
        _require_size(handle, row)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        lazy = open_lazily(handle.settings, row)
        if lazy.dims != ("z", "y", "x"):
            raise CannotCalibrate("not_a_stack", f"expected dims (z, y, x), came {lazy.dims}")
        find_body(to_scene(lazy.isel(z=slice(step // 2, None, max(step, 1))).load()))


def _require_size(handle: Handle, row: SeriesRow, most_voxels: int = MOST_VOXELS) -> None:
    voxels = sum(
        image.pixels.frames * image.pixels.rows * image.pixels.columns
        for image in handle.catalog.instances_of(row.reference)
        if image.pixels is not None
    )
    if voxels > most_voxels:
        raise CannotCalibrate(
            "too_large",
            f"it has {voxels} voxels, and {most_voxels} are the most: export the planes with the "
            "phantom as a series of their own, or analyse a part with nl.calibrate(volume)",
        )


def load_bounded(
    handle: Handle,
    row: SeriesRow,
    *,
    most_voxels: int = MOST_VOXELS,
    progress: Progress | None = None,
) -> xr.DataArray:
    """Load a series for an analysis, whose engine says by name what is wrong with it.

    Raises
    ------
    CannotCalibrate
        ``too_large``: nothing is read then; ``not_a_stack``.
    FileChanged, DecodeError, CompressedPixels
        Its pixels cannot be read.
    """
    _require_size(handle, row, most_voxels)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of gaps and contrasts: the engine refuses by name
            return load(handle, row, progress=progress)
    except CannotStack as error:
        raise CannotCalibrate("not_a_stack", error.reason) from error


def _phantoms_of(model: str) -> tuple[Phantom, ...]:
    known = load_phantoms()
    found = tuple(phantom for phantom in known if phantom.model.casefold() == model.casefold())
    if not found:
        names = ", ".join(phantom.model for phantom in known)
        raise CannotCalibrate("no_such_phantom", f"expected one of {names}, came {model[:64]!r}")
    return found


def _tolerances_of(name: str) -> ToleranceSet:
    known = load_tolerances()
    if name not in known:
        raise CannotCalibrate(
            "no_such_tolerances", f"expected one of {', '.join(known)}, came {name[:64]!r}"
        )
    return known[name]
