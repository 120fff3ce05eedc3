"""Whether a CT series' values can be Hounsfield units: a quick look at a few planes. Pure; no I/O.

Advisory: where air and soft tissue lie 980 to 1090 HU apart, the air says by how much the scale is
off. A lost rescale and a doubled intercept keep that distance, so windows alone would pass them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

__all__ = [
    "CHECK_VERSION",
    "PLANES",
    "ArrivalCheck",
    "StatedSeries",
    "check_values",
    "find_reason_not_to",
    "pick_planes",
    "pixel_step",
]

CHECK_VERSION: Final = "2"
PLANES: Final = 9
_STEP: Final = 4
_LEAST_SIDE: Final = 32  # pixels of a side that a step leaves, where the image has them
_LEAST_VALUES: Final = 4_000

_AIR_HU: Final = -1000.0
_APART_HU: Final = (980.0, 1090.0)
_WARN_HU, _FAIL_HU = 30.0, 100.0
_UNSURE_HU: Final = 1.0  # a peak's place is known to about that; what may be 30 HU off is told
_LOWEST, _HIGHEST = -5000, 7000  # of the histogram, HU: what two wrong rescales may make of 12 bits
_SMOOTH_HU: Final = 8.0
_REACH_HU: Final = 30  # what belongs to a peak on either side
_NEAR_HU, _ROUNDS = 12, 3
_LUNG_HU: Final = (-970.0, -500.0)  # where aerated lung may peak
_WIDE_HU, _LEAST_NARROW = 90, 0.8  # of what is within 90 HU below air, most is within 30
_LEAST_AIR, _LEAST_TISSUE = 0.01, 0.02  # shares of the values
_SPIKE_SHARE, _SPIKE_TIMES, _SPIKE_REACH = 0.01, 5.0, 20
_ONE_VALUE: Final = 0.9
_BELOW_HU: Final = (500, 60)  # between these below air there is nothing, in a scale that is sound
_MOST_BELOW: Final = 0.25  # of the air's own share
_CUT_OFF_HU: Final = 15.0  # how far above a scale's end the rest of cut-off noise peaks
_DENSE_HU, _LEAST_DENSE = -300, 0.005
_NO_MATTER_HU, _MOST_NO_MATTER = -1100, 0.05

_CT_CLASSES: Final = {
    "1.2.840.10008.5.1.4.1.1.2",  # CT Image Storage
    "1.2.840.10008.5.1.4.1.1.2.1",  # Enhanced CT Image Storage
    "1.2.840.10008.5.1.4.1.1.2.2",  # Legacy Converted Enhanced CT Image Storage
}
_LOCALIZERS: Final = {"LOCALIZER", "SCOUT", "TOPOGRAM", "SURVIEW"}
#: PS3.3 C.8.15.2.1.1, C.8.16.1.3 and C.8.16.1.4: images whose values are none of attenuation.
_MAPS: Final = {
    *("MAT_SPECIFIC", "MAT_REMOVED", "MAT_FRACTIONAL", "MAT_VALUE_BASED"),
    *("EFF_ATOMIC_NUM", "ELECTRON_DENSITY", "PERFUSION", "SUBTRACTION"),
}
_CONE_BEAM: Final = ("CONE-BEAM", "CONE BEAM", "CBCT", "ON-BOARD IMAGER", "XVI", "O-ARM")


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedSeries:
    """What headers and catalogue say of a series, as far as the check asks."""

    Modality: str | None
    SOPClassUID: str
    ImageType: tuple[str, ...]
    rescale_types: frozenset[str | None]  # of all planes looked at; None: not stated
    is_grey: bool
    has_unread_modality_lut: bool
    model: str  # Manufacturer, ManufacturerModelName and SeriesDescription, in one
    study_modalities: tuple[str, ...]

    @property
    def kind_for_information(self) -> str | None:
        """Name of a kind of CT whose scale is not held to, so that it is told for information."""
        words = self.model.upper()
        if any(word in words for word in _CONE_BEAM):
            return "cone-beam CT"
        return "CT of a PET/CT" if "PT" in self.study_modalities else None


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrivalCheck:
    """What the check found.

    Attributes
    ----------
    status
        "pass", "warn", "fail", "unknown" (it cannot be told) or "not_applicable" (no HU).
    reasons
        Sentences for people; no patient data.
    offset_hu
        By how much air lies above −1000 HU; None where air and soft tissue were not found.
    air_hu, tissue_hu
        Where the two peaks are; None as `offset_hu`.
    for_information
        A cone-beam CT, or the CT of a PET/CT: never "warn" or "fail".
    """

    status: str
    reasons: tuple[str, ...]
    offset_hu: float | None = None
    air_hu: float | None = None
    tissue_hu: float | None = None
    for_information: bool = False


@dataclass(frozen=True, slots=True)
class _Peak:
    at_hu: float
    share: float
    is_one_value: bool


def pick_planes(count: int) -> list[int]:
    """Return which of `count` planes are looked at: nine, evenly spread, or all of fewer."""
    picked = min(count, PLANES)
    return [int((index + 0.5) * count / picked) for index in range(picked)]


def pixel_step(rows: int, columns: int) -> int:
    """Return that every 4th pixel is looked at; more of them where the image is small."""
    return max(1, min(_STEP, min(rows, columns) // _LEAST_SIDE))


def find_reason_not_to(stated: StatedSeries) -> str | None:
    """Return why a series' values are not held to the scale of HU, None where they are."""
    image_type = {value.strip().upper() for value in stated.ImageType}
    others = {kind for kind in stated.rescale_types if kind not in (None, "", "HU")}
    reasons = (
        (stated.Modality != "CT" or stated.SOPClassUID not in _CT_CLASSES, "It is no CT image"),
        (not stated.is_grey, "Its images are in colours"),
        (bool(image_type & _LOCALIZERS), "It is a localizer: a projection has no HU"),
        (bool(image_type & _MAPS), "It is a map of something else than attenuation"),
        (bool(others), f"Its RescaleType is {', '.join(sorted(map(str, others)))[:32]}, not HU"),
    )
    return next((f"{words}." for is_so, words in reasons if is_so), None)


