"""Standardised uptake values by body weight, from a PET's activity and what its header states."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from noctis_lab.catalog.records import InstanceRow, SeriesRow
from noctis_lab.dicom.header import Header
from noctis_lab.dicom.raw_values import HeaderBytes, read_header_bytes
from noctis_lab.dicom.rescale import ucum_units
from noctis_lab.errors import CannotInterpret
from noctis_lab.volumes.load import load
from noctis_lab.volumes.planes import instance_file, open_plane
from noctis_lab.volumes.series_plan import reference_of

if TYPE_CHECKING:
    from noctis_lab.volumes.cache import Handle

__all__ = ["SuvInputs", "find_suv_inputs", "suv_bw", "suv_of_series"]

_TRACER = "RadiopharmaceuticalInformationSequence[0]."
_DAY = timedelta(days=1)
#: No tracer is imaged later than that; a dose below that is one in MBq.
_MOST_HALF_LIVES, _LEAST_DOSE_BQ = 12.0, 1e4
#: No scanner's table bears more; what is beyond was written in grams.
_MOST_WEIGHT_KG = 1000.0
#: Planes of one series give one factor, but for times rounded to a second.
_SAME_FACTOR = 1e-3
_TIME = re.compile(r"(\d{2})(\d{2})?(\d{2})?(\.\d{1,6})?")
_OFFSET = re.compile(r"[+-]\d{4}")
_DATE_TIME = re.compile(r"(\d{8})(\d{2}[\d.]*)([+-]\d{4})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class SuvInputs:
    """What an SUV is computed of, as a series states it. Its text shows all of it."""

    units: str  # Units (0054,1001): BQML, CNTS or GML
    decay_correction: str  # DecayCorrection (0054,1102): START or ADMIN; empty where not needed
    weight_kg: float | None  # PatientWeight
    total_dose_bq: float | None  # RadionuclideTotalDose
    half_life_s: float | None  # RadionuclideHalfLife
    started_at: datetime | None  # of the administration
    measured_at: datetime | None  # what the values are decay corrected to
    measured_by: str  # which attributes say so
    activity_per_value: float  # Bq/ml per unit of the values; 1 for BQML
    decay_factor: float  # what is left of the dose at `measured_at`
    factor: float  # SUVbw in g/ml = value · factor


def suv_bw(volume: xr.DataArray, inputs: SuvInputs) -> xr.DataArray:
    """Turn modality values of a PET into standardised uptake values by body weight.

    Parameters
    ----------
    volume
        Values after rescaling, in the units of `inputs`; any dims.
    inputs
        From `find_suv_inputs`.

    Returns
    -------
    DataArray of float32 (float64 where the values are), same dims and coordinates
        SUVbw in g/ml; `attrs` gain SUVType and suv_factor.

    Raises
    ------
    CannotInterpret
        The volume holds stored values, or values in another unit.
    """
    expected = ucum_units(inputs.units)
    stated = volume.attrs.get("units", expected)
    # "unspecified" is a unit that is not known: of real world values, say, which are no activity.
    if stated not in (expected, inputs.units):
        raise CannotInterpret(
            "Units", f"SUV is computed of values in {expected}, the volume holds {stated}"
        )
    dtype = np.dtype(np.float64 if volume.dtype == np.float64 else np.float32)
    suv = volume.astype(dtype) * dtype.type(inputs.factor)
    suv.attrs = {
        **volume.attrs,
        "units": "g/ml",
        "SUVType": "BW",
        "suv_factor": inputs.factor,
    }
    return suv.rename("SUVbw")


def suv_of_series(handle: Handle, series: str | SeriesRow) -> xr.DataArray:
    """Load a PET series as SUVbw.

    Parameters
    ----------
    handle, series
        As `load`.

    Raises
    ------
    CannotInterpret
        As `find_suv_inputs`, before any pixels are read, and `suv_bw`.
    SeriesNotFound, NotUnique, CannotStack, DecodeError, FileChanged
        As `load`.
    """
    reference = reference_of(handle, series)
    rows = [row for row in handle.catalog.instances_of(reference) if row.pixels is not None]

    def read(row: InstanceRow) -> HeaderBytes:
        path = instance_file(handle.storage, row)
        with open_plane(path, row):  # refuses one that is missing, or is another by now
            return read_header_bytes(path)

    inputs = find_suv_inputs(list(handle.executor.map(read, rows))) if rows else None
    volume = load(handle, series)  # refuses a series of no pixels by its name
    assert inputs is not None
    return suv_bw(volume, inputs)


def find_suv_inputs(files: Sequence[HeaderBytes]) -> SuvInputs:
    """Find what an SUV is computed of, by QIBA's vendor-neutral pseudo-code.

    Parameters
    ----------
    files
        From `read_header_bytes`, of all instances of one PET series, in any order.

    Returns
    -------
    SuvInputs

    Raises
    ------
    CannotInterpret
        The series is no PET, an attribute is missing, empty or zero (`keyword` names it), the
        images are not corrected for attenuation and decay, times contradict, or planes give
        different factors.

    Notes
    -----
    The time that values are corrected to is the series' where it is not after the first
    acquisition. Otherwise the series was made later: then GE's private scan time, and else the
    time counted back from each bed position's frame reference time. A start that is a time of day
    only, later than the scan's, is of the day before. The dose is taken as stated: residues in the
    syringe are not known.

    References
    ----------
    QIBA, FDG-PET/CT as an Imaging Biomarker Measuring Response to Cancer Therapy, version 1.13,
    appendix G: Vendor-neutral Pseudo-codes for SUV Calculation;
    :dcm:`PS3.3 C.8.9.1 and C.8.9.4 <part03/sect_C.8.9.html>`
    """
    if not files:
        raise CannotInterpret("SOPInstanceUID", "SUV needs at least one instance")
    acquired = [_moment(file.header, "AcquisitionDate", "AcquisitionTime") for file in files]
    earliest = min((moment for moment in acquired if moment is not None), default=None)
    try:
        found = [_inputs_of(file, earliest) for file in files]
    except ArithmeticError as error:  # years beyond the calendar, times of 1e300 s
        raise CannotInterpret("FrameReferenceTime", "times are beyond all scans") from error
    factors = [inputs.factor for inputs in found]
    if not all(0 < factor < math.inf for factor in factors):
        raise CannotInterpret("PatientWeight", "weight and dose give no SUV factor above zero")
    if max(factors) > min(factors) * (1 + _SAME_FACTOR):
        raise CannotInterpret(
            "AcquisitionTime",
            f"planes of one series give SUV factors from {min(factors):g} to {max(factors):g}",
        )
    return found[0]


def _inputs_of(values: HeaderBytes, earliest: datetime | None) -> SuvInputs:
    header = values.header
    modality = (header.text("Modality") or "PT").strip()
    if modality != "PT":
        raise CannotInterpret("Modality", f"expected PT, came {modality[:16]!a}: SUV is of a PET")
    units = _required_text(header, "Units")
    _require_corrected(header)
    if units == "GML":
        return _stated_suv(header)
    if units not in ("BQML", "CNTS"):
        raise CannotInterpret("Units", f"SUV needs BQML, CNTS or GML, not {units}")
    activity = 1.0
    if units == "CNTS":
        scale = _private_number(values, 0x7053, 0x00, "Philips PET Private Group")
        if scale:
            return _plain(header, units=units, activity=math.nan, factor=scale)
        activity = _private_number(values, 0x7053, 0x09, "Philips PET Private Group") or 0.0
        if not activity:
            raise CannotInterpret(
                "7053,1000", "values in counts need Philips' scale factor, or (7053,1009)"
            )
    return _of_activity(values, earliest, units=units, activity=activity)


def _require_corrected(header: Header) -> None:
    corrections = {part.strip() for part in _required_text(header, "CorrectedImage").split("\\")}
    for wanted in ("ATTN", "DECY"):
        if wanted not in corrections:
            raise CannotInterpret("CorrectedImage", f"the images are not corrected by {wanted}")


def _stated_suv(header: Header) -> SuvInputs:
    kind = (header.text("SUVType") or "BW").strip()
    if kind != "BW":
        raise CannotInterpret("SUVType", f"values are SUV of type {kind}, not by body weight")
    return _plain(header, units="GML", activity=math.nan, factor=1.0)


def _plain(header: Header, *, units: str, activity: float, factor: float) -> SuvInputs:
    """Return inputs where the factor is stated: the rest is shown as far as it is."""
    return SuvInputs(
        units=units,
        decay_correction=(header.text("DecayCorrection") or "").strip(),
        weight_kg=header.number("PatientWeight"),
        total_dose_bq=header.number(f"{_TRACER}RadionuclideTotalDose"),
        half_life_s=header.number(f"{_TRACER}RadionuclideHalfLife"),
        started_at=None,
        measured_at=None,
        measured_by="stated by the factor",
        activity_per_value=activity,
        decay_factor=math.nan,
        factor=factor,
    )


def _of_activity(
    values: HeaderBytes, earliest: datetime | None, *, units: str, activity: float
) -> SuvInputs:
    header = values.header
    correction = _required_text(header, "DecayCorrection")
    if correction not in ("START", "ADMIN"):
        raise CannotInterpret("DecayCorrection", f"START or ADMIN was expected, {correction} came")
    weight_kg = _required_number(header, "PatientWeight")
    if weight_kg > _MOST_WEIGHT_KG:
        raise CannotInterpret("PatientWeight", f"{weight_kg:g} kg is no weight: is it in grams?")
    if header.text("RadiopharmaceuticalInformationSequence[1].RadionuclideTotalDose"):
        raise CannotInterpret(
            "RadiopharmaceuticalInformationSequence", "several administrations have no one dose"
        )
    dose_bq = _required_number(header, f"{_TRACER}RadionuclideTotalDose")
    if dose_bq < _LEAST_DOSE_BQ:
        raise CannotInterpret(
            f"{_TRACER}RadionuclideTotalDose", f"{dose_bq:g} Bq is no dose: is it in MBq?"
        )
    half_life_s = _required_number(header, f"{_TRACER}RadionuclideHalfLife")
    started, measured, measured_by, decay = None, None, "administration", 1.0
    if correction == "START":
        measured, measured_by = _scan_time(values, earliest, half_life_s)
        started = _start_time(header, measured)
        elapsed_s = (measured - started).total_seconds()
        if not 0 <= elapsed_s <= _MOST_HALF_LIVES * half_life_s:
            raise CannotInterpret(
                f"{_TRACER}RadiopharmaceuticalStartDateTime",
                f"the scan is {elapsed_s:g} s after the administration, by {measured_by}",
            )
        decay = 2 ** (-elapsed_s / half_life_s)
    return SuvInputs(
        units=units,
        decay_correction=correction,
        weight_kg=weight_kg,
        total_dose_bq=dose_bq,
        half_life_s=half_life_s,
        started_at=started,
        measured_at=measured,
        measured_by=measured_by,
        activity_per_value=activity,
        decay_factor=decay,
        factor=activity * weight_kg * 1000 / (dose_bq * decay),
    )


def _scan_time(
    values: HeaderBytes, earliest: datetime | None, half_life_s: float
) -> tuple[datetime, str]:
    """Return when the values hold, and by which attributes."""
    header = values.header
    series = _moment(header, "SeriesDate", "SeriesTime")
    if series is not None and earliest is not None and series <= earliest:
        return series, "SeriesDate, SeriesTime"
    private = _private_text(values, 0x0009, 0x0D, "GEMS_PETD_01")
    scan = _parse_date_time(private) if private else None
    if scan is not None and (earliest is None or scan <= earliest):
        return scan, "(0009,100D) of GE"
    acquired = _moment(header, "AcquisitionDate", "AcquisitionTime")
    if acquired is None:
        missing = "AcquisitionTime" if header.text("AcquisitionDate") else "AcquisitionDate"
        raise CannotInterpret(missing, "is missing: when the scan began is not known")
    # Counted back: the frame reference time is where the rate within a bed position's frame is
    # its average, from the scan's beginning.
    reference_ms = _required_number(header, "FrameReferenceTime")
    duration_ms = _required_number(header, "ActualFrameDuration")
    rate = math.log(2) / half_life_s
    lost = rate * duration_ms / 1000
    average_s = math.log(lost / -math.expm1(-lost)) / rate
    moved = timedelta(seconds=average_s - reference_ms / 1000)
    return acquired + moved, "AcquisitionTime less FrameReferenceTime"


def _start_time(header: Header, measured: datetime) -> datetime:
    stated = header.text(f"{_TRACER}RadiopharmaceuticalStartDateTime")
    started = _parse_date_time(stated, header.text("TimezoneOffsetFromUTC")) if stated else None
    if started is not None:
        return started
    keyword = f"{_TRACER}RadiopharmaceuticalStartTime"
    time_of_day = _parse_time(_required_text(header, keyword))
    if time_of_day is None:
        raise CannotInterpret(keyword, "is no time")
    started = datetime.combine(measured.date(), datetime.min.time()) + time_of_day
    return started - _DAY if started > measured else started


def _moment(header: Header, date: str, time: str) -> datetime | None:
    stated = (header.text(date) or "").strip().replace(".", "")
    of_day = _parse_time((header.text(time) or "").strip())
    day = _parse_date(stated)
    return None if day is None or of_day is None else day + of_day


def _parse_date(text: str) -> datetime | None:
    if len(text) != 8 or not text.isdecimal():
        return None
    try:
        return datetime(int(text[:4]), int(text[4:6]), int(text[6:]))  # noqa: DTZ001  local, as stated
    except ValueError:
        return None


def _parse_time(text: str) -> timedelta | None:
    """Return a time of day (TM; with colons too, as older files write it)."""
    found = _TIME.fullmatch(text.strip().replace(":", ""))
    if found is None:
        return None
    hours, minutes, seconds = (int(part or 0) for part in found.groups()[:3])
    if hours > 23 or minutes > 59 or seconds > 60:
        return None
    return timedelta(hours=hours, minutes=minutes, seconds=seconds + float(found[4] or 0))


def _parse_date_time(text: str, local_offset: str | None = None) -> datetime | None:
    """Return a date and time (DT) as the data set's local time."""
    found = _DATE_TIME.fullmatch(text.strip())
    if found is None:
        return None
    day, of_day = _parse_date(found[1]), _parse_time(found[2])
    if day is None or of_day is None:
        return None
    local = (local_offset or "").strip()
    if found[3] and _OFFSET.fullmatch(local):
        return day + of_day - _offset(found[3]) + _offset(local)
    return day + of_day


