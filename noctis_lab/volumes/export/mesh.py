"""Surfaces as files: STL and PLY, both binary, in patient LPS millimetres."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from noctis_lab.errors import CannotExport
from noctis_lab.volumes.export.appearing import new_file

__all__ = ["iter_stl", "write_ply", "write_stl"]

_FACET = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
_TRIANGLE = np.dtype([("count", "u1"), ("corners", "<i4", 3)])
_FACES_PER_PIECE = 1 << 16
_MOST_FACES = (1 << 32) - 1


def write_stl(vertices: NDArray[Any], faces: NDArray[Any], path: Path) -> None:
    """Write triangles as binary STL.

    Parameters
    ----------
    vertices
        Numbers, shape (n, 3): (x, y, z) in mm, patient LPS; written as float32.
    faces
        Integers, shape (m, 3): indices of vertices, anticlockwise as seen from outside.
    path
        In an existing folder; an existing file is replaced.

    Raises
    ------
    CannotExport
        The arrays are of another shape, name vertices that are not there, or are not finite.
    NoSpace, StorageError
        It cannot be written.
    """
    pieces = iter_stl(vertices, faces)
    with new_file(path) as temporary, temporary.open("xb") as out:
        for piece in pieces:
            out.write(piece)


def iter_stl(vertices: NDArray[Any], faces: NDArray[Any]) -> Iterator[bytes]:
    """Return the pieces of a binary STL; as `write_stl`, and raises at once as it does."""
    return _stl_pieces(*_checked(vertices, faces))


def _stl_pieces(vertices: NDArray[np.float64], faces: NDArray[np.int64]) -> Iterator[bytes]:
    # Not "solid", by which text files are known.
    yield b"noctis_lab: patient LPS, mm".ljust(80, b"\0")
    yield len(faces).to_bytes(4, "little")
    for piece in _pieces(faces):
        corners = vertices[piece]
        facets = np.zeros(len(piece), _FACET)
        facets["corners"] = corners
        facets["normal"] = _normals(corners)
        yield facets.tobytes()


def write_ply(vertices: NDArray[Any], faces: NDArray[Any], path: Path) -> None:
    """Write triangles as binary little-endian PLY; as `write_stl`."""
    vertices, faces = _checked(vertices, faces)
    with new_file(path) as temporary, temporary.open("xb") as out:
        out.write(_ply_header(len(vertices), len(faces)))
        out.write(np.ascontiguousarray(vertices, "<f4").data)
        _write_triangles(out, faces)


def _ply_header(vertex_count: int, face_count: int) -> bytes:
    lines = (
        "ply",
        "format binary_little_endian 1.0",
        "comment noctis_lab: patient LPS, mm",
        f"element vertex {vertex_count}",
        *(f"property float {axis}" for axis in "xyz"),
        f"element face {face_count}",
        "property list uchar int vertex_indices",
        "end_header",
    )
    return "".join(f"{line}\n" for line in lines).encode("ascii")


def _write_triangles(out: BinaryIO, faces: NDArray[np.int64]) -> None:
    for piece in _pieces(faces):
        triangles = np.empty(len(piece), _TRIANGLE)
        triangles["count"] = 3
        triangles["corners"] = piece
        out.write(triangles.data)


def _pieces(faces: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    for first in range(0, len(faces), _FACES_PER_PIECE):
        yield faces[first : first + _FACES_PER_PIECE]


def _normals(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    lengths = np.linalg.norm(normals, axis=1, keepdims=True)
    # A triangle of no area has no normal: zero says so.
    return np.divide(normals, lengths, out=np.zeros_like(normals), where=lengths > 0)


def _checked(
    vertices: NDArray[Any], faces: NDArray[Any]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    vertices, faces = np.asarray(vertices), np.asarray(faces)
    if vertices.ndim != 2 or vertices.shape[1] != 3 or faces.ndim != 2 or faces.shape[1] != 3:
        raise CannotExport(
            f"a surface is vertices (n, 3) and faces (m, 3), not {vertices.shape} and {faces.shape}"
        )
    if vertices.dtype.kind not in "iuf" or faces.dtype.kind not in "iu":
        raise CannotExport(
            f"vertices are numbers and faces integers, not {vertices.dtype} and {faces.dtype}"
        )
    if not np.isfinite(vertices).all():
        raise CannotExport("a vertex of the surface is not finite")
    if faces.size and not (faces.min() >= 0 and faces.max() < len(vertices)):
        raise CannotExport(f"a face names a vertex beyond the {len(vertices)} that there are")
    if len(faces) > _MOST_FACES or len(vertices) > np.iinfo(np.int32).max:
        raise CannotExport("more vertices or faces than the format counts; crop the volume first")
    return vertices.astype(np.float64), faces.astype(np.int64)
