"""The report that holds our volumes against other readers: what it calls equal, and why not."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import xarray as xr

import noctis_lab as nl
from noctis_lab.synthetic import DoseOptions, ct_series, rt_dose, segmentation, write_series

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def modules() -> Iterator[tuple[ModuleType, ModuleType]]:
    sys.path.insert(0, str(FOLDER))
    yield importlib.import_module("differences"), importlib.import_module("agreement")
    sys.path.remove(str(FOLDER))


@pytest.fixture(scope="module")
def volume(tmp_path_factory: pytest.TempPathFactory) -> xr.DataArray:
    folder = tmp_path_factory.mktemp("agreement")
    noise = np.random.default_rng(0).integers(-900, 900, (6, 20, 24), np.int16)
    series = ct_series(
        planes=6,
        rows=20,
        columns=24,
        gantry_tilt_deg=15.0,
        rescale_intercept=-24.0,
        stored=lambda index: noise[index],
    )
    write_series(series, folder / "files")
    with nl.open_lab(folder / "root", create=True) as lab:
        lab.index(folder / "files")
        return lab.series().one().load()


def peer_of(modules: tuple[ModuleType, ModuleType], volume: xr.DataArray, values: Any) -> Any:
    module = importlib.import_module("peers")
    return module.PeerVolume(name="peer", values=values, affine=volume.dicom.affine)


def reasons(
    modules: tuple[ModuleType, ModuleType],
    volume: xr.DataArray,
    peer: Any,
    stacks: int = 1,
    private_scales: tuple[float, ...] = (),
) -> list[str]:
    differences, _ = modules
    found = differences.match(volume, [peer])
    assert not found.is_equal
    stored = differences.match(volume + 24, [peer])
    case = differences.Case(
        ours=volume, found=found, stored=stored, stacks=stacks, private_scales=private_scales
    )
    told: list[str] = differences.explain(case)
    return told


def test_the_same_numbers_at_the_same_places_agree_whichever_way_up(
    modules: tuple[ModuleType, ModuleType], volume: xr.DataArray
) -> None:
    differences, _ = modules
    flipped = volume.isel(y=slice(None, None, -1), z=slice(None, None, -1))
    peer = replace(peer_of(modules, volume, flipped.values), affine=flipped.dicom.affine)
    assert differences.match(volume, [peer]).is_equal


def test_one_wrong_plane_is_no_agreement_and_has_no_reason(
    modules: tuple[ModuleType, ModuleType], volume: xr.DataArray
) -> None:
    wrong = volume.values.copy()
    wrong[2] = np.random.default_rng(1).permuted(wrong[2] + np.int16(3))
    assert reasons(modules, volume, peer_of(modules, volume, wrong)) == []


def test_a_factor_is_a_reason_only_where_the_file_states_it(
    modules: tuple[ModuleType, ModuleType], volume: xr.DataArray
) -> None:
    peer = peer_of(modules, volume, volume.values * 2.5)
    assert reasons(modules, volume, peer) == []
    (told,) = reasons(modules, volume, peer, private_scales=(0.4, 2.5))
    assert told == "multiplies by Philips' private scale factor (2005,100E): 2.5 × ours"
    shifted = peer_of(modules, volume, volume.values * 2.5 + 10)
    assert reasons(modules, volume, shifted, private_scales=(2.5,)) == []


def test_stored_values_and_wrapped_signs_are_told(
    modules: tuple[ModuleType, ModuleType], volume: xr.DataArray
) -> None:
    raw = peer_of(modules, volume, volume.values + 24)
    assert reasons(modules, volume, raw) == ["gives stored values: the Modality LUT is not applied"]
    wrapped = peer_of(modules, volume, volume.values.astype(np.int64) % 4096)
    assert reasons(modules, volume, wrapped) == [
        "takes the sign otherwise: differences are multiples of 4096"
    ]


def test_planes_of_several_stacks_in_one_are_told(
    modules: tuple[ModuleType, ModuleType], volume: xr.DataArray
) -> None:
    other = np.random.default_rng(2).permuted(volume.values)
    mixed = np.stack([other, volume.values], axis=1).reshape(12, 20, 24)
    told = reasons(modules, volume, peer_of(modules, volume, mixed), stacks=2)
    assert told == ["puts the series' 2 stacks into one of 12 planes"]


def test_a_tilted_series_is_told_apart_from_both_peers(
    modules: tuple[ModuleType, ModuleType], tmp_path: Path, volume: xr.DataArray
) -> None:
    _, agreement = modules
    series = ct_series(planes=6, rows=20, columns=24, gantry_tilt_deg=15.0)
    write_series(series, tmp_path / "files")
    with nl.open_lab(tmp_path / "root", create=True) as lab:
        lab.index(tmp_path / "files")
        (line,) = agreement.lines_of(lab)
    assert line.is_explained
    assert line.ours == "z 6 × y 20 × x 24, leans 15.0°, kept"
    assert line.peers["SimpleITK"] == "same planes, but drops their lean of 15°"
    assert "drops their lean of 15°" in agreement.report([line])


def test_doses_segments_and_refusals_are_told_as_what_load_gives(
    modules: tuple[ModuleType, ModuleType], tmp_path: Path
) -> None:
    _, agreement = modules
    images = ct_series(planes=3, rows=8, columns=8)
    masks = np.zeros((1, 3, 8, 8), np.uint8)
    masks[0, 1, 2:5, 3:7] = 1
    twice = ct_series(planes=2, rows=8, columns=8, positions_mm=[(0, 0, 0)] * 2, seed="twice")
    written = [rt_dose(DoseOptions()), segmentation(masks, images), *twice]
    write_series(written, tmp_path / "files")
    with nl.open_lab(tmp_path / "root", create=True) as lab:
        lab.index(tmp_path / "files")
        ours = {line.name.split(" · ")[1]: line.ours for line in agreement.lines_of(lab)}
    assert ours["RTDOSE"].startswith("z ")
    assert ours["SEG"].startswith("segment 1 × z ")
    assert ours["CT"].startswith("refused, DuplicatePositions: 2 frames share 1 position")


def test_bits_as_bytes_are_told_and_other_bits_are_not(
    modules: tuple[ModuleType, ModuleType], volume: xr.DataArray
) -> None:
    mask = (volume > 0).expand_dims(segment=[1])
    peer = peer_of(modules, volume, (volume.values > 0) * np.uint8(255))
    (told,) = reasons(modules, mask, peer)
    assert told == "takes frames of 1 segment(s) for planes, with 255 for 1"
    turned = replace(peer, values=np.roll(peer.values, 1, axis=2))
    assert reasons(modules, mask, turned) == []
