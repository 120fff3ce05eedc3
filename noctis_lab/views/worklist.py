"""The worklist as a Panel component: a thin holder of the client, which asks for what it shows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import param
from panel.custom import JSComponent

from noctis_lab.views.channel import Channel

if TYPE_CHECKING:
    from noctis_lab.access import Principal
    from noctis_lab.lab import Lab

__all__ = ["Worklist"]


class Worklist(JSComponent):
    """The table of studies, its search and its arrivals.

    Served, the client asks the API, behind the server's guard, and no row passes through Panel;
    elsewhere `answer_from` lets the component's own messages answer.
    """

    is_admin = param.Boolean(
        default=False, constant=True, doc="Whether senders may be approved here."
    )
    can_upload = param.Boolean(
        default=False, constant=True, doc="Whether files may be uploaded here; only where served."
    )
    is_served = param.Boolean(default=False, constant=True, doc="Whether there is an API to ask.")
    viewer_address = param.String(
        default="/viewer/{study}?series={series}",
        constant=True,
        doc="Address of the viewer; {study} and {series} stand for UIDs.",
    )

    _bundle = Path(__file__).parent / "static" / "worklist.js"

    def __init__(self, **params: Any) -> None:
        self._channel: Channel | None = None
        super().__init__(**params)  # type: ignore[no-untyped-call]

    def answer_from(self, lab: Lab, principal: Principal) -> Self:
        """Let the component's own messages answer, with what a principal may see."""
        from noctis_lab.views.listing_channel import ListingChannel

        self._channel = ListingChannel(lab, principal, self._send_msg)
        return self

    def _handle_msg(self, data: Any) -> None:
        if self._channel is not None:
            self._channel.hear(data)
