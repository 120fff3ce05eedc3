"""What objects other than images are, by SOP class, and what to do with each: one table."""

from __future__ import annotations

from typing import NamedTuple

__all__ = [
    "DOSE",
    "OBJECT_KINDS",
    "SEGMENTATIONS",
    "STRUCTURES",
    "ObjectKind",
    "find_object_kind",
]

_STORAGE = "1.2.840.10008.5.1.4.1.1."

#: RT Dose, Segmentation and Label Map Segmentation, RT Structure Set Storage.
DOSE = f"{_STORAGE}481.2"
SEGMENTATIONS = frozenset((f"{_STORAGE}66.4", f"{_STORAGE}66.7"))
STRUCTURES = f"{_STORAGE}481.3"


class ObjectKind(NamedTuple):
    """What objects of a SOP class are, and what to do where a volume was asked for."""

    what: str
    advice: str


_READ = "read it with instance.dataset()"
_ELEMENTS = "its content is in series.tags() and instance.dataset()"
_PLAN = f"it holds no voxels; {_ELEMENTS}, its dose is an RTDOSE series of the study"
_MESH = f"it holds surfaces, no voxels; {_READ}"
_OPHTHALMIC = ObjectKind("an ophthalmic measurement", _ELEMENTS)
_SLIDE = ObjectKind(
    "a whole-slide image",
    "its frames are tiles of one large image, no planes of a volume; read single tiles with "
    "instance.stored(frame)",
)

#: Class, or all classes under a prefix, after 1.2.840.10008.5.1.4.1.1; None: an image after all.
OBJECT_KINDS: dict[str, ObjectKind | None] = {
    "4.2": ObjectKind("an MR spectroscopy", f"it holds spectra, no voxels; {_READ}"),
    "9": ObjectKind("a waveform", f"it holds samples over time, no voxels; {_READ}"),
    "11": ObjectKind(
        "a presentation state",
        "it says how other images are to be shown; load the series that it refers to",
    ),
    "66": ObjectKind("raw data", f"it is in its maker's own form; {_READ}"),
    "66.1": ObjectKind("a spatial registration", f"it holds transformations, no voxels; {_READ}"),
    "66.2": ObjectKind("a set of fiducials", f"it holds points, no voxels; {_READ}"),
    "66.3": ObjectKind("a deformable registration", f"it holds a vector field; {_READ}"),
    "66.4": None,
    "66.5": ObjectKind("a surface segmentation", _MESH),
    "66.6": ObjectKind("a set of tracks", f"it holds lines, no voxels; {_READ}"),
    "66.7": None,
    "66.8": ObjectKind("a height map segmentation", f"it holds layers' heights; {_READ}"),
    "67": ObjectKind(
        "a real world value mapping",
        "it says what other images' values mean; load the series that it refers to",
    ),
    "68": ObjectKind("a surface scan", _MESH),
    "77.1.5.3": ObjectKind("a stereometric relationship", _ELEMENTS),
    "77.1.6": _SLIDE,
    "77.1.9": _SLIDE,
    "78": _OPHTHALMIC,
    "79": _OPHTHALMIC,
    "80": _OPHTHALMIC,
    "88": ObjectKind("a structured report", f"it holds text and measurements; {_ELEMENTS}"),
    "88.59": ObjectKind(
        "a key object selection",
        f"it lists images; load the series that they belong to ({_ELEMENTS})",
    ),
    "90": ObjectKind("a content assessment", _ELEMENTS),
    "91": ObjectKind("a set of microscopy annotations", f"it holds outlines, no voxels; {_READ}"),
    "104": ObjectKind("an encapsulated document", f"it holds a file of another kind; {_READ}"),
    "104.1": ObjectKind(
        "an encapsulated PDF", "take the document from instance.dataset().EncapsulatedDocument"
    ),
    "104.3": ObjectKind("an encapsulated surface (STL)", _MESH),
    "104.4": ObjectKind("an encapsulated surface (OBJ)", _MESH),
    "131": ObjectKind("a structured display", _ELEMENTS),
    "200": ObjectKind("a procedure protocol", _ELEMENTS),
    "201": ObjectKind("an inventory", _ELEMENTS),
    "481": ObjectKind("a radiotherapy record", _ELEMENTS),
    "481.1": None,
    "481.2": None,
    "481.3": ObjectKind(
        "a structure set",
        "it holds contours, no voxels: series.structures() has them, and rasterises one onto a "
        "volume",
    ),
    "481.5": ObjectKind("a radiotherapy plan", _PLAN),
    "481.8": ObjectKind("an ion therapy plan", _PLAN),
    "481.23": None,
    "481.24": None,
}


def find_object_kind(SOPClassUID: str) -> ObjectKind | None:
    """Return what an object that is no image is.

    Returns
    -------
    ObjectKind or None
        None for images, dose grids, segmentations and classes that the table does not know.

    Examples
    --------
    >>> find_object_kind("1.2.840.10008.5.1.4.1.1.88.33").what
    'a structured report'
    >>> find_object_kind("1.2.840.10008.5.1.4.1.1.2") is None
    True

    References
    ----------
    :dcm:`PS3.4 B.5 <part04/sect_B.5.html>`
    """
    if not SOPClassUID.startswith(_STORAGE):
        return None
    name = SOPClassUID.removeprefix(_STORAGE)
    while name:
        if name in OBJECT_KINDS:
            return OBJECT_KINDS[name]
        name = name.rpartition(".")[0]
    return None
