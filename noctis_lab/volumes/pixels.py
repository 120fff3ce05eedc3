"""What a viewer is given: a series described in words and numbers, and its frames as bytes."""

from __future__ import annotations

import hashlib
import warnings
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from noctis_lab.catalog.hu_records import find_checks
from noctis_lab.catalog.notes import LAST_CORRECTION
from noctis_lab.catalog.records import InstanceRow, SeriesRow
from noctis_lab.dicom.geometry import is_orthonormal, position_along_normal_mm
from noctis_lab.dicom.header import Header
from noctis_lab.dicom.modality_lut import ModalityLut
from noctis_lab.dicom.padding import find_padding
from noctis_lab.dicom.pixel_conflicts import heard_warnings
from noctis_lab.dicom.render import find_proportions
from noctis_lab.dicom.rescale import IDENTITY, to_float32
from noctis_lab.dicom.stored import native_dtype
from noctis_lab.errors import (
    CannotStack,
    FileChanged,
    InstanceNotFound,
    NoctisError,
    NoPixels,
    PixelWarning,
    SeriesChanged,
    SeriesNotFound,
)
from noctis_lab.volumes.badges import Badge
from noctis_lab.volumes.corner import Corner, corner_of
from noctis_lab.volumes.frames import Frame, Vector, has_place
from noctis_lab.volumes.loadable import require_shown, warn_of_surplus
from noctis_lab.volumes.lookups import (
    find_luts,
    find_modality_lut,
    find_shown_units,
)
from noctis_lab.volumes.lossy import find_lossy_now
from noctis_lab.volumes.order import view_frames, view_order
from noctis_lab.volumes.planes import instance_file
from noctis_lab.volumes.reduction import area_mean, preview_factor
from noctis_lab.volumes.series_plan import find_facts, find_plan
from noctis_lab.volumes.shown_badges import doubts_of_stack, stack_badges, stack_note
from noctis_lab.volumes.shown_extra import ShownExtra, shown_extra, stated_rate_hz
from noctis_lab.volumes.shown_shared import (
    shared_frame_of_reference,
    shared_orientation,
    shared_spacing,
)
from noctis_lab.volumes.shown_windows import NamedWindow, find_shown_header, shown_windows
from noctis_lab.volumes.shown_z import shown_z
from noctis_lab.volumes.stored_frame import read_quietly
from noctis_lab.volumes.summary import TILT_TOLERANCE_DEG

if TYPE_CHECKING:
    from noctis_lab.volumes.cache import Handle

__all__ = [
    "SENT_AS_THEY_ARE",
    "Corner",
    "FrameDescription",
    "NamedWindow",
    "StackDescription",
    "count_frames",
    "describe_stack",
    "encode_frames",
    "encode_preview",
    "find_revision",
    "find_shown_frames",
]

