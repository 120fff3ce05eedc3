"""How a volume is seen from outside, as a client says it."""

from __future__ import annotations

import math
from typing import Any

import pytest

from noctis_lab.views.state import ViewerState
from noctis_lab.views.volume3d_state import VolumeState

SAID: dict[str, Any] = VolumeState(mode="surface", level=300).to_dict()


def test_the_view_comes_back_from_what_the_client_knows() -> None:
    state = VolumeState(
        mode="surface",
        preset="ct-bone",
        shift=-20,
        level=-150,
        right=(0, 1, 0),
        down=(0, 0, -1),
        zoom=2,
        pan_mm=(3, -4),
        clip_mm=((-10, 10), (0, 5), (600, 700.5)),
        surface="0123456789abcdef" * 2,
    )
    assert VolumeState.from_dict(state.to_dict()) == state
    assert VolumeState.from_dict(None) is None
    assert VolumeState.from_dict({}) == VolumeState()


@pytest.mark.parametrize(
    "said",
    [
        [],
        "mip",
        SAID | {"mode": "fog"},
        SAID | {"mode": None},
        SAID | {"preset": "<b>"},
        SAID | {"preset": 3},
        SAID | {"shift": math.inf},
        SAID | {"shift": True},
        SAID | {"level": "300"},
        SAID | {"level": math.nan},
        SAID | {"right": [1, 1, 0]},
        SAID | {"right": [1, 0]},
        SAID | {"down": [1, 0, 0]},
        SAID | {"zoom": 0},
        SAID | {"zoom": 1e6},
        SAID | {"pan_mm": [0, 10**400]},
        SAID | {"pan_mm": [0, 0, 0]},
        SAID | {"clip_mm": [[0, 1], [0, 1]]},
        SAID | {"clip_mm": [[0, 1], [0, 1], [1, 1]]},
        SAID | {"clip_mm": [[0, 1], [0, 1], None]},
        SAID | {"surface": "../../secret_key"},
        SAID | {"surface": "A" * 32},
    ],
)
def test_unsound_views_are_refused_and_nothing_is_taken_over(said: Any) -> None:
    state = ViewerState()
    with pytest.raises((ValueError, TypeError)):
        state.update_from({"layout": "3d", "volume": said})
    assert state.layout == "1x1"
    assert state.volume is None


def test_a_view_tells_its_volume_and_takes_one_from_python() -> None:
    state = ViewerState()
    state.update_from({"layout": "mpr3d", "volume": SAID})
    assert state.volume == VolumeState(mode="surface", level=300)
    assert state.to_dict()["volume"] == SAID
    heard = []
    state.param.watch(heard.append, "volume")
    state.volume = VolumeState(mode="mip")
    assert len(heard) == 1
    assert ViewerState().to_dict()["volume"] is None
