"""Surfaces over a view's own channel: a notebook needs no worker."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from noctis_lab.config import open_settings
from noctis_lab.lab import Lab
from noctis_lab.synthetic import ct_series
from noctis_lab.views.channel import Channel
from noctis_lab.volumes.cache import open_handle
from tests.volumes.archive import admit

PLANES, SIDE, RADIUS_MM = 21, 32, 7.0


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    k, r, c = np.ogrid[:PLANES, :SIDE, :SIDE]
    away = np.sqrt((k - 10.0) ** 2 + (r - 15.5) ** 2 + (c - 15.5) ** 2)
    stored = np.rint(100 * (RADIUS_MM - away)).astype(np.int16)
    series = ct_series(
        planes=PLANES, rows=SIDE, columns=SIDE, stored=stored, pixel_spacing_mm=(1.0, 1.0),
        slice_spacing_mm=1.0, rescale_slope=1, rescale_intercept=0,
    )  # fmt: skip
    settings = open_settings({"root": tmp_path / "archive", "min_free_bytes": 0})
    with open_handle(settings) as handle:
        admit(handle, series, tmp_path / "one")
    with Lab(settings) as opened:
        yield opened


def ask(lab: Lab, what: str, **question: Any) -> Any:
    """Ask one question of the channel; return its answer's body, or the words of a refusal."""
    row = lab.series().one().row
    said: list[dict[str, Any]] = []
    channel = Channel(lab.handle, row, said.append, lab=lab)
    asked = {"kind": "ask", "id": "q", "SeriesInstanceUID": row.SeriesInstanceUID, "what": what}
    asyncio.run(channel.answer(asked | question))
    (answer,) = said
    return answer.get("error") or answer["body"]


def made(lab: Lab, key: str) -> dict[str, Any]:
    deadline = time.monotonic() + 60
    while (found := ask(lab, "surface", key=key))["state"] not in ("done", "failed"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    state: dict[str, Any] = found
    return state


def test_a_surface_is_made_in_this_process_and_kept(lab: Lab) -> None:
    asked = ask(lab, "make-surface", surface={"kind": "threshold", "level": 0})
    found = made(lab, asked["key"])
    assert found["state"] == "done"
    # Triangles lie within a ball of seven voxels by 1.2 %; finer ones are measured elsewhere.
    assert found["volume_mm3"] == pytest.approx(4 / 3 * np.pi * RADIUS_MM**3, rel=0.015)
    assert ask(lab, "make-surface", surface={"kind": "threshold", "level": 0}) == found
    assert ask(lab, "surfaces") == [found]
    assert ask(lab, "surface-segments") == []
    stl = ask(lab, "surface-stl", key=asked["key"])
    assert len(stl) == 84 + 50 * found["faces"]
    assert ask(lab, "surface-mesh", key=asked["key"]).startswith(b"ply\n")
    ask(lab, "remove-surface", key=asked["key"])
    assert ask(lab, "surfaces") == []


@pytest.mark.parametrize(
    ("what", "question"),
    [
        ("make-surface", {}),
        ("make-surface", {"surface": {"kind": "threshold", "level": float("nan")}}),
        ("make-surface", {"surface": {"kind": "threshold", "level": True}}),
        ("make-surface", {"surface": {"kind": ["threshold"], "level": 0}}),
        ("make-surface", {"surface": {"kind": "segment", "SOPInstanceUID": 3, "segment": 1}}),
        ("surface", {"key": "../../secret_key"}),
        ("surface-stl", {"key": "0" * 32}),
        ("surface-mesh", {}),
        ("remove-surface", {"key": None}),
    ],
)
def test_what_there_is_not_is_answered_in_words(
    lab: Lab, what: str, question: dict[str, Any]
) -> None:
    words = ask(lab, what, **question)
    assert isinstance(words, str)
    assert "log says why" not in words
