"""Rows of the catalogue made by hand, or from a file by pydicom: the input of a plan."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pydicom

from noctis_lab.catalog.records import InstanceRow
from noctis_lab.dicom.frame_facts import FrameFacts
from noctis_lab.dicom.frames import PixelLayout
from noctis_lab.dicom.geometry import PlaneGeometry
from noctis_lab.dicom.rescale import Rescale
from noctis_lab.volumes.frames import Frame, frames_of_rows
from noctis_lab.volumes.plan import Duplicates, Plan, plan_rows
from noctis_lab.volumes.stack import Stack

AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
SERIES = "1.2.826.0.1.3680043.8.498.1"


def layout(
    *,
    rows: int = 4,
    columns: int = 5,
    frames: int = 1,
    samples_per_pixel: int = 1,
    photometric_interpretation: str = "MONOCHROME2",
) -> PixelLayout:
    return PixelLayout(
        keyword="PixelData",
        rows=rows,
        columns=columns,
        frames=frames,
        samples_per_pixel=samples_per_pixel,
        photometric_interpretation=photometric_interpretation,
        bits_allocated=16,
        bits_stored=12,
        high_bit=11,
        pixel_representation=0,
        planar_configuration=0,
        big_endian=False,
        encapsulated=False,
        deflated=False,
        offset=1000,
        length=rows * columns * frames * samples_per_pixel * 2,
        frame_table=None,
    )


def row(
    position_mm: Iterable[float] | None,
    number: int | None = 1,
    *,
    uid: str = "",
    orientation: tuple[float, ...] | None = AXIAL,
    spacing_mm: tuple[float, float] | None = (0.5, 0.5),
    pixels: PixelLayout | None = None,
    has_pixels: bool = True,
    is_mosaic: bool = False,
    FrameOfReferenceUID: str | None = "1.2.9",
    contrast_digest: bytes | None = bytes(8),
) -> InstanceRow:
    position = None if position_mm is None else tuple(float(value) for value in position_mm)
    return InstanceRow(
        SOPInstanceUID=uid or f"{SERIES}.{number}",
        SOPClassUID="1.2.840.10008.5.1.4.1.1.2",
        SeriesInstanceUID=SERIES,
        StudyInstanceUID="1.2.826.0.1.3680043.8.498",
        transfer_syntax_uid="1.2.840.10008.1.2.1",
        sha256=bytes(32),
        data_set_offset=300,
        data_set_length=5000,
        InstanceNumber=number,
        pixels=(pixels or layout()) if has_pixels else None,
        plane=PlaneGeometry(
            position_mm=position,  # type: ignore[arg-type]
            orientation=orientation,  # type: ignore[arg-type]
            pixel_spacing_mm=spacing_mm,
        ),
        rescale=Rescale(slope=1.0, intercept=-1024.0, units="HU"),
        in_place=None,
        received_at=datetime(2026, 1, 1, tzinfo=UTC),
        is_mosaic=is_mosaic,
        FrameOfReferenceUID=FrameOfReferenceUID,
        contrast_digest=contrast_digest,
    )


def frame(row: InstanceRow, index: int = 0, **facts: Any) -> Frame:
    """Return a frame with the row's own place and value, and other facts besides."""
    known = {"plane": row.plane, "rescale": row.rescale, "frame_of_reference_uid": "1.2.9"}
    return Frame(row, index, FrameFacts(**(known | facts)))


def plan(rows: Iterable[InstanceRow], duplicates: Duplicates | None = None) -> Plan:
    """Plan a series whose headers say no more than its rows."""
    return plan_rows(list(rows), frames_of_rows, FrameOfReferenceUID="1.2.9", duplicates=duplicates)


def only_stack(plan: Plan) -> Stack:
    """Return the one stack of a plan; raise what stands against it."""
    for refused in plan.refused:
        raise refused.error
    (stack,) = plan.stacks
    return stack


def rows_by_pydicom(folder: Path) -> list[InstanceRow]:
    """Read the rows of every image in a folder with pydicom alone."""
    found = []
    for path in sorted(folder.rglob("*")):
        if not path.is_file():
            continue
        data_set = pydicom.dcmread(path, stop_before_pixels=True)
        if "Rows" not in data_set:
            continue
        found.append(
            row(
                data_set.get("ImagePositionPatient"),
                data_set.get("InstanceNumber"),
                uid=data_set.SOPInstanceUID,
                orientation=tuple(float(v) for v in data_set.get("ImageOrientationPatient", ())),
                spacing_mm=tuple(float(v) for v in data_set.get("PixelSpacing", ())),  # type: ignore[arg-type]
                pixels=layout(rows=data_set.Rows, columns=data_set.Columns),
            )
        )
    return found
