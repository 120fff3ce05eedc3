"""Real world values of series: chosen by name, frame by frame, in the unit that is stated."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import xarray as xr
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_rescale
from pydicom.uid import ImplicitVRLittleEndian

from noctis_lab import open_lab
from noctis_lab.errors import UnsupportedSeries
from noctis_lab.synthetic import ct_series, enhanced_frames, enhanced_image, rt_dose
from noctis_lab.synthetic.plane_stack import PlaneStack
from noctis_lab.volumes.cache import Handle
from noctis_lab.volumes.load import load
from noctis_lab.volumes.real_world import find_mappings
from noctis_lab.volumes.series_plan import find_stack
from tests.volumes.archive import admit, admit_file
from tests.volumes.lazily import opened

#: Of 12 bits stored.
FULL = (0, 4095)


def mapping(
    label: str = "ADC",
    units: str = "mm2/s",
    line: tuple[float, float] | None = (0.5, -3.0),
    *,
    mapped: tuple[int, int] = FULL,
    table: Sequence[float] | None = None,
    scheme: str = "UCUM",
) -> Dataset:
    item, unit = Dataset(), Dataset()
    unit.CodeValue, unit.CodingSchemeDesignator, unit.CodeMeaning = units, scheme, f"in {units}"
    item.MeasurementUnitsCodeSequence = [unit]
    item.LUTLabel, item.LUTExplanation = label, f"{label} in words"
    VR = "SS" if mapped[0] < 0 else "US"
    item.add_new(0x00409216, VR, mapped[0])
    item.add_new(0x00409211, VR, mapped[1])
    if table is not None:
        item.RealWorldValueLUTData = list(table)
    elif line is not None:
        item.RealWorldValueSlope, item.RealWorldValueIntercept = line
    return item


def series(*items: Dataset, **options: Any) -> list[Dataset]:
    planes = ct_series(
        planes=3, rows=7, columns=6, signed=False, bits_stored=12, rescale_slope=2, **options
    )
    for plane in planes:
        plane.RealWorldValueMappingSequence = list(items)
    return planes


def stored_of(planes: Sequence[Dataset]) -> NDArray[Any]:
    return np.stack([plane.pixel_array for plane in planes]).astype(np.float64)


def admitted(handle: Handle, folder: Path, planes: Sequence[Dataset]) -> str:
    admit(handle, planes, folder)
    return str(planes[0].SeriesInstanceUID)


@pytest.mark.parametrize("asked", [True, "ADC", "mm2/s", {}, {"name": "ADC"}])
def test_a_line_gives_values_in_its_unit(handle: Handle, tmp_path: Path, asked: Any) -> None:
    planes = series(mapping())
    loaded = load(handle, admitted(handle, tmp_path / "in", planes), real_world=asked)
    # PS3.3 C.7.6.16.2.11.1.2: of the stored value, whatever the Modality LUT makes of it.
    np.testing.assert_array_equal(loaded.values, stored_of(planes) * 0.5 - 3)
    assert (loaded.dtype, loaded.attrs["units"]) == (np.float32, "mm2/s")
    assert loaded.attrs["LUTLabel"] == "ADC"
    assert loaded.attrs["LUTExplanation"] == "ADC in words"
    assert loaded.slope.values.tolist() == [0.5] * 3
    assert loaded.intercept.values.tolist() == [-3.0] * 3


def test_a_table_gives_values_as_they_stand_in_it(handle: Handle, tmp_path: Path) -> None:
    entries = np.random.default_rng(1).normal(size=4096)
    planes = series(mapping("T1", "ms", table=entries.tolist()))
    uid = admitted(handle, tmp_path / "in", planes)
    loaded = load(handle, uid, real_world=True, dtype=np.float64)
    np.testing.assert_array_equal(loaded.values, entries[stored_of(planes).astype(int)])
    assert loaded.attrs["units"] == "ms"
    assert np.isnan(loaded.slope.values).all()


def test_a_table_for_all_words_of_16_bits_is_followed(handle: Handle, tmp_path: Path) -> None:
    entries = np.arange(65536) / 8
    # Lengths of FD have 16 bits where VRs are written (PS3.5 7.1.2).
    table = mapping(mapped=(0, 65535), table=entries.tolist())
    planes = series(table, transfer_syntax_uid=ImplicitVRLittleEndian)
    loaded = load(handle, admitted(handle, tmp_path / "in", planes), real_world=True)
    np.testing.assert_array_equal(loaded.values, stored_of(planes) / 8)


def test_equal_tables_are_kept_once_and_all_within_a_bound(
    handle: Handle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planes = series(mapping("T1", "ms", table=[0.5] * 4096))
    uid = admitted(handle, tmp_path / "in", planes)
    mappings, _ = find_mappings(handle, find_stack(handle, uid)[1], {})
    assert len(mappings) == 3
    assert len({id(each.pieces[0].table) for each in mappings}) == 1
    others = series(mapping(), seed="others")
    for number, plane in enumerate(others):
        item = mapping("T1", "ms", table=[float(number)] * 4096)
        plane.RealWorldValueMappingSequence = [item]
    other = admitted(handle, tmp_path / "others", others)
    monkeypatch.setattr("noctis_lab.volumes.real_world._MOST_TABLE_BYTES", 2 * 4096 * 8)
    assert load(handle, uid, real_world=True).attrs["units"] == "ms"
    with pytest.raises(UnsupportedSeries, match=r"more than 0\.0625 MiB"):
        load(handle, other, real_world=True)


def test_lazy_real_world_values_are_the_eager_ones(handle: Handle, tmp_path: Path) -> None:
    planes = series(mapping("a", "ms"), mapping("b", "cm/s", (2.0, 1.0)))
    uid = admitted(handle, tmp_path / "in", planes)
    eager, lazy = load(handle, uid, real_world="b"), opened(handle, uid, real_world="b")
    assert lazy.dtype == np.float32
    part = {"z": slice(None, None, 2), "y": slice(5, 1, -2), "x": [4, 1]}
    xr.testing.assert_identical(lazy.isel(part).load(), eager.isel(part))
    by_dask = opened(handle, uid, chunks={"z": 2}, real_world={"name": "b"})
    np.testing.assert_array_equal(by_dask.isel(part).compute(), eager.isel(part))
    carried = pickle.dumps(lazy.variable._data)
    assert len(carried) < 5000
    np.testing.assert_array_equal(np.asarray(pickle.loads(carried)), eager.values)


def test_of_several_mappings_one_is_named(handle: Handle, tmp_path: Path) -> None:
    planes = series(mapping("flow", "cm/s"), mapping("power", "dB", (2.0, 0.0)))
    uid = admitted(handle, tmp_path / "in", planes)
    for name in ("power", "dB"):
        loaded = load(handle, uid, real_world=name)
        np.testing.assert_array_equal(loaded.values, stored_of(planes) * 2)
        assert loaded.attrs["units"] == "dB"
    listed = r"'flow' in cm/s \(of 3 of 3\); 'power' in dB \(of 3 of 3\)"
    with pytest.raises(UnsupportedSeries, match=f"2 that may be meant.*{listed}"):
        load(handle, uid, real_world=True)
    with pytest.raises(UnsupportedSeries, match=f"none of label or unit 'T1'.*{listed}"):
        load(handle, uid, real_world="T1")


def test_objects_list_mappings_and_open_by_them(handle: Handle, tmp_path: Path) -> None:
    planes = series(
        mapping("flow", "cm/s"), mapping("T1", "ms", mapped=(0, 4095), table=[0] * 4096)
    )
    uid = admitted(handle, tmp_path / "in", planes)
    with open_lab(handle.settings.root) as lab:
        one = lab.series(SeriesInstanceUID=uid).one()
        known = one.real_world_mappings()
        assert known.label.tolist() == ["flow", "T1"]
        assert known.units.tolist() == ["cm/s", "ms"]
        assert known.explanation.tolist() == ["flow in words", "T1 in words"]
        assert known.how.tolist() == ["line", "table"]
        assert known[["first", "last", "frames"]].values.tolist() == [[0, 4095, 3]] * 2
        expected = stored_of(planes) * 0.5 - 3
        np.testing.assert_array_equal(one.open(real_world="flow").values, expected)
        np.testing.assert_array_equal(one.stacks[0].load(real_world="cm/s").values, expected)


def test_ranges_side_by_side_are_one_mapping(handle: Handle, tmp_path: Path) -> None:
    low = mapping(line=(1.0, 0.0), mapped=(0, 2000))
    high = mapping(line=(-1.0, 0.0), mapped=(2001, 4095))
    planes = series(high, low)
    uid = admitted(handle, tmp_path / "in", planes)
    loaded = load(handle, uid, real_world="ADC")
    stored = stored_of(planes)
    np.testing.assert_array_equal(loaded.values, np.where(stored <= 2000, stored, -stored))
    assert np.isnan(loaded.slope.values).all()
    several = admitted(handle, tmp_path / "too", series(mapping(), mapping(line=(9, 9)), seed="b"))
    with pytest.raises(UnsupportedSeries, match="ranges overlap"):
        load(handle, several, real_world=True)


def test_planes_have_lines_of_their_own(handle: Handle, tmp_path: Path) -> None:
    planes = series(mapping())
    for number, plane in enumerate(planes):
        plane.RealWorldValueMappingSequence[0].RealWorldValueSlope = 1.0 + number
    loaded = load(handle, admitted(handle, tmp_path / "in", planes), real_world=True)
    for value, plane in zip(loaded.values, planes, strict=True):
        slope = plane.RealWorldValueMappingSequence[0].RealWorldValueSlope
        np.testing.assert_array_equal(value, plane.pixel_array * slope - 3)


def test_frames_own_mappings_go_before_shared_ones(handle: Handle, tmp_path: Path) -> None:
    stack = PlaneStack(planes=4)
    image = enhanced_image(stacks=[stack])
    shared = mapping(line=(10.0, 0.0), mapped=(0, 65535))
    image.SharedFunctionalGroupsSequence[0].RealWorldValueMappingSequence = [shared]
    groups = image.PerFrameFunctionalGroupsSequence
    groups[2].RealWorldValueMappingSequence = [mapping(line=(7.0, 1.0), mapped=(0, 65535))]
    uid = admitted(handle, tmp_path / "in", [image])
    loaded = load(handle, uid, real_world=True)
    planes = [frame.plane for frame in enhanced_frames([stack], 1)]
    for z in range(4):
        frame = planes.index(z)
        slope, intercept = (7.0, 1.0) if frame == 2 else (10.0, 0.0)
        expected = image.pixel_array[frame].astype(np.float32) * slope + intercept
        np.testing.assert_array_equal(loaded.values[z], expected)
        assert loaded.slope.values[z] == slope


def test_what_is_not_mapped_is_refused_or_asked_for_as_nan(handle: Handle, tmp_path: Path) -> None:
    planes = series(mapping(line=(1.0, 0.0), mapped=(100, 3000)))
    uid = admitted(handle, tmp_path / "in", planes)
    stored = stored_of(planes)
    lazy = opened(handle, uid, real_world=True)
    for read in (lambda: load(handle, uid, real_world=True), lambda: lazy.isel(z=0).values):
        with pytest.raises(UnsupportedSeries, match="of 100 to 3000 only"):
            read()
    loaded = load(handle, uid, real_world={"outside": "nan"})
    is_mapped = (stored >= 100) & (stored <= 3000)
    assert 0 < is_mapped.sum() < is_mapped.size
    np.testing.assert_array_equal(loaded.values, np.where(is_mapped, stored, np.nan))


def test_padding_is_not_held_against_a_mapping(handle: Handle, tmp_path: Path) -> None:
    planes = series(mapping(line=(1.0, 0.0), mapped=(1, 4095)), elements={"PixelPaddingValue": 0})
    words = planes[1].pixel_array.copy()
    words[0, 0] = 0
    planes[1].PixelData = words.tobytes()
    uid = admitted(handle, tmp_path / "in", planes)
    loaded = load(handle, uid, real_world=True, mask_padding=True)
    stored = stored_of(planes)
    np.testing.assert_array_equal(loaded.values, np.where(stored == 0, np.nan, stored))
    assert np.isnan(loaded.values[1, 0, 0])


def test_values_beyond_float32_are_float64(handle: Handle, tmp_path: Path) -> None:
    planes = series(mapping(line=(1e-60, 0.0)))
    loaded = load(handle, admitted(handle, tmp_path / "in", planes), real_world=True)
    assert loaded.dtype == np.float64
    np.testing.assert_array_equal(loaded.values, stored_of(planes) * 1e-60)


def test_a_unit_of_another_scheme_stands_in_its_words(handle: Handle, tmp_path: Path) -> None:
    planes = series(mapping(units="U-17", scheme="99MAKER"))
    uid = admitted(handle, tmp_path / "in", planes)
    assert load(handle, uid, real_world="U-17").attrs["units"] == "in U-17"


def _lacking(planes: list[Dataset]) -> None:
    del planes[1].RealWorldValueMappingSequence


def _in_other_units(planes: list[Dataset]) -> None:
    planes[1].RealWorldValueMappingSequence = [mapping(units="ms")]


def _without_range(planes: list[Dataset]) -> None:
    del planes[2].RealWorldValueMappingSequence[0].RealWorldValueLastValueMapped


def _without_any(planes: list[Dataset]) -> None:
    for plane in planes:
        del plane.RealWorldValueMappingSequence


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (_lacking, r"one states none.*'ADC' in mm2/s \(of 2 of 3\)"),
        (_without_any, "one states none.*Its images state no mapping"),
        (_in_other_units, r"several units \(mm2/s, ms\)"),
        (_without_range, "cannot be followed.*range of a mapping"),
    ],
)
def test_series_without_one_mapping_of_all_images_are_refused(
    handle: Handle, tmp_path: Path, change: Any, why: str
) -> None:
    planes = series(mapping())
    change(planes)
    uid = admitted(handle, tmp_path / "in", planes)
    with pytest.raises(UnsupportedSeries, match=why):
        load(handle, uid, real_world=True)
    assert load(handle, uid).attrs["units"] == "HU"  # values by the Modality LUT are there


@pytest.mark.parametrize("asked", [True, "ms", {}, {"outside": "nan"}])
def test_quantities_of_one_unit_do_not_mix(handle: Handle, tmp_path: Path, asked: Any) -> None:
    planes = series(mapping("T1", "ms", (1.0, 0.0)))
    planes[1].RealWorldValueMappingSequence = [mapping("T2", "ms", (100.0, 0.0))]
    uid = admitted(handle, tmp_path / "in", planes)
    listed = r"'T1' in ms \(of 2 of 3\); 'T2' in ms \(of 1 of 3\)"
    with pytest.raises(UnsupportedSeries, match=f"several labels.*{listed}"):
        load(handle, uid, real_world=asked)


@pytest.mark.parametrize("asked", [None, False])
def test_none_and_false_leave_the_modality_lut(handle: Handle, tmp_path: Path, asked: Any) -> None:
    uid = admitted(handle, tmp_path / "in", series(mapping()))
    assert load(handle, uid, real_world=asked).attrs["units"] == "HU"
    dose = admitted(handle, tmp_path / "dose", [rt_dose()])
    assert load(handle, dose, real_world=asked).attrs["units"] == "Gy"


@pytest.mark.parametrize(
    "asked",
    [
        0,
        1,
        5,
        np.False_,
        np.True_,
        ["ADC"],
        ("ADC",),
        {"name": 5},
        {"label": "ADC"},
        {"outside": 0},
    ],
)
def test_what_is_no_choice_is_refused(handle: Handle, tmp_path: Path, asked: Any) -> None:
    uid = admitted(handle, tmp_path / "in", series(mapping()))
    dose = admitted(handle, tmp_path / "dose", [rt_dose()])
    for each in (uid, dose):
        with pytest.raises(UnsupportedSeries, match="takes True or False, a label or unit"):
            load(handle, each, real_world=asked)
        with pytest.raises(UnsupportedSeries, match="takes True or False, a label or unit"):
            opened(handle, each, real_world=asked)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"stored": True}, "at once"),
        ({"dtype": np.int16}, "does not hold every value"),
        ({"real_world": {"outside": "zero"}}, "takes True or False, a label or unit"),
    ],
)
def test_options_that_contradict_are_refused(
    handle: Handle, tmp_path: Path, options: dict[str, Any], why: str
) -> None:
    uid = admitted(handle, tmp_path / "in", series(mapping()))
    with pytest.raises(UnsupportedSeries, match=why):
        load(handle, uid, **{"real_world": True, **options})


def test_doses_have_no_mappings(handle: Handle, tmp_path: Path) -> None:
    dose = rt_dose()
    uid = admitted(handle, tmp_path / "in", [dose])
    with pytest.raises(UnsupportedSeries, match="leave real_world out"):
        load(handle, uid, real_world=True)


@pytest.mark.real_data
def test_a_philips_series_is_pydicoms_rescaling(
    real_data: Path, handle: Handle, tmp_path: Path
) -> None:
    paths = sorted((real_data / "real/mr_t2_multiecho_philips/plate5").iterdir())
    for path in paths:
        admit_file(handle, path)
    uid = pydicom.dcmread(paths[0], stop_before_pixels=True).SeriesInstanceUID
    loaded = load(handle, uid, real_world="Philips")
    assert loaded.attrs["units"] == "1"
    by_uid = {str(image.SOPInstanceUID): image for image in map(pydicom.dcmread, paths)}
    for place in np.ndindex(loaded.SOPInstanceUID.shape):
        image = by_uid[str(loaded.SOPInstanceUID.values[place])]
        # This maker states the same line as its Modality LUT.
        expected = apply_rescale(image.pixel_array, image)
        np.testing.assert_allclose(loaded.values[place], expected, rtol=1e-6)
