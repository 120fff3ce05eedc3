"""SUVbw is what the pseudo-code's formula gives by hand, or is refused by the missing attribute."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import xarray as xr
from pydicom.dataset import Dataset

from noctis_lab.dicom.raw_values import HeaderBytes, read_header_bytes
from noctis_lab.errors import CannotInterpret, SeriesNotFound
from noctis_lab.synthetic import TORSO_SUV, ct_series, pet_series
from noctis_lab.synthetic.pet import DOSE_BQ, HALF_LIFE_S, UPTAKE_S, WEIGHT_KG
from noctis_lab.volumes.cache import Handle
from noctis_lab.volumes.load import load
from noctis_lab.volumes.suv import SuvInputs, find_suv_inputs, suv_bw, suv_of_series
from tests.volumes.archive import admit

type Change = Callable[[Dataset], None]

PHILIPS, GE = "Philips PET Private Group", "GEMS_PETD_01"
DECAYED = WEIGHT_KG * 1000 / (DOSE_BQ * 2 ** (-UPTAKE_S / HALF_LIFE_S))


def _clock(hour: int, minute: int = 0) -> datetime:
    """Return a time of the synthetic study's day, local as DICOM states it."""
    return datetime(2026, 2, 5, hour, minute)  # noqa: DTZ001


def _headers(tmp_path: Path, *changes: Change, planes: int = 1) -> list[HeaderBytes]:
    made = []
    for number, plane in enumerate(pet_series(planes=planes, rows=8, columns=8, noise=0)):
        for change in changes:
            change(plane)
        stream = io.BytesIO()
        pydicom.dcmwrite(stream, plane, enforce_file_format=True)
        path = tmp_path / f"{number}.dcm"
        path.write_bytes(stream.getvalue())
        made.append(read_header_bytes(path))
    return made


def _set(**attributes: Any) -> Change:
    def change(plane: Dataset) -> None:
        for keyword, value in attributes.items():
            target = plane
            if keyword.startswith("Radio") and keyword in plane[0x00540016].value[0]:
                target = plane.RadiopharmaceuticalInformationSequence[0]
            if value is None:
                delattr(target, keyword)
            else:
                setattr(target, keyword, value)

    return change


def _private(group: int, element: int, creator: str, VR: str, value: Any) -> Change:
    def change(plane: Dataset) -> None:
        plane.private_block(group, creator, create=True).add_new(element, VR, value)

    return change


def test_a_whole_volume_has_the_uptake_that_was_painted(handle: Handle, tmp_path: Path) -> None:
    planes = pet_series(planes=3, rows=48, columns=48, noise=0, resolution_mm=0)
    paths = admit(handle, planes, tmp_path / "in")
    volume = load(handle, planes[0].SeriesInstanceUID)
    inputs = find_suv_inputs([read_header_bytes(path) for path in paths])
    suv = suv_bw(volume, inputs)
    assert inputs.factor == pytest.approx(DECAYED, rel=1e-9)
    expected = volume.values * np.float32(DECAYED)
    np.testing.assert_allclose(suv.values, expected, rtol=1e-6)
    assert suv.attrs["units"] == "g/ml"
    assert suv.dtype == np.float32
    assert suv.dims == volume.dims
    np.testing.assert_allclose(suv.dicom.affine, volume.dicom.affine)
    assert (abs(suv.values - TORSO_SUV["muscle"]) < 0.01).any()
    assert (abs(suv.values - TORSO_SUV["lung"]) < 0.01).any()


def test_a_series_is_loaded_as_suv_or_refused(handle: Handle, tmp_path: Path) -> None:
    planes = pet_series(planes=2, rows=8, columns=8)
    admit(handle, planes, tmp_path / "in")
    uid = planes[0].SeriesInstanceUID
    suv = suv_of_series(handle, uid)
    np.testing.assert_allclose(suv.values, load(handle, uid).values * DECAYED, rtol=1e-6)
    plain = ct_series(planes=2)
    admit(handle, plain, tmp_path / "ct")
    with pytest.raises(CannotInterpret, match="expected PT, came 'CT'"):
        suv_of_series(handle, plain[0].SeriesInstanceUID)
    with pytest.raises(SeriesNotFound):
        suv_of_series(handle, "1.2.3")


