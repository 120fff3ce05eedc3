"""Write the vectors: ``python -m tests.vectors.measure``."""

from __future__ import annotations

from tests.vectors.measure.vectors import FOLDER, render

for name, text in render().items():
    (FOLDER / name).write_text(text, encoding="utf-8")
