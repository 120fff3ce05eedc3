"""What routes take from a request: the archive, its gate, who asks."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Path, Request

from noctis_lab.access import Principal
from noctis_lab.lab import Lab
from noctis_lab.web.auth import Gate
from noctis_lab.web.live import LiveFeed

__all__ = ["UID", "AskedGate", "AskedLab", "Asking", "Feed"]


def _lab(request: Request) -> Lab:
    lab: Lab = request.app.state.lab
    return lab


def _gate(request: Request) -> Gate:
    gate: Gate = request.app.state.gate
    return gate


def _feed(request: Request) -> LiveFeed:
    feed: LiveFeed = request.app.state.feed
    return feed


def _principal(request: Request) -> Principal:
    principal: Principal = request.state.principal
    return principal


AskedLab = Annotated[Lab, Depends(_lab)]
AskedGate = Annotated[Gate, Depends(_gate)]
Feed = Annotated[LiveFeed, Depends(_feed)]
Asking = Annotated[Principal, Depends(_principal)]
UID = Annotated[str, Path(pattern=r"^[0-9.]{1,64}$", description="A DICOM UID.")]
