"""Surfaces that are kept: of which series there are some, and what is read for them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from noctis_lab.synthetic import ct_series, weighted_mr
from noctis_lab.synthetic.plane_stack import PlaneStack
from noctis_lab.synthetic.ultrasound import ultrasound_cine
from noctis_lab.volumes.cache import Handle
from noctis_lab.volumes.load import load
from noctis_lab.volumes.planes import instance_file
from noctis_lab.volumes.series_plan import find_plan
from noctis_lab.volumes.surface_making import make_surface
from noctis_lab.volumes.surface_spec import SurfaceSpec
from tests.volumes.archive import admit


@pytest.mark.parametrize("extra_index", [None, 0, 2])
def test_colours_have_no_surface_of_one_channel(
    handle: Handle, tmp_path: Path, extra_index: int | None
) -> None:
    planes = ct_series(planes=3, rows=8, columns=8)
    rgb = np.zeros((8, 8, 3), np.uint8)
    rgb[2:6, 2:6] = 200, 100, 50
    for plane in planes:
        plane.PhotometricInterpretation, plane.SamplesPerPixel = "RGB", 3
        plane.PlanarConfiguration, plane.PixelRepresentation = 0, 0
        plane.BitsAllocated, plane.BitsStored, plane.HighBit = 8, 8, 7
        del plane.RescaleSlope, plane.RescaleIntercept
        plane.PixelData = rgb.tobytes()
    admit(handle, planes, tmp_path / "in")
    series = handle.catalog.find_series(str(planes[0].SeriesInstanceUID))
    assert series is not None
    assert load(handle, series).dims == ("z", "y", "x", "channel")
    spec = SurfaceSpec(kind="threshold", level=75.0, extra_index=extra_index)
    kept = make_surface(handle, series, spec, "now")
    assert "holds colours" in (kept.error or "")


def test_images_without_a_place_have_no_surface(handle: Handle, tmp_path: Path) -> None:
    cine = ultrasound_cine(frames=3)
    admit(handle, cine, tmp_path / "in")
    series = handle.catalog.find_series(str(cine[0].SeriesInstanceUID))
    assert series is not None
    kept = make_surface(handle, series, SurfaceSpec(kind="threshold", level=1.0), "now")
    assert "a surface is of a volume of numbers" in (kept.error or "")


def test_only_the_step_that_is_asked_for_is_read(handle: Handle, tmp_path: Path) -> None:
    data_sets = weighted_mr("echo", stack=PlaneStack(planes=5), points=3, shape=(12, 16))
    admit(handle, data_sets, tmp_path / "in")
    series, plan = find_plan(handle, str(data_sets[0].SeriesInstanceUID))
    volume = load(handle, series).isel(echo=1)
    level = float(volume.mean())
    spec = SurfaceSpec(kind="threshold", level=level, extra_index=1)
    whole = make_surface(handle, series, spec, "all there")
    assert whole.error is None
    assert whole.faces
    for number, frame in enumerate(plan.stacks[0].frames):
        if number // 5 != 1:
            instance_file(handle.storage, frame.row).unlink()
    kept = make_surface(handle, series, spec, "one left")
    assert (kept.error, kept.faces, kept.area_mm2) == (None, whole.faces, whole.area_mm2)
