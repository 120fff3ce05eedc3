"""The demo's series are valid DICOM, and show what their docstrings say, where they say it."""

from __future__ import annotations

import io
import math
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from noctis_lab.synthetic import (
    CATPHAN504_INSERTS,
    LESION_MM,
    NODULE_MM,
    catphan504,
    constancy_scan,
    ct_series,
    dynamic_mr,
    hand_radiograph,
    mr_signal,
    pet_series,
    scanner_state,
    torso_ct,
    ultrasound_cine,
)
from noctis_lab.synthetic.demo import DEMO_SERIES, iter_made, missing_series

SMALL: dict[str, Callable[[], list[Dataset]]] = {
    "formula": lambda: ct_series(planes=1),
    "catphan": lambda: catphan504(planes=1, rows=64, columns=64),
    "torso": lambda: torso_ct(planes=2, rows=64, columns=64),
    "mr": lambda: dynamic_mr(planes=2, phases=2, rows=48, columns=64),
    "pet": lambda: pet_series(planes=2, rows=48, columns=48),
    "ultrasound": lambda: ultrasound_cine(frames=2),
    "radiograph": lambda: hand_radiograph(rows=300, columns=240),
    "constancy": lambda: constancy_scan(52, rows=64, columns=64)[:1],
}


@pytest.mark.parametrize("kind", SMALL)
def test_dciodvfy_finds_no_error(
    kind: str, tmp_path: Path, require_program: Callable[[str], str]
) -> None:
    path = tmp_path / "instance.dcm"
    SMALL[kind]()[-1].save_as(path, enforce_file_format=True)
    done = subprocess.run(
        [require_program("dciodvfy"), str(path)], capture_output=True, text=True, check=False
    )
    said = (done.stdout + done.stderr).splitlines()
    assert any("Image" in line for line in said), "it recognises the IOD"
    assert [line for line in said if line.startswith(("Error", "Warning"))] == []


@pytest.mark.parametrize("kind", SMALL)
def test_equal_calls_give_equal_bytes(kind: str) -> None:
    def written() -> list[bytes]:
        streams = []
        for instance in SMALL[kind]():
            stream = io.BytesIO()
            instance.save_as(stream, enforce_file_format=True)
            streams.append(stream.getvalue())
        return streams

    assert written() == written()


def at(instances: list[Dataset], place_mm: tuple[float, float, float]) -> Dataset:
    """Return the instance whose plane is nearest to a place, by its own geometry."""
    return min(instances, key=lambda plane: abs(_offset(plane, place_mm)[2]))


def _offset(plane: Dataset, place_mm: tuple[float, float, float]) -> tuple[float, float, float]:
    """Return row, column and distance from the plane (mm) of a place (PS3.3 C.7.6.2.1.1)."""
    x, y = np.split(np.array(plane.ImageOrientationPatient, float), 2)
    offset = np.subtract(place_mm, np.array(plane.ImagePositionPatient, float))
    row_mm, column_mm = map(float, plane.PixelSpacing)
    return float(y @ offset / row_mm), float(x @ offset / column_mm), float(np.cross(x, y) @ offset)


def around(plane: Dataset, place_mm: tuple[float, float, float]) -> NDArray[np.float64]:
    """Return the modality values of the 3 x 3 pixels about a place."""
    row, column, _ = (round(number) for number in _offset(plane, place_mm))
    stored = plane.pixel_array[row - 1 : row + 2, column - 1 : column + 2]
    slope = float(plane.get("RescaleSlope", 1))
    return stored * slope + float(plane.get("RescaleIntercept", 0))


@pytest.mark.parametrize("tilt_deg", [-14.0, 0.0, 20.0])
def test_the_torsos_findings_are_at_their_places_whatever_the_tilt(tilt_deg: float) -> None:
    planes = torso_ct(
        planes=80, rows=128, columns=128, slice_spacing_mm=3.5, gantry_tilt_deg=tilt_deg, noise_hu=0
    )
    nodule, lesion = at(planes, NODULE_MM), at(planes, LESION_MM)
    np.testing.assert_allclose(around(nodule, NODULE_MM), 45, atol=0.5)
    np.testing.assert_allclose(around(lesion, LESION_MM), 55, atol=0.5)
    x, y, z = NODULE_MM
    beside = around(nodule, (x - 20, y, z))
    assert np.median(beside) < -800, "lung all around"