def test_inputs_show_what_the_factor_is_made_of(tmp_path: Path) -> None:
    inputs = find_suv_inputs(_headers(tmp_path))
    assert inputs == SuvInputs(
        units="BQML",
        decay_correction="START",
        weight_kg=70,
        total_dose_bq=350e6,
        half_life_s=6586.2,
        started_at=_clock(10),
        measured_at=_clock(11),
        measured_by="SeriesDate, SeriesTime",
        activity_per_value=1,
        decay_factor=pytest.approx(0.68464, abs=1e-5),  # 2 ** -(3600 / 6586.2)
        factor=pytest.approx(2.92123e-4, rel=1e-4),
    )
    for shown in ("weight_kg=70", "half_life_s=6586.2", "2026, 2, 5, 11", "START"):
        assert shown in repr(inputs)


@pytest.mark.parametrize(
    "keyword",
    [
        *("Units", "CorrectedImage", "DecayCorrection", "PatientWeight"),
        *("RadionuclideTotalDose", "RadionuclideHalfLife"),
    ],
)
@pytest.mark.parametrize("is_empty", [True, False])
def test_what_is_missing_is_named(tmp_path: Path, keyword: str, is_empty: bool) -> None:
    def remove(plane: Dataset) -> None:
        tracer = plane.RadiopharmaceuticalInformationSequence[0]
        target = tracer if keyword in tracer else plane
        if is_empty:
            target[keyword].value = None
        else:
            del target[keyword]

    with pytest.raises(CannotInterpret, match=keyword) as raised:
        find_suv_inputs(_headers(tmp_path, remove))
    assert raised.value.keyword.endswith(keyword)


@pytest.mark.parametrize(
    ("attributes", "why"),
    [
        ({"CorrectedImage": ["DECY"]}, "not corrected by ATTN"),
        ({"CorrectedImage": ["ATTN", "NORM"]}, "not corrected by DECY"),
        ({"DecayCorrection": "NONE"}, "NONE came"),
        ({"Units": "PROPCPS"}, "not PROPCPS"),
        ({"PatientWeight": 0}, "PatientWeight"),
        ({"PatientWeight": 70_000}, "in grams"),
        ({"Units": "CNTS"}, "7053,1000"),
        ({"Units": "GML", "SUVType": "LBM"}, "SUV of type LBM"),
    ],
)
def test_what_gives_no_suv_is_refused(tmp_path: Path, attributes: dict[str, Any], why: str) -> None:
    with pytest.raises(CannotInterpret, match=why):
        find_suv_inputs(_headers(tmp_path, _set(**attributes)))


def test_a_dose_in_megabecquerel_is_refused(tmp_path: Path) -> None:
    def scale(plane: Dataset) -> None:
        plane.RadiopharmaceuticalInformationSequence[0].RadionuclideTotalDose = 350

    with pytest.raises(CannotInterpret, match="MBq"):
        find_suv_inputs(_headers(tmp_path, scale))


def test_no_start_and_two_administrations_are_refused(tmp_path: Path) -> None:
    def no_start(plane: Dataset) -> None:
        tracer = plane.RadiopharmaceuticalInformationSequence[0]
        del tracer.RadiopharmaceuticalStartTime, tracer.RadiopharmaceuticalStartDateTime

    with pytest.raises(CannotInterpret, match="RadiopharmaceuticalStartTime"):
        find_suv_inputs(_headers(tmp_path, no_start))

    def twice(plane: Dataset) -> None:
        plane.RadiopharmaceuticalInformationSequence.append(
            plane.RadiopharmaceuticalInformationSequence[0]
        )

    with pytest.raises(CannotInterpret, match="several administrations"):
        find_suv_inputs(_headers(tmp_path, twice))


def _at(start: str, scan_date: str, scan_time: str, *, start_date: str | None = None) -> Change:
    def change(plane: Dataset) -> None:
        tracer = plane.RadiopharmaceuticalInformationSequence[0]
        del tracer.RadiopharmaceuticalStartDateTime
        if start_date is not None:
            tracer.RadiopharmaceuticalStartDateTime = start_date + start
        tracer.RadiopharmaceuticalStartTime = start
        plane.SeriesDate = plane.AcquisitionDate = scan_date
        plane.SeriesTime = plane.AcquisitionTime = scan_time

    return change