def check_values(values: NDArray[np.float32], stated: StatedSeries) -> ArrivalCheck:
    """Judge the scale of a series from some of its values.

    Parameters
    ----------
    values
        ndarray of float32, shape (n,): of `pick_planes`, every `pixel_step`th pixel, modality
        values (HU where all is well); padding may be left in.
    stated
        What the series says of itself.

    Notes
    -----
    Air is the peak below which there is nothing but fill: −2000 and the like outside of the image's
    circle, whose peak holds one value, or lies more than 500 HU below.
    """
    reason = find_reason_not_to(stated)
    if reason is not None:
        return ArrivalCheck(status="not_applicable", reasons=(reason,))
    if stated.has_unread_modality_lut:
        return _unknown("Its Modality LUT is a table, which this check does not follow.")
    counts = _count(values)
    if counts.sum() < _LEAST_VALUES:
        return _unknown(f"It has fewer than {_LEAST_VALUES} pixels to judge by.")
    pair = _find_pair(counts)
    found = _by_windows(counts) if pair is None else _by_offset(*pair)
    kind = stated.kind_for_information
    if kind is None:
        return found
    is_off = found.status in ("warn", "fail")
    told = (f"A {kind} is not held to the scale: told for information.",) if is_off else ()
    return ArrivalCheck(
        status="unknown" if is_off else found.status,
        reasons=(*found.reasons, *told),
        offset_hu=found.offset_hu,
        air_hu=found.air_hu,
        tissue_hu=found.tissue_hu,
        for_information=True,
    )


def _unknown(reason: str) -> ArrivalCheck:
    return ArrivalCheck(status="unknown", reasons=(reason,))


def _by_offset(air: _Peak, tissue: _Peak) -> ArrivalCheck:
    offset = air.at_hu - _AIR_HU
    size = abs(offset) + _UNSURE_HU
    status = "fail" if size >= _FAIL_HU else "warn" if size >= _WARN_HU else "pass"
    where = f"Air lies at {air.at_hu:.0f} HU and soft tissue at {tissue.at_hu:.0f} HU"
    if status == "pass":
        words = f"{where}, as they should."
    elif status == "warn":
        words = f"{where}: the scale is {offset:+.0f} HU off."
    else:
        words = f"{where}: the scale is {offset:+.0f} HU off{_cause_of(offset)}."
    return ArrivalCheck(
        status=status,
        reasons=(words,),
        offset_hu=float(offset),
        air_hu=air.at_hu,
        tissue_hu=tissue.at_hu,
    )


def _cause_of(offset: float) -> str:
    if 950 <= offset <= 1100:
        return ", as where the RescaleIntercept was lost"
    if -1100 <= offset <= -950:
        return ", as where the RescaleIntercept was applied twice"
    return ""


