"""Which columns of a view a selection's DataFrame has where nothing else is asked."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from noctis_lab.errors import QueryError

__all__ = ["choose_columns"]

#: In the order in which people read them; UIDs, which nobody reads, come last.
_CHOSEN: dict[str, tuple[str, ...]] = {
    "studies": (
        *("PatientID", "PatientName", "PatientBirthDate", "PatientSex"),
        *("StudyDate", "StudyTime", "StudyDescription", "AccessionNumber"),
        *("modalities", "facilities", "series_count", "instance_count", "stored_bytes"),
        *("last_received_at", "StudyInstanceUID"),
    ),
    "series": (
        *("PatientID", "StudyDate", "Modality", "SeriesNumber", "SeriesDescription"),
        *("ProtocolName", "BodyPartExamined", "Manufacturer", "ManufacturerModelName"),
        *("instance_count", "image_count", "frame_count", "Rows", "Columns", "PixelSpacing"),
        *("slice_spacing_mm", "SliceThickness", "is_volume", "is_regular", "tilt_deg"),
        *("gap_count", "duplicate_count", "geometry_note", "stored_bytes", "last_received_at"),
        *("SeriesInstanceUID", "StudyInstanceUID"),
    ),
    "instances": (
        *("PatientID", "StudyDate", "Modality", "SeriesNumber", "InstanceNumber", "ImageType"),
        *("Rows", "Columns", "frame_count", "slice_position_mm", "PixelSpacing"),
        *("SliceThickness", "transfer_syntax_uid", "data_set_bytes", "facility", "received_at"),
        *("SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID"),
    ),
}


def choose_columns(
    view: str,
    asked: str | Sequence[str] | None,
    *,
    known: Sequence[str],
    conditions: Collection[str],
) -> list[str]:
    """Return the names of the columns, in order.

    Parameters
    ----------
    view
        What the selection is of.
    asked
        None for the usual ones and those of the conditions, ``"all"``, or names.
    known
        All columns of the view.
    conditions
        Columns that the selection names.

    Raises
    ------
    QueryError
        A word other than ``"all"``, or no name at all.
    """
    if asked == "all":
        return list(known)
    if isinstance(asked, str) or (asked is not None and not asked):
        raise QueryError("columns are a list of names, or 'all'; without, the usual ones")
    if asked is not None:
        return list(dict.fromkeys(asked))
    chosen = [name for name in _CHOSEN[view] if name in known]
    first_uid = next(
        (place for place, name in enumerate(chosen) if name.endswith("InstanceUID")), len(chosen)
    )
    named = [name for name in conditions if name not in chosen]
    return [*chosen[:first_uid], *named, *chosen[first_uid:]]
