"""PNG stacks and surfaces, read back by other programs' code."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import skimage.io
import xarray as xr
from skimage.measure import marching_cubes, mesh_surface_area

from noctis_lab.dicom.voi import VoiFunction, Window
from noctis_lab.errors import CannotExport
from noctis_lab.volumes.export import write_ply, write_png_stack, write_stl
from tests.volumes.export.volumes import volume

WINDOW = Window(center=20.0, width=41.0)


def linear(values: np.ndarray, highest: int) -> np.ndarray:
    """Return PS3.3 C.11.2.1.2.1 by hand, for `WINDOW`."""
    levels = ((values - 19.5) / 40.0 + 0.5) * highest
    return np.floor(np.clip(levels, 0, highest) + 0.5)


@pytest.mark.parametrize(("bits", "dtype"), [(8, np.uint8), (16, np.uint16)])
@pytest.mark.parametrize("photometric", ["MONOCHROME2", "MONOCHROME1"])
def test_each_plane_is_a_picture_of_the_window(
    bits: int, dtype: type, photometric: str, tmp_path: Path
) -> None:
    made = volume(PhotometricInterpretation=photometric)
    write_png_stack(made, tmp_path / "png", window=WINDOW, bits=bits)  # type: ignore[arg-type]
    names = sorted(each.name for each in (tmp_path / "png").iterdir())
    assert names == ["stack.json", "z0000.png", "z0001.png", "z0002.png"]
    for at in range(3):
        levels = linear(made.values[at].astype(float), (1 << bits) - 1)
        if photometric == "MONOCHROME1":
            levels = (1 << bits) - 1 - levels
        shown = skimage.io.imread(tmp_path / "png" / f"z000{at}.png")
        assert shown.dtype == dtype
        np.testing.assert_array_equal(shown, levels)
    facts = json.loads((tmp_path / "png" / "stack.json").read_text())
    assert facts["window"] == {"center": 20.0, "width": 41.0, "function": "LINEAR"}
    assert facts["spacing_mm"] == {"z": 2.5, "y": 0.5, "x": 0.75}


def test_without_a_window_the_values_choose_one_and_it_is_told(tmp_path: Path) -> None:
    made = volume((40, 4, 5), extra=("time", [0.0, 1.0], "s"))
    write_png_stack(made, tmp_path / "png")
    facts = json.loads((tmp_path / "png" / "stack.json").read_text())
    assert VoiFunction(facts["window"]["function"]) is VoiFunction.LINEAR
    assert (tmp_path / "png" / "time0001-z0039.png").exists()
    assert len(list((tmp_path / "png").glob("*.png"))) == 80
    middle = skimage.io.imread(tmp_path / "png" / "time0001-z0020.png")
    assert 0 < middle.min() <= middle.max() < 255


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_colours_are_as_they_are(dtype: str, tmp_path: Path) -> None:
    made = volume(channels=3, dtype=dtype).rename(z="frame").drop_vars("patient_lps")
    write_png_stack(made, tmp_path / "png")
    path = tmp_path / "png" / "frame0002.png"
    # What skimage reads by has no colours of 16 bits.
    is_short = dtype == "uint8"
    shown = skimage.io.imread(path) if is_short else imagecodecs.png_decode(path.read_bytes())
    np.testing.assert_array_equal(shown, made.values[2])


@pytest.mark.parametrize(
    ("made", "words"),
    [(volume(channels=3, dtype="float32"), "RGB of 8 or 16"), (volume().isel(y=0), "no planes")],
)
def test_what_cannot_be_drawn_is_refused(made: xr.DataArray, words: str, tmp_path: Path) -> None:
    with pytest.raises(CannotExport, match=words):
        write_png_stack(made, tmp_path / "png")
    assert list(tmp_path.iterdir()) == []


def sphere() -> tuple[np.ndarray, np.ndarray]:
    z, y, x = np.ogrid[-12:13, -12:13, -12:13]
    with warnings.catch_warnings():  # scikit-image sets shapes as numpy no longer likes
        warnings.simplefilter("ignore", DeprecationWarning)
        vertices, faces, _, _ = marching_cubes(100.0 - (x**2 + y**2 + z**2), 0.0)
    return vertices - 12.0, faces.astype(np.int64)


def test_an_stl_holds_the_triangles_and_their_outward_normals(tmp_path: Path) -> None:
    vertices, faces = sphere()
    write_stl(vertices, faces, tmp_path / "s.stl")
    content = (tmp_path / "s.stl").read_bytes()
    kind = np.dtype([("n", "<f4", 3), ("v", "<f4", (3, 3)), ("a", "<u2")])
    assert not content.startswith(b"solid")
    assert int.from_bytes(content[80:84], "little") == len(faces)
    facets = np.frombuffer(content[84:], kind)
    np.testing.assert_array_equal(facets["v"], vertices[faces].astype("<f4"))
    sides = facets["v"] - facets["v"][:, :1]
    crossed = np.cross(sides[:, 1], sides[:, 2])
    area = np.linalg.norm(crossed, axis=1)
    np.testing.assert_allclose(facets["n"] * area[:, None], crossed, atol=1e-4)
    assert area.sum() / 2 == pytest.approx(mesh_surface_area(vertices, faces), rel=1e-5)


def test_a_ply_holds_vertices_and_faces(tmp_path: Path) -> None:
    vertices, faces = sphere()
    write_ply(vertices, faces, tmp_path / "s.ply")
    head, _, body = (tmp_path / "s.ply").read_bytes().partition(b"end_header\n")
    assert f"element vertex {len(vertices)}\n".encode() in head
    assert f"element face {len(faces)}\n".encode() in head
    split = 12 * len(vertices)
    np.testing.assert_array_equal(np.frombuffer(body[:split], "<f4").reshape(-1, 3), vertices)
    triangles = np.frombuffer(body[split:], np.dtype([("n", "u1"), ("v", "<i4", 3)]))
    assert set(triangles["n"]) == {3}
    np.testing.assert_array_equal(triangles["v"], faces)


def test_a_triangle_without_area_has_no_normal(tmp_path: Path) -> None:
    write_stl(np.zeros((3, 3)), np.array([[0, 1, 2]]), tmp_path / "s.stl")
    assert not np.frombuffer((tmp_path / "s.stl").read_bytes()[84:96], "<f4").any()


@pytest.mark.parametrize(
    ("vertices", "faces", "words"),
    [
        (np.zeros((3, 2)), np.zeros((1, 3), int), r"\(3, 2\)"),
        (np.zeros((3, 3)), np.zeros((1, 4), int), r"\(1, 4\)"),
        (np.zeros((3, 3)), np.array([[0, 1, 3]]), "beyond the 3"),
        (np.zeros((3, 3)), np.array([[0, 1, -1]]), "beyond the 3"),
        (np.zeros((3, 3)), np.zeros((1, 3)), "float64"),
        (np.full((3, 3), np.nan), np.array([[0, 1, 2]]), "not finite"),
    ],
)
@pytest.mark.parametrize("write", [write_stl, write_ply])
def test_what_is_no_surface_is_refused(
    write: object, vertices: np.ndarray, faces: np.ndarray, words: str, tmp_path: Path
) -> None:
    with pytest.raises(CannotExport, match=words):
        write(vertices, faces, tmp_path / "s")  # type: ignore[operator]
    assert list(tmp_path.iterdir()) == []