def _count(values: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return how many values each whole HU has, from `_LOWEST` on."""
    finite = values[np.isfinite(values)]
    whole = np.clip(np.rint(finite), _LOWEST, _HIGHEST).astype(np.int32)
    return np.bincount(whole - _LOWEST, minlength=_HIGHEST - _LOWEST + 1).astype(np.float64)


def _by_windows(counts: NDArray[np.float64]) -> ArrivalCheck:
    """Judge without a pair of peaks: cropped or masked images, or only part of a body."""
    spike = _find_spike(counts)
    shares = _shares(counts if spike is None else _without(counts, spike))
    dense = float(shares[_DENSE_HU - _LOWEST + 1 :].sum())
    no_matter = float(shares[: _NO_MATTER_HU - _LOWEST].sum())
    if dense >= _LEAST_DENSE:
        return _unknown(
            "No air with soft tissue 980 to 1090 HU above it is to be seen: a cropped or masked "
            "image, or another object than a body."
        )
    if no_matter > _MOST_NO_MATTER:
        words = (
            f"{no_matter:.0%} of the values are below {_NO_MATTER_HU} HU, where no matter is, and "
            f"hardly any above {_DENSE_HU} HU."
        )
        return ArrivalCheck(status="fail", reasons=(words,))
    words = f"Hardly any value is above {_DENSE_HU} HU: nothing but gas seems to be there."
    return ArrivalCheck(status="warn", reasons=(words,))


def _find_spike(counts: NDArray[np.float64]) -> int | None:
    """Return the bin of the lowest value, where many have just that: fill, or a scale's end."""
    lowest = int(np.flatnonzero(counts)[0])
    near = float(counts[lowest + 1 : lowest + 1 + _SPIKE_REACH].mean())
    total, at_lowest = float(counts.sum()), float(counts[lowest])
    if at_lowest == total or at_lowest < max(_SPIKE_SHARE * total, _SPIKE_TIMES * near):
        return None
    return lowest


def _without(counts: NDArray[np.float64], spike: int) -> NDArray[np.float64]:
    rest = counts.copy()
    rest[spike] = 0
    return rest


def _shares(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    shares: NDArray[np.float64] = counts / counts.sum()
    return shares


def _find_pair(counts: NDArray[np.float64]) -> tuple[_Peak, _Peak] | None:
    """Return air and soft tissue, None where there is no such pair of peaks."""
    spike = _find_spike(counts)
    if spike is None:
        return _pair_of(_shares(counts))
    # Fill must not be taken for air. Where the rest shows air close above, that is what is left of
    # noise that was cut off at the scale's end, and air is there.
    found = _pair_of(_shares(_without(counts, spike)))
    if found is None:
        return _pair_of(_shares(counts))
    air, tissue = found
    end_hu = float(spike + _LOWEST)
    return (replace(air, at_hu=end_hu), tissue) if air.at_hu - end_hu <= _CUT_OFF_HU else found


def _pair_of(shares: NDArray[np.float64]) -> tuple[_Peak, _Peak] | None:
    peaks = _find_peaks(shares)
    pairs = [
        (air, tissue)
        for air in peaks
        for tissue in peaks
        if _APART_HU[0] <= tissue.at_hu - air.at_hu <= _APART_HU[1]
        and air.share >= _LEAST_AIR
        and tissue.share >= _LEAST_TISSUE
        and not _is_fill(air, tissue)
        and _is_lowest(air, shares)
        and not _may_be_lung(air, shares)
    ]
    # Fill, air and tissue may make a chain: what is above a fill is air, and no tissue.
    airs = {air for air, _ in pairs}
    pairs = [(air, tissue) for air, tissue in pairs if tissue not in airs]
    return max(pairs, key=lambda pair: min(pair[0].share, pair[1].share), default=None)


def _is_fill(air: _Peak, tissue: _Peak) -> bool:
    """Say whether a peak of one value has air, or lung, above it where tissue would be."""
    return air.is_one_value and _AIR_HU - 60 <= tissue.at_hu <= _LUNG_HU[1]


def _is_lowest(air: _Peak, shares: NDArray[np.float64]) -> bool:
    at = round(air.at_hu) - _LOWEST
    below = shares[max(0, at - _BELOW_HU[0]) : max(0, at - _BELOW_HU[1])].sum()
    return bool(below <= _MOST_BELOW * air.share)


def _may_be_lung(air: _Peak, shares: NDArray[np.float64]) -> bool:
    """Say whether a peak is where lung may be, and as broad: a tight crop holds no other air.

    Lung at −870 HU and contrasted blood at +115 HU are as far apart as air and soft tissue. Only
    the lower side is looked at: lung lies above air.
    """
    if not _LUNG_HU[0] <= air.at_hu <= _LUNG_HU[1]:
        return False
    at = round(air.at_hu) - _LOWEST
    narrow = float(shares[at - _REACH_HU : at + 1].sum())
    return narrow < _LEAST_NARROW * float(shares[at - _WIDE_HU : at + 1].sum())


def _find_peaks(shares: NDArray[np.float64]) -> list[_Peak]:
    smooth = ndimage.gaussian_filter1d(shares, _SMOOTH_HU, mode="constant")
    highest = ndimage.maximum_filter1d(smooth, 2 * _REACH_HU + 1, mode="constant")
    least = min(_LEAST_AIR, _LEAST_TISSUE) / (8 * _REACH_HU)
    found = []
    for at in np.flatnonzero((smooth >= highest) & (smooth > least)):
        around = shares[max(0, at - _REACH_HU) : at + _REACH_HU + 1]
        share = float(around.sum())
        found.append(
            _Peak(
                at_hu=_top_of(shares, int(at)) + _LOWEST,
                share=share,
                is_one_value=bool(around.max() >= _ONE_VALUE * share),
            )
        )
    return found


def _top_of(shares: NDArray[np.float64], at: int) -> float:
    """Return the mean of what is near a peak: surer than its highest place."""
    top = float(at)
    for _ in range(_ROUNDS):
        first = max(0, round(top) - _NEAR_HU)
        near = shares[first : round(top) + _NEAR_HU + 1]
        top = first + float(np.average(np.arange(near.size), weights=near))
    return top
