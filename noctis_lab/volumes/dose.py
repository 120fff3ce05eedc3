"""RTDOSE: a grid of doses as a volume."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from noctis_lab.catalog.records import InstanceRow, SeriesRow
from noctis_lab.dicom.codecs import native_dtype
from noctis_lab.dicom.dose_grid import DoseGrid, parse_dose_grid
from noctis_lab.dicom.geometry import PlaneGeometry, plane_normal
from noctis_lab.dicom.rescale import IDENTITY, Rescale, apply_rescale
from noctis_lab.errors import DuplicatePositions, NoPixels, UnsupportedSeries
from noctis_lab.volumes.assemble import series_attributes
from noctis_lab.volumes.axes import AXES
from noctis_lab.volumes.instance_frames import each_frame, require_size
from noctis_lab.volumes.lattice import Lattice, plan_lattice
from noctis_lab.volumes.planes import instance_file, read_instance_header
from noctis_lab.volumes.reading import Window
from noctis_lab.volumes.summary import describe_gaps
from noctis_lab.volumes.tasks import Progress
from noctis_lab.volumes.value_types import refusing_overflow

if TYPE_CHECKING:
    from noctis_lab.volumes.cache import Handle

__all__ = ["Dose", "open_dose"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Dose:
    """One RTDOSE instance, as `voxels.Voxels` are."""

    handle: Handle
    series: SeriesRow
    row: InstanceRow
    grid: DoseGrid
    lattice: Lattice
    rescale: Rescale
    dtype: np.dtype[Any]
    attributes: Mapping[str, Any]
    dims: tuple[str, ...] = AXES

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of z, y and x."""
        return self.lattice.shape

    @property
    def coordinates(self) -> Mapping[Hashable, Any]:
        """Coordinates, as (dims, values[, attrs])."""
        return self.lattice.coordinates(self.grid.FrameOfReferenceUID)

    @property
    def digest(self) -> bytes:
        """What is another one where the instance is."""
        return self.row.sha256[:16]

    def read(
        self, kept: Sequence[NDArray[np.intp]], progress: Progress | None = None
    ) -> NDArray[Any]:
        """Read a part: frames of the planes that are asked for, and no others.

        Raises
        ------
        UnsupportedSeries
            The part is beyond 4 GiB, or a dose beyond what the type holds.
        CompressedPixels, DecodeError, FileChanged
            As `instance_frames.each_frame`.
        """
        planes, window = kept[0], Window(rows=kept[1], columns=kept[2])
        shape = tuple(len(indices) for indices in kept)
        require_size(self.row, shape, self.dtype)
        values = np.empty(shape, self.dtype)
        if not values.size:
            return values
        wanted: dict[int, list[int]] = {}
        frame_at = {place: frame for frame, place in enumerate(self.lattice.places)}
        for at, plane in enumerate(planes.tolist()):
            wanted.setdefault(frame_at[plane], []).append(at)

        def place(frame: int, stored: NDArray[Any]) -> None:
            part = window.cut(stored, 0)
            for at in wanted[frame]:
                if self.rescale is IDENTITY:
                    values[at] = part
                    continue
                with refusing_overflow(self.row, self.dtype):
                    apply_rescale(part, self.rescale, values[at])

        each_frame(self.handle, self.row, wanted, place, progress)
        return values

    def warn(self, *, stacklevel: int, of_gaps: bool = True) -> None:
        """Warn where planes lie at unequal distances."""
        if of_gaps:
            self.lattice.warn_if_uneven(self.row.SeriesInstanceUID, stacklevel=stacklevel + 1)


