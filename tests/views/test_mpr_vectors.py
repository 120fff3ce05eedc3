"""The planes that the browser's resampler is held to."""

from __future__ import annotations

import json

from tests.views.mpr_vectors import PATH, vectors


def test_the_committed_planes_are_what_scipy_gives() -> None:
    committed = json.loads(PATH.read_text())
    for found, kept in zip(vectors()["cases"], committed["cases"], strict=True):
        assert found["name"] == kept["name"]
        assert found["stored"] == kept["stored"]
        for plane, known in zip(
            found["planes"] + found["slabs"], kept["planes"] + kept["slabs"], strict=True
        ):
            assert [value is None for value in plane["expected"]] == [
                value is None for value in known["expected"]
            ]
            pairs = zip(plane["expected"], known["expected"], strict=True)
            assert all(a is None or abs(a - b) < 1e-4 for a, b in pairs)
