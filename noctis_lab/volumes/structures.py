"""RTSTRUCT: contours by region of interest, and a region as voxels of any volume."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from noctis_lab.catalog.records import InstanceRow
from noctis_lab.dicom.contours import (
    CLOSED,
    CONTOUR_LIMITS,
    Contour,
    Roi,
    StructureSet,
    parse_structure_set,
)
from noctis_lab.dicom.object_kinds import STRUCTURES
from noctis_lab.errors import (
    InvalidDicom,
    MixedGeometry,
    NoGeometry,
    RoiNotFound,
    UnsupportedSeries,
)
from noctis_lab.volumes import accessor as accessor  # registers `.dicom`
from noctis_lab.volumes.axes import AXES, GEOMETRY
from noctis_lab.volumes.planes import instance_file, read_instance_header
from noctis_lab.volumes.rasterize import (
    Grid,
    contour_planes_mm,
    is_flat,
    largest_normal,
    rasterize_polygons,
)

if TYPE_CHECKING:
    import pandas as pd

    from noctis_lab.volumes.cache import Handle

__all__ = ["Structures", "load_structures"]

#: Contour planes nearer than this are one: positions are decimal strings.
_SAME_PLANE_MM = 0.05


class Structures:
    """One RTSTRUCT instance: its regions of interest, by name or number.

    Attributes
    ----------
    SOPInstanceUID, label
        Of the instance.
    rois
        Its regions, in its order; `Roi.contours` are points in patient LPS mm.
    SourceSeriesUIDs, FrameOfReferenceUIDs
        The image series that it was drawn on, and their patient spaces.
    """

    def __init__(self, stated: StructureSet, SeriesInstanceUID: str) -> None:
        self._stated = stated
        self.SeriesInstanceUID = SeriesInstanceUID
        self.SOPInstanceUID = stated.SOPInstanceUID
        self.label = stated.label
        self.rois: tuple[Roi, ...] = stated.rois
        self.SourceSeriesUIDs = stated.SourceSeriesUIDs
        self.FrameOfReferenceUIDs = stated.FrameOfReferenceUIDs

    def __len__(self) -> int:
        return len(self.rois)

    def __iter__(self) -> Any:
        return iter(self.rois)

    def __getitem__(self, key: str | int) -> Roi:
        """Return a region by its ROIName or ROINumber.

        Raises
        ------
        RoiNotFound
            There is none, or several share the name.
        """
        field = "name" if isinstance(key, str) else "number"
        found = [roi for roi in self.rois if getattr(roi, field) == key]
        if len(found) != 1:
            asked = "that name" if isinstance(key, str) else f"number {key}"
            several = f"ROI numbers {', '.join(str(roi.number) for roi in found)} have"
            raise RoiNotFound(
                f"{several if found else 'no region of interest has'} {asked}; .df() lists all, "
                "with their numbers",
                numbers=tuple(roi.number for roi in found),
            )
        return found[0]

    def df(self) -> pd.DataFrame:
        """Return the regions as a table: number, name, color, type, algorithm, contours."""
        import pandas as pd

        columns = ["number", "name", "color", "interpreted_type", "generation_algorithm"]
        rows = [(*(getattr(roi, name) for name in columns), roi.contour_count) for roi in self.rois]
        return pd.DataFrame(rows, columns=[*columns, "contours"])

    def rasterize(
        self,
        roi: Roi | str | int,
        onto: xr.DataArray,
        *,
        slab_mm: float | None = None,
        any_frame_of_reference: bool = False,
    ) -> xr.DataArray:
        """Return which voxel centres of a volume lie inside a region.

        Parameters
        ----------
        roi
            A region, its name or its number.
        onto
            A volume with `.dicom` geometry, any orientation, sheared or uneven in z; or one plane
            of one.
        slab_mm
            How thick a contour is: a plane of voxels takes the nearest contour plane within half
            of it. None: ContourSlabThickness where stated; the volume's slice spacing where it is
            the series that the contours were drawn on, as loaded (by its attrs' SeriesInstanceUID
            and a SOPInstanceUID per plane); else the typical distance of the set's contour planes.
        any_frame_of_reference
            Take the coordinates as they are even if the volume's FrameOfReferenceUID is another.

        Returns
        -------
        DataArray of bool, dims (z, y, x)
            With the volume's coordinates; attrs name the region, and `skipped_contours` says how
            many points and open contours there are beside.

        Raises
        ------
        RoiNotFound
            No such region.
        InvalidDicom
            A contour's data is none.
        MixedGeometry
            Another frame of reference, or contours in several orientations.
        NoGeometry
            The volume has no place in the patient, or its rows or columns are uneven.
        UnsupportedSeries
            The region has no closed contour, or nothing says how thick its only one is.

        Notes
        -----
        Inside is an odd number of contours of a plane, so that contours within contours are holes,
        and keyholes too. Nothing is interpolated between contours.

        References
        ----------
        :dcm:`PS3.3 C.8.8.6 <part03/sect_C.8.8.6.html>`
        """
        region = roi if isinstance(roi, Roi) else self[roi]
        self._require_same_space(region, onto, any_frame_of_reference=any_frame_of_reference)
        contours = region.contours
        closed = [contour for contour in contours if contour.geometric_type in CLOSED]
        if not closed:
            raise UnsupportedSeries(
                self.SeriesInstanceUID,
                f"ROI number {region.number} has no closed contour: it encloses no voxels; its "
                "points are in .contours",
            )
        grid = _grid_of(onto)
        polygons = [contour.points_mm for contour in closed]
        thickness_mm = slab_mm if slab_mm is not None else self._slab_mm(closed, grid, onto)
        if not thickness_mm > 0:
            raise UnsupportedSeries(
                self.SeriesInstanceUID,
                "nothing says how thick a lone contour on a lone plane is: give slab_mm",
            )
        try:
            mask = rasterize_polygons(polygons, grid, slab_mm=thickness_mm)
        except ValueError as error:
            raise MixedGeometry(
                self.SeriesInstanceUID, f"ROI number {region.number}: {error}"
            ) from error
        attributes = {
            "ROINumber": region.number,
            "ROIName": region.name,
            "SOPInstanceUID": self.SOPInstanceUID,
            "SeriesInstanceUID": self.SeriesInstanceUID,
            "slab_mm": thickness_mm,
            "skipped_contours": len(contours) - len(closed),
        }
        return _to_dataarray(mask, onto, attributes)

    def _require_same_space(
        self, roi: Roi, onto: xr.DataArray, *, any_frame_of_reference: bool
    ) -> None:
        ours, theirs = roi.FrameOfReferenceUID, onto.dicom.frame_of_reference_uid
        if any_frame_of_reference or ours is None or theirs is None or ours == theirs:
            return
        raise MixedGeometry(
            self.SeriesInstanceUID,
            f"the contours lie in frame of reference {ours}, the volume in {theirs}: register "
            "first, or say any_frame_of_reference=True where both are known to be one",
        )

    def _slab_mm(self, closed: Sequence[Contour], grid: Grid, onto: xr.DataArray) -> float:
        stated = {contour.slab_thickness_mm for contour in closed} - {None}
        if len(stated) == 1:
            return float(next(iter(stated)) or 0)
        # What was resampled has its source's attributes still, but no instance per plane.
        is_source = onto.attrs.get("SeriesInstanceUID") in self.SourceSeriesUIDs
        if is_source and "SOPInstanceUID" in onto.coords and grid.spacing_mm > 0:
            return grid.spacing_mm
        polygons = [contour.points_mm for contour in closed]
        normal = grid.normal if is_flat(polygons, grid) else largest_normal(polygons)
        planes_mm = contour_planes_mm(self._all_closed(), normal, _SAME_PLANE_MM)
        return float(np.median(np.diff(planes_mm))) if len(planes_mm) > 1 else grid.spacing_mm

    def _all_closed(self) -> list[NDArray[np.float64]]:
        """Return the closed contours of every region that can be read: their planes are a scan's.

        A region that is drawn on two planes far apart does not say how thick a plane is; the set
        does.
        """
        return [
            contour.points_mm
            for roi in self.rois
            for contour in _readable(roi)
            if contour.geometric_type in CLOSED
        ]

    def __repr__(self) -> str:
        drawn = sum(roi.contour_count > 0 for roi in self.rois)
        return f"<noctis_lab.Structures: {len(self.rois)} regions of interest, {drawn} drawn>"


def load_structures(
    handle: Handle,
    SeriesInstanceUID: str,
    rows: Iterable[InstanceRow],
    *,
    SOPInstanceUID: str | None = None,
) -> Structures:
    """Open a series' structure set.

    Parameters
    ----------
    handle
        The open archive.
    SeriesInstanceUID, rows
        The series, and its instances.
    SOPInstanceUID
        Which structure set, where the series holds several.

    Raises
    ------
    UnsupportedSeries
        The series holds no structure set, not that one, or several and none was named; also what
        `contours.parse_structure_set` says against it.
    FileChanged
        As `planes.read_instance_header`.
    """
    sets = [row for row in rows if row.SOPClassUID == STRUCTURES]
    wanted = [row for row in sets if SOPInstanceUID in (None, row.SOPInstanceUID)]
    if len(wanted) != 1:
        uids = tuple(row.SOPInstanceUID for row in sets)
        what = (
            f"{len(wanted)} structure sets; name one by SOPInstanceUID: {', '.join(uids)}"
            if len(wanted) > 1
            else "no such structure set (RTSTRUCT)"
        )
        raise UnsupportedSeries(SeriesInstanceUID, f"it holds {what}", SOPInstanceUIDs=uids)
    row = wanted[0]
    try:
        path = instance_file(handle.storage, row)
        header = read_instance_header(path, row, limits=CONTOUR_LIMITS)
        return Structures(parse_structure_set(header), SeriesInstanceUID)
    except InvalidDicom as error:
        raise UnsupportedSeries(
            SeriesInstanceUID, error.reason, SOPInstanceUIDs=(row.SOPInstanceUID,)
        ) from error


def _readable(roi: Roi) -> tuple[Contour, ...]:
    try:
        return roi.contours
    except InvalidDicom:
        return ()  # another region's fault; it is told by who asks for that one


def _grid_of(onto: xr.DataArray) -> Grid:
    _ = onto.dicom.origin  # refuses what has no place
    geometry = onto.coords[GEOMETRY].attrs
    spacing_mm = geometry["spacing_mm"]
    directions = np.array(geometry["direction"], np.float64).reshape(3, 3)
    along = [np.atleast_1d(np.asarray(onto.coords[axis], np.float64)) for axis in AXES]
    steps = []
    for axis, places in zip((1, 2), along[1:], strict=True):
        apart = np.diff(places)
        if len(apart) and not np.allclose(apart, apart[0], rtol=1e-6, atol=0):
            raise NoGeometry(
                str(onto.attrs.get("SeriesInstanceUID", "(unknown)")),
                f"axis '{AXES[axis]}' is uneven; contours go onto evenly spaced rows and columns",
            )
        steps.append(float(apart[0]) if len(apart) else float(spacing_mm[axis]))
    return Grid(
        directions=directions,
        z_mm=along[0],
        y_mm=along[1],
        x_mm=along[2],
        step_mm=(steps[0], steps[1]),
    )


def _to_dataarray(
    mask: NDArray[np.bool_], onto: xr.DataArray, attributes: dict[str, Any]
) -> xr.DataArray:
    dims = [axis for axis in AXES if axis in onto.dims]
    squeezed = mask.reshape([mask.shape[AXES.index(axis)] for axis in dims])
    known: dict[Hashable, xr.DataArray] = {
        name: coordinate
        for name, coordinate in onto.coords.items()
        if name in (*AXES, GEOMETRY) or (coordinate.dims == ("z",) and name == "SOPInstanceUID")
    }
    found = xr.DataArray(squeezed, dims=dims, coords=known, name="roi", attrs=attributes)
    return found.transpose(*[axis for axis in onto.dims if axis in AXES])
