"""Classic MR series of several images per place, in the words of the standard and of each maker."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import MRImageStorage

from noctis_lab.synthetic.modules import (
    PixelFormat,
    SeriesIdentity,
    add_gradient_echo,
    add_pixels,
    add_plane,
    begin_instance,
    clock,
)
from noctis_lab.synthetic.mosaic import csa_header
from noctis_lab.synthetic.plane_stack import PlaneStack
from noctis_lab.synthetic.uids import seeded_uid

__all__ = ["CONVENTIONS", "GRADIENT", "weighted_mr", "weighted_stored"]

#: The direction of diffusion weighting, patient LPS.
GRADIENT: Final = (0.0, 0.6, 0.8)
_BEGIN_S: Final = 14 * 3600.0
_STACK: Final = PlaneStack(planes=3)


def weighted_stored(plane: int, point: int, shape: tuple[int, int]) -> NDArray[np.uint16]:
    """Return the pixels of a plane at a point: ndarray of uint16, shape (rows, columns)."""
    rows, columns = shape
    down, along = np.mgrid[:rows, :columns]
    stored: NDArray[np.uint16] = (2_000 * point + 200 * plane + columns * down + along).astype(
        np.uint16
    )
    return stored


def weighted_mr(
    convention: str,
    *,
    stack: PlaneStack = _STACK,
    points: int = 3,
    shape: tuple[int, int] = (6, 8),
    seed: str = "weighted",
) -> list[Dataset]:
    """Return a classic MR series with a further dimension, one frame per instance.

    Parameters
    ----------
    convention
        One of `CONVENTIONS`: which dimension, and who states it how.
    stack
        The planes.
    points
        In the further dimension: times are 2 s apart, echoes 10 ms, b-values 500 s/mm² from 0,
        cardiac phases 50 ms.
    shape
        Rows and columns of an image; at most 200 pixels in all.
    seed
        UIDs depend on it.

    Returns
    -------
    list of pydicom.Dataset
        All points of the first plane, then of the second …; pixels are `weighted_stored`.

    References
    ----------
    :dcm:`PS3.3 C.8.3.1 <part03/sect_C.8.3.html>`; the makers' own elements are those of their
    conformance statements.
    """
    add = CONVENTIONS[convention]
    made = []
    for plane in range(stack.planes):
        for point in range(points):
            dataset = begin_instance(_identity(seed, convention), plane * points + point)
            add_gradient_echo(dataset)
            dataset.AcquisitionTime = clock(_BEGIN_S)
            add_plane(
                dataset,
                position_mm=stack.position_mm(plane),
                orientation=stack.orientation,
                pixel_spacing_mm=stack.pixel_spacing_mm,
                thickness_mm=abs(stack.slice_spacing_mm),
                FrameOfReferenceUID=seeded_uid(seed, "frame"),
            )
            add(dataset, _At(plane, point, stack.planes, points))
            add_pixels(dataset, weighted_stored(plane, point, shape), PixelFormat())
            made.append(dataset)
    return made


class _At(NamedTuple):
    """Which image it is, and of how many."""

    plane: int
    point: int
    planes: int
    points: int


def _identity(seed: str, convention: str) -> SeriesIdentity:
    return SeriesIdentity(
        SOPClassUID=MRImageStorage,
        Modality="MR",
        PatientName="PHANTOM^WEIGHTED",
        PatientID="NOCTIS-WEIGHTED",
        StudyDate="20260305",
        StudyTime="140000",
        StudyDescription="Synthetic phantom",
        SeriesDescription=f"Formula, {convention}",
        ManufacturerModelName="Synthetic MR",
        seed=f"{seed} {convention}",
    )


def _b_value(point: int) -> float:
    return 500.0 * point


def _time_by_position(dataset: Dataset, at: _At) -> None:
    dataset.TemporalPositionIdentifier = at.point + 1
    dataset.AcquisitionTime = clock(_BEGIN_S + 2 * at.point)


def _time_by_clock(dataset: Dataset, at: _At) -> None:
    dataset.AcquisitionNumber = at.point + 1
    dataset.AcquisitionTime = clock(_BEGIN_S + 2 * at.point)


def _time_by_number(dataset: Dataset, at: _At) -> None:
    dataset.NumberOfTemporalPositions = at.points
    dataset.InstanceNumber = at.point * at.planes + at.plane + 1
    dataset.InStackPositionNumber = at.plane + 1
    block = dataset.private_block(0x0021, "GEMS_RELA_01", create=True)
    block.add_new(0x4F, "SS", at.planes)


def _echo(dataset: Dataset, at: _At) -> None:
    dataset.EchoTime = 10 * (at.point + 1)
    dataset.EchoNumbers = at.point + 1


def _diffusion(dataset: Dataset, at: _At) -> None:
    dataset.DiffusionBValue = _b_value(at.point)
    dataset.DiffusionDirectionality = "DIRECTIONAL" if at.point else "NONE"
    if at.point:
        dataset.DiffusionGradientOrientation = list(GRADIENT)


def _diffusion_siemens(dataset: Dataset, at: _At) -> None:
    block = dataset.private_block(0x0019, "SIEMENS MR HEADER", create=True)
    block.add_new(0x0C, "IS", str(int(_b_value(at.point))))
    block.add_new(0x0D, "CS", "DIRECTIONAL" if at.point else "NONE")
    if at.point:
        block.add_new(0x0E, "FD", list(GRADIENT))


def _diffusion_csa(dataset: Dataset, at: _At) -> None:
    entries = {"B_value": [f"{_b_value(at.point):g}"]}
    if at.point:
        entries["DiffusionGradientDirection"] = [str(cosine) for cosine in GRADIENT]
    block = dataset.private_block(0x0029, "SIEMENS CSA HEADER", create=True)
    block.add_new(0x10, "OB", csa_header(entries))


def _diffusion_ge(dataset: Dataset, at: _At) -> None:
    value = int(_b_value(at.point))
    block = dataset.private_block(0x0043, "GEMS_PARM_01", create=True)
    # As some of its systems do: the first b-value as it is, the others with 10⁹ added.
    block.add_new(0x39, "IS", [str(value + 10**9 if at.point else value), "8", "0", "0"])
    gradient = dataset.private_block(0x0019, "GEMS_ACQU_01", create=True)
    for low, cosine in zip((0xBB, 0xBC, 0xBD), GRADIENT, strict=True):
        gradient.add_new(low, "DS", str(cosine if at.point else 0))


def _diffusion_philips(dataset: Dataset, at: _At) -> None:
    dataset.private_block(0x2001, "Philips Imaging DD 001", create=True).add_new(
        0x03, "FL", _b_value(at.point)
    )
    block = dataset.private_block(0x2005, "Philips MR Imaging DD 001", create=True)
    for low, cosine in zip((0xB0, 0xB1, 0xB2), GRADIENT, strict=True):
        block.add_new(low, "FL", cosine if at.point else 0.0)


def _phase(dataset: Dataset, at: _At) -> None:
    dataset.ScanOptions = "CG"  # cardiac gating
    dataset.TriggerTime = 50 * at.point


def _phase_philips(dataset: Dataset, at: _At) -> None:
    _phase(dataset, at)
    dataset.private_block(0x2001, "Philips Imaging DD 001", create=True).add_new(
        0x08, "IS", str(at.point + 1)
    )


def _asl(dataset: Dataset, at: _At) -> None:
    dataset.ASLContext = ("LABEL", "CONTROL")[at.point % 2]


def _asl_technique_ge(dataset: Dataset, at: _At) -> None:
    # Perfusion-weighted images, and those of proton density at the same places.
    words = ("PSEUDOCONTINUOUS", "CONTINUOUS")
    block = dataset.private_block(0x0043, "GEMS_PARM_01", create=True)
    block.add_new(0xA3, "CS", words[at.point % 2])


def _asl_philips(dataset: Dataset, at: _At) -> None:
    dataset.private_block(0x2005, "Philips MR Imaging DD 005", create=True).add_new(
        0x29, "CS", ("LABEL", "CONTROL")[at.point % 2]
    )


def _component_siemens(dataset: Dataset, at: _At) -> None:
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "MPRI"[at.point % 4], "ND"]


def _component_ge(dataset: Dataset, at: _At) -> None:
    dataset.private_block(0x0043, "GEMS_PARM_01", create=True).add_new(0x2F, "SS", at.point % 4)


def _component_philips(dataset: Dataset, at: _At) -> None:
    dataset.private_block(0x2005, "Philips MR Imaging DD 001", create=True).add_new(
        0x11, "CS", "MPRI"[at.point % 4]
    )


#: ``dimension`` where the standard's own attributes state it, ``dimension maker`` else.
CONVENTIONS: Final[Mapping[str, Callable[[Dataset, _At], None]]] = {
    "time": _time_by_position,
    "time siemens": _time_by_clock,
    "time ge": _time_by_number,
    "echo": _echo,
    "b_value": _diffusion,
    "b_value siemens": _diffusion_siemens,
    "b_value csa": _diffusion_csa,
    "b_value ge": _diffusion_ge,
    "b_value philips": _diffusion_philips,
    "phase": _phase,
    "phase philips": _phase_philips,
    "asl_context": _asl,
    "asl_context philips": _asl_philips,
    "asl_technique ge": _asl_technique_ge,
    "component siemens": _component_siemens,
    "component ge": _component_ge,
    "component philips": _component_philips,
}
