"""Window presets over a view's own channel: this process' user's, in the archive."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import noctis_lab as nl
from noctis_lab.lab import Lab
from noctis_lab.views.channel import Channel

STENT = {"name": "Stent", "Modality": "CT", "center": 300.0, "width": 1400.0, "function": "LINEAR"}


def ask(lab: Lab | None, handle: Any, **question: Any) -> dict[str, Any]:
    said: list[dict[str, Any]] = []
    channel = Channel(handle, None, said.append, lab=lab)
    asyncio.run(channel.answer({"kind": "ask", "id": "q", "SeriesInstanceUID": "", **question}))
    return said[0]


def test_a_cells_presets_are_kept_in_its_archive(tmp_path: Path) -> None:
    with nl.open_lab(tmp_path / "archive", create=True) as lab:
        saved = ask(lab, lab.handle, what="save-window-preset", preset=STENT)["body"]
        assert {key: saved[key] for key in STENT} == STENT
        assert ask(lab, lab.handle, what="window-presets")["body"] == [saved]
        (kept,) = lab.window_presets()
        assert (kept.name, kept.window.width, kept.item_id) == ("Stent", 1400, saved["item_id"])
        removed = ask(lab, lab.handle, what="delete-window-preset", item_id=saved["item_id"])
        assert removed["body"] is None
        assert "error" not in removed
        assert lab.window_presets() == []
        again = ask(lab, lab.handle, what="delete-window-preset", item_id=saved["item_id"])
        assert "no window preset" in again["error"]


def test_what_is_unsound_is_refused_in_words(tmp_path: Path) -> None:
    with nl.open_lab(tmp_path / "archive", create=True) as lab:
        for preset in (None, [], STENT | {"width": -1}, STENT | {"name": "a\nb"}):
            answer = ask(lab, lab.handle, what="save-window-preset", preset=preset)
            assert answer["error"]
        nobody = ask(None, lab.handle, what="window-presets")
        assert nobody["error"]
        assert lab.window_presets() == []
