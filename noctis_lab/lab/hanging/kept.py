"""Protocols and where each is kept: somebody's own, the lab's folder, the program; in order."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from noctis_lab.catalog.user_items import UserItem, list_items
from noctis_lab.errors import HangingProtocolRefused, StudyNotFound
from noctis_lab.lab.hanging.hang import hang
from noctis_lab.lab.hanging.protocol import Protocol
from noctis_lab.lab.hanging.reading import read_protocol
from noctis_lab.lab.hanging.study import HungStudy
from noctis_lab.lab.opening import open_viewer

if TYPE_CHECKING:
    from noctis_lab.lab import Lab

__all__ = [
    "HANGING_PROTOCOL",
    "HangingProtocol",
    "find_study",
    "iter_protocols",
    "list_hanging_protocols",
]

logger = logging.getLogger(__name__)

HANGING_PROTOCOL: Final = "hanging-protocol"  #: the kind of its user items


@dataclass(frozen=True, slots=True, kw_only=True)
class HangingProtocol:
    """A hanging protocol of this archive.

    Attributes
    ----------
    id
        ``own:`` and 32 hexadecimal digits, ``lab:`` or ``built-in:`` and a file's name.
    name
        What people call it.
    source
        ``own``, ``lab`` or ``built-in``.
    principal
        Whose it is; empty where it is everybody's.
    protocol
        What it says.
    saved_at
        When, UTC; None where it lies in a file.
    """

    id: str
    source: str
    principal: str
    protocol: Protocol
    saved_at: datetime | None
    _lab: Lab = field(repr=False, compare=False)

    @classmethod
    def of(cls, lab: Lab, item: UserItem) -> HangingProtocol:
        """Return the protocol that somebody's item holds.

        Raises
        ------
        HangingProtocolRefused
            Another version of the program kept it, in words that this one does not know.
        """
        return cls(
            id=f"own:{item.item_id}",
            source="own",
            principal=item.principal,
            protocol=read_protocol(item.document.get("protocol", {})),
            saved_at=item.updated_at,
            _lab=lab,
        )

    @property
    def name(self) -> str:
        """What people call it."""
        return self.protocol.name

    @property
    def yaml(self) -> str:
        """It as the text of a file, which `noctis hanging check` and the lab's folder take."""
        return self.protocol.to_yaml()

    def state(self, StudyInstanceUID: str) -> dict[str, Any] | None:
        """Return the view's state in which it hangs a study, None where it does not apply.

        Raises
        ------
        StudyNotFound
            There is no such study in this archive.
        """
        return hang(self.protocol, find_study(self._lab, StudyInstanceUID))

    def view(self, StudyInstanceUID: str) -> Any:
        """Open a study as it hangs it, in a cell: a `noctis_lab.views.viewer.SeriesView`.

        Raises
        ------
        StudyNotFound
            There is no such study in this archive.
        HangingProtocolRefused
            It does not apply to the study.
        """
        state = self.state(StudyInstanceUID)
        if state is None:
            raise HangingProtocolRefused(
                f"expected a study to which {self.name!r} applies; {StudyInstanceUID} is none"
            )
        panes = state["panes"] or [state]
        uids = dict.fromkeys(pane["SeriesInstanceUID"] for pane in (state, *panes))
        found = [self._lab.catalog.find_series_of(StudyInstanceUID, uid) for uid in uids if uid]
        rows = [row for row in found if row is not None]
        return open_viewer(self._lab, rows[0], state=state, others=rows)


def find_study(lab: Lab, StudyInstanceUID: str) -> HungStudy:
    """Return a study as rules see it.

    Raises
    ------
    StudyNotFound
        There is no such study in this archive.
    """
    row = lab.catalog.find_study(StudyInstanceUID)
    if row is None:
        raise StudyNotFound(
            f"study {StudyInstanceUID} is not in this archive", StudyInstanceUID=StudyInstanceUID
        )
    return HungStudy(lab, row, lab.catalog.series_of(StudyInstanceUID))


def iter_protocols(lab: Lab, principal: str | None) -> Iterator[HangingProtocol]:
    """Give the protocols in the order in which they are tried.

    Parameters
    ----------
    principal
        Whose own come first, the newest before; None: everybody's.
    """
    for item in list_items(lab.catalog, HANGING_PROTOCOL, principal):
        try:
            yield HangingProtocol.of(lab, item)
        except HangingProtocolRefused:
            logger.warning("a kept hanging protocol is none", extra={"item_id": item.item_id})
    shelf = lab.hanging_shelf
    for source, protocols in (("lab", shelf.of_lab), ("built-in", shelf.built_in)):
        for name, protocol in protocols.items():
            yield HangingProtocol(
                id=f"{source}:{name}",
                source=source,
                principal="",
                protocol=protocol,
                saved_at=None,
                _lab=lab,
            )


def list_hanging_protocols(lab: Lab) -> list[HangingProtocol]:
    """Return everybody's own, newest first, then the lab's, then those of the program."""
    return list(iter_protocols(lab, None))
