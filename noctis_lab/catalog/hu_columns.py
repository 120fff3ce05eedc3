"""The columns of the views `hu_*`: what is recorded of calibration, each figure with its unit."""

from __future__ import annotations

import pyarrow as pa

__all__ = ["FIGURES", "HU_VIEWS", "TREND_COLUMNS"]

_TEXT, _WHOLE, _NUMBER, _FLAG = pa.string(), pa.int64(), pa.float64(), pa.bool_()
_AT, _DAY = pa.timestamp("us"), pa.date32()
#: What a record is of; of a withheld series it is shown to no facility.
_SERIES = {"StudyInstanceUID": _TEXT, "SeriesInstanceUID": _TEXT, "is_withheld": _FLAG}
#: Who wrote the record, and when; of every kind.
_WRITTEN = {"author": _TEXT, "recorded_at": _AT}
#: Of what people say of a scanner: whose studies they could see then, null for every facility's.
#: Two facilities may call their scanners alike, and neither is told what the other says of its own.
_OF_SCANNER = {"facilities": pa.list_(_TEXT), **_WRITTEN}

#: Figures of an analysis by name; a column of its standard error stands beside each.
FIGURES = (
    *("water_hu", "slope", "intercept_hu", "max_deviation_hu", "noise_hu"),
    *("periphery_minus_center_hu", "largest_difference_hu", "slice_thickness_mm", "node_side_mm"),
    *("scale", "radius_mm", "roll_deg", "tilt_back_deg", "tilt_left_deg", "z_mm"),
    *("f50_per_mm", "f10_per_mm", "noise_peak_per_mm", "noise_mean_per_mm"),
)
_ANALYSIS: dict[str, pa.DataType] = {
    "analysis_id": _TEXT,
    **_SERIES,
    "instance_count": _WHOLE,
    "content_sha256": _TEXT,  # of all images: what was analysed
    "status": _TEXT,
    "phantom_model": _TEXT,
    "phantom_serial": _TEXT,
    "certificate_id": _TEXT,  # of that phantom's own values, where they are known
    "is_manual": _FLAG,  # the model or regions were given by a person
    "overrides": _TEXT,  # JSON: which
    "note": _TEXT,
    "engine_version": _TEXT,
    "settings": _TEXT,  # JSON: sources of nominal values, phantom file
    "scanner": _TEXT,
    "protocol": _TEXT,
    **dict.fromkeys(("Manufacturer", "ManufacturerModelName", "StationName"), _TEXT),
    **dict.fromkeys(("DeviceSerialNumber", "SoftwareVersions", "ProtocolName"), _TEXT),
    "AcquisitionDate": _DAY,
    "AcquisitionTime": _TEXT,
    "scanner_time": _AT,  # when its first image was acquired, by the scanner's own clock
    "scanner_time_from": _TEXT,  # keyword of the date that says so: AcquisitionDate where it is set
    "KVP": _NUMBER,
    "ConvolutionKernel": _TEXT,
    **dict.fromkeys(("SliceThickness", "Exposure", "XRayTubeCurrent"), _NUMBER),
    "ReconstructionDiameter": _NUMBER,
    **dict.fromkeys(("score", "margin", "x_mm", "y_mm"), _NUMBER),
    "is_reversed": _FLAG,  # the phantom's own z descends to the head
    **{column: _NUMBER for name in FIGURES for column in (name, f"{name}_se")},
    **dict.fromkeys(("slope_low", "slope_high"), _NUMBER),  # 95 % intervals
    **dict.fromkeys(("intercept_low_hu", "intercept_high_hu"), _NUMBER),
    **dict.fromkeys(("robust_slope", "robust_intercept_hu", "max_residual_hu"), _NUMBER),
    "fits_agree": _FLAG,
    **dict.fromkeys(("uniformity_refusal", "mtf_refusal", "noise_spectrum_refusal"), _TEXT),
    **dict.fromkeys(("tolerance_set", "checks"), _TEXT),  # checks: JSON
    **_WRITTEN,
}
_ROI: dict[str, pa.DataType] = {
    "analysis_id": _TEXT,
    "roi_number": _WHOLE,
    **_SERIES,
    "SOPInstanceUID": _TEXT,  # of the middle plane
    "material": _TEXT,
    "verdict": _TEXT,
    "is_manual": _FLAG,
    **dict.fromkeys(("value_hu", "deviation_hu", "mean_hu", "median_hu"), _NUMBER),
    **dict.fromkeys(("sd_hu", "se_hu"), _NUMBER),
    **dict.fromkeys(("pixel_count", "plane_count"), _WHOLE),
    "clipped_fraction": _NUMBER,
    **dict.fromkeys(("nominal_hu", "nominal_low_hu", "nominal_high_hu"), _NUMBER),
    "nominal_source": _TEXT,
    "nominal_is_verified": _FLAG,
    "relative_electron_density": _NUMBER,
    **dict.fromkeys(("x_mm", "y_mm", "z_mm", "radius_mm"), _NUMBER),
}

