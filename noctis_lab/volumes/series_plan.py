"""An archived series' plan: its rows, and the headers that these do not say enough without."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from functools import partial
from typing import TYPE_CHECKING

from noctis_lab.catalog.notes import LAST_CORRECTION
from noctis_lab.catalog.records import InstanceRow, SeriesFacts, SeriesRow
from noctis_lab.dicom.frame_facts import FrameFacts, frame_facts
from noctis_lab.dicom.header import read_header
from noctis_lab.errors import (
    FileChanged,
    InvalidDicom,
    NotUnique,
    SeriesNotFound,
    SeveralStacks,
)
from noctis_lab.storage.files import Storage
from noctis_lab.volumes.frames import Frame
from noctis_lab.volumes.plan import Duplicates, Plan, plan_rows
from noctis_lab.volumes.planes import instance_file, open_plane
from noctis_lab.volumes.stack import Stack
from noctis_lab.volumes.summary import facts_of, list_stacks

if TYPE_CHECKING:
    from noctis_lab.volumes.byte_cache import ByteCache
    from noctis_lab.volumes.cache import Handle

__all__ = ["find_facts", "find_plan", "find_stack", "read_frames", "reference_of"]

#: What a planned frame, and the facts of one, take in memory, generously.
_FRAME_BYTES, _FACTS_BYTES = 2048, 1024


def reference_of(
    handle: Handle, series: str | SeriesRow, *, StudyInstanceUID: str | None = None
) -> str:
    """Return what the archive calls a series that a person named.

    Parameters
    ----------
    handle
        The open archive.
    series
        A row, or a `SeriesRow.reference` that states its study, which are exact; or a
        SeriesInstanceUID, which several studies may hold.
    StudyInstanceUID
        The study that holds it.

    Raises
    ------
    SeriesNotFound
        No such series here, or not in that study.
    NotUnique
        Several studies hold one of that UID, and none is named; the message names them.
    """
    if isinstance(series, SeriesRow):
        return series.reference
    if StudyInstanceUID is not None:
        found = handle.catalog.find_series_of(StudyInstanceUID, series)
        if found is None:
            raise SeriesNotFound(
                f"series {series} is not in study {StudyInstanceUID} of this archive",
                SeriesInstanceUID=series,
            )
        return found.reference
    named = handle.catalog.series_named(series)
    if len(named) > 1:
        studies = ", ".join(one.StudyInstanceUID for one in named)
        raise NotUnique(
            f"series {series} is in {len(named)} studies ({studies}); name one: "
            "lab.series(SeriesInstanceUID=…, StudyInstanceUID=…).one(), or "
            'xr.open_dataset(…, engine="noctis", StudyInstanceUID=…)',
            count=len(named),
        )
    return named[0].reference if named else series


def find_plan(
    handle: Handle, reference: str, *, duplicates: Duplicates | None = None
) -> tuple[SeriesRow, Plan]:
    """Return a series and its plan, remembered until an instance comes or is corrected.

    Parameters
    ----------
    handle
        The open archive.
    reference
        Its SeriesInstanceUID, or `SeriesRow.reference`.
    duplicates
        As `plan.plan_frames`.

    Raises
    ------
    SeriesNotFound
        No such series here.
    NoPixels, UnsupportedSeries
        It holds no pixels, or those of a kind that makes no image.
    FileChanged
        A header had to be read, and its file is not what was catalogued.
    """
    series = handle.catalog.find_series(reference)
    if series is None:
        raise SeriesNotFound(
            f"series {reference} is not in this archive", SeriesInstanceUID=reference
        )
    # A series that got another instance has another count and another time; one whose instance
    # was exchanged may have neither.
    corrected = handle.catalog.find_note(LAST_CORRECTION)
    state = (series.instance_count, series.last_received_at, corrected)
    key = ("plan", reference, duplicates, *state)
    known: Plan | None = handle.frames.find(key)
    if known is None:
        known = plan_rows(
            handle.catalog.instances_of(reference),
            partial(read_frames, handle.storage, executor=handle.executor, cache=handle.frames),
            FrameOfReferenceUID=series.FrameOfReferenceUID,
            duplicates=duplicates,
        )
        count = sum(len(stack.frames) for stack in known.stacks)
        handle.frames.put(key, known, _FRAME_BYTES * (1 + count))
    return series, known


def find_facts(handle: Handle, reference: str) -> SeriesFacts:
    """Return what holds of a series as a whole, as the worker would write it.

    Raises
    ------
    SeriesNotFound
        No such series here.
    """
    return facts_of(lambda: find_plan(handle, reference)[1])


def find_stack(
    handle: Handle,
    reference: str,
    number: int | None = None,
    *,
    duplicates: Duplicates | None = None,
) -> tuple[SeriesRow, Stack]:
    """Return a series and one of its stacks.

    Parameters
    ----------
    number
        Which one, from 0; None takes the only one.
    duplicates
        As `plan.plan_frames`.

    Raises
    ------
    SeveralStacks
        There are several, and `number` names none of them; the message lists them.
    CannotStack
        There is none, and why.
    SeriesNotFound, FileChanged
        As `find_plan`.
    """
    series, plan = find_plan(handle, reference, duplicates=duplicates)
    stacks, refused = plan.stacks, plan.refused
    if number is None and len(stacks) == 1 and not refused:
        return series, stacks[0]
    if number is not None and 0 <= number < len(stacks):
        return series, stacks[number]
    if not stacks:
        raise refused[0].error
    count = f"{len(stacks)} stack(s)" if number is None else f"no stack {number}, but {len(stacks)}"
    besides = f"; besides, {refused[0].error.reason}" if refused else ""
    raise SeveralStacks(
        series.SeriesInstanceUID,
        f"its frames make {count}; name one by stack=: {list_stacks(stacks)}{besides}",
    )


def read_frames(
    storage: Storage,
    rows: Sequence[InstanceRow],
    *,
    executor: Executor | None = None,
    cache: ByteCache | None = None,
) -> list[Frame]:
    """Read the headers of instances: each frame with all that is stated of it.

    Parameters
    ----------
    storage
        The archive's.
    rows
        Instances with pixels.
    executor
        Reads headers side by side; without one they are read one after the other.
    cache
        Keeps what was read, by the hash of the data set.

    Raises
    ------
    FileChanged
        A file is missing, or is not what was catalogued.
    """
    read = partial(_read_facts, storage, cache=cache)
    found = map(read, rows) if executor is None else executor.map(read, rows)
    return [
        Frame(row, 0 if facts.tile is not None else index, facts)
        for row, all_facts in zip(rows, found, strict=True)
        for index, facts in enumerate(all_facts)
    ]


def _read_facts(
    storage: Storage, row: InstanceRow, *, cache: ByteCache | None
) -> tuple[FrameFacts, ...]:
    key = ("frame facts", row.sha256)
    known: tuple[FrameFacts, ...] | None = None if cache is None else cache.find(key)
    if known is not None:
        return known
    path = instance_file(storage, row)
    with open_plane(path, row):  # it is what was catalogued
        try:
            facts = frame_facts(read_header(path))
        except (InvalidDicom, OSError) as error:
            # An OSError's own text holds a path, and a source's path may hold a name.
            reason = error.strerror if isinstance(error, OSError) else error
            raise FileChanged(
                f"the header of instance {row.SOPInstanceUID} cannot be read: {reason}",
                SOPInstanceUID=row.SOPInstanceUID,
            ) from error
    if cache is not None:
        cache.put(key, facts, _FACTS_BYTES * (1 + len(facts)))
    return facts
