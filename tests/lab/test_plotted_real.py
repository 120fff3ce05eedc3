"""Curves and histograms of real series, beside what pydicom and numpy make of their files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from noctis_lab import Lab, open_lab
from noctis_lab.lab.measuring import plotted
from noctis_lab.lab.measuring.draft import parse_draft
from noctis_lab.volumes.pixels import find_shown_frames

pytestmark = [
    pytest.mark.real_data,
    pytest.mark.filterwarnings("ignore::UserWarning:pydicom"),  # files are as they were found
]

#: A collection of one series, and the element by which its images of one place follow.
SERIES = {
    "mr_4d_ge_epi": "InstanceNumber",
    "mr_4d_philips_dstream": "TemporalPositionIdentifier",
    "mr_t2_multiecho_philips": "EchoTime",
}


@pytest.fixture(scope="module", params=SERIES)
def real(
    request: pytest.FixtureRequest, real_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Lab, list[Dataset], str]]:
    folder = real_data / "real" / request.param
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    files = [pydicom.dcmread(path) for path in paths]
    with open_lab(tmp_path_factory.mktemp("plotted") / "archive", create=True) as opened:
        opened.index(folder, progress=False)
        yield opened, files, SERIES[request.param]


def values_of(dataset: Dataset) -> np.ndarray:
    slope, intercept = (
        float(dataset.get(name, usual))
        for name, usual in (("RescaleSlope", 1), ("RescaleIntercept", 0))
    )
    return dataset.pixel_array * slope + intercept


def test_a_curve_is_the_mean_of_the_files_of_one_place(
    real: tuple[Lab, list[Dataset], str],
) -> None:
    lab, files, order = real
    (series,) = [each for each in lab.series() if len(each.instances) > 20]
    drawn = files[len(files) // 2]
    draft = parse_draft(
        {
            "MeasurementUID": "0" * 32,
            "kind": "rectangle",
            "StudyInstanceUID": series.StudyInstanceUID,
            "SeriesInstanceUID": series.SeriesInstanceUID,
            "SOPInstanceUID": str(drawn.SOPInstanceUID),
            "points_px": [[20, 24], [35, 40]],
        }
    )
    found = plotted.curve(lab.handle, series.row, draft)
    place = np.array(drawn.ImagePositionPatient, dtype=float)
    same = [
        file
        for file in files
        if np.allclose(np.array(file.ImagePositionPatient, dtype=float), place, atol=1e-3)
    ]
    same.sort(key=lambda file: float(file[order].value))
    regions = [values_of(file)[24:41, 20:36] for file in same]
    assert len(same) == len(found.along) > 2
    np.testing.assert_allclose(found.means, [r.mean() for r in regions], rtol=1e-9)
    np.testing.assert_allclose(found.sds, [r.std() for r in regions], rtol=1e-7, atol=1e-9)
    assert set(found.counts) == {17 * 16}


def test_the_histograms_count_every_value_of_the_files(
    real: tuple[Lab, list[Dataset], str],
) -> None:
    lab, files, _ = real
    (series,) = [each for each in lab.series() if len(each.instances) > 20]
    frames = find_shown_frames(lab.handle, series.row.reference)[1]
    by_uid = {str(file.SOPInstanceUID): file for file in files}
    values = [values_of(by_uid[frame.row.SOPInstanceUID]) for frame in frames]
    found = plotted.slice_histogram(lab.handle, series.row.reference, 3)
    counts, _ = np.histogram(values[3], len(found.counts), (found.low, found.high))
    assert list(found.counts) == counts.tolist()
    volume = plotted.volume_histogram(lab.handle, series.row.reference, 3)
    first = 3 - 3 % volume.images  # of the time or echo of image 3
    whole = np.stack(values[first : first + volume.images])
    counts, _ = np.histogram(whole, len(volume.counts), (volume.low, volume.high))
    assert list(volume.counts) == counts.tolist()
    assert volume.count == whole.size
