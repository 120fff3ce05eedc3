"""A volume as SimpleITK's image."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from noctis_lab.errors import CannotExport
from noctis_lab.volumes.arranged import CHANNEL, arranged, extra_dim, series_name, step_of
from noctis_lab.volumes.extras import import_extra
from noctis_lab.volumes.summary import TILT_TOLERANCE_DEG

__all__ = ["to_sitk"]


def to_sitk(volume: xr.DataArray) -> Any:
    """Return a SimpleITK image of a volume, in patient LPS mm as ITK has it.

    Parameters
    ----------
    volume
        Dims ([extra,] z, y, x[, channel]), regular and not sheared; lazy ones are read.

    Returns
    -------
    SimpleITK.Image
        Three dimensions, or four with the extra dim last, whose spacing and origin are the dim's
        numbers where those are even, else 1 and 0. A lone plane's z spacing, which nothing states,
        is 1 mm. Values are copied.

    Raises
    ------
    CannotExport
        The planes are irregular or sheared, or the type is one that ITK has not.
    NoGeometry
        The volume has no place in the patient.
    ExtraNotInstalled
        SimpleITK is missing.
    """
    simpleitk = import_extra("SimpleITK", "itk")
    volume = arranged(volume)
    if not volume.dicom.is_regular:
        raise CannotExport(
            f"{series_name(volume)}: its planes are not evenly spaced, and ITK knows one spacing; "
            "resample it first: volume.dicom.regularize()"
        )
    if volume.dicom.tilt_deg > TILT_TOLERANCE_DEG:
        raise CannotExport(
            f"{series_name(volume)}: its planes lean {volume.dicom.tilt_deg:.1f}° from their "
            "normal, and ITK's axes are at right angles; straighten it first: "
            "volume.dicom.unshear()"
        )
    values = volume.to_numpy()
    if values.dtype.kind not in "iuf" or values.dtype.itemsize > 8 or values.dtype == np.float16:
        raise CannotExport(
            f"{series_name(volume)}: ITK has no {values.dtype}; convert it: "
            "volume.astype('float32')"
        )
    is_vector = CHANNEL in volume.dims
    image = simpleitk.GetImageFromArray(np.ascontiguousarray(values), isVector=is_vector)
    spacing_mm = [1.0 if np.isnan(each) else each for each in volume.dicom.spacing[::-1]]
    origin_mm, direction = list(volume.dicom.origin), volume.dicom.direction[:, ::-1]
    extra = extra_dim(volume)
    if extra is not None:
        along = volume.coords[extra].to_numpy() if extra in volume.coords else np.empty(0)
        step = step_of(along)
        spacing_mm.append(step or 1.0)
        origin_mm.append(float(along[0]) if step else 0.0)
        direction = np.pad(direction, (0, 1))
        direction[3, 3] = 1.0
    image.SetSpacing(spacing_mm)
    image.SetOrigin(origin_mm)
    image.SetDirection(direction.ravel().tolist())
    return image