#: Of an export of trends: a row for each scan on a chart.
TREND_COLUMNS: dict[str, pa.DataType] = {
    **dict.fromkeys(("scanner", "scanner_display", "protocol", "quantity", "unit"), _TEXT),
    "scanner_time": _AT,
    **dict.fromkeys(("value", "se", "ewma", "ewma_low", "ewma_high", "low", "high"), _NUMBER),
    **dict.fromkeys(("center", "sigma"), _NUMBER),
    "baseline_status": _TEXT,
    **dict.fromkeys(("tolerance_low", "tolerance_high"), _NUMBER),
    "alarms": _TEXT,  # rules that it is outside of, joined by a backslash
    **dict.fromkeys(("is_out_of_tolerance", "is_manual"), _FLAG),
    **dict.fromkeys(("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"), _TEXT),
    "analysis_id": _TEXT,
}

#: View → its columns. A record's document holds those of its kind, but for the first and last.
HU_VIEWS: dict[str, dict[str, pa.DataType]] = {
    "hu_analysis": _ANALYSIS,
    "hu_roi": _ROI,
    "hu_refusal": {
        "refusal_id": _TEXT,
        **_SERIES,
        "instance_count": _WHOLE,
        "content_sha256": _TEXT,
        "engine_version": _TEXT,
        "refusal": _TEXT,
        "reason": _TEXT,
        **_WRITTEN,
    },
    "hu_series_check": {
        "check_id": _TEXT,
        **_SERIES,
        "instance_count": _WHOLE,
        "check_version": _TEXT,
        "status": _TEXT,
        "reasons": _TEXT,
        **dict.fromkeys(("offset_hu", "air_hu", "tissue_hu"), _NUMBER),
        "plane_count": _WHOLE,
        "for_information": _FLAG,
        **_WRITTEN,
    },
    "hu_baseline": {
        "baseline_id": _TEXT,
        **dict.fromkeys(("scanner", "protocol", "quantity"), _TEXT),
        "valid_from": _AT,
        "scanner_time": _AT,  # valid_from by the scanner's own clock, as acquisitions have it
        "scan_count": _WHOLE,
        **dict.fromkeys(("center", "sigma"), _NUMBER),
        "estimator": _TEXT,
        "estimated_until": _AT,  # by the scanner's clock: the last scan that it was taken from
        "reason": _TEXT,
        **_OF_SCANNER,
    },
    "hu_scanner_event": {
        "event_id": _TEXT,
        **dict.fromkeys(("scanner", "event_kind"), _TEXT),
        "happened_at": _AT,
        "scanner_time": _AT,
        "note": _TEXT,
        **_OF_SCANNER,
    },
    "hu_alarm": {
        "alarm_id": _TEXT,
        **_SERIES,
        "SOPInstanceUID": _TEXT,
        "analysis_id": _TEXT,
        **dict.fromkeys(("scanner", "scanner_display", "protocol", "quantity"), _TEXT),
        "rule": _TEXT,  # shewhart, ewma, tolerance
        "side": _TEXT,  # high, low
        "scanner_time": _AT,  # of the scan, by the scanner's clock
        "value": _NUMBER,  # the scan's own
        "statistic": _NUMBER,  # what passed the limit: of Shewhart's rule the scan's own too
        **dict.fromkeys(("limit_value", "center", "sigma"), _NUMBER),
        "scan_number": _WHOLE,  # since the baseline began
        "is_provisional": _FLAG,
        "tolerance_source": _TEXT,
        **_WRITTEN,
    },
    "hu_acknowledgement": {
        "acknowledgement_id": _TEXT,
        **_SERIES,
        "alarm_id": _TEXT,
        "note": _TEXT,
        **_WRITTEN,
    },
    "hu_certificate": {
        "certificate_id": _TEXT,
        "scanner": _TEXT,  # that is scanned with this phantom, from now on; null where it says none
        **dict.fromkeys(("phantom_model", "phantom_serial"), _TEXT),
        "nominals": _TEXT,  # JSON: a row for each material and range of kVp
        "note": _TEXT,
        **_OF_SCANNER,
    },
    "hu_curve": {
        "curve_id": _TEXT,
        "scanner": _TEXT,
        "KVP": _NUMBER,
        "quantity": _TEXT,
        **dict.fromkeys(("hu", "density"), pa.list_(_NUMBER)),
        "valid_from": _AT,
        "sha256": _TEXT,
        "analysis_id": _TEXT,
        "note": _TEXT,
        **_OF_SCANNER,
    },
}
