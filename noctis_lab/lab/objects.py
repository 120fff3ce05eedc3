"""A study, a series, an instance: names of what is in an archive, read anew at each use."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypedDict, Unpack

from noctis_lab.errors import InstanceNotFound, SeriesNotFound, StudyNotFound
from noctis_lab.lab.opening import open_viewer
from noctis_lab.lab.row_attributes import RowAttributes
from noctis_lab.lab.shown import (
    html_or_none,
    series_html,
    series_text,
    study_html,
    study_text,
    text_or_reason,
)

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr
    from numpy.typing import ArrayLike, NDArray
    from pydicom.dataset import Dataset

    from noctis_lab.catalog.records import InstanceRow, SeriesFacts, SeriesRow, StudyRow
    from noctis_lab.lab import Lab
    from noctis_lab.lab.calibrating.calibration import CalibrateOptions, Calibration
    from noctis_lab.lab.load_options import LoadOptions, OpenOptions
    from noctis_lab.lab.measuring.measured import Measured, WhereDrawn
    from noctis_lab.lab.selection import Selection
    from noctis_lab.lab.stacks import Stack
    from noctis_lab.volumes.real_world import RealWorld
    from noctis_lab.volumes.segments import Segments
    from noctis_lab.volumes.structures import Structures

__all__ = ["Instance", "Series", "Study"]


class ExportArguments(TypedDict, total=False):
    """What `Series.export` takes beside format and folder; `ExportOptions` says its meaning."""

    pseudonymise: bool
    dates: Literal["shift", "keep", "remove"]
    allow_burned_in: bool
    window: tuple[float, float]
    bits: Literal[8, 16]
    level: float
    real_world: RealWorld


class Study(RowAttributes):
    """One study; its row is read anew at each use, its columns as attributes too."""

    _row_class = "StudyRow"

    def __init__(self, lab: Lab, StudyInstanceUID: str) -> None:
        self._lab = lab
        self.StudyInstanceUID = StudyInstanceUID

    @property
    def row(self) -> StudyRow:
        """What the catalogue knows of it.

        Raises
        ------
        StudyNotFound
            It is not in this archive (any more).
        """
        row = self._lab.catalog.find_study(self.StudyInstanceUID)
        if row is None:
            uid = self.StudyInstanceUID
            raise StudyNotFound(f"study {uid} is not in this archive", StudyInstanceUID=uid)
        return row

    @property
    def series(self) -> Selection[Series]:
        """Its series."""
        return self._lab.series(StudyInstanceUID=self.StudyInstanceUID)

    def __repr__(self) -> str:
        title = f"Study {self.StudyInstanceUID}"
        return text_or_reason(title, lambda: study_text(self._lab, self.row))

    def _repr_html_(self) -> str | None:
        return html_or_none(lambda: study_html(self._lab, self.row))


class Series(RowAttributes):
    """One series of one study; its row is read anew at each use, its columns as attributes too."""

    _row_class = "SeriesRow"

    def __init__(self, lab: Lab, SeriesInstanceUID: str, StudyInstanceUID: str) -> None:
        self._lab = lab
        self.SeriesInstanceUID = SeriesInstanceUID
        self.StudyInstanceUID = StudyInstanceUID

    @property
    def lab(self) -> Lab:
        """The archive that it is in."""
        return self._lab

    @property
    def row(self) -> SeriesRow:
        """What the catalogue knows of it.

        Raises
        ------
        SeriesNotFound
            It is not in this archive (any more).
        """
        uid = self.SeriesInstanceUID
        row = self._lab.catalog.find_series_of(self.StudyInstanceUID, uid)
        if row is None:
            raise SeriesNotFound(f"series {uid} is not in this archive", SeriesInstanceUID=uid)
        return row

    @property
    def facts(self) -> SeriesFacts:
        """What holds of it as a whole; computed here where no worker has done it yet."""
        row = self.row
        if row.facts.is_volume is not None:
            return row.facts
        from noctis_lab.volumes.series_plan import find_facts

        return find_facts(self._lab.handle, row.reference)

    @property
    def instances(self) -> Selection[Instance]:
        """Its instances, by InstanceNumber."""
        return self._lab.instances(
            SeriesInstanceUID=self.SeriesInstanceUID, StudyInstanceUID=self.StudyInstanceUID
        )

    @property
    def stacks(self) -> list[Stack]:
        """The arrays that its frames make, in order of number: each with `load` and `open`.

        Raises
        ------
        NoPixels, UnsupportedSeries
            It holds no images.
        FileChanged
            A header had to be read, and its file is not what was catalogued.
        """
        from noctis_lab.lab.stacks import Stack
        from noctis_lab.volumes.series_plan import find_plan

        _, plan = find_plan(self._lab.handle, self.row.reference)
        return [
            Stack(number, found, load=self.load, open_=self.open)
            for number, found in enumerate(plan.stacks)
        ]

    def load(self, **options: Unpack[LoadOptions]) -> xr.DataArray:
        """Load it as one array: `noctis_lab.volumes.load.load` says how, and what it raises.

        Parameters
        ----------
        **options
            `stack`: which of `stacks`, where there are several. `dtype`: of the result, by default
            the smallest that is exact. `stored`: stored values instead of modality values (HU).
            `mask_padding`: NaN for padding. `real_world`: real world values, by True or by the
            label or unit of their mapping (`real_world_mappings` lists them). `duplicates`:
            ``"first"`` or ``"last"`` of frames at one position that nothing tells apart.
            `regularize`: an irregular stack on evenly spaced planes (True, or the options of
            `noctis_lab.volumes.regularize.regularize`). `progress`: called as
            ``progress(planes done, planes in all)``.

        Returns
        -------
        DataArray, dims ([time|echo|b_value|phase|asl_context|segment], z, y, x[, channel])
            Values with their place in the patient: ``.dicom.affine``, ``.dicom.spacing`` … An
            RTDOSE gives doses, a SEG masks of its segments (`segments` gives a part of them).
        """
        from noctis_lab.volumes.load import load

        return load(self._lab.handle, self.row, **options)

    def open(
        self,
        *,
        chunks: Mapping[str, int] | Literal["auto"] | None = None,
        **options: Unpack[OpenOptions],
    ) -> xr.DataArray:
        """Open it lazily: pixels are read when they are asked for, and only those.

        Parameters
        ----------
        chunks
            As `xarray.open_dataset` (needs dask, extra ``[dask]``); None reads without dask.
        **options
            As `load`, without `regularize` and `progress`.

        Returns
        -------
        DataArray
            As `load` returns, its values being read on demand.
        """
        from noctis_lab.volumes.backend import open_lazily

        return open_lazily(self._lab.settings, self.row, chunks=chunks, **options)

    def segments(self, *, SOPInstanceUID: str | None = None) -> Segments:
        """Open a segmentation (SEG): what its segments are, some or all as masks, or as labels.

        Parameters
        ----------
        SOPInstanceUID
            Which one, where the series holds several.

        Returns
        -------
        Segments
            ``segments.df()``, ``segments.load([1, 3])``, ``segments.labels()``.

        Raises
        ------
        UnsupportedSeries
            The series holds no segmentation, or several and none was named; or it is tiled.
        """
        from noctis_lab.volumes.kinds import open_segmentation

        return open_segmentation(self._lab.handle, self.row, SOPInstanceUID=SOPInstanceUID)

    def structures(self, *, SOPInstanceUID: str | None = None) -> Structures:
        """Open a structure set (RTSTRUCT): contours by region, and regions as voxels.

        Parameters
        ----------
        SOPInstanceUID
            Which one, where the series holds several.

        Returns
        -------
        Structures
            ``structures["Heart"].contours``, ``structures.rasterize("Heart", onto=volume)``.

        Raises
        ------
        UnsupportedSeries
            The series holds no structure set, or several and none was named.
        """
        from noctis_lab.volumes.structures import load_structures

        rows = self._lab.catalog.instances_of(self.row.reference)
        return load_structures(
            self._lab.handle, self.SeriesInstanceUID, rows, SOPInstanceUID=SOPInstanceUID
        )

    def export(
        self, *, to: str, out: str | os.PathLike[str], **options: Unpack[ExportArguments]
    ) -> Path:
        """Write it into a folder, whole or not at all: NIfTI, Zarr, NetCDF, DICOM, PNG, STL, PLY.

        Parameters
        ----------
        to
            ``nifti``, ``zarr``, ``netcdf``, ``dicom``, ``png``, ``stl`` or ``ply``.
        out
            The folder, made where it is missing. An output that is there already, of the same
            content and options, is kept.
        **options
            ``pseudonymise``, with ``dates`` (``shift``, ``keep``, ``remove``) and
            ``allow_burned_in``; ``window`` (center, width) and ``bits`` (8, 16) of PNG; ``level``
            of a surface; ``real_world`` as `load` takes it.
            `noctis_lab.volumes.export.options.ExportOptions` says what they mean.

        Returns
        -------
        Path
            The file or folder, called by series number and a hash.

        Raises
        ------
        CannotExport, CannotPseudonymise
            The format cannot hold it, or identity may remain; the message says what to do.
        ExtraNotInstalled
            The format's extra is missing.
        CannotStack, FileChanged, NoSpace, StorageError
            It cannot be loaded or written.
        """
        from noctis_lab.dicom.date_policy import DatePolicy
        from noctis_lab.dicom.voi import Window
        from noctis_lab.volumes.export.options import ExportOptions
        from noctis_lab.volumes.export.run import export_series
        from noctis_lab.volumes.export_format import ExportFormat

        window = options.get("window")
        chosen = ExportOptions(
            to=ExportFormat(to),
            out=Path(out),
            pseudonymise=options.get("pseudonymise", False),
            dates=DatePolicy(options.get("dates", DatePolicy.SHIFT)),
            allow_burned_in=options.get("allow_burned_in", False),
            window=None if window is None else Window(center=window[0], width=window[1]),
            bits=options.get("bits", 8),
            level=options.get("level"),
            real_world=options.get("real_world"),
        )
        (outcome,) = export_series(self._lab.handle, [self.row], chosen).outcomes
        if outcome.error is not None:
            raise outcome.error
        assert outcome.path is not None
        return outcome.path

    def suv(self) -> xr.DataArray:
        """Load a PET as standardised uptake values by body weight.

        Returns
        -------
        DataArray of float32, dims (z, y, x)
            In g/ml; `noctis_lab.volumes.suv.find_suv_inputs` shows what they are computed of.

        Raises
        ------
        CannotInterpret
            An attribute that it needs is missing or contradicts, and which.
        CannotStack, DecodeError, FileChanged
            As `load`.
        """
        from noctis_lab.volumes.suv import suv_of_series

        return suv_of_series(self._lab.handle, self.row)

    def real_world_mappings(self, *, stack: int | None = None) -> pd.DataFrame:
        """Return what its images map to quantities with a unit, for `load(real_world=…)`.

        Returns
        -------
        DataFrame
            label, units, explanation, how (line or table), first and last stored value that is
            mapped, and frames (how many state it); one row for each label and unit.
        """
        import pandas as pd

        from noctis_lab.volumes.real_world import MAPPING_COLUMNS, list_mappings
        from noctis_lab.volumes.series_plan import find_stack

        _, found = find_stack(self._lab.handle, self.row.reference, stack)
        return pd.DataFrame(list_mappings(self._lab.handle, found), columns=MAPPING_COLUMNS)

    def overlays(self, *, stack: int | None = None) -> xr.Dataset:
        """Load what lies over its images: `noctis_lab.volumes.overlays.load_overlays` says how.

        Returns
        -------
        Dataset
            A variable of bool for each overlay group (``overlay_6000`` …), on `load`'s coordinates.
        """
        from noctis_lab.volumes.overlays import load_overlays

        return load_overlays(self._lab.handle, self.row, stack=stack)

    def measure(
        self,
        kind: str,
        points_px: ArrayLike | None = None,
        **where: Unpack[WhereDrawn],
    ) -> Measured:
        """Measure on one of its images, with the figures that a viewer shows.

        Parameters
        ----------
        kind
            ``length``, ``angle``, ``cobb``, ``bidirectional``, ``ellipse``, ``rectangle``,
            ``polygon``, ``freehand``, ``probe``, ``profile``;
            `noctis_lab.analysis.measure.kinds.KINDS` says which points each takes.
        points_px
            Array-like of shape (points, 2): (column, row), 0 at the centre of the first voxel.
        **where
            `points_mm` instead of `points_px`: shape (points, 3), mm, patient LPS. `index` of the
            image in the stack's order, or `SOPInstanceUID` (and `frame`); without, the image that
            is nearest to `points_mm`.

        Returns
        -------
        Measured
            Figures by name, each with its unit in the name; ``.save("label")`` keeps it.

        Raises
        ------
        CannotMeasure
            These points make no such measurement, or no image is named.
        FileChanged, NoPixels, UnsupportedTransferSyntax, DecodeError
            The image cannot be read.
        """
        from noctis_lab.lab.measuring.measured import measure_on_series

        return measure_on_series(self._lab, self.row.reference, kind, points_px, **where)

    def measurements(self) -> pd.DataFrame:
        """Return what was measured on it and kept, one row each; as `Lab.measurements`."""
        return self._lab.measurements(
            SeriesInstanceUID=self.SeriesInstanceUID, StudyInstanceUID=self.StudyInstanceUID
        )

    def calibrate(self, **options: Unpack[CalibrateOptions]) -> Calibration:
        """Analyse it as a phantom and keep the record: `nl.calibrate` says how, and what it raises.

        Parameters
        ----------
        **options
            `model`, `regions`, `z_mm`, `serial`, `tolerances`, `note`; recorded with the analysis.
        """
        from noctis_lab.lab.calibrating.calibration import calibrate_series

        return calibrate_series(self._lab, self.row, **options)

    def view(self, *, layout: str = "1x1", overlay: Any = None) -> Any:
        """Return the interactive viewer of it: shows itself in a notebook's cell.

        Parameters
        ----------
        layout
            "1x1"; "mpr": three planes; "mpr3d": three planes and the volume seen from outside;
            "3d": that alone. ``view.state`` holds the rest: ``mpr``, ``volume``.
        overlay
            What lies over it in colours: a mask (DataArray of bool or whole numbers on `load`'s
            coordinates), a segmentation (`segments`), or the SOPInstanceUID of one of its study.

        Raises
        ------
        ValueError
            There is no such layout.
        CannotOverlay
            It lies on another grid, or is of another type: what was expected and what came.
        """
        return open_viewer(self._lab, self.row, state={"layout": layout}, overlay=overlay)

    def tags(self) -> pd.DataFrame:
        """Return all elements, one row each; those that vary, one row per instance.

        Returns
        -------
        DataFrame
            path, tag, VR, value, and SOPInstanceUID where the element varies, else None.
        """
        found: pd.DataFrame = self._lab.sql(
            "SELECT path, tag, VR, value, SOPInstanceUID FROM elements "
            "WHERE SeriesInstanceUID = ? AND StudyInstanceUID = ? "
            "ORDER BY tag, path, SOPInstanceUID",
            [self.SeriesInstanceUID, self.StudyInstanceUID],
        ).df()
        return found

    def __repr__(self) -> str:
        title = f"Series {self.SeriesInstanceUID}"
        return text_or_reason(title, lambda: series_text(self._lab, self.row))

    def _repr_html_(self) -> str | None:
        return html_or_none(lambda: series_html(self._lab, self.row))


class Instance(RowAttributes):
    """One instance; its row is read anew at each use, its columns as attributes too."""

    _row_class = "InstanceRow"

    def __init__(self, lab: Lab, SOPInstanceUID: str) -> None:
        self._lab = lab
        self.SOPInstanceUID = SOPInstanceUID

    @property
    def row(self) -> InstanceRow:
        """What the catalogue knows of it.

        Raises
        ------
        InstanceNotFound
            It is not in this archive (any more).
        """
        row = self._lab.catalog.find_instance(self.SOPInstanceUID)
        if row is None:
            uid = self.SOPInstanceUID
            raise InstanceNotFound(f"instance {uid} is not in this archive", SOPInstanceUID=uid)
        return row

    @property
    def path(self) -> Path:
        """Its file: read it, never write to it."""
        from noctis_lab.volumes.planes import instance_file

        return instance_file(self._lab.storage, self.row)

    def stored(self, frame: int = 0) -> NDArray[Any]:
        """Return the stored values of one frame.

        Returns
        -------
        ndarray of the pixels' own integer or float type, shape (rows, columns), or of uint8, shape
        (rows, columns, 3)
            As `noctis_lab.volumes.stored_frame.read_stored`, which says what it raises.
        """
        from noctis_lab.volumes.stored_frame import read_stored

        return read_stored(self._lab.handle, self.row, frame)

    def tags(self) -> pd.DataFrame:
        """Return all elements of its file, one row each: path, tag, VR, value."""
        import pandas as pd

        from noctis_lab.catalog.columns import tag_text
        from noctis_lab.dicom.header import read_header

        return pd.DataFrame(
            [
                (element.path, tag_text(element.tag), element.VR, element.value)
                for element in read_header(self.path).elements
            ],
            columns=["path", "tag", "VR", "value"],
        )

    def dataset(self) -> Dataset:
        """Return its file as a pydicom data set, whose `pixel_array` decodes by our decoders.

        Raises
        ------
        FileNotFoundError
            The file is missing; ``noctis fsck`` says what else is.

        Notes
        -----
        Registers our decoders with pydicom in this process
        (`noctis_lab.dicom.pydicom_plugins.register`, which also serves data sets from elsewhere).
        """
        import pydicom

        from noctis_lab.dicom.pydicom_plugins import register

        register()
        return pydicom.dcmread(self.path)

    def __repr__(self) -> str:
        uid = self.SOPInstanceUID
        title = f"Instance {uid}"
        return text_or_reason(
            title, lambda: f"<noctis_lab.Instance: {self._words()}>\n  UID  {uid}"
        )

    def _words(self) -> str:
        row = self.row
        number = "" if row.InstanceNumber is None else f"image {row.InstanceNumber}, "
        if row.pixels is None:
            return f"{number}no pixels"
        frames = "" if row.pixels.frames == 1 else f"{row.pixels.frames} frames of "
        return f"{number}{frames}{row.pixels.rows} × {row.pixels.columns}"