@pytest.mark.parametrize(
    ("change", "elapsed_s"),
    [
        (_at("100000", "20260205", "110000"), 3600),
        (_at("233000.5", "20260206", "003000"), 3599.5),  # across midnight, by the time alone
        (_at("233000", "20260206", "003000", start_date="20260205"), 3600),
        (_at("100000", "20260206", "110000", start_date="20260205"), 90000),
        (_at("1000", "20260205", "1030"), 1800),
    ],
)
def test_the_dose_decays_from_start_to_scan(
    tmp_path: Path, change: Change, elapsed_s: float
) -> None:
    def longer_lived(plane: Dataset) -> None:
        plane.RadiopharmaceuticalInformationSequence[0].RadionuclideHalfLife = 12000

    inputs = find_suv_inputs(_headers(tmp_path, change, longer_lived))
    assert inputs.decay_factor == pytest.approx(0.5 ** (elapsed_s / 12000), rel=1e-9)


def test_times_of_two_zones_are_one_clocks(tmp_path: Path) -> None:
    def zones(plane: Dataset) -> None:
        plane.TimezoneOffsetFromUTC = "+0100"
        tracer = plane.RadiopharmaceuticalInformationSequence[0]
        tracer.RadiopharmaceuticalStartDateTime = "20260205090000-0030"

    inputs = find_suv_inputs(_headers(tmp_path, zones))
    assert inputs.started_at == _clock(10, 30)


def test_a_start_after_the_scan_is_refused(tmp_path: Path) -> None:
    change = _at("120000", "20260205", "110000", start_date="20260205")
    with pytest.raises(CannotInterpret, match="-3600 s after"):
        find_suv_inputs(_headers(tmp_path, change))
    change = _at("100000", "20260205", "110000", start_date="20250205")
    with pytest.raises(CannotInterpret, match="RadiopharmaceuticalStartDateTime"):
        find_suv_inputs(_headers(tmp_path, change))


def test_values_corrected_to_the_administration_take_the_whole_dose(tmp_path: Path) -> None:
    inputs = find_suv_inputs(_headers(tmp_path, _set(DecayCorrection="ADMIN", SeriesTime=None)))
    assert inputs.decay_factor == 1
    assert inputs.factor == pytest.approx(70_000 / 350e6)
    assert inputs.measured_by == "administration"


def test_a_series_made_later_takes_its_scan_time_elsewhere(tmp_path: Path) -> None:
    late = _set(SeriesTime="150000", AcquisitionDate="20260205", AcquisitionTime="110500")
    by_ge = find_suv_inputs(
        _headers(tmp_path, late, _private(0x0009, 0x0D, GE, "DT", "20260205110000.00"))
    )
    assert by_ge.measured_at == _clock(11)
    assert by_ge.factor == pytest.approx(DECAYED)
    # A frame of 180 s that began at 11:05:00. By hand, with x = ln 2 * 180 / 6586.2 = 0.018944:
    # its rate is the average (1/2 - x/24) * 180 s = 89.858 s into it.
    backwards = _set(FrameReferenceTime=389_858, ActualFrameDuration=180_000)
    inputs = find_suv_inputs(_headers(tmp_path, late, backwards))
    assert inputs.measured_by == "AcquisitionTime less FrameReferenceTime"
    assert inputs.measured_at is not None
    off_s = (inputs.measured_at - _clock(11)).total_seconds()
    assert off_s == pytest.approx(0, abs=0.002)
    with pytest.raises(CannotInterpret, match="FrameReferenceTime"):
        find_suv_inputs(_headers(tmp_path, late, _set(FrameReferenceTime=0)))


_LATE = {"SeriesTime": "150000", "AcquisitionDate": "20260205", "AcquisitionTime": "110500"}