def _offset(text: str) -> timedelta:
    hours, minutes = int(text[1:3]), int(text[3:5])
    offset = timedelta(hours=hours, minutes=minutes)
    return -offset if text.startswith("-") else offset


def _required_text(header: Header, keyword: str) -> str:
    text = (header.text(keyword) or "").strip()
    if not text:
        raise CannotInterpret(keyword, "is missing or empty: SUV cannot be computed without it")
    return text


def _required_number(header: Header, keyword: str) -> float:
    number = header.number(keyword)
    if number is None or number <= 0:
        raise CannotInterpret(
            keyword, "is missing, empty or not above zero: SUV cannot be computed without it"
        )
    return number


def _private_text(values: HeaderBytes, group: int, element: int, creator: str) -> str | None:
    # PS3.5 7.8.1: the block that a creator reserves is another one in each data set. The bytes are
    # read, not the header's text: archives on the way write private elements as UN, which has none.
    for prefix, tag, _, _, _, raw, found, _ in values.raws:
        is_it = not prefix and tag >> 16 == group and tag & 0xFF == element and tag & 0xFF00
        if is_it and found == creator and raw:
            return raw.decode("ascii", "replace").strip(" \0")
    return None


def _private_number(values: HeaderBytes, group: int, element: int, creator: str) -> float | None:
    text = _private_text(values, group, element, creator)
    try:
        number = float(text) if text else None
    except ValueError:
        return None
    return number if number is None or math.isfinite(number) else None
