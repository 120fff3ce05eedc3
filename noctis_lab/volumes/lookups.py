"""What files say of their values beyond slope and intercept: Modality LUT, palette, unit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from noctis_lab.catalog.records import InstanceRow, SeriesRow
from noctis_lab.dicom.modality_lut import ModalityLut, read_modality_lut
from noctis_lab.dicom.padding import find_padding
from noctis_lab.dicom.palette import Palette, open_palette
from noctis_lab.dicom.raw_values import read_header_bytes
from noctis_lab.dicom.rescale import values_units
from noctis_lab.errors import CannotInterpret, InvalidDicom, UnsupportedSeries
from noctis_lab.volumes.frames import Frame
from noctis_lab.volumes.planes import instance_file, read_instance_header
from noctis_lab.volumes.stack import Stack

if TYPE_CHECKING:
    from noctis_lab.volumes.cache import Handle

__all__ = [
    "find_instance_padding",
    "find_luts",
    "find_modality_lut",
    "find_palette",
    "find_pet_units",
    "find_units",
    "require_one_unit",
]

_LEAST_BYTES = 1024
_PADDING_BYTES = 256
#: PET and enhanced PET image storage.
_PET_CLASSES = frozenset({"1.2.840.10008.5.1.4.1.1.128", "1.2.840.10008.5.1.4.1.1.130"})


def find_luts(handle: Handle, rows: Sequence[InstanceRow]) -> dict[bytes, ModalityLut]:
    """Return the Modality LUTs of instances that are tables, by the hash of their data sets.

    Notes
    -----
    Those of which the catalogue says that a slope does not give their values are looked at, by the
    handle's threads; the rest costs nothing.
    """
    asked = [row for row in rows if row.has_unread_modality_lut]
    found = handle.executor.map(lambda row: find_modality_lut(handle, row), asked)
    pairs = zip(asked, found, strict=True)
    return {row.sha256: lut for row, lut in pairs if lut is not None}


def find_modality_lut(handle: Handle, row: InstanceRow) -> ModalityLut | None:
    """Return an instance's Modality LUT where it is a table that can be followed, else None."""
    if not row.has_unread_modality_lut:
        return None
    key = ("modality_lut", row.sha256)
    known: tuple[ModalityLut | None] | None = handle.frames.find(key)
    if known is not None:
        return known[0]
    try:
        lut = read_modality_lut(read_header_bytes(instance_file(handle.storage, row)))
    except (CannotInterpret, InvalidDicom, OSError):
        lut = None
    size = _LEAST_BYTES + (0 if lut is None else lut.table.entries.nbytes)
    handle.frames.put(key, (lut,), size)
    return lut


def find_instance_padding(handle: Handle, row: InstanceRow) -> tuple[float, float] | None:
    """Return the stored values that are padding, (lowest, highest), as an instance states them.

    Raises
    ------
    FileChanged
        Its header had to be read, and the file is missing or is not what was catalogued.
    """
    key = ("padding", row.sha256)
    known: tuple[tuple[float, float] | None] | None = handle.frames.find(key)
    if known is None:
        known = (find_padding(read_instance_header(instance_file(handle.storage, row), row)),)
        handle.frames.put(key, known, _PADDING_BYTES)
    return known[0]


def find_palette(handle: Handle, row: InstanceRow) -> Palette:
    """Return the palette of an instance of PALETTE COLOR.

    Raises
    ------
    DecodeError
        There is none, or it cannot be followed.
    """
    key = ("palette", row.sha256)
    known: Palette | None = handle.frames.find(key)
    if known is not None:
        return known
    palette = open_palette(instance_file(handle.storage, row))
    handle.frames.put(key, palette, _LEAST_BYTES + palette.nbytes)
    return palette


def find_pet_units(handle: Handle, rows: Iterable[InstanceRow]) -> frozenset[str | None]:
    """Return the Units that PET images state, which are those of their rescaled values.

    Parameters
    ----------
    handle
        The open archive.
    rows
        Instances of one series.

    Returns
    -------
    frozenset of str or None
        None where one states none; empty where they are no PET images.

    Raises
    ------
    FileChanged
        A file is missing, or is not what was catalogued.

    Notes
    -----
    Units is of each image, not of the series (PS3.3 C.8.9.1): all headers are read, once per
    process.
    """
    asked = (row for row in rows if row.SOPClassUID in _PET_CLASSES)
    return frozenset(_find_pet_unit(handle, row) for row in asked)


def require_one_unit(stack: Stack, pet_units: frozenset[str | None]) -> None:
    """Refuse a PET of which some planes are in another unit: values of two do not make a volume.

    Raises
    ------
    UnsupportedSeries
        More than one was found by `find_pet_units`.
    """
    if len(pet_units) > 1:
        stated = ", ".join(sorted(f"{unit:.16}" if unit else "none" for unit in pet_units))
        raise UnsupportedSeries(
            stack.SeriesInstanceUID,
            f"its images state more than one Units ({stated}): there is no one unit of the values; "
            "load with stored=True, or read single images by Instance.stored()",
        )


def _find_pet_unit(handle: Handle, row: InstanceRow) -> str | None:
    key = ("pet_units", row.sha256)
    known: tuple[str | None] | None = handle.frames.find(key)
    if known is None:
        text = read_instance_header(instance_file(handle.storage, row), row).text("Units")
        known = ((text or "").strip() or None,)
        handle.frames.put(key, known, _PADDING_BYTES)
    return known[0]


def find_units(
    series: SeriesRow,
    frames: Sequence[Frame],
    luts: Mapping[bytes, ModalityLut],
    pet_units: frozenset[str | None],
) -> str:
    """Return the unit of the modality values of some planes, as `values_units` writes it.

    Parameters
    ----------
    frames
        The planes.
    luts
        Of theirs, from `find_luts`.
    pet_units
        From `find_pet_units`; where there is more than one, none of them is the unit of all.
    """
    types = {lut.units for lut in luts.values()}
    are_of_tables = all(frame.row.sha256 in luts for frame in frames)
    stated = types.pop() if len(types) == 1 and are_of_tables else None
    if len(pet_units) > 1:
        return "unspecified"
    pet = next(iter(pet_units), None)
    return values_units(
        series.Modality, [frame.facts.rescale for frame in frames], stated=stated or pet
    )