@pytest.mark.parametrize(
    ("missing", "named"),
    [
        ("AcquisitionDate", "AcquisitionDate"),
        ("AcquisitionTime", "AcquisitionTime"),
        ("FrameReferenceTime", "FrameReferenceTime"),
        ("ActualFrameDuration", "ActualFrameDuration"),
    ],
)
def test_what_a_later_series_lacks_is_named(tmp_path: Path, missing: str, named: str) -> None:
    times = _set(**_LATE, FrameReferenceTime=389_858, ActualFrameDuration=180_000)
    with pytest.raises(CannotInterpret) as raised:
        find_suv_inputs(_headers(tmp_path, times, _set(**{missing: None})))
    assert raised.value.keyword == named


@pytest.mark.parametrize("value", ["20260205120000", "soon", ""])
def test_a_scan_time_of_ge_that_is_none_or_after_the_scan_is_not_taken(
    tmp_path: Path, value: str
) -> None:
    times = _set(**_LATE, FrameReferenceTime=389_858, ActualFrameDuration=180_000)
    private = _private(0x0009, 0x0D, GE, "LO", value)
    inputs = find_suv_inputs(_headers(tmp_path, times, private))
    assert inputs.measured_by == "AcquisitionTime less FrameReferenceTime"


def test_a_scan_time_under_another_creator_is_not_taken(tmp_path: Path) -> None:
    private = _private(0x0009, 0x0D, "Somebody else", "DT", "20260205110000")
    times = _set(**_LATE, FrameReferenceTime=389_858, ActualFrameDuration=180_000)
    assert "FrameReferenceTime" in find_suv_inputs(_headers(tmp_path, times, private)).measured_by


def test_the_first_bed_positions_acquisition_says_whether_a_series_was_made_later(
    tmp_path: Path,
) -> None:
    # The second bed position is acquired later than the series' time, the first is not.
    times = iter(["110000", "110300"])

    def change(plane: Dataset) -> None:
        plane.AcquisitionDate, plane.AcquisitionTime = plane.SeriesDate, next(times)

    inputs = find_suv_inputs(_headers(tmp_path, change, planes=2))
    assert (inputs.measured_by, inputs.measured_at) == ("SeriesDate, SeriesTime", _clock(11))


def test_a_start_that_is_no_time_is_refused(tmp_path: Path) -> None:
    def change(plane: Dataset) -> None:
        tracer = plane.RadiopharmaceuticalInformationSequence[0]
        del tracer.RadiopharmaceuticalStartDateTime
        tracer.RadiopharmaceuticalStartTime = "25"

    with (
        pytest.warns(UserWarning, match="Invalid value"),
        pytest.raises(CannotInterpret, match="StartTime: is no time"),
    ):
        find_suv_inputs(_headers(tmp_path, change))


def test_values_corrected_to_the_administration_need_no_start(tmp_path: Path) -> None:
    def change(plane: Dataset) -> None:
        tracer = plane.RadiopharmaceuticalInformationSequence[0]
        del tracer.RadiopharmaceuticalStartTime, tracer.RadiopharmaceuticalStartDateTime

    inputs = find_suv_inputs(_headers(tmp_path, _set(DecayCorrection="ADMIN"), change))
    assert inputs.factor == pytest.approx(70_000 / 350e6)


@pytest.mark.parametrize("private", [("7053,1000", 0x00), ("7053,1009", 0x09)])
def test_counts_are_suv_by_the_standards_formula(
    handle: Handle, tmp_path: Path, private: tuple[str, int]
) -> None:
    """SUVbw = (stored · slope + intercept) · factor, by the profile's last line."""
    planes = pet_series(planes=2, rows=8, columns=8)
    for plane in planes:
        plane.Units = "CNTS"
        _private(0x7053, private[1], PHILIPS, "DS", "0.5")(plane)
    paths = admit(handle, planes, tmp_path / "in")
    suv = suv_of_series(handle, planes[0].SeriesInstanceUID)
    read = sorted(map(pydicom.dcmread, paths), key=lambda plane: plane.ImagePositionPatient[2])
    values = [
        plane.pixel_array * float(plane.RescaleSlope) + float(plane.RescaleIntercept)
        for plane in read
    ]
    factor = 0.5 if private[1] == 0 else 0.5 * DECAYED
    np.testing.assert_allclose(suv.values, np.array(values) * factor, rtol=1e-5)
    assert suv.attrs["units"] == "g/ml"