def test_the_torsos_planes_advance_along_the_table() -> None:
    planes = torso_ct(planes=3, rows=32, columns=32, gantry_tilt_deg=-14)
    positions = np.array([plane.ImagePositionPatient for plane in planes], float)
    np.testing.assert_allclose(np.diff(positions, axis=0), [[0, 0, 7]] * 2, atol=1e-8)
    cosine, sine = math.cos(math.radians(14)), -math.sin(math.radians(14))
    np.testing.assert_allclose(
        np.array(planes[0].ImageOrientationPatient, float), (1, 0, 0, 0, cosine, sine), atol=1e-8
    )
    assert planes[0].GantryDetectorTilt == -14


def test_the_dynamic_mr_follows_its_curves_at_the_same_places() -> None:
    planes, phases = 10, 4
    series = dynamic_mr(planes=planes, phases=phases, rows=96, columns=128, noise=0)
    assert [int(i.TemporalPositionIdentifier) for i in series] == sorted([1, 2, 3, 4] * planes)
    assert [int(i.InstanceNumber) for i in series] == list(range(1, 41))
    seconds = []
    for phase in range(phases):
        stack = series[phase * planes : (phase + 1) * planes]
        assert [i.ImagePositionPatient for i in stack] == [
            i.ImagePositionPatient for i in series[:planes]
        ]
        np.testing.assert_allclose(
            around(at(stack, LESION_MM), LESION_MM), round(mr_signal("lesion", phase * 12.0))
        )
        seconds.append(_seconds(stack[0].AcquisitionTime))
    assert [second - seconds[0] for second in seconds] == [0, 12, 24, 36]
    # by hand: 24 s after the injection the medium is there for 7 s
    expected = 330 + 780 * (1 - math.exp(-7 / 6)) * math.exp(-7 / 70)
    assert mr_signal("lesion", 24.0) == pytest.approx(expected)


def _seconds(time: str) -> float:
    """Return the seconds since midnight of a TM value."""
    return int(time[:2]) * 3600 + int(time[2:4]) * 60 + float(time[4:])


def test_pet_gives_its_uptake_by_the_suv_formula() -> None:
    planes = pet_series(
        planes=100, rows=72, columns=72, slice_spacing_mm=3, resolution_mm=0, noise=0
    )
    assert len({float(plane.RescaleSlope) for plane in planes}) > 10
    assert max(int(plane.pixel_array.max()) for plane in planes) == 32767
    plane = at(planes, LESION_MM)
    tracer = plane.RadiopharmaceuticalInformationSequence[0]
    waited_s = _seconds(plane.SeriesTime) - _seconds(tracer.RadiopharmaceuticalStartTime)
    left = float(tracer.RadionuclideTotalDose) * 2 ** (
        -waited_s / float(tracer.RadionuclideHalfLife)
    )
    suv = around(plane, LESION_MM) * float(plane.PatientWeight) * 1000 / left
    np.testing.assert_allclose(suv, 7.0, rtol=1e-3)
    assert (plane.Units, plane.DecayCorrection) == ("BQML", "START")


def test_the_cine_shows_blood_flowing_in_red_and_out_blue(tmp_path: Path) -> None:
    path = tmp_path / "cine.dcm"
    ultrasound_cine(frames=12)[0].save_as(path, enforce_file_format=True)
    cine = pydicom.dcmread(path)
    frames = cine.pixel_array.astype(int)  # as RGB, by pydicom
    assert frames.shape == (12, 480, 640, 3)
    assert cine[cine.FrameIncrementPointer].keyword == "FrameTime"
    red, blue = frames[..., 0] - frames[..., 2], frames[..., 2] - frames[..., 0]
    box = (slice(130, 310), slice(300, 420))
    ejection, filling = 2, 6
    assert (blue[ejection][box] > 60).sum() > 500
    assert (red[ejection][box] > 60).sum() == 0
    assert (red[filling][box] > 60).sum() > 500
    assert (blue[filling][box] > 60).sum() == 0
    gray = frames[0, 350:400, 100:500]
    assert np.ptp(gray, axis=-1).max() <= 6, "tissue has no colour"


