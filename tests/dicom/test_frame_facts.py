"""What is stated of the frames of classic instances."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pydicom.dataset import Dataset

from noctis_lab.dicom.frame_facts import FrameFacts, frame_facts
from noctis_lab.dicom.geometry import PlaneGeometry
from noctis_lab.dicom.header import read_header
from noctis_lab.dicom.rescale import Rescale

NOWHERE = PlaneGeometry(position_mm=None, orientation=None, pixel_spacing_mm=None)


def test_an_image_that_states_nothing_has_no_facts(
    make_dataset: Callable[..., Dataset], put: Callable[..., Path]
) -> None:
    assert frame_facts(read_header(put(make_dataset()))) == (FrameFacts(plane=NOWHERE),)


def test_an_instance_without_pixels_has_no_frames(
    make_dataset: Callable[..., Dataset], put: Callable[..., Path]
) -> None:
    dataset = make_dataset()
    del dataset.PixelData
    assert frame_facts(read_header(put(dataset))) == ()


def test_a_slope_of_several_values_is_none_and_that_is_told(
    make_dataset: Callable[..., Dataset], put: Callable[..., Path]
) -> None:
    dataset = make_dataset(RescaleSlope=[2, 3], RescaleIntercept=-1)
    (facts,) = frame_facts(read_header(put(dataset)))
    assert facts.rescale is None
    assert facts.has_unread_modality_lut


def test_a_classic_image_states_its_facts_at_the_top_level(
    make_dataset: Callable[..., Dataset], put: Callable[..., Path]
) -> None:
    dataset = make_dataset(
        Modality="MR",
        ImageType=["ORIGINAL", "PRIMARY", "P", "ND"],
        ImagePositionPatient=[1, 2, 3],
        ImageOrientationPatient=[1, 0, 0, 0, 1, 0],
        PixelSpacing=[0.5, 0.25],
        FrameOfReferenceUID="1.2.3.9",
        RescaleSlope=2,
        RescaleIntercept=-1,
        AcquisitionDate="19700102",
        AcquisitionTime="000001.5",
        AcquisitionNumber=4,
        TemporalPositionIdentifier=3,
        NumberOfTemporalPositions=8,
        TriggerTime=210.5,
        EchoTime=4.6,
        EchoNumbers=2,
        InversionTime=900,
        FlipAngle=12,
        DiffusionBValue=1000.0,
    )
    assert frame_facts(read_header(put(dataset))) == (
        FrameFacts(
            plane=PlaneGeometry(
                position_mm=(1, 2, 3), orientation=(1, 0, 0, 0, 1, 0), pixel_spacing_mm=(0.5, 0.25)
            ),
            rescale=Rescale(slope=2, intercept=-1, units=None),
            frame_of_reference_uid="1.2.3.9",
            image_type=("ORIGINAL", "PRIMARY", "P", "ND"),
            component="PHASE",
            temporal_index=3,
            temporal_count=8,
            acquisition_number=4,
            acquired_s=86_401.5,
            trigger_ms=210.5,
            echo_ms=4.6,
            echo_number=2,
            inversion_ms=900,
            flip_deg=12,
            b_value=1000,
        ),
    )
