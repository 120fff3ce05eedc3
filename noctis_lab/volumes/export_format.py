"""Into what a series can be exported; imports nothing, so that a command line may name it."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["ExportFormat"]


class ExportFormat(StrEnum):
    """Into what a series is exported."""

    NIFTI = "nifti"
    ZARR = "zarr"
    NETCDF = "netcdf"
    DICOM = "dicom"
    PNG = "png"
    STL = "stl"
    PLY = "ply"

    @property
    def suffix(self) -> str:
        """Of the file's or folder's name; a folder of DICOM or PNG files has none."""
        return {"nifti": ".nii.gz", "netcdf": ".nc", "dicom": "", "png": ""}.get(self, f".{self}")

    @property
    def is_surface(self) -> bool:
        """Whether it holds a surface, which needs a level."""
        return self in (ExportFormat.STL, ExportFormat.PLY)
