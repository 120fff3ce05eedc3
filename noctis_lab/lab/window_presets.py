"""Windows that somebody keeps under a name, for a modality."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from noctis_lab.catalog.user_items import UserItem, list_items
from noctis_lab.dicom.voi import VoiFunction, Window

if TYPE_CHECKING:
    from noctis_lab.lab import Lab

__all__ = ["WINDOW_PRESET", "WindowPreset", "list_window_presets"]

WINDOW_PRESET: Final = "window-preset"  #: the kind of its user items


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowPreset:
    """A saved window.

    Attributes
    ----------
    name
        As whoever saved it named it.
    principal
        Who saved it.
    Modality
        Of the images that it is for.
    window
        In modality values.
    """

    item_id: str
    name: str
    principal: str
    Modality: str
    window: Window

    @classmethod
    def of(cls, item: UserItem) -> WindowPreset:
        """Return the preset that an item holds."""
        said = item.document
        return cls(
            item_id=item.item_id,
            name=said["name"],
            principal=item.principal,
            Modality=said["Modality"],
            window=Window(
                center=said["center"], width=said["width"], function=VoiFunction(said["function"])
            ),
        )


def list_window_presets(lab: Lab) -> list[WindowPreset]:
    """Return everybody's presets, newest first."""
    return [WindowPreset.of(item) for item in list_items(lab.catalog, WINDOW_PRESET)]
