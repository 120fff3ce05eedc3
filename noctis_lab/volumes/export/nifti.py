"""NIfTI: values as they are, millimetres and seconds, the affine in RAS with its shear."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from noctis_lab.errors import CannotExport
from noctis_lab.storage.durable import write_file
from noctis_lab.volumes.arranged import (
    CHANNEL,
    arranged,
    extra_dim,
    iter_pieces,
    series_name,
    step_of,
)
from noctis_lab.volumes.export.appearing import new_file
from noctis_lab.volumes.export.attributes import plain_value
from noctis_lab.volumes.extras import import_extra
from noctis_lab.volumes.summary import TILT_TOLERANCE_DEG

__all__ = ["nifti_affine", "write_nifti"]

_LARGEST_NIFTI_1 = 32_767  # dims are int16 there
_SCANNER = 1  # NIFTI_XFORM_SCANNER_ANAT
#: NIfTI has all of numpy's integers and floats but these; each becomes one that holds it exactly.
_WIDENED = {"bool": "uint8", "float16": "float32"}
_SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6}
_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
_GZIP_LEVEL = 4


def write_nifti(
    volume: xr.DataArray, path: Path, *, progress: Callable[[int, int], None] | None = None
) -> list[Path]:
    """Write a volume as one NIfTI file, and what NIfTI has no place for as JSON beside it.

    Parameters
    ----------
    volume
        Dims ([extra,] z, y, x[, channel]), regular, sheared or not; lazy ones are read piece by
        piece. Values and their type are kept; uint8 RGB becomes RGB24.
    path
        Ends in ``.nii`` or ``.nii.gz``; in an existing folder, an existing file is replaced.
    progress
        Called as ``progress(planes done, planes in all)``; what it raises ends the writing.

    Returns
    -------
    list of Path
        Both files.

    Raises
    ------
    CannotExport
        The planes are irregular, the type or the colours have no NIfTI form, or the suffix is
        another.
    NoGeometry
        The volume has no place in the patient.
    ExtraNotInstalled
        nibabel is missing.
    NoSpace, StorageError
        It cannot be written.

    Notes
    -----
    Voxels lie in the file as in the array (x fastest); none is flipped, the affine says where they
    are. A sheared stack's affine is exact in the sform, and the qform, which holds no shear, is
    left unset: readers that know no sform refuse it. An even time axis in seconds is pixdim[4].
    The lone z step of one plane, which nothing states, is written as 1 mm.

    References
    ----------
    NIfTI-1 Data Format, and NIfTI-2 where a dim is above 32 767.
    """
    suffix = next((each for each in (".nii", ".nii.gz") if path.name.endswith(each)), None)
    if suffix is None:
        raise CannotExport(f"{path.name}: a NIfTI file is called .nii or .nii.gz")
    volume = arranged(volume)
    header = _header(import_extra("nibabel", "nifti"), volume)
    stored = header.get_data_dtype()
    with new_file(path) as temporary, _opened(temporary, is_zipped=suffix == ".nii.gz") as out:
        out.write(header.binaryblock + b"\0\0\0\0")  # no header extensions
        for piece in iter_pieces(volume, progress):
            out.write(piece.astype(stored.subdtype[0] if stored.subdtype else _plain(stored)).data)
    beside = path.with_name(path.name.removesuffix(suffix) + ".json")
    # As the umask has it, like every other file of an export.
    write_file(beside, json.dumps(_beside(volume), indent=1).encode() + b"\n", mode=0o666)
    return [path, beside]


def nifti_affine(volume: xr.DataArray) -> NDArray[np.float64]:
    """Return the matrix from voxel (x, y, z, 1) to RAS mm: float64, shape (4, 4).

    Raises
    ------
    CannotExport
        An axis has no single step.
    NoGeometry
        The volume has no place in the patient.
    """
    if not volume.dicom.is_regular:
        raise CannotExport(
            f"{series_name(volume)}: its planes are not evenly spaced, and an affine has one step; "
            "resample it first: volume.dicom.regularize()"
        )
    affine = volume.dicom.affine
    if np.isnan(affine[:3, 0]).any():
        affine[:3, 0] = volume.dicom.direction[:, 0]
    ras: NDArray[np.float64] = _LPS_TO_RAS @ affine[:, [2, 1, 0, 3]]
    return ras


def _header(nibabel: Any, volume: xr.DataArray) -> Any:
    affine = nifti_affine(volume)
    extra = extra_dim(volume)
    shape = [volume.sizes[axis] for axis in ("x", "y", "z", *([extra] if extra else []))]
    kind = nibabel.Nifti1Header if max(shape) <= _LARGEST_NIFTI_1 else nibabel.Nifti2Header
    header = kind(endianness="<")
    header.set_data_dtype(_data_type(volume))
    header.set_data_shape(shape)
    header.set_sform(affine, code=_SCANNER)
    is_sheared = volume.dicom.tilt_deg > TILT_TOLERANCE_DEG
    header.set_qform(affine, code=0 if is_sheared else _SCANNER, strip_shears=True)
    step_s = _time_step_s(volume, extra)
    sizes_mm = np.linalg.norm(affine[:3, :3], axis=0)
    header.set_zooms([*sizes_mm, *([step_s or 0.0] if extra else [])])
    header.set_xyzt_units(xyz="mm", t="sec" if step_s is not None else None)
    header.set_slope_inter(1.0, 0.0)
    header["vox_offset"] = header.sizeof_hdr + 4
    header["descrip"] = b"noctis_lab"
    return header


def _data_type(volume: xr.DataArray) -> Any:
    if CHANNEL in volume.dims:
        if volume.dtype != np.uint8 or volume.sizes[CHANNEL] != 3:
            found = f"{volume.sizes[CHANNEL]} × {volume.dtype}"
            raise CannotExport(
                f"{series_name(volume)}: NIfTI has colours of 3 × 8 bits, not {found}; select "
                "one by .isel(channel=0), or write Zarr or NetCDF"
            )
        return np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")])
    name = _WIDENED.get(volume.dtype.name, volume.dtype.name)
    if np.dtype(name).kind not in "iuf" or np.dtype(name).itemsize > 8:
        raise CannotExport(
            f"{series_name(volume)}: NIfTI has no {name}; convert it: volume.astype('float64')"
        )
    return np.dtype(name).newbyteorder("<")


def _plain(stored: np.dtype[Any]) -> np.dtype[Any]:
    return np.dtype(np.uint8) if stored.names else stored


def _time_step_s(volume: xr.DataArray, extra: str | None) -> float | None:
    """Return the step of an even time axis; None where the extra dim is none."""
    if extra != "time" or extra not in volume.coords:
        return None
    step = step_of(volume.coords[extra].to_numpy())
    second = _SECONDS.get(str(volume.coords[extra].attrs.get("units")))
    return None if step is None or second is None else step * second


@contextmanager
def _opened(path: Path, *, is_zipped: bool) -> Iterator[BinaryIO]:
    with path.open("xb") as raw:
        if not is_zipped:
            yield raw
            return
        # No name and no time in it: equal volumes are equal files.
        with gzip.GzipFile("", "wb", _GZIP_LEVEL, raw, mtime=0) as zipped:
            yield cast("BinaryIO", zipped)


def _beside(volume: xr.DataArray) -> dict[str, object]:
    extra = extra_dim(volume)
    facts: dict[str, object] = {"name": volume.name, **_plain_attributes(volume)}
    if extra is not None:
        facts["dim"] = extra
        along = volume.coords.get(extra)
        if along is not None:
            facts[extra] = {"values": along.to_numpy().tolist(), **_plain_attributes(along)}
    return facts


def _plain_attributes(labelled: xr.DataArray) -> dict[str, object]:
    return {str(key): plain_value(value, name=str(key)) for key, value in labelled.attrs.items()}
