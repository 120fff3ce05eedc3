"""Facts about series, as the few words that the worklist and the viewer show."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from noctis_lab.catalog.hu_records import HuRecord
from noctis_lab.catalog.records import SeriesRow
from noctis_lab.dicom.lossy import Lossy

__all__ = ["Badge", "badges_of_array", "badges_of_series", "badges_of_study"]

# Below a tenth of a degree a gantry's tilt is a rounding of its direction cosines.
_TILT_SHOWN_DEG = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Badge:
    """A fact in at most three words and a number, and the sentence behind it.

    Where it is of one series' HU scale, `StudyInstanceUID` and `SeriesInstanceUID` say whose: a
    page may lead to the check. Empty otherwise.
    """

    kind: Literal["pass", "warn", "fail", "info", "none", "live"]
    icon: str
    text: str
    sentence: str
    StudyInstanceUID: str = ""
    SeriesInstanceUID: str = ""


def badges_of_series(
    row: SeriesRow, lossy: Lossy | None = None, check: HuRecord | None = None
) -> tuple[Badge, ...]:
    """Return what there is to say of one series; nothing while its facts are not known.

    Parameters
    ----------
    row
        The series.
    lossy
        How its images were compressed with loss, where they were.
    check
        The newest check of its scale, of a CT.
    """
    if row.image_count == 0:
        text = f"{row.Modality or 'Series'}, no pixels"
        return (Badge(kind="none", icon="unknown", text=text, sentence=_NO_PIXELS),)
    study, uid = row.StudyInstanceUID, row.SeriesInstanceUID
    scale = tuple(
        replace(badge, StudyInstanceUID=study, SeriesInstanceUID=uid) for badge in _scale(check)
    )
    is_sound = [badge for badge in scale if badge.kind == "pass"]
    exceptions = (*_exceptions(row), *_lossy(lossy), *(() if is_sound else scale))
    if exceptions or not (row.facts.is_volume and row.facts.is_regular):
        return exceptions
    return (Badge(kind="pass", icon="pass", text="Geometry", sentence=_REGULAR), *is_sound)


def badges_of_array(*, tilt_deg: float, is_even: bool) -> tuple[Badge, ...]:
    """Return what there is to say of an array's place in the patient, as of a series'.

    Parameters
    ----------
    tilt_deg
        Between the z axis and the normal of the planes.
    is_even
        Whether the planes have one distance, or there is one plane.
    """
    badges = []
    if tilt_deg >= _TILT_SHOWN_DEG:
        text = f"Tilt {tilt_deg:.1f}°"
        badges.append(Badge(kind="warn", icon="tilt", text=text, sentence=_TILTED))
    if not is_even:
        badges.append(Badge(kind="warn", icon="gap", text="Uneven steps", sentence=_UNEVEN))
    return tuple(badges)


def badges_of_study(
    rows: Iterable[SeriesRow],
    lossy: Mapping[str, Lossy] | None = None,
    checks: Mapping[str, HuRecord] | None = None,
) -> tuple[Badge, ...]:
    """Return what there is to say of a study: its series' exceptions, or that there are none.

    Of several tilts the largest is named, and so of scales that are off; of equal words one.

    Parameters
    ----------
    rows
        Its series.
    lossy
        How they were compressed with loss, by `SeriesRow.reference`.
    checks
        The newest checks of their scales, by the same.
    """
    how, scales = lossy or {}, checks or {}
    found: dict[str, tuple[float, Badge]] = {}
    passes: list[Badge] = []
    for row in rows:
        check = scales.get(row.reference)
        tilt_deg = abs(row.facts.tilt_deg or 0.0)
        offset_hu = abs((check and check.document.get("offset_hu")) or 0.0)
        for badge in badges_of_series(row, how.get(row.reference), check):
            if badge.kind == "pass":
                passes.append(badge)
            elif badge.kind != "none":
                is_scale = badge.text.startswith(_SCALE)
                key = "tilt" if badge.icon == "tilt" else _SCALE if is_scale else badge.text
                size = offset_hu if is_scale else tilt_deg
                if key not in found or size > found[key][0]:
                    found[key] = (size, badge)
    return tuple(badge for _, badge in found.values()) or tuple(passes[:1])


def _lossy(lossy: Lossy | None) -> Iterator[Badge]:
    if lossy is None:
        return
    ratio = f" {lossy.ratios[-1]:.3g} : 1" if lossy.ratios else ""
    how = f" ({lossy.words})" if lossy.words else ""
    yield Badge(kind="warn", icon="lossy", text=f"Lossy{ratio}", sentence=_LOSSY.format(how=how))


def _scale(check: HuRecord | None) -> Iterator[Badge]:
    """Yield what there is to say of a CT's scale; nothing where it cannot be told or is no HU."""
    if check is None:
        return
    told = check.document
    status, offset_hu = told["status"], told["offset_hu"]
    text = _SCALE if offset_hu is None or status == "pass" else f"{_SCALE} {offset_hu:+.0f}"
    if status == "fail":
        yield Badge(kind="fail", icon="warn", text=text, sentence=f"{told['reasons']} {_OFF}")
    elif status == "warn":
        yield Badge(kind="warn", icon="warn", text=text, sentence=f"{told['reasons']} {_DOUBTFUL}")
    elif status == "pass":
        yield Badge(kind="pass", icon="pass", text=text, sentence=f"{told['reasons']} {_SOUND}")
    elif told["for_information"] and offset_hu is not None:
        yield Badge(kind="info", icon="info", text=text, sentence=f"{told['reasons']} {_DOUBTFUL}")