def test_numbers_beyond_all_scans_are_refused(tmp_path: Path) -> None:
    late = _set(SeriesTime="150000", AcquisitionDate="20260205", AcquisitionTime="110500")
    endless = _set(FrameReferenceTime="1e300", ActualFrameDuration=180_000)
    with pytest.raises(CannotInterpret, match="beyond all scans"):
        find_suv_inputs(_headers(tmp_path, late, endless))
    with pytest.raises(CannotInterpret, match="factor above zero"):
        find_suv_inputs(_headers(tmp_path, _set(PatientWeight="1e-320")))
    negative = _private(0x7053, 0x00, PHILIPS, "DS", "-0.5")
    with pytest.raises(CannotInterpret, match="factor above zero"):
        find_suv_inputs(_headers(tmp_path, _set(Units="CNTS"), negative))


def test_philips_counts_have_a_factor_or_an_activity(tmp_path: Path) -> None:
    counts = _set(Units="CNTS")
    factor = _private(0x7053, 0x00, PHILIPS, "DS", "0.00042")
    activity = _private(0x7053, 0x09, PHILIPS, "DS", "2.5")
    no_factor = _private(0x7053, 0x00, PHILIPS, "DS", "0")
    assert find_suv_inputs(_headers(tmp_path, counts, factor, activity)).factor == 0.00042
    unknown = _private(0x7053, 0x00, PHILIPS, "UN", b"0.00042 ")  # by an archive on the way
    assert find_suv_inputs(_headers(tmp_path, counts, unknown)).factor == 0.00042
    of_another = _private(0x7053, 0x00, "Somebody else", "DS", "0.00042")
    with pytest.raises(CannotInterpret, match="7053,1000"):
        find_suv_inputs(_headers(tmp_path, counts, of_another))
    inputs = find_suv_inputs(_headers(tmp_path, counts, no_factor, activity))
    assert inputs.activity_per_value == 2.5
    assert inputs.factor == pytest.approx(2.5 * DECAYED)


def test_values_that_are_suv_stay(tmp_path: Path) -> None:
    inputs = find_suv_inputs(_headers(tmp_path, _set(Units="GML", PatientWeight=None)))
    volume = xr.DataArray(np.array([1.5, 2.0], np.float32), attrs={"units": "g/ml"})
    assert suv_bw(volume, inputs).values.tolist() == [1.5, 2.0]


@pytest.mark.parametrize("units", ["stored", "HU", "unspecified"])
def test_values_in_another_unit_are_refused(tmp_path: Path, units: str) -> None:
    inputs = find_suv_inputs(_headers(tmp_path))
    with pytest.raises(CannotInterpret, match=f"holds {units}"):
        suv_bw(xr.DataArray(np.zeros(2), attrs={"units": units}), inputs)


def test_planes_that_give_different_factors_are_refused(tmp_path: Path) -> None:
    weights = iter([70.0, 71.0])

    def change(plane: Dataset) -> None:
        plane.PatientWeight = next(weights)

    with pytest.raises(CannotInterpret, match="planes of one series"):
        find_suv_inputs(_headers(tmp_path, change, planes=2))
    with pytest.raises(CannotInterpret, match="at least one"):
        find_suv_inputs([])


@pytest.mark.real_data
def test_real_pet(real_data: Path) -> None:
    folder = real_data / "real/go_dicom_testdata"
    first = find_suv_inputs([read_header_bytes(folder / "1.dcm")])
    # By hand: 15:23:16.921 less 14:17:00 is 3976.921 s.
    assert first.decay_factor == pytest.approx(2 ** (-3976.921 / 6586.2), rel=1e-9)
    expected = 69.7344e3 / (178340011.59668 * 2 ** (-3976.921 / 6586.2))
    assert first.factor == pytest.approx(expected, rel=1e-9)
    second = find_suv_inputs([read_header_bytes(folder / "2.dcm")])
    assert second.decay_factor == pytest.approx(2 ** (-0.109 / 6586.2), rel=1e-9)
    plain = next((real_data / "real/pet_nema_iq_recon1").iterdir())
    with pytest.raises(CannotInterpret, match="Units"):
        find_suv_inputs([read_header_bytes(plain)])
