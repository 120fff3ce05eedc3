"""Measurements on real series, beside pydicom's own values."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.pixels import apply_modality_lut

from noctis_lab import Lab, open_lab
from noctis_lab.errors import DecodeError, UnsupportedTransferSyntax
from noctis_lab.lab import Series

pytestmark = [
    pytest.mark.real_data,
    pytest.mark.filterwarnings("ignore::UserWarning:pydicom"),  # files are as they were found
]

COLLECTIONS = {
    "ct_philips_headphantom_tilt": 1,
    "ct_slicer_head_64px": 1,
    "mr_asl_philips_rescale": 1,
    "emr_siemens_xa10": 1,
    "pet_nema_iq_recon1": 1,
    "pydicom_test_files": 5,
    "dcm4che_testdata": 1,
}


@pytest.fixture(scope="module", params=COLLECTIONS)
def lab(
    request: pytest.FixtureRequest, real_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Lab, int]]:
    folder = real_data / "real" / request.param
    with open_lab(tmp_path_factory.mktemp("measured") / "archive", create=True) as opened:
        opened.index(folder, progress=False)
        yield opened, COLLECTIONS[request.param]


def expected_values(path: Path, frame: int) -> np.ndarray | None:
    """Return a frame's values by pydicom, NaN for padding; None where it does not give them."""
    dataset = pydicom.dcmread(path)
    if dataset.get("SamplesPerPixel") != 1 or "PALETTE" in dataset.PhotometricInterpretation:
        return None
    try:
        pixels = dataset.pixel_array
    except (NotImplementedError, AttributeError, RuntimeError, ValueError, KeyError):
        return None
    pixels = pixels if pixels.ndim == 3 else pixels[np.newaxis]
    if frame >= len(pixels):
        return None
    stored, of = pixels[frame], dataset
    groups = dataset.get("PerFrameFunctionalGroupsSequence")
    if groups is not None:
        for group in (groups[frame], dataset.SharedFunctionalGroupsSequence[0]):
            if "PixelValueTransformationSequence" in group:
                of = group.PixelValueTransformationSequence[0]
                break
    if "RescaleSlope" in of:
        values = stored * float(of.RescaleSlope) + float(of.RescaleIntercept)
    else:
        values = apply_modality_lut(stored, of).astype(np.float64)
    low = dataset.get("PixelPaddingValue")
    if low is not None:
        high = dataset.get("PixelPaddingRangeLimit", low)
        values[(stored >= min(low, high)) & (stored <= max(low, high))] = np.nan
    return values


def measure_beside_pydicom(series: Series) -> int:
    """Measure on the first and the last image of a series; return how many were compared."""
    compared = 0
    instances = series.instances[:]
    for instance in {id(one): one for one in (instances[0], instances[-1])}.values():
        row = instance.row
        if row.pixels is None or row.is_mosaic:
            continue
        frame = row.pixels.frames - 1
        values = expected_values(instance.path, frame)
        if values is None:
            continue
        rows, columns = values.shape
        corners = [[columns * 0.2, rows * 0.3], [columns * 0.7, rows * 0.8]]
        try:
            found = series.measure(
                "ellipse", corners, SOPInstanceUID=instance.SOPInstanceUID, frame=frame
            )
        except (UnsupportedTransferSyntax, DecodeError):
            continue
        y, x = np.mgrid[:rows, :columns]
        u = (x - (corners[0][0] + corners[1][0]) / 2) / ((corners[1][0] - corners[0][0]) / 2)
        v = (y - (corners[0][1] + corners[1][1]) / 2) / ((corners[1][1] - corners[0][1]) / 2)
        inside = values[u * u + v * v <= 1]
        inside = inside[np.isfinite(inside)]
        assert found["count"] == len(inside)
        if len(inside):
            scale = np.abs(inside).max()
            names = {"mean": np.mean, "sd": np.std, "median": np.median, "min": np.min}
            for name, function in names.items():
                assert found[name] == pytest.approx(function(inside), rel=1e-9, abs=1e-9 * scale), (
                    instance.SOPInstanceUID,
                    name,
                )
        compared += 1
    return compared


@pytest.mark.filterwarnings("ignore::noctis_lab.errors.PixelWarning")  # J2K_pixelrep_mismatch
def test_figures_are_those_of_pydicoms_values(lab: tuple[Lab, int]) -> None:
    opened, least = lab
    assert sum(opened.series().map(measure_beside_pydicom)) >= least
