"""Badges say what the facts say: exceptions by name and number, passes quietly, nothing unknown."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from noctis_lab.catalog.hu_records import HuKind, HuRecord
from noctis_lab.catalog.records import SeriesFacts, SeriesRow
from noctis_lab.dicom.lossy import Lossy
from noctis_lab.volumes.badges import badges_of_series, badges_of_study

AT = datetime(2026, 1, 1, tzinfo=UTC)


def series(facts: SeriesFacts, *, images: int = 10) -> SeriesRow:
    return SeriesRow(
        reference="1.2.1",
        SeriesInstanceUID="1.2.1",
        StudyInstanceUID="1.2",
        Modality="SR" if images == 0 else "CT",
        SeriesNumber=1,
        SeriesDescription=None,
        SeriesDate=None,
        BodyPartExamined=None,
        Manufacturer=None,
        ManufacturerModelName=None,
        StationName=None,
        ProtocolName=None,
        FrameOfReferenceUID=None,
        instance_count=max(images, 1),
        frame_count=images,
        image_count=images,
        stored_bytes=1,
        first_received_at=AT,
        last_received_at=AT,
        is_dirty=False,
        facts=facts,
    )


REGULAR = SeriesFacts(is_volume=True, is_regular=True, tilt_deg=0.0, gap_count=0, duplicate_count=0)
TILTED = SeriesFacts(is_volume=True, is_regular=True, tilt_deg=16.5, geometry_note="It is tilted.")
STEEPER = SeriesFacts(is_volume=True, is_regular=True, tilt_deg=-20.0)
BROKEN = SeriesFacts(is_volume=False, is_regular=False, gap_count=9, duplicate_count=1)


def texts(rows: list[SeriesRow]) -> list[tuple[str, str]]:
    return [(badge.kind, badge.text) for badge in badges_of_study(rows)]


def test_nothing_is_said_of_what_is_not_known_yet() -> None:
    assert badges_of_series(series(SeriesFacts())) == ()


def test_exceptions_are_named_with_their_number_and_passes_are_silent_beside_them() -> None:
    assert texts([series(REGULAR), series(BROKEN)]) == [("warn", "1 duplicate"), ("warn", "9 gaps")]
    assert texts([series(REGULAR), series(REGULAR)]) == [("pass", "Geometry")]


def test_of_several_tilts_the_largest_is_named_without_its_sign() -> None:
    assert texts([series(TILTED), series(STEEPER)]) == [("warn", "Tilt 20.0°")]
    assert badges_of_series(series(TILTED))[0].sentence == "It is tilted."


def test_a_tilt_of_a_rounding_is_none() -> None:
    facts = SeriesFacts(is_volume=True, is_regular=True, tilt_deg=0.01)
    assert texts([series(facts)]) == [("pass", "Geometry")]


def test_a_series_without_pixels_says_so_itself_but_not_of_its_study() -> None:
    report = series(SeriesFacts(), images=0)
    assert [badge.text for badge in badges_of_series(report)] == ["SR, no pixels"]
    assert texts([report, series(REGULAR)]) == [("pass", "Geometry")]


def test_a_single_image_is_no_exception() -> None:
    facts = SeriesFacts(is_volume=False, is_regular=False, geometry_note="One plane.")
    assert badges_of_series(series(facts, images=1)) == ()
    assert badges_of_series(series(facts, images=2))[0].kind == "info"


def test_uneven_steps_without_a_gap_are_named() -> None:
    facts = SeriesFacts(is_volume=True, is_regular=False, gap_count=0, duplicate_count=0)
    assert texts([series(facts)]) == [("warn", "Uneven steps")]


def test_several_stacks_and_what_repeats_are_told_with_their_number() -> None:
    stacks = SeriesFacts(is_volume=False, stack_count=3, geometry_note="Three stacks.")
    phases = SeriesFacts(is_volume=True, is_regular=True, extra_dim="phase", extra_size=20)
    assert texts([series(stacks), series(phases)]) == [("info", "3 stacks"), ("info", "20 phases")]
    assert badges_of_series(series(stacks))[0].sentence == "Three stacks."


def test_planes_that_are_not_alike_are_a_warning() -> None:
    facts = SeriesFacts(is_volume=True, is_regular=True, varies_along_z="flip angle")
    (badge,) = badges_of_series(series(facts))
    assert (badge.kind, badge.text) == ("warn", "Planes differ")
    assert badge.sentence == "Something that is stated of the planes changes from one to another."


def test_what_was_compressed_with_loss_says_by_how_much_and_how() -> None:
    lossy = Lossy(ratios=(4.0, 12.5), methods=("ISO_10918_1", "ISO_15444_1"))
    (badge,) = badges_of_series(series(REGULAR), lossy)
    assert (badge.kind, badge.text) == ("warn", "Lossy 12.5 : 1")
    assert "JPEG, JPEG 2000, 4 : 1, 12.5 : 1" in badge.sentence
    (badge,) = badges_of_series(series(REGULAR), Lossy())
    assert badge.text == "Lossy"
    assert "(" not in badge.sentence
    study = badges_of_study([series(REGULAR), series(TILTED)], {"1.2.1": lossy})
    assert [each.text for each in study] == ["Lossy 12.5 : 1", "Tilt 16.5°"]


def check(status: str, offset_hu: float | None, *, for_information: bool = False) -> HuRecord:
    document = {
        "status": status,
        "offset_hu": offset_hu,
        "for_information": for_information,
        "reasons": "It is so.",
    }
    return HuRecord(
        record_id="1",
        kind=HuKind.SERIES_CHECK,
        author="worker",
        recorded_at=AT,
        document=document,
        reference="1.2.1",
    )


def test_a_scale_that_is_off_says_by_how_much_and_what_that_does() -> None:
    (badge,) = badges_of_series(series(REGULAR), None, check("fail", 1024.2))
    assert (badge.kind, badge.text) == ("fail", "HU scale +1024")
    told = series(REGULAR)
    assert badge.SeriesInstanceUID == told.SeriesInstanceUID
    assert badge.StudyInstanceUID == told.StudyInstanceUID
    assert badge.sentence.startswith("It is so. What is measured on it is wrong")
    (badge,) = badges_of_series(series(REGULAR), None, check("warn", -45.0))
    assert (badge.kind, badge.text) == ("warn", "HU scale -45")
    (badge,) = badges_of_series(series(SeriesFacts()), None, check("warn", None))
    assert badge.text == "HU scale"
    (badge,) = badges_of_series(
        series(SeriesFacts()), None, check("unknown", 150.0, for_information=True)
    )
    assert (badge.kind, badge.text) == ("info", "HU scale +150")


def test_a_sound_scale_is_told_where_nothing_stands_out() -> None:
    sound = check("pass", 3.0)
    assert [badge.text for badge in badges_of_series(series(REGULAR), None, sound)] == [
        *("Geometry", "HU scale")
    ]
    assert [badge.text for badge in badges_of_series(series(TILTED), None, sound)] == ["Tilt 16.5°"]
    for status in ("unknown", "not_applicable"):
        (badge,) = badges_of_series(series(REGULAR), None, check(status, None))
        assert badge.text == "Geometry"


def test_of_a_studys_scales_the_farthest_off_is_named() -> None:
    first, second = series(REGULAR), replace(series(REGULAR), reference="1.2.2")
    checks = {"1.2.1": check("warn", 45.0), "1.2.2": check("fail", -130.0)}
    assert [badge.text for badge in badges_of_study([first, second], None, checks)] == [
        "HU scale -130"
    ]


def test_a_series_whose_images_are_refused_says_so_be_it_of_one_image() -> None:
    note = "A part of a concatenation is missing."
    facts = SeriesFacts(is_volume=False, is_regular=False, stack_count=0, geometry_note=note)
    (badge,) = badges_of_series(series(facts, images=1))
    assert (badge.kind, badge.text, badge.sentence) == ("warn", "No volume", note)
    segments = SeriesFacts(is_volume=False, stack_count=0, geometry_note="It is a segmentation.")
    assert badges_of_series(series(segments, images=1)) == ()
