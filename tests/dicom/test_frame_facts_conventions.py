"""The same fact in the words of the standard and of each maker, of classic images."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pydicom
import pytest
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_data_element

from noctis_lab.dicom.contrast_digest import contrast_digest
from noctis_lab.dicom.frame_facts import FrameFacts, frame_facts
from noctis_lab.dicom.header import read_header
from noctis_lab.synthetic import PlaneStack, ct_series, enhanced_image, weighted_mr
from noctis_lab.synthetic.weighted_mr import CONVENTIONS

type Put = Callable[..., Path]
PLANE = PlaneStack(planes=1)
IMPLICIT, BIG_ENDIAN = "1.2.840.10008.1.2", "1.2.840.10008.1.2.2"


def facts_of(dataset: Dataset, put: Put, **written: str) -> FrameFacts:
    (fact,) = frame_facts(read_header(put(dataset, **written)))
    return fact


def along(convention: str, points: int, put: Put) -> list[FrameFacts]:
    return [facts_of(each, put) for each in weighted_mr(convention, stack=PLANE, points=points)]


@pytest.mark.parametrize("maker", ["", " siemens", " csa", " ge", " philips"])
def test_the_b_value_is_read_in_each_makers_words(maker: str, put: Put) -> None:
    facts = along(f"b_value{maker}", 3, put)
    assert [fact.b_value for fact in facts] == [0, 500, 1000]
    assert facts[0].b_vector is None


@pytest.mark.parametrize("maker", ["", " siemens", " csa", " philips"])
def test_the_direction_is_a_unit_vector_of_the_patient(maker: str, put: Put) -> None:
    for fact in along(f"b_value{maker}", 3, put)[1:]:
        assert fact.b_vector == pytest.approx((0, 0.6, 0.8), abs=1e-6)


def test_ges_direction_only_tells_directions_apart(put: Put) -> None:
    unweighted, weighted, _ = along("b_value ge", 3, put)
    assert (unweighted.gradient_key, unweighted.b_vector) == (None, None)
    assert (weighted.gradient_key, weighted.b_vector) == ((0, 0.6, 0.8), None)


def test_the_standards_b_value_goes_before_a_makers(put: Put) -> None:
    dataset = weighted_mr("b_value ge", stack=PLANE, points=2)[1]
    dataset.DiffusionBValue = 750.0
    assert facts_of(dataset, put).b_value == 750


@pytest.mark.parametrize("value", [-1.0, 1e7, float("nan"), float("inf")])
def test_what_can_be_no_b_value_is_absent(value: float, put: Put) -> None:
    dataset = weighted_mr("b_value", stack=PLANE, points=2)[1]
    dataset.DiffusionBValue = value
    assert facts_of(dataset, put).b_value is None


@pytest.mark.parametrize("vector", [[0.0, 0.0, 0.0], [2.0, 0.0, 0.0], [1.0, 0.0]])
def test_what_is_no_unit_vector_is_absent(vector: list[float], put: Put) -> None:
    dataset = weighted_mr("b_value", stack=PLANE, points=2)[1]
    dataset.DiffusionGradientOrientation = vector
    assert facts_of(dataset, put).b_vector is None


@pytest.mark.parametrize(
    ("convention", "attribute", "expected"),
    [
        ("time", "temporal_index", [1, 2, 3, 4]),
        ("time siemens", "acquisition_number", [1, 2, 3, 4]),
        ("echo", "echo_ms", [10, 20, 30, 40]),
        ("echo", "echo_number", [1, 2, 3, 4]),
        ("phase", "trigger_ms", [0, 50, 100, 150]),
        ("phase philips", "phase_index", [1, 2, 3, 4]),
        ("asl_context", "asl_context", ["LABEL", "CONTROL", "LABEL", "CONTROL"]),
        ("asl_context philips", "asl_context", ["LABEL", "CONTROL", "LABEL", "CONTROL"]),
        ("asl_technique ge", "asl_context", [None] * 4),
        ("asl_technique ge", "asl_technique", ["PSEUDOCONTINUOUS", "CONTINUOUS"] * 2),
        *(
            (f"component {maker}", "component", ["MAGNITUDE", "PHASE", "REAL", "IMAGINARY"])
            for maker in ("siemens", "ge", "philips")
        ),
    ],
)
def test_a_dimension_is_read_in_its_makers_words(
    convention: str, attribute: str, expected: list[object], put: Put
) -> None:
    assert [getattr(fact, attribute) for fact in along(convention, 4, put)] == expected


@pytest.mark.parametrize("convention", ["time", "time siemens"])
def test_acquisition_times_are_as_far_apart_as_their_clock(convention: str, put: Put) -> None:
    seconds = [fact.acquired_s for fact in along(convention, 3, put)]
    first = seconds[0]
    assert first is not None
    assert [second - first for second in seconds if second is not None] == [0, 2, 4]


@pytest.mark.parametrize("syntax", [IMPLICIT, BIG_ENDIAN])
@pytest.mark.parametrize("maker", ["siemens", "csa", "ge", "philips"])
def test_private_facts_are_read_in_any_encoding(maker: str, syntax: str, put: Put) -> None:
    dataset = weighted_mr(f"b_value {maker}", stack=PLANE, points=2)[1]
    if syntax == BIG_ENDIAN:
        dataset["PixelData"].VR = "OW"
    assert facts_of(dataset, put, syntax=syntax).b_value == 500


@pytest.mark.parametrize(
    ("convention", "attribute"),
    [
        *((f"b_value {maker}", "b_value") for maker in ("siemens", "csa", "ge", "philips")),
        ("phase philips", "phase_index"),
        ("asl_context philips", "asl_context"),
        ("component ge", "component"),
        ("component philips", "component"),
    ],
)
def test_a_private_element_without_its_creator_is_not_read(
    convention: str, attribute: str, put: Put
) -> None:
    dataset = weighted_mr(convention, stack=PLANE, points=2)[1]
    for element in list(dataset):
        if element.tag.is_private_creator:
            del dataset[element.tag]
    assert getattr(facts_of(dataset, put), attribute) is None


@pytest.mark.parametrize(
    ("convention", "attribute", "expected"),
    [
        ("b_value siemens", "b_value", 500),
        ("b_value siemens", "b_vector", pytest.approx((0, 0.6, 0.8))),
        ("b_value ge", "b_value", 500),
        ("b_value philips", "b_value", 500),
        ("asl_context philips", "asl_context", "CONTROL"),
        ("asl_technique ge", "asl_technique", "CONTINUOUS"),
        ("component ge", "component", "PHASE"),
    ],
)
def test_a_private_element_whose_vr_was_lost_is_read_by_its_makers(
    convention: str, attribute: str, expected: object, put: Put
) -> None:
    # As a system writes it that took the element in Implicit VR and does not know it.
    implicit = put(weighted_mr(convention, stack=PLANE, points=2)[1], syntax=IMPLICIT)
    dataset = _unknown_private(implicit)
    assert getattr(facts_of(dataset, put), attribute) == expected


def _unknown_private(path: Path) -> Dataset:
    plain = pydicom.dcmread(path)
    made = Dataset()
    for element in plain:
        if element.tag.is_private and not element.tag.is_private_creator:
            raw = _bytes_of(element)
            made.add_new(element.tag, "UN", raw)
        else:
            made.add(element)
    return made


def _bytes_of(element: DataElement) -> bytes:
    stream = DicomBytesIO()
    stream.is_little_endian, stream.is_implicit_VR = True, True
    write_data_element(stream, element)
    return stream.getvalue()[8:]


def test_ges_points_in_time_follow_from_its_numbers(put: Put) -> None:
    series = weighted_mr("time ge", stack=PlaneStack(planes=3), points=4)
    facts = [facts_of(each, put) for each in series]
    assert [fact.temporal_index for fact in facts] == [1, 2, 3, 4] * 3
    assert [fact.in_stack_position for fact in facts] == [1] * 4 + [2] * 4 + [3] * 4


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("InStackPositionNumber", 3),
        ("InstanceNumber", 14),
        ("InstanceNumber", 0),
        ("NumberOfTemporalPositions", 1),
        ("NumberOfTemporalPositions", None),
    ],
)
def test_numbers_of_ge_that_disagree_tell_no_time(keyword: str, value: object, put: Put) -> None:
    dataset = weighted_mr("time ge", stack=PlaneStack(planes=3), points=4)[0]
    setattr(dataset, keyword, value)
    assert facts_of(dataset, put).temporal_index is None


def pet(make_dataset: Callable[..., Dataset], kind: str, **attributes: int) -> Dataset:
    return make_dataset(Modality="PT", SeriesType=[kind, "IMAGE"], **attributes)


def test_a_pets_image_index_counts_slices_within_volumes(
    make_dataset: Callable[..., Dataset], put: Put
) -> None:
    def dynamic(index: int) -> int | None:
        counts = {"NumberOfSlices": 5, "NumberOfTimeSlices": 3}
        return facts_of(
            pet(make_dataset, "DYNAMIC", ImageIndex=index, **counts), put
        ).temporal_index

    def gated(index: int) -> int | None:
        counts = {"NumberOfSlices": 5, "NumberOfTimeSlots": 3, "NumberOfRRIntervals": 2}
        return facts_of(pet(make_dataset, "GATED", ImageIndex=index, **counts), put).phase_index

    assert [dynamic(index) for index in (0, 1, 5, 6, 15, 16)] == [None, 1, 1, 2, 3, None]
    assert [gated(index) for index in (1, 6, 15, 16, 30, 31)] == [1, 2, 3, 1, 3, None]


def test_a_static_pets_image_index_tells_no_time(
    make_dataset: Callable[..., Dataset], put: Put
) -> None:
    dataset = pet(make_dataset, "STATIC", ImageIndex=6, NumberOfSlices=5, NumberOfTimeSlices=3)
    assert facts_of(dataset, put).temporal_index is None


def test_an_mrs_component_is_not_read_of_other_modalities(put: Put) -> None:
    dataset = weighted_mr("component siemens", stack=PLANE, points=1)[0]
    dataset.Modality = "CT"
    assert facts_of(dataset, put).component is None


def test_two_components_in_one_image_type_are_none(put: Put) -> None:
    dataset = weighted_mr("echo", stack=PLANE, points=1)[0]
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "M", "P"]
    assert facts_of(dataset, put).component is None


def test_a_ct_states_its_kernel_and_tube_voltage(put: Put) -> None:
    plane = ct_series(planes=1)[0]
    plane.ConvolutionKernel, plane.KVP = ["B30f", "3"], 120
    fact = facts_of(plane, put)
    assert (fact.kernel, fact.tube_kv) == ("B30f\\3", 120)


def test_two_images_have_one_digest_where_their_contrast_is_stated_alike(put: Put) -> None:
    def digest_of(dataset: Dataset) -> bytes:
        return contrast_digest(read_header(put(dataset)))

    one, other = weighted_mr("echo", stack=PlaneStack(planes=2), points=1)
    assert digest_of(one) == digest_of(other)
    other.EchoTime = 11
    assert digest_of(one) != digest_of(other)


def test_all_multi_frame_images_have_one_digest(put: Put) -> None:
    digests = {
        contrast_digest(read_header(put(enhanced_image(along=along, points=3))))
        for along in ("echo", "time")
    }
    single = enhanced_image(stacks=(PLANE,))
    assert len(digests) == 1
    assert contrast_digest(read_header(put(single))) not in digests


@pytest.mark.parametrize("convention", sorted(CONVENTIONS))
def test_a_digest_differs_where_a_contrast_does(convention: str, put: Put) -> None:
    one, other = weighted_mr(convention, stack=PLANE, points=2)
    digests = {contrast_digest(read_header(put(each))) for each in (one, other)}
    # When an image was taken, and which of the heart's beats triggered it, is no contrast.
    assert len(digests) == (1 if convention in ("time siemens", "time ge", "phase") else 2)
