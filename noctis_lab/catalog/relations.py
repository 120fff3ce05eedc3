"""The SQL of the views that `lab.sql` sees: Parquet ∪ wide rows, with the commit tier's rollups.

======================= ======================================================================
view                    a row is
======================= ======================================================================
patients                a PatientID of one issuer; studies without one stay apart
studies                 a study: what the worklist shows, and every keyword constant over it
series                  a series: every keyword constant over it, counts and geometry facts
instances               an instance
elements                an element of a series (SOPInstanceUID NULL: alike in all its instances)
                        or of an instance; `path` says where it is nested
instance_elements       an element of an instance, the constant ones repeated for each
receipts                an arrival: the first of each instance, and each of the same content again
measurements            a measurement that is not deleted, with its figures
hu_series_check         a look at the scale of a CT series; the newest `recorded_at` of one holds
hu_analysis, hu_roi     an analysis of a phantom; a region of one
hu_refusal              a series that was no phantom to be analysed, and why
hu_baseline, hu_scanner_event, hu_certificate, hu_curve
                        what people set and noted of scanners
facilities, senders, unknown_senders, study_access, collisions, quarantine
                        as the commit tier has them
======================= ======================================================================

All times are UTC (TIMESTAMP); keyword columns are typed as `columns.py` says.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from noctis_lab.catalog.columns import ELEMENTS, INSTANCES, KEYWORDS, SERIES
from noctis_lab.catalog.hu_columns import HU_VIEWS
from noctis_lab.catalog.workspace import quote

__all__ = ["MEASUREMENT_COLUMNS", "ROLLUPS", "columnar_views", "rollup_views"]

_TEXT, _WHOLE, _NUMBER, _FLAG = pa.string(), pa.int64(), pa.float64(), pa.bool_()
_AT, _DAY = pa.timestamp("us"), pa.date32()

_STUDY_KEYWORDS: dict[str, pa.DataType] = {
    "StudyInstanceUID": _TEXT,
    "PatientID": _TEXT,
    "IssuerOfPatientID": _TEXT,
    "PatientName": _TEXT,
    "PatientBirthDate": _DAY,
    "PatientSex": _TEXT,
    "StudyDate": _DAY,
    "StudyTime": _TEXT,
    "StudyDescription": _TEXT,
    "StudyID": _TEXT,
    "AccessionNumber": _TEXT,
    "ReferringPhysicianName": _TEXT,
}
_SERIES_FACTS: dict[str, pa.DataType] = {
    "instance_count": _WHOLE,
    "frame_count": _WHOLE,
    "image_count": _WHOLE,
    "stored_bytes": _WHOLE,
    "first_received_at": _AT,
    "last_received_at": _AT,
    "is_withheld": _FLAG,
    "is_volume": _FLAG,
    "is_regular": _FLAG,
    "slice_spacing_mm": _NUMBER,
    "tilt_deg": _NUMBER,
    "gap_count": _WHOLE,
    "duplicate_count": _WHOLE,
    "geometry_note": _TEXT,
    "stack_count": _WHOLE,
    "extra_dim": _TEXT,
    "extra_size": _WHOLE,
    "residual_mm": _NUMBER,
    "varies_along_z": _TEXT,
}

#: Figures of a measurement that are numbers, by their names in its `values`.
_MEASURED_NUMBERS = (
    *("length_mm", "width_mm", "angle_deg", "area_mm2", "perimeter_mm"),
    *("length_px", "width_px", "area_px2", "perimeter_px"),
    *("value", "mean", "sd", "min", "max", "median"),
)
#: Columns of `measurements`, and of its tables elsewhere.
MEASUREMENT_COLUMNS: dict[str, pa.DataType] = {
    "MeasurementUID": _TEXT,
    "kind": _TEXT,
    "label": _TEXT,
    "StudyInstanceUID": _TEXT,
    "SeriesInstanceUID": _TEXT,
    "SOPInstanceUID": _TEXT,
    "frame": _WHOLE,
    "extra_index": _WHOLE,
    "FrameOfReferenceUID": _TEXT,
    "x_mm": _NUMBER,
    "y_mm": _NUMBER,
    "z_mm": _NUMBER,
    **dict.fromkeys(_MEASURED_NUMBERS, _NUMBER),
    "count": _WHOLE,
    "excluded": _WHOLE,
    "value_units": _TEXT,
    "is_clipped": _FLAG,
    "points_px": pa.list_(pa.list_(_NUMBER)),
    "points_mm": pa.list_(pa.list_(_NUMBER)),
    "author": _TEXT,
    "created_at": _AT,
    "updated_at": _AT,
}

#: Tables of the commit tier that are brought in whole, as `base.<name>`.
ROLLUPS: dict[str, pa.Schema] = {
    "study": pa.schema(
        [
            ("study_key", _WHOLE),
            *_STUDY_KEYWORDS.items(),
            ("modalities", pa.list_(_TEXT)),
            ("series_count", _WHOLE),
            ("instance_count", _WHOLE),
            ("stored_bytes", _WHOLE),
            ("first_received_at", _AT),
            ("last_received_at", _AT),
        ]
    ),
    "series": pa.schema(
        [
            ("series_key", _WHOLE),
            ("study_key", _WHOLE),
            ("StudyInstanceUID", _TEXT),
            ("SeriesInstanceUID", _TEXT),
            *_SERIES_FACTS.items(),
        ]
    ),
    "receipt": pa.schema(
        [
            ("StudyInstanceUID", _TEXT),
            ("SeriesInstanceUID", _TEXT),
            ("SOPInstanceUID", _TEXT),
            ("facility", _TEXT),
            ("calling_aet", _TEXT),
            ("called_aet", _TEXT),
            ("receipt_source", _TEXT),
            ("received_at", _AT),
        ]
    ),
    "measurements": pa.schema(MEASUREMENT_COLUMNS.items()),
    "facilities": pa.schema([("facility", _TEXT), ("added_at", _AT)]),
    "senders": pa.schema(
        [
            ("aet", _TEXT),
            ("address", _TEXT),
            ("facility", _TEXT),
            ("is_blocked", _FLAG),
            ("added_at", _AT),
        ]
    ),
    "unknown_senders": pa.schema(
        [
            ("aet", _TEXT),
            ("address", _TEXT),
            ("attempts", _WHOLE),
            ("first_at", _AT),
            ("last_at", _AT),
        ]
    ),
    "study_access": pa.schema([("StudyInstanceUID", _TEXT), ("facility", _TEXT)]),
    "collisions": pa.schema(
        [
            ("StudyInstanceUID", _TEXT),
            ("facility", _TEXT),
            ("first_at", _AT),
            ("last_at", _AT),
            ("instance_count", _WHOLE),
        ]
    ),
    "quarantine": pa.schema(
        [
            ("quarantine_id", _TEXT),
            ("kind", _TEXT),
            ("reason", _TEXT),
            ("StudyInstanceUID", _TEXT),
            ("SOPInstanceUID", _TEXT),
            ("size_bytes", _WHOLE),
            ("facility", _TEXT),
            ("calling_aet", _TEXT),
            ("received_at", _AT),
        ]
    ),
    **{name: pa.schema(columns.items()) for name, columns in HU_VIEWS.items()},
}

_AS_THEY_ARE = (
    *HU_VIEWS,
    "measurements",
    "facilities",
    "senders",
    "unknown_senders",
    "study_access",
    "collisions",
    "quarantine",
)
_PER_STUDY = {*_STUDY_KEYWORDS, "SeriesInstanceUID"}


def columnar_views(
    folder: Path, clean: Sequence[str], partly: Sequence[str], *, has_live: bool
) -> dict[str, str]:
    """Return the SELECT of each view that reads Parquet files.

    Parameters
    ----------
    folder
        Of the files.
    clean
        Stems all of whose rows count.
    partly
        Stems of whose rows only those count that `base.held` names.
    has_live
        Whether there are wide rows; without, a query is planned in half the time.
    """
    source = {
        kind: _union(folder, kind, clean, partly, has_live=has_live)
        for kind in ("instances", "series", "elements")
    }
    shown = ", ".join(
        "lower(hex(data_set_sha256)) AS data_set_sha256" if name == "data_set_sha256" else name
        for name in INSTANCES.names
        if name != "series_key"
    )
    elements = [name for name in ELEMENTS.names if name != "series_key"]
    of_instance = ", ".join(
        f"i.{name}" if name.endswith("InstanceUID") else f"e.{name}" for name in elements
    )
    return {
        "instances": f"SELECT {shown} FROM ({source['instances']})",  # noqa: S608
        "elements": f"SELECT {', '.join(elements)} FROM ({source['elements']})",  # noqa: S608
        "instance_elements": (
            f"SELECT {', '.join(elements)} FROM ({source['elements']}) "  # noqa: S608
            f"WHERE SOPInstanceUID IS NOT NULL UNION ALL "
            f"SELECT {of_instance} FROM ({source['elements']}) e "
            f"JOIN ({source['instances']}) i USING (series_key) WHERE e.SOPInstanceUID IS NULL"
        ),
        "series": _series_view(source["series"]),
        "studies": _studies_view(source["series"]),
    }


def rollup_views() -> dict[str, str]:
    """Return the SELECT of each view that stands on others or on the commit tier alone."""
    receipt = ", ".join(ROLLUPS["receipt"].names)
    return {
        "patients": _patients_view(),
        "receipts": (
            f"SELECT {receipt}, true AS is_first FROM instances "  # noqa: S608
            f"UNION ALL SELECT {receipt}, false FROM base.receipt"
        ),
        **{name: f"FROM base.{name}" for name in _AS_THEY_ARE},
    }


def _union(
    folder: Path, kind: str, clean: Sequence[str], partly: Sequence[str], *, has_live: bool
) -> str:
    parts = [f"FROM base.live_{kind}"] if has_live or not (clean or partly) else []
    if clean:
        parts.append(f"FROM read_parquet({_paths(folder, kind, clean)})")
    if partly:
        parts.append(
            f"SELECT p.* EXCLUDE (filename) "  # noqa: S608
            f"FROM read_parquet({_paths(folder, kind, partly)}, filename = true) p "
            f"SEMI JOIN base.held h ON p.series_key = h.series_key "
            f"AND p.filename = h.stem || {quote(f'.{kind}.parquet')}"
        )
    return " UNION ALL ".join(parts)


def _paths(folder: Path, kind: str, stems: Sequence[str]) -> str:
    return "[" + ",".join(quote(str(folder / f"{stem}.{kind}.parquet")) for stem in stems) + "]"


def _series_view(source: str) -> str:
    keywords = ", ".join(
        f"r.{name}" if name in {"StudyInstanceUID", "SeriesInstanceUID"} else f"k.{name}"
        for name in SERIES.names
        if name != "series_key"
    )
    facts = ", ".join(f"r.{name}" for name in _SERIES_FACTS)
    return (
        f"SELECT {keywords}, {facts} FROM base.series r "  # noqa: S608
        f"LEFT JOIN ({source}) k USING (series_key)"
    )


def _studies_view(source: str) -> str:
    names = [name for name in SERIES.names if name in KEYWORDS and name not in _PER_STUDY]
    constant = ", ".join(
        f"CASE WHEN count({name}) = count(*) AND min({name}) = max({name}) "
        f"THEN min({name}) END AS {name}"
        for name in names
    )
    shown = ", ".join([*(f"r.{name}" for name in _STUDY_KEYWORDS), *(f"k.{n}" for n in names)])
    counts = "r.series_count, r.instance_count, r.stored_bytes"
    return (
        f"SELECT {shown}, r.modalities, "  # noqa: S608
        "coalesce(a.facilities, []::VARCHAR[]) AS facilities, "
        f"{counts}, r.first_received_at, r.last_received_at FROM base.study r "
        f"LEFT JOIN (SELECT s.study_key, {constant} FROM ({source}) "
        "JOIN base.series s USING (series_key) WHERE NOT s.is_withheld GROUP BY s.study_key) k "
        "USING (study_key) "
        "LEFT JOIN (SELECT StudyInstanceUID, list(facility ORDER BY facility) AS facilities "
        "FROM base.study_access GROUP BY StudyInstanceUID) a USING (StudyInstanceUID)"
    )


def _patients_view() -> str:
    latest = ", ".join(
        f"arg_max({name}, last_received_at) AS {name}"
        for name in ("PatientName", "PatientBirthDate", "PatientSex")
    )
    return (
        f"SELECT PatientID, IssuerOfPatientID, {latest}, "  # noqa: S608
        "count(*) AS study_count, sum(series_count)::BIGINT AS series_count, "
        "sum(instance_count)::BIGINT AS instance_count, "
        "sum(stored_bytes)::BIGINT AS stored_bytes, "
        "min(StudyDate) AS first_study_date, max(StudyDate) AS last_study_date, "
        "min(first_received_at) AS first_received_at, max(last_received_at) AS last_received_at "
        "FROM base.study GROUP BY PatientID, IssuerOfPatientID, "
        "CASE WHEN PatientID IS NULL THEN StudyInstanceUID END"
    )
