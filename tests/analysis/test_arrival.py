"""The check of a CT's scale: what it catches, what it lets pass, what it does not judge."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from noctis_lab.analysis.calibration.arrival import (
    StatedSeries,
    check_values,
    pick_planes,
    pixel_step,
)

CT = StatedSeries(
    Modality="CT",
    SOPClassUID="1.2.840.10008.5.1.4.1.1.2",
    ImageType=("ORIGINAL", "PRIMARY", "AXIAL"),
    rescale_types=frozenset({"HU"}),
    is_grey=True,
    has_unread_modality_lut=False,
    model="ACME CT 1",
    study_modalities=("CT",),
)


def body(**parts: float) -> NDArray[np.float32]:
    """Return values of a chest: parts as shares of the image; air, lung, fat, tissue, bone."""
    shares = {"air": 0.4, "lung": 0.15, "fat": 0.15, "tissue": 0.25, "bone": 0.05} | parts
    drawn = {
        "air": (-1000, 12),
        "lung": (-850, 60),
        "fat": (-100, 20),
        "tissue": (48, 20),
        "bone": (500, 250),
        "fill": (-2000, 0),
    }
    random = np.random.default_rng(7)
    return np.concatenate(
        [random.normal(*drawn[name], int(share * 60_000)) for name, share in shares.items()]
    ).astype(np.float32)


@pytest.mark.parametrize("parts", [{}, {"fill": 0.3}, {"air": 0.03}, {"bone": 0.0, "fat": 0.3}])
@pytest.mark.parametrize(
    ("offset", "status"),
    [
        *((0, "pass"), (20, "pass"), (-20, "pass"), (30, "warn"), (-60, "warn"), (120, "fail")),
        *((1024, "fail"), (1028, "fail"), (-1020, "fail"), (-1024, "fail")),
    ],
)
def test_an_offset_is_found_by_air(parts: dict[str, float], offset: int, status: str) -> None:
    found = check_values(np.rint(body(**parts)) + np.float32(offset), CT)
    assert found.status == status, found.reasons
    assert found.offset_hu == pytest.approx(offset, abs=2)


def test_the_two_commonest_causes_are_named() -> None:
    (lost,) = check_values(body() + 1024, CT).reasons
    (twice,) = check_values(body() - 1024, CT).reasons
    assert "RescaleIntercept was lost" in lost
    assert "applied twice" in twice


def test_air_that_is_cut_off_at_the_scales_end_lies_there() -> None:
    found = check_values(np.maximum(body(), -1000), CT)
    assert (found.status, found.offset_hu) == ("pass", 0.0)


def test_fill_outside_of_the_circle_is_no_air() -> None:
    """Without a body, −2000 lies 1000 HU below air."""
    found = check_values(body(fill=0.5, lung=0, fat=0, tissue=0, bone=0), CT)
    assert found.status == "warn"
    assert found.offset_hu is None


@pytest.mark.parametrize(
    "parts", [{"air": 0.0, "lung": 0.0}, {"tissue": 0.0}, {"air": 0.0, "lung": 0.4}]
)
def test_cropped_or_masked_images_are_not_judged(parts: dict[str, float]) -> None:
    found = check_values(body(**parts), CT)
    assert (found.status, found.offset_hu) == ("unknown", None)


@pytest.mark.parametrize(
    ("lung", "soft"),
    [
        ((-870, 35), (115, 20)),
        ((-935, 30), (50, 20)),
        ((-870, 60), (130, 15)),
        ((-700, 40), (300, 30)),
    ],
)
@pytest.mark.parametrize("fill", [0, 12_000])
def test_lung_in_a_tight_crop_is_not_taken_for_air(
    lung: tuple[int, int], soft: tuple[int, int], fill: int
) -> None:
    """Contrasted blood above lung, or muscle above emphysema, is as far as tissue above air."""
    random = np.random.default_rng(8)
    values = [random.normal(*lung, 25_000), random.normal(*soft, 25_000), np.full(fill, -2000)]
    found = check_values(np.rint(np.concatenate(values)).astype(np.float32), CT)
    assert (found.status, found.offset_hu) == ("unknown", None)
    with_air = [*values, random.normal(-1000, 12, 6_000)]
    found = check_values(np.rint(np.concatenate(with_air)).astype(np.float32), CT)
    assert found.status in ("pass", "unknown")


@pytest.mark.parametrize(("offset", "status"), [(0, "pass"), (1024, "fail"), (-1024, "fail")])
def test_noisy_air_is_air_where_no_lung_can_be(offset: int, status: str) -> None:
    random = np.random.default_rng(9)
    noisy = np.concatenate([random.normal(-1000, 45, 30_000), random.normal(40, 45, 20_000)])
    found = check_values(np.rint(noisy).astype(np.float32) + np.float32(offset), CT)
    assert found.status == status


def test_values_below_all_matter_fail_without_a_body() -> None:
    assert check_values(body() * 0 - 2000 + body() / 100, CT).status == "fail"


def test_few_values_are_not_judged() -> None:
    assert check_values(body()[:3000], CT).status == "unknown"
    assert check_values(np.full(60_000, np.nan, np.float32), CT).status == "unknown"


@pytest.mark.parametrize(
    ("stated", "word"),
    [
        ({"Modality": "MR"}, "no CT"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7"}, "no CT"),
        ({"is_grey": False}, "colours"),
        ({"ImageType": ("ORIGINAL", "PRIMARY", "LOCALIZER")}, "localizer"),
        ({"ImageType": ("DERIVED", "PRIMARY", "AXIAL", "EFF_ATOMIC_NUM")}, "map"),
        ({"rescale_types": frozenset({"HU", "MGML"})}, "MGML"),
    ],
)
def test_what_is_no_hu_is_not_applicable(stated: dict[str, object], word: str) -> None:
    found = check_values(body() + 1024, replace(CT, **stated))  # type: ignore[arg-type]
    assert found.status == "not_applicable"
    assert word in found.reasons[0]


def test_cone_beams_and_pet_ct_are_told_for_information() -> None:
    for stated in (replace(CT, model="V OBI Cone-beam CT"), replace(CT, study_modalities=("PT",))):
        sound, off = check_values(body(), stated), check_values(body() + 150, stated)
        assert (sound.status, sound.for_information) == ("pass", True)
        assert (off.status, off.for_information) == ("unknown", True)
        assert off.offset_hu == pytest.approx(150, abs=2)


def test_a_table_as_modality_lut_is_not_followed() -> None:
    assert check_values(body(), replace(CT, has_unread_modality_lut=True)).status == "unknown"


def test_nine_planes_and_every_fourth_pixel_are_looked_at() -> None:
    assert pick_planes(90) == [5, 15, 25, 35, 45, 55, 65, 75, 85]
    assert pick_planes(3) == [0, 1, 2]
    assert [pixel_step(512, 512), pixel_step(64, 512), pixel_step(16, 16)] == [4, 2, 1]
