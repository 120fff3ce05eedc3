"""How the archive is: what it holds, and where modalities send to."""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING

from noctis_lab.access import Principal
from noctis_lab.config import Settings, is_usual_root
from noctis_lab.lab.addresses import reached_at
from noctis_lab.lab.receiver import is_listening
from noctis_lab.views.listing import StudyQuery, find_page

if TYPE_CHECKING:
    from noctis_lab.lab import Lab

__all__ = [
    "ArchiveStatus",
    "ReceiverStatus",
    "describe_status",
    "find_named_root",
    "is_listening",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverStatus:
    """Where modalities send to, and whether somebody listens there.

    `host` is what the receiver is bound to; `reached_at` are the addresses to give a modality.
    """

    aet: str
    host: str
    port: int
    reached_at: tuple[str, ...]
    listening: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveStatus:
    """What the archive holds and how it is.

    `studies` counts what the principal may see; the others are None for those who do not see all.
    `root` is the folder that commands and code must name to mean this archive; None where they
    need not.
    """

    receiver: ReceiverStatus
    studies: int
    series: int | None
    instances: int | None
    stored_bytes: int | None
    free_bytes: int
    version: str
    root: str | None


def describe_status(lab: Lab, principal: Principal, *, listening: bool) -> ArchiveStatus:
    """Return how the archive is, as far as a principal may know.

    Parameters
    ----------
    listening
        What `is_listening` says, or said not long ago.
    """
    settings = lab.settings
    counts = lab.catalog.counts() if principal.facilities is None else None
    disk = os.statvfs(settings.root)
    return ArchiveStatus(
        receiver=ReceiverStatus(
            aet=settings.dicom_aet,
            host=settings.dicom_host,
            port=settings.dicom_port,
            reached_at=reached_at(settings.dicom_host),
            listening=listening,
        ),
        studies=find_page(lab, principal, StudyQuery(limit=1)).total
        if counts is None
        else counts.studies,
        series=None if counts is None else counts.series,
        instances=None if counts is None else counts.instances,
        stored_bytes=None if counts is None else counts.stored_bytes,
        free_bytes=disk.f_bavail * disk.f_frsize,
        version=version("noctis-lab"),
        root=find_named_root(settings, principal),
    )


def find_named_root(settings: Settings, principal: Principal) -> str | None:
    """Return the folder that code must name to mean this archive.

    None where it need not, and for those who do not see all: paths of the machine are not theirs.
    """
    if principal.facilities is not None or is_usual_root(settings):
        return None
    return str(settings.root)