def open_dose(
    handle: Handle,
    series: SeriesRow,
    row: InstanceRow,
    *,
    dtype: DTypeLike | None = None,
    stored: bool = False,
) -> Dose:
    """Open one RTDOSE instance: its header is read, its pixels are not.

    Parameters
    ----------
    handle
        The open archive.
    series, row
        The series and its instance.
    dtype
        float32 by default, or float64: stored values of 32 bits times DoseGridScaling are computed
        in float64, and rounded once where float32 is asked.
    stored
        Give stored values (uint16 or uint32) instead of doses.

    Returns
    -------
    Dose, dims (z, y, x)
        Dose in `attrs["units"]` (Gy, or relative), ascending along the normal of the planes; z is
        where GridFrameOffsetVector puts each plane, uneven or not. attrs has DoseUnits, DoseType,
        DoseSummationType, DoseGridScaling, and what it refers to: ReferencedPlanUIDs,
        ReferencedStructureSetUIDs.

    Raises
    ------
    NoPixels, NoGeometry, UnsupportedSeries
        A DVH without a grid; where the planes lie, or what their values mean, is not stated.
    DuplicatePositions
        Two planes lie at one place.
    FileChanged
        As `planes.read_instance_header`.

    References
    ----------
    :dcm:`PS3.3 C.8.8.3 <part03/sect_C.8.8.3.html>`
    """
    if row.pixels is None:
        raise NoPixels(
            row.SeriesInstanceUID,
            "this RTDOSE holds no dose grid (histograms or points only); read it with "
            "instance.dataset()",
            SOPInstanceUIDs=(row.SOPInstanceUID,),
        )
    grid = parse_dose_grid(read_instance_header(instance_file(handle.storage, row), row))
    if grid.rescale is None and not stored:
        raise UnsupportedSeries(
            row.SeriesInstanceUID,
            "DoseGridScaling is missing, so that its values are no doses: load with stored=True",
            SOPInstanceUIDs=(row.SOPInstanceUID,),
        )
    lattice = _lattice(row, grid)
    rescale = IDENTITY if stored or grid.rescale is None else grid.rescale
    gaps = describe_gaps(lattice.placement)
    return Dose(
        handle=handle,
        series=series,
        row=row,
        grid=grid,
        lattice=lattice,
        rescale=rescale,
        dtype=_result_dtype(row, dtype, stored=stored),
        attributes=_attributes(
            series, grid, units="stored" if stored else rescale.units, gaps=gaps
        ),
    )


def _lattice(row: InstanceRow, grid: DoseGrid) -> Lattice:
    pixels, position_mm = row.pixels, grid.plane.position_mm
    assert pixels is not None
    assert position_mm is not None
    assert grid.plane.orientation is not None
    if pixels.samples_per_pixel != 1:
        raise UnsupportedSeries(row.SeriesInstanceUID, "a dose grid has one sample per pixel")
    normal = plane_normal(grid.plane.orientation)
    planes = [_moved(grid.plane, normal, offset_mm) for offset_mm in grid.offsets_mm]
    lattice = plan_lattice(
        planes, (pixels.rows, pixels.columns), SeriesInstanceUID=row.SeriesInstanceUID
    )
    if lattice.shape[0] < len(planes):
        raise DuplicatePositions(
            row.SeriesInstanceUID,
            f"GridFrameOffsetVector puts {len(planes)} planes at {lattice.shape[0]} places",
            SOPInstanceUIDs=(row.SOPInstanceUID,),
        )
    return lattice


def _moved(
    plane: PlaneGeometry, normal: tuple[float, float, float], offset_mm: float
) -> PlaneGeometry:
    assert plane.position_mm is not None
    x, y, z = (
        start + offset_mm * cosine for start, cosine in zip(plane.position_mm, normal, strict=True)
    )
    return replace(plane, position_mm=(x, y, z))


def _result_dtype(row: InstanceRow, dtype: DTypeLike | None, *, stored: bool) -> np.dtype[Any]:
    assert row.pixels is not None
    if stored:
        return native_dtype(row.pixels)
    wanted = np.dtype(np.float32 if dtype is None else dtype).newbyteorder("=")
    if wanted.kind != "f" or wanted.itemsize < 4:
        raise UnsupportedSeries(
            row.SeriesInstanceUID, f"dtype {wanted} does not hold doses; ask for float32 or float64"
        )
    return wanted


def _attributes(
    series: SeriesRow, grid: DoseGrid, *, units: str | None, gaps: str | None
) -> dict[str, str | float | int | list[str]]:
    scaling = grid.rescale.slope if grid.rescale is not None else None
    found: dict[str, str | float | int | list[str] | None] = {
        "units": units or "unspecified",
        **series_attributes(series),
        "SOPInstanceUID": grid.SOPInstanceUID,
        "DoseUnits": grid.DoseUnits,
        "DoseType": grid.DoseType,
        "DoseSummationType": grid.DoseSummationType,
        "DoseGridScaling": scaling,
        "ReferencedPlanUIDs": list(grid.ReferencedPlanUIDs) or None,
        "ReferencedStructureSetUIDs": list(grid.ReferencedStructureSetUIDs) or None,
        "geometry_note": grid.note,
        "spacing_note": gaps,
    }
    return {keyword: value for keyword, value in found.items() if value is not None}
