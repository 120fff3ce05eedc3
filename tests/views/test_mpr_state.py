"""Where planes lie, as a client says it."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from noctis_lab.views.mpr_state import MprState, PlaneFrame
from noctis_lab.views.state import ViewerState

SAID: dict[str, Any] = MprState(crosshair_mm=(1.5, -2, 30)).to_dict()


def changed(plane: str, **parts: Any) -> dict[str, Any]:
    planes = SAID["planes"] | {plane: SAID["planes"][plane] | parts}
    return SAID | {"planes": planes}


def test_planes_come_back_from_what_the_client_knows() -> None:
    tilted = PlaneFrame(
        right=(1, 0, 0),
        down=(0, math.cos(0.2), math.sin(0.2)),
        slab_mm=12.5,
        projection="mean",
    )
    state = MprState(crosshair_mm=(0, 0, 1), axial=tilted, extra_index=3)
    assert MprState.from_dict(state.to_dict()) == state
    older = {name: part for name, part in state.to_dict().items() if name != "extra_index"}
    assert MprState.from_dict(older) == replace(state, extra_index=0)
    assert MprState.from_dict(None) is None


@pytest.mark.parametrize(
    "said",
    [
        [],
        {"crosshair_mm": [0, 0, 0]},
        SAID | {"crosshair_mm": [0, 0]},
        SAID | {"crosshair_mm": [0, 0, math.nan]},
        SAID | {"crosshair_mm": [0, 0, 1e9]},
        SAID | {"crosshair_mm": "abc"},
        SAID | {"extra_index": -1},
        SAID | {"extra_index": 0.5},
        SAID | {"extra_index": True},
        SAID | {"extra_index": None},
        SAID | {"extra_index": math.nan},
        SAID | {"extra_index": 10**9},
        SAID | {"planes": {"axial": SAID["planes"]["axial"]}},
        changed("axial", right=[1, 1, 0]),
        changed("axial", down=[1, 0, 0]),
        changed("coronal", slab_mm=-1),
        changed("coronal", slab_mm=True),
        changed("coronal", slab_mm=5000),
        changed("sagittal", projection="median"),
        changed("sagittal", right=None),
    ],
)
def test_unsound_planes_are_refused_and_nothing_is_taken_over(said: Any) -> None:
    state = ViewerState()
    with pytest.raises((ValueError, TypeError)):
        state.update_from({"layout": "mpr", "mpr": said})
    assert state.layout == "1x1"
    assert state.mpr is None


def test_a_view_tells_its_planes() -> None:
    state = ViewerState()
    state.update_from({"layout": "mpr", "mpr": SAID})
    assert state.mpr == MprState(crosshair_mm=(1.5, -2, 30))
    assert ViewerState().to_dict()["mpr"] is None
    assert state.to_dict()["mpr"] == SAID
