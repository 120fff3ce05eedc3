"""Series of an archive into a folder: whole outputs only, resumable, one after another."""

from __future__ import annotations

import json
import threading
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import xarray as xr

from noctis_lab.catalog.inventory import has_source_below
from noctis_lab.catalog.records import InstanceRow, SeriesRow
from noctis_lab.dicom.header import read_header
from noctis_lab.dicom.pseudonym_keys import Pseudonyms
from noctis_lab.dicom.pseudonym_risks import find_content_risk, find_pixel_risk
from noctis_lab.dicom.pseudonym_words import IdentifyingWords, identifying_words
from noctis_lab.dicom.voi import Window, find_windows
from noctis_lab.errors import (
    CannotExport,
    CannotPseudonymise,
    ContrastWarning,
    GeometryWarning,
    NoctisError,
    OtherObject,
    SeriesNotFound,
)
from noctis_lab.volumes.backend import open_lazily
from noctis_lab.volumes.cache import Handle
from noctis_lab.volumes.export.appearing import new_folder
from noctis_lab.volumes.export.dicom_files import copy_instances, write_pseudonymised
from noctis_lab.volumes.export.identity import without_identity
from noctis_lab.volumes.export.manifest import Manifest, held_folder
from noctis_lab.volumes.export.mesh import write_ply, write_stl
from noctis_lab.volumes.export.netcdf import write_netcdf
from noctis_lab.volumes.export.nifti import write_nifti
from noctis_lab.volumes.export.options import ExportOptions
from noctis_lab.volumes.export.png import write_png_stack
from noctis_lab.volumes.export.report import ExportOutcome, ExportReport, ExportStatus
from noctis_lab.volumes.export.zarr_store import write_zarr
from noctis_lab.volumes.export_format import ExportFormat
from noctis_lab.volumes.load import load
from noctis_lab.volumes.planes import instance_file
from noctis_lab.volumes.series_plan import find_plan
from noctis_lab.volumes.stack import Stack
from noctis_lab.volumes.summary import describe_varying
from noctis_lab.volumes.tasks import Progress

__all__ = ["export_series"]

#: Raised by one when outputs of equal content are written otherwise than before.
_VERSION = 1
#: Formats whose writers need never hold a volume whole.
_WRITTEN_IN_PIECES = frozenset(
    (ExportFormat.NIFTI, ExportFormat.PNG, ExportFormat.ZARR, ExportFormat.NETCDF)
)


class _Stopped(Exception):
    """The export was asked to stop; what was not whole is removed on its way out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Task:
    """One series to be written."""

    handle: Handle
    series: SeriesRow
    rows: tuple[InstanceRow, ...]
    pseudonyms: Pseudonyms
    options: ExportOptions
    progress: Progress  # (instances done, instances in all); raises where the export is to stop

    @property
    def stem(self) -> str:
        """A name of numbers and hashes: no patient's, no UID."""
        number = self.series.SeriesNumber
        numbered = "series" if number is None else f"series-{number:04}"
        if not self.options.pseudonymise:
            return f"{numbered}-{self.pseudonyms.fingerprint(self.series.reference)[:12]}"
        study = self.handle.catalog.find_study(self.series.StudyInstanceUID)
        whose = (None, None) if study is None else (study.PatientID, study.IssuerOfPatientID)
        patient = self.pseudonyms.patient(*whose, self.series.StudyInstanceUID)
        mapped = self.pseudonyms.uid(self.series.reference)
        return f"{patient}-{numbered}-{self.pseudonyms.fingerprint(mapped)[:12]}"

    @property
    def fingerprint(self) -> str:
        """By which an output is known to be of this content and these parameters."""
        content = sorted((row.SOPInstanceUID, row.sha256.hex()) for row in self.rows)
        told = [_VERSION, self.series.reference, self.options.parameters(), content]
        return self.pseudonyms.fingerprint(json.dumps(told, sort_keys=True))


