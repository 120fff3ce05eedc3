"""Window presets of a principal: saved, listed, deleted; in pages and over a view's own channel."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from noctis_lab.access import Action, Principal, require
from noctis_lab.catalog.user_items import UserItem, find_item, list_items
from noctis_lab.dicom.voi import VoiFunction
from noctis_lab.errors import UserItemNotFound, UserItemRefused
from noctis_lab.lab.measuring.keeping import own_principal
from noctis_lab.lab.window_presets import WINDOW_PRESET, WindowPreset

if TYPE_CHECKING:
    from noctis_lab.lab import Lab

__all__ = [
    "LONGEST_PRESET_NAME",
    "PRESETS",
    "answer_presets",
    "delete_preset",
    "list_presets",
    "preset_json",
    "save_preset",
]

LONGEST_PRESET_NAME: Final = 40  #: characters
_LONGEST_MODALITY: Final = 16  # PS3.5 6.2 CS
_LARGEST: Final = 1e12
#: Questions of a view's own channel.
PRESETS: Final = frozenset({"window-presets", "save-window-preset", "delete-window-preset"})


def list_presets(lab: Lab, principal: Principal) -> list[WindowPreset]:
    """Return a principal's own presets, in the order in which they were first saved."""
    items = list_items(lab.catalog, WINDOW_PRESET, principal.name)
    items.sort(key=lambda item: (item.created_at, item.item_id))
    return [WindowPreset.of(item) for item in items]


def save_preset(
    lab: Lab,
    principal: Principal,
    said: Mapping[str, Any],
    *,
    at: datetime | None = None,
) -> WindowPreset:
    """Keep a window under a name; one of that name and modality is replaced.

    Parameters
    ----------
    said
        ``name`` (1 to 40 printable characters), ``Modality``, ``center`` and ``width`` in modality
        values, ``function`` (LINEAR, LINEAR_EXACT or SIGMOID).

    Raises
    ------
    UserItemRefused
        A part is unsound, or the principal has too many.
    AccessDenied
        The principal may not keep anything.
    """
    require(principal, Action.ANNOTATE)
    name = _words(said.get("name"), "name", LONGEST_PRESET_NAME)
    modality = _words(said.get("Modality"), "modality", _LONGEST_MODALITY)
    at = at or lab.catalog.clock()
    item = UserItem(
        item_id=uuid4().hex,
        kind=WINDOW_PRESET,
        principal=principal.name,
        # One of a name and modality: a modality holds no line's end, and neither does a name.
        name=f"{modality}\n{name}",
        document={"name": name, "Modality": modality, **_window(said)},
        created_at=at,
        updated_at=at,
    )
    return WindowPreset.of(lab.ledger.save_user_item(item))


def delete_preset(lab: Lab, principal: Principal, item_id: str) -> None:
    """Forget one of a principal's own presets.

    Raises
    ------
    UserItemNotFound
        They have none of that id.
    """
    if find_item(lab.catalog, WINDOW_PRESET, principal.name, item_id) is None:
        raise UserItemNotFound("you have no window preset of that id", item_id=item_id)
    lab.ledger.remove_user_item(item_id)


def preset_json(preset: WindowPreset) -> dict[str, Any]:
    """Return a preset as the API and the channel give it."""
    return {
        "item_id": preset.item_id,
        "name": preset.name,
        "Modality": preset.Modality,
        "center": preset.window.center,
        "width": preset.window.width,
        "function": str(preset.window.function),
    }


def answer_presets(lab: Lab, question: Mapping[str, Any]) -> Any:
    """Answer a view's question about presets; it is asked by this process' user.

    Parameters
    ----------
    question
        `what`: ``window-presets`` (all), ``save-window-preset`` (with `preset`) or
        ``delete-window-preset`` (with `item_id`).

    Raises
    ------
    UserItemRefused, UserItemNotFound
        As `save_preset` and `delete_preset`.
    """
    what, principal = question["what"], own_principal()
    if what == "window-presets":
        return [preset_json(each) for each in list_presets(lab, principal)]
    if what == "delete-window-preset":
        return delete_preset(lab, principal, str(question.get("item_id")))
    said = question.get("preset")
    if not isinstance(said, Mapping):
        raise UserItemRefused("save-window-preset comes with a preset")
    return preset_json(save_preset(lab, principal, said))


def _words(value: Any, what: str, most: int) -> str:
    words = value.strip() if isinstance(value, str) else ""
    if not 1 <= len(words) <= most or not words.isprintable():
        raise UserItemRefused(f"expected a {what} of 1 to {most} printable characters")
    return words


def _window(said: Mapping[str, Any]) -> dict[str, Any]:
    numbers = {}
    for key in ("center", "width"):
        value: Any = said.get(key)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not abs(value) <= _LARGEST or not math.isfinite(value):
            raise UserItemRefused(f"expected a number for {key}")
        numbers[key] = float(value)
    function = said.get("function", "LINEAR")
    if function not in list(VoiFunction):
        raise UserItemRefused(f"expected a function of {', '.join(VoiFunction)}")
    # PS3.3 C.11.2.1.2.1 and C.11.2.1.3.2
    if numbers["width"] <= 0 or (function == VoiFunction.LINEAR and numbers["width"] < 1):
        raise UserItemRefused("expected a width above 0, and of 1 at least where it is LINEAR")
    return {**numbers, "function": str(function)}
