"""The verdict on one scan in sentences: what failed first, what that means, what to do."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from noctis_lab.views.calibration.numbers import (
    between,
    counted,
    number,
    number_of,
    signed,
    text_of,
)
from noctis_lab.views.calibration.quantities import quantity_of
from noctis_lab.views.calibration.scale_plot import Insert

__all__ = ["Words", "scan_badge", "verdict_of"]

_SAME_SHARE: Final = 0.5  # of the mean deviation: deviations that spread less are one offset
_CLIPPED: Final = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """A verdict in words; `kind` and `icon` are those of a badge."""

    kind: str
    icon: str
    title: str
    text: str
    meaning: str
    advice: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Failure:
    name: str
    sentence: str
    is_insert: bool


def verdict_of(row: Mapping[str, Any], inserts: Sequence[Insert]) -> Words:
    """Return the verdict on an analysis.

    Parameters
    ----------
    row
        Of `hu_analysis`.
    inserts
        Its regions.
    """
    model, kvp = text_of(row["phantom_model"]), number_of(row["KVP"])
    at = "without a stated kVp" if kvp is None else f"at {kvp:g} kVp"
    if row["status"] == "trend only":
        stated = "No kVp is stated" if kvp is None else f"No nominal values are known for {model}"
        why = "" if kvp is None else f" {at}"
        return Words(
            kind="none",
            icon="unknown",
            title=f"No verdict {at}",
            text=f"{stated}{why}, so this scan feeds the trend and nothing else.",
            meaning="The figures are measured like any other's; nothing says what they should be.",
            advice="Scan at 110 to 130 kVp. Or, where this phantom has a certificate of its own "
            "values: copy the code and fill them in. It enters the certificate for this scanner, "
            "by which later scans are judged too, and analyses this one again.",
        )
    failures = [*_failed_inserts(inserts), *_failed_checks(row)]
    if not failures:
        return Words(
            kind="pass",
            icon="pass",
            title="All checks passed",
            text=_passed_text(row, inserts),
            meaning=_clipped_words(inserts),
            advice="",
        )
    count = len(failures)
    named = ", ".join(dict.fromkeys(one.name for one in failures[:4]))
    title = f"One check failed: {named}" if count == 1 else f"{count} checks failed: {named}"
    return Words(
        kind="fail",
        icon="fail",
        title=title if count <= 4 else f"{title} \N{HORIZONTAL ELLIPSIS}",
        text=" ".join(one.sentence for one in failures[:3]),
        meaning=_meaning(row, inserts, failures),
        advice="Look at the regions on the image: are they inside of their inserts? Scan again. If "
        "it stays, tell whoever services the scanner, and name what they did as an event.",
    )


def scan_badge(row: Mapping[str, Any], inserts: Sequence[Insert] = ()) -> tuple[str, str, str]:
    """Return a scan's verdict as a badge: kind, icon, at most three words and a number."""
    status = row["status"]
    if status == "pass":
        return "pass", "pass", "Pass"
    if status == "trend only":
        kvp = number_of(row["KVP"])
        return "none", "unknown", "No kVp" if kvp is None else f"No nominal at {kvp:g} kVp"
    failed = [check for check in _checks(row) if check.get("verdict") == "fail"]
    off = number_of(row["max_deviation_hu"])
    if failed and not any(one.verdict == "fail" for one in inserts):
        quantity = quantity_of(str(failed[0].get("figure")))
        value = number_of(failed[0].get("value"))
        return "fail", "fail", f"{quantity.name} {'' if value is None else quantity.write(value)}"
    return "fail", "fail", "Fail" if off is None else f"Inserts {number(off)} HU off"


def _checks(row: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    try:
        found = json.loads(text_of(row["checks"]) or "[]")
    except ValueError:
        return []
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _failed_inserts(inserts: Sequence[Insert]) -> list[_Failure]:
    failed = [one for one in inserts if one.verdict == "fail"]
    failed.sort(key=lambda one: -abs(one.value - (one.nominal or 0.0)))
    return [
        _Failure(
            name=one.material,
            sentence=f"{one.material[:1].upper()}{one.material[1:]} reads {number(one.value)} HU; "
            f"accepted is {between(one.low or 0.0, one.high or 0.0)} HU.",
            is_insert=True,
        )
        for one in failed
    ]


def _failed_checks(row: Mapping[str, Any]) -> list[_Failure]:
    found = []
    for check in _checks(row):
        value, low, high = (number_of(check.get(name)) for name in ("value", "low", "high"))
        if check.get("verdict") != "fail" or value is None or low is None or high is None:
            continue
        quantity = quantity_of(str(check.get("figure")))
        unit = f" {quantity.unit}" if quantity.unit else ""
        found.append(
            _Failure(
                name=quantity.name.lower(),
                sentence=f"{quantity.name}{', ' if quantity.meaning else ''}{quantity.meaning} is "
                f"{quantity.write(value)}; {text_of(row['tolerance_set'])} accepts "
                f"{between(low, high, quantity.digits)}{unit}.",
                is_insert=False,
            )
        )
    return found


def _passed_text(row: Mapping[str, Any], inserts: Sequence[Insert]) -> str:
    judged = sum(one.nominal is not None for one in inserts)
    told = f"{counted(judged, 'insert')} of {judged} in their accepted ranges"
    if judged == 1:
        told = "Its insert lies in its accepted range" if len(inserts) > 1 else "Water is in range"
    else:
        told = f"All {judged} inserts lie in their accepted ranges"
    off = number_of(row["max_deviation_hu"])
    largest = (
        "" if off is None else f"; the largest deviation from a range's middle is {off:.1f} HU"
    )
    checks = len(_checks(row))
    more = "" if not checks else f" So are {counted(checks, 'figure')} of {row['tolerance_set']}."
    return f"{told}{largest}.{more}"


def _clipped_words(inserts: Sequence[Insert]) -> str:
    clipped = [one for one in inserts if one.clipped > _CLIPPED]
    if not clipped:
        return ""
    part = max(one.clipped for one in clipped)
    return (
        f"{part:.0%} of the {clipped[0].material} insert's pixels are at the lowest value that the "
        "images can store, so its median counts instead of its mean."
    ).replace("%", " %")


def _meaning(
    row: Mapping[str, Any], inserts: Sequence[Insert], failures: Sequence[_Failure]
) -> str:
    """Say what a pattern of failures points to; cautiously, as a scan alone cannot tell."""
    if not any(one.is_insert for one in failures):
        names = {one.name for one in failures}
        scale = "The inserts are inside their ranges, so the HU scale itself holds"
        if names & {"uniformity", "largest difference hu"}:
            return f"{scale}; values near the middle of large objects are the ones to doubt."
        return f"{scale}."
    off = [one.value - one.nominal for one in inserts if one.nominal is not None]
    mean = sum(off) / len(off)
    spread = max(abs(value - mean) for value in off)
    if abs(mean) > 0 and spread <= _SAME_SHARE * abs(mean):
        return (
            f"All inserts are off by about the same, {signed(mean)} HU: the scale is shifted as a "
            "whole, as a lost or doubled rescale intercept or a wrong water calibration shifts it."
        )
    slope = number_of(row["slope"])
    if slope is not None and abs(slope - 1) > 0.02:
        return (
            f"The deviations grow with the value, at a slope of {slope:.3f}: the scale is stretched"
            " or squeezed, as another beam quality or beam hardening correction does."
        )
    return (
        "Some inserts are off and others are not: a region may lie beside its insert, or this beam "
        "reads these materials otherwise. The line through all of them says less than usual."
    )