def export_series(
    handle: Handle,
    series: Sequence[str | SeriesRow],
    options: ExportOptions,
    *,
    progress: Progress | None = None,
    stop: threading.Event | None = None,
    report: ExportReport | None = None,
) -> ExportReport:
    """Write series into a folder, each whole or not at all.

    Parameters
    ----------
    handle
        The open archive.
    series
        SeriesInstanceUIDs, or rows; one given twice is written once.
    options
        Format, folder, and the rest.
    progress
        Called in this thread as ``progress(instances done, instances in all)``.
    stop
        Ends it before the next series, or within the reading of one, when set.
    report
        Grows while it runs; None makes one.

    Returns
    -------
    ExportReport
        A series that fails is told there with its error, and the others go on.

    Raises
    ------
    CannotExport
        The folder is in use by another export, holds another program's list, or files that are
        registered in place.
    NoSpace, StorageError
        The folder or its list cannot be written.

    Notes
    -----
    Outputs bear temporary names until they are whole. Those that are there already, of equal
    content and parameters and byte for byte as they were written, are kept: the same call again
    goes on where it was interrupted. A series of several stacks is a folder of them, in their
    order; one of which some frames make no array fails whole. Names hold series numbers and
    hashes, pseudonymised ones the pseudonym too; never a name or UID of the archive's.
    """
    report = ExportReport() if report is None else report
    done_before = 0
    pseudonyms = Pseudonyms(handle.storage.secret_key())
    _refuse_sources(handle, options.out)
    with held_folder(options.out) as manifest:
        found = {
            each if isinstance(each, str) else each.reference: _find(handle, each)
            for each in series
        }
        total = sum(row.instance_count for row in found.values() if isinstance(row, SeriesRow))
        for reference, row in found.items():
            if not isinstance(row, SeriesRow):
                report.outcomes.append(_failed(reference, row))
                continue

            def show(done: int, of: int, row: SeriesRow = row, before: int = done_before) -> None:
                if stop is not None and stop.is_set():
                    raise _Stopped
                if progress is not None:
                    progress(before + done * row.instance_count // max(of, 1), total)

            task = _Task(
                handle=handle,
                series=row,
                rows=tuple(handle.catalog.instances_of(row.reference)),
                pseudonyms=pseudonyms,
                options=options,
                progress=show,
            )
            report.outcomes.append(_run(task, manifest))
            done_before += row.instance_count
    return report


def _refuse_sources(handle: Handle, out: Path) -> None:
    if has_source_below(handle.catalog, out):
        raise CannotExport(
            f"{out} holds files that this archive has registered in place, which have to stay as "
            "they are: choose a folder of its own for what is exported"
        )


def _find(handle: Handle, series: str | SeriesRow) -> SeriesRow | NoctisError:
    if isinstance(series, SeriesRow):
        return series
    named = handle.catalog.series_named(series)
    if len(named) > 1:
        return CannotExport(
            f"series {series} is in {len(named)} studies; export each by lab.series("
            "SeriesInstanceUID=…, StudyInstanceUID=…).one().export(…)"
        )
    if not named:
        return SeriesNotFound(f"series {series} is not in this archive", SeriesInstanceUID=series)
    return named[0]


def _run(task: _Task, manifest: Manifest) -> ExportOutcome:
    uid = task.series.SeriesInstanceUID
    try:
        task.progress(0, 1)
        stacks = _stacks(task)
        suffix = task.options.to.suffix if len(stacks) == 1 else ""
        path = task.options.out / f"{task.stem}{suffix}"
        if manifest.holds(path.name, task.fingerprint):
            return ExportOutcome(SeriesInstanceUID=uid, status=ExportStatus.KEPT, path=path)
        manifest.record(path.name, task.fingerprint, _write(task, stacks, path))
        _warn_of_contrasts(uid, stacks)
        return ExportOutcome(SeriesInstanceUID=uid, status=ExportStatus.EXPORTED, path=path)
    except _Stopped:
        return ExportOutcome(SeriesInstanceUID=uid, status=ExportStatus.NOT_DONE)
    except (NoctisError, OSError, MemoryError) as error:
        return _failed(uid, error)


def _warn_of_contrasts(uid: str, stacks: Sequence[Stack | None]) -> None:
    varying = [stack for stack in stacks if stack is not None and stack.varying]
    if varying:
        names = tuple(dict.fromkeys(name for stack in varying for name in stack.varying))
        words = (
            describe_varying(varying[0])
            if len(varying) == 1
            else (f"from plane to plane of {len(varying)} stacks changes {', '.join(names)}")
        )
        warnings.warn(ContrastWarning(uid, str(words), names), stacklevel=4)


def _stacks(task: _Task) -> tuple[Stack | None, ...]:
    """Return the arrays to be written, none for DICOM; all of a series' frames, or an error.

    A dose grid or a segmentation is an array too, of no stack.
    """
    if task.options.to is ExportFormat.DICOM:
        if task.options.has_real_world:
            raise CannotExport(
                "DICOM is written as it is stored, not as real world values: leave real_world out, "
                "or choose another format"
            )
        return ()
    try:
        _, plan = find_plan(task.handle, task.series.reference)
    except OtherObject as error:
        return (None,) * len(error.SOPInstanceUIDs)
    if plan.refused:
        raise plan.refused[0].error
    return plan.stacks


def _failed(reference: str, error: Exception) -> ExportOutcome:
    return ExportOutcome(SeriesInstanceUID=reference, status=ExportStatus.FAILED, error=error)


def _write(task: _Task, stacks: Sequence[Stack | None], path: Path) -> list[Path]:
    """Write a series; return the files and folders that are its output."""
    if task.options.to is ExportFormat.DICOM:
        _write_dicom(task, path)
        return [path]
    if task.options.pseudonymise and not task.options.allow_burned_in:
        _require_cleanable(task)
    if len(stacks) == 1:
        return _write_stack(task, stacks, 0, path)
    with new_folder(path) as temporary:
        for number in range(len(stacks)):
            name = f"stack-{number}{task.options.to.suffix}"
            _write_stack(task, stacks, number, temporary / name)
    return [path]


def _write_stack(
    task: _Task, stacks: Sequence[Stack | None], number: int, path: Path
) -> list[Path]:
    def show(done: int, of: int) -> None:
        task.progress(number * of + done, len(stacks) * of)

    handle, series, stack = task.handle, task.series, stacks[number]
    real_world = task.options.real_world
    is_lazy = task.options.to in _WRITTEN_IN_PIECES
    with warnings.catch_warnings():
        # Gaps: formats that hold coordinates hold them, others refuse, PNG tells beside. Contrasts
        # are told once a series, when it is written: some formats read a stack more than once.
        warnings.simplefilter("ignore", GeometryWarning)
        warnings.simplefilter("ignore", ContrastWarning)
        if is_lazy:
            volume = open_lazily(handle.settings, series, stack=number, real_world=real_world)
        else:
            volume = load(handle, series, stack=number, progress=show, real_world=real_world)
    if task.options.pseudonymise:
        volume = without_identity(volume, task.pseudonyms, _words(task))
    return _write_volume(task, volume, stack, path, show if is_lazy else None)


def _write_volume(
    task: _Task, volume: xr.DataArray, stack: Stack | None, path: Path, progress: Progress | None
) -> list[Path]:
    options = task.options
    match options.to:
        case ExportFormat.NIFTI:
            return write_nifti(volume, path, progress=progress)
        case ExportFormat.ZARR:
            write_zarr(volume, path, progress=progress)
        case ExportFormat.NETCDF:
            write_netcdf(volume, path, progress=progress)
        case ExportFormat.PNG:
            window = options.window or _stated_window(task, stack)
            write_png_stack(volume, path, window=window, bits=options.bits, progress=progress)
        case _:
            if options.level is None:
                raise CannotExport(
                    f"series {task.series.SeriesInstanceUID}: a surface has a level, in "
                    f"{volume.attrs.get('units', 'the values of the volume')}; give one"
                )
            surface = volume.dicom.surface(level=options.level)
            write = write_stl if options.to is ExportFormat.STL else write_ply
            write(surface.vertices_mm, surface.faces, path)
    return [path]


def _write_dicom(task: _Task, path: Path) -> None:
    options, storage = task.options, task.handle.storage
    if not options.pseudonymise:
        copy_instances(storage, task.rows, path, task.progress)
        return
    write_pseudonymised(
        storage,
        task.rows,
        path,
        task.progress,
        pseudonyms=task.pseudonyms,
        dates=options.dates,
        allow_burned_in=options.allow_burned_in,
    )


def _require_cleanable(task: _Task) -> None:
    """Refuse a series whose pixels may show a name; each image is asked, not the first only."""
    for row in task.rows:
        header = read_header(instance_file(task.handle.storage, row))
        reason = find_content_risk(header.text) or find_pixel_risk(header.text)
        if reason is not None:
            raise CannotPseudonymise(
                row.SOPInstanceUID,
                f"{reason}; look at the images, then allow burned-in annotation, or leave it out",
            )


def _words(task: _Task) -> IdentifyingWords:
    """Return the words of the patient's name and numbers, as the catalogue has them."""
    study = task.handle.catalog.find_study(task.series.StudyInstanceUID)
    if study is None:
        return identifying_words(())
    stated = (
        *(study.PatientName, study.PatientID, study.PatientBirthDate),
        *(study.AccessionNumber, study.ReferringPhysicianName),
    )
    return identifying_words(text for text in stated if text is not None)


def _stated_window(task: _Task, stack: Stack | None) -> Window | None:
    """Return the first window that the middle image of a stack states."""
    if stack is None or task.options.has_real_world:  # windows are of modality values
        return None
    middle = stack.frames[len(stack.frames) // 2].row
    windows = find_windows(read_header(instance_file(task.handle.storage, middle)))
    return windows[0] if windows else None
