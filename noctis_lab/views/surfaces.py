"""Questions of a view's own channel about surfaces: as the API's routes answer them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from noctis_lab.errors import CannotResample
from noctis_lab.lab.measuring.keeping import own_principal
from noctis_lab.lab.surfaces import (
    ask_surface,
    find_asked,
    list_asked,
    list_segments,
    make_here,
    take_off,
)
from noctis_lab.volumes.kept_surfaces import iter_surface_stl, surface_mesh_path
from noctis_lab.volumes.surface_spec import SurfaceSpec

if TYPE_CHECKING:
    from noctis_lab.catalog.records import SeriesRow
    from noctis_lab.lab import Lab

__all__ = ["SURFACE_QUESTIONS", "answer_surfaces"]

SURFACE_QUESTIONS: Final = frozenset(
    {
        "surfaces",
        "surface-segments",
        "make-surface",
        "surface",
        "remove-surface",
        "surface-mesh",
        "surface-stl",
    }
)


def answer_surfaces(lab: Lab, series: SeriesRow, question: Mapping[str, Any]) -> Any:
    """Answer a question about a series' surfaces; it is asked by this process' user.

    Parameters
    ----------
    question
        `what`: one of `SURFACE_QUESTIONS`; with `surface`, as the API takes it, or `key`.

    Returns
    -------
    list of dict, dict, bytes or None
        As the API's routes give them. A surface that is asked for is made in a thread of this
        process, unless a worker is there first.

    Raises
    ------
    CannotResample, SurfaceNotFound, AccessDenied
        As `lab.surfaces` and `kept_surfaces`.
    """
    what, key = question["what"], str(question.get("key"))
    answers: dict[str, Callable[[], Any]] = {
        "surfaces": lambda: [surface.to_json() for surface in list_asked(lab, series)],
        "surface-segments": lambda: [asdict(choice) for choice in list_segments(lab, series)],
        "make-surface": lambda: _make(lab, series, question.get("surface")),
        "surface": lambda: find_asked(lab, series, key).to_json(),
        "remove-surface": lambda: take_off(lab, series, key, principal=own_principal()),
        "surface-mesh": lambda: surface_mesh_path(lab.storage, series, key).read_bytes(),
        "surface-stl": lambda: b"".join(iter_surface_stl(lab.storage, series, key)),
    }
    return answers[what]()


def _make(lab: Lab, series: SeriesRow, said: Any) -> dict[str, Any]:
    if not isinstance(said, Mapping):
        raise CannotResample("make-surface comes with a surface: its kind, and level or segment")
    spec = SurfaceSpec(
        kind=said.get("kind"),  # type: ignore[arg-type]  # whatever it is, it is looked at there
        level=said.get("level"),
        SegmentationUID=said.get("SOPInstanceUID"),
        segment=said.get("segment"),
        extra_index=said.get("extra_index"),
    )
    asked = ask_surface(lab, series, spec, principal=own_principal())
    if asked.state in ("waiting", "running"):
        arguments = (lab, series, asked.key)
        threading.Thread(target=make_here, args=arguments, name="surface", daemon=True).start()
    return asked.to_json()
