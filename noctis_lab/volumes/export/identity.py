"""A volume without its patient: attributes and coordinates by the same table as data sets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from noctis_lab.dicom.dictionary import find_tag
from noctis_lab.dicom.pseudonym_actions import find_action
from noctis_lab.dicom.pseudonym_keys import Pseudonyms
from noctis_lab.dicom.pseudonym_words import TERMS, IdentifyingWords

__all__ = ["without_identity"]

#: Texts that the project writes itself, or that DICOM enumerates.
_KEPT_TEXT = frozenset(
    ("units", "long_name", "geometry_note", "place_note", "spacing_note", "contrast_note")
)
_KEPT_COORDINATES = frozenset(("asl_context", "channel"))


def without_identity(
    volume: xr.DataArray, pseudonyms: Pseudonyms, words: IdentifyingWords
) -> xr.DataArray:
    """Return a volume whose attributes and coordinates tell nothing of who the patient is.

    Parameters
    ----------
    volume
        In the project's layout.
    pseudonyms
        By which UIDs are replaced, as in data sets.
    words
        The patient's: a text in which one of them stands goes, whatever it is.

    Returns
    -------
    DataArray
        The same values. Numbers stay, but those that PS3.15 Table E.1-1 names; UIDs are replaced;
        of texts stay units, directions and DICOM's own terms.
    """
    cleaned = volume.copy(deep=False)
    cleaned.attrs = _attributes(volume.attrs, pseudonyms, words)
    if volume.name not in TERMS:
        cleaned.name = None
    for name in list(volume.coords):
        coordinate = volume.coords[name]
        if str(name).endswith("UID") and coordinate.dtype.kind == "U":
            mapped = [pseudonyms.uid(str(uid)) if uid else "" for uid in coordinate.values.flat]
            values = np.array(mapped).reshape(coordinate.shape)
        elif _may_stay(str(name), coordinate):
            values = coordinate.variable.values
        else:
            cleaned = cleaned.drop_vars([name])
            continue
        attributes = _attributes(coordinate.attrs, pseudonyms, words)
        cleaned = cleaned.assign_coords({name: (coordinate.dims, values, attributes)})
    return cleaned


def _may_stay(name: str, coordinate: xr.DataArray) -> bool:
    if coordinate.dtype.kind in "biuf":
        return not _is_named(name)
    return name in _KEPT_COORDINATES and all(str(each) in TERMS for each in coordinate.values.flat)


def _attributes(
    attributes: Mapping[Any, Any], pseudonyms: Pseudonyms, words: IdentifyingWords
) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for name, value in attributes.items():
        if str(name).endswith("UID"):
            if isinstance(value, str):
                kept[name] = pseudonyms.uid(value)
        elif _is_named(str(name)):
            continue
        elif isinstance(value, str):
            if (name in _KEPT_TEXT or value in TERMS) and not words.stand_in(value):
                kept[name] = value
        elif _is_number(value):
            kept[name] = value
    return kept


def _is_named(name: str) -> bool:
    """Return whether a name is that of an attribute which the Basic Profile treats."""
    tag = find_tag(name)
    return tag is not None and find_action(tag) is not None


def _is_number(value: object) -> bool:
    if isinstance(value, list | tuple | np.ndarray):
        return all(_is_number(each) for each in value)
    return isinstance(value, int | float | np.number)