#: Pixels of a frame that is decoded for what it warns of: some milliseconds, and it stays cached.
_DECODED_TO_DESCRIBE = 1 << 20
_ROW_BYTES = 2048  # what a described frame takes in memory, generously
#: Types of numbers that go over the wire as they are, by numpy's name.
SENT_AS_THEY_ARE = frozenset(
    {"uint8", "int8", "uint16", "int16", "int32", "uint32", "float32", "float64"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameDescription:
    """One frame in the order in which it is shown."""

    SOPInstanceUID: str
    frame: int  # index within its instance, from 0
    rows: int
    columns: int
    dtype: str  # of the bytes that `encode_frames` gives; "rgb8" is 3 bytes a pixel
    slope: float
    intercept: float
    position_mm: Vector | None  # centre of the first voxel, patient LPS
    z_mm: float | None  # along the normal
    z: float | None  # what `sel(z=…)` of the loaded array takes, mm
    InstanceNumber: int | None
    extra_index: int | None = None  # along `StackDescription.extra`


@dataclass(frozen=True, slots=True, kw_only=True)
class StackDescription:
    """A series as a viewer shows it; no pixels."""

    SeriesInstanceUID: str
    revision: str  # changes when a frame comes, goes or moves
    kind: Literal["volume", "slices"]
    note: str | None  # one sentence where it is not a plain regular volume
    badges: tuple[Badge, ...]  # of the whole series
    units: str | None  # None where nothing states one
    modality: str | None
    FrameOfReferenceUID: str | None  # where all frames share one
    photometric_interpretation: str
    orientation: tuple[float, float, float, float, float, float] | None  # where all share one
    pixel_spacing_mm: tuple[float, float] | None  # (row, column), where all share one
    pixel_aspect: tuple[float, float] | None  # (row, column): only its ratio means something
    windows: tuple[NamedWindow, ...]
    frames: tuple[FrameDescription, ...]
    corner: Corner
    extra: ShownExtra | None = None  # the dim that is none of space, where there is one
    rate_hz: float | None = None  # at which it says it is to be played
    #: Stored values that are padding, (lowest, highest), as the middle frame's instance says.
    padding: tuple[float, float] | None = None
    is_archived: bool = True  # False: an array in a program's memory

    def to_dict(self) -> dict[str, Any]:
        """Return it as what `json.dumps` takes."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class _View:
    """A series' frames in the order in which they are shown."""

    rows: tuple[InstanceRow, ...]
    frames: tuple[Frame, ...]
    revision: str
    z: tuple[float | None, ...]
    extra: ShownExtra | None


def describe_stack(handle: Handle, reference: str) -> StackDescription:
    """Describe a series for a viewer.

    Parameters
    ----------
    handle
        The open archive.
    reference
        Of any series with pixels (a stack, single planes, multi-frame, colour): its
        SeriesInstanceUID, or `SeriesRow.reference`.

    Returns
    -------
    StackDescription
        Windows, proportions and corner texts are those of the middle frame's instance.

    Raises
    ------
    SeriesNotFound
        No such series here.
    NoPixels
        None of its instances holds pixels.
    """
    series, view = _find_view(handle, reference)
    facts = find_facts(handle, reference)
    is_volume = bool(facts.is_volume and facts.is_regular) and facts.extra_dim is None
    is_plain = is_volume and (facts.tilt_deg or 0.0) <= TILT_TOLERANCE_DEG
    middle = view.frames[len(view.frames) // 2]
    header = find_shown_header(instance_file(handle.storage, middle.row))
    first = view.rows[0]
    assert first.pixels is not None
    luts = find_luts(handle, view.rows)
    syntaxes = {row.transfer_syntax_uid for row in view.rows}
    lossy = find_lossy_now(handle, series, header, syntaxes)
    check = find_checks(handle.catalog, [series]).get(series.reference)
    doubts = doubts_of_stack(handle, view.frames, luts, _heard_of(handle, middle))
    orientation = shared_orientation(view.frames)
    return StackDescription(
        SeriesInstanceUID=series.SeriesInstanceUID,
        revision=view.revision,
        kind="volume" if is_volume else "slices",
        note=stack_note(doubts, None if is_plain else facts.geometry_note),
        badges=stack_badges(replace(series, facts=facts), doubts, lossy, check),
        units=find_shown_units(handle, series, view.frames, luts),
        modality=series.Modality,
        FrameOfReferenceUID=shared_frame_of_reference(series, view.rows),
        photometric_interpretation=first.pixels.photometric_interpretation,
        # No letters of sides by cosines that are none.
        orientation=None if orientation is None or not is_orthonormal(orientation) else orientation,
        pixel_spacing_mm=shared_spacing(view.frames),
        pixel_aspect=None if header is None else find_proportions(header),
        windows=_windows(handle, header, middle),
        frames=tuple(
            _describe_frame(
                frame,
                luts.get(frame.row.sha256),
                view.z[index],
                None if view.extra is None else view.extra.index_of(index),
            )
            for index, frame in enumerate(view.frames)
        ),
        corner=corner_of(header, series),
        extra=view.extra,
        rate_hz=stated_rate_hz(header),
        padding=None if header is None or luts else find_padding(header),
    )


def count_frames(handle: Handle, reference: str) -> int:
    """Return how many frames `describe_stack` describes; raises as it does."""
    _, view = _find_view(handle, reference)
    return len(view.frames)


def encode_frames(
    handle: Handle,
    reference: str,
    first: int,
    count: int,
    *,
    revision: str | None = None,
) -> bytes:
    """Return the stored values of frames as bytes, through the process-wide cache.

    Parameters
    ----------
    handle
        The open archive.
    reference
        Of the series, as `describe_stack`.
    first, count
        Which frames, by their place in `StackDescription.frames`; the caller bounds `count`.
    revision
        The description's. Where the series is another one by now the places are not the same.

    Returns
    -------
    bytes
        Frame after frame, row after row, little endian, in the `dtype` of its description; colours
        as RGB.

    Raises
    ------
    SeriesNotFound, NoPixels
        As `describe_stack`.
    SeriesChanged
        `revision` is not the present one: describe the series again.
    FileChanged
        A frame's file is not what was catalogued.
    InstanceNotFound
        There are no such frames.
    UnsupportedTransferSyntax, DecodeError
        A frame cannot be decoded or shown.
    UnsupportedSeries
        As `loadable.require_shown`.
    """
    wanted = _find_wanted(handle, reference, first, count, revision)
    encoded: list[bytes | None] = [handle.frames.find(_key(frame)) for frame in wanted]
    missing = [index for index, found in enumerate(encoded) if found is None]
    if len(missing) == 1:
        encoded[missing[0]] = _read_encoded(handle, wanted[missing[0]])
    elif missing:
        read = handle.executor.map(lambda index: _read_encoded(handle, wanted[index]), missing)
        for index, found in zip(missing, read, strict=True):
            encoded[index] = found
    return b"".join(found for found in encoded if found is not None)


def encode_preview(
    handle: Handle, reference: str, index: int, *, revision: str | None = None
) -> bytes:
    """Return one frame's stored values as `encode_frames` does, reduced to at most 1,024 a side.

    Parameters
    ----------
    handle, reference, revision
        As `encode_frames`.
    index
        Which frame, by its place in `StackDescription.frames`.

    Returns
    -------
    bytes
        Means of squares of `reduction.preview_factor` pixels a side, as `reduction.area_mean`
        gives them; where that is 1 the frame as it is.

    Raises
    ------
    SeriesNotFound, NoPixels, SeriesChanged, FileChanged, InstanceNotFound
        As `encode_frames`.
    UnsupportedTransferSyntax, DecodeError, UnsupportedSeries
        The frame cannot be decoded or shown.
    """
    (frame,) = _find_wanted(handle, reference, index, 1, revision)
    rows, columns = frame.layout.rows, frame.layout.columns
    factor = preview_factor(rows, columns)
    key = ("preview", frame.row.sha256, frame.index)
    known: bytes | None = handle.frames.find(key)
    if known is None:
        whole: bytes = handle.frames.find(_key(frame)) or _read_encoded(handle, frame)
        if factor == 1:
            return whole
        sent = _sent_dtype(frame, find_modality_lut(handle, frame.row))
        is_colour = sent == "rgb8"
        dtype = np.dtype(np.uint8 if is_colour else sent).newbyteorder("<")
        shape = (rows, columns, 3) if is_colour else (rows, columns)
        known = area_mean(np.frombuffer(whole, dtype).reshape(shape), factor).tobytes()
        handle.frames.put(key, known, len(known))
    return known


def find_shown_frames(
    handle: Handle, reference: str
) -> tuple[SeriesRow, tuple[Frame, ...], ShownExtra | None]:
    """Return a series, its frames in the order in which they are shown, and the dim beside space.

    Raises
    ------
    SeriesNotFound, NoPixels
        As `describe_stack`.
    """
    series, view = _find_view(handle, reference)
    return series, view.frames, view.extra


def find_revision(handle: Handle, reference: str) -> str:
    """Return `StackDescription.revision` of a series; raises as `find_shown_frames`."""
    return _find_view(handle, reference)[1].revision


def _find_view(handle: Handle, reference: str) -> tuple[SeriesRow, _View]:
    series = handle.catalog.find_series(reference)
    if series is None:
        raise SeriesNotFound(
            f"series {reference} is not in this archive", SeriesInstanceUID=reference
        )
    # A series that got another instance has another count and another time; one whose instance
    # was exchanged may have neither.
    corrected = handle.catalog.find_note(LAST_CORRECTION)
    key = ("view", reference, series.instance_count, series.last_received_at, corrected)
    known: _View | None = handle.frames.find(key)
    if known is not None:
        return series, known
    rows = view_order(handle.catalog.instances_of(reference))
    if not rows:
        raise NoPixels(reference, "none of its instances holds pixel data")
    try:
        plan = find_plan(handle, reference)[1]
    except (CannotStack, FileChanged):
        plan = None
    frames = view_frames(rows, plan)
    digest = hashlib.sha256()
    for frame in frames:
        digest.update(frame.row.sha256 + frame.index.to_bytes(4, "little"))
    view = _View(
        rows=rows,
        frames=frames,
        revision=digest.hexdigest()[:16],
        z=shown_z(plan, frames),
        extra=shown_extra(plan, frames),
    )
    handle.frames.put(key, view, _ROW_BYTES * (len(rows) + len(frames)))
    return series, view


def _find_wanted(
    handle: Handle, reference: str, first: int, count: int, revision: str | None
) -> tuple[Frame, ...]:
    """Return frames by their places; raises as `encode_frames`."""
    _, view = _find_view(handle, reference)
    if revision is not None and revision != view.revision:
        raise SeriesChanged(
            f"series {reference} has other frames than when it was described; describe it again",
            SeriesInstanceUID=reference,
        )
    if first < 0 or count < 1 or first + count > len(view.frames):
        raise InstanceNotFound(
            f"series {reference} shows frames 0 to {len(view.frames) - 1}; {count} from "
            f"{first} on were asked for"
        )
    return view.frames[first : first + count]


def _key(frame: Frame) -> tuple[str, bytes, int]:
    return ("frame", frame.row.sha256, frame.index)


def _read_encoded(handle: Handle, frame: Frame, *, warns: bool = True) -> bytes:
    row = frame.row
    with heard_warnings() as reasons:
        shown = _read_shown(handle, row, frame.index)
    if reasons:
        handle.frames.put(_heard_key(frame), tuple(dict.fromkeys(reasons)), _ROW_BYTES)
    if warns:
        warn_of_surplus(handle, row)
        for reason in reasons:
            warnings.warn(PixelWarning(reason, row.SeriesInstanceUID), stacklevel=3)
    lut = find_modality_lut(handle, row)
    sent = np.uint8 if shown.ndim == 3 else np.dtype(_sent_dtype(frame, lut))
    encoded = np.ascontiguousarray(shown, np.dtype(sent).newbyteorder("<")).tobytes()
    handle.frames.put(_key(frame), encoded, len(encoded))
    return encoded


def _heard_key(frame: Frame) -> tuple[str, bytes, int]:
    return ("pixel warnings", frame.row.sha256, frame.index)


def _heard_of(handle: Handle, middle: Frame) -> tuple[str, ...]:
    """Return what decoding the middle frame warns of; of a large one only what is known already."""
    layout = middle.layout
    is_small = layout.rows * layout.columns <= _DECODED_TO_DESCRIBE
    is_decoded = layout.encapsulated or layout.samples_per_pixel > 1
    if is_small and is_decoded and handle.frames.find(_key(middle)) is None:
        with suppress(NoctisError, OSError):  # its pixels will say so
            _read_encoded(handle, middle, warns=False)
    heard: tuple[str, ...] | None = handle.frames.find(_heard_key(middle))
    return heard or ()


def _read_shown(handle: Handle, row: InstanceRow, frame: int) -> NDArray[Any]:
    """Return what slope and intercept of the description turn into values."""
    require_shown(handle, row)
    stored = read_quietly(handle, row, frame)
    lut = find_modality_lut(handle, row)
    return stored if lut is None or stored.ndim == 3 else lut.apply(stored)


def _sent_dtype(frame: Frame, lut: ModalityLut | None) -> str:
    if frame.is_color:
        return "rgb8"
    if lut is not None:
        return lut.dtype.name
    native = native_dtype(frame.layout).name
    return native if native in SENT_AS_THEY_ARE else "float32"


def _describe_frame(
    frame: Frame, lut: ModalityLut | None, z: float | None, extra_index: int | None
) -> FrameDescription:
    row, layout, plane = frame.row, frame.layout, frame.facts.plane
    # What a table gave needs no slope.
    rescale = IDENTITY if frame.facts.rescale is None or lut is not None else frame.facts.rescale
    along = None
    if has_place(plane) and plane.position_mm is not None and plane.orientation is not None:
        along = position_along_normal_mm(plane.position_mm, plane.orientation)
    return FrameDescription(
        SOPInstanceUID=row.SOPInstanceUID,
        frame=frame.index,
        rows=layout.rows,
        columns=layout.columns,
        dtype=_sent_dtype(frame, lut),
        slope=rescale.slope,
        intercept=rescale.intercept,
        position_mm=plane.position_mm,
        z_mm=along,
        z=z,
        InstanceNumber=row.InstanceNumber,
        extra_index=extra_index,
    )


def _windows(handle: Handle, header: Header | None, middle: Frame) -> tuple[NamedWindow, ...]:
    def values() -> NDArray[Any]:
        shown = _read_shown(handle, middle.row, middle.index)
        return to_float32(shown, middle.facts.rescale)

    path = instance_file(handle.storage, middle.row)
    return shown_windows(path, header, None if middle.is_color else values)
