"""What other readers make of a series: SimpleITK, and dcm2niix in a process of its own."""

from __future__ import annotations

import shutil
import struct
import subprocess
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pydicom
import SimpleITK
from numpy.typing import NDArray

__all__ = ["PEERS", "PeerVolume", "private_scales", "read_by_dcm2niix", "read_by_itk"]

_TIMEOUT_S = 120
_SCALE_SLOPE = 0x2005100E


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerVolume:
    """One volume of a peer: values of shape ([t,] z, y, x), and its affine from (z, y, x, 1)."""

    name: str
    values: NDArray[Any]
    affine: NDArray[np.float64]  # to patient LPS mm, shape (4, 4)

    @property
    def volumes(self) -> NDArray[Any]:
        """Shape (t, z, y, x)."""
        return self.values if self.values.ndim == 4 else self.values[np.newaxis]


type Read = Callable[[Sequence[Path]], tuple[PeerVolume, ...]]


def read_by_itk(files: Sequence[Path]) -> tuple[PeerVolume, ...]:
    """Read a series as SimpleITK's series reader does: its own grouping, its own order.

    Raises
    ------
    RuntimeError
        SimpleITK does not read it.
    """
    SimpleITK.ProcessObject_SetGlobalWarningDisplay(False)
    with _folder_of(files) as folder:
        reader = SimpleITK.ImageSeriesReader()
        found = []
        for uid in reader.GetGDCMSeriesIDs(folder):
            reader.SetFileNames(reader.GetGDCMSeriesFileNames(folder, uid))
            image = reader.Execute()
            if image.GetNumberOfComponentsPerPixel() == 1:
                found.append(_volume_of_itk(uid, image))
        if not found:
            raise RuntimeError("SimpleITK finds no grey image in it")
        return tuple(found)


def _volume_of_itk(name: str, image: SimpleITK.Image) -> PeerVolume:
    affine = np.eye(4)
    direction = np.array(image.GetDirection()).reshape(image.GetDimension(), -1)
    size = min(3, image.GetDimension())
    columns = direction[:size, :size] * np.array(image.GetSpacing()[:size])
    affine[:size, :size] = columns
    affine[:size, 3] = image.GetOrigin()[:size]
    values = SimpleITK.GetArrayFromImage(image)
    return PeerVolume(
        name=name,
        values=values if values.ndim > 2 else values[np.newaxis],
        affine=affine[:, [2, 1, 0, 3]],
    )


def read_by_dcm2niix(files: Sequence[Path]) -> tuple[PeerVolume, ...]:
    """Read a series as dcm2niix does; what it resampled itself (tilt, uneven steps) is left out.

    Raises
    ------
    RuntimeError
        dcm2niix writes nothing for it.
    """
    program = shutil.which("dcm2niix")
    if program is None:
        raise RuntimeError("dcm2niix is not installed")
    with _folder_of(files) as folder, tempfile.TemporaryDirectory() as out:
        options = ["-z", "n", "-b", "n", "-m", "n", "-f", "volume", "-o", out]
        ran = subprocess.run(
            [program, *options, folder],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TIMEOUT_S,
            check=False,
        )
        written = sorted(Path(out).glob("*.nii"))
        kept = [path for path in written if "_Tilt" not in path.stem and "_Eq" not in path.stem]
        if not kept:
            said = [line for line in ran.stdout.splitlines() if "rror" in line or "arning" in line]
            raise RuntimeError(said[-1][:200] if said else "it writes nothing")
        return tuple(_volume_of_nifti(path) for path in kept)


def _volume_of_nifti(path: Path) -> PeerVolume:
    image = nibabel.load(path)
    values = np.asarray(image.dataobj)
    if values.dtype.fields:
        raise RuntimeError("it is in colour")
    lps = np.diag([-1.0, -1.0, 1.0, 1.0]) @ image.affine
    values = values[..., np.newaxis] if values.ndim == 2 else values
    spatial = values.transpose(2, 1, 0) if values.ndim == 3 else values.transpose(3, 2, 1, 0)
    return PeerVolume(name=path.stem, values=spatial, affine=lps[:, [2, 1, 0, 3]])


def private_scales(path: Path) -> tuple[float, ...]:
    """Return what dcm2niix may multiply the rescaled values of a Philips MR by.

    "Floating point" values are stored · RS / (RS · SS), where SS is Scale Slope (2005,100E) and RS
    the rescale slope, of the instance or of any of its frames.
    """
    data_set = pydicom.dcmread(path, stop_before_pixels=True, force=True)
    found: dict[str, set[float]] = {"scale": set(), "rescale": {1.0}}
    for element in data_set.iterall():
        if element.tag == _SCALE_SLOPE and element.value:
            raw = element.value
            found["scale"].add(
                struct.unpack("<f", raw)[0] if isinstance(raw, bytes) else float(raw)
            )
        elif element.keyword == "RescaleSlope" and element.value:
            found["rescale"].add(float(element.value))
    return tuple(1 / (scale * rescale) for scale in found["scale"] for rescale in found["rescale"])


@contextmanager
def _folder_of(files: Sequence[Path]) -> Iterator[str]:
    """Give a folder that holds links to the files and nothing else."""
    with tempfile.TemporaryDirectory() as folder:
        for number, path in enumerate(files):
            Path(folder, f"{number:06d}.dcm").symlink_to(path.resolve())
        yield folder


PEERS: dict[str, Read] = {"SimpleITK": read_by_itk, "dcm2niix": read_by_dcm2niix}

warnings.filterwarnings("ignore", module="nibabel")