def _exceptions(row: SeriesRow) -> Iterator[Badge]:
    facts, note = row.facts, row.facts.geometry_note
    if facts.tilt_deg is not None and abs(facts.tilt_deg) >= _TILT_SHOWN_DEG:
        text = f"Tilt {abs(facts.tilt_deg):.1f}°"
        yield Badge(kind="warn", icon="tilt", text=text, sentence=note or _TILTED)
    if facts.duplicate_count:
        text = _counted(facts.duplicate_count, "duplicate")
        yield Badge(kind="warn", icon="duplicate", text=text, sentence=note or _DUPLICATES)
    if facts.gap_count:
        text = _counted(facts.gap_count, "gap")
        yield Badge(kind="warn", icon="gap", text=text, sentence=note or _GAPS)
    if facts.is_volume and facts.is_regular is False and not facts.gap_count:
        yield Badge(kind="warn", icon="gap", text="Uneven steps", sentence=note or _UNEVEN)
    if facts.varies_along_z:
        yield Badge(kind="warn", icon="layers", text="Planes differ", sentence=note or _VARYING)
    yield from _makeup(row)


def _makeup(row: SeriesRow) -> Iterator[Badge]:
    """Yield what the series consists of, where that is not one volume of planes."""
    facts, note = row.facts, row.facts.geometry_note
    is_refused = facts.stack_count == 0 and facts.is_regular is False
    if is_refused and note and not facts.duplicate_count:
        # Of a dose, a segment or contours nothing is said of regularity: they are no images.
        yield Badge(kind="warn", icon="warn", text="No volume", sentence=note)
    elif facts.stack_count is not None and facts.stack_count > 1:
        text = _counted(facts.stack_count, "stack")
        yield Badge(kind="info", icon="layers", text=text, sentence=note or _STACKS)
    elif facts.extra_dim is not None and facts.extra_size is not None and facts.extra_size > 1:
        text = f"{facts.extra_size} {_EXTRA[facts.extra_dim]}"
        yield Badge(kind="info", icon="layers", text=text, sentence=note or _REPEATED)
    elif facts.is_volume is False and not facts.duplicate_count and row.image_count > 1 and note:
        yield Badge(kind="info", icon="layers", text="Slices", sentence=note)


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


_SCALE = "HU scale"
_OFF = "What is measured on it is wrong by as much; nothing was changed."
_DOUBTFUL = "What is measured on it may be off by as much."
_SOUND = "Values can be taken as Hounsfield units."
_LOSSY = (
    "The pixels were compressed with loss{how}: values are near those that were acquired, "
    "not equal to them, and what is measured on them is as near."
)
_NO_PIXELS = "This series holds no pixel data; its header can be read."
_REGULAR = "Every plane lies at its place: one regular volume."
_TILTED = "The planes are sheared against their normal; the affine keeps the tilt."
_DUPLICATES = "Several images lie at one position; none is left out."
_UNEVEN = "Distances between neighbouring planes differ; the volume keeps each plane's true place."
_VARYING = "Something that is stated of the planes changes from one to another."
_STACKS = "The series holds several stacks; each opens as a volume of its own."
_REPEATED = "Each place was imaged several times; the volume has a dim for it."
_EXTRA = {
    "time": "times",
    "echo": "echoes",
    "b_value": "b-values",
    "phase": "phases",
    "asl_context": "ASL contexts",
    "frame": "frames",
}
_GAPS = "Planes are missing: distances between neighbours differ."
