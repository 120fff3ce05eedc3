"""Volumes out of the archive, and back: one file per format.

>>> from noctis_lab.volumes.export import read_netcdf, write_netcdf
"""

from __future__ import annotations

from noctis_lab.volumes import accessor as accessor  # registers `.dicom`
from noctis_lab.volumes.export.mesh import write_ply, write_stl
from noctis_lab.volumes.export.netcdf import read_netcdf, write_netcdf
from noctis_lab.volumes.export.nifti import nifti_affine, write_nifti
from noctis_lab.volumes.export.png import write_png_stack
from noctis_lab.volumes.export.zarr_store import read_zarr, write_zarr
from noctis_lab.volumes.sitk import to_sitk

__all__ = [
    "nifti_affine",
    "read_netcdf",
    "read_zarr",
    "to_sitk",
    "write_netcdf",
    "write_nifti",
    "write_ply",
    "write_png_stack",
    "write_stl",
    "write_zarr",
]