def test_the_hand_is_a_negative_of_twelve_bits() -> None:
    hand = hand_radiograph(noise=0)[0]
    stored = hand.pixel_array
    assert hand.PhotometricInterpretation == "MONOCHROME1"
    assert stored.max() == 3600, "beside the hand nothing weakens the ray"
    assert stored[5, 5] == 3600
    middle_mm = (-14.0, 130.0)  # of the radius, from the image's centre
    row, column = 899.5 + middle_mm[1] / 0.15, 719.5 + middle_mm[0] / 0.15
    bone = stored[round(row), round(column)]
    flesh = stored[round(row), round(719.5 + 5 / 0.15)]
    assert bone < flesh - 200 < 3300


@pytest.mark.parametrize("scan", [0, 35, 36, 52])
def test_a_constancy_scan_measures_what_the_scanner_errs_by(scan: int) -> None:
    state = scanner_state(scan)
    planes = constancy_scan(scan)
    through = [plane for plane in planes if abs(float(plane.ImagePositionPatient[2])) < 15]
    assert len(through) == 2
    for insert in CATPHAN504_INSERTS:
        angle = math.radians(insert.angle_deg + state.roll_deg)
        x = state.center_mm[0] + 58.7 * math.cos(angle)
        y = state.center_mm[1] + 58.7 * math.sin(angle)
        values = np.concatenate([_disc(plane, x, y, 4.0) for plane in through])
        expected = insert.hu_by_kvp[120] * state.hu_scale + state.hu_offset
        assert values.size > 100
        assert abs(values.mean() - expected) < 1.0, insert.material


def _disc(plane: Dataset, x_mm: float, y_mm: float, radius_mm: float) -> NDArray[np.float64]:
    x0, y0, _ = map(float, plane.ImagePositionPatient)
    row_mm, column_mm = map(float, plane.PixelSpacing)
    y = y0 + row_mm * np.arange(plane.Rows)[:, None]
    x = x0 + column_mm * np.arange(plane.Columns)[None, :]
    inside: NDArray[np.float64] = plane.pixel_array[np.hypot(x - x_mm, y - y_mm) <= radius_mm]
    return inside + float(plane.RescaleIntercept)


def test_the_scanner_drifts_and_steps_as_documented() -> None:
    states = [scanner_state(scan) for scan in range(53)]
    offsets = np.array([state.hu_offset for state in states])
    assert abs(offsets[:20].mean()) < 3 * 0.4 / math.sqrt(20)
    assert 0.2 < offsets[:20].std(ddof=1) < 0.6
    drift, _ = np.polyfit(np.arange(20, 36), offsets[20:36], 1)
    assert abs(drift + 0.15) < 0.06
    assert abs(offsets[36:].mean() - 1) < 3 * 0.4 / math.sqrt(17)
    assert [s.hu_scale for s in states] == [1.0] * 36 + [1.006] * 17
    assert (str(states[0].day), str(states[52].day)) == ("2024-01-08", "2026-01-05")


def test_the_demo_knows_its_uids_before_it_draws() -> None:
    kinds = DEMO_SERIES[52:55]  # the newest constancy scan, the radiograph, the ultrasound
    for series, instances in iter_made(kinds):
        assert [str(i.SOPInstanceUID) for i in instances] == series.SOPInstanceUIDs


def test_series_that_are_there_are_not_missing() -> None:
    held = {uid for series in DEMO_SERIES[1:] for uid in series.SOPInstanceUIDs}
    assert missing_series(held.__contains__) == [DEMO_SERIES[0]]
    held.remove(DEMO_SERIES[2].SOPInstanceUIDs[-1])
    assert missing_series(held.__contains__) == [DEMO_SERIES[0], DEMO_SERIES[2]]
    assert len({uid for series in DEMO_SERIES for uid in series.SOPInstanceUIDs}) == sum(
        series.instance_count for series in DEMO_SERIES
    )
